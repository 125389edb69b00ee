/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a frame of the stream to a frame with a picture: finds the image (in the
 * frame, or in a video by number and timestamp), poses the bodies, has them
 * drawn, and puts the picture in the image's place. All else in the frame stays.
 *
 * Buffers are made in hmr_picture_head(), again only where sizes grow.
 */
#ifndef HMR_PICTURE_H
#define HMR_PICTURE_H

#include <stdbool.h>

#include "media/source.h"
#include "render/view.h"
#include "stream/tables.h"

struct hmr_picture_options {
	const char *video;	/* images from there; NULL: from the stream */
	struct hmr_source_options source;	/* how to open it */
	const char *body;	/* name or path; NULL: as HEAD names it */
	enum hmr_view_from from;
	bool mesh, skeleton, boxes, ids;	/* none: mesh, boxes and ids */
	bool plain;		/* not on the image */
	bool all;		/* people without identity where others have one */
	float opacity;
	uint32_t max_people;	/* meshes in a frame, below HMR_PEOPLE_CAP */
};

struct hmr_picture_count {
	uint32_t meshes;	/* drawn */
	uint32_t over;		/* bodies without a mesh for max_people */
};

struct hmr_picture;

/* o is copied; its strings must outlive the picture. */
HMR_MUST_USE enum hmr_status
hmr_picture_new(struct hmr_picture **out, const struct hmr_picture_options *o,
		struct hmr_err *e);
void hmr_picture_free(struct hmr_picture *p);

/* A segment begins: opens body and video, makes buffers, and changes h to what
 * drawn frames need (payload, and with HMR_VIEW_GRID the size). h must live until
 * the next call.
 * HMR_E_MODEL: the body is not the one HEAD names. HMR_E_FORMAT: meshes or
 * skeletons were asked for and the stream has no bodies. */
HMR_MUST_USE enum hmr_status
hmr_picture_head(struct hmr_picture *p, struct hmr_head *h, struct hmr_err *e);
size_t hmr_picture_bytes(const struct hmr_picture *p);	/* after head */

/* Draws f and changes its sections; they borrow from the picture until the next
 * call. HMR_E_FORMAT: no people, no image, or image and frame do not fit. */
HMR_MUST_USE enum hmr_status
hmr_picture_draw(struct hmr_picture *p, struct hmr_frame *f,
		 struct hmr_picture_count *n, struct hmr_err *e);

#endif

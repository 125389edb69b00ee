/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame's picture: the image or a plain ground, and on it the people's meshes,
 * skeletons, boxes and identities, seen from the front, from the side, from
 * above, or all three in one picture.
 *
 * From the side and from above each person is turned about their own middle and
 * stays where they are in the picture, so that nobody hides behind a wrong depth.
 * From the side, who faces the camera looks to the right; from above, down.
 *
 * Planned once for a size, a number of people and a surface; drawing allocates
 * nothing.
 */
#ifndef HMR_VIEW_H
#define HMR_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "render/canvas.h"

#define HMR_VIEW_POINTS 44		/* joints of a person */

enum hmr_view_from {
	HMR_VIEW_FRONT = 0, HMR_VIEW_SIDE, HMR_VIEW_TOP,
	HMR_VIEW_GRID,		/* front, and at its right side over top, half as large */
};

struct hmr_view_surface {	/* faces borrowed for the view's life */
	uint32_t vertices, faces;
	const uint32_t *face;	/* [faces][3], counter-clockwise from outside */
};

struct hmr_view_plan {
	uint32_t width, height;	/* largest frame */
	enum hmr_view_from from;
	uint32_t meshes;	/* people with a mesh in a frame, at most */
	struct hmr_view_surface surface[2];	/* [0] full, [1] light; vertices 0:
						   no meshes are drawn */
	const uint8_t (*edge)[2];	/* of the skeleton: pairs of points */
	int edges;
	bool mesh, skeleton, boxes, ids;	/* what is drawn */
	float opacity;		/* of meshes, 0..1 */
};

struct hmr_view_person {
	float box[4];		/* x0 y0 x1 y1, px */
	float score;
	uint32_t id;		/* identity, 0: none */
	bool filled;		/* not seen but interpolated: drawn fainter, dashed */
	/* Where there is a body; else vertices and joints3d are NULL. Camera axes,
	 * metres, before camera is added. */
	const float (*vertices)[3];	/* NULL: no mesh */
	int surface;			/* whose vertices */
	const float (*joints3d)[3];	/* [HMR_VIEW_POINTS] */
	const float (*joints2d)[2];	/* px */
	const float *joint_conf;	/* 0..1, or NULL */
	float camera[3], focal;
};

struct hmr_view;

HMR_MUST_USE enum hmr_status
hmr_view_new(struct hmr_view **out, const struct hmr_view_plan *p,
	     struct hmr_err *e);
void hmr_view_free(struct hmr_view *v);
size_t hmr_view_bytes(const struct hmr_view_plan *p);
/* The picture's size for a frame of width x height. */
void hmr_view_size(enum hmr_view_from from, uint32_t width, uint32_t height,
		   uint32_t *width_out, uint32_t *height_out);

/* Draws a frame of width x height onto a canvas of hmr_view_size(). Its top left
 * width x height already hold the image, or image is false and it is painted in
 * the plain ground, as it is from the side and from above. focal and centre are the frame's. */
HMR_MUST_USE enum hmr_status
hmr_view_draw(struct hmr_view *v, const struct hmr_canvas *c, uint32_t width,
	      uint32_t height, bool image, float focal, const float centre[2],
	      const struct hmr_view_person *people, uint32_t n,
	      struct hmr_err *e);

#endif

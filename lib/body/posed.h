/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section VERT made from section BODY: the vertices of everybody in a frame, or, for
 * frames that have some, those of the same people as their bodies are now. Room is
 * made when a segment begins; a frame allocates nothing.
 */
#ifndef HMR_POSED_H
#define HMR_POSED_H

#include "body/body.h"
#include "stream/tables.h"

struct hmr_posed {			/* zeroed at first */
	const struct hmr_body *body;	/* borrowed */
	struct hmr_pose_work *work;	/* borrowed */
	uint32_t rows;			/* people whose vertices have room */
	uint32_t *person;		/* [HMR_PEOPLE_CAP] */
	struct hmr_body_row *bodies;	/* [HMR_PEOPLE_CAP] */
	float *vertices;		/* [rows][V][3] */
	uint8_t *section;
	uint64_t bytes;			/* the frames' payload that there is room for */
};

/* For hmr_posed_add of up to rows people. Body and workspace stay the caller's. */
HMR_MUST_USE enum hmr_status
hmr_posed_plan(struct hmr_posed *p, const struct hmr_body *body,
	       struct hmr_pose_work *work, uint32_t rows, struct hmr_err *e);
/* For hmr_posed_renew of frames of at most so many bytes; touched as far as used. */
HMR_MUST_USE enum hmr_status
hmr_posed_plan_renewal(struct hmr_posed *p, const struct hmr_body *body,
		       struct hmr_pose_work *work, uint64_t payload, struct hmr_err *e);
void hmr_posed_release(struct hmr_posed *p);

/* Puts the vertices of the frame's bodies into it. */
HMR_MUST_USE enum hmr_status
hmr_posed_add(struct hmr_posed *p, struct hmr_frame *f, struct hmr_err *e);
/* Replaces those that it has. HMR_E_FORMAT: they are of another body. */
HMR_MUST_USE enum hmr_status
hmr_posed_renew(struct hmr_posed *p, struct hmr_frame *f, struct hmr_err *e);

#endif

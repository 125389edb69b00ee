/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMPL as one of our bodies: its model file, and what it has beyond the
 * mannequin: corrections of the surface by pose, and points that are taken from
 * the corrected surface. formats/body.md, version 1.1.
 */
#ifndef HMR_SMPL_BODY_H
#define HMR_SMPL_BODY_H

#include "body/body_impl.h"
#include "import/smpl.h"

/* Writes the body's model file; s->extra must be there. name: "smpl". */
HMR_MUST_USE enum hmr_status
hmr_body_write_smpl(const struct hmr_smpl *s, const char *name, const char *path,
		    struct hmr_err *e);

/* For lib/body alone: the optional tensors pose, pick_index and pick_weight. */
#define BODY_POSES 207		/* 23 matrices less the identity */
struct body_soft;		/* NULL in bodies without */
HMR_MUST_USE enum hmr_status
body_soft_read(struct hmr_body *b, struct hmr_err *e);
void body_soft_free(struct body_soft *s);
/* [207][*step] of [verts][3]; NULL: the body has none. */
const float *body_soft_directions(const struct hmr_body *b, size_t *step);

/* The first n vertices of a shaped rest surface, corrected for a pose. */
void body_soft_correct(const struct hmr_body *b,
		       const float pose[HMR_BODY_JOINTS][9], const float *shaped,
		       float *out, uint32_t n);
/* Replaces those of the 44 points that are taken from the surface. vertices may
 * be NULL: then only those that points need are computed, in work of
 * body_soft_work() floats. */
size_t body_soft_work(const struct hmr_body *b);
void body_soft_points(const struct hmr_body *b, const float pose[HMR_BODY_JOINTS][9],
		      const float shape[HMR_BODY_SHAPES],
		      const struct body_bone bone[HMR_BODY_JOINTS],
		      const float (*vertices)[3], float *work, float (*points)[3]);

#endif

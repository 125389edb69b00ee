/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parametric bodies: rest surface, shape directions, skeleton, skinning, and the
 * points fixed to them (44 joints, 33 landmarks). SMPL's 24 joints, kinematic
 * tree and pose meaning (spec: SMPL, Loper et al. 2015); the mannequin is ours.
 * A body is read-only after it is made and may be shared.
 *
 * Coordinates: metres. Rest: T-pose, y up, facing +z, the person's left to +x.
 * Poses: 24 parent-relative 3x3 rotation matrices, row-major, SMPL's order.
 */
#ifndef HMR_BODY_H
#define HMR_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define HMR_BODY_JOINTS 24
#define HMR_BODY_SHAPES 10
#define HMR_BODY_POINTS 44	/* joints of the outputs, formats/tracks.md */
#define HMR_BODY_LANDMARKS 33	/* BlazePose's points on this body */

struct hmr_body;

HMR_MUST_USE enum hmr_status	/* the mannequin, generated */
hmr_body_mannequin(struct hmr_body **out, struct hmr_err *e);
/* "mannequin", a model name or a path. */
HMR_MUST_USE enum hmr_status
hmr_body_open(struct hmr_body **out, const char *name, struct hmr_err *e);
void hmr_body_free(struct hmr_body *b);
HMR_MUST_USE enum hmr_status	/* its model file, byte for byte */
hmr_body_write(const struct hmr_body *b, const char *path, struct hmr_err *e);

const char *hmr_body_name(const struct hmr_body *b);
const char *hmr_body_sha256(const struct hmr_body *b);	/* of its model file */
uint32_t hmr_body_vertices(const struct hmr_body *b);
uint32_t hmr_body_faces(const struct hmr_body *b);
const uint32_t *hmr_body_face_list(const struct hmr_body *b);	/* [faces][3], counter-clockwise from outside */
/* A coarser surface for drawing many people: the first vertices of the same body
 * and faces of its own. A body without one gives the full surface. */
uint32_t hmr_body_light_vertices(const struct hmr_body *b);
uint32_t hmr_body_light_faces(const struct hmr_body *b);
const uint32_t *hmr_body_light_face_list(const struct hmr_body *b);
/* The full surface laid flat, for textures; a vertex on a seam has several
 * places. 0: the body has none, the lists are NULL then. */
uint32_t hmr_body_uvs(const struct hmr_body *b);
const float (*hmr_body_uv_list(const struct hmr_body *b))[2];	/* 0..1, v upwards */
const uint32_t *hmr_body_uv_face_list(const struct hmr_body *b);	/* [faces][3], as face_list */
/* The same places at the corners of the light surface; NULL: none. */
const uint32_t *hmr_body_light_uv_face_list(const struct hmr_body *b);
const int *hmr_body_parents(const struct hmr_body *b);	/* [24], root -1 */
const char *hmr_body_joint_name(int joint);		/* of 24 */
const char *hmr_body_point_name(int point);		/* of 44 */
const char *hmr_body_landmark_name(int landmark);	/* of 33 */
const char *hmr_body_shape_name(const struct hmr_body *b, int i);
/* Edges of the 44 points that draw a skeleton: [n][2]. */
const uint8_t (*hmr_body_edges(int *n))[2];

/* Room for one posing; allocated once, then reused. */
struct hmr_pose_work;
struct hmr_pose_work *hmr_pose_work_new(const struct hmr_body *b);	/* NULL: no memory */
void hmr_pose_work_free(struct hmr_pose_work *w);

/* Poses the body about its own root. Any output may be NULL.
 * vertices [V][3], joints [24][3], points [44][3], landmarks [33][3]. What only
 * points need is computed without skinning all vertices. */
void hmr_body_pose(const struct hmr_body *b, struct hmr_pose_work *w,
		   const float pose[HMR_BODY_JOINTS][9],
		   const float shape[HMR_BODY_SHAPES], float (*vertices)[3],
		   float (*joints)[3], float (*points)[3], float (*landmarks)[3]);
/* The first n vertices alone. */
void hmr_body_pose_vertices(const struct hmr_body *b, struct hmr_pose_work *w,
			    const float pose[HMR_BODY_JOINTS][9],
			    const float shape[HMR_BODY_SHAPES],
			    float (*vertices)[3], uint32_t n);

#endif

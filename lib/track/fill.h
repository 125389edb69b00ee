/* SPDX-License-Identifier: Apache-2.0 */
/* A person between two sights of them: boxes and places in a line, rotations along
 * the shortest arc. */
#ifndef HMR_FILL_H
#define HMR_FILL_H

#include "stream/tables.h"

/* 0 <= t <= 1 from a to b. The score is 0: nobody was seen. */
void hmr_fill_person(struct hmr_person *out, const struct hmr_person *a,
		     const struct hmr_person *b, double t);

/* Rotation, row-major; a and b are rotations within float's accuracy. */
void hmr_fill_rotation(float out[9], const float a[9], const float b[9], double t);

/* Joints in 3D by `joints` from the pose and shape, where given, else in a line;
 * joints2d by projection of those with centre (cx, cy) in pixels. Confidence is
 * the lower of both; no fit error. */
typedef void hmr_joints_fn(void *ctx, const float pose[HMR_POSE_JOINTS][9],
			   const float shape[HMR_SHAPE],
			   float joints3d[HMR_JOINTS][3]);
void hmr_fill_body(struct hmr_body_row *out, const struct hmr_body_row *a,
		   const struct hmr_body_row *b, double t, float cx, float cy,
		   hmr_joints_fn *joints, void *ctx);

/* joints2d from joints3d, camera and focal, with centre (cx, cy). */
void hmr_fill_project(struct hmr_body_row *b, float cx, float cy);

#endif

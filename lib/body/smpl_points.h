/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where SMPL's points are: each a weighted sum of joints and vertices.
 * Joint numbers are 0..23, vertices 24 + their number.
 */
#ifndef HMR_SMPL_POINTS_H
#define HMR_SMPL_POINTS_H

#include "body/body.h"

#define SMPL_VERTEX(v) (24 + (v))
#define SMPL_PARTS 4
struct smpl_part {
	int of;			/* joint, or SMPL_VERTEX(v) */
	float f;
};

/* The first 25 of the 44 points (the others are the 19 of the regressor), by
 * smplx's vertex_ids and 4D-Humans' joint_map. */
extern const int smpl_points[25];
/* BlazePose's 33 landmarks on SMPL: ours, by eye. */
extern const struct smpl_part smpl_landmarks[HMR_BODY_LANDMARKS][SMPL_PARTS];

#endif

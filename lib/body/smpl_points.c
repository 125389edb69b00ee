/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of points on SMPL's surface and skeleton. */
#include "body/smpl_points.h"

#define V SMPL_VERTEX
#define NOSE V(332)
#define EYE_R V(6260)
#define EYE_L V(2800)

const int smpl_points[25] = {
	NOSE, 12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7, EYE_R, EYE_L,
	V(4071), V(583), V(3216), V(3226), V(3387), V(6617), V(6624), V(6787)
};

/* Knuckles stand off the hand's joint as the finger tips stand off the middle
 * one; the mouth lies below the nose as far as that lies below the eyes. */
const struct smpl_part smpl_landmarks[HMR_BODY_LANDMARKS][SMPL_PARTS] = {
	{ { NOSE, 1 } },
	{ { EYE_L, 0.75f }, { EYE_R, 0.25f } }, { { EYE_L, 1 } },
	{ { EYE_L, 1.25f }, { EYE_R, -0.25f } },
	{ { EYE_R, 0.75f }, { EYE_L, 0.25f } }, { { EYE_R, 1 } },
	{ { EYE_R, 1.25f }, { EYE_L, -0.25f } },
	{ { V(583), 1 } }, { { V(4071), 1 } },
	{ { NOSE, 1.6f }, { EYE_L, 0.05f }, { EYE_R, -0.65f } },
	{ { NOSE, 1.6f }, { EYE_R, 0.05f }, { EYE_L, -0.65f } },
	{ { 16, 1 } }, { { 17, 1 } }, { { 18, 1 } }, { { 19, 1 } }, { { 20, 1 } },
	{ { 21, 1 } },
	{ { 22, 1 }, { V(2673), 0.7f }, { V(2445), -0.7f } },
	{ { 23, 1 }, { V(6133), 0.7f }, { V(5905), -0.7f } },
	{ { 22, 1 }, { V(2319), 0.8f }, { V(2445), -0.8f } },
	{ { 23, 1 }, { V(5782), 0.8f }, { V(5905), -0.8f } },
	{ { V(2746), 0.6f }, { 20, 0.4f } }, { { V(6191), 0.6f }, { 21, 0.4f } },
	{ { 1, 1 } }, { { 2, 1 } }, { { 4, 1 } }, { { 5, 1 } }, { { 7, 1 } }, { { 8, 1 } },
	{ { V(3387), 1 } }, { { V(6787), 1 } }, { { V(3216), 1 } }, { { V(6617), 1 } }
};

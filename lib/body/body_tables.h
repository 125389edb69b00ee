/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers behind a body's surface, for code that poses it elsewhere: on a GPU. */
#ifndef HMR_BODY_TABLES_H
#define HMR_BODY_TABLES_H

#include <stdbool.h>

#include "body/body.h"

/* x = rest + shape dir + (R - I of joints 1..23, row-major) pose, then by weights of
 * four bones. Borrowed from the body. */
struct hmr_body_tables {
	uint32_t vertices;
	const float *rest;		/* [vertices][3] */
	const float *dir;		/* [10][vertices][3] */
	const float *pose;		/* [207][pose_step] of [vertices][3]; or NULL */
	size_t pose_step;
	const float *weight;		/* [vertices][4] */
	const uint8_t *weight_joint;	/* [vertices][4] */
	const float *joint;		/* [24][3], at rest */
	const float *joint_dir;		/* [10][24][3] */
	const int *parent;		/* [24], before their children; root -1 */
};

/* false: there is more to this body than that. */
bool hmr_body_tables_get(const struct hmr_body *b, struct hmr_body_tables *out);

#endif

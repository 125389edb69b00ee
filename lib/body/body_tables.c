/* SPDX-License-Identifier: Apache-2.0 */
/* See body_tables.h. */
#include "body/body_tables.h"

#include <string.h>

#include "body/body_impl.h"
#include "body/smpl_body.h"

bool
hmr_body_tables_get(const struct hmr_body *b, struct hmr_body_tables *out)
{
	memset(out, 0, sizeof(*out));
	if (b->bend)
		return false;
	*out = (struct hmr_body_tables){ .vertices = b->verts, .rest = b->rest,
		.dir = b->dir, .weight = b->weight, .weight_joint = b->weight_joint,
		.joint = &b->joint[0][0], .joint_dir = &b->joint_dir[0][0][0],
		.parent = b->parent };
	out->pose = body_soft_directions(b, &out->pose_step);
	return true;
}

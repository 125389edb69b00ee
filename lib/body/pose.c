/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Posing: rest joints of a shape, the kinematic chain, linear blend skinning of
 * the vertices, and the fixed points without the vertices. No allocation; the
 * shaped surface is kept in the work space while the shape stays the same.
 */
#include "body/bend.h"
#include "body/body_impl.h"
#include "body/smpl_body.h"

#include <stdlib.h>
#include <string.h>

struct hmr_pose_work {
	float shape[HMR_BODY_SHAPES];
	uint32_t shaped;		/* vertices valid in at for that shape */
	float *at;			/* [verts][3] */
	float *posed;			/* the same corrected for a pose, 16 more */
	float *points;			/* body_soft_work() */
};

struct hmr_pose_work *
hmr_pose_work_new(const struct hmr_body *b)
{
	struct hmr_pose_work *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->at = malloc((size_t)b->verts * 3 * sizeof(float));
	if (b->soft || b->bend)
		w->posed = calloc((size_t)b->verts * 3 + 16, sizeof(float));
	if (b->soft)
		w->points = malloc(body_soft_work(b) * sizeof(float));
	if (!w->at || ((b->soft || b->bend) && !w->posed) ||
	    (b->soft && !w->points)) {
		hmr_pose_work_free(w);
		return NULL;
	}
	return w;
}

void
hmr_pose_work_free(struct hmr_pose_work *w)
{
	if (!w)
		return;
	free(w->at);
	free(w->posed);
	free(w->points);
	free(w);
}

void
body_joints(const struct hmr_body *b, const float shape[HMR_BODY_SHAPES],
	    float out[HMR_BODY_JOINTS][3])
{
	memcpy(out, b->joint, sizeof(b->joint));
	for (int s = 0; s < HMR_BODY_SHAPES; s++)
		for (int j = 0; j < HMR_BODY_JOINTS; j++)
			for (int k = 0; k < 3; k++)
				out[j][k] += shape[s] * b->joint_dir[s][j][k];
}

static void
mul33(const float a[9], const float b[9], float out[9])
{
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++)
			out[3 * i + k] = a[3 * i] * b[k] + a[3 * i + 1] * b[3 + k] +
					 a[3 * i + 2] * b[6 + k];
}

void
body_chain(const struct hmr_body *b, const float rest[HMR_BODY_JOINTS][3],
	   const float pose[HMR_BODY_JOINTS][9], float r[HMR_BODY_JOINTS][9],
	   float t[HMR_BODY_JOINTS][3])
{
	memcpy(r[0], pose[0], sizeof(r[0]));
	memcpy(t[0], rest[0], sizeof(t[0]));
	for (int j = 1; j < HMR_BODY_JOINTS; j++) {
		int p = b->parent[j];
		float d[3];
		mul33(r[p], pose[j], r[j]);
		for (int k = 0; k < 3; k++)
			d[k] = rest[j][k] - rest[p][k];
		for (int k = 0; k < 3; k++)
			t[j][k] = t[p][k] + r[p][3 * k] * d[0] +
				  r[p][3 * k + 1] * d[1] + r[p][3 * k + 2] * d[2];
	}
}

/* What each joint does to points of the rest pose. */
static void
bones(const float rest[HMR_BODY_JOINTS][3], float r[HMR_BODY_JOINTS][9],
      float t[HMR_BODY_JOINTS][3], struct body_bone out[HMR_BODY_JOINTS])
{
	for (int j = 0; j < HMR_BODY_JOINTS; j++)
		for (int i = 0; i < 3; i++) {
			const float *a = r[j] + 3 * i;
			memcpy(out[j].m[i], a, 3 * sizeof(float));
			out[j].m[i][3] = t[j][i] - a[0] * rest[j][0] -
				a[1] * rest[j][1] - a[2] * rest[j][2];
		}
}

/* The first n vertices of the shaped rest surface. */
static void
shape_surface(const struct hmr_body *b, struct hmr_pose_work *w,
	      const float shape[HMR_BODY_SHAPES], uint32_t n)
{
	size_t len = (size_t)n * 3;

	if (w->shaped >= n && !memcmp(w->shape, shape, sizeof(w->shape)))
		return;
	memcpy(w->at, b->rest, len * sizeof(float));
	for (int s = 0; s < HMR_BODY_SHAPES; s++) {
		const float *d = b->dir + (size_t)s * b->verts * 3, f = shape[s];
		float *to = w->at;
		if (f == 0)
			continue;
		for (size_t i = 0; i < len; i++)
			to[i] += f * d[i];
	}
	memcpy(w->shape, shape, sizeof(w->shape));
	w->shaped = n;
}

/* The surface to be skinned. */
static const float *
surface(const struct hmr_body *b, struct hmr_pose_work *w,
	const float pose[HMR_BODY_JOINTS][9], const float shape[HMR_BODY_SHAPES],
	uint32_t n)
{
	shape_surface(b, w, shape, n);
	if (!b->soft && !b->bend)
		return w->at;
	if (b->soft)
		body_soft_correct(b, pose, w->at, w->posed, n);
	else
		memcpy(w->posed, w->at, (size_t)n * 3 * sizeof(float));
	if (b->bend)
		body_bend_add(b->bend, pose, w->posed, n);
	return w->posed;
}

/* Four numbers at once; in columns, so that the order of additions stays. */
typedef float v4f __attribute__((vector_size(16)));

struct columns {
	v4f of[4];		/* x, y, z, shift; the fourth number is not used */
};

static void
skin(const struct hmr_body *b, const float *at,
     const struct body_bone bone[HMR_BODY_JOINTS], float (*out)[3], uint32_t n)
{
	struct columns m[HMR_BODY_JOINTS];

	for (int j = 0; j < HMR_BODY_JOINTS; j++)
		for (int k = 0; k < 4; k++)
			m[j].of[k] = (v4f){ bone[j].m[0][k], bone[j].m[1][k],
					    bone[j].m[2][k], 0 };
	for (uint32_t v = 0; v < n; v++) {
		const float *w = b->weight + 4 * (size_t)v, *p = at + 3 * (size_t)v;
		const uint8_t *j = b->weight_joint + 4 * (size_t)v;
		const v4f *c = m[j[0]].of;
		v4f x = c[0], y = c[1], z = c[2], t = c[3];

		if (w[1] != 0) {
			x *= w[0];
			y *= w[0];
			z *= w[0];
			t *= w[0];
			for (int i = 1; i < 4 && w[i] != 0; i++) {
				c = m[j[i]].of;
				x += w[i] * c[0];
				y += w[i] * c[1];
				z += w[i] * c[2];
				t += w[i] * c[3];
			}
		}
		x = x * p[0] + y * p[1] + z * p[2] + t;
		for (int k = 0; k < 3; k++)
			out[v][k] = x[k];
	}
}

static void
fixed(const struct hmr_body *b, const float shape[HMR_BODY_SHAPES],
      const struct body_bone bone[HMR_BODY_JOINTS], int from, int n,
      float (*out)[3])
{
	for (int i = 0; i < n; i++) {
		out[i][0] = out[i][1] = out[i][2] = 0;
		for (uint32_t k = b->entry_start[from + i];
		     k < b->entry_start[from + i + 1]; k++) {
			const struct body_entry *q = &b->entry[k];
			const struct body_bone *m = &bone[q->joint];
			float c[3] = { q->c[0], q->c[1], q->c[2] };
			for (int s = 0; s < HMR_BODY_SHAPES; s++)
				for (int a = 0; a < 3; a++)
					c[a] += shape[s] * q->d[s][a];
			for (int a = 0; a < 3; a++)
				out[i][a] += m->m[a][0] * c[0] + m->m[a][1] * c[1] +
					m->m[a][2] * c[2] + m->m[a][3] * q->s;
		}
	}
}

void
hmr_body_pose(const struct hmr_body *b, struct hmr_pose_work *w,
	      const float pose[HMR_BODY_JOINTS][9],
	      const float shape[HMR_BODY_SHAPES], float (*vertices)[3],
	      float (*joints)[3], float (*points)[3], float (*landmarks)[3])
{
	float rest[HMR_BODY_JOINTS][3], r[HMR_BODY_JOINTS][9];
	float t[HMR_BODY_JOINTS][3];
	struct body_bone bone[HMR_BODY_JOINTS];

	body_joints(b, shape, rest);
	body_chain(b, rest, pose, r, t);
	bones(rest, r, t, bone);
	if (joints)
		memcpy(joints, t, sizeof(t));
	if (points)
		fixed(b, shape, bone, 0, HMR_BODY_POINTS, points);
	if (landmarks)
		fixed(b, shape, bone, HMR_BODY_POINTS, HMR_BODY_LANDMARKS, landmarks);
	if (vertices)
		skin(b, surface(b, w, pose, shape, b->verts), bone, vertices, b->verts);
	if (points && b->soft)
		body_soft_points(b, pose, shape, bone, (const float (*)[3])vertices,
				 w->points, points);
}

void
hmr_body_pose_vertices(const struct hmr_body *b, struct hmr_pose_work *w,
		       const float pose[HMR_BODY_JOINTS][9],
		       const float shape[HMR_BODY_SHAPES], float (*vertices)[3],
		       uint32_t n)
{
	float rest[HMR_BODY_JOINTS][3], r[HMR_BODY_JOINTS][9];
	float t[HMR_BODY_JOINTS][3];
	struct body_bone bone[HMR_BODY_JOINTS];

	if (n > b->verts)
		n = b->verts;
	body_joints(b, shape, rest);
	body_chain(b, rest, pose, r, t);
	bones(rest, r, t, bone);
	skin(b, surface(b, w, pose, shape, n), bone, vertices, n);
}

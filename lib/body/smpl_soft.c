/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pose blend shapes and points of the posed surface. The 207 directions are one
 * product with the pose, done in blocks that stay in the inner cache while each
 * direction passes once; for points alone only their vertices are computed.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "body/smpl_body.h"

#define P ((size_t)BODY_POSES)
#define BLOCK ((size_t)2048)		/* floats */

/* Four floats; memory is not aligned. */
typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));

struct body_soft {
	float *pose;		/* [207][verts * 3], padded to 16 */
	size_t ld;
	/* the vertices of picks, each once */
	uint32_t n, *vertex;
	float *near_rest, *near_dir;	/* [n][3], [10][n * 3 padded] */
	float *near_pose;		/* [207][n * 3 padded] */
	size_t ld_near;
	uint32_t picks;
	uint8_t *point;			/* [picks], rising */
	uint32_t *pick, *slot;		/* [picks] vertex; its place in vertex[] */
	float *weight;			/* [picks] */
};

/* to [n] += sum over i of f[i] dir[i * ld ..]; n a multiple of 16. */
static void
blend(float *to, const float *dir, size_t ld, const float *f, size_t count, size_t n)
{
	for (size_t b = 0; b < n; b += BLOCK) {
		size_t len = n - b < BLOCK ? n - b : BLOCK;

		for (size_t i = 0; i < count; i++) {
			quad w = { f[i], f[i], f[i], f[i] };
			const float *d = dir + i * ld + b;
			float *t = to + b;

			if (f[i] == 0)
				continue;
			for (size_t k = 0; k < len; k += 16)
				for (size_t q = k; q < k + 16; q += 4)
					*(quad *)(t + q) += w * *(const quad *)(d + q);
		}
	}
}

static void
features(const float pose[HMR_BODY_JOINTS][9], float out[BODY_POSES])
{
	for (int j = 1; j < HMR_BODY_JOINTS; j++)
		for (int i = 0; i < 9; i++)
			out[9 * (j - 1) + i] = pose[j][i] - (i % 4 == 0 ? 1.0f : 0.0f);
}

void
body_soft_correct(const struct hmr_body *b, const float pose[HMR_BODY_JOINTS][9],
		  const float *shaped, float *out, uint32_t n)
{
	float f[BODY_POSES];

	features(pose, f);
	memcpy(out, shaped, (size_t)n * 3 * sizeof(float));
	blend(out, b->soft->pose, b->soft->ld, f, P, ((size_t)n * 3 + 15) & ~(size_t)15);
}

size_t
body_soft_work(const struct hmr_body *b)
{
	return b->soft ? 2 * b->soft->ld_near : 0;
}

static void
place(const struct hmr_body *b, uint32_t v, const float p[3],
      const struct body_bone bone[HMR_BODY_JOINTS], float out[3])
{
	out[0] = out[1] = out[2] = 0;
	for (int k = 0; k < 4; k++) {
		float w = b->weight[4 * (size_t)v + (size_t)k];
		const struct body_bone *m = &bone[b->weight_joint[4 * (size_t)v + (size_t)k]];

		for (int i = 0; w != 0 && i < 3; i++)
			out[i] += w * (m->m[i][0] * p[0] + m->m[i][1] * p[1] +
				       m->m[i][2] * p[2] + m->m[i][3]);
	}
}

void
body_soft_points(const struct hmr_body *b, const float pose[HMR_BODY_JOINTS][9],
		 const float shape[HMR_BODY_SHAPES],
		 const struct body_bone bone[HMR_BODY_JOINTS],
		 const float (*vertices)[3], float *work, float (*points)[3])
{
	const struct body_soft *s = b->soft;
	float f[BODY_POSES], *posed = work + s->ld_near;
	int last = -1;

	if (!vertices) {
		features(pose, f);
		memcpy(work, s->near_rest, s->ld_near * sizeof(float));
		blend(work, s->near_dir, s->ld_near, shape, HMR_BODY_SHAPES, s->ld_near);
		blend(work, s->near_pose, s->ld_near, f, P, s->ld_near);
		for (uint32_t i = 0; i < s->n; i++)
			place(b, s->vertex[i], work + 3 * (size_t)i, bone,
			      posed + 3 * (size_t)i);
	}
	for (uint32_t i = 0; i < s->picks; i++) {
		const float *p = vertices ? vertices[s->pick[i]] :
			posed + 3 * (size_t)s->slot[i];
		float *to = points[s->point[i]];

		if (s->point[i] != last)
			to[0] = to[1] = to[2] = 0;
		last = s->point[i];
		for (int k = 0; k < 3; k++)
			to[k] += s->weight[i] * p[k];
	}
}

/* Copies rows of [count][verts][3] for the vertices of picks. */
static float *
near(const struct body_soft *s, const float *from, size_t ld, size_t count)
{
	float *to = calloc(count * s->ld_near, sizeof(*to));

	for (size_t i = 0; to && i < count; i++)
		for (uint32_t v = 0; v < s->n; v++)
			memcpy(to + i * s->ld_near + 3 * (size_t)v,
			       from + i * ld + 3 * (size_t)s->vertex[v],
			       3 * sizeof(float));
	return to;
}

static enum hmr_status
read_pose(struct hmr_body *b, struct body_soft *s, const struct hmr_st_tensor *t,
	  struct hmr_err *e)
{
	size_t n = (size_t)b->verts * 3;

	if (t->dtype != HMR_DTYPE_F32 || t->dims.n != 3 || t->dims.d[0] != BODY_POSES ||
	    t->dims.d[1] != b->verts || t->dims.d[2] != 3)
		return hmr_fail(e, HMR_E_MODEL, "body: tensor pose has not the type and "
				"shape of a body's");
	s->ld = (n + 15) & ~(size_t)15;
	if (!(s->pose = calloc(P * s->ld, sizeof(float))))
		return hmr_fail(e, HMR_E_NOMEM, "body");
	for (size_t i = 0; i < P; i++)
		for (size_t k = 0; k < n; k++) {
			float v = hmr_getf32((const uint8_t *)t->data + 4 * (i * n + k));

			if (!(fabsf(v) < 100))
				return hmr_fail(e, HMR_E_MODEL, "body: tensor pose: a "
						"number out of range");
			s->pose[i * s->ld + k] = v;
		}
	return HMR_OK;
}

static enum hmr_status
read_picks(struct hmr_body *b, struct body_soft *s, struct hmr_err *e)
{
	const struct hmr_st_tensor *t = hmr_safetensors_find(b->file, "pick_index");
	const struct hmr_st_tensor *w = hmr_safetensors_find(b->file, "pick_weight");
	uint32_t *seen, last = 0;
	enum hmr_status st = HMR_OK;
	size_t n;

	if (!t || !w || t->dtype != HMR_DTYPE_I32 || t->dims.n != 2 ||
	    t->dims.d[1] != 2 || t->dims.d[0] < 1 || w->dtype != HMR_DTYPE_F32 ||
	    w->dims.n != 1 || w->dims.d[0] != t->dims.d[0] || t->dims.d[0] > INT32_MAX)
		return hmr_fail(e, HMR_E_MODEL, "body: pick_index and pick_weight have "
				"not the type and shape of a body's");
	s->picks = (uint32_t)t->dims.d[0];
	n = s->picks;
	seen = calloc(b->verts, sizeof(*seen));
	if (!seen || !(s->point = malloc(n)) || !(s->pick = malloc(n * 4)) ||
	    !(s->slot = malloc(n * 4)) || !(s->weight = malloc(n * 4)) ||
	    !(s->vertex = malloc((n < b->verts ? n : b->verts) * 4)))
		st = hmr_fail(e, HMR_E_NOMEM, "body");
	for (size_t i = 0; i < n && !st; i++) {
		uint32_t p = hmr_get32((const uint8_t *)t->data + 8 * i);
		uint32_t v = hmr_get32((const uint8_t *)t->data + 8 * i + 4);
		float f = hmr_getf32((const uint8_t *)w->data + 4 * i);

		if (p >= HMR_BODY_POINTS || p < last || v >= b->verts ||
		    !(fabsf(f) < 100)) {
			st = hmr_fail(e, HMR_E_MODEL, "body: pick_index: row %zu", i);
			break;
		}
		last = p;
		s->point[i] = (uint8_t)p;
		s->pick[i] = v;
		s->weight[i] = f;
		if (!seen[v]) {
			s->vertex[s->n++] = v;
			seen[v] = s->n;
		}
		s->slot[i] = seen[v] - 1;
	}
	free(seen);
	return st;
}

enum hmr_status
body_soft_read(struct hmr_body *b, struct hmr_err *e)
{
	const struct hmr_st_tensor *t = hmr_safetensors_find(b->file, "pose");
	struct body_soft *s;
	enum hmr_status st;

	if (!t)
		return HMR_OK;
	if (!(s = b->soft = calloc(1, sizeof(*s))))
		return hmr_fail(e, HMR_E_NOMEM, "body");
	if ((st = read_pose(b, s, t, e)) || (st = read_picks(b, s, e)))
		return st;
	s->ld_near = ((size_t)s->n * 3 + 15) & ~(size_t)15;
	if (!(s->near_rest = near(s, b->rest, 0, 1)) ||
	    !(s->near_dir = near(s, b->dir, (size_t)b->verts * 3, HMR_BODY_SHAPES)) ||
	    !(s->near_pose = near(s, s->pose, s->ld, P)))
		return hmr_fail(e, HMR_E_NOMEM, "body");
	return HMR_OK;
}

const float *
body_soft_directions(const struct hmr_body *b, size_t *step)
{
	*step = b->soft ? b->soft->ld : 0;
	return b->soft ? b->soft->pose : NULL;
}

void
body_soft_free(struct body_soft *s)
{
	if (!s)
		return;
	free(s->pose);
	free(s->vertex);
	free(s->near_rest);
	free(s->near_dir);
	free(s->near_pose);
	free(s->point);
	free(s->pick);
	free(s->slot);
	free(s->weight);
	free(s);
}

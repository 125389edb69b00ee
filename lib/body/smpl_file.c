/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMPL's arrays to a body's model file. Sums are taken in double and rounded
 * once. The same arrays give the same bytes.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body/smpl_body.h"
#include "body/smpl_points.h"

#define V ((size_t)HMR_SMPL_VERTICES)
#define J HMR_BODY_JOINTS
#define S HMR_BODY_SHAPES
#define ENTRIES (HMR_BODY_FIXED * J)
#define PICKS (25 + HMR_SMPL_EXTRA * HMR_SMPL_VERTICES)

/* All tensors of the file, in the format's layout. */
struct file {
	const struct hmr_smpl *s;
	float *shape;				/* [10][V][3] */
	float *weight;				/* [V][4] */
	uint8_t *weight_joint;			/* [V][4] */
	float *pose;				/* [207][V][3] */
	double joint[S + 1][J][3];		/* mean, then per shape number */
	float joint_f[J][3], joint_dir[S][J][3];
	int32_t index[ENTRIES][2];
	float rest[ENTRIES][4], (*dir)[ENTRIES][3];	/* dir [10] */
	uint32_t entries;
	int32_t (*pick)[2];			/* [PICKS] point, vertex */
	float *pick_weight;
	uint32_t picks;
};

static double
at(const struct file *f, int shape, size_t v, int k)
{
	return shape ? f->s->shapedirs[(v * 3 + (size_t)k) * S + (size_t)shape - 1] :
		f->s->v_template[v * 3 + (size_t)k];
}

/* The four largest weights of each vertex, falling; SMPL has no more. */
static enum hmr_status
weights(struct file *f, struct hmr_err *e)
{
	for (size_t v = 0; v < V; v++) {
		const float *w = f->s->weights + v * J;
		double all = 0, kept = 0;
		float left[J];

		memcpy(left, w, sizeof(left));
		for (int j = 0; j < J; j++)
			all += w[j];
		for (int i = 0; i < 4; i++) {
			int best = 0;

			for (int j = 1; j < J; j++)
				if (left[j] > left[best])
					best = j;
			f->weight[4 * v + (size_t)i] = left[best] > 0 ? left[best] : 0;
			f->weight_joint[4 * v + (size_t)i] = (uint8_t)best;
			kept += f->weight[4 * v + (size_t)i];
			left[best] = 0;
		}
		if (fabs(all - 1) > 1e-3 || fabs(kept - all) > 1e-3)
			return hmr_fail(e, HMR_E_MODEL, "weights: those of vertex %zu sum "
					"to %.4f, the largest four to %.4f", v, all, kept);
	}
	return HMR_OK;
}

static void
joints(struct file *f)
{
	for (int s = 0; s <= S; s++)
		for (int j = 0; j < J; j++)
			for (size_t v = 0; v < V; v++) {
				double r = f->s->regressor[(size_t)j * V + v];

				for (int k = 0; r != 0 && k < 3; k++)
					f->joint[s][j][k] += r * at(f, s, v, k);
			}
	for (int j = 0; j < J; j++)
		for (int k = 0; k < 3; k++) {
			f->joint_f[j][k] = (float)f->joint[0][j][k];
			for (int s = 0; s < S; s++)
				f->joint_dir[s][j][k] = (float)f->joint[s + 1][j][k];
		}
}

static void
surface(struct file *f)
{
	for (size_t i = 0; i < V * 3; i++) {
		for (size_t s = 0; s < S; s++)
			f->shape[s * V * 3 + i] = f->s->shapedirs[i * S + s];
		for (size_t p = 0; p < BODY_POSES; p++)
			f->pose[p * V * 3 + i] = f->s->posedirs[i * BODY_POSES + p];
	}
}

/* A point under construction: what each joint carries of it. */
struct sum {
	double c[S + 1][J][3], s[J];
};

static void
add_joint(const struct file *f, struct sum *p, int j, double factor)
{
	for (int s = 0; s <= S; s++)
		for (int k = 0; k < 3; k++)
			p->c[s][j][k] += factor * f->joint[s][j][k];
	p->s[j] += factor;
}

static void
add_vertex(const struct file *f, struct sum *p, size_t v, double factor)
{
	for (int i = 0; i < 4; i++) {
		int j = f->weight_joint[4 * v + (size_t)i];
		double w = factor * (double)f->weight[4 * v + (size_t)i];

		for (int s = 0; w != 0 && s <= S; s++)
			for (int k = 0; k < 3; k++)
				p->c[s][j][k] += w * at(f, s, v, k);
		p->s[j] += w;
	}
}

static void
add_part(const struct file *f, struct sum *p, int of, double factor)
{
	if (of < J)
		add_joint(f, p, of, factor);
	else
		add_vertex(f, p, (size_t)(of - J), factor);
}

static void
put_point(struct file *f, int point, const struct sum *p)
{
	uint32_t before = f->entries;

	for (int j = 0; j < J; j++) {
		bool any = p->s[j] != 0;

		for (int s = 0; s <= S; s++)
			for (int k = 0; k < 3; k++)
				any = any || p->c[s][j][k] != 0;
		if (!any && !(j == J - 1 && f->entries == before))
			continue;
		f->index[f->entries][0] = point;
		f->index[f->entries][1] = j;
		for (int k = 0; k < 3; k++) {
			f->rest[f->entries][k] = (float)p->c[0][j][k];
			for (int s = 0; s < S; s++)
				f->dir[s][f->entries][k] = (float)p->c[s + 1][j][k];
		}
		f->rest[f->entries++][3] = (float)p->s[j];
	}
}

static void
pick(struct file *f, int point, size_t v, float w)
{
	f->pick[f->picks][0] = point;
	f->pick[f->picks][1] = (int32_t)v;
	f->pick_weight[f->picks++] = w;
}

static void
points(struct file *f, struct sum *p)
{
	for (int i = 0; i < HMR_BODY_FIXED; i++) {
		memset(p, 0, sizeof(*p));
		if (i < 25) {
			add_part(f, p, smpl_points[i], 1);
			if (smpl_points[i] >= J)
				pick(f, i, (size_t)(smpl_points[i] - J), 1);
		} else if (i < HMR_BODY_POINTS) {
			const float *r = f->s->extra + (size_t)(i - 25) * V;

			for (size_t v = 0; v < V; v++)
				if (r[v] != 0) {
					add_vertex(f, p, v, (double)r[v]);
					pick(f, i, v, r[v]);
				}
		} else {
			const struct smpl_part *q = smpl_landmarks[i - HMR_BODY_POINTS];

			for (int k = 0; k < SMPL_PARTS; k++)
				if (q[k].f != 0)
					add_part(f, p, q[k].of, (double)q[k].f);
		}
		put_point(f, i, p);
	}
}

static struct hmr_st_tensor
tensor(const char *name, enum hmr_dtype dtype, int64_t d0, int64_t d1, int64_t d2,
       const void *data)
{
	struct hmr_st_tensor t = { .name = name, .dtype = dtype, .data = data };
	int64_t d[] = { d0, d1, d2 };
	size_t n = dtype == HMR_DTYPE_U8 ? 1 : 4;

	for (int i = 0; i < 3 && d[i]; i++) {
		t.dims.d[t.dims.n++] = d[i];
		n *= (size_t)d[i];
	}
	t.bytes = n;
	return t;
}

static enum hmr_status
write_file(struct file *f, const char *name, const char *path, struct hmr_err *e)
{
	const struct hmr_st_pair meta[] = { { "kind", "body" },
		{ "format", "hmr-body 1.1" }, { "name", name },
		{ "licence", "SMPL: the terms of the file it was made from, of the Max "
		  "Planck Institute for Intelligent Systems" },
		{ "shapes", "beta0 beta1 beta2 beta3 beta4 beta5 beta6 beta7 beta8 beta9" },
	};
	int64_t n = f->entries;
	/* only the first n of each shape's rows are used: put them together */
	float *dir = malloc((size_t)n * S * 3 * sizeof(*dir));
	enum hmr_status st;

	if (!dir)
		return hmr_fail(e, HMR_E_NOMEM, "%s", path);
	for (size_t s = 0; s < S; s++)
		memcpy(dir + s * (size_t)n * 3, f->dir[s], (size_t)n * 3 * sizeof(*dir));
	const struct hmr_st_tensor t[] = {
		tensor("vertices", HMR_DTYPE_F32, V, 3, 0, f->s->v_template),
		tensor("shape", HMR_DTYPE_F32, S, V, 3, f->shape),
		tensor("pose", HMR_DTYPE_F32, BODY_POSES, V, 3, f->pose),
		tensor("weights", HMR_DTYPE_F32, V, 4, 0, f->weight),
		tensor("faces", HMR_DTYPE_I32, f->s->faces, 3, 0, f->s->face),
		tensor("joints", HMR_DTYPE_F32, J, 3, 0, f->joint_f),
		tensor("joint_shape", HMR_DTYPE_F32, S, J, 3, f->joint_dir),
		tensor("parents", HMR_DTYPE_I32, J, 0, 0, f->s->parent),
		tensor("point_index", HMR_DTYPE_I32, n, 2, 0, f->index),
		tensor("point_rest", HMR_DTYPE_F32, n, 4, 0, f->rest),
		tensor("point_shape", HMR_DTYPE_F32, S, n, 3, dir),
		tensor("pick_index", HMR_DTYPE_I32, f->picks, 2, 0, f->pick),
		tensor("pick_weight", HMR_DTYPE_F32, f->picks, 0, 0, f->pick_weight),
		tensor("weight_joints", HMR_DTYPE_U8, V, 4, 0, f->weight_joint),
	};
	st = hmr_safetensors_write(path, meta, sizeof(meta) / sizeof(*meta), t,
				   sizeof(t) / sizeof(*t), e);
	free(dir);
	return st;
}

enum hmr_status
hmr_body_write_smpl(const struct hmr_smpl *s, const char *name, const char *path,
		    struct hmr_err *e)
{
	struct file *f = calloc(1, sizeof(*f));
	struct sum *sum = malloc(sizeof(*sum));
	enum hmr_status st = HMR_OK;

	if (!s->extra)
		st = hmr_fail(e, HMR_E_MODEL, "SMPL needs its 19 further joints "
			      "(SMPL_to_J19.pkl)");
	else if (!f || !sum || !(f->shape = malloc(S * V * 3 * 4)) ||
		 !(f->pose = malloc(BODY_POSES * V * 3 * 4)) ||
		 !(f->weight = malloc(V * 4 * 4)) || !(f->weight_joint = malloc(V * 4)) ||
		 !(f->dir = malloc(S * sizeof(*f->dir))) ||
		 !(f->pick = malloc(PICKS * sizeof(*f->pick))) ||
		 !(f->pick_weight = malloc(PICKS * sizeof(*f->pick_weight))))
		st = hmr_fail(e, HMR_E_NOMEM, "%s", path);
	if (!st) {
		f->s = s;
		st = weights(f, e);
	}
	if (!st) {
		joints(f);
		surface(f);
		points(f, sum);
		st = write_file(f, name, path, e);
	}
	if (f) {
		free(f->shape);
		free(f->pose);
		free(f->weight);
		free(f->weight_joint);
		free(f->dir);
		free(f->pick);
		free(f->pick_weight);
	}
	free(f);
	free(sum);
	return st;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What HMR2 computes the same for every image is computed here once, in double:
 * positions, the query token up to the first layer's self-attention, the final
 * projections with the mean body that they are added to.
 */
#include "import/hmr2_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LAYER0 "smpl_head.transformer.transformer.layers.0.0"

enum hmr_status
hmr2_load(struct hmr2_plan *p, const char *name, float **out, size_t *n,
	  struct hmr_err *e)
{
	const struct hmr_torch_tensor *t = hmr_torch_find(p->ckpt, name);
	enum hmr_status st;
	size_t count;

	*out = NULL;
	if (!t || !hmr_dims_count(&t->dims, &count) || count > HMR_TORCH_TENSOR_MAX / 4)
		return hmr_fail(e, HMR_E_MODEL, "%s: missing", name);
	if (!(*out = malloc((count ? count : 1) * sizeof(float))))
		return hmr_fail(e, HMR_E_NOMEM, "%s", name);
	if ((st = hmr_torch_read(p->ckpt, t, *out, e))) {
		free(*out);
		*out = NULL;
		return st;
	}
	for (size_t i = 0; i < count; i++)
		if (!isfinite((*out)[i])) {
			free(*out);
			*out = NULL;
			return hmr_fail(e, HMR_E_MODEL, "%s: number %zu is not finite",
					name, i);
		}
	*n = count;
	return HMR_OK;
}

static enum hmr_status
positions(struct hmr2_plan *p, float *out, struct hmr_err *e)
{
	float *pos = NULL, *bias = NULL;
	size_t n, d = p->d.dim;
	enum hmr_status st;

	if (!(st = hmr2_load(p, "backbone.pos_embed", &pos, &n, e)) &&
	    !(st = hmr2_load(p, "backbone.patch_embed.proj.bias", &bias, &n, e)))
		for (size_t t = 0; t < HMR_HMR2_TOKENS; t++)
			for (size_t c = 0; c < d; c++)
				out[t * d + c] = (float)((double)pos[(t + 1) * d + c] +
							 pos[c] + bias[c]);
	free(pos);
	free(bias);
	return st;
}

/* y[rows] += w[rows][cols] x. */
static void
product(double *y, const float *w, const double *x, size_t rows, size_t cols)
{
	for (size_t i = 0; i < rows; i++) {
		double s = 0;

		for (size_t j = 0; j < cols; j++)
			s += (double)w[i * cols + j] * x[j];
		y[i] += s;
	}
}

static void
layer_norm(double *y, const double *x, const float *w, const float *b, size_t n)
{
	double mean = 0, var = 0;

	for (size_t i = 0; i < n; i++)
		mean += x[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		var += (x[i] - mean) * (x[i] - mean) / (double)n;
	for (size_t i = 0; i < n; i++)
		y[i] = (x[i] - mean) / sqrt(var + 1e-5) * w[i] + b[i];
}

/* Initial values of pose, shape and camera. */
static enum hmr_status
initial(struct hmr2_plan *p, struct hmr_err *e)
{
	static const char *const name[] = { "smpl_head.init_body_pose",
		"smpl_head.init_betas", "smpl_head.init_cam" };
	static const size_t at[] = { 0, HMR_HMR2_POSE, HMR_HMR2_POSE + 10,
		HMR_HMR2_OUT };
	enum hmr_status st = HMR_OK;

	for (int i = 0; i < 3 && !p->have_init && !st; i++) {
		float *v;
		size_t n;

		if (!(st = hmr2_load(p, name[i], &v, &n, e)))
			memcpy(p->init + at[i], v, (at[i + 1] - at[i]) * sizeof(float));
		free(v);
	}
	p->have_init = !st;
	return st;
}

/* t = embedding of the input + position; t += out(v(norm(t))). */
static enum hmr_status
token(struct hmr2_plan *p, float *out, struct hmr_err *e)
{
	static const char *const name[] = {
		"smpl_head.transformer.to_token_embedding.weight",
		"smpl_head.transformer.to_token_embedding.bias",
		"smpl_head.transformer.pos_embedding",
		LAYER0 ".norm.weight", LAYER0 ".norm.bias", LAYER0 ".fn.to_qkv.weight",
		LAYER0 ".fn.to_out.0.weight", LAYER0 ".fn.to_out.0.bias",
	};
	size_t dim = p->d.head_dim, inner = p->d.head_inner, n[8];
	double *t = calloc(2 * dim + inner, sizeof(*t)), *a, *v;
	enum hmr_status st = initial(p, e);
	float *w[8] = { NULL };

	if (!t)
		st = hmr_fail(e, HMR_E_NOMEM, "head.token");
	for (int i = 0; i < 8 && !st; i++)
		st = hmr2_load(p, name[i], &w[i], &n[i], e);
	if (!st) {
		a = t + dim;
		v = a + dim;
		for (size_t i = 0; i < dim; i++) {
			t[i] = (double)w[1][i] + w[2][i];
			/* a single input is the number zero */
			for (size_t j = 0; n[0] > dim && j < HMR_HMR2_OUT; j++)
				t[i] += (double)w[0][i * HMR_HMR2_OUT + j] * p->init[j];
		}
		layer_norm(a, t, w[3], w[4], dim);
		product(v, w[5] + 2 * inner * dim, a, inner, dim);
		product(t, w[6], v, dim, inner);
		for (size_t i = 0; i < dim; i++)
			out[i] = (float)(t[i] + w[7][i]);
	}
	for (int i = 0; i < 8; i++)
		free(w[i]);
	free(t);
	return st;
}

static enum hmr_status
decode(struct hmr2_plan *p, bool bias, float *out, struct hmr_err *e)
{
	static const char *const name[2][3] = {
		{ "smpl_head.decpose.weight", "smpl_head.decshape.weight",
		  "smpl_head.deccam.weight" },
		{ "smpl_head.decpose.bias", "smpl_head.decshape.bias",
		  "smpl_head.deccam.bias" } };
	enum hmr_status st = initial(p, e);
	size_t at = 0;

	for (int i = 0; i < 3 && !st; i++) {
		float *v;
		size_t n;

		if ((st = hmr2_load(p, name[bias][i], &v, &n, e)))
			break;
		memcpy(out + at, v, n * sizeof(float));
		at += n;
		free(v);
	}
	for (size_t i = 0; bias && !st && i < HMR_HMR2_OUT; i++)
		out[i] += p->init[i];
	return st;
}

enum hmr_status
hmr2_fold(struct hmr2_plan *p, const struct hmr2_item *it, float *out,
	  struct hmr_err *e)
{
	switch (it->make) {
	case HMR2_POS: return positions(p, out, e);
	case HMR2_TOKEN: return token(p, out, e);
	default: return decode(p, it->make == HMR2_DECODE_BIAS, out, e);
	}
}

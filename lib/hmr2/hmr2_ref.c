/* SPDX-License-Identifier: Apache-2.0 */
/* The reference implementation: every formula once, in its plainest form. */
#include "hmr2/hmr2_ref.h"

#include <math.h>
#include <string.h>

#define TOKENS ((size_t)HMR_HMR2_TOKENS)

static size_t
widest(const struct hmr_hmr2_dims *d)
{
	size_t n = 3 * (size_t)d->dim;

	n = d->mlp > n ? d->mlp : n;
	n = d->head_mlp > n ? d->head_mlp : n;
	n = 3 * (size_t)d->head_inner > n ? 3 * (size_t)d->head_inner : n;
	n = d->head_dim > n ? d->head_dim : n;
	return n > HMR_HMR2_PATCH ? n : HMR_HMR2_PATCH;
}

size_t
hmr2_ref_bytes(const struct hmr_hmr2_dims *d)
{
	return (3 * TOKENS + 8) * widest(d) * sizeof(float);
}

/* y [n][out] = x [n][in] times the weights + bias; row is room for one of them. */
static void
linear(const struct hmr2_linear *l, const float *x, size_t n, float *y, float *row)
{
	for (uint32_t o = 0; o < l->out; o++) {
		hmr2_linear_row(l, o, row);
		for (size_t t = 0; t < n; t++) {
			float s = l->bias ? l->bias[o] : 0;

			for (uint32_t i = 0; i < l->in; i++)
				s += row[i] * x[t * l->in + i];
			y[t * l->out + o] = s;
		}
	}
}

static void
norm(const struct hmr2_norm *p, float eps, const float *x, size_t n, size_t width,
     float *y)
{
	for (size_t t = 0; t < n; t++) {
		const float *a = x + t * width;
		double mean = 0, var = 0;

		for (size_t i = 0; i < width; i++)
			mean += a[i];
		mean /= (double)width;
		for (size_t i = 0; i < width; i++)
			var += (a[i] - mean) * (a[i] - mean);
		var /= (double)width;
		for (size_t i = 0; i < width; i++)
			y[t * width + i] = (float)((a[i] - mean) /
				sqrt(var + (double)eps)) * p->w[i] + p->b[i];
	}
}

static void
add(float *x, const float *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] += y[i];
}

static void
gelu(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float)(0.5 * x[i] * (1 + erf(x[i] * 0.70710678118654752440)));
}

/* One head of one query: out [width] from keys and values of n tokens, each
 * `step` apart. p: room for n. */
static void
attend(const float *q, const float *k, const float *v, size_t n, size_t step,
       size_t width, float *p, float *out)
{
	float most = -INFINITY, sum = 0, scale = 1 / sqrtf((float)width);

	for (size_t t = 0; t < n; t++) {
		p[t] = 0;
		for (size_t i = 0; i < width; i++)
			p[t] += q[i] * scale * k[t * step + i];
		most = fmaxf(most, p[t]);
	}
	for (size_t t = 0; t < n; t++)
		sum += p[t] = expf(p[t] - most);
	memset(out, 0, width * sizeof(*out));
	for (size_t t = 0; t < n; t++)
		for (size_t i = 0; i < width; i++)
			out[i] += p[t] / sum * v[t * step + i];
}

/* Patches of 16x16 with a border of 2: x [192][3][16][16]. */
static void
patches(const float *crop, float *x)
{
	for (int t = 0; t < (int)TOKENS; t++)
		for (int c = 0; c < 3; c++)
			for (int j = 0; j < 16; j++)
				for (int i = 0; i < 16; i++) {
					int v = t / 12 * 16 + j - 2;
					int u = t % 12 * 16 + i - 2;

					*x++ = v < 0 || u < 0 ? 0 :
						crop[((size_t)c * HMR_HMR2_CROP +
						      (size_t)v) * HMR_HMR2_WIDTH +
						     (size_t)u];
				}
}

void
hmr2_ref_backbone(const struct hmr2_weights *w, const float *crop, float *x,
		  float *work)
{
	const struct hmr_hmr2_dims *d = &w->d;
	size_t dim = d->dim, wide = widest(d), hw = dim / d->heads;
	float *a = work, *b = a + TOKENS * wide, *c = b + TOKENS * wide;
	float *row = c + TOKENS * wide;

	patches(crop, a);
	linear(&w->patch, a, TOKENS, x, row);
	add(x, w->pos, TOKENS * dim);
	for (uint32_t i = 0; i < d->depth; i++) {
		const struct hmr2_block *k = &w->block[i];

		norm(&k->norm1, 1e-6f, x, TOKENS, dim, a);
		linear(&k->qkv, a, TOKENS, b, row);
		for (size_t t = 0; t < TOKENS; t++)
			for (uint32_t h = 0; h < d->heads; h++)
				attend(b + t * 3 * dim + h * hw, b + dim + h * hw,
				       b + 2 * dim + h * hw, TOKENS, 3 * dim, hw, row,
				       a + t * dim + h * hw);
		linear(&k->proj, a, TOKENS, c, row);
		add(x, c, TOKENS * dim);
		norm(&k->norm2, 1e-6f, x, TOKENS, dim, a);
		linear(&k->fc1, a, TOKENS, b, row);
		gelu(b, TOKENS * d->mlp);
		linear(&k->fc2, b, TOKENS, c, row);
		add(x, c, TOKENS * dim);
	}
	norm(&w->last_norm, 1e-6f, x, TOKENS, dim, x);
}

void
hmr2_rotations(const float *six, float (*out)[9])
{
	for (int j = 0; j < 24; j++, six += 6) {
		float n1 = sqrtf(six[0] * six[0] + six[1] * six[1] + six[2] * six[2]);
		float b1[3], b2[3], n2 = 0, dot = 0;

		for (int i = 0; i < 3; i++) {
			b1[i] = six[i] / fmaxf(n1, 1e-12f);
			dot += b1[i] * six[3 + i];
		}
		for (int i = 0; i < 3; i++) {
			b2[i] = six[3 + i] - dot * b1[i];
			n2 += b2[i] * b2[i];
		}
		n2 = fmaxf(sqrtf(n2), 1e-12f);
		for (int i = 0; i < 3; i++)
			b2[i] /= n2;
		for (int i = 0; i < 3; i++) {	/* b1, b2, b1 x b2 are columns */
			int k = (i + 1) % 3, l = (i + 2) % 3;

			out[j][3 * i] = b1[i];
			out[j][3 * i + 1] = b2[i];
			out[j][3 * i + 2] = b1[k] * b2[l] - b1[l] * b2[k];
		}
	}
}

void
hmr2_ref_head(const struct hmr2_weights *w, const float *ctx,
	      struct hmr_hmr2_result *out, float *work)
{
	const struct hmr_hmr2_dims *d = &w->d;
	size_t wide = widest(d), dim = d->head_dim, inner = d->head_inner;
	size_t hw = inner / d->head_heads;
	float *k = work, *v = k + TOKENS * wide, *t = v + TOKENS * wide;
	float *a = t + wide, *b = a + wide, *c = b + wide, *row = c + wide, *p = row + wide;

	memcpy(t, w->token, dim * sizeof(*t));
	for (uint32_t i = 0; i < d->head_depth; i++) {
		const struct hmr2_layer *l = &w->layer[i];

		if (i) {
			norm(&l->norm0, 1e-5f, t, 1, dim, a);
			linear(&l->self_v, a, 1, b, row);
			linear(&l->self_out, b, 1, c, row);
			add(t, c, dim);
		}
		norm(&l->norm1, 1e-5f, t, 1, dim, a);
		linear(&l->q, a, 1, b, row);
		linear(&l->k, ctx, TOKENS, k, row);
		linear(&l->v, ctx, TOKENS, v, row);
		for (uint32_t h = 0; h < d->head_heads; h++)
			attend(b + h * hw, k + h * hw, v + h * hw, TOKENS, inner, hw, p,
			       c + h * hw);
		linear(&l->out, c, 1, b, row);
		add(t, b, dim);
		norm(&l->norm2, 1e-5f, t, 1, dim, a);
		linear(&l->fc1, a, 1, b, row);
		gelu(b, d->head_mlp);
		linear(&l->fc2, b, 1, c, row);
		add(t, c, dim);
	}
	linear(&w->dec, t, 1, a, row);
	hmr2_rotations(a, out->pose);
	memcpy(out->shape, a + HMR_HMR2_POSE, sizeof(out->shape));
	memcpy(out->camera, a + HMR_HMR2_POSE + 10, sizeof(out->camera));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The reference operators with a window; ref_ops.h. Shapes were checked by shape.c.
 * Sums are float32 in the order of the loops. */
#include "nn/ref_ops.h"

#include <math.h>
#include <string.h>

static size_t
at4(const struct hmr_dims *d, int64_t b, int64_t y, int64_t x, int64_t c)
{
	return (size_t)(((b * d->d[1] + y) * d->d[2] + x) * d->d[3] + c);
}

static int64_t
step(const struct hmr_node *n, int axis)	/* between taps of a kernel */
{
	return n->dilate[axis] > 1 ? n->dilate[axis] : 1;
}

static float
conv_at(const struct hmr_call *c, const int32_t pad[4], int64_t b, int64_t y,
	int64_t x, int64_t o)
{
	const struct hmr_dims *in = c->dim_in[0], *w = c->dim_in[1];
	int64_t per = w->d[1], first = o / (w->d[0] / c->n->group) * per;
	float sum = c->n->n_in == 3 ? c->in[2][o] : 0;

	for (int64_t ky = 0; ky < w->d[2]; ky++)
		for (int64_t kx = 0; kx < w->d[3]; kx++) {
			int64_t iy = y * c->n->stride[0] - pad[0] + ky * step(c->n, 0);
			int64_t ix = x * c->n->stride[1] - pad[1] + kx * step(c->n, 1);

			if (iy < 0 || ix < 0 || iy >= in->d[1] || ix >= in->d[2])
				continue;
			for (int64_t i = 0; i < per; i++)
				sum += c->in[0][at4(in, b, iy, ix, first + i)] *
				       c->in[1][at4(w, o, i, ky, kx)];
		}
	return hmr_act_apply(sum, c->n->act, c->n->alpha, c->n->beta);
}

static void
conv(const struct hmr_call *c)
{
	const struct hmr_dims *out = c->dim_out[0];
	int32_t pad[4];
	float *dst = c->out[0];

	hmr_node_pads(c->n, c->dim_in[1]->d + 2, c->dim_in[0], out, pad);
	for (int64_t b = 0; b < out->d[0]; b++)
		for (int64_t y = 0; y < out->d[1]; y++)
			for (int64_t x = 0; x < out->d[2]; x++)
				for (int64_t o = 0; o < out->d[3]; o++)
					*dst++ = conv_at(c, pad, b, y, x, o);
}

/* Adds one input pixel to all that it reaches. */
static void
scatter(const struct hmr_call *c, int64_t b, int64_t y, int64_t x)
{
	const struct hmr_dims *in = c->dim_in[0], *w = c->dim_in[1], *out = c->dim_out[0];
	int64_t per = w->d[1], outs = w->d[0] / c->n->group;

	for (int64_t ky = 0; ky < w->d[2]; ky++)
		for (int64_t kx = 0; kx < w->d[3]; kx++) {
			int64_t oy = y * c->n->stride[0] - c->n->pad[0] + ky * step(c->n, 0);
			int64_t ox = x * c->n->stride[1] - c->n->pad[1] + kx * step(c->n, 1);

			if (oy < 0 || ox < 0 || oy >= out->d[1] || ox >= out->d[2])
				continue;
			for (int64_t o = 0; o < w->d[0]; o++)
				for (int64_t i = 0; i < per; i++)
					c->out[0][at4(out, b, oy, ox, o)] +=
						c->in[0][at4(in, b, y, x, o / outs * per + i)] *
						c->in[1][at4(w, o, i, ky, kx)];
		}
}

static void
conv_transpose(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	size_t n = hmr_dims_total(out), ch = (size_t)out->d[3];

	for (size_t i = 0; i < n; i++)
		c->out[0][i] = c->n->n_in == 3 ? c->in[2][i % ch] : 0;
	for (int64_t b = 0; b < in->d[0]; b++)
		for (int64_t y = 0; y < in->d[1]; y++)
			for (int64_t x = 0; x < in->d[2]; x++)
				scatter(c, b, y, x);
	for (size_t i = 0; i < n; i++)
		c->out[0][i] = hmr_act_apply(c->out[0][i], c->n->act, c->n->alpha,
					     c->n->beta);
}

static float
pool_at(const struct hmr_call *c, const int32_t pad[4], int64_t b, int64_t y,
	int64_t x, int64_t o)
{
	const struct hmr_dims *in = c->dim_in[0];
	float best = -INFINITY, sum = 0;
	int64_t count = 0;

	for (int64_t ky = 0; ky < c->n->kernel[0]; ky++)
		for (int64_t kx = 0; kx < c->n->kernel[1]; kx++) {
			int64_t iy = y * c->n->stride[0] - pad[0] + ky;
			int64_t ix = x * c->n->stride[1] - pad[1] + kx;
			float v;

			if (iy < 0 || ix < 0 || iy >= in->d[1] || ix >= in->d[2])
				continue;
			v = c->in[0][at4(in, b, iy, ix, o)];
			best = v > best ? v : best;
			sum += v;
			count++;
		}
	if (c->n->op == HMR_OP_AVG_POOL)
		best = sum / (float)(c->n->count_pad ?
				     c->n->kernel[0] * c->n->kernel[1] : count);
	return hmr_act_apply(best, c->n->act, c->n->alpha, c->n->beta);
}

static void
pool(const struct hmr_call *c)
{
	const struct hmr_dims *out = c->dim_out[0];
	int64_t k[2] = { c->n->kernel[0], c->n->kernel[1] };
	int32_t pad[4];
	float *dst = c->out[0];

	hmr_node_pads(c->n, k, c->dim_in[0], out, pad);
	for (int64_t b = 0; b < out->d[0]; b++)
		for (int64_t y = 0; y < out->d[1]; y++)
			for (int64_t x = 0; x < out->d[2]; x++)
				for (int64_t o = 0; o < out->d[3]; o++)
					*dst++ = pool_at(c, pad, b, y, x, o);
}

static void
resize(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	const float *s = c->in[0];
	float *dst = c->out[0];

	for (int64_t b = 0; b < out->d[0]; b++)
		for (int64_t y = 0; y < out->d[1]; y++)
			for (int64_t x = 0; x < out->d[2]; x++) {
				int64_t y0, y1, x0, x1;
				float fy, fx;

				hmr_resize_tap(c->n, y, in->d[1], out->d[1], &y0, &y1, &fy);
				hmr_resize_tap(c->n, x, in->d[2], out->d[2], &x0, &x1, &fx);
				for (int64_t o = 0; o < out->d[3]; o++) {
					float a = s[at4(in, b, y0, x0, o)];
					float d = s[at4(in, b, y1, x0, o)];
					float top = a + (s[at4(in, b, y0, x1, o)] - a) * fx;
					float low = d + (s[at4(in, b, y1, x1, o)] - d) * fx;

					*dst++ = c->n->take ? a : top + (low - top) * fy;
				}
			}
}

void
hmr_ref_call(const struct hmr_call *c)
{
	switch (c->n->op) {
	case HMR_OP_CONV: conv(c); break;
	case HMR_OP_MAX_POOL: case HMR_OP_AVG_POOL: pool(c); break;
	case HMR_OP_CONV_TRANSPOSE: conv_transpose(c); break;
	case HMR_OP_RESIZE: resize(c); break;
	case HMR_OP_RESHAPE:
		if (c->out[0] != c->in[0])
			memcpy(c->out[0], c->in[0],
			       hmr_dims_total(c->dim_out[0]) * sizeof(float));
		break;
	default:
		if (!hmr_ref_move(c))
			hmr_ref_math(c);
	}
}

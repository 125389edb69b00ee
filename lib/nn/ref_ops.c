/* SPDX-License-Identifier: Apache-2.0 */
/* The reference operators; ref_ops.h. Shapes were checked by shape.c. Sums are
 * float32 in the order of the loops. */
#include "nn/ref_ops.h"

#include <math.h>
#include <string.h>

static size_t
at4(const struct hmr_dims *d, int64_t b, int64_t y, int64_t x, int64_t c)
{
	return (size_t)(((b * d->d[1] + y) * d->d[2] + x) * d->d[3] + c);
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
			int64_t iy = y * c->n->stride[0] - pad[0] + ky;
			int64_t ix = x * c->n->stride[1] - pad[1] + kx;

			if (iy < 0 || ix < 0 || iy >= in->d[1] || ix >= in->d[2])
				continue;
			for (int64_t i = 0; i < per; i++)
				sum += c->in[0][at4(in, b, iy, ix, first + i)] *
				       c->in[1][at4(w, o, i, ky, kx)];
		}
	return hmr_act_apply(sum, c->n->act, c->n->alpha);
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

static float
pool_at(const struct hmr_call *c, const int32_t pad[4], int64_t b, int64_t y,
	int64_t x, int64_t o)
{
	const struct hmr_dims *in = c->dim_in[0];
	float best = -INFINITY;

	for (int64_t ky = 0; ky < c->n->kernel[0]; ky++)
		for (int64_t kx = 0; kx < c->n->kernel[1]; kx++) {
			int64_t iy = y * c->n->stride[0] - pad[0] + ky;
			int64_t ix = x * c->n->stride[1] - pad[1] + kx;
			float v;

			if (iy < 0 || ix < 0 || iy >= in->d[1] || ix >= in->d[2])
				continue;
			v = c->in[0][at4(in, b, iy, ix, o)];
			best = v > best ? v : best;
		}
	return hmr_act_apply(best, c->n->act, c->n->alpha);
}

static void
max_pool(const struct hmr_call *c)
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

/* The two source rows (columns) of an output one and the weight of the second. */
static void
taps(int64_t i, int64_t in, int64_t out, int64_t *lo, int64_t *hi, float *frac)
{
	double s = ((double)i + .5) * (double)in / (double)out - .5;
	double f = floor(s);

	*frac = (float)(s - f);
	*lo = f < 0 ? 0 : (int64_t)f;
	*hi = (int64_t)ceil(s) > in - 1 ? in - 1 : (int64_t)ceil(s);
	if (*hi < 0)
		*hi = 0;
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

				taps(y, in->d[1], out->d[1], &y0, &y1, &fy);
				taps(x, in->d[2], out->d[2], &x0, &x1, &fx);
				for (int64_t o = 0; o < out->d[3]; o++) {
					float a = s[at4(in, b, y0, x0, o)];
					float d = s[at4(in, b, y1, x0, o)];
					float top = a + (s[at4(in, b, y0, x1, o)] - a) * fx;
					float low = d + (s[at4(in, b, y1, x1, o)] - d) * fx;

					*dst++ = top + (low - top) * fy;
				}
			}
}

static void
binary(const struct hmr_call *c)
{
	size_t n = hmr_dims_total(c->dim_out[0]), m = hmr_dims_total(c->dim_in[1]);

	for (size_t i = 0; i < n; i++) {
		float a = c->in[0][i], b = c->in[1][i % m];
		float r = c->n->op == HMR_OP_ADD ? a + b : a * b;

		c->out[0][i] = hmr_act_apply(r, c->n->act, c->n->alpha);
	}
}

static void
act(const struct hmr_call *c)
{
	size_t n = hmr_dims_total(c->dim_out[0]);

	for (size_t i = 0; i < n; i++)
		c->out[0][i] = hmr_act_apply(c->in[0][i], c->n->act, c->n->alpha);
}

static void
concat(const struct hmr_call *c)
{
	float *dst = c->out[0];
	size_t before, after;

	hmr_dims_around(c->dim_out[0], (uint32_t)c->n->axis, &before, &after);
	for (size_t b = 0; b < before; b++)
		for (uint32_t i = 0; i < c->n->n_in; i++) {
			size_t n = (size_t)c->dim_in[i]->d[c->n->axis] * after;

			memcpy(dst, c->in[i] + b * n, n * sizeof(*dst));
			dst += n;
		}
}

static void
split(const struct hmr_call *c)
{
	const float *src = c->in[0];
	size_t before, after;

	hmr_dims_around(c->dim_in[0], (uint32_t)c->n->axis, &before, &after);
	for (size_t b = 0; b < before; b++)
		for (uint32_t i = 0; i < c->n->n_out; i++) {
			size_t n = (size_t)c->n->list[i] * after;

			memcpy(c->out[i] + b * n, src, n * sizeof(*src));
			src += n;
		}
}

/* Index along every axis of element i. */
static void
unravel(const struct hmr_dims *d, size_t i, int64_t at[HMR_DIMS_MAX])
{
	for (uint32_t a = d->n; a-- > 0;) {
		at[a] = (int64_t)(i % (size_t)d->d[a]);
		i /= (size_t)d->d[a];
	}
}

static void
pad(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	size_t n = hmr_dims_total(out);

	for (size_t i = 0; i < n; i++) {
		int64_t at[HMR_DIMS_MAX];
		size_t from = 0;
		bool inside = true;

		unravel(out, i, at);
		for (uint32_t a = 0; a < out->n; a++) {
			int64_t k = at[a] - c->n->list[2 * a];

			inside = inside && k >= 0 && k < in->d[a];
			from = from * (size_t)in->d[a] + (size_t)(inside ? k : 0);
		}
		c->out[0][i] = inside ? c->in[0][from] : c->n->value;
	}
}

static void
transpose(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	size_t n = hmr_dims_total(out);

	for (size_t i = 0; i < n; i++) {
		int64_t at[HMR_DIMS_MAX], from[HMR_DIMS_MAX];
		size_t k = 0;

		unravel(out, i, at);
		for (uint32_t a = 0; a < out->n; a++)
			from[c->n->list[a]] = at[a];
		for (uint32_t a = 0; a < in->n; a++)
			k = k * (size_t)in->d[a] + (size_t)from[a];
		c->out[0][i] = c->in[0][k];
	}
}

void
hmr_ref_call(const struct hmr_call *c)
{
	switch (c->n->op) {
	case HMR_OP_CONV: conv(c); break;
	case HMR_OP_MAX_POOL: max_pool(c); break;
	case HMR_OP_RESIZE: resize(c); break;
	case HMR_OP_ADD: case HMR_OP_MUL: binary(c); break;
	case HMR_OP_ACT: act(c); break;
	case HMR_OP_CONCAT: concat(c); break;
	case HMR_OP_SPLIT: split(c); break;
	case HMR_OP_PAD: pad(c); break;
	case HMR_OP_TRANSPOSE: transpose(c); break;
	case HMR_OP_RESHAPE:
		if (c->out[0] != c->in[0])
			memcpy(c->out[0], c->in[0],
			       hmr_dims_total(c->dim_out[0]) * sizeof(float));
		break;
	case HMR_OP_COUNT: break;
	}
}

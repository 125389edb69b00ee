/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operators of the cpu backend that are no convolutions: loops along the
 * channels that compilers vectorise, rows divided among threads. They move
 * memory rather than compute. What is rare falls back to the reference loops.
 */
#include <math.h>
#include <string.h>

#include "nn/cpu.h"

#define SMALL 16384	/* floats: below this one thread is faster */

/* e^x to 2 units in the last place, written so that it vectorises: the argument
 * is clamped, split as n ln2 + r, and a polynomial of r scaled by 2^n. */
static inline float
exp_fast(float x)
{
	float n, r, p;
	int32_t i;

	x = x > 88.0f ? 88.0f : x;
	x = x > -87.0f ? x : -87.0f;
	n = x * 1.44269504f + 12582912.0f;	/* rounds: 1.5 * 2^23 */
	memcpy(&i, &n, sizeof(i));
	n -= 12582912.0f;
	r = x - n * 0.693359375f + n * 2.12194440e-4f;
	p = 1.9875691500e-4f;
	p = p * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * r * r + r + 1;
	i = (int32_t)((uint32_t)(i + 127) << 23);
	memcpy(&n, &i, sizeof(n));
	return p * n;
}

static void
act_row(float *d, const float *s, size_t n, enum hmr_act act, float alpha)
{
	switch (act) {
	case HMR_ACT_RELU:
		for (size_t i = 0; i < n; i++)
			d[i] = s[i] > 0 ? s[i] : 0;
		break;
	case HMR_ACT_RELU6:
		for (size_t i = 0; i < n; i++) {
			float v = s[i] > 0 ? s[i] : 0;

			d[i] = v < 6 ? v : 6;
		}
		break;
	case HMR_ACT_LEAKY:
		for (size_t i = 0; i < n; i++)
			d[i] = s[i] > 0 ? s[i] : s[i] * alpha;
		break;
	case HMR_ACT_SIGMOID:
		for (size_t i = 0; i < n; i++)
			d[i] = 1 / (1 + exp_fast(-s[i]));
		break;
	default:
		if (d != s)
			memcpy(d, s, n * sizeof(*d));
	}
}

/* n floats in chunks for the threads. */
static void
act(const struct hmr_call *c)
{
	const int64_t n = (int64_t)hmr_dims_total(c->dim_out[0]), chunk = 4096;
	const struct hmr_node *node = c->n;
	const float *s = c->in[0];
	float *d = c->out[0];

#pragma omp parallel for if(n > SMALL)
	for (int64_t i = 0; i < n; i += chunk)
		act_row(d + i, s + i, (size_t)(n - i < chunk ? n - i : chunk),
			node->act, node->alpha);
}

static void
binary(const struct hmr_call *c)
{
	const int64_t n = (int64_t)hmr_dims_total(c->dim_out[0]), chunk = 4096;
	const struct hmr_node *node = c->n;
	const float *a = c->in[0], *b = c->in[1];
	float *d = c->out[0];

	if (hmr_dims_total(c->dim_in[1]) != (size_t)n) {
		hmr_ref_call(c);
		return;
	}
#pragma omp parallel for if(n > SMALL)
	for (int64_t i = 0; i < n; i += chunk) {
		int64_t end = n - i < chunk ? n : i + chunk;

		if (node->op == HMR_OP_ADD)
			for (int64_t k = i; k < end; k++)
				d[k] = a[k] + b[k];
		else
			for (int64_t k = i; k < end; k++)
				d[k] = a[k] * b[k];
		if (node->act)
			act_row(d + i, d + i, (size_t)(end - i), node->act, node->alpha);
	}
}

static void
max_into(float *restrict d, const float *restrict s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		d[i] = s[i] > d[i] ? s[i] : d[i];
}

static void
pool_row(const struct hmr_call *c, const int32_t pad[4], int64_t b, int64_t y)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	const struct hmr_node *n = c->n;
	size_t ch = (size_t)in->d[3];
	float *d = c->out[0] + (size_t)((b * out->d[1] + y) * out->d[2]) * ch;

	for (int64_t x = 0; x < out->d[2]; x++, d += ch) {
		for (size_t i = 0; i < ch; i++)
			d[i] = -INFINITY;
		for (int64_t k = 0; k < n->kernel[0] * n->kernel[1]; k++) {
			int64_t iy = y * n->stride[0] - pad[0] + k / n->kernel[1];
			int64_t ix = x * n->stride[1] - pad[1] + k % n->kernel[1];

			if (iy >= 0 && ix >= 0 && iy < in->d[1] && ix < in->d[2])
				max_into(d, c->in[0] + (size_t)((b * in->d[1] + iy) *
					 in->d[2] + ix) * ch, ch);
		}
		if (n->act)
			act_row(d, d, ch, n->act, n->alpha);
	}
}

static void
max_pool(const struct hmr_call *c)
{
	const struct hmr_dims *out = c->dim_out[0];
	const int64_t rows = out->d[0] * out->d[1];
	int64_t k[2] = { c->n->kernel[0], c->n->kernel[1] };
	int32_t pad[4];

	hmr_node_pads(c->n, k, c->dim_in[0], out, pad);
#pragma omp parallel for if(hmr_dims_total(out) > SMALL)
	for (int64_t r = 0; r < rows; r++)
		pool_row(c, pad, r / out->d[1], r % out->d[1]);
}

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
mix(float *restrict d, const float *restrict a, const float *restrict b,
    const float *restrict e, const float *restrict f, float fx, float fy, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float top = a[i] + (b[i] - a[i]) * fx;
		float low = e[i] + (f[i] - e[i]) * fx;

		d[i] = top + (low - top) * fy;
	}
}

static void
resize(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	const int64_t rows = out->d[0] * out->d[1], ch = out->d[3];

#pragma omp parallel for if(hmr_dims_total(out) > SMALL)
	for (int64_t r = 0; r < rows; r++) {
		const float *s = c->in[0] + r / out->d[1] * in->d[1] * in->d[2] * ch;
		float *d = c->out[0] + r * out->d[2] * ch, fx, fy;
		int64_t y0, y1, x0, x1;

		taps(r % out->d[1], in->d[1], out->d[1], &y0, &y1, &fy);
		for (int64_t x = 0; x < out->d[2]; x++, d += ch) {
			taps(x, in->d[2], out->d[2], &x0, &x1, &fx);
			mix(d, s + (y0 * in->d[2] + x0) * ch, s + (y0 * in->d[2] + x1) * ch,
			    s + (y1 * in->d[2] + x0) * ch, s + (y1 * in->d[2] + x1) * ch,
			    fx, fy, (size_t)ch);
		}
	}
}

/* Pieces of `each` floats, one from every input in turn. */
static void
concat(const struct hmr_call *c)
{
	size_t before, after, total;

	hmr_dims_around(c->dim_out[0], (uint32_t)c->n->axis, &before, &after);
	total = (size_t)c->dim_out[0]->d[c->n->axis] * after;
#pragma omp parallel for if(before * total > SMALL)
	for (size_t b = 0; b < before; b++) {
		float *d = c->out[0] + b * total;

		for (uint32_t i = 0; i < c->n->n_in; i++) {
			size_t n = (size_t)c->dim_in[i]->d[c->n->axis] * after;

			memcpy(d, c->in[i] + b * n, n * sizeof(*d));
			d += n;
		}
	}
}

static void
split(const struct hmr_call *c)
{
	size_t before, after, total;

	hmr_dims_around(c->dim_in[0], (uint32_t)c->n->axis, &before, &after);
	total = (size_t)c->dim_in[0]->d[c->n->axis] * after;
#pragma omp parallel for if(before * total > SMALL)
	for (size_t b = 0; b < before; b++) {
		const float *s = c->in[0] + b * total;

		for (uint32_t i = 0; i < c->n->n_out; i++) {
			size_t n = (size_t)c->n->list[i] * after;

			memcpy(c->out[i] + b * n, s, n * sizeof(*s));
			s += n;
		}
	}
}

/* Channels-last from channels-first, the one transpose that networks have. */
static void
to_nhwc(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0];
	const int64_t ch = in->d[1], rows = in->d[0] * in->d[2], w = in->d[3];

#pragma omp parallel for if(hmr_dims_total(in) > SMALL)
	for (int64_t r = 0; r < rows; r++) {
		const float *s = c->in[0] + r / in->d[2] * ch * in->d[2] * w +
				 r % in->d[2] * w;
		float *d = c->out[0] + r * w * ch;

		for (int64_t k = 0; k < ch; k++)
			for (int64_t x = 0; x < w; x++)
				d[x * ch + k] = s[k * in->d[2] * w + x];
	}
}

/* Padding of an image: whole pixels are copied, the rest is filled. */
static void
pad_image(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	const int64_t rows = out->d[0] * out->d[1], *p = c->n->list;

#pragma omp parallel for if(hmr_dims_total(out) > SMALL)
	for (int64_t r = 0; r < rows; r++) {
		int64_t b = r / out->d[1] - p[0], y = r % out->d[1] - p[2];
		float *d = c->out[0] + r * out->d[2] * out->d[3];

		for (int64_t x = -p[4]; x < out->d[2] - p[4]; x++, d += out->d[3]) {
			bool inside = b >= 0 && y >= 0 && x >= 0 && b < in->d[0] &&
				      y < in->d[1] && x < in->d[2];
			int64_t k = 0, first = inside ? p[6] : out->d[3];

			for (; k < first; k++)
				d[k] = c->n->value;
			if (!inside)
				continue;
			memcpy(d + k, c->in[0] + ((b * in->d[1] + y) * in->d[2] + x) *
			       in->d[3], (size_t)in->d[3] * sizeof(*d));
			for (k += in->d[3]; k < out->d[3]; k++)
				d[k] = c->n->value;
		}
	}
}

static bool
is_to_nhwc(const struct hmr_node *n)
{
	static const int64_t want[4] = { 0, 2, 3, 1 };

	return n->n_list == 4 && !memcmp(n->list, want, sizeof(want));
}

void
hmr_cpu_call(const struct hmr_call *c)
{
	switch (c->n->op) {
	case HMR_OP_ACT: act(c); break;
	case HMR_OP_ADD: case HMR_OP_MUL: binary(c); break;
	case HMR_OP_MAX_POOL: max_pool(c); break;
	case HMR_OP_RESIZE: resize(c); break;
	case HMR_OP_CONCAT: concat(c); break;
	case HMR_OP_SPLIT: split(c); break;
	case HMR_OP_TRANSPOSE:
		if (is_to_nhwc(c->n))
			to_nhwc(c);
		else
			hmr_ref_call(c);
		break;
	case HMR_OP_PAD:
		if (c->dim_out[0]->n == 4)
			pad_image(c);
		else
			hmr_ref_call(c);
		break;
	default:
		hmr_ref_call(c);
	}
}

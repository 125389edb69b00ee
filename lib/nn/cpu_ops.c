/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operators of the cpu backend that are no convolutions: loops along the
 * channels that compilers vectorise, each over its part of the rows. They move
 * memory rather than compute. What is rare falls back to the reference loops.
 * Here: windows, and who does what; cpu_ops.h.
 */
#include <math.h>
#include <string.h>

#include "nn/cpu.h"
#include "nn/cpu_ops.h"

static void
act(const struct hmr_call *c)
{
	struct cpu_range r = cpu_share(c, (int64_t)hmr_dims_total(c->dim_out[0]), CPU_LINE);

	cpu_act_row(c->out[0] + r.from, c->in[0] + r.from, (size_t)(r.to - r.from), c->n);
}

static void
scale(float *d, size_t n, float by)
{
	for (size_t i = 0; i < n; i++)
		d[i] *= by;
}

/* Sixteen channels; the compiler cuts them into what the processor has. */
typedef float block __attribute__((vector_size(64)));
typedef int32_t block_mask __attribute__((vector_size(64)));
#define BLOCK 16

#define LARGER(a, x) do { \
	block_mask m = (x) > (a); \
\
	(a) = (block)((m & (block_mask)(x)) | (~m & (block_mask)(a))); \
} while (0)
#define PLUS(a, x) ((a) += (x))

/* The largest, or the sum, of n pixels in turn. The last block overlaps the one
 * before it, unless d is read too or there is none before. */
#define POOL(name, join, one) \
CPU_CLONES static void \
name(float *d, const float *const *s, int n, size_t ch) \
{ \
	size_t i = 0; \
\
	while (i + BLOCK <= ch) { \
		block a, x; \
\
		memcpy(&a, s[0] + i, sizeof(a)); \
		for (int t = 1; t < n; t++) { \
			memcpy(&x, s[t] + i, sizeof(x)); \
			join(a, x); \
		} \
		memcpy(d + i, &a, sizeof(a)); \
		i += BLOCK; \
		if (i < ch && i + BLOCK > ch && s[0] != d) \
			i = ch - BLOCK; \
	} \
	for (; i < ch; i++) { \
		float a = s[0][i]; \
\
		for (int t = 1; t < n; t++) \
			a = one(a, s[t][i]); \
		d[i] = a; \
	} \
}

#define LARGER_ONE(a, x) ((x) > (a) ? (x) : (a))
#define PLUS_ONE(a, x) ((a) + (x))
POOL(max_pixel, LARGER, LARGER_ONE)
POOL(sum_pixel, PLUS, PLUS_ONE)

#define TAPS 64			/* of a window, at once */

/* A window of more taps is done in parts. */
static void
window(const struct hmr_node *n, float *d, const float *const *s, int taps, size_t ch,
       bool first)
{
	const float *all[TAPS + 1];

	if (!first) {		/* with what there is already */
		all[0] = d;
		memcpy(all + 1, s, (size_t)taps * sizeof(*s));
		s = all;
		taps++;
	}
	(n->op == HMR_OP_AVG_POOL ? sum_pixel : max_pixel)(d, s, taps, ch);
}

static void
pool_row(const struct hmr_call *c, const int32_t pad[4], int64_t b, int64_t y)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	const struct hmr_node *n = c->n;
	size_t ch = (size_t)in->d[3];
	float *d = c->out[0] + (size_t)((b * out->d[1] + y) * out->d[2]) * ch;

	for (int64_t x = 0; x < out->d[2]; x++, d += ch) {
		const float *tap[TAPS];
		int64_t count = 0;
		bool first = true;
		int taps = 0;

		for (int64_t k = 0; k < n->kernel[0]; k++) {
			int64_t iy = y * n->stride[0] - pad[0] + k;
			int64_t ix = x * n->stride[1] - pad[1], end = ix + n->kernel[1];
			const float *s;

			if (iy < 0 || iy >= in->d[1])
				continue;
			s = c->in[0] + (b * in->d[1] + iy) * in->d[2] * (int64_t)ch;
			end = end > in->d[2] ? in->d[2] : end;
			for (ix = ix < 0 ? 0 : ix; ix < end; ix++) {
				count++;
				tap[taps++] = s + ix * (int64_t)ch;
				if (taps < TAPS)
					continue;
				window(n, d, tap, taps, ch, first);
				first = false;
				taps = 0;
			}
		}
		if (taps)	/* padding is smaller than the window: there is one at all */
			window(n, d, tap, taps, ch, first);
		if (n->op == HMR_OP_AVG_POOL)
			scale(d, ch, 1 / (float)(n->count_pad ?
				n->kernel[0] * n->kernel[1] : count));
		if (n->act)
			cpu_act_row(d, d, ch, n);
	}
}

static void
pool(const struct hmr_call *c)
{
	const struct hmr_dims *out = c->dim_out[0];
	const struct cpu_range rows = cpu_share(c, out->d[0] * out->d[1], 1);
	int64_t k[2] = { c->n->kernel[0], c->n->kernel[1] };
	int32_t pad[4];

	hmr_node_pads(c->n, k, c->dim_in[0], out, pad);
	for (int64_t r = rows.from; r < rows.to; r++)
		pool_row(c, pad, r / out->d[1], r % out->d[1]);
}

CPU_CLONES static void
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
	const struct cpu_range rows = cpu_share(c, out->d[0] * out->d[1], 1);
	const int64_t ch = out->d[3];

	for (int64_t r = rows.from; r < rows.to; r++) {
		const float *s = c->in[0] + r / out->d[1] * in->d[1] * in->d[2] * ch;
		float *d = c->out[0] + r * out->d[2] * ch, fx, fy;
		int64_t y0, y1, x0, x1;

		hmr_resize_tap(c->n, r % out->d[1], in->d[1], out->d[1], &y0, &y1, &fy);
		for (int64_t x = 0; x < out->d[2]; x++, d += ch) {
			hmr_resize_tap(c->n, x, in->d[2], out->d[2], &x0, &x1, &fx);
			if (c->n->take) {
				memcpy(d, s + (y0 * in->d[2] + x0) * ch,
				       (size_t)ch * sizeof(*d));
				continue;
			}
			mix(d, s + (y0 * in->d[2] + x0) * ch, s + (y0 * in->d[2] + x1) * ch,
			    s + (y1 * in->d[2] + x0) * ch, s + (y1 * in->d[2] + x1) * ch,
			    fx, fy, (size_t)ch);
		}
	}
}

void
cpu_tail(const struct cpu_step *s, const struct cpu_piece *p)
{
	const size_t total = hmr_dims_total(&p->out);
	float *d = s->out + p->out_at;

	for (size_t i = 0; i < total; i += CPU_CHUNK) {
		size_t n = total - i < CPU_CHUNK ? total - i : CPU_CHUNK;

		if (!cpu_act_inside(s->n))
			cpu_act_row(d + i, d + i, n, s->n);
		if (s->add) {
			cpu_add_row(d + i, d + i, s->other + p->out_at + i, n);
			cpu_act_row(d + i, d + i, n, s->add);
		}
	}
}

void
hmr_cpu_call(const struct hmr_call *c)
{
	switch (c->n->op) {
	case HMR_OP_ACT: act(c); break;
	case HMR_OP_MAX_POOL: case HMR_OP_AVG_POOL: pool(c); break;
	case HMR_OP_RESIZE: resize(c); break;
	default:
		if (!cpu_move_call(c) && !cpu_math_call(c) && c->part == 0)
			hmr_ref_call(c);
	}
}

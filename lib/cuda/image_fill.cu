/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network's input from planes of an image, in one pass: resampling, colour,
 * normalisation, padding. Sums are taken in the order of image/sample.c and this
 * file is compiled without fused products, so that float32 inputs equal the CPU's
 * bit for bit.
 *
 * A thread is a pixel of the input and reads all of its source samples: 6 x 6 of luma
 * from 1080p to 448 wide, which neighbours share in the cache. Which samples those are
 * is worked out once for each row and column, in double precision.
 */
#include "cuda/image_args.h"
#include "cuda/kernels.h"

HMR_FN double
cut(double v, double hi)
{
	return v < 0 ? 0 : v > hi ? hi : v;
}

/* axis.c: plan_linear(). */
HMR_FN void
linear(struct image_tap *t, const struct image_line *l, double c)
{
	double n = l->n_src, p = c - 0.5, base, f;
	int64_t k, last = (int64_t)l->n_src - 1;

	p = p < -2 ? -2 : p > n + 1 ? n + 1 : p;
	base = floor(p);
	f = p - base;
	k = (int64_t)base;
	t->count = 2;
	t->w[0] = (float)(1 - f);
	t->w[1] = 0;
	t->w[2] = (float)f;
	if (k >= 0 && k < last) {
		t->first = (uint32_t)k;
		return;
	}
	t->first = k < 0 ? 0 : (uint32_t)last;
	t->w[2] = 0;
	if (l->black)
		t->w[0] = k == -1 ? (float)f : k == last ? (float)(1 - f) : 0;
	else
		t->w[0] = 1;
}

/* Weight of sample k of [a, b). */
HMR_FN float
part(double k, double a, double b, double norm)
{
	double x0 = k > a ? k : a, x1 = k + 1 < b ? k + 1 : b;

	return (float)((x1 - x0) / norm);
}

/* axis.c: plan_box(). */
HMR_FN void
box(struct image_tap *t, const struct image_line *l, double lo, double hi)
{
	double a = cut(lo, l->n_src), b = cut(hi, l->n_src);
	double norm = l->black ? hi - lo : b - a;
	uint32_t end = (uint32_t)ceil(b);

	t->w[1] = t->w[2] = 0;
	if (b - a <= 0 || norm <= 0) {
		t->first = lo < 0 ? 0 : l->n_src - 1;
		t->count = 1;
		t->w[0] = l->black ? 0.f : 1.f;
		return;
	}
	t->first = (uint32_t)a;
	t->count = end - t->first;
	t->w[0] = part(t->first, a, b, norm);
	t->w[1] = (float)(1 / norm);
	t->w[2] = part(end - 1.0, a, b, norm);
}

HMR_FN float
weight(const struct image_tap *t, uint32_t k)
{
	return !k ? t->w[0] : k + 1 == t->count ? t->w[2] : t->w[1];
}

HMR_KERNEL_EACH(image_axes, struct image_axes)
{
	uint32_t k = (uint32_t)(i % a->most), line = (uint32_t)(i / a->most % 4);
	const struct image_job *j = (const struct image_job *)(const void *)
		(a->job + i / a->most / 4 * a->job_step);
	const struct image_line *l = &j->line[line];
	struct image_tap *t = &a->tap[i];
	double lo = l->start + k * l->step, hi = l->start + (k + 1.0) * l->step;
	float sum = 0;

	if (k >= l->n)
		return;
	if (l->step <= 2)
		linear(t, l, (lo + hi) / 2);
	else
		box(t, l, lo, hi);
	for (uint32_t m = 0; m < t->count; m++)
		sum += weight(t, m);
	t->cover = l->black ? sum : 1;
}

HMR_FN float
sample(const uint8_t *row, uint32_t depth, size_t at)
{
	if (depth > 8)
		return (float)((const uint16_t *)(const void *)row)[at];
	return (float)row[at];
}

/* sample.c: a column of the taps of y, rows in pairs. */
HMR_FN float
column(const struct image_job *j, uint32_t p, size_t at, const struct image_tap *y,
       uint32_t rows)
{
	const uint8_t *base = j->plane[p] + (size_t)y->first * j->stride[p];
	uint32_t taps = y->first + y->count > rows ? rows - y->first : y->count;
	uint32_t k = taps % 2;
	float acc = k ? y->w[0] * sample(base, j->depth, at) : 0;

	for (; k < taps; k += 2) {
		const uint8_t *row = base + (size_t)k * j->stride[p];

		acc += weight(y, k) * sample(row, j->depth, at) +
		       weight(y, k + 1) * sample(row + j->stride[p], j->depth, at);
	}
	return acc;
}

/* sample.c: filter_x() over such columns; channel c of `step` interleaved ones. */
HMR_FN float
filtered(const struct image_job *j, uint32_t p, uint32_t step, uint32_t c, int chroma,
	 const struct image_tap *x, const struct image_tap *y)
{
	uint32_t cols = chroma ? j->cw : j->width, rows = chroma ? j->ch : j->height;
	size_t at = (size_t)x->first * step + c;
	float sum = 0;

	if (j->line[chroma ? 2 : 0].step <= 2) {
		float left = column(j, p, at, y, rows);
		float right = x->first + 1 < cols ? column(j, p, at + step, y, rows) : 0;

		return x->w[0] * left + x->w[2] * right;
	}
	for (uint32_t k = 0; k < x->count; k++)
		sum += weight(x, k) * column(j, p, at + (size_t)k * step, y, rows);
	return sum;
}

/* colour.c: bilinear(). */
HMR_FN float
bilinear(const struct image_job *j, uint32_t p, uint32_t step, uint32_t c, int chroma,
	 double x, double y, float *cover)
{
	double w = chroma ? j->cw : j->width, h = chroma ? j->ch : j->height;
	double bx = floor(x - 0.5), by = floor(y - 0.5);
	double fx = x - 0.5 - bx, fy = y - 0.5 - by;
	float sum = 0;

	*cover = 0;
	for (int t = 0; t < 4; t++) {
		double px = bx + t % 2, py = by + t / 2;
		float at = (float)((t % 2 ? fx : 1 - fx) * (t / 2 ? fy : 1 - fy));

		if (px < 0 || py < 0 || px > w - 1 || py > h - 1) {
			if (!chroma)
				continue;
			px = cut(px, w - 1);
			py = cut(py, h - 1);
		}
		*cover += at;
		sum += at * sample(j->plane[p] + (size_t)py * j->stride[p], j->depth,
				   (size_t)px * step + c);
	}
	return sum;
}

/* colour.c: hmr_colour_fetch(). */
HMR_FN void
fetch(const struct image_job *j, double x, double y, float out[4])
{
	double sx = j->pixel == HMR_PIXEL_YUV444P ? 1 : 2;
	double sy = sx > 1 && j->pixel != HMR_PIXEL_YUV422P ? 2 : 1;
	uint32_t step = j->colour.rgb ? 3 : 1, pairs = j->pixel == HMR_PIXEL_NV12;
	float unused;

	out[1] = out[2] = 0;
	for (uint32_t c = 0; c < step; c++)
		out[c] = bilinear(j, 0, step, c, 0, x, y, &out[3]);
	for (uint32_t c = 0; c < 2 && !j->colour.rgb && !j->colour.gray; c++)
		out[1 + c] = bilinear(j, pairs ? 1 : 1 + c, pairs ? 2 : 1, pairs ? c : 0, 1,
				      x / sx, y / sy, &unused);
}

/* sample.c: turned_row(). Samples and coverage. */
HMR_FN void
turned(const struct image_job *j, uint32_t u, uint32_t v, float out[4])
{
	const struct image_turn *t = &j->turn;
	float mean = 1.0f / (float)(t->k * t->k), sum[4] = { 0, 0, 0, 0 };

	for (uint32_t s = 0; s < t->k * t->k; s++) {
		double p = (u + (s % t->k + 0.5) / t->k) / j->size[0] - 0.5;
		double q = (v + (s / t->k + 0.5) / t->k) / j->size[1] - 0.5;
		float yuv[4];

		fetch(j, t->centre[0] + t->side * (t->cs * p - t->sn * q),
		      t->centre[1] + t->side * (t->sn * p + t->cs * q), yuv);
		for (int c = 0; c < 4; c++)
			sum[c] += yuv[c];
	}
	for (int c = 0; c < 4; c++)
		out[c] = sum[c] * mean;
}

/* sample.c: fill_lines(). */
HMR_FN void
straight(const struct image_job *j, const struct image_tap *tap, uint32_t most, uint32_t u,
	 uint32_t v, float out[4])
{
	const struct image_tap *x = tap + u, *y = tap + most + v;
	const struct image_tap *cx = tap + 2 * (size_t)most + u, *cy = tap + 3 * (size_t)most + v;
	uint32_t step = j->colour.rgb ? 3 : 1, pairs = j->pixel == HMR_PIXEL_NV12;

	out[1] = out[2] = 0;
	out[3] = x->cover * y->cover;
	for (uint32_t c = 0; c < step; c++)
		out[c] = filtered(j, 0, step, c, 0, x, y);
	for (uint32_t c = 0; c < 2 && !j->colour.rgb && !j->colour.gray; c++)
		out[1 + c] = filtered(j, pairs ? 1 : 1 + c, pairs ? 2 : 1, pairs ? c : 0, 1,
				      cx, cy);
}

HMR_FN float
unit(float v)
{
	v = v > 0 ? v : 0;
	return v < 1 ? v : 1;
}

/* colour.c: hmr_colour_row(). Samples and coverage to R, G, B. */
HMR_FN void
colours(const struct hmr_colour *k, const float s[4], float rgb[3])
{
	float l = (s[0] - k->zero_y * s[3]) * k->gy;
	float cb = (s[1] - k->zero_c) * s[3], cr = (s[2] - k->zero_c) * s[3];

	if (k->rgb || k->gray) {
		for (int c = 0; c < 3; c++)
			rgb[c] = unit((s[k->gray ? 0 : c] - k->zero_y * s[3]) * k->gy);
		return;
	}
	rgb[0] = unit(l + k->rv * cr);
	rgb[1] = unit(l + (k->gu * cb + k->gv * cr));
	rgb[2] = unit(l + k->bu * cb);
}

/* A pixel of the input; returns where its first colour goes. */
HMR_FN size_t
pixel(const struct image_fill *a, uint64_t i, float out[3])
{
	uint64_t plane = (uint64_t)a->width * a->height, image = i / plane;
	uint32_t u = (uint32_t)(i % plane % a->width), v = (uint32_t)(i % plane / a->width);
	const struct image_job *j = (const struct image_job *)(const void *)
		(a->job + image * a->job_step);
	uint32_t x = u - j->at[0], y = v - j->at[1];	/* wraps outside */
	float s[4], rgb[3];

	for (int c = 0; c < 3; c++)
		out[c] = j->fill[c];
	if (x < j->size[0] && y < j->size[1]) {
		if (j->turn.k)
			turned(j, x, y, s);
		else
			straight(j, a->tap + image * 4 * a->most, a->most, x, y, s);
		colours(&j->colour, s, rgb);
		for (int c = 0; c < 3; c++)
			out[c] = rgb[c] * j->scale[c] + j->bias[c];
	}
	return (size_t)(image * 3 * plane + (i % plane) * a->step);
}

#define FILL(name, type, st) \
HMR_KERNEL_EACH(name, struct image_fill) \
{ \
	float rgb[3]; \
	type *y = (type *)a->y + pixel(a, i, rgb); \
\
	for (int c = 0; c < 3; c++) \
		y[(size_t)(a->bgr ? 2 - c : c) * a->channel] = st(rgb[c]); \
}

FILL(image_fill_f32, float, )
FILL(image_fill_f16, uint16_t, hmr_st_f16)
FILL(image_fill_bf16, uint16_t, hmr_st_bf16)

HMR_KERNELS(hmr_kernels_image) = {
	HMR_KERNEL_ENTRY(image_axes, struct image_axes),
	HMR_KERNEL_ENTRY(image_fill_f32, struct image_fill),
	HMR_KERNEL_ENTRY(image_fill_f16, struct image_fill),
	HMR_KERNEL_ENTRY(image_fill_bf16, struct image_fill), HMR_KERNELS_END
};

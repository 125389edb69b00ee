/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See rgb.h. Samples of any depth are brought to 12 bit; two chroma rows are
 * mixed and spread to the width, then the matrix is applied with 18-bit
 * coefficients. A row is done in passes over plain arrays that compilers turn
 * into vectors.
 */
#include "image/rgb.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/colour.h"

#define SHIFT HMR_RGB_SHIFT

#define VECTORISE __attribute__((optimize("O3")))
#ifdef __clang__
#undef VECTORISE
#define VECTORISE
#endif

struct hmr_rgb {
	uint32_t width_max;
	int16_t *y, *u, *v;	/* a row at 12 bit */
	int16_t *low[2];	/* chroma rows before spreading */
	uint8_t *out[3];	/* R, G, B of a row */
};

size_t
hmr_rgb_bytes(uint32_t width_max)
{
	return sizeof(struct hmr_rgb) + ((size_t)width_max + 2) * (5 * 2 + 3);
}

enum hmr_status
hmr_rgb_new(struct hmr_rgb **out, uint32_t width_max, struct hmr_err *e)
{
	struct hmr_rgb *c = calloc(1, sizeof(*c));
	size_t n = (size_t)width_max + 2;

	*out = NULL;
	if (!c || !(c->y = calloc(n, 5 * sizeof(*c->y))) ||
	    !(c->out[0] = calloc(n, 3))) {
		hmr_rgb_free(c);
		return hmr_fail(e, HMR_E_NOMEM, "conversion to RGB: out of memory");
	}
	c->width_max = width_max;
	c->u = c->y + n;
	c->v = c->u + n;
	c->low[0] = c->v + n;
	c->low[1] = c->low[0] + n;
	c->out[1] = c->out[0] + n;
	c->out[2] = c->out[1] + n;
	*out = c;
	return HMR_OK;
}

void
hmr_rgb_free(struct hmr_rgb *c)
{
	if (!c)
		return;
	free(c->y);
	free(c->out[0]);
	free(c);
}

struct hmr_rgb_matrix
hmr_rgb_matrix_of(const struct hmr_image *im)
{
	struct hmr_colour k;
	struct hmr_rgb_matrix m;
	/* hmr_colour is for samples as they are; ours are at 12 bit */
	double unit = im->depth < 12 ? 1.0 / (1 << (12 - im->depth))
				     : 1 << (im->depth - 12);
	double s = 255.0 * (1 << SHIFT) * unit;

	hmr_colour_init(&k, im);
	m.y = (int32_t)lrint((double)k.gy * s);
	m.zero_y = (int32_t)lrint((double)k.zero_y / unit);
	m.rv = (int32_t)lrint((double)k.rv * s);
	m.gu = (int32_t)lrint((double)k.gu * s);
	m.gv = (int32_t)lrint((double)k.gv * s);
	m.bu = (int32_t)lrint((double)k.bu * s);
	return m;
}

/* n samples, step apart, to 12 bit. */
VECTORISE static void
load8(const uint8_t *restrict p, size_t n, size_t step, int16_t *restrict to)
{
	if (step == 1)
		for (size_t i = 0; i < n; i++)
			to[i] = (int16_t)(p[i] << 4);
	else
		for (size_t i = 0; i < n; i++)
			to[i] = (int16_t)(p[i * step] << 4);
}

VECTORISE static void
load16(const uint8_t *restrict p, size_t n, size_t step, uint32_t depth,
       int16_t *restrict to)
{
	int up = depth < 12 ? 12 - (int)depth : 0;
	int down = depth > 12 ? (int)depth - 12 : 0;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *q = p + 2 * i * step;
		int v = (q[0] | q[1] << 8) << up >> down;

		to[i] = (int16_t)(v < 4095 ? v : 4095);
	}
}

static void
load(const struct hmr_image *im, uint32_t plane, uint32_t row, size_t first,
     size_t n, size_t step, int16_t *to)
{
	const uint8_t *p = im->plane[plane] + (size_t)row * im->stride[plane];

	if (im->depth == 8)
		load8(p + first, n, step, to);
	else
		load16(p + 2 * first, n, step, im->depth, to);
}

VECTORISE static void
mix(int16_t *restrict a, const int16_t *restrict b, size_t n)
{
	for (size_t i = 0; i < n; i++)	/* a is the nearer row */
		a[i] = (int16_t)((3 * a[i] + b[i] + 2) >> 2);
}

VECTORISE static void
spread(const int16_t *restrict a, size_t n, size_t width, int16_t *restrict to)
{
	for (size_t i = 0; i + 1 < n; i++) {
		to[2 * i] = a[i];
		to[2 * i + 1] = (int16_t)((a[i] + a[i + 1] + 1) >> 1);
	}
	to[width - 1] = a[n - 1];
	to[2 * (n - 1)] = a[n - 1];
}

/* One chroma component of row y over the whole width. */
static void
chroma(struct hmr_rgb *c, const struct hmr_image *im, int component, uint32_t y,
       int16_t *to)
{
	uint32_t plane = im->pixel == HMR_PIXEL_NV12 ? 1 : 1 + (uint32_t)component;
	size_t step = im->pixel == HMR_PIXEL_NV12 ? 2 : 1;
	size_t first = step == 2 ? (size_t)component : 0;
	size_t n = (im->width + (size_t)1) / 2;
	uint32_t rows = hmr_plane_rows(im, plane), row = y, other;

	if (im->pixel == HMR_PIXEL_YUV444P) {
		load(im, plane, y, 0, im->width, 1, to);
		return;
	}
	if (im->pixel == HMR_PIXEL_YUV422P) {
		load(im, plane, y, 0, n, 1, c->low[0]);
	} else {
		row = y / 2;
		other = y & 1 ? (row + 1 < rows ? row + 1 : row) : row ? row - 1 : 0;
		load(im, plane, row, first, n, step, c->low[0]);
		load(im, plane, other, first, n, step, c->low[1]);
		mix(c->low[0], c->low[1], n);
	}
	spread(c->low[0], n, im->width, to);
}

static inline int32_t
clamp8(int32_t v)
{
	v >>= SHIFT;
	v = v > 0 ? v : 0;
	return v < 255 ? v : 255;
}

VECTORISE static void
apply(const struct hmr_rgb_matrix *k, const int16_t *restrict y,
      const int16_t *restrict u, const int16_t *restrict v, size_t n,
      uint8_t *restrict r, uint8_t *restrict g, uint8_t *restrict b)
{
	const int32_t half = 1 << (SHIFT - 1), zero = k->zero_y, ky = k->y;
	const int32_t rv = k->rv, gu = k->gu, gv = k->gv, bu = k->bu;

	for (size_t i = 0; i < n; i++) {
		int32_t l = (y[i] - zero) * ky + half;
		int32_t cb = u[i] - 2048, cr = v[i] - 2048;

		r[i] = (uint8_t)clamp8(l + rv * cr);
		g[i] = (uint8_t)clamp8(l + gu * cb + gv * cr);
		b[i] = (uint8_t)clamp8(l + bu * cb);
	}
}

static void
interleave(const uint8_t *restrict r, const uint8_t *restrict g,
	   const uint8_t *restrict b, size_t n, uint8_t *restrict to)
{
	for (size_t i = 0; i < n; i++, to += 3) {
		to[0] = r[i];
		to[1] = g[i];
		to[2] = b[i];
	}
}

VECTORISE static void
gray(const struct hmr_rgb_matrix *k, const int16_t *restrict y, size_t n,
     uint8_t *restrict to)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)clamp8((y[i] - k->zero_y) * k->y +
					(1 << (SHIFT - 1)));
}

enum hmr_status
hmr_rgb_convert(struct hmr_rgb *c, const struct hmr_image *im, uint8_t *to,
		size_t stride, struct hmr_err *e)
{
	struct hmr_rgb_matrix k;
	size_t n = im->width;

	if (im->width > c->width_max)
		return hmr_fail(e, HMR_E_LIMIT, "image: %u px wide, planned for %u",
				im->width, c->width_max);
	k = hmr_rgb_matrix_of(im);
	for (uint32_t y = 0; y < im->height; y++, to += stride) {
		if (im->pixel == HMR_PIXEL_RGB24) {
			memcpy(to, im->plane[0] + (size_t)y * im->stride[0], n * 3);
			continue;
		}
		load(im, 0, y, 0, n, 1, c->y);
		if (im->pixel == HMR_PIXEL_GRAY) {
			gray(&k, c->y, n, c->out[0]);
			interleave(c->out[0], c->out[0], c->out[0], n, to);
			continue;
		}
		chroma(c, im, 0, y, c->u);
		chroma(c, im, 1, y, c->v);
		apply(&k, c->y, c->u, c->v, n, c->out[0], c->out[1], c->out[2]);
		interleave(c->out[0], c->out[1], c->out[2], n, to);
	}
	return HMR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crops for HMR2. Fixed-point positions and weights are OpenCV's (imgwarp.cpp,
 * 10 bits for the products, 5 for the fraction, 15 for the weights), the blur is
 * scikit-image's: radius 4 sigma, edges repeated, rows before columns.
 */
#include "hmr2/hmr2_crop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hmr2/hmr2_net.h"

#define SIDE ((int)HMR_HMR2_CROP)
#define BLUR_FROM 1.1		/* blur where side / 256 / 2 is larger */

static const float mean[3] = { 0.485f, 0.456f, 0.406f };
static const float deviation[3] = { 0.229f, 0.224f, 0.225f };

struct hmr2_cropper {
	uint32_t width;
	float *column;		/* [width][3]: a row blurred down */
	float *row[2];		/* [SIDE][2][3]: the taps of a source row */
	int row_y[2];		/* which rows they are */
	float kernel[2 * HMR2K_RADIUS + 1];
	int radius;
	int at_x[HMR_HMR2_CROP], at_y[HMR_HMR2_CROP];	/* in 1/32 px */
};

size_t
hmr2_cropper_bytes(uint32_t width)
{
	return sizeof(struct hmr2_cropper) + (size_t)width * 12 + SIDE * 2 * 2 * 12;
}

enum hmr_status
hmr2_cropper_new(struct hmr2_cropper **out, uint32_t width, struct hmr_err *e)
{
	struct hmr2_cropper *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (c && (c->column = malloc((size_t)width * 3 * sizeof(float))) &&
	    (c->row[0] = malloc(SIDE * 2 * 3 * sizeof(float))) &&
	    (c->row[1] = malloc(SIDE * 2 * 3 * sizeof(float)))) {
		c->width = width;
		*out = c;
		return HMR_OK;
	}
	hmr2_cropper_free(c);
	return hmr_fail(e, HMR_E_NOMEM, "crops");
}

void
hmr2_cropper_free(struct hmr2_cropper *c)
{
	if (!c)
		return;
	free(c->column);
	free(c->row[0]);
	free(c->row[1]);
	free(c);
}

void
hmr2_square_of(const float b[4], struct hmr2_square *out)
{
	float w = b[2] - b[0], h = b[3] - b[1];

	out->centre[0] = (b[0] + b[2]) / 2;
	out->centre[1] = (b[1] + b[3]) / 2;
	out->side = fmaxf(h, w * 256 / 192);	/* the box made 3:4, then square */
}

/* Positions in 1/32 px of output columns or rows on one axis, as warpAffine
 * rounds them; far outside of any image where they do not fit. The reference
 * solves for the matrix from points in float32. */
static void
positions(float centre, float side, int *at)
{
	double edge = (double)(centre + side * 0.5f);
	double scale = 128 / (edge - (double)centre);		/* px in to px out */
	double inverse = scale / (scale * scale);
	double offset = -inverse * (128 - scale * (double)centre);

	for (int i = 0; i < SIDE; i++) {
		double a = rint(offset * 1024) + rint(inverse * i * 1024) + 16;

		at[i] = fabs(a) < 0x1p30 ? (int)a >> 5 : -(1 << 25);
	}
}

static void
normalise(float *out, size_t plane, const float rgb[3])
{
	for (int k = 0; k < 3; k++)
		out[(size_t)k * plane] = (rgb[k] - 255 * mean[k]) /
			(255 * deviation[k]);
}

/* One output pixel of 8-bit input. x, y in 1/32 px. */
static void
sample(const struct hmr2_rgb *im, int x, int y, float rgb[3])
{
	int sx = x >> 5, sy = y >> 5, fx = x & 31, fy = y & 31;
	int weight[2][2] = { { (32 - fx) * (32 - fy) * 32, fx * (32 - fy) * 32 },
			     { (32 - fx) * fy * 32, fx * fy * 32 } };
	int sum[3] = { 1 << 14, 1 << 14, 1 << 14 };

	for (int j = 0; j < 2; j++)
		for (int i = 0; i < 2; i++) {
			const uint8_t *p;

			if (sx + i < 0 || sx + i >= (int)im->width || sy + j < 0 ||
			    sy + j >= (int)im->height)
				continue;
			p = im->data + (size_t)(sy + j) * im->stride +
				3 * (size_t)(sx + i);
			for (int k = 0; k < 3; k++)
				sum[k] += weight[j][i] * p[k];
		}
	for (int k = 0; k < 3; k++)
		rgb[k] = (float)(sum[k] >> 15);
}

/* Its radius: at most HMR2K_RADIUS, that of a crop of 66,000 px. */
static int
make_kernel(double sigma, float *out)
{
	int radius = (int)fmin(4 * sigma + 0.5, HMR2K_RADIUS);
	double sum = 0;

	for (int i = -radius; i <= radius; i++)
		sum += exp(-0.5 * i * i / (sigma * sigma));
	for (int i = -radius; i <= radius; i++)
		out[i + radius] = (float)(exp(-0.5 * i * i / (sigma * sigma)) / sum);
	return radius;
}

static int
clamp(int v, int n)
{
	return v < 0 ? 0 : v < n ? v : n - 1;
}

/* Columns [a, b) of row y blurred down into c->column. */
static void
blur_down(struct hmr2_cropper *c, const struct hmr2_rgb *im, int y, int a, int b)
{
	size_t n = 3 * (size_t)(b - a);
	float *to = c->column + 3 * (size_t)a;

	memset(to, 0, n * sizeof(*to));
	for (int k = -c->radius; k <= c->radius; k++) {
		const uint8_t *p = im->data + 3 * (size_t)a +
			(size_t)clamp(y + k, (int)im->height) * im->stride;
		float w = c->kernel[k + c->radius];

		for (size_t i = 0; i < n; i++)
			to[i] += w * (float)p[i];
	}
}

/* Both taps of all output columns on source row y, blurred; 0 outside. */
static void
blur_row(struct hmr2_cropper *c, const struct hmr2_rgb *im, int y, uint32_t x0,
	 uint32_t x1, float *to)
{
	int w = (int)im->width;
	int a = clamp((c->at_x[x0] >> 5) - c->radius, w);
	int b = clamp((c->at_x[x1 - 1] >> 5) + 1 + c->radius, w) + 1;

	memset(to, 0, SIDE * 2 * 3 * sizeof(*to));
	if (y < 0 || y >= (int)im->height)
		return;
	blur_down(c, im, y, a, b);
	for (uint32_t u = x0; u < x1; u++)
		for (int i = 0; i < 2; i++) {
			int x = (c->at_x[u] >> 5) + i;
			float *t = to + (u * 2 + (uint32_t)i) * 3;

			if (x < 0 || x >= w)
				continue;
			for (int k = -c->radius; k <= c->radius; k++) {
				const float *p = c->column + 3 * clamp(x + k, w);
				float f = c->kernel[k + c->radius];

				t[0] += f * p[0];
				t[1] += f * p[1];
				t[2] += f * p[2];
			}
		}
}

/* The row's taps, kept for the next output row where it needs them too. */
static const float *
taps(struct hmr2_cropper *c, const struct hmr2_rgb *im, int y, int slot, uint32_t x0,
     uint32_t x1)
{
	for (int i = 0; i < 2; i++)
		if (c->row_y[i] == y)
			return c->row[i];
	c->row_y[slot] = y;
	blur_row(c, im, y, x0, x1, c->row[slot]);
	return c->row[slot];
}

static void
blurred(struct hmr2_cropper *c, const struct hmr2_rgb *im, uint32_t x0, uint32_t x1,
	float *out)
{
	size_t width = x1 - x0, plane = SIDE * width;

	c->row_y[0] = c->row_y[1] = INT32_MIN;
	for (int v = 0; v < SIDE; v++) {
		int sy = c->at_y[v] >> 5;
		int lower = c->row_y[0] == sy;	/* do not overwrite the upper row */
		const float *a = taps(c, im, sy, lower, x0, x1);
		const float *b = taps(c, im, sy + 1, a == c->row[0], x0, x1);
		float fy = (float)(c->at_y[v] & 31) / 32;

		for (uint32_t u = x0; u < x1; u++) {
			float fx = (float)(c->at_x[u] & 31) / 32, rgb[3];

			for (int k = 0; k < 3; k++) {
				const float *p = a + u * 6 + k, *q = b + u * 6 + k;

				rgb[k] = (1 - fy) * ((1 - fx) * p[0] + fx * p[3]) +
					fy * ((1 - fx) * q[0] + fx * q[3]);
			}
			normalise(out + (size_t)v * width + (u - x0), plane, rgb);
		}
	}
}

/* A square that a crop can be taken of. */
static bool
sane(const struct hmr2_square *s)
{
	return s->side > 0 && s->side < 1e7f && fabsf(s->centre[0]) < 1e7f &&
		fabsf(s->centre[1]) < 1e7f;
}

/* Deviation of the blur; 0: none. */
static double
blur(const struct hmr2_square *s, bool antialias)
{
	double factor = (double)s->side / SIDE / 2;

	return antialias && factor > BLUR_FROM ? (factor - 1) / 2 : 0;
}

void
hmr2_crop(struct hmr2_cropper *c, const struct hmr2_rgb *im,
	  const struct hmr2_square *s, bool antialias, uint32_t x0, uint32_t x1,
	  float *out)
{
	size_t width = x1 - x0, plane = SIDE * width;
	double sigma = blur(s, antialias);
	float rgb[3] = { 0, 0, 0 };

	if (!sane(s) || im->width > c->width) {
		for (size_t i = 0; i < plane; i++)
			normalise(out + i, plane, rgb);
		return;
	}
	positions(s->centre[0], s->side, c->at_x);
	positions(s->centre[1], s->side, c->at_y);
	if (sigma > 0) {
		c->radius = make_kernel(sigma, c->kernel);
		blurred(c, im, x0, x1, out);
		return;
	}
	for (int v = 0; v < SIDE; v++)
		for (uint32_t u = x0; u < x1; u++) {
			sample(im, c->at_x[u], c->at_y[v], rgb);
			normalise(out + (size_t)v * width + (u - x0), plane, rgb);
		}
}

void
hmr2_crop_prepare(const struct hmr2_square *s, bool antialias,
		  struct hmr2_crop_job *out)
{
	double sigma = blur(s, antialias);

	out->radius = -1;
	for (int i = 0; i < SIDE; i++)
		out->x[i] = out->y[i] = -(1 << 25);	/* black */
	if (!sane(s))
		return;
	positions(s->centre[0], s->side, out->x);
	positions(s->centre[1], s->side, out->y);
	if (sigma > 0)
		out->radius = make_kernel(sigma, out->kernel);
}

void
hmr2_camera_full(const float camera[3], const struct hmr2_square *s, float focal,
		 uint32_t width, uint32_t height, float out[3])
{
	float bs = s->side * camera[0] + 1e-9f;

	out[0] = 2 * (s->centre[0] - (float)width / 2) / bs + camera[1];
	out[1] = 2 * (s->centre[1] - (float)height / 2) / bs + camera[2];
	out[2] = 2 * focal / bs;
}

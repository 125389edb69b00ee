/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hmr_sample_image() and hmr_sample_crop() against a plain reference in double
 * precision that looks at every source sample for every pixel, over all formats,
 * depths, ranges, matrices, sizes and positions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/sample.h"

#define MAX_SAMPLES (64 * 64 * 3)

static uint16_t store[3][MAX_SAMPLES];	/* room for 8 and 16 bit */

static uint32_t
noise(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void
make_image(struct hmr_image *im, enum hmr_pixel pixel, uint32_t depth,
	   uint32_t w, uint32_t h)
{
	uint32_t state = w * 7 + h;

	memset(im, 0, sizeof(*im));
	im->pixel = pixel;
	im->depth = depth;
	im->width = w;
	im->height = h;
	im->matrix = HMR_MATRIX_BT709;
	im->range = HMR_RANGE_LIMITED;
	im->planes = hmr_pixel_planes(pixel);
	for (uint32_t p = 0; p < im->planes; p++) {
		size_t row = hmr_plane_row(im, p);
		uint8_t *bytes = (uint8_t *)store[p];

		im->stride[p] = (uint32_t)(row + 6) & ~1u;
		im->plane[p] = bytes;
		assert_true((size_t)im->stride[p] * hmr_plane_rows(im, p) <=
			    sizeof(store[p]));
		for (uint32_t y = 0; y < hmr_plane_rows(im, p); y++)
			for (size_t i = 0; i < row; i += depth > 8 ? 2 : 1) {
				uint32_t v = noise(&state) & ((1u << depth) - 1);

				bytes[y * im->stride[p] + i] = (uint8_t)v;
				if (depth > 8)
					bytes[y * im->stride[p] + i + 1] =
						(uint8_t)(v >> 8);
			}
	}
	assert_int_equal(hmr_image_check(im, NULL), HMR_OK);
}

static double
sample(const struct hmr_image *im, int c, uint32_t x, uint32_t y)
{
	uint32_t p = (uint32_t)c, i = x;
	const uint8_t *row;

	if (im->pixel == HMR_PIXEL_RGB24) {
		p = 0;
		i = 3 * x + (uint32_t)c;
	} else if (im->pixel == HMR_PIXEL_NV12 && c) {
		p = 1;
		i = 2 * x + (uint32_t)c - 1;
	}
	row = im->plane[p] + (size_t)y * im->stride[p];
	return im->depth > 8 ? row[2 * i] + 256.0 * row[2 * i + 1] : row[i];
}

/* The weight of source sample k for the interval [lo, hi). */
static double
weight(double lo, double hi, long k)
{
	double step = hi - lo;

	if (step <= 2) {
		double d = fabs((lo + hi) / 2 - ((double)k + 0.5));

		return d < 1 ? 1 - d : 0;
	}
	lo = fmax(lo, (double)k);
	hi = fmin(hi, (double)k + 1);
	return hi > lo ? (hi - lo) / step : 0;
}

/* A channel over an interval in x and y; outside samples are zero (black) or the
 * nearest inside, in a box they do not count. */
static double
mean(const struct hmr_image *im, int c, uint32_t w, uint32_t h,
     const double x[2], const double y[2], int black, double *cover)
{
	double sum = 0, inside = 0, all = 0;
	int box_x = x[1] - x[0] > 2, box_y = y[1] - y[0] > 2;

	for (long j = (long)floor(y[0]) - 2; j <= (long)ceil(y[1]) + 2; j++)
		for (long i = (long)floor(x[0]) - 2; i <= (long)ceil(x[1]) + 2; i++) {
			double k = weight(x[0], x[1], i) * weight(y[0], y[1], j);
			long ci = i, cj = j;
			int out_x = i < 0 || i >= (long)w, out_y = j < 0 || j >= (long)h;

			if (k == 0)
				continue;
			if (out_x || out_y) {
				if (black || (out_x && box_x) || (out_y && box_y))
					continue;
				ci = i < 0 ? 0 : i >= (long)w ? (long)w - 1 : i;
				cj = j < 0 ? 0 : j >= (long)h ? (long)h - 1 : j;
			}
			inside += k;
			sum += k * sample(im, c, (uint32_t)ci, (uint32_t)cj);
		}
	all = black ? 1 : inside;
	*cover = inside;
	return all > 0 ? sum / all : 0;
}

static void
reference(const struct hmr_image *im, const double x[2], const double y[2],
	  int black, double rgb[3])
{
	double unit = 1u << (im->depth - 8), top = 256 * unit - 1, cover, unused;
	double v[3] = { 0, 0, 0 };
	double kr = .299, kb = .114, l, cb, cr;
	int full = im->range == HMR_RANGE_FULL;

	if (im->pixel == HMR_PIXEL_RGB24) {
		for (int c = 0; c < 3; c++)
			rgb[c] = mean(im, c, im->width, im->height, x, y, black,
				      &cover) / 255;
		return;
	}
	if (im->matrix == HMR_MATRIX_BT709)
		kr = .2126, kb = .0722;
	if (im->matrix == HMR_MATRIX_BT2020)
		kr = .2627, kb = .0593;
	v[0] = mean(im, 0, im->width, im->height, x, y, black, &cover);
	if (!black)
		cover = 1;
	l = full ? v[0] / top : (v[0] - 16 * unit * cover) / (219 * unit);
	cb = cr = 0;
	if (im->pixel != HMR_PIXEL_GRAY) {
		int hx = im->pixel != HMR_PIXEL_YUV444P;
		int hy = im->pixel == HMR_PIXEL_YUV420P || im->pixel == HMR_PIXEL_NV12;
		double cx[2] = { x[0] / (1 + hx), x[1] / (1 + hx) };
		double cy[2] = { y[0] / (1 + hy), y[1] / (1 + hy) };
		uint32_t w = hx ? (im->width + 1) / 2 : im->width;
		uint32_t h = hy ? (im->height + 1) / 2 : im->height;
		double range = full ? top : 224 * unit;

		cb = (mean(im, 1, w, h, cx, cy, 0, &unused) - 128 * unit) / range * cover;
		cr = (mean(im, 2, w, h, cx, cy, 0, &unused) - 128 * unit) / range * cover;
	}
	rgb[0] = l + 2 * (1 - kr) * cr;
	rgb[2] = l + 2 * (1 - kb) * cb;
	rgb[1] = (l - kr * rgb[0] - kb * rgb[2]) / (1 - kr - kb);
	for (int c = 0; c < 3; c++)
		rgb[c] = fmin(fmax(rgb[c], 0), 1);
}

static const struct { enum hmr_pixel pixel; uint32_t depth; } kinds[] = {
	{ HMR_PIXEL_YUV420P, 8 }, { HMR_PIXEL_YUV420P, 10 },
	{ HMR_PIXEL_YUV422P, 8 }, { HMR_PIXEL_YUV422P, 16 },
	{ HMR_PIXEL_YUV444P, 8 }, { HMR_PIXEL_YUV444P, 12 },
	{ HMR_PIXEL_NV12, 8 }, { HMR_PIXEL_NV12, 10 },
	{ HMR_PIXEL_GRAY, 8 }, { HMR_PIXEL_GRAY, 14 }, { HMR_PIXEL_RGB24, 8 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static float pixels[64 * 64 * 3];

/* Planar when step is 1. Scale and bias differ by channel, so that a mix-up of
 * channels shows. */
static void
make_raster(struct hmr_raster *r, uint32_t w, uint32_t h, size_t step)
{
	memset(r, 0, sizeof(*r));
	r->step = step;
	r->pitch = w * step;
	r->width = w;
	r->height = h;
	for (int c = 0; c < 3; c++) {
		r->channel[c] = pixels + (step == 1 ? (size_t)c * w * h : (size_t)c);
		r->scale[c] = 100.0f + 10.0f * (float)c;
		r->bias[c] = (float)(c - 1) * 5;
	}
}

/* float sums against double ones: 8 bit values of up to 255 with weights of
 * 2^-24: observed at most 2e-5 of 120. */
#define LIMIT 1e-4

static void
compare(const struct hmr_image *im, const struct hmr_raster *r, double x0,
	double y0, double w, double h, int black)
{
	for (uint32_t v = 0; v < r->height; v++)
		for (uint32_t u = 0; u < r->width; u++) {
			double x[2] = { x0 + u * w / r->width,
					x0 + (u + 1) * w / r->width };
			double y[2] = { y0 + v * h / r->height,
					y0 + (v + 1) * h / r->height };
			double rgb[3];

			reference(im, x, y, black, rgb);
			for (int c = 0; c < 3; c++) {
				double want = rgb[c] * (double)r->scale[c] +
					(double)r->bias[c];
				double got = (double)r->channel[c][v * r->pitch +
					u * r->step];

				if (!(fabs(want - got) < LIMIT))
					fail_msg("%s %u bit, pixel %u %u channel %d: "
						 "%.6f, reference %.6f",
						 hmr_pixel_name(im->pixel),
						 im->depth, u, v, c, got, want);
			}
		}
}

static void
test_whole_image(void **state)
{
	static const uint32_t sizes[][4] = {	/* source, raster */
		{ 37, 21, 37, 21 }, { 37, 21, 22, 12 }, { 37, 21, 9, 5 },
		{ 60, 50, 7, 24 }, { 16, 12, 50, 40 }, { 1, 1, 8, 8 },
		{ 2, 64, 4, 4 }, { 33, 5, 1, 1 }, { 31, 29, 10, 60 },
	};
	struct hmr_sampler *s;

	(void)state;
	assert_int_equal(hmr_sampler_new(&s, 64, 64, 64, 64, NULL), HMR_OK);
	for (size_t k = 0; k < KINDS; k++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			for (int variant = 0; variant < 6; variant++) {
				struct hmr_image im;
				struct hmr_raster r;

				make_image(&im, kinds[k].pixel, kinds[k].depth,
					   sizes[i][0], sizes[i][1]);
				im.matrix = (enum hmr_matrix)(1 + variant % 3);
				im.range = (enum hmr_range)(1 + variant / 3);
				make_raster(&r, sizes[i][2], sizes[i][3],
					    variant % 2 ? 3 : 1);
				assert_int_equal(hmr_sample_image(s, &im, &r, NULL),
						 HMR_OK);
				compare(&im, &r, 0, 0, im.width, im.height, 0);
			}
	hmr_sampler_free(s);
}

static void
test_crops(void **state)
{
	static const float crops[][3] = {	/* centre, side */
		{ 18, 11, 9 }, { 18.3f, 10.7f, 16.01f }, { 2, 3, 14 }, { 36, 20, 30 },
		{ 18, 11, 80 }, { 0, 0, 33.4f }, { -40, 11, 20 }, { 18, 90, 100 },
		{ 18.5f, 10.5f, 1000 }, { 18, 11, 0.25f },
	};
	struct hmr_sampler *s;

	(void)state;
	assert_int_equal(hmr_sampler_new(&s, 37, 21, 16, 16, NULL), HMR_OK);
	for (size_t k = 0; k < KINDS; k++)
		for (size_t i = 0; i < sizeof(crops) / sizeof(crops[0]); i++) {
			const float *p = crops[i];
			struct hmr_crop c = { { p[0], p[1] }, p[2], 0 };
			struct hmr_image im;
			struct hmr_raster r;

			make_image(&im, kinds[k].pixel, kinds[k].depth, 37, 21);
			make_raster(&r, 16, 16, i % 2 ? 3 : 1);
			assert_int_equal(hmr_sample_crop(s, &im, &c, &r, NULL), HMR_OK);
			compare(&im, &r, (double)p[0] - (double)p[2] / 2,
				(double)p[1] - (double)p[2] / 2, p[2], p[2], 1);
		}
	hmr_sampler_free(s);
}

static void
test_boxes(void **state)
{
	static const float boxes[][4] = {
		{ 3, 4, 13, 20 }, { 3.3f, 4.7f, 9.1f, 19.2f }, { -8, -3, 20, 40 },
		{ 30, 2, 60, 9 }, { 100, 2, 120, 9 }, { 5, 5, 5.5f, 6 },
	};
	struct hmr_sampler *s;

	(void)state;
	assert_int_equal(hmr_sampler_new(&s, 37, 21, 16, 32, NULL), HMR_OK);
	for (size_t k = 0; k < KINDS; k++)
		for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++) {
			const float *b = boxes[i];
			struct hmr_image im;
			struct hmr_raster r;

			make_image(&im, kinds[k].pixel, kinds[k].depth, 37, 21);
			make_raster(&r, 8, 16, i % 2 ? 3 : 1);
			assert_int_equal(hmr_sample_box(s, &im, b, &r, NULL), HMR_OK);
			compare(&im, &r, b[0], b[1], (double)b[2] - b[0],
				(double)b[3] - b[1], 1);
		}
	hmr_sampler_free(s);
}

/* A quarter turn permutes the pixels of the upright crop exactly. */
static void
test_turned_crop(void **state)
{
	static float upright[16 * 16];
	static const float sides[] = { 12, 20 };	/* bilinear: steps of at most 2 */
	struct hmr_sampler *s;

	(void)state;
	assert_int_equal(hmr_sampler_new(&s, 37, 21, 16, 16, NULL), HMR_OK);
	for (size_t k = 0; k < KINDS; k++)
		for (size_t i = 0; i < 2; i++) {
			struct hmr_crop c = { { 12, 9 }, sides[i], 0 };
			struct hmr_image im;
			struct hmr_raster r;

			make_image(&im, kinds[k].pixel, kinds[k].depth, 37, 21);
			make_raster(&r, 16, 16, 1);
			assert_int_equal(hmr_sample_crop(s, &im, &c, &r, NULL), HMR_OK);
			memcpy(upright, pixels, sizeof(upright));
			c.angle = 1.57079632679f;
			assert_int_equal(hmr_sample_crop(s, &im, &c, &r, NULL), HMR_OK);
			for (int v = 0; v < 16; v++)
				for (int u = 0; u < 16; u++)
					assert_float_equal(pixels[v * 16 + u],
						upright[u * 16 + 15 - v], 2e-3);
		}
	hmr_sampler_free(s);
}

/* Where hmr_crop_point() says a pixel is, the crop shows it: a white dot. */
static void
test_crop_point(void **state)
{
	static uint8_t gray[40 * 40];
	struct hmr_image im = { .pixel = HMR_PIXEL_GRAY, .depth = 8, .width = 40,
		.height = 40, .planes = 1, .stride = { 40 }, .plane = { gray },
		.matrix = HMR_MATRIX_BT601, .range = HMR_RANGE_FULL };
	struct hmr_crop c = { { 21, 18 }, 24, 0.6f };
	struct hmr_sampler *s;
	struct hmr_raster r;
	float xy[2], best = 0;
	int at = 0;

	(void)state;
	gray[20 * 40 + 27] = 255;
	assert_int_equal(hmr_sampler_new(&s, 40, 40, 48, 48, NULL), HMR_OK);
	make_raster(&r, 48, 48, 1);
	assert_int_equal(hmr_sample_crop(s, &im, &c, &r, NULL), HMR_OK);
	for (int i = 0; i < 48 * 48; i++)
		if (pixels[i] > best) {
			best = pixels[i];
			at = i;
		}
	hmr_crop_point(&c, ((float)(at % 48) + 0.5f) / 48,
		       ((float)(at / 48) + 0.5f) / 48, xy);
	assert_float_equal(xy[0], 27.5f, 0.5);
	assert_float_equal(xy[1], 20.5f, 0.5);
	hmr_sampler_free(s);
}

static void
test_refusals(void **state)
{
	static const float none[3][4] = { { 1, 1, 1, 5 }, { 1, 5, 4, 2 }, { 1, 1, NAN, 5 } };
	struct hmr_crop c = { { NAN, 0 }, 4, 0 };
	struct hmr_sampler *s;
	struct hmr_image im;
	struct hmr_raster r;

	(void)state;
	assert_int_equal(hmr_sampler_new(&s, 0, 1, 1, 1, NULL), HMR_E_LIMIT);
	assert_int_equal(hmr_sampler_new(&s, 20, 20, 8, 8, NULL), HMR_OK);
	make_image(&im, HMR_PIXEL_YUV420P, 8, 21, 20);
	make_raster(&r, 8, 8, 1);
	assert_int_equal(hmr_sample_image(s, &im, &r, NULL), HMR_E_LIMIT);
	im.width = 20;
	assert_int_equal(hmr_sample_crop(s, &im, &c, &r, NULL), HMR_E_FORMAT);
	c.centre[0] = 1;
	c.side = 0;
	assert_int_equal(hmr_sample_crop(s, &im, &c, &r, NULL), HMR_E_FORMAT);
	c.side = 1e30f;		/* absurd, but a crop: black nearly everywhere */
	assert_int_equal(hmr_sample_crop(s, &im, &c, &r, NULL), HMR_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(hmr_sample_box(s, &im, none[i], &r, NULL), HMR_E_FORMAT);
	r.width = 9;
	assert_int_equal(hmr_sample_image(s, &im, &r, NULL), HMR_E_LIMIT);
	hmr_sampler_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_image), cmocka_unit_test(test_crops),
		cmocka_unit_test(test_boxes),
		cmocka_unit_test(test_turned_crop), cmocka_unit_test(test_crop_point),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

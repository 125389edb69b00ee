/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole images to RGB: every format, depth, matrix and range against the same in
 * double precision, odd and tiny sizes, and the siting of chroma.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/rgb.h"

#define PAD 6				/* bytes after each row of the source */

static uint32_t seed = 99;

static uint32_t
rnd(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static struct hmr_image
make(enum hmr_pixel pixel, uint32_t depth, uint32_t w, uint32_t h)
{
	struct hmr_image im = { pixel, HMR_MATRIX_BT601, HMR_RANGE_LIMITED, depth, w,
				h, hmr_pixel_planes(pixel), { 0 }, { 0 } };

	for (uint32_t p = 0; p < im.planes; p++) {
		size_t row = hmr_plane_row(&im, p), n;
		uint8_t *b;

		im.stride[p] = (uint32_t)row + PAD;
		n = (size_t)im.stride[p] * hmr_plane_rows(&im, p);
		b = malloc(n);
		assert_non_null(b);
		if (depth == 8)
			for (size_t i = 0; i < n; i++)
				b[i] = (uint8_t)rnd();
		else
			for (size_t i = 0; i + 1 < n; i += 2) {
				uint32_t v = rnd() & ((1u << depth) - 1);

				b[i] = (uint8_t)v;
				b[i + 1] = (uint8_t)(v >> 8);
			}
		im.plane[p] = b;
	}
	return im;
}

static void
drop(struct hmr_image *im)
{
	for (uint32_t p = 0; p < im->planes; p++)
		free((void *)(uintptr_t)im->plane[p]);
}

static double
sample(const struct hmr_image *im, uint32_t plane, long x, long y, long step,
       long first)
{
	long rows = hmr_plane_rows(im, plane);
	long cols = (long)hmr_plane_row(im, plane) / (im->depth > 8 ? 2 : 1) / step;
	const uint8_t *p;

	x = x < 0 ? 0 : x < cols ? x : cols - 1;
	y = y < 0 ? 0 : y < rows ? y : rows - 1;
	p = im->plane[plane] + y * (long)im->stride[plane];
	x = x * step + first;
	return im->depth > 8 ? p[2 * x] | p[2 * x + 1] << 8 : p[x];
}

/* Chroma at pixel x,y: across on the left pixel of a pair, down between two. */
static double
chroma(const struct hmr_image *im, int component, uint32_t x, uint32_t y)
{
	bool nv = im->pixel == HMR_PIXEL_NV12;
	uint32_t plane = nv ? 1 : 1 + (uint32_t)component;
	long step = nv ? 2 : 1, first = nv ? component : 0;
	bool half_x = im->pixel != HMR_PIXEL_YUV444P;
	bool half_y = half_x && im->pixel != HMR_PIXEL_YUV422P;
	double sx = half_x ? x / 2.0 : x, sy = half_y ? (y + 0.5) / 2 - 0.5 : y;
	long ix = (long)floor(sx), iy = (long)floor(sy);
	double fx = sx - (double)ix, fy = sy - (double)iy;
	double top = sample(im, plane, ix, iy, step, first) * (1 - fx) +
		     sample(im, plane, ix + 1, iy, step, first) * fx;
	double low = sample(im, plane, ix, iy + 1, step, first) * (1 - fx) +
		     sample(im, plane, ix + 1, iy + 1, step, first) * fx;

	return top * (1 - fy) + low * fy;
}

static void
exact(const struct hmr_image *im, uint32_t x, uint32_t y, double rgb[3])
{
	double unit = 1 << (im->depth - 8), top = 256 * unit - 1;
	double kr = im->matrix == HMR_MATRIX_BT709 ? 0.2126 :
		    im->matrix == HMR_MATRIX_BT2020 ? 0.2627 : 0.299;
	double kb = im->matrix == HMR_MATRIX_BT709 ? 0.0722 :
		    im->matrix == HMR_MATRIX_BT2020 ? 0.0593 : 0.114;
	bool full = im->range == HMR_RANGE_FULL;
	double l = sample(im, 0, x, y, 1, 0), u = 0, v = 0;

	l = full ? l / top : (l - 16 * unit) / (219 * unit);
	if (im->pixel != HMR_PIXEL_GRAY) {
		u = (chroma(im, 0, x, y) - 128 * unit) / (full ? top : 224 * unit);
		v = (chroma(im, 1, x, y) - 128 * unit) / (full ? top : 224 * unit);
	}
	rgb[0] = l + 2 * (1 - kr) * v;
	rgb[2] = l + 2 * (1 - kb) * u;
	rgb[1] = (l - kr * rgb[0] - kb * rgb[2]) / (1 - kr - kb);
	for (int i = 0; i < 3; i++)
		rgb[i] = 255 * (rgb[i] < 0 ? 0 : rgb[i] > 1 ? 1 : rgb[i]);
}

static void
compare(struct hmr_image *im)
{
	size_t stride = im->width * 3 + 5;
	uint8_t *out = malloc(stride * im->height);
	struct hmr_rgb *c;

	assert_non_null(out);
	memset(out, 0xa5, stride * im->height);
	assert_int_equal(hmr_rgb_new(&c, im->width, NULL), HMR_OK);
	assert_int_equal(hmr_image_check(im, NULL), HMR_OK);
	assert_int_equal(hmr_rgb_convert(c, im, out, stride, NULL), HMR_OK);
	for (uint32_t y = 0; y < im->height; y++) {
		for (uint32_t x = 0; x < im->width; x++) {
			double want[3];

			exact(im, x, y, want);
			/* half a step of rounding, and 0.2 of 12-bit samples */
			for (int i = 0; i < 3; i++)
				if (fabs(out[y * stride + x * 3 + (uint32_t)i] - want[i]) > 0.75)
					fail_msg("%s %u bit, matrix %d, range %d: %u,%u "
						 "channel %d: %d, not %.2f",
						 hmr_pixel_name(im->pixel), im->depth,
						 (int)im->matrix, (int)im->range, x, y, i,
						 out[y * stride + x * 3 + (uint32_t)i],
						 want[i]);
		}
		for (int i = 0; i < 5; i++)
			assert_int_equal(out[y * stride + im->width * 3 + (uint32_t)i], 0xa5);
	}
	hmr_rgb_free(c);
	free(out);
}

static void
test_every_format(void **state)
{
	static const uint32_t size[][2] = { { 37, 19 }, { 16, 8 }, { 1, 1 }, { 2, 3 },
					    { 3, 2 } };

	(void)state;
	for (int pixel = HMR_PIXEL_YUV420P; pixel <= HMR_PIXEL_GRAY; pixel++)
		for (uint32_t depth = 8; depth <= 16; depth++)
			for (int k = 0; k < 5; k++) {
				struct hmr_image im;

				if (depth == 9)
					continue;
				im = make((enum hmr_pixel)pixel, depth, size[k][0],
					  size[k][1]);
				for (int m = 1; m <= 3; m++)
					for (int r = 1; r <= 2; r++) {
						im.matrix = (enum hmr_matrix)m;
						im.range = (enum hmr_range)r;
						compare(&im);
					}
				drop(&im);
			}
}

static void
test_rgb_is_copied(void **state)
{
	struct hmr_image im = make(HMR_PIXEL_RGB24, 8, 13, 7);
	uint8_t out[7][13 * 3];
	struct hmr_rgb *c;

	(void)state;
	assert_int_equal(hmr_rgb_new(&c, 13, NULL), HMR_OK);
	assert_int_equal(hmr_rgb_convert(c, &im, &out[0][0], sizeof(out[0]), NULL),
			 HMR_OK);
	for (uint32_t y = 0; y < 7; y++)
		assert_memory_equal(out[y], im.plane[0] + y * im.stride[0], 39);
	im.width = 14;
	assert_int_equal(hmr_rgb_convert(c, &im, &out[0][0], sizeof(out[0]), NULL),
			 HMR_E_LIMIT);
	hmr_rgb_free(c);
	drop(&im);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_format),
		cmocka_unit_test(test_rgb_is_copied),
	};

	return cmocka_run_group_tests_name("image to RGB", tests, NULL, NULL);
}

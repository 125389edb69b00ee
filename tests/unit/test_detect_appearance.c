/* SPDX-License-Identifier: Apache-2.0 */
/* Colour histograms: exact bins of plain colours, and what they are for: the same
 * clothes are alike wherever the person stands, other clothes are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "detect/appearance.h"

#define W 160
#define H 120
#define LUMA HMR_APPEARANCE_LUMA
#define CHROMA HMR_APPEARANCE_CHROMA

static uint8_t pixels[H][W][3];

static struct hmr_image
image(void)
{
	struct hmr_image im = { .pixel = HMR_PIXEL_RGB24, .depth = 8, .width = W,
		.height = H, .planes = 1, .stride = { 3 * W },
		.plane = { &pixels[0][0][0] }, .matrix = HMR_MATRIX_BT601,
		.range = HMR_RANGE_FULL };

	return im;
}

static void
fill(int x0, int y0, int x1, int y1, const uint8_t rgb[3])
{
	for (int y = y0; y < y1; y++)
		for (int x = x0; x < x1; x++)
			memcpy(pixels[y][x], rgb, 3);
}

/* A person of 80 pixels standing with the hips at (x, y). */
static void
stand(struct hmr_landmark_row *l, struct hmr_crop *c, float x, float y)
{
	static const struct { int i; float dx, dy; } at[] = {
		{ 11, 9, -25 }, { 12, -9, -25 }, { 23, 6, 0 }, { 24, -6, 0 },
		{ 25, 6, 18 }, { 26, -6, 18 }, { 27, 6, 36 }, { 28, -6, 36 },
	};

	memset(l, 0, sizeof(*l));
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		l->image[at[i].i][0] = x + at[i].dx;
		l->image[at[i].i][1] = y + at[i].dy;
	}
	*c = (struct hmr_crop){ { x, y }, 100, 0 };
}

static double
alike(const float *a, const float *b)
{
	double sum = 0;

	for (int i = 0; i < HMR_APPEARANCE_BINS; i++)
		sum += sqrt((double)a[i] * (double)b[i]);
	return sum;
}

/* A plain image puts all weight on the bins around its colour, shared linearly:
 * the formulas of formats/stream.md in double precision. */
static void
test_plain(void **state)
{
	static const uint8_t colours[][3] = { { 0, 0, 0 }, { 255, 255, 255 },
		{ 128, 128, 128 }, { 200, 180, 170 }, { 20, 40, 90 }, { 255, 0, 0 } };
	struct hmr_image im = image();
	struct hmr_appearance *a;

	(void)state;
	assert_int_equal(hmr_appearance_new(&a, W, H, NULL), HMR_OK);
	for (size_t k = 0; k < sizeof(colours) / sizeof(colours[0]); k++) {
		const uint8_t *c = colours[k];
		double r = c[0] / 255.0, g = c[1] / 255.0, b = c[2] / 255.0;
		double at[3] = { (.299 * r + .587 * g + .114 * b) * (LUMA - 1),
			(fmin(fmax(6 * (r - g), -1), 1) + 1) * (CHROMA - 1) / 2,
			(fmin(fmax(6 * (b - (r + g) / 2), -1), 1) + 1) * (CHROMA - 1) / 2 };
		struct hmr_landmark_row l;
		struct hmr_crop crop;
		float out[HMR_APPEARANCE_VALUES];

		fill(0, 0, W, H, c);
		stand(&l, &crop, 80, 60);
		assert_int_equal(hmr_appearance_run(a, &im, &crop, &l, out, NULL), HMR_OK);
		for (int i = 0; i < HMR_APPEARANCE_VALUES; i++) {
			int bin = i % HMR_APPEARANCE_BINS;
			double d[3] = { at[0] - bin / (CHROMA * CHROMA),
				at[1] - bin / CHROMA % CHROMA, at[2] - bin % CHROMA };
			double want = 1;

			for (int j = 0; j < 3; j++)
				want *= fmax(0, 1 - fabs(d[j]));
			assert_float_equal(out[i], (float)want, 1e-4);
		}
	}
	hmr_appearance_free(a);
}

static void
dress(int x, int y, const uint8_t upper[3], const uint8_t lower[3])
{
	static const uint8_t wall[3] = { 90, 140, 60 };

	fill(0, 0, W, H, wall);
	fill(x - 12, y - 28, x + 12, y, upper);
	fill(x - 11, y, x + 11, y + 40, lower);
}

static void
test_clothes(void **state)
{
	static const uint8_t red[3] = { 190, 40, 50 }, blue[3] = { 40, 60, 150 };
	static const uint8_t gray[3] = { 120, 120, 125 };
	struct hmr_image im = image();
	float a[HMR_APPEARANCE_VALUES], b[HMR_APPEARANCE_VALUES];
	struct hmr_appearance *look;
	struct hmr_landmark_row l;
	struct hmr_crop c;

	(void)state;
	assert_int_equal(hmr_appearance_new(&look, W, H, NULL), HMR_OK);
	dress(80, 60, red, blue);
	stand(&l, &c, 80, 60);
	assert_int_equal(hmr_appearance_run(look, &im, &c, &l, a, NULL), HMR_OK);
	/* elsewhere, and the landmarks are off by a pixel */
	dress(60, 66, red, blue);
	stand(&l, &c, 61, 65);
	assert_int_equal(hmr_appearance_run(look, &im, &c, &l, b, NULL), HMR_OK);
	assert_true(alike(a, b) > 0.95);
	assert_true(alike(a + HMR_APPEARANCE_BINS, b + HMR_APPEARANCE_BINS) > 0.95);
	/* another jacket: the lower part stays alike */
	dress(80, 60, gray, blue);
	stand(&l, &c, 80, 60);
	assert_int_equal(hmr_appearance_run(look, &im, &c, &l, b, NULL), HMR_OK);
	assert_true(alike(a, b) < 0.35);
	assert_true(alike(a + HMR_APPEARANCE_BINS, b + HMR_APPEARANCE_BINS) > 0.95);
	hmr_appearance_free(look);
}

/* Parts outside the image and landmarks that are no numbers count nothing. */
static void
test_outside(void **state)
{
	struct hmr_image im = image();
	float out[HMR_APPEARANCE_VALUES];
	struct hmr_appearance *look;
	struct hmr_landmark_row l;
	struct hmr_crop c;
	float upper = 0, lower = 0;

	(void)state;
	assert_int_equal(hmr_appearance_new(&look, W, H, NULL), HMR_OK);
	stand(&l, &c, 80, H + 20);	/* only the shoulders are inside */
	for (int i = 25; i < 29; i++)
		l.image[i][0] = NAN;
	assert_int_equal(hmr_appearance_run(look, &im, &c, &l, out, NULL), HMR_OK);
	for (int i = 0; i < HMR_APPEARANCE_BINS; i++) {
		upper += out[i];
		lower += out[HMR_APPEARANCE_BINS + i];
	}
	assert_float_equal(upper, 1, 1e-4);
	assert_float_equal(lower, 0, 0);
	hmr_appearance_free(look);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain), cmocka_unit_test(test_clothes),
		cmocka_unit_test(test_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Overlap, suppression and clipping of boxes, and NanoDet's decoding, each
 * against figures worked out by hand or in double precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "detect/nanodet.h"

static void
test_iou(void **state)
{
	static const struct { float a[4], b[4], iou; } t[] = {
		{ { 0, 0, 2, 2 }, { 0, 0, 2, 2 }, 1 },
		{ { 0, 0, 2, 2 }, { 1, 0, 3, 2 }, 1.0f / 3 },
		{ { 0, 0, 4, 4 }, { 1, 1, 2, 2 }, 1.0f / 16 },
		{ { 0, 0, 2, 2 }, { 2, 0, 4, 2 }, 0 },		/* they touch */
		{ { 0, 0, 2, 2 }, { 5, 5, 6, 6 }, 0 },
		{ { 1, 1, 1, 3 }, { 0, 0, 4, 4 }, 0 },		/* no area */
		{ { 3, 3, 1, 1 }, { 0, 0, 4, 4 }, 0 },		/* inside out */
		{ { NAN, 0, 1, 1 }, { 0, 0, 4, 4 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_float_equal(hmr_box_iou(t[i].a, t[i].b), t[i].iou, 1e-6);
		assert_float_equal(hmr_box_iou(t[i].b, t[i].a), t[i].iou, 1e-6);
	}
}

/* b overlaps a by 1/3 and c by 1/3; a and c are apart. */
static void
test_nms(void **state)
{
	static const struct hmr_scored row[] = {
		{ { 0, 0, 2, 2 }, 0.5f }, { { 1, 0, 3, 2 }, 0.9f },
		{ { 2, 0, 4, 2 }, 0.7f }, { { 9, 9, 10, 10 }, 0.5f },
	};
	struct hmr_scored b[4];

	(void)state;
	memcpy(b, row, sizeof(b));
	assert_int_equal(hmr_boxes_nms(b, 4, 0.3f), 2);
	assert_float_equal(b[0].score, 0.9f, 0);
	assert_float_equal(b[1].box[0], 9, 0);
	memcpy(b, row, sizeof(b));
	assert_int_equal(hmr_boxes_nms(b, 4, 0.4f), 4);
	assert_float_equal(b[1].score, 0.7f, 0);
	assert_float_equal(b[2].box[0], 0, 0);	/* equal scores keep their order */
	assert_float_equal(b[3].box[0], 9, 0);
	memcpy(b, row, sizeof(b));	/* what is dropped suppresses nothing: */
	b[1].score = 0.6f;		/* c drops b, so a stays */
	assert_int_equal(hmr_boxes_nms(b, 3, 0.3f), 2);
	assert_float_equal(b[0].box[0], 2, 0);
	assert_float_equal(b[1].box[0], 0, 0);
	assert_int_equal(hmr_boxes_nms(b, 0, 0.3f), 0);
}

static void
test_clip(void **state)
{
	static const struct { float in[4], out[4]; int left; } t[] = {
		{ { 1, 2, 3, 4 }, { 1, 2, 3, 4 }, 1 },
		{ { -5, -6, 50, 60 }, { 0, 0, 10, 20 }, 1 },
		{ { -5, 1, -2, 4 }, { 0, 1, 0, 4 }, 0 },
		{ { 12, 1, 15, 4 }, { 10, 1, 10, 4 }, 0 },
		{ { NAN, 1, 5, 4 }, { 0, 1, 5, 4 }, 1 },
		{ { 1, 1, NAN, 4 }, { 1, 1, 0, 4 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		float b[4];

		memcpy(b, t[i].in, sizeof(b));
		assert_int_equal(hmr_box_clip(b, 10, 20), t[i].left);
		for (int k = 0; k < 4; k++)
			assert_float_equal(b[k], t[i].out[k], 0);
	}
}

/* Cells of 3 x 2 at stride 16 with two classes. One cell is a person whose sides
 * are sharp distances, one has soft ones, one is under the threshold, one is of
 * the other class. */
static void
test_nanodet(void **state)
{
	static float prob[6][2], side[6][4][HMR_NANODET_BINS];
	static const int sharp[4] = { 1, 0, 2, 10 };
	static const float scale[2] = { 1.5f, 2 };
	struct hmr_nanodet_level l = { .stride = 16, .cols = 3, .rows = 2,
		.classes = 2, .prob = &prob[0][0], .side = &side[0][0][0] };
	struct hmr_scored out[6];
	double mean = 0, sum = 0;
	uint32_t n = 1;		/* appends */

	(void)state;
	prob[4][0] = 0.75f;
	for (int k = 0; k < 4; k++)
		side[4][k][sharp[k]] = 200;
	prob[2][0] = 0.5f;
	for (int j = 0; j < HMR_NANODET_BINS; j++) {
		for (int k = 0; k < 4; k++)
			side[2][k][j] = (float)(j * k) / 7;
		mean += j * exp(j * 3 / 7.0);
		sum += exp(j * 3 / 7.0);
	}
	mean /= sum;
	prob[0][0] = 0.25f;
	prob[1][1] = 0.9f;
	hmr_nanodet_decode(&l, 0.5f, scale, out, &n);
	assert_int_equal(n, 3);
	/* cell 2: x 2, y 0; all bins alike give 5 strides */
	assert_float_equal(out[1].score, 0.5f, 0);
	assert_float_equal(out[1].box[0], (2.5f - 5) * 16 * 1.5f, 1e-4);
	assert_float_equal(out[1].box[3], (0.5 + mean) * 16 * 2, 1e-3);
	/* cell 4: x 1, y 1 */
	assert_float_equal(out[2].score, 0.75f, 0);
	assert_float_equal(out[2].box[0], (1.5f - 1) * 16 * 1.5f, 1e-4);
	assert_float_equal(out[2].box[1], (1.5f - 0) * 16 * 2, 1e-4);
	assert_float_equal(out[2].box[2], (1.5f + 2) * 16 * 1.5f, 1e-4);
	assert_float_equal(out[2].box[3], (1.5f + 10) * 16 * 2, 1e-4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iou), cmocka_unit_test(test_nms),
		cmocka_unit_test(test_clip), cmocka_unit_test(test_nanodet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Overlap, suppression and clipping of boxes against figures worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "detect/boxes.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iou), cmocka_unit_test(test_nms),
		cmocka_unit_test(test_clip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

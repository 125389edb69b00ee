/* SPDX-License-Identifier: Apache-2.0 */
/* The square that is cut out for a person, and the camera of such a crop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "detect/mesher.h"

static void
test_crop(void **state)
{
	static const struct {
		float box[4], centre[2], side;
	} t[] = {	/* in an image of 800 x 600 */
		{ { 100, 100, 140, 200 }, { 120, 150 }, 125 },
		{ { 100, 100, 300, 200 }, { 200, 150 }, 250 },	/* lying */
		/* cut below: as long as 2.4 widths, or twice what is seen */
		{ { 100, 420, 200, 600 }, { 150, 540 }, 300 },
		{ { 100, 500, 300, 600 }, { 200, 600 }, 250 },
		{ { 100, 0, 200, 180 }, { 150, 60 }, 300 },	/* cut above */
		/* both: below is cut off, the head is seen */
		{ { 300, 0, 700, 600 }, { 500, 480 }, 1200 },
		{ { 100, 300, 170, 599 }, { 135, 449.5f }, 373.75f },	/* whole, on the edge */
		/* cut at the sides: as wide as the height / 2.4 */
		{ { 0, 100, 20, 340 }, { -30, 220 }, 300 },
		{ { 780, 100, 800, 340 }, { 830, 220 }, 300 },
		/* a corner: longer first, then wide enough */
		{ { 0, 500, 60, 600 }, { 30, 572 }, 180 },
	};
	struct hmr_crop c;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		hmr_poser_crop(t[i].box, 800, 600, &c);
		assert_float_equal(c.centre[0], t[i].centre[0], 1e-3);
		assert_float_equal(c.centre[1], t[i].centre[1], 1e-3);
		assert_float_equal(c.side, t[i].side, 1e-3);
		assert_float_equal(c.angle, 0, 0);
	}
}

/* There and back: the reference goes from crop camera to whole image. */
static void
test_camera(void **state)
{
	static const struct { float s, tx, ty, cx, cy, side, focal; } t[] = {
		{ 0.9f, 0.02f, 0.3f, 150, 220, 128, 15000 },
		{ 1.3f, -0.1f, -0.2f, 700, 10, 90, 1000 },
		{ 0.5f, 0, 0, 400, 300, 600, 5000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		double bs = (double)t[i].side * (double)t[i].s;
		float crop[3] = { t[i].cx, t[i].cy, t[i].side }, out[3];
		float camera[3] = {
			(float)(2 * ((double)t[i].cx - 400) / bs + (double)t[i].tx),
			(float)(2 * ((double)t[i].cy - 300) / bs + (double)t[i].ty),
			(float)(2 * (double)t[i].focal / bs),
		};

		hmr_camera_to_crop(camera, t[i].focal, crop, 800, 600, out);
		assert_float_equal(out[0], t[i].s, 1e-5);
		assert_float_equal(out[1], t[i].tx, 1e-5);
		assert_float_equal(out[2], t[i].ty, 1e-5);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crop), cmocka_unit_test(test_camera),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

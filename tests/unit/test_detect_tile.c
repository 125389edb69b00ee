/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles cover an image and overlap; parts of an image; people whom borders cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "detect/tile.h"

static void
test_cover(void **state)
{
	(void)state;
	for (uint32_t size = 1; size < 400; size += 1 + size / 20)
		for (uint32_t n = 1; n <= 5; n++) {
			struct hmr_tiles t = { 1, n, size, 7 };
			uint32_t last = 0, rect[4];

			for (uint32_t c = 0; c < n; c++) {
				hmr_tile_rect(&t, 0, c, rect);
				assert_int_equal(rect[0] % 2, 0);
				assert_int_equal(rect[1], 0);
				assert_int_equal(rect[3], 7);
				assert_true(rect[0] + rect[2] <= size);
				if (c && size >= 200)	/* a fifth or more is shared */
					assert_true(rect[0] + rect[2] / 5 <= last);
				last = rect[0] + rect[2];
			}
			assert_int_equal(last, size);
		}
}

/* Every byte tells its place, so a part shows which it borrowed. */
static void
test_part(void **state)
{
	static uint8_t plane[3][64 * 64];
	static const uint32_t rect[4] = { 10, 6, 20, 9 };
	static const struct {
		enum hmr_pixel pixel;
		uint32_t depth, planes, at[3];	/* byte of plane p that comes first */
	} t[] = {
		{ HMR_PIXEL_YUV420P, 8, 3, { 6 * 64 + 10, 3 * 64 + 5, 3 * 64 + 5 } },
		{ HMR_PIXEL_YUV420P, 10, 3, { 6 * 64 + 20, 3 * 64 + 10, 3 * 64 + 10 } },
		{ HMR_PIXEL_YUV422P, 8, 3, { 6 * 64 + 10, 6 * 64 + 5, 6 * 64 + 5 } },
		{ HMR_PIXEL_YUV444P, 8, 3, { 6 * 64 + 10, 6 * 64 + 10, 6 * 64 + 10 } },
		{ HMR_PIXEL_NV12, 8, 2, { 6 * 64 + 10, 3 * 64 + 10 } },
		{ HMR_PIXEL_GRAY, 8, 1, { 6 * 64 + 10 } },
		{ HMR_PIXEL_RGB24, 8, 1, { 6 * 64 + 30 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hmr_image im = { .pixel = t[i].pixel, .depth = t[i].depth, .width = 64,
			.height = 64, .planes = t[i].planes }, part;

		for (int p = 0; p < 3; p++) {
			im.stride[p] = 64;
			im.plane[p] = plane[p];
		}
		hmr_image_part(&im, rect, &part);
		assert_int_equal(part.width, 20);
		assert_int_equal(part.height, 9);
		for (uint32_t p = 0; p < t[i].planes; p++)
			assert_int_equal(part.plane[p] - plane[p], t[i].at[p]);
	}
}

/* Two rows and two columns of 700 x 700: tiles of 400 that overlap by 100. */
static const struct hmr_tiles four = { 2, 2, 700, 700 };

static void
test_sort(void **state)
{
	struct hmr_scored b[] = {
		{ { 0, 0, 50, 100 }, 0.9f },		/* at the image's border: whole */
		{ { 350, 100, 399, 200 }, 0.8f },	/* cut on the right */
		{ { 100, 200, 150, 380 }, 0.7f },
		{ { 100, 300, 150, 400 }, 0.6f },	/* cut below */
	};
	struct hmr_tile_part part[HMR_TILE_PARTS];
	uint32_t parts = 0;

	(void)state;
	assert_int_equal(hmr_tile_sort(&four, 0, 0, b, 4, part, &parts), 2);
	assert_int_equal(parts, 2);
	assert_float_equal(b[1].score, 0.7f, 0);
	assert_int_equal(part[0].cut, 4);
	assert_int_equal(part[1].cut, 8);
	assert_int_equal(hmr_tile_sort(&four, 1, 1, b, 1, part, &parts), 0);
}

static struct hmr_tile_part
part_of(uint32_t r, uint32_t c, unsigned cut, float score, float x0, float y0, float x1,
	float y1)
{
	return (struct hmr_tile_part){ { { x0, y0, x1, y1 }, score }, r, c, r, c, cut };
}

static void
test_join(void **state)
{
	struct hmr_tile_part p[] = {
		part_of(0, 0, 8, 0.6f, 100, 200, 160, 400),	/* head and trunk */
		part_of(1, 0, 2, 0.8f, 102, 300, 158, 500),	/* legs */
		part_of(0, 0, 8, 0.9f, 200, 300, 260, 400),	/* nobody goes on there */
		part_of(1, 0, 2, 0.9f, 230, 300, 330, 400),	/* … too far to the side */
		/* a giant over all four */
		part_of(0, 0, 12, 0.5f, 250, 250, 400, 400),
		part_of(0, 1, 9, 0.5f, 300, 250, 500, 400),
		part_of(1, 0, 6, 0.5f, 250, 300, 400, 600),
		part_of(1, 1, 3, 0.4f, 300, 300, 500, 600),
	};
	struct hmr_scored out[8];
	uint32_t n = 0;

	(void)state;
	hmr_tile_join(p, 8, out, &n);
	assert_int_equal(n, 2);
	for (uint32_t i = 0; i < n; i++) {
		static const float two[4] = { 100, 200, 160, 500 };
		static const float all[4] = { 250, 250, 500, 600 };
		const float *want = out[i].box[0] < 200 ? two : all;
		float score = out[i].box[0] < 200 ? 0.6f : 0.4f;	/* the weaker one's */

		assert_float_equal(out[i].score, score, 0);
		for (int k = 0; k < 4; k++)
			assert_float_equal(out[i].box[k], want[k], 0);
	}
}

/* The first part fits the third only after the fourth has joined that. */
static void
test_join_later(void **state)
{
	struct hmr_tile_part p[] = {
		part_of(0, 0, 4, 0.5f, 0, 0, 110, 50),
		part_of(1, 0, 4, 0.6f, 0, 400, 110, 450),
		part_of(0, 1, 5, 0.5f, 100, 0, 210, 29),
		part_of(0, 2, 1, 0.5f, 200, 0, 260, 40),
		part_of(1, 1, 1, 0.6f, 100, 400, 150, 450),
	};
	struct hmr_scored out[5];
	uint32_t n = 0;

	(void)state;
	hmr_tile_join(p, 5, out, &n);
	assert_int_equal(n, 2);
	for (uint32_t i = 0; i < n; i++)
		assert_float_equal(out[i].box[2], out[i].box[1] > 0 ? 150 : 260, 0);
	assert_true(out[0].box[1] != out[1].box[1]);
}

/* 32 people over 16 tiles each, as many parts as there can be, in any order. */
static void
test_chains(void **state)
{
	static struct hmr_tile_part p[HMR_TILE_PARTS];
	struct hmr_scored out[HMR_TILE_PARTS];
	uint64_t seed = 3;

	(void)state;
	for (int turn = 0; turn < 20; turn++) {
		uint32_t n = 0, seen = 0;

		for (uint32_t i = 0; i < HMR_TILE_PARTS; i++) {
			uint32_t c = i % 16, who = i / 16;
			unsigned cut = (c > 0) | (c < 15) << 2;
			float x = 100 * (float)c, y = 60 * (float)who;

			p[i] = part_of(who / 2, c, cut, 0.5f, x - 10, y, x + 110, y + 50);
		}
		for (uint32_t i = HMR_TILE_PARTS - 1; i > 0; i--) {
			uint32_t k = (uint32_t)((seed = seed * 6364136223846793005u + 1) >> 33) % (i + 1);
			struct hmr_tile_part x = p[i];

			p[i] = p[k];
			p[k] = x;
		}
		hmr_tile_join(p, HMR_TILE_PARTS, out, &n);
		assert_int_equal(n, 32);
		for (uint32_t i = 0; i < n; i++) {
			assert_float_equal(out[i].box[0], -10, 0);
			assert_float_equal(out[i].box[2], 1610, 0);
			assert_float_equal(out[i].box[3] - out[i].box[1], 50, 0);
			seen |= 1u << (int)(out[i].box[1] / 60);
		}
		assert_int_equal(seen, UINT32_MAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cover), cmocka_unit_test(test_part),
		cmocka_unit_test(test_sort), cmocka_unit_test(test_join),
		cmocka_unit_test(test_join_later), cmocka_unit_test(test_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

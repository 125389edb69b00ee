/* SPDX-License-Identifier: Apache-2.0 */
/* Where lines, frames and text fall to the pixel; colours that can be told
 * apart; coordinates that cannot be. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "render/draw.h"
#include "render/palette.h"

#define W 64
#define H 48

static uint8_t px[H + 2][W][3];		/* a row above and below as a guard */
static const uint8_t white[3] = { 255, 255, 255 };

static struct hmr_canvas
canvas(void)
{
	memset(px, 0, sizeof(px));
	return (struct hmr_canvas){ &px[1][0][0], W, H, sizeof(px[0]) };
}

#define AT(x, y) (px[(y) + 1][x][0])

static long
ink(void)
{
	long n = 0;

	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			n += AT(x, y);
	return n;
}

static void
test_frame_place(void **state)
{
	struct hmr_canvas c = canvas();
	const float box[4] = { 10, 8, 30, 20 }, half[4] = { 10.5f, 8, 30, 20 };

	(void)state;
	hmr_draw_frame(&c, box, 2, 0, white, 1);
	/* two pixels either side of the edges, and nothing else */
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			int outer = x >= 9 && x < 31 && y >= 7 && y < 21;
			int inner = x >= 11 && x < 29 && y >= 9 && y < 19;

			assert_int_equal(AT(x, y), outer && !inner ? 255 : 0);
		}
	c = canvas();
	hmr_draw_frame(&c, half, 2, 0, white, 1);
	assert_in_range(AT(9, 14), 127, 128);	/* half covered */
	assert_int_equal(AT(10, 14), 255);
	assert_in_range(AT(11, 14), 127, 128);
	assert_int_equal(AT(12, 14), 0);
}

static void
test_frame_dashes(void **state)
{
	struct hmr_canvas c = canvas();
	const float box[4] = { 10, 8, 50, 40 }, far[4] = { -90000, -3, 40, 20 };

	(void)state;
	hmr_draw_frame(&c, box, 2, 5, white, 1);
	assert_int_equal(AT(9, 7), 255);
	assert_int_equal(AT(13, 7), 255);
	assert_int_equal(AT(14, 7), 0);
	assert_int_equal(AT(18, 7), 0);
	assert_int_equal(AT(19, 7), 255);
	c = canvas();
	hmr_draw_frame(&c, far, 2, 5, white, 1);
	assert_in_range(ink(), 255 * 20, 255 * 90);
}

static void
test_line(void **state)
{
	struct hmr_canvas c = canvas();
	const float a[2] = { 10.5f, 10.5f }, b[2] = { 30.5f, 10.5f };
	const float d[2] = { 30.5f, 30.5f }, off[2] = { -500, 900 };

	(void)state;
	hmr_draw_line(&c, a, b, 3, white, 1);
	for (int x = 11; x < 30; x++) {
		assert_int_equal(AT(x, 9), 255);
		assert_int_equal(AT(x, 10), 255);
		assert_int_equal(AT(x, 11), 255);
		assert_int_equal(AT(x, 8), 0);
		assert_int_equal(AT(x, 12), 0);
	}
	assert_int_equal(AT(7, 10), 0);
	c = canvas();
	hmr_draw_line(&c, a, d, 3, white, 1);
	for (int i = 10; i <= 30; i++)
		assert_int_equal(AT(i, i), 255);
	assert_int_equal(AT(14, 20), 0);
	/* length x width + the round ends */
	assert_in_range(ink(), (long)(255 * (28.28 * 3 + 7.07 - 4)),
			(long)(255 * (28.28 * 3 + 7.07 + 4)));
	c = canvas();
	hmr_draw_line(&c, off, d, 1, white, 1);	/* partly outside */
	assert_true(AT(30, 30) > 100);
}

static void
test_disc(void **state)
{
	struct hmr_canvas c = canvas();
	const float at[2] = { 20, 20 }, corner[2] = { 0, 0 };

	(void)state;
	hmr_draw_disc(&c, at, 6, white, 1);
	assert_in_range(ink(), (long)(255 * 113.1 * 0.98), (long)(255 * 113.1 * 1.02));
	assert_int_equal(AT(13, 20), 0);
	assert_int_equal(AT(15, 20), 255);
	assert_int_equal(AT(24, 20), AT(15, 20));	/* the same on both sides */
	assert_int_equal(AT(25, 20), AT(14, 20));
	c = canvas();
	hmr_draw_disc(&c, corner, 6, white, 0.5f);
	assert_in_range(AT(0, 0), 127, 128);
}

static void
test_text(void **state)
{
	struct hmr_canvas c = canvas();
	const float at[2] = { 10, 30 };
	const uint8_t grey[3] = { 90, 90, 90 };
	char all[96];
	float w;

	(void)state;
	hmr_draw_text(&c, at, 14, "I", white, 1);
	w = hmr_draw_text_width(14, "I");
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			if (x < 8 || (float)x > 12 + w || y < 14 || y > 31)
				assert_int_equal(AT(x, y), 0);
	assert_true(AT(12, 22) > 200);		/* the stem */
	assert_true(hmr_draw_text_width(14, "II") > 2 * w);
	assert_true(hmr_draw_text_width(28, "I") == 2 * w);
	assert_true(hmr_draw_text_width(14, "") == 0);
	/* every glyph but the space leaves ink, no two of them the same */
	for (int i = 0; i < 95; i++) {
		char s[2] = { (char)(32 + i), 0 };
		static uint8_t seen[95][sizeof(px)];

		c = canvas();
		hmr_draw_text(&c, at, 14, s, white, 1);
		assert_true((ink() > 0) == (i > 0));
		memcpy(seen[i], px, sizeof(px));
		for (int k = 0; k < i; k++)
			assert_memory_not_equal(seen[i], seen[k], sizeof(px));
		all[i] = s[0];
	}
	all[95] = 0;
	hmr_draw_text_outlined(&c, at, 14, all, white, 1);
	hmr_draw_text_outlined(&c, at, 14, "\xc3\xa9\x01", white, 1);
	/* outlined grey shows on grey */
	c = canvas();
	memset(px, 90, sizeof(px));
	hmr_draw_text_outlined(&c, at, 14, "8", grey, 1);
	assert_true(AT(10, 24) > 60 || AT(9, 24) > 60);
	for (int y = 15; y < 30; y++) {
		int most = 0;

		for (int x = 5; x < 25; x++)
			most = AT(x, y) > most ? AT(x, y) : most;
		assert_true(most > 160);
	}
}

static void
test_wild_coordinates(void **state)
{
	static const float wild[] = { NAN, INFINITY, -INFINITY, 3e38f, -3e38f,
				      1e6f, -1e6f, 0, 2147483648.0f };
	struct hmr_canvas c = canvas();
	const int n = sizeof(wild) / sizeof(*wild);

	(void)state;
	for (int i = 0; i < n; i++)
		for (int k = 0; k < n; k++) {
			float a[2] = { wild[i], wild[k] }, b[2] = { wild[k], 5 };
			float r[4] = { wild[i], wild[k], wild[k], wild[i] };

			hmr_draw_line(&c, a, b, 3, white, 1);
			hmr_draw_line(&c, b, a, wild[i], white, 1);
			hmr_draw_disc(&c, a, wild[k], white, 1);
			hmr_draw_rect(&c, r, white, 1);
			hmr_draw_frame(&c, r, 2, 0, white, 1);
			hmr_draw_frame(&c, r, wild[k], 5, white, 1);
			hmr_draw_text(&c, a, wild[i], "x", white, 1);
			hmr_draw_text_outlined(&c, b, 20, "x", white, 1);
		}
	for (int x = 0; x < W; x++) {		/* never past the rows */
		assert_int_equal(px[0][x][0], 0);
		assert_int_equal(px[H + 1][x][0], 0);
	}
}

static void
test_palette(void **state)
{
	static const struct { float l, c, h; uint8_t rgb[3]; } known[] = {
		{ 1, 0, 0, { 255, 255, 255 } },
		{ 0, 0, 0, { 0, 0, 0 } },
		{ 0.62796f, 0.25768f, 0.081205f, { 255, 0, 0 } },	/* red */
		{ 0.86644f, 0.29483f, 0.395820f, { 0, 255, 0 } },
	};
	float lab[24][3];

	(void)state;
	for (int i = 0; i < 4; i++) {
		uint8_t rgb[3];

		hmr_palette_oklch(known[i].l, known[i].c, known[i].h, rgb);
		for (int k = 0; k < 3; k++)
			assert_in_range(rgb[k] + 4, known[i].rgb[k],
					known[i].rgb[k] + 8);
	}
	for (int i = 0; i < 24; i++) {
		uint8_t rgb[3];

		hmr_palette_id((uint32_t)i + 1, rgb);
		hmr_palette_oklab(rgb, lab[i]);
		for (int k = 0; k < i; k++) {
			float d = 0;

			for (int j = 0; j < 3; j++)
				d += (lab[i][j] - lab[k][j]) * (lab[i][j] - lab[k][j]);
			if (sqrtf(d) < 0.04f)
				fail_msg("%d and %d are %.3f apart", i + 1, k + 1,
					 (double)sqrtf(d));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame_place),
		cmocka_unit_test(test_frame_dashes),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_disc),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_wild_coordinates),
		cmocka_unit_test(test_palette),
	};

	return cmocka_run_group_tests_name("drawing", tests, NULL, NULL);
}

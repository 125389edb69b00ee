/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rasteriser: which samples a triangle takes, that neighbours share none and
 * miss none, depth, clipping, light, bad input, and equal bits from both fills.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "render/raster.h"
#include "render/raster_tile.h"

#define W 96
#define H 80

static uint8_t px[H][W][3];

static struct hmr_canvas
canvas(uint8_t grey)
{
	memset(px, grey, sizeof(px));
	return (struct hmr_canvas){ &px[0][0][0], W, H, sizeof(px[0]) };
}

/* At z = 1 a metre is 100 px and the origin lies at the canvas's corner. */
static const struct hmr_scene_camera camera = { 100, { 0, 0 }, 0.01f };

static struct hmr_scene *
scene(void)
{
	struct hmr_scene_plan p = { W, H, 8, 4096, 8192 };
	struct hmr_scene *s;

	assert_int_equal(hmr_scene_new(&s, &p, NULL), HMR_OK);
	assert_true(hmr_scene_bytes(&p) > 8192 * 16);
	return s;
}

static void
draw(struct hmr_scene *s, const struct hmr_scene_mesh *m, int n, int count)
{
	struct hmr_canvas c = canvas(0);

	hmr_scene_count_hits(s, count);
	assert_int_equal(hmr_scene_begin(s, &c, &camera, NULL), HMR_OK);
	for (int i = 0; i < n; i++)
		assert_int_equal(hmr_scene_add(s, &m[i], NULL), HMR_OK);
	hmr_scene_finish(s);
}

/* Seen from the camera, counter-clockwise from outside with y down: 0 1 2 turns
 * left on the screen. */
static const uint32_t one_face[3] = { 0, 1, 2 };

static void
test_known_triangle(void **state)
{
	/* right angle at pixel (10,10), legs of 20 px: every sample of the pixels
	 * x + y < 28 is inside, none of x + y > 39 */
	static const float v[3][3] = { { .10f, .10f, 1 }, { .10f, .30f, 1 },
				       { .30f, .10f, 1 } };
	struct hmr_scene_mesh m = { v, one_face, 3, 1, { 0 }, 0, { 255, 255, 255 }, 1 };
	struct hmr_scene *s = scene();
	int hits = 0;

	(void)state;
	draw(s, &m, 1, 1);
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			int in = x >= 10 && y >= 10 && x + y < 38;
			int out = x < 10 || y < 10 || x + y > 39;

			if (in)
				assert_int_equal(px[y][x][0], S);
			if (out)
				assert_int_equal(px[y][x][0], 0);
			hits += px[y][x][0];
		}
	/* area 200 px */
	assert_in_range(hits, 200 * S - 40, 200 * S + 40);
	hmr_scene_free(s);
}

static void
test_faces_away(void **state)
{
	static const float v[3][3] = { { .10f, .10f, 1 }, { .30f, .10f, 1 },
				       { .10f, .30f, 1 } };
	struct hmr_scene_mesh m = { v, one_face, 3, 1, { 0 }, 0, { 255, 255, 255 }, 1 };
	struct hmr_scene *s = scene();

	(void)state;
	draw(s, &m, 1, 1);
	assert_int_equal(px[12][12][0], 0);
	hmr_scene_free(s);
}

/* A sheet at z = 1 of n x n cells of crooked triangles, from and span in metres;
 * the corners' places are odd fractions, some lie on samples exactly. */
static void
sheet(float (*v)[3], uint32_t *f, int n, float from, float span)
{
	uint32_t seed = 12345;
	int k = 0;

	for (int j = 0; j <= n; j++)
		for (int i = 0; i <= n; i++) {
			float *p = v[j * (n + 1) + i];
			float a, b;

			seed = seed * 1664525 + 1013904223;
			a = (float)(seed >> 8 & 255) / 512.0f;
			seed = seed * 1664525 + 1013904223;
			b = (float)(seed >> 8 & 255) / 512.0f;
			p[0] = from + span * ((float)i + a) / (float)n;
			p[1] = from + span * ((float)j + b) / (float)n;
			p[2] = 1;
		}
	for (int j = 0; j < n; j++)
		for (int i = 0; i < n; i++) {
			uint32_t a = (uint32_t)(j * (n + 1) + i), b = a + 1;
			uint32_t c = a + (uint32_t)n + 1, d = c + 1;
			uint32_t q[6] = { a, c, b, b, c, d };

			memcpy(&f[k], q, sizeof(q));
			k += 6;
		}
}

static void
sheet_is_whole(int n, float from, float span, int covers)
{
	static float v[2048][3];
	static uint32_t f[2048 * 6];
	struct hmr_scene_mesh m = { (const float (*)[3])v, f,
				    (uint32_t)((n + 1) * (n + 1)),
				    (uint32_t)(n * n * 2), { 0 }, 0, { 9, 9, 9 }, 1 };
	struct hmr_scene *s = scene();

	sheet(v, f, n, from, span);
	draw(s, &m, 1, 1);
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			assert_true(px[y][x][1] <= 1);		/* no double */
			if (x < covers && y < covers)
				assert_int_equal(px[y][x][0], S); /* no seam */
		}
	hmr_scene_free(s);
}

static void
test_no_seams(void **state)
{
	(void)state;
	sheet_is_whole(1, -1.3f, 2.5f, W);	/* large: 64-bit edges */
	sheet_is_whole(7, -0.1f, 1.3f, W);
	sheet_is_whole(40, -0.1f, 1.3f, W);
	sheet_is_whole(40, -0.02f, 0.32f, 29);	/* smaller than a pixel */
}

/* A floor 0.3 m below the eye, from behind the camera to 2.5 m before it: below
 * the horizon it is whole, across the cut as well. */
static void
test_near_plane(void **state)
{
	static float v[64][3];
	static uint32_t f[64 * 6];
	struct hmr_scene_mesh m = { (const float (*)[3])v, f, 64, 98, { 0 },
				    0, { 9, 9, 9 }, 1 };
	struct hmr_scene *s = scene();

	(void)state;
	sheet(v, f, 7, 0, 1);
	for (int i = 0; i < 64; i++) {
		v[i][2] = 3.0f - 5.0f * v[i][1];
		v[i][1] = 0.3f;
		v[i][0] = v[i][0] * 6 - 2;
	}
	draw(s, &m, 1, 1);
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			assert_true(px[y][x][1] <= 1);
			if (y >= 20)		/* z = 0.3 / 0.2 */
				assert_int_equal(px[y][x][0], S);
		}
	hmr_scene_free(s);
}

static void
test_depth(void **state)
{
	/* two triangles through each other: x = 40 px is where they cross */
	static const float v[2][3][3] = {
		{ { .0f, .0f, 1.0f }, { .0f, 1.6f, 2.0f }, { 1.6f, .0f, 2.0f } },
		{ { .0f, .0f, 1.5f }, { .0f, 1.2f, 1.5f }, { 1.2f, .0f, 1.5f } },
	};
	struct hmr_scene_mesh m[2] = {
		{ v[0], one_face, 3, 1, { 0 }, 0, { 9, 9, 9 }, 1 },
		{ v[1], one_face, 3, 1, { 0 }, 0, { 9, 9, 9 }, 1 },
	};
	struct hmr_scene *s = scene();

	(void)state;
	/* on the screen both span 0..80; 1/z of the first runs from 1 to 1/2, the
	 * second's is 2/3: they cross where 1 - d / 160 = 2/3, d = x + y = 53.3 */
	draw(s, m, 2, 1);
	assert_int_equal(px[20][20][2], 0);
	assert_int_equal(px[30][30][2], S);
	draw(s, (struct hmr_scene_mesh[]){ m[1], m[0] }, 2, 1);
	assert_int_equal(px[20][20][2], S);	/* whatever the order */
	assert_int_equal(px[30][30][2], 0);
	hmr_scene_free(s);
}

/* Of equal depth the mesh added first wins, also where its triangles begin in a
 * lower band than the other's. */
static void
test_first_wins_ties(void **state)
{
	static const float large[3][3] = { { 0, 0, 1 }, { 0, 2, 1 }, { 2, 0, 1 } };
	static float v[64][3];
	static uint32_t f[64 * 6];
	struct hmr_scene_mesh m[2] = {
		{ large, one_face, 3, 1, { 0 }, 0, { 9, 9, 9 }, 1 },
		{ (const float (*)[3])v, f, 64, 98, { 0 }, 0, { 9, 9, 9 }, 1 },
	};
	struct hmr_scene *s = scene();

	(void)state;
	sheet(v, f, 7, -0.1f, 1.3f);
	draw(s, m, 2, 1);
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			assert_int_equal(px[y][x][2], 0);
	hmr_scene_free(s);
}

/* Pixel (i,j) covers [i,i+1): a corner at (i,j) exactly, moved by whole pixels,
 * moves the picture by whole pixels. */
static void
test_place(void **state)
{
	static const float v[3][3] = { { 1, 1, 2 }, { 1, 1.02f, 2 }, { 1.02f, 1, 2 } };
	struct hmr_scene_mesh m = { v, one_face, 3, 1, { 0 }, 0, { 9, 9, 9 }, 1 };
	struct hmr_scene *s = scene();

	(void)state;
	draw(s, &m, 1, 1);	/* half of pixel (50,50) */
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			if (x == 50 && y == 50)
				assert_in_range(px[y][x][0], 3, 5);
			else
				assert_int_equal(px[y][x][0], 0);
	m.offset[0] = -0.4f;	/* 20 px at z = 2 */
	draw(s, &m, 1, 1);
	assert_in_range(px[50][30][0], 3, 5);
	assert_int_equal(px[50][50][0], 0);
	hmr_scene_free(s);
}

static void
test_blend_and_light(void **state)
{
	static const float v[3][3] = { { 0, 0, 1 }, { 0, 3, 1 }, { 3, 0, 1 } };
	struct hmr_scene_mesh m = { v, one_face, 3, 1, { 0 }, 0, { 200, 30, 30 }, 1 };
	struct hmr_scene *s = scene();
	struct hmr_canvas c;
	uint8_t solid[3];

	(void)state;
	draw(s, &m, 1, 0);
	memcpy(solid, px[20][20], 3);
	assert_true(solid[0] > 120);
	assert_true(solid[1] < solid[0] / 2 && solid[2] < solid[0] / 2);
	m.alpha = 0.5f;
	c = canvas(100);
	assert_int_equal(hmr_scene_begin(s, &c, &camera, NULL), HMR_OK);
	assert_int_equal(hmr_scene_add(s, &m, NULL), HMR_OK);
	hmr_scene_finish(s);
	for (int i = 0; i < 3; i++)
		assert_in_range(px[20][20][i], (solid[i] + 100) / 2 - 1,
				(solid[i] + 100) / 2 + 1);
	hmr_scene_free(s);
}

/* A mesh with a focal length of its own is lit as if the camera had it. */
static void
test_own_focal(void **state)
{
	static const float v[3][3] = { { -.1f, -.1f, 1 }, { 0, 2, 2.5f }, { 2, 0, 1.8f } };
	struct hmr_scene_mesh m = { v, one_face, 3, 1, { 0 }, 0, { 200, 150, 30 }, 1 };
	const struct hmr_scene_camera longer = { 1600, { 0, 0 }, 0.01f };
	struct hmr_scene *s = scene();
	struct hmr_canvas c;
	uint8_t solid[3];

	(void)state;
	draw(s, &m, 1, 0);
	memcpy(solid, px[20][20], 3);
	assert_true(solid[0] > 30);
	m.focal = 100;
	c = canvas(0);
	assert_int_equal(hmr_scene_begin(s, &c, &longer, NULL), HMR_OK);
	assert_int_equal(hmr_scene_add(s, &m, NULL), HMR_OK);
	hmr_scene_finish(s);
	assert_memory_equal(px[20][20], solid, 3);
	hmr_scene_free(s);
}

/* A faint mesh before another shows the other, not the background. */
static void
test_shows_through(void **state)
{
	static const float v[3][3] = { { 0, 0, 1 }, { 0, 3, 1 }, { 3, 0, 1 } };
	struct hmr_scene_mesh m[2] = {
		{ v, one_face, 3, 1, { 0 }, 0, { 200, 30, 30 }, 1 },
		{ v, one_face, 3, 1, { 0, 0, 1 }, 0, { 30, 30, 200 }, 1 },
	};
	struct hmr_scene *s = scene();
	uint8_t solid[2][3];

	(void)state;
	for (int i = 0; i < 2; i++) {
		draw(s, &m[i], 1, 0);
		memcpy(solid[i], px[20][20], 3);
	}
	m[0].alpha = 0.5f;
	draw(s, m, 2, 0);
	for (int i = 0; i < 3; i++)
		assert_in_range(px[20][20][i] + 2, (solid[0][i] + solid[1][i]) / 2,
				(solid[0][i] + solid[1][i]) / 2 + 4);
	hmr_scene_free(s);
}

static void
test_bad_input(void **state)
{
	static const float bad[6][3] = { { NAN, 0, 1 }, { 0, 1, 1 }, { 1, 0, 1 },
					 { 3e38f, 0, 1 }, { 0, INFINITY, 1 },
					 { 0, 0, -5 } };
	static const uint32_t faces[12] = { 0, 1, 2, 3, 1, 2, 4, 1, 2, 5, 1, 2 };
	static const uint32_t wild[3] = { 0, 1, 6 };
	struct hmr_scene_mesh m = { bad, faces, 6, 4, { 0 }, 0, { 9, 9, 9 }, 1 };
	struct hmr_scene *s = scene();
	struct hmr_scene_camera lens = camera;
	struct hmr_canvas c = canvas(0), large = { &px[0][0][0], W + 1, H, W * 3 };
	struct hmr_err e = { 0 };

	(void)state;
	draw(s, &m, 1, 0);	/* the last is cut by the near plane */
	m.faces = 3;		/* these have a corner nowhere */
	draw(s, &m, 1, 1);
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			assert_int_equal(px[y][x][0], 0);
	m.face = wild;
	m.faces = 1;
	assert_int_equal(hmr_scene_begin(s, &c, &lens, NULL), HMR_OK);
	assert_int_equal(hmr_scene_add(s, &m, &e), HMR_E_FORMAT);
	assert_string_equal(e.msg, "mesh: face 0: vertex 6 of 6");
	m.face = faces;
	m.vertices = 4097;
	assert_int_equal(hmr_scene_add(s, &m, NULL), HMR_E_LIMIT);
	assert_int_equal(hmr_scene_begin(s, &large, &lens, NULL), HMR_E_LIMIT);
	lens.focal = NAN;
	assert_int_equal(hmr_scene_begin(s, &c, &lens, NULL), HMR_E_FORMAT);
	lens.focal = 100;
	lens.near_m = 0;
	assert_int_equal(hmr_scene_begin(s, &c, &lens, NULL), HMR_E_FORMAT);
	hmr_scene_free(s);
}

/* The plain and the vector fill give the same bits for random triangles. */
static void
test_fills_agree(void **state)
{
	struct raster_tile *t = aligned_alloc(64, sizeof(*t) * 12);
	bool dirty[2][6] = { { 0 } };
	struct raster_colour colour[90];
	struct raster_band band[2] = {
		{ t, dirty[0], 6, 16, W, H, colour, true },
		{ t + 6, dirty[1], 6, 16, W, H, colour, true },
	};
	raster_fill *fill[2] = { raster_fill_plain, raster_fill_get() };
	uint32_t seed = 7;

	(void)state;
	assert_non_null(t);
	for (int i = 0; i < 90; i++)
		colour[i].samples = i % 3 ? 0xff : 0x6c;
	for (int k = 0; k < 3000; k++) {
		struct raster_vertex v[3];

		for (int i = 0; i < 3; i++) {
			int32_t r[5];

			for (int j = 0; j < 5; j++) {
				seed = seed * 1664525 + 1013904223;
				r[j] = (int32_t)(seed >> 12 & 0xfffff);
			}
			v[i].x = r[0] % (k % 5 ? 4000 : k % 2 ? 60000 : 900000) + k % 90 * SUB - 900;
			v[i].y = r[1] % (k % 5 ? 4000 : k % 2 ? 60000 : 900000) + k % 9 * SUB - 900;
			v[i].w = (float)r[2] / 1e6f + 0.1f;
			v[i].n[0] = (float)r[3] / 1.5e6f - 0.3f;
			v[i].n[1] = (float)r[4] / 1.5e6f - 0.3f;
		}
		for (int i = 0; i < 2; i++)
			fill[i](&band[i], &v[0], &v[1], &v[2], 1 + (uint32_t)k % 90);
	}
	for (int i = 0; i < 6; i++) {
		assert_true(dirty[0][i] && dirty[1][i]);
		assert_memory_equal(&t[i], &t[i + 6], sizeof(*t));
	}
	free(t);
}

/* Both resolvers give the same bits, and pixels lit together those they get alone:
 * depths 12 mm apart, which is no crease, keep a pixel out of the batch. */
static void
test_lights_agree(void **state)
{
	struct raster_tile *t = aligned_alloc(64, sizeof(*t) * 2);
	static uint8_t rgb[4][TILE * 2 * TILE * 3];
	raster_resolver *const resolve[2] = { raster_resolve_plain, raster_resolve_get() };
	struct raster_colour colour[3] = {
		{ { 0.2f, 0.5f, 0.9f }, 256, ALL_SAMPLES },
		{ { 0.7f, 0.1f, 0.0f }, 200, ALL_SAMPLES },
		{ { 0.3f, 0.3f, 0.3f }, 256, 0x6c },
	};
	bool dirty[2] = { true, true };
	struct raster_band band = { t, dirty, 2, 0, 2 * TILE, TILE, colour, false };
	struct raster_light *light = malloc(sizeof(*light));
	uint32_t seed = 3;

	(void)state;
	assert_true(t && light);
	raster_light_init(light);
	for (int i = 0; i < 2 * TILE * TILE; i++)
		for (int k = 0; k < S; k++) {
			int y = i / TILE % TILE, x = i % TILE;
			uint32_t mesh = i % 7 == 0 ? (uint32_t)(i + k) % 4 : 1 + (uint32_t)i % 2;

			seed = seed * 1664525 + 1013904223;
			t[i / TILE / TILE].mark[y][x][k] = (400 + (seed >> 8) % 200) |
				(300 + (seed >> 16) % 400) << 10 | mesh << MESH_SHIFT;
		}
	for (int pass = 0; pass < 4; pass++) {
		const struct hmr_canvas c = { rgb[pass], 2 * TILE, TILE, 2 * TILE * 3 };

		memset(rgb[pass], 90, sizeof(rgb[pass]));
		for (int i = 0; i < 2 * TILE * TILE * S; i++)
			t[i / S / TILE / TILE].w[i / S / TILE % TILE][i / S % TILE][i % S] =
				1 / (5 + (pass / 2 && i % S == 5 ? 0.012f : 0));
		resolve[pass % 2](&band, light, 1000, &c);
		assert_memory_equal(rgb[pass], rgb[0], sizeof(rgb[0]));
	}
	free(t);
	free(light);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_triangle),
		cmocka_unit_test(test_faces_away),
		cmocka_unit_test(test_no_seams),
		cmocka_unit_test(test_near_plane),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_first_wins_ties),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_blend_and_light),
		cmocka_unit_test(test_own_focal),
		cmocka_unit_test(test_shows_through),
		cmocka_unit_test(test_bad_input),
		cmocka_unit_test(test_fills_agree),
		cmocka_unit_test(test_lights_agree),
	};

	return cmocka_run_group_tests_name("rasteriser", tests, NULL, NULL);
}

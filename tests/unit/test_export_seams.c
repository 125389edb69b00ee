/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vertices on seams, of surfaces as they come from outside: with vertices of no face,
 * and with places that several vertices share. Seen failing: the first left as no
 * vertex at all, the second drawn at another vertex.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "export/seams.h"

#define FACES 2u
/* A square of two triangles; vertex 1 is of neither. */
static const uint32_t face[3 * FACES] = { 0, 2, 3, 0, 3, 4 };
static const float uv[5][2] = { { 0, 0 }, { .25f, 0 }, { .5f, 0 }, { .75f, 0 }, { 1, 0 } };

/* Every corner has its own vertex and its own place; all slots are vertices. */
static void
check(const struct export_seams *s, const uint32_t *places)
{
	for (uint32_t i = 0; i < 3 * FACES; i++) {
		assert_true(s->face[i] < s->slots);
		assert_int_equal(s->vertex[s->face[i]], face[i]);
		assert_memory_equal(s->uv[s->face[i]], uv[places[i]], sizeof(uv[0]));
	}
	for (uint32_t i = 0; i < s->slots; i++)
		assert_true(i < 5 ? s->vertex[i] == i : s->vertex[i] < 5);
}

static void
test_seams(void **state)
{
	static const struct { uint32_t places[3 * FACES], slots; } cases[] = {
		{ { 0, 1, 2, 0, 2, 3 }, 5 },	/* no seam */
		{ { 0, 1, 2, 4, 2, 3 }, 6 },	/* vertex 0 has two places */
		{ { 0, 1, 1, 0, 1, 0 }, 5 },	/* places of two vertices */
		{ { 0, 1, 2, 2, 0, 2 }, 7 },	/* two corners that are exchanged */
	};
	struct export_seams s = { 0 };
	struct hmr_err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(export_seams_make(&s, 5, FACES, face, cases[i].places, 5, uv,
						   &e), 0);
		assert_int_equal(s.slots, cases[i].slots);
		check(&s, cases[i].places);
	}
	assert_int_equal(export_seams_make(&s, 5, FACES, face, NULL, 0, NULL, &e), 0);
	assert_int_equal(s.slots, 0);
	export_seams_release(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_seams) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

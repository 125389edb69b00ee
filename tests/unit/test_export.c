/* SPDX-License-Identifier: Apache-2.0 */
/* Choices of frames, and the table of formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "export/export.h"

static void
test_choice(void **state)
{
	struct hmr_export_choice c = { 0 };
	struct hmr_err e;

	(void)state;
	assert_true(hmr_export_chosen(&c, 12345));
	assert_false(hmr_export_single(&c));
	assert_int_equal(hmr_export_choice_parse(&c, "10,20-22,100-", &e), HMR_OK);
	assert_false(hmr_export_chosen(&c, 9));
	assert_true(hmr_export_chosen(&c, 10));
	assert_false(hmr_export_chosen(&c, 11));
	assert_false(hmr_export_chosen(&c, 19));
	assert_true(hmr_export_chosen(&c, 20));
	assert_true(hmr_export_chosen(&c, 22));
	assert_false(hmr_export_chosen(&c, 23));
	assert_false(hmr_export_chosen(&c, 99));
	assert_true(hmr_export_chosen(&c, UINT64_MAX));
	assert_int_equal(hmr_export_choice_parse(&c, "7", &e), HMR_OK);
	assert_true(hmr_export_single(&c));
	assert_int_equal(hmr_export_choice_parse(&c, "7-8", &e), HMR_OK);
	assert_false(hmr_export_single(&c));
}

static void
test_bad_choice(void **state)
{
	static const char *const bad[] = {
		"", ",", "1,", ",1", "1,,2", "-", "-5", "5-3", "1-2-3", "a", "1a",
		"99999999999999999999999999", "18446744073709551616", " 1",
	};
	struct hmr_export_choice c;
	struct hmr_err e;
	char many[4 * HMR_EXPORT_RANGES + 8] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(hmr_export_choice_parse(&c, bad[i], &e), HMR_E_USAGE);
	for (int i = 0; i < HMR_EXPORT_RANGES - 1; i++)
		strcat(many, "1,");
	strcat(many, "1");
	assert_int_equal(hmr_export_choice_parse(&c, many, &e), HMR_OK);
	strcat(many, ",1");
	assert_int_equal(hmr_export_choice_parse(&c, many, &e), HMR_E_USAGE);
}

static void
test_formats(void **state)
{
	static const char *const names[] = { "jsonl", "csv", "mot", "mp4", "png", "obj",
		"ply" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct hmr_export_format *f = hmr_export_find(names[i]);

		assert_non_null(f);
		assert_string_equal(f->name, names[i]);
		assert_non_null(f->open);
		assert_non_null(f->frame);
		assert_non_null(f->close);
		f->close(NULL);
	}
	assert_null(hmr_export_find("gif"));
	assert_null(hmr_export_find(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_bad_choice),
		cmocka_unit_test(test_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers: the shortest decimal gives the float back; whole strings only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"

static float
from_bits(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

static void
check_round_trip(float v)
{
	char t[HMR_NUM_MAX + 1], s[64];
	size_t n = hmr_fmt_f32(t, v);

	assert_true(n < HMR_NUM_MAX);
	t[n] = 0;
	if (strtof(t, NULL) != v || (float)strtod(t, NULL) != v)
		fail_msg("%.9g became %s", (double)v, t);
	/* None with fewer digits gives it back. Above 1e7 a shorter one may lie in the
	 * very middle of two floats, where readers differ: not taken. */
	for (int p = 1; p < 9 && v < 1e7f && v > -1e7f; p++) {
		size_t digits = 0;
		const char *c;

		snprintf(s, sizeof(s), "%.*e", p - 1, (double)v);
		if (strtof(s, NULL) != v)
			continue;
		for (c = t; *c && *c != 'e'; c++)
			digits += *c >= '0' && *c <= '9' && (digits || *c != '0');
		while (c > t && !strchr(t, '.') && *--c == '0')
			digits--;
		if (digits > (size_t)p)
			fail_msg("%s has %zu digits, %s does", t, digits, s);
		break;
	}
}

static void
test_f32(void **state)
{
	uint32_t x = 12345;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		float v;

		x = x * 1664525 + 1013904223;
		v = from_bits(x);
		if (v - v == 0 && v != 0)
			check_round_trip(v);
		check_round_trip((float)(int32_t)x * 1e-6f);
		check_round_trip((float)(x % 100000) * 0.01f + 0.01f);
	}
	check_round_trip(from_bits(1));
	check_round_trip(from_bits(0x7f7fffff));
	check_round_trip(16777216.0f);
}

static void
test_text(void **state)
{
	static const struct { float v; const char *s; } c[] = {
		{ 0, "0" }, { 1, "1" }, { -1.5f, "-1.5" }, { 0.1f, "0.1" },
		{ 100, "100" }, { 1234567, "1234567" }, { 0.001f, "0.001" },
		{ 3.4028235e38f, "3.4028235e+38" },
	};
	char t[HMR_NUM_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		t[hmr_fmt_f32(t, c[i].v)] = 0;
		assert_string_equal(t, c[i].s);
	}
	t[hmr_fmt_i64(t, INT64_MIN)] = 0;
	assert_string_equal(t, "-9223372036854775808");
	t[hmr_fmt_f64(t, 12.500001, 3)] = 0;
	assert_string_equal(t, "12.5");
	t[hmr_fmt_f64(t, -0.0004, 3)] = 0;
	assert_string_equal(t, "0");
	t[hmr_fmt_f64(t, 0.04, 6)] = 0;
	assert_string_equal(t, "0.04");
}

static void
test_parse(void **state)
{
	struct hmr_err e;
	uint32_t u;
	double d;

	(void)state;
	assert_int_equal(hmr_parse_u32("x", "42", 0, 99, &u, &e), 0);
	assert_int_equal(u, 42);
	assert_int_equal(hmr_parse_u32("x", "", 0, 99, &u, &e), HMR_E_USAGE);
	assert_int_equal(hmr_parse_u32("x", "4 ", 0, 99, &u, &e), HMR_E_USAGE);
	assert_int_equal(hmr_parse_u32("x", "-1", 0, 99, &u, &e), HMR_E_USAGE);
	assert_int_equal(hmr_parse_u32("x", "100", 0, 99, &u, &e), HMR_E_USAGE);
	assert_int_equal(hmr_parse_u32("x", "99999999999999999999", 0, 99, &u, &e),
			 HMR_E_USAGE);
	assert_non_null(strstr(e.msg, "from 0 to 99"));
	assert_int_equal(hmr_parse_f64("x", "0.5", 0, 1, &d, &e), 0);
	assert_int_equal(hmr_parse_f64("x", "nan", 0, 1, &d, &e), HMR_E_USAGE);
	assert_int_equal(hmr_parse_f64("x", "1e", 0, 1, &d, &e), HMR_E_USAGE);
	assert_int_equal(hmr_parse_f64("x", " 1", 0, 1, &d, &e), HMR_E_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f32),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

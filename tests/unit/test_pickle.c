/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pickle machine: one value in all protocols as Python wrote it, numpy and
 * scipy objects, Python 2's strings, and what hostile bytes get. No byte of a
 * pickle may be missing: every prefix must fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "import/npy.h"
#include "import/pickle.h"
#include "pickle_cases.h"

#define CASE(p) { value##p, sizeof(value##p), array##p, sizeof(array##p) }
static const struct {
	const uint8_t *value;
	size_t n_value;
	const uint8_t *array;
	size_t n_array;
} cases[] = { CASE(0), CASE(1), CASE(2), CASE(3), CASE(4), CASE(5) };

static struct hmr_pickle *
parse(const void *p, size_t n)
{
	struct hmr_pickle *k;
	struct hmr_err e = { 0 };

	if (hmr_pickle_parse(&k, p, n, &e))
		fail_msg("%s", e.msg);
	return k;
}

static int64_t
int_at(const struct hmr_pk *v, uint32_t i)
{
	int64_t x = 12345;

	assert_true(hmr_pk_int(hmr_pk_at(v, i), &x));
	return x;
}

static void
test_values(void **state)
{
	(void)state;
	for (size_t p = 0; p < 6; p++) {
		struct hmr_pickle *k = parse(cases[p].value, cases[p].n_value);
		const struct hmr_pk *r = hmr_pickle_root(k), *v;
		int64_t x;

		v = hmr_pk_get(r, "ints");
		assert_int_equal(v->n, 8);
		assert_int_equal(int_at(v, 0), 0);
		assert_int_equal(int_at(v, 1), -1);
		assert_int_equal(int_at(v, 2), 300);
		assert_int_equal(int_at(v, 3), 70000);
		assert_int_equal(int_at(v, 4), -70000);
		assert_int_equal(int_at(v, 5), (int64_t)1 << 40);
		if (p > 1)	/* text: beyond what we read as an integer */
			assert_int_equal(int_at(v, 6), INT64_MIN);
		assert_int_equal(hmr_pk_at(v, 7)->kind, HMR_PK_BIG);
		v = hmr_pk_get(r, "mix");
		assert_true(hmr_pk_at(v, 0)->f == 1.5);
		assert_int_equal(hmr_pk_at(v, 1)->kind, HMR_PK_NONE);
		assert_int_equal(hmr_pk_at(v, 2)->kind, HMR_PK_BOOL);
		assert_int_equal(int_at(v, 2), 1);
		assert_int_equal(int_at(v, 3), 0);
		assert_true(hmr_pk_is(hmr_pk_at(v, 4), "\xc3\xbc"));
		assert_int_equal(hmr_pk_at(v, 5)->kind, HMR_PK_BYTES);
		assert_int_equal(hmr_pk_at(v, 5)->s.n, 2);
		assert_memory_equal(hmr_pk_at(v, 5)->s.p, "\xff\0", 2);
		assert_true(hmr_pk_int(hmr_pk_get(hmr_pk_get(r, "od"), "k"), &x) ||
			    p < 2);	/* those pass a list of pairs */
		v = hmr_pk_get(r, "empty");
		assert_int_equal(hmr_pk_at(v, 0)->kind, HMR_PK_TUPLE);
		assert_int_equal(hmr_pk_at(v, 1)->kind, HMR_PK_LIST);
		assert_int_equal(hmr_pk_at(v, 2)->kind, HMR_PK_DICT);
		assert_null(hmr_pk_get(r, "none"));
		hmr_pickle_free(k);
	}
}

static void
check_array(const struct hmr_pk *r, const char *key, const float *want, size_t n)
{
	struct hmr_npy a;
	struct hmr_err e = { 0 };
	float got[8];

	if (hmr_npy_of_pickle(&a, hmr_pk_get(r, key), &e))
		fail_msg("%s: %s", key, e.msg);
	assert_int_equal(a.count, n);
	hmr_npy_f32(&a, got);
	assert_memory_equal(got, want, n * sizeof(float));
}

static void
check_sparse(const struct hmr_pk *v)
{
	static const float want[] = { 0, 2.5f, 0, 1, 0, 3 };
	struct hmr_sparse s;
	float got[6];

	assert_true(hmr_pk_is_sparse(v));
	assert_int_equal(hmr_sparse_of_pickle(&s, v, NULL), HMR_OK);
	assert_int_equal(s.rows, 2);
	assert_int_equal(s.cols, 3);
	assert_int_equal(hmr_sparse_f32(&s, got, NULL), HMR_OK);
	assert_memory_equal(got, want, sizeof(want));
}

/* Selections of chumpy that are not in their array. */
static void
refuse_array(const struct hmr_pk *r, const char *key, enum hmr_status want)
{
	struct hmr_npy a;
	struct hmr_err e = { 0 };

	assert_non_null(hmr_pk_get(r, key));
	assert_int_equal(hmr_npy_of_pickle(&a, hmr_pk_get(r, key), &e), want);
	assert_non_null(strstr(e.msg, "selection"));
}

static void
test_arrays(void **state)
{
	static const float select[] = { 0, 1, 3, 4 }, pick[] = { 5, 1, 3 };
	static const float six[] = { 0, 1, 2, 3, 4, 5 };
	static const float quarters[] = { 0, 0.25f, 0.5f, 0.75f, 1, 1.25f };
	static const float s = 2.5f;

	(void)state;
	for (size_t p = 0; p < 6; p++) {
		struct hmr_pickle *k = parse(cases[p].array, cases[p].n_array);
		const struct hmr_pk *r = hmr_pickle_root(k);

		check_array(r, "c", quarters, 6);
		check_array(r, "f", six, 6);
		check_array(r, "h", six, 3);
		check_array(r, "s", &s, 1);
		check_array(r, "o", six, 4);
		check_array(r, "select", select, 4);
		check_array(r, "pick", pick, 3);
		refuse_array(r, "over", HMR_E_FORMAT);
		refuse_array(r, "under", HMR_E_FORMAT);
		refuse_array(r, "uneven", HMR_E_FORMAT);
		refuse_array(r, "real", HMR_E_VERSION);
		check_sparse(hmr_pk_get(r, "csc"));
		check_sparse(hmr_pk_get(r, "csr"));
		hmr_pickle_free(k);
	}
}

static void
test_prefixes(void **state)
{
	(void)state;
	for (size_t p = 0; p < 6; p++)
		for (size_t n = 0; n < cases[p].n_array; n++) {
			uint8_t *copy = malloc(n ? n : 1);	/* for the sanitizer */
			struct hmr_pickle *k;

			memcpy(copy, cases[p].array, n);
			assert_int_not_equal(hmr_pickle_parse(&k, copy, n, NULL),
					     HMR_OK);
			assert_null(k);
			free(copy);
		}
}

#define LIT(s) (s), sizeof(s) - 1

static void
test_python2(void **state)
{
	struct hmr_pickle *k = parse(LIT("(dp1\nS'a\\x00\\n\\'\\\\b'\np2\nS\"it's\"\n"
					 "p3\nsV\\u00fc\xe9\np4\nI01\nsL12L\nF-1e3\ns."));
	const struct hmr_pk *r = hmr_pickle_root(k);

	(void)state;
	assert_int_equal(r->n, 3);
	assert_int_equal(r->item[0]->s.n, 6);
	assert_memory_equal(r->item[0]->s.p, "a\0\n'\\b", 6);
	hmr_pickle_free(k);
}

/* What is called in Python is only named here. */
static void
test_no_calls(void **state)
{
	struct hmr_pickle *k = parse(LIT("cos\nsystem\n(S'false'\ntR."));
	const struct hmr_pk *r = hmr_pickle_root(k);

	(void)state;
	assert_int_equal(r->kind, HMR_PK_OBJECT);
	assert_true(hmr_pk_is(r->o.cls, "os system"));
	assert_true(hmr_pk_is(hmr_pk_at(r->o.args, 0), "false"));
	hmr_pickle_free(k);
}

static void
test_hostile(void **state)
{
	static const struct { const char *p; size_t n; enum hmr_status st; } bad[] = {
		{ LIT(""), HMR_E_TRUNCATED },
		{ LIT("."), HMR_E_FORMAT },
		{ LIT("0."), HMR_E_FORMAT },
		{ LIT("t."), HMR_E_FORMAT },
		{ LIT("(."), HMR_E_FORMAT },
		{ LIT("K\1(."), HMR_E_FORMAT },		/* takes below the mark */
		{ LIT("h\0."), HMR_E_FORMAT },
		{ LIT("]r\377\377\377\377."), HMR_E_FORMAT },
		{ LIT("]p999999999\n."), HMR_E_FORMAT },
		{ LIT("]p-1\n."), HMR_E_FORMAT },
		{ LIT("X\377\377\377\377abc."), HMR_E_TRUNCATED },
		{ LIT("\x8e\377\377\377\377\377\377\377\377abc."), HMR_E_TRUNCATED },
		{ LIT("T\377\377\377\377abc."), HMR_E_FORMAT },
		{ LIT("\x8b\377\377\377\377abc."), HMR_E_TRUNCATED },
		{ LIT("\x80\6."), HMR_E_VERSION },
		{ LIT("\xfe."), HMR_E_FORMAT },
		{ LIT("}K\1a."), HMR_E_FORMAT },
		{ LIT("}(K\1u."), HMR_E_FORMAT },
		{ LIT("K\1K\2a."), HMR_E_FORMAT },
		{ LIT("K\1K\2R."), HMR_E_FORMAT },
		{ LIT("K\1K\2\x93."), HMR_E_FORMAT },
		{ LIT("K\1b."), HMR_E_FORMAT },
		{ LIT("I12x\n."), HMR_E_FORMAT },
		{ LIT("L\n."), HMR_E_FORMAT },
		{ LIT("Fx\n."), HMR_E_FORMAT },
		{ LIT("S'a\n."), HMR_E_FORMAT },
		{ LIT("S'\n."), HMR_E_FORMAT },
		{ LIT("\x97."), HMR_E_FORMAT },
		{ LIT("(o."), HMR_E_FORMAT },
		{ LIT("c_codecs\nencode\nX\3\0\0\0\xe2\x82\xac"
		      "X\6\0\0\0latin1\x86R."), HMR_E_FORMAT },
	};
	struct hmr_pickle *k;
	struct hmr_err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		enum hmr_status st = hmr_pickle_parse(&k, (const uint8_t *)bad[i].p,
						      bad[i].n, &e);

		if (st != bad[i].st)
			fail_msg("case %zu: %d %s", i, st, e.msg);
		assert_null(k);
		assert_null(strchr(e.msg, '\n'));
	}
}

/* Depth and size are bounded; a list may hold itself. */
static void
test_bounds(void **state)
{
	size_t n = HMR_PK_STACK_MAX + 16;
	uint8_t *p = calloc(n, 1);
	struct hmr_pickle *k;

	(void)state;
	assert_non_null(p);
	memset(p, '(', n);
	assert_int_equal(hmr_pickle_parse(&k, p, n, NULL), HMR_E_LIMIT);
	p[0] = 'N';
	memset(p + 1, '2', n - 1);
	assert_int_equal(hmr_pickle_parse(&k, p, n, NULL), HMR_E_LIMIT);
	memset(p, ']', n);
	p[0] = 'N';
	for (size_t i = 1; i < n; i++)
		p[i] = 0x85;		/* a tuple of a tuple of … */
	assert_int_equal(hmr_pickle_parse(&k, p, n, NULL), HMR_E_LIMIT);
	free(p);
	k = parse(LIT("]q\0h\0a."));
	assert_ptr_equal(hmr_pk_at(hmr_pickle_root(k), 0), hmr_pickle_root(k));
	hmr_pickle_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_python2),
		cmocka_unit_test(test_no_calls),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

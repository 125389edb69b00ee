/* SPDX-License-Identifier: Apache-2.0 */
/* Assignment against all permutations; the scores on cases counted by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "track/assign.h"
#include "track/score.h"

static uint64_t seed = 42;

static uint32_t
rnd(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33);
}

/* The least sum of min(cost, limit) over all complete assignments of the shorter
 * side. */
static double
brute(const double *c, uint32_t rows, uint32_t cols, double limit, uint32_t r,
      uint32_t used, uint32_t skipped)
{
	double best = 1e300;

	if (r == rows)
		return 0;
	for (uint32_t k = 0; k < cols; k++) {
		double x = c[r * cols + k] < limit ? c[r * cols + k] : limit;

		if (used >> k & 1)
			continue;
		x += brute(c, rows, cols, limit, r + 1, used | 1u << k, skipped);
		best = x < best ? x : best;
	}
	if (rows - cols > skipped && rows > cols) {	/* a row goes without */
		double x = brute(c, rows, cols, limit, r + 1, used, skipped + 1);

		best = x < best ? x : best;
	}
	return best;
}

static void
test_brute(void **state)
{
	struct hmr_assign *a = hmr_assign_new(7);
	double c[49];
	int32_t col[7];

	(void)state;
	for (int round = 0; round < 4000; round++) {
		uint32_t rows = 1 + rnd() % 7, cols = 1 + rnd() % 7, used = 0;
		uint32_t n = rows < cols ? rows : cols, pairs = 0;
		double limit = round % 3 ? 1e9 : 0.5, sum = 0;

		for (uint32_t i = 0; i < rows * cols; i++)
			c[i] = round % 2 ? rnd() % 4 : rnd() / 2147483648.0;
		if (round % 5 == 0)
			for (uint32_t i = 0; i < rows * cols; i++)
				c[i] -= 0.7;
		hmr_assign_solve(a, c, rows, cols, limit, col);
		for (uint32_t r = 0; r < rows; r++) {
			if (col[r] < 0)
				continue;
			assert_in_range(col[r], 0, cols - 1);
			assert_false(used >> col[r] & 1);
			used |= 1u << col[r];
			assert_true(c[r * cols + (uint32_t)col[r]] < limit);
			sum += c[r * cols + (uint32_t)col[r]];
			pairs++;
		}
		sum += (n - pairs) * limit;
		if (limit > 1)
			assert_int_equal(pairs, n);
		if (fabs(sum - brute(c, rows, cols, limit, 0, 0, 0)) > 1e-6)
			fail_msg("round %d, %ux%u: %g, best is %g", round, rows, cols,
				 sum, brute(c, rows, cols, limit, 0, 0, 0));
	}
	hmr_assign_solve(a, c, 0, 3, 1, col);
	hmr_assign_solve(a, c, 3, 0, 1, col);
	assert_int_equal(col[0], -1);
	hmr_assign_free(a);
}

/* 200 x 200 with a known optimum: a permutation made cheap by dual variables. */
static void
test_large(void **state)
{
	enum { N = 200 };
	struct hmr_assign *a = hmr_assign_new(N);
	double *c = malloc(N * N * sizeof(*c)), u[N], v[N], best = 0, sum = 0;
	int32_t col[N];
	uint32_t perm[N];

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		perm[i] = i;
		u[i] = rnd() % 1000;
		v[i] = rnd() % 1000;
	}
	for (uint32_t i = N - 1; i > 0; i--) {
		uint32_t k = rnd() % (i + 1), x = perm[i];

		perm[i] = perm[k];
		perm[k] = x;
	}
	for (uint32_t i = 0; i < N; i++)
		for (uint32_t k = 0; k < N; k++)
			c[i * N + k] = u[i] + v[k] +
				       (perm[i] == k ? 0 : rnd() % 50);
	for (uint32_t i = 0; i < N; i++)
		best += c[i * N + perm[i]];
	hmr_assign_solve(a, c, N, N, 1e9, col);
	for (uint32_t i = 0; i < N; i++)
		sum += c[i * N + (uint32_t)col[i]];
	assert_true(fabs(sum - best) < 1e-6);
	free(c);
	hmr_assign_free(a);
}

static void
add(struct hmr_mot *m, uint32_t frame, uint32_t id, float x)
{
	struct hmr_mot_row r = { frame, id, { x, 0, x + 10, 10 }, 1, false };

	assert_int_equal(hmr_mot_add(m, &r, NULL), HMR_OK);
}

/* Two objects that swap results after two of four frames; one is lost for a frame
 * and comes back, and there is a false box. */
static void
test_counts(void **state)
{
	struct hmr_mot t = { 0 }, r = { 0 };
	struct hmr_score s = { 0 };

	(void)state;
	for (uint32_t f = 0; f < 6; f++) {
		add(&t, f, 7, 0);
		add(&t, f, 9, 100);
		add(&r, f, f < 3 ? 1 : 2, 0);
		if (f != 1)
			add(&r, f, f < 3 ? 2 : 1, 100);
	}
	add(&r, 2, 5, 500);
	add(&r, 9, 5, 500);
	assert_int_equal(hmr_mot_sort(&t, "t", NULL), HMR_OK);
	assert_int_equal(hmr_mot_sort(&r, "r", NULL), HMR_OK);
	assert_int_equal(hmr_score_clear(&s, &t, &r, 0.5, NULL), HMR_OK);
	assert_int_equal(hmr_score_identity(&s, &t, &r, 0.5, NULL), HMR_OK);
	assert_int_equal(s.frames, 7);
	assert_int_equal(s.truth, 12);
	assert_int_equal(s.boxes, 13);
	assert_int_equal(s.tp, 11);
	assert_int_equal(s.fp, 2);
	assert_int_equal(s.fn, 1);
	assert_int_equal(s.switches, 2);
	assert_int_equal(s.fragments, 1);
	assert_int_equal(s.mostly_tracked, 2);
	assert_true(fabs(s.mota - (1 - 5 / 12.0)) < 1e-12);
	assert_true(fabs(s.motp - 1) < 1e-12);
	assert_int_equal(s.idtp, 6);	/* 7 with 1 or 2, 9 with the other */
	assert_int_equal(s.idfp, 7);
	hmr_mot_release(&t);
	hmr_mot_release(&r);
}

/* HOTA of a perfect result is 1; of one object split into halves, AssA is 1/2. */
static void
test_hota(void **state)
{
	struct hmr_mot t = { 0 }, r = { 0 };
	struct hmr_score s = { 0 };

	(void)state;
	for (uint32_t f = 0; f < 10; f++) {
		add(&t, f, 3, (float)f);
		add(&r, f, f < 5 ? 1 : 2, (float)f);
	}
	assert_int_equal(hmr_mot_sort(&t, "t", NULL), HMR_OK);
	assert_int_equal(hmr_mot_sort(&r, "r", NULL), HMR_OK);
	assert_int_equal(hmr_score_hota(&s, &t, &t, NULL), HMR_OK);
	assert_true(fabs(s.hota - 1) < 1e-9 && fabs(s.loca - 1) < 1e-9);
	memset(&s, 0, sizeof(s));
	assert_int_equal(hmr_score_hota(&s, &t, &r, NULL), HMR_OK);
	assert_true(fabs(s.deta - 1) < 1e-9);
	assert_true(fabs(s.assa - 0.5) < 1e-9);
	assert_true(fabs(s.hota - sqrt(0.5)) < 1e-9);
	hmr_mot_release(&t);
	hmr_mot_release(&r);
}

static void
test_twice(void **state)
{
	struct hmr_mot m = { 0 };
	struct hmr_err e;

	(void)state;
	add(&m, 4, 1, 0);
	add(&m, 4, 1, 50);
	assert_int_equal(hmr_mot_sort(&m, "gt.txt", &e), HMR_E_FORMAT);
	assert_non_null(strstr(e.msg, "gt.txt: identity 1 twice in frame 4"));
	hmr_mot_release(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brute),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_hota),
		cmocka_unit_test(test_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

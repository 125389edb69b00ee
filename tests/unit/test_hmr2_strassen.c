/* SPDX-License-Identifier: Apache-2.0 */
/* The product with fewer multiplications against the plain one. AVX-512 only. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "hmr2/hmr2_kernels.h"

#ifdef __x86_64__

#define OUT 256u
#define IN 2688u	/* two blocks and a smaller one */

/* Worst error of a product's row against sums in double, over the row's scale. */
static double
row_error(const float *x, const float *w, const float *bias, const float *c)
{
	double scale = 0, diff = 0;

	for (size_t o = 0; o < OUT; o++) {
		double s = (double)bias[o];

		for (size_t i = 0; i < IN; i++)
			s += (double)x[i] * (double)w[o * IN + i];
		scale += s * s / OUT;
		diff = fmax(diff, fabs(s - (double)c[o]));
	}
	return diff / sqrt(scale);
}

/* Strassen's product against the plain one and sums in double. Observed: 9.2e-7
 * and, plain, 5.6e-7. */
static void
test_strassen(void **state)
{
	enum { ROWS = HMR2_CHUNK };
	static float x[ROWS * IN], w[OUT * IN], bias[OUT], c[ROWS * OUT], d[ROWS * OUT];
	struct hmr2_linear l = { HMR_DTYPE_F32, OUT, IN, w, NULL, bias };
	struct hmr2_rows a = { .p = (uint32_t *)(void *)x, .words = IN };
	void *packed = aligned_alloc(64, hmr2_packed_bytes(HMR2_F32, OUT, IN));
	void *room = aligned_alloc(64, hmr2_strassen_bytes(IN));
	void *changed = aligned_alloc(64, hmr2_packed_bytes(HMR2_F32, OUT, IN));
	struct hmr2_packed p, q;
	uint32_t seed = 1;
	double e[2] = { 0 };

	(void)state;
	for (size_t i = 0; i < ROWS * (size_t)IN; i++)
		x[i] = (float)((seed = seed * 1664525 + 1013904223) >> 8) / 0x1p23f - 1;
	for (size_t i = 0; i < OUT * (size_t)IN; i++)
		w[i] = (float)((seed = seed * 1664525 + 1013904223) >> 8) / 0x1p23f - 1;
	for (size_t i = 0; i < OUT; i++)
		bias[i] = (float)i;
	hmr2_pack(&p, HMR2_F32, &l, packed);
	hmr2_pack(&q, HMR2_F32, &l, changed);
	assert_true(hmr2_strassen_fits(&q));
	hmr2_strassen_pack(&q);
	for (int k = 0; k < 3; k++) {
		size_t rows = (size_t[]){ ROWS, 36, 12 }[k];

		hmr2_product(&p, &a, 0, rows, HMR2_STORE, c, OUT);
		hmr2_strassen(&q, &a, 0, rows, HMR2_STORE, d, OUT, room);
		for (size_t r = 0; r < rows; r++) {
			e[0] = fmax(e[0], row_error(x + r * IN, w, bias, c + r * OUT));
			e[1] = fmax(e[1], row_error(x + r * IN, w, bias, d + r * OUT));
		}
		/* rows elsewhere, onto what is there, through GELU */
		hmr2_strassen(&q, &a, rows - 12, 12, HMR2_GELU, c, OUT, room);
		hmr2_strassen(&q, &a, rows - 12, 12, HMR2_ADD, d + (rows - 12) * OUT, OUT,
			      room);
		for (size_t i = 0; i < 12 * OUT; i++) {
			float v = d[(rows - 12) * OUT + i] / 2;

			assert_true(fabsf(c[i] - v * 0.5f * (1 + erff(v * 0.70710678f))) <
				    1e-3f);
		}
	}
	print_message("# plain %.2g, Strassen %.2g\n", e[0], e[1]);
	assert_true(e[0] < 2e-6 && e[1] < 2e-6);
	free(packed);
	free(changed);
	free(room);
}

#endif

int
main(void)
{
#ifdef __x86_64__
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_strassen) };

	if (hmr2_cpu_fast())
		return cmocka_run_group_tests(tests, NULL, NULL);
#endif
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors of 16 floats in AVX-512 for HMR2's kernels, chosen at run time. Each
 * function carries its target, so no file needs flags.
 */
#ifndef HMR_HMR2_SIMD_H
#define HMR_HMR2_SIMD_H

#ifdef __x86_64__
#include <immintrin.h>
#include <stdint.h>

#define HMR2_512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#define HMR2_512_BF16 \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#define HMR2_512_VNNI \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#define HMR2_INLINE static inline __attribute__((always_inline))

/* e^x within 2 ulp for x <= 0; smaller than -87 gives 0 or a subnormal. */
HMR2_INLINE HMR2_512 __m512
hmr2_exp(__m512 x)
{
	__m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)),
					_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
	__m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693145752f), x);
	__m512 p;

	r = _mm512_fnmadd_ps(n, _mm512_set1_ps(1.42860677e-6f), r);
	p = _mm512_set1_ps(1.0f / 720);
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 120));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 24));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 6));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
	return _mm512_scalef_ps(p, n);
}

/* erf within 4e-7, a rational function of x on [-4, 4] (as in Eigen and XLA). */
HMR2_INLINE HMR2_512 __m512
hmr2_erf(__m512 x)
{
	__m512 x2, p, q;

	x = _mm512_max_ps(_mm512_min_ps(x, _mm512_set1_ps(4)), _mm512_set1_ps(-4));
	x2 = _mm512_mul_ps(x, x);
	p = _mm512_set1_ps(-2.72614225801306e-10f);
	p = _mm512_fmadd_ps(p, x2, _mm512_set1_ps(2.77068142495902e-08f));
	p = _mm512_fmadd_ps(p, x2, _mm512_set1_ps(-2.10102402082508e-06f));
	p = _mm512_fmadd_ps(p, x2, _mm512_set1_ps(-5.69250639462346e-05f));
	p = _mm512_fmadd_ps(p, x2, _mm512_set1_ps(-7.34990630326855e-04f));
	p = _mm512_fmadd_ps(p, x2, _mm512_set1_ps(-2.95459980854025e-03f));
	p = _mm512_fmadd_ps(p, x2, _mm512_set1_ps(-1.60960333262415e-02f));
	q = _mm512_set1_ps(-1.45660718464996e-05f);
	q = _mm512_fmadd_ps(q, x2, _mm512_set1_ps(-2.13374055278905e-04f));
	q = _mm512_fmadd_ps(q, x2, _mm512_set1_ps(-1.68282697438203e-03f));
	q = _mm512_fmadd_ps(q, x2, _mm512_set1_ps(-7.37332916720468e-03f));
	q = _mm512_fmadd_ps(q, x2, _mm512_set1_ps(-1.42647390514189e-02f));
	return _mm512_div_ps(_mm512_mul_ps(x, p), q);
}

HMR2_INLINE HMR2_512 __m512
hmr2_gelu(__m512 x)
{
	__m512 h = _mm512_mul_ps(x, _mm512_set1_ps(0.5f));

	return _mm512_fmadd_ps(h, hmr2_erf(_mm512_mul_ps(x,
				_mm512_set1_ps(0.70710678f))), h);
}

/* 16 bfloat16 numbers to float32. */
HMR2_INLINE HMR2_512 __m512
hmr2_widen(const uint16_t *p)
{
	return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(
		_mm256_loadu_si256((const __m256i *)p)), 16));
}

#endif
#endif

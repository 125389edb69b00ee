/* SPDX-License-Identifier: Apache-2.0 */
/* Row by row: layer norms, rounding and quantising, vectors of the decoder. */
#include "hmr2/hmr2_kernels.h"

#include <string.h>

#include "hmr2/hmr2_simd.h"

#ifdef __x86_64__

/* Widths here are multiples of 16. */
HMR2_512 static void
norm_row(const struct hmr2_norm *n, float eps, const float *x, size_t width, float *y)
{
	__m512 s = _mm512_setzero_ps(), m, v = s, inv;

	for (size_t i = 0; i < width; i += 16)
		s = _mm512_add_ps(s, _mm512_loadu_ps(x + i));
	m = _mm512_set1_ps(_mm512_reduce_add_ps(s) / (float)width);
	for (size_t i = 0; i < width; i += 16) {
		__m512 d = _mm512_sub_ps(_mm512_loadu_ps(x + i), m);

		v = _mm512_fmadd_ps(d, d, v);
	}
	inv = _mm512_div_ps(_mm512_set1_ps(1), _mm512_sqrt_ps(_mm512_set1_ps(
		_mm512_reduce_add_ps(v) / (float)width + eps)));
	for (size_t i = 0; i < width; i += 16) {
		__m512 d = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + i), m), inv);

		_mm512_storeu_ps(y + i, _mm512_fmadd_ps(d, _mm512_loadu_ps(n->w + i),
							_mm512_loadu_ps(n->b + i)));
	}
}

HMR2_512_BF16 static void
round_row(const float *x, size_t width, uint16_t *to)
{
	for (size_t i = 0; i < width; i += 16)
		_mm256_storeu_si256((__m256i *)(to + i),
			(__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + i)));
}

/* To unsigned bytes about 128; returns the scale. */
HMR2_512 static float
quantise_row(const float *x, size_t width, uint8_t *to)
{
	__m512 most = _mm512_setzero_ps(), f;
	float top;

	for (size_t i = 0; i < width; i += 16)
		most = _mm512_max_ps(most, _mm512_abs_ps(_mm512_loadu_ps(x + i)));
	top = _mm512_reduce_max_ps(most);
	f = _mm512_set1_ps(top > 0 ? 127 / top : 0);
	for (size_t i = 0; i < width; i += 16) {
		__m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + i), f));

		_mm_storeu_si128((__m128i *)(to + i), _mm512_cvtepi32_epi8(
			_mm512_add_epi32(q, _mm512_set1_epi32(128))));
	}
	return top / 127;
}

static void
put_row(const float *x, size_t width, enum hmr2_num num, const struct hmr2_rows *out,
	size_t row)
{
	uint32_t *to = out->p + row * out->words;

	switch (num) {
	case HMR2_F32:
		if ((const void *)x != to)
			memcpy(to, x, width * 4);
		break;
	case HMR2_BF16:
		round_row(x, width, (uint16_t *)to);
		break;
	case HMR2_INT8:
		out->scale[row] = quantise_row(x, width, (uint8_t *)to);
		break;
	}
}

void
hmr2_norm(const struct hmr2_norm *n, float eps, const float *x, size_t rows,
	  size_t width, enum hmr2_num num, const struct hmr2_rows *out, size_t row)
{
	float y[HMR_HMR2_WIDTH_MAX];

	for (size_t r = 0; r < rows; r++) {
		float *to = num == HMR2_F32 ?
			(float *)(out->p + (row + r) * out->words) : y;

		norm_row(n, eps, x + r * width, width, to);
		put_row(to, width, num, out, row + r);
	}
}

void
hmr2_convert(const float *x, size_t ld, size_t rows, size_t width, enum hmr2_num num,
	     const struct hmr2_rows *out, size_t row)
{
	for (size_t r = 0; r < rows; r++)
		put_row(x + r * ld, width, num, out, row + r);
}

HMR2_512 float
hmr2_dot(const float *a, const float *b, size_t n)
{
	__m512 s = _mm512_setzero_ps(), t = s;
	size_t i = 0;

	for (; i + 32 <= n; i += 32) {
		s = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s);
		t = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16),
				    _mm512_loadu_ps(b + i + 16), t);
	}
	for (; i < n; i += 16)
		s = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s);
	return _mm512_reduce_add_ps(_mm512_add_ps(s, t));
}

HMR2_512 static float
dot_bf16(const uint16_t *a, const float *b, size_t n)
{
	__m512 s = _mm512_setzero_ps(), t = s;
	size_t i = 0;

	for (; i + 32 <= n; i += 32) {
		s = _mm512_fmadd_ps(hmr2_widen(a + i), _mm512_loadu_ps(b + i), s);
		t = _mm512_fmadd_ps(hmr2_widen(a + i + 16), _mm512_loadu_ps(b + i + 16), t);
	}
	for (; i < n; i += 16)
		s = _mm512_fmadd_ps(hmr2_widen(a + i), _mm512_loadu_ps(b + i), s);
	return _mm512_reduce_add_ps(_mm512_add_ps(s, t));
}

HMR2_512 void
hmr2_axpy(float f, const float *x, float *y, size_t n)
{
	__m512 v = _mm512_set1_ps(f);

	for (size_t i = 0; i < n; i += 16)
		_mm512_storeu_ps(y + i, _mm512_fmadd_ps(v, _mm512_loadu_ps(x + i),
							_mm512_loadu_ps(y + i)));
}

HMR2_512 static void
axpy_bf16(float f, const uint16_t *x, float *y, size_t n)
{
	__m512 v = _mm512_set1_ps(f);

	for (size_t i = 0; i < n; i += 16)
		_mm512_storeu_ps(y + i, _mm512_fmadd_ps(v, hmr2_widen(x + i),
							_mm512_loadu_ps(y + i)));
}

void
hmr2_dots(const struct hmr2_linear *l, uint32_t from, uint32_t to, const float *x,
	  float *y)
{
	for (size_t o = from; o < to; o++) {
		float s = l->dtype == HMR_DTYPE_BF16 ?
			dot_bf16((const uint16_t *)l->w + o * l->in, x, l->in) :
			hmr2_dot((const float *)l->w + o * l->in, x, l->in);

		y[o - from] = l->bias ? s + l->bias[o] : s;
	}
}

void
hmr2_blend(const struct hmr2_linear *l, uint32_t from, uint32_t to, const float *x,
	   float *y)
{
	for (size_t o = from; o < to; o++)
		if (l->dtype == HMR_DTYPE_BF16)
			axpy_bf16(x[o - from], (const uint16_t *)l->w + o * l->in, y, l->in);
		else
			hmr2_axpy(x[o - from], (const float *)l->w + o * l->in, y, l->in);
}

HMR2_512 void
hmr2_gelu_row(float *x, size_t n)
{
	for (size_t i = 0; i < n; i += 16)
		_mm512_storeu_ps(x + i, hmr2_gelu(_mm512_loadu_ps(x + i)));
}

HMR2_512 void
hmr2_softmax(float *p, size_t n, float scale)
{
	__m512 f = _mm512_set1_ps(scale), most = _mm512_set1_ps(-__builtin_inff());
	__m512 s = _mm512_setzero_ps(), top;

	for (size_t i = 0; i < n; i += 16)
		most = _mm512_max_ps(most, _mm512_loadu_ps(p + i));
	top = _mm512_set1_ps(_mm512_reduce_max_ps(most));
	for (size_t i = 0; i < n; i += 16) {
		__m512 v = hmr2_exp(_mm512_mul_ps(f, _mm512_sub_ps(
			_mm512_loadu_ps(p + i), top)));

		s = _mm512_add_ps(s, v);
		_mm512_storeu_ps(p + i, v);
	}
	f = _mm512_set1_ps(1 / _mm512_reduce_add_ps(s));
	for (size_t i = 0; i < n; i += 16)
		_mm512_storeu_ps(p + i, _mm512_mul_ps(f, _mm512_loadu_ps(p + i)));
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Row by row: layer norms, rounding and quantising, vectors of the decoder. In
 * AVX-512, and in plain C for processors without; these know float32 alone as
 * the format of activations.
 */
#include "hmr2/hmr2_kernels.h"

#include <math.h>
#include <string.h>

#include "hmr2/hmr2_simd.h"
#include "nn/half.h"

static float
plain_dot(const float *a, const float *b, size_t n)
{
	float s[16] = { 0 };

	for (size_t i = 0; i < n; i += 16)
		for (size_t k = 0; k < 16; k++)
			s[k] += a[i + k] * b[i + k];
	for (size_t k = 1; k < 16; k++)
		s[0] += s[k];
	return s[0];
}

static void
plain_axpy(float f, const float *x, float *y, size_t n)
{
	for (size_t i = 0; i < n; i += 16)
		for (size_t k = 0; k < 16; k++)
			y[i + k] += f * x[i + k];
}

static void
plain_norm(const struct hmr2_norm *n, float eps, const float *x, size_t width, float *y)
{
	double mean = 0, var = 0;
	float m, inv;

	for (size_t i = 0; i < width; i++)
		mean += (double)x[i];
	m = (float)(mean / (double)width);
	for (size_t i = 0; i < width; i++)
		var += (double)((x[i] - m) * (x[i] - m));
	inv = 1 / sqrtf((float)(var / (double)width) + eps);
	for (size_t i = 0; i < width; i++)
		y[i] = (x[i] - m) * inv * n->w[i] + n->b[i];
}

static void
plain_gelu(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = 0.5f * x[i] * (1 + erff(x[i] * 0.70710678f));
}

static void
plain_softmax(float *p, size_t n, float scale)
{
	float most = p[0], sum = 0;

	for (size_t i = 1; i < n; i++)
		most = fmaxf(most, p[i]);
	for (size_t i = 0; i < n; i++)
		sum += p[i] = expf(scale * (p[i] - most));
	for (size_t i = 0; i < n; i++)
		p[i] /= sum;
}

/* A row of weights as float32; float32 ones are not copied. */
static const float *
plain_row(const struct hmr2_linear *l, uint32_t o, float *room)
{
	if (l->dtype == HMR_DTYPE_F32)
		return (const float *)l->w + (size_t)o * l->in;
	hmr2_linear_row(l, o, room);
	return room;
}

static void
plain_dots(const struct hmr2_linear *l, uint32_t from, uint32_t to, const float *x,
	   float *y)
{
	float room[HMR_HMR2_WIDTH_MAX];

	for (uint32_t o = from; o < to; o++)
		y[o - from] = plain_dot(plain_row(l, o, room), x, l->in) +
			(l->bias ? l->bias[o] : 0);
}

static void
plain_blend(const struct hmr2_linear *l, uint32_t from, uint32_t to, const float *x,
	    float *y)
{
	float room[HMR_HMR2_WIDTH_MAX];

	for (uint32_t o = from; o < to; o++)
		plain_axpy(x[o - from], plain_row(l, o, room), y, l->in);
}

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

#endif

void
hmr2_norm(const struct hmr2_norm *n, float eps, const float *x, size_t rows,
	  size_t width, enum hmr2_num num, const struct hmr2_rows *out, size_t row)
{
	float y[HMR_HMR2_WIDTH_MAX];

	for (size_t r = 0; r < rows; r++) {
		float *to = num == HMR2_F32 ?
			(float *)(out->p + (row + r) * out->words) : y;

#ifdef __x86_64__
		if (hmr2_cpu_fast()) {
			norm_row(n, eps, x + r * width, width, to);
			put_row(to, width, num, out, row + r);
			continue;
		}
#endif
		plain_norm(n, eps, x + r * width, width, to);
	}
}

#ifdef __x86_64__

void
hmr2_convert(const float *x, size_t ld, size_t rows, size_t width, enum hmr2_num num,
	     const struct hmr2_rows *out, size_t row)
{
	for (size_t r = 0; r < rows; r++)
		put_row(x + r * ld, width, num, out, row + r);
}

HMR2_512 static float
dot_f32(const float *a, const float *b, size_t n)
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

HMR2_512 static void
axpy_f32(float f, const float *x, float *y, size_t n)
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

static void
fast_dots(const struct hmr2_linear *l, uint32_t from, uint32_t to, const float *x,
	  float *y)
{
	for (size_t o = from; o < to; o++) {
		float s = l->dtype == HMR_DTYPE_BF16 ?
			dot_bf16((const uint16_t *)l->w + o * l->in, x, l->in) :
			dot_f32((const float *)l->w + o * l->in, x, l->in);

		y[o - from] = l->bias ? s + l->bias[o] : s;
	}
}

static void
fast_blend(const struct hmr2_linear *l, uint32_t from, uint32_t to, const float *x,
	   float *y)
{
	for (size_t o = from; o < to; o++)
		if (l->dtype == HMR_DTYPE_BF16)
			axpy_bf16(x[o - from], (const uint16_t *)l->w + o * l->in, y, l->in);
		else
			axpy_f32(x[o - from], (const float *)l->w + o * l->in, y, l->in);
}

HMR2_512 static void
gelu_row(float *x, size_t n)
{
	for (size_t i = 0; i < n; i += 16)
		_mm512_storeu_ps(x + i, hmr2_gelu(_mm512_loadu_ps(x + i)));
}

HMR2_512 static void
softmax(float *p, size_t n, float scale)
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

#define EITHER(fast, plain) (hmr2_cpu_fast() ? fast : plain)
#else
#define EITHER(fast, plain) plain
#endif

float
hmr2_dot(const float *a, const float *b, size_t n)
{
	return EITHER(dot_f32, plain_dot)(a, b, n);
}

void
hmr2_axpy(float f, const float *x, float *y, size_t n)
{
	EITHER(axpy_f32, plain_axpy)(f, x, y, n);
}

void
hmr2_dots(const struct hmr2_linear *l, uint32_t from, uint32_t to, const float *x,
	  float *y)
{
	EITHER(fast_dots, plain_dots)(l, from, to, x, y);
}

void
hmr2_blend(const struct hmr2_linear *l, uint32_t from, uint32_t to, const float *x,
	   float *y)
{
	EITHER(fast_blend, plain_blend)(l, from, to, x, y);
}

void
hmr2_gelu_row(float *x, size_t n)
{
	EITHER(gelu_row, plain_gelu)(x, n);
}

void
hmr2_softmax(float *p, size_t n, float scale)
{
	EITHER(softmax, plain_softmax)(p, n, scale);
}

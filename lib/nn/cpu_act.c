/* SPDX-License-Identifier: Apache-2.0 */
/* Activations of the cpu backend along rows; cpu_ops.h. */
#include <math.h>
#include <string.h>

#include "nn/cpu_ops.h"

/* e^x to 2 units in the last place, written so that it vectorises: the argument
 * is clamped, split as n ln2 + r, and a polynomial of r scaled by 2^n. */
static inline float
exp_fast(float x)
{
	float n, r, p;
	int32_t i;

	x = x > 88.0f ? 88.0f : x;
	x = x > -87.0f ? x : -87.0f;
	n = x * 1.44269504f + 12582912.0f;	/* rounds: 1.5 * 2^23 */
	memcpy(&i, &n, sizeof(i));
	n -= 12582912.0f;
	r = x - n * 0.693359375f + n * 2.12194440e-4f;
	p = 1.9875691500e-4f;
	p = p * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * r * r + r + 1;
	i = (int32_t)((uint32_t)(i + 127) << 23);
	memcpy(&n, &i, sizeof(n));
	return p * n;
}

/* 1 + 2^t: the argument split as n + f, 2^f a polynomial within 1e-7 whose
 * exponent n is added to. Half of the work of exp_fast(), and enough for a logistic
 * function: the relative error of |t| 6e-8 is large only where 1 or the result are. */
static inline float
one_and_power(float t)
{
	float n, f, p;
	uint32_t i, k;

	t = t < 126.0f ? t : 126.0f;
	t = t > -126.0f ? t : -126.0f;
	n = t + 12582912.0f;	/* rounds: 1.5 * 2^23 */
	memcpy(&i, &n, sizeof(i));
	f = t - (n - 12582912.0f);
	p = 1.32647273e-3f;
	p = p * f + 9.67151299e-3f;
	p = p * f + 5.55073358e-2f;
	p = p * f + 2.40222424e-1f;
	p = p * f + 6.93147004e-1f;
	p = p * f + 1;
	memcpy(&k, &p, sizeof(k));
	k += i << 23;
	memcpy(&p, &k, sizeof(p));
	return 1 + p;
}

#define LOG2_E 1.44269504f

static inline float
cut(float x, float lo, float hi)
{
	x = x > lo ? x : lo;
	return x < hi ? x : hi;
}

/* erf within 4e-7: a rational function of x on [-4, 4] (as in Eigen and XLA). */
static inline float
erf_fast(float x)
{
	float s, p, q;

	x = cut(x, -4, 4);
	s = x * x;
	p = -2.72614225801306e-10f;
	p = p * s + 2.77068142495902e-08f;
	p = p * s - 2.10102402082508e-06f;
	p = p * s - 5.69250639462346e-05f;
	p = p * s - 7.34990630326855e-04f;
	p = p * s - 2.95459980854025e-03f;
	p = p * s - 1.60960333262415e-02f;
	q = -1.45660718464996e-05f;
	q = q * s - 2.13374055278905e-04f;
	q = q * s - 1.68282697438203e-03f;
	q = q * s - 7.37332916720468e-03f;
	q = q * s - 1.42647390514189e-02f;
	return x * p / q;
}

static inline float
tanh_fast(float x)
{
	float e = exp_fast(cut(x, -15, 15) * 2);

	return (e - 1) / (e + 1);
}

static inline float
mish_fast(float x)
{
	float e = exp_fast(x < 20 ? x : 20), s = e * (e + 2);

	return x * s / (s + 2);
}

#define ROW(name, expr) \
CPU_CLONES static void \
name(float *d, const float *s, size_t n, float alpha, float beta) \
{ \
	(void)alpha; \
	(void)beta; \
	for (size_t i = 0; i < n; i++) { \
		float x = s[i]; \
\
		d[i] = (expr); \
	} \
}

ROW(relu, x > 0 ? x : 0)
ROW(leaky, x > 0 ? x : x * alpha)
ROW(sigmoid_any, 1 / one_and_power(x * -LOG2_E))
ROW(swish_any, x / one_and_power(x * (alpha * -LOG2_E)))
#ifdef CPU_512
#include <immintrin.h>

/* The same in half the time: products and sums contracted, rounding and scaling one
 * instruction each. 16 of 1 / .. where over is true, else of x / .. */
__attribute__((target("avx512f,avx512dq"))) static inline __m512
logistic_512(__m512 x, float by, bool over)
{
	__m512 t = _mm512_mul_ps(x, _mm512_set1_ps(by)), n = _mm512_roundscale_ps(t, 0);
	__m512 f = _mm512_reduce_ps(t, 0), p = _mm512_set1_ps(1.32647273e-3f);

	p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.67151299e-3f));
	p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.55073358e-2f));
	p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.40222424e-1f));
	p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.93147004e-1f));
	p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1));
	p = _mm512_add_ps(_mm512_scalef_ps(p, n), _mm512_set1_ps(1));
	return _mm512_div_ps(over ? _mm512_set1_ps(1) : x, p);
}

__attribute__((target("avx512f,avx512dq"))) static void
logistic_row_512(float *d, const float *s, size_t n, float by, bool over)
{
	size_t i = 0;
	__mmask16 m;

	for (; i + 16 <= n; i += 16)
		_mm512_storeu_ps(d + i, logistic_512(_mm512_loadu_ps(s + i), by, over));
	m = (__mmask16)((1u << (n - i)) - 1);
	_mm512_mask_storeu_ps(d + i, m, logistic_512(_mm512_maskz_loadu_ps(m, s + i), by, over));
}

static bool
has_512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
}
#endif

static void
sigmoid(float *d, const float *s, size_t n, float alpha, float beta)
{
#ifdef CPU_512
	if (has_512()) {
		logistic_row_512(d, s, n, -LOG2_E, true);
		return;
	}
#endif
	sigmoid_any(d, s, n, alpha, beta);
}

static void
swish(float *d, const float *s, size_t n, float alpha, float beta)
{
#ifdef CPU_512
	if (has_512()) {
		logistic_row_512(d, s, n, alpha * -LOG2_E, false);
		return;
	}
#endif
	swish_any(d, s, n, alpha, beta);
}

ROW(hard_sigmoid, cut(alpha * x + beta, 0, 1))
ROW(hard_swish, x * cut(alpha * x + beta, 0, 1))
ROW(clip, cut(x, alpha, beta))
ROW(tanh_row, tanh_fast(x))
ROW(elu, x > 0 ? x : alpha * (exp_fast(x < 0 ? x : 0) - 1))
ROW(gelu, x * .5f * (1 + erf_fast(x * 0.70710678f)))
ROW(gelu_tanh, x * .5f * (1 + tanh_fast(0.79788456f * (x + 0.044715f * x * x * x))))
ROW(mish, mish_fast(x))
ROW(square_root, sqrtf(x))
ROW(minus_exp, exp_fast(x - alpha))

void
cpu_exp_row(float *d, const float *s, size_t n, float minus)
{
	minus_exp(d, s, n, minus, 0);
}

void
cpu_act_row(float *d, const float *s, size_t n, const struct hmr_node *node)
{
	static void (*const row[HMR_ACT_COUNT])(float *, const float *, size_t, float, float) = {
		[HMR_ACT_RELU] = relu, [HMR_ACT_RELU6] = clip, [HMR_ACT_LEAKY] = leaky,
		[HMR_ACT_SIGMOID] = sigmoid, [HMR_ACT_SWISH] = swish,
		[HMR_ACT_HARD_SIGMOID] = hard_sigmoid, [HMR_ACT_HARD_SWISH] = hard_swish,
		[HMR_ACT_TANH] = tanh_row, [HMR_ACT_ELU] = elu, [HMR_ACT_GELU] = gelu,
		[HMR_ACT_GELU_TANH] = gelu_tanh, [HMR_ACT_MISH] = mish,
		[HMR_ACT_CLIP] = clip, [HMR_ACT_SQRT] = square_root,
	};

	if (node->act == HMR_ACT_RELU6)
		clip(d, s, n, 0, 6);
	else if (row[node->act])
		row[node->act](d, s, n, node->alpha, node->beta);
	else if (node->act)
		for (size_t i = 0; i < n; i++)
			d[i] = hmr_act_apply(s[i], node->act, node->alpha, node->beta);
	else if (d != s)
		memcpy(d, s, n * sizeof(*d));
}

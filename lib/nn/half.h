/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IEEE half precision and bfloat16 to float32 and back, rounded to nearest, ties to
 * even, and sizes of element types.
 * Subnormals, infinities and NaN are kept: TensorFlow.js models hold subnormal
 * halves in their weights.
 */
#ifndef HMR_HALF_H
#define HMR_HALF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "nn/nn.h"

static inline float
hmr_f32_bits(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

static inline float
hmr_f16_to_f32(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16;
	uint32_t e = h >> 10 & 31, m = h & 1023;

	if (e == 31)
		return hmr_f32_bits(sign | 0x7f800000u | m << 13);
	if (e)
		return hmr_f32_bits(sign | (e + 112) << 23 | m << 13);
	/* m times 2^-24, exact in float32 */
	return sign ? -(float)m * 0x1p-24f : (float)m * 0x1p-24f;
}

static inline uint32_t
hmr_bits_f32(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static inline float
hmr_bf16_to_f32(uint16_t h)
{
	return hmr_f32_bits((uint32_t)h << 16);
}

static inline uint16_t
hmr_f32_to_bf16(float f)
{
	uint32_t u = hmr_bits_f32(f);

	if ((u & 0x7fffffffu) > 0x7f800000u)
		return (uint16_t)(u >> 16 | 0x40);	/* NaN stays one */
	return (uint16_t)((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}

static inline uint16_t
hmr_f32_to_f16(float f)
{
	uint32_t u = hmr_bits_f32(f), sign = u >> 16 & 0x8000;
	uint32_t a = u & 0x7fffffffu, m, rest, shift;

	if (a > 0x7f800000u)
		return (uint16_t)(sign | 0x7e00);
	if (a >= 0x477ff000u)		/* rounds to 65536 or more */
		return (uint16_t)(sign | 0x7c00);
	if (a >= 0x38800000u)		/* normal: 2^-14 and more */
		return (uint16_t)(sign | ((a - 0x38000000u + 0xfffu + (a >> 13 & 1)) >> 13));
	if (a < 0x33000000u)		/* below half the least subnormal */
		return (uint16_t)sign;
	shift = 126 - (a >> 23);	/* of the mantissa with its leading one */
	m = (a & 0x7fffffu) | 0x800000u;
	rest = m & ((1u << shift) - 1);
	m >>= shift;
	m += rest > 1u << (shift - 1) || (rest == 1u << (shift - 1) && m & 1);
	return (uint16_t)(sign | m);
}

/* Bytes of one element; 0: not an element type. */
static inline size_t
hmr_dtype_bytes(enum hmr_dtype t)
{
	switch (t) {
	case HMR_DTYPE_F32: case HMR_DTYPE_I32: return 4;
	case HMR_DTYPE_F16: case HMR_DTYPE_BF16: return 2;
	case HMR_DTYPE_I64: return 8;
	case HMR_DTYPE_I8: case HMR_DTYPE_U8: return 1;
	}
	return 0;
}

static inline const char *
hmr_dtype_name(enum hmr_dtype t)
{
	static const char *const name[] = { "F32", "F16", "BF16", "I8", "I32",
		"I64", "U8" };

	return (unsigned)t < 7 ? name[t] : "?";
}

/* n little-endian elements of type t at src, unaligned, to float32. Integers
 * are converted by value. */
void hmr_to_f32(float *dst, const uint8_t *src, enum hmr_dtype t, size_t n);

#endif

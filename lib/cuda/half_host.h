/* SPDX-License-Identifier: Apache-2.0 */
/* Half precision and bfloat16 on the host, rounded to nearest, ties to even, as
 * the device does it. */
#ifndef HMR_HALF_HOST_H
#define HMR_HALF_HOST_H

#include <stdint.h>
#include <string.h>

static inline uint32_t
hmr_bits_of(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static inline float
hmr_of_bits(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

static inline float
hmr_ld_bf16(uint16_t h)
{
	return hmr_of_bits((uint32_t)h << 16);
}

static inline uint16_t
hmr_st_bf16(float f)
{
	uint32_t u = hmr_bits_of(f);

	if ((u & 0x7fffffffu) > 0x7f800000u)
		return (uint16_t)(u >> 16 | 0x40);	/* NaN stays one */
	return (uint16_t)((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}

static inline float
hmr_ld_f16(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 1023;

	if (e == 31)
		return hmr_of_bits(sign | 0x7f800000u | m << 13);
	if (e)
		return hmr_of_bits(sign | (e + 112) << 23 | m << 13);
	return sign ? -(float)m * 0x1p-24f : (float)m * 0x1p-24f;
}

static inline uint16_t
hmr_st_f16(float f)
{
	uint32_t u = hmr_bits_of(f), sign = u >> 16 & 0x8000;
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

#endif

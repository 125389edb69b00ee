/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between 8-bit products and everything else: sums become numbers, rows of numbers
 * become 8 bits and a scale, as lib/hmr2/hmr2_rows.c does it on the CPU: 127 is the
 * row's largest, to nearest.
 */
#ifndef HMR_HMR2_INT8_H
#define HMR_HMR2_INT8_H

#include "cuda/hmr2_kernels.h"
#include "cuda/hmr2_vec.h"

/* Columns at .. at + 3 of a row. */
HMR_FN void
i8_open4(const struct hmr2_sums *s, size_t row, uint32_t width, uint32_t at, float out[4])
{
	struct v_quad q = v_ld16(s->sum + row * width + at);
	float channel[4], bias[4], scale = s->row[row];

	v_ld4f(s->channel + at, channel);
	v_ld4f(s->bias + at, bias);
	out[0] = fmaf((float)(int32_t)q.x, channel[0] * scale, bias[0]);
	out[1] = fmaf((float)(int32_t)q.y, channel[1] * scale, bias[1]);
	out[2] = fmaf((float)(int32_t)q.z, channel[2] * scale, bias[2]);
	out[3] = fmaf((float)(int32_t)q.w, channel[3] * scale, bias[3]);
}

HMR_FN float
i8_most4(float most, const float v[4])
{
	return fmaxf(most, fmaxf(fmaxf(fabsf(v[0]), fabsf(v[1])),
				 fmaxf(fabsf(v[2]), fabsf(v[3]))));
}

/* What a row is multiplied with, most its largest. */
HMR_FN float
i8_factor(float most)
{
	return most > 0 ? 127 / most : 0;
}

HMR_FN uint32_t
i8_byte(float v)
{
	return (uint32_t)v_round(v) & 255;
}

HMR_FN uint32_t
i8_pack4(const float v[4], float factor)
{
	return i8_byte(v[0] * factor) | i8_byte(v[1] * factor) << 8 |
		i8_byte(v[2] * factor) << 16 | i8_byte(v[3] * factor) << 24;
}

/* Over a warp; every lane gets it. */
HMR_FN float
i8_warp_most(float v, HMR_BLOCK_PARAM)
{
	for (int m = 16; m; m >>= 1)
		v = fmaxf(v, HMR_SHFL_XOR(v, m));
	return v;
}

#endif

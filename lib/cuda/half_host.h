/* SPDX-License-Identifier: Apache-2.0 */
/* Half precision and bfloat16 on the host, by the names that kernels use; the device
 * rounds alike. */
#ifndef HMR_HALF_HOST_H
#define HMR_HALF_HOST_H

#include "nn/half.h"

static inline float
hmr_ld_bf16(uint16_t h)
{
	return hmr_bf16_to_f32(h);
}

static inline uint16_t
hmr_st_bf16(float f)
{
	return hmr_f32_to_bf16(f);
}

static inline float
hmr_ld_f16(uint16_t h)
{
	return hmr_f16_to_f32(h);
}

static inline uint16_t
hmr_st_f16(float f)
{
	return hmr_f32_to_f16(f);
}

#endif

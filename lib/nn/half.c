/* SPDX-License-Identifier: Apache-2.0 */
/* Stored elements to float32. */
#include "nn/half.h"

#include "base/bytes.h"

static float
one(const uint8_t *p, enum hmr_dtype t)
{
	switch (t) {
	case HMR_DTYPE_F32: return hmr_getf32(p);
	case HMR_DTYPE_F16: return hmr_f16_to_f32(hmr_get16(p));
	case HMR_DTYPE_BF16: return hmr_bf16_to_f32(hmr_get16(p));
	case HMR_DTYPE_I8: return (int8_t)p[0];
	case HMR_DTYPE_U8: return p[0];
	case HMR_DTYPE_I32: return (float)(int32_t)hmr_get32(p);
	case HMR_DTYPE_I64: return (float)(int64_t)hmr_get64(p);
	}
	return 0;
}

void
hmr_to_f32(float *dst, const uint8_t *src, enum hmr_dtype t, size_t n)
{
	size_t step = hmr_dtype_bytes(t);

	for (size_t i = 0; i < n; i++)
		dst[i] = one(src + i * step, t);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2's transformer with 8-bit weights, beside its products, which are cuBLASLt's and
 * give int32: these are too large to be read twice, so each is read by the kernel that
 * needs it next. Of layer norms see hmr2_vit.cu.
 */
#include "cuda/hmr2_int8.h"
#include "cuda/kernels.h"

HMR_FN void
open_i8(const struct hmr2_open_args *a, int type, HMR_BLOCK_PARAM)
{
	size_t row = HMR_BLOCK_X;

	for (uint32_t at = HMR_THREAD * 8; at < a->width; at += HMR_THREADS * 8) {
		float v[8];

		i8_open4(&a->s, row, a->width, at, v);
		i8_open4(&a->s, row, a->width, at + 4, v + 4);
		v_st8f(a->out, row * a->width + at, v, type);
	}
}

/* One warp a row, which is read again from the cache. */
HMR_FN void
quantise(const struct hmr2_quantise_args *a, int type, HMR_BLOCK_PARAM)
{
	uint32_t first = HMR_THREAD % 32 * 8, width = a->width;
	size_t row = (size_t)HMR_BLOCK_X * (HMR_THREADS / 32) + HMR_THREAD / 32;
	float v[8], most = 0, factor;

	for (uint32_t at = first; at < width; at += 256) {
		v_ld8(a->x, row * width + at, type, v);
		most = i8_most4(i8_most4(most, v), v + 4);
	}
	most = i8_warp_most(most, HMR_BLOCK_PASS);
	factor = i8_factor(most);
	for (uint32_t at = first; at < width; at += 256) {
		v_ld8(a->x, row * width + at, type, v);
		v_st8(a->out + row * width + at, i8_pack4(v, factor),
		      i8_pack4(v + 4, factor));
	}
	if (!first)
		a->scale[row] = most / 127;
}

/* The row waits in shared memory for its largest. */
HMR_KERNEL_BLOCK(hmr2_gelu_i8, struct hmr2_gelu_i8_args)
{
	HMR_SHARED(float, room);
	float *mine = room + 32 + HMR_THREAD * 4, most = 0;
	uint32_t width = a->width;
	size_t row = HMR_BLOCK_X;

	for (uint32_t at = HMR_THREAD * 4; at < width; at += HMR_THREADS * 4) {
		float v[4];

		i8_open4(&a->s, row, width, at, v);
		for (int j = 0; j < 4; j++)
			v[j] = v_gelu(v[j]);
		most = i8_most4(most, v);
		v_st4f(room + 32, at, v, V_F32);
	}
	most = i8_warp_most(most, HMR_BLOCK_PASS);
	if (HMR_THREAD % 32 == 0)
		room[HMR_THREAD / 32] = most;
	HMR_SYNC();
	for (uint32_t i = 0; i < HMR_THREADS / 32; i++)
		most = fmaxf(most, room[i]);
	for (uint32_t at = HMR_THREAD * 4; at < width; at += HMR_THREADS * 4) {
		float v[4];

		v_ld4f(mine, v);
		mine += HMR_THREADS * 4;
		v_st4(a->out + row * width + at, i8_pack4(v, i8_factor(most)));
	}
	if (!HMR_THREAD)	/* all have read s.row, which may be the same */
		a->scale[row] = most / 127;
}

V_KERNELS(open_i8, hmr2_open_args)
V_KERNELS(quantise, hmr2_quantise_args)

HMR_KERNELS(hmr_kernels_hmr2_int8) = {
	V_ENTRIES(open_i8, hmr2_open_args),
	V_ENTRIES(quantise, hmr2_quantise_args),
	HMR_KERNEL_ENTRY_BLOCK(hmr2_gelu_i8, struct hmr2_gelu_i8_args),
	HMR_KERNELS_END
};

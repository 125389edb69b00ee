/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2's transformer beside its products and its attention: patches, layer norm,
 * GELU. All are bound by memory: 16 bytes a thread and access, one launch each.
 *
 * GELU is a kernel of its own because cuBLASLt's epilogue has the tanh form, which
 * is off by up to 5e-4: more than half precision rounds. The bias of the first
 * MLP product is added here, in float32.
 */
#include "cuda/hmr2_int8.h"
#include "cuda/kernels.h"

HMR_FN void
patches(const struct hmr2_patches_args *a, int type, HMR_BLOCK_PARAM)
{
	uint32_t token = HMR_BLOCK_X, person = HMR_BLOCK_Y;
	size_t row = (size_t)person * HMR2K_TOKENS + token;
	const float *crop = a->crops + (size_t)person * 3 * 256 * 192;
	int v0 = (int)(token / 12 * 16) - 2, u0 = (int)(token % 12 * 16) - 2;

	for (uint32_t i = HMR_THREAD; i < 384; i += HMR_THREADS) {	/* pairs */
		int v = v0 + (int)(i / 8 % 16), u = u0 + (int)(i % 8) * 2;
		float p[2] = { 0, 0 };

		if (v >= 0 && u >= 0) {
			const float *c = crop + ((size_t)(i / 128) * 256 + (size_t)v) * 192 + u;

			p[0] = c[0];
			p[1] = c[1];
		}
		v_st(a->out, row * 768 + 2 * i, p[0], type);
		v_st(a->out, row * 768 + 2 * i + 1, p[1], type);
	}
	for (uint32_t i = HMR_THREAD * 4; i < a->dim; i += HMR_THREADS * 4)
		v_st16(a->x + row * a->dim + i,
		       v_ld16(a->pos + (size_t)token * a->dim + i));
}

#define NORM_GROUPS 10		/* of 128 columns in a warp's registers */

/* Sums that are still to be added to x. */
HMR_FN void
add_sums(const struct hmr2_norm_args *a, size_t row, uint32_t at, float v[4])
{
	float s[4];

	i8_open4(&a->s, row, a->width, at, s);
	for (int j = 0; j < 4; j++)
		v[j] += s[j];
	v_st4f(a->x, row * a->width + at, v, V_F32);
}

HMR_FN void
scale4(const struct hmr2_norm_args *a, uint32_t at, float mean, float scale, float v[4])
{
	float w[4], b[4];

	v_ld4f(a->w + at, w);
	v_ld4f(a->b + at, b);
	for (int j = 0; j < 4; j++)
		v[j] = (v[j] - mean) * scale * w[j] + b[j];
}

/* One warp a row, the row in registers. */
HMR_FN void
norm(const struct hmr2_norm_args *a, int type, HMR_BLOCK_PARAM)
{
	uint32_t lane = HMR_THREAD % 32, width = a->width;
	size_t row = (size_t)HMR_BLOCK_X * (HMR_THREADS / 32) + HMR_THREAD / 32;
	const float *x = a->x + row * width;
	float v[NORM_GROUPS][4], sum = 0, var = 0, most = 0, scale;

	V_UNROLL
	for (uint32_t k = 0; k < NORM_GROUPS; k++) {
		uint32_t at = (k * 32 + lane) * 4;

		v[k][0] = v[k][1] = v[k][2] = v[k][3] = 0;
		if (at < width)
			v_ld4f(x + at, v[k]);
		if (type == V_I8 && a->s.sum && at < width)
			add_sums(a, row, at, v[k]);
		sum += (v[k][0] + v[k][1]) + (v[k][2] + v[k][3]);
	}
	if (type == V_I8 && !a->w)
		return;
	sum = v_warp_sum(sum, HMR_BLOCK_PASS) / (float)width;
	V_UNROLL
	for (uint32_t k = 0; k < NORM_GROUPS; k++)
		for (int j = 0; j < 4; j++) {
			float d = v[k][j] - sum;

			var += (k * 32 + lane) * 4 < width ? d * d : 0;
		}
	var = v_warp_sum(var, HMR_BLOCK_PASS) / (float)width;
	scale = 1 / sqrtf(var + a->eps);
	V_UNROLL
	for (uint32_t k = 0; k < NORM_GROUPS; k++) {
		uint32_t at = (k * 32 + lane) * 4;

		if (at >= width)
			continue;
		scale4(a, at, sum, scale, v[k]);
		if (type == V_I8)
			most = i8_most4(most, v[k]);
		else
			v_st4f(a->out, row * width + at, v[k], type);
	}
	if (type != V_I8)
		return;
	most = i8_warp_most(most, HMR_BLOCK_PASS);
	V_UNROLL
	for (uint32_t k = 0; k < NORM_GROUPS; k++) {
		uint32_t at = (k * 32 + lane) * 4;

		if (at < width)
			v_st4((int8_t *)a->out + row * width + at,
			      i8_pack4(v[k], i8_factor(most)));
	}
	if (!lane)
		a->scale[row] = most / 127;
}

/* The same for any width: the row is read three times, or four. */
HMR_FN void
norm_wide(const struct hmr2_norm_args *a, int type, HMR_BLOCK_PARAM)
{
	uint32_t first = HMR_THREAD % 32 * 4, width = a->width;
	size_t row = (size_t)HMR_BLOCK_X * (HMR_THREADS / 32) + HMR_THREAD / 32;
	const float *x = a->x + row * width;
	float v[4], sum = 0, var = 0, most = 0, scale;

	for (uint32_t at = first; at < width; at += 128) {
		v_ld4f(x + at, v);
		if (type == V_I8 && a->s.sum)
			add_sums(a, row, at, v);
		sum += (v[0] + v[1]) + (v[2] + v[3]);
	}
	if (type == V_I8 && !a->w)
		return;
	sum = v_warp_sum(sum, HMR_BLOCK_PASS) / (float)width;
	for (uint32_t at = first; at < width; at += 128) {
		v_ld4f(x + at, v);
		for (int j = 0; j < 4; j++)
			var += (v[j] - sum) * (v[j] - sum);
	}
	var = v_warp_sum(var, HMR_BLOCK_PASS) / (float)width;
	scale = 1 / sqrtf(var + a->eps);
	for (uint32_t at = first; at < width; at += 128) {
		v_ld4f(x + at, v);
		scale4(a, at, sum, scale, v);
		if (type == V_I8)
			most = i8_most4(most, v);
		else
			v_st4f(a->out, row * width + at, v, type);
	}
	if (type != V_I8)
		return;
	most = i8_warp_most(most, HMR_BLOCK_PASS);
	for (uint32_t at = first; at < width; at += 128) {
		v_ld4f(x + at, v);
		scale4(a, at, sum, scale, v);
		v_st4((int8_t *)a->out + row * width + at, i8_pack4(v, i8_factor(most)));
	}
	if (!first)
		a->scale[row] = most / 127;
}

HMR_FN void
gelu(const struct hmr2_gelu_args *a, int type, HMR_BLOCK_PARAM)
{
	size_t row = (size_t)HMR_BLOCK_X * a->width;

	for (uint32_t at = HMR_THREAD * 8; at < a->width; at += HMR_THREADS * 8) {
		float v[8], b[8];

		v_ld8(a->x, row + at, type, v);
		v_ld4f(a->bias + at, b);
		v_ld4f(a->bias + at + 4, b + 4);
		for (int j = 0; j < 8; j++)
			v[j] = v_gelu(v[j] + b[j]);
		v_st8f(a->x, row + at, v, type);
	}
}

V_KERNELS(patches, hmr2_patches_args)
V_KERNELS(norm, hmr2_norm_args)
V_KERNEL(norm, V_I8, i8, hmr2_norm_args)
V_KERNELS(norm_wide, hmr2_norm_args)
V_KERNEL(norm_wide, V_I8, i8, hmr2_norm_args)
V_KERNELS(gelu, hmr2_gelu_args)

HMR_KERNELS(hmr_kernels_hmr2_vit) = {
	V_ENTRIES(patches, hmr2_patches_args),
	V_ENTRIES(norm, hmr2_norm_args),
	HMR_KERNEL_ENTRY_BLOCK(hmr2_norm_i8, struct hmr2_norm_args),
	V_ENTRIES(norm_wide, hmr2_norm_args),
	HMR_KERNEL_ENTRY_BLOCK(hmr2_norm_wide_i8, struct hmr2_norm_args),
	V_ENTRIES(gelu, hmr2_gelu_args),
	HMR_KERNELS_END
};

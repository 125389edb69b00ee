/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2's decoder: products of single vectors, which only read weights, the
 * attention of one query a head, and the rotations. Weights are T, all else
 * float32. A warp computes one output for four people at a time, so a weight is
 * read from memory once and then from the cache.
 */
#include <stdbool.h>

#include "cuda/hmr2_kernels.h"
#include "cuda/hmr2_vec.h"
#include "cuda/kernels.h"

#define GROUP 4			/* people at a time */

/* x [GROUP][in] in shared memory: rows of people from `first`, normed by one warp
 * each where there is a norm. */
HMR_FN void
take_in(const struct hmr2_linear_args *a, float *x, uint32_t first, HMR_BLOCK_PARAM)
{
	uint32_t lane = HMR_THREAD % 32, row = HMR_THREAD / 32, n = a->in;
	bool mine = row < GROUP && first + row < a->people;
	const float *from = a->x + (size_t)(first + row) * n;
	float sum = 0, var = 0, scale;

	x += row * n;
	for (uint32_t i = lane * 4; mine && i < n; i += 128) {
		float v[4];

		v_ld4f(from + i, v);
		v_st4f(x, i, v, V_F32);
		sum += (v[0] + v[1]) + (v[2] + v[3]);
	}
	if (!a->norm_w)
		return;
	sum = v_warp_sum(sum, HMR_BLOCK_PASS) / (float)n;
	for (uint32_t i = lane * 4; mine && i < n; i += 128)
		for (uint32_t j = 0; j < 4; j++)
			var += (x[i + j] - sum) * (x[i + j] - sum);
	scale = 1 / sqrtf(v_warp_sum(var, HMR_BLOCK_PASS) / (float)n + a->eps);
	for (uint32_t i = lane * 4; mine && i < n; i += 128)
		for (uint32_t j = 0; j < 4; j++)
			x[i + j] = (x[i + j] - sum) * scale * a->norm_w[i + j] +
				a->norm_b[i + j];
}

/* Eight weights times inputs i .. i+7 of `people` rows. */
HMR_FN void
add_products(float sum[GROUP], struct v_eight weights, int type, const float *x,
	     uint32_t in, uint32_t i, uint32_t people)
{
	float w[8];

	v_open8(weights, type, w);
	V_UNROLL
	for (uint32_t p = 0; p < GROUP; p++) {
		float v[8];

		if (p >= people)
			continue;
		v_ld8(x, p * in + i, V_F32, v);
		V_UNROLL
		for (uint32_t j = 0; j < 8; j++)
			sum[p] += w[j] * v[j];
	}
}

#define AHEAD 4			/* of 8 weights: all of a lane's for 1024 inputs */

HMR_FN void
linear(const struct hmr2_linear_args *a, int type, HMR_BLOCK_PARAM)
{
	HMR_SHARED(float, x);
	uint32_t lane = HMR_THREAD % 32, o = HMR_BLOCK_X * 8 + HMR_THREAD / 32;
	size_t row = (size_t)(o < a->out ? o : 0) * a->in;
	struct v_eight w[AHEAD];

	/* under way while the inputs are normed */
	V_UNROLL
	for (uint32_t k = 0; k < AHEAD; k++)
		if (lane * 8 + k * 256 < a->in)
			w[k] = v_fetch8(a->w, row + lane * 8 + k * 256, type);
	for (uint32_t first = 0; first < a->people; first += GROUP) {
		uint32_t people = a->people - first;
		float sum[GROUP] = { 0, 0, 0, 0 };

		HMR_SYNC();
		take_in(a, x, first, HMR_BLOCK_PASS);
		HMR_SYNC();
		V_UNROLL
		for (uint32_t k = 0; k < AHEAD; k++)
			if (lane * 8 + k * 256 < a->in)
				add_products(sum, w[k], type, x, a->in, lane * 8 + k * 256,
					     people);
		for (uint32_t i = lane * 8 + AHEAD * 256; i < a->in; i += 256)
			add_products(sum, v_fetch8(a->w, row + i, type), type, x, a->in, i,
				     people);
		V_UNROLL
		for (uint32_t p = 0; p < GROUP; p++)
			sum[p] = v_warp_sum(sum[p], HMR_BLOCK_PASS);
		for (uint32_t p = 0; p < GROUP; p++) {
			float *y = a->y + (size_t)(first + p) * a->out + o, v = sum[p];

			if (lane != p || first + p >= a->people || o >= a->out)
				continue;
			if (a->bias)
				v += a->bias[o];
			if (a->gelu)
				v = v_gelu(v);
			*y = a->add ? *y + v : v;
		}
	}
}

/* A thread has one key, then a dimension of a share of the values. */
HMR_FN void
cross(const struct hmr2_cross_args *a, int type, HMR_BLOCK_PARAM)
{
	HMR_SHARED(float, q);
	uint32_t width = a->width, t = HMR_THREAD, parts = HMR_THREADS / width;
	float *p = q + width, *sums = p + HMR2K_TOKENS, *part = sums + 256;
	size_t at = ((size_t)HMR_BLOCK_Y * HMR2K_TOKENS + t) * a->step +
		(size_t)HMR_BLOCK_X * width;
	size_t mine = ((size_t)HMR_BLOCK_Y * (HMR_GRID_X) + HMR_BLOCK_X) * width;
	float v = -INFINITY, most, sum = 0;

	if (t < width)
		q[t] = a->q[mine + t] * a->scale;
	HMR_SYNC();
	if (t < HMR2K_TOKENS) {
		v = 0;
		for (uint32_t d = 0; d < width; d += 8) {
			float k[8];

			v_ld8(a->k, at + d, type, k);
			V_UNROLL
			for (uint32_t j = 0; j < 8; j++)
				v += q[d + j] * k[j];
		}
	}
	most = v;
	for (int m = 16; m; m >>= 1)
		most = fmaxf(most, HMR_SHFL_XOR(most, m));
	part[t / 32] = most;
	HMR_SYNC();
	for (uint32_t i = 0; i < HMR_THREADS / 32; i++)
		most = fmaxf(most, part[i]);
	v = t < HMR2K_TOKENS ? expf(v - most) : 0;
	if (t < HMR2K_TOKENS)
		p[t] = v;
	v = v_warp_sum(v, HMR_BLOCK_PASS);
	part[8 + t / 32] = v;
	HMR_SYNC();
	for (uint32_t i = 0; i < HMR_THREADS / 32; i++)
		sum += part[8 + i];
	v = 0;
	at = (size_t)HMR_BLOCK_Y * HMR2K_TOKENS * a->step + (size_t)HMR_BLOCK_X * width +
		t % width;
	for (uint32_t k = t / width; t < parts * width && k < HMR2K_TOKENS; k += parts)
		v += p[k] * v_ld(a->v, at + (size_t)k * a->step, type);
	sums[t] = v;
	HMR_SYNC();
	if (t >= width)
		return;
	for (uint32_t i = 1; i < parts; i++)
		v += sums[i * width + t];
	a->out[mine + t] = v / sum;
}

/* A joint's six numbers to a rotation; b1, b2, b3 are columns. */
HMR_FN void
rotation(const float *six, float *out)
{
	float n1 = sqrtf(six[0] * six[0] + six[1] * six[1] + six[2] * six[2]);
	float b1[3], b2[3], n2 = 0, dot = 0;

	for (int i = 0; i < 3; i++) {
		b1[i] = six[i] / fmaxf(n1, 1e-12f);
		dot += b1[i] * six[3 + i];
	}
	for (int i = 0; i < 3; i++) {
		b2[i] = six[3 + i] - dot * b1[i];
		n2 += b2[i] * b2[i];
	}
	n2 = fmaxf(sqrtf(n2), 1e-12f);
	for (int i = 0; i < 3; i++)
		b2[i] /= n2;
	for (int i = 0; i < 3; i++) {
		int k = (i + 1) % 3, l = (i + 2) % 3;

		out[3 * i] = b1[i];
		out[3 * i + 1] = b2[i];
		out[3 * i + 2] = b1[k] * b2[l] - b1[l] * b2[k];
	}
}

HMR_KERNEL_BLOCK(hmr2_pose, struct hmr2_pose_args)
{
	const float *six = a->six + (size_t)HMR_BLOCK_X * a->ld;
	float *out = a->result + (size_t)HMR_BLOCK_X * HMR2K_RESULT;
	uint32_t t = HMR_THREAD;

	if (t < 24)
		rotation(six + 6 * t, out + 9 * t);
	if (t < 13)
		out[216 + t] = six[144 + t];
}

V_KERNELS(linear, hmr2_linear_args)
V_KERNELS(cross, hmr2_cross_args)

HMR_KERNELS(hmr_kernels_hmr2_decoder) = {
	V_ENTRIES(linear, hmr2_linear_args),
	V_ENTRIES(cross, hmr2_cross_args),
	HMR_KERNEL_ENTRY_BLOCK(hmr2_pose, struct hmr2_pose_args),
	HMR_KERNELS_END
};

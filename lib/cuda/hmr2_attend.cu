/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-attention of HMR2's transformer: 192 tokens, rows of q, k, v side by side.
 *
 * attend: any head up to 128 wide, any type; keys and values pass through shared
 * memory 64 at a time. Float32's own, and the reference of the other.
 * attend_mma: 16-bit types, heads of 64 and 80. All keys and values of a head lie
 * in shared memory (60 KiB at 80); a warp owns 16 queries and keeps their 192
 * scores in registers, so that nothing is read twice and the softmax is exact.
 */
#include "cuda/hmr2_kernels.h"
#include "cuda/hmr2_mma.h"
#include "cuda/kernels.h"

#define KEYS HMR2K_ATTEND_KEYS
#define QUERIES HMR2K_ATTEND_QUERIES
#define STEP HMR2K_ATTEND_STEP

struct plain {			/* shared memory */
	float *keys;		/* [64][width + 1]; then values */
	float *q;		/* [16][width], scaled */
	float *p;		/* [16][200] */
	float *part;		/* [2][128] */
};

/* Keys or values of tokens [from, from + 64) to shared memory. */
HMR_FN void
bring(float *to, const void *from, size_t first, uint32_t row, uint32_t width, int type,
      HMR_BLOCK_PARAM)
{
	HMR_SYNC();
	for (uint32_t i = HMR_THREAD; i < KEYS * width; i += HMR_THREADS)
		to[i / width * (width + 1) + i % width] =
			v_ld(from, first + (size_t)(i / width) * row + i % width, type);
	HMR_SYNC();
}

/* Scores of 4 queries of a warp and 2 keys of a lane. */
HMR_FN void
scores(const struct plain *s, uint32_t width, uint32_t key, HMR_BLOCK_PARAM)
{
	uint32_t lane = HMR_THREAD % 32, first = HMR_THREAD / 32 * 4;
	const float *k0 = s->keys + lane * (width + 1), *k1 = k0 + 32 * (width + 1);
	float sum[4][2] = { { 0, 0 }, { 0, 0 }, { 0, 0 }, { 0, 0 } };

	for (uint32_t d = 0; d < width; d++) {
		V_UNROLL
		for (uint32_t j = 0; j < 4; j++) {
			float v = s->q[(first + j) * width + d];

			sum[j][0] += v * k0[d];
			sum[j][1] += v * k1[d];
		}
	}
	for (uint32_t j = 0; j < 4; j++) {
		s->p[(first + j) * STEP + key + lane] = sum[j][0];
		s->p[(first + j) * STEP + key + lane + 32] = sum[j][1];
	}
}

/* Eight threads a query: p = exp(p - most); returns its sum. */
HMR_FN float
softmax(const struct plain *s, HMR_BLOCK_PARAM)
{
	uint32_t query = HMR_THREAD / 8, part = HMR_THREAD % 8;
	float *p = s->p + query * STEP, most = -INFINITY, sum = 0;

	for (uint32_t k = part; k < HMR2K_TOKENS; k += 8)
		most = fmaxf(most, p[k]);
	s->part[HMR_THREAD] = most;
	HMR_SYNC();
	for (uint32_t i = 0; i < 8; i++)
		most = fmaxf(most, s->part[query * 8 + i]);
	for (uint32_t k = part; k < HMR2K_TOKENS; k += 8) {
		p[k] = expf(p[k] - most);
		sum += p[k];
	}
	s->part[128 + HMR_THREAD] = sum;
	HMR_SYNC();
	sum = 0;
	for (uint32_t i = 0; i < 8; i++)
		sum += s->part[128 + query * 8 + i];
	return sum;
}

/* Four queries of a warp, dimensions lane, lane + 32, ... */
HMR_FN void
blend(const struct plain *s, uint32_t width, uint32_t key, float sum[4][4],
      HMR_BLOCK_PARAM)
{
	uint32_t lane = HMR_THREAD % 32, first = HMR_THREAD / 32 * 4;

	for (uint32_t k = 0; k < KEYS; k++) {
		const float *v = s->keys + k * (width + 1) + lane;

		V_UNROLL
		for (uint32_t j = 0; j < 4; j++) {
			float p = s->p[(first + j) * STEP + key + k];

			V_UNROLL
			for (uint32_t i = 0; i < 4; i++)
				if (lane + 32 * i < width)
					sum[j][i] += p * v[32 * i];
		}
	}
}

HMR_FN void
attend(const struct hmr2_attend_args *a, int type, HMR_BLOCK_PARAM)
{
	HMR_SHARED(float, room);
	uint32_t width = a->width, row = 3 * a->dim, first = HMR_BLOCK_X * QUERIES;
	uint32_t lane = HMR_THREAD % 32, mine = HMR_THREAD / 32 * 4;
	size_t of = (size_t)HMR_BLOCK_Z * HMR2K_TOKENS * row + (size_t)HMR_BLOCK_Y * width;
	size_t to = ((size_t)HMR_BLOCK_Z * HMR2K_TOKENS + first) * a->dim +
		(size_t)HMR_BLOCK_Y * width;
	struct plain s;
	float sum[4][4], all;

	s.keys = room;
	s.q = s.keys + KEYS * (width + 1);
	s.p = s.q + QUERIES * width;
	s.part = s.p + QUERIES * STEP;
	for (uint32_t i = HMR_THREAD; i < QUERIES * width; i += HMR_THREADS)
		s.q[i] = a->scale * v_ld(a->qkv, of + (size_t)(first + i / width) * row +
					 i % width, type);
	for (uint32_t k = 0; k < HMR2K_TOKENS; k += KEYS) {
		bring(s.keys, a->qkv, of + a->dim + (size_t)k * row, row, width, type,
		      HMR_BLOCK_PASS);
		scores(&s, width, k, HMR_BLOCK_PASS);
	}
	HMR_SYNC();
	all = softmax(&s, HMR_BLOCK_PASS);
	for (uint32_t j = 0; j < 4; j++)
		for (uint32_t i = 0; i < 4; i++)
			sum[j][i] = 0;
	for (uint32_t k = 0; k < HMR2K_TOKENS; k += KEYS) {
		bring(s.keys, a->qkv, of + 2 * a->dim + (size_t)k * row, row, width, type,
		      HMR_BLOCK_PASS);
		blend(&s, width, k, sum, HMR_BLOCK_PASS);
	}
	s.part[HMR_THREAD] = 1 / all;	/* of query thread / 8 */
	HMR_SYNC();
	V_UNROLL
	for (uint32_t j = 0; j < 4; j++)
		V_UNROLL
		for (uint32_t i = 0; i < 4; i++)
			if (lane + 32 * i < width)
				v_st(a->out, to + (size_t)(mine + j) * a->dim + lane + 32 * i,
				     sum[j][i] * s.part[(mine + j) * 8], type);
}

#define TILES (HMR2K_TOKENS / 8)	/* of 8 keys */

/* Where the 8 elements `chunk` of a row lie: chunks change places so that 8 rows
 * under each other lie in different banks, without padding. */
HMR_FN uint32_t
place(uint32_t row, uint32_t chunk, int width)
{
	uint32_t turn = width == 64 ? row & 7 : row >> 2 & 1;

	return row * (uint32_t)width + 8 * (chunk ^ turn);
}

/* Keys (which 1) or values (2) of a head to shared memory, asynchronously. */
HMR_FN void
bring_all(uint16_t *to, const struct hmr2_attend_args *a, uint32_t which, int width,
	  HMR_BLOCK_PARAM)
{
	uint32_t chunks = (uint32_t)width / 8;
	const uint16_t *from = (const uint16_t *)a->qkv +
		((size_t)HMR_BLOCK_Z * HMR2K_TOKENS * 3 + which) * a->dim +
		(size_t)HMR_BLOCK_Y * (uint32_t)width;

	for (uint32_t i = HMR_THREAD; i < HMR2K_TOKENS * chunks; i += HMR_THREADS)
		mma_copy(to + place(i / chunks, i % chunks, width),
			 from + (size_t)(i / chunks) * 3 * a->dim + i % chunks * 8);
	mma_copies_end();
}

/* A warp's 16 queries as the matrix unit wants them. */
HMR_FN void
queries(uint32_t q[5][4], const struct hmr2_attend_args *a, uint32_t first, int width,
	HMR_BLOCK_PARAM)
{
	uint32_t g = HMR_THREAD % 32 / 4, t = HMR_THREAD % 4;
	const uint16_t *from = (const uint16_t *)a->qkv + ((size_t)HMR_BLOCK_Z *
		HMR2K_TOKENS + first + g) * 3 * a->dim + (size_t)HMR_BLOCK_Y *
		(uint32_t)width + 2 * t;
	size_t down = 8 * (size_t)3 * a->dim;

	V_UNROLL
	for (int k = 0; k < width / 16; k++)
		V_UNROLL
		for (int i = 0; i < 4; i++)
			q[k][i] = v_ld4(from + 16 * k + (i / 2) * 8 + (i % 2) * down);
}

/* s = q keys, for all 192. */
HMR_FN void
scores_mma(float s[TILES][4], const uint32_t q[5][4], const uint16_t *keys, int type,
	   int width, HMR_BLOCK_PARAM)
{
	uint32_t lane = HMR_THREAD % 32;

	V_UNROLL
	for (uint32_t j = 0; j < TILES; j += 2) {
		uint32_t row = 8 * j + lane / 16 * 8 + lane % 8;

		V_UNROLL
		for (uint32_t i = 0; i < 4; i++)
			s[j][i] = s[j + 1][i] = 0;
		V_UNROLL
		for (uint32_t k = 0; k < (uint32_t)width / 16; k++) {
			uint32_t b[4];

			mma_load(b, keys + place(row, 2 * k + lane / 8 % 2, width),
				 HMR_BLOCK_PASS);
			mma(s[j], q[k], b, type, HMR_BLOCK_PASS);
			mma(s[j + 1], q[k], b + 2, type, HMR_BLOCK_PASS);
		}
	}
}

/* s = exp(scale s - most), of rows g and g + 8; sum[2]. */
HMR_FN void
softmax_mma(float s[TILES][4], float scale, float sum[2], HMR_BLOCK_PARAM)
{
	float most[2] = { -INFINITY, -INFINITY };

	scale *= 1.44269504088896340736f;	/* base 2 */
	V_UNROLL
	for (int j = 0; j < TILES; j++) {
		most[0] = fmaxf(most[0], fmaxf(s[j][0], s[j][1]));
		most[1] = fmaxf(most[1], fmaxf(s[j][2], s[j][3]));
	}
	sum[0] = sum[1] = 0;
	V_UNROLL
	for (int r = 0; r < 2; r++) {
		most[r] = fmaxf(most[r], HMR_SHFL_XOR(most[r], 1));
		most[r] = fmaxf(most[r], HMR_SHFL_XOR(most[r], 2)) * scale;
		V_UNROLL
		for (int j = 0; j < TILES; j++)
			V_UNROLL
			for (int i = 2 * r; i < 2 * r + 2; i++) {
				s[j][i] = exp2f(s[j][i] * scale - most[r]);
				sum[r] += s[j][i];
			}
		sum[r] += HMR_SHFL_XOR(sum[r], 1);
		sum[r] += HMR_SHFL_XOR(sum[r], 2);
	}
}

/* o = s values. */
HMR_FN void
blend_mma(float o[10][4], float s[TILES][4], const uint16_t *values, int type,
	  int width, HMR_BLOCK_PARAM)
{
	uint32_t lane = HMR_THREAD % 32;

	V_UNROLL
	for (uint32_t k = 0; k < HMR2K_TOKENS / 16; k++) {
		uint32_t row = 16 * k + lane / 8 % 2 * 8 + lane % 8;
		uint32_t p[4] = { v_pack(s[2 * k][0], s[2 * k][1], type),
				  v_pack(s[2 * k][2], s[2 * k][3], type),
				  v_pack(s[2 * k + 1][0], s[2 * k + 1][1], type),
				  v_pack(s[2 * k + 1][2], s[2 * k + 1][3], type) };

		V_UNROLL
		for (uint32_t d = 0; d < (uint32_t)width / 16; d++) {
			uint32_t b[4];

			mma_load_t(b, values + place(row, 2 * d + lane / 16, width),
				   HMR_BLOCK_PASS);
			mma(o[2 * d], p, b, type, HMR_BLOCK_PASS);
			mma(o[2 * d + 1], p, b + 2, type, HMR_BLOCK_PASS);
		}
	}
}

HMR_FN void
attend_mma(const struct hmr2_attend_args *a, int type, int width, HMR_BLOCK_PARAM)
{
	HMR_SHARED(uint16_t, keys);
	uint16_t *values = keys + HMR2K_TOKENS * width;
	uint32_t g = HMR_THREAD % 32 / 4, t = HMR_THREAD % 4;
	uint32_t first = (HMR_BLOCK_X * (HMR_THREADS / 32) + HMR_THREAD / 32) * 16;
	uint16_t *to = (uint16_t *)a->out + ((size_t)HMR_BLOCK_Z * HMR2K_TOKENS + first +
		g) * a->dim + (size_t)HMR_BLOCK_Y * (uint32_t)width + 2 * t;
	uint32_t q[5][4];
	float s[TILES][4], o[10][4], sum[2];

	bring_all(keys, a, 1, width, HMR_BLOCK_PASS);
	bring_all(values, a, 2, width, HMR_BLOCK_PASS);
	queries(q, a, first, width, HMR_BLOCK_PASS);
	mma_copied(1, HMR_BLOCK_PASS);
	scores_mma(s, q, keys, type, width, HMR_BLOCK_PASS);
	softmax_mma(s, a->scale, sum, HMR_BLOCK_PASS);
	V_UNROLL
	for (int d = 0; d < width / 8; d++)
		o[d][0] = o[d][1] = o[d][2] = o[d][3] = 0;
	mma_copied(0, HMR_BLOCK_PASS);
	blend_mma(o, s, values, type, width, HMR_BLOCK_PASS);
	sum[0] = 1 / sum[0];
	sum[1] = 1 / sum[1];
	V_UNROLL
	for (int d = 0; d < width / 8; d++) {
		v_st4(to + 8 * d, v_pack(o[d][0] * sum[0], o[d][1] * sum[0], type));
		v_st4(to + 8 * (size_t)a->dim + 8 * d,
		      v_pack(o[d][2] * sum[1], o[d][3] * sum[1], type));
	}
}

V_KERNELS(attend, hmr2_attend_args)

HMR_KERNEL_BLOCK(hmr2_attend_mma_64_f16, struct hmr2_attend_args)
{
	attend_mma(a, V_F16, 64, HMR_BLOCK_PASS);
}

HMR_KERNEL_BLOCK(hmr2_attend_mma_64_bf16, struct hmr2_attend_args)
{
	attend_mma(a, V_BF16, 64, HMR_BLOCK_PASS);
}

HMR_KERNEL_BLOCK(hmr2_attend_mma_80_f16, struct hmr2_attend_args)
{
	attend_mma(a, V_F16, 80, HMR_BLOCK_PASS);
}

HMR_KERNEL_BLOCK(hmr2_attend_mma_80_bf16, struct hmr2_attend_args)
{
	attend_mma(a, V_BF16, 80, HMR_BLOCK_PASS);
}

HMR_KERNELS(hmr_kernels_hmr2_attend) = {
	V_ENTRIES(attend, hmr2_attend_args),
	HMR_KERNEL_ENTRY_BLOCK(hmr2_attend_mma_64_f16, struct hmr2_attend_args),
	HMR_KERNEL_ENTRY_BLOCK(hmr2_attend_mma_64_bf16, struct hmr2_attend_args),
	HMR_KERNEL_ENTRY_BLOCK(hmr2_attend_mma_80_f16, struct hmr2_attend_args),
	HMR_KERNEL_ENTRY_BLOCK(hmr2_attend_mma_80_bf16, struct hmr2_attend_args),
	HMR_KERNELS_END
};

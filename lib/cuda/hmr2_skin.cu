/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMPL's surface: bones of a pose, then every vertex by shape, pose corrections
 * and its four bones. The directions (17 MB of the pose's) are read once for four
 * people.
 */
#include "cuda/hmr2_kernels.h"
#include "cuda/hmr2_vec.h"
#include "cuda/kernels.h"

#define PEOPLE 4
#define VERTICES 64		/* of a block */
#define COORDS (3 * VERTICES)

/* Row i of a matrix depends on row i of its parent alone: three threads walk the
 * skeleton, one a row. A bone takes x to R x + t, rows of 4. */
HMR_FN void
walk(const struct hmr2_bones_args *a, const float *rest, const float *pose, uint32_t i,
     float *bone)
{
	for (int j = 0; j < 24; j++) {
		const float *r = pose + 9 * j, *at = rest + 3 * j;
		float *to = bone + 12 * j + 4 * i, t;

		if (a->parent[j] < 0) {
			for (int k = 0; k < 3; k++)
				to[k] = r[3 * i + k];
			t = at[i];
		} else {
			const float *up = bone + 12 * a->parent[j] + 4 * i;

			for (int k = 0; k < 3; k++)
				to[k] = up[0] * r[k] + up[1] * r[3 + k] + up[2] * r[6 + k];
			t = up[3] + up[0] * at[0] + up[1] * at[1] + up[2] * at[2];
		}
		to[3] = t - to[0] * at[0] - to[1] * at[1] - to[2] * at[2];
	}
}

HMR_KERNEL_BLOCK(hmr2_bones, struct hmr2_bones_args)
{
	HMR_SHARED(float, rest);
	const float *result = a->result + (size_t)HMR_BLOCK_X * HMR2K_RESULT;
	float *coef = a->coef + (size_t)HMR_BLOCK_X * HMR2K_COEF;
	uint32_t t = HMR_THREAD;

	if (t < 72) {
		float v = a->joint[t];

		for (uint32_t s = 0; s < a->shapes; s++)
			v += result[216 + s] * a->joint[72 * (s + 1) + t];
		rest[t] = v;
	}
	for (uint32_t i = t; i < HMR2K_COEF; i += HMR_THREADS) {
		uint32_t k = i - a->shapes;	/* of the pose less the identity */

		coef[i] = i < a->shapes ? result[216 + i] :
			k < a->poses ? result[9 + k] - (k % 9 % 4 ? 0.0f : 1.0f) : 0;
	}
	HMR_SYNC();
	if (t < 3)
		walk(a, rest, result, t, a->bone + (size_t)HMR_BLOCK_X * 288);
}

/* One coordinate of PEOPLE bodies before their bones. */
HMR_FN void
shape(const struct hmr2_skin_args *a, const float *coef, size_t at, float sum[PEOPLE])
{
	size_t step = (size_t)a->vertices * 3;
	float rest = a->rest[at];

	V_UNROLL
	for (uint32_t p = 0; p < PEOPLE; p++)
		sum[p] = rest;
	for (uint32_t k = 0; k < a->dirs; k++) {
		float d = a->dir[k * step + at];

		V_UNROLL
		for (uint32_t p = 0; p < PEOPLE; p++)
			sum[p] += coef[p * HMR2K_COEF + k] * d;
	}
}

HMR_FN void
bend(const struct hmr2_skin_args *a, uint32_t vertex, const float *bone,
     const float *x, float *out)
{
	float w[4], m[12];

	v_ld4f(a->weight + 4 * (size_t)vertex, w);
	for (uint32_t i = 0; i < 12; i++)
		m[i] = 0;
	for (uint32_t k = 0; k < 4; k++) {
		const float *b = bone + 12 * a->joint[4 * (size_t)vertex + k];

		for (uint32_t i = 0; i < 12; i++)
			m[i] += w[k] * b[i];
	}
	for (uint32_t i = 0; i < 3; i++)
		out[i] = m[4 * i] * x[0] + m[4 * i + 1] * x[1] + m[4 * i + 2] * x[2] +
			m[4 * i + 3];
}

HMR_KERNEL_BLOCK(hmr2_skin, struct hmr2_skin_args)
{
	HMR_SHARED(float, coef);
	float *posed = coef + PEOPLE * HMR2K_COEF, *bone = posed + PEOPLE * COORDS;
	uint32_t first = HMR_BLOCK_Y * PEOPLE, vertex = HMR_BLOCK_X * VERTICES;
	uint32_t people = a->people - first < PEOPLE ? a->people - first : PEOPLE;
	size_t at = (size_t)vertex * 3 + HMR_THREAD;
	float sum[PEOPLE];

	for (uint32_t i = HMR_THREAD; i < PEOPLE * HMR2K_COEF; i += HMR_THREADS)
		coef[i] = i / HMR2K_COEF < people ?
			a->coef[(size_t)first * HMR2K_COEF + i] : 0;
	for (uint32_t i = HMR_THREAD; i < people * 288; i += HMR_THREADS)
		bone[i] = a->bone[(size_t)first * 288 + i];
	HMR_SYNC();
	if (at < (size_t)a->vertices * 3) {
		shape(a, coef, at, sum);
		for (uint32_t p = 0; p < PEOPLE; p++)
			posed[p * COORDS + HMR_THREAD] = sum[p];
	}
	HMR_SYNC();
	for (uint32_t i = HMR_THREAD; i < people * VERTICES; i += HMR_THREADS) {
		uint32_t p = i / VERTICES, v = i % VERTICES;

		if (vertex + v < a->vertices)
			bend(a, vertex + v, bone + 288 * p, posed + p * COORDS + 3 * v,
			     a->out + ((size_t)(first + p) * a->vertices + vertex + v) * 3);
	}
}

HMR_KERNELS(hmr_kernels_hmr2_skin) = {
	HMR_KERNEL_ENTRY_BLOCK(hmr2_bones, struct hmr2_bones_args),
	HMR_KERNEL_ENTRY_BLOCK(hmr2_skin, struct hmr2_skin_args),
	HMR_KERNELS_END
};

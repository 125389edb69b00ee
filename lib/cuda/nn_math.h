/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels of networks compute with numbers: the formulas of nn/act.c and
 * nn/ref_math.c, on the device. */
#ifndef HMR_NN_MATH_H
#define HMR_NN_MATH_H

#include "cuda/kernels.h"
#include "cuda/nn_args.h"
#include "nn/graph.h"

HMR_FN float
nn_cut(float x, float lo, float hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

HMR_FN float
nn_softplus(float x)
{
	return (x > 0 ? x : 0) + log1pf(expf(-fabsf(x)));
}

/* Those that are more than a comparison: one copy, called. */
HMR_FN_LARGE float
nn_act_large(float x, int32_t act, float alpha, float beta)
{
	switch (act) {
	case HMR_ACT_LEAKY: return x > 0 ? x : x * alpha;
	case HMR_ACT_SIGMOID: return 1 / (1 + expf(-x));
	case HMR_ACT_SWISH: return x / (1 + expf(-alpha * x));
	case HMR_ACT_HARD_SIGMOID: return nn_cut(alpha * x + beta, 0, 1);
	case HMR_ACT_HARD_SWISH: return x * nn_cut(alpha * x + beta, 0, 1);
	case HMR_ACT_TANH: return tanhf(x);
	case HMR_ACT_ELU: return x > 0 ? x : alpha * expm1f(x);
	case HMR_ACT_GELU: return x * .5f * (1 + erff(x * 0.70710678f));
	case HMR_ACT_GELU_TANH:
		return x * .5f * (1 + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
	case HMR_ACT_MISH: return x * tanhf(nn_softplus(x));
	case HMR_ACT_SOFTPLUS: return nn_softplus(x);
	case HMR_ACT_CLIP: return nn_cut(x, alpha, beta);
	case HMR_ACT_EXP: return expf(x);
	case HMR_ACT_LOG: return logf(x);
	case HMR_ACT_SQRT: return sqrtf(x);
	case HMR_ACT_ABS: return fabsf(x);
	case HMR_ACT_ERF: return erff(x);
	case HMR_ACT_FLOOR: return floorf(x);
	case HMR_ACT_CEIL: return ceilf(x);
	case HMR_ACT_ROUND: return rintf(x);
	case HMR_ACT_TRUNC: return truncf(x);
	case HMR_ACT_SIN: return sinf(x);
	case HMR_ACT_COS: return cosf(x);
	default: return x;
	}
}

HMR_FN float
nn_act_of(float x, int32_t act, float alpha, float beta)
{
	if (act == HMR_ACT_NONE)
		return x;
	if (act == HMR_ACT_RELU || act == HMR_ACT_RELU6)
		return x > 0 ? (x < 6 || act == HMR_ACT_RELU ? x : 6) : 0;
	return nn_act_large(x, act, alpha, beta);
}

HMR_FN_LARGE float
nn_binary_of(float a, float b, int32_t op)
{
	switch (op) {
	case HMR_OP_ADD: return a + b;
	case HMR_OP_SUB: return a - b;
	case HMR_OP_MUL: return a * b;
	case HMR_OP_DIV: return a / b;
	case HMR_OP_MIN: return a < b ? a : b;
	case HMR_OP_MAX: return a > b ? a : b;
	case HMR_OP_POW: return powf(a, b);
	case HMR_OP_PRELU: return a > 0 ? a : a * b;
	case HMR_OP_LESS: return a < b ? 1.f : 0.f;
	case HMR_OP_EQUAL: return a == b ? 1.f : 0.f;
	default: return 0;
	}
}

HMR_FN float
nn_reduce_start(int32_t op)
{
	return op == HMR_OP_REDUCE_MAX ? -INFINITY : op == HMR_OP_REDUCE_MIN ? INFINITY : 0;
}

HMR_FN float
nn_reduce_step(float v, float x, int32_t op)
{
	return op == HMR_OP_REDUCE_MAX ? (v > x ? v : x) :
	       op == HMR_OP_REDUCE_MIN ? (v < x ? v : x) : v + x;
}

/* Over all threads of a block, a power of two; part [threads] in shared memory. */
HMR_FN float
nn_reduce_all(float *part, float v, int32_t op, HMR_BLOCK_PARAM)
{
	part[HMR_THREAD] = v;
	HMR_SYNC();
	for (uint32_t n = HMR_THREADS / 2; n; n /= 2) {
		if (HMR_THREAD < n)
			part[HMR_THREAD] = nn_reduce_step(part[HMR_THREAD],
							  part[HMR_THREAD + n], op);
		HMR_SYNC();
	}
	v = part[0];
	HMR_SYNC();
	return v;
}

/* The place of element i among dims, the last axis fastest. */
HMR_FN int64_t
nn_offset(uint32_t i, uint32_t rank, const uint32_t *dims, const int32_t *s)
{
	int64_t at = 0;

	while (rank-- > 0) {
		at += (int64_t)(i % dims[rank]) * s[rank];
		i /= dims[rank];
	}
	return at;
}

#endif

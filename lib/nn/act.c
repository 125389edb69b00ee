/* SPDX-License-Identifier: Apache-2.0 */
/* Activations, which are all functions of one number: names, parameters, and the
 * plain formula that the backends are measured by. */
#include <math.h>
#include <string.h>

#include "nn/graph.h"

static const struct {
	const char *name;
	bool alpha, beta;	/* read */
} acts[HMR_ACT_COUNT] = {
	[HMR_ACT_NONE] = { "none", false, false },
	[HMR_ACT_RELU] = { "relu", false, false },
	[HMR_ACT_RELU6] = { "relu6", false, false },
	[HMR_ACT_LEAKY] = { "leaky_relu", true, false },
	[HMR_ACT_SIGMOID] = { "sigmoid", false, false },
	[HMR_ACT_SWISH] = { "swish", true, false },
	[HMR_ACT_HARD_SIGMOID] = { "hard_sigmoid", true, true },
	[HMR_ACT_HARD_SWISH] = { "hard_swish", true, true },
	[HMR_ACT_TANH] = { "tanh", false, false },
	[HMR_ACT_ELU] = { "elu", true, false },
	[HMR_ACT_GELU] = { "gelu", false, false },
	[HMR_ACT_GELU_TANH] = { "gelu_tanh", false, false },
	[HMR_ACT_MISH] = { "mish", false, false },
	[HMR_ACT_SOFTPLUS] = { "softplus", false, false },
	[HMR_ACT_CLIP] = { "clip", true, true },
	[HMR_ACT_EXP] = { "exp", false, false },
	[HMR_ACT_LOG] = { "log", false, false },
	[HMR_ACT_SQRT] = { "sqrt", false, false },
	[HMR_ACT_ABS] = { "abs", false, false },
	[HMR_ACT_ERF] = { "erf", false, false },
	[HMR_ACT_FLOOR] = { "floor", false, false },
	[HMR_ACT_CEIL] = { "ceil", false, false },
	[HMR_ACT_ROUND] = { "round", false, false },
	[HMR_ACT_TRUNC] = { "trunc", false, false },
	[HMR_ACT_SIN] = { "sin", false, false },
	[HMR_ACT_COS] = { "cos", false, false },
};

const char *
hmr_act_name(enum hmr_act act)
{
	return (unsigned)act < HMR_ACT_COUNT ? acts[act].name : "?";
}

int
hmr_act_from_name(const char *s)
{
	for (int i = 0; i < HMR_ACT_COUNT; i++)
		if (!strcmp(s, acts[i].name))
			return i;
	return -1;
}

bool
hmr_act_has_alpha(enum hmr_act act)
{
	return (unsigned)act < HMR_ACT_COUNT && acts[act].alpha;
}

bool
hmr_act_has_beta(enum hmr_act act)
{
	return (unsigned)act < HMR_ACT_COUNT && acts[act].beta;
}

static float
cut(float x, float lo, float hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

/* log(1 + e^x) without overflow */
static float
softplus(float x)
{
	return (x > 0 ? x : 0) + log1pf(expf(-fabsf(x)));
}

float
hmr_act_apply(float x, enum hmr_act act, float alpha, float beta)
{
	switch (act) {
	case HMR_ACT_RELU: return x > 0 ? x : 0;
	case HMR_ACT_RELU6: return x > 0 ? (x < 6 ? x : 6) : 0;
	case HMR_ACT_LEAKY: return x > 0 ? x : x * alpha;
	case HMR_ACT_SIGMOID: return 1 / (1 + expf(-x));
	case HMR_ACT_SWISH: return x / (1 + expf(-alpha * x));
	case HMR_ACT_HARD_SIGMOID: return cut(alpha * x + beta, 0, 1);
	case HMR_ACT_HARD_SWISH: return x * cut(alpha * x + beta, 0, 1);
	case HMR_ACT_TANH: return tanhf(x);
	case HMR_ACT_ELU: return x > 0 ? x : alpha * expm1f(x);
	case HMR_ACT_GELU: return x * .5f * (1 + erff(x * 0.70710678f));
	case HMR_ACT_GELU_TANH:
		return x * .5f * (1 + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
	case HMR_ACT_MISH: return x * tanhf(softplus(x));
	case HMR_ACT_SOFTPLUS: return softplus(x);
	case HMR_ACT_CLIP: return cut(x, alpha, beta);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of ONNX operators: the table of all, and those that work on one
 * number after the other. What is not supported is named with its node.
 */
#include "import/onnx.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/shape.h"

enum hmr_status
ox_emit_to(struct ox *t, const struct ox_node *n, struct hmr_node *p,
	   const uint8_t *perm, struct ox_view *out)
{
	uint32_t v;
	enum hmr_status st;

	p->n_out = 1;
	if ((st = hmr_build_node(t->b, n->name, p, &v, t->e)))
		return st;
	ox_set(out, v, perm);
	return HMR_OK;
}

enum hmr_status
ox_emit(struct ox *t, const struct ox_node *n, struct hmr_node *p, const uint8_t *perm)
{
	uint32_t v[HMR_NODE_LIST_MAX];
	enum hmr_status st;

	if ((st = hmr_build_node(t->b, n->name, p, v, t->e)))
		return st;
	for (uint32_t i = 0; i < p->n_out && i < n->n_out; i++)
		if (n->out[i])
			ox_set(n->out[i], v[i], perm);
	return HMR_OK;
}

enum hmr_status
ox_emit_act(struct ox *t, const struct ox_node *n, const struct ox_view *v,
	    enum hmr_act act, float alpha, float beta, struct ox_view *out)
{
	const struct ox_view in = *v;
	struct hmr_node p = { .op = HMR_OP_ACT, .n_in = 1, .in = &in.value, .act = act,
		.alpha = alpha, .beta = beta };
	enum hmr_status st;

	if (in.kind != OX_VALUE)
		return ox_no(t, n, "of a constant");
	if ((st = ox_emit_to(t, n, &p, in.perm, out)))
		return st;
	out->whole = in.whole;	/* no operator here makes another type */
	return HMR_OK;
}

/* The operands of one joint order; the one that is larger stays as it is. */
static enum hmr_status
arrange_both(struct ox *t, const struct ox_node *n, const struct ox_view *a,
	     const struct ox_view *b, uint32_t in[2], uint8_t perm[HMR_DIMS_MAX])
{
	struct ox_view up[2];
	struct hmr_dims d[2];
	uint32_t rank;
	const struct ox_view *lead;
	enum hmr_status st;

	ox_dims(t, a, &d[0]);
	ox_dims(t, b, &d[1]);
	rank = d[0].n > d[1].n ? d[0].n : d[1].n;
	if ((st = ox_lift(t, n, a, rank, &up[0])) || (st = ox_lift(t, n, b, rank, &up[1])))
		return st;
	lead = up[0].kind == OX_CONST ? &up[1] : up[1].kind == OX_CONST ? &up[0] :
	       hmr_dims_total(&d[0]) >= hmr_dims_total(&d[1]) ? &up[0] : &up[1];
	memcpy(perm, lead->perm, HMR_DIMS_MAX);
	for (int i = 0; i < 2; i++) {
		struct hmr_dims c = up[i].dims;

		if (up[i].kind != OX_CONST) {
			if ((st = ox_arrange(t, n, &up[i], perm, &in[i])))
				return st;
			continue;
		}
		/* a constant without the leading axes of one element */
		for (uint32_t k = 0; k < rank; k++)
			c.d[perm[k]] = up[i].dims.d[k];
		while (c.n > 1 && c.d[0] == 1)
			memmove(c.d, c.d + 1, --c.n * sizeof(*c.d));
		if ((st = ox_const_value(t, n->name, &up[i], perm, &c, &in[i])))
			return st;
	}
	return HMR_OK;
}

enum hmr_status
ox_emit_binary(struct ox *t, const struct ox_node *n, enum hmr_op op,
	       const struct ox_view *a, const struct ox_view *b, struct ox_view *out)
{
	uint8_t perm[HMR_DIMS_MAX];
	uint32_t in[2];
	struct hmr_node p = { .op = op, .n_in = 2, .in = in };
	bool whole = a->whole && b->whole;
	enum hmr_status st;

	if (a->kind == OX_CONST && b->kind == OX_CONST)
		return ox_no(t, n, "of constants");
	if (a->kind == OX_CONST && (op == HMR_OP_ADD || op == HMR_OP_MUL)) {
		const struct ox_view *swap = a;

		a = b;		/* where a convolution can take it in */
		b = swap;
	}
	if ((st = arrange_both(t, n, a, b, in, perm)) ||
	    (st = ox_emit_to(t, n, &p, perm, out)))
		return st;
	out->whole = whole;
	return HMR_OK;
}

bool
ox_axis(const struct ox_node *n, int64_t fallback, uint32_t rank, uint32_t *axis)
{
	int64_t a = ox_int(n, "axis", fallback);

	if (a < 0 && a >= -(int64_t)rank)
		a += rank;
	*axis = (uint32_t)a;
	return a >= 0 && a < rank;
}

bool
ox_axes(struct ox *t, const struct ox_node *n, int64_t until, uint32_t i,
	uint32_t rank, int64_t *axes, uint32_t *k)
{
	*k = 0;
	if (t->opset <= until) {
		*k = ox_ints(n, "axes", axes, HMR_DIMS_MAX);
		if (*k > HMR_DIMS_MAX)
			return false;
	} else if (n->n_in > i && n->in[i] &&
		   !ox_const_ints(t, n->in[i], axes, HMR_DIMS_MAX, k)) {
		return false;
	}
	for (uint32_t a = 0; a < *k; a++) {
		if (axes[a] < 0)
			axes[a] += rank;
		if (axes[a] < 0 || axes[a] >= rank)
			return false;
		for (uint32_t b = a; b > 0 && axes[b] <= axes[b - 1]; b--) {
			int64_t swap = axes[b];

			if (axes[b] == axes[b - 1])
				return false;
			axes[b] = axes[b - 1];
			axes[b - 1] = swap;
		}
	}
	return true;
}

/* --- one number after the other ------------------------------------------------- */

static enum hmr_status
alias(struct ox *t, const struct ox_node *n)
{
	(void)t;
	*n->out[0] = *n->in[0];
	return HMR_OK;
}

static enum hmr_status
cast(struct ox *t, const struct ox_node *n)
{
	int32_t to = (int32_t)ox_int(n, "to", 0);
	struct ox_view zero, same;
	enum hmr_status st;

	if (!ox_type_known(to))
		return ox_no(t, n, "to an unknown type");
	if (ox_type_is_float(to) || (n->in[0]->whole && to != 9)) {
		*n->out[0] = *n->in[0];
		n->out[0]->whole = !ox_type_is_float(to);
		return HMR_OK;
	}
	if (to == 9) {		/* what is not 0 is true */
		if ((st = ox_number(t, 0, &zero)) ||
		    (st = ox_emit_binary(t, n, HMR_OP_EQUAL, n->in[0], &zero, &same)) ||
		    (st = ox_emit_binary(t, n, HMR_OP_EQUAL, &same, &zero, n->out[0])))
			return st;
	} else if ((st = ox_emit_act(t, n, n->in[0], HMR_ACT_TRUNC, 0, 0, n->out[0]))) {
		return st;
	}
	n->out[0]->whole = true;
	return HMR_OK;
}

static const struct { const char *op; enum hmr_act act; float alpha, beta; } acts[] = {
	/* alpha and beta: what ONNX takes where the attribute is left out */
	{ "Relu", HMR_ACT_RELU, 0, 0 }, { "LeakyRelu", HMR_ACT_LEAKY, .01f, 0 },
	{ "Sigmoid", HMR_ACT_SIGMOID, 0, 0 }, { "Tanh", HMR_ACT_TANH, 0, 0 },
	{ "HardSigmoid", HMR_ACT_HARD_SIGMOID, .2f, .5f },
	{ "HardSwish", HMR_ACT_HARD_SWISH, 1.0f / 6, .5f }, { "Elu", HMR_ACT_ELU, 1, 0 },
	{ "Softplus", HMR_ACT_SOFTPLUS, 0, 0 }, { "Mish", HMR_ACT_MISH, 0, 0 },
	{ "Exp", HMR_ACT_EXP, 0, 0 }, { "Log", HMR_ACT_LOG, 0, 0 },
	{ "Sqrt", HMR_ACT_SQRT, 0, 0 }, { "Abs", HMR_ACT_ABS, 0, 0 },
	{ "Erf", HMR_ACT_ERF, 0, 0 }, { "Floor", HMR_ACT_FLOOR, 0, 0 },
	{ "Ceil", HMR_ACT_CEIL, 0, 0 }, { "Round", HMR_ACT_ROUND, 0, 0 },
	{ "Sin", HMR_ACT_SIN, 0, 0 }, { "Cos", HMR_ACT_COS, 0, 0 },
};

static enum hmr_status
act(struct ox *t, const struct ox_node *n)
{
	size_t i = 0;
	float alpha, beta;

	while (strcmp(acts[i].op, n->p->op_type))
		i++;
	alpha = ox_float(n, "alpha", acts[i].alpha);
	beta = ox_float(n, "beta", acts[i].beta);
	if (acts[i].act == HMR_ACT_HARD_SWISH) {
		alpha = acts[i].alpha;
		beta = acts[i].beta;
	}
	if (!(fabsf(alpha) <= 1e6f) || !(fabsf(beta) <= 1e6f))
		return ox_no(t, n, "with alpha or beta out of range");
	return ox_emit_act(t, n, n->in[0], acts[i].act, alpha, beta, n->out[0]);
}

static enum hmr_status
clip(struct ox *t, const struct ox_node *n)
{
	float lo = -FLT_MAX, hi = FLT_MAX;

	if ((n->n_in > 1 && n->in[1] && !ox_const_f32(t, n->in[1], &lo)) ||
	    (n->n_in > 2 && n->in[2] && !ox_const_f32(t, n->in[2], &hi)))
		return ox_no(t, n, "between bounds that are no constants");
	lo = lo < -FLT_MAX ? -FLT_MAX : lo;
	hi = hi > FLT_MAX ? FLT_MAX : hi;
	if (!(lo <= FLT_MAX) || !(hi >= -FLT_MAX))
		return ox_no(t, n, "between bounds that are no numbers");
	if (lo == 0 && hi == FLT_MAX)
		return ox_emit_act(t, n, n->in[0], HMR_ACT_RELU, 0, 0, n->out[0]);
	if (lo == 0 && hi == 6)
		return ox_emit_act(t, n, n->in[0], HMR_ACT_RELU6, 0, 0, n->out[0]);
	return ox_emit_act(t, n, n->in[0], HMR_ACT_CLIP, lo, hi, n->out[0]);
}

static const struct { const char *op; enum hmr_op is; bool whole; } pairs[] = {
	{ "Add", HMR_OP_ADD, false }, { "Sub", HMR_OP_SUB, false },
	{ "Mul", HMR_OP_MUL, false }, { "Div", HMR_OP_DIV, false },
	{ "Pow", HMR_OP_POW, false }, { "Min", HMR_OP_MIN, false },
	{ "Max", HMR_OP_MAX, false }, { "Sum", HMR_OP_ADD, false },
	{ "PRelu", HMR_OP_PRELU, false }, { "Less", HMR_OP_LESS, true },
	{ "Equal", HMR_OP_EQUAL, true }, { "And", HMR_OP_MUL, true },
	{ "Or", HMR_OP_MAX, true },
};

/* x - c as x + -c, which a convolution's bias can take; exact. */
static enum hmr_status
negated(struct ox *t, const struct ox_view *c, struct ox_view *out)
{
	const double *x;
	enum hmr_status st;

	if ((st = ox_numbers(t, c, &x)) ||
	    (st = ox_tensor_new(t, c->tensor->type, &c->dims, out)))
		return st;
	for (size_t i = 0; i < out->tensor->count; i++)
		out->tensor->num[i] = -x[i];
	return HMR_OK;
}

/* Slopes [C,1,1] belong to the channels, [C] to the last axis: as numpy has it. */
static enum hmr_status
binary(struct ox *t, const struct ox_node *n)
{
	struct ox_view all = *n->in[0], minus;
	size_t i = 0;
	bool whole;
	enum hmr_op op;
	enum hmr_status st;

	while (strcmp(pairs[i].op, n->p->op_type))
		i++;
	op = pairs[i].is;
	for (uint32_t k = 1; k < n->n_in; k++) {
		const struct ox_view *b = n->in[k];

		if (!b)
			return ox_no(t, n, "without an operand");
		if (op == HMR_OP_SUB && b->kind == OX_CONST && ox_type_is_float(b->tensor->type)) {
			if ((st = negated(t, b, &minus)))
				return st;
			op = HMR_OP_ADD;
			b = &minus;
		}
		if ((st = ox_emit_binary(t, n, op, &all, b, &all)))
			return st;
	}
	whole = all.whole;
	if (op == HMR_OP_DIV && whole &&
	    (st = ox_emit_act(t, n, &all, HMR_ACT_TRUNC, 0, 0, &all)))
		return st;
	all.whole = whole || pairs[i].whole;
	*n->out[0] = all;
	return HMR_OK;
}

/* 1 - x of a truth value. */
static enum hmr_status
inverted(struct ox *t, const struct ox_node *n, const struct ox_view *v)
{
	struct ox_view zero;
	enum hmr_status st;

	if ((st = ox_number(t, 0, &zero)) ||
	    (st = ox_emit_binary(t, n, HMR_OP_EQUAL, v, &zero, n->out[0])))
		return st;
	n->out[0]->whole = true;
	return HMR_OK;
}

static enum hmr_status
invert(struct ox *t, const struct ox_node *n)
{
	return inverted(t, n, n->in[0]);
}

/* One of two truth values is not like the other. */
static enum hmr_status
exclusive(struct ox *t, const struct ox_node *n)
{
	struct ox_view same;
	enum hmr_status st;

	st = ox_emit_binary(t, n, HMR_OP_EQUAL, n->in[0], n->in[1], &same);
	return st ? st : inverted(t, n, &same);
}

/* Greater, and the two with Equal as the inverse of the other. */
static enum hmr_status
compare(struct ox *t, const struct ox_node *n)
{
	bool greater = n->p->op_type[0] == 'G', equal = strlen(n->p->op_type) > 7;
	struct ox_view r;
	enum hmr_status st;

	st = ox_emit_binary(t, n, HMR_OP_LESS, n->in[greater != equal ? 1 : 0],
			    n->in[greater != equal ? 0 : 1], &r);
	if (st || equal)
		return st ? st : inverted(t, n, &r);
	*n->out[0] = r;
	n->out[0]->whole = true;
	return HMR_OK;
}

static enum hmr_status
modulo(struct ox *t, const struct ox_node *n)
{
	struct ox_view q, f, p;
	enum hmr_status st;

	if (ox_int(n, "fmod", 0))
		return ox_no(t, n, "with fmod");
	if ((st = ox_emit_binary(t, n, HMR_OP_DIV, n->in[0], n->in[1], &q)) ||
	    (st = ox_emit_act(t, n, &q, HMR_ACT_FLOOR, 0, 0, &f)) ||
	    (st = ox_emit_binary(t, n, HMR_OP_MUL, &f, n->in[1], &p)) ||
	    (st = ox_emit_binary(t, n, HMR_OP_SUB, n->in[0], &p, n->out[0])))
		return st;
	n->out[0]->whole = n->in[0]->whole;
	return HMR_OK;
}

static enum hmr_status
with_number(struct ox *t, const struct ox_node *n, enum hmr_op op, double x, bool first)
{
	struct ox_view c;
	bool whole = n->in[0]->whole;
	enum hmr_status st = ox_number(t, x, &c);

	if (!st)
		st = ox_emit_binary(t, n, op, first ? &c : n->in[0], first ? n->in[0] : &c,
				    n->out[0]);
	n->out[0]->whole = whole;
	return st;
}

static enum hmr_status
negate(struct ox *t, const struct ox_node *n)
{
	return with_number(t, n, HMR_OP_MUL, -1, false);
}

static enum hmr_status
reciprocal(struct ox *t, const struct ox_node *n)
{
	return with_number(t, n, HMR_OP_DIV, 1, true);
}

static enum hmr_status
where(struct ox *t, const struct ox_node *n)
{
	struct ox_view up[3];
	uint32_t in[3], rank = 0, lead = 0;
	struct hmr_node p = { .op = HMR_OP_WHERE, .n_in = 3, .in = in };
	struct hmr_dims d;
	enum hmr_status st;

	for (int i = 0; i < 3; i++) {
		ox_dims(t, n->in[i], &d);
		rank = d.n > rank ? d.n : rank;
	}
	if (n->in[0]->kind == OX_CONST)
		return ox_no(t, n, "with a constant condition");
	for (uint32_t i = 0; i < 3; i++)
		if ((st = ox_lift(t, n, n->in[i], rank, &up[i])))
			return st;
	for (uint32_t i = 1; i < 3; i++)
		if (up[i].kind == OX_VALUE)
			lead = i;
	for (int i = 0; i < 3; i++)
		if ((st = ox_arrange(t, n, &up[i], up[lead].perm, &in[i])))
			return st;
	if ((st = ox_emit_to(t, n, &p, up[lead].perm, n->out[0])))
		return st;
	n->out[0]->whole = n->in[1]->whole && n->in[2]->whole;
	return HMR_OK;
}

/* --- the table --------------------------------------------------------------------- */

static const struct { const char *op; ox_lower_fn *lower; uint8_t least, most; } ops[] = {
	{ "Identity", alias, 1, 1 }, { "Dropout", alias, 1, 3 }, { "Cast", cast, 1, 1 },
	{ "Clip", clip, 1, 3 }, { "Neg", negate, 1, 1 }, { "Reciprocal", reciprocal, 1, 1 },
	{ "Not", invert, 1, 1 }, { "Xor", exclusive, 2, 2 }, { "Greater", compare, 2, 2 },
	{ "GreaterOrEqual", compare, 2, 2 }, { "LessOrEqual", compare, 2, 2 },
	{ "Mod", modulo, 2, 2 }, { "Where", where, 3, 3 },
	{ "Conv", ox_conv, 2, 3 }, { "ConvTranspose", ox_conv_transpose, 2, 3 },
	{ "MaxPool", ox_pool, 1, 1 }, { "AveragePool", ox_pool, 1, 1 },
	{ "GlobalAveragePool", ox_global_pool, 1, 1 },
	{ "GlobalMaxPool", ox_global_pool, 1, 1 }, { "Resize", ox_resize, 1, 4 },
	{ "Reshape", ox_reshape_op, 2, 2 }, { "Flatten", ox_flatten, 1, 1 },
	{ "Squeeze", ox_squeeze, 1, 2 }, { "Unsqueeze", ox_unsqueeze, 1, 2 },
	{ "Transpose", ox_transpose, 1, 1 }, { "Slice", ox_slice, 3, 5 },
	{ "Split", ox_split, 1, 2 }, { "Gather", ox_gather, 2, 2 },
	{ "Concat", ox_concat, 1, HMR_NODE_IN_MAX }, { "Pad", ox_pad, 2, 3 },
	{ "Expand", ox_expand, 2, 2 }, { "Tile", ox_tile, 2, 2 },
	{ "DepthToSpace", ox_depth_to_space, 1, 1 },
	{ "SpaceToDepth", ox_space_to_depth, 1, 1 },
	{ "Gemm", ox_gemm, 2, 3 }, { "MatMul", ox_matmul, 2, 2 },
	{ "Softmax", ox_softmax, 1, 1 }, { "LogSoftmax", ox_softmax, 1, 1 },
	{ "BatchNormalization", ox_batch_norm, 5, 5 },
	{ "InstanceNormalization", ox_instance_norm, 3, 3 },
	{ "LayerNormalization", ox_layer_norm, 2, 3 }, { "ArgMax", ox_arg_max, 1, 1 },
	{ "TopK", ox_top_k, 2, 2 }, { "LpNormalization", ox_lp_norm, 1, 1 },
	{ "ReduceMean", ox_reduce, 1, 2 }, { "ReduceSum", ox_reduce, 1, 2 },
	{ "ReduceMax", ox_reduce, 1, 2 }, { "ReduceMin", ox_reduce, 1, 2 },
	{ "ReduceL2", ox_reduce, 1, 2 }, { "ReduceSumSquare", ox_reduce, 1, 2 },
};

static ox_lower_fn *
find_op(const char *op, uint32_t *least, uint32_t *most)
{
	*least = *most = 1;
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++)
		if (!strcmp(op, acts[i].op))
			return act;
	*most = HMR_NODE_IN_MAX;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (!strcmp(op, pairs[i].op))
			return binary;
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		if (!strcmp(op, ops[i].op)) {
			*least = ops[i].least;
			*most = ops[i].most;
			return ops[i].lower;
		}
	return NULL;
}

enum hmr_status
ox_lower(struct ox *t, const struct ox_node *n)
{
	uint32_t least, most;
	ox_lower_fn *lower = find_op(n->p->op_type, &least, &most);

	if (!lower)
		return ox_no(t, n, "is not supported");
	if (n->n_in < least || n->n_in > most)
		return ox_no(t, n, "with this number of inputs");
	for (uint32_t i = 0; i < least; i++)
		if (!n->in[i])
			return ox_no(t, n, "without an input that it needs");
	return lower(t, n);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic on constants: the sizes, ranges, grids and masks that graphs compute
 * from nothing but constants and shapes. In doubles, which hold every integer
 * that matters; results of a float type are rounded to float32. What only moves
 * elements: onnx_fold.c.
 */
#include <math.h>
#include <string.h>

#include "import/onnx.h"
#include "import/safetensors.h"
#include "nn/shape.h"

enum { T_FLOAT = 1, T_INT64 = 7, T_BOOL = 9 };

enum kind {
	ADD, SUB, MUL, DIV, POW, MOD, FMOD, MIN, MAX, EQUAL, LESS, GREATER,
	LESS_EQUAL, GREATER_EQUAL, AND, OR, XOR,
	NEG, ABS, SQRT, EXP, LOG, FLOOR, CEIL, ROUND, SIGN, NOT, RECIPROCAL, SIN, COS,
	TANH, SIGMOID, RELU, ERF
};

static const struct { const char *op; enum kind kind; } known[] = {
	{ "Add", ADD }, { "Sub", SUB }, { "Mul", MUL }, { "Div", DIV }, { "Pow", POW },
	{ "Mod", MOD }, { "Min", MIN }, { "Max", MAX }, { "Equal", EQUAL },
	{ "Less", LESS }, { "Greater", GREATER }, { "LessOrEqual", LESS_EQUAL },
	{ "GreaterOrEqual", GREATER_EQUAL }, { "And", AND }, { "Or", OR }, { "Xor", XOR },
	{ "Neg", NEG }, { "Abs", ABS }, { "Sqrt", SQRT }, { "Exp", EXP }, { "Log", LOG },
	{ "Floor", FLOOR }, { "Ceil", CEIL }, { "Round", ROUND }, { "Sign", SIGN },
	{ "Not", NOT }, { "Reciprocal", RECIPROCAL }, { "Sin", SIN }, { "Cos", COS },
	{ "Tanh", TANH }, { "Sigmoid", SIGMOID }, { "Relu", RELU }, { "Erf", ERF },
};

static double
two(enum kind k, double a, double b, bool whole)
{
	switch (k) {
	case ADD: return a + b;
	case SUB: return a - b;
	case MUL: return a * b;
	case DIV: return !whole ? a / b : b != 0 ? trunc(a / b) : 0;
	case POW: return pow(a, b);
	case MOD: return b != 0 ? a - floor(a / b) * b : 0;
	case FMOD: return whole && b == 0 ? 0 : fmod(a, b);
	case MIN: return a < b ? a : b;
	case MAX: return a > b ? a : b;
	case EQUAL: return a == b;
	case LESS: return a < b;
	case GREATER: return a > b;
	case LESS_EQUAL: return a <= b;
	case GREATER_EQUAL: return a >= b;
	case AND: return a != 0 && b != 0;
	case OR: return a != 0 || b != 0;
	default: return (a != 0) != (b != 0);
	}
}

static double
one(enum kind k, double x)
{
	switch (k) {
	case NEG: return -x;
	case ABS: return fabs(x);
	case SQRT: return sqrt(x);
	case EXP: return exp(x);
	case LOG: return log(x);
	case FLOOR: return floor(x);
	case CEIL: return ceil(x);
	case ROUND: return rint(x);
	case SIGN: return (x > 0) - (x < 0);
	case NOT: return x == 0;
	case RECIPROCAL: return 1 / x;
	case SIN: return sin(x);
	case COS: return cos(x);
	case TANH: return tanh(x);
	case SIGMOID: return 1 / (1 + exp(-x));
	case RELU: return x > 0 ? x : 0;
	default: return erf(x);
	}
}

/* As the type holds it. */
static double
rounded(double x, int32_t type)
{
	return ox_type_is_float(type) ? (double)(float)x : x;
}

/* Index of element i of shape y in an operand of shape d. */
static size_t
operand_at(const struct hmr_dims *d, const struct hmr_dims *y, size_t i)
{
	size_t at = 0, unit = 1;

	for (uint32_t a = y->n; a-- > 0;) {
		size_t k = i % (size_t)y->d[a];
		int64_t size = a + d->n >= y->n ? d->d[a + d->n - y->n] : 1;

		i /= (size_t)y->d[a];
		if (size != 1)
			at += k * unit;
		unit *= (size_t)size;
	}
	return at;
}

static enum hmr_status
eval_two(struct ox *t, const struct ox_node *n, enum kind k, const struct ox_view *a,
	 const struct ox_view *b, struct ox_view *out)
{
	const double *x, *y;
	struct hmr_dims d;
	int32_t type = k >= EQUAL ? T_BOOL : a->tensor->type;
	enum hmr_status st;

	if (!hmr_dims_broadcast(&a->dims, &b->dims, &d))
		return ox_no(t, n, "of constants of different shapes");
	if ((st = ox_numbers(t, a, &x)) || (st = ox_numbers(t, b, &y)) ||
	    (st = ox_tensor_new(t, type, &d, out)))
		return st;
	for (size_t i = 0; i < out->tensor->count; i++)
		out->tensor->num[i] = rounded(two(k, x[operand_at(&a->dims, &d, i)],
						  y[operand_at(&b->dims, &d, i)],
						  !ox_type_is_float(a->tensor->type)), type);
	return HMR_OK;
}

static enum hmr_status
eval_one(struct ox *t, const struct ox_node *n, enum kind k)
{
	const struct ox_view *v = n->in[0];
	int32_t type = v->tensor->type;
	struct ox_view out;
	const double *x;
	enum hmr_status st;

	if ((st = ox_numbers(t, v, &x)) || (st = ox_tensor_new(t, type, &v->dims, &out)))
		return st;
	for (size_t i = 0; i < out.tensor->count; i++)
		out.tensor->num[i] = rounded(one(k, x[i]), type);
	*n->out[0] = out;
	return HMR_OK;
}

/* Sums and the like over axes: every element goes to one of the result. */
static enum hmr_status
eval_reduce(struct ox *t, const struct ox_node *n)
{
	const struct ox_view *v = n->in[0];
	const char *op = n->p->op_type + 6;	/* after Reduce */
	bool mean = !strcmp(op, "Mean"), most = !strcmp(op, "Max"), least = !strcmp(op, "Min");
	bool product = !strcmp(op, "Prod"), all;
	struct hmr_dims y = v->dims, keep = { .n = 0 };
	int64_t axes[HMR_DIMS_MAX];
	const double *x;
	struct ox_view out;
	uint32_t k;
	enum hmr_status st;

	if (!mean && !most && !least && !product && strcmp(op, "Sum"))
		return HMR_EOF;
	if (!ox_axes(t, n, strcmp(op, "Sum") ? 17 : 12, 1, y.n, axes, &k))
		return ox_no(t, n, "over axes that are no constants");
	all = !k && !ox_int(n, "noop_with_empty_axes", 0);
	for (uint32_t i = 0; i < y.n; i++) {
		bool gone = all;

		for (uint32_t a = 0; a < k; a++)
			gone = gone || axes[a] == i;
		if (gone)
			y.d[i] = 1;
		if (!gone || ox_int(n, "keepdims", 1))
			keep.d[keep.n++] = y.d[i];
	}
	if ((st = ox_numbers(t, v, &x)) || (st = ox_tensor_new(t, v->tensor->type, &y, &out)))
		return st;
	for (size_t i = 0; i < out.tensor->count; i++)
		out.tensor->num[i] = most ? -INFINITY : least ? INFINITY : product;
	for (size_t i = 0; i < v->tensor->count; i++) {
		double *d = &out.tensor->num[operand_at(&y, &v->dims, i)];

		*d = two(most ? MAX : least ? MIN : product ? MUL : ADD, *d, x[i], false);
	}
	for (size_t i = 0; i < out.tensor->count; i++)
		out.tensor->num[i] = rounded(mean ? out.tensor->num[i] * (double)out.tensor->count /
			(double)v->tensor->count : out.tensor->num[i], v->tensor->type);
	out.dims = keep;
	*n->out[0] = out;
	return HMR_OK;
}

static enum hmr_status
eval_where(struct ox *t, const struct ox_node *n)
{
	const struct ox_view *c = n->in[0], *a = n->in[1], *b = n->in[2];
	const double *x[3];
	struct hmr_dims ab, d;
	struct ox_view out;
	enum hmr_status st;

	if (!hmr_dims_broadcast(&a->dims, &b->dims, &ab) ||
	    !hmr_dims_broadcast(&c->dims, &ab, &d))
		return ox_no(t, n, "of constants of different shapes");
	for (int i = 0; i < 3; i++)
		if ((st = ox_numbers(t, n->in[i], &x[i])))
			return st;
	if ((st = ox_tensor_new(t, a->tensor->type, &d, &out)))
		return st;
	for (size_t i = 0; i < out.tensor->count; i++)
		out.tensor->num[i] = x[0][operand_at(&c->dims, &d, i)] != 0 ?
			x[1][operand_at(&a->dims, &d, i)] : x[2][operand_at(&b->dims, &d, i)];
	*n->out[0] = out;
	return HMR_OK;
}

static enum hmr_status
eval_range(struct ox *t, const struct ox_node *n)
{
	const double *x[3];
	double count;
	struct hmr_dims d = { .n = 1 };
	struct ox_view out;
	enum hmr_status st;

	for (int i = 0; i < 3; i++) {
		if (n->in[i]->tensor->count != 1)
			return ox_no(t, n, "of more than single numbers");
		if ((st = ox_numbers(t, n->in[i], &x[i])))
			return st;
	}
	count = ceil((*x[1] - *x[0]) / *x[2]);
	if (!(count >= 0 && count < 0x1p31))
		return ox_no(t, n, "without an end");
	d.d[0] = (int64_t)count;
	if ((st = ox_tensor_new(t, n->in[0]->tensor->type, &d, &out)))
		return st;
	for (int64_t i = 0; i < d.d[0]; i++)
		out.tensor->num[i] = rounded(*x[0] + (double)i * *x[2], out.tensor->type);
	*n->out[0] = out;
	return HMR_OK;
}

static enum hmr_status
eval_cast(struct ox *t, const struct ox_node *n)
{
	int32_t type = (int32_t)ox_int(n, "to", 0);
	struct ox_view out;
	const double *x;
	enum hmr_status st;

	if (!ox_type_known(type))
		return ox_no(t, n, "to an unknown type");
	if ((st = ox_numbers(t, n->in[0], &x)) ||
	    (st = ox_tensor_new(t, type, &n->in[0]->dims, &out)))
		return st;
	for (size_t i = 0; i < out.tensor->count; i++)
		out.tensor->num[i] = type == T_BOOL ? x[i] != 0 :
			ox_type_is_float(type) ? rounded(x[i], type) : trunc(x[i]);
	*n->out[0] = out;
	return HMR_OK;
}

static enum hmr_status
eval_known(struct ox *t, const struct ox_node *n, enum kind k)
{
	struct ox_view all;
	enum hmr_status st;

	if (k >= NEG)
		return eval_one(t, n, k);
	if (n->n_in < 2)
		return HMR_EOF;
	k = k == MOD && ox_int(n, "fmod", 0) ? FMOD : k;
	all = *n->in[0];
	for (uint32_t i = 1; i < n->n_in; i++) {	/* Min and Max take more than two */
		struct ox_view next;

		if ((st = eval_two(t, n, k, &all, n->in[i], &next)))
			return st;
		all = next;
	}
	*n->out[0] = all;
	return HMR_OK;
}

enum hmr_status
ox_eval(struct ox *t, const struct ox_node *n)
{
	const char *op = n->p->op_type;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(op, known[i].op))
			return eval_known(t, n, known[i].kind);
	if (!strncmp(op, "Reduce", 6))
		return eval_reduce(t, n);
	if (!strcmp(op, "Where") && n->n_in == 3)
		return eval_where(t, n);
	if (!strcmp(op, "Range") && n->n_in == 3)
		return eval_range(t, n);
	if (!strcmp(op, "Cast") && n->n_in == 1)
		return eval_cast(t, n);
	return HMR_EOF;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of the operators without a window; shape.h. */
#include "nn/shape.h"

#include <string.h>

#include "import/safetensors.h"

bool
hmr_dims_broadcast(const struct hmr_dims *a, const struct hmr_dims *b,
		   struct hmr_dims *out)
{
	const struct hmr_dims *more = a->n >= b->n ? a : b, *less = more == a ? b : a;
	uint32_t skip = more->n - less->n;

	*out = *more;
	for (uint32_t i = skip; i < more->n; i++) {
		int64_t x = more->d[i], y = less->d[i - skip];

		if (x != y && x != 1 && y != 1)
			return false;
		out->d[i] = x == 1 ? y : x;
	}
	return true;
}

static enum hmr_status
size_binary(const struct hmr_sizer *s)
{
	const struct hmr_dims *a = s->in[0], *b = s->in[1];
	struct hmr_dims y;

	if (s->fixed[0] && s->fixed[1])
		return hmr_size_bad(s, "two constants");
	if (!hmr_dims_broadcast(a, b, &y))
		return hmr_size_bad(s, "operands of different shapes");
	return hmr_size_set(s, 0, &y);
}

static enum hmr_status
size_where(const struct hmr_sizer *s)
{
	struct hmr_dims ab, y;

	if (s->fixed[0])
		return hmr_size_bad(s, "a constant condition");
	if (!hmr_dims_broadcast(s->in[1], s->in[2], &ab) ||
	    !hmr_dims_broadcast(s->in[0], &ab, &y))
		return hmr_size_bad(s, "operands of different shapes");
	return hmr_size_set(s, 0, &y);
}

static enum hmr_status
size_matmul(const struct hmr_sizer *s)
{
	const struct hmr_dims *a = s->in[0], *b = s->in[1];
	int64_t k, n;
	struct hmr_dims y = *a;

	if (s->fixed[0] || a->n < 2 || b->n < 2)
		return hmr_size_bad(s, "needs two or more axes, and a first operand that is "
				       "computed");
	if (b->n != 2 && b->n != a->n)
		return hmr_size_bad(s, "operands of different rank");
	for (uint32_t i = 0; b->n > 2 && i < a->n - 2; i++)
		if (a->d[i] != b->d[i])
			return hmr_size_bad(s, "operands of different shapes");
	k = b->d[b->n - (s->n->trans ? 1 : 2)];
	n = b->d[b->n - (s->n->trans ? 2 : 1)];
	if (k != a->d[a->n - 1])
		return hmr_fail(s->e, HMR_E_FORMAT,
				"node %.80s (matmul): %lld columns times %lld rows", s->n->name,
				(long long)a->d[a->n - 1], (long long)k);
	if (s->n->n_in == 3 && (!s->fixed[2] || s->in[2]->n != 1 || s->in[2]->d[0] != n))
		return hmr_size_bad(s, "bias does not match the weight");
	y.d[y.n - 1] = n;
	return hmr_size_set(s, 0, &y);
}

static bool
rising_axes(const struct hmr_node *n, uint32_t rank)
{
	for (uint32_t i = 0; i < n->n_list; i++)
		if (n->list[i] < 0 || n->list[i] >= rank ||
		    (i && n->list[i] <= n->list[i - 1]))
			return false;
	return n->n_list > 0;
}

static enum hmr_status
size_reduce(const struct hmr_sizer *s)
{
	struct hmr_dims y = *s->in[0];

	if (s->fixed[0] || !rising_axes(s->n, y.n))
		return hmr_size_bad(s, "needs rising axes and no constant");
	for (uint32_t i = 0; i < s->n->n_list; i++)
		y.d[s->n->list[i]] = 1;
	return hmr_size_set(s, 0, &y);
}

static enum hmr_status
size_norm(const struct hmr_sizer *s)
{
	const struct hmr_dims *x = s->in[0];

	if (s->fixed[0] || !rising_axes(s->n, x->n))
		return hmr_size_bad(s, "needs rising axes and no constant");
	if (s->n->n_in == 2 || !(s->n->value >= 0))
		return hmr_size_bad(s, "scale without bias, or a bad epsilon");
	for (uint32_t i = 1; i < s->n->n_in; i++)
		if (!s->fixed[i] || s->in[i]->n != 1 || s->in[i]->d[0] != x->d[x->n - 1])
			return hmr_size_bad(s, "scale or bias does not match the last axis");
	return hmr_size_set(s, 0, x);
}

static enum hmr_status
size_slice(const struct hmr_sizer *s)
{
	struct hmr_dims y = *s->in[0];

	if (s->fixed[0] || s->n->n_list != 3 * y.n)
		return hmr_size_bad(s, "needs three numbers an axis");
	for (uint32_t i = 0; i < y.n; i++) {
		int64_t start = s->n->list[3 * i], step = s->n->list[3 * i + 1];
		int64_t count = s->n->list[3 * i + 2], last;

		if (!count && step >= -1 && step && start >= 0 && start < y.d[i])
			count = step < 0 ? start + 1 : (y.d[i] - start + step - 1) / step;
		if (start < 0 || start >= y.d[i] || count < 1 || count > y.d[i] ||
		    (step != -1 && step < 1) || step > y.d[i])
			return hmr_size_bad(s, "a range outside its axis");
		last = start + (count - 1) * step;
		if (last < 0 || last >= y.d[i])
			return hmr_size_bad(s, "a range outside its axis");
		y.d[i] = count;
	}
	return hmr_size_set(s, 0, &y);
}

static enum hmr_status
size_gather(const struct hmr_sizer *s)
{
	const struct hmr_dims *x = s->in[0], *k = s->in[1];
	uint32_t axis = (uint32_t)s->n->axis;
	struct hmr_dims y = { .n = 0 };

	if (s->fixed[0] && s->fixed[1])
		return hmr_size_bad(s, "two constants");
	if (axis >= x->n || k->n > 1)
		return hmr_size_bad(s, "no such axis, or an index of more than one");
	for (uint32_t i = 0; i < x->n; i++)
		if (i != axis)
			y.d[y.n++] = x->d[i];
		else if (k->n)
			y.d[y.n++] = k->d[0];
	return hmr_size_set(s, 0, &y);
}

static enum hmr_status
size_tile(const struct hmr_sizer *s)
{
	struct hmr_dims y = *s->in[0];

	if (s->fixed[0] || s->n->n_list != y.n)
		return hmr_size_bad(s, "needs one number an axis");
	for (uint32_t i = 0; i < y.n; i++)
		if (s->n->list[i] < 1 || s->n->list[i] > 1 << 24 ||
		    __builtin_mul_overflow(y.d[i], s->n->list[i], &y.d[i]))
			return hmr_size_bad(s, "repeats out of range");
	return hmr_size_set(s, 0, &y);
}

static enum hmr_status
size_best(const struct hmr_sizer *s)
{
	struct hmr_dims y = *s->in[0];
	uint32_t axis = (uint32_t)s->n->axis;
	enum hmr_status st;

	if (s->fixed[0] || axis >= y.n)
		return hmr_size_bad(s, "no such axis, or a constant");
	if (s->n->op == HMR_OP_ARG_MAX) {
		y.d[axis] = 1;
		return hmr_size_set(s, 0, &y);
	}
	if (s->n->n_list != 1 || s->n->n_out != 2 || s->n->list[0] < 1 ||
	    s->n->list[0] > y.d[axis])
		return hmr_size_bad(s, "more than the axis has, or not two outputs");
	y.d[axis] = s->n->list[0];
	st = hmr_size_set(s, 0, &y);
	return st ? st : hmr_size_set(s, 1, &y);
}

enum hmr_status
hmr_size_op(const struct hmr_sizer *s)
{
	if (hmr_op_is_binary(s->n->op))
		return size_binary(s);
	switch (s->n->op) {
	case HMR_OP_WHERE: return size_where(s);
	case HMR_OP_MATMUL: return size_matmul(s);
	case HMR_OP_SOFTMAX:
		if (s->fixed[0] || (uint32_t)s->n->axis >= s->in[0]->n)
			return hmr_size_bad(s, "no such axis, or a constant");
		return hmr_size_set(s, 0, s->in[0]);
	case HMR_OP_REDUCE_MEAN: case HMR_OP_REDUCE_SUM:
	case HMR_OP_REDUCE_MAX: case HMR_OP_REDUCE_MIN:
		return size_reduce(s);
	case HMR_OP_NORM: return size_norm(s);
	case HMR_OP_SLICE: return size_slice(s);
	case HMR_OP_GATHER: return size_gather(s);
	case HMR_OP_TILE: return size_tile(s);
	case HMR_OP_ARG_MAX: case HMR_OP_TOP_K: return size_best(s);
	default: return hmr_size_bad(s, "unknown operator");
	}
}

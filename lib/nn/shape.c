/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shape inference: every value's sizes from the inputs' sizes. This is where a
 * graph from outside is checked against the operators' rules, so the loops of
 * the backends check nothing. A message names the node and both sides.
 */
#include <string.h>

#include "import/safetensors.h"
#include "nn/shape.h"

#define TOTAL_MAX ((size_t)1 << 31)	/* elements of one value */

enum hmr_status
hmr_size_bad(const struct hmr_sizer *s, const char *what)
{
	return hmr_fail(s->e, HMR_E_FORMAT, "node %.80s (%s): %s", s->n->name,
			hmr_op_name(s->n->op), what);
}

static bool
is_const(const struct hmr_sizer *s, uint32_t i)
{
	return s->fixed[i];
}

static const struct hmr_dims *
in_dims(const struct hmr_sizer *s, uint32_t i)
{
	return s->in[i];
}

enum hmr_status
hmr_size_set(const struct hmr_sizer *s, uint32_t i, const struct hmr_dims *d)
{
	size_t n;

	for (uint32_t k = 0; k < d->n; k++)
		if (d->d[k] < 1)
			return hmr_size_bad(s, "an output without elements");
	if (!hmr_dims_count(d, &n) || n > TOTAL_MAX)
		return hmr_fail(s->e, HMR_E_LIMIT, "node %.80s: output too large",
				s->n->name);
	*s->out[i] = *d;
	return HMR_OK;
}

/* Sizes of a window's output along y and x. */
static bool
window(const struct hmr_node *n, const int64_t k[2], const struct hmr_dims *x,
       struct hmr_dims *y)
{
	for (int a = 0; a < 2; a++) {
		int64_t size = x->d[1 + a], s = n->stride[a];
		int64_t d = n->dilate[a] > 1 ? n->dilate[a] : 1, ke = (k[a] - 1) * d + 1;

		if (n->same) {
			y->d[1 + a] = (size + s - 1) / s;
			continue;
		}
		size += n->pad[a] + n->pad[a + 2] - ke;
		if (size < 0 || n->pad[a] >= ke || n->pad[a + 2] >= ke)
			return false;
		y->d[1 + a] = size / s + 1;
	}
	return true;
}

static enum hmr_status
size_conv(const struct hmr_sizer *s)
{
	const struct hmr_node *n = s->n;
	const struct hmr_dims *x = in_dims(s, 0), *w = in_dims(s, 1), *b;
	struct hmr_dims y = *x;

	if (x->n != 4 || w->n != 4 || !is_const(s, 1) || is_const(s, 0))
		return hmr_size_bad(s, "needs an image and a constant weight of 4 axes");
	if (x->d[3] != w->d[1] * n->group || w->d[0] < 1 || w->d[0] % n->group)
		return hmr_fail(s->e, HMR_E_FORMAT,
				"node %.80s (conv): weight %lldx%lld in %d groups, image has %lld channels",
				n->name, (long long)w->d[0], (long long)w->d[1],
				(int)n->group, (long long)x->d[3]);
	if (n->n_in == 3) {
		b = in_dims(s, 2);
		if (!is_const(s, 2) || b->n != 1 || b->d[0] != w->d[0])
			return hmr_size_bad(s, "bias does not match the weight");
	}
	if (w->d[2] < 1 || w->d[3] < 1 || w->d[2] > 1024 || w->d[3] > 1024 ||
	    !window(n, w->d + 2, x, &y))
		return hmr_size_bad(s, "image smaller than the kernel, or padding larger");
	y.d[3] = w->d[0];
	return hmr_size_set(s, 0, &y);
}

static enum hmr_status
size_conv_transpose(const struct hmr_sizer *s)
{
	const struct hmr_node *n = s->n;
	const struct hmr_dims *x = in_dims(s, 0), *w = in_dims(s, 1);
	struct hmr_dims y = *x;

	if (x->n != 4 || w->n != 4 || !is_const(s, 1) || is_const(s, 0) ||
	    n->same || n->n_list != 2)
		return hmr_size_bad(s, "needs an image, a constant weight of 4 axes, and pads");
	if (x->d[3] != w->d[1] * n->group || w->d[0] < 1 || w->d[0] % n->group)
		return hmr_size_bad(s, "weight does not match the image's channels");
	if (n->n_in == 3 && (!is_const(s, 2) || in_dims(s, 2)->n != 1 ||
			     in_dims(s, 2)->d[0] != w->d[0]))
		return hmr_size_bad(s, "bias does not match the weight");
	for (int a = 0; a < 2; a++) {
		int64_t d = n->dilate[a] > 1 ? n->dilate[a] : 1, k = w->d[2 + a];

		if (k < 1 || k > 1024 || n->list[a] < 0 || n->list[a] >= n->stride[a] ||
		    n->pad[a] > (k - 1) * d || n->pad[a + 2] > (k - 1) * d)
			return hmr_size_bad(s, "kernel or padding out of range");
		y.d[1 + a] = (x->d[1 + a] - 1) * n->stride[a] + (k - 1) * d + 1 +
			     n->list[a] - n->pad[a] - n->pad[a + 2];
	}
	y.d[3] = w->d[0];
	return hmr_size_set(s, 0, &y);
}

static enum hmr_status
size_pool(const struct hmr_sizer *s)
{
	const struct hmr_dims *x = in_dims(s, 0);
	int64_t k[2] = { s->n->kernel[0], s->n->kernel[1] };
	struct hmr_dims y = *x;

	if (x->n != 4 || is_const(s, 0))
		return hmr_size_bad(s, "needs an image of 4 axes");
	if (!window(s->n, k, x, &y))
		return hmr_size_bad(s, "image smaller than the window, or padding larger");
	return hmr_size_set(s, 0, &y);
}

static enum hmr_status
size_resize(const struct hmr_sizer *s)
{
	const struct hmr_dims *x = in_dims(s, 0);
	struct hmr_dims y = *x;

	if (x->n != 4 || s->n->n_list != 4 || is_const(s, 0))
		return hmr_size_bad(s, "needs an image of 4 axes and 4 numbers");
	for (int a = 0; a < 2; a++) {
		int64_t num = s->n->list[2 * a], den = s->n->list[2 * a + 1];

		if (num < 1 || den < 1 || num > 65536 || den > 65536 ||
		    x->d[1 + a] * num % den)
			return hmr_size_bad(s, "no whole number of pixels");
		y.d[1 + a] = x->d[1 + a] * num / den;
	}
	return hmr_size_set(s, 0, &y);
}

static enum hmr_status
size_concat(const struct hmr_sizer *s)
{
	uint32_t axis = (uint32_t)s->n->axis;
	struct hmr_dims y = *in_dims(s, 0);

	uint32_t constants = 0;

	if (axis >= y.n)
		return hmr_size_bad(s, "no such axis");
	for (uint32_t i = 0; i < s->n->n_in; i++) {
		const struct hmr_dims *x = in_dims(s, i);

		if (x->n != y.n)
			return hmr_size_bad(s, "operands of different rank");
		constants += is_const(s, i);
		for (uint32_t k = 0; k < y.n; k++)
			if (k != axis && x->d[k] != y.d[k])
				return hmr_size_bad(s, "operands of different shapes");
		if (i)
			y.d[axis] += x->d[axis];
	}
	if (constants == s->n->n_in)
		return hmr_size_bad(s, "constants only");
	return hmr_size_set(s, 0, &y);
}

static enum hmr_status
size_split(const struct hmr_sizer *s)
{
	uint32_t axis = (uint32_t)s->n->axis;
	struct hmr_dims y = *in_dims(s, 0);
	int64_t left;
	enum hmr_status st;

	if (axis >= y.n || s->n->n_list != s->n->n_out || is_const(s, 0))
		return hmr_size_bad(s, "no such axis, or sizes do not match outputs");
	left = y.d[axis];
	for (uint32_t i = 0; i < s->n->n_out; i++) {
		y.d[axis] = s->n->list[i];
		left -= y.d[axis];
		if ((st = hmr_size_set(s, i, &y)))
			return st;
	}
	return left ? hmr_size_bad(s, "sizes do not add up") : HMR_OK;
}

static enum hmr_status
size_pad(const struct hmr_sizer *s)
{
	struct hmr_dims y = *in_dims(s, 0);

	if (s->n->n_list != 2 * y.n || is_const(s, 0))
		return hmr_size_bad(s, "needs two numbers an axis");
	for (uint32_t i = 0; i < y.n; i++) {
		int64_t a = s->n->list[2 * i], b = s->n->list[2 * i + 1];

		if (a < 0 || b < 0 || a > 1 << 20 || b > 1 << 20)
			return hmr_size_bad(s, "padding out of range");
		y.d[i] += a + b;
	}
	return hmr_size_set(s, 0, &y);
}

static enum hmr_status
size_reshape(const struct hmr_sizer *s)
{
	const struct hmr_dims *x = in_dims(s, 0);
	struct hmr_dims y = { .n = s->n->n_list };
	int64_t rest = (int64_t)hmr_dims_total(x);
	int hole = -1;

	if (y.n > HMR_DIMS_MAX || is_const(s, 0))
		return hmr_size_bad(s, "too many axes, or a constant");
	for (uint32_t i = 0; i < y.n; i++) {
		y.d[i] = s->n->list[i];
		if (y.d[i] == 0 && i < x->n)
			y.d[i] = x->d[i];
		if (y.d[i] == -1 && hole < 0) {
			hole = (int)i;
			continue;
		}
		if (y.d[i] < 1 || rest % y.d[i])
			return hmr_size_bad(s, "sizes do not divide the input");
		rest /= y.d[i];
	}
	if (hole >= 0)
		y.d[hole] = rest;
	else if (rest != 1)
		return hmr_size_bad(s, "sizes do not match the input");
	return hmr_size_set(s, 0, &y);
}

static enum hmr_status
size_transpose(const struct hmr_sizer *s)
{
	const struct hmr_dims *x = in_dims(s, 0);
	struct hmr_dims y = { .n = x->n };
	unsigned seen = 0;

	if (s->n->n_list != x->n || is_const(s, 0))
		return hmr_size_bad(s, "needs one number an axis");
	for (uint32_t i = 0; i < x->n; i++) {
		int64_t p = s->n->list[i];

		if (p < 0 || p >= x->n || seen >> p & 1)
			return hmr_size_bad(s, "no permutation");
		seen |= 1u << p;
		y.d[i] = x->d[p];
	}
	return hmr_size_set(s, 0, &y);
}

enum hmr_status
hmr_node_shape(const struct hmr_node *n, const struct hmr_dims *const *x,
	       const bool *fixed, struct hmr_dims *const *y, struct hmr_err *e)
{
	static const struct { uint8_t in_lo, in_hi, out_hi; } arity[HMR_OP_COUNT] = {
		[HMR_OP_CONV] = { 2, 3, 1 }, [HMR_OP_CONV_TRANSPOSE] = { 2, 3, 1 },
		[HMR_OP_CONCAT] = { 1, HMR_NODE_IN_MAX, 1 },
		[HMR_OP_SPLIT] = { 1, 1, HMR_NODE_IN_MAX },
		[HMR_OP_WHERE] = { 3, 3, 1 }, [HMR_OP_MATMUL] = { 2, 3, 1 },
		[HMR_OP_NORM] = { 1, 3, 1 }, [HMR_OP_GATHER] = { 2, 2, 1 },
		[HMR_OP_TOP_K] = { 1, 1, 2 },
	};
	unsigned lo = arity[n->op].in_lo, hi = arity[n->op].in_hi;
	unsigned most = arity[n->op].out_hi;
	const struct hmr_sizer sizer = { n, x, fixed, y, e }, *s = &sizer;

	if (!most) {
		lo = hi = hmr_op_is_binary(n->op) ? 2 : 1;
		most = 1;
	}
	if (n->n_in < lo || n->n_in > hi || n->n_out < 1 || n->n_out > most)
		return hmr_size_bad(s, "wrong number of inputs or outputs");
	switch (n->op) {
	case HMR_OP_CONV: return size_conv(s);
	case HMR_OP_CONV_TRANSPOSE: return size_conv_transpose(s);
	case HMR_OP_MAX_POOL: case HMR_OP_AVG_POOL: return size_pool(s);
	case HMR_OP_RESIZE: return size_resize(s);
	case HMR_OP_ACT:
		return is_const(s, 0) ? hmr_size_bad(s, "a constant") : hmr_size_set(s, 0, in_dims(s, 0));
	case HMR_OP_CONCAT: return size_concat(s);
	case HMR_OP_SPLIT: return size_split(s);
	case HMR_OP_PAD: return size_pad(s);
	case HMR_OP_RESHAPE: return size_reshape(s);
	case HMR_OP_TRANSPOSE: return size_transpose(s);
	default: return hmr_size_op(s);
	}
}

static enum hmr_status
size_input(const struct hmr_graph_input *i, const struct hmr_dims *want,
	   struct hmr_dims *d, struct hmr_err *e)
{
	size_t n;

	*d = i->dims;
	if (want && want->n && want->n != d->n)
		return hmr_fail(e, HMR_E_MODEL, "input %.80s: %u axes wanted, has %u",
				i->name, want->n, d->n);
	for (uint32_t k = 0; want && k < want->n; k++) {
		if (!want->d[k] || want->d[k] == d->d[k])
			continue;
		if (want->d[k] < 1 || !i->free[k] || want->d[k] % i->free[k])
			return hmr_fail(e, HMR_E_MODEL,
					"input %.80s: size %lld on axis %u, the model takes %s%lld",
					i->name, (long long)want->d[k], k,
					i->free[k] ? "multiples of " : "only ",
					(long long)(i->free[k] ? i->free[k] : d->d[k]));
		d->d[k] = want->d[k];
	}
	if (!hmr_dims_count(d, &n) || n > TOTAL_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "input %.80s: too large", i->name);
	return HMR_OK;
}

static enum hmr_status
size_one(const struct hmr_graph *g, const struct hmr_node *n,
	 struct hmr_dims *dims, struct hmr_err *e)
{
	const struct hmr_dims *in[HMR_NODE_IN_MAX];
	struct hmr_dims *out[HMR_NODE_IN_MAX];
	bool fixed[HMR_NODE_IN_MAX];

	for (uint32_t i = 0; i < n->n_in; i++) {
		in[i] = &dims[n->in[i]];
		fixed[i] = g->value[n->in[i]].tensor >= 0;
	}
	for (uint32_t i = 0; i < n->n_out; i++)
		out[i] = &dims[n->out[i]];
	return hmr_node_shape(n, in, fixed, out, e);
}

enum hmr_status
hmr_graph_shapes(const struct hmr_graph *g, const struct hmr_dims *want,
		 const bool *live, struct hmr_dims *dims, struct hmr_err *e)
{
	enum hmr_status st;

	memset(dims, 0, g->n_values * sizeof(*dims));
	for (uint32_t i = 0; i < g->n_values; i++)
		if (g->value[i].tensor >= 0)
			dims[i] = *hmr_graph_const_dims(g, i);
	for (uint32_t i = 0; i < g->n_inputs; i++)
		if ((st = size_input(&g->input[i], want ? &want[i] : NULL,
				     &dims[g->input[i].value], e)))
			return st;
	for (uint32_t i = 0; i < g->n_nodes; i++)
		if ((!live || live[i]) && (st = size_one(g, &g->node[i], dims, e)))
			return st;
	return HMR_OK;
}

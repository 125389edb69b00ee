/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX operators that add up: products of matrices, norms, reductions, ranking. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/onnx.h"

/* v with its last two axes the other way round. */
static void
swap_last(struct ox *t, const struct ox_view *v, struct ox_view *out)
{
	struct hmr_dims d;
	uint8_t swap;

	ox_dims(t, v, &d);
	*out = *v;
	swap = out->perm[d.n - 1];
	out->perm[d.n - 1] = out->perm[d.n - 2];
	out->perm[d.n - 2] = swap;
}

/* The right operand [..,K,N]; *trans: it lies as [..,N,K]. */
static enum hmr_status
right(struct ox *t, const struct ox_node *n, const struct ox_view *v, bool *trans,
      uint32_t *value)
{
	struct ox_view other;
	struct hmr_dims d;
	char name[160];

	*trans = false;
	ox_dims(t, v, &d);
	if (v->kind == OX_CONST) {
		snprintf(name, sizeof(name), "%s.weight", n->name);
		return ox_const_value(t, name, v, NULL, &d, value);
	}
	swap_last(t, v, &other);
	if (!memcmp(other.perm, ox_plain_order, d.n)) {
		*trans = true;
		*value = v->value;
		return HMR_OK;
	}
	return ox_arrange(t, n, v, ox_plain_order, value);
}

/* [..,K] times [K,N]: all but the last axis may be any. */
static enum hmr_status
product(struct ox *t, const struct ox_node *n, const struct ox_view *a,
	const struct ox_view *b, bool trans_b, struct ox_view *out)
{
	uint32_t in[2];
	struct hmr_node p = { .op = HMR_OP_MATMUL, .n_in = 2, .in = in };
	struct ox_view up = *b;
	struct hmr_dims da, db;
	enum hmr_status st;

	ox_dims(t, a, &da);
	ox_dims(t, b, &db);
	if (da.n < 2 || db.n < 2)
		return ox_no(t, n, "of a vector");
	if (b->kind == OX_VALUE && db.n != da.n && (st = ox_lift(t, n, b, da.n, &up)))
		return st;
	if (b->kind == OX_CONST)	/* leading ones are for all */
		for (; up.dims.n > 2 && up.dims.d[0] == 1; up.dims.n--)
			memmove(up.dims.d, up.dims.d + 1, (up.dims.n - 1) * sizeof(*up.dims.d));
	if ((st = ox_arrange(t, n, a, ox_plain_order, &in[0])) ||
	    (st = right(t, n, &up, &p.trans, &in[1])))
		return st;
	p.trans = p.trans != trans_b;
	return ox_emit_to(t, n, &p, NULL, out);
}

enum hmr_status
ox_matmul(struct ox *t, const struct ox_node *n)
{
	struct ox_view a = *n->in[0], b = *n->in[1], y;
	struct hmr_dims d;
	enum hmr_status st;

	if (a.kind != OX_CONST)
		return product(t, n, &a, &b, false, n->out[0]);
	/* A B = (B' A')': A lies as its own transpose's transpose */
	ox_dims(t, &b, &d);
	if (a.dims.n != 2 || d.n < 2)
		return ox_no(t, n, "of a constant of other than two axes, or of a vector");
	swap_last(t, &b, &b);
	if ((st = product(t, n, &b, &a, true, &y)))
		return st;
	swap_last(t, &y, n->out[0]);
	return HMR_OK;
}

static enum hmr_status
times(struct ox *t, const struct ox_node *n, const struct ox_view *v, float x,
      struct ox_view *out)
{
	struct ox_view c;
	enum hmr_status st;

	*out = *v;
	if (x == 1)
		return HMR_OK;
	if (v->kind == OX_VALUE)
		return (st = ox_number(t, (double)x, &c)) ? st :
			ox_emit_binary(t, n, HMR_OP_MUL, v, &c, out);
	if ((st = ox_tensor_new(t, 1, &v->dims, &c)))
		return st;
	for (size_t i = 0; i < c.tensor->count; i++) {
		const double *num;

		if ((st = ox_numbers(t, v, &num)))
			return st;
		c.tensor->num[i] = (double)(float)(num[i] * (double)x);
	}
	*out = c;
	return HMR_OK;
}

enum hmr_status
ox_gemm(struct ox *t, const struct ox_node *n)
{
	struct ox_view a = *n->in[0], b = *n->in[1], c, y;
	float alpha = ox_float(n, "alpha", 1), beta = ox_float(n, "beta", 1);
	bool trans = ox_int(n, "transB", 0);
	struct hmr_dims d;
	enum hmr_status st;

	ox_dims(t, &a, &d);
	if (a.kind != OX_VALUE || d.n != 2)
		return ox_no(t, n, "without a computed matrix");
	if (ox_int(n, "transA", 0))
		swap_last(t, &a, &a);
	ox_dims(t, &b, &d);
	if (d.n != 2)
		return ox_no(t, n, "without a second matrix");
	if (b.kind == OX_VALUE && trans) {
		swap_last(t, &b, &b);
		trans = false;
	}
	if ((st = times(t, n, &b, alpha, &b)) ||
	    (st = product(t, n, &a, &b, trans, &y)))
		return st;
	if (n->n_in < 3 || !beta) {
		*n->out[0] = y;
		return HMR_OK;
	}
	if ((st = times(t, n, n->in[2], beta, &c)))
		return st;
	return ox_emit_binary(t, n, HMR_OP_ADD, &y, &c, n->out[0]);
}

/* --- along axes ------------------------------------------------------------------ */

static enum hmr_status
softmax_of(struct ox *t, const struct ox_node *n, const struct ox_view *v, uint32_t axis,
	   struct ox_view *out)
{
	struct hmr_node p = { .op = HMR_OP_SOFTMAX, .n_in = 1, .in = &v->value,
		.axis = v->perm[axis] };

	return ox_emit_to(t, n, &p, v->perm, out);
}

enum hmr_status
ox_softmax(struct ox *t, const struct ox_node *n)
{
	struct ox_view v = *n->in[0];
	struct hmr_dims d, flat = { 2, { 1, 1 } };
	bool old = t->opset < 13, log = n->p->op_type[0] == 'L';
	uint32_t axis;
	enum hmr_status st;

	ox_dims(t, &v, &d);
	if (v.kind != OX_VALUE || !ox_axis(n, old ? 1 : -1, d.n, &axis))
		return ox_no(t, n, "along a bad axis, or of a constant");
	for (uint32_t i = 0; i < d.n; i++)
		flat.d[i >= axis] *= d.d[i];
	/* until opset 12 the axes after it belong to it */
	old = old && flat.d[1] != d.d[axis];
	if (old) {
		if ((st = ox_reshape(t, n, &v, &flat, &v)))
			return st;
		axis = 1;
	}
	if ((st = softmax_of(t, n, &v, axis, &v)) ||
	    (log && (st = ox_emit_act(t, n, &v, HMR_ACT_LOG, 0, 0, &v))) ||
	    (old && (st = ox_reshape(t, n, &v, &d, &v))))
		return st;
	*n->out[0] = v;
	return HMR_OK;
}

/* Our axes of the given ones, rising, those of one element left out. */
static uint32_t
our_axes(const struct ox_view *v, const struct hmr_dims *d, const int64_t *axes,
	 uint32_t k, int64_t *out)
{
	bool in[HMR_DIMS_MAX] = { false };
	uint32_t m = 0;

	for (uint32_t i = 0; i < k; i++)
		in[v->perm[axes[i]]] = d->d[axes[i]] != 1;
	for (uint32_t i = 0; i < d->n; i++)
		if (in[i])
			out[m++] = i;
	return m;
}

static enum hmr_status
reduce_to(struct ox *t, const struct ox_node *n, enum hmr_op op, const struct ox_view *v,
	  const int64_t *axes, uint32_t k, struct ox_view *out)
{
	int64_t ours[HMR_DIMS_MAX];
	const struct ox_view in = *v;
	struct hmr_node p = { .op = op, .n_in = 1, .in = &in.value, .list = ours };
	struct hmr_dims d;

	ox_dims(t, v, &d);
	p.n_list = our_axes(v, &d, axes, k, ours);
	if (!p.n_list) {
		*out = in;
		return HMR_OK;
	}
	return ox_emit_to(t, n, &p, in.perm, out);
}

enum hmr_status
ox_reduce(struct ox *t, const struct ox_node *n)
{
	const char *op = n->p->op_type + 6;
	enum hmr_op is = !strcmp(op, "Mean") ? HMR_OP_REDUCE_MEAN :
			 !strcmp(op, "Max") ? HMR_OP_REDUCE_MAX :
			 !strcmp(op, "Min") ? HMR_OP_REDUCE_MIN : HMR_OP_REDUCE_SUM;
	bool square = op[0] == 'L' || !strcmp(op, "SumSquare");
	int64_t axes[HMR_DIMS_MAX];
	struct ox_view v = *n->in[0];
	struct hmr_dims d, keep = { .n = 0 };
	uint32_t k;
	enum hmr_status st;

	ox_dims(t, &v, &d);
	if (v.kind != OX_VALUE || !ox_axes(t, n, strcmp(op, "Sum") ? 17 : 12, 1, d.n, axes, &k))
		return ox_no(t, n, "over axes that are no constants");
	if (!k && ox_int(n, "noop_with_empty_axes", 0)) {
		*n->out[0] = v;
		return HMR_OK;
	}
	if (!k)
		for (; k < d.n; k++)
			axes[k] = k;
	if ((square && (st = ox_emit_binary(t, n, HMR_OP_MUL, &v, &v, &v))) ||
	    (st = reduce_to(t, n, is, &v, axes, k, &v)) ||
	    (op[0] == 'L' && (st = ox_emit_act(t, n, &v, HMR_ACT_SQRT, 0, 0, &v))))
		return st;
	for (uint32_t i = 0, a = 0; i < d.n; i++)
		if (a < k && axes[a] == i)
			a++;
		else
			keep.d[keep.n++] = d.d[i];
	*n->out[0] = v;
	if (ox_int(n, "keepdims", 1))
		return HMR_OK;
	if (!keep.n)
		return ox_no(t, n, "to a single number");
	return ox_reshape(t, n, &v, &keep, n->out[0]);
}

enum hmr_status
ox_lp_norm(struct ox *t, const struct ox_node *n)
{
	struct ox_view v = *n->in[0], s;
	struct hmr_dims d;
	uint32_t axis;
	int64_t a;
	enum hmr_status st;

	ox_dims(t, &v, &d);
	if (v.kind != OX_VALUE || ox_int(n, "p", 2) != 2 || !ox_axis(n, -1, d.n, &axis))
		return ox_no(t, n, "other than by the root of the sum of squares");
	a = axis;
	if ((st = ox_emit_binary(t, n, HMR_OP_MUL, &v, &v, &s)) ||
	    (st = reduce_to(t, n, HMR_OP_REDUCE_SUM, &s, &a, 1, &s)) ||
	    (st = ox_emit_act(t, n, &s, HMR_ACT_SQRT, 0, 0, &s)))
		return st;
	return ox_emit_binary(t, n, HMR_OP_DIV, &v, &s, n->out[0]);
}

/* --- normalisation ------------------------------------------------------------------ */

/* A vector for the channels, as an operand of [N,C,…]. */
static enum hmr_status
per_channel(struct ox *t, uint32_t rank, int64_t channels, struct ox_view *v)
{
	struct hmr_dims d = { .n = rank > 1 ? rank - 1 : 1 };

	for (uint32_t i = 0; i < d.n; i++)
		d.d[i] = i ? 1 : channels;
	return ox_tensor_new(t, 1, &d, v);
}

enum hmr_status
ox_batch_norm(struct ox *t, const struct ox_node *n)
{
	const double *p[4];
	struct ox_view v = *n->in[0], scale, shift;
	double eps = (double)ox_float(n, "epsilon", 1e-5f);
	struct hmr_dims d;
	enum hmr_status st;

	ox_dims(t, &v, &d);
	if (v.kind != OX_VALUE || d.n < 2 || ox_int(n, "training_mode", 0) || n->n_out != 1)
		return ox_no(t, n, "of a constant, or in training");
	for (int i = 0; i < 4; i++) {
		if (!n->in[i + 1] || n->in[i + 1]->kind != OX_CONST ||
		    n->in[i + 1]->tensor->count != (size_t)d.d[1])
			return ox_no(t, n, "without constant numbers for each channel");
		if ((st = ox_numbers(t, n->in[i + 1], &p[i])))
			return st;
	}
	if ((st = per_channel(t, d.n, d.d[1], &scale)) ||
	    (st = per_channel(t, d.n, d.d[1], &shift)))
		return st;
	for (int64_t i = 0; i < d.d[1]; i++) {
		scale.tensor->num[i] = p[0][i] / sqrt(p[3][i] + eps);
		shift.tensor->num[i] = p[1][i] - p[2][i] * scale.tensor->num[i];
		if (!isfinite(scale.tensor->num[i]) || !isfinite(shift.tensor->num[i]))
			return ox_no(t, n, "with a variance that is no number");
	}
	if ((st = ox_emit_binary(t, n, HMR_OP_MUL, &v, &scale, &v)))
		return st;
	return ox_emit_binary(t, n, HMR_OP_ADD, &v, &shift, n->out[0]);
}

static bool
all_are(struct ox *t, const struct ox_view *v, double x)
{
	const double *num;

	if (ox_numbers(t, v, &num))
		return false;
	for (size_t i = 0; i < v->tensor->count; i++)
		if (num[i] != x)
			return false;
	return true;
}

enum hmr_status
ox_instance_norm(struct ox *t, const struct ox_node *n)
{
	uint8_t last[HMR_DIMS_MAX] = { 0 };
	uint32_t in[3];
	int64_t axes[HMR_DIMS_MAX];
	struct hmr_node p = { .op = HMR_OP_NORM, .n_in = 3, .in = in, .list = axes,
		.value = ox_float(n, "epsilon", 1e-5f) };
	struct ox_view v = *n->in[0];
	struct hmr_dims d;
	enum hmr_status st;

	ox_dims(t, &v, &d);
	if (v.kind != OX_VALUE || d.n < 3 || n->in[1]->kind != OX_CONST ||
	    n->in[2]->kind != OX_CONST || n->in[1]->tensor->count != (size_t)d.d[1] ||
	    n->in[2]->tensor->count != (size_t)d.d[1])
		return ox_no(t, n, "without constant numbers for each channel");
	if (all_are(t, n->in[1], 1) && all_are(t, n->in[2], 0) && v.perm[1] < v.perm[2]) {
		/* groups of channels: each lies together as it is */
		p.n_in = 1;
		in[0] = v.value;
		for (uint32_t i = 0; i < d.n; i++)
			if (i != v.perm[0] && i != v.perm[1])
				axes[p.n_list++] = i;
		return ox_emit_to(t, n, &p, v.perm, n->out[0]);
	}
	for (uint32_t i = 2; i < d.n; i++) {
		last[i] = (uint8_t)(i - 1);
		axes[p.n_list++] = i - 1;
	}
	last[1] = (uint8_t)(d.n - 1);
	if ((st = ox_arrange(t, n, &v, last, &in[0])) ||
	    (st = ox_const_value(t, n->name, n->in[1], NULL, &n->in[1]->dims, &in[1])) ||
	    (st = ox_const_value(t, n->name, n->in[2], NULL, &n->in[2]->dims, &in[2])))
		return st;
	return ox_emit_to(t, n, &p, last, n->out[0]);
}

enum hmr_status
ox_layer_norm(struct ox *t, const struct ox_node *n)
{
	uint32_t in[3], axis;
	int64_t axes[HMR_DIMS_MAX];
	struct hmr_node p = { .op = HMR_OP_NORM, .n_in = 1, .in = in, .list = axes,
		.value = ox_float(n, "epsilon", 1e-5f) };
	struct ox_view v = *n->in[0];
	struct hmr_dims d;
	bool both;
	enum hmr_status st;

	ox_dims(t, &v, &d);
	if (v.kind != OX_VALUE || !ox_axis(n, -1, d.n, &axis) || n->n_out != 1)
		return ox_no(t, n, "along a bad axis, or with more than one output");
	both = axis == d.n - 1 && n->n_in == 3 && n->in[2] && n->in[1]->kind == OX_CONST &&
	       n->in[2]->kind == OX_CONST && n->in[1]->dims.n == 1 && n->in[2]->dims.n == 1;
	if (v.perm[d.n - 1] == d.n - 1 && axis == d.n - 1)
		in[0] = v.value;
	else if ((st = ox_arrange(t, n, &v, ox_plain_order, &in[0])))
		return st;
	else
		memcpy(v.perm, ox_plain_order, sizeof(v.perm));
	for (uint32_t i = axis; i < d.n; i++)
		axes[p.n_list++] = i;
	if (both) {
		p.n_in = 3;
		for (int i = 1; i < 3; i++)
			if ((st = ox_const_value(t, n->name, n->in[i], NULL, &n->in[i]->dims, &in[i])))
				return st;
	}
	if ((st = ox_emit_to(t, n, &p, v.perm, &v)))
		return st;
	if (!both && (st = ox_emit_binary(t, n, HMR_OP_MUL, &v, n->in[1], &v)))
		return st;
	if (!both && n->n_in == 3 && n->in[2] &&
	    (st = ox_emit_binary(t, n, HMR_OP_ADD, &v, n->in[2], &v)))
		return st;
	*n->out[0] = v;
	return HMR_OK;
}

/* --- ranking -------------------------------------------------------------------------- */

enum hmr_status
ox_arg_max(struct ox *t, const struct ox_node *n)
{
	struct ox_view v = *n->in[0];
	struct hmr_node p = { .op = HMR_OP_ARG_MAX, .n_in = 1, .in = &v.value };
	struct hmr_dims d;
	uint32_t axis;
	enum hmr_status st;

	ox_dims(t, &v, &d);
	if (v.kind != OX_VALUE || !ox_axis(n, 0, d.n, &axis) || ox_int(n, "select_last_index", 0))
		return ox_no(t, n, "along a bad axis, or of the last of equal ones");
	p.axis = v.perm[axis];
	if ((st = ox_emit_to(t, n, &p, v.perm, n->out[0])))
		return st;
	n->out[0]->whole = true;
	if (ox_int(n, "keepdims", 1))
		return HMR_OK;
	if (d.n == 1)
		return ox_no(t, n, "to a single number");
	v = *n->out[0];
	for (uint32_t i = axis; i + 1 < d.n; i++)
		d.d[i] = d.d[i + 1];
	d.n--;
	return ox_reshape(t, n, &v, &d, n->out[0]);
}

enum hmr_status
ox_top_k(struct ox *t, const struct ox_node *n)
{
	struct ox_view v = *n->in[0];
	int64_t k;
	struct hmr_node p = { .op = HMR_OP_TOP_K, .n_in = 1, .n_out = 2, .in = &v.value,
		.list = &k, .n_list = 1 };
	struct hmr_dims d;
	uint32_t axis, m;
	enum hmr_status st;

	ox_dims(t, &v, &d);
	if (v.kind != OX_VALUE || !ox_axis(n, -1, d.n, &axis) || !ox_int(n, "largest", 1) ||
	    !ox_const_ints(t, n->in[1], &k, 1, &m) || m != 1)
		return ox_no(t, n, "along a bad axis, of the smallest, or of an unknown number");
	p.axis = v.perm[axis];
	if ((st = ox_emit(t, n, &p, v.perm)))
		return st;
	if (n->n_out > 1 && n->out[1])
		n->out[1]->whole = true;
	return HMR_OK;
}

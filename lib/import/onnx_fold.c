/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a graph is constant: shapes, which are all known here, and whatever is
 * computed from constants alone. Here: moving elements; arithmetic: onnx_eval.c.
 */
#include <stdlib.h>
#include <string.h>

#include "import/onnx.h"
#include "import/safetensors.h"

enum { T_FLOAT = 1, T_INT64 = 7 };

static bool
is_const(const struct ox_node *n)
{
	for (uint32_t i = 0; i < n->n_in; i++)
		if (n->in[i] && n->in[i]->kind != OX_CONST)
			return false;
	return true;
}

static enum hmr_status
fold_shape(struct ox *t, const struct ox_node *n)
{
	struct hmr_dims d, one = { .n = 1 };
	int64_t start = ox_int(n, "start", 0), end;
	enum hmr_status st;

	ox_dims(t, n->in[0], &d);
	end = ox_int(n, "end", d.n);
	start = start < 0 ? start + d.n : start;
	end = end < 0 ? end + d.n : end;
	start = start < 0 ? 0 : start;
	end = end > d.n ? d.n : end;
	one.d[0] = end > start ? end - start : 0;
	if ((st = ox_tensor_new(t, T_INT64, &one, n->out[0])))
		return st;
	for (int64_t i = 0; i < one.d[0]; i++)
		n->out[0]->tensor->num[i] = (double)d.d[start + i];
	return HMR_OK;
}

static enum hmr_status
fold_size(struct ox *t, const struct ox_node *n)
{
	struct hmr_dims d, none = { .n = 0 };
	enum hmr_status st;

	ox_dims(t, n->in[0], &d);
	if ((st = ox_tensor_new(t, T_INT64, &none, n->out[0])))
		return st;
	n->out[0]->tensor->num[0] = (double)hmr_dims_total(&d);
	return HMR_OK;
}

static enum hmr_status
fold_constant(struct ox *t, const struct ox_node *n)
{
	const Onnx__AttributeProto *a = ox_attr(n, "value");
	struct hmr_dims d = { .n = 0 };
	bool f = ox_attr(n, "value_float") || ox_attr(n, "value_floats");
	enum hmr_status st;

	if (a && a->t)
		return ox_tensor_load(t, a->t, n->name, n->out[0]);
	if ((a = ox_attr(n, "value_float")) || (a = ox_attr(n, "value_int"))) {
		if ((st = ox_tensor_new(t, f ? T_FLOAT : T_INT64, &d, n->out[0])))
			return st;
		n->out[0]->tensor->num[0] = f ? (double)a->f : (double)a->i;
		return HMR_OK;
	}
	if (!(a = ox_attr(n, "value_floats")) && !(a = ox_attr(n, "value_ints")))
		return ox_no(t, n, "of a kind that is not supported");
	d.n = 1;
	d.d[0] = (int64_t)(f ? a->n_floats : a->n_ints);
	if ((st = ox_tensor_new(t, f ? T_FLOAT : T_INT64, &d, n->out[0])))
		return st;
	for (int64_t i = 0; i < d.d[0]; i++)
		n->out[0]->tensor->num[i] = f ? (double)a->floats[i] : (double)a->ints[i];
	return HMR_OK;
}

static bool
shape_of(const int64_t *size, uint32_t n, struct hmr_dims *d)
{
	size_t count;

	d->n = n;
	for (uint32_t i = 0; i < n; i++) {
		if (size[i] < 0 || size[i] > INT32_MAX)
			return false;
		d->d[i] = size[i];
	}
	return hmr_dims_count(d, &count);
}

static enum hmr_status
fold_filled(struct ox *t, const struct ox_node *n)
{
	const Onnx__AttributeProto *a = ox_attr(n, "value");
	int64_t size[HMR_DIMS_MAX];
	const double *x = NULL;
	struct ox_view fill;
	struct hmr_dims d;
	uint32_t k;
	enum hmr_status st;

	if (!ox_const_ints(t, n->in[0], size, HMR_DIMS_MAX, &k) || !shape_of(size, k, &d))
		return ox_no(t, n, "with a bad shape");
	if (a && a->t) {
		if ((st = ox_tensor_load(t, a->t, n->name, &fill)) ||
		    (st = ox_numbers(t, &fill, &x)))
			return st;
		if (fill.tensor->count != 1)
			return ox_no(t, n, "with more than one value");
	}
	if ((st = ox_tensor_new(t, x ? fill.tensor->type : T_FLOAT, &d, n->out[0])))
		return st;
	for (size_t i = 0; x && i < n->out[0]->tensor->count; i++)
		n->out[0]->tensor->num[i] = x[0];
	return HMR_OK;
}

/* --- moving ------------------------------------------------------------------ */

/* An area of d elements a time: to[to_at + …] = from[from_at + …]. */
struct area {
	struct hmr_dims d;
	int64_t from[HMR_DIMS_MAX], to[HMR_DIMS_MAX];	/* elements from one to the next */
};

static void
steps(const struct hmr_dims *d, int64_t step[HMR_DIMS_MAX])
{
	int64_t unit = 1;

	for (uint32_t i = d->n; i-- > 0; unit *= d->d[i])
		step[i] = unit;
}

static void
move(double *to, const double *from, const struct area *a)
{
	size_t total = hmr_dims_total(&a->d);
	int64_t k[HMR_DIMS_MAX] = { 0 };

	for (size_t i = 0; i < total; i++) {
		*to = *from;
		for (uint32_t x = a->d.n; x-- > 0;) {
			to += a->to[x];
			from += a->from[x];
			if (++k[x] < a->d.d[x])
				break;
			to -= a->to[x] * a->d.d[x];
			from -= a->from[x] * a->d.d[x];
			k[x] = 0;
		}
	}
}

static enum hmr_status
fold_transpose(struct ox *t, const struct ox_node *n)
{
	const struct ox_view *v = n->in[0];
	int64_t perm[HMR_DIMS_MAX], step[HMR_DIMS_MAX];
	struct area a = { .d = { .n = v->dims.n } };
	uint32_t k = ox_ints(n, "perm", perm, HMR_DIMS_MAX);
	const double *x;
	unsigned seen = 0;
	enum hmr_status st;

	for (uint32_t i = 0; !k && i < v->dims.n; i++)
		perm[i] = v->dims.n - 1 - i;
	if (k && k != v->dims.n)
		return ox_no(t, n, "with a bad permutation");
	steps(&v->dims, step);
	for (uint32_t i = 0; i < v->dims.n; i++) {
		if (perm[i] < 0 || perm[i] >= v->dims.n || seen >> perm[i] & 1)
			return ox_no(t, n, "with a bad permutation");
		seen |= 1u << perm[i];
		a.d.d[i] = v->dims.d[perm[i]];
		a.from[i] = step[perm[i]];
	}
	if ((st = ox_numbers(t, v, &x)) ||
	    (st = ox_tensor_new(t, v->tensor->type, &a.d, n->out[0])))
		return st;
	steps(&a.d, a.to);
	move(n->out[0]->tensor->num, x, &a);
	return HMR_OK;
}

static enum hmr_status
fold_slice(struct ox *t, const struct ox_node *n)
{
	const struct ox_view *v = n->in[0];
	int64_t start[HMR_DIMS_MAX], end[HMR_DIMS_MAX], axis[HMR_DIMS_MAX], step[HMR_DIMS_MAX];
	struct area a = { .d = v->dims };
	uint32_t k, m;
	const double *x;
	int64_t at = 0;
	enum hmr_status st;

	if (n->n_in < 3 || !ox_const_ints(t, n->in[1], start, HMR_DIMS_MAX, &k) ||
	    !ox_const_ints(t, n->in[2], end, HMR_DIMS_MAX, &m) || k != m || k > v->dims.n)
		return ox_no(t, n, "without constant ends");
	for (uint32_t i = 0; i < k; i++) {
		axis[i] = i;
		step[i] = 1;
	}
	if ((n->n_in > 3 && n->in[3] && (!ox_const_ints(t, n->in[3], axis, k, &m) || m != k)) ||
	    (n->n_in > 4 && n->in[4] && (!ox_const_ints(t, n->in[4], step, k, &m) || m != k)))
		return ox_no(t, n, "without constant axes");
	steps(&v->dims, a.from);
	for (uint32_t i = 0; i < k; i++) {
		int64_t c = axis[i] < 0 ? axis[i] + v->dims.n : axis[i], size, lo, hi;

		if (c < 0 || c >= v->dims.n || !step[i] || step[i] < -INT32_MAX || step[i] > INT32_MAX)
			return ox_no(t, n, "with a bad axis or step");
		size = v->dims.d[c];
		lo = start[i] < 0 ? start[i] + size : start[i];
		hi = end[i] < 0 ? end[i] + size : end[i];
		if (step[i] > 0) {
			lo = lo < 0 ? 0 : lo > size ? size : lo;
			hi = hi < 0 ? 0 : hi > size ? size : hi;
			a.d.d[c] = hi > lo ? (hi - lo + step[i] - 1) / step[i] : 0;
		} else {
			lo = lo < 0 ? -1 : lo >= size ? size - 1 : lo;
			hi = hi < -1 ? -1 : hi >= size ? size - 1 : hi;
			a.d.d[c] = lo > hi ? (lo - hi - step[i] - 1) / -step[i] : 0;
		}
		at += a.d.d[c] ? lo * a.from[c] : 0;
		a.from[c] *= step[i];
	}
	if ((st = ox_numbers(t, v, &x)) ||
	    (st = ox_tensor_new(t, v->tensor->type, &a.d, n->out[0])))
		return st;
	steps(&a.d, a.to);
	if (n->out[0]->tensor->count)
		move(n->out[0]->tensor->num, x + at, &a);
	return HMR_OK;
}

static enum hmr_status
fold_gather(struct ox *t, const struct ox_node *n)
{
	const struct ox_view *v = n->in[0], *idx = n->in[1];
	struct hmr_dims y = { .n = 0 };
	size_t before, after, m = idx->tensor->count;
	const double *x, *k;
	uint32_t axis;
	double *to;
	enum hmr_status st;

	if (!ox_axis(n, 0, v->dims.n, &axis) || v->dims.n - 1 + idx->dims.n > HMR_DIMS_MAX)
		return ox_no(t, n, "with a bad axis");
	for (uint32_t i = 0; i < axis; i++)
		y.d[y.n++] = v->dims.d[i];
	for (uint32_t i = 0; i < idx->dims.n; i++)
		y.d[y.n++] = idx->dims.d[i];
	for (uint32_t i = axis + 1; i < v->dims.n; i++)
		y.d[y.n++] = v->dims.d[i];
	if ((st = ox_numbers(t, v, &x)) || (st = ox_numbers(t, idx, &k)) ||
	    (st = ox_tensor_new(t, v->tensor->type, &y, n->out[0])))
		return st;
	hmr_dims_around(&v->dims, axis, &before, &after);
	to = n->out[0]->tensor->num;
	for (size_t b = 0; b < before; b++)
		for (size_t i = 0; i < m; i++, to += after) {
			double at = k[i] < 0 ? k[i] + (double)v->dims.d[axis] : k[i];

			if (!(at >= 0 && at < (double)v->dims.d[axis]))
				return ox_no(t, n, "of an index out of range");
			memcpy(to, x + (b * (size_t)v->dims.d[axis] + (size_t)at) * after,
			       after * sizeof(*to));
		}
	return HMR_OK;
}

static enum hmr_status
fold_concat(struct ox *t, const struct ox_node *n)
{
	struct hmr_dims y = n->in[0]->dims;
	size_t before, after, at = 0, total;
	const double *x;
	uint32_t axis;
	enum hmr_status st;

	if (!ox_axis(n, INT64_MIN, y.n, &axis))
		return ox_no(t, n, "with a bad axis");
	y.d[axis] = 0;
	for (uint32_t i = 0; i < n->n_in; i++) {
		if (!n->in[i] || n->in[i]->dims.n != y.n)
			return ox_no(t, n, "of constants of different rank");
		for (uint32_t k = 0; k < y.n; k++)
			if (k != axis && n->in[i]->dims.d[k] != y.d[k])
				return ox_no(t, n, "of constants of different shapes");
		y.d[axis] += n->in[i]->dims.d[axis];
	}
	if ((st = ox_tensor_new(t, n->in[0]->tensor->type, &y, n->out[0])))
		return st;
	hmr_dims_around(&y, axis, &before, &after);
	total = (size_t)y.d[axis] * after;
	for (uint32_t i = 0; i < n->n_in; i++) {
		size_t m = (size_t)n->in[i]->dims.d[axis] * after;

		if ((st = ox_numbers(t, n->in[i], &x)))
			return st;
		for (size_t b = 0; m && b < before; b++)
			memcpy(n->out[0]->tensor->num + b * total + at, x + b * m, m * sizeof(*x));
		at += m;
	}
	return HMR_OK;
}

/* Expand, and Tile of a shape lifted so that each repeat has an axis. */
static enum hmr_status
fold_repeat(struct ox *t, const struct ox_node *n, bool tile)
{
	const struct ox_view *v = n->in[0];
	int64_t size[HMR_DIMS_MAX], step[HMR_DIMS_MAX];
	struct hmr_dims y;
	const double *x;
	uint32_t k, skip;
	enum hmr_status st;

	if (n->n_in < 2 || !ox_const_ints(t, n->in[1], size, HMR_DIMS_MAX, &k) ||
	    (tile && k != v->dims.n))
		return ox_no(t, n, "to a shape that is no constant");
	skip = k > v->dims.n ? k - v->dims.n : 0;
	y.n = v->dims.n + skip;
	for (uint32_t i = 0; i < y.n; i++) {
		int64_t own = i < skip ? 1 : v->dims.d[i - skip];
		int64_t want = i + k >= y.n ? size[i + k - y.n] : 1;

		if (want < 0 || want > INT32_MAX || (!tile && want != 1 && own != 1 && want != own))
			return ox_no(t, n, "to a shape that does not fit");
		y.d[i] = tile ? own * want : want == 1 ? own : want;
	}
	if ((st = ox_numbers(t, v, &x)) ||
	    (st = ox_tensor_new(t, v->tensor->type, &y, n->out[0])))
		return st;
	steps(&v->dims, step);
	for (size_t i = 0; i < n->out[0]->tensor->count; i++) {
		size_t left = i, at = 0;

		for (uint32_t a = y.n; a-- > skip;) {
			at += left % (size_t)y.d[a] % (size_t)v->dims.d[a - skip] *
			      (size_t)step[a - skip];
			left /= (size_t)y.d[a];
		}
		n->out[0]->tensor->num[i] = x[at];
	}
	return HMR_OK;
}

static enum hmr_status
fold_split(struct ox *t, const struct ox_node *n)
{
	const struct ox_view *v = n->in[0];
	int64_t size[HMR_NODE_LIST_MAX];
	size_t before, after, at = 0, total;
	uint32_t axis, k;
	const double *x;
	enum hmr_status st;

	if (!ox_split_sizes(t, n, &v->dims, &axis, size, &k))
		return ox_no(t, n, "without constant sizes");
	if ((st = ox_numbers(t, v, &x)))
		return st;
	hmr_dims_around(&v->dims, axis, &before, &after);
	total = (size_t)v->dims.d[axis] * after;
	for (uint32_t i = 0; i < k; i++) {
		struct hmr_dims y = v->dims;
		struct ox_view out;
		size_t m = (size_t)size[i] * after;

		y.d[axis] = size[i];
		if ((st = ox_tensor_new(t, v->tensor->type, &y, &out)))
			return st;
		for (size_t b = 0; m && b < before; b++)
			memcpy(out.tensor->num + b * m, x + b * total + at, m * sizeof(*x));
		at += m;
		if (n->out[i])
			*n->out[i] = out;
	}
	return HMR_OK;
}

static const struct {
	const char *op;
	enum hmr_status (*fold)(struct ox *t, const struct ox_node *n);
	uint32_t least;		/* inputs */
} moves[] = {
	{ "Transpose", fold_transpose, 1 }, { "Slice", fold_slice, 3 },
	{ "Gather", fold_gather, 2 }, { "Concat", fold_concat, 1 },
	{ "Split", fold_split, 1 }, { "ConstantOfShape", fold_filled, 1 },
	/* these only change sizes, and do so for constants too */
	{ "Reshape", ox_reshape_op, 2 }, { "Squeeze", ox_squeeze, 1 },
	{ "Unsqueeze", ox_unsqueeze, 1 }, { "Flatten", ox_flatten, 1 },
};

enum hmr_status
ox_fold(struct ox *t, const struct ox_node *n)
{
	const char *op = n->p->op_type;

	if (!strcmp(op, "Constant"))
		return fold_constant(t, n);
	if (n->n_in && n->in[0] && !strcmp(op, "Shape"))
		return fold_shape(t, n);
	if (n->n_in && n->in[0] && !strcmp(op, "Size"))
		return fold_size(t, n);
	if (!n->n_in || !n->in[0] || !is_const(n))
		return HMR_EOF;
	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++)
		if (!strcmp(op, moves[i].op) && n->n_in >= moves[i].least &&
		    (moves[i].least < 2 || n->in[1]))
			return moves[i].fold(t, n);
	if (!strcmp(op, "Expand") || !strcmp(op, "Tile"))
		return fold_repeat(t, n, op[0] == 'T');
	for (uint32_t i = 0; i < n->n_in; i++)
		if (!n->in[i])
			return HMR_EOF;
	return ox_eval(t, n);
}

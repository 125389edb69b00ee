/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX operators that move numbers or only change their sizes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "import/onnx.h"

static enum hmr_status
to_shape(struct ox *t, const struct ox_node *n, const struct hmr_dims *d)
{
	return ox_reshape(t, n, n->in[0], d, n->out[0]);
}

enum hmr_status
ox_reshape_op(struct ox *t, const struct ox_node *n)
{
	int64_t size[HMR_DIMS_MAX];
	struct hmr_dims x, y = { .n = 0 };
	size_t total, known = 1;
	uint32_t k;
	int hole = -1;

	if (!ox_const_ints(t, n->in[1], size, HMR_DIMS_MAX, &k))
		return ox_no(t, n, "to a shape that is no constant, or of too many axes");
	ox_dims(t, n->in[0], &x);
	total = hmr_dims_total(&x);
	for (uint32_t i = 0; i < k; i++) {
		int64_t d = size[i];

		if (d == 0 && !ox_int(n, "allowzero", 0))
			d = i < x.n ? x.d[i] : 0;
		if (d == -1 && hole < 0)
			hole = (int)i;
		else if (d < 0 || d > INT32_MAX ||
			 __builtin_mul_overflow(known, (size_t)d, &known))
			return ox_no(t, n, "to a bad shape");
		y.d[y.n++] = d;
	}
	if (hole >= 0) {
		if (!known || total % known)
			return ox_no(t, n, "to a shape that does not fit");
		y.d[hole] = (int64_t)(total / known);
	} else if (known != total) {
		return ox_no(t, n, "to a shape that does not fit");
	}
	return to_shape(t, n, &y);
}

enum hmr_status
ox_flatten(struct ox *t, const struct ox_node *n)
{
	struct hmr_dims x, y = { 2, { 1, 1 } };
	int64_t axis = ox_int(n, "axis", 1);

	ox_dims(t, n->in[0], &x);
	axis = axis < 0 ? axis + x.n : axis;
	if (axis < 0 || axis > x.n)
		return ox_no(t, n, "at a bad axis");
	for (uint32_t i = 0; i < x.n; i++)
		y.d[i >= axis] *= x.d[i];
	return to_shape(t, n, &y);
}

enum hmr_status
ox_squeeze(struct ox *t, const struct ox_node *n)
{
	struct hmr_dims x, y = { .n = 0 };
	int64_t axes[HMR_DIMS_MAX];
	uint32_t k, next = 0;

	ox_dims(t, n->in[0], &x);
	if (!ox_axes(t, n, 12, 1, x.n, axes, &k))
		return ox_no(t, n, "of axes that are no constants");
	for (uint32_t i = 0; i < x.n; i++) {
		if (next < k && axes[next] == i) {
			next++;
			if (x.d[i] != 1)
				return ox_no(t, n, "of an axis that is not 1");
		} else if (k || x.d[i] != 1) {
			y.d[y.n++] = x.d[i];
		}
	}
	return to_shape(t, n, &y);
}

enum hmr_status
ox_unsqueeze(struct ox *t, const struct ox_node *n)
{
	struct hmr_dims x, y = { .n = 0 };
	int64_t axes[HMR_DIMS_MAX];
	uint32_t k = 0, next = 0, from = 0, rank;

	ox_dims(t, n->in[0], &x);
	if (t->opset < 13)
		k = ox_ints(n, "axes", axes, HMR_DIMS_MAX);
	else if (n->n_in < 2 || !ox_const_ints(t, n->in[1], axes, HMR_DIMS_MAX, &k))
		return ox_no(t, n, "at axes that are no constants");
	rank = x.n + k;
	if (!k || rank > HMR_DIMS_MAX || !ox_axes(t, n, 12, 1, rank, axes, &k))
		return ox_no(t, n, "at bad axes");
	for (; y.n < rank; y.n++) {
		if (next < k && axes[next] == y.n) {
			y.d[y.n] = 1;
			next++;
		} else {
			y.d[y.n] = x.d[from++];
		}
	}
	return to_shape(t, n, &y);
}

enum hmr_status
ox_transpose(struct ox *t, const struct ox_node *n)
{
	const struct ox_view *v = n->in[0];
	int64_t p[HMR_DIMS_MAX];
	uint8_t perm[HMR_DIMS_MAX] = { 0, 1, 2, 3, 4, 5 };
	struct hmr_dims d;
	unsigned seen = 0;
	uint32_t k = ox_ints(n, "perm", p, HMR_DIMS_MAX);

	ox_dims(t, v, &d);
	for (uint32_t i = 0; !k && i < d.n; i++)
		p[i] = d.n - 1 - i;
	if (k && k != d.n)
		return ox_no(t, n, "with a bad permutation");
	for (uint32_t i = 0; i < d.n; i++) {
		if (p[i] < 0 || p[i] >= d.n || seen >> p[i] & 1)
			return ox_no(t, n, "with a bad permutation");
		seen |= 1u << p[i];
		perm[i] = v->perm[p[i]];
	}
	ox_set(n->out[0], v->value, perm);
	n->out[0]->whole = v->whole;
	return HMR_OK;
}

/* --- parts ----------------------------------------------------------------------- */

/* Everything of each of our axes. */
static void
whole_ranges(uint32_t rank, int64_t list[3 * HMR_DIMS_MAX])
{
	for (uint32_t i = 0; i < rank; i++) {
		list[3 * i] = list[3 * i + 2] = 0;
		list[3 * i + 1] = 1;
	}
}

/* One range of ONNX's kind to ours; false: empty, or a step that we lack. */
static bool
set_range(int64_t start, int64_t end, int64_t step, int64_t size, int64_t r[3])
{
	start = start < 0 ? start + size : start;
	end = end < 0 ? end + size : end;
	if (step == -1) {
		start = start >= size ? size - 1 : start;
		end = end < -1 ? -1 : end;
		if (start <= end)
			return false;
		r[2] = end < 0 ? 0 : start - end;
	} else {
		start = start < 0 ? 0 : start;
		end = end > size ? size : end;
		if (step < 1 || end <= start)
			return false;
		step = step > size ? size : step;
		r[2] = end == size ? 0 : (end - start + step - 1) / step;
	}
	r[0] = start;
	r[1] = step;
	return start >= 0 && start < size && r[2] >= 0;
}

enum hmr_status
ox_slice(struct ox *t, const struct ox_node *n)
{
	int64_t from[HMR_DIMS_MAX], to[HMR_DIMS_MAX], axis[HMR_DIMS_MAX], step[HMR_DIMS_MAX];
	int64_t list[3 * HMR_DIMS_MAX];
	const struct ox_view v = *n->in[0];
	struct hmr_node p = { .op = HMR_OP_SLICE, .n_in = 1, .in = &v.value, .list = list };
	bool all = true;
	struct hmr_dims d;
	uint32_t k, m;
	enum hmr_status st;

	ox_dims(t, &v, &d);
	if (v.kind != OX_VALUE || !ox_const_ints(t, n->in[1], from, d.n, &k) ||
	    !ox_const_ints(t, n->in[2], to, d.n, &m) || m != k)
		return ox_no(t, n, "without constant ends");
	for (uint32_t i = 0; i < k; i++) {
		axis[i] = i;
		step[i] = 1;
	}
	if ((n->n_in > 3 && n->in[3] && (!ox_const_ints(t, n->in[3], axis, d.n, &m) || m != k)) ||
	    (n->n_in > 4 && n->in[4] && (!ox_const_ints(t, n->in[4], step, d.n, &m) || m != k)))
		return ox_no(t, n, "without constant axes and steps");
	whole_ranges(d.n, list);
	for (uint32_t i = 0; i < k; i++) {
		int64_t a = axis[i] < 0 ? axis[i] + d.n : axis[i], *r;

		if (a < 0 || a >= d.n)
			return ox_no(t, n, "of a bad axis");
		r = list + 3 * v.perm[a];
		if (!set_range(from[i], to[i], step[i], d.d[a], r))
			return ox_no(t, n, "of nothing, or with a step below -1");
		all = all && r[0] == 0 && r[1] == 1 && r[2] == 0;
	}
	if (all) {
		*n->out[0] = v;
		return HMR_OK;
	}
	p.n_list = 3 * d.n;
	if ((st = ox_emit_to(t, n, &p, v.perm, n->out[0])))
		return st;
	n->out[0]->whole = v.whole;
	return HMR_OK;
}

bool
ox_split_sizes(struct ox *t, const struct ox_node *n, const struct hmr_dims *d,
	       uint32_t *axis, int64_t size[HMR_NODE_LIST_MAX], uint32_t *k)
{
	int64_t left;

	if (!ox_axis(n, 0, d->n, axis) || n->n_out > HMR_NODE_LIST_MAX)
		return false;
	left = d->d[*axis];
	*k = 0;
	if (t->opset < 13)
		*k = ox_ints(n, "split", size, HMR_NODE_LIST_MAX);
	else if (n->n_in > 1 && n->in[1] &&
		 !ox_const_ints(t, n->in[1], size, HMR_NODE_LIST_MAX, k))
		return false;
	if (!*k) {
		if (left % n->n_out)
			return false;
		for (; *k < n->n_out; ++*k)
			size[*k] = left / n->n_out;
	}
	for (uint32_t i = 0; i < *k && i < HMR_NODE_LIST_MAX; i++) {
		if (size[i] < 0 || size[i] > left)
			return false;
		left -= size[i];
	}
	return *k == n->n_out && !left;
}

enum hmr_status
ox_split(struct ox *t, const struct ox_node *n)
{
	int64_t list[HMR_NODE_LIST_MAX];
	const struct ox_view v = *n->in[0];
	struct hmr_node p = { .op = HMR_OP_SPLIT, .n_in = 1, .in = &v.value, .list = list };
	struct hmr_dims d;
	uint32_t axis;
	enum hmr_status st;

	ox_dims(t, &v, &d);
	if (v.kind != OX_VALUE || !ox_split_sizes(t, n, &d, &axis, list, &p.n_list))
		return ox_no(t, n, "without constant sizes that fit");
	if (p.n_list == 1) {
		*n->out[0] = v;
		return HMR_OK;
	}
	p.axis = v.perm[axis];
	p.n_out = p.n_list;
	if ((st = ox_emit(t, n, &p, v.perm)))
		return st;
	for (uint32_t i = 0; i < n->n_out; i++)
		if (n->out[i])
			n->out[i]->whole = v.whole;
	return HMR_OK;
}

/* v at one place of an axis, which goes away. */
static enum hmr_status
take_one(struct ox *t, const struct ox_node *n, const struct ox_view *v, uint32_t axis,
	 int64_t at)
{
	int64_t list[3 * HMR_DIMS_MAX];
	struct hmr_node p = { .op = HMR_OP_SLICE, .n_in = 1, .in = &v->value, .list = list };
	struct ox_view part = *v;
	struct hmr_dims d;
	enum hmr_status st;

	ox_dims(t, v, &d);
	at = at < 0 ? at + d.d[axis] : at;
	if (at < 0 || at >= d.d[axis])
		return ox_no(t, n, "of an index out of range");
	if (d.d[axis] > 1) {
		whole_ranges(d.n, list);
		list[3 * v->perm[axis]] = at;
		list[3 * v->perm[axis] + 2] = 1;
		p.n_list = 3 * d.n;
		if ((st = ox_emit_to(t, n, &p, v->perm, &part)))
			return st;
	}
	for (uint32_t i = axis; i + 1 < d.n; i++)
		d.d[i] = d.d[i + 1];
	d.n--;
	part.whole = v->whole;
	return ox_reshape(t, n, &part, &d, n->out[0]);
}

enum hmr_status
ox_gather(struct ox *t, const struct ox_node *n)
{
	struct ox_view v = *n->in[0], idx = *n->in[1], flat;
	uint32_t in[2], axis, k;
	struct hmr_node p = { .op = HMR_OP_GATHER, .n_in = 2, .in = in };
	struct hmr_dims d, di, y = { .n = 0 };
	int64_t at;
	enum hmr_status st;

	ox_dims(t, &v, &d);
	ox_dims(t, &idx, &di);
	if (!ox_axis(n, 0, d.n, &axis) || d.n - 1 + di.n > HMR_DIMS_MAX)
		return ox_no(t, n, "along a bad axis");
	if (v.kind == OX_VALUE && !di.n && ox_const_ints(t, &idx, &at, 1, &k))
		return take_one(t, n, &v, axis, at);
	if (v.kind == OX_CONST && !d.n)
		return ox_no(t, n, "of a single number");
	/* an index of any rank as a list */
	y = (struct hmr_dims){ 1, { (int64_t)hmr_dims_total(&di) } };
	if (v.kind == OX_CONST)
		memcpy(v.perm, ox_plain_order, sizeof(v.perm));
	if ((st = ox_reshape(t, n, &idx, &y, &flat)) ||
	    (st = ox_arrange(t, n, &v, v.perm, &in[0])) ||
	    (st = ox_arrange(t, n, &flat, ox_plain_order, &in[1])))
		return st;
	p.axis = v.perm[axis];
	if ((st = ox_emit_to(t, n, &p, v.perm, &flat)))
		return st;
	flat.whole = v.whole;
	y.n = 0;
	for (uint32_t i = 0; i < axis; i++)
		y.d[y.n++] = d.d[i];
	for (uint32_t i = 0; i < di.n; i++)
		y.d[y.n++] = di.d[i];
	for (uint32_t i = axis + 1; i < d.n; i++)
		y.d[y.n++] = d.d[i];
	return ox_reshape(t, n, &flat, &y, n->out[0]);
}

/* --- together, around, again --------------------------------------------------------- */

enum hmr_status
ox_concat(struct ox *t, const struct ox_node *n)
{
	uint32_t in[HMR_NODE_IN_MAX], axis, lead = 0;
	struct hmr_node p = { .op = HMR_OP_CONCAT, .n_in = n->n_in, .in = in };
	size_t most = 0;
	struct hmr_dims d;
	bool whole = true;
	enum hmr_status st;

	for (uint32_t i = 0; i < n->n_in; i++) {
		if (!n->in[i])
			return ox_no(t, n, "without an operand");
		ox_dims(t, n->in[i], &d);
		whole = whole && n->in[i]->whole;
		if (n->in[i]->kind == OX_VALUE && hmr_dims_total(&d) > most) {
			most = hmr_dims_total(&d);
			lead = i;
		}
	}
	ox_dims(t, n->in[lead], &d);
	if (!ox_axis(n, INT64_MIN, d.n, &axis))
		return ox_no(t, n, "along a bad axis");
	if (n->n_in == 1) {
		*n->out[0] = *n->in[0];
		return HMR_OK;
	}
	for (uint32_t i = 0; i < n->n_in; i++) {
		struct hmr_dims own;

		ox_dims(t, n->in[i], &own);
		if (own.n != d.n)
			return ox_no(t, n, "of operands of different rank");
		if ((st = ox_arrange(t, n, n->in[i], n->in[lead]->perm, &in[i])))
			return st;
	}
	p.axis = n->in[lead]->perm[axis];
	if ((st = ox_emit_to(t, n, &p, n->in[lead]->perm, n->out[0])))
		return st;
	n->out[0]->whole = whole;
	return HMR_OK;
}

enum hmr_status
ox_pad(struct ox *t, const struct ox_node *n)
{
	int64_t pads[2 * HMR_DIMS_MAX], list[2 * HMR_DIMS_MAX];
	const struct ox_view v = *n->in[0];
	struct hmr_node p = { .op = HMR_OP_PAD, .n_in = 1, .in = &v.value, .list = list };
	struct hmr_dims d;
	bool any = false;
	uint32_t k;

	ox_dims(t, &v, &d);
	if (v.kind != OX_VALUE || !ox_const_ints(t, n->in[1], pads, 2 * HMR_DIMS_MAX, &k) ||
	    k != 2 * d.n)
		return ox_no(t, n, "without constant sizes");
	if (n->n_in > 2 && n->in[2] && !ox_const_f32(t, n->in[2], &p.value))
		return ox_no(t, n, "without a constant value");
	for (uint32_t i = 0; i < d.n; i++) {
		if (pads[i] < 0 || pads[i + d.n] < 0)
			return ox_no(t, n, "with negative sizes");
		list[2 * v.perm[i]] = pads[i];
		list[2 * v.perm[i] + 1] = pads[i + d.n];
		any = any || pads[i] || pads[i + d.n];
	}
	if (!any) {
		*n->out[0] = v;
		return HMR_OK;
	}
	if (!ox_is(n, "mode", "constant", true))
		return ox_no(t, n, "in another mode than constant");
	if (isnan(p.value) || p.value == (float)INFINITY)
		return ox_no(t, n, "with this value");
	p.n_list = k;
	return ox_emit_to(t, n, &p, v.perm, n->out[0]);
}

/* Each of our axes repeated; ranks are equal. */
static enum hmr_status
repeat(struct ox *t, const struct ox_node *n, const struct ox_view *v,
       const int64_t *times, uint32_t rank)
{
	int64_t list[HMR_DIMS_MAX];
	struct hmr_node p = { .op = HMR_OP_TILE, .n_in = 1, .in = &v->value, .list = list,
		.n_list = rank };
	bool once = true;
	enum hmr_status st;

	for (uint32_t i = 0; i < rank; i++) {
		list[v->perm[i]] = times[i];
		once = once && times[i] == 1;
	}
	if (once) {
		*n->out[0] = *v;
		return HMR_OK;
	}
	if ((st = ox_emit_to(t, n, &p, v->perm, n->out[0])))
		return st;
	n->out[0]->whole = v->whole;
	return HMR_OK;
}

enum hmr_status
ox_expand(struct ox *t, const struct ox_node *n)
{
	int64_t size[HMR_DIMS_MAX], times[HMR_DIMS_MAX];
	struct ox_view v;
	struct hmr_dims d;
	uint32_t k;
	enum hmr_status st;

	if (n->in[0]->kind != OX_VALUE || !ox_const_ints(t, n->in[1], size, HMR_DIMS_MAX, &k))
		return ox_no(t, n, "to a shape that is no constant");
	if ((st = ox_lift(t, n, n->in[0], k, &v)))
		return st;
	ox_dims(t, &v, &d);
	for (uint32_t i = 0; i < d.n; i++) {
		int64_t want = i + k >= d.n ? size[i + k - d.n] : 1;

		if (want != 1 && d.d[i] != 1 && want != d.d[i])
			return ox_no(t, n, "to a shape that does not fit");
		times[i] = d.d[i] == 1 ? want : 1;
	}
	return repeat(t, n, &v, times, d.n);
}

enum hmr_status
ox_tile(struct ox *t, const struct ox_node *n)
{
	int64_t times[HMR_DIMS_MAX];
	struct hmr_dims d;
	uint32_t k;

	ox_dims(t, n->in[0], &d);
	if (n->in[0]->kind != OX_VALUE || !ox_const_ints(t, n->in[1], times, HMR_DIMS_MAX, &k) ||
	    k != d.n)
		return ox_no(t, n, "by numbers that are no constants");
	return repeat(t, n, n->in[0], times, k);
}

/* Six axes, turned, and four again. */
static enum hmr_status
six(struct ox *t, const struct ox_node *n, const struct hmr_dims *a,
    const uint8_t order[6], const struct hmr_dims *b)
{
	struct ox_view v, w;
	enum hmr_status st;

	if (n->in[0]->kind != OX_VALUE)
		return ox_no(t, n, "of a constant");
	if ((st = ox_reshape(t, n, n->in[0], a, &v)))
		return st;
	w = v;
	for (int i = 0; i < 6; i++)
		w.perm[i] = v.perm[order[i]];
	return ox_reshape(t, n, &w, b, n->out[0]);
}

enum hmr_status
ox_depth_to_space(struct ox *t, const struct ox_node *n)
{
	bool crd = ox_is(n, "mode", "CRD", false);
	int64_t s = ox_int(n, "blocksize", 0), c;
	struct hmr_dims d;

	ox_dims(t, n->in[0], &d);
	if (d.n != 4 || s < 1 || s > 1024 || d.d[1] % (s * s))
		return ox_no(t, n, "with this block");
	c = d.d[1] / (s * s);
	if (crd)
		return six(t, n, &(struct hmr_dims){ 6, { d.d[0], c, s, s, d.d[2], d.d[3] } },
			   (const uint8_t[]){ 0, 1, 4, 2, 5, 3 },
			   &(struct hmr_dims){ 4, { d.d[0], c, d.d[2] * s, d.d[3] * s } });
	return six(t, n, &(struct hmr_dims){ 6, { d.d[0], s, s, c, d.d[2], d.d[3] } },
		   (const uint8_t[]){ 0, 3, 4, 1, 5, 2 },
		   &(struct hmr_dims){ 4, { d.d[0], c, d.d[2] * s, d.d[3] * s } });
}

enum hmr_status
ox_space_to_depth(struct ox *t, const struct ox_node *n)
{
	int64_t s = ox_int(n, "blocksize", 0);
	struct hmr_dims d;

	ox_dims(t, n->in[0], &d);
	if (d.n != 4 || s < 1 || s > 1024 || d.d[2] % s || d.d[3] % s)
		return ox_no(t, n, "with this block");
	return six(t, n, &(struct hmr_dims){ 6, { d.d[0], d.d[1], d.d[2] / s, s, d.d[3] / s, s } },
		   (const uint8_t[]){ 0, 3, 5, 1, 2, 4 },
		   &(struct hmr_dims){ 4, { d.d[0], d.d[1] * s * s, d.d[2] / s, d.d[3] / s } });
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of axes: a source value is one of ours seen through a permutation.
 * Reshapes keep the order where every group of axes that is merged lies together;
 * everything else is turned, once for every order that is asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/onnx.h"

const uint8_t ox_plain_order[HMR_DIMS_MAX] = { 0, 1, 2, 3, 4, 5 };
const uint8_t ox_image_order[HMR_DIMS_MAX] = { 0, 3, 1, 2, 4, 5 };

void
ox_dims(const struct ox *t, const struct ox_view *v, struct hmr_dims *d)
{
	const struct hmr_dims *ours;

	if (v->kind == OX_CONST) {
		*d = v->dims;
		return;
	}
	ours = &t->b->value[v->value].dims;
	d->n = ours->n;
	for (uint32_t i = 0; i < d->n; i++)
		d->d[i] = ours->d[v->perm[i]];
}

void
ox_set(struct ox_view *v, uint32_t value, const uint8_t *perm)
{
	struct ox_view new = { .kind = OX_VALUE, .value = value };

	memcpy(new.perm, perm ? perm : ox_plain_order, HMR_DIMS_MAX);
	*v = new;		/* perm may be v's own */
}

/* A value's axes in our order, those of one element left out. */
static uint32_t
solid(const struct hmr_dims *ours, const uint8_t *perm, uint32_t n, uint8_t *axis)
{
	uint8_t at[HMR_DIMS_MAX] = { 0 };
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++)
		at[perm[i]] = (uint8_t)i;
	for (uint32_t i = 0; i < n; i++)
		if (ours->d[i] != 1)
			axis[k++] = at[i];
	return k;
}

static enum hmr_status
remember(struct ox *t, uint32_t from, const uint8_t *perm, uint32_t to)
{
	if (t->n_turned == t->cap_turned) {
		uint32_t cap = t->cap_turned ? 2 * t->cap_turned : 64;
		void *p = realloc(t->turned, cap * sizeof(*t->turned));

		if (!p)
			return hmr_fail(t->e, HMR_E_NOMEM, "graph");
		t->turned = p;
		t->cap_turned = cap;
	}
	t->turned[t->n_turned].from = from;
	t->turned[t->n_turned].to = to;
	memcpy(t->turned[t->n_turned++].perm, perm, HMR_DIMS_MAX);
	return HMR_OK;
}

/* axis i of the result is axis list[i] of v's value: a transpose, or a reshape
 * where only axes of one element move. */
static enum hmr_status
turn(struct ox *t, const struct ox_node *n, uint32_t from, const uint8_t *list,
     uint32_t *value)
{
	struct hmr_dims d = t->b->value[from].dims;
	int64_t to[HMR_DIMS_MAX];
	struct hmr_node p = { .op = HMR_OP_TRANSPOSE, .n_in = 1, .n_out = 1,
		.in = &from, .list = to, .n_list = d.n };
	int last = -1;
	bool still = true;
	enum hmr_status st;

	for (uint32_t i = 0; i < d.n; i++) {
		to[i] = list[i];
		if (d.d[list[i]] == 1)
			continue;
		still = still && list[i] > last;
		last = list[i];
	}
	if (still) {
		p.op = HMR_OP_RESHAPE;
		for (uint32_t i = 0; i < d.n; i++)
			to[i] = list[i] == i ? 0 : d.d[list[i]];
	}
	for (uint32_t i = t->n_turned; i-- > 0 && i + 64 >= t->n_turned;)
		if (t->turned[i].from == from && !memcmp(t->turned[i].perm, list, d.n)) {
			*value = t->turned[i].to;
			return HMR_OK;
		}
	if ((st = hmr_build_node(t->b, n->name, &p, value, t->e)))
		return st;
	return remember(t, from, list, *value);
}

enum hmr_status
ox_arrange(struct ox *t, const struct ox_node *n, const struct ox_view *v,
	   const uint8_t *perm, uint32_t *value)
{
	struct hmr_dims d;
	uint8_t list[HMR_DIMS_MAX] = { 0 };
	char name[160];

	ox_dims(t, v, &d);
	if (v->kind == OX_CONST) {
		struct hmr_dims to = d;

		for (uint32_t i = 0; i < d.n; i++)
			to.d[perm[i]] = d.d[i];
		snprintf(name, sizeof(name), "%s.operand", n->name);
		return ox_const_value(t, name, v, perm, &to, value);
	}
	if (!memcmp(v->perm, perm, d.n)) {
		*value = v->value;
		return HMR_OK;
	}
	for (uint32_t i = 0; i < d.n; i++)
		list[perm[i]] = v->perm[i];
	return turn(t, n, v->value, list, value);
}

/* --- reshapes -------------------------------------------------------------- */

struct regroup {
	struct hmr_dims a, b;		/* source sizes before and after */
	uint8_t group_a[HMR_DIMS_MAX], group_b[HMR_DIMS_MAX];
	uint32_t groups;
};

/* Both shapes cut into the smallest groups of equal products. */
static bool
make_groups(struct regroup *r)
{
	uint32_t i = 0, j = 0;

	for (r->groups = 0; i < r->a.n || j < r->b.n; r->groups++) {
		int64_t pa = 1, pb = 1;
		bool any = false;

		while (!any || pa != pb) {
			if (i < r->a.n && (pa < pb || (!any && (j >= r->b.n ||
			    r->a.d[i] == r->b.d[j] || r->a.d[i] == 1 || r->b.d[j] != 1)))) {
				pa *= r->a.d[i];
				r->group_a[i++] = (uint8_t)r->groups;
				if (!any && pa == 1 && j < r->b.n && r->b.d[j] == 1)
					r->group_b[j++] = (uint8_t)r->groups;
			} else if (j < r->b.n && (pb < pa || !any)) {
				pb *= r->b.d[j];
				r->group_b[j++] = (uint8_t)r->groups;
			} else {
				return false;
			}
			any = true;
		}
	}
	return true;
}

/* Whether every group's axes lie together and in their order. */
static bool
together(const struct regroup *r, const uint8_t *axis, uint32_t n)
{
	bool done[2 * HMR_DIMS_MAX] = { false };

	for (uint32_t i = 0; i < n; i++) {
		uint8_t g = r->group_a[axis[i]];

		if (i && r->group_a[axis[i - 1]] == g) {
			if (axis[i] < axis[i - 1])
				return false;
			continue;
		}
		if (done[g])
			return false;
		done[g] = true;
	}
	return true;
}

/* Our place of each new source axis, as a key to sort by. */
static void
order_new(const struct regroup *r, const uint8_t *view, uint8_t *perm)
{
	int key[HMR_DIMS_MAX];

	for (uint32_t j = 0; j < r->b.n; j++) {
		int at = -1, any = -1;

		for (uint32_t i = r->a.n; i-- > 0;)
			if (r->group_a[i] == r->group_b[j]) {
				any = view[i];
				if (r->a.d[i] != 1)
					at = at < 0 || view[i] < at ? view[i] : at;
			}
		key[j] = at >= 0 ? at : any >= 0 ? any : j ? key[j - 1] : -1;
	}
	for (uint32_t j = 0; j < r->b.n; j++) {
		perm[j] = 0;
		for (uint32_t k = 0; k < r->b.n; k++)
			perm[j] = (uint8_t)(perm[j] + (key[k] < key[j] ||
						       (key[k] == key[j] && k < j)));
	}
}

/* Sizes in our order: kept ones as 0, one merged one as -1, so that other inputs
 * work too. false: nothing changes. */
static bool
make_list(const struct regroup *r, const uint8_t *view, const uint8_t *perm,
	  int64_t *list)
{
	bool change = r->a.n != r->b.n, rest = false;

	for (uint32_t j = 0; j < r->b.n; j++) {
		uint32_t from = 0, at = 0, to = 0;

		for (uint32_t i = 0; i < r->a.n; i++)
			if (r->group_a[i] == r->group_b[j]) {
				from++;
				at = view[i];
			}
		for (uint32_t i = 0; i < r->b.n; i++)
			to += r->group_b[i] == r->group_b[j];
		list[perm[j]] = r->b.d[j];
		if (from == 1 && to == 1 && at == perm[j]) {
			list[perm[j]] = 0;
		} else if (from > 1 && to == 1 && !rest) {
			list[perm[j]] = -1;
			rest = true;
			change = true;
		} else {
			change = true;
		}
	}
	return change;
}

/* An order in which every group lies together: an image's where one comes out,
 * else the source's. */
static void
order_groups(const struct regroup *r, uint8_t *perm)
{
	static const uint8_t image[4] = { 0, 2, 3, 1 };
	bool done[HMR_DIMS_MAX] = { false };
	uint8_t next = 0;

	memcpy(perm, ox_plain_order, HMR_DIMS_MAX);
	for (uint32_t k = 0; r->b.n == 4 && k < 4; k++)
		for (uint32_t i = 0; i < r->a.n; i++)
			if (!done[i] && r->group_a[i] == r->group_b[image[k]]) {
				perm[i] = next++;
				done[i] = true;
			}
	for (uint32_t i = 0; r->b.n == 4 && i < r->a.n; i++)
		if (!done[i])
			perm[i] = next++;
}

enum hmr_status
ox_reshape(struct ox *t, const struct ox_node *n, const struct ox_view *v,
	   const struct hmr_dims *d, struct ox_view *out)
{
	struct regroup r = { .b = *d };
	uint8_t axis[HMR_DIMS_MAX], perm[HMR_DIMS_MAX] = { 0 };
	int64_t list[HMR_DIMS_MAX];
	struct hmr_node p = { .op = HMR_OP_RESHAPE, .n_in = 1, .n_out = 1,
		.list = list, .n_list = d->n };
	struct ox_view plain = *v;
	bool whole = v->whole;
	uint32_t k;
	enum hmr_status st;

	if (v->kind == OX_CONST) {
		*out = *v;
		out->dims = *d;
		return HMR_OK;
	}
	ox_dims(t, v, &r.a);
	if (!d->n || !make_groups(&r))
		return ox_no(t, n, "to this shape");
	k = solid(&t->b->value[v->value].dims, v->perm, r.a.n, axis);
	if (!together(&r, axis, k)) {
		order_groups(&r, perm);
		if ((st = ox_arrange(t, n, v, perm, &k)))
			return st;
		ox_set(&plain, k, perm);
	}
	order_new(&r, plain.perm, perm);
	for (uint32_t i = d->n; i < HMR_DIMS_MAX; i++)
		perm[i] = (uint8_t)i;
	if (!make_list(&r, plain.perm, perm, list)) {
		ox_set(out, plain.value, perm);
		out->whole = whole;
		return HMR_OK;
	}
	p.in = &plain.value;
	if ((st = hmr_build_node(t->b, n->name, &p, &k, t->e)))
		return st;
	ox_set(out, k, perm);
	out->whole = whole;
	return HMR_OK;
}

enum hmr_status
ox_lift(struct ox *t, const struct ox_node *n, const struct ox_view *v,
	uint32_t rank, struct ox_view *out)
{
	struct hmr_dims d, up = { .n = rank };

	ox_dims(t, v, &d);
	if (d.n >= rank) {
		*out = *v;
		return HMR_OK;
	}
	for (uint32_t i = 0; i < rank; i++)
		up.d[i] = i < rank - d.n ? 1 : d.d[i - (rank - d.n)];
	return ox_reshape(t, n, v, &up, out);
}

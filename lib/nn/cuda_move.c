/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What moves numbers or works number by number: each is axes with strides, of which
 * neighbours that lie alike are merged, so most end as one or two.
 */
#include "nn/cuda.h"

#include <string.h>

struct axes {
	uint32_t rank, dims[NN_AXES];
	int64_t s[3][NN_AXES];		/* elements */
	int operands;
};

static void
push(struct axes *a, int64_t size, int64_t s0, int64_t s1, int64_t s2)
{
	if (size == 1)
		return;
	a->dims[a->rank] = (uint32_t)size;
	a->s[0][a->rank] = s0;
	a->s[1][a->rank] = s1;
	a->s[2][a->rank++] = s2;
}

/* Joins axes that are one in all operands; leaves at least one. */
static void
merge(struct axes *a)
{
	uint32_t n = 0;

	for (uint32_t r = 1; r < a->rank; r++) {
		bool one = true;

		for (int k = 0; k < a->operands; k++)
			one = one && a->s[k][n] == a->s[k][r] * a->dims[r];
		if (one)
			a->dims[n] *= a->dims[r];
		else
			a->dims[++n] = a->dims[r];
		for (int k = 0; k < 3; k++)
			a->s[k][n] = a->s[k][r];
	}
	if (!a->rank) {
		a->dims[0] = 1;
		a->s[0][0] = a->s[1][0] = a->s[2][0] = 1;
	}
	a->rank = n + 1;
}

static void
strides(const struct hmr_dims *d, int64_t s[HMR_DIMS_MAX])
{
	int64_t step = 1;

	for (uint32_t i = d->n; i-- > 0; step *= d->d[i])
		s[i] = step;
}

/* The most bytes that can be moved at once: a power of two times an item. */
static size_t
width(const struct axes *a, const void *x, const void *y, size_t item)
{
	uint32_t last = a->rank - 1;
	size_t w = 16;

	if (a->s[0][last] != 1 || a->s[1][last] != 1)
		return item;
	for (; w > item; w /= 2) {
		int64_t each = (int64_t)(w / item);
		bool fits = a->dims[last] % (w / item) == 0 && (uintptr_t)x % w == 0 &&
			(uintptr_t)y % w == 0;

		for (uint32_t r = 0; r < last; r++)
			fits = fits && a->s[0][r] % each == 0 && a->s[1][r] % each == 0;
		if (fits)
			break;
	}
	return w;
}

static enum hmr_status
add_move(struct cuda_node *c, struct axes *a, const uint8_t *x, uint8_t *y)
{
	size_t item = c->x->item, w;
	struct nn_move m = { .x = x, .y = y };
	struct cuda_launch *l;
	enum hmr_status st;
	int64_t each;

	a->operands = 2;
	merge(a);
	w = width(a, x, y, item);
	each = (int64_t)(w / item);
	m.rank = a->rank;
	m.n = 1;
	for (uint32_t r = 0; r < a->rank; r++) {
		bool last = r == a->rank - 1 && each > 1;

		m.dims[r] = a->dims[r] / (last ? (uint32_t)each : 1);
		m.sx[r] = (int32_t)(last ? 1 : a->s[0][r] / each);
		m.sy[r] = (int32_t)(last ? 1 : a->s[1][r] / each);
		m.n *= m.dims[r];
	}
	if ((st = cuda_launch_add(c->x, c->p, w == 2 ? "move_2" : w == 4 ? "move_4" :
				  w == 8 ? "move_8" : "move_16", false, m.n, sizeof(m), &l,
				  c->e)))
		return st;
	l->a.move = m;
	return HMR_OK;
}

/* All of `part` at y's or x's place within `whole`. */
static enum hmr_status
add_part(struct cuda_node *c, const struct hmr_dims *part, const struct hmr_dims *whole,
	 const int64_t from[HMR_DIMS_MAX], bool into, const void *x, void *y)
{
	int64_t sp[HMR_DIMS_MAX], sw[HMR_DIMS_MAX], at = 0;
	struct axes a = { .rank = 0 };

	strides(part, sp);
	strides(whole, sw);
	for (uint32_t i = 0; i < part->n; i++) {
		push(&a, part->d[i], into ? sp[i] : sw[i], into ? sw[i] : sp[i], 0);
		at += from[i] * sw[i];
	}
	at *= (int64_t)c->x->item;
	return add_move(c, &a, (const uint8_t *)x + (into ? 0 : at),
			(uint8_t *)y + (into ? at : 0));
}

static enum hmr_status
add_concat(struct cuda_node *c)
{
	int64_t from[HMR_DIMS_MAX] = { 0 };
	enum hmr_status st = HMR_OK;

	for (uint32_t i = 0; !st && i < c->n->n_in; i++) {
		st = add_part(c, c->in[i], c->out[0], from, true, c->at_in[i], c->at_out[0]);
		from[c->n->axis] += c->in[i]->d[c->n->axis];
	}
	return st;
}

static enum hmr_status
add_split(struct cuda_node *c)
{
	int64_t from[HMR_DIMS_MAX] = { 0 };
	enum hmr_status st = HMR_OK;

	for (uint32_t i = 0; !st && i < c->n->n_out; i++) {
		st = add_part(c, c->out[i], c->in[0], from, false, c->at_in[0], c->at_out[i]);
		from[c->n->axis] += c->out[i]->d[c->n->axis];
	}
	return st;
}

static enum hmr_status
add_pad(struct cuda_node *c)
{
	int64_t from[HMR_DIMS_MAX] = { 0 };
	struct cuda_launch *l;
	enum hmr_status st = cuda_launch_add(c->x, c->p, "fill", true,
		hmr_dims_total(c->out[0]), sizeof(l->a.fill), &l, c->e);

	if (st)
		return st;
	l->a.fill = (struct nn_fill){ l->count, c->at_out[0], c->n->value };
	for (uint32_t i = 0; i < c->out[0]->n; i++)
		from[i] = c->n->list[2 * i];
	return add_part(c, c->in[0], c->out[0], from, true, c->at_in[0], c->at_out[0]);
}

static enum hmr_status
add_transpose(struct cuda_node *c)
{
	int64_t sx[HMR_DIMS_MAX], sy[HMR_DIMS_MAX];
	struct axes a = { .rank = 0 };

	strides(c->in[0], sx);
	strides(c->out[0], sy);
	for (uint32_t i = 0; i < c->out[0]->n; i++)
		push(&a, c->out[0]->d[i], sx[c->n->list[i]], sy[i], 0);
	return add_move(c, &a, c->at_in[0], c->at_out[0]);
}

static enum hmr_status
add_slice(struct cuda_node *c)
{
	int64_t sx[HMR_DIMS_MAX], sy[HMR_DIMS_MAX], at = 0;
	struct axes a = { .rank = 0 };

	strides(c->in[0], sx);
	strides(c->out[0], sy);
	for (uint32_t i = 0; i < c->out[0]->n; i++) {
		at += c->n->list[3 * i] * sx[i];
		push(&a, c->out[0]->d[i], c->n->list[3 * i + 1] * sx[i], sy[i], 0);
	}
	return add_move(c, &a, (const uint8_t *)c->at_in[0] + at * (int64_t)c->x->item,
			c->at_out[0]);
}

static enum hmr_status
add_tile(struct cuda_node *c)
{
	int64_t sx[HMR_DIMS_MAX], sy[HMR_DIMS_MAX];
	struct axes a = { .rank = 0 };

	strides(c->in[0], sx);
	strides(c->out[0], sy);
	for (uint32_t i = 0; i < c->in[0]->n; i++) {
		push(&a, c->n->list[i], 0, c->in[0]->d[i] * sy[i], 0);
		push(&a, c->in[0]->d[i], sx[i], sy[i], 0);
	}
	return add_move(c, &a, c->at_in[0], c->at_out[0]);
}

enum hmr_status
cuda_move_add(struct cuda_node *c)
{
	c->s->impl = "move";
	switch (c->n->op) {
	case HMR_OP_CONCAT: return add_concat(c);
	case HMR_OP_SPLIT: return add_split(c);
	case HMR_OP_PAD: return add_pad(c);
	case HMR_OP_TRANSPOSE: return add_transpose(c);
	case HMR_OP_SLICE: return add_slice(c);
	default: return add_tile(c);
	}
}

/* An operand's strides over the result's axes, 0 where it repeats. */
static void
repeat(const struct hmr_dims *d, const struct hmr_dims *out, int64_t s[HMR_DIMS_MAX])
{
	int64_t own[HMR_DIMS_MAX];
	uint32_t skip = out->n - d->n;

	memset(s, 0, HMR_DIMS_MAX * sizeof(*s));
	strides(d, own);
	for (uint32_t i = 0; i < d->n; i++)
		s[skip + i] = d->d[i] == 1 ? 0 : own[i];
}

enum hmr_status
cuda_map_add(struct cuda_node *c)
{
	const struct hmr_node *n = c->n;
	struct nn_map m = { .n = hmr_dims_total(c->out[0]), .y = c->at_out[0], .op = n->op,
		.act = n->act, .alpha = n->alpha, .beta = n->beta };
	int64_t s[3][HMR_DIMS_MAX] = { { 0 } };
	struct axes a = { .operands = (int)n->n_in };
	struct cuda_launch *l;
	enum hmr_status st;

	for (uint32_t i = 0; i < n->n_in; i++) {
		repeat(c->in[i], c->out[0], s[i]);
		m.in[i] = c->at_in[i];
	}
	for (uint32_t i = 0; i < c->out[0]->n; i++)
		push(&a, c->out[0]->d[i], s[0][i], s[1][i], s[2][i]);
	merge(&a);
	m.rank = a.rank;
	for (uint32_t r = 0; r < a.rank; r++) {
		m.dims[r] = a.dims[r];
		for (int k = 0; k < 3; k++)
			m.s[k][r] = (int32_t)a.s[k][r];
	}
	if ((st = cuda_launch_add(c->x, c->p, "map", true, m.n, sizeof(m), &l, c->e)))
		return st;
	l->a.map = m;
	c->s->impl = "map";
	return HMR_OK;
}

enum hmr_status
cuda_act_add(struct cuda_node *c, void *bias, const void *x, enum hmr_act act)
{
	const struct hmr_dims *out = c->out[0];
	struct nn_act a = { .n = hmr_dims_total(out), .x = x, .y = c->at_out[0],
		.bias = bias, .channels = out->n ? (uint32_t)out->d[out->n - 1] : 1,
		.act = act, .alpha = c->n->alpha, .beta = c->n->beta };
	struct cuda_launch *l;
	enum hmr_status st = cuda_launch_add(c->x, c->p, "act", true, a.n, sizeof(a), &l,
					     c->e);

	if (st)
		return st;
	l->a.act = a;
	if (!c->s->impl)
		c->s->impl = "act";
	return HMR_OK;
}

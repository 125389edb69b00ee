/* SPDX-License-Identifier: Apache-2.0 */
/* What sums up or picks from groups of elements: reductions, softmax, norms, the
 * largest of an axis, gather. Long groups get a block of threads, short ones one. */
#include "nn/cuda.h"

#define THREADS 128u
#define LONG 64u	/* elements from which a group is long */

static bool
is_axis(const struct hmr_node *n, uint32_t axis)
{
	if (n->op == HMR_OP_SOFTMAX)
		return (uint32_t)n->axis == axis;
	for (uint32_t i = 0; i < n->n_list; i++)
		if (n->list[i] == (int64_t)axis)
			return true;
	return false;
}

/* Adds an axis, joined with the one before where they lie as one. */
static uint32_t
push(uint32_t *rank, uint32_t *dims, int32_t *s, int64_t size, int64_t stride)
{
	uint32_t r = *rank;

	if (r && s[r - 1] == (int32_t)(stride * size)) {
		dims[r - 1] *= (uint32_t)size;
		s[r - 1] = (int32_t)stride;
	} else {
		dims[r] = (uint32_t)size;
		s[(*rank)++] = (int32_t)stride;
	}
	return (uint32_t)size;
}

enum hmr_status
cuda_group_add(struct cuda_node *c)
{
	const struct hmr_node *n = c->n;
	const struct hmr_dims *x = c->in[0];
	struct nn_group g = { .n = 1, .x = c->at_in[0], .y = c->at_out[0], .count = 1,
		.op = n->op, .act = n->act, .eps = n->value, .alpha = n->alpha,
		.beta = n->beta, .channels = (uint32_t)x->d[x->n - 1] };
	bool norm = n->op == HMR_OP_NORM, soft = n->op == HMR_OP_SOFTMAX, block;
	struct cuda_launch *l;
	enum hmr_status st;
	int64_t stride[HMR_DIMS_MAX], step = 1;

	for (uint32_t i = x->n; i-- > 0; step *= x->d[i])
		stride[i] = step;
	for (uint32_t i = 0; i < x->n; i++)
		if (is_axis(n, i))
			g.count *= push(&g.rank, g.dims, g.s, x->d[i], stride[i]);
		else
			g.n *= push(&g.kept, g.kept_dims, g.kept_s, x->d[i], stride[i]);
	if (norm && n->n_in == 3) {
		g.scale = c->at_in[1];
		g.bias = c->at_in[2];
	}
	/* apart in memory, threads side by side read whole lines */
	block = norm || (g.count >= LONG && g.s[g.rank - 1] == 1);
	c->s->impl = norm ? "norm" : soft ? (block ? "softmax_block" : "softmax") :
		block ? "reduce_block" : "reduce";
	if ((st = cuda_launch_add(c->x, c->p, c->s->impl, true, g.n, sizeof(g), &l, c->e)))
		return st;
	l->a.group = g;
	if (block) {
		l->grid[0] = (uint32_t)g.n;
		l->grid[1] = l->grid[2] = 1;
		l->block = THREADS;
		l->shared = THREADS * sizeof(float);
	}
	return HMR_OK;
}

enum hmr_status
cuda_pick_add(struct cuda_node *c)
{
	const struct hmr_node *n = c->n;
	bool gather = n->op == HMR_OP_GATHER;
	struct nn_pick p = { .x = c->at_in[0], .size = (uint32_t)c->in[0]->d[n->axis] };
	struct cuda_launch *l;
	size_t before, after;
	enum hmr_status st;

	hmr_dims_around(c->in[0], (uint32_t)n->axis, &before, &after);
	p.after = (uint32_t)after;
	if (gather) {
		p.index = c->at_in[1];
		p.y = c->at_out[0];
		p.picks = (uint32_t)hmr_dims_total(c->in[1]);
		p.n = hmr_dims_total(c->out[0]);
	} else {
		p.y = n->op == HMR_OP_TOP_K ? c->at_out[0] : NULL;
		p.y_index = c->at_out[n->op == HMR_OP_TOP_K];
		p.picks = (uint32_t)c->out[0]->d[n->axis];
		p.n = before * after;
	}
	c->s->impl = gather ? "gather" : "best";
	if ((st = cuda_launch_add(c->x, c->p, c->s->impl, true, p.n, sizeof(p), &l, c->e)))
		return st;
	l->a.pick = p;
	return HMR_OK;
}

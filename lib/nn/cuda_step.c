/* SPDX-License-Identifier: Apache-2.0 */
/* From the steps of a plan to launches with all addresses filled in. */
#include "nn/cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum hmr_status
cuda_launch_add(struct hmr_exec *x, struct cuda_plan *p, const char *name, bool typed,
		uint64_t count, size_t args_bytes, struct cuda_launch **out,
		struct hmr_err *e)
{
	struct cuda_launch *l;
	char full[40];
	enum hmr_status st;

	if (p->n_launches == p->cap_launches) {
		uint32_t cap = p->cap_launches ? 2 * p->cap_launches : 256;

		if (!(l = realloc(p->launch, cap * sizeof(*l))))
			return hmr_fail(e, HMR_E_NOMEM, "plan");
		p->launch = l;
		p->cap_launches = cap;
	}
	l = &p->launch[p->n_launches];
	memset(l, 0, sizeof(*l));
	l->count = count;
	l->args_bytes = args_bytes;
	snprintf(full, sizeof(full), "%s%s%s", name ? name : "", typed ? "_" : "",
		 typed ? x->type_name : "");
	if (name && (st = x->api->kernel(x->device, full, &l->kernel, e)))
		return st;
	p->n_launches++;
	*out = l;
	return HMR_OK;
}

enum hmr_status
cuda_launch_run(struct hmr_exec *x, const struct cuda_launch *l, struct hmr_err *e)
{
	if (l->gemm)
		return x->api->gemm_run(x->queue, l->gemm, &l->a.gemm, e);
	if (l->conv)
		return x->api->conv_run(x->queue, l->conv, &l->a.conv, e);
	if (!l->block)
		return hmr_device_each(x->api, x->queue, l->kernel, l->count, &l->a,
				       l->args_bytes, e);
	return x->api->launch(x->queue, l->kernel, l->grid, l->block, l->shared, &l->a,
			      l->args_bytes, e);
}

/* Where a value lies; of a constant, in its plain form. */
static void *
place_of(struct hmr_exec *x, uint32_t plan, const struct hmr_node *n, uint32_t v)
{
	const struct hmr_layout *l = &x->plan[plan].lay;
	const struct hmr_graph *g = x->job->graph;
	uint32_t r = l->root[v];

	if (g->value[v].tensor >= 0)
		return (void *)(uintptr_t)cuda_const_at(x, v, n && n->op == HMR_OP_GATHER &&
				v == n->in[1] ? CUDA_FORM_F32 : CUDA_FORM_PLAIN);
	if (g->value[r].input >= 0)
		return x->memory + x->at_in[g->value[r].input];
	return x->memory + x->at_block + l->offset[r];
}

const void *
cuda_output_at(struct hmr_exec *x, uint32_t plan, uint32_t i)
{
	return x->item != 4 ? x->memory + x->at_out32[i] :
		place_of(x, plan, NULL, x->job->graph->output[i].value);
}

static enum hmr_status
add_node(struct cuda_node *c)
{
	const struct hmr_node *n = c->n;

	if (hmr_op_is_binary(n->op))
		return cuda_map_add(c);
	switch (n->op) {
	case HMR_OP_CONV: case HMR_OP_CONV_TRANSPOSE: return cuda_conv_add(c);
	case HMR_OP_MATMUL: return cuda_matmul_add(c);
	case HMR_OP_MAX_POOL: case HMR_OP_AVG_POOL: return cuda_pool_add(c);
	case HMR_OP_RESIZE: return cuda_resize_add(c);
	case HMR_OP_ACT: return cuda_act_add(c, NULL, c->at_in[0], n->act);
	case HMR_OP_WHERE: return cuda_map_add(c);
	case HMR_OP_CONCAT: case HMR_OP_SPLIT: case HMR_OP_PAD: case HMR_OP_TRANSPOSE:
	case HMR_OP_SLICE: case HMR_OP_TILE:
		return cuda_move_add(c);
	case HMR_OP_SOFTMAX: case HMR_OP_NORM: case HMR_OP_REDUCE_MEAN:
	case HMR_OP_REDUCE_SUM: case HMR_OP_REDUCE_MAX: case HMR_OP_REDUCE_MIN:
		return cuda_group_add(c);
	case HMR_OP_GATHER: case HMR_OP_ARG_MAX: case HMR_OP_TOP_K:
		return cuda_pick_add(c);
	default:
		return hmr_fail(c->e, HMR_E_DEVICE, "node %.80s: no %s on cuda", n->name,
				hmr_op_name(n->op));
	}
}

static enum hmr_status
add_step(struct hmr_exec *x, uint32_t plan, struct cuda_step *s, struct hmr_err *e)
{
	const struct hmr_dims *dims = x->job->plan[plan].dims;
	struct cuda_node c = { .x = x, .plan = plan, .p = &x->plan[plan], .s = s,
		.n = s->n, .e = e };
	enum hmr_status st;

	for (uint32_t i = 0; i < s->n->n_in; i++) {
		c.in[i] = &dims[s->n->in[i]];
		c.at_in[i] = place_of(x, plan, s->n, s->n->in[i]);
	}
	for (uint32_t i = 0; i < s->n->n_out; i++) {
		c.out[i] = &dims[s->n->out[i]];
		c.at_out[i] = place_of(x, plan, s->n, s->n->out[i]);
	}
	s->first = c.p->n_launches;
	st = add_node(&c);
	s->count = c.p->n_launches - s->first;
	return st;
}

/* float32 inputs to the network's type, outputs back. */
static enum hmr_status
add_converts(struct hmr_exec *x, uint32_t plan, bool inputs, struct hmr_err *e)
{
	const struct hmr_graph *g = x->job->graph;
	const struct hmr_dims *dims = x->job->plan[plan].dims;
	uint32_t n = inputs ? g->n_inputs : g->n_outputs;
	enum hmr_status st;

	for (uint32_t i = 0; x->item != 4 && i < n; i++) {
		uint32_t v = inputs ? g->input[i].value : g->output[i].value;
		struct cuda_launch *l;

		if (!inputs && !x->job->keep[i])
			continue;
		if ((st = cuda_launch_add(x, &x->plan[plan], inputs ? "from_f32" : "to_f32",
					  true, hmr_dims_total(&dims[v]),
					  sizeof(l->a.convert), &l, e)))
			return st;
		l->a.convert = (struct nn_convert){ l->count,
			inputs ? x->memory + x->at_in32[i] : place_of(x, plan, NULL, v),
			x->memory + (inputs ? x->at_in[i] : x->at_out32[i]) };
	}
	return HMR_OK;
}

enum hmr_status
cuda_steps_make(struct hmr_exec *x, uint32_t plan, struct hmr_err *e)
{
	struct cuda_plan *p = &x->plan[plan];
	enum hmr_status st;

	if (!x->job->around && (st = add_converts(x, plan, true, e)))
		return st;
	for (uint32_t i = 0; i < p->n_steps; i++)
		if ((st = add_step(x, plan, &p->step[i], e)))
			return st;
	return add_converts(x, plan, false, e);
}

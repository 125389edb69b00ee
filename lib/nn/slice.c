/* SPDX-License-Identifier: Apache-2.0 */
/* Image by image; slice.h. */
#include "nn/slice.h"

#include <stdlib.h>
#include <string.h>

#include "nn/arena.h"

struct hmr_slices {
	const struct hmr_graph *g;
	const bool *keep;
	struct hmr_plan one;
	float *in[HMR_GRAPH_IO_MAX], *out[HMR_GRAPH_IO_MAX];
	size_t n_in[HMR_GRAPH_IO_MAX], n_out[HMR_GRAPH_IO_MAX];	/* of one image */
	size_t bytes;
};

/* An operand that broadcasts: an image of its own, or the same for all. */
static bool
operand_apart(const struct hmr_dims *x, bool fixed, const struct hmr_dims *out,
	      int64_t batch)
{
	if (fixed)
		return x->n != out->n || x->d[0] == 1;
	return x->n == out->n && x->d[0] == batch;
}

bool
hmr_node_keeps_apart(const struct hmr_node *n, const struct hmr_dims *const *in,
		     const bool *fixed, const struct hmr_dims *out, int64_t batch)
{
	bool apart = true;

	if (hmr_op_is_binary(n->op) || n->op == HMR_OP_WHERE) {
		/* a vector may stand for a batch of numbers */
		for (uint32_t k = 0; k < n->n_in; k++)
			apart = apart && operand_apart(in[k], fixed[k], out, batch);
		return apart && out->n > 1;
	}
	switch (n->op) {
	case HMR_OP_CONCAT: case HMR_OP_SPLIT: case HMR_OP_SOFTMAX:
	case HMR_OP_ARG_MAX: case HMR_OP_TOP_K:
		return n->axis != 0;
	case HMR_OP_GATHER:	/* computed indices are of one image, and would be of all */
		return n->axis != 0 && fixed[1];
	case HMR_OP_REDUCE_MEAN: case HMR_OP_REDUCE_SUM:
	case HMR_OP_REDUCE_MAX: case HMR_OP_REDUCE_MIN:
	case HMR_OP_NORM:
		return n->list[0] != 0;
	case HMR_OP_PAD:
		return !n->list[0] && !n->list[1];
	case HMR_OP_TRANSPOSE:
		return n->list[0] == 0;
	case HMR_OP_SLICE:
		return n->list[0] == 0 && n->list[1] == 1 && out->d[0] == batch;
	case HMR_OP_TILE:
		return n->list[0] == 1;
	case HMR_OP_MATMUL:	/* rows of a matrix, or matrices of their own */
		return fixed[1] || in[1]->n > 2;
	case HMR_OP_RESHAPE:
		return in[0]->n && in[0]->d[0] == batch && out->n && out->d[0] == batch;
	default:
		return true;
	}
}

static bool
keeps_apart(const struct hmr_graph *g, const struct hmr_node *n,
	    const struct hmr_dims *d, int64_t batch)
{
	const struct hmr_dims *in[HMR_NODE_IN_MAX];
	bool fixed[HMR_NODE_IN_MAX];

	for (uint32_t k = 0; k < n->n_in; k++) {
		in[k] = &d[n->in[k]];
		fixed[k] = g->value[n->in[k]].tensor >= 0;
	}
	return hmr_node_keeps_apart(n, in, fixed, &d[n->out[0]], batch);
}

static bool
can_slice(const struct hmr_job *job)
{
	const struct hmr_graph *g = job->graph;
	const struct hmr_plan *p = &job->plan[job->n_plans - 1];

	if (p->batch < 2)
		return false;
	for (uint32_t i = 0; i < g->n_inputs; i++)
		if (!p->dims[g->input[i].value].n || g->input[i].free[0] != 1 ||
		    p->dims[g->input[i].value].d[0] != p->batch)
			return false;
	for (uint32_t i = 0; i < g->n_nodes; i++)
		if (job->live[i] && !keeps_apart(g, &g->node[i], p->dims, p->batch))
			return false;
	return true;
}

static enum hmr_status
allocate(struct hmr_slices *s, uint32_t batch, struct hmr_err *e)
{
	for (uint32_t i = 0; i < s->g->n_inputs; i++) {
		s->n_in[i] = hmr_dims_total(&s->one.dims[s->g->input[i].value]);
		s->in[i] = hmr_alloc_lines(batch * s->n_in[i] * sizeof(float));
		s->bytes += batch * s->n_in[i] * sizeof(float);
		if (!s->in[i])
			return hmr_fail(e, HMR_E_NOMEM, "input of %u images", batch);
	}
	for (uint32_t i = 0; i < s->g->n_outputs; i++) {
		if (!s->keep[i])
			continue;
		s->n_out[i] = hmr_dims_total(&s->one.dims[s->g->output[i].value]);
		s->out[i] = hmr_alloc_lines(batch * s->n_out[i] * sizeof(float));
		s->bytes += batch * s->n_out[i] * sizeof(float);
		if (!s->out[i])
			return hmr_fail(e, HMR_E_NOMEM, "output of %u images", batch);
	}
	return HMR_OK;
}

enum hmr_status
hmr_slices_new(struct hmr_slices **out, const struct hmr_job *job,
	       struct hmr_err *e)
{
	const struct hmr_plan *largest = &job->plan[job->n_plans - 1];
	struct hmr_dims in[HMR_GRAPH_IO_MAX];
	struct hmr_slices *s;
	enum hmr_status st;

	*out = NULL;
	if (!can_slice(job))
		return HMR_OK;
	if (!(s = calloc(1, sizeof(*s))) ||
	    !(s->one.dims = calloc(job->graph->n_values, sizeof(*s->one.dims)))) {
		hmr_slices_free(s);
		return hmr_fail(e, HMR_E_NOMEM, "plan");
	}
	s->g = job->graph;
	s->keep = job->keep;
	s->one.batch = 1;
	for (uint32_t i = 0; i < s->g->n_inputs; i++) {
		in[i] = largest->dims[s->g->input[i].value];
		in[i].d[0] = 1;
	}
	if ((st = hmr_graph_shapes(s->g, in, job->live, s->one.dims, e)) ||
	    (st = allocate(s, largest->batch, e))) {
		hmr_slices_free(s);
		return st;
	}
	*out = s;
	return HMR_OK;
}

void
hmr_slices_free(struct hmr_slices *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < HMR_GRAPH_IO_MAX; i++) {
		free(s->in[i]);
		free(s->out[i]);
	}
	free(s->one.dims);
	free(s);
}

const struct hmr_plan *
hmr_slices_plan(const struct hmr_slices *s)
{
	return &s->one;
}

size_t
hmr_slices_bytes(const struct hmr_slices *s)
{
	return s->bytes;
}

float *
hmr_slices_input(struct hmr_slices *s, uint32_t i)
{
	return s->in[i];
}

const float *
hmr_slices_output(const struct hmr_slices *s, uint32_t i)
{
	return s->out[i];
}

enum hmr_status
hmr_slices_run(struct hmr_slices *s, const struct hmr_backend *b,
	       struct hmr_exec *x, uint32_t batch, struct hmr_err *e)
{
	enum hmr_status st;

	for (uint32_t k = 0; k < batch; k++) {
		for (uint32_t i = 0; i < s->g->n_inputs; i++)
			memcpy(b->input(x, i), s->in[i] + k * s->n_in[i],
			       s->n_in[i] * sizeof(float));
		if ((st = b->run(x, 0, e)))
			return st;
		for (uint32_t i = 0; i < s->g->n_outputs; i++)
			if (s->keep[i])
				memcpy(s->out[i] + k * s->n_out[i], b->output(x, 0, i),
				       s->n_out[i] * sizeof(float));
	}
	return HMR_OK;
}

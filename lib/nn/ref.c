/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ref backend: runs the nodes one by one through the plain loops. Float32
 * only, one thread. Constants are expanded once; activations share one block.
 */
#include <stdlib.h>
#include <string.h>

#include "nn/arena.h"
#include "nn/backend.h"
#include "nn/ref_ops.h"

struct ref_plan {
	struct hmr_layout lay;
	float **place;		/* [values] */
};

struct hmr_exec {
	const struct hmr_job *job;
	struct ref_plan *plan;
	float **constant;	/* [values], NULL where none is needed */
	float **input;		/* [inputs] */
	uint8_t *block;
	struct hmr_net_plan sizes;
};

static enum hmr_status
load_constants(struct hmr_exec *x, struct hmr_err *e)
{
	const struct hmr_graph *g = x->job->graph;

	for (uint32_t i = 0; i < g->n_nodes; i++)
		for (uint32_t k = 0; x->job->live[i] && k < g->node[i].n_in; k++) {
			uint32_t v = g->node[i].in[k];
			size_t n;

			if (g->value[v].tensor < 0 || x->constant[v])
				continue;
			n = hmr_dims_total(hmr_graph_const_dims(g, v)) * sizeof(float);
			if (!(x->constant[v] = hmr_alloc_lines(n)))
				return hmr_fail(e, HMR_E_NOMEM, "weights");
			hmr_graph_const_f32(g, v, x->constant[v]);
			x->sizes.weights += n;
		}
	return HMR_OK;
}

static enum hmr_status
plan_one(struct hmr_exec *x, uint32_t p, struct hmr_err *e)
{
	const struct hmr_graph *g = x->job->graph;
	struct ref_plan *r = &x->plan[p];
	struct hmr_step_io *io = calloc(g->n_nodes + 1, sizeof(*io));
	enum hmr_status st;
	uint32_t n = 0;

	r->place = calloc(g->n_values, sizeof(*r->place));
	if (!io || !r->place) {
		free(io);
		return hmr_fail(e, HMR_E_NOMEM, "plan");
	}
	for (uint32_t i = 0; i < g->n_nodes; i++)
		if (x->job->live[i])
			io[n++] = (struct hmr_step_io){ g->node[i].in, g->node[i].out,
				g->node[i].n_in, g->node[i].n_out };
	if (!(st = hmr_layout_init(&r->lay, x->job, e)))
		st = hmr_layout_make(&r->lay, x->job, &x->job->plan[p], io, n, e);
	free(io);
	if (!st && r->lay.bytes > x->sizes.activations)
		x->sizes.activations = r->lay.bytes;
	return st;
}

static enum hmr_status
allocate(struct hmr_exec *x, struct hmr_err *e)
{
	const struct hmr_graph *g = x->job->graph;
	const struct hmr_plan *largest = &x->job->plan[x->job->n_plans - 1];

	if (!(x->block = hmr_alloc_lines(x->sizes.activations)))
		return hmr_fail(e, HMR_E_NOMEM, "activations of %zu bytes",
				x->sizes.activations);
	for (uint32_t i = 0; i < g->n_inputs; i++) {
		size_t n = hmr_dims_total(&largest->dims[g->input[i].value]) * sizeof(float);

		if (!(x->input[i] = hmr_alloc_lines(n)))
			return hmr_fail(e, HMR_E_NOMEM, "input of %zu bytes", n);
		x->sizes.workspace += n;
	}
	for (uint32_t p = 0; p < x->job->n_plans; p++)
		for (uint32_t v = 0; v < g->n_values; v++) {
			uint32_t r = x->plan[p].lay.root[v];

			x->plan[p].place[v] = x->constant[r] ? x->constant[r] :
				g->value[r].input >= 0 ? x->input[g->value[r].input] :
				(float *)(void *)(x->block + x->plan[p].lay.offset[r]);
		}
	return HMR_OK;
}

static void
ref_close(struct hmr_exec *x)
{
	const struct hmr_graph *g;

	if (!x)
		return;
	g = x->job->graph;
	for (uint32_t p = 0; x->plan && p < x->job->n_plans; p++) {
		hmr_layout_release(&x->plan[p].lay);
		free(x->plan[p].place);
	}
	for (uint32_t v = 0; x->constant && v < g->n_values; v++)
		free(x->constant[v]);
	for (uint32_t i = 0; x->input && i < g->n_inputs; i++)
		free(x->input[i]);
	free(x->plan);
	free(x->constant);
	free(x->input);
	free(x->block);
	free(x);
}

static enum hmr_status
ref_open(struct hmr_exec **out, const struct hmr_job *job, struct hmr_err *e)
{
	struct hmr_exec *x;
	enum hmr_status st;

	if (job->precision != HMR_PRECISION_F32)
		return hmr_fail(e, HMR_E_DEVICE, "ref: only precision f32");
	if (!(x = calloc(1, sizeof(*x))))
		return hmr_fail(e, HMR_E_NOMEM, "network");
	x->job = job;
	x->plan = calloc(job->n_plans, sizeof(*x->plan));
	x->constant = calloc(job->graph->n_values, sizeof(*x->constant));
	x->input = calloc(job->graph->n_inputs, sizeof(*x->input));
	if (!x->plan || !x->constant || !x->input) {
		st = hmr_fail(e, HMR_E_NOMEM, "network");
		goto fail;
	}
	if ((st = load_constants(x, e)))
		goto fail;
	for (uint32_t p = 0; p < job->n_plans; p++)
		if ((st = plan_one(x, p, e)))
			goto fail;
	if ((st = allocate(x, e)))
		goto fail;
	*out = x;
	return HMR_OK;
fail:
	ref_close(x);
	return st;
}

static float *
ref_input(struct hmr_exec *x, uint32_t i)
{
	return x->input[i];
}

static void
run_node(struct hmr_exec *x, uint32_t p, uint32_t i)
{
	const struct hmr_dims *dims = x->job->plan[p].dims;
	const float *in[HMR_NODE_IN_MAX];
	float *out[HMR_NODE_IN_MAX];
	const struct hmr_dims *di[HMR_NODE_IN_MAX], *dd[HMR_NODE_IN_MAX];
	struct hmr_call c = { &x->job->graph->node[i], in, out, di, dd, 0, 1 };

	for (uint32_t k = 0; k < c.n->n_in; k++) {
		in[k] = x->plan[p].place[c.n->in[k]];
		di[k] = &dims[c.n->in[k]];
	}
	for (uint32_t k = 0; k < c.n->n_out; k++) {
		out[k] = x->plan[p].place[c.n->out[k]];
		dd[k] = &dims[c.n->out[k]];
	}
	hmr_ref_call(&c);
}

static enum hmr_status
ref_run(struct hmr_exec *x, uint32_t p, struct hmr_err *e)
{
	(void)e;
	for (uint32_t i = 0; i < x->job->graph->n_nodes; i++)
		if (x->job->live[i])
			run_node(x, p, i);
	return HMR_OK;
}

static enum hmr_status
ref_run_step(struct hmr_exec *x, uint32_t p, uint32_t step, struct hmr_err *e)
{
	(void)e;
	for (uint32_t i = 0; i < x->job->graph->n_nodes; i++)
		if (x->job->live[i] && step-- == 0) {
			run_node(x, p, i);
			break;
		}
	return HMR_OK;
}

static const float *
ref_output(struct hmr_exec *x, uint32_t p, uint32_t i)
{
	return x->plan[p].place[x->job->graph->output[i].value];
}

static void
ref_sizes(const struct hmr_exec *x, struct hmr_net_plan *out)
{
	*out = x->sizes;
}

static bool
ref_describe(const struct hmr_exec *x, uint32_t p, uint32_t step,
	     const char **node, const char **impl)
{
	const struct hmr_graph *g = x->job->graph;

	(void)p;
	for (uint32_t i = 0; i < g->n_nodes; i++)
		if (x->job->live[i] && step-- == 0) {
			*node = g->node[i].name;
			*impl = "plain";
			return true;
		}
	return false;
}

const struct hmr_backend *
hmr_backend_ref(void)
{
	static const struct hmr_backend b = { "ref", HMR_PRECISION_F32, false, ref_open,
		ref_close, ref_input, ref_run, ref_output, ref_sizes, ref_describe,
		ref_run_step, NULL, NULL, NULL, NULL };

	return &b;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies where on the device, known before one is opened: steps, constants and
 * their forms, activations of all batch sizes in one block, inputs and outputs,
 * workspace. Where --gpu-mem is short the workspace shrinks; the rest has no choice.
 */
#include "nn/cuda.h"

#include <stdlib.h>
#include <string.h>

#define WORKSPACE ((size_t)16 << 20)	/* then a quarter of it, and so on to 0 */
#define WORKSPACE_LEAST ((size_t)64 << 10)
#define PIECE ((size_t)256 << 10)	/* of weights on their way, at least */

static size_t
up(size_t n)
{
	return (n + CUDA_ALIGN - 1) / CUDA_ALIGN * CUDA_ALIGN;
}

enum cuda_method
cuda_method_of(const struct hmr_node *n, const struct hmr_dims *dims)
{
	const struct hmr_dims *w = &dims[n->in[1]], *x = &dims[n->in[0]];
	bool one = w->d[2] == 1 && w->d[3] == 1 && n->stride[0] == 1 && n->stride[1] == 1;

	if (n->op != HMR_OP_CONV)
		return CUDA_KERNEL;
	if (n->group == w->d[0] && w->d[0] == x->d[3] && w->d[0] % 4 == 0)
		return CUDA_DEPTHWISE;
	if (n->group != 1)
		return CUDA_KERNEL;
	return one && hmr_dims_total(&dims[n->out[0]]) / (size_t)w->d[0] ==
		      hmr_dims_total(x) / (size_t)x->d[3] ? CUDA_GEMM : CUDA_DNN;
}

enum cuda_form
cuda_weight_form(enum cuda_method m)
{
	return m == CUDA_GEMM || m == CUDA_DNN ? CUDA_FORM_KRSC : CUDA_FORM_TAPS;
}

static bool
is_weight(enum cuda_form f)
{
	return f == CUDA_FORM_KRSC || f == CUDA_FORM_TAPS;
}

/* Adds a constant unless it is there; weights belong to their node. */
static enum hmr_status
add_constant(struct hmr_exec *x, const struct hmr_node *n, uint32_t value,
	     enum cuda_form form, size_t bytes, struct hmr_err *e)
{
	struct cuda_const *c;

	for (uint32_t i = 0; i < x->n_constants; i++) {
		c = &x->constant[i];
		if (c->form == form && c->value == value && form != CUDA_FORM_RESIZE &&
		    (!is_weight(form) || c->node == n))
			return HMR_OK;
	}
	if (x->n_constants == x->cap_constants) {
		uint32_t cap = x->cap_constants ? 2 * x->cap_constants : 256;

		if (!(c = realloc(x->constant, cap * sizeof(*c))))
			return hmr_fail(e, HMR_E_NOMEM, "plan");
		x->constant = c;
		x->cap_constants = cap;
	}
	x->constant[x->n_constants++] = (struct cuda_const){ n, value, form,
		x->sizes.weights, bytes };
	x->sizes.weights += up(bytes);
	return HMR_OK;
}

static enum hmr_status
add_constants(struct hmr_exec *x, uint32_t node, struct hmr_err *e)
{
	const struct hmr_graph *g = x->job->graph;
	const struct hmr_node *n = &g->node[node];
	const struct hmr_dims *dims = x->job->plan[0].dims, *out = &dims[n->out[0]];
	bool window = n->op == HMR_OP_CONV || n->op == HMR_OP_CONV_TRANSPOSE;
	enum hmr_status st;

	if (window)
		x->method[node] = cuda_method_of(n, dims);
	for (uint32_t i = 0; i < n->n_in; i++) {
		enum cuda_form form = CUDA_FORM_PLAIN;
		size_t count;

		if (g->value[n->in[i]].tensor < 0)
			continue;
		if (window && i == 1)
			form = cuda_weight_form(x->method[node]);
		if (n->op == HMR_OP_GATHER && i == 1)
			form = CUDA_FORM_F32;
		count = hmr_dims_total(hmr_graph_const_dims(g, n->in[i]));
		if ((st = add_constant(x, n, n->in[i], form,
				       count * (form == CUDA_FORM_F32 ? 4 : x->item), e)))
			return st;
	}
	if (n->op != HMR_OP_RESIZE)
		return HMR_OK;
	return add_constant(x, n, 0, CUDA_FORM_RESIZE,
			    (size_t)(out->d[1] + out->d[2]) * 12, e);
}

const void *
cuda_const_at(const struct hmr_exec *x, uint32_t value, enum cuda_form form)
{
	for (uint32_t i = 0; i < x->n_constants; i++)
		if (x->constant[i].value == value && x->constant[i].form == form)
			return x->memory + x->constant[i].offset;
	return NULL;
}

const void *
cuda_taps_at(const struct hmr_exec *x, const struct hmr_node *n)
{
	for (uint32_t i = 0; i < x->n_constants; i++)
		if (x->constant[i].node == n && (x->constant[i].form == CUDA_FORM_RESIZE ||
						 is_weight(x->constant[i].form)))
			return x->memory + x->constant[i].offset;
	return NULL;
}

static enum hmr_status
plan_one(struct hmr_exec *x, uint32_t p, struct hmr_err *e)
{
	const struct hmr_graph *g = x->job->graph;
	struct cuda_plan *c = &x->plan[p];
	struct hmr_step_io *io;
	enum hmr_status st;

	if ((st = hmr_layout_init(&c->lay, x->job, e)))
		return st;
	c->lay.item = x->item;
	c->step = calloc(g->n_nodes + 1, sizeof(*c->step));
	io = calloc(g->n_nodes + 1, sizeof(*io));
	if (!c->step || !io) {
		free(io);
		return hmr_fail(e, HMR_E_NOMEM, "plan");
	}
	for (uint32_t i = 0; i < g->n_nodes; i++) {
		const struct hmr_node *n = &g->node[i];

		if (!x->job->live[i] || n->op == HMR_OP_RESHAPE)
			continue;
		c->step[c->n_steps].n = n;
		io[c->n_steps++] = (struct hmr_step_io){ n->in, n->out, n->n_in, n->n_out };
	}
	st = hmr_layout_make(&c->lay, x->job, &x->job->plan[p], io, c->n_steps, e);
	free(io);
	if (!st && c->lay.bytes > x->sizes.activations)
		x->sizes.activations = c->lay.bytes;
	return st;
}

/* What a stage does around the network: its jobs, work and results. Returns where
 * the device's memory goes on. */
static size_t
place_around(struct hmr_exec *x, size_t at)
{
	const struct hmr_net_around *a = x->job->around;
	size_t n = cuda_batch(x, x->job->n_plans - 1);

	for (uint32_t i = 0; i < a->slots; i++) {
		x->host_job[i] = x->host_bytes;
		x->host_bytes += up(n * a->job);
		x->host_result[i] = x->host_bytes;
		x->host_bytes += up(n * a->result);
	}
	x->at_job = at;
	x->at_work = x->at_job + up(n * a->job);
	x->at_result = x->at_work + up(n * a->work);
	return x->at_result + up(n * a->result);
}

/* Inputs and outputs: where the host's copies are, and the device's. */
static void
place_io(struct hmr_exec *x)
{
	const struct hmr_graph *g = x->job->graph;
	const struct hmr_dims *dims = x->job->plan[x->job->n_plans - 1].dims;
	size_t at = x->sizes.weights;

	if (x->job->around)
		at = place_around(x, at);
	for (uint32_t i = 0; i < g->n_inputs; i++) {
		size_t n = hmr_dims_total(&dims[g->input[i].value]);

		if (x->job->around) {
			x->at_in[i] = at;
			at += up(x->item * n);
			continue;
		}
		x->host_in[i] = x->host_bytes;
		x->host_bytes += up(4 * n);
		x->at_in32[i] = x->at_in[i] = at;
		at += up(4 * n);
		if (x->item != 4) {
			x->at_in[i] = at;
			at += up(x->item * n);
		}
	}
	for (uint32_t i = 0; i < g->n_outputs; i++) {
		size_t n = hmr_dims_total(&dims[g->output[i].value]);

		if (!x->job->keep[i])
			continue;
		if (!x->job->around) {
			x->host_out[i] = x->host_bytes;
			x->host_bytes += up(4 * n);
		}
		x->at_out32[i] = at;
		at += x->item != 4 ? up(4 * n) : 0;
	}
	x->at_block = at;
	at += up(x->sizes.activations);
	x->at_workspace = at;
	x->sizes.activations = at - x->sizes.weights;
	if (x->host_bytes < PIECE)
		x->host_bytes = PIECE;
}

/* Whether a value is a number of an element, too large for 16-bit formats. */
static bool
counts(const struct hmr_job *job)
{
	for (uint32_t i = 0; i < job->graph->n_nodes; i++) {
		const struct hmr_node *n = &job->graph->node[i];

		if (job->live[i] && (n->op == HMR_OP_ARG_MAX || n->op == HMR_OP_TOP_K ||
				     (n->op == HMR_OP_GATHER &&
				      job->graph->value[n->in[1]].tensor < 0)))
			return true;
	}
	return false;
}

static enum hmr_status
choose_precision(struct hmr_exec *x, struct hmr_err *e)
{
	x->precision = x->job->precision;
	if (x->precision == HMR_PRECISION_INT8 || x->precision == HMR_PRECISION_FP8)
		return hmr_fail(e, HMR_E_DEVICE,
				"cuda: networks of this kind run in f32, bf16 or f16");
	if (x->precision != HMR_PRECISION_F32 && counts(x->job)) {
		if (!x->job->automatic)
			return hmr_fail(e, HMR_E_DEVICE, "cuda: a network that computes "
					"indices runs in f32 only");
		x->precision = HMR_PRECISION_F32;
	}
	x->item = x->precision == HMR_PRECISION_F32 ? 4 : 2;
	return HMR_OK;
}

static enum hmr_status
fit(struct hmr_exec *x, struct hmr_err *e)
{
	const struct hmr_job *job = x->job;
	size_t least = x->at_workspace;

	for (x->workspace = WORKSPACE; job->gpu_mem && x->workspace &&
	     least + x->workspace > job->gpu_mem; x->workspace /= 4)
		if (x->workspace <= WORKSPACE_LEAST)
			x->workspace = 0;
	x->total = least + x->workspace;
	x->sizes.workspace = x->workspace;
	x->sizes.device = x->total;
	x->sizes.staging = x->host_bytes;
	if (job->gpu_mem && x->total > job->gpu_mem)
		return hmr_fail(e, HMR_E_LIMIT, "needs %zu bytes of GPU memory (weights %zu, "
				"activations %zu), the limit leaves %llu", x->total,
				x->sizes.weights, x->sizes.activations,
				(unsigned long long)job->gpu_mem);
	return HMR_OK;
}

enum hmr_status
cuda_plan_make(struct hmr_exec *x, struct hmr_err *e)
{
	const struct hmr_job *job = x->job;
	enum hmr_status st;

	if ((st = choose_precision(x, e)))
		return st;
	if (job->around && job->graph->n_inputs != 1)
		return hmr_fail(e, HMR_E_MODEL, "%u inputs, one image is wanted",
				job->graph->n_inputs);
	x->plan = calloc(job->n_plans, sizeof(*x->plan));
	x->method = calloc(job->graph->n_nodes + 1, sizeof(*x->method));
	if (!x->plan || !x->method)
		return hmr_fail(e, HMR_E_NOMEM, "network");
	for (uint32_t i = 0; i < job->graph->n_nodes; i++)
		if (job->live[i] && (st = add_constants(x, i, e)))
			return st;
	for (uint32_t p = 0; p < job->n_plans; p++)
		if ((st = plan_one(x, p, e)))
			return st;
	place_io(x);
	return fit(x, e);
}

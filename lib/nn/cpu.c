/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cpu backend: NHWC in float32, or bfloat16 where that pays (cpu_bf16.c), oneDNN for
 * convolutions (cpu_conv.c), own loops for the rest (cpu_ops.c), threads of OpenMP
 * (cpu_run.c). Activations of all batch sizes share one block, scratch memory is one
 * more; weights are packed once. Running allocates nothing here; oneDNN's C interface
 * builds a small map of arguments for every execution and frees it before it returns
 * (tests/unit/test_nn_golden.c watches that nothing stays).
 *
 * Batches are run image by image (slice.c): BlazePose heavy took 43.5 ms of one
 * core for one image, 46 and 49.5 each in batches of 2 and 8, because the large
 * activations leave the caches, and eight times the memory. It also makes a
 * person's numbers independent of who else is in the frame.
 */
#include "nn/cpu.h"

#include <stdlib.h>
#include <string.h>

#include "nn/arena.h"

/* Constants that loops read, as float32. Convolutions pack their own. */
static enum hmr_status
load_constants(struct hmr_exec *x, const struct hmr_node *n, struct hmr_err *e)
{
	const struct hmr_graph *g = x->job->graph;

	for (uint32_t k = 0; k < n->n_in; k++) {
		uint32_t v = n->in[k];
		size_t bytes;

		if (g->value[v].tensor < 0 || x->constant[v])
			continue;
		bytes = hmr_dims_total(hmr_graph_const_dims(g, v)) * sizeof(float);
		if (!(x->constant[v] = hmr_alloc_lines(bytes)))
			return hmr_fail(e, HMR_E_NOMEM, "weights");
		hmr_graph_const_f32(g, v, x->constant[v]);
		x->sizes.weights += bytes;
	}
	return HMR_OK;
}

static void *
place_of(struct hmr_exec *x, uint32_t plan, uint32_t v)
{
	const struct hmr_layout *l = &x->plan[plan].lay;
	uint32_t r = l->root[v];
	const struct hmr_value *value = &x->job->graph->value[r];

	if (value->tensor >= 0)
		return x->constant[r];
	return value->input >= 0 ? (void *)x->input[value->input] :
				   (void *)(x->block + l->offset[r]);
}

static enum hmr_status
plan_one(struct hmr_exec *x, uint32_t p, struct hmr_err *e)
{
	struct cpu_plan *c = &x->plan[p];
	struct hmr_step_io *io;
	enum hmr_status st;

	if ((st = hmr_layout_init(&c->lay, x->job, e)) || (st = cpu_fuse(x, p, e)))
		return st;
	if (!(io = calloc(c->n_steps + 1, sizeof(*io))))
		return hmr_fail(e, HMR_E_NOMEM, "plan");
	for (uint32_t i = 0; i < c->n_steps; i++) {
		struct cpu_step *s = &c->step[i];
		io[i] = (struct hmr_step_io){ s->io,
			s->add ? s->add->out : s->n->out,
			s->n->n_in + (s->add != NULL), s->n->n_out };
		if (!s->conv)
			s->parts = cpu_loop_parts(x, p, s->n);
		for (uint32_t k = 0; s->conv && k < s->parts; k++)
			if (cpu_conv_scratch(s->conv[k]) > x->scratch_bytes)
				x->scratch_bytes = cpu_conv_scratch(s->conv[k]);
	}
	st = hmr_layout_make(&c->lay, x->job, &x->job->plan[p], io, c->n_steps, e);
	free(io);
	if (!st && c->lay.bytes > x->sizes.activations)
		x->sizes.activations = c->lay.bytes;
	return st;
}

static enum hmr_status
allocate(struct hmr_exec *x, struct hmr_err *e)
{
	const struct hmr_graph *g = x->job->graph;
	const struct hmr_plan *largest = &x->job->plan[x->job->n_plans - 1];
	size_t scratch;

	x->block = hmr_alloc_lines(x->sizes.activations);
	x->scratch_bytes = hmr_lines(x->scratch_bytes);
	if (__builtin_mul_overflow(x->scratch_bytes, x->job->threads, &scratch))
		return hmr_fail(e, HMR_E_NOMEM, "workspace");
	x->scratch = hmr_alloc_lines(scratch);
	x->sizes.workspace = scratch;
	if (!x->block || !x->scratch)
		return hmr_fail(e, HMR_E_NOMEM, "%zu bytes of activations",
				x->sizes.activations);
	for (uint32_t i = 0; i < g->n_inputs; i++) {
		size_t n = hmr_dims_total(&largest->dims[g->input[i].value]) * sizeof(float);

		if (!(x->input[i] = hmr_alloc_lines(n)))
			return hmr_fail(e, HMR_E_NOMEM, "input of %zu bytes", n);
		x->sizes.workspace += n;
	}
	return HMR_OK;
}

static enum hmr_status
finish_loop(struct hmr_exec *x, uint32_t p, struct cpu_step *s, struct hmr_err *e)
{
	const struct hmr_node *n = s->n;
	const struct hmr_dims *dims = x->job->plan[p].dims;
	uint32_t all = n->n_in + n->n_out;
	enum hmr_status st;

	if ((st = load_constants(x, n, e)))
		return st;
	if (!(s->places = calloc(2 * all, sizeof(*s->places))))
		return hmr_fail(e, HMR_E_NOMEM, "plan");
	s->impl = "loop";
	for (uint32_t i = 0; i < all; i++) {
		uint32_t v = i < n->n_in ? n->in[i] : n->out[i - n->n_in];

		s->places[i] = place_of(x, p, v);
		s->places[all + i] = (void *)(uintptr_t)&dims[v];
	}
	s->call = (struct hmr_call){ n, (const float *const *)s->places,
		(float *const *)(s->places + n->n_in),
		(const struct hmr_dims *const *)(s->places + all),
		(const struct hmr_dims *const *)(s->places + all + n->n_in), 0, s->parts };
	return HMR_OK;
}

static enum hmr_status
finish_plan(struct hmr_exec *x, uint32_t p, struct hmr_err *e)
{
	struct cpu_plan *c = &x->plan[p];
	enum hmr_status st;

	for (uint32_t i = 0; i < c->n_steps; i++) {
		struct cpu_step *s = &c->step[i];

		if (!s->conv) {
			if ((st = finish_loop(x, p, s, e)))
				return st;
			continue;
		}
		s->impl = cpu_conv_impl(s->conv[0]);
		s->out = place_of(x, p, (s->add ? s->add : s->n)->out[0]);
		if (c->lay.half[s->n->out[0]])
			s->behind = (uint16_t *)place_of(x, p, s->n->out[0]) +
				hmr_dims_total(&x->job->plan[p].dims[s->n->out[0]]);
		s->other = s->add ? place_of(x, p, s->residual) : NULL;
		for (uint32_t k = 0; k < s->parts; k++) {
			st = cpu_conv_finish(x, s->n, s->conv[k], place_of(x, p, s->n->in[0]),
				x->job->graph->value[s->n->in[1]].tensor < 0 ?
				place_of(x, p, s->n->in[1]) : NULL,
				s->out, x->scratch + k * x->scratch_bytes, e);
			if (st)
				return st;
		}
	}
	return HMR_OK;
}

static void
close_plan(struct cpu_plan *c)
{
	for (uint32_t i = 0; i < c->n_steps; i++)
		cpu_step_release(&c->step[i]);
	free(c->step);
	hmr_layout_release(&c->lay);
}

static void
cpu_close(struct hmr_exec *x)
{
	const struct hmr_graph *g;

	if (!x)
		return;
	g = x->job->graph;
	for (uint32_t p = 0; x->plan && p < x->job->n_plans; p++)
		close_plan(&x->plan[p]);
	for (uint32_t i = 0; x->weights && i < g->n_nodes; i++)
		cpu_weights_release(&x->weights[i]);
	for (uint32_t v = 0; x->constant && v < g->n_values; v++)
		free(x->constant[v]);
	for (uint32_t i = 0; x->input && i < g->n_inputs; i++)
		free(x->input[i]);
	cpu_team_release(x);
	dnnl_stream_destroy(x->stream);
	dnnl_engine_destroy(x->engine);
	free(x->plan);
	free(x->weights);
	free(x->constant);
	free(x->input);
	free(x->block);
	free(x->scratch);
	free(x);
}

static enum hmr_status
open_all(struct hmr_exec *x, struct hmr_err *e)
{
	const struct hmr_job *job = x->job;
	uint32_t most = 0;
	enum hmr_status st;

	x->plan = calloc(job->n_plans, sizeof(*x->plan));
	x->weights = calloc(job->graph->n_nodes + 1, sizeof(*x->weights));
	x->constant = calloc(job->graph->n_values, sizeof(*x->constant));
	x->input = calloc(job->graph->n_inputs, sizeof(*x->input));
	if (!x->plan || !x->weights || !x->constant || !x->input)
		return hmr_fail(e, HMR_E_NOMEM, "network");
	if (dnnl_engine_create(&x->engine, dnnl_cpu, 0) ||
	    dnnl_stream_create(&x->stream, x->engine, dnnl_stream_default_flags))
		return hmr_fail(e, HMR_E_DEVICE, "cpu: oneDNN does not start");
	for (uint32_t p = 0; p < job->n_plans; p++)
		if ((st = plan_one(x, p, e)))
			return st;
		else if (x->plan[p].n_steps > most)
			most = x->plan[p].n_steps;
	if ((st = allocate(x, e)) || (st = cpu_team_init(x, most, e)))
		return st;
	for (uint32_t p = 0; p < job->n_plans; p++)
		if ((st = finish_plan(x, p, e)))
			return st;
	return HMR_OK;
}

static enum hmr_status
cpu_open(struct hmr_exec **out, const struct hmr_job *job, struct hmr_err *e)
{
	struct hmr_exec *x;
	enum hmr_status st;
	int threads = omp_get_max_threads();

	if (job->precision != HMR_PRECISION_F32 && job->precision != HMR_PRECISION_BF16)
		return hmr_fail(e, HMR_E_DEVICE, "cpu: only --precision f32 or bf16");
	if (job->precision == HMR_PRECISION_BF16 && !cpu_bf16_here())
		return hmr_fail(e, HMR_E_DEVICE, "this CPU has no bfloat16: --precision f32");
	if (!(x = calloc(1, sizeof(*x))))
		return hmr_fail(e, HMR_E_NOMEM, "network");
	x->job = job;
	omp_set_num_threads((int)job->threads);	/* primitives divide their work by it */
	st = open_all(x, e);
	omp_set_num_threads(threads);
	if (st) {
		cpu_close(x);
		return st;
	}
	*out = x;
	return HMR_OK;
}

static float *
cpu_input(struct hmr_exec *x, uint32_t i)
{
	return x->input[i];
}

static enum hmr_status
cpu_run(struct hmr_exec *x, uint32_t p, struct hmr_err *e)
{
	return cpu_run_steps(x, &x->plan[p], 0, x->plan[p].n_steps, e);
}

static enum hmr_status
cpu_run_step(struct hmr_exec *x, uint32_t p, uint32_t step, struct hmr_err *e)
{
	return cpu_run_steps(x, &x->plan[p], step, step + 1, e);
}

static const float *
cpu_output(struct hmr_exec *x, uint32_t p, uint32_t i)
{
	return place_of(x, p, x->job->graph->output[i].value);
}

static void
cpu_sizes(const struct hmr_exec *x, struct hmr_net_plan *out)
{
	*out = x->sizes;
}

static bool
cpu_describe(const struct hmr_exec *x, uint32_t p, uint32_t step,
	     const char **node, const char **impl)
{
	if (step >= x->plan[p].n_steps)
		return false;
	*node = x->plan[p].step[step].n->name;
	*impl = x->plan[p].step[step].impl;
	return true;
}

const struct hmr_backend *
hmr_backend_cpu(void)
{
	static const struct hmr_backend b = { "cpu", HMR_PRECISION_F32, true, cpu_open,
		cpu_close, cpu_input, cpu_run, cpu_output, cpu_sizes, cpu_describe,
		cpu_run_step, NULL, NULL, NULL, NULL };

	return &b;
}

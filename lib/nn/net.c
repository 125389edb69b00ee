/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network ready to run: chooses the backend and precision, finds out what the
 * wanted outputs need, sizes the graph for every planned batch, and hands all
 * that to the backend once. Running only looks up the plan.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nn/around.h"
#include "nn/backend.h"
#include "nn/graph.h"
#include "nn/slice.h"
#include "nn/target.h"

#define BATCHES_MAX 16

struct hmr_net {
	const struct hmr_graph *g;
	const struct hmr_backend *backend;
	struct hmr_exec *exec;
	struct hmr_job job;
	bool *live, *keep;
	struct hmr_plan plan[BATCHES_MAX];	/* as asked for */
	uint32_t n_plans, ran;	/* ran: plan of the last run */
	struct hmr_slices *slices;	/* NULL: the backend has the same plans */
	char device[32];
};

static const char *const precision_name[] = { "auto", "f32", "bf16", "f16",
	"int8", "fp8" };

static enum hmr_status
choose_backend(struct hmr_net *n, const struct hmr_net_options *o, struct hmr_err *e)
{
	struct hmr_target t = { .kind = HMR_TARGET_CUDA, .name = "cuda" };
	enum hmr_status st;

	if (!o->plan_only && (st = hmr_target_choose(&t, o->device, e)))
		return st;
	n->backend = t.kind == HMR_TARGET_CUDA ? hmr_backend_cuda() :
		t.kind == HMR_TARGET_REF ? hmr_backend_ref() : hmr_backend_cpu();
	n->job.index = t.index;
	memcpy(n->device, t.name, sizeof(t.name));
	return HMR_OK;
}

/* keep[]: outputs wanted by name. */
static enum hmr_status
choose_outputs(struct hmr_net *n, const char *const *want, struct hmr_err *e)
{
	const struct hmr_graph *g = n->g;

	for (uint32_t i = 0; i < g->n_outputs; i++)
		n->keep[i] = !want;
	for (; want && *want; want++) {
		uint32_t i = 0;

		while (i < g->n_outputs && strcmp(g->output[i].name, *want))
			i++;
		if (i == g->n_outputs)
			return hmr_fail(e, HMR_E_MODEL, "the model has no output %.80s", *want);
		n->keep[i] = true;
	}
	hmr_graph_live(g, n->keep, n->live);
	return HMR_OK;
}

static enum hmr_status
make_plan(struct hmr_net *n, const struct hmr_net_options *o, uint32_t batch,
	  struct hmr_err *e)
{
	struct hmr_plan *p = &n->plan[n->n_plans];
	struct hmr_dims in[HMR_GRAPH_IO_MAX] = { { .n = 0 } };

	if (!(p->dims = calloc(n->g->n_values, sizeof(*p->dims))))
		return hmr_fail(e, HMR_E_NOMEM, "plan");
	n->n_plans++;
	in[0] = o->input;
	if (batch) {
		if (!in[0].n)
			in[0].n = n->g->input[0].dims.n;
		in[0].d[0] = batch;
		/* further inputs of a batched network follow the first */
		for (uint32_t i = 1; i < n->g->n_inputs; i++)
			if (n->g->input[i].free[0]) {
				in[i].n = n->g->input[i].dims.n;
				in[i].d[0] = batch;
			}
	}
	p->batch = batch;
	return hmr_graph_shapes(n->g, in, n->live, p->dims, e);
}

static enum hmr_status
make_plans(struct hmr_net *n, const struct hmr_net_options *o, struct hmr_err *e)
{
	const struct hmr_dims *d = &n->g->input[0].dims;
	uint32_t batch = d->n ? (uint32_t)d->d[0] : 0;
	enum hmr_status st;

	if (o->input.n && o->input.d[0] > 0 && o->input.d[0] < 1 << 20)
		batch = (uint32_t)o->input.d[0];
	if (!o->batches)
		return make_plan(n, o, batch, e);
	for (const uint32_t *b = o->batches; *b; b++) {
		if (n->n_plans == BATCHES_MAX)
			return hmr_fail(e, HMR_E_LIMIT, "more than %d batch sizes", BATCHES_MAX);
		if (b > o->batches && *b <= b[-1])
			return hmr_fail(e, HMR_E_USAGE, "batch sizes must rise");
		if ((st = make_plan(n, o, *b, e)))
			return st;
	}
	return n->n_plans ? HMR_OK : make_plan(n, o, batch, e);
}

/* Image by image from here on, where images do not mix. */
static enum hmr_status
slice(struct hmr_net *n, struct hmr_err *e)
{
	enum hmr_status st = hmr_slices_new(&n->slices, &n->job, e);

	if (n->slices) {
		n->job.plan = hmr_slices_plan(n->slices);
		n->job.n_plans = 1;
	}
	return st;
}

/* A device too small for a batch may have room for one image. */
static enum hmr_status
open_backend(struct hmr_net *n, struct hmr_err *e)
{
	enum hmr_status st = n->backend->open(&n->exec, &n->job, e), sliced;

	if (st == HMR_E_LIMIT && n->job.around) {
		if (n->job.n_plans > 1 && n->plan[0].batch == 1) {
			n->job.n_plans = 1;
			st = n->backend->open(&n->exec, &n->job, e);
		}
	} else if (st == HMR_E_LIMIT && !n->slices) {
		if ((sliced = slice(n, e)))
			return sliced;
		if (n->slices)
			st = n->backend->open(&n->exec, &n->job, e);
	}
	if (!st && n->backend->precision)
		n->job.precision = n->backend->precision(n->exec);
	return st == HMR_E_LIMIT ? HMR_E_DEVICE : st;	/* not the input's fault */
}

enum hmr_status
hmr_net_new(struct hmr_net **out, const struct hmr_model *m,
	    const struct hmr_net_options *o, struct hmr_err *e)
{
	static const struct hmr_net_options none;
	struct hmr_net *n;
	enum hmr_status st;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	*out = NULL;
	o = o ? o : &none;
	if (!hmr_model_graph(m))
		return hmr_fail(e, HMR_E_MODEL, "model %.60s (%.40s) holds no network",
				hmr_model_name(m), hmr_model_kind(m));
	if (!(n = calloc(1, sizeof(*n))))
		return hmr_fail(e, HMR_E_NOMEM, "network");
	n->g = hmr_model_graph(m);
	n->live = calloc(n->g->n_nodes + 1, sizeof(*n->live));
	n->keep = calloc(n->g->n_outputs + 1, sizeof(*n->keep));
	if (!n->live || !n->keep) {
		st = hmr_fail(e, HMR_E_NOMEM, "network");
		goto fail;
	}
	if ((st = choose_backend(n, o, e)) ||
	    (st = choose_outputs(n, o->outputs, e)) || (st = make_plans(n, o, e)))
		goto fail;
	n->job.graph = n->g;
	n->job.live = n->live;
	n->job.keep = n->keep;
	n->job.plan = n->plan;
	n->job.n_plans = n->n_plans;
	n->job.threads = o->threads ? o->threads : cores > 0 ? (unsigned)cores : 1;
	n->job.precision = o->precision ? o->precision : n->backend->preferred;
	n->job.automatic = !o->precision;
	n->job.plan_only = o->plan_only;
	n->job.gpu_mem = o->gpu_mem;
	n->job.around = n->backend->put ? o->around : NULL;
	if ((n->backend->slices && (st = slice(n, e))) || (st = open_backend(n, e)))
		goto fail;
	n->ran = (n->slices ? n->n_plans : n->job.n_plans) - 1;
	*out = n;
	return HMR_OK;
fail:
	hmr_net_free(n);
	return st;
}

void
hmr_net_free(struct hmr_net *n)
{
	if (!n)
		return;
	if (n->exec)
		n->backend->close(n->exec);
	hmr_slices_free(n->slices);
	for (uint32_t i = 0; i < n->n_plans; i++)
		free(n->plan[i].dims);
	free(n->live);
	free(n->keep);
	free(n);
}

enum hmr_status
hmr_net_least(const struct hmr_model *m, const struct hmr_net_options *o,
	      uint64_t *bytes, struct hmr_err *e)
{
	struct hmr_net_options one = *o;
	struct hmr_net_plan p;
	struct hmr_target t;
	struct hmr_net *n;
	enum hmr_status st;

	*bytes = 0;
	if ((st = hmr_target_choose(&t, o->device, e)) || t.kind != HMR_TARGET_CUDA)
		return st;
	one.plan_only = true;
	one.gpu_mem = 0;
	one.batches = NULL;
	if (o->batches)
		one.input.d[0] = 1;
	if ((st = hmr_net_new(&n, m, &one, e)))
		return st;
	hmr_net_plan(n, &p);
	*bytes = p.weights + p.activations;
	hmr_net_free(n);
	return HMR_OK;
}

void
hmr_net_plan(const struct hmr_net *n, struct hmr_net_plan *out)
{
	n->backend->sizes(n->exec, out);
	if (n->slices)	/* on the host, also of a GPU */
		*(out->device ? &out->staging : &out->workspace) +=
			hmr_slices_bytes(n->slices);
}

const char *
hmr_net_backend(const struct hmr_net *n)
{
	return n->device;
}

const char *
hmr_net_precision(const struct hmr_net *n)
{
	return precision_name[n->job.precision];
}

bool
hmr_net_shape(const struct hmr_net *n, const char *name, struct hmr_dims *dims)
{
	const struct hmr_dims *all = n->plan[n->n_plans - 1].dims;

	for (uint32_t i = 0; i < n->g->n_inputs; i++)
		if (!strcmp(n->g->input[i].name, name)) {
			*dims = all[n->g->input[i].value];
			return true;
		}
	for (uint32_t i = 0; i < n->g->n_outputs; i++)
		if (n->keep[i] && !strcmp(n->g->output[i].name, name)) {
			*dims = all[n->g->output[i].value];
			return true;
		}
	return false;
}

uint32_t
hmr_net_batch(const struct hmr_net *n)
{
	return n->plan[(n->slices ? n->n_plans : n->job.n_plans) - 1].batch;
}

float *
hmr_net_input(struct hmr_net *n, const char *name, struct hmr_dims *dims)
{
	const struct hmr_plan *largest = &n->plan[n->n_plans - 1];

	for (uint32_t i = 0; i < n->g->n_inputs; i++)
		if (!name || !strcmp(n->g->input[i].name, name)) {
			if (dims)
				*dims = largest->dims[n->g->input[i].value];
			return n->slices ? hmr_slices_input(n->slices, i) :
					   n->backend->input(n->exec, i);
		}
	return NULL;
}

static bool
find_plan(const struct hmr_net *n, uint32_t batch, uint32_t *p)
{
	uint32_t plans = n->slices ? n->n_plans : n->job.n_plans;

	*p = plans - 1;
	if (!batch)
		return true;
	for (uint32_t i = 0; i < plans; i++)
		if (n->plan[i].batch == batch) {
			*p = i;
			return true;
		}
	return false;
}

enum hmr_status
hmr_net_run(struct hmr_net *n, uint32_t batch, struct hmr_err *e)
{
	uint32_t p;

	if (!find_plan(n, batch, &p))
		return hmr_fail(e, HMR_E_USAGE, "no plan for a batch of %u", batch);
	n->ran = p;
	if (n->slices)
		return hmr_slices_run(n->slices, n->backend, n->exec,
				      n->plan[p].batch, e);
	return n->backend->run(n->exec, p, e);
}

bool
hmr_net_around(const struct hmr_net *n)
{
	return n->job.around != NULL;
}

void *
hmr_net_job(struct hmr_net *n, uint32_t slot)
{
	return n->backend->slot_job(n->exec, slot);
}

const void *
hmr_net_result(const struct hmr_net *n, uint32_t slot)
{
	return n->backend->slot_result(n->exec, slot);
}

enum hmr_status
hmr_net_put(struct hmr_net *n, uint32_t batch, uint32_t slot, struct hmr_err *e)
{
	uint32_t p;

	if (!find_plan(n, batch, &p))
		return hmr_fail(e, HMR_E_USAGE, "no plan for a batch of %u", batch);
	n->ran = p;
	return n->backend->put(n->exec, p, slot, e);
}

const float *
hmr_net_output(struct hmr_net *n, const char *name, struct hmr_dims *dims)
{
	for (uint32_t i = 0; i < n->g->n_outputs; i++)
		if (n->keep[i] && !strcmp(n->g->output[i].name, name)) {
			if (dims)
				*dims = n->plan[n->ran].dims[n->g->output[i].value];
			return n->slices ? hmr_slices_output(n->slices, i) :
					   n->backend->output(n->exec, n->ran, i);
		}
	return NULL;
}

bool
hmr_net_step(const struct hmr_net *n, uint32_t batch, uint32_t step,
	     const char **node, const char **impl)
{
	uint32_t p;

	return find_plan(n, batch, &p) &&
	       n->backend->describe(n->exec, n->slices ? 0 : p, step, node, impl);
}

enum hmr_status
hmr_net_time_step(struct hmr_net *n, uint32_t step, double *ms, struct hmr_err *e)
{
	struct timespec a, b;
	enum hmr_status st;

	clock_gettime(CLOCK_MONOTONIC, &a);
	st = n->backend->run_step(n->exec, n->job.n_plans - 1, step, e);
	clock_gettime(CLOCK_MONOTONIC, &b);
	*ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) * 1e-6;
	return st;
}

double
hmr_net_flop(const struct hmr_net *n)
{
	const struct hmr_dims *d = n->plan[n->n_plans - 1].dims;
	double sum = 0;

	for (uint32_t i = 0; i < n->g->n_nodes; i++) {
		const struct hmr_node *c = &n->g->node[i];
		const struct hmr_dims *w;

		if (!n->live[i] || c->op != HMR_OP_CONV)
			continue;
		w = &d[c->in[1]];
		sum += 2.0 * (double)hmr_dims_total(&d[c->out[0]]) *
		       (double)(w->d[1] * w->d[2] * w->d[3]);
	}
	return sum;
}

unsigned
hmr_net_threads(const struct hmr_net *n)
{
	return n->job.threads;
}

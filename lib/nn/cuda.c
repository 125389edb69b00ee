/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cuda backend: half precision, float32 without TF32 or bfloat16, NHWC. Memory is
 * one block, planned before the device is opened (cuda_plan.c) and never more than
 * --gpu-mem. Each batch size is recorded once, from the copy of its inputs to the
 * copy of its outputs, and replayed for every run, so a run is one call. What a stage
 * does around the network (around.h) is recorded with it, once for each slot.
 *
 * What auto means is half precision: BlazePose's bodies on a frame of vtest.avi are
 * off by 1 mm in it and by 32 mm in bfloat16, which rounds eight times as coarsely.
 */
#include "nn/cuda.h"

#include <stdlib.h>

static void
close_plan(struct hmr_exec *x, struct cuda_plan *p)
{
	if (x->api)
		for (uint32_t i = 0; i < HMR_AROUND_SLOTS; i++)
			x->api->replay_free(p->replay[i]);
	for (uint32_t i = 0; p->step && i < p->n_steps; i++) {
		if (p->step[i].gemm)
			x->api->gemm_free(p->step[i].gemm);
		if (p->step[i].conv)
			x->api->conv_free(p->step[i].conv);
	}
	free(p->step);
	free(p->launch);
	hmr_layout_release(&p->lay);
}

static void
cuda_close(struct hmr_exec *x)
{
	if (!x)
		return;
	if (x->device && x->job->around)	/* the queue goes on without this network */
		(void)x->api->sync(x->queue, NULL);
	for (uint32_t p = 0; x->plan && p < x->job->n_plans; p++)
		close_plan(x, &x->plan[p]);
	if (x->device) {
		if (!x->job->around)
			x->api->queue_free(x->queue);
		x->api->release(x->device, x->memory);
		x->api->release_host(x->device, x->staging);
		if (!x->job->around)
			x->api->close(x->device);
	}
	free(x->plan);
	free(x->method);
	free(x->constant);
	free(x);
}

/* The steps' products and convolutions. A window that no library takes, at any
 * batch size, goes to the own kernel at all of them: the weights lie once. */
static enum hmr_status
find_libraries(struct hmr_exec *x, uint32_t step, struct hmr_err *e)
{
	const struct hmr_node *n = x->plan[0].step[step].n;
	enum cuda_method *m = &x->method[n - x->job->graph->node];
	enum hmr_status st = HMR_OK;

	for (uint32_t p = 0; !st && p < x->job->n_plans; p++)
		st = cuda_conv_find(x, p, &x->plan[p].step[step], e);
	if (st != HMR_EOF)
		return st;
	if (n->op == HMR_OP_MATMUL)
		return hmr_fail(e, HMR_E_DEVICE, "node %.80s: cuBLASLt has no such product",
				n->name);
	*m = CUDA_KERNEL;
	for (uint32_t i = 0; i < x->n_constants; i++)
		if (x->constant[i].node == n && x->constant[i].form == CUDA_FORM_KRSC)
			x->constant[i].form = CUDA_FORM_TAPS;
	return HMR_OK;
}

static void
set_type(struct hmr_exec *x)
{
	x->type = x->precision == HMR_PRECISION_F32 ? HMR_DEVICE_F32 :
		x->precision == HMR_PRECISION_BF16 ? HMR_DEVICE_BF16 : HMR_DEVICE_F16;
	x->type_name = x->type == HMR_DEVICE_F32 ? "f32" :
		x->type == HMR_DEVICE_BF16 ? "bf16" : "f16";
}

/* One of its own, or the stage's. */
static enum hmr_status
get_device(struct hmr_exec *x, struct hmr_err *e)
{
	enum hmr_status st;

	if (x->job->around) {
		x->device = x->job->around->device;
		x->queue = x->job->around->queue;
		return HMR_OK;
	}
	st = x->api->open(&x->device, x->job->index, HMR_DEVICE_BLAS | HMR_DEVICE_DNN, e);
	return st ? st : x->api->queue_new(x->device, &x->queue, e);
}

static enum hmr_status
open_device(struct hmr_exec *x, struct hmr_err *e)
{
	const struct hmr_device_info *info;
	void *p;
	enum hmr_status st;

	if ((st = get_device(x, e)))
		return st;
	set_type(x);
	info = x->api->info(x->device);
	if (!x->api->has(x->device, x->type))
		return hmr_fail(e, HMR_E_DEVICE, "%s (%d.%d) has no %s", info->name,
				info->major, info->minor, x->type_name);
	if ((st = x->api->alloc(x->device, x->total, &p, e)))
		return hmr_fail_in(e, st, "%s, %zu of %zu bytes free", info->name,
				   info->bytes_free, info->bytes);
	x->memory = p;
	st = x->api->alloc_host(x->device, x->host_bytes, &p, e);
	x->staging = p;
	return st;
}

static enum hmr_status
copy_inputs(struct hmr_exec *x, uint32_t p, struct hmr_err *e)
{
	const struct hmr_graph *g = x->job->graph;
	enum hmr_status st;

	for (uint32_t i = 0; i < g->n_inputs; i++) {
		size_t n = hmr_dims_total(&x->job->plan[p].dims[g->input[i].value]);

		if ((st = x->api->copy_in(x->queue, x->memory + x->at_in32[i],
					  x->staging + x->host_in[i], 4 * n, e)))
			return st;
	}
	return HMR_OK;
}

static enum hmr_status
copy_outputs(struct hmr_exec *x, uint32_t p, struct hmr_err *e)
{
	const struct hmr_graph *g = x->job->graph;
	enum hmr_status st;

	for (uint32_t i = 0; i < g->n_outputs; i++) {
		size_t n = hmr_dims_total(&x->job->plan[p].dims[g->output[i].value]);

		if (x->job->keep[i] &&
		    (st = x->api->copy_out(x->queue, x->staging + x->host_out[i],
					   cuda_output_at(x, p, i), 4 * n, e)))
			return st;
	}
	return HMR_OK;
}

static enum hmr_status
put_all(struct hmr_exec *x, uint32_t p, uint32_t slot, struct hmr_err *e)
{
	bool around = x->job->around;
	enum hmr_status st;

	if ((st = around ? cuda_around_before(x, p, slot, e) : copy_inputs(x, p, e)))
		return st;
	for (uint32_t i = 0; i < x->plan[p].n_launches; i++)
		if ((st = cuda_launch_run(x, &x->plan[p].launch[i], e)))
			return st;
	return around ? cuda_around_after(x, p, slot, e) : copy_outputs(x, p, e);
}

/* Once as it is, which loads kernels and shows errors; then recorded. */
static enum hmr_status
record(struct hmr_exec *x, uint32_t p, struct hmr_err *e)
{
	uint32_t slots = x->job->around ? x->job->around->slots : 1;
	enum hmr_status st, end;

	if ((st = put_all(x, p, 0, e)) || (st = x->api->sync(x->queue, e)))
		return st;
	for (uint32_t i = 0; i < slots; i++) {
		if ((st = x->api->record_begin(x->queue, e)))
			return st;
		st = put_all(x, p, i, e);
		end = x->api->record_end(x->queue, &x->plan[p].replay[i], st ? NULL : e);
		if (st || (st = end))
			return st;
	}
	return HMR_OK;
}

static enum hmr_status
open_all(struct hmr_exec *x, struct hmr_err *e)
{
	enum hmr_status st;

	if ((st = cuda_plan_make(x, e)) || x->job->plan_only)
		return st;
	x->api = hmr_device_api();
	if ((st = open_device(x, e)))
		return st;
	for (uint32_t i = 0; i < x->plan[0].n_steps; i++)
		if ((st = find_libraries(x, i, e)))
			return st;
	if ((st = cuda_weights_upload(x, e)))
		return st;
	for (size_t i = 0; i < x->host_bytes; i++)
		x->staging[i] = 0;
	for (uint32_t p = 0; p < x->job->n_plans; p++)
		if ((st = cuda_steps_make(x, p, e)) || (st = record(x, p, e)))
			return st;
	return HMR_OK;
}

static enum hmr_status
cuda_open(struct hmr_exec **out, const struct hmr_job *job, struct hmr_err *e)
{
	struct hmr_exec *x = calloc(1, sizeof(*x));
	enum hmr_status st;

	*out = NULL;
	if (!x)
		return hmr_fail(e, HMR_E_NOMEM, "network");
	x->job = job;
	if ((st = open_all(x, e))) {
		cuda_close(x);
		return st;
	}
	*out = x;
	return HMR_OK;
}

static float *
cuda_input(struct hmr_exec *x, uint32_t i)
{
	if (!x->staging || x->job->around)
		return NULL;
	return (float *)(void *)(x->staging + x->host_in[i]);
}

static enum hmr_status
cuda_put(struct hmr_exec *x, uint32_t p, uint32_t slot, struct hmr_err *e)
{
	return x->api->replay(x->queue, x->plan[p].replay[slot], e);
}

static enum hmr_status
cuda_run(struct hmr_exec *x, uint32_t p, struct hmr_err *e)
{
	enum hmr_status st = cuda_put(x, p, 0, e);

	return st ? st : x->api->sync(x->queue, e);
}

static const float *
cuda_output(struct hmr_exec *x, uint32_t p, uint32_t i)
{
	(void)p;
	if (!x->staging || x->job->around)
		return NULL;
	return (const float *)(const void *)(x->staging + x->host_out[i]);
}

static void
cuda_sizes(const struct hmr_exec *x, struct hmr_net_plan *out)
{
	*out = x->sizes;
}

static bool
cuda_describe(const struct hmr_exec *x, uint32_t p, uint32_t step, const char **node,
	      const char **impl)
{
	static const char *const planned[] = { "kernel", "depthwise", "cublaslt", "cudnn" };
	const struct cuda_step *s;

	if (step >= x->plan[p].n_steps)
		return false;
	s = &x->plan[p].step[step];
	*node = s->n->name;
	*impl = s->impl ? s->impl : s->n->op == HMR_OP_MATMUL ? "cublaslt" :
		planned[x->method[s->n - x->job->graph->node]];
	return true;
}

static enum hmr_status
cuda_run_step(struct hmr_exec *x, uint32_t p, uint32_t step, struct hmr_err *e)
{
	const struct cuda_step *s = &x->plan[p].step[step];
	enum hmr_status st;

	for (uint32_t i = 0; i < s->count; i++)
		if ((st = cuda_launch_run(x, &x->plan[p].launch[s->first + i], e)))
			return st;
	return x->api->sync(x->queue, e);
}

static enum hmr_precision
cuda_precision(const struct hmr_exec *x)
{
	return x->precision;
}

const struct hmr_backend *
hmr_backend_cuda(void)
{
	static const struct hmr_backend b = { "cuda", HMR_PRECISION_F16, false, cuda_open,
		cuda_close, cuda_input, cuda_run, cuda_output, cuda_sizes, cuda_describe,
		cuda_run_step, cuda_precision, cuda_around_job, cuda_around_result, cuda_put };

	return &b;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* HMR2 on a GPU: opened, recorded, run, closed; see hmr2_cuda.h. */
#include "hmr2/hmr2_cuda_impl.h"

#include <stdlib.h>
#include <string.h>

/* 8-bit weights stay that where the card has products for them; p: INT8 or AUTO. */
static enum hmr_status
choose_int8(struct hmr2_cuda *c, enum hmr_precision p, bool *out, struct hmr_err *e)
{
	const struct hmr_device_info *i = c->api->info(c->device);
	bool given = hmr2_weights_int8(c->w);
	enum hmr_status st = given ? hmr2_cuda_int8(c, out, e) : HMR_OK;

	if (st || *out || p == HMR_PRECISION_AUTO)
		return st;
	if (!given)
		return hmr_fail(e, HMR_E_USAGE, "the model file is %s: import it again with "
				"--precision int8", c->w->precision);
	return hmr_fail(e, HMR_E_DEVICE, "%s (%d.%d) has no 8-bit products of these widths: "
			"--precision f16", i->name, i->major, i->minor);
}

static enum hmr_status
choose_type(struct hmr2_cuda *c, enum hmr_precision p, struct hmr2_cuda_needs *n,
	    struct hmr_err *e)
{
	const struct hmr_device_info *i = c->api->info(c->device);
	bool bf16 = c->api->has(c->device, HMR_DEVICE_BF16);
	enum hmr_status st;

	switch (p) {
	case HMR_PRECISION_AUTO:
	case HMR_PRECISION_INT8:
		st = choose_int8(c, p, &n->int8, e);
		n->type = bf16 && !n->int8 ? HMR_DEVICE_BF16 : HMR_DEVICE_F16;
		return st;
	case HMR_PRECISION_F32: n->type = HMR_DEVICE_F32; return HMR_OK;
	case HMR_PRECISION_F16: n->type = HMR_DEVICE_F16; return HMR_OK;
	case HMR_PRECISION_BF16:
		n->type = HMR_DEVICE_BF16;
		return bf16 ? HMR_OK : hmr_fail(e, HMR_E_DEVICE, "%s (%d.%d) has no bfloat16: "
						"--precision f16", i->name, i->major, i->minor);
	default:
		return hmr_fail(e, HMR_E_USAGE, "hmr2 runs on a GPU in f32, bf16, f16 or "
				"int8");
	}
}

static enum hmr_status
check_dims(const struct hmr_hmr2_dims *d, struct hmr_err *e)
{
	if ((d->dim | d->mlp | d->head_dim | d->head_inner | d->head_mlp) % 8)
		return hmr_fail(e, HMR_E_MODEL, "layers whose width is no multiple of 8");
	if (d->dim / d->heads > HMR2K_HEAD_MAX || d->head_inner / d->head_heads > 256 ||
	    d->head_inner / d->head_heads % 8)
		return hmr_fail(e, HMR_E_MODEL, "attention heads of %u and %u: wider than "
				"128 and 256, or no multiple of 8", d->dim / d->heads,
				d->head_inner / d->head_heads);
	return HMR_OK;
}

/* Queues, events and memory, all that is allocated beside kernels and products. */
static enum hmr_status
make_room(struct hmr2_cuda *c, struct hmr_err *e)
{
	const struct hmr_device_api *api = c->api;
	void *p;
	enum hmr_status st;

	if ((st = api->queue_new(c->device, &c->queue, e)))
		return st;
	if (c->plan.slots) {
		if ((st = api->queue_new(c->device, &c->copies, e)) ||
		    (st = api->event_new(c->device, false, &c->start, e)))
			return st;
		for (int i = 0; i < 2; i++)
			if ((st = api->event_new(c->device, false, &c->ready[i], e)) ||
			    (st = api->event_new(c->device, false, &c->done[i], e)))
				return st;
		if ((st = api->alloc_host(c->device, c->plan.host_layers, &p, e)))
			return st;
		c->host_layers = p;
	}
	if ((st = api->alloc_host(c->device, c->plan.host_io, &p, e)))
		return st;
	c->host = p;
	if ((st = api->alloc(c->device, c->plan.device, &p, e)))
		return st;
	c->base = p;
	/* people who are not there are computed too */
	return api->fill(c->queue, c->base + c->map.crops, 0,
			 c->map.x - c->map.crops, e);
}

static enum hmr_status
record(struct hmr2_cuda *c, uint32_t batch, struct hmr_err *e)
{
	enum hmr_status st = c->api->record_begin(c->queue, e), end;

	if (st)
		return st;
	st = hmr2_cuda_steps(c, batch, e);
	end = c->api->record_end(c->queue, &c->batch[batch].replay, st ? NULL : e);
	return st ? st : end;
}

static enum hmr_status
make(struct hmr2_cuda *c, const struct hmr2_cuda_options *o, struct hmr_err *e)
{
	struct hmr2_cuda_needs n = { .people = o->people ? o->people : HMR2_CUDA_PEOPLE,
		.vertices = c->body.vertices, .width = o->width, .height = o->height,
		.slot = o->width ? hmr_slot_bytes(o->width, o->height, o->image_bytes) : 0,
		.limit = o->limit };
	enum hmr_status st;

	if ((st = check_dims(&c->w->d, e)) ||
	    (st = c->api->open(&c->device, o->index, HMR_DEVICE_BLAS, e)) ||
	    (st = choose_type(c, o->precision, &n, e)) ||
	    (st = hmr2_cuda_plan_make(&c->plan, &c->w->d, &n, e)))
		return st;
	c->types[0] = n.type;
	c->types[1] = n.type == HMR_DEVICE_BF16 ? HMR_DEVICE_F16 : n.type;
	hmr2_cuda_map_make(&c->map, &c->w->d, &n, c->plan.people, c->plan.resident);
	while (1u << c->batches <= c->plan.people)
		c->batches++;
	if ((st = make_room(c, e)) || (n.slot && (st = hmr_slots_over(&c->slots, c->device,
			c->queue, c->base + c->map.planes, c->host + c->map.host_planes,
			n.slot, e))) || (st = hmr2_cuda_load(c, e)) ||
	    (st = hmr2_cuda_tools(c, e)))
		return st;
	for (uint32_t i = 0; i < c->batches; i++)
		if ((st = record(c, i, e)))
			return st;
	return HMR_OK;
}

enum hmr_status
hmr2_cuda_new(struct hmr2_cuda **out, const struct hmr2_weights *w,
	      const struct hmr2_cuda_options *o, struct hmr_err *e)
{
	const struct hmr_device_api *api = hmr_device_api();
	struct hmr2_cuda *c;
	enum hmr_status st;

	*out = NULL;
	if (!api)
		return hmr_fail(e, HMR_E_DEVICE, "built without CUDA");
	if (!(c = calloc(1, sizeof(*c))))
		return hmr_fail(e, HMR_E_NOMEM, "network");
	c->w = w;
	c->api = api;
	c->width = o->width;
	c->height = o->height;
	if (o->body && hmr_body_tables_get(o->body, &c->body)) {
		c->shapes = o->body_betas ? HMR_BODY_SHAPES : 0;
		c->poses = c->body.pose ? 207 : 0;
	}
	if ((st = make(c, o, e))) {
		hmr2_cuda_free(c);
		return st;
	}
	*out = c;
	return HMR_OK;
}

/* What was made on an open device, or part of it. */
static void
unmake(struct hmr2_cuda *c)
{
	const struct hmr_device_api *api = c->api;

	for (uint32_t i = 0; i < HMR2_CUDA_BATCHES; i++) {
		api->replay_free(c->batch[i].replay);
		api->gemm_free(c->batch[i].patch);
		api->gemm_free(c->batch[i].kv);
		for (int k = 0; k < 2; k++) {
			struct hmr2_cuda_gemms *g = &c->batch[i].gemm[k];

			api->gemm_free(g->qkv);
			api->gemm_free(g->proj);
			api->gemm_free(g->fc1);
			api->gemm_free(g->fc2);
		}
	}
	api->event_free(c->start);
	for (int i = 0; i < 2; i++) {
		api->event_free(c->ready[i]);
		api->event_free(c->done[i]);
	}
	hmr_slots_free(c->slots);
	api->queue_free(c->copies);
	api->queue_free(c->queue);
	api->release(c->device, c->base);
	api->release_host(c->device, c->host);
	api->release_host(c->device, c->host_layers);
	api->close(c->device);
}

void
hmr2_cuda_free(struct hmr2_cuda *c)
{
	if (c && c->device)
		unmake(c);
	free(c);
}

const struct hmr2_cuda_plan *
hmr2_cuda_planned(const struct hmr2_cuda *c)
{
	return &c->plan;
}

const char *
hmr2_cuda_precision(const struct hmr2_cuda *c)
{
	return hmr2_cuda_plan_precision(&c->plan);
}

float *
hmr2_cuda_crops(struct hmr2_cuda *c)
{
	return (float *)(void *)c->host;
}

enum hmr_status
hmr2_cuda_go(struct hmr2_cuda *c, uint32_t n, struct hmr_hmr2_result *out,
	     struct hmr_err *e)
{
	uint32_t batch = 0;
	enum hmr_status st;

	while (1u << batch < n)
		batch++;
	if ((st = c->api->replay(c->queue, c->batch[batch].replay, e)) ||
	    (st = c->api->sync(c->queue, e)))
		return st;
	memcpy(out, c->host + c->map.host_result, n * sizeof(*out));
	return HMR_OK;
}

enum hmr_status
hmr2_cuda_run(struct hmr2_cuda *c, const float *crops, uint32_t n,
	      struct hmr_hmr2_result *out, struct hmr_err *e)
{
	size_t bytes = n * (size_t)HMR_HMR2_PIXELS * sizeof(float);
	enum hmr_status st;

	if (crops != hmr2_cuda_crops(c))
		memcpy(c->host, crops, bytes);
	st = c->api->copy_in(c->queue, c->base + c->map.crops, c->host, bytes, e);
	return st ? st : hmr2_cuda_go(c, n, out, e);
}

const float *
hmr2_cuda_vertices(const struct hmr2_cuda *c, uint32_t i)
{
	if (!c->body.vertices)
		return NULL;
	return (const float *)(const void *)(c->host + c->map.host_vertices) +
		(size_t)i * c->body.vertices * 3;
}

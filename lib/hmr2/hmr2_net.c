/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2 as a whole: picks the device and the number format it can do, runs people
 * in parts.
 */
#include "hmr2/hmr2_net_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hmr2/hmr2_ref.h"
#include "nn/graph.h"
#include "nn/target.h"

#define TOKENS ((size_t)HMR_HMR2_TOKENS)
#define PEOPLE_MAX 8u
#define THREADS_MAX 256u

static void
run_share(void *ctx, unsigned thread)
{
	struct hmr_hmr2 *n = ctx;

#ifdef __x86_64__
	if (!n->dnnl)
		hmr2_backbone(n, thread);
#endif
	hmr2_decoder(n, thread);
}

/* The format to compute in. */
static enum hmr_status
choose(struct hmr_hmr2 *n, enum hmr_precision want, struct hmr_err *e)
{
	enum hmr_dtype file = n->w.block[n->w.d.depth - 1].qkv.dtype;

	n->num = file == HMR_DTYPE_BF16 ? HMR2_BF16 : file == HMR_DTYPE_I8 ? HMR2_INT8 :
		HMR2_F32;
	switch (want) {
	case HMR_PRECISION_AUTO:
		if ((n->num == HMR2_BF16 && !hmr2_cpu_bf16()) ||
		    (n->num == HMR2_INT8 && !hmr2_cpu_int8()))
			n->num = HMR2_F32;
		return HMR_OK;
	case HMR_PRECISION_F32:
		n->num = HMR2_F32;
		return HMR_OK;
	case HMR_PRECISION_BF16:
		if (n->num == HMR2_INT8)
			break;
		if (!hmr2_cpu_bf16())
			return hmr_fail(e, HMR_E_DEVICE, "this CPU has no bfloat16: "
					"--precision f32");
		n->num = HMR2_BF16;
		return HMR_OK;
	case HMR_PRECISION_INT8:
		if (n->num != HMR2_INT8)
			break;
		if (!hmr2_cpu_int8())
			return hmr_fail(e, HMR_E_DEVICE, "this CPU has no 8-bit products "
					"(AVX-512 VNNI): --precision f32");
		return HMR_OK;
	default:
		return hmr_fail(e, HMR_E_USAGE, "hmr2 runs in f32, bf16 or int8");
	}
	return hmr_fail(e, HMR_E_USAGE, "the model file is %s: import it again with "
			"--precision %s", n->w.precision,
			want == HMR_PRECISION_INT8 ? "int8" : "bf16");
}

static enum hmr_status
make_cuda(struct hmr_hmr2 *n, const struct hmr_hmr2_options *o, int index,
	  struct hmr_err *e)
{
	struct hmr2_cuda_options c = { .index = index, .precision = o->precision,
		.people = o->max_people, .limit = o->gpu_mem, .width = o->width,
		.height = o->height, .image_bytes = o->image_bytes, .body = o->body, .body_betas = o->betas };
	enum hmr_status st = hmr2_cuda_new(&n->cuda, &n->w, &c, e);

	n->images = o->width && o->height;
	if (!st)
		n->max = hmr2_cuda_planned(n->cuda)->people;
	return st;
}

/* n->w is open. */
static enum hmr_status
make(struct hmr_hmr2 *n, const struct hmr_hmr2_options *o, struct hmr_err *e)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = o->threads ? o->threads : cores > 0 ? (unsigned)cores : 1;
	struct hmr_target t;
	enum hmr_status st = hmr_target_choose(&t, o->device ? o->device : "cpu", e);

	if (st)
		return st;
	snprintf(n->backend, sizeof(n->backend), "%s", t.name);
	if (t.kind == HMR_TARGET_CUDA)
		return make_cuda(n, o, t.index, e);
	n->ref = t.kind == HMR_TARGET_REF;
	n->max = !o->max_people || o->max_people > PEOPLE_MAX ? PEOPLE_MAX : o->max_people;
	if ((st = choose(n, o->precision, e)))
		return st;
	if (!n->ref)
		return hmr2_make(n, threads < THREADS_MAX ? threads : THREADS_MAX, e);
	n->max = 1;
	n->num = HMR2_F32;
	n->work_bytes = hmr2_ref_bytes(&n->w.d) + TOKENS * n->w.d.dim * sizeof(float);
	if (!(n->ref_work = malloc(n->work_bytes)))
		return hmr_fail(e, HMR_E_NOMEM, "activations");
	n->x = n->ref_work;
	return HMR_OK;
}

enum hmr_status
hmr_hmr2_new(struct hmr_hmr2 **out, const char *path, const struct hmr_hmr2_options *o,
	     struct hmr_err *e)
{
	struct hmr_hmr2 *n = calloc(1, sizeof(*n));
	enum hmr_status st;

	*out = NULL;
	if (!n)
		return hmr_fail(e, HMR_E_NOMEM, "%s", path);
	if ((st = hmr2_weights_open(&n->w, path, e)) || (st = make(n, o, e))) {
		hmr_hmr2_free(n);
		return st;
	}
	*out = n;
	return HMR_OK;
}

enum hmr_status
hmr_hmr2_of_model(struct hmr_hmr2 **out, const struct hmr_model *m,
		  const struct hmr_hmr2_options *o, struct hmr_err *e)
{
	struct hmr_hmr2 *n = calloc(1, sizeof(*n));
	const struct hmr_safetensors *file = hmr_model_file(m);
	enum hmr_status st;
	const void *p;
	size_t bytes;

	*out = NULL;
	if (!n)
		return hmr_fail(e, HMR_E_NOMEM, "%s", hmr_model_name(m));
	/* opening a model hashed it, so all of it is in memory */
	p = hmr_safetensors_bytes(file, &bytes);
	hmr2_weights_drop(p, bytes);
	if ((st = hmr2_weights_of(&n->w, file, e)) || (st = make(n, o, e))) {
		hmr_fail_in(e, st, "%s", hmr_model_name(m));
		hmr_hmr2_free(n);
		return st;
	}
	*out = n;
	return HMR_OK;
}

void
hmr_hmr2_free(struct hmr_hmr2 *n)
{
	if (!n)
		return;
	hmr2_cuda_free(n->cuda);
	hmr2_pool_free(n->pool);
	hmr2_dnnl_free(n->dnnl);
	hmr2_unmake(n);
	free(n->block);
	free(n->scratch);
	free(n->work);
	free(n->ref_work);
	hmr2_weights_close(&n->w);
	free(n);
}

const struct hmr_hmr2_dims *
hmr_hmr2_dims(const struct hmr_hmr2 *n)
{
	return &n->w.d;
}

const char *
hmr_hmr2_name(const struct hmr_hmr2 *n)
{
	return n->w.name;
}

const char *
hmr_hmr2_backend(const struct hmr_hmr2 *n)
{
	return n->backend;
}

const char *
hmr_hmr2_precision(const struct hmr_hmr2 *n)
{
	if (n->cuda)
		return hmr2_cuda_precision(n->cuda);
	return n->num == HMR2_BF16 ? "bf16" : n->num == HMR2_INT8 ? "int8" : "f32";
}

void
hmr_hmr2_plan(const struct hmr_hmr2 *n, struct hmr_net_plan *out)
{
	memset(out, 0, sizeof(*out));
	if (n->cuda) {
		hmr2_cuda_plan_sum(hmr2_cuda_planned(n->cuda), out);
		return;
	}
	out->weights = n->packed_bytes;
	out->activations = n->work_bytes;
	if (n->dnnl)
		out->activations += hmr2_dnnl_bytes(n->dnnl, &out->weights);
}

float *
hmr_hmr2_part(struct hmr_hmr2 *n, uint32_t *people)
{
	*people = n->max;
	return n->cuda ? hmr2_cuda_crops(n->cuda) : NULL;
}

enum hmr_status
hmr_hmr2_run(struct hmr_hmr2 *n, const float *crops, uint32_t people,
	     struct hmr_hmr2_result *out, struct hmr_err *e)
{
	uint32_t parts = (people + n->max - 1) / n->max;

	enum hmr_status st;

	for (uint32_t i = 0; i < parts; i++) {
		uint32_t from = (uint32_t)((uint64_t)people * i / parts);

		n->n = (uint32_t)((uint64_t)people * (i + 1) / parts) - from;
		n->crops = crops + from * (size_t)HMR_HMR2_PIXELS;
		n->out = out + from;
		if (n->cuda) {
			if ((st = hmr2_cuda_run(n->cuda, n->crops, n->n, n->out, e)))
				return st;
			continue;
		}
		if (n->ref) {
			float *work = n->x + TOKENS * n->w.d.dim;

			hmr2_ref_backbone(&n->w, n->crops, n->x, work);
			hmr2_ref_head(&n->w, n->x, n->out, work);
			continue;
		}
		if (n->dnnl && (st = hmr2_dnnl_run(n->dnnl, n->crops, n->n, n->x, e)))
			return st;
		hmr2_pool_run(n->pool, run_share, n);
	}
	return HMR_OK;
}

const float *
hmr_hmr2_tokens(const struct hmr_hmr2 *n, uint32_t i)
{
	return n->x + i * TOKENS * n->w.d.dim;
}

const float *
hmr_hmr2_vertices(const struct hmr_hmr2 *n, uint32_t i)
{
	return n->cuda ? hmr2_cuda_vertices(n->cuda, i) : NULL;
}

bool
hmr_hmr2_images(const struct hmr_hmr2 *n)
{
	return n->images;
}

enum hmr_status
hmr_hmr2_begin(struct hmr_hmr2 *n, const struct hmr_image *im, struct hmr_err *e)
{
	return hmr2_cuda_begin(n->cuda, im, e);
}

enum hmr_status
hmr_hmr2_image(struct hmr_hmr2 *n, const struct hmr_image *im, struct hmr_err *e)
{
	return hmr2_cuda_image(n->cuda, im, e);
}

enum hmr_status
hmr_hmr2_run_squares(struct hmr_hmr2 *n, const struct hmr2_square *s, uint32_t people,
		     bool antialias, struct hmr_hmr2_result *out, struct hmr_err *e)
{
	return hmr2_cuda_run_squares(n->cuda, s, people, antialias, out, e);
}

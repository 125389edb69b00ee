/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Planning and running HMR2: picks the number format the CPU can do, packs the
 * weights layer by layer from the mapping, whose pages then leave memory, and
 * allocates everything for the largest part of people.
 */
#define _DEFAULT_SOURCE		/* madvise, MAP_ANONYMOUS */
#include "hmr2/hmr2_net_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hmr2/hmr2_ref.h"
#include "nn/graph.h"

#define TOKENS ((size_t)HMR_HMR2_TOKENS)
#define SIX 160u
#define PEOPLE_MAX 8u
#define THREADS_MAX 256u

static size_t
round64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

static size_t
most(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Room handed out twice: once to count, once for real (base set). */
struct room {
	uint8_t *base;
	size_t n;
};

static void *
take(struct room *r, size_t bytes)
{
	void *p = r->base ? r->base + r->n : NULL;

	r->n += round64(bytes);
	return p;
}

#ifdef __x86_64__

/* The first block may be finer than the others: its rounding goes through all. */
static enum hmr2_num
num_of(const struct hmr_hmr2 *n, uint32_t block)
{
	enum hmr_dtype t = n->w.block[block].qkv.dtype;

	if (n->num == HMR2_F32 || t == HMR_DTYPE_F32)
		return n->num == HMR2_BF16 && block ? HMR2_BF16 : HMR2_F32;
	if (t == HMR_DTYPE_BF16)
		return hmr2_cpu_bf16() ? HMR2_BF16 : HMR2_F32;
	return HMR2_INT8;
}

static void
plan_packed(struct hmr_hmr2 *n, struct room *r, void **at)
{
	const struct hmr_hmr2_dims *d = &n->w.d;
	size_t k = 0;

	at[k++] = take(r, hmr2_packed_bytes(HMR2_F32, d->dim, HMR_HMR2_PATCH));
	for (uint32_t i = 0; i < d->depth; i++) {
		const struct hmr2_block *b = &n->w.block[i];
		const struct hmr2_linear *l[] = { &b->qkv, &b->proj, &b->fc1, &b->fc2 };

		for (int j = 0; j < 4; j++)
			at[k++] = take(r, hmr2_packed_bytes(num_of(n, i), l[j]->out,
							  l[j]->in));
	}
}

struct pack_job {
	struct hmr_hmr2 *n;
	void **at;
};

static void
pack_share(void *ctx, unsigned thread)
{
	struct pack_job *job = ctx;
	struct hmr_hmr2 *n = job->n;

	if (!thread)
		hmr2_pack(&n->patch, HMR2_F32, &n->w.patch, job->at[0]);
	for (uint32_t i = thread; i < n->w.d.depth; i += hmr2_pool_threads(n->pool)) {
		const struct hmr2_block *b = &n->w.block[i];
		struct hmr2_packed_block *p = &n->block[i];
		const struct hmr2_linear *l[] = { &b->qkv, &b->proj, &b->fc1, &b->fc2 };
		struct hmr2_packed *to[] = { &p->qkv, &p->proj, &p->fc1, &p->fc2 };

		for (int j = 0; j < 4; j++) {
			hmr2_pack(to[j], num_of(n, i), l[j],
				  job->at[1 + 4 * i + (uint32_t)j]);
			hmr2_weights_drop(l[j]->w, hmr2_linear_bytes(l[j]));
		}
	}
}

static enum hmr_status
pack(struct hmr_hmr2 *n, struct hmr_err *e)
{
	size_t count = 1 + 4 * (size_t)n->w.d.depth;
	void **at = calloc(count, sizeof(*at));
	struct pack_job job = { n, at };
	struct room r = { 0 };
	void *p;

	if (!at || !(n->block = calloc(n->w.d.depth, sizeof(*n->block))))
		goto none;
	plan_packed(n, &r, at);
	p = mmap(NULL, r.n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		goto none;
	madvise(p, r.n, MADV_HUGEPAGE);
	n->packed = p;
	n->packed_bytes = r.n;
	r = (struct room){ p, 0 };
	plan_packed(n, &r, at);
	hmr2_pool_run(n->pool, pack_share, &job);
	free(at);
	return HMR_OK;
none:
	free(at);
	return hmr_fail(e, HMR_E_NOMEM, "weights");
}

static struct hmr2_rows
take_rows(struct room *r, size_t rows, size_t words)
{
	struct hmr2_rows a = { .words = words + 16 };	/* not all in one cache set */

	a.p = take(r, rows * a.words * 4);
	a.scale = take(r, rows * sizeof(float));
	return a;
}

static void
plan_work(struct hmr_hmr2 *n, struct room *r)
{
	const struct hmr_hmr2_dims *d = &n->w.d;
	size_t rows = n->max * TOKENS;
	size_t wide = most(most(d->head_dim, d->head_mlp), d->head_inner);

	n->ld_qkv = 3 * (size_t)d->dim + 32;
	n->ld_hidden = (size_t)d->mlp + 32;
	n->x = take(r, rows * d->dim * 4);
	n->qkv[0] = take(r, (rows * n->ld_qkv + 64) * 4);
	n->qkv[1] = take(r, (rows * n->ld_qkv + 64) * 4);
	n->a = take_rows(r, rows, most(d->dim, HMR_HMR2_PATCH));
	n->token = take(r, n->max * (size_t)d->head_dim * 4);
	n->query = take(r, n->max * (size_t)d->head_inner * 4);
	n->other = take(r, n->max * (size_t)d->head_inner * 4);
	n->hidden = take(r, n->max * (size_t)d->head_mlp * 4);
	n->six = take(r, n->max * (size_t)SIX * 4);
	for (unsigned i = 0; i < hmr2_pool_threads(n->pool); i++) {
		struct hmr2_scratch *s = &n->scratch[i];

		s->hidden = take(r, HMR2_CHUNK * n->ld_hidden * 4);
		s->hidden_q = take_rows(r, HMR2_CHUNK, hmr2_words(HMR2_INT8, d->mlp));
		s->mixed = take(r, HMR2_CHUNK * (size_t)d->dim * 4);
		s->attend = take(r, hmr2_attend_bytes(d->dim / d->heads));
		s->a = take(r, n->max * wide * 4);
		s->z = take(r, (2 * (size_t)d->dim + TOKENS) * 4);
	}
}

static enum hmr_status
plan(struct hmr_hmr2 *n, struct hmr_err *e)
{
	struct room r = { 0 };

	if (!(n->scratch = calloc(hmr2_pool_threads(n->pool), sizeof(*n->scratch))))
		return hmr_fail(e, HMR_E_NOMEM, "activations");
	plan_work(n, &r);
	n->work_bytes = r.n;
	if (!(n->work = aligned_alloc(64, r.n)))
		return hmr_fail(e, HMR_E_NOMEM, "activations of %u people", n->max);
	memset(n->work, 0, r.n);
	r = (struct room){ n->work, 0 };
	plan_work(n, &r);
	return HMR_OK;
}

static enum hmr_status
plan_fast(struct hmr_hmr2 *n, const struct hmr_hmr2_options *o, struct hmr_err *e)
{
	const struct hmr_hmr2_dims *d = &n->w.d;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = o->threads ? o->threads : cores > 0 ? (unsigned)cores : 1;
	enum hmr_status st;

	if ((d->dim | d->mlp | d->head_dim | d->head_inner | d->head_mlp) % 16)
		return hmr_fail(e, HMR_E_MODEL, "layers whose width is no multiple of 16");
	n->attend_bf16 = n->num != HMR2_F32 && hmr2_cpu_bf16() && d->dim / d->heads % 2 == 0;
	threads = threads < THREADS_MAX ? threads : THREADS_MAX;
	if ((st = hmr2_pool_new(&n->pool, threads, e)) || (st = plan(n, e)))
		return st;
	return pack(n, e);
}

static void
run_share(void *ctx, unsigned thread)
{
	hmr2_backbone(ctx, thread);
	hmr2_decoder(ctx, thread);
}

#else

static enum hmr_status
plan_fast(struct hmr_hmr2 *n, const struct hmr_hmr2_options *o, struct hmr_err *e)
{
	(void)n;
	(void)o;
	return hmr_fail(e, HMR_E_DEVICE, "no fast HMR2 on this processor");
}

#endif

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

/* n->w is open. */
static enum hmr_status
make(struct hmr_hmr2 *n, const struct hmr_hmr2_options *o, struct hmr_err *e)
{
	enum hmr_status st;

	n->ref = o->ref;
	n->max = !o->max_people || o->max_people > PEOPLE_MAX ? PEOPLE_MAX : o->max_people;
	if ((st = choose(n, o->precision, e)))
		return st;
	snprintf(n->backend, sizeof(n->backend), "%s", o->ref ? "ref" : "cpu");
	if (!o->ref)
		return plan_fast(n, o, e);
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
	hmr2_pool_free(n->pool);
	if (n->packed)
		munmap(n->packed, n->packed_bytes);
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
	return n->num == HMR2_BF16 ? "bf16" : n->num == HMR2_INT8 ? "int8" : "f32";
}

void
hmr_hmr2_plan(const struct hmr_hmr2 *n, size_t *weights, size_t *activations)
{
	*weights = n->packed_bytes;
	*activations = n->work_bytes;
}

enum hmr_status
hmr_hmr2_run(struct hmr_hmr2 *n, const float *crops, uint32_t people,
	     struct hmr_hmr2_result *out, struct hmr_err *e)
{
	uint32_t parts = (people + n->max - 1) / n->max;

	(void)e;
	for (uint32_t i = 0; i < parts; i++) {
		uint32_t from = (uint32_t)((uint64_t)people * i / parts);

		n->n = (uint32_t)((uint64_t)people * (i + 1) / parts) - from;
		n->crops = crops + from * (size_t)HMR_HMR2_PIXELS;
		n->out = out + from;
		if (n->ref) {
			float *work = n->x + TOKENS * n->w.d.dim;

			hmr2_ref_backbone(&n->w, n->crops, n->x, work);
			hmr2_ref_head(&n->w, n->x, n->out, work);
			continue;
		}
#ifdef __x86_64__
		hmr2_pool_run(n->pool, run_share, n);
#endif
	}
	return HMR_OK;
}

const float *
hmr_hmr2_tokens(const struct hmr_hmr2 *n, uint32_t i)
{
	return n->x + i * TOKENS * n->w.d.dim;
}

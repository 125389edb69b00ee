/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making an HMR2 network ready: room for all activations, weights packed layer
 * by layer from the mapping, whose pages then leave memory.
 */
#define _DEFAULT_SOURCE		/* madvise, MAP_ANONYMOUS */
#include "hmr2/hmr2_net_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TOKENS ((size_t)HMR_HMR2_TOKENS)

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

/* What the decoder needs, and the tokens. */
static void
plan_decoder(struct hmr_hmr2 *n, struct room *r)
{
	const struct hmr_hmr2_dims *d = &n->w.d;
	size_t wide = most(most(d->head_dim, d->head_mlp), d->head_inner);

	n->x = take(r, n->max * TOKENS * d->dim * 4);
	n->token = take(r, n->max * (size_t)d->head_dim * 4);
	n->query = take(r, n->max * (size_t)d->head_inner * 4);
	n->other = take(r, n->max * (size_t)d->head_inner * 4);
	n->hidden = take(r, n->max * (size_t)d->head_mlp * 4);
	n->six = take(r, n->max * (size_t)HMR2_SIX * 4);
	for (unsigned i = 0; i < hmr2_pool_threads(n->pool); i++) {
		n->scratch[i].a = take(r, n->max * wide * 4);
		n->scratch[i].z = take(r, (2 * (size_t)d->dim + TOKENS) * 4);
	}
}

#ifdef __x86_64__

static struct hmr2_rows
take_rows(struct room *r, size_t rows, size_t words)
{
	struct hmr2_rows a = { .words = words + 16 };	/* not all in one cache set */

	a.p = take(r, rows * a.words * 4);
	a.scale = take(r, rows * sizeof(float));
	return a;
}

static void
plan_backbone(struct hmr_hmr2 *n, struct room *r)
{
	const struct hmr_hmr2_dims *d = &n->w.d;
	size_t rows = n->max * TOKENS;

	n->ld_qkv = 3 * (size_t)d->dim + 32;
	n->ld_hidden = (size_t)d->mlp + 32;
	n->qkv[0] = take(r, (rows * n->ld_qkv + 64) * 4);
	n->qkv[1] = take(r, (rows * n->ld_qkv + 64) * 4);
	n->a = take_rows(r, rows, most(d->dim, HMR_HMR2_PATCH));
	for (unsigned i = 0; i < hmr2_pool_threads(n->pool); i++) {
		struct hmr2_scratch *s = &n->scratch[i];

		s->hidden = take(r, HMR2_CHUNK * n->ld_hidden * 4);
		s->hidden_q = take_rows(r, HMR2_CHUNK, hmr2_words(HMR2_INT8, d->mlp));
		s->mixed = take(r, HMR2_CHUNK * (size_t)d->dim * 4);
		s->attend = take(r, hmr2_attend_bytes(d->dim / d->heads));
		s->strassen = take(r, hmr2_strassen_bytes((uint32_t)most(d->mlp,
			most(d->dim, HMR_HMR2_PATCH))));
	}
}


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
pack_one(struct hmr2_packed *to, enum hmr2_num num, const struct hmr2_linear *l, void *at)
{
	hmr2_pack(to, num, l, at);
	if (hmr2_strassen_fits(to))
		hmr2_strassen_pack(to);
	hmr2_weights_drop(l->w, hmr2_linear_bytes(l));
}

static void
pack_share(void *ctx, unsigned thread)
{
	struct pack_job *job = ctx;
	struct hmr_hmr2 *n = job->n;

	if (!thread)
		pack_one(&n->patch, HMR2_F32, &n->w.patch, job->at[0]);
	for (uint32_t i = thread; i < n->w.d.depth; i += hmr2_pool_threads(n->pool)) {
		const struct hmr2_block *b = &n->w.block[i];
		struct hmr2_packed_block *p = &n->block[i];
		const struct hmr2_linear *l[] = { &b->qkv, &b->proj, &b->fc1, &b->fc2 };
		struct hmr2_packed *to[] = { &p->qkv, &p->proj, &p->fc1, &p->fc2 };

		for (int j = 0; j < 4; j++)
			pack_one(to[j], num_of(n, i), l[j], job->at[1 + 4 * i + (uint32_t)j]);
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

#endif

static void
plan_work(struct hmr_hmr2 *n, struct room *r)
{
	plan_decoder(n, r);
#ifdef __x86_64__
	if (!n->dnnl)
		plan_backbone(n, r);
#endif
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

enum hmr_status
hmr2_make(struct hmr_hmr2 *n, unsigned threads, struct hmr_err *e)
{
	const struct hmr_hmr2_dims *d = &n->w.d;
	bool fast = hmr2_cpu_fast();
	enum hmr_status st;

	if ((d->dim | d->mlp | d->head_dim | d->head_inner | d->head_mlp) % 16)
		return hmr_fail(e, HMR_E_MODEL, "layers whose width is no multiple of 16");
	n->attend_bf16 = n->num != HMR2_F32 && hmr2_cpu_bf16() && d->dim / d->heads % 2 == 0;
	if ((st = hmr2_pool_new(&n->pool, fast ? threads : 1, e)) ||
	    (!fast && (st = hmr2_dnnl_new(&n->dnnl, &n->w, n->max, threads, e))) ||
	    (st = plan(n, e)))
		return st;
#ifdef __x86_64__
	if (fast)
		return pack(n, e);
#endif
	return HMR_OK;
}

void
hmr2_unmake(struct hmr_hmr2 *n)
{
	if (n->packed)
		munmap(n->packed, n->packed_bytes);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Primitives of each number of people, made once: five products, scores, softmax
 * and mixing of attention on strided views of the same buffers. Bias, residual
 * and GELU are in the products.
 */
#include "hmr2/hmr2_dnnl.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <dnnl.h>

#include "hmr2/hmr2_kernels.h"
#include "hmr2/hmr2_net.h"

#define TOKENS ((size_t)HMR_HMR2_TOKENS)
#define MAX 8u

enum { PATCH, QKV, PROJ, FC1, FC2, LINEARS };

struct product {
	dnnl_primitive_t p;
	dnnl_memory_t src, dst;
};

struct plan {			/* of a number of people */
	struct product l[LINEARS];
	struct product scores, softmax, mix;
	dnnl_memory_t k, v;
};

struct layer {
	dnnl_memory_t w[LINEARS], b[LINEARS];
};

struct hmr2_dnnl {
	const struct hmr2_weights *w;
	unsigned threads;
	uint32_t max;
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	dnnl_memory_desc_t packed[LINEARS];
	struct plan plan[MAX];
	struct layer *layer;		/* [depth]; the first holds PATCH too */
	float *a, *qkv, *h, *s;
	size_t work_bytes, weight_bytes;
};

static enum hmr_status
check(dnnl_status_t st, struct hmr_err *e)
{
	if (st == dnnl_success)
		return HMR_OK;
	return hmr_fail(e, st == dnnl_out_of_memory ? HMR_E_NOMEM : HMR_E_DEVICE,
			"oneDNN: status %d", (int)st);
}

#define TRY(call) do { \
	enum hmr_status try_ = check(call, e); \
	if (try_) \
		return try_; \
} while (0)

static void
shape(const struct hmr2_dnnl *n, int i, dnnl_dim_t *in, dnnl_dim_t *out)
{
	dnnl_dim_t dim = n->w->d.dim, mlp = n->w->d.mlp;
	const dnnl_dim_t sizes[LINEARS][2] = { { HMR_HMR2_PATCH, dim }, { dim, 3 * dim },
		{ dim, dim }, { dim, mlp }, { mlp, dim } };

	*in = sizes[i][0];
	*out = sizes[i][1];
}

/* A product of rows x in with weights in x out: + bias, + GELU or + what is there. */
static enum hmr_status
make_linear(struct hmr2_dnnl *n, int i, dnnl_dim_t rows, struct product *to,
	    struct hmr_err *e)
{
	dnnl_memory_desc_t src, dst, w, b;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_primitive_attr_t attr;
	dnnl_post_ops_t ops;
	dnnl_matmul_desc_t d;
	dnnl_dim_t in, out;
	dnnl_status_t st;

	shape(n, i, &in, &out);
	TRY(dnnl_memory_desc_init_by_tag(&src, 2, (dnnl_dims_t){ rows, in }, dnnl_f32,
					 dnnl_ab));
	TRY(dnnl_memory_desc_init_by_tag(&dst, 2, (dnnl_dims_t){ rows, out }, dnnl_f32,
					 dnnl_ab));
	TRY(dnnl_memory_desc_init_by_tag(&b, 2, (dnnl_dims_t){ 1, out }, dnnl_f32, dnnl_ab));
	if (n->packed[i].ndims)
		w = n->packed[i];	/* as the largest number of people wants it */
	else
		TRY(dnnl_memory_desc_init_by_tag(&w, 2, (dnnl_dims_t){ in, out }, dnnl_f32,
						 dnnl_format_tag_any));
	TRY(dnnl_matmul_desc_init(&d, &src, &w, &b, &dst));
	TRY(dnnl_primitive_attr_create(&attr));
	dnnl_post_ops_create(&ops);
	if (i == FC1)
		dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_gelu_erf, 0, 0);
	else if (i != QKV)
		dnnl_post_ops_append_sum(ops, 1);
	dnnl_primitive_attr_set_post_ops(attr, ops);
	dnnl_post_ops_destroy(ops);
	st = dnnl_primitive_desc_create(&pd, &d, attr, n->engine, NULL);
	dnnl_primitive_attr_destroy(attr);
	TRY(st);
	n->packed[i] = *dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
	st = dnnl_primitive_create(&to->p, pd);
	dnnl_primitive_desc_destroy(pd);
	TRY(st);
	TRY(dnnl_memory_create(&to->src, &src, n->engine, DNNL_MEMORY_NONE));
	return check(dnnl_memory_create(&to->dst, &dst, n->engine, DNNL_MEMORY_NONE), e);
}

/* A batched product of strided views; scale on the result. */
static enum hmr_status
make_batched(struct hmr2_dnnl *n, const dnnl_memory_desc_t *a,
	     const dnnl_memory_desc_t *b, const dnnl_memory_desc_t *c, float scale,
	     dnnl_primitive_t *to, struct hmr_err *e)
{
	dnnl_primitive_desc_t pd = NULL;
	dnnl_primitive_attr_t attr;
	dnnl_matmul_desc_t d;
	dnnl_status_t st;

	TRY(dnnl_matmul_desc_init(&d, a, b, NULL, c));
	TRY(dnnl_primitive_attr_create(&attr));
	dnnl_primitive_attr_set_output_scales(attr, 1, 0, &scale);
	st = dnnl_primitive_desc_create(&pd, &d, attr, n->engine, NULL);
	dnnl_primitive_attr_destroy(attr);
	TRY(st);
	st = dnnl_primitive_create(to, pd);
	dnnl_primitive_desc_destroy(pd);
	return check(st, e);
}

static enum hmr_status
make_softmax(struct hmr2_dnnl *n, const dnnl_memory_desc_t *s, dnnl_primitive_t *to,
	     struct hmr_err *e)
{
	dnnl_primitive_desc_t pd = NULL;
	dnnl_softmax_desc_t d;
	dnnl_status_t st;

	TRY(dnnl_softmax_forward_desc_init(&d, dnnl_forward_inference, s, 3));
	TRY(dnnl_primitive_desc_create(&pd, &d, NULL, n->engine, NULL));
	st = dnnl_primitive_create(to, pd);
	dnnl_primitive_desc_destroy(pd);
	return check(st, e);
}

/* Attention of all heads of all people, on views of qkv [rows][3 dim]. */
static enum hmr_status
make_attention(struct hmr2_dnnl *n, dnnl_dim_t people, struct plan *p,
	       struct hmr_err *e)
{
	dnnl_dim_t dim = n->w->d.dim, heads = n->w->d.heads, hw = dim / heads;
	dnnl_dim_t t = (dnnl_dim_t)TOKENS, row = 3 * dim;
	dnnl_memory_desc_t q, k, v, s, o;

	TRY(dnnl_memory_desc_init_by_strides(&q, 4, (dnnl_dims_t){ people, heads, t, hw },
		dnnl_f32, (dnnl_dims_t){ t * row, hw, row, 1 }));
	TRY(dnnl_memory_desc_init_by_strides(&k, 4, (dnnl_dims_t){ people, heads, hw, t },
		dnnl_f32, (dnnl_dims_t){ t * row, hw, 1, row }));
	v = q;
	TRY(dnnl_memory_desc_init_by_tag(&s, 4, (dnnl_dims_t){ people, heads, t, t },
					 dnnl_f32, dnnl_abcd));
	TRY(dnnl_memory_desc_init_by_strides(&o, 4, (dnnl_dims_t){ people, heads, t, hw },
		dnnl_f32, (dnnl_dims_t){ t * dim, hw, dim, 1 }));
	TRY(dnnl_memory_create(&p->scores.src, &q, n->engine, DNNL_MEMORY_NONE));
	TRY(dnnl_memory_create(&p->k, &k, n->engine, DNNL_MEMORY_NONE));
	TRY(dnnl_memory_create(&p->v, &v, n->engine, DNNL_MEMORY_NONE));
	TRY(dnnl_memory_create(&p->scores.dst, &s, n->engine, DNNL_MEMORY_NONE));
	TRY(dnnl_memory_create(&p->mix.dst, &o, n->engine, DNNL_MEMORY_NONE));
	enum hmr_status st = make_batched(n, &q, &k, &s, 1 / sqrtf((float)hw),
					  &p->scores.p, e);

	if (!st)
		st = make_softmax(n, &s, &p->softmax.p, e);
	return st ? st : make_batched(n, &s, &v, &o, 1, &p->mix.p, e);
}

static enum hmr_status
make_plans(struct hmr2_dnnl *n, struct hmr_err *e)
{
	enum hmr_status st;

	for (uint32_t k = n->max; k-- > 0;) {	/* the largest chooses the packing */
		dnnl_dim_t rows = (dnnl_dim_t)((k + 1) * TOKENS);

		for (int i = 0; i < LINEARS; i++)
			if ((st = make_linear(n, i, rows, &n->plan[k].l[i], e)))
				return st;
		if ((st = make_attention(n, k + 1, &n->plan[k], e)))
			return st;
	}
	return HMR_OK;
}

/* Packs a weight; plain: room for it in float32, row by row. */
static enum hmr_status
pack(struct hmr2_dnnl *n, int i, const struct hmr2_linear *l, float *plain,
     struct layer *to, struct hmr_err *e)
{
	dnnl_memory_desc_t from_md, bias_md;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_primitive_t reorder;
	dnnl_memory_t from;
	dnnl_status_t st;
	void *b;

	for (uint32_t o = 0; o < l->out; o++)
		hmr2_linear_row(l, o, plain + (size_t)o * l->in);
	hmr2_weights_drop(l->w, hmr2_linear_bytes(l));
	TRY(dnnl_memory_desc_init_by_tag(&from_md, 2, (dnnl_dims_t){ l->in, l->out },
					 dnnl_f32, dnnl_ba));
	TRY(dnnl_memory_create(&to->w[i], &n->packed[i], n->engine, DNNL_MEMORY_ALLOCATE));
	n->weight_bytes += dnnl_memory_desc_get_size(&n->packed[i]);
	TRY(dnnl_memory_create(&from, &from_md, n->engine, plain));
	st = dnnl_reorder_primitive_desc_create(&pd, &from_md, n->engine, &n->packed[i],
						n->engine, NULL);
	if (st == dnnl_success && (st = dnnl_primitive_create(&reorder, pd)) ==
	    dnnl_success) {
		dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, from },
					   { DNNL_ARG_TO, to->w[i] } };

		st = dnnl_primitive_execute(reorder, n->stream, 2, args);
		dnnl_stream_wait(n->stream);
		dnnl_primitive_destroy(reorder);
	}
	dnnl_primitive_desc_destroy(pd);
	dnnl_memory_destroy(from);
	TRY(st);
	TRY(dnnl_memory_desc_init_by_tag(&bias_md, 2, (dnnl_dims_t){ 1, l->out }, dnnl_f32,
					 dnnl_ab));
	TRY(dnnl_memory_create(&to->b[i], &bias_md, n->engine, DNNL_MEMORY_ALLOCATE));
	TRY(dnnl_memory_get_data_handle(to->b[i], &b));
	memset(b, 0, l->out * sizeof(float));
	if (l->bias)
		memcpy(b, l->bias, l->out * sizeof(float));
	return HMR_OK;
}

static enum hmr_status
pack_all(struct hmr2_dnnl *n, struct hmr_err *e)
{
	size_t d = n->w->d.dim, most = d * (n->w->d.mlp > 3 * d ? n->w->d.mlp : 3 * d);
	enum hmr_status st;
	float *plain;

	most = most > d * HMR_HMR2_PATCH ? most : d * HMR_HMR2_PATCH;
	n->layer = calloc(n->w->d.depth, sizeof(*n->layer));
	if (!n->layer || !(plain = malloc(most * sizeof(float))))
		return hmr_fail(e, HMR_E_NOMEM, "weights");
	st = pack(n, PATCH, &n->w->patch, plain, &n->layer[0], e);
	for (uint32_t i = 0; i < n->w->d.depth && !st; i++) {
		const struct hmr2_block *b = &n->w->block[i];
		const struct hmr2_linear *l[LINEARS] = { NULL, &b->qkv, &b->proj, &b->fc1,
							 &b->fc2 };

		for (int k = QKV; k < LINEARS && !st; k++)
			st = pack(n, k, l[k], plain, &n->layer[i], e);
	}
	free(plain);
	return st;
}

/* oneDNN divides work among the threads that it was told of when a product was
 * planned: as many as were asked for, and no more than OpenMP gives. */
static void
plan_for(unsigned threads)
{
	int limit = omp_get_thread_limit();

	omp_set_num_threads(limit < (int)threads ? limit : (int)threads);
}

enum hmr_status
hmr2_dnnl_new(struct hmr2_dnnl **out, const struct hmr2_weights *w, uint32_t max,
	      unsigned threads, struct hmr_err *e)
{
	struct hmr2_dnnl *n = calloc(1, sizeof(*n));
	size_t rows = max * TOKENS, dim = w->d.dim;
	size_t wide = dim > HMR_HMR2_PATCH ? dim : HMR_HMR2_PATCH;
	size_t scores = rows * TOKENS * w->d.heads;
	int before = omp_get_max_threads();
	enum hmr_status st;

	*out = NULL;
	if (!n)
		return hmr_fail(e, HMR_E_NOMEM, "network");
	n->w = w;
	n->max = max < MAX ? max : MAX;
	n->threads = threads;
	n->a = aligned_alloc(64, rows * wide * 4);
	n->qkv = aligned_alloc(64, rows * dim * 12);
	n->h = aligned_alloc(64, rows * w->d.mlp * 4);
	n->s = aligned_alloc(64, scores * 4);
	n->work_bytes = (rows * (wide + 3 * dim + w->d.mlp) + scores) * 4;
	plan_for(threads);
	if (!n->a || !n->qkv || !n->h || !n->s)
		st = hmr_fail(e, HMR_E_NOMEM, "activations");
	else if (!(st = check(dnnl_engine_create(&n->engine, dnnl_cpu, 0), e)) &&
		 !(st = check(dnnl_stream_create(&n->stream, n->engine,
						 dnnl_stream_default_flags), e)) &&
		 !(st = make_plans(n, e)))
		st = pack_all(n, e);
	omp_set_num_threads(before);
	if (st) {
		hmr2_dnnl_free(n);
		return st;
	}
	*out = n;
	return HMR_OK;
}

static void
drop(struct product *p)
{
	dnnl_primitive_destroy(p->p);
	dnnl_memory_destroy(p->src);
	dnnl_memory_destroy(p->dst);
}

void
hmr2_dnnl_free(struct hmr2_dnnl *n)
{
	if (!n)
		return;
	for (uint32_t k = 0; k < MAX; k++) {
		for (int i = 0; i < LINEARS; i++)
			drop(&n->plan[k].l[i]);
		drop(&n->plan[k].scores);
		drop(&n->plan[k].softmax);
		drop(&n->plan[k].mix);
		dnnl_memory_destroy(n->plan[k].k);
		dnnl_memory_destroy(n->plan[k].v);
	}
	for (uint32_t i = 0; n->layer && i < n->w->d.depth; i++)
		for (int k = 0; k < LINEARS; k++) {
			dnnl_memory_destroy(n->layer[i].w[k]);
			dnnl_memory_destroy(n->layer[i].b[k]);
		}
	dnnl_stream_destroy(n->stream);
	dnnl_engine_destroy(n->engine);
	free(n->layer);
	free(n->a);
	free(n->qkv);
	free(n->h);
	free(n->s);
	free(n);
}

size_t
hmr2_dnnl_bytes(const struct hmr2_dnnl *n, size_t *weights)
{
	*weights = n->weight_bytes;
	return n->work_bytes;
}

static enum hmr_status
multiply(struct hmr2_dnnl *n, uint32_t people, uint32_t layer, int i, float *src,
	 float *dst, struct hmr_err *e)
{
	struct product *p = &n->plan[people - 1].l[i];
	dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, p->src },
		{ DNNL_ARG_WEIGHTS, n->layer[layer].w[i] },
		{ DNNL_ARG_BIAS, n->layer[layer].b[i] }, { DNNL_ARG_DST, p->dst } };

	TRY(dnnl_memory_set_data_handle(p->src, src));
	TRY(dnnl_memory_set_data_handle(p->dst, dst));
	return check(dnnl_primitive_execute(p->p, n->stream, 4, args), e);
}

/* a = attention of qkv. */
static enum hmr_status
attend(struct hmr2_dnnl *n, uint32_t people, struct hmr_err *e)
{
	struct plan *p = &n->plan[people - 1];
	size_t dim = n->w->d.dim;
	dnnl_exec_arg_t score[] = { { DNNL_ARG_SRC, p->scores.src },
		{ DNNL_ARG_WEIGHTS, p->k }, { DNNL_ARG_DST, p->scores.dst } };
	dnnl_exec_arg_t soft[] = { { DNNL_ARG_SRC, p->scores.dst },
		{ DNNL_ARG_DST, p->scores.dst } };
	dnnl_exec_arg_t mix[] = { { DNNL_ARG_SRC, p->scores.dst },
		{ DNNL_ARG_WEIGHTS, p->v }, { DNNL_ARG_DST, p->mix.dst } };

	TRY(dnnl_memory_set_data_handle(p->scores.src, n->qkv));
	TRY(dnnl_memory_set_data_handle(p->k, n->qkv + dim));
	TRY(dnnl_memory_set_data_handle(p->v, n->qkv + 2 * dim));
	TRY(dnnl_memory_set_data_handle(p->scores.dst, n->s));
	TRY(dnnl_memory_set_data_handle(p->mix.dst, n->a));
	TRY(dnnl_primitive_execute(p->scores.p, n->stream, 3, score));
	TRY(dnnl_primitive_execute(p->softmax.p, n->stream, 2, soft));
	return check(dnnl_primitive_execute(p->mix.p, n->stream, 3, mix), e);
}

static void
patches(const float *crops, size_t rows, float *to)
{
	for (size_t r = 0; r < rows; r++) {
		const float *c = crops + r / TOKENS * HMR_HMR2_PIXELS;
		int y0 = (int)(r % TOKENS / 12) * 16 - 2, x0 = (int)(r % 12) * 16 - 2;

		for (int k = 0; k < 3; k++)
			for (int y = y0; y < y0 + 16; y++)
				for (int x = x0; x < x0 + 16; x++)
					*to++ = y < 0 || x < 0 ? 0 :
						c[((size_t)k * HMR_HMR2_CROP + (size_t)y) *
						  HMR_HMR2_WIDTH + (size_t)x];
	}
}

static void
norms(const struct hmr2_dnnl *n, const struct hmr2_norm *p, const float *x, size_t rows,
      float *to)
{
	size_t dim = n->w->d.dim;
	struct hmr2_rows out = { .p = (uint32_t *)(void *)to, .words = dim };

	hmr2_norm(p, 1e-6f, x, rows, dim, HMR2_F32, &out, 0);
}

static enum hmr_status
run(struct hmr2_dnnl *n, const float *crops, uint32_t people, float *x,
    struct hmr_err *e)
{
	size_t rows = people * TOKENS, dim = n->w->d.dim;
	enum hmr_status st;

	patches(crops, rows, n->a);
	for (size_t r = 0; r < rows; r++)
		memcpy(x + r * dim, n->w->pos + r % TOKENS * dim, dim * sizeof(float));
	st = multiply(n, people, 0, PATCH, n->a, x, e);
	for (uint32_t i = 0; i < n->w->d.depth && !st; i++) {
		const struct hmr2_block *b = &n->w->block[i];

		norms(n, &b->norm1, x, rows, n->a);
		if ((st = multiply(n, people, i, QKV, n->a, n->qkv, e)) ||
		    (st = attend(n, people, e)) ||
		    (st = multiply(n, people, i, PROJ, n->a, x, e)))
			break;
		norms(n, &b->norm2, x, rows, n->a);
		if (!(st = multiply(n, people, i, FC1, n->a, n->h, e)))
			st = multiply(n, people, i, FC2, n->h, x, e);
	}
	norms(n, &n->w->last_norm, x, rows, x);
	return st;
}

enum hmr_status
hmr2_dnnl_run(struct hmr2_dnnl *net, const float *crops, uint32_t n, float *x,
	      struct hmr_err *e)
{
	int threads = omp_get_max_threads(), dynamic = omp_get_dynamic();
	enum hmr_status st;

	omp_set_dynamic(0);
	plan_for(net->threads);
	st = run(net, crops, n, x, e);
	dnnl_stream_wait(net->stream);
	omp_set_num_threads(threads);
	omp_set_dynamic(dynamic);
	return st;
}

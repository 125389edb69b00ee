/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions, transposed ones and products of matrices by oneDNN 2.6;
 * descriptors: cpu_pd.c. Activations are NHWC, weights in whatever blocked
 * layout the primitive wants, packed once and shared among batch sizes.
 *
 * NHWC rather than nChw16c or nChw8c between convolutions: measured on one core
 * (EPYC with AVX-512; GFLOP/s nhwc against blocked): 3x3 128->128 44x56 119/119,
 * 256->256 11x14 130/131, 1x1 96->96 64x64 113/115, 24->96 128x128 102/82,
 * 8->32 128x128 80/53, depthwise 3x3 96 64x64 63/61, 5x5 960 16x16 70/82; limited
 * to AVX2 it wins or ties in 18 of 20. So nothing is ever reordered, channel
 * counts need no padding to 16, and the loops run along channels.
 * A strided source or destination (concatenation in place) falls to `ref:any`.
 */
#include "nn/cpu.h"

#include <stdlib.h>
#include <string.h>

#include "nn/arena.h"

static enum hmr_status
failed(struct hmr_err *e, dnnl_status_t s, const struct hmr_node *n)
{
	return hmr_fail(e, s == dnnl_out_of_memory ? HMR_E_NOMEM : HMR_E_DEVICE,
			"node %.80s: oneDNN status %d", n->name, (int)s);
}

const char *
cpu_conv_impl(const struct cpu_conv *c)
{
	const char *s = NULL;

	if (dnnl_primitive_desc_query(c->pd, dnnl_query_impl_info_str, 0, &s) || !s)
		return "?";
	return s;
}

/* Bytes that the primitive itself wants, in whole lines. */
static size_t
own_scratch(const struct cpu_conv *c)
{
	const dnnl_memory_desc_t *m =
		dnnl_primitive_desc_query_md(c->pd, dnnl_query_scratchpad_md, 0);

	return m ? hmr_lines(dnnl_memory_desc_get_size(m)) : 0;
}

static bool
is_rounded(const struct cpu_piece *p)
{
	return p->bf16 && !p->in_half;
}

size_t
cpu_conv_scratch(const struct cpu_conv *c)
{
	return own_scratch(c) + (is_rounded(&c->piece) ?
		(hmr_dims_total(&c->piece.in) + 1) * sizeof(*c->to) : 0);
}

enum hmr_status
cpu_conv_new(struct hmr_exec *x, const struct hmr_node *n, const struct hmr_node *add,
	     const struct cpu_piece *piece, int threads, struct cpu_conv **out,
	     struct hmr_err *e)
{
	struct cpu_conv *c = calloc(1, sizeof(*c));
	dnnl_primitive_attr_t attr = NULL;
	enum hmr_status st = HMR_OK;
	dnnl_status_t s;

	if (!c)
		return hmr_fail(e, HMR_E_NOMEM, "network");
	c->piece = *piece;
	c->threads = threads;
	omp_set_num_threads(c->threads);	/* the primitive divides its work by it */
	if (!cpu_make_attr(&attr, n, add)) {
		st = HMR_EOF;
		goto out;
	}
	s = cpu_make_pd(x, n, piece, attr, &c->pd);
	if (s == dnnl_unimplemented)
		st = HMR_EOF;
	else if (s)
		st = failed(e, s, n);
	else if (strstr(cpu_conv_impl(c), "ref"))
		st = HMR_EOF;
out:
	omp_set_num_threads((int)x->job->threads);
	dnnl_primitive_attr_destroy(attr);
	if (st && !(st == HMR_EOF && c->pd && !add)) {
		cpu_conv_free(c);
		c = NULL;
	}
	*out = c;
	return st;
}

static enum hmr_status
load_bias(struct hmr_exec *x, const struct hmr_node *n, struct cpu_weights *w,
	  struct hmr_err *e)
{
	size_t count = hmr_dims_total(hmr_graph_const_dims(x->job->graph, n->in[2]));
	dnnl_dims_t d = { (dnnl_dim_t)count };
	dnnl_memory_desc_t m;
	dnnl_status_t s;

	if (!(w->bias_data = hmr_alloc_lines(count * sizeof(float))))
		return hmr_fail(e, HMR_E_NOMEM, "bias");
	hmr_graph_const_f32(x->job->graph, n->in[2], w->bias_data);
	x->sizes.weights += count * sizeof(float);
	cpu_bias_desc(&m, n, d[0], &x->job->plan[0].dims[n->in[1]]);
	s = dnnl_memory_create(&w->bias, &m, x->engine, w->bias_data);
	return s ? failed(e, s, n) : HMR_OK;
}

/* src, plain, into p->memory's layout. */
static dnnl_status_t
reorder(struct hmr_exec *x, dnnl_memory_t src, const dnnl_memory_desc_t *from,
	struct cpu_pack *p)
{
	dnnl_primitive_desc_t pd = NULL;
	dnnl_primitive_t r = NULL;
	dnnl_exec_arg_t arg[2] = { { DNNL_ARG_FROM, src }, { DNNL_ARG_TO, p->memory } };
	dnnl_status_t s;

	s = dnnl_reorder_primitive_desc_create(&pd, from, x->engine, &p->desc,
					       x->engine, NULL);
	if (!s)
		s = dnnl_primitive_create(&r, pd);
	if (!s)
		s = dnnl_primitive_execute(r, x->stream, 2, arg);
	if (!s)
		s = dnnl_stream_wait(x->stream);
	dnnl_primitive_destroy(r);
	dnnl_primitive_desc_destroy(pd);
	return s;
}

static enum hmr_status
pack_weights(struct hmr_exec *x, const struct hmr_node *n,
	     const dnnl_memory_desc_t *want, struct cpu_pack **out, struct hmr_err *e)
{
	const struct hmr_graph *g = x->job->graph;
	struct cpu_weights *w = &x->weights[n - g->node];
	const struct hmr_dims *d = hmr_graph_const_dims(g, n->in[1]);
	dnnl_memory_desc_t plain;
	dnnl_memory_t src = NULL;
	struct cpu_pack *p;
	dnnl_status_t s = dnnl_out_of_memory;
	float *f;

	for (p = w->packs; p; p = p->next)
		if (dnnl_memory_desc_equal(&p->desc, want)) {
			*out = p;
			return HMR_OK;
		}
	if (!(p = calloc(1, sizeof(*p))))
		return hmr_fail(e, HMR_E_NOMEM, "weights");
	p->next = w->packs;
	w->packs = p;
	p->desc = *want;
	p->bytes = dnnl_memory_desc_get_size(want);
	x->sizes.weights += p->bytes;
	f = hmr_alloc_lines(hmr_dims_total(d) * sizeof(float));
	p->data = hmr_alloc_lines(p->bytes);
	cpu_weight_desc(&plain, n, d, true, false);
	if (f && p->data) {
		hmr_graph_const_f32(g, n->in[1], f);
		s = dnnl_memory_create(&src, &plain, x->engine, f);
	}
	if (!s)
		s = dnnl_memory_create(&p->memory, &p->desc, x->engine, p->data);
	if (!s)
		s = reorder(x, src, &plain, p);
	dnnl_memory_destroy(src);
	free(f);
	*out = p;
	return s ? failed(e, s, n) : HMR_OK;
}

static void
add_arg(struct cpu_conv *c, int what, dnnl_memory_t m)
{
	c->arg[c->n_args++] = (dnnl_exec_arg_t){ what, m };
}

/* Number `at` of what lies at p. */
static void *
place(void *p, size_t at, bool half)
{
	return (uint8_t *)p + at * (half ? sizeof(uint16_t) : sizeof(float));
}

enum hmr_status
cpu_conv_finish(struct hmr_exec *x, const struct hmr_node *n, struct cpu_conv *c,
		void *src, float *right, void *dst, void *scratch, struct hmr_err *e)
{
	struct cpu_weights *w = &x->weights[n - x->job->graph->node];
	const dnnl_memory_desc_t *m[4];
	struct cpu_pack *p = NULL;
	enum hmr_status st;
	dnnl_status_t s;

	m[0] = dnnl_primitive_desc_query_md(c->pd, dnnl_query_src_md, 0);
	m[1] = dnnl_primitive_desc_query_md(c->pd, dnnl_query_weights_md, 0);
	m[2] = dnnl_primitive_desc_query_md(c->pd, dnnl_query_dst_md, 0);
	m[3] = dnnl_primitive_desc_query_md(c->pd, dnnl_query_scratchpad_md, 0);
	if (!right && (st = pack_weights(x, n, m[1], &p, e)))
		return st;
	if (n->n_in == 3 && !w->bias && (st = load_bias(x, n, w, e)))
		return st;
	src = place(src, c->piece.in_at, c->piece.in_half);
	if (is_rounded(&c->piece)) {
		c->from = src;
		src = c->to = (uint16_t *)((uint8_t *)scratch + own_scratch(c));
	}
	omp_set_num_threads(c->threads);
	if (!(s = dnnl_memory_create(&c->src, m[0], x->engine, src)) &&
	    !(s = right ? dnnl_memory_create(&c->right, m[1], x->engine,
					     right + c->piece.right_at) : s) &&
	    !(s = dnnl_memory_create(&c->dst, m[2], x->engine,
				     place(dst, c->piece.out_at, c->piece.out_half))) &&
	    !(s = dnnl_memory_create(&c->scratch, m[3], x->engine, scratch)))
		s = dnnl_primitive_create(&c->prim, c->pd);
	omp_set_num_threads((int)x->job->threads);
	if (s)
		return failed(e, s, n);
	add_arg(c, DNNL_ARG_SRC, c->src);
	add_arg(c, DNNL_ARG_WEIGHTS, right ? c->right : p->memory);
	if (w->bias)
		add_arg(c, DNNL_ARG_BIAS, w->bias);
	add_arg(c, DNNL_ARG_DST, c->dst);
	add_arg(c, DNNL_ARG_SCRATCHPAD, c->scratch);
	return HMR_OK;
}

void
cpu_conv_free(struct cpu_conv *c)
{
	if (!c)
		return;
	dnnl_primitive_destroy(c->prim);
	dnnl_memory_destroy(c->src);
	dnnl_memory_destroy(c->right);
	dnnl_memory_destroy(c->dst);
	dnnl_memory_destroy(c->scratch);
	dnnl_primitive_desc_destroy(c->pd);
	free(c);
}

void
cpu_weights_release(struct cpu_weights *w)
{
	while (w->packs) {
		struct cpu_pack *p = w->packs;

		w->packs = p->next;
		dnnl_memory_destroy(p->memory);
		free(p->data);
		free(p);
	}
	dnnl_memory_destroy(w->bias);
	free(w->bias_data);
}

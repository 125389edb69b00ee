/* SPDX-License-Identifier: Apache-2.0 */
/* See hmr2_noise.h. The memory is handed out twice, to count and for real. */
#include "hmr2/hmr2_noise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/half_host.h"

struct maker {
	uint8_t *base;		/* NULL: counting */
	size_t at;
	uint32_t seed;
	bool int8;		/* what is made now */
};

/* In -1 .. 1. */
static float
next(struct maker *m)
{
	m->seed = m->seed * 1664525u + 1013904223u;
	return (float)(m->seed >> 8) / 0x1p23f - 1;
}

static uint8_t *
take(struct maker *m, size_t bytes)
{
	uint8_t *p = m->base ? m->base + m->at : NULL;

	m->at += (bytes + 63) & ~(size_t)63;
	return p;
}

static const float *
floats(struct maker *m, size_t n, float centre, float spread)
{
	float *p = (float *)(void *)take(m, n * sizeof(float));

	for (size_t i = 0; p && i < n; i++)
		p[i] = centre + spread * next(m);
	return p;
}

/* 8-bit weights of the same size. */
static void
bytes(struct maker *m, struct hmr2_linear *l, float size)
{
	size_t n = (size_t)l->out * l->in;
	int8_t *w = (int8_t *)take(m, n);

	for (size_t i = 0; w && i < n; i++)
		w[i] = (int8_t)lrintf(127 * next(m));
	l->dtype = HMR_DTYPE_I8;
	l->w = w;
	l->scale = floats(m, l->out, size / 127, 0.1f * size / 127);
}

static void
linear(struct maker *m, struct hmr2_linear *l, uint32_t out, uint32_t in, bool bias)
{
	size_t n = (size_t)out * in;
	float size = sqrtf(3 / (float)in);	/* uniform: deviation 1 / sqrt(in) */
	uint16_t *w = m->int8 ? NULL : (uint16_t *)(void *)take(m, n * 2);

	*l = (struct hmr2_linear){ .dtype = HMR_DTYPE_BF16, .out = out, .in = in, .w = w };
	if (m->int8)
		bytes(m, l, size);
	for (size_t i = 0; w && i < n; i++)
		w[i] = hmr_st_bf16(size * next(m));
	if (bias)
		l->bias = floats(m, out, 0, 0.02f);
}

static void
norm(struct maker *m, struct hmr2_norm *n, uint32_t width)
{
	n->w = floats(m, width, 1, 0.1f);
	n->b = floats(m, width, 0, 0.1f);
}

static void
layer(struct maker *m, struct hmr2_layer *l, const struct hmr_hmr2_dims *d)
{
	norm(m, &l->norm0, d->head_dim);
	norm(m, &l->norm1, d->head_dim);
	norm(m, &l->norm2, d->head_dim);
	linear(m, &l->self_v, d->head_inner, d->head_dim, false);
	linear(m, &l->self_out, d->head_dim, d->head_inner, true);
	linear(m, &l->q, d->head_inner, d->head_dim, false);
	linear(m, &l->k, d->head_inner, d->dim, false);
	linear(m, &l->v, d->head_inner, d->dim, false);
	linear(m, &l->out, d->head_dim, d->head_inner, true);
	linear(m, &l->fc1, d->head_mlp, d->head_dim, true);
	linear(m, &l->fc2, d->head_dim, d->head_mlp, true);
}

static void
make(struct maker *m, struct hmr2_weights *w, bool int8)
{
	const struct hmr_hmr2_dims *d = &w->d;

	linear(m, &w->patch, d->dim, HMR_HMR2_PATCH, false);
	w->pos = floats(m, HMR_HMR2_TOKENS * (size_t)d->dim, 0, 0.5f);
	for (uint32_t i = 0; i < d->depth; i++) {
		struct hmr2_block *b = &w->block[i];

		m->int8 = int8 && i;
		norm(m, &b->norm1, d->dim);
		norm(m, &b->norm2, d->dim);
		linear(m, &b->qkv, 3 * d->dim, d->dim, true);
		linear(m, &b->proj, d->dim, d->dim, true);
		linear(m, &b->fc1, d->mlp, d->dim, true);
		linear(m, &b->fc2, d->dim, d->mlp, true);
	}
	m->int8 = false;
	norm(m, &w->last_norm, d->dim);
	w->token = floats(m, d->head_dim, 0, 1);
	for (uint32_t i = 0; i < d->head_depth; i++)
		layer(m, &w->layer[i], d);
	linear(m, &w->dec, HMR_HMR2_OUT, d->head_dim, true);
}

void
hmr2_noise_full(struct hmr_hmr2_dims *d)
{
	*d = (struct hmr_hmr2_dims){ .dim = 1280, .depth = 32, .heads = 16, .mlp = 5120,
		.head_dim = 1024, .head_depth = 6, .head_heads = 8, .head_inner = 512,
		.head_mlp = 1024 };
}

enum hmr_status
hmr2_noise(struct hmr2_weights *w, const struct hmr_hmr2_dims *d, bool int8,
	   void **memory, struct hmr_err *e)
{
	struct maker m = { .seed = 1 };

	memset(w, 0, sizeof(*w));
	*memory = NULL;
	w->d = *d;
	w->name = "noise";
	w->precision = int8 ? "int8" : "bf16";
	w->block = calloc(d->depth, sizeof(*w->block));
	w->layer = calloc(d->head_depth, sizeof(*w->layer));
	if (w->block && w->layer) {
		make(&m, w, int8);
		*memory = aligned_alloc(64, m.at);
	}
	if (!*memory) {
		hmr2_weights_close(w);
		return hmr_fail(e, HMR_E_NOMEM, "weights");
	}
	m = (struct maker){ .base = *memory, .seed = 1 };
	make(&m, w, int8);
	return HMR_OK;
}

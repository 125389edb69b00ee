/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2's weights on their way to a GPU: converted row by row into the pinned memory
 * that is the crops' later, one half of it going up while the other is filled; or,
 * where a layer does not stay, into the pinned memory that the runs take it from. So
 * loading takes no memory of its own, and the model file's pages leave it.
 */
#include "hmr2/hmr2_cuda_impl.h"

#include <string.h>

#include "cuda/half_host.h"

#define ROW HMR_HMR2_WIDTH_MAX
#define PIECE 8192u		/* numbers at once; halves have room for it */

struct load {
	struct hmr2_cuda *c;
	struct hmr_event *gone[2];	/* a half's copy is done */
	size_t half;			/* bytes */
	int now;			/* the half that is filled, with … */
	size_t from, end;		/* … this part of the device's memory */
	uint8_t *host;			/* NULL, or it all goes there instead */
	enum hmr_status st;		/* the first failure; no copies after it */
	struct hmr_err *e;
};

static void
send(struct load *l)
{
	const struct hmr_device_api *api = l->c->api;
	const uint8_t *host = l->c->host + (size_t)l->now * l->half;

	if (l->end == l->from || l->st)
		return;
	if ((l->st = api->copy_in(l->c->queue, l->c->base + l->from, host,
				  l->end - l->from, l->e)) ||
	    (l->st = api->event_record(l->c->queue, l->gone[l->now], l->e)))
		return;
	l->now = !l->now;
	l->st = api->event_sync(l->gone[l->now], l->e);
}

/* Where bytes are written that go to `at`. What lies between is not kept. */
static uint8_t *
room(struct load *l, size_t at, size_t bytes)
{
	if (l->host)
		return l->host + at;
	if (at < l->end || at + bytes - l->from > l->half) {
		send(l);
		l->from = at;
	}
	l->end = at + bytes;
	return l->c->host + (size_t)l->now * l->half + (at - l->from);
}

static enum hmr_dtype
file_type(enum hmr_device_type t)
{
	return t == HMR_DEVICE_BF16 ? HMR_DTYPE_BF16 : t == HMR_DEVICE_F16 ?
		HMR_DTYPE_F16 : t == HMR_DEVICE_I8 ? HMR_DTYPE_I8 : HMR_DTYPE_F32;
}

static void
convert(uint8_t *to, const float *from, size_t n, enum hmr_device_type t)
{
	uint16_t *half = (uint16_t *)(void *)to;

	if (t == HMR_DEVICE_F32)
		memcpy(to, from, n * sizeof(float));
	else if (t == HMR_DEVICE_BF16)
		for (size_t i = 0; i < n; i++)
			half[i] = hmr_st_bf16(from[i]);
	else
		for (size_t i = 0; i < n; i++)
			half[i] = hmr_st_f16(from[i]);
}

static void
put_floats(struct load *l, size_t at, const float *from, size_t n, enum hmr_device_type t)
{
	size_t size = hmr_device_type_bytes(t);

	for (size_t i = 0; i < n; i += PIECE) {
		size_t k = n - i < PIECE ? n - i : PIECE;

		convert(room(l, at + i * size, k * size), from + i, k, t);
	}
}

/* m's weights [out][in] as t. */
static void
put_matrix(struct load *l, size_t at, const struct hmr2_linear *m, enum hmr_device_type t)
{
	size_t row = (size_t)m->in * hmr_device_type_bytes(t);
	float v[ROW];

	for (uint32_t i = 0; i < m->out && !l->st; i++) {
		uint8_t *to = room(l, at + i * row, row);

		if (m->dtype == file_type(t)) {
			memcpy(to, (const uint8_t *)m->w + i * row, row);
			continue;
		}
		hmr2_linear_row(m, i, v);
		convert(to, v, m->in, t);
	}
	if (l->c->w->file)		/* mapped, not somebody's memory */
		hmr2_weights_drop(m->w, hmr2_linear_bytes(m));
}

static void
put_norm(struct load *l, size_t w, size_t b, const struct hmr2_norm *n, size_t width)
{
	put_floats(l, w, n->w, width, HMR_DEVICE_F32);
	put_floats(l, b, n->b, width, HMR_DEVICE_F32);
}

/* A matrix of a layer with its bias, its scales before that where it stays 8-bit. */
static void
put_linear(struct load *l, size_t base, const size_t *at, const struct hmr2_linear *m,
	   enum hmr_device_type t, enum hmr_device_type bias)
{
	put_matrix(l, base + at[0], m, t);
	if (t == HMR_DEVICE_I8)
		put_floats(l, base + at[1], m->scale, m->out, HMR_DEVICE_F32);
	put_floats(l, base + at[2], m->bias, m->out, bias);
}

/* Layer i's block, at base. */
static void
put_layer(struct load *l, size_t base, uint32_t i)
{
	const struct hmr2_cuda *c = l->c;
	const struct hmr2_block *b = &c->w->block[i];
	const size_t *at = i ? c->map.layer : c->map.first;
	bool int8 = i && c->plan.int8;
	enum hmr_device_type t = int8 ? HMR_DEVICE_I8 : c->types[!i], f = HMR_DEVICE_F32;

	put_norm(l, base + at[HMR2_NORM1_W], base + at[HMR2_NORM1_B], &b->norm1, c->w->d.dim);
	put_linear(l, base, at + HMR2_QKV, &b->qkv, t, int8 ? f : t);
	put_linear(l, base, at + HMR2_PROJ, &b->proj, t, f);
	put_norm(l, base + at[HMR2_NORM2_W], base + at[HMR2_NORM2_B], &b->norm2, c->w->d.dim);
	put_linear(l, base, at + HMR2_FC1, &b->fc1, t, f);
	put_linear(l, base, at + HMR2_FC2, &b->fc2, t, f);
}

/* Layer i of the decoder; its keys and values go to the matrix of all layers. */
static void
put_head(struct load *l, uint32_t i)
{
	const struct hmr2_cuda *c = l->c;
	const struct hmr2_layer *h = &c->w->layer[i];
	const struct hmr_hmr2_dims *d = &c->w->d;
	const size_t *at = c->map.head;
	enum hmr_device_type t = c->types[1], f = HMR_DEVICE_F32;
	size_t to = c->map.heads + i * c->map.head_bytes;

	put_norm(l, to + at[HMR2_H_NORM0_W], to + at[HMR2_H_NORM0_B], &h->norm0, d->head_dim);
	put_matrix(l, to + at[HMR2_H_SELF_V], &h->self_v, t);
	put_matrix(l, to + at[HMR2_H_SELF_OUT], &h->self_out, t);
	put_floats(l, to + at[HMR2_H_SELF_OUT_B], h->self_out.bias, d->head_dim, f);
	put_norm(l, to + at[HMR2_H_NORM1_W], to + at[HMR2_H_NORM1_B], &h->norm1, d->head_dim);
	put_matrix(l, to + at[HMR2_H_Q], &h->q, t);
	put_matrix(l, to + at[HMR2_H_OUT], &h->out, t);
	put_floats(l, to + at[HMR2_H_OUT_B], h->out.bias, d->head_dim, f);
	put_norm(l, to + at[HMR2_H_NORM2_W], to + at[HMR2_H_NORM2_B], &h->norm2, d->head_dim);
	put_matrix(l, to + at[HMR2_H_FC1], &h->fc1, t);
	put_floats(l, to + at[HMR2_H_FC1_B], h->fc1.bias, d->head_mlp, f);
	put_matrix(l, to + at[HMR2_H_FC2], &h->fc2, t);
	put_floats(l, to + at[HMR2_H_FC2_B], h->fc2.bias, d->head_dim, f);
}

static void
put_keys(struct load *l)
{
	const struct hmr2_cuda *c = l->c;
	const struct hmr_hmr2_dims *d = &c->w->d;
	size_t at = c->map.kv, t = hmr_device_type_bytes(c->types[1]);

	for (uint32_t i = 0; i < d->head_depth; i++) {
		put_matrix(l, at, &c->w->layer[i].k, c->types[1]);
		at += (size_t)d->head_inner * d->dim * t;
		put_matrix(l, at, &c->w->layer[i].v, c->types[1]);
		at += (size_t)d->head_inner * d->dim * t;
	}
}

/* The directions that the body takes: its shape's, then its pose's. */
static void
put_body(struct load *l)
{
	const struct hmr2_cuda *c = l->c;
	const struct hmr_body_tables *b = &c->body;
	const struct hmr2_cuda_map *m = &c->map;
	enum hmr_device_type f = HMR_DEVICE_F32;
	size_t n = (size_t)b->vertices * 3, dir = m->body_dir;

	put_floats(l, m->body_rest, b->rest, n, f);
	put_floats(l, dir, b->dir, c->shapes * n, f);
	for (size_t i = 0; i < c->poses; i++)
		put_floats(l, dir + (c->shapes + i) * n * sizeof(float),
			   b->pose + i * b->pose_step, n, f);
	put_floats(l, m->body_weight, b->weight, (size_t)b->vertices * 4, f);
	for (size_t i = 0; i < b->vertices; i++)
		memcpy(room(l, m->body_index + 4 * i, 4), b->weight_joint + 4 * i, 4);
	put_floats(l, m->body_joint, b->joint, 72, f);
	put_floats(l, m->body_joint + 72 * sizeof(float), b->joint_dir, HMR_BODY_SHAPES * 72,
		   f);
}

static void
put_fixed(struct load *l)
{
	const struct hmr2_cuda *c = l->c;
	const struct hmr2_weights *w = c->w;
	const struct hmr2_cuda_map *m = &c->map;
	enum hmr_device_type f = HMR_DEVICE_F32;

	put_matrix(l, m->patch, &w->patch, c->types[1]);
	put_floats(l, m->pos, w->pos, (size_t)HMR_HMR2_TOKENS * w->d.dim, f);
	put_norm(l, m->norm_w, m->norm_b, &w->last_norm, w->d.dim);
	for (uint32_t i = 0; i < c->plan.people; i++)
		put_floats(l, m->token + i * (size_t)w->d.head_dim * sizeof(float), w->token,
			   w->d.head_dim, f);
	for (uint32_t i = 0; i < w->d.head_depth; i++)
		put_head(l, i);
	put_keys(l);
	put_matrix(l, m->dec, &w->dec, c->types[1]);
	put_floats(l, m->dec_b, w->dec.bias, HMR_HMR2_OUT, f);
	if (c->body.vertices)
		put_body(l);
}

enum hmr_status
hmr2_cuda_load(struct hmr2_cuda *c, struct hmr_err *e)
{
	const struct hmr_device_api *api = c->api;
	struct load l = { .c = c, .e = e,
		.half = c->plan.people * (HMR_HMR2_PIXELS * sizeof(float) / 2) };

	for (int i = 0; i < 2 && !l.st; i++)
		l.st = api->event_new(c->device, false, &l.gone[i], e);
	if (!l.st)
		put_fixed(&l);
	for (uint32_t i = 0; i < c->plan.depth && !l.st; i++) {
		if (i >= c->plan.resident)
			l.host = c->host_layers + (i - c->plan.resident) *
				c->map.layer_bytes;
		put_layer(&l, l.host ? 0 : hmr2_cuda_layer_at(&c->map, i), i);
	}
	send(&l);
	if (!l.st)
		l.st = api->sync(c->queue, e);
	api->event_free(l.gone[0]);
	api->event_free(l.gone[1]);
	return l.st;
}

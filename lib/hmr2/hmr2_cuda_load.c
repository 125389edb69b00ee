/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2's weights on their way to a GPU: converted tensor by tensor into pinned
 * memory, from there uploaded or, where a layer does not stay, left for the runs.
 * The model file's pages leave memory behind it.
 */
#include "hmr2/hmr2_cuda_impl.h"

#include <string.h>

#include "cuda/half_host.h"

#define ROW HMR_HMR2_WIDTH_MAX

static enum hmr_dtype
file_type(enum hmr_device_type t)
{
	return t == HMR_DEVICE_BF16 ? HMR_DTYPE_BF16 : t == HMR_DEVICE_F16 ?
		HMR_DTYPE_F16 : HMR_DTYPE_F32;
}

static void
put_floats(uint8_t *to, const float *from, size_t n, enum hmr_device_type t)
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

/* l's weights [out][in] as t. */
static void
put_matrix(const struct hmr2_cuda *c, uint8_t *to, const struct hmr2_linear *l,
	   enum hmr_device_type t)
{
	size_t row = (size_t)l->in * hmr_device_type_bytes(t);
	float v[ROW];

	if (l->dtype == file_type(t)) {
		memcpy(to, l->w, hmr2_linear_bytes(l));
	} else {
		for (uint32_t i = 0; i < l->out; i++) {
			hmr2_linear_row(l, i, v);
			put_floats(to + i * row, v, l->in, t);
		}
	}
	if (c->w->file)		/* mapped, not somebody's memory */
		hmr2_weights_drop(l->w, hmr2_linear_bytes(l));
}

static void
put_norm(uint8_t *base, size_t w, size_t b, const struct hmr2_norm *n, size_t width)
{
	put_floats(base + w, n->w, width, HMR_DEVICE_F32);
	put_floats(base + b, n->b, width, HMR_DEVICE_F32);
}

/* Layer i's block. */
static void
put_layer(const struct hmr2_cuda *c, uint8_t *to, uint32_t i)
{
	const struct hmr2_block *b = &c->w->block[i];
	const size_t *at = c->map.layer;
	enum hmr_device_type t = c->types[!i];

	put_norm(to, at[HMR2_NORM1_W], at[HMR2_NORM1_B], &b->norm1, c->w->d.dim);
	put_norm(to, at[HMR2_NORM2_W], at[HMR2_NORM2_B], &b->norm2, c->w->d.dim);
	put_matrix(c, to + at[HMR2_QKV], &b->qkv, t);
	put_floats(to + at[HMR2_QKV_B], b->qkv.bias, b->qkv.out, t);
	put_matrix(c, to + at[HMR2_PROJ], &b->proj, t);
	put_floats(to + at[HMR2_PROJ_B], b->proj.bias, b->proj.out, HMR_DEVICE_F32);
	put_matrix(c, to + at[HMR2_FC1], &b->fc1, t);
	put_floats(to + at[HMR2_FC1_B], b->fc1.bias, b->fc1.out, HMR_DEVICE_F32);
	put_matrix(c, to + at[HMR2_FC2], &b->fc2, t);
	put_floats(to + at[HMR2_FC2_B], b->fc2.bias, b->fc2.out, HMR_DEVICE_F32);
}

/* Layer i of the decoder; its keys and values go to the matrix of all layers. */
static void
put_head(const struct hmr2_cuda *c, uint8_t *base, uint32_t i)
{
	const struct hmr2_layer *l = &c->w->layer[i];
	const struct hmr_hmr2_dims *d = &c->w->d;
	const size_t *at = c->map.head;
	enum hmr_device_type t = c->types[1];
	uint8_t *to = base + c->map.heads + i * c->map.head_bytes;
	size_t kv = (size_t)d->head_inner * d->dim * hmr_device_type_bytes(t);

	put_norm(to, at[HMR2_H_NORM0_W], at[HMR2_H_NORM0_B], &l->norm0, d->head_dim);
	put_norm(to, at[HMR2_H_NORM1_W], at[HMR2_H_NORM1_B], &l->norm1, d->head_dim);
	put_norm(to, at[HMR2_H_NORM2_W], at[HMR2_H_NORM2_B], &l->norm2, d->head_dim);
	put_matrix(c, to + at[HMR2_H_SELF_V], &l->self_v, t);
	put_matrix(c, to + at[HMR2_H_SELF_OUT], &l->self_out, t);
	put_floats(to + at[HMR2_H_SELF_OUT_B], l->self_out.bias, d->head_dim, HMR_DEVICE_F32);
	put_matrix(c, to + at[HMR2_H_Q], &l->q, t);
	put_matrix(c, to + at[HMR2_H_OUT], &l->out, t);
	put_floats(to + at[HMR2_H_OUT_B], l->out.bias, d->head_dim, HMR_DEVICE_F32);
	put_matrix(c, to + at[HMR2_H_FC1], &l->fc1, t);
	put_floats(to + at[HMR2_H_FC1_B], l->fc1.bias, d->head_mlp, HMR_DEVICE_F32);
	put_matrix(c, to + at[HMR2_H_FC2], &l->fc2, t);
	put_floats(to + at[HMR2_H_FC2_B], l->fc2.bias, d->head_dim, HMR_DEVICE_F32);
	put_matrix(c, base + c->map.kv + 2 * i * kv, &l->k, t);
	put_matrix(c, base + c->map.kv + (2 * i + 1) * kv, &l->v, t);
}

/* The directions that the body takes: its shape's, then its pose's. */
static void
put_body(const struct hmr2_cuda *c, uint8_t *base)
{
	const struct hmr_body_tables *b = &c->body;
	const struct hmr2_cuda_map *m = &c->map;
	size_t n = (size_t)b->vertices * 3;
	float *dir = (float *)(void *)(base + m->body_dir);

	memcpy(base + m->body_rest, b->rest, n * sizeof(float));
	memcpy(dir, b->dir, c->shapes * n * sizeof(float));
	for (size_t i = 0; i < c->poses; i++)
		memcpy(dir + (c->shapes + i) * n, b->pose + i * b->pose_step,
		       n * sizeof(float));
	memcpy(base + m->body_weight, b->weight, (size_t)b->vertices * 4 * sizeof(float));
	memcpy(base + m->body_index, b->weight_joint, (size_t)b->vertices * 4);
	memcpy(base + m->body_joint, b->joint, 72 * sizeof(float));
	memcpy(base + m->body_joint + 72 * sizeof(float), b->joint_dir,
	       HMR_BODY_SHAPES * 72 * sizeof(float));
}

static void
put_fixed(const struct hmr2_cuda *c, uint8_t *base)
{
	const struct hmr2_weights *w = c->w;
	const struct hmr2_cuda_map *m = &c->map;

	put_matrix(c, base + m->patch, &w->patch, c->types[1]);
	memcpy(base + m->pos, w->pos, (size_t)HMR_HMR2_TOKENS * w->d.dim * sizeof(float));
	put_norm(base, m->norm_w, m->norm_b, &w->last_norm, w->d.dim);
	for (uint32_t i = 0; i < c->plan.people; i++)
		memcpy(base + m->token + i * (size_t)w->d.head_dim * sizeof(float),
		       w->token, w->d.head_dim * sizeof(float));
	for (uint32_t i = 0; i < w->d.head_depth; i++)
		put_head(c, base, i);
	put_matrix(c, base + m->dec, &w->dec, c->types[1]);
	put_floats(base + m->dec_b, w->dec.bias, HMR_HMR2_OUT, HMR_DEVICE_F32);
	if (c->body.vertices)
		put_body(c, base);
}

enum hmr_status
hmr2_cuda_load(struct hmr2_cuda *c, struct hmr_err *e)
{
	const struct hmr_device_api *api = c->api;
	void *room;
	enum hmr_status st;

	if ((st = api->alloc_host(c->device, c->plan.host_load, &room, e)))
		return st;
	memset(room, 0, c->map.fixed_end);
	put_fixed(c, room);
	st = api->copy_in(c->queue, c->base, room, c->map.fixed_end, e);
	for (uint32_t i = 0; i < c->plan.depth && !st; i++) {
		if (i >= c->plan.resident) {
			put_layer(c, c->host_layers + (i - c->plan.resident) *
				  c->map.layer_bytes, i);
			continue;
		}
		if ((st = api->sync(c->queue, e)))
			break;
		put_layer(c, room, i);
		st = api->copy_in(c->queue, c->base + c->map.layers +
				  i * c->map.layer_bytes, room, c->map.layer_bytes, e);
	}
	if (!st)
		st = api->sync(c->queue, e);
	api->release_host(c->device, room);
	return st;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2's forward pass as work on a device's queues. The residual stream x is
 * float32; layer norms read it and give T, products of T add to it. The decoder's
 * keys and values come from one product for all its layers.
 *
 * Where weights are 8-bit, products give int32, which the next kernel takes up: the
 * residual stream's with the norm that follows. a and big are used in turn.
 *
 * Layers that do not stay on the device have two slots in turn: the copy of layer
 * i + 2 waits for layer i to be done, layer i for its copy, so that copies and
 * computing overlap.
 */
#include "hmr2/hmr2_cuda_impl.h"

#include <math.h>

#define TOKENS HMR2K_TOKENS

struct run {
	struct hmr2_cuda *c;
	const struct hmr2_cuda_batch *b;
	uint32_t n;		/* people */
	enum hmr_status st;	/* the first failure; later calls do nothing */
	struct hmr_err *e;
};

static void
launch(struct run *r, const struct hmr_kernel *k, uint32_t x, uint32_t y, uint32_t z,
       uint32_t block, size_t shared, const void *args, size_t bytes)
{
	const uint32_t grid[3] = { x, y, z };

	if (!r->st)
		r->st = r->c->api->launch(r->c->queue, k, grid, block, shared, args, bytes,
					  r->e);
}

/* d = a times b + bias, + d where the product adds. */
static void
product(struct run *r, const struct hmr_gemm *g, const void *a, const void *b,
	const void *bias, void *d)
{
	struct hmr_gemm_io io = { .a = a, .b = b, .bias = bias, .c = d, .d = d,
		.workspace = r->c->base + r->c->map.workspace };

	if (!r->st)
		r->st = r->c->api->gemm_run(r->c->queue, g, &io, r->e);
}

static void
norm(struct run *r, int type, void *x, const void *w, const void *b, void *out)
{
	uint32_t dim = r->c->w->d.dim;
	struct hmr2_norm_args a = { .x = x, .w = w, .b = b, .out = out, .width = dim,
				    .eps = 1e-6f };

	launch(r, r->c->k[type].norm, r->n * TOKENS / 4, 1, 1, 128, 0, &a, sizeof(a));
}

static void
attend(struct run *r, int type, const void *qkv, void *out)
{
	const struct hmr_hmr2_dims *d = &r->c->w->d;
	uint32_t width = d->dim / d->heads;
	struct hmr2_attend_args a = { .qkv = qkv, .out = out, .dim = d->dim,
		.width = width, .scale = 1 / sqrtf((float)width) };
	uint32_t warps = r->n > 2 ? 6 : 3;

	if (r->c->mma)
		launch(r, r->c->k[type].attend, 12 / warps, d->heads, r->n, 32 * warps,
		       TOKENS * 2 * 2 * (size_t)width, &a, sizeof(a));
	else
		launch(r, r->c->k[type].attend, TOKENS / HMR2K_ATTEND_QUERIES, d->heads, r->n,
		       128, hmr2k_attend_shared(width), &a, sizeof(a));
}

/* Layer i of the transformer, whose weights are at w. */
static void
layer(struct run *r, uint32_t i, const uint8_t *w)
{
	const int type = !i;
	const struct hmr2_cuda_gemms *gemm = &r->b->gemm[type];
	const struct hmr2_cuda_map *m = &r->c->map;
	uint8_t *base = r->c->base, *x = base + m->x, *a = base + m->a, *big = base + m->big;
	const size_t *at = i ? m->layer : m->first;
	uint32_t mlp = r->c->w->d.mlp;
	struct hmr2_gelu_args g = { .x = big, .width = mlp,
		.bias = (const float *)(const void *)(w + at[HMR2_FC1_B]) };

	norm(r, type, x, w + at[HMR2_NORM1_W], w + at[HMR2_NORM1_B], a);
	product(r, gemm->qkv, a, w + at[HMR2_QKV], w + at[HMR2_QKV_B], big);
	attend(r, type, big, a);
	product(r, gemm->proj, a, w + at[HMR2_PROJ], w + at[HMR2_PROJ_B], x);
	norm(r, type, x, w + at[HMR2_NORM2_W], w + at[HMR2_NORM2_B], a);
	product(r, gemm->fc1, a, w + at[HMR2_FC1], NULL, big);
	launch(r, r->c->k[type].gelu, r->n * TOKENS, 1, 1, 128, 0, &g, sizeof(g));
	product(r, gemm->fc2, big, w + at[HMR2_FC2], w + at[HMR2_FC2_B], x);
}

static struct hmr2_sums
sums(const struct run *r, const uint8_t *channel, const uint8_t *bias)
{
	const struct hmr2_cuda_map *m = &r->c->map;

	return (struct hmr2_sums){ .sum = (void *)(r->c->base + m->sum),
		.row = (void *)(r->c->base + m->scale), .channel = (const void *)channel,
		.bias = (const void *)bias };
}

/* x plus sums, where there are any, then its norm in 8 bits to a; w NULL: x alone. */
static void
norm_i8(struct run *r, const struct hmr2_sums *s, const uint8_t *w, const uint8_t *b)
{
	const struct hmr2_cuda *c = r->c;
	struct hmr2_norm_args a = { .x = (void *)(c->base + c->map.x),
		.w = (const void *)w, .b = (const void *)b, .out = c->base + c->map.a,
		.width = c->w->d.dim, .eps = 1e-6f,
		.scale = (void *)(c->base + c->map.scale) };

	if (s)
		a.s = *s;
	launch(r, c->norm_i8, r->n * TOKENS / 4, 1, 1, 128, 0, &a, sizeof(a));
}

/* A layer of 8-bit weights at w, whose input's norm is there already; next: the
 * block of the layer after it, where it is there, or NULL. */
static void
layer_i8(struct run *r, const uint8_t *w, const uint8_t *next)
{
	const struct hmr2_cuda *c = r->c;
	const struct hmr2_cuda_gemms *gemm = &r->b->gemm[0];
	const struct hmr2_cuda_map *m = &c->map;
	uint8_t *base = c->base, *a = base + m->a, *big = base + m->big, *sum = base + m->sum;
	float *scale = (void *)(base + m->scale);
	const size_t *at = m->layer;
	uint32_t dim = c->w->d.dim, mlp = c->w->d.mlp, rows = r->n * TOKENS;
	struct hmr2_open_args o = { .s = sums(r, w + at[HMR2_QKV_S], w + at[HMR2_QKV_B]),
		.out = big, .width = 3 * dim };
	struct hmr2_quantise_args q = { .x = a, .out = (void *)big, .scale = scale,
		.width = dim };
	struct hmr2_sums proj = sums(r, w + at[HMR2_PROJ_S], w + at[HMR2_PROJ_B]);
	struct hmr2_gelu_i8_args g = { .s = sums(r, w + at[HMR2_FC1_S], w + at[HMR2_FC1_B]),
		.out = (void *)big, .scale = scale, .width = mlp };
	struct hmr2_sums fc2 = sums(r, w + at[HMR2_FC2_S], w + at[HMR2_FC2_B]);

	product(r, gemm->qkv, a, w + at[HMR2_QKV], NULL, sum);
	launch(r, c->k[0].open, rows, 1, 1, 128, 0, &o, sizeof(o));
	attend(r, 0, big, a);
	launch(r, c->k[0].quantise, rows / 4, 1, 1, 128, 0, &q, sizeof(q));
	product(r, gemm->proj, big, w + at[HMR2_PROJ], NULL, sum);
	norm_i8(r, &proj, w + at[HMR2_NORM2_W], w + at[HMR2_NORM2_B]);
	product(r, gemm->fc1, a, w + at[HMR2_FC1], NULL, sum);
	launch(r, c->gelu_i8, rows, 1, 1, 256, (32 + (size_t)mlp) * sizeof(float), &g,
	       sizeof(g));
	product(r, gemm->fc2, big, w + at[HMR2_FC2], NULL, sum);
	norm_i8(r, &fc2, next ? next + at[HMR2_NORM1_W] : NULL,
		next ? next + at[HMR2_NORM1_B] : NULL);
}

static void
embed(struct run *r)
{
	const struct hmr2_cuda_map *m = &r->c->map;
	uint8_t *base = r->c->base;
	struct hmr2_patches_args a = { .crops = (void *)(base + m->crops),
		.out = base + m->a, .pos = (void *)(base + m->pos),
		.x = (void *)(base + m->x), .dim = r->c->w->d.dim };

	launch(r, r->c->k[1].patches, TOKENS, r->n, 1, 128, 0, &a, sizeof(a));
	product(r, r->b->patch, base + m->a, base + m->patch, NULL, base + m->x);
}

/* The copy of the i-th layer that does not stay, into its slot. */
static void
fetch(struct run *r, uint32_t i)
{
	struct hmr2_cuda *c = r->c;
	size_t bytes = c->map.layer_bytes;

	if (!r->st)
		r->st = c->api->copy_in(c->copies, c->base + c->map.slots + i % 2 * bytes,
					c->host_layers + i * bytes, bytes, r->e);
	if (!r->st)
		r->st = c->api->event_record(c->copies, c->ready[i % 2], r->e);
}

static void
wait(struct run *r, struct hmr_queue *q, struct hmr_event *v)
{
	if (!r->st)
		r->st = r->c->api->event_wait(q, v, r->e);
}

static void
record(struct run *r, struct hmr_queue *q, struct hmr_event *v)
{
	if (!r->st)
		r->st = r->c->api->event_record(q, v, r->e);
}

/* next: as layer_i8() has it. */
static void
any_layer(struct run *r, uint32_t i, const uint8_t *w, const uint8_t *next)
{
	const size_t *at = r->c->map.layer;

	if (!i || !r->c->plan.int8) {
		layer(r, i, w);
		return;
	}
	if (i == 1 || i >= r->c->plan.resident)	/* no layer has made it */
		norm_i8(r, NULL, w + at[HMR2_NORM1_W], w + at[HMR2_NORM1_B]);
	layer_i8(r, w, next);
}

static void
layers(struct run *r)
{
	struct hmr2_cuda *c = r->c;
	uint32_t resident = c->plan.resident, away = c->plan.depth - resident;
	size_t bytes = c->map.layer_bytes;

	for (uint32_t i = 0; i < resident; i++) {
		uint8_t *next = c->base + hmr2_cuda_layer_at(&c->map, i + 1);

		any_layer(r, i, c->base + hmr2_cuda_layer_at(&c->map, i),
			  i + 1 < resident ? next : NULL);
	}
	for (uint32_t i = 0; i < away; i++) {
		wait(r, c->queue, c->ready[i % 2]);
		any_layer(r, resident + i, c->base + c->map.slots + i % 2 * bytes, NULL);
		if (i + 2 >= away)
			continue;
		record(r, c->queue, c->done[i % 2]);
		wait(r, c->copies, c->done[i % 2]);
		fetch(r, i + 2);
	}
}

struct linear {			/* one of the decoder's products */
	const uint8_t *w, *bias, *norm_w, *norm_b;
	size_t x, y;
	uint32_t in, out;
	bool gelu, add;
};

static void
linear(struct run *r, const struct linear *l)
{
	struct hmr2_linear_args a = { .w = l->w, .bias = (const void *)l->bias,
		.norm_w = (const void *)l->norm_w, .norm_b = (const void *)l->norm_b,
		.x = (void *)(r->c->base + l->x), .y = (void *)(r->c->base + l->y),
		.in = l->in, .out = l->out, .people = r->n, .gelu = l->gelu,
		.add = l->add, .eps = 1e-5f };

	launch(r, r->c->k[1].linear, (l->out + 7) / 8, 1, 1, 256, 4 * (size_t)l->in * 4, &a,
	       sizeof(a));
}

static void
cross(struct run *r, uint32_t i)
{
	const struct hmr_hmr2_dims *d = &r->c->w->d;
	const struct hmr2_cuda_map *m = &r->c->map;
	size_t t = hmr_device_type_bytes(r->c->types[1]);
	uint32_t width = d->head_inner / d->head_heads;
	const uint8_t *k = r->c->base + m->big + 2 * (size_t)i * d->head_inner * t;
	struct hmr2_cross_args a = { .q = (void *)(r->c->base + m->query), .k = k,
		.v = k + d->head_inner * t, .out = (void *)(r->c->base + m->other),
		.step = d->head_depth * 2 * d->head_inner, .width = width,
		.scale = 1 / sqrtf((float)width) };

	launch(r, r->c->k[1].cross, d->head_heads, r->n, 1, 256,
	       (width + TOKENS + 256 + 16) * sizeof(float), &a, sizeof(a));
}

static void
head_layer(struct run *r, uint32_t i)
{
	const struct hmr_hmr2_dims *d = &r->c->w->d;
	const struct hmr2_cuda_map *m = &r->c->map;
	const uint8_t *w = r->c->base + m->heads + i * m->head_bytes;
	const size_t *at = m->head;
	uint32_t dim = d->head_dim, inner = d->head_inner, mlp = d->head_mlp;

	if (i) {
		linear(r, &(struct linear){ w + at[HMR2_H_SELF_V], NULL,
			w + at[HMR2_H_NORM0_W], w + at[HMR2_H_NORM0_B], m->state, m->query,
			dim, inner, false, false });
		linear(r, &(struct linear){ w + at[HMR2_H_SELF_OUT],
			w + at[HMR2_H_SELF_OUT_B], NULL, NULL, m->query, m->state, inner,
			dim, false, true });
	}
	linear(r, &(struct linear){ w + at[HMR2_H_Q], NULL, w + at[HMR2_H_NORM1_W],
		w + at[HMR2_H_NORM1_B], m->state, m->query, dim, inner, false, false });
	cross(r, i);
	linear(r, &(struct linear){ w + at[HMR2_H_OUT], w + at[HMR2_H_OUT_B], NULL, NULL,
		m->other, m->state, inner, dim, false, true });
	linear(r, &(struct linear){ w + at[HMR2_H_FC1], w + at[HMR2_H_FC1_B],
		w + at[HMR2_H_NORM2_W], w + at[HMR2_H_NORM2_B], m->state, m->hidden, dim,
		mlp, true, false });
	linear(r, &(struct linear){ w + at[HMR2_H_FC2], w + at[HMR2_H_FC2_B], NULL, NULL,
		m->hidden, m->state, mlp, dim, false, true });
}

static void
head(struct run *r)
{
	const struct hmr_hmr2_dims *d = &r->c->w->d;
	const struct hmr2_cuda_map *m = &r->c->map;
	uint8_t *base = r->c->base;
	struct hmr2_pose_args p = { .six = (void *)(base + m->six),
		.result = (void *)(base + m->result), .ld = HMR_HMR2_OUT };

	norm(r, 1, base + m->x, base + m->norm_w, base + m->norm_b, base + m->a);
	product(r, r->b->kv, base + m->a, base + m->kv, NULL, base + m->big);
	if (!r->st)
		r->st = r->c->api->copy(r->c->queue, base + m->state, base + m->token,
			r->n * (size_t)d->head_dim * sizeof(float), r->e);
	for (uint32_t i = 0; i < d->head_depth; i++)
		head_layer(r, i);
	linear(r, &(struct linear){ base + m->dec, base + m->dec_b, NULL, NULL, m->state,
		m->six, d->head_dim, HMR_HMR2_OUT, false, false });
	launch(r, r->c->pose, r->n, 1, 1, 32, 0, &p, sizeof(p));
}

static void
surface(struct run *r)
{
	const struct hmr2_cuda *c = r->c;
	const struct hmr2_cuda_map *m = &c->map;
	uint8_t *base = c->base;
	uint32_t v = c->body.vertices;
	struct hmr2_bones_args b = { .result = (void *)(base + m->result),
		.joint = (void *)(base + m->body_joint), .bone = (void *)(base + m->bone),
		.coef = (void *)(base + m->coef), .shapes = c->shapes, .poses = c->poses };
	struct hmr2_skin_args s = { .rest = (void *)(base + m->body_rest),
		.dir = (void *)(base + m->body_dir),
		.weight = (void *)(base + m->body_weight), .joint = base + m->body_index,
		.bone = b.bone, .coef = b.coef, .out = (void *)(base + m->vertices),
		.vertices = v, .dirs = c->shapes + c->poses, .people = r->n };

	for (int j = 0; j < HMR_BODY_JOINTS; j++)
		b.parent[j] = (int8_t)c->body.parent[j];
	launch(r, c->bones, r->n, 1, 1, 96, 72 * sizeof(float), &b, sizeof(b));
	launch(r, c->skin, (v + 63) / 64, (r->n + 3) / 4, 1, 192,
	       4 * (HMR2K_COEF + 192 + 288) * sizeof(float), &s, sizeof(s));
}

static void
bring_back(struct run *r)
{
	struct hmr2_cuda *c = r->c;
	const struct hmr2_cuda_map *m = &c->map;

	if (!r->st)
		r->st = c->api->copy_out(c->queue, c->host + m->host_result, c->base +
			m->result, r->n * (size_t)HMR2K_RESULT * sizeof(float), r->e);
	if (!r->st && c->body.vertices)
		r->st = c->api->copy_out(c->queue, c->host + m->host_vertices, c->base +
			m->vertices, r->n * (size_t)c->body.vertices * 3 * sizeof(float),
			r->e);
}

enum hmr_status
hmr2_cuda_steps(struct hmr2_cuda *c, uint32_t batch, struct hmr_err *e)
{
	struct run r = { .c = c, .b = &c->batch[batch], .n = 1u << batch, .e = e };

	if (c->copies) {
		record(&r, c->queue, c->start);
		wait(&r, c->copies, c->start);
		for (uint32_t i = 0; i < 2 && i < c->plan.depth - c->plan.resident; i++)
			fetch(&r, i);
	}
	embed(&r);
	layers(&r);
	head(&r);
	if (c->body.vertices)
		surface(&r);
	bring_back(&r);
	return r.st;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder of one query, one thread's share: a range of outputs of each
 * product for all people, and whole heads of the attention.
 *
 * With one query the keys and values need never be made: q (W_k c) = (q W_k) c
 * and sum p (W_v c) = W_v (sum p c), which is 5 million products a layer where
 * the projections of 192 tokens are 250 million.
 */
#include "hmr2/hmr2_net_impl.h"

#include <math.h>
#include <string.h>

#include "hmr2/hmr2_ref.h"

#define TOKENS ((size_t)HMR_HMR2_TOKENS)
#define BLOCK 64u		/* outputs whose weights stay cached for all people */

/* A thread's share of n, in units of 16. */
static void
share(const struct hmr_hmr2 *net, unsigned thread, uint32_t n, uint32_t *from,
      uint32_t *to)
{
	unsigned threads = hmr2_pool_threads(net->pool);
	uint32_t units = (n + 15) / 16;

	*from = (uint32_t)((uint64_t)units * thread / threads * 16);
	*to = (uint32_t)((uint64_t)units * (thread + 1) / threads * 16);
	if (*to > n)
		*to = n;
	if (*from > n)
		*from = n;
}

/* y[b][o] = l x[b], or += where add, for the outputs [from, to). */
static void
linear(const struct hmr_hmr2 *net, const struct hmr2_linear *l, uint32_t from,
       uint32_t to, const float *x, size_t ld_x, float *y, size_t ld_y, bool add)
{
	float part[BLOCK];

	for (uint32_t o = from; o < to; o += BLOCK) {
		uint32_t end = to - o < BLOCK ? to : o + BLOCK;

		for (uint32_t b = 0; b < net->n; b++) {
			float *row = y + b * ld_y + o;

			hmr2_dots(l, o, end, x + b * ld_x, add ? part : row);
			for (uint32_t i = 0; add && i < end - o; i++)
				row[i] += part[i];
		}
	}
}

static void
norms(const struct hmr_hmr2 *net, const struct hmr2_norm *n, float *to)
{
	size_t dim = net->w.d.head_dim;
	struct hmr2_rows out = { .p = (uint32_t *)to, .words = dim };

	hmr2_norm(n, 1e-5f, net->token, net->n, dim, HMR2_F32, &out, 0);
}

/* One head over the tokens of all people: other[b] of this head. */
static void
head(struct hmr_hmr2 *net, struct hmr2_scratch *s, const struct hmr2_layer *l,
     uint32_t h)
{
	const struct hmr_hmr2_dims *d = &net->w.d;
	uint32_t width = d->head_inner / d->head_heads, at = h * width;
	float *key = s->z, *sum = key + d->dim, *p = sum + d->dim;

	for (uint32_t b = 0; b < net->n; b++) {
		const float *c = net->x + b * TOKENS * d->dim;

		memset(key, 0, d->dim * sizeof(*key));
		memset(sum, 0, d->dim * sizeof(*sum));
		hmr2_blend(&l->k, at, at + width, net->query + b * d->head_inner + at, key);
		for (size_t t = 0; t < TOKENS; t++)
			p[t] = hmr2_dot(key, c + t * d->dim, d->dim);
		hmr2_softmax(p, TOKENS, 1 / sqrtf((float)width));
		for (size_t t = 0; t < TOKENS; t++)
			hmr2_axpy(p[t], c + t * d->dim, sum, d->dim);
		hmr2_dots(&l->v, at, at + width, sum,
			  net->other + b * d->head_inner + at);
	}
}

static void
layer_self(struct hmr_hmr2 *net, unsigned thread, const struct hmr2_layer *l, float *a)
{
	const struct hmr_hmr2_dims *d = &net->w.d;
	uint32_t from, to;

	norms(net, &l->norm0, a);
	share(net, thread, d->head_inner, &from, &to);
	linear(net, &l->self_v, from, to, a, d->head_dim, net->query, d->head_inner, false);
	hmr2_pool_wait(net->pool);
	share(net, thread, d->head_dim, &from, &to);
	linear(net, &l->self_out, from, to, net->query, d->head_inner, net->token,
	       d->head_dim, true);
	hmr2_pool_wait(net->pool);
}

static void
layer_cross(struct hmr_hmr2 *net, unsigned thread, const struct hmr2_layer *l, float *a)
{
	const struct hmr_hmr2_dims *d = &net->w.d;
	unsigned threads = hmr2_pool_threads(net->pool);
	uint32_t width = d->head_inner / d->head_heads, from, to;

	norms(net, &l->norm1, a);
	for (uint32_t h = thread; h < d->head_heads; h += threads) {
		linear(net, &l->q, h * width, (h + 1) * width, a, d->head_dim, net->query,
		       d->head_inner, false);
		head(net, &net->scratch[thread], l, h);
	}
	hmr2_pool_wait(net->pool);
	share(net, thread, d->head_dim, &from, &to);
	linear(net, &l->out, from, to, net->other, d->head_inner, net->token, d->head_dim,
	       true);
	hmr2_pool_wait(net->pool);
}

static void
layer_feed(struct hmr_hmr2 *net, unsigned thread, const struct hmr2_layer *l, float *a)
{
	const struct hmr_hmr2_dims *d = &net->w.d;
	uint32_t from, to;

	norms(net, &l->norm2, a);
	share(net, thread, d->head_mlp, &from, &to);
	linear(net, &l->fc1, from, to, a, d->head_dim, net->hidden, d->head_mlp, false);
	for (uint32_t b = 0; b < net->n; b++)
		hmr2_gelu_row(net->hidden + b * d->head_mlp + from, to - from);
	hmr2_pool_wait(net->pool);
	share(net, thread, d->head_dim, &from, &to);
	linear(net, &l->fc2, from, to, net->hidden, d->head_mlp, net->token, d->head_dim,
	       true);
	hmr2_pool_wait(net->pool);
}

void
hmr2_decoder(struct hmr_hmr2 *net, unsigned thread)
{
	const struct hmr_hmr2_dims *d = &net->w.d;
	float *a = net->scratch[thread].a;
	uint32_t from, to;

	for (uint32_t b = 0; b < net->n && !thread; b++)
		memcpy(net->token + b * d->head_dim, net->w.token,
		       d->head_dim * sizeof(float));
	hmr2_pool_wait(net->pool);	/* tokens of the backbone, too */
	for (uint32_t i = 0; i < d->head_depth; i++) {
		const struct hmr2_layer *l = &net->w.layer[i];

		if (i)
			layer_self(net, thread, l, a);
		layer_cross(net, thread, l, a);
		layer_feed(net, thread, l, a);
	}
	share(net, thread, HMR_HMR2_OUT, &from, &to);
	linear(net, &net->w.dec, from, to, net->token, d->head_dim, net->six, HMR2_SIX, false);
	hmr2_pool_wait(net->pool);
	for (uint32_t b = 0; b < net->n && !thread; b++) {
		const float *v = net->six + b * HMR2_SIX;

		hmr2_rotations(v, net->out[b].pose);
		memcpy(net->out[b].shape, v + HMR_HMR2_POSE, sizeof(net->out[b].shape));
		memcpy(net->out[b].camera, v + HMR_HMR2_POSE + 10,
		       sizeof(net->out[b].camera));
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vision transformer, one thread's share: a range of rows (tokens of all
 * people of the part) through all layers. Threads meet once a layer, where
 * attention needs the other rows' keys and values; these lie in two buffers in
 * turn, so that nobody overwrites what another still reads.
 */
#include "hmr2/hmr2_net_impl.h"

#include <string.h>

#define TOKENS ((size_t)HMR_HMR2_TOKENS)

#ifdef __x86_64__

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void
product(const struct hmr2_packed *w, const struct hmr2_rows *a, size_t row, size_t rows,
	enum hmr2_mode mode, void *c, size_t ld, struct hmr2_scratch *s)
{
	if (w->strassen)
		hmr2_strassen(w, a, row, rows, mode, c, ld, s->strassen);
	else
		hmr2_product(w, a, row, rows, mode, c, ld);
}

/* Row `row` of the patches: [3][16][16] with a border of 2 of zeros. */
static void
patch(const struct hmr_hmr2 *net, size_t row)
{
	const float *crop = net->crops + row / TOKENS * HMR_HMR2_PIXELS;
	int r = (int)(row % TOKENS / 12), c = (int)(row % 12);
	float *to = (float *)(net->a.p + row * net->a.words);
	int skip = c ? 0 : 2;

	for (int k = 0; k < 3; k++)
		for (int j = 0; j < 16; j++, to += 16) {
			int v = r * 16 + j - 2;

			memset(to, 0, 16 * sizeof(*to));
			if (v >= 0)
				memcpy(to + skip, crop + ((size_t)k * HMR_HMR2_CROP +
				       (size_t)v) * HMR_HMR2_WIDTH + c * 16 - 2 + skip,
				       (size_t)(16 - skip) * sizeof(*to));
		}
}

static void
embed(struct hmr_hmr2 *net, struct hmr2_scratch *s, size_t row, size_t rows)
{
	size_t dim = net->w.d.dim;

	for (size_t i = row; i < row + rows; i++) {
		patch(net, i);
		memcpy(net->x + i * dim, net->w.pos + i % TOKENS * dim, dim * sizeof(float));
	}
	product(&net->patch, &net->a, row, rows, HMR2_ADD, net->x + row * dim, dim, s);
}

/* Attention of rows, person by person, into the products' input. */
static void
attend(struct hmr_hmr2 *net, struct hmr2_scratch *s, const void *qkv,
       enum hmr2_num num, size_t row, size_t rows)
{
	const struct hmr_hmr2_dims *d = &net->w.d;
	bool half = net->attend_bf16 && num != HMR2_F32;
	size_t unit = half ? 2 : 4;

	while (rows) {
		size_t person = row / TOKENS, first = row % TOKENS;
		size_t n = least(rows, TOKENS - first);
		const uint8_t *of = (const uint8_t *)qkv +
			person * TOKENS * net->ld_qkv * unit;

		if (num == HMR2_INT8) {
			n = least(n, HMR2_CHUNK);
			hmr2_attend(of, net->ld_qkv, half, d->dim, d->heads,
				    first, n, s->mixed, d->dim, false, s->attend);
			hmr2_convert(s->mixed, d->dim, n, d->dim, HMR2_INT8, &net->a, row);
		} else {
			bool bf16 = num == HMR2_BF16;

			hmr2_attend(of, net->ld_qkv, half, d->dim, d->heads, first, n,
				    net->a.p + row * net->a.words,
				    net->a.words * (bf16 ? 2 : 1), bf16, s->attend);
		}
		row += n;
		rows -= n;
	}
}

/* Rows through the second half of a layer. */
static void
feed(struct hmr_hmr2 *net, struct hmr2_scratch *s, const struct hmr2_block *b,
     const struct hmr2_packed_block *p, size_t row, size_t rows)
{
	size_t dim = net->w.d.dim;
	enum hmr2_num num = p->proj.num;
	float *x = net->x + row * dim;
	struct hmr2_rows h = { .p = s->hidden,
		.words = num == HMR2_BF16 ? net->ld_hidden / 2 : net->ld_hidden };

	product(&p->proj, &net->a, row, rows, HMR2_ADD, x, dim, s);
	hmr2_norm(&b->norm2, 1e-6f, x, rows, dim, num, &net->a, row);
	product(&p->fc1, &net->a, row, rows, num == HMR2_BF16 ? HMR2_GELU_BF16 : HMR2_GELU,
		s->hidden, net->ld_hidden, s);
	if (num == HMR2_INT8) {
		hmr2_convert(s->hidden, net->ld_hidden, rows, net->w.d.mlp, HMR2_INT8,
			     &s->hidden_q, 0);
		h = s->hidden_q;
	}
	product(&p->fc2, &h, 0, rows, HMR2_ADD, x, dim, s);
}

void
hmr2_backbone(struct hmr_hmr2 *net, unsigned thread)
{
	unsigned threads = hmr2_pool_threads(net->pool);
	size_t twelves = net->n * TOKENS / 12, dim = net->w.d.dim;
	size_t from = twelves * thread / threads * 12;
	size_t to = twelves * (thread + 1) / threads * 12;
	struct hmr2_scratch *s = &net->scratch[thread];
	struct hmr2_rows x = { .p = (uint32_t *)net->x, .words = dim };

	for (size_t r = from; r < to; r += HMR2_CHUNK)
		embed(net, s, r, least(to - r, HMR2_CHUNK));
	for (uint32_t i = 0; i < net->w.d.depth; i++) {
		const struct hmr2_block *b = &net->w.block[i];
		const struct hmr2_packed_block *p = &net->block[i];
		enum hmr2_num num = p->qkv.num;
		bool half = net->attend_bf16 && num != HMR2_F32;
		void *qkv = net->qkv[i % 2];

		for (size_t r = from; r < to; r += HMR2_CHUNK) {
			size_t n = least(to - r, HMR2_CHUNK);

			hmr2_norm(&b->norm1, 1e-6f, net->x + r * dim, n, dim, num,
				  &net->a, r);
			product(&p->qkv, &net->a, r, n,
				half ? HMR2_STORE_BF16 : HMR2_STORE, (uint8_t *)qkv +
				r * net->ld_qkv * (half ? 2 : 4), net->ld_qkv, s);
		}
		hmr2_pool_wait(net->pool);
		attend(net, s, qkv, num, from, to - from);
		for (size_t r = from; r < to; r += HMR2_CHUNK)
			feed(net, s, b, p, r, least(to - r, HMR2_CHUNK));
	}
	hmr2_norm(&net->w.last_norm, 1e-6f, net->x + from * dim, to - from, dim, HMR2_F32,
		  &x, from);
}

#endif

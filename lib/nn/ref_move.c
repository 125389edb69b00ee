/* SPDX-License-Identifier: Apache-2.0 */
/* The reference operators that only move numbers; ref_ops.h. */
#include "nn/ref_ops.h"

#include <math.h>
#include <string.h>

static void
concat(const struct hmr_call *c)
{
	float *dst = c->out[0];
	size_t before, after;

	hmr_dims_around(c->dim_out[0], (uint32_t)c->n->axis, &before, &after);
	for (size_t b = 0; b < before; b++)
		for (uint32_t i = 0; i < c->n->n_in; i++) {
			size_t n = (size_t)c->dim_in[i]->d[c->n->axis] * after;

			memcpy(dst, c->in[i] + b * n, n * sizeof(*dst));
			dst += n;
		}
}

static void
split(const struct hmr_call *c)
{
	const float *src = c->in[0];
	size_t before, after;

	hmr_dims_around(c->dim_in[0], (uint32_t)c->n->axis, &before, &after);
	for (size_t b = 0; b < before; b++)
		for (uint32_t i = 0; i < c->n->n_out; i++) {
			size_t n = (size_t)c->n->list[i] * after;

			memcpy(c->out[i] + b * n, src, n * sizeof(*src));
			src += n;
		}
}

void
hmr_dims_unravel(const struct hmr_dims *d, size_t i, int64_t at[HMR_DIMS_MAX])
{
	for (uint32_t a = d->n; a-- > 0;) {
		at[a] = (int64_t)(i % (size_t)d->d[a]);
		i /= (size_t)d->d[a];
	}
}

static void
pad(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	size_t n = hmr_dims_total(out);

	for (size_t i = 0; i < n; i++) {
		int64_t at[HMR_DIMS_MAX];
		size_t from = 0;
		bool inside = true;

		hmr_dims_unravel(out, i, at);
		for (uint32_t a = 0; a < out->n; a++) {
			int64_t k = at[a] - c->n->list[2 * a];

			inside = inside && k >= 0 && k < in->d[a];
			from = from * (size_t)in->d[a] + (size_t)(inside ? k : 0);
		}
		c->out[0][i] = inside ? c->in[0][from] : c->n->value;
	}
}

static void
transpose(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	size_t n = hmr_dims_total(out);

	for (size_t i = 0; i < n; i++) {
		int64_t at[HMR_DIMS_MAX], from[HMR_DIMS_MAX];
		size_t k = 0;

		hmr_dims_unravel(out, i, at);
		for (uint32_t a = 0; a < out->n; a++)
			from[c->n->list[a]] = at[a];
		for (uint32_t a = 0; a < in->n; a++)
			k = k * (size_t)in->d[a] + (size_t)from[a];
		c->out[0][i] = c->in[0][k];
	}
}

static void
slice(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	const int64_t *l = c->n->list;
	size_t n = hmr_dims_total(out);

	for (size_t i = 0; i < n; i++) {
		int64_t at[HMR_DIMS_MAX];
		size_t k = 0;

		hmr_dims_unravel(out, i, at);
		for (uint32_t a = 0; a < in->n; a++)
			k = k * (size_t)in->d[a] +
			    (size_t)(l[3 * a] + at[a] * l[3 * a + 1]);
		c->out[0][i] = c->in[0][k];
	}
}

static void
tile(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	size_t n = hmr_dims_total(out);

	for (size_t i = 0; i < n; i++) {
		int64_t at[HMR_DIMS_MAX];
		size_t k = 0;

		hmr_dims_unravel(out, i, at);
		for (uint32_t a = 0; a < in->n; a++)
			k = k * (size_t)in->d[a] + (size_t)(at[a] % in->d[a]);
		c->out[0][i] = c->in[0][k];
	}
}

/* Indices may be computed, so they are cut to the axis here. */
static void
gather(const struct hmr_call *c)
{
	const int64_t size = c->dim_in[0]->d[c->n->axis];
	size_t before, after, n = hmr_dims_total(c->dim_in[1]);
	float *d = c->out[0];

	hmr_dims_around(c->dim_in[0], (uint32_t)c->n->axis, &before, &after);
	for (size_t b = 0; b < before; b++)
		for (size_t i = 0; i < n; i++, d += after) {
			float v = c->in[1][i] < 0 ? c->in[1][i] + (float)size : c->in[1][i];
			int64_t k = !(v > 0) ? 0 : v >= (float)size ? size - 1 : (int64_t)v;

			memcpy(d, c->in[0] + (b * (size_t)size + (size_t)k) * after,
			       after * sizeof(*d));
		}
}

bool
hmr_ref_move(const struct hmr_call *c)
{
	switch (c->n->op) {
	case HMR_OP_CONCAT: concat(c); return true;
	case HMR_OP_SPLIT: split(c); return true;
	case HMR_OP_PAD: pad(c); return true;
	case HMR_OP_TRANSPOSE: transpose(c); return true;
	case HMR_OP_SLICE: slice(c); return true;
	case HMR_OP_TILE: tile(c); return true;
	case HMR_OP_GATHER: gather(c); return true;
	default: return false;
	}
}

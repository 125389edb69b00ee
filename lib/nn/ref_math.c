/* SPDX-License-Identifier: Apache-2.0 */
/* The reference operators that compute without a window; ref_ops.h. Sums are
 * float32 in the order of the elements. */
#include "nn/ref_ops.h"

#include <math.h>
#include <string.h>

/* Index into an operand of shape d, broadcast to `out`, of element at[] of it. */
static size_t
broadcast_at(const struct hmr_dims *d, const struct hmr_dims *out,
	     const int64_t at[HMR_DIMS_MAX])
{
	size_t k = 0;
	uint32_t skip = out->n - d->n;

	for (uint32_t i = 0; i < d->n; i++)
		k = k * (size_t)d->d[i] + (size_t)(d->d[i] == 1 ? 0 : at[skip + i]);
	return k;
}

float
hmr_binary_apply(enum hmr_op op, float a, float b)
{
	switch (op) {
	case HMR_OP_ADD: return a + b;
	case HMR_OP_SUB: return a - b;
	case HMR_OP_MUL: return a * b;
	case HMR_OP_DIV: return a / b;
	case HMR_OP_MIN: return a < b ? a : b;
	case HMR_OP_MAX: return a > b ? a : b;
	case HMR_OP_POW: return powf(a, b);
	case HMR_OP_PRELU: return a > 0 ? a : a * b;
	case HMR_OP_LESS: return a < b ? 1 : 0;
	case HMR_OP_EQUAL: return a == b ? 1 : 0;
	default: return 0;
	}
}

static size_t
operand_at(const struct hmr_call *c, uint32_t k, const int64_t at[HMR_DIMS_MAX])
{
	return broadcast_at(c->dim_in[k], c->dim_out[0], at);
}

static void
binary(const struct hmr_call *c)
{
	const struct hmr_node *n = c->n;
	size_t total = hmr_dims_total(c->dim_out[0]);

	for (size_t i = 0; i < total; i++) {
		int64_t at[HMR_DIMS_MAX];
		float a, b;

		hmr_dims_unravel(c->dim_out[0], i, at);
		a = c->in[0][operand_at(c, 0, at)];
		b = c->in[1][operand_at(c, 1, at)];
		c->out[0][i] = hmr_act_apply(hmr_binary_apply(n->op, a, b), n->act,
					     n->alpha, n->beta);
	}
}

static void
where(const struct hmr_call *c)
{
	const struct hmr_node *n = c->n;
	size_t total = hmr_dims_total(c->dim_out[0]);

	for (size_t i = 0; i < total; i++) {
		int64_t at[HMR_DIMS_MAX];
		uint32_t from;

		hmr_dims_unravel(c->dim_out[0], i, at);
		from = c->in[0][operand_at(c, 0, at)] != 0 ? 1 : 2;
		c->out[0][i] = hmr_act_apply(c->in[from][operand_at(c, from, at)],
					     n->act, n->alpha, n->beta);
	}
}

static void
act(const struct hmr_call *c)
{
	size_t n = hmr_dims_total(c->dim_out[0]);

	for (size_t i = 0; i < n; i++)
		c->out[0][i] = hmr_act_apply(c->in[0][i], c->n->act, c->n->alpha,
					     c->n->beta);
}

static void
matmul(const struct hmr_call *c)
{
	const struct hmr_dims *a = c->dim_in[0], *b = c->dim_in[1], *y = c->dim_out[0];
	const struct hmr_node *node = c->n;
	size_t m = (size_t)a->d[a->n - 2], k = (size_t)a->d[a->n - 1];
	size_t n = (size_t)y->d[y->n - 1], many = hmr_dims_total(a) / (m * k);

	for (size_t g = 0; g < many; g++)
		for (size_t i = 0; i < m; i++)
			for (size_t j = 0; j < n; j++) {
				const float *p = c->in[0] + (g * m + i) * k;
				const float *q = c->in[1] + (b->n > 2 ? g * k * n : 0);
				float sum = node->n_in == 3 ? c->in[2][j] : 0;

				for (size_t l = 0; l < k; l++)
					sum += p[l] * (node->trans ? q[j * k + l] : q[l * n + j]);
				c->out[0][(g * m + i) * n + j] =
					hmr_act_apply(sum, node->act, node->alpha, node->beta);
			}
}

static void
softmax(const struct hmr_call *c)
{
	size_t before, after, n = (size_t)c->dim_in[0]->d[c->n->axis];

	hmr_dims_around(c->dim_in[0], (uint32_t)c->n->axis, &before, &after);
	for (size_t i = 0; i < before * after; i++) {
		const float *s = c->in[0] + i / after * n * after + i % after;
		float *d = c->out[0] + i / after * n * after + i % after;
		float most = -INFINITY, sum = 0;

		for (size_t k = 0; k < n; k++)
			most = s[k * after] > most ? s[k * after] : most;
		for (size_t k = 0; k < n; k++)
			sum += d[k * after] = expf(s[k * after] - most);
		for (size_t k = 0; k < n; k++)
			d[k * after] /= sum;
	}
}

/* The element of the reduced shape that at[] falls into. */
static size_t
group_of(const struct hmr_node *n, const struct hmr_dims *in,
	 const int64_t at[HMR_DIMS_MAX])
{
	size_t k = 0;
	uint32_t next = 0;

	for (uint32_t i = 0; i < in->n; i++)
		if (next < n->n_list && n->list[next] == i)
			next++;
		else
			k = k * (size_t)in->d[i] + (size_t)at[i];
	return k;
}

static void
reduce(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0];
	const struct hmr_node *n = c->n;
	size_t total = hmr_dims_total(in), out = hmr_dims_total(c->dim_out[0]);
	float *d = c->out[0], start = n->op == HMR_OP_REDUCE_MAX ? -INFINITY :
		n->op == HMR_OP_REDUCE_MIN ? INFINITY : 0;

	for (size_t i = 0; i < out; i++)
		d[i] = start;
	for (size_t i = 0; i < total; i++) {
		int64_t at[HMR_DIMS_MAX];
		size_t k;

		hmr_dims_unravel(in, i, at);
		k = group_of(n, in, at);
		d[k] = n->op == HMR_OP_REDUCE_MAX ? hmr_binary_apply(HMR_OP_MAX, d[k], c->in[0][i]) :
		       n->op == HMR_OP_REDUCE_MIN ? hmr_binary_apply(HMR_OP_MIN, d[k], c->in[0][i]) :
		       d[k] + c->in[0][i];
	}
	for (size_t i = 0; i < out; i++) {
		if (n->op == HMR_OP_REDUCE_MEAN)
			d[i] /= (float)(total / out);
		d[i] = hmr_act_apply(d[i], n->act, n->alpha, n->beta);
	}
}

/* Sets at[] to the first element of group g, and counts through the group. */
static bool
next_of_group(const struct hmr_node *n, const struct hmr_dims *d,
	      int64_t at[HMR_DIMS_MAX])
{
	for (uint32_t i = n->n_list; i-- > 0;) {
		if (++at[n->list[i]] < d->d[n->list[i]])
			return true;
		at[n->list[i]] = 0;
	}
	return false;
}

static size_t
index_of(const struct hmr_dims *d, const int64_t at[HMR_DIMS_MAX])
{
	size_t k = 0;

	for (uint32_t i = 0; i < d->n; i++)
		k = k * (size_t)d->d[i] + (size_t)at[i];
	return k;
}

static void
norm_group(const struct hmr_call *c, int64_t at[HMR_DIMS_MAX], size_t count)
{
	const struct hmr_dims *in = c->dim_in[0];
	const struct hmr_node *n = c->n;
	float sum = 0, square = 0, mean, scale;

	do
		sum += c->in[0][index_of(in, at)];
	while (next_of_group(n, in, at));
	mean = sum / (float)count;
	do {
		float v = c->in[0][index_of(in, at)] - mean;

		square += v * v;
	} while (next_of_group(n, in, at));
	scale = 1 / sqrtf(square / (float)count + n->value);
	do {
		size_t i = index_of(in, at), ch = (size_t)at[in->n - 1];
		float v = (c->in[0][i] - mean) * scale;

		if (n->n_in == 3)
			v = v * c->in[1][ch] + c->in[2][ch];
		c->out[0][i] = hmr_act_apply(v, n->act, n->alpha, n->beta);
	} while (next_of_group(n, in, at));
}

static void
norm(const struct hmr_call *c)
{
	struct hmr_dims groups = *c->dim_in[0];
	size_t n, total = hmr_dims_total(&groups);

	for (uint32_t i = 0; i < c->n->n_list; i++)
		groups.d[c->n->list[i]] = 1;
	n = hmr_dims_total(&groups);
	for (size_t g = 0; g < n; g++) {
		int64_t at[HMR_DIMS_MAX];

		hmr_dims_unravel(&groups, g, at);
		norm_group(c, at, total / n);
	}
}

/* The largest k along the axis, the first of equal ones first. */
static void
best(const struct hmr_call *c)
{
	size_t before, after, n = (size_t)c->dim_in[0]->d[c->n->axis];
	size_t k = (size_t)c->dim_out[0]->d[c->n->axis];
	bool both = c->n->op == HMR_OP_TOP_K;

	hmr_dims_around(c->dim_in[0], (uint32_t)c->n->axis, &before, &after);
	for (size_t i = 0; i < before * after; i++) {
		const float *s = c->in[0] + i / after * n * after + i % after;
		size_t to = i / after * k * after + i % after;
		float last = INFINITY;
		size_t last_at = 0;

		for (size_t r = 0; r < k; r++, to += after) {
			float top = -INFINITY;
			size_t at = 0;
			bool any = false;

			for (size_t j = 0; j < n; j++) {
				float v = s[j * after];
				/* not taken yet: below the last, or equal and after it */
				bool left = !r || v < last || (!(v > last) && j > last_at);

				if (left && (!any || v > top)) {
					top = v;
					at = j;
					any = true;
				}
			}
			last = top;
			last_at = at;
			if (both)
				c->out[0][to] = top;
			c->out[both][to] = (float)at;
		}
	}
}

void
hmr_ref_math(const struct hmr_call *c)
{
	if (hmr_op_is_binary(c->n->op)) {
		binary(c);
		return;
	}
	switch (c->n->op) {
	case HMR_OP_WHERE: where(c); break;
	case HMR_OP_ACT: act(c); break;
	case HMR_OP_MATMUL: matmul(c); break;
	case HMR_OP_SOFTMAX: softmax(c); break;
	case HMR_OP_REDUCE_MEAN: case HMR_OP_REDUCE_SUM:
	case HMR_OP_REDUCE_MAX: case HMR_OP_REDUCE_MIN:
		reduce(c);
		break;
	case HMR_OP_NORM: norm(c); break;
	case HMR_OP_ARG_MAX: case HMR_OP_TOP_K: best(c); break;
	default: break;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators of the cpu backend that compute without a window: operands are
 * walked along the longest runs in which both are contiguous or one number,
 * reductions run along the channels. cpu_ops.h.
 */
#include <math.h>
#include <string.h>

#include "nn/cpu_ops.h"

#define COLUMNS 64	/* that a reduction has in hand */
#define CPU_PIECE 1024	/* floats of two operands that stay in the first cache */
#define REPEATED 1024	/* floats of a short row written out again and again */

/* Both operands over the result's axes, merged where both allow it. */
struct walk {
	uint32_t n;
	int64_t size[HMR_DIMS_MAX];
	size_t step[2][HMR_DIMS_MAX];	/* 0: one number along the axis */
};

static void
make_walk(struct walk *w, const struct hmr_call *c)
{
	const struct hmr_dims *y = c->dim_out[0];
	size_t next[2] = { 1, 1 };

	w->n = 0;
	/* from the last axis on; turned round by the reader */
	for (uint32_t a = y->n; a-- > 0;) {
		size_t step[2];
		bool join = w->n > 0;

		for (int k = 0; k < 2; k++) {
			const struct hmr_dims *d = c->dim_in[k];
			uint32_t back = y->n - a;
			int64_t size = back <= d->n && d->n <= y->n ? d->d[d->n - back] : 1;

			step[k] = size == 1 ? 0 : next[k];
			next[k] *= (size_t)size;
		}
		if (y->d[a] == 1)
			continue;
		for (int k = 0; join && k < 2; k++)
			join = step[k] == w->step[k][w->n - 1] * (size_t)w->size[w->n - 1];
		if (join) {
			w->size[w->n - 1] *= y->d[a];
			continue;
		}
		w->step[0][w->n] = step[0];
		w->step[1][w->n] = step[1];
		w->size[w->n++] = y->d[a];
	}
	if (!w->n) {
		w->step[0][0] = w->step[1][0] = 0;
		w->size[w->n++] = 1;
	}
}

/* One loop for each form of the operands: both rows, or one of them a number. */
#define BINARY(name, expr) \
CPU_CLONES static void \
name(float *d, const float *p, const float *q, size_t n, int form) \
{ \
	if (form == 3) { \
		for (size_t i = 0; i < n; i++) { \
			float a = p[i], b = q[i]; \
\
			d[i] = (expr); \
		} \
	} else if (form == 1) { \
		const float b = *q; \
\
		for (size_t i = 0; i < n; i++) { \
			float a = p[i]; \
\
			d[i] = (expr); \
		} \
	} else { \
		const float a = *p; \
\
		for (size_t i = 0; i < n; i++) { \
			float b = form == 2 ? q[i] : *q; \
\
			d[i] = (expr); \
		} \
	} \
}

BINARY(add, a + b)
BINARY(sub, a - b)
BINARY(mul, a * b)
BINARY(divide, a / b)
BINARY(least, a < b ? a : b)
BINARY(most, a > b ? a : b)
BINARY(prelu, a > 0 ? a : a * b)
BINARY(less, a < b ? 1.0f : 0.0f)
BINARY(equal, a == b ? 1.0f : 0.0f)

static void
power(float *d, const float *p, const float *q, size_t n, int form)
{
	for (size_t i = 0; i < n; i++) {
		float a = p[form & 1 ? i : 0], b = q[form & 2 ? i : 0];

		d[i] = b == 2 ? a * a : b == .5f ? sqrtf(a) : powf(a, b);
	}
}

void
cpu_add_row(float *d, const float *a, const float *b, size_t n)
{
	add(d, a, b, n, 3);
}

static void
binary_row(const struct hmr_node *n, float *d, const float *p, const float *q,
	   size_t count, int form)
{
	switch (n->op) {
	case HMR_OP_ADD: add(d, p, q, count, form); break;
	case HMR_OP_SUB: sub(d, p, q, count, form); break;
	case HMR_OP_MUL: mul(d, p, q, count, form); break;
	case HMR_OP_DIV: divide(d, p, q, count, form); break;
	case HMR_OP_MIN: least(d, p, q, count, form); break;
	case HMR_OP_MAX: most(d, p, q, count, form); break;
	case HMR_OP_PRELU: prelu(d, p, q, count, form); break;
	case HMR_OP_LESS: less(d, p, q, count, form); break;
	case HMR_OP_EQUAL: equal(d, p, q, count, form); break;
	default: power(d, p, q, count, form);
	}
	if (n->act)
		cpu_act_row(d, d, count, n);
}

/* A few numbers again and again, as for the channels of an image: written out, so
 * that rows are long. */
static bool
binary_repeated(const struct hmr_call *c, const struct walk *w)
{
	const int64_t inner = w->size[0], total = (int64_t)hmr_dims_total(c->dim_out[0]);
	const int64_t chunk = REPEATED / inner * inner;
	float tile[REPEATED];
	struct cpu_range r;

	if (w->n != 2 || inner > 32 || total < REPEATED || w->step[0][0] != 1 ||
	    w->step[1][0] != 1 || w->step[0][1] != (size_t)inner || w->step[1][1])
		return false;
	for (int64_t i = 0; i < chunk; i++)
		tile[i] = c->in[1][i % inner];
	r = cpu_share(c, total, chunk);
	for (int64_t i = r.from; i < r.to; i += chunk)
		binary_row(c->n, c->out[0] + i, c->in[0] + i, tile,
			   (size_t)(r.to - i < chunk ? r.to - i : chunk), 3);
	return true;
}

static void
binary(const struct hmr_call *c)
{
	const int64_t total = (int64_t)hmr_dims_total(c->dim_out[0]);
	int64_t inner, chunk, pieces;
	struct cpu_range r;
	struct walk w;
	int form;

	make_walk(&w, c);
	if (binary_repeated(c, &w))
		return;
	inner = w.size[0];
	form = (w.step[0][0] != 0) | (w.step[1][0] != 0) << 1;
	chunk = inner > CPU_PIECE ? CPU_PIECE : inner;
	pieces = (inner + chunk - 1) / chunk;
	r = cpu_share(c, total / inner * pieces, 1);
	for (int64_t i = r.from; i < r.to; i++) {
		int64_t row = i / pieces, from = i % pieces * chunk, left = row;
		size_t at[2] = { 0, 0 };

		for (uint32_t a = 1; a < w.n; a++) {
			at[0] += (size_t)(left % w.size[a]) * w.step[0][a];
			at[1] += (size_t)(left % w.size[a]) * w.step[1][a];
			left /= w.size[a];
		}
		binary_row(c->n, c->out[0] + row * inner + from,
			   c->in[0] + at[0] + (form & 1 ? from : 0),
			   c->in[1] + at[1] + (form & 2 ? from : 0),
			   (size_t)(inner - from < chunk ? inner - from : chunk), form);
	}
}

/* --- along axes --------------------------------------------------------- */

CPU_CLONES static void
add_columns(float *sum, const float *s, size_t rows, size_t step, size_t n)
{
	for (size_t r = 0; r < rows; r++)
		for (size_t i = 0; i < n; i++)
			sum[i] += s[r * step + i];
}

CPU_CLONES static void
most_columns(float *best, const float *s, size_t rows, size_t step, size_t n)
{
	for (size_t r = 0; r < rows; r++)
		for (size_t i = 0; i < n; i++)
			best[i] = s[r * step + i] > best[i] ? s[r * step + i] : best[i];
}

CPU_CLONES static void
least_columns(float *best, const float *s, size_t rows, size_t step, size_t n)
{
	for (size_t r = 0; r < rows; r++)
		for (size_t i = 0; i < n; i++)
			best[i] = s[r * step + i] < best[i] ? s[r * step + i] : best[i];
}

CPU_CLONES static void
square_columns(float *sum, const float *s, const float *mean, size_t rows,
	       size_t step, size_t n)
{
	for (size_t r = 0; r < rows; r++)
		for (size_t i = 0; i < n; i++) {
			float v = s[r * step + i] - mean[i];

			sum[i] += v * v;
		}
}

CPU_CLONES static void
scale_columns(float *d, const float *s, const float *mul_by, const float *plus,
	      size_t rows, size_t step, size_t n)
{
	for (size_t r = 0; r < rows; r++)
		for (size_t i = 0; i < n; i++)
			d[r * step + i] = s[r * step + i] * mul_by[i] + plus[i];
}

typedef void columns_fn(float *d, const float *s, size_t rows, size_t step, size_t n);

/* How many rows of n floats that follow each other are done as one: a few floats fill
 * no register, and every row would wait for the one before it. */
static size_t
abreast(size_t rows, size_t step, size_t n)
{
	size_t k = n == step ? COLUMNS / n : 1;

	while (k > 1 && n * k % CPU_LINE && n * (k - 1) >= COLUMNS / 2)
		k--;
	return rows < 2 * k ? 1 : k;
}

/* The same for any n. d holds what changes nothing: 0, or an infinity. */
static void
down_columns(columns_fn *f, float *d, const float *s, size_t rows, size_t step, size_t n)
{
	size_t k = abreast(rows, step, n);
	float wide[COLUMNS];

	if (k == 1) {
		f(d, s, rows, step, n);
		return;
	}
	for (size_t i = 0; i < k; i++)
		memcpy(wide + i * n, d, n * sizeof(*d));
	f(wide, s, rows / k, n * k, n * k);
	f(d, wide, k, n, n);
	f(d, s + rows / k * k * n, rows % k, n, n);
}

#define LANES 16		/* sums at once, so that they vectorise */

CPU_CLONES static float
sum_row(const float *s, size_t n)
{
	float lane[LANES] = { 0 }, sum = 0;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		for (int k = 0; k < LANES; k++)
			lane[k] += s[i + (size_t)k];
	for (; i < n; i++)
		sum += s[i];
	for (int k = 0; k < LANES; k++)
		sum += lane[k];
	return sum;
}

CPU_CLONES static float
square_row(const float *s, size_t n, float mean)
{
	float lane[LANES] = { 0 }, sum = 0;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		for (int k = 0; k < LANES; k++) {
			float v = s[i + (size_t)k] - mean;

			lane[k] += v * v;
		}
	for (; i < n; i++)
		sum += (s[i] - mean) * (s[i] - mean);
	for (int k = 0; k < LANES; k++)
		sum += lane[k];
	return sum;
}

/* Of a long row: floats within chunks, doubles over them. */
static double
sum_long(const float *s, size_t n, const float *mean)
{
	double sum = 0;

	for (size_t i = 0; i < n; i += CPU_CHUNK) {
		size_t m = n - i < CPU_CHUNK ? n - i : CPU_CHUNK;

		sum += (double)(mean ? square_row(s + i, m, *mean) : sum_row(s + i, m));
	}
	return sum;
}

/* Reduced axes that follow each other: before, the reduced, after. */
static bool
one_block(const struct hmr_node *n, const struct hmr_dims *d, size_t *before,
	  size_t *rows, size_t *after)
{
	uint32_t first = 0, last = n->n_list - 1;

	/* axes of one element make no difference at either end */
	while (first < last && d->d[n->list[first]] == 1)
		first++;
	while (last > first && d->d[n->list[last]] == 1)
		last--;
	for (uint32_t i = first; i < last; i++)
		if (n->list[i + 1] != n->list[i] + 1)
			return false;
	*before = *rows = *after = 1;
	for (uint32_t i = 0; i < d->n; i++)
		*(i < n->list[first] ? before : i > n->list[last] ? after : rows) *=
			(size_t)d->d[i];
	return true;
}

static bool
reduce(const struct hmr_call *c)
{
	const struct hmr_node *n = c->n;
	size_t before, rows, after, blocks;
	struct cpu_range r;

	if (!one_block(n, c->dim_in[0], &before, &rows, &after))
		return false;
	if (after == 1 && (n->op == HMR_OP_REDUCE_SUM || n->op == HMR_OP_REDUCE_MEAN)) {
		r = cpu_share(c, (int64_t)before, 1);
		for (size_t b = (size_t)r.from; b < (size_t)r.to; b++) {
			double sum = sum_long(c->in[0] + b * rows, rows, NULL);

			c->out[0][b] = (float)(n->op == HMR_OP_REDUCE_SUM ? sum :
					       sum / (double)rows);
		}
		cpu_act_row(c->out[0] + r.from, c->out[0] + r.from, (size_t)(r.to - r.from), n);
		return true;
	}
	blocks = (after + COLUMNS - 1) / COLUMNS;
	r = cpu_share(c, (int64_t)(before * blocks), 1);
	for (size_t i = (size_t)r.from; i < (size_t)r.to; i++) {
		size_t b = i / blocks, from = i % blocks * COLUMNS;
		size_t m = after - from < COLUMNS ? after - from : COLUMNS;
		const float *s = c->in[0] + b * rows * after + from;
		float *d = c->out[0] + b * after + from;
		float start = n->op == HMR_OP_REDUCE_MAX ? -INFINITY :
			      n->op == HMR_OP_REDUCE_MIN ? INFINITY : 0;

		for (size_t k = 0; k < m; k++)
			d[k] = start;
		if (n->op == HMR_OP_REDUCE_MAX)
			down_columns(most_columns, d, s, rows, after, m);
		else if (n->op == HMR_OP_REDUCE_MIN)
			down_columns(least_columns, d, s, rows, after, m);
		else
			down_columns(add_columns, d, s, rows, after, m);
		for (size_t k = 0; n->op == HMR_OP_REDUCE_MEAN && k < m; k++)
			d[k] /= (float)rows;
		cpu_act_row(d, d, m, n);
	}
	return true;
}

/* One block of columns: their statistics, then the numbers of some rows. */
static void
norm_columns(const struct hmr_call *c, size_t at, size_t channel, size_t rows,
	     size_t after, size_t m, struct cpu_range some)
{
	const float *s = c->in[0] + at;
	float mean[COLUMNS] = { 0 }, var[COLUMNS] = { 0 };
	float *d = c->out[0] + at + (size_t)some.from * after;
	size_t k = abreast(rows, after, m), whole = rows / k, wide = m * k;
	size_t step = k > 1 ? wide : after, left = (size_t)(some.to - some.from);

	down_columns(add_columns, mean, s, rows, after, m);
	for (size_t i = 0; i < m; i++)
		mean[i] /= (float)rows;
	for (size_t i = m; i < wide; i++)
		mean[i] = mean[i - m];
	square_columns(var, s, mean, whole, step, wide);
	square_columns(var, s + whole * step, mean, rows % k, after, m);
	for (size_t i = m; i < wide; i++)
		var[i % m] += var[i];
	for (size_t i = 0; i < m; i++) {
		float scale = 1 / sqrtf(var[i] / (float)rows + c->n->value);

		var[i] = c->n->n_in == 3 ? scale * c->in[1][channel + i] : scale;
		mean[i] = (c->n->n_in == 3 ? c->in[2][channel + i] : 0) - mean[i] * var[i];
	}
	for (size_t i = m; i < wide; i++) {
		mean[i] = mean[i - m];
		var[i] = var[i - m];
	}
	s += (size_t)some.from * after;
	scale_columns(d, s, var, mean, left / k, step, wide);
	scale_columns(d + left / k * step, s + left / k * step, var, mean, left % k, after, m);
	if (c->n->act && m == after)
		cpu_act_row(d, d, left * m, c->n);
	else if (c->n->act)
		for (size_t r = 0; r < left; r++)
			cpu_act_row(d + r * after, d + r * after, m, c->n);
}

CPU_CLONES static void
scale_row(float *d, const float *s, size_t n, float mean, const float *mul_by,
	  const float *plus)
{
	for (size_t i = 0; i < n; i++)
		d[i] = (s[i] - mean) * mul_by[i] + plus[i];
}

/* One mean and variance for `rows` rows of channels; then the numbers of some rows,
 * the channels' factors written out again and again where they are few. */
static void
norm_row(const struct hmr_call *c, size_t at, size_t rows, size_t ch, struct cpu_range some)
{
	const float *s = c->in[0] + at, *scale = c->n->n_in == 3 ? c->in[1] : NULL;
	size_t k = ch < REPEATED / 2 ? REPEATED / ch : 1, left = (size_t)(some.to - some.from);
	float mul_by[REPEATED], plus[REPEATED], *d = c->out[0] + at, by;
	float mean = (float)(sum_long(s, rows * ch, NULL) / (double)(rows * ch));

	by = (float)(1 / sqrt(sum_long(s, rows * ch, &mean) / (double)(rows * ch) +
			      (double)c->n->value));
	s += (size_t)some.from * ch;
	d += (size_t)some.from * ch;
	k = k < left ? k : left;
	for (size_t from = 0; from < ch; from += REPEATED) {
		size_t m = ch - from < REPEATED ? ch - from : REPEATED, wide = m * k;

		for (size_t i = 0; i < wide; i++) {
			mul_by[i] = scale ? by * scale[from + i % m] : by;
			plus[i] = scale ? c->in[2][from + i % m] : 0;
		}
		for (size_t r = 0; r < left; r += k) {
			size_t n = left - r < k ? (left - r) * m : wide;

			scale_row(d + r * ch + from, s + r * ch + from, n, mean, mul_by, plus);
			cpu_act_row(d + r * ch + from, d + r * ch + from, n, c->n);
		}
	}
}

/* Where there are fewer means than parts, every part finds all of them, and then
 * does its rows. */
static bool
norm(const struct hmr_call *c)
{
	const struct hmr_dims *x = c->dim_in[0];
	const struct hmr_node *n = c->n;
	size_t before, rows, after, blocks, ch = (size_t)x->d[x->n - 1];
	struct cpu_range r, some;

	if (!one_block(n, x, &before, &rows, &after) || (after != 1 && after != ch))
		return false;
	rows = after == 1 ? rows / ch : rows;
	blocks = after == 1 ? 1 : (after + COLUMNS - 1) / COLUMNS;
	r = cpu_share(c, (int64_t)(before * blocks), 1);
	some = (struct cpu_range){ 0, (int64_t)rows };
	if (before * blocks < c->parts) {
		r = (struct cpu_range){ 0, (int64_t)(before * blocks) };
		some = cpu_share(c, (int64_t)rows, 1);
	}
	for (size_t i = (size_t)r.from; i < (size_t)r.to; i++) {
		size_t from = i % blocks * COLUMNS;

		if (after == 1)
			norm_row(c, i * rows * ch, rows, ch, some);
		else
			norm_columns(c, i / blocks * rows * after + from, from, rows, after,
				     after - from < COLUMNS ? after - from : COLUMNS, some);
	}
	return true;
}

static void
softmax_columns(float *d, const float *s, size_t n, size_t step, size_t m)
{
	float top[COLUMNS], sum[COLUMNS] = { 0 };

	for (size_t k = 0; k < m; k++)
		top[k] = -INFINITY;
	most_columns(top, s, n, step, m);
	for (size_t r = 0; r < n; r++) {
		float *y = d + r * step;

		sub(y, s + r * step, top, m, 3);
		cpu_exp_row(y, y, m, 0);
		add(sum, sum, y, m, 3);
	}
	for (size_t r = 0; r < n; r++)
		divide(d + r * step, d + r * step, sum, m, 3);
}

static void
softmax_row(float *d, const float *s, size_t n)
{
	float top = -INFINITY, sum = 0;

	for (size_t i = 0; i < n; i++)
		top = s[i] > top ? s[i] : top;
	cpu_exp_row(d, s, n, top);
	for (size_t i = 0; i < n; i++)
		sum += d[i];
	mul(d, d, &(float){ 1 / sum }, n, 1);
}

static void
softmax(const struct hmr_call *c)
{
	size_t before, after, n = (size_t)c->dim_in[0]->d[c->n->axis], blocks;
	struct cpu_range r;

	hmr_dims_around(c->dim_in[0], (uint32_t)c->n->axis, &before, &after);
	blocks = (after + COLUMNS - 1) / COLUMNS;
	r = cpu_share(c, (int64_t)(before * blocks), 1);
	for (size_t i = (size_t)r.from; i < (size_t)r.to; i++) {
		size_t at = i / blocks * n * after + i % blocks * COLUMNS;
		size_t left = after - i % blocks * COLUMNS;

		if (after == 1)
			softmax_row(c->out[0] + at, c->in[0] + at, n);
		else
			softmax_columns(c->out[0] + at, c->in[0] + at, n, after,
					left < COLUMNS ? left : COLUMNS);
	}
}

bool
cpu_math_call(const struct hmr_call *c)
{
	if (hmr_op_is_binary(c->n->op)) {
		binary(c);
		return true;
	}
	switch (c->n->op) {
	case HMR_OP_REDUCE_MEAN: case HMR_OP_REDUCE_SUM:
	case HMR_OP_REDUCE_MAX: case HMR_OP_REDUCE_MIN:
		return reduce(c);
	case HMR_OP_NORM: return norm(c);
	case HMR_OP_SOFTMAX: softmax(c); return true;
	default: return false;
	}
}

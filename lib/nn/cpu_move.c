/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of the cpu backend that only move numbers, in runs as long as they
 * can be; cpu_ops.h. */
#include <string.h>

#include "nn/cpu_ops.h"

#define TILE 32		/* of a transpose: both sides stay in the first cache */

/* Rows of n floats to rows that lie `to` floats apart, from those `from` apart. */
CPU_CLONES static void
copy_rows(float *d, const float *s, size_t rows, size_t n, size_t to, size_t from)
{
	if (n == 1) {
		for (size_t r = 0; r < rows; r++)
			d[r * to] = s[r * from];
	} else if (n <= 4) {
		for (size_t r = 0; r < rows; r++)
			for (size_t i = 0; i < n; i++)
				d[r * to + i] = s[r * from + i];
	} else {
		for (size_t r = 0; r < rows; r++)
			memcpy(d + r * to, s + r * from, n * sizeof(*d));
	}
}

/* Between one tensor and several that follow each other along an axis: the parts
 * are taken in turn for as many rows as stay in the first cache. */
static void
copy_parts(const struct hmr_call *c, bool join)
{
	const struct hmr_dims *const *dim = join ? c->dim_in : c->dim_out;
	size_t before, after, total, each;
	uint32_t parts = join ? c->n->n_in : c->n->n_out;
	struct cpu_range r;

	hmr_dims_around(join ? c->dim_out[0] : c->dim_in[0], (uint32_t)c->n->axis,
			&before, &after);
	total = (size_t)(join ? c->dim_out[0] : c->dim_in[0])->d[c->n->axis] * after;
	each = total < CPU_CHUNK ? CPU_CHUNK / total : 1;
	r = cpu_share(c, (int64_t)before, 1);
	for (size_t b = (size_t)r.from; b < (size_t)r.to; b += each) {
		size_t rows = (size_t)r.to - b < each ? (size_t)r.to - b : each;
		size_t at = b * total;

		for (uint32_t i = 0; i < parts; i++) {
			size_t n = (size_t)dim[i]->d[c->n->axis] * after;

			if (join)
				copy_rows(c->out[0] + at, c->in[i] + b * n, rows, n, total, n);
			else
				copy_rows(c->out[i] + b * n, c->in[0] + at, rows, n, n, total);
			at += n;
		}
	}
}

/* Padding of an image: whole pixels are copied, the rest is filled. */
static void
pad_image(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	const struct cpu_range rows = cpu_share(c, out->d[0] * out->d[1], 1);
	const int64_t *p = c->n->list;

	for (int64_t r = rows.from; r < rows.to; r++) {
		int64_t b = r / out->d[1] - p[0], y = r % out->d[1] - p[2];
		float *d = c->out[0] + r * out->d[2] * out->d[3];

		for (int64_t x = -p[4]; x < out->d[2] - p[4]; x++, d += out->d[3]) {
			bool inside = b >= 0 && y >= 0 && x >= 0 && b < in->d[0] &&
				      y < in->d[1] && x < in->d[2];
			int64_t k = 0, first = inside ? p[6] : out->d[3];

			for (; k < first; k++)
				d[k] = c->n->value;
			if (!inside)
				continue;
			if (in->d[3] == out->d[3]) {	/* the rest of the row at once */
				memcpy(d, c->in[0] + ((b * in->d[1] + y) * in->d[2]) * in->d[3],
				       (size_t)(in->d[2] * in->d[3]) * sizeof(*d));
				d += (in->d[2] - 1) * in->d[3];
				x += in->d[2] - 1;
				continue;
			}
			memcpy(d + k, c->in[0] + ((b * in->d[1] + y) * in->d[2] + x) *
			       in->d[3], (size_t)in->d[3] * sizeof(*d));
			for (k += in->d[3]; k < out->d[3]; k++)
				d[k] = c->n->value;
		}
	}
}

/* --- axes in another order ----------------------------------------------- */

/* The result's axes with their steps in the source, merged where they can be. */
struct turn {
	uint32_t n;
	int64_t size[HMR_DIMS_MAX];
	size_t from[HMR_DIMS_MAX], to[HMR_DIMS_MAX];	/* floats from one to the next */
};

static void
make_turn(struct turn *t, const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	size_t step[HMR_DIMS_MAX], to = 1;

	for (uint32_t a = in->n, next = 0; a-- > 0; next++)
		step[a] = next ? step[a + 1] * (size_t)in->d[a + 1] : 1;
	t->n = 0;
	for (uint32_t a = 0; a < out->n; a++) {
		size_t from = step[c->n->list[a]];

		if (out->d[a] == 1)
			continue;
		if (t->n && t->from[t->n - 1] == from * (size_t)out->d[a]) {
			t->size[t->n - 1] *= out->d[a];
			t->from[t->n - 1] = from;
			continue;
		}
		t->size[t->n] = out->d[a];
		t->from[t->n++] = from;
	}
	if (!t->n) {
		t->size[0] = 1;
		t->from[t->n++] = 1;
	}
	for (uint32_t a = t->n; a-- > 0; to *= (size_t)t->size[a])
		t->to[a] = to;
}

/* n by m, rows of the result at d, columns of it contiguous in the source. */
CPU_CLONES static void
turn_block(float *d, const float *s, size_t n, size_t m, size_t to, size_t from)
{
	if (m <= 4) {
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < m; k++)
				d[i * to + k] = s[k * from + i];
		return;
	}
	for (size_t k = 0; k < m; k++)
		for (size_t i = 0; i < n; i++)
			d[i * to + k] = s[k * from + i];
}

/* Matrices of m by n to n by m, one after the other: channel shuffles. */
CPU_CLONES static void
turn_small(float *d, const float *s, int64_t many, int64_t n, int64_t m)
{
	for (int64_t r = 0; r < many; r++, d += n * m, s += n * m) {
		if (m == 2) {
			for (int64_t i = 0; i < n; i++) {
				d[2 * i] = s[i];
				d[2 * i + 1] = s[n + i];
			}
			continue;
		}
		for (int64_t i = 0; i < n; i++)
			for (int64_t k = 0; k < m; k++)
				d[i * m + k] = s[k * n + i];
	}
}

static bool
transpose_small(const struct hmr_call *c, const struct turn *t)
{
	int64_t n, m, each;
	struct cpu_range part;

	if (t->n != 3 || t->from[1] != 1 || t->from[2] != (size_t)t->size[1] ||
	    t->from[0] != (size_t)(t->size[1] * t->size[2]) || t->from[0] > CPU_CHUNK)
		return false;
	n = t->size[1];
	m = t->size[2];
	each = CPU_CHUNK / (n * m);
	part = cpu_share(c, t->size[0], each);
	turn_small(c->out[0] + part.from * n * m, c->in[0] + part.from * n * m,
		   part.to - part.from, n, m);
	return true;
}

static void
transpose(const struct hmr_call *c)
{
	const size_t total = hmr_dims_total(c->dim_out[0]);
	struct turn t;
	uint32_t last, u = 0;
	size_t rest, pieces;
	struct cpu_range r;

	make_turn(&t, c);
	if (transpose_small(c, &t))
		return;
	last = t.n - 1;
	while (t.from[u] != 1)		/* the axis that is contiguous in the source */
		u++;
	pieces = u == last ? 1 : ((size_t)t.size[u] + TILE - 1) / TILE;
	rest = total / (size_t)t.size[last] / (u == last ? 1 : (size_t)t.size[u]);
	r = cpu_share(c, (int64_t)(rest * pieces), 1);
	for (size_t i = (size_t)r.from; i < (size_t)r.to; i++) {
		size_t left = i / pieces, at = i % pieces * TILE, to = 0, from = 0;
		size_t n = u == last ? 1 : (size_t)t.size[u] - at;

		for (uint32_t a = last; a-- > 0;)
			if (a != u) {
				to += left % (size_t)t.size[a] * t.to[a];
				from += left % (size_t)t.size[a] * t.from[a];
				left /= (size_t)t.size[a];
			}
		if (u == last) {
			memcpy(c->out[0] + to, c->in[0] + from,
			       (size_t)t.size[last] * sizeof(float));
			continue;
		}
		to += at * t.to[u];
		from += at;
		for (size_t k = 0; k < (size_t)t.size[last]; k += TILE)
			turn_block(c->out[0] + to + k, c->in[0] + from + k * t.from[last],
				   n < TILE ? n : TILE,
				   (size_t)t.size[last] - k < TILE ? (size_t)t.size[last] - k : TILE,
				   t.to[u], t.from[last]);
	}
}

/* --- parts ---------------------------------------------------------------- */

/* Every step-th float of n. */
CPU_CLONES static void
pick(float *d, const float *s, int64_t n, int64_t step)
{
	if (step == 2) {
		for (int64_t i = 0; i < n; i++)
			d[i] = s[2 * i];
		return;
	}
	for (int64_t i = 0; i < n; i++)
		d[i] = s[i * step];
}

/* One float of every pair, over the whole tensor: the halves of a channel shuffle. */
static bool
slice_pairs(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	const int64_t *l;
	const int64_t total = (int64_t)hmr_dims_total(out);
	uint32_t a = in->n - 1;
	struct cpu_range r;

	while (a > 0 && in->d[a] == 1)
		a--;
	l = c->n->list + 3 * a;
	if (!(in->d[a] == 2 && out->d[a] == 1) && (l[1] != 2 || in->d[a] % 2))
		return false;
	if (2 * total != (int64_t)hmr_dims_total(in))
		return false;
	r = cpu_share(c, total, CPU_LINE);
	pick(c->out[0] + r.from, c->in[0] + 2 * r.from + l[0], r.to - r.from, 2);
	return true;
}

/* Axes from `tail` on are taken whole. */
static void
slice(const struct hmr_call *c)
{
	const struct hmr_dims *in = c->dim_in[0], *out = c->dim_out[0];
	const int64_t *l = c->n->list;
	uint32_t tail = in->n;
	size_t run = 1;
	struct cpu_range rows;
	int64_t step = 1;

	while (tail > 0 && out->d[tail - 1] == in->d[tail - 1] && l[3 * tail - 2] == 1)
		run *= (size_t)in->d[--tail];
	if (tail > 0) {
		step = l[3 * tail - 2];
		if (step == 1 || run == 1)	/* the next axis is part of a run too */
			run *= (size_t)out->d[--tail];
		else
			step = 1;
	}
	rows = cpu_share(c, (int64_t)(hmr_dims_total(out) / run), 1);
	for (size_t r = (size_t)rows.from; r < (size_t)rows.to; r++) {
		size_t left = r, from = 0, unit = 1;

		for (uint32_t a = in->n; a-- > 0;) {
			int64_t k = 0;

			if (a < tail) {
				k = (int64_t)(left % (size_t)out->d[a]);
				left /= (size_t)out->d[a];
			}
			from += (size_t)(l[3 * a] + k * l[3 * a + 1]) * unit;
			unit *= (size_t)in->d[a];
		}
		if (step == 1)
			memcpy(c->out[0] + r * run, c->in[0] + from, run * sizeof(float));
		else
			pick(c->out[0] + r * run, c->in[0] + from, (int64_t)run, step);
	}
}

bool
cpu_move_call(const struct hmr_call *c)
{
	switch (c->n->op) {
	case HMR_OP_CONCAT: copy_parts(c, true); return true;
	case HMR_OP_SPLIT: copy_parts(c, false); return true;
	case HMR_OP_TRANSPOSE: transpose(c); return true;
	case HMR_OP_SLICE:
		if (!slice_pairs(c))
			slice(c);
		return true;
	case HMR_OP_PAD:
		if (c->dim_out[0]->n == 4)
			pad_image(c);
		return c->dim_out[0]->n == 4;
	default: return false;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a step is divided: into how many parts, and which rows of an image or of a
 * matrix are in each. Images are NHWC, so rows of one image, and pixels where the
 * window is one, lie together: a part is a smaller image of its own for oneDNN,
 * with padding only where it touches the border of the whole.
 */
#include "nn/cpu.h"

#include <string.h>

/* A part takes a few microseconds at least; starting and ending one, some tenths. */
#define PART_FLOP 2e5
#define FLOP_OF_FLOAT 8		/* moving one takes as long */

static double
at_least_one(double parts, uint32_t threads)
{
	return parts < 1 ? 1 : parts > threads ? threads : parts;
}

static bool
is_matrix(const struct hmr_node *n)
{
	return n->op == HMR_OP_MATMUL;
}

/* A window of one pixel, and all of them. */
static bool
is_pixels(const struct hmr_node *n, const struct hmr_dims *w, const int32_t pad[4])
{
	return n->op == HMR_OP_CONV && w->d[2] == 1 && w->d[3] == 1 && n->stride[0] == 1 &&
	       n->stride[1] == 1 && !pad[0] && !pad[1] && !pad[2] && !pad[3];
}

static int64_t
rows_of(const struct hmr_dims *d)	/* of all matrices together */
{
	return (int64_t)hmr_dims_total(d) / d->d[d->n - 1];
}

/* What can be divided: matrices, rows, images, pixels, rows of an image. */
static int64_t
units(const struct hmr_exec *x, uint32_t plan, const struct hmr_node *n,
      const int32_t pad[4])
{
	const struct hmr_dims *dims = x->job->plan[plan].dims, *in = &dims[n->in[0]];
	const struct hmr_dims *w = &dims[n->in[1]], *out = &dims[n->out[0]];

	if (is_matrix(n) && w->n == 2)
		return rows_of(in);
	if (is_matrix(n))	/* constants are packed as a whole */
		return x->job->graph->value[n->in[1]].tensor >= 0 ? 1 :
		       rows_of(in) / in->d[in->n - 2];
	if (is_pixels(n, w, pad))
		return rows_of(out);
	if (out->d[0] > 1 || n->op == HMR_OP_CONV_TRANSPOSE)
		return out->d[0];
	return out->d[1];	/* padding is smaller than the window: no row of it alone */
}

uint32_t
cpu_parts(const struct hmr_exec *x, uint32_t plan, const struct hmr_node *n, bool *whole)
{
	const struct hmr_dims *dims = x->job->plan[plan].dims, *in = &dims[n->in[0]];
	const struct hmr_dims *out = &dims[n->out[0]], *w = &dims[n->in[1]];
	double flop = 2 * (double)hmr_dims_total(out), parts;
	int32_t pad[4] = { 0 };
	int64_t most;

	if (is_matrix(n)) {
		flop *= (double)in->d[in->n - 1];
	} else {
		hmr_node_pads(n, w->d + 2, in, out, pad);
		flop *= (double)hmr_dims_total(w) / (double)w->d[0];
	}
	flop += FLOP_OF_FLOAT * (double)(hmr_dims_total(out) + hmr_dims_total(in));
	parts = at_least_one(flop / PART_FLOP, x->job->threads);
	most = units(x, plan, n, pad);
	*whole = parts > 1 && most == 1;
	return (uint32_t)(parts < (double)most ? parts : (double)most);
}

uint32_t
cpu_loop_parts(const struct hmr_exec *x, uint32_t plan, const struct hmr_node *n)
{
	const struct hmr_dims *dims = x->job->plan[plan].dims;
	size_t all = 0;

	for (uint32_t i = 0; i < n->n_in; i++)
		all += hmr_dims_total(&dims[n->in[i]]);
	for (uint32_t i = 0; i < n->n_out; i++)
		all += hmr_dims_total(&dims[n->out[i]]);
	if (n->op == HMR_OP_MAX_POOL || n->op == HMR_OP_AVG_POOL)
		all *= (size_t)(n->kernel[0] * n->kernel[1]);
	return (uint32_t)at_least_one((double)all * FLOP_OF_FLOAT / PART_FLOP, x->job->threads);
}

static void
matrix_piece(struct cpu_piece *p, const struct hmr_node *n, const struct hmr_dims *dims,
	     int64_t from, int64_t to)
{
	const struct hmr_dims *in = &dims[n->in[0]], *w = &dims[n->in[1]];
	int64_t k = in->d[in->n - 1], columns = p->out.d[p->out.n - 1];
	int64_t rows = w->n > 2 ? in->d[in->n - 2] : 1;		/* of a unit */

	p->in = (struct hmr_dims){ 3, { to - from, rows, k } };
	p->out = (struct hmr_dims){ 3, { to - from, rows, columns } };
	p->in_at = (size_t)(from * rows * k);
	p->out_at = (size_t)(from * rows * columns);
	if (w->n == 2)
		return;
	p->right = (struct hmr_dims){ 3, { to - from, w->d[w->n - 2], w->d[w->n - 1] } };
	p->right_at = (size_t)(from * w->d[w->n - 2] * w->d[w->n - 1]);
}

/* Rows from..to of the result, and those of the source that they need. */
static void
rows_piece(struct cpu_piece *p, const struct hmr_node *n, int64_t from, int64_t to)
{
	int64_t dilate = n->dilate[0] > 1 ? n->dilate[0] : 1, height = p->in.d[1];
	int64_t first = from * n->stride[0] - p->pad[0];
	int64_t end = (to - 1) * n->stride[0] - p->pad[0] + (p->right.d[2] - 1) * dilate + 1;

	p->pad[0] = (int32_t)(first < 0 ? -first : 0);
	first = first < 0 ? 0 : first;
	end = end > height ? height : end;
	p->in_at = (size_t)(first * p->in.d[2] * p->in.d[3]);
	p->out_at = (size_t)(from * p->out.d[2] * p->out.d[3]);
	p->in.d[1] = end - first;
	p->out.d[1] = to - from;
}

void
cpu_piece(struct cpu_piece *p, const struct hmr_exec *x, uint32_t plan,
	  const struct hmr_node *n, uint32_t part, uint32_t parts)
{
	const struct hmr_dims *dims = x->job->plan[plan].dims;
	int64_t all, from, to;

	memset(p, 0, sizeof(*p));
	p->in = dims[n->in[0]];
	p->right = dims[n->in[1]];
	p->out = dims[n->out[0]];
	if (!is_matrix(n))
		hmr_node_pads(n, p->right.d + 2, &p->in, &p->out, p->pad);
	if (parts == 1)
		return;
	all = units(x, plan, n, p->pad);
	from = all * part / parts;
	to = all * (part + 1) / parts;
	if (is_matrix(n)) {
		matrix_piece(p, n, dims, from, to);
	} else if (is_pixels(n, &p->right, p->pad)) {
		p->in_at = (size_t)(from * p->in.d[3]);
		p->out_at = (size_t)(from * p->out.d[3]);
		p->in = (struct hmr_dims){ 4, { 1, 1, to - from, p->in.d[3] } };
		p->out = (struct hmr_dims){ 4, { 1, 1, to - from, p->out.d[3] } };
	} else if (p->out.d[0] > 1) {
		p->in_at = hmr_dims_total(&p->in) / (size_t)p->in.d[0] * (size_t)from;
		p->out_at = hmr_dims_total(&p->out) / (size_t)p->out.d[0] * (size_t)from;
		p->in.d[0] = p->out.d[0] = to - from;
	} else {
		rows_piece(p, n, from, to);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX operators that move a window over images: convolutions, pools, resizes.
 * One axis is taken as an image of one row. Padding that is not smaller than the
 * kernel becomes a node of its own.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/onnx.h"

#define PAD_MAX 4096		/* rows or columns added on one side */

/* Input 0 as an image [N,H,W,C]; rank: its own, 3 or 4. */
static enum hmr_status
image_in(struct ox *t, const struct ox_node *n, uint32_t *value, uint32_t *rank)
{
	struct ox_view v = *n->in[0];
	struct hmr_dims d;
	enum hmr_status st;

	if (v.kind != OX_VALUE)
		return ox_no(t, n, "of a constant");
	ox_dims(t, &v, &d);
	*rank = d.n;
	if (d.n == 3) {		/* [N,C,L] to [N,C,1,L] */
		struct hmr_dims up = { 4, { d.d[0], d.d[1], 1, d.d[2] } };

		if ((st = ox_reshape(t, n, n->in[0], &up, &v)))
			return st;
	} else if (d.n != 4) {
		return ox_no(t, n, "of other than one or two dimensions");
	}
	return ox_arrange(t, n, &v, ox_image_order, value);
}

static enum hmr_status
image_out(struct ox *t, const struct ox_node *n, struct hmr_node *p, uint32_t rank)
{
	struct ox_view v;
	struct hmr_dims d;
	enum hmr_status st;

	if ((st = ox_emit_to(t, n, p, ox_image_order, &v)))
		return st;
	if (rank == 4) {
		*n->out[0] = v;
		return HMR_OK;
	}
	ox_dims(t, &v, &d);
	d = (struct hmr_dims){ 3, { d.d[0], d.d[1], d.d[3] } };
	return ox_reshape(t, n, &v, &d, n->out[0]);
}

/* Numbers for y and x; one axis: those of x, `rows` for y. */
static bool
pair(const struct ox_node *n, const char *key, uint32_t axes, int64_t fallback,
     int64_t rows, int32_t out[2])
{
	int64_t v[2] = { fallback, fallback };
	uint32_t k = ox_ints(n, key, v, 2);

	if (k && k != axes)
		return false;
	if (axes == 1) {
		v[1] = v[0];
		v[0] = rows;
	}
	for (int a = 0; a < 2; a++) {
		if (v[a] < 0 || v[a] > 1024)
			return false;
		out[a] = (int32_t)v[a];
	}
	return true;
}

/* strides, dilations, pads. k: the kernel; size: the image. */
static enum hmr_status
window(struct ox *t, const struct ox_node *n, uint32_t axes, const int64_t k[2],
       const int64_t size[2], struct hmr_node *p)
{
	int64_t pads[4] = { 0 };
	uint32_t m;

	if (!pair(n, "strides", axes, 1, 1, p->stride) || !p->stride[0] || !p->stride[1] ||
	    !pair(n, "dilations", axes, 1, 1, p->dilate) || !p->dilate[0] || !p->dilate[1])
		return ox_no(t, n, "with these strides or dilations");
	if (ox_is(n, "auto_pad", "SAME_UPPER", false) || ox_is(n, "auto_pad", "SAME_LOWER", false)) {
		bool lower = ox_is(n, "auto_pad", "SAME_LOWER", false);

		for (int a = 0; a < 2; a++) {
			int64_t s = p->stride[a], out = (size[a] + s - 1) / s;
			int64_t all = (out - 1) * s + (k[a] - 1) * p->dilate[a] + 1 - size[a];

			all = all < 0 ? 0 : all;
			if (all > 2 * PAD_MAX)
				return ox_no(t, n, "with huge padding");
			p->pad[a] = (int32_t)(lower ? all - all / 2 : all / 2);
			p->pad[a + 2] = (int32_t)all - p->pad[a];
		}
		p->same = !lower && (p->stride[0] > 1 || p->stride[1] > 1);
		return HMR_OK;
	}
	if (!ox_is(n, "auto_pad", "NOTSET", true) && !ox_is(n, "auto_pad", "VALID", false))
		return ox_no(t, n, "with unknown padding");
	m = ox_ints(n, "pads", pads, 4);
	if (m && m != 2 * axes)
		return ox_no(t, n, "with bad padding");
	if (axes == 1) {
		pads[3] = pads[1];
		pads[1] = pads[0];
		pads[0] = pads[2] = 0;
	}
	for (int a = 0; a < 4; a++) {
		if (pads[a] < 0 || pads[a] > PAD_MAX)
			return ox_no(t, n, "with negative or huge padding");
		p->pad[a] = (int32_t)pads[a];
	}
	return HMR_OK;
}

/* Padding as large as the kernel, in front of it. */
static enum hmr_status
pad_first(struct ox *t, const struct ox_node *n, struct hmr_node *p, const int64_t k[2],
	  float value, uint32_t *in)
{
	int64_t list[8] = { 0 };
	struct hmr_node pad = { .op = HMR_OP_PAD, .n_in = 1, .n_out = 1, .in = in,
		.list = list, .n_list = 8, .value = value };
	bool large = false;
	uint32_t out;
	enum hmr_status st;

	for (int a = 0; a < 4; a++) {
		large = large || p->pad[a] > (k[a & 1] - 1) * p->dilate[a & 1];
		list[2 + 2 * (a & 1) + (a >> 1)] = p->pad[a];
	}
	if (p->same || !large)
		return HMR_OK;
	memset(p->pad, 0, sizeof(p->pad));
	if ((st = hmr_build_node(t->b, n->name, &pad, &out, t->e)))
		return st;
	*in = out;
	return HMR_OK;
}

/* A convolution's weight [A,B,k…] as [A,B,kh,kw], or [B,A,kh,kw]. */
static enum hmr_status
weight(struct ox *t, const struct ox_node *n, uint32_t rank, bool swap, int64_t group,
       uint32_t *value)
{
	struct ox_view w = *n->in[1];
	struct hmr_dims d = w.dims;
	uint8_t perm[HMR_DIMS_MAX] = { 0, 1, 2, 3, 4, 5 };
	char name[160];

	if (w.kind != OX_CONST || d.n != rank)
		return ox_no(t, n, "without a constant weight of as many axes as the image");
	if (rank == 3)
		d = (struct hmr_dims){ 4, { d.d[0], d.d[1], 1, d.d[2] } };
	snprintf(name, sizeof(name), "%s.weight", n->name);
	w.dims = d;
	if (swap) {		/* [g, C/g, O/g] to [g, O/g, C/g] */
		w.dims = (struct hmr_dims){ 5, { group, d.d[0] / group, d.d[1], d.d[2], d.d[3] } };
		perm[1] = 2;
		perm[2] = 1;
		d.d[0] = w.dims.d[2] * group;
		d.d[1] = w.dims.d[1];
	}
	return ox_const_value(t, name, &w, perm, &d, value);
}

static enum hmr_status
bias(struct ox *t, const struct ox_node *n, int64_t channels, struct hmr_node *p,
     uint32_t *value)
{
	char name[160];

	if (n->n_in < 3)
		return HMR_OK;
	if (n->in[2]->kind != OX_CONST || n->in[2]->dims.n != 1 ||
	    n->in[2]->dims.d[0] != channels)
		return ox_no(t, n, "without a constant bias of one number a channel");
	p->n_in = 3;
	snprintf(name, sizeof(name), "%s.bias", n->name);
	return ox_const_value(t, name, n->in[2], NULL, &n->in[2]->dims, value);
}

static bool
group_of(const struct ox_node *n, int32_t *group)
{
	int64_t g = ox_int(n, "group", 1);

	*group = (int32_t)g;
	return g >= 1 && g <= 1 << 20;
}

enum hmr_status
ox_conv(struct ox *t, const struct ox_node *n)
{
	uint32_t in[3], rank;
	struct hmr_node p = { .op = HMR_OP_CONV, .n_in = 2, .in = in };
	const struct hmr_dims *w;
	enum hmr_status st;

	if (!group_of(n, &p.group))
		return ox_no(t, n, "with these groups");
	if ((st = image_in(t, n, &in[0], &rank)) ||
	    (st = weight(t, n, rank, false, p.group, &in[1])))
		return st;
	w = &t->b->value[in[1]].dims;
	if ((st = window(t, n, rank - 2, w->d + 2, t->b->value[in[0]].dims.d + 1, &p)) ||
	    (st = bias(t, n, w->d[0], &p, &in[2])) ||
	    (st = pad_first(t, n, &p, t->b->value[in[1]].dims.d + 2, 0, &in[0])))
		return st;
	return image_out(t, n, &p, rank);
}

enum hmr_status
ox_conv_transpose(struct ox *t, const struct ox_node *n)
{
	uint32_t in[3], rank;
	int32_t extra[2];
	int64_t list[2];
	struct hmr_node p = { .op = HMR_OP_CONV_TRANSPOSE, .n_in = 2, .in = in,
		.list = list, .n_list = 2 };
	const struct hmr_dims *w, *x;
	enum hmr_status st;

	if (!group_of(n, &p.group) || n->in[1]->kind != OX_CONST ||
	    n->in[1]->dims.n < 3 || n->in[1]->dims.d[0] % p.group)
		return ox_no(t, n, "with these groups, or without a constant weight");
	if (ox_attr(n, "output_shape") || (!ox_is(n, "auto_pad", "NOTSET", true)))
		return ox_no(t, n, "with output_shape or auto_pad");
	if ((st = image_in(t, n, &in[0], &rank)) ||
	    (st = weight(t, n, rank, true, p.group, &in[1])))
		return st;
	w = &t->b->value[in[1]].dims;
	x = &t->b->value[in[0]].dims;
	if (!pair(n, "output_padding", rank - 2, 0, 0, extra))
		return ox_no(t, n, "with bad output padding");
	list[0] = extra[0];
	list[1] = extra[1];
	if ((st = window(t, n, rank - 2, w->d + 2, x->d + 1, &p)) ||
	    (st = bias(t, n, t->b->value[in[1]].dims.d[0], &p, &in[2])))
		return st;
	return image_out(t, n, &p, rank);
}

/* ceil_mode: the last window, which must start inside, by more padding after. */
static bool
round_up(const struct hmr_dims *x, struct hmr_node *p)
{
	bool added = false;

	for (int a = 0; a < 2; a++) {
		int64_t s = p->stride[a], k = p->kernel[a], size = x->d[1 + a];
		int64_t span = size + p->pad[a] + p->pad[a + 2] - k, out, more;

		if (span < 0)
			return false;
		out = (span + s - 1) / s + 1;
		if ((out - 1) * s >= size + p->pad[a])
			out--;
		more = (out - 1) * s + k - size - p->pad[a] - p->pad[a + 2];
		if (more > 0) {
			p->pad[a + 2] += (int32_t)more;
			added = true;
		}
	}
	return added;
}

enum hmr_status
ox_pool(struct ox *t, const struct ox_node *n)
{
	bool mean = n->p->op_type[0] == 'A';
	uint32_t in, rank;
	struct hmr_node p = { .op = mean ? HMR_OP_AVG_POOL : HMR_OP_MAX_POOL, .n_in = 1,
		.in = &in, .group = 1 };
	const struct hmr_dims *x;
	int64_t k[2];
	enum hmr_status st;

	if (n->n_out > 1 && n->out[1])
		return ox_no(t, n, "with indices");
	if ((st = image_in(t, n, &in, &rank)))
		return st;
	if (!pair(n, "kernel_shape", rank - 2, 0, 1, p.kernel) || !p.kernel[0] || !p.kernel[1])
		return ox_no(t, n, "with this kernel");
	k[0] = p.kernel[0];
	k[1] = p.kernel[1];
	if ((st = window(t, n, rank - 2, k, t->b->value[in].dims.d + 1, &p)))
		return st;
	if (p.dilate[0] > 1 || p.dilate[1] > 1)
		return ox_no(t, n, "with dilations");
	p.count_pad = mean && ox_int(n, "count_include_pad", 0);
	/* a pixel count that knows of the padding cannot have it made before */
	if (!mean && (st = pad_first(t, n, &p, k, -INFINITY, &in)))
		return st;
	x = &t->b->value[in].dims;
	if (!p.same && ox_int(n, "ceil_mode", 0) && round_up(x, &p) && p.count_pad)
		return ox_no(t, n, "with ceil_mode and count_include_pad");
	p.dilate[0] = p.dilate[1] = 0;
	return image_out(t, n, &p, rank);
}

enum hmr_status
ox_global_pool(struct ox *t, const struct ox_node *n)
{
	const struct ox_view v = *n->in[0];
	struct hmr_dims d;
	int64_t axes[HMR_DIMS_MAX];
	struct hmr_node p = { .op = n->p->op_type[6] == 'A' ? HMR_OP_REDUCE_MEAN :
		HMR_OP_REDUCE_MAX, .n_in = 1, .in = &v.value, .list = axes };

	ox_dims(t, &v, &d);
	if (v.kind != OX_VALUE || d.n < 3)
		return ox_no(t, n, "of no image");
	for (uint8_t a = 0; a < d.n; a++)	/* ours, rising */
		if (a != v.perm[0] && a != v.perm[1])
			axes[p.n_list++] = a;
	return ox_emit_to(t, n, &p, v.perm, n->out[0]);
}

/* --- resize --------------------------------------------------------------------- */

static bool
resize_mode(const struct ox_node *n, const struct hmr_dims *to, struct hmr_node *p)
{
	const char *key = "coordinate_transformation_mode";

	if (ox_is(n, "mode", "nearest", true))
		p->take = ox_is(n, "nearest_mode", "floor", false) ? HMR_TAKE_FLOOR :
			  ox_is(n, "nearest_mode", "ceil", false) ? HMR_TAKE_CEIL :
			  ox_is(n, "nearest_mode", "round_prefer_ceil", false) ?
			  HMR_TAKE_ROUND_UP : HMR_TAKE_ROUND_DOWN;
	else if (!ox_is(n, "mode", "linear", false))
		return false;
	if (ox_is(n, key, "asymmetric", false))
		p->coords = HMR_COORDS_ASYMMETRIC;
	else if (ox_is(n, key, "align_corners", false))
		p->coords = HMR_COORDS_CORNERS;
	else if (ox_is(n, key, "pytorch_half_pixel", false) && (to->d[2] == 1 || to->d[3] == 1))
		return false;
	else if (!ox_is(n, key, "half_pixel", true) && !ox_is(n, key, "pytorch_half_pixel", false))
		return false;
	return true;
}

/* The new sizes of [N,C,H,W], by sizes or scales. */
static bool
resize_sizes(struct ox *t, const struct ox_node *n, const struct hmr_dims *d,
	     struct hmr_dims *to)
{
	int64_t size[HMR_DIMS_MAX];
	const double *s;
	uint32_t k;

	*to = *d;
	if (n->n_in > 3 && n->in[3]) {
		if (!ox_const_ints(t, n->in[3], size, HMR_DIMS_MAX, &k) || k != d->n)
			return false;
		for (uint32_t i = 0; i < k; i++)
			to->d[i] = size[i];
	} else if (n->n_in > 2 && n->in[2] && n->in[2]->kind == OX_CONST) {
		if (n->in[2]->tensor->count != d->n || ox_numbers(t, n->in[2], &s))
			return false;
		for (uint32_t i = 0; i < d->n; i++) {
			double x = (double)d->d[i] * s[i], whole = rint(x);

			/* another factor than the sizes' would move the pixels */
			if (!(x >= 1 && x < 1 << 24) || fabs(x - whole) > 1e-4)
				return false;
			to->d[i] = (int64_t)whole;
		}
	} else {
		return false;
	}
	return to->d[0] == d->d[0] && to->d[1] == d->d[1] && to->d[2] > 0 && to->d[3] > 0 &&
	       to->d[2] <= 65536 && to->d[3] <= 65536;
}

enum hmr_status
ox_resize(struct ox *t, const struct ox_node *n)
{
	int64_t list[4];
	uint32_t in, rank;
	struct hmr_node p = { .op = HMR_OP_RESIZE, .n_in = 1, .in = &in, .list = list, .n_list = 4 };
	struct hmr_dims d, to;
	enum hmr_status st;

	if ((st = image_in(t, n, &in, &rank)))
		return st;
	if (rank != 4)
		return ox_no(t, n, "of other than an image");
	ox_dims(t, n->in[0], &d);
	if (!resize_sizes(t, n, &d, &to))
		return ox_no(t, n, "without constant sizes, or scales to whole numbers of pixels");
	if (!resize_mode(n, &to, &p))
		return ox_no(t, n, "in this mode");
	for (int a = 0; a < 2; a++) {	/* a ratio, so that other inputs work too */
		int64_t x = to.d[2 + a], y = d.d[2 + a];

		while (y > 0) {
			int64_t r = x % y;

			x = y;
			y = r;
		}
		list[2 * a] = to.d[2 + a] / x;
		list[2 * a + 1] = d.d[2 + a] / x;
	}
	return image_out(t, n, &p, rank);
}

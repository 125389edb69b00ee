/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow Lite's operators that move a window over images: convolutions, pools,
 * resizes. Images are [N,H,W,C] as ours; weights [O,kh,kw,I], ours are [O,I,kh,kw]. */
#include "import/tflite.h"

enum { PADDING = 0, STRIDE_W = 1, STRIDE_H = 2 };	/* of all these options */
#define VALID 1u

/* Strides and padding; the latter by TensorFlow's rules. */
static enum hmr_status
window(struct tl *t, const struct tl_op *o, struct hmr_node *p)
{
	p->stride[0] = hmr_flat_i32(&o->options, STRIDE_H, 0);
	p->stride[1] = hmr_flat_i32(&o->options, STRIDE_W, 0);
	for (int a = 0; a < 2; a++)
		if (p->stride[a] < 1 || p->stride[a] > 1024)
			return tl_no(t, o, "with these strides");
	p->same = hmr_flat_u8(&o->options, PADDING, 0) != VALID;
	return HMR_OK;
}

/* The bias, input i, where there is one. */
static enum hmr_status
bias(struct tl *t, const struct tl_op *o, uint32_t i, uint32_t in[3], struct hmr_node *p)
{
	const struct tl_tensor *c = tl_in(t, o, i);
	struct hmr_dims d = { .n = 1 };

	if (!c)
		return HMR_OK;
	if (!tl_is_const(t, c))
		return tl_no(t, o, "with a bias that is no constant");
	d.d[0] = (int64_t)hmr_dims_total(&c->dims);
	p->n_in = 3;
	return tl_const(t, o, c, NULL, &d, &in[2]);
}

static enum hmr_status
conv(struct tl *t, const struct tl_op *o, bool depthwise)
{
	static const uint8_t whole[4] = { 0, 3, 1, 2 }, deep[4] = { 3, 0, 1, 2 };
	const struct tl_tensor *x = tl_in(t, o, 0), *w = tl_in(t, o, 1);
	const uint8_t *perm = depthwise ? deep : whole;
	struct hmr_dims d = { .n = 4 };
	uint32_t in[3], extra = depthwise ? 1 : 0;
	struct hmr_node p = { .op = HMR_OP_CONV, .n_in = 2, .n_out = 1, .in = in, .group = 1 };
	enum hmr_status st;

	if (!x || x->dims.n != 4 || !w || w->dims.n != 4 || !tl_is_const(t, w))
		return tl_no(t, o, "without an image or a constant weight of 4 axes");
	for (int i = 0; i < 4; i++)
		d.d[i] = w->dims.d[perm[i]];
	if (d.d[1] < 1 || x->dims.d[3] % d.d[1] || (depthwise && d.d[1] != 1))
		return tl_no(t, o, "with a weight that does not fit the image");
	p.group = (int32_t)(x->dims.d[3] / d.d[1]);
	for (int a = 0; a < 2; a++) {
		p.dilate[a] = hmr_flat_i32(&o->options, 5 + extra - (uint32_t)a, 1);
		if (p.dilate[a] < 1 || p.dilate[a] > 1024)
			return tl_no(t, o, "with these dilations");
	}
	if ((st = window(t, o, &p)) || (st = tl_fused(t, o, 3 + extra, &p)) ||
	    (st = tl_computed(t, o, 0, &in[0])) ||
	    (st = tl_const(t, o, w, perm, &d, &in[1])) || (st = bias(t, o, 2, in, &p)))
		return st;
	return tl_emit(t, o, &p);
}

/* Inputs: the size of the output, weight, image, bias. */
static enum hmr_status
transpose_conv(struct tl *t, const struct tl_op *o)
{
	static const uint8_t perm[4] = { 0, 3, 1, 2 };
	const struct tl_tensor *w = tl_in(t, o, 1), *x = tl_in(t, o, 2);
	const struct tl_tensor *y = tl_out(t, o, 0);
	struct hmr_dims d = { .n = 4 };
	int64_t list[2] = { 0, 0 };
	uint32_t in[3];
	struct hmr_node p = { .op = HMR_OP_CONV_TRANSPOSE, .n_in = 2, .n_out = 1, .in = in,
		.group = 1, .list = list, .n_list = 2 };
	enum hmr_status st;

	if (!x || x->dims.n != 4 || y->dims.n != 4 || !w || w->dims.n != 4 ||
	    !tl_is_const(t, w))
		return tl_no(t, o, "without an image or a constant weight of 4 axes");
	if ((st = window(t, o, &p)) || (st = tl_fused(t, o, 3, &p)))
		return st;
	for (int i = 0; i < 4; i++)
		d.d[i] = w->dims.d[perm[i]];
	for (int a = 0; a < 2; a++) {
		int64_t full = (x->dims.d[1 + a] - 1) * p.stride[a] + d.d[2 + a];
		int64_t cut = full - y->dims.d[1 + a];

		if (cut < -(int64_t)p.stride[a] || cut > 2048)
			return tl_no(t, o, "to a size that does not fit");
		list[a] = cut < 0 ? -cut : 0;
		p.pad[a] = cut > 0 ? (int32_t)(cut / 2) : 0;
		p.pad[a + 2] = cut > 0 ? (int32_t)cut - p.pad[a] : 0;
	}
	p.same = false;
	if ((st = tl_computed(t, o, 2, &in[0])) || (st = tl_const(t, o, w, perm, &d, &in[1])) ||
	    (st = bias(t, o, 3, in, &p)))
		return st;
	return tl_emit(t, o, &p);
}

static enum hmr_status
pool(struct tl *t, const struct tl_op *o, enum hmr_op op)
{
	uint32_t in;
	struct hmr_node p = { .op = op, .n_in = 1, .n_out = 1, .in = &in };
	enum hmr_status st;

	p.kernel[0] = hmr_flat_i32(&o->options, 4, 0);
	p.kernel[1] = hmr_flat_i32(&o->options, 3, 0);
	if (p.kernel[0] < 1 || p.kernel[1] < 1 || p.kernel[0] > 1024 || p.kernel[1] > 1024)
		return tl_no(t, o, "with this window");
	if ((st = window(t, o, &p)) || (st = tl_fused(t, o, 5, &p)) ||
	    (st = tl_computed(t, o, 0, &in)))
		return st;
	return tl_emit(t, o, &p);
}

static enum hmr_status
resize(struct tl *t, const struct tl_op *o, bool nearest)
{
	bool corners = hmr_flat_u8(&o->options, nearest ? 0 : 2, 0);
	bool half = hmr_flat_u8(&o->options, nearest ? 1 : 3, 0);
	const struct tl_tensor *x = tl_in(t, o, 0);
	int64_t size[2], list[4];
	uint32_t in, k;
	struct hmr_node p = { .op = HMR_OP_RESIZE, .n_in = 1, .n_out = 1, .in = &in,
		.list = list, .n_list = 4 };
	enum hmr_status st;

	p.coords = corners ? HMR_COORDS_CORNERS : half ? HMR_COORDS_HALF : HMR_COORDS_ASYMMETRIC;
	/* nearest with corners or half pixels rounds halves up */
	p.take = !nearest ? HMR_TAKE_LINEAR : corners ? HMR_TAKE_ROUND_UP :
		 half ? HMR_TAKE_ROUND_UP : HMR_TAKE_FLOOR;
	if (!x || x->dims.n != 4 || !tl_ints(t, tl_in(t, o, 1), size, 2, &k) || k != 2)
		return tl_no(t, o, "to a size that is no constant");
	for (int a = 0; a < 2; a++) {	/* a ratio, so that other inputs work too */
		int64_t num = size[a], den = x->dims.d[1 + a], u, v;

		if (num < 1 || den < 1)
			return tl_no(t, o, "to a bad size");
		for (u = num, v = den; v > 0;) {
			int64_t r = u % v;

			u = v;
			v = r;
		}
		list[2 * a] = num / u;
		list[2 * a + 1] = den / u;
	}
	if ((st = tl_computed(t, o, 0, &in)))
		return st;
	return tl_emit(t, o, &p);
}

enum hmr_status
tl_lower_image(struct tl *t, const struct tl_op *o)
{
	switch (o->code) {
	case TL_CONV_2D: return conv(t, o, false);
	case TL_DEPTHWISE_CONV_2D: return conv(t, o, true);
	case TL_TRANSPOSE_CONV: return transpose_conv(t, o);
	case TL_MAX_POOL_2D: return pool(t, o, HMR_OP_MAX_POOL);
	case TL_AVERAGE_POOL_2D: return pool(t, o, HMR_OP_AVG_POOL);
	case TL_RESIZE_BILINEAR: return resize(t, o, false);
	case TL_RESIZE_NEAREST_NEIGHBOR: return resize(t, o, true);
	default: return HMR_EOF;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow Lite's operators on numbers and shapes. Sizes that follow from constants
 * are taken from the output's stored shape; the first axis, the batch, stays open. */
#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "import/tflite.h"
#include "nn/half.h"

static const struct { int32_t code; const char *name; } names[] = {
	{ TL_ADD, "ADD" }, { TL_AVERAGE_POOL_2D, "AVERAGE_POOL_2D" },
	{ TL_CONCATENATION, "CONCATENATION" }, { TL_CONV_2D, "CONV_2D" },
	{ TL_DEPTHWISE_CONV_2D, "DEPTHWISE_CONV_2D" }, { TL_DEPTH_TO_SPACE, "DEPTH_TO_SPACE" },
	{ TL_DEQUANTIZE, "DEQUANTIZE" }, { TL_FULLY_CONNECTED, "FULLY_CONNECTED" },
	{ TL_LOGISTIC, "LOGISTIC" }, { TL_MAX_POOL_2D, "MAX_POOL_2D" }, { TL_MUL, "MUL" },
	{ TL_RELU, "RELU" }, { TL_RELU_N1_TO_1, "RELU_N1_TO_1" }, { TL_RELU6, "RELU6" },
	{ TL_RESHAPE, "RESHAPE" }, { TL_RESIZE_BILINEAR, "RESIZE_BILINEAR" },
	{ TL_SOFTMAX, "SOFTMAX" }, { TL_SPACE_TO_DEPTH, "SPACE_TO_DEPTH" },
	{ TL_TANH, "TANH" }, { TL_PAD, "PAD" }, { TL_TRANSPOSE, "TRANSPOSE" },
	{ TL_MEAN, "MEAN" }, { TL_SUB, "SUB" }, { TL_DIV, "DIV" }, { TL_SQUEEZE, "SQUEEZE" },
	{ TL_STRIDED_SLICE, "STRIDED_SLICE" }, { TL_EXP, "EXP" }, { TL_SPLIT, "SPLIT" },
	{ TL_PRELU, "PRELU" }, { TL_MAXIMUM, "MAXIMUM" }, { TL_MINIMUM, "MINIMUM" },
	{ TL_PADV2, "PADV2" }, { TL_SLICE, "SLICE" }, { TL_TRANSPOSE_CONV, "TRANSPOSE_CONV" },
	{ TL_EXPAND_DIMS, "EXPAND_DIMS" }, { TL_LOG, "LOG" }, { TL_SUM, "SUM" },
	{ TL_SQRT, "SQRT" }, { TL_REDUCE_MAX, "REDUCE_MAX" }, { TL_REDUCE_MIN, "REDUCE_MIN" },
	{ TL_SQUARE, "SQUARE" }, { TL_RESIZE_NEAREST_NEIGHBOR, "RESIZE_NEAREST_NEIGHBOR" },
	{ TL_LEAKY_RELU, "LEAKY_RELU" }, { TL_ABS, "ABS" }, { TL_SPLIT_V, "SPLIT_V" },
	{ TL_ELU, "ELU" }, { TL_HARD_SWISH, "HARD_SWISH" }, { TL_GELU, "GELU" },
};

const char *
tl_op_name(int32_t code)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].code == code)
			return names[i].name;
	return NULL;
}

static void
clip(struct hmr_node *p, float lo, float hi)
{
	p->act = HMR_ACT_CLIP;
	p->alpha = lo;
	p->beta = hi;
}

enum hmr_status
tl_fused(struct tl *t, const struct tl_op *o, uint32_t field, struct hmr_node *p)
{
	switch (hmr_flat_u8(&o->options, field, 0)) {
	case 0: return HMR_OK;
	case 1: p->act = HMR_ACT_RELU; return HMR_OK;
	case 2: clip(p, -1, 1); return HMR_OK;
	case 3: p->act = HMR_ACT_RELU6; return HMR_OK;
	case 4: p->act = HMR_ACT_TANH; return HMR_OK;
	}
	return tl_no(t, o, "with this fused activation");
}

/* HMR_EOF: not an activation. */
static enum hmr_status
act(struct tl *t, const struct tl_op *o)
{
	uint32_t in;
	struct hmr_node p = { .op = HMR_OP_ACT, .n_in = 1, .n_out = 1, .in = &in };
	enum hmr_status st;

	switch (o->code) {
	case TL_RELU: p.act = HMR_ACT_RELU; break;
	case TL_RELU6: p.act = HMR_ACT_RELU6; break;
	case TL_RELU_N1_TO_1: clip(&p, -1, 1); break;
	case TL_LOGISTIC: p.act = HMR_ACT_SIGMOID; break;
	case TL_TANH: p.act = HMR_ACT_TANH; break;
	case TL_EXP: p.act = HMR_ACT_EXP; break;
	case TL_LOG: p.act = HMR_ACT_LOG; break;
	case TL_SQRT: p.act = HMR_ACT_SQRT; break;
	case TL_ABS: p.act = HMR_ACT_ABS; break;
	case TL_ELU:
		p.act = HMR_ACT_ELU;
		p.alpha = 1;
		break;
	case TL_HARD_SWISH:
		p.act = HMR_ACT_HARD_SWISH;
		p.alpha = 1.0f / 6;
		p.beta = 0.5f;
		break;
	case TL_LEAKY_RELU:
		p.act = HMR_ACT_LEAKY;
		p.alpha = hmr_flat_f32(&o->options, 0, 0);
		break;
	case TL_GELU:
		p.act = hmr_flat_u8(&o->options, 0, 0) ? HMR_ACT_GELU_TANH : HMR_ACT_GELU;
		break;
	default: return HMR_EOF;
	}
	if (!isfinite(p.alpha))
		return tl_no(t, o, "with this slope");
	if ((st = tl_computed(t, o, 0, &in)))
		return st;
	return tl_emit(t, o, &p);
}

static enum hmr_status
binary(struct tl *t, const struct tl_op *o, enum hmr_op op, bool fused)
{
	uint32_t in[2];
	struct hmr_node p = { .op = op, .n_in = 2, .n_out = 1, .in = in };
	enum hmr_status st;

	if (op == HMR_OP_PRELU && tl_in(t, o, 0) && tl_is_const(t, tl_in(t, o, 0)))
		return tl_no(t, o, "of a constant");
	if ((fused && (st = tl_fused(t, o, 0, &p))) || (st = tl_value(t, o, 0, &in[0])) ||
	    (st = tl_value(t, o, 1, &in[1])))
		return st;
	return tl_emit(t, o, &p);
}

static enum hmr_status
square(struct tl *t, const struct tl_op *o)
{
	uint32_t in[2];
	struct hmr_node p = { .op = HMR_OP_MUL, .n_in = 2, .n_out = 1, .in = in };
	enum hmr_status st;

	if ((st = tl_computed(t, o, 0, &in[0])))
		return st;
	in[1] = in[0];
	return tl_emit(t, o, &p);
}

/* Nothing is computed: the output is the constant. */
static enum hmr_status
dequantize(struct tl *t, const struct tl_op *o)
{
	struct tl_tensor *c = tl_in(t, o, 0), *y = tl_out(t, o, 0);

	if (!c || !tl_is_const(t, c) || c->from >= 0)
		return tl_no(t, o, "of what is no constant: quantized models are not supported");
	if (y->known || y->data || y->from >= 0 || o->out.n != 1)
		return tl_no(t, o, "to a tensor that is there already");
	if (y->type != TL_F32)		/* or its integers would be looked for in it */
		return tl_no(t, o, "to another type than float32");
	y->from = (int32_t)(c - t->tensor);
	y->dims = c->dims;
	return HMR_OK;
}

/* An axis of input `i`, a single integer, from 0. */
static bool
axis_of(struct tl *t, const struct tl_op *o, uint32_t i, uint32_t rank, int64_t *axis)
{
	uint32_t n;

	if (!tl_ints(t, tl_in(t, o, i), axis, 1, &n) || n != 1)
		return false;
	*axis += *axis < 0 ? rank : 0;
	return *axis >= 0 && *axis < rank;
}

static enum hmr_status
concat(struct tl *t, const struct tl_op *o)
{
	uint32_t in[HMR_NODE_IN_MAX];
	struct hmr_node p = { .op = HMR_OP_CONCAT, .n_in = o->in.n, .n_out = 1, .in = in };
	const struct tl_tensor *x = tl_in(t, o, 0);
	int32_t axis = hmr_flat_i32(&o->options, 0, 0);
	enum hmr_status st;

	if (!x || !o->in.n)
		return tl_no(t, o, "of nothing");
	p.axis = axis < 0 ? axis + (int32_t)x->dims.n : axis;
	if (p.axis < 0 || p.axis >= (int32_t)x->dims.n)
		return tl_no(t, o, "along no axis");
	if ((st = tl_fused(t, o, 1, &p)))
		return st;
	for (uint32_t i = 0; i < o->in.n; i++)
		if ((st = tl_computed(t, o, i, &in[i])))
			return st;
	return tl_emit(t, o, &p);
}

static enum hmr_status
split(struct tl *t, const struct tl_op *o, bool sized)
{
	const struct tl_tensor *x = tl_in(t, o, sized ? 0 : 1);
	int64_t list[HMR_NODE_LIST_MAX], axis;
	uint32_t in, n = o->out.n;
	struct hmr_node p = { .op = HMR_OP_SPLIT, .n_in = 1, .in = &in, .n_out = n,
		.list = list, .n_list = n };
	enum hmr_status st;

	if (!x || !axis_of(t, o, sized ? 2 : 0, x->dims.n, &axis) ||
	    (sized && (!tl_ints(t, tl_in(t, o, 1), list, HMR_NODE_LIST_MAX, &n) ||
		       n != o->out.n)))
		return tl_no(t, o, "without constant sizes");
	for (uint32_t i = 0; !sized && i < n; i++)
		list[i] = x->dims.d[axis] / n;
	p.axis = (int32_t)axis;
	if ((st = tl_computed(t, o, sized ? 0 : 1, &in)))
		return st;
	return tl_emit(t, o, &p);
}

static enum hmr_status
pad(struct tl *t, const struct tl_op *o)
{
	const struct tl_tensor *x = tl_in(t, o, 0), *c = tl_in(t, o, 2);
	int64_t list[2 * HMR_DIMS_MAX];
	uint32_t in, n;
	struct hmr_node p = { .op = HMR_OP_PAD, .n_in = 1, .n_out = 1, .in = &in, .list = list };
	enum hmr_status st;

	if (!x || !tl_ints(t, tl_in(t, o, 1), list, 2 * HMR_DIMS_MAX, &n) || n != 2 * x->dims.n)
		return tl_no(t, o, "without constant sizes");
	if (o->code == TL_PADV2) {
		if (!c || c->type != TL_F32 || !c->data || c->bytes != 4)
			return tl_no(t, o, "without a constant value");
		p.value = hmr_getf32(c->data);
		if (isnan(p.value) || p.value == (float)INFINITY)
			return tl_no(t, o, "with this value");
	}
	p.n_list = n;
	if ((st = tl_computed(t, o, 0, &in)))
		return st;
	return tl_emit(t, o, &p);
}

/* To the output's stored sizes; the batch is kept where it is the same. */
static enum hmr_status
reshape_to(struct tl *t, const struct tl_op *o, uint32_t in)
{
	const struct tl_tensor *y = tl_out(t, o, 0);
	const struct hmr_dims *x = &t->b->value[in].dims;
	int64_t list[HMR_DIMS_MAX];
	struct hmr_node p = { .op = HMR_OP_RESHAPE, .n_in = 1, .n_out = 1, .in = &in,
		.list = list, .n_list = y->dims.n };

	if (!y->dims.n)
		return tl_no(t, o, "to a size that the file does not say");
	memcpy(list, y->dims.d, sizeof(list));
	if (x->n && list[0] == x->d[0])
		list[0] = 0;
	return tl_emit(t, o, &p);
}

static enum hmr_status
reshape(struct tl *t, const struct tl_op *o)
{
	uint32_t in;
	enum hmr_status st = tl_computed(t, o, 0, &in);

	return st ? st : reshape_to(t, o, in);
}

static enum hmr_status
transpose(struct tl *t, const struct tl_op *o)
{
	int64_t list[HMR_DIMS_MAX];
	uint32_t in, n;
	struct hmr_node p = { .op = HMR_OP_TRANSPOSE, .n_in = 1, .n_out = 1, .in = &in,
		.list = list };
	enum hmr_status st;

	if (!tl_ints(t, tl_in(t, o, 1), list, HMR_DIMS_MAX, &n))
		return tl_no(t, o, "by what is no constant");
	p.n_list = n;
	if ((st = tl_computed(t, o, 0, &in)))
		return st;
	return tl_emit(t, o, &p);
}

static enum hmr_status
reduce(struct tl *t, const struct tl_op *o, enum hmr_op op)
{
	const struct tl_tensor *x = tl_in(t, o, 0);
	int64_t axes[HMR_DIMS_MAX], list[HMR_DIMS_MAX];
	uint32_t in, n;
	struct hmr_node p = { .op = op, .n_in = 1, .n_out = 1, .in = &in, .list = list };
	enum hmr_status st;

	if (!x || !tl_ints(t, tl_in(t, o, 1), axes, HMR_DIMS_MAX, &n) || !n)
		return tl_no(t, o, "along what is no constant");
	for (uint32_t a = 0; a < x->dims.n; a++)
		for (uint32_t i = 0; i < n; i++)
			if ((axes[i] < 0 ? axes[i] + x->dims.n : axes[i]) == a) {
				list[p.n_list++] = a;
				break;
			}
	if ((st = tl_computed(t, o, 0, &in)))
		return st;
	if (hmr_flat_u8(&o->options, 0, 0))
		return tl_emit(t, o, &p);
	if ((st = tl_step(t, o, &p, &in)))
		return st;
	return reshape_to(t, o, in);
}

/* SLICE: begin and size. */
static enum hmr_status
slice(struct tl *t, const struct tl_op *o)
{
	const struct tl_tensor *x = tl_in(t, o, 0);
	int64_t begin[HMR_DIMS_MAX], size[HMR_DIMS_MAX], list[3 * HMR_DIMS_MAX];
	uint32_t in, n, m;
	struct hmr_node p = { .op = HMR_OP_SLICE, .n_in = 1, .n_out = 1, .in = &in,
		.list = list };
	enum hmr_status st;

	if (!x || !tl_ints(t, tl_in(t, o, 1), begin, HMR_DIMS_MAX, &n) ||
	    !tl_ints(t, tl_in(t, o, 2), size, HMR_DIMS_MAX, &m) || n != m || n != x->dims.n)
		return tl_no(t, o, "without constant sizes");
	for (uint32_t a = 0; a < n; a++) {
		list[3 * a] = begin[a];
		list[3 * a + 1] = 1;
		list[3 * a + 2] = size[a] < 0 ? 0 : size[a];
	}
	p.n_list = 3 * n;
	if ((st = tl_computed(t, o, 0, &in)))
		return st;
	return tl_emit(t, o, &p);
}

/* One axis of STRIDED_SLICE to start, step and count, 0 for all to the end. */
static bool
strided(int64_t size, int64_t begin, int64_t end, int64_t step, bool from_start,
	bool to_end, bool one, int64_t out[3])
{
	begin += begin < 0 ? size : 0;
	end += end < 0 ? size : 0;
	if (step < 1 || (one && step != 1))
		return false;
	out[0] = from_start ? 0 : begin;
	out[1] = step;
	if (one) {
		out[2] = 1;
		return out[0] >= 0 && out[0] < size;
	}
	end = to_end || end > size ? size : end;
	out[2] = end >= size ? 0 : (end - out[0] + step - 1) / step;
	return out[0] >= 0 && out[0] < end;
}

static enum hmr_status
strided_slice(struct tl *t, const struct tl_op *o)
{
	const struct tl_tensor *x = tl_in(t, o, 0);
	int64_t v[3][HMR_DIMS_MAX], list[3 * HMR_DIMS_MAX];
	uint32_t in, n[3], mask[5], rank = x ? x->dims.n : 0;
	struct hmr_node p = { .op = HMR_OP_SLICE, .n_in = 1, .n_out = 1, .in = &in,
		.list = list, .n_list = 3 * rank };
	enum hmr_status st;

	for (uint32_t i = 0; i < 3; i++)
		if (!x || !tl_ints(t, tl_in(t, o, 1 + i), v[i], HMR_DIMS_MAX, &n[i]) ||
		    n[i] > rank || n[i] != n[0])
			return tl_no(t, o, "without constant sizes");
	for (uint32_t i = 0; i < 5; i++)	/* begin end ellipsis new-axis shrink */
		mask[i] = (uint32_t)hmr_flat_i32(&o->options, i, 0);
	if (mask[2] || mask[3])
		return tl_no(t, o, "with an ellipsis or a new axis");
	for (uint32_t a = 0; a < rank; a++) {
		bool given = a < n[0];

		if (!strided(x->dims.d[a], given ? v[0][a] : 0, given ? v[1][a] : 0,
			     given ? v[2][a] : 1, !given || mask[0] >> a & 1,
			     !given || mask[1] >> a & 1, mask[4] >> a & 1, list + 3 * a))
			return tl_no(t, o, "of this range");
	}
	if ((st = tl_computed(t, o, 0, &in)))
		return st;
	if (!mask[4])
		return tl_emit(t, o, &p);
	if ((st = tl_step(t, o, &p, &in)))
		return st;
	return reshape_to(t, o, in);
}

static enum hmr_status
softmax(struct tl *t, const struct tl_op *o)
{
	uint32_t in;
	struct hmr_node p = { .op = HMR_OP_SOFTMAX, .n_in = 1, .n_out = 1, .in = &in };
	const struct tl_tensor *x = tl_in(t, o, 0);
	enum hmr_status st;

	if (!x || !x->dims.n || hmr_flat_f32(&o->options, 0, 1) != 1)
		return tl_no(t, o, "with a beta other than 1");
	p.axis = (int32_t)x->dims.n - 1;
	if ((st = tl_computed(t, o, 0, &in)))
		return st;
	return tl_emit(t, o, &p);
}

/* Rows of the input, whatever its axes, times the weight [out][in]. */
static enum hmr_status
fully_connected(struct tl *t, const struct tl_op *o)
{
	const struct tl_tensor *x = tl_in(t, o, 0), *w = tl_in(t, o, 1), *c = tl_in(t, o, 2);
	int64_t flat[2] = { -1, 0 };
	uint32_t in[3], raw;
	struct hmr_dims d = { .n = 1 };
	struct hmr_node p = { .op = HMR_OP_MATMUL, .n_in = 2, .n_out = 1, .in = in,
		.trans = true };
	struct hmr_node rows = { .op = HMR_OP_RESHAPE, .n_in = 1, .n_out = 1, .in = &raw,
		.list = flat, .n_list = 2 };
	enum hmr_status st;

	if (!x || !w || w->dims.n != 2 || !tl_is_const(t, w) ||
	    hmr_flat_u8(&o->options, 1, 0))
		return tl_no(t, o, "without a plain constant weight");
	flat[1] = w->dims.d[1];
	if ((st = tl_fused(t, o, 0, &p)) || (st = tl_computed(t, o, 0, &raw)))
		return st;
	in[0] = raw;
	if ((x->dims.n != 2 || x->dims.d[1] != flat[1]) && (st = tl_step(t, o, &rows, &in[0])))
		return st;
	if ((st = tl_value(t, o, 1, &in[1])))
		return st;
	if (c) {
		if (!tl_is_const(t, c))
			return tl_no(t, o, "with a bias that is no constant");
		p.n_in = 3;
		d.d[0] = (int64_t)hmr_dims_total(&c->dims);
		if ((st = tl_const(t, o, c, NULL, &d, &in[2])))
			return st;
	}
	if (tl_out(t, o, 0)->dims.n == 2)
		return tl_emit(t, o, &p);
	if ((st = tl_step(t, o, &p, &raw)))
		return st;
	return reshape_to(t, o, raw);
}

/* Squares of k x k pixels and channels: [N,h,w,k,k,C] between the two. */
static enum hmr_status
depth_space(struct tl *t, const struct tl_op *o, bool to_space)
{
	const struct tl_tensor *x = tl_in(t, o, 0);
	int64_t k = hmr_flat_i32(&o->options, 0, 0), perm[6] = { 0, 1, 3, 2, 4, 5 }, list[6];
	uint32_t in;
	struct hmr_node apart = { .op = HMR_OP_RESHAPE, .n_in = 1, .n_out = 1, .in = &in,
		.list = list, .n_list = 6 };
	struct hmr_node turn = { .op = HMR_OP_TRANSPOSE, .n_in = 1, .n_out = 1, .in = &in,
		.list = perm, .n_list = 6 };
	enum hmr_status st;

	if (!x || x->dims.n != 4 || k < 1 || k > 1024 ||
	    (to_space ? x->dims.d[3] % (k * k) : x->dims.d[1] % k || x->dims.d[2] % k))
		return tl_no(t, o, "with this block size");
	/* to space: h w (k k C) to h k w k C; to depth the other way round */
	list[0] = 0;
	list[1] = to_space ? x->dims.d[1] : x->dims.d[1] / k;
	list[2] = to_space ? x->dims.d[2] : k;
	list[3] = to_space ? k : x->dims.d[2] / k;
	list[4] = k;
	list[5] = to_space ? x->dims.d[3] / (k * k) : x->dims.d[3];
	if ((st = tl_computed(t, o, 0, &in)) || (st = tl_step(t, o, &apart, &in)) ||
	    (st = tl_step(t, o, &turn, &in)))
		return st;
	return reshape_to(t, o, in);
}

enum hmr_status
tl_lower(struct tl *t, const struct tl_op *o)
{
	enum hmr_status st = act(t, o);

	if (st != HMR_EOF)
		return st;
	switch (o->code) {
	case TL_ADD: return binary(t, o, HMR_OP_ADD, true);
	case TL_SUB: return binary(t, o, HMR_OP_SUB, true);
	case TL_MUL: return binary(t, o, HMR_OP_MUL, true);
	case TL_DIV: return binary(t, o, HMR_OP_DIV, true);
	case TL_MAXIMUM: return binary(t, o, HMR_OP_MAX, false);
	case TL_MINIMUM: return binary(t, o, HMR_OP_MIN, false);
	case TL_PRELU: return binary(t, o, HMR_OP_PRELU, false);
	case TL_SQUARE: return square(t, o);
	case TL_DEQUANTIZE: return dequantize(t, o);
	case TL_CONCATENATION: return concat(t, o);
	case TL_SPLIT: return split(t, o, false);
	case TL_SPLIT_V: return split(t, o, true);
	case TL_PAD: case TL_PADV2: return pad(t, o);
	case TL_RESHAPE: case TL_SQUEEZE: case TL_EXPAND_DIMS: return reshape(t, o);
	case TL_TRANSPOSE: return transpose(t, o);
	case TL_MEAN: return reduce(t, o, HMR_OP_REDUCE_MEAN);
	case TL_SUM: return reduce(t, o, HMR_OP_REDUCE_SUM);
	case TL_REDUCE_MAX: return reduce(t, o, HMR_OP_REDUCE_MAX);
	case TL_REDUCE_MIN: return reduce(t, o, HMR_OP_REDUCE_MIN);
	case TL_SLICE: return slice(t, o);
	case TL_STRIDED_SLICE: return strided_slice(t, o);
	case TL_SOFTMAX: return softmax(t, o);
	case TL_FULLY_CONNECTED: return fully_connected(t, o);
	case TL_DEPTH_TO_SPACE: return depth_space(t, o, true);
	case TL_SPACE_TO_DEPTH: return depth_space(t, o, false);
	}
	return tl_no(t, o, "is not supported");
}

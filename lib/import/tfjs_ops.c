/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of TensorFlow operators. Transposes are not translated: they only
 * change the permutation through which a value is seen, and cancel out.
 * What is not supported is named with its node.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "import/tfjs.h"
#include "nn/half.h"

static enum hmr_status
unsupported(struct tf *t, const struct tf_node *n, const char *why)
{
	return hmr_fail(t->e, HMR_E_VERSION, "node %.100s: %.40s %s", n->name, n->op, why);
}

/* Source names without the wrapper functions of the converter. */
static const char *
short_name(const char *s)
{
	static const char *const prefix[] = { "StatefulPartitionedCall/model/",
		"StatefulPartitionedCall/", "PartitionedCall/" };

	for (size_t i = 0; i < sizeof(prefix) / sizeof(*prefix); i++)
		if (!strncmp(s, prefix[i], strlen(prefix[i])) && s[strlen(prefix[i])])
			return s + strlen(prefix[i]);
	return s;
}

static bool
is_plain(const struct tf_view *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (v->perm[i] != i)
			return false;
	return true;
}

static uint32_t
rank_of(const struct tf *t, const struct tf_view *v)
{
	return t->b->value[v->value].dims.n;
}

static void
set_view(struct tf *t, const struct tf_node *n, uint32_t i, uint32_t value,
	 const uint8_t *perm)
{
	struct tf_view *v = &t->view[n->first_out + i];

	memset(v, 0, sizeof(*v));
	v->kind = TF_VALUE;
	v->value = value;
	for (uint8_t k = 0; k < HMR_DIMS_MAX; k++)
		v->perm[k] = perm ? perm[k] : k;
}

enum hmr_status
tf_plain(struct tf *t, const char *name, const struct tf_view *v, uint32_t *value)
{
	int64_t perm[HMR_DIMS_MAX];
	struct hmr_node p = { .op = HMR_OP_TRANSPOSE, .n_in = 1, .n_out = 1,
		.in = &v->value, .list = perm, .n_list = rank_of(t, v) };

	if (is_plain(v, p.n_list)) {
		*value = v->value;
		return HMR_OK;
	}
	for (uint32_t i = 0; i < p.n_list; i++)
		perm[i] = v->perm[i];
	return hmr_build_node(t->b, name, &p, value, t->e);
}

/* Input i as a plain value; constants are refused. */
static enum hmr_status
plain_in(struct tf *t, const struct tf_node *n, uint32_t i, uint32_t *value)
{
	if (i >= n->n_in || tf_in(t, n, i)->kind != TF_VALUE)
		return unsupported(t, n, "of a constant");
	return tf_plain(t, short_name(n->name), tf_in(t, n, i), value);
}

static enum hmr_status
emit(struct tf *t, const struct tf_node *n, struct hmr_node *p, const uint8_t *perm)
{
	uint32_t out[HMR_NODE_LIST_MAX];
	enum hmr_status st;

	if ((st = hmr_build_node(t->b, short_name(n->name), p, out, t->e)))
		return st;
	for (uint32_t i = 0; i < p->n_out; i++)
		set_view(t, n, i, out[i], perm);
	return HMR_OK;
}

static enum hmr_status
placeholder(struct tf *t, const struct tf_node *n)
{
	const cJSON *s = cJSON_GetObjectItemCaseSensitive(n->attr, "shape"), *j;
	struct hmr_dims d = { .n = 0 };
	uint32_t open[HMR_DIMS_MAX] = { 0 }, value;
	uint8_t nchw[HMR_DIMS_MAX] = { 0, 3, 1, 2, 4, 5 };
	static const int64_t to_nhwc[4] = { 0, 2, 3, 1 };
	struct hmr_node p = { .op = HMR_OP_TRANSPOSE, .n_in = 1, .n_out = 1,
		.in = &value, .list = to_nhwc, .n_list = 4 };
	enum hmr_status st;

	s = cJSON_GetObjectItemCaseSensitive(s, "shape");
	cJSON_ArrayForEach(j, cJSON_GetObjectItemCaseSensitive(s, "dim")) {
		const char *v = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "size"));
		long size = v ? strtol(v, NULL, 10) : 0;

		if (d.n == HMR_DIMS_MAX || size > 1 << 24 || size < -1 || !size)
			return unsupported(t, n, "with a bad shape");
		if (size == -1 && d.n)
			return unsupported(t, n, "with an open size after the first axis");
		open[d.n] = size == -1;
		d.d[d.n++] = size == -1 ? 1 : size;
	}
	if ((st = hmr_build_input(t->b, short_name(n->name), &d, open, &value, t->e)))
		return st;
	if (d.n != 4 || d.d[1] > 4 || d.d[3] <= 4) {
		set_view(t, n, 0, value, NULL);
		return HMR_OK;
	}
	/* channels first: ours is turned once, here */
	return emit(t, n, &p, nchw);
}

static enum hmr_status
transpose(struct tf *t, const struct tf_node *n)
{
	const struct tf_view *v = n->n_in == 2 ? tf_in(t, n, 0) : NULL;
	int64_t p[HMR_DIMS_MAX];
	uint8_t perm[HMR_DIMS_MAX];
	uint32_t k;
	unsigned seen = 0;

	if (!v || v->kind != TF_VALUE ||
	    !tf_const_ints(tf_in(t, n, 1), p, HMR_DIMS_MAX, &k) || k != rank_of(t, v))
		return unsupported(t, n, "without a constant permutation");
	for (uint8_t i = 0; i < HMR_DIMS_MAX; i++)
		perm[i] = i;
	for (uint32_t i = 0; i < k; i++) {
		if (p[i] < 0 || p[i] >= k || seen >> p[i] & 1)
			return unsupported(t, n, "with a bad permutation");
		seen |= 1u << p[i];
		perm[i] = v->perm[p[i]];
	}
	set_view(t, n, 0, v->value, perm);
	return HMR_OK;
}

/* strides, padding, data format, dilation of a window operator. k: its size. */
static enum hmr_status
window(struct tf *t, const struct tf_node *n, const int64_t k[2], struct hmr_node *p)
{
	int64_t s[4] = { 1, 1, 1, 1 }, d[4] = { 1, 1, 1, 1 }, pads[8] = { 0 };
	char text[16];

	if (tf_attr_text(n, "data_format", -1, text, sizeof(text)) && strcmp(text, "NHWC"))
		return unsupported(t, n, "with channels first");
	if (tf_attr_ints(n, "strides", s, 4) != 4 || s[0] != 1 || s[3] != 1 ||
	    s[1] < 1 || s[2] < 1 || s[1] > 1024 || s[2] > 1024)
		return unsupported(t, n, "with these strides");
	tf_attr_ints(n, "dilations", d, 4);
	if (d[0] != 1 || d[1] != 1 || d[2] != 1 || d[3] != 1)
		return unsupported(t, n, "with dilation");
	p->stride[0] = (int32_t)s[1];
	p->stride[1] = (int32_t)s[2];
	tf_attr_text(n, "padding", -1, text, sizeof(text));
	if (!strcmp(text, "EXPLICIT")) {
		if (tf_attr_ints(n, "explicit_paddings", pads, 8) != 8)
			return unsupported(t, n, "with bad padding");
		for (int a = 0; a < 4; a++) {
			int64_t v = pads[2 + (a & 1) * 2 + (a >> 1)];

			if (v < 0 || v > 1024)
				return unsupported(t, n, "with bad padding");
			p->pad[a] = (int32_t)v;
		}
	} else if (!strcmp(text, "SAME")) {
		p->same = s[1] != 1 || s[2] != 1;
		for (int a = 0; !p->same && a < 2; a++) {
			p->pad[a] = (int32_t)((k[a] - 1) / 2);
			p->pad[a + 2] = (int32_t)(k[a] - 1 - (k[a] - 1) / 2);
		}
	} else if (strcmp(text, "VALID")) {
		return unsupported(t, n, "with unknown padding");
	}
	return HMR_OK;
}

/* [kh][kw][in][out] to [out][in][kh][kw]; depthwise: [kh][kw][C][M] to [C M][1][kh][kw]. */
static enum hmr_status
weight(struct tf *t, const struct tf_node *n, const struct tf_view *v, bool dw,
       uint32_t *value)
{
	int64_t kh = v->dims.d[0], kw = v->dims.d[1];
	size_t ci = (size_t)v->dims.d[2], co = (size_t)v->dims.d[3];
	size_t area = (size_t)(kh * kw), bytes = hmr_dtype_bytes(v->dtype);
	struct hmr_dims d = { 4, { (int64_t)co, (int64_t)ci, kh, kw } };
	char name[256] = "";
	uint8_t *q = malloc(area * ci * co * bytes + 1);

	if (!q)
		return hmr_fail(t->e, HMR_E_NOMEM, "weights");
	if (dw) {
		d.d[0] = (int64_t)(ci * co);
		d.d[1] = 1;
	}
	for (size_t k = 0; k < area; k++)
		for (size_t i = 0; i < ci; i++)
			for (size_t o = 0; o < co; o++)
				memcpy(q + ((dw ? i * co + o : o * ci + i) * area + k) * bytes,
				       v->data + ((k * ci + i) * co + o) * bytes, bytes);
	strncat(name, short_name(n->name), 240);
	strcat(name, ".weight");
	return hmr_build_const(t->b, name, v->dtype, &d, q, value, t->e);
}

/* A constant of ours with the source's bytes, seen as a vector. */
static enum hmr_status
vector(struct tf *t, const struct tf_node *n, const struct tf_view *v,
       const char *suffix, uint32_t *value)
{
	size_t count = hmr_dims_total(&v->dims), bytes = count * hmr_dtype_bytes(v->dtype);
	struct hmr_dims d = { 1, { (int64_t)count } };
	char name[256] = "";
	void *q = malloc(bytes + 1);

	if (q && bytes)
		memcpy(q, v->data, bytes);
	strncat(name, short_name(n->name), 240);
	strcat(name, suffix);
	return hmr_build_const(t->b, name, v->dtype, &d, q, value, t->e);
}

static bool
known_act(const char *op, struct hmr_node *p, double alpha)
{
	p->act = !strcmp(op, "Relu") ? HMR_ACT_RELU :
		 !strcmp(op, "Relu6") ? HMR_ACT_RELU6 :
		 !strcmp(op, "Sigmoid") ? HMR_ACT_SIGMOID :
		 !strcmp(op, "LeakyRelu") ? HMR_ACT_LEAKY : HMR_ACT_NONE;
	p->alpha = p->act == HMR_ACT_LEAKY ? (float)alpha : 0;
	return p->act != HMR_ACT_NONE;
}

/* BiasAdd, then at most one activation, of the fused operators. */
static enum hmr_status
fused(struct tf *t, const struct tf_node *n, struct hmr_node *p, uint32_t *in)
{
	char op[16];
	enum hmr_status st;

	for (int i = 0; tf_attr_text(n, "fused_ops", i, op, sizeof(op)); i++) {
		const struct tf_view *b = n->n_in > 2 ? tf_in(t, n, 2) : NULL;

		if (i == 0 && !strcmp(op, "BiasAdd")) {
			if (!b || b->kind != TF_CONST || b->dims.n != 1)
				return unsupported(t, n, "without a constant bias");
			if ((st = vector(t, n, b, ".bias", &in[2])))
				return st;
			p->n_in = 3;
		} else if (i > 1 || p->act ||
			   !known_act(op, p, tf_attr_f64(n, "leakyrelu_alpha", .2))) {
			return unsupported(t, n, "with an unknown fused operator");
		}
	}
	return HMR_OK;
}

static enum hmr_status
conv(struct tf *t, const struct tf_node *n, bool dw)
{
	uint32_t in[3];
	struct hmr_node p = { .op = HMR_OP_CONV, .n_in = 2, .n_out = 1, .in = in, .group = 1 };
	const struct tf_view *w = n->n_in > 1 ? tf_in(t, n, 1) : NULL;
	enum hmr_status st;

	if (!w || w->kind != TF_CONST || w->dims.n != 4)
		return unsupported(t, n, "without a constant weight of 4 axes");
	if (w->dims.d[2] < 1 || w->dims.d[2] > 1 << 20)
		return unsupported(t, n, "with a bad weight");
	if (dw)
		p.group = (int32_t)w->dims.d[2];
	if ((st = plain_in(t, n, 0, &in[0])) || (st = window(t, n, w->dims.d, &p)) ||
	    (st = weight(t, n, w, dw, &in[1])) || (st = fused(t, n, &p, in)))
		return st;
	return emit(t, n, &p, NULL);
}

static enum hmr_status
max_pool(struct tf *t, const struct tf_node *n)
{
	int64_t k[4];
	uint32_t in;
	struct hmr_node p = { .op = HMR_OP_MAX_POOL, .n_in = 1, .n_out = 1, .in = &in };
	enum hmr_status st;

	if (tf_attr_ints(n, "ksize", k, 4) != 4 || k[0] != 1 || k[3] != 1 ||
	    k[1] < 1 || k[2] < 1 || k[1] > 1024 || k[2] > 1024)
		return unsupported(t, n, "with this window");
	p.kernel[0] = (int32_t)k[1];
	p.kernel[1] = (int32_t)k[2];
	if ((st = plain_in(t, n, 0, &in)) || (st = window(t, n, k + 1, &p)))
		return st;
	return emit(t, n, &p, NULL);
}

static enum hmr_status
resize(struct tf *t, const struct tf_node *n)
{
	uint32_t in, k;
	int64_t size[2], list[4];
	struct hmr_node p = { .op = HMR_OP_RESIZE, .n_in = 1, .n_out = 1, .in = &in,
		.list = list, .n_list = 4 };
	enum hmr_status st;

	if (tf_attr_bool(n, "align_corners", false) ||
	    !tf_attr_bool(n, "half_pixel_centers", false))
		return unsupported(t, n, "without half-pixel centres");
	if (n->n_in != 2 || !tf_const_ints(tf_in(t, n, 1), size, 2, &k) || k != 2)
		return unsupported(t, n, "to a size that is no constant");
	if ((st = plain_in(t, n, 0, &in)))
		return st;
	for (int a = 0; a < 2; a++) {	/* a ratio, so that other inputs work too */
		int64_t num = size[a], den = t->b->value[in].dims.d[1 + a], x, y;

		for (x = num, y = den; y > 0;) {
			int64_t r = x % y;

			x = y;
			y = r;
		}
		if (num < 1 || den < 1)
			return unsupported(t, n, "to a bad size");
		list[2 * a] = num / x;
		list[2 * a + 1] = den / x;
	}
	return emit(t, n, &p, NULL);
}

static enum hmr_status
act(struct tf *t, const struct tf_node *n, struct hmr_node *p)
{
	const struct tf_view *v = n->n_in ? tf_in(t, n, 0) : NULL;

	if (!v || v->kind != TF_VALUE)
		return unsupported(t, n, "of a constant");
	p->op = HMR_OP_ACT;
	p->n_in = p->n_out = 1;
	p->in = &v->value;
	return emit(t, n, p, v->perm);
}

/* The one axis of ours along which a constant varies; -1: a single number;
 * -2: more than one. */
static int
vary_axis(const struct tf_view *c, const struct tf_view *v, uint32_t rank)
{
	int axis = -1;

	for (uint32_t i = 0; i < c->dims.n; i++)
		if (c->dims.d[i] != 1) {
			if (axis != -1 || c->dims.n > rank)
				return -2;
			axis = v->perm[rank - c->dims.n + i];
		}
	return axis;
}

static enum hmr_status
binary(struct tf *t, const struct tf_node *n, enum hmr_op op)
{
	const struct tf_view *a = n->n_in == 2 ? tf_in(t, n, 0) : NULL;
	const struct tf_view *b = n->n_in == 2 ? tf_in(t, n, 1) : NULL, *swap;
	uint32_t in[2], rank;
	struct hmr_node p = { .op = op, .n_in = 2, .n_out = 1, .in = in };
	enum hmr_status st;
	int axis;

	if (a && a->kind == TF_CONST) {
		swap = a;
		a = b;
		b = swap;
	}
	if (!a || a->kind != TF_VALUE)
		return unsupported(t, n, "of constants");
	rank = rank_of(t, a);
	in[0] = a->value;
	if (b->kind == TF_CONST) {
		axis = vary_axis(b, a, rank);
		if (axis == -2 || (axis >= 0 && axis != (int)rank - 1))
			return unsupported(t, n, "with a constant of this shape");
		if ((st = vector(t, n, b, ".operand", &in[1])))
			return st;
		return emit(t, n, &p, a->perm);
	}
	in[1] = b->value;
	if (rank_of(t, b) == rank && !memcmp(a->perm, b->perm, sizeof(a->perm)))
		return emit(t, n, &p, a->perm);
	if ((st = plain_in(t, n, 0, &in[0])) || (st = plain_in(t, n, 1, &in[1])))
		return st;
	return emit(t, n, &p, NULL);
}

static bool
axis_of(const struct tf_view *c, uint32_t rank, int64_t *axis)
{
	uint32_t k;

	if (!tf_const_ints(c, axis, 1, &k) || k != 1)
		return false;
	if (*axis < 0)
		*axis += rank;
	return *axis >= 0 && *axis < rank;
}

static enum hmr_status
concat(struct tf *t, const struct tf_node *n)
{
	uint32_t in[HMR_NODE_IN_MAX], count = n->n_in - 1;
	struct hmr_node p = { .op = HMR_OP_CONCAT, .n_in = count, .n_out = 1, .in = in };
	const struct tf_view *v = n->n_in > 1 ? tf_in(t, n, 0) : NULL;
	bool alike = true;
	int64_t axis;
	enum hmr_status st;

	if (!v || v->kind != TF_VALUE || !axis_of(tf_in(t, n, count), rank_of(t, v), &axis))
		return unsupported(t, n, "of constants, or without a constant axis");
	for (uint32_t i = 0; i < count; i++) {
		in[i] = tf_in(t, n, i)->value;
		alike = alike && tf_in(t, n, i)->kind == TF_VALUE &&
			!memcmp(tf_in(t, n, i)->perm, v->perm, sizeof(v->perm));
	}
	for (uint32_t i = 0; !alike && i < count; i++)
		if ((st = plain_in(t, n, i, &in[i])))
			return st;
	p.axis = (int32_t)(alike ? v->perm[axis] : axis);
	return emit(t, n, &p, alike ? v->perm : NULL);
}

static enum hmr_status
split(struct tf *t, const struct tf_node *n, bool sized)
{
	const struct tf_view *v = n->n_in == (sized ? 3u : 2u) ?
		tf_in(t, n, sized ? 0 : 1) : NULL;
	int64_t list[HMR_NODE_LIST_MAX], axis;
	struct hmr_node p = { .op = HMR_OP_SPLIT, .n_in = 1, .list = list,
		.n_out = n->n_out, .n_list = n->n_out };
	uint32_t k = n->n_out;

	if (!v || v->kind != TF_VALUE ||
	    !axis_of(tf_in(t, n, sized ? 2 : 0), rank_of(t, v), &axis) ||
	    (sized && !tf_const_ints(tf_in(t, n, 1), list, HMR_NODE_LIST_MAX, &k)) ||
	    k != n->n_out)
		return unsupported(t, n, "without constant sizes");
	p.in = &v->value;
	p.axis = v->perm[axis];
	for (uint32_t i = 0; !sized && i < k; i++)
		list[i] = t->b->value[v->value].dims.d[p.axis] / k;
	return emit(t, n, &p, v->perm);
}

static enum hmr_status
pad(struct tf *t, const struct tf_node *n, bool with_value)
{
	const struct tf_view *v = n->n_in == (with_value ? 3u : 2u) ? tf_in(t, n, 0) : NULL;
	int64_t pads[2 * HMR_DIMS_MAX], list[2 * HMR_DIMS_MAX];
	struct hmr_node p = { .op = HMR_OP_PAD, .n_in = 1, .n_out = 1, .list = list };
	uint32_t k;

	if (!v || v->kind != TF_VALUE ||
	    !tf_const_ints(tf_in(t, n, 1), pads, 2 * HMR_DIMS_MAX, &k) ||
	    k != 2 * rank_of(t, v))
		return unsupported(t, n, "without constant sizes");
	if (with_value) {
		const struct tf_view *c = tf_in(t, n, 2);

		if (c->kind != TF_CONST || hmr_dims_total(&c->dims) != 1)
			return unsupported(t, n, "without a constant value");
		hmr_to_f32(&p.value, c->data, c->dtype, 1);
		if (isnan(p.value) || p.value == (float)INFINITY)
			return unsupported(t, n, "with this value");
	}
	for (uint32_t i = 0; i < k / 2; i++) {
		list[2 * v->perm[i]] = pads[2 * i];
		list[2 * v->perm[i] + 1] = pads[2 * i + 1];
	}
	p.in = &v->value;
	p.n_list = k;
	return emit(t, n, &p, v->perm);
}

static enum hmr_status
reshape(struct tf *t, const struct tf_node *n)
{
	static const uint8_t nchw[HMR_DIMS_MAX] = { 0, 3, 1, 2, 4, 5 };
	static const uint8_t swapped[HMR_DIMS_MAX] = { 0, 2, 1, 3, 4, 5 };
	const struct tf_view *v = n->n_in == 2 ? tf_in(t, n, 0) : NULL;
	struct hmr_node p = { .op = HMR_OP_RESHAPE, .n_in = 1, .n_out = 1 };
	int64_t list[HMR_DIMS_MAX];
	const struct hmr_dims *d;
	uint32_t in;
	enum hmr_status st;

	if (!v || v->kind != TF_VALUE ||
	    !tf_const_ints(tf_in(t, n, 1), list, HMR_DIMS_MAX, &p.n_list))
		return unsupported(t, n, "to a shape that is no constant");
	d = &t->b->value[v->value].dims;
	p.list = list;
	p.in = &in;
	if (d->n == 4 && p.n_list == 3 && !memcmp(v->perm, nchw, sizeof(nchw)) &&
	    list[0] == d->d[0] && list[1] == d->d[3]) {
		/* [N,C,H,W] to [N,C,HW]: ours is [N,HW,C] */
		in = v->value;
		list[0] = 0;
		list[1] = -1;
		list[2] = d->d[3];
		return emit(t, n, &p, swapped);
	}
	if ((st = plain_in(t, n, 0, &in)))
		return st;
	d = &t->b->value[in].dims;
	if (p.n_list && d->n && list[0] == d->d[0])
		list[0] = 0;	/* keeps the batch */
	return emit(t, n, &p, NULL);
}

enum hmr_status
tf_lower(struct tf *t, const struct tf_node *n)
{
	struct hmr_node p = { .op = HMR_OP_ACT };
	const char *op = n->op;

	if (!strcmp(op, "Placeholder"))
		return placeholder(t, n);
	if (!strcmp(op, "Transpose"))
		return transpose(t, n);
	if (!strcmp(op, "Conv2D") || !strcmp(op, "_FusedConv2D"))
		return conv(t, n, false);
	if (!strcmp(op, "DepthwiseConv2dNative") || !strcmp(op, "FusedDepthwiseConv2dNative"))
		return conv(t, n, true);
	if (!strcmp(op, "Add") || !strcmp(op, "AddV2") || !strcmp(op, "BiasAdd"))
		return binary(t, n, HMR_OP_ADD);
	if (!strcmp(op, "Mul"))
		return binary(t, n, HMR_OP_MUL);
	if (known_act(op, &p, tf_attr_f64(n, "alpha", .2)))
		return act(t, n, &p);
	if (!strcmp(op, "MaxPool"))
		return max_pool(t, n);
	if (!strcmp(op, "ResizeBilinear"))
		return resize(t, n);
	if (!strcmp(op, "ConcatV2"))
		return concat(t, n);
	if (!strcmp(op, "Split") || !strcmp(op, "SplitV"))
		return split(t, n, op[5] == 'V');
	if (!strcmp(op, "Pad") || !strcmp(op, "PadV2"))
		return pad(t, n, op[3] == 'V');
	if (!strcmp(op, "Reshape"))
		return reshape(t, n);
	return unsupported(t, n, "is not supported");
}

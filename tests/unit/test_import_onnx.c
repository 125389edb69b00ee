/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ONNX importer on small models made here: what it folds into one operator,
 * what it refuses and how it says so, weights in other files, memory that a
 * hostile file may not take. The numbers of whole networks: tests/onnx.t. Seen
 * failing: without the focus, with ".." allowed, without the budget.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "import/import.h"
#include "onnx.pb-c.h"

#define MAX 64

/* A model in the making; everything in it is static. */
static struct {
	Onnx__ModelProto m;
	Onnx__GraphProto g;
	Onnx__OperatorSetIdProto opset, *opsets[1];
	Onnx__NodeProto node[MAX], *nodes[MAX];
	char *in[MAX][8], *out[MAX][2];
	Onnx__AttributeProto attr[MAX], *attrs[MAX][4];
	Onnx__TensorProto tensor[MAX], *tensors[MAX];
	int64_t dims[MAX][4], ints[MAX][4];
	float floats[4096];
	Onnx__ValueInfoProto io[2], *ins[1], *outs[1];
	Onnx__TypeProto type[2];
	Onnx__TypeProto__Tensor tt[2];
	Onnx__TensorShapeProto shape[2];
	Onnx__TensorShapeProto__Dimension dim[4], *dimp[4];
	Onnx__StringStringEntryProto where[2], *wheres[2];
	size_t n_attr;
} k;

static char *	/* protobuf-c's structs are for writing too; these are not written */
text(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* An input x of these sizes (0: open) and an output y. */
static void
start(int64_t opset, int64_t n, int64_t c, int64_t h, int64_t w)
{
	const int64_t d[4] = { n, c, h, w };

	memset(&k, 0, sizeof(k));
	onnx__model_proto__init(&k.m);
	onnx__graph_proto__init(&k.g);
	onnx__operator_set_id_proto__init(&k.opset);
	k.m.graph = &k.g;
	k.m.n_opset_import = 1;
	k.m.opset_import = k.opsets;
	k.opsets[0] = &k.opset;
	k.opset.has_version = 1;
	k.opset.version = opset;
	k.g.node = k.nodes;
	k.g.initializer = k.tensors;
	for (int i = 0; i < 2; i++) {
		onnx__value_info_proto__init(&k.io[i]);
		onnx__type_proto__init(&k.type[i]);
		onnx__type_proto__tensor__init(&k.tt[i]);
		onnx__tensor_shape_proto__init(&k.shape[i]);
		k.io[i].name = text(i ? "y" : "x");
		k.io[i].type = &k.type[i];
		k.type[i].value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
		k.type[i].tensor_type = &k.tt[i];
		k.tt[i].has_elem_type = 1;
		k.tt[i].elem_type = 1;
		k.tt[i].shape = &k.shape[i];
	}
	k.ins[0] = &k.io[0];
	k.outs[0] = &k.io[1];
	k.g.n_input = k.g.n_output = 1;
	k.g.input = k.ins;
	k.g.output = k.outs;
	k.shape[0].n_dim = 4;
	k.shape[0].dim = k.dimp;
	for (int i = 0; i < 4; i++) {
		onnx__tensor_shape_proto__dimension__init(&k.dim[i]);
		k.dimp[i] = &k.dim[i];
		k.dim[i].value_case = d[i] ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE :
			ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
		if (d[i])
			k.dim[i].dim_value = d[i];
		else
			k.dim[i].dim_param = text("open");
	}
	for (size_t i = 0; i < sizeof(k.floats) / sizeof(*k.floats); i++)
		k.floats[i] = (float)(i % 7) / 7 - .4f;
}

/* op(a, b, c) = out; names that are NULL are left out. */
static Onnx__NodeProto *
node(const char *op, const char *out, const char *a, const char *b, const char *c)
{
	size_t i = k.g.n_node++;
	Onnx__NodeProto *n = &k.node[i];
	const char *const in[3] = { a, b, c };

	onnx__node_proto__init(n);
	k.nodes[i] = n;
	n->op_type = text(op);
	n->name = text(out);
	n->input = k.in[i];
	n->output = k.out[i];
	n->attribute = k.attrs[i];
	for (int j = 0; j < 3 && in[j]; j++)
		k.in[i][n->n_input++] = text(in[j]);
	k.out[i][n->n_output++] = text(out);
	return n;
}

static void
also(Onnx__NodeProto *n, const char *in)	/* one more input */
{
	n->input[n->n_input++] = text(in);
}

static void
ints(Onnx__NodeProto *n, const char *key, size_t count, int64_t a, int64_t b, int64_t c, int64_t d)
{
	Onnx__AttributeProto *p = &k.attr[k.n_attr];
	int64_t *v = k.ints[k.n_attr++];

	onnx__attribute_proto__init(p);
	p->name = text(key);
	v[0] = a;
	v[1] = b;
	v[2] = c;
	v[3] = d;
	p->n_ints = count;
	p->ints = v;
	p->has_i = count == 0;
	p->i = a;
	n->attribute[n->n_attribute++] = p;
}

static void
word(Onnx__NodeProto *n, const char *key, const char *s)
{
	Onnx__AttributeProto *p = &k.attr[k.n_attr++];

	onnx__attribute_proto__init(p);
	p->name = text(key);
	p->has_s = 1;
	p->s.data = (uint8_t *)text(s);
	p->s.len = strlen(s);
	n->attribute[n->n_attribute++] = p;
}

static Onnx__TensorProto *
tensor(const char *name, int32_t type, size_t rank, int64_t a, int64_t b, int64_t c, int64_t d)
{
	size_t i = k.g.n_initializer++, count = 1;
	Onnx__TensorProto *t = &k.tensor[i];
	const int64_t size[4] = { a, b, c, d };

	onnx__tensor_proto__init(t);
	k.tensors[i] = t;
	t->name = text(name);
	t->has_data_type = 1;
	t->data_type = type;
	t->n_dims = rank;
	t->dims = k.dims[i];
	for (size_t j = 0; j < rank; j++)
		count *= (size_t)(k.dims[i][j] = size[j]);
	if (type == 1) {
		t->n_float_data = count;
		t->float_data = k.floats;
	}
	return t;
}

/* Up to four whole numbers. */
static void
numbers(const char *name, size_t count, int64_t a, int64_t b, int64_t c, int64_t d)
{
	Onnx__TensorProto *t = tensor(name, 7, 1, (int64_t)count, 0, 0, 0);
	int64_t *v = k.ints[k.n_attr++];

	v[0] = a;
	v[1] = b;
	v[2] = c;
	v[3] = d;
	t->n_int64_data = count;
	t->int64_data = v;
}

static uint8_t *
packed(size_t *n)
{
	uint8_t *p = malloc(*n = onnx__model_proto__get_packed_size(&k.m));

	assert_non_null(p);
	onnx__model_proto__pack(&k.m, p);
	return p;
}

static enum hmr_status
build(struct hmr_build *b, const struct hmr_onnx_options *o, struct hmr_err *e)
{
	size_t n;
	uint8_t *p = packed(&n);
	enum hmr_status st;

	memset(e, 0, sizeof(*e));
	st = hmr_onnx_build(b, p, n, o, e);
	free(p);
	return st;
}

/* The one node that is left of kind op, of n in all. */
static const struct hmr_node *
only_live(struct hmr_build *b, unsigned n, enum hmr_op op)
{
	const struct hmr_node *found = NULL;
	struct hmr_err e;
	unsigned live = 0;

	if (build(b, NULL, &e))
		fail_msg("%s", e.msg);
	for (uint32_t i = 0; i < b->n_nodes; i++)
		if (!b->node[i].dead) {
			live++;
			if (b->node[i].n.op == op)
				found = &b->node[i].n;
		}
	if (live != n || !found)
		fail_msg("%u nodes are left, want %u with a %s", live, n, hmr_op_name(op));
	return found;
}

/* Convolution, normalisation, x sigmoid(x), between two transposes of the layout. */
static void
test_conv(void **state)
{
	const struct hmr_node *c;
	Onnx__NodeProto *n;
	struct hmr_build b;
	const float *w;

	(void)state;
	start(11, 0, 3, 8, 8);
	tensor("w", 1, 4, 4, 3, 3, 3);
	for (int i = 0; i < 4; i++)
		tensor((const char *const[]){ "s", "b", "m", "v" }[i], 1, 1, 4, 0, 0, 0);
	k.tensor[4].float_data = (float[]){ 1, 1, 1, .25f };	/* variances */
	ints(node("Conv", "c", "x", "w", NULL), "pads", 4, 1, 1, 1, 1);
	n = node("BatchNormalization", "n", "c", "s", "b");
	also(n, "m");
	also(n, "v");
	node("Sigmoid", "g", "n", NULL, NULL);
	node("Mul", "y", "g", "n", NULL);
	c = only_live(&b, 3, HMR_OP_CONV);	/* and the two ends' transposes */
	assert_int_equal(c->n_in, 3);
	assert_int_equal(c->act, HMR_ACT_SWISH);
	assert_int_equal(c->pad[0] + c->pad[1] + c->pad[2] + c->pad[3], 4);
	w = b.value[c->in[1]].data;
	/* the last output channel: scale .4571… - .4 over sqrt(.25 + 1e-5) */
	assert_true(w[3 * 27] / k.floats[3 * 27] > .05f);
	assert_int_equal(b.input[0].free[0], 1);
	hmr_build_release(&b);
}

/* YOLOX's focus, then a convolution: one of stride 2 and twice the kernel. */
static void
test_focus(void **state)
{
	static const char *const part[4] = { "p00", "p10", "p01", "p11" };
	const struct hmr_node *c;
	struct hmr_build b;
	Onnx__NodeProto *cat;

	(void)state;
	start(13, 1, 3, 16, 16);
	tensor("w", 1, 4, 4, 12, 3, 3);
	numbers("zero", 2, 0, 0, 0, 0);
	numbers("axes", 2, 2, 3, 0, 0);
	numbers("two", 2, 2, 2, 0, 0);
	numbers("end", 2, INT64_MAX, INT64_MAX, 0, 0);
	for (int i = 0; i < 4; i++) {
		static const char *const from[4] = { "f0", "f1", "f2", "f3" };
		Onnx__NodeProto *s;

		numbers(from[i], 2, i & 1, i >> 1, 0, 0);
		s = node("Slice", part[i], "x", from[i], "end");
		also(s, "axes");
		also(s, "two");
	}
	cat = node("Concat", "all", "p00", "p10", "p01");
	also(cat, "p11");
	ints(cat, "axis", 0, 1, 0, 0, 0);
	ints(node("Conv", "y", "all", "w", NULL), "pads", 4, 1, 1, 1, 1);
	c = only_live(&b, 3, HMR_OP_CONV);
	assert_int_equal(c->stride[0], 2);
	assert_int_equal(c->pad[3], 2);
	assert_int_equal(b.value[c->in[1]].dims.d[1], 3);
	assert_int_equal(b.value[c->in[1]].dims.d[2], 6);
	hmr_build_release(&b);
}

/* The one constant of so many numbers that is left. */
static void
has_const(const float *want, size_t n)
{
	struct hmr_build b;
	struct hmr_err e;
	bool found = false;

	if (build(&b, NULL, &e))
		fail_msg("%s", e.msg);
	for (uint32_t i = 0; i < b.n_values; i++)
		if (b.value[i].data && hmr_dims_total(&b.value[i].dims) == n)
			found = found || !memcmp(b.value[i].data, want, n * sizeof(*want));
	assert_true(found);
	hmr_build_release(&b);
}

/* What is computed from constants: a remainder with the sign of the dividend; a sum
 * over no axes, which is what it was. */
static void
test_eval(void **state)
{
	static const float rest[3] = { -1.5f, 1.5f, -.5f }, same[3] = { 3, 5, 7 };

	(void)state;
	start(13, 1, 1, 2, 3);
	memcpy(k.floats, (const float[]){ -3.5f, 3.5f, -2.5f }, sizeof(rest));
	tensor("a", 1, 1, 3, 0, 0, 0);
	numbers("two", 1, 2, 0, 0, 0);
	ints(node("Cast", "b", "two", NULL, NULL), "to", 0, 1, 0, 0, 0);
	ints(node("Mod", "m", "a", "b", NULL), "fmod", 0, 1, 0, 0, 0);
	node("Add", "y", "x", "m", NULL);
	has_const(rest, 3);
	start(13, 1, 1, 2, 3);
	memcpy(k.floats, same, sizeof(same));
	tensor("a", 1, 1, 3, 0, 0, 0);
	ints(node("ReduceSum", "m", "a", NULL, NULL), "noop_with_empty_axes", 0, 1, 0, 0, 0);
	node("Add", "y", "x", "m", NULL);
	has_const(same, 3);
}

/* Whole numbers stay so through Where and Clip: their quotient is one. */
static void
test_whole(void **state)
{
	(void)state;
	for (int clip = 0; clip < 2; clip++) {
		struct hmr_build b;
		struct hmr_err e;
		bool found = false;

		start(13, 1, 3, 8, 8);
		node("ArgMax", "i", "x", NULL, NULL);
		numbers("two", 1, 2, 0, 0, 0);
		node("Less", "c", "i", "two", NULL);
		if (clip)
			node("Clip", "w", "i", "two", NULL);
		else
			node("Where", "w", "c", "i", "two");
		node("Div", "y", "w", "two", NULL);
		if (build(&b, NULL, &e))
			fail_msg("%s", e.msg);
		for (uint32_t i = 0; i < b.n_nodes; i++)
			found = found || (!b.node[i].dead && b.node[i].n.act == HMR_ACT_TRUNC);
		assert_true(found);
		hmr_build_release(&b);
	}
}

/* What is looked up by a computed index is looked up for all images of a batch: such a
 * graph stays with one. */
static void
test_batch(void **state)
{
	(void)state;
	for (int64_t computed = 0; computed < 2; computed++) {
		struct hmr_build b;
		struct hmr_err e;

		start(13, 1, 1, 1, 8);
		numbers("size", 2, 1, 8, 0, 0);
		numbers("third", 1, 2, 0, 0, 0);
		node("Reshape", "v", "x", "size", NULL);
		node("ArgMax", "m", "v", NULL, NULL);
		ints(&k.node[1], "axis", 0, 1, 0, 0, 0);
		ints(&k.node[1], "keepdims", 0, 0, 0, 0, 0);
		ints(node("Gather", "y", "v", computed ? "m" : "third", NULL), "axis", 0, 1,
		     0, 0, 0);
		if (build(&b, NULL, &e))
			fail_msg("%s", e.msg);
		assert_int_equal(b.input[0].free[0], !computed);
		hmr_build_release(&b);
	}
}

static void
refused(const struct hmr_onnx_options *o, enum hmr_status want, const char *says)
{
	struct hmr_build b;
	struct hmr_err e;
	enum hmr_status st = build(&b, o, &e);

	hmr_build_release(&b);
	if (st != want || !strstr(e.msg, says) || strchr(e.msg, '\n'))
		fail_msg("status %d, '%s'; want %d, '%s'", (int)st, e.msg, (int)want, says);
}

static void
test_refused(void **state)
{
	Onnx__NodeProto *drop;

	(void)state;
	start(10, 1, 3, 8, 8);
	node("Relu", "y", "x", NULL, NULL);
	refused(NULL, HMR_E_VERSION, "opset 10, this version reads 11 to 17");
	start(12, 1, 3, 8, 8);
	node("Frobnicate", "y", "x", NULL, NULL);
	refused(NULL, HMR_E_VERSION, "node y: Frobnicate (opset 12) is not supported");
	start(12, 1, 3, 8, 8);
	node("Relu", "y", "z", NULL, NULL);
	refused(NULL, HMR_E_FORMAT, "node y: no value z before it");
	start(12, 1, 3, 0, 8);
	node("Relu", "y", "x", NULL, NULL);
	refused(NULL, HMR_E_VERSION, "input x: the size of axis 2 is open: --input-size");
	start(12, 1, 3, 8, 8);
	node("Relu", "y", "x", NULL, NULL);
	refused(&(struct hmr_onnx_options){ .height = 9, .width = 8 }, HMR_E_VERSION,
		"axis 2 is 8 in the file, not 9");
	start(12, 1, 3, 8, 8);
	tensor("w", 1, 4, 4, 3, 3, 3)->n_float_data = 7;
	node("Conv", "y", "x", "w", NULL);
	refused(NULL, HMR_E_FORMAT, "initializer w: 7 numbers, its shape needs 108");
	start(12, 1, 3, 8, 8);
	tensor("w", 1, 4, 4, 5, 3, 3);
	node("Conv", "y", "x", "w", NULL);
	refused(NULL, HMR_E_FORMAT, "node y (conv): weight 4x5");
	start(12, 1, 3, 8, 8);
	node("Relu", "x", "x", NULL, NULL);
	refused(NULL, HMR_E_FORMAT, "value x: made twice");
	start(12, 1, 3, 8, 8);
	numbers("at", 1, 9, 0, 0, 0);
	ints(node("Gather", "y", "at", "at", NULL), "axis", 0, 0, 0, 0, 0);
	refused(NULL, HMR_E_VERSION, "of an index out of range");
	/* a computed constant that would fill the memory */
	start(12, 1, 3, 8, 8);
	numbers("big", 2, 30000, 30000, 0, 0);
	node("ConstantOfShape", "y", "big", NULL, NULL);
	refused(NULL, HMR_E_LIMIT, "too large");
	/* a vector, which has no second axis to turn */
	start(13, 1, 1, 1, 8);
	numbers("size", 1, 8, 0, 0, 0);
	node("Reshape", "v", "x", "size", NULL);
	tensor("w", 1, 2, 2, 8, 0, 0);
	node("MatMul", "y", "w", "v", NULL);
	refused(NULL, HMR_E_VERSION, "node y: MatMul (opset 13) of a constant of other than two");
	/* padding by a rule is bounded as written padding is */
	start(12, 1, 1, 1, 1);
	tensor("w", 1, 4, 1, 1, 1, 10);
	drop = node("Conv", "y", "x", "w", NULL);
	ints(drop, "dilations", 2, 1, 1024, 0, 0);
	word(drop, "auto_pad", "SAME_UPPER");
	refused(NULL, HMR_E_VERSION, "node y: Conv (opset 12) with huge padding");
	/* the mask of a Dropout, which is not made */
	start(12, 1, 3, 8, 8);
	drop = node("Dropout", "d", "x", NULL, NULL);
	drop->output[drop->n_output++] = text("mask");
	node("Transpose", "y", "mask", NULL, NULL);
	refused(NULL, HMR_E_FORMAT, "node y: no value mask before it");
	start(12, 1, 3, 8, 8);
	node("Relu", "y", "x", NULL, NULL)->domain = text("com.example");
	refused(NULL, HMR_E_VERSION, "node y: Relu of com.example is not supported");
}

/* Bytes that are no model, cut ones, and many empty nodes, which would each take a
 * hundred times their size. */
static void
test_bytes(void **state)
{
	struct hmr_build b;
	struct hmr_err e = { 0 };
	uint8_t *p;
	size_t n;

	(void)state;
	assert_int_equal(hmr_onnx_build(&b, (const uint8_t *)"no model", 8, NULL, &e), HMR_E_FORMAT);
	hmr_build_release(&b);
	start(12, 1, 3, 8, 8);
	tensor("w", 1, 4, 4, 3, 3, 3);
	node("Conv", "y", "x", "w", NULL);
	p = packed(&n);
	for (size_t i = 0; i < n; i++) {
		enum hmr_status st = hmr_onnx_build(&b, p, i, NULL, &e);

		assert_true(st != HMR_OK && st != HMR_E_NOMEM);
		hmr_build_release(&b);
	}
	free(p);
	/* ModelProto.graph (7), of a million GraphProto.node (1) of no bytes */
	n = 2000000 + 5;
	p = malloc(n);
	memcpy(p, "\x3a\x80\x89\x7a", 4);
	for (size_t i = 4; i + 1 < n; i += 2) {
		p[i] = 0x0a;
		p[i + 1] = 0;
	}
	assert_int_equal(hmr_onnx_build(&b, p, 4 + 2000000, NULL, &e), HMR_E_LIMIT);
	assert_non_null(strstr(e.msg, "too many small parts"));
	hmr_build_release(&b);
	free(p);
}

static void
external(const char *name, const char *file, const char *offset)
{
	Onnx__TensorProto *t = tensor(name, 1, 4, 4, 3, 3, 3);

	t->n_float_data = 0;
	t->has_data_location = 1;
	t->data_location = 1;
	for (int i = 0; i < 2; i++) {
		onnx__string_string_entry_proto__init(&k.where[i]);
		k.wheres[i] = &k.where[i];
	}
	k.where[0].key = text("location");
	k.where[0].value = text(file);
	k.where[1].key = text("offset");
	k.where[1].value = text(offset);
	t->n_external_data = 2;
	t->external_data = k.wheres;
}

static void
write_file(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Weights beside the model; nothing above its folder, nothing past their end. */
static void
test_external(void **state)
{
	static const struct { const char *file, *at, *says; } bad[] = {
		{ "../w.bin", "4", "not in the model's folder" },
		{ "/etc/passwd", "0", "not in the model's folder" },
		{ "sub/../../w.bin", "0", "not in the model's folder" },
		{ "w.bin", "8", "432 bytes at 8" }, { "w.bin", "-1", "its place" },
		{ "absent.bin", "0", "absent.bin" }, { "w.bin", "4", "read over and over" },
	};
	char dir[] = "/tmp/hmr-test-onnx.XXXXXX", path[64], bin[64], out[64];
	struct hmr_err e = { 0 };
	uint8_t *p;
	size_t n;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/m.onnx", dir);
	snprintf(bin, sizeof(bin), "%s/w.bin", dir);
	snprintf(out, sizeof(out), "%s/m.safetensors", dir);
	write_file(bin, k.floats, 4 + 4 * 108);
	for (size_t i = 0; i <= sizeof(bad) / sizeof(*bad); i++) {
		struct hmr_import_info info = { .tool = "test" };
		bool good = i == sizeof(bad) / sizeof(*bad);
		enum hmr_status st;

		start(12, 1, 3, 8, 8);
		external("w", good ? "w.bin" : bad[i].file, good ? "4" : bad[i].at);
		/* the same bytes as often as a file likes are more memory than it has */
		for (int more = 0; i == sizeof(bad) / sizeof(*bad) - 1 && more < 3; more++)
			external((const char *const[]){ "a", "b", "c" }[more], "w.bin", "0");
		node("Conv", "y", "x", "w", NULL);
		p = packed(&n);
		write_file(path, p, n);
		free(p);
		st = hmr_import_onnx(path, out, &info, &e);
		if (good ? st != HMR_OK : !st || !strstr(e.msg, bad[i].says))
			fail_msg("case %zu: status %d, %s", i, (int)st, e.msg);
	}
	unlink(path);
	unlink(bin);
	unlink(out);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conv),
		cmocka_unit_test(test_focus),
		cmocka_unit_test(test_eval),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_external),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

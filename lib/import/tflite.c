/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading a TensorFlow Lite model: its first subgraph's tensors with their constants,
 * then its operators, which stand in an order that can be run. Bounded: 65,536
 * tensors, HMR_NODES_MAX operators; sizes of what is computed are compared with what
 * the file says.
 */
#include "import/tflite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "import/import.h"

#define TENSORS_MAX 65536u

/* Fields of the schema's tables. */
enum { MODEL_CODES = 1, MODEL_GRAPHS = 2, MODEL_BUFFERS = 4 };
enum { CODE_OLD = 0, CODE_CUSTOM = 1, CODE_VERSION = 2, CODE_BUILTIN = 3 };
enum { GRAPH_TENSORS = 0, GRAPH_INPUTS = 1, GRAPH_OUTPUTS = 2, GRAPH_OPS = 3 };
enum { TENSOR_SHAPE = 0, TENSOR_TYPE = 1, TENSOR_BUFFER = 2, TENSOR_NAME = 3,
	TENSOR_QUANT = 4, TENSOR_SPARSE = 6, TENSOR_OPEN = 7 };
enum { QUANT_SCALE = 2, QUANT_ZERO = 3, QUANT_AXIS = 6 };
enum { OP_CODE = 0, OP_INPUTS = 1, OP_OUTPUTS = 2, OP_OPTIONS = 4 };

enum hmr_status
tl_no(struct tl *t, const struct tl_op *o, const char *why)
{
	const char *name = o->custom[0] ? o->custom : tl_op_name(o->code);

	if (name)
		return hmr_fail(t->e, HMR_E_VERSION, "operator %u (%s version %d): %s", o->index,
				name, o->version, why);
	return hmr_fail(t->e, HMR_E_VERSION, "operator %u (number %d version %d): %s",
			o->index, o->code, o->version, why);
}

static struct tl_tensor *
nth(struct tl *t, const struct hmr_flat_vector *v, uint32_t i)
{
	int32_t k = i < v->n ? (int32_t)hmr_get32(v->data + 4 * (size_t)i) : -1;

	return k < 0 ? NULL : &t->tensor[k];
}

struct tl_tensor *
tl_in(struct tl *t, const struct tl_op *o, uint32_t i)
{
	return nth(t, &o->in, i);
}

struct tl_tensor *
tl_out(struct tl *t, const struct tl_op *o, uint32_t i)
{
	return nth(t, &o->out, i);
}

static enum hmr_status
broken(struct tl *t, const char *what, uint32_t i)
{
	return hmr_fail(t->e, HMR_E_FORMAT, "%s %u is broken", what, i);
}

static size_t
type_bytes(enum tl_type t)
{
	switch (t) {
	case TL_F32: case TL_I32: return 4;
	case TL_F16: return 2;
	case TL_U8: case TL_I8: return 1;
	case TL_I64: return 8;
	}
	return 0;
}

/* A tensor's constant, where its buffer has one. */
static enum hmr_status
load_data(struct tl *t, const struct hmr_flat_table *f, struct tl_tensor *x, uint32_t i)
{
	uint32_t k = (uint32_t)hmr_flat_i32(f, TENSOR_BUFFER, 0);
	struct hmr_flat_table buffer, sparse;
	struct hmr_flat_vector v;
	size_t want;

	if (!k || k >= t->buffers.n)
		return k ? broken(t, "tensor", i) : HMR_OK;
	if (!hmr_flat_item(&t->model, &t->buffers, k, &buffer) ||
	    !hmr_flat_list(&buffer, 0, 1, &v) || !hmr_flat_child(f, TENSOR_SPARSE, &sparse))
		return broken(t, "tensor", i);
	if (!v.n)
		return HMR_OK;
	if (sparse.p)
		return hmr_fail(t->e, HMR_E_VERSION, "tensor %u (%s): sparse", i, x->name);
	want = hmr_dims_total(&x->dims) * type_bytes(x->type);
	if (want && v.n != want)
		return hmr_fail(t->e, HMR_E_FORMAT, "tensor %u (%s): %u bytes, %zu wanted", i,
				x->name, v.n, want);
	x->data = want ? v.data : NULL;		/* of a type that nothing reads */
	x->bytes = v.n;
	return HMR_OK;
}

static enum hmr_status
load_tensor(struct tl *t, const struct hmr_flat_table *f, uint32_t i)
{
	struct tl_tensor *x = &t->tensor[i];
	struct hmr_flat_table quant;
	struct hmr_flat_vector shape;
	size_t total = 1;

	x->from = -1;
	if (!hmr_flat_text(f, TENSOR_NAME, x->name, sizeof(x->name)) ||
	    !hmr_flat_list(f, TENSOR_SHAPE, 4, &shape) ||
	    !hmr_flat_child(f, TENSOR_QUANT, &quant) ||
	    !hmr_flat_list(&quant, QUANT_SCALE, 4, &x->scale) ||
	    !hmr_flat_list(&quant, QUANT_ZERO, 8, &x->zero))
		return broken(t, "tensor", i);
	if (!x->name[0])
		snprintf(x->name, sizeof(x->name), "tensor%u", i);
	if (shape.n > HMR_DIMS_MAX)
		return hmr_fail(t->e, HMR_E_LIMIT, "tensor %u: %u axes", i, shape.n);
	x->axis = hmr_flat_i32(&quant, QUANT_AXIS, 0);
	x->type = (enum tl_type)hmr_flat_u8(f, TENSOR_TYPE, TL_F32);
	x->dims.n = shape.n;
	for (uint32_t k = 0; k < shape.n; k++) {
		x->dims.d[k] = (int32_t)hmr_get32(shape.data + 4 * k);
		if (x->dims.d[k] < 0 ||
		    __builtin_mul_overflow(total, (size_t)x->dims.d[k], &total) ||
		    total > (size_t)1 << 31)
			return hmr_fail(t->e, HMR_E_LIMIT, "tensor %u: too large", i);
	}
	return load_data(t, f, x, i);
}

static enum hmr_status
load_tensors(struct tl *t)
{
	struct hmr_flat_vector v;
	struct hmr_flat_table f;
	enum hmr_status st;

	if (!hmr_flat_list(&t->graph, GRAPH_TENSORS, 4, &v) || !v.n)
		return hmr_fail(t->e, HMR_E_FORMAT, "no tensors");
	if (v.n > TENSORS_MAX)
		return hmr_fail(t->e, HMR_E_LIMIT, "%u tensors", v.n);
	if (!(t->tensor = calloc(v.n, sizeof(*t->tensor))))
		return hmr_fail(t->e, HMR_E_NOMEM, "tensors");
	t->n_tensors = v.n;
	for (uint32_t i = 0; i < v.n; i++)
		if (!hmr_flat_item(&t->graph, &v, i, &f))
			return broken(t, "tensor", i);
		else if ((st = load_tensor(t, &f, i)))
			return st;
	return HMR_OK;
}

/* Whether all indices are of tensors, or -1 where that may be. */
static bool
are_tensors(const struct tl *t, const struct hmr_flat_vector *v, bool absent)
{
	for (uint32_t i = 0; i < v->n; i++) {
		uint32_t k = hmr_get32(v->data + 4 * (size_t)i);

		if (k >= t->n_tensors && !(absent && k == UINT32_MAX))
			return false;
	}
	return true;
}

static enum hmr_status
load_inputs(struct tl *t)
{
	struct hmr_flat_vector v;

	if (!hmr_flat_list(&t->graph, GRAPH_INPUTS, 4, &v) || !v.n || !are_tensors(t, &v, false))
		return hmr_fail(t->e, HMR_E_FORMAT, "no inputs");
	for (uint32_t i = 0; i < v.n; i++) {
		static const uint32_t fixed[HMR_DIMS_MAX] = { 0 };
		struct tl_tensor *x = nth(t, &v, i);
		enum hmr_status st;

		if (x->type != TL_F32)
			return hmr_fail(t->e, HMR_E_VERSION, "input %s: not float32 (quantized "
					"models are not supported)", x->name);
		if (x->known || x->data || hmr_dims_total(&x->dims) == 0)
			return broken(t, "input", i);
		if ((st = hmr_build_input(t->b, x->name, &x->dims, fixed, &x->value, t->e)))
			return st;
		x->known = true;
	}
	return HMR_OK;
}

static bool
same_dims(const struct hmr_dims *a, const struct hmr_dims *b)
{
	return a->n == b->n && !memcmp(a->d, b->d, a->n * sizeof(*a->d));
}

enum hmr_status
tl_emit(struct tl *t, const struct tl_op *o, const struct hmr_node *p)
{
	uint32_t out[HMR_NODE_LIST_MAX];
	const char *name = tl_out(t, o, 0)->name;
	enum hmr_status st;

	if (o->out.n != p->n_out)
		return tl_no(t, o, "with this many outputs");
	if ((st = hmr_build_node(t->b, name, p, out, t->e)))
		return hmr_fail_in(t->e, st, "operator %u", o->index);
	for (uint32_t i = 0; i < p->n_out; i++) {
		struct tl_tensor *x = tl_out(t, o, i);

		if (!x || x->known || x->data)
			return broken(t, "output of operator", o->index);
		if (x->dims.n && !same_dims(&x->dims, &t->b->value[out[i]].dims))
			return tl_no(t, o, "its output is not of the size that the file says");
		x->dims = t->b->value[out[i]].dims;
		x->value = out[i];
		x->known = true;
	}
	return HMR_OK;
}

enum hmr_status
tl_step(struct tl *t, const struct tl_op *o, const struct hmr_node *p, uint32_t *value)
{
	enum hmr_status st = hmr_build_node(t->b, tl_out(t, o, 0)->name, p, value, t->e);

	return st ? hmr_fail_in(t->e, st, "operator %u", o->index) : HMR_OK;
}

static enum hmr_status
load_op(struct tl *t, const struct hmr_flat_table *f, struct tl_op *o)
{
	uint32_t k = (uint32_t)hmr_flat_i32(f, OP_CODE, 0);
	struct hmr_flat_table code;
	int32_t old;

	if (k >= t->codes.n || !hmr_flat_item(&t->model, &t->codes, k, &code) ||
	    !hmr_flat_text(&code, CODE_CUSTOM, o->custom, sizeof(o->custom)) ||
	    !hmr_flat_list(f, OP_INPUTS, 4, &o->in) || !hmr_flat_list(f, OP_OUTPUTS, 4, &o->out) ||
	    !hmr_flat_child(f, OP_OPTIONS, &o->options) || !are_tensors(t, &o->in, true) ||
	    !are_tensors(t, &o->out, false) || !o->out.n ||
	    o->in.n > HMR_NODE_IN_MAX || o->out.n > HMR_NODE_LIST_MAX)
		return broken(t, "operator", o->index);
	old = (int32_t)hmr_flat_u8(&code, CODE_OLD, 0);
	o->code = hmr_flat_i32(&code, CODE_BUILTIN, 0);
	o->code = o->code > old ? o->code : old;
	o->version = hmr_flat_i32(&code, CODE_VERSION, 1);
	return HMR_OK;
}

static enum hmr_status
load_ops(struct tl *t)
{
	struct hmr_flat_vector v;
	enum hmr_status st;

	if (!hmr_flat_list(&t->graph, GRAPH_OPS, 4, &v))
		return hmr_fail(t->e, HMR_E_FORMAT, "no operators");
	if (v.n > HMR_NODES_MAX)
		return hmr_fail(t->e, HMR_E_LIMIT, "%u operators", v.n);
	for (uint32_t i = 0; i < v.n; i++) {
		struct tl_op o = { .index = i };
		struct hmr_flat_table f;

		if (!hmr_flat_item(&t->graph, &v, i, &f))
			return broken(t, "operator", i);
		if ((st = load_op(t, &f, &o)))
			return st;
		if (o.custom[0] || !tl_op_name(o.code))
			return tl_no(t, &o, "is not supported");
		if ((st = tl_lower_image(t, &o)) == HMR_EOF)
			st = tl_lower(t, &o);
		if (st)
			return st;
	}
	return HMR_OK;
}

static enum hmr_status
load_outputs(struct tl *t)
{
	struct hmr_flat_vector v;
	enum hmr_status st;

	if (!hmr_flat_list(&t->graph, GRAPH_OUTPUTS, 4, &v) || !v.n ||
	    !are_tensors(t, &v, false))
		return hmr_fail(t->e, HMR_E_FORMAT, "no outputs");
	for (uint32_t i = 0; i < v.n; i++) {
		struct tl_tensor *x = nth(t, &v, i);

		if (!x->known)
			return hmr_fail(t->e, HMR_E_FORMAT, "output %s: nothing computes it",
					x->name);
		for (uint32_t k = 0; k < t->b->n_outputs; k++)
			if (!strcmp(t->b->output[k].name, x->name))
				return hmr_fail(t->e, HMR_E_FORMAT, "output %s: twice", x->name);
		if ((st = hmr_build_output(t->b, x->name, x->value, t->e)))
			return st;
	}
	return HMR_OK;
}

static enum hmr_status
open_model(struct tl *t, const uint8_t *bytes, size_t n)
{
	struct hmr_flat f = { bytes, n };
	struct hmr_flat_vector graphs;

	if (!hmr_flat_root(&f, "TFL3", &t->model))
		return hmr_fail(t->e, HMR_E_FORMAT, "not a TensorFlow Lite model");
	if (hmr_flat_i32(&t->model, 0, 0) != 3)
		return hmr_fail(t->e, HMR_E_VERSION, "schema version %d, 3 is read",
				(int)hmr_flat_i32(&t->model, 0, 0));
	if (!hmr_flat_list(&t->model, MODEL_CODES, 4, &t->codes) ||
	    !hmr_flat_list(&t->model, MODEL_BUFFERS, 4, &t->buffers) ||
	    !hmr_flat_list(&t->model, MODEL_GRAPHS, 4, &graphs) || !graphs.n ||
	    !hmr_flat_item(&t->model, &graphs, 0, &t->graph))
		return hmr_fail(t->e, HMR_E_FORMAT, "no graph in it");
	if (graphs.n > 1)
		return hmr_fail(t->e, HMR_E_VERSION, "%u graphs: control flow is not supported",
				graphs.n);
	return HMR_OK;
}

enum hmr_status
hmr_tflite_build(struct hmr_build *b, const uint8_t *bytes, size_t n, struct hmr_err *e)
{
	struct tl t = { .b = b, .e = e };
	enum hmr_status st;

	if ((st = hmr_build_init(b, e)))
		return st;
	if (!(st = open_model(&t, bytes, n)) && !(st = load_tensors(&t)) &&
	    !(st = load_inputs(&t)) && !(st = load_ops(&t)))
		st = load_outputs(&t);
	free(t.tensor);
	if (!st)
		hmr_build_simplify(b);
	return st;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking an ONNX graph: initialisers, inputs with their open sizes decided,
 * nodes in the order of the file (the format asks for one that can be run),
 * outputs. Bounded: HMR_NODES_MAX nodes, HMR_NODE_IN_MAX inputs and outputs of a
 * node, and memory for what is computed from constants by the model's size.
 */
#include "import/onnx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/import.h"
#include "import/safetensors.h"

#define OPSET_MIN 11
#define OPSET_MAX 17
#define VALUES_MAX (1u << 20)

enum hmr_status
ox_no(struct ox *t, const struct ox_node *n, const char *why)
{
	return hmr_fail(t->e, HMR_E_VERSION, "node %.80s: %.40s (opset %d) %s", n->name,
			n->p->op_type, (int)t->opset, why);
}

/* --- attributes --------------------------------------------------------------- */

const Onnx__AttributeProto *
ox_attr(const struct ox_node *n, const char *key)
{
	for (size_t i = 0; i < n->p->n_attribute; i++)
		if (n->p->attribute[i]->name && !strcmp(n->p->attribute[i]->name, key))
			return n->p->attribute[i];
	return NULL;
}

int64_t
ox_int(const struct ox_node *n, const char *key, int64_t fallback)
{
	const Onnx__AttributeProto *a = ox_attr(n, key);

	return a && a->has_i ? a->i : a ? 0 : fallback;
}

float
ox_float(const struct ox_node *n, const char *key, float fallback)
{
	const Onnx__AttributeProto *a = ox_attr(n, key);

	return a && a->has_f ? a->f : a ? 0 : fallback;
}

uint32_t
ox_ints(const struct ox_node *n, const char *key, int64_t *v, uint32_t cap)
{
	const Onnx__AttributeProto *a = ox_attr(n, key);
	size_t k = a ? a->n_ints : 0;

	for (size_t i = 0; i < k && i < cap; i++)
		v[i] = a->ints[i];
	return k > UINT16_MAX ? UINT16_MAX : (uint32_t)k;
}

bool
ox_is(const struct ox_node *n, const char *key, const char *word, bool fallback)
{
	const Onnx__AttributeProto *a = ox_attr(n, key);

	if (!a || !a->has_s)
		return fallback;
	return a->s.len == strlen(word) && !memcmp(a->s.data, word, a->s.len);
}

/* --- names ----------------------------------------------------------------------- */

static bool
good_name(const char *s)	/* printable, and short enough for a model file */
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 32 || (unsigned char)s[i] > 126)
			return false;
	return n && n < 240;
}

static enum hmr_status
new_view(struct ox *t, const char *name, struct ox_view **v)
{
	enum hmr_status st;

	*v = &t->view[t->n_views];
	st = hmr_names_put(&t->names, name, t->n_views++, t->e);
	return st == HMR_EOF ? hmr_fail(t->e, HMR_E_FORMAT, "value %.80s: made twice", name) : st;
}

static struct ox_view *
find_view(const struct ox *t, const char *name)
{
	int64_t i = hmr_names_get(&t->names, name);

	return i < 0 ? NULL : &t->view[i];
}

static enum hmr_status
allocate(struct ox *t)
{
	const Onnx__GraphProto *g = t->model->graph;
	size_t n = g->n_initializer + g->n_input;

	if (g->n_node > HMR_NODES_MAX)
		return hmr_fail(t->e, HMR_E_LIMIT, "%zu nodes, at most %u", g->n_node, HMR_NODES_MAX);
	for (size_t i = 0; i < g->n_node; i++)
		n += g->node[i]->n_output + 1;
	if (n > VALUES_MAX)
		return hmr_fail(t->e, HMR_E_LIMIT, "%zu values", n);
	if (!(t->view = calloc(n + 1, sizeof(*t->view))))
		return hmr_fail(t->e, HMR_E_NOMEM, "graph");
	return hmr_names_init(&t->names, (uint32_t)n, t->e);
}

/* --- inputs ------------------------------------------------------------------------ */

static enum hmr_status
load_initializers(struct ox *t)
{
	const Onnx__GraphProto *g = t->model->graph;
	struct ox_view *v;
	enum hmr_status st;

	if (g->n_sparse_initializer)
		return hmr_fail(t->e, HMR_E_VERSION, "sparse initializers are not supported");
	for (size_t i = 0; i < g->n_initializer; i++) {
		const char *name = g->initializer[i]->name;

		if (!name || !*name)
			return hmr_fail(t->e, HMR_E_FORMAT, "initializer %zu: no name", i);
		if ((st = new_view(t, name, &v)) ||
		    (st = ox_tensor_load(t, g->initializer[i], name, v)))
			return st;
	}
	return HMR_OK;
}

/* One size of an input: as stored, 1 for an open batch, or as the caller says. */
static enum hmr_status
input_size(struct ox *t, const char *name, const Onnx__TensorShapeProto *s, uint32_t i,
	   bool nchw, int64_t *size)
{
	const Onnx__TensorShapeProto__Dimension *d = s->dim[i];
	bool fixed = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
		     d->dim_value > 0;
	uint32_t image = nchw ? 2 : 1;
	uint32_t want = s->n_dim == 4 && i == image ? t->height :
			s->n_dim == 4 && i == image + 1 ? t->width : 0;

	*size = fixed ? d->dim_value : i == 0 ? 1 : want;
	if (*size > 1 << 24)
		return hmr_fail(t->e, HMR_E_LIMIT, "input %.80s: size %lld", name, (long long)*size);
	if (!*size)
		return hmr_fail(t->e, HMR_E_VERSION, "input %.80s: the size of axis %u is open%s",
				name, i, s->n_dim == 4 && i >= image && i <= image + 1 ?
				": --input-size HEIGHTxWIDTH fixes it" : "");
	if (want && *size != want)
		return hmr_fail(t->e, HMR_E_VERSION, "input %.80s: axis %u is %lld in the file, not %u",
				name, i, (long long)*size, want);
	return HMR_OK;
}

static bool
is_channels(const Onnx__TensorShapeProto__Dimension *d)
{
	return d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
	       d->dim_value >= 1 && d->dim_value <= 4;
}

/* An image with its channels first is turned once, here. */
static enum hmr_status
add_input(struct ox *t, const char *name, const struct hmr_dims *d, bool nchw,
	  struct ox_view *v)
{
	static const int64_t to_nhwc[4] = { 0, 2, 3, 1 };
	const uint32_t closed[HMR_DIMS_MAX] = { 0 };
	uint32_t value, turned;
	struct hmr_node p = { .op = HMR_OP_TRANSPOSE, .n_in = 1, .n_out = 1,
		.in = &value, .list = to_nhwc, .n_list = 4 };
	enum hmr_status st;

	if ((st = hmr_build_input(t->b, name, d, closed, &value, t->e)))
		return st;
	ox_set(v, value, NULL);
	if (!nchw)
		return HMR_OK;
	if ((st = hmr_build_node(t->b, name, &p, &turned, t->e)))
		return st;
	ox_set(v, turned, ox_image_order);
	return HMR_OK;
}

static enum hmr_status
load_input(struct ox *t, const Onnx__ValueInfoProto *p)
{
	const Onnx__TypeProto__Tensor *type;
	const Onnx__TensorShapeProto *s;
	struct hmr_dims d = { .n = 0 };
	struct ox_view *v;
	bool nchw;
	size_t count;
	enum hmr_status st;

	if (!p->name || !good_name(p->name))
		return hmr_fail(t->e, HMR_E_FORMAT, "an input without a name of 1 to 239 ASCII characters");
	type = p->type && p->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ?
		p->type->tensor_type : NULL;
	if (!type || !type->shape || !ox_type_is_float(type->elem_type))
		return hmr_fail(t->e, HMR_E_VERSION, "input %.80s: no tensor of floats", p->name);
	s = type->shape;
	if (!s->n_dim || s->n_dim > HMR_DIMS_MAX)
		return hmr_fail(t->e, HMR_E_VERSION, "input %.80s: %zu axes", p->name, s->n_dim);
	nchw = s->n_dim == 4 && is_channels(s->dim[1]) && !is_channels(s->dim[3]);
	for (; d.n < s->n_dim; d.n++)
		if ((st = input_size(t, p->name, s, d.n, nchw, &d.d[d.n])))
			return st;
	if (!hmr_dims_count(&d, &count) || count > (size_t)1 << 28)
		return hmr_fail(t->e, HMR_E_LIMIT, "input %.80s: too large", p->name);
	if ((st = new_view(t, p->name, &v)))
		return st;
	return add_input(t, p->name, &d, nchw, v);
}

static enum hmr_status
load_inputs(struct ox *t)
{
	const Onnx__GraphProto *g = t->model->graph;
	enum hmr_status st;

	for (size_t i = 0; i < g->n_input; i++)
		if ((!g->input[i]->name || !find_view(t, g->input[i]->name)) &&
		    (st = load_input(t, g->input[i])))	/* else an initialiser, listed twice */
			return st;
	return t->b->n_inputs ? HMR_OK :
		hmr_fail(t->e, HMR_E_FORMAT, "the graph has no input");
}

/* --- nodes --------------------------------------------------------------------------- */

static enum hmr_status
node_name(struct ox *t, size_t i, struct ox_node *n)
{
	const char *s = n->p->name && n->p->name[0] ? n->p->name :
			n->p->n_output && n->p->output[0][0] ? n->p->output[0] : NULL;

	if (s)
		snprintf(n->name, sizeof(n->name), "%.120s", s);
	else
		snprintf(n->name, sizeof(n->name), "node%zu", i);
	for (char *p = n->name; *p; p++)
		if ((unsigned char)*p < 32 || (unsigned char)*p > 126)
			*p = '?';
	if (!n->p->op_type)
		return hmr_fail(t->e, HMR_E_FORMAT, "node %.80s: no operator", n->name);
	if (n->p->domain && *n->p->domain && strcmp(n->p->domain, "ai.onnx"))
		return hmr_fail(t->e, HMR_E_VERSION, "node %.80s: %.40s of %.60s is not supported",
				n->name, n->p->op_type, n->p->domain);
	if (n->p->n_input > HMR_NODE_IN_MAX || n->p->n_output > HMR_NODE_IN_MAX)
		return hmr_fail(t->e, HMR_E_LIMIT, "node %.80s: more than %u inputs or outputs",
				n->name, HMR_NODE_IN_MAX);
	return HMR_OK;
}

static enum hmr_status
resolve(struct ox *t, struct ox_node *n)
{
	enum hmr_status st;

	for (; n->n_in < n->p->n_input; n->n_in++) {
		const char *s = n->p->input[n->n_in];
		struct ox_view *v = *s ? find_view(t, s) : NULL;

		n->in[n->n_in] = v;	/* an output that its node left out is none */
		if (*s && (!v || v->kind == OX_NONE))
			return hmr_fail(t->e, HMR_E_FORMAT, "node %.80s: no value %.80s before it",
					n->name, s);
	}
	while (n->n_in && !n->in[n->n_in - 1])	/* left out at the end */
		n->n_in--;
	for (; n->n_out < n->p->n_output; n->n_out++) {
		const char *s = n->p->output[n->n_out];

		if (*s && (st = new_view(t, s, &n->out[n->n_out])))
			return st;
	}
	if (!n->n_out || !n->out[0])
		return hmr_fail(t->e, HMR_E_FORMAT, "node %.80s: no output", n->name);
	return HMR_OK;
}

static enum hmr_status
translate(struct ox *t)
{
	const Onnx__GraphProto *g = t->model->graph;
	enum hmr_status st;

	for (size_t i = 0; i < g->n_node; i++) {
		struct ox_node n = { .p = g->node[i] };

		if ((st = node_name(t, i, &n)) || (st = resolve(t, &n)))
			return st;
		st = ox_fold(t, &n);
		if (st == HMR_EOF)
			st = ox_lower(t, &n);
		if (st)
			return st;
	}
	return HMR_OK;
}

static enum hmr_status
load_outputs(struct ox *t)
{
	const Onnx__GraphProto *g = t->model->graph;
	struct ox_node out = { .n_in = 0 };
	enum hmr_status st;

	for (size_t i = 0; i < g->n_output; i++) {
		const char *name = g->output[i]->name;
		const struct ox_view *v = name ? find_view(t, name) : NULL;
		uint32_t value;

		if (!v || v->kind != OX_VALUE || !good_name(name))
			return hmr_fail(t->e, HMR_E_FORMAT, "output %.80s: %s", name ? name : "",
					v && v->kind == OX_CONST ? "a constant" :
					v ? "a name of 1 to 239 ASCII characters wanted" :
					"nothing makes it");
		for (size_t k = 0; k < i; k++)
			if (!strcmp(g->output[k]->name, name))
				return hmr_fail(t->e, HMR_E_FORMAT, "output %.80s: twice", name);
		snprintf(out.name, sizeof(out.name), "%.120s", name);
		if ((st = ox_arrange(t, &out, v, ox_plain_order, &value)) ||
		    (st = hmr_build_output(t->b, name, value, t->e)))
			return st;
	}
	return t->b->n_outputs ? HMR_OK :
		hmr_fail(t->e, HMR_E_FORMAT, "the graph has no output");
}

static enum hmr_status
check_opset(struct ox *t)
{
	for (size_t i = 0; i < t->model->n_opset_import; i++) {
		const Onnx__OperatorSetIdProto *o = t->model->opset_import[i];

		if (!o->domain || !*o->domain || !strcmp(o->domain, "ai.onnx"))
			t->opset = o->version;
	}
	if (t->opset < OPSET_MIN || t->opset > OPSET_MAX)
		return hmr_fail(t->e, HMR_E_VERSION, "opset %lld, this version reads %d to %d",
				(long long)t->opset, OPSET_MIN, OPSET_MAX);
	return t->model->graph ? HMR_OK : hmr_fail(t->e, HMR_E_FORMAT, "no graph");
}

enum hmr_status
ox_build(struct ox *t)
{
	enum hmr_status st;

	if ((st = hmr_build_init(t->b, t->e)))
		return st;
	if (!(st = check_opset(t)) && !(st = allocate(t)) && !(st = load_initializers(t)) &&
	    !(st = load_inputs(t)) && !(st = translate(t)))
		st = load_outputs(t);
	for (uint32_t i = 0; i < t->n_tensors; i++) {
		free(t->tensor[i]->num);
		free(t->tensor[i]);
	}
	free(t->tensor);
	free(t->turned);
	free(t->view);
	hmr_names_release(&t->names);
	if (!st) {
		hmr_build_simplify(t->b);
		hmr_build_free_batch(t->b);
	}
	return st;
}

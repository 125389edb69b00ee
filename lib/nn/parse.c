/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the JSON text of a model file to a graph. Untrusted: operators, counts,
 * names and attribute ranges are checked here, shapes in shape.c. Nodes must
 * come in an order that can be run, so there are no cycles and no recursion.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "import/names.h"
#include "import/safetensors.h"
#include "nn/graph.h"

#define ATTR_MAX 65536	/* of strides, kernels, pads, groups */

struct parser {
	struct hmr_graph *g;
	struct hmr_names names;	/* of values */
	uint32_t n_refs, cap_refs, n_lists, cap_lists, cap_values;
	const cJSON *j;		/* the node in hand */
	const char *where;	/* its name */
	struct hmr_err *e;
};

static enum hmr_status
bad(struct parser *p, const char *what)
{
	return hmr_fail(p->e, HMR_E_FORMAT, "node %.80s: bad %s", p->where, what);
}

static const cJSON *
get(const cJSON *j, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(j, key);
}

static bool
whole(const cJSON *j, double lo, double hi, int64_t *v)
{
	if (!cJSON_IsNumber(j) || !(j->valuedouble >= lo && j->valuedouble <= hi) ||
	    j->valuedouble != floor(j->valuedouble))
		return false;
	*v = (int64_t)j->valuedouble;
	return true;
}

/* A name of 1 to 255 bytes, or NULL. */
static const char *
name_of(const cJSON *j)
{
	const char *s = cJSON_GetStringValue(j);

	return s && s[0] && strlen(s) < 256 ? s : NULL;
}

static enum hmr_status
add_value(struct parser *p, const char *name, uint32_t *index)
{
	struct hmr_graph *g = p->g;
	enum hmr_status st;

	if (g->n_values == p->cap_values) {
		uint32_t cap = p->cap_values ? p->cap_values * 2 : 256;
		struct hmr_value *v = realloc(g->value, cap * sizeof(*v));

		if (!v)
			return hmr_fail(p->e, HMR_E_NOMEM, "graph");
		g->value = v;
		p->cap_values = cap;
	}
	st = hmr_names_put(&p->names, name, g->n_values, p->e);
	if (st == HMR_EOF)
		return hmr_fail(p->e, HMR_E_FORMAT, "value %.80s: made twice", name);
	if (st)
		return st;
	*index = g->n_values++;
	g->value[*index] = (struct hmr_value){ name, -1, -1, -1 };
	return HMR_OK;
}

/* A value that exists: made before, or a tensor of the file. */
static enum hmr_status
use_value(struct parser *p, const char *name, uint32_t *index)
{
	int64_t i = hmr_names_get(&p->names, name), t;
	enum hmr_status st;

	if (i >= 0) {
		*index = (uint32_t)i;
		return HMR_OK;
	}
	if ((t = hmr_safetensors_index(p->g->file, name)) < 0)
		return hmr_fail(p->e, HMR_E_FORMAT, "node %.80s: no value %.80s before it",
				p->where, name);
	if ((st = add_value(p, hmr_safetensors_at(p->g->file, (uint32_t)t)->name, index)))
		return st;
	p->g->value[*index].tensor = (int32_t)t;
	return HMR_OK;
}

/* Counts what the arrays must hold before any pointer into them is made. */
static enum hmr_status
count_all(struct parser *p, const cJSON *nodes)
{
	static const char *const lists[] = { "scale", "sizes", "pads", "shape", "perm",
		"extra", "axes", "ranges", "repeats", "k" };
	const cJSON *j;

	cJSON_ArrayForEach(j, nodes) {
		uint32_t in = (uint32_t)cJSON_GetArraySize(get(j, "in"));
		uint32_t out = (uint32_t)cJSON_GetArraySize(get(j, "out"));

		if (p->g->n_nodes++ == HMR_NODES_MAX)
			return hmr_fail(p->e, HMR_E_LIMIT, "graph: more than %u nodes",
					HMR_NODES_MAX);
		if (in > HMR_NODE_IN_MAX || out > HMR_NODE_IN_MAX)
			return hmr_fail(p->e, HMR_E_LIMIT,
					"graph: a node with more than %u inputs or outputs",
					HMR_NODE_IN_MAX);
		p->cap_refs += in + out;
		for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
			uint32_t n = (uint32_t)cJSON_GetArraySize(get(j, lists[i]));

			if (n > HMR_NODE_LIST_MAX)
				return hmr_fail(p->e, HMR_E_LIMIT,
						"graph: an attribute of more than %u numbers",
						HMR_NODE_LIST_MAX);
			p->cap_lists += n;
		}
	}
	return HMR_OK;
}

static enum hmr_status
parse_refs(struct parser *p, struct hmr_node *n)
{
	struct hmr_graph *g = p->g;
	const cJSON *k;
	enum hmr_status st;

	n->in = g->refs + p->n_refs;
	cJSON_ArrayForEach(k, get(p->j, "in")) {
		if (!name_of(k))
			return bad(p, "in");
		if ((st = use_value(p, name_of(k), &g->refs[p->n_refs])))
			return st;
		p->n_refs++;
		n->n_in++;
	}
	n->out = g->refs + p->n_refs;
	cJSON_ArrayForEach(k, get(p->j, "out")) {
		uint32_t *v = &g->refs[p->n_refs];

		if (!name_of(k) || hmr_safetensors_index(g->file, name_of(k)) >= 0)
			return bad(p, "out");
		if ((st = add_value(p, name_of(k), v)))
			return st;
		g->value[*v].node = (int32_t)(n - g->node);
		p->n_refs++;
		n->n_out++;
	}
	return HMR_OK;
}

static enum hmr_status
parse_ints(struct parser *p, const char *key, int32_t *v, int n, int32_t lo,
	   int32_t fallback)
{
	const cJSON *j = get(p->j, key), *k;
	int i = 0;
	int64_t x;

	for (int a = 0; a < n; a++)
		v[a] = fallback;
	if (!j)
		return HMR_OK;
	if (!cJSON_IsArray(j) || cJSON_GetArraySize(j) != n)
		return bad(p, key);
	cJSON_ArrayForEach(k, j) {
		if (!whole(k, lo, ATTR_MAX, &x))
			return bad(p, key);
		v[i++] = (int32_t)x;
	}
	return HMR_OK;
}

static enum hmr_status
parse_list(struct parser *p, struct hmr_node *n, const char *key)
{
	const cJSON *j = get(p->j, key), *k;

	if (!cJSON_IsArray(j) || !cJSON_GetArraySize(j))
		return bad(p, key);
	n->list = p->g->lists + p->n_lists;
	cJSON_ArrayForEach(k, j) {
		if (!whole(k, -1, 0x1p40, &p->g->lists[p->n_lists]))
			return bad(p, key);
		p->n_lists++;
		n->n_list++;
	}
	return HMR_OK;
}

/* A finite number, or *v as it is where there is none. */
static bool
parse_float(struct parser *p, const char *key, float *v)
{
	const cJSON *j = get(p->j, key);

	if (!j)
		return true;
	if (!cJSON_IsNumber(j) || !(fabs(j->valuedouble) <= FLT_MAX))
		return false;
	*v = (float)j->valuedouble;
	return true;
}

/* true or false; *v as it is where there is neither. */
static enum hmr_status
parse_bool(struct parser *p, const char *key, bool *v)
{
	const cJSON *j = get(p->j, key);

	if (j && !cJSON_IsBool(j))
		return bad(p, key);
	*v = j ? cJSON_IsTrue(j) : *v;
	return HMR_OK;
}

/* One of n words, or *v as it is. */
static enum hmr_status
parse_word(struct parser *p, const char *key, const char *const *word, int n, int *v)
{
	const cJSON *j = get(p->j, key);

	for (int i = 0; j && i < n; i++)
		if (cJSON_IsString(j) && !strcmp(j->valuestring, word[i])) {
			*v = i;
			return HMR_OK;
		}
	return j ? bad(p, key) : HMR_OK;
}

static enum hmr_status
parse_act(struct parser *p, struct hmr_node *n)
{
	const cJSON *j = get(p->j, "act");
	int a = HMR_ACT_NONE;

	if (j && (!cJSON_IsString(j) || (a = hmr_act_from_name(j->valuestring)) < 0))
		return hmr_fail(p->e, HMR_E_FORMAT, "node %.80s: unknown activation",
				p->where);
	n->act = (enum hmr_act)a;
	if (!parse_float(p, "alpha", &n->alpha))
		return bad(p, "alpha");
	return parse_float(p, "beta", &n->beta) ? HMR_OK : bad(p, "beta");
}

static enum hmr_status
parse_window(struct parser *p, struct hmr_node *n)
{
	enum hmr_status st;
	int64_t g = 1;

	if ((st = parse_bool(p, "same", &n->same)) ||
	    (st = parse_bool(p, "count_pad", &n->count_pad)))
		return st;
	if (get(p->j, "group") && !whole(get(p->j, "group"), 1, 1 << 20, &g))
		return bad(p, "group");
	n->group = (int32_t)g;
	if ((st = parse_ints(p, "stride", n->stride, 2, 1, 1)) ||
	    (st = parse_ints(p, "kernel", n->kernel, 2, 1, 1)) ||
	    (st = n->op == HMR_OP_CONV || n->op == HMR_OP_CONV_TRANSPOSE ?
		  parse_ints(p, "dilate", n->dilate, 2, 1, 1) : HMR_OK) ||
	    (st = parse_ints(p, "pad", n->pad, 4, 0, 0)))
		return st;
	return HMR_OK;
}

static enum hmr_status
parse_axis(struct parser *p, struct hmr_node *n)
{
	int64_t axis;

	if (!whole(get(p->j, "axis"), 0, HMR_DIMS_MAX - 1, &axis))
		return bad(p, "axis");
	n->axis = (int32_t)axis;
	return HMR_OK;
}

static enum hmr_status
parse_resize(struct parser *p, struct hmr_node *n)
{
	int coords = HMR_COORDS_HALF, take = HMR_TAKE_LINEAR;
	enum hmr_status st;

	if ((st = parse_word(p, "coords", hmr_coords_names, HMR_COORDS_COUNT, &coords)) ||
	    (st = parse_word(p, "take", hmr_take_names, HMR_TAKE_COUNT, &take)))
		return st;
	n->coords = (enum hmr_coords)coords;
	n->take = (enum hmr_take)take;
	return parse_list(p, n, "scale");
}

static enum hmr_status
parse_attrs(struct parser *p, struct hmr_node *n)
{
	enum hmr_status st;

	if (hmr_op_is_binary(n->op))
		return parse_act(p, n);
	switch (n->op) {
	case HMR_OP_CONV_TRANSPOSE:
		if ((st = parse_list(p, n, "extra")))
			return st;
		/* fall through */
	case HMR_OP_CONV: case HMR_OP_MAX_POOL: case HMR_OP_AVG_POOL:
		if ((st = parse_window(p, n)))
			return st;
		return parse_act(p, n);
	case HMR_OP_ACT: case HMR_OP_WHERE: return parse_act(p, n);
	case HMR_OP_MATMUL:
		st = parse_bool(p, "trans", &n->trans);
		return st ? st : parse_act(p, n);
	case HMR_OP_CONCAT: case HMR_OP_SOFTMAX: case HMR_OP_GATHER: case HMR_OP_ARG_MAX:
		return parse_axis(p, n);
	case HMR_OP_SPLIT:
	case HMR_OP_TOP_K:
		st = parse_axis(p, n);
		return st ? st : parse_list(p, n, n->op == HMR_OP_SPLIT ? "sizes" : "k");
	case HMR_OP_PAD:
		if (cJSON_IsString(get(p->j, "value")) &&
		    !strcmp(get(p->j, "value")->valuestring, "-inf"))
			n->value = -INFINITY;
		else if (!parse_float(p, "value", &n->value))
			return bad(p, "value");
		return parse_list(p, n, "pads");
	case HMR_OP_REDUCE_MEAN: case HMR_OP_REDUCE_SUM:
	case HMR_OP_REDUCE_MAX: case HMR_OP_REDUCE_MIN:
	case HMR_OP_NORM:
		if ((st = parse_list(p, n, "axes")))
			return st;
		if (n->op == HMR_OP_NORM && !parse_float(p, "epsilon", &n->value))
			return bad(p, "epsilon");
		return parse_act(p, n);
	case HMR_OP_RESIZE: return parse_resize(p, n);
	case HMR_OP_RESHAPE: return parse_list(p, n, "shape");
	case HMR_OP_TRANSPOSE: return parse_list(p, n, "perm");
	case HMR_OP_SLICE: return parse_list(p, n, "ranges");
	case HMR_OP_TILE: return parse_list(p, n, "repeats");
	default: return bad(p, "op");
	}
}

static enum hmr_status
parse_node(struct parser *p, struct hmr_node *n)
{
	const char *op = cJSON_GetStringValue(get(p->j, "op"));
	int o = op ? hmr_op_from_name(op) : -1;
	enum hmr_status st;

	n->name = name_of(get(p->j, "name"));
	p->where = n->name ? n->name : "without a name";
	if (!n->name)
		return bad(p, "name");
	if (o < 0)
		return hmr_fail(p->e, HMR_E_VERSION, "node %.80s: unknown operator %.40s",
				p->where, op ? op : "");
	n->op = (enum hmr_op)o;
	if ((st = parse_refs(p, n)))
		return st;
	return parse_attrs(p, n);
}

static enum hmr_status
parse_input(struct parser *p, const cJSON *j, struct hmr_graph_input *in)
{
	const cJSON *k, *fr = get(j, "free");
	enum hmr_status st;
	int64_t v;
	int i = 0;

	if (!(in->name = name_of(get(j, "name"))) ||
	    hmr_safetensors_index(p->g->file, in->name) >= 0)
		return hmr_fail(p->e, HMR_E_FORMAT, "graph: an input with a bad name");
	if ((st = add_value(p, in->name, &in->value)))
		return st;
	p->g->value[in->value].input = (int32_t)(in - p->g->input);
	cJSON_ArrayForEach(k, get(j, "shape")) {
		if (in->dims.n == HMR_DIMS_MAX || !whole(k, 1, 0x1p31, &v))
			return hmr_fail(p->e, HMR_E_FORMAT, "input %.80s: bad shape", in->name);
		in->dims.d[in->dims.n++] = v;
	}
	if (fr && (uint32_t)cJSON_GetArraySize(fr) != in->dims.n)
		return hmr_fail(p->e, HMR_E_FORMAT, "input %.80s: bad free", in->name);
	cJSON_ArrayForEach(k, fr) {
		if (!whole(k, 0, 1 << 20, &v))
			return hmr_fail(p->e, HMR_E_FORMAT, "input %.80s: bad free", in->name);
		in->free[i++] = (uint32_t)v;
	}
	return HMR_OK;
}

static enum hmr_status
parse_outputs(struct parser *p, const cJSON *a)
{
	struct hmr_graph *g = p->g;
	const cJSON *j;
	enum hmr_status st;

	cJSON_ArrayForEach(j, a) {
		struct hmr_graph_output *o = &g->output[g->n_outputs];
		const char *v = name_of(get(j, "value"));

		if (!(o->name = name_of(get(j, "name"))) || !v)
			return hmr_fail(p->e, HMR_E_FORMAT, "graph: a bad output");
		p->where = o->name;
		if ((st = use_value(p, v, &o->value)))
			return st;
		if (g->value[o->value].node < 0)
			return hmr_fail(p->e, HMR_E_FORMAT,
					"output %.80s: not made by a node", o->name);
		for (uint32_t i = 0; i < g->n_outputs; i++)
			if (!strcmp(g->output[i].name, o->name))
				return hmr_fail(p->e, HMR_E_FORMAT, "output %.80s: twice",
						o->name);
		g->n_outputs++;
	}
	return HMR_OK;
}

static enum hmr_status
parse_all(struct parser *p)
{
	struct hmr_graph *g = p->g;
	const cJSON *in = get(g->json, "inputs"), *out = get(g->json, "outputs");
	const cJSON *nodes = get(g->json, "nodes"), *j;
	uint32_t n_in = (uint32_t)cJSON_GetArraySize(in), i = 0;
	uint32_t n_out = (uint32_t)cJSON_GetArraySize(out);
	enum hmr_status st;

	if (!cJSON_IsObject(g->json) || !cJSON_IsArray(in) || !cJSON_IsArray(out) ||
	    !cJSON_IsArray(nodes))
		return hmr_fail(p->e, HMR_E_FORMAT, "graph: no inputs, outputs or nodes");
	if (n_in < 1 || n_in > HMR_GRAPH_IO_MAX || n_out < 1 || n_out > HMR_GRAPH_IO_MAX)
		return hmr_fail(p->e, HMR_E_LIMIT, "graph: %u inputs, %u outputs", n_in, n_out);
	if ((st = count_all(p, nodes)) || (st = hmr_names_init(&p->names, 1024, p->e)))
		return st;
	g->node = calloc(g->n_nodes + 1, sizeof(*g->node));
	g->refs = calloc(p->cap_refs + 1, sizeof(*g->refs));
	g->lists = calloc(p->cap_lists + 1, sizeof(*g->lists));
	g->input = calloc(n_in, sizeof(*g->input));
	g->output = calloc(n_out, sizeof(*g->output));
	if (!g->node || !g->refs || !g->lists || !g->input || !g->output)
		return hmr_fail(p->e, HMR_E_NOMEM, "graph");
	cJSON_ArrayForEach(j, in)
		if ((st = parse_input(p, j, &g->input[g->n_inputs++])))
			return st;
	cJSON_ArrayForEach(p->j, nodes)
		if ((st = parse_node(p, &g->node[i++])))
			return st;
	return parse_outputs(p, out);
}

enum hmr_status
hmr_graph_parse(struct hmr_graph **out, const char *text,
		const struct hmr_safetensors *file, struct hmr_err *e)
{
	struct parser p = { .e = e, .where = "" };
	enum hmr_status st;

	*out = NULL;
	if (!(p.g = calloc(1, sizeof(*p.g))))
		return hmr_fail(e, HMR_E_NOMEM, "graph");
	p.g->file = file;
	if (!(p.g->json = cJSON_Parse(text)))
		st = hmr_fail(e, HMR_E_FORMAT, "graph: not JSON");
	else
		st = parse_all(&p);
	hmr_names_release(&p.names);
	if (st) {
		hmr_graph_free(p.g);
		return st;
	}
	*out = p.g;
	return HMR_OK;
}

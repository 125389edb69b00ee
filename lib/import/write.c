/* SPDX-License-Identifier: Apache-2.0 */
/* From a built graph to a model file (formats/model.md). The same graph gives
 * the same bytes: no time, no machine, tensors in a fixed order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "import/build.h"
#include "import/safetensors.h"
#include "nn/half.h"

static void
ints(cJSON *to, const char *key, const int32_t *v, int n)
{
	cJSON_AddItemToObject(to, key, cJSON_CreateIntArray(v, n));
}

static void
list(cJSON *to, const char *key, const struct hmr_node *n)
{
	cJSON *a = cJSON_AddArrayToObject(to, key);

	for (uint32_t i = 0; i < n->n_list; i++)
		cJSON_AddItemToArray(a, cJSON_CreateNumber((double)n->list[i]));
}

static void
refs(const struct hmr_build *b, cJSON *to, const char *key, const uint32_t *v,
     uint32_t n)
{
	cJSON *a = cJSON_AddArrayToObject(to, key);

	for (uint32_t i = 0; i < n; i++)
		cJSON_AddItemToArray(a, cJSON_CreateString(b->value[v[i]].name));
}

static void
window(cJSON *j, const struct hmr_node *n)
{
	ints(j, "stride", n->stride, 2);
	if (n->dilate[0] > 1 || n->dilate[1] > 1)
		ints(j, "dilate", n->dilate, 2);
	if (n->same)
		cJSON_AddTrueToObject(j, "same");
	else
		ints(j, "pad", n->pad, 4);
	if (n->count_pad)
		cJSON_AddTrueToObject(j, "count_pad");
	if (n->op == HMR_OP_MAX_POOL || n->op == HMR_OP_AVG_POOL)
		ints(j, "kernel", n->kernel, 2);
	else if (n->group != 1)
		cJSON_AddNumberToObject(j, "group", n->group);
	if (n->op == HMR_OP_CONV_TRANSPOSE)
		list(j, "extra", n);
}

static void
resize(cJSON *j, const struct hmr_node *n)
{
	list(j, "scale", n);
	if (n->coords != HMR_COORDS_HALF)
		cJSON_AddStringToObject(j, "coords", hmr_coords_names[n->coords]);
	if (n->take != HMR_TAKE_LINEAR)
		cJSON_AddStringToObject(j, "take", hmr_take_names[n->take]);
}

static void
attributes(cJSON *j, const struct hmr_node *n)
{
	switch (n->op) {
	case HMR_OP_CONV: case HMR_OP_MAX_POOL: case HMR_OP_AVG_POOL:
	case HMR_OP_CONV_TRANSPOSE:
		window(j, n);
		break;
	case HMR_OP_RESIZE: resize(j, n); break;
	case HMR_OP_SPLIT: list(j, "sizes", n); break;
	case HMR_OP_RESHAPE: list(j, "shape", n); break;
	case HMR_OP_TRANSPOSE: list(j, "perm", n); break;
	case HMR_OP_PAD:
		list(j, "pads", n);
		if (isinf(n->value))
			cJSON_AddStringToObject(j, "value", "-inf");
		else if (n->value != 0)
			cJSON_AddNumberToObject(j, "value", (double)n->value);
		break;
	case HMR_OP_MATMUL:
		if (n->trans)
			cJSON_AddTrueToObject(j, "trans");
		break;
	case HMR_OP_NORM:
		cJSON_AddNumberToObject(j, "epsilon", (double)n->value);
		/* fall through */
	case HMR_OP_REDUCE_MEAN: case HMR_OP_REDUCE_SUM:
	case HMR_OP_REDUCE_MAX: case HMR_OP_REDUCE_MIN:
		list(j, "axes", n);
		break;
	case HMR_OP_SLICE: list(j, "ranges", n); break;
	case HMR_OP_TILE: list(j, "repeats", n); break;
	case HMR_OP_TOP_K: list(j, "k", n); break;
	default: break;
	}
}

static bool
has_axis(enum hmr_op op)
{
	return op == HMR_OP_CONCAT || op == HMR_OP_SPLIT || op == HMR_OP_SOFTMAX ||
	       op == HMR_OP_GATHER || op == HMR_OP_ARG_MAX || op == HMR_OP_TOP_K;
}

static cJSON *
node(const struct hmr_build *b, const struct hmr_node *n)
{
	cJSON *j = cJSON_CreateObject();

	cJSON_AddStringToObject(j, "op", hmr_op_name(n->op));
	cJSON_AddStringToObject(j, "name", n->name);
	refs(b, j, "in", n->in, n->n_in);
	refs(b, j, "out", n->out, n->n_out);
	attributes(j, n);
	if (has_axis(n->op))
		cJSON_AddNumberToObject(j, "axis", n->axis);
	if (n->act)
		cJSON_AddStringToObject(j, "act", hmr_act_name(n->act));
	if (hmr_act_has_alpha(n->act))
		cJSON_AddNumberToObject(j, "alpha", (double)n->alpha);
	if (hmr_act_has_beta(n->act))
		cJSON_AddNumberToObject(j, "beta", (double)n->beta);
	return j;
}

static char *	/* free() it; NULL: no memory */
graph_text(const struct hmr_build *b)
{
	cJSON *j = cJSON_CreateObject(), *a = cJSON_AddArrayToObject(j, "inputs"), *o;
	char *text;

	for (uint32_t i = 0; i < b->n_inputs; i++) {
		const struct hmr_dims *d = &b->value[b->input[i].value].dims;
		cJSON *s, *f;

		cJSON_AddItemToArray(a, o = cJSON_CreateObject());
		cJSON_AddStringToObject(o, "name", b->input[i].name);
		s = cJSON_AddArrayToObject(o, "shape");
		f = cJSON_AddArrayToObject(o, "free");
		for (uint32_t k = 0; k < d->n; k++) {
			cJSON_AddItemToArray(s, cJSON_CreateNumber((double)d->d[k]));
			cJSON_AddItemToArray(f, cJSON_CreateNumber(b->input[i].free[k]));
		}
	}
	a = cJSON_AddArrayToObject(j, "outputs");
	for (uint32_t i = 0; i < b->n_outputs; i++) {
		cJSON_AddItemToArray(a, o = cJSON_CreateObject());
		cJSON_AddStringToObject(o, "name", b->output[i].name);
		cJSON_AddStringToObject(o, "value", b->value[b->output[i].value].name);
	}
	a = cJSON_AddArrayToObject(j, "nodes");
	for (uint32_t i = 0; i < b->n_nodes; i++)
		if (!b->node[i].dead)
			cJSON_AddItemToArray(a, node(b, &b->node[i].n));
	text = cJSON_PrintUnformatted(j);
	cJSON_Delete(j);
	return text;
}

/* Constants in use, wide types first so that each stays aligned. */
static uint32_t
collect(const struct hmr_build *b, struct hmr_st_tensor *t, bool *used)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->n_nodes; i++)
		for (uint32_t k = 0; !b->node[i].dead && k < b->node[i].n.n_in; k++)
			used[b->node[i].n.in[k]] = true;
	for (size_t size = 8; size; size /= 2)
		for (uint32_t i = 0; i < b->n_values; i++) {
			const struct hmr_bvalue *v = &b->value[i];

			if (!v->constant || !used[i] || hmr_dtype_bytes(v->dtype) != size)
				continue;
			t[n++] = (struct hmr_st_tensor){ v->name, v->dtype, v->dims,
				hmr_dims_total(&v->dims) * size, v->data };
		}
	return n;
}

/* To a file, or without a path into memory. */
static enum hmr_status
put(const struct hmr_build *b, const char *path, uint8_t **bytes, size_t *n,
    const struct hmr_build_about *a, struct hmr_err *e)
{
	struct hmr_st_tensor *t = calloc(b->n_values + 1, sizeof(*t));
	bool *used = calloc(b->n_values + 1, sizeof(*used));
	char *graph = graph_text(b);
	char *meta = a->meta ? cJSON_PrintUnformatted(a->meta) : NULL;
	char *from = a->provenance ? cJSON_PrintUnformatted(a->provenance) : NULL;
	struct hmr_st_pair m[6] = { { "format", "hmr-model 1" }, { "name", a->name },
		{ "kind", a->kind } };
	enum hmr_status st = HMR_E_NOMEM;
	uint32_t n_meta = 3;

	if (!t || !used || !graph || (a->meta && !meta) || (a->provenance && !from)) {
		hmr_fail(e, st, "model %.80s", a->name);
	} else {
		m[n_meta++] = (struct hmr_st_pair){ "graph", graph };
		if (meta)
			m[n_meta++] = (struct hmr_st_pair){ "meta", meta };
		if (from)
			m[n_meta++] = (struct hmr_st_pair){ "provenance", from };
		st = path ? hmr_safetensors_write(path, m, n_meta, t, collect(b, t, used), e) :
			    hmr_safetensors_pack(bytes, n, m, n_meta, t, collect(b, t, used), e);
	}
	cJSON_free(meta);
	cJSON_free(from);
	cJSON_free(graph);
	free(used);
	free(t);
	return st;
}

enum hmr_status
hmr_build_write(const struct hmr_build *b, const char *path,
		const struct hmr_build_about *a, struct hmr_err *e)
{
	return put(b, path, NULL, NULL, a, e);
}

enum hmr_status
hmr_build_pack(const struct hmr_build *b, uint8_t **bytes, size_t *n,
	       const struct hmr_build_about *a, struct hmr_err *e)
{
	*bytes = NULL;
	return put(b, NULL, bytes, n, a, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading a TensorFlow.js graph model: weights by the manifest, nodes and their
 * references, an order in which they can be run (Kahn, no recursion), inputs
 * and outputs of the signature. Bounded: 64 MiB of JSON, 1 GiB of weights,
 * HMR_NODES_MAX nodes.
 */
#include "import/tfjs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "import/import.h"
#include "nn/half.h"

#define REFS_MAX (1u << 20)

static const cJSON *
get(const cJSON *j, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(j, key);
}

static bool
weight_dims(const cJSON *shape, struct hmr_dims *d, size_t *count)
{
	const cJSON *j;

	if (!cJSON_IsArray(shape))
		return false;
	*count = 1;
	cJSON_ArrayForEach(j, shape) {
		if (d->n == HMR_DIMS_MAX || !cJSON_IsNumber(j) ||
		    !(j->valuedouble >= 0 && j->valuedouble <= 0x1p31) ||
		    j->valuedouble != floor(j->valuedouble))
			return false;
		d->d[d->n++] = (int64_t)j->valuedouble;
		if (__builtin_mul_overflow(*count, (size_t)j->valuedouble, count) ||
		    *count > (size_t)1 << 31)
			return false;
	}
	return true;
}

/* Stored type: the quantized one where there is a plain 16-bit one. */
static bool
weight_type(const cJSON *w, enum hmr_dtype *t)
{
	const char *s = cJSON_GetStringValue(get(w, "dtype"));
	const cJSON *q = get(w, "quantization");
	const char *qs = cJSON_GetStringValue(get(q, "dtype"));

	if (!s || (q && (!qs || strcmp(qs, "float16") || strcmp(s, "float32"))))
		return false;
	if (!strcmp(s, "float32"))
		*t = q ? HMR_DTYPE_F16 : HMR_DTYPE_F32;
	else if (!strcmp(s, "int32"))
		*t = HMR_DTYPE_I32;
	else
		return false;
	return true;
}

static enum hmr_status
load_weights(struct tf *t, const cJSON *manifest, const uint8_t *bin, size_t n_bin)
{
	const cJSON *group, *w;
	uint32_t n = 0;
	size_t at = 0, count;
	enum hmr_status st;

	cJSON_ArrayForEach(group, manifest)
		n += (uint32_t)cJSON_GetArraySize(get(group, "weights"));
	if (n > 4 * HMR_NODES_MAX)
		return hmr_fail(t->e, HMR_E_LIMIT, "%u weights", n);
	if (!(t->weight = calloc(n + 1, sizeof(*t->weight))))
		return hmr_fail(t->e, HMR_E_NOMEM, "weights");
	if ((st = hmr_names_init(&t->weights, n, t->e)))
		return st;
	cJSON_ArrayForEach(group, manifest)
		cJSON_ArrayForEach(w, get(group, "weights")) {
			struct tf_view *v = &t->weight[t->n_weights];
			const char *name = cJSON_GetStringValue(get(w, "name"));

			v->kind = TF_CONST;
			if (!name || !weight_dims(get(w, "shape"), &v->dims, &count))
				return hmr_fail(t->e, HMR_E_FORMAT, "weight %u: no name or bad shape",
						t->n_weights);
			if (!weight_type(w, &v->dtype))
				return hmr_fail(t->e, HMR_E_VERSION,
						"weight %.80s: type or quantization not supported", name);
			count *= hmr_dtype_bytes(v->dtype);
			if (count > n_bin - at)
				return hmr_fail(t->e, HMR_E_TRUNCATED,
						"weight %.80s: ends at byte %zu, weight files have %zu",
						name, at + count, n_bin);
			v->data = bin + at;
			at += count;
			st = hmr_names_put(&t->weights, name, t->n_weights++, t->e);
			if (st)
				return st == HMR_EOF ? hmr_fail(t->e, HMR_E_FORMAT,
								"weight %.80s: twice", name) : st;
		}
	if (at != n_bin)
		return hmr_fail(t->e, HMR_E_FORMAT, "weight files have %zu bytes, weights %zu",
				n_bin, at);
	return HMR_OK;
}

static uint32_t
outputs_of(const struct tf_node *n)
{
	int64_t k = 1;

	if (!strcmp(n->op, "SplitV") || !strcmp(n->op, "Split"))
		k = tf_attr_int(n, "num_split", 1);
	return k < 1 || k > HMR_NODE_LIST_MAX ? 1 : (uint32_t)k;
}

static enum hmr_status
load_nodes(struct tf *t, const cJSON *nodes)
{
	const cJSON *j;
	uint32_t n = (uint32_t)cJSON_GetArraySize(nodes), refs = 0;
	enum hmr_status st;

	if (!cJSON_IsArray(nodes) || !n || n > HMR_NODES_MAX)
		return hmr_fail(t->e, HMR_E_FORMAT, "no graph of 1 to %u nodes", HMR_NODES_MAX);
	cJSON_ArrayForEach(j, nodes)
		refs += (uint32_t)cJSON_GetArraySize(get(j, "input"));
	if (refs > REFS_MAX)
		return hmr_fail(t->e, HMR_E_LIMIT, "%u references", refs);
	t->node = calloc(n, sizeof(*t->node));
	t->order = calloc(n, sizeof(*t->order));
	t->ref = calloc(refs + 1, sizeof(*t->ref));
	if (!t->node || !t->order || !t->ref)
		return hmr_fail(t->e, HMR_E_NOMEM, "graph");
	if ((st = hmr_names_init(&t->nodes, n, t->e)))
		return st;
	cJSON_ArrayForEach(j, nodes) {
		struct tf_node *node = &t->node[t->n_nodes];

		node->name = cJSON_GetStringValue(get(j, "name"));
		node->op = cJSON_GetStringValue(get(j, "op"));
		node->attr = get(j, "attr");
		if (!node->name || !node->op)
			return hmr_fail(t->e, HMR_E_FORMAT, "node %u: no name or op", t->n_nodes);
		node->n_out = outputs_of(node);
		node->first_out = t->n_views;
		t->n_views += node->n_out;
		st = hmr_names_put(&t->nodes, node->name, t->n_nodes++, t->e);
		if (st)
			return st == HMR_EOF ? hmr_fail(t->e, HMR_E_FORMAT,
						"node %.80s: twice", node->name) : st;
	}
	if (!(t->view = calloc(t->n_views, sizeof(*t->view))))
		return hmr_fail(t->e, HMR_E_NOMEM, "graph");
	return HMR_OK;
}

/* "name", "name:k" to a node and its output. */
static enum hmr_status
resolve(struct tf *t, const char *s, const char *who, struct tf_ref *r)
{
	char name[512];
	const char *colon = strrchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : strlen(s);
	long out = colon ? strtol(colon + 1, NULL, 10) : 0;
	int64_t i;

	if (n >= sizeof(name))
		return hmr_fail(t->e, HMR_E_LIMIT, "%.80s: name too long", who);
	memcpy(name, s, n);
	name[n] = 0;
	if ((i = hmr_names_get(&t->nodes, name)) < 0)
		return hmr_fail(t->e, HMR_E_FORMAT, "%.80s: no node %.80s", who, name);
	if (out < 0 || out >= (long)t->node[i].n_out)
		return hmr_fail(t->e, HMR_E_FORMAT, "%.80s: no output %ld of %.80s",
				who, out, name);
	*r = (struct tf_ref){ (uint32_t)i, (uint32_t)out };
	return HMR_OK;
}

static enum hmr_status
load_refs(struct tf *t, const cJSON *nodes)
{
	const cJSON *j, *k;
	uint32_t i = 0;
	enum hmr_status st;

	cJSON_ArrayForEach(j, nodes) {
		struct tf_node *n = &t->node[i++];

		n->first_in = t->n_refs;
		cJSON_ArrayForEach(k, get(j, "input")) {
			if (!cJSON_IsString(k))
				return hmr_fail(t->e, HMR_E_FORMAT, "node %.80s: bad input", n->name);
			if (k->valuestring[0] == '^')	/* control only */
				continue;
			if ((st = resolve(t, k->valuestring, n->name, &t->ref[t->n_refs])))
				return st;
			t->n_refs++;
			n->n_in++;
		}
		if (n->n_in > HMR_NODE_IN_MAX)
			return hmr_fail(t->e, HMR_E_LIMIT, "node %.80s: %u inputs",
					n->name, n->n_in);
	}
	return HMR_OK;
}

/* Kahn's algorithm over edges sorted by their source. */
static enum hmr_status
sort_nodes(struct tf *t)
{
	uint32_t *start = calloc(t->n_nodes + 2, sizeof(*start));
	uint32_t *user = calloc(t->n_refs + 1, sizeof(*user));
	uint32_t *wait = calloc(t->n_nodes + 1, sizeof(*wait));
	uint32_t done = 0, ready = 0;
	enum hmr_status st = HMR_OK;

	if (!start || !user || !wait) {
		st = hmr_fail(t->e, HMR_E_NOMEM, "graph");
		goto out;
	}
	for (uint32_t r = 0; r < t->n_refs; r++)
		start[t->ref[r].node + 2]++;
	for (uint32_t i = 2; i < t->n_nodes + 2; i++)
		start[i] += start[i - 1];
	for (uint32_t i = 0; i < t->n_nodes; i++)
		for (uint32_t k = 0; k < t->node[i].n_in; k++) {
			uint32_t from = t->ref[t->node[i].first_in + k].node;

			user[start[from + 1]++] = i;
			wait[i]++;
		}
	for (uint32_t i = 0; i < t->n_nodes; i++)
		if (!wait[i])
			t->order[ready++] = i;
	for (; done < ready; done++) {
		uint32_t i = t->order[done];

		for (uint32_t k = start[i]; k < start[i + 1]; k++)
			if (!--wait[user[k]])
				t->order[ready++] = user[k];
	}
	if (done < t->n_nodes)
		st = hmr_fail(t->e, HMR_E_FORMAT, "the graph has a cycle");
out:
	free(start);
	free(user);
	free(wait);
	return st;
}

static enum hmr_status
translate(struct tf *t)
{
	enum hmr_status st;

	for (uint32_t i = 0; i < t->n_nodes; i++) {
		const struct tf_node *n = &t->node[t->order[i]];
		int64_t w = hmr_names_get(&t->weights, n->name);

		if (!strcmp(n->op, "NoOp"))
			continue;
		if (!strcmp(n->op, "Const")) {
			if (w < 0)
				return hmr_fail(t->e, HMR_E_FORMAT,
						"constant %.80s: no such weight", n->name);
			t->view[n->first_out] = t->weight[w];
			continue;
		}
		st = tf_fold(t, n);
		if (st == HMR_EOF)
			st = tf_lower(t, n);
		if (st)
			return st;
	}
	return HMR_OK;
}

static int
by_name(const void *a, const void *b)
{
	const cJSON *const *x = a, *const *y = b;

	return strcmp((*x)->string, (*y)->string);
}

static enum hmr_status
add_output(struct tf *t, const char *name, const char *source)
{
	struct tf_ref r;
	const struct tf_view *v;
	char clean[256];
	size_t n = strcspn(name, ":");
	uint32_t value;
	enum hmr_status st;

	if (n >= sizeof(clean))
		return hmr_fail(t->e, HMR_E_LIMIT, "output name too long");
	memcpy(clean, name, n);
	clean[n] = 0;
	if ((st = resolve(t, source, clean, &r)))
		return st;
	v = &t->view[t->node[r.node].first_out + r.out];
	if (v->kind != TF_VALUE)
		return hmr_fail(t->e, HMR_E_FORMAT, "output %.80s: a constant", clean);
	if ((st = tf_plain(t, clean, v, &value)))
		return st;
	return hmr_build_output(t->b, clean, value, t->e);
}

/* The signature's outputs, by name; without one, what nothing reads. */
static enum hmr_status
load_outputs(struct tf *t, const cJSON *json)
{
	const cJSON *outs = get(get(json, "signature"), "outputs"), *j;
	const cJSON *sorted[HMR_GRAPH_IO_MAX];
	uint32_t n = 0;
	enum hmr_status st;

	if (!outs)
		outs = get(get(get(json, "userDefinedMetadata"), "signature"), "outputs");
	cJSON_ArrayForEach(j, outs) {
		if (n == HMR_GRAPH_IO_MAX || !j->string ||
		    !cJSON_IsString(get(j, "name")))
			return hmr_fail(t->e, HMR_E_FORMAT, "bad signature");
		sorted[n++] = j;
	}
	if (n)
		qsort(sorted, n, sizeof(*sorted), by_name);
	for (uint32_t i = 0; i < n; i++)
		if ((st = add_output(t, sorted[i]->string,
				     get(sorted[i], "name")->valuestring)))
			return st;
	for (uint32_t i = 0; !n && i < t->n_nodes; i++) {
		bool read = t->view[t->node[i].first_out].kind != TF_VALUE ||
			    !strcmp(t->node[i].op, "Placeholder");

		for (uint32_t r = 0; !read && r < t->n_refs; r++)
			read = t->ref[r].node == i;
		if (!read && (st = add_output(t, t->node[i].name, t->node[i].name)))
			return st;
	}
	if (!t->b->n_outputs)
		return hmr_fail(t->e, HMR_E_FORMAT, "the graph has no output");
	return HMR_OK;
}

static void
tf_release(struct tf *t)
{
	for (uint32_t i = 0; i < t->n_owned; i++)
		free(t->owned[i]);
	free(t->owned);
	free(t->node);
	free(t->order);
	free(t->ref);
	free(t->view);
	free(t->weight);
	hmr_names_release(&t->nodes);
	hmr_names_release(&t->weights);
}

enum hmr_status
hmr_tfjs_build(struct hmr_build *b, const cJSON *json, const uint8_t *bin,
	       size_t n_bin, struct hmr_err *e)
{
	struct tf t = { .b = b, .e = e };
	const cJSON *nodes = get(get(json, "modelTopology"), "node");
	enum hmr_status st;

	if ((st = hmr_build_init(b, e)))
		return st;
	if (!nodes)
		return hmr_fail(e, HMR_E_VERSION, "not a TensorFlow.js graph model");
	if (!(st = load_weights(&t, get(json, "weightsManifest"), bin, n_bin)) &&
	    !(st = load_nodes(&t, nodes)) && !(st = load_refs(&t, nodes)) &&
	    !(st = sort_nodes(&t)) && !(st = translate(&t)))
		st = load_outputs(&t, json);
	tf_release(&t);
	if (!st)
		hmr_build_simplify(b);
	return st;
}

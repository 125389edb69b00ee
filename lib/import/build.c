/* SPDX-License-Identifier: Apache-2.0 */
/* Collecting inputs, constants, nodes and outputs; build.h. */
#include "import/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum hmr_status
hmr_build_init(struct hmr_build *b, struct hmr_err *e)
{
	memset(b, 0, sizeof(*b));
	return hmr_names_init(&b->names, 256, e);
}

void
hmr_build_release(struct hmr_build *b)
{
	for (uint32_t i = 0; i < b->n_values; i++) {
		free(b->value[i].name);
		free(b->value[i].data);
	}
	for (uint32_t i = 0; i < b->n_nodes; i++) {
		free((void *)(uintptr_t)b->node[i].n.name);
		free((void *)(uintptr_t)b->node[i].n.in);
		free((void *)(uintptr_t)b->node[i].n.out);
		free((void *)(uintptr_t)b->node[i].n.list);
	}
	for (uint32_t i = 0; i < b->n_inputs; i++)
		free(b->input[i].name);
	for (uint32_t i = 0; i < b->n_outputs; i++)
		free(b->output[i].name);
	hmr_names_release(&b->names);
	free(b->value);
	free(b->node);
	memset(b, 0, sizeof(*b));
}

static void *
copy(const void *p, size_t n)
{
	void *q = malloc(n ? n : 1);

	return q && n ? memcpy(q, p, n) : q;
}

/* A new value; the name gets a suffix where it is taken. */
static enum hmr_status
add_value(struct hmr_build *b, const char *name, uint32_t *value, struct hmr_err *e)
{
	struct hmr_bvalue *v;
	char try[256];
	enum hmr_status st;
	unsigned k = 1;

	if (b->n_values == b->cap_values) {
		uint32_t cap = b->cap_values ? 2 * b->cap_values : 256;

		if (cap > 1u << 20)
			return hmr_fail(e, HMR_E_LIMIT, "graph too large");
		if (!(v = realloc(b->value, cap * sizeof(*v))))
			return hmr_fail(e, HMR_E_NOMEM, "graph");
		b->value = v;
		b->cap_values = cap;
	}
	snprintf(try, sizeof(try), "%.240s", name[0] ? name : "value");
	while (hmr_names_get(&b->names, try) >= 0)
		snprintf(try, sizeof(try), "%.240s.%u", name[0] ? name : "value", ++k);
	v = &b->value[b->n_values];
	memset(v, 0, sizeof(*v));
	v->node = -1;
	if (!(v->name = copy(try, strlen(try) + 1)))
		return hmr_fail(e, HMR_E_NOMEM, "graph");
	*value = b->n_values++;
	st = hmr_names_put(&b->names, v->name, *value, e);
	return st == HMR_EOF ? HMR_E_FORMAT : st;	/* never: it was free */
}

enum hmr_status
hmr_build_input(struct hmr_build *b, const char *name, const struct hmr_dims *d,
		const uint32_t free_axes[HMR_DIMS_MAX], uint32_t *value,
		struct hmr_err *e)
{
	struct hmr_bio *io = &b->input[b->n_inputs];
	enum hmr_status st;

	if (b->n_inputs == HMR_GRAPH_IO_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "more than %u inputs", HMR_GRAPH_IO_MAX);
	if ((st = add_value(b, name, value, e)))
		return st;
	b->value[*value].dims = *d;
	if (!(io->name = copy(b->value[*value].name, strlen(b->value[*value].name) + 1)))
		return hmr_fail(e, HMR_E_NOMEM, "graph");
	io->value = *value;
	memcpy(io->free, free_axes, sizeof(io->free));
	b->n_inputs++;
	return HMR_OK;
}

enum hmr_status
hmr_build_const(struct hmr_build *b, const char *name, enum hmr_dtype t,
		const struct hmr_dims *d, void *data, uint32_t *value,
		struct hmr_err *e)
{
	enum hmr_status st;

	if (!data)
		return hmr_fail(e, HMR_E_NOMEM, "constant %.80s", name);
	if ((st = add_value(b, name, value, e))) {
		free(data);
		return st;
	}
	b->value[*value].constant = true;
	b->value[*value].dtype = t;
	b->value[*value].dims = *d;
	b->value[*value].data = data;
	return HMR_OK;
}

static enum hmr_status
new_node(struct hmr_build *b, const char *name, const struct hmr_node *proto,
	 struct hmr_node **out, struct hmr_err *e)
{
	struct hmr_bnode *n;

	if (proto->n_in > HMR_NODE_IN_MAX || proto->n_out > HMR_NODE_IN_MAX ||
	    proto->n_list > HMR_NODE_LIST_MAX || b->n_nodes == HMR_NODES_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "node %.80s: too much for a graph", name);
	if (b->n_nodes == b->cap_nodes) {
		uint32_t cap = b->cap_nodes ? 2 * b->cap_nodes : 256;

		if (!(n = realloc(b->node, cap * sizeof(*n))))
			return hmr_fail(e, HMR_E_NOMEM, "graph");
		b->node = n;
		b->cap_nodes = cap;
	}
	n = &b->node[b->n_nodes++];
	n->dead = false;
	n->n = *proto;
	n->n.name = copy(name, strlen(name) + 1);
	n->n.in = copy(proto->in, proto->n_in * sizeof(*proto->in));
	n->n.out = copy(NULL, 0);
	n->n.list = copy(proto->list, proto->n_list * sizeof(*proto->list));
	if (!n->n.name || !n->n.in || !n->n.out || !n->n.list)
		return hmr_fail(e, HMR_E_NOMEM, "graph");
	*out = &n->n;
	return HMR_OK;
}

enum hmr_status
hmr_build_node(struct hmr_build *b, const char *name,
	       const struct hmr_node *proto, uint32_t *out, struct hmr_err *e)
{
	const struct hmr_dims *in[HMR_NODE_IN_MAX];
	struct hmr_dims dims[HMR_NODE_IN_MAX], *to[HMR_NODE_IN_MAX];
	bool fixed[HMR_NODE_IN_MAX];
	struct hmr_node *n = NULL;
	char part[256];
	enum hmr_status st;

	if ((st = new_node(b, name, proto, &n, e)))
		return st;
	for (uint32_t i = 0; i < n->n_in; i++) {
		in[i] = &b->value[n->in[i]].dims;
		fixed[i] = b->value[n->in[i]].constant;
	}
	for (uint32_t i = 0; i < n->n_out; i++)
		to[i] = &dims[i];
	if ((st = hmr_node_shape(n, in, fixed, to, e)))
		return st;
	for (uint32_t i = 0; i < n->n_out; i++) {
		snprintf(part, sizeof(part), i ? "%.240s:%u" : "%.240s", name, i);
		if ((st = add_value(b, part, &out[i], e)))
			return st;
		b->value[out[i]].dims = dims[i];
		b->value[out[i]].node = (int32_t)b->n_nodes - 1;
	}
	free((void *)(uintptr_t)n->out);
	if (!(n->out = copy(out, n->n_out * sizeof(*out))))
		return hmr_fail(e, HMR_E_NOMEM, "graph");
	return HMR_OK;
}

enum hmr_status
hmr_build_output(struct hmr_build *b, const char *name, uint32_t value,
		 struct hmr_err *e)
{
	struct hmr_bio *io = &b->output[b->n_outputs];

	if (b->n_outputs == HMR_GRAPH_IO_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "more than %u outputs", HMR_GRAPH_IO_MAX);
	if (b->value[value].node < 0)
		return hmr_fail(e, HMR_E_FORMAT, "output %.80s: an input or a constant", name);
	if (!(io->name = copy(name, strlen(name) + 1)))
		return hmr_fail(e, HMR_E_NOMEM, "graph");
	io->value = value;
	b->n_outputs++;
	return HMR_OK;
}

const struct hmr_bio *
hmr_build_find_output(const struct hmr_build *b, uint32_t rank,
		      const int64_t *sizes, uint32_t from)
{
	for (uint32_t i = from; i < b->n_outputs; i++) {
		const struct hmr_dims *d = &b->value[b->output[i].value].dims;
		bool fits = d->n == rank;

		for (uint32_t k = 1; fits && k < rank; k++)
			fits = sizes[k] < 0 || sizes[k] == d->d[k];
		if (fits)
			return &b->output[i];
	}
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model file: container, checksum, graph, shapes; then a small one, whatever its
 * checksum, is planned on ref and run. Input that does not begin with a header size gets
 * one, so that most mutations reach the JSON.
 */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include "base/bytes.h"
#include "import/safetensors.h"
#include "nn/graph.h"
#include "nn/ref_ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Runs every node of a graph whose values are small, on zeros and constants. */
static void
run(const struct hmr_graph *g, const struct hmr_dims *d)
{
	float **v = calloc(g->n_values + 1, sizeof(*v));
	double work = 0;

	for (uint32_t i = 0; i < g->n_values; i++)
		work += (double)hmr_dims_total(&d[i]);
	for (uint32_t i = 0; i < g->n_nodes; i++)
		work += (double)hmr_dims_total(&d[g->node[i].out[0]]) *
			(g->node[i].op == HMR_OP_MAX_POOL ? (double)g->node[i].kernel[0] *
			 g->node[i].kernel[1] : g->node[i].op == HMR_OP_CONV ?
			 (double)hmr_dims_total(&d[g->node[i].in[1]]) : 1);
	for (uint32_t i = 0; work < 1e6 && i < g->n_values; i++) {
		v[i] = calloc(hmr_dims_total(&d[i]) + 1, sizeof(**v));
		if (g->value[i].tensor >= 0)
			hmr_graph_const_f32(g, i, v[i]);
	}
	for (uint32_t i = 0; work < 1e6 && i < g->n_nodes; i++) {
		const struct hmr_node *n = &g->node[i];
		const float *in[HMR_NODE_IN_MAX];
		float *out[HMR_NODE_IN_MAX];
		const struct hmr_dims *di[HMR_NODE_IN_MAX], *dd[HMR_NODE_IN_MAX];
		struct hmr_call c = { n, in, out, di, dd, 0, 1 };

		for (uint32_t k = 0; k < n->n_in; k++) {
			in[k] = v[n->in[k]];
			di[k] = &d[n->in[k]];
		}
		for (uint32_t k = 0; k < n->n_out; k++) {
			out[k] = v[n->out[k]];
			dd[k] = &d[n->out[k]];
		}
		hmr_ref_call(&c);
	}
	for (uint32_t i = 0; i < g->n_values; i++)
		free(v[i]);
	free(v);
}

static void
parse(const uint8_t *p, size_t n)
{
	struct hmr_safetensors *s;
	struct hmr_graph *g;
	struct hmr_dims *d;
	const char *text;

	if (hmr_safetensors_parse(&s, p, n, NULL))
		return;
	(void)!hmr_safetensors_verify(s, NULL);
	text = hmr_safetensors_meta(s, "graph");
	if (text && !hmr_graph_parse(&g, text, s, NULL)) {
		d = calloc(g->n_values + 1, sizeof(*d));
		if (!hmr_graph_shapes(g, NULL, NULL, d, NULL))
			run(g, d);
		free(d);
		hmr_graph_free(g);
	}
	hmr_safetensors_close(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hmr_safetensors *s;
	struct hmr_graph *g;
	uint8_t *p;
	char *text;

	parse(data, n);
	/* the same bytes as a header of their own, without data */
	p = malloc(8 + n);
	hmr_put64(p, n);
	memcpy(p + 8, data, n);
	parse(p, 8 + n);
	free(p);
	/* and as a graph without constants */
	if (hmr_safetensors_parse(&s, "\2\0\0\0\0\0\0\0{}", 10, NULL))
		abort();
	text = malloc(n + 1);
	memcpy(text, data, n);
	text[n] = 0;
	if (!hmr_graph_parse(&g, text, s, NULL)) {
		struct hmr_dims *d = calloc(g->n_values + 1, sizeof(*d));

		if (!hmr_graph_shapes(g, NULL, NULL, d, NULL))
			run(g, d);
		free(d);
		hmr_graph_free(g);
	}
	free(text);
	hmr_safetensors_close(s);
	return 0;
}

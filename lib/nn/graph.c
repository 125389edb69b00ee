/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is needed of a graph: names of operators, nodes needed for outputs,
 * constants, padding of windows. parse.c makes graphs, shape.c sizes them.
 */
#include "nn/graph.h"

#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "import/safetensors.h"
#include "nn/half.h"

static const char *const op_name[HMR_OP_COUNT] = { "conv", "max_pool", "resize",
	"add", "mul", "act", "concat", "split", "pad", "reshape", "transpose" };
static const char *const act_name[HMR_ACT_COUNT] = { "none", "relu", "relu6",
	"leaky_relu", "sigmoid" };

const char *
hmr_op_name(enum hmr_op op)
{
	return (unsigned)op < HMR_OP_COUNT ? op_name[op] : "?";
}

const char *
hmr_act_name(enum hmr_act act)
{
	return (unsigned)act < HMR_ACT_COUNT ? act_name[act] : "?";
}

int
hmr_op_from_name(const char *s)
{
	for (int i = 0; i < HMR_OP_COUNT; i++)
		if (!strcmp(s, op_name[i]))
			return i;
	return -1;
}

int
hmr_act_from_name(const char *s)
{
	for (int i = 0; i < HMR_ACT_COUNT; i++)
		if (!strcmp(s, act_name[i]))
			return i;
	return -1;
}

void
hmr_graph_free(struct hmr_graph *g)
{
	if (!g)
		return;
	free(g->node);
	free(g->value);
	free(g->input);
	free(g->output);
	free(g->refs);
	free(g->lists);
	cJSON_Delete(g->json);
	free(g);
}

void
hmr_graph_live(const struct hmr_graph *g, const bool *keep, bool *live)
{
	memset(live, 0, g->n_nodes * sizeof(*live));
	for (uint32_t i = 0; i < g->n_outputs; i++) {
		int32_t n = g->value[g->output[i].value].node;

		if ((!keep || keep[i]) && n >= 0)
			live[n] = true;
	}
	for (uint32_t i = g->n_nodes; i-- > 0;) {
		const struct hmr_node *n = &g->node[i];

		for (uint32_t k = 0; live[i] && k < n->n_in; k++)
			if (g->value[n->in[k]].node >= 0)
				live[g->value[n->in[k]].node] = true;
	}
}

const struct hmr_dims *
hmr_graph_const_dims(const struct hmr_graph *g, uint32_t value)
{
	return &hmr_safetensors_at(g->file, (uint32_t)g->value[value].tensor)->dims;
}

void
hmr_graph_const_f32(const struct hmr_graph *g, uint32_t value, float *dst)
{
	const struct hmr_st_tensor *t =
		hmr_safetensors_at(g->file, (uint32_t)g->value[value].tensor);

	hmr_to_f32(dst, t->data, t->dtype, hmr_dims_total(&t->dims));
}

void
hmr_node_pads(const struct hmr_node *n, const int64_t k[2],
	      const struct hmr_dims *in, const struct hmr_dims *out,
	      int32_t pad[4])
{
	for (int a = 0; a < 2; a++) {
		int64_t total;

		if (!n->same) {
			pad[a] = n->pad[a];
			pad[a + 2] = n->pad[a + 2];
			continue;
		}
		total = (out->d[1 + a] - 1) * n->stride[a] + k[a] - in->d[1 + a];
		if (total < 0)
			total = 0;
		pad[a] = (int32_t)(total / 2);
		pad[a + 2] = (int32_t)(total - total / 2);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is needed of a graph: names of operators, nodes needed for outputs,
 * constants, padding of windows. parse.c makes graphs, shape.c sizes them.
 */
#include "nn/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "import/safetensors.h"
#include "nn/half.h"

static const char *const op_name[HMR_OP_COUNT] = { "conv", "max_pool", "resize",
	"add", "mul", "act", "concat", "split", "pad", "reshape", "transpose",
	"sub", "div", "min", "max", "pow", "prelu", "less", "equal", "where",
	"avg_pool", "conv_transpose", "matmul", "softmax", "reduce_mean",
	"reduce_sum", "reduce_max", "reduce_min", "norm", "slice", "gather", "tile",
	"arg_max", "top_k" };

const char *const hmr_coords_names[HMR_COORDS_COUNT] = { "half", "asymmetric",
	"corners" };
const char *const hmr_take_names[HMR_TAKE_COUNT] = { "linear", "floor", "ceil",
	"round_down", "round_up" };

const char *
hmr_op_name(enum hmr_op op)
{
	return (unsigned)op < HMR_OP_COUNT ? op_name[op] : "?";
}

int
hmr_op_from_name(const char *s)
{
	for (int i = 0; i < HMR_OP_COUNT; i++)
		if (!strcmp(s, op_name[i]))
			return i;
	return -1;
}

bool
hmr_op_is_binary(enum hmr_op op)
{
	return op == HMR_OP_ADD || op == HMR_OP_MUL ||
	       (op >= HMR_OP_SUB && op <= HMR_OP_EQUAL);
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
		int64_t total, d = n->dilate[a] > 1 ? n->dilate[a] : 1;

		if (!n->same) {
			pad[a] = n->pad[a];
			pad[a + 2] = n->pad[a + 2];
			continue;
		}
		total = (out->d[1 + a] - 1) * n->stride[a] + (k[a] - 1) * d + 1 -
			in->d[1 + a];
		if (total < 0)
			total = 0;
		pad[a] = (int32_t)(total / 2);
		pad[a + 2] = (int32_t)(total - total / 2);
	}
}

void
hmr_resize_tap(const struct hmr_node *n, int64_t i, int64_t in, int64_t out,
	       int64_t *lo, int64_t *hi, float *frac)
{
	double s = n->coords == HMR_COORDS_HALF ?
			((double)i + .5) * (double)in / (double)out - .5 :
		   n->coords == HMR_COORDS_ASYMMETRIC ?
			(double)i * (double)in / (double)out :
		   out > 1 ? (double)i * (double)(in - 1) / (double)(out - 1) : 0;
	double f = floor(s), at;

	*frac = (float)(s - f);
	at = n->take == HMR_TAKE_CEIL ? ceil(s) :
	     n->take == HMR_TAKE_ROUND_DOWN ? ceil(s - .5) :
	     n->take == HMR_TAKE_ROUND_UP ? floor(s + .5) : f;
	*lo = at < 0 ? 0 : at > (double)(in - 1) ? in - 1 : (int64_t)at;
	*hi = f + 1 < 0 ? 0 : f + 1 > (double)(in - 1) ? in - 1 : (int64_t)f + 1;
}

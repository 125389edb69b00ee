/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The static graph of a model file (formats/model.md): values, nodes and their
 * attributes as parsed and checked; shapes for chosen input sizes; which nodes
 * are needed for chosen outputs. Images are NHWC; weights of convolutions are
 * [out][in / group][kh][kw]. Everything is borrowed from the model.
 *
 * To add an operator: a name in graph.c, its attributes in parse.c, its shape
 * in shape.c, its loop in ref_ops.c with a case in the table of test_nn_ops.c,
 * then the other backends.
 */
#ifndef HMR_GRAPH_H
#define HMR_GRAPH_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "nn/nn.h"

#define HMR_NODES_MAX 16384u
#define HMR_NODE_IN_MAX 64u
#define HMR_NODE_LIST_MAX 64u
#define HMR_GRAPH_IO_MAX 64u

enum hmr_op {
	HMR_OP_CONV,		/* in, weight[, bias]; stride pad|same group act */
	HMR_OP_MAX_POOL,	/* kernel stride pad|same; padding never wins */
	HMR_OP_RESIZE,		/* bilinear, half-pixel centres; list: h num, den, w num, den */
	HMR_OP_ADD,		/* a, b of a's shape or [C] or one number; act */
	HMR_OP_MUL,		/* as ADD */
	HMR_OP_ACT,		/* act */
	HMR_OP_CONCAT,		/* axis */
	HMR_OP_SPLIT,		/* axis, list: sizes, one output each */
	HMR_OP_PAD,		/* list: before, after of each axis; value */
	HMR_OP_RESHAPE,		/* list: sizes; 0 keeps, one -1 is the rest */
	HMR_OP_TRANSPOSE,	/* list: out axis i is in axis list[i] */
	HMR_OP_COUNT
};

enum hmr_act {
	HMR_ACT_NONE, HMR_ACT_RELU, HMR_ACT_RELU6, HMR_ACT_LEAKY,	/* slope alpha below 0 */
	HMR_ACT_SIGMOID, HMR_ACT_COUNT
};

struct hmr_node {
	enum hmr_op op;
	const char *name;
	uint32_t n_in, n_out;
	const uint32_t *in, *out;	/* values */
	enum hmr_act act;
	float alpha, value;
	int32_t stride[2], kernel[2];	/* y, x */
	int32_t pad[4];			/* top, left, bottom, right */
	bool same;			/* TensorFlow's SAME instead of pad */
	int32_t group, axis;
	uint32_t n_list;
	const int64_t *list;
};

struct hmr_value {
	const char *name;
	int32_t node;		/* that makes it, or -1 */
	int32_t tensor;		/* constant: index in the file, or -1 */
	int32_t input;		/* index of the graph's inputs, or -1 */
};

struct hmr_graph_input {
	const char *name;
	uint32_t value;
	struct hmr_dims dims;	/* as stored */
	uint32_t free[HMR_DIMS_MAX];	/* per axis: 0 fixed, k: any multiple of k */
};

struct hmr_graph_output {
	const char *name;
	uint32_t value;
};

struct hmr_safetensors;
struct hmr_graph {
	uint32_t n_nodes, n_values, n_inputs, n_outputs;
	struct hmr_node *node;		/* in an order that can be run */
	struct hmr_value *value;
	struct hmr_graph_input *input;
	struct hmr_graph_output *output;
	const struct hmr_safetensors *file;	/* of the constants; borrowed */
	/* what the above points into */
	uint32_t *refs;
	int64_t *lists;
	struct cJSON *json;
};

/* text is the graph's JSON; file holds its constants. */
HMR_MUST_USE enum hmr_status
hmr_graph_parse(struct hmr_graph **out, const char *text,
		const struct hmr_safetensors *file, struct hmr_err *e);
void hmr_graph_free(struct hmr_graph *g);
const struct hmr_graph *hmr_model_graph(const struct hmr_model *m);	/* NULL: none */
const struct hmr_safetensors *hmr_model_file(const struct hmr_model *m);

const char *hmr_op_name(enum hmr_op op);
const char *hmr_act_name(enum hmr_act act);
int hmr_op_from_name(const char *s);	/* -1: unknown */
int hmr_act_from_name(const char *s);

/* Shapes of all values for the given input sizes; every check that the
 * operators rely on is made here. in[n_inputs]: 0 sizes keep the stored ones;
 * NULL keeps all. Only nodes with live[i] are visited (NULL: all). */
HMR_MUST_USE enum hmr_status
hmr_graph_shapes(const struct hmr_graph *g, const struct hmr_dims *in,
		 const bool *live, struct hmr_dims *dims /* [n_values] */,
		 struct hmr_err *e);
/* The same for one node: x[n_in] and fixed[n_in] (constants) to y[n_out]. */
HMR_MUST_USE enum hmr_status
hmr_node_shape(const struct hmr_node *n, const struct hmr_dims *const *x,
	       const bool *fixed, struct hmr_dims *const *y, struct hmr_err *e);
/* live[n_nodes]: needed for outputs marked in keep[n_outputs]. */
void hmr_graph_live(const struct hmr_graph *g, const bool *keep, bool *live);

/* Sizes of a constant; float32 copies of one. */
const struct hmr_dims *hmr_graph_const_dims(const struct hmr_graph *g, uint32_t value);
void hmr_graph_const_f32(const struct hmr_graph *g, uint32_t value, float *dst);

/* Rows and columns before the image for a window operator, given its shapes. */
void hmr_node_pads(const struct hmr_node *n, const int64_t k[2],
		   const struct hmr_dims *in, const struct hmr_dims *out,
		   int32_t pad[4]);

static inline float
hmr_act_apply(float x, enum hmr_act act, float alpha)
{
	switch (act) {
	case HMR_ACT_RELU: return x > 0 ? x : 0;
	case HMR_ACT_RELU6: return x > 0 ? (x < 6 ? x : 6) : 0;
	case HMR_ACT_LEAKY: return x > 0 ? x : x * alpha;
	case HMR_ACT_SIGMOID: return 1 / (1 + expf(-x));
	default: return x;
	}
}

static inline size_t
hmr_dims_total(const struct hmr_dims *d)	/* of checked dims */
{
	size_t n = 1;

	for (uint32_t i = 0; i < d->n; i++)
		n *= (size_t)d->d[i];
	return n;
}

/* Product of the sizes before axis, of the axis, and after. */
static inline void
hmr_dims_around(const struct hmr_dims *d, uint32_t axis, size_t *before,
		size_t *after)
{
	*before = *after = 1;
	for (uint32_t i = 0; i < d->n; i++) {
		if (i < axis)
			*before *= (size_t)d->d[i];
		if (i > axis)
			*after *= (size_t)d->d[i];
	}
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The static graph of a model file (formats/model.md): values, nodes and their
 * attributes as parsed and checked; shapes for chosen input sizes; which nodes
 * are needed for chosen outputs. Images are NHWC; weights of convolutions are
 * [out][in / group][kh][kw]. Everything is borrowed from the model.
 *
 * To add an operator: at the end of the enum, a name in graph.c, its attributes
 * in parse.c and import/write.c, its shape in shape.c or shape_ops.c, whether it
 * keeps images apart in slice.c, its loop in ref_*.c with a case in the tables of
 * test_nn_ops.c or test_nn_forms.c, then the other backends.
 */
#ifndef HMR_GRAPH_H
#define HMR_GRAPH_H

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
	HMR_OP_CONV,		/* in, weight[, bias]; stride dilate pad|same group act */
	HMR_OP_MAX_POOL,	/* kernel stride pad|same; padding never wins; act */
	HMR_OP_RESIZE,		/* mode; list: h num, den, w num, den */
	HMR_OP_ADD,		/* a, b; act. Shapes broadcast as numpy's do; at most one
				 * is a constant */
	HMR_OP_MUL,		/* as ADD, and so are SUB to EQUAL */
	HMR_OP_ACT,		/* act */
	HMR_OP_CONCAT,		/* axis */
	HMR_OP_SPLIT,		/* axis, list: sizes, one output each */
	HMR_OP_PAD,		/* list: before, after of each axis; value */
	HMR_OP_RESHAPE,		/* list: sizes; 0 keeps, one -1 is the rest */
	HMR_OP_TRANSPOSE,	/* list: out axis i is in axis list[i] */
	HMR_OP_SUB, HMR_OP_DIV, HMR_OP_MIN, HMR_OP_MAX, HMR_OP_POW,
	HMR_OP_PRELU,		/* a where a > 0, else a b */
	HMR_OP_LESS, HMR_OP_EQUAL,	/* 1 or 0 */
	HMR_OP_WHERE,		/* c, a, b: a where c is not 0, else b; broadcast */
	HMR_OP_AVG_POOL,	/* kernel stride pad|same count_pad act */
	HMR_OP_CONV_TRANSPOSE,	/* in, weight[, bias]; stride dilate pad group act; list:
				 * rows and columns added below and right */
	HMR_OP_MATMUL,		/* a [..,M,K], b [..,K,N] (or [..,N,K] with trans)[, bias
				 * [N]]; leading axes: b has a's, or none; act */
	HMR_OP_SOFTMAX,		/* axis */
	HMR_OP_REDUCE_MEAN, HMR_OP_REDUCE_SUM, HMR_OP_REDUCE_MAX,
	HMR_OP_REDUCE_MIN,	/* list: axes, rising, kept as 1; act */
	HMR_OP_NORM,		/* x[, scale, bias: [last axis]]; list: axes; value: epsilon;
				 * (x - mean) / sqrt(variance + epsilon); act */
	HMR_OP_SLICE,		/* list: start, step (1.. or -1), count of each axis; count
				 * 0: to the end */
	HMR_OP_GATHER,		/* x, index of rank 0 or 1; axis. Out of range: the edge */
	HMR_OP_TILE,		/* list: repeats of each axis */
	HMR_OP_ARG_MAX,		/* axis, kept as 1; the first of equal ones */
	HMR_OP_TOP_K,		/* axis, list: k; values, indices; largest first */
	HMR_OP_COUNT
};

enum hmr_act {
	HMR_ACT_NONE, HMR_ACT_RELU, HMR_ACT_RELU6, HMR_ACT_LEAKY,	/* slope alpha below 0 */
	HMR_ACT_SIGMOID,
	HMR_ACT_SWISH,		/* x sigmoid(alpha x) */
	HMR_ACT_HARD_SIGMOID,	/* alpha x + beta, cut to 0..1 */
	HMR_ACT_HARD_SWISH,	/* x (alpha x + beta cut to 0..1) */
	HMR_ACT_TANH,
	HMR_ACT_ELU,		/* alpha (e^x - 1) below 0 */
	HMR_ACT_GELU,		/* x / 2 (1 + erf(x / sqrt 2)) */
	HMR_ACT_GELU_TANH,	/* its approximation */
	HMR_ACT_MISH,		/* x tanh(log(1 + e^x)) */
	HMR_ACT_SOFTPLUS,	/* log(1 + e^x) */
	HMR_ACT_CLIP,		/* to alpha..beta */
	HMR_ACT_EXP, HMR_ACT_LOG, HMR_ACT_SQRT, HMR_ACT_ABS, HMR_ACT_ERF,
	HMR_ACT_FLOOR, HMR_ACT_CEIL, HMR_ACT_ROUND,	/* half to even */
	HMR_ACT_TRUNC, HMR_ACT_SIN, HMR_ACT_COS,
	HMR_ACT_COUNT
};

/* How an output pixel i of n finds its place s among m input pixels, and what it
 * takes from there. */
enum hmr_coords {
	HMR_COORDS_HALF,	/* s = (i + 1/2) m/n - 1/2 */
	HMR_COORDS_ASYMMETRIC,	/* s = i m/n */
	HMR_COORDS_CORNERS,	/* s = i (m - 1)/(n - 1) */
	HMR_COORDS_COUNT
};

enum hmr_take {
	HMR_TAKE_LINEAR,	/* of the two neighbours, taps cut to the image */
	HMR_TAKE_FLOOR, HMR_TAKE_CEIL,	/* the one pixel: rounded so, */
	HMR_TAKE_ROUND_DOWN, HMR_TAKE_ROUND_UP,	/* to the nearest, halves so */
	HMR_TAKE_COUNT
};

extern const char *const hmr_coords_names[HMR_COORDS_COUNT];
extern const char *const hmr_take_names[HMR_TAKE_COUNT];

struct hmr_node {
	enum hmr_op op;
	const char *name;
	uint32_t n_in, n_out;
	const uint32_t *in, *out;	/* values */
	enum hmr_act act;
	float alpha, beta, value;
	int32_t stride[2], kernel[2];	/* y, x */
	int32_t pad[4];			/* top, left, bottom, right */
	bool same;			/* TensorFlow's SAME instead of pad */
	int32_t dilate[2];		/* y, x; 0 is 1 */
	bool count_pad, trans;
	enum hmr_coords coords;
	enum hmr_take take;
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

/* Rows and columns before and after the image for a window operator of kernel k,
 * given its shapes. */
void hmr_node_pads(const struct hmr_node *n, const int64_t k[2],
		   const struct hmr_dims *in, const struct hmr_dims *out,
		   int32_t pad[4]);

/* One tap of a resize: s along one axis, clamped; hi and frac for LINEAR. */
void hmr_resize_tap(const struct hmr_node *n, int64_t i, int64_t in, int64_t out,
		    int64_t *lo, int64_t *hi, float *frac);
float hmr_act_apply(float x, enum hmr_act act, float alpha, float beta);
/* Whether an activation reads alpha, beta. */
bool hmr_act_has_alpha(enum hmr_act act);
bool hmr_act_has_beta(enum hmr_act act);
/* The binary operators ADD, MUL, SUB to EQUAL. */
bool hmr_op_is_binary(enum hmr_op op);

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

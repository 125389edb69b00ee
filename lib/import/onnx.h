/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the ONNX importer. onnx_file.c reads files, onnx.c walks the graph,
 * onnx_tensor.c has constants, onnx_fold.c and onnx_eval.c compute with them,
 * onnx_view.c keeps track of the order of axes, onnx_ops.c and its neighbours
 * translate operators.
 *
 * Images are channels first in ONNX and last here. No operator is translated
 * with transposes around it: every source value is a value of ours seen through
 * a permutation, and only what cannot work on that order turns it.
 */
#ifndef HMR_IMPORT_ONNX_H
#define HMR_IMPORT_ONNX_H

#include <stdbool.h>
#include <stdint.h>

#include "import/build.h"
#include "import/names.h"
#include "onnx.pb-c.h"

/* A constant's numbers, shared by all views of it. */
struct ox_tensor {
	int32_t type;		/* ONNX's element types */
	size_t count;
	const uint8_t *raw;	/* little-endian elements; NULL: see num */
	void **owner;		/* where raw's malloc is held, NULL: it cannot be had */
	double *num;		/* the same as numbers; NULL: not needed yet */
};

struct ox_view {		/* what a source value is here */
	enum { OX_NONE, OX_CONST, OX_VALUE } kind;
	struct hmr_dims dims;	/* OX_CONST: as in the source */
	struct ox_tensor *tensor;
	uint32_t value;		/* OX_VALUE */
	uint8_t perm[HMR_DIMS_MAX];	/* source axis i is axis perm[i] of value */
	bool whole;		/* whole numbers: of an integer or boolean type */
};

struct ox_node {
	const Onnx__NodeProto *p;
	char name[128];		/* its own, else its first output's */
	uint32_t n_in, n_out;
	struct ox_view *in[HMR_NODE_IN_MAX];	/* NULL: left out */
	struct ox_view *out[HMR_NODE_IN_MAX];	/* NULL: not wanted */
};

struct ox {
	struct hmr_build *b;
	const Onnx__ModelProto *model;
	uint32_t height, width;	/* of open sizes; 0: none given */
	int64_t opset;
	struct ox_view *view;
	uint32_t n_views;
	struct hmr_names names;	/* of views */
	struct ox_tensor **tensor;	/* owned, numbers included */
	uint32_t n_tensors, cap_tensors;
	size_t room;		/* bytes that numbers may still take */
	struct { uint32_t from, to; uint8_t perm[HMR_DIMS_MAX]; } *turned;
	uint32_t n_turned, cap_turned;
	/* external weights, as in struct hmr_onnx_options */
	enum hmr_status (*fetch)(void *ctx, const char *file, uint64_t at, void *dst,
				 size_t n, struct hmr_err *e);
	void *ctx;
	struct hmr_err *e;
};

/* The whole of t->model into t->b. Frees what t holds of its own. */
HMR_MUST_USE enum hmr_status ox_build(struct ox *t);

/* "node NAME: OP (opset 11) WHY" */
HMR_MUST_USE enum hmr_status
ox_no(struct ox *t, const struct ox_node *n, const char *why);

/* --- attributes, onnx.c --------------------------------------------------- */
const Onnx__AttributeProto *ox_attr(const struct ox_node *n, const char *key);
int64_t ox_int(const struct ox_node *n, const char *key, int64_t fallback);
float ox_float(const struct ox_node *n, const char *key, float fallback);
/* Numbers of a list; returns how many there are, writes at most cap. */
uint32_t ox_ints(const struct ox_node *n, const char *key, int64_t *v, uint32_t cap);
bool ox_is(const struct ox_node *n, const char *key, const char *word, bool fallback);

/* --- constants, onnx_tensor.c ---------------------------------------------- */
HMR_MUST_USE enum hmr_status
ox_tensor_load(struct ox *t, Onnx__TensorProto *p, const char *name, struct ox_view *v);
/* A constant of numbers that were computed; room for them is counted. */
HMR_MUST_USE enum hmr_status
ox_tensor_new(struct ox *t, int32_t type, const struct hmr_dims *d, struct ox_view *v);
HMR_MUST_USE enum hmr_status ox_numbers(struct ox *t, const struct ox_view *v, const double **num);
bool ox_type_is_float(int32_t type);
bool ox_type_known(int32_t type);
/* The integers of a constant; false where it is none or larger than cap. */
bool ox_const_ints(struct ox *t, const struct ox_view *v, int64_t *out, uint32_t cap, uint32_t *n);
bool ox_const_f32(struct ox *t, const struct ox_view *v, float *out);	/* one number */
/* A constant of the model file with v's numbers in the given order of axes
 * (NULL: its own) and sizes d. The source's bytes are taken, not copied, where
 * order and type allow. */
HMR_MUST_USE enum hmr_status
ox_const_value(struct ox *t, const char *name, const struct ox_view *v,
	       const uint8_t *perm, const struct hmr_dims *d, uint32_t *value);

/* HMR_EOF: not a node that can be folded. */
HMR_MUST_USE enum hmr_status ox_fold(struct ox *t, const struct ox_node *n);	/* onnx_fold.c */
HMR_MUST_USE enum hmr_status ox_eval(struct ox *t, const struct ox_node *n);	/* onnx_eval.c */

/* --- order of axes, onnx_view.c --------------------------------------------- */
void ox_dims(const struct ox *t, const struct ox_view *v, struct hmr_dims *d);
void ox_set(struct ox_view *v, uint32_t value, const uint8_t *perm);
extern const uint8_t ox_plain_order[HMR_DIMS_MAX], ox_image_order[HMR_DIMS_MAX];
/* A value whose axis perm[i] is v's axis i. Constants become constants. */
HMR_MUST_USE enum hmr_status
ox_arrange(struct ox *t, const struct ox_node *n, const struct ox_view *v,
	   const uint8_t *perm, uint32_t *value);
/* The same numbers with other sizes, moved only where the order of axes asks. */
HMR_MUST_USE enum hmr_status
ox_reshape(struct ox *t, const struct ox_node *n, const struct ox_view *v,
	   const struct hmr_dims *d, struct ox_view *out);
/* Ones put before v's axes until there are `rank`. */
HMR_MUST_USE enum hmr_status
ox_lift(struct ox *t, const struct ox_node *n, const struct ox_view *v,
	uint32_t rank, struct ox_view *out);

/* --- operators ---------------------------------------------------------------- */
/* Adds the node; its outputs are seen through perm (NULL: plain). */
HMR_MUST_USE enum hmr_status
ox_emit(struct ox *t, const struct ox_node *n, struct hmr_node *p, const uint8_t *perm);
HMR_MUST_USE enum hmr_status	/* one output, to a view of the caller's */
ox_emit_to(struct ox *t, const struct ox_node *n, struct hmr_node *p,
	   const uint8_t *perm, struct ox_view *out);
HMR_MUST_USE enum hmr_status	/* an activation of a value */
ox_emit_act(struct ox *t, const struct ox_node *n, const struct ox_view *v,
	    enum hmr_act act, float alpha, float beta, struct ox_view *out);
HMR_MUST_USE enum hmr_status	/* op of two views, which may be constants */
ox_emit_binary(struct ox *t, const struct ox_node *n, enum hmr_op op,
	       const struct ox_view *a, const struct ox_view *b, struct ox_view *out);
HMR_MUST_USE enum hmr_status	/* a view of one number */
ox_number(struct ox *t, double x, struct ox_view *out);
/* Axes as an attribute up to opset `until`, as input i after it; made positive
 * and sorted. false: no constant, or out of range; *k = 0: none given. */
bool ox_axes(struct ox *t, const struct ox_node *n, int64_t until, uint32_t i,
	     uint32_t rank, int64_t *axes, uint32_t *k);
bool ox_axis(const struct ox_node *n, int64_t fallback, uint32_t rank, uint32_t *axis);

typedef enum hmr_status ox_lower_fn(struct ox *t, const struct ox_node *n);
HMR_MUST_USE enum hmr_status ox_lower(struct ox *t, const struct ox_node *n);
ox_lower_fn ox_conv, ox_conv_transpose, ox_pool, ox_global_pool, ox_resize;	/* onnx_window.c */
ox_lower_fn ox_reshape_op, ox_flatten, ox_squeeze, ox_unsqueeze, ox_transpose,	/* onnx_move.c */
	ox_slice, ox_split, ox_gather, ox_concat, ox_pad, ox_expand, ox_tile,
	ox_depth_to_space, ox_space_to_depth;
/* Sizes of a Split along its axis, as an attribute or an input. */
bool ox_split_sizes(struct ox *t, const struct ox_node *n, const struct hmr_dims *d,
		    uint32_t *axis, int64_t size[HMR_NODE_LIST_MAX], uint32_t *k);
ox_lower_fn ox_gemm, ox_matmul, ox_softmax, ox_reduce, ox_batch_norm,	/* onnx_math.c */
	ox_instance_norm, ox_layer_norm, ox_arg_max, ox_top_k, ox_lp_norm;

#endif

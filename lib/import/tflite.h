/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the TensorFlow Lite importer: tflite.c loads tensors and operators,
 * tflite_const.c their constants, tflite_image.c translates operators on images,
 * tflite_ops.c the others, tflite_file.c reads the file. Numbers are those of
 * TensorFlow's schema.fbs, version 3.
 */
#ifndef HMR_TFLITE_H
#define HMR_TFLITE_H

#include "import/build.h"
#include "import/flat.h"

enum tl_type {			/* schema: TensorType */
	TL_F32 = 0, TL_F16 = 1, TL_I32 = 2, TL_U8 = 3, TL_I64 = 4, TL_I8 = 9,
};

enum tl_code {			/* schema: BuiltinOperator */
	TL_ADD = 0, TL_AVERAGE_POOL_2D = 1, TL_CONCATENATION = 2, TL_CONV_2D = 3,
	TL_DEPTHWISE_CONV_2D = 4, TL_DEPTH_TO_SPACE = 5, TL_DEQUANTIZE = 6,
	TL_FULLY_CONNECTED = 9, TL_LOGISTIC = 14, TL_MAX_POOL_2D = 17, TL_MUL = 18,
	TL_RELU = 19, TL_RELU_N1_TO_1 = 20, TL_RELU6 = 21, TL_RESHAPE = 22,
	TL_RESIZE_BILINEAR = 23, TL_SOFTMAX = 25, TL_SPACE_TO_DEPTH = 26, TL_TANH = 28,
	TL_PAD = 34, TL_TRANSPOSE = 39, TL_MEAN = 40, TL_SUB = 41, TL_DIV = 42,
	TL_SQUEEZE = 43, TL_STRIDED_SLICE = 45, TL_EXP = 47, TL_SPLIT = 49, TL_PRELU = 54,
	TL_MAXIMUM = 55, TL_MINIMUM = 57, TL_PADV2 = 60, TL_SLICE = 65,
	TL_TRANSPOSE_CONV = 67, TL_EXPAND_DIMS = 70, TL_LOG = 73, TL_SUM = 74, TL_SQRT = 75,
	TL_REDUCE_MAX = 82, TL_REDUCE_MIN = 89, TL_SQUARE = 92,
	TL_RESIZE_NEAREST_NEIGHBOR = 97, TL_LEAKY_RELU = 98, TL_ABS = 101, TL_SPLIT_V = 102,
	TL_ELU = 111, TL_HARD_SWISH = 117, TL_GELU = 150,
};

struct tl_tensor {
	char name[128];
	enum tl_type type;
	struct hmr_dims dims;
	const uint8_t *data;	/* constant: of the file; NULL: none */
	size_t bytes;
	struct hmr_flat_vector scale, zero;	/* of a quantized one: f32, i64 */
	int32_t axis;		/* of scale, where there are several */
	bool known;		/* value is set: an input or computed */
	uint32_t value;
	int32_t from;		/* a constant that DEQUANTIZE made of this one; -1 */
};

struct tl_op {
	uint32_t index;		/* for messages */
	int32_t code, version;
	char custom[64];
	struct hmr_flat_vector in, out;		/* of i32, tensors; -1: absent */
	struct hmr_flat_table options;
};

struct tl {
	struct hmr_build *b;
	struct hmr_err *e;
	struct hmr_flat_table model, graph;
	struct tl_tensor *tensor;
	uint32_t n_tensors;
	struct hmr_flat_vector buffers, codes;
};

const char *tl_op_name(int32_t code);	/* NULL: not supported */
/* "operator 7 (CONV_2D version 3): why" */
enum hmr_status tl_no(struct tl *t, const struct tl_op *o, const char *why);

/* Input i; NULL: absent. Indices were checked. */
struct tl_tensor *tl_in(struct tl *t, const struct tl_op *o, uint32_t i);
struct tl_tensor *tl_out(struct tl *t, const struct tl_op *o, uint32_t i);
/* A node for the operator; p->n_out outputs. */
HMR_MUST_USE enum hmr_status
tl_emit(struct tl *t, const struct tl_op *o, const struct hmr_node *p);
/* A node in the middle of an operator. */
HMR_MUST_USE enum hmr_status
tl_step(struct tl *t, const struct tl_op *o, const struct hmr_node *p, uint32_t *value);
/* schema: ActivationFunctionType */
HMR_MUST_USE enum hmr_status
tl_fused(struct tl *t, const struct tl_op *o, uint32_t field, struct hmr_node *p);

/* Constants: integers; false where it is none, or larger than cap. */
bool tl_ints(const struct tl *t, const struct tl_tensor *c, int64_t *out, uint32_t cap,
	     uint32_t *n);
bool tl_is_const(const struct tl *t, const struct tl_tensor *c);
/* A value of float16 or float32 in the order perm[4] of its axes (NULL: as it is),
 * with the sizes d. */
HMR_MUST_USE enum hmr_status
tl_const(struct tl *t, const struct tl_op *o, const struct tl_tensor *c,
	 const uint8_t *perm, const struct hmr_dims *d, uint32_t *value);
/* Input i as a value, computed or constant. */
HMR_MUST_USE enum hmr_status
tl_value(struct tl *t, const struct tl_op *o, uint32_t i, uint32_t *value);
/* The same, refusing constants. */
HMR_MUST_USE enum hmr_status
tl_computed(struct tl *t, const struct tl_op *o, uint32_t i, uint32_t *value);

/* HMR_EOF: not one of these operators. */
HMR_MUST_USE enum hmr_status tl_lower_image(struct tl *t, const struct tl_op *o);
HMR_MUST_USE enum hmr_status tl_lower(struct tl *t, const struct tl_op *o);

#endif

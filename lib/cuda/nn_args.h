/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of the kernels that run networks (nn_ops.inc, nn_move.cu): filled in by
 * lib/nn/cuda_*.c. Pointers are device memory; images are NHWC; every kernel that
 * is a loop over independent indices has n of them. Operators and activations are
 * those of nn/graph.h, by number.
 */
#ifndef HMR_NN_ARGS_H
#define HMR_NN_ARGS_H

#include <stdint.h>

#define NN_AXES 12

/* Strides are in elements, or in units of move's width; 0 repeats. */
struct nn_move {		/* y[at . sy] = x[at . sx], at over dims */
	uint64_t n;
	const void *x;
	void *y;
	uint32_t rank, dims[NN_AXES];
	int32_t sx[NN_AXES], sy[NN_AXES];
};

struct nn_fill {
	uint64_t n;
	void *y;
	float value;
};

struct nn_act {
	uint64_t n;
	const void *x;
	void *y;
	const void *bias;	/* [channels], or NULL: added first */
	uint32_t channels;
	int32_t act;
	float alpha, beta;
};

struct nn_map {			/* y[i] = act(op(in[0], in[1], in[2])) */
	uint64_t n;
	const void *in[3];
	void *y;
	uint32_t rank, dims[NN_AXES];
	int32_t s[3][NN_AXES];
	int32_t op, act;
	float alpha, beta;
};

struct nn_window {		/* convolutions and pools */
	uint64_t n;		/* outputs, or quads of channels */
	const void *x, *w, *bias;	/* w [kh][kw][per][out]; bias or NULL */
	void *y;
	uint32_t h, wd, c;	/* of an image of x */
	uint32_t oh, ow, out;
	uint32_t kh, kw;
	uint32_t per, outs;	/* channels of a group: in, out */
	int32_t stride[2], dilate[2], pad[2];	/* y, x; top, left */
	int32_t op, act;
	int32_t count_pad;
	float alpha, beta;
};

struct nn_resize {
	uint64_t n;		/* outputs */
	const void *x;
	void *y;
	const int32_t *lo[2], *hi[2];	/* [oh], [ow]: rows, columns */
	const float *frac[2];
	uint32_t h, wd, c, oh, ow;
	int32_t linear;
};

struct nn_group {		/* reductions, norms, softmax: groups of elements */
	uint64_t n;		/* groups */
	const void *x, *scale, *bias;	/* [channels], or NULL */
	void *y;
	uint32_t kept, kept_dims[NN_AXES];	/* which group */
	int32_t kept_s[NN_AXES];
	uint32_t rank, dims[NN_AXES];	/* which of its `count` elements */
	int32_t s[NN_AXES];
	uint32_t count, channels;
	int32_t op, act;
	float eps, alpha, beta;
};

struct nn_pick {		/* gather, the largest of an axis */
	uint64_t n;		/* outputs of gather, rows of best */
	const void *x;
	const void *index;	/* gather: [picks] */
	void *y, *y_index;	/* best: values, places; either may be NULL */
	uint32_t size, picks, after;	/* of the axis, in x and in y */
};

struct nn_convert {
	uint64_t n;
	const void *x;
	void *y;
};

#endif

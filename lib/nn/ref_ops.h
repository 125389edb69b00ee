/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One plain loop for every operator, float32, in the order of the definition.
 * The reference of the operators' tests; speed does not matter. The cpu backend
 * uses the same interface for its own loops (cpu_ops.h).
 */
#ifndef HMR_REF_OPS_H
#define HMR_REF_OPS_H

#include "nn/graph.h"

struct hmr_call {		/* a node with its places */
	const struct hmr_node *n;
	const float *const *in;	/* [n_in] */
	float *const *out;	/* [n_out] */
	const struct hmr_dims *const *dim_in, *const *dim_out;
	uint32_t part, parts;	/* of the cpu backend's loops; the reference does all */
};

void hmr_ref_call(const struct hmr_call *c);
bool hmr_ref_move(const struct hmr_call *c);	/* false: not one of its operators */
void hmr_ref_math(const struct hmr_call *c);

/* Index along every axis of element i. */
void hmr_dims_unravel(const struct hmr_dims *d, size_t i, int64_t at[HMR_DIMS_MAX]);
float hmr_binary_apply(enum hmr_op op, float a, float b);

#endif

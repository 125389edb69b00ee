/* SPDX-License-Identifier: Apache-2.0 */
/* Between shape.c and shape_ops.c: one node being sized and checked. */
#ifndef HMR_SHAPE_H
#define HMR_SHAPE_H

#include "nn/graph.h"

struct hmr_sizer {
	const struct hmr_node *n;
	const struct hmr_dims *const *in;
	const bool *fixed;		/* [n_in]: constants */
	struct hmr_dims *const *out;
	struct hmr_err *e;
};

HMR_MUST_USE enum hmr_status	/* "node NAME (OP): what" */
hmr_size_bad(const struct hmr_sizer *s, const char *what);
HMR_MUST_USE enum hmr_status	/* output i, checked */
hmr_size_set(const struct hmr_sizer *s, uint32_t i, const struct hmr_dims *d);

/* b against a from the last axis on: equal or 1 everywhere gives the joint shape. */
bool hmr_dims_broadcast(const struct hmr_dims *a, const struct hmr_dims *b,
			struct hmr_dims *out);

/* shape_ops.c: the operators that no window moves over. */
HMR_MUST_USE enum hmr_status hmr_size_op(const struct hmr_sizer *s);

#endif

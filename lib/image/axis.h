/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/image: which source samples, with which weights, make each
 * sample of a resampled line. */
#ifndef HMR_AXIS_H
#define HMR_AXIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hmr_axis {
	uint32_t n;		/* samples out */
	uint32_t lo, hi;	/* source samples used: lo <= i < hi */
	bool two;		/* every count is 2, at[i] = 2i; first[i] + 1 may be
				 * one past the source, its weight is then 0 */
	uint32_t *first;	/* [n] first source sample */
	uint32_t *count;	/* [n] how many */
	uint32_t *at;		/* [n] where its weights begin */
	float *weight;
	float *cover;		/* [n] sum of weights: 1 where wholly inside */
};

/* Bytes of the arrays for n_out samples from at most n_src. */
size_t hmr_axis_bytes(uint32_t n_out, uint32_t n_src);
/* Lays the arrays into zeroed memory of that size. */
void hmr_axis_init(struct hmr_axis *a, void *mem, uint32_t n_out, uint32_t n_src);

/* Output i covers the source interval start + i*step .. start + (i+1)*step.
 * black: what lies outside counts as zero; otherwise the edge is repeated. */
void hmr_axis_plan(struct hmr_axis *a, uint32_t n_out, uint32_t n_src,
		   double start, double step, bool black);

#endif

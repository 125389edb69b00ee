/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches run image by image: the backend gets a plan for one image, inputs and
 * outputs of the whole batch lie here. Only for graphs in which no operator
 * mixes images.
 */
#ifndef HMR_SLICE_H
#define HMR_SLICE_H

#include "nn/backend.h"

/* Whether image i of every output comes from image i of the inputs alone; sizes are
 * those of a batch, fixed[] says which inputs are constants. */
bool hmr_node_keeps_apart(const struct hmr_node *n, const struct hmr_dims *const *in,
			  const bool *fixed, const struct hmr_dims *out, int64_t batch);

struct hmr_slices;
/* *out = NULL where all plans of the job are for one image, or images mix. The
 * job's plan[] must outlive it. */
HMR_MUST_USE enum hmr_status
hmr_slices_new(struct hmr_slices **out, const struct hmr_job *job,
	       struct hmr_err *e);
void hmr_slices_free(struct hmr_slices *s);
const struct hmr_plan *hmr_slices_plan(const struct hmr_slices *s);
size_t hmr_slices_bytes(const struct hmr_slices *s);
float *hmr_slices_input(struct hmr_slices *s, uint32_t i);
const float *hmr_slices_output(const struct hmr_slices *s, uint32_t i);
HMR_MUST_USE enum hmr_status
hmr_slices_run(struct hmr_slices *s, const struct hmr_backend *b,
	       struct hmr_exec *x, uint32_t batch, struct hmr_err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2's backbone on oneDNN in float32, for processors without AVX-512, where its
 * products are as fast as they can be and ours do not run. Weights of other
 * formats are widened.
 */
#ifndef HMR_HMR2_DNNL_H
#define HMR_HMR2_DNNL_H

#include "hmr2/hmr2_weights.h"

struct hmr2_dnnl;
/* For up to max people. The weights stay open as long as it lives. */
HMR_MUST_USE enum hmr_status
hmr2_dnnl_new(struct hmr2_dnnl **out, const struct hmr2_weights *w, uint32_t max,
	      unsigned threads, struct hmr_err *e);
void hmr2_dnnl_free(struct hmr2_dnnl *n);
size_t hmr2_dnnl_bytes(const struct hmr2_dnnl *n, size_t *weights);
/* crops [n][3][256][192] to tokens x [n][192][dim]. */
HMR_MUST_USE enum hmr_status
hmr2_dnnl_run(struct hmr2_dnnl *net, const float *crops, uint32_t n, float *x,
	      struct hmr_err *e);

#endif

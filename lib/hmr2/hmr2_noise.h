/* SPDX-License-Identifier: Apache-2.0 */
/* An HMR2 of any dimensions with random weights, in memory: for measuring where no
 * checkpoint is, and for comparing implementations. */
#ifndef HMR_HMR2_NOISE_H
#define HMR_HMR2_NOISE_H

#include "hmr2/hmr2_weights.h"

/* The dimensions of HMR2.0: ViT-H and a decoder of 6 layers. */
void hmr2_noise_full(struct hmr_hmr2_dims *d);

/* w: bfloat16 weights of size 1 / sqrt(inputs), or int8 where such a file has them,
 * float32 norms near 1 and biases near 0; the same for the same dimensions. *memory
 * owns it all but what hmr2_weights_close() frees: close w, then free *memory. */
HMR_MUST_USE enum hmr_status
hmr2_noise(struct hmr2_weights *w, const struct hmr_hmr2_dims *d, bool int8,
	   void **memory, struct hmr_err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2 in plain loops, one person, float32, as the paper's code does it: the
 * reference that the fast implementation is tested against. Nothing else.
 */
#ifndef HMR_HMR2_REF_H
#define HMR_HMR2_REF_H

#include "hmr2/hmr2_net.h"
#include "hmr2/hmr2_weights.h"

size_t hmr2_ref_bytes(const struct hmr_hmr2_dims *d);	/* of work */
/* crop [3][256][192]; tokens [192][dim]; all given. */
void hmr2_ref_backbone(const struct hmr2_weights *w, const float *crop,
		       float *tokens, float *work);
void hmr2_ref_head(const struct hmr2_weights *w, const float *tokens,
		   struct hmr_hmr2_result *out, float *work);
/* 24 x 6 numbers to rotation matrices. */
void hmr2_rotations(const float *six, float (*out)[9]);

#endif

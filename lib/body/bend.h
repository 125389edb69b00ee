/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For lib/body alone: corrections of the rest surface by single joints, the sparse
 * form of pose blend shapes (formats/body.md, tensors bend and bend_index).
 */
#ifndef HMR_BODY_BEND_H
#define HMR_BODY_BEND_H

#include "body/body_impl.h"

/* Reads the tensors; b->bend stays NULL where there are none. */
HMR_MUST_USE enum hmr_status
body_bend_read(struct hmr_body *b, struct hmr_err *e);
void body_bend_free(struct body_bend *bend);

/* Adds to the first n vertices at [n][3] what the pose makes of them. */
void body_bend_add(const struct body_bend *bend,
		   const float pose[HMR_BODY_JOINTS][9], float *at, uint32_t n);

#endif

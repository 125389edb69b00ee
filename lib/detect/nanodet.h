/* SPDX-License-Identifier: Apache-2.0 */
/* Reading NanoDet's outputs (RangiLyu/nanodet, head "GFL"): class probabilities
 * and, for each side of a box, a distribution over distances. */
#ifndef HMR_NANODET_H
#define HMR_NANODET_H

#include <stddef.h>
#include <stdint.h>

#include "detect/boxes.h"

#define HMR_NANODET_BINS 11	/* distances 0..10 in strides */

struct hmr_nanodet_level {
	uint32_t stride;	/* network pixels a cell */
	uint32_t cols, rows;	/* cells */
	uint32_t classes;
	const float *prob;	/* [rows*cols][classes] */
	const float *side;	/* [rows*cols][4][11] logits: left top right bottom */
};

/* Appends to out[*n] the boxes of class 0 with a score of at least min, in image
 * pixels: network coordinates times scale[0] in x and scale[1] in y. out has
 * room for every cell of every level that is decoded into it. */
void hmr_nanodet_decode(const struct hmr_nanodet_level *l, float min,
			const float scale[2], struct hmr_scored *out,
			uint32_t *n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/image: from an image's samples to RGB. */
#ifndef HMR_COLOUR_H
#define HMR_COLOUR_H

#include <stdbool.h>

#include "image/sample.h"

/* r = gy*Y + rv*V, g = gy*Y + gu*U + gv*V, b = gy*Y + bu*U, each in 0..1, of
 * samples less their zero, where a zero counts as much as the coverage. */
struct hmr_colour {
	bool rgb;		/* no matrix: samples times gy */
	bool gray;
	float gy, zero_y;
	float zero_c, rv, gu, gv, bu;
};

void hmr_colour_init(struct hmr_colour *k, const struct hmr_image *im);

/* One raster row. line: Y U V or R G B samples weighed by coverage, except that
 * chroma is not weighed: it is repeated beyond the edge. */
void hmr_colour_row(const struct hmr_colour *k, float *const line[3],
		    const float *cover, const struct hmr_raster *r,
		    float *const to[3]);

/* How many pixels a chroma sample covers in x and y, and the chroma plane's
 * size. false: the format has no chroma planes. */
bool hmr_chroma_shape(const struct hmr_image *im, uint32_t *sx, uint32_t *sy,
		      uint32_t *w, uint32_t *h);

/* Samples at a point of the image, bilinear, and the coverage as the fourth;
 * weighed as hmr_colour_row() expects. */
void hmr_colour_fetch(const struct hmr_image *im, double x, double y,
		      float out[4]);

#endif

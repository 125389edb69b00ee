/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image in 16x12 colours: enough to tell where a video was cut, small enough to
 * travel with every frame (formats/stream.md, "GIST").
 */
#ifndef HMR_GIST_H
#define HMR_GIST_H

#include "image/image.h"

#define HMR_GIST_WIDTH 16
#define HMR_GIST_HEIGHT 12
#define HMR_GIST_VALUES (HMR_GIST_WIDTH * HMR_GIST_HEIGHT * 3)

struct hmr_gist;
/* For images of at most width x height. */
HMR_MUST_USE enum hmr_status
hmr_gist_new(struct hmr_gist **out, uint32_t width, uint32_t height,
	     struct hmr_err *e);
void hmr_gist_free(struct hmr_gist *g);
size_t hmr_gist_bytes(const struct hmr_gist *g);
/* out[12][16][3]: mean R, G, B of each cell, 0 to 255. */
HMR_MUST_USE enum hmr_status
hmr_gist_run(struct hmr_gist *g, const struct hmr_image *im,
	     uint8_t out[HMR_GIST_VALUES], struct hmr_err *e);

#endif

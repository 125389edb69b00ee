/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole image of any format on the list to packed RGB of 8 bit, for pictures
 * that people look at. Integers only, so the bytes are the same on every
 * machine; within one step of the exact value.
 *
 * Chroma is interpolated: across, samples lie on the left pixel of their pair
 * (MPEG-2 and later), down, between their two rows. Beyond the edges it repeats.
 */
#ifndef HMR_RGB_H
#define HMR_RGB_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "image/image.h"

#define HMR_RGB_SHIFT 18
struct hmr_rgb_matrix {		/* 12-bit samples to 8-bit colours, << HMR_RGB_SHIFT */
	int32_t y, zero_y, rv, gu, gv, bu;
};
struct hmr_rgb_matrix hmr_rgb_matrix_of(const struct hmr_image *im);

struct hmr_rgb;			/* row buffers for images up to a width */

HMR_MUST_USE enum hmr_status
hmr_rgb_new(struct hmr_rgb **out, uint32_t width_max, struct hmr_err *e);
void hmr_rgb_free(struct hmr_rgb *c);
size_t hmr_rgb_bytes(uint32_t width_max);

/* to: height rows of 3 x width bytes, stride apart. im has passed
 * hmr_image_check(). HMR_E_LIMIT where it is wider than planned. */
HMR_MUST_USE enum hmr_status
hmr_rgb_convert(struct hmr_rgb *c, const struct hmr_image *im, uint8_t *to,
		size_t stride, struct hmr_err *e);

#endif

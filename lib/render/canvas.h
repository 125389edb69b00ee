/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The picture that is drawn into: packed RGB of 8 bit, rows stride bytes apart.
 * Pixel (i,j) covers [i,i+1)x[j,j+1); its centre is (i+0.5,j+0.5). A canvas may
 * be a window of a larger one: then rgb and stride are the larger one's.
 */
#ifndef HMR_CANVAS_H
#define HMR_CANVAS_H

#include <stddef.h>
#include <stdint.h>

struct hmr_canvas {
	uint8_t *rgb;		/* borrowed */
	uint32_t width, height;
	size_t stride;		/* bytes, at least 3 x width */
};

static inline uint8_t *
hmr_canvas_at(const struct hmr_canvas *c, uint32_t x, uint32_t y)
{
	return c->rgb + (size_t)y * c->stride + (size_t)x * 3;
}

/* dst = dst + (src - dst) a / 256, a in 0..256, rounded. */
static inline void
hmr_canvas_mix(uint8_t *dst, const uint8_t src[3], int a)
{
	for (int i = 0; i < 3; i++)
		dst[i] = (uint8_t)((dst[i] * (256 - a) + src[i] * a + 128) >> 8);
}

#endif

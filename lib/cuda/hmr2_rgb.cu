/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image in the planes that it came in to packed RGB of 8 bit, from which HMR2's
 * crops are taken: the integers of image/rgb.c, so the bytes are the CPU's.
 */
#include "cuda/hmr2_kernels.h"
#include "cuda/kernels.h"
#include "image/image.h"

/* rgb.c: load(). A sample at 12 bit. */
HMR_FN int32_t
sample(const struct hmr2_rgb_args *a, uint32_t plane, uint32_t row, size_t at)
{
	const uint8_t *p = a->plane[plane] + (size_t)row * a->stride[plane];
	int32_t v;

	if (a->depth == 8)
		return p[at] << 4;
	v = p[2 * at] | p[2 * at + 1] << 8;
	v = a->depth < 12 ? v << (12 - a->depth) : v >> (a->depth - 12);
	return v < 4095 ? v : 4095;
}

/* rgb.c: chroma() of one sample of the chroma planes, rows y's two mixed. */
HMR_FN int32_t
mixed(const struct hmr2_rgb_args *a, uint32_t component, uint32_t y, uint32_t at)
{
	uint32_t pairs = a->pixel == HMR_PIXEL_NV12, plane = pairs ? 1 : 1 + component;
	uint32_t row = y / 2, last = (a->height + 1) / 2 - 1, other;
	size_t i = pairs ? 2 * (size_t)at + component : at;

	if (a->pixel == HMR_PIXEL_YUV422P)
		return sample(a, plane, y, i);
	other = y & 1 ? (row < last ? row + 1 : row) : row ? row - 1 : 0;
	return (3 * sample(a, plane, row, i) + sample(a, plane, other, i) + 2) >> 2;
}

/* rgb.c: spread(). */
HMR_FN int32_t
chroma(const struct hmr2_rgb_args *a, uint32_t component, uint32_t x, uint32_t y)
{
	uint32_t n = (a->width + 1) / 2, at = x / 2;
	int32_t v;

	if (a->pixel == HMR_PIXEL_YUV444P)
		return sample(a, 1 + component, y, x);
	v = mixed(a, component, y, at);
	if (x & 1 && at + 1 < n)
		v = (v + mixed(a, component, y, at + 1) + 1) >> 1;
	return v;
}

HMR_FN uint8_t
colour(int32_t v)
{
	v >>= HMR_RGB_SHIFT;
	return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

HMR_KERNEL_EACH(hmr2_rgb, struct hmr2_rgb_args)
{
	const struct hmr_rgb_matrix *m = &a->matrix;
	uint32_t x = (uint32_t)(i % a->width), y = (uint32_t)(i / a->width);
	uint8_t *to = a->to + 3 * i;
	int32_t l, cb = 0, cr = 0;

	if (a->pixel == HMR_PIXEL_RGB24) {
		const uint8_t *p = a->plane[0] + (size_t)y * a->stride[0] + 3 * (size_t)x;

		for (int c = 0; c < 3; c++)
			to[c] = p[c];
		return;
	}
	l = (sample(a, 0, y, x) - m->zero_y) * m->y + (1 << (HMR_RGB_SHIFT - 1));
	if (a->pixel != HMR_PIXEL_GRAY) {
		cb = chroma(a, 0, x, y) - 2048;
		cr = chroma(a, 1, x, y) - 2048;
	}
	to[0] = colour(l + m->rv * cr);
	to[1] = colour(l + m->gu * cb + m->gv * cr);
	to[2] = colour(l + m->bu * cb);
}

HMR_KERNELS(hmr_kernels_hmr2_rgb) = {
	HMR_KERNEL_ENTRY(hmr2_rgb, struct hmr2_rgb_args), HMR_KERNELS_END
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Planes transposed and flipped, element by element of 1, 2, 3 or 4 bytes, in
 * blocks that stay in the cache.
 */
#include <string.h>

#include "media/media.h"

#define BLOCK 32

/* Element (x, y) of the source goes to column cx + x * dx_x + y * dx_y of row
 * cy + ...; with strides in bytes that is one affine address. */
struct walk {
	uint8_t *dst;
	const uint8_t *src;
	ptrdiff_t src_stride;	/* bytes a source row */
	ptrdiff_t step_x, step_y;	/* bytes in dst a step in x or y */
};

#define WALK(name, BYTES)						\
static void								\
name(const struct walk *k, uint32_t w, uint32_t h)			\
{									\
	for (uint32_t y = 0; y < h; y++) {				\
		const uint8_t *s = k->src + (ptrdiff_t)y * k->src_stride; \
		uint8_t *d = k->dst + (ptrdiff_t)y * k->step_y;		\
									\
		for (uint32_t x = 0; x < w; x++) {			\
			memcpy(d, s, BYTES);				\
			s += BYTES;					\
			d += k->step_x;					\
		}							\
	}								\
}
WALK(walk1, 1)
WALK(walk2, 2)
WALK(walk3, 3)
WALK(walk4, 4)
#undef WALK

void
media_turn_plane(uint8_t *dst, const uint8_t *src, ptrdiff_t stride,
		 uint32_t w, uint32_t h, uint32_t n, const struct media_turn *t)
{
	static void (*const walks[5])(const struct walk *, uint32_t, uint32_t) = {
		NULL, walk1, walk2, walk3, walk4,
	};
	uint32_t w_out = t->transpose ? h : w, h_out = t->transpose ? w : h;
	ptrdiff_t col = n, row = (ptrdiff_t)w_out * n;
	struct walk k = { .src_stride = stride };

	if (t->hflip) {
		dst += (ptrdiff_t)(w_out - 1) * col;
		col = -col;
	}
	if (t->vflip) {
		dst += (ptrdiff_t)(h_out - 1) * row;
		row = -row;
	}
	k.step_x = t->transpose ? row : col;
	k.step_y = t->transpose ? col : row;
	for (uint32_t y = 0; y < h; y += BLOCK)
		for (uint32_t x = 0; x < w; x += BLOCK) {
			k.src = src + (ptrdiff_t)y * stride + (ptrdiff_t)x * n;
			k.dst = dst + (ptrdiff_t)x * k.step_x +
				(ptrdiff_t)y * k.step_y;
			walks[n](&k, w - x < BLOCK ? w - x : BLOCK,
				 h - y < BLOCK ? h - y : BLOCK);
		}
}

void
media_turn_image(struct hmr_image *dst, const struct hmr_image *src,
		 const ptrdiff_t stride[3], const struct media_turn *t,
		 uint8_t *mem)
{
	*dst = *src;
	if (t->transpose) {
		dst->width = src->height;
		dst->height = src->width;
	}
	for (uint32_t p = 0; p < src->planes; p++) {
		uint32_t n = src->depth > 8 ? 2 : 1;

		if (src->pixel == HMR_PIXEL_RGB24)
			n = 3;
		if (src->pixel == HMR_PIXEL_NV12 && p)
			n *= 2;
		dst->stride[p] = (uint32_t)hmr_plane_row(dst, p);
		dst->plane[p] = mem;
		media_turn_plane(mem, src->plane[p], stride[p],
				 (uint32_t)(hmr_plane_row(src, p) / n),
				 hmr_plane_rows(src, p), n, t);
		mem += hmr_plane_row(dst, p) * hmr_plane_rows(dst, p);
	}
}

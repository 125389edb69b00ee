/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles; see tile.h. */
#include "detect/tile.h"

#include <math.h>

#define NEAR 0.015f		/* of a tile's side: a box that ends so near is cut */
#define ALONG 0.6f		/* of their extents that parts of one person share */

/* First pixel and size along one axis: the last tile ends where the image does. */
static void
span(uint32_t n, uint32_t size, uint32_t i, uint32_t *at, uint32_t *len)
{
	double exact = size / (1 + (n - 1) * (1 - HMR_TILE_OVERLAP));

	*len = (uint32_t)ceil(exact);
	*len += (size - *len) & 1;
	*at = n > 1 ? (uint32_t)((uint64_t)(size - *len) * i / (n - 1)) & ~1u : 0;
}

void
hmr_tile_rect(const struct hmr_tiles *t, uint32_t r, uint32_t c, uint32_t rect[4])
{
	span(t->cols, t->width, c, &rect[0], &rect[2]);
	span(t->rows, t->height, r, &rect[1], &rect[3]);
}

void
hmr_image_part(const struct hmr_image *im, const uint32_t rect[4], struct hmr_image *out)
{
	size_t sample = im->depth > 8 ? 2 : 1;

	*out = *im;
	out->width = rect[2];
	out->height = rect[3];
	for (uint32_t p = 0; p < im->planes; p++) {
		bool chroma = p && im->pixel != HMR_PIXEL_YUV444P;
		uint32_t x = chroma ? rect[0] / 2 : rect[0];
		uint32_t y = chroma && im->pixel != HMR_PIXEL_YUV422P ? rect[1] / 2 : rect[1];
		size_t step = im->pixel == HMR_PIXEL_RGB24 ? 3 :
			      p && im->pixel == HMR_PIXEL_NV12 ? 2 : 1;

		out->plane[p] = im->plane[p] + (size_t)y * im->stride[p] + x * step * sample;
	}
}

uint32_t
hmr_tile_sort(const struct hmr_tiles *t, uint32_t r, uint32_t c, struct hmr_scored *b,
	      uint32_t n, struct hmr_tile_part *part, uint32_t *parts)
{
	uint32_t rect[4], whole = 0;
	float lo[2], hi[2], near[2];

	hmr_tile_rect(t, r, c, rect);
	for (int a = 0; a < 2; a++) {
		near[a] = NEAR * (float)rect[2 + a];
		lo[a] = (float)rect[a] + near[a];
		hi[a] = (float)(rect[a] + rect[2 + a]) - near[a];
	}
	for (uint32_t i = 0; i < n; i++) {
		const float *x = b[i].box;
		unsigned cut = (c > 0 && x[0] < lo[0]) | (r > 0 && x[1] < lo[1]) << 1 |
			       (c + 1 < t->cols && x[2] > hi[0]) << 2 |
			       (r + 1 < t->rows && x[3] > hi[1]) << 3;

		if (!cut)
			b[whole++] = b[i];
		else if (*parts < HMR_TILE_PARTS)
			part[(*parts)++] = (struct hmr_tile_part){ b[i], r, c, r, c, cut };
	}
	return whole;
}

/* How much of the longer one's extent on an axis the other shares. */
static float
share(const float a[4], const float b[4], int axis)
{
	float lo = fmaxf(a[axis], b[axis]), hi = fminf(a[axis + 2], b[axis + 2]);
	float all = fmaxf(a[axis + 2], b[axis + 2]) - fminf(a[axis], b[axis]);

	return all > 0 ? (hi - lo) / all : 0;
}

/* b goes on where a is cut: to the right (axis 0) or below (1). */
static bool
continues(const struct hmr_tile_part *a, const struct hmr_tile_part *b, int axis)
{
	bool next = axis ? a->r1 + 1 == b->r0 && a->c0 <= b->c1 && b->c0 <= a->c1 :
			   a->c1 + 1 == b->c0 && a->r0 <= b->r1 && b->r0 <= a->r1;

	return next && a->cut >> (2 + axis) & 1 && b->cut >> axis & 1 &&
	       b->b.box[axis] <= a->b.box[2 + axis] && share(a->b.box, b->b.box, !axis) >= ALONG;
}

static void
unite(struct hmr_tile_part *a, const struct hmr_tile_part *b, int axis)
{
	for (int k = 0; k < 2; k++) {
		a->b.box[k] = fminf(a->b.box[k], b->b.box[k]);
		a->b.box[2 + k] = fmaxf(a->b.box[2 + k], b->b.box[2 + k]);
	}
	a->b.score = fminf(a->b.score, b->b.score);
	a->cut = (a->cut & ~(1u << (2 + axis))) | (b->cut & ~(1u << axis));
	a->r0 = a->r0 < b->r0 ? a->r0 : b->r0;
	a->c0 = a->c0 < b->c0 ? a->c0 : b->c0;
	a->r1 = a->r1 > b->r1 ? a->r1 : b->r1;
	a->c1 = a->c1 > b->c1 ? a->c1 : b->c1;
}

/* A part that goes on where x does, or x where it does: its place; `parts`: none. */
static uint32_t
neighbour(const struct hmr_tile_part *part, uint32_t parts, uint32_t x, int axis)
{
	uint32_t k = 0;

	while (k < parts && (k == x || (!continues(&part[x], &part[k], axis) &&
					!continues(&part[k], &part[x], axis))))
		k++;
	return k;
}

/* Nothing among the first i parts goes on in another. The next is held against all,
 * again after each join; a join leaves one part fewer, so there are at most 2 parts
 * such passes. Returns how many are left. */
static uint32_t
join_along(struct hmr_tile_part *part, uint32_t parts, int axis)
{
	for (uint32_t i = 0; i < parts; i++) {
		uint32_t k;

		while ((k = neighbour(part, parts, i, axis)) < parts) {
			bool first = continues(&part[i], &part[k], axis);
			struct hmr_tile_part whole = part[first ? i : k];

			unite(&whole, &part[first ? k : i], axis);
			if (k > i) {
				part[i] = whole;
				part[k] = part[--parts];
			} else {	/* the last of the first takes its place */
				part[k] = part[i - 1];
				part[i] = part[--parts];
				part[--i] = whole;
			}
		}
	}
	return parts;
}

void
hmr_tile_join(struct hmr_tile_part *part, uint32_t parts, struct hmr_scored *out,
	      uint32_t *n)
{
	parts = join_along(part, parts, 0);
	parts = join_along(part, parts, 1);
	for (uint32_t i = 0; i < parts; i++)
		if (!part[i].cut)
			out[(*n)++] = part[i].b;
}

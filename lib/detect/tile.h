/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlapping tiles of an image, and what becomes of people whom a tile's border
 * cuts: parts that fit together are joined, other parts are dropped. Somebody
 * smaller than the overlap is whole in some tile.
 */
#ifndef HMR_TILE_H
#define HMR_TILE_H

#include <stdbool.h>

#include "detect/boxes.h"
#include "image/image.h"

#define HMR_TILES_MAX 16		/* rows, and columns */
#define HMR_TILE_OVERLAP 0.25		/* of a tile's side */
#define HMR_TILE_PARTS 512u		/* cut boxes of a frame; more are dropped */

struct hmr_tiles {
	uint32_t rows, cols;
	uint32_t width, height;		/* of the image */
};

/* The tile in row r and column c as x y width height; x and y are even. All tiles of
 * an image are of one size. */
void hmr_tile_rect(const struct hmr_tiles *t, uint32_t r, uint32_t c, uint32_t rect[4]);

/* That part of an image, its planes borrowed. x and y are even and inside. */
void hmr_image_part(const struct hmr_image *im, const uint32_t rect[4],
		    struct hmr_image *out);

struct hmr_tile_part {
	struct hmr_scored b;
	uint32_t r0, c0, r1, c1;	/* the tiles it was seen in */
	unsigned cut;			/* bit k: coordinate k of the box is at an inner border */
};
/* Sorts a tile's boxes: whole ones move to the front of b and are counted, cut ones
 * go to part[*parts]. */
uint32_t hmr_tile_sort(const struct hmr_tiles *t, uint32_t r, uint32_t c,
		       struct hmr_scored *b, uint32_t n, struct hmr_tile_part *part,
		       uint32_t *parts);
/* Joins parts of neighbouring tiles; appends to out[*n] what is whole then. */
void hmr_tile_join(struct hmr_tile_part *part, uint32_t parts, struct hmr_scored *out,
		   uint32_t *n);

#endif

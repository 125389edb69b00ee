/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an image is between stages: planes of 8 bit or of 10 to 16 bit in
 * little-endian 16-bit words, in a closed list of formats. Pixel (i,j) covers
 * [i,i+1)x[j,j+1); the image is [0,W]x[0,H] (DESIGN 6).
 */
#ifndef HMR_IMAGE_H
#define HMR_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Values reach disk: append only. */
enum hmr_pixel {
	HMR_PIXEL_YUV420P = 1,	/* Y, U, V; chroma halved in x and y, rounded up */
	HMR_PIXEL_YUV422P = 2,	/* Y, U, V; chroma halved in x, rounded up */
	HMR_PIXEL_YUV444P = 3,	/* Y, U, V */
	HMR_PIXEL_NV12 = 4,	/* Y, then U and V interleaved, halved in x and y */
	HMR_PIXEL_GRAY = 5,	/* Y */
	HMR_PIXEL_RGB24 = 6,	/* R, G, B interleaved; 8 bit only */
};

enum hmr_matrix {		/* of Y'CbCr; ignored for rgb24 */
	HMR_MATRIX_BT601 = 1,
	HMR_MATRIX_BT709 = 2,
	HMR_MATRIX_BT2020 = 3,
};

enum hmr_range {
	HMR_RANGE_LIMITED = 1,	/* Y 16..235, C 16..240, scaled with the depth */
	HMR_RANGE_FULL = 2,
};

#define HMR_IMAGE_MAX_SIDE 65535

struct hmr_image {
	enum hmr_pixel pixel;
	enum hmr_matrix matrix;
	enum hmr_range range;
	uint32_t depth;		/* bits a sample: 8, or 10 to 16 in 16-bit words */
	uint32_t width, height;
	uint32_t planes;	/* 1, 2 or 3, as the format says */
	uint32_t stride[3];	/* bytes from row to row */
	const uint8_t *plane[3];/* borrowed from whoever filled this in */
};

/* Number of planes, and of plane p the bytes in a row (no padding) and the rows. */
uint32_t hmr_pixel_planes(enum hmr_pixel pixel);	/* 0: not on the list */
size_t hmr_plane_row(const struct hmr_image *im, uint32_t p);
uint32_t hmr_plane_rows(const struct hmr_image *im, uint32_t p);
const char *hmr_pixel_name(enum hmr_pixel pixel);	/* "yuv420p", … */

/* Checks pixel, depth, sizes and strides against each other. */
HMR_MUST_USE enum hmr_status
hmr_image_check(const struct hmr_image *im, struct hmr_err *e);

/* Bytes of all planes with rows packed tightly; what a section holds. */
size_t hmr_image_bytes(const struct hmr_image *im);

#endif

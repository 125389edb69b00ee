/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference's crop of a person (4D-Humans' ViTDetDataset): a square of side
 * max(h, 4w/3) about the box's centre, sampled as OpenCV's warpAffine does: at
 * integer positions, bilinear with positions rounded to 1/32 pixel, black
 * outside, 8 bit. Where the crop shrinks more than 2.2 times and antialias is
 * asked for, the image is blurred before with scikit-image's gaussian; that is
 * done row by row where it is needed, in memory of a few rows.
 */
#ifndef HMR_HMR2_CROP_H
#define HMR_HMR2_CROP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "cuda/hmr2_kernels.h"

struct hmr2_square {
	float centre[2], side;		/* px */
};

struct hmr2_rgb {		/* packed RGB of 8 bit, borrowed */
	const uint8_t *data;
	size_t stride;
	uint32_t width, height;
};

void hmr2_square_of(const float box_xyxy[4], struct hmr2_square *out);

struct hmr2_cropper;
HMR_MUST_USE enum hmr_status	/* for images up to this width */
hmr2_cropper_new(struct hmr2_cropper **out, uint32_t width, struct hmr_err *e);
void hmr2_cropper_free(struct hmr2_cropper *c);
size_t hmr2_cropper_bytes(uint32_t width);

/* Columns [x0, x1) of the 256x256 crop, normalised: out [3][256][x1 - x0]. A
 * side that is not positive and finite gives black. */
void hmr2_crop(struct hmr2_cropper *c, const struct hmr2_rgb *im,
	       const struct hmr2_square *s, bool antialias, uint32_t x0, uint32_t x1,
	       float *out);

/* The same crop as a job for a device's kernels. */
void hmr2_crop_prepare(const struct hmr2_square *s, bool antialias,
		       struct hmr2_crop_job *out);

/* The whole image's camera of a crop's [s, tx, ty]: out [tx, ty, tz]. */
void hmr2_camera_full(const float camera[3], const struct hmr2_square *s,
		      float focal, uint32_t width, uint32_t height, float out[3]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an image in any format of the list to a network's float pixels: colour
 * conversion and resampling in one pass, for the whole image and for square
 * crops. Bilinear where a source step is at most two pixels, the mean over the
 * exact box where it is larger. Everything is allocated in hmr_sampler_new().
 *
 * Chroma samples are taken as centred on the pixels they cover. Sums are in
 * float in a fixed order: the same image gives the same bytes everywhere.
 */
#ifndef HMR_SAMPLE_H
#define HMR_SAMPLE_H

#include "image/image.h"

/* Where pixels go: value = scale * c + bias with c in 0..1. */
struct hmr_raster {
	float *channel[3];	/* the first pixel of R, G and B; the caller's */
	size_t step;		/* floats from pixel to pixel: 1 planar, 3 interleaved */
	size_t pitch;		/* floats from row to row */
	uint32_t width, height;
	float scale[3], bias[3];	/* of R, G, B */
};

/* A square of the image, turned clockwise (y is down) by angle radians about
 * its centre. */
struct hmr_crop {
	float centre[2];	/* px */
	float side;		/* px */
	float angle;
};

struct hmr_sampler;
/* For sources of at most width x height and rasters of at most width_out x
 * height_out. */
HMR_MUST_USE enum hmr_status
hmr_sampler_new(struct hmr_sampler **out, uint32_t width, uint32_t height,
		uint32_t width_out, uint32_t height_out, struct hmr_err *e);
void hmr_sampler_free(struct hmr_sampler *s);
size_t hmr_sampler_bytes(const struct hmr_sampler *s);

/* The whole image stretched onto the raster. HMR_E_LIMIT: the image or the
 * raster is larger than planned. The image has passed hmr_image_check(). */
HMR_MUST_USE enum hmr_status
hmr_sample_image(struct hmr_sampler *s, const struct hmr_image *im,
		 const struct hmr_raster *r, struct hmr_err *e);

/* A crop stretched onto the raster; black outside the image. HMR_E_FORMAT: the
 * crop is not finite or has no extent. */
HMR_MUST_USE enum hmr_status
hmr_sample_crop(struct hmr_sampler *s, const struct hmr_image *im,
		const struct hmr_crop *c, const struct hmr_raster *r,
		struct hmr_err *e);

/* A box x0 y0 x1 y1 of the image, in pixels, stretched onto the raster; black outside
 * the image. HMR_E_FORMAT: the box is not finite or has no extent. */
HMR_MUST_USE enum hmr_status
hmr_sample_box(struct hmr_sampler *s, const struct hmr_image *im, const float box[4],
	       const struct hmr_raster *r, struct hmr_err *e);

/* The image point of a place in the crop, given in 0..1 of its sides. */
void hmr_crop_point(const struct hmr_crop *c, float u, float v, float xy[2]);

#endif

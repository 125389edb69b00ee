/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of the kernels that make a network's input from an image on the device
 * (image_fill.cu): what image/sample.c does on the host, by the same arithmetic.
 * A job is filled in by image_job.c and goes up for each run; the rest is fixed
 * when the network is planned.
 */
#ifndef HMR_IMAGE_ARGS_H
#define HMR_IMAGE_ARGS_H

#include <stdint.h>

#include "image/colour.h"

/* Output i of a line covers the source start + i*step .. start + (i+1)*step, as in
 * hmr_axis_plan(). */
struct image_line {
	double start, step;
	uint32_t n, n_src;
	int32_t black;		/* zero outside, else the edge is repeated */
};
struct image_turn {		/* a turned crop: the mean of k x k bilinear samples */
	double centre[2], side, sn, cs;
	uint32_t k;		/* 0: not turned */
};

struct image_job {
	const uint8_t *plane[3];	/* device memory */
	uint32_t stride[3];		/* bytes */
	uint32_t pixel, depth;		/* of enum hmr_pixel */
	uint32_t width, height;		/* of the image */
	uint32_t cw, ch;		/* of a chroma plane */
	struct hmr_colour colour;
	struct image_line line[4];	/* x, y; of chroma x, y */
	struct image_turn turn;
	uint32_t at[2], size[2];	/* what is filled of the network's input */
	float scale[3], bias[3], fill[3];	/* of R, G, B; fill: everything else */
};

struct image_tap {		/* an output of a line: its source samples */
	uint32_t first, count;
	float w[3];		/* of the first, those between, the last */
	float cover;
};

/* Jobs lie job_step bytes apart, one for each image of a batch. */
struct image_axes {
	uint64_t n;		/* images * 4 * most */
	const uint8_t *job;
	uint32_t job_step, most;	/* most: the longer side of the network's input */
	struct image_tap *tap;	/* [images][4][most] */
};
struct image_fill {
	uint64_t n;		/* images * height * width */
	const uint8_t *job;
	uint32_t job_step, most;
	const struct image_tap *tap;
	void *y;
	uint32_t width, height;	/* of the network's input */
	uint32_t channel, step;	/* elements from colour to colour, pixel to pixel */
	int32_t bgr;
};

#endif

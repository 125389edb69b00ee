/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network's input is made of on the device: jobs for images whose planes lie
 * there, and the two kernels that do them. image/sample.h on the other side.
 */
#ifndef HMR_IMAGE_JOB_H
#define HMR_IMAGE_JOB_H

#include "cuda/device.h"
#include "cuda/image_args.h"

/* Where an image goes within the input, in pixels, and its values there: v = scale c +
 * bias for c in 0..1, fill everywhere else, R G B. */
struct hmr_image_place {
	uint32_t at[2], size[2];	/* x and y */
	float scale[3], bias[3], fill[3];
};

/* The whole image stretched onto its place. Planes are device memory. */
void hmr_image_job(struct image_job *j, const struct hmr_image *im,
		   const struct hmr_image_place *p);
/* A crop of it; HMR_E_FORMAT as of hmr_sample_crop(). */
HMR_MUST_USE enum hmr_status
hmr_image_job_crop(struct image_job *j, const struct hmr_image *im,
		   const struct hmr_crop *c, const struct hmr_image_place *p,
		   struct hmr_err *e);

/* A network's input: n images of width x height, planar or interleaved. */
struct hmr_image_input {
	uint32_t n, width, height;
	bool nhwc, bgr;
	enum hmr_device_type type;
	void *at;
	const void *jobs;	/* struct image_job first, job_step bytes apart */
	uint32_t job_step;
	void *work;		/* hmr_image_work() bytes */
};
size_t hmr_image_work(uint32_t n, uint32_t width, uint32_t height);
/* Puts the kernels on q. A job of zeros fills with 0. */
HMR_MUST_USE enum hmr_status
hmr_image_fill(const struct hmr_device_api *api, struct hmr_device *d, struct hmr_queue *q,
	       const struct hmr_image_input *in, struct hmr_err *e);

#endif

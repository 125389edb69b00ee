/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The landmarks of people in an image: BlazePose GHUM on a square crop for each,
 * several crops a run. Planned for the largest image of a stream; running
 * allocates nothing.
 */
#ifndef HMR_POSER_H
#define HMR_POSER_H

#include "image/sample.h"
#include "nn/nn.h"
#include "stream/tables.h"

struct hmr_poser_options {
	const char *device;		/* hmr_net_options */
	enum hmr_precision precision;
	unsigned threads;
	uint32_t width, height;		/* the largest image */
	uint64_t image_bytes;		/* of its section, at most; 0: any format, 16 bit */
	uint32_t max_people;		/* crops of one image */
	uint64_t gpu_mem;		/* hmr_net_options */
};

struct hmr_poser;
/* The model stays the caller's, and open as long as the poser lives.
 * HMR_E_MODEL: it is no pose network that we can read. */
HMR_MUST_USE enum hmr_status
hmr_poser_new(struct hmr_poser **out, const struct hmr_model *m,
	      const struct hmr_poser_options *o, struct hmr_err *e);
void hmr_poser_free(struct hmr_poser *p);
void hmr_poser_plan(const struct hmr_poser *p, struct hmr_net_plan *net,
		    size_t *buffers);
const char *hmr_poser_backend(const struct hmr_poser *p);
const char *hmr_poser_precision(const struct hmr_poser *p);

/* The crop of a person: a square of 1.25 times the longer side about the box's
 * centre, upright. A box that the image's border cuts is first made as long or as
 * wide as a standing person's would be: where the crop ends at the border, the
 * network squeezes the whole body into what is seen of it. */
#define HMR_POSER_CROP 1.25f
void hmr_poser_crop(const float box[4], uint32_t width, uint32_t height,
		    struct hmr_crop *out);

/* Whether images are looked at beside the CPU: then it pays to begin the next one
 * before the one in work is finished. */
bool hmr_poser_ahead(const struct hmr_poser *p);
/* Starts an image's way to where it is looked at; NULL: nobody in it will be. At most
 * two are begun and not finished; runs are of the first of these. */
HMR_MUST_USE enum hmr_status
hmr_poser_begin(struct hmr_poser *p, const struct hmr_image *im, struct hmr_err *e);
void hmr_poser_finish(struct hmr_poser *p);

/* out[i] is what the network sees in crop[i]; out[i].person is left alone. */
HMR_MUST_USE enum hmr_status
hmr_poser_run(struct hmr_poser *p, const struct hmr_image *im,
	      const struct hmr_crop *crop, uint32_t n,
	      struct hmr_landmark_row *out, struct hmr_err *e);

#endif

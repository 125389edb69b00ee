/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People in an image: NanoDet run fully convolutionally at two scales. The large
 * scale finds people of ordinary size; the small one finds those who fill much of
 * the picture, where the network is weak at full size, and its boxes count only
 * for them (the gate). Then one suppression over both.
 *
 * Planned for the largest image of a stream; running allocates nothing.
 */
#ifndef HMR_DETECTOR_H
#define HMR_DETECTOR_H

#include "image/image.h"
#include "nn/nn.h"
#include "stream/tables.h"

struct hmr_detector_options {
	const char *device;		/* hmr_net_options */
	enum hmr_precision precision;
	unsigned threads;
	uint64_t gpu_mem;		/* for all of its networks together */
	uint32_t width, height;		/* the largest image */
	float score;			/* people of at least this score */
	float nms;			/* overlap above which the weaker box goes */
	float min_size;			/* px: people whose longer side is shorter go */
	uint32_t max_people;		/* the best of them, 1..HMR_PEOPLE_CAP */
};
#define HMR_DETECT_SCORE 0.3f
#define HMR_DETECT_NMS 0.5f
#define HMR_DETECT_MAX_PEOPLE 64

struct hmr_detector_plan {
	struct hmr_net_plan nets;	/* both scales together, bytes */
	size_t buffers;			/* everything else, bytes */
	uint32_t size[2][2];		/* network width and height, small and large */
};

struct hmr_detector;
/* The model stays the caller's, and open as long as the detector lives.
 * HMR_E_MODEL: it is no detector that we can decode. */
HMR_MUST_USE enum hmr_status
hmr_detector_new(struct hmr_detector **out, const struct hmr_model *m,
		 const struct hmr_detector_options *o, struct hmr_err *e);
void hmr_detector_free(struct hmr_detector *d);
void hmr_detector_plan(const struct hmr_detector *d,
		       struct hmr_detector_plan *out);
const char *hmr_detector_backend(const struct hmr_detector *d);
const char *hmr_detector_precision(const struct hmr_detector *d);

/* People by falling score into out, which holds max_people; *n of them, and
 * *over how many more there were. */
HMR_MUST_USE enum hmr_status
hmr_detector_run(struct hmr_detector *d, const struct hmr_image *im,
		 struct hmr_person *out, uint32_t *n, uint32_t *over,
		 struct hmr_err *e);

#endif

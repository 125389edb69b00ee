/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People in an image, by any detector whose outputs hmr_detect_spec can describe:
 * run on the whole image at one or several sizes, and on tiles of it, then one
 * suppression over all. Of several sizes the larger finds people of ordinary size,
 * the smaller those who fill much of the picture, and their boxes count only for
 * such people (the gate).
 *
 * Planned for the largest image of a stream; running allocates nothing.
 */
#ifndef HMR_DETECTOR_H
#define HMR_DETECTOR_H

#include "detect/spec.h"
#include "image/image.h"
#include "nn/nn.h"
#include "stream/tables.h"

#define HMR_DETECT_SIDES 4

struct hmr_detector_options {
	const char *device;		/* hmr_net_options */
	enum hmr_precision precision;
	unsigned threads;
	uint64_t gpu_mem;		/* for all of its networks together */
	uint32_t width, height;		/* the largest image */
	uint64_t image_bytes;		/* of its section, at most; 0: any format, 16 bit */
	float score;			/* people of at least this score */
	float nms;			/* overlap above which the weaker box goes; < 0: 0.5,
					 * or none where the network has done it */
	float min_size;			/* px: people whose longer side is shorter go */
	uint32_t max_people;		/* the best of them, 1..HMR_PEOPLE_CAP */
	uint32_t tile_rows, tile_cols;	/* 0: no tiles */
	uint32_t n_sides, side[HMR_DETECT_SIDES];	/* rising; 0: the model's */
	/* A sidecar to use, NULL: what the model's meta says, else a guess. Named in
	 * errors; text stays the caller's until hmr_detector_new() returns. */
	const char *sidecar, *sidecar_text;
	size_t sidecar_size;
};
#define HMR_DETECT_SCORE 0.3f
#define HMR_DETECT_NMS 0.5f
#define HMR_DETECT_MAX_PEOPLE 64

/* The sidecar to use: the file given, or NAME.json beside the model NAME.ENDING if it
 * is one (other JSON, such as a TensorFlow.js model, is none). The caller frees *text
 * and *name. HMR_EOF: there is none, both NULL. */
HMR_MUST_USE enum hmr_status
hmr_sidecar_load(const char *given, const char *model_path, char **name, char **text,
		 size_t *n, struct hmr_err *e);

struct hmr_detector_plan {
	struct hmr_net_plan nets;	/* all sizes together, bytes */
	size_t buffers;			/* everything else, bytes */
	uint32_t n_sizes;		/* networks' width and height, tiles' last */
	uint32_t size[HMR_DETECT_SIDES + 1][2];
};

struct hmr_detector;
/* The model stays the caller's, and open as long as the detector lives.
 * HMR_E_MODEL: it is no detector that we can decode. HMR_E_FORMAT: the sidecar is
 * wrong. */
HMR_MUST_USE enum hmr_status
hmr_detector_new(struct hmr_detector **out, const struct hmr_model *m,
		 const struct hmr_detector_options *o, struct hmr_err *e);
void hmr_detector_free(struct hmr_detector *d);
void hmr_detector_plan(const struct hmr_detector *d,
		       struct hmr_detector_plan *out);
const char *hmr_detector_backend(const struct hmr_detector *d);
const char *hmr_detector_precision(const struct hmr_detector *d);
/* "yolox, guessed from its outputs", "yolox, as x.json says", … */
const char *hmr_detector_about(const struct hmr_detector *d);

/* Whether images are looked at beside the CPU: then it pays to begin the next one
 * before the one in work is finished. */
bool hmr_detector_ahead(const struct hmr_detector *d);
/* Takes an image into work and returns; at most two are begun and not finished.
 * After a failure it is not begun. Not needed where images are not looked at beside
 * the CPU. */
HMR_MUST_USE enum hmr_status
hmr_detector_begin(struct hmr_detector *d, const struct hmr_image *im, struct hmr_err *e);
/* The same image, the first that was begun and is not finished: people by falling
 * score into out, which holds max_people; *n of them, and *over how many more there
 * were. */
HMR_MUST_USE enum hmr_status
hmr_detector_finish(struct hmr_detector *d, const struct hmr_image *im,
		    struct hmr_person *out, uint32_t *n, uint32_t *over,
		    struct hmr_err *e);

#endif

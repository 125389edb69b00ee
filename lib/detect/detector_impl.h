/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the detector, for detector*.c alone: detector.c opens its networks,
 * detector_run.c runs them on the CPU, detector_gpu.c on a GPU. */
#ifndef HMR_DETECTOR_IMPL_H
#define HMR_DETECTOR_IMPL_H

#include "cuda/image_slots.h"
#include "detect/decode.h"
#include "detect/detector.h"
#include "detect/detector_spec.h"
#include "detect/tile.h"
#include "image/sample.h"
#include "nn/around.h"

#define SCALES (HMR_DETECT_SIDES + 1)

struct scale {
	uint64_t gpu_mem;		/* bytes of a GPU that it needs; 0: no limit */
	struct hmr_net *net;
	struct hmr_decoder decoder;
	float *input;			/* NULL on a GPU */
	uint32_t side;			/* pixels of the image's longer side; 0: fixed size */
	uint32_t width, height;		/* of the network */
	float gate;			/* of the image's height; 0: none */
	struct hmr_net_around around;	/* on a GPU; its context is the scale */
	struct hmr_detector *of;
	bool first, last;		/* of those whose boxes are one list */
};

struct hmr_detector {
	struct hmr_detector_options o;
	struct hmr_detect_spec spec;
	struct hmr_signature sign;
	char about[HMR_DETECTOR_ABOUT];
	bool nhwc;
	uint32_t multiple;		/* of free sizes */
	uint32_t n_scales;
	struct scale scale[SCALES];	/* of the whole image, rising; tiles' own last */
	int tile_scale;			/* that tiles run on; -1: none */
	struct hmr_sampler *sampler;	/* NULL on a GPU */
	struct hmr_scored *found;	/* NULL on a GPU without tiles */
	uint32_t cap;			/* of found */
	struct hmr_tile_part *part;	/* [HMR_TILE_PARTS], with tiles */
	uint64_t gpu_over;		/* bytes of o.gpu_mem that no network needs */
	float value_scale[3], value_bias[3];	/* of R G B in 0..1 */
	/* On a GPU: images that were begun and are not finished lie in slots. */
	int gpu;			/* its number; -1: none */
	size_t slot;			/* bytes of one */
	struct hmr_slots *slots;
	struct hmr_image above[HMR_SLOTS];	/* planes in device memory */
	uint64_t begun, finished;
};

/* How many networks there are: scales, then perhaps the tiles' own. */
uint32_t hmr_detector_nets(const struct hmr_detector *d);

/* Where an image of w x h goes in a scale's input, in pixels. */
struct hmr_detector_fit { uint32_t at[2], size[2]; };
void hmr_detector_fit(const struct hmr_detector *d, const struct scale *s, uint32_t w,
		      uint32_t h, struct hmr_detector_fit *f, struct hmr_mapping *m);

/* detector_gpu.c. What surrounds a network whose decoder is known; before any is
 * opened for a second time. */
void hmr_detector_surround(struct hmr_detector *d, struct scale *s);
/* Bytes of the list that all networks share. */
size_t hmr_detector_list(const struct hmr_detector *d);
HMR_MUST_USE enum hmr_status
hmr_detector_gpu_begin(struct hmr_detector *d, const struct hmr_image *im, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_detector_gpu_finish(struct hmr_detector *d, const struct hmr_image *im,
			struct hmr_person *out, uint32_t *n, uint32_t *over, struct hmr_err *e);

/* detector_run.c. With the boxes of all tiles, appends what is whole in one or can be
 * joined; net() appends a part's boxes at found[*n]. */
typedef enum hmr_status hmr_detector_net(struct hmr_detector *d, struct scale *s,
					 const struct hmr_image *part,
					 const uint32_t origin[2], uint32_t *n,
					 struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_detector_tiles(struct hmr_detector *d, const struct hmr_image *im, hmr_detector_net *net,
		   uint32_t *n, struct hmr_err *e);
/* Suppression over found[0..found) and the people that are left. */
void hmr_detector_people(struct hmr_detector *d, const struct hmr_image *im, uint32_t found,
			 struct hmr_person *out, uint32_t *n, uint32_t *over);

#endif

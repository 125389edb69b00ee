/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of the kernels that read a detector's outputs (detect_boxes.cu), as
 * detect/decode.c and detect/boxes.c do on the host, and of the one that picks a pose
 * network's points. Filled in by lib/detect; pointers are device memory.
 */
#ifndef HMR_DETECT_ARGS_H
#define HMR_DETECT_ARGS_H

#include <stdint.h>

#include "cuda/image_args.h"

#define DETECT_LEVELS 8

/* What goes up for a run of a detector. */
struct detect_job {
	struct image_job image;		/* first */
	float offset[2], scale[2], origin[2];	/* hmr_mapping */
	float least;			/* longer side of a box in the image; shorter ones go */
	float width, height;		/* of the image */
};

struct detect_box {			/* hmr_scored; score -INFINITY: none */
	float box[4], score;
};
struct detect_list {			/* what comes down */
	uint32_t n, over;		/* people; how many more there were */
	struct detect_box box[];
};

struct detect_place {			/* hmr_place; at NULL: none */
	const float *at;
	uint32_t cell, step;
};
struct detect_level {
	uint32_t stride, cols, cells;
	struct detect_place box, score, objectness, label, batch;
};
/* What is fixed of a detector's outputs; enums are those of detect/spec.h. */
struct detect_cells {
	uint64_t n;			/* cells of all levels */
	const struct detect_job *job;
	struct detect_box *box;		/* [n] */
	struct detect_level level[DETECT_LEVELS];
	uint32_t width, height;		/* of the network */
	uint32_t classes, person, bins;
	int32_t activation, best, form, unit;
	float power[2], centre, min;
};

/* Those that are boxes, in their order, after what is in the list. */
struct detect_gather {
	const struct detect_box *box;
	uint32_t n;
	int32_t first;			/* the list begins here */
	struct detect_list *list;
};
/* Suppression as hmr_boxes_nms(); then clipped to the image, those of a longer side of
 * at least min_size counted, the first `most` kept. Uses up the list. */
struct detect_suppress {
	struct detect_list *list, *out;
	const struct detect_job *job;
	float iou, min_size;
	uint32_t most;
};
#define DETECT_THREADS 256u		/* of a block of the last two */

/* BlazePose: of `points` landmarks of 5 numbers and as many metric ones, the first
 * DETECT_POINTS, and the flag. NaN in x: one of its numbers is not finite. */
#define DETECT_POINTS 33
struct detect_points {
	float flag, unused;
	float point[DETECT_POINTS][6];	/* x y visibility, world x y z */
};
struct detect_pick {
	uint64_t n;			/* images * DETECT_POINTS */
	const float *marks, *world, *flag;
	uint32_t points;
	struct detect_points *out;
};

#endif

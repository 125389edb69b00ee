/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identities for people over time, one frame after the other: prediction, one
 * cost from place, overlap, size, pose and appearance, two rounds of optimal
 * assignment (good boxes, then weak ones: Zhang et al., ByteTrack, 2022), birth
 * and death. Memory is fixed when it is made; a step does not allocate.
 *
 * A track is tentative until it has been seen often enough and is believed to be
 * a person; then it gets an identity, counted from 1 and never given again.
 */
#ifndef HMR_TRACKER_H
#define HMR_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/tables.h"

/* How a person seen is held against those followed. Motion: a Kalman filter's place
 * and size, overlap, appearance, pose, weighed against each other. PHALP: its product
 * of appearance, pose, and place in the image and in depth. */
enum hmr_cost_rule { HMR_COST_MOTION = 0, HMR_COST_PHALP };

struct hmr_tracker_options {
	uint32_t max_people;	/* looked at in a frame; weakest left out */
	uint32_t min_hits;	/* frames seen before a track is believed */
	uint32_t max_age;	/* frames unseen after which it is forgotten */
	float high, low;	/* scores of good boxes and of the weakest used */
	float birth;		/* score that can begin a track */
	uint32_t remember;	/* frames after which who left is no longer known */
	enum hmr_cost_rule cost;
	bool given;		/* identities are given_id, nothing is followed */
};
/* max_people 256, min_hits 3, max_age 50, high 0.5, low 0.3, birth 0.5, remember
 * 1500, motion */
void hmr_tracker_defaults(struct hmr_tracker_options *o);

struct hmr_seen {			/* a person of the frame */
	float box[4];
	float score;
	uint32_t given_id;
	const struct hmr_body_row *body;	/* NULL: none; borrowed for the step */
	const float *look;		/* of hmr_look_unit(), NULL: none; the same */
};

struct hmr_frame_info {			/* what a step needs of a frame */
	double time;			/* seconds, rising */
	uint32_t width, height;		/* another size is like a cut */
	uint32_t n_look, look_kind;	/* values of an appearance, HMR_APPEARANCE_* */
	bool shot;			/* the first frame after a cut */
};

/* What the step says of a person. */
struct hmr_verdict {
	uint32_t track;		/* number of the track, from 1; 0: none */
	uint32_t id;		/* identity; 0: not (yet) */
	uint32_t gap;		/* frames the track had not been seen before this */
	bool fresh;		/* the identity was given in this step */
};

struct hmr_tracker;
struct hmr_tracker *		/* NULL: no memory */
hmr_tracker_new(const struct hmr_tracker_options *o);
void hmr_tracker_free(struct hmr_tracker *t);
size_t hmr_tracker_bytes(const struct hmr_tracker_options *o);

/* verdict[i] belongs to seen[i]; any n. Returns how many people were left out
 * because of max_people. */
uint32_t
hmr_tracker_step(struct hmr_tracker *t, const struct hmr_frame_info *f,
		 const struct hmr_seen *seen, uint32_t n,
		 struct hmr_verdict *verdict);
/* Forgets all tracks and what appearances mean; identities go on counting. */
void hmr_tracker_reset(struct hmr_tracker *t);
/* Identities given so far. */
uint32_t hmr_tracker_ids(const struct hmr_tracker *t);

#endif

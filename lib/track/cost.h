/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to say that a person seen is one followed; private to lib/track. */
#ifndef HMR_TRACK_COST_H
#define HMR_TRACK_COST_H

#include "track/motion.h"
#include "track/tracker.h"

#define HMR_COST_NEVER 1e6

struct hmr_track {
	uint32_t number, id;	/* id 0: tentative */
	uint32_t hits;		/* frames seen */
	uint32_t missed;	/* frames since last seen */
	double born, seen;	/* times, s */
	struct hmr_motion motion;
	float box[4];		/* predicted for the frame in hand */
	float last[4];		/* as last seen */
	float first[4];
	float moved;		/* farthest from the first place, in heights */
	float evidence;		/* that this is a person, from its scores */
	bool hidden;		/* predicted behind somebody else */
	bool has_pose;
	float pose[HMR_POSE_JOINTS][9];
	uint32_t n_look, look_kind;	/* 0: none */
	float *look;		/* [HMR_TRACK_LOOK_MAX], running mean, of unit length */
};

/* 0 (certainly) to 1 (hardly); HMR_COST_NEVER: out of reach. */
double hmr_track_cost(const struct hmr_track *t, const struct hmr_seen *s,
		      const struct hmr_frame_info *f);

/* Of two from hmr_look_unit: 0 (the same) to 1 (nothing alike). */
double hmr_look_distance(const float *a, const float *b, uint32_t n, uint32_t kind);
/* Mean angle between joint rotations over half a turn, without the pelvis. */
double hmr_pose_distance(const float a[][9], const float b[][9]);

#endif

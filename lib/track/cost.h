/* SPDX-License-Identifier: Apache-2.0 */
/* A track, and what it costs to say that a person seen is the one it follows;
 * private to lib/track. */
#ifndef HMR_TRACK_COST_H
#define HMR_TRACK_COST_H

#include "track/look.h"
#include "track/motion.h"
#include "track/phalp.h"
#include "track/tracker.h"

#define HMR_COST_NEVER 1e6

struct hmr_track {
	uint32_t number, id;	/* id 0: tentative */
	uint32_t hits;		/* frames seen */
	uint32_t missed;	/* frames since last seen */
	double born, seen;	/* times, s */
	struct hmr_motion motion;
	struct hmr_path path;
	float box[4];		/* predicted for the frame in hand */
	float last[4];		/* as last seen */
	float first[4];
	float moved;		/* farthest from the first place, in heights */
	float evidence;		/* that this is a person, from its scores */
	float stand[4];		/* where it has been standing, */
	uint32_t stood;		/* how often it was seen there */
	float stood_score;	/* and the sum of the scores */
	double doubt;		/* frame until which it is not known by its look */
	bool hidden;		/* predicted behind somebody else */
	bool gone;		/* known by appearance alone: left, or cut away */
	bool elsewhere;		/* a cut lies between: its place says nothing */
	bool has_pose;
	float pose[HMR_POSE_JOINTS][9], shape[HMR_SHAPE];
	struct hmr_gallery look;
};

/* From 0 (certainly) on; HMR_COST_NEVER: out of reach. */
struct hmr_cost {
	double (*of)(const struct hmr_track *t, const struct hmr_seen *s,
		     const struct hmr_frame_info *f, const struct hmr_look_scale *scale);
	double limit_high, limit_low;	/* of the worst pair, good and weak boxes */
};
const struct hmr_cost *hmr_cost_of(enum hmr_cost_rule rule);

/* Distance of appearances on the scale, < 0: not known on both sides. */
double hmr_track_look(const struct hmr_track *t, const struct hmr_seen *s,
		      const struct hmr_frame_info *f, const struct hmr_look_scale *scale);
/* Mean angle between joint rotations over half a turn, without the pelvis. */
double hmr_pose_distance(const float a[][9], const float b[][9]);

#endif

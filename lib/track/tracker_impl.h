/* SPDX-License-Identifier: Apache-2.0 */
/* The tracker's state, and the parts of a step that stand in files of their own;
 * private to lib/track. */
#ifndef HMR_TRACKER_IMPL_H
#define HMR_TRACKER_IMPL_H

#include "track/assign.h"
#include "track/cost.h"

struct hmr_tracker {
	struct hmr_tracker_options o;
	const struct hmr_cost *rule;
	uint32_t cap, n;		/* tracks */
	uint32_t next_number, next_id;
	double time;			/* of the last step */
	uint32_t width, height;		/* of its frame */
	double frames;			/* steps so far */
	bool started;
	struct hmr_track *track;	/* [cap] */
	float *looks;			/* [cap] galleries, touched as far as used */
	struct hmr_look_scale scale;
	struct hmr_assign *assign;
	double *cost;			/* [cap][max_people] */
	int32_t *col_of;		/* [cap] */
	uint32_t *rows, *cols;		/* tracks and people of a round */
	uint32_t *order;		/* [max_people] the people looked at */
	uint32_t n_order;
	bool *taken;			/* [cap] track seen in this frame */
};

struct hmr_step {			/* a step's arguments */
	const struct hmr_frame_info *f;
	const struct hmr_seen *seen;
	struct hmr_verdict *verdict;
	bool cut;		/* places say nothing: a cut, or a frame of another size */
};

/* A place for a new track, cleared: at the end, else that of the one unseen for
 * longest. NULL: everybody was seen in this frame. */
struct hmr_track *hmr_track_place(struct hmr_tracker *t);
/* The track was seen as this person: what it knows is brought up to date. */
void hmr_track_hit(struct hmr_tracker *t, struct hmr_track *k,
		   const struct hmr_step *s, uint32_t person);
/* The track begins anew where this person is, under a new number. */
void hmr_track_begin(struct hmr_tracker *t, struct hmr_track *k,
		     const struct hmr_step *s, uint32_t person);
/* Below this distance two appearances are the same view of a person. */
double hmr_tracker_alike(const struct hmr_tracker *t);
/* Which track of somebody out of sight k is by its appearance; NULL: none. */
struct hmr_track *hmr_track_known(struct hmr_tracker *t, const struct hmr_track *k);
/* k makes place before its time: for as long as it would have been remembered, who
 * looks like it may be it, and so nobody's return is known by that look. */
void hmr_track_forget(struct hmr_tracker *t, const struct hmr_track *k);
/* The first frame after a cut: whoever was followed and is found again goes on. */
void hmr_tracker_cut(struct hmr_tracker *t, const struct hmr_step *s);
/* A step with identities from outside. */
void hmr_tracker_given(struct hmr_tracker *t, const struct hmr_step *s);

#endif

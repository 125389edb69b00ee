/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who somebody is by appearance: people who come back, and people found again behind
 * a cut. Only a match that is good, and better than any other by a margin, counts:
 * a new identity for an old face is the smaller mistake.
 */
#include "track/tracker_impl.h"

#include <math.h>

#define KNOWN 0.15		/* scaled distance of the nearest view: as of the same person */
#define MARGIN 0.35		/* by which the next person must be farther */
#define AWAY 3			/* frames unseen that make somebody absent */
#define REACH 2.0		/* heights a second that people go unseen */
#define CUT_LIMIT 0.6		/* cost of a pair over a cut */
#define CUT_POSE 0.25		/* weight of the pose in it */
#define CUT_POSE_OTHER 0.12

/* Could o have come from where it was last seen to where k began? */
static bool
in_reach(const struct hmr_track *o, const struct hmr_track *k)
{
	double h = fmax(fmax(o->last[3] - o->last[1], k->first[3] - k->first[1]), 1);
	double dx = 0.5 * (o->last[0] + o->last[2] - k->first[0] - k->first[2]);
	double dy = 0.5 * (o->last[1] + o->last[3] - k->first[1] - k->first[3]);

	return o->elsewhere ||
	       hypot(dx, dy) / h <= 1 + REACH * (k->born - o->seen);
}

void
hmr_track_forget(struct hmr_tracker *t, const struct hmr_track *k)
{
	double until = fmax(k->doubt, t->frames + t->o.remember - k->missed);

	for (uint32_t i = 0; k->id && k->look.n && i < t->n; i++) {
		struct hmr_track *o = &t->track[i];

		if (o != k && hmr_gallery_knows(&o->look, k->look.count, k->look.kind) &&
		    hmr_look_scaled(&t->scale, hmr_gallery_distance(&o->look, k->look.mean)) <
		    KNOWN + MARGIN)
			o->doubt = fmax(o->doubt, until);
	}
}

struct hmr_track *
hmr_track_known(struct hmr_tracker *t, const struct hmr_track *k)
{
	struct hmr_track *best = NULL;
	double least = 1, next = 1;

	if (!k->look.n || !t->o.remember)
		return NULL;
	for (uint32_t i = 0; i < t->n; i++) {
		struct hmr_track *o = &t->track[i];
		double d;

		if (o == k || !o->id ||
		    !hmr_gallery_knows(&o->look, k->look.count, k->look.kind))
			continue;
		d = hmr_look_scaled(&t->scale,
				    hmr_gallery_distance(&o->look, k->look.mean));
		if (d < least && o->missed >= AWAY && o->seen < k->born &&
		    o->doubt <= t->frames && in_reach(o, k)) {
			next = least;
			least = d;
			best = o;
		} else if (d < next) {
			next = d;
		}
	}
	return least <= KNOWN && next - least >= MARGIN ? best : NULL;
}

static double
cut_cost(const struct hmr_tracker *t, const struct hmr_track *k,
	 const struct hmr_seen *s, const struct hmr_frame_info *f)
{
	double look = hmr_track_look(k, s, f, &t->scale), pose;

	if (look < 0)
		return HMR_COST_NEVER;
	if (!s->body || !k->has_pose)
		return look;
	pose = fmin(1, hmr_pose_distance(k->pose, s->body->pose) / CUT_POSE_OTHER);
	return (look + CUT_POSE * pose) / (1 + CUT_POSE);
}

/* Places and velocities say nothing over a cut; what people look like and how they
 * stand does. Who is not found again is remembered like those who left. */
void
hmr_tracker_cut(struct hmr_tracker *t, const struct hmr_step *s)
{
	uint32_t n = 0, m = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		struct hmr_track *k = &t->track[i];

		if (k->id && k->look.n && !k->gone && k->missed <= AWAY)
			t->rows[n++] = i;
		k->gone = k->elsewhere = true;
	}
	for (uint32_t i = 0; i < t->n_order; i++)
		if (s->seen[t->order[i]].score >= t->o.birth && s->seen[t->order[i]].look)
			t->cols[m++] = t->order[i];
	if (!n || !m)
		return;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < m; j++)
			t->cost[(size_t)i * m + j] = cut_cost(
				t, &t->track[t->rows[i]], &s->seen[t->cols[j]], s->f);
	hmr_assign_solve(t->assign, t->cost, n, m, CUT_LIMIT, t->col_of);
	for (uint32_t i = 0; i < n; i++) {
		struct hmr_track *k = &t->track[t->rows[i]];
		struct hmr_verdict *v;

		if (t->col_of[i] < 0)
			continue;
		hmr_track_begin(t, k, s, t->cols[t->col_of[i]]);
		t->taken[t->rows[i]] = true;
		v = &s->verdict[t->cols[t->col_of[i]]];
		v->track = k->number;
		v->id = k->id;
	}
}

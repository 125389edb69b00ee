/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identities that came with the boxes: a step finds for each person the track of
 * that identity, or begins one. Nothing is predicted, doubted or forgotten; only
 * where there is no room the one unseen for longest makes place, which costs it no
 * more than the memory of how long it was away.
 */
#include "track/tracker_impl.h"

static struct hmr_track *
track_of(struct hmr_tracker *t, uint32_t id)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->track[i].id == id)
			return &t->track[i];
	return NULL;
}

void
hmr_tracker_given(struct hmr_tracker *t, const struct hmr_step *s)
{
	for (uint32_t i = 0; i < t->n && s->cut; i++)	/* no gap is over a cut */
		t->track[i].number = t->next_number++;
	for (uint32_t i = 0; i < t->n_order; i++) {
		uint32_t p = t->order[i], id = s->seen[p].given_id;
		struct hmr_verdict *v = &s->verdict[p];
		struct hmr_track *k = track_of(t, id);

		if (k && !k->missed)	/* twice in a frame: the first has it */
			continue;
		if (k) {
			v->gap = k->missed - 1;
		} else if ((k = hmr_track_place(t))) {
			k->number = t->next_number++;
			k->id = id;
			t->next_id++;
		} else {
			continue;
		}
		k->missed = 0;
		v->track = k->number;
		v->id = id;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cut lies between two frames on each side of which nothing much changes, and
 * across which everything does: see shot.h. Distances of neighbours are 0.02 at most
 * on vtest.avi, 0.09 on a person close to the camera, 0.7 to 0.9 over cuts between
 * scenes.
 */
#include "track/shot.h"

#include <math.h>
#include <string.h>

#define CUT 0.25		/* distance across */
#define RATIO 3.0		/* to the largest on either side */
#define STILL 0.01		/* the least that a side counts as */
#define BLANK 8.0		/* deviation of the values, of 255 */

void
hmr_shots_reset(struct hmr_shots *s)
{
	s->n = s->n_before = 0;
}

void
hmr_shots_push(struct hmr_shots *s, const uint8_t gist[HMR_GIST_VALUES])
{
	struct hmr_shot_view *w = &s->frame[s->n++];
	double sum = 0, square = 0, deviation;

	for (int i = 0; i < HMR_GIST_VALUES && gist; i++) {
		sum += gist[i];
		square += (double)gist[i] * gist[i];
	}
	sum /= HMR_GIST_VALUES;
	deviation = sqrt(fmax(square / HMR_GIST_VALUES - sum * sum, 0));
	w->blank = deviation < BLANK;
	for (int i = 0; i < HMR_GIST_VALUES && !w->blank; i++)
		w->v[i] = (float)((gist[i] - sum) / deviation);
}

/* 0: the same but for brightness and contrast; 1: nothing in common. */
static double
distance(const struct hmr_shot_view *a, const struct hmr_shot_view *b)
{
	double sum = 0;

	for (int i = 0; i < HMR_GIST_VALUES; i++)
		sum += ((double)a->v[i] - b->v[i]) * ((double)a->v[i] - b->v[i]);
	return sum / (2 * HMR_GIST_VALUES);
}

/* The largest distance of neighbours on one side. */
static double
unrest(const struct hmr_shot_view *const *side, uint32_t n)
{
	double most = STILL;

	for (uint32_t i = 1; i < n; i++)
		most = fmax(most, distance(side[i - 1], side[i]));
	return most;
}

bool
hmr_shots_decide(struct hmr_shots *s)
{
	const struct hmr_shot_view *after[HMR_SHOT_AHEAD + 1], *before[HMR_SHOT_AHEAD + 1];
	uint32_t n = 0, m = s->n_before;
	bool cut = !s->frame[0].blank && m;

	for (uint32_t i = 0; i < m; i++)
		before[i] = &s->before[i];
	for (uint32_t i = 0; i < s->n; i++)
		if (!s->frame[i].blank)
			after[n++] = &s->frame[i];
	if (cut) {
		double across = distance(before[m - 1], after[0]);

		cut = across > CUT &&
		      across > RATIO * fmax(unrest(before, m), unrest(after, n));
	}
	if (!s->frame[0].blank) {
		if (m > HMR_SHOT_AHEAD)
			memmove(s->before, s->before + 1, --m * sizeof(*s->before));
		s->n_before = ++m;
		s->before[m - 1] = s->frame[0];
	}
	memmove(s->frame, s->frame + 1, (s->n - 1) * sizeof(*s->frame));
	s->n--;
	return cut;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a video was cut, from the gists of its frames (image/gist.h) and up to two
 * frames ahead. Brightness and contrast are taken out first, so a fade or a flash is
 * none; frames without structure (black, white) are passed over, so what comes after
 * them is held against what came before. Fixed memory.
 */
#ifndef HMR_SHOT_H
#define HMR_SHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "image/gist.h"

#define HMR_SHOT_AHEAD 2	/* frames */

struct hmr_shot_view {
	float v[HMR_GIST_VALUES];	/* mean 0, deviation 1 over all of them */
	bool blank;			/* no structure: says nothing */
};

struct hmr_shots {
	/* The newest with structure, newest last: one more than a strange thing that
	 * passes is long. */
	struct hmr_shot_view before[HMR_SHOT_AHEAD + 1];
	struct hmr_shot_view frame[HMR_SHOT_AHEAD + 1];	/* not decided, oldest first */
	uint32_t n_before, n;
};

/* The next frame's; NULL: it has none. At most HMR_SHOT_AHEAD + 1 undecided. */
void hmr_shots_push(struct hmr_shots *s, const uint8_t gist[HMR_GIST_VALUES]);
/* Decides on the oldest undecided frame, of which there must be one: is it the first
 * after a cut? */
bool hmr_shots_decide(struct hmr_shots *s);
/* Forgets everything. */
void hmr_shots_reset(struct hmr_shots *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The strongest people of a frame, in the order of the frame. */
#include "detect/choose.h"

uint32_t
hmr_people_choose(const struct hmr_person *people, uint32_t n, float min_score,
		  uint32_t most, uint32_t *index, uint32_t *over)
{
	uint32_t chosen = 0;

	*over = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t weakest = 0;

		if (!(people[i].score >= min_score))
			continue;
		if (chosen < most) {
			index[chosen++] = i;
			continue;
		}
		++*over;
		for (uint32_t k = 1; k < chosen; k++)
			if (people[index[k]].score <= people[index[weakest]].score)
				weakest = k;
		if (people[i].score > people[index[weakest]].score)
			index[weakest] = i;
	}
	for (uint32_t i = 1; i < chosen; i++)
		for (uint32_t k = i; k && index[k - 1] > index[k]; k--) {
			uint32_t swap = index[k];

			index[k] = index[k - 1];
			index[k - 1] = swap;
		}
	return chosen;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Who in a frame gets a body. */
#ifndef HMR_CHOOSE_H
#define HMR_CHOOSE_H

#include "stream/tables.h"

/* Those of at least min_score, the best `most` of them where there are more. Their
 * index in people goes to index[most], rising. Returns how many; *over: how many
 * more there were. */
uint32_t hmr_people_choose(const struct hmr_person *people, uint32_t n,
			   float min_score, uint32_t most, uint32_t *index,
			   uint32_t *over);

#endif

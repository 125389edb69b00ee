/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of names with a number each: finds duplicates and undefined names in
 * files from outside in linear time. Keys are borrowed and must outlive the set.
 * Filled once, never shrunk.
 */
#ifndef HMR_NAMES_H
#define HMR_NAMES_H

#include <stdint.h>

#include "base/status.h"

struct hmr_names {
	const char **key;	/* [cap], NULL where free */
	uint32_t *value;
	uint32_t cap, n;	/* cap is a power of two */
};

HMR_MUST_USE enum hmr_status	/* grows as needed; room for n at once */
hmr_names_init(struct hmr_names *t, uint32_t n, struct hmr_err *e);
void hmr_names_release(struct hmr_names *t);	/* accepts a zeroed one */
/* HMR_EOF: the name is there already (nothing changes). */
HMR_MUST_USE enum hmr_status
hmr_names_put(struct hmr_names *t, const char *key, uint32_t value,
	      struct hmr_err *e);
int64_t hmr_names_get(const struct hmr_names *t, const char *key);	/* -1: none */

#endif

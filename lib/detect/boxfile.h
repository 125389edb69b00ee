/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boxes of people from a file: MOTChallenge lines or CSV (hmr-detect(1)). A file
 * whose frames rise is read along with the stream through one buffer; another one
 * is sorted in memory, up to HMR_BOXFILE_ROWS rows. Every line is checked at open
 * where the file can be read twice. Errors name file and line.
 */
#ifndef HMR_BOXFILE_H
#define HMR_BOXFILE_H

#include <stdbool.h>

#include "stream/tables.h"

#define HMR_BOXFILE_ROWS (1u << 20)	/* of a file out of order */

struct hmr_boxfile;
/* HMR_E_FORMAT: a bad line. HMR_E_LIMIT: out of order and too long. */
HMR_MUST_USE enum hmr_status
hmr_boxfile_open(struct hmr_boxfile **out, const char *path, struct hmr_err *e);
void hmr_boxfile_close(struct hmr_boxfile *b);
size_t hmr_boxfile_bytes(const struct hmr_boxfile *b);
bool hmr_boxfile_sorted(const struct hmr_boxfile *b);	/* its frames rise */

/* The boxes of a frame in the order of the file, with score and given_id; more than
 * max is HMR_E_LIMIT. A number below the one asked for last starts over. */
HMR_MUST_USE enum hmr_status
hmr_boxfile_frame(struct hmr_boxfile *b, uint64_t number, struct hmr_person *out,
		  uint32_t max, uint32_t *n, struct hmr_err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A frame line of JSON Lines into tables and sections. Private to lines_read.c. */
#ifndef HMR_LINES_FRAME_H
#define HMR_LINES_FRAME_H

#include "stream/lines_json.h"
#include "stream/stream.h"

struct hmr_lines_frame;		/* tables for HMR_PEOPLE_CAP people */

struct hmr_lines_frame *hmr_lines_frame_new(void);	/* NULL: no memory */
void hmr_lines_frame_free(struct hmr_lines_frame *r);
/* Reads the line into *f, whose sections lie in r until the next call; f's size
 * is the caller's default for lines that have none. HMR_E_FORMAT: j->at is where
 * and *what says what is wrong. HMR_E_LIMIT: more people, or more than payload
 * bytes of tables; *what too. */
HMR_MUST_USE enum hmr_status
hmr_lines_frame_get(struct hmr_lines_frame *r, struct hmr_json *j,
		    uint64_t payload, struct hmr_frame *f, const char **what);

#endif

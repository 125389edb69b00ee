/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a file of boxes to numbers; for boxfile.c and tests. */
#ifndef HMR_BOXROW_H
#define HMR_BOXROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define HMR_BOXROW_FIELDS 1024u

struct hmr_boxrow {
	uint64_t frame;		/* from 0 */
	uint32_t id;		/* 0: none */
	float score;		/* 1 where the line has none */
	float box[4];		/* x0 y0 x1 y1, pixels */
};

/* What the first line made of the file; zeroed before it. */
struct hmr_boxform {
	bool known, csv;
	int column[7];		/* CSV: of frame x0 y0 x1 y1 score id; -1: none */
	char *field[HMR_BOXROW_FIELDS];
};

/* Reads a line without its end, changing it. HMR_EOF: it holds no row (empty, a
 * comment, the names of CSV). HMR_E_FORMAT says what is wrong. */
HMR_MUST_USE enum hmr_status
hmr_boxrow_read(struct hmr_boxform *f, char *line, struct hmr_boxrow *row,
		struct hmr_err *e);

#endif

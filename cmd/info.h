/* SPDX-License-Identifier: Apache-2.0 */
/* What hmr-info found out about a segment or a frame, and its printing. */
#ifndef HMR_CMD_INFO_H
#define HMR_CMD_INFO_H

#include <stdio.h>

#include "stream/stream.h"

#define INFO_ID_CAP (1u << 20)

struct info_segment {
	uint64_t frames, first, last, bytes[HMR_SECTIONS_MAX], count[HMR_SECTIONS_MAX];
	uint32_t tag[HMR_SECTIONS_MAX], n_tags;
	int64_t pts_first, pts_last;
	uint64_t people, bodies, tracks, people_max, ids;
	uint8_t seen[INFO_ID_CAP / 8];
};

struct info_rows {		/* of a frame's tables */
	uint32_t people, bodies, tracks;
};

/* One line about a frame. */
void info_print_frame(FILE *out, const struct hmr_head *h, const struct hmr_frame *f,
		      const struct info_rows *n, bool json);
/* st: how the segment ended, as of hmr_reader_next(). */
void info_print_text(FILE *out, const struct hmr_head *h, const struct info_segment *g,
		     const struct hmr_end *end, enum hmr_status st);
void info_print_json(FILE *out, struct hmr_head *h, const struct info_segment *g,
		     const struct hmr_end *end, enum hmr_status st);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boxes and tracks of a sequence for the scores of track/score.h: read from a stream,
 * 36 bytes a box; and those scores as a table and as one JSON object.
 */
#ifndef HMR_EVAL_BOXES_H
#define HMR_EVAL_BOXES_H

#include <stdbool.h>
#include <stdio.h>

#include "track/score.h"

struct hmr_eval_boxes {
	bool tracks;		/* people with identities; else all that were seen */
	bool no_filled;		/* without those filled into gaps */
};
/* A stream or JSON Lines from fd. Where not tracks is set, each box gets an identity
 * of its own. */
HMR_MUST_USE enum hmr_status
hmr_eval_read_boxes(struct hmr_mot *m, int fd, const char *name,
		    const struct hmr_eval_boxes *o, struct hmr_err *e);

/* iou: the least for a match; only JSON says it. */
void hmr_eval_print_tracks(FILE *f, const struct hmr_score *s, double iou, bool json);
void hmr_eval_print_boxes(FILE *f, const struct hmr_score *s, double iou, bool json);

#endif

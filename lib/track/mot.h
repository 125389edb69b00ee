/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequences of boxes with identities, as MOTChallenge files hold them: the input
 * of the scores. A whole sequence is in memory: this is for evaluation, no stage
 * of a pipeline uses it.
 */
#ifndef HMR_MOT_H
#define HMR_MOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct hmr_mot_row {
	uint32_t frame;		/* from 0; MOT files count from 1 */
	uint32_t id;		/* as written; after hmr_mot_sort from 0, dense */
	float box[4];		/* x0 y0 x1 y1, pixels */
	float score;
	bool ignore;		/* ground truth that is not scored */
};

struct hmr_mot {
	struct hmr_mot_row *row;
	size_t n, cap;
	uint32_t ids;		/* after hmr_mot_sort: identities */
};

HMR_MUST_USE enum hmr_status
hmr_mot_add(struct hmr_mot *m, const struct hmr_mot_row *row, struct hmr_err *e);
/* Appends the lines `frame,id,left,top,width,height,conf,…` of a file. truth:
 * rows whose conf is 0 get ignore. Whatever the conf, it is the score. */
HMR_MUST_USE enum hmr_status
hmr_mot_read(struct hmr_mot *m, const char *path, bool truth, struct hmr_err *e);
/* By frame, then id; ids become dense. An id twice in a frame is HMR_E_FORMAT;
 * name is used in the text. */
HMR_MUST_USE enum hmr_status
hmr_mot_sort(struct hmr_mot *m, const char *name, struct hmr_err *e);
/* How many rows from `at` on are of one frame. */
size_t hmr_mot_frame(const struct hmr_mot *m, size_t at);
void hmr_mot_release(struct hmr_mot *m);

double hmr_mot_iou(const float a[4], const float b[4]);

#endif

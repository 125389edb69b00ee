/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Lines from frames: one header line, one line per frame, one end line
 * (formats/tracks.md). Works with whatever sections a frame has; a frame without
 * a table of tracks lists everybody, without `id`.
 */
#ifndef HMR_LINES_WRITE_H
#define HMR_LINES_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "stream/stream.h"

#define HMR_LINES_VERSION "1.0"

enum hmr_lines_field {		/* of a person; `id` is always printed */
	HMR_LINES_BOX = 1u << 0,
	HMR_LINES_SCORE = 1u << 1,
	HMR_LINES_POSE = 1u << 2,
	HMR_LINES_SHAPE = 1u << 3,
	HMR_LINES_CAMERA = 1u << 4,
	HMR_LINES_CAMERA_CROP = 1u << 5,
	HMR_LINES_FOCAL = 1u << 6,
	HMR_LINES_CROP = 1u << 7,
	HMR_LINES_JOINTS3D = 1u << 8,
	HMR_LINES_JOINTS2D = 1u << 9,
	HMR_LINES_JOINT_CONF = 1u << 10,
	HMR_LINES_FIT_ERROR = 1u << 11,
	HMR_LINES_MISSED = 1u << 12,	/* missed, filled, tentative */
	HMR_LINES_GIVEN_ID = 1u << 13,
	HMR_LINES_VERTICES = 1u << 14,
};
#define HMR_LINES_DEFAULT (HMR_LINES_VERTICES - 1u)	/* all but vertices */

/* "box,score,pose" to HMR_LINES_*. HMR_E_USAGE names an unknown field. */
HMR_MUST_USE enum hmr_status
hmr_lines_fields_parse(const char *list, uint32_t *fields, struct hmr_err *e);

struct hmr_lines_options {
	uint32_t fields;	/* HMR_LINES_* */
	bool all;		/* people without an identity too */
};

struct hmr_lines_writer;
/* Writes to fd, not owned; name is used in messages. One buffer of 1 MiB: a
 * longer line takes more than one write. */
HMR_MUST_USE enum hmr_status
hmr_lines_writer_new(struct hmr_lines_writer **out, int fd, const char *name,
		     const struct hmr_lines_options *o, struct hmr_err *e);
void hmr_lines_writer_free(struct hmr_lines_writer *w);
/* The header line. Makes room for vertices, where they are wanted. */
HMR_MUST_USE enum hmr_status
hmr_lines_writer_head(struct hmr_lines_writer *w, struct hmr_head *h,
		      struct hmr_err *e);
/* One line, written at once. Does not allocate. */
HMR_MUST_USE enum hmr_status
hmr_lines_writer_frame(struct hmr_lines_writer *w, const struct hmr_frame *f,
		       struct hmr_err *e);
/* Where end says failed: an error line, then the end line. The count of frames
 * is the writer's own. */
HMR_MUST_USE enum hmr_status
hmr_lines_writer_end(struct hmr_lines_writer *w, const struct hmr_end *end,
		     struct hmr_err *e);
uint64_t hmr_lines_writer_frames(const struct hmr_lines_writer *w);

#endif

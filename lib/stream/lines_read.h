/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Lines (formats/tracks.md) back into heads and frames with the sections
 * PEOP, BODY, TRAK, VERT and CAMR, so that a program reads tracks.jsonl wherever
 * it reads a stream. The text is untrusted: a line has a largest length, a frame
 * HMR_PEOPLE_CAP people. A person's index is its place in `people`.
 */
#ifndef HMR_LINES_READ_H
#define HMR_LINES_READ_H

#include <stddef.h>
#include <stdint.h>

#include "stream/stream.h"

/* A header line that names no max_payload gets this one. */
#define HMR_LINES_PAYLOAD ((uint64_t)4 << 20)

struct hmr_lines_reader;
/* Reads from fd, not owned; prefix: what has been read of it already (at most
 * max_line bytes). name is used in messages and must outlive the reader. */
HMR_MUST_USE enum hmr_status
hmr_lines_reader_new(struct hmr_lines_reader **out, int fd, const char *name,
		     const void *prefix_bytes, size_t n_prefix,
		     uint64_t max_line, struct hmr_err *e);
void hmr_lines_reader_free(struct hmr_lines_reader *r);
/* Reading ends with HMR_E_SIGNAL when *flag becomes other than 0. */
void hmr_lines_reader_stop(struct hmr_lines_reader *r, const volatile int *flag);
/* The same contract as hmr_reader_head, _next, _end, _frames and _offset. Lines
 * of a type not known here are passed over. */
HMR_MUST_USE enum hmr_status
hmr_lines_reader_head(struct hmr_lines_reader *r, struct hmr_head **out,
		      struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_lines_reader_next(struct hmr_lines_reader *r, const struct hmr_frame **out,
		      struct hmr_err *e);
const struct hmr_end *hmr_lines_reader_end(const struct hmr_lines_reader *r);
uint64_t hmr_lines_reader_frames(const struct hmr_lines_reader *r);
uint64_t hmr_lines_reader_offset(const struct hmr_lines_reader *r);

#endif

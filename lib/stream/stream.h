/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hmr-stream(5): reading and writing the framed stream that joins the stages.
 * formats/stream.md is the specification; the layouts of the tables are in
 * stream/tables.h.
 *
 * A stream is one or more segments: HEAD, any number of FRAMEs, END. A reader
 * owns one payload buffer of the size HEAD declares (checked against a limit)
 * and one for decompression; a frame is borrowed from it until the next call.
 */
#ifndef HMR_STREAM_H
#define HMR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/status.h"

#define HMR_STREAM_MAJOR 1
#define HMR_STREAM_MINOR 0
#define HMR_RECORD_HEADER 64
#define HMR_SECTION_HEADER 32
#define HMR_SECTIONS_MAX 32
#define HMR_HEAD_MAX (1u << 20)		/* bytes of a HEAD or END payload */
#define HMR_FRAME_MAX_DEFAULT ((uint64_t)8192 * 8192 * 3 + (64u << 20))

#define HMR_TAG(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | \
			     (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
enum hmr_tag {
	HMR_TAG_JSON = HMR_TAG('J', 'S', 'O', 'N'),	/* in HEAD and END */
	HMR_TAG_IMAGE = HMR_TAG('I', 'M', 'A', 'G'),
	HMR_TAG_PEOPLE = HMR_TAG('P', 'E', 'O', 'P'),
	HMR_TAG_BODIES = HMR_TAG('B', 'O', 'D', 'Y'),
	HMR_TAG_TRACKS = HMR_TAG('T', 'R', 'A', 'K'),
	HMR_TAG_APPEARANCE = HMR_TAG('A', 'P', 'P', 'R'),
	HMR_TAG_VERTICES = HMR_TAG('V', 'E', 'R', 'T'),
	HMR_TAG_MASKS = HMR_TAG('M', 'A', 'S', 'K'),
	HMR_TAG_CAMERA = HMR_TAG('C', 'A', 'M', 'R'),
	HMR_TAG_LANDMARKS = HMR_TAG('L', 'A', 'N', 'D'),
	HMR_TAG_GIST = HMR_TAG('G', 'I', 'S', 'T'),
};

enum hmr_section_flags {
	HMR_SECTION_MUST = 1u << 0,	/* a reader that does not know it must stop */
	HMR_SECTION_ZSTD = 1u << 1,	/* stored compressed */
};

struct hmr_section {
	uint32_t tag;
	uint32_t flags;
	uint64_t raw;		/* bytes after decompression */
	uint64_t stored;	/* bytes at data */
	uint64_t sum;		/* checksum as stored, or 0 for a new section */
	const uint8_t *data;	/* stored bytes, borrowed */
	/* Only in frames given to a writer: the bytes lie scattered, data is NULL.
	 * Borrowed; at most HMR_PARTS_MAX. */
	const struct iovec *parts;
	int n_parts;
};
#define HMR_PARTS_MAX 8

struct hmr_frame {
	uint64_t number;	/* of the source, from 0 */
	int64_t pts, duration;	/* ticks of HEAD's time base; duration 0: unknown */
	uint32_t width, height;	/* of the image that boxes and joints refer to */
	uint32_t flags;		/* HMR_FRAME_* */
	uint32_t n;
	struct hmr_section section[HMR_SECTIONS_MAX];
	struct hmr_reader *reader;	/* whose frame this is; NULL: plain sections */
};
#define HMR_FRAME_SHOT 1u	/* the first frame after a cut */

/* One entry per stage that touched the stream. All strings are the head's. */
struct hmr_head;		/* owns a JSON object; heap */

/* A fresh head for a source. */
struct hmr_head_info {
	const char *source;	/* file name or URL without credentials */
	uint32_t width, height;	/* the largest of any frame */
	int32_t tb_num, tb_den;	/* seconds per tick */
	int32_t rate_num, rate_den;	/* nominal frames a second; 0/1 unknown */
	uint64_t frames;	/* estimate; 0 unknown */
	uint64_t max_payload;	/* largest FRAME payload in bytes */
	float focal;		/* px; 0: the default 5000/256 max(W,H) applies */
};
HMR_MUST_USE enum hmr_status
hmr_head_new(struct hmr_head **out, const struct hmr_head_info *i,
	     struct hmr_err *e);
void hmr_head_free(struct hmr_head *h);
HMR_MUST_USE enum hmr_status	/* checks every field that struct info names */
hmr_head_parse(struct hmr_head **out, const char *json, size_t n,
	       struct hmr_err *e);
const struct hmr_head_info *hmr_head_info(const struct hmr_head *h);
/* A later stage's own sections: raises max_payload by bytes. */
void hmr_head_grow(struct hmr_head *h, uint64_t bytes);
/* The JSON text, NUL-terminated, valid until the head changes or is freed. */
const char *hmr_head_json(struct hmr_head *h, struct hmr_err *e);
/* The cJSON object itself, for readers of further fields (borrowed). */
struct cJSON;
struct cJSON *hmr_head_object(struct hmr_head *h);

struct hmr_stage_info {		/* NULL fields are left out */
	const char *name, *version;
	const char *const *args;	/* NULL-terminated, without the program */
	const char *model, *model_sha256;
	const char *decoder;		/* how the model's outputs are read */
	const char *backend, *precision;
	const char *body, *body_sha256;
	const char *reid, *reid_sha256;	/* re-identification network */
};
HMR_MUST_USE enum hmr_status
hmr_head_add_stage(struct hmr_head *h, const struct hmr_stage_info *s,
		   struct hmr_err *e);
/* Of the last stage that names a body or model: its field, or NULL. field is a
 * key of a stage entry, such as "body" or "body_sha256". Borrowed. */
const char *hmr_head_stage_field(const struct hmr_head *h, const char *field);

/* How a segment ended. */
struct hmr_end {
	uint64_t frames;
	bool complete;
	/* where failed: the first cause, carried on unchanged by later stages */
	char stage[32];
	int64_t frame;		/* -1: before or outside a frame */
	char message[400];
	int signal;		/* the signal that stopped the stage, or 0 */
};

struct hmr_reader;
/* Reads from fd, which it does not own. name is used in messages. */
HMR_MUST_USE enum hmr_status
hmr_reader_new(struct hmr_reader **out, int fd, const char *name,
	       uint64_t max_frame, struct hmr_err *e);
void hmr_reader_free(struct hmr_reader *r);
/* While *flag is not 0 reading stops with HMR_E_SIGNAL, within half a second
 * even where no input comes. The flag may be set by a signal handler. */
void hmr_reader_stop(struct hmr_reader *r, const volatile int *flag);
/* The head of the next segment, the caller's to free. HMR_EOF: the input ends
 * after an END. Empty input is HMR_E_TRUNCATED. Rest of an unread segment is
 * skipped. */
HMR_MUST_USE enum hmr_status
hmr_reader_head(struct hmr_reader *r, struct hmr_head **out, struct hmr_err *e);
/* The next frame, borrowed until the next call. HMR_EOF: END complete.
 * HMR_E_UPSTREAM: END failed. hmr_reader_end() tells which and why.
 * HMR_E_TRUNCATED: no END. All checksums have been checked. */
HMR_MUST_USE enum hmr_status
hmr_reader_next(struct hmr_reader *r, const struct hmr_frame **out,
		struct hmr_err *e);
/* From here on memory is for two frames, so that one may be read ahead. */
HMR_MUST_USE enum hmr_status
hmr_reader_two(struct hmr_reader *r, struct hmr_err *e);
/* The frame that hmr_reader_next() will yield, if all of it has come; the one before
 * stays valid until then. Waits for nothing, but for a millisecond or two for the rest
 * of a frame that has begun to come. NULL: not there yet; what ends the segment and what
 * is wrong hmr_reader_next() tells. */
const struct hmr_frame *hmr_reader_ahead(struct hmr_reader *r);
const struct hmr_end *hmr_reader_end(const struct hmr_reader *r);
uint64_t hmr_reader_frames(const struct hmr_reader *r);	/* of this segment */
uint64_t hmr_reader_offset(const struct hmr_reader *r);	/* bytes read */

/* Finds a section; NULL if the frame has none. Linear, first match. */
const struct hmr_section *
hmr_frame_find(const struct hmr_frame *f, uint32_t tag);
/* The section's bytes, decompressed if need be into a buffer of the frame's
 * reader (one per frame and tag, valid as long as the frame).
 * HMR_EOF: there is no such section. */
HMR_MUST_USE enum hmr_status
hmr_frame_get(const struct hmr_frame *f, uint32_t tag, const uint8_t **data,
	      size_t *n, struct hmr_err *e);
/* Replaces or appends a raw section in a frame of the caller's; drops one. */
HMR_MUST_USE enum hmr_status
hmr_frame_put(struct hmr_frame *f, uint32_t tag, const void *data, size_t n,
	      struct hmr_err *e);
/* The same for bytes that lie scattered (only for frames given to a writer). */
HMR_MUST_USE enum hmr_status
hmr_frame_put_parts(struct hmr_frame *f, uint32_t tag, const struct iovec *parts,
		    int n_parts, struct hmr_err *e);
void hmr_frame_drop(struct hmr_frame *f, uint32_t tag);

struct hmr_writer;
/* Writes to fd, not owned. level 0: sections as they are; 1..19: new sections
 * are compressed with zstd. */
HMR_MUST_USE enum hmr_status
hmr_writer_new(struct hmr_writer **out, int fd, const char *name, int level,
	       struct hmr_err *e);
void hmr_writer_free(struct hmr_writer *w);
/* Allocates what frames need. */
HMR_MUST_USE enum hmr_status
hmr_writer_head(struct hmr_writer *w, struct hmr_head *h, struct hmr_err *e);
/* One writev: the frame leaves at once. */
HMR_MUST_USE enum hmr_status
hmr_writer_frame(struct hmr_writer *w, const struct hmr_frame *f,
		 struct hmr_err *e);
/* frames and hash are the writer's own; the rest comes from end. */
HMR_MUST_USE enum hmr_status
hmr_writer_end(struct hmr_writer *w, const struct hmr_end *end,
	       struct hmr_err *e);
uint64_t hmr_writer_frames(const struct hmr_writer *w);	/* of this segment */

#endif

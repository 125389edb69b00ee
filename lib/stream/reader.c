/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of stream.h: walks segments, checks every record, holds one frame.
 * Refuses what breaks formats/stream.md with the frame and the byte in the text.
 * Memory: one payload buffer and one for decompression, both of HEAD's
 * max_payload, made when a HEAD is read and kept while they suffice; two of each
 * where frames are read ahead.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>
#include <zstd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "stream/lines_read.h"
#include "stream/reader.h"
#include "stream/record.h"

enum state { AT_START, IN_SEGMENT, AT_BOUNDARY, AT_EOF, BROKEN };

struct unpacked {		/* a decompressed section of the current frame */
	const uint8_t *stored, *raw;
};

struct held {			/* a frame with what it borrows */
	uint8_t *payload, *raw;
	uint64_t raw_used;
	uint32_t n_unpacked;
	struct unpacked unpacked[HMR_SECTIONS_MAX];
	struct hmr_frame frame;
};

struct incoming {		/* what has come of the next record */
	uint8_t head[HMR_RECORD_HEADER];
	size_t head_got, got;	/* got: of its payload */
};

struct early {			/* what hmr_reader_next() will answer */
	bool known;
	enum hmr_status st;
	struct hmr_err e;
};

struct hmr_reader {
	int fd;
	const char *name;
	uint64_t max_frame;
	const volatile int *stop;
	enum state state;
	enum hmr_status broken;	/* what BROKEN answers */
	uint64_t offset, frames;
	uint64_t record_at;	/* offset of the record in hand */
	bool have_last;
	uint64_t last;		/* number of the last frame */
	struct held held[2];
	bool two;		/* both have buffers */
	unsigned now;		/* which holds the last frame read */
	struct incoming in;
	struct early early;
	uint64_t cap;		/* of payload and raw of each */
	uint64_t max_payload;	/* of this segment */
	ZSTD_DCtx *zstd;
	XXH3_state_t *hash;	/* over section sums */
	struct hmr_end end;
	struct hmr_lines_reader *lines;	/* the input is JSON Lines: all goes there */
};

enum hmr_status
hmr_reader_new(struct hmr_reader **out, int fd, const char *name,
	       uint64_t max_frame, struct hmr_err *e)
{
	struct hmr_reader *r = calloc(1, sizeof(*r));

	*out = NULL;
	if (!r || !(r->hash = XXH3_createState()) || !(r->zstd = ZSTD_createDCtx())) {
		hmr_reader_free(r);
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", name);
	}
	r->fd = fd;
	r->name = name;
	r->max_frame = max_frame ? max_frame : HMR_FRAME_MAX_DEFAULT;
	r->end.frame = -1;
	*out = r;
	return HMR_OK;
}

void
hmr_reader_free(struct hmr_reader *r)
{
	if (!r)
		return;
	hmr_lines_reader_free(r->lines);
	ZSTD_freeDCtx(r->zstd);
	XXH3_freeState(r->hash);
	for (int i = 0; i < 2; i++) {
		free(r->held[i].payload);
		free(r->held[i].raw);
	}
	free(r);
}

void
hmr_reader_stop(struct hmr_reader *r, const volatile int *flag)
{
	r->stop = flag;
}

const struct hmr_end *
hmr_reader_end(const struct hmr_reader *r)
{
	return r->lines ? hmr_lines_reader_end(r->lines) : &r->end;
}

uint64_t
hmr_reader_frames(const struct hmr_reader *r)
{
	return r->frames;
}

uint64_t
hmr_reader_offset(const struct hmr_reader *r)
{
	return r->offset;
}

/* Marks the stream as unreadable from here on; puts name and place before the
 * text in e. */
static enum hmr_status
broken(struct hmr_reader *r, enum hmr_status st, struct hmr_err *e)
{
	r->state = BROKEN;
	r->broken = st;
	if (r->frames)
		return hmr_fail_in(e, st, "%s: record at byte %" PRIu64
				   ", after %" PRIu64 " frames", r->name,
				   r->record_at, r->frames);
	return hmr_fail_in(e, st, "%s: record at byte %" PRIu64, r->name,
			   r->record_at);
}

/* Waits for input or for the stop flag. */
static enum hmr_status
wait_input(struct hmr_reader *r, struct hmr_err *e)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	if (!r->stop)
		return HMR_OK;
	while (!*r->stop) {
		int n = poll(&p, 1, 500);

		if (n > 0 || (n < 0 && errno != EINTR))
			return HMR_OK;
	}
	return hmr_fail(e, HMR_E_SIGNAL, "interrupted");
}

/* Goes on to n bytes, of which *got are there; fewer: the input ends. */
static enum hmr_status
fill_up(struct hmr_reader *r, uint8_t *buf, uint64_t n, size_t *got, struct hmr_err *e)
{
	enum hmr_status st = HMR_OK;

	while (*got < n) {
		ssize_t k;

		if ((st = wait_input(r, e)))
			return st;
		k = read(r->fd, buf + *got, (size_t)(n - *got));
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return hmr_fail(e, HMR_E_IO, "read");
		if (!k)
			break;
		*got += (size_t)k;
		r->offset += (uint64_t)k;
	}
	return HMR_OK;
}

static enum hmr_status
fill(struct hmr_reader *r, uint8_t *buf, uint64_t n, size_t *got,
     struct hmr_err *e)
{
	*got = 0;
	return fill_up(r, buf, n, got, e);
}

static enum hmr_status
truncated(struct hmr_reader *r, struct hmr_err *e)
{
	r->state = BROKEN;
	r->broken = HMR_E_TRUNCATED;
	if (!r->offset)
		return hmr_fail(e, HMR_E_TRUNCATED,
				"%s: empty input, not an hmr stream", r->name);
	return hmr_fail(e, HMR_E_TRUNCATED, "%s: truncated: the input ends at byte %"
			PRIu64 " after %" PRIu64 " frames, without END", r->name,
			r->offset, r->frames);
}

/* The next record header. HMR_EOF where the input ends before its first byte. */
static enum hmr_status
next_record(struct hmr_reader *r, struct hmr_record *rec, struct hmr_err *e)
{
	uint8_t *h = r->in.head;
	enum hmr_status st;
	size_t got;

	r->record_at = r->offset - r->in.head_got - r->in.got;
	if ((st = fill_up(r, h, HMR_RECORD_HEADER, &r->in.head_got, e)))
		return broken(r, st, e);
	got = r->in.head_got;
	r->in.head_got = 0;
	if (!got)
		return HMR_EOF;
	if (got < HMR_RECORD_HEADER)	/* too short to check: wrong bytes or cut */
		return memcmp(h, hmr_record_magic, got < 4 ? got : 4) ?
			broken(r, hmr_fail(e, HMR_E_FORMAT,
					   "not an hmr stream record"), e) :
			truncated(r, e);
	if ((st = hmr_record_get(h, rec, e)))
		return broken(r, st, e);
	return HMR_OK;
}

/* Reads a record's payload; the buffer must hold it. */
static enum hmr_status
read_payload(struct hmr_reader *r, const struct hmr_record *rec, uint8_t *buf,
	     struct hmr_err *e)
{
	enum hmr_status st = fill_up(r, buf, rec->payload, &r->in.got, e);
	size_t got = r->in.got;

	r->in.got = 0;
	if (st)
		return broken(r, st, e);
	if (got < rec->payload)
		return truncated(r, e);
	return HMR_OK;
}

/* HEAD and END: one JSON section in a payload on the heap. */
static enum hmr_status
read_json(struct hmr_reader *r, const struct hmr_record *rec, uint8_t **payload,
	  struct hmr_section *s, struct hmr_err *e)
{
	enum hmr_status st;

	*payload = NULL;
	if (rec->payload > HMR_HEAD_MAX || rec->sections != 1)
		return broken(r, hmr_fail(e, HMR_E_FORMAT,
					  "HEAD or END of %" PRIu64 " bytes in %u sections",
					  rec->payload, rec->sections), e);
	if (!(*payload = malloc(rec->payload + 1)))
		return broken(r, hmr_fail(e, HMR_E_NOMEM, "out of memory"), e);
	if ((st = read_payload(r, rec, *payload, e)))
		return st;
	if ((st = hmr_sections_get(*payload, rec->payload, 1, HMR_HEAD_MAX, s, e)))
		return broken(r, st, e);
	if (s->tag != HMR_TAG_JSON || s->flags)
		return broken(r, hmr_fail(e, HMR_E_FORMAT,
					  "HEAD or END without a plain JSON section"), e);
	return HMR_OK;
}

static enum hmr_status
make_buffer(struct held *h, uint64_t bytes, struct hmr_err *e)
{
	free(h->payload);
	free(h->raw);
	h->payload = malloc(bytes);
	h->raw = malloc(bytes);
	if (!h->payload || !h->raw)
		return hmr_fail(e, HMR_E_NOMEM, "no memory for frames of %" PRIu64
				" bytes", bytes);
	return HMR_OK;
}

static enum hmr_status
make_buffers(struct hmr_reader *r, uint64_t max_payload, struct hmr_err *e)
{
	enum hmr_status st;

	if (max_payload > r->max_frame)
		return hmr_fail(e, HMR_E_LIMIT, "HEAD declares frames of up to %" PRIu64
				" bytes, --max-frame allows %" PRIu64, max_payload,
				r->max_frame);
	r->max_payload = max_payload;
	if (max_payload <= r->cap)
		return HMR_OK;
	r->cap = 0;
	for (int i = 0; i < 1 + r->two; i++)
		if ((st = make_buffer(&r->held[i], max_payload, e)))
			return st;
	r->cap = max_payload;
	return HMR_OK;
}

enum hmr_status
hmr_reader_two(struct hmr_reader *r, struct hmr_err *e)
{
	enum hmr_status st = HMR_OK;

	if (r->lines || r->two)
		return HMR_OK;
	if (r->cap)
		st = make_buffer(&r->held[1], r->cap, e);
	r->two = !st;
	return st;
}

static enum hmr_status
skip_segment(struct hmr_reader *r, struct hmr_err *e)
{
	const struct hmr_frame *f;
	enum hmr_status st;

	while (!(st = hmr_reader_next(r, &f, e)))
		;
	return st == HMR_EOF || st == HMR_E_UPSTREAM ? HMR_OK : st;
}

/* JSON Lines begin with '{': the reader becomes a front for the lines reader. */
static enum hmr_status
detect_lines(struct hmr_reader *r, struct hmr_err *e)
{
	uint8_t first;
	enum hmr_status st;
	size_t got;

	if ((st = fill(r, &first, 1, &got, e)))
		return broken(r, st, e);
	if (!got)
		return truncated(r, e);
	if (first == '{') {
		if (!(st = hmr_lines_reader_new(&r->lines, r->fd, r->name, &first, 1,
						r->max_frame, e)))
			hmr_lines_reader_stop(r->lines, r->stop);
		return st;
	}
	r->in.head[0] = first;	/* of the first record */
	r->in.head_got = 1;
	return HMR_OK;
}

/* The first record header, of which detect_lines() has taken one byte. */
static enum hmr_status
first_record(struct hmr_reader *r, struct hmr_record *rec, struct hmr_err *e)
{
	uint8_t *h = r->in.head;
	enum hmr_status st;
	size_t got;

	if ((st = fill_up(r, h, HMR_RECORD_HEADER, &r->in.head_got, e)))
		return broken(r, st, e);
	got = r->in.head_got;
	r->in.head_got = 0;
	if (memcmp(h, hmr_record_magic, got < 4 ? got : 4)) {
		r->state = BROKEN;
		r->broken = HMR_E_FORMAT;
		return hmr_fail(e, HMR_E_FORMAT, "%s: neither an hmr stream nor JSON Lines "
				"of one; hmr-decode makes one of videos and images", r->name);
	}
	if (got < HMR_RECORD_HEADER)
		return truncated(r, e);
	if ((st = hmr_record_get(h, rec, e)))
		return broken(r, st, e);
	return HMR_OK;
}

enum hmr_status
hmr_reader_head(struct hmr_reader *r, struct hmr_head **out, struct hmr_err *e)
{
	struct hmr_record rec;
	struct hmr_section s;
	enum hmr_status st;
	uint8_t *payload;

	*out = NULL;
	if (r->state == AT_START && !r->lines && (st = detect_lines(r, e)))
		return st;
	if (r->lines) {
		r->state = AT_BOUNDARY;
		r->frames = 0;
		return hmr_lines_reader_head(r->lines, out, e);
	}
	if (r->state == BROKEN)
		return r->broken;
	if (r->state == IN_SEGMENT && (st = skip_segment(r, e)))
		return st;
	st = r->state == AT_START ? first_record(r, &rec, e) :
				    next_record(r, &rec, e);
	if (st == HMR_EOF)
		r->state = AT_EOF;
	if (st)
		return st;
	if (rec.type != HMR_RECORD_HEAD)
		return broken(r, hmr_fail(e, HMR_E_FORMAT,
					  "record of type %u where HEAD must be",
					  rec.type), e);
	r->frames = 0;
	r->have_last = false;
	st = read_json(r, &rec, &payload, &s, e);
	if (!st && (st = hmr_head_parse(out, (const char *)s.data,
					(size_t)s.stored, e)))
		broken(r, st, e);
	if (!st && (st = make_buffers(r, hmr_head_info(*out)->max_payload, e)))
		broken(r, st, e);
	free(payload);
	if (st) {
		hmr_head_free(*out);
		*out = NULL;
		return st;
	}
	XXH3_64bits_reset(r->hash);
	memset(&r->end, 0, sizeof(r->end));
	r->end.frame = -1;
	r->state = IN_SEGMENT;
	return HMR_OK;
}

static enum hmr_status
read_end(struct hmr_reader *r, const struct hmr_record *rec, struct hmr_err *e)
{
	uint64_t hash = 0, mine = XXH3_64bits_digest(r->hash);
	struct hmr_section s;
	enum hmr_status st;
	uint8_t *payload;

	if (!(st = read_json(r, rec, &payload, &s, e)) &&
	    (st = hmr_end_get((const char *)s.data, (size_t)s.stored, &r->end,
			      &hash, e)))
		broken(r, st, e);
	free(payload);
	if (st)
		return st;
	if (r->end.frames != r->frames || rec->number != r->frames || hash != mine)
		return broken(r, hmr_fail(e, HMR_E_FORMAT, "END counts %" PRIu64
					  " frames (its header %" PRIu64 "), hash %016"
					  PRIx64 "; read were %" PRIu64 ", hash %016" PRIx64,
					  r->end.frames, rec->number, hash, r->frames,
					  mine), e);
	r->state = AT_BOUNDARY;
	if (r->end.complete)
		return HMR_EOF;
	if (r->end.frame >= 0)
		return hmr_fail(e, HMR_E_UPSTREAM, "%s: %s failed at frame %" PRId64
				": %s", r->name, r->end.stage, r->end.frame,
				r->end.message);
	return hmr_fail(e, HMR_E_UPSTREAM, "%s: %s failed: %s", r->name,
			r->end.stage, r->end.message);
}

/* Which of the two a frame that comes goes to. */
static unsigned
incoming(const struct hmr_reader *r)
{
	return r->two ? !r->now : r->now;
}

static enum hmr_status
read_frame(struct hmr_reader *r, const struct hmr_record *rec, struct hmr_err *e)
{
	struct held *h = &r->held[incoming(r)];
	struct hmr_frame *f = &h->frame;
	enum hmr_status st;

	if (rec->payload > r->max_payload)
		return broken(r, hmr_fail(e, HMR_E_LIMIT, "frame %" PRIu64 ": %" PRIu64
					  " bytes, HEAD declares at most %" PRIu64,
					  rec->number, rec->payload, r->max_payload), e);
	if (r->have_last && rec->number <= r->last)
		return broken(r, hmr_fail(e, HMR_E_FORMAT, "frame %" PRIu64
					  " comes after frame %" PRIu64, rec->number,
					  r->last), e);
	if ((st = read_payload(r, rec, h->payload, e)))
		return st;
	f->number = rec->number;
	f->pts = rec->pts;
	f->duration = rec->duration;
	f->width = rec->width;
	f->height = rec->height;
	f->flags = rec->frame_flags;
	f->n = rec->sections;
	f->reader = r;
	if ((st = hmr_sections_get(h->payload, rec->payload, rec->sections,
				   r->max_payload, f->section, e))) {
		hmr_fail_in(e, st, "frame %" PRIu64, rec->number);
		return broken(r, st, e);
	}
	for (uint32_t i = 0; i < f->n; i++) {
		uint8_t sum[8];

		hmr_put64(sum, f->section[i].sum);
		XXH3_64bits_update(r->hash, sum, sizeof(sum));
	}
	h->raw_used = 0;
	h->n_unpacked = 0;
	r->now = incoming(r);
	r->have_last = true;
	r->last = rec->number;
	r->frames++;
	return HMR_OK;
}

/* A record of a type that a later minor version brought. */
static enum hmr_status
skip_unknown(struct hmr_reader *r, const struct hmr_record *rec, struct hmr_err *e)
{
	if (rec->flags & HMR_RECORD_MUST || rec->payload > r->max_payload ||
	    rec->type <= HMR_RECORD_END)
		return broken(r, hmr_fail(e, HMR_E_VERSION,
					  "record of type %u must be understood or is "
					  "out of place", rec->type), e);
	return read_payload(r, rec, r->held[incoming(r)].payload, e);
}

/* The next record of the segment that is a frame or an end; a frame is in
 * held[now] then. */
static enum hmr_status
next_frame(struct hmr_reader *r, struct hmr_err *e)
{
	struct hmr_record rec;
	enum hmr_status st;

	if (r->state == BROKEN)
		return r->broken;
	if (r->state != IN_SEGMENT)
		return HMR_EOF;
	for (;;) {
		st = next_record(r, &rec, e);
		if (st == HMR_EOF)
			return truncated(r, e);
		if (st)
			return st;
		if (rec.type == HMR_RECORD_END)
			return read_end(r, &rec, e);
		if (rec.type == HMR_RECORD_FRAME)
			return read_frame(r, &rec, e);
		if ((st = skip_unknown(r, &rec, e)))
			return st;
	}
}

enum hmr_status
hmr_reader_next(struct hmr_reader *r, const struct hmr_frame **out,
		struct hmr_err *e)
{
	enum hmr_status st;

	*out = NULL;
	if (r->lines) {
		st = hmr_lines_reader_next(r->lines, out, e);
		r->frames += st == HMR_OK;
		return st;
	}
	if (r->early.known) {
		st = r->early.st;
		r->early.known = false;
		if (st && e)
			*e = r->early.e;
	} else {
		st = next_frame(r, e);
	}
	if (!st)
		*out = &r->held[r->now].frame;
	return st;
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Takes what is there of n bytes; the rest of a record that has begun may come until
 * *end, which the first wait sets. Whether they are all there. An end or an error is
 * left to who waits for them. */
static bool
gather(struct hmr_reader *r, uint8_t *buf, uint64_t n, size_t *got, double *end)
{
	while (*got < n) {
		struct pollfd p = { .fd = r->fd, .events = POLLIN };
		int ready = poll(&p, 1, 0);
		ssize_t k;

		if (!ready && (r->in.head_got || r->in.got)) {
			*end = *end > 0 ? *end : now_ms() + 1;
			ready = now_ms() < *end ? poll(&p, 1, 1) : 0;
		}
		if (ready <= 0 || (r->stop && *r->stop) ||
		    (k = read(r->fd, buf + *got, (size_t)(n - *got))) <= 0)
			return false;
		*got += (size_t)k;
		r->offset += (uint64_t)k;
	}
	return true;
}

/* Whether all of a frame that can be read is in memory. */
static bool
has_come(struct hmr_reader *r)
{
	struct hmr_record rec;
	double end = 0;

	return gather(r, r->in.head, sizeof(r->in.head), &r->in.head_got, &end) &&
	       !hmr_record_get(r->in.head, &rec, NULL) && rec.type == HMR_RECORD_FRAME &&
	       rec.payload <= r->max_payload &&
	       gather(r, r->held[incoming(r)].payload, rec.payload, &r->in.got, &end);
}

const struct hmr_frame *
hmr_reader_ahead(struct hmr_reader *r)
{
	if (!r->two || r->lines || r->early.known || r->state != IN_SEGMENT || !has_come(r))
		return NULL;
	memset(&r->early.e, 0, sizeof(r->early.e));
	r->early.st = next_frame(r, &r->early.e);
	r->early.known = true;
	return r->early.st ? NULL : &r->held[r->now].frame;
}

enum hmr_status
hmr_reader_unpack(struct hmr_reader *r, const struct hmr_section *s,
		  const uint8_t **data, struct hmr_err *e)
{
	struct held *h = &r->held[r->two && s->data >= r->held[1].payload &&
				  s->data < r->held[1].payload + r->cap];
	char name[5];
	size_t n;

	for (uint32_t i = 0; i < h->n_unpacked; i++)
		if (h->unpacked[i].stored == s->data) {
			*data = h->unpacked[i].raw;
			return HMR_OK;
		}
	if (h->n_unpacked == HMR_SECTIONS_MAX || s->raw > r->cap - h->raw_used)
		return hmr_fail(e, HMR_E_LIMIT, "section %s: %" PRIu64
				" bytes are more than HEAD's max_payload",
				hmr_tag_text(s->tag, name), s->raw);
	n = ZSTD_decompressDCtx(r->zstd, h->raw + h->raw_used, (size_t)s->raw,
				s->data, (size_t)s->stored);
	if (ZSTD_isError(n) || n != s->raw)
		return hmr_fail(e, HMR_E_FORMAT, "section %s: zstd: %s",
				hmr_tag_text(s->tag, name),
				ZSTD_isError(n) ? ZSTD_getErrorName(n) : "wrong size");
	*data = h->raw + h->raw_used;
	h->unpacked[h->n_unpacked].stored = s->data;
	h->unpacked[h->n_unpacked++].raw = *data;
	h->raw_used += s->raw + hmr_section_pad(s->raw);
	if (h->raw_used > r->cap)
		h->raw_used = r->cap;
	return HMR_OK;
}

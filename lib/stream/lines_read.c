/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks the lines and segments of JSON Lines; see lines_read.h. One line buffer of
 * the largest length, touched only as far as lines are long. Only a header line
 * becomes a tree; frames are pulled through lines_frame.h.
 */
#include "stream/lines_read.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stream/lines_frame.h"

#define CHUNK ((size_t)1 << 17)

enum line { LINE_OTHER, LINE_HEADER, LINE_FRAME, LINE_ERROR, LINE_END };
enum state { STATE_BETWEEN, STATE_IN };

struct hmr_lines_reader {
	int fd;
	const char *name;
	char *buf;			/* [cap] */
	size_t cap, at, n;		/* unread: buf[at..n) */
	uint64_t offset, lines;
	bool physical_end;
	enum state state;
	uint64_t frames, segments, payload;
	uint32_t width, height;
	struct hmr_end end;
	struct hmr_frame frame;
	struct hmr_lines_frame *tables;
	const volatile int *stop;
};

/* ---- lines ---- */

static enum hmr_status
fault(const struct hmr_lines_reader *r, const struct hmr_json *j,
      const char *base, enum hmr_status st, const char *what, struct hmr_err *e)
{
	return hmr_fail(e, st, "%s: line %llu, byte %llu: %s", r->name,
			(unsigned long long)r->lines,
			(unsigned long long)(j->at - base + 1), what);
}

static enum hmr_status
malformed(const struct hmr_lines_reader *r, const struct hmr_json *j,
	  const char *base, const char *what, struct hmr_err *e)
{
	return fault(r, j, base, HMR_E_FORMAT, what, e);
}

/* Waits for input or for the stop flag. */
static enum hmr_status
wait_input(struct hmr_lines_reader *r, struct hmr_err *e)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	while (r->stop && !*r->stop) {
		int n = poll(&p, 1, 500);

		if (n > 0 || (n < 0 && errno != EINTR))
			return HMR_OK;
	}
	return r->stop ? hmr_fail(e, HMR_E_SIGNAL, "interrupted") : HMR_OK;
}

/* What there is to read, at least a byte, at the end of buf: a live pipe's line
 * must not wait for the next one. */
static enum hmr_status
read_some(struct hmr_lines_reader *r, struct hmr_err *e)
{
	size_t left = r->n - r->at;
	ssize_t got;
	enum hmr_status st;

	if ((st = wait_input(r, e)))
		return st;
	if (r->at)
		memmove(r->buf, r->buf + r->at, left);
	r->at = 0;
	r->n = left;
	if (r->n == r->cap)
		return hmr_fail(e, HMR_E_LIMIT, "%s: line %llu: longer than %llu bytes",
				r->name, (unsigned long long)r->lines + 1,
				(unsigned long long)r->cap);
	do {
		got = read(r->fd, r->buf + r->n,
			   r->cap - r->n < CHUNK ? r->cap - r->n : CHUNK);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return hmr_fail(e, HMR_E_IO, "%s", r->name);
	r->physical_end = !got;
	r->n += (size_t)got;
	r->offset += (size_t)got;
	return HMR_OK;
}

/* The next line that is not empty, without its end. HMR_EOF: there is none. A
 * last line without a line end is given too, with *cut set. */
static enum hmr_status
line_next(struct hmr_lines_reader *r, struct hmr_json *j, bool *cut,
	  struct hmr_err *e)
{
	size_t seen = 0;
	char *nl;
	enum hmr_status st;

	for (;;) {
		nl = memchr(r->buf + r->at + seen, '\n', r->n - r->at - seen);
		if (!nl && !r->physical_end) {
			seen = r->n - r->at;
			if ((st = read_some(r, e)))
				return st;
			continue;
		}
		if (!nl && r->at == r->n)
			return HMR_EOF;
		*cut = !nl;
		j->at = r->buf + r->at;
		j->end = nl ? nl : r->buf + r->n;
		r->at = nl ? (size_t)(nl + 1 - r->buf) : r->n;
		r->lines++;
		seen = 0;
		if (hmr_json_peek(j))
			return HMR_OK;
	}
}

/* Of what type the line is; j stays where it is. */
static enum hmr_status
line_type(const struct hmr_lines_reader *r, struct hmr_json j, enum line *type,
	  struct hmr_err *e)
{
	static const struct {
		const char *name;
		enum line type;
	} tab[] = { { "header", LINE_HEADER }, { "frame", LINE_FRAME },
		    { "error", LINE_ERROR }, { "end", LINE_END } };
	const char *base = j.at, *key;
	bool first = true;
	char t[16];
	size_t n;
	enum hmr_status st;

	while (!(st = hmr_json_member(&j, &first, &key, &n))) {
		if (!hmr_json_is(key, n, "type")) {
			if (hmr_json_skip(&j))
				break;
			continue;
		}
		if (hmr_json_string(&j, t, sizeof(t)))
			break;
		*type = LINE_OTHER;
		for (size_t i = 0; i < sizeof(tab) / sizeof(tab[0]); i++)
			if (!strcmp(t, tab[i].name))
				*type = tab[i].type;
		return HMR_OK;
	}
	return malformed(r, &j, base, st == HMR_EOF ? "no type" :
			 "not a JSON object with a type", e);
}

/* The next line of a type that is known, whole: a cut one is truncation. */
static enum hmr_status
typed_next(struct hmr_lines_reader *r, struct hmr_json *j, enum line *type,
	   struct hmr_err *e)
{
	enum hmr_status st;
	bool cut = false;

	do {
		if ((st = line_next(r, j, &cut, e)))
			return st;
		if (cut) {
			struct hmr_json whole = *j;

			if (hmr_json_skip(&whole) || hmr_json_end(&whole))
				return hmr_fail(e, HMR_E_TRUNCATED,
						"%s: line %llu: cut off", r->name,
						(unsigned long long)r->lines);
		}
		if ((st = line_type(r, *j, type, e)))
			return st;
	} while (*type == LINE_OTHER);
	return HMR_OK;
}

static enum hmr_status
read_frame(struct hmr_lines_reader *r, struct hmr_json j, struct hmr_err *e)
{
	const char *base = j.at, *what = NULL;
	struct hmr_frame *f = &r->frame;
	uint64_t last = f->number;
	enum hmr_status st;

	memset(f, 0, sizeof(*f));
	f->width = r->width;
	f->height = r->height;
	st = hmr_lines_frame_get(r->tables, &j, r->payload, f, &what);
	if (st == HMR_E_NOMEM)
		return hmr_fail(e, st, "%s", r->name);
	if (!st && r->frames && f->number <= last) {
		what = "frame numbers do not rise";
		st = HMR_E_FORMAT;
	}
	return st ? fault(r, &j, base, st, what, e) : HMR_OK;
}

/* ---- segments ---- */

static enum hmr_status
read_error(struct hmr_lines_reader *r, struct hmr_json j, struct hmr_err *e)
{
	const char *base = j.at, *key;
	bool first = true;
	int64_t signal = 0;
	size_t n;
	enum hmr_status st, bad = HMR_OK;

	while (!bad && !(st = hmr_json_member(&j, &first, &key, &n))) {
		if (hmr_json_is(key, n, "stage"))
			bad = hmr_json_string(&j, r->end.stage, sizeof(r->end.stage));
		else if (hmr_json_is(key, n, "message"))
			bad = hmr_json_string(&j, r->end.message,
					      sizeof(r->end.message));
		else if (hmr_json_is(key, n, "signal"))
			bad = hmr_json_i64(&j, &signal);
		else if (hmr_json_is(key, n, "frame") && hmr_json_peek(&j) != 'n')
			bad = hmr_json_i64(&j, &r->end.frame);
		else
			bad = hmr_json_skip(&j);
	}
	if (bad || st < 0 || hmr_json_end(&j) || signal < 0 || signal > 64)
		return malformed(r, &j, base, "an error line", e);
	r->end.signal = (int)signal;
	return HMR_OK;
}

static enum hmr_status
read_end(struct hmr_lines_reader *r, struct hmr_json j, struct hmr_err *e)
{
	const char *base = j.at, *key;
	bool first = true;
	char status[16] = "";
	size_t n;
	enum hmr_status st, bad = HMR_OK;

	r->end.frames = UINT64_MAX;
	while (!bad && !(st = hmr_json_member(&j, &first, &key, &n))) {
		if (hmr_json_is(key, n, "frames"))
			bad = hmr_json_u64(&j, INT64_MAX, &r->end.frames);
		else if (hmr_json_is(key, n, "status"))
			bad = hmr_json_string(&j, status, sizeof(status));
		else
			bad = hmr_json_skip(&j);
	}
	if (bad || st < 0 || hmr_json_end(&j))
		return malformed(r, &j, base, "an end line", e);
	if (r->end.frames != r->frames)
		return malformed(r, &j, base, "end counts other frames than there are",
				 e);
	r->end.complete = !strcmp(status, "complete");
	r->state = STATE_BETWEEN;
	if (r->end.complete)
		return HMR_EOF;
	if (r->end.frame >= 0)
		return hmr_fail(e, HMR_E_UPSTREAM, "%s: %s failed at frame %lld: %s",
				r->name, r->end.stage, (long long)r->end.frame,
				r->end.message);
	return hmr_fail(e, HMR_E_UPSTREAM, "%s: %s failed: %s", r->name,
			r->end.stage, r->end.message);
}

static bool
add_pair(cJSON *o, const char *key, int a, int b)
{
	int v[2] = { a, b };

	return cJSON_HasObjectItem(o, key) ||
	       cJSON_AddItemToObject(o, key, cJSON_CreateIntArray(v, 2));
}

static bool
add_number(cJSON *o, const char *key, double v)
{
	return cJSON_HasObjectItem(o, key) || cJSON_AddNumberToObject(o, key, v);
}

/* What a header written by other software may leave out. */
static bool
fill_header(cJSON *o, const char *name)
{
	cJSON *source;

	cJSON_DeleteItemFromObjectCaseSensitive(o, "type");
	cJSON_DeleteItemFromObjectCaseSensitive(o, "tracks");
	if (!cJSON_HasObjectItem(o, "source") &&
	    (!(source = cJSON_AddObjectToObject(o, "source")) ||
	     !cJSON_AddStringToObject(source, "name", name)))
		return false;
	return (cJSON_HasObjectItem(o, "format") ||
		cJSON_AddStringToObject(o, "format", "hmr-stream")) &&
	       (cJSON_HasObjectItem(o, "stages") ||
		cJSON_AddArrayToObject(o, "stages")) &&
	       add_pair(o, "time_base", 1, 1000) && add_pair(o, "rate", 0, 1) &&
	       add_number(o, "width", 0) && add_number(o, "height", 0) &&
	       add_number(o, "frames", 0) &&
	       add_number(o, "max_payload", (double)HMR_LINES_PAYLOAD);
}

static enum hmr_status
read_header(struct hmr_lines_reader *r, const struct hmr_json *j,
	    struct hmr_head **out, struct hmr_err *e)
{
	cJSON *o = cJSON_ParseWithLength(j->at, (size_t)(j->end - j->at));
	const char *version = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(o, "tracks"));
	char *text = NULL;
	enum hmr_status st;

	if (!o)
		st = malformed(r, j, j->at, "not JSON", e);
	else if (version && strncmp(version, "1.", 2))
		st = hmr_fail(e, HMR_E_VERSION, "%s: line %llu: tracks version %.20s, "
			      "this program reads 1", r->name,
			      (unsigned long long)r->lines, version);
	else if (!fill_header(o, r->name) || !(text = cJSON_PrintUnformatted(o)))
		st = hmr_fail(e, HMR_E_NOMEM, "%s", r->name);
	else if ((st = hmr_head_parse(out, text, strlen(text), e)))
		st = hmr_fail_in(e, st, "%s: line %llu", r->name,
				 (unsigned long long)r->lines);
	cJSON_free(text);
	cJSON_Delete(o);
	if (st)
		return st;
	r->payload = hmr_head_info(*out)->max_payload;
	r->width = hmr_head_info(*out)->width;
	r->height = hmr_head_info(*out)->height;
	r->frames = 0;
	r->segments++;
	r->state = STATE_IN;
	memset(&r->end, 0, sizeof(r->end));
	r->end.frame = -1;
	return HMR_OK;
}

enum hmr_status
hmr_lines_reader_head(struct hmr_lines_reader *r, struct hmr_head **out,
		      struct hmr_err *e)
{
	const struct hmr_frame *f;
	struct hmr_json j;
	enum line type;
	enum hmr_status st;

	*out = NULL;
	while (r->state == STATE_IN)
		if ((st = hmr_lines_reader_next(r, &f, e)) && st != HMR_EOF &&
		    st != HMR_E_UPSTREAM)
			return st;
	st = typed_next(r, &j, &type, e);
	if (st == HMR_EOF && !r->segments)
		return hmr_fail(e, HMR_E_TRUNCATED, "%s: empty input, no header line",
				r->name);
	if (st)
		return st;
	if (type != LINE_HEADER)
		return malformed(r, &j, j.at, "a header line must be here", e);
	return read_header(r, &j, out, e);
}

enum hmr_status
hmr_lines_reader_next(struct hmr_lines_reader *r, const struct hmr_frame **out,
		      struct hmr_err *e)
{
	struct hmr_json j;
	enum line type;
	enum hmr_status st;

	while (r->state == STATE_IN) {
		st = typed_next(r, &j, &type, e);
		if (st == HMR_EOF)
			return hmr_fail(e, HMR_E_TRUNCATED, "%s: truncated after %llu "
					"frames: no end line", r->name,
					(unsigned long long)r->frames);
		if (st)
			return st;
		if (type == LINE_HEADER)
			return malformed(r, &j, j.at, "a header before the end line", e);
		if (type == LINE_END)
			return read_end(r, j, e);
		if (type == LINE_FRAME) {
			if ((st = read_frame(r, j, e)))
				return st;
			r->frames++;
			*out = &r->frame;
			return HMR_OK;
		}
		if ((st = read_error(r, j, e)))
			return st;
	}
	return r->end.complete ? HMR_EOF : HMR_E_UPSTREAM;
}

const struct hmr_end *
hmr_lines_reader_end(const struct hmr_lines_reader *r)
{
	return &r->end;
}

uint64_t
hmr_lines_reader_frames(const struct hmr_lines_reader *r)
{
	return r->frames;
}

uint64_t
hmr_lines_reader_offset(const struct hmr_lines_reader *r)
{
	return r->offset;
}

void
hmr_lines_reader_stop(struct hmr_lines_reader *r, const volatile int *flag)
{
	r->stop = flag;
}

enum hmr_status
hmr_lines_reader_new(struct hmr_lines_reader **out, int fd, const char *name,
		     const void *prefix_bytes, size_t n_prefix,
		     uint64_t max_line, struct hmr_err *e)
{
	struct hmr_lines_reader *r = calloc(1, sizeof(*r));

	*out = NULL;
	if (!r)
		return hmr_fail(e, HMR_E_NOMEM, "%s", name);
	r->fd = fd;
	r->name = name;
	r->cap = (size_t)(max_line < n_prefix + 1 ? n_prefix + 1 : max_line);
	r->end.frame = -1;
	r->buf = malloc(r->cap);
	r->tables = hmr_lines_frame_new();
	if (!r->buf || !r->tables) {
		hmr_lines_reader_free(r);
		return hmr_fail(e, HMR_E_NOMEM, "%s", name);
	}
	memcpy(r->buf, prefix_bytes, n_prefix);
	r->n = n_prefix;
	r->offset = n_prefix;
	*out = r;
	return HMR_OK;
}

void
hmr_lines_reader_free(struct hmr_lines_reader *r)
{
	if (!r)
		return;
	free(r->buf);
	hmr_lines_frame_free(r->tables);
	free(r);
}

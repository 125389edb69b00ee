/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of boxes beside a stream; see boxfile.h. Read twice: once to check it and
 * to see whether its frames rise, then along with the stream, or into an array that
 * is sorted. What cannot be read twice (a pipe) has to rise.
 */
#include "detect/boxfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "detect/boxrow.h"

#define LINE_MAX_BYTES 65536

struct hmr_boxfile {
	char *path;
	int fd;
	bool sorted;
	struct hmr_boxform form;
	char buf[LINE_MAX_BYTES + 1];
	size_t at, n;
	uint64_t line;		/* the one read last, from 1 */
	struct hmr_boxrow row;	/* read, not yet given out */
	bool held, ended;
	uint64_t asked;		/* the frame asked for last, plus 1 */
	struct placed *all;	/* out of order: every row, sorted */
	uint32_t n_all, next;
};

struct placed {
	struct hmr_boxrow row;
	uint32_t place;		/* in the file */
};

static enum hmr_status
fill(struct hmr_boxfile *b, struct hmr_err *e)
{
	ssize_t got;

	memmove(b->buf, b->buf + b->at, b->n - b->at);
	b->n -= b->at;
	b->at = 0;
	do
		got = read(b->fd, b->buf + b->n, LINE_MAX_BYTES - b->n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return hmr_fail(e, HMR_E_IO, "%s", b->path);
	b->n += (size_t)got;
	return got ? HMR_OK : HMR_EOF;
}

/* The next line in b->buf, its end replaced by NUL. HMR_EOF: none is left. */
static enum hmr_status
next_line(struct hmr_boxfile *b, char **line, struct hmr_err *e)
{
	enum hmr_status st;
	char *end;

	while (!(end = memchr(b->buf + b->at, '\n', b->n - b->at))) {
		if (b->at == 0 && b->n == LINE_MAX_BYTES)
			return hmr_fail(e, HMR_E_FORMAT, "%s:%" PRIu64 ": line too long",
					b->path, b->line + 1);
		if ((st = fill(b, e)) == HMR_EOF && b->n)
			end = b->buf + b->n;
		else if (st)
			return st;
		if (end)
			break;
	}
	*line = b->buf + b->at;
	*end = 0;
	b->at = (size_t)(end - b->buf) + (end < b->buf + b->n);
	b->line++;
	if (strlen(*line) != (size_t)(end - *line))
		return hmr_fail(e, HMR_E_FORMAT, "%s:%" PRIu64 ": not text", b->path, b->line);
	return HMR_OK;
}

/* The next row into b->row. HMR_EOF: none is left. */
static enum hmr_status
next_row(struct hmr_boxfile *b, struct hmr_err *e)
{
	enum hmr_status st;
	char *line = NULL;

	do {
		if ((st = next_line(b, &line, e)))
			return st;
		st = hmr_boxrow_read(&b->form, line, &b->row, e);
	} while (st == HMR_EOF);
	return st ? hmr_fail_in(e, st, "%s:%" PRIu64, b->path, b->line) : HMR_OK;
}

static enum hmr_status
rewind_file(struct hmr_boxfile *b, struct hmr_err *e)
{
	if (lseek(b->fd, 0, SEEK_SET) < 0)
		return hmr_fail(e, HMR_E_IO, "%s: cannot be read twice", b->path);
	b->at = b->n = 0;
	b->line = 0;
	b->form.known = b->form.csv = false;
	b->held = b->ended = false;
	b->row.frame = 0;
	return HMR_OK;
}

static int
by_frame(const void *x, const void *y)
{
	const struct placed *a = x, *b = y;

	if (a->row.frame != b->row.frame)
		return a->row.frame < b->row.frame ? -1 : 1;
	return a->place < b->place ? -1 : 1;
}

static enum hmr_status
sort_rows(struct hmr_boxfile *b, uint64_t rows, struct hmr_err *e)
{
	enum hmr_status st;

	if (rows > HMR_BOXFILE_ROWS)
		return hmr_fail(e, HMR_E_LIMIT, "%s: %" PRIu64 " boxes out of order, at most "
				"%u are sorted: sort the file by frame first", b->path, rows,
				HMR_BOXFILE_ROWS);
	if (!(b->all = calloc(rows, sizeof(*b->all))))
		return hmr_fail(e, HMR_E_NOMEM, "%s", b->path);
	if ((st = rewind_file(b, e)))
		return st;
	while (b->n_all < rows && !(st = next_row(b, e))) {
		b->all[b->n_all].row = b->row;
		b->all[b->n_all].place = b->n_all;
		b->n_all++;
	}
	if (st && st != HMR_EOF)
		return st;
	qsort(b->all, b->n_all, sizeof(*b->all), by_frame);
	return HMR_OK;
}

/* Reads the whole file once. */
static enum hmr_status
look(struct hmr_boxfile *b, struct hmr_err *e)
{
	uint64_t rows = 0, last = 0;
	enum hmr_status st;

	while (!(st = next_row(b, e))) {
		b->sorted = b->sorted && b->row.frame >= last;
		last = b->row.frame;
		rows++;
	}
	if (st != HMR_EOF)
		return st;
	return b->sorted ? rewind_file(b, e) : sort_rows(b, rows, e);
}

enum hmr_status
hmr_boxfile_open(struct hmr_boxfile **out, const char *path, struct hmr_err *e)
{
	struct hmr_boxfile *b;
	enum hmr_status st = HMR_OK;

	*out = NULL;
	if (!(b = calloc(1, sizeof(*b))) || !(b->path = strdup(path))) {
		free(b);
		return hmr_fail(e, HMR_E_NOMEM, "%s", path);
	}
	b->sorted = true;
	if ((b->fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		st = hmr_fail(e, HMR_E_IO, "%s", path);
	else if (lseek(b->fd, 0, SEEK_CUR) >= 0)	/* it can be read twice */
		st = look(b, e);
	if (st) {
		hmr_boxfile_close(b);
		return st;
	}
	*out = b;
	return HMR_OK;
}

void
hmr_boxfile_close(struct hmr_boxfile *b)
{
	int keep = errno;

	if (!b)
		return;
	if (b->fd >= 0)
		close(b->fd);
	free(b->path);
	free(b->all);
	free(b);
	errno = keep;
}

size_t
hmr_boxfile_bytes(const struct hmr_boxfile *b)
{
	return sizeof(*b) + b->n_all * sizeof(*b->all);
}

bool
hmr_boxfile_sorted(const struct hmr_boxfile *b)
{
	return b->sorted;
}

/* The first row of at least this frame, as *row; HMR_EOF: none. It is taken by
 * clearing b->held or by counting b->next up. */
static enum hmr_status
peek(struct hmr_boxfile *b, uint64_t number, const struct hmr_boxrow **row,
     struct hmr_err *e)
{
	enum hmr_status st;

	if (b->all) {
		while (b->next < b->n_all && b->all[b->next].row.frame < number)
			b->next++;
		*row = &b->all[b->next].row;
		return b->next < b->n_all ? HMR_OK : HMR_EOF;
	}
	*row = &b->row;
	while (!b->held || b->row.frame < number) {
		uint64_t last = b->row.frame;

		if (b->ended)
			return HMR_EOF;
		if ((st = next_row(b, e))) {
			b->ended = true;
			b->held = false;
			return st;
		}
		if (b->row.frame < last)
			return hmr_fail(e, HMR_E_FORMAT, "%s:%" PRIu64 ": frames out of order "
					"in a file that cannot be read twice", b->path, b->line);
		b->held = true;
	}
	return HMR_OK;
}

enum hmr_status
hmr_boxfile_frame(struct hmr_boxfile *b, uint64_t number, struct hmr_person *out,
		  uint32_t max, uint32_t *n, struct hmr_err *e)
{
	const struct hmr_boxrow *row;
	enum hmr_status st = HMR_OK;

	*n = 0;
	if (number + 1 < b->asked) {
		b->next = 0;
		if (!b->all && (st = rewind_file(b, e)))
			return st;
	}
	b->asked = number + 1;
	while (!(st = peek(b, number, &row, e)) && row->frame == number) {
		struct hmr_person p = { .score = row->score, .given_id = row->id };

		if (*n == max)
			return hmr_fail(e, HMR_E_LIMIT, "%s: more than %u boxes in a frame",
					b->path, max);
		memcpy(p.box, row->box, sizeof(p.box));
		out[(*n)++] = p;
		b->held = false;
		b->next++;
	}
	return st == HMR_EOF ? HMR_OK : st;
}

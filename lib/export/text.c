/* SPDX-License-Identifier: Apache-2.0 */
/* Text in one buffer, into FILE.part until it is whole; see formats.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "export/formats.h"

#define CAP (256 << 10)

enum hmr_status
export_text_open(struct export_text *t, const char *path, struct hmr_err *e)
{
	char place[HMR_PATH_MAX];
	enum hmr_status st;
	bool direct;
	size_t n;

	memset(t, 0, sizeof(*t));
	t->fd = 1;
	t->cap = CAP;
	if (!(t->buf = malloc(CAP)))
		return hmr_fail(e, HMR_E_NOMEM, "export: out of memory");
	if (!path || !strcmp(path, "-")) {
		hmr_pipe_grow(1);
		return HMR_OK;
	}
	t->path = path;
	if ((st = hmr_out_place(path, place, &direct, e)))
		return st;
	if (direct) {
		t->fd = open(path, O_WRONLY | O_CLOEXEC);
		return t->fd < 0 ? hmr_fail(e, HMR_E_IO, "%s", path) : HMR_OK;
	}
	n = strlen(place) + sizeof(".part");
	if (!(t->part = malloc(n)) || !(t->place = strdup(place)))
		return hmr_fail(e, HMR_E_NOMEM, "export: out of memory");
	snprintf(t->part, n, "%s.part", place);
	t->fd = open(t->part, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	return t->fd < 0 ? hmr_fail(e, HMR_E_IO, "%s", t->part) : HMR_OK;
}

enum hmr_status
export_text_to(struct export_text *t, int fd, const char *path, struct hmr_err *e)
{
	if (!t->buf && !(t->buf = malloc(CAP)))
		return hmr_fail(e, HMR_E_NOMEM, "export: out of memory");
	t->cap = CAP;
	t->n = 0;
	t->st = HMR_OK;
	t->fd = fd;
	t->path = path;
	return HMR_OK;
}

/* What an earlier run left stays until there is something to put in its place. */
static void
begin(struct export_text *t)
{
	if (t->part && !t->begun)
		(void)!ftruncate(t->fd, 0);
	t->begun = true;
}

static void
put_out(struct export_text *t)
{
	if (!t->st && t->n) {
		begin(t);
		t->st = hmr_write_full(t->fd, t->buf, t->n, &t->err);
	}
	t->n = 0;
}

char *
export_room(struct export_text *t, size_t n)
{
	if (n > t->cap - t->n)
		put_out(t);
	return t->buf + t->n;
}

void
export_str(struct export_text *t, const char *s)
{
	size_t n = strlen(s);

	memcpy(export_room(t, n), s, n);
	t->n += n;
}

void
export_f32(struct export_text *t, float v)
{
	t->n += hmr_fmt_f32(export_room(t, HMR_NUM_MAX), v);
}

void
export_u64(struct export_text *t, uint64_t v)
{
	t->n += hmr_fmt_u64(export_room(t, HMR_NUM_MAX), v);
}

enum hmr_status
export_text_flush(struct export_text *t, struct hmr_err *e)
{
	put_out(t);
	if (t->st && e) {
		*e = t->err;
		hmr_fail_in(e, t->st, "%s", t->part ? t->part : t->path ? t->path :
			    "standard output");
	}
	return t->st;
}

enum hmr_status
export_text_finish(struct export_text *t, struct hmr_err *e)
{
	enum hmr_status st = export_text_flush(t, e);
	int fd = t->fd;

	if (st)
		return st;
	begin(t);
	t->fd = -1;
	if (close(fd))
		return hmr_fail(e, HMR_E_IO, "%s", t->part ? t->part : t->path ? t->path :
				"standard output");
	if (t->part && rename(t->part, t->place))
		return hmr_fail(e, HMR_E_IO, "%s", t->path);
	return HMR_OK;
}

const char *
export_text_part(const struct export_text *t)
{
	return t->begun ? t->part : NULL;
}

void
export_text_close(struct export_text *t)
{
	struct stat sb;

	if (t->part && !t->begun && t->fd > 2 && !fstat(t->fd, &sb) &&
	    S_ISREG(sb.st_mode) && !sb.st_size)
		unlink(t->part);
	if (t->fd > 2)
		close(t->fd);
	t->fd = -1;
	free(t->part);
	free(t->place);
	free(t->buf);
	t->part = t->place = t->buf = NULL;
}

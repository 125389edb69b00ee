/* SPDX-License-Identifier: Apache-2.0 */
/* jsonl: JSON Lines from any stream, with or without identities. The lines say
 * themselves whether they are whole, so the file grows under its own name. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "export/formats.h"
#include "stream/lines_write.h"

struct jsonl {
	int fd;
	const char *name;
	struct hmr_lines_writer *w;
};

static void
close_file(void *ctx)
{
	struct jsonl *x = ctx;

	if (!x)
		return;
	hmr_lines_writer_free(x->w);
	if (x->fd > 2)
		close(x->fd);
	free(x);
}

static enum hmr_status
open_file(void **out, const struct hmr_export_options *o, struct hmr_err *e)
{
	struct hmr_lines_options lo = { .fields = o->fields ? o->fields :
						  HMR_LINES_DEFAULT, .all = o->all };
	struct jsonl *x = calloc(1, sizeof(*x));
	enum hmr_status st;

	*out = NULL;
	if (!x)
		return hmr_fail(e, HMR_E_NOMEM, "export: out of memory");
	x->fd = 1;
	x->name = "standard output";
	if (o->path && strcmp(o->path, "-")) {
		x->name = o->path;
		x->fd = open(o->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	} else {
		hmr_pipe_grow(1);
	}
	st = x->fd < 0 ? hmr_fail(e, HMR_E_IO, "%s", x->name) :
	     hmr_lines_writer_new(&x->w, x->fd, x->name, &lo, e);
	if (st)
		close_file(x);
	else
		*out = x;
	return st;
}

static enum hmr_status
head(void *ctx, struct hmr_head *h, struct hmr_err *e)
{
	return hmr_lines_writer_head(((struct jsonl *)ctx)->w, h, e);
}

static enum hmr_status
frame(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	return hmr_lines_writer_frame(((struct jsonl *)ctx)->w, f, e);
}

static enum hmr_status
end_segment(void *ctx, const struct hmr_end *end, struct hmr_err *e)
{
	return hmr_lines_writer_end(((struct jsonl *)ctx)->w, end, e);
}

static enum hmr_status
finish(void *ctx, struct hmr_err *e)
{
	struct jsonl *x = ctx;
	int fd = x->fd;

	x->fd = -1;
	return close(fd) ? hmr_fail(e, HMR_E_IO, "%s", x->name) : HMR_OK;
}

const struct hmr_export_format export_jsonl = {
	.name = "jsonl", .about = "JSON Lines, as hmr-assoc writes them",
	.to_stdout = true, .takes_fields = true,
	.open = open_file, .head = head, .frame = frame, .end = end_segment,
	.finish = finish, .close = close_file,
};

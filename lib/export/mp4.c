/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mp4: the images as a video with the timestamps of the source. It plays as far
 * as it goes, so it grows under its own name; every segment's end is written
 * out, however it ended. The file is opened for the first image and not before, and
 * never where it is the very video that the images come from.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "export/formats.h"
#include "media/sink.h"
#include "media/source.h"

struct mp4 {
	struct hmr_sink_options o;
	struct hmr_sink *sink;	/* from the first frame on, as o.fd */
	int32_t tb_num, tb_den;	/* of the segment */
};

static void
close_file(void *ctx)
{
	struct mp4 *x = ctx;

	if (!x)
		return;
	hmr_sink_close(x->sink);
	if (x->o.fd > 2)
		close(x->o.fd);
	free(x);
}

static bool
to_file(const struct hmr_export_options *o)
{
	return o->path && strcmp(o->path, "-");
}

static enum hmr_status
open_file(void **out, const struct hmr_export_options *o, struct hmr_err *e)
{
	struct mp4 *x = calloc(1, sizeof(*x));

	*out = NULL;
	if (!x)
		return hmr_fail(e, HMR_E_NOMEM, "export: out of memory");
	x->o.crf = o->crf;
	x->o.threads = o->threads;
	x->o.fd = to_file(o) ? -1 : 1;
	x->o.name = to_file(o) ? o->path : "standard output";
	if (x->o.fd == 1)
		hmr_pipe_grow(1);
	*out = x;
	return HMR_OK;
}

static enum hmr_status
start(struct mp4 *x, struct hmr_err *e)
{
	if (x->o.fd < 0)
		x->o.fd = open(x->o.name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (x->o.fd < 0)
		return hmr_fail(e, HMR_E_IO, "%s", x->o.name);
	return hmr_sink_open(&x->sink, &x->o, e);
}

static bool
is_output(void *ctx, const char *path)
{
	return hmr_source_reads(&path, 1, &(struct hmr_source_options){ 0 },
				((struct mp4 *)ctx)->o.name, NULL) == HMR_E_USAGE;
}

/* The first HEAD with a size makes the picture's. */
static enum hmr_status
head(void *ctx, struct hmr_head *h, struct hmr_err *e)
{
	const struct hmr_head_info *i = hmr_head_info(h);
	struct mp4 *x = ctx;
	enum hmr_status st;

	if (!x->sink && x->o.fd < 0 && (st = export_source_any(h, is_output, x, e)))
		return st != HMR_E_USAGE ? st :
		       hmr_fail(e, st, "%s is the video that the images come from", x->o.name);
	x->tb_num = i->tb_num;
	x->tb_den = i->tb_den;
	if (!x->sink) {
		x->o.width = i->width;
		x->o.height = i->height;
		x->o.tb_num = i->tb_num;
		x->o.tb_den = i->tb_den;
		x->o.rate_num = i->rate_num;
		x->o.rate_den = i->rate_den;
	}
	return HMR_OK;
}

static enum hmr_status
frame(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	struct mp4 *x = ctx;
	struct hmr_image im;
	enum hmr_status st;

	if ((st = export_image(f, "mp4", &im, e)))
		return st;
	/* Not from HEAD on: a stream without images must leave no video. */
	if (!x->sink && (st = start(x, e)))
		return st;
	return hmr_sink_frame(x->sink, &im, f->pts, f->duration, x->tb_num,
			      x->tb_den, e);
}

static enum hmr_status
end_segment(void *ctx, const struct hmr_end *end, struct hmr_err *e)
{
	struct mp4 *x = ctx;

	return x->sink ? hmr_sink_flush(x->sink, !end->complete, e) : HMR_OK;
}

static enum hmr_status
finish(void *ctx, struct hmr_err *e)
{
	struct mp4 *x = ctx;
	struct hmr_sink *sink;
	enum hmr_status st = HMR_OK;
	int fd;

	if (!x->sink && x->o.width)
		st = start(x, e);	/* a video of no frames */
	sink = x->sink;
	fd = x->o.fd;
	x->sink = NULL;
	if (!st && sink)
		st = hmr_sink_finish(sink, e);
	x->o.fd = -1;
	if (fd >= 0 && close(fd) && !st)
		st = hmr_fail(e, HMR_E_IO, "%s", x->o.name);
	return st;
}

const struct hmr_export_format export_mp4 = {
	.name = "mp4", .about = "a video of the images, with the source's timing",
	.to_stdout = true,
	.open = open_file, .head = head, .frame = frame, .end = end_segment,
	.finish = finish, .close = close_file,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mp4: the images as a video with the timestamps of the source. It plays as far
 * as it goes, so it grows under its own name; every segment's end is written
 * out, however it ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "export/formats.h"
#include "media/sink.h"

struct mp4 {
	struct hmr_sink_options o;
	struct hmr_sink *sink;	/* from the first frame on */
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

static enum hmr_status
open_file(void **out, const struct hmr_export_options *o, struct hmr_err *e)
{
	struct mp4 *x = calloc(1, sizeof(*x));

	*out = NULL;
	if (!x)
		return hmr_fail(e, HMR_E_NOMEM, "export: out of memory");
	x->o.crf = o->crf;
	x->o.threads = o->threads;
	x->o.fd = 1;
	x->o.name = "standard output";
	if (o->path && strcmp(o->path, "-")) {
		x->o.name = o->path;
		x->o.fd = open(o->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (x->o.fd < 0) {
			hmr_fail(e, HMR_E_IO, "%s", o->path);
			free(x);
			return HMR_E_IO;
		}
	} else {
		hmr_pipe_grow(1);
	}
	*out = x;
	return HMR_OK;
}

/* The first HEAD with a size makes the picture's. */
static enum hmr_status
head(void *ctx, struct hmr_head *h, struct hmr_err *e)
{
	const struct hmr_head_info *i = hmr_head_info(h);
	struct mp4 *x = ctx;

	(void)e;
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
	if (!x->sink && (st = hmr_sink_open(&x->sink, &x->o, e)))
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
	struct hmr_sink *sink = x->sink;
	enum hmr_status st = HMR_OK;
	int fd = x->o.fd;

	if (!sink && x->o.width)
		st = hmr_sink_open(&sink, &x->o, e);	/* a video of no frames */
	x->sink = NULL;
	if (!st && sink)
		st = hmr_sink_finish(sink, e);
	x->o.fd = -1;
	if (close(fd) && !st)
		st = hmr_fail(e, HMR_E_IO, "%s", x->o.name);
	return st;
}

const struct hmr_export_format export_mp4 = {
	.name = "mp4", .about = "a video of the images, with the source's timing",
	.to_stdout = true,
	.open = open_file, .head = head, .frame = frame, .end = end_segment,
	.finish = finish, .close = close_file,
};

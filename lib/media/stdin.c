/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container on stdin or a named pipe, as FFmpeg's input. Seekable where stdin is a
 * file, so that `hmr-decode - < x.mp4` reads what `hmr-decode x.mp4` does. A stop is
 * seen within half a second even where no input comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "media/media.h"

#define STDIN_BUFFER (64 << 10)

static int
stdin_read(void *ctx, uint8_t *buf, int n)
{
	struct media_input *in = ctx;

	for (;;) {
		struct pollfd p = { .fd = in->fd, .events = POLLIN };
		ssize_t r;

		if (media_stopped(in->log))
			return AVERROR_EXIT;
		if (poll(&p, 1, 500) <= 0)
			continue;
		r = read(in->fd, buf, (size_t)n);
		if (r > 0) {
			in->bytes += (uint64_t)r;
			return (int)r;
		}
		if (!r)
			return AVERROR_EOF;
		if (errno != EINTR && errno != EAGAIN)
			return AVERROR(errno);
	}
}

static int64_t
stdin_seek(void *ctx, int64_t at, int whence)
{
	struct media_input *in = ctx;
	struct stat sb;
	off_t r;

	if (whence & AVSEEK_SIZE)
		return fstat(in->fd, &sb) ? AVERROR(errno) : sb.st_size;
	r = lseek(in->fd, (off_t)at, whence & ~AVSEEK_FORCE);
	return r < 0 ? AVERROR(errno) : r;
}

enum hmr_status
media_stdin_open(struct media_input *in, struct hmr_err *e)
{
	uint8_t *buf = av_malloc(STDIN_BUFFER);
	const char *shown = in->where->shown;
	struct stat sb;
	bool file;

	if (*in->where->url && (in->fd = open(in->where->url, O_RDONLY | O_CLOEXEC)) < 0) {
		in->fd = 0;
		av_free(buf);
		return media_stopped(in->log) ? HMR_E_SIGNAL :
						hmr_fail(e, HMR_E_IO, "%s", shown);
	}
	file = !fstat(in->fd, &sb) && S_ISREG(sb.st_mode);
	hmr_pipe_grow(in->fd);
	if (buf)
		in->io = avio_alloc_context(buf, STDIN_BUFFER, 0, in, stdin_read,
					    NULL, file ? stdin_seek : NULL);
	if (!in->io) {
		av_free(buf);
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", shown);
	}
	in->io->seekable = file ? AVIO_SEEKABLE_NORMAL : 0;
	return HMR_OK;
}

void
media_stdin_close(struct media_input *in)
{
	if (in->fd > 0)
		close(in->fd);
	in->fd = 0;
	if (!in->io)
		return;
	av_freep(&in->io->buffer);
	avio_context_free(&in->io);
}

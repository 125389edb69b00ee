/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container on stdin, as FFmpeg's input. Seekable where stdin is a file, so
 * that `hmr-decode - < x.mp4` reads what `hmr-decode x.mp4` does. A stop is
 * seen within half a second even where no input comes.
 */
#include <errno.h>
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
		struct pollfd p = { .fd = 0, .events = POLLIN };
		ssize_t r;

		if (media_stopped(in->log))
			return AVERROR_EXIT;
		if (poll(&p, 1, 500) <= 0)
			continue;
		r = read(0, buf, (size_t)n);
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
	struct stat sb;
	off_t r;

	(void)ctx;
	if (whence & AVSEEK_SIZE)
		return fstat(0, &sb) ? AVERROR(errno) : sb.st_size;
	r = lseek(0, (off_t)at, whence & ~AVSEEK_FORCE);
	return r < 0 ? AVERROR(errno) : r;
}

enum hmr_status
media_stdin_open(struct media_input *in, struct hmr_err *e)
{
	uint8_t *buf = av_malloc(STDIN_BUFFER);
	struct stat sb;
	bool file = !fstat(0, &sb) && S_ISREG(sb.st_mode);

	hmr_pipe_grow(0);
	if (buf)
		in->io = avio_alloc_context(buf, STDIN_BUFFER, 0, in, stdin_read,
					    NULL, file ? stdin_seek : NULL);
	if (!in->io) {
		av_free(buf);
		return hmr_fail(e, HMR_E_NOMEM, "standard input: out of memory");
	}
	in->io->seekable = file ? AVIO_SEEKABLE_NORMAL : 0;
	return HMR_OK;
}

void
media_stdin_close(struct media_input *in)
{
	if (!in->io)
		return;
	av_freep(&in->io->buffer);
	avio_context_free(&in->io);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images from anything that FFmpeg's libraries open: videos, single images,
 * folders and globs of images, stdin, URLs and capture devices; rotated as
 * the metadata says, in the pixel formats of image/image.h, with the
 * timestamps of the source (hmr-decode(1) is the manual).
 *
 * Bounded by one frame's size and the number of decoder threads, except that
 * a folder's names are held. Nothing of ours is allocated between frames.
 * Local files reach no protocol but FFmpeg's file and pipe; formats that open
 * other files (playlists) are refused unless asked for.
 */
#ifndef HMR_SOURCE_H
#define HMR_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "image/image.h"

#define HMR_TIME_NONE INT64_MIN		/* of start_ns and end_ns */

enum hmr_source_live {
	HMR_SOURCE_LIVE_AUTO = 0,	/* capture devices only */
	HMR_SOURCE_LIVE_YES = 1,	/* drop the oldest frame when late */
	HMR_SOURCE_LIVE_NO = 2,
};

struct hmr_source_options {
	const char *format;	/* FFmpeg's input format; NULL: found out */
	const char *const *option;	/* "key=value" for it; NULL-terminated, or
					   NULL */
	bool playlist;		/* formats that open other files are allowed */
	int64_t start_ns, end_ns;	/* [start, end) of timestamps, or
					   HMR_TIME_NONE */
	uint64_t frames;	/* at most so many; 0: all */
	uint32_t every;		/* only numbers divisible by it; 0 is 1 */
	uint32_t max_side;	/* scale down to it, keeping the shape; 0: not */
	uint32_t threads;	/* of the decoder; 0: one a processor */
	uint32_t rate_num, rate_den;	/* of image folders; 0: 25/1 */
	uint64_t max_bytes;	/* of one image; larger is HMR_E_LIMIT; 0: any */
	enum hmr_source_live live;
	/* Told things worth knowing, one line each. level 0: a warning; 1: for
	 * -v; 2: for -vv, where FFmpeg's own messages come too. May be called by
	 * decoder threads. NULL: nothing is told. */
	void (*note)(void *ctx, int level, const char *text);
	/* Asked while waiting for input: true gives up with HMR_E_SIGNAL. May be
	 * NULL; may be called by the reader thread of a live source. */
	bool (*stop)(void *ctx);
	void *ctx;
};

struct hmr_source_info {
	const char *name;	/* as given, a URL without user:password@ */
	const char *format, *codec;	/* FFmpeg's names, for -v */
	uint32_t width, height;	/* the largest of any frame, as delivered */
	int32_t tb_num, tb_den;	/* seconds a tick */
	int32_t rate_num, rate_den;	/* nominal frames a second; 0/1 unknown */
	uint64_t frames;	/* expected from here; 0 unknown */
	uint64_t image_bytes;	/* upper bound of hmr_image_bytes() of any frame */
	bool live;
};

struct hmr_source_stats {
	uint64_t frames;	/* handed out */
	uint64_t damaged;	/* packets that the decoder or demuxer rejected */
	uint64_t concealed;	/* frames handed out with errors concealed */
	uint64_t unreadable;	/* images of a folder that could not be read */
	uint64_t dropped;	/* live frames that came too fast */
	uint64_t resized;	/* video frames scaled to the first one's size */
};

struct hmr_source_frame {
	struct hmr_image image;	/* planes borrowed until the next call */
	uint64_t number;	/* counts all frames of the source, from 0 */
	int64_t pts, duration;	/* ticks; duration 0: unknown */
};

struct hmr_source;

/* Opens names[0] ("-": stdin), or, where n > 1 or it is a folder or a glob, a
 * list of images; decodes the first wanted frame, so that info is exact.
 * A source without any frame opens well where its size is known.
 * HMR_E_IO: cannot be opened. HMR_E_FORMAT, HMR_E_VERSION, HMR_E_TRUNCATED,
 * HMR_E_LIMIT: not a video, unsupported, cut, too large. Options and names
 * must outlive the source. */
HMR_MUST_USE enum hmr_status
hmr_source_open(struct hmr_source **out, const char *const *names, uint32_t n,
		const struct hmr_source_options *o, struct hmr_err *e);
void hmr_source_close(struct hmr_source *s);
const struct hmr_source_info *hmr_source_info(const struct hmr_source *s);
const struct hmr_source_stats *hmr_source_stats(const struct hmr_source *s);

/* The next frame, borrowed until the next call on s. HMR_EOF: no more.
 * HMR_E_TRUNCATED: all frames that could be decoded have been handed out, but
 * the file is shorter than it says. Damaged packets are no error: see stats. */
HMR_MUST_USE enum hmr_status
hmr_source_next(struct hmr_source *s, const struct hmr_source_frame **out,
		struct hmr_err *e);

/* HMR_E_USAGE where is() says so of any of the local files that a source of these names
 * would read, as far as that can be told without opening them; else HMR_E_NOMEM. */
HMR_MUST_USE enum hmr_status
hmr_source_any(const char *const *names, uint32_t n, const struct hmr_source_options *o,
	       bool (*is)(void *ctx, const char *path), void *ctx);
/* HMR_E_USAGE where this file (NULL and "-": standard output) is one of them: then it
 * must not be the output. */
HMR_MUST_USE enum hmr_status
hmr_source_reads(const char *const *names, uint32_t n, const struct hmr_source_options *o,
		 const char *file, struct hmr_err *e);

/* Seconds ("12.5") or "[HH:]MM:SS[.mmm]", to nanoseconds; HMR_E_USAGE. */
HMR_MUST_USE enum hmr_status
hmr_parse_time(const char *what, const char *s, int64_t *ns, struct hmr_err *e);
/* "25", "29.97" or "30000/1001"; HMR_E_USAGE. */
HMR_MUST_USE enum hmr_status
hmr_parse_rate(const char *what, const char *s, uint32_t *num, uint32_t *den,
	       struct hmr_err *e);
/* FFmpeg's own logging is told to sources, never printed. Called by open and
 * by the sink; harmless to call again. */
void hmr_media_quiet(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images into an MP4 file or a PNG, by FFmpeg's encoders.
 *
 * The MP4 keeps the timestamps of the frames, variable rates too. It is written
 * in fragments of about a second, each whole in itself, so that what a killed
 * run leaves still plays up to the last fragment; nothing is ever gone back to,
 * so it can be written into a pipe. H.264 by x264 where FFmpeg has it, else
 * MPEG-4; 4:2:0 of 8 bit in limited range.
 */
#ifndef HMR_SINK_H
#define HMR_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "image/image.h"

struct hmr_sink_options {
	int fd;			/* not owned */
	const char *name;	/* of the file, for messages */
	uint32_t width, height;	/* of the picture; smaller images are fitted in
				   and centred. Odd sides get a row or column. */
	int32_t tb_num, tb_den;	/* seconds a tick */
	int32_t rate_num, rate_den;	/* nominal; 0/1 unknown */
	uint32_t crf;		/* x264's quality, 0 lossless to 51 */
	uint32_t threads;	/* 0: one a processor */
};

struct hmr_sink;
/* Writes the file's header. HMR_E_IO: the write failed; HMR_E_VERSION: no
 * encoder. */
HMR_MUST_USE enum hmr_status
hmr_sink_open(struct hmr_sink **out, const struct hmr_sink_options *o,
	      struct hmr_err *e);
/* pts and duration in ticks of tb_num/tb_den, whatever the options' were. Times
 * that do not rise are moved behind the last frame and counted. */
HMR_MUST_USE enum hmr_status
hmr_sink_frame(struct hmr_sink *s, const struct hmr_image *im, int64_t pts,
	       int64_t duration, int32_t tb_num, int32_t tb_den,
	       struct hmr_err *e);
/* All frames so far leave the encoder; more may follow. last: nothing is likely
 * to follow, so they go into the file now; else with the next fragment, whose
 * beginning then gives the last frame its exact duration. */
HMR_MUST_USE enum hmr_status
hmr_sink_flush(struct hmr_sink *s, bool last, struct hmr_err *e);
/* Flush, and the file's end. The sink is closed after that in any case. */
HMR_MUST_USE enum hmr_status
hmr_sink_finish(struct hmr_sink *s, struct hmr_err *e);
void hmr_sink_close(struct hmr_sink *s);	/* without an end; accepts NULL */
uint64_t hmr_sink_moved(const struct hmr_sink *s);
const char *hmr_sink_codec(const struct hmr_sink *s);	/* for -v */

/* PNG files: 8 bit RGB, or gray of 8 or 16 bit as it is. */
struct hmr_png;
HMR_MUST_USE enum hmr_status
hmr_png_new(struct hmr_png **out, struct hmr_err *e);
void hmr_png_free(struct hmr_png *p);
/* The file's bytes, borrowed until the next call. Allocates when the size
 * changes. */
HMR_MUST_USE enum hmr_status
hmr_png_encode(struct hmr_png *p, const struct hmr_image *im,
	       const uint8_t **data, size_t *n, struct hmr_err *e);

#endif

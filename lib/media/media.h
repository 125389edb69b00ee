/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of lib/media share; private to them. media/source.h is the
 * public face of reading, media/sink.h that of writing.
 */
#ifndef HMR_MEDIA_H
#define HMR_MEDIA_H

#include <pthread.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>

#include "media/source.h"

/* ---- log.c: FFmpeg's messages and our notes ---- */

struct media_log {
	void (*note)(void *ctx, int level, const char *text);
	bool (*stop)(void *ctx);
	void *ctx;
	pthread_mutex_t lock;
	char last[200];		/* FFmpeg's last error text, credentials masked */
};

void media_log_init(struct media_log *l, const struct hmr_source_options *o);
void media_log_release(struct media_log *l);
void media_note(struct media_log *l, int level, const char *fmt, ...)
	HMR_PRINTF(3, 4);
/* The status for an AVERROR; text is "what: FFmpeg's reason", with the last
 * message that FFmpeg logged where it tells more. l may be NULL. */
enum hmr_status media_fail(struct hmr_err *e, struct media_log *l, int averr,
			   const char *what);
bool media_stopped(struct media_log *l);

/* ---- where.c: what an operand names ---- */

enum media_kind {
	MEDIA_STDIN = 1,	/* or a pipe that has a name: url, else "" */
	MEDIA_FILE,
	MEDIA_URL,
	MEDIA_DEVICE,
	MEDIA_FOLDER,
	MEDIA_GLOB,
};

struct media_where {
	enum media_kind kind;
	const char *name;	/* the operand, the caller's */
	const char *format;	/* FFmpeg's input format asked for, or NULL */
	char *url;		/* for FFmpeg; heap */
	char *shown;		/* without credentials; heap */
	char device[32];	/* where format points for "v4l2:/dev/video0" */
};

HMR_MUST_USE enum hmr_status
media_where_init(struct media_where *w, const char *name, const char *format,
		 bool playlist, struct hmr_err *e);
void media_where_release(struct media_where *w);
/* Does this demuxer open other files than the one it is given, or does it
 * show text as pictures? */
bool media_format_is_playlist(const AVInputFormat *f);
bool media_format_is_text(const AVInputFormat *f);

/* ---- input.c: one container, one decoder ---- */

#define MEDIA_PENDING 512	/* packets in a decoder that rank frames */

struct media_decoded {
	AVFrame *frame;		/* borrowed until the next call */
	uint64_t number;
	int64_t pts, duration;
};

struct media_input {
	struct media_log *log;
	const struct hmr_source_options *o;
	const struct media_where *where;
	struct hmr_source_stats *stats;
	bool still;		/* of a list of images: only their formats */
	uint32_t threads;

	AVFormatContext *fmt;
	AVCodecContext *dec;
	AVIOContext *io;	/* ours: stdin, or opened for probing */
	int fd;			/* what io reads of MEDIA_STDIN */
	AVPacket *pkt;
	AVFrame *frame;
	const AVStream *stream;
	AVRational tb, rate;

	uint64_t bytes;		/* read from stdin so far */
	bool draining, cut, no_pts;
	bool named;		/* the format is a guess from the name alone */
	bool have_packet, have_frame;	/* pkt, held: not yet used */
	struct media_decoded held;
	int odd;		/* reads or decodings that failed in a row */
	enum hmr_status tail;	/* why reading stopped before the end */
	struct hmr_err tail_err;
	uint64_t number;	/* of the next frame in order */
	int64_t entry_pts;	/* ranking begins here; earlier is not counted */
	int64_t next_pts, last_pts, last_duration;
	int64_t pending[MEDIA_PENDING];	/* rising */
	int n_pending;
};

/* Opens where; on failure nothing is left open. The struct must be zeroed but
 * for log, o, where, stats, still and threads. */
HMR_MUST_USE enum hmr_status
media_input_open(struct media_input *in, struct hmr_err *e);
void media_input_close(struct media_input *in);
HMR_MUST_USE enum hmr_status	/* HMR_EOF, or what tail holds, after the last */
media_input_next(struct media_input *in, struct media_decoded *out,
		 struct hmr_err *e);

/* ---- stdin.c ---- */

HMR_MUST_USE enum hmr_status
media_stdin_open(struct media_input *in, struct hmr_err *e);
void media_stdin_close(struct media_input *in);

/* ---- seek.c ---- */

/* Puts an open input before start_ns: packets before the last usable key frame
 * are counted, not decoded. What cannot seek decodes from the beginning. */
HMR_MUST_USE enum hmr_status
media_input_start(struct media_input *in, struct hmr_err *e);
/* Is the packet one that gives a frame? */
bool media_packet_shows(const struct media_input *in, const AVPacket *p);

/* ---- extent.c ---- */

/* Does the container say that it is longer than it is? Called after the last
 * packet; moves the position. */
bool media_is_cut(struct media_input *in);

/* ---- convert.c, rotate.c: a decoded frame as one of our images ---- */

struct media_turn {		/* transpose first, then the flips */
	bool transpose, hflip, vflip;
};

/* FFmpeg's name of a form on the list; AV_PIX_FMT_NONE where it has none. */
enum AVPixelFormat media_av_format(enum hmr_pixel pixel, uint32_t depth);

struct SwsContext;
struct media_convert {
	struct media_log *log;
	uint32_t max_side;
	bool lock;		/* all frames take the form of the first */
	bool locked;
	struct hmr_image first;	/* form before turning, while locked */
	int first_w, first_h;	/* as decoded */
	struct SwsContext *sws;
	int sws_key[8];
	uint8_t *scaled, *packed;
	size_t scaled_cap, packed_cap;
	uint64_t *resized;	/* counts, may be NULL */
};

/* The form that f takes before turning, without its planes. */
HMR_MUST_USE enum hmr_status
media_form(struct hmr_image *im, const AVFrame *f, uint32_t max_side,
	   const struct media_turn *t, struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* planes are f's or the converter's */
media_convert_frame(struct media_convert *c, const AVFrame *f,
		    const struct media_turn *t, struct hmr_image *out,
		    struct hmr_err *e);
/* Copies planes that are the decoder's into the converter's memory. */
HMR_MUST_USE enum hmr_status
media_convert_keep(struct media_convert *c, struct hmr_image *im,
		   struct hmr_err *e);
void media_convert_release(struct media_convert *c);
/* What one plane of w x h elements of n bytes becomes; dst is tight. */
void media_turn_plane(uint8_t *dst, const uint8_t *src, ptrdiff_t stride,
		      uint32_t w, uint32_t h, uint32_t n,
		      const struct media_turn *t);
/* Of an image whose planes are src's; dst's are at mem, tightly packed, which
 * holds hmr_image_bytes(dst). Chroma is turned as it lies: see media_form(). */
void media_turn_image(struct hmr_image *dst, const struct hmr_image *src,
		      const ptrdiff_t stride[3], const struct media_turn *t,
		      uint8_t *mem);

/* ---- orient.c: rotation metadata ---- */

/* Of the frame (EXIF, side data), else of the stream. *odd: an angle that is
 * no multiple of 90 degrees, which is not applied; NAN where there is none. */
void media_orientation(struct media_turn *t, double *odd, const AVStream *s,
		       const AVFrame *f);
void media_turn_of_exif(struct media_turn *t, int orientation);

/* ---- list.c, sniff.c: folders and globs of images ---- */

struct media_list {
	char **name;
	size_t n;
	uint64_t skipped;	/* entries of a folder that are no images */
	uint64_t videos;	/* of them by their names */
};

HMR_MUST_USE enum hmr_status
media_list_init(struct media_list *l, const struct media_where *w,
		const char *const *names, uint32_t n, struct hmr_err *e);
void media_list_release(struct media_list *l);
int media_natural_cmp(const char *a, const char *b);
/* Size, as delivered before scaling, from the first bytes of a PNG or JPEG. False:
 * another kind, or not whole. */
bool media_sniff(const char *path, uint32_t *w, uint32_t *h);

/* ---- live.c: a reader thread and a ring ---- */

struct media_live;
typedef enum hmr_status media_live_pull(void *ctx, struct hmr_source_frame *f,
					struct hmr_err *e);
/* Starts a thread that pulls frames as they come and keeps the newest few;
 * image_bytes bounds each. */
HMR_MUST_USE enum hmr_status
media_live_start(struct media_live **out, media_live_pull *pull, void *ctx,
		 size_t image_bytes, struct hmr_err *e);
/* The oldest frame kept, borrowed until the next call; *dropped counts. */
HMR_MUST_USE enum hmr_status
media_live_next(struct media_live *l, struct media_log *log,
		struct hmr_source_frame *f, uint64_t *dropped,
		struct hmr_err *e);
void media_live_stop(struct media_live *l);	/* pull must return soon */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MP4 by FFmpeg; see sink.h. No B frames: then every fragment begins where the
 * last one ended, and no frame waits for a later one.
 */
#include "media/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>

#include "base/io.h"
#include "media/media.h"

#define OUT_BUFFER (256 << 10)
#define TIMESCALE_MAX 10000000

struct hmr_sink {
	struct hmr_sink_options o;
	AVFormatContext *fmt;
	AVIOContext *io;
	AVStream *stream;
	AVCodecContext *enc;
	AVFrame *frame;		/* the canvas */
	AVFrame *part;		/* for pictures smaller than it; made when needed */
	AVPacket *pkt;
	struct SwsContext *sws;
	int key[8];
	AVRational tb;
	int64_t shift;		/* added to times, once the first was negative */
	int64_t last, last_duration;
	bool any, header;
	uint64_t moved;
	enum hmr_status io_status;
	struct hmr_err io_err;
};

static int
on_write(void *ctx, uint8_t *buf, int n)
{
	struct hmr_sink *s = ctx;

	/* The first failure stays: what follows would leave a hole. */
	if (!s->io_status)
		s->io_status = hmr_write_full(s->o.fd, buf, (size_t)n, &s->io_err);
	return s->io_status ? AVERROR(EIO) : n;
}

static enum hmr_status
fail_av(struct hmr_sink *s, int r, struct hmr_err *e)
{
	if (s->io_status) {
		if (e)
			*e = s->io_err;
		return hmr_fail_in(e, s->io_status, "%s", s->o.name);
	}
	return media_fail(e, NULL, r, s->o.name);
}

/* The written bytes must have arrived. */
static enum hmr_status
check_io(struct hmr_sink *s, struct hmr_err *e)
{
	avio_flush(s->io);
	return s->io_status ? fail_av(s, 0, e) : HMR_OK;
}

static void
set_encoder(struct hmr_sink *s, const AVCodec *codec)
{
	AVCodecContext *c = s->enc;
	bool rate = s->o.rate_num > 0 && s->o.rate_den > 0;

	c->width = (int)(s->o.width + (s->o.width & 1));
	c->height = (int)(s->o.height + (s->o.height & 1));
	c->pix_fmt = AV_PIX_FMT_YUV420P;
	c->time_base = s->tb;
	c->framerate = rate ? (AVRational){ s->o.rate_num, s->o.rate_den } :
			      (AVRational){ 25, 1 };
	c->gop_size = (int)(av_q2d(c->framerate) + 0.5);
	if (c->gop_size < 1)
		c->gop_size = 1;
	if (c->gop_size > 250)
		c->gop_size = 250;
	c->max_b_frames = 0;
	c->thread_count = (int)s->o.threads;
	c->color_range = AVCOL_RANGE_MPEG;
	c->colorspace = s->o.height < 720 ? AVCOL_SPC_SMPTE170M : AVCOL_SPC_BT709;
	c->sample_aspect_ratio = (AVRational){ 1, 1 };
	c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	if (codec->id == AV_CODEC_ID_H264) {
		av_opt_set(c->priv_data, "preset", "veryfast", 0);
		av_opt_set_int(c->priv_data, "crf", s->o.crf, 0);
		av_opt_set(c->priv_data, "forced-idr", "1", 0);
	} else {
		/* Quantisers of 2 to 31; crf 20 is about 3. MPEG-4 has 16 bits for
		 * the clock. */
		c->flags |= AV_CODEC_FLAG_QSCALE;
		c->global_quality = FF_QP2LAMBDA * (int)(2 + s->o.crf / 8);
		if (c->time_base.den > 65535)
			c->time_base = (AVRational){ 1, 65535 };
	}
}

static enum hmr_status
open_encoder(struct hmr_sink *s, struct hmr_err *e)
{
	const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
	int r;

	if (!codec)
		codec = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
	if (!codec)
		return hmr_fail(e, HMR_E_VERSION, "%s: FFmpeg has neither x264 nor its "
				"MPEG-4 encoder", s->o.name);
	if (!(s->enc = avcodec_alloc_context3(codec)))
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", s->o.name);
	set_encoder(s, codec);
	if ((r = avcodec_open2(s->enc, codec, NULL)) < 0)
		return fail_av(s, r, e);
	return HMR_OK;
}

static enum hmr_status
open_file(struct hmr_sink *s, struct hmr_err *e)
{
	uint8_t *buf = av_malloc(OUT_BUFFER);
	AVDictionary *d = NULL;
	int r;

	if (buf)
		s->io = avio_alloc_context(buf, OUT_BUFFER, 1, s, NULL, on_write, NULL);
	if (!s->io) {
		av_free(buf);
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", s->o.name);
	}
	s->io->seekable = 0;
	if ((r = avformat_alloc_output_context2(&s->fmt, NULL, "mp4", NULL)) < 0)
		return fail_av(s, r, e);
	s->fmt->pb = s->io;
	s->fmt->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
	s->fmt->avoid_negative_ts = 0;
	if (!(s->stream = avformat_new_stream(s->fmt, NULL)))
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", s->o.name);
	if ((r = avcodec_parameters_from_context(s->stream->codecpar, s->enc)) < 0)
		return fail_av(s, r, e);
	s->stream->time_base = s->tb;
	s->stream->avg_frame_rate = s->enc->framerate;
	av_dict_set(&d, "movflags", "frag_keyframe+empty_moov+default_base_moof"
		    "+frag_discont+skip_trailer", 0);
	r = avformat_write_header(s->fmt, &d);
	av_dict_free(&d);
	if (r < 0)
		return fail_av(s, r, e);
	s->header = true;
	return check_io(s, e);
}

enum hmr_status
hmr_sink_open(struct hmr_sink **out, const struct hmr_sink_options *o,
	      struct hmr_err *e)
{
	struct hmr_sink *s = calloc(1, sizeof(*s));
	enum hmr_status st;

	*out = NULL;
	if (!s)
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", o->name);
	hmr_media_quiet();
	s->o = *o;
	s->tb = (AVRational){ 1, o->tb_den };	/* MP4 has no numerator */
	if (o->tb_den > TIMESCALE_MAX)
		s->tb.den = 1000000;
	s->pkt = av_packet_alloc();
	s->frame = av_frame_alloc();
	if (!s->pkt || !s->frame) {
		st = hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", o->name);
		goto fail;
	}
	if ((st = open_encoder(s, e)) || (st = open_file(s, e)))
		goto fail;
	s->frame->format = s->enc->pix_fmt;
	s->frame->width = s->enc->width;
	s->frame->height = s->enc->height;
	if (av_frame_get_buffer(s->frame, 0) < 0) {
		st = hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", o->name);
		goto fail;
	}
	*out = s;
	return HMR_OK;
fail:
	hmr_sink_close(s);
	return st;
}

/* The largest w x h of the image's shape inside the canvas, on even places. */
static void
fit(const struct hmr_sink *s, const struct hmr_image *im, int box[4])
{
	double fx = (double)s->o.width / im->width;
	double fy = (double)s->o.height / im->height;
	double f = fx < fy ? fx : fy;
	int w = (int)(im->width * f + 0.5), h = (int)(im->height * f + 0.5);

	/* An odd canvas has a row or column more; the picture is stretched on it. */
	w = w < 2 ? 2 : (w + 1) & ~1;
	h = h < 2 ? 2 : (h + 1) & ~1;
	w = w > s->frame->width ? s->frame->width : w;
	h = h > s->frame->height ? s->frame->height : h;
	box[0] = (s->frame->width - w) / 2 & ~1;
	box[1] = (s->frame->height - h) / 2 & ~1;
	box[2] = w;
	box[3] = h;
}

static enum hmr_status
prepare(struct hmr_sink *s, const struct hmr_image *im, const int box[4],
	enum AVPixelFormat from, struct hmr_err *e)
{
	int rgb = im->pixel == HMR_PIXEL_RGB24;
	int full = im->range == HMR_RANGE_FULL;
	int to = s->o.height < 720 ? SWS_CS_SMPTE170M : SWS_CS_ITU709;
	int cs = im->matrix == HMR_MATRIX_BT709 ? SWS_CS_ITU709 :
		 im->matrix == HMR_MATRIX_BT2020 ? SWS_CS_BT2020 : SWS_CS_SMPTE170M;
	int key[8] = { (int)im->width, (int)im->height, from, box[2], box[3], full,
		       rgb ? 0 : cs, to };
	int flags = SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INP;

	if (s->sws && !memcmp(key, s->key, sizeof(key)))
		return HMR_OK;
	sws_freeContext(s->sws);
	flags |= box[2] < (int)im->width ? SWS_AREA : SWS_BICUBIC;
	s->sws = sws_getContext((int)im->width, (int)im->height, from, box[2], box[3],
				AV_PIX_FMT_YUV420P, flags, NULL, NULL, NULL);
	if (!s->sws)
		return hmr_fail(e, HMR_E_NOMEM, "%s: images of %ux%u cannot be scaled",
				s->o.name, im->width, im->height);
	memcpy(s->key, key, sizeof(key));
	sws_setColorspaceDetails(s->sws, sws_getCoefficients(rgb ? to : cs), full,
				 sws_getCoefficients(to), 0, 0, 1 << 16, 1 << 16);
	return HMR_OK;
}

static void
black(AVFrame *f)
{
	for (int p = 0; p < 3; p++) {
		int rows = p ? f->height / 2 : f->height;

		for (int y = 0; y < rows; y++)
			memset(f->data[p] + y * f->linesize[p], p ? 128 : 16,
			       (size_t)(p ? f->width / 2 : f->width));
	}
}

/* swscale writes a little beyond the rows it is given, so what does not fill the
 * canvas is scaled elsewhere and copied in. */
static enum hmr_status
part_of(struct hmr_sink *s, struct hmr_err *e)
{
	if (s->part)
		return HMR_OK;
	if (!(s->part = av_frame_alloc()))
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", s->o.name);
	s->part->format = s->frame->format;
	s->part->width = s->frame->width;
	s->part->height = s->frame->height;
	if (av_frame_get_buffer(s->part, 0) >= 0)
		return HMR_OK;
	av_frame_free(&s->part);
	return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", s->o.name);
}

static void
place(AVFrame *to, const AVFrame *from, const int box[4])
{
	for (int p = 0; p < 3; p++) {
		int half = p > 0;

		for (int y = 0; y < box[3] >> half; y++)
			memcpy(to->data[p] + (y + (box[1] >> half)) * to->linesize[p] +
			       (box[0] >> half), from->data[p] + y * from->linesize[p],
			       (size_t)(box[2] >> half));
	}
}

static enum hmr_status
paint(struct hmr_sink *s, const struct hmr_image *im, struct hmr_err *e)
{
	enum AVPixelFormat from = media_av_format(im->pixel, im->depth);
	const uint8_t *src[4] = { NULL };
	int box[4], step[4] = { 0 };
	enum hmr_status st;
	bool whole;

	if (from == AV_PIX_FMT_NONE)
		return hmr_fail(e, HMR_E_VERSION, "%s: %s of %u bit cannot be encoded",
				s->o.name, hmr_pixel_name(im->pixel), im->depth);
	fit(s, im, box);
	whole = box[2] == s->frame->width && box[3] == s->frame->height;
	if ((st = prepare(s, im, box, from, e)) || (!whole && (st = part_of(s, e))))
		return st;
	if (av_frame_make_writable(s->frame) < 0)
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", s->o.name);
	for (uint32_t p = 0; p < im->planes; p++) {
		src[p] = im->plane[p];
		step[p] = (int)im->stride[p];
	}
	sws_scale(s->sws, src, step, 0, (int)im->height,
		  whole ? s->frame->data : s->part->data,
		  whole ? s->frame->linesize : s->part->linesize);
	if (!whole) {
		black(s->frame);
		place(s->frame, s->part, box);
	}
	return HMR_OK;
}

/* What the encoder has ready goes to the file. */
static enum hmr_status
drain(struct hmr_sink *s, struct hmr_err *e)
{
	int r;

	while (!(r = avcodec_receive_packet(s->enc, s->pkt))) {
		av_packet_rescale_ts(s->pkt, s->enc->time_base, s->stream->time_base);
		s->pkt->stream_index = s->stream->index;
		s->pkt->duration = av_rescale_q(s->last_duration, s->tb,
						s->stream->time_base);
		if ((r = av_write_frame(s->fmt, s->pkt)) < 0)
			break;
	}
	av_packet_unref(s->pkt);
	if (r != AVERROR(EAGAIN) && r != AVERROR_EOF)
		return fail_av(s, r, e);
	return s->io_status ? fail_av(s, 0, e) : HMR_OK;
}

enum hmr_status
hmr_sink_frame(struct hmr_sink *s, const struct hmr_image *im, int64_t pts,
	       int64_t duration, int32_t tb_num, int32_t tb_den, struct hmr_err *e)
{
	AVRational from = { tb_num, tb_den };
	int64_t t = av_rescale_q(pts, from, s->tb);
	enum hmr_status st;
	int r;

	if (!s->enc && (st = open_encoder(s, e)))
		return st;
	if ((st = paint(s, im, e)))
		return st;
	if (!s->any && t < 0)
		s->shift = -t;
	t += s->shift;
	if (s->any && t <= s->last) {
		int64_t step = s->last_duration > 0 ? s->last_duration : 1;

		s->moved++;
		s->shift += s->last + step - t;
		t = s->last + step;
	}
	s->any = true;
	s->last = t;
	s->last_duration = duration > 0 ? av_rescale_q(duration, from, s->tb) : 0;
	s->frame->pts = av_rescale_q(t, s->tb, s->enc->time_base);
	s->frame->pict_type = AV_PICTURE_TYPE_NONE;
	s->frame->quality = s->enc->global_quality;
	if ((r = avcodec_send_frame(s->enc, s->frame)) < 0)
		return fail_av(s, r, e);
	return drain(s, e);
}

enum hmr_status
hmr_sink_flush(struct hmr_sink *s, bool last, struct hmr_err *e)
{
	enum hmr_status st = HMR_OK;
	int r;

	if (s->enc) {
		avcodec_send_frame(s->enc, NULL);
		st = drain(s, e);
		/* An encoder that was drained takes no more: the next one is new. */
		avcodec_free_context(&s->enc);
	}
	if (!st && last && (r = av_write_frame(s->fmt, NULL)) < 0)
		st = fail_av(s, r, e);
	return st ? st : check_io(s, e);
}

enum hmr_status
hmr_sink_finish(struct hmr_sink *s, struct hmr_err *e)
{
	enum hmr_status st = hmr_sink_flush(s, true, e);
	int r = av_write_trailer(s->fmt);

	s->header = false;
	if (!st && r < 0)
		st = fail_av(s, r, e);
	if (!st)
		st = check_io(s, e);
	hmr_sink_close(s);
	return st;
}

void
hmr_sink_close(struct hmr_sink *s)
{
	if (!s)
		return;
	avcodec_free_context(&s->enc);
	if (s->fmt && s->header) {
		/* Frees what the muxer holds; what it writes is thrown away. */
		s->io_status = s->io_status ? s->io_status : HMR_E_IO;
		av_write_trailer(s->fmt);
	}
	avformat_free_context(s->fmt);
	if (s->io) {
		av_freep(&s->io->buffer);
		avio_context_free(&s->io);
	}
	sws_freeContext(s->sws);
	av_frame_free(&s->frame);
	av_frame_free(&s->part);
	av_packet_free(&s->pkt);
	free(s);
}

uint64_t
hmr_sink_moved(const struct hmr_sink *s)
{
	return s->moved;
}

const char *
hmr_sink_codec(const struct hmr_sink *s)
{
	return avcodec_get_name(s->stream->codecpar->codec_id);
}

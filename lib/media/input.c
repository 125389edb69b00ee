/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One container and one decoder: frames in the order they are shown, numbered
 * from 0, with the timestamps of the container. A packet that gives no frame is
 * counted as damaged and its number is left out; reading goes on. What ends
 * reading early (an I/O error, a file that is cut) is told after the frames
 * that the decoder still holds.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <libavdevice/avdevice.h>
#include <libavutil/avstring.h>
#include <libavutil/opt.h>

#include "media/media.h"
#include "stream/record.h"

#define ODD_MAX 256		/* failures in a row that end reading */

static const char unknown[] = "%s: no video or image that FFmpeg knows";

static int
on_interrupt(void *ctx)
{
	return media_stopped(ctx);
}

static enum hmr_status
set_options(struct media_input *in, AVDictionary **d, struct hmr_err *e)
{
	const char *const *o = in->still ? NULL : in->o->option;

	if (in->where->kind == MEDIA_FILE || in->where->kind == MEDIA_STDIN ||
	    in->where->kind == MEDIA_GLOB)
		av_dict_set(d, "protocol_whitelist",
			    in->o->playlist ? "file,pipe,crypto" : "file,pipe", 0);
	/* A file that exists is itself, not a pattern of numbers. */
	if (av_strstart(in->where->url, "file:", NULL))
		av_dict_set(d, "pattern_type", "none", 0);
	for (; o && *o; o++) {
		const char *eq = strchr(*o, '=');

		if (!eq || eq == *o)
			return hmr_fail(e, HMR_E_USAGE, "option '%.60s': must be KEY=VALUE",
					*o);
		if (av_dict_parse_string(d, *o, "=", "", 0) < 0)
			return hmr_fail(e, HMR_E_NOMEM, "out of memory");
	}
	return HMR_OK;
}

static bool
is_still_format(const AVInputFormat *f)
{
	const char *pipe = strstr(f->name, "_pipe");

	/* "mov" for AVIF */
	return (pipe && !pipe[5]) ||
	       av_match_name(f->name, "image2,gif,apng,ico,fits,jpegxl_anim") ||
	       av_match_name("avif", f->name);
}

/* What is ours already, and who reads it. NULL: not ours. */
static const char *
is_ours(AVIOContext *io)
{
	static const char lines[] = "{\"type\":\"header\"";
	uint8_t b[sizeof(lines) - 1];
	int n = avio_read(io, b, sizeof(b));

	if (n > 0)
		avio_seek(io, -n, SEEK_CUR);
	if (n >= (int)sizeof(hmr_record_magic) &&
	    !memcmp(b, hmr_record_magic, sizeof(hmr_record_magic)))
		return "an hmr stream already: the next stage reads it";
	if (n == sizeof(b) && !memcmp(b, lines, sizeof(b)))
		return "JSON Lines of people already: hmr-render, hmr-export and hmr-info "
			"read them";
	return NULL;
}

/* Which demuxer: the one asked for, or what the content says; never, unasked,
 * one that opens other files. */
static enum hmr_status
choose_format(struct media_input *in, const AVInputFormat **f, struct hmr_err *e)
{
	const char *shown = in->where->shown;
	const char *want = in->still ? NULL : in->where->format, *ours;
	AVProbeData by_name = { .filename = in->where->url };
	int r, score = 0;

	*f = NULL;
	if (in->io && in->where->kind == MEDIA_FILE && !avio_size(in->io))
		return hmr_fail(e, HMR_E_FORMAT, "%s: empty file", shown);
	if (want && !(*f = av_find_input_format(want)))
		return hmr_fail(e, HMR_E_VERSION, "%s: FFmpeg has no input format '%.60s'",
				shown, want);
	if (!*f && in->io) {
		if ((ours = is_ours(in->io)))
			return hmr_fail(e, HMR_E_FORMAT, "%s: %s", shown, ours);
		r = av_probe_input_buffer2(in->io, f, in->where->url,
					   in->fmt, 0, 0);
		if (r < 0 && r != AVERROR_INVALIDDATA)
			return media_fail(e, in->log, r, shown);
		if (in->where->kind == MEDIA_STDIN && !in->bytes)
			return hmr_fail(e, HMR_E_TRUNCATED, "%s: empty", shown);
		if (*f && media_format_is_text(*f))
			*f = NULL;
		if (!*f) {		/* images known by their name alone */
			by_name.buf = (uint8_t *)av_mallocz(AVPROBE_PADDING_SIZE);
			*f = av_probe_input_format3(&by_name, 0, &score);
			av_freep(&by_name.buf);
			if (*f && !av_match_name((*f)->name, "image2"))
				*f = NULL;
		}
		if (!*f)
			return hmr_fail(e, HMR_E_FORMAT, unknown, shown);
		in->named = r <= 1;
	}
	if (*f && in->still && !is_still_format(*f))
		return hmr_fail(e, HMR_E_FORMAT, "%s: a video (%s), not an image: videos "
				"go one at a time", shown, (*f)->name);
	if (*f && !in->o->playlist && media_format_is_playlist(*f) &&
	    !(want && in->where->kind == MEDIA_URL))
		return hmr_fail(e, HMR_E_FORMAT, "%s: a playlist (%s), which opens "
				"other files: give --playlist to allow that",
				shown, (*f)->name);
	return HMR_OK;
}

static enum hmr_status
open_container(struct media_input *in, struct hmr_err *e)
{
	const char *shown = in->where->shown;
	const AVInputFormat *f = NULL;
	AVDictionary *d = NULL;
	enum hmr_status st;
	int r = 0;

	if (!(in->fmt = avformat_alloc_context()))
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", shown);
	in->fmt->opaque = in->log;
	in->fmt->interrupt_callback.callback = on_interrupt;
	in->fmt->interrupt_callback.opaque = in->log;
	if ((st = set_options(in, &d, e)))
		goto fail;
	if (in->where->kind == MEDIA_STDIN) {
		st = media_stdin_open(in, e);
	} else if (in->where->kind != MEDIA_DEVICE && !in->where->format &&
		   (in->where->kind == MEDIA_URL ||
		    av_strstart(in->where->url, "file:", NULL))) {
		AVDictionary *dio = NULL;

		if (!(r = av_dict_copy(&dio, d, 0)))
			r = avio_open2(&in->io, in->where->url, AVIO_FLAG_READ,
				       &in->fmt->interrupt_callback, &dio);
		av_dict_free(&dio);
		if (r == AVERROR_PROTOCOL_NOT_FOUND &&
		    in->where->kind == MEDIA_URL)
			r = 0;		/* rtsp: is a format, not a protocol */
		if (r < 0)
			st = media_fail(e, in->log, r, shown);
	}
	if (st || (st = choose_format(in, &f, e)))
		goto fail;
	if (in->io && (!f || !(f->flags & AVFMT_NOFILE)))
		in->fmt->pb = in->io;
	/* On failure FFmpeg frees fmt. */
	r = avformat_open_input(&in->fmt, in->where->url, f, &d);
	if (r < 0 && in->named && !media_stopped(in->log))
		st = hmr_fail(e, HMR_E_FORMAT, unknown, shown);
	/* Some demuxers call their own surprise at an early end EIO. */
	else if (r == AVERROR_EOF || (r == AVERROR(EIO) && in->io && !in->io->error))
		st = hmr_fail(e, HMR_E_TRUNCATED, "%s: truncated: ends before the first "
			      "frame", shown);
	else if (r < 0)
		st = media_fail(e, in->log, r, shown);
	else if (!in->still && in->o->option && av_dict_count(d))
		for (const AVDictionaryEntry *x = NULL;
		     !st && (x = av_dict_get(d, "", x, AV_DICT_IGNORE_SUFFIX)); )
			if (strcmp(x->key, "pattern_type") &&
			    strcmp(x->key, "protocol_whitelist"))
				st = hmr_fail(e, HMR_E_USAGE, "%s: input format '%s' "
					      "has no option '%.60s'", shown,
					      in->fmt->iformat->name, x->key);
fail:
	av_dict_free(&d);
	return st;
}

static enum hmr_status
open_decoder(struct media_input *in, struct hmr_err *e)
{
	const char *shown = in->where->shown;
	const AVCodec *codec = NULL;
	AVStream *s;
	int r;

	if ((r = avformat_find_stream_info(in->fmt, NULL)) < 0)
		return media_fail(e, in->log, r, shown);
	r = av_find_best_stream(in->fmt, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
	if (r == AVERROR_DECODER_NOT_FOUND)
		return hmr_fail(e, HMR_E_VERSION, "%s: FFmpeg has no decoder for its video",
				shown);
	if (r < 0)
		return hmr_fail(e, HMR_E_FORMAT, "%s: holds no video (%s)", shown,
				in->fmt->iformat->name);
	s = in->fmt->streams[r];
	if (s->disposition & AV_DISPOSITION_ATTACHED_PIC)
		return hmr_fail(e, HMR_E_FORMAT, "%s: holds no video (%s), only a picture of "
				"its cover", shown, in->fmt->iformat->name);
	for (unsigned i = 0; i < in->fmt->nb_streams; i++)
		if ((int)i != r)
			in->fmt->streams[i]->discard = AVDISCARD_ALL;
	in->stream = s;
	in->tb = s->time_base;
	in->rate = av_guess_frame_rate(in->fmt, s, NULL);
	if (in->rate.num <= 0 || in->rate.den <= 0)
		in->rate = (AVRational){ 0, 1 };
	if (!(in->dec = avcodec_alloc_context3(codec)))
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", shown);
	if ((r = avcodec_parameters_to_context(in->dec, s->codecpar)) < 0)
		return media_fail(e, in->log, r, shown);
	in->dec->opaque = in->log;
	in->dec->pkt_timebase = in->tb;
	in->dec->thread_count = (int)in->threads;
	in->dec->max_pixels = (int64_t)HMR_IMAGE_MAX_SIDE * HMR_IMAGE_MAX_SIDE;
	if ((r = avcodec_open2(in->dec, codec, NULL)) < 0)
		return media_fail(e, in->log, r, shown);
	return HMR_OK;
}

enum hmr_status
media_input_open(struct media_input *in, struct hmr_err *e)
{
	enum hmr_status st;

	if (in->where->kind == MEDIA_DEVICE)
		avdevice_register_all();
	in->entry_pts = in->next_pts = in->last_pts = AV_NOPTS_VALUE;
	in->pkt = av_packet_alloc();
	in->frame = av_frame_alloc();
	if (!in->pkt || !in->frame)
		st = hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", in->where->shown);
	else if (!(st = open_container(in, e)))
		st = open_decoder(in, e);
	if (st)
		media_input_close(in);
	return st;
}

void
media_input_close(struct media_input *in)
{
	avcodec_free_context(&in->dec);
	avformat_close_input(&in->fmt);
	if (in->where->kind == MEDIA_STDIN)
		media_stdin_close(in);
	else
		avio_closep(&in->io);
	av_packet_free(&in->pkt);
	av_frame_free(&in->frame);
	in->stream = NULL;
	in->draining = in->cut = in->no_pts = false;
	in->have_packet = in->have_frame = false;
	in->bytes = in->number = 0;
	in->named = false;
	in->odd = in->n_pending = 0;
	in->tail = HMR_OK;
	in->last_duration = 0;
}

/* Remembers the packet's place among those whose frames are to come. */
static void
rank_packet(struct media_input *in, const AVPacket *p)
{
	int i;

	if (!media_packet_shows(in, p))
		return;
	if (p->pts == AV_NOPTS_VALUE) {
		in->no_pts = true;
		in->n_pending = 0;
	}
	if (in->no_pts ||
	    (in->entry_pts != AV_NOPTS_VALUE && p->pts < in->entry_pts))
		return;
	if (in->n_pending == MEDIA_PENDING) {	/* no decoder holds so many */
		memmove(in->pending, in->pending + 1,
			(MEDIA_PENDING - 1) * sizeof(*in->pending));
		in->n_pending--;
		in->number++;
	}
	for (i = in->n_pending++; i > 0 && in->pending[i - 1] > p->pts; i--)
		in->pending[i] = in->pending[i - 1];
	in->pending[i] = p->pts;
}

/* The frame's number: packets that should have been shown before it and were
 * not have taken theirs. */
static uint64_t
rank_frame(struct media_input *in, int64_t pts)
{
	int before = 0, drop;

	if (!in->no_pts && pts != AV_NOPTS_VALUE) {
		while (before < in->n_pending && in->pending[before] < pts)
			before++;
		drop = before + (before < in->n_pending &&
				 in->pending[before] == pts);
		if (drop == before)	/* not a packet's time: trust the order */
			before = 0;
		else
			memmove(in->pending, in->pending + drop,
				(size_t)(in->n_pending - drop) *
				sizeof(*in->pending));
		if (drop != before)
			in->n_pending -= drop;
	}
	in->number += (uint64_t)before;
	return in->number++;
}

static void
nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

/* One packet into the decoder, or the order to give back what it holds. */
static enum hmr_status
feed(struct media_input *in, struct hmr_err *e)
{
	AVIOContext *io = in->fmt->pb;
	int r;

	while (!in->have_packet) {
		av_packet_unref(in->pkt);
		if (media_stopped(in->log))
			return hmr_fail(e, HMR_E_SIGNAL, "interrupted");
		r = av_read_frame(in->fmt, in->pkt);
		if (r == AVERROR(EAGAIN)) {
			nap();
			continue;
		}
		if (r == AVERROR_EXIT && media_stopped(in->log))
			return hmr_fail(e, HMR_E_SIGNAL, "interrupted");
		if (r == AVERROR_INVALIDDATA && in->odd++ < ODD_MAX) {
			in->stats->damaged++;
			continue;
		}
		if (r < 0) {
			in->draining = true;
			if (r == AVERROR(EIO) && io && !io->error)
				in->cut = true;
			else if (r != AVERROR_EOF)
				in->tail = media_fail(&in->tail_err, in->log, r,
						      in->where->shown);
			avcodec_send_packet(in->dec, NULL);
			return HMR_OK;
		}
		if (in->pkt->stream_index != in->stream->index)
			continue;
		if ((in->pkt->flags & AV_PKT_FLAG_CORRUPT) && io && avio_feof(io)) {
			in->cut = true;	/* the file ends inside this packet */
			continue;
		}
		break;
	}
	in->have_packet = false;
	rank_packet(in, in->pkt);
	r = avcodec_send_packet(in->dec, in->pkt);
	if (r == AVERROR(ENOMEM))
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", in->where->shown);
	if (r < 0 && r != AVERROR_EOF && r != AVERROR(EAGAIN)) {
		in->stats->damaged++;
		in->odd++;
	}
	return HMR_OK;
}

static enum hmr_status
finish(struct media_input *in, struct hmr_err *e)
{
	if (!in->number && in->where->kind == MEDIA_STDIN &&
	    !(in->io->seekable & AVIO_SEEKABLE_NORMAL) && in->stats->damaged &&
	    av_match_name("mp4", in->fmt->iformat->name))
		return hmr_fail(e, HMR_E_FORMAT, "%s: its index lies behind its frames "
				"and a pipe cannot be sought: give the file by name",
				in->where->shown);
	if (in->tail) {
		if (e)
			*e = in->tail_err;
		return in->tail;
	}
	if (media_is_cut(in))
		return hmr_fail(e, HMR_E_TRUNCATED,
				"%s: truncated: the file is shorter than it says",
				in->where->shown);
	return HMR_EOF;
}

/* Time of the frame just decoded; false: from before the entry, not counted. */
static bool
place(struct media_input *in, struct media_decoded *out)
{
	AVFrame *f = in->frame;
	int64_t d = f->pkt_duration;

	/* FFmpeg's guess only where the container's own time cannot be. */
	out->pts = f->pts;
	if (f->pts == AV_NOPTS_VALUE ||
	    (in->last_pts != AV_NOPTS_VALUE && f->pts < in->last_pts))
		out->pts = f->best_effort_timestamp;
	if (out->pts == AV_NOPTS_VALUE)
		out->pts = in->next_pts == AV_NOPTS_VALUE ? 0 : in->next_pts;
	if (d <= 0 && in->rate.num && in->tb.num)
		d = av_rescale_q(1, av_inv_q(in->rate), in->tb);
	if (d <= 0)
		d = in->last_duration > 0 ? in->last_duration : 0;
	in->last_duration = out->duration = d;
	in->last_pts = out->pts;
	in->next_pts = out->pts + (d > 0 ? d : 1);
	if (in->entry_pts != AV_NOPTS_VALUE && out->pts < in->entry_pts)
		return false;
	out->number = rank_frame(in, f->pts);
	out->frame = f;
	return true;
}

enum hmr_status
media_input_next(struct media_input *in, struct media_decoded *out,
		 struct hmr_err *e)
{
	enum hmr_status st;
	int r;

	if (in->have_frame) {
		in->have_frame = false;
		*out = in->held;
		return HMR_OK;
	}
	for (;;) {
		r = avcodec_receive_frame(in->dec, in->frame);
		if (!r) {
			in->odd = 0;
			if (place(in, out))
				break;
			continue;
		}
		if (r == AVERROR_EOF)
			return finish(in, e);
		if (r == AVERROR(ENOMEM))
			return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory",
					in->where->shown);
		if (r != AVERROR(EAGAIN)) {
			in->stats->damaged++;
			if (in->draining && in->odd++ > ODD_MAX)
				return finish(in, e);
			continue;
		}
		if (in->draining)
			return finish(in, e);
		if ((st = feed(in, e)))
			return st;
	}
	if (in->frame->decode_error_flags ||
	    (in->frame->flags & AV_FRAME_FLAG_CORRUPT))
		in->stats->concealed++;
	return HMR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --start: finds the last key frame at or before a time by walking over the
 * packets, counting them, so that frames keep the numbers they have in the
 * whole source, and enters there. The seek is checked by the packet it lands
 * on; where a container cannot seek to it, the packets are skipped instead.
 */
#include <string.h>
#include <unistd.h>

#include "media/media.h"

struct entry {
	uint64_t index;		/* packets of the stream before it */
	uint64_t rank;		/* frames shown before it */
	int64_t pts, dts, pos;
	int size;
	bool found;
};

bool
media_packet_shows(const struct media_input *in, const AVPacket *p)
{
	if ((p->flags & AV_PKT_FLAG_DISCARD) || !p->size)
		return false;
	/* VP8's alternative reference frames are packets of their own. */
	if (in->stream->codecpar->codec_id == AV_CODEC_ID_VP8)
		return p->data[0] & 0x10;
	return true;
}

static bool
at_or_before(int64_t pts, AVRational tb, int64_t ns)
{
	return av_compare_ts(pts, tb, ns, (AVRational){ 1, 1000000000 }) <= 0;
}

/* HMR_OK; no entry where the packets carry no times. */
static enum hmr_status
scan(struct media_input *in, struct entry *x, struct hmr_err *e)
{
	uint64_t index = 0, shown = 0;
	int r;

	memset(x, 0, sizeof(*x));
	for (;;) {
		AVPacket *p = in->pkt;

		av_packet_unref(p);
		if (media_stopped(in->log))
			return hmr_fail(e, HMR_E_SIGNAL, "interrupted");
		if ((r = av_read_frame(in->fmt, p)) < 0)
			break;
		if (p->stream_index != in->stream->index)
			continue;
		if (p->pts == AV_NOPTS_VALUE) {
			x->found = false;
			break;
		}
		if ((p->flags & AV_PKT_FLAG_KEY) &&
		    at_or_before(p->pts, in->tb, in->o->start_ns)) {
			x->found = true;
			x->index = index;
			x->rank = shown;
			x->pts = p->pts;
			x->dts = p->dts;
			x->pos = p->pos;
			x->size = p->size;
		} else if (x->found && p->pts < x->pts &&
			   media_packet_shows(in, p)) {
			x->rank++;	/* decoded after it, shown before it */
		}
		index++;
		shown += media_packet_shows(in, p);
		if (p->dts != AV_NOPTS_VALUE &&
		    !at_or_before(p->dts, in->tb, in->o->start_ns))
			break;
	}
	av_packet_unref(in->pkt);
	return HMR_OK;
}

static bool
is_entry(const struct entry *x, const AVPacket *p)
{
	return p->pts == x->pts && p->dts == x->dts && p->size == x->size;
}

static enum hmr_status
reopen(struct media_input *in, struct hmr_err *e)
{
	media_input_close(in);
	in->stats->damaged = in->stats->concealed = 0;
	if (in->where->kind == MEDIA_STDIN && lseek(in->fd, 0, SEEK_SET) < 0)
		return hmr_fail(e, HMR_E_IO, "%s", in->where->shown);
	return media_input_open(in, e);
}

/* Leaves the entry's packet in in->pkt for the decoder. */
static enum hmr_status
go_to(struct media_input *in, const struct entry *x, struct hmr_err *e)
{
	enum hmr_status st;
	uint64_t index = 0;
	int tries;

	if (x->dts != AV_NOPTS_VALUE &&
	    av_seek_frame(in->fmt, in->stream->index, x->dts,
			  AVSEEK_FLAG_BACKWARD) >= 0)
		for (tries = 0; tries < 2000; tries++) {
			av_packet_unref(in->pkt);
			if (av_read_frame(in->fmt, in->pkt) < 0)
				break;
			if (in->pkt->stream_index != in->stream->index)
				continue;
			if (is_entry(x, in->pkt))
				return HMR_OK;
			if (in->pkt->dts != AV_NOPTS_VALUE &&
			    in->pkt->dts > x->dts)
				break;
		}
	media_note(in->log, 2, "%s: cannot seek to the key frame: packets are skipped",
		   in->where->shown);
	if ((st = reopen(in, e)))
		return st;
	while (av_read_frame(in->fmt, in->pkt) >= 0) {
		if (in->pkt->stream_index == in->stream->index) {
			if (index == x->index)
				return HMR_OK;
			index++;
		}
		av_packet_unref(in->pkt);
		if (media_stopped(in->log))
			return hmr_fail(e, HMR_E_SIGNAL, "interrupted");
	}
	return hmr_fail(e, HMR_E_IO, "%s: changed while it was read",
			in->where->shown);
}

enum hmr_status
media_input_start(struct media_input *in, struct hmr_err *e)
{
	enum hmr_status st;
	struct entry x;

	if (in->o->start_ns == HMR_TIME_NONE || in->where->kind == MEDIA_URL ||
	    in->where->kind == MEDIA_DEVICE || !in->fmt->pb ||
	    !(in->fmt->pb->seekable & AVIO_SEEKABLE_NORMAL))
		return HMR_OK;
	if ((st = scan(in, &x, e)))
		return st;
	if (!x.found || !x.index)
		return reopen(in, e);
	if ((st = go_to(in, &x, e)))
		return st;
	in->number = x.rank;
	in->entry_pts = x.pts;
	in->have_packet = true;
	st = media_input_next(in, &in->held, e);
	if (st == HMR_E_SIGNAL || st == HMR_E_NOMEM)
		return st;
	if (!st && in->held.pts == x.pts) {
		in->have_frame = true;
		return HMR_OK;
	}
	/* Intra refresh and the like: what is called a key frame is none. */
	media_note(in->log, 1, "%s: no clean entry at the key frame: decoding from "
		   "the beginning", in->where->shown);
	return reopen(in, e);
}

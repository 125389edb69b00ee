/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources: a video or a list of images behind one face (source.h). Chooses the
 * frames that are wanted, turns and converts them, decodes the first at once,
 * so that what HEAD says is what frames are.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/media.h"

struct hmr_source {
	struct hmr_source_options o;
	struct media_where where;
	struct media_log log;
	struct hmr_source_info info;
	struct hmr_source_stats stats;
	struct media_input in;
	bool opened;		/* in */
	struct media_convert conv;
	struct media_turn turn;
	bool turned;		/* turn is known */
	struct media_list list;
	size_t list_at;
	struct media_live *live;
	bool want_live;
	struct hmr_source_frame frame;
	bool primed;		/* frame is the first, not yet handed out */
	bool over;
	enum hmr_status end;
	struct hmr_err end_err;
};

static bool
before(const struct hmr_source *s, int64_t pts, int64_t ns)
{
	return av_compare_ts(pts, (AVRational){ s->info.tb_num, s->info.tb_den }, ns,
			     (AVRational){ 1, 1000000000 }) < 0;
}

/* HMR_OK: wanted; HMR_EOF: at or behind the end; else not wanted. */
static int
wanted(const struct hmr_source *s, uint64_t number, int64_t pts)
{
	if (s->o.end_ns != HMR_TIME_NONE && !before(s, pts, s->o.end_ns))
		return HMR_EOF;
	if (s->o.start_ns != HMR_TIME_NONE && before(s, pts, s->o.start_ns))
		return -1;
	return number % s->o.every ? -1 : HMR_OK;
}

/* How the picture lies, found out once for a video; worth a word where it
 * cannot be followed. */
static void
find_turn(struct hmr_source *s, const AVFrame *f)
{
	AVRational sar = f->sample_aspect_ratio;
	double odd;

	media_orientation(&s->turn, &odd, s->in.stream, f);
	s->turned = true;
	if (!isnan(odd))
		media_note(&s->log, 0, "%s: rotated by %.1f degrees, which is no "
			   "multiple of 90: not applied", s->in.where->shown, odd);
	if (sar.num > 0 && sar.den > 0 && sar.num != sar.den)
		media_note(&s->log, 0, "%s: pixels are %d:%d, not square: shapes stay "
			   "distorted", s->in.where->shown, sar.num, sar.den);
}

static enum hmr_status
pull_video(void *ctx, struct hmr_source_frame *out, struct hmr_err *e)
{
	struct hmr_source *s = ctx;
	struct media_decoded d;
	uint64_t resized = s->stats.resized;
	enum hmr_status st;
	int w;

	do {
		if ((st = media_input_next(&s->in, &d, e)))
			return st;
		w = wanted(s, d.number, d.pts);
		if (w == HMR_EOF)
			return HMR_EOF;
	} while (w);
	if (!s->turned)
		find_turn(s, d.frame);
	if ((st = media_convert_frame(&s->conv, d.frame, &s->turn, &out->image, e))) {
		hmr_fail_in(e, st, "%s", s->where.shown);
		return st;
	}
	if (!resized && s->stats.resized)
		media_note(&s->log, 0, "%s: size changes from %dx%d to %dx%d: scaled to "
			   "the first", s->where.shown, s->conv.first_w,
			   s->conv.first_h, d.frame->width, d.frame->height);
	out->number = d.number;
	out->pts = d.pts;
	out->duration = d.duration;
	return HMR_OK;
}

/* Opens one image of a list and decodes its frame, which s->in holds. */
static enum hmr_status
open_still(struct hmr_source *s, struct media_where *w, const char *name,
	   struct media_decoded *d, struct hmr_err *e)
{
	enum hmr_status st;

	memset(&s->in, 0, sizeof(s->in));
	if ((st = media_where_init(w, name, NULL, false, e)))
		return st;
	if (w->kind != MEDIA_FILE)
		return hmr_fail(e, HMR_E_FORMAT, "%s: not a file", w->shown);
	s->in.log = &s->log;
	s->in.o = &s->o;
	s->in.where = w;
	s->in.stats = &s->stats;
	s->in.still = true;
	s->in.threads = s->o.threads ? s->o.threads : 1;
	if ((st = media_input_open(&s->in, e)))
		return st;
	s->opened = true;
	st = media_input_next(&s->in, d, e);
	if (st == HMR_EOF)
		st = hmr_fail(e, HMR_E_FORMAT, "%s: no image could be decoded",
			      w->shown);
	return st;
}

static void
close_still(struct hmr_source *s, struct media_where *w)
{
	if (s->opened)
		media_input_close(&s->in);
	s->opened = false;
	media_where_release(w);
}

/* Size as delivered and bytes of one image, without decoding where possible. */
static enum hmr_status
probe_still(struct hmr_source *s, const char *name, uint32_t *w, uint32_t *h,
	    uint64_t *bytes, struct hmr_err *e)
{
	struct media_where where = { 0 };
	struct media_decoded d;
	struct media_turn t;
	struct hmr_image im;
	enum hmr_status st;
	double odd;

	if (media_sniff(name, w, h)) {
		uint64_t big = *w > *h ? *w : *h, max = s->o.max_side;

		if (max && big > max) {
			*w = (uint32_t)((*w * max + big / 2) / big);
			*h = (uint32_t)((*h * max + big / 2) / big);
			*w += !*w;
			*h += !*h;
		}
		*bytes = (uint64_t)*w * *h * 3;
		return HMR_OK;
	}
	if (!(st = open_still(s, &where, name, &d, e))) {
		media_orientation(&t, &odd, s->in.stream, d.frame);
		st = media_form(&im, d.frame, s->o.max_side, &t, e);
	}
	if (!st) {
		*w = t.transpose ? im.height : im.width;
		*h = t.transpose ? im.width : im.height;
		*bytes = hmr_image_bytes(&im);
	}
	close_still(s, &where);
	return st;
}

static enum hmr_status
probe_list(struct hmr_source *s, struct hmr_err *e)
{
	struct hmr_source_info *i = &s->info;

	for (size_t k = 0; k < s->list.n; k++) {
		struct hmr_err why = { 0 };
		uint32_t w = 0, h = 0;
		uint64_t bytes = 0;

		if (media_stopped(&s->log))
			return hmr_fail(e, HMR_E_SIGNAL, "interrupted");
		if (probe_still(s, s->list.name[k], &w, &h, &bytes, &why)) {
			media_note(&s->log, 2, "%s", why.msg);
			continue;	/* told of when its turn comes */
		}
		i->width = w > i->width ? w : i->width;
		i->height = h > i->height ? h : i->height;
		i->image_bytes = bytes > i->image_bytes ? bytes : i->image_bytes;
	}
	memset(&s->stats, 0, sizeof(s->stats));
	return HMR_OK;
}

static enum hmr_status
read_still(struct hmr_source *s, const char *name, struct hmr_source_frame *out,
	   struct hmr_err *e)
{
	struct media_where where = { 0 };
	struct media_decoded d;
	enum hmr_status st;
	uint64_t damaged = s->stats.damaged;

	if (!(st = open_still(s, &where, name, &d, e))) {
		find_turn(s, d.frame);
		st = media_convert_frame(&s->conv, d.frame, &s->turn, &out->image, e);
	}
	if (!st && (out->image.width > s->info.width ||
		    out->image.height > s->info.height ||
		    hmr_image_bytes(&out->image) > s->info.image_bytes))
		st = hmr_fail(e, HMR_E_FORMAT, "%s: changed while it was read", name);
	/* The planes may be the decoder's: keep them until the next image. */
	if (!st && (st = media_convert_keep(&s->conv, &out->image, e)))
		hmr_fail_in(e, st, "%s", name);
	s->stats.damaged = damaged;	/* counted as unreadable instead */
	close_still(s, &where);
	return st;
}

static enum hmr_status
pull_still(struct hmr_source *s, struct hmr_source_frame *out, struct hmr_err *e)
{
	while (s->list_at < s->list.n) {
		uint64_t k = s->list_at++;
		struct hmr_err why = { 0 };
		enum hmr_status st;
		int w = wanted(s, k, (int64_t)k);

		if (w == HMR_EOF)
			return HMR_EOF;
		if (w)
			continue;
		if (media_stopped(&s->log))
			return hmr_fail(e, HMR_E_SIGNAL, "interrupted");
		st = read_still(s, s->list.name[k], out, &why);
		out->number = k;
		out->pts = (int64_t)k;
		out->duration = 1;
		if (!st)
			return HMR_OK;
		if (st == HMR_E_NOMEM || st == HMR_E_SIGNAL) {
			if (e)
				*e = why;
			return st;
		}
		s->stats.unreadable++;
		media_note(&s->log, 0, "%s", hmr_err_text(&why, st));
	}
	return HMR_EOF;
}

static enum hmr_status
pull(struct hmr_source *s, struct hmr_source_frame *out, struct hmr_err *e)
{
	return s->list.n ? pull_still(s, out, e) : pull_video(s, out, e);
}

/* How many frames are to come, as far as the container tells. */
static uint64_t
expect_video(const struct hmr_source *s)
{
	const AVFormatContext *f = s->in.fmt;
	double rate = s->in.rate.num ? av_q2d(s->in.rate) : 0;
	double from = f->start_time == AV_NOPTS_VALUE ? 0 : f->start_time / 1e6;
	double to = f->duration == AV_NOPTS_VALUE ? 0 : from + f->duration / 1e6;
	double n;

	if (s->want_live || to <= from)
		return s->o.start_ns == HMR_TIME_NONE &&
		       s->o.end_ns == HMR_TIME_NONE && s->in.stream->nb_frames > 0 ?
		       (uint64_t)s->in.stream->nb_frames : 0;
	n = (to - from) * rate;
	if (s->in.stream->nb_frames > 0)
		n = (double)s->in.stream->nb_frames;
	rate = n / (to - from);
	if (s->o.start_ns != HMR_TIME_NONE)
		from = fmax(from, s->o.start_ns / 1e9);
	if (s->o.end_ns != HMR_TIME_NONE)
		to = fmin(to, s->o.end_ns / 1e9);
	return to > from ? (uint64_t)((to - from) * rate + 0.5) : 0;
}

static void
expect(struct hmr_source *s, uint64_t n)
{
	n = (n + s->o.every - 1) / s->o.every;
	if (s->o.frames && (n > s->o.frames || !n))
		n = s->o.frames;
	s->info.frames = n;
}

static enum hmr_status
open_video(struct hmr_source *s, struct hmr_err *e)
{
	struct hmr_source_info *i = &s->info;
	enum hmr_status st;

	s->in.log = &s->log;
	s->in.o = &s->o;
	s->in.where = &s->where;
	s->in.stats = &s->stats;
	s->in.threads = s->o.threads;
	if ((st = media_input_open(&s->in, e)))
		return st;
	s->opened = true;
	if ((st = media_input_start(&s->in, e)))
		return st;
	i->format = s->in.fmt->iformat->name;
	i->codec = s->in.dec->codec->name;
	i->tb_num = s->in.tb.num;
	i->tb_den = s->in.tb.den;
	i->rate_num = s->in.rate.num;
	i->rate_den = s->in.rate.den;
	s->want_live = s->o.live == HMR_SOURCE_LIVE_YES ||
		       (s->o.live == HMR_SOURCE_LIVE_AUTO &&
			s->where.kind == MEDIA_DEVICE &&
			strcmp(s->in.fmt->iformat->name, "lavfi"));
	i->live = s->want_live;
	expect(s, expect_video(s));
	s->conv.lock = true;
	return HMR_OK;
}

static enum hmr_status
open_list(struct hmr_source *s, const char *const *names, uint32_t n,
	  struct hmr_err *e)
{
	enum hmr_status st = media_list_init(&s->list, &s->where, names, n, e);

	if (st)
		return st;
	if (s->list.skipped)
		media_note(&s->log, 1, "%s: %llu entries are no images",
			   s->where.shown, (unsigned long long)s->list.skipped);
	if (s->list.videos)
		media_note(&s->log, 0, "%s: the images of this folder; its videos (%llu) go "
			   "one at a time", s->where.shown,
			   (unsigned long long)s->list.videos);
	s->info.format = "images";
	s->info.codec = "images";
	s->info.tb_num = s->info.rate_den = (int32_t)s->o.rate_den;
	s->info.tb_den = s->info.rate_num = (int32_t)s->o.rate_num;
	expect(s, s->list.n);
	return probe_list(s, e);
}

/* The first frame, and with it what is certain of the rest. */
static enum hmr_status
prime(struct hmr_source *s, struct hmr_err *e)
{
	struct hmr_source_info *i = &s->info;
	enum hmr_status st = pull(s, &s->frame, &s->end_err);

	if (!st) {
		s->primed = true;
		if (!s->list.n) {
			i->width = s->frame.image.width;
			i->height = s->frame.image.height;
			i->image_bytes = hmr_image_bytes(&s->frame.image);
		}
	} else if (st != HMR_EOF) {
		*e = s->end_err;
		return st;
	} else if (s->stats.unreadable) {
		return hmr_fail(e, HMR_E_FORMAT, "%s: none of %llu images could be read",
				s->where.shown,
				(unsigned long long)s->stats.unreadable);
	} else if (s->stats.damaged) {
		return hmr_fail(e, HMR_E_FORMAT, "%s: no frame could be decoded, "
				"%llu damaged packets", s->where.shown,
				(unsigned long long)s->stats.damaged);
	} else {
		s->over = true;
		s->end = HMR_EOF;
		if (!s->list.n) {
			i->width = (uint32_t)s->in.stream->codecpar->width;
			i->height = (uint32_t)s->in.stream->codecpar->height;
		}
	}
	if (s->o.max_bytes && i->image_bytes > s->o.max_bytes)
		return hmr_fail(e, HMR_E_LIMIT, "%s: images of %ux%u take %llu bytes, the "
				"limit is %llu", s->where.shown, i->width, i->height,
				(unsigned long long)i->image_bytes,
				(unsigned long long)s->o.max_bytes);
	return HMR_OK;
}

enum hmr_status
hmr_source_open(struct hmr_source **out, const char *const *names, uint32_t n,
		const struct hmr_source_options *o, struct hmr_err *e)
{
	struct hmr_source *s = calloc(1, sizeof(*s));
	struct hmr_err spare = { 0 };
	enum hmr_status st;

	*out = NULL;
	e = e ? e : &spare;
	if (!s)
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", names[0]);
	hmr_media_quiet();
	s->o = *o;
	s->o.every += !s->o.every;
	if (!s->o.rate_num || !s->o.rate_den) {
		s->o.rate_num = 25;
		s->o.rate_den = 1;
	}
	media_log_init(&s->log, o);
	s->conv.max_side = o->max_side;
	s->conv.resized = &s->stats.resized;
	if ((st = media_where_init(&s->where, names[0], o->format, o->playlist, e)))
		goto fail;
	s->info.name = *s->where.url ? s->where.shown : "-";
	st = n > 1 || s->where.kind == MEDIA_FOLDER || s->where.kind == MEDIA_GLOB ?
	     open_list(s, names, n, e) : open_video(s, e);
	if (st || (st = prime(s, e)))
		goto fail;
	*out = s;
	return HMR_OK;
fail:
	hmr_source_close(s);
	return st;
}

void
hmr_source_close(struct hmr_source *s)
{
	if (!s)
		return;
	media_live_stop(s->live);
	if (s->opened)
		media_input_close(&s->in);
	media_convert_release(&s->conv);
	media_list_release(&s->list);
	media_where_release(&s->where);
	media_log_release(&s->log);
	free(s);
}

const struct hmr_source_info *
hmr_source_info(const struct hmr_source *s)
{
	return &s->info;
}

const struct hmr_source_stats *
hmr_source_stats(const struct hmr_source *s)
{
	return &s->stats;
}

static enum hmr_status
next_live(struct hmr_source *s, struct hmr_err *e)
{
	enum hmr_status st;

	if (!s->live &&
	    (st = media_live_start(&s->live, pull_video, s, s->info.image_bytes, e)))
		return st;
	return media_live_next(s->live, &s->log, &s->frame, &s->stats.dropped, e);
}

enum hmr_status
hmr_source_next(struct hmr_source *s, const struct hmr_source_frame **out,
		struct hmr_err *e)
{
	*out = NULL;
	if (!s->over && s->o.frames && s->stats.frames == s->o.frames) {
		s->over = true;
		s->end = HMR_EOF;
		media_live_stop(s->live);
		s->live = NULL;
	}
	if (!s->over && !s->primed) {
		memset(&s->end_err, 0, sizeof(s->end_err));
		s->end = s->want_live ? next_live(s, &s->end_err) :
			 pull(s, &s->frame, &s->end_err);
		s->over = s->end != HMR_OK;
	}
	if (s->over) {
		if (e && s->end < 0)
			*e = s->end_err;
		return s->end;
	}
	s->primed = false;
	s->stats.frames++;
	*out = &s->frame;
	return HMR_OK;
}

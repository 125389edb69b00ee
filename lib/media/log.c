/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FFmpeg's messages: never printed, told to the source that they belong to.
 * A callback finds its source by the `opaque` field of the format or codec
 * context that logs, so that no global is needed; messages of nobody's are
 * dropped. Passwords in URLs are taken out of everything.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <libavutil/log.h>

#include "base/text.h"
#include "media/media.h"

static struct media_log *
owner(void *avcl)
{
	/* A context of a demuxer or decoder names its parent. */
	for (int depth = 0; avcl && depth < 4; depth++) {
		const AVClass *c = *(const AVClass *const *)avcl;

		if (!c)
			return NULL;
		if (c == avformat_get_class())
			return ((AVFormatContext *)avcl)->opaque;
		if (c == avcodec_get_class())
			return ((AVCodecContext *)avcl)->opaque;
		if (!c->parent_log_context_offset)
			return NULL;
		avcl = *(void **)((uint8_t *)avcl + c->parent_log_context_offset);
	}
	return NULL;
}

static void HMR_PRINTF(3, 0)
on_message(void *avcl, int level, const char *fmt, va_list ap)
{
	struct media_log *l;
	char text[200];
	size_t n;

	if (level > AV_LOG_INFO || !(l = owner(avcl)))
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	for (n = strlen(text); n && (text[n - 1] == '\n' || text[n - 1] == ' '); n--)
		text[n - 1] = 0;
	hmr_url_mask(text);
	if (!n)
		return;
	if (level <= AV_LOG_ERROR) {
		pthread_mutex_lock(&l->lock);
		memcpy(l->last, text, sizeof(text));
		pthread_mutex_unlock(&l->lock);
	}
	if (l->note)
		l->note(l->ctx, 2, text);
}

void
hmr_media_quiet(void)
{
	av_log_set_callback(on_message);
}

void
media_log_init(struct media_log *l, const struct hmr_source_options *o)
{
	memset(l, 0, sizeof(*l));
	l->note = o->note;
	l->stop = o->stop;
	l->ctx = o->ctx;
	pthread_mutex_init(&l->lock, NULL);
}

void
media_log_release(struct media_log *l)
{
	pthread_mutex_destroy(&l->lock);
}

void
media_note(struct media_log *l, int level, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (!l->note)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	hmr_url_mask(text);
	l->note(l->ctx, level, text);
}

bool
media_stopped(struct media_log *l)
{
	return l->stop && l->stop(l->ctx);
}

static enum hmr_status
status_of(int averr)
{
	switch (averr) {
	case AVERROR(ENOMEM):
		return HMR_E_NOMEM;
	case AVERROR_EXIT:
		return HMR_E_SIGNAL;
	case AVERROR_INVALIDDATA:
	case AVERROR_STREAM_NOT_FOUND:
	case AVERROR_DEMUXER_NOT_FOUND:
	case AVERROR_EOF:
	case AVERROR(EINVAL):
	case AVERROR(ERANGE):
		return HMR_E_FORMAT;
	case AVERROR_DECODER_NOT_FOUND:
	case AVERROR_PATCHWELCOME:
	case AVERROR_OPTION_NOT_FOUND:
	case AVERROR(ENOSYS):
		return HMR_E_VERSION;
	}
	return HMR_E_IO;
}

enum hmr_status
media_fail(struct hmr_err *e, struct media_log *l, int averr, const char *what)
{
	enum hmr_status st = status_of(averr);
	char last[sizeof(l->last)] = "", text[AV_ERROR_MAX_STRING_SIZE] = "";

	if (l) {
		pthread_mutex_lock(&l->lock);
		memcpy(last, l->last, sizeof(last));
		pthread_mutex_unlock(&l->lock);
	}
	if (st == HMR_E_SIGNAL)
		return hmr_fail(e, st, "interrupted");
	if (st == HMR_E_NOMEM)
		return hmr_fail(e, st, "%s: out of memory", what);
	av_strerror(averr, text, sizeof(text));
	/* What a phone or a copy that did not finish leaves behind. */
	if (!strcmp(last, "moov atom not found"))
		return hmr_fail(e, HMR_E_TRUNCATED, "%s: cut short: its index (moov) is "
				"missing, as where recording or copying did not finish", what);
	/* hmr_fail() adds errno's text to HMR_E_IO; FFmpeg's says more. */
	errno = 0;
	if (last[0] && st != HMR_E_IO)
		hmr_fail(e, st, "%s: %s", what, last);
	else
		hmr_fail(e, st, "%s: %s", what, text);
	if (e && st == HMR_E_IO && averr < 0 && averr > -4096)
		e->sys = AVUNERROR(averr);
	return st;
}

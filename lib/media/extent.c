/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a container end before it says it does? Looks at what the file itself
 * declares: the boxes and sample index of MP4 and QuickTime, Matroska's
 * segment, AVI's RIFF chunks. Formats that declare nothing (MPEG-TS, raw
 * streams) are never called cut by this.
 */
#include <string.h>

#include <libavutil/avstring.h>
#include <libavutil/intreadwrite.h>

#include "media/media.h"

#define BOXES_MAX 1000000	/* a walk over garbage ends */

/* Some sample lies behind the end: true also where the input cannot seek. */
static bool
index_beyond(const struct media_input *in, int64_t size)
{
	AVStream *s = in->fmt->streams[in->stream->index];
	int n = avformat_index_get_entries_count(s);

	for (int i = n > 8 ? n - 8 : 0; i < n; i++) {
		const AVIndexEntry *x = avformat_index_get_entry(s, i);

		if (x && x->pos >= 0 && x->size > 0 && x->pos + x->size > size)
			return true;
	}
	return false;
}

static bool
boxes_beyond(AVIOContext *io, int64_t size)
{
	int64_t at = 0;

	for (int i = 0; i < BOXES_MAX && at < size; i++) {
		uint8_t h[16];
		uint64_t n;

		if (avio_seek(io, at, SEEK_SET) != at)
			return false;
		if (avio_read(io, h, 8) != 8)
			return true;
		n = AV_RB32(h);
		if (!n)			/* to the end, however far that is */
			return false;
		if (n == 1) {
			if (avio_read(io, h + 8, 8) != 8)
				return true;
			n = AV_RB64(h + 8);
		}
		if (n < 8)
			return false;	/* trailing rubbish, not a box */
		if (n > (uint64_t)(size - at))
			return true;
		at += (int64_t)n;
	}
	return false;
}

static bool
riff_beyond(AVIOContext *io, int64_t size)
{
	int64_t at = 0;

	for (int i = 0; i < BOXES_MAX && size - at >= 12; i++) {
		uint8_t h[8];
		uint32_t n;

		if (avio_seek(io, at, SEEK_SET) != at || avio_read(io, h, 8) != 8)
			return false;
		n = AV_RL32(h + 4);
		if (memcmp(h, "RIFF", 4) || !n || n == UINT32_MAX)
			return false;	/* unfinished recordings say 0 */
		if ((int64_t)n + 8 > size - at)
			return true;
		at += 8 + (int64_t)n + (n & 1);
	}
	return false;
}

/* EBML: an id and a size of 1 to 8 bytes each; all ones is "unknown". */
static int
ebml_size(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	int n = 1;

	if (p >= end || !*p)
		return 0;
	while (!(*p & 0x80 >> (n - 1)))
		n++;
	if (end - p < n)
		return 0;
	*v = *p & (0xff >> n);
	for (int i = 1; i < n; i++)
		*v = *v << 8 | p[i];
	if (*v == (UINT64_C(1) << 7 * n) - 1)
		*v = UINT64_MAX;
	return n;
}

static bool
segment_beyond(AVIOContext *io, int64_t size)
{
	uint8_t h[1024];
	const uint8_t *p = h, *end;
	uint64_t n;
	int got, k;

	if (avio_seek(io, 0, SEEK_SET) || (got = avio_read(io, h, sizeof(h))) < 5)
		return false;
	end = h + got;
	if (AV_RB32(p) != 0x1a45dfa3 || !(k = ebml_size(p + 4, end, &n)))
		return false;
	if (n > (uint64_t)(end - p - 4 - k) || end - (p + 4 + k + n) < 5)
		return false;
	p += 4 + k + n;
	if (AV_RB32(p) != 0x18538067 || !(k = ebml_size(p + 4, end, &n)))
		return false;
	return n != UINT64_MAX && n > (uint64_t)(size - (p - h) - 4 - k);
}

bool
media_is_cut(struct media_input *in)
{
	const char *name = in->fmt->iformat->name;
	AVIOContext *io = in->fmt->pb;
	int64_t size;

	if (in->cut)
		return true;
	if (!io || (in->fmt->iformat->flags & AVFMT_NOFILE))
		return false;
	if (!(io->seekable & AVIO_SEEKABLE_NORMAL))
		return av_match_name("mp4", name) && in->where->kind == MEDIA_STDIN &&
		       index_beyond(in, (int64_t)in->bytes);
	if ((size = avio_size(io)) <= 0)
		return false;
	if (av_match_name("mp4", name))
		return index_beyond(in, size) || boxes_beyond(io, size);
	if (av_match_name("matroska", name))
		return segment_beyond(io, size);
	if (av_match_name("avi", name))
		return riff_beyond(io, size);
	return false;
}

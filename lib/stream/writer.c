/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer of stream.h: one writev per record, so a frame leaves at once.
 * Sections that came from a reader keep their bytes and checksum; new ones get
 * one, and are compressed where a level is set. Memory: one compression buffer.
 */
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>
#include <zstd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "stream/record.h"

#define SMALL 256		/* sections below this are not worth compressing */

struct hmr_writer {
	int fd, level;
	const char *name;
	uint64_t frames, max_payload;
	uint8_t *packed;	/* for compressed sections of one frame */
	size_t packed_cap;
	uint8_t *joined;	/* a scattered section made whole to compress it */
	size_t joined_cap;
	ZSTD_CCtx *zstd;
	XXH3_state_t *hash;
};

enum hmr_status
hmr_writer_new(struct hmr_writer **out, int fd, const char *name, int level,
	       struct hmr_err *e)
{
	struct hmr_writer *w = calloc(1, sizeof(*w));

	*out = NULL;
	if (!w || !(w->hash = XXH3_createState()) ||
	    (level > 0 && !(w->zstd = ZSTD_createCCtx()))) {
		hmr_writer_free(w);
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", name);
	}
	w->fd = fd;
	w->name = name;
	w->level = level;
	*out = w;
	return HMR_OK;
}

void
hmr_writer_free(struct hmr_writer *w)
{
	if (!w)
		return;
	ZSTD_freeCCtx(w->zstd);
	XXH3_freeState(w->hash);
	free(w->packed);
	free(w->joined);
	free(w);
}

uint64_t
hmr_writer_frames(const struct hmr_writer *w)
{
	return w->frames;
}

static enum hmr_status
put(struct hmr_writer *w, struct iovec *v, int n, struct hmr_err *e)
{
	enum hmr_status st = hmr_writev_full(w->fd, v, n, e);

	return st ? hmr_fail_in(e, st, "%s", w->name) : HMR_OK;
}

/* HEAD and END: a record with one JSON section. */
static enum hmr_status
put_json(struct hmr_writer *w, struct hmr_record *rec, const char *json,
	 struct hmr_err *e)
{
	uint8_t head[HMR_RECORD_HEADER], section[HMR_SECTION_HEADER], pad[8] = { 0 };
	struct hmr_section s = { .tag = HMR_TAG_JSON, .data = (const uint8_t *)json };
	struct iovec v[4];

	s.raw = s.stored = strlen(json);
	rec->payload = HMR_SECTION_HEADER + s.stored + hmr_section_pad(s.stored);
	rec->sections = 1;
	if (rec->payload > HMR_HEAD_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "%s: HEAD of more than %u bytes",
				w->name, HMR_HEAD_MAX);
	hmr_record_put(head, rec);
	hmr_section_put(section, &s);
	v[0] = (struct iovec){ head, sizeof(head) };
	v[1] = (struct iovec){ section, sizeof(section) };
	v[2] = (struct iovec){ (void *)(uintptr_t)json, (size_t)s.stored };
	v[3] = (struct iovec){ pad, hmr_section_pad(s.stored) };
	return put(w, v, 4, e);
}

enum hmr_status
hmr_writer_head(struct hmr_writer *w, struct hmr_head *h, struct hmr_err *e)
{
	struct hmr_record rec = { .type = HMR_RECORD_HEAD };
	const char *json = hmr_head_json(h, e);
	size_t cap;

	if (!json)
		return HMR_E_NOMEM;
	w->max_payload = hmr_head_info(h)->max_payload;
	cap = ZSTD_compressBound((size_t)w->max_payload) +
	      HMR_SECTIONS_MAX * (ZSTD_compressBound(8) + 8);
	if (w->level > 0 && cap > w->packed_cap) {
		free(w->packed);
		free(w->joined);
		w->packed = malloc(cap);
		w->joined = malloc((size_t)w->max_payload + 1);
		w->packed_cap = w->joined_cap = 0;
		if (!w->packed || !w->joined)
			return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", w->name);
		w->packed_cap = cap;
		w->joined_cap = (size_t)w->max_payload;
	}
	w->frames = 0;
	XXH3_64bits_reset(w->hash);
	return put_json(w, &rec, json, e);
}

/* Compresses s into the frame's buffer from *used on, where that makes it
 * smaller. */
static void
pack(struct hmr_writer *w, struct hmr_section *s, size_t *used)
{
	const uint8_t *src = s->data;
	size_t n;

	if (w->level <= 0 || s->flags & HMR_SECTION_ZSTD || s->raw < SMALL)
		return;
	if (s->n_parts) {
		size_t at = 0;

		if (s->raw > w->joined_cap)
			return;
		for (int i = 0; i < s->n_parts; i++) {
			memcpy(w->joined + at, s->parts[i].iov_base, s->parts[i].iov_len);
			at += s->parts[i].iov_len;
		}
		src = w->joined;
	}
	n = ZSTD_compressCCtx(w->zstd, w->packed + *used, w->packed_cap - *used, src,
			      (size_t)s->raw, w->level);
	if (ZSTD_isError(n) || n >= s->raw)
		return;
	s->data = w->packed + *used;
	s->parts = NULL;
	s->n_parts = 0;
	s->stored = n;
	s->flags |= HMR_SECTION_ZSTD;
	s->sum = 0;
	*used += n;
}

enum hmr_status
hmr_writer_frame(struct hmr_writer *w, const struct hmr_frame *f,
		 struct hmr_err *e)
{
	struct hmr_record rec = {
		.type = HMR_RECORD_FRAME, .number = f->number, .pts = f->pts,
		.duration = f->duration, .sections = f->n, .width = f->width,
		.height = f->height, .frame_flags = f->flags,
	};
	uint8_t head[HMR_RECORD_HEADER], heads[HMR_SECTIONS_MAX][HMR_SECTION_HEADER];
	static const uint8_t zero[8];
	struct iovec v[1 + HMR_SECTIONS_MAX * (2 + HMR_PARTS_MAX)];
	uint64_t raw = 0;
	size_t used = 0;
	int n = 1;

	for (uint32_t i = 0; i < f->n; i++) {
		struct hmr_section s = f->section[i];
		uint8_t sum[8];

		raw += s.raw + HMR_SECTION_HEADER + hmr_section_pad(s.raw);
		pack(w, &s, &used);
		hmr_section_put(heads[i], &s);
		hmr_put64(sum, s.sum);
		XXH3_64bits_update(w->hash, sum, sizeof(sum));
		v[n++] = (struct iovec){ heads[i], HMR_SECTION_HEADER };
		for (int p = 0; p < s.n_parts; p++)
			v[n++] = s.parts[p];
		if (!s.n_parts)
			v[n++] = (struct iovec){ (void *)(uintptr_t)s.data, (size_t)s.stored };
		v[n++] = (struct iovec){ (void *)(uintptr_t)zero, hmr_section_pad(s.stored) };
		rec.payload += HMR_SECTION_HEADER + s.stored + hmr_section_pad(s.stored);
	}
	if (raw > w->max_payload || rec.payload > w->max_payload)
		return hmr_fail(e, HMR_E_LIMIT, "%s: frame of %llu bytes, HEAD declares %llu",
				w->name, (unsigned long long)raw,
				(unsigned long long)w->max_payload);
	hmr_record_put(head, &rec);
	v[0] = (struct iovec){ head, sizeof(head) };
	w->frames++;
	return put(w, v, n, e);
}

enum hmr_status
hmr_writer_end(struct hmr_writer *w, const struct hmr_end *end,
	       struct hmr_err *e)
{
	struct hmr_record rec = { .type = HMR_RECORD_END, .number = w->frames };
	struct hmr_end mine = *end;
	char json[4096];

	mine.frames = w->frames;
	if (!hmr_end_put(json, sizeof(json), &mine, XXH3_64bits_digest(w->hash)))
		return hmr_fail(e, HMR_E_NOMEM, "%s: END: out of memory", w->name);
	return put_json(w, &rec, json, e);
}

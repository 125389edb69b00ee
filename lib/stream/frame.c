/* SPDX-License-Identifier: Apache-2.0 */
/* Finding, reading, replacing and dropping the sections of a frame. */
#include <string.h>

#include "stream/reader.h"
#include "stream/record.h"

const struct hmr_section *
hmr_frame_find(const struct hmr_frame *f, uint32_t tag)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->section[i].tag == tag)
			return &f->section[i];
	return NULL;
}

enum hmr_status
hmr_frame_get(const struct hmr_frame *f, uint32_t tag, const uint8_t **data,
	      size_t *n, struct hmr_err *e)
{
	const struct hmr_section *s = hmr_frame_find(f, tag);
	char name[5];

	*data = NULL;
	*n = 0;
	if (!s)
		return HMR_EOF;
	*n = (size_t)s->raw;
	if (!(s->flags & HMR_SECTION_ZSTD)) {
		*data = s->data;
		return HMR_OK;
	}
	if (!f->reader)
		return hmr_fail(e, HMR_E_FORMAT, "section %s: compressed, and its reader is gone",
				hmr_tag_text(tag, name));
	return hmr_reader_unpack(f->reader, s, data, e);
}

/* The slot for tag: the present one or a new one at the end. */
static struct hmr_section *
slot(struct hmr_frame *f, uint32_t tag)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->section[i].tag == tag)
			return &f->section[i];
	return f->n < HMR_SECTIONS_MAX ? &f->section[f->n++] : NULL;
}

enum hmr_status
hmr_frame_put(struct hmr_frame *f, uint32_t tag, const void *data, size_t n,
	      struct hmr_err *e)
{
	struct hmr_section *s = slot(f, tag);

	if (!s)
		return hmr_fail(e, HMR_E_LIMIT, "more than %d sections in a frame",
				HMR_SECTIONS_MAX);
	memset(s, 0, sizeof(*s));
	s->tag = tag;
	s->raw = s->stored = n;
	s->data = data;
	return HMR_OK;
}

enum hmr_status
hmr_frame_put_parts(struct hmr_frame *f, uint32_t tag, const struct iovec *parts,
		    int n_parts, struct hmr_err *e)
{
	size_t n = 0;
	enum hmr_status st;
	struct hmr_section *s;

	for (int i = 0; i < n_parts; i++)
		n += parts[i].iov_len;
	if ((st = hmr_frame_put(f, tag, NULL, n, e)))
		return st;
	s = slot(f, tag);
	s->parts = parts;
	s->n_parts = n_parts;
	return HMR_OK;
}

void
hmr_frame_drop(struct hmr_frame *f, uint32_t tag)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < f->n; i++)
		if (f->section[i].tag != tag)
			f->section[k++] = f->section[i];
	f->n = k;
}

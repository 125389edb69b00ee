/* SPDX-License-Identifier: Apache-2.0 */
/* Finding whole records in damaged bytes; see salvage.h. Bounded by the input:
 * a record is believed only if all of it lies there and every checksum holds. */
#define _GNU_SOURCE		/* memmem */
#include "stream/salvage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "stream/record.h"

#define RAW_MAX ((uint64_t)1 << 40)	/* keeps sums of sizes from wrapping */

struct walk {
	struct hmr_writer *w;
	struct hmr_salvage *out;
	bool open;		/* a segment is being written */
	bool have_last;
	uint64_t last;		/* frame number */
	uint64_t max_payload;	/* of the segment that is being written */
	uint64_t lost_at_head;	/* lost bytes when the segment began */
	struct hmr_section section[HMR_SECTIONS_MAX];
};

static enum hmr_status
close_segment(struct walk *k, const struct hmr_end *seen, struct hmr_err *e)
{
	uint64_t lost = k->out->lost_bytes - k->lost_at_head;
	struct hmr_end end;
	char left_out[64] = "";

	if (!k->open)
		return HMR_OK;
	k->open = false;
	if (seen && !lost && seen->frames == hmr_writer_frames(k->w))
		return hmr_writer_end(k->w, seen, e);
	k->out->whole = false;
	memset(&end, 0, sizeof(end));
	end.frame = k->have_last ? (int64_t)k->last : -1;
	snprintf(end.stage, sizeof(end.stage), "hmr-info");
	if (lost)
		snprintf(left_out, sizeof(left_out), "%" PRIu64 " damaged bytes were left out",
			 lost);
	snprintf(end.message, sizeof(end.message), "salvaged: %s%s%s", left_out,
		 lost && !seen ? ", " : "", !seen ? "END was missing" :
		 lost ? "" : "frames were missing");
	return hmr_writer_end(k->w, &end, e);
}

static enum hmr_status
open_segment(struct walk *k, struct hmr_head *h, struct hmr_err *e)
{
	k->open = true;
	k->have_last = false;
	k->lost_at_head = k->out->lost_bytes;
	k->max_payload = hmr_head_info(h)->max_payload;
	k->out->segments++;
	return hmr_writer_head(k->w, h, e);
}

/* A frame whose HEAD is gone gets one that says only what the frame tells. */
static enum hmr_status
make_head(struct walk *k, const struct hmr_record *rec, struct hmr_err *e)
{
	struct hmr_head_info i = {
		.source = "salvaged", .width = rec->width, .height = rec->height,
		.tb_num = 1, .tb_den = 1000, .rate_den = 1,
		.max_payload = HMR_FRAME_MAX_DEFAULT,
	};
	struct hmr_head *h;
	enum hmr_status st;

	k->out->whole = false;
	if ((st = hmr_head_new(&h, &i, e)))
		return st;
	st = open_segment(k, h, e);
	hmr_head_free(h);
	return st;
}

/* Does the frame keep to what HEAD declares, packed and unpacked? */
static bool
fits(const struct walk *k, const struct hmr_record *rec)
{
	uint64_t raw = 0;

	for (uint32_t i = 0; i < rec->sections; i++)
		raw += HMR_SECTION_HEADER + k->section[i].raw +
		       hmr_section_pad(k->section[i].raw);
	return raw <= k->max_payload && rec->payload <= k->max_payload;
}

static enum hmr_status
take_frame(struct walk *k, const struct hmr_record *rec, struct hmr_err *e)
{
	struct hmr_frame f = {
		.number = rec->number, .pts = rec->pts, .duration = rec->duration,
		.width = rec->width, .height = rec->height,
		.flags = rec->frame_flags, .n = rec->sections,
	};
	enum hmr_status st;

	if (!k->open && (st = make_head(k, rec, e)))
		return st;
	if (!fits(k, rec) || (k->have_last && f.number <= k->last)) {
		k->out->whole = false;	/* out of order: not of this segment */
		k->out->lost_bytes += HMR_RECORD_HEADER + rec->payload;
		k->out->lost_ranges++;
		return HMR_OK;
	}
	memcpy(f.section, k->section, rec->sections * sizeof(*f.section));
	k->have_last = true;
	k->last = f.number;
	k->out->frames++;
	return hmr_writer_frame(k->w, &f, e);
}

static enum hmr_status
take(struct walk *k, const struct hmr_record *rec, struct hmr_err *e)
{
	const struct hmr_section *s = &k->section[0];
	struct hmr_head *h;
	struct hmr_end end;
	enum hmr_status st;
	uint64_t hash;

	if (rec->type == HMR_RECORD_FRAME)
		return take_frame(k, rec, e);
	if (rec->sections != 1 || s->tag != HMR_TAG_JSON || s->flags)
		return HMR_OK;
	if (rec->type == HMR_RECORD_END) {
		if (hmr_end_get((const char *)s->data, (size_t)s->stored, &end, &hash, NULL))
			return close_segment(k, NULL, e);
		return close_segment(k, &end, e);
	}
	if (rec->type != HMR_RECORD_HEAD)
		return HMR_OK;
	if ((st = close_segment(k, NULL, e)))
		return st;
	st = hmr_head_parse(&h, (const char *)s->data, (size_t)s->stored, e);
	if (st)			/* a HEAD that is none is damage, no memory is not */
		return st == HMR_E_NOMEM ? st : HMR_OK;
	st = open_segment(k, h, e);
	hmr_head_free(h);
	return st;
}

/* Is there a whole record at p? Its size, or 0. */
static size_t
whole_record(struct walk *k, const uint8_t *p, size_t n, struct hmr_record *rec)
{
	if (n < HMR_RECORD_HEADER || hmr_record_get(p, rec, NULL) ||
	    rec->payload > n - HMR_RECORD_HEADER ||
	    hmr_sections_get(p + HMR_RECORD_HEADER, rec->payload, rec->sections,
			     RAW_MAX, k->section, NULL))
		return 0;
	return HMR_RECORD_HEADER + (size_t)rec->payload;
}

enum hmr_status
hmr_stream_salvage(const uint8_t *data, size_t n, struct hmr_writer *w,
		   struct hmr_salvage *result, struct hmr_err *e)
{
	struct walk k = { .w = w, .out = result };
	struct hmr_record rec;
	enum hmr_status st;
	size_t at = 0, size;
	bool lost = false;

	memset(result, 0, sizeof(*result));
	result->whole = true;
	while (at < n) {
		if ((size = whole_record(&k, data + at, n - at, &rec))) {
			lost = false;
			if ((st = take(&k, &rec, e)))
				return st;
			at += size;
			continue;
		}
		const uint8_t *next = memmem(data + at + 1, n - at - 1,
					     hmr_record_magic, 4);
		size_t skip = next ? (size_t)(next - data) - at : n - at;

		result->lost_bytes += skip;
		result->lost_ranges += !lost;
		result->whole = false;
		lost = true;
		at += skip;
	}
	if (!result->segments)
		return hmr_fail(e, HMR_E_FORMAT, "not one whole record in %zu bytes", n);
	return close_segment(&k, NULL, e);
}

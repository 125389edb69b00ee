/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of records and sections (formats/stream.md, "Records"): headers
 * encoded, decoded and checked. Private to lib/stream.
 */
#ifndef HMR_RECORD_H
#define HMR_RECORD_H

#include "stream/stream.h"

enum hmr_record_type {
	HMR_RECORD_HEAD = 1,
	HMR_RECORD_FRAME = 2,
	HMR_RECORD_END = 3,
};
#define HMR_RECORD_MUST 1u

struct hmr_record {
	uint8_t type, major, minor, flags;
	uint64_t payload;	/* bytes after the header */
	uint64_t number;	/* FRAME: frame; END: frames; HEAD: 0 */
	int64_t pts, duration;
	uint32_t sections;
	uint32_t width, height;
	uint32_t frame_flags;
};

extern const uint8_t hmr_record_magic[4];

void hmr_record_put(uint8_t out[HMR_RECORD_HEADER], const struct hmr_record *r);
/* Magic, checksum, version, flags and type-independent limits. */
HMR_MUST_USE enum hmr_status
hmr_record_get(const uint8_t in[HMR_RECORD_HEADER], struct hmr_record *r,
	       struct hmr_err *e);

/* Fills the 32 bytes of a section header; computes s->sum if it is 0. */
void hmr_section_put(uint8_t out[HMR_SECTION_HEADER], struct hmr_section *s);
/* Walks n sections over a payload, checking sizes, padding and checksums; max_raw
 * bounds the sum of raw sizes. */
HMR_MUST_USE enum hmr_status
hmr_sections_get(const uint8_t *payload, uint64_t size, uint32_t n,
		 uint64_t max_raw, struct hmr_section *out, struct hmr_err *e);
static inline size_t
hmr_section_pad(uint64_t stored)
{
	return (size_t)(-stored & 7);
}

/* "PEOP", control characters masked; out holds 5. */
const char *hmr_tag_text(uint32_t tag, char out[5]);

/* END's JSON. */
size_t hmr_end_put(char *out, size_t cap, const struct hmr_end *end, uint64_t hash);
HMR_MUST_USE enum hmr_status
hmr_end_get(const char *json, size_t n, struct hmr_end *end, uint64_t *hash,
	    struct hmr_err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of records and sections, and END's JSON; see record.h. Every field
 * that is reserved must be 0: a bit that flipped there is an error too. */
#include "stream/record.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define XXH_STATIC_LINKING_ONLY	/* a state on the stack */
#include <xxhash.h>

#include "base/bytes.h"

const uint8_t hmr_record_magic[4] = { 'H', 'M', 'R', 0xB1 };

void
hmr_record_put(uint8_t out[HMR_RECORD_HEADER], const struct hmr_record *r)
{
	memcpy(out, hmr_record_magic, 4);
	out[4] = r->type;
	out[5] = HMR_STREAM_MAJOR;
	out[6] = HMR_STREAM_MINOR;
	out[7] = r->flags;
	hmr_put64(out + 8, r->payload);
	hmr_put64(out + 16, r->number);
	hmr_put64(out + 24, (uint64_t)r->pts);
	hmr_put64(out + 32, (uint64_t)r->duration);
	hmr_put32(out + 40, r->sections);
	hmr_put32(out + 44, r->width);
	hmr_put32(out + 48, r->height);
	hmr_put32(out + 52, r->frame_flags);
	hmr_put64(out + 56, XXH3_64bits(out, 56));
}

enum hmr_status
hmr_record_get(const uint8_t in[HMR_RECORD_HEADER], struct hmr_record *r,
	       struct hmr_err *e)
{
	if (memcmp(in, hmr_record_magic, 4))
		return hmr_fail(e, HMR_E_FORMAT, "not an hmr stream record");
	if (hmr_get64(in + 56) != XXH3_64bits(in, 56))
		return hmr_fail(e, HMR_E_FORMAT, "record header: wrong checksum");
	r->type = in[4];
	r->major = in[5];
	r->minor = in[6];
	r->flags = in[7];
	r->payload = hmr_get64(in + 8);
	r->number = hmr_get64(in + 16);
	r->pts = (int64_t)hmr_get64(in + 24);
	r->duration = (int64_t)hmr_get64(in + 32);
	r->sections = hmr_get32(in + 40);
	r->width = hmr_get32(in + 44);
	r->height = hmr_get32(in + 48);
	r->frame_flags = hmr_get32(in + 52);
	if (r->major != HMR_STREAM_MAJOR)
		return hmr_fail(e, HMR_E_VERSION,
				"stream version %u.%u, this program reads %u",
				r->major, r->minor, HMR_STREAM_MAJOR);
	if (r->flags & ~HMR_RECORD_MUST || r->frame_flags & ~HMR_FRAME_SHOT)
		return hmr_fail(e, HMR_E_FORMAT, "record header: reserved flags set");
	if (r->sections > HMR_SECTIONS_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "%u sections, at most %u", r->sections,
				HMR_SECTIONS_MAX);
	return HMR_OK;
}

const char *
hmr_tag_text(uint32_t tag, char out[5])
{
	for (int i = 0; i < 4; i++) {
		char c = (char)(tag >> 8 * i & 255);

		out[i] = c > 32 && c < 127 ? c : '?';
	}
	out[4] = 0;
	return out;
}

/* The sum covers the header's first 24 bytes, as seed, and the stored bytes. */
static uint64_t
section_sum(const uint8_t header[HMR_SECTION_HEADER], const struct hmr_section *s)
{
	XXH64_hash_t seed = XXH3_64bits(header, 24);

	if (s->n_parts) {
		XXH3_state_t state;

		XXH3_INITSTATE(&state);
		XXH3_64bits_reset_withSeed(&state, seed);
		for (int i = 0; i < s->n_parts; i++)
			XXH3_64bits_update(&state, s->parts[i].iov_base,
					   s->parts[i].iov_len);
		return XXH3_64bits_digest(&state);
	}
	return XXH3_64bits_withSeed(s->data, (size_t)s->stored, seed);
}

void
hmr_section_put(uint8_t out[HMR_SECTION_HEADER], struct hmr_section *s)
{
	hmr_put32(out, s->tag);
	hmr_put32(out + 4, s->flags);
	hmr_put64(out + 8, s->stored);
	hmr_put64(out + 16, s->raw);
	if (!s->sum)
		s->sum = section_sum(out, s);
	hmr_put64(out + 24, s->sum);
}

static enum hmr_status
check_known(const struct hmr_section *s, const char *name, struct hmr_err *e)
{
	static const uint32_t known[] = {
		HMR_TAG_JSON, HMR_TAG_IMAGE, HMR_TAG_PEOPLE, HMR_TAG_BODIES,
		HMR_TAG_TRACKS, HMR_TAG_APPEARANCE, HMR_TAG_VERTICES,
		HMR_TAG_MASKS, HMR_TAG_CAMERA, HMR_TAG_LANDMARKS,
		HMR_TAG_GIST,
	};

	if (!(s->flags & HMR_SECTION_MUST))
		return HMR_OK;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i] == s->tag)
			return HMR_OK;
	return hmr_fail(e, HMR_E_VERSION,
			"section %s must be understood and is unknown", name);
}

static enum hmr_status
section_get(struct hmr_cur *c, uint64_t *raw_left, struct hmr_section *s,
	    struct hmr_err *e)
{
	static const uint8_t zero[8];
	const uint8_t *h, *pad;
	char name[5];

	memset(s, 0, sizeof(*s));
	if (hmr_cur_take(c, HMR_SECTION_HEADER, &h))
		return hmr_fail(e, HMR_E_FORMAT, "section header crosses the record's end");
	s->tag = hmr_get32(h);
	s->flags = hmr_get32(h + 4);
	s->stored = hmr_get64(h + 8);
	s->raw = hmr_get64(h + 16);
	s->sum = hmr_get64(h + 24);
	hmr_tag_text(s->tag, name);
	if (s->stored > (uint64_t)(c->end - c->at) ||
	    hmr_cur_take(c, (size_t)s->stored, &s->data) ||
	    hmr_cur_take(c, hmr_section_pad(s->stored), &pad))
		return hmr_fail(e, HMR_E_FORMAT, "section %s: %" PRIu64
				" bytes cross the record's end", name, s->stored);
	if (section_sum(h, s) != s->sum ||
	    memcmp(pad, zero, hmr_section_pad(s->stored)))
		return hmr_fail(e, HMR_E_FORMAT, "section %s: wrong checksum", name);
	if (s->flags & ~(uint32_t)(HMR_SECTION_MUST | HMR_SECTION_ZSTD))
		return hmr_fail(e, HMR_E_FORMAT, "section %s: reserved flags set", name);
	if (!(s->flags & HMR_SECTION_ZSTD) && s->raw != s->stored)
		return hmr_fail(e, HMR_E_FORMAT, "section %s: sizes %" PRIu64
				" and %" PRIu64 " differ", name, s->raw, s->stored);
	if (s->raw > *raw_left)
		return hmr_fail(e, HMR_E_LIMIT, "section %s: %" PRIu64
				" bytes are more than HEAD's max_payload", name, s->raw);
	*raw_left -= s->raw;
	return check_known(s, name, e);
}

enum hmr_status
hmr_sections_get(const uint8_t *payload, uint64_t size, uint32_t n,
		 uint64_t max_raw, struct hmr_section *out, struct hmr_err *e)
{
	struct hmr_cur c = { payload, payload + size };
	enum hmr_status st;

	for (uint32_t i = 0; i < n; i++)
		if ((st = section_get(&c, &max_raw, &out[i], e)))
			return st;
	if (c.at != c.end)
		return hmr_fail(e, HMR_E_FORMAT, "%zu bytes after the last section",
				(size_t)(c.end - c.at));
	return HMR_OK;
}

size_t
hmr_end_put(char *out, size_t cap, const struct hmr_end *end, uint64_t hash)
{
	char hex[17];
	cJSON *o = cJSON_CreateObject();
	size_t n = 0;

	snprintf(hex, sizeof(hex), "%016" PRIx64, hash);
	cJSON_AddNumberToObject(o, "frames", (double)end->frames);
	cJSON_AddStringToObject(o, "status", end->complete ? "complete" : "failed");
	cJSON_AddStringToObject(o, "hash", hex);
	if (!end->complete) {
		cJSON_AddStringToObject(o, "stage", end->stage);
		if (end->frame >= 0)
			cJSON_AddNumberToObject(o, "frame", (double)end->frame);
		cJSON_AddStringToObject(o, "message", end->message);
		if (end->signal)
			cJSON_AddNumberToObject(o, "signal", end->signal);
	}
	if (o && cJSON_PrintPreallocated(o, out, (int)cap, 0))
		n = strlen(out);
	cJSON_Delete(o);
	return n;
}

static bool
get_u53(const cJSON *o, const char *key, double *v)
{
	const cJSON *x = cJSON_GetObjectItemCaseSensitive(o, key);

	if (!cJSON_IsNumber(x) || x->valuedouble < 0 ||
	    x->valuedouble > 9007199254740992.0)
		return false;
	*v = x->valuedouble;
	return true;
}

enum hmr_status
hmr_end_get(const char *json, size_t n, struct hmr_end *end, uint64_t *hash,
	    struct hmr_err *e)
{
	cJSON *o = cJSON_ParseWithLength(json, n);
	const char *status, *hex, *s;
	enum hmr_status st = HMR_OK;
	double v;

	memset(end, 0, sizeof(*end));
	end->frame = -1;
	status = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "status"));
	hex = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "hash"));
	if (!status || !hex || strlen(hex) != 16 || !get_u53(o, "frames", &v) ||
	    sscanf(hex, "%16" SCNx64, hash) != 1 ||
	    (strcmp(status, "complete") && strcmp(status, "failed"))) {
		st = hmr_fail(e, HMR_E_FORMAT, "END: not the JSON object it must be");
		goto out;
	}
	end->frames = (uint64_t)v;
	end->complete = !strcmp(status, "complete");
	if ((s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "stage"))))
		snprintf(end->stage, sizeof(end->stage), "%s", s);
	if ((s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "message"))))
		snprintf(end->message, sizeof(end->message), "%s", s);
	if (get_u53(o, "frame", &v))
		end->frame = (int64_t)v;
	if (get_u53(o, "signal", &v) && v < 128)
		end->signal = (int)v;
out:
	cJSON_Delete(o);
	return st;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* HEAD: a JSON object that every stage reads, appends itself to and passes on.
 * Fields it does not know stay in it. Checked once, on parsing. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "image/image.h"
#include "stream/stream.h"

struct hmr_head {
	cJSON *o;
	struct hmr_head_info info;
	char *text;		/* cached print of o */
};

/* The bytes of s as UTF-8: what is not is written as \xHH, and no URL keeps its
 * user and password. Heap. */
static char *
to_utf8(const char *s)
{
	size_t n = strlen(s), at = 0;
	char *out = malloc(4 * n + 1);

	for (size_t i = 0; out && i < n; ) {
		unsigned char c = (unsigned char)s[i];
		size_t len = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 :
			     (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
		size_t k = 1;

		while (k < len && ((unsigned char)s[i + k] & 0xc0) == 0x80)
			k++;
		if (len && k == len && len == 3 &&
		    ((c == 0xe0 && (unsigned char)s[i + 1] < 0xa0) ||
		     (c == 0xed && (unsigned char)s[i + 1] > 0x9f)))
			len = 0;
		if (len && k == len && len == 4 &&
		    ((c == 0xf0 && (unsigned char)s[i + 1] < 0x90) ||
		     (c == 0xf4 && (unsigned char)s[i + 1] > 0x8f)))
			len = 0;
		if (len && k == len) {
			memcpy(out + at, s + i, len);
			at += len;
			i += len;
		} else {
			at += (size_t)sprintf(out + at, "\\x%02x", c);
			i++;
		}
	}
	if (out) {
		out[at] = 0;
		hmr_url_mask(out);
	}
	return out;
}

static bool
add_text(cJSON *o, const char *key, const char *s)
{
	char *t = to_utf8(s);
	bool ok = t && cJSON_AddStringToObject(o, key, t);

	free(t);
	return ok;
}

static bool
add_pair(cJSON *o, const char *key, int32_t a, int32_t b)
{
	int v[2] = { a, b };
	cJSON *x = cJSON_CreateIntArray(v, 2);

	return x && cJSON_AddItemToObject(o, key, x);
}

static bool
add_number(cJSON *o, const char *key, double v)
{
	return cJSON_AddNumberToObject(o, key, v) != NULL;
}

enum hmr_status
hmr_head_new(struct hmr_head **out, const struct hmr_head_info *i,
	     struct hmr_err *e)
{
	struct hmr_head *h = calloc(1, sizeof(*h));
	cJSON *source;

	*out = NULL;
	if (!h || !(h->o = cJSON_CreateObject()) ||
	    !cJSON_AddStringToObject(h->o, "format", "hmr-stream") ||
	    !cJSON_AddStringToObject(h->o, "version", "1.0") ||
	    !(source = cJSON_AddObjectToObject(h->o, "source")) ||
	    !add_text(source, "name", i->source) ||
	    !add_number(h->o, "width", i->width) ||
	    !add_number(h->o, "height", i->height) ||
	    !add_pair(h->o, "time_base", i->tb_num, i->tb_den) ||
	    !add_pair(h->o, "rate", i->rate_num, i->rate_den) ||
	    !add_number(h->o, "frames", (double)i->frames) ||
	    !add_number(h->o, "max_payload", (double)i->max_payload) ||
	    (i->focal > 0 && !add_number(h->o, "focal", i->focal)) ||
	    !cJSON_AddArrayToObject(h->o, "stages")) {
		hmr_head_free(h);
		return hmr_fail(e, HMR_E_NOMEM, "HEAD: out of memory");
	}
	h->info = *i;
	h->info.source = cJSON_GetObjectItemCaseSensitive(source, "name")->valuestring;
	*out = h;
	return HMR_OK;
}

void
hmr_head_free(struct hmr_head *h)
{
	if (!h)
		return;
	cJSON_Delete(h->o);
	cJSON_free(h->text);
	free(h);
}

static enum hmr_status
get_number(const cJSON *o, const char *key, double lo, double hi, double *v,
	   struct hmr_err *e)
{
	const cJSON *x = cJSON_GetObjectItemCaseSensitive(o, key);

	if (!cJSON_IsNumber(x) || !(x->valuedouble >= lo) || !(x->valuedouble <= hi))
		return hmr_fail(e, HMR_E_FORMAT,
				"HEAD: %s: must be a number from %g to %g", key, lo, hi);
	*v = x->valuedouble;
	return HMR_OK;
}

static enum hmr_status
get_pair(const cJSON *o, const char *key, int32_t lo, int32_t *a, int32_t *b,
	 struct hmr_err *e)
{
	const cJSON *x = cJSON_GetObjectItemCaseSensitive(o, key);
	const cJSON *n = cJSON_GetArrayItem(x, 0), *d = cJSON_GetArrayItem(x, 1);

	if (!cJSON_IsNumber(n) || !cJSON_IsNumber(d) || n->valueint < lo ||
	    d->valueint < 1 || n->valueint != n->valuedouble ||
	    d->valueint != d->valuedouble)
		return hmr_fail(e, HMR_E_FORMAT,
				"HEAD: %s: must be two whole numbers", key);
	*a = n->valueint;
	*b = d->valueint;
	return HMR_OK;
}

enum hmr_status
hmr_head_parse(struct hmr_head **out, const char *json, size_t n,
	       struct hmr_err *e)
{
	struct hmr_head *h = calloc(1, sizeof(*h));
	struct hmr_head_info *i;
	const char *format, *name;
	enum hmr_status st;
	double w, ht, frames, payload, focal = 0;

	*out = NULL;
	if (!h)
		return hmr_fail(e, HMR_E_NOMEM, "HEAD: out of memory");
	i = &h->info;
	if (!(h->o = cJSON_ParseWithLength(json, n)) || !cJSON_IsObject(h->o)) {
		st = hmr_fail(e, HMR_E_FORMAT, "HEAD: not a JSON object");
		goto fail;
	}
	format = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(h->o, "format"));
	name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(h->o, "source"), "name"));
	if (!format || strcmp(format, "hmr-stream") || !name) {
		st = hmr_fail(e, HMR_E_FORMAT, "HEAD: format or source name is missing");
		goto fail;
	}
	if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(h->o, "stages"))) {
		st = hmr_fail(e, HMR_E_FORMAT, "HEAD: stages: must be an array");
		goto fail;
	}
	if ((st = get_number(h->o, "width", 0, HMR_IMAGE_MAX_SIDE, &w, e)) ||
	    (st = get_number(h->o, "height", 0, HMR_IMAGE_MAX_SIDE, &ht, e)) ||
	    (st = get_pair(h->o, "time_base", 1, &i->tb_num, &i->tb_den, e)) ||
	    (st = get_pair(h->o, "rate", 0, &i->rate_num, &i->rate_den, e)) ||
	    (st = get_number(h->o, "frames", 0, 9e15, &frames, e)) ||
	    (st = get_number(h->o, "max_payload", 0, 9e15, &payload, e)))
		goto fail;
	if (cJSON_HasObjectItem(h->o, "focal") &&
	    (st = get_number(h->o, "focal", 1e-3, 1e9, &focal, e)))
		goto fail;
	i->source = name;
	i->width = (uint32_t)w;
	i->height = (uint32_t)ht;
	i->frames = (uint64_t)frames;
	i->max_payload = (uint64_t)payload;
	i->focal = (float)focal;
	*out = h;
	return HMR_OK;
fail:
	hmr_head_free(h);
	return st;
}

const struct hmr_head_info *
hmr_head_info(const struct hmr_head *h)
{
	return &h->info;
}

void
hmr_head_grow(struct hmr_head *h, uint64_t bytes)
{
	h->info.max_payload += bytes;
	cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(h->o, "max_payload"),
			     (double)h->info.max_payload);
}

struct cJSON *
hmr_head_object(struct hmr_head *h)
{
	return h->o;
}

const char *
hmr_head_json(struct hmr_head *h, struct hmr_err *e)
{
	cJSON_free(h->text);
	if (!(h->text = cJSON_PrintUnformatted(h->o)))
		(void)hmr_fail(e, HMR_E_NOMEM, "HEAD: out of memory");
	return h->text;
}

static bool
add_optional(cJSON *o, const char *key, const char *s)
{
	return !s || add_text(o, key, s);
}

enum hmr_status
hmr_head_add_stage(struct hmr_head *h, const struct hmr_stage_info *s,
		   struct hmr_err *e)
{
	cJSON *stages = cJSON_GetObjectItemCaseSensitive(h->o, "stages");
	cJSON *o = cJSON_CreateObject(), *args;
	bool ok = o && add_optional(o, "name", s->name) &&
		  add_optional(o, "version", s->version);

	if (ok && s->args) {
		ok = (args = cJSON_AddArrayToObject(o, "args")) != NULL;
		for (int i = 0; ok && s->args[i]; i++) {
			char *t = to_utf8(s->args[i]);
			cJSON *x = t ? cJSON_CreateString(t) : NULL;

			ok = x && cJSON_AddItemToArray(args, x);
			free(t);
		}
	}
	ok = ok && add_optional(o, "model", s->model) &&
	     add_optional(o, "model_sha256", s->model_sha256) &&
	     add_optional(o, "decoder", s->decoder) &&
	     add_optional(o, "backend", s->backend) &&
	     add_optional(o, "precision", s->precision) &&
	     add_optional(o, "body", s->body) &&
	     add_optional(o, "body_sha256", s->body_sha256) &&
	     add_optional(o, "reid", s->reid) &&
	     add_optional(o, "reid_sha256", s->reid_sha256) &&
	     cJSON_AddItemToArray(stages, o);
	if (ok)
		return HMR_OK;
	cJSON_Delete(o);
	return hmr_fail(e, HMR_E_NOMEM, "HEAD: out of memory");
}

const char *
hmr_head_stage_field(const struct hmr_head *h, const char *field)
{
	const cJSON *stages = cJSON_GetObjectItemCaseSensitive(h->o, "stages");
	const cJSON *s;
	const char *found = NULL;

	cJSON_ArrayForEach(s, stages) {
		const char *v = cJSON_GetStringValue(
			cJSON_GetObjectItemCaseSensitive(s, field));

		if (v)
			found = v;
	}
	return found;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Writing safetensors: header padded with spaces to a multiple of 64 - 8, so
 * that mapped data are aligned, then the tensors back to back. The checksum, whose
 * digits stand at one place in every file, is XXH3 of all bytes with these digits
 * as zeros; it is put in last. Also comparing it. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "base/io.h"
#include "import/safetensors.h"
#include "nn/half.h"

#define SUM_KEY "xxh3"
#define SUM_DIGITS 16
#define SUM_AT (8 + sizeof(HMR_ST_BEGIN) - 1 - 1 - SUM_DIGITS)

static const char zeros[] = "0000000000000000";

static void
sum_text(char text[SUM_DIGITS + 1], uint64_t sum)
{
	snprintf(text, SUM_DIGITS + 1, "%016" PRIx64, sum);
}

static bool
add_tensor(cJSON *root, const struct hmr_st_tensor *t, size_t at)
{
	cJSON *j = cJSON_AddObjectToObject(root, t->name);
	cJSON *shape, *range;

	if (!j || !cJSON_AddStringToObject(j, "dtype", hmr_dtype_name(t->dtype)) ||
	    !(shape = cJSON_AddArrayToObject(j, "shape")))
		return false;
	for (uint32_t i = 0; i < t->dims.n; i++)
		cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->dims.d[i]));
	if (!(range = cJSON_AddArrayToObject(j, "data_offsets")))
		return false;
	cJSON_AddItemToArray(range, cJSON_CreateNumber((double)at));
	cJSON_AddItemToArray(range, cJSON_CreateNumber((double)(at + t->bytes)));
	return true;
}

static char *	/* free() it; NULL: no memory */
make_header(const struct hmr_st_pair *meta, uint32_t n_meta,
	    const struct hmr_st_tensor *t, uint32_t n)
{
	cJSON *root = cJSON_CreateObject(), *m = NULL;
	size_t at = 0;
	char *text = NULL;
	bool ok = root != NULL;

	if (ok)
		ok = (m = cJSON_AddObjectToObject(root, "__metadata__")) != NULL &&
		     cJSON_AddStringToObject(m, SUM_KEY, zeros) != NULL;
	for (uint32_t i = 0; ok && i < n_meta; i++)
		ok = cJSON_AddStringToObject(m, meta[i].key, meta[i].value) != NULL;
	for (uint32_t i = 0; ok && i < n; i++) {
		ok = add_tensor(root, &t[i], at);
		at += t[i].bytes;
	}
	if (ok)
		text = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	return text;
}

static const char spaces[64] =
	"                                                               ";

/* Spaces after a header of len bytes. */
static size_t
padding(size_t len)
{
	return (64 - (8 + len) % 64) % 64;
}

struct hmr_st_writer {
	struct hmr_atomic file;
	XXH3_state_t *sum;	/* of what was written */
	uint64_t left;		/* bytes of data still to come */
};

static enum hmr_status
put(struct hmr_st_writer *w, const void *p, size_t n, struct hmr_err *e)
{
	if (n)
		XXH3_64bits_update(w->sum, p, n);
	return n ? hmr_write_full(w->file.fd, p, n, e) : HMR_OK;
}

static void
free_writer(struct hmr_st_writer *w)
{
	if (w)
		XXH3_freeState(w->sum);
	free(w);
}

enum hmr_status
hmr_st_writer_open(struct hmr_st_writer **out, const char *path,
		   const struct hmr_st_pair *meta, uint32_t n_meta,
		   const struct hmr_st_tensor *t, uint32_t n, struct hmr_err *e)
{
	struct hmr_st_writer *w = calloc(1, sizeof(*w));
	char *text = make_header(meta, n_meta, t, n);
	uint8_t size[8];
	enum hmr_status st;
	size_t len, pad;

	*out = NULL;
	if (!w || !text || !(w->sum = XXH3_createState())) {
		st = hmr_fail(e, HMR_E_NOMEM, "%s", path);
		goto done;
	}
	XXH3_64bits_reset(w->sum);
	for (uint32_t i = 0; i < n; i++)
		w->left += t[i].bytes;
	len = strlen(text);
	pad = padding(len);
	hmr_put64(size, len + pad);
	if ((st = hmr_atomic_open(&w->file, path, e)))
		goto done;
	if (!(st = put(w, size, 8, e)) && !(st = put(w, text, len, e)))
		st = put(w, spaces, pad, e);
	if (!st) {
		*out = w;
		w = NULL;
	} else {
		hmr_fail_in(e, st, "%s", path);
		hmr_atomic_abort(&w->file);
	}
done:
	free(text);
	free_writer(w);
	return st;
}

enum hmr_status
hmr_st_writer_put(struct hmr_st_writer *w, const void *data, size_t bytes,
		  struct hmr_err *e)
{
	enum hmr_status st;

	assert(bytes <= w->left);
	w->left -= bytes;
	if (!(st = put(w, data, bytes, e)))
		return HMR_OK;
	return hmr_fail_in(e, st, "%s", w->file.path);
}

enum hmr_status
hmr_st_writer_commit(struct hmr_st_writer *w, struct hmr_err *e)
{
	char text[SUM_DIGITS + 1];
	enum hmr_status st;

	assert(!w->left);
	sum_text(text, XXH3_64bits_digest(w->sum));
	if (lseek(w->file.fd, SUM_AT, SEEK_SET) < 0)
		st = hmr_fail(e, HMR_E_IO, "seek");
	else
		st = hmr_write_full(w->file.fd, text, SUM_DIGITS, e);
	if (st) {
		hmr_fail_in(e, st, "%s", w->file.path);
		hmr_atomic_abort(&w->file);
	} else {
		st = hmr_atomic_commit(&w->file, e);
	}
	free_writer(w);
	return st;
}

void
hmr_st_writer_abort(struct hmr_st_writer *w)
{
	if (w)
		hmr_atomic_abort(&w->file);
	free_writer(w);
}

enum hmr_status
hmr_safetensors_write(const char *path, const struct hmr_st_pair *meta,
		      uint32_t n_meta, const struct hmr_st_tensor *t, uint32_t n,
		      struct hmr_err *e)
{
	struct hmr_st_writer *w;
	enum hmr_status st;

	if ((st = hmr_st_writer_open(&w, path, meta, n_meta, t, n, e)))
		return st;
	for (uint32_t i = 0; !st && i < n; i++)
		st = hmr_st_writer_put(w, t[i].data, t[i].bytes, e);
	if (!st)
		return hmr_st_writer_commit(w, e);
	hmr_st_writer_abort(w);
	return st;
}

enum hmr_status
hmr_safetensors_pack(uint8_t **out, size_t *size, const struct hmr_st_pair *meta,
		     uint32_t n_meta, const struct hmr_st_tensor *t, uint32_t n,
		     struct hmr_err *e)
{
	char *text = make_header(meta, n_meta, t, n);
	size_t len = text ? strlen(text) : 0, pad = padding(len), at = 8 + len + pad;
	bool fits = text != NULL;

	*out = NULL;
	*size = at;
	for (uint32_t i = 0; i < n; i++)
		fits = fits && !__builtin_add_overflow(*size, t[i].bytes, size);
	if (fits && (*out = malloc(*size))) {
		hmr_put64(*out, len + pad);
		memcpy(*out + 8, text, len);
		memcpy(*out + 8 + len, spaces, pad);
		for (uint32_t i = 0; i < n; i++) {
			if (t[i].bytes)
				memcpy(*out + at, t[i].data, t[i].bytes);
			at += t[i].bytes;
		}
		hmr_st_stamp(*out, *size);
	}
	free(text);
	return *out ? HMR_OK : hmr_fail(e, HMR_E_NOMEM, "model of %zu bytes", *size);
}

void
hmr_st_stamp(uint8_t *file, size_t n)
{
	char text[SUM_DIGITS + 1];

	assert(n >= SUM_AT + SUM_DIGITS && !memcmp(file + SUM_AT, zeros, SUM_DIGITS));
	sum_text(text, XXH3_64bits(file, n));
	memcpy(file + SUM_AT, text, SUM_DIGITS);
}

const char *
hmr_safetensors_sum(const struct hmr_safetensors *s)
{
	return hmr_safetensors_meta(s, SUM_KEY);
}

enum hmr_status
hmr_safetensors_verify(const struct hmr_safetensors *s, struct hmr_err *e)
{
	const char *says = hmr_safetensors_sum(s);
	const size_t after = SUM_AT + SUM_DIGITS;
	char text[SUM_DIGITS + 1];
	XXH3_state_t *sum;
	const uint8_t *p;
	size_t n;

	if (!says)
		return HMR_EOF;
	if (!(sum = XXH3_createState()))
		return hmr_fail(e, HMR_E_NOMEM, "checksum");
	p = hmr_safetensors_bytes(s, &n);
	XXH3_64bits_reset(sum);
	if (n >= after) {
		XXH3_64bits_update(sum, p, SUM_AT);
		XXH3_64bits_update(sum, zeros, SUM_DIGITS);
		XXH3_64bits_update(sum, p + after, n - after);
	}
	sum_text(text, XXH3_64bits_digest(sum));
	XXH3_freeState(sum);
	if (!strcmp(says, text))
		return HMR_OK;
	return hmr_fail(e, HMR_E_FORMAT, "does not match its checksum %.16s: damaged, or "
			"changed since it was written", says);
}

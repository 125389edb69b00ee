/* SPDX-License-Identifier: Apache-2.0 */
/* libzip behind our statuses. Nothing is unpacked but what is asked for. */
#include "import/zip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#define STEP ((size_t)1 << 20)

struct hmr_zip {
	zip_t *z;
	uint64_t count;
};

static enum hmr_status
fail_zip(struct hmr_err *e, zip_error_t *err, const char *what)
{
	enum hmr_status st = HMR_E_FORMAT;

	switch (zip_error_code_zip(err)) {
	case ZIP_ER_MEMORY: st = HMR_E_NOMEM; break;
	case ZIP_ER_OPEN: case ZIP_ER_READ: case ZIP_ER_SEEK: case ZIP_ER_TELL:
	case ZIP_ER_NOENT:
		st = HMR_E_IO;
		break;
	case ZIP_ER_COMPNOTSUPP: case ZIP_ER_ENCRNOTSUPP: case ZIP_ER_NOPASSWD:
		st = HMR_E_VERSION;
		break;
	}
	if (st == HMR_E_IO) {	/* libzip's text holds errno's already */
		hmr_fail(e, HMR_E_FORMAT, "%s: %s", what, zip_error_strerror(err));
		if (e)
			e->sys = zip_error_code_system(err);
		return st;
	}
	return hmr_fail(e, st, "%s: %s", what, zip_error_strerror(err));
}

static enum hmr_status
open_source(struct hmr_zip **out, zip_source_t *src, const char *what,
	    struct hmr_err *e)
{
	struct hmr_zip *z = calloc(1, sizeof(*z));
	zip_error_t err;
	enum hmr_status st;
	zip_int64_t n;

	if (!z) {
		zip_source_free(src);
		return hmr_fail(e, HMR_E_NOMEM, "%s", what);
	}
	zip_error_init(&err);
	if (!(z->z = zip_open_from_source(src, ZIP_RDONLY, &err))) {
		st = fail_zip(e, &err, what);
		zip_error_fini(&err);
		zip_source_free(src);
		free(z);
		return st;
	}
	zip_error_fini(&err);
	n = zip_get_num_entries(z->z, 0);
	z->count = n > 0 ? (uint64_t)n : 0;
	if (z->count > HMR_ZIP_ENTRIES_MAX) {
		hmr_zip_close(z);
		return hmr_fail(e, HMR_E_LIMIT, "%s: too many entries", what);
	}
	*out = z;
	return HMR_OK;
}

enum hmr_status
hmr_zip_open(struct hmr_zip **out, const char *path, struct hmr_err *e)
{
	zip_error_t err;
	zip_source_t *src;
	enum hmr_status st;

	*out = NULL;
	zip_error_init(&err);
	if (!(src = zip_source_file_create(path, 0, -1, &err))) {
		st = fail_zip(e, &err, path);
		zip_error_fini(&err);
		return st;
	}
	zip_error_fini(&err);
	return open_source(out, src, path, e);
}

enum hmr_status
hmr_zip_parse(struct hmr_zip **out, const uint8_t *p, size_t n, struct hmr_err *e)
{
	zip_error_t err;
	zip_source_t *src;
	enum hmr_status st;

	*out = NULL;
	zip_error_init(&err);
	if (!(src = zip_source_buffer_create(p, n, 0, &err))) {
		st = fail_zip(e, &err, "archive");
		zip_error_fini(&err);
		return st;
	}
	zip_error_fini(&err);
	return open_source(out, src, "archive", e);
}

void
hmr_zip_close(struct hmr_zip *z)
{
	if (!z)
		return;
	zip_discard(z->z);
	free(z);
}

uint64_t
hmr_zip_count(const struct hmr_zip *z)
{
	return z->count;
}

const char *
hmr_zip_name(const struct hmr_zip *z, uint64_t i)
{
	const char *s = zip_get_name(z->z, i, ZIP_FL_ENC_RAW);

	return s ? s : "";
}

int64_t
hmr_zip_find(const struct hmr_zip *z, const char *name)
{
	return zip_name_locate(z->z, name, ZIP_FL_ENC_RAW);
}

enum hmr_status
hmr_zip_size(const struct hmr_zip *z, uint64_t i, uint64_t *bytes, struct hmr_err *e)
{
	zip_stat_t s;

	if (zip_stat_index(z->z, i, 0, &s) || !(s.valid & ZIP_STAT_SIZE))
		return hmr_fail(e, HMR_E_FORMAT, "%.100s: no size", hmr_zip_name(z, i));
	*bytes = s.size;
	return HMR_OK;
}

/* Reads n bytes into out, or drops them where out is NULL. */
static enum hmr_status
pull(zip_file_t *f, uint8_t *out, uint64_t n, const char *name, struct hmr_err *e)
{
	uint8_t *drop = NULL;
	enum hmr_status st = HMR_OK;

	if (!out && n && !(drop = malloc(STEP)))
		return hmr_fail(e, HMR_E_NOMEM, "%.100s", name);
	while (n && !st) {
		uint64_t want = out || n < STEP ? n : STEP;
		zip_int64_t got = zip_fread(f, out ? out : drop, want);

		if (got < 0)
			st = fail_zip(e, zip_file_get_error(f), name);
		else if (!got)
			st = hmr_fail(e, HMR_E_TRUNCATED, "%.100s: ends early", name);
		else
			n -= (uint64_t)got;
		if (out && !st)
			out += got;
	}
	free(drop);
	return st;
}

enum hmr_status
hmr_zip_read(struct hmr_zip *z, uint64_t i, uint64_t at, void *out, size_t n,
	     struct hmr_err *e)
{
	const char *name = hmr_zip_name(z, i);
	enum hmr_status st;
	zip_file_t *f;
	uint64_t size;
	uint8_t end;

	if ((st = hmr_zip_size(z, i, &size, e)))
		return st;
	if (at > size || n > size - at)
		return hmr_fail(e, HMR_E_TRUNCATED, "%.100s: has %llu bytes, needs %llu",
				name, (unsigned long long)size,
				(unsigned long long)at + n);
	if (!(f = zip_fopen_index(z->z, i, 0)))
		return fail_zip(e, zip_get_error(z->z), name);
	if (at && zip_fseek(f, (zip_int64_t)at, SEEK_SET)) {	/* only where stored */
		zip_fclose(f);
		if (!(f = zip_fopen_index(z->z, i, 0)))
			return fail_zip(e, zip_get_error(z->z), name);
		st = pull(f, NULL, at, name, e);
	}
	if (!st)
		st = pull(f, out, n, name, e);
	if (!st && at + n == size && zip_fread(f, &end, 1) < 0)	/* the CRC */
		st = fail_zip(e, zip_file_get_error(f), name);
	zip_fclose(f);
	return st;
}

enum hmr_status
hmr_zip_load(struct hmr_zip *z, uint64_t i, size_t max, uint8_t **out, size_t *n,
	     struct hmr_err *e)
{
	enum hmr_status st;
	uint64_t size;

	*out = NULL;
	if ((st = hmr_zip_size(z, i, &size, e)))
		return st;
	if (size > max)
		return hmr_fail(e, HMR_E_LIMIT, "%.100s: %llu bytes, the limit is %zu",
				hmr_zip_name(z, i), (unsigned long long)size, max);
	if (!(*out = malloc(size ? size : 1)))
		return hmr_fail(e, HMR_E_NOMEM, "%.100s", hmr_zip_name(z, i));
	*n = (size_t)size;
	if ((st = hmr_zip_read(z, i, 0, *out, *n, e))) {
		free(*out);
		*out = NULL;
	}
	return st;
}

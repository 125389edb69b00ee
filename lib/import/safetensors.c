/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading safetensors: u64 header size, JSON header, data. Little-endian.
 * Untrusted: every number is checked against the file before use. cJSON limits
 * nesting; the header's size bounds what it allocates.
 */
#include "import/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "base/io.h"
#include "import/names.h"
#include "nn/half.h"

struct hmr_safetensors {
	struct hmr_map map;
	const uint8_t *bytes;
	size_t n_bytes;
	cJSON *header;
	cJSON *meta;		/* in header, or NULL */
	struct hmr_st_tensor *t;
	uint32_t n;
	struct hmr_names names;
};

bool
hmr_dims_count(const struct hmr_dims *d, size_t *count)
{
	size_t n = 1;

	for (uint32_t i = 0; i < d->n; i++)
		if (d->d[i] < 0 || __builtin_mul_overflow(n, (size_t)d->d[i], &n) ||
		    n > (size_t)1 << 47)
			return false;
	*count = n;
	return true;
}

static bool
to_size(const cJSON *j, size_t *out)
{
	if (!cJSON_IsNumber(j) || !(j->valuedouble >= 0) ||
	    j->valuedouble > 0x1p47 || j->valuedouble != floor(j->valuedouble))
		return false;
	*out = (size_t)j->valuedouble;
	return true;
}

static bool
to_dtype(const cJSON *j, enum hmr_dtype *out)
{
	if (!cJSON_IsString(j))
		return false;
	for (int i = 0; i <= HMR_DTYPE_U8; i++)
		if (!strcmp(j->valuestring, hmr_dtype_name((enum hmr_dtype)i))) {
			*out = (enum hmr_dtype)i;
			return true;
		}
	return false;
}

static enum hmr_status
read_shape(const cJSON *j, struct hmr_st_tensor *t, struct hmr_err *e)
{
	const cJSON *k;

	if (!cJSON_IsArray(j))
		return hmr_fail(e, HMR_E_FORMAT, "tensor %.80s: no shape", t->name);
	cJSON_ArrayForEach(k, j) {
		size_t v;

		if (t->dims.n == HMR_DIMS_MAX)
			return hmr_fail(e, HMR_E_FORMAT,
					"tensor %.80s: more than %d dimensions",
					t->name, HMR_DIMS_MAX);
		if (!to_size(k, &v))
			return hmr_fail(e, HMR_E_FORMAT,
					"tensor %.80s: bad shape", t->name);
		t->dims.d[t->dims.n++] = (int64_t)v;
	}
	return HMR_OK;
}

static enum hmr_status
read_tensor(struct hmr_safetensors *s, const cJSON *j, const uint8_t *data,
	    size_t n_data, struct hmr_err *e)
{
	struct hmr_st_tensor *t = &s->t[s->n];
	const cJSON *range = cJSON_GetObjectItemCaseSensitive(j, "data_offsets");
	size_t begin, end, count;
	enum hmr_status st;

	t->name = j->string;
	if (!t->name[0] || strlen(t->name) > 255)
		return hmr_fail(e, HMR_E_FORMAT, "tensor %u: bad name", s->n);
	if (!cJSON_IsObject(j) ||
	    !to_dtype(cJSON_GetObjectItemCaseSensitive(j, "dtype"), &t->dtype))
		return hmr_fail(e, HMR_E_FORMAT, "tensor %.80s: unknown dtype", t->name);
	if ((st = read_shape(cJSON_GetObjectItemCaseSensitive(j, "shape"), t, e)))
		return st;
	if (!cJSON_IsArray(range) || cJSON_GetArraySize(range) != 2 ||
	    !to_size(cJSON_GetArrayItem(range, 0), &begin) ||
	    !to_size(cJSON_GetArrayItem(range, 1), &end))
		return hmr_fail(e, HMR_E_FORMAT, "tensor %.80s: bad data_offsets", t->name);
	if (begin > end || end > n_data)
		return hmr_fail(e, HMR_E_FORMAT,
				"tensor %.80s: data at %zu to %zu, file has %zu",
				t->name, begin, end, n_data);
	if (!hmr_dims_count(&t->dims, &count) ||
	    count * hmr_dtype_bytes(t->dtype) != end - begin)
		return hmr_fail(e, HMR_E_FORMAT,
				"tensor %.80s: shape does not match its %zu bytes",
				t->name, end - begin);
	t->bytes = end - begin;
	t->data = data + begin;
	s->n++;
	return HMR_OK;
}

static int
by_data(const void *a, const void *b)
{
	const struct hmr_st_tensor *x = a, *y = b;

	if (x->data != y->data)
		return x->data < y->data ? -1 : 1;
	if (x->bytes != y->bytes)	/* empty ones first */
		return x->bytes < y->bytes ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* No gap, no overlap; names unique. */
static enum hmr_status
check_cover(struct hmr_safetensors *s, const uint8_t *data, size_t n_data,
	    struct hmr_err *e)
{
	const uint8_t *at = data;
	enum hmr_status st;

	if (s->n)
		qsort(s->t, s->n, sizeof(*s->t), by_data);
	if ((st = hmr_names_init(&s->names, s->n, e)))
		return st;
	for (uint32_t i = 0; i < s->n; i++) {
		if ((const uint8_t *)s->t[i].data != at)
			return hmr_fail(e, HMR_E_FORMAT, "tensor %.80s: %s",
					s->t[i].name,
					(const uint8_t *)s->t[i].data < at ?
					"overlaps another" : "a gap before it");
		at += s->t[i].bytes;
		st = hmr_names_put(&s->names, s->t[i].name, i, e);
		if (st == HMR_EOF)
			return hmr_fail(e, HMR_E_FORMAT, "tensor %.80s: twice",
					s->t[i].name);
		if (st)
			return st;
	}
	if ((size_t)(at - data) != n_data)
		return hmr_fail(e, HMR_E_FORMAT, "%zu bytes after the last tensor",
				n_data - (size_t)(at - data));
	return HMR_OK;
}

static enum hmr_status
read_meta(struct hmr_safetensors *s, cJSON *j, struct hmr_err *e)
{
	const cJSON *k;

	if (s->meta)
		return hmr_fail(e, HMR_E_FORMAT, "__metadata__ twice");
	if (!cJSON_IsObject(j))
		return hmr_fail(e, HMR_E_FORMAT, "__metadata__ is no object");
	cJSON_ArrayForEach(k, j)
		if (!cJSON_IsString(k))
			return hmr_fail(e, HMR_E_FORMAT,
					"__metadata__: %.80s is no string", k->string);
	s->meta = j;
	return HMR_OK;
}

static enum hmr_status
read_header(struct hmr_safetensors *s, struct hmr_err *e)
{
	struct hmr_cur c = { s->bytes, s->bytes + s->n_bytes };
	const uint8_t *p;
	uint64_t size;
	enum hmr_status st;
	cJSON *j;
	uint32_t n = 0;

	if (hmr_cur_take(&c, 8, &p))
		return hmr_fail(e, HMR_E_TRUNCATED, "%zu bytes, no safetensors file",
				s->n_bytes);
	size = hmr_get64(p);
	if (size > HMR_ST_HEADER_MAX)
		return hmr_fail(e, HMR_E_FORMAT, "not a safetensors file");
	if (hmr_cur_take(&c, (size_t)size, &p))
		return hmr_fail(e, HMR_E_TRUNCATED,
				"header of %zu bytes, file has %zu",
				(size_t)size, s->n_bytes);
	s->header = cJSON_ParseWithLength((const char *)p, (size_t)size);
	if (!cJSON_IsObject(s->header))
		return hmr_fail(e, HMR_E_FORMAT, "header is no JSON object");
	cJSON_ArrayForEach(j, s->header)
		n++;
	if (n > HMR_ST_TENSORS_MAX + 1)
		return hmr_fail(e, HMR_E_LIMIT, "%u tensors, at most %u are read",
				n, HMR_ST_TENSORS_MAX);
	if (!(s->t = calloc(n + 1, sizeof(*s->t))))
		return hmr_fail(e, HMR_E_NOMEM, "index of %u tensors", n);
	cJSON_ArrayForEach(j, s->header) {
		if (!strcmp(j->string, "__metadata__"))
			st = read_meta(s, j, e);
		else
			st = read_tensor(s, j, c.at, (size_t)(c.end - c.at), e);
		if (st)
			return st;
	}
	return check_cover(s, c.at, (size_t)(c.end - c.at), e);
}

static enum hmr_status
open_new(struct hmr_safetensors **out, const char *path, const void *p,
	 size_t n, struct hmr_err *e)
{
	struct hmr_safetensors *s;
	enum hmr_status st;

	*out = NULL;
	if (!(s = calloc(1, sizeof(*s))))
		return hmr_fail(e, HMR_E_NOMEM, "safetensors file");
	if (path) {
		if ((st = hmr_map_open(&s->map, path, e)))
			goto fail;
		p = s->map.data;
		n = s->map.n;
	}
	s->bytes = p;
	s->n_bytes = n;
	if ((st = read_header(s, e))) {
		if (path)
			hmr_fail_in(e, st, "%s", path);
		goto fail;
	}
	*out = s;
	return HMR_OK;
fail:
	hmr_safetensors_close(s);
	return st;
}

enum hmr_status
hmr_safetensors_open(struct hmr_safetensors **out, const char *path,
		     struct hmr_err *e)
{
	return open_new(out, path, NULL, 0, e);
}

enum hmr_status
hmr_safetensors_parse(struct hmr_safetensors **out, const void *p, size_t n,
		      struct hmr_err *e)
{
	return open_new(out, NULL, p, n, e);
}

void
hmr_safetensors_close(struct hmr_safetensors *s)
{
	if (!s)
		return;
	hmr_names_release(&s->names);
	free(s->t);
	cJSON_Delete(s->header);
	hmr_map_close(&s->map);
	free(s);
}

uint32_t
hmr_safetensors_count(const struct hmr_safetensors *s)
{
	return s->n;
}

const struct hmr_st_tensor *
hmr_safetensors_at(const struct hmr_safetensors *s, uint32_t i)
{
	return &s->t[i];
}

int64_t
hmr_safetensors_index(const struct hmr_safetensors *s, const char *name)
{
	return hmr_names_get(&s->names, name);
}

const struct hmr_st_tensor *
hmr_safetensors_find(const struct hmr_safetensors *s, const char *name)
{
	int64_t i = hmr_names_get(&s->names, name);

	return i < 0 ? NULL : &s->t[i];
}

const char *
hmr_safetensors_meta(const struct hmr_safetensors *s, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(s->meta, key));
}

const uint8_t *
hmr_safetensors_bytes(const struct hmr_safetensors *s, size_t *n)
{
	*n = s->n_bytes;
	return s->bytes;
}

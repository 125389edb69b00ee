/* SPDX-License-Identifier: Apache-2.0 */
/* Writing safetensors: header padded with spaces to a multiple of 64 - 8, so
 * that mapped data are aligned, then the tensors back to back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "base/io.h"
#include "import/safetensors.h"
#include "nn/half.h"

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

	if (ok && n_meta)
		ok = (m = cJSON_AddObjectToObject(root, "__metadata__")) != NULL;
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

enum hmr_status
hmr_safetensors_write(const char *path, const struct hmr_st_pair *meta,
		      uint32_t n_meta, const struct hmr_st_tensor *t, uint32_t n,
		      struct hmr_err *e)
{
	static const char spaces[64] = "                                "
				       "                               ";
	char *text = make_header(meta, n_meta, t, n);
	struct hmr_atomic a = { .fd = -1 };
	uint8_t size[8];
	enum hmr_status st;
	size_t len, pad;

	if (!text)
		return hmr_fail(e, HMR_E_NOMEM, "%s", path);
	len = strlen(text);
	pad = (64 - (8 + len) % 64) % 64;
	hmr_put64(size, len + pad);
	if ((st = hmr_atomic_open(&a, path, e))) {
		free(text);
		return st;
	}
	st = hmr_write_full(a.fd, size, 8, e);
	if (!st)
		st = hmr_write_full(a.fd, text, len, e);
	if (!st && pad)
		st = hmr_write_full(a.fd, spaces, pad, e);
	for (uint32_t i = 0; !st && i < n; i++)
		if (t[i].bytes)
			st = hmr_write_full(a.fd, t[i].data, t[i].bytes, e);
	free(text);
	if (!st)
		return hmr_atomic_commit(&a, e);
	hmr_fail_in(e, st, "%s", path);
	hmr_atomic_abort(&a);
	return st;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TensorFlow.js model on disk to a model file: the JSON, the weight files it
 * names (plain names in its own folder), provenance, writing, reading back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "base/io.h"
#include "import/import.h"

#define JSON_MAX ((size_t)64 << 20)
#define BIN_MAX ((size_t)1 << 30)

struct source {
	uint8_t *text, *bin;
	size_t n_text, n_bin;
	cJSON *json;
};

static const cJSON *
get(const cJSON *j, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(j, key);
}

static enum hmr_status
append_file(struct source *s, const char *json_path, const char *name,
	    struct hmr_err *e)
{
	const char *slash = strrchr(json_path, '/');
	char path[4096];
	uint8_t *p, *all;
	size_t n;
	enum hmr_status st;

	if (!name || !*name || strchr(name, '/') || name[0] == '.')
		return hmr_fail(e, HMR_E_FORMAT, "%s: weight file with a bad name", json_path);
	if ((size_t)snprintf(path, sizeof(path), "%.*s%s",
			     slash ? (int)(slash + 1 - json_path) : 0, json_path,
			     name) >= sizeof(path))
		return hmr_fail(e, HMR_E_LIMIT, "%s: file name too long", json_path);
	if ((st = hmr_file_read(path, BIN_MAX - s->n_bin, &p, &n, e)))
		return st;
	if (!(all = realloc(s->bin, s->n_bin + n + 1))) {
		free(p);
		return hmr_fail(e, HMR_E_NOMEM, "%s", path);
	}
	memcpy(all + s->n_bin, p, n);
	free(p);
	s->bin = all;
	s->n_bin += n;
	return HMR_OK;
}

static enum hmr_status
load(struct source *s, const char *path, struct hmr_err *e)
{
	const cJSON *group, *p;
	enum hmr_status st;

	if ((st = hmr_file_read(path, JSON_MAX, &s->text, &s->n_text, e)))
		return st;
	if (!(s->json = cJSON_ParseWithLength((const char *)s->text, s->n_text)))
		return hmr_fail(e, HMR_E_FORMAT, "%s: not JSON", path);
	if (!get(s->json, "weightsManifest"))
		return hmr_fail(e, HMR_E_VERSION, "%s: not a TensorFlow.js graph model", path);
	cJSON_ArrayForEach(group, get(s->json, "weightsManifest"))
		cJSON_ArrayForEach(p, get(group, "paths"))
			if ((st = append_file(s, path, cJSON_GetStringValue(p), e)))
				return st;
	return HMR_OK;
}

static void
copy_text(cJSON *to, const char *key, const cJSON *from, const char *source_key)
{
	const char *s = cJSON_GetStringValue(get(from, source_key));

	if (s)
		cJSON_AddStringToObject(to, key, s);
}

static cJSON *
provenance(const struct source *s, const char *path, const char *tool)
{
	cJSON *j = cJSON_CreateObject();
	const char *slash = strrchr(path, '/');
	char hex[65];

	cJSON_AddStringToObject(j, "format", "tfjs graph-model");
	cJSON_AddStringToObject(j, "file", slash ? slash + 1 : path);
	hmr_sha256_hex(s->text, s->n_text, hex);
	cJSON_AddStringToObject(j, "file_sha256", hex);
	hmr_sha256_hex(s->bin, s->n_bin, hex);
	cJSON_AddStringToObject(j, "weights_sha256", hex);
	copy_text(j, "origin", s->json, "generatedBy");
	copy_text(j, "converted_by", s->json, "convertedBy");
	if (tool)
		cJSON_AddStringToObject(j, "importer", tool);
	return j;
}

enum hmr_status
hmr_import_tfjs(const char *path, const char *out, struct hmr_import_info *info,
		struct hmr_err *e)
{
	struct source s = { .text = NULL };
	struct hmr_build b = { .n_values = 0 };
	enum hmr_status st;

	if ((st = load(&s, path, e)))
		goto out;
	if ((st = hmr_tfjs_build(&b, s.json, s.bin, s.n_bin, e))) {
		hmr_fail_in(e, st, "%s", path);
		goto out;
	}
	st = hmr_import_finish(&b, path, out, info, provenance(&s, path, info->tool), e);
out:
	hmr_build_release(&b);
	cJSON_Delete(s.json);
	free(s.text);
	free(s.bin);
	return st;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* From a built graph to a checked model file: the end of every importer. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "import/import.h"

/* The file's name without folder and ending, where the caller gave none. */
static void
default_name(struct hmr_import_info *info, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dot;

	if (info->name[0])
		return;
	snprintf(info->name, sizeof(info->name), "%.60s", slash ? slash + 1 : path);
	if ((dot = strrchr(info->name, '.')) && dot != info->name)
		*dot = 0;
}

static enum hmr_status
write_and_check(const struct hmr_build *b, const char *out,
		const struct hmr_build_about *a, struct hmr_err *e)
{
	struct hmr_model *check = NULL;
	enum hmr_status st = hmr_build_write(b, out, a, e);

	if (!st && (st = hmr_model_open(&check, out, e)))
		unlink(out);	/* an error of ours; nothing half-good stays */
	hmr_model_close(check);
	return st;
}

enum hmr_status
hmr_import_finish(struct hmr_build *b, const char *path, const char *out,
		  struct hmr_import_info *info, cJSON *provenance, struct hmr_err *e)
{
	cJSON *meta = hmr_import_recognise(b, info->kind);
	struct hmr_build_about a = { info->name, info->kind, meta, provenance };
	uint8_t *bytes;
	size_t n;
	enum hmr_status st;

	default_name(info, path);
	if (!info->model)
		st = write_and_check(b, out, &a, e);
	else if (!(st = hmr_build_pack(b, &bytes, &n, &a, e)))
		st = hmr_model_take(info->model, bytes, n, path, e);
	cJSON_Delete(meta);
	cJSON_Delete(provenance);
	return st;
}

enum hmr_status
hmr_import_open(struct hmr_model **out, const char *path, const char *tool,
		struct hmr_err *e)
{
	struct hmr_import_info info = { .tool = tool, .model = out };
	const char *dot = strrchr(path, '.');
	enum hmr_status st;

	*out = NULL;
	if (dot && !strcmp(dot, ".onnx"))
		st = hmr_import_onnx(path, NULL, &info, e);
	else if (dot && !strcmp(dot, ".tflite"))
		st = hmr_import_tflite(path, NULL, &info, e);
	else
		return hmr_model_open(out, path, e);
	/* a model that cannot be used, not input that is broken */
	return !st || st == HMR_E_IO || st == HMR_E_NOMEM ? st : HMR_E_MODEL;
}

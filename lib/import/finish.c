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

enum hmr_status
hmr_import_finish(struct hmr_build *b, const char *path, const char *out,
		  struct hmr_import_info *info, cJSON *provenance, struct hmr_err *e)
{
	cJSON *meta = hmr_import_recognise(b, info->kind);
	struct hmr_model *check = NULL;
	enum hmr_status st;

	default_name(info, path);
	st = hmr_build_write(b, out, &(struct hmr_build_about){ info->name, info->kind,
			     meta, provenance }, e);
	if (!st && (st = hmr_model_open(&check, out, e)))
		unlink(out);	/* an error of ours; nothing half-good stays */
	hmr_model_close(check);
	cJSON_Delete(meta);
	cJSON_Delete(provenance);
	return st;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A TensorFlow Lite file to a model file: reading, provenance, writing. */
#include <string.h>
#include <cjson/cJSON.h>

#include "base/io.h"
#include "import/flat.h"
#include "import/import.h"

static cJSON *
provenance(const struct hmr_map *map, const char *path, const char *tool)
{
	cJSON *j = cJSON_CreateObject();
	const char *slash = strrchr(path, '/');
	struct hmr_flat f = { map->data, map->n };
	struct hmr_flat_table model;
	char hex[65], about[96];

	cJSON_AddStringToObject(j, "format", "tflite");
	cJSON_AddStringToObject(j, "file", slash ? slash + 1 : path);
	hmr_sha256_hex(map->data, map->n, hex);
	cJSON_AddStringToObject(j, "file_sha256", hex);
	if (hmr_flat_root(&f, "TFL3", &model) &&
	    hmr_flat_text(&model, 3, about, sizeof(about)) && about[0])
		cJSON_AddStringToObject(j, "converted_by", about);
	if (tool)
		cJSON_AddStringToObject(j, "importer", tool);
	return j;
}

enum hmr_status
hmr_import_tflite(const char *path, const char *out, struct hmr_import_info *info,
		  struct hmr_err *e)
{
	struct hmr_map map = { 0 };
	struct hmr_build b = { .n_values = 0 };
	enum hmr_status st;

	if ((st = hmr_map_open(&map, path, e)))
		return st;
	if ((st = hmr_tflite_build(&b, map.data, map.n, e)))
		hmr_fail_in(e, st, "%s", path);
	else
		st = hmr_import_finish(&b, path, out, info,
				       provenance(&map, path, info->tool), e);
	hmr_build_release(&b);
	hmr_map_close(&map);
	return st;
}

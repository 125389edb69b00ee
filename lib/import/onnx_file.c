/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ONNX file to a model file: reading with protobuf-c, weights in files beside
 * it, provenance, writing, reading back. The schema is Debian's onnx.proto without
 * the fields that nest (graphs in attributes, types in types), so nothing recurses
 * on the input; what they hold is not supported anyway. All that protobuf-c
 * allocates is counted against a multiple of the file's size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "base/io.h"
#include "import/import.h"
#include "import/onnx.h"

#define FILE_MAX ((size_t)2 << 30)	/* protobuf's own limit */
/* Nodes of a few bytes take the most: ten to fifteen times their size in real files. */
#define ROOM(n) (24 * (n) + ((size_t)1 << 20))

struct budget {
	size_t left;
	bool over;
};

static void *
counted_alloc(void *ctx, size_t n)
{
	struct budget *b = ctx;

	if (n > b->left) {
		b->over = true;
		return NULL;
	}
	b->left -= n;
	return malloc(n ? n : 1);
}

static void
counted_free(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

enum hmr_status
hmr_onnx_build(struct hmr_build *b, const uint8_t *bytes, size_t n,
	       const struct hmr_onnx_options *o, struct hmr_err *e)
{
	struct budget budget = { .left = ROOM(n) };
	ProtobufCAllocator a = { counted_alloc, counted_free, &budget };
	Onnx__ModelProto *m;
	struct ox t = { .b = b, .e = e, .room = ROOM(n) };
	enum hmr_status st;

	memset(b, 0, sizeof(*b));
	if (!(m = onnx__model_proto__unpack(&a, n, bytes)))
		return budget.over ?
			hmr_fail(e, HMR_E_LIMIT, "ONNX of %zu bytes with too many small parts", n) :
			hmr_fail(e, HMR_E_FORMAT, "not an ONNX model, or broken");
	t.model = m;
	if (o) {
		t.height = o->height;
		t.width = o->width;
		t.fetch = o->fetch;
		t.ctx = o->ctx;
		if (o->producer)
			snprintf(o->producer, HMR_ONNX_PRODUCER_MAX, "%.60s %.30s",
				 m->producer_name ? m->producer_name : "",
				 m->producer_version ? m->producer_version : "");
	}
	st = ox_build(&t);
	if (o && o->opset)
		*o->opset = t.opset;
	onnx__model_proto__free_unpacked(m, &a);
	return st;
}

/* --- files ---------------------------------------------------------------------- */

struct folder {			/* of the model, and the weight file in hand */
	const char *model;
	char name[512];
	struct hmr_map map;
	struct hmr_names seen;	/* files; their bytes twice are what weights may take */
	size_t allowed, used;
};

static enum hmr_status
change_file(struct folder *f, const char *file, struct hmr_err *e)
{
	const char *slash = strrchr(f->model, '/');
	char path[4096];
	enum hmr_status st;

	hmr_map_close(&f->map);
	f->name[0] = 0;
	if ((size_t)snprintf(path, sizeof(path), "%.*s%s", slash ?
			     (int)(slash + 1 - f->model) : 0, f->model, file) >= sizeof(path))
		return hmr_fail(e, HMR_E_LIMIT, "weight file %.80s: name too long", file);
	if ((st = hmr_map_open(&f->map, path, e)))
		return st;
	strcpy(f->name, file);
	if (!f->seen.cap && (st = hmr_names_init(&f->seen, 16, e)))
		return st;
	st = hmr_names_put(&f->seen, file, 0, e);
	f->allowed += st ? 0 : 2 * f->map.n;
	return st == HMR_EOF ? HMR_OK : st;
}

static bool
stays_inside(const char *file)
{
	size_t n = strlen(file);

	if (!n || n >= sizeof(((struct folder *)0)->name) || file[0] == '/' || strchr(file, '\\'))
		return false;
	for (const char *p = file; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
		if (!strncmp(p, "..", 2) && (!p[2] || p[2] == '/'))
			return false;
	return true;
}

static enum hmr_status
fetch(void *ctx, const char *file, uint64_t at, void *dst, size_t n, struct hmr_err *e)
{
	struct folder *f = ctx;
	enum hmr_status st;

	if (!stays_inside(file))
		return hmr_fail(e, HMR_E_FORMAT, "weight file %.80s: not in the model's folder", file);
	if (strcmp(file, f->name) && (st = change_file(f, file, e)))
		return st;
	if (at > f->map.n || n > f->map.n - at)
		return hmr_fail(e, HMR_E_TRUNCATED, "weight file %.80s: %zu bytes at %llu, it has %zu",
				file, n, (unsigned long long)at, f->map.n);
	if (n > f->allowed - f->used)
		return hmr_fail(e, HMR_E_LIMIT, "weight file %.80s: read over and over", file);
	if (dst) {
		f->used += n;
		memcpy(dst, f->map.data + at, n);
	}
	return HMR_OK;
}

static cJSON *
provenance(const struct hmr_map *map, const char *path, const char *producer,
	   int64_t opset, const char *tool)
{
	cJSON *j = cJSON_CreateObject();
	const char *slash = strrchr(path, '/');
	char hex[65];

	cJSON_AddStringToObject(j, "format", "onnx");
	cJSON_AddNumberToObject(j, "opset", (double)opset);
	cJSON_AddStringToObject(j, "file", slash ? slash + 1 : path);
	hmr_sha256_hex(map->data, map->n, hex);
	cJSON_AddStringToObject(j, "file_sha256", hex);
	if (producer[0])
		cJSON_AddStringToObject(j, "converted_by", producer);
	if (tool)
		cJSON_AddStringToObject(j, "importer", tool);
	return j;
}

enum hmr_status
hmr_import_onnx(const char *path, const char *out, struct hmr_import_info *info,
		struct hmr_err *e)
{
	struct folder f = { .model = path };
	struct hmr_map map = { 0 };
	struct hmr_build b = { .n_values = 0 };
	char producer[HMR_ONNX_PRODUCER_MAX] = "";
	int64_t opset = 0;
	struct hmr_onnx_options o = { .height = info->height, .width = info->width,
		.fetch = fetch, .ctx = &f, .producer = producer, .opset = &opset };
	enum hmr_status st;

	if ((st = hmr_map_open(&map, path, e)))
		return st;
	if (map.n > FILE_MAX)
		st = hmr_fail(e, HMR_E_LIMIT, "%s: larger than %zu bytes", path, FILE_MAX);
	else if ((st = hmr_onnx_build(&b, map.data, map.n, &o, e)))
		hmr_fail_in(e, st, "%s", path);
	if (!st)
		st = hmr_import_finish(&b, path, out, info,
				       provenance(&map, path, producer, opset, info->tool), e);
	hmr_build_release(&b);
	hmr_names_release(&f.seen);
	hmr_map_close(&f.map);
	hmr_map_close(&map);
	return st;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * png: a picture per frame, named by the frame's number: DIR/%06d.png, or the
 * names that a pattern of one's own gives. Each is whole or absent, and none is an
 * image that the stream comes from.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "export/formats.h"
#include "media/sink.h"
#include "media/source.h"

struct png {
	struct hmr_png *png;
	struct hmr_atomic file;
	struct export_names names;
};

static void
close_files(void *ctx)
{
	struct png *x = ctx;

	if (!x)
		return;
	hmr_png_free(x->png);
	free(x);
}

static enum hmr_status
open_files(void **out, const struct hmr_export_options *o, struct hmr_err *e)
{
	struct png *x = calloc(1, sizeof(*x));
	enum hmr_status st;

	*out = NULL;
	if (!x)
		return hmr_fail(e, HMR_E_NOMEM, "export: out of memory");
	if ((st = export_names_set(&x->names, o, ".png", 1, e)) || (st = hmr_png_new(&x->png, e))) {
		close_files(x);
		return st;
	}
	*out = x;
	return HMR_OK;
}

static const char *
base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Could a picture get this file's place? */
static bool
in_the_way(void *ctx, const char *path)
{
	const char *name = base(path), *before = base(((struct png *)ctx)->names.part[0]);
	size_t n = strlen(before);
	char own[EXPORT_NAME];
	uint64_t number = 0;

	if (!strncmp(name, before, n) && isdigit((unsigned char)name[n]))
		number = strtoull(name + n, NULL, 10);
	export_names_make(&((struct png *)ctx)->names, (uint64_t[2]){ number, 0 }, own);
	return hmr_source_reads(&path, 1, &(struct hmr_source_options){ 0 }, own, NULL) ==
		HMR_E_USAGE;
}

static enum hmr_status
head(void *ctx, struct hmr_head *h, struct hmr_err *e)
{
	enum hmr_status st = export_source_any(h, in_the_way, ctx, e);

	if (st == HMR_E_USAGE)
		return hmr_fail(e, st, "%s: the images that the stream comes from "
				"lie where the pictures would go", hmr_head_info(h)->source);
	return st;
}

static enum hmr_status
frame(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	struct png *x = ctx;
	char path[EXPORT_NAME];
	const uint8_t *data;
	struct hmr_image im;
	enum hmr_status st;
	size_t n;

	if ((st = export_image(f, "png", &im, e)) ||
	    (st = hmr_png_encode(x->png, &im, &data, &n, e)))
		return st;
	export_names_make(&x->names, (uint64_t[2]){ f->number, 0 }, path);
	if ((st = hmr_atomic_open(&x->file, path, e)))
		return st;
	if ((st = hmr_write_full(x->file.fd, data, n, e))) {
		hmr_fail_in(e, st, "%s", path);
		hmr_atomic_abort(&x->file);
		return st;
	}
	return hmr_atomic_commit(&x->file, e);
}

const struct hmr_export_format export_png = {
	.name = "png", .about = "a picture per frame, named by its number",
	.open = open_files, .head = head, .frame = frame, .close = close_files,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that operands name, so that none is cut as an output before it is read.
 * Nothing is opened.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <libavutil/avstring.h>

#include "media/media.h"

static enum hmr_status
any_listed(const struct media_where *w, bool (*is)(void *ctx, const char *path), void *ctx)
{
	struct media_list l;
	enum hmr_status st = media_list_init(&l, w, &w->name, 1, NULL);

	if (st)
		return st;
	for (size_t i = 0; i < l.n && !st; i++)
		st = is(ctx, l.name[i]) ? HMR_E_USAGE : HMR_OK;
	media_list_release(&l);
	return st;
}

/* FFmpeg's pattern of numbers, "x/%03d.png", as a glob. Perhaps it takes more than
 * FFmpeg would read. */
static enum hmr_status
any_numbered(const char *pattern, bool (*is)(void *ctx, const char *path), void *ctx)
{
	char *text = malloc(3 * strlen(pattern) + 1), *to = text;
	struct media_where w = { .kind = MEDIA_GLOB, .name = text, .shown = text };
	enum hmr_status st;

	if (!text)
		return HMR_E_NOMEM;
	for (const char *p = pattern; *p; p++) {
		const char *d = *p == '%' ? p + 1 + strspn(p + 1, "0123456789") : p;

		if (*p == '%' && *d == 'd') {
			memcpy(to, "[0-9]*", 6);
			to += 6;
			p = d;
			continue;
		}
		if (strchr("*?[\\", *p))
			*to++ = '\\';
		*to++ = *p;
		p += *p == '%' && p[1] == '%';
	}
	*to = 0;
	st = any_listed(&w, is, ctx);
	free(text);
	return st;
}

/* One operand; what cannot be opened fails with a status of its own. */
static enum hmr_status
any_of(const struct media_where *w, bool (*is)(void *ctx, const char *path), void *ctx)
{
	const char *path = *w->url ? w->url : "/dev/stdin";

	switch (w->kind) {
	case MEDIA_FILE:
		if (!av_strstart(w->url, "file:", &path))
			return any_numbered(w->url, is, ctx);
		return is(ctx, path) ? HMR_E_USAGE : HMR_OK;
	case MEDIA_STDIN:
		return is(ctx, path) ? HMR_E_USAGE : HMR_OK;
	case MEDIA_FOLDER:
	case MEDIA_GLOB:
		return any_listed(w, is, ctx);
	case MEDIA_URL:
	case MEDIA_DEVICE:
		break;
	}
	return HMR_OK;
}

enum hmr_status
hmr_source_any(const char *const *names, uint32_t n, const struct hmr_source_options *o,
	       bool (*is)(void *ctx, const char *path), void *ctx)
{
	enum hmr_status st = HMR_OK;

	for (uint32_t i = 0; i < n && !st; i++) {
		struct media_where w;

		if (!(st = media_where_init(&w, names[i], n > 1 ? NULL : o->format,
					    o->playlist, NULL)))
			st = any_of(&w, is, ctx);
		if (st != HMR_E_USAGE && st != HMR_E_NOMEM)
			st = HMR_OK;	/* opening it will say so */
		media_where_release(&w);
	}
	return st;
}

static bool
same(void *ctx, const char *path)
{
	const struct stat *a = ctx;
	struct stat b;

	return !stat(path, &b) && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

enum hmr_status
hmr_source_reads(const char *const *names, uint32_t n,
		 const struct hmr_source_options *o, const char *file, struct hmr_err *e)
{
	bool piped = !file || !strcmp(file, "-");
	enum hmr_status st;
	struct stat sb;

	if (stat(piped ? "/dev/stdout" : file, &sb) || !S_ISREG(sb.st_mode))
		return HMR_OK;
	st = hmr_source_any(names, n, o, same, &sb);
	return !st ? HMR_OK : hmr_fail(e, st, st == HMR_E_NOMEM ? "%s: out of memory" :
				       "%s: is read as input, so it cannot be the output",
				       piped ? "standard output" : file);
}

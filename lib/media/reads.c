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

static bool
any_listed(const struct media_where *w, bool (*is)(void *ctx, const char *path), void *ctx)
{
	struct media_list l;
	bool found = false;

	if (media_list_init(&l, w, &w->name, 1, NULL))
		return false;
	for (size_t i = 0; i < l.n && !found; i++)
		found = is(ctx, l.name[i]);
	media_list_release(&l);
	return found;
}

/* FFmpeg's pattern of numbers, "x/%03d.png", as a glob. Perhaps it takes more than
 * FFmpeg would read. */
static bool
any_numbered(const char *pattern, bool (*is)(void *ctx, const char *path), void *ctx)
{
	char *text = malloc(3 * strlen(pattern) + 1), *to = text;
	struct media_where w = { .kind = MEDIA_GLOB, .name = text, .shown = text };
	bool found;

	if (!text)
		return false;
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
	found = any_listed(&w, is, ctx);
	free(text);
	return found;
}

bool
hmr_source_any(const char *const *names, uint32_t n, const struct hmr_source_options *o,
	       bool (*is)(void *ctx, const char *path), void *ctx)
{
	bool found = false;

	for (uint32_t i = 0; i < n && !found; i++) {
		struct media_where w;
		const char *path;

		if (!media_where_init(&w, names[i], n > 1 ? NULL : o->format,
				      o->playlist, NULL)) {
			if (w.kind == MEDIA_STDIN)
				found = is(ctx, *w.url ? w.url : "/dev/stdin");
			else if (w.kind == MEDIA_FILE)
				found = av_strstart(w.url, "file:", &path) ? is(ctx, path) :
					any_numbered(w.url, is, ctx);
			else if (w.kind == MEDIA_FOLDER || w.kind == MEDIA_GLOB)
				found = any_listed(&w, is, ctx);
		}
		media_where_release(&w);
	}
	return found;
}

static bool
same(void *ctx, const char *path)
{
	const struct stat *a = ctx;
	struct stat b;

	return !stat(path, &b) && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

bool
hmr_source_reads(const char *const *names, uint32_t n,
		 const struct hmr_source_options *o, const char *file)
{
	struct stat sb;

	return !stat(!file || !strcmp(file, "-") ? "/dev/stdout" : file, &sb) &&
	       S_ISREG(sb.st_mode) && hmr_source_any(names, n, o, same, &sb);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * png: a picture per frame, named by the frame's number: DIR/%06d.png, or the
 * names that a pattern of one's own gives. Each is whole or absent.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "export/formats.h"
#include "media/sink.h"

struct png {
	struct hmr_png *png;
	struct hmr_atomic file;
	char before[3000], after[1000];	/* of the number */
	int digits;		/* -1: one file of a fixed name */
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

/* "a%%b" to "a%b"; false where it is too long. */
static bool
plain(char *to, size_t cap, const char *s, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (k + 1 >= cap)
			return false;
		to[k++] = s[i];
		if (s[i] == '%' && i + 1 < n && s[i + 1] == '%')
			i++;
	}
	to[k] = 0;
	return true;
}

/* Splits at the one %d or %0Nd. */
static enum hmr_status
split(struct png *x, const char *path, struct hmr_err *e)
{
	const char *at = NULL, *end = NULL;
	bool ok = true;

	for (const char *p = path; ok && (p = strchr(p, '%')); ) {
		const char *q = p + 1;

		if (*q == '%') {
			p += 2;
			continue;
		}
		ok = !at;
		at = p;
		x->digits = 0;
		if (*q == '0')
			for (q++; *q >= '0' && *q <= '9' && x->digits < 20; q++)
				x->digits = x->digits * 10 + (*q - '0');
		ok = ok && *q == 'd' && x->digits <= 20;
		p = end = q + 1;
	}
	if (!ok)
		return hmr_fail(e, HMR_E_USAGE, "%s: a pattern has one %%d or %%06d, and "
				"%%%% for a percent sign", path);
	if (!at) {
		at = end = path + strlen(path);
		x->digits = -1;
	}
	if (!plain(x->before, sizeof(x->before), path, (size_t)(at - path)) ||
	    !plain(x->after, sizeof(x->after), end, strlen(end)))
		return hmr_fail(e, HMR_E_USAGE, "%.60s...: too long", path);
	return HMR_OK;
}

/* Without a pattern: one file where one frame was chosen, else a folder. */
static enum hmr_status
name_files(struct png *x, const struct hmr_export_options *o, struct hmr_err *e)
{
	size_t n = strlen(o->path);
	char dir[sizeof(x->before)];
	enum hmr_status st;
	char *slash;

	if ((st = split(x, o->path, e)))
		return st;
	if (x->digits < 0 && (n < 4 || strcmp(o->path + n - 4, ".png"))) {
		while (n > 1 && x->before[n - 1] == '/')
			x->before[--n] = 0;
		if (n + 2 > sizeof(x->before))
			return hmr_fail(e, HMR_E_USAGE, "%.60s...: too long", o->path);
		strcat(x->before, "/");
		strcpy(x->after, ".png");
		x->digits = 6;
	} else if (x->digits < 0 && !o->one) {
		return hmr_fail(e, HMR_E_USAGE, "%s: names one file: choose one frame "
				"with --frames, or give a folder or a pattern such as "
				"%%06d.png", o->path);
	}
	strcpy(dir, x->before);
	if ((slash = strrchr(dir, '/')) && slash != dir) {
		*slash = 0;
		if (mkdir(dir, 0777) && errno != EEXIST)
			return hmr_fail(e, HMR_E_IO, "%s", dir);
	}
	return HMR_OK;
}

static enum hmr_status
open_files(void **out, const struct hmr_export_options *o, struct hmr_err *e)
{
	struct png *x = calloc(1, sizeof(*x));
	enum hmr_status st;

	*out = NULL;
	if (!x)
		return hmr_fail(e, HMR_E_NOMEM, "export: out of memory");
	if ((st = name_files(x, o, e)) || (st = hmr_png_new(&x->png, e))) {
		close_files(x);
		return st;
	}
	*out = x;
	return HMR_OK;
}

static enum hmr_status
frame(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	struct png *x = ctx;
	char path[sizeof(x->before) + sizeof(x->after) + 32];
	const uint8_t *data;
	struct hmr_image im;
	enum hmr_status st;
	size_t n;

	if ((st = export_image(f, "png", &im, e)) ||
	    (st = hmr_png_encode(x->png, &im, &data, &n, e)))
		return st;
	if (x->digits < 0)
		snprintf(path, sizeof(path), "%s", x->before);
	else
		snprintf(path, sizeof(path), "%s%0*llu%s", x->before, x->digits,
			 (unsigned long long)f->number, x->after);
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
	.open = open_files, .frame = frame, .close = close_files,
};

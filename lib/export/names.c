/* SPDX-License-Identifier: Apache-2.0 */
/* Names of numbered files, from patterns like "x/%06d.png", and of those that a stream
 * comes from; see formats.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "export/formats.h"
#include "media/source.h"

/* "a%%b" to "a%b"; false where it is too long. */
static bool
plain(char *to, const char *s, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (k + 1 >= EXPORT_NAME_PART)
			return false;
		to[k++] = s[i];
		if (s[i] == '%' && i + 1 < n && s[i + 1] == '%')
			i++;
	}
	to[k] = 0;
	return true;
}

/* The %d or %0Nd at p: digits and what follows it, or NULL. */
static const char *
number(const char *p, int *digits)
{
	*digits = 0;
	if (*++p == '0')
		for (p++; *p >= '0' && *p <= '9' && *digits < 20; p++)
			*digits = *digits * 10 + (*p - '0');
	return *p == 'd' && *digits <= 20 ? p + 1 : NULL;
}

enum hmr_status
export_names_split(struct export_names *x, const char *path, int max,
		   struct hmr_err *e)
{
	const char *from = path, *p = path;

	x->n = 0;
	while ((p = strchr(p, '%'))) {
		const char *after;

		if (p[1] == '%') {
			p += 2;
			continue;
		}
		if (x->n == max || !(after = number(p, &x->digits[x->n])))
			return hmr_fail(e, HMR_E_USAGE, "%s: a pattern has %s, and "
					"%%%% for a percent sign", path, max > 1 ?
					"one or two of %d and %06d" : "one %d or %06d");
		if (!plain(x->part[x->n++], from, (size_t)(p - from)))
			break;
		from = p = after;
	}
	if (p || !plain(x->part[x->n], from, strlen(from)))
		return hmr_fail(e, HMR_E_USAGE, "%.60s...: too long", path);
	return HMR_OK;
}

enum hmr_status
export_names_set(struct export_names *x, const struct hmr_export_options *o,
		 const char *ending, int max, struct hmr_err *e)
{
	size_t n = strlen(o->path), k = strlen(ending);
	char dir[EXPORT_NAME_PART];
	enum hmr_status st;
	char *slash;

	if ((st = export_names_split(x, o->path, max, e)))
		return st;
	if (!x->n && (n < k || strcasecmp(o->path + n - k, ending))) {
		n = strlen(x->part[0]);
		while (n > 1 && x->part[0][n - 1] == '/')
			x->part[0][--n] = 0;
		if (n + 2 > EXPORT_NAME_PART)
			return hmr_fail(e, HMR_E_USAGE, "%.60s...: too long", o->path);
		strcat(x->part[0], "/");
		strcpy(x->part[1], "_");
		strcpy(x->part[max], ending);
		x->digits[0] = 6;
		x->digits[1] = 3;
		x->n = max;
	} else if (!x->n && !o->one) {
		return hmr_fail(e, HMR_E_USAGE, "%s: names one file: choose one frame "
				"with --frames, or give a folder or a pattern such as "
				"%%06d%s", o->path, ending);
	}
	strcpy(dir, x->part[0]);
	if ((slash = strrchr(dir, '/')) && slash != dir) {
		*slash = 0;
		if (mkdir(dir, 0777) && errno != EEXIST)
			return hmr_fail(e, HMR_E_IO, "%s", dir);
	}
	return HMR_OK;
}

void
export_names_make(const struct export_names *x, const uint64_t number_of[2],
		  char out[EXPORT_NAME])
{
	size_t n = (size_t)snprintf(out, EXPORT_NAME, "%s", x->part[0]);

	for (int i = 0; i < x->n && n < EXPORT_NAME; i++)
		n += (size_t)snprintf(out + n, EXPORT_NAME - n, "%0*llu%s", x->digits[i],
				      (unsigned long long)number_of[i], x->part[i + 1]);
}

/* HEAD has \xNN for bytes that are no UTF-8. */
static void
unescape(char *s)
{
	unsigned v;
	char *to = s;

	for (; *s; s++) {
		bool byte = sscanf(s, "\\x%2x", &v) == 1 && v > 127;

		*to++ = byte ? (char)v : *s;
		s += byte ? 3 : 0;
	}
	*to = 0;
}

enum hmr_status
export_source_any(const struct hmr_head *h, bool (*is)(void *ctx, const char *path),
		  void *ctx, struct hmr_err *e)
{
	static const struct hmr_source_options plain;
	const char *shown = hmr_head_info(h)->source;
	char *name = strdup(shown);
	enum hmr_status st = hmr_source_any(&shown, 1, &plain, is, ctx);

	if (!st && name) {
		unescape(name);
		st = hmr_source_any((const char *const *)&name, 1, &plain, is, ctx);
	}
	if (!name || st == HMR_E_NOMEM)
		st = hmr_fail(e, HMR_E_NOMEM, "export: out of memory");
	free(name);
	return st;
}

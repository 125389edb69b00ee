/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The images of a folder or a glob, in natural order: runs of digits compare
 * as numbers, so that img9 comes before img10. Of a folder only names with an
 * image's extension are taken; of a glob and of operands, all.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <libavutil/avstring.h>

#include "media/media.h"

static const char extensions[] =
	"jpg,jpeg,jpe,jfif,png,apng,bmp,dib,gif,tif,tiff,webp,ppm,pgm,pbm,pnm,pam,"
	"pfm,phm,tga,icb,vda,vst,exr,hdr,jp2,j2k,jpx,j2c,jpc,jpf,jls,ljpg,jxl,dpx,"
	"sgi,rgb,rgba,bw,ras,sun,pcx,dds,qoi,psd,pict,pct,pic,fits,fit,fts,xbm,xpm,"
	"xwd,pgx,cri,gem,wbmp,svg,cin,ico,avif";

static const char videos[] =
	"mp4,m4v,mov,qt,mkv,webm,avi,mpg,mpeg,m2v,ts,mts,m2ts,3gp,3g2,wmv,flv,ogv,mxf,"
	"vob,hevc,h265,h264,y4m";

/* Digit runs by value, then the rest byte by byte; of equals, more zeros first. */
int
media_natural_cmp(const char *a, const char *b)
{
	const unsigned char *p = (const unsigned char *)a;
	const unsigned char *q = (const unsigned char *)b;

	while (*p && *q) {
		size_t n = 0, m = 0;
		int c;

		if (!isdigit(*p) || !isdigit(*q)) {
			if (*p != *q)
				return *p < *q ? -1 : 1;
			p++;
			q++;
			continue;
		}
		while (*p == '0')
			p++;
		while (*q == '0')
			q++;
		while (isdigit(p[n]))
			n++;
		while (isdigit(q[m]))
			m++;
		if (n != m)
			return n < m ? -1 : 1;
		if ((c = memcmp(p, q, n)))
			return c < 0 ? -1 : 1;
		p += n;
		q += m;
	}
	if (*p || *q)
		return *p ? 1 : -1;
	return strcmp(a, b);
}

static int
by_name(const void *a, const void *b)
{
	return media_natural_cmp(*(char *const *)a, *(char *const *)b);
}

static enum hmr_status
add(struct media_list *l, size_t *cap, const char *dir, const char *name,
    struct hmr_err *e)
{
	size_t n = strlen(name) + 1 + (dir ? strlen(dir) + 1 : 0);
	char *s;

	if (l->n == *cap) {
		size_t more = *cap ? *cap * 2 : 64;
		char **p = realloc(l->name, more * sizeof(*p));

		if (!p)
			return hmr_fail(e, HMR_E_NOMEM, "list of images: out of memory");
		l->name = p;
		*cap = more;
	}
	if (!(s = malloc(n)))
		return hmr_fail(e, HMR_E_NOMEM, "list of images: out of memory");
	if (dir)
		snprintf(s, n, "%s/%s", dir, name);
	else
		memcpy(s, name, n);
	l->name[l->n++] = s;
	return HMR_OK;
}

static bool
ends_in(const char *name, const char *list)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && av_match_name(dot + 1, list);
}

static enum hmr_status
read_folder(struct media_list *l, const char *dir, struct hmr_err *e)
{
	enum hmr_status st = HMR_OK;
	const struct dirent *d;
	size_t cap = 0, n = strlen(dir);
	char *base = strdup(dir);
	DIR *dp;

	if (!base)
		return hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", dir);
	while (n > 1 && base[n - 1] == '/')
		base[--n] = 0;
	if (!(dp = opendir(dir))) {
		free(base);
		return hmr_fail(e, HMR_E_IO, "%s", dir);
	}
	for (errno = 0; !st && (d = readdir(dp)); errno = 0) {
		struct stat sb;

		if (d->d_name[0] == '.')
			continue;
		if (!ends_in(d->d_name, extensions)) {
			l->skipped++;
			l->videos += ends_in(d->d_name, videos);
			continue;
		}
		st = add(l, &cap, base, d->d_name, e);
		/* A link to nowhere stays, to be called unreadable. */
		if (!st && !stat(l->name[l->n - 1], &sb) && !S_ISREG(sb.st_mode)) {
			free(l->name[--l->n]);
			l->skipped++;
		}
	}
	if (!st && errno)
		st = hmr_fail(e, HMR_E_IO, "%s", dir);
	closedir(dp);
	free(base);
	return st;
}

static enum hmr_status
read_glob(struct media_list *l, const char *pattern, struct hmr_err *e)
{
	enum hmr_status st = HMR_OK;
	size_t cap = 0;
	glob_t g;
	int r = glob(pattern, GLOB_ERR | GLOB_NOSORT, NULL, &g);

	if (r == GLOB_NOMATCH) {
		errno = ENOENT;
		return hmr_fail(e, HMR_E_IO, "%s", pattern);
	}
	if (r)
		return r == GLOB_NOSPACE ?
		       hmr_fail(e, HMR_E_NOMEM, "%s: out of memory", pattern) :
		       hmr_fail(e, HMR_E_IO, "%s", pattern);
	for (size_t i = 0; !st && i < g.gl_pathc; i++)
		st = add(l, &cap, NULL, g.gl_pathv[i], e);
	globfree(&g);
	return st;
}

enum hmr_status
media_list_init(struct media_list *l, const struct media_where *w,
		const char *const *names, uint32_t n, struct hmr_err *e)
{
	enum hmr_status st = HMR_OK;
	size_t cap = 0;

	memset(l, 0, sizeof(*l));
	if (n > 1) {
		for (uint32_t i = 0; !st && i < n; i++)
			st = add(l, &cap, NULL, names[i], e);
	} else {
		st = w->kind == MEDIA_FOLDER ? read_folder(l, w->name, e) :
					       read_glob(l, w->name, e);
		if (l->n)
			qsort(l->name, l->n, sizeof(*l->name), by_name);
	}
	if (!st && !l->n)
		st = hmr_fail(e, HMR_E_FORMAT, "%s: no images in this folder%s", w->shown,
			      l->videos ? ", but videos: they go one at a time" : "");
	if (st)
		media_list_release(l);
	return st;
}

void
media_list_release(struct media_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->name[i]);
	free(l->name);
	memset(l, 0, sizeof(*l));
}

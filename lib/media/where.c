/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operand names: stdin, a file, a folder, a glob, a URL or a capture
 * device. A name that exists as a file is that file, whatever colons or
 * percent signs it has, and reaches FFmpeg as "file:NAME"; a pipe is read as
 * stdin is, a camera's node is the camera.
 */
#define _DEFAULT_SOURCE		/* major */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <libavdevice/avdevice.h>
#include <libavformat/avio.h>
#include <libavutil/avstring.h>

#include "base/text.h"
#include "media/media.h"

/* Demuxers that open what their input names (or run it). */
static const char playlists[] =
	"hls,applehttp,dash,concat,imf,sdp,rtsp,webm_dash_manifest,avisynth,"
	"vapoursynth,vobsub";
/* Demuxers of text art, which take any text for a video. */
static const char texts[] = "tty,bintext,bin,xbin,adf,idf";
/* Protocols that open other files or URLs than the one they are given. */
static const char nested[] = "concat,concatf,subfile,crypto,data,cache,async,hls,"
			     "ipfs,ipns";

#define VIDEO_MAJOR 81		/* of character devices, in Linux */

static bool
any_in(const char *names, const char *list)
{
	char one[64];
	size_t n;

	for (; *names; names += n + (names[n] == ',')) {
		n = strcspn(names, ",");
		if (!n || n >= sizeof(one))
			continue;
		memcpy(one, names, n);
		one[n] = 0;
		if (av_match_name(one, list))
			return true;
	}
	return false;
}

bool
media_format_is_playlist(const AVInputFormat *f)
{
	return any_in(f->name, playlists);
}

bool
media_format_is_text(const AVInputFormat *f)
{
	return any_in(f->name, texts);
}

static bool
is_device(const char *format)
{
	const AVInputFormat *d = NULL;

	avdevice_register_all();
	while ((d = av_input_video_device_next(d)))
		if (av_match_name(format, d->name))
			return true;
	return false;
}

/* "scheme:", of at least two characters; its length, else 0. */
static size_t
scheme(const char *s, char out[32])
{
	size_t n = 0;

	if (!isalpha((unsigned char)s[0]))
		return 0;
	while (isalnum((unsigned char)s[n]) || (s[n] && strchr("+-._", s[n])))
		n++;
	if (s[n] != ':' && s[n] != ',')	/* subfile,,start,0,:name */
		return 0;
	if (n < 2 || n > 31)
		return 0;
	memcpy(out, s, n);
	out[n] = 0;
	return n;
}

static enum hmr_status
found(struct media_where *w, enum media_kind kind, const char *prefix,
      const char *rest, struct hmr_err *e)
{
	size_t n = strlen(prefix) + strlen(rest) + 1;

	w->kind = kind;
	w->url = malloc(n);
	w->shown = strdup(kind == MEDIA_STDIN && !rest[0] ? "standard input" :
			  kind == MEDIA_FILE ? rest : w->name);
	if (!w->url || !w->shown)
		return hmr_fail(e, HMR_E_NOMEM, "out of memory");
	snprintf(w->url, n, "%s%s", prefix, rest);
	hmr_url_mask(w->shown);
	return HMR_OK;
}

static int
hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0' :
	       isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

static void
unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		int v = *s == '%' && hex(s[1]) >= 0 && hex(s[2]) >= 0 ?
			hex(s[1]) * 16 + hex(s[2]) : 0;

		*to++ = v ? (char)v : *s;
		s += v ? 2 : 0;
	}
	*to = 0;
}

/* file:PATH and file://[localhost]/PATH, as file managers hand out with %20 for
 * blanks; a file that has the percent sign in its name goes before. */
static enum hmr_status
file_url(struct media_where *w, const char *path, struct hmr_err *e)
{
	enum hmr_status st;
	struct stat sb;
	char *plain;

	if (av_strstart(path, "//localhost/", NULL))
		path += strlen("//localhost");
	else if (av_strstart(path, "///", NULL))
		path += 2;
	if (!strchr(path, '%') || !stat(path, &sb))
		return found(w, MEDIA_FILE, "file:", path, e);
	if (!(plain = strdup(path)))
		return hmr_fail(e, HMR_E_NOMEM, "out of memory");
	unescape(plain);
	st = found(w, MEDIA_FILE, "file:", stat(plain, &sb) ? path : plain, e);
	free(plain);
	return st;
}

static enum hmr_status
by_scheme(struct media_where *w, const char *name, const char *s, size_t n,
	  bool playlist, struct hmr_err *e)
{
	if (!strcmp(s, "file") && name[n] == ':')
		return file_url(w, name + n + 1, e);
	if (is_device(s) && name[n] == ':') {
		enum hmr_status st = found(w, MEDIA_DEVICE, "", name + n + 1, e);

		memcpy(w->device, s, n + 1);
		w->format = w->device;
		return st;
	}
	if (av_match_name(s, nested) && !playlist)
		return hmr_fail(e, HMR_E_FORMAT, "%s: names other files: "
				"give --playlist to allow that", name);
	return found(w, MEDIA_URL, "", name, e);
}

/* What exists: a pipe, a camera, a folder, a file. */
static enum hmr_status
by_mode(struct media_where *w, const char *name, const struct stat *sb,
	struct hmr_err *e)
{
	if (S_ISFIFO(sb->st_mode))
		return found(w, MEDIA_STDIN, "", name, e);
	if (S_ISCHR(sb->st_mode) && major(sb->st_rdev) == VIDEO_MAJOR && !w->format &&
	    is_device("v4l2")) {
		w->format = strcpy(w->device, "v4l2");
		return found(w, MEDIA_DEVICE, "", name, e);
	}
	return found(w, S_ISDIR(sb->st_mode) ? MEDIA_FOLDER : MEDIA_FILE, "file:", name, e);
}

enum hmr_status
media_where_init(struct media_where *w, const char *name, const char *format,
		 bool playlist, struct hmr_err *e)
{
	char s[32];
	struct stat sb;
	size_t n;

	memset(w, 0, sizeof(*w));
	w->name = name;
	w->format = format;
	if (!strcmp(name, "-"))
		return found(w, MEDIA_STDIN, "", "", e);
	if (format && is_device(format))
		return found(w, MEDIA_DEVICE, "", name, e);
	if (!stat(name, &sb))
		return by_mode(w, name, &sb, e);
	if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
		return hmr_fail(e, HMR_E_IO, "%s", name);
	if ((n = scheme(name, s)))
		return by_scheme(w, name, s, n, playlist, e);
	if (strpbrk(name, "*?["))
		return found(w, MEDIA_GLOB, "", name, e);
	if (strchr(name, '%') && (!format || !strcmp(format, "image2")))
		return found(w, MEDIA_FILE, "", name, e);
	errno = ENOENT;
	return hmr_fail(e, HMR_E_IO, "%s", name);
}

void
media_where_release(struct media_where *w)
{
	free(w->url);
	free(w->shown);
	w->url = w->shown = NULL;
}

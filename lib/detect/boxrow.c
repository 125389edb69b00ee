/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of boxes: MOTChallenge's `frame,id,left,top,width,height[,conf[,...]]`,
 * separated by commas or blanks, or CSV whose first line names the columns. Whole
 * numbers may be written as 1.0, as numpy does.
 */
#include "detect/boxrow.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"

#define FAR 1e7			/* px: no image is near it */

enum { FRAME, X0, Y0, X1, Y1, SCORE, ID, COLUMNS };
static const char *const names[COLUMNS] = { "frame", "x0", "y0", "x1", "y1", "score", "id" };

static char *
trim(char *s)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	n = strlen(s);
	while (n && isspace((unsigned char)s[n - 1]))
		s[--n] = 0;
	return s;
}

static char *
unquote(char *s)
{
	size_t n = strlen(s = trim(s));

	if (n >= 2 && s[0] == '"' && s[n - 1] == '"') {
		s[n - 1] = 0;
		s++;
	}
	return s;
}

/* How many fields there are; those above the limit are counted, not kept. */
static uint32_t
split(char *line, char **field)
{
	bool commas = strchr(line, ',') != NULL;
	uint32_t n = 0;

	while (line && *(line += commas ? 0 : strspn(line, " \t"))) {
		char *end = line + strcspn(line, commas ? "," : " \t");
		bool more = *end != 0;

		*end = 0;
		if (n < HMR_BOXROW_FIELDS)
			field[n] = unquote(line);
		n++;
		line = more ? end + 1 : NULL;
	}
	return n;
}

static enum hmr_status
number(const char *what, const char *s, double lo, double hi, double *v,
       struct hmr_err *e)
{
	return hmr_parse_f64(what, s, lo, hi, v, e) ? HMR_E_FORMAT : HMR_OK;
}

static enum hmr_status
whole(const char *what, const char *s, double lo, double hi, double *v,
      struct hmr_err *e)
{
	enum hmr_status st = number(what, s, lo, hi, v, e);

	if (!st && *v != floor(*v))
		st = hmr_fail(e, HMR_E_FORMAT, "%s: whole number wanted, not '%.40s'",
			      what, s);
	return st;
}

/* The header line of CSV. */
static enum hmr_status
take_names(struct hmr_boxform *f, uint32_t n, struct hmr_err *e)
{
	for (int c = 0; c < COLUMNS; c++) {
		f->column[c] = -1;
		for (uint32_t i = 0; i < n; i++)
			if (!strcmp(f->field[i], names[c])) {
				f->column[c] = (int)i;
				break;
			}
		if (f->column[c] < 0 && c < SCORE)
			return hmr_fail(e, HMR_E_FORMAT, "no column %s: CSV needs "
					"frame,x0,y0,x1,y1 and may have score,id", names[c]);
	}
	f->csv = true;
	return HMR_EOF;
}

static enum hmr_status
set_box(struct hmr_boxrow *r, const double v[4], struct hmr_err *e)
{
	if (v[2] < v[0] || v[3] < v[1])
		return hmr_fail(e, HMR_E_FORMAT, "a box that ends before it begins");
	for (int i = 0; i < 4; i++)
		r->box[i] = (float)v[i];
	return HMR_OK;
}

static enum hmr_status
read_csv(const struct hmr_boxform *f, uint32_t n, struct hmr_boxrow *r,
	 struct hmr_err *e)
{
	double v[4], frame, score = 1, id = 0;
	const char *s[COLUMNS];
	enum hmr_status st;

	for (int c = 0; c < COLUMNS; c++) {
		s[c] = f->column[c] >= 0 && (uint32_t)f->column[c] < n ?
			f->field[f->column[c]] : "";
		if (!*s[c] && c < SCORE)
			return hmr_fail(e, HMR_E_FORMAT, "no %s", names[c]);
	}
	if ((st = whole(names[FRAME], s[FRAME], 0, 0x1p53, &frame, e)) ||
	    (*s[SCORE] && (st = number(names[SCORE], s[SCORE], -1e6, 1e6, &score, e))) ||
	    (*s[ID] && (st = whole(names[ID], s[ID], -1, UINT32_MAX, &id, e))))
		return st;
	for (int i = 0; i < 4; i++)
		if ((st = number(names[X0 + i], s[X0 + i], -FAR, FAR, &v[i], e)))
			return st;
	r->frame = (uint64_t)frame;
	r->score = (float)score;
	r->id = id > 0 ? (uint32_t)id : 0;
	return set_box(r, v, e);
}

static enum hmr_status
read_mot(const struct hmr_boxform *f, uint32_t n, struct hmr_boxrow *r,
	 struct hmr_err *e)
{
	static const char *const what[4] = { "left", "top", "width", "height" };
	double v[4], frame, conf = -1, id;
	enum hmr_status st;

	if (n < 6)
		return hmr_fail(e, HMR_E_FORMAT, "%u fields, wanted are "
				"frame,id,left,top,width,height[,conf]", n);
	if ((st = whole("frame", f->field[0], 1, 0x1p53, &frame, e)) ||
	    (st = whole("id", f->field[1], -1, UINT32_MAX, &id, e)) ||
	    (n > 6 && (st = number("conf", f->field[6], -1e6, 1e6, &conf, e))))
		return st;
	for (int i = 0; i < 4; i++)
		if ((st = number(what[i], f->field[2 + i], -FAR, FAR, &v[i], e)))
			return st;
	v[2] += v[0];
	v[3] += v[1];
	r->frame = (uint64_t)frame - 1;
	r->score = conf == -1 ? 1 : (float)conf;	/* -1: not known */
	r->id = id > 0 ? (uint32_t)id : 0;
	return set_box(r, v, e);
}

enum hmr_status
hmr_boxrow_read(struct hmr_boxform *f, char *line, struct hmr_boxrow *row,
		struct hmr_err *e)
{
	uint32_t n;

	if (!f->known && !strncmp(line, "\xef\xbb\xbf", 3))
		line += 3;
	line = trim(line);
	if (!*line || *line == '#')
		return HMR_EOF;
	n = split(line, f->field);
	if (n > HMR_BOXROW_FIELDS)
		return hmr_fail(e, HMR_E_FORMAT, "more than %u fields", HMR_BOXROW_FIELDS);
	if (!f->known) {
		f->known = true;
		if (isalpha((unsigned char)f->field[0][0]))
			return take_names(f, n, e);
	}
	return f->csv ? read_csv(f, n, row, e) : read_mot(f, n, row, e);
}

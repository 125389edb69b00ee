/* SPDX-License-Identifier: Apache-2.0 */
/* MOTChallenge lines in, sorted rows out; see mot.h. Lines are untrusted: every
 * number is checked, a file is at most 1 GiB. */
#include "track/mot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/num.h"

#define FILE_MAX ((size_t)1 << 30)
#define FIELDS 7

enum hmr_status
hmr_mot_add(struct hmr_mot *m, const struct hmr_mot_row *row, struct hmr_err *e)
{
	if (m->n == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 4096;
		struct hmr_mot_row *p = realloc(m->row, cap * sizeof(*p));

		if (!p)
			return hmr_fail(e, HMR_E_NOMEM, "%zu boxes", cap);
		m->row = p;
		m->cap = cap;
	}
	m->row[m->n++] = *row;
	return HMR_OK;
}

void
hmr_mot_release(struct hmr_mot *m)
{
	free(m->row);
	memset(m, 0, sizeof(*m));
}

/* Up to FIELDS numbers of a line; how many are there. Commas or spaces part. */
static int
split(char *line, double v[FIELDS])
{
	int n = 0;

	for (char *p = line; n < FIELDS && *p; n++) {
		char *end;

		v[n] = strtod(p, &end);
		if (end == p || !isfinite(v[n]) || fabs(v[n]) > 1e9)
			return -1;
		end += strspn(end, " \t\r");
		if (*end == ',')
			end++;
		p = end + strspn(end, " \t\r");
	}
	return n;
}

static bool
whole(double v, double lo)
{
	return v >= lo && v <= 4294967295.0 && v == floor(v);
}

static enum hmr_status
read_line(struct hmr_mot *m, char *line, bool truth, struct hmr_err *e)
{
	double v[FIELDS] = { 0 };
	int n = split(line, v);
	struct hmr_mot_row r = { 0 };

	if (n < 6 || !whole(v[0], 1) || !whole(v[1], -1) || v[4] < 0 || v[5] < 0)
		return hmr_fail(e, HMR_E_FORMAT,
				"not frame,id,left,top,width,height[,conf,...]");
	r.frame = (uint32_t)v[0] - 1;
	r.id = v[1] < 0 ? 0 : (uint32_t)v[1];
	r.box[0] = (float)v[2];
	r.box[1] = (float)v[3];
	r.box[2] = (float)(v[2] + v[4]);
	r.box[3] = (float)(v[3] + v[5]);
	r.score = n > 6 ? (float)v[6] : 1;
	r.ignore = truth && n > 6 && v[6] == 0;
	return hmr_mot_add(m, &r, e);
}

enum hmr_status
hmr_mot_read(struct hmr_mot *m, const char *path, bool truth, struct hmr_err *e)
{
	uint8_t *data;
	size_t n;
	unsigned long number = 1;
	enum hmr_status st = hmr_file_read(path, FILE_MAX, &data, &n, e);
	char *p, *nl;

	if (st)
		return st;
	for (p = (char *)data; !st && p < (char *)data + n; p = nl + 1, number++) {
		if (!(nl = memchr(p, '\n', n - (size_t)(p - (char *)data))))
			nl = (char *)data + n;
		*nl = 0;
		if (strspn(p, " \t\r") == strlen(p))
			continue;
		if ((st = read_line(m, p, truth, e)))
			st = hmr_fail_in(e, st, "%s: line %lu", path, number);
	}
	free(data);
	return st;
}

static int
by_frame(const void *a, const void *b)
{
	const struct hmr_mot_row *p = a, *q = b;

	if (p->frame != q->frame)
		return p->frame < q->frame ? -1 : 1;
	return p->id < q->id ? -1 : p->id > q->id;
}

static int
by_value(const void *a, const void *b)
{
	uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;

	return p < q ? -1 : p > q;
}

enum hmr_status
hmr_mot_sort(struct hmr_mot *m, const char *name, struct hmr_err *e)
{
	uint32_t *ids = malloc((m->n ? m->n : 1) * sizeof(*ids));
	uint32_t k = 0;

	if (!ids)
		return hmr_fail(e, HMR_E_NOMEM, "%s", name);
	if (m->n)
		qsort(m->row, m->n, sizeof(*m->row), by_frame);
	for (size_t i = 0; i < m->n; i++)
		ids[i] = m->row[i].id;
	if (m->n)
		qsort(ids, m->n, sizeof(*ids), by_value);
	for (size_t i = 0; i < m->n; i++)
		if (!i || ids[i] != ids[i - 1])
			ids[k++] = ids[i];
	for (size_t i = 0; i < m->n; i++) {
		const struct hmr_mot_row *r = &m->row[i];

		if (i && r->frame == r[-1].frame &&
		    ids[m->row[i - 1].id] == r->id) {
			free(ids);
			return hmr_fail(e, HMR_E_FORMAT,
					"%s: identity %u twice in frame %u, from 0", name,
					r->id, r->frame);
		}
		m->row[i].id = (uint32_t)((uint32_t *)bsearch(&r->id, ids, k,
					  sizeof(*ids), by_value) - ids);
	}
	m->ids = k;
	free(ids);
	return HMR_OK;
}

size_t
hmr_mot_frame(const struct hmr_mot *m, size_t at)
{
	size_t n = at;

	while (n < m->n && m->row[n].frame == m->row[at].frame)
		n++;
	return n - at;
}

double
hmr_mot_iou(const float a[4], const float b[4])
{
	double w = fmin(a[2], b[2]) - fmax(a[0], b[0]);
	double h = fmin(a[3], b[3]) - fmax(a[1], b[1]);
	double both, all;

	if (w <= 0 || h <= 0)
		return 0;
	both = w * h;
	all = (double)(a[2] - a[0]) * (a[3] - a[1]) +
	      (double)(b[2] - b[0]) * (b[3] - b[1]) - both;
	return all > 0 ? both / all : 0;
}

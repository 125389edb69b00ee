/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON Lines (formats/tracks.md). One fixed output buffer, decode buffers
 * for the largest tables, own number formatting; nothing is allocated per frame.
 * What is not finite is written as 0, what is not UTF-8 as \xNN in plain text.
 */
#include "stream/lines_write.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/num.h"
#include "stream/tables.h"

#define BUFFER (1u << 20)
#define NOBODY UINT32_MAX

struct hmr_lines_writer {
	int fd;
	const char *name;
	struct hmr_lines_options o;
	uint64_t frames;
	int32_t tb_num, tb_den;
	enum hmr_status st;		/* the first failed write */
	struct hmr_err err;
	size_t n;			/* bytes waiting in buf */
	bool first;			/* no key yet in the object being written */
	char *buf;			/* [BUFFER] */
	struct hmr_person *people;	/* [HMR_PEOPLE_CAP] each */
	struct hmr_body_row *bodies;
	struct hmr_track_row *tracks;
	uint32_t *body_of, *track_of, *vert_of;	/* person to row or NOBODY */
	uint32_t *vert_person;
	float *vert;			/* [vert_cap], with vertices only */
	size_t vert_cap;
};

static const char *const field_name[] = {
	"box", "score", "pose", "shape", "camera", "camera_crop", "focal",
	"crop", "joints3d", "joints2d", "joint_conf", "fit_error", "missed",
	"given_id", "vertices",
};
#define FIELDS (sizeof(field_name) / sizeof(field_name[0]))

enum hmr_status
hmr_lines_fields_parse(const char *list, uint32_t *fields, struct hmr_err *e)
{
	uint32_t set = 0;

	for (;;) {
		size_t n = strcspn(list, ","), i;

		for (i = 0; i < FIELDS; i++)
			if (strlen(field_name[i]) == n &&
			    !memcmp(field_name[i], list, n))
				break;
		if (n == 2 && !memcmp(list, "id", 2))
			i = FIELDS + 1;		/* always there */
		if (i == FIELDS)
			return hmr_fail(e, HMR_E_USAGE, "unknown field '%.*s'",
					(int)(n > 60 ? 60 : n), list);
		if (i < FIELDS)
			set |= 1u << i;
		if (!list[n])
			break;
		list += n + 1;
	}
	*fields = set;
	return HMR_OK;
}

/* ---- the buffer ---- */

static void
flush(struct hmr_lines_writer *w)
{
	if (!w->st && w->n)
		w->st = hmr_write_full(w->fd, w->buf, w->n, &w->err);
	w->n = 0;
}

/* Room for n more bytes, n <= BUFFER. */
static char *
room(struct hmr_lines_writer *w, size_t n)
{
	if (n > BUFFER - w->n)
		flush(w);
	return w->buf + w->n;
}

static void
put(struct hmr_lines_writer *w, const char *s)
{
	size_t n = strlen(s);

	memcpy(room(w, n), s, n);
	w->n += n;
}

static void
put_key(struct hmr_lines_writer *w, const char *key)
{
	put(w, w->first ? "\"" : ",\"");
	w->first = false;
	put(w, key);
	put(w, "\":");
}

static void
put_u64(struct hmr_lines_writer *w, const char *key, uint64_t v)
{
	put_key(w, key);
	w->n += hmr_fmt_u64(room(w, HMR_NUM_MAX), v);
}

static void
put_i64(struct hmr_lines_writer *w, const char *key, int64_t v)
{
	put_key(w, key);
	w->n += hmr_fmt_i64(room(w, HMR_NUM_MAX), v);
}

static void
put_f32(struct hmr_lines_writer *w, float v)
{
	char *p = room(w, HMR_NUM_MAX);

	if (v == 0 && signbit(v)) {	/* keeps the bit of a negative zero */
		*p++ = '-';
		w->n++;
	}
	w->n += hmr_fmt_f32(p, v);
}

static void
put_vec(struct hmr_lines_writer *w, const float *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		*room(w, 1) = i ? ',' : '[';
		w->n++;
		put_f32(w, v[i]);
	}
	put(w, n ? "]" : "[]");
}

/* [rows][n], nested. */
static void
put_mat(struct hmr_lines_writer *w, const float *v, size_t rows, size_t n)
{
	for (size_t i = 0; i < rows; i++) {
		put(w, i ? "," : "[");
		put_vec(w, v + i * n, n);
	}
	put(w, rows ? "]" : "[]");
}

/* Length of the UTF-8 sequence at p, 0 where it is not one. */
static size_t
utf8_len(const uint8_t *p, const uint8_t *end)
{
	size_t left = (size_t)(end - p), n, i;
	uint32_t c;

	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	c = p[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if ((n == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (n == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	return n;
}

static void
put_hex(struct hmr_lines_writer *w, const char *prefix, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	char t[3] = { hex[c >> 4], hex[c & 15], 0 };

	put(w, prefix);
	put(w, t);
}

/* JSON text or the inside of a string: what is not UTF-8 becomes \xNN. With
 * quote, also the characters that a JSON string may not hold. Ends before a
 * character that would make more than max bytes when read back. */
static void
put_text(struct hmr_lines_writer *w, const char *s, size_t n, bool quote, size_t max)
{
	const uint8_t *p = (const uint8_t *)s, *end = p + n;

	for (size_t len, back; p < end; p += len, max -= back) {
		len = utf8_len(p, end);
		back = len ? len : strlen("\\xNN");
		if (back > max)
			break;
		if (!len) {
			put_hex(w, "\\\\x", *p);
			len = 1;
		} else if (quote && (*p == '"' || *p == '\\')) {
			char t[3] = { '\\', (char)*p, 0 };

			put(w, t);
		} else if (*p < 0x20) {
			if (quote)
				put_hex(w, "\\u00", *p);
		} else {
			memcpy(room(w, len), p, len);
			w->n += len;
		}
	}
}

static enum hmr_status
line_end(struct hmr_lines_writer *w, struct hmr_err *e)
{
	put(w, "\n");
	flush(w);
	if (!w->st)
		return HMR_OK;
	if (e)
		*e = w->err;
	return hmr_fail_in(e, w->st, "%s", w->name);
}

/* ---- lines ---- */

enum hmr_status
hmr_lines_writer_head(struct hmr_lines_writer *w, struct hmr_head *h,
		      struct hmr_err *e)
{
	const struct hmr_head_info *i = hmr_head_info(h);
	const char *json = hmr_head_json(h, e);
	size_t want = (size_t)i->max_payload / sizeof(float);

	if (!json)
		return HMR_E_NOMEM;
	w->frames = 0;
	w->tb_num = i->tb_num;
	w->tb_den = i->tb_den;
	if ((w->o.fields & HMR_LINES_VERTICES) && want > w->vert_cap) {
		free(w->vert);
		w->vert_cap = 0;
		if (!(w->vert = malloc(want * sizeof(float))))
			return hmr_fail(e, HMR_E_NOMEM, "%s: vertices", w->name);
		w->vert_cap = want;
	}
	put(w, "{\"type\":\"header\",\"tracks\":\"" HMR_LINES_VERSION "\"");
	json++;				/* the brace */
	if (*json != '}')
		put(w, ",");
	put_text(w, json, strlen(json), false, SIZE_MAX);
	return line_end(w, e);
}

static void
put_body(struct hmr_lines_writer *w, const struct hmr_body_row *b)
{
	uint32_t f = w->o.fields;
	static const struct {
		uint32_t field;
		const char *key;
		size_t at, rows, n;	/* rows 0: a plain vector */
	} tab[] = {
#define AT(m) offsetof(struct hmr_body_row, m)
		{ HMR_LINES_POSE, "pose", AT(pose), HMR_POSE_JOINTS, 9 },
		{ HMR_LINES_SHAPE, "shape", AT(shape), 0, HMR_SHAPE },
		{ HMR_LINES_CAMERA, "camera", AT(camera), 0, 3 },
		{ HMR_LINES_CAMERA_CROP, "camera_crop", AT(camera_crop), 0, 3 },
		{ HMR_LINES_CROP, "crop", AT(crop), 0, 3 },
		{ HMR_LINES_JOINTS3D, "joints3d", AT(joints3d), HMR_JOINTS, 3 },
		{ HMR_LINES_JOINTS2D, "joints2d", AT(joints2d), HMR_JOINTS, 2 },
#undef AT
	};

	for (size_t i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		const float *v = (const float *)((const char *)b + tab[i].at);

		if (!(f & tab[i].field))
			continue;
		put_key(w, tab[i].key);
		if (tab[i].rows)
			put_mat(w, v, tab[i].rows, tab[i].n);
		else
			put_vec(w, v, tab[i].n);
	}
	if (f & HMR_LINES_FOCAL) {
		put_key(w, "focal");
		put_f32(w, b->focal);
	}
	if ((f & HMR_LINES_JOINT_CONF) && (b->flags & HMR_BODY_CONF)) {
		put_key(w, "joint_conf");
		put_vec(w, b->joint_conf, HMR_JOINTS);
	}
	if ((f & HMR_LINES_FIT_ERROR) && (b->flags & HMR_BODY_FIT)) {
		put_key(w, "fit_error");
		put_f32(w, b->fit_error);
	}
}

static void
put_person(struct hmr_lines_writer *w, uint32_t i, uint32_t vert_count)
{
	const struct hmr_person *p = &w->people[i];
	uint32_t f = w->o.fields;

	put(w, "{");
	w->first = true;
	if (w->track_of[i] != NOBODY) {
		const struct hmr_track_row *t = &w->tracks[w->track_of[i]];

		put_u64(w, "id", t->id);
		if (f & HMR_LINES_MISSED) {
			put_u64(w, "missed", t->missed);
			if (t->flags & HMR_TRACK_FILLED)
				put(w, ",\"filled\":true");
			if (!(t->flags & HMR_TRACK_CONFIRMED))
				put(w, ",\"tentative\":true");
		}
	}
	if (f & HMR_LINES_BOX) {
		put_key(w, "box");
		put_vec(w, p->box, 4);
	}
	if (f & HMR_LINES_SCORE) {
		put_key(w, "score");
		put_f32(w, p->score);
	}
	if ((f & HMR_LINES_GIVEN_ID) && p->given_id)
		put_u64(w, "given_id", p->given_id);
	if (w->body_of[i] != NOBODY)
		put_body(w, &w->bodies[w->body_of[i]]);
	if (w->vert_of[i] != NOBODY) {
		put_key(w, "vertices");
		put_mat(w, w->vert + (size_t)w->vert_of[i] * vert_count,
			vert_count / 3, 3);
	}
	put(w, "}");
}

/* Decodes the tables of a frame and says which row is whose. A table that the
 * frame lacks has no rows. Of two rows for one person the first counts. */
static enum hmr_status
load(struct hmr_lines_writer *w, const struct hmr_frame *f, uint32_t *n_people,
     uint32_t *vert_count, bool *tracked, struct hmr_err *e)
{
	const uint8_t *data;
	uint32_t n, rows, kind;
	size_t len;
	enum hmr_status st;

	st = hmr_people_get(f, w->people, HMR_PEOPLE_CAP, n_people, e);
	if (st < 0)
		return st;
	n = *n_people;
	memset(w->body_of, 0xff, n * sizeof(*w->body_of));
	memset(w->track_of, 0xff, n * sizeof(*w->track_of));
	memset(w->vert_of, 0xff, n * sizeof(*w->vert_of));
	if ((st = hmr_bodies_get(f, w->bodies, HMR_PEOPLE_CAP, n, &rows, e)) < 0)
		return st;
	while (rows--)
		w->body_of[w->bodies[rows].person] = rows;
	if ((st = hmr_tracks_get(f, w->tracks, HMR_PEOPLE_CAP, n, &rows, e)) < 0)
		return st;
	*tracked = st == HMR_OK;
	while (rows--)
		w->track_of[w->tracks[rows].person] = rows;
	if (!(w->o.fields & HMR_LINES_VERTICES))
		return HMR_OK;
	st = hmr_frame_get(f, HMR_TAG_VERTICES, &data, &len, e);
	if (st || len < HMR_TABLE_HEADER)
		return st < 0 ? st : HMR_OK;
	if (!(*vert_count = hmr_get32(data + 8)))
		return HMR_OK;
	st = hmr_vectors_get(f, HMR_TAG_VERTICES, w->vert_person, w->vert,
			     *vert_count,
			     (uint32_t)(w->vert_cap / *vert_count < HMR_PEOPLE_CAP ?
					w->vert_cap / *vert_count :
					HMR_PEOPLE_CAP),
			     n, &rows, &kind, &kind, e);
	while (!st && rows--)
		w->vert_of[w->vert_person[rows]] = rows;
	return st < 0 ? st : HMR_OK;
}

static void
put_camera(struct hmr_lines_writer *w, const struct hmr_camera_row *c)
{
	put(w, ",\"camera\":{\"focal\":");
	put_vec(w, c->focal, 2);
	put(w, ",\"centre\":");
	put_vec(w, c->centre, 2);
	put(w, "}");
}

enum hmr_status
hmr_lines_writer_frame(struct hmr_lines_writer *w, const struct hmr_frame *f,
		       struct hmr_err *e)
{
	uint32_t n = 0, vert_count = 0, i;
	struct hmr_camera_row camera;
	bool tracked = false, any = false;
	enum hmr_status st;

	if ((st = load(w, f, &n, &vert_count, &tracked, e)) ||
	    (st = hmr_camera_get(f, &camera, e)) < 0)
		return hmr_fail_in(e, st, "%s", w->name);
	put(w, "{\"type\":\"frame\"");
	w->first = false;
	put_u64(w, "frame", f->number);
	put_i64(w, "pts", f->pts);
	put_key(w, "time");
	w->n += hmr_fmt_f64(room(w, HMR_NUM_MAX),
			    (double)f->pts * w->tb_num / w->tb_den, 6);
	if (f->duration)
		put_i64(w, "duration", f->duration);
	put_u64(w, "width", f->width);
	put_u64(w, "height", f->height);
	if (f->flags & HMR_FRAME_SHOT)
		put(w, ",\"shot\":true");
	if (st == HMR_OK)
		put_camera(w, &camera);
	put(w, ",\"people\":[");
	for (i = 0; i < n; i++) {
		if (tracked && !w->o.all && w->track_of[i] == NOBODY)
			continue;
		if (any)
			put(w, ",");
		any = true;
		put_person(w, i, vert_count);
	}
	put(w, "]}");
	w->frames++;
	return line_end(w, e);
}

enum hmr_status
hmr_lines_writer_end(struct hmr_lines_writer *w, const struct hmr_end *end,
		     struct hmr_err *e)
{
	if (!end->complete) {
		put(w, "{\"type\":\"error\",\"stage\":\"");
		put_text(w, end->stage, strlen(end->stage), true,
			 sizeof(end->stage) - 1);
		put(w, "\",\"frame\":");
		if (end->frame < 0)
			put(w, "null");
		else
			w->n += hmr_fmt_i64(room(w, HMR_NUM_MAX), end->frame);
		put(w, ",\"message\":\"");
		put_text(w, end->message, strlen(end->message), true,
			 sizeof(end->message) - 1);
		put(w, "\"");
		w->first = false;
		if (end->signal)
			put_i64(w, "signal", end->signal);
		put(w, "}\n");
	}
	put(w, "{\"type\":\"end\"");
	w->first = false;
	put_u64(w, "frames", w->frames);
	put(w, end->complete ? ",\"status\":\"complete\"}" :
	    ",\"status\":\"failed\"}");
	return line_end(w, e);
}

uint64_t
hmr_lines_writer_frames(const struct hmr_lines_writer *w)
{
	return w->frames;
}

enum hmr_status
hmr_lines_writer_new(struct hmr_lines_writer **out, int fd, const char *name,
		     const struct hmr_lines_options *o, struct hmr_err *e)
{
	struct hmr_lines_writer *w = calloc(1, sizeof(*w));
	size_t cap = HMR_PEOPLE_CAP;

	*out = NULL;
	if (!w)
		return hmr_fail(e, HMR_E_NOMEM, "%s", name);
	w->fd = fd;
	w->name = name;
	w->o = *o;
	w->tb_den = 1;
	w->buf = malloc(BUFFER);
	w->people = malloc(cap * sizeof(*w->people));
	w->bodies = malloc(cap * sizeof(*w->bodies));
	w->tracks = malloc(cap * sizeof(*w->tracks));
	w->body_of = malloc(cap * sizeof(*w->body_of));
	w->track_of = malloc(cap * sizeof(*w->track_of));
	w->vert_of = malloc(cap * sizeof(*w->vert_of));
	w->vert_person = malloc(cap * sizeof(*w->vert_person));
	if (!w->buf || !w->people || !w->bodies || !w->tracks || !w->body_of ||
	    !w->track_of || !w->vert_of || !w->vert_person) {
		hmr_lines_writer_free(w);
		return hmr_fail(e, HMR_E_NOMEM, "%s", name);
	}
	*out = w;
	return HMR_OK;
}

void
hmr_lines_writer_free(struct hmr_lines_writer *w)
{
	if (!w)
		return;
	free(w->buf);
	free(w->people);
	free(w->bodies);
	free(w->tracks);
	free(w->body_of);
	free(w->track_of);
	free(w->vert_of);
	free(w->vert_person);
	free(w->vert);
	free(w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and the image of a FRAME between bytes and structs; see tables.h.
 * Every float from outside must be finite, every person index in range.
 */
#include "stream/tables.h"

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "stream/record.h"

#define PERSON_ROW 32
#define BODY_ROW 2016
#define TRACK_ROW 16
#define LANDMARK_ROW (8 + 4 * HMR_LANDMARKS * 6)
#define CAMERA_ROW 16

struct table {			/* a table section, header checked */
	const char *name;
	const uint8_t *rows;
	uint32_t n, row_size, count, kind;
};

/* want_count: 0 takes any; HMR_EOF where the section is missing. */
static enum hmr_status
table_get(const struct hmr_frame *f, uint32_t tag, uint32_t row_min, uint32_t max,
	  uint32_t want_count, char name[5], struct table *t, struct hmr_err *e)
{
	const uint8_t *p;
	enum hmr_status st;
	uint64_t bytes;
	size_t n;

	t->name = hmr_tag_text(tag, name);
	if ((st = hmr_frame_get(f, tag, &p, &n, e)))
		return st;
	if (n < HMR_TABLE_HEADER)
		return hmr_fail(e, HMR_E_FORMAT, "section %s: %zu bytes", t->name, n);
	t->n = hmr_get32(p);
	t->row_size = hmr_get32(p + 4);
	t->count = hmr_get32(p + 8);
	t->kind = hmr_get32(p + 12);
	t->rows = p + HMR_TABLE_HEADER;
	bytes = (uint64_t)t->n * t->row_size;
	if (bytes != n - HMR_TABLE_HEADER || (t->n && t->row_size < row_min))
		return hmr_fail(e, HMR_E_FORMAT,
				"section %s: %u rows of %u bytes in %zu bytes",
				t->name, t->n, t->row_size, n);
	if (want_count && t->n && t->count != want_count)
		return hmr_fail(e, HMR_E_VERSION, "section %s: count %u, known is %u",
				t->name, t->count, want_count);
	if (t->n > max)
		return hmr_fail(e, HMR_E_LIMIT, "section %s: %u rows, at most %u",
				t->name, t->n, max);
	return HMR_OK;
}

static const uint8_t *
row(const struct table *t, uint32_t i)
{
	return t->rows + (size_t)i * t->row_size;
}

static enum hmr_status
get_floats(const struct table *t, uint32_t i, const uint8_t *p, float *out,
	   size_t n, struct hmr_err *e)
{
	float sum = 0;

	for (size_t k = 0; k < n; k++) {
		out[k] = hmr_getf32(p + 4 * k);
		sum += out[k] * 0;	/* NaN unless all are finite */
	}
	if (sum != 0 || isnan(sum))
		return hmr_fail(e, HMR_E_FORMAT, "section %s: row %u: not finite",
				t->name, i);
	return HMR_OK;
}

static enum hmr_status
check_person(const struct table *t, uint32_t i, uint32_t person, uint32_t people,
	     struct hmr_err *e)
{
	if (people != UINT32_MAX && person >= people)
		return hmr_fail(e, HMR_E_FORMAT,
				"section %s: row %u: person %u of %u", t->name, i,
				person, people);
	return HMR_OK;
}

static uint8_t *
put_floats(uint8_t *p, const float *v, size_t n)
{
	for (size_t k = 0; k < n; k++)
		hmr_putf32(p + 4 * k, v[k]);
	return p + 4 * n;
}

static uint8_t *
put_header(uint8_t *buf, uint32_t rows, uint32_t row_size, uint32_t count,
	   uint32_t kind)
{
	hmr_put32(buf, rows);
	hmr_put32(buf + 4, row_size);
	hmr_put32(buf + 8, count);
	hmr_put32(buf + 12, kind);
	return buf + HMR_TABLE_HEADER;
}

enum hmr_status
hmr_people_get(const struct hmr_frame *f, struct hmr_person *out, uint32_t max,
	       uint32_t *rows, struct hmr_err *e)
{
	enum hmr_status st;
	struct table t;
	char name[5];

	*rows = 0;
	if ((st = table_get(f, HMR_TAG_PEOPLE, PERSON_ROW, max, 0, name, &t, e)))
		return st;
	for (uint32_t i = 0; i < t.n; i++) {
		const uint8_t *p = row(&t, i);

		if ((st = get_floats(&t, i, p, out[i].box, 4, e)) ||
		    (st = get_floats(&t, i, p + 16, &out[i].score, 1, e)))
			return st;
		out[i].given_id = hmr_get32(p + 20);
		out[i].flags = hmr_get32(p + 24);
	}
	*rows = t.n;
	return HMR_OK;
}

size_t
hmr_people_bytes(uint32_t rows)
{
	return HMR_TABLE_HEADER + (size_t)rows * PERSON_ROW;
}

size_t
hmr_people_put(uint8_t *buf, const struct hmr_person *p, uint32_t rows)
{
	uint8_t *at = put_header(buf, rows, PERSON_ROW, 0, 0);

	for (uint32_t i = 0; i < rows; i++, at += PERSON_ROW) {
		put_floats(at, p[i].box, 4);
		hmr_putf32(at + 16, p[i].score);
		hmr_put32(at + 20, p[i].given_id);
		hmr_put32(at + 24, p[i].flags);
		hmr_put32(at + 28, 0);
	}
	return hmr_people_bytes(rows);
}

/* The float fields of a BODY row, in order, as they lie in the struct. */
static const struct { size_t offset, n; } body_fields[] = {
#define FIELD(f) { offsetof(struct hmr_body_row, f), \
		   sizeof(((struct hmr_body_row *)0)->f) / sizeof(float) }
	FIELD(pose), FIELD(shape), FIELD(camera), FIELD(camera_crop), FIELD(focal),
	FIELD(fit_error), FIELD(crop), FIELD(joints3d), FIELD(joints2d),
	FIELD(joint_conf),
#undef FIELD
};
#define BODY_FIELDS (sizeof(body_fields) / sizeof(*body_fields))

enum hmr_status
hmr_bodies_get(const struct hmr_frame *f, struct hmr_body_row *out,
	       uint32_t max, uint32_t people, uint32_t *rows, struct hmr_err *e)
{
	enum hmr_status st;
	struct table t;
	char name[5];

	*rows = 0;
	if ((st = table_get(f, HMR_TAG_BODIES, BODY_ROW, max, HMR_JOINTS, name, &t, e)))
		return st;
	for (uint32_t i = 0; i < t.n; i++) {
		const uint8_t *p = row(&t, i) + 8;

		out[i].person = hmr_get32(p - 8);
		out[i].flags = hmr_get32(p - 4);
		if ((st = check_person(&t, i, out[i].person, people, e)))
			return st;
		for (size_t k = 0; k < BODY_FIELDS; k++) {
			float *v = (float *)((char *)&out[i] + body_fields[k].offset);

			if ((st = get_floats(&t, i, p, v, body_fields[k].n, e)))
				return st;
			p += 4 * body_fields[k].n;
		}
	}
	*rows = t.n;
	return HMR_OK;
}

size_t
hmr_bodies_bytes(uint32_t rows)
{
	return HMR_TABLE_HEADER + (size_t)rows * BODY_ROW;
}

size_t
hmr_bodies_put(uint8_t *buf, const struct hmr_body_row *b, uint32_t rows)
{
	uint8_t *at = put_header(buf, rows, BODY_ROW, HMR_JOINTS, 1);

	for (uint32_t i = 0; i < rows; i++) {
		uint8_t *p = at + (size_t)i * BODY_ROW;

		hmr_put32(p, b[i].person);
		hmr_put32(p + 4, b[i].flags);
		p += 8;
		for (size_t k = 0; k < BODY_FIELDS; k++)
			p = put_floats(p, (const float *)((const char *)&b[i] +
							  body_fields[k].offset),
				       body_fields[k].n);
		hmr_put32(p, 0);
	}
	return hmr_bodies_bytes(rows);
}

enum hmr_status
hmr_tracks_get(const struct hmr_frame *f, struct hmr_track_row *out,
	       uint32_t max, uint32_t people, uint32_t *rows, struct hmr_err *e)
{
	enum hmr_status st;
	struct table t;
	char name[5];

	*rows = 0;
	if ((st = table_get(f, HMR_TAG_TRACKS, TRACK_ROW, max, 0, name, &t, e)))
		return st;
	for (uint32_t i = 0; i < t.n; i++) {
		const uint8_t *p = row(&t, i);

		out[i].person = hmr_get32(p);
		out[i].id = hmr_get32(p + 4);
		out[i].missed = hmr_get32(p + 8);
		out[i].flags = hmr_get32(p + 12);
		if ((st = check_person(&t, i, out[i].person, people, e)))
			return st;
		if (!out[i].id)
			return hmr_fail(e, HMR_E_FORMAT, "section TRAK: row %u: id 0", i);
	}
	*rows = t.n;
	return HMR_OK;
}

size_t
hmr_tracks_bytes(uint32_t rows)
{
	return HMR_TABLE_HEADER + (size_t)rows * TRACK_ROW;
}

size_t
hmr_tracks_put(uint8_t *buf, const struct hmr_track_row *t, uint32_t rows)
{
	uint8_t *at = put_header(buf, rows, TRACK_ROW, 0, 0);

	for (uint32_t i = 0; i < rows; i++, at += TRACK_ROW) {
		hmr_put32(at, t[i].person);
		hmr_put32(at + 4, t[i].id);
		hmr_put32(at + 8, t[i].missed);
		hmr_put32(at + 12, t[i].flags);
	}
	return hmr_tracks_bytes(rows);
}

enum hmr_status
hmr_landmarks_get(const struct hmr_frame *f, struct hmr_landmark_row *out,
		  uint32_t max, uint32_t people, uint32_t *rows,
		  struct hmr_err *e)
{
	enum hmr_status st;
	struct table t;
	char name[5];

	*rows = 0;
	if ((st = table_get(f, HMR_TAG_LANDMARKS, LANDMARK_ROW, max, HMR_LANDMARKS,
			    name, &t, e)))
		return st;
	for (uint32_t i = 0; i < t.n; i++) {
		const uint8_t *p = row(&t, i);

		out[i].person = hmr_get32(p);
		if ((st = check_person(&t, i, out[i].person, people, e)) ||
		    (st = get_floats(&t, i, p + 4, &out[i].flag, 1, e)) ||
		    (st = get_floats(&t, i, p + 8, &out[i].image[0][0],
				     3 * HMR_LANDMARKS, e)) ||
		    (st = get_floats(&t, i, p + 8 + 12 * HMR_LANDMARKS,
				     &out[i].world[0][0], 3 * HMR_LANDMARKS, e)))
			return st;
	}
	*rows = t.n;
	return HMR_OK;
}

size_t
hmr_landmarks_bytes(uint32_t rows)
{
	return HMR_TABLE_HEADER + (size_t)rows * LANDMARK_ROW;
}

size_t
hmr_landmarks_put(uint8_t *buf, const struct hmr_landmark_row *l, uint32_t rows)
{
	uint8_t *at = put_header(buf, rows, LANDMARK_ROW, HMR_LANDMARKS, 1);

	for (uint32_t i = 0; i < rows; i++) {
		hmr_put32(at, l[i].person);
		hmr_putf32(at + 4, l[i].flag);
		at = put_floats(at + 8, &l[i].image[0][0], 3 * HMR_LANDMARKS);
		at = put_floats(at, &l[i].world[0][0], 3 * HMR_LANDMARKS);
	}
	return hmr_landmarks_bytes(rows);
}

enum hmr_status
hmr_camera_get(const struct hmr_frame *f, struct hmr_camera_row *out,
	       struct hmr_err *e)
{
	enum hmr_status st;
	struct table t;
	char name[5];

	if ((st = table_get(f, HMR_TAG_CAMERA, CAMERA_ROW, 1, 0, name, &t, e)))
		return st;
	if (!t.n)
		return HMR_EOF;
	if ((st = get_floats(&t, 0, t.rows, out->focal, 2, e)) ||
	    (st = get_floats(&t, 0, t.rows + 8, out->centre, 2, e)))
		return st;
	if (!(out->focal[0] > 0) || !(out->focal[1] > 0))
		return hmr_fail(e, HMR_E_FORMAT, "section CAMR: focal length %g, %g",
				(double)out->focal[0], (double)out->focal[1]);
	return HMR_OK;
}

size_t
hmr_camera_bytes(void)
{
	return HMR_TABLE_HEADER + CAMERA_ROW;
}

size_t
hmr_camera_put(uint8_t *buf, const struct hmr_camera_row *c)
{
	uint8_t *at = put_header(buf, 1, CAMERA_ROW, 0, 0);

	put_floats(put_floats(at, c->focal, 2), c->centre, 2);
	return hmr_camera_bytes();
}

enum hmr_status
hmr_vectors_get(const struct hmr_frame *f, uint32_t tag, uint32_t *person,
		float *values, uint32_t cap, uint32_t max, uint32_t people,
		uint32_t *rows, uint32_t *count, uint32_t *kind,
		struct hmr_err *e)
{
	enum hmr_status st;
	struct table t;
	char name[5];

	*rows = *count = *kind = 0;
	if ((st = table_get(f, tag, 4, max, 0, name, &t, e)))
		return st;
	if (t.n && (t.count > cap || t.row_size < 4 + 4 * (uint64_t)t.count))
		return hmr_fail(e, t.count > cap ? HMR_E_LIMIT : HMR_E_FORMAT,
				"section %s: %u values in rows of %u bytes, at most %u values",
				t.name, t.count, t.row_size, cap);
	for (uint32_t i = 0; i < t.n; i++) {
		const uint8_t *p = row(&t, i);

		person[i] = hmr_get32(p);
		if ((st = check_person(&t, i, person[i], people, e)) ||
		    (st = get_floats(&t, i, p + 4, values + (size_t)i * cap, t.count, e)))
			return st;
	}
	*rows = t.n;
	*count = t.count;
	*kind = t.kind;
	return HMR_OK;
}

uint32_t
hmr_vectors_kind(const struct hmr_frame *f, uint32_t tag)
{
	struct table t;
	char name[5];

	return table_get(f, tag, 0, UINT32_MAX, 0, name, &t, NULL) ? 0 : t.kind;
}

size_t
hmr_vectors_bytes(uint32_t rows, uint32_t count)
{
	return HMR_TABLE_HEADER + (size_t)rows * (4 + 4 * (size_t)count);
}

size_t
hmr_vectors_put(uint8_t *buf, uint32_t kind, const uint32_t *person,
		const float *values, uint32_t rows, uint32_t count)
{
	uint8_t *at = put_header(buf, rows, 4 + 4 * count, count, kind);

	for (uint32_t i = 0; i < rows; i++) {
		hmr_put32(at, person[i]);
		at = put_floats(at + 4, values + (size_t)i * count, count);
	}
	return hmr_vectors_bytes(rows, count);
}

enum hmr_status
hmr_gist_get(const struct hmr_frame *f, uint8_t out[HMR_GIST_VALUES],
	     struct hmr_err *e)
{
	enum hmr_status st;
	struct table t;
	char name[5];

	if ((st = table_get(f, HMR_TAG_GIST, HMR_GIST_VALUES, 1, HMR_GIST_VALUES, name,
			    &t, e)))
		return st;
	if (!t.n)
		return HMR_EOF;
	memcpy(out, t.rows, HMR_GIST_VALUES);
	return HMR_OK;
}

size_t
hmr_gist_section_bytes(void)
{
	return HMR_TABLE_HEADER + HMR_GIST_VALUES;
}

size_t
hmr_gist_put(uint8_t *buf, const uint8_t gist[HMR_GIST_VALUES])
{
	memcpy(put_header(buf, 1, HMR_GIST_VALUES, HMR_GIST_VALUES, 1), gist,
	       HMR_GIST_VALUES);
	return hmr_gist_section_bytes();
}

/* Bytes of plane p in a section: the last row without its padding. */
static size_t
plane_bytes(const struct hmr_image *im, uint32_t p)
{
	return (size_t)im->stride[p] * (hmr_plane_rows(im, p) - 1) +
	       hmr_plane_row(im, p);
}

enum hmr_status
hmr_image_get(const struct hmr_frame *f, struct hmr_image *out,
	      struct hmr_err *e)
{
	const uint8_t *p;
	enum hmr_status st;
	struct hmr_cur c;
	size_t n;

	memset(out, 0, sizeof(*out));
	if ((st = hmr_frame_get(f, HMR_TAG_IMAGE, &p, &n, e)))
		return st;
	c = (struct hmr_cur){ p, p + n };
	if (hmr_cur_take(&c, HMR_IMAGE_HEADER, &p))
		return hmr_fail(e, HMR_E_FORMAT, "section IMAG: %zu bytes", n);
	out->pixel = (enum hmr_pixel)hmr_get32(p);
	out->matrix = (enum hmr_matrix)hmr_get32(p + 4);
	out->range = (enum hmr_range)hmr_get32(p + 8);
	out->depth = hmr_get32(p + 12);
	out->width = hmr_get32(p + 16);
	out->height = hmr_get32(p + 20);
	out->planes = hmr_get32(p + 24);
	if (out->planes < 1 || out->planes > 3)
		return hmr_fail(e, HMR_E_FORMAT, "section IMAG: %u planes", out->planes);
	for (uint32_t i = 0; i < out->planes; i++)
		out->stride[i] = hmr_get32(p + 32 + 4 * i);
	if ((st = hmr_image_check(out, e)))
		return st;
	for (uint32_t i = 0; i < out->planes; i++)
		if (hmr_cur_take(&c, plane_bytes(out, i), &out->plane[i]))
			return hmr_fail(e, HMR_E_FORMAT,
					"section IMAG: plane %u crosses the end", i);
	if (c.at != c.end)
		return hmr_fail(e, HMR_E_FORMAT, "section IMAG: %zu bytes too many",
				(size_t)(c.end - c.at));
	return HMR_OK;
}

static void
image_header(uint8_t head[HMR_IMAGE_HEADER], const struct hmr_image *im)
{
	memset(head, 0, HMR_IMAGE_HEADER);
	hmr_put32(head, im->pixel);
	hmr_put32(head + 4, im->matrix);
	hmr_put32(head + 8, im->range);
	hmr_put32(head + 12, im->depth);
	hmr_put32(head + 16, im->width);
	hmr_put32(head + 20, im->height);
	hmr_put32(head + 24, im->planes);
	for (uint32_t i = 0; i < im->planes; i++)
		hmr_put32(head + 32 + 4 * i, im->stride[i]);
}

size_t
hmr_image_section_bytes(const struct hmr_image *im)
{
	return HMR_IMAGE_HEADER + hmr_image_bytes(im);
}

size_t
hmr_image_put(uint8_t *buf, const struct hmr_image *im)
{
	struct hmr_image tight = *im;
	uint8_t *at = buf + HMR_IMAGE_HEADER;

	for (uint32_t p = 0; p < im->planes; p++) {
		size_t n = hmr_plane_row(im, p);

		tight.stride[p] = (uint32_t)n;
		for (uint32_t y = 0; y < hmr_plane_rows(im, p); y++, at += n)
			memcpy(at, im->plane[p] + (size_t)y * im->stride[p], n);
	}
	image_header(buf, &tight);
	return (size_t)(at - buf);
}

size_t
hmr_image_parts(uint8_t head[HMR_IMAGE_HEADER], struct iovec parts[4],
		const struct hmr_image *im)
{
	size_t n = HMR_IMAGE_HEADER;

	image_header(head, im);
	parts[0] = (struct iovec){ head, HMR_IMAGE_HEADER };
	for (uint32_t p = 0; p < im->planes; p++) {
		parts[p + 1] = (struct iovec){ (void *)(uintptr_t)im->plane[p],
					       plane_bytes(im, p) };
		n += parts[p + 1].iov_len;
	}
	return n;
}

enum hmr_status
hmr_frame_focal(const struct hmr_frame *f, const struct hmr_head *h, float *px,
		struct hmr_err *e)
{
	const struct hmr_head_info *i = hmr_head_info(h);
	uint32_t side = f->width > f->height ? f->width : f->height;
	struct hmr_camera_row c;
	enum hmr_status st = hmr_camera_get(f, &c, e);

	*px = st == HMR_OK ? c.focal[0] :
	      i->focal > 0 ? i->focal : 5000.0f / 256.0f * (float)side;
	return st == HMR_EOF ? HMR_OK : st;
}

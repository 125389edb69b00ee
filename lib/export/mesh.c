/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Surfaces of people as files: one a person and frame, or one a frame with
 * everybody in it. Vertices are those that the frame holds or are posed again;
 * with them come normals and the colour of the identity. Files are whole or
 * absent. One surface is held at a time, and those that a frame holds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "body/surface.h"
#include "export/formats.h"
#include "render/palette.h"

#define STORED 64		/* people whose vertices a frame may hold */

struct mesh {
	const struct export_mesh_format *format;
	const char *given;	/* body */
	bool y_up, want_light;
	/* The surface that is written: the first vertices of the body's. */
	uint32_t verts, faces;
	const uint32_t *face;
	struct export_seams seams;
	struct export_names names;
	struct hmr_atomic file;
	struct export_text text;
	struct export_rows rows;
	struct hmr_body *body;
	struct hmr_pose_work *work;
	float (*vertex)[3], (*normal)[3], (*stored)[3];
	uint32_t stored_person[STORED], stored_rows;
	char path[EXPORT_NAME];
};

static void
free_pose(struct mesh *x)
{
	hmr_pose_work_free(x->work);
	free(x->vertex);
	free(x->normal);
	free(x->stored);
	x->work = NULL;
	x->vertex = x->normal = x->stored = NULL;
}

void
export_mesh_close(void *ctx)
{
	struct mesh *x = ctx;

	if (!x)
		return;
	free_pose(x);
	hmr_body_free(x->body);
	export_seams_release(&x->seams);
	export_rows_release(&x->rows);
	free(x->text.buf);
	free(x);
}

enum hmr_status
export_mesh_open(void **out, const struct export_mesh_format *format,
		 const struct hmr_export_options *o, struct hmr_err *e)
{
	struct mesh *x = calloc(1, sizeof(*x));
	enum hmr_status st;

	*out = NULL;
	if (!x)
		return hmr_fail(e, HMR_E_NOMEM, "export: out of memory");
	x->format = format;
	x->given = o->body;
	x->y_up = o->axes == HMR_EXPORT_AXES_FORMAT ? format->y_up :
		  o->axes == HMR_EXPORT_AXES_Y_UP;
	x->want_light = o->surface == HMR_EXPORT_SURFACE_LIGHT;
	if ((st = export_names_set(&x->names, o, format->ending, 2, e)) ||
	    (st = export_rows_init(&x->rows, true, e))) {
		export_mesh_close(x);
		return st;
	}
	*out = x;
	return HMR_OK;
}

/* Which surface is written, and its places. */
static enum hmr_status
choose_surface(struct mesh *x, struct hmr_err *e)
{
	const struct hmr_body *b = x->body;
	const uint32_t *face_uv = hmr_body_uv_face_list(b);

	x->verts = hmr_body_vertices(b);
	x->faces = hmr_body_faces(b);
	x->face = hmr_body_face_list(b);
	if (x->want_light) {
		x->verts = hmr_body_light_vertices(b);
		x->faces = hmr_body_light_faces(b);
		x->face = hmr_body_light_face_list(b);
		face_uv = hmr_body_light_uv_face_list(b);
	}
	return export_seams_make(&x->seams, x->verts, x->faces, x->face, face_uv,
				 hmr_body_uvs(b), hmr_body_uv_list(b), e);
}

enum hmr_status
export_mesh_head(void *ctx, struct hmr_head *h, struct hmr_err *e)
{
	struct mesh *x = ctx;
	enum hmr_status st;
	bool fresh;
	size_t v;

	st = hmr_surface_body(&x->body, h, x->given, &fresh, e);
	if (fresh)
		free_pose(x);
	if (st == HMR_EOF)
		return hmr_fail(e, HMR_E_FORMAT, "%s needs bodies: hmr-mesh makes them",
				x->format->name);
	if (st || !fresh)
		return st;
	v = hmr_body_vertices(x->body);
	x->work = hmr_pose_work_new(x->body);
	x->vertex = malloc(v * sizeof(*x->vertex));
	x->normal = malloc(v * sizeof(*x->normal));
	x->stored = malloc(v * STORED * sizeof(*x->stored));
	if (!x->work || !x->vertex || !x->normal || !x->stored)
		return hmr_fail(e, HMR_E_NOMEM, "%s: %zu vertices", x->format->name, v);
	return choose_surface(x, e);
}

/* Sums of the faces' normals, each as long as its face is large, at length 1. */
static void
find_normals(struct mesh *x)
{
	const uint32_t *f = x->face;

	memset(x->normal, 0, x->verts * sizeof(*x->normal));
	for (uint32_t i = x->faces; i; i--, f += 3) {
		const float *a = x->vertex[f[0]];
		float p[3], q[3];

		for (int k = 0; k < 3; k++) {
			p[k] = x->vertex[f[1]][k] - a[k];
			q[k] = x->vertex[f[2]][k] - a[k];
		}
		for (int c = 0; c < 3; c++) {
			float *n = x->normal[f[c]];

			n[0] += p[1] * q[2] - p[2] * q[1];
			n[1] += p[2] * q[0] - p[0] * q[2];
			n[2] += p[0] * q[1] - p[1] * q[0];
		}
	}
	for (uint32_t i = 0; i < x->verts; i++) {
		float *n = x->normal[i];
		float len = sqrtf(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);

		for (int k = 0; k < 3; k++)
			n[k] = len > 0 ? n[k] / len : k == 2;
	}
}

/* Vertices and normals of a body, placed and turned; false: it has no pose. */
static bool
surface(struct mesh *x, const struct hmr_body_row *b)
{
	uint32_t verts = hmr_body_vertices(x->body), slot = 0;
	bool posed = false;

	while (slot < x->stored_rows && x->stored_person[slot] != b->person)
		slot++;
	for (int i = 0; i < HMR_POSE_JOINTS * 9; i++)
		posed = posed || b->pose[i / 9][i % 9] != 0;
	if (slot < x->stored_rows)
		memcpy(x->vertex, x->stored + (size_t)slot * verts,
		       x->verts * sizeof(*x->vertex));
	else if (posed)
		hmr_body_pose_vertices(x->body, x->work, b->pose, b->shape, x->vertex,
				       x->verts);
	else
		return false;
	find_normals(x);
	for (uint32_t i = 0; i < x->verts; i++)
		for (int k = 0; k < 3; k++) {
			float turn = x->y_up && k ? -1 : 1;

			x->vertex[i][k] = turn * (x->vertex[i][k] + b->camera[k]);
			x->normal[i][k] *= turn;
		}
	return true;
}

/* Whether person i goes out; *number: identity, or place in the frame where the
 * stream has none. */
static bool
chosen(const struct mesh *x, uint32_t i, uint32_t *number)
{
	bool tracked = x->rows.track_of[i] != EXPORT_NOBODY;

	*number = tracked ? x->rows.tracks[x->rows.track_of[i]].id : i;
	return x->rows.body_of[i] != EXPORT_NOBODY && (tracked || !x->rows.has_tracks);
}

static void
describe(const struct mesh *x, uint32_t i, uint32_t nth, struct export_surface *s)
{
	uint32_t number;

	chosen(x, i, &number);
	s->verts = x->verts;
	s->faces = x->faces;
	s->face = x->face;
	s->vertex = (const float (*)[3])x->vertex;
	s->normal = (const float (*)[3])x->normal;
	s->base = nth * s->verts;
	s->seams = &x->seams;
	s->base_slot = nth * x->seams.slots;
	snprintf(s->name, sizeof(s->name), "person_%u", number);
	if (x->rows.has_tracks)
		hmr_palette_id(number, s->rgb);
	else
		hmr_palette_anonymous(number, s->rgb);
}

/* Those people of who[n] into one file. */
static enum hmr_status
write_people(struct mesh *x, const struct hmr_frame *f, const uint32_t *who,
	     uint32_t n, struct hmr_err *e)
{
	struct export_text *t = &x->text;
	struct export_surface s = { .verts = x->verts, .faces = x->faces,
				    .seams = &x->seams };
	char note[120];

	snprintf(note, sizeof(note), "frame %llu, %s, metres, camera at the origin",
		 (unsigned long long)f->number, x->y_up ?
		 "x right, y up, z towards the camera" :
		 "x right, y down, z away from the camera");
	x->format->begin(t, note, n, &s);
	for (uint32_t i = 0; i < n; i++) {
		if (!surface(x, &x->rows.bodies[x->rows.body_of[who[i]]]))
			return hmr_fail(e, HMR_E_FORMAT, "%s needs poses, and the "
					"input's fields leave them out",
					x->format->name);
		describe(x, who[i], i, &s);
		x->format->surface(t, &s);
	}
	for (uint32_t i = 0; x->format->faces && i < n; i++) {
		describe(x, who[i], i, &s);
		x->format->faces(t, &s);
	}
	return export_text_flush(t, e);
}

static enum hmr_status
write_file(struct mesh *x, const struct hmr_frame *f, const uint32_t *who,
	   uint32_t n, uint32_t number, struct hmr_err *e)
{
	enum hmr_status st;

	export_names_make(&x->names, (uint64_t[2]){ f->number, number }, x->path);
	if ((st = hmr_atomic_open(&x->file, x->path, e)))
		return st;
	if ((st = export_text_to(&x->text, x->file.fd, x->path, e)) ||
	    (st = write_people(x, f, who, n, e))) {
		hmr_atomic_abort(&x->file);
		return st;
	}
	return hmr_atomic_commit(&x->file, e);
}

enum hmr_status
export_mesh_frame(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	struct mesh *x = ctx;
	uint32_t n = 0, number, *who;
	enum hmr_status st;

	if ((st = export_rows_load(&x->rows, f, e)) ||
	    (st = hmr_surface_stored(x->body, f, x->stored_person, x->stored, STORED,
				     x->rows.n, &x->stored_rows, e)))
		return st;
	for (uint32_t i = 0; x->names.n == 2 && i < x->rows.n; i++)
		if (chosen(x, i, &number) && (st = write_file(x, f, &i, 1, number, e)))
			return st;
	if (x->names.n == 2)
		return HMR_OK;
	who = x->rows.who;
	for (uint32_t i = 0; i < x->rows.n; i++)
		if (chosen(x, i, &number))
			who[n++] = i;
	if ((uint64_t)n * (x->verts + (uint64_t)x->seams.slots) > INT32_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "%s: %u people in one file",
				x->format->name, n);
	return write_file(x, f, who, n, 0, e);
}

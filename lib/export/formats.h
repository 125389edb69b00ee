/* SPDX-License-Identifier: Apache-2.0 */
/* What the formats of lib/export share; private to them. */
#ifndef HMR_EXPORT_FORMATS_H
#define HMR_EXPORT_FORMATS_H

#include "base/num.h"
#include "export/export.h"
#include "export/seams.h"
#include "stream/tables.h"

extern const struct hmr_export_format export_jsonl, export_csv, export_mot,
	export_mp4, export_png, export_obj, export_ply;

/* ---- text.c: lines into a file that is named when it is whole ---- */

struct export_text {
	int fd;			/* 1 for standard output */
	const char *path;	/* NULL: standard output */
	char *part, *place;	/* heap; place is what part is renamed to. NULL: neither */
	char *buf;
	size_t n, cap;
	bool begun;		/* something was written, or nothing is all */
	enum hmr_status st;	/* of a write in between */
	struct hmr_err err;
};

HMR_MUST_USE enum hmr_status
export_text_open(struct export_text *t, const char *path, struct hmr_err *e);
/* Room for n more bytes, at most 64 KiB. */
char *export_room(struct export_text *t, size_t n);
void export_str(struct export_text *t, const char *s);
void export_f32(struct export_text *t, float v);
void export_u64(struct export_text *t, uint64_t v);
/* All so far is written. */
HMR_MUST_USE enum hmr_status
export_text_flush(struct export_text *t, struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* flush, close, rename */
export_text_finish(struct export_text *t, struct hmr_err *e);
/* FILE.part stays where it was begun: then export_text_part() names it, else NULL. */
void export_text_close(struct export_text *t);
const char *export_text_part(const struct export_text *t);

/* From here on to fd, which it does not own, with the same buffer (made where
 * there is none); path names it in messages. Flush to be sure. */
HMR_MUST_USE enum hmr_status
export_text_to(struct export_text *t, int fd, const char *path, struct hmr_err *e);

/* ---- names.c: numbered files ---- */

#define EXPORT_NAME_PART 2000
#define EXPORT_NAME (3 * EXPORT_NAME_PART + 64)
struct export_names {
	char part[3][EXPORT_NAME_PART];	/* around the numbers */
	int digits[2];
	int n;			/* numbers in a name; 0: one file of a fixed name */
};
/* "x/%06d.png" with at most max numbers. HMR_E_USAGE */
HMR_MUST_USE enum hmr_status
export_names_split(struct export_names *x, const char *path, int max,
		   struct hmr_err *e);
/* Of o's path: a pattern, or a folder (then max numbers, 000005.png or
 * 000005_001.obj), or the one name where one frame was chosen. Makes the folder. */
HMR_MUST_USE enum hmr_status
export_names_set(struct export_names *x, const struct hmr_export_options *o,
		 const char *ending, int max, struct hmr_err *e);
void export_names_make(const struct export_names *x, const uint64_t number_of[2],
		       char out[EXPORT_NAME]);

/* HMR_E_USAGE, without a text, where is() says so of any local file that the stream comes
 * from, as far as HEAD names them; else HMR_E_NOMEM. */
HMR_MUST_USE enum hmr_status
export_source_any(const struct hmr_head *h, bool (*is)(void *ctx, const char *path),
		  void *ctx, struct hmr_err *e);

/* ---- rows.c: the tables of a frame, by person ---- */

#define EXPORT_NOBODY UINT32_MAX
struct export_rows {		/* arrays of HMR_PEOPLE_CAP, heap */
	struct hmr_person *people;
	struct hmr_body_row *bodies;	/* NULL where not asked for */
	struct hmr_track_row *tracks;
	uint32_t *body_of, *track_of;
	uint32_t *who;		/* room for a choice of people */
	uint32_t n;
	bool has_people, has_tracks;
};

HMR_MUST_USE enum hmr_status
export_rows_init(struct export_rows *r, bool bodies, struct hmr_err *e);
void export_rows_release(struct export_rows *r);
HMR_MUST_USE enum hmr_status
export_rows_load(struct export_rows *r, const struct hmr_frame *f,
		 struct hmr_err *e);
/* Is the head one that a stage of this name has touched? */
bool export_head_has(struct hmr_head *h, const char *stage);
/* The image, or HMR_E_FORMAT with the stages that would supply one. */
HMR_MUST_USE enum hmr_status
export_image(const struct hmr_frame *f, const char *format,
	     struct hmr_image *im, struct hmr_err *e);

/* ---- mesh.c: surfaces, written by obj.c and ply.c ---- */

struct export_surface {		/* one person's */
	uint32_t verts, faces;
	const uint32_t *face;	/* [faces][3], counter-clockwise from outside */
	const float (*vertex)[3], (*normal)[3];	/* [verts]; normals of length 1 */
	uint8_t rgb[3];
	char name[32];		/* "person_3" */
	uint32_t base;		/* vertices of this file before this person's */
	const struct export_seams *seams;	/* places; slots 0: none */
	uint32_t base_slot;	/* as base, of slots */
};
struct export_mesh_format {
	const char *name, *ending;
	bool y_up;		/* unless --axes says otherwise */
	/* A file begins; all surfaces have as many vertices and faces as s, which
	 * has none yet. note: a line on what it holds. */
	void (*begin)(struct export_text *t, const char *note, uint32_t people,
		      const struct export_surface *s);
	void (*surface)(struct export_text *t, const struct export_surface *s);
	/* After all surfaces, for each again; NULL: nothing. No vertices then. */
	void (*faces)(struct export_text *t, const struct export_surface *s);
};
HMR_MUST_USE enum hmr_status
export_mesh_open(void **out, const struct export_mesh_format *format,
		 const struct hmr_export_options *o, struct hmr_err *e);
enum hmr_status export_mesh_head(void *x, struct hmr_head *h, struct hmr_err *e);
enum hmr_status export_mesh_frame(void *x, const struct hmr_frame *f,
				  struct hmr_err *e);
void export_mesh_close(void *x);

#endif

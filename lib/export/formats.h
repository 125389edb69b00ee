/* SPDX-License-Identifier: Apache-2.0 */
/* What the formats of lib/export share; private to them. */
#ifndef HMR_EXPORT_FORMATS_H
#define HMR_EXPORT_FORMATS_H

#include "base/num.h"
#include "export/export.h"
#include "stream/tables.h"

extern const struct hmr_export_format export_jsonl, export_csv, export_mot,
	export_mp4, export_png;

/* ---- text.c: lines into a file that is named when it is whole ---- */

struct export_text {
	int fd;			/* 1 for standard output */
	const char *path;	/* NULL: standard output */
	char *part;		/* heap */
	char *buf;
	size_t n, cap;
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
void export_text_close(struct export_text *t);	/* FILE.part stays */

/* ---- rows.c: the tables of a frame, by person ---- */

#define EXPORT_NOBODY UINT32_MAX
struct export_rows {		/* arrays of HMR_PEOPLE_CAP, heap */
	struct hmr_person *people;
	struct hmr_body_row *bodies;	/* NULL where not asked for */
	struct hmr_track_row *tracks;
	uint32_t *body_of, *track_of;
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

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way out to other software: one row of a table per file format. A format
 * takes the heads, frames and ends of a stream (or of tracks.jsonl) in order and
 * writes files; hmr-export(1) says what each holds.
 *
 * What is finished is kept. Formats that say themselves whether they are whole
 * (jsonl), or that play as far as they go (mp4), grow under their own name.
 * Tables (csv, mot) grow as FILE.part and become FILE only when all input was
 * complete, so that FILE is never half of something. Pictures (png) and meshes
 * (obj, ply) are one file each, whole or absent.
 */
#ifndef HMR_EXPORT_H
#define HMR_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "stream/stream.h"

enum hmr_export_axes {		/* of meshes */
	HMR_EXPORT_AXES_FORMAT = 0,	/* what the format is used to */
	HMR_EXPORT_AXES_CAMERA,		/* x right, y down, z forward */
	HMR_EXPORT_AXES_Y_UP,		/* the same turned half about x */
};

enum hmr_export_surface {	/* of bodies that have two */
	HMR_EXPORT_SURFACE_FULL = 0, HMR_EXPORT_SURFACE_LIGHT,
};

struct hmr_export_options {
	const char *path;	/* NULL or "-": standard output */
	uint32_t fields;	/* HMR_LINES_*; 0: the format's default */
	bool all;		/* people without an identity too */
	uint32_t crf;		/* of mp4 */
	uint32_t threads;	/* of mp4; 0: one a processor */
	bool one;		/* exactly one frame will come (png, obj, ply) */
	const char *body;	/* of meshes: name or path; NULL: as HEAD says */
	enum hmr_export_axes axes;	/* of meshes */
	enum hmr_export_surface surface;	/* of meshes */
};

struct hmr_export_format {
	const char *name;
	const char *about;	/* for --help */
	bool to_stdout;		/* may be written there */
	bool takes_fields;	/* obeys fields and all */
	bool meshes;		/* obeys body, axes and surface */
	/* In this order: open, then for each segment head, frames and end, then
	 * finish where all segments were complete; close always. Each may be
	 * left out (NULL) but open, frame and close. */
	enum hmr_status (*open)(void **x, const struct hmr_export_options *o,
				struct hmr_err *e);
	enum hmr_status (*head)(void *x, struct hmr_head *h, struct hmr_err *e);
	enum hmr_status (*frame)(void *x, const struct hmr_frame *f,
				 struct hmr_err *e);
	enum hmr_status (*end)(void *x, const struct hmr_end *end,
			       struct hmr_err *e);
	enum hmr_status (*finish)(void *x, struct hmr_err *e);
	void (*close)(void *x);	/* accepts NULL */
	/* Where unfinished output lies, for a message; NULL: nowhere else. */
	const char *(*partial)(const void *x);
};

const struct hmr_export_format *hmr_export_find(const char *name);	/* or NULL */

/* A choice of frame numbers: "10,20-30,100-". */
#define HMR_EXPORT_RANGES 256
struct hmr_export_choice {
	uint32_t n;		/* 0: all */
	uint64_t from[HMR_EXPORT_RANGES], to[HMR_EXPORT_RANGES];
};
HMR_MUST_USE enum hmr_status	/* HMR_E_USAGE */
hmr_export_choice_parse(struct hmr_export_choice *c, const char *s,
			struct hmr_err *e);
bool hmr_export_chosen(const struct hmr_export_choice *c, uint64_t number);
bool hmr_export_single(const struct hmr_export_choice *c);	/* one number only */

#endif

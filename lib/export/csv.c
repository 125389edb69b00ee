/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv: a line of column names, then one line per person and frame. Which columns
 * there are depends on the fields asked for alone, never on the data: what a
 * person lacks is left empty.
 */
#include <stddef.h>
#include <stdlib.h>

#include "export/formats.h"
#include "stream/lines_write.h"

#define DEFAULT_FIELDS (HMR_LINES_BOX | HMR_LINES_SCORE | HMR_LINES_MISSED | \
			HMR_LINES_CAMERA | HMR_LINES_FOCAL | HMR_LINES_FIT_ERROR)

struct csv {
	struct export_text t;
	struct export_rows r;
	uint32_t fields;
	bool all, named;
	int32_t tb_num, tb_den;
};

/* Columns of the body: a field of n floats, at an offset of hmr_body_row. The
 * names are printf formats of (index / per, index % per) or plain lists. */
struct column {
	uint32_t field;
	size_t at;
	int n, per;		/* per: names in suffix */
	const char *name;	/* "pose" gives pose0_0 … where per > 1 */
	const char *suffix[9];
	uint32_t flag;		/* of the body, for it to be known; 0: always */
};
#define AT(f) offsetof(struct hmr_body_row, f)
static const struct column columns[] = {
	{ HMR_LINES_POSE, AT(pose), 24 * 9, 9, "pose",
	  { "_0", "_1", "_2", "_3", "_4", "_5", "_6", "_7", "_8" }, 0 },
	{ HMR_LINES_SHAPE, AT(shape), 10, 1, "shape", { "" }, 0 },
	{ HMR_LINES_CAMERA, AT(camera), 3, 3, NULL, { "tx", "ty", "tz" }, 0 },
	{ HMR_LINES_CAMERA_CROP, AT(camera_crop), 3, 3, NULL,
	  { "crop_s", "crop_tx", "crop_ty" }, 0 },
	{ HMR_LINES_FOCAL, AT(focal), 1, 1, NULL, { "focal" }, 0 },
	{ HMR_LINES_CROP, AT(crop), 3, 3, NULL,
	  { "crop_x", "crop_y", "crop_side" }, 0 },
	{ HMR_LINES_JOINTS3D, AT(joints3d), 44 * 3, 3, "joint3d",
	  { "_x", "_y", "_z" }, 0 },
	{ HMR_LINES_JOINTS2D, AT(joints2d), 44 * 2, 2, "joint2d", { "_x", "_y" }, 0 },
	{ HMR_LINES_JOINT_CONF, AT(joint_conf), 44, 1, "joint_conf", { "" },
	  HMR_BODY_CONF },
	{ HMR_LINES_FIT_ERROR, AT(fit_error), 1, 1, NULL, { "fit_error" },
	  HMR_BODY_FIT },
};
#define COLUMNS (sizeof(columns) / sizeof(*columns))

static void
close_file(void *ctx)
{
	struct csv *x = ctx;

	if (!x)
		return;
	export_text_close(&x->t);
	export_rows_release(&x->r);
	free(x);
}

static enum hmr_status
open_file(void **out, const struct hmr_export_options *o, struct hmr_err *e)
{
	struct csv *x;
	enum hmr_status st;

	*out = NULL;
	if (o->fields & HMR_LINES_VERTICES)
		return hmr_fail(e, HMR_E_USAGE, "csv has no columns for vertices");
	if (!(x = calloc(1, sizeof(*x))))
		return hmr_fail(e, HMR_E_NOMEM, "export: out of memory");
	x->t.fd = -1;
	x->fields = o->fields ? o->fields : DEFAULT_FIELDS;
	x->all = o->all;
	if ((st = export_rows_init(&x->r, true, e)) ||
	    (st = export_text_open(&x->t, o->path, e))) {
		close_file(x);
		return st;
	}
	*out = x;
	return HMR_OK;
}

/* Once, also for a concatenation; not at all where nothing could be read. */
static void
put_names(struct csv *x)
{
	if (x->named)
		return;
	x->named = true;
	export_str(&x->t, "frame,pts,time,id");
	if (x->fields & HMR_LINES_MISSED)
		export_str(&x->t, ",missed,filled");
	if (x->fields & HMR_LINES_BOX)
		export_str(&x->t, ",x0,y0,x1,y1");
	if (x->fields & HMR_LINES_SCORE)
		export_str(&x->t, ",score");
	if (x->fields & HMR_LINES_GIVEN_ID)
		export_str(&x->t, ",given_id");
	for (size_t i = 0; i < COLUMNS; i++) {
		const struct column *c = &columns[i];

		for (int k = 0; (x->fields & c->field) && k < c->n; k++) {
			export_str(&x->t, ",");
			if (c->name) {
				export_str(&x->t, c->name);
				export_u64(&x->t, (uint64_t)(k / c->per));
			}
			export_str(&x->t, c->suffix[k % c->per]);
		}
	}
	export_str(&x->t, "\n");
}

static enum hmr_status
head(void *ctx, struct hmr_head *h, struct hmr_err *e)
{
	struct csv *x = ctx;

	(void)e;
	x->tb_num = hmr_head_info(h)->tb_num;
	x->tb_den = hmr_head_info(h)->tb_den;
	return HMR_OK;
}

static void
put_body(struct csv *x, const struct hmr_body_row *b)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		const struct column *c = &columns[i];
		bool known = b && (!c->flag || (b->flags & c->flag));
		const float *v = known ? (const float *)((const char *)b + c->at) : NULL;

		for (int k = 0; (x->fields & c->field) && k < c->n; k++) {
			export_str(&x->t, ",");
			if (v)
				export_f32(&x->t, v[k]);
		}
	}
}

static void
put_person(struct csv *x, const struct hmr_frame *f, uint32_t i)
{
	const struct hmr_person *p = &x->r.people[i];
	const struct hmr_track_row *t = x->r.track_of[i] == EXPORT_NOBODY ? NULL :
					&x->r.tracks[x->r.track_of[i]];
	struct export_text *o = &x->t;

	export_u64(o, f->number);
	export_str(o, ",");
	o->n += hmr_fmt_i64(export_room(o, HMR_NUM_MAX), f->pts);
	export_str(o, ",");
	o->n += hmr_fmt_f64(export_room(o, HMR_NUM_MAX),
			    (double)f->pts * x->tb_num / x->tb_den, 6);
	export_str(o, ",");
	if (t)
		export_u64(o, t->id);
	if (x->fields & HMR_LINES_MISSED) {
		export_str(o, ",");
		if (t)
			export_u64(o, t->missed);
		export_str(o, t && (t->flags & HMR_TRACK_FILLED) ? ",1" : t ? ",0" : ",");
	}
	for (int k = 0; (x->fields & HMR_LINES_BOX) && k < 4; k++) {
		export_str(o, ",");
		export_f32(o, p->box[k]);
	}
	if (x->fields & HMR_LINES_SCORE) {
		export_str(o, ",");
		export_f32(o, p->score);
	}
	if (x->fields & HMR_LINES_GIVEN_ID) {
		export_str(o, ",");
		if (p->given_id)
			export_u64(o, p->given_id);
	}
	put_body(x, x->r.body_of[i] == EXPORT_NOBODY ? NULL :
		    &x->r.bodies[x->r.body_of[i]]);
	export_str(o, "\n");
}

static enum hmr_status
frame(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	struct csv *x = ctx;
	enum hmr_status st;

	if ((st = export_rows_load(&x->r, f, e)))
		return st;
	if (!x->r.has_people)
		return hmr_fail(e, HMR_E_FORMAT, "csv needs people and the input has none: "
				"hmr-detect finds them");
	put_names(x);
	for (uint32_t i = 0; i < x->r.n; i++)
		if (x->all || !x->r.has_tracks || x->r.track_of[i] != EXPORT_NOBODY)
			put_person(x, f, i);
	return export_text_flush(&x->t, e);
}

static enum hmr_status
finish(void *ctx, struct hmr_err *e)
{
	struct csv *x = ctx;

	put_names(x);
	return export_text_finish(&x->t, e);
}

static const char *
partial(const void *ctx)
{
	return export_text_part(&((const struct csv *)ctx)->t);
}

const struct hmr_export_format export_csv = {
	.name = "csv", .about = "one line per person and frame",
	.to_stdout = true, .takes_fields = true,
	.open = open_file, .head = head, .frame = frame, .finish = finish,
	.close = close_file, .partial = partial,
};

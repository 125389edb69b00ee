/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mot: MOTChallenge lines `frame,id,left,top,width,height,conf,x,y,z`, frames
 * from 1. x, y, z are the place of the body in camera axes in metres, -1 where
 * there is none. People who have a believed identity and are seen, or whose gap
 * was closed; nobody whose place is only a prediction.
 */
#include <stdlib.h>

#include "export/formats.h"

struct mot {
	struct export_text t;
	struct export_rows r;
	bool tracked;		/* some stage or frame has given identities */
};

static void
close_file(void *ctx)
{
	struct mot *x = ctx;

	if (!x)
		return;
	export_text_close(&x->t);
	export_rows_release(&x->r);
	free(x);
}

static enum hmr_status
open_file(void **out, const struct hmr_export_options *o, struct hmr_err *e)
{
	struct mot *x = calloc(1, sizeof(*x));
	enum hmr_status st;

	*out = NULL;
	if (!x)
		return hmr_fail(e, HMR_E_NOMEM, "export: out of memory");
	x->t.fd = -1;
	if ((st = export_rows_init(&x->r, true, e)) ||
	    (st = export_text_open(&x->t, o->path, e))) {
		close_file(x);
		return st;
	}
	*out = x;
	return HMR_OK;
}

static enum hmr_status
head(void *ctx, struct hmr_head *h, struct hmr_err *e)
{
	struct mot *x = ctx;

	(void)e;
	x->tracked = x->tracked || export_head_has(h, "hmr-assoc");
	return HMR_OK;
}

static void
put_person(struct mot *x, const struct hmr_frame *f, uint32_t i,
	   const struct hmr_track_row *t)
{
	const struct hmr_person *p = &x->r.people[i];
	uint32_t b = x->r.body_of[i];

	export_u64(&x->t, f->number + 1);
	export_str(&x->t, ",");
	export_u64(&x->t, t->id);
	for (int k = 0; k < 4; k++) {
		export_str(&x->t, ",");
		export_f32(&x->t, k < 2 ? p->box[k] : p->box[k] - p->box[k - 2]);
	}
	export_str(&x->t, ",");
	export_f32(&x->t, p->score);
	for (int k = 0; k < 3; k++) {
		export_str(&x->t, ",");
		if (b == EXPORT_NOBODY)
			export_str(&x->t, "-1");
		else
			export_f32(&x->t, x->r.bodies[b].camera[k]);
	}
	export_str(&x->t, "\n");
}

static enum hmr_status
frame(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	struct mot *x = ctx;
	enum hmr_status st;

	if ((st = export_rows_load(&x->r, f, e)))
		return st;
	for (uint32_t i = 0; i < x->r.n && !x->tracked; i++)
		x->tracked = x->r.track_of[i] != EXPORT_NOBODY &&
			     x->r.tracks[x->r.track_of[i]].id;
	if (!x->r.has_people && !x->tracked)
		return hmr_fail(e, HMR_E_FORMAT, "mot needs people with identities and the "
				"input has none: hmr-detect finds people, hmr-assoc "
				"gives identities");
	if (!x->tracked && x->r.n)
		return hmr_fail(e, HMR_E_FORMAT, "mot needs identities and the input has "
				"none: hmr-assoc gives them");
	for (uint32_t i = 0; i < x->r.n; i++) {
		const struct hmr_track_row *t;

		if (x->r.track_of[i] == EXPORT_NOBODY)
			continue;
		t = &x->r.tracks[x->r.track_of[i]];
		if (!t->id || !(t->flags & HMR_TRACK_CONFIRMED) ||
		    (t->missed && !(t->flags & HMR_TRACK_FILLED)))
			continue;
		put_person(x, f, i, t);
	}
	return export_text_flush(&x->t, e);
}

static enum hmr_status
finish(void *ctx, struct hmr_err *e)
{
	return export_text_finish(&((struct mot *)ctx)->t, e);
}

static const char *
partial(const void *ctx)
{
	return export_text_part(&((const struct mot *)ctx)->t);
}

const struct hmr_export_format export_mot = {
	.name = "mot", .about = "MOTChallenge lines, frames from 1",
	.to_stdout = true,
	.open = open_file, .head = head, .frame = frame, .finish = finish,
	.close = close_file, .partial = partial,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes from a stream, and their scores in print; see boxes.h. */
#include <stdlib.h>
#include <string.h>

#include "eval/boxes.h"
#include "stream/stream.h"
#include "stream/tables.h"

struct tables {
	struct hmr_person people[HMR_PEOPLE_CAP];
	struct hmr_track_row tracks[HMR_PEOPLE_CAP];
	uint32_t flags[HMR_PEOPLE_CAP], id[HMR_PEOPLE_CAP];
	uint32_t serial;	/* identities for boxes that need none */
};

static enum hmr_status
add_frame(struct hmr_mot *m, const struct hmr_frame *f, const struct hmr_eval_boxes *o,
	  struct tables *t, struct hmr_err *e)
{
	uint32_t people, tracks;
	enum hmr_status st;

	if (f->number >= UINT32_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "frame number above 32 bits");
	st = hmr_people_get(f, t->people, HMR_PEOPLE_CAP, &people, e);
	if (st < 0 || (st = hmr_tracks_get(f, t->tracks, HMR_PEOPLE_CAP, people,
					   &tracks, e)) < 0)
		return st;
	memset(t->id, 0, people * sizeof(*t->id));
	memset(t->flags, 0, people * sizeof(*t->flags));
	for (uint32_t i = 0; i < tracks; i++) {
		t->id[t->tracks[i].person] = t->tracks[i].id;
		t->flags[t->tracks[i].person] = t->tracks[i].flags;
	}
	for (uint32_t i = 0; i < people; i++) {
		struct hmr_mot_row r = { .frame = (uint32_t)f->number };

		r.id = o->tracks ? t->id[i] : t->serial++;
		r.score = t->people[i].score;
		memcpy(r.box, t->people[i].box, sizeof(r.box));
		if ((o->tracks && !t->id[i]) ||
		    ((t->flags[i] & HMR_TRACK_FILLED) && (o->no_filled || !o->tracks)))
			continue;
		if ((st = hmr_mot_add(m, &r, e)))
			return st;
	}
	return HMR_OK;
}

static enum hmr_status
read_segments(struct hmr_reader *r, struct hmr_mot *m, const struct hmr_eval_boxes *o,
	      struct tables *t, struct hmr_err *e)
{
	const struct hmr_frame *f;
	struct hmr_head *h;
	enum hmr_status st;

	while (!(st = hmr_reader_head(r, &h, e))) {
		hmr_head_free(h);
		while (!(st = hmr_reader_next(r, &f, e)))
			if ((st = add_frame(m, f, o, t, e)))
				return st;
		if (st != HMR_EOF)
			return st;
	}
	return st == HMR_EOF ? HMR_OK : st;
}

enum hmr_status
hmr_eval_read_boxes(struct hmr_mot *m, int fd, const char *name,
		    const struct hmr_eval_boxes *o, struct hmr_err *e)
{
	struct tables *t = calloc(1, sizeof(*t));
	struct hmr_reader *r = NULL;
	enum hmr_status st;

	if (!t)
		return hmr_fail(e, HMR_E_NOMEM, "%s", name);
	if (!(st = hmr_reader_new(&r, fd, name, 0, e)))
		st = read_segments(r, m, o, t, e);
	hmr_reader_free(r);
	free(t);
	return st;
}

struct column {
	const char *name, *text;	/* in JSON, and in the table */
	double value;
	bool count;			/* a whole number; else a share */
};

static void
print_text(FILE *f, const struct column *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s%*s", i ? " " : "", c[i].count ? 7 : 6, c[i].text);
	fputc('\n', f);
	for (size_t i = 0; i < n; i++) {
		if (c[i].count)
			fprintf(f, "%s%7.0f", i ? " " : "", c[i].value);
		else
			fprintf(f, "%s%6.1f", i ? " " : "", 100 * c[i].value);
	}
	fputc('\n', f);
}

static void
print_json(FILE *f, const struct column *c, size_t n, double iou)
{
	fprintf(f, "{\"iou\":%.6g", iou);
	for (size_t i = 0; i < n; i++)
		fprintf(f, c[i].count ? ",\"%s\":%.0f" : ",\"%s\":%.6f", c[i].name,
			c[i].value);
	fputs("}\n", f);
}

void
hmr_eval_print_tracks(FILE *f, const struct hmr_score *s, double iou, bool json)
{
	const struct column all[] = {
		{ "hota", "HOTA", s->hota, false },
		{ "deta", "DetA", s->deta, false },
		{ "assa", "AssA", s->assa, false },
		{ "detre", "DetRe", s->detre, false },
		{ "detpr", "DetPr", s->detpr, false },
		{ "assre", "AssRe", s->assre, false },
		{ "asspr", "AssPr", s->asspr, false },
		{ "loca", "LocA", s->loca, false },
		{ "idf1", "IDF1", s->idf1, false },
		{ "idp", "IDP", s->idp, false },
		{ "idr", "IDR", s->idr, false },
		{ "recall", "Rcll", s->recall, false },
		{ "precision", "Prcn", s->precision, false },
		{ "mota", "MOTA", s->mota, false },
		{ "motp", "MOTP", s->motp, false },
		{ "objects", "GT", (double)s->objects, true },
		{ "mostly_tracked", "MT", (double)s->mostly_tracked, true },
		{ "partly_tracked", "PT", (double)s->partly_tracked, true },
		{ "mostly_lost", "ML", (double)s->mostly_lost, true },
		{ "false_positives", "FP", (double)s->fp, true },
		{ "misses", "FN", (double)s->fn, true },
		{ "switches", "IDs", (double)s->switches, true },
		{ "fragments", "FM", (double)s->fragments, true },
		{ "frames", "frames", (double)s->frames, true },
		{ "tracks", "tracks", (double)s->tracks, true },
		{ "truth", "truth", (double)s->truth, true },
		{ "boxes", "boxes", (double)s->boxes, true },
	};
	const size_t n = sizeof(all) / sizeof(all[0]);

	if (json) {
		print_json(f, all, n, iou);
		return;
	}
	print_text(f, all, 8);
	print_text(f, all + 8, 7);
	print_text(f, all + 15, n - 15);
}

void
hmr_eval_print_boxes(FILE *f, const struct hmr_score *s, double iou, bool json)
{
	const struct column all[] = {
		{ "recall", "Rcll", s->recall, false },
		{ "precision", "Prcn", s->precision, false },
		{ "f1", "F1", s->tp ? 2.0 * (double)s->tp /
			(double)(s->truth + s->boxes) : 0, false },
		{ "mean_iou", "IoU", s->motp, false },
		{ "matches", "TP", (double)s->tp, true },
		{ "false_positives", "FP", (double)s->fp, true },
		{ "misses", "FN", (double)s->fn, true },
		{ "frames", "frames", (double)s->frames, true },
	};
	const size_t n = sizeof(all) / sizeof(all[0]);

	if (json)
		print_json(f, all, n, iou);
	else
		print_text(f, all, n);
}

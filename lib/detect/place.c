/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each number of a detector's outputs lies: the grids of the strides, which
 * axis is which, columns of an output that holds everything. See decode.h.
 */
#include <string.h>

#include "detect/decode.h"

struct planner {
	struct hmr_decoder *d;
	hmr_dims_of *dims;
	void *ctx;
	struct hmr_err *e;
};

struct table {			/* an output as cells x channels */
	int output;
	size_t cells, channels, cell, step;
};

void
hmr_decoder_names(const struct hmr_detect_spec *s,
		  const char *name[HMR_DECODE_OUTPUTS + 1])
{
	const struct hmr_output_names *const list[] = { &s->all, &s->boxes, &s->scores,
		&s->objectness, &s->labels };
	uint32_t n = 0;

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		for (uint32_t k = 0; k < list[i]->n; k++)
			name[n++] = list[i]->name[k];
	name[n] = NULL;
}

/* Reads an output's sizes. Of cells and channels at most one may be 0: not known. */
static enum hmr_status
tabulate(struct planner *p, const char *name, size_t cells, size_t channels,
	 struct table *t)
{
	const struct hmr_detect_spec *s = &p->d->spec;
	struct hmr_dims d;
	size_t total = 1, first, last, from = 0;
	bool as_first, as_last;

	if (!p->dims(p->ctx, name, &d))
		return hmr_fail(p->e, HMR_E_MODEL, "no output %.80s", name);
	for (t->output = 0; strcmp(p->d->name[t->output], name);)
		t->output++;
	for (uint32_t i = 0; i < d.n; i++)
		total *= (size_t)d.d[i];
	while (from + 1 < d.n && d.d[from] == 1)
		from++;
	first = d.n ? (size_t)d.d[from] : 1;
	last = d.n ? (size_t)d.d[d.n - 1] : 1;
	if (!cells && !channels) {	/* a list of rows of unknown length */
		channels = first < last && d.n - from > 1 ? first : last;
		if (s->channels_known)
			channels = s->channels_first ? first : last;
	}
	if (!channels)
		channels = total % cells ? 0 : total / cells;
	if (!cells)
		cells = channels && total % channels == 0 ? total / channels : 0;
	as_last = channels == 1 || last == channels;
	as_first = first == channels && d.n - from > 1;
	if (!cells || cells * channels != total || (!as_first && !as_last) ||
	    cells > UINT32_MAX / 64)
		return hmr_fail(p->e, HMR_E_MODEL, "output %.80s has %zu numbers, and not for "
				"%zu cells or of %zu columns", name, total, cells, channels);
	if (as_first && as_last)	/* planes are the usual form of three axes */
		as_last = s->channels_known ? !s->channels_first : d.n - from < 3;
	t->cells = cells;
	t->channels = channels;
	t->cell = as_last ? channels : 1;
	t->step = as_last ? 1 : cells;
	return HMR_OK;
}

/* Sizes of the grids. Returns how many cells all have. */
static size_t
grids(struct hmr_decoder *d)
{
	const struct hmr_detect_spec *s = &d->spec;
	size_t total = 0;

	d->n_levels = s->n_strides ? s->n_strides : 1;
	for (uint32_t i = 0; i < d->n_levels; i++) {
		struct hmr_level *l = &d->level[i];

		l->box.output = l->score.output = l->objectness.output = -1;
		l->label.output = l->batch.output = -1;
		if (!s->n_strides)
			return 0;
		l->stride = s->stride[i];
		l->cols = (d->width + l->stride - 1) / l->stride;
		l->cells = l->cols * ((d->height + l->stride - 1) / l->stride);
		total += l->cells;
	}
	return total;
}

/* Classes and bins of an output of so many channels, where the spec leaves one of
 * them open; both: 80 classes or 1 with 8 or 11 bins, as NanoDet is published. */
static enum hmr_status
fill_in(struct planner *p, size_t channels)
{
	struct hmr_detect_spec *s = &p->d->spec;
	bool binned = s->form == HMR_BOX_BINS, open = false;
	size_t other = 0, per;

	for (uint32_t i = 0; i < s->n_columns; i++) {
		open = open || s->column[i] == HMR_COLUMN_CLASSES;
		other += s->column[i] != HMR_COLUMN_CLASSES &&
			 (s->column[i] != HMR_COLUMN_BOX);
	}
	if (!open)
		s->classes = 1;		/* one score, whatever the spec says */
	per = channels - other;
	if (channels <= other + 3)
		return hmr_fail(p->e, HMR_E_MODEL, "%zu columns are too few", channels);
	if (!binned)
		s->bins = 1;
	else if (!s->bins && (!open || s->classes))
		s->bins = (uint32_t)(per - (open ? s->classes : 0)) / 4;
	else if (!s->bins)
		s->bins = per == 112 || per == 33 ? 8 : per == 124 || per == 45 ? 11 : 0;
	if (!s->bins || s->bins > 64)
		return hmr_fail(p->e, HMR_E_MODEL, "%zu columns: decode.bins or decode.classes "
				"must say how they are shared out", channels);
	if (open && !s->classes && per > 4 * s->bins)
		s->classes = (uint32_t)(per - 4 * s->bins);
	if ((open && !s->classes) || per != (size_t)4 * s->bins + (open ? s->classes : 0))
		return hmr_fail(p->e, HMR_E_MODEL, "%zu columns, but %zu wanted: 4 x %u for boxes, "
				"%u classes, %zu others", channels,
				4 * s->bins + (open ? s->classes : 0) + other, s->bins,
				open ? s->classes : 0, other);
	return HMR_OK;
}

/* The columns of one level of an output that holds everything; its cells begin at
 * cell `from`. */
static void
put_columns(struct hmr_decoder *d, struct hmr_level *l, const struct table *t, size_t from)
{
	const struct hmr_detect_spec *s = &d->spec;
	size_t column = 0;

	for (uint32_t i = 0; i < s->n_columns; i++) {
		struct hmr_place p = { t->output, from * t->cell + column * t->step, t->cell,
				       t->step };

		switch (s->column[i]) {
		case HMR_COLUMN_BOX:
			l->box = p;
			column += 4 * s->bins;
			continue;
		case HMR_COLUMN_CLASSES:
			l->score = p;
			column += s->classes;
			continue;
		case HMR_COLUMN_SCORE: l->score = p; break;
		case HMR_COLUMN_OBJECTNESS: l->objectness = p; break;
		case HMR_COLUMN_CLASS: l->label = p; break;
		case HMR_COLUMN_BATCH: l->batch = p; break;
		default: break;
		}
		column++;
	}
}

/* Columns that a list has; 0: it depends on the classes. */
static size_t
list_columns(const struct hmr_detect_spec *s)
{
	size_t n = 0;

	for (uint32_t i = 0; i < s->n_columns; i++) {
		if (s->column[i] == HMR_COLUMN_CLASSES && !s->classes)
			return 0;
		n += s->column[i] == HMR_COLUMN_CLASSES ? s->classes :
		     s->column[i] == HMR_COLUMN_BOX ? 4 : 1;
	}
	return n;
}

/* One field of level i from its own output. *channels: wanted, or 0 and set. */
static enum hmr_status
place_one(struct planner *p, const struct hmr_output_names *o, uint32_t i, size_t cells,
	  size_t *channels, struct hmr_place *to)
{
	struct hmr_decoder *d = p->d;
	struct hmr_level *l = &d->level[i];
	bool each = o->n > 1;
	struct table t;
	size_t from = 0;
	enum hmr_status st;

	if (!o->n)
		return HMR_OK;
	if (each && o->n != d->n_levels)
		return hmr_fail(p->e, HMR_E_MODEL, "%u outputs for %u strides", o->n,
				d->n_levels);
	for (uint32_t k = 0; k < i && !each; k++)
		from += d->level[k].cells;
	if ((st = tabulate(p, o->name[each ? i : 0], each || !cells ? l->cells : cells,
			   *channels, &t)))
		return st;
	if (!l->cells)
		l->cells = (uint32_t)t.cells;
	*channels = t.channels;
	*to = (struct hmr_place){ t.output, from * t.cell, t.cell, t.step };
	return HMR_OK;
}

static enum hmr_status
place_all(struct planner *p, size_t cells)
{
	struct hmr_decoder *d = p->d;
	const struct hmr_detect_spec *s = &d->spec;
	bool each = s->all.n > 1;
	struct table t;
	size_t from = 0, one = 1;
	enum hmr_status st;

	if (each && s->all.n != d->n_levels)
		return hmr_fail(p->e, HMR_E_MODEL, "%u outputs for %u strides", s->all.n,
				d->n_levels);
	for (uint32_t i = 0; i < d->n_levels; i++) {
		struct hmr_level *l = &d->level[i];

		if (i && !each)
			from += d->level[i - 1].cells;
		if ((st = tabulate(p, s->all.name[each ? i : 0], each ? l->cells : cells,
				   cells ? 0 : list_columns(s), &t)) ||
		    (st = fill_in(p, t.channels)))
			return st;
		if (!cells)
			l->cells = (uint32_t)t.cells;
		put_columns(d, l, &t, from);
		if ((st = place_one(p, &s->labels, i, cells, &one, &l->label)))
			return st;
	}
	return HMR_OK;
}

static enum hmr_status
place_apart(struct planner *p, size_t cells)
{
	struct hmr_decoder *d = p->d;
	struct hmr_detect_spec *s = &d->spec;
	enum hmr_status st;

	for (uint32_t i = 0; i < d->n_levels; i++) {
		struct hmr_level *l = &d->level[i];
		size_t box = s->form != HMR_BOX_BINS ? 4 : 4 * s->bins;
		size_t classes = s->labels.n ? 1 : s->classes, one = 1, label = 1;

		if ((st = place_one(p, &s->boxes, i, cells, &box, &l->box)) ||
		    (st = place_one(p, &s->scores, i, cells, &classes, &l->score)) ||
		    (st = place_one(p, &s->objectness, i, cells, &one, &l->objectness)) ||
		    (st = place_one(p, &s->labels, i, cells, &label, &l->label)))
			return st;
		s->bins = (uint32_t)box / 4;
		if (box % 4 || s->bins > 64 || (s->form == HMR_BOX_BINS && s->bins < 2))
			return hmr_fail(p->e, HMR_E_MODEL, "%zu numbers a box", box);
		if (!s->labels.n)
			s->classes = (uint32_t)classes;
	}
	return HMR_OK;
}

enum hmr_status
hmr_decoder_init(struct hmr_decoder *d, const struct hmr_detect_spec *s, uint32_t width,
		 uint32_t height, hmr_dims_of *dims, void *ctx, struct hmr_err *e)
{
	struct planner p = { d, dims, ctx, e };
	size_t cells;
	enum hmr_status st;

	memset(d, 0, sizeof(*d));
	d->spec = *s;
	d->width = width;
	d->height = height;
	hmr_decoder_names(&d->spec, d->name);
	while (d->name[d->n_outputs])
		d->n_outputs++;
	cells = grids(d);
	if ((st = s->all.n ? place_all(&p, cells) : place_apart(&p, cells)))
		return st;
	for (uint32_t i = 0; i < d->n_levels; i++)
		d->cells += d->level[i].cells;
	if (d->level[0].label.output < 0 && d->spec.classes &&
	    d->spec.person >= d->spec.classes)
		return hmr_fail(e, HMR_E_MODEL, "class %u is the person, but there are %u",
				d->spec.person, d->spec.classes);
	if (d->level[0].label.output >= 0)
		d->spec.classes = 1;	/* scores are of the class that the label names */
	return HMR_OK;
}

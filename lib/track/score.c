/* SPDX-License-Identifier: Apache-2.0 */
/* CLEAR-MOT, identity scores and box scores; see score.h. */
#include "track/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "track/assign.h"

#define NONE UINT32_MAX

int
hmr_mot_pair_next(struct hmr_mot_pair *p, const struct hmr_mot *truth,
		  const struct hmr_mot *result)
{
	bool a, b;

	p->t += p->nt;
	p->r += p->nr;
	p->nt = p->nr = 0;
	a = p->t < truth->n;
	b = p->r < result->n;
	if (!a && !b)
		return 0;
	p->frame = a ? truth->row[p->t].frame : result->row[p->r].frame;
	if (b && result->row[p->r].frame < p->frame)
		p->frame = result->row[p->r].frame;
	if (a && truth->row[p->t].frame == p->frame)
		p->nt = hmr_mot_frame(truth, p->t);
	if (b && result->row[p->r].frame == p->frame)
		p->nr = hmr_mot_frame(result, p->r);
	return 1;
}

static size_t
most(const struct hmr_mot *m)
{
	size_t best = 0, n;

	for (size_t i = 0; i < m->n; i += n)
		if ((n = hmr_mot_frame(m, i)) > best)
			best = n;
	return best;
}

size_t
hmr_mot_most(const struct hmr_mot *truth, const struct hmr_mot *result)
{
	size_t a = most(truth), b = most(result);

	return a > b ? a : b;
}

static double
ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

struct work {			/* of one frame */
	struct hmr_assign *assign;
	double *iou, *cost;	/* [rows of truth][rows of result] */
	int32_t *col_of;
	uint32_t *left_t, *left_r;	/* rows without a partner yet */
	bool *used;
};

static void
work_release(struct work *w)
{
	hmr_assign_free(w->assign);
	free(w->iou);
	free(w->cost);
	free(w->col_of);
	free(w->left_t);
	free(w->left_r);
	free(w->used);
}

static enum hmr_status
work_init(struct work *w, size_t n, struct hmr_err *e)
{
	memset(w, 0, sizeof(*w));
	n = n ? n : 1;
	w->assign = hmr_assign_new((uint32_t)n);
	w->iou = malloc(n * n * sizeof(*w->iou));
	w->cost = malloc(n * n * sizeof(*w->cost));
	w->col_of = malloc(n * sizeof(*w->col_of));
	w->left_t = malloc(n * sizeof(*w->left_t));
	w->left_r = malloc(n * sizeof(*w->left_r));
	w->used = malloc(n * sizeof(*w->used));
	if (w->assign && w->iou && w->cost && w->col_of && w->left_t &&
	    w->left_r && w->used)
		return HMR_OK;
	work_release(w);
	return hmr_fail(e, HMR_E_NOMEM, "%zu boxes in a frame", n);
}

static void
overlaps(struct work *w, const struct hmr_mot_pair *p, const struct hmr_mot *truth,
	 const struct hmr_mot *result)
{
	for (size_t i = 0; i < p->nt; i++)
		for (size_t j = 0; j < p->nr; j++)
			w->iou[i * p->nr + j] = hmr_mot_iou(
				truth->row[p->t + i].box, result->row[p->r + j].box);
}

/* As many matches as can be among the rows left, then the least distance. */
static void
match_left(struct work *w, size_t nr, uint32_t n_t, uint32_t n_r, double iou)
{
	for (uint32_t i = 0; i < n_t; i++)
		for (uint32_t j = 0; j < n_r; j++) {
			double x = w->iou[w->left_t[i] * nr + w->left_r[j]];

			w->cost[(size_t)i * n_r + j] = x >= iou ? 1 - x : 1e6;
		}
	hmr_assign_solve(w->assign, w->cost, n_t, n_r, 1e6, w->col_of);
}

struct life {			/* of an object of the ground truth */
	uint32_t partner;	/* its last one, NONE: never had one */
	uint64_t frames, tracked, fragments;
	bool now;		/* tracked in its last frame */
	bool lost;		/* was tracked, and then not */
};

static void
live(struct life *l, bool tracked)
{
	l->frames++;
	if (tracked) {
		l->tracked++;
		l->fragments += l->lost;
		l->lost = false;
	} else if (l->now) {
		l->lost = true;
	}
	l->now = tracked;
}

/* First the partners that objects have had, then the rest (py-motmetrics). */
static void
clear_frame(struct hmr_score *s, struct work *w, struct life *life,
	    const struct hmr_mot_pair *p, const struct hmr_mot *truth,
	    const struct hmr_mot *result, double iou)
{
	uint32_t n_t = 0, n_r = 0;
	size_t i, j;

	overlaps(w, p, truth, result);
	memset(w->used, 0, p->nr * sizeof(*w->used));
	for (i = 0; i < p->nt; i++) {
		struct life *l = &life[truth->row[p->t + i].id];

		for (j = 0; j < p->nr; j++)
			if (result->row[p->r + j].id == l->partner)
				break;
		if (j < p->nr && !w->used[j] && w->iou[i * p->nr + j] >= iou) {
			w->used[j] = true;
			s->tp++;
			s->motp += w->iou[i * p->nr + j];
			live(l, true);
		} else {
			w->left_t[n_t++] = (uint32_t)i;
		}
	}
	for (j = 0; j < p->nr; j++)
		if (!w->used[j])
			w->left_r[n_r++] = (uint32_t)j;
	match_left(w, p->nr, n_t, n_r, iou);
	for (i = 0; i < n_t; i++) {
		struct life *l = &life[truth->row[p->t + w->left_t[i]].id];
		uint32_t id;

		live(l, w->col_of[i] >= 0);
		if (w->col_of[i] < 0)
			continue;
		j = w->left_r[w->col_of[i]];
		id = result->row[p->r + j].id;
		s->switches += l->partner != NONE && l->partner != id;
		l->partner = id;
		s->tp++;
		s->motp += w->iou[w->left_t[i] * p->nr + j];
	}
}

static void
rates(struct hmr_score *s)
{
	s->fn = s->truth - s->tp;
	s->fp = s->boxes - s->tp;
	s->recall = ratio((double)s->tp, (double)s->truth);
	s->precision = ratio((double)s->tp, (double)s->boxes);
	s->motp = ratio(s->motp, (double)s->tp);
}

enum hmr_status
hmr_score_clear(struct hmr_score *s, const struct hmr_mot *truth,
		const struct hmr_mot *result, double iou, struct hmr_err *e)
{
	struct life *life = calloc(truth->ids ? truth->ids : 1, sizeof(*life));
	struct hmr_mot_pair p = { 0 };
	struct work w;

	if (!life)
		return hmr_fail(e, HMR_E_NOMEM, "%u objects", truth->ids);
	if (work_init(&w, hmr_mot_most(truth, result), e)) {
		free(life);
		return HMR_E_NOMEM;
	}
	for (uint32_t i = 0; i < truth->ids; i++)
		life[i].partner = NONE;
	s->truth = truth->n;
	s->boxes = result->n;
	s->objects = truth->ids;
	s->tracks = result->ids;
	for (s->frames = 0; hmr_mot_pair_next(&p, truth, result); s->frames++)
		clear_frame(s, &w, life, &p, truth, result, iou);
	for (uint32_t i = 0; i < truth->ids; i++) {
		double part = ratio((double)life[i].tracked, (double)life[i].frames);

		s->fragments += life[i].fragments;
		s->mostly_tracked += part >= 0.8;
		s->mostly_lost += part < 0.2;
	}
	s->partly_tracked = s->objects - s->mostly_tracked - s->mostly_lost;
	rates(s);
	s->mota = s->truth ? 1 - (double)(s->fp + s->fn + s->switches) /
				 (double)s->truth : 0;
	work_release(&w);
	free(life);
	return HMR_OK;
}

enum hmr_status
hmr_score_boxes(struct hmr_score *s, const struct hmr_mot *truth,
		const struct hmr_mot *result, double iou, struct hmr_err *e)
{
	struct hmr_mot_pair p = { 0 };
	struct work w;
	enum hmr_status st = work_init(&w, hmr_mot_most(truth, result), e);

	if (st)
		return st;
	s->truth = truth->n;
	s->boxes = result->n;
	for (s->frames = 0; hmr_mot_pair_next(&p, truth, result); s->frames++) {
		size_t i;

		overlaps(&w, &p, truth, result);
		for (i = 0; i < p.nt; i++)
			w.left_t[i] = (uint32_t)i;
		for (i = 0; i < p.nr; i++)
			w.left_r[i] = (uint32_t)i;
		match_left(&w, p.nr, (uint32_t)p.nt, (uint32_t)p.nr, iou);
		for (i = 0; i < p.nt; i++)
			if (w.col_of[i] >= 0) {
				s->tp++;
				s->motp += w.iou[i * p.nr + (size_t)w.col_of[i]];
			}
	}
	rates(s);
	work_release(&w);
	return HMR_OK;
}

enum hmr_status
hmr_score_identity(struct hmr_score *s, const struct hmr_mot *truth,
		   const struct hmr_mot *result, double iou, struct hmr_err *e)
{
	size_t nt = truth->ids, nr = result->ids, most_ids = nt > nr ? nt : nr;
	double *cost = calloc(nt * nr + 1, sizeof(*cost));
	int32_t *col_of = malloc((nt ? nt : 1) * sizeof(*col_of));
	struct hmr_assign *a = hmr_assign_new((uint32_t)most_ids);
	struct hmr_mot_pair p = { 0 };
	enum hmr_status st = HMR_OK;

	if (!cost || !col_of || !a) {
		st = hmr_fail(e, HMR_E_NOMEM, "%zu x %zu identities", nt, nr);
		goto out;
	}
	while (hmr_mot_pair_next(&p, truth, result))
		for (size_t i = p.t; i < p.t + p.nt; i++)
			for (size_t j = p.r; j < p.r + p.nr; j++) {
				const struct hmr_mot_row *g = &truth->row[i];
				const struct hmr_mot_row *h = &result->row[j];

				if (hmr_mot_iou(g->box, h->box) >= iou)
					cost[g->id * nr + h->id] -= 1;
			}
	hmr_assign_solve(a, cost, (uint32_t)nt, (uint32_t)nr, 0, col_of);
	for (size_t i = 0; i < nt; i++)
		if (col_of[i] >= 0)
			s->idtp += (uint64_t)-cost[i * nr + (size_t)col_of[i]];
	s->idfn = truth->n - s->idtp;
	s->idfp = result->n - s->idtp;
	s->idp = ratio((double)s->idtp, (double)result->n);
	s->idr = ratio((double)s->idtp, (double)truth->n);
	s->idf1 = ratio(2.0 * (double)s->idtp, (double)(truth->n + result->n));
out:
	hmr_assign_free(a);
	free(col_of);
	free(cost);
	return st;
}

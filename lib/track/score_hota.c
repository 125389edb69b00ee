/* SPDX-License-Identifier: Apache-2.0 */
/* HOTA as TrackEval computes it: one matching per frame, weighted by how well two
 * identities agree over the whole sequence, then 19 thresholds; see score.h. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "track/assign.h"
#include "track/score.h"

struct hota {
	size_t nt, nr;			/* identities */
	double *agree;			/* [nt][nr] */
	double *count_t, *count_r;	/* frames of each identity */
	double *matches;		/* [steps][nt][nr] */
	double *iou, *cost;		/* of a frame */
	int32_t *col_of;
	struct hmr_assign *assign;
	double tp[HMR_HOTA_STEPS], loc[HMR_HOTA_STEPS];
};

static void
hota_release(struct hota *h)
{
	free(h->agree);
	free(h->count_t);
	free(h->count_r);
	free(h->matches);
	free(h->iou);
	free(h->cost);
	free(h->col_of);
	hmr_assign_free(h->assign);
}

static enum hmr_status
hota_init(struct hota *h, const struct hmr_mot *truth, const struct hmr_mot *result,
	  struct hmr_err *e)
{
	size_t n = hmr_mot_most(truth, result), pairs;

	memset(h, 0, sizeof(*h));
	h->nt = truth->ids;
	h->nr = result->ids;
	pairs = h->nt * h->nr + 1;
	h->agree = calloc(pairs, sizeof(double));
	h->count_t = calloc(h->nt + 1, sizeof(double));
	h->count_r = calloc(h->nr + 1, sizeof(double));
	h->matches = calloc(pairs, HMR_HOTA_STEPS * sizeof(double));
	h->iou = calloc(n * n + 1, sizeof(double));
	h->cost = calloc(n * n + 1, sizeof(double));
	h->col_of = calloc(n + 1, sizeof(*h->col_of));
	h->assign = hmr_assign_new((uint32_t)n);
	if (h->agree && h->count_t && h->count_r && h->matches && h->iou &&
	    h->cost && h->col_of && h->assign)
		return HMR_OK;
	hota_release(h);
	return hmr_fail(e, HMR_E_NOMEM, "%zu x %zu identities", h->nt, h->nr);
}

static void
overlaps(struct hota *h, const struct hmr_mot_pair *p, const struct hmr_mot *truth,
	 const struct hmr_mot *result)
{
	for (size_t i = 0; i < p->nt; i++)
		for (size_t j = 0; j < p->nr; j++)
			h->iou[i * p->nr + j] = hmr_mot_iou(
				truth->row[p->t + i].box, result->row[p->r + j].box);
}

/* Each overlap as a share of all that both boxes overlap with. */
static void
agree_frame(struct hota *h, const struct hmr_mot_pair *p,
	    const struct hmr_mot *truth, const struct hmr_mot *result)
{
	for (size_t i = 0; i < p->nt; i++) {
		uint32_t g = truth->row[p->t + i].id;
		double row = 0;

		h->count_t[g]++;
		for (size_t j = 0; j < p->nr; j++)
			row += h->iou[i * p->nr + j];
		for (size_t j = 0; j < p->nr; j++) {
			double x = h->iou[i * p->nr + j], all = row - x;

			for (size_t k = 0; k < p->nt; k++)
				all += h->iou[k * p->nr + j];
			if (all > DBL_EPSILON)
				h->agree[g * h->nr + result->row[p->r + j].id] +=
					x / all;
		}
	}
	for (size_t j = 0; j < p->nr; j++)
		h->count_r[result->row[p->r + j].id]++;
}

static void
match_frame(struct hota *h, const struct hmr_mot_pair *p,
	    const struct hmr_mot *truth, const struct hmr_mot *result)
{
	for (size_t i = 0; i < p->nt; i++)
		for (size_t j = 0; j < p->nr; j++) {
			uint32_t g = truth->row[p->t + i].id;
			uint32_t r = result->row[p->r + j].id;
			double both = h->agree[g * h->nr + r];
			double all = h->count_t[g] + h->count_r[r] - both;

			h->cost[i * p->nr + j] =
				-(both / all) * h->iou[i * p->nr + j];
		}
	hmr_assign_solve(h->assign, h->cost, (uint32_t)p->nt, (uint32_t)p->nr,
			 DBL_MAX, h->col_of);
	for (size_t i = 0; i < p->nt; i++) {
		size_t j = (size_t)h->col_of[i];
		size_t pair;

		if (h->col_of[i] < 0)
			continue;
		pair = truth->row[p->t + i].id * h->nr + result->row[p->r + j].id;
		for (int a = 0; a < HMR_HOTA_STEPS; a++) {
			double x = h->iou[i * p->nr + j];

			if (x < 0.05 * (a + 1) - DBL_EPSILON)
				break;
			h->tp[a]++;
			h->loc[a] += x;
			h->matches[(size_t)a * h->nt * h->nr + pair]++;
		}
	}
}

static void
add_step(struct hmr_score *s, const struct hota *h, int a, double nt, double nr)
{
	const double *m = h->matches + (size_t)a * h->nt * h->nr;
	double assa = 0, assre = 0, asspr = 0, tp = h->tp[a], one, deta;

	for (size_t g = 0; g < h->nt; g++)
		for (size_t r = 0; r < h->nr; r++) {
			double x = m[g * h->nr + r];

			if (!x)
				continue;
			assa += x * x / (h->count_t[g] + h->count_r[r] - x);
			assre += x * x / h->count_t[g];
			asspr += x * x / h->count_r[r];
		}
	one = fmax(1, tp);
	deta = tp / fmax(1, nt + nr - tp);
	s->assa += assa / one / HMR_HOTA_STEPS;
	s->assre += assre / one / HMR_HOTA_STEPS;
	s->asspr += asspr / one / HMR_HOTA_STEPS;
	s->deta += deta / HMR_HOTA_STEPS;
	s->detre += tp / fmax(1, nt) / HMR_HOTA_STEPS;
	s->detpr += tp / fmax(1, nr) / HMR_HOTA_STEPS;
	s->loca += fmax(1e-10, h->loc[a]) / fmax(1e-10, tp) / HMR_HOTA_STEPS;
	s->hota += sqrt(deta * assa / one) / HMR_HOTA_STEPS;
}

enum hmr_status
hmr_score_hota(struct hmr_score *s, const struct hmr_mot *truth,
	       const struct hmr_mot *result, struct hmr_err *e)
{
	struct hmr_mot_pair p = { 0 };
	struct hota h;
	enum hmr_status st = hota_init(&h, truth, result, e);

	if (st)
		return st;
	while (hmr_mot_pair_next(&p, truth, result)) {
		overlaps(&h, &p, truth, result);
		agree_frame(&h, &p, truth, result);
	}
	memset(&p, 0, sizeof(p));
	while (hmr_mot_pair_next(&p, truth, result)) {
		overlaps(&h, &p, truth, result);
		match_frame(&h, &p, truth, result);
	}
	for (int a = 0; a < HMR_HOTA_STEPS; a++)
		add_step(s, &h, a, (double)truth->n, (double)result->n);
	hota_release(&h);
	return HMR_OK;
}

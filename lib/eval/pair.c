/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs by identity, by boxes, or because there is nobody else; see pair.h. */
#include "eval/pair.h"

#include <math.h>
#include <stdlib.h>

#include "track/assign.h"

#define MOST 4096		/* people in a frame */

struct group {			/* those of one frame */
	const struct hmr_eval_person *row;
	size_t n;
};

static int
by_frame(const void *a, const void *b)
{
	const struct hmr_eval_person *x = a, *y = b;

	if (x->frame != y->frame)
		return x->frame < y->frame ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static double
overlap(const float a[4], const float b[4])
{
	double w = fmin((double)a[2], (double)b[2]) - fmax((double)a[0], (double)b[0]);
	double h = fmin((double)a[3], (double)b[3]) - fmax((double)a[1], (double)b[1]);
	double both = w > 0 && h > 0 ? w * h : 0;
	double all = ((double)a[2] - (double)a[0]) * ((double)a[3] - (double)a[1]) +
		     ((double)b[2] - (double)b[0]) * ((double)b[3] - (double)b[1]) - both;

	return all > 0 ? both / all : 0;
}

/* The rows of the next frame from *at on. */
static struct group
next_group(const struct hmr_eval_bodies *b, size_t *at)
{
	struct group g = { b->row + *at, 0 };

	while (*at < b->n && b->row[*at].frame == g.row->frame) {
		(*at)++;
		g.n++;
	}
	return g;
}

static bool
all_have(const struct group *g, bool box)
{
	for (size_t i = 0; i < g->n; i++)
		if (box ? !g->row[i].has_box : !g->row[i].id)
			return false;
	return true;
}

static void
pair_ids(const struct group *t, const struct group *r, struct eval_pair *out, size_t *n)
{
	for (size_t i = 0, k = 0; i < t->n; i++) {
		while (k < r->n && r->row[k].id < t->row[i].id)
			k++;
		if (k < r->n && t->row[i].id && r->row[k].id == t->row[i].id)
			out[(*n)++] = (struct eval_pair){ &t->row[i], &r->row[k++] };
	}
}

static enum hmr_status
pair_boxes(const struct group *t, const struct group *r, double iou,
	   struct eval_pair *out, size_t *n, struct hmr_err *e)
{
	size_t most = t->n > r->n ? t->n : r->n;
	struct hmr_assign *a = NULL;
	int32_t *with = malloc(t->n * sizeof(*with));
	double *cost = malloc(t->n * r->n * sizeof(*cost));
	enum hmr_status st = HMR_OK;

	if (!with || !cost || !(a = hmr_assign_new((uint32_t)most)))
		st = hmr_fail(e, HMR_E_NOMEM, "%zu by %zu people", t->n, r->n);
	for (size_t i = 0; !st && i < t->n; i++)
		for (size_t k = 0; k < r->n; k++)
			cost[i * r->n + k] = 1 - overlap(t->row[i].box, r->row[k].box);
	if (!st)	/* an overlap of just iou is a pair */
		hmr_assign_solve(a, cost, (uint32_t)t->n, (uint32_t)r->n, 1 - iou + 1e-9,
				 with);
	for (size_t i = 0; !st && i < t->n; i++)
		if (with[i] >= 0)
			out[(*n)++] = (struct eval_pair){ &t->row[i], &r->row[with[i]] };
	hmr_assign_free(a);
	free(with);
	free(cost);
	return st;
}

static enum hmr_status
pair_frame(const struct group *t, const struct group *r, enum hmr_eval_match match,
	   double iou, struct eval_pair *out, size_t *n, struct hmr_err *e)
{
	bool boxes = all_have(t, true) && all_have(r, true);

	if (t->n > MOST || r->n > MOST)
		return hmr_fail(e, HMR_E_LIMIT, "frame %llu: more than %d people",
				(unsigned long long)t->row->frame, MOST);
	if (match == HMR_EVAL_BOX && !boxes)
		return hmr_fail(e, HMR_E_FORMAT, "frame %llu: somebody without a box",
				(unsigned long long)t->row->frame);
	if (match != HMR_EVAL_ID && boxes)
		return pair_boxes(t, r, iou, out, n, e);
	if (match == HMR_EVAL_AUTO && t->n == 1 && r->n == 1) {
		out[(*n)++] = (struct eval_pair){ t->row, r->row };
		return HMR_OK;
	}
	if (match != HMR_EVAL_ID && (!all_have(t, false) || !all_have(r, false)))
		return hmr_fail(e, HMR_E_FORMAT, "frame %llu: several people without "
				"boxes or identities to tell them apart by",
				(unsigned long long)t->row->frame);
	pair_ids(t, r, out, n);
	return HMR_OK;
}

enum hmr_status
eval_pair_all(struct hmr_eval_bodies *truth, struct hmr_eval_bodies *result,
	      enum hmr_eval_match match, double iou, struct eval_pair *out, size_t *n,
	      uint64_t *frames, struct hmr_err *e)
{
	size_t t = 0, r = 0;
	enum hmr_status st;

	*n = 0;
	*frames = 0;
	if (truth->n)
		qsort(truth->row, truth->n, sizeof(*truth->row), by_frame);
	if (result->n)
		qsort(result->row, result->n, sizeof(*result->row), by_frame);
	while (t < truth->n) {
		struct group a = next_group(truth, &t), b = { NULL, 0 };

		++*frames;
		while (r < result->n && result->row[r].frame < a.row->frame)
			r++;
		if (r < result->n && result->row[r].frame == a.row->frame)
			b = next_group(result, &r);
		if (b.n && (st = pair_frame(&a, &b, match, iou, out, n, e)))
			return st;
	}
	return HMR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scores of pairs; see bodies.h. Errors are in metres here and become
 * millimetres at the end.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/align.h"
#include "eval/bodies.h"
#include "eval/pair.h"

#define ROOT 39			/* the reference's pelvis among the 44 */
#define HIPS_27 27		/* else the middle of these two, as far as known */
#define HIPS_28 28

struct work {
	struct hmr_eval_scores *s;
	enum hmr_eval_set set;
	int joints;
	size_t n;
	float *mpjpe, *pa;		/* [n] */
	float *conf, *error;		/* [n * joints] */
	double pck[HMR_EVAL_JOINTS][2], pck_n[HMR_EVAL_JOINTS];
	double pve, accel, pelvis;
	struct hmr_ranked *ranked;
	double *rank;
};

static const uint8_t fourteen[14] = { 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36,
				      37, 43 };

int
hmr_eval_joints(enum hmr_eval_set set)
{
	return set == HMR_EVAL_14 ? 14 : set == HMR_EVAL_24 ? HMR_BODY_JOINTS :
	       HMR_EVAL_JOINTS;
}

int
hmr_eval_joint(enum hmr_eval_set set, int i)
{
	return set == HMR_EVAL_14 ? fourteen[i] : i;
}

/* The point that errors are taken from; false: not known in both. */
static bool
roots(const struct eval_pair *p, enum hmr_eval_set set, double t[3], double r[3])
{
	const struct hmr_eval_person *a = p->truth, *b = p->result;
	int one = set == HMR_EVAL_24 ? 0 : ROOT, two = one;

	if (!a->known[one] || !b->known[one]) {
		if (set == HMR_EVAL_24)
			return false;
		one = HIPS_27;
		two = HIPS_28;
		if (!a->known[one] || !b->known[one] || !a->known[two] || !b->known[two])
			return false;
	}
	for (int k = 0; k < 3; k++) {
		t[k] = 0.5 * ((double)a->joints[one][k] + (double)a->joints[two][k]);
		r[k] = 0.5 * ((double)b->joints[one][k] + (double)b->joints[two][k]);
	}
	return true;
}

static double
length(const double d[3])
{
	return sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
}

/* To the axes of the truth's pelvis: left, up, front. */
static void
to_pelvis(const struct hmr_eval_person *t, double d[3])
{
	double out[3] = { 0 };

	for (int k = 0; k < 3; k++)
		for (int i = 0; i < 3; i++)
			out[k] += (double)t->pose[0][3 * i + k] * d[i];
	memcpy(d, out, sizeof(out));
}

static void
add_joint(struct work *w, const struct eval_pair *p, int j, double d[3], double pa)
{
	struct hmr_eval_joint *o = &w->s->joint[j];
	double error = length(d);
	float conf = p->result->conf[j];
	bool root = w->set == HMR_EVAL_24 ? j == 0 : j == ROOT;

	o->n++;
	o->error += error;
	o->pa += pa;
	o->conf += (double)conf;
	if (w->s->offsets_of_pelvis)
		to_pelvis(p->truth, d);
	for (int k = 0; k < 3; k++)
		o->offset[k] += d[k];
	if (p->result->has_conf && w->set != HMR_EVAL_24 && !root) {
		int tenth = (int)(conf * HMR_EVAL_TENTHS);

		tenth = tenth < 0 ? 0 : tenth >= HMR_EVAL_TENTHS ? HMR_EVAL_TENTHS - 1 :
			tenth;
		w->s->tenth[tenth].n++;
		w->s->tenth[tenth].error += error;
		w->conf[w->s->conf_n] = conf;
		w->error[w->s->conf_n++] = (float)error;
	}
}

/* MPJPE and PA-MPJPE of one pair. */
static void
add_pair(struct work *w, const struct eval_pair *p, const double t0[3],
	 const double r0[3])
{
	uint8_t use[HMR_EVAL_JOINTS] = { 0 };
	struct hmr_similarity a;
	double mpjpe = 0, pa = 0;
	int n = 0;

	for (int i = 0; i < w->joints; i++) {
		int j = hmr_eval_joint(w->set, i);

		use[j] = p->truth->known[j] && p->result->known[j];
		n += use[j];
	}
	if (!n)
		return;
	hmr_similarity_fit(&a, (const float (*)[3])p->result->joints,
			   (const float (*)[3])p->truth->joints, use, HMR_EVAL_JOINTS);
	for (int j = 0; j < HMR_EVAL_JOINTS; j++) {
		double d[3], q[3];

		if (!use[j])
			continue;
		hmr_similarity_apply(&a, p->result->joints[j], q);
		for (int k = 0; k < 3; k++) {
			q[k] -= (double)p->truth->joints[j][k];
			d[k] = ((double)p->result->joints[j][k] - r0[k]) -
			       ((double)p->truth->joints[j][k] - t0[k]);
		}
		mpjpe += length(d);
		pa += length(q);
		add_joint(w, p, j, d, length(q));
	}
	w->mpjpe[w->n] = (float)(mpjpe / n);
	w->pa[w->n++] = (float)(pa / n);
}

/* PCK: errors in the image in parts of the longer side of the truth's box. */
static void
add_pck(struct work *w, const struct eval_pair *p)
{
	const struct hmr_eval_person *t = p->truth, *r = p->result;
	double side = fmax((double)t->box[2] - (double)t->box[0],
			   (double)t->box[3] - (double)t->box[1]);

	if (!t->has_2d || !r->has_2d || !t->has_box || w->set == HMR_EVAL_24)
		return;
	for (int i = 0; i < w->joints; i++) {
		int j = hmr_eval_joint(w->set, i);
		double d = hypot((double)t->joints2d[j][0] - (double)r->joints2d[j][0],
				 (double)t->joints2d[j][1] - (double)r->joints2d[j][1]);

		if (!(t->conf[j] > 0.5f))
			continue;
		w->pck_n[j]++;
		w->pck[j][0] += d < 0.05 * side;
		w->pck[j][1] += d < 0.10 * side;
	}
}

static void
end_pck(struct work *w)
{
	struct hmr_eval_scores *s = w->s;
	double sum[2] = { 0 };
	int n = 0;

	for (int j = 0; j < HMR_EVAL_JOINTS; j++) {
		if (!(w->pck_n[j] > 0))
			continue;
		n++;
		s->pck_n += (uint64_t)w->pck_n[j];
		for (int k = 0; k < 2; k++)
			sum[k] += w->pck[j][k] / w->pck_n[j];
	}
	s->pck05 = n ? sum[0] / n : NAN;
	s->pck10 = n ? sum[1] / n : NAN;
}

/* The mean distance of vertices of the two surfaces, root on root. */
static double
surfaces_apart(const struct hmr_body *b, struct hmr_pose_work *work, float (*v)[3],
	       const struct eval_pair *p, const double t0[3], const double r0[3])
{
	uint32_t n = hmr_body_vertices(b);
	double sum = 0;

	hmr_body_pose(b, work, (const float (*)[9])p->truth->pose, p->truth->shape, v,
		      NULL, NULL, NULL);
	hmr_body_pose(b, work, (const float (*)[9])p->result->pose, p->result->shape,
		      v + n, NULL, NULL, NULL);
	for (uint32_t i = 0; i < n; i++) {
		double d[3];

		for (int k = 0; k < 3; k++)
			d[k] = ((double)v[n + i][k] - r0[k]) - ((double)v[i][k] - t0[k]);
		sum += length(d);
	}
	return sum / n;
}

static enum hmr_status
score_surfaces(struct work *w, const struct hmr_body *b, const struct eval_pair *pair,
	       size_t pairs, struct hmr_err *e)
{
	struct hmr_pose_work *work = hmr_pose_work_new(b);
	float (*v)[3] = malloc(2 * (size_t)hmr_body_vertices(b) * sizeof(*v));
	enum hmr_status st = work && v ? HMR_OK :
		hmr_fail(e, HMR_E_NOMEM, "%u vertices", hmr_body_vertices(b));

	for (size_t i = 0; !st && i < pairs; i++) {
		double t0[3], r0[3];

		if (!pair[i].truth->has_pose || !pair[i].result->has_pose ||
		    !roots(&pair[i], w->set, t0, r0))
			continue;
		w->pve += surfaces_apart(b, work, v, &pair[i], t0, r0);
		w->s->pve_n++;
	}
	hmr_pose_work_free(work);
	free(v);
	return st;
}

static int
by_track(const void *a, const void *b)
{
	const struct hmr_eval_person *x = ((const struct eval_pair *)a)->truth;
	const struct hmr_eval_person *y = ((const struct eval_pair *)b)->truth;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->frame < y->frame ? -1 : x->frame > y->frame;
}

/* Second differences over three frames in a row of one identity of the truth, root
 * on root. Sorts pair. */
static void
score_acceleration(struct work *w, struct eval_pair *pair, size_t pairs)
{
	qsort(pair, pairs, sizeof(*pair), by_track);
	for (size_t i = 1; i + 1 < pairs; i++) {
		static const int part[3] = { 1, -2, 1 };
		double t0[3][3], r0[3][3], sum = 0;
		int n = 0;
		bool row = pair[i].truth->id != 0;

		for (int k = 0; row && k < 3; k++)
			row = pair[i + (size_t)k - 1].truth->id == pair[i].truth->id &&
			      pair[i + (size_t)k - 1].truth->frame + 1 ==
			      pair[i].truth->frame + (uint64_t)k &&
			      roots(&pair[i + (size_t)k - 1], w->set, t0[k], r0[k]);
		for (int q = 0; row && q < w->joints; q++) {
			int j = hmr_eval_joint(w->set, q);
			double d[3] = { 0 };
			bool known = true;

			for (int k = 0; k < 3; k++) {
				const struct eval_pair *p = &pair[i + (size_t)k - 1];

				known = known && p->truth->known[j] && p->result->known[j];
				for (int c = 0; c < 3; c++)
					d[c] += part[k] *
						((double)p->result->joints[j][c] - r0[k][c] -
						 (double)p->truth->joints[j][c] + t0[k][c]);
			}
			sum += known ? length(d) : 0;
			n += known;
		}
		if (row && n) {
			w->accel += sum / n;
			w->s->accel_n++;
		}
	}
}

static int
rising(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

/* Mean and median in mm; v gets sorted. */
static void
sum_up(float *v, size_t n, double *mean, double *median)
{
	double sum = 0;

	*mean = *median = NAN;
	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		sum += (double)v[i];
	qsort(v, n, sizeof(*v), rising);
	*mean = 1000 * sum / (double)n;
	*median = 500 * ((double)v[n / 2] + (double)v[(n - 1) / 2]);
}

static void
finish(struct work *w)
{
	struct hmr_eval_scores *s = w->s;

	sum_up(w->mpjpe, w->n, &s->mpjpe, &s->mpjpe_median);
	sum_up(w->pa, w->n, &s->pa_mpjpe, &s->pa_median);
	end_pck(w);
	s->pve = s->pve_n ? 1000 * w->pve / (double)s->pve_n : NAN;
	s->accel = s->accel_n ? 1000 * w->accel / (double)s->accel_n : NAN;
	s->pelvis = s->pelvis_n ? w->pelvis / (double)s->pelvis_n : NAN;
	s->conf_rank = s->conf_n > 1 ? hmr_rank_correlation(w->conf, w->error,
			(uint32_t)s->conf_n, w->ranked, w->rank) : NAN;
	for (int j = 0; j < HMR_EVAL_JOINTS; j++) {
		struct hmr_eval_joint *o = &s->joint[j];
		double n = o->n ? (double)o->n : 1;

		o->error *= 1000 / n;
		o->pa *= 1000 / n;
		o->conf /= n;
		for (int k = 0; k < 3; k++)
			o->offset[k] *= 1000 / n;
	}
	for (int i = 0; i < HMR_EVAL_TENTHS; i++)
		s->tenth[i].error *= 1000 / (s->tenth[i].n ? (double)s->tenth[i].n : 1);
}

static void
score_pairs(struct work *w, const struct eval_pair *pair, size_t n)
{
	w->s->offsets_of_pelvis = n > 0;
	for (size_t i = 0; i < n; i++)
		if (!pair[i].truth->has_pose)
			w->s->offsets_of_pelvis = false;
	for (size_t i = 0; i < n; i++) {
		double t0[3], r0[3];

		if (roots(&pair[i], w->set, t0, r0))
			add_pair(w, &pair[i], t0, r0);
		add_pck(w, &pair[i]);
		if (!pair[i].truth->has_pose || !pair[i].result->has_pose)
			continue;
		w->pelvis += 57.29577951308232 * hmr_angle_between(pair[i].truth->pose[0],
								   pair[i].result->pose[0]);
		w->s->pelvis_n++;
	}
}

enum hmr_status
hmr_eval_score(struct hmr_eval_scores *s, struct hmr_eval_bodies *truth,
	       struct hmr_eval_bodies *result, enum hmr_eval_set set,
	       enum hmr_eval_match match, double iou, const struct hmr_body *body,
	       struct hmr_err *e)
{
	struct work w = { .s = s, .set = set, .joints = hmr_eval_joints(set) };
	struct eval_pair *pair = malloc((truth->n + 1) * sizeof(*pair));
	enum hmr_status st = HMR_OK;
	size_t n = 0, points;

	memset(s, 0, sizeof(*s));
	s->joints = w.joints;
	s->truth = truth->n;
	s->bodies = result->n;
	if (!pair)
		return hmr_fail(e, HMR_E_NOMEM, "%zu bodies", truth->n);
	st = eval_pair_all(truth, result, match, iou, pair, &n, &s->frames, e);
	s->matched = n;
	points = (n + 1) * HMR_EVAL_JOINTS;
	w.mpjpe = malloc((n + 1) * sizeof(*w.mpjpe));
	w.pa = malloc((n + 1) * sizeof(*w.pa));
	w.conf = malloc(points * sizeof(*w.conf));
	w.error = malloc(points * sizeof(*w.error));
	w.ranked = malloc(points * sizeof(*w.ranked));
	w.rank = malloc(2 * points * sizeof(*w.rank));
	if (!st && points > UINT32_MAX)
		st = hmr_fail(e, HMR_E_LIMIT, "%zu bodies", n);
	if (!st && !(w.mpjpe && w.pa && w.conf && w.error && w.ranked && w.rank))
		st = hmr_fail(e, HMR_E_NOMEM, "%zu bodies", n);
	if (!st) {
		score_pairs(&w, pair, n);
		if (body)
			st = score_surfaces(&w, body, pair, n, e);
		score_acceleration(&w, pair, n);
		finish(&w);
	}
	free(pair);
	free(w.mpjpe);
	free(w.pa);
	free(w.conf);
	free(w.error);
	free(w.ranked);
	free(w.rank);
	return st;
}

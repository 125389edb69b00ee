/* SPDX-License-Identifier: Apache-2.0 */
/* The tracks and their lives; see tracker.h. All arrays have fixed lengths. */
#include "track/tracker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "track/assign.h"
#include "track/cost.h"
#include "track/mot.h"

#define LIMIT_HIGH 0.70		/* cost of the worst pair, good boxes */
#define LIMIT_LOW 0.25		/* weak boxes must fit better */
#define NOISE_LOW 2.5		/* and move the prediction less */
#define TENTATIVE_MISSES 2	/* frames a track may miss before it is believed */
#define DOUBLE_IOU 0.30		/* a box so much on another's is no new person */
#define SURE 0.05f		/* what a score is above birth and this, adds up; */
#define BELIEF 0.2f		/* so much of it makes a person, */
#define MOVED 0.4f		/* or so many heights walked */
#define LOOK_MEMORY 0.9		/* of the running mean of appearance */
#define DT_MAX 5.0		/* s */

struct hmr_tracker {
	struct hmr_tracker_options o;
	uint32_t cap, n;		/* tracks */
	uint32_t next_number, next_id;
	double time;			/* of the last step */
	bool started;
	struct hmr_track *track;	/* [cap] */
	float *looks;			/* [cap][HMR_TRACK_LOOK_MAX] */
	struct hmr_assign *assign;
	double *cost;			/* [cap][max_people] */
	int32_t *col_of;		/* [cap] */
	uint32_t *rows, *cols;		/* tracks and people of a round */
	uint32_t *order;		/* [max_people] the people looked at */
	uint32_t n_order;
	bool *taken;			/* [cap] track seen in this frame */
};

void
hmr_tracker_defaults(struct hmr_tracker_options *o)
{
	*o = (struct hmr_tracker_options){
		.max_people = 256, .min_hits = 3, .max_age = 50,
		.high = 0.5f, .low = 0.3f, .birth = 0.5f,
	};
}

static uint32_t
track_cap(const struct hmr_tracker_options *o)
{
	return 3 * o->max_people + 16;
}

size_t
hmr_tracker_bytes(const struct hmr_tracker_options *o)
{
	size_t cap = track_cap(o);

	return cap * (sizeof(struct hmr_track) + HMR_TRACK_LOOK_MAX * sizeof(float) +
		      o->max_people * sizeof(double));
}

struct hmr_tracker *
hmr_tracker_new(const struct hmr_tracker_options *o)
{
	struct hmr_tracker *t = calloc(1, sizeof(*t));
	size_t cap = track_cap(o);

	if (!t)
		return NULL;
	t->o = *o;
	t->cap = (uint32_t)cap;
	t->next_number = t->next_id = 1;
	t->track = calloc(cap, sizeof(*t->track));
	t->looks = calloc(cap, HMR_TRACK_LOOK_MAX * sizeof(float));
	t->assign = hmr_assign_new(t->cap);
	t->cost = calloc(cap * o->max_people, sizeof(*t->cost));
	t->col_of = calloc(cap, sizeof(*t->col_of));
	t->rows = calloc(cap, sizeof(*t->rows));
	t->cols = calloc(cap, sizeof(*t->cols));
	t->order = calloc(cap, sizeof(*t->order));
	t->taken = calloc(cap, sizeof(*t->taken));
	if (!t->track || !t->looks || !t->assign || !t->cost || !t->col_of ||
	    !t->rows || !t->cols || !t->order || !t->taken) {
		hmr_tracker_free(t);
		return NULL;
	}
	for (size_t i = 0; i < cap; i++)
		t->track[i].look = t->looks + i * HMR_TRACK_LOOK_MAX;
	return t;
}

void
hmr_tracker_free(struct hmr_tracker *t)
{
	if (!t)
		return;
	free(t->track);
	free(t->looks);
	hmr_assign_free(t->assign);
	free(t->cost);
	free(t->col_of);
	free(t->rows);
	free(t->cols);
	free(t->order);
	free(t->taken);
	free(t);
}

void
hmr_tracker_reset(struct hmr_tracker *t)
{
	t->n = 0;
	t->started = false;
}

uint32_t
hmr_tracker_ids(const struct hmr_tracker *t)
{
	return t->next_id - 1;
}

/* ---- before the assignment ---- */

/* Is most of the track's predicted box behind somebody seen a moment ago whose
 * feet are lower in the image, and so nearer? */
static bool
is_hidden(const struct hmr_tracker *t, const struct hmr_track *k)
{
	double area = (double)(k->box[2] - k->box[0]) * (k->box[3] - k->box[1]);

	for (uint32_t i = 0; i < t->n; i++) {
		const struct hmr_track *o = &t->track[i];
		double w, h;

		if (o == k || o->missed > 1 || o->box[3] < k->box[3])
			continue;
		w = fmin(o->box[2], k->box[2]) - fmax(o->box[0], k->box[0]);
		h = fmin(o->box[3], k->box[3]) - fmax(o->box[1], k->box[1]);
		if (w > 0 && h > 0 && w * h > 0.4 * area)
			return true;
	}
	return false;
}

static void
predict(struct hmr_tracker *t, const struct hmr_frame_info *f)
{
	double dt = f->time - t->time;

	if (!t->started || !(dt > 0))
		dt = 1.0 / 25;		/* time stands still: one frame on */
	dt = fmin(dt, DT_MAX);
	for (uint32_t i = 0; i < t->n; i++) {
		struct hmr_track *k = &t->track[i];

		hmr_motion_predict(&k->motion, dt, k->missed > 0);
		hmr_motion_box(&k->motion, k->box);
		k->missed++;
	}
	for (uint32_t i = 0; i < t->n; i++)
		t->track[i].hidden = is_hidden(t, &t->track[i]);
	memset(t->taken, 0, t->n * sizeof(*t->taken));
	t->time = f->time;
	t->started = true;
}

/* The people looked at, strongest first where there are too many. */
static uint32_t
choose(struct hmr_tracker *t, const struct hmr_seen *seen, uint32_t n)
{
	uint32_t m = 0, dropped = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!(seen[i].score >= t->o.low))
			continue;
		if (m < t->o.max_people) {
			t->order[m++] = i;
			continue;
		}
		dropped++;
		for (uint32_t k = 0, worst = i; k < m; k++)
			if (seen[t->order[k]].score < seen[worst].score) {
				uint32_t x = t->order[k];

				t->order[k] = worst;
				worst = x;
			}
	}
	t->n_order = m;
	return dropped;
}

/* ---- the assignment ---- */

static void
learn_look(struct hmr_track *k, const float *look, const struct hmr_frame_info *f)
{
	bool known = k->n_look == f->n_look && k->look_kind == f->look_kind;
	double keep = known ? LOOK_MEMORY : 0, sum = 0;

	if (known && k->hidden)		/* not somebody else's colours */
		return;
	for (uint32_t i = 0; i < f->n_look; i++) {
		k->look[i] = (float)(keep * k->look[i] + (1 - keep) * look[i]);
		sum += (double)k->look[i] * k->look[i];
	}
	sum = sum > 0 ? 1 / sqrt(sum) : 0;
	for (uint32_t i = 0; i < f->n_look; i++)
		k->look[i] = (float)(k->look[i] * sum);
	k->n_look = f->n_look;
	k->look_kind = f->look_kind;
}

static void
hit(struct hmr_tracker *t, struct hmr_track *k, const struct hmr_seen *s,
    const struct hmr_frame_info *f)
{
	double depth = s->body ? s->body->camera[2] : 0;
	double h = fmax(k->first[3] - k->first[1], 1), dx, dy;

	if (s->body) {
		memcpy(k->pose, s->body->pose, sizeof(k->pose));
		k->has_pose = true;
	}
	if (s->look && f->n_look <= HMR_TRACK_LOOK_MAX)
		learn_look(k, s->look, f);
	k->hits++;
	k->evidence = fmaxf(k->evidence + s->score - t->o.birth - SURE, -1);
	if (k->hits > 1)
		hmr_motion_update(&k->motion, s->box, depth,
				  s->score < t->o.high ? NOISE_LOW : 1);
	memcpy(k->last, s->box, sizeof(k->last));
	dx = 0.5 * (k->last[0] + k->last[2] - k->first[0] - k->first[2]);
	dy = k->last[3] - k->first[3];
	k->moved = fmaxf(k->moved, (float)(sqrt(dx * dx + dy * dy) / h));
	k->missed = 0;
	k->seen = t->time;
}

static bool
is_person(const struct hmr_tracker *t, const struct hmr_track *k)
{
	return k->hits >= t->o.min_hits &&
	       (k->evidence >= BELIEF || k->moved > MOVED);
}

static void
pair(struct hmr_tracker *t, uint32_t row, uint32_t person,
     const struct hmr_seen *seen, const struct hmr_frame_info *f,
     struct hmr_verdict *verdict)
{
	struct hmr_track *k = &t->track[row];
	struct hmr_verdict *v = &verdict[person];

	v->gap = k->missed - 1;
	hit(t, k, &seen[person], f);
	t->taken[row] = true;
	if (!k->id && is_person(t, k)) {
		k->id = t->next_id++;
		v->fresh = true;
	}
	v->track = k->number;
	v->id = k->id;
}

/* One round between the tracks not yet seen that `want` asks for and the people
 * with scores from lo to below hi. */
static void
run_round(struct hmr_tracker *t, const struct hmr_seen *seen,
	  const struct hmr_frame_info *f, struct hmr_verdict *verdict, float lo,
	  float hi, uint32_t max_missed, double limit)
{
	uint32_t n = 0, m = 0;

	for (uint32_t i = 0; i < t->n; i++)
		if (!t->taken[i] && t->track[i].missed <= max_missed)
			t->rows[n++] = i;
	for (uint32_t i = 0; i < t->n_order; i++) {
		uint32_t p = t->order[i];

		if (!verdict[p].track && seen[p].score >= lo && seen[p].score < hi)
			t->cols[m++] = p;
	}
	if (!n || !m)
		return;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < m; j++)
			t->cost[(size_t)i * m + j] = hmr_track_cost(
				&t->track[t->rows[i]], &seen[t->cols[j]], f);
	hmr_assign_solve(t->assign, t->cost, n, m, limit, t->col_of);
	for (uint32_t i = 0; i < n; i++)
		if (t->col_of[i] >= 0)
			pair(t, t->rows[i], t->cols[t->col_of[i]], seen, f, verdict);
}

/* ---- after it ---- */

static bool
is_double(const struct hmr_tracker *t, const struct hmr_seen *s)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (!t->track[i].missed &&
		    hmr_box_iou(t->track[i].last, s->box) > DOUBLE_IOU)
			return true;
	return false;
}

/* A free place: at the end, else that of the track lost for longest. */
static struct hmr_track *
free_place(struct hmr_tracker *t)
{
	uint32_t worst = 0;

	if (t->n < t->cap)
		return &t->track[t->n++];
	for (uint32_t i = 1; i < t->n; i++)
		if (t->track[i].missed > t->track[worst].missed)
			worst = i;
	return t->track[worst].missed ? &t->track[worst] : NULL;
}

static void
bear(struct hmr_tracker *t, const struct hmr_seen *seen, uint32_t person,
     const struct hmr_frame_info *f, struct hmr_verdict *verdict)
{
	const struct hmr_seen *s = &seen[person];
	struct hmr_track *k;
	float *look;

	if (verdict[person].track || s->score < t->o.birth || is_double(t, s) ||
	    !(k = free_place(t)))
		return;
	look = k->look;
	memset(k, 0, sizeof(*k));
	k->look = look;
	k->number = t->next_number++;
	k->born = t->time;
	memcpy(k->first, s->box, sizeof(k->first));
	hmr_motion_start(&k->motion, s->box, s->body ? s->body->camera[2] : 0);
	hit(t, k, s, f);
	verdict[person].track = k->number;
	if (is_person(t, k)) {
		k->id = t->next_id++;
		verdict[person].id = k->id;
		verdict[person].fresh = true;
	}
}

/* Has the predicted centre left the image? */
static bool
is_gone(const struct hmr_track *k, const struct hmr_frame_info *f)
{
	double x = k->motion.cx.x, y = k->motion.cy.x;

	return x < 0 || y < 0 || x > f->width || y > f->height;
}

static void
bury(struct hmr_tracker *t, const struct hmr_frame_info *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		const struct hmr_track *k = &t->track[i];
		uint32_t age = k->id ? t->o.max_age : TENTATIVE_MISSES;

		if (k->missed > age || (k->missed > 2 && is_gone(k, f)))
			continue;
		if (n != i) {		/* the places swap, looks and all */
			struct hmr_track x = t->track[n];

			t->track[n] = t->track[i];
			t->track[i] = x;
		}
		n++;
	}
	t->n = n;
}

uint32_t
hmr_tracker_step(struct hmr_tracker *t, const struct hmr_frame_info *f,
		 const struct hmr_seen *seen, uint32_t n,
		 struct hmr_verdict *verdict)
{
	uint32_t dropped;

	memset(verdict, 0, n * sizeof(*verdict));
	if (f->shot)
		t->n = 0;
	predict(t, f);
	dropped = choose(t, seen, n);
	run_round(t, seen, f, verdict, t->o.high, INFINITY, UINT32_MAX, LIMIT_HIGH);
	run_round(t, seen, f, verdict, t->o.low, t->o.high, 3, LIMIT_LOW);
	for (uint32_t i = 0; i < t->n_order; i++)
		bear(t, seen, t->order[i], f, verdict);
	bury(t, f);
	return dropped;
}

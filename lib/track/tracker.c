/* SPDX-License-Identifier: Apache-2.0 */
/* The tracks and their lives; see tracker.h. All arrays have fixed lengths. */
#include "track/tracker_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "track/mot.h"

#define NOISE_LOW 2.5		/* weak boxes move the prediction less */
/* Frames that a track not believed may miss: what was seen a few times is kept longer,
 * so that a post that comes and goes has a track of its own and takes nobody's. */
#define YOUNG 4			/* times seen */
#define MISSES_YOUNG 2
#define MISSES_TENTATIVE 10
#define DOUBLE_IOU 0.30		/* a box so much on another's is no new person */
#define SURE 0.05f		/* what a score is above birth and this, adds up; */
#define BELIEF 0.2f		/* so much of it makes a person, */
#define MOVED 0.4f		/* or so many heights walked */
#define STILL 0.3f		/* heights: who moves less stands; */
#define STOOD 15		/* seen so often there, with scores that make no */
				/* person, it is a thing, whoever led to it */
#define DT_MAX 5.0		/* s */
#define OTHERS 8		/* people of a frame that tell how far others are apart */
#define SURE_IOU 0.5		/* with its prediction: it is the same person */

#define LOOK_FLOATS (HMR_LOOK_MAX + HMR_GALLERY_FLOATS)

void
hmr_tracker_defaults(struct hmr_tracker_options *o)
{
	*o = (struct hmr_tracker_options){
		.max_people = 256, .min_hits = 3, .max_age = 50,
		.high = 0.5f, .low = 0.3f, .birth = 0.5f, .remember = 1500,
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

	return cap * (sizeof(struct hmr_track) + LOOK_FLOATS * sizeof(float) +
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
	t->rule = hmr_cost_of(o->cost);
	t->cap = (uint32_t)cap;
	t->next_number = t->next_id = 1;
	t->track = calloc(cap, sizeof(*t->track));
	t->looks = calloc(cap, LOOK_FLOATS * sizeof(float));
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
	for (size_t i = 0; i < cap; i++) {
		t->track[i].look.mean = t->looks + i * LOOK_FLOATS;
		t->track[i].look.held = t->track[i].look.mean + HMR_LOOK_MAX;
	}
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
	t->scale = (struct hmr_look_scale){ .kind = 0 };
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

		if (o == k || o->gone || o->missed > 1 || o->box[3] < k->box[3])
			continue;
		w = fmin(o->box[2], k->box[2]) - fmax(o->box[0], k->box[0]);
		h = fmin(o->box[3], k->box[3]) - fmax(o->box[1], k->box[1]);
		if (w > 0 && h > 0 && w * h > 0.4 * area)
			return true;
	}
	return false;
}

static void
predict(struct hmr_tracker *t, double dt)
{
	for (uint32_t i = 0; i < t->n; i++) {
		struct hmr_track *k = &t->track[i];

		if (k->gone)
			continue;
		hmr_motion_predict(&k->motion, dt, k->missed > 1);
		hmr_motion_box(&k->motion, k->box);
		if (t->o.cost == HMR_COST_PHALP)
			hmr_path_predict(&k->path, k->missed);
	}
	for (uint32_t i = 0; i < t->n; i++)
		t->track[i].hidden = !t->track[i].gone && is_hidden(t, &t->track[i]);
}

/* One frame on: nobody is seen yet. Returns the seconds since the one before. */
static double
begin(struct hmr_tracker *t, const struct hmr_frame_info *f)
{
	double dt = f->time - t->time;

	if (!t->started || !(dt > 0))
		dt = 1.0 / 25;		/* time stands still: one frame on */
	for (uint32_t i = 0; i < t->n; i++) {
		t->track[i].missed += t->track[i].missed < UINT32_MAX;
		t->taken[i] = false;
	}
	t->time = f->time;
	t->width = f->width;
	t->height = f->height;
	t->frames++;
	t->started = true;
	return fmin(dt, DT_MAX);
}

/* The people looked at, strongest first where there are too many. */
static uint32_t
choose(struct hmr_tracker *t, const struct hmr_seen *seen, uint32_t n)
{
	uint32_t m = 0, dropped = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (t->o.given ? !seen[i].given_id : !(seen[i].score >= t->o.low))
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

/* ---- what appearances mean ---- */

double
hmr_tracker_alike(const struct hmr_tracker *t)
{
	return 0.5 * (t->scale.same + t->scale.other);
}

/* How far people who stand in one frame are apart, as a few pairs tell: boxes that do
 * not share pixels. */
static void
learn_others(struct hmr_tracker *t, const struct hmr_step *s)
{
	uint32_t n = t->n_order < OTHERS ? t->n_order : OTHERS;

	if (s->f->n_look)
		hmr_look_scale_for(&t->scale, s->f->look_kind);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < i; j++) {
			const struct hmr_seen *a = &s->seen[t->order[i]];
			const struct hmr_seen *b = &s->seen[t->order[j]];

			if (a->look && b->look && !(hmr_mot_iou(a->box, b->box) > 0))
				hmr_look_scale_other(&t->scale, hmr_look_distance(
					a->look, b->look, s->f->n_look, s->f->look_kind));
		}
}

/* And the same person to what is known of them, where the place leaves no doubt. */
static void
learn_same(struct hmr_tracker *t, const struct hmr_track *k, const struct hmr_seen *p,
	   const struct hmr_frame_info *f)
{
	if (p->look && !k->hidden && p->score >= t->o.high &&
	    hmr_gallery_knows(&k->look, f->n_look, f->look_kind) &&
	    hmr_mot_iou(k->box, p->box) >= SURE_IOU)
		hmr_look_scale_same(&t->scale, hmr_look_distance(
			k->look.mean, p->look, f->n_look, f->look_kind));
}

/* ---- the assignment ---- */

/* How long has it been where it is, and with what scores? */
static void
stand(struct hmr_track *k, const struct hmr_seen *s)
{
	double h = fmax(k->stand[3] - k->stand[1], 1);
	double dx = 0.5 * (s->box[0] + s->box[2] - k->stand[0] - k->stand[2]);
	double dy = s->box[3] - k->stand[3];

	if (!k->stood || hypot(dx, dy) > STILL * h) {
		memcpy(k->stand, s->box, sizeof(k->stand));
		k->stood = 0;
		k->stood_score = 0;
	}
	k->stood++;
	k->stood_score += s->score;
}

static bool
is_thing(const struct hmr_tracker *t, const struct hmr_track *k)
{
	return k->stood >= STOOD &&
	       k->stood_score < (t->o.birth + SURE) * (float)k->stood;
}

void
hmr_track_hit(struct hmr_tracker *t, struct hmr_track *k, const struct hmr_step *st,
	      uint32_t person)
{
	const struct hmr_seen *s = &st->seen[person];
	double depth = s->body ? s->body->camera[2] : 0;
	double h = fmax(k->first[3] - k->first[1], 1), dx, dy;

	if (s->body) {
		memcpy(k->pose, s->body->pose, sizeof(k->pose));
		memcpy(k->shape, s->body->shape, sizeof(k->shape));
		k->has_pose = true;
	}
	if (s->look && !(k->hidden && k->look.n))	/* not somebody else's colours */
		hmr_gallery_add(&k->look, s->look, st->f->n_look, st->f->look_kind,
				hmr_tracker_alike(t));
	stand(k, s);
	k->hits++;
	k->evidence = fmaxf(k->evidence + s->score - t->o.birth - SURE, -1);
	if (k->hits > 1)
		hmr_motion_update(&k->motion, s->box, depth,
				  s->score < t->o.high ? NOISE_LOW : 1);
	if (t->o.cost == HMR_COST_PHALP)
		hmr_path_see(&k->path, s, st->f, t->frames);
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

/* A track that has just been seen gets its identity, if it is time: that of somebody
 * who was here before, or a new one. */
static void
name(struct hmr_tracker *t, struct hmr_track *k, struct hmr_verdict *v)
{
	struct hmr_track *old;

	if (!k->id && is_person(t, k)) {
		if ((old = hmr_track_known(t, k))) {
			k->id = old->id;
			hmr_gallery_merge(&k->look, &old->look, hmr_tracker_alike(t));
			old->id = 0;		/* bury() takes it away */
			old->gone = true;
		} else {
			k->id = t->next_id++;
		}
		v->fresh = true;
	}
	v->track = k->number;
	v->id = is_thing(t, k) ? 0 : k->id;
}

static void
pair(struct hmr_tracker *t, uint32_t row, uint32_t person, const struct hmr_step *s)
{
	struct hmr_track *k = &t->track[row];

	s->verdict[person].gap = k->missed - 1;
	learn_same(t, k, &s->seen[person], s->f);
	hmr_track_hit(t, k, s, person);
	t->taken[row] = true;
	name(t, k, &s->verdict[person]);
}

/* One round between the tracks not yet seen, of those that missed at most so many
 * frames, and the people with scores from lo to below hi. */
static void
run_round(struct hmr_tracker *t, const struct hmr_step *s, float lo, float hi,
	  uint32_t max_missed, double limit)
{
	uint32_t n = 0, m = 0;

	for (uint32_t i = 0; i < t->n; i++)
		if (!t->taken[i] && !t->track[i].gone && t->track[i].missed <= max_missed)
			t->rows[n++] = i;
	for (uint32_t i = 0; i < t->n_order; i++) {
		uint32_t p = t->order[i];

		if (!s->verdict[p].track && s->seen[p].score >= lo &&
		    s->seen[p].score < hi)
			t->cols[m++] = p;
	}
	if (!n || !m)
		return;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < m; j++)
			t->cost[(size_t)i * m + j] = t->rule->of(
				&t->track[t->rows[i]], &s->seen[t->cols[j]], s->f,
				&t->scale);
	hmr_assign_solve(t->assign, t->cost, n, m, limit, t->col_of);
	for (uint32_t i = 0; i < n; i++)
		if (t->col_of[i] >= 0)
			pair(t, t->rows[i], t->cols[t->col_of[i]], s);
}

/* ---- after it ---- */

static bool
is_double(const struct hmr_tracker *t, const struct hmr_seen *s)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (!t->track[i].missed && !t->track[i].gone &&
		    hmr_mot_iou(t->track[i].last, s->box) > DOUBLE_IOU)
			return true;
	return false;
}

struct hmr_track *
hmr_track_place(struct hmr_tracker *t)
{
	struct hmr_track *k = t->track;
	struct hmr_gallery look;

	if (t->n < t->cap) {
		k = &t->track[t->n++];
	} else {
		for (uint32_t i = 1; i < t->n; i++)
			if (t->track[i].missed > k->missed)
				k = &t->track[i];
		if (!k->missed)
			return NULL;
		hmr_track_forget(t, k);
	}
	look = k->look;
	memset(k, 0, sizeof(*k));
	k->look = look;
	hmr_gallery_clear(&k->look);
	return k;
}

void
hmr_track_begin(struct hmr_tracker *t, struct hmr_track *k, const struct hmr_step *s,
		uint32_t person)
{
	const struct hmr_seen *p = &s->seen[person];

	k->number = t->next_number++;
	k->born = t->time;
	k->gone = k->elsewhere = k->hidden = false;
	k->hits = 0;
	k->path.seen = 0;
	memcpy(k->first, p->box, sizeof(k->first));
	hmr_motion_start(&k->motion, p->box, p->body ? p->body->camera[2] : 0);
	hmr_track_hit(t, k, s, person);
}

static void
bear(struct hmr_tracker *t, uint32_t person, const struct hmr_step *s)
{
	const struct hmr_seen *p = &s->seen[person];
	struct hmr_track *k;

	if (s->verdict[person].track || p->score < t->o.birth || is_double(t, p) ||
	    !(k = hmr_track_place(t)))
		return;
	hmr_track_begin(t, k, s, person);
	name(t, k, &s->verdict[person]);
}

/* Has the predicted centre left the image? */
static bool
is_gone(const struct hmr_track *k, const struct hmr_frame_info *f)
{
	double x = k->motion.cx.x, y = k->motion.cy.x;

	return x < 0 || y < 0 || x > f->width || y > f->height;
}

/* Does it stay? Who has been unseen for too long, or has left the image, is no longer
 * looked for by place but may still be known again. */
static bool
stays(const struct hmr_tracker *t, struct hmr_track *k, const struct hmr_frame_info *f)
{
	uint32_t age = k->id ? t->o.max_age :
		k->hits < YOUNG ? MISSES_YOUNG : MISSES_TENTATIVE;

	if (!k->gone && k->missed <= age && !(k->missed > 2 && is_gone(k, f)))
		return true;
	k->gone = true;
	return k->id && k->look.n && k->missed <= t->o.remember;
}

static void
bury(struct hmr_tracker *t, const struct hmr_frame_info *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		if (!stays(t, &t->track[i], f))
			continue;
		if (n != i) {		/* the places swap, galleries and all */
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
	struct hmr_step s = { f, seen, verdict, f->shot || f->width != t->width ||
			      f->height != t->height };
	double dt = begin(t, f);
	uint32_t dropped;

	memset(verdict, 0, n * sizeof(*verdict));
	dropped = choose(t, seen, n);
	if (t->o.given) {
		hmr_tracker_given(t, &s);
		return dropped;
	}
	predict(t, dt);
	learn_others(t, &s);
	if (s.cut)
		hmr_tracker_cut(t, &s);
	run_round(t, &s, t->o.high, INFINITY, UINT32_MAX, t->rule->limit_high);
	run_round(t, &s, t->o.low, t->o.high, 3, t->rule->limit_low);
	for (uint32_t i = 0; i < t->n_order; i++)
		bear(t, t->order[i], &s);
	bury(t, f);
	return dropped;
}

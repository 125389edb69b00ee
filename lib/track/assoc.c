/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring around the tracker; see assoc.h. An entry is a copy of a frame's
 * sections, the track of every person in it, and people filled in. Tables are
 * decoded when they are needed, so an entry costs what its frame does.
 */
#include "track/assoc_impl.h"

#include <stdlib.h>
#include <string.h>

#define LOOKS ((size_t)HMR_PEOPLE_CAP * HMR_LOOK_MAX)

/* ---- making and releasing ---- */

void
hmr_assoc_free(struct hmr_assoc *a)
{
	if (!a)
		return;
	for (uint32_t i = 0; a->entry && i < a->size; i++) {
		free(a->entry[i].bytes);
		free(a->entry[i].track);
		free(a->entry[i].fill);
	}
	free(a->entry);
	hmr_tracker_free(a->tracker);
	hmr_smooth_free(a->smooth);
	free(a->source);
	free(a->people);
	free(a->bodies);
	free(a->tracks);
	free(a->seen);
	free(a->verdict);
	free(a->look_person);
	free(a->looks);
	free(a->out);
	free(a);
}

static size_t
out_bytes(void)
{
	return hmr_people_bytes(HMR_PEOPLE_CAP) + hmr_bodies_bytes(HMR_PEOPLE_CAP) +
	       hmr_tracks_bytes(HMR_PEOPLE_CAP);
}

/* Frames that are looked at before it is decided whether a shot begins. */
static uint32_t
ahead(const struct hmr_assoc_options *o)
{
	return o->lag >= 2 * HMR_SHOT_AHEAD ? HMR_SHOT_AHEAD : 0;
}

/* Of tracks that can be in the ring or be remembered. */
static struct hmr_smooth_options
smooth_options(const struct hmr_assoc_options *o)
{
	return (struct hmr_smooth_options){ o->smooth, o->lag - ahead(o),
		3 * o->tracker.max_people + 16, o->tracker.max_age };
}

static bool
make_ring(struct hmr_assoc *a)
{
	a->size = a->o.lag + 1;
	if (!(a->entry = calloc(a->size, sizeof(*a->entry))))
		return false;
	for (uint32_t i = 0; i < a->size; i++) {
		struct hmr_entry *n = &a->entry[i];

		n->track = malloc(2 * HMR_PEOPLE_CAP * sizeof(*n->track));
		n->fill = malloc(a->o.tracker.max_people * sizeof(*n->fill));
		if (!n->track || !n->fill)
			return false;
		n->id = n->track + HMR_PEOPLE_CAP;
	}
	return true;
}

enum hmr_status
hmr_assoc_new(struct hmr_assoc **out, const struct hmr_assoc_options *o,
	      struct hmr_err *e)
{
	struct hmr_smooth_options so = smooth_options(o);
	struct hmr_assoc *a = calloc(1, sizeof(*a));
	size_t cap = HMR_PEOPLE_CAP;

	*out = NULL;
	if (!a)
		return hmr_fail(e, HMR_E_NOMEM, "association");
	a->o = *o;
	a->step = 1;
	a->people = malloc(cap * sizeof(*a->people));
	a->bodies = malloc(cap * sizeof(*a->bodies));
	a->tracks = malloc(cap * sizeof(*a->tracks));
	a->seen = malloc(cap * sizeof(*a->seen));
	a->verdict = malloc(cap * sizeof(*a->verdict));
	a->look_person = malloc(cap * sizeof(*a->look_person));
	a->looks = malloc(LOOKS * sizeof(*a->looks));
	a->out = malloc(out_bytes());
	a->tracker = hmr_tracker_new(&o->tracker);
	if (o->smooth)
		a->smooth = hmr_smooth_new(&so);
	if ((o->smooth && !a->smooth) || !a->people || !a->bodies || !a->tracks ||
	    !a->seen || !a->verdict || !a->look_person || !a->looks || !a->out ||
	    !a->tracker || !make_ring(a)) {
		hmr_assoc_free(a);
		return hmr_fail(e, HMR_E_NOMEM, "association of %u people over %u frames",
				o->tracker.max_people, o->lag);
	}
	*out = a;
	return HMR_OK;
}

size_t
hmr_assoc_bytes(const struct hmr_assoc *a)
{
	struct hmr_smooth_options so = smooth_options(&a->o);
	size_t held = a->o.lag ? a->size * (size_t)a->payload : 0;

	return held + hmr_tracker_bytes(&a->o.tracker) + hmr_smooth_bytes(&so) + 2 * out_bytes() +
	       LOOKS * sizeof(float) +
	       a->size * a->o.tracker.max_people * sizeof(struct hmr_fill);
}

uint64_t
hmr_assoc_growth(const struct hmr_assoc *a)
{
	uint32_t n = a->o.tracker.max_people;

	return 3 * HMR_SECTION_HEADER + hmr_people_bytes(n) + hmr_bodies_bytes(n) +
	       hmr_tracks_bytes(2 * n);
}

void
hmr_assoc_joints(struct hmr_assoc *a, hmr_joints_fn *joints, void *ctx)
{
	a->joints = joints;
	a->joints_ctx = ctx;
}

const struct hmr_assoc_stats *
hmr_assoc_stats(const struct hmr_assoc *a)
{
	return &a->stats;
}

enum hmr_status
hmr_assoc_head(struct hmr_assoc *a, const struct hmr_head *h, struct hmr_err *e)
{
	const struct hmr_head_info *i = hmr_head_info(h);

	a->same = a->source && !strcmp(a->source, i->source) &&
		  a->tb_num == i->tb_num && a->tb_den == i->tb_den &&
		  a->width == i->width && a->height == i->height;
	a->fresh = true;
	a->tb_num = i->tb_num;
	a->tb_den = i->tb_den;
	a->tick = (double)i->tb_num / i->tb_den;
	a->width = i->width;
	a->height = i->height;
	if (!a->same) {
		free(a->source);
		if (!(a->source = malloc(strlen(i->source) + 1)))
			return hmr_fail(e, HMR_E_NOMEM, "association");
		strcpy(a->source, i->source);
	}
	a->first = a->held = a->stepped = 0;
	if (!a->o.lag || i->max_payload <= a->payload)
		return HMR_OK;
	a->payload = 0;
	for (uint32_t k = 0; k < a->size; k++) {
		free(a->entry[k].bytes);
		if (!(a->entry[k].bytes = malloc((size_t)i->max_payload)))
			return hmr_fail(e, HMR_E_NOMEM, "%u frames of %llu bytes held back",
					a->size, (unsigned long long)i->max_payload);
	}
	a->payload = i->max_payload;
	return HMR_OK;
}

/* ---- a frame ---- */

/* Decodes what the tracker looks at; *n people. */
static enum hmr_status
look(struct hmr_assoc *a, const struct hmr_frame *f, uint32_t *n,
     struct hmr_frame_info *info, struct hmr_err *e)
{
	uint32_t bodies = 0, looks = 0, rows = 0, count = 0, kind = 0;
	enum hmr_status st;

	if ((st = hmr_people_get(f, a->people, HMR_PEOPLE_CAP, n, e)) < 0 ||
	    (st = hmr_bodies_get(f, a->bodies, HMR_PEOPLE_CAP, *n, &bodies, e)) < 0 ||
	    (st = hmr_tracks_get(f, a->tracks, HMR_PEOPLE_CAP, *n, &rows, e)) < 0)
		return st;
	st = hmr_vectors_get(f, HMR_TAG_APPEARANCE, a->look_person, a->looks,
			     HMR_LOOK_MAX, HMR_PEOPLE_CAP, *n,
			     &looks, &count, &kind, e);
	if (st < 0)
		return st;
	for (uint32_t i = 0; i < *n; i++) {
		memset(&a->seen[i], 0, sizeof(a->seen[i]));
		memcpy(a->seen[i].box, a->people[i].box, sizeof(a->seen[i].box));
		a->seen[i].score = a->people[i].score;
		a->seen[i].given_id = a->people[i].given_id;
	}
	for (uint32_t i = 0; i < bodies; i++)
		a->seen[a->bodies[i].person].body = &a->bodies[i];
	for (uint32_t i = 0; i < looks; i++) {
		float *v = a->looks + i * HMR_LOOK_MAX;

		if (hmr_look_unit(v, count, kind))
			a->seen[a->look_person[i]].look = v;
	}
	for (uint32_t i = 0; i < rows; i++)	/* an earlier run's inventions */
		if (a->tracks[i].flags & HMR_TRACK_FILLED) {
			a->seen[a->tracks[i].person].score = -1;
			a->seen[a->tracks[i].person].given_id = 0;
		}
	info->n_look = count;
	info->look_kind = kind;
	return HMR_OK;
}

static void
check_boundary(struct hmr_assoc *a, uint64_t number)
{
	uint64_t jump = number - a->last;

	if (a->fresh) {
		if (!a->same || number <= a->last ||
		    jump / a->step > a->o.tracker.max_age) {
			hmr_tracker_reset(a->tracker);
			hmr_shots_reset(&a->shots);
		}
	} else {
		a->step = jump ? jump : 1;
	}
	a->fresh = false;
	a->last = number;
}

/* The gist of a frame for the detection of cuts. */
static enum hmr_status
push_gist(struct hmr_assoc *a, const struct hmr_frame *f, bool first, struct hmr_err *e)
{
	uint8_t gist[HMR_GIST_VALUES];
	enum hmr_status st = hmr_gist_get(f, gist, e);

	if (st < 0)
		return st;
	if (first) {
		a->gists = st == HMR_OK;
		a->ahead = a->gists ? ahead(&a->o) : 0;
		a->shots.n = 0;
	}
	if (a->gists)
		hmr_shots_push(&a->shots, st ? NULL : gist);
	return HMR_OK;
}

/* The tracker sees the oldest entry that it has not seen. */
static enum hmr_status
step(struct hmr_assoc *a, struct hmr_err *e)
{
	struct hmr_entry *n = hmr_entry_at(a, a->stepped);
	struct hmr_frame *f = &n->frame;
	struct hmr_frame_info info = { .time = (double)f->pts * a->tick,
				       .width = f->width, .height = f->height };
	float c[2];
	enum hmr_status st;

	if ((st = look(a, f, &n->people, &info, e))) {
		a->held = a->stepped;	/* neither it nor what came after */
		return st;
	}
	if (a->gists && hmr_shots_decide(&a->shots))
		f->flags |= HMR_FRAME_SHOT;
	info.shot = f->flags & HMR_FRAME_SHOT;
	a->stats.shots += info.shot;
	a->stepped++;
	hmr_frame_centre(f, c);
	a->stats.left_out += hmr_tracker_step(a->tracker, &info, a->seen, n->people,
					      a->verdict);
	for (uint32_t i = 0; i < n->people; i++) {
		n->track[i] = a->verdict[i].track;
		n->id[i] = a->verdict[i].id;
		if (hmr_assoc_smooths(a) && n->track[i] && a->seen[i].body)
			hmr_smooth_see(a->smooth, n->track[i], n->seq, info.time,
				       a->seen[i].body, false, c[0], c[1], a->joints,
				       a->joints_ctx);
	}
	for (uint32_t i = 0; i < n->people; i++) {
		const struct hmr_verdict *v = &a->verdict[i];

		if (v->track && v->gap)
			hmr_entry_fill(a, v->track, v->id, v->gap);
		if (v->fresh)
			hmr_entry_name(a, v->track, v->id);
	}
	a->stats.people += n->people;
	a->stats.ids = hmr_tracker_ids(a->tracker);
	return HMR_OK;
}

enum hmr_status
hmr_assoc_frame(struct hmr_assoc *a, const struct hmr_frame *f,
		hmr_emit_fn *emit, void *ctx, struct hmr_err *e)
{
	bool first = a->fresh;
	struct hmr_frame_info info;
	struct hmr_entry *n;
	uint32_t people;
	enum hmr_status st;

	check_boundary(a, f->number);
	if ((st = push_gist(a, f, first, e)))
		return st;
	/* A damaged frame is told of when it comes, not when its turn has come. */
	if (a->ahead && (st = look(a, f, &people, &info, e)))
		return st;
	n = hmr_entry_at(a, a->held);
	n->people = 0;
	n->fills = 0;
	n->seq = a->seq++;
	if (!a->o.lag)
		n->frame = *f;
	else if ((st = hmr_entry_copy(a, n, f, e)))
		return st;
	a->held++;
	a->stats.frames++;
	if (a->held - a->stepped > a->ahead && (st = step(a, e)))
		return st;
	return a->held > a->o.lag ? hmr_entry_pop(a, emit, ctx, e) : HMR_OK;
}

enum hmr_status
hmr_assoc_drain(struct hmr_assoc *a, hmr_emit_fn *emit, void *ctx,
		struct hmr_err *e)
{
	enum hmr_status st = HMR_OK;

	while (!st && a->stepped < a->held)
		st = step(a, e);
	while (!st && a->held)
		st = hmr_entry_pop(a, emit, ctx, e);
	return st;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring around the tracker; see assoc.h. An entry is a copy of a frame's
 * sections, the track of every person in it, and people filled in. Tables are
 * decoded when they are needed, so an entry costs what its frame does. People are
 * appended only: indices of other sections stay right.
 */
#include "track/assoc.h"

#include <stdlib.h>
#include <string.h>

struct fill {
	uint32_t track, id, missed;
	bool has_body;
	struct hmr_person person;
	struct hmr_body_row body;
};

struct entry {
	struct hmr_frame frame;
	uint64_t seq;			/* frames before it */
	uint8_t *bytes;			/* [payload] */
	uint32_t people;
	uint32_t *track, *id;		/* [HMR_PEOPLE_CAP], of each person */
	uint32_t fills;
	struct fill *fill;		/* [max_people] */
};

struct hmr_assoc {
	struct hmr_assoc_options o;
	struct hmr_assoc_stats stats;
	struct hmr_tracker *tracker;
	struct hmr_smooth *smooth;	/* NULL: off */
	hmr_joints_fn *joints;
	void *joints_ctx;
	/* the segment */
	double tick;			/* s */
	uint32_t width, height;
	char *source;
	bool fresh;			/* no frame of it yet */
	bool same;			/* it may go on with the tracks */
	int32_t tb_num, tb_den;
	uint64_t seq;			/* frames seen, over all segments */
	uint64_t last, step;		/* frame number, and the usual difference */
	/* the ring: entry[(first + i) % size], i < held */
	struct entry *entry;
	uint32_t size, first, held;
	uint64_t payload;
	/* tables of the frame in hand, [HMR_PEOPLE_CAP] each */
	struct hmr_person *people;
	struct hmr_body_row *bodies;
	struct hmr_track_row *tracks;
	struct hmr_seen *seen;
	struct hmr_verdict *verdict;
	uint32_t *look_person;
	float *looks;			/* [LOOK_FLOATS], touched as far as used */
	uint8_t *out;			/* encoded tables */
};

#define LOOK_FLOATS ((size_t)HMR_PEOPLE_CAP * HMR_TRACK_LOOK_MAX)

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

/* Of tracks that can be in the ring or be remembered. */
static struct hmr_smooth_options
smooth_options(const struct hmr_assoc_options *o)
{
	return (struct hmr_smooth_options){ o->smooth, o->lag,
		3 * o->tracker.max_people + 16, o->tracker.max_age };
}

static bool
make_ring(struct hmr_assoc *a)
{
	a->size = a->o.lag + 1;
	if (!(a->entry = calloc(a->size, sizeof(*a->entry))))
		return false;
	for (uint32_t i = 0; i < a->size; i++) {
		struct entry *n = &a->entry[i];

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
	a->looks = malloc(LOOK_FLOATS * sizeof(*a->looks));
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
	       LOOK_FLOATS * sizeof(float) +
	       a->size * a->o.tracker.max_people * sizeof(struct fill);
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
	a->first = a->held = 0;
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

/* ---- into the ring ---- */

static struct entry *
entry_at(struct hmr_assoc *a, uint32_t i)
{
	return &a->entry[(a->first + i) % a->size];
}

static bool
smooths(const struct hmr_assoc *a)
{
	return a->smooth && a->joints;
}

/* The tables that are read again later are kept decompressed. */
static enum hmr_status
copy_frame(const struct hmr_assoc *a, struct entry *n, const struct hmr_frame *f,
	   struct hmr_err *e)
{
	uint64_t at = 0;
	enum hmr_status st;

	n->frame = *f;
	n->frame.reader = NULL;
	for (uint32_t i = 0; i < f->n; i++) {
		struct hmr_section *s = &n->frame.section[i];
		const uint8_t *data = s->data;
		size_t len = (size_t)s->stored;

		if ((s->flags & HMR_SECTION_ZSTD) &&
		    (s->tag == HMR_TAG_PEOPLE || s->tag == HMR_TAG_BODIES ||
		     s->tag == HMR_TAG_CAMERA ||
		     (s->tag == HMR_TAG_VERTICES && smooths(a)))) {
			if ((st = hmr_frame_get(f, s->tag, &data, &len, e)))
				return st;
			s->flags &= ~(uint32_t)HMR_SECTION_ZSTD;
			s->sum = 0;
			s->stored = s->raw;
		}
		if (len > a->payload - at)
			return hmr_fail(e, HMR_E_LIMIT, "frame %llu: larger than HEAD's "
					"max_payload of %llu bytes",
					(unsigned long long)f->number,
					(unsigned long long)a->payload);
		memcpy(n->bytes + at, data, len);
		s->data = n->bytes + at;
		at += len;
	}
	return HMR_OK;
}

/* The principal point of a frame. */
static void
centre_of(const struct hmr_frame *f, float c[2])
{
	struct hmr_camera_row row;

	if (!hmr_camera_get(f, &row, NULL)) {
		memcpy(c, row.centre, sizeof(row.centre));
	} else {
		c[0] = 0.5f * (float)f->width;
		c[1] = 0.5f * (float)f->height;
	}
}

static const struct hmr_body_row *
body_of(const struct hmr_assoc *a, uint32_t bodies, uint32_t person)
{
	for (uint32_t i = 0; i < bodies; i++)
		if (a->bodies[i].person == person)
			return &a->bodies[i];
	return NULL;
}

/* Where the track was in an entry; false: it was not. Uses a's tables. */
static bool
sight(struct hmr_assoc *a, struct entry *n, uint32_t track, struct fill *out)
{
	uint32_t rows = 0, bodies = 0, p;
	const struct hmr_body_row *b;

	for (p = 0; p < n->people; p++)
		if (n->track[p] == track)
			break;
	if (p == n->people ||
	    hmr_people_get(&n->frame, a->people, HMR_PEOPLE_CAP, &rows, NULL) ||
	    hmr_bodies_get(&n->frame, a->bodies, HMR_PEOPLE_CAP, rows, &bodies, NULL) < 0)
		return false;
	out->person = a->people[p];
	b = body_of(a, bodies, p);
	out->has_body = b != NULL;
	if (b)
		out->body = *b;
	return true;
}

/* The track seen in the newest entry had been unseen for `gap` frames: puts it
 * into the entries between. */
static void
fill_gap(struct hmr_assoc *a, uint32_t track, uint32_t id, uint32_t gap)
{
	struct fill from, to;
	struct entry *n0, *n1 = entry_at(a, a->held - 1);

	if (gap + 1 >= a->held || !sight(a, n1, track, &to))
		return;
	n0 = entry_at(a, a->held - 2 - gap);
	if (!sight(a, n0, track, &from))
		return;
	for (uint32_t i = 1; i <= gap; i++) {
		struct entry *n = entry_at(a, a->held - 2 - gap + i);
		double t = (double)i / (gap + 1);
		struct fill *x;
		float c[2];

		if (n1->frame.pts > n0->frame.pts &&
		    n->frame.pts >= n0->frame.pts && n->frame.pts <= n1->frame.pts)
			t = (double)(n->frame.pts - n0->frame.pts) /
			    (double)(n1->frame.pts - n0->frame.pts);
		if (n->fills == a->o.tracker.max_people ||
		    n->people + n->fills == HMR_PEOPLE_CAP)
			continue;
		x = &n->fill[n->fills++];
		x->track = track;
		x->id = id;
		x->missed = i;
		hmr_fill_person(&x->person, &from.person, &to.person, t);
		x->has_body = from.has_body && to.has_body;
		if (!x->has_body)
			continue;
		centre_of(&n->frame, c);
		hmr_fill_body(&x->body, &from.body, &to.body, t, c[0], c[1], a->joints,
			      a->joints_ctx);
		if (smooths(a))
			hmr_smooth_see(a->smooth, track, n->seq,
				       (double)n->frame.pts * a->tick, &x->body, true,
				       c[0], c[1], a->joints, a->joints_ctx);
	}
}

/* An identity was given: all that the ring holds of the track has it. */
static void
name_back(struct hmr_assoc *a, uint32_t track, uint32_t id)
{
	for (uint32_t i = 0; i < a->held; i++) {
		struct entry *n = entry_at(a, i);

		for (uint32_t p = 0; p < n->people; p++)
			if (n->track[p] == track)
				n->id[p] = id;
		for (uint32_t k = 0; k < n->fills; k++)
			if (n->fill[k].track == track)
				n->fill[k].id = id;
	}
}

/* ---- out of it ---- */

/* Bodies steady, people of closed gaps appended. */
static enum hmr_status
rewrite(struct hmr_assoc *a, const struct entry *n, struct hmr_frame *f,
	uint32_t *tracks, struct hmr_err *e)
{
	uint32_t rows = 0, bodies = 0, seen;
	bool changed = false;
	uint8_t *p = a->out;
	float c[2];
	enum hmr_status st;

	if ((st = hmr_people_get(f, a->people, HMR_PEOPLE_CAP, &rows, e)) < 0 ||
	    (st = hmr_bodies_get(f, a->bodies, HMR_PEOPLE_CAP, rows, &bodies, e)) < 0)
		return st;
	seen = rows;
	centre_of(f, c);
	for (uint32_t i = 0; i < bodies && smooths(a); i++) {
		uint32_t track = n->track[a->bodies[i].person];

		changed |= track && hmr_smooth_body(a->smooth, track, n->seq,
						    &a->bodies[i], c[0], c[1],
						    a->joints, a->joints_ctx);
	}
	for (uint32_t i = 0; i < n->fills; i++) {
		const struct fill *x = &n->fill[i];

		if (!x->id || rows == HMR_PEOPLE_CAP)
			continue;
		a->tracks[(*tracks)++] = (struct hmr_track_row){ rows, x->id, x->missed,
			HMR_TRACK_FILLED | HMR_TRACK_CONFIRMED };
		if (x->has_body) {
			a->bodies[bodies] = x->body;
			if (smooths(a))
				hmr_smooth_body(a->smooth, x->track, n->seq,
						&a->bodies[bodies], c[0], c[1],
						a->joints, a->joints_ctx);
			a->bodies[bodies++].person = rows;
			changed = true;
		}
		a->people[rows++] = x->person;
		a->stats.filled++;
	}
	if (rows > seen && (st = hmr_frame_put(f, HMR_TAG_PEOPLE, p,
					       hmr_people_put(p, a->people, rows), e)))
		return st;
	if (!changed)
		return HMR_OK;
	p += hmr_people_bytes(HMR_PEOPLE_CAP);
	return hmr_frame_put(f, HMR_TAG_BODIES, p,
			     hmr_bodies_put(p, a->bodies, bodies), e);
}

/* n->frame is changed; what it points to is a's. */
static enum hmr_status
send(struct hmr_assoc *a, struct entry *n, hmr_emit_fn *emit, void *ctx,
     struct hmr_err *e)
{
	struct hmr_frame *f = &n->frame;
	uint32_t tracks = 0;
	uint8_t *p = a->out + hmr_people_bytes(HMR_PEOPLE_CAP) +
		     hmr_bodies_bytes(HMR_PEOPLE_CAP);
	bool filled = false;
	enum hmr_status st;

	for (uint32_t i = 0; i < n->people; i++)
		if (n->id[i])
			a->tracks[tracks++] = (struct hmr_track_row){ i, n->id[i], 0,
				HMR_TRACK_CONFIRMED };
	a->stats.named += tracks;
	for (uint32_t i = 0; i < n->fills; i++)
		filled |= n->fill[i].id != 0;
	if ((filled || smooths(a)) && (st = rewrite(a, n, f, &tracks, e)))
		return st;
	if ((st = hmr_frame_put(f, HMR_TAG_TRACKS, p,
				hmr_tracks_put(p, a->tracks, tracks), e)))
		return st;
	return emit(ctx, f, e);
}

static enum hmr_status
pop(struct hmr_assoc *a, hmr_emit_fn *emit, void *ctx, struct hmr_err *e)
{
	struct entry *n = entry_at(a, 0);

	a->first = (a->first + 1) % a->size;
	a->held--;
	return send(a, n, emit, ctx, e);
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
			     HMR_TRACK_LOOK_MAX, HMR_PEOPLE_CAP, *n,
			     &looks, &count, &kind, e);
	if (st < 0)
		return st;
	for (uint32_t i = 0; i < *n; i++) {
		memset(&a->seen[i], 0, sizeof(a->seen[i]));
		memcpy(a->seen[i].box, a->people[i].box, sizeof(a->seen[i].box));
		a->seen[i].score = a->people[i].score;
	}
	for (uint32_t i = 0; i < bodies; i++)
		a->seen[a->bodies[i].person].body = &a->bodies[i];
	for (uint32_t i = 0; i < looks; i++) {
		float *v = a->looks + i * HMR_TRACK_LOOK_MAX;

		if (hmr_look_unit(v, count, kind))
			a->seen[a->look_person[i]].look = v;
	}
	for (uint32_t i = 0; i < rows; i++)	/* an earlier run's inventions */
		if (a->tracks[i].flags & HMR_TRACK_FILLED)
			a->seen[a->tracks[i].person].score = -1;
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
		    jump / a->step > a->o.tracker.max_age)
			hmr_tracker_reset(a->tracker);
	} else {
		a->step = jump ? jump : 1;
	}
	a->fresh = false;
	a->last = number;
}

enum hmr_status
hmr_assoc_frame(struct hmr_assoc *a, const struct hmr_frame *f,
		hmr_emit_fn *emit, void *ctx, struct hmr_err *e)
{
	struct hmr_frame_info info = { 0 };
	struct entry *n;
	uint32_t people = 0;
	float c[2];
	enum hmr_status st;

	check_boundary(a, f->number);
	info.time = (double)f->pts * a->tick;
	info.width = f->width;
	info.height = f->height;
	info.shot = f->flags & HMR_FRAME_SHOT;
	if ((st = look(a, f, &people, &info, e)))
		return st;
	n = entry_at(a, a->held);
	n->people = people;
	n->fills = 0;
	n->seq = a->seq++;
	if (!a->o.lag)
		n->frame = *f;
	else if ((st = copy_frame(a, n, f, e)))
		return st;
	a->held++;
	centre_of(f, c);
	a->stats.left_out += hmr_tracker_step(a->tracker, &info, a->seen, people,
					      a->verdict);
	for (uint32_t i = 0; i < people; i++) {
		n->track[i] = a->verdict[i].track;
		n->id[i] = a->verdict[i].id;
		if (smooths(a) && n->track[i] && a->seen[i].body)
			hmr_smooth_see(a->smooth, n->track[i], n->seq, info.time,
				       a->seen[i].body, false, c[0], c[1], a->joints,
				       a->joints_ctx);
	}
	for (uint32_t i = 0; i < people; i++) {
		const struct hmr_verdict *v = &a->verdict[i];

		if (v->track && v->gap)
			fill_gap(a, v->track, v->id, v->gap);
		if (v->fresh)
			name_back(a, v->track, v->id);
	}
	a->stats.frames++;
	a->stats.people += people;
	a->stats.ids = hmr_tracker_ids(a->tracker);
	return a->held > a->o.lag ? pop(a, emit, ctx, e) : HMR_OK;
}

enum hmr_status
hmr_assoc_drain(struct hmr_assoc *a, hmr_emit_fn *emit, void *ctx,
		struct hmr_err *e)
{
	enum hmr_status st = HMR_OK;

	while (!st && a->held)
		st = pop(a, emit, ctx, e);
	return st;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that wait in the ring: copied in, given identities backwards, gaps filled,
 * and sent out with their tracks; see assoc_impl.h. People are appended only:
 * indices of other sections stay right.
 */
#include "track/assoc_impl.h"

#include <string.h>

/* The tables that are read again later are kept decompressed. */
enum hmr_status
hmr_entry_copy(const struct hmr_assoc *a, struct hmr_entry *n,
	       const struct hmr_frame *f, struct hmr_err *e)
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
		     s->tag == HMR_TAG_CAMERA || s->tag == HMR_TAG_TRACKS ||
		     s->tag == HMR_TAG_APPEARANCE ||
		     (s->tag == HMR_TAG_VERTICES && hmr_assoc_smooths(a)))) {
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
void
hmr_frame_centre(const struct hmr_frame *f, float c[2])
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
sight(struct hmr_assoc *a, struct hmr_entry *n, uint32_t track, struct hmr_fill *out)
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

void
hmr_entry_fill(struct hmr_assoc *a, uint32_t track, uint32_t id, uint32_t gap)
{
	struct hmr_fill from, to;
	uint32_t last = a->stepped - 1;
	struct hmr_entry *n0, *n1 = hmr_entry_at(a, last);

	if (gap >= last || !sight(a, n1, track, &to))
		return;
	n0 = hmr_entry_at(a, last - 1 - gap);
	if (!sight(a, n0, track, &from))
		return;
	for (uint32_t i = 1; i <= gap; i++) {
		struct hmr_entry *n = hmr_entry_at(a, last - 1 - gap + i);
		double t = (double)i / (gap + 1);
		struct hmr_fill *x;
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
		hmr_frame_centre(&n->frame, c);
		hmr_fill_body(&x->body, &from.body, &to.body, t, c[0], c[1], a->joints,
			      a->joints_ctx);
		if (hmr_assoc_smooths(a))
			hmr_smooth_see(a->smooth, track, n->seq,
				       (double)n->frame.pts * a->tick, &x->body, true,
				       c[0], c[1], a->joints, a->joints_ctx);
	}
}

void
hmr_entry_name(struct hmr_assoc *a, uint32_t track, uint32_t id)
{
	for (uint32_t i = 0; i < a->held; i++) {
		struct hmr_entry *n = hmr_entry_at(a, i);

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
rewrite(struct hmr_assoc *a, const struct hmr_entry *n, struct hmr_frame *f,
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
	hmr_frame_centre(f, c);
	for (uint32_t i = 0; i < bodies && hmr_assoc_smooths(a); i++) {
		uint32_t track = n->track[a->bodies[i].person];

		changed |= track && hmr_smooth_body(a->smooth, track, n->seq,
						    &a->bodies[i], c[0], c[1],
						    a->joints, a->joints_ctx);
	}
	for (uint32_t i = 0; i < n->fills; i++) {
		const struct hmr_fill *x = &n->fill[i];

		if (!x->id || rows == HMR_PEOPLE_CAP)
			continue;
		a->tracks[(*tracks)++] = (struct hmr_track_row){ rows, x->id, x->missed,
			HMR_TRACK_FILLED | HMR_TRACK_CONFIRMED };
		if (x->has_body) {
			a->bodies[bodies] = x->body;
			if (hmr_assoc_smooths(a))
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
send(struct hmr_assoc *a, struct hmr_entry *n, hmr_emit_fn *emit, void *ctx,
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
	if ((filled || hmr_assoc_smooths(a)) && (st = rewrite(a, n, f, &tracks, e)))
		return st;
	if ((st = hmr_frame_put(f, HMR_TAG_TRACKS, p,
				hmr_tracks_put(p, a->tracks, tracks), e)))
		return st;
	return emit(ctx, f, e);
}

enum hmr_status
hmr_entry_pop(struct hmr_assoc *a, hmr_emit_fn *emit, void *ctx, struct hmr_err *e)
{
	struct hmr_entry *n = hmr_entry_at(a, 0);

	a->first = (a->first + 1) % a->size;
	a->held--;
	a->stepped--;
	return send(a, n, emit, ctx, e);
}

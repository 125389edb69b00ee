/* SPDX-License-Identifier: Apache-2.0 */
/* The ring around the tracker, shared by assoc.c (frames in) and assoc_ring.c (what
 * is done to those that wait, and frames out); private to lib/track. */
#ifndef HMR_ASSOC_IMPL_H
#define HMR_ASSOC_IMPL_H

#include "track/assoc.h"
#include "track/look.h"
#include "track/shot.h"

struct hmr_fill {
	uint32_t track, id, missed;
	bool has_body;
	struct hmr_person person;
	struct hmr_body_row body;
};

struct hmr_entry {
	struct hmr_frame frame;
	uint64_t seq;			/* frames before it */
	uint8_t *bytes;			/* [payload] */
	uint32_t people;
	uint32_t *track, *id;		/* [HMR_PEOPLE_CAP], of each person */
	uint32_t fills;
	struct hmr_fill *fill;		/* [max_people] */
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
	/* the ring: entry[(first + i) % size], i < held; the tracker has seen those
	 * before `stepped`, the others wait for what comes after a possible cut */
	struct hmr_entry *entry;
	uint32_t size, first, held, stepped;
	uint32_t ahead;			/* how many may wait so */
	bool gists;			/* the segment has them */
	struct hmr_shots shots;
	uint64_t payload;
	/* tables of the frame in hand, [HMR_PEOPLE_CAP] each */
	struct hmr_person *people;
	struct hmr_body_row *bodies;
	struct hmr_track_row *tracks;
	struct hmr_seen *seen;
	struct hmr_verdict *verdict;
	uint32_t *look_person;
	float *looks;			/* [HMR_PEOPLE_CAP][HMR_LOOK_MAX], touched as far as used */
	uint8_t *out;			/* encoded tables */
};

static inline struct hmr_entry *
hmr_entry_at(struct hmr_assoc *a, uint32_t i)
{
	return &a->entry[(a->first + i) % a->size];
}

/* Are bodies made steady? */
static inline bool
hmr_assoc_smooths(const struct hmr_assoc *a)
{
	return a->smooth && a->joints;
}

/* The principal point of a frame, px. */
void hmr_frame_centre(const struct hmr_frame *f, float c[2]);
/* Copies a frame into an entry; the tables that are read later decompressed. */
HMR_MUST_USE enum hmr_status
hmr_entry_copy(const struct hmr_assoc *a, struct hmr_entry *n,
	       const struct hmr_frame *f, struct hmr_err *e);
/* The track seen in the newest stepped entry had been unseen for `gap` frames: puts
 * it into the entries between. */
void hmr_entry_fill(struct hmr_assoc *a, uint32_t track, uint32_t id, uint32_t gap);
/* An identity was given: all that the ring holds of the track has it. */
void hmr_entry_name(struct hmr_assoc *a, uint32_t track, uint32_t id);
/* Sends the oldest entry out. */
HMR_MUST_USE enum hmr_status
hmr_entry_pop(struct hmr_assoc *a, hmr_emit_fn *emit, void *ctx, struct hmr_err *e);

#endif

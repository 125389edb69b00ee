/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of tracks made steady: one shape for each track (the weighted median of
 * what was fitted, over a ring that comes to span the track's whole life), and
 * rotations, place in the image and depth smoothed by series.h, weighted with the
 * joints' confidence. The samples of a track lie in a fixed ring; nothing is
 * allocated after hmr_smooth_new.
 *
 * Rotations are smoothed as those of the segments in camera axes, since it is the
 * directions of limbs that are seen: what shakes in one joint and is taken back in
 * the next cancels; out of the image further than within it, where the network sees
 * well; and as far as the track is noisy, which third differences tell from quick
 * movement. Joints in 3D and 2D are made again from the result.
 */
#ifndef HMR_SMOOTH_H
#define HMR_SMOOTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "track/fill.h"

enum hmr_smooth_strength { HMR_SMOOTH_OFF = 0, HMR_SMOOTH_LIGHT, HMR_SMOOTH_STRONG };

struct hmr_smooth_options {
	enum hmr_smooth_strength strength;
	uint32_t lag;		/* frames seen ahead; below 2 it is causal */
	uint32_t tracks;	/* room; the one unseen for longest makes place */
	uint32_t forget;	/* frames after which an unseen track's place is free */
};

struct hmr_smooth;
struct hmr_smooth *		/* NULL: no memory */
hmr_smooth_new(const struct hmr_smooth_options *o);
void hmr_smooth_free(struct hmr_smooth *s);
size_t hmr_smooth_bytes(const struct hmr_smooth_options *o);

/* A track's body in frame `seq` (counted by the caller without holes, from 0), at
 * `time` seconds. filled: it was not seen but stands between two sights; then seq
 * may be of an earlier frame, else it must not fall. (cx, cy) is the principal
 * point in pixels. */
void hmr_smooth_see(struct hmr_smooth *s, uint32_t track, uint64_t seq, double time,
		    const struct hmr_body_row *body, bool filled, float cx, float cy,
		    hmr_joints_fn *joints, void *ctx);

/* Makes the body of that frame steady; call in rising seq, when all that is known of
 * the frames up to seq + lag was given. false: nothing is known of the track there, and body is as it was. */
bool hmr_smooth_body(struct hmr_smooth *s, uint32_t track, uint64_t seq,
		     struct hmr_body_row *body, float cx, float cy,
		     hmr_joints_fn *joints, void *ctx);

#endif

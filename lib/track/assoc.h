/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames in, frames with tracks out, `lag` frames later. The frames that wait lie
 * as copies in a ring (image and all, if there is one), so that an identity found
 * later reaches back and gaps are filled. With lag 0 a frame leaves in the call
 * that brought it, and nothing is copied.
 *
 * Everything is allocated in hmr_assoc_head; a frame allocates nothing.
 */
#ifndef HMR_ASSOC_H
#define HMR_ASSOC_H

#include "stream/stream.h"
#include "track/fill.h"
#include "track/smooth.h"
#include "track/tracker.h"

struct hmr_assoc_options {
	struct hmr_tracker_options tracker;
	uint32_t lag;			/* frames held back, 0: none */
	enum hmr_smooth_strength smooth;
};
#define HMR_LAG_MAX 256

/* Receives a frame, borrowed for the call. */
typedef enum hmr_status hmr_emit_fn(void *ctx, const struct hmr_frame *f,
				    struct hmr_err *e);

struct hmr_assoc_stats {
	uint64_t frames, people, named, filled;
	uint64_t left_out;		/* people above max_people */
	uint64_t shots;			/* cuts */
	uint32_t ids;
};

struct hmr_assoc;
HMR_MUST_USE enum hmr_status
hmr_assoc_new(struct hmr_assoc **out, const struct hmr_assoc_options *o,
	      struct hmr_err *e);
void hmr_assoc_free(struct hmr_assoc *a);
/* A segment begins. Keeps the tracks only where source and time base are those
 * of the segment before (and frame numbers go on rising). Call before the head
 * is grown by hmr_assoc_growth(). */
HMR_MUST_USE enum hmr_status
hmr_assoc_head(struct hmr_assoc *a, const struct hmr_head *h, struct hmr_err *e);
/* By how many bytes a frame can grow. */
uint64_t hmr_assoc_growth(const struct hmr_assoc *a);
/* How the joints of filled and of smoothed bodies are made. NULL: those of filled
 * ones from the neighbours' joints, and nothing is smoothed. */
void hmr_assoc_joints(struct hmr_assoc *a, hmr_joints_fn *joints, void *ctx);
HMR_MUST_USE enum hmr_status
hmr_assoc_frame(struct hmr_assoc *a, const struct hmr_frame *f,
		hmr_emit_fn *emit, void *ctx, struct hmr_err *e);
/* Emits what is held; the next call must be hmr_assoc_head. */
HMR_MUST_USE enum hmr_status
hmr_assoc_drain(struct hmr_assoc *a, hmr_emit_fn *emit, void *ctx,
		struct hmr_err *e);
const struct hmr_assoc_stats *hmr_assoc_stats(const struct hmr_assoc *a);
size_t hmr_assoc_bytes(const struct hmr_assoc *a);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two images on a device, in turn: while the networks look at the one, the next goes
 * up into the other, as it came (planar YUV, NV12, gray, RGB; any depth), through
 * pinned memory of the same two slots, on a queue of its own. A stage owns one of
 * these with the device and the queue that its networks run on, and room beside for
 * what they share, or has them over a network's. Everything is allocated when it is
 * made.
 *
 * One frame: hmr_slots_put() of its image, hmr_slots_use(), its networks on the
 * queue, hmr_slots_mark(); then the same of the next frame, in the other slot; then
 * hmr_slots_wait() for the first, whose slot is free after it.
 */
#ifndef HMR_IMAGE_SLOTS_H
#define HMR_IMAGE_SLOTS_H

#include "cuda/device.h"
#include "image/image.h"

#define HMR_SLOTS 2u

/* Bytes of a slot for images of at most width x height in any format, whose section
 * in a stream has at most `most` bytes (0: not known). */
size_t hmr_slot_bytes(uint32_t width, uint32_t height, uint64_t most);

struct hmr_slots_plan {		/* bytes */
	size_t device, staging;
};
/* slot: bytes of one. shared: room for the stage's own use. */
void hmr_slots_plan(struct hmr_slots_plan *p, size_t slot, size_t shared);

struct hmr_slots;
HMR_MUST_USE enum hmr_status
hmr_slots_new(struct hmr_slots **out, int index, size_t slot, size_t shared,
	      struct hmr_err *e);
/* The same on the caller's device and queue, in HMR_SLOTS * slot bytes of its memory
 * and as many of pinned memory; all of these outlive it. */
HMR_MUST_USE enum hmr_status
hmr_slots_over(struct hmr_slots **out, struct hmr_device *d, struct hmr_queue *q,
	       void *memory, void *staging, size_t slot, struct hmr_err *e);
void hmr_slots_free(struct hmr_slots *s);	/* after what runs on its queue */
void hmr_slots_idle(struct hmr_slots *s);	/* waits until nothing does */
struct hmr_device *hmr_slots_device(const struct hmr_slots *s);
struct hmr_queue *hmr_slots_queue(const struct hmr_slots *s);
void *hmr_slots_shared(const struct hmr_slots *s);	/* device memory */

/* Copies im to the slot's staging memory and starts its way up. *above is im with
 * planes in device memory, rows without gaps. HMR_E_LIMIT: larger than planned. */
HMR_MUST_USE enum hmr_status
hmr_slots_put(struct hmr_slots *s, uint32_t slot, const struct hmr_image *im,
	      struct hmr_image *above, struct hmr_err *e);
/* What is put on the queue from here on waits for the slot's image. */
HMR_MUST_USE enum hmr_status
hmr_slots_use(struct hmr_slots *s, uint32_t slot, struct hmr_err *e);
/* What is on the queue now is all that reads the slot, and wait for that. */
HMR_MUST_USE enum hmr_status
hmr_slots_mark(struct hmr_slots *s, uint32_t slot, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_slots_wait(struct hmr_slots *s, uint32_t slot, struct hmr_err *e);

#endif

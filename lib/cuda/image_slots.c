/* SPDX-License-Identifier: Apache-2.0 */
/* Images on their way to a device; see image_slots.h. */
#include "cuda/image_slots.h"

#include <stdlib.h>
#include <string.h>

#define ALIGN ((size_t)256)	/* of planes */

struct hmr_slots {
	const struct hmr_device_api *api;
	struct hmr_device *device;
	struct hmr_queue *queue, *copies;
	bool over;			/* device, queue, memory are the caller's */
	struct hmr_event *there[HMR_SLOTS], *done[HMR_SLOTS];
	uint8_t *memory, *staging;	/* slots, then shared; slots */
	size_t slot;			/* bytes */
};

static size_t
up(size_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

size_t
hmr_slot_bytes(uint32_t width, uint32_t height, uint64_t most)
{
	uint64_t all = (uint64_t)width * height * 6;	/* yuv444p in 16 bit */

	return up((size_t)(most && most < all ? most : all)) + 2 * ALIGN;
}

void
hmr_slots_plan(struct hmr_slots_plan *p, size_t slot, size_t shared)
{
	p->staging = HMR_SLOTS * slot;
	p->device = p->staging + up(shared);
}

/* What there is of every kind. */
static enum hmr_status
make(struct hmr_slots *s, struct hmr_err *e)
{
	enum hmr_status st = s->api->queue_new(s->device, &s->copies, e);

	for (uint32_t i = 0; i < HMR_SLOTS && !st; i++)
		if (!(st = s->api->event_new(s->device, false, &s->there[i], e)))
			st = s->api->event_new(s->device, false, &s->done[i], e);
	return st;
}

static enum hmr_status
open_all(struct hmr_slots *s, int index, const struct hmr_slots_plan *p, struct hmr_err *e)
{
	const struct hmr_device_api *api = s->api;
	const struct hmr_device_info *info;
	enum hmr_status st;
	void *at;

	if ((st = api->open(&s->device, index, HMR_DEVICE_BLAS | HMR_DEVICE_DNN, e)) ||
	    (st = api->queue_new(s->device, &s->queue, e)) || (st = make(s, e)))
		return st;
	info = api->info(s->device);
	if ((st = api->alloc(s->device, p->device, &at, e)))
		return hmr_fail_in(e, st, "%s, %zu of %zu bytes free", info->name,
				   info->bytes_free, info->bytes);
	s->memory = at;
	st = api->alloc_host(s->device, p->staging, &at, e);
	s->staging = at;
	return st;
}

enum hmr_status
hmr_slots_new(struct hmr_slots **out, int index, size_t slot, size_t shared,
	      struct hmr_err *e)
{
	struct hmr_slots *s = calloc(1, sizeof(*s));
	struct hmr_slots_plan p;
	enum hmr_status st;

	*out = NULL;
	if (!s)
		return hmr_fail(e, HMR_E_NOMEM, "images on the device");
	s->api = hmr_device_api();
	s->slot = slot;
	hmr_slots_plan(&p, slot, shared);
	if ((st = open_all(s, index, &p, e))) {
		hmr_slots_free(s);
		return st;
	}
	*out = s;
	return HMR_OK;
}

enum hmr_status
hmr_slots_over(struct hmr_slots **out, struct hmr_device *d, struct hmr_queue *q,
	       void *memory, void *staging, size_t slot, struct hmr_err *e)
{
	struct hmr_slots *s = calloc(1, sizeof(*s));
	enum hmr_status st;

	*out = NULL;
	if (!s)
		return hmr_fail(e, HMR_E_NOMEM, "images on the device");
	*s = (struct hmr_slots){ .api = hmr_device_api(), .device = d, .queue = q,
		.over = true, .memory = memory, .staging = staging, .slot = slot };
	if ((st = make(s, e))) {
		hmr_slots_free(s);
		return st;
	}
	*out = s;
	return HMR_OK;
}

void
hmr_slots_free(struct hmr_slots *s)
{
	if (!s)
		return;
	if (s->device) {
		for (uint32_t i = 0; i < HMR_SLOTS; i++) {
			s->api->event_free(s->there[i]);
			s->api->event_free(s->done[i]);
		}
		s->api->queue_free(s->copies);
	}
	if (s->device && !s->over) {
		s->api->queue_free(s->queue);
		s->api->release(s->device, s->memory);
		s->api->release_host(s->device, s->staging);
		s->api->close(s->device);
	}
	free(s);
}

void
hmr_slots_idle(struct hmr_slots *s)
{
	(void)s->api->sync(s->copies, NULL);	/* after an error there is no more to wait for */
	(void)s->api->sync(s->queue, NULL);
}

struct hmr_device *
hmr_slots_device(const struct hmr_slots *s)
{
	return s->device;
}

struct hmr_queue *
hmr_slots_queue(const struct hmr_slots *s)
{
	return s->queue;
}

void *
hmr_slots_shared(const struct hmr_slots *s)
{
	return s->memory + HMR_SLOTS * s->slot;
}

enum hmr_status
hmr_slots_put(struct hmr_slots *s, uint32_t slot, const struct hmr_image *im,
	      struct hmr_image *above, struct hmr_err *e)
{
	uint8_t *to = s->staging + slot * s->slot, *there = s->memory + slot * s->slot;
	size_t at = 0, end = 0;
	enum hmr_status st;

	*above = *im;
	for (uint32_t p = 0; p < im->planes; p++) {
		size_t row = hmr_plane_row(im, p), rows = hmr_plane_rows(im, p);

		at = up(end);
		end = at + row * rows;
		if (end > s->slot)
			return hmr_fail(e, HMR_E_LIMIT, "image of %ux%u, %s of %u bit: more than "
					"the planned %zu bytes", im->width, im->height,
					hmr_pixel_name(im->pixel), im->depth, s->slot);
		for (size_t y = 0; y < rows; y++)
			memcpy(to + at + y * row, im->plane[p] + y * im->stride[p], row);
		above->plane[p] = there + at;
		above->stride[p] = (uint32_t)row;
	}
	st = s->api->copy_in(s->copies, there, to, end, e);
	return st ? st : s->api->event_record(s->copies, s->there[slot], e);
}

enum hmr_status
hmr_slots_use(struct hmr_slots *s, uint32_t slot, struct hmr_err *e)
{
	return s->api->event_wait(s->queue, s->there[slot], e);
}

enum hmr_status
hmr_slots_mark(struct hmr_slots *s, uint32_t slot, struct hmr_err *e)
{
	return s->api->event_record(s->queue, s->done[slot], e);
}

enum hmr_status
hmr_slots_wait(struct hmr_slots *s, uint32_t slot, struct hmr_err *e)
{
	return s->api->event_sync(s->done[slot], e);
}

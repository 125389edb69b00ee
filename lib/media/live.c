/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A live source: a thread decodes as frames come and keeps the newest few in a
 * ring of fixed slots; a reader that is late finds the oldest dropped and
 * counted. One slot more than the ring is the one that the reader holds.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "media/media.h"

#define RING 4

struct slot {
	struct hmr_source_frame f;
	uint8_t *mem;
};

struct media_live {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	media_live_pull *pull;
	void *ctx;
	size_t image_bytes;
	struct slot slot[RING + 2];	/* queue, one being read, one written */
	int queue[RING], queued;	/* oldest first */
	int spare[RING + 2], spares;
	int held;			/* the reader's, or -1 */
	uint64_t dropped;
	bool stop;
	enum hmr_status end;		/* once the thread is through */
	bool ended;
	struct hmr_err err;
};

static enum hmr_status
copy_in(struct media_live *l, struct slot *s, const struct hmr_source_frame *f,
	struct hmr_err *e)
{
	uint8_t *at = s->mem;

	if (hmr_image_bytes(&f->image) > l->image_bytes)
		return hmr_fail(e, HMR_E_LIMIT, "image of %zu bytes: at most %zu",
				hmr_image_bytes(&f->image), l->image_bytes);
	s->f = *f;
	for (uint32_t p = 0; p < f->image.planes; p++) {
		size_t n = hmr_plane_row(&f->image, p) *
			   hmr_plane_rows(&f->image, p);

		memcpy(at, f->image.plane[p], n);	/* planes are tight */
		s->f.image.plane[p] = at;
		at += n;
	}
	return HMR_OK;
}

static void *
run(void *arg)
{
	struct media_live *l = arg;
	struct hmr_source_frame f;
	struct hmr_err e = { 0 };
	enum hmr_status st;

	for (;;) {
		int k;

		if ((st = l->pull(l->ctx, &f, &e)))
			break;
		pthread_mutex_lock(&l->lock);
		k = l->spare[--l->spares];
		pthread_mutex_unlock(&l->lock);
		if ((st = copy_in(l, &l->slot[k], &f, &e)))
			break;
		pthread_mutex_lock(&l->lock);
		if (l->queued == RING) {
			l->spare[l->spares++] = l->queue[0];
			memmove(l->queue, l->queue + 1, (RING - 1) * sizeof(int));
			l->queued--;
			l->dropped++;
		}
		l->queue[l->queued++] = k;
		pthread_cond_signal(&l->more);
		k = l->stop;
		pthread_mutex_unlock(&l->lock);
		if (k) {
			st = HMR_E_SIGNAL;
			break;
		}
	}
	pthread_mutex_lock(&l->lock);
	l->end = st;
	l->err = e;
	l->ended = true;
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

enum hmr_status
media_live_start(struct media_live **out, media_live_pull *pull, void *ctx,
		 size_t image_bytes, struct hmr_err *e)
{
	struct media_live *l = calloc(1, sizeof(*l));

	*out = NULL;
	if (!l)
		return hmr_fail(e, HMR_E_NOMEM, "live ring: out of memory");
	l->pull = pull;
	l->ctx = ctx;
	l->image_bytes = image_bytes;
	l->held = -1;
	for (int i = 0; i < RING + 2; i++) {
		if (!(l->slot[i].mem = malloc(image_bytes)))
			goto fail;
		l->spare[l->spares++] = i;
	}
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->more, NULL);
	if (!pthread_create(&l->thread, NULL, run, l)) {
		*out = l;
		return HMR_OK;
	}
	pthread_cond_destroy(&l->more);
	pthread_mutex_destroy(&l->lock);
fail:
	for (int i = 0; i < RING + 2; i++)
		free(l->slot[i].mem);
	free(l);
	return hmr_fail(e, HMR_E_NOMEM, "live ring: out of memory");
}

enum hmr_status
media_live_next(struct media_live *l, struct media_log *log,
		struct hmr_source_frame *f, uint64_t *dropped, struct hmr_err *e)
{
	enum hmr_status st = HMR_OK;

	pthread_mutex_lock(&l->lock);
	if (l->held >= 0)
		l->spare[l->spares++] = l->held;
	l->held = -1;
	while (!l->queued && !l->ended && !media_stopped(log)) {
		struct timespec t;

		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_nsec += 200000000;
		t.tv_sec += t.tv_nsec / 1000000000;
		t.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&l->more, &l->lock, &t);
	}
	if (l->queued) {
		l->held = l->queue[0];
		l->queued--;
		memmove(l->queue, l->queue + 1, (size_t)l->queued * sizeof(int));
		*f = l->slot[l->held].f;
	} else if (l->ended) {
		st = l->end;
		if (e)
			*e = l->err;
	} else {
		st = hmr_fail(e, HMR_E_SIGNAL, "interrupted");
	}
	*dropped = l->dropped;
	pthread_mutex_unlock(&l->lock);
	return st;
}

void
media_live_stop(struct media_live *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	pthread_cond_destroy(&l->more);
	pthread_mutex_destroy(&l->lock);
	for (int i = 0; i < RING + 2; i++)
		free(l->slot[i].mem);
	free(l);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Threads over pthreads' conditions. Signals are left to the program's own. */
#include "hmr2/hmr2_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct member {
	struct hmr2_pool *pool;
	unsigned number;
	pthread_t thread;
};

struct hmr2_pool {
	unsigned threads, started;
	struct member *member;		/* [threads - 1], numbers from 1 */
	pthread_mutex_t lock;
	pthread_cond_t go, met;
	void (*fn)(void *ctx, unsigned thread);
	void *ctx;
	unsigned long job;		/* rises with each run */
	unsigned waiting;		/* at the barrier */
	unsigned long barrier;		/* rises each time all have met */
	bool stop;
};

void
hmr2_pool_wait(struct hmr2_pool *p)
{
	if (p->threads == 1)
		return;
	pthread_mutex_lock(&p->lock);
	if (++p->waiting == p->threads) {
		p->waiting = 0;
		p->barrier++;
		pthread_cond_broadcast(&p->met);
	} else {
		unsigned long at = p->barrier;

		while (at == p->barrier)
			pthread_cond_wait(&p->met, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
}

static void *
work(void *arg)
{
	struct member *m = arg;
	struct hmr2_pool *p = m->pool;
	unsigned long done = 0;
	bool stop;

	for (;;) {
		pthread_mutex_lock(&p->lock);
		while (!p->stop && p->job == done)
			pthread_cond_wait(&p->go, &p->lock);
		done = p->job;
		stop = p->stop;
		pthread_mutex_unlock(&p->lock);
		if (stop)
			return NULL;
		p->fn(p->ctx, m->number);
		hmr2_pool_wait(p);
	}
}

enum hmr_status
hmr2_pool_new(struct hmr2_pool **out, unsigned threads, struct hmr_err *e)
{
	struct hmr2_pool *p = calloc(1, sizeof(*p));
	enum hmr_status st = HMR_OK;
	sigset_t all, old;

	*out = NULL;
	if (!p || !(p->member = calloc(threads, sizeof(*p->member)))) {
		free(p);
		return hmr_fail(e, HMR_E_NOMEM, "threads");
	}
	p->threads = threads;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->go, NULL);
	pthread_cond_init(&p->met, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned i = 1; i < threads && !st; i++) {
		struct member *m = &p->member[p->started];

		m->pool = p;
		m->number = i;
		if (pthread_create(&m->thread, NULL, work, m))
			st = hmr_fail(e, HMR_E_NOMEM, "thread %u of %u", i, threads);
		else
			p->started++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (st) {
		hmr2_pool_free(p);
		return st;
	}
	*out = p;
	return HMR_OK;
}

void
hmr2_pool_free(struct hmr2_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->go);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->started; i++)
		pthread_join(p->member[i].thread, NULL);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->go);
	pthread_cond_destroy(&p->met);
	free(p->member);
	free(p);
}

unsigned
hmr2_pool_threads(const struct hmr2_pool *p)
{
	return p->threads;
}

void
hmr2_pool_run(struct hmr2_pool *p, void (*fn)(void *ctx, unsigned thread), void *ctx)
{
	pthread_mutex_lock(&p->lock);
	p->fn = fn;
	p->ctx = ctx;
	p->job++;
	pthread_cond_broadcast(&p->go);
	pthread_mutex_unlock(&p->lock);
	fn(ctx, 0);
	hmr2_pool_wait(p);
}

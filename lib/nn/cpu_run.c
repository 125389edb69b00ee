/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the steps of a plan with one team of OpenMP threads for all of them. Every
 * thread goes through the steps in order: it takes parts of a step that nobody has
 * taken, its own first, does them, and waits until all parts of the step are done.
 * So the first thread begins at once and is never kept by one that still sleeps or
 * has lost its core: it does the parts of both. A region of OpenMP for each step
 * instead costs a system call at its start and another at its end: 0.3 of the time
 * of networks with a hundred steps of 20 us, on two cores.
 *
 * Who waits looks for some microseconds (a step's worth) and then sleeps, so stages
 * that share the cores do not take them from each other.
 */
#include "nn/cpu.h"

#include <stdlib.h>
#include <string.h>

#include "nn/arena.h"

#define LOOKS 2000		/* before sleeping */
#define LINE (HMR_ARENA_ALIGN / sizeof(atomic_uint))

static atomic_uint *
turn_of(const struct hmr_exec *x, uint32_t step)
{
	return x->team.turn + (size_t)step * x->team.stride;
}

static void
wait_for(struct cpu_team *t, atomic_uint *done, unsigned parts)
{
	for (int i = 0; i < LOOKS; i++) {
		if (atomic_load_explicit(done, memory_order_acquire) == parts)
			return;
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#endif
	}
	pthread_mutex_lock(&t->lock);
	atomic_fetch_add(&t->asleep, 1);
	while (atomic_load(done) != parts)
		pthread_cond_wait(&t->woken, &t->lock);
	atomic_fetch_sub(&t->asleep, 1);
	pthread_mutex_unlock(&t->lock);
}

/* One more part is done. Either this sees who sleeps, or they see the last part. */
static void
finished(struct cpu_team *t, atomic_uint *done, unsigned parts)
{
	if (atomic_fetch_add(done, 1) + 1 < parts || !atomic_load(&t->asleep))
		return;
	pthread_mutex_lock(&t->lock);
	pthread_cond_broadcast(&t->woken);
	pthread_mutex_unlock(&t->lock);
}

static void
do_part(struct hmr_exec *x, const struct cpu_step *s, uint32_t part, uint32_t thread)
{
	struct cpu_team *t = &x->team;
	struct hmr_call call = s->call;
	dnnl_status_t d;

	if (!s->conv) {
		call.part = part;
		hmr_cpu_call(&call);
		return;
	}
	cpu_bf16_source(s->conv[part]);
	if (s->behind && part == s->parts - 1)
		*s->behind = 0;
	/* on a CPU it returns when it is done */
	d = dnnl_primitive_execute(s->conv[part]->prim, t->stream[thread],
				   s->conv[part]->n_args, s->conv[part]->arg);
	if (!d && s->tail)
		cpu_tail(s, &s->conv[part]->piece);
	if (!d || atomic_exchange(&t->failed, true))
		return;
	t->status = hmr_fail(&t->err, HMR_E_DEVICE, "node %.80s: oneDNN status %d",
			     s->n->name, (int)d);
}

static void
take_turns(struct hmr_exec *x, const struct cpu_step *step, uint32_t first, uint32_t end,
	   uint32_t thread)
{
	for (uint32_t i = first; i < end && !atomic_load(&x->team.failed); i++) {
		const struct cpu_step *s = &step[i];
		atomic_uint *done = turn_of(x, i), *taken = done + 1;

		for (uint32_t k = 0; k < s->parts; k++) {
			uint32_t part = (thread + k) % s->parts;

			if (atomic_load_explicit(&taken[part], memory_order_relaxed) ||
			    atomic_exchange(&taken[part], 1))
				continue;
			do_part(x, s, part, thread);
			finished(&x->team, done, s->parts);
		}
		wait_for(&x->team, done, s->parts);
	}
}

static void
run_team(struct hmr_exec *x, const struct cpu_plan *p, uint32_t first, uint32_t end)
{
	uint32_t most = 1;

	for (uint32_t i = first; i < end; i++) {
		for (uint32_t k = 0; k <= p->step[i].parts; k++)
			atomic_store_explicit(turn_of(x, i) + k, 0, memory_order_relaxed);
		if (p->step[i].parts > most)
			most = p->step[i].parts;
	}
#pragma omp parallel num_threads((int)x->job->threads) if(most > 1)
	take_turns(x, p->step, first, end, (uint32_t)omp_get_thread_num());
}

int
cpu_own_threads(const struct hmr_exec *x)
{
	int limit = omp_get_thread_limit();

	return limit < (int)x->job->threads ? limit : (int)x->job->threads;
}

enum hmr_status
cpu_run_steps(struct hmr_exec *x, const struct cpu_plan *p, uint32_t first, uint32_t end,
	      struct hmr_err *e)
{
	struct cpu_team *t = &x->team;
	int threads = omp_get_max_threads(), dynamic = omp_get_dynamic();

	atomic_store(&t->failed, false);
	omp_set_dynamic(0);
	for (uint32_t i = first, next; i < end && !atomic_load(&t->failed); i = next) {
		next = i;
		while (next < end && !p->step[next].whole)
			next++;
		omp_set_num_threads(1);		/* of primitives: the team is all */
		if (next > i)
			run_team(x, p, i, next);
		if (next == end || atomic_load(&t->failed))
			continue;
		omp_set_num_threads(cpu_own_threads(x));
		do_part(x, &p->step[next++], 0, 0);
	}
	omp_set_num_threads(threads);
	omp_set_dynamic(dynamic);
	if (!atomic_load(&t->failed))
		return HMR_OK;
	if (e)
		*e = t->err;
	return t->status;
}

enum hmr_status
cpu_team_init(struct hmr_exec *x, uint32_t n_steps, struct hmr_err *e)
{
	struct cpu_team *t = &x->team;
	size_t threads = x->job->threads, bytes;

	pthread_mutex_init(&t->lock, NULL);	/* these do not fail on Linux */
	pthread_cond_init(&t->woken, NULL);
	t->stride = (uint32_t)((threads + LINE) / LINE * LINE);
	if (__builtin_mul_overflow((size_t)t->stride * sizeof(*t->turn), n_steps, &bytes) ||
	    !(t->stream = calloc(threads, sizeof(dnnl_stream_t))) ||
	    !(t->turn = hmr_alloc_lines(bytes)))
		return hmr_fail(e, HMR_E_NOMEM, "%zu threads", threads);
	for (size_t i = 0; i < threads; i++)
		if (dnnl_stream_create(&t->stream[i], x->engine, dnnl_stream_default_flags))
			return hmr_fail(e, HMR_E_DEVICE, "cpu: oneDNN does not start");
	return HMR_OK;
}

void
cpu_team_release(struct hmr_exec *x)
{
	for (size_t i = 0; x->team.stream && i < x->job->threads; i++)
		dnnl_stream_destroy(x->team.stream[i]);
	if (x->team.stride) {
		pthread_cond_destroy(&x->team.woken);
		pthread_mutex_destroy(&x->team.lock);
	}
	free(x->team.stream);
	free(x->team.turn);
}

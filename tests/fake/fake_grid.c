/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a kernel's grid: the threads of a block are fibers that take turns at each
 * barrier. A thread that ends while others wait is what CUDA calls undefined. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "fake.h"

#define STACK (64u << 10)
#define THREADS_MAX 1024u

struct fiber {
	struct hmr_block b;	/* first: sync gets it */
	ucontext_t start;
	jmp_buf at;
	struct block *of;
	bool begun, done;
};

struct block {
	jmp_buf home;
	const struct hmr_kernel *k;
	const void *args;
	struct fiber *fiber;
	uint8_t *stacks;
	uint32_t n;
};

/* setjmp switches without the system calls of swapcontext, which only starts. */
static void
yield(struct hmr_block *b)
{
	struct fiber *f = (struct fiber *)(void *)b;

	if (!_setjmp(f->at))
		_longjmp(f->of->home, 1);
}

/* A fiber does its thread of one block after the other. */
static void
enter(unsigned hi, unsigned lo)
{
	struct fiber *f = (struct fiber *)(((uintptr_t)hi << 32) | lo);

	for (;;) {
		f->of->k->thread(f->of->args, &f->b);
		f->done = true;
		yield(&f->b);
	}
}

static void
start(struct block *w)
{
	for (volatile uint32_t i = 0; i < w->n; i++) {
		struct fiber *f = &w->fiber[i];

		f->of = w;
		getcontext(&f->start);
		f->start.uc_stack.ss_sp = w->stacks + (size_t)i * STACK;
		f->start.uc_stack.ss_size = STACK;
		makecontext(&f->start, (void (*)(void))enter, 2,
			    (unsigned)((uintptr_t)f >> 32), (unsigned)(uintptr_t)f);
	}
}

static void
resume(struct block *w, struct fiber *f)
{
	if (_setjmp(w->home))
		return;
	if (f->begun)
		_longjmp(f->at, 1);
	f->begun = true;
	setcontext(&f->start);
}

static bool
run_block(struct block *w)
{
	volatile uint32_t done = 0;

	while (!done) {
		for (volatile uint32_t i = 0; i < w->n; i++) {
			resume(w, &w->fiber[i]);
			done += w->fiber[i].done;
		}
		if (done && done != w->n)
			return false;
	}
	return true;
}

static bool
run_blocks(struct block *w, const uint32_t grid[3], uint8_t *shared,
	   size_t shared_bytes, uint32_t *exchange)
{
	uint32_t at[3];

	for (at[2] = 0; at[2] < grid[2]; at[2]++)
		for (at[1] = 0; at[1] < grid[1]; at[1]++)
			for (at[0] = 0; at[0] < grid[0]; at[0]++) {
				memset(shared, 0xff, shared_bytes);
				for (uint32_t i = 0; i < w->n; i++) {
					struct hmr_block *b = &w->fiber[i].b;

					*b = (struct hmr_block){ .thread = i, .threads = w->n,
						.shared = shared, .sync = yield,
						.exchange = exchange };
					memcpy(b->grid, grid, sizeof(b->grid));
					memcpy(b->block, at, sizeof(b->block));
					w->fiber[i].done = false;
				}
				if (!run_block(w))
					return false;
			}
	return true;
}

bool
fake_grid(const struct hmr_kernel *k, const uint32_t grid[3], uint32_t block,
	  size_t shared, const void *args)
{
	struct block w = { .k = k, .args = args, .n = block };
	uint8_t *memory;
	uint32_t *exchange;
	bool good;

	if (k->each) {
		k->each(args);
		return true;
	}
	if (!block || block > THREADS_MAX)
		return false;
	w.fiber = calloc(block, sizeof(*w.fiber));
	w.stacks = malloc((size_t)block * STACK);
	memory = aligned_alloc(64, (shared + 127) / 64 * 64);
	exchange = calloc(block, sizeof(*exchange));
	if (!w.fiber || !w.stacks || !memory || !exchange)
		abort();
	start(&w);
	good = run_blocks(&w, grid, memory, shared, exchange);
	free(w.fiber);
	free(w.stacks);
	free(memory);
	free(exchange);
	return good;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few threads that run one function together and wait for each other in
 * between, asleep: three stages share the machine's cores, so nobody spins.
 */
#ifndef HMR_HMR2_POOL_H
#define HMR_HMR2_POOL_H

#include "base/status.h"

struct hmr2_pool;
/* threads - 1 are started; the caller of _run is the last one. */
HMR_MUST_USE enum hmr_status
hmr2_pool_new(struct hmr2_pool **out, unsigned threads, struct hmr_err *e);
void hmr2_pool_free(struct hmr2_pool *p);
unsigned hmr2_pool_threads(const struct hmr2_pool *p);
/* fn(ctx, thread) on every thread; returns when all have. One at a time. */
void hmr2_pool_run(struct hmr2_pool *p, void (*fn)(void *ctx, unsigned thread),
		   void *ctx);
/* Inside of fn: until all threads are here. */
void hmr2_pool_wait(struct hmr2_pool *p);

#endif

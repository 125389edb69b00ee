/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placing buffers with known lifetimes into one block: two that live at the
 * same time never overlap. Largest first, each at the lowest free offset.
 */
#ifndef HMR_ARENA_H
#define HMR_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define HMR_ARENA_ALIGN 64u

struct hmr_span {
	size_t bytes;		/* 0: takes no room */
	uint32_t first, last;	/* steps, both inclusive */
	size_t offset;		/* out: a multiple of HMR_ARENA_ALIGN */
};

static inline size_t	/* n bytes in whole lines */
hmr_lines(size_t n)
{
	return (n + HMR_ARENA_ALIGN - 1) / HMR_ARENA_ALIGN * HMR_ARENA_ALIGN;
}

/* *total: bytes of the block. */
HMR_MUST_USE enum hmr_status
hmr_arena_place(struct hmr_span *s, uint32_t n, size_t *total,
		struct hmr_err *e);

/* Zeroed memory at a multiple of 64; n = 0 gives one line. free() it. */
void *hmr_alloc_lines(size_t n);

#endif

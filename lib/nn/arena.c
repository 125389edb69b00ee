/* SPDX-License-Identifier: Apache-2.0 */
/* Liveness planning of activations. Quadratic in the number of buffers, which
 * HMR_NODES_MAX bounds. */
#include "nn/arena.h"

#include <stdlib.h>
#include <string.h>

struct order { const struct hmr_span *s; uint32_t i; };

static int
by_size(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->s->bytes != y->s->bytes)
		return x->s->bytes > y->s->bytes ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;	/* the same plan everywhere */
}

static int
by_offset(const void *a, const void *b)
{
	const struct hmr_span *const *x = a, *const *y = b;

	return (*x)->offset < (*y)->offset ? -1 : (*x)->offset > (*y)->offset;
}

/* The lowest offset that none of the placed spans of the same time covers. */
static size_t
lowest(const struct hmr_span *s, const struct hmr_span **busy, uint32_t n)
{
	size_t at = 0;

	qsort(busy, n, sizeof(*busy), by_offset);
	for (uint32_t i = 0; i < n; i++) {
		if (busy[i]->offset >= at + hmr_lines(s->bytes))
			break;
		if (busy[i]->offset + hmr_lines(busy[i]->bytes) > at)
			at = busy[i]->offset + hmr_lines(busy[i]->bytes);
	}
	return at;
}

enum hmr_status
hmr_arena_place(struct hmr_span *s, uint32_t n, size_t *total,
		struct hmr_err *e)
{
	struct order *o = calloc(n + 1, sizeof(*o));
	const struct hmr_span **busy = calloc(n + 1, sizeof(*busy));

	*total = 0;
	if (!o || !busy) {
		free(o);
		free(busy);
		return hmr_fail(e, HMR_E_NOMEM, "plan of %u buffers", n);
	}
	for (uint32_t i = 0; i < n; i++)
		o[i] = (struct order){ &s[i], i };
	qsort(o, n, sizeof(*o), by_size);
	for (uint32_t i = 0; i < n; i++) {
		struct hmr_span *a = &s[o[i].i];
		uint32_t m = 0;

		for (uint32_t k = 0; k < i; k++) {
			const struct hmr_span *b = &s[o[k].i];

			if (b->bytes && b->first <= a->last && a->first <= b->last)
				busy[m++] = b;
		}
		a->offset = a->bytes ? lowest(a, busy, m) : 0;
		if (a->bytes && a->offset + hmr_lines(a->bytes) > *total)
			*total = a->offset + hmr_lines(a->bytes);
	}
	free(o);
	free(busy);
	return HMR_OK;
}

void *
hmr_alloc_lines(size_t n)
{
	void *p;

	if (n > SIZE_MAX / 2)
		return NULL;
	n = n ? hmr_lines(n) : HMR_ARENA_ALIGN;
	if (!(p = aligned_alloc(HMR_ARENA_ALIGN, n)))
		return NULL;
	return memset(p, 0, n);
}

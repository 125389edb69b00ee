/* SPDX-License-Identifier: Apache-2.0 */
/* Between fuse.c, which folds what is next to each other, and fuse_find.c, which
 * finds the long form of what is one operator here. */
#ifndef HMR_FUSE_H
#define HMR_FUSE_H

#include "import/build.h"

static inline struct hmr_node *	/* NULL: an input or a constant */
hmr_fuse_maker(const struct hmr_build *b, uint32_t v)
{
	return b->value[v].node < 0 ? NULL : &b->node[b->value[v].node].n;
}

static inline void
hmr_fuse_set_in(struct hmr_node *n, uint32_t k, uint32_t v)
{
	((uint32_t *)(uintptr_t)n->in)[k] = v;
}

/* n gets these inputs instead; false: no memory, nothing changed. */
bool hmr_fuse_inputs(struct hmr_node *n, uint32_t n_in, const uint32_t *in);
/* A constant as float32s of its own; the caller frees. NULL: no memory, or none. */
float *hmr_fuse_floats(const struct hmr_build *b, uint32_t v, size_t *count);

/* Marks nothing dead: what is not used any more is dropped afterwards. */
void hmr_fuse_find(struct hmr_build *b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Which graphs run on any number of images at once although their file says one:
 * those whose shapes work out for two and in which no operator mixes images. */
#include <stdlib.h>

#include "import/build.h"
#include "nn/slice.h"

#define TWO 2

static bool
node_works(const struct hmr_build *b, const struct hmr_node *n, struct hmr_dims *dims)
{
	const struct hmr_dims *in[HMR_NODE_IN_MAX];
	struct hmr_dims *out[HMR_NODE_IN_MAX];
	bool fixed[HMR_NODE_IN_MAX];

	for (uint32_t i = 0; i < n->n_in; i++) {
		in[i] = &dims[n->in[i]];
		fixed[i] = b->value[n->in[i]].constant;
	}
	for (uint32_t i = 0; i < n->n_out; i++)
		out[i] = &dims[n->out[i]];
	return !hmr_node_shape(n, in, fixed, out, NULL) &&
	       hmr_node_keeps_apart(n, in, fixed, out[0], TWO);
}

static bool
works_for_two(const struct hmr_build *b, struct hmr_dims *dims)
{
	for (uint32_t i = 0; i < b->n_values; i++)
		dims[i] = b->value[i].dims;
	for (uint32_t i = 0; i < b->n_inputs; i++) {
		struct hmr_dims *d = &dims[b->input[i].value];

		if (!d->n || d->d[0] != 1)
			return false;
		d->d[0] = TWO;
	}
	for (uint32_t i = 0; i < b->n_nodes; i++)
		if (!b->node[i].dead && !node_works(b, &b->node[i].n, dims))
			return false;
	for (uint32_t i = 0; i < b->n_outputs; i++)
		if (!dims[b->output[i].value].n || dims[b->output[i].value].d[0] != TWO)
			return false;
	return true;
}

void
hmr_build_free_batch(struct hmr_build *b)
{
	struct hmr_dims *dims = calloc(b->n_values + 1, sizeof(*dims));

	if (dims && works_for_two(b, dims))
		for (uint32_t i = 0; i < b->n_inputs; i++)
			b->input[i].free[0] = 1;
	free(dims);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* From the steps of a plan to offsets in one block: first and last use of every
 * stored value, then hmr_arena_place(). */
#include <stdlib.h>
#include <string.h>

#include "nn/arena.h"
#include "nn/backend.h"

enum hmr_status
hmr_layout_init(struct hmr_layout *l, const struct hmr_job *job, struct hmr_err *e)
{
	const struct hmr_graph *g = job->graph;

	memset(l, 0, sizeof(*l));
	l->item = sizeof(float);
	l->root = calloc(g->n_values, sizeof(*l->root));
	l->offset = calloc(g->n_values, sizeof(*l->offset));
	l->used = calloc(g->n_values, sizeof(*l->used));
	l->half = calloc(g->n_values, sizeof(*l->half));
	if (!l->root || !l->offset || !l->used || !l->half)
		return hmr_fail(e, HMR_E_NOMEM, "plan");
	for (uint32_t i = 0; i < g->n_values; i++)
		l->root[i] = i;
	for (uint32_t i = 0; i < g->n_nodes; i++)
		if (job->live[i] && g->node[i].op == HMR_OP_RESHAPE)
			l->root[g->node[i].out[0]] = l->root[g->node[i].in[0]];
	return HMR_OK;
}

void
hmr_layout_release(struct hmr_layout *l)
{
	free(l->root);
	free(l->offset);
	free(l->used);
	free(l->half);
	memset(l, 0, sizeof(*l));
}

static void
touch(struct hmr_span *span, bool *used, uint32_t v, uint32_t step)
{
	if (!used[v])
		span[v].first = step;
	used[v] = true;
	span[v].last = step;
}

enum hmr_status
hmr_layout_make(struct hmr_layout *l, const struct hmr_job *job,
		const struct hmr_plan *plan, const struct hmr_step_io *step,
		uint32_t n_steps, struct hmr_err *e)
{
	const struct hmr_graph *g = job->graph;
	struct hmr_span *span = calloc(g->n_values, sizeof(*span));
	enum hmr_status st;

	if (!span)
		return hmr_fail(e, HMR_E_NOMEM, "plan");
	for (uint32_t i = 0; i < n_steps; i++) {
		for (uint32_t k = 0; k < step[i].n_in; k++)
			if (g->value[step[i].in[k]].tensor < 0)
				touch(span, l->used, l->root[step[i].in[k]], i);
		for (uint32_t k = 0; k < step[i].n_out; k++)
			touch(span, l->used, l->root[step[i].out[k]], i);
	}
	for (uint32_t i = 0; i < g->n_outputs; i++)
		if (job->keep[i])
			touch(span, l->used, l->root[g->output[i].value], n_steps);
	for (uint32_t v = 0; v < g->n_values; v++) {
		if (g->value[v].input >= 0 || g->value[v].tensor >= 0)
			l->used[v] = false;
		if (l->used[v])
			span[v].bytes = l->half[v] ?
				(hmr_dims_total(&plan->dims[v]) + 1) * sizeof(uint16_t) :
				hmr_dims_total(&plan->dims[v]) * l->item;
	}
	st = hmr_arena_place(span, g->n_values, &l->bytes, e);
	for (uint32_t v = 0; v < g->n_values; v++)
		l->offset[v] = span[l->root[v]].offset;
	free(span);
	return st;
}

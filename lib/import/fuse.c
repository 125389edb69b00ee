/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simplification of a built graph: zero padding into convolutions, -inf padding
 * into max pools, an added constant vector into a convolution's bias, an
 * activation into what comes before it; then dead nodes are marked. One pass in
 * running order; every step keeps the result exactly.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "import/build.h"

static struct hmr_node *
producer(struct hmr_build *b, uint32_t v)
{
	return b->value[v].node < 0 ? NULL : &b->node[b->value[v].node].n;
}

/* How often each value is read, outputs included. */
static void
count_uses(const struct hmr_build *b, uint32_t *uses)
{
	memset(uses, 0, b->n_values * sizeof(*uses));
	for (uint32_t i = 0; i < b->n_nodes; i++)
		for (uint32_t k = 0; !b->node[i].dead && k < b->node[i].n.n_in; k++)
			uses[b->node[i].n.in[k]]++;
	for (uint32_t i = 0; i < b->n_outputs; i++)
		uses[b->output[i].value]++;
}

static void
set_in(struct hmr_node *n, uint32_t k, uint32_t v)
{
	((uint32_t *)(uintptr_t)n->in)[k] = v;
}

/* p makes what n made; n is gone. */
static void
take_over(struct hmr_build *b, struct hmr_node *p, uint32_t i)
{
	uint32_t v = b->node[i].n.out[0];

	((uint32_t *)(uintptr_t)p->out)[0] = v;
	b->value[v].node = (int32_t)((struct hmr_bnode *)p - b->node);
	b->node[i].dead = true;
}

static void
fold_pad(struct hmr_build *b, struct hmr_node *n)
{
	const struct hmr_node *p = producer(b, n->in[0]);
	float want = n->op == HMR_OP_CONV ? 0 : -INFINITY;
	int64_t k[2], pad[4];

	if (!p || p->op != HMR_OP_PAD || n->same || p->n_list != 8 || p->value != want)
		return;
	if (p->list[0] || p->list[1] || p->list[6] || p->list[7])
		return;
	for (int a = 0; a < 2; a++) {
		k[a] = n->op == HMR_OP_CONV ? b->value[n->in[1]].dims.d[2 + a] : n->kernel[a];
		pad[a] = n->pad[a] + p->list[2 + 2 * a];
		pad[a + 2] = n->pad[a + 2] + p->list[3 + 2 * a];
		if (pad[a] >= k[a] || pad[a + 2] >= k[a])
			return;
	}
	for (int a = 0; a < 4; a++)
		n->pad[a] = (int32_t)pad[a];
	set_in(n, 0, p->in[0]);
}

static bool
fold_bias(struct hmr_build *b, uint32_t i, const uint32_t *uses)
{
	struct hmr_node *n = &b->node[i].n, *p = producer(b, n->in[0]);
	const struct hmr_bvalue *c;
	uint32_t *in;

	if (n->op != HMR_OP_ADD)
		return false;
	c = &b->value[n->in[1]];
	if (!c->constant || c->dims.n != 1 || !p ||
	    p->op != HMR_OP_CONV || p->n_in != 2 || p->act || uses[n->in[0]] != 1 ||
	    c->dims.d[0] != b->value[n->out[0]].dims.d[3])
		return false;
	if (!(in = malloc(3 * sizeof(*in))))
		return false;
	memcpy(in, p->in, 2 * sizeof(*in));
	in[2] = n->in[1];
	free((void *)(uintptr_t)p->in);
	p->in = in;
	p->n_in = 3;
	p->act = n->act;
	p->alpha = n->alpha;
	p->beta = n->beta;
	take_over(b, p, i);
	return true;
}

static void
fold_act(struct hmr_build *b, uint32_t i, const uint32_t *uses)
{
	struct hmr_node *n = &b->node[i].n, *p = producer(b, n->in[0]);

	if (n->op != HMR_OP_ACT || !p || p->act || uses[n->in[0]] != 1)
		return;
	if (p->op != HMR_OP_CONV && p->op != HMR_OP_ADD && p->op != HMR_OP_MUL &&
	    p->op != HMR_OP_MAX_POOL)
		return;
	p->act = n->act;
	p->alpha = n->alpha;
	p->beta = n->beta;
	take_over(b, p, i);
}

static void
drop_dead(struct hmr_build *b, uint32_t *uses)
{
	for (uint32_t i = b->n_nodes; i-- > 0;) {
		const struct hmr_node *n = &b->node[i].n;
		bool used = false;

		for (uint32_t k = 0; !b->node[i].dead && k < n->n_out; k++)
			used = used || uses[n->out[k]];
		if (used || b->node[i].dead)
			continue;
		b->node[i].dead = true;
		for (uint32_t k = 0; k < n->n_in; k++)
			uses[n->in[k]]--;
	}
}

void
hmr_build_simplify(struct hmr_build *b)
{
	uint32_t *uses = calloc(b->n_values + 1, sizeof(*uses));

	if (!uses)		/* a slower graph, no wrong one */
		return;
	for (uint32_t i = 0; i < b->n_nodes; i++)
		if (b->node[i].n.op == HMR_OP_CONV || b->node[i].n.op == HMR_OP_MAX_POOL)
			fold_pad(b, &b->node[i].n);
	count_uses(b, uses);
	drop_dead(b, uses);
	for (uint32_t i = 0; i < b->n_nodes; i++)
		if (!b->node[i].dead && !fold_bias(b, i, uses))
			fold_act(b, i, uses);
	count_uses(b, uses);
	drop_dead(b, uses);
	free(uses);
}

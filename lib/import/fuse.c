/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simplification of a built graph: long forms (fuse_find.c), zero padding into
 * convolutions, -inf padding into max pools, a constant factor into a convolution's
 * weights and a summand into its bias, an activation into what comes before it;
 * then dead nodes are marked. One pass in running order. Factors and forms round
 * otherwise than the steps they stand for; the rest keeps the result exactly.
 */
#include "import/fuse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/half.h"

bool
hmr_fuse_inputs(struct hmr_node *n, uint32_t n_in, const uint32_t *in)
{
	uint32_t *p = malloc(n_in * sizeof(*p));

	if (!p)
		return false;
	memcpy(p, in, n_in * sizeof(*p));
	free((void *)(uintptr_t)n->in);
	n->in = p;
	n->n_in = n_in;
	return true;
}

float *
hmr_fuse_floats(const struct hmr_build *b, uint32_t v, size_t *count)
{
	const struct hmr_bvalue *c = &b->value[v];
	float *f;

	*count = hmr_dims_total(&c->dims);
	if (!c->constant || !(f = malloc(*count * sizeof(*f) + 1)))
		return NULL;
	hmr_to_f32(f, c->data, c->dtype, *count);
	return f;
}

/* How often each value is read, outputs included; NULL: no memory. */
static uint32_t *
count_uses(const struct hmr_build *b)
{
	uint32_t *uses = calloc(b->n_values + 1, sizeof(*uses));

	for (uint32_t i = 0; uses && i < b->n_nodes; i++)
		for (uint32_t k = 0; !b->node[i].dead && k < b->node[i].n.n_in; k++)
			uses[b->node[i].n.in[k]]++;
	for (uint32_t i = 0; uses && i < b->n_outputs; i++)
		uses[b->output[i].value]++;
	return uses;
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
	const struct hmr_node *p = hmr_fuse_maker(b, n->in[0]);
	float want = n->op == HMR_OP_MAX_POOL ? -INFINITY : 0;
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
		if (n->op == HMR_OP_AVG_POOL && !n->count_pad && (n->pad[a] || n->pad[a + 2]))
			return;
	}
	for (int a = 0; a < 4; a++)
		n->pad[a] = (int32_t)pad[a];
	n->count_pad = n->op == HMR_OP_AVG_POOL;	/* the padded zeros count */
	hmr_fuse_set_in(n, 0, p->in[0]);
}

static bool
has_weight(enum hmr_op op)
{
	return op == HMR_OP_CONV || op == HMR_OP_CONV_TRANSPOSE || op == HMR_OP_MATMUL;
}

/* Operand 1 of n, a constant for each of C channels or one for all; NULL: it is
 * none, or n changes the shape. */
static const struct hmr_bvalue *
channels(const struct hmr_build *b, const struct hmr_node *n)
{
	const struct hmr_bvalue *c = &b->value[n->in[1]];
	const struct hmr_dims *d = &b->value[n->out[0]].dims;

	if (hmr_dims_total(d) != hmr_dims_total(&b->value[n->in[0]].dims))
		return NULL;
	return c->constant && c->dims.n == 1 &&
	       (c->dims.d[0] == d->d[d->n - 1] || c->dims.d[0] == 1) ? c : NULL;
}

static const char *
name_of(const struct hmr_build *b, uint32_t v)
{
	return b->value[v].name;
}

/* New constants: those of v, times or plus those of c. Each of c is for `run` of v. */
static bool
combine(struct hmr_build *b, uint32_t v, uint32_t c, bool plus, uint32_t *out)
{
	struct hmr_dims d = b->value[v].dims;
	size_t n, m, run;
	float *x = hmr_fuse_floats(b, v, &n), *y = hmr_fuse_floats(b, c, &m);

	if (!x || !y) {
		free(x);
		free(y);
		return false;
	}
	run = n / m;
	for (size_t i = 0; i < n; i++)
		x[i] = plus ? x[i] + y[i / run] : x[i] * y[i / run];
	free(y);
	return !hmr_build_const(b, name_of(b, v), HMR_DTYPE_F32, &d, x, out, NULL);
}

/* A convolution times a number for each channel: batch normalisation. */
static bool
fold_scale(struct hmr_build *b, uint32_t i, const uint32_t *uses)
{
	struct hmr_node *n = &b->node[i].n, *p = hmr_fuse_maker(b, n->in[0]);
	uint32_t in[3];

	if (n->op != HMR_OP_MUL || !p || uses[n->in[0]] != 1 || p->act ||
	    (p->op != HMR_OP_CONV && p->op != HMR_OP_CONV_TRANSPOSE) || !channels(b, n))
		return false;
	memcpy(in, p->in, p->n_in * sizeof(*in));
	if (!combine(b, p->in[1], n->in[1], false, &in[1]) ||
	    (p->n_in == 3 && !combine(b, p->in[2], n->in[1], false, &in[2])) ||
	    !hmr_fuse_inputs(p, p->n_in, in))
		return false;
	p->act = n->act;
	p->alpha = n->alpha;
	p->beta = n->beta;
	take_over(b, p, i);
	return true;
}

static bool
fold_bias(struct hmr_build *b, uint32_t i, const uint32_t *uses)
{
	struct hmr_node *n = &b->node[i].n, *p = hmr_fuse_maker(b, n->in[0]);
	const struct hmr_dims *d = &b->value[n->out[0]].dims;
	const struct hmr_bvalue *c;
	uint32_t in[3];

	if (n->op != HMR_OP_ADD || !p || !has_weight(p->op) || p->act ||
	    uses[n->in[0]] != 1 || !(c = channels(b, n)) ||
	    (p->n_in == 2 && c->dims.d[0] != d->d[d->n - 1]))
		return false;
	memcpy(in, p->in, p->n_in * sizeof(*in));
	if (p->n_in == 2)
		in[2] = n->in[1];
	else if (!combine(b, p->in[2], n->in[1], true, &in[2]))
		return false;
	if (!hmr_fuse_inputs(p, 3, in))
		return false;
	p->act = n->act;
	p->alpha = n->alpha;
	p->beta = n->beta;
	take_over(b, p, i);
	return true;
}

/* Scale and bias after a normalisation. */
static bool
fold_affine(struct hmr_build *b, uint32_t i, const uint32_t *uses)
{
	struct hmr_node *n = &b->node[i].n, *m = hmr_fuse_maker(b, n->in[0]), *p;
	const struct hmr_dims *d = &b->value[n->out[0]].dims;
	uint32_t in[3];
	int64_t c;

	if (n->op != HMR_OP_ADD || !d->n || !m || m->op != HMR_OP_MUL || m->act || uses[n->in[0]] != 1)
		return false;
	c = d->d[d->n - 1];
	p = hmr_fuse_maker(b, m->in[0]);
	if (!p || p->op != HMR_OP_NORM || p->n_in != 1 || p->act || uses[m->in[0]] != 1 ||
	    !channels(b, n) || !channels(b, m) || b->value[n->in[1]].dims.d[0] != c ||
	    b->value[m->in[1]].dims.d[0] != c)
		return false;
	in[0] = p->in[0];
	in[1] = m->in[1];
	in[2] = n->in[1];
	if (!hmr_fuse_inputs(p, 3, in))
		return false;
	p->act = n->act;
	p->alpha = n->alpha;
	p->beta = n->beta;
	b->node[b->value[n->in[0]].node].dead = true;
	take_over(b, p, i);
	return true;
}

/* What every backend has next to a product of weights. */
static bool
goes_with_weights(enum hmr_act act)
{
	switch (act) {
	case HMR_ACT_RELU: case HMR_ACT_RELU6: case HMR_ACT_LEAKY: case HMR_ACT_SIGMOID:
	case HMR_ACT_SWISH: case HMR_ACT_HARD_SIGMOID: case HMR_ACT_HARD_SWISH:
	case HMR_ACT_TANH: case HMR_ACT_ELU: case HMR_ACT_GELU: case HMR_ACT_MISH:
	case HMR_ACT_CLIP:
		return true;
	default:
		return false;
	}
}

static void
fold_act(struct hmr_build *b, uint32_t i, const uint32_t *uses)
{
	struct hmr_node *n = &b->node[i].n, *p = hmr_fuse_maker(b, n->in[0]);

	if (n->op != HMR_OP_ACT || !p || p->act || uses[n->in[0]] != 1)
		return;
	if (has_weight(p->op) ? !goes_with_weights(n->act) :
	    !hmr_op_is_binary(p->op) && p->op != HMR_OP_MAX_POOL &&
	    p->op != HMR_OP_AVG_POOL && p->op != HMR_OP_NORM)
		return;
	p->act = n->act;
	p->alpha = n->alpha;
	p->beta = n->beta;
	take_over(b, p, i);
}

static void
drop_dead(struct hmr_build *b)
{
	uint32_t *uses = count_uses(b);

	for (uint32_t i = b->n_nodes; uses && i-- > 0;) {
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
	free(uses);
}

void
hmr_build_simplify(struct hmr_build *b)
{
	uint32_t *uses;

	hmr_fuse_find(b);
	for (uint32_t i = 0; i < b->n_nodes; i++)
		if (b->node[i].n.op == HMR_OP_CONV || b->node[i].n.op == HMR_OP_MAX_POOL ||
		    b->node[i].n.op == HMR_OP_AVG_POOL)
			fold_pad(b, &b->node[i].n);
	drop_dead(b);
	/* no memory: a slower graph, no wrong one */
	uses = count_uses(b);
	for (uint32_t i = 0; uses && i < b->n_nodes; i++)
		if (!b->node[i].dead && !fold_affine(b, i, uses) &&
		    !fold_scale(b, i, uses) && !fold_bias(b, i, uses))
			fold_act(b, i, uses);
	free(uses);
	drop_dead(b);
}

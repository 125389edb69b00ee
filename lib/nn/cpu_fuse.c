/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of a cpu plan. A sum of a convolution's result and an older value of the
 * same shape goes into the convolution. It then adds to that value's memory where
 * nothing else reads the older value from the convolution on, it is not the
 * convolution's own input, and oneDNN has a fast primitive for it with all of the
 * activations; else the sum is done after it, part by part.
 */
#include "nn/cpu.h"

#include <stdlib.h>
#include <string.h>

#define FOREVER UINT32_MAX

struct fuser {
	struct hmr_exec *x;
	const struct hmr_graph *g;
	const bool *live;
	uint32_t plan;
	uint32_t *root;
	uint32_t *uses, *last;	/* [values]: reads; last reading node */
	struct cpu_step *of;	/* [nodes] */
	bool *gone;		/* [nodes]: fused into another */
	const uint8_t *half;	/* [values] in bfloat16 */
	bool *bf16;		/* [nodes] */
	struct hmr_err *e;
};

static void
count_reads(struct fuser *f)
{
	for (uint32_t i = 0; i < f->g->n_nodes; i++)
		for (uint32_t k = 0; f->live[i] && k < f->g->node[i].n_in; k++) {
			f->uses[f->g->node[i].in[k]]++;
			f->last[f->g->node[i].in[k]] = i;
		}
	for (uint32_t i = 0; i < f->g->n_outputs; i++)
		if (f->x->job->keep[i]) {
			f->uses[f->g->output[i].value]++;
			f->last[f->g->output[i].value] = FOREVER;
		}
}

/* Nothing reads r's memory from node `from` on, except node `sum`. */
static bool
free_from(const struct fuser *f, uint32_t r, uint32_t from, uint32_t sum)
{
	for (uint32_t v = 0; v < f->g->n_values; v++)
		if (f->root[v] == f->root[r] && f->uses[v] && f->last[v] > sum)
			return false;
	for (uint32_t i = from; i < sum; i++)
		for (uint32_t k = 0; f->live[i] && k < f->g->node[i].n_in; k++)
			if (f->root[f->g->node[i].in[k]] == f->root[r])
				return false;
	return true;
}

/* The parts of a convolution or product. HMR_EOF: see cpu_conv_new(). */
static enum hmr_status
make_parts(struct fuser *f, struct cpu_step *s)
{
	enum hmr_status st = HMR_OK;
	struct cpu_piece piece;

	s->tail = !cpu_act_inside(s->n);
	s->parts = cpu_parts(f->x, f->plan, s->n, &s->whole);
	if (!(s->conv = calloc(s->parts, sizeof(*s->conv))))
		return hmr_fail(f->e, HMR_E_NOMEM, "plan");
	for (uint32_t i = 0; (!st || st == HMR_EOF) && i < s->parts; i++) {
		cpu_piece(&piece, f->x, f->plan, s->n, i, s->parts);
		piece.bf16 = f->bf16[s->n - f->g->node];
		piece.in_half = f->half[s->n->in[0]];
		piece.out_half = f->half[s->n->out[0]];
		st = cpu_conv_new(f->x, s->n, s->add, &piece,
				  s->whole ? cpu_own_threads(f->x) : 1, &s->conv[i], f->e);
		if (!s->conv[i]) {	/* none: all of it is a loop */
			cpu_step_release(s);
			break;
		}
	}
	return st;
}

static bool
same_dims(const struct hmr_dims *a, const struct hmr_dims *b)
{
	return a->n == b->n && !memcmp(a->d, b->d, a->n * sizeof(*a->d));
}

/* Tries to put node i, a sum, into the convolution that makes its operand. */
static enum hmr_status
try_sum(struct fuser *f, uint32_t i, uint32_t side, bool *done)
{
	const struct hmr_node *n = &f->g->node[i];
	const struct hmr_dims *dims = f->x->job->plan[f->plan].dims;
	uint32_t c = n->in[side], r = n->in[1 - side];
	int32_t at = f->g->value[c].node;
	struct cpu_step fused;
	enum hmr_status st;

	if (at < 0 || f->g->node[at].op != HMR_OP_CONV || f->gone[at] ||
	    f->of[at].add || f->uses[c] != 1 || c == r)
		return HMR_OK;
	if (f->g->value[r].tensor >= 0 || f->g->value[r].node > at ||
	    !f->of[at].conv || !same_dims(&dims[c], &dims[r]))
		return HMR_OK;
	f->gone[i] = *done = true;
	fused = (struct cpu_step){ .n = &f->g->node[at], .add = n, .residual = r };
	if (cpu_act_inside(fused.n) && cpu_act_inside(n) &&
	    f->g->value[f->root[r]].input < 0 && free_from(f, r, (uint32_t)at, i)) {
		if (!(st = make_parts(f, &fused))) {
			cpu_step_release(&f->of[at]);
			f->of[at] = fused;
			f->root[n->out[0]] = f->root[r];
			return HMR_OK;
		}
		cpu_step_release(&fused);
		if (st != HMR_EOF)
			return st;
	}
	f->of[at].add = n;
	f->of[at].residual = r;
	f->of[at].tail = true;
	f->root[n->out[0]] = f->root[c];
	return HMR_OK;
}

static enum hmr_status
visit(struct fuser *f, uint32_t i)
{
	const struct hmr_node *n = &f->g->node[i];
	bool done = false;
	enum hmr_status st;

	f->of[i].n = n;
	if (n->op == HMR_OP_RESHAPE) {
		f->root[n->out[0]] = f->root[n->in[0]];
		f->gone[i] = true;
	} else if (n->op == HMR_OP_CONV || n->op == HMR_OP_CONV_TRANSPOSE ||
		   n->op == HMR_OP_MATMUL) {
		st = make_parts(f, &f->of[i]);
		if (st && st != HMR_EOF)	/* EOF: slow, or none: a loop */
			return st;
		if (!f->of[i].conv && f->bf16[i])
			return hmr_fail(f->e, HMR_E_DEVICE, "node %.80s: oneDNN has nothing for "
					"it in bfloat16: --precision f32", n->name);
	} else if (n->op == HMR_OP_ADD) {
		/* the later operand's convolution first */
		uint32_t side = f->g->value[n->in[1]].node > f->g->value[n->in[0]].node;

		if ((st = try_sum(f, i, side, &done)))
			return st;
		if (!done && (st = try_sum(f, i, 1 - side, &done)))
			return st;
	}
	return HMR_OK;
}

/* What the step reads, the value it adds to included. */
static void
set_io(struct cpu_step *s)
{
	memcpy(s->io, s->n->in, s->n->n_in * sizeof(*s->io));
	if (s->add)
		s->io[s->n->n_in] = s->residual;
}

void
cpu_step_release(struct cpu_step *s)
{
	for (uint32_t i = 0; s->conv && i < s->parts; i++)
		cpu_conv_free(s->conv[i]);
	free(s->conv);
	free(s->places);
	s->conv = NULL;
	s->places = NULL;
}

enum hmr_status
cpu_fuse(struct hmr_exec *x, uint32_t plan, struct hmr_err *e)
{
	const struct hmr_graph *g = x->job->graph;
	struct cpu_plan *p = &x->plan[plan];
	struct fuser f = { .x = x, .g = g, .live = x->job->live, .plan = plan,
		.root = p->lay.root, .half = p->lay.half, .e = e };
	enum hmr_status st = HMR_OK;

	f.uses = calloc(g->n_values + 1, sizeof(*f.uses));
	f.last = calloc(g->n_values + 1, sizeof(*f.last));
	f.of = calloc(g->n_nodes + 1, sizeof(*f.of));
	f.gone = calloc(g->n_nodes + 1, sizeof(*f.gone));
	f.bf16 = calloc(g->n_nodes + 1, sizeof(*f.bf16));
	if (!f.uses || !f.last || !f.of || !f.gone || !f.bf16) {
		st = hmr_fail(e, HMR_E_NOMEM, "plan");
		goto out;
	}
	for (uint32_t v = 0; v < g->n_values; v++)
		f.root[v] = v;
	count_reads(&f);
	cpu_bf16_choose(x, plan, p->lay.half, f.bf16);
	p->step = f.of;
	for (uint32_t i = 0; !st && i < g->n_nodes; i++)
		if (x->job->live[i])
			st = visit(&f, i);
	/* closed up even after a failure, so that close() finds all */
	for (uint32_t i = 0; i < g->n_nodes; i++)
		if (x->job->live[i] && !f.gone[i] && f.of[i].n) {
			struct cpu_step s = f.of[i];

			set_io(&s);
			p->step[p->n_steps++] = s;
		}
out:
	if (!p->step)
		free(f.of);
	free(f.uses);
	free(f.last);
	free(f.gone);
	free(f.bf16);
	return st;
}

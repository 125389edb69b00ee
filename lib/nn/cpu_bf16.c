/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions in bfloat16: float32 sums of products of bfloat16. A result that only
 * other such convolutions read is kept in bfloat16, all else in float32, so loops,
 * sums and outputs know nothing of it and residuals lose nothing on their way. A
 * convolution of a float32 source rounds its part of it first, into its scratch
 * memory. oneDNN 2.6 reads channels in pairs, times 0 where their number is odd: behind
 * the last pixel there is one more number, 0, since what lies there may be NaN.
 *
 * BlazePose is made of 1x1 convolutions that widen, windows of each channel and 1x1
 * convolutions that narrow: the wide values, nine tenths of all, are in bfloat16.
 * The 1x1 convolutions take half the time so (EPYC with AVX-512 BF16), windows of
 * each channel 0.8 to 0.95 of it, which rounding a source would take back.
 */
#include "nn/cpu.h"
#include "nn/cpu_ops.h"

#include "nn/half.h"

#define FEWEST 16	/* products that a rounded number goes into, to be worth it */

bool
cpu_bf16_here(void)
{
	unsigned have = (unsigned)dnnl_get_effective_cpu_isa();

	return (have & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

/* Whether the node may be one of those, as far as itself goes. */
static bool
able(const struct hmr_exec *x, uint32_t i)
{
	return x->job->live[i] && x->job->graph->node[i].op == HMR_OP_CONV;
}

/* A float32 source is worth rounding. */
static bool
worth(const struct hmr_node *n, const struct hmr_dims *w)
{
	return n->group == 1 && w->d[0] * w->d[2] * w->d[3] >=
		(int64_t)FEWEST * n->stride[0] * n->stride[1];
}

enum { OTHERS = 1, HALF = 2 };	/* of a value: others read it too; it is in bfloat16 */

/* What reads a value otherwise than as the source of an able convolution. */
static void
mark_others(const struct hmr_exec *x, uint8_t *value)
{
	const struct hmr_graph *g = x->job->graph;

	for (uint32_t i = 0; i < g->n_nodes; i++)
		for (uint32_t k = 0; x->job->live[i] && k < g->node[i].n_in; k++)
			if (!able(x, i))
				value[g->node[i].in[k]] = OTHERS;
	for (uint32_t i = 0; i < g->n_outputs; i++)
		if (x->job->keep[i])
			value[g->output[i].value] = OTHERS;
}

void
cpu_bf16_choose(const struct hmr_exec *x, uint32_t plan, uint8_t *value, bool *node)
{
	const struct hmr_graph *g = x->job->graph;
	const struct hmr_dims *dims = x->job->plan[plan].dims;

	if (x->job->precision != HMR_PRECISION_BF16)
		return;
	mark_others(x, value);
	for (uint32_t i = 0; i < g->n_nodes; i++) {
		const struct hmr_node *n = &g->node[i];

		node[i] = able(x, i) && (value[n->in[0]] == HALF ||
					 worth(n, &dims[n->in[1]]));
		if (node[i] && cpu_act_inside(n) && !value[n->out[0]])
			value[n->out[0]] = HALF;
	}
	for (uint32_t v = 0; v < g->n_values; v++)
		value[v] = value[v] == HALF;
}

CPU_CLONES void
cpu_bf16_row(uint16_t *restrict d, const float *restrict s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		d[i] = hmr_f32_to_bf16(s[i]);
}

void
cpu_bf16_source(const struct cpu_conv *c)
{
	size_t n = hmr_dims_total(&c->piece.in);

	if (!c->from)
		return;
	cpu_bf16_row(c->to, c->from, n);
	c->to[n] = 0;
}

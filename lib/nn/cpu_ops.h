/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the loops of the cpu backend: cpu_ops.c (windows, and who does what),
 * cpu_act.c, cpu_math.c, cpu_move.c. Row functions are compiled for several
 * instruction sets and chosen when the program starts; none contracts products
 * and sums, so all give the same numbers, but for sigmoid and swish by AVX-512.
 */
#ifndef HMR_CPU_OPS_H
#define HMR_CPU_OPS_H

#include "nn/ref_ops.h"

#define CPU_CHUNK 4096		/* floats done before the next step over them */
#define CPU_LINE 16		/* floats of a cache line */

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CPU_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define CPU_512		/* there are such functions */
#else
#define CPU_CLONES
#endif

struct cpu_range { int64_t from, to; };

/* The part of n that a call does, in whole units. */
static inline struct cpu_range
cpu_share(const struct hmr_call *c, int64_t n, int64_t unit)
{
	int64_t units = (n + unit - 1) / unit;
	int64_t to = units * (c->part + 1) / c->parts * unit;

	return (struct cpu_range){ units * c->part / c->parts * unit, to < n ? to : n };
}

/* d[i] = the node's activation of s[i]; d may be s. */
void cpu_act_row(float *d, const float *s, size_t n, const struct hmr_node *node);
void cpu_exp_row(float *d, const float *s, size_t n, float minus);	/* e^(s - minus) */

void cpu_add_row(float *d, const float *a, const float *b, size_t n);

/* false: not one of its operators, or a form that it has no loop for */
bool cpu_math_call(const struct hmr_call *c);
bool cpu_move_call(const struct hmr_call *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights of one direction of a resampling; see axis.h. Steps of up to two
 * source samples interpolate linearly between the two nearest; longer ones
 * average over the interval, so no source sample is passed over.
 */
#include "image/axis.h"

#include <math.h>

size_t
hmr_axis_bytes(uint32_t n_out, uint32_t n_src)
{
	/* Intervals share at most their end samples, hence 2 more each. */
	return ((size_t)n_out * 4 + (size_t)n_out * 2 + n_src + 2) * 4;
}

void
hmr_axis_init(struct hmr_axis *a, void *mem, uint32_t n_out, uint32_t n_src)
{
	uint32_t *p = mem;

	(void)n_src;
	a->n = 0;
	a->first = p;
	a->count = p + n_out;
	a->at = p + 2 * (size_t)n_out;
	a->cover = (float *)(p + 3 * (size_t)n_out);
	a->weight = (float *)(p + 4 * (size_t)n_out);
}

static double
clamp(double v, double lo, double hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

static void
plan_linear(struct hmr_axis *a, uint32_t i, uint32_t n, double c, bool black)
{
	double p = clamp(c - 0.5, -2.0, (double)n + 1.0);	/* index space */
	double base = floor(p), f = p - base;
	float *w = a->weight + 2 * (size_t)i;
	int64_t k = (int64_t)base, last = (int64_t)n - 1;

	a->at[i] = 2 * i;
	a->count[i] = 2;
	w[0] = (float)(1 - f);
	w[1] = (float)f;
	if (k >= 0 && k < last) {
		a->first[i] = (uint32_t)k;
		return;
	}
	a->first[i] = k < 0 ? 0 : (uint32_t)last;
	if (black) {		/* -1: only its right tap is inside; last: its left */
		w[0] = k == -1 ? (float)f : k == last ? (float)(1 - f) : 0;
		w[1] = 0;
	} else {
		w[0] = 1;
		w[1] = 0;
	}
}

/* Returns where the next weights go. */
static uint32_t
plan_box(struct hmr_axis *a, uint32_t i, uint32_t n, double lo, double hi,
	 bool black, uint32_t at)
{
	double l = clamp(lo, 0, n), h = clamp(hi, 0, n);
	double norm = black ? hi - lo : h - l;
	uint32_t first = (uint32_t)l, end = (uint32_t)ceil(h);

	a->at[i] = at;
	if (h - l <= 0 || norm <= 0) {	/* wholly outside */
		a->first[i] = lo < 0 ? 0 : n - 1;
		a->count[i] = 1;
		a->weight[at] = black ? 0 : 1;
		return at + 1;
	}
	a->first[i] = first;
	a->count[i] = end - first;
	for (uint32_t k = first; k < end; k++) {
		double x0 = k > l ? k : l, x1 = k + 1.0 < h ? k + 1.0 : h;

		a->weight[at++] = (float)((x1 - x0) / norm);
	}
	return at;
}

void
hmr_axis_plan(struct hmr_axis *a, uint32_t n_out, uint32_t n_src, double start,
	      double step, bool black)
{
	uint32_t at = 0;

	a->n = n_out;
	a->two = step <= 2;
	a->lo = n_src;
	a->hi = 0;
	for (uint32_t i = 0; i < n_out; i++) {
		double lo = start + i * step, hi = start + (i + 1.0) * step;
		float sum = 0;
		uint32_t end;

		if (a->two)
			plan_linear(a, i, n_src, (lo + hi) / 2, black);
		else
			at = plan_box(a, i, n_src, lo, hi, black, at);
		for (uint32_t k = 0; k < a->count[i]; k++)
			sum += a->weight[a->at[i] + k];
		a->cover[i] = black ? sum : 1;
		end = a->first[i] + a->count[i];
		if (end > n_src)
			end = n_src;
		if (a->first[i] < a->lo)
			a->lo = a->first[i];
		if (end > a->hi)
			a->hi = end;
	}
}

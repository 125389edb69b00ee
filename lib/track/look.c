/* SPDX-License-Identifier: Apache-2.0 */
/* Appearances and galleries of them; see look.h. */
#include "track/look.h"

#include <math.h>
#include <string.h>

#define MEMORY 0.9		/* of the running mean */
#define SAME_PART 0.6		/* of distances, below scale.same */
#define OTHER_PART 0.25		/* below scale.other */
#define APART 1.5		/* scale.other is at least so many times scale.same */
#define LEAST 1e-3		/* distance that same is at least */
#define STEP 0.01		/* by which the logarithms of both still move at last */
/* Histograms as hmr-mesh writes them on vtest.avi; for embeddings, before anything was
 * learnt, what person-reid and wider ones have in common. */
#define COLOURS_SAME 0.15
#define COLOURS_OTHER 0.5
#define NETWORK_SAME 0.08
#define NETWORK_OTHER 0.25

bool
hmr_look_unit(float *v, uint32_t n, uint32_t kind)
{
	double sum = 0, scale;

	for (uint32_t i = 0; i < n; i++) {
		if (kind == HMR_APPEARANCE_HISTOGRAM)
			v[i] = sqrtf(fmaxf(v[i], 0));
		sum += (double)v[i] * v[i];
	}
	if (!(sum > 0) || !isfinite(sum))
		return false;
	scale = 1 / sqrt(sum);
	for (uint32_t i = 0; i < n; i++)
		v[i] = (float)(v[i] * scale);
	return true;
}

/* Eight sums at a time, so that the compiler may use vectors. */
static float
dot(const float *a, const float *b, uint32_t n)
{
	float s[8] = { 0 };
	uint32_t i, k;

	for (i = 0; i + 8 <= n; i += 8)
		for (k = 0; k < 8; k++)
			s[k] += a[i + k] * b[i + k];
	for (; i < n; i++)
		s[0] += a[i] * b[i];
	return (s[0] + s[1]) + (s[2] + s[3]) + ((s[4] + s[5]) + (s[6] + s[7]));
}

double
hmr_look_distance(const float *a, const float *b, uint32_t n, uint32_t kind)
{
	double d = fmin(1, fmax(0, 1 - (double)dot(a, b, n)));

	return kind == HMR_APPEARANCE_HISTOGRAM ? sqrt(d) : d;
}

void
hmr_look_scale_for(struct hmr_look_scale *s, uint32_t kind)
{
	bool colours = kind == HMR_APPEARANCE_HISTOGRAM;

	if (s->kind == kind)
		return;
	*s = (struct hmr_look_scale){ .kind = kind,
		.same = colours ? COLOURS_SAME : NETWORK_SAME,
		.other = colours ? COLOURS_OTHER : NETWORK_OTHER };
}

/* Moves q towards the value that `part` of the distances are below, by steps that
 * shrink (Robbins and Monro, 1951). */
static void
learn(const struct hmr_look_scale *s, double *q, uint32_t *n, double part, double distance)
{
	double step = fmax(STEP, 0.5 / sqrt(1 + *n));

	if (s->kind == HMR_APPEARANCE_HISTOGRAM)
		return;
	*n += *n < UINT32_MAX;
	*q = fmin(1, fmax(LEAST, *q * exp(step * (part - (distance < *q)))));
}

void
hmr_look_scale_same(struct hmr_look_scale *s, double distance)
{
	learn(s, &s->same, &s->n_same, SAME_PART, distance);
}

void
hmr_look_scale_other(struct hmr_look_scale *s, double distance)
{
	learn(s, &s->other, &s->n_other, OTHER_PART, distance);
}

double
hmr_look_scaled(const struct hmr_look_scale *s, double distance)
{
	double other = fmax(s->other, APART * s->same);
	double x = (distance - s->same) / (other - s->same);

	return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* a += share (b - a), then to unit length. */
static void
approach(float *a, const float *b, uint32_t n, double share)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		a[i] = (float)(a[i] + share * ((double)b[i] - a[i]));
		sum += (double)a[i] * a[i];
	}
	sum = sum > 0 ? 1 / sqrt(sum) : 0;
	for (uint32_t i = 0; i < n; i++)
		a[i] = (float)(a[i] * sum);
}

void
hmr_gallery_clear(struct hmr_gallery *g)
{
	g->n = g->next = g->count = g->kind = 0;
}

bool
hmr_gallery_knows(const struct hmr_gallery *g, uint32_t count, uint32_t kind)
{
	return g->count && g->count == count && g->kind == kind;
}

static uint32_t
places(uint32_t count)
{
	uint32_t n = HMR_GALLERY_FLOATS / count;

	return n < HMR_GALLERY_MAX ? n : HMR_GALLERY_MAX;
}

static double
nearest(const struct hmr_gallery *g, const float *v, uint32_t *at)
{
	double least = INFINITY;

	for (uint32_t i = 0; i < g->n; i++) {
		double d = hmr_look_distance(g->held + (size_t)i * g->count, v, g->count,
					     g->kind);

		if (d < least) {
			least = d;
			*at = i;
		}
	}
	return least;
}

/* One more view, the oldest makes place. */
static void
hold(struct hmr_gallery *g, const float *v, double alike)
{
	uint32_t at = 0;

	if (nearest(g, v, &at) < alike) {
		approach(g->held + (size_t)at * g->count, v, g->count, 1 - MEMORY);
		return;
	}
	memcpy(g->held + (size_t)g->next * g->count, v, g->count * sizeof(*v));
	g->next = (g->next + 1) % places(g->count);
	if (g->n < places(g->count))
		g->n++;
}

void
hmr_gallery_add(struct hmr_gallery *g, const float *v, uint32_t count, uint32_t kind,
		double alike)
{
	if (!count || count > HMR_LOOK_MAX)
		return;
	if (hmr_gallery_knows(g, count, kind)) {
		approach(g->mean, v, count, 1 - MEMORY);
	} else {
		hmr_gallery_clear(g);
		g->count = count;
		g->kind = kind;
		memcpy(g->mean, v, count * sizeof(*v));
	}
	hold(g, v, alike);
}

double
hmr_gallery_distance(const struct hmr_gallery *g, const float *v)
{
	uint32_t at;

	return fmin(nearest(g, v, &at),
		    hmr_look_distance(g->mean, v, g->count, g->kind));
}

void
hmr_gallery_merge(struct hmr_gallery *g, const struct hmr_gallery *other, double alike)
{
	if (!hmr_gallery_knows(g, other->count, other->kind))
		return;
	for (uint32_t i = 0; i < other->n; i++)
		hold(g, other->held + (size_t)i * other->count, alike);
}

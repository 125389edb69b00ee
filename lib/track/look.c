/* SPDX-License-Identifier: Apache-2.0 */
/* Appearances and galleries of them; see look.h. */
#include "track/look.h"

#include <math.h>
#include <string.h>

#include "stream/tables.h"

#define MEMORY 0.9		/* of the running mean */
#define ALIKE 0.5		/* scaled: nearer than this is the same view */

/* Distances that say nothing against a pair, and all. Histograms as hmr-mesh writes
 * them, on vtest.avi: 0.13 (0.26 at the 95th percentile) from a person to their own
 * mean, 0.60 (0.27 at the 5th) to that of others. */
static const struct range {
	double same, other;
} histogram = { 0.15, 0.50 }, embedding = { 0.25, 0.60 };

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

double
hmr_look_scaled(double distance, uint32_t kind)
{
	const struct range *r = kind == HMR_APPEARANCE_HISTOGRAM ? &histogram : &embedding;
	double x = (distance - r->same) / (r->other - r->same);

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
hold(struct hmr_gallery *g, const float *v)
{
	uint32_t at = 0;

	if (hmr_look_scaled(nearest(g, v, &at), g->kind) < ALIKE && g->n) {
		approach(g->held + (size_t)at * g->count, v, g->count, 1 - MEMORY);
		return;
	}
	memcpy(g->held + (size_t)g->next * g->count, v, g->count * sizeof(*v));
	g->next = (g->next + 1) % places(g->count);
	if (g->n < places(g->count))
		g->n++;
}

void
hmr_gallery_add(struct hmr_gallery *g, const float *v, uint32_t count, uint32_t kind)
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
	hold(g, v);
}

double
hmr_gallery_distance(const struct hmr_gallery *g, const float *v)
{
	uint32_t at;

	return fmin(nearest(g, v, &at),
		    hmr_look_distance(g->mean, v, g->count, g->kind));
}

void
hmr_gallery_merge(struct hmr_gallery *g, const struct hmr_gallery *other)
{
	if (!hmr_gallery_knows(g, other->count, other->kind))
		return;
	for (uint32_t i = 0; i < other->n; i++)
		hold(g, other->held + (size_t)i * other->count);
}


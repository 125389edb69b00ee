/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cost from all cues that both sides have. Place and size are measured in
 * standard deviations of the prediction, so a track not seen for long reaches
 * farther; beyond the gates a pair is never made. The cues are weighed against
 * each other, not added up: what is missing does not make a pair look better.
 */
#include "track/cost.h"

#include <math.h>

#include "track/mot.h"

/* Squared standard deviations. A box jumps farther than a Gaussian would when
 * people part, so the gate of place is wide where overlap still has a say. */
#define GATE_PLACE 40.0
#define GATE_LOST 20.0		/* the same for a track not seen for a while */
#define LOST 3			/* frames that make a while */
#define GATE_SIZE 9.0
/* Weights. Results on vtest.avi hardly change (0.02 of MOTA) when any of
 * them is halved or doubled. */
#define W_OVERLAP 3.0
#define FADE_OVERLAP 0.2	/* its weight sinks with each frame unseen */
#define W_PLACE 1.0
#define W_SIZE 0.3
#define W_LOOK 2.0
#define W_POSE 0.2
#define POSE_OTHER 0.12

/* Distances of appearance that say nothing against a pair, and all. Histograms as
 * hmr-mesh writes them, on vtest.avi: 0.13 (0.26 at the 95th percentile) from a
 * person to their own mean, 0.60 (0.27 at the 5th) to that of others. */
static const struct look_range {
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
hmr_pose_distance(const float a[][9], const float b[][9])
{
	double sum = 0;

	for (int j = 1; j < HMR_POSE_JOINTS; j++) {
		double trace = 0;

		for (int k = 0; k < 9; k++)
			trace += (double)a[j][k] * b[j][k];
		sum += acos(fmin(1, fmax(-1, 0.5 * (trace - 1))));
	}
	return sum / (HMR_POSE_JOINTS - 1) / 3.14159265358979323846;
}

static double
clamp01(double x)
{
	return x < 0 ? 0 : x > 1 ? 1 : x;
}

double
hmr_track_cost(const struct hmr_track *t, const struct hmr_seen *s,
	       const struct hmr_frame_info *f)
{
	double depth = s->body ? s->body->camera[2] : 0;
	double place = hmr_motion_place(&t->motion, s->box);
	double size = hmr_motion_size(&t->motion, s->box, depth);
	double gate = t->missed > LOST ? GATE_LOST : GATE_PLACE;
	double w_overlap = W_OVERLAP / (1 + FADE_OVERLAP * t->missed);
	double sum, weight = w_overlap + W_PLACE + W_SIZE;

	if (place > gate || size > GATE_SIZE)
		return HMR_COST_NEVER;
	sum = w_overlap * (1 - hmr_box_iou(t->box, s->box)) +
	      W_PLACE * place / gate + W_SIZE * size / GATE_SIZE;
	if (s->look && t->n_look == f->n_look && t->look_kind == f->look_kind) {
		const struct look_range *r = f->look_kind == HMR_APPEARANCE_HISTOGRAM ?
					     &histogram : &embedding;
		double d = hmr_look_distance(t->look, s->look, f->n_look,
					     f->look_kind);

		sum += W_LOOK * clamp01((d - r->same) / (r->other - r->same));
		weight += W_LOOK;
	}
	if (s->body && t->has_pose && t->missed < 3) {
		sum += W_POSE * clamp01(hmr_pose_distance(t->pose, s->body->pose) /
					POSE_OTHER);
		weight += W_POSE;
	}
	return sum / weight;
}

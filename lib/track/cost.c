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

#define GATE_PLACE 40.0		/* chi square of 2: 0.999 */
#define GATE_SIZE 9.0		/* of 1: 0.999 */
#define W_OVERLAP 2.5
#define W_PLACE 1.0
#define W_SIZE 0.3
#define W_LOOK 1.0
#define W_POSE 0.2
#define LOOK_SAME 0.25		/* distances that say nothing against, */
#define LOOK_OTHER 0.65		/* and all against a pair */
#define POSE_OTHER 0.25

double
hmr_look_distance(const float *a, const float *b, uint32_t n, uint32_t kind)
{
	double both = 0, na = 0, nb = 0;

	if (kind == HMR_APPEARANCE_HISTOGRAM) {
		for (uint32_t i = 0; i < n; i++) {
			both += sqrt(fmax(0, (double)a[i] * b[i]));
			na += a[i];
			nb += b[i];
		}
		return na > 0 && nb > 0 ? sqrt(fmax(0, 1 - both / sqrt(na * nb))) : 1;
	}
	for (uint32_t i = 0; i < n; i++) {
		both += (double)a[i] * b[i];
		na += (double)a[i] * a[i];
		nb += (double)b[i] * b[i];
	}
	return na > 0 && nb > 0 ? fmin(1, fmax(0, 1 - both / sqrt(na * nb))) : 1;
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
	double w_overlap = W_OVERLAP / (1 + 0.2 * t->missed);
	double sum, weight = w_overlap + W_PLACE + W_SIZE;

	if (place > GATE_PLACE || size > GATE_SIZE)
		return HMR_COST_NEVER;
	sum = w_overlap * (1 - hmr_box_iou(t->box, s->box)) +
	      W_PLACE * place / GATE_PLACE + W_SIZE * size / GATE_SIZE;
	if (s->look && t->n_look == f->n_look && t->look_kind == f->look_kind) {
		double d = hmr_look_distance(t->look, s->look, f->n_look,
					     f->look_kind);

		sum += W_LOOK * clamp01((d - LOOK_SAME) / (LOOK_OTHER - LOOK_SAME));
		weight += W_LOOK;
	}
	if (s->body && t->has_pose && t->missed < 3) {
		sum += W_POSE * clamp01(hmr_pose_distance(t->pose, s->body->pose) /
					POSE_OTHER);
		weight += W_POSE;
	}
	return sum / weight;
}

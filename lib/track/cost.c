/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two rules. Motion: one cost from all cues that both sides have. Place and size are
 * measured in standard deviations of the prediction, so a track not seen for long
 * reaches farther; beyond the gates a pair is never made. The cues are weighed against
 * each other, not added up: what is missing does not make a pair look better. PHALP: a
 * product, to which what is missing adds nothing.
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
/* Weights; bench/plateau.py tells what another one would change. */
#define W_OVERLAP 4.0
#define FADE_OVERLAP 0.2	/* its weight sinks with each frame unseen */
#define W_PLACE 1.0
#define W_SIZE 0.3
#define W_LOOK 2.0
#define W_POSE 0.2
#define POSE_OTHER 0.12
/* PHALP's numbers, of its code. */
#define PHALP_LOOK 4.0536
#define PHALP_POSE 1.3070
#define PHALP_POSE_MOST 1.5
#define PHALP_WORST 100.0

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

double
hmr_track_look(const struct hmr_track *t, const struct hmr_seen *s,
	       const struct hmr_frame_info *f, const struct hmr_look_scale *scale)
{
	if (!s->look || !hmr_gallery_knows(&t->look, f->n_look, f->look_kind))
		return -1;
	return hmr_look_scaled(scale, hmr_look_distance(t->look.mean, s->look, f->n_look,
							f->look_kind));
}

static double
cost_motion(const struct hmr_track *t, const struct hmr_seen *s,
	    const struct hmr_frame_info *f, const struct hmr_look_scale *scale)
{
	double depth = s->body ? s->body->camera[2] : 0;
	double place = hmr_motion_place(&t->motion, s->box);
	double size = hmr_motion_size(&t->motion, s->box, depth);
	double gate = t->missed > LOST ? GATE_LOST : GATE_PLACE;
	double w_overlap = W_OVERLAP / (1 + FADE_OVERLAP * t->missed);
	double sum, weight = w_overlap + W_PLACE + W_SIZE, look;

	if (place > gate || size > GATE_SIZE)
		return HMR_COST_NEVER;
	sum = w_overlap * (1 - hmr_mot_iou(t->box, s->box)) +
	      W_PLACE * place / gate + W_SIZE * size / GATE_SIZE;
	if ((look = hmr_track_look(t, s, f, scale)) >= 0) {
		sum += W_LOOK * look;
		weight += W_LOOK;
	}
	if (s->body && t->has_pose && t->missed < 3) {
		sum += W_POSE * fmin(1, hmr_pose_distance(t->pose, s->body->pose) /
				     POSE_OTHER);
		weight += W_POSE;
	}
	return sum / weight;
}

/* PHALP's product (EQ_019 of its code). Its appearance network is not free; the
 * scaled distance of whatever appearance there is stands in its place. The pose is
 * expected to stay what it was. */
static double
cost_phalp(const struct hmr_track *t, const struct hmr_seen *s,
	   const struct hmr_frame_info *f, const struct hmr_look_scale *scale)
{
	double cost = hmr_path_cost(&t->path, s, f), look, pose = 0;

	if (!(cost < PHALP_WORST))
		return HMR_COST_NEVER;
	if ((look = hmr_track_look(t, s, f, scale)) > 0)
		cost *= 1 + PHALP_LOOK * look;
	if (s->body && t->has_pose) {
		for (int j = 0; j < HMR_POSE_JOINTS; j++)
			for (int k = 0; k < 9; k++)
				pose += pow(t->pose[j][k] - s->body->pose[j][k], 2);
		for (int k = 0; k < HMR_SHAPE; k++)
			pose += pow(t->shape[k] - s->body->shape[k], 2);
		cost *= 1 + PHALP_POSE * fmin(pose, PHALP_POSE_MOST);
	}
	return cost;
}

const struct hmr_cost *
hmr_cost_of(enum hmr_cost_rule rule)
{
	static const struct hmr_cost rules[] = {
		[HMR_COST_MOTION] = { cost_motion, 0.70, 0.25 },
		[HMR_COST_PHALP] = { cost_phalp, PHALP_WORST, 6 },
	};

	return &rules[rule];
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the fit begins: what each landmark is worth, then in closed form the
 * trunk from hips and shoulders, each limb as a swing onto its direction and a
 * twist that puts its hinge in the plane it bends in, the head from the face, and
 * the camera by weak perspective.
 */
#include "body/fit_impl.h"

#include "body/rot.h"

enum mark {		/* BlazePose's numbers; of a pair the left one */
	NOSE = 0, EAR = 7, SHOULDER = 11, ELBOW = 13, WRIST = 15, PINKY = 17,
	INDEX = 19, THUMB = 21, HIP = 23, KNEE = 25, ANKLE = 27, HEEL = 29, TOE = 31
};

/* What a point seen well is worth. Smaller than the networks' true errors, which
 * are those of whole bones: the differences between neighbours are better. */
#define SIGMA3 0.011		/* metres, x and y of a 3D point */
#define DEPTH 3.0		/* z is worse by this factor */
#define SIGMA2 0.009		/* of the person's size, an image point */
/* A limb the network does not see it still guesses better than a prior can. */
#define UNSEEN 0.2		/* weight at visibility 0 */
#define PIXELS 1e6f
#define FARTHEST 10.0f		/* metres from the hips: no body's point */

/* By how much noisier than the hips; wrists and hands are worst (MODEL.md). */
static const double noise[HMR_BODY_LANDMARKS] = {
	1.2, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.2, 1.2, 1.5, 1.5,
	1, 1, 1.2, 1.2, 1.5, 1.5, 2.2, 2.2, 2.2, 2.2, 2.2, 2.2,
	1, 1, 1, 1, 1.2, 1.2, 1.5, 1.5, 1.6, 1.6
};

static bool
within(const float *v, int n, float most)	/* finite, too */
{
	for (int i = 0; i < n; i++)
		if (!(fabsf(v[i]) < most))
			return false;
	return true;
}

static double
person_size(struct hmr_fit *f, const struct hmr_fit_input *in)
{
	double w = (double)in->box[2] - in->box[0], h = (double)in->box[3] - in->box[1];
	double lo[2] = { 1e9, 1e9 }, hi[2] = { -1e9, -1e9 };

	f->boxed = within(in->box, 4, PIXELS) && w > 1 && h > 1;
	for (int k = 0; k < 4; k++)
		f->box[k] = f->boxed ? in->box[k] : 0;
	if (f->boxed)
		return w > h ? w : h;
	for (int i = 0; i < HMR_BODY_LANDMARKS; i++)
		for (int k = 0; k < 2 && within(in->image[i], 3, PIXELS); k++) {
			lo[k] = fmin(lo[k], in->image[i][k]);
			hi[k] = fmax(hi[k], in->image[i][k]);
		}
	w = fmax(hi[0] - lo[0], hi[1] - lo[1]);
	return w > 1 ? w : 100;
}

void
fit_targets(struct hmr_fit *f, const struct hmr_fit_input *in)
{
	memset(f->target, 0, sizeof(f->target));
	f->focal = in->focal;
	f->centre[0] = in->centre[0];
	f->centre[1] = in->centre[1];
	f->size = person_size(f, in);
	for (int i = 0; i < HMR_BODY_LANDMARKS; i++) {
		struct fit_target *t = &f->target[i];
		if (!within(in->image[i], 3, PIXELS))
			continue;
		t->seen = fmin(fmax(in->image[i][2], 0), 1);
		double w = UNSEEN + (1 - UNSEEN) * t->seen * t->seen;
		w /= noise[i];
		t->weight2 = w / (SIGMA2 * f->size);
		for (int k = 0; k < 2; k++)
			t->image[k] = in->image[i][k];
		if (!within(in->world[i], 3, FARTHEST))
			continue;
		for (int k = 0; k < 3; k++) {
			t->world[k] = in->world[i][k];
			t->weight3[k] = w / (k == 2 ? SIGMA3 * DEPTH : SIGMA3);
		}
	}
}

/* b - a of two 3D points; false where one was not given. */
static bool
between(const struct hmr_fit *f, int a, int b, double out[3])
{
	for (int k = 0; k < 3; k++)
		out[k] = f->target[b].world[k] - f->target[a].world[k];
	return f->target[a].weight3[0] > 0 && f->target[b].weight3[0] > 0;
}

/* Columns x, y, z from y, kept, and x, made square to it. */
static bool
frame(const double x[3], const double y[3], double out[9])
{
	double a[3] = { x[0], x[1], x[2] }, b[3] = { y[0], y[1], y[2] }, c[3];

	if (!rot_unit(b))
		return false;
	double d = rot_dot(a, b);
	for (int k = 0; k < 3; k++)
		a[k] -= d * b[k];
	if (!rot_unit(a))
		return false;
	rot_cross(a, b, c);
	for (int k = 0; k < 3; k++) {
		out[3 * k] = a[k];
		out[3 * k + 1] = b[k];
		out[3 * k + 2] = c[k];
	}
	return true;
}

static void
start_trunk(const struct hmr_fit *f, struct fit_state *s)
{
	static const double facing[9] = { 1, 0, 0, 0, -1, 0, 0, 0, -1 };
	double x[3], y[3], a[3], b[3];

	memcpy(s->root, facing, sizeof(facing));
	if (!between(f, HIP + 1, HIP, x) || !between(f, SHOULDER + 1, SHOULDER, a) ||
	    !between(f, HIP, SHOULDER, y) || !between(f, HIP + 1, SHOULDER + 1, b))
		return;
	for (int k = 0; k < 3; k++) {
		x[k] += a[k];
		y[k] += b[k];
	}
	(void)frame(x, y, s->root);
}

/* Upper limb from mark a to b with its rest direction, lower from b to c, both
 * in the parent's axes: swing and twist of the block, bend of its hinge. arm:
 * twist about x and hinge about y, else twist about y and hinge about x. */
static void
start_limb(const struct hmr_fit *f, struct fit_state *s, int a, int b, int c,
	   int block, int hinge, bool arm)
{
	double up[3], low[3], to[3], rest[3], m[9], n[9], whole[9];
	double t[3] = { 0 };
	double side = block % 2 ? -1 : 1;

	if (!between(f, a, b, up) || !rot_unit(up))
		return;
	rot_tapply(s->root, up, to);
	rest[0] = arm ? side : 0;
	rest[1] = arm ? 0 : -1;
	rest[2] = 0;
	rot_swing(rest, to, m);
	if (between(f, b, c, low) && rot_unit(low)) {
		double d[3], in[3];
		rot_tapply(s->root, low, d);
		rot_tapply(m, d, in);
		double bend = acos(fmax(-1, fmin(1, rot_dot(rest, in))));
		double sure = fmin(1, fmax(0, (sin(bend) - 0.1) / 0.3));
		if (bend > 2)
			sure = 1;
		if (arm) {
			t[0] = sure * atan2(-in[1], in[2]);
			s->turn[hinge][1] = -side * bend;
		} else {
			t[1] = sure * atan2(-in[0], -in[2]);
			s->turn[hinge][0] = bend;
		}
		/* no shoulder or hip turns further; the bend was noise */
		double most = arm ? 1.9 : 1.0;
		int k = arm ? 0 : 1;
		if (fabs(t[k]) > most) {
			t[k] = t[k] > 0 ? most : -most;
			if (bend < 0.5)
				t[k] = 0;
		}
		rot_exp(t, n);
		rot_mul(m, n, whole);
		memcpy(m, whole, sizeof(m));
	}
	rot_log(m, s->turn[block]);
}

static void
start_head(const struct hmr_fit *f, struct fit_state *s)
{
	double x[3], a[3], b[3], z[3], y[3], m[9], rel[9], fix[9];

	if (!between(f, EAR + 1, EAR, x) || !between(f, EAR, NOSE, a) ||
	    !between(f, EAR + 1, NOSE, b))
		return;
	for (int k = 0; k < 3; k++)
		z[k] = a[k] + b[k];
	rot_cross(z, x, y);
	if (!frame(x, y, m))
		return;
	/* in the rest pose the nose lies a little below the ears */
	const double down[3] = { -0.19, 0, 0 };
	rot_tmul(s->root, m, rel);
	rot_exp(down, fix);
	rot_mul(rel, fix, m);
	rot_log(m, s->turn[FIT_HEAD]);
	double n = sqrt(rot_dot(s->turn[FIT_HEAD], s->turn[FIT_HEAD]));
	if (n > 1.2)
		for (int k = 0; k < 3; k++)
			s->turn[FIT_HEAD][k] *= 1.2 / n;
}

/* Scale and shift that put the posed landmarks on the image points. */
static void
start_camera(struct hmr_fit *f, const struct hmr_fit_input *in,
	     struct fit_state *s)
{
	double sw = 0, p[2] = { 0 }, q[2] = { 0 }, num = 0, den = 0, scale;

	fit_pose(f, s);
	for (int i = 0; i < HMR_BODY_LANDMARKS; i++) {
		double w = f->target[i].weight2;
		sw += w;
		for (int k = 0; k < 2; k++) {
			p[k] += w * f->mark[i][k];
			q[k] += w * f->target[i].image[k];
		}
	}
	for (int i = 0; i < HMR_BODY_LANDMARKS && sw > 0; i++) {
		double w = f->target[i].weight2;
		for (int k = 0; k < 2; k++) {
			double x = f->mark[i][k] - p[k] / sw;
			num += w * x * (f->target[i].image[k] - q[k] / sw);
			den += w * x * x;
		}
	}
	scale = den > 0 ? num / den : 0;
	double guess = f->size / 1.75;
	if (!(scale > 0.2 * guess && scale < 8 * guess))
		scale = guess;
	s->camera[2] = log(f->focal / scale);
	for (int k = 0; k < 2; k++) {
		double mid = within(in->box, 4, PIXELS) ?
			0.5 * ((double)in->box[k] + in->box[k + 2]) : f->centre[k];
		s->camera[k] = sw > 0 ? (q[k] - scale * p[k]) / sw : mid;
	}
}

void
fit_start(struct hmr_fit *f, const struct hmr_fit_input *in,
	  struct fit_state *s)
{
	double sw = 0;

	memset(s, 0, sizeof(*s));
	start_trunk(f, s);
	for (int k = 0; k < 2; k++) {
		s->turn[FIT_SHOULDER + k][2] = k ? 1.2 : -1.2;
		start_limb(f, s, SHOULDER + k, ELBOW + k, WRIST + k,
			   FIT_SHOULDER + k, FIT_ELBOW + k, true);
		start_limb(f, s, HIP + k, KNEE + k, ANKLE + k, FIT_HIP + k,
			   FIT_KNEE + k, false);
	}
	start_head(f, s);
	start_camera(f, in, s);
	for (int i = 0; i < HMR_BODY_LANDMARKS; i++) {
		const struct fit_target *t = &f->target[i];
		double w = t->weight3[0];
		sw += w;
		for (int k = 0; k < 3; k++)
			s->offset[k] += w * (t->world[k] - f->mark[i][k]);
	}
	for (int k = 0; k < 3; k++)
		s->offset[k] = sw > 0 ? s->offset[k] / sw : 0;
}

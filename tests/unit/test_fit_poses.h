/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Natural poses from a seed, for the tests and the benchmark of the fit
 * (MODEL.md, "fit"): standing, walking, sitting and reaching within the ranges of
 * human joints, seen from all sides; their landmarks exact or with noise.
 */
#ifndef HMR_TEST_FIT_POSES_H
#define HMR_TEST_FIT_POSES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "body/body.h"
#include "body/fit.h"
#include "body/rot.h"

struct natural {
	uint64_t state;
};

struct natural_person {
	float pose[HMR_BODY_JOINTS][9], shape[HMR_BODY_SHAPES], camera[3];
	float points[HMR_BODY_POINTS][3];
	struct hmr_fit_input in;
};

static inline double	/* 0..1 */
natural_uniform(struct natural *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static inline double
natural_normal(struct natural *r)
{
	double u = 1 - natural_uniform(r), v = natural_uniform(r);

	return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static inline double	/* normal, within lo..hi */
natural_draw(struct natural *r, double mean, double sigma, double lo, double hi)
{
	return fmin(hi, fmax(lo, mean + sigma * natural_normal(r)));
}

static inline void	/* out = out * rotation about an axis */
natural_about(double out[9], int axis, double angle)
{
	double w[3] = { 0 }, m[9], n[9];

	w[axis] = angle;
	rot_exp(w, m);
	rot_mul(out, m, n);
	memcpy(out, n, sizeof(n));
}

static inline void
natural_arm(struct natural *r, int side, double sh[9], double el[9],
	    double wr[9])
{
	double high = fabs(natural_draw(r, 0.35, 0.5, -1.2, 2.5));
	double az = natural_draw(r, 0.7, 0.6, -0.35, 1.9);
	double rest[3] = { side, 0, 0 };
	double to[3] = { side * sin(high) * sin(az), -cos(high),
			 sin(high) * cos(az) };
	double bend = fabs(natural_draw(r, 0.6, 0.6, -2.4, 2.4));

	if (side * to[0] < -0.3)
		to[0] = 0;
	rot_unit(to);
	rot_swing(rest, to, sh);
	natural_about(sh, 0, natural_draw(r, 0, 0.4, -1.1, 1.1));
	natural_about(el, 1, -side * bend);
	natural_about(el, 0, natural_draw(r, 0, 0.35, -1.2, 1.2));
	natural_about(wr, 2, natural_draw(r, 0, 0.25, -0.8, 0.8));
	natural_about(wr, 1, natural_draw(r, 0, 0.12, -0.4, 0.4));
}

static inline void
natural_leg(struct natural *r, int side, double sit, double hip[9],
	    double knee[9], double ankle[9])
{
	natural_about(hip, 0, -natural_draw(r, 0.2 + sit, 0.4, -0.4, 2.0));
	natural_about(hip, 2, side * natural_draw(r, 0.08, 0.12, -0.25, 0.7));
	natural_about(hip, 1, side * natural_draw(r, 0.1, 0.15, -0.4, 0.6));
	natural_about(knee, 0, fabs(natural_draw(r, 0.35 + sit, 0.45, -2.3, 2.3)));
	natural_about(ankle, 0, natural_draw(r, 0, 0.15, -0.5, 0.5));
	natural_about(ankle, 1, natural_draw(r, 0, 0.08, -0.3, 0.3));
	natural_about(ankle, 2, natural_draw(r, 0, 0.08, -0.3, 0.3));
}

static inline void
natural_pose(struct natural *r, double m[HMR_BODY_JOINTS][9])
{
	static const int spine[3] = { 3, 6, 9 };
	double sit = natural_uniform(r) < 0.2 ? 1.2 : 0, part;

	for (int j = 0; j < HMR_BODY_JOINTS; j++)
		for (int k = 0; k < 9; k++)
			m[j][k] = k % 4 == 0;
	natural_about(m[0], 0, 3.14159265358979);	/* facing the camera */
	natural_about(m[0], 0, natural_draw(r, 0.1, 0.2, -0.4, 0.7));
	natural_about(m[0], 2, natural_draw(r, 0, 0.08, -0.3, 0.3));
	natural_about(m[0], 1, 6.28318530717959 * natural_uniform(r));
	double bow = natural_draw(r, 0.12, 0.25, -0.3, 1.0);
	double turn = natural_draw(r, 0, 0.2, -0.6, 0.6);
	double lean = natural_draw(r, 0, 0.12, -0.35, 0.35);
	for (int i = 0; i < 3; i++) {
		part = 1 / 3.0 + 0.06 * natural_normal(r);
		natural_about(m[spine[i]], 1, part * turn);
		natural_about(m[spine[i]], 0, part * bow);
		natural_about(m[spine[i]], 2, part * lean);
	}
	double nod = natural_draw(r, 0.05, 0.25, -0.6, 0.6);
	double look = natural_draw(r, 0, 0.35, -0.9, 0.9);
	double tilt = natural_draw(r, 0, 0.12, -0.4, 0.4);
	for (int i = 0; i < 2; i++) {
		part = i ? 0.55 : 0.45;
		natural_about(m[12 + 3 * i], 1, part * look);
		natural_about(m[12 + 3 * i], 0, part * nod);
		natural_about(m[12 + 3 * i], 2, part * tilt);
	}
	for (int k = 0; k < 2; k++) {
		int side = k ? -1 : 1;
		natural_about(m[13 + k], 2, side * natural_draw(r, 0, 0.08, -0.2, 0.3));
		natural_about(m[13 + k], 1, side * natural_draw(r, 0, 0.08, -0.3, 0.3));
		natural_arm(r, side, m[16 + k], m[18 + k], m[20 + k]);
		natural_leg(r, side, sit, m[1 + k], m[4 + k], m[7 + k]);
	}
}

/* The next person; exact landmarks. */
static inline void
natural_next(struct natural *r, const struct hmr_body *b,
	     struct natural_person *p)
{
	double m[HMR_BODY_JOINTS][9], mid[3], box[4] = { 1e9, 1e9, -1e9, -1e9 };
	float mark[HMR_BODY_LANDMARKS][3];
	const double w = 1280, h = 720;

	memset(p, 0, sizeof(*p));
	natural_pose(r, m);
	for (int j = 0; j < HMR_BODY_JOINTS; j++)
		for (int k = 0; k < 9; k++)
			p->pose[j][k] = (float)m[j][k];
	for (int k = 0; k < HMR_BODY_SHAPES; k++)
		p->shape[k] = (float)natural_draw(r, 0, 1, -2.5, 2.5);
	hmr_body_pose(b, NULL, (const float (*)[9])p->pose, p->shape, NULL, NULL,
		      p->points, mark);
	double focal = natural_uniform(r) < 0.5 ? 5000 / 256.0 * w : 1100;
	double px = 60 + 140 * natural_uniform(r);	/* a metre */
	p->in.focal = (float)focal;
	p->in.centre[0] = (float)(w / 2);
	p->in.centre[1] = (float)(h / 2);
	p->camera[2] = (float)(focal / px);
	p->camera[0] = (float)((natural_uniform(r) - 0.5) * 0.7 * w / px);
	p->camera[1] = (float)((natural_uniform(r) - 0.5) * 0.4 * h / px);
	for (int k = 0; k < 3; k++)
		mid[k] = 0.5 * ((double)mark[23][k] + mark[24][k]);
	for (int i = 0; i < HMR_BODY_LANDMARKS; i++) {
		double z = (double)mark[i][2] + p->camera[2];
		for (int k = 0; k < 3; k++)
			p->in.world[i][k] = (float)(mark[i][k] - mid[k]);
		for (int k = 0; k < 2; k++) {
			double u = focal * ((double)mark[i][k] + p->camera[k]) / z +
				   p->in.centre[k];
			p->in.image[i][k] = (float)u;
			box[k] = fmin(box[k], u);
			box[2 + k] = fmax(box[2 + k], u);
		}
		p->in.image[i][2] = 1;
	}
	for (int k = 0; k < 4; k++)
		p->in.box[k] = (float)box[k];
}

/* The limbs whose lengths the network guesses: from, to, what hangs on it. */
static const int natural_bones[][14] = {
	{ 11, 13, 13, 15, 17, 19, 21, -1 }, { 13, 15, 15, 17, 19, 21, -1 },
	{ 12, 14, 14, 16, 18, 20, 22, -1 }, { 14, 16, 16, 18, 20, 22, -1 },
	{ 23, 25, 25, 27, 29, 31, -1 }, { 25, 27, 27, 29, 31, -1 },
	{ 24, 26, 26, 28, 30, 32, -1 }, { 26, 28, 28, 30, 32, -1 },
	{ 27, 31, 31, -1 }, { 28, 32, 32, -1 },
};

/* Noise as measured on the network: each bone and side of its own length x
 * N(1, 0.10), points + N(0; 5, 5, 15 mm), image points likewise in pixels, a
 * fifth of the limbs barely visible and then three times as noisy. */
static inline void
natural_noise(struct natural *r, struct natural_person *p)
{
	double px = p->in.focal / p->camera[2];

	for (size_t b = 0; b < sizeof(natural_bones) / sizeof(natural_bones[0]); b++) {
		const int *n = natural_bones[b];
		double f = 0.10 * natural_normal(r), d[3];
		for (int k = 0; k < 3; k++)
			d[k] = f * (p->in.world[n[1]][k] - p->in.world[n[0]][k]);
		for (int i = 2; n[i] >= 0; i++)
			for (int k = 0; k < 3; k++)
				p->in.world[n[i]][k] += (float)d[k];
	}
	double loud[HMR_BODY_LANDMARKS];
	for (int i = 0; i < HMR_BODY_LANDMARKS; i++)
		loud[i] = 1;
	for (int limb = 0; limb < 4; limb++) {
		static const int marks[4][7] = {
			{ 13, 15, 17, 19, 21, -1 }, { 14, 16, 18, 20, 22, -1 },
			{ 25, 27, 29, 31, -1 }, { 26, 28, 30, 32, -1 }
		};
		if (natural_uniform(r) >= 0.2)
			continue;
		for (const int *i = marks[limb]; *i >= 0; i++) {
			p->in.image[*i][2] = (float)(0.05 + 0.24 * natural_uniform(r));
			loud[*i] = 3;
		}
	}
	for (int i = 0; i < HMR_BODY_LANDMARKS; i++)
		for (int k = 0; k < 3; k++) {
			p->in.world[i][k] += (float)(loud[i] * natural_normal(r) *
						     (k == 2 ? 0.015 : 0.005));
			if (k < 2)
				p->in.image[i][k] += (float)(loud[i] * px * 0.005 *
							     natural_normal(r));
		}
}

#endif

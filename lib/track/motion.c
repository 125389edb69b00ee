/* SPDX-License-Identifier: Apache-2.0 */
/* Kalman filters of one person's box; see motion.h. */
#include "track/motion.h"

#include <math.h>

/* In body heights: a walking person's feet stop and start with about one body
 * height per second squared; a detector's box edges shake by a few hundredths. */
#define ACCEL 1.2		/* heights / s^2 / sqrt(Hz) */
#define SPEED 1.5		/* heights / s, of a person just seen */
#define PLACE 0.12		/* heights, of a box's centre */
#define HEIGHT 0.18		/* of log height */
#define WIDTH 0.15
#define DEPTH 0.20
#define SCALE_ACCEL 0.35		/* of log sizes */
#define SCALE_SPEED 0.3
#define FADE 4.0		/* s, in which an unseen person's velocity fades */

static void
axis_start(struct hmr_axis *a, double x, double sd, double speed)
{
	a->x = x;
	a->v = 0;
	a->pxx = sd * sd;
	a->pxv = 0;
	a->pvv = speed * speed;
}

static void
axis_predict(struct hmr_axis *a, double dt, double accel, double fade)
{
	double q = accel * accel;

	a->v *= fade;
	a->pxv *= fade;
	a->pvv *= fade * fade;
	a->x += a->v * dt;
	a->pxx += dt * (2 * a->pxv + dt * a->pvv) + q * dt * dt * dt / 3;
	a->pxv += dt * a->pvv + q * dt * dt / 2;
	a->pvv += q * dt;
}

static void
axis_update(struct hmr_axis *a, double z, double sd)
{
	double s = a->pxx + sd * sd, kx = a->pxx / s, kv = a->pxv / s;
	double d = z - a->x;

	a->x += kx * d;
	a->v += kv * d;
	a->pvv -= kv * a->pxv;
	a->pxv -= kx * a->pxv;
	a->pxx -= kx * a->pxx;
}

struct measure {
	double cx, cy, h, lh, lw;
};

static struct measure
measure(const float box[4])
{
	struct measure m;
	double w = fmax(box[2] - box[0], 1);

	m.h = fmax(box[3] - box[1], 1);
	m.cx = 0.5 * ((double)box[0] + box[2]);
	m.cy = 0.5 * ((double)box[1] + box[3]);
	m.lh = log(m.h);
	m.lw = log(w);
	return m;
}

void
hmr_motion_start(struct hmr_motion *m, const float box[4], double depth)
{
	struct measure z = measure(box);

	axis_start(&m->cx, z.cx, PLACE * z.h, SPEED * z.h);
	axis_start(&m->cy, z.cy, PLACE * z.h, SPEED * z.h);
	axis_start(&m->lh, z.lh, HEIGHT, SCALE_SPEED);
	axis_start(&m->lw, z.lw, WIDTH, SCALE_SPEED);
	m->has_depth = depth > 0;
	axis_start(&m->lz, m->has_depth ? log(depth) : 0, DEPTH, SCALE_SPEED);
}

void
hmr_motion_predict(struct hmr_motion *m, double dt, bool lost)
{
	double h = exp(m->lh.x), fade = lost ? exp(-dt / FADE) : 1;
	double shrink = exp(-dt / FADE);	/* sizes never keep growing */

	axis_predict(&m->cx, dt, ACCEL * h, fade);
	axis_predict(&m->cy, dt, ACCEL * h, fade);
	axis_predict(&m->lh, dt, SCALE_ACCEL, shrink);
	axis_predict(&m->lw, dt, SCALE_ACCEL, shrink);
	axis_predict(&m->lz, dt, SCALE_ACCEL, shrink);
}

void
hmr_motion_update(struct hmr_motion *m, const float box[4], double depth,
		  double noise)
{
	struct measure z = measure(box);

	axis_update(&m->cx, z.cx, noise * PLACE * z.h);
	axis_update(&m->cy, z.cy, noise * PLACE * z.h);
	axis_update(&m->lh, z.lh, noise * HEIGHT);
	axis_update(&m->lw, z.lw, noise * WIDTH);
	if (depth > 0 && m->has_depth)
		axis_update(&m->lz, log(depth), noise * DEPTH);
	else if (depth > 0)
		axis_start(&m->lz, log(depth), DEPTH, SCALE_SPEED);
	m->has_depth |= depth > 0;
}

void
hmr_motion_box(const struct hmr_motion *m, float box[4])
{
	double h = exp(fmin(m->lh.x, 20)), w = exp(fmin(m->lw.x, 20));

	box[0] = (float)(m->cx.x - 0.5 * w);
	box[1] = (float)(m->cy.x - 0.5 * h);
	box[2] = (float)(m->cx.x + 0.5 * w);
	box[3] = (float)(m->cy.x + 0.5 * h);
}

static double
axis_distance(const struct hmr_axis *a, double z, double sd)
{
	double d = z - a->x;

	return d * d / (a->pxx + sd * sd);
}

double
hmr_motion_place(const struct hmr_motion *m, const float box[4])
{
	struct measure z = measure(box);

	return axis_distance(&m->cx, z.cx, PLACE * z.h) +
	       axis_distance(&m->cy, z.cy, PLACE * z.h);
}

double
hmr_motion_size(const struct hmr_motion *m, const float box[4], double depth)
{
	struct measure z = measure(box);
	double d = axis_distance(&m->lh, z.lh, 2 * HEIGHT);

	if (depth > 0 && m->has_depth)
		d = fmax(d, axis_distance(&m->lz, log(depth), DEPTH));
	return d;
}

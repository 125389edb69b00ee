/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PHALP's location: ridge regression over seven sights, extrapolated, and the 95 %
 * prediction interval of it; see phalp.h. Young tracks repeat their first sight, as
 * its code does, and a track seen once has its own place instead of an interval.
 */
#include "track/phalp.h"

#include <math.h>

#define N HMR_PATH_SIGHTS
#define T_95 2.570581835636314	/* Student's t, 5 degrees of freedom, two-sided */
#define AHEAD_MAX 48		/* frames */
#define TALL 1.7		/* m, of somebody without a body */
#define W_PLACE 0.3792
#define W_DEPTH 4.1658

static const double ridge[3] = { 1.2, 2.0, 5.0 };	/* x, y, log depth */

static void
place(const struct hmr_seen *s, const struct hmr_frame_info *f, double at[3])
{
	double side = f->width > f->height ? f->width : f->height;
	double unit = 5000 * side / 256;

	side = side > 0 ? side : 1;
	if (s->body && s->body->camera[2] > 0 && s->body->focal > 0) {
		const float *c = s->body->camera;
		double k = s->body->focal / side / c[2];

		at[0] = 0.5 + k * c[0];
		at[1] = 0.5 + k * c[1];
		at[2] = log(c[2] * unit / s->body->focal);
		return;
	}
	at[0] = 0.5 + (0.5 * ((double)s->box[0] + s->box[2] - f->width)) / side;
	at[1] = 0.5 + (0.5 * ((double)s->box[1] + s->box[3] - f->height)) / side;
	at[2] = log(TALL * unit / fmax((double)s->box[3] - s->box[1], 1));
}

void
hmr_path_see(struct hmr_path *p, const struct hmr_seen *s,
	     const struct hmr_frame_info *f, double frame)
{
	struct hmr_sight now = { .frame = frame };

	place(s, f, now.at);
	for (int i = 0; i < N; i++)
		p->sight[i] = !p->seen || i == N - 1 ? now : p->sight[i + 1];
	p->seen++;
}

/* Intervals are divided by one more than how many sights are repeated: narrower for
 * young tracks. */
static int
repeated(const struct hmr_path *p)
{
	int n = 0;

	for (int i = 1; i < N; i++)
		n += p->sight[i].frame == p->sight[i - 1].frame;
	return n;
}

void
hmr_path_predict(struct hmr_path *p, uint32_t missed)
{
	double t = p->sight[N - 1].frame + fmin(missed, AHEAD_MAX + 1);
	double mean = 0, spread = 0;

	if (p->seen == 1) {
		double x = p->sight[0].at[0] - 0.5, y = p->sight[0].at[1] - 0.5;
		double metres = exp(p->sight[0].at[2]) * 256 / 5000;

		for (int a = 0; a < 3; a++)
			p->ahead[a] = p->sight[0].at[a];
		p->interval[0] = x * metres;
		p->interval[1] = y * metres;
		p->interval[2] = p->sight[0].at[2];
		return;
	}
	for (int i = 0; i < N; i++)
		mean += p->sight[i].frame / N;
	for (int i = 0; i < N; i++)
		spread += pow(p->sight[i].frame - mean, 2);
	for (int a = 0; a < 3; a++) {
		double level = 0, slope = 0, rest = 0;

		for (int i = 0; i < N; i++)
			level += p->sight[i].at[a] / N;
		for (int i = 0; i < N; i++)
			slope += (p->sight[i].frame - mean) * (p->sight[i].at[a] - level);
		slope /= spread + ridge[a];
		for (int i = 0; i < N; i++)
			rest += pow(p->sight[i].at[a] - level -
				    slope * (p->sight[i].frame - mean), 2);
		p->ahead[a] = level + slope * (t - mean);
		p->interval[a] = T_95 * sqrt(rest / (N - 2)) *
			sqrt(1 + 1.0 / N + (t - mean) * (t - mean) / spread) /
			(repeated(p) + 1);
	}
}

double
hmr_path_cost(const struct hmr_path *p, const struct hmr_seen *s,
	      const struct hmr_frame_info *f)
{
	double at[3], off, gap;

	place(s, f, at);
	off = hypot(p->ahead[0] - at[0], p->ahead[1] - at[1]) /
		(0.1 + tanh(hypot(p->interval[0], p->interval[1])));
	gap = fabs(p->ahead[2] - at[2]) / (0.1 + tanh(fabs(p->interval[2])));
	return exp(off / W_PLACE) * exp(gap / W_DEPTH);
}

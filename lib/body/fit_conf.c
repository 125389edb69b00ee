/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the fit is to be believed, joint by joint, as one expected error in
 * metres: the spread that the normal equations leave it, unseen limbs and all; the
 * lean of the whole body, which grows with the distance from the pelvis; both by how
 * well this body agrees in depth with what was seen; and what the landmarks next to
 * it disagree by. And the mean image error.
 */
#include "body/fit_impl.h"

#include "body/rot.h"

#define HALF 0.10	/* metres of expected error at confidence 1/2 */
/* Found on rendered people of known pose (MODEL.md, "The fit"). */
#define SPREAD 1.4	/* the landmarks' errors are larger and not independent */
#define LEAN 0.15	/* of the distance from the pelvis */
#define EMPTY 0.25	/* metres beside the joints that a box may well have */
#define OUTSIDE 0.10	/* and that a joint may well lie outside */
#define BOX 0.5		/* of what is more, as expected error: boxes err, too */
#define MISFIT 0.03	/* metres of disagreement in depth where those two hold */
#define POWER 0.66	/* of it, in the square of the error */

#define PELVIS 8	/* of the output joints */

/* The landmarks next to each output joint on the body. */
static const int8_t next_to[HMR_BODY_POINTS][4] = {
	{ 0, -1 }, { 11, 12, -1 }, { 12, -1 }, { 14, -1 }, { 16, -1 }, { 11, -1 },
	{ 13, -1 }, { 15, -1 }, { 23, 24, -1 }, { 24, -1 }, { 26, -1 }, { 28, -1 },
	{ 23, -1 }, { 25, -1 }, { 27, -1 }, { 5, -1 }, { 2, -1 }, { 8, -1 },
	{ 7, -1 }, { 31, -1 }, { 31, -1 }, { 29, -1 }, { 32, -1 }, { 32, -1 },
	{ 30, -1 }, { 28, -1 }, { 26, -1 }, { 24, -1 }, { 23, -1 }, { 25, -1 },
	{ 27, -1 }, { 16, -1 }, { 14, -1 }, { 12, -1 }, { 11, -1 }, { 13, -1 },
	{ 15, -1 }, { 11, 12, -1 }, { 7, 8, 0, -1 }, { 23, 24, -1 },
	{ 11, 12, -1 }, { 11, 12, 23, 24 }, { 9, 10, 0, -1 }, { 7, 8, 0, -1 },
};

/* Variance of fixed point i about the pelvis: row h^-1 row^T by forward
 * substitution, the three coordinates added. */
static double
variance(const struct hmr_fit *f, const struct fit_state *s, int i)
{
	double row[3][FIT_WIDTH], y[FIT_COLUMNS], sum = 0;
	int col[FIT_WIDTH], n = fit_rows(f, s, i, row, col);

	for (int a = 0; a < 3; a++) {
		int from = FIT_COLUMNS;
		memset(y, 0, sizeof(y));
		for (int k = 0; k < n; k++) {
			y[col[k]] += row[a][k];
			if (row[a][k] != 0 && col[k] < from)
				from = col[k];
		}
		for (int r = from; r < FIT_COLUMNS; r++) {
			double v = y[r];
			for (int k = from; k < r; k++)
				v -= f->l[r][k] * y[k];
			y[r] = v / f->l[r][r];
			sum += y[r] * y[r];
		}
	}
	return sum;
}

/* Squared distance of landmark i from where it was seen, metres: in 3D, depth
 * counting as what it is worth, or in the image, whichever is more. */
static double
disagreement(const struct hmr_fit *f, const struct fit_state *s, int i,
	     double *pixels)
{
	const struct fit_target *t = &f->target[i];
	double p[2], z, r = 0, q;

	fit_project(f, s, f->mark[i], p, &z);
	*pixels = hypot(p[0] - t->image[0], p[1] - t->image[1]);
	q = *pixels * z / f->focal;
	for (int k = 0; k < 3 && t->weight3[0] > 0; k++) {
		double v = f->mark[i][k] + s->offset[k] - t->world[k];
		double w = t->weight3[k] / t->weight3[0];
		r += v * v * w * w;
	}
	return fmax(r, q * q);
}

static double
from_pelvis(const float (*joints)[3], int i)	/* metres */
{
	double d[3];

	for (int k = 0; k < 3; k++)
		d[k] = (double)joints[i][k] - joints[PELVIS][k];
	return sqrt(rot_dot(d, d));
}

/* By how much this body's expected squared errors differ from ordinary ones: from
 * the mean distance in depth of the landmarks from where they were seen. */
static double
trouble(const struct hmr_fit *f, const struct fit_state *s)
{
	double sum = 0, sw = 0;

	for (int i = 0; i < HMR_BODY_LANDMARKS; i++) {
		const struct fit_target *t = &f->target[i];
		sum += t->weight3[2] *
		       fabs(f->mark[i][2] + s->offset[2] - t->world[2]);
		sw += t->weight3[2];
	}
	return sw > 0 ? pow(fmin(1.25 * sum / sw, 0.12) / MISFIT, POWER) : 1;
}

/* Metres by which the box reaches further than the joints on its emptiest side. */
static double
empty(const struct hmr_fit *f, const struct hmr_fit_output *out, double metre)
{
	double most = 0;

	for (int k = 0; k < 2; k++) {
		double lo = out->joints2d[0][k], hi = lo;
		for (int i = 1; i < HMR_BODY_POINTS; i++) {
			lo = fmin(lo, out->joints2d[i][k]);
			hi = fmax(hi, out->joints2d[i][k]);
		}
		most = fmax(most, fmax(lo - f->box[k], f->box[2 + k] - hi));
	}
	return most / metre;
}

/* Metres by which joint i lies outside the box, as far as the image goes. */
static double
outside(const struct hmr_fit *f, const struct hmr_fit_output *out, int i,
	double metre)
{
	double d = 0;

	for (int k = 0; k < 2; k++) {
		double at = fmax(0, fmin(2 * f->centre[k], out->joints2d[i][k]));
		d = fmax(d, fmax(f->box[k] - at, at - f->box[2 + k]));
	}
	return d / metre;
}

void
fit_confidence(struct hmr_fit *f, const struct fit_state *s,
	       struct hmr_fit_output *out)
{
	double off[HMR_BODY_LANDMARKS], px, sum = 0;
	int seen = 0;

	(void)fit_normal(f, s);
	bool known = fit_factor(f, 0);
	double by = trouble(f, s), metre = f->focal / exp(s->camera[2]);
	double bare = f->boxed ? BOX * fmax(0, empty(f, out, metre) - EMPTY) : 0;
	for (int i = 0; i < HMR_BODY_LANDMARKS; i++) {
		off[i] = 0;
		if (f->target[i].weight2 == 0)
			continue;
		/* a point nobody saw says little by lying elsewhere */
		off[i] = f->target[i].seen * disagreement(f, s, i, &px);
		if (f->target[i].seen > 0.5) {
			sum += px;
			seen++;
		}
	}
	out->fit_error = seen ? (float)(sum / seen) : 0;
	for (int i = 0; i < HMR_BODY_POINTS; i++) {
		double e = known ? SPREAD * SPREAD * variance(f, s, i) : 1, r = 0;
		double d = LEAN * from_pelvis((const float (*)[3])out->joints3d, i);
		for (int n = 0; n < 4 && next_to[i][n] >= 0; n++)
			r = fmax(r, off[next_to[i][n]]);
		e = by * (e + d * d) + r + bare * bare;
		if (f->boxed) {
			d = BOX * fmax(0, outside(f, out, i, metre) - OUTSIDE);
			e += d * d;
		}
		out->joint_conf[i] = (float)(1 / (1 + e / (HALF * HALF)));
	}
}

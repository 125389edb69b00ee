/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the fit is to be believed, joint by joint: the spread that the normal
 * equations leave it, unseen limbs and all, and what the landmarks next to it
 * disagree by, as one expected error in metres; and the mean image error.
 */
#include "body/fit_impl.h"

#include "body/rot.h"

#define HALF 0.10	/* metres of expected error at confidence 1/2 */
#define SPREAD 3.5	/* the landmarks' errors are larger and not independent */

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

void
fit_confidence(struct hmr_fit *f, const struct fit_state *s,
	       struct hmr_fit_output *out)
{
	double off[HMR_BODY_LANDMARKS], px, sum = 0;
	int seen = 0;

	(void)fit_normal(f, s);
	bool known = fit_factor(f, 0);
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
		for (int n = 0; n < 4 && next_to[i][n] >= 0; n++)
			r = fmax(r, off[next_to[i][n]]);
		out->joint_conf[i] = (float)(1 / (1 + (e + r) / (HALF * HALF)));
	}
}

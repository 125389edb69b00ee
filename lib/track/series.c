/* SPDX-License-Identifier: Apache-2.0 */
/* Local polynomials; see series.h. */
#include "track/series.h"

#include <math.h>

/* Mean square of the residuals, as part of the gate's: up to LOW a window is taken
 * wholly, from HIGH on not at all. */
static const double LOW = 1, HIGH = 2.5;

struct fit {
	double value[3];
	double residual;	/* mean of square over variance, per degree of freedom */
};

/* Solves the symmetric n x n system m c = b for three right sides, in place;
 * 0: singular. n <= 3. */
static int
solve(double m[3][3], double b[3][3], int n)
{
	for (int k = 0; k < n; k++) {
		if (!(m[k][k] > 1e-12))
			return 0;
		for (int i = k + 1; i < n; i++) {
			double f = m[i][k] / m[k][k];

			for (int j = k; j < n; j++)
				m[i][j] -= f * m[k][j];
			for (int d = 0; d < 3; d++)
				b[i][d] -= f * b[k][d];
		}
	}
	for (int k = n - 1; k >= 0; k--)
		for (int d = 0; d < 3; d++) {
			for (int j = k + 1; j < n; j++)
				b[k][d] -= m[k][j] * b[j][d];
			b[k][d] /= m[k][k];
		}
	return 1;
}

/* 0: too few samples to tell noise from movement. */
static int
fit(struct fit *out, const struct hmr_series *s, const struct hmr_window *w)
{
	double m[3][3] = { { 0 } }, c[3][3] = { { 0 } }, sum = 0, k[HMR_SERIES_MAX];
	double reach = (w->back > w->ahead ? w->back : w->ahead) + 1;
	int n = w->degree + 1, used = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		double p[3] = { 1, s->t[i], s->t[i] * s->t[i] };
		double d = s->at[i] / reach;

		k[i] = s->at[i] < -w->back || s->at[i] > w->ahead ? 0 :
		       (1 - d * d) / s->v[i];
		used += k[i] > 0;
		sum += k[i] * s->v[i];
		for (int a = 0; a < n; a++) {
			for (int b = 0; b < n; b++)
				m[a][b] += k[i] * p[a] * p[b];
			for (int d3 = 0; d3 < 3; d3++)
				c[a][d3] += k[i] * p[a] * s->x[i][d3];
		}
	}
	if (used < n + 1 || !solve(m, c, n))
		return 0;
	out->residual = 0;
	for (uint32_t i = 0; i < s->n; i++)
		for (int d = 0; d < 3 && k[i] > 0; d++) {
			double r = s->x[i][d] - c[0][d];

			if (n > 1)
				r -= c[1][d] * s->t[i];
			if (n > 2)
				r -= c[2][d] * s->t[i] * s->t[i];
			out->residual += k[i] * r * r;
		}
	out->residual *= (double)used / (used - n) / sum;
	for (int d = 0; d < 3; d++)
		out->value[d] = c[0][d];
	return 1;
}

void
hmr_series_at(double out[3], const struct hmr_series *s, const struct hmr_window *w,
	      uint32_t windows, double gate)
{
	double trust = 1;

	for (uint32_t i = 0; i < windows && trust > 0; i++) {
		struct fit f;
		double a;

		if (!fit(&f, s, &w[i]))
			continue;
		a = (HIGH - f.residual / (gate * gate)) / (HIGH - LOW);
		a = a < 0 ? 0 : a > 1 ? 1 : a;
		a *= a * (3 - 2 * a);
		trust = a < trust ? a : trust;
		for (int d = 0; d < 3; d++)
			out[d] += trust * (f.value[d] - out[d]);
	}
}

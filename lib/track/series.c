/* SPDX-License-Identifier: Apache-2.0 */
/* Local polynomials; see series.h. */
#include "track/series.h"

#include <math.h>

/* Mean square of the residuals, as part of the gate's: up to LOW a window is taken
 * wholly, from HIGH on not at all. */
static const double LOW = 1, HIGH = 2.5;

struct fit {
	double value[3];
	/* Mean of square over variance, per degree of freedom, of x and y, and of z. */
	double residual[2];
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

/* Weighted moments of the samples of a window. */
struct moments {
	double t[5];		/* of the powers of time */
	double x[3][3];		/* of the values, times the powers of time */
	double spread;		/* sum of weight times variance */
	uint32_t first, end;	/* the samples */
	double k[HMR_SERIES_MAX];	/* their weights */
};

static void
gather(struct moments *m, const struct hmr_series *s, const double *certain,
       const struct hmr_window *w)
{
	double reach = (w->back > w->ahead ? w->back : w->ahead) + 1;

	*m = (struct moments){ .first = 0 };
	while (m->first < s->n && s->at[m->first] < -w->back)
		m->first++;
	for (m->end = m->first; m->end < s->n && s->at[m->end] <= w->ahead; m->end++) {
		uint32_t i = m->end;
		double d = s->at[i] / reach, near = 1 - d * d;
		double k = near * certain[i], kt = k * s->t[i], ktt = kt * s->t[i];

		m->k[i] = k;
		m->spread += near;
		m->t[0] += k;
		m->t[1] += kt;
		m->t[2] += ktt;
		m->t[3] += ktt * s->t[i];
		m->t[4] += ktt * s->t[i] * s->t[i];
		for (int c = 0; c < 3; c++) {
			m->x[0][c] += k * s->x[i][c];
			m->x[1][c] += kt * s->x[i][c];
			m->x[2][c] += ktt * s->x[i][c];
		}
	}
}

/* 0: too few samples to tell noise from movement. certain: one over the variances. */
static int
fit(struct fit *out, const struct hmr_series *s, const double *certain,
    const struct hmr_window *w)
{
	int n = w->degree + 1, used;
	double a[3][3];
	struct moments m;

	gather(&m, s, certain, w);
	used = (int)(m.end - m.first);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
			a[i][j] = m.t[i + j];
	if (used < n + 1 || !solve(a, m.x, n))
		return 0;
	for (int i = n; i < 3; i++)
		for (int c = 0; c < 3; c++)
			m.x[i][c] = 0;
	out->residual[0] = out->residual[1] = 0;
	for (uint32_t i = m.first; i < m.end; i++) {
		double t = s->t[i], r[3];

		for (int c = 0; c < 3; c++)
			r[c] = s->x[i][c] - m.x[0][c] - t * (m.x[1][c] + t * m.x[2][c]);
		out->residual[0] += m.k[i] * (r[0] * r[0] + r[1] * r[1]);
		out->residual[1] += m.k[i] * r[2] * r[2];
	}
	for (int g = 0; g < 2; g++)
		out->residual[g] *= (double)used / (used - n) / m.spread;
	for (int c = 0; c < 3; c++)
		out->value[c] = m.x[0][c];
	return 1;
}

/* How far a window may still be followed whose fit leaves so much. */
static double
trusted(double before, double residual, double gate)
{
	double a = (HIGH - residual / (gate * gate)) / (HIGH - LOW);

	a = a < 0 ? 0 : a > 1 ? 1 : a;
	a *= a * (3 - 2 * a);
	return a < before ? a : before;
}

void
hmr_series_at(double out[3], const struct hmr_series *s, const struct hmr_window *w,
	      uint32_t windows, double gate_xy, double gate_z)
{
	double xy = 1, z = 1, certain[HMR_SERIES_MAX];

	for (uint32_t i = 0; i < s->n; i++)
		certain[i] = 1 / s->v[i];
	for (uint32_t i = 0; i < windows && (xy > 0 || z > 0); i++) {
		struct fit f;

		if (!fit(&f, s, certain, &w[i]))
			continue;
		xy = trusted(xy, f.residual[0], gate_xy);
		z = trusted(z, f.residual[1], gate_z);
		out[0] += xy * (f.value[0] - out[0]);
		out[1] += xy * (f.value[1] - out[1]);
		out[2] += z * (f.value[2] - out[2]);
	}
}

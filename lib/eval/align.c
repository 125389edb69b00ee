/* SPDX-License-Identifier: Apache-2.0 */
/* Similarities by quaternion, angles, ranks; see align.h. */
#include "eval/align.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One Jacobi rotation that makes m[p][q] zero; v gathers them. */
static void
jacobi(double m[4][4], double v[4][4], int p, int q)
{
	double theta, t, c, s;

	if (m[p][q] == 0)
		return;
	theta = (m[q][q] - m[p][p]) / (2 * m[p][q]);
	t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
	c = 1 / sqrt(t * t + 1);
	s = t * c;
	for (int k = 0; k < 4; k++) {
		double a = m[k][p], b = m[k][q];

		m[k][p] = c * a - s * b;
		m[k][q] = s * a + c * b;
	}
	for (int k = 0; k < 4; k++) {
		double a = m[p][k], b = m[q][k];

		m[p][k] = c * a - s * b;
		m[q][k] = s * a + c * b;
	}
	for (int k = 0; k < 4; k++) {
		double a = v[k][p], b = v[k][q];

		v[k][p] = c * a - s * b;
		v[k][q] = s * a + c * b;
	}
}

/* The greatest eigenvalue of a symmetric m and its vector. */
static double
greatest(double m[4][4], double w[4])
{
	double v[4][4] = { { 1 }, { 0, 1 }, { 0, 0, 1 }, { 0, 0, 0, 1 } };
	int best = 0;

	for (int sweep = 0; sweep < 30; sweep++)
		for (int p = 0; p < 4; p++)
			for (int q = p + 1; q < 4; q++)
				jacobi(m, v, p, q);
	for (int i = 1; i < 4; i++)
		if (m[i][i] > m[best][best])
			best = i;
	for (int i = 0; i < 4; i++)
		w[i] = v[i][best];
	return m[best][best];
}

static void
to_matrix(const double q[4], double r[9])
{
	double w = q[0], x = q[1], y = q[2], z = q[3];
	const double m[9] = {
		w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y),
		2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x),
		2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z,
	};

	memcpy(r, m, sizeof(m));
}

static size_t
centroid(const float (*p)[3], const uint8_t *use, size_t n, double mean[3])
{
	size_t count = 0;

	memset(mean, 0, 3 * sizeof(*mean));
	for (size_t i = 0; i < n; i++)
		if (!use || use[i]) {
			for (int k = 0; k < 3; k++)
				mean[k] += (double)p[i][k];
			count++;
		}
	for (int k = 0; count && k < 3; k++)
		mean[k] /= (double)count;
	return count;
}

void
hmr_similarity_fit(struct hmr_similarity *a, const float (*p)[3],
		   const float (*q)[3], const uint8_t *use, size_t n)
{
	double mp[3], mq[3], h[3][3] = { { 0 } }, size = 0, w[4], turned[3], best;

	memset(a, 0, sizeof(*a));
	a->r[0] = a->r[4] = a->r[8] = 1;
	centroid(p, use, n, mp);
	if (!centroid(q, use, n, mq))
		return;
	for (size_t i = 0; i < n; i++) {
		if (use && !use[i])
			continue;
		for (int j = 0; j < 3; j++) {
			double x = (double)p[i][j] - mp[j];

			size += x * x;
			for (int k = 0; k < 3; k++)
				h[j][k] += x * ((double)q[i][k] - mq[k]);
		}
	}
	memcpy(a->t, mq, sizeof(mq));
	if (!(size > 1e-18))
		return;
	double m[4][4] = {
		{ h[0][0] + h[1][1] + h[2][2], h[1][2] - h[2][1], h[2][0] - h[0][2],
		  h[0][1] - h[1][0] },
		{ 0, h[0][0] - h[1][1] - h[2][2], h[0][1] + h[1][0],
		  h[2][0] + h[0][2] },
		{ 0, 0, h[1][1] - h[0][0] - h[2][2], h[1][2] + h[2][1] },
		{ 0, 0, 0, h[2][2] - h[0][0] - h[1][1] },
	};
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < i; k++)
			m[i][k] = m[k][i];
	best = greatest(m, w);
	to_matrix(w, a->r);
	a->s = best > 0 ? best / size : 0;
	for (int i = 0; i < 3; i++) {
		turned[i] = 0;
		for (int k = 0; k < 3; k++)
			turned[i] += a->r[3 * i + k] * mp[k];
		a->t[i] = mq[i] - a->s * turned[i];
	}
}

void
hmr_similarity_apply(const struct hmr_similarity *a, const float x[3], double out[3])
{
	for (int i = 0; i < 3; i++) {
		out[i] = a->t[i];
		for (int k = 0; k < 3; k++)
			out[i] += a->s * a->r[3 * i + k] * (double)x[k];
	}
}

double
hmr_angle_between(const float a[9], const float b[9])
{
	double trace = 0, away = 0, d[9] = { 0 };

	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++)
			for (int j = 0; j < 3; j++)
				d[3 * i + k] += (double)a[3 * j + i] * (double)b[3 * j + k];
	trace = d[0] + d[4] + d[8];
	away = (d[7] - d[5]) * (d[7] - d[5]) + (d[2] - d[6]) * (d[2] - d[6]) +
	       (d[3] - d[1]) * (d[3] - d[1]);
	return atan2(sqrt(away), trace - 1);
}

static int
rising(const void *a, const void *b)
{
	float x = ((const struct hmr_ranked *)a)->value;
	float y = ((const struct hmr_ranked *)b)->value;

	return x < y ? -1 : x > y;
}

static void
ranks(const float *x, uint32_t n, struct hmr_ranked *room, double *rank)
{
	for (uint32_t i = 0; i < n; i++)
		room[i] = (struct hmr_ranked){ x[i], i };
	qsort(room, n, sizeof(*room), rising);
	for (uint32_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && room[end].value == room[i].value; )
			end++;
		for (uint32_t k = i; k < end; k++)
			rank[room[k].at] = 0.5 * ((double)i + (double)end - 1);
	}
}

double
hmr_rank_correlation(const float *x, const float *y, uint32_t n,
		     struct hmr_ranked *room, double *rank)
{
	double mean = 0.5 * ((double)n - 1), xx = 0, yy = 0, xy = 0;

	if (n < 2)
		return 0;
	ranks(x, n, room, rank);
	ranks(y, n, room, rank + n);
	for (uint32_t i = 0; i < n; i++) {
		double a = rank[i] - mean, b = rank[n + i] - mean;

		xx += a * a;
		yy += b * b;
		xy += a * b;
	}
	return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

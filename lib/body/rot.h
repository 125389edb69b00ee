/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotations in double: row-major 3x3 matrices and rotation vectors (axis times
 * angle). Inline, for lib/body.
 */
#ifndef HMR_ROT_H
#define HMR_ROT_H

#include <math.h>
#include <string.h>

static inline double
rot_dot(const double a[3], const double b[3])
{
	return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static inline void
rot_cross(const double a[3], const double b[3], double out[3])
{
	double x = a[1] * b[2] - a[2] * b[1], y = a[2] * b[0] - a[0] * b[2];

	out[2] = a[0] * b[1] - a[1] * b[0];
	out[0] = x;
	out[1] = y;
}

/* Scales v to length 1; false, v untouched, where it is shorter than 1e-9. */
static inline int
rot_unit(double v[3])
{
	double n = sqrt(rot_dot(v, v));

	if (!(n > 1e-9))
		return 0;
	for (int k = 0; k < 3; k++)
		v[k] /= n;
	return 1;
}

static inline void
rot_mul(const double a[9], const double b[9], double out[9])
{
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++)
			out[3 * i + k] = a[3 * i] * b[k] + a[3 * i + 1] * b[3 + k] +
					 a[3 * i + 2] * b[6 + k];
}

/* out = a^T b */
static inline void
rot_tmul(const double a[9], const double b[9], double out[9])
{
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++)
			out[3 * i + k] = a[i] * b[k] + a[3 + i] * b[3 + k] +
					 a[6 + i] * b[6 + k];
}

static inline void
rot_apply(const double a[9], const double v[3], double out[3])
{
	double x = a[0] * v[0] + a[1] * v[1] + a[2] * v[2];
	double y = a[3] * v[0] + a[4] * v[1] + a[5] * v[2];

	out[2] = a[6] * v[0] + a[7] * v[1] + a[8] * v[2];
	out[0] = x;
	out[1] = y;
}

static inline void	/* out = a^T v */
rot_tapply(const double a[9], const double v[3], double out[3])
{
	double x = a[0] * v[0] + a[3] * v[1] + a[6] * v[2];
	double y = a[1] * v[0] + a[4] * v[1] + a[7] * v[2];

	out[2] = a[2] * v[0] + a[5] * v[1] + a[8] * v[2];
	out[0] = x;
	out[1] = y;
}

/* I + a [w] + b [w]^2 */
static inline void
rot_series(const double w[3], double a, double b, double out[9])
{
	double n = rot_dot(w, w);

	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++)
			out[3 * i + k] = (i == k) * (1 - b * n) + b * w[i] * w[k];
	out[1] -= a * w[2];
	out[2] += a * w[1];
	out[3] += a * w[2];
	out[5] -= a * w[0];
	out[6] -= a * w[1];
	out[7] += a * w[0];
}

static inline void
rot_exp(const double w[3], double out[9])
{
	double n = rot_dot(w, w), t = sqrt(n);

	if (n < 1e-8)
		rot_series(w, 1 - n / 6, 0.5 - n / 24, out);
	else
		rot_series(w, sin(t) / t, (1 - cos(t)) / n, out);
}

/* The left Jacobian: exp(w + d) = exp(J d) exp(w) to first order. */
static inline void
rot_jacobian(const double w[3], double out[9])
{
	double n = rot_dot(w, w), t = sqrt(n);

	if (n < 1e-8)
		rot_series(w, 0.5 - n / 24, 1.0 / 6 - n / 120, out);
	else
		rot_series(w, (1 - cos(t)) / n, (t - sin(t)) / (n * t), out);
}

/* The rotation vector of m, of length at most pi. */
static inline void
rot_log(const double m[9], double w[3])
{
	/* by the unit quaternion, largest component first: safe near pi */
	double d[4] = { 1 + m[0] + m[4] + m[8], 1 + m[0] - m[4] - m[8],
			1 - m[0] + m[4] - m[8], 1 - m[0] - m[4] + m[8] };
	double q[4];
	int b = 0;

	for (int i = 1; i < 4; i++)
		if (d[i] > d[b])
			b = i;
	double x = m[7] - m[5], y = m[2] - m[6], z = m[3] - m[1];
	double xy = m[1] + m[3], xz = m[2] + m[6], yz = m[5] + m[7];
	const double row[4][4] = {
		{ d[0], x, y, z }, { x, d[1], xy, xz },
		{ y, xy, d[2], yz }, { z, xz, yz, d[3] },
	};
	double n = 0;
	for (int i = 0; i < 4; i++)
		n += row[b][i] * row[b][i];
	n = sqrt(n);
	if (!(n > 1e-12)) {
		w[0] = w[1] = w[2] = 0;
		return;
	}
	if (row[b][0] < 0)
		n = -n;
	for (int i = 0; i < 4; i++)
		q[i] = row[b][i] / n;
	double s = sqrt(q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
	double f = s < 1e-9 ? 2 : 2 * atan2(s, q[0]) / s;
	for (int k = 0; k < 3; k++)
		w[k] = f * q[1 + k];
}

/* The smallest rotation that takes unit vector a to unit vector b. */
static inline void
rot_swing(const double a[3], const double b[3], double out[9])
{
	double c = rot_dot(a, b), w[3];

	rot_cross(a, b, w);
	if (c < -0.999999) {	/* opposite: about any axis across a */
		double e[3] = { 0, 0, 0 };
		e[fabs(a[0]) < 0.7 ? 0 : 1] = 1;
		rot_cross(a, e, w);
		rot_unit(w);
		for (int k = 0; k < 3; k++)
			w[k] *= 3.14159265358979;
		rot_exp(w, out);
		return;
	}
	rot_series(w, 1, 1 / (1 + c), out);
}

#endif

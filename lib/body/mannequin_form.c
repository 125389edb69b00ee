/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mannequin's surface by formula: cross sections of torso and head, arm, leg
 * and fingers at given rows of their meshes, with cubic curves between.
 *
 * Proportions of an adult of 1.70 m, the mean of the men (1.756 m) and women
 * (1.629 m) of ANSUR II (Gordon et al. 2014): breadths and depths of head, neck,
 * chest, waist, hips, hand and foot from its means; heights of chin, shoulder,
 * elbow, hip, knee and ankle and the lengths of the segments as fractions of
 * stature by Drillis and Contini 1966, as in Winter, Biomechanics and Motor
 * Control of Human Movement, fig. 4.1 (chin .870, foot length .152, hand .108).
 * Origin: the pelvis joint, .945 m above the sole. Metres.
 */
#include "body/mannequin.h"

#include <math.h>

#define SOLE (-0.945)

/* row, y at the middle, tilt (fall of y per z to the front), half breadth, z of
 * the front, z of the back, squareness, extra fall at the middle lines */
static const double torso[][8] = {
	{ 0, -0.075, 0.00, 0.171, 0.070, -0.118, 0.15, 0.055 },
	{ 2, -0.032, 0.00, 0.173, 0.086, -0.129, 0.20, 0.034 },
	{ 4, 0.010, 0.00, 0.164, 0.096, -0.124, 0.20, 0.014 },
	{ 6, 0.052, 0.00, 0.153, 0.101, -0.108, 0.22, 0.002 },
	{ 8, 0.100, 0.00, 0.143, 0.101, -0.096, 0.22, 0.0 },
	{ 10, 0.150, 0.00, 0.138, 0.098, -0.095, 0.22, 0.0 },
	{ 12, 0.200, 0.00, 0.141, 0.097, -0.102, 0.22, 0.0 },
	{ 14, 0.250, 0.00, 0.147, 0.102, -0.113, 0.25, 0.0 },
	{ 16, 0.300, 0.00, 0.153, 0.109, -0.123, 0.28, 0.0 },
	{ 18, 0.348, 0.00, 0.158, 0.111, -0.130, 0.30, 0.0 },
	{ 20, 0.402, 0.02, 0.162, 0.102, -0.135, 0.30, 0.0 },
	{ 22, 0.452, 0.08, 0.160, 0.082, -0.133, 0.25, 0.0 },
	{ 24, 0.490, 0.30, 0.144, 0.058, -0.126, 0.15, 0.0 },
	{ 26, 0.508, 0.45, 0.108, 0.038, -0.116, 0.05, 0.0 },
	{ 28, 0.521, 0.52, 0.078, 0.030, -0.105, 0.0, 0.0 },
	{ 30, 0.535, 0.52, 0.062, 0.026, -0.095, 0.0, 0.0 },
	{ 32, 0.550, 0.48, 0.0555, 0.025, -0.088, 0.0, 0.0 },
	{ 34, 0.562, 0.42, 0.0535, 0.032, -0.085, 0.0, 0.0 },
	{ 36, 0.569, 0.42, 0.055, 0.058, -0.086, -0.25, 0.0 },
	{ 38, 0.578, 0.43, 0.057, 0.083, -0.089, -0.3, 0.0 },
	{ 39, 0.588, 0.41, 0.0595, 0.090, -0.092, -0.2, 0.0 },
	{ 41, 0.607, 0.34, 0.0645, 0.100, -0.096, -0.1, 0.0 },
	{ 43, 0.624, 0.25, 0.069, 0.100, -0.099, 0, 0.0 },
	{ 45, 0.641, 0.15, 0.0725, 0.099, -0.101, 0.0, 0.0 },
	{ 47, 0.658, 0.07, 0.075, 0.097, -0.102, 0.0, 0.0 },
	{ 49, 0.677, 0.02, 0.0755, 0.097, -0.102, 0.0, 0.0 },
	{ 51, 0.697, 0.00, 0.0745, 0.094, -0.099, 0.0, 0.0 },
	{ 53, 0.717, 0.00, 0.069, 0.084, -0.091, 0.0, 0.0 },
	{ 55, 0.735, 0.00, 0.056, 0.066, -0.075, 0.0, 0.0 },
	{ 56, 0.742, 0.00, 0.047, 0.055, -0.064, 0.0, 0.0 },
};

/* row, centre x y z, reach up, down, to the front, to the back, flatness, tilt
 * (x gained per y upwards) */
static const double arm[][10] = {
	{ 0, 0.152, 0.430, -0.048, 0.078, 0.078, 0.066, 0.068, 0.0, -0.12 },
	{ 2, 0.192, 0.432, -0.047, 0.070, 0.069, 0.064, 0.064, 0.0, -0.08 },
	{ 4, 0.230, 0.436, -0.049, 0.062, 0.059, 0.057, 0.057, 0.0, 0.0 },
	{ 6, 0.266, 0.438, -0.052, 0.0555, 0.053, 0.051, 0.051, 0.0, 0.0 },
	{ 9, 0.318, 0.438, -0.058, 0.047, 0.049, 0.047, 0.046, 0.0, 0.0 },
	{ 12, 0.370, 0.437, -0.063, 0.042, 0.044, 0.043, 0.043, 0.0, 0.0 },
	{ 15, 0.418, 0.436, -0.068, 0.0405, 0.040, 0.038, 0.040, 0.0, 0.0 },
	{ 16, 0.434, 0.436, -0.070, 0.040, 0.0395, 0.0375, 0.040, 0.0, 0.0 },
	{ 18, 0.468, 0.437, -0.070, 0.041, 0.040, 0.041, 0.040, 0.0, 0.0 },
	{ 20, 0.505, 0.438, -0.070, 0.039, 0.039, 0.042, 0.040, 0.0, 0.0 },
	{ 23, 0.570, 0.441, -0.071, 0.032, 0.033, 0.037, 0.036, 0.0, 0.0 },
	{ 26, 0.645, 0.444, -0.073, 0.0245, 0.0245, 0.030, 0.029, 0.0, 0.0 },
	{ 27, 0.667, 0.445, -0.073, 0.0215, 0.022, 0.029, 0.028, 0.1, 0.0 },
	{ 28, 0.685, 0.445, -0.074, 0.0195, 0.0195, 0.031, 0.029, 0.4, 0.0 },
	{ 29, 0.700, 0.445, -0.075, 0.0185, 0.0185, 0.036, 0.031, 0.7, 0.0 },
	{ 30, 0.714, 0.445, -0.077, 0.018, 0.018, 0.040, 0.034, 1.0, 0.0 },
	{ 31, 0.728, 0.445, -0.078, 0.017, 0.0175, 0.041, 0.037, 1.0, 0.0 },
	{ 32, 0.742, 0.444, -0.079, 0.016, 0.0165, 0.041, 0.040, 1.0, 0.0 },
	{ 33, 0.760, 0.443, -0.081, 0.0145, 0.015, 0.041, 0.041, 1.0, 0.0 },
	{ 34, 0.778, 0.442, -0.082, 0.0115, 0.0115, 0.041, 0.041, 1.0, 0.0 },
};

/* row, centre x y z, reach outwards, inwards, to the front, to the back, turn of
 * the section from level (0) to upright (90 degrees), squareness */
static const double leg[][10] = {
	{ 0, 0.089, -0.120, -0.014, 0.083, 0.084, 0.084, 0.108, 0, 0 },
	{ 2, 0.091, -0.165, -0.013, 0.081, 0.088, 0.085, 0.104, 0, 0 },
	{ 4, 0.092, -0.200, -0.012, 0.078, 0.087, 0.085, 0.095, 0, 0 },
	{ 8, 0.096, -0.275, -0.012, 0.068, 0.079, 0.079, 0.080, 0, 0 },
	{ 12, 0.100, -0.350, -0.013, 0.059, 0.067, 0.069, 0.068, 0, 0 },
	{ 15, 0.103, -0.410, -0.014, 0.056, 0.057, 0.059, 0.060, 0, 0 },
	{ 17, 0.105, -0.445, -0.015, 0.053, 0.055, 0.055, 0.056, 0, 0 },
	{ 18, 0.105, -0.465, -0.016, 0.052, 0.054, 0.054, 0.054, 0, 0 },
	{ 20, 0.105, -0.505, -0.020, 0.050, 0.050, 0.050, 0.051, 0, 0 },
	{ 22, 0.104, -0.545, -0.026, 0.052, 0.051, 0.048, 0.057, 0, 0 },
	{ 25, 0.102, -0.600, -0.032, 0.054, 0.052, 0.047, 0.061, 0, 0 },
	{ 28, 0.099, -0.660, -0.037, 0.048, 0.047, 0.043, 0.056, 0, 0 },
	{ 31, 0.096, -0.720, -0.041, 0.041, 0.040, 0.038, 0.046, 0, 0 },
	{ 34, 0.093, -0.780, -0.046, 0.034, 0.034, 0.033, 0.038, 0, 0 },
	{ 36, 0.091, -0.8200, -0.0515, 0.032, 0.032, 0.0345, 0.0345, 0.0, 0 },
	{ 37, 0.09, -0.8415, -0.0515, 0.034, 0.034, 0.0377, 0.0377, 5.3, 0 },
	{ 38, 0.09, -0.8595, -0.0520, 0.036, 0.035, 0.0452, 0.0452, 13.4, 0.05 },
	{ 39, 0.09, -0.8755, -0.0550, 0.036, 0.034, 0.0565, 0.0565, 20.2, 0.1 },
	{ 40, 0.0905, -0.8905, -0.0550, 0.035, 0.034, 0.0655, 0.0655, 25.8, 0.15 },
	{ 41, 0.091, -0.9030, -0.0495, 0.034, 0.033, 0.0695, 0.0695, 31.2, 0.2 },
	{ 42, 0.092, -0.9090, -0.0380, 0.034, 0.033, 0.0669, 0.0669, 34.6, 0.25 },
	{ 43, 0.094, -0.9115, -0.0225, 0.035, 0.033, 0.0599, 0.0599, 37.5, 0.3 },
	{ 44, 0.0965, -0.9135, -0.0055, 0.036, 0.034, 0.0518, 0.0518, 40.3, 0.3 },
	{ 46, 0.102, -0.9165, 0.0280, 0.04, 0.036, 0.0400, 0.0400, 45.5, 0.35 },
	{ 48, 0.108, -0.9195, 0.0610, 0.045, 0.041, 0.0326, 0.0326, 54.4, 0.45 },
	{ 50, 0.112, -0.9240, 0.0915, 0.047, 0.043, 0.0257, 0.0257, 63.4, 0.5 },
	{ 52, 0.113, -0.9275, 0.1180, 0.043, 0.041, 0.0204, 0.0204, 72.9, 0.5 },
	{ 53, 0.113, -0.9290, 0.1310, 0.038, 0.037, 0.0173, 0.0173, 80.0, 0.45 },
	{ 54, 0.1125, -0.9310, 0.1405, 0.031, 0.03, 0.0121, 0.0121, 82.9, 0.4 },
};

/* length, radius at the root and at the tip, direction x y z; the little finger
 * first, then to the thumb */
static const double fingers[5][6] = {
	{ 0.058, 0.0090, 0.0068, 0.990, -0.10, -0.10 },
	{ 0.072, 0.0100, 0.0074, 0.994, -0.10, -0.03 },
	{ 0.078, 0.0104, 0.0076, 0.994, -0.10, 0.03 },
	{ 0.071, 0.0102, 0.0074, 0.990, -0.10, 0.09 },
	{ 0.062, 0.0130, 0.0092, 0.720, -0.22, 0.66 },
};

/* A cubic through the table's rows; val[k] is column k + 1. */
static void
curve(const double *tab, int n, int cols, double row, double *val)
{
	int i = 0;

	while (i < n - 2 && row >= tab[(i + 1) * cols])
		i++;
	const double *a = tab + i * cols, *b = a + cols;
	const double *p = i > 0 ? a - cols : a, *q = i < n - 2 ? b + cols : b;
	double h = b[0] - a[0], t = (row - a[0]) / h;
	double h1 = t * t * (3 - 2 * t), d0 = t * (1 - t) * (1 - t) * h;
	double d1 = t * t * (t - 1) * h;

	for (int k = 1; k < cols; k++) {
		double ta = (b[k] - p[k]) / (b[0] - p[0]);
		double tb = (q[k] - a[k]) / (q[0] - a[0]);
		val[k - 1] = a[k] + (b[k] - a[k]) * h1 + ta * d0 + tb * d1;
	}
}
#define CURVE(tab, row, val) \
	curve(&(tab)[0][0], (int)(sizeof(tab) / sizeof((tab)[0])), \
	      (int)(sizeof((tab)[0]) / sizeof(double)), row, val)

void
man_turn(double turns, double *c, double *s)
{
	double x = turns - floor(turns + 0.5), y;	/* [-1/2, 1/2) */
	bool far = fabs(x) > 0.25;

	if (far)
		x = (x > 0 ? 0.5 : -0.5) - x;	/* sin the same, cos negated */
	x *= 6.283185307179586476925;
	y = x * x;
	*s = x * (1 - y / 6 * (1 - y / 20 * (1 - y / 42 * (1 - y / 72 *
	     (1 - y / 110 * (1 - y / 156 * (1 - y / 210)))))));
	*c = 1 - y / 2 * (1 - y / 12 * (1 - y / 30 * (1 - y / 56 *
	     (1 - y / 90 * (1 - y / 132 * (1 - y / 182))))));
	if (far)
		*c = -*c;
}

/* 1 at d = 0, 0 from d = 1 on, smooth between. */
static double
bump(double d2)
{
	return d2 < 1 ? (1 - d2) * (1 - d2) : 0;
}

/* bump() of p in an ellipsoid; mirrored to both sides by |x|. */
static double
blob(const double p[3], double x, double y, double z, double rx, double ry,
     double rz)
{
	double a = (fabs(p[0]) - x) / rx, b = (p[1] - y) / ry;
	double c = (p[2] - z) / rz;

	return bump(a * a + b * b + c * c);
}

/* A point of a section: cos and sin of its angle, pulled to a square by q. */
static void
section(double q, double *c, double *s)
{
	double c2 = *c * *c, s2 = *s * *s;
	double r = 1 - q + q / sqrt(sqrt(c2 * c2 + s2 * s2));

	*c *= r;
	*s *= r;
}

static void
flesh(double p[3])	/* muscles of the torso */
{
	double seat = blob(p, 0.072, -0.062, -0.11, 0.085, 0.085, 0.09);
	double chest = blob(p, 0.078, 0.345, 0.10, 0.085, 0.075, 0.08);
	double blade = blob(p, 0.085, 0.37, -0.12, 0.07, 0.10, 0.06);
	double spine = blob(p, 0, 0.20, -0.10, 0.035, 0.30, 0.06);
	double cleft = blob(p, 0, -0.085, -0.13, 0.03, 0.075, 0.06);
	double belly = blob(p, 0, 0.06, 0.11, 0.11, 0.13, 0.06);

	double collar = blob(p, 0.080, 0.474, 0.05, 0.075, 0.014, 0.07);
	double above = blob(p, 0.050, 0.494, 0.03, 0.04, 0.016, 0.05);
	double breast = blob(p, 0, 0.36, 0.11, 0.02, 0.09, 0.06);
	double line = blob(p, 0, 0.17, 0.10, 0.025, 0.15, 0.06);
	double under = blob(p, 0.075, -0.128, -0.11, 0.065, 0.022, 0.06);

	p[2] += 0.012 * chest + 0.004 * belly + 0.009 * spine +
		0.018 * cleft - 0.023 * seat - 0.006 * blade + 0.005 * collar -
		0.004 * above - 0.003 * breast - 0.004 * line + 0.002 * under;
	p[0] += (p[0] > 0 ? 0.004 : p[0] < 0 ? -0.004 : 0) * seat;
}

/* The table's row of a row of the mesh: the face's lie closer. */
static double
torso_row(int row)
{
	const int face = MAN_FACE_END - MAN_FACE_ROW;

	if (row <= MAN_FACE_ROW)
		return row;
	if (row >= MAN_FACE_END)
		return row - face / 3;
	return MAN_FACE_ROW + (row - MAN_FACE_ROW) * (2 / 3.0);
}

/* Where a column of half the torso lies, in turns from the front: around the arm's
 * hole the columns at the side spread to its width, on the head they crowd in the
 * face. */
static double
torso_turn(int row, int col)
{
	double near = row < 18 ? (row - 8) / 10.0 : row > 24 ? (34 - row) / 10.0 : 1;
	double t = (col - 10) / 10.0, a = 1.5 * (near > 0 ? near * near : 0);
	double head = row < MAN_FACE_ROW + 2 ? (row - 32) / 8.0 :
		row > MAN_FACE_END ? (MAN_FACE_END + 4 - row) / 4.0 : 1;

	t = (1 + t * (1 + a) / (1 + a * fabs(t))) / 2;
	if (head > 0)
		t *= 1 - 0.42 * head * (1 - t);
	return t / 2;
}

void
man_torso_at(int row, int col, double out[3])
{
	double v[7], c, s;

	CURVE(torso, torso_row(row), v);
	man_turn(torso_turn(row, col), &c, &s);
	if (col == 0 || 2 * col == MAN_TORSO_COLS)
		s = 0;
	double c2 = c * c;
	section(v[5], &c, &s);
	double mid = v[4] + 0.5 * (v[3] - v[4]);
	out[0] = v[2] * s;
	out[2] = mid + (c > 0 ? v[3] - mid : mid - v[4]) * c;
	out[1] = v[0] - v[1] * (out[2] - mid) - v[6] * c2;
	if (row <= MAN_HOLE_ROW + 10)
		flesh(out);
}

/* Where a point of a flat palm lies, of 20: four fingers wide, two high. */
static void
palm(int col, double *z, double *y)
{
	if (col <= 8) {
		*z = -1 + col / 4.0;
		*y = 1 - 0.3 * *z * *z * *z * *z + (col % 2 ? 0.12 : -0.1);
	} else if (col < 10 || col == 19) {
		*z = col == 9 ? 1.08 : -1.08;
		*y = 0;
	} else {
		palm(18 - col, z, y);
		*y = -*y;
	}
}

void
man_arm_at(int row, int col, double out[3])
{
	double v[9], c, s, z, y;

	CURVE(arm, row, v);
	man_turn((col - 4) / (double)MAN_ARM_COLS, &c, &s);
	palm(col, &z, &y);
	c += v[7] * (y - c);
	s += v[7] * (z - s);
	out[1] = v[1] + (c > 0 ? v[3] : v[4]) * c;
	out[2] = v[2] + (s > 0 ? v[5] : v[6]) * s;
	out[0] = v[0] + v[8] * (out[1] - v[1]);
	if (row > MAN_ARM_ROWS - 3)	/* knuckles in an arc */
		out[0] += 0.003 * (row - MAN_ARM_ROWS + 3) * (z - 1.2 * z * z);
}

void
man_leg_at(int row, int col, double out[3])
{
	double v[9], c, s, cv, sv;

	CURVE(leg, row, v);
	/* column 4 looks inwards, to the other leg */
	man_turn(0.25 + (col - 4) / (double)MAN_LEG_COLS, &c, &s);
	section(v[8], &c, &s);
	man_turn(v[7] / 360, &cv, &sv);
	double r = (c > 0 ? v[5] : v[6]) * c;
	out[0] = v[0] - (s > 0 ? v[4] : v[3]) * s;
	out[1] = v[1] + r * sv;
	out[2] = v[2] + r * cv;
	if (row < MAN_LEG_ROWS / 2)	/* the kneecap */
		out[2] += 0.007 * blob(out, 0.105, -0.450, 0.040, 0.034, 0.045, 0.03);
	if (out[1] < SOLE)
		out[1] = SOLE;
}

void
man_finger_at(int finger, int row, int col, double out[3])
{
	const double *f = fingers[finger];
	double root[3], n, c, s, t = row / (double)(MAN_FINGER_ROWS - 1);
	double r = f[1] + (f[2] - f[1]) * t, len = f[0] * t;

	if (finger < 4) {	/* between the palm's columns */
		double a[3], b[3];
		man_arm_at(MAN_ARM_ROWS - 1, 2 * finger + 1, a);
		man_arm_at(MAN_ARM_ROWS - 1, 17 - 2 * finger, b);
		for (int k = 0; k < 3; k++)
			root[k] = 0.5 * (a[k] + b[k]);
	} else {
		root[0] = 0.728;
		root[1] = 0.442;
		root[2] = -0.050;
	}
	n = sqrt(f[3] * f[3] + f[4] * f[4] + f[5] * f[5]);
	/* up is y without the part along the finger; side is up x along */
	double d[3] = { f[3] / n, f[4] / n, f[5] / n };
	double up[3] = { -d[1] * d[0], 1 - d[1] * d[1], -d[1] * d[2] };
	double m = sqrt(up[0] * up[0] + up[1] * up[1] + up[2] * up[2]);
	for (int k = 0; k < 3; k++)
		up[k] /= m;
	double side[3] = { d[1] * up[2] - d[2] * up[1],
			   d[2] * up[0] - d[0] * up[2],
			   d[0] * up[1] - d[1] * up[0] };
	man_turn((col - 1) / (double)MAN_FINGER_COLS, &c, &s);
	if (row == MAN_FINGER_ROWS - 1)
		r *= 0.8;
	for (int k = 0; k < 3; k++)
		out[k] = root[k] + d[k] * len + r * (up[k] * c + side[k] * s);
	out[1] -= 0.010 * t * t;	/* relaxed */
}

void
man_crotch_at(int i, double out[3])
{
	double t = (i + 1) / (double)(MAN_CROTCH + 1);
	double a[3], b[3];

	man_torso_at(0, 0, a);
	man_torso_at(0, MAN_TORSO_COLS / 2, b);
	out[0] = 0;
	out[1] = a[1] + t * (b[1] - a[1]) - 0.030 * 4 * t * (1 - t);
	out[2] = a[2] + t * (b[2] - a[2]);
}

/* Brow, eyes, nose, lips, chin, cheeks and ears, as heights over the smooth
 * head; n is its unit normal. */
void
man_face(double p[3], double n[3])
{
	double h = 0;

	h += 0.006 * blob(p, 0.024, 0.671, 0.095, 0.034, 0.014, 0.04);
	h -= 0.012 * blob(p, 0.032, 0.649, 0.088, 0.026, 0.019, 0.04);
	h += 0.010 * blob(p, 0.033, 0.648, 0.085, 0.019, 0.012, 0.04);
	h += 0.012 * blob(p, 0, 0.636, 0.097, 0.013, 0.034, 0.05);
	h += 0.020 * blob(p, 0, 0.612, 0.100, 0.018, 0.026, 0.05);
	h += 0.009 * blob(p, 0.013, 0.606, 0.098, 0.012, 0.012, 0.04);
	h += 0.007 * blob(p, 0, 0.582, 0.098, 0.036, 0.012, 0.04);
	h += 0.007 * blob(p, 0, 0.568, 0.096, 0.032, 0.010, 0.04);
	h += 0.010 * blob(p, 0, 0.547, 0.092, 0.036, 0.021, 0.05);
	h += 0.003 * blob(p, 0.050, 0.622, 0.066, 0.030, 0.022, 0.05);
	h -= 0.002 * blob(p, 0.048, 0.588, 0.060, 0.026, 0.025, 0.05);
	h -= 0.003 * blob(p, 0.066, 0.665, 0.040, 0.030, 0.030, 0.03);
	h += 0.017 * blob(p, 0.074, 0.637, -0.010, 0.03, 0.034, 0.020);
	for (int k = 0; k < 3; k++)
		p[k] += h * n[k];
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Quaternions and rotation vectors; see turn.h. */
#include "track/turn.h"

#include <math.h>

/* Shepperd (1978): the largest of the four is found first, so nothing is divided
 * by almost nothing. */
void
hmr_turn_from_matrix(double q[4], const float r[9])
{
	double d[4] = { (double)r[0] + r[4] + r[8], (double)r[0] - r[4] - r[8],
			(double)r[4] - r[0] - r[8], (double)r[8] - r[0] - r[4] };
	double n = 0;
	int k = 0;

	for (int i = 1; i < 4; i++)
		if (d[i] > d[k])
			k = i;
	switch (k) {
	case 0:
		q[0] = 1 + d[0];
		q[1] = (double)r[7] - r[5];
		q[2] = (double)r[2] - r[6];
		q[3] = (double)r[3] - r[1];
		break;
	case 1:
		q[0] = (double)r[7] - r[5];
		q[1] = 1 + d[1];
		q[2] = (double)r[1] + r[3];
		q[3] = (double)r[2] + r[6];
		break;
	case 2:
		q[0] = (double)r[2] - r[6];
		q[1] = (double)r[1] + r[3];
		q[2] = 1 + d[2];
		q[3] = (double)r[5] + r[7];
		break;
	default:
		q[0] = (double)r[3] - r[1];
		q[1] = (double)r[2] + r[6];
		q[2] = (double)r[5] + r[7];
		q[3] = 1 + d[3];
	}
	for (int i = 0; i < 4; i++)
		n += q[i] * q[i];
	n = n > 0 ? 1 / sqrt(n) : 0;
	for (int i = 0; i < 4; i++)
		q[i] *= n;
	if (!n)
		q[0] = 1;
}

void
hmr_turn_to_matrix(float r[9], const double q[4])
{
	double w = q[0], x = q[1], y = q[2], z = q[3];

	r[0] = (float)(1 - 2 * (y * y + z * z));
	r[1] = (float)(2 * (x * y - w * z));
	r[2] = (float)(2 * (x * z + w * y));
	r[3] = (float)(2 * (x * y + w * z));
	r[4] = (float)(1 - 2 * (x * x + z * z));
	r[5] = (float)(2 * (y * z - w * x));
	r[6] = (float)(2 * (x * z - w * y));
	r[7] = (float)(2 * (y * z + w * x));
	r[8] = (float)(1 - 2 * (x * x + y * y));
}

void
hmr_turn_mul(double out[4], const double a[4], const double b[4])
{
	double w = a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3];
	double x = a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2];
	double y = a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1];

	out[3] = a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0];
	out[0] = w;
	out[1] = x;
	out[2] = y;
}

void
hmr_turn_between(double out[4], const double a[4], const double b[4])
{
	double back[4] = { a[0], -a[1], -a[2], -a[3] };

	hmr_turn_mul(out, back, b);
}

void
hmr_turn_log(double v[3], const double q[4])
{
	double n = sqrt(q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
	double k = n > 1e-12 ? 2 * atan2(n, fabs(q[0])) / n : 2;

	if (q[0] < 0)			/* q and -q turn alike */
		k = -k;
	for (int i = 0; i < 3; i++)
		v[i] = k * q[1 + i];
}

void
hmr_turn_exp(double q[4], const double v[3])
{
	double n = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
	double k = n > 1e-9 ? sin(n / 2) / n : 0.5;

	q[0] = cos(n / 2);
	for (int i = 0; i < 3; i++)
		q[1 + i] = k * v[i];
}

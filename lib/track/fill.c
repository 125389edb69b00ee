/* SPDX-License-Identifier: Apache-2.0 */
/* Interpolation of people over a gap; see fill.h. */
#include "track/fill.h"

#include <math.h>
#include <string.h>

static float
mix(float a, float b, double t)
{
	return (float)(a + t * ((double)b - a));
}

static void
mix_n(float *out, const float *a, const float *b, size_t n, double t)
{
	for (size_t i = 0; i < n; i++)
		out[i] = mix(a[i], b[i], t);
}

void
hmr_fill_person(struct hmr_person *out, const struct hmr_person *a,
		const struct hmr_person *b, double t)
{
	memset(out, 0, sizeof(*out));
	mix_n(out->box, a->box, b->box, 4, t);
	out->given_id = a->given_id == b->given_id ? a->given_id : 0;
}

/* Unit quaternion w x y z of a rotation (Shepperd 1978: the largest of the four
 * is found first, so nothing is divided by almost nothing). */
static void
to_quaternion(double q[4], const float r[9])
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

static void
from_quaternion(float r[9], const double q[4])
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
hmr_fill_rotation(float out[9], const float a[9], const float b[9], double t)
{
	double p[4], q[4], cosine = 0, s, u, n = 0;

	to_quaternion(p, a);
	to_quaternion(q, b);
	for (int i = 0; i < 4; i++)
		cosine += p[i] * q[i];
	s = 1 - t;
	u = t;
	if (fabs(cosine) < 0.9995) {	/* else a straight line is as good */
		double angle = acos(fabs(cosine));

		s = sin((1 - t) * angle) / sin(angle);
		u = sin(t * angle) / sin(angle);
	}
	if (cosine < 0)			/* q and -q turn alike: the short way */
		u = -u;
	for (int i = 0; i < 4; i++) {
		p[i] = s * p[i] + u * q[i];
		n += p[i] * p[i];
	}
	for (int i = 0; i < 4; i++)
		p[i] /= sqrt(n);
	from_quaternion(out, p);
}

void
hmr_fill_body(struct hmr_body_row *out, const struct hmr_body_row *a,
	      const struct hmr_body_row *b, double t, float cx, float cy,
	      hmr_joints_fn *joints, void *ctx)
{
	memset(out, 0, sizeof(*out));
	for (int j = 0; j < HMR_POSE_JOINTS; j++)
		hmr_fill_rotation(out->pose[j], a->pose[j], b->pose[j], t);
	mix_n(out->shape, a->shape, b->shape, HMR_SHAPE, t);
	mix_n(out->camera, a->camera, b->camera, 3, t);
	mix_n(out->camera_crop, a->camera_crop, b->camera_crop, 3, t);
	mix_n(out->crop, a->crop, b->crop, 3, t);
	out->focal = mix(a->focal, b->focal, t);
	if (joints)
		joints(ctx, out->pose, out->shape, out->joints3d);
	else
		mix_n(out->joints3d[0], a->joints3d[0], b->joints3d[0],
		      HMR_JOINTS * 3, t);
	for (int j = 0; j < HMR_JOINTS; j++) {
		const float *p = out->joints3d[j];
		double z = (double)p[2] + out->camera[2];
		double k = z > 1e-3 ? out->focal / z : 0;

		out->joints2d[j][0] = (float)(k * (p[0] + out->camera[0]) + cx);
		out->joints2d[j][1] = (float)(k * (p[1] + out->camera[1]) + cy);
		out->joint_conf[j] = fminf(a->joint_conf[j], b->joint_conf[j]);
	}
	out->flags = a->flags & b->flags & HMR_BODY_CONF;
}

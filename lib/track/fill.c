/* SPDX-License-Identifier: Apache-2.0 */
/* Interpolation of people over a gap; see fill.h. */
#include "track/fill.h"

#include <math.h>
#include <string.h>

#include "track/turn.h"

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

void
hmr_fill_rotation(float out[9], const float a[9], const float b[9], double t)
{
	double p[4], q[4], cosine = 0, s, u, n = 0;

	hmr_turn_from_matrix(p, a);
	hmr_turn_from_matrix(q, b);
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
	hmr_turn_to_matrix(out, p);
}

void
hmr_fill_project(struct hmr_body_row *b, float cx, float cy)
{
	for (int j = 0; j < HMR_JOINTS; j++) {
		const float *p = b->joints3d[j];
		double z = (double)p[2] + b->camera[2];
		double k = z > 1e-3 ? b->focal / z : 0;

		b->joints2d[j][0] = (float)(k * (p[0] + b->camera[0]) + cx);
		b->joints2d[j][1] = (float)(k * (p[1] + b->camera[1]) + cy);
	}
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
	hmr_fill_project(out, cx, cy);
	for (int j = 0; j < HMR_JOINTS; j++)
		out->joint_conf[j] = fminf(a->joint_conf[j], b->joint_conf[j]);
	out->flags = a->flags & b->flags & HMR_BODY_CONF;
}

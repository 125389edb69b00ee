/* SPDX-License-Identifier: Apache-2.0 */
/* Steady bodies: polynomials in time, rotations, shapes, places, and what must not
 * be touched. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "body/body.h"
#include "track/series.h"
#include "track/smooth.h"
#include "track/turn.h"

#define FRAMES 200
#define CX 320
#define CY 240

static struct hmr_body *body;
static struct hmr_pose_work *work;
static uint64_t seed = 7;

static double
noise(void)			/* about normal, deviation 1 */
{
	double sum = 0;

	for (int i = 0; i < 12; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		sum += (double)(seed >> 33) / 2147483648.0;
	}
	return sum - 6;
}

static int
make_body(void **state)
{
	(void)state;
	assert_int_equal(hmr_body_mannequin(&body, NULL), HMR_OK);
	return !(work = hmr_pose_work_new(body));
}

static int
drop_body(void **state)
{
	(void)state;
	hmr_pose_work_free(work);
	hmr_body_free(body);
	return 0;
}

static void
joints(void *ctx, const float pose[HMR_POSE_JOINTS][9],
       const float shape[HMR_SHAPE], float joints3d[HMR_JOINTS][3])
{
	(void)ctx;
	hmr_body_pose(body, work, pose, shape, NULL, NULL, joints3d, NULL);
}

static void
matrix(float r[9], double x, double y, double z)
{
	double v[3] = { x, y, z }, q[4];

	hmr_turn_exp(q, v);
	hmr_turn_to_matrix(r, q);
}

static double
angle(const float a[9], const float b[9])
{
	double p[4], q[4], v[3];

	hmr_turn_from_matrix(p, a);
	hmr_turn_from_matrix(q, b);
	hmr_turn_between(q, p, q);
	hmr_turn_log(v, q);
	return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
}

/* Upright, facing the camera from 6 m, arms down. */
static void
stand(struct hmr_body_row *b)
{
	memset(b, 0, sizeof(*b));
	for (int j = 0; j < HMR_POSE_JOINTS; j++)
		matrix(b->pose[j], 0, 0, 0);
	matrix(b->pose[0], 3.14159265358979, 0, 0);
	matrix(b->pose[16], 0, 0, -1.2);
	matrix(b->pose[17], 0, 0, 1.2);
	b->camera[2] = 6;
	b->focal = 1000;
	b->crop[0] = CX;
	b->crop[1] = CY;
	b->crop[2] = 300;
	b->flags = HMR_BODY_CONF;
	for (int j = 0; j < HMR_JOINTS; j++)
		b->joint_conf[j] = 0.8f;
}

static void
finish(struct hmr_body_row *b)
{
	joints(NULL, b->pose, b->shape, b->joints3d);
	hmr_fill_project(b, CX, CY);
	b->camera_crop[0] = 2 * b->focal / b->camera[2] / b->crop[2];
	for (int k = 0; k < 2; k++)
		b->camera_crop[1 + k] = b->camera[k];
}

static struct hmr_body_row in[FRAMES], out[FRAMES];
static bool missing[FRAMES];

/* Everything of in that is not missing through a smoother. */
static void
run(enum hmr_smooth_strength strength, uint32_t lag, int frames)
{
	struct hmr_smooth_options o = { strength, lag, 4, 50 };
	struct hmr_smooth *s = hmr_smooth_new(&o);

	assert_non_null(s);
	for (int i = 0; i < frames + (int)lag; i++) {
		int k = i - (int)lag;

		if (i < frames && !missing[i])
			hmr_smooth_see(s, 3, (uint64_t)i, i * 0.1, &in[i], false, CX, CY,
				       joints, NULL);
		if (k < 0)
			continue;
		out[k] = in[k];
		assert_int_equal(hmr_smooth_body(s, 3, (uint64_t)k, &out[k], CX, CY,
						 joints, NULL), !missing[k]);
	}
	hmr_smooth_free(s);
}

static const struct {
	enum hmr_smooth_strength strength;
	uint32_t lag;
} kinds[] = {
	{ HMR_SMOOTH_LIGHT, 16 }, { HMR_SMOOTH_STRONG, 16 }, { HMR_SMOOTH_LIGHT, 2 },
	{ HMR_SMOOTH_LIGHT, 0 }, { HMR_SMOOTH_STRONG, 0 }, { HMR_SMOOTH_STRONG, 1 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- the parts ---- */

static void
test_turns(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		double v[3] = { noise(), noise(), noise() }, q[4], u[3], n;
		float r[9];

		n = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
		for (int k = 0; k < 3 && n > 3.1; k++)
			v[k] *= 3.1 / n;
		hmr_turn_exp(q, v);
		hmr_turn_to_matrix(r, q);
		hmr_turn_from_matrix(q, r);
		hmr_turn_log(u, q);
		for (int k = 0; k < 3; k++)
			assert_true(fabs(u[k] - v[k]) < 1e-4);
		hmr_turn_between(q, q, q);
		hmr_turn_log(u, q);
		assert_true(fabs(u[0]) + fabs(u[1]) + fabs(u[2]) < 1e-12);
	}
}

/* A parabola is its own smoothing; a constant with noise comes nearer to itself; a
 * window over a step is not used. */
static void
test_series(void **state)
{
	static const struct hmr_window w[] = { { 2, 2, 2 }, { 4, 4, 1 } };
	struct hmr_series s = { .n = 9 };
	double raw = 0, smooth = 0;

	(void)state;
	for (int i = 0; i < 9; i++) {
		s.at[i] = i - 4;
		s.t[i] = i - 4;
		s.v[i] = 1;
		s.x[i][0] = 0.5 * s.t[i] - 0.2 * s.t[i] * s.t[i];
	}
	double x[3] = { 0 };

	hmr_series_at(x, &s, w, 2, 0.01, 0.01);
	assert_true(fabs(x[0]) < 1e-9);
	for (int k = 0; k < 1000; k++) {
		for (int i = 0; i < 9; i++)
			for (int d = 0; d < 3; d++)
				s.x[i][d] = 0.005 * noise();
		memcpy(x, s.x[4], sizeof(x));
		raw += x[0] * x[0];
		hmr_series_at(x, &s, w, 2, 0.01, 0.01);
		smooth += x[0] * x[0];
	}
	assert_true(sqrt(smooth / raw) < 0.5);
	for (int k = -4; k < 4; k++) {	/* a step between k and k + 1 */
		for (int i = 0; i < 9; i++)
			s.x[i][0] = i - 4 > k;
		memcpy(x, s.x[4], sizeof(x));
		hmr_series_at(x, &s, w, 2, 0.01, 0.01);
		assert_true(fabs(x[0] - s.x[4][0]) < 1e-9);
	}
}

/* ---- bodies ---- */

static void
test_constant(void **state)
{
	(void)state;
	for (size_t q = 0; q < KINDS; q++) {
		for (int i = 0; i < 60; i++) {
			stand(&in[i]);
			in[i].shape[0] = 1.5f;
			finish(&in[i]);
		}
		run(kinds[q].strength, kinds[q].lag, 60);
		for (int i = 0; i < 60; i++) {
			for (int j = 0; j < HMR_POSE_JOINTS; j++)
				assert_true(angle(in[i].pose[j], out[i].pose[j]) < 1e-6);
			for (int j = 0; j < HMR_JOINTS; j++)
				for (int k = 0; k < 3; k++) {
					assert_true(fabsf(in[i].joints3d[j][k] -
							  out[i].joints3d[j][k]) < 1e-5f);
					assert_true(k > 1 ||
						    fabsf(in[i].joints2d[j][k] -
							  out[i].joints2d[j][k]) < 2e-3f);
				}
			assert_true(fabsf(out[i].camera[2] - 6) < 1e-4f);
			assert_true(fabsf(out[i].camera_crop[0] -
					  in[i].camera_crop[0]) < 1e-5f);
			assert_memory_equal(in[i].shape, out[i].shape,
					    sizeof(in[i].shape));
		}
	}
}

/* All fields of a body agree with one another; a filled one's place in the crop is
 * in a line like its crop. */
static void
agree(const struct hmr_body_row *b, bool filled)
{
	struct hmr_body_row x = *b;

	finish(&x);
	assert_memory_equal(x.joints3d, b->joints3d, sizeof(x.joints3d));
	assert_memory_equal(x.joints2d, b->joints2d, sizeof(x.joints2d));
	for (int k = 0; k < 3 && !filled; k++)
		assert_true(fabsf(x.camera_crop[k] - b->camera_crop[k]) < 1e-4f);
}

static void
shake(int frames, double by)
{
	for (int i = 0; i < frames; i++) {
		float turn[9], r[9];

		stand(&in[i]);
		for (int j = 0; j < HMR_POSE_JOINTS; j++) {
			matrix(turn, by * noise(), by * noise(), by * noise());
			memcpy(r, in[i].pose[j], sizeof(r));
			for (int a = 0; a < 9; a++) {
				in[i].pose[j][a] = 0;
				for (int k = 0; k < 3; k++)
					in[i].pose[j][a] += turn[a / 3 * 3 + k] *
							    r[3 * k + a % 3];
			}
		}
		for (int k = 0; k < HMR_SHAPE; k++)
			in[i].shape[k] = 1;
		in[i].camera[2] = (float)(6 * exp(0.02 * noise()));
		finish(&in[i]);
		for (int k = 0; k < HMR_SHAPE; k++)
			in[i].shape[k] = (float)(1 + 0.5 * noise());
		if (i % 10 == 9)	/* a fit that failed */
			in[i].shape[0] = 30;
	}
}

/* Deviation from standing still over frames 40 to 160. */
static void
deviation(const struct hmr_body_row *b, double *turn, double *depth, double *shape)
{
	struct hmr_body_row still;

	stand(&still);
	*turn = *depth = *shape = 0;
	for (int i = 40; i < 160; i++) {
		for (int j = 0; j < HMR_POSE_JOINTS; j++) {
			double a = angle(b[i].pose[j], still.pose[j]);

			*turn += a * a / 120 / HMR_POSE_JOINTS;
		}
		*depth += pow(log(b[i].camera[2] / 6), 2) / 120;
		for (int k = 0; k < HMR_SHAPE; k++)
			*shape += fabs(b[i].shape[k] - 1.0) / 120 / HMR_SHAPE;
	}
	*turn = sqrt(*turn);
	*depth = sqrt(*depth);
}

static void
test_noise(void **state)
{
	/* parts of the noise that may be left, per kind */
	static const double most[KINDS] = { 0.5, 0.4, 0.55, 0.5, 0.4, 0.4 };

	(void)state;
	for (size_t q = 0; q < KINDS; q++) {
		double t0, d0, s0, t1, d1, s1;

		shake(FRAMES, 0.01);
		run(kinds[q].strength, kinds[q].lag, FRAMES);
		deviation(in, &t0, &d0, &s0);
		deviation(out, &t1, &d1, &s1);
		assert_true(t1 < most[q] * t0);
		assert_true(d1 < 0.8 * d0);
		assert_true(s1 < 0.25);
		for (int i = 0; i < FRAMES; i++)
			agree(&out[i], false);
		/* once it is known, a shape hardly changes */
		for (int k = 0; k < HMR_SHAPE; k++)
			for (int i = 100; i < FRAMES; i++)
				assert_true(fabsf(out[i].shape[k] -
						  out[i - 1].shape[k]) < 0.02f);
	}
}

/* Whose every turn is noisier than people's usually are is smoothed all the same,
 * once that is known. */
static void
test_rough(void **state)
{
	(void)state;
	for (size_t q = 0; q < KINDS; q++) {
		double t0, d0, s0, t1, d1, s1;

		shake(FRAMES, 0.02);
		run(kinds[q].strength, kinds[q].lag, FRAMES);
		deviation(in, &t0, &d0, &s0);
		deviation(out, &t1, &d1, &s1);
		assert_true(t1 < 0.75 * t0);
	}
}

/* A quick limb: an elbow bends by 1.2 rad from one frame to the next. Nothing of it
 * comes late or early, in no frame. */
static void
test_step(void **state)
{
	(void)state;
	for (size_t q = 0; q < KINDS; q++) {
		for (int i = 0; i < 60; i++) {
			stand(&in[i]);
			matrix(in[i].pose[18], 0, i < 30 ? 0 : 1.2, 0);
			finish(&in[i]);
		}
		run(kinds[q].strength, kinds[q].lag, 60);
		for (int i = 0; i < 60; i++)
			assert_true(angle(in[i].pose[18], out[i].pose[18]) < 0.02);
	}
}

/* Turning all round, through 180 degrees, at 0.15 rad a frame. */
static void
test_round(void **state)
{
	(void)state;
	for (size_t q = 0; q < KINDS; q++) {
		for (int i = 0; i < 100; i++) {
			double half = 0.5 * 0.15 * i, up[4] = { 0, 1, 0, 0 };
			double about[4] = { cos(half), 0, sin(half), 0 };

			stand(&in[i]);
			hmr_turn_mul(up, about, up);
			hmr_turn_to_matrix(in[i].pose[0], up);
			finish(&in[i]);
		}
		run(kinds[q].strength, kinds[q].lag, 100);
		for (int i = 0; i < 100; i++)
			assert_true(angle(in[i].pose[0], out[i].pose[0]) <
				    (kinds[q].lag < 2 ? 0.15 : 0.03));
	}
}

/* Turned by 180 degrees in every other frame: no mean of both, nothing not finite. */
static void
test_flips(void **state)
{
	(void)state;
	for (size_t q = 0; q < KINDS; q++) {
		for (int i = 0; i < 60; i++) {
			stand(&in[i]);
			if (i % 2)
				matrix(in[i].pose[0], 0, 0, 3.14159265358979);
			finish(&in[i]);
		}
		run(kinds[q].strength, kinds[q].lag, 60);
		for (int i = 0; i < 60; i++)
			assert_true(angle(in[i].pose[0], out[i].pose[0]) < 1e-3);
	}
}

/* A joint of low confidence leans on the frames around it. */
static void
test_confidence(void **state)
{
	double kept[2];

	(void)state;
	for (int low = 0; low < 2; low++) {
		for (int i = 0; i < 60; i++) {
			stand(&in[i]);
			if (i == 30) {
				matrix(in[i].pose[18], 0, 0.3, 0);
				if (low)
					in[i].joint_conf[7] = 0.05f;
			}
			finish(&in[i]);
		}
		run(HMR_SMOOTH_LIGHT, 16, 60);
		kept[low] = angle(in[0].pose[18], out[30].pose[18]);
	}
	assert_true(kept[0] > 0.29);
	assert_true(kept[1] < 0.1);
}

/* Frames without the person, and a body filled in between. */
static void
test_gap(void **state)
{
	struct hmr_smooth_options o = { HMR_SMOOTH_STRONG, 16, 4, 50 };
	struct hmr_smooth *s;

	(void)state;
	shake(100, 0.01);
	for (int i = 40; i < 46; i++)
		missing[i] = true;
	for (size_t q = 0; q < KINDS; q++) {
		run(kinds[q].strength, kinds[q].lag, 100);
		for (int i = 0; i < 100; i++)
			assert_true(missing[i] || isfinite(out[i].joints2d[3][1]));
	}
	memset(missing, 0, sizeof(missing));
	s = hmr_smooth_new(&o);
	for (int i = 0; i < 60; i++)
		if (i < 40 || i >= 46)
			hmr_smooth_see(s, 3, (uint64_t)i, i * 0.1, &in[i], false, CX, CY,
				       joints, NULL);
	for (int i = 40; i < 46; i++) {
		hmr_fill_body(&out[i], &in[39], &in[46], (i - 39) / 7.0, CX, CY, joints,
			      NULL);
		hmr_smooth_see(s, 3, (uint64_t)i, i * 0.1, &out[i], true, CX, CY,
			       joints, NULL);
	}
	/* only what a lag of 16 still holds */
	assert_true(hmr_smooth_body(s, 3, 45, &out[45], CX, CY, joints, NULL));
	agree(&out[45], true);
	assert_false(hmr_smooth_body(s, 4, 45, &out[45], CX, CY, joints, NULL));
	hmr_smooth_free(s);
}

/* With a lag of 0 no frame depends on a later one. */
static void
test_causal(void **state)
{
	static struct hmr_body_row whole[FRAMES];

	(void)state;
	shake(80, 0.01);
	for (size_t q = 3; q < 5; q++) {
		run(kinds[q].strength, 0, 80);
		memcpy(whole, out, sizeof(out));
		for (int n = 1; n < 80; n += 13) {
			memset(out, 0, sizeof(out));
			run(kinds[q].strength, 0, n);
			assert_memory_equal(whole, out, (size_t)n * sizeof(out[0]));
		}
	}
}

/* More tracks than places, and bodies that are none. */
static void
test_odd(void **state)
{
	struct hmr_smooth_options o = { HMR_SMOOTH_LIGHT, 4, 3, 5 };
	struct hmr_smooth *s = hmr_smooth_new(&o);
	struct hmr_body_row bad;

	(void)state;
	shake(20, 0.01);
	for (uint64_t i = 0; i < 20; i++)
		for (uint32_t t = 1; t <= 6; t++)
			hmr_smooth_see(s, (uint32_t)i / 4 * 6 + t, i, 0, &in[i], false,
				       CX, CY, joints, NULL);
	for (int k = 0; k < 5; k++) {
		bad = in[0];
		if (k == 0)
			bad.pose[3][4] = NAN;
		else if (k == 1)
			bad.camera[2] = -5;
		else if (k == 2)
			memset(bad.joints3d, 0, sizeof(bad.joints3d));
		else if (k == 3)
			bad.shape[9] = INFINITY;
		else
			bad.focal = 0;
		hmr_smooth_see(s, 99, 20, 0, &bad, false, CX, CY, joints, NULL);
		assert_false(hmr_smooth_body(s, 99, 20, &bad, CX, CY, joints, NULL));
	}
	hmr_smooth_free(s);
	o.strength = HMR_SMOOTH_OFF;
	assert_int_equal(hmr_smooth_bytes(&o), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_series),
		cmocka_unit_test(test_constant),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_rough),
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_confidence),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_causal),
		cmocka_unit_test(test_odd),
	};

	return cmocka_run_group_tests(tests, make_body, drop_body);
}

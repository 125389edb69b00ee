/* SPDX-License-Identifier: Apache-2.0 */
/* The fit: exact and noisy landmarks of natural poses, and what it does with
 * landmarks that are missing, swapped or no numbers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "test_fit_poses.h"

#define PEOPLE 500

struct fixture {
	struct hmr_body *body;
	struct hmr_fit *fit;
};

struct score {
	double mean, worst;	/* mm, pelvis on pelvis */
	int swapped;		/* pairs that lie better exchanged */
};

static int
setup(void **state)
{
	static struct fixture x;
	struct hmr_err e;

	*state = &x;
	return hmr_body_mannequin(&x.body, &e) || hmr_fit_new(&x.fit, x.body, &e);
}

static int
teardown(void **state)
{
	struct fixture *x = *state;

	hmr_fit_free(x->fit);
	hmr_body_free(x->body);
	return 0;
}

static double
apart(const float a[3], const float b[3])
{
	double d = 0;

	for (int k = 0; k < 3; k++)
		d += ((double)a[k] - b[k]) * ((double)a[k] - b[k]);
	return 1000 * sqrt(d);
}

static void
judge(const struct natural_person *p, const struct hmr_fit_output *o,
      struct score *s)
{
	static const int limb[4][2] = { { 7, 4 }, { 6, 3 }, { 13, 10 }, { 14, 11 } };

	for (int j = 0; j < HMR_BODY_POINTS; j++) {
		float a[3], b[3];
		for (int k = 0; k < 3; k++) {
			a[k] = o->joints3d[j][k] - o->joints3d[8][k];
			b[k] = p->points[j][k] - p->points[8][k];
		}
		double d = apart(a, b);
		s->mean += d / HMR_BODY_POINTS / PEOPLE;
		if (d > s->worst)
			s->worst = d;
	}
	for (int i = 0; i < 4; i++) {
		const float *l = o->joints3d[limb[i][0]], *r = o->joints3d[limb[i][1]];
		const float *lt = p->points[limb[i][0]], *rt = p->points[limb[i][1]];
		if (apart(lt, rt) > 100 && apart(l, lt) + apart(r, rt) >
		    apart(l, rt) + apart(r, lt))
			s->swapped++;
	}
}

static struct score
run(struct fixture *x, uint64_t seed, bool noise)
{
	struct natural r = { seed };
	struct score s = { 0 };

	for (int i = 0; i < PEOPLE; i++) {
		struct natural_person p;
		struct hmr_fit_output o;
		natural_next(&r, x->body, &p);
		if (noise)
			natural_noise(&r, &p);
		assert_int_equal(hmr_fit_run(x->fit, &p.in, &o, NULL), HMR_OK);
		judge(&p, &o, &s);
	}
	return s;
}

static void
exact(void **state)
{
	static const uint64_t seeds[2] = { 1, 2 };

	for (int i = 0; i < 2; i++) {
		struct score s = run(*state, seeds[i], false);
		print_message("# exact, seed %d: mean %.2f mm, worst %.1f mm\n",
			      (int)seeds[i], s.mean, s.worst);
		assert_true(s.mean < 15);
		assert_true(s.worst < 60);
		assert_int_equal(s.swapped, 0);
	}
}

static void
noisy(void **state)
{
	static const uint64_t seeds[2] = { 1, 2 };

	for (int i = 0; i < 2; i++) {
		struct score s = run(*state, seeds[i], true);
		print_message("# noise, seed %d: mean %.2f mm, swapped %d\n",
			      (int)seeds[i], s.mean, s.swapped);
		assert_true(s.mean < 45);
		assert_int_equal(s.swapped, 0);
	}
}

static void
check_finite(const struct hmr_fit_output *o)
{
	const float *v = (const float *)o;

	for (size_t i = 0; i < sizeof(*o) / sizeof(float); i++)
		assert_true(fabsf(v[i]) < 1e7f);
	for (int j = 0; j < HMR_BODY_JOINTS; j++) {
		double m[9], n[9];
		for (int k = 0; k < 9; k++)
			m[k] = o->pose[j][k];
		rot_tmul(m, m, n);
		for (int k = 0; k < 9; k++)
			assert_true(fabs(n[k] - (k % 4 == 0)) < 1e-5);
	}
	for (int i = 0; i < HMR_BODY_POINTS; i++)
		assert_true(o->joint_conf[i] >= 0 && o->joint_conf[i] <= 1);
}

/* Whatever comes in, what goes out is finite, and rotations are rotations. */
static void
nonsense(void **state)
{
	struct fixture *x = *state;
	struct natural r = { 3 };
	struct natural_person p;
	struct hmr_fit_output o;

	for (int i = 0; i < 200; i++) {
		natural_next(&r, x->body, &p);
		float *v = i % 2 ? &p.in.image[0][0] : &p.in.world[0][0];
		static const float bad[] = { 0, NAN, INFINITY, -1e30f, 1e5f, 0.5f };
		for (int k = 0; k < 3 * HMR_BODY_LANDMARKS; k++)
			if (natural_uniform(&r) < i / 200.0)
				v[k] = bad[i % 6];
		if (i % 3 == 0)
			p.in.box[i % 4] = bad[i % 6];
		assert_int_equal(hmr_fit_run(x->fit, &p.in, &o, NULL), HMR_OK);
		check_finite(&o);
	}
	memset(&p.in, 0, sizeof(p.in));
	p.in.focal = 1000;
	assert_int_equal(hmr_fit_run(x->fit, &p.in, &o, NULL), HMR_OK);
	check_finite(&o);
	p.in.focal = NAN;
	struct hmr_err e;
	assert_int_equal(hmr_fit_run(x->fit, &p.in, &o, &e), HMR_E_FORMAT);
}

static void
repeatable(void **state)
{
	struct fixture *x = *state;
	struct natural r = { 4 };
	struct natural_person p, q;
	struct hmr_fit_output a, b, c;

	natural_next(&r, x->body, &p);
	natural_next(&r, x->body, &q);
	assert_int_equal(hmr_fit_run(x->fit, &p.in, &a, NULL), HMR_OK);
	assert_int_equal(hmr_fit_run(x->fit, &q.in, &b, NULL), HMR_OK);
	assert_int_equal(hmr_fit_run(x->fit, &p.in, &c, NULL), HMR_OK);
	assert_memory_equal(&a, &c, sizeof(a));
}

/* One wild landmark, seen well: the others hold. */
static void
outlier(void **state)
{
	struct fixture *x = *state;
	struct natural r = { 5 };
	double far = 0;
	int n = 0;

	for (int i = 0; i < 100; i++) {
		struct natural_person p;
		struct hmr_fit_output o;
		natural_next(&r, x->body, &p);
		p.in.world[16][0] += 0.5f;
		p.in.world[16][1] -= 0.6f;
		p.in.image[16][0] += 120;
		p.in.image[16][1] -= 150;
		assert_int_equal(hmr_fit_run(x->fit, &p.in, &o, NULL), HMR_OK);
		for (int j = 0; j < 15; j++)
			if (j != 4) {
				far += apart(o.joints3d[j], p.points[j]);
				n++;
			}
		assert_true(o.joint_conf[4] < 0.5f);
	}
	print_message("# one wild wrist: the other joints %.1f mm\n", far / n);
	assert_true(far / n < 30);
}

/* Under noise, joints of low confidence are far off and those of high are not. */
static void
confident(void **state)
{
	struct fixture *x = *state;
	struct natural r = { 7 };
	double err[3] = { 0 };
	int n[3] = { 0 };

	for (int i = 0; i < 200; i++) {
		struct natural_person p;
		struct hmr_fit_output o;
		natural_next(&r, x->body, &p);
		natural_noise(&r, &p);
		assert_int_equal(hmr_fit_run(x->fit, &p.in, &o, NULL), HMR_OK);
		for (int j = 0; j < HMR_BODY_POINTS; j++) {
			int k = o.joint_conf[j] < 0.4f ? 0 : o.joint_conf[j] < 0.7f ? 1 : 2;
			if (j == 8)	/* the origin: always right */
				continue;
			err[k] += apart(o.joints3d[j], p.points[j]);
			n[k]++;
		}
	}
	for (int k = 0; k < 3; k++) {
		assert_true(n[k] > 500);
		err[k] /= n[k];
	}
	print_message("# confidence below .4: %.1f mm, below .7: %.1f mm, above: %.1f mm\n",
		      err[0], err[1], err[2]);
	assert_true(err[0] > 1.5 * err[1] && err[1] > 1.3 * err[2]);
}

/* Mean confidence; that of the lowest joint in the image in *low. */
static double
mean_confidence(struct fixture *x, const struct hmr_fit_input *in, double *low)
{
	struct hmr_fit_output o;
	double sum = 0;
	int at = 0;

	assert_int_equal(hmr_fit_run(x->fit, in, &o, NULL), HMR_OK);
	for (int j = 0; j < HMR_BODY_POINTS; j++) {
		sum += (double)o.joint_conf[j] / HMR_BODY_POINTS;
		if (o.joints2d[j][1] > o.joints2d[at][1])
			at = j;
	}
	*low = o.joint_conf[at];
	return sum;
}

/* A box that holds another person too, or not this one's legs, is no good sign. */
static void
boxes(void **state)
{
	struct fixture *x = *state;
	struct natural r = { 8 };

	for (int i = 0; i < 50; i++) {
		struct natural_person p;
		do	/* from afar: shifted, they look the same */
			natural_next(&r, x->body, &p);
		while (p.in.focal < 2000);
		double metre = p.in.focal / p.camera[2];
		double low, cut, right = mean_confidence(x, &p.in, &low);
		struct hmr_fit_input in = p.in;
		in.box[2] += (float)(0.7 * metre);
		assert_true(right > 0.7 && mean_confidence(x, &in, &cut) < 0.4 * right);
		in = p.in;
		in.box[3] -= 0.4f * (in.box[3] - in.box[1]);
		assert_true(mean_confidence(x, &in, &cut) < right && cut < 0.5 * low);
		/* where the image ends nobody can be seen */
		for (int k = 0; k < HMR_BODY_LANDMARKS; k++)
			in.image[k][1] += 2 * in.centre[1] - in.box[3];
		in.box[1] += 2 * in.centre[1] - in.box[3];
		in.box[3] = 2 * in.centre[1];
		assert_true(mean_confidence(x, &in, &cut) > 0.9 * right);
	}
}

/* Points of networks without known faults stay; the others' hips stay at zero and
 * image points as they are; what is said of one network is said of no other. */
static void
calibrated(void **state)
{
	static const char *const variants[4] = { NULL, "heavy", "full", "lite" };
	struct fixture *x = *state;
	struct natural r = { 6 };
	struct natural_person p;
	struct hmr_fit_input in[4];

	natural_next(&r, x->body, &p);
	in[0] = p.in;
	hmr_fit_calibrate(&in[0], "other", "heavy");
	hmr_fit_calibrate(&in[0], NULL, NULL);
	assert_memory_equal(&in[0], &p.in, sizeof(p.in));
	for (int i = 0; i < 4; i++) {
		in[i] = p.in;
		hmr_fit_calibrate(&in[i], "blazepose", variants[i]);
		assert_memory_equal(in[i].image, p.in.image, sizeof(p.in.image));
		for (int k = 0; k < 3; k++)
			assert_true(fabsf(in[i].world[23][k] + in[i].world[24][k]) < 1e-5f);
	}
	/* a network without a name: one scale for what has no part of its own */
	for (int k = 0; k < 3; k++)
		assert_true(fabsf(in[0].world[11][k] - in[0].world[12][k] - 1.02f *
			    (p.in.world[11][k] - p.in.world[12][k])) < 1e-5f);
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < i; k++)
			assert_true(apart(in[i].world[12], in[k].world[12]) > 1);
	assert_true(apart(in[1].world[12], in[2].world[12]) > 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact),
		cmocka_unit_test(noisy),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(repeatable),
		cmocka_unit_test(outlier),
		cmocka_unit_test(boxes),
		cmocka_unit_test(calibrated),
		cmocka_unit_test(confident),
	};

	return cmocka_run_group_tests_name("fit", tests, setup, teardown);
}

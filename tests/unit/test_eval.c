/* SPDX-License-Identifier: Apache-2.0 */
/* Scores of bodies, with values worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "eval/align.h"
#include "eval/bodies.h"

#define NEAR(a, b, tol) assert_true(fabs((double)(a) - (double)(b)) <= (tol))

static const float tetra[5][3] = { { 0, 0, 0 }, { 1, 0, 0 }, { 0, 2, 0 }, { 0, 0, 3 },
				   { 9, 9, 9 } };

/* Turned by 90 degrees about z, twice the size, moved: found exactly; what is not
 * used does not matter. */
static void
test_similarity(void **state)
{
	const float q[5][3] = { { 5, 6, 7 }, { 5, 8, 7 }, { 1, 6, 7 }, { 5, 6, 13 },
				{ -50, 1, 0 } };
	static const uint8_t use[5] = { 1, 1, 1, 1, 0 };
	const double r[9] = { 0, -1, 0, 1, 0, 0, 0, 0, 1 };
	struct hmr_similarity a;
	double x[3];

	(void)state;
	hmr_similarity_fit(&a, tetra, q, use, 5);
	NEAR(a.s, 2, 1e-9);
	for (int i = 0; i < 9; i++)
		NEAR(a.r[i], r[i], 1e-9);
	hmr_similarity_apply(&a, tetra[3], x);
	for (int i = 0; i < 3; i++)
		NEAR(x[i], q[3][i], 1e-6);
}

/* A mirror image is not a rotation. Points at distances 3, 2, 1 along the axes,
 * x mirrored: by the SVD with the determinant put right the least axis (1) is
 * given up: scale (9 + 4 - 1) / 14 = 6/7, x and z turned by half. */
static void
test_mirror(void **state)
{
	const float p[6][3] = { { 3, 0, 0 }, { -3, 0, 0 }, { 0, 2, 0 }, { 0, -2, 0 },
				{ 0, 0, 1 }, { 0, 0, -1 } };
	const float q[6][3] = { { -3, 0, 0 }, { 3, 0, 0 }, { 0, 2, 0 }, { 0, -2, 0 },
				{ 0, 0, 1 }, { 0, 0, -1 } };
	const double r[9] = { -1, 0, 0, 0, 1, 0, 0, 0, -1 };
	struct hmr_similarity a;

	(void)state;
	hmr_similarity_fit(&a, p, q, NULL, 6);
	NEAR(a.s, 6.0 / 7, 1e-9);
	for (int i = 0; i < 9; i++)
		NEAR(a.r[i], r[i], 1e-9);
}

/* Too few points: nothing that is not a number. */
static void
test_degenerate(void **state)
{
	const float one[2][3] = { { 1, 2, 3 }, { 1, 2, 3 } };
	const float two[2][3] = { { 4, 4, 4 }, { 6, 4, 4 } };
	const float line[3][3] = { { 0, 0, 0 }, { 0, 1, 0 }, { 0, 2, 0 } };
	const float across[3][3] = { { 0, 0, 1 }, { 0, 0, 2 }, { 0, 0, 3 } };
	struct hmr_similarity a;
	double x[3];

	(void)state;
	hmr_similarity_fit(&a, one, two, NULL, 0);
	hmr_similarity_apply(&a, one[0], x);
	NEAR(x[0], 0, 0);
	hmr_similarity_fit(&a, one, two, NULL, 2);	/* to the middle */
	hmr_similarity_apply(&a, one[0], x);
	NEAR(x[0], 5, 1e-9);
	hmr_similarity_fit(&a, line, across, NULL, 3);
	hmr_similarity_apply(&a, line[2], x);
	NEAR(x[1], 0, 1e-9);
	NEAR(x[2], 3, 1e-9);
}

static void
test_angle(void **state)
{
	const float one[9] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
	const float quarter[9] = { 0, -1, 0, 1, 0, 0, 0, 0, 1 };
	const float half[9] = { -1, 0, 0, 0, 1, 0, 0, 0, -1 };

	(void)state;
	NEAR(hmr_angle_between(one, one), 0, 1e-9);
	NEAR(hmr_angle_between(one, quarter), acos(0), 1e-9);
	NEAR(hmr_angle_between(half, one), acos(-1), 1e-9);
}

/* 1 - 6 sum d^2 / (n (n^2 - 1)) without ties. */
static void
test_ranks(void **state)
{
	const float x[5] = { 1, 2, 3, 4, 5 }, down[5] = { 9, 7, 5, 3, 1 };
	const float y[5] = { 2, 1, 4, 3, 50 }, same[5] = { 1, 1, 1, 1, 1 };
	const float ties[5] = { 1, 1, 2, 2, 2 };
	struct hmr_ranked room[5];
	double rank[10];

	(void)state;
	NEAR(hmr_rank_correlation(x, down, 5, room, rank), -1, 1e-12);
	NEAR(hmr_rank_correlation(x, y, 5, room, rank), 1 - 6 * 4.0 / 120, 1e-12);
	NEAR(hmr_rank_correlation(x, same, 5, room, rank), 0, 0);
	/* ranks .5 .5 3 3 3 and 0 1 2 3 4: 7.5 / sqrt(7.5 * 10) */
	NEAR(hmr_rank_correlation(ties, x, 5, room, rank), 7.5 / sqrt(75), 1e-12);
	NEAR(hmr_rank_correlation(x, y, 1, room, rank), 0, 0);
}

/* Somebody at a place of their own in frame `frame`; joints on a crooked line. */
static struct hmr_eval_person *
add(struct hmr_eval_bodies *b, uint64_t frame, uint32_t id, float x)
{
	struct hmr_eval_person *p;

	assert_int_equal(hmr_eval_add(b, &p, NULL), HMR_OK);
	p->frame = frame;
	p->id = id;
	p->has_box = p->has_2d = true;
	p->box[0] = x;
	p->box[2] = x + 50;
	p->box[3] = 200;
	memset(p->known, 1, sizeof(p->known));
	for (int j = 0; j < HMR_EVAL_JOINTS; j++) {
		p->joints[j][0] = x + 0.01f * (float)(j * j % 17);
		p->joints[j][1] = 0.03f * (float)j;
		p->joints[j][2] = 0.02f * (float)(j % 5);
		p->joints2d[j][0] = x;
		p->conf[j] = 1;
	}
	return p;
}

static struct hmr_eval_scores
score(struct hmr_eval_bodies *t, struct hmr_eval_bodies *r, enum hmr_eval_match match)
{
	struct hmr_eval_scores s;

	assert_int_equal(hmr_eval_score(&s, t, r, HMR_EVAL_44, match, 0.5, NULL, NULL),
			 HMR_OK);
	return s;
}

/* One joint off by 88 mm: 2 mm of 44 joints, none of the fourteen; 9 px is within
 * 0.05 of 200 px, 15 within 0.1. */
static void
test_errors(void **state)
{
	struct hmr_eval_bodies t = { 0 }, r = { 0 };
	struct hmr_eval_person *p;
	struct hmr_eval_scores s;

	(void)state;
	add(&t, 3, 0, 10);
	p = add(&r, 3, 0, 10);
	for (int j = 0; j < HMR_EVAL_JOINTS; j++)
		p->joints[j][2] += 7;		/* where it is is not counted */
	s = score(&t, &r, HMR_EVAL_AUTO);
	NEAR(s.mpjpe, 0, 1e-3);
	NEAR(s.pa_mpjpe, 0, 1e-3);
	NEAR(s.pck05, 1, 0);
	assert_true(isnan(s.pve) && isnan(s.accel) && isnan(s.conf_rank));
	p->joints[0][1] += 0.088f;
	p->joints2d[0][0] += 9;
	p->joints2d[1][0] += 15;
	p->joints2d[2][0] += 21;
	s = score(&t, &r, HMR_EVAL_AUTO);
	NEAR(s.mpjpe, 2, 1e-3);
	assert_true(s.pa_mpjpe > 0.1 && s.pa_mpjpe < 88 / sqrt(44));
	NEAR(s.joint[0].error, 88, 1e-2);
	NEAR(s.joint[0].offset[1], 88, 1e-2);
	NEAR(s.pck05, 42.0 / 44, 1e-9);
	NEAR(s.pck10, 43.0 / 44, 1e-9);
	t.row[0].conf[2] = 0.5f;		/* not sure enough to count */
	s = score(&t, &r, HMR_EVAL_AUTO);
	NEAR(s.pck10, 1, 0);
	t.row[0].known[0] = 0;
	s = score(&t, &r, HMR_EVAL_AUTO);
	NEAR(s.mpjpe, 0, 1e-3);
	assert_int_equal(s.joint[0].n, 0);
	assert_int_equal(hmr_eval_score(&s, &t, &r, HMR_EVAL_14, HMR_EVAL_AUTO, 0.5, NULL,
					NULL), HMR_OK);
	NEAR(s.mpjpe, 0, 1e-3);
	assert_int_equal(s.joints, 14);
	p->known[39] = 0;			/* then from the middle of the hips */
	p->joints[27][0] += 0.088f;
	s = score(&t, &r, HMR_EVAL_AUTO);
	NEAR(s.mpjpe, (41 * 44 + 44) / 42.0, 1e-3);	/* 27 itself off by 88 - 44 */
	p->known[28] = 0;			/* nothing to measure from */
	s = score(&t, &r, HMR_EVAL_AUTO);
	assert_true(isnan(s.mpjpe));
	hmr_eval_release(&t);
	hmr_eval_release(&r);
}

/* Offsets in the axes of a pelvis that faces the camera: what lies above in the
 * image (y less) is up, what is nearer is in front. */
static void
test_offsets(void **state)
{
	const float facing[9] = { 1, 0, 0, 0, -1, 0, 0, 0, -1 };
	struct hmr_eval_bodies t = { 0 }, r = { 0 };
	struct hmr_eval_person *p;
	struct hmr_eval_scores s;

	(void)state;
	p = add(&t, 0, 0, 10);
	p->has_pose = true;
	memcpy(p->pose[0], facing, sizeof(facing));
	p = add(&r, 0, 0, 10);
	p->joints[5][0] += 0.010f;
	p->joints[5][1] -= 0.020f;
	p->joints[5][2] -= 0.030f;
	s = score(&t, &r, HMR_EVAL_AUTO);
	assert_true(s.offsets_of_pelvis);
	NEAR(s.joint[5].offset[0], 10, 1e-2);
	NEAR(s.joint[5].offset[1], 20, 1e-2);
	NEAR(s.joint[5].offset[2], 30, 1e-2);
	hmr_eval_release(&t);
	hmr_eval_release(&r);
}

/* A joint jumps by 10 mm for one frame of five: second differences of 10, 20 and
 * 10 mm over three middles, of one joint of 44. A gap or another identity breaks
 * the row. */
static void
test_acceleration(void **state)
{
	struct hmr_eval_bodies t = { 0 }, r = { 0 };
	struct hmr_eval_scores s;

	(void)state;
	for (uint64_t f = 0; f < 5; f++) {
		add(&t, f, 7, 10 + (float)f);
		add(&r, f, 9, 10 + (float)f)->joints[4][0] += f == 2 ? 0.01f : 0;
	}
	s = score(&t, &r, HMR_EVAL_AUTO);
	assert_int_equal(s.accel_n, 3);
	NEAR(s.accel, 40.0 / 3 / 44, 1e-3);
	t.row[4].frame = r.row[4].frame = 5;
	s = score(&t, &r, HMR_EVAL_AUTO);
	assert_int_equal(s.accel_n, 2);
	NEAR(s.accel, 30.0 / 2 / 44, 1e-3);
	for (int f = 0; f < 5; f++)
		t.row[f].id = 0;
	s = score(&t, &r, HMR_EVAL_AUTO);
	assert_int_equal(s.accel_n, 0);
	hmr_eval_release(&t);
	hmr_eval_release(&r);
}

static void
test_pairs(void **state)
{
	struct hmr_eval_bodies t = { 0 }, r = { 0 };
	struct hmr_eval_scores s;
	struct hmr_err e;

	(void)state;
	add(&t, 1, 1, 10);
	add(&t, 1, 2, 200);
	add(&t, 2, 1, 10);		/* nobody found */
	add(&r, 1, 2, 12);		/* boxes say 1, identities say 2 */
	add(&r, 1, 1, 203);
	add(&r, 1, 3, 400);
	add(&r, 0, 3, 400);		/* no truth there */
	s = score(&t, &r, HMR_EVAL_BOX);
	assert_int_equal(s.matched, 2);
	assert_int_equal(s.truth, 3);
	assert_int_equal(s.bodies, 4);
	assert_int_equal(s.frames, 2);
	NEAR(s.mpjpe, 0, 0.1);
	NEAR(s.pck05, 1, 0);
	r.row[1].box[0] += 30;			/* overlap 20 of 80: not the same */
	r.row[1].box[2] += 30;
	s = score(&t, &r, HMR_EVAL_BOX);
	assert_int_equal(s.matched, 1);
	s = score(&t, &r, HMR_EVAL_ID);
	assert_int_equal(s.matched, 2);
	NEAR(s.pck05, 0, 0);
	for (size_t i = 0; i < t.n; i++)
		t.row[i].has_box = false;
	s = score(&t, &r, HMR_EVAL_AUTO);	/* by identity then */
	assert_true(isnan(s.pck05));
	assert_int_equal(s.matched, 2);
	assert_int_equal(hmr_eval_score(&s, &t, &r, HMR_EVAL_44, HMR_EVAL_BOX, 0.5, NULL,
					&e), HMR_E_FORMAT);
	t.row[0].id = 0;
	assert_int_equal(hmr_eval_score(&s, &t, &r, HMR_EVAL_44, HMR_EVAL_AUTO, 0.5, NULL,
					&e), HMR_E_FORMAT);
	hmr_eval_release(&t);
	hmr_eval_release(&r);
}

/* The surface of a person who is 3.8 % taller, of a pose that is turned with them. */
static void
test_surfaces(void **state)
{
	struct hmr_eval_bodies t = { 0 }, r = { 0 };
	struct hmr_eval_scores s;
	struct hmr_pose_work *work;
	struct hmr_body *b;
	float (*v)[3];
	double want = 0;

	(void)state;
	assert_int_equal(hmr_body_mannequin(&b, NULL), HMR_OK);
	for (int k = 0; k < 2; k++) {
		struct hmr_eval_person *p = add(k ? &r : &t, 0, 0, 10);
		p->has_pose = true;
		for (int j = 0; j < HMR_BODY_JOINTS; j++)
			for (int i = 0; i < 9; i++)
				p->pose[j][i] = i % 4 == 0;
	}
	assert_int_equal(hmr_eval_score(&s, &t, &r, HMR_EVAL_44, HMR_EVAL_AUTO, 0.5, b,
					NULL), HMR_OK);
	NEAR(s.pve, 0, 1e-6);
	NEAR(s.pelvis, 0, 1e-6);
	r.row[0].shape[0] = 1;
	assert_int_equal(hmr_eval_score(&s, &t, &r, HMR_EVAL_44, HMR_EVAL_AUTO, 0.5, b,
					NULL), HMR_OK);
	v = test_malloc(2 * hmr_body_vertices(b) * sizeof(*v));
	assert_non_null(work = hmr_pose_work_new(b));
	hmr_body_pose(b, work, (const float (*)[9])t.row[0].pose, t.row[0].shape, v,
		      NULL, NULL, NULL);
	for (uint32_t i = 0; i < hmr_body_vertices(b); i++)
		want += 38 * sqrt((double)v[i][0] * (double)v[i][0] +
				  (double)v[i][1] * (double)v[i][1] +
				  (double)v[i][2] * (double)v[i][2]);
	NEAR(s.pve, want / hmr_body_vertices(b), 0.02);
	test_free(v);
	hmr_pose_work_free(work);
	hmr_body_free(b);
	hmr_eval_release(&t);
	hmr_eval_release(&r);
}

/* Confidence that falls as errors grow. */
static void
test_confidence(void **state)
{
	struct hmr_eval_bodies t = { 0 }, r = { 0 };
	struct hmr_eval_person *p;
	struct hmr_eval_scores s;

	(void)state;
	add(&t, 0, 0, 10);
	p = add(&r, 0, 0, 10);
	p->has_conf = true;
	for (int j = 0; j < HMR_EVAL_JOINTS; j++) {
		p->conf[j] = 1 - (float)j / 50;
		p->joints[j][0] += j == 39 ? 0 : 0.01f * (float)(j + 1);
	}
	s = score(&t, &r, HMR_EVAL_AUTO);
	assert_int_equal(s.conf_n, 43);		/* without the root */
	NEAR(s.conf_rank, -1, 1e-9);
	assert_int_equal(s.tenth[9].n, 6);	/* 1 to 0.9 */
	NEAR(s.tenth[9].error, 35, 0.01);
	hmr_eval_release(&t);
	hmr_eval_release(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_similarity),
		cmocka_unit_test(test_mirror),
		cmocka_unit_test(test_degenerate),
		cmocka_unit_test(test_angle),
		cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_acceleration),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_surfaces),
		cmocka_unit_test(test_confidence),
	};

	return cmocka_run_group_tests_name("eval", tests, NULL, NULL);
}

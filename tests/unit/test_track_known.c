/* SPDX-License-Identifier: Apache-2.0 */
/* Who somebody is by appearance: galleries, people who come back, cuts; identities
 * from outside; PHALP's place and its cost. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "track/tracker_impl.h"

#define LOOKS 64

static struct hmr_seen seen[8];
static struct hmr_verdict verdict[8];
static struct hmr_frame_info info = { .width = 1000, .height = 600, .n_look = LOOKS,
	.look_kind = HMR_APPEARANCE_EMBEDDING };
static float looks[8][LOOKS];

/* A unit vector whose distance to those of other people is 1, and to another view of
 * the same person 1 - cos(0.4 (view - other view)). */
static void
dress(float *v, int person, double view)
{
	memset(v, 0, LOOKS * sizeof(*v));
	v[4 * person] = (float)cos(0.4 * view);
	v[4 * person + 1] = (float)sin(0.4 * view);
}

/* person < 0: without appearance. */
static void
see(uint32_t i, double x, double y, int person)
{
	memset(&seen[i], 0, sizeof(seen[i]));
	seen[i].box[0] = (float)(x - 20);
	seen[i].box[1] = (float)(y - 50);
	seen[i].box[2] = (float)(x + 20);
	seen[i].box[3] = (float)(y + 50);
	seen[i].score = 0.9f;
	if (person >= 0) {
		dress(looks[i], person, 0);
		seen[i].look = looks[i];
	}
}

static void
step(struct hmr_tracker *t, uint32_t n)
{
	info.time += 0.1;
	assert_int_equal(hmr_tracker_step(t, &info, seen, n, verdict), 0);
	info.shot = false;
}

static struct hmr_tracker *
make(uint32_t remember)
{
	struct hmr_tracker_options o;
	struct hmr_tracker *t;

	hmr_tracker_defaults(&o);
	o.remember = remember;
	t = hmr_tracker_new(&o);
	assert_non_null(t);
	return t;
}

/* ---- galleries ---- */

static float mean[HMR_LOOK_MAX], held[HMR_GALLERY_FLOATS];

static void
test_gallery(void **state)
{
	struct hmr_gallery g = { .mean = mean, .held = held };
	float v[LOOKS];

	(void)state;
	for (int i = 0; i < 200; i++) {		/* seen from front and back */
		dress(v, 1, i < 100 ? 0 : 3);
		hmr_gallery_add(&g, v, LOOKS, HMR_APPEARANCE_EMBEDDING, 0.3);
	}
	assert_int_equal(g.n, 2);		/* two views, not two hundred */
	for (double view = 0; view < 4; view += 3) {
		dress(v, 1, view);
		assert_true(hmr_gallery_distance(&g, v) < 0.01);
	}
	dress(v, 2, 0);
	assert_true(hmr_gallery_distance(&g, v) > 0.99);
	for (int i = 0; i < 100; i++) {		/* never more than it has room for */
		dress(v, i % 15, 0);
		hmr_gallery_add(&g, v, LOOKS, HMR_APPEARANCE_EMBEDDING, 0.3);
	}
	assert_int_equal(g.n, HMR_GALLERY_MAX);
	assert_true(hmr_gallery_distance(&g, v) < 1e-6);
	/* other networks' values are not compared with these */
	assert_false(hmr_gallery_knows(&g, LOOKS, HMR_APPEARANCE_HISTOGRAM));
	hmr_gallery_add(&g, v, LOOKS, HMR_APPEARANCE_HISTOGRAM, 0.3);
	assert_int_equal(g.n, 1);
	assert_true(hmr_gallery_knows(&g, LOOKS, HMR_APPEARANCE_HISTOGRAM));
}

/* What a network's distances mean is learnt, what those of colours mean is not. */
static void
test_scale(void **state)
{
	struct hmr_look_scale s = { .kind = 0 };
	double least = 1;

	(void)state;
	for (uint32_t kind = HMR_APPEARANCE_HISTOGRAM; kind <= HMR_APPEARANCE_EMBEDDING; kind++) {
		hmr_look_scale_for(&s, kind);
		for (int i = 0; i < 3000; i++) {
			hmr_look_scale_same(&s, 0.001 + 1e-5 * (i * 37 % 100));
			hmr_look_scale_other(&s, 0.01 + 1e-4 * (i * 37 % 100));
		}
		assert_true(hmr_look_scaled(&s, 0.001) == 0);
		assert_true(hmr_look_scaled(&s, 0.9) == 1);
		for (double d = 0; d < 1; d += 1e-4)	/* half the way to another */
			if (hmr_look_scaled(&s, d) >= 0.5) {
				least = d;
				break;
			}
		assert_true(fabs(least - (kind == HMR_APPEARANCE_HISTOGRAM ? 0.325 :
					  (0.0016 + 0.0125) / 2)) < 1e-3);
	}
	hmr_look_scale_for(&s, HMR_APPEARANCE_EMBEDDING);	/* the same: nothing is lost */
	assert_true(hmr_look_scaled(&s, 0.02) == 1);
	hmr_look_scale_for(&s, HMR_APPEARANCE_EMBEDDING | 5u << 8);	/* another network */
	assert_true(hmr_look_scaled(&s, 0.02) == 0);
}

static void
test_gallery_sizes(void **state)
{
	static const struct {
		uint32_t count, n;
	} cases[] = { { 1, 1 }, { 256, 8 }, { 512, 8 }, { 1000, 4 }, { 2048, 2 },
		      { 2049, 0 } };
	struct hmr_gallery g = { .mean = mean, .held = held };
	static float v[4096];

	(void)state;
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		hmr_gallery_clear(&g);
		for (uint32_t i = 0; i < 20; i++) {
			memset(v, 0, sizeof(v));
			v[i % cases[k].count] = 1;
			hmr_gallery_add(&g, v, cases[k].count, HMR_APPEARANCE_EMBEDDING, 0.3);
		}
		assert_int_equal(g.n, cases[k].n);
	}
}

/* ---- coming back ---- */

/* Somebody walks out of the image on the right, and `away` frames later somebody who
 * looks like `person` stands at (x, 300). Returns the identity then. */
static uint32_t
comes_back(uint32_t remember, int first, int person, int away, double x)
{
	struct hmr_tracker *t = make(remember);
	uint32_t id;

	for (int i = 0; i < 30; i++) {
		see(0, 700 + 10 * i, 300, first);
		step(t, 1);
	}
	assert_int_equal(verdict[0].id, 1);
	for (int i = 0; i < away; i++)
		step(t, 0);
	for (int i = 0; i < 5; i++) {
		see(0, x, 300, person);
		step(t, 1);
	}
	id = verdict[0].id;
	assert_int_equal(hmr_tracker_ids(t), id);
	hmr_tracker_free(t);
	return id;
}

static void
test_comes_back(void **state)
{
	(void)state;
	assert_int_equal(comes_back(1500, 3, 3, 200, 980), 1);
	assert_int_equal(comes_back(1500, 3, 3, 200, 100), 1);	/* at the other side */
	assert_int_equal(comes_back(1500, 3, 4, 200, 980), 2);	/* somebody else */
	assert_int_equal(comes_back(1500, 3, -1, 200, 980), 2);
	assert_int_equal(comes_back(1500, -1, -1, 200, 980), 2);
	assert_int_equal(comes_back(100, 3, 3, 200, 980), 2);	/* forgotten */
	assert_int_equal(comes_back(0, 3, 3, 60, 980), 2);
	/* 880 px in 0.9 s is too far for somebody 100 px tall */
	assert_int_equal(comes_back(1500, 3, 3, 4, 100), 2);
}

/* Two who look alike left: which of them this is cannot be told. */
static void
test_twins(void **state)
{
	struct hmr_tracker *t = make(1500);

	(void)state;
	for (int i = 0; i < 30; i++) {
		see(0, 700 + 10 * i, 200, 3);
		see(1, 700 + 10 * i, 450, 3);
		step(t, 2);
	}
	for (int i = 0; i < 100; i++)
		step(t, 0);
	for (int i = 0; i < 5; i++) {
		see(0, 900, 300, 3);
		step(t, 1);
	}
	assert_int_equal(verdict[0].id, 3);
	hmr_tracker_free(t);
}

/* Somebody still in sight is nobody else, whatever they look like. */
static void
test_in_sight(void **state)
{
	struct hmr_tracker *t = make(1500);

	(void)state;
	for (int i = 0; i < 30; i++) {
		see(0, 300, 300, 3);
		see(1, 345, 300, 3);
		step(t, i < 15 ? 1 : 2);
	}
	assert_int_equal(verdict[0].id, 1);
	assert_int_equal(verdict[1].id, 2);
	hmr_tracker_free(t);
}

/* Thousands come and go; all that left is bounded, and the newest are still known. */
static void
test_many_left(void **state)
{
	struct hmr_tracker_options o;
	struct hmr_tracker *t;

	(void)state;
	hmr_tracker_defaults(&o);
	o.max_people = 4;
	o.remember = 100000000;
	t = hmr_tracker_new(&o);
	assert_non_null(t);
	for (int k = 0; k < 2000; k++) {
		for (int i = 0; i < 4; i++) {
			see(0, 500, 300, -1);
			for (int c = 0; c < LOOKS; c++)	/* a code of k */
				looks[0][c] = (k * 2654435761u + 40503u * (unsigned)k * (unsigned)c)
					>> (c % 16) & 1 ? 0.125f : -0.125f;
			seen[0].look = looks[0];
			step(t, 1);
		}
		for (int i = 0; i < 55; i++)
			step(t, 0);
	}
	assert_true(hmr_tracker_ids(t) > 1000);
	for (int i = 0; i < 4; i++)
		step(t, 1);
	assert_int_equal(verdict[0].id, hmr_tracker_ids(t));
	hmr_tracker_free(t);
}

/* Somebody with a look of its own stands at (x, 300) for four frames; nobody for 55. */
static void
passes(struct hmr_tracker *t, uint32_t who, uint32_t others)
{
	for (int i = 0; i < 59; i++) {
		see(others, 500, 300, 0);
		for (uint32_t c = 0; c < LOOKS; c++) {
			uint64_t bits = (who * LOOKS + c + 1) * UINT64_C(0x9e3779b97f4a7c15);

			bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
			looks[others][c] = bits >> 40 & 1 ? 0.125f : -0.125f;
		}
		step(t, others + (i < 4));
	}
}

/* Two twins, or two who look unlike each other; the first leaves, and so many others come
 * and go that there is no place to remember it. The second stays until frame `until`,
 * leaves, and comes back: its identity then; 24 is a new one. */
static uint32_t
who_returns(int second, int until)
{
	struct hmr_tracker_options o;
	struct hmr_tracker *t;
	uint32_t id;

	hmr_tracker_defaults(&o);
	o.max_people = 2;			/* 22 tracks */
	o.remember = 2000;
	t = hmr_tracker_new(&o);
	assert_non_null(t);
	for (int i = 0; i < 120; i++) {
		see(0, 900, 450, second);
		see(1, 100, 150, 3);
		step(t, i < 30 ? 2 : 1);
	}
	for (uint32_t k = 0; k < 21; k++)
		passes(t, k, 1);
	assert_int_equal(hmr_tracker_ids(t), 23);
	for (int frames = 120 + 21 * 59; frames < until; frames++)
		step(t, 1);
	for (int i = 0; i < 60; i++)
		step(t, 0);
	for (int i = 0; i < 5; i++)
		step(t, 1);
	id = verdict[0].id;
	hmr_tracker_free(t);
	return id;
}

static void
test_forgotten_twin(void **state)
{
	(void)state;
	assert_int_equal(who_returns(4, 1400), 1);
	assert_int_equal(who_returns(3, 1400), 24);	/* it may be the first */
	assert_int_equal(who_returns(3, 2200), 1);	/* who is not awaited any more */
}

/* What a source has taught about appearances does not hold in the next one. */
static void
test_reset(void **state)
{
	(void)state;
	for (int before = 0; before < 2; before++) {
		struct hmr_tracker *t = make(1500);
		uint32_t ids;

		for (int i = 0; i < 300 * before; i++) {	/* a network of small distances */
			see(0, 200, 300, 0);
			see(1, 600, 300, 0);
			looks[1][1] = 0.2f;
			looks[1][0] = sqrtf(1 - 0.04f);
			step(t, 2);
		}
		hmr_tracker_reset(t);
		ids = hmr_tracker_ids(t);
		for (int i = 0; i < 100; i++) {		/* back, a little turned */
			see(0, 600, 300, 0);
			dress(looks[0], 0, i < 50 ? 0 : 0.5);
			step(t, i < 30 || i > 90);
		}
		assert_int_equal(verdict[0].id, ids + 1);
		hmr_tracker_free(t);
	}
}

/* ---- cuts ---- */

/* Over a cut three people stand elsewhere, the third is somebody else. */
static void
test_cut(void **state)
{
	struct hmr_tracker *t = make(1500);
	uint32_t number;

	(void)state;
	for (int i = 0; i < 10; i++) {
		see(0, 200, 300, 0);
		see(1, 500, 300, 1);
		see(2, 800, 300, 2);
		step(t, 3);
	}
	number = verdict[0].track;
	info.shot = true;
	see(0, 200, 300, 1);		/* each stands where another stood */
	see(1, 500, 300, 5);
	see(2, 800, 300, 0);
	step(t, 3);
	assert_int_equal(verdict[0].id, 2);
	assert_int_equal(verdict[1].id, 0);
	assert_int_equal(verdict[2].id, 1);
	assert_int_equal(verdict[0].gap, 0);
	assert_true(verdict[2].track != number);	/* nothing joins it to the place before */
	for (int i = 0; i < 3; i++)
		step(t, 3);
	assert_int_equal(verdict[1].id, 4);
	info.shot = true;		/* and back: the third is known again */
	for (int i = 0; i < 4; i++) {
		see(0, 200, 300, 0);
		see(1, 500, 300, 1);
		see(2, 800, 300, 2);
		step(t, 3);
	}
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(verdict[i].id, i + 1);
	hmr_tracker_free(t);
}

/* ---- identities from outside ---- */

static void
test_given(void **state)
{
	struct hmr_tracker_options o;
	struct hmr_tracker *t;
	uint32_t number;

	(void)state;
	hmr_tracker_defaults(&o);
	o.given = true;
	o.max_people = 3;
	t = hmr_tracker_new(&o);
	assert_non_null(t);
	for (int i = 0; i < 100; i++) {
		bool away = i >= 20 && i < 90;

		see(0, 10 * i, 300, -1);
		seen[0].score = 0;		/* whatever the score */
		seen[0].given_id = 77;
		see(1, 500, 300, -1);
		seen[1].given_id = away ? 0 : 5;
		see(2, 500, 310, -1);		/* the same identity again */
		seen[2].given_id = 77;
		step(t, 3);
		assert_int_equal(verdict[0].id, 77);
		assert_int_equal(verdict[1].id, away ? 0 : 5);
		assert_int_equal(verdict[2].id, 0);
		assert_int_equal(verdict[2].track, 0);
		assert_int_equal(verdict[1].gap, i == 90 ? 70 : 0);
	}
	number = verdict[0].track;
	info.shot = true;
	step(t, 3);
	assert_int_equal(verdict[0].id, 77);
	assert_int_equal(verdict[0].gap, 0);
	assert_true(verdict[0].track != number);
	assert_int_equal(hmr_tracker_ids(t), 2);
	for (uint32_t i = 0; i < 5000; i++) {	/* more than there is room for */
		seen[1].given_id = 1000 + i;
		step(t, 2);
		assert_int_equal(verdict[0].id, 77);
		assert_int_equal(verdict[1].id, 1000 + i);
	}
	hmr_tracker_free(t);
}

/* Where people with such identities will be is never asked, and never reckoned. */
static void
test_given_place(void **state)
{
	static const struct hmr_motion none;
	struct hmr_tracker_options o;
	struct hmr_tracker *t;

	(void)state;
	hmr_tracker_defaults(&o);
	o.given = true;
	t = hmr_tracker_new(&o);
	assert_non_null(t);
	see(0, 500, 300, -1);
	seen[0].given_id = 3;
	for (int i = 0; i < 100; i++)
		step(t, i < 5);
	assert_int_equal(t->n, 1);
	assert_memory_equal(&t->track[0].motion, &none, sizeof(none));
	assert_int_equal(t->track[0].missed, 95);
	hmr_tracker_free(t);
}

/* ---- PHALP ---- */

/* A body at x, y of a square of side 1000 and at this depth in PHALP's units. */
static void
stand(struct hmr_body_row *b, double x, double y, double z)
{
	b->focal = 1000;
	b->camera[2] = (float)(z * 256 / 5000);
	b->camera[0] = (float)((x - 0.5) * b->camera[2]);
	b->camera[1] = (float)((y - 0.5) * b->camera[2]);
}

/* Numbers by numpy from the formulas of the authors' code: ridge regressions and 95 %
 * prediction intervals over seven sights, here with a gap in them and three frames
 * ahead; then of a track seen twice. */
static void
test_path(void **state)
{
	static const double frame[] = { 0, 1, 2, 3, 5, 6, 7 };
	static const double x[] = { .30, .31, .33, .33, .36, .37, .40 };
	static const double y[] = { .5, .5, .51, .5, .5, .49, .5 };
	static const double z[] = { 10, 10.2, 10.1, 10.4, 10.6, 10.5, 10.9 };
	static const double want[6] = { 0.42729693741677766, 0.4939869281045752,
		2.402739843013153, 0.02731100540986921, 0.021576001664350405,
		0.04496544332693281 };
	static const double young[6] = { 0.31833333333333336, 0.49300000000000005,
		2.3148411817283447, 0.004704070245204172, 0.002822442147122508,
		0.010174147471340813 };
	static struct hmr_body_row b;
	struct hmr_seen s = { .body = &b };
	struct hmr_path p = { .seen = 0 }, q = { .seen = 0 };
	double off, gap;

	(void)state;
	for (int i = 0; i < 7; i++) {
		stand(&b, x[i], y[i], z[i]);
		hmr_path_see(&p, &s, &info, frame[i]);
	}
	hmr_path_predict(&p, 3);
	for (int a = 0; a < 3; a++) {
		assert_true(fabs(p.ahead[a] - want[a]) < 1e-6);
		assert_true(fabs(p.interval[a] - want[3 + a]) < 1e-6);
	}
	stand(&b, .30, .50, 10);
	hmr_path_see(&q, &s, &info, 0);
	hmr_path_predict(&q, 1);
	/* seen once: the place itself, in metres, stands for the interval */
	assert_true(fabs(q.interval[0] - -0.2 * 10 * 256 / 5000) < 1e-6);
	assert_true(fabs(q.interval[2] - log(10)) < 1e-6);
	stand(&b, .32, .49, 10.3);
	hmr_path_see(&q, &s, &info, 1);
	hmr_path_predict(&q, 1);
	for (int a = 0; a < 3; a++) {
		assert_true(fabs(q.ahead[a] - young[a]) < 1e-6);
		assert_true(fabs(q.interval[a] - young[3 + a]) < 1e-6);
	}
	/* and the cost of somebody a little off */
	stand(&b, .42, .5, 11.5);
	off = hypot(want[0] - .42, want[1] - .5) / (0.1 + tanh(hypot(want[3], want[4])));
	gap = fabs(want[2] - log(11.5)) / (0.1 + tanh(want[5]));
	assert_true(fabs(hmr_path_cost(&p, &s, &info) /
			 (exp(off / 0.3792) * exp(gap / 4.1658)) - 1) < 1e-5);
}

/* Two people cross; by PHALP's cost each keeps the identity. */
static void
test_phalp(void **state)
{
	static struct hmr_body_row bodies[2];
	struct hmr_tracker_options o;
	struct hmr_tracker *t;

	(void)state;
	hmr_tracker_defaults(&o);
	o.cost = HMR_COST_PHALP;
	t = hmr_tracker_new(&o);
	assert_non_null(t);
	for (int i = 0; i < 60; i++) {
		uint32_t a = i % 2;		/* in either order */

		see(a, 200 + 10 * i, 300, 1);
		see(!a, 800 - 10 * i, 310, 2);
		for (uint32_t k = 0; k < 2; k++) {
			stand(&bodies[k], (seen[k].box[0] + 20) / 1000,
			      0.5, k == a ? 10 : 14);
			seen[k].body = &bodies[k];
		}
		step(t, 2);
		if (i > 3) {
			assert_int_equal(verdict[a].id, 1);
			assert_int_equal(verdict[!a].id, 2);
		}
	}
	assert_int_equal(hmr_tracker_ids(t), 2);
	hmr_tracker_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gallery),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_gallery_sizes),
		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_twins),
		cmocka_unit_test(test_in_sight),
		cmocka_unit_test(test_many_left),
		cmocka_unit_test(test_forgotten_twin),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_given_place),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_phalp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

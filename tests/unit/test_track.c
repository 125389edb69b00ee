/* SPDX-License-Identifier: Apache-2.0 */
/* The tracker and the ring around it, on people that walk along known paths. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "track/assoc.h"
#include "track/fill.h"
#include "track/motion.h"

#define MOST 512

static uint64_t seed = 7;

static double
noise(void)			/* -1 to 1 */
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (double)(seed >> 33) / 1073741824.0 - 1;
}

/* ---- prediction and interpolation ---- */

static void
test_motion(void **state)
{
	struct hmr_motion m;
	float box[4] = { 100, 100, 140, 200 }, p[4];

	(void)state;
	hmr_motion_start(&m, box, 5);
	for (int i = 1; i <= 40; i++) {	/* 50 px a second to the right */
		box[0] = 100 + 2 * (float)i;
		box[2] = 140 + 2 * (float)i;
		hmr_motion_predict(&m, 0.04, false);
		hmr_motion_update(&m, box, 5, 1);
	}
	for (int i = 0; i < 5; i++)
		hmr_motion_predict(&m, 0.04, false);
	hmr_motion_box(&m, p);
	assert_true(fabsf(p[0] - 190) < 2 && fabsf(p[2] - 230) < 2);
	assert_true(fabsf(p[1] - 100) < 1 && fabsf(p[3] - 200) < 1);
	/* the longer unseen, the farther it reaches */
	box[0] += 60;
	box[2] += 60;
	double near = hmr_motion_place(&m, box);

	for (int i = 0; i < 25; i++)
		hmr_motion_predict(&m, 0.04, true);
	assert_true(hmr_motion_place(&m, box) < near);
	/* and a fading velocity does not carry it off */
	for (int i = 0; i < 1000; i++)
		hmr_motion_predict(&m, 0.04, true);
	hmr_motion_box(&m, p);
	assert_true(p[0] > 190 && p[0] < 190 + 50 * 4.5);
	assert_true(isfinite(hmr_motion_size(&m, box, 5)));
}

static void
turn(float r[9], int axis, double angle)
{
	int a = (axis + 1) % 3, b = (axis + 2) % 3;

	memset(r, 0, 9 * sizeof(*r));
	r[axis * 4] = 1;
	r[a * 4] = r[b * 4] = (float)cos(angle);
	r[a * 3 + b] = (float)-sin(angle);
	r[b * 3 + a] = (float)sin(angle);
}

static void
test_rotations(void **state)
{
	float a[9], b[9], want[9], out[9];

	(void)state;
	for (int axis = 0; axis < 3; axis++)
		for (double from = -3.1; from < 3.1; from += 0.37)
			for (double by = -3.1; by < 3.1; by += 0.29)
				for (double t = 0; t <= 1; t += 0.25) {
					turn(a, axis, from);
					turn(b, axis, from + by);
					turn(want, axis, from + t * by);
					hmr_fill_rotation(out, a, b, t);
					for (int i = 0; i < 9; i++)
						assert_true(fabsf(out[i] - want[i]) < 1e-5f);
				}
}

static void
test_fill_body(void **state)
{
	static struct hmr_body_row a, b, out;

	(void)state;
	for (int j = 0; j < HMR_POSE_JOINTS; j++) {
		turn(a.pose[j], 1, 0);
		turn(b.pose[j], 1, 1);
	}
	a.camera[0] = 1;
	b.camera[0] = 3;
	a.camera[2] = b.camera[2] = 10;
	a.focal = b.focal = 1000;
	a.flags = HMR_BODY_CONF | HMR_BODY_FIT;
	b.flags = HMR_BODY_CONF;
	a.joint_conf[5] = 0.5f;
	b.joint_conf[5] = 0.25f;
	b.joints3d[5][1] = 2;
	hmr_fill_body(&out, &a, &b, 0.5, 320, 240, NULL, NULL);
	assert_true(fabs(out.pose[3][0] - cos(0.5)) < 1e-6);
	assert_true(fabs(out.camera[0] - 2) < 1e-6);
	assert_true(fabs(out.joints2d[5][0] - (320 + 1000 * 2 / 10.0)) < 1e-3);
	assert_true(fabs(out.joints2d[5][1] - (240 + 1000 * 1 / 10.0)) < 1e-3);
	assert_int_equal(out.flags, HMR_BODY_CONF);
	assert_true(out.joint_conf[5] == 0.25f);
}

/* ---- the tracker ---- */

static struct hmr_seen seen[MOST + 10];
static struct hmr_verdict verdict[MOST + 10];
static struct hmr_frame_info info = { .width = 4000, .height = 3000 };

static void
see(uint32_t i, double x, double y, double score)
{
	memset(&seen[i], 0, sizeof(seen[i]));
	seen[i].box[0] = (float)(x - 20);
	seen[i].box[1] = (float)(y - 50);
	seen[i].box[2] = (float)(x + 20);
	seen[i].box[3] = (float)(y + 50);
	seen[i].score = (float)score;
}

static struct hmr_tracker *
make(struct hmr_tracker_options *o)
{
	struct hmr_tracker_options d;

	hmr_tracker_defaults(&d);
	if (!o)
		o = &d;
	struct hmr_tracker *t = hmr_tracker_new(o);

	assert_non_null(t);
	info.time = 0;
	return t;
}

static uint32_t
step(struct hmr_tracker *t, uint32_t n)
{
	info.time += 0.04;
	return hmr_tracker_step(t, &info, seen, n, verdict);
}

/* A long empty start, a person, ten minutes of nobody, another person. */
static void
test_lives(void **state)
{
	struct hmr_tracker *t = make(NULL);

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(step(t, 0), 0);
	assert_int_equal(hmr_tracker_ids(t), 0);
	for (int i = 0; i < 10; i++) {
		see(0, 100 + 3 * i, 200, 0.8);
		step(t, 1);
		assert_int_equal(verdict[0].id, i < 2 ? 0 : 1);
		assert_int_equal(verdict[0].fresh, i == 2);
		assert_true(verdict[0].track == 1);
	}
	for (int i = 0; i < 15000; i++)
		step(t, 0);
	for (int i = 0; i < 10; i++) {
		see(0, 130, 200, 0.8);
		step(t, 1);
	}
	assert_int_equal(verdict[0].id, 2);	/* never 1 again */
	hmr_tracker_reset(t);
	for (int i = 0; i < 10; i++)
		step(t, 1);
	assert_int_equal(verdict[0].id, 3);
	hmr_tracker_free(t);
}

/* Two people pass each other; weak boxes and a gap in the middle. */
static void
test_crossing(void **state)
{
	struct hmr_tracker *t = make(NULL);
	uint32_t first[2] = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		bool gap = i > 46 && i < 52;

		see(0, 500 + 4 * i + noise(), 400 + noise(), i % 7 ? 0.8 : 0.35);
		see(1, 900 - 4 * i + noise(), 430 + noise(), i % 5 ? 0.8 : 0.35);
		step(t, gap ? 0 : 2);
		if (i == 10) {
			first[0] = verdict[0].id;
			first[1] = verdict[1].id;
			assert_true(first[0] && first[1] && first[0] != first[1]);
		}
		if (i > 10 && !gap) {
			assert_int_equal(verdict[0].id, first[0]);
			assert_int_equal(verdict[1].id, first[1]);
			assert_int_equal(verdict[0].gap, i == 52 ? 5 : 0);
		}
	}
	assert_int_equal(hmr_tracker_ids(t), 2);
	hmr_tracker_free(t);
}

/* A post that looks a little like a person, now and then, has a track of its own, so
 * that somebody who passes is not taken for it; and it is nobody. */
static void
test_post(void **state)
{
	struct hmr_tracker *t = make(NULL);
	uint32_t walker = 0, post = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		bool there = noise() > -0.3;

		see(0, 200 + 5 * i, 400, 0.8);
		see(1, 600 + noise(), 390 + noise(), there ? 0.5 + 0.04 * noise() : 0.1);
		step(t, 2);
		if (i == 5)
			walker = verdict[0].id;
		if (i > 5)
			assert_int_equal(verdict[0].id, walker);
		post += verdict[1].id != 0;
	}
	assert_true(walker);
	assert_int_equal(post, 0);
	assert_int_equal(hmr_tracker_ids(t), 1);
	hmr_tracker_free(t);
}

/* A track that a person led to a thing loses its identity there, and has it back when
 * somebody walks on. */
static void
test_thing(void **state)
{
	struct hmr_tracker *t = make(NULL);

	(void)state;
	for (int i = 0; i < 100; i++) {
		bool stands = i >= 20 && i < 70;

		see(0, 200 + 4 * (i < 20 ? i : stands ? 20 : i - 50) + noise(), 400,
		    stands ? 0.52 : 0.8);
		step(t, 1);
		if (i >= 2 && i < 30)
			assert_int_equal(verdict[0].id, 1);
		if (i >= 55 && i < 70) {	/* the same track, but nobody */
			assert_int_equal(verdict[0].id, 0);
			assert_int_equal(verdict[0].track, 1);
		}
		if (i > 80)
			assert_int_equal(verdict[0].id, 1);
	}
	/* who stands and is seen well is somebody */
	for (int i = 0; i < 100; i++) {
		see(0, 396 + noise(), 400, 0.7);
		step(t, 1);
		assert_int_equal(verdict[0].id, 1);
	}
	hmr_tracker_free(t);
}

/* Somebody passes behind another: colours of who hides them are not learnt. */
static void
test_hidden(void **state)
{
	struct hmr_tracker *t = make(NULL);
	float red[8] = { 1 }, blue[8] = { 0, 1 };

	(void)state;
	info.n_look = 8;
	info.look_kind = HMR_APPEARANCE_EMBEDDING;
	for (int i = 0; i < 120; i++) {
		see(0, 500, 420, 0.9);			/* stands in front, in blue */
		see(1, 260 + 4 * i, 400, 0.9);		/* walks behind, in red */
		seen[0].look = blue;
		/* what is seen of the one behind is mostly the other */
		seen[1].look = i > 55 && i < 65 ? blue : red;
		step(t, 2);
		if (i > 3) {
			assert_int_equal(verdict[0].id, 1);
			assert_int_equal(verdict[1].id, 2);
		}
	}
	for (int i = 0; i < 60; i++)		/* both leave; blue comes back elsewhere */
		step(t, 0);
	for (int i = 0; i < 5; i++) {
		see(0, 900, 500, 0.9);
		seen[0].look = blue;
		step(t, 1);
	}
	assert_int_equal(verdict[0].id, 1);
	info.n_look = 0;
	hmr_tracker_free(t);
}

/* 200 people on a grid, all moving, shuffled in every frame. */
static void
test_crowd(void **state)
{
	struct hmr_tracker *t = make(NULL);
	uint32_t id[200], who[200];

	(void)state;
	for (uint32_t i = 0; i < 200; i++)
		who[i] = i;
	for (int f = 0; f < 60; f++) {
		for (uint32_t i = 199; i > 0; i--) {
			uint32_t k = (uint32_t)((noise() + 1) / 2 * i), x = who[i];

			who[i] = who[k];
			who[k] = x;
		}
		for (uint32_t i = 0; i < 200; i++) {
			uint32_t p = who[i];

			see(i, 100 + (p % 20) * 180 + 2 * f + noise(),
			    200 + (p / 20) * 250 + (p % 3) * f + noise(), 0.7);
		}
		assert_int_equal(step(t, 200), 0);
		for (uint32_t i = 0; i < 200; i++) {
			if (f == 5)
				id[who[i]] = verdict[i].id;
			if (f >= 5) {
				assert_true(verdict[i].id > 0);
				assert_int_equal(verdict[i].id, id[who[i]]);
			}
		}
	}
	assert_int_equal(hmr_tracker_ids(t), 200);
	hmr_tracker_free(t);
}

static void
test_most(void **state)
{
	struct hmr_tracker_options o;
	struct hmr_tracker *t;
	uint32_t named = 0;

	(void)state;
	hmr_tracker_defaults(&o);
	o.max_people = 5;
	t = make(&o);
	for (int f = 0; f < 10; f++) {
		for (uint32_t i = 0; i < 8; i++)
			see(i, 200 + 300 * i, 500, 0.6 + 0.02 * ((i * 3) % 8));
		assert_int_equal(step(t, 8), 3);
	}
	for (uint32_t i = 0; i < 8; i++) {
		named += verdict[i].id != 0;
		if (seen[i].score < 0.65)	/* the weakest three: 0, 3, 6 */
			assert_int_equal(verdict[i].id, 0);
	}
	assert_int_equal(named, 5);
	hmr_tracker_free(t);
}

/* As many people as a frame can have, and then nobody. */
static void
test_512(void **state)
{
	struct hmr_tracker_options o;
	struct hmr_tracker *t;

	(void)state;
	hmr_tracker_defaults(&o);
	o.max_people = 512;
	t = make(&o);
	for (int f = 0; f < 12; f++) {
		for (uint32_t i = 0; i < 512; i++)
			see(i, 60 + 120 * (i % 32) + f, 60 + 160 * (i / 32), 0.9);
		assert_int_equal(step(t, f % 6 == 5 ? 0 : 512), 0);
		for (uint32_t i = 0; i < 512 && f > 2; i++)
			assert_int_equal(verdict[i].id, i + 1);
	}
	assert_int_equal(hmr_tracker_ids(t), 512);
	hmr_tracker_free(t);
}

/* Thousands of short lives: tracks stay bounded, numbers rise. */
static void
test_churn(void **state)
{
	struct hmr_tracker_options o;
	struct hmr_tracker *t;

	(void)state;
	hmr_tracker_defaults(&o);
	o.max_people = 16;
	o.max_age = 100000;
	t = make(&o);
	for (int f = 0; f < 20000; f++) {
		uint32_t n = (uint32_t)((noise() + 1) * 10);

		for (uint32_t i = 0; i < n; i++)
			see(i, 2000 + 1900 * noise(), 1500 + 1400 * noise(), 0.9);
		step(t, n);
	}
	hmr_tracker_free(t);
}

static void
test_shot(void **state)
{
	struct hmr_tracker *t = make(NULL);

	(void)state;
	for (int i = 0; i < 20; i++) {
		see(0, 300, 300, 0.9);
		info.shot = i == 10;
		step(t, 1);
	}
	info.shot = false;
	assert_int_equal(verdict[0].id, 2);
	hmr_tracker_free(t);
}

/* The first frame is the first after a cut, too. */
static void
test_shot_first(void **state)
{
	struct hmr_tracker *t = make(NULL);

	(void)state;
	for (int i = 0; i < 20; i++) {
		see(0, 300 + 2 * i, 300, 0.9);
		info.shot = i == 0;
		step(t, 1);
	}
	assert_int_equal(verdict[0].id, 1);
	info.shot = true;		/* a cut to nobody, and back */
	step(t, 0);
	for (int i = 0; i < 5; i++) {
		info.shot = i == 0;
		step(t, 1);
	}
	info.shot = false;
	assert_int_equal(verdict[0].id, 2);
	hmr_tracker_free(t);
}

/* Pixels of a frame of another size are other places. */
static void
test_size(void **state)
{
	struct hmr_tracker *t = make(NULL);
	float red[8] = { 1 };
	uint32_t number;

	(void)state;
	info.n_look = 8;
	info.look_kind = HMR_APPEARANCE_EMBEDDING;
	for (int i = 0; i < 40; i++) {
		bool small = i >= 20;

		see(0, small ? 150 : 300, small ? 100 : 200, 0.9);
		see(1, 700, 400, 0.9);
		seen[0].look = red;
		info.width = small ? 2000 : 4000;
		info.height = small ? 1500 : 3000;
		step(t, 2);
		if (i == 10)
			number = verdict[0].track;
		if (i == 20) {
			assert_int_equal(verdict[0].id, 1);	/* by its look */
			assert_true(verdict[0].track != number);
			assert_int_equal(verdict[1].id, 0);
		}
	}
	assert_int_equal(verdict[0].id, 1);
	assert_int_equal(verdict[1].id, 3);
	info = (struct hmr_frame_info){ .width = 4000, .height = 3000 };
	hmr_tracker_free(t);
}

/* A clock that stands still, or runs back, or shows each time twice, is taken as 25
 * frames a second where it does. */
static void
test_clock(void **state)
{
	(void)state;
	for (int way = 0; way < 3; way++) {
		struct hmr_tracker *t = make(NULL);

		for (int i = 0; i < 60; i++) {
			see(0, 300 + 6 * i, 300, 0.9);
			see(1, 660 - 6 * i, 380, 0.9);
			info.time = way == 0 ? 5 : way == 1 ? -i : 0.08 * (i / 2);
			(void)hmr_tracker_step(t, &info, seen, i > 28 && i < 32 ? 0 : 2, verdict);
			if (i > 3 && (i <= 28 || i >= 32)) {
				assert_int_equal(verdict[0].id, 1);
				assert_int_equal(verdict[1].id, 2);
			}
		}
		hmr_tracker_free(t);
	}
}

/* ---- the ring ---- */

struct sink {
	uint64_t frames, next;
	uint32_t ids[64][4];	/* [frame][person] */
	uint32_t missed[64][4];
	float x[64][4];
	uint32_t people[64];
	uint8_t image[64];
};

static enum hmr_status
take(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	struct sink *s = ctx;
	struct hmr_person p[16];
	struct hmr_track_row t[16];
	uint32_t n, k;
	const uint8_t *data;
	size_t len;

	assert_int_equal(f->number, s->next++);
	assert_int_equal(hmr_people_get(f, p, 16, &n, e), HMR_OK);
	assert_int_equal(hmr_tracks_get(f, t, 16, n, &k, e), HMR_OK);
	s->people[f->number] = n;
	for (uint32_t i = 0; i < k; i++) {
		s->ids[f->number][t[i].person] = t[i].id;
		s->missed[f->number][t[i].person] = t[i].missed;
		s->x[f->number][t[i].person] = p[t[i].person].box[0];
		assert_int_equal(t[i].missed > 0, t[i].flags & HMR_TRACK_FILLED);
	}
	assert_int_equal(hmr_frame_get(f, HMR_TAG('t', 'e', 's', 't'), &data, &len, e),
			 HMR_OK);
	assert_int_equal(len, 3);
	s->image[f->number] = data[0];
	s->frames++;
	return HMR_OK;
}

static struct hmr_head *
head(const char *source)
{
	struct hmr_head_info i = { .source = source, .width = 640, .height = 480,
		.tb_num = 1, .tb_den = 25, .rate_num = 25, .rate_den = 1,
		.max_payload = 4096 };
	struct hmr_head *h;

	assert_int_equal(hmr_head_new(&h, &i, NULL), HMR_OK);
	return h;
}

/* One person at x, or nobody where x < 0. */
static void
feed_at(struct hmr_assoc *a, uint64_t number, int64_t pts, double x, struct sink *s)
{
	uint8_t buf[256], mark[3] = { (uint8_t)number, 1, 2 };
	struct hmr_person p = { .score = 0.9f };
	struct hmr_frame f = { .number = number, .pts = pts, .width = 640, .height = 480 };

	p.box[0] = (float)x;
	p.box[1] = 100;
	p.box[2] = (float)x + 40;
	p.box[3] = 200;
	(void)!hmr_frame_put(&f, HMR_TAG_PEOPLE, buf, hmr_people_put(buf, &p, x >= 0),
			     NULL);
	(void)!hmr_frame_put(&f, HMR_TAG('t', 'e', 's', 't'), mark, 3, NULL);
	assert_int_equal(hmr_assoc_frame(a, &f, take, s, NULL), HMR_OK);
}

static void
feed(struct hmr_assoc *a, uint64_t number, double x, struct sink *s)
{
	feed_at(a, number, (int64_t)number, x, s);
}

static struct hmr_assoc *
make_assoc(uint32_t lag)
{
	struct hmr_assoc_options o = { .lag = lag };
	struct hmr_assoc *a;

	hmr_tracker_defaults(&o.tracker);
	assert_int_equal(hmr_assoc_new(&a, &o, NULL), HMR_OK);
	return a;
}

/* Named from the first frame on, the gap closed in a line, frames in order and a
 * lag late. */
static void
test_ring(void **state)
{
	struct hmr_assoc *a = make_assoc(16);
	struct hmr_head *h = head("a");
	struct sink s = { 0 };

	(void)state;
	assert_int_equal(hmr_assoc_head(a, h, NULL), HMR_OK);
	for (uint64_t i = 0; i < 40; i++) {
		bool gone = i < 5 || (i >= 15 && i < 20);

		feed(a, i, gone ? -1 : 100 + 2.0 * (double)i, &s);
		assert_int_equal(s.frames, i < 16 ? 0 : i - 15);
	}
	assert_int_equal(hmr_assoc_drain(a, take, &s, NULL), HMR_OK);
	assert_int_equal(s.frames, 40);
	for (uint64_t i = 0; i < 40; i++) {
		assert_int_equal(s.people[i], i >= 5);
		assert_int_equal(s.ids[i][0], i >= 5);
		assert_int_equal(s.missed[i][0], i >= 15 && i < 20 ? i - 14 : 0);
		if (i >= 5)
			assert_true(fabsf(s.x[i][0] - (100 + 2 * (float)i)) < 1e-3f);
		assert_int_equal(s.image[i], i);
	}
	assert_int_equal(hmr_assoc_stats(a)->filled, 5);
	hmr_head_free(h);
	hmr_assoc_free(a);
}

/* Without a lag: at once, and nothing that is not known yet. */
static void
test_no_lag(void **state)
{
	struct hmr_assoc *a = make_assoc(0);
	struct hmr_head *h = head("a");
	struct sink s = { 0 };

	(void)state;
	assert_int_equal(hmr_assoc_head(a, h, NULL), HMR_OK);
	for (uint64_t i = 0; i < 10; i++) {
		feed(a, i, i == 6 ? -1 : 100, &s);
		assert_int_equal(s.frames, i + 1);
		assert_int_equal(s.ids[i][0], i >= 2 && i != 6);
	}
	hmr_head_free(h);
	hmr_assoc_free(a);
}

/* The stream ends before the first frame has left, and again and again in the same
 * place; and there is one of no frames. */
static void
test_short(void **state)
{
	struct hmr_assoc *a = make_assoc(16);

	(void)state;
	for (uint64_t n = 0; n < 6; n++) {
		struct hmr_head *h = head(n % 2 ? "a" : "b");
		struct sink s = { 0 };

		assert_int_equal(hmr_assoc_head(a, h, NULL), HMR_OK);
		for (uint64_t i = 0; i < n; i++)
			feed(a, i, i == 3 ? -1 : 100, &s);
		assert_int_equal(s.frames, 0);
		assert_int_equal(hmr_assoc_drain(a, take, &s, NULL), HMR_OK);
		assert_int_equal(s.frames, n);
		for (uint64_t i = 0; i < n; i++) {
			assert_int_equal(s.ids[i][0], n < 3 || (n == 4 && i == 3) ? 0 : n - 2);
			assert_int_equal(s.missed[i][0], n == 5 && i == 3);
		}
		hmr_head_free(h);
	}
	hmr_assoc_free(a);
}

/* Two frames of one time, and a clock that stands: a gap is closed by counting. */
static void
test_same_time(void **state)
{
	(void)state;
	for (int way = 0; way < 2; way++) {
		struct hmr_assoc *a = make_assoc(16);
		struct hmr_head *h = head("a");
		struct sink s = { 0 };

		assert_int_equal(hmr_assoc_head(a, h, NULL), HMR_OK);
		for (uint64_t i = 0; i < 30; i++)
			feed_at(a, i, way ? 7 : (int64_t)(i & ~UINT64_C(1)),
				i >= 15 && i < 19 ? -1 : 100 + 2.0 * (double)i, &s);
		assert_int_equal(hmr_assoc_drain(a, take, &s, NULL), HMR_OK);
		for (uint64_t i = 0; i < 30; i++) {
			float want = 100 + 2 * (float)(way ? i : i & ~UINT64_C(1));

			assert_int_equal(s.ids[i][0], 1);
			if (i >= 15 && i < 19)
				assert_true(fabsf(s.x[i][0] - want) < 2.1f);
		}
		hmr_head_free(h);
		hmr_assoc_free(a);
	}
}

/* Identities over boundaries: kept in the same source with rising numbers. */
static void
test_segments(void **state)
{
	static const struct {
		const char *source;
		uint64_t first;
		uint32_t id;
	} part[] = { { "a", 0, 1 }, { "a", 5, 1 }, { "a", 10, 1 }, { "a", 14, 2 },
		     { "a", 3, 3 }, { "b", 8, 4 }, { "b", 20, 4 }, };
	struct hmr_assoc *a = make_assoc(4);

	(void)state;
	for (size_t k = 0; k < sizeof(part) / sizeof(part[0]); k++) {
		struct hmr_head *h = head(part[k].source);
		uint64_t at = part[k].first;
		struct sink s = { .next = at };

		assert_int_equal(hmr_assoc_head(a, h, NULL), HMR_OK);
		for (uint64_t i = at; i < at + 5; i++)
			feed(a, i, 100, &s);
		assert_int_equal(hmr_assoc_drain(a, take, &s, NULL), HMR_OK);
		for (uint64_t i = at; i < at + 5; i++)
			assert_int_equal(s.ids[i][0], part[k].id);
		hmr_head_free(h);
	}
	hmr_assoc_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_motion),
		cmocka_unit_test(test_rotations),
		cmocka_unit_test(test_fill_body),
		cmocka_unit_test(test_lives),
		cmocka_unit_test(test_crossing),
		cmocka_unit_test(test_post),
		cmocka_unit_test(test_thing),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_most),
		cmocka_unit_test(test_512),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_shot),
		cmocka_unit_test(test_shot_first),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_no_lag),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_same_time),
		cmocka_unit_test(test_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

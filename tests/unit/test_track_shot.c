/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts: what is one and what is not, and what the ring makes of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "track/assoc.h"
#include "track/shot.h"

/* A scene at a time: three waves of colour that drift slowly. light and contrast as
 * a lamp or a fade would change them. */
static void
scene(uint8_t gist[HMR_GIST_VALUES], int which, double t, double light, double contrast)
{
	for (int y = 0; y < HMR_GIST_HEIGHT; y++)
		for (int x = 0; x < HMR_GIST_WIDTH; x++)
			for (int c = 0; c < 3; c++) {
				double a = 0.4 * (which % 3 + 1) * x + 0.7 * (which % 2) * y +
					   2 * which + c + 0.05 * t;
				double v = 128 + light + contrast * 60 * sin(a);

				*gist++ = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
			}
}

struct part {
	int frames, scene;
	double light[2], contrast[2];	/* at its first frame and after its last */
};

/* Plays parts; returns how many cuts are found, the last at *at. */
static int
play(const struct part *p, int parts, uint32_t ahead, int *at)
{
	static struct hmr_shots s;
	uint8_t gist[HMR_GIST_VALUES];
	int cuts = 0, frame = 0, decided = 0;

	hmr_shots_reset(&s);
	for (int i = 0; i < parts; i++)
		for (int k = 0; k < p[i].frames; k++, frame++) {
			double u = (double)k / p[i].frames;

			scene(gist, p[i].scene, frame,
			      p[i].light[0] + u * (p[i].light[1] - p[i].light[0]),
			      p[i].contrast[0] + u * (p[i].contrast[1] - p[i].contrast[0]));
			hmr_shots_push(&s, gist);
			if (s.n > ahead && hmr_shots_decide(&s)) {
				cuts++;
				*at = decided;
			}
			decided += frame >= (int)ahead;
		}
	for (; s.n; decided++)
		if (hmr_shots_decide(&s)) {
			cuts++;
			*at = decided;
		}
	return cuts;
}

#define PLAIN { 0, 0 }, { 1, 1 }
static const struct {
	const char *what;
	struct part part[4];
	int parts, cuts, at;
	bool causal;		/* known without looking ahead too */
} cases[] = {
	{ "one scene", { { 60, 1, PLAIN } }, 1, 0, 0, true },
	{ "a cut", { { 30, 1, PLAIN }, { 30, 2, PLAIN } }, 2, 1, 30, true },
	{ "another", { { 7, 4, PLAIN }, { 30, 3, PLAIN } }, 2, 1, 7, true },
	{ "in the second frame", { { 1, 1, PLAIN }, { 9, 2, PLAIN } }, 2, 1, 1, true },
	{ "before the last frame", { { 20, 1, PLAIN }, { 1, 2, PLAIN } }, 2, 1, 20, true },
	{ "a lamp goes on", { { 30, 1, PLAIN }, { 30, 1, { 50, 50 }, { 1, 1 } } }, 2, 0, 0, true },
	{ "a lamp with shadows", { { 30, 1, { 0, 0 }, { .5, .5 } }, { 30, 1, { 0, 0 }, { 2, 2 } } }, 2, 0, 0, true },
	{ "a flash", { { 30, 1, PLAIN }, { 1, 1, { 110, 110 }, { .6, .6 } }, { 30, 1, PLAIN } }, 3, 0, 0, true },
	{ "a white frame", { { 30, 1, PLAIN }, { 1, 1, { 200, 200 }, { 0, 0 } }, { 30, 1, PLAIN } }, 3, 0, 0, true },
	{ "a strange frame", { { 30, 1, PLAIN }, { 1, 5, PLAIN }, { 30, 1, PLAIN } }, 3, 0, 0, false },
	{ "two strange frames", { { 30, 1, PLAIN }, { 2, 5, PLAIN }, { 30, 1, PLAIN } }, 3, 0, 0, false },
	{ "a fade and back", { { 20, 1, { 0, -128 }, { 1, 0 } }, { 5, 1, { -128, -128 }, { 0, 0 } },
		{ 20, 1, { -128, 0 }, { 0, 1 } } }, 3, 0, 0, true },
	{ "black between scenes", { { 20, 1, PLAIN }, { 5, 1, { -128, -128 }, { 0, 0 } },
		{ 20, 2, PLAIN } }, 3, 1, 25, true },
	{ "black at first", { { 5, 1, { -128, -128 }, { 0, 0 } }, { 20, 2, PLAIN } }, 2, 0, 0, true },
};

static void
test_shots(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (uint32_t ahead = 0; ahead <= HMR_SHOT_AHEAD; ahead += HMR_SHOT_AHEAD) {
			int at = 0, cuts;

			if (!ahead && !cases[i].causal)
				continue;
			cuts = play(cases[i].part, cases[i].parts, ahead, &at);
			if (cuts != cases[i].cuts || at != cases[i].at)
				fail_msg("%s, %u ahead: %d cuts, the last at %d",
					 cases[i].what, ahead, cuts, at);
		}
}

/* A camera that is swung round: every frame is unlike the last. */
static void
test_pan(void **state)
{
	static struct hmr_shots s;
	uint8_t gist[HMR_GIST_VALUES];

	(void)state;
	for (int k = 0; k < 60; k++) {
		scene(gist, 1, k < 20 ? 0 : k < 40 ? 20 * (k - 20) : 400, 0, 1);
		hmr_shots_push(&s, gist);
		if (s.n > HMR_SHOT_AHEAD)
			assert_false(hmr_shots_decide(&s));
	}
}

/* A cross-fade of 20 frames is no cut: nothing jumps. */
static void
test_dissolve(void **state)
{
	static struct hmr_shots s;
	uint8_t a[HMR_GIST_VALUES], b[HMR_GIST_VALUES];

	(void)state;
	for (int k = 0; k < 60; k++) {
		double u = k < 20 ? 0 : k < 40 ? (k - 20) / 20.0 : 1;

		scene(a, 1, k, 0, 1);
		scene(b, 2, k, 0, 1);
		for (int i = 0; i < HMR_GIST_VALUES; i++)
			a[i] = (uint8_t)((1 - u) * a[i] + u * b[i]);
		hmr_shots_push(&s, a);
		if (s.n > HMR_SHOT_AHEAD)
			assert_false(hmr_shots_decide(&s));
	}
}

/* ---- the ring ---- */

struct sink {
	uint64_t next;
	uint32_t id[64], flags[64], filled[64];
};

static enum hmr_status
take(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	struct sink *s = ctx;
	struct hmr_track_row t[4];
	uint32_t n;

	assert_int_equal(f->number, s->next++);
	s->flags[f->number] = f->flags;
	assert_int_equal(hmr_tracks_get(f, t, 4, UINT32_MAX, &n, e), HMR_OK);
	s->id[f->number] = n ? t[0].id : 0;
	for (uint32_t i = 0; i < n; i++)
		s->filled[f->number] += t[i].missed > 0;
	return HMR_OK;
}

/* Somebody who walks, in 40 frames that are cut at 20, where they go on as if nothing
 * were: with a gap over the cut if asked for, a strange frame before it, in the
 * clothes `after` behind it. */
static void
film(struct sink *s, uint32_t lag, bool gists, bool gap, bool strange, int after)
{
	struct hmr_head_info i = { .source = "film", .width = 640, .height = 480,
		.tb_num = 1, .tb_den = 25, .rate_num = 25, .rate_den = 1,
		.max_payload = 4096 };
	struct hmr_assoc_options o = { .lag = lag };
	struct hmr_assoc *a;
	struct hmr_head *h;

	memset(s, 0, sizeof(*s));
	hmr_tracker_defaults(&o.tracker);
	assert_int_equal(hmr_assoc_new(&a, &o, NULL), HMR_OK);
	assert_int_equal(hmr_head_new(&h, &i, NULL), HMR_OK);
	assert_int_equal(hmr_assoc_head(a, h, NULL), HMR_OK);
	for (int k = 0; k < 40; k++) {
		uint8_t gist[HMR_GIST_VALUES], buf[3][1024];
		struct hmr_person p = { { 100 + 2.0f * (float)k, 100, 140 + 2.0f * (float)k, 200 },
					0.9f, 0, 0 };
		struct hmr_frame f = { .number = (uint64_t)k, .pts = k, .width = 640,
				       .height = 480 };
		float look[8] = { 0 };
		uint32_t zero = 0, there = !(gap && k >= 18 && k < 22);

		look[k < 20 ? 1 : after] = 1;
		scene(gist, k < 20 ? 1 : 2, k, 0, 1);
		if (strange && k == 10)
			scene(gist, 5, k, 0, 1);
		(void)!hmr_frame_put(&f, HMR_TAG_PEOPLE, buf[0],
				     hmr_people_put(buf[0], &p, there), NULL);
		(void)!hmr_frame_put(&f, HMR_TAG_APPEARANCE, buf[1],
				     hmr_vectors_put(buf[1], HMR_APPEARANCE_EMBEDDING,
						     &zero, look, there, 8), NULL);
		if (gists)
			(void)!hmr_frame_put(&f, HMR_TAG_GIST, buf[2],
					     hmr_gist_put(buf[2], gist), NULL);
		assert_int_equal(hmr_assoc_frame(a, &f, take, s, NULL), HMR_OK);
		assert_int_equal(s->next, k < (int)lag ? 0 : k - (int)lag + 1);
	}
	assert_int_equal(hmr_assoc_drain(a, take, s, NULL), HMR_OK);
	assert_int_equal(s->next, 40);
	assert_int_equal(hmr_assoc_stats(a)->shots, gists + (strange && lag < 4));
	hmr_head_free(h);
	hmr_assoc_free(a);
}

static void
test_ring(void **state)
{
	static struct sink s;

	(void)state;
	for (uint32_t lag = 0; lag <= 16; lag++) {
		film(&s, lag, true, false, false, 1);	/* the same clothes: the same person */
		for (int k = 0; k < 40; k++)
			assert_int_equal(s.flags[k], k == 20 ? HMR_FRAME_SHOT : 0);
		assert_int_equal(s.id[39], 1);
		assert_int_equal(s.id[20], 1);	/* at once */
		film(&s, lag, true, false, true, 2);
		assert_int_equal(s.id[19], 1);
		assert_int_equal(s.id[39], 2);
	}
	assert_int_equal(s.id[20], 2);		/* named back to the cut, no further */
	film(&s, 16, false, false, false, 2);		/* nobody said that it was cut */
	assert_int_equal(s.id[39], 1);
}

/* Nobody is invented over a cut. */
static void
test_gap(void **state)
{
	static struct sink s;

	(void)state;
	film(&s, 16, false, true, false, 1);
	for (int k = 18; k < 22; k++)
		assert_int_equal(s.filled[k], 1);
	film(&s, 16, true, true, false, 1);
	for (int k = 18; k < 22; k++)
		assert_int_equal(s.filled[k], 0);
	assert_int_equal(s.id[39], 1);		/* but is known again */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shots),
		cmocka_unit_test(test_pan),
		cmocka_unit_test(test_dissolve),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

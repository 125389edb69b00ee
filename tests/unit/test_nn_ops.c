/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators: hand-computed cases for ref, then a table of cases in which every
 * backend is compared with ref by normalised mean squared error. Seen failing:
 * with SAME's odd padding put before the image, with lo and hi taps swapped, with
 * the sum left out of a fused convolution, and with two activations of a kind in oneDNN.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "nn_kit.h"

static void
expect(struct kit *k, const float *x, const float *want, size_t n)
{
	static const char *const device[] = { "ref", "cpu" };
	struct hmr_model *m = kit_model(k);

	for (int d = 0; d < 2; d++) {
		size_t got;
		float *y = run(m, device[d], 1, 1, x, &got);

		assert_int_equal(got, n);
		for (size_t i = 0; i < n; i++)
			if (fabsf(y[i] - want[i]) > 1e-6f)
				fail_msg("%s: element %zu is %g, want %g", device[d], i,
					 (double)y[i], (double)want[i]);
		free(y);
	}
	hmr_model_close(m);
}

/* SAME, 3x3, stride 2 on 4x4: no row before, one after (TensorFlow). */
static void
test_same(void **state)
{
	static const float x[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	static const float w[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	static const float want[4] = { 54, 45, 72, 54 };
	uint32_t in[2];
	struct kit k;

	(void)state;
	start(&k, 4, 1, 4, 4, 1);
	in[0] = k.in;
	in[1] = constant(&k, 4, 1, 1, 3, 3, w);
	node(&k, (struct hmr_node){ .op = HMR_OP_CONV, .stride = { 2, 2 }, .same = true }, 2, in);
	expect(&k, x, want, 4);
}

/* Upscaling by two: a quarter and three quarters, edges held. */
static void
test_resize(void **state)
{
	static const float x[2] = { 0, 4 };
	static const float want[8] = { 0, 1, 3, 4, 0, 1, 3, 4 };
	static const float x4[4] = { 1, 2, 3, 10 };
	static const int64_t twice[4] = { 2, 1, 2, 1 }, half[4] = { 1, 2, 1, 2 };
	struct kit k;

	(void)state;
	start(&k, 4, 1, 1, 2, 1);
	node(&k, (struct hmr_node){ .op = HMR_OP_RESIZE, .list = twice, .n_list = 4 }, 1, &k.in);
	expect(&k, x, want, 8);
	start(&k, 4, 1, 2, 2, 1);
	node(&k, (struct hmr_node){ .op = HMR_OP_RESIZE, .list = half, .n_list = 4 }, 1, &k.in);
	expect(&k, x4, (const float[]){ 4 }, 1);
}

static void
test_pool_and_acts(void **state)
{
	static const float x[4] = { -5, -2, -3, 7 };
	static const int64_t channels[8] = { 0, 0, 0, 0, 0, 0, 0, 1 };
	struct kit k;

	(void)state;
	/* padding never wins, even over negative values */
	start(&k, 4, 1, 2, 2, 1);
	node(&k, (struct hmr_node){ .op = HMR_OP_MAX_POOL, .kernel = { 3, 3 },
		.stride = { 2, 2 }, .pad = { 1, 1, 1, 1 } }, 1, &k.in);
	expect(&k, (const float[]){ -5, -2, -3, -7 }, (const float[]){ -2 }, 1);
	start(&k, 4, 1, 2, 2, 1);
	node(&k, (struct hmr_node){ .op = HMR_OP_ACT, .act = HMR_ACT_LEAKY, .alpha = .1f }, 1, &k.in);
	expect(&k, x, (const float[]){ -.5f, -.2f, -.3f, 7 }, 4);
	start(&k, 4, 1, 2, 2, 1);
	node(&k, (struct hmr_node){ .op = HMR_OP_ACT, .act = HMR_ACT_RELU6 }, 1, &k.in);
	expect(&k, x, (const float[]){ 0, 0, 0, 6 }, 4);
	start(&k, 4, 1, 2, 2, 1);
	node(&k, (struct hmr_node){ .op = HMR_OP_ACT, .act = HMR_ACT_SIGMOID }, 1, &k.in);
	expect(&k, (const float[]){ 0, 100, -100, 1 }, (const float[]){ .5f, 1, 0, .7310586f }, 4);
	/* a channel of padding after the image's own */
	start(&k, 4, 1, 2, 1, 1);
	node(&k, (struct hmr_node){ .op = HMR_OP_PAD, .list = channels, .n_list = 8 }, 1, &k.in);
	expect(&k, x, (const float[]){ -5, 0, -2, 0 }, 4);
}

static void
test_transpose(void **state)
{
	static const float x[6] = { 1, 2, 3, 4, 5, 6 };	/* [1,3,1,2] */
	static const int64_t perm[4] = { 0, 2, 3, 1 }, back[4] = { 0, 3, 1, 2 };
	struct kit k;
	uint32_t v;

	(void)state;
	start(&k, 4, 1, 3, 1, 2);
	v = node(&k, (struct hmr_node){ .op = HMR_OP_TRANSPOSE, .list = perm, .n_list = 4 }, 1, &k.in);
	expect(&k, x, (const float[]){ 1, 3, 5, 2, 4, 6 }, 6);
	start(&k, 4, 1, 3, 1, 2);
	v = node(&k, (struct hmr_node){ .op = HMR_OP_TRANSPOSE, .list = perm, .n_list = 4 }, 1, &k.in);
	node(&k, (struct hmr_node){ .op = HMR_OP_TRANSPOSE, .list = back, .n_list = 4 }, 1, &v);
	expect(&k, x, x, 6);
}

/* --- every backend against ref ------------------------------------------ */

struct conv_case { int64_t h, w, ci, co, k; struct hmr_node n; };
#define SAME_(s) .stride = { s, s }, .same = true
#define PAD_(s, p) .stride = { s, s }, .pad = { p, p, p, p }

static const struct conv_case convs[] = {
	{ 13, 17, 3, 32, 3, { PAD_(2, 1), .act = HMR_ACT_LEAKY, .alpha = .1f } },
	{ 16, 16, 3, 24, 3, { SAME_(2), .act = HMR_ACT_RELU6 } },
	{ 9, 11, 32, 16, 3, { PAD_(1, 1), .act = HMR_ACT_LEAKY, .alpha = .1f } },
	{ 8, 8, 24, 96, 1, { PAD_(1, 0), .act = HMR_ACT_RELU6 } },
	{ 8, 8, 96, 39, 1, { PAD_(1, 0) } },
	{ 2, 2, 288, 195, 2, { PAD_(1, 0) } },
	{ 2, 2, 288, 1, 2, { PAD_(1, 0), .act = HMR_ACT_SIGMOID } },
	{ 7, 9, 33, 17, 3, { PAD_(2, 1), .act = HMR_ACT_RELU } },
	{ 15, 15, 40, 40, 5, { SAME_(2), .group = 40, .act = HMR_ACT_RELU6 } },
	{ 16, 12, 48, 48, 3, { SAME_(1), .group = 48, .act = HMR_ACT_RELU6 } },
	{ 16, 12, 960, 960, 5, { PAD_(2, 2), .group = 960, .act = HMR_ACT_RELU6 } },
	{ 6, 6, 8, 16, 3, { PAD_(1, 1), .group = 8 } },
	{ 6, 6, 8, 8, 3, { PAD_(1, 1), .group = 2 } },
	{ 5, 5, 16, 16, 3, { .stride = { 1, 2 }, .pad = { 0, 1, 2, 1 } } },
};

static void
test_convs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(convs) / sizeof(*convs); i++) {
		const struct conv_case *c = &convs[i];
		struct hmr_model *m;
		char what[64];
		struct kit k;

		start(&k, 4, 1, c->h, c->w, c->ci);
		conv(&k, k.in, c->ci, c->co, c->k, c->n);
		m = kit_model(&k);
		snprintf(what, sizeof(what), "conv case %zu", i);
		compare(m, what, 1e-11);	/* observed: at most 3e-14, sigmoid 1e-14 */
		hmr_model_close(m);
	}
}

/* Sums that may and that must not be fused into a convolution. */
static void
sum_case(int form)
{
	struct hmr_node one = { PAD_(1, 0), .act = form == 3 ? HMR_ACT_RELU6 : HMR_ACT_NONE };
	struct hmr_node add = { .op = HMR_OP_ADD,
		.act = form & 1 ? HMR_ACT_RELU6 : HMR_ACT_NONE };
	struct hmr_model *m;
	char what[32];
	uint32_t a, b, s[2];
	struct kit k;

	start(&k, 4, 1, 7, 5, 16);
	a = conv(&k, k.in, 16, 16, 3, (struct hmr_node){ PAD_(1, 1) });
	b = conv(&k, form == 5 ? k.in : a, 16, 16, 3, (struct hmr_node){ PAD_(1, 1), .group = 16 });
	s[0] = conv(&k, b, 16, 16, 1, one);
	s[1] = form == 2 ? k.in : form == 4 ? b : a;
	a = node(&k, add, 2, s);
	if (form == 6) {	/* the older value is read again later */
		s[0] = a;
		a = node(&k, add, 2, s);
	}
	conv(&k, a, 16, 8, 1, one);
	m = kit_model(&k);
	snprintf(what, sizeof(what), "sum form %d", form);
	compare(m, what, 1e-11);
	hmr_model_close(m);
}

static void
test_sums(void **state)
{
	(void)state;
	for (int form = 0; form <= 6; form++)
		sum_case(form);
}

/* An activation before the sum and one after it that are one kind to oneDNN. */
static void
test_sums_of_kinds(void **state)
{
	static const struct hmr_node act[] = {
		{ .act = HMR_ACT_RELU }, { .act = HMR_ACT_LEAKY, .alpha = .3f },
		{ .act = HMR_ACT_RELU6 }, { .act = HMR_ACT_CLIP, .alpha = -.2f, .beta = .1f },
		{ .act = HMR_ACT_HARD_SIGMOID, .alpha = .2f, .beta = .3f },
	};

	(void)state;
	for (int i = 0; i < 25; i++) {
		struct hmr_node sum = act[i / 5], first = act[i % 5];
		struct hmr_model *m;
		uint32_t two[2];
		char what[32];
		struct kit k;

		start(&k, 4, 1, 7, 5, 16);
		two[1] = conv(&k, k.in, 16, 16, 1, (struct hmr_node){ .act = HMR_ACT_NONE });
		two[0] = conv(&k, k.in, 16, 16, 1, first);
		sum.op = HMR_OP_ADD;
		node(&k, sum, 2, two);
		m = kit_model(&k);
		snprintf(what, sizeof(what), "%s, sum, %s", hmr_act_name(first.act),
			 hmr_act_name(sum.act));
		compare(m, what, 1e-11);
		hmr_model_close(m);
	}
}

static void
loop_case(int which, int64_t channels)
{
	static const int64_t scale[3][4] = { { 2, 1, 2, 1 }, { 1, 2, 1, 2 }, { 3, 2, 5, 2 } };
	static const int64_t pads[8] = { 0, 0, 1, 2, 3, 0, 0, 5 };
	static const int64_t flat[3] = { 0, -1, 4 };
	int64_t sizes[2] = { channels - 3, 3 };
	struct hmr_model *m;
	uint32_t two[2];
	char what[32];
	struct kit k;

	start(&k, 4, 1, 34, 42, channels);
	if (which < 3) {
		node(&k, (struct hmr_node){ .op = HMR_OP_RESIZE, .list = scale[which], .n_list = 4 }, 1, &k.in);
	} else if (which == 3) {
		node(&k, (struct hmr_node){ .op = HMR_OP_MAX_POOL, .kernel = { 3, 2 },
			.stride = { 2, 2 }, .pad = { 1, 1, 1, 0 } }, 1, &k.in);
	} else if (which == 4) {
		node(&k, (struct hmr_node){ .op = HMR_OP_PAD, .list = pads, .n_list = 8 }, 1, &k.in);
	} else if (which == 5) {
		node(&k, (struct hmr_node){ .op = HMR_OP_ACT, .act = HMR_ACT_SIGMOID }, 1, &k.in);
	} else if (which == 6) {
		two[0] = node(&k, (struct hmr_node){ .op = HMR_OP_SPLIT, .axis = 3,
			.list = sizes, .n_list = 2, .n_out = 2 }, 1, &k.in);
		two[1] = two[0] + 1;
		two[0] = node(&k, (struct hmr_node){ .op = HMR_OP_CONCAT, .axis = 3 }, 2,
			      (const uint32_t[]){ two[1], two[0] });
		node(&k, (struct hmr_node){ .op = HMR_OP_RESHAPE, .list = flat, .n_list = 3 }, 1, two);
	} else {
		two[0] = k.in;
		two[1] = which == 7 ? k.in : constant(&k, 1, channels, 0, 0, 0, NULL);
		node(&k, (struct hmr_node){ .op = which == 9 ? HMR_OP_MUL : HMR_OP_ADD,
			.act = HMR_ACT_RELU }, 2, two);
	}
	m = kit_model(&k);
	snprintf(what, sizeof(what), "loop %d of %d channels", which, (int)channels);
	compare(m, what, 1e-11);
	hmr_model_close(m);
}

static void
test_loops(void **state)
{
	(void)state;
	for (int which = 0; which <= 9; which++) {
		loop_case(which, 8);
		loop_case(which, 24);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_pool_and_acts),
		cmocka_unit_test(test_transpose),
		cmocka_unit_test(test_convs),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_sums_of_kinds),
		cmocka_unit_test(test_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators: hand-computed cases for ref, then a table of cases in which every
 * backend is compared with ref by normalised mean squared error. Seen failing:
 * with SAME's odd padding put before the image, with lo and hi taps swapped, and
 * with the sum left out of a fused convolution.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "import/build.h"
#include "nn/backend.h"

#define LIMIT 1e-11	/* observed: at most 3e-14, sigmoid 1e-14 */

static uint32_t seed = 1;

static float
next(void)
{
	seed = seed * 1664525u + 1013904223u;
	return (float)(seed >> 8) / 8388608.0f - 1;
}

struct kit {
	struct hmr_build b;
	uint32_t in, last;
	char path[64];
};

static void
kit_start(struct kit *k, uint32_t rank, int64_t n, int64_t h, int64_t w, int64_t c)
{
	struct hmr_dims d = { rank, { n, h, w, c } };
	uint32_t any[HMR_DIMS_MAX] = { 1, 1, 1, 1, 1, 1 };

	assert_int_equal(hmr_build_init(&k->b, NULL), 0);
	assert_int_equal(hmr_build_input(&k->b, "x", &d, any, &k->in, NULL), 0);
	k->last = k->in;
}

static uint32_t
constant(struct kit *k, uint32_t rank, int64_t a, int64_t b, int64_t c, int64_t d,
	 const float *v)
{
	struct hmr_dims dims = { rank, { a, b, c, d } };
	size_t n = hmr_dims_total(&dims);
	float *p = malloc(n * sizeof(*p));
	uint32_t value;

	for (size_t i = 0; i < n; i++)
		p[i] = v ? v[i] : next() * .3f;
	assert_int_equal(hmr_build_const(&k->b, "c", HMR_DTYPE_F32, &dims, p, &value, NULL), 0);
	return value;
}

static uint32_t
node(struct kit *k, struct hmr_node n, uint32_t n_in, const uint32_t *in)
{
	uint32_t out[HMR_NODE_LIST_MAX];
	struct hmr_err e = { 0 };

	n.in = in;
	n.n_in = n_in;
	n.n_out = n.n_out ? n.n_out : 1;
	n.group = n.group ? n.group : 1;
	if (hmr_build_node(&k->b, hmr_op_name(n.op), &n, out, &e))
		fail_msg("%s", e.msg);
	return k->last = out[0];
}

static uint32_t
conv(struct kit *k, uint32_t x, int64_t ci, int64_t co, int64_t kk, struct hmr_node n)
{
	int64_t g = n.group ? n.group : 1;
	uint32_t in[3] = { x, constant(k, 4, co, ci / g, kk, kk, NULL),
		constant(k, 1, co, 0, 0, 0, NULL) };

	n.op = HMR_OP_CONV;
	n.stride[0] = n.stride[0] ? n.stride[0] : 1;
	n.stride[1] = n.stride[1] ? n.stride[1] : n.stride[0];
	return node(k, n, 3, in);
}

static struct hmr_model *
kit_model(struct kit *k)
{
	struct hmr_build_about a = { "test", "network", NULL, NULL };
	struct hmr_model *m;
	struct hmr_err e = { 0 };

	assert_int_equal(hmr_build_output(&k->b, "y", k->last, NULL), 0);
	hmr_build_simplify(&k->b);
	snprintf(k->path, sizeof(k->path), "/tmp/hmr-test-ops.%ld", (long)getpid());
	assert_int_equal(hmr_build_write(&k->b, k->path, &a, NULL), 0);
	if (hmr_model_open(&m, k->path, &e))
		fail_msg("%s", e.msg);
	unlink(k->path);
	hmr_build_release(&k->b);
	return m;
}

static struct hmr_net *
open_net(const struct hmr_model *m, const char *device, unsigned threads, uint32_t batch)
{
	struct hmr_net_options o = { .device = device, .threads = threads,
		.input = { hmr_model_graph(m)->input[0].dims.n, { batch } } };
	struct hmr_net *n;
	struct hmr_err e = { 0 };

	if (hmr_net_new(&n, m, &o, &e))
		fail_msg("%s: %s", device, e.msg);
	return n;
}

/* Output of a run on a repeatable input; *count its size. The caller frees. */
static float *
run(const struct hmr_model *m, const char *device, unsigned threads,
    uint32_t batch, const float *x, size_t *count)
{
	struct hmr_net *n = open_net(m, device, threads, batch);
	struct hmr_dims d;
	float *in = hmr_net_input(n, "x", &d), *copy;
	size_t total = hmr_dims_total(&d);
	const float *y;

	seed = 77;
	for (size_t i = 0; i < total; i++)
		in[i] = x ? x[i] : next() * 2;
	assert_int_equal(hmr_net_run(n, 0, NULL), 0);
	assert_int_equal(hmr_net_run(n, 0, NULL), 0);	/* a run leaves its input */
	y = hmr_net_output(n, "y", &d);
	*count = hmr_dims_total(&d);
	copy = malloc(*count * sizeof(*copy));
	memcpy(copy, y, *count * sizeof(*copy));
	hmr_net_free(n);
	return copy;
}

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
	kit_start(&k, 4, 1, 4, 4, 1);
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
	kit_start(&k, 4, 1, 1, 2, 1);
	node(&k, (struct hmr_node){ .op = HMR_OP_RESIZE, .list = twice, .n_list = 4 }, 1, &k.in);
	expect(&k, x, want, 8);
	kit_start(&k, 4, 1, 2, 2, 1);
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
	kit_start(&k, 4, 1, 2, 2, 1);
	node(&k, (struct hmr_node){ .op = HMR_OP_MAX_POOL, .kernel = { 3, 3 },
		.stride = { 2, 2 }, .pad = { 1, 1, 1, 1 } }, 1, &k.in);
	expect(&k, (const float[]){ -5, -2, -3, -7 }, (const float[]){ -2 }, 1);
	kit_start(&k, 4, 1, 2, 2, 1);
	node(&k, (struct hmr_node){ .op = HMR_OP_ACT, .act = HMR_ACT_LEAKY, .alpha = .1f }, 1, &k.in);
	expect(&k, x, (const float[]){ -.5f, -.2f, -.3f, 7 }, 4);
	kit_start(&k, 4, 1, 2, 2, 1);
	node(&k, (struct hmr_node){ .op = HMR_OP_ACT, .act = HMR_ACT_RELU6 }, 1, &k.in);
	expect(&k, x, (const float[]){ 0, 0, 0, 6 }, 4);
	kit_start(&k, 4, 1, 2, 2, 1);
	node(&k, (struct hmr_node){ .op = HMR_OP_ACT, .act = HMR_ACT_SIGMOID }, 1, &k.in);
	expect(&k, (const float[]){ 0, 100, -100, 1 }, (const float[]){ .5f, 1, 0, .7310586f }, 4);
	/* a channel of padding after the image's own */
	kit_start(&k, 4, 1, 2, 1, 1);
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
	kit_start(&k, 4, 1, 3, 1, 2);
	v = node(&k, (struct hmr_node){ .op = HMR_OP_TRANSPOSE, .list = perm, .n_list = 4 }, 1, &k.in);
	expect(&k, x, (const float[]){ 1, 3, 5, 2, 4, 6 }, 6);
	kit_start(&k, 4, 1, 3, 1, 2);
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
compare(const struct hmr_model *m, const char *what)
{
	for (uint32_t batch = 1; batch <= 3; batch += 2)
		for (unsigned threads = 1; threads <= 2; threads++) {
			size_t n, n2;
			float *a = run(m, "ref", 1, batch, NULL, &n);
			float *b = run(m, "cpu", threads, batch, NULL, &n2);
			double err = 0, power = 1e-30;

			assert_int_equal(n, n2);
			for (size_t i = 0; i < n; i++) {
				err += (double)(a[i] - b[i]) * (double)(a[i] - b[i]);
				power += (double)a[i] * (double)a[i];
			}
			if (!(err / power < LIMIT))
				fail_msg("%s, batch %u, %u threads: error %g", what, batch,
					 threads, err / power);
			free(a);
			free(b);
		}
}

static void
test_convs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(convs) / sizeof(*convs); i++) {
		const struct conv_case *c = &convs[i];
		struct hmr_model *m;
		char what[64];
		struct kit k;

		kit_start(&k, 4, 1, c->h, c->w, c->ci);
		conv(&k, k.in, c->ci, c->co, c->k, c->n);
		m = kit_model(&k);
		snprintf(what, sizeof(what), "conv case %zu", i);
		compare(m, what);
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

	kit_start(&k, 4, 1, 7, 5, 16);
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
	compare(m, what);
	hmr_model_close(m);
}

static void
test_sums(void **state)
{
	(void)state;
	for (int form = 0; form <= 6; form++)
		sum_case(form);
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

	kit_start(&k, 4, 1, 34, 42, channels);
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
	compare(m, what);
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
		cmocka_unit_test(test_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default networks on fixed inputs, against numbers obtained with other
 * software (TensorFlow.js and torch agree with them to the digits given). Without
 * the models in the models' folder the cases pass with a note. Also: no
 * primitive is oneDNN's slow reference, batches agree with single images, other
 * sizes work, and running leaves nothing allocated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/cpu.h"

#ifdef __SANITIZE_ADDRESS__	/* the plain loops take minutes then */
static const char *const devices[] = { "cpu", "cpu" };
#else
static const char *const devices[] = { "ref", "cpu" };
#endif

/* NULL: not there, which is said. */
static struct hmr_model *
open_model(const char *name)
{
	char path[4096];
	struct hmr_model *m = NULL;
	struct hmr_err e = { 0 };

	if (chdir("/") || hmr_model_path(name, path, sizeof(path), &e)) {
		printf("# SKIP %s\n", e.msg);
		return NULL;
	}
	if (hmr_model_open(&m, path, &e))
		fail_msg("%s", e.msg);
	return m;
}

static struct hmr_net *
open_net(const struct hmr_model *m, const struct hmr_net_options *o)
{
	struct hmr_net *n;
	struct hmr_err e = { 0 };

	if (hmr_net_new(&n, m, o, &e))
		fail_msg("%s", e.msg);
	return n;
}

static void
fill(struct hmr_net *n, float divide, float subtract)
{
	struct hmr_dims d;
	float *p = hmr_net_input(n, NULL, &d);
	size_t total = hmr_dims_total(&d);

	for (size_t i = 0; i < total; i++)
		p[i] = (float)(37 * i % 256) / divide - subtract;
}

/* The first n numbers of an output, to within limit. Observed differences: at
 * most 8e-6 for NanoDet; for BlazePose 8e-4 pixels, 1e-5 metres. */
static void
near(struct hmr_net *net, const char *name, const double *want, size_t n, double limit)
{
	const float *y = hmr_net_output(net, name, NULL);

	assert_non_null(y);
	for (size_t i = 0; i < n; i++)
		if (fabs((double)y[i] - want[i]) > limit)
			fail_msg("%s %s[%zu]: %.7g, want %.7g", hmr_net_backend(net), name, i,
				 (double)y[i], want[i]);
}

static void
stats(struct hmr_net *net, const char *name, double mean, double max)
{
	struct hmr_dims d;
	const float *y = hmr_net_output(net, name, &d);
	size_t n = hmr_dims_total(&d);
	double sum = 0, top = -1e30;

	for (size_t i = 0; i < n; i++) {
		sum += (double)y[i];
		top = (double)y[i] > top ? (double)y[i] : top;
	}
	if (mean > 0 && fabs(sum / (double)n - mean) > 1e-6)
		fail_msg("%s %s: mean %.7g, want %.7g", hmr_net_backend(net), name,
			 sum / (double)n, mean);
	if (fabs(top - max) > 2e-5)
		fail_msg("%s %s: max %.7g, want %.7g", hmr_net_backend(net), name, top, max);
}

static void
test_nanodet(void **state)
{
	struct hmr_model *m = open_model("nanodet");

	(void)state;
	for (int d = 0; m && d < 2; d++) {
		struct hmr_net *n = open_net(m, &(struct hmr_net_options){ .device = devices[d] });

		fill(n, 64, 2);
		assert_int_equal(hmr_net_run(n, 0, NULL), 0);
		stats(n, "Identity", .003172, .049003);
		stats(n, "Identity_1", .005447, .037560);
		stats(n, "Identity_2", .013852, .410059);
		stats(n, "Identity_3", 0, 4.502263);
		stats(n, "Identity_5", 0, 6.745242);
		near(n, "Identity", (const double[]){ .01228, .01588, .01032, .00575 }, 4, 6e-6);
		near(n, "Identity_3", (const double[]){ 3.3731, 3.25629, 1.00632, -.19748 }, 4, 1e-5);
		hmr_net_free(n);
	}
	hmr_model_close(m);
}

struct pose { const char *name; double ld[5], world[6], flag; int n_world; };
static const struct pose poses[] = {
	{ "blazepose-heavy", { 134.447, 47.745, -40.954, -9.546, -11.897 },
	  { .0738, -.58671, -.18879, .08726, -.59133, -.19788 }, .154876, 6 },
	{ "blazepose-full", { 114.572, 16.72, -35.693, .306, -2.432 },
	  { -.08769, -.5942, -.10867 }, .681747, 3 },
};
static const char *const wanted[] = { "ld_3d", "world_3d", "output_poseflag", NULL };

static void
check_pose(struct hmr_net *n, const struct pose *p)
{
	near(n, "ld_3d", p->ld, 5, 3e-3);
	near(n, "world_3d", p->world, (size_t)p->n_world, 2e-5);
	near(n, "output_poseflag", &p->flag, 1, 6e-5);
}

static void
test_blazepose(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct hmr_model *m = open_model(poses[i].name);

		for (int d = 0; m && d < 2; d++) {
			struct hmr_net *n = open_net(m, &(struct hmr_net_options){
				.device = devices[d], .outputs = wanted });

			fill(n, 255, 0);
			assert_int_equal(hmr_net_run(n, 0, NULL), 0);
			check_pose(n, &poses[i]);
			assert_null(hmr_net_output(n, "activation_heatmap", NULL));
			hmr_net_free(n);
		}
		hmr_model_close(m);
	}
}

/* Batches 1, 2 and 5 share one network; each image comes out as alone. */
static void
test_batches(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 5, 0 };
	struct hmr_model *m = open_model("blazepose-full");
	const size_t image = 256 * 256 * 3;
	struct hmr_net *n;
	float *in, *alone;

	(void)state;
	if (!m)
		return;
	n = open_net(m, &(struct hmr_net_options){ .device = "cpu", .outputs = wanted,
		.batches = sizes });
	in = hmr_net_input(n, NULL, NULL);
	alone = calloc(5 * 195, sizeof(*alone));
	for (size_t b = 0; b < 5; b++) {	/* one by one, in the first place */
		for (size_t i = 0; i < image; i++)
			in[i] = (float)((37 + 11 * b) * i % 256) / 255;
		assert_int_equal(hmr_net_run(n, 1, NULL), 0);
		memcpy(alone + b * 195, hmr_net_output(n, "ld_3d", NULL), 195 * sizeof(float));
		if (!b)
			check_pose(n, &poses[1]);
	}
	for (size_t i = 0; i < 5 * image; i++)
		in[i] = (float)((37 + 11 * (i / image)) * (i % image) % 256) / 255;
	for (uint32_t k = 1; sizes[k]; k++) {
		struct hmr_dims d;
		const float *y;

		assert_int_equal(hmr_net_run(n, sizes[k], NULL), 0);
		y = hmr_net_output(n, "ld_3d", &d);
		assert_int_equal(d.d[0], sizes[k]);
		/* to the bit: a person does not depend on who else is there */
		assert_memory_equal(y, alone, sizes[k] * 195 * sizeof(*y));
	}
	assert_int_not_equal(hmr_net_run(n, 4, NULL), 0);	/* not planned */
	free(alone);
	hmr_net_free(n);
	hmr_model_close(m);
}

static void
test_sizes(void **state)
{
	struct hmr_model *m = open_model("nanodet");
	struct hmr_net_options o = { .device = "cpu", .input = { 4, { 1, 3, 352, 448 } } };
	struct hmr_dims d;
	struct hmr_net *n;
	struct hmr_err e = { 0 };

	(void)state;
	if (!m)
		return;
	n = open_net(m, &o);
	assert_non_null(hmr_net_output(n, "Identity_3", &d));
	assert_int_equal(d.d[1], 44 * 56);
	hmr_net_free(n);
	o.input.d[2] = 350;
	assert_int_equal(hmr_net_new(&n, m, &o, &e), HMR_E_MODEL);
	assert_non_null(strstr(e.msg, "multiples of 32"));
	hmr_model_close(m);
}

static void
test_no_slow_primitive(void **state)
{
	static const char *const names[] = { "nanodet", "blazepose-heavy", "blazepose-full",
		"blazepose-lite" };
	static const uint32_t batch[] = { 1, 2, 4, 8 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct hmr_model *m = open_model(names[i]);

		for (int b = 0; m && b < 4 + cpu_bf16_here(); b++) {
			const char *node, *impl;
			struct hmr_net *n = open_net(m, &(struct hmr_net_options){
				.device = "cpu", .input = { 4, { batch[b % 4] } },
				.precision = b < 4 ? HMR_PRECISION_F32 :
						     HMR_PRECISION_BF16 });

			for (uint32_t s = 0; hmr_net_step(n, 0, s, &node, &impl); s++)
				if (strstr(impl, "ref") || strstr(impl, "plain"))
					fail_msg("%s batch %u: %s is %s", names[i], batch[b],
						 node, impl);
			hmr_net_free(n);
		}
		hmr_model_close(m);
	}
}

/* oneDNN's C interface builds a small map of arguments for every execution;
 * after a run not a byte more may be in use than before. */
static void
test_run_leaves_nothing(void **state)
{
	(void)state;
	for (int d = 0; d < 2; d++) {
		struct hmr_model *m = open_model(d ? "blazepose-heavy" : "nanodet");
		struct mallinfo2 before, after;
		struct hmr_net *n;

		if (!m)
			return;
		n = open_net(m, &(struct hmr_net_options){ .device = "cpu", .threads = 2 });
		fill(n, 255, 0);
		for (int i = 0; i < 2; i++)	/* threads start on the first */
			assert_int_equal(hmr_net_run(n, 0, NULL), 0);
		before = mallinfo2();
		for (int i = 0; i < 3; i++)
			assert_int_equal(hmr_net_run(n, 0, NULL), 0);
		after = mallinfo2();
		assert_int_equal(before.uordblks, after.uordblks);
		assert_int_equal(before.hblkhd, after.hblkhd);
		assert_int_equal(before.arena, after.arena);
		hmr_net_free(n);
		hmr_model_close(m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nanodet),
		cmocka_unit_test(test_blazepose),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_no_slow_primitive),
		cmocka_unit_test(test_run_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

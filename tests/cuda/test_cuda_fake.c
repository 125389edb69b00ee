/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cuda backend's manners, seen from a device that counts: nothing is allocated
 * after the start, every call that fails ends it cleanly with the call's name, all
 * is given back, --gpu-mem is kept, and the plan without a device is what is taken
 * with one. Seen failing: recordings not freed, a plan that left out the workspace.
 */
#include "ops.h"

#include "fake.h"

/* Something of everything: product, window, depthwise, move, sum, group. */
static struct hmr_model *
mixed(void)
{
	static const int64_t axes[2] = { 1, 2 };
	struct hmr_node conv = { .op = HMR_OP_CONV, .stride = { 2, 2 }, .pad = { 1, 1, 1, 1 },
		.act = HMR_ACT_RELU }, one = { .op = HMR_OP_CONV, .stride = { 1, 1 },
		.act = HMR_ACT_RELU6 }, deep = { .op = HMR_OP_CONV, .stride = { 1, 1 },
		.pad = { 1, 1, 1, 1 }, .group = 16 };
	uint32_t in[3], a;
	struct kit k;

	kit_start(&k, (struct hmr_dims){ 4, { 1, 20, 24, 3 } });
	in[0] = k.in;
	in[1] = kit_const(&k, (struct hmr_dims){ 4, { 16, 3, 3, 3 } }, NULL, .3f);
	in[2] = kit_const(&k, (struct hmr_dims){ 1, { 16 } }, NULL, .3f);
	in[0] = a = kit_node(&k, conv, 3, in);
	in[1] = kit_const(&k, (struct hmr_dims){ 4, { 16, 1, 3, 3 } }, NULL, .3f);
	in[0] = kit_node(&k, deep, 3, in);
	in[1] = kit_const(&k, (struct hmr_dims){ 4, { 16, 16, 1, 1 } }, NULL, .3f);
	in[0] = kit_node(&k, one, 3, in);
	in[1] = a;
	in[0] = kit_node(&k, (struct hmr_node){ .op = HMR_OP_CONCAT, .axis = 3 }, 2, in);
	kit_node(&k, (struct hmr_node){ .op = HMR_OP_REDUCE_MEAN, .list = axes, .n_list = 2 }, 1,
		 in);
	return kit_model(&k);
}

static void
quiet(void)
{
	const struct hmr_fake *f = hmr_fake();

	if (f->wrong[0])
		fail_msg("%s", f->wrong);
	assert_int_equal(f->alive, 0);
	assert_int_equal(f->bytes, 0);
	assert_int_equal(f->bytes_host, 0);
}

static void
test_no_allocation(void **state)
{
	struct hmr_model *m = mixed();
	struct hmr_fake *f = hmr_fake();
	struct hmr_net_plan plan;
	struct hmr_net *n;
	uint64_t made;

	(void)state;
	hmr_fake_reset();
	n = kit_net(m, "cuda", HMR_PRECISION_AUTO);
	assert_string_equal(hmr_net_precision(n), "f16");
	hmr_net_plan(n, &plan);
	assert_int_equal(plan.device, f->bytes);
	assert_int_equal(plan.device, plan.weights + plan.activations + plan.workspace);
	assert_int_equal(plan.staging, f->bytes_host);
	made = f->made;
	for (int i = 0; i < 100; i++)
		assert_int_equal(hmr_net_run(n, i % 2 ? 1 : 3, NULL), 0);
	assert_int_equal(f->made, made);
	assert_int_equal(f->bytes_peak, plan.device);
	hmr_net_free(n);
	quiet();
	hmr_model_close(m);
}

static enum hmr_status
whole_life(const struct hmr_model *m, enum hmr_precision p, uint64_t limit, struct hmr_err *e)
{
	static const uint32_t batches[] = { 1, 3, 0 };
	struct hmr_net_options o = { .device = "cuda", .precision = p, .batches = batches,
		.input = { 4, { 3 } }, .gpu_mem = limit };
	struct hmr_net *n;
	enum hmr_status st = hmr_net_new(&n, m, &o, e);

	for (int i = 0; !st && i < 3; i++)
		st = hmr_net_run(n, i % 2 ? 3 : 1, e);
	if (!st || n)
		hmr_net_free(n);
	return st;
}

static void
test_failures(void **state)
{
	struct hmr_model *m = mixed();
	struct hmr_fake *f = hmr_fake();

	(void)state;
	for (int sticky = 0; sticky < 2; sticky++)
		for (uint64_t n = 1;; n++) {
			struct hmr_err e = { 0 };
			enum hmr_status st;

			hmr_fake_reset();
			f->fail_at = n;
			f->sticky = sticky;
			st = whole_life(m, HMR_PRECISION_BF16, 0, &e);
			quiet();
			if (!st) {
				assert_true(f->calls < n);
				assert_true(n > 40);	/* there was something to fail */
				break;
			}
			assert_int_equal(st, HMR_E_DEVICE);
			assert_non_null(strstr(e.msg, "cudaErrorLaunchFailure"));
		}
	hmr_model_close(m);
}

static void
test_memory(void **state)
{
	struct hmr_model *m = mixed();
	struct hmr_net_options o = { .plan_only = true, .input = { 4, { 3 } } };
	struct hmr_fake *f = hmr_fake();
	struct hmr_net_plan one, all;
	struct hmr_err e = { 0 };
	struct hmr_net *n;

	(void)state;
	hmr_fake_reset();
	assert_int_equal(hmr_net_new(&n, m, &o, &e), 0);
	hmr_net_plan(n, &all);
	hmr_net_free(n);
	o.input.d[0] = 1;
	assert_int_equal(hmr_net_new(&n, m, &o, &e), 0);
	hmr_net_plan(n, &one);
	hmr_net_free(n);
	assert_int_equal(f->calls, 0);	/* planned without a device */
	for (uint64_t limit = 4096; limit < all.device + 4096; limit += limit / 4) {
		enum hmr_status st;

		hmr_fake_reset();
		st = whole_life(m, HMR_PRECISION_AUTO, limit, &e);
		quiet();
		assert_true(f->bytes_peak <= limit);
		if (limit < one.weights + one.activations) {
			assert_int_equal(st, HMR_E_DEVICE);
			assert_non_null(strstr(e.msg, "bytes of GPU memory"));
		} else {
			assert_int_equal(st, 0);
		}
	}
	/* a card that is full says so */
	hmr_fake_reset();
	f->memory = all.device - 1;
	assert_int_equal(whole_life(m, HMR_PRECISION_AUTO, 0, &e), HMR_E_NOMEM);
	assert_non_null(strstr(e.msg, "out of memory"));
	quiet();
	hmr_model_close(m);
}

/* Without cuDNN, on a card without bfloat16, and where none is. */
static void
test_less(void **state)
{
	struct hmr_model *m = mixed();
	struct hmr_fake *f = hmr_fake();
	struct hmr_err e = { 0 };
	struct hmr_net *n;
	const char *node, *impl;
	bool own = false;

	(void)state;
	hmr_fake_reset();
	f->no_dnn = true;
	f->major = 7;
	n = kit_net(m, "cuda", HMR_PRECISION_AUTO);
	assert_string_equal(hmr_net_precision(n), "f16");
	for (uint32_t i = 0; hmr_net_step(n, 1, i, &node, &impl); i++)
		own = own || !strcmp(impl, "conv");
	assert_true(own);
	assert_int_equal(hmr_net_run(n, 3, NULL), 0);
	hmr_net_free(n);
	assert_int_equal(whole_life(m, HMR_PRECISION_BF16, 0, &e), HMR_E_DEVICE);
	assert_non_null(strstr(e.msg, "has no bf16"));
	assert_int_equal(whole_life(m, HMR_PRECISION_INT8, 0, &e), HMR_E_DEVICE);
	quiet();
	f->devices = 0;
	assert_int_equal(whole_life(m, HMR_PRECISION_AUTO, 0, &e), HMR_E_DEVICE);
	assert_non_null(strstr(e.msg, "cudaErrorNoDevice"));
	n = kit_net(m, "auto", HMR_PRECISION_AUTO);
	assert_string_equal(hmr_net_backend(n), "cpu");
	hmr_net_free(n);
	f->devices = 2;
	n = kit_net(m, "cuda:1", HMR_PRECISION_F32);
	assert_string_equal(hmr_net_backend(n), "cuda:1");
	hmr_net_free(n);
	f->no_blas = true;	/* a driver, but no libraries */
	n = kit_net(m, "auto", HMR_PRECISION_F32);
	assert_string_equal(hmr_net_backend(n), "cpu");
	hmr_net_free(n);
	quiet();
	hmr_model_close(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_allocation), cmocka_unit_test(test_failures),
		cmocka_unit_test(test_memory), cmocka_unit_test(test_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

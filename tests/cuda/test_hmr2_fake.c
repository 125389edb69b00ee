/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2 on the fake device, which counts and fails: memory as planned, to the byte;
 * layers streamed and resident alike; every call that can fail failing. Seen failing:
 * a layer that does not wait for its copy, and a copy that does not wait for the layer
 * whose slot it takes.
 */
#include "hmr2_tiny.h"

#include "fake.h"

/* Nothing is left on the device, and nothing was done that CUDA forbids. */
static void
clean(void)
{
	assert_string_equal(hmr_fake()->wrong, "");
	assert_int_equal(hmr_fake()->alive, 0);
	assert_int_equal(hmr_fake()->bytes, 0);
}

/* What the plan says is what is taken, to the byte; running takes nothing; layers
 * that come from the host give the same bytes; people alone and among others too. */
static void
test_memory(void **state)
{
	struct hmr2_cuda_options o = { .precision = HMR_PRECISION_BF16, .people = 2 };
	struct hmr_hmr2_result all[2], streamed[2], one;
	const struct hmr2_cuda_plan *p;
	struct hmr2_cuda *c;
	struct hmr_err e = { 0 };
	uint64_t made;
	size_t whole;

	(void)state;
	hmr_fake_reset();
	c = network(&o);
	p = hmr2_cuda_planned(c);
	assert_int_equal(p->resident, 3);
	assert_int_equal(p->slots, 0);
	whole = p->device;
	assert_int_equal(hmr_fake()->bytes_peak, whole);
	assert_int_equal(hmr_fake()->bytes_host, p->host_io);
	made = hmr_fake()->made;
	run(c, crops, 2, all);
	run(c, crops + HMR_HMR2_PIXELS, 1, &one);
	assert_memory_equal(&one, &all[1], sizeof(one));
	assert_int_equal(hmr_fake()->made, made);
	hmr2_cuda_free(c);
	clean();

	/* one person fits whole; a byte less, and all three layers come through two
	 * slots */
	o.people = 1;
	c = network(&o);
	o.limit = hmr2_cuda_planned(c)->device - 1;
	hmr2_cuda_free(c);
	hmr_fake_reset();
	c = network(&o);
	p = hmr2_cuda_planned(c);
	assert_int_equal(p->resident, 0);
	assert_int_equal(p->slots, 2 * p->layer);
	assert_true(p->device <= o.limit);
	assert_int_equal(hmr_fake()->bytes_peak, p->device);
	assert_int_equal(hmr_fake()->bytes_host, p->host_io + p->host_layers);
	made = hmr_fake()->made;
	for (uint32_t i = 0; i < 2; i++)
		run(c, crops + i * (size_t)HMR_HMR2_PIXELS, 1, &streamed[i]);
	assert_memory_equal(streamed, all, sizeof(all));
	assert_int_equal(hmr_fake()->made, made);
	o.limit = p->device - 1;
	hmr2_cuda_free(c);
	clean();
	assert_int_equal(hmr2_cuda_new(&c, &weights, &o, &e), HMR_E_DEVICE);
	print_message("# %s\n", e.msg);
	assert_null(c);
	clean();
}

/* Each call that can fail fails: its own text, nothing left behind; and with all
 * after it failing too, as after a sticky error. */
static void
test_failures(void **state)
{
	struct hmr2_cuda_options o = { .precision = HMR_PRECISION_F16, .people = 1 };
	struct hmr_hmr2_result r;
	struct hmr2_cuda *c;
	uint64_t calls;

	(void)state;
	hmr_fake_reset();
	c = network(&o);
	o.limit = hmr2_cuda_planned(c)->device - 1;	/* all there is, streaming too */
	hmr2_cuda_free(c);
	hmr_fake_reset();
	c = network(&o);
	calls = hmr_fake()->calls;
	run(c, crops, 1, &r);
	calls = hmr_fake()->calls;
	hmr2_cuda_free(c);
	clean();
	print_message("# %u calls\n", (unsigned)calls);
	assert_true(calls > 80);
	for (uint64_t n = 1; n <= calls; n++) {
		struct hmr_err e = { 0 };
		enum hmr_status st;

		hmr_fake_reset();
		hmr_fake()->fail_at = n;
		hmr_fake()->sticky = n % 2;
		st = hmr2_cuda_new(&c, &weights, &o, &e);
		if (!st) {
			st = hmr2_cuda_run(c, crops, 1, &r, &e);
			hmr2_cuda_free(c);
		}
		assert_true(st == HMR_E_DEVICE || st == HMR_E_NOMEM);
		assert_true(strlen(e.msg) > 10);
		clean();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_failures),
	};

	if (access(oracle("tiny.ckpt"), R_OK))
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2 on the fake device, which counts and fails: memory as planned, to the byte;
 * layers streamed and resident alike; every call that can fail failing. Seen failing:
 * a layer that does not wait for its copy, a copy that does not wait for the layer
 * whose slot it takes, weights put where the last ones have not left yet, and the first
 * norm of a layer that comes from the host left out.
 */
#include "hmr2_tiny.h"

#include "fake.h"
#include "hmr2/hmr2_noise.h"

/* Nothing is left on the device, and nothing was done that CUDA forbids. */
static void
clean(void)
{
	assert_string_equal(hmr_fake()->wrong, "");
	assert_int_equal(hmr_fake()->alive, 0);
	assert_int_equal(hmr_fake()->bytes, 0);
}

/* float32 of the oracle, and 8-bit noise of five layers. */
static void
both(void (*test)(const struct hmr2_weights *w, struct hmr2_cuda_options o))
{
	static const struct hmr_hmr2_dims d = { .dim = 96, .depth = 5, .heads = 4,
		.mlp = 192, .head_dim = 96, .head_depth = 1, .head_heads = 4,
		.head_inner = 64, .head_mlp = 64 };
	struct hmr2_cuda_options o = { .precision = HMR_PRECISION_BF16 };
	struct hmr2_weights w;
	struct hmr_err e = { 0 };
	void *memory;

	test(&weights, o);
	o.precision = HMR_PRECISION_INT8;
	if (hmr2_noise(&w, &d, true, &memory, &e))
		fail_msg("%s", e.msg);
	test(&w, o);
	hmr2_weights_close(&w);
	free(memory);
}

/* What the plan says is what is taken, to the byte, also while weights are loaded;
 * running takes nothing; layers that come from the host give the same bytes; people
 * alone and among others too. */
static void
memory(const struct hmr2_weights *w, struct hmr2_cuda_options o)
{
	struct hmr_hmr2_result all[2], streamed[2], one;
	const struct hmr2_cuda_plan *p;
	struct hmr2_cuda *c;
	struct hmr_err e = { 0 };
	uint64_t made;

	hmr_fake_reset();
	o.people = 2;
	c = network_of(w, &o);
	p = hmr2_cuda_planned(c);
	assert_int_equal(p->resident, p->depth);
	assert_int_equal(p->slots, 0);
	assert_int_equal(hmr_fake()->bytes_peak, p->device);
	assert_int_equal(hmr_fake()->bytes_host_peak, p->host_io);
	made = hmr_fake()->made;
	run(c, crops, 2, all);
	run(c, crops + HMR_HMR2_PIXELS, 1, &one);
	assert_memory_equal(&one, &all[1], sizeof(one));
	assert_int_equal(hmr_fake()->made, made);
	hmr2_cuda_free(c);
	clean();

	/* with the least that works all layers, but the first of 8-bit ones, come
	 * through two slots */
	o.people = 1;
	c = network_of(w, &o);
	o.limit = hmr2_cuda_planned(c)->device - 1;
	hmr2_cuda_free(c);
	do {
		hmr_fake_reset();
		c = network_of(w, &o);
		p = hmr2_cuda_planned(c);
		assert_int_equal(p->slots, 2 * p->layer);
		assert_true(p->device <= o.limit);
		assert_int_equal(hmr_fake()->bytes_peak, p->device);
		assert_int_equal(hmr_fake()->bytes_host_peak, p->host_io + p->host_layers);
		made = hmr_fake()->made;
		for (uint32_t i = 0; i < 2; i++)
			run(c, crops + i * (size_t)HMR_HMR2_PIXELS, 1, &streamed[i]);
		assert_memory_equal(streamed, all, sizeof(all));
		assert_int_equal(hmr_fake()->made, made);
		o.limit = p->device - 1;
		made = p->resident;
		hmr2_cuda_free(c);
		clean();
	} while (made > (o.precision == HMR_PRECISION_INT8));
	assert_int_equal(hmr2_cuda_new(&c, w, &o, &e), HMR_E_DEVICE);
	print_message("# %s\n", e.msg);
	assert_null(c);
	clean();
}

static void
test_memory(void **state)
{
	(void)state;
	both(memory);
}

/* Each call that can fail fails: its own text, nothing left behind; and with all
 * after it failing too, as after a sticky error. */
static void
failures(const struct hmr2_weights *w, struct hmr2_cuda_options o)
{
	struct hmr_hmr2_result r;
	struct hmr2_cuda *c;
	uint64_t calls;

	hmr_fake_reset();
	o.people = 1;
	c = network_of(w, &o);
	o.limit = hmr2_cuda_planned(c)->device - 1;	/* all there is, streaming too */
	hmr2_cuda_free(c);
	hmr_fake_reset();
	c = network_of(w, &o);
	run(c, crops, 1, &r);
	calls = hmr_fake()->calls;
	hmr2_cuda_free(c);
	clean();
	print_message("# %u calls\n", (unsigned)calls);
	assert_true(calls > 80);
	for (uint64_t n = 1; n <= calls; n += getenv("HMR_SAN") ? 7 : 1) {
		struct hmr_err e = { 0 };
		enum hmr_status st;

		hmr_fake_reset();
		hmr_fake()->fail_at = n;
		hmr_fake()->sticky = n % 2;
		st = hmr2_cuda_new(&c, w, &o, &e);
		if (!st) {
			st = hmr2_cuda_run(c, crops, 1, &r, &e);
			hmr2_cuda_free(c);
		}
		assert_true(st == HMR_E_DEVICE || st == HMR_E_NOMEM);
		assert_true(strlen(e.msg) > 10);
		clean();
	}
}

static void
test_failures(void **state)
{
	(void)state;
	both(failures);
}

/* Where cuBLASLt has no 8-bit products, the file's default is another, and asking for
 * them fails. */
static void
no_int8(const struct hmr2_weights *w, struct hmr2_cuda_options o)
{
	struct hmr2_cuda *c;
	struct hmr_err e = { 0 };

	if (o.precision != HMR_PRECISION_INT8)
		return;
	hmr_fake_reset();
	hmr_fake()->no_int8 = true;
	o.people = 1;
	assert_int_equal(hmr2_cuda_new(&c, w, &o, &e), HMR_E_DEVICE);
	assert_non_null(strstr(e.msg, "no 8-bit products"));
	clean();
	o.precision = HMR_PRECISION_AUTO;
	c = network_of(w, &o);
	assert_string_equal(hmr2_cuda_precision(c), "bf16");
	hmr2_cuda_free(c);
	clean();
}

static void
test_no_int8(void **state)
{
	(void)state;
	both(no_int8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_no_int8),
	};

	if (access(oracle("tiny.ckpt"), R_OK)) {
		puts("1..0 # SKIP no oracle/hmr2-tiny in $HMR_SHARED");
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}

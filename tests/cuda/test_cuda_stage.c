/* SPDX-License-Identifier: Apache-2.0 */
/* A stage's networks on the fake device: together they keep to --gpu-mem. Seen
 * failing: the second network given the whole limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/detector.h"
#include "fake.h"

/* The networks of a stage share the limit, and say together what they need. */
static void
test_stage(void **state)
{
	struct hmr_model *m;
	char path[4096];
	struct hmr_detector_options o = { .device = "cuda", .precision = HMR_PRECISION_F32,
		.threads = 1, .width = 64, .height = 48, .score = .3f, .nms = .5f,
		.max_people = 8 };
	struct hmr_detector_plan plan;
	struct hmr_fake *f = hmr_fake();
	struct hmr_err e = { 0 };
	struct hmr_detector *d;

	(void)state;
	if (hmr_model_path("nanodet", path, sizeof(path), &e)) {
		print_message("# skipped: no model nanodet\n");
		return;
	}
	assert_int_equal(hmr_model_open(&m, path, &e), 0);
	hmr_fake_reset();
	assert_int_equal(hmr_detector_new(&d, m, &o, &e), 0);
	hmr_detector_plan(d, &plan);
	assert_int_equal(plan.nets.device, f->bytes);
	hmr_detector_free(d);
	o.gpu_mem = plan.nets.weights + plan.nets.activations + plan.nets.images;
	hmr_fake_reset();
	assert_int_equal(hmr_detector_new(&d, m, &o, &e), 0);
	assert_true(f->bytes_peak <= o.gpu_mem);
	hmr_detector_free(d);
	o.gpu_mem--;
	assert_int_equal(hmr_detector_new(&d, m, &o, &e), HMR_E_DEVICE);
	hmr_model_close(m);
	assert_int_equal(f->alive, 0);
	assert_string_equal(f->wrong, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_stage) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

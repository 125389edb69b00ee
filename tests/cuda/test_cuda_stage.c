/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage's networks on the fake device: together they keep to --gpu-mem; a small
 * detector with the next image begun before each is finished finds what the CPU
 * finds, allocates nothing, copies the image up and the people down and nothing else,
 * and whichever call fails, the images before are finished first.
 * Seen failing: the second network given the whole limit, one result or job for both slots,
 * an image whose failure took the one before it along.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda/detect_args.h"
#include "detect/detector.h"
#include "fake.h"
#include "import/build.h"

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

#define IMAGES 5
#define MOST 4u

/* Cells of 8 pixels, two sizes. */
static struct hmr_detector *
small(const struct hmr_model *m, const char *device, uint32_t tiles, struct hmr_err *e)
{
	static const char text[] = "{\"format\":\"hmr-sidecar 1\",\"kind\":\"yolox\","
		"\"input\":{\"layout\":\"NHWC\",\"mean\":0,\"std\":255},"
		"\"outputs\":{\"all\":\"y\",\"columns\":[\"box\",\"objectness\",\"classes\"],"
		"\"channels\":\"last\"},"
		"\"decode\":{\"strides\":[8],\"best\":false,\"activation\":\"sigmoid\","
		"\"sizes\":[32,64],\"gate\":0.2}}";
	struct hmr_detector_options o = { .device = device, .precision = HMR_PRECISION_F32,
		.threads = 1, .width = 66, .height = 50, .score = .3f, .nms = .5f,
		.max_people = MOST, .tile_rows = tiles, .tile_cols = tiles, .sidecar = "s.json",
		.sidecar_text = text, .sidecar_size = sizeof(text) - 1 };
	struct hmr_detector *d;

	return hmr_detector_new(&d, m, &o, e) ? NULL : d;
}

static float
next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (float)(*seed >> 8) / 8388608.0f - 1;
}

static uint32_t
constant(struct hmr_build *b, struct hmr_dims d, float scale)
{
	size_t n = hmr_dims_total(&d);
	float *p = malloc(n * sizeof(*p));
	uint32_t value, seed = (uint32_t)n;

	for (size_t i = 0; i < n; i++)
		p[i] = next(&seed) * scale;
	assert_int_equal(hmr_build_const(b, "c", HMR_DTYPE_F32, &d, p, &value, NULL), 0);
	return value;		/* the builder owns p */
}

/* One convolution. */
static struct hmr_model *
small_model(void)
{
	const struct hmr_dims d = { 4, { 1, 32, 32, 3 } };
	const uint32_t any[HMR_DIMS_MAX] = { 1, 1, 1, 1, 1, 1 };
	struct hmr_build_about about = { "small", "network", NULL, NULL };
	struct hmr_node conv = { .op = HMR_OP_CONV, .stride = { 8, 8 }, .group = 1,
		.n_in = 3, .n_out = 1 };
	uint32_t in[3], out[1];
	struct hmr_build b;
	struct hmr_model *m;
	char path[64];

	assert_int_equal(hmr_build_init(&b, NULL), 0);
	assert_int_equal(hmr_build_input(&b, "x", &d, any, &in[0], NULL), 0);
	in[1] = constant(&b, (struct hmr_dims){ 4, { 6, 3, 8, 8 } }, .3f);
	in[2] = constant(&b, (struct hmr_dims){ 1, { 6 } }, .5f);
	conv.in = in;
	assert_int_equal(hmr_build_node(&b, "conv", &conv, out, NULL), 0);
	assert_int_equal(hmr_build_output(&b, "y", out[0], NULL), 0);
	snprintf(path, sizeof(path), "/tmp/hmr-test-stage.%ld", (long)getpid());
	assert_int_equal(hmr_build_write(&b, path, &about, NULL), 0);
	assert_int_equal(hmr_model_open(&m, path, NULL), 0);
	unlink(path);
	hmr_build_release(&b);
	return m;
}

/* Number i: of another size and format each. */
static void
image(uint32_t i, struct hmr_image *im)
{
	static uint8_t plane[IMAGES][3][66 * 50 * 3];
	uint32_t seed = i + 1;

	*im = (struct hmr_image){ .pixel = HMR_PIXEL_YUV420P + i % 6, .depth = 8,
		.width = 66 - 5 * i, .height = 50 - 3 * i, .matrix = HMR_MATRIX_BT709,
		.range = HMR_RANGE_LIMITED };
	im->planes = hmr_pixel_planes(im->pixel);
	for (uint32_t p = 0; p < im->planes; p++) {
		for (size_t k = 0; k < sizeof(plane[i][p]); k++)
			plane[i][p][k] = (uint8_t)(next(&seed) * 127 + 128);
		im->plane[p] = plane[i][p];
		im->stride[p] = (uint32_t)hmr_plane_row(im, p);
	}
}

/* All images, as a stage with the next one begun does it. *done: finished. */
static enum hmr_status
run_images(struct hmr_detector *d, struct hmr_person out[IMAGES][MOST], uint32_t n[IMAGES],
	   uint32_t *done, struct hmr_err *e)
{
	enum hmr_status st, later = HMR_OK;
	struct hmr_image im;
	uint32_t over;

	*done = 0;
	image(0, &im);
	st = hmr_detector_begin(d, &im, e);
	while (!st && *done < IMAGES) {
		if (*done + 1 < IMAGES) {
			image(*done + 1, &im);
			later = hmr_detector_begin(d, &im, e);
		}
		image(*done, &im);
		if (!(st = hmr_detector_finish(d, &im, out[*done], &n[*done], &over, e)))
			++*done;
		assert_false(st && later);	/* one call fails at most: not two images */
		st = st ? st : later;
	}
	return st;
}

static void
test_images(void **state)
{
	struct hmr_person want[IMAGES][MOST], got[IMAGES][MOST];
	struct hmr_model *m = small_model();
	struct hmr_fake *f = hmr_fake();
	uint32_t n[IMAGES], k[IMAGES], done, all = 0;
	struct hmr_err e = { 0 };
	struct hmr_detector *d;
	struct hmr_image im;
	uint64_t made, up, down;

	(void)state;
	for (uint32_t tiles = 0; tiles < 3; tiles += 2) {
		if (!(d = small(m, "cpu", tiles, &e)))
			fail_msg("%s", e.msg);
		assert_int_equal(run_images(d, want, n, &done, &e), 0);
		hmr_detector_free(d);
		hmr_fake_reset();
		if (!(d = small(m, "cuda", tiles, &e)))
			fail_msg("%s", e.msg);
		made = f->made;
		up = f->up;
		down = f->down;
		assert_int_equal(run_images(d, got, k, &done, &e), 0);
		assert_int_equal(f->made, made);
		for (uint32_t i = 0; i < IMAGES; i++) {
			image(i, &im);
			up += (im.planes > 1 ? 512 : 0) + hmr_image_bytes(&im) +
				2 * sizeof(struct detect_job);
			down += 8 + MOST * sizeof(struct detect_box);
			assert_int_equal(n[i], k[i]);
			all += n[i];
			for (uint32_t p = 0; p < n[i]; p++)
				for (int c = 0; c < 4; c++)
					assert_float_equal(want[i][p].box[c], got[i][p].box[c],
							   1e-3);
		}
		if (!tiles) {	/* planes are 256 bytes apart */
			assert_true(f->up <= up);
			assert_int_equal(f->down, down);
		}
		hmr_detector_free(d);
		assert_int_equal(f->alive, 0);
		assert_string_equal(f->wrong, "");
	}
	assert_true(all > IMAGES);
	hmr_model_close(m);
}

static void
test_failures(void **state)
{
	struct hmr_person want[IMAGES][MOST], got[IMAGES][MOST];
	struct hmr_model *m = small_model();
	struct hmr_fake *f = hmr_fake();
	uint32_t n[IMAGES], k[IMAGES], done;
	struct hmr_err e = { 0 };
	struct hmr_detector *d;
	enum hmr_status st = HMR_E_DEVICE;

	(void)state;
	hmr_fake_reset();
	d = small(m, "cuda", 0, &e);
	assert_int_equal(run_images(d, want, n, &done, &e), 0);
	hmr_detector_free(d);
	for (uint64_t call = 1; st; call++) {
		hmr_fake_reset();
		f->fail_at = call;
		done = 0;
		st = HMR_E_DEVICE;
		if ((d = small(m, "cuda", 0, &e)))
			st = run_images(d, got, k, &done, &e);
		hmr_detector_free(d);
		assert_int_equal(f->alive, 0);
		assert_string_equal(f->wrong, "");
		for (uint32_t i = 0; i < done; i++) {
			assert_int_equal(k[i], n[i]);
			assert_memory_equal(got[i], want[i], n[i] * sizeof(want[i][0]));
		}
		if (st) {
			assert_int_equal(st, HMR_E_DEVICE);
			assert_non_null(strstr(e.msg, "cudaErrorLaunchFailure"));
		}
	}
	assert_int_equal(done, IMAGES);
	hmr_model_close(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_stage),
		cmocka_unit_test(test_images), cmocka_unit_test(test_failures) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2 against its authors' code: $HMR_SHARED/oracle/hmr2-tiny, a small network
 * of the same structure, imported here, with the outputs of the reference.
 * Limits are those of the project; what was observed stands beside them. Needs
 * ffmpeg to decode the picture. CPPFLAGS=-DHMR_HMR2_PLAIN tests what processors
 * without AVX-512 run.
 */
#include "../hmr2_oracle.h"

#include "hmr2/hmr2_calibrate.h"
#include "hmr2/hmr2_crop.h"
#include "hmr2/hmr2_kernels.h"
#include "hmr2/hmr2_net.h"
#include "hmr2/hmr2_ref.h"
#include "hmr2/hmr2_weights.h"

#define W 640
#define H 480
#define FULL ((size_t)3 * 256 * 256)

static uint8_t image[W * H * 3];
static const float boxes[N][4] = { { 120, 60, 260, 420 }, { -30, 200, 150, 500 },
	{ 400, 100, 440, 190 }, { 60, 10, 600, 470 } };

static int
setup(void **state)
{
	static const enum hmr_precision p[] = { HMR_PRECISION_F32, HMR_PRECISION_BF16,
		HMR_PRECISION_INT8 };
	static const char *const name[] = { "f32", "bf16", "int8" };
	struct hmr_hmr2_import o = { .heads = 4, .head_heads = 4 };
	struct hmr2_calibrator *c = NULL;
	struct hmr_hmr2_dims d;
	struct hmr_err e = { 0 };
	char cmd[4400];
	FILE *f;

	(void)state;
	oracle_open();
	snprintf(cmd, sizeof(cmd), "ffmpeg -v error -i '%s' -f rawvideo -pix_fmt rgb24 -",
		 oracle("image.png"));
	f = popen(cmd, "r");
	assert_non_null(f);
	assert_int_equal(fread(image, 1, sizeof(image), f), sizeof(image));
	pclose(f);
	o.checkpoint = oracle("tiny.ckpt");
	if (hmr2_calibrator_new(&c, 2, NULL) == HMR_OK) {
		o.observer = &hmr2_calibrator_observer;
		o.observer_ctx = c;
	}
	for (int i = 0; i < 3; i++) {
		o.precision = p[i];
		if (hmr_hmr2_import(&o, model(name[i]), &d, &e))
			fail_msg("%s", e.msg);
	}
	hmr2_calibrator_free(c);
	assert_int_equal(d.dim, 96);
	assert_int_equal(d.depth, 3);
	assert_int_equal(d.head_dim, 128);
	assert_int_equal(d.head_depth, 2);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return oracle_close();
}

/* The project asks for a mean error below 0.01 (normalised). Observed: 5e-8, with
 * blur 1e-7; a position rounded otherwise would give 1e-3. */
static void
test_crop(void **state)
{
	static const char *const kind[] = { "plain", "antialias" };
	struct hmr2_rgb im = { image, W * 3, W, H };
	static float crop[3 * 256 * 256];
	struct hmr2_cropper *c;

	(void)state;
	assert_int_equal(hmr2_cropper_new(&c, W, NULL), HMR_OK);
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < N; i++) {
			const float *x = reference(kind[k], "crop") + FULL * (size_t)i;
			struct hmr2_square s;
			double sum = 0;

			hmr2_square_of(boxes[i], &s);
			hmr2_crop(c, &im, &s, k, 0, 256, crop);
			for (size_t j = 0; j < FULL; j++)
				sum += fabs((double)crop[j] - (double)x[j]);
			sum /= (double)FULL;
			print_message("# crop %s %d: mean error %.3g, worst %.3g\n", kind[k],
				      i, sum, (double)worst(crop, x, FULL));
			assert_true(sum < 1e-5);
		}
	hmr2_cropper_free(c);
}

/* The columns that the network sees of the oracle's crops: out [N][3][256][192]. */
static void
given_crops(const char *kind, float *out)
{
	const float *x = reference(kind, "crop");

	for (size_t r = 0; r < N * 3 * 256; r++)
		memcpy(out + r * 192, x + r * 256 + 32, 192 * sizeof(float));
}

static void
test_ref(void **state)
{
	static const char *const kind[] = { "plain", "antialias" };
	static float crops[N * HMR_HMR2_PIXELS], tokens[192 * 96];
	struct hmr2_weights w;
	struct hmr_err e = { 0 };
	float *room;

	(void)state;
	if (hmr2_weights_open(&w, model("f32"), &e))
		fail_msg("%s", e.msg);
	room = malloc(hmr2_ref_bytes(&w.d));
	for (int k = 0; k < 2; k++) {
		given_crops(kind[k], crops);
		for (size_t i = 0; i < N; i++) {
			struct hmr_hmr2_result r;
			float a, b, c, d;

			hmr2_ref_backbone(&w, crops + i * HMR_HMR2_PIXELS, tokens, room);
			hmr2_ref_head(&w, tokens, &r, room);
			a = worst(tokens, reference(kind[k], "tokens") + i * 192 * 96,
				  192 * 96);
			b = worst(&r.pose[0][0], reference(kind[k], "rotmat") + i * 216, 216);
			c = worst(r.shape, reference(kind[k], "betas") + i * 10, 10);
			d = worst(r.camera, reference(kind[k], "cam") + i * 3, 3);
			print_message("# ref %s %zu: tokens %.2g, rotations %.2g, shape %.2g, "
				      "camera %.2g\n", kind[k], i, (double)a, (double)b,
				      (double)c, (double)d);
			assert_true(a < 1e-4f && b < 1e-4f && c < 1e-4f && d < 1e-4f);
		}
	}
	free(room);
	hmr2_weights_close(&w);
}

/* A network on `threads` threads. */
static struct hmr_hmr2 *
network(const char *file, enum hmr_precision p, unsigned threads, uint32_t people)
{
	struct hmr_hmr2_options o = { .precision = p, .threads = threads,
				      .max_people = people };
	struct hmr_hmr2 *n;
	struct hmr_err e = { 0 };

	if (hmr_hmr2_new(&n, model(file), &o, &e))
		fail_msg("%s", e.msg);
	return n;
}

static void
run(struct hmr_hmr2 *n, const float *crops, uint32_t count, struct hmr_hmr2_result *r)
{
	struct hmr_err e = { 0 };

	if (hmr_hmr2_run(n, crops, count, r, &e))
		fail_msg("%s", e.msg);
}

/* Largest angle between two poses' joints, degrees. */
static float
turned(const float (*a)[9], const float *b)
{
	float most = 0;

	for (int j = 0; j < 24; j++) {
		double d = 0;

		for (int i = 0; i < 9; i++)
			d += pow((double)a[j][i] - (double)b[9 * j + i], 2);
		/* |R - S|_F = sqrt(8) sin(angle / 2) */
		most = fmaxf(most, (float)(2 * asin(fmin(1, sqrt(d / 8))) * 57.29577951));
	}
	return most;
}

/* The fast one in float32. Observed: tokens 5e-6, rotations 3e-5. */
static void
test_f32(void **state)
{
	static const char *const kind[] = { "plain", "antialias" };
	static float crops[N * HMR_HMR2_PIXELS];

	(void)state;
	for (unsigned threads = 1; threads < 6; threads += 2)
		for (int k = 0; k < 2; k++) {
			struct hmr_hmr2 *n = network("f32", HMR_PRECISION_AUTO, threads, N);
			struct hmr_hmr2_result r[N];
			float a, b = 0, c = 0, d = 0;

			given_crops(kind[k], crops);
			run(n, crops, N, r);
			a = worst(hmr_hmr2_tokens(n, 0), reference(kind[k], "tokens"),
				  N * 192 * 96);
			for (size_t i = 0; i < N; i++) {
				b = fmaxf(b, worst(&r[i].pose[0][0],
					  reference(kind[k], "rotmat") + i * 216, 216));
				c = fmaxf(c, worst(r[i].shape,
					  reference(kind[k], "betas") + i * 10, 10));
				d = fmaxf(d, worst(r[i].camera,
					  reference(kind[k], "cam") + i * 3, 3));
			}
			print_message("# f32 %s, %u threads: tokens %.2g, rotations %.2g, "
				      "shape %.2g, camera %.2g\n", kind[k], threads,
				      (double)a, (double)b, (double)c, (double)d);
			assert_true(a < 1e-4f && b < 1e-4f && c < 1e-4f && d < 1e-4f);
			hmr_hmr2_free(n);
		}
}

/* Mean distance of the 44 joints, mm. */
static float
joints_off(const struct hmr_hmr2_result *r, const char *kind, size_t i)
{
	const float *x = reference(kind, "joints3d") + i * 132;
	float p[HMR_BODY_POINTS][3], sum = 0;

	hmr_body_pose(body, work, (const float (*)[9])r->pose, r->shape, NULL, NULL, p, NULL);
	for (int j = 0; j < HMR_BODY_POINTS; j++, x += 3)
		sum += hypotf(hypotf(p[j][0] - x[0], p[j][1] - x[1]), p[j][2] - x[2]);
	return sum / HMR_BODY_POINTS * 1000;
}

/* Joints within 2 mm in bfloat16 and 8 mm in 8 bit, mean of all people. */
static void
test_small(void **state)
{
	static const char *const file[] = { "bf16", "int8" };
	/* to nearest where the CPU has no vectors for better */
	const float limit[] = { 2, hmr2_cpu_fast() ? 8 : 12 };
	static float crops[N * HMR_HMR2_PIXELS];

	(void)state;
	given_crops("plain", crops);
	for (int k = 0; k < 2; k++) {
		struct hmr_hmr2 *n = network(file[k], HMR_PRECISION_AUTO, 2, N);
		struct hmr_hmr2_result r[N];
		float all = 0;

		run(n, crops, N, r);
		for (size_t i = 0; i < N; i++) {
			float off = joints_off(&r[i], "plain", i);

			all += off / N;
			print_message("# %s as %s, person %zu: rotations %.2f degrees at most, "
				      "joints %.2f mm, camera %.2g\n", file[k],
				      hmr_hmr2_precision(n), i, (double)turned(
				      (const float (*)[9])r[i].pose,
				      reference("plain", "rotmat") + i * 216), (double)off,
				      (double)worst(r[i].camera,
				      reference("plain", "cam") + i * 3, 3));
		}
		print_message("# %s: joints %.2f mm in the mean\n", file[k], (double)all);
		assert_true(all < limit[k]);
		hmr_hmr2_free(n);
	}
}

/* From image and boxes to vertices and joints in the image, as a user gets it. */
static void
test_whole(void **state)
{
	static const char *const kind[] = { "plain", "antialias" };
	static float crops[N * HMR_HMR2_PIXELS], v[HMR_SMPL_VERTICES][3];
	struct hmr_hmr2 *n = network("f32", HMR_PRECISION_AUTO, 2, N);
	struct hmr2_rgb im = { image, W * 3, W, H };
	struct hmr2_cropper *c;

	(void)state;
	assert_int_equal(hmr2_cropper_new(&c, W, NULL), HMR_OK);
	for (int k = 0; k < 2; k++) {
		struct hmr2_square s[N];
		struct hmr_hmr2_result r[N];
		float off_v = 0, off_j = 0, off_2d = 0, off_t = 0;

		for (size_t i = 0; i < N; i++) {
			hmr2_square_of(boxes[i], &s[i]);
			hmr2_crop(c, &im, &s[i], k, HMR_HMR2_LEFT,
				  HMR_HMR2_LEFT + HMR_HMR2_WIDTH,
				  crops + i * HMR_HMR2_PIXELS);
		}
		run(n, crops, N, r);
		for (size_t i = 0; i < N; i++) {
			const float *x = reference(kind[k], "joints2d") + i * 88;
			float p[HMR_BODY_POINTS][3], q[HMR_BODY_POINTS][3], t[3];

			hmr_body_pose(body, work, (const float (*)[9])r[i].pose,
				      r[i].shape, v, NULL, p, NULL);
			hmr_body_pose(body, work, (const float (*)[9])r[i].pose,
				      r[i].shape, NULL, NULL, q, NULL);
			assert_true(worst(&p[0][0], &q[0][0], 132) < 1e-5f);
			off_v = fmaxf(off_v, worst(&v[0][0], reference(kind[k], "vertices") +
				i * HMR_SMPL_VERTICES * 3, HMR_SMPL_VERTICES * 3));
			off_j = fmaxf(off_j, worst(&p[0][0], reference(kind[k], "joints3d") +
				i * 132, 132));
			hmr2_camera_full(r[i].camera, &s[i], 12500, W, H, t);
			off_t = fmaxf(off_t, worst(t, reference(kind[k], "cam_t_full") +
				i * 3, 3));
			for (int j = 0; j < HMR_BODY_POINTS; j++, x += 2) {
				float f = 12500 / (p[j][2] + t[2]);

				off_2d = fmaxf(off_2d, hypotf(
					f * (p[j][0] + t[0]) + W / 2 - x[0],
					f * (p[j][1] + t[1]) + H / 2 - x[1]));
			}
		}
		print_message("# whole, %s: vertices %.4f mm, joints %.4f mm, camera %.2g m, "
			      "joints in the image %.4f px\n", kind[k],
			      (double)off_v * 1000, (double)off_j * 1000, (double)off_t,
			      (double)off_2d);
		assert_true(off_v < 1e-4f && off_j < 1e-4f && off_2d < 0.05f);
	}
	hmr2_cropper_free(c);
	hmr_hmr2_free(n);
}

/* A person alone, among seven others, in another place, in another split: the
 * same bytes. */
static void
test_alone(void **state)
{
	static const char *const file[] = { "f32", "bf16", "int8" };
	static float crops[2 * N * HMR_HMR2_PIXELS];

	(void)state;
	given_crops("plain", crops);
	given_crops("antialias", crops + N * HMR_HMR2_PIXELS);
	for (int k = 0; k < 3; k++) {
		struct hmr_hmr2 *n = network(file[k], HMR_PRECISION_AUTO, 3, 8);
		struct hmr_hmr2 *small = network(file[k], HMR_PRECISION_AUTO, 1, 3);
		struct hmr_hmr2_result one[2 * N], all[2 * N], split[2 * N];

		run(n, crops, 2 * N, all);
		run(small, crops, 2 * N, split);
		for (size_t i = 0; i < 2 * N; i++)
			run(n, crops + i * HMR_HMR2_PIXELS, 1, &one[i]);
		assert_memory_equal(one, all, sizeof(one));
		assert_memory_equal(split, all, sizeof(one));
		hmr_hmr2_free(n);
		hmr_hmr2_free(small);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crop),
		cmocka_unit_test(test_ref),
		cmocka_unit_test(test_f32),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_alone),
	};

	if (access(oracle("tiny.ckpt"), R_OK)) {
		puts("1..0 # SKIP no oracle/hmr2-tiny in $HMR_SHARED");
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}

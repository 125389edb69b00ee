/* SPDX-License-Identifier: Apache-2.0 */
/* Re-identification with a tiny network, a linear map of the pixels: preparation,
 * batches, who is looked at, and what a sidecar may say. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "detect/looks.h"
#include "import/build.h"

#define TALL 8
#define WIDE 4
#define VALUES 5

static float weight[VALUES][TALL][WIDE][3];
static char folder[] = "/tmp/test-reid-XXXXXX", model_path[64], sidecar_path[64];

/* A network that takes TALL x WIDE pixels to VALUES numbers. embedding: in its meta, or
 * NULL. */
static void
write_model(uint32_t batch, const char *embedding)
{
	static const struct hmr_dims in = { 4, { 1, TALL, WIDE, 3 } };
	static const struct hmr_dims wd = { 4, { VALUES, 3, TALL, WIDE } };
	static const int64_t flat[] = { 0, -1 };
	struct hmr_build_about about = { .name = "tiny", .kind = "network" };
	cJSON *meta = cJSON_CreateObject();
	struct hmr_node conv = { .op = HMR_OP_CONV, .n_in = 2, .n_out = 1, .stride = { 1, 1 },
		.group = 1 };
	struct hmr_node shape = { .op = HMR_OP_RESHAPE, .n_in = 1, .n_out = 1, .n_list = 2,
		.list = flat };
	uint32_t free_axes[HMR_DIMS_MAX] = { batch }, v[2], y, z;
	float *data = malloc(sizeof(weight)), *at = data;	/* [out][in][h][w] */
	struct hmr_build b;

	assert_non_null(data);
	for (int o = 0; o < VALUES; o++)
		for (int c = 0; c < 3; c++)
			for (int i = 0; i < TALL; i++)
				for (int j = 0; j < WIDE; j++)
					*at++ = weight[o][i][j][c] =
						(float)sin(1 + o + 7 * i + 3 * j + 5 * c);
	assert_int_equal(hmr_build_init(&b, NULL), HMR_OK);
	assert_int_equal(hmr_build_input(&b, "x", &in, free_axes, &v[0], NULL), HMR_OK);
	assert_int_equal(hmr_build_const(&b, "w", HMR_DTYPE_F32, &wd, data, &v[1], NULL),
			 HMR_OK);
	conv.in = v;
	assert_int_equal(hmr_build_node(&b, "conv", &conv, &y, NULL), HMR_OK);
	shape.in = &y;
	assert_int_equal(hmr_build_node(&b, "flat", &shape, &z, NULL), HMR_OK);
	assert_int_equal(hmr_build_output(&b, "y", z, NULL), HMR_OK);
	if (embedding)
		cJSON_AddStringToObject(meta, "embedding", embedding);
	about.meta = meta;
	assert_int_equal(hmr_build_write(&b, model_path, &about, NULL), HMR_OK);
	cJSON_Delete(meta);
	hmr_build_release(&b);
}

static void
write_sidecar(const char *text)
{
	FILE *f;

	unlink(sidecar_path);
	if (!text)
		return;
	assert_non_null(f = fopen(sidecar_path, "w"));
	fputs(text, f);
	fclose(f);
}

/* An image of 64x64 whose red grows to the right and green downwards. */
static uint8_t rgb[64 * 64 * 3];
static struct hmr_image im = { .pixel = HMR_PIXEL_RGB24, .depth = 8, .width = 64,
	.height = 64, .planes = 1, .stride = { 192 }, .plane = { rgb },
	.matrix = HMR_MATRIX_BT601, .range = HMR_RANGE_FULL };

static struct hmr_reid *
open_reid(struct hmr_reid_model **m, float min_score, uint32_t max_people)
{
	struct hmr_reid_options o = { .device = "ref", .width = 64, .height = 64,
		.min_score = min_score, .max_people = max_people };
	struct hmr_err e = { 0 };
	struct hmr_reid *r;

	if (hmr_reid_model_open(m, model_path, "test", &e) || hmr_reid_new(&r, *m, &o, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(hmr_reid_values(r), VALUES);
	return r;
}

/* What the network makes of a box of whole pixels, TALL x WIDE, by hand. */
static void
by_hand(int x, int y, bool bgr, const float mean[3], const float std[3], double out[VALUES])
{
	double sum = 0;

	for (int o = 0; o < VALUES; o++) {
		out[o] = 0;
		for (int i = 0; i < TALL; i++)
			for (int j = 0; j < WIDE; j++)
				for (int c = 0; c < 3; c++) {
					double v = rgb[((y + i) * 64 + x + j) * 3 + c];

					out[o] += weight[o][i][j][bgr ? 2 - c : c] *
						(v - mean[c]) / std[c];
				}
		sum += out[o] * out[o];
	}
	for (int o = 0; o < VALUES; o++)
		out[o] /= sqrt(sum);
}

static void
check_boxes(bool bgr, const float mean[3], const float std[3])
{
	struct hmr_person people[11];
	struct hmr_reid_model *m;
	struct hmr_reid *r = open_reid(&m, 0, 11);
	const uint32_t *person;
	const float *values;
	uint32_t rows;

	for (uint32_t n = 0; n <= 11; n++) {	/* in batches of every size */
		for (uint32_t i = 0; i < n; i++)
			people[i] = (struct hmr_person){ { 5.0f * (float)i, 3.0f * (float)i,
				5.0f * (float)i + WIDE, 3.0f * (float)i + TALL }, 0.5f, 0, 0 };
		assert_int_equal(hmr_reid_run(r, &im, people, n, &person, &values, &rows,
					      NULL), HMR_OK);
		assert_int_equal(rows, n);
		for (uint32_t i = 0; i < n; i++) {
			double want[VALUES];

			by_hand((int)(5 * i), (int)(3 * i), bgr, mean, std, want);
			assert_int_equal(person[i], i);
			for (int k = 0; k < VALUES; k++)
				assert_true(fabs(values[i * VALUES + (uint32_t)k] - want[k]) < 1e-4);
		}
	}
	hmr_reid_free(r);
	hmr_reid_model_close(m);
}

static void
test_preparation(void **state)
{
	static const float zero[3] = { 0, 0, 0 }, one[3] = { 1, 1, 1 },
		mean[3] = { 123, 116, 103 }, std[3] = { 58, 57, 56 };

	(void)state;
	for (uint32_t batch = 0; batch < 2; batch++) {	/* fixed, and free */
		write_model(batch, NULL);
		write_sidecar(NULL);
		check_boxes(true, zero, one);
		write_sidecar("{\"type\": \"no sidecar\"}");
		check_boxes(true, zero, one);
		write_sidecar("{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"input\":{\"mean\":"
			      "[123,116,103],\"std\":[58,57,56],\"colour\":\"RGB\"}}");
		check_boxes(false, mean, std);
		write_sidecar("{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"input\":{\"mean\":"
			      "[103,116,123],\"std\":[56,57,58]},\"outputs\":{\"embedding\":\"y\"}}");
		check_boxes(true, mean, std);
	}
}

static void
test_who(void **state)
{
	struct hmr_person people[] = {
		{ { 0, 0, 10, 20 }, 0.9f, 0, 0 }, { { 0, 0, 10, 20 }, 0.3f, 0, 0 },
		{ { 70, 0, 90, 20 }, 0.8f, 0, 0 },	/* outside the image */
		{ { 5, 5, 5, 20 }, 0.8f, 0, 0 },	/* no width */
		{ { 20, 5, 40, 60 }, 0.6f, 0, 0 }, { { -9, -9, 70, 70 }, 0.7f, 0, 0 },
	};
	struct hmr_reid_model *m;
	struct hmr_reid *r;
	const uint32_t *person;
	const float *values;
	struct hmr_frame f = { .width = 64, .height = 64 };
	uint32_t rows, who[6], count, kind;
	float v[6 * VALUES];

	(void)state;
	write_sidecar(NULL);
	r = open_reid(&m, 0.45f, 6);
	assert_int_equal(hmr_reid_run(r, &im, people, 6, &person, &values, &rows, NULL), HMR_OK);
	assert_int_equal(rows, 3);
	assert_int_equal(person[0], 0);
	assert_int_equal(person[1], 4);
	assert_int_equal(person[2], 5);
	assert_int_equal(hmr_reid_add(r, &im, people, 6, &f, NULL), HMR_OK);
	assert_int_equal(hmr_vectors_get(&f, HMR_TAG_APPEARANCE, who, v, VALUES, 6, 6, &rows,
					 &count, &kind, NULL), HMR_OK);
	assert_int_equal(rows, 3);
	assert_int_equal(count, VALUES);
	assert_int_equal(kind, hmr_reid_kind(r));
	assert_int_equal(hmr_vectors_kind(&f, HMR_TAG_APPEARANCE), kind);
	assert_int_equal(hmr_vectors_kind(&f, HMR_TAG_VERTICES), 0);
	assert_int_equal(HMR_APPEARANCE_KIND(kind), HMR_APPEARANCE_EMBEDDING);
	assert_true(kind >> 8);			/* the model's, of its SHA-256 */
	hmr_reid_free(r);
	hmr_reid_model_close(m);
	r = open_reid(&m, 0, 2);		/* the best two */
	assert_int_equal(hmr_reid_run(r, &im, people, 6, &person, &values, &rows, NULL), HMR_OK);
	assert_int_equal(rows, 1);		/* one of whom is outside */
	assert_int_equal(person[0], 0);
	hmr_reid_free(r);
	hmr_reid_model_close(m);
}

static void
test_sidecars(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "{\"format\":\"hmr-sidecar 1\"}", "kind" },
		{ "{\"format\":\"hmr-sidecar 2\",\"kind\":\"reid\"}", "format" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":\"yolox\"}", "kind" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"input\":7}", "input" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"inputs\":{}}", "inputs" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"input\":{\"mean\":\"x\"}}", "input.mean" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"input\":{\"mean\":[1,2]}}", "input.mean" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"input\":{\"std\":0}}", "input.std" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"input\":{\"size\":[1,2]}}", "input.size" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"input\":{\"colour\":\"GRB\"}}", "input.colour" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"outputs\":{\"all\":\"y\"}}", "outputs.all" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"outputs\":{\"embedding\":\"\"}}", "embedding" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"kind\":\"reid\"}", "kind: twice" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"input\":{\"mean\":1,\"mean\":2}}", "input.mean: twice" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"outputs\":{\"embedding\":\"y\","
		  "\"embedding\":\"y\"}}", "outputs.embedding: twice" },
		{ "{\"format\":\"hmr-sidecar 1\"", "JSON" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hmr_reid_model *m;
		struct hmr_err e = { 0 };

		write_sidecar(cases[i].text);
		assert_true(hmr_reid_model_open(&m, model_path, "test", &e) < 0);
		assert_null(m);
		if (!strstr(e.msg, cases[i].says) || !strstr(e.msg, sidecar_path))
			fail_msg("%s: %s", cases[i].text, e.msg);
	}
	write_sidecar("{\"format\":\"hmr-sidecar 1\",\"kind\":\"reid\",\"outputs\":"
		      "{\"embedding\":\"z\"}}");
	struct hmr_reid_options o = { .device = "ref", .width = 64, .height = 64,
		.max_people = 4 };
	struct hmr_reid_model *m;
	struct hmr_err e = { 0 };
	struct hmr_reid *r;

	assert_int_equal(hmr_reid_model_open(&m, model_path, "test", &e), HMR_OK);
	assert_true(hmr_reid_new(&r, m, &o, &e) < 0);	/* no such output */
	assert_null(r);
	hmr_reid_model_close(m);
}

/* An output's name in the meta is used, or refused where it can be none. */
static void
test_meta(void **state)
{
	char name[128 + 1];

	(void)state;
	write_sidecar(NULL);
	memset(name, 'y', sizeof(name));
	for (size_t n = 1; n < sizeof(name); n++) {
		struct hmr_reid_model *m;
		struct hmr_err e = { 0 };

		if (n > 1 && n < 127)
			continue;
		name[n] = 0;
		write_model(1, name);
		name[n] = 'y';
		if (n < 128) {
			assert_int_equal(hmr_reid_model_open(&m, model_path, "test", &e), HMR_OK);
			assert_int_equal(strlen(m->embedding), n);
			hmr_reid_model_close(m);
			continue;
		}
		assert_int_equal(hmr_reid_model_open(&m, model_path, "test", &e), HMR_E_MODEL);
		assert_null(m);
		assert_non_null(strstr(e.msg, "embedding in its meta"));
	}
}

static int
make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(model_path, sizeof(model_path), "%s/tiny.safetensors", folder);
	snprintf(sidecar_path, sizeof(sidecar_path), "%s/tiny.json", folder);
	for (int i = 0; i < 64 * 64; i++) {
		rgb[3 * i] = (uint8_t)(4 * (i % 64));
		rgb[3 * i + 1] = (uint8_t)(4 * (i / 64));
		rgb[3 * i + 2] = (uint8_t)(i % 7 * 30);
	}
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	unlink(sidecar_path);
	unlink(model_path);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_preparation),
		cmocka_unit_test(test_who),
		cmocka_unit_test(test_sidecars),
		cmocka_unit_test(test_meta),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of detector decoded from a few cells, against figures worked out by hand;
 * where numbers lie in outputs of other forms; what does not fit is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "detect/decode.h"

#define MAX_OUT 4
#define NUMBERS 8192

static float number[MAX_OUT][NUMBERS];

struct fake {
	const char *name[MAX_OUT];
	struct hmr_dims dims[MAX_OUT];
};

static bool
dims_of(void *ctx, const char *name, struct hmr_dims *d)
{
	const struct fake *f = ctx;

	for (int i = 0; i < MAX_OUT && f->name[i]; i++)
		if (!strcmp(f->name[i], name)) {
			*d = f->dims[i];
			return true;
		}
	return false;
}

static void
named(struct hmr_output_names *o, const char *a, const char *b)
{
	o->n = b ? 2 : 1;
	strcpy(o->name[0], a);
	if (b)
		strcpy(o->name[1], b);
}

/* Plans for w x h; 0: refused. */
static bool
plan(struct hmr_decoder *d, const struct hmr_detect_spec *s, uint32_t w, uint32_t h,
     struct fake *f, struct hmr_err *e)
{
	memset(number, 0, sizeof(number));
	return hmr_decoder_init(d, s, w, h, dims_of, f, e) == HMR_OK;
}

static uint32_t
decode(const struct hmr_decoder *d, const struct fake *f, struct hmr_scored *out)
{
	static const struct hmr_mapping same = { .scale = { 1, 1 } };
	const float *data[HMR_DECODE_OUTPUTS];
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n_outputs; i++)
		for (int k = 0; k < MAX_OUT && f->name[k]; k++)
			if (!strcmp(f->name[k], d->name[i]))
				data[i] = number[k];
	hmr_decode(d, data, 0.3f, &same, out, &n);
	return n;
}

static void
check(const struct hmr_scored *b, float score, float x0, float y0, float x1, float y1)
{
	const float want[4] = { x0, y0, x1, y1 };

	assert_float_equal(b->score, score, 1e-6);
	for (int k = 0; k < 4; k++)
		assert_float_equal(b->box[k], want[k], 1e-3);
}

/* NanoDet: cells of 3 x 2 at stride 16 with two classes, mapped into an image. One
 * cell has sharp distances, one soft ones, one is under the threshold, one of the
 * other class. */
static void
test_bins(void **state)
{
	static const int sharp[4] = { 1, 0, 2, 10 };
	struct fake f = { { "prob", "side" }, { { 3, { 1, 6, 2 } }, { 3, { 1, 6, 44 } } } };
	struct hmr_mapping m = { { 4, 8 }, { 1.5f, 2 }, { 100, 200 } };
	const float *data[2] = { number[1], number[0] };	/* boxes are named first */
	struct hmr_detect_spec s;
	struct hmr_scored out[6];
	struct hmr_decoder d;
	double mean = 0, sum = 0;
	uint32_t n = 1;		/* appends */

	(void)state;
	hmr_spec_init(&s, HMR_DETECT_NANODET);
	s.n_strides = 1;
	s.stride[0] = 16;
	named(&s.scores, "prob", NULL);
	named(&s.boxes, "side", NULL);
	assert_true(plan(&d, &s, 48, 32, &f, NULL));
	assert_int_equal(d.spec.classes, 2);
	assert_int_equal(d.spec.bins, 11);
	number[0][4 * 2] = 0.75f;
	for (int k = 0; k < 4; k++)
		number[1][4 * 44 + k * 11 + sharp[k]] = 200;
	number[0][2 * 2] = 0.5f;
	for (int j = 0; j < 11; j++) {
		for (int k = 0; k < 4; k++)
			number[1][2 * 44 + k * 11 + j] = (float)(j * k) / 7;
		mean += j * exp(j * 3 / 7.0);
		sum += exp(j * 3 / 7.0);
	}
	mean /= sum;
	number[0][0] = 0.25f;
	number[0][1 * 2 + 1] = 0.9f;
	hmr_decode(&d, data, 0.5f, &m, out, &n);
	assert_int_equal(n, 3);
	/* cell 2: x 2, y 0; all bins alike give 5 strides */
	assert_float_equal(out[1].score, 0.5f, 0);
	assert_float_equal(out[1].box[0], 100 + ((2.5f - 5) * 16 - 4) * 1.5f, 1e-4);
	assert_float_equal(out[1].box[3], 200 + ((0.5 + mean) * 16 - 8) * 2, 1e-3);
	/* cell 4: x 1, y 1 */
	assert_float_equal(out[2].score, 0.75f, 0);
	assert_float_equal(out[2].box[0], 100 + ((1.5f - 1) * 16 - 4) * 1.5f, 1e-4);
	assert_float_equal(out[2].box[1], 200 + ((1.5f - 0) * 16 - 8) * 2, 1e-4);
	assert_float_equal(out[2].box[2], 100 + ((1.5f + 2) * 16 - 4) * 1.5f, 1e-4);
	assert_float_equal(out[2].box[3], 200 + ((1.5f + 10) * 16 - 8) * 2, 1e-4);
}

/* PicoDet with two strides, 80 classes and 8 bins; uneven sizes round up. */
static void
test_picodet(void **state)
{
	struct fake f = { { "s0", "s1", "b0", "b1" }, { { 3, { 1, 12, 3 } },
		{ 3, { 1, 4, 3 } }, { 3, { 1, 12, 32 } }, { 3, { 1, 4, 32 } } } };
	struct hmr_detect_spec s;
	struct hmr_scored out[16];
	struct hmr_decoder d;

	(void)state;
	hmr_spec_init(&s, HMR_DETECT_PICODET);
	assert_false(s.bgr);
	s.n_strides = 2;
	named(&s.scores, "s0", "s1");
	named(&s.boxes, "b0", "b1");
	assert_true(plan(&d, &s, 32, 20, &f, NULL));	/* 4 x 3 and 2 x 2 cells */
	assert_int_equal(d.cells, 16);
	number[1][3 * 3] = 0.6f;	/* stride 16, x 1, y 1 */
	for (int k = 0; k < 4; k++)
		number[3][3 * 32 + k * 8 + 7 - k] = 100;	/* 7 6 5 4 strides */
	assert_int_equal(decode(&d, &f, out), 1);
	check(out, 0.6f, 24 - 7 * 16, 24 - 6 * 16, 24 + 5 * 16, 24 + 4 * 16);
}

/* YOLOX: three strides in one output; score is objectness times class. */
static void
test_yolox(void **state)
{
	struct fake f = { { "output" }, { { 3, { 1, 84, 7 } } } };
	struct hmr_detect_spec s;
	struct hmr_scored out[84];
	struct hmr_decoder d;
	float *row;

	(void)state;
	hmr_spec_init(&s, HMR_DETECT_YOLOX);
	named(&s.all, "output", NULL);
	s.person = 1;
	assert_true(plan(&d, &s, 64, 64, &f, NULL));	/* 64 + 16 + 4 cells */
	assert_int_equal(d.spec.classes, 2);
	row = &number[0][(64 + 6) * 7];	/* stride 16, x 2, y 1 */
	row[0] = 0.5f;
	row[1] = -0.25f;
	row[2] = logf(3);
	row[3] = logf(1.5f);
	row[4] = 0.8f;
	row[5] = 0.4f;
	row[6] = 0.5f;
	number[0][4] = 1;		/* something else, that looks like a person too */
	number[0][5] = 0.9f;
	number[0][6] = 0.8f;
	assert_int_equal(decode(&d, &f, out), 1);
	check(out, 0.4f, 40 - 24, 12 - 12, 40 + 24, 12 + 12);
	/* decoded inside: pixels */
	s.form = HMR_BOX_CXCYWH;
	s.unit = HMR_UNIT_PIXELS;
	assert_true(plan(&d, &s, 64, 64, &f, NULL));
	memcpy(row, (const float[7]){ 30, 40, 10, 20, 1, 0, 0.5f }, 7 * sizeof(float));
	assert_int_equal(decode(&d, &f, out), 1);
	check(out, 0.5f, 25, 30, 35, 50);
}

/* RTMDet: logits and distances in pixels as planes, cells without the half. */
static void
test_rtmdet(void **state)
{
	struct fake f = { { "cls", "box" }, { { 4, { 1, 3, 2, 4 } }, { 4, { 1, 4, 2, 4 } } } };
	struct hmr_detect_spec s;
	struct hmr_scored out[8];
	struct hmr_decoder d;

	(void)state;
	hmr_spec_init(&s, HMR_DETECT_RTMDET);
	s.n_strides = 1;
	named(&s.scores, "cls", NULL);
	named(&s.boxes, "box", NULL);
	assert_true(plan(&d, &s, 32, 16, &f, NULL));
	for (int i = 0; i < 24; i++)
		number[0][i] = -9;
	number[0][6] = logf(3);		/* class 0, y 1, x 2: 3/4 */
	number[0][8 + 1] = 5;		/* class 1 */
	for (int k = 0; k < 4; k++)
		number[1][k * 8 + 6] = (float)(10 + k);
	assert_int_equal(decode(&d, &f, out), 1);
	check(out, 0.75f, 16 - 10, 8 - 11, 16 + 12, 8 + 13);
}

static void
test_fastestdet(void **state)
{
	struct fake f = { { "758" }, { { 4, { 1, 7, 2, 3 } } } };
	struct hmr_detect_spec s;
	struct hmr_scored out[6];
	struct hmr_decoder d;
	float *at = &number[0][4];	/* y 1, x 1 */

	(void)state;
	hmr_spec_init(&s, HMR_DETECT_FASTESTDET);
	named(&s.all, "758", NULL);
	assert_true(plan(&d, &s, 48, 32, &f, NULL));
	assert_int_equal(d.spec.classes, 2);
	at[0] = 0.5f;			/* objectness */
	at[6] = atanhf(0.5f);		/* centre: half a cell to the right */
	at[12] = atanhf(-0.25f);
	at[18] = 0;			/* half the width */
	at[24] = logf(3);		/* three quarters of the height */
	at[30] = 0.25f;			/* the person */
	assert_int_equal(decode(&d, &f, out), 1);
	check(out, powf(0.5f, 0.6f) * powf(0.25f, 0.4f), 24 - 12, 12 - 12, 24 + 12, 12 + 12);
}

/* Lists: columns in any order, other images and classes left out. */
static void
test_list(void **state)
{
	static const enum hmr_column ssd[7] = { HMR_COLUMN_BATCH, HMR_COLUMN_CLASS,
		HMR_COLUMN_SCORE, HMR_COLUMN_BOX };
	static const float rows[5][7] = {
		{ 0, 1, 0.9f, 0.1f, 0.2f, 0.5f, 0.6f },
		{ 0, 2, 0.9f, 0.1f, 0.2f, 0.5f, 0.6f },		/* another class */
		{ 0, 1, 0.1f, 0.1f, 0.2f, 0.5f, 0.6f },		/* too weak */
		{ 0, 1, 0.9f, NAN, 0.2f, 0.5f, 0.6f },
		{ -1, 1, 0.9f, 0.1f, 0.2f, 0.5f, 0.6f },	/* the end */
	};
	struct fake f = { { "detections" }, { { 4, { 1, 1, 5, 7 } } } };
	struct hmr_detect_spec s;
	struct hmr_scored out[5];
	struct hmr_decoder d;

	(void)state;
	hmr_spec_init(&s, HMR_DETECT_BOXES);
	named(&s.all, "detections", NULL);
	s.n_columns = 4;
	memcpy(s.column, ssd, sizeof(ssd));
	s.person = 1;
	s.unit = HMR_UNIT_NORMALISED;
	assert_true(plan(&d, &s, 300, 200, &f, NULL));
	memcpy(number[0], rows, sizeof(rows));
	assert_int_equal(decode(&d, &f, out), 1);
	check(out, 0.9f, 30, 40, 150, 120);
	s.form = HMR_BOX_YXYX;
	assert_true(plan(&d, &s, 300, 200, &f, NULL));
	memcpy(number[0], rows, sizeof(rows));
	assert_int_equal(decode(&d, &f, out), 1);
	check(out, 0.9f, 60, 20, 180, 100);
	s.form = HMR_BOX_XYWH;
	s.unit = HMR_UNIT_PIXELS;
	assert_true(plan(&d, &s, 300, 200, &f, NULL));
	memcpy(number[0], (const float[7]){ 0, 1, 0.5f, 10, 20, 30, 40 }, 7 * sizeof(float));
	assert_int_equal(decode(&d, &f, out), 1);
	check(out, 0.5f, 10, 20, 40, 60);
}

/* Boxes, scores and labels apart, without a batch axis; then classes as rows and
 * channels first, as YOLOv8 has them. */
static void
test_apart(void **state)
{
	struct fake f = { { "boxes", "scores", "labels" }, { { 2, { 3, 4 } }, { 1, { 3 } },
		{ 2, { 1, 3 } } } };
	struct fake g = { { "output0" }, { { 3, { 1, 6, 10 } } } };
	struct fake one = { { "output0" }, { { 3, { 1, 10, 5 } } } };
	struct hmr_detect_spec s;
	struct hmr_scored out[10];
	struct hmr_decoder d;

	(void)state;
	hmr_spec_init(&s, HMR_DETECT_BOXES);
	named(&s.boxes, "boxes", NULL);
	named(&s.scores, "scores", NULL);
	named(&s.labels, "labels", NULL);
	s.person = 3;
	assert_true(plan(&d, &s, 300, 200, &f, NULL));
	memcpy(number[0], (const float[12]){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 },
	       12 * sizeof(float));
	memcpy(number[1], (const float[3]){ 0.5f, 0.6f, 0.7f }, 3 * sizeof(float));
	memcpy(number[2], (const float[3]){ 3, 2, 3 }, 3 * sizeof(float));
	assert_int_equal(decode(&d, &f, out), 2);
	check(&out[1], 0.7f, 9, 10, 11, 12);

	/* one score of one class, however many a sidecar says that there are */
	hmr_spec_init(&s, HMR_DETECT_BOXES);
	named(&s.all, "output0", NULL);
	s.n_columns = 2;
	s.classes = 80;
	assert_true(plan(&d, &s, 300, 200, &one, NULL));
	assert_int_equal(d.spec.classes, 1);
	s.person = 79;
	assert_false(plan(&d, &s, 300, 200, &one, NULL));

	hmr_spec_init(&s, HMR_DETECT_BOXES);
	named(&s.all, "output0", NULL);
	s.n_columns = 2;
	s.column[1] = HMR_COLUMN_CLASSES;
	s.form = HMR_BOX_CXCYWH;
	s.activation = HMR_ACTIVATION_SOFTMAX;
	assert_true(plan(&d, &s, 300, 200, &g, NULL));
	assert_int_equal(d.spec.classes, 2);
	assert_int_equal(d.cells, 10);
	for (int k = 0; k < 4; k++)
		number[0][k * 10 + 7] = (float)(20 + 10 * k);
	for (int i = 0; i < 10; i++)
		number[0][50 + i] = 8;
	number[0][40 + 7] = 8 + logf(3);
	assert_int_equal(decode(&d, &g, out), 1);
	check(out, 0.75f, 0, 5, 40, 55);
}

static void
test_refused(void **state)
{
	static const struct { struct fake f; const char *says; } t[] = {
		{ { { "other" }, { { 3, { 1, 84, 85 } } } }, "no output" },
		{ { { "output" }, { { 3, { 1, 83, 85 } } } }, "cells" },
		{ { { "output" }, { { 3, { 2, 84, 85 } } } }, "cells" },
		{ { { "output" }, { { 3, { 1, 84, 5 } } } }, "columns" },
		{ { { "output" }, { { 3, { 1, 84, 2 } } } }, "columns" },
	};
	struct hmr_detect_spec s;
	struct hmr_decoder d;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct fake f = t[i].f;
		struct hmr_err e = { 0 };

		hmr_spec_init(&s, HMR_DETECT_YOLOX);
		named(&s.all, "output", NULL);
		assert_false(plan(&d, &s, 64, 64, &f, &e));
		if (!strstr(e.msg, t[i].says))
			fail_msg("case %zu: %s", i, e.msg);
	}
	for (int i = 0; i < 2; i++) {
		struct fake f = { { "output" }, { { 3, { 1, 84, 85 } } } };
		struct hmr_err e = { 0 };

		hmr_spec_init(&s, HMR_DETECT_YOLOX);
		named(&s.all, "output", i ? "second" : NULL);
		s.person = 80;
		assert_false(plan(&d, &s, 64, 64, &f, &e));
		assert_non_null(strstr(e.msg, i ? "2 outputs for 3 strides" : "there are 80"));
	}
}

/* Every kind from inputs and outputs alone. */
static void
test_guess(void **state)
{
	static const struct {
		struct hmr_signature g;
		int kind;
		const char *first;	/* output */
	} t[] = {
		{ { .input = { "i", { 4, { 1, 3, 64, 64 } } }, .n_inputs = 1, .n_outputs = 1,
		    .output = { { "o", { 3, { 1, 84, 85 } } } } }, HMR_DETECT_YOLOX, "o" },
		{ { .input = { "i", { 4, { 1, 3, 64, 64 } } }, .n_inputs = 1, .n_outputs = 1,
		    .output = { { "o", { 3, { 1, 84, 6 } } } } }, HMR_DETECT_YOLOX, "o" },
		{ { .input = { "i", { 4, { 1, 3, 64, 64 } } }, .n_inputs = 1, .n_outputs = 1,
		    .output = { { "o", { 3, { 1, 84, 112 } } } } }, HMR_DETECT_NANODET, "o" },
		{ { .input = { "i", { 4, { 1, 3, 64, 64 } } }, .n_inputs = 1, .n_outputs = 1,
		    .output = { { "o", { 3, { 1, 85, 112 } } } } }, HMR_DETECT_NANODET, "o" },
		{ { .input = { "i", { 4, { 1, 3, 32, 32 } } }, .n_inputs = 1, .n_outputs = 1,
		    .output = { { "o", { 4, { 1, 85, 2, 2 } } } } }, HMR_DETECT_FASTESTDET, "o" },
		{ { .input = { "i", { 4, { 1, 3, 32, 32 } } }, .n_inputs = 1, .n_outputs = 6,
		    .output = { { "b1", { 3, { 1, 4, 32 } } }, { "s2", { 3, { 1, 1, 80 } } },
				{ "s0", { 3, { 1, 16, 80 } } }, { "b0", { 3, { 1, 16, 32 } } },
				{ "s1", { 3, { 1, 4, 80 } } }, { "b2", { 3, { 1, 1, 32 } } } } },
		  HMR_DETECT_NANODET, "b0" },
		{ { .input = { "i", { 4, { 1, 3, 32, 32 } } }, .n_inputs = 1, .n_outputs = 6,
		    .output = { { "b1", { 4, { 1, 4, 2, 2 } } }, { "s2", { 4, { 1, 80, 1, 1 } } },
				{ "s0", { 4, { 1, 80, 4, 4 } } }, { "b0", { 4, { 1, 4, 4, 4 } } },
				{ "s1", { 4, { 1, 80, 2, 2 } } }, { "b2", { 4, { 1, 4, 1, 1 } } } } },
		  HMR_DETECT_RTMDET, "b0" },
		{ { .input = { "i", { 4, { 1, 3, 128, 128 } } }, .n_inputs = 1, .n_outputs = 8,
		    .output = { { "s0", { 3, { 1, 256, 80 } } }, { "s1", { 3, { 1, 64, 80 } } },
				{ "s2", { 3, { 1, 16, 80 } } }, { "s3", { 3, { 1, 4, 80 } } },
				{ "b0", { 3, { 1, 256, 32 } } }, { "b1", { 3, { 1, 64, 32 } } },
				{ "b2", { 3, { 1, 16, 32 } } }, { "b3", { 3, { 1, 4, 32 } } } } },
		  HMR_DETECT_PICODET, "b0" },
		{ { .input = { "i", { 4, { 1, 3, 64, 64 } } }, .n_inputs = 1, .n_outputs = 2,
		    .output = { { "labels", { 2, { 1, 100 } } },
				{ "dets", { 3, { 1, 100, 5 } } } } }, HMR_DETECT_BOXES, "dets" },
		/* nothing that is known: YOLOv5's three anchors, a pose network, no image */
		{ { .input = { "i", { 4, { 1, 3, 64, 64 } } }, .n_inputs = 1, .n_outputs = 1,
		    .output = { { "o", { 3, { 1, 252, 85 } } } } }, -1, NULL },
		{ { .input = { "i", { 4, { 1, 256, 256, 3 } } }, .n_inputs = 1, .n_outputs = 1,
		    .output = { { "ld_3d", { 2, { 1, 195 } } } } }, -1, NULL },
		{ { .input = { "i", { 2, { 1, 64 } } }, .n_inputs = 1, .n_outputs = 1,
		    .output = { { "o", { 3, { 1, 84, 85 } } } } }, -1, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hmr_detect_spec s;
		struct hmr_err e = { 0 };
		enum hmr_status st = hmr_spec_guess(&s, &t[i].g, &e);

		assert_int_equal(st, t[i].kind < 0 ? HMR_E_MODEL : HMR_OK);
		if (st)
			continue;
		assert_int_equal(s.kind, t[i].kind);
		assert_string_equal(s.all.n ? s.all.name[0] : s.boxes.name[0], t[i].first);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bins), cmocka_unit_test(test_picodet),
		cmocka_unit_test(test_yolox), cmocka_unit_test(test_rtmdet),
		cmocka_unit_test(test_fastestdet), cmocka_unit_test(test_list),
		cmocka_unit_test(test_apart), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

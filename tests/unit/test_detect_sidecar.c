/* SPDX-License-Identifier: Apache-2.0 */
/* Sidecars: what they set, and how mistakes in them are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "detect/spec.h"

#define HEAD "{\"format\":\"hmr-sidecar 1\",\"kind\":\"boxes\""

static void
test_all_keys(void **state)
{
	static const char text[] =
		"{\"format\":\"hmr-sidecar 1\",\"kind\":\"yolox\","
		"\"input\":{\"mean\":[1,2,3],\"std\":[4,5,6],\"fill\":[7,8,9],\"size\":[320,640],"
		"\"fit\":\"stretch\",\"place\":\"centre\",\"layout\":\"NHWC\",\"colour\":\"BGR\"},"
		"\"outputs\":{\"boxes\":[\"a\",\"b\"],\"scores\":\"c\",\"objectness\":\"d\","
		"\"labels\":\"e\",\"channels\":\"first\"},"
		"\"decode\":{\"strides\":[8,16],\"classes\":4,\"person\":3,"
		"\"activation\":\"softmax\",\"best\":false,\"power\":[0.5,2],\"box\":\"bins\",\"unit\":\"strides\","
		"\"bins\":16,\"centre\":0.5,\"nms\":false,\"sizes\":[224,448],\"gate\":0.25}}";
	struct hmr_detect_spec s;
	struct hmr_err e = { 0 };

	(void)state;
	if (hmr_sidecar_parse(&s, text, strlen(text), &e))
		fail_msg("%s", e.msg);
	assert_int_equal(s.kind, HMR_DETECT_YOLOX);
	assert_int_equal(s.height, 320);
	assert_int_equal(s.width, 640);
	assert_int_equal(s.fit, HMR_FIT_STRETCH);
	assert_true(s.centred && s.bgr && s.layout == HMR_LAYOUT_NHWC);
	for (int c = 0; c < 3; c++) {	/* in the order of the colours, here B G R */
		assert_float_equal(s.mean[c], (float)(3 - c), 0);
		assert_float_equal(s.std[c], (float)(6 - c), 0);
		assert_float_equal(s.fill[c], (float)(9 - c), 0);
	}
	assert_int_equal(s.boxes.n, 2);
	assert_string_equal(s.boxes.name[1], "b");
	assert_string_equal(s.scores.name[0], "c");
	assert_string_equal(s.objectness.name[0], "d");
	assert_string_equal(s.labels.name[0], "e");
	assert_true(s.channels_first && s.channels_known);
	assert_int_equal(s.n_strides, 2);
	assert_int_equal(s.stride[1], 16);
	assert_int_equal(s.classes, 4);
	assert_int_equal(s.person, 3);
	assert_int_equal(s.activation, HMR_ACTIVATION_SOFTMAX);
	assert_false(s.best);
	assert_float_equal(s.power[0], 0.5f, 0);
	assert_float_equal(s.power[1], 2, 0);
	assert_int_equal(s.form, HMR_BOX_BINS);
	assert_int_equal(s.bins, 16);
	assert_float_equal(s.centre, 0.5f, 0);
	assert_false(s.nms);
	assert_int_equal(s.side[1], 448);
	assert_float_equal(s.gate, 0.25f, 0);
}

static void
test_defaults(void **state)
{
	static const char text[] = HEAD ",\"input\":{\"mean\":0.5,\"colour\":\"RGB\"},"
		"\"outputs\":{\"all\":\"o\",\"columns\":[\"skip\",\"skip\",\"score\",\"box\"]}}";
	struct hmr_detect_spec s;

	(void)state;
	assert_int_equal(hmr_sidecar_parse(&s, text, strlen(text), NULL), HMR_OK);
	assert_float_equal(s.mean[2], 0.5f, 0);
	assert_float_equal(s.std[0], 255, 0);
	assert_float_equal(s.power[0], 1, 0);
	assert_int_equal(s.n_columns, 4);
	assert_int_equal(s.column[3], HMR_COLUMN_BOX);
	assert_true(s.nms);
	for (int k = 0; k < HMR_DETECT_KINDS; k++) {
		char copy[100];

		snprintf(copy, sizeof(copy), "{\"kind\":\"%s\",\"format\":\"hmr-sidecar 1\"}",
			 hmr_detect_kind_name((enum hmr_detect_kind)k));
		assert_int_equal(hmr_sidecar_parse(&s, copy, strlen(copy), NULL), HMR_OK);
		assert_int_equal(s.kind, k);
		assert_float_equal(s.power[1], k == HMR_DETECT_FASTESTDET ? 0.4f : 1, 0);
		for (int c = 0; c < 3; c++)
			assert_true(s.std[c] > 0);
	}
}

static void
test_mistakes(void **state)
{
	static const struct { const char *text, *says; } t[] = {
		{ "{\n\"format\": \"hmr-sidecar 1\",\n\"kind\": boxes }", "not JSON: line 3" },
		{ "", "not JSON" },
		{ "[]", "\"format\": \"hmr-sidecar 1\" wanted" },
		{ "{\"format\":\"hmr-sidecar 2\"}", "\"format\"" },
		{ "{\"format\":\"hmr-sidecar 1\"}", "kind: \"nanodet\"" },
		{ "{\"format\":\"hmr-sidecar 1\",\"kind\":7}", "kind: \"nanodet\"" },
		{ HEAD ",\"inptu\":{}}", "inptu: no such key; there are format kind input" },
		{ HEAD ",\"input\":[]}", "input: an object wanted" },
		{ HEAD ",\"input\":{\"mena\":1}}", "input.mena: no such key; there are colour" },
		{ HEAD ",\"input\":{\"fit\":1,\"fit\":2}}", "input.fit: \"letterbox\"" },
		{ HEAD ",\"input\":{\"fit\":\"stretch\",\"fit\":\"stretch\"}}", "input.fit: twice" },
		{ HEAD ",\"input\":{\"size\":[1,2,3]}}", "input.size: [height,width] wanted" },
		{ HEAD ",\"input\":{\"size\":[0,2]}}", "input.size" },
		{ HEAD ",\"input\":{\"size\":[1.5,2]}}", "input.size" },
		{ HEAD ",\"input\":{\"std\":0}}", "input.std: a number or three above 0" },
		{ HEAD ",\"input\":{\"mean\":[1,2]}}", "input.mean" },
		{ HEAD ",\"input\":{\"fill\":256}}", "input.fill" },
		{ HEAD ",\"input\":{\"colour\":\"rgb\"}}", "input.colour: \"RGB\" or \"BGR\"" },
		{ HEAD ",\"input\":{\"layout\":\"HWC\"}}", "input.layout" },
		{ HEAD ",\"input\":{\"place\":\"left\"}}", "input.place" },
		{ HEAD ",\"outputs\":{\"all\":\"a\",\"boxes\":\"b\"}}", "outputs: either" },
		{ HEAD ",\"outputs\":{\"boxes\":\"b\"}}", "outputs: either" },
		{ HEAD ",\"outputs\":{\"all\":[]}}", "outputs.all: the name" },
		{ HEAD ",\"outputs\":{\"all\":[1]}}", "outputs.all: the name" },
		{ HEAD ",\"outputs\":{\"columns\":[\"box\"]}}", "outputs.columns: box, and one of" },
		{ HEAD ",\"outputs\":{\"columns\":[\"box\",\"box\",\"score\"]}}", "at most once" },
		{ HEAD ",\"outputs\":{\"columns\":[\"x0\"]}}", "outputs.columns" },
		{ HEAD ",\"outputs\":{\"channels\":1}}", "outputs.channels" },
		{ HEAD ",\"decode\":{\"strides\":[16,8]}}", "decode.strides: a list of a few rising" },
		{ HEAD ",\"decode\":{\"strides\":8}}", "decode.strides" },
		{ HEAD ",\"decode\":{\"person\":-1}}", "decode.person" },
		{ HEAD ",\"decode\":{\"person\":5,\"classes\":5}}", "decode.person: class 5 of 5" },
		{ HEAD ",\"decode\":{\"activation\":null}}", "decode.activation" },
		{ HEAD ",\"decode\":{\"power\":1}}", "decode.power" },
		{ HEAD ",\"decode\":{\"box\":\"bins\"}}", "decode.box: this form needs strides" },
		{ HEAD ",\"decode\":{\"box\":\"corners\"}}", "decode.box: \"bins\"" },
		{ HEAD ",\"decode\":{\"unit\":\"metres\"}}", "decode.unit" },
		{ HEAD ",\"decode\":{\"bins\":1}}", "decode.bins: 2 to 64" },
		{ HEAD ",\"decode\":{\"centre\":2}}", "decode.centre" },
		{ HEAD ",\"decode\":{\"best\":1}}", "decode.best: true or false" },
		{ HEAD ",\"decode\":{\"nms\":1}}", "decode.nms: true or false" },
		{ HEAD ",\"decode\":{\"gate\":2}}", "decode.gate" },
		{ HEAD ",\"decode\":{\"sizes\":[1]}}", "decode.sizes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hmr_detect_spec s;
		struct hmr_err e = { 0 };

		if (!hmr_sidecar_parse(&s, t[i].text, strlen(t[i].text), &e) ||
		    !strstr(e.msg, t[i].says))
			fail_msg("%s: %s", t[i].text, e.msg);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_keys), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

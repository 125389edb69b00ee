/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch checkpoints: element types, strides, shared storages, wrapped tensors,
 * deflated and zip64 archives, the form before 1.6, foreign objects, and what
 * broken ones get. The archives are made here, the old form by PyTorch
 * (tests/oracle/hmr2/legacy.py); the oracle's is read where it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zip.h>

#include "import/safetensors.h"
#include "import/torch.h"
#include "torch_cases.h"

struct blob { const char *name; const void *p; size_t n; };

/* An archive of blobs on the heap. */
static uint8_t *
archive(const struct blob *b, size_t count, int method, size_t *n)
{
	zip_error_t err;
	zip_source_t *out = zip_source_buffer_create(NULL, 0, 0, &err);
	zip_t *z = zip_open_from_source(out, ZIP_TRUNCATE, &err);
	zip_stat_t s;
	uint8_t *p;

	assert_non_null(z);
	zip_source_keep(out);
	for (size_t i = 0; i < count; i++) {
		zip_int64_t at = zip_file_add(z, b[i].name,
					      zip_source_buffer(z, b[i].p, b[i].n, 0), 0);

		assert_true(at >= 0);
		zip_set_file_compression(z, (zip_uint64_t)at, method, 1);
	}
	assert_int_equal(zip_close(z), 0);
	zip_source_open(out);
	zip_source_stat(out, &s);
	p = malloc(s.size);
	assert_int_equal(zip_source_read(out, p, s.size), s.size);
	*n = s.size;
	zip_source_close(out);
	zip_source_free(out);
	return p;
}

#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n"
#define STORAGE(type, key, n) "((S'storage'\nctorch\n" type "\nS'" key \
	"'\nS'cuda:0'\nI" n "\ntQ"
#define TENSOR(type, key, n, off, size, stride) REBUILD STORAGE(type, key, n) \
	"I" off "\n(" size "t(" stride "tI00\nccollections\nOrderedDict\n(tRtR"

static const char pickle[] = "(dS'epoch'\nI3\nsS'callbacks'\n"
	"cforeign.lib\nThing\n(I1\ntR(dS'x'\nI2\nsbsS'state_dict'\n"
	"ccollections\nOrderedDict\n(tR"
	"S'half'\n" TENSOR("HalfStorage", "0", "6", "0", "I2\nI3\n", "I3\nI1\n") "s"
	"S'turned'\n" TENSOR("HalfStorage", "0", "6", "0", "I3\nI2\n", "I1\nI3\n") "s"
	"S'part'\n" TENSOR("HalfStorage", "0", "6", "4", "I2\n", "I1\n") "s"
	"S'spread'\n" TENSOR("HalfStorage", "0", "6", "1", "I3\nI2\n", "I0\nI2\n") "s"
	"S'brain'\n" TENSOR("BFloat16Storage", "1", "2", "0", "I2\n", "I1\n") "s"
	"S'double'\n" TENSOR("DoubleStorage", "2", "2", "0", "I2\n", "I1\n") "s"
	"S'long'\n" TENSOR("LongStorage", "3", "1", "0", "", "") "s"
	"S'bool'\n" TENSOR("BoolStorage", "4", "2", "0", "I2\n", "I1\n") "s"
	"S'complex'\n" TENSOR("ComplexFloatStorage", "4", "2", "0", "I1\n", "I1\n") "s"
	"S'beyond'\n" TENSOR("HalfStorage", "0", "9", "0", "I9\n", "I1\n") "s"
	"S'huge'\n" TENSOR("HalfStorage", "0", "6", "0", "I70368744177664\n", "I0\n") "s"
	"S'far'\n" TENSOR("HalfStorage", "0", "6", "0", "I3\n", "I4611686018427387904\n") "s"
	"S'absent'\n" TENSOR("HalfStorage", "9", "6", "0", "I2\n", "I1\n") "s"
	"S'empty'\n" TENSOR("HalfStorage", "0", "6", "0", "I0\nI5\n", "I5\nI1\n") "s"
	"S'wrapped'\nctorch._utils\n_rebuild_parameter\n("
	TENSOR("HalfStorage", "0", "6", "0", "I1\n", "I1\n") "I01\nNtRs"
	"S'v3'\nctorch._utils\n_rebuild_tensor_v3\n" STORAGE("UntypedStorage", "2", "16")
	"I1\n(I1\nt(I1\ntI00\nNctorch\nfloat64\ntRs"
	"S'number'\nI5\nss.";

static const uint16_t half[] = { 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x0001 };
static const uint16_t brain[] = { 0x3f80, 0xc040 };
static const double doubles[] = { 1.5, -2.25 };
static const int64_t longs[] = { -7 };
static const uint8_t bools[] = { 0, 1 };
static const struct blob blobs[] = {
	{ "x/data.pkl", pickle, sizeof(pickle) - 1 }, { "x/byteorder", "little", 6 },
	{ "x/data/0", half, 12 }, { "x/data/1", brain, 4 }, { "x/data/2", doubles, 16 },
	{ "x/data/3", longs, 8 }, { "x/data/4", bools, 2 }, { "x/version", "3\n", 2 },
};
#define BLOBS (sizeof(blobs) / sizeof(*blobs))

static void
expect(struct hmr_torch *t, const char *name, const float *want, size_t n)
{
	const struct hmr_torch_tensor *x = hmr_torch_find(t, name);
	struct hmr_err e = { 0 };
	float got[8] = { 0 };

	assert_non_null(x);
	if (hmr_torch_read(t, x, got, &e))
		fail_msg("%s: %s", name, e.msg);
	for (size_t i = 0; i < n; i++)
		if (got[i] != want[i])
			fail_msg("%s[%zu]: %g, not %g", name, i, (double)got[i],
				 (double)want[i]);
}

static void
refuse(struct hmr_torch *t, const char *name, enum hmr_status want)
{
	struct hmr_err e = { 0 };
	float got[16];

	assert_int_equal(hmr_torch_read(t, hmr_torch_find(t, name), got, &e), want);
	assert_non_null(strstr(e.msg, name));
}

static void
test_types(void **state)
{
	static const int methods[] = { ZIP_CM_STORE, ZIP_CM_DEFLATE };

	(void)state;
	for (int m = 0; m < 2; m++) {
		struct hmr_torch *t;
		struct hmr_err e = { 0 };
		size_t n;
		uint8_t *p = archive(blobs, BLOBS, methods[m], &n);

		if (hmr_torch_parse(&t, p, n, &e))
			fail_msg("%s", e.msg);
		assert_int_equal(hmr_torch_count(t), 16);
		assert_null(hmr_torch_find(t, "number"));
		expect(t, "half", (float[]){ 1, 2, 3, 4, 5, 0x1p-24f }, 6);
		expect(t, "turned", (float[]){ 1, 4, 2, 5, 3, 0x1p-24f }, 6);
		expect(t, "part", (float[]){ 5, 0x1p-24f }, 2);
		expect(t, "spread", (float[]){ 2, 4, 2, 4, 2, 4 }, 6);
		expect(t, "brain", (float[]){ 1, -3 }, 2);
		expect(t, "double", (float[]){ 1.5f, -2.25f }, 2);
		expect(t, "long", (float[]){ -7 }, 1);
		expect(t, "bool", (float[]){ 0, 1 }, 2);
		expect(t, "wrapped", (float[]){ 1 }, 1);
		expect(t, "v3", (float[]){ -2.25f }, 1);
		expect(t, "empty", NULL, 0);
		refuse(t, "complex", HMR_E_VERSION);
		refuse(t, "beyond", HMR_E_TRUNCATED);
		refuse(t, "far", HMR_E_LIMIT);
		refuse(t, "absent", HMR_E_FORMAT);
		assert_true(hmr_torch_find(t, "huge")->dims.d[0] == 70368744177664);
		hmr_torch_close(t);
		free(p);
	}
}

/* A plain dict of tensors; another byte order; no pickle; a flipped data bit. */
static void
test_archives(void **state)
{
	static const char plain[] = "(dS'w'\n" TENSOR("HalfStorage", "0", "6", "0",
						       "I6\n", "I1\n") "s.";
	static const char none[] = "(dS'a'\nI1\ns.";
	struct blob b[] = { { "data.pkl", plain, sizeof(plain) - 1 },
			    { "data/0", half, 12 }, { "byteorder", "big", 3 } };
	struct hmr_torch *t;
	struct hmr_err e = { 0 };
	uint8_t *p, *at;
	float got[6];
	size_t n;

	(void)state;
	p = archive(b, 2, ZIP_CM_STORE, &n);
	assert_int_equal(hmr_torch_parse(&t, p, n, NULL), HMR_OK);
	expect(t, "w", (float[]){ 1, 2 }, 2);
	hmr_torch_close(t);
	for (at = p; memcmp(at, half, 12); at++)
		;
	at[8] ^= 1;
	assert_int_equal(hmr_torch_parse(&t, p, n, NULL), HMR_OK);
	assert_int_equal(hmr_torch_read(t, hmr_torch_find(t, "w"), got, &e), HMR_E_FORMAT);
	assert_non_null(strstr(e.msg, "CRC"));
	hmr_torch_close(t);
	free(p);
	p = archive(b, 3, ZIP_CM_STORE, &n);
	assert_int_equal(hmr_torch_parse(&t, p, n, NULL), HMR_E_VERSION);
	free(p);
	b[0].p = none;
	b[0].n = sizeof(none) - 1;
	p = archive(b, 2, ZIP_CM_STORE, &n);
	assert_int_equal(hmr_torch_parse(&t, p, n, &e), HMR_E_MODEL);
	assert_non_null(strstr(e.msg, "no tensors"));
	free(p);
	p = archive(b + 1, 1, ZIP_CM_STORE, &n);
	assert_int_equal(hmr_torch_parse(&t, p, n, &e), HMR_E_MODEL);
	assert_non_null(strstr(e.msg, "data.pkl"));
	free(p);
	assert_int_equal(hmr_torch_open(&t, "/nowhere.ckpt", &e), HMR_E_IO);
}

static void
test_damage(void **state)
{
	struct hmr_torch *t;
	size_t n;
	uint8_t *p = archive(blobs, BLOBS, ZIP_CM_DEFLATE, &n), *q;
	float got[8];

	(void)state;
	for (size_t i = 0; i < n; i++) {	/* each prefix */
		q = malloc(i ? i : 1);
		memcpy(q, p, i);
		assert_int_not_equal(hmr_torch_parse(&t, q, i, NULL), HMR_OK);
		free(q);
	}
	q = malloc(n);
	for (size_t i = 0; i < n; i++) {	/* each byte changed: no crash */
		memcpy(q, p, n);
		q[i] ^= 0x55;
		if (hmr_torch_parse(&t, q, n, NULL))
			continue;
		for (uint32_t j = 0; j < hmr_torch_count(t); j++)
			if (hmr_torch_at(t, j)->dims.n < 3 &&
			    !strchr("hbf", hmr_torch_at(t, j)->name[0]))
				(void)!hmr_torch_read(t, hmr_torch_at(t, j), got, NULL);
		hmr_torch_close(t);
	}
	free(q);
	free(p);
}

static void
test_legacy(void **state)
{
	static const struct { const uint8_t *p; size_t n; } cases[] = {
		{ legacy2, sizeof(legacy2) }, { legacy4, sizeof(legacy4) } };
	struct hmr_torch *t;
	struct hmr_err e = { 0 };

	(void)state;
	for (int k = 0; k < 2; k++) {
		if (hmr_torch_parse(&t, cases[k].p, cases[k].n, &e))
			fail_msg("%s", e.msg);
		assert_int_equal(hmr_torch_count(t), 10);
		expect(t, "half", (float[]){ 1, 2, 3, 4, 5, 6 }, 6);
		expect(t, "turned", (float[]){ 1, 4, 2, 5, 3, 6 }, 6);
		expect(t, "part", (float[]){ 5, 6 }, 2);
		expect(t, "brain", (float[]){ 1, -3 }, 2);
		expect(t, "double", (float[]){ 1.5f, -2.25f }, 2);
		expect(t, "long", (float[]){ -7 }, 1);
		expect(t, "bool", (float[]){ 0, 1 }, 2);
		expect(t, "wrapped", (float[]){ 1, 2 }, 2);
		expect(t, "empty", NULL, 0);
		refuse(t, "complex", HMR_E_VERSION);
		hmr_torch_close(t);
	}
}

/* Every prefix is refused; a changed byte gives a status, never more; and what
 * the head says is believed. */
static void
test_legacy_damage(void **state)
{
	static const char *const order = "little_endian";
	struct hmr_torch *t;
	struct hmr_err e = { 0 };
	uint8_t *q;
	float got[8];
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(legacy2); i++) {
		q = malloc(i ? i : 1);
		memcpy(q, legacy2, i);
		assert_int_not_equal(hmr_torch_parse(&t, q, i, NULL), HMR_OK);
		free(q);
	}
	q = malloc(sizeof(legacy2));
	for (size_t i = 0; i < sizeof(legacy2); i++) {
		memcpy(q, legacy2, sizeof(legacy2));
		q[i] ^= 0x55;
		if (hmr_torch_parse(&t, q, sizeof(legacy2), NULL))
			continue;
		for (uint32_t j = 0; j < hmr_torch_count(t); j++) {
			size_t count;

			if (hmr_dims_count(&hmr_torch_at(t, j)->dims, &count) && count <= 8)
				(void)!hmr_torch_read(t, hmr_torch_at(t, j), got, NULL);
		}
		hmr_torch_close(t);
	}
	memcpy(q, legacy2, sizeof(legacy2));
	q[18] ^= 1;			/* 1001, after magic, PROTO and BININT2 */
	assert_int_equal(hmr_torch_parse(&t, q, sizeof(legacy2), &e), HMR_E_VERSION);
	assert_non_null(strstr(e.msg, "1001"));
	memcpy(q, legacy2, sizeof(legacy2));
	while (memcmp(q + at, order, strlen(order)) != 0)
		at++;
	while (q[at] != 0x88)		/* True */
		at++;
	q[at] = 0x89;
	assert_int_equal(hmr_torch_parse(&t, q, sizeof(legacy2), &e), HMR_E_VERSION);
	assert_non_null(strstr(e.msg, "big"));
	memcpy(q, legacy2, sizeof(legacy2));
	for (at = sizeof(legacy2) - 1; q[at] != '.'; at--)	/* the list of keys ends */
		;
	q[at + 7] = 1;			/* the first storage's count */
	assert_int_equal(hmr_torch_parse(&t, q, sizeof(legacy2), &e), HMR_E_TRUNCATED);
	assert_non_null(strstr(e.msg, "storage"));
	free(q);
}

static char *
oracle(void)
{
	static char path[4096];
	const char *dir = getenv("HMR_SHARED");

	snprintf(path, sizeof(path), "%s/oracle/hmr2-tiny/tiny.ckpt",
		 dir ? dir : "../shared");
	return path;
}

static void
test_oracle(void **state)
{
	struct hmr_torch *t;
	struct hmr_err e = { 0 };
	const struct hmr_torch_tensor *x;
	static float cam[3], pos[193 * 96];

	(void)state;
	if (hmr_torch_open(&t, oracle(), &e))
		fail_msg("%s", e.msg);
	assert_non_null(x = hmr_torch_find(t, "smpl_head.init_cam"));
	assert_int_equal(hmr_torch_read(t, x, cam, &e), HMR_OK);
	assert_true(cam[0] > 0.89f && cam[0] < 0.91f && cam[1] > 0.019f);
	assert_non_null(x = hmr_torch_find(t, "backbone.pos_embed"));
	assert_int_equal(x->dims.n, 3);
	assert_int_equal(x->dims.d[1], 193);
	assert_int_equal(hmr_torch_read(t, x, pos, &e), HMR_OK);
	hmr_torch_close(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_archives),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_legacy),
		cmocka_unit_test(test_legacy_damage),
		cmocka_unit_test(test_oracle),	/* last: left out without data */
	};

	return _cmocka_run_group_tests("torch", tests, access(oracle(), R_OK) ? 5 : 6,
				       NULL, NULL);
}

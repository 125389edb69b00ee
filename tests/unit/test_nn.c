/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model files and plans: half floats, names, the arena, safetensors and graphs
 * that are broken in one way each. Seen failing: with the overlap check of
 * safetensors, the arena's lifetime test and the subnormal branch taken out, with a
 * checksum of the data alone and one that is not written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "base/io.h"
#include "import/names.h"
#include "import/safetensors.h"
#include "nn/arena.h"
#include "nn/graph.h"
#include "nn/half.h"

static void
test_half(void **state)
{
	(void)state;
	assert_true(hmr_f16_to_f32(0x3c00) == 1);
	assert_true(hmr_f16_to_f32(0xc000) == -2);
	assert_true(hmr_f16_to_f32(0x7bff) == 65504);
	assert_true(hmr_f16_to_f32(0x0400) == 0x1p-14f);
	assert_true(hmr_f16_to_f32(0x0001) == 0x1p-24f);	/* subnormal */
	assert_true(hmr_f16_to_f32(0x83ff) == -1023 * 0x1p-24f);
	assert_true(hmr_f16_to_f32(0xfc00) == -INFINITY);
	assert_true(isnan(hmr_f16_to_f32(0x7e00)));
	assert_true(signbit(hmr_f16_to_f32(0x8000)));
	/* every half is exact, monotonic and symmetric */
	for (unsigned h = 0; h < 0x7c00; h++) {
		assert_true(hmr_f16_to_f32((uint16_t)h) < hmr_f16_to_f32((uint16_t)(h + 1)));
		assert_true(hmr_f16_to_f32((uint16_t)(h | 0x8000)) == -hmr_f16_to_f32((uint16_t)h));
	}
}

static void
test_names(void **state)
{
	static char keys[5000][12];
	struct hmr_names t;

	(void)state;
	assert_int_equal(hmr_names_init(&t, 0, NULL), 0);
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(keys[i], sizeof(keys[i]), "n%u", i);
		assert_int_equal(hmr_names_put(&t, keys[i], i, NULL), 0);
	}
	assert_int_equal(hmr_names_put(&t, "n77", 1, NULL), HMR_EOF);
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(hmr_names_get(&t, keys[i]), i);
	assert_int_equal(hmr_names_get(&t, "absent"), -1);
	hmr_names_release(&t);
}

/* No two spans of the same time overlap, and the block is not wasteful. */
static void
test_arena(void **state)
{
	struct hmr_span s[200];
	uint32_t r = 5;
	size_t total, live = 0;

	(void)state;
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 200; i++) {
			r = r * 1664525u + 1013904223u;
			s[i].bytes = (r >> 8) % 5000;
			s[i].first = (r >> 20) % 100;
			s[i].last = s[i].first + (r >> 12) % 10;
		}
		assert_int_equal(hmr_arena_place(s, 200, &total, NULL), 0);
		for (int i = 0; i < 200; i++)
			for (int k = 0; k < i; k++) {
				assert_int_equal(s[i].offset % HMR_ARENA_ALIGN, 0);
				assert_true(s[i].offset + s[i].bytes <= total);
				if (s[i].first <= s[k].last && s[k].first <= s[i].last &&
				    s[i].bytes && s[k].bytes)
					assert_true(s[i].offset + s[i].bytes <= s[k].offset ||
						    s[k].offset + s[k].bytes <= s[i].offset);
			}
		for (uint32_t step = 0; step < 100; step++) {
			size_t sum = 0;

			for (int i = 0; i < 200; i++)
				if (s[i].first <= step && step <= s[i].last)
					sum += (s[i].bytes + 63) / 64 * 64;
			live = sum > live ? sum : live;
		}
		assert_true(total >= live && total <= live + live / 2);
		live = 0;
	}
}

/* Header text and data bytes to a file in memory; parse; the message. */
static enum hmr_status
parse(const char *header, size_t data, struct hmr_err *e)
{
	size_t len = strlen(header);
	uint8_t *p = calloc(1, 8 + len + data);
	struct hmr_safetensors *s;
	enum hmr_status st;

	hmr_put64(p, len);
	memcpy(p + 8, header, len);
	memset(e, 0, sizeof(*e));
	st = hmr_safetensors_parse(&s, p, 8 + len + data, e);
	hmr_safetensors_close(s);
	free(p);
	return st;
}

#define T(dtype, shape, a, b) "{\"dtype\":\"" dtype "\",\"shape\":[" shape \
	"],\"data_offsets\":[" a "," b "]}"

static void
test_safetensors(void **state)
{
	static const struct { const char *header; size_t data; const char *says; } bad[] = {
		{ "[]", 0, "no JSON object" },
		{ "{", 0, "no JSON object" },
		{ "{\"a\":" T("F32", "2", "0", "8") "}", 7, "data at" },
		{ "{\"a\":" T("F32", "2", "0", "8") "}", 9, "after the last" },
		{ "{\"a\":" T("F32", "3", "0", "8") "}", 8, "does not match" },
		{ "{\"a\":" T("F32", "-2", "0", "8") "}", 8, "bad shape" },
		{ "{\"a\":" T("F32", "1.5", "0", "8") "}", 8, "bad shape" },
		{ "{\"a\":" T("F32", "4294967296,4294967296,4294967296", "0", "0") "}", 0, "match" },
		{ "{\"a\":" T("F32", "1,1,1,1,1,1,1", "0", "4") "}", 4, "dimensions" },
		{ "{\"a\":" T("F99", "2", "0", "8") "}", 8, "unknown dtype" },
		{ "{\"a\":" T("F32", "2", "8", "0") "}", 8, "data at" },
		{ "{\"a\":" T("F32", "2", "0", "1e300") "}", 8, "data_offsets" },
		{ "{\"a\":" T("F32", "1", "0", "4") ",\"b\":" T("F32", "1", "2", "6") "}", 6, "overlaps" },
		{ "{\"a\":" T("F32", "1", "0", "4") ",\"b\":" T("F32", "1", "6", "10") "}", 10, "gap" },
		{ "{\"a\":" T("F32", "1", "0", "4") ",\"a\":" T("F32", "1", "4", "8") "}", 8, "twice" },
		{ "{\"\":" T("F32", "1", "0", "4") "}", 4, "bad name" },
		{ "{\"a\":7}", 0, "unknown dtype" },
		{ "{\"__metadata__\":{\"k\":7}}", 0, "no string" },
		{ "{\"__metadata__\":7}", 0, "no object" },
	};
	struct hmr_err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_not_equal(parse(bad[i].header, bad[i].data, &e), 0);
		if (!strstr(e.msg, bad[i].says) || strchr(e.msg, '\n'))
			fail_msg("case %zu says: %s", i, e.msg);
	}
	assert_int_equal(parse("{}", 0, &e), 0);
	assert_int_equal(parse("{\"a\":" T("F16", "", "0", "2") ",\"b\":" T("I8", "0,5", "2", "2")
			       "}", 2, &e), 0);
}

/* Every prefix of a small good file is an error. */
static void
test_prefixes(void **state)
{
	static const char header[] = "{\"a\":" T("F32", "2", "0", "8") "}";
	uint8_t file[8 + sizeof(header) - 1 + 8] = { 0 };
	struct hmr_safetensors *s;

	(void)state;
	hmr_put64(file, sizeof(header) - 1);
	memcpy(file + 8, header, sizeof(header) - 1);
	for (size_t n = 0; n < sizeof(file); n++) {
		uint8_t *cut = malloc(n + 1);	/* so that a sanitizer sees any over-read */

		memcpy(cut, file, n);
		assert_int_not_equal(hmr_safetensors_parse(&s, cut, n, NULL), 0);
		free(cut);
	}
	assert_int_equal(hmr_safetensors_parse(&s, file, sizeof(file), NULL), 0);
	hmr_safetensors_close(s);
	hmr_put64(file, UINT64_MAX);
	assert_int_not_equal(hmr_safetensors_parse(&s, file, sizeof(file), NULL), 0);
}

/* A file written in parts is the packed one, and no bit of it flips unseen, but for
 * those of the checksum's name. */
static void
test_checksum(void **state)
{
	const struct hmr_st_pair meta = { "format", "hmr-model 1" };
	const char *data = "twelve bytes";
	struct hmr_st_tensor t[] = {
		{ "a", HMR_DTYPE_F32, { 1, { 2 } }, 8, data },
		{ "b", HMR_DTYPE_U8, { 1, { 4 } }, 4, data + 8 } };
	char path[] = "/tmp/hmr-test.XXXXXX", sum[17];
	const size_t name = 8 + strlen("{\"__metadata__\":{\""), at = name + strlen("xxh3\":\"");
	struct hmr_safetensors *s;
	struct hmr_err e = { 0 };
	uint8_t *file, *mem;
	size_t n, n_mem;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(hmr_safetensors_write(path, &meta, 1, t, 2, &e), 0);
	assert_int_equal(hmr_file_read(path, 4096, &file, &n, &e), 0);
	unlink(path);
	assert_int_equal(hmr_safetensors_pack(&mem, &n_mem, &meta, 1, t, 2, &e), 0);
	assert_int_equal(n, n_mem);
	assert_memory_equal(file, mem, n);
	memset(mem + at, '0', 16);
	snprintf(sum, sizeof(sum), "%016llx", (unsigned long long)XXH3_64bits(mem, n));
	assert_memory_equal(file + at, sum, 16);
	free(mem);
	for (size_t i = 0; i <= 8 * n; i++) {	/* the last one flips nothing */
		size_t k = i / 8;

		if (k < n)
			file[k] ^= (uint8_t)(1u << i % 8);
		if (!hmr_safetensors_parse(&s, file, n, NULL)) {
			enum hmr_status st = hmr_safetensors_verify(s, &e);
			bool named = k < name || k >= name + 4;

			if (st != (k == n ? HMR_OK : named ? HMR_E_FORMAT : HMR_EOF))
				fail_msg("bit %zu of byte %zu: status %d", i % 8, k, st);
			hmr_safetensors_close(s);
		} else {
			assert_true(k < n);
		}
		if (k < n)
			file[k] ^= (uint8_t)(1u << i % 8);
	}
	free(file);
	/* too short to hold the digits */
	assert_int_equal(hmr_safetensors_parse(&s, "\34\0\0\0\0\0\0\0"
			 "{\"__metadata__\":{\"xxh3\":\"\"}}", 36, &e), 0);
	assert_int_equal(hmr_safetensors_verify(s, &e), HMR_E_FORMAT);
	hmr_safetensors_close(s);
}

#define IN "\"inputs\":[{\"name\":\"x\",\"shape\":[1,4,4,3],\"free\":[1,0,0,0]}]"
#define OUT "\"outputs\":[{\"name\":\"y\",\"value\":\"y\"}]"
#define NODE(op, more) "{" IN "," OUT ",\"nodes\":[{\"op\":\"" op \
	"\",\"name\":\"n\",\"in\":[\"x\"],\"out\":[\"y\"]" more "}]}"

static void
test_graphs(void **state)
{
	static const struct { const char *text, *says; } bad[] = {
		{ "7", "no inputs" },
		{ "{" IN "," OUT ",\"nodes\":[]}", "no value y" },
		{ NODE("sing", ""), "unknown operator sing" },
		{ NODE("act", ",\"act\":\"softly\""), "unknown activation" },
		{ NODE("conv", ""), "wrong number" },
		{ NODE("max_pool", ",\"kernel\":[0,1]"), "bad kernel" },
		{ NODE("max_pool", ",\"kernel\":[9,9]"), "smaller than the window" },
		{ NODE("max_pool", ",\"kernel\":[2,2],\"pad\":[2,0,0,0]"), "padding larger" },
		{ NODE("max_pool", ",\"stride\":[0,1]"), "bad stride" },
		{ NODE("resize", ",\"scale\":[1,3,1,3]"), "no whole number" },
		{ NODE("resize", ",\"scale\":[65536,1,65536,1]"), "too large" },
		{ NODE("resize", ",\"scale\":[0,1,1,1]"), "no whole number" },
		{ NODE("split", ",\"axis\":3,\"sizes\":[2]"), "do not add up" },
		{ NODE("split", ",\"axis\":5,\"sizes\":[3]"), "no such axis" },
		{ NODE("reshape", ",\"shape\":[-1,-1]"), "do not divide" },
		{ NODE("reshape", ",\"shape\":[7]"), "do not divide" },
		{ NODE("reshape", ",\"shape\":[24]"), "do not match" },
		{ NODE("transpose", ",\"perm\":[0,1,2,2]"), "no permutation" },
		{ NODE("pad", ",\"pads\":[1,1]"), "two numbers" },
		{ NODE("pad", ",\"pads\":[0,0,0,0,0,0,-1,0]"), "out of range" },
		{ NODE("concat", ",\"axis\":9"), "bad axis" },
		{ "{" IN "," OUT ",\"nodes\":[{\"op\":\"act\",\"name\":\"n\",\"in\":[\"y\"],"
		  "\"out\":[\"y\"]}]}", "no value y before it" },
		{ "{" IN "," OUT ",\"nodes\":[{\"op\":\"act\",\"name\":\"n\",\"in\":[\"x\"],"
		  "\"out\":[\"x\"]}]}", "made twice" },
		{ "{" IN ",\"outputs\":[{\"name\":\"y\",\"value\":\"x\"}],\"nodes\":[]}", "not made" },
	};
	static const uint8_t empty[10] = { 2, 0, 0, 0, 0, 0, 0, 0, '{', '}' };
	struct hmr_safetensors *file;
	struct hmr_dims dims[8];
	struct hmr_graph *g;
	struct hmr_err e;

	(void)state;
	assert_int_equal(hmr_safetensors_parse(&file, empty, 10, NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		enum hmr_status st;

		memset(&e, 0, sizeof(e));
		if (!(st = hmr_graph_parse(&g, bad[i].text, file, &e)))
			st = hmr_graph_shapes(g, NULL, NULL, dims, &e);
		hmr_graph_free(g);
		if (!st || !strstr(e.msg, bad[i].says) || strchr(e.msg, '\n'))
			fail_msg("case %zu (%s) says: %s", i, bad[i].says, e.msg);
	}
	assert_int_equal(hmr_graph_parse(&g, NODE("act", ",\"act\":\"relu\""), file, &e), 0);
	assert_int_equal(hmr_graph_shapes(g, NULL, NULL, dims, &e), 0);
	assert_int_equal(dims[g->output[0].value].d[3], 3);
	assert_int_equal(hmr_graph_shapes(g, &(struct hmr_dims){ 4, { 7 } }, NULL, dims, &e), 0);
	assert_int_equal(dims[g->output[0].value].d[0], 7);
	assert_int_not_equal(hmr_graph_shapes(g, &(struct hmr_dims){ 4, { 0, 8 } }, NULL,
					      dims, &e), 0);
	hmr_graph_free(g);
	hmr_safetensors_close(file);
}

static void
test_missing(void **state)
{
	char out[4096];
	struct hmr_err e = { 0 };

	(void)state;
	setenv("HMR_MODELS", "/no/such/folder", 1);
	assert_int_equal(hmr_model_path("absent", out, sizeof(out), &e), HMR_E_MODEL);
	assert_non_null(strstr(e.msg, "/no/such/folder"));
	assert_non_null(strstr(e.msg, "make models"));
	assert_int_equal(hmr_model_path("./absent", out, sizeof(out), &e), HMR_E_MODEL);
	unsetenv("HMR_MODELS");
	setenv("XDG_DATA_HOME", "/data", 1);
	assert_int_equal(hmr_model_folder(out, sizeof(out), &e), 0);
	assert_string_equal(out, "/data/hmr/models");
	unsetenv("XDG_DATA_HOME");
	setenv("HOME", "/home/me", 1);
	assert_int_equal(hmr_model_folder(out, sizeof(out), &e), 0);
	assert_string_equal(out, "/home/me/.local/share/hmr/models");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_safetensors),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_graphs),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

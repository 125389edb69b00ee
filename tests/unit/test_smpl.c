/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All kinds of SMPL file give the same arrays, bit for bit: the Python 2 pickle
 * with chumpy and scipy objects, the Python 3 copy, npz (stored and deflated,
 * made here). Needs $HMR_SHARED/oracle/hmr2-tiny; without it only npy is tested.
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

#include "import/npz.h"
#include "import/smpl.h"

#define V HMR_SMPL_VERTICES

static char *
path_of(const char *name)
{
	static char path[4096];
	const char *dir = getenv("HMR_SHARED");

	snprintf(path, sizeof(path), "%s/oracle/hmr2-tiny/%s", dir ? dir : "../shared",
		 name);
	return path;
}

static void
load(struct hmr_smpl *s, const char *name)
{
	char body[4096];
	struct hmr_err e = { 0 };

	snprintf(body, sizeof(body), "%s", name[0] == '/' ? name : path_of(name));
	if (hmr_smpl_read(s, body, path_of("SMPL_to_J19.pkl.gz"), &e))
		fail_msg("%s", e.msg);
}

static void
same(const struct hmr_smpl *a, const struct hmr_smpl *b)
{
	assert_memory_equal(a->v_template, b->v_template, V * 3 * 4);
	assert_memory_equal(a->shapedirs, b->shapedirs, V * 3 * 10 * 4);
	assert_memory_equal(a->posedirs, b->posedirs, V * 3 * 207 * 4);
	assert_memory_equal(a->regressor, b->regressor, V * 24 * 4);
	assert_memory_equal(a->weights, b->weights, V * 24 * 4);
	assert_memory_equal(a->extra, b->extra, V * 19 * 4);
	assert_memory_equal(a->parent, b->parent, sizeof(a->parent));
	assert_int_equal(a->faces, b->faces);
	assert_memory_equal(a->face, b->face, a->faces * 3 * 4);
}

/* An npy of doubles or unsigned numbers; the caller frees it. */
static uint8_t *
make_npy(const char *shape, const float *f, const uint32_t *u, size_t n, size_t *bytes)
{
	char head[128];
	uint8_t *p = malloc(128 + n * 8);
	int len;

	assert_non_null(p);
	len = snprintf(head, sizeof(head), "{'descr': '%s', 'fortran_order': False, "
		       "'shape': (%s), }", f ? "<f8" : "<u4", shape);
	memset(p, ' ', 128);
	memcpy(p, "\223NUMPY\1\0\166\0", 10);
	memcpy(p + 10, head, (size_t)len);
	p[127] = '\n';
	for (size_t i = 0; i < n; i++) {
		double d = f ? (double)f[i] : 0;

		if (f)
			memcpy(p + 128 + i * 8, &d, 8);
		else
			memcpy(p + 128 + i * 4, &u[i], 4);
	}
	*bytes = 128 + n * (f ? 8 : 4);
	return p;
}

static void
put(zip_t *z, const char *name, const char *shape, const float *f, const uint32_t *u,
    size_t n, int method)
{
	size_t bytes;
	uint8_t *p = make_npy(shape, f, u, n, &bytes);
	zip_source_t *s = zip_source_buffer(z, p, bytes, 1);
	zip_int64_t i = zip_file_add(z, name, s, 0);

	assert_true(i >= 0);
	assert_int_equal(zip_set_file_compression(z, (zip_uint64_t)i, method, 1), 0);
}

static void
make_npz(const char *path, const struct hmr_smpl *s, int method)
{
	uint32_t tree[48] = { 0xffffffffu };
	float *wide = calloc(V * 3 * 12, sizeof(*wide));	/* more shapes than ten */
	zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);

	assert_non_null(z);
	assert_non_null(wide);
	for (uint32_t i = 0; i < 24; i++) {
		tree[i] = (uint32_t)s->parent[i];
		tree[24 + i] = i;
	}
	put(z, "v_template.npy", "6890, 3", s->v_template, NULL, V * 3, method);
	for (size_t i = 0; i < V * 3; i++)
		memcpy(wide + 12 * i, s->shapedirs + 10 * i, 40);
	put(z, "shapedirs.npy", "6890, 3, 12", wide, NULL, V * 36, method);
	free(wide);
	put(z, "posedirs.npy", "6890, 3, 207", s->posedirs, NULL, V * 3 * 207, method);
	put(z, "J_regressor.npy", "24, 6890", s->regressor, NULL, V * 24, method);
	put(z, "weights.npy", "6890, 24", s->weights, NULL, V * 24, method);
	put(z, "kintree_table.npy", "2, 24", NULL, tree, 48, method);
	put(z, "f.npy", "13776, 3", NULL, s->face, s->faces * 3, method);
	assert_int_equal(zip_close(z), 0);
}

static void
test_kinds(void **state)
{
	char path[] = "/tmp/test-smpl-XXXXXX";
	int fd = mkstemp(path);
	struct hmr_smpl a, b;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	load(&a, "smpl_chumpy_p2.pkl.gz");
	assert_int_equal(a.faces, 13776);
	assert_int_equal(a.parent[0], -1);
	assert_int_equal(a.parent[23], 21);
	load(&b, "smpl_plain_p4.pkl.gz");
	same(&a, &b);
	hmr_smpl_release(&b);
	for (int m = 0; m < 2; m++) {
		make_npz(path, &a, m ? ZIP_CM_DEFLATE : ZIP_CM_STORE);
		load(&b, path);
		same(&a, &b);
		hmr_smpl_release(&b);
	}
	unlink(path);
	hmr_smpl_release(&a);
}

/* A file that is no SMPL says which array is missing. */
static void
test_missing(void **state)
{
	struct hmr_smpl s;
	struct hmr_err e = { 0 };

	(void)state;
	assert_int_equal(hmr_smpl_read(&s, path_of("smpl_mean_params.npz"), NULL, &e),
			 HMR_E_MODEL);
	assert_non_null(strstr(e.msg, "v_template: missing"));
	assert_int_equal(hmr_smpl_read(&s, path_of("SMPL_to_J19.pkl.gz"), NULL, &e),
			 HMR_E_MODEL);
	assert_int_equal(hmr_smpl_read(&s, path_of("none"), NULL, &e), HMR_E_IO);
}

static void
test_npy(void **state)
{
	static const char *const bad[] = {
		"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), ",
		"{'descr': '<f8', 'fortran_order': False, 'shape': (3,}",
		"{'descr': '<f8', 'fortran_order': Maybe, 'shape': (3,), }",
		"{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }",
		"{'descr': '<f8', 'fortran_order': False, }",
		"{'descr': '<f8', 'fortran_order': False, 'shape': (-3,), }",
		"{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1), }",
		"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999,), }",
		"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296,4294967296), }",
		"{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }",
		"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,), }",
		"{'x': '<f8', 'fortran_order': False, 'shape': (3,), }",
	};
	static const float want[] = { 1, 2, 3, 4, 5, 6 };
	struct hmr_npy a;
	uint8_t buf[256];
	float got[6];
	size_t n;
	uint8_t *p = make_npy("2, 3", want, NULL, 6, &n);

	(void)state;
	assert_int_equal(hmr_npy_parse(&a, p, n, NULL), HMR_OK);
	hmr_npy_f32(&a, got);
	assert_memory_equal(got, want, sizeof(want));
	memcpy(p + 10, "{'fortran_order':  True, 'shape': (2, 3),'descr':'<f8'}      ", 60);
	assert_int_equal(hmr_npy_parse(&a, p, n, NULL), HMR_OK);
	hmr_npy_f32(&a, got);
	assert_true(got[1] == 3 && got[2] == 5 && got[3] == 2);
	for (size_t i = 0; i < n; i++) {	/* each prefix, at the end of a block */
		uint8_t *q = malloc(i ? i : 1);

		memcpy(q, p, i);
		assert_int_not_equal(hmr_npy_parse(&a, q, i, NULL), HMR_OK);
		free(q);
	}
	free(p);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		memset(buf, ' ', sizeof(buf));
		memcpy(buf, "\223NUMPY\1\0\166\0", 10);
		memcpy(buf + 10, bad[i], strlen(bad[i]));
		if (!hmr_npy_parse(&a, buf, 128 + 24, NULL))
			fail_msg("accepted %s", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_npy),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_missing),
	};

	return access(path_of("tiny.ckpt"), R_OK) ?
		cmocka_run_group_tests_name("npy", (struct CMUnitTest[])
					    { cmocka_unit_test(test_npy) }, NULL, NULL) :
		cmocka_run_group_tests(tests, NULL, NULL);
}

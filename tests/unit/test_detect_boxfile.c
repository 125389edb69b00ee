/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes from a file: lines to numbers, order, rewinding, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detect/boxfile.h"
#include "detect/boxrow.h"

static char path[64];

static void
put(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* A form lives in static memory: its fields are many. */
static enum hmr_status
line(const char *names, const char *text, struct hmr_boxrow *r, struct hmr_err *e)
{
	static struct hmr_boxform f;
	char copy[256];

	memset(&f, 0, sizeof(f));
	if (names) {
		snprintf(copy, sizeof(copy), "%s", names);
		assert_int_equal(hmr_boxrow_read(&f, copy, r, e), HMR_EOF);
	}
	snprintf(copy, sizeof(copy), "%s", text);
	return hmr_boxrow_read(&f, copy, r, e);
}

static void
test_rows(void **state)
{
	static const char plain[] = "frame,x0,y0,x1,y1", own[] =
		"\xef\xbb\xbfid,frame,pts,\"x0\", y0,x1,y1,score";
	static const struct {
		const char *names, *text;
		struct hmr_boxrow want;
	} t[] = {
		{ NULL, "1,9,499,158,31.5,75.25,1,-4,-7,0", { 0, 9, 1, { 499, 158, 530.5f, 233.25f } } },
		{ NULL, "12,-1,-3.5,2,10,20", { 11, 0, 1, { -3.5f, 2, 6.5f, 22 } } },
		{ NULL, "12,0,1,2,10,20,-1", { 11, 0, 1, { 1, 2, 11, 22 } } },
		{ NULL, "12,3,1,2,10,20,0.25\r", { 11, 3, 0.25f, { 1, 2, 11, 22 } } },
		{ NULL, "  12 3   1 2 10 20 -0.5", { 11, 3, -0.5f, { 1, 2, 11, 22 } } },
		{ NULL, "1.000e+00,2.0,1, 2 ,10,20,1.0", { 0, 2, 1, { 1, 2, 11, 22 } } },
		{ NULL, "1,4294967295,1,2,0,0", { 0, 4294967295u, 1, { 1, 2, 1, 2 } } },
		{ plain, "0,1,2,3,4", { 0, 0, 1, { 1, 2, 3, 4 } } },
		{ plain, "9007199254740992,1,2,3,4,ignored", { 1ull << 53, 0, 1, { 1, 2, 3, 4 } } },
		{ own, "7,5,x,1,2,3,4,0.5", { 5, 7, 0.5f, { 1, 2, 3, 4 } } },
		{ own, ",5,,1,2,3,4,", { 5, 0, 1, { 1, 2, 3, 4 } } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hmr_boxrow r = { 0 };
		struct hmr_err e = { 0 };

		if (line(t[i].names, t[i].text, &r, &e))
			fail_msg("%s: %s", t[i].text, e.msg);
		assert_true(r.frame == t[i].want.frame);
		assert_int_equal(r.id, t[i].want.id);
		assert_float_equal(r.score, t[i].want.score, 0);
		for (int k = 0; k < 4; k++)
			assert_float_equal(r.box[k], t[i].want.box[k], 0);
	}
}

static void
test_bad_rows(void **state)
{
	static const char plain[] = "frame,x0,y0,x1,y1,score,id";
	static const struct { const char *names, *text, *says; } t[] = {
		{ NULL, "1,2,3,4,5", "5 fields" },
		{ NULL, "\"\t\"", "2 fields" },
		{ NULL, "0,2,3,4,5,6", "frame" },
		{ NULL, "1.5,2,3,4,5,6", "frame" },
		{ NULL, "1,x,3,4,5,6", "id" },
		{ NULL, "1,-2,3,4,5,6", "id" },
		{ NULL, "1,4294967296,3,4,5,6", "id" },
		{ NULL, "1,2,nan,4,5,6", "left" },
		{ NULL, "1,2,3,1e9,5,6", "top" },
		{ NULL, "1,2,3,4,-5,6", "ends before it begins" },
		{ NULL, "1,2,3,4,5,inf", "height" },
		{ NULL, "1,2,3,4,5,6,much", "conf" },
		{ NULL, "1,2,3,4,,6", "width" },
		{ NULL, "frame,x0,y0,x1", "no column y1" },
		{ plain, "-1,1,2,3,4,1,1", "frame" },
		{ plain, "1,1,2,3", "no y1" },
		{ plain, "1,5,2,3,4", "ends before it begins" },
		{ plain, "1,1,2,3,4,x", "score" },
		{ plain, "1,1,2,3,4,1,x", "id" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hmr_boxrow r = { 0 };
		struct hmr_err e = { 0 };

		assert_int_equal(line(t[i].names, t[i].text, &r, &e), HMR_E_FORMAT);
		if (!strstr(e.msg, t[i].says))
			fail_msg("%s: %s", t[i].text, e.msg);
	}
}

/* The ids of frame `number`, as digits. */
static void
check(struct hmr_boxfile *b, uint64_t number, const char *ids)
{
	struct hmr_person p[8];
	struct hmr_err e = { 0 };
	uint32_t n;
	char got[9] = "";

	if (hmr_boxfile_frame(b, number, p, 8, &n, &e))
		fail_msg("%s", e.msg);
	for (uint32_t i = 0; i < n; i++)
		got[i] = (char)('0' + p[i].given_id);
	assert_string_equal(got, ids);
}

static void
test_order(void **state)
{
	static const char *const text[2] = {
		"# sorted\n\n1,1,0,0,1,1\n1,2,0,0,1,1\r\n3,3,0,0,1,1\n3,4,0,0,1,1\n9,5,0,0,1,1",
		"9,5,0,0,1,1\n3,3,0,0,1,1\n1,1,0,0,1,1\n3,4,0,0,1,1\n1,2,0,0,1,1\n",
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct hmr_boxfile *b;

		put(text[i]);
		assert_int_equal(hmr_boxfile_open(&b, path, NULL), HMR_OK);
		assert_int_equal(hmr_boxfile_sorted(b), i == 0);
		for (int again = 0; again < 2; again++) {	/* a new segment */
			check(b, 0, "12");
			check(b, 1, "");
			check(b, 2, "34");
			check(b, 2, "");
			check(b, 8, "5");
			check(b, 100, "");
		}
		check(b, 1, "");
		check(b, 8, "5");	/* frame 3 of the file is passed over */
		hmr_boxfile_close(b);
	}
}

static void
test_limits(void **state)
{
	struct hmr_boxfile *b;
	struct hmr_person p[1];
	struct hmr_err e = { 0 };
	uint32_t n;
	FILE *f;

	(void)state;
	put("1,1,0,0,1,1\n1,2,0,0,1,1\n");
	assert_int_equal(hmr_boxfile_open(&b, path, NULL), HMR_OK);
	assert_int_equal(hmr_boxfile_frame(b, 0, p, 1, &n, &e), HMR_E_LIMIT);
	hmr_boxfile_close(b);
	put("1,1,0,0,1,1\n1,2,0,0,x,1\n");
	assert_int_equal(hmr_boxfile_open(&b, path, &e), HMR_E_FORMAT);
	assert_null(b);
	assert_non_null(strstr(e.msg, ":2: width"));
	f = fopen(path, "w");		/* a NUL, and a line that never ends */
	fwrite("1,1,0\0,0,1,1\n", 1, 13, f);
	fclose(f);
	assert_int_equal(hmr_boxfile_open(&b, path, &e), HMR_E_FORMAT);
	f = fopen(path, "w");
	for (int i = 0; i < 70000; i++)
		fputc('1', f);
	fclose(f);
	assert_int_equal(hmr_boxfile_open(&b, path, &e), HMR_E_FORMAT);
	assert_non_null(strstr(e.msg, ":1: line too long"));
	put("");
	assert_int_equal(hmr_boxfile_open(&b, path, NULL), HMR_OK);
	check(b, 0, "");
	hmr_boxfile_close(b);
	unlink(path);
	assert_int_equal(hmr_boxfile_open(&b, path, NULL), HMR_E_IO);
}

/* From a pipe: read along, and only once. */
static void
test_pipe(void **state)
{
	static const char text[] = "2,1,0,0,1,1\n5,2,0,0,1,1\n4,3,0,0,1,1\n";
	struct hmr_boxfile *b;
	struct hmr_person p[4];
	struct hmr_err e = { 0 };
	char name[32];
	uint32_t n;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", fd[0]);
	assert_int_equal(hmr_boxfile_open(&b, name, NULL), HMR_OK);
	check(b, 0, "");
	check(b, 1, "1");
	check(b, 3, "");
	assert_int_equal(hmr_boxfile_frame(b, 4, p, 4, &n, &e), HMR_E_FORMAT);
	assert_non_null(strstr(e.msg, ":3: frames out of order"));
	assert_int_equal(hmr_boxfile_frame(b, 1, p, 4, &n, &e), HMR_E_IO);
	hmr_boxfile_close(b);
	close(fd[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_bad_rows),
		cmocka_unit_test(test_order), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_pipe),
	};
	int fd, failed;

	snprintf(path, sizeof(path), "/tmp/hmr-boxes.XXXXXX");
	if ((fd = mkstemp(path)) < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Lines: tables survive writing and reading bit for bit; numbers parse as
 * the C library parses them; broken lines are refused with line and cause. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "stream/lines_json.h"
#include "stream/lines_read.h"
#include "stream/lines_write.h"
#include "stream/tables.h"

#define N 5
#define V 7

static uint64_t seed = 88172645463325252u;

static uint32_t
rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16);
}

/* Any finite float, subnormals and zeros of both signs among them. */
static float
any_float(void)
{
	for (;;) {
		uint32_t u = rnd();
		float v;

		if (u % 16 == 0)
			u &= 0x80000000u;
		if (u % 16 == 1)
			u &= 0x807fffffu;
		memcpy(&v, &u, sizeof(v));
		if (isfinite(v))
			return v;
	}
}

static void
fill(float *v, size_t n)
{
	while (n--)
		v[n] = any_float();
}

struct tables {
	struct hmr_person people[N];
	struct hmr_body_row bodies[N];
	struct hmr_track_row tracks[N];
	struct hmr_camera_row camera;
	uint32_t vp[N];
	float vert[N * 3 * V];
	uint8_t bytes[5][65536];
	size_t n[5];
};
static const uint32_t tags[5] = { HMR_TAG_PEOPLE, HMR_TAG_BODIES, HMR_TAG_TRACKS,
				  HMR_TAG_CAMERA, HMR_TAG_VERTICES };

static void
make_frame(struct tables *t, struct hmr_frame *f)
{
	uint32_t nb = 0, nt = 0;

	memset(t, 0, sizeof(*t));
	memset(f, 0, sizeof(*f));
	for (uint32_t i = 0; i < N; i++) {
		struct hmr_person *p = &t->people[i];
		struct hmr_body_row *b = &t->bodies[nb];

		fill(p->box, 4);
		p->score = any_float();
		p->given_id = i == 3 ? 77 : 0;
		if (i != 1) {
			b->person = i;
			fill(b->pose[0], 24 * 9);
			fill(b->shape, 10);
			fill(b->camera, 3);
			fill(b->camera_crop, 3);
			fill(b->crop, 3);
			fill(b->joints3d[0], 44 * 3);
			fill(b->joints2d[0], 44 * 2);
			b->focal = any_float();
			if (i != 2) {
				b->flags = HMR_BODY_CONF | HMR_BODY_FIT;
				fill(b->joint_conf, 44);
				b->fit_error = any_float();
			}
			nb++;
		}
		if (i != 4) {
			t->tracks[nt].person = i;
			t->tracks[nt].id = 4000000000u + i;
			t->tracks[nt].missed = i == 2 ? 3 : 0;
			t->tracks[nt++].flags = i == 2 ?
				HMR_TRACK_FILLED | HMR_TRACK_CONFIRMED :
				i == 3 ? 0 : HMR_TRACK_CONFIRMED;
		}
		t->vp[i] = i;
	}
	fill(t->vert, N * 3 * V);
	t->camera.focal[0] = 1234.5677f;
	t->camera.focal[1] = 1e-30f;
	fill(t->camera.centre, 2);
	t->n[0] = hmr_people_put(t->bytes[0], t->people, N);
	t->n[1] = hmr_bodies_put(t->bytes[1], t->bodies, nb);
	t->n[2] = hmr_tracks_put(t->bytes[2], t->tracks, nt);
	t->n[3] = hmr_camera_put(t->bytes[3], &t->camera);
	t->n[4] = hmr_vectors_put(t->bytes[4], 0, t->vp, t->vert, N, 3 * V);
	for (int i = 0; i < 5; i++)
		assert_int_equal(hmr_frame_put(f, tags[i], t->bytes[i], t->n[i], NULL),
				 HMR_OK);
	f->pts = -12;
	f->duration = 3;
	f->width = 640;
	f->height = 480;
}

static struct hmr_head *
make_head(void)
{
	struct hmr_head_info i = { .source = "caf\xe9 \"x\".mp4", .width = 640,
		.height = 480, .tb_num = 1, .tb_den = 90000, .rate_num = 30000,
		.rate_den = 1001, .max_payload = 1 << 20 };
	struct hmr_head *h;

	assert_int_equal(hmr_head_new(&h, &i, NULL), HMR_OK);
	return h;
}

static int
temp(void)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	return fileno(f);
}

static void
test_round_trip(void **state)
{
	struct hmr_lines_options o = { HMR_LINES_DEFAULT | HMR_LINES_VERTICES, true };
	struct hmr_end end = { .complete = false, .frame = 41, .stage = "hmr-mesh",
			       .message = "no \"luck\"\t\x01 \xff\xc3\xa9", .signal = 15 };
	struct tables *t = malloc(sizeof(*t));
	struct hmr_frame f;
	const struct hmr_frame *g;
	struct hmr_lines_writer *w;
	struct hmr_lines_reader *r;
	struct hmr_head *h = make_head(), *back;
	struct hmr_err e = { 0 };
	int fd = temp();
	uint64_t start;

	(void)state;
	assert_int_equal(hmr_lines_writer_new(&w, fd, "x", &o, &e), HMR_OK);
	assert_int_equal(hmr_lines_writer_head(w, h, &e), HMR_OK);
	start = seed;
	for (uint64_t i = 0; i < 200; i++) {
		make_frame(t, &f);
		f.number = i;
		f.flags = i % 2 ? HMR_FRAME_SHOT : 0;
		assert_int_equal(hmr_lines_writer_frame(w, &f, &e), HMR_OK);
	}
	assert_int_equal(hmr_lines_writer_end(w, &end, &e), HMR_OK);
	lseek(fd, 1, SEEK_SET);
	assert_int_equal(hmr_lines_reader_new(&r, fd, "x", "{", 1, 1 << 20, &e), 0);
	assert_int_equal(hmr_lines_reader_head(r, &back, &e), HMR_OK);
	assert_string_equal(hmr_head_json(back, NULL), hmr_head_json(h, NULL));
	seed = start;
	for (uint64_t i = 0; i < 200; i++) {
		make_frame(t, &f);
		assert_int_equal(hmr_lines_reader_next(r, &g, &e), HMR_OK);
		assert_int_equal(g->number, i);
		assert_int_equal(g->pts, -12);
		assert_int_equal(g->duration, 3);
		assert_int_equal(g->flags, i % 2 ? HMR_FRAME_SHOT : 0);
		assert_int_equal(g->width, 640);
		assert_int_equal(g->height, 480);
		for (int k = 0; k < 5; k++) {
			const struct hmr_section *s = hmr_frame_find(g, tags[k]);

			assert_non_null(s);
			assert_int_equal(s->raw, t->n[k]);
			assert_memory_equal(s->data, t->bytes[k], t->n[k]);
		}
	}
	assert_int_equal(hmr_lines_reader_next(r, &g, &e), HMR_E_UPSTREAM);
	assert_string_equal(e.msg, "x: hmr-mesh failed at frame 41: "
			    "no \"luck\"\t\x01 \\xff\xc3\xa9");
	assert_int_equal(hmr_lines_reader_end(r)->signal, 15);
	assert_int_equal(hmr_lines_reader_end(r)->frames, 200);
	hmr_head_free(h);
	assert_int_equal(hmr_lines_reader_head(r, &h, &e), HMR_EOF);
	hmr_head_free(back);
	hmr_lines_reader_free(r);
	hmr_lines_writer_free(w);
	free(t);
	close(fd);
}

static void
check_number(const char *s)
{
	struct hmr_json j = { s, s + strlen(s) };
	float v = 0, want = strtof(s, NULL);
	enum hmr_status st = hmr_json_f32(&j, &v);

	if (isfinite(want)) {
		assert_int_equal(st, HMR_OK);
		if (memcmp(&v, &want, sizeof(v)))
			fail_msg("%s: %a, want %a", s, (double)v, (double)want);
		assert_ptr_equal(j.at, j.end);
	} else {
		assert_int_equal(st, HMR_E_FORMAT);
	}
}

static void
test_numbers(void **state)
{
	static const char *const cases[] = {
		"0", "-0", "-0.0", "1e-45", "7e-46", "7.1e-46", "1.17549435e-38",
		"3.4028235e38", "3.4028236e38", "3.5e38", "1e400", "1e-400",
		"16777217", "16777217.0000000000000000000000000000000000000000001",
		"16777217.0000000000000000000000000000000000000000000000000000000000001",
		/* as doubles these are the middle of two floats; they are not */
		"18.71541118621826", "16.24695873260498",
		"3.416612744331360", "0.002048840164206922",
		"0.1", "123456789012345678901234567890", "1e+5", "1E5",
		"0.00000000000000000000000000000000000000000000000000000000000000000001e60",
		"8388608.5", "8388609.5", "9007199254740993", "4.7019774032891500318749461488889827112746622270883500860350068251e-38",
	};
	static const char *const wrong[] = { "", "-", "01", ".5", "1.", "1e", "1e+",
		"+1", "nan", "Infinity", "0x1", "--1" };
	char t[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_number(cases[i]);
	for (int i = 0; i < 200000; i++) {
		snprintf(t, sizeof(t), "%.*e", (int)(rnd() % 20), (double)any_float());
		check_number(t);
		snprintf(t, sizeof(t), "%u.%u", rnd() % 30000000, rnd());
		check_number(t);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct hmr_json j = { wrong[i], wrong[i] + strlen(wrong[i]) };
		float v;
		bool all = hmr_json_f32(&j, &v) == HMR_OK && j.at == j.end;

		if (all)
			fail_msg("'%s' was taken for a number", wrong[i]);
	}
}

#define HEAD "{\"type\":\"header\",\"tracks\":\"1.0\"}\n"
#define END1 "{\"type\":\"end\",\"frames\":1,\"status\":\"complete\"}\n"
#define FRAME(s) "{\"type\":\"frame\",\"frame\":0,\"people\":[" s "]}\n"

/* The status that ends reading text. */
static enum hmr_status
read_all(const char *text, uint64_t max_line, int *segments, struct hmr_err *e)
{
	struct hmr_lines_reader *r;
	const struct hmr_frame *f;
	struct hmr_head *h;
	int fd = temp();
	enum hmr_status st;

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	lseek(fd, 0, SEEK_SET);
	*segments = 0;
	assert_int_equal(hmr_lines_reader_new(&r, fd, "x", "", 0, max_line, e), 0);
	while (!(st = hmr_lines_reader_head(r, &h, e))) {
		++*segments;
		hmr_head_free(h);
		while (!(st = hmr_lines_reader_next(r, &f, e)))
			;
		if (st != HMR_EOF)
			break;
	}
	hmr_lines_reader_free(r);
	close(fd);
	return st;
}

static void
test_verdicts(void **state)
{
	static const struct {
		const char *text;
		enum hmr_status st;
		int segments;
		const char *say;	/* part of the message */
	} tab[] = {
		{ HEAD FRAME("") END1, HMR_EOF, 1, NULL },
		{ HEAD FRAME("") END1 "\n \n" HEAD FRAME("{}") END1, HMR_EOF, 2, NULL },
		{ HEAD "{\"type\":\"new\",\"x\":[{}]}\n" FRAME("") END1, HMR_EOF, 1, NULL },
		{ HEAD "{\"people\":[ {\"new\":{\"a\":[1,\"]\"]} , \"box\":[1, 2,3 ,4e0]}],"
		  "\"frame\":3,\"type\":\"frame\"}\n"
		  "{\"type\":\"end\",\"frames\":1,\"status\":\"complete\"}",
		  HMR_EOF, 1, NULL },
		{ "", HMR_E_TRUNCATED, 0, "empty input" },
		{ HEAD, HMR_E_TRUNCATED, 1, "after 0 frames" },
		{ HEAD FRAME(""), HMR_E_TRUNCATED, 1, "after 1 frames" },
		{ HEAD "{\"type\":\"frame\",\"fra", HMR_E_TRUNCATED, 1, "line 2: cut" },
		{ FRAME(""), HMR_E_FORMAT, 0, "header line" },
		{ HEAD HEAD, HMR_E_FORMAT, 1, "before the end" },
		{ HEAD END1, HMR_E_FORMAT, 1, "end counts" },
		{ HEAD FRAME("") FRAME("") END1, HMR_E_FORMAT, 1, "do not rise" },
		{ HEAD "{\"type\":\"frame\",\"people\":[]}\n" END1, HMR_E_FORMAT, 1, "number" },
		{ HEAD FRAME("{\"box\":[1,2,3]}") END1, HMR_E_FORMAT, 1, "line 2, byte 51: box" },
		{ HEAD FRAME("{\"box\":[1,2,3,4,5]}") END1, HMR_E_FORMAT, 1, "box" },
		{ HEAD FRAME("{\"box\":[1,2,3,1e39]}") END1, HMR_E_FORMAT, 1, "box" },
		{ HEAD FRAME("{\"id\":0}") END1, HMR_E_FORMAT, 1, "id" },
		{ HEAD FRAME("{\"id\":4294967296}") END1, HMR_E_FORMAT, 1, "id" },
		{ HEAD FRAME("{\"id\":1,\"id\":2}") END1, HMR_E_FORMAT, 1, "twice" },
		{ HEAD FRAME("{},") END1, HMR_E_FORMAT, 1, "person" },
		{ HEAD FRAME("[]") END1, HMR_E_FORMAT, 1, "person" },
		{ HEAD FRAME("{\"x\":[[}") END1, HMR_E_FORMAT, 1, "person" },
		{ "{\"type\":\"header\",\"tracks\":\"2.0\"}\n", HMR_E_VERSION, 0, "2.0" },
		{ "{\"type\":\"header\",\"width\":\"a\"}\n", HMR_E_FORMAT, 0, "width" },
		{ "[1]\n", HMR_E_FORMAT, 0, "JSON object" },
		{ HEAD FRAME("") "{\"type\":\"error\",\"stage\":\"s\",\"frame\":null,"
		  "\"message\":\"a\\u00e9\\ud83d\\ude00\\ud800\\n\"}\n"
		  "{\"type\":\"end\",\"frames\":1,\"status\":\"failed\"}\n",
		  HMR_E_UPSTREAM, 1, "s failed: a\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd\n" },
	};
	struct hmr_err e;
	int segments;

	(void)state;
	for (size_t i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
		enum hmr_status st;

		memset(&e, 0, sizeof(e));
		st = read_all(tab[i].text, 1 << 16, &segments, &e);
		if (st != tab[i].st || segments != tab[i].segments ||
		    (tab[i].say && !strstr(e.msg, tab[i].say)))
			fail_msg("case %zu: %d, %d segments: %s", i, st, segments, e.msg);
	}
	assert_int_equal(read_all(HEAD FRAME("") END1, 40, &segments, &e), HMR_E_LIMIT);
	assert_non_null(strstr(e.msg, "longer than 40 bytes"));
}

/* A message that is not UTF-8 and fills its room: what is read back is what was
 * written, and writing that again gives the same line. */
static void
test_long_message(void **state)
{
	struct hmr_end end = { .frame = -1, .stage = "hmr-mesh" };
	char line[2][4 * sizeof(end.message) + 200];
	ssize_t n[2];

	(void)state;
	memset(end.message, 0xff, sizeof(end.message) - 1);
	for (int i = 0; i < 2; i++) {
		static const struct hmr_lines_options o = { HMR_LINES_DEFAULT, true };
		struct hmr_lines_writer *w;
		struct hmr_lines_reader *r;
		const struct hmr_frame *f;
		struct hmr_head *h;
		int fd = temp();

		assert_int_equal(write(fd, HEAD, strlen(HEAD)), (ssize_t)strlen(HEAD));
		assert_int_equal(hmr_lines_writer_new(&w, fd, "x", &o, NULL), 0);
		assert_int_equal(hmr_lines_writer_end(w, &end, NULL), 0);
		hmr_lines_writer_free(w);
		n[i] = pread(fd, line[i], sizeof(line[i]), 0);
		lseek(fd, 0, SEEK_SET);
		assert_int_equal(hmr_lines_reader_new(&r, fd, "x", "", 0, 1 << 20, NULL), 0);
		assert_int_equal(hmr_lines_reader_head(r, &h, NULL), 0);
		assert_int_equal(hmr_lines_reader_next(r, &f, NULL), HMR_E_UPSTREAM);
		end = *hmr_lines_reader_end(r);
		hmr_head_free(h);
		hmr_lines_reader_free(r);
		close(fd);
	}
	assert_int_equal(n[0], n[1]);
	assert_memory_equal(line[0], line[1], (size_t)n[0]);
}

static void
test_fields(void **state)
{
	uint32_t f;
	struct hmr_err e;

	(void)state;
	assert_int_equal(hmr_lines_fields_parse("box,id,pose", &f, &e), HMR_OK);
	assert_int_equal(f, HMR_LINES_BOX | HMR_LINES_POSE);
	assert_int_equal(hmr_lines_fields_parse("box,,pose", &f, &e), HMR_E_USAGE);
	assert_int_equal(hmr_lines_fields_parse("boxes", &f, &e), HMR_E_USAGE);
	assert_non_null(strstr(e.msg, "'boxes'"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_long_message),
		cmocka_unit_test(test_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* hmr-stream(5): what is written is read back; every byte that changes and every
 * byte that is missing is noticed; segments, unknown sections, compression. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "stream/record.h"
#include "stream/salvage.h"
#include "stream/tables.h"

struct bytes {
	uint8_t *p;
	size_t n;
};

static int
temp_fd(void)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	fd = dup(fileno(f));
	fclose(f);
	return fd;
}

static struct bytes
slurp(int fd)
{
	struct bytes b;
	off_t n = lseek(fd, 0, SEEK_END);

	b.n = (size_t)n;
	b.p = malloc(b.n + 1);
	assert_int_equal(pread(fd, b.p, b.n, 0), n);
	close(fd);
	return b;
}

static int
fd_of(const uint8_t *p, size_t n)
{
	int fd = temp_fd();

	assert_int_equal(write(fd, p, n), (ssize_t)n);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void
put(struct hmr_frame *f, uint32_t tag, const void *p, size_t n)
{
	assert_int_equal(hmr_frame_put(f, tag, p, n, NULL), 0);
}

static const struct hmr_head_info base_info = {
	.source = "a\xff.mp4", .width = 8, .height = 6, .tb_num = 1, .tb_den = 25,
	.rate_num = 25, .rate_den = 1, .frames = 3, .max_payload = 1 << 16,
};

static uint8_t picture[8 * 6 * 3 / 2];

static struct hmr_image
image(void)
{
	struct hmr_image im = {
		.pixel = HMR_PIXEL_YUV420P, .matrix = HMR_MATRIX_BT601,
		.range = HMR_RANGE_LIMITED, .depth = 8, .width = 8, .height = 6,
		.planes = 3, .stride = { 8, 4, 4 },
		.plane = { picture, picture + 48, picture + 60 },
	};

	for (size_t i = 0; i < sizeof(picture); i++)
		picture[i] = (uint8_t)(i * 7);
	return im;
}

/* A small stream of one segment: three frames with image, people and a section
 * that nobody knows. */
static struct bytes
make_stream(int level, int segments, bool complete)
{
	struct hmr_image im = image();
	struct hmr_person person = { .box = { 1, 2, 3.5f, 4 }, .score = 0.75f,
				     .given_id = 9 };
	struct hmr_end end = { .complete = complete, .frame = 2 };
	struct hmr_head *h;
	struct hmr_writer *w;
	uint8_t img[512], tab[128];
	int fd = temp_fd();

	strcpy(end.stage, "hmr-x");
	strcpy(end.message, "it \"broke\"");
	assert_int_equal(hmr_writer_new(&w, fd, "t", level, NULL), 0);
	for (int s = 0; s < segments; s++) {
		assert_int_equal(hmr_head_new(&h, &base_info, NULL), 0);
		assert_int_equal(hmr_writer_head(w, h, NULL), 0);
		for (uint64_t i = 0; i < 3; i++) {
			struct hmr_frame f = { .number = 2 * i, .pts = (int64_t)i * 2 - 1,
					       .duration = 2, .width = 8, .height = 6 };

			put(&f, HMR_TAG_IMAGE, img,
						       hmr_image_put(img, &im));
			put(&f, HMR_TAG('x', 'Y', 'z', '1'),
						       "hello", 5);
			put(&f, HMR_TAG_PEOPLE, tab,
				hmr_people_put(tab, &person, i ? 1 : 0));
			assert_int_equal(hmr_writer_frame(w, &f, NULL), 0);
		}
		assert_int_equal(hmr_writer_end(w, &end, NULL), 0);
		hmr_head_free(h);
	}
	hmr_writer_free(w);
	return slurp(fd);
}

/* Reads everything, rewriting it to *copy where given. Frames read, or -1 - the
 * count so far where it ends in an error that is left in *st. */
static int
read_all(const uint8_t *p, size_t n, enum hmr_status *st, struct bytes *copy)
{
	struct hmr_reader *r;
	struct hmr_writer *w = NULL;
	struct hmr_head *h = NULL;
	const struct hmr_frame *f;
	int fd = fd_of(p, n), out = copy ? temp_fd() : -1, frames = 0;

	assert_int_equal(hmr_reader_new(&r, fd, "t", 1 << 20, NULL), 0);
	if (copy)
		assert_int_equal(hmr_writer_new(&w, out, "t", 0, NULL), 0);
	while (!(*st = hmr_reader_head(r, &h, NULL))) {
		if (copy)
			assert_int_equal(hmr_writer_head(w, h, NULL), 0);
		hmr_head_free(h);
		while (!(*st = hmr_reader_next(r, &f, NULL))) {
			frames++;
			if (copy)
				assert_int_equal(hmr_writer_frame(w, f, NULL), 0);
		}
		if (*st != HMR_EOF)
			break;
		if (copy)
			assert_int_equal(hmr_writer_end(w, hmr_reader_end(r), NULL), 0);
	}
	if (copy)
		*copy = slurp(out);
	hmr_reader_free(r);
	hmr_writer_free(w);
	close(fd);
	return frames;
}

static void
test_copy_is_equal(void **state)
{
	(void)state;
	for (int level = 0; level < 4; level += 3) {
		struct bytes a = make_stream(level, 2, true), b;
		enum hmr_status st;

		assert_int_equal(read_all(a.p, a.n, &st, &b), 6);
		assert_int_equal(st, HMR_EOF);
		assert_int_equal(a.n, b.n);
		assert_memory_equal(a.p, b.p, a.n);
		free(a.p);
		free(b.p);
	}
}

static void
test_every_prefix_is_an_error(void **state)
{
	struct bytes a = make_stream(0, 1, true);

	(void)state;
	for (size_t n = 0; n < a.n; n++) {
		enum hmr_status st;

		read_all(a.p, n, &st, NULL);
		assert_int_equal(st, HMR_E_TRUNCATED);
	}
	free(a.p);
}

static void
test_every_flipped_bit_is_an_error(void **state)
{
	(void)state;
	for (int level = 0; level < 4; level += 3) {
		struct bytes a = make_stream(level, 1, true);

		for (size_t i = 0; i < a.n; i++)
			for (int bit = 0; bit < 8; bit++) {
				enum hmr_status st;

				a.p[i] ^= (uint8_t)(1 << bit);
				read_all(a.p, a.n, &st, NULL);
				if (st >= 0)
					fail_msg("byte %zu bit %d goes unnoticed", i, bit);
				a.p[i] ^= (uint8_t)(1 << bit);
			}
		free(a.p);
	}
}

static void
test_failed_end(void **state)
{
	struct bytes a = make_stream(0, 1, false);
	struct hmr_reader *r;
	struct hmr_head *h;
	const struct hmr_frame *f;
	struct hmr_err e = { 0 };
	enum hmr_status st;
	int fd = fd_of(a.p, a.n);

	(void)state;
	assert_int_equal(hmr_reader_new(&r, fd, "t", 0, NULL), 0);
	assert_int_equal(hmr_reader_head(r, &h, NULL), 0);
	assert_string_equal(hmr_head_info(h)->source, "a\\xff.mp4");
	while (!(st = hmr_reader_next(r, &f, &e)))
		;
	assert_int_equal(st, HMR_E_UPSTREAM);
	assert_string_equal(hmr_reader_end(r)->message, "it \"broke\"");
	assert_string_equal(hmr_reader_end(r)->stage, "hmr-x");
	assert_int_equal(hmr_reader_end(r)->frame, 2);
	assert_non_null(strstr(e.msg, "hmr-x failed at frame 2"));
	hmr_head_free(h);
	assert_int_equal(hmr_reader_head(r, &h, NULL), HMR_EOF);
	hmr_reader_free(r);
	close(fd);
	free(a.p);
}

static void
test_tables(void **state)
{
	struct hmr_body_row b = { .person = 1, .flags = HMR_BODY_CONF, .focal = 7 }, b2;
	struct hmr_track_row t = { 1, 4, 2, HMR_TRACK_FILLED }, t2;
	struct hmr_landmark_row l = { .person = 0, .flag = 0.5f }, l2;
	struct hmr_camera_row c = { { 1000, 1001 }, { 4, 3 } }, c2;
	float v[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } }, v2[2][4];
	uint32_t who[2] = { 0, 1 }, who2[2], rows, count, kind;
	static uint8_t buf[6][4096], gist[HMR_GIST_VALUES], gist2[HMR_GIST_VALUES];
	struct hmr_frame f = { 0 };

	(void)state;
	b.joints2d[43][1] = -1.5f;
	l.world[32][2] = 8;
	put(&f, HMR_TAG_BODIES, buf[0], hmr_bodies_put(buf[0], &b, 1));
	put(&f, HMR_TAG_TRACKS, buf[1], hmr_tracks_put(buf[1], &t, 1));
	put(&f, HMR_TAG_LANDMARKS, buf[2], hmr_landmarks_put(buf[2], &l, 1));
	put(&f, HMR_TAG_CAMERA, buf[3], hmr_camera_put(buf[3], &c));
	put(&f, HMR_TAG_APPEARANCE, buf[4],
		      hmr_vectors_put(buf[4], 1, who, &v[0][0], 2, 3));
	assert_int_equal(hmr_bodies_get(&f, &b2, 1, 2, &rows, NULL), 0);
	assert_memory_equal(&b, &b2, sizeof(b));
	assert_int_equal(hmr_tracks_get(&f, &t2, 1, 2, &rows, NULL), 0);
	assert_memory_equal(&t, &t2, sizeof(t));
	assert_int_equal(hmr_landmarks_get(&f, &l2, 1, 2, &rows, NULL), 0);
	assert_memory_equal(&l, &l2, sizeof(l));
	assert_int_equal(hmr_camera_get(&f, &c2, NULL), 0);
	assert_memory_equal(&c, &c2, sizeof(c));
	memset(gist, 7, sizeof(gist));
	assert_int_equal(hmr_gist_get(&f, gist2, NULL), HMR_EOF);
	put(&f, HMR_TAG_GIST, buf[5], hmr_gist_put(buf[5], gist));
	assert_int_equal(hmr_gist_get(&f, gist2, NULL), 0);
	assert_memory_equal(gist, gist2, sizeof(gist));
	assert_int_equal(hmr_vectors_get(&f, HMR_TAG_APPEARANCE, who2, &v2[0][0], 4, 2, 2,
					 &rows, &count, &kind, NULL), 0);
	assert_int_equal(rows, 2);
	assert_int_equal(count, 3);
	assert_true(v2[1][2] == 6);
	/* a person that is not there, a value that is no number, too many rows */
	assert_int_equal(hmr_tracks_get(&f, &t2, 1, 1, &rows, NULL), HMR_E_FORMAT);
	assert_int_equal(hmr_tracks_get(&f, &t2, 0, 2, &rows, NULL), HMR_E_LIMIT);
	hmr_put32(buf[0] + HMR_TABLE_HEADER + 8, 0x7fc00000);
	assert_int_equal(hmr_bodies_get(&f, &b2, 1, 2, &rows, NULL), HMR_E_FORMAT);
	assert_int_equal(hmr_people_get(&f, NULL, 1, &rows, NULL), HMR_EOF);
}

/* Rows that a later version made longer are read; their tail is skipped. */
static void
test_longer_rows(void **state)
{
	struct hmr_track_row t[2];
	uint8_t buf[HMR_TABLE_HEADER + 2 * 20] = { 0 };
	struct hmr_frame f = { 0 };
	uint32_t rows;

	(void)state;
	hmr_put32(buf, 2);
	hmr_put32(buf + 4, 20);
	for (int i = 0; i < 2; i++)
		hmr_put32(buf + HMR_TABLE_HEADER + 20 * i + 4, (uint32_t)i + 5);
	put(&f, HMR_TAG_TRACKS, buf, sizeof(buf));
	assert_int_equal(hmr_tracks_get(&f, t, 2, 1, &rows, NULL), 0);
	assert_int_equal(t[1].id, 6);
}

static void
test_image_strides(void **state)
{
	static uint8_t wide[3][32 * 6];
	uint8_t head[HMR_IMAGE_HEADER], flat[2048];
	struct hmr_image im = image(), got;
	struct iovec parts[4];
	struct hmr_frame f = { 0 };
	size_t at = 0;

	(void)state;
	for (int p = 0; p < 3; p++) {
		im.stride[p] = 32;
		im.plane[p] = wide[p];
		wide[p][32] = (uint8_t)(p + 1);
	}
	hmr_image_parts(head, parts, &im);
	for (int i = 0; i < 4; i++) {
		memcpy(flat + at, parts[i].iov_base, parts[i].iov_len);
		at += parts[i].iov_len;
	}
	put(&f, HMR_TAG_IMAGE, flat, at);
	assert_int_equal(hmr_image_get(&f, &got, NULL), 0);
	for (int p = 0; p < 3; p++)
		assert_int_equal(got.plane[p][32], p + 1);
	put(&f, HMR_TAG_IMAGE, flat, at - 1);
	assert_int_equal(hmr_image_get(&f, &got, NULL), HMR_E_FORMAT);
	hmr_put32(flat + 32, 7);	/* a stride below the row */
	put(&f, HMR_TAG_IMAGE, flat, at);
	assert_int_equal(hmr_image_get(&f, &got, NULL), HMR_E_FORMAT);
}

/* A head that declares more than the limit is refused before memory is asked. */
static void
test_declared_sizes(void **state)
{
	struct hmr_head_info i = base_info;
	struct hmr_writer *w;
	struct hmr_reader *r;
	struct hmr_head *h;
	int fd = temp_fd();

	(void)state;
	i.max_payload = 1ull << 50;
	assert_int_equal(hmr_head_new(&h, &i, NULL), 0);
	assert_int_equal(hmr_writer_new(&w, fd, "t", 0, NULL), 0);
	assert_int_equal(hmr_writer_head(w, h, NULL), 0);
	lseek(fd, 0, SEEK_SET);
	hmr_head_free(h);
	assert_int_equal(hmr_reader_new(&r, fd, "t", 0, NULL), 0);
	assert_int_equal(hmr_reader_head(r, &h, NULL), HMR_E_LIMIT);
	hmr_reader_free(r);
	hmr_writer_free(w);
	close(fd);
}

static void
test_salvage(void **state)
{
	struct bytes a = make_stream(0, 1, true), b;
	struct hmr_salvage s;
	struct hmr_writer *w;
	enum hmr_status st;
	size_t at, frame1;
	int fd;

	(void)state;
	/* the second FRAME record: find the magics */
	for (at = frame1 = 0; at + 4 < a.n; at++)
		if (!memcmp(a.p + at, hmr_record_magic, 4) && a.p[at + 4] == 2 &&
		    a.p[at + 16] == 2)
			frame1 = at;
	assert_true(frame1 > 0);
	a.p[frame1 + 100] ^= 1;
	fd = temp_fd();
	assert_int_equal(hmr_writer_new(&w, fd, "t", 0, NULL), 0);
	assert_int_equal(hmr_stream_salvage(a.p, a.n, w, &s, NULL), 0);
	assert_false(s.whole);
	assert_int_equal(s.frames, 2);
	b = slurp(fd);
	assert_int_equal(read_all(b.p, b.n, &st, NULL), 2);
	assert_int_equal(st, HMR_E_UPSTREAM);	/* END says what was lost */
	hmr_writer_free(w);
	free(b.p);
	a.p[frame1 + 100] ^= 1;
	fd = temp_fd();
	assert_int_equal(hmr_writer_new(&w, fd, "t", 0, NULL), 0);
	assert_int_equal(hmr_stream_salvage(a.p, a.n, w, &s, NULL), 0);
	assert_true(s.whole);
	b = slurp(fd);
	assert_int_equal(b.n, a.n);
	assert_memory_equal(a.p, b.p, a.n);
	hmr_writer_free(w);
	free(b.p);
	free(a.p);
}

/* No stage can write a password of its arguments into HEAD. */
static void
test_no_password(void **state)
{
	const char *const args[] = { "--source", "http://me:secret@host/v.mp4", NULL };
	struct hmr_stage_info stage = { .name = "hmr-x", .args = args };
	struct hmr_head_info i = base_info;
	struct hmr_head *h;

	(void)state;
	i.source = "rtsp://me:secret@host/v";
	assert_int_equal(hmr_head_new(&h, &i, NULL), 0);
	assert_int_equal(hmr_head_add_stage(h, &stage, NULL), 0);
	assert_non_null(strstr(hmr_head_json(h, NULL), "http://host/v.mp4"));
	assert_null(strstr(hmr_head_json(h, NULL), "secret"));
	hmr_head_free(h);
}

static void
feed(int fd, const struct bytes *b, uint64_t from, uint64_t to)
{
	assert_int_equal(write(fd, b->p + from, to - from), (ssize_t)(to - from));
}

/* A frame that is read ahead is there only when all of it is, leaves the one before
 * it alone, and what is wrong with it is told in its turn. damaged: which
 * of the three is, or -1. Seen failing: one buffer for both frames. */
static void
run_ahead(const struct bytes *b, const uint64_t at[5], int damaged)
{
	const struct hmr_frame *f = NULL, *next = NULL;
	struct hmr_reader *r;
	struct hmr_image im;
	struct hmr_head *h;
	struct hmr_err e = { 0 };
	int p[2];

	assert_int_equal(pipe(p), 0);
	assert_int_equal(hmr_reader_new(&r, p[0], "pipe", 0, NULL), 0);
	feed(p[1], b, 0, at[0]);
	assert_int_equal(hmr_reader_head(r, &h, NULL), 0);
	assert_int_equal(hmr_reader_two(r, NULL), 0);
	for (int i = 0; i < 3; i++) {
		assert_null(hmr_reader_ahead(r));
		feed(p[1], b, at[i], (at[i] + at[i + 1]) / 2);
		assert_null(hmr_reader_ahead(r));
		feed(p[1], b, (at[i] + at[i + 1]) / 2, at[i + 1]);
		next = hmr_reader_ahead(r);
		assert_int_equal(next != NULL, i != damaged);
		assert_null(hmr_reader_ahead(r));	/* once */
		if (f) {	/* the frame before: as it was, decompressed only now */
			assert_int_equal(f->number, 2 * (i - 1));
			assert_int_equal(hmr_image_get(f, &im, NULL), 0);
			assert_memory_equal(im.plane[0], picture, 48);
		}
		if (i == damaged) {
			assert_int_equal(hmr_reader_next(r, &f, &e), HMR_E_FORMAT);
			assert_non_null(strstr(e.msg, "pipe"));
			assert_int_equal(hmr_reader_next(r, &f, &e), HMR_E_FORMAT);
			break;
		}
		assert_int_equal(hmr_reader_next(r, &f, NULL), 0);
		assert_ptr_equal(f, next);
		assert_int_equal(hmr_image_get(f, &im, NULL), 0);
		assert_memory_equal(im.plane[0], picture, 48);
	}
	if (damaged < 0) {
		feed(p[1], b, at[3], at[4]);
		assert_null(hmr_reader_ahead(r));
		assert_int_equal(hmr_reader_next(r, &f, NULL), HMR_EOF);
		assert_null(hmr_reader_ahead(r));
	}
	hmr_head_free(h);
	hmr_reader_free(r);
	close(p[0]);
	close(p[1]);
}

static void
test_ahead(void **state)
{
	(void)state;
	for (int level = 0; level < 4; level += 3) {
		struct bytes b = make_stream(level, 1, true);
		int fd = fd_of(b.p, b.n);
		const struct hmr_frame *f;
		struct hmr_reader *r;
		struct hmr_head *h;
		uint64_t at[5];

		assert_int_equal(hmr_reader_new(&r, fd, "t", 0, NULL), 0);
		assert_int_equal(hmr_reader_head(r, &h, NULL), 0);
		at[0] = hmr_reader_offset(r);
		for (int i = 1; i < 5; i++) {
			assert_int_equal(hmr_reader_next(r, &f, NULL), i < 4 ? 0 : HMR_EOF);
			at[i] = hmr_reader_offset(r);
		}
		hmr_head_free(h);
		hmr_reader_free(r);
		close(fd);
		run_ahead(&b, at, -1);
		b.p[at[0] + HMR_RECORD_HEADER + HMR_SECTION_HEADER + 20] ^= 1;
		run_ahead(&b, at, 0);
		b.p[at[0] + HMR_RECORD_HEADER + HMR_SECTION_HEADER + 20] ^= 1;
		b.p[at[1] + HMR_RECORD_HEADER + HMR_SECTION_HEADER + 20] ^= 1;
		run_ahead(&b, at, 1);
		free(b.p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_is_equal),
		cmocka_unit_test(test_every_prefix_is_an_error),
		cmocka_unit_test(test_every_flipped_bit_is_an_error),
		cmocka_unit_test(test_failed_end),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_longer_rows),
		cmocka_unit_test(test_image_strides),
		cmocka_unit_test(test_declared_sizes),
		cmocka_unit_test(test_salvage),
		cmocka_unit_test(test_no_password),
		cmocka_unit_test(test_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

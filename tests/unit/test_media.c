/* SPDX-License-Identifier: Apache-2.0 */
/* Sources without a decoder: times, rates, names, turning of planes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "media/media.h"

static void
test_time(void **state)
{
	static const struct { const char *s; int64_t ns; } good[] = {
		{ "0", 0 }, { "12", 12000000000 }, { "12.5", 12500000000 },
		{ "0.000000001", 1 }, { "1:02", 62000000000 },
		{ "01:02:03.25", 3723250000000 }, { "100:00", 6000000000000 },
		{ "-1.5", -1500000000 }, { "3600", 3600000000000 },
		{ "90061.001", 90061001000000 },
	};
	static const char *const bad[] = {
		"", "a", "1:", ":1", "1:60", "1:60:00", "1:2:3:4", "1.", ".5",
		"1.0000000001", "1s", " 1", "1 ", "99999999999", "--1", "1e3",
		"0x10", "inf", "9000000000:00:00",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		int64_t ns = -7;

		assert_int_equal(hmr_parse_time("t", good[i].s, &ns, NULL), HMR_OK);
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int64_t ns;

		assert_int_equal(hmr_parse_time("t", bad[i], &ns, NULL), HMR_E_USAGE);
	}
}

static void
test_rate(void **state)
{
	static const struct { const char *s; uint32_t num, den; } good[] = {
		{ "25", 25, 1 }, { "29.97", 2997, 100 }, { "30000/1001", 30000, 1001 },
		{ "0.5", 5, 10 },
	};
	static const char *const bad[] = {
		"", "0", "0/1", "1/0", "-1", "25fps", "1.2345", "9999999", "1/", "/1", ".",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		uint32_t num, den;

		assert_int_equal(hmr_parse_rate("r", good[i].s, &num, &den, NULL), HMR_OK);
		assert_int_equal(num, good[i].num);
		assert_int_equal(den, good[i].den);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint32_t num, den;

		assert_int_equal(hmr_parse_rate("r", bad[i], &num, &den, NULL),
				 HMR_E_USAGE);
	}
}

static int
cmp(const void *a, const void *b)
{
	return media_natural_cmp(*(char *const *)a, *(char *const *)b);
}

static void
test_natural(void **state)
{
	static const char *const want[] = {
		"", "01", "1", "2", "10", "a", "a1b2", "a1b10", "a2b1", "a10", "b",
		"img", "img-1", "img1.jpg", "img1.png", "img9.png", "img010.png",
		"img10.png", "img99999999999999999999998", "img99999999999999999999999",
	};
	enum { N = sizeof(want) / sizeof(*want) };
	const char *v[N];

	(void)state;
	for (int i = 0; i < N; i++)
		v[i] = want[(i * 7 + 3) % N];
	qsort(v, N, sizeof(*v), cmp);
	for (int i = 0; i < N; i++)
		assert_string_equal(v[i], want[i]);
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			assert_int_equal(media_natural_cmp(want[i], want[j]) < 0, i < j);
}

static void
test_mask(void **state)
{
	static const char *const cases[][2] = {
		{ "http://host/x", "http://host/x" },
		{ "http://me:pw@host/x", "http://host/x" },
		{ "rtsp://me@host:554/x", "rtsp://host:554/x" },
		{ "http://me:p@w@host/x", "http://host/x" },
		{ "http://host/x@y", "http://host/x@y" },
		{ "http://host?a=b@c", "http://host?a=b@c" },
		{ "open 'http://a:b@c/d' and ftp://e:f@g", "open 'http://c/d' and ftp://g" },
		{ "a@b", "a@b" }, { "://", "://" }, { "http://@", "http://" },
	};
	char s[100];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		strcpy(s, cases[i][0]);
		hmr_url_mask(s);
		assert_string_equal(s, cases[i][1]);
	}
}

/* Where the element at x, y of w x h goes. */
static void
target(const struct media_turn *t, uint32_t w, uint32_t h, uint32_t x, uint32_t y,
       uint32_t *tx, uint32_t *ty)
{
	uint32_t w2 = t->transpose ? h : w, h2 = t->transpose ? w : h;

	*tx = t->transpose ? y : x;
	*ty = t->transpose ? x : y;
	*tx = t->hflip ? w2 - 1 - *tx : *tx;
	*ty = t->vflip ? h2 - 1 - *ty : *ty;
}

static void
test_turn(void **state)
{
	static const uint32_t sizes[][2] = { { 1, 1 }, { 5, 3 }, { 32, 32 }, { 33, 65 },
					     { 70, 1 } };
	enum { PAD = 13 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (uint32_t n = 1; n <= 4; n++)
			for (int o = 1; o <= 8; o++) {
				uint32_t w = sizes[i][0], h = sizes[i][1];
				size_t stride = w * n + PAD;
				uint8_t *src = malloc(stride * h);
				uint8_t *dst = malloc((size_t)w * h * n + 1);
				struct media_turn t;

				for (size_t k = 0; k < stride * h; k++)
					src[k] = (uint8_t)(k * 31 + k / 251);
				dst[(size_t)w * h * n] = 0xa5;
				media_turn_of_exif(&t, o);
				media_turn_plane(dst, src, (ptrdiff_t)stride, w, h, n, &t);
				for (uint32_t y = 0; y < h; y++)
					for (uint32_t x = 0; x < w; x++) {
						uint32_t tx, ty;

						target(&t, w, h, x, y, &tx, &ty);
						assert_memory_equal(
							dst + ((size_t)ty *
							       (t.transpose ? h : w) + tx) * n,
							src + y * stride + x * n, n);
					}
				assert_int_equal(dst[(size_t)w * h * n], 0xa5);
				free(src);
				free(dst);
			}
}

/* EXIF's eight, by where the first row and column lie. */
static void
test_exif(void **state)
{
	/* 2x2: a b / c d; what is seen */
	static const char *const seen[9] = { "abcd", "abcd", "badc", "dcba", "cdab",
					     "acbd", "cadb", "dbca", "bdac" };

	(void)state;
	for (int o = 0; o <= 8; o++) {
		struct media_turn t;
		uint8_t out[4];

		media_turn_of_exif(&t, o);
		media_turn_plane(out, (const uint8_t *)"abcd", 2, 2, 2, 1, &t);
		assert_memory_equal(out, seen[o], 4);
	}
}

static void
test_where(void **state)
{
	static const struct {
		const char *name, *format;
		int kind;
		const char *url;
	} cases[] = {
		{ "-", NULL, MEDIA_STDIN, "" },
		{ ".", NULL, MEDIA_FOLDER, "file:." },
		{ "/dev/null", NULL, MEDIA_FILE, "file:/dev/null" },
		{ "http://me:pw@h/x.mp4", NULL, MEDIA_URL, "http://me:pw@h/x.mp4" },
		{ "file:/x", NULL, MEDIA_FILE, "file:/x" },
		{ "v4l2:/dev/video7", NULL, MEDIA_DEVICE, "/dev/video7" },
		{ "anything", "v4l2", MEDIA_DEVICE, "anything" },
		{ "no/such/*.png", NULL, MEDIA_GLOB, "no/such/*.png" },
		{ "no-%03d.png", NULL, MEDIA_FILE, "no-%03d.png" },
	};
	struct media_where w;
	struct hmr_err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(media_where_init(&w, cases[i].name, cases[i].format,
						  false, &e), HMR_OK);
		assert_int_equal(w.kind, cases[i].kind);
		assert_string_equal(w.url, cases[i].url);
		assert_null(strstr(w.shown, "pw"));
		media_where_release(&w);
	}
	assert_int_equal(media_where_init(&w, "no/such/file", NULL, false, &e), HMR_E_IO);
	media_where_release(&w);
	assert_int_equal(media_where_init(&w, "concat:a|b", NULL, false, &e),
			 HMR_E_FORMAT);
	media_where_release(&w);
	assert_int_equal(media_where_init(&w, "concat:a|b", NULL, true, &e), HMR_OK);
	media_where_release(&w);
}

/* Every demuxer of this FFmpeg that is known to open other files is refused. */
static void
test_playlists(void **state)
{
	static const char *const names[] = { "hls", "concat", "dash", "sdp", "rtsp",
					     "imf" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const AVInputFormat *f = av_find_input_format(names[i]);

		if (f)
			assert_true(media_format_is_playlist(f));
	}
	assert_false(media_format_is_playlist(av_find_input_format("mp4")));
	assert_false(media_format_is_playlist(av_find_input_format("matroska")));
	assert_true(media_format_is_text(av_find_input_format("tty")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_natural),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_turn),
		cmocka_unit_test(test_exif),
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_playlists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

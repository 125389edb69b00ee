/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as JSON Lines: read as frames, and what was read written and read again,
 * which must give the same tables. The parser of one line sees the bytes too.
 */
#define _GNU_SOURCE		/* memfd_create */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stream/lines_frame.h"
#include "stream/lines_json.h"
#include "stream/lines_read.h"
#include "stream/lines_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define LINE_MAX_BYTES (1u << 17)

static int
file_of(const uint8_t *data, size_t n)
{
	int fd = memfd_create("lines", 0);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET))
		abort();
	return fd;
}

/* Copies what can be read to out. */
static void
copy(int in, int out)
{
	static const struct hmr_lines_options o = {
		HMR_LINES_DEFAULT | HMR_LINES_VERTICES, true };
	struct hmr_lines_reader *r;
	struct hmr_lines_writer *w;
	const struct hmr_frame *f;
	struct hmr_head *h;
	enum hmr_status st;

	if (hmr_lines_reader_new(&r, in, "fuzz", "", 0, LINE_MAX_BYTES, NULL) ||
	    hmr_lines_writer_new(&w, out, "fuzz", &o, NULL))
		abort();
	while (!hmr_lines_reader_head(r, &h, NULL)) {
		if (hmr_head_info(h)->max_payload > 1 << 22) {
			hmr_head_free(h);
			break;
		}
		(void)!hmr_lines_writer_head(w, h, NULL);
		hmr_head_free(h);
		while (!(st = hmr_lines_reader_next(r, &f, NULL)))
			(void)!hmr_lines_writer_frame(w, f, NULL);
		if (st != HMR_EOF && st != HMR_E_UPSTREAM)
			break;
		(void)!hmr_lines_writer_end(w, hmr_lines_reader_end(r), NULL);
	}
	hmr_lines_reader_free(r);
	hmr_lines_writer_free(w);
}

static void
same(int a, int b)
{
	static char p[1 << 16], q[1 << 16];
	ssize_t n;

	lseek(a, 0, SEEK_SET);
	lseek(b, 0, SEEK_SET);
	while ((n = read(a, p, sizeof(p))) > 0)
		if (read(b, q, (size_t)n) != n || memcmp(p, q, (size_t)n))
			abort();
	if (read(b, q, 1))
		abort();
}

/* Each line as a frame, with tables that are made once: the fast part. */
static void
frames(const char *p, const char *end)
{
	static struct hmr_lines_frame *t;
	struct hmr_frame f;
	const char *what, *nl;

	if (!t && !(t = hmr_lines_frame_new()))
		abort();
	for (; p < end; p = nl + 1) {
		struct hmr_json j;

		if (!(nl = memchr(p, '\n', (size_t)(end - p))))
			nl = end;
		j.at = p;
		j.end = nl;
		memset(&f, 0, sizeof(f));
		(void)!hmr_lines_frame_get(t, &j, 1 << 20, &f, &what);
	}
}

static void
round_trip(const uint8_t *data, size_t n)
{
	int in = file_of(data, n), one = file_of(data, 0), two = file_of(data, 0);

	copy(in, one);
	if (lseek(one, 0, SEEK_END) > 0) {
		lseek(one, 0, SEEK_SET);
		copy(one, two);
		same(one, two);
	}
	close(in);
	close(one);
	close(two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hmr_json j = { (const char *)data, (const char *)data + n };
	char text[32];
	float v[16];

	(void)!hmr_json_skip(&j);
	j.at = (const char *)data;
	(void)!hmr_json_string(&j, text, sizeof(text));
	j.at = (const char *)data;
	(void)!hmr_json_vector(&j, v, 16);
	frames((const char *)data, (const char *)data + n);
	if (n > 20 && !memcmp(data, "{\"type\":\"header\"", 16))
		round_trip(data, n);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a stream: read it all, decode every section, copy it, salvage it. To
 * get past the checksums, which random bytes never meet, they are put right in a
 * copy of the input before it is read a second time.
 */
#define _GNU_SOURCE		/* memfd_create */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/bytes.h"
#include "stream/record.h"
#include "stream/salvage.h"
#include "stream/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define ROWS 64

static void
decode(const struct hmr_frame *f)
{
	static struct hmr_person people[ROWS];
	static struct hmr_body_row bodies[ROWS];
	static struct hmr_track_row tracks[ROWS];
	static struct hmr_landmark_row marks[ROWS];
	static float values[ROWS][64];
	uint32_t who[ROWS], n = 0, m, count, kind;
	struct hmr_camera_row cam;
	struct hmr_image im;
	volatile uint8_t last = 0;

	(void)!hmr_people_get(f, people, ROWS, &n, NULL);
	(void)!hmr_bodies_get(f, bodies, ROWS, n, &m, NULL);
	(void)!hmr_tracks_get(f, tracks, ROWS, n, &m, NULL);
	(void)!hmr_landmarks_get(f, marks, ROWS, n, &m, NULL);
	(void)!hmr_camera_get(f, &cam, NULL);
	(void)!hmr_vectors_get(f, HMR_TAG_APPEARANCE, who, &values[0][0], 64, ROWS, n,
			       &m, &count, &kind, NULL);
	if (!hmr_image_get(f, &im, NULL))
		for (uint32_t p = 0; p < im.planes; p++)
			last = im.plane[p][(size_t)im.stride[p] *
					   (hmr_plane_rows(&im, p) - 1) +
					   hmr_plane_row(&im, p) - 1];
	(void)last;
}

static void
read_stream(const uint8_t *data, size_t n)
{
	int in = memfd_create("in", 0), out = memfd_create("out", 0);
	struct hmr_reader *r = NULL;
	struct hmr_writer *w = NULL;
	struct hmr_head *h;
	const struct hmr_frame *f;

	if (in < 0 || out < 0 || write(in, data, n) != (ssize_t)n)
		abort();
	lseek(in, 0, SEEK_SET);
	if (hmr_reader_new(&r, in, "fuzz", 1 << 20, NULL) ||
	    hmr_writer_new(&w, out, "fuzz", 1, NULL))
		abort();
	while (!hmr_reader_head(r, &h, NULL)) {
		int writing = !hmr_writer_head(w, h, NULL);

		hmr_head_free(h);
		while (!hmr_reader_next(r, &f, NULL)) {
			decode(f);
			if (writing)
				writing = !hmr_writer_frame(w, f, NULL);
		}
	}
	hmr_reader_free(r);
	hmr_writer_free(w);
	close(in);
	close(out);
}

/* Walks what looks like records and puts their checksums right. */
static void
mend(uint8_t *p, size_t n)
{
	size_t at = 0;

	while (n - at >= HMR_RECORD_HEADER) {
		uint64_t payload = hmr_get64(p + at + 8), left;

		memcpy(p + at, hmr_record_magic, 4);
		p[at + 5] = HMR_STREAM_MAJOR;
		hmr_put64(p + at + 56, XXH3_64bits(p + at, 56));
		at += HMR_RECORD_HEADER;
		left = payload < n - at ? payload : n - at;
		while (left >= HMR_SECTION_HEADER) {
			uint64_t stored = hmr_get64(p + at + 8), step;

			if (stored > left - HMR_SECTION_HEADER)
				break;
			hmr_put64(p + at + 24, XXH3_64bits_withSeed(
				p + at + HMR_SECTION_HEADER, (size_t)stored,
				XXH3_64bits(p + at, 24)));
			step = HMR_SECTION_HEADER + stored + hmr_section_pad(stored);
			if (step > left)
				break;
			at += (size_t)step;
			left -= step;
		}
		at += (size_t)left;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hmr_salvage s;
	struct hmr_writer *w = NULL;
	uint8_t *copy = malloc(n + 1);
	int out = memfd_create("out", 0);

	if (!copy || out < 0)
		abort();
	memcpy(copy, data, n);
	mend(copy, n);
	read_stream(data, n);
	read_stream(copy, n);
	if (hmr_writer_new(&w, out, "fuzz", 0, NULL))
		abort();
	(void)!hmr_stream_salvage(copy, n, w, &s, NULL);
	hmr_writer_free(w);
	close(out);
	free(copy);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hmr-info: what a stream or tracks.jsonl holds; checks it (--verify); lists its
 * frames (--frames); copies all that is whole out of a damaged one (--salvage).
 * Memory: one frame; identities are counted in a fixed bitmap of 2^20.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "info.h"
#include "prog.h"
#include "stream/salvage.h"
#include "stream/tables.h"

static const char usage[] =
	"hmr-info [-hqVv] [--frames] [--json] [--salvage] [--verify] "
	"[--max-frame WxH] [-o file] [file]";
static const char help[] =
	"Says what a stream or tracks.jsonl holds; checks it; rescues what is whole.\n\n"
	"  -h, --help              this text\n"
	"  -o, --output=FILE       write there instead of standard output\n"
	"  -q, --quiet             errors only\n"
	"  -V, --version           the version\n"
	"  -v, --verbose           a summary at the end\n"
	"      --frames            one line a frame\n"
	"      --json              JSON instead of text\n"
	"      --max-frame=WxH     refuse larger frames (default 8192x8192)\n"
	"      --salvage           write all that is whole as a new stream\n"
	"      --verify            decode every section, not only its checksum\n";

static struct info {
	bool frames, json, salvage, verify;
	uint64_t max_frame;
	const char *in, *out;
	FILE *f;
	struct info_segment seg;
	struct hmr_person people[HMR_PEOPLE_CAP];
	struct hmr_track_row tracks[HMR_PEOPLE_CAP];
	struct hmr_body_row bodies[HMR_PEOPLE_CAP];
	struct hmr_landmark_row marks[HMR_PEOPLE_CAP];
} info;

/* Sections by tag, in the order they first came. */
static void
count_section(struct info_segment *g, const struct hmr_section *s)
{
	uint32_t k = 0;

	while (k < g->n_tags && g->tag[k] != s->tag)
		k++;
	if (k == HMR_SECTIONS_MAX)
		return;
	if (k == g->n_tags) {
		g->tag[k] = s->tag;
		g->bytes[k] = g->count[k] = 0;
		g->n_tags++;
	}
	g->count[k]++;
	g->bytes[k] += s->stored;
}

static enum hmr_status
none(enum hmr_status st)
{
	return st == HMR_EOF ? HMR_OK : st;
}

/* Decodes what the summary needs; with --verify everything. */
static enum hmr_status
look(const struct hmr_frame *f, struct info_rows *rows, struct hmr_err *e)
{
	struct hmr_image im;
	struct hmr_camera_row cam;
	enum hmr_status st;
	uint32_t marks;
	const uint8_t *p;
	size_t n;

	if ((st = none(hmr_people_get(f, info.people, HMR_PEOPLE_CAP, &rows->people, e))) ||
	    (st = none(hmr_tracks_get(f, info.tracks, HMR_PEOPLE_CAP, rows->people,
				      &rows->tracks, e))) ||
	    (st = none(hmr_bodies_get(f, info.bodies, HMR_PEOPLE_CAP, rows->people,
				      &rows->bodies, e))))
		return st;
	if (!info.verify)
		return HMR_OK;
	if ((st = none(hmr_image_get(f, &im, e))) ||
	    (st = none(hmr_camera_get(f, &cam, e))) ||
	    (st = none(hmr_landmarks_get(f, info.marks, HMR_PEOPLE_CAP, rows->people,
					 &marks, e))))
		return st;
	for (uint32_t i = 0; i < f->n; i++)
		if ((st = hmr_frame_get(f, f->section[i].tag, &p, &n, e)))
			return st;
	return HMR_OK;
}

static void
count_frame(const struct hmr_frame *f, const struct info_rows *rows)
{
	struct info_segment *g = &info.seg;

	if (!g->frames) {
		g->first = f->number;
		g->pts_first = f->pts;
	}
	g->frames++;
	g->last = f->number;
	g->pts_last = f->pts;
	g->people += rows->people;
	g->bodies += rows->bodies;
	g->tracks += rows->tracks;
	if (rows->people > g->people_max)
		g->people_max = rows->people;
	for (uint32_t i = 0; i < f->n; i++)
		count_section(g, &f->section[i]);
	for (uint32_t i = 0; i < rows->tracks; i++) {
		uint32_t id = info.tracks[i].id % INFO_ID_CAP;
		uint8_t bit = (uint8_t)(1u << (id & 7));

		g->ids += !(g->seen[id / 8] & bit);
		g->seen[id / 8] |= bit;
	}
}

static enum hmr_status
segment(struct hmr_reader *r, const char *name, struct hmr_head *h, struct hmr_err *e)
{
	const struct hmr_frame *f;
	enum hmr_status st;

	memset(&info.seg, 0, sizeof(info.seg));
	if (info.frames && !info.json)
		fprintf(info.f, "%8s %12s %12s %11s %6s %6s %6s  %s\n", "frame", "pts",
			"seconds", "size", "people", "bodies", "tracks", "sections");
	while (!(st = hmr_reader_next(r, &f, e))) {
		struct info_rows n;

		if ((st = look(f, &n, e))) {
			hmr_fail_in(e, st, "%s: frame %" PRIu64, name, f->number);
			break;
		}
		count_frame(f, &n);
		if (info.frames)
			info_print_frame(info.f, h, f, &n, info.json);
	}
	if (info.frames)
		return st;
	if (info.json)
		info_print_json(info.f, h, &info.seg, hmr_reader_end(r), st);
	else
		info_print_text(info.f, h, &info.seg, hmr_reader_end(r), st);
	return st;
}

static enum hmr_status
report(int fd, const char *name, struct hmr_err *e)
{
	struct hmr_reader *r = NULL;
	struct hmr_head *h = NULL;
	enum hmr_status st, first = HMR_OK;
	struct hmr_err e1 = { 0 };
	uint64_t segments = 0;

	if ((st = hmr_reader_new(&r, fd, name, info.max_frame, e)))
		return st;
	while (!(st = hmr_reader_head(r, &h, e))) {
		segments++;
		st = segment(r, name, h, e);
		hmr_head_free(h);
		if (st != HMR_EOF && !first) {
			first = st;
			e1 = *e;
		}
		if (st != HMR_EOF && st != HMR_E_UPSTREAM)
			break;
	}
	if (st != HMR_EOF && !first) {
		first = st;
		e1 = *e;
	}
	hmr_reader_free(r);
	hmr_info(1, "%" PRIu64 " segments, peak memory %.1f MiB", segments,
		 (double)hmr_peak_kib() / 1024);
	*e = e1;
	return first;
}

static enum hmr_status
salvage(const char *in, const char *out, struct hmr_err *e)
{
	struct hmr_salvage s = { 0 };
	struct hmr_writer *w = NULL;
	struct hmr_map map = { 0 };
	enum hmr_status st;
	int fd;

	if (!in)
		hmr_usage_die("--salvage needs a file, it reads it more than once");
	if ((!out || !strcmp(out, "-")) && isatty(1))
		hmr_usage_die("standard output is a terminal; use -o FILE or a pipe");
	if ((st = hmr_map_open(&map, in, e)))
		return st;
	fd = hmr_open_out(out);
	if (!(st = hmr_writer_new(&w, fd, out ? out : "standard output", 0, e)))
		st = hmr_stream_salvage(map.data, map.n, w, &s, e);
	if (st == HMR_E_FORMAT)
		hmr_fail_in(e, st, "%s", in);
	hmr_writer_free(w);
	hmr_map_close(&map);
	if (!st)
		hmr_close_out(fd, out);
	if (!st && !s.whole && !s.lost_bytes)
		return hmr_fail(e, HMR_E_FORMAT, "%s: incomplete: its %" PRIu64
				" frames are whole", in, s.frames);
	if (!st && !s.whole)
		return hmr_fail(e, HMR_E_FORMAT, "%s: damaged: %" PRIu64 " frames are whole, %"
				PRIu64 " bytes in %" PRIu64 " place%s were left out", in, s.frames,
				s.lost_bytes, s.lost_ranges, s.lost_ranges == 1 ? "" : "s");
	hmr_info(1, "%s: nothing is damaged, %" PRIu64 " frames", in, s.frames);
	return st;
}

static void
options(int argc, char **argv)
{
	static const char letters[] = HMR_COMMON_SHORT "o:";
	static const struct option table[] = {
		HMR_COMMON_LONG,
		{ "output", required_argument, NULL, 'o' },
		{ "frames", no_argument, NULL, 1 },
		{ "json", no_argument, NULL, 2 },
		{ "salvage", no_argument, NULL, 3 },
		{ "verify", no_argument, NULL, 4 },
		{ "max-frame", required_argument, NULL, 5 },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		if (hmr_common_opt(c, help))
			continue;
		switch (c) {
		case 'o': info.out = optarg; break;
		case 1: info.frames = true; break;
		case 2: info.json = true; break;
		case 3: info.salvage = true; break;
		case 4: info.verify = true; break;
		case 5: info.max_frame = hmr_opt_frame("--max-frame", optarg); break;
		default: hmr_bad_option(argv, letters);
		}
	}
	if (argc - optind > 1)
		hmr_usage_die("one file at a time");
	if (optind < argc && strcmp(argv[optind], "-"))
		info.in = argv[optind];
	if (info.salvage && (info.frames || info.json || info.verify))
		hmr_usage_die("--salvage goes with no other mode");
	hmr_check_same(info.in, info.out);
}

int
main(int argc, char **argv)
{
	struct hmr_err e = { 0 };
	enum hmr_status st;
	int in;

	hmr_prog_init(argc, argv, usage);
	options(argc, argv);
	if (info.salvage) {
		st = salvage(info.in, info.out, &e);
	} else {
		in = hmr_open_in(info.in);
		info.f = hmr_open_text(info.out);
		st = report(in, info.in ? info.in : "standard input", &e);
		hmr_close_text(info.f, info.out);
	}
	if (st)
		hmr_die(hmr_exit_for(st), "%s", hmr_err_text(&e, st));
	return HMR_EXIT_OK;
}

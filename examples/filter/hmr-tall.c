/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A complete stage of one's own: keeps the people whose box is at least
 * --min-height pixels high, and of every other table the rows that belong to
 * them. It shows what a stage has to do and what it need not: walking segments,
 * END, broken input, signals and exit codes are cmd/filter.c's.
 *
 *	hmr-decode v.mov | hmr-detect | hmr-tall --min-height 80 | hmr-mesh | hmr-assoc
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "filter.h"
#include "prog.h"
#include "stream/tables.h"

#define USAGE "hmr-tall [-hqVv] [-o file] [--min-height pixels] [file]"
static const char help[] =
	"  --min-height=PIXELS   keep people with boxes of this height (64)\n"
	"  -o, --output=FILE     write there instead of to stdout\n"
	"  -z, --compress=LEVEL  zstd level of new sections, 0 for none\n"
	"      --max-frame=WxH   the largest frame that is accepted\n"
	"      --no-history      do not list this run in HEAD\n"
	"  -h, --help  -V, --version  -q, --quiet  -v, --verbose\n";

#define GONE UINT32_MAX
/* Tables whose rows begin with `person`, an index into PEOP. */
static const uint32_t by_person[] = {
	HMR_TAG_BODIES, HMR_TAG_TRACKS, HMR_TAG_APPEARANCE, HMR_TAG_VERTICES,
	HMR_TAG_LANDMARKS,
};

struct tall {
	float min_height;
	struct hmr_person people[HMR_PEOPLE_CAP];
	uint32_t index[HMR_PEOPLE_CAP];	/* old index to new one, or GONE */
	uint8_t *buf;		/* the tables of one frame, rebuilt */
	size_t cap;
};

/* Everything that frames need is allocated here. Tables only shrink, so a frame's
 * rebuilt ones fit where all of its payload does. */
static enum hmr_status
tall_head(void *ctx, struct hmr_head *h, struct hmr_stage_info *stage,
	  struct hmr_err *e)
{
	struct tall *t = ctx;
	uint64_t n = hmr_head_info(h)->max_payload;

	(void)stage;		/* name and version are filled in already */
	if (n <= t->cap)
		return HMR_OK;
	free(t->buf);
	t->cap = 0;
	if (!(t->buf = malloc(n)))
		return hmr_fail(e, HMR_E_NOMEM, "%" PRIu64 " bytes for a frame", n);
	t->cap = n;
	return HMR_OK;
}

/* Copies the rows of the people who stay, with their new index. */
static enum hmr_status
keep_rows(struct tall *t, struct hmr_frame *f, uint32_t tag, uint32_t people,
	  uint8_t **at, struct hmr_err *e)
{
	const uint8_t *p;
	uint8_t *begin = *at, *out = begin + HMR_TABLE_HEADER;
	enum hmr_status st;
	uint32_t rows, size, kept = 0;
	size_t n;

	if ((st = hmr_frame_get(f, tag, &p, &n, e)))
		return st == HMR_EOF ? HMR_OK : st;
	rows = n < HMR_TABLE_HEADER ? 0 : hmr_get32(p);
	size = n < HMR_TABLE_HEADER ? 0 : hmr_get32(p + 4);
	if (n < HMR_TABLE_HEADER || (rows && size < 4) ||
	    (uint64_t)rows * size != n - HMR_TABLE_HEADER)
		return hmr_fail(e, HMR_E_FORMAT, "a table of %zu bytes", n);
	memcpy(begin, p, HMR_TABLE_HEADER);
	for (p += HMR_TABLE_HEADER; rows--; p += size) {
		uint32_t person = hmr_get32(p);

		if (person >= people)
			return hmr_fail(e, HMR_E_FORMAT, "person %u of %u", person, people);
		if (t->index[person] == GONE)
			continue;
		memcpy(out, p, size);
		hmr_put32(out, t->index[person]);
		out += size;
		kept++;
	}
	hmr_put32(begin, kept);
	*at = out;
	return hmr_frame_put(f, tag, begin, (size_t)(out - begin), e);
}

static enum hmr_status
tall_frame(void *ctx, const struct hmr_frame *in, struct hmr_filter *out,
	   struct hmr_err *e)
{
	struct tall *t = ctx;
	struct hmr_frame f = *in;	/* a frame is borrowed: change a copy */
	uint8_t *at = t->buf;
	uint32_t n, kept = 0;
	enum hmr_status st;

	st = hmr_people_get(in, t->people, HMR_PEOPLE_CAP, &n, e);
	if (st == HMR_EOF)
		return hmr_fail(e, HMR_E_FORMAT,
				"no people in the stream: hmr-detect comes before hmr-tall");
	if (st)
		return st;
	for (uint32_t i = 0; i < n; i++) {
		struct hmr_person p = t->people[i];
		bool stays = p.box[3] - p.box[1] >= t->min_height;

		t->index[i] = stays ? kept : GONE;
		if (stays)
			t->people[kept++] = p;
	}
	at += hmr_people_put(at, t->people, kept);
	if ((st = hmr_frame_put(&f, HMR_TAG_PEOPLE, t->buf, (size_t)(at - t->buf), e)))
		return st;
	for (size_t i = 0; i < sizeof(by_person) / sizeof(*by_person); i++)
		if ((st = keep_rows(t, &f, by_person[i], n, &at, e)))
			return st;
	return hmr_filter_emit(out, &f, e);
}

int
main(int argc, char **argv)
{
	static const char letters[] = HMR_COMMON_SHORT HMR_FILTER_SHORT;
	static const struct option options[] = {
		HMR_COMMON_LONG, HMR_FILTER_LONG,
		{ "min-height", required_argument, NULL, 0x200 },
		{ NULL, 0, NULL, 0 }
	};
	static const struct hmr_filter_ops ops = {
		.head = tall_head, .frame = tall_frame,
	};
	static struct tall t = { .min_height = 64 };
	struct hmr_filter_options o = { .level = -1, .argv = argv };
	int c, code;

	hmr_prog_init(argc, argv, USAGE);
	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (hmr_common_opt(c, help) || hmr_filter_opt(&o, c, optarg))
			continue;
		if (c != 0x200)
			hmr_bad_option(argv, letters);
		t.min_height = (float)hmr_opt_f64("--min-height", optarg, 0, 65535);
	}
	if (argc - optind > 1)
		hmr_usage_die("more than one input");
	o.in = argv[optind];
	code = hmr_filter_run(&ops, &t, &o);
	free(t.buf);
	return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* hmr-assoc: gives the people of a stream identities over time and writes JSON
 * Lines, or the stream again; see man/hmr-assoc.1. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body/body.h"
#include "body/posed.h"
#include "body/surface.h"
#include "filter.h"
#include "prog.h"
#include "stream/lines_write.h"
#include "track/assoc.h"

#define USAGE "hmr-assoc [-hqVv] [-o file] [-z level] [--all] [--cost rule] " \
	"[--fields list] [--given-ids] [--lag frames] [--max-age frames] " \
	"[--max-frame WxH] [--max-people n] [--min-hits n] [--no-history] " \
	"[--remember frames] [--score min] [--smooth how] [--stream] [--vertices] " \
	"[--weak min] [file]"

static const char help[] =
"Gives people identities over time; writes JSON Lines.\n"
"\n"
"      --stream           write the stream instead, with tracks\n"
"      --lag FRAMES       hold back so many frames, to name people from their\n"
"                         first frame on and to close gaps; 0 is none (16)\n"
"      --smooth HOW       steady bodies: off, light or strong (light)\n"
"      --min-hits N       frames in which a person must be seen (3)\n"
"      --max-age FRAMES   frames unseen after which a person is no longer looked\n"
"                         for where they should be (50)\n"
"      --remember FRAMES  frames unseen after which a person who comes back is\n"
"                         somebody new; 0: always (1500)\n"
"      --cost RULE        what people are matched by: motion or phalp (motion)\n"
"      --given-ids        keep the identities that came with the boxes\n"
"      --score MIN        people of at least this score begin tracks (0.5)\n"
"      --weak MIN         people of at least this score continue them (0.3)\n"
"      --max-people N     the best N of a frame are followed (256)\n"
"      --all              list people without identity too\n"
"      --fields LIST      what to print of a person, comma-separated\n"
"      --vertices         add the vertices of the bodies\n"
"  -o, --output FILE      write to FILE instead of standard output\n"
"  -z, --compress LEVEL   with --stream: zstd level of new sections, 0 to 19\n"
"      --max-frame WxH    largest frame to accept (8192x8192)\n"
"      --no-history       leave this stage out of the header\n"
"  -q, --quiet            errors only\n"
"  -v, --verbose          memory plan and summary; twice for more\n"
"  -h, --help             this text\n"
"  -V, --version          the version\n";

enum { OPT_STREAM = 0x200, OPT_LAG, OPT_MIN_HITS, OPT_MAX_AGE, OPT_SCORE, OPT_WEAK,
       OPT_MAX_PEOPLE, OPT_ALL, OPT_FIELDS, OPT_VERTICES, OPT_SMOOTH, OPT_COST,
       OPT_GIVEN_IDS, OPT_REMEMBER };

struct ctx {
	struct hmr_assoc_options o;
	struct hmr_lines_options lines_o;
	struct hmr_assoc *assoc;
	struct hmr_lines_writer *lines;
	struct hmr_filter *out;		/* during a call */
	uint64_t left_out;
	bool begun;			/* a segment with a size */
	bool smooth_asked;
	bool renew;			/* bodies change: vertices too */
	/* the body that the header names */
	struct hmr_body *body;
	struct hmr_pose_work *work;
	struct hmr_posed posed;		/* with --vertices, or where the stream has some */
};

/* ---- bodies ---- */

static void
joints(void *ctx, const float pose[HMR_POSE_JOINTS][9],
       const float shape[HMR_SHAPE], float joints3d[HMR_JOINTS][3])
{
	struct ctx *c = ctx;

	hmr_body_pose(c->body, c->work, pose, shape, NULL, NULL, joints3d, NULL);
}

static void
close_body(struct ctx *c)
{
	hmr_pose_work_free(c->work);
	hmr_body_free(c->body);
	c->work = NULL;
	c->body = NULL;
}

/* The body that the bodies of this stream were made with. */
static enum hmr_status
open_body(struct ctx *c, const struct hmr_head *h, struct hmr_err *e)
{
	enum hmr_status st;
	bool fresh;

	st = hmr_surface_body(&c->body, h, NULL, &fresh, e);
	if (fresh) {
		hmr_pose_work_free(c->work);
		c->work = NULL;
	}
	if (st == HMR_EOF)
		return hmr_fail(e, HMR_E_FORMAT, "the header names no body");
	if (!st && !c->work && !(c->work = hmr_pose_work_new(c->body)))
		return hmr_fail(e, HMR_E_NOMEM, "no memory for the body");
	return st;
}

/* ---- the stage ---- */

/* What to make bodies with: needed for vertices and for smoothing, better to have
 * for filled gaps. */
static enum hmr_status
choose_body(struct ctx *c, struct hmr_head *h, struct hmr_err *e)
{
	bool must = c->lines_o.fields & HMR_LINES_VERTICES;
	uint32_t most = 2 * c->o.tracker.max_people;	/* with an identity, in a frame */
	struct hmr_err e2 = { 0 };
	enum hmr_status st;

	hmr_assoc_joints(c->assoc, NULL, NULL);
	c->renew = false;
	if (!must && !c->o.lag && !c->o.smooth)
		return HMR_OK;
	if (!must && !c->smooth_asked && !hmr_head_stage_field(h, "body"))
		return HMR_OK;		/* boxes alone, as it seems */
	st = open_body(c, h, &e2);
	if (st && (must || st == HMR_E_NOMEM))
		return hmr_fail(e, st, "%s", hmr_err_text(&e2, st));
	if (st) {
		if (c->o.smooth)
			hmr_warn("bodies are not smoothed: %s", hmr_err_text(&e2, st));
		if (c->o.lag)
			hmr_info(1, "joints of filled gaps are interpolated");
		return HMR_OK;
	}
	hmr_assoc_joints(c->assoc, joints, c);
	if (must) {
		hmr_head_grow(h, hmr_vectors_bytes(most, 3 * hmr_body_vertices(c->body)));
		return hmr_posed_plan(&c->posed, c->body, c->work, most, e);
	}
	c->renew = c->o.smooth;
	return !c->renew ? HMR_OK :
		hmr_posed_plan_renewal(&c->posed, c->body, c->work,
				       hmr_head_info(h)->max_payload, e);
}

static enum hmr_status
on_head(void *ctx, struct hmr_head *h, struct hmr_stage_info *stage,
	struct hmr_err *e)
{
	struct ctx *c = ctx;
	enum hmr_status st;

	(void)stage;
	if ((st = hmr_assoc_head(c->assoc, h, e)))
		return st;
	hmr_head_grow(h, hmr_assoc_growth(c->assoc));
	if ((st = choose_body(c, h, e)))
		return st;
	c->begun = true;
	hmr_info(1, "lag %u frames; memory: %.1f MiB at most", c->o.lag,
		 (double)hmr_assoc_bytes(c->assoc) / 0x1p20);
	return HMR_OK;
}

static enum hmr_status
emit(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	struct ctx *c = ctx;
	struct hmr_frame with;
	enum hmr_status st;
	bool add = c->lines_o.fields & HMR_LINES_VERTICES;

	if (!add && !(c->renew && hmr_frame_find(f, HMR_TAG_VERTICES)))
		return hmr_filter_emit(c->out, f, e);
	with = *f;
	if ((st = add ? hmr_posed_add(&c->posed, &with, e) :
			hmr_posed_renew(&c->posed, &with, e)))
		return st;
	return hmr_filter_emit(c->out, &with, e);
}

static enum hmr_status
on_frame(void *ctx, const struct hmr_frame *f, struct hmr_filter *out,
	 struct hmr_err *e)
{
	struct ctx *c = ctx;
	uint64_t left_out = hmr_assoc_stats(c->assoc)->left_out;
	enum hmr_status st;

	if (!c->begun)
		return hmr_fail(e, HMR_E_FORMAT, "the header has no width and height");
	if (!hmr_frame_find(f, HMR_TAG_PEOPLE))
		return hmr_fail(e, HMR_E_FORMAT,
				"no people: hmr-assoc needs hmr-detect before it");
	c->out = out;
	st = hmr_assoc_frame(c->assoc, f, emit, c, e);
	left_out = hmr_assoc_stats(c->assoc)->left_out - left_out;
	if (left_out && !c->left_out)
		hmr_warn("frame %" PRIu64 ": %" PRIu64 " people more than --max-people "
			 "%u, the weakest get no identity", f->number, left_out,
			 c->o.tracker.max_people);
	c->left_out += left_out;
	return st;
}

static enum hmr_status
on_drain(void *ctx, struct hmr_filter *out, struct hmr_err *e)
{
	struct ctx *c = ctx;

	c->out = out;
	c->begun = false;
	return hmr_assoc_drain(c->assoc, emit, c, e);
}

static enum hmr_status
write_head(void *ctx, struct hmr_head *h, struct hmr_err *e)
{
	return hmr_lines_writer_head(((struct ctx *)ctx)->lines, h, e);
}

static enum hmr_status
write_frame(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	return hmr_lines_writer_frame(((struct ctx *)ctx)->lines, f, e);
}

static enum hmr_status
write_end(void *ctx, const struct hmr_end *end, struct hmr_err *e)
{
	return hmr_lines_writer_end(((struct ctx *)ctx)->lines, end, e);
}

/* ---- the program ---- */

/* Which of n names it is. */
static int
named(const char *option, const char *value, const char *const *names, int n)
{
	char list[80] = "";
	size_t at = 0;

	for (int i = 0; i < n; i++) {
		if (!strcmp(value, names[i]))
			return i;
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s",
				       !i ? "" : i == n - 1 ? " or " : ", ", names[i]);
	}
	hmr_usage_die("%s: '%s' is not %s", option, value, list);
}

static bool
own_option(struct ctx *c, int k, bool *stream)
{
	static const char *const strengths[] = { [HMR_SMOOTH_OFF] = "off",
		[HMR_SMOOTH_LIGHT] = "light", [HMR_SMOOTH_STRONG] = "strong" };
	static const char *const costs[] = { [HMR_COST_MOTION] = "motion",
		[HMR_COST_PHALP] = "phalp" };
	struct hmr_tracker_options *t = &c->o.tracker;
	struct hmr_err e = { 0 };
	uint32_t fields;

	switch (k) {
	case OPT_STREAM: *stream = true; return true;
	case OPT_ALL: c->lines_o.all = true; return true;
	case OPT_VERTICES: c->lines_o.fields |= HMR_LINES_VERTICES; return true;
	case OPT_SMOOTH:
		c->smooth_asked = true;
		c->o.smooth = (enum hmr_smooth_strength)named("--smooth", optarg,
							      strengths, 3);
		return true;
	case OPT_LAG: c->o.lag = hmr_opt_u32("--lag", optarg, 0, HMR_LAG_MAX); return true;
	case OPT_MIN_HITS:
		t->min_hits = hmr_opt_u32("--min-hits", optarg, 1, 1000);
		return true;
	case OPT_MAX_AGE:
		t->max_age = hmr_opt_u32("--max-age", optarg, 0, 100000);
		return true;
	case OPT_REMEMBER:
		t->remember = hmr_opt_u32("--remember", optarg, 0, 100000000);
		return true;
	case OPT_COST:
		t->cost = (enum hmr_cost_rule)named("--cost", optarg, costs, 2);
		return true;
	case OPT_GIVEN_IDS: t->given = true; return true;
	case OPT_SCORE:
		t->high = t->birth = (float)hmr_opt_f64("--score", optarg, 0, 1);
		return true;
	case OPT_WEAK:
		t->low = (float)hmr_opt_f64("--weak", optarg, 0, 1);
		return true;
	case OPT_MAX_PEOPLE:
		t->max_people = hmr_opt_u32("--max-people", optarg, 1, HMR_PEOPLE_CAP);
		return true;
	case OPT_FIELDS:
		if (hmr_lines_fields_parse(optarg, &fields, &e))
			hmr_usage_die("--fields: %s", e.msg);
		c->lines_o.fields = fields | (c->lines_o.fields & HMR_LINES_VERTICES);
		return true;
	}
	return false;
}

static void
parse(int argc, char **argv, struct ctx *c, struct hmr_filter_options *o, bool *stream)
{
	static const char letters[] = HMR_COMMON_SHORT HMR_FILTER_SHORT;
	static const struct option longs[] = {
		HMR_COMMON_LONG, HMR_FILTER_LONG,
		{ "stream", no_argument, NULL, OPT_STREAM },
		{ "lag", required_argument, NULL, OPT_LAG },
		{ "min-hits", required_argument, NULL, OPT_MIN_HITS },
		{ "max-age", required_argument, NULL, OPT_MAX_AGE },
		{ "score", required_argument, NULL, OPT_SCORE },
		{ "weak", required_argument, NULL, OPT_WEAK },
		{ "max-people", required_argument, NULL, OPT_MAX_PEOPLE },
		{ "all", no_argument, NULL, OPT_ALL },
		{ "fields", required_argument, NULL, OPT_FIELDS },
		{ "vertices", no_argument, NULL, OPT_VERTICES },
		{ "smooth", required_argument, NULL, OPT_SMOOTH },
		{ "cost", required_argument, NULL, OPT_COST },
		{ "given-ids", no_argument, NULL, OPT_GIVEN_IDS },
		{ "remember", required_argument, NULL, OPT_REMEMBER },
		{ NULL, 0, NULL, 0 },
	};
	int k;

	while ((k = getopt_long(argc, argv, letters, longs, NULL)) != -1)
		if (!hmr_common_opt(k, help) && !hmr_filter_opt(o, k, optarg) &&
		    !own_option(c, k, stream))
			hmr_bad_option(argv, letters);
	if (argc - optind > 1)
		hmr_usage_die("more than one input: %s", argv[optind + 1]);
	if (c->o.tracker.low > c->o.tracker.high)
		hmr_usage_die("--weak is above --score");
	o->in = optind < argc ? argv[optind] : NULL;
	o->argv = argv;
}

int
main(int argc, char **argv)
{
	static const struct hmr_filter_ops to_stream = {
		.head = on_head, .frame = on_frame, .drain = on_drain };
	static const struct hmr_filter_ops to_lines = {
		.head = on_head, .frame = on_frame, .drain = on_drain,
		.write_head = write_head, .write_frame = write_frame,
		.write_end = write_end };
	struct ctx c = { .o = { .lag = 16, .smooth = HMR_SMOOTH_LIGHT },
			  .lines_o = { .fields = HMR_LINES_DEFAULT } };
	struct hmr_filter_options o = { .level = -1 };
	const struct hmr_filter_ops *ops = &to_lines;
	const struct hmr_assoc_stats *s;
	struct hmr_err e = { 0 };
	enum hmr_status st;
	bool stream = false;
	int code, fd = -1;

	hmr_prog_init(argc, argv, USAGE);
	hmr_tracker_defaults(&c.o.tracker);
	parse(argc, argv, &c, &o, &stream);
	if (stream) {
		ops = &to_stream;
	} else {
		hmr_check_same(o.in, o.out);
		fd = hmr_open_out(o.out);
		if (hmr_lines_writer_new(&c.lines, fd, o.out ? o.out : "standard output",
					 &c.lines_o, &e))
			hmr_die(HMR_EXIT_FAIL, "%s", e.msg);
	}
	st = hmr_assoc_new(&c.assoc, &c.o, &e);
	code = st ? hmr_filter_fail(ops, &c, &o, st, &e) : hmr_filter_run(ops, &c, &o);
	if (c.assoc) {
		s = hmr_assoc_stats(c.assoc);
		hmr_info(1, "%" PRIu32 " identities, %" PRIu64 " people, %" PRIu64
			 " of them named, %" PRIu64 " filled in, %" PRIu64 " left out, %"
			 PRIu64 " cuts", s->ids, s->people, s->named, s->filled,
			 s->left_out, s->shots);
		if (!code && s->people && !s->ids && !c.lines_o.all && c.o.tracker.given)
			hmr_warn("no identities for %" PRIu64 " people: --given-ids keeps those "
				 "that hmr-detect --boxes took in, and its lines had no ids",
				 s->people);
		else if (!code && s->people && !s->ids && !c.lines_o.all)
			hmr_warn("no identities for %" PRIu64 " people: one takes %u frames "
				 "(--min-hits); --all lists people without", s->people,
				 c.o.tracker.min_hits);
	}
	if (fd >= 0 && code == HMR_EXIT_OK)
		hmr_close_out(fd, o.out);
	close_body(&c);
	hmr_posed_release(&c.posed);
	hmr_assoc_free(c.assoc);
	hmr_lines_writer_free(c.lines);
	return code;
}

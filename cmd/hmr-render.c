/* SPDX-License-Identifier: Apache-2.0 */
/* hmr-render: draws the people of a stream, or of results and their video, into
 * its images; see man/hmr-render.1. Keeps nothing between frames. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "prog.h"
#include "render/picture.h"

#define USAGE "hmr-render [-hqVv] [-j threads] [-m body] [-o file] [-z level] " \
	"[--all] [--background on|off] [--boxes] [--ids] [--max-frame WxH] " \
	"[--max-people n] [--mesh] [--no-history] [--opacity value] " \
	"[--skeleton] [--source video] [--view name] [file]"

static const char help[] =
"Draws people into the images of a stream: meshes, skeletons, boxes, identities.\n"
"\n"
"      --source VIDEO     take the images from VIDEO, by frame and timestamp\n"
"      --mesh             draw meshes             (without any of these four:\n"
"      --boxes            draw boxes               --mesh --boxes --ids,\n"
"      --ids              draw identities          as far as the stream has them)\n"
"      --skeleton         draw skeletons\n"
"      --view NAME        front, side, top or grid (front)\n"
"      --background on|off  draw on the image or on a plain ground (on)\n"
"      --opacity VALUE    of meshes, 0 to 1 (1)\n"
"      --all              people without an identity too, where others have one\n"
"  -m, --model BODY       the body's file, where it is not found by its name\n"
"  -j, --threads N        threads that decode VIDEO; 0 is one per core (0)\n"
"      --max-people N     meshes of at most the best N people of a frame (64)\n"
"  -o, --output FILE      write to FILE instead of standard output\n"
"  -z, --compress LEVEL   zstd level of new sections, 0 to 19\n"
"      --max-frame WxH    largest frame to accept (8192x8192)\n"
"      --no-history       leave this stage out of the header\n"
"  -q, --quiet            errors only\n"
"  -v, --verbose          memory plan and summary; twice for more\n"
"  -h, --help             this text\n"
"  -V, --version          the version\n";

enum { OPT_SOURCE = 0x200, OPT_MESH, OPT_SKELETON, OPT_BOXES, OPT_IDS, OPT_VIEW,
	OPT_BACKGROUND, OPT_OPACITY, OPT_ALL, OPT_MAX_PEOPLE };

struct ctx {
	struct hmr_picture_options o;
	struct hmr_picture *picture;
	uint64_t drawn, over;
};

static void
note(void *ctx, int level, const char *text)
{
	(void)ctx;
	if (level > 0)
		hmr_info(level, "%s", text);
	else
		hmr_warn("%s", text);
}

static bool
stop(void *ctx)
{
	(void)ctx;
	return hmr_prog_signal() != 0;
}

static enum hmr_status
on_head(void *ctx, struct hmr_head *h, struct hmr_stage_info *stage,
	struct hmr_err *e)
{
	struct ctx *c = ctx;
	enum hmr_status st;

	(void)stage;
	if ((st = hmr_picture_head(c->picture, h, e)))
		return st;
	hmr_info(1, "memory: %.1f MiB for pictures, meshes and people",
		 (double)hmr_picture_bytes(c->picture) / 0x1p20);
	return HMR_OK;
}

static enum hmr_status
on_frame(void *ctx, const struct hmr_frame *f, struct hmr_filter *out,
	 struct hmr_err *e)
{
	struct hmr_picture_count n;
	struct hmr_frame with = *f;
	struct ctx *c = ctx;
	enum hmr_status st;

	if ((st = hmr_picture_draw(c->picture, &with, &n, e)))
		return st;
	if (n.over && !c->over)
		hmr_warn("frame %" PRIu64 ": %u bodies more than --max-people %u, "
			 "the weakest are drawn without a mesh", f->number, n.over,
			 c->o.max_people);
	c->over += n.over;
	c->drawn += n.meshes;
	return hmr_filter_emit(out, &with, e);
}

static bool
on_off(const char *what, const char *s)
{
	if (strcmp(s, "on") && strcmp(s, "off"))
		hmr_usage_die("%s: %s is neither on nor off", what, s);
	return s[1] == 'n';
}

static enum hmr_view_from
view_of(const char *s)
{
	static const char *const name[] = { "front", "side", "top", "grid" };

	for (int i = 0; i < 4; i++)
		if (!strcmp(s, name[i]))
			return (enum hmr_view_from)i;
	hmr_usage_die("--view: %s is not front, side, top or grid", s);
}

/* One of this stage's own options; false: not one of them. */
static bool
own_option(struct hmr_picture_options *o, int k, const char *arg)
{
	switch (k) {
	case 'm': o->body = arg; break;
	case 'j': o->source.threads = hmr_opt_u32("--threads", arg, 0, 1024); break;
	case OPT_SOURCE: o->video = arg; break;
	case OPT_MESH: o->mesh = true; break;
	case OPT_SKELETON: o->skeleton = true; break;
	case OPT_BOXES: o->boxes = true; break;
	case OPT_IDS: o->ids = true; break;
	case OPT_VIEW: o->from = view_of(arg); break;
	case OPT_BACKGROUND: o->plain = !on_off("--background", arg); break;
	case OPT_OPACITY: o->opacity = (float)hmr_opt_f64("--opacity", arg, 0, 1); break;
	case OPT_ALL: o->all = true; break;
	case OPT_MAX_PEOPLE:
		o->max_people = hmr_opt_u32("--max-people", arg, 1, HMR_PEOPLE_CAP - 1);
		break;
	default: return false;
	}
	return true;
}

static void
parse(int argc, char **argv, struct ctx *c, struct hmr_filter_options *o)
{
	static const char letters[] = HMR_COMMON_SHORT HMR_FILTER_SHORT "m:j:";
	static const struct option longs[] = {
		HMR_COMMON_LONG, HMR_FILTER_LONG,
		{ "model", required_argument, NULL, 'm' },
		{ "threads", required_argument, NULL, 'j' },
		{ "source", required_argument, NULL, OPT_SOURCE },
		{ "mesh", no_argument, NULL, OPT_MESH },
		{ "skeleton", no_argument, NULL, OPT_SKELETON },
		{ "boxes", no_argument, NULL, OPT_BOXES },
		{ "ids", no_argument, NULL, OPT_IDS },
		{ "view", required_argument, NULL, OPT_VIEW },
		{ "background", required_argument, NULL, OPT_BACKGROUND },
		{ "opacity", required_argument, NULL, OPT_OPACITY },
		{ "all", no_argument, NULL, OPT_ALL },
		{ "max-people", required_argument, NULL, OPT_MAX_PEOPLE },
		{ NULL, 0, NULL, 0 },
	};
	struct hmr_err e = { 0 };
	enum hmr_status st;
	int k;

	while ((k = getopt_long(argc, argv, letters, longs, NULL)) != -1)
		if (!hmr_common_opt(k, help) && !hmr_filter_opt(o, k, optarg) &&
		    !own_option(&c->o, k, optarg))
			hmr_bad_option(argv, letters);
	if (argc - optind > 1)
		hmr_usage_die("more than one input: %s", argv[optind + 1]);
	o->in = optind < argc ? argv[optind] : NULL;
	if (c->o.video &&
	    (st = hmr_source_reads(&c->o.video, 1, &c->o.source, o->out, &e)))
		hmr_die(hmr_exit_for(st), "%s", e.msg);
	o->argv = argv;
}

int
main(int argc, char **argv)
{
	static const struct hmr_filter_ops ops = { .head = on_head, .frame = on_frame };
	struct ctx c = { .o = { .max_people = 64, .opacity = 1,
		.source = { .start_ns = HMR_TIME_NONE, .end_ns = HMR_TIME_NONE,
			    .note = note, .stop = stop } } };
	struct hmr_filter_options o = { .level = -1 };
	struct hmr_err e = { 0 };
	enum hmr_status st;
	int code;

	hmr_prog_init(argc, argv, USAGE);
	parse(argc, argv, &c, &o);
	st = hmr_picture_new(&c.picture, &c.o, &e);
	code = st ? hmr_filter_fail(&ops, &c, &o, st, &e) :
		    hmr_filter_run(&ops, &c, &o);
	hmr_info(1, "%" PRIu64 " meshes drawn, %" PRIu64 " left out", c.drawn, c.over);
	hmr_picture_free(c.picture);
	return code;
}

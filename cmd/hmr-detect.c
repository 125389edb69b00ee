/* SPDX-License-Identifier: Apache-2.0 */
/* hmr-detect: finds the people in each frame of a stream and adds their boxes
 * and scores; see man/hmr-detect.1. Keeps nothing between frames. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "detect/detector.h"
#include "nn/precision.h"
#include "filter.h"
#include "prog.h"

#define USAGE "hmr-detect [-hqVv] [-d device] [-j threads] [-m model] [-o file] " \
	"[-z level] [--max-frame WxH] [--max-people n] [--min-size px] [--nms iou] " \
	"[--no-history] [--precision name] [--score min] [file]"

static const char help[] =
"Adds the boxes and scores of the people in each frame of a stream.\n"
"\n"
"  -m, --model MODEL      name or path of the detector (nanodet)\n"
"  -d, --device DEVICE    auto, cpu, ref or cuda[:N] (auto)\n"
"  -j, --threads N        threads; 0 is one per core (0)\n"
"      --precision NAME   auto, f32, bf16, f16, int8 or fp8 (auto)\n"
"      --score MIN        people of at least this score (0.3)\n"
"      --nms IOU          overlap above which the weaker box goes (0.5)\n"
"      --max-people N     the best N of a frame (64)\n"
"      --min-size PX      people whose longer side is at least this (0)\n"
"  -o, --output FILE      write to FILE instead of standard output\n"
"  -z, --compress LEVEL   zstd level of new sections, 0 to 19\n"
"      --max-frame WxH    largest frame to accept (8192x8192)\n"
"      --no-history       leave this stage out of the header\n"
"  -q, --quiet            errors only\n"
"  -v, --verbose          memory plan and summary; twice for more\n"
"  -h, --help             this text\n"
"  -V, --version          the version\n";

enum { OPT_PRECISION = 0x200, OPT_SCORE, OPT_NMS, OPT_MAX_PEOPLE, OPT_MIN_SIZE };

struct ctx {
	struct hmr_detector_options o;
	struct hmr_model *model;
	struct hmr_detector *detector;
	struct hmr_person *people;	/* [o.max_people] */
	uint8_t *section;		/* PEOP of so many */
	uint64_t found, over;
};

static void
tell_plan(const struct ctx *c, const struct hmr_head_info *i)
{
	struct hmr_detector_plan p;

	hmr_detector_plan(c->detector, &p);
	hmr_info(1, "%s on %s, %s, %ux%u and %ux%u pixels; memory: weights %.1f MiB, "
		 "activations %.1f, workspace %.1f, buffers %.1f, a frame %.1f",
		 hmr_model_name(c->model), hmr_detector_backend(c->detector),
		 hmr_detector_precision(c->detector), p.size[0][0], p.size[0][1],
		 p.size[1][0], p.size[1][1], (double)p.nets.weights / 0x1p20,
		 (double)p.nets.activations / 0x1p20,
		 (double)p.nets.workspace / 0x1p20, (double)p.buffers / 0x1p20,
		 (double)i->max_payload / 0x1p20);
}

static enum hmr_status
on_head(void *ctx, struct hmr_head *h, struct hmr_stage_info *stage,
	struct hmr_err *e)
{
	const struct hmr_head_info *i = hmr_head_info(h);
	struct ctx *c = ctx;
	enum hmr_status st;

	if (!c->detector || i->width != c->o.width || i->height != c->o.height) {
		hmr_detector_free(c->detector);
		c->detector = NULL;
		c->o.width = i->width;
		c->o.height = i->height;
		if ((st = hmr_detector_new(&c->detector, c->model, &c->o, e)))
			return st;
		tell_plan(c, i);
	}
	hmr_head_grow(h, HMR_SECTION_HEADER + hmr_people_bytes(c->o.max_people) + 7);
	stage->model = hmr_model_name(c->model);
	stage->model_sha256 = hmr_model_sha256(c->model);
	stage->backend = hmr_detector_backend(c->detector);
	stage->precision = hmr_detector_precision(c->detector);
	return HMR_OK;
}

static enum hmr_status
on_frame(void *ctx, const struct hmr_frame *f, struct hmr_filter *out,
	 struct hmr_err *e)
{
	static const uint32_t stale[] = { HMR_TAG_BODIES, HMR_TAG_TRACKS,
		HMR_TAG_APPEARANCE, HMR_TAG_VERTICES, HMR_TAG_MASKS,
		HMR_TAG_LANDMARKS };
	struct ctx *c = ctx;
	struct hmr_frame with = *f;
	struct hmr_image im;
	uint32_t n, over;
	enum hmr_status st;

	st = hmr_image_get(f, &im, e);
	if (st == HMR_EOF || !c->detector)
		return hmr_fail(e, HMR_E_FORMAT,
				"no image: hmr-detect needs hmr-decode before it");
	if (st || (st = hmr_detector_run(c->detector, &im, c->people, &n, &over, e)))
		return st;
	if (over && !c->over)
		hmr_warn("frame %" PRIu64 ": %u people more than --max-people %u, "
			 "the weakest are left out", f->number, over,
			 c->o.max_people);
	c->found += n;
	c->over += over;
	/* What an earlier run said of people that are now replaced. */
	for (size_t i = 0; i < sizeof(stale) / sizeof(stale[0]); i++)
		hmr_frame_drop(&with, stale[i]);
	if ((st = hmr_frame_put(&with, HMR_TAG_PEOPLE, c->section,
				hmr_people_put(c->section, c->people, n), e)))
		return st;
	return hmr_filter_emit(out, &with, e);
}

static const char *
parse(int argc, char **argv, struct ctx *c, struct hmr_filter_options *o)
{
	static const struct option longs[] = {
		HMR_COMMON_LONG, HMR_FILTER_LONG,
		{ "model", required_argument, NULL, 'm' },
		{ "device", required_argument, NULL, 'd' },
		{ "threads", required_argument, NULL, 'j' },
		{ "precision", required_argument, NULL, OPT_PRECISION },
		{ "score", required_argument, NULL, OPT_SCORE },
		{ "nms", required_argument, NULL, OPT_NMS },
		{ "max-people", required_argument, NULL, OPT_MAX_PEOPLE },
		{ "min-size", required_argument, NULL, OPT_MIN_SIZE },
		{ NULL, 0, NULL, 0 },
	};
	const char *model = "nanodet";
	struct hmr_err e = { 0 };
	int k;

	while ((k = getopt_long(argc, argv, HMR_COMMON_SHORT HMR_FILTER_SHORT "m:d:j:",
				longs, NULL)) != -1) {
		if (hmr_common_opt(k, help) || hmr_filter_opt(o, k, optarg))
			continue;
		switch (k) {
		case 'm': model = optarg; break;
		case 'd': c->o.device = optarg; break;
		case 'j':
			c->o.threads = hmr_opt_u32("--threads", optarg, 0, 1024);
			break;
		case OPT_PRECISION:
			if (hmr_precision_parse("--precision", optarg, &c->o.precision, &e))
				hmr_usage_die("%s", e.msg);
			break;
		case OPT_SCORE:
			c->o.score = (float)hmr_opt_f64("--score", optarg, 0.01, 1);
			break;
		case OPT_NMS:
			c->o.nms = (float)hmr_opt_f64("--nms", optarg, 0, 1);
			break;
		case OPT_MAX_PEOPLE:
			c->o.max_people = hmr_opt_u32("--max-people", optarg, 1,
						      HMR_PEOPLE_CAP);
			break;
		case OPT_MIN_SIZE:
			c->o.min_size = (float)hmr_opt_f64("--min-size", optarg, 0, 65535);
			break;
		default:
			hmr_bad_option(argv);
		}
	}
	if (argc - optind > 1)
		hmr_usage_die("more than one input: %s", argv[optind + 1]);
	o->in = optind < argc ? argv[optind] : NULL;
	o->argv = argv;
	return model;
}

int
main(int argc, char **argv)
{
	static const struct hmr_filter_ops ops = { .head = on_head, .frame = on_frame };
	struct ctx c = { .o = { .device = "auto", .score = HMR_DETECT_SCORE,
		.nms = HMR_DETECT_NMS, .max_people = HMR_DETECT_MAX_PEOPLE } };
	struct hmr_filter_options o = { .level = -1 };
	struct hmr_err e = { 0 };
	enum hmr_status st = HMR_OK;
	const char *model;
	char path[4096];
	int code;

	hmr_prog_init(argc, argv, USAGE);
	hmr_prog_openmp(argv);
	model = parse(argc, argv, &c, &o);
	c.people = calloc(c.o.max_people, sizeof(*c.people));
	c.section = malloc(hmr_people_bytes(c.o.max_people));
	if (!c.people || !c.section)
		st = hmr_fail(&e, HMR_E_NOMEM, "people");
	if (!st && !(st = hmr_model_path(model, path, sizeof(path), &e)))
		st = hmr_model_open(&c.model, path, &e);
	code = st ? hmr_filter_fail(&ops, &c, &o, st, &e) :
		    hmr_filter_run(&ops, &c, &o);
	hmr_info(1, "%" PRIu64 " people, %" PRIu64 " left out", c.found, c.over);
	hmr_detector_free(c.detector);
	hmr_model_close(c.model);
	free(c.people);
	free(c.section);
	return code;
}

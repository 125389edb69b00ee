/* SPDX-License-Identifier: Apache-2.0 */
/* hmr-detect: finds the people in each frame of a stream, or takes them from a file,
 * and adds their boxes and scores; see man/hmr-detect.1. Keeps nothing between
 * frames. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/boxfile.h"
#include "detect/boxes.h"
#include "detect/choose.h"
#include "detect/detector.h"
#include "detect/looks.h"
#include "detect/tile.h"
#include "import/import.h"
#include "filter.h"
#include "net.h"
#include "prog.h"

#define USAGE "hmr-detect [-hqVv] [-d device] [-j threads] [-m model] [-o file] " \
	"[-z level] [--boxes file] [--gpu-mem limit] [--max-frame WxH] [--max-people n] " \
	"[--min-size px] [--nms iou] [--no-history] [--precision name] " \
	"[--reid model] [--scales list] [--score min] [--sidecar file] [--tiles RxC] [file]"

static const char help[] =
"Adds the boxes and scores of the people in each frame of a stream.\n"
"\n"
"  -m, --model MODEL      name or path of the detector (nanodet)\n"
HMR_NET_HELP
"      --reid MODEL       tell people apart by this re-identification network\n"
"      --boxes FILE       take people from MOTChallenge lines or CSV instead\n"
"      --sidecar FILE     JSON that says how the detector is used (MODEL.json)\n"
"      --scales LIST      longer sides to run at, in pixels: 224,448\n"
"      --tiles RxC        run on so many overlapping tiles too, for small people\n"
"      --score MIN        people of at least this score (0.3; --boxes: above 0)\n"
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

enum { OPT_SCORE = 0x200, OPT_NMS, OPT_MAX_PEOPLE, OPT_MIN_SIZE,
	OPT_BOXES, OPT_SIDECAR, OPT_SCALES, OPT_TILES, OPT_REID };

struct ctx {
	struct hmr_detector_options o;
	struct hmr_net_choice net;
	struct hmr_model *model;
	struct hmr_detector *detector;
	const char *sidecar_path;	/* as given */
	char *sidecar, *sidecar_text;
	struct hmr_person *people;	/* [o.max_people], [HMR_PEOPLE_CAP] of a file */
	const char *boxes_path;		/* NULL: a network finds the people */
	struct hmr_boxfile *boxes;
	uint32_t *chosen;		/* [o.max_people], with boxes */
	uint8_t *section;		/* PEOP of so many */
	const char *reid;		/* name of a network, NULL: none */
	struct hmr_looks *looks;
	uint64_t frames, found, over;
};

static void
tell_plan(const struct ctx *c, const struct hmr_head_info *i)
{
	char sizes[16 * (HMR_DETECT_SIDES + 1)] = "";
	struct hmr_detector_plan p;

	hmr_detector_plan(c->detector, &p);
	for (uint32_t k = 0; k < p.n_sizes; k++)
		snprintf(sizes + strlen(sizes), sizeof(sizes) - strlen(sizes), "%s%ux%u",
			 k ? ", " : "", p.size[k][0], p.size[k][1]);
	hmr_info(1, "%s (%s) on %s, %s, %s pixels; memory: weights %.1f MiB, "
		 "activations %.1f, workspace %.1f, buffers %.1f, a frame %.1f",
		 hmr_model_name(c->model), hmr_detector_about(c->detector),
		 hmr_detector_backend(c->detector), hmr_detector_precision(c->detector), sizes,
		 (double)p.nets.weights / 0x1p20, (double)p.nets.activations / 0x1p20,
		 (double)p.nets.workspace / 0x1p20, (double)p.buffers / 0x1p20,
		 (double)i->max_payload / 0x1p20);
	hmr_net_tell_gpu(&p.nets);
}

/* For the images of h, beside the people. */
static enum hmr_status
plan_looks(struct ctx *c, struct hmr_head *h, struct hmr_stage_info *stage,
	   struct hmr_err *e)
{
	struct hmr_net_plan net;
	size_t buffers;
	enum hmr_status st;
	bool fresh;

	if ((st = hmr_looks_head(c->looks, h, stage, &fresh, e)) || !fresh || !stage->reid)
		return st;
	hmr_looks_plan(c->looks, &net, &buffers);
	hmr_net_tell(stage->reid, &net, buffers);
	return HMR_OK;
}

static enum hmr_status
on_head(void *ctx, struct hmr_head *h, struct hmr_stage_info *stage,
	struct hmr_err *e)
{
	const struct hmr_head_info *i = hmr_head_info(h);
	struct ctx *c = ctx;
	enum hmr_status st;

	if (c->boxes)
		hmr_info(1, "boxes of %s, %s; memory: %.1f MiB, a frame %.1f", c->boxes_path,
			 hmr_boxfile_sorted(c->boxes) ? "read along" : "sorted",
			 (double)hmr_boxfile_bytes(c->boxes) / 0x1p20,
			 (double)i->max_payload / 0x1p20);
	else if (!c->detector || i->width != c->o.width || i->height != c->o.height ||
		 i->max_payload > c->o.image_bytes) {
		hmr_detector_free(c->detector);
		c->detector = NULL;
		c->o.width = i->width;
		c->o.height = i->height;
		c->o.image_bytes = i->max_payload;
		if ((st = hmr_detector_new(&c->detector, c->model, &c->o, e)))
			return st;
		tell_plan(c, i);
	}
	if ((st = plan_looks(c, h, stage, e)))
		return st;
	hmr_head_grow(h, HMR_SECTION_HEADER + hmr_people_bytes(c->o.max_people) + 7);
	if (!c->detector)
		return HMR_OK;
	stage->model = hmr_model_name(c->model);
	stage->model_sha256 = hmr_model_sha256(c->model);
	stage->decoder = hmr_detector_about(c->detector);
	stage->backend = hmr_detector_backend(c->detector);
	stage->precision = hmr_detector_precision(c->detector);
	return HMR_OK;
}

/* A frame's people from the file: those of enough score and size of whom something
 * is in the image, with their boxes as given. */
static enum hmr_status
take_boxes(struct ctx *c, const struct hmr_frame *f, uint32_t *n, uint32_t *over,
	   struct hmr_err *e)
{
	uint32_t rows, kept = 0;
	enum hmr_status st;

	if ((st = hmr_boxfile_frame(c->boxes, f->number, c->people, HMR_PEOPLE_CAP, &rows,
				    e)))
		return st;
	for (uint32_t i = 0; i < rows; i++) {
		float seen[4];

		memcpy(seen, c->people[i].box, sizeof(seen));
		if (c->people[i].score > 0 &&
		    hmr_box_clip(seen, (float)f->width, (float)f->height) &&
		    (seen[2] - seen[0] >= c->o.min_size || seen[3] - seen[1] >= c->o.min_size))
			c->people[kept++] = c->people[i];
	}
	*n = hmr_people_choose(c->people, kept, c->o.score, c->o.max_people, c->chosen, over);
	for (uint32_t i = 0; i < *n; i++)
		c->people[i] = c->people[c->chosen[i]];
	return HMR_OK;
}

static enum hmr_status
get_image(const struct ctx *c, const struct hmr_frame *f, struct hmr_image *im,
	  struct hmr_err *e)
{
	enum hmr_status st = hmr_image_get(f, im, e);

	if (st == HMR_EOF || !c->detector)
		return hmr_fail(e, HMR_E_FORMAT,
				"no image: hmr-detect needs hmr-decode before it");
	return st;
}

static bool
on_ahead(void *ctx)
{
	const struct ctx *c = ctx;

	return c->detector && hmr_detector_ahead(c->detector);
}

static enum hmr_status
on_begin(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	struct ctx *c = ctx;
	struct hmr_image im;
	enum hmr_status st = get_image(c, f, &im, e);

	return st ? st : hmr_detector_begin(c->detector, &im, e);
}

static enum hmr_status
detect(struct ctx *c, const struct hmr_frame *f, uint32_t *n, uint32_t *over,
       struct hmr_err *e)
{
	struct hmr_image im;
	enum hmr_status st;

	if (c->boxes)
		return take_boxes(c, f, n, over, e);
	st = get_image(c, f, &im, e);
	return st ? st : hmr_detector_finish(c->detector, &im, c->people, n, over, e);
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
	uint32_t n, over;
	enum hmr_status st;

	if ((st = detect(c, f, &n, &over, e)))
		return st;
	if (over && !c->over)
		hmr_warn("frame %" PRIu64 ": %u people more than --max-people %u, "
			 "the weakest are left out", f->number, over,
			 c->o.max_people);
	c->frames++;
	c->found += n;
	c->over += over;
	/* What an earlier run said of people that are now replaced. */
	for (size_t i = 0; i < sizeof(stale) / sizeof(stale[0]); i++)
		hmr_frame_drop(&with, stale[i]);
	if ((st = hmr_frame_put(&with, HMR_TAG_PEOPLE, c->section,
				hmr_people_put(c->section, c->people, n), e)) ||
	    (st = hmr_looks_add(c->looks, &with, c->people, n, e)))
		return st;
	return hmr_filter_emit(out, &with, e);
}

/* "224,448": rising. */
static void
parse_scales(struct ctx *c, const char *s)
{
	char copy[64], *at = copy, *end;

	if (strlen(s) >= sizeof(copy))
		hmr_usage_die("--scales: too many: %.80s", s);
	strcpy(copy, s);
	for (c->o.n_sides = 0; at; at = end ? end + 1 : NULL) {
		if ((end = strchr(at, ',')))
			*end = 0;
		if (c->o.n_sides == HMR_DETECT_SIDES)
			hmr_usage_die("--scales: at most %d", HMR_DETECT_SIDES);
		c->o.side[c->o.n_sides] = hmr_opt_u32("--scales", at, 32, 8192);
		if (c->o.n_sides && c->o.side[c->o.n_sides] <= c->o.side[c->o.n_sides - 1])
			hmr_usage_die("--scales: numbers must rise: %s", s);
		c->o.n_sides++;
	}
}

static void
parse_tiles(struct ctx *c, const char *s)
{
	unsigned r, k;
	char more;

	if (sscanf(s, "%2ux%2u%c", &r, &k, &more) != 2 || r < 1 || k < 1 ||
	    r > HMR_TILES_MAX || k > HMR_TILES_MAX || r * k < 2)
		hmr_usage_die("--tiles: ROWSxCOLUMNS of 1 to %d and at least 2 tiles wanted, "
			      "not '%.40s'", HMR_TILES_MAX, s);
	c->o.tile_rows = r;
	c->o.tile_cols = k;
}

/* Options of a detecting network; NULL: k is none of them. */
static const char *
network_opt(struct ctx *c, int k, const char *arg)
{
	switch (k) {
	case 'm': return "--model";	/* taken by hmr_net_opt */
	case OPT_NMS:
		c->o.nms = (float)hmr_opt_f64("--nms", arg, 0, 1);
		return "--nms";
	case OPT_SIDECAR: c->sidecar_path = arg; return "--sidecar";
	case OPT_SCALES: parse_scales(c, arg); return "--scales";
	case OPT_TILES: parse_tiles(c, arg); return "--tiles";
	}
	return NULL;
}

static void
parse(int argc, char **argv, struct ctx *c, struct hmr_filter_options *o)
{
	static const char letters[] = HMR_COMMON_SHORT HMR_FILTER_SHORT HMR_NET_SHORT;
	static const struct option longs[] = {
		HMR_COMMON_LONG, HMR_FILTER_LONG, HMR_NET_LONG,
		{ "score", required_argument, NULL, OPT_SCORE },
		{ "nms", required_argument, NULL, OPT_NMS },
		{ "max-people", required_argument, NULL, OPT_MAX_PEOPLE },
		{ "min-size", required_argument, NULL, OPT_MIN_SIZE },
		{ "boxes", required_argument, NULL, OPT_BOXES },
		{ "sidecar", required_argument, NULL, OPT_SIDECAR },
		{ "scales", required_argument, NULL, OPT_SCALES },
		{ "tiles", required_argument, NULL, OPT_TILES },
		{ "reid", required_argument, NULL, OPT_REID },
		{ NULL, 0, NULL, 0 },
	};
	const char *network = NULL, *one;	/* an option for one */
	bool score = false;
	int k;

	while ((k = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if ((one = network_opt(c, k, optarg)))
			network = one;
		if ((one && k != 'm') || hmr_common_opt(k, help) ||
		    hmr_filter_opt(o, k, optarg) || hmr_net_opt(&c->net, k, optarg))
			continue;
		switch (k) {
		case OPT_SCORE:
			c->o.score = (float)hmr_opt_f64("--score", optarg, 0.01, 1);
			score = true;
			break;
		case OPT_MAX_PEOPLE:
			c->o.max_people = hmr_opt_u32("--max-people", optarg, 1,
						      HMR_PEOPLE_CAP);
			break;
		case OPT_MIN_SIZE:
			c->o.min_size = (float)hmr_opt_f64("--min-size", optarg, 0, 65535);
			break;
		case OPT_BOXES: c->boxes_path = optarg; break;
		case OPT_REID: c->reid = optarg; break;
		default:
			hmr_bad_option(argv, letters);
		}
	}
	if (c->boxes_path && network)
		hmr_usage_die("%s is for networks: not with --boxes", network);
	if (c->boxes_path && !score)
		c->o.score = 0;
	if (argc - optind > 1)
		hmr_usage_die("more than one input: %s", argv[optind + 1]);
	o->in = optind < argc ? argv[optind] : NULL;
	if (c->boxes_path)
		hmr_check_same(c->boxes_path, o->out);
	o->argv = argv;
}

static enum hmr_status
load(struct ctx *c, struct hmr_err *e)
{
	struct hmr_looks_options looks = { .gist = true, .reid = c->reid,
		.tool = HMR_IMPORTER };
	char path[4096];
	enum hmr_status st;

	c->people = calloc(c->boxes_path ? HMR_PEOPLE_CAP : c->o.max_people,
			   sizeof(*c->people));
	c->chosen = calloc(c->o.max_people, sizeof(*c->chosen));
	c->section = malloc(hmr_people_bytes(c->o.max_people));
	if (!c->people || !c->chosen || !c->section)
		return hmr_fail(e, HMR_E_NOMEM, "people");
	if ((c->reid || !c->boxes_path) && (st = hmr_net_settle(&c->net, e)))
		return st;
	if (c->reid && !c->boxes_path)	/* two networks, half of the limit each */
		c->net.gpu_mem /= 2;
	looks.net = (struct hmr_reid_options){ .device = c->net.device,
		.precision = c->net.precision, .threads = c->net.threads,
		.gpu_mem = c->net.gpu_mem, .max_people = c->o.max_people };
	if ((st = hmr_looks_new(&c->looks, &looks, e)))
		return st;
	if (c->boxes_path)
		return hmr_boxfile_open(&c->boxes, c->boxes_path, e);
	if ((st = hmr_model_path(c->net.model, path, sizeof(path), e)))
		return st;
	c->o.device = c->net.device;
	c->o.precision = c->net.precision;
	c->o.threads = c->net.threads;
	c->o.gpu_mem = c->net.gpu_mem;
	st = hmr_sidecar_load(c->sidecar_path, path, &c->sidecar, &c->sidecar_text,
			      &c->o.sidecar_size, e);
	if (st && st != HMR_EOF)
		return st;
	c->o.sidecar = c->sidecar;
	c->o.sidecar_text = c->sidecar_text;
	return hmr_import_open(&c->model, path, HMR_IMPORTER, e);
}

int
main(int argc, char **argv)
{
	static const struct hmr_filter_ops ops = { .head = on_head, .ahead = on_ahead,
		.begin = on_begin, .frame = on_frame };
	struct ctx c = { .net = { .model = "nanodet" }, .o = { .score = HMR_DETECT_SCORE,
		.nms = -1, .max_people = HMR_DETECT_MAX_PEOPLE } };
	struct hmr_filter_options o = { .level = -1 };
	struct hmr_err e = { 0 };
	enum hmr_status st;
	int code;

	hmr_prog_init(argc, argv, USAGE);
	hmr_prog_openmp(argv);
	parse(argc, argv, &c, &o);
	st = load(&c, &e);
	code = st ? hmr_filter_fail(&ops, &c, &o, st, &e) :
		    hmr_filter_run(&ops, &c, &o);
	if (!code && c.boxes && c.frames && !c.found)
		hmr_warn("%s: no box lies in one of the %" PRIu64 " frames; they count from the "
			 "video's first, lines of MOTChallenge from 1 and of CSV from 0",
			 c.boxes_path, c.frames);
	hmr_info(1, "%" PRIu64 " people, %" PRIu64 " left out", c.found, c.over);
	hmr_detector_free(c.detector);
	hmr_model_close(c.model);
	hmr_boxfile_close(c.boxes);
	free(c.people);
	free(c.chosen);
	free(c.section);
	free(c.sidecar);
	free(c.sidecar_text);
	hmr_looks_free(c.looks);
	return code;
}

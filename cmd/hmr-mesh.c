/* SPDX-License-Identifier: Apache-2.0 */
/* hmr-mesh: recovers the body of each detected person of a stream; see
 * man/hmr-mesh.1. Keeps nothing between frames. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/looks.h"
#include "detect/mesher.h"
#include "filter.h"
#include "import/import.h"
#include "net.h"
#include "prog.h"

#define USAGE "hmr-mesh [-hqVv] [-b body] [-d device] [-j threads] [-m model] " \
	"[-o file] [-z level] [--antialias] [--focal px] [--gpu-mem limit] [--keep-image] " \
	"[--landmarks] [--max-frame WxH] [--max-people n] [--min-score min] [--no-antialias] " \
	"[--no-history] " \
	"[--precision name] [--reid model] [--vertices] [file]"

static const char help[] =
"Adds the body of each detected person: pose, shape, camera, joints, colours.\n"
"\n"
"  -m, --model MODEL      heavy, full, lite, hmr2, or another name or path (heavy)\n"
"  -b, --body BODY        a name or path (mannequin; with hmr2 smpl)\n"
HMR_NET_HELP
"      --min-score MIN    bodies of people of at least this score (0.45)\n"
"      --max-people N     bodies of the best N people of a frame (64)\n"
"      --focal PX         focal length in pixels (the stream's, else 5000/256\n"
"                         times the longer side)\n"
"      --antialias        hmr2: blur large crops first, as its demo does (default)\n"
"      --no-antialias     hmr2: do not, as its tracker\n"
"      --reid MODEL       tell people apart by this re-identification network,\n"
"                         not by their colours\n"
"      --keep-image       pass the image on\n"
"      --landmarks        add the network's own points\n"
"      --vertices         add the bodies' vertices\n"
"  -o, --output FILE      write to FILE instead of standard output\n"
"  -z, --compress LEVEL   zstd level of new sections, 0 to 19\n"
"      --max-frame WxH    largest frame to accept (8192x8192)\n"
"      --no-history       leave only the body of this stage in the header\n"
"  -q, --quiet            errors only\n"
"  -v, --verbose          memory plan and summary; twice for more\n"
"  -h, --help             this text\n"
"  -V, --version          the version\n";

enum { OPT_MIN_SCORE = 0x200, OPT_MAX_PEOPLE, OPT_FOCAL,
	OPT_KEEP_IMAGE, OPT_LANDMARKS, OPT_VERTICES, OPT_ANTIALIAS,
	OPT_NO_ANTIALIAS, OPT_REID };

struct ctx {
	struct hmr_mesher_options o;
	struct hmr_net_choice net;
	const char *body_name, *reid_name;
	float focal;			/* 0: the stream's */
	bool keep_image, landmarks;
	struct hmr_model *model;
	struct hmr_body *body;
	struct hmr_mesher *mesher;
	struct hmr_looks *looks;
	const struct hmr_head *head;
	struct hmr_person *people;	/* [HMR_PEOPLE_CAP] */
	uint8_t *section[4];		/* BODY, APPR, LAND, VERT */
	uint64_t seen, bodies, over;
};

/* Bytes of section i for n people, 0: it is not written. */
static size_t
section_bytes(const struct ctx *c, int i, uint32_t n)
{
	switch (i) {
	case 0: return hmr_bodies_bytes(n);
	case 1: return c->reid_name ? 0 : hmr_vectors_bytes(n, HMR_APPEARANCE_VALUES);
	case 2: return c->landmarks ? hmr_landmarks_bytes(n) : 0;
	default: return c->o.vertices ?
		hmr_vectors_bytes(n, hmr_body_vertices(c->body) * 3) : 0;
	}
}

static void
tell_plan(const struct ctx *c, const struct hmr_head_info *i)
{
	struct hmr_net_plan net;
	size_t buffers;

	hmr_mesher_plan(c->mesher, &net, &buffers);
	buffers += HMR_PEOPLE_CAP * sizeof(*c->people);
	for (int k = 0; k < 4; k++)
		buffers += section_bytes(c, k, c->o.pose.max_people);
	hmr_info(1, "%s and %s on %s, %s; memory: weights %.1f MiB, "
		 "activations %.1f, workspace %.1f, buffers %.1f, a frame %.1f",
		 hmr_model_name(c->model), hmr_body_name(c->body),
		 hmr_mesher_backend(c->mesher), hmr_mesher_precision(c->mesher),
		 (double)net.weights / 0x1p20, (double)net.activations / 0x1p20,
		 (double)net.workspace / 0x1p20, (double)buffers / 0x1p20,
		 (double)i->max_payload / 0x1p20);
	hmr_net_tell_gpu(&net);
}

static enum hmr_status
on_head(void *ctx, struct hmr_head *h, struct hmr_stage_info *stage,
	struct hmr_err *e)
{
	const struct hmr_head_info *i = hmr_head_info(h);
	struct ctx *c = ctx;
	struct hmr_net_plan net;
	size_t buffers;
	enum hmr_status st;
	bool fresh;

	if (!c->mesher || i->width != c->o.pose.width ||
	    i->height != c->o.pose.height || i->max_payload > c->o.pose.image_bytes) {
		hmr_mesher_free(c->mesher);
		c->mesher = NULL;
		c->o.pose.width = i->width;
		c->o.pose.height = i->height;
		c->o.pose.image_bytes = i->max_payload;
		if ((st = hmr_mesher_new(&c->mesher, c->model, c->body, &c->o, e)))
			return st;
		tell_plan(c, i);
	}
	c->head = h;
	if ((st = hmr_looks_head(c->looks, h, stage, &fresh, e)))
		return st;
	if (fresh && stage->reid) {
		hmr_looks_plan(c->looks, &net, &buffers);
		hmr_net_tell(stage->reid, &net, buffers);
	}
	for (int k = 0; k < 4; k++)
		hmr_head_grow(h, HMR_SECTION_HEADER + 7 +
			      section_bytes(c, k, c->o.pose.max_people));
	stage->model = hmr_model_name(c->model);
	stage->model_sha256 = hmr_model_sha256(c->model);
	stage->backend = hmr_mesher_backend(c->mesher);
	stage->precision = hmr_mesher_precision(c->mesher);
	stage->body = hmr_body_name(c->body);
	stage->body_sha256 = hmr_body_sha256(c->body);
	return HMR_OK;
}

static enum hmr_status
put_sections(struct ctx *c, const struct hmr_meshes *m, struct hmr_frame *f,
	     struct hmr_err *e)
{
	static const uint32_t tags[4] = { HMR_TAG_BODIES, HMR_TAG_APPEARANCE,
		HMR_TAG_LANDMARKS, HMR_TAG_VERTICES };
	uint32_t v = hmr_body_vertices(c->body) * 3;
	/* What hmr-detect --reid wrote says more than colours. */
	bool told = HMR_APPEARANCE_KIND(hmr_vectors_kind(f, HMR_TAG_APPEARANCE)) ==
		HMR_APPEARANCE_EMBEDDING;
	enum hmr_status st;

	for (int i = 0; i < 4; i++) {
		size_t n = 0;

		if (told && tags[i] == HMR_TAG_APPEARANCE)
			continue;
		hmr_frame_drop(f, tags[i]);	/* an earlier run's */
		if (!section_bytes(c, i, 0))
			continue;
		switch (i) {
		case 0:
			n = hmr_bodies_put(c->section[0], m->bodies, m->n);
			break;
		case 1:
			n = hmr_vectors_put(c->section[1], HMR_APPEARANCE_HISTOGRAM,
				m->person, m->colours, m->n, HMR_APPEARANCE_VALUES);
			break;
		case 2:
			n = hmr_landmarks_put(c->section[2], m->landmarks,
					      m->landmarks ? m->seen : 0);
			break;
		case 3:
			n = hmr_vectors_put(c->section[3], 0, m->person, m->vertices,
					    m->n, v);
			break;
		}
		if ((st = hmr_frame_put(f, tags[i], c->section[i], n, e)))
			return st;
	}
	return HMR_OK;
}

/* A frame's image, and its people into c->people. */
static enum hmr_status
get_people(struct ctx *c, const struct hmr_frame *f, struct hmr_image *im, uint32_t *n,
	   struct hmr_err *e)
{
	enum hmr_status st = hmr_image_get(f, im, e);

	if (st == HMR_EOF || !c->mesher)
		return hmr_fail(e, HMR_E_FORMAT,
				"no image: hmr-mesh needs hmr-decode before it");
	if (st)
		return st;
	st = hmr_people_get(f, c->people, HMR_PEOPLE_CAP, n, e);
	if (st == HMR_EOF)
		return hmr_fail(e, HMR_E_FORMAT,
				"no people: hmr-mesh needs hmr-detect before it");
	return st;
}

static bool
on_ahead(void *ctx)
{
	const struct ctx *c = ctx;

	return c->mesher && hmr_mesher_ahead(c->mesher);
}

static enum hmr_status
on_begin(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	struct ctx *c = ctx;
	struct hmr_image im;
	uint32_t n;
	enum hmr_status st = get_people(c, f, &im, &n, e);

	return st ? st : hmr_mesher_begin(c->mesher, &im, c->people, n, e);
}

static enum hmr_status
on_frame(void *ctx, const struct hmr_frame *f, struct hmr_filter *out,
	 struct hmr_err *e)
{
	struct ctx *c = ctx;
	struct hmr_frame with = *f;
	struct hmr_meshes m;
	struct hmr_image im;
	uint32_t n;
	float focal = c->focal;
	enum hmr_status st;

	if ((st = get_people(c, f, &im, &n, e)) || (!focal && (st = hmr_frame_focal(f, c->head, &focal, e))) ||
	    (st = hmr_mesher_run(c->mesher, &im, c->people, n, focal, &m, e)))
		return st;
	if (m.over && !c->over)
		hmr_warn("frame %" PRIu64 ": %u people more than --max-people %u, "
			 "the weakest get no body", f->number, m.over,
			 c->o.pose.max_people);
	c->seen += m.seen;
	c->bodies += m.n;
	c->over += m.over;
	if ((st = put_sections(c, &m, &with, e)) ||
	    (st = hmr_looks_add(c->looks, &with, c->people, n, e)))
		return st;
	if (!c->keep_image)
		hmr_frame_drop(&with, HMR_TAG_IMAGE);
	return hmr_filter_emit(out, &with, e);
}

/* One of this stage's own options; false: not one of them. */
static bool
own_option(struct ctx *c, int k, const char *arg)
{
	switch (k) {
	case 'b': c->body_name = arg; break;
	case OPT_MIN_SCORE:
		c->o.min_score = (float)hmr_opt_f64("--min-score", arg, 0, 1);
		break;
	case OPT_MAX_PEOPLE:
		c->o.pose.max_people = hmr_opt_u32("--max-people", arg, 1, HMR_PEOPLE_CAP);
		break;
	case OPT_FOCAL:
		c->focal = (float)hmr_opt_f64("--focal", arg, 1, 1e7);
		break;
	case OPT_REID: c->reid_name = arg; break;
	case OPT_KEEP_IMAGE: c->keep_image = true; break;
	case OPT_LANDMARKS: c->landmarks = true; break;
	case OPT_VERTICES: c->o.vertices = true; break;
	case OPT_ANTIALIAS: c->o.no_antialias = false; break;
	case OPT_NO_ANTIALIAS: c->o.no_antialias = true; break;
	default: return false;
	}
	return true;
}

static void
parse(int argc, char **argv, struct ctx *c, struct hmr_filter_options *o)
{
	static const char letters[] = HMR_COMMON_SHORT HMR_FILTER_SHORT HMR_NET_SHORT "b:";
	static const struct option longs[] = {
		HMR_COMMON_LONG, HMR_FILTER_LONG, HMR_NET_LONG,
		{ "body", required_argument, NULL, 'b' },
		{ "min-score", required_argument, NULL, OPT_MIN_SCORE },
		{ "max-people", required_argument, NULL, OPT_MAX_PEOPLE },
		{ "focal", required_argument, NULL, OPT_FOCAL },
		{ "reid", required_argument, NULL, OPT_REID },
		{ "keep-image", no_argument, NULL, OPT_KEEP_IMAGE },
		{ "landmarks", no_argument, NULL, OPT_LANDMARKS },
		{ "vertices", no_argument, NULL, OPT_VERTICES },
		{ "antialias", no_argument, NULL, OPT_ANTIALIAS },
		{ "no-antialias", no_argument, NULL, OPT_NO_ANTIALIAS },
		{ NULL, 0, NULL, 0 },
	};
	int k;

	while ((k = getopt_long(argc, argv, letters, longs, NULL)) != -1)
		if (!hmr_common_opt(k, help) && !hmr_filter_opt(o, k, optarg) &&
		    !hmr_net_opt(&c->net, k, optarg) && !own_option(c, k, optarg))
			hmr_bad_option(argv, letters);
	if (argc - optind > 1)
		hmr_usage_die("more than one input: %s", argv[optind + 1]);
	o->in = optind < argc ? argv[optind] : NULL;
	o->argv = argv;
}

static enum hmr_status
load(struct ctx *c, struct hmr_err *e)
{
	static const char *const sizes[] = { "heavy", "full", "lite" };
	struct hmr_looks_options looks = { .reid = c->reid_name, .tool = HMR_IMPORTER };
	const char *model = c->net.model;
	char name[32], path[4096];
	enum hmr_status st;

	for (int i = 0; i < 3; i++)
		if (!strcmp(c->net.model, sizes[i])) {
			snprintf(name, sizeof(name), "blazepose-%s", sizes[i]);
			model = name;
		}
	if ((st = hmr_net_settle(&c->net, e)) ||
	    (st = hmr_model_path(model, path, sizeof(path), e)) ||
	    (st = hmr_import_open(&c->model, path, HMR_IMPORTER, e)))
		return st;
	if (!c->body_name)
		c->body_name = strcmp(hmr_model_kind(c->model), "hmr2") ? "mannequin" : "smpl";
	if ((st = hmr_body_open(&c->body, c->body_name, e)))
		return st;
	if (c->reid_name)	/* two networks, half of the limit each */
		c->net.gpu_mem /= 2;
	c->o.pose.device = c->net.device;
	c->o.pose.precision = c->net.precision;
	c->o.pose.threads = c->net.threads;
	c->o.pose.gpu_mem = c->net.gpu_mem;
	looks.net = (struct hmr_reid_options){ .device = c->net.device,
		.precision = c->net.precision, .threads = c->net.threads,
		.gpu_mem = c->net.gpu_mem, .min_score = c->o.min_score,
		.max_people = c->o.pose.max_people };
	if ((st = hmr_looks_new(&c->looks, &looks, e)))
		return st;
	c->people = calloc(HMR_PEOPLE_CAP, sizeof(*c->people));
	if (!c->people)
		return hmr_fail(e, HMR_E_NOMEM, "people");
	for (int i = 0; i < 4; i++) {
		size_t n = section_bytes(c, i, c->o.pose.max_people);

		if (n && !(c->section[i] = malloc(n)))
			return hmr_fail(e, HMR_E_NOMEM, "sections");
	}
	return HMR_OK;
}

int
main(int argc, char **argv)
{
	static const struct hmr_filter_ops ops = { .head = on_head, .ahead = on_ahead,
		.begin = on_begin, .frame = on_frame };
	struct ctx c = { .net = { .model = "heavy" },
		.o = { .pose = { .max_people = 64 },
		       .min_score = HMR_MESH_SCORE } };
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
	hmr_info(1, "%" PRIu64 " people looked at, %" PRIu64 " bodies, %" PRIu64
		 " left out", c.seen, c.bodies, c.over);
	hmr_mesher_free(c.mesher);
	hmr_looks_free(c.looks);
	hmr_body_free(c.body);
	hmr_model_close(c.model);
	free(c.people);
	for (int i = 0; i < 4; i++)
		free(c.section[i]);
	return code;
}

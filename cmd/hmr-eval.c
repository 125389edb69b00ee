/* SPDX-License-Identifier: Apache-2.0 */
/* hmr-eval: results against ground truth; see man/hmr-eval.1. Unlike the stages it
 * holds a whole sequence: 36 bytes a box, 2.1 KB a body. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "eval/bodies.h"
#include "eval/boxes.h"
#include "prog.h"

#define USAGE "hmr-eval [-hqVv] [-m body] [-o file] [--each] [--iou min] " \
	"[--joints set] [--json] [--keep-unscored] [--match how] [--no-filled] " \
	"[--score min] --truth file tracks | detections | bodies [file]"

static const char help[] =
"Scores results against ground truth.\n"
"\n"
"  tracks                 CLEAR-MOT, identity scores and HOTA of a tracks.jsonl, a\n"
"                         stream with tracks or a MOT file\n"
"  detections             recall and precision of all boxes, identities or not\n"
"  bodies                 MPJPE, PA-MPJPE, PVE, PCK and acceleration\n"
"\n"
"      --truth FILE       the ground truth (needed): MOTChallenge's format; for\n"
"                         bodies a stream, JSON Lines or npz\n"
"      --iou MIN          overlap that makes a match (0.5)\n"
"      --score MIN        leave out people of a lower score (none; detections: 0.5)\n"
"      --keep-unscored    count ground truth that is marked as not to be scored\n"
"      --no-filled        leave out people filled into gaps\n"
"      --joints SET       bodies: all (44), 14 (the reference's), 24 (SMPL's)\n"
"      --match HOW        bodies: who is who by box, id or auto (auto)\n"
"      --each             bodies: every joint, and errors by confidence\n"
"  -m, --model BODY       the body's file, where its name does not find it\n"
"      --json             one JSON object instead of text\n"
"  -o, --output FILE      write to FILE instead of standard output\n"
"  -q, --quiet            errors only\n"
"  -v, --verbose          say what was read\n"
"  -h, --help             this text\n"
"  -V, --version          the version\n";

enum { OPT_TRUTH = 0x200, OPT_IOU, OPT_SCORE, OPT_KEEP, OPT_NO_FILLED, OPT_JSON,
	OPT_JOINTS, OPT_MATCH, OPT_EACH };

struct options {
	bool tracks, bodies, json, keep, no_filled, each;
	const char *truth, *in, *out, *body;
	enum hmr_eval_set set;
	enum hmr_eval_match match;
	double iou;
	double score;		/* < 0: not given */
};

/* ---- reading ---- */

/* Streams begin with their magic, JSON Lines with a brace. An empty file is a cut
 * one of those. */
static bool
looks_like_mot(const char *path)
{
	unsigned char c[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, c, sizeof(c));
	bool mot = true;

	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < n; i++)
		mot &= strchr("0123456789+-.eE, \t\r\n", c[i]) != NULL && c[i];
	return mot && n > 0;
}

static enum hmr_status
read_stream(struct hmr_mot *m, const struct options *o, struct hmr_err *e)
{
	const struct hmr_eval_boxes of = { o->tracks, o->no_filled };
	int fd = hmr_open_in(o->in);
	enum hmr_status st;

	st = hmr_eval_read_boxes(m, fd, o->in ? o->in : "standard input", &of, e);
	if (fd > 2)
		close(fd);
	return st;
}

/* Keeps the rows that are to be scored. */
static void
sieve(struct hmr_mot *m, const struct options *o, bool truth)
{
	size_t k = 0;

	for (size_t i = 0; i < m->n; i++) {
		if (truth ? m->row[i].ignore && !o->keep :
			    o->score >= 0 && m->row[i].score < o->score)
			continue;
		m->row[k++] = m->row[i];
	}
	m->n = k;
}

/* ---- bodies ---- */

/* Streams are known by their magic, JSON Lines by a brace; the rest are arrays, but
 * what is too short for any is a stream that was cut. */
static bool
looks_like_arrays(const char *path)
{
	unsigned char c[4];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, c, sizeof(c));

	if (fd >= 0)
		close(fd);
	return n == sizeof(c) && c[0] != '{' && memcmp(c, "HMR\xb1", sizeof(c)) != 0;
}

static enum hmr_status
read_bodies(struct hmr_eval_bodies *b, const char *path,
	    const struct hmr_eval_reading *r, struct hmr_err *e)
{
	int fd = hmr_open_in(path);
	enum hmr_status st;

	st = hmr_eval_read_stream(b, fd, path ? path : "standard input", r, e);
	if (fd > 2)
		close(fd);
	return st;
}

/* The body that both sides' poses are of, or NULL. */
static const struct hmr_body *
common_body(const struct hmr_eval_bodies *truth, const struct hmr_eval_bodies *result)
{
	if (!result->body || (truth->body && strcmp(hmr_body_sha256(truth->body),
						    hmr_body_sha256(result->body))))
		return NULL;
	return result->body;
}

static enum hmr_status
score_bodies(struct hmr_eval_scores *s, const struct options *o, struct hmr_err *e)
{
	struct hmr_eval_bodies truth = { 0 }, result = { 0 };
	struct hmr_eval_reading r = { .set = o->set, .body = o->body, .score = o->score,
				      .no_filled = o->no_filled };
	enum hmr_status st;

	st = read_bodies(&result, o->in, &r, e);
	r.score = -1;
	r.no_filled = false;
	if (!st)
		st = looks_like_arrays(o->truth) ?
		     hmr_eval_read_npz(&truth, o->truth, &r, e) :
		     read_bodies(&truth, o->truth, &r, e);
	if (!st)
		hmr_info(1, "%zu bodies of the truth, %zu of the result", truth.n,
			 result.n);
	if (!st)
		st = hmr_eval_score(s, &truth, &result, o->set, o->match, o->iou,
				    common_body(&truth, &result), e);
	hmr_eval_release(&truth);
	hmr_eval_release(&result);
	return st;
}

/* ---- the program ---- */

/* The place of s in names, which is what --what takes. */
static int
one_of(const char *what, const char *s, const char *const names[3])
{
	for (int i = 0; i < 3; i++)
		if (!strcmp(s, names[i]))
			return i;
	hmr_usage_die("%s: %.40s is none of %s, %s, %s", what, s, names[0], names[1],
		      names[2]);
}

/* What is scored, and from where. */
static void
parse_operands(int argc, char **argv, struct options *o)
{
	if (optind == argc)
		hmr_usage_die("say what to score: tracks, detections or bodies");
	o->tracks = !strcmp(argv[optind], "tracks");
	o->bodies = !strcmp(argv[optind], "bodies");
	if (!o->tracks && !o->bodies && strcmp(argv[optind], "detections"))
		hmr_usage_die("cannot score '%s': tracks, detections or bodies",
			      argv[optind]);
	if (!o->bodies && (o->set || o->match || o->each || o->body))
		hmr_usage_die("--joints, --match, --each and -m are for bodies");
	if (argc - optind > 2)
		hmr_usage_die("more than one input: %s", argv[optind + 2]);
	if (!o->truth)
		hmr_usage_die("--truth FILE is needed");
	o->in = argc - optind > 1 && strcmp(argv[optind + 1], "-") ?
		argv[optind + 1] : NULL;
	hmr_check_same(o->in, o->out);
	hmr_check_same(o->truth, o->out);
	if (!o->tracks && !o->bodies && o->score < 0)
		o->score = 0.5;
}

static void
parse(int argc, char **argv, struct options *o)
{
	static const char letters[] = HMR_COMMON_SHORT "m:o:";
	static const struct option longs[] = {
		HMR_COMMON_LONG,
		{ "output", required_argument, NULL, 'o' },
		{ "truth", required_argument, NULL, OPT_TRUTH },
		{ "iou", required_argument, NULL, OPT_IOU },
		{ "score", required_argument, NULL, OPT_SCORE },
		{ "keep-unscored", no_argument, NULL, OPT_KEEP },
		{ "no-filled", no_argument, NULL, OPT_NO_FILLED },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "joints", required_argument, NULL, OPT_JOINTS },
		{ "match", required_argument, NULL, OPT_MATCH },
		{ "each", no_argument, NULL, OPT_EACH },
		{ "model", required_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	static const char *const sets[3] = { "all", "14", "24" };
	static const char *const ways[3] = { "auto", "id", "box" };
	int k;

	while ((k = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (hmr_common_opt(k, help))
			continue;
		switch (k) {
		case 'o': o->out = optarg; break;
		case OPT_TRUTH: o->truth = optarg; break;
		case OPT_IOU: o->iou = hmr_opt_f64("--iou", optarg, 0.01, 1); break;
		case OPT_SCORE: o->score = hmr_opt_f64("--score", optarg, 0, 1); break;
		case OPT_KEEP: o->keep = true; break;
		case OPT_NO_FILLED: o->no_filled = true; break;
		case OPT_JSON: o->json = true; break;
		case OPT_EACH: o->each = true; break;
		case OPT_JOINTS: o->set = (enum hmr_eval_set)one_of("--joints", optarg, sets);
			break;
		case OPT_MATCH: o->match = (enum hmr_eval_match)one_of("--match", optarg, ways);
			break;
		case 'm': o->body = optarg; break;
		default: hmr_bad_option(argv, letters);
		}
	}
	parse_operands(argc, argv, o);
}

static enum hmr_status
score(struct hmr_score *s, struct hmr_mot *truth, struct hmr_mot *result,
      const struct options *o, struct hmr_err *e)
{
	enum hmr_status st;

	if ((st = hmr_mot_read(truth, o->truth, true, e)))
		return st;
	if (o->in && looks_like_mot(o->in))
		st = hmr_mot_read(result, o->in, false, e);
	else
		st = read_stream(result, o, e);
	if (st)
		return st;
	if (!o->tracks)			/* detections have no identities */
		for (size_t i = 0; i < result->n; i++)
			result->row[i].id = (uint32_t)i;
	sieve(truth, o, true);
	sieve(result, o, false);
	if ((st = hmr_mot_sort(truth, o->truth, e)) ||
	    (st = hmr_mot_sort(result, o->in ? o->in : "standard input", e)))
		return st;
	hmr_info(1, "%zu boxes of %u objects; %zu boxes of %u tracks", truth->n,
		 truth->ids, result->n, result->ids);
	if (!o->tracks)
		return hmr_score_boxes(s, truth, result, o->iou, e);
	if ((st = hmr_score_clear(s, truth, result, o->iou, e)) ||
	    (st = hmr_score_identity(s, truth, result, o->iou, e)))
		return st;
	return hmr_score_hota(s, truth, result, e);
}

int
main(int argc, char **argv)
{
	struct options o = { .iou = 0.5, .score = -1 };
	struct hmr_mot truth = { 0 }, result = { 0 };
	struct hmr_eval_scores b;
	struct hmr_score s = { 0 };
	struct hmr_err e = { 0 };
	enum hmr_status st;
	FILE *out;

	hmr_prog_init(argc, argv, USAGE);
	parse(argc, argv, &o);
	st = o.bodies ? score_bodies(&b, &o, &e) : score(&s, &truth, &result, &o, &e);
	if (st)
		hmr_die(hmr_exit_for(st), "%s", hmr_err_text(&e, st));
	out = hmr_open_text(o.out);
	if (o.bodies)
		(o.json ? hmr_eval_print_json : hmr_eval_print_text)(out, &b, o.set,
								      o.each);
	else if (o.tracks)
		hmr_eval_print_tracks(out, &s, o.iou, o.json);
	else
		hmr_eval_print_boxes(out, &s, o.iou, o.json);
	hmr_close_text(out, o.out);
	hmr_mot_release(&truth);
	hmr_mot_release(&result);
	return HMR_EXIT_OK;
}

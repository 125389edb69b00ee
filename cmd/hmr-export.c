/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hmr-export: a stream or tracks.jsonl as files for other software. The formats
 * are lib/export's; this chooses frames, and keeps the order of ends: what was
 * finished stays, a table gets its name only when its input was complete.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "export/export.h"
#include "filter.h"
#include "prog.h"
#include "stream/lines_write.h"

static const char usage[] =
	"hmr-export [-hqVv] [-f format] [-j threads] [-m body] [-o path] [--all] "
	"[--axes camera|y-up] [--crf n] [--fields list] [--frames list] "
	"[--max-frame WxH] [--no-history] [--surface full|light] [file]";
static const char help[] =
	"Writes a stream or tracks as files for other software.\n\n"
	"  -f, --format=NAME       jsonl: JSON Lines, as hmr-assoc writes them\n"
	"                          csv: one line per person and frame\n"
	"                          mot: MOTChallenge lines, frames from 1\n"
	"                          mp4: a video of the images\n"
	"                          obj, ply: a mesh per person and frame\n"
	"                          png: a picture per frame\n"
	"                          (default: what PATH's name ends in)\n"
	"  -h, --help              this text\n"
	"  -j, --threads=N         threads of mp4's encoder (default 0: one a processor)\n"
	"  -m, --model=BODY        obj, ply: the body's file, where its name does not find it\n"
	"  -o, --output=PATH       file; for png, obj and ply a folder or a pattern\n"
	"                          such as x/%06d.png or x/%06d_%03d.obj\n"
	"  -q, --quiet             errors only\n"
	"  -V, --version           the version\n"
	"  -v, --verbose           a summary at the end\n"
	"      --all               jsonl, csv: people without an identity too\n"
	"      --axes=NAME         obj, ply: camera (ply) or y-up (obj)\n"
	"      --crf=N             mp4: quality, 0 (lossless) to 51 (default 20)\n"
	"      --fields=LIST       jsonl, csv: which fields of a person\n"
	"      --frames=LIST       only these numbers, such as 10,200-300,400-\n"
	"      --max-frame=WxH     refuse larger frames (default 8192x8192)\n"
	"      --no-history        jsonl: leave this stage out of the header\n"
	"      --surface=NAME      obj, ply: full (default) or light, a coarser one\n";

static struct export {
	const struct hmr_export_format *format;
	struct hmr_export_options o;
	struct hmr_export_choice choice;
	void *x;		/* the format's, once open */
	bool failed;		/* an END that said so has passed */
	bool any;		/* a frame was chosen */
} export;

static enum hmr_status
on_frame(void *ctx, const struct hmr_frame *f, struct hmr_filter *out,
	 struct hmr_err *e)
{
	struct export *s = ctx;

	if (!hmr_export_chosen(&s->choice, f->number))
		return HMR_OK;
	s->any = true;
	return hmr_filter_emit(out, f, e);
}

static enum hmr_status
write_head(void *ctx, struct hmr_head *h, struct hmr_err *e)
{
	struct export *s = ctx;

	return s->format->head ? s->format->head(s->x, h, e) : HMR_OK;
}

static enum hmr_status
write_frame(void *ctx, const struct hmr_frame *f, struct hmr_err *e)
{
	struct export *s = ctx;

	return s->format->frame(s->x, f, e);
}

static enum hmr_status
write_end(void *ctx, const struct hmr_end *end, struct hmr_err *e)
{
	struct export *s = ctx;
	enum hmr_status st = s->format->end ? s->format->end(s->x, end, e) : HMR_OK;

	if (!end->complete && !s->failed && s->format->partial &&
	    s->format->partial(s->x))
		hmr_warn("what was finished is in %s", s->format->partial(s->x));
	s->failed = s->failed || !end->complete;
	return st;
}

static enum hmr_export_axes
axes_of(const char *s)
{
	if (!strcmp(s, "camera"))
		return HMR_EXPORT_AXES_CAMERA;
	if (!strcmp(s, "y-up"))
		return HMR_EXPORT_AXES_Y_UP;
	hmr_usage_die("--axes: '%.60s' is neither camera nor y-up", s);
}

static enum hmr_export_surface
surface_of(const char *s)
{
	if (!strcmp(s, "full"))
		return HMR_EXPORT_SURFACE_FULL;
	if (!strcmp(s, "light"))
		return HMR_EXPORT_SURFACE_LIGHT;
	hmr_usage_die("--surface: '%.60s' is neither full nor light", s);
}

static void
parse(struct export *s, struct hmr_filter_options *fo, int argc, char **argv)
{
	enum { ALL = 1, AXES, CRF, FIELDS, FRAMES, MAX_FRAME, NO_HISTORY,
	       SURFACE };
	static const char letters[] = HMR_COMMON_SHORT "f:j:m:o:";
	static const struct option table[] = {
		HMR_COMMON_LONG,
		{ "format", required_argument, NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		{ "threads", required_argument, NULL, 'j' },
		{ "model", required_argument, NULL, 'm' },
		{ "all", no_argument, NULL, ALL },
		{ "axes", required_argument, NULL, AXES },
		{ "crf", required_argument, NULL, CRF },
		{ "fields", required_argument, NULL, FIELDS },
		{ "frames", required_argument, NULL, FRAMES },
		{ "max-frame", required_argument, NULL, MAX_FRAME },
		{ "no-history", no_argument, NULL, NO_HISTORY },
		{ "surface", required_argument, NULL, SURFACE },
		{ NULL, 0, NULL, 0 },
	};
	struct hmr_err e = { 0 };
	int c;

	s->o.crf = 20;
	while ((c = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		if (hmr_common_opt(c, help))
			continue;
		switch (c) {
		case 'f':
			if (!(s->format = hmr_export_find(optarg)))
				hmr_usage_die("--format: '%.60s' is none of jsonl, csv, "
					      "mot, mp4, obj, ply, png", optarg);
			break;
		case 'j': s->o.threads = hmr_opt_u32("--threads", optarg, 0, 64); break;
		case 'm': s->o.body = optarg; break;
		case 'o': s->o.path = optarg; break;
		case ALL: s->o.all = true; break;
		case AXES: s->o.axes = axes_of(optarg); break;
		case CRF: s->o.crf = hmr_opt_u32("--crf", optarg, 0, 51); break;
		case FIELDS:
			if (hmr_lines_fields_parse(optarg, &s->o.fields, &e))
				hmr_usage_die("--fields: %s", e.msg);
			break;
		case FRAMES:
			if (hmr_export_choice_parse(&s->choice, optarg, &e))
				hmr_usage_die("%s", e.msg);
			break;
		case MAX_FRAME:
			fo->max_frame = hmr_opt_frame("--max-frame", optarg);
			break;
		case NO_HISTORY: fo->no_history = true; break;
		case SURFACE: s->o.surface = surface_of(optarg); break;
		default: hmr_bad_option(argv, letters);
		}
	}
	if (argc - optind > 1)
		hmr_usage_die("one file at a time");
	fo->in = optind < argc ? argv[optind] : NULL;
	fo->out = s->o.path;
	fo->argv = argv;
	s->o.one = hmr_export_single(&s->choice);
}

/* The format that the output's name ends in, or NULL. */
static const struct hmr_export_format *
by_ending(const char *path)
{
	const char *dot = path ? strrchr(path, '.') : NULL;
	char name[8] = "";

	for (int i = 0; dot && i < 7 && dot[i + 1]; i++)
		name[i] = (char)tolower((unsigned char)dot[i + 1]);
	return hmr_export_find(name);
}

/* What can be said before anything is read or opened. */
static void
check(struct export *s, const struct hmr_filter_options *fo)
{
	bool to_stdout = !s->o.path || !strcmp(s->o.path, "-");
	struct stat sb;

	if (!s->format && !(s->format = by_ending(s->o.path)))
		hmr_usage_die("-f says which format: jsonl, csv, mot, mp4, obj, ply or png");
	if (to_stdout && !s->format->to_stdout)
		hmr_usage_die("%s needs -o", s->format->name);
	if (to_stdout && !strcmp(s->format->name, "mp4") && isatty(1))
		hmr_usage_die("standard output is a terminal; use -o FILE or a pipe");
	if ((s->o.fields || s->o.all) && !s->format->takes_fields)
		hmr_usage_die("--fields and --all are for jsonl and csv");
	if ((s->o.axes || s->o.body || s->o.surface) && !s->format->meshes)
		hmr_usage_die("--axes, --surface and -m are for obj and ply");
	if (!to_stdout && !*s->o.path)
		hmr_usage_die("-o: an empty name");
	/* What goes to standard output is one file, and a table is named only in the end. */
	if (!to_stdout && s->format->to_stdout && !stat(s->o.path, &sb) && S_ISDIR(sb.st_mode))
		hmr_die(HMR_EXIT_FAIL, "%s: %s", s->o.path, strerror(EISDIR));
	hmr_check_same(fo->in, s->o.path);
	if ((!fo->in || !strcmp(fo->in, "-")) && isatty(0))
		hmr_usage_die("standard input is a terminal; give a file or a pipe");
}

int
main(int argc, char **argv)
{
	static const struct hmr_filter_ops ops = {
		.frame = on_frame, .write_head = write_head,
		.write_frame = write_frame, .write_end = write_end,
	};
	struct hmr_filter_options fo = { .level = -1 };
	struct export *s = &export;
	struct hmr_err e = { 0 };
	enum hmr_status st;
	int code;

	hmr_prog_init(argc, argv, usage);
	parse(s, &fo, argc, argv);
	check(s, &fo);
	if ((st = s->format->open(&s->x, &s->o, &e))) {
		if (st == HMR_E_USAGE)
			hmr_usage_die("%s", hmr_err_text(&e, st));
		hmr_die(hmr_exit_for(st), "%s", hmr_err_text(&e, st));
	}
	code = hmr_filter_run(&ops, s, &fo);
	if (!code && s->format->finish && (st = s->format->finish(s->x, &e))) {
		hmr_error("%s", hmr_err_text(&e, st));
		code = hmr_exit_for(st);
	}
	if (!code && s->choice.n && !s->any)
		hmr_warn("none of the input's frames is among --frames");
	s->format->close(s->x);
	return code;
}

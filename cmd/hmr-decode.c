/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hmr-decode: a video, images or a camera as a stream of frames. Reads no
 * stream, but keeps the rules of those that do: a cause goes into END, frames
 * finished before it are written, signals end in order. Memory: the decoder's
 * frames and one converted image.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "decode.h"
#include "media/source.h"
#include "prog.h"
#include "stream/tables.h"

static const char usage[] =
	"hmr-decode [-hqVv] [-j threads] [-o file] [-z level] [--end time] "
	"[--every n] [--format name] [--frames n] [--live | --no-live] "
	"[--max-frame WxH] [--max-side n] [--no-history] [--option key=value] "
	"[--playlist] [--progress | --no-progress] [--rate r] [--start time] "
	"[file ...]";
static const char help[] =
	"Turns a video, images or a camera into a stream of frames.\n\n"
	"  -h, --help              this text\n"
	"  -j, --threads=N         decoder threads (default 0: one a processor)\n"
	"  -o, --output=FILE       write there instead of standard output\n"
	"  -q, --quiet             errors only\n"
	"  -V, --version           the version\n"
	"  -v, --verbose           what is read, and a summary at the end\n"
	"  -z, --compress=LEVEL    zstd level 0 to 19 (default 0, 1 with -o)\n"
	"      --end=TIME          stop before frames of this timestamp\n"
	"      --every=N           only frames whose number N divides\n"
	"      --format=NAME       FFmpeg's input format or capture device\n"
	"      --frames=N          at most N frames\n"
	"      --live              drop the oldest frame when late\n"
	"      --max-frame=WxH     refuse larger images (default 8192x8192)\n"
	"      --max-side=N        scale down to N pixels on the longer side\n"
	"      --no-history        leave the stage out of HEAD\n"
	"      --no-live           never drop, even from a capture device\n"
	"      --no-progress       no progress line\n"
	"      --option=KEY=VALUE  an option for FFmpeg's input format\n"
	"      --playlist          allow formats that open other files\n"
	"      --progress          a progress line, even without a terminal\n"
	"      --rate=R            frames a second of image folders (default 25)\n"
	"      --start=TIME        begin with frames of this timestamp\n";

#define TABLES ((uint64_t)64 << 20)	/* of HMR_FRAME_MAX_DEFAULT: no image */
#define OPTIONS_MAX 64

static struct decode {
	struct hmr_source_options o;
	const char *options[OPTIONS_MAX + 1];
	int n_options;
	const char *const *names;
	uint32_t n_names;
	const char *out;
	int level;
	bool no_history;
	uint64_t max_frame;

	struct hmr_source *source;
	struct hmr_writer *writer;
	int fd;
	const char *out_name;
	bool broken;		/* the output */
	int64_t current;	/* the frame in hand, or -1 */
	struct decode_progress line;
} decode;

enum { OPT_END = 0x200, OPT_EVERY, OPT_FORMAT, OPT_FRAMES, OPT_LIVE, OPT_MAX_FRAME,
       OPT_MAX_SIDE, OPT_NO_HISTORY, OPT_NO_LIVE, OPT_NO_PROGRESS, OPT_OPTION,
       OPT_PLAYLIST, OPT_PROGRESS, OPT_RATE, OPT_START };
static const struct option options[] = {
	HMR_COMMON_LONG,
	{ "threads", required_argument, NULL, 'j' },
	{ "output", required_argument, NULL, 'o' },
	{ "compress", required_argument, NULL, 'z' },
	{ "end", required_argument, NULL, OPT_END },
	{ "every", required_argument, NULL, OPT_EVERY },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "frames", required_argument, NULL, OPT_FRAMES },
	{ "live", no_argument, NULL, OPT_LIVE },
	{ "max-frame", required_argument, NULL, OPT_MAX_FRAME },
	{ "max-side", required_argument, NULL, OPT_MAX_SIDE },
	{ "no-history", no_argument, NULL, OPT_NO_HISTORY },
	{ "no-live", no_argument, NULL, OPT_NO_LIVE },
	{ "no-progress", no_argument, NULL, OPT_NO_PROGRESS },
	{ "option", required_argument, NULL, OPT_OPTION },
	{ "playlist", no_argument, NULL, OPT_PLAYLIST },
	{ "progress", no_argument, NULL, OPT_PROGRESS },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "start", required_argument, NULL, OPT_START },
	{ NULL, 0, NULL, 0 },
};

static void
note(void *ctx, int level, const char *text)
{
	struct decode *d = ctx;

	if (level <= hmr_verbose)
		decode_progress_wipe(&d->line);
	if (level)
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

static void
set_option(struct decode *d, int c, const char *arg)
{
	struct hmr_source_options *o = &d->o;
	struct hmr_err e = { 0 };
	enum hmr_status st = HMR_OK;

	switch (c) {
	case 'j': o->threads = hmr_opt_u32("--threads", arg, 0, 64); break;
	case 'o': d->out = arg; break;
	case 'z': d->level = (int)hmr_opt_u32("--compress", arg, 0, 19); break;
	case OPT_END: st = hmr_parse_time("--end", arg, &o->end_ns, &e); break;
	case OPT_EVERY: o->every = hmr_opt_u32("--every", arg, 1, 1000000000); break;
	case OPT_FORMAT: o->format = arg; break;
	case OPT_FRAMES: o->frames = hmr_opt_u32("--frames", arg, 1, UINT32_MAX); break;
	case OPT_LIVE: o->live = HMR_SOURCE_LIVE_YES; break;
	case OPT_MAX_FRAME: d->max_frame = hmr_opt_frame("--max-frame", arg); break;
	case OPT_MAX_SIDE:
		o->max_side = hmr_opt_u32("--max-side", arg, 1, HMR_IMAGE_MAX_SIDE);
		break;
	case OPT_NO_HISTORY: d->no_history = true; break;
	case OPT_NO_LIVE: o->live = HMR_SOURCE_LIVE_NO; break;
	case OPT_NO_PROGRESS: d->line.wanted = 0; break;
	case OPT_OPTION:
		if (d->n_options == OPTIONS_MAX)
			hmr_usage_die("--option: at most %d", OPTIONS_MAX);
		if (!strchr(arg, '=') || arg[0] == '=')
			hmr_usage_die("--option: '%.60s' must be KEY=VALUE", arg);
		d->options[d->n_options++] = arg;
		break;
	case OPT_PLAYLIST: o->playlist = true; break;
	case OPT_PROGRESS: d->line.wanted = 1; break;
	case OPT_RATE:
		st = hmr_parse_rate("--rate", arg, &o->rate_num, &o->rate_den, &e);
		break;
	case OPT_START: st = hmr_parse_time("--start", arg, &o->start_ns, &e); break;
	}
	if (st)
		hmr_usage_die("%s", e.msg);
}

static void
parse(struct decode *d, int argc, char **argv)
{
	static const char letters[] = HMR_COMMON_SHORT "j:o:z:";
	static const char *const from_stdin[] = { "-", NULL };
	int c;

	d->level = d->line.wanted = -1;
	d->max_frame = HMR_FRAME_MAX_DEFAULT;
	d->o.start_ns = d->o.end_ns = HMR_TIME_NONE;
	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (c == '?')
			hmr_bad_option(argv, letters);
		if (!hmr_common_opt(c, help))
			set_option(d, c, optarg);
	}
	if (d->o.start_ns != HMR_TIME_NONE && d->o.end_ns != HMR_TIME_NONE &&
	    d->o.end_ns <= d->o.start_ns)
		hmr_usage_die("--end must be later than --start");
	d->names = optind < argc ? (const char *const *)(argv + optind) : from_stdin;
	d->n_names = optind < argc ? (uint32_t)(argc - optind) : 1;
	if (!strcmp(d->names[0], "-") && isatty(0))
		hmr_usage_die("standard input is a terminal; give a file or a pipe");
	d->o.max_bytes = d->max_frame > TABLES ? d->max_frame - TABLES : 1;
	d->o.option = d->options;
	d->o.note = note;
	d->o.stop = stop;
	d->o.ctx = d;
}

static void
describe(struct hmr_head_info *i, const struct hmr_source_info *s)
{
	i->source = s->name;
	i->width = s->width;
	i->height = s->height;
	i->tb_num = s->tb_num;
	i->tb_den = s->tb_den;
	i->rate_num = s->rate_num;
	i->rate_den = s->rate_den;
	i->frames = s->frames;
	i->max_payload = HMR_SECTION_HEADER + HMR_IMAGE_HEADER + s->image_bytes + 8;
}

static enum hmr_status
write_head(struct decode *d, char **argv, struct hmr_err *e)
{
	struct hmr_head_info i = { .source = d->names[0], .tb_num = 1, .tb_den = 1000,
				   .rate_den = 1 };
	struct hmr_stage_info stage = { .name = hmr_prog_name(),
					.version = HMR_VERSION,
					.args = (const char *const *)(argv + 1) };
	struct hmr_head *h = NULL;
	enum hmr_status st = HMR_OK;

	if (d->source)
		describe(&i, hmr_source_info(d->source));
	if (!(st = hmr_head_new(&h, &i, e)) && !d->no_history)
		st = hmr_head_add_stage(h, &stage, e);
	if (!st)
		st = hmr_writer_head(d->writer, h, e);
	d->broken = st != HMR_OK;	/* without HEAD there can be no END */
	hmr_head_free(h);
	return st;
}

static enum hmr_status
write_frame(struct decode *d, const struct hmr_source_frame *s, struct hmr_err *e)
{
	uint8_t head[HMR_IMAGE_HEADER];
	struct iovec parts[4];
	struct hmr_frame f = { .number = s->number, .pts = s->pts,
			       .duration = s->duration, .width = s->image.width,
			       .height = s->image.height, .n = 1 };
	struct hmr_section *x = &f.section[0];
	enum hmr_status st;

	x->tag = HMR_TAG_IMAGE;
	x->raw = x->stored = hmr_image_parts(head, parts, &s->image);
	x->parts = parts;
	x->n_parts = 1 + (int)s->image.planes;
	if ((st = hmr_writer_frame(d->writer, &f, e)))
		d->broken = true;
	return st;
}

/* Says it once, and in END where there is one to be written. */
static enum hmr_status
write_end(struct decode *d, enum hmr_status st, const struct hmr_err *e)
{
	struct hmr_end end = { .frame = -1, .complete = !st };
	struct hmr_err e2 = { 0 };
	enum hmr_status own;

	decode_progress_wipe(&d->line);
	if (st && st != HMR_E_SIGNAL)
		hmr_error("%s", hmr_err_text(e, st));
	if (st) {
		snprintf(end.stage, sizeof(end.stage), "%s", hmr_prog_name());
		end.frame = d->current;
		snprintf(end.message, sizeof(end.message), "%s",
			 st == HMR_E_SIGNAL ? "interrupted" : hmr_err_text(e, st));
		end.signal = st == HMR_E_SIGNAL ? hmr_prog_signal() : 0;
	}
	if (d->broken)
		return st;
	own = hmr_writer_end(d->writer, &end, &e2);
	if (own) {
		d->broken = true;
		hmr_error("%s", hmr_err_text(&e2, own));
	}
	return st ? st : own;
}

static void
tell_source(const struct hmr_source_info *i)
{
	bool same = !strcmp(i->format, i->codec);

	hmr_info(1, "%s: %s%s%s, %ux%u, time base %d/%d, %.6g frames a second%s",
		 i->name, i->format, same ? "" : ", ", same ? "" : i->codec, i->width,
		 i->height, i->tb_num, i->tb_den, (double)i->rate_num / i->rate_den,
		 i->live ? ", live" : "");
	hmr_info(1, "plan: images of at most %.1f MiB%s",
		 (double)i->image_bytes / (1 << 20),
		 i->live ? ", a ring of 4" : "");
}

/* What went wrong without ending the run. */
static void
tell_stats(const struct hmr_source_stats *s, bool complete)
{
	if (s->damaged)
		hmr_warn("%" PRIu64 " damaged packets gave no frame", s->damaged);
	if (s->concealed)
		hmr_warn("%" PRIu64 " frames are damaged, their errors concealed",
			 s->concealed);
	if (s->unreadable)
		hmr_warn("%" PRIu64 " images could not be read", s->unreadable);
	if (s->resized)
		hmr_warn("%" PRIu64 " frames were scaled to the first one's size",
			 s->resized);
	if (s->dropped)
		hmr_warn("%" PRIu64 " frames came too fast and were dropped",
			 s->dropped);
	if (!s->frames && complete)
		hmr_warn("no frames");
}

static enum hmr_status
run(struct decode *d, char **argv, struct hmr_err *e)
{
	const struct hmr_source_frame *f;
	struct hmr_err e2 = { 0 };
	enum hmr_status st, own;

	st = hmr_source_open(&d->source, d->names, d->n_names, &d->o, e);
	if (!st)
		tell_source(hmr_source_info(d->source));
	own = write_head(d, argv, st ? &e2 : e);
	st = st ? st : own;
	while (!st) {
		if (hmr_prog_signal())
			st = HMR_E_SIGNAL;
		else if (!(st = hmr_source_next(d->source, &f, e))) {
			d->current = (int64_t)f->number;
			st = write_frame(d, f, e);
			decode_progress_draw(&d->line, hmr_source_stats(d->source)->frames,
					     hmr_source_info(d->source)->frames);
		}
	}
	return st == HMR_EOF ? HMR_OK : st;
}

static void
open_out(struct decode *d)
{
	bool piped = !d->out || !strcmp(d->out, "-");
	int level = d->level < 0 ? !piped : d->level;
	struct hmr_err e = { 0 };
	enum hmr_status st;

	if (piped && isatty(1))
		hmr_usage_die("standard output is a terminal; use -o FILE or a pipe");
	if ((st = hmr_source_reads(d->names, d->n_names, &d->o, d->out, &e)))
		hmr_die(hmr_exit_for(st), "%s", e.msg);
	d->out_name = piped ? "standard output" : d->out;
	d->fd = hmr_open_out(d->out);
	if ((st = hmr_writer_new(&d->writer, d->fd, d->out_name, level, &e)))
		hmr_die(hmr_exit_for(st), "%s", hmr_err_text(&e, st));
}

int
main(int argc, char **argv)
{
	struct decode *d = &decode;
	struct hmr_err e = { 0 };
	enum hmr_status st;
	uint64_t frames;
	double s;
	int code;

	hmr_prog_init(argc, argv, usage);
	parse(d, argc, argv);
	hmr_prog_catch_signals();
	decode_progress_start(&d->line);
	d->current = -1;
	open_out(d);
	st = run(d, argv, &e);
	st = write_end(d, st, &e);
	code = hmr_exit_for(st);
	frames = hmr_writer_frames(d->writer);
	if (d->source)
		tell_stats(hmr_source_stats(d->source), !st);
	hmr_source_close(d->source);
	hmr_writer_free(d->writer);
	if (close(d->fd) && !d->broken) {
		hmr_error("%s: %s", d->out_name, strerror(errno));
		code = code ? code : HMR_EXIT_FAIL;
	}
	s = decode_progress_seconds(&d->line);
	hmr_info(1, "%" PRIu64 " frames in %.2f s, %.1f a second, peak memory %.1f MiB",
		 frames, s, s > 0 ? (double)frames / s : 0,
		 (double)hmr_peak_kib() / 1024);
	if (st == HMR_E_SIGNAL)
		hmr_prog_die_by(hmr_prog_signal());
	return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stage loop; see filter.h. What it owns: the order of HEAD, FRAMEs, drain
 * and END, the first cause, and which failures let later segments go on.
 */
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "prog.h"

struct hmr_filter {
	const struct hmr_filter_ops *ops;
	void *ctx;
	const struct hmr_filter_options *o;
	const char *in_name, *out_name;
	int in, out;
	bool out_broken;	/* writing failed: nothing more can be said there */
	struct hmr_reader *reader;
	struct hmr_writer *writer;	/* NULL where the stage writes itself */
	uint64_t frames;	/* emitted, all segments */
	int64_t current;	/* number of the frame in hand, or -1 */
	enum hmr_status first;	/* the first failure of any segment */
	int signal;
};

enum hmr_status
hmr_filter_emit(struct hmr_filter *f, const struct hmr_frame *frame,
		struct hmr_err *e)
{
	enum hmr_status st;

	st = f->ops->write_frame ? f->ops->write_frame(f->ctx, frame, e) :
				   hmr_writer_frame(f->writer, frame, e);
	if (st)
		f->out_broken = true;
	else
		f->frames++;
	return st;
}

static enum hmr_status
write_head(struct hmr_filter *f, struct hmr_head *h, struct hmr_err *e)
{
	enum hmr_status st;

	st = f->ops->write_head ? f->ops->write_head(f->ctx, h, e) :
				  hmr_writer_head(f->writer, h, e);
	if (st)
		f->out_broken = true;
	return st;
}

static enum hmr_status
write_end(struct hmr_filter *f, const struct hmr_end *end, struct hmr_err *e)
{
	enum hmr_status st;

	if (f->out_broken)
		return HMR_OK;	/* its failure was told already */
	st = f->ops->write_end ? f->ops->write_end(f->ctx, end, e) :
				 hmr_writer_end(f->writer, end, e);
	if (st)
		f->out_broken = true;
	return st;
}

/* Prints a failure once and remembers the first one. */
static void
report(struct hmr_filter *f, enum hmr_status st, const struct hmr_err *e)
{
	if (st == HMR_E_SIGNAL)
		f->signal = hmr_prog_signal();
	else if (f->current >= 0 && st != HMR_E_UPSTREAM)
		hmr_error("%s: frame %" PRId64 ": %s", f->in_name, f->current,
			  hmr_err_text(e, st));
	else
		hmr_error("%s", hmr_err_text(e, st));
	if (!f->first)
		f->first = st;
}

/* END of a segment that st ended: the upstream's cause unchanged, or ours. */
static void
make_end(const struct hmr_filter *f, enum hmr_status st, const struct hmr_err *e,
	 struct hmr_end *end)
{
	memset(end, 0, sizeof(*end));
	end->frame = -1;
	end->complete = st == HMR_OK;
	if (st == HMR_OK)
		return;
	if (st == HMR_E_UPSTREAM) {
		*end = *hmr_reader_end(f->reader);
		return;
	}
	snprintf(end->stage, sizeof(end->stage), "%s", hmr_prog_name());
	end->frame = f->current;
	if (st == HMR_E_SIGNAL) {
		snprintf(end->message, sizeof(end->message), "interrupted");
		end->signal = hmr_prog_signal();
	} else {
		snprintf(end->message, sizeof(end->message), "%s", hmr_err_text(e, st));
	}
}

static enum hmr_status
segment_head(struct hmr_filter *f, struct hmr_head *h, struct hmr_err *e)
{
	struct hmr_stage_info stage = {
		.name = hmr_prog_name(), .version = HMR_VERSION,
		.args = (const char *const *)(f->o->argv + 1),
	};
	enum hmr_status st = HMR_OK;

	/* A HEAD without a size comes from a stage that failed before it had one. */
	if (hmr_head_info(h)->width && f->ops->head)
		st = f->ops->head(f->ctx, h, &stage, e);
	if (f->o->no_history)	/* the body is no history: later stages pose it */
		stage = (struct hmr_stage_info){
			.name = stage.name, .version = stage.version,
			.body = stage.body, .body_sha256 = stage.body_sha256 };
	if (!st && (!f->o->no_history || stage.body))
		st = hmr_head_add_stage(h, &stage, e);
	return st;
}

/* The next frame, begun where frames are. */
static enum hmr_status
next_frame(struct hmr_filter *f, bool begun, const struct hmr_frame **frame,
	   struct hmr_err *e)
{
	enum hmr_status st;

	f->current = -1;
	if (hmr_prog_signal())
		return HMR_E_SIGNAL;
	if ((st = hmr_reader_next(f->reader, frame, e)))
		return st;
	f->current = (int64_t)(*frame)->number;
	return begun ? f->ops->begin(f->ctx, *frame, e) : HMR_OK;
}

static enum hmr_status
run_frames(struct hmr_filter *f, struct hmr_err *e)
{
	const struct hmr_frame *frame;
	enum hmr_status st;

	while (!(st = next_frame(f, false, &frame, e)))
		if ((st = f->ops->frame(f->ctx, frame, f, e)))
			break;
	return st;
}

/* The same, with the next frame begun before one is finished if it is there. */
static enum hmr_status
run_ahead(struct hmr_filter *f, struct hmr_err *e)
{
	const struct hmr_frame *frame, *next;
	struct hmr_err later;
	enum hmr_status st, begun;

	st = hmr_reader_two(f->reader, e);
	if (!st)
		st = next_frame(f, true, &frame, e);
	while (!st) {
		memset(&later, 0, sizeof(later));
		begun = HMR_OK;
		if ((next = hmr_reader_ahead(f->reader)))
			begun = f->ops->begin(f->ctx, next, &later);
		if ((st = f->ops->frame(f->ctx, frame, f, e)) ||
		    (st = next_frame(f, !next, &frame, e)))
			break;
		if ((st = begun))
			*e = later;
	}
	return st;
}

/* One segment after its HEAD was read. */
static enum hmr_status
segment(struct hmr_filter *f, struct hmr_head *h)
{
	struct hmr_err e = { 0 }, e2 = { 0 };
	enum hmr_status st, drain, own;
	struct hmr_end end;

	f->current = -1;
	st = segment_head(f, h, &e);
	own = write_head(f, h, st ? &e2 : &e);
	st = st ? st : own;
	if (!st)
		st = f->ops->ahead && f->ops->ahead(f->ctx) ? run_ahead(f, &e) :
			run_frames(f, &e);
	if (st == HMR_EOF)
		st = HMR_OK;
	if (f->ops->drain && !f->out_broken && !own) {
		drain = f->ops->drain(f->ctx, f, st ? &e2 : &e);
		st = st ? st : drain;
	}
	if (st)
		report(f, st, &e);
	make_end(f, st, &e, &end);
	memset(&e, 0, sizeof(e));
	if ((own = write_end(f, &end, &e)) && !st) {
		f->current = -1;
		report(f, own, &e);
		st = own;
	}
	return st;
}

static enum hmr_status
open_ends(struct hmr_filter *f, struct hmr_err *e)
{
	bool piped = !f->o->out || !strcmp(f->o->out, "-");
	int level = f->o->level < 0 ? !piped : f->o->level;
	enum hmr_status st;

	hmr_check_same(f->o->in, f->o->out);
	f->out_name = piped ? "standard output" : f->o->out;
	f->in_name = !f->o->in || !strcmp(f->o->in, "-") ? "standard input" : f->o->in;
	f->out = -1;
	if (!f->ops->write_frame) {
		if (piped && isatty(1))
			hmr_usage_die("standard output is a terminal; use -o FILE or a pipe");
		f->out = hmr_open_out(f->o->out);
		if ((st = hmr_writer_new(&f->writer, f->out, f->out_name, level, e)))
			return st;
	}
	return HMR_OK;
}

static int
finish(struct hmr_filter *f, const struct timespec *t0)
{
	int code = hmr_exit_for(f->first);
	struct timespec t;
	double s;

	hmr_reader_free(f->reader);
	hmr_writer_free(f->writer);
	if (f->in > 2)
		close(f->in);
	if (f->out >= 0 && close(f->out) && !f->out_broken) {
		hmr_error("%s: %s", f->out_name, strerror(errno));
		code = code ? code : HMR_EXIT_FAIL;
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	s = (double)(t.tv_sec - t0->tv_sec) + (double)(t.tv_nsec - t0->tv_nsec) * 1e-9;
	hmr_info(1, "%" PRIu64 " frames in %.2f s, %.1f a second, peak memory %.1f MiB",
		 f->frames, s, s > 0 ? (double)f->frames / s : 0,
		 (double)hmr_peak_kib() / 1024);
	if (f->signal)
		hmr_prog_die_by(f->signal);
	return code;
}

/* HEAD and END for a run that fails before any input was read. */
static void
fail_early(struct hmr_filter *f, enum hmr_status st, const struct hmr_err *e)
{
	struct hmr_head_info i = { .source = f->in_name, .tb_num = 1, .tb_den = 1000,
				   .rate_den = 1 };
	struct hmr_head *h = NULL;
	struct hmr_err e2 = { 0 };
	struct hmr_end end;

	f->current = -1;
	report(f, st, e);
	make_end(f, st, e, &end);
	if (f->out_broken || hmr_head_new(&h, &i, &e2) || write_head(f, h, &e2) ||
	    write_end(f, &end, &e2))
		f->out_broken = true;
	hmr_head_free(h);
}

int
hmr_filter_fail(const struct hmr_filter_ops *ops, void *ctx,
		const struct hmr_filter_options *o, enum hmr_status st,
		const struct hmr_err *e)
{
	struct hmr_filter f = { .ops = ops, .ctx = ctx, .o = o, .in = -1 };
	struct hmr_err e2 = { 0 };
	struct timespec t0;

	clock_gettime(CLOCK_MONOTONIC, &t0);
	if (open_ends(&f, &e2))
		f.out_broken = true;
	fail_early(&f, st, e);
	return finish(&f, &t0);
}

static enum hmr_status
open_input(struct hmr_filter *f, struct hmr_err *e)
{
	if (!f->o->in || !strcmp(f->o->in, "-")) {
		if (isatty(0))
			hmr_usage_die("standard input is a terminal; give a file or a pipe");
		f->in = 0;
	} else if ((f->in = open(f->o->in, O_RDONLY | O_CLOEXEC)) < 0) {
		return hmr_fail(e, HMR_E_IO, "%s", f->o->in);
	}
	hmr_pipe_grow(f->in);
	return hmr_reader_new(&f->reader, f->in, f->in_name, f->o->max_frame, e);
}

int
hmr_filter_run(const struct hmr_filter_ops *ops, void *ctx,
	       const struct hmr_filter_options *o)
{
	struct hmr_filter f = { .ops = ops, .ctx = ctx, .o = o, .in = -1,
				.current = -1 };
	struct hmr_head *h = NULL;
	struct hmr_err e = { 0 };
	struct timespec t0;
	enum hmr_status st;

	clock_gettime(CLOCK_MONOTONIC, &t0);
	hmr_prog_catch_signals();
	if ((st = open_ends(&f, &e)))
		f.out_broken = true;
	if (st || (st = open_input(&f, &e))) {
		fail_early(&f, st, &e);
		return finish(&f, &t0);
	}
	hmr_reader_stop(f.reader, hmr_prog_signal_flag());
	while (!(st = hmr_reader_head(f.reader, &h, &e))) {
		st = segment(&f, h);
		hmr_head_free(h);
		if (st && st != HMR_E_UPSTREAM)
			return finish(&f, &t0);
		memset(&e, 0, sizeof(e));
	}
	/* What comes where HEAD should: a segment of its own tells the cause, so the
	 * output does not end with the good END before it. */
	if (st != HMR_EOF)
		fail_early(&f, st, &e);
	return finish(&f, &t0);
}

bool
hmr_filter_opt(struct hmr_filter_options *o, int c, const char *arg)
{
	switch (c) {
	case 'o':
		o->out = arg;
		return true;
	case 'z':
		o->level = (int)hmr_opt_u32("--compress", arg, 0, 19);
		return true;
	case 0x100:
		o->max_frame = hmr_opt_frame("--max-frame", arg);
		return true;
	case 0x101:
		o->no_history = true;
		return true;
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of every stage that reads a stream and writes one (or lines): walks
 * the segments, hands over heads and frames, drains after failures too, writes
 * END with the first cause, carries upstream failures on, stops on signals, and
 * yields the exit code (STYLE 6). A stage supplies four functions.
 */
#ifndef HMR_FILTER_H
#define HMR_FILTER_H

#include "stream/stream.h"

struct hmr_filter;

struct hmr_filter_ops {
	/* A segment begins. The stage checks what it needs, raises max_payload by
	 * its own sections (hmr_head_grow) and fills in *stage. Everything that the
	 * frame loop needs is allocated here, once: a second call with the same
	 * sizes must not allocate again. */
	enum hmr_status (*head)(void *ctx, struct hmr_head *h,
				struct hmr_stage_info *stage, struct hmr_err *e);
	/* Stages whose work goes on beside the CPU, as on a GPU, may begin a frame
	 * while the one before it is in work; both may be NULL. ahead(), after head():
	 * whether this one does. Then begin() gets every frame before frame() does, at
	 * most one ahead of it and only if it has come: no frame is held back until
	 * the next is there. Frames before one that cannot begin are finished first.
	 * After a failure a frame that was begun is not finished. */
	bool (*ahead)(void *ctx);
	enum hmr_status (*begin)(void *ctx, const struct hmr_frame *f,
				 struct hmr_err *e);
	/* One frame, borrowed. Calls hmr_filter_emit() 0 or more times. */
	enum hmr_status (*frame)(void *ctx, const struct hmr_frame *f,
				 struct hmr_filter *out, struct hmr_err *e);
	/* The segment is over, well or not: emit what is held. May be NULL. */
	enum hmr_status (*drain)(void *ctx, struct hmr_filter *out,
				 struct hmr_err *e);
	/* Instead of a stream (JSON Lines, files): these receive what would have
	 * been written. NULL: a stream goes to the output. */
	enum hmr_status (*write_head)(void *ctx, struct hmr_head *h,
				      struct hmr_err *e);
	enum hmr_status (*write_frame)(void *ctx, const struct hmr_frame *f,
				       struct hmr_err *e);
	enum hmr_status (*write_end)(void *ctx, const struct hmr_end *end,
				     struct hmr_err *e);
};

struct hmr_filter_options {
	const char *in;		/* operand or NULL */
	const char *out;	/* -o or NULL */
	int level;		/* zstd; -1: none on pipes, 1 to -o FILE */
	uint64_t max_frame;	/* 0: default */
	bool no_history;
	char **argv;		/* for the stage entry; the program's own */
};

/* Sends a frame on. */
HMR_MUST_USE enum hmr_status
hmr_filter_emit(struct hmr_filter *out, const struct hmr_frame *f,
		struct hmr_err *e);

/* Runs to the end; returns the exit code for main (or dies by a signal). Before
 * it opens anything the caller may have failed to load a model: then it calls
 * hmr_filter_fail() instead, which writes a minimal HEAD and END failed, so the
 * cause reaches the last stage. */
int hmr_filter_run(const struct hmr_filter_ops *ops, void *ctx,
		   const struct hmr_filter_options *o);
int hmr_filter_fail(const struct hmr_filter_ops *ops, void *ctx,
		    const struct hmr_filter_options *o, enum hmr_status st,
		    const struct hmr_err *e);

/* The options of every filter for the getopt tables: -o, -z, --max-frame,
 * --no-history beside the common ones. Returns true where c was one of them. */
#define HMR_FILTER_SHORT "o:z:"
#define HMR_FILTER_LONG { "output", required_argument, NULL, 'o' }, \
	{ "compress", required_argument, NULL, 'z' }, \
	{ "max-frame", required_argument, NULL, 0x100 }, \
	{ "no-history", no_argument, NULL, 0x101 }
bool hmr_filter_opt(struct hmr_filter_options *o, int c, const char *arg);

#endif

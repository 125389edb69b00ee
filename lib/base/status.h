/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statuses and error texts of the whole library.
 *
 * Every function that can fail returns an enum hmr_status, 0 for success, and
 * takes a struct hmr_err that the caller owns and that may be NULL. The library
 * never prints, exits or aborts on input; programs print the text once.
 */
#ifndef HMR_STATUS_H
#define HMR_STATUS_H

#define HMR_MUST_USE __attribute__((warn_unused_result))
#define HMR_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Pinned values: append only. */
enum hmr_status {
	HMR_OK = 0,
	HMR_EOF = 1,		/* the clean end of what is read, not an error */
	HMR_E_IO = -1,		/* a system call failed; err.sys holds errno */
	HMR_E_NOMEM = -2,
	HMR_E_TRUNCATED = -3,	/* input ends before it should */
	HMR_E_FORMAT = -4,	/* input breaks its specification */
	HMR_E_VERSION = -5,	/* input is of a version or kind we do not read */
	HMR_E_LIMIT = -6,	/* input wants more than a limit allows */
	HMR_E_MODEL = -7,	/* a model file is missing, broken or of the wrong kind */
	HMR_E_DEVICE = -8,	/* a compute device failed */
	HMR_E_USAGE = -9,	/* the command line asks for what cannot be */
	HMR_E_UPSTREAM = -10,	/* the input's END says that an earlier stage failed */
	HMR_E_SIGNAL = -11,	/* stopped by a signal; err.sys holds its number */
};

struct hmr_err {
	int sys;		/* errno at the failure, or 0 */
	char msg[400];		/* one line, no line end */
};

/* Formats into e (if not NULL), keeps errno in e->sys, returns st. For HMR_E_IO
 * the text of errno is appended. A set text is never overwritten by cleanup:
 * only an explicit second hmr_fail does. */
enum hmr_status hmr_fail(struct hmr_err *e, enum hmr_status st,
			 const char *fmt, ...) HMR_PRINTF(3, 4);

/* Puts "prefix: " before the text already in e; returns st. */
enum hmr_status hmr_fail_in(struct hmr_err *e, enum hmr_status st,
			    const char *fmt, ...) HMR_PRINTF(3, 4);

/* The text of e, or a plain name of st where e holds none. */
const char *hmr_err_text(const struct hmr_err *e, enum hmr_status st);

#endif

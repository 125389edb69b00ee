/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all programs share: start-up, messages, exit codes, common options.
 * For programs only: lib/ never sees this.
 */
#ifndef HMR_PROG_H
#define HMR_PROG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

#define HMR_VERSION "0.1.0"
#define HMR_IMPORTER "hmr-model " HMR_VERSION	/* in the provenance of models */

enum { HMR_EXIT_OK = 0, HMR_EXIT_FAIL = 1, HMR_EXIT_USAGE = 2, HMR_EXIT_INPUT = 3 };

extern int hmr_verbose;		/* -1 quiet, 0, 1 -v, 2 -vv */

/* First line of main. Opens /dev/null on closed 0, 1, 2 in the direction that
 * makes their use fail; sets SIGPIPE to default and unblocks it; C locale for
 * numbers. usage is the one-line synopsis without "usage: ". */
void hmr_prog_init(int argc, char **argv, const char *usage);
/* For programs that run networks: OpenMP must wait passively, and libgomp reads
 * that when it is loaded, so this sets it and re-executes once. */
void hmr_prog_openmp(char **argv);
/* SIGINT, SIGTERM, SIGHUP set a flag; the loop asks and ends in order. */
void hmr_prog_catch_signals(void);
int hmr_prog_signal(void);	/* the signal that came, or 0 */
const volatile int *hmr_prog_signal_flag(void);	/* for hmr_reader_stop() */
/* After all output is written: dies by the signal. Does not return. */
void hmr_prog_die_by(int sig) __attribute__((noreturn));

/* Messages: "prog: text", one write each. */
void hmr_warn(const char *fmt, ...) HMR_PRINTF(1, 2);		/* not with -q */
void hmr_info(int level, const char *fmt, ...) HMR_PRINTF(2, 3);	/* -v, -vv */
void hmr_error(const char *fmt, ...) HMR_PRINTF(1, 2);
void hmr_die(int code, const char *fmt, ...)
	HMR_PRINTF(2, 3) __attribute__((noreturn));
/* "prog: text", then the usage line; exit 2. */
void hmr_usage_die(const char *fmt, ...)
	HMR_PRINTF(1, 2) __attribute__((noreturn));
/* For getopt's '?': names the option; exit 2. getopt itself stays silent. letters are
 * those that it was given. */
void hmr_bad_option(char **argv, const char *letters) __attribute__((noreturn));
int hmr_exit_for(enum hmr_status st);	/* the only place that maps */
const char *hmr_prog_name(void);

/* --help: the usage line, then the option table; --version. Exit 0. */
void hmr_help(const char *text) __attribute__((noreturn));
void hmr_version(void) __attribute__((noreturn));

/* Option values; exit 2 with the range where wrong. */
uint32_t hmr_opt_u32(const char *what, const char *s, uint32_t lo, uint32_t hi);
/* WxH, as bytes of the largest frame: 3 bytes a pixel and 64 MiB of tables. */
uint64_t hmr_opt_frame(const char *what, const char *s);
double hmr_opt_f64(const char *what, const char *s, double lo, double hi);

/* The common options of all programs, for the getopt tables: handles c where
 * it is one of h V q v and returns true. */
#define HMR_COMMON_SHORT "hVqv"
#define HMR_COMMON_LONG { "help", no_argument, NULL, 'h' }, \
	{ "version", no_argument, NULL, 'V' }, \
	{ "quiet", no_argument, NULL, 'q' }, \
	{ "verbose", no_argument, NULL, 'v' }
bool hmr_common_opt(int c, const char *help);

/* Input: NULL or "-" is stdin. Exits 1 where it cannot be opened, 2 where it is
 * a terminal. Output: NULL is stdout, "-" too. */
int hmr_open_in(const char *path);
int hmr_open_out(const char *path);
void hmr_close_out(int fd, const char *path);	/* checked; exits 1 */
FILE *hmr_open_text(const char *path);		/* the same, for lines */
void hmr_close_text(FILE *f, const char *path);
/* Exits 2 where out is the file in: opening it would cut what is to be read, and what
 * is appended to it would be read without end. NULL and "-" are standard input and
 * output, which the shell may have opened. */
void hmr_check_same(const char *in, const char *out);

/* Peak resident memory of this process in KiB. */
long hmr_peak_kib(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up, messages, exit codes and common options of the programs; prog.h.
 * The only mutable globals of the project: name, verbosity, the signal. */
#define _GNU_SOURCE		/* setlocale, dprintf and ru_maxrss together */
#include "prog.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/io.h"
#include "base/num.h"
#include "base/text.h"

int hmr_verbose;
static const char *prog_name = "hmr";
static const char *prog_usage = "";
static volatile int prog_signal;	/* written by the handler in one store */

const char *
hmr_prog_name(void)
{
	return prog_name;
}

static void
open_std(int fd, int flags)
{
	/* The wrong direction on purpose: using a stream that was closed fails. */
	if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
		if (open("/dev/null", flags) != fd)
			_exit(HMR_EXIT_FAIL);
}

void
hmr_prog_init(int argc, char **argv, const char *usage)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	sigset_t set;

	prog_name = slash ? slash + 1 : argc > 0 ? argv[0] : "hmr";
	prog_usage = usage;
	open_std(0, O_WRONLY);
	open_std(1, O_RDONLY);
	open_std(2, O_RDWR);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_IGN);	/* the write says so */
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	setlocale(LC_NUMERIC, "C");
	opterr = 0;
}

void
hmr_prog_openmp(char **argv)
{
	if (getenv("OMP_WAIT_POLICY"))
		return;
	/* Not at all is as wrong as for long: a network has a hundred waits of a few
	 * microseconds. 2000 turns took 0.86 of the time of none for the whole pipe on
	 * two cores, and less than half in small networks. */
	if (setenv("OMP_WAIT_POLICY", "passive", 1) || setenv("GOMP_SPINCOUNT", "2000", 0))
		return;
	execv("/proc/self/exe", argv);	/* on failure: go on, only slower */
}

static void
on_signal(int sig)
{
	prog_signal = sig;
}

void
hmr_prog_catch_signals(void)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa, old;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < sizeof(sigs) / sizeof(*sigs); i++)
		/* nohup and background jobs ignore some on purpose: keep that */
		if (!sigaction(sigs[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(sigs[i], &sa, NULL);
}

int
hmr_prog_signal(void)
{
	return prog_signal;
}

const volatile int *
hmr_prog_signal_flag(void)
{
	return &prog_signal;
}

void
hmr_prog_die_by(int sig)
{
	sigset_t set;

	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
	_exit(128 + sig);
}

/* One buffer, control characters masked, one write: stages share a terminal, on which
 * hmr-decode may have drawn its progress. */
static void HMR_PRINTF(1, 0)
say(const char *fmt, va_list ap)
{
	char buf[1024];
	int saved = errno, n, m, from = isatty(2) ? snprintf(buf, sizeof(buf), "\r\033[K") : 0;

	n = from + snprintf(buf + from, sizeof(buf) - (size_t)from, "%.60s: ", prog_name);
	m = vsnprintf(buf + n, sizeof(buf) - (size_t)n - 1, fmt, ap);
	if (m > 0)
		n += m < (int)sizeof(buf) - n - 1 ? m : (int)sizeof(buf) - n - 2;
	for (int i = from; i < n; i++)
		for (int k = hmr_control_bytes(buf + i); k; k--)
			buf[i + k - 1] = '?';
	buf[n++] = '\n';
	(void)!write(2, buf, (size_t)n);	/* nowhere left to say a failure */
	errno = saved;
}

void
hmr_warn(const char *fmt, ...)
{
	va_list ap;

	if (hmr_verbose < 0)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
hmr_info(int level, const char *fmt, ...)
{
	va_list ap;

	if (hmr_verbose < level)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
hmr_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
hmr_die(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	exit(code);
}

void
hmr_usage_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	dprintf(2, "usage: %s\n", prog_usage);
	exit(HMR_EXIT_USAGE);
}

void
hmr_bad_option(char **argv, const char *letters)
{
	const char *arg = argv[optind - 1], *next = argv[optind];
	/* Else the value of a long option. A byte above 127 comes as it is signed. */
	bool letter = optopt < 0 || (optopt >= ' ' && optopt < 256);
	bool known = letter && optopt != ':' && strchr(letters, optopt);

	if (letter && !known && optopt > ' ' && optopt < 127)
		hmr_usage_die("option -%c is unknown", optopt);
	/* getopt stays at a word of letters until its last one. */
	if (letter && !known)
		hmr_usage_die("option '%.100s' is unknown", next && next[0] == '-' &&
			      strchr(next, optopt) ? next : arg);
	if (known && strncmp(arg, "--", 2) != 0)
		hmr_usage_die("option -%c lacks its value", optopt);
	hmr_usage_die("option '%.100s' %s", arg, !optopt ? "is unknown or ambiguous" :
		      strchr(arg, '=') ? "takes no value" : "lacks its value");
}

int
hmr_exit_for(enum hmr_status st)
{
	switch (st) {
	case HMR_OK:
	case HMR_EOF:
		return HMR_EXIT_OK;
	case HMR_E_IO:
	case HMR_E_NOMEM:
	case HMR_E_MODEL:
	case HMR_E_DEVICE:
	case HMR_E_SIGNAL:
		return HMR_EXIT_FAIL;
	case HMR_E_USAGE:
		return HMR_EXIT_USAGE;
	case HMR_E_TRUNCATED:
	case HMR_E_FORMAT:
	case HMR_E_VERSION:
	case HMR_E_LIMIT:
	case HMR_E_UPSTREAM:
		return HMR_EXIT_INPUT;
	}
	return HMR_EXIT_FAIL;
}

static void __attribute__((noreturn))
print_exit(const char *text)
{
	struct hmr_err e = { 0 };
	enum hmr_status st = hmr_write_full(1, text, strlen(text), &e);

	if (st)
		hmr_die(hmr_exit_for(st), "standard output: %s", hmr_err_text(&e, st));
	exit(HMR_EXIT_OK);
}

void
hmr_help(const char *text)
{
	char buf[16384];

	snprintf(buf, sizeof(buf), "usage: %s\n%s", prog_usage, text);
	print_exit(buf);
}

void
hmr_version(void)
{
	char buf[128];

	snprintf(buf, sizeof(buf), "%.60s (hmr) %s\n", prog_name, HMR_VERSION);
	print_exit(buf);
}

uint32_t
hmr_opt_u32(const char *what, const char *s, uint32_t lo, uint32_t hi)
{
	struct hmr_err e = { 0 };
	uint32_t v = 0;

	if (hmr_parse_u32(what, s, lo, hi, &v, &e))
		hmr_usage_die("%s", e.msg);
	return v;
}

double
hmr_opt_f64(const char *what, const char *s, double lo, double hi)
{
	struct hmr_err e = { 0 };
	double v = 0;

	if (hmr_parse_f64(what, s, lo, hi, &v, &e))
		hmr_usage_die("%s", e.msg);
	return v;
}

uint64_t
hmr_opt_frame(const char *what, const char *s)
{
	struct hmr_err e = { 0 };
	uint32_t w = 0, h = 0;
	char left[16];
	const char *x = strchr(s, 'x');

	snprintf(left, sizeof(left), "%.*s", x ? (int)(x - s) : 15, s);
	if (!x || hmr_parse_u32(what, left, 1, 65535, &w, &e) ||
	    hmr_parse_u32(what, x + 1, 1, 65535, &h, &e))
		hmr_usage_die("%s: '%.60s' is not WIDTHxHEIGHT of at most 65535", what, s);
	return (uint64_t)w * h * 3 + (64u << 20);
}

bool
hmr_common_opt(int c, const char *help)
{
	switch (c) {
	case 'h':
		hmr_help(help);
	case 'V':
		hmr_version();
	case 'q':
		hmr_verbose = -1;
		return true;
	case 'v':
		hmr_verbose = hmr_verbose < 0 ? 1 : hmr_verbose + 1;
		return true;
	}
	return false;
}

int
hmr_open_in(const char *path)
{
	int fd;

	if (!path || !strcmp(path, "-")) {
		if (isatty(0))
			hmr_usage_die("standard input is a terminal; give a file or a pipe");
		hmr_pipe_grow(0);
		return 0;
	}
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		hmr_die(HMR_EXIT_FAIL, "%s: %s", path, strerror(errno));
	hmr_pipe_grow(fd);
	return fd;
}

int
hmr_open_out(const char *path)
{
	int fd;

	if (!path || !strcmp(path, "-")) {
		hmr_pipe_grow(1);
		return 1;
	}
	if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0)
		hmr_die(HMR_EXIT_FAIL, "%s: %s", path, strerror(errno));
	return fd;
}

void
hmr_check_same(const char *in, const char *out)
{
	bool from_stdin = !in || !strcmp(in, "-"), to_stdout = !out || !strcmp(out, "-");
	struct stat a, b;

	if (!(from_stdin ? fstat(0, &a) : stat(in, &a)) &&
	    !(to_stdout ? fstat(1, &b) : stat(out, &b)) && S_ISREG(b.st_mode) &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		hmr_die(HMR_EXIT_USAGE, "%s: input and output are the same file",
			!to_stdout ? out : from_stdin ? "standard input" : in);
}

static void __attribute__((noreturn))
die_out(const char *path, int sys)
{
	hmr_die(HMR_EXIT_FAIL, "%s: %s", path && strcmp(path, "-") ? path : "standard output",
		sys ? strerror(sys) : "write failed");
}

void
hmr_close_out(int fd, const char *path)
{
	if (close(fd))
		die_out(path, errno);
}

FILE *
hmr_open_text(const char *path)
{
	FILE *f = fdopen(hmr_open_out(path), "w");

	if (!f)		/* EINVAL: a closed standard output, see open_std() */
		die_out(path, errno == EINVAL ? EBADF : errno);
	return f;
}

void
hmr_close_text(FILE *f, const char *path)
{
	bool failed = ferror(f);

	errno = 0;
	if (fclose(f) || failed)
		die_out(path, errno);
}

long
hmr_peak_kib(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_maxrss;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Formats error texts; see status.h. Bounded by the size of hmr_err.msg. */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum hmr_status
hmr_fail(struct hmr_err *e, enum hmr_status st, const char *fmt, ...)
{
	int sys = errno;
	va_list ap;
	size_t n;

	if (!e)
		return st;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	e->sys = st == HMR_E_IO ? sys : 0;
	n = strlen(e->msg);
	if (e->sys)
		snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", strerror(sys));
	errno = sys;
	return st;
}

enum hmr_status
hmr_fail_in(struct hmr_err *e, enum hmr_status st, const char *fmt, ...)
{
	char old[sizeof(e->msg)];
	va_list ap;
	size_t n;

	if (!e)
		return st;
	snprintf(old, sizeof(old), "%s", hmr_err_text(e, st));
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	n = strlen(e->msg);
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", old);
	return st;
}

const char *
hmr_err_text(const struct hmr_err *e, enum hmr_status st)
{
	if (e && e->msg[0])
		return e->msg;
	switch (st) {
	case HMR_OK: return "success";
	case HMR_EOF: return "end of input";
	case HMR_E_IO: return "input/output error";
	case HMR_E_NOMEM: return "out of memory";
	case HMR_E_TRUNCATED: return "truncated input";
	case HMR_E_FORMAT: return "malformed input";
	case HMR_E_VERSION: return "unsupported version";
	case HMR_E_LIMIT: return "over a limit";
	case HMR_E_MODEL: return "bad model";
	case HMR_E_DEVICE: return "device failure";
	case HMR_E_USAGE: return "bad usage";
	case HMR_E_UPSTREAM: return "an earlier stage failed";
	case HMR_E_SIGNAL: return "interrupted";
	}
	return "unknown error";
}

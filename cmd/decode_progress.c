/* SPDX-License-Identifier: Apache-2.0 */
/* See decode.h. Each drawing is one write, so that stages can share the terminal. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "decode.h"
#include "prog.h"

static double
since(const struct timespec *t0)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)(t.tv_sec - t0->tv_sec) +
	       (double)(t.tv_nsec - t0->tv_nsec) * 1e-9;
}

void
decode_progress_start(struct decode_progress *p)
{
	if (p->wanted < 0)
		p->wanted = isatty(2) && hmr_verbose >= 0;
	clock_gettime(CLOCK_MONOTONIC, &p->start);
}

double
decode_progress_seconds(const struct decode_progress *p)
{
	return since(&p->start);
}

void
decode_progress_wipe(struct decode_progress *p)
{
	if (p->drawn)
		(void)!write(2, "\r\033[K", 4);
	p->drawn = false;
}

void
decode_progress_draw(struct decode_progress *p, uint64_t frames, uint64_t expected)
{
	double s = since(&p->start), rate = s > 0 ? (double)frames / s : 0;
	char text[160];
	int n;

	if (!p->wanted || (p->drawn && since(&p->last) < 0.1))
		return;
	clock_gettime(CLOCK_MONOTONIC, &p->last);
	n = snprintf(text, sizeof(text), "\r%s: %" PRIu64, hmr_prog_name(), frames);
	if (expected)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " of %" PRIu64,
			      expected);
	n += snprintf(text + n, sizeof(text) - (size_t)n, " frames, %.1f a second",
		      rate);
	if (expected > frames && rate > 0) {
		double left = (double)(expected - frames) / rate;

		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      ", %d:%02d left", (int)(left / 60), (int)left % 60);
	}
	n += snprintf(text + n, sizeof(text) - (size_t)n, "\033[K");
	(void)!write(2, text, (size_t)n);
	p->drawn = true;
}

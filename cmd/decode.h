/* SPDX-License-Identifier: Apache-2.0 */
/* The progress line of hmr-decode: frames, frames a second and time left, redrawn. */
#ifndef HMR_CMD_DECODE_H
#define HMR_CMD_DECODE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct decode_progress {
	int wanted;		/* 0, 1; -1: as the terminal and -q say */
	bool drawn;		/* it stands on the terminal */
	struct timespec start, last;
};
void decode_progress_start(struct decode_progress *p);
/* At most ten times a second. expected: frames in all; 0: not known. */
void decode_progress_draw(struct decode_progress *p, uint64_t frames, uint64_t expected);
/* Before anything else is written there. */
void decode_progress_wipe(struct decode_progress *p);
double decode_progress_seconds(const struct decode_progress *p);	/* since start */

#endif

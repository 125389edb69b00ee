/* SPDX-License-Identifier: Apache-2.0 */
/* Files of boxes: what is read is finite, in order, and the same when read again. */
#define _GNU_SOURCE		/* memfd_create */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "detect/boxfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static double
walk(struct hmr_boxfile *b)
{
	static struct hmr_person p[HMR_PEOPLE_CAP];
	double sum = 0;
	uint32_t n;

	for (uint64_t k = 0; k < 40; k += 1 + k % 3) {
		if (hmr_boxfile_frame(b, k, p, HMR_PEOPLE_CAP, &n, NULL))
			return -1;
		for (uint32_t i = 0; i < n; i++) {
			if (!isfinite(p[i].score) || !(p[i].box[2] >= p[i].box[0]) ||
			    !(p[i].box[3] >= p[i].box[1]))
				abort();
			sum += (double)k * p[i].box[0] + p[i].given_id;
		}
	}
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int fd = memfd_create("boxes", 0);
	struct hmr_boxfile *b;
	char path[32];

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!hmr_boxfile_open(&b, path, NULL)) {
		if (walk(b) != walk(b))
			abort();
		hmr_boxfile_close(b);
	}
	close(fd);
	return 0;
}

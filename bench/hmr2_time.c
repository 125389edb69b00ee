/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times HMR2's network on crops of noise: hmr2_time MODEL THREADS MOST
 * [f32|bf16|int8]. Prints how long loading took; then, for each line with a number of
 * people up to MOST, the seconds of one run: wall and CPU; at the end peak
 * memory. Driven by hmr2_run.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "hmr2/hmr2_net.h"

static double
now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int
times(struct hmr_hmr2 *n, unsigned most, const float *crops, struct hmr_hmr2_result *r)
{
	struct hmr_err e = { 0 };
	struct rusage u;
	unsigned people;

	while (scanf("%u", &people) == 1 && people && people <= most) {
		double w = now(CLOCK_MONOTONIC), c = now(CLOCK_PROCESS_CPUTIME_ID);

		if (hmr_hmr2_run(n, crops, people, r, &e))
			return 1;
		printf("%.4f %.4f\n", now(CLOCK_MONOTONIC) - w,
		       now(CLOCK_PROCESS_CPUTIME_ID) - c);
		fflush(stdout);
	}
	getrusage(RUSAGE_SELF, &u);
	printf("%ld\n", u.ru_maxrss);
	return 0;
}

int
main(int argc, char **argv)
{
	struct hmr_hmr2_options o = { 0 };
	struct hmr_hmr2_result *r;
	struct hmr_hmr2 *n;
	struct hmr_err e = { 0 };
	double start = now(CLOCK_MONOTONIC);
	unsigned most;
	float *crops;
	uint32_t seed = 1;
	int fail;

	if (argc < 4) {
		fprintf(stderr, "usage: hmr2_time model threads most [precision]\n");
		return 2;
	}
	o.threads = (unsigned)atoi(argv[2]);
	o.max_people = most = (unsigned)atoi(argv[3]);
	if (argc > 4)
		o.precision = argv[4][0] == 'f' ? HMR_PRECISION_F32 : argv[4][0] == 'b' ?
			HMR_PRECISION_BF16 : HMR_PRECISION_INT8;
	crops = malloc(most * HMR_HMR2_PIXELS * sizeof(*crops));
	r = malloc(most * sizeof(*r));
	if (!crops || !r)
		return 1;
	for (size_t i = 0; i < most * (size_t)HMR_HMR2_PIXELS; i++)
		crops[i] = (float)((seed = seed * 1664525 + 1013904223) >> 8) / 0x1p22f - 2;
	if (hmr_hmr2_new(&n, argv[1], &o, &e)) {
		fprintf(stderr, "hmr2_time: %s\n", e.msg);
		return 1;
	}
	printf("%.2f\n", now(CLOCK_MONOTONIC) - start);
	fflush(stdout);
	fail = times(n, most, crops, r);
	hmr_hmr2_free(n);
	free(crops);
	free(r);
	return fail;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times HMR2's network on crops of noise: hmr2_time MODEL THREADS BATCH RUNS
 * [f32|bf16|int8]. Prints seconds per person of each run, wall and CPU, then
 * their medians, the time to load, and peak memory. Built by hmr2.sh.
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
rising(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int
main(int argc, char **argv)
{
	struct hmr_hmr2_options o = { 0 };
	struct hmr_hmr2_result *r;
	struct hmr_hmr2 *n;
	struct hmr_err e = { 0 };
	struct rusage u;
	double start = now(CLOCK_MONOTONIC), wall[100], cpu[100];
	unsigned batch, runs;
	float *crops;
	uint32_t seed = 1;

	if (argc < 5) {
		fprintf(stderr, "usage: hmr2_time model threads batch runs [precision]\n");
		return 2;
	}
	o.threads = (unsigned)atoi(argv[2]);
	o.max_people = batch = (unsigned)atoi(argv[3]);
	runs = (unsigned)atoi(argv[4]) < 100 ? (unsigned)atoi(argv[4]) : 100;
	if (argc > 5)
		o.precision = argv[5][0] == 'f' ? HMR_PRECISION_F32 : argv[5][0] == 'b' ?
			HMR_PRECISION_BF16 : HMR_PRECISION_INT8;
	crops = malloc(batch * HMR_HMR2_PIXELS * sizeof(*crops));
	r = malloc(batch * sizeof(*r));
	if (!crops || !r)
		return 1;
	for (size_t i = 0; i < batch * (size_t)HMR_HMR2_PIXELS; i++)
		crops[i] = (float)((seed = seed * 1664525 + 1013904223) >> 8) / 0x1p22f - 2;
	if (hmr_hmr2_new(&n, argv[1], &o, &e)) {
		fprintf(stderr, "hmr2_time: %s\n", e.msg);
		return 1;
	}
	printf("%s, %u threads, batch %u: loaded in %.2f s\n", hmr_hmr2_precision(n),
	       o.threads, batch, now(CLOCK_MONOTONIC) - start);
	for (unsigned i = 0; i <= runs; i++) {		/* the first is a warm-up */
		double w = now(CLOCK_MONOTONIC), c = now(CLOCK_PROCESS_CPUTIME_ID);

		if (hmr_hmr2_run(n, crops, batch, r, &e))
			return 1;
		if (i) {
			wall[i - 1] = (now(CLOCK_MONOTONIC) - w) / batch;
			cpu[i - 1] = (now(CLOCK_PROCESS_CPUTIME_ID) - c) / batch;
		}
	}
	qsort(wall, runs, sizeof(*wall), rising);
	qsort(cpu, runs, sizeof(*cpu), rising);
	getrusage(RUSAGE_SELF, &u);
	printf("seconds per person: median %.4f, least %.4f; CPU median %.4f, least %.4f; "
	       "peak %.0f MB\n", wall[runs / 2], wall[0], cpu[runs / 2], cpu[0],
	       (double)u.ru_maxrss / 1000);
	hmr_hmr2_free(n);
	return 0;
}

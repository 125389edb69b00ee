/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times HMR2.0 of full size with random weights on a GPU: gpu_hmr2 [-r RUNS]
 * [-l LIMIT_MIB] [-t] [f32|bf16|f16|int8]... One line a batch size, tab-separated:
 * precision, people, milliseconds of a run (median, crops from pinned host memory to
 * results in it), people per second, and the largest difference of the first
 * person's rotations from the first precision's; int8 has weights of its own. Then memory, to the byte, and
 * whether running changed it. -t: a tiny network, to try the program itself.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hmr2/hmr2_cuda.h"
#include "hmr2/hmr2_noise.h"

struct bench {
	struct hmr_hmr2_dims d;
	unsigned runs;
	uint64_t limit;
	float *crops;			/* [16] */
	struct hmr_hmr2_result first;	/* of the first precision */
	bool have_first;
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int
rising(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static float
off(struct bench *b, const struct hmr_hmr2_result *r)
{
	const float *x = &r->pose[0][0], *y = &b->first.pose[0][0];
	float most = 0;

	if (!b->have_first)
		b->first = *r;
	b->have_first = true;
	for (int i = 0; i < 216; i++)
		most = fmaxf(most, fabsf(x[i] - y[i]));
	return most;
}

static enum hmr_status
batch(struct bench *b, struct hmr2_cuda *c, const char *name, uint32_t n,
      struct hmr_err *e)
{
	struct hmr_hmr2_result r[HMR2_CUDA_PEOPLE];
	double *ms = calloc(b->runs, sizeof(*ms)), median;
	enum hmr_status st = ms ? HMR_OK : hmr_fail(e, HMR_E_NOMEM, "times");

	for (unsigned i = 0; i < 5 + b->runs && !st; i++) {	/* five to warm up */
		double t = now();

		st = hmr2_cuda_run(c, hmr2_cuda_crops(c), n, r, e);
		if (i >= 5)
			ms[i - 5] = now() - t;
	}
	if (!st) {
		qsort(ms, b->runs, sizeof(*ms), rising);
		median = ms[b->runs / 2];
		printf("%s\t%u\t%.3f\t%.0f\t%.2g\n", name, n, median, n / median * 1e3,
		       (double)off(b, r));
		fflush(stdout);
	}
	free(ms);
	return st;
}

static enum hmr_status
with(struct bench *b, const struct hmr2_weights *w, const char *name, struct hmr_err *e)
{
	struct hmr2_cuda_options o = { .limit = b->limit, .precision = name[0] == 'b' ?
		HMR_PRECISION_BF16 : !strcmp(name, "f16") ? HMR_PRECISION_F16 :
		name[0] == 'i' ? HMR_PRECISION_INT8 : HMR_PRECISION_F32 };
	const struct hmr2_cuda_plan *p;
	struct hmr2_cuda *c;
	double t = now();
	enum hmr_status st = hmr2_cuda_new(&c, w, &o, e);

	if (st)
		return st;
	p = hmr2_cuda_planned(c);
	printf("# %s: ready in %.0f ms; %u of %u layers stay; device %zu bytes (weights %zu, "
	       "activations %zu, workspace %zu), pinned host %zu\n", name, now() - t,
	       p->resident, p->depth, p->device, p->fixed + p->slots +
	       p->stay, p->activations, p->workspace,
	       p->host_io + p->host_layers);
	memcpy(hmr2_cuda_crops(c), b->crops, p->people * (size_t)HMR_HMR2_PIXELS *
	       sizeof(float));
	for (uint32_t n = 1; n <= p->people && !st; n *= 2)
		st = batch(b, c, name, n, e);
	hmr2_cuda_free(c);
	return st;
}

static enum hmr_status
one(struct bench *b, const char *name, struct hmr_err *e)
{
	bool int8 = name[0] == 'i';
	struct hmr2_weights w;
	void *memory;
	enum hmr_status st = hmr2_noise(&w, &b->d, int8, &memory, e);

	if (st)
		return st;
	if (int8)
		b->have_first = false;
	st = with(b, &w, name, e);
	hmr2_weights_close(&w);
	free(memory);
	return st;
}

static int
usage(void)
{
	fprintf(stderr, "usage: gpu_hmr2 [-t] [-l limit_mib] [-r runs] [precision ...]\n");
	return 2;
}

int
main(int argc, char **argv)
{
	static const char *const all[] = { "f32", "bf16", "f16", "int8" };
	struct bench b = { .runs = 50 };
	struct hmr_err e = { 0 };
	enum hmr_status st;
	uint32_t seed = 1;
	int k, n;

	hmr2_noise_full(&b.d);
	while ((k = getopt(argc, argv, "l:r:t")) != -1)
		switch (k) {
		case 'l': b.limit = strtoull(optarg, NULL, 10) << 20; break;
		case 'r': b.runs = (unsigned)strtoul(optarg, NULL, 10); break;
		case 't':
			b.d = (struct hmr_hmr2_dims){ .dim = 160, .depth = 3, .heads = 2,
				.mlp = 320, .head_dim = 128, .head_depth = 2,
				.head_heads = 2, .head_inner = 64, .head_mlp = 128 };
			break;
		default: return usage();
		}
	if (!b.runs || b.runs > 100000)
		return usage();
	b.crops = malloc(HMR2_CUDA_PEOPLE * (size_t)HMR_HMR2_PIXELS * sizeof(float));
	if (!b.crops)
		return 1;
	for (size_t i = 0; i < HMR2_CUDA_PEOPLE * (size_t)HMR_HMR2_PIXELS; i++)
		b.crops[i] = (float)((seed = seed * 1664525 + 1013904223) >> 8) / 0x1p22f - 2;
	printf("# precision\tpeople\tms\tpeople/s\toff\n");
	n = argc - optind;
	st = HMR_OK;
	for (int i = 0; i < (n ? n : 4) && !st; i++)
		st = one(&b, n ? argv[optind + i] : all[i], &e);
	if (st)
		fprintf(stderr, "gpu_hmr2: %s\n", hmr_err_text(&e, st));
	free(b.crops);
	return st != HMR_OK;
}

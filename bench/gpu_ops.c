/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times the parts of HMR2.0 on a GPU, each alone: gpu_ops [-r TIMES] [people ...].
 * A part is recorded TIMES times in a row and replayed; lines, tab-separated: part,
 * people, microseconds of one, and what that is in TFLOP/s or GB/s. bfloat16, and for
 * products float16 beside it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda/device.h"
#include "cuda/hmr2_kernels.h"

#define ROOM ((size_t)128 << 20)	/* of each of four arrays */
#define WORKSPACE ((size_t)32 << 20)

struct bench {
	const struct hmr_device_api *api;
	struct hmr_device *d;
	struct hmr_queue *q;
	struct hmr_event *from, *to;
	uint8_t *p[4], *workspace;
	unsigned times;
	struct hmr_err e;
};

static void
die(struct bench *b, enum hmr_status st)
{
	fprintf(stderr, "gpu_ops: %s\n", hmr_err_text(&b->e, st));
	exit(1);
}

#define TRY(call) do { \
	enum hmr_status st_ = call; \
	if (st_) \
		die(b, st_); \
} while (0)

struct part {			/* a product or a kernel */
	const struct hmr_gemm *g;
	const struct hmr_gemm_io *io;
	const struct hmr_kernel *k;
	uint32_t grid[3], block;
	size_t shared;
	const void *args;
	size_t bytes;
};

static double
microseconds(struct bench *b, const struct part *p)
{
	struct hmr_replay *r;
	float ms;

	TRY(b->api->record_begin(b->q, &b->e));
	for (unsigned i = 0; i < b->times; i++)
		if (p->g)
			TRY(b->api->gemm_run(b->q, p->g, p->io, &b->e));
		else
			TRY(b->api->launch(b->q, p->k, p->grid, p->block, p->shared, p->args,
					   p->bytes, &b->e));
	TRY(b->api->record_end(b->q, &r, &b->e));
	for (int i = 0; i < 2; i++) {		/* the first warms up */
		TRY(b->api->event_record(b->q, b->from, &b->e));
		TRY(b->api->replay(b->q, r, &b->e));
		TRY(b->api->event_record(b->q, b->to, &b->e));
		TRY(b->api->sync(b->q, &b->e));
	}
	TRY(b->api->event_ms(b->from, b->to, &ms, &b->e));
	b->api->replay_free(r);
	return (double)ms * 1e3 / b->times;
}

static void
product(struct bench *b, const char *name, uint32_t people, uint32_t n, uint32_t k,
	enum hmr_device_type in, enum hmr_device_type out, bool add, bool bias)
{
	struct hmr_gemm_desc d = { .m = 192 * people, .n = n, .k = k, .in = in, .out = out,
		.add = add, .bias = bias, .workspace = WORKSPACE };
	struct hmr_gemm_io io = { b->p[0], b->p[1], b->p[2], b->p[3], b->p[3],
		b->workspace };
	struct hmr_gemm *g;
	double us;

	TRY(b->api->gemm_new(b->d, &d, &g, &b->e));
	us = microseconds(b, &(struct part){ .g = g, .io = &io });
	printf("%s\t%u\t%.2f\t%.0f TFLOP/s\n", name, people, us,
	       2. * d.m * n * k / us * 1e-6);
	b->api->gemm_free(g);
}

static void
kernel(struct bench *b, const char *name, uint32_t people, struct part p, double bytes)
{
	double us;

	TRY(b->api->kernel(b->d, name, &p.k, &b->e));
	us = microseconds(b, &p);
	printf("%s\t%u\t%.2f\t%.0f GB/s\n", name, people, us, bytes / us * 1e-3);
}

#define PART(x, y, z, threads, room, a) \
	(struct part){ .grid = { x, y, z }, .block = threads, .shared = room, .args = &(a), \
		       .bytes = sizeof(a) }

static void
kernels(struct bench *b, uint32_t people)
{
	uint32_t rows = 192 * people;
	struct hmr2_norm_args n = { (float *)b->p[0], (float *)b->p[1], (float *)b->p[1],
		b->p[2], 1280, 1e-6f };
	struct hmr2_gelu_args g = { b->p[0], (float *)b->p[1], 5120 };
	struct hmr2_attend_args a = { b->p[0], b->p[1], 1280, 80, 1 / sqrtf(80) };
	struct hmr2_linear_args l = { .w = b->p[0], .bias = (float *)b->p[1],
		.norm_w = (float *)b->p[1], .norm_b = (float *)b->p[1],
		.x = (float *)b->p[2], .y = (float *)b->p[3], .in = 1024, .out = 1024,
		.people = people, .gelu = 1, .eps = 1e-5f };
	struct hmr2_cross_args c = { .q = (float *)b->p[1], .k = b->p[0],
		.v = b->p[0] + 1024, .out = (float *)b->p[2], .step = 6144, .width = 64,
		.scale = .125f };

	kernel(b, "hmr2_norm_bf16", people, PART(rows / 4, 1, 1, 128, 0, n), rows * 1280. * 6);
	kernel(b, "hmr2_gelu_bf16", people, PART(rows, 1, 1, 128, 0, g), rows * 5120. * 4);
	kernel(b, "hmr2_attend_bf16", people, PART(12, 16, people, 128,
	       hmr2k_attend_shared(80), a), rows * 1280. * 8);
	for (uint32_t w = 2; w <= 6; w++)
		if (12 % w == 0) {
			printf("%u warps: ", w);
			kernel(b, "hmr2_attend_mma_80_bf16", people, PART(12 / w, 16, people,
			       32 * w, 192 * 4 * 80, a), rows * 1280. * 8);
		}
	kernel(b, "hmr2_linear_f16", people, PART(128, 1, 1, 256, 16384, l), 1024. * 1024 * 2);
	kernel(b, "hmr2_cross_f16", people, PART(8, people, 1, 256,
	       (64 + 192 + 256 + 16) * 4, c), rows * 1024. * 2);
}

static void
all(struct bench *b, uint32_t people)
{
	enum hmr_device_type f = HMR_DEVICE_F32, types[] = { HMR_DEVICE_BF16, HMR_DEVICE_F16 };

	for (int i = 0; i < 2; i++) {
		enum hmr_device_type t = types[i];

		printf("# %s\n", i ? "f16" : "bf16");
		product(b, "patches", people, 1280, 768, t, f, true, false);
		product(b, "qkv", people, 3840, 1280, t, t, false, true);
		product(b, "proj", people, 1280, 1280, t, f, true, true);
		product(b, "proj without sum", people, 1280, 1280, t, t, false, true);
		product(b, "fc1", people, 5120, 1280, t, t, false, false);
		product(b, "fc2", people, 1280, 5120, t, f, true, true);
		product(b, "keys and values", people, 6144, 1280, t, t, false, false);
	}
	kernels(b, people);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct bench room = { .api = hmr_device_api(), .times = 100 }, *b = &room;
	int c;

	while ((c = getopt(argc, argv, "r:")) != -1) {
		if (c != 'r' || !(b->times = (unsigned)strtoul(optarg, NULL, 10))) {
			fprintf(stderr, "usage: gpu_ops [-r times] [people ...]\n");
			return 2;
		}
	}
	if (!b->api) {
		fprintf(stderr, "gpu_ops: built without CUDA\n");
		return 1;
	}
	TRY(b->api->open(&b->d, 0, HMR_DEVICE_BLAS, &b->e));
	TRY(b->api->queue_new(b->d, &b->q, &b->e));
	TRY(b->api->event_new(b->d, true, &b->from, &b->e));
	TRY(b->api->event_new(b->d, true, &b->to, &b->e));
	for (int i = 0; i < 5; i++) {
		void *p;

		TRY(b->api->alloc(b->d, i < 4 ? ROOM : WORKSPACE, &p, &b->e));
		TRY(b->api->fill(b->q, p, 0x3c, i < 4 ? ROOM : WORKSPACE, &b->e));
		*(i < 4 ? &b->p[i] : &b->workspace) = p;
	}
	printf("# %s\n# part\tpeople\tus\n", b->api->info(b->d)->name);
	for (int i = optind; i < argc; i++)
		all(b, (uint32_t)strtoul(argv[i], NULL, 10) % 17);
	for (uint32_t n = 1; optind == argc && n <= 16; n *= 4)
		all(b, n);
	for (int i = 0; i < 4; i++)
		b->api->release(b->d, b->p[i]);
	b->api->release(b->d, b->workspace);
	b->api->event_free(b->from);
	b->api->event_free(b->to);
	b->api->queue_free(b->q);
	b->api->close(b->d);
	return 0;
}

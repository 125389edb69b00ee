/* SPDX-License-Identifier: Apache-2.0 */
/* The options of programs that run a network: -m, -d, -j, --precision, --gpu-mem. */
#ifndef HMR_CMD_NET_H
#define HMR_CMD_NET_H

#include "nn/nn.h"

struct hmr_net_choice {
	const char *model;		/* as given, or the program's default */
	const char *device;		/* after settle: never auto */
	enum hmr_precision precision;
	unsigned threads;
	uint64_t gpu_mem;		/* bytes; 0: no limit */
	char text[16];			/* what device may point to */
};

/* For the getopt tables and the --help of a program. true: it was one of them. */
#define HMR_NET_SHORT "m:d:j:"
#define HMR_NET_LONG { "model", required_argument, NULL, 'm' }, \
	{ "device", required_argument, NULL, 'd' }, \
	{ "threads", required_argument, NULL, 'j' }, \
	{ "precision", required_argument, NULL, 0x180 }, \
	{ "gpu-mem", required_argument, NULL, 0x181 }
#define HMR_NET_HELP \
"  -d, --device DEVICE    auto, cpu, ref or cuda[:N] (auto)\n" \
"  -j, --threads N        threads; 0 is one per core (0)\n" \
"      --precision NAME   auto, f32, bf16, f16, int8 or fp8 (auto)\n" \
"      --gpu-mem LIMIT    take at most this much of a GPU: 512M, 1G (no limit)\n"
bool hmr_net_opt(struct hmr_net_choice *o, int c, const char *arg);

/* What device means here, decided once; says so at -v where it was auto. */
HMR_MUST_USE enum hmr_status
hmr_net_settle(struct hmr_net_choice *o, struct hmr_err *e);

/* "512M", "1G", "300000000": bytes. Exits 2. */
uint64_t hmr_opt_bytes(const char *what, const char *s);

/* At -v: what a network beside the program's own takes, in bytes. */
void hmr_net_tell(const char *name, const struct hmr_net_plan *p, size_t buffers);
/* At -v: what of a plan lies on a GPU, in bytes; nothing where it has none. */
void hmr_net_tell_gpu(const struct hmr_net_plan *p);

#endif

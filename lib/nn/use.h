/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Using a model file by itself, without a stage: run it on the tensors of a
 * file, time it, describe it. What hmr-model(1) does.
 */
#ifndef HMR_USE_H
#define HMR_USE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"
#include "nn/nn.h"

struct hmr_model_use {
	const char *device;		/* NULL: auto */
	enum hmr_precision precision;
	unsigned threads;
	const char *in, *out;		/* safetensors, for run */
	const char *outputs;		/* names separated by commas, or NULL: all */
	uint32_t batch;			/* 0: 1 */
	uint32_t height, width;		/* of the first input; 0: as stored */
	bool steps;			/* show: every node and tensor */
	bool plan_only;			/* show: the plan of a GPU that need not be there */
	uint64_t gpu_mem;		/* as of hmr_net_options */
};

struct hmr_timing {
	uint32_t batch, runs;
	unsigned threads;
	double best_ms, median_ms;	/* of a run */
	double cpu_ms;			/* of all threads, least of any run */
	double flop;			/* of the convolutions */
	const char *backend, *precision;
	char text[64];			/* what backend points into */
};

/* Inputs by their names in the graph, any element type; their shapes size the
 * network. Writes the outputs, float32. */
HMR_MUST_USE enum hmr_status
hmr_model_run(const struct hmr_model *m, const struct hmr_model_use *u,
	      struct hmr_err *e);
/* Runs for about two seconds after a warm-up. steps: a line a step goes there. */
HMR_MUST_USE enum hmr_status
hmr_model_bench(const struct hmr_model *m, const struct hmr_model_use *u,
		struct hmr_timing *t, FILE *steps, struct hmr_err *e);
/* Text for people: kind, inputs, outputs, meta, provenance, plan. */
HMR_MUST_USE enum hmr_status
hmr_model_show(const struct hmr_model *m, const struct hmr_model_use *u,
	       FILE *f, struct hmr_err *e);

#endif

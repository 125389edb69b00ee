/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a backend is: it takes a graph with its shapes for one or more batch
 * sizes, allocates and uploads everything, and then runs. C only, no types of
 * a device library: cuda fits behind the same functions.
 */
#ifndef HMR_BACKEND_H
#define HMR_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "nn/graph.h"
#include "nn/nn.h"

struct hmr_plan {		/* the graph at one batch size */
	uint32_t batch;
	struct hmr_dims *dims;	/* [values]; n = 0 where nothing needs it */
};

struct hmr_job {		/* borrowed until close */
	const struct hmr_graph *graph;
	const bool *live;	/* [nodes]: the others are not run */
	const bool *keep;	/* [outputs] */
	const struct hmr_plan *plan;	/* [plans], batches rising */
	uint32_t n_plans;
	enum hmr_precision precision;	/* never AUTO */
	bool automatic;		/* precision is what AUTO means; the backend may differ */
	bool plan_only;		/* sizes and steps, no device: nothing but those is called */
	unsigned threads;	/* never 0 */
	int index;		/* of the device */
	uint64_t gpu_mem;	/* most bytes of a device's memory; 0: no limit */
	const struct hmr_net_around *around;	/* NULL: none */
};

struct hmr_exec;		/* a backend's own */
struct hmr_backend {
	const char *name;
	enum hmr_precision preferred;	/* what AUTO means */
	bool slices;			/* batches are best run image by image */
	/* Plans, allocates, uploads, prepacks. */
	enum hmr_status (*open)(struct hmr_exec **out, const struct hmr_job *job,
				struct hmr_err *e);
	void (*close)(struct hmr_exec *x);	/* accepts NULL */
	/* Host memory for input i: the same for all plans. */
	float *(*input)(struct hmr_exec *x, uint32_t i);
	/* Allocates nothing of its own. Outputs are in host memory after it. */
	enum hmr_status (*run)(struct hmr_exec *x, uint32_t plan, struct hmr_err *e);
	const float *(*output)(struct hmr_exec *x, uint32_t plan, uint32_t i);
	void (*sizes)(const struct hmr_exec *x, struct hmr_net_plan *out);
	/* Step `step` of a plan in words: node and implementation; false: no more. */
	bool (*describe)(const struct hmr_exec *x, uint32_t plan, uint32_t step,
			 const char **node, const char **impl);
	/* Runs one step alone and waits for it: for timing. */
	enum hmr_status (*run_step)(struct hmr_exec *x, uint32_t plan, uint32_t step,
				    struct hmr_err *e);
	/* What it computes in. NULL: the job's. */
	enum hmr_precision (*precision)(const struct hmr_exec *x);
	/* With job->around; NULL: not known here. */
	void *(*slot_job)(struct hmr_exec *x, uint32_t slot);
	const void *(*slot_result)(const struct hmr_exec *x, uint32_t slot);
	enum hmr_status (*put)(struct hmr_exec *x, uint32_t plan, uint32_t slot,
			       struct hmr_err *e);
};

const struct hmr_backend *hmr_backend_ref(void);
const struct hmr_backend *hmr_backend_cpu(void);
const struct hmr_backend *hmr_backend_cuda(void);	/* without CUDA it only plans */

/* For tests and `hmr-model show`: the steps that a network runs for a batch. */
bool hmr_net_step(const struct hmr_net *n, uint32_t batch, uint32_t step,
		  const char **node, const char **impl);
HMR_MUST_USE enum hmr_status	/* of the largest batch, after a run */
hmr_net_time_step(struct hmr_net *n, uint32_t step, double *ms, struct hmr_err *e);
double hmr_net_flop(const struct hmr_net *n);	/* convolutions, largest batch */
unsigned hmr_net_threads(const struct hmr_net *n);

/*
 * Where values lie, for backends whose memory is the host's. Values that share
 * storage (a reshape and its input) have one root.
 */
struct hmr_layout {
	uint32_t *root;		/* [values] */
	size_t *offset;		/* [values], of the root's bytes in the block */
	size_t item;		/* bytes of a number: 4, unless changed before make */
	uint8_t *half;		/* [values], of roots: 2 bytes a number, and one number
				 * more. Zeros, unless changed before make */
	bool *used;		/* [values], of roots: stored in the block */
	size_t bytes;
};

struct hmr_step_io {		/* what a step reads and writes, as values */
	const uint32_t *in, *out;
	uint32_t n_in, n_out;
};

/* root must be set. Graph inputs lie outside the block; outputs that are kept
 * live to the end. */
HMR_MUST_USE enum hmr_status
hmr_layout_make(struct hmr_layout *l, const struct hmr_job *job,
		const struct hmr_plan *plan, const struct hmr_step_io *step,
		uint32_t n_steps, struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* each value its own root, reshapes merged */
hmr_layout_init(struct hmr_layout *l, const struct hmr_job *job, struct hmr_err *e);
void hmr_layout_release(struct hmr_layout *l);

#endif

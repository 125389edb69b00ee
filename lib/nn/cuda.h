/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the cuda backend: cuda_plan.c says what lies where, without a device;
 * cuda_step.c turns nodes into launches, with cuda_conv.c for what multiplies,
 * cuda_move.c for what moves or works number by number, cuda_group.c for what sums
 * up; cuda_around.c for what a stage does beside; cuda.c opens, uploads, records and
 * runs.
 */
#ifndef HMR_NN_CUDA_H
#define HMR_NN_CUDA_H

#include "cuda/device.h"
#include "cuda/nn_args.h"
#include "nn/around.h"
#include "nn/backend.h"

#define CUDA_ALIGN 256u

/* How a node that multiplies is done. */
enum cuda_method { CUDA_KERNEL, CUDA_DEPTHWISE, CUDA_GEMM, CUDA_DNN };

/* How a constant lies on the device. */
enum cuda_form {
	CUDA_FORM_PLAIN,	/* as stored, in the network's type */
	CUDA_FORM_F32,		/* as stored, float32 */
	CUDA_FORM_KRSC,		/* weights [out][kh][kw][in] */
	CUDA_FORM_TAPS,		/* weights [kh][kw][in][out] */
	CUDA_FORM_RESIZE,	/* of a node: lo, hi, frac of rows, then of columns */
};

struct cuda_const {
	const struct hmr_node *node;	/* the first that reads it */
	uint32_t value;			/* not of RESIZE */
	enum cuda_form form;
	size_t offset, bytes;		/* in the weights */
};

struct cuda_launch {			/* one thing put on the queue */
	const struct hmr_kernel *kernel;	/* or */
	const struct hmr_gemm *gemm;		/* or */
	const struct hmr_conv *conv;
	uint32_t grid[3], block;	/* block 0: over indices, count of them */
	size_t shared;
	uint64_t count;
	union {
		struct nn_move move;
		struct nn_fill fill;
		struct nn_act act;
		struct nn_map map;
		struct nn_window window;
		struct nn_resize resize;
		struct nn_group group;
		struct nn_pick pick;
		struct nn_convert convert;
		struct hmr_gemm_io gemm;
		struct hmr_conv_io conv;
	} a;
	size_t args_bytes;
};

struct cuda_step {
	const struct hmr_node *n;
	const char *impl;
	uint32_t first, count;		/* of its launches */
	struct hmr_gemm *gemm;		/* owned */
	struct hmr_conv *conv;		/* owned */
	bool conv_bias, conv_relu;	/* done by conv itself */
};

struct cuda_plan {
	struct hmr_layout lay;
	struct cuda_step *step;
	uint32_t n_steps;
	struct cuda_launch *launch;
	uint32_t n_launches, cap_launches;
	struct hmr_replay *replay[HMR_AROUND_SLOTS];	/* one, or of each slot */
};

struct hmr_exec {
	const struct hmr_job *job;
	const struct hmr_device_api *api;	/* NULL: planned only */
	struct hmr_device *device;		/* these two: the stage's with job->around */
	struct hmr_queue *queue;
	enum hmr_precision precision;
	enum hmr_device_type type;
	const char *type_name;			/* "f32", … */
	size_t item;
	struct cuda_const *constant;
	uint32_t n_constants, cap_constants;
	enum cuda_method *method;		/* [nodes] */
	struct cuda_plan *plan;			/* [plans] */

	/* One block of device memory: weights, workspace, inputs and outputs as
	 * float32 (below f32), inputs, activations. Offsets of all. With job->around
	 * no float32 inputs, but jobs, their work, results. */
	uint8_t *memory;
	size_t at_workspace, at_in32[HMR_GRAPH_IO_MAX], at_in[HMR_GRAPH_IO_MAX];
	size_t at_out32[HMR_GRAPH_IO_MAX], at_block;
	size_t at_job, at_work, at_result;
	size_t workspace, total;
	/* Pinned host memory: inputs, outputs, or jobs and results of all slots; at
	 * least a piece of weights. */
	uint8_t *staging;
	size_t host_in[HMR_GRAPH_IO_MAX], host_out[HMR_GRAPH_IO_MAX], host_bytes;
	size_t host_job[HMR_AROUND_SLOTS], host_result[HMR_AROUND_SLOTS];
	struct hmr_net_plan sizes;
};

/* cuda_plan.c: method, constant, plan[].lay and step, all offsets and sizes. */
HMR_MUST_USE enum hmr_status cuda_plan_make(struct hmr_exec *x, struct hmr_err *e);
enum cuda_method cuda_method_of(const struct hmr_node *n, const struct hmr_dims *dims);
/* The constant's place on the device; asserts that it was planned. */
const void *cuda_const_at(const struct hmr_exec *x, uint32_t value, enum cuda_form form);
const void *cuda_taps_at(const struct hmr_exec *x, const struct hmr_node *n);
enum cuda_form cuda_weight_form(enum cuda_method m);

/* Images of a plan's runs, at least 1. */
static inline uint32_t
cuda_batch(const struct hmr_exec *x, uint32_t plan)
{
	uint32_t n = x->job->plan[plan].batch;

	return n ? n : 1;
}

/* cuda_around.c */
HMR_MUST_USE enum hmr_status
cuda_around_before(struct hmr_exec *x, uint32_t plan, uint32_t slot, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
cuda_around_after(struct hmr_exec *x, uint32_t plan, uint32_t slot, struct hmr_err *e);
void *cuda_around_job(struct hmr_exec *x, uint32_t slot);
const void *cuda_around_result(const struct hmr_exec *x, uint32_t slot);

/* cuda_weights.c: constants in their forms, to the device in pieces. */
HMR_MUST_USE enum hmr_status cuda_weights_upload(struct hmr_exec *x, struct hmr_err *e);

/* cuda_step.c: all launches of a plan. */
HMR_MUST_USE enum hmr_status
cuda_steps_make(struct hmr_exec *x, uint32_t plan, struct hmr_err *e);
/* An output's float32 numbers on the device. */
const void *cuda_output_at(struct hmr_exec *x, uint32_t plan, uint32_t i);
HMR_MUST_USE enum hmr_status
cuda_launch_run(struct hmr_exec *x, const struct cuda_launch *l, struct hmr_err *e);
/* A launch to be filled in, zeroed, of kernel `name` in the network's type (typed)
 * over `count` indices. */
HMR_MUST_USE enum hmr_status
cuda_launch_add(struct hmr_exec *x, struct cuda_plan *p, const char *name, bool typed,
		uint64_t count, size_t args_bytes, struct cuda_launch **out,
		struct hmr_err *e);

struct cuda_node {			/* a node at work */
	struct hmr_exec *x;
	uint32_t plan;
	struct cuda_plan *p;
	struct cuda_step *s;
	const struct hmr_node *n;
	const struct hmr_dims *in[HMR_NODE_IN_MAX], *out[HMR_NODE_IN_MAX];
	void *at_in[HMR_NODE_IN_MAX], *at_out[HMR_NODE_IN_MAX];
	struct hmr_err *e;
};

/* cuda_conv.c */
HMR_MUST_USE enum hmr_status	/* its gemm or conv; HMR_EOF: there is none */
cuda_conv_find(struct hmr_exec *x, uint32_t plan, struct cuda_step *s, struct hmr_err *e);
HMR_MUST_USE enum hmr_status cuda_conv_add(struct cuda_node *c);
HMR_MUST_USE enum hmr_status cuda_pool_add(struct cuda_node *c);
HMR_MUST_USE enum hmr_status cuda_resize_add(struct cuda_node *c);
HMR_MUST_USE enum hmr_status cuda_matmul_add(struct cuda_node *c);
/* cuda_move.c */
HMR_MUST_USE enum hmr_status cuda_move_add(struct cuda_node *c);
HMR_MUST_USE enum hmr_status cuda_map_add(struct cuda_node *c);
HMR_MUST_USE enum hmr_status cuda_act_add(struct cuda_node *c, void *bias, const void *x,
					  enum hmr_act act);
/* cuda_group.c */
HMR_MUST_USE enum hmr_status cuda_group_add(struct cuda_node *c);
HMR_MUST_USE enum hmr_status cuda_pick_add(struct cuda_node *c);

#endif

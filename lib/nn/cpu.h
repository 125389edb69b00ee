/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the cpu backend: cpu.c plans, cpu_run.c runs, cpu_fuse.c finds residual
 * sums, cpu_bf16.c chooses what is in bfloat16, cpu_part.c divides steps, cpu_conv.c
 * and cpu_pd.c make oneDNN's primitives, cpu_ops.c has the loops for the rest.
 */
#ifndef HMR_CPU_H
#define HMR_CPU_H

#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "nn/backend.h"
#include "nn/ref_ops.h"

/* One weight in one blocked layout, shared by all batch sizes that use it. */
struct cpu_pack {
	struct cpu_pack *next;
	dnnl_memory_t memory;
	dnnl_memory_desc_t desc;
	void *data;
	size_t bytes;
};

struct cpu_weights {		/* of a convolution node */
	struct cpu_pack *packs;
	dnnl_memory_t bias;	/* NULL: none */
	float *bias_data;
};

struct cpu_piece {		/* what one part of a convolution or product works on */
	struct hmr_dims in, right, out;	/* right: the weights, or the second matrix */
	int32_t pad[4];
	size_t in_at, right_at, out_at;	/* numbers from the whole's first */
	bool bf16;	/* source and weights, of the primitive */
	bool in_half, out_half;		/* as they lie in memory */
};

struct cpu_conv {		/* one part of a convolution or product */
	struct cpu_piece piece;
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t prim;
	dnnl_exec_arg_t arg[6];
	int n_args;
	int threads;		/* oneDNN's own: 1, unless the step is not divided */
	dnnl_memory_t src, right, dst, scratch;	/* right: computed, of a product */
	const float *from;	/* source that is rounded into `to` first; NULL: none */
	uint16_t *to;
};

struct cpu_step {
	const struct hmr_node *n;
	const struct hmr_node *add;	/* the sum fused into it, or NULL */
	uint32_t residual;		/* the other value of the sum */
	bool tail;	/* activation and sum by cpu_tail(), not by oneDNN: the result then
			 * lies where the convolution's does, else where the residual does */
	const char *impl;
	uint32_t parts;			/* done at the same time */
	bool whole;			/* one part, divided by oneDNN */
	struct cpu_conv **conv;		/* [parts], owned; NULL: a loop */
	float *out;			/* of the convolution */
	uint16_t *behind;		/* number after `out` in bfloat16, to be 0; or NULL */
	const float *other;		/* the residual */
	struct hmr_call call;
	void **places;			/* owned: what call points to */
	uint32_t io[HMR_NODE_IN_MAX + 1];	/* values read */
};

struct cpu_plan {
	struct hmr_layout lay;
	struct cpu_step *step;
	uint32_t n_steps;
};

struct cpu_team {		/* cpu_run.c */
	atomic_uint *turn;	/* of a step: parts done, then whether each was taken */
	uint32_t stride;	/* turns of a step: whole cache lines */
	atomic_uint asleep;	/* threads that wait for `woken` */
	atomic_bool failed;
	pthread_mutex_t lock;
	pthread_cond_t woken;
	dnnl_stream_t *stream;	/* [threads] */
	struct hmr_err err;
	enum hmr_status status;
};

struct hmr_exec {
	const struct hmr_job *job;
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	struct cpu_team team;
	struct cpu_weights *weights;	/* [nodes] */
	float **constant;		/* [values]: of loops */
	struct cpu_plan *plan;
	float **input;
	uint8_t *block, *scratch;
	size_t scratch_bytes;		/* of one part */
	struct hmr_net_plan sizes;
};

/* cpu_part.c: how many parts a node is worth. whole: oneDNN had better divide it. */
uint32_t cpu_parts(const struct hmr_exec *x, uint32_t plan, const struct hmr_node *n,
		   bool *whole);
uint32_t cpu_loop_parts(const struct hmr_exec *x, uint32_t plan, const struct hmr_node *n);
void cpu_piece(struct cpu_piece *p, const struct hmr_exec *x, uint32_t plan,
	       const struct hmr_node *n, uint32_t part, uint32_t parts);

/* The primitive descriptor of a part of a convolution or product, with add's sum and
 * activation after its own where add is not NULL.
 * HMR_EOF: oneDNN has none, or only its slow reference for it. */
HMR_MUST_USE enum hmr_status
cpu_conv_new(struct hmr_exec *x, const struct hmr_node *n, const struct hmr_node *add,
	     const struct cpu_piece *piece, int threads, struct cpu_conv **out,
	     struct hmr_err *e);
/* Of libgomp, which oneDNN links: clang's omp.h belongs to another runtime. */
void omp_set_num_threads(int n);
int omp_get_max_threads(void);
int omp_get_thread_num(void);
int omp_get_thread_limit(void);
int omp_get_dynamic(void);
void omp_set_dynamic(int on);

const char *cpu_conv_impl(const struct cpu_conv *c);
size_t cpu_conv_scratch(const struct cpu_conv *c);
HMR_MUST_USE enum hmr_status	/* packs weights; memories point to places of the whole */
cpu_conv_finish(struct hmr_exec *x, const struct hmr_node *n, struct cpu_conv *c,
		void *src, float *right /* NULL: constant */, void *dst, void *scratch,
		struct hmr_err *e);

/* cpu_bf16.c */
bool cpu_bf16_here(void);	/* the processor computes in bfloat16 */
/* Values that are kept in bfloat16 and nodes that compute in it; both zeroed before. */
void cpu_bf16_choose(const struct hmr_exec *x, uint32_t plan, uint8_t *value, bool *node);
void cpu_bf16_row(uint16_t *d, const float *s, size_t n);
void cpu_bf16_source(const struct cpu_conv *c);	/* rounds it, if it is to be */

/* cpu_pd.c */
/* Whether oneDNN does the activation as fast as cpu_act_row(): the others, those with
 * an exponential, took it 1 ns an element, thrice as long. */
bool cpu_act_inside(const struct hmr_node *n);
bool cpu_make_attr(dnnl_primitive_attr_t *a, const struct hmr_node *n,
		   const struct hmr_node *add);	/* false: not possible */
dnnl_status_t
cpu_make_pd(struct hmr_exec *x, const struct hmr_node *n, const struct cpu_piece *p,
	    dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *pd);
void cpu_weight_desc(dnnl_memory_desc_t *m, const struct hmr_node *n,
		     const struct hmr_dims *d, bool plain, bool bf16);
void cpu_bias_desc(dnnl_memory_desc_t *m, const struct hmr_node *n, int64_t count,
		   const struct hmr_dims *weights);
void cpu_conv_free(struct cpu_conv *c);
void cpu_weights_release(struct cpu_weights *w);

/* The steps of a plan in running order, sums fused, roots merged. */
HMR_MUST_USE enum hmr_status
cpu_fuse(struct hmr_exec *x, uint32_t plan, struct hmr_err *e);
void cpu_step_release(struct cpu_step *s);

/* cpu_run.c. Ready for plans of up to n_steps; the job's threads. */
HMR_MUST_USE enum hmr_status
cpu_team_init(struct hmr_exec *x, uint32_t n_steps, struct hmr_err *e);
void cpu_team_release(struct hmr_exec *x);	/* accepts what init left */
/* How many threads oneDNN divides a whole step among: never more than it gets, since
 * what it meant for the others would stay undone. */
int cpu_own_threads(const struct hmr_exec *x);
HMR_MUST_USE enum hmr_status	/* steps first..end-1 of a plan */
cpu_run_steps(struct hmr_exec *x, const struct cpu_plan *p, uint32_t first,
	      uint32_t end, struct hmr_err *e);

/* What oneDNN leaves of a step's part: activation, sum, its activation. */
void cpu_tail(const struct cpu_step *s, const struct cpu_piece *p);
/* A part of a node as loops over its places. */
void hmr_cpu_call(const struct hmr_call *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the cpu backend: cpu.c plans and runs, cpu_fuse.c finds residual sums,
 * cpu_conv.c and cpu_pd.c make oneDNN's primitives, cpu_ops.c has the loops for
 * the rest.
 */
#ifndef HMR_CPU_H
#define HMR_CPU_H

#include <oneapi/dnnl/dnnl.h>

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

struct cpu_conv {		/* a convolution or product at one batch size */
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t prim;
	dnnl_exec_arg_t arg[6];
	int n_args;
	int threads;		/* 1 where waking others takes longer than the work */
	dnnl_memory_t src, right, dst, scratch;	/* right: computed, of a product */
};

struct cpu_step {
	const struct hmr_node *n;
	const struct hmr_node *add;	/* the sum fused into it, or NULL */
	uint32_t residual;		/* the value added to */
	const char *impl;
	struct cpu_conv *conv;		/* NULL: a loop */
	struct hmr_call call;
	void **places;			/* owned: what call points to */
	uint32_t io[HMR_NODE_IN_MAX + 1];	/* values read */
};

struct cpu_plan {
	struct hmr_layout lay;
	struct cpu_step *step;
	uint32_t n_steps;
};

struct hmr_exec {
	const struct hmr_job *job;
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	struct cpu_weights *weights;	/* [nodes] */
	float **constant;		/* [values]: of loops */
	struct cpu_plan *plan;
	float **input;
	uint8_t *block, *scratch;
	size_t scratch_bytes;
	struct hmr_net_plan sizes;
};

/* The primitive descriptor of a convolution, with add's sum and activation after
 * its own where add is not NULL. pack: layout of weights to prefer, or NULL.
 * HMR_EOF: oneDNN has none, or only its slow reference for it. */
HMR_MUST_USE enum hmr_status
cpu_conv_new(struct hmr_exec *x, uint32_t plan, const struct hmr_node *n,
	     const struct hmr_node *add, struct cpu_conv **out, struct hmr_err *e);
/* Of libgomp, which oneDNN links: clang's omp.h belongs to another runtime. */
void omp_set_num_threads(int n);
int omp_get_max_threads(void);

const char *cpu_conv_impl(const struct cpu_conv *c);
size_t cpu_conv_scratch(const struct cpu_conv *c);
HMR_MUST_USE enum hmr_status	/* packs weights; memories point to places */
cpu_conv_finish(struct hmr_exec *x, const struct hmr_node *n, struct cpu_conv *c,
		void *src, void *right /* NULL: constant */, void *dst, struct hmr_err *e);

/* cpu_pd.c */
bool cpu_make_attr(dnnl_primitive_attr_t *a, const struct hmr_node *n,
		   const struct hmr_node *add);	/* false: not possible */
dnnl_status_t
cpu_make_pd(struct hmr_exec *x, uint32_t plan, const struct hmr_node *n,
	    const dnnl_memory_desc_t *weights, dnnl_primitive_attr_t attr,
	    dnnl_primitive_desc_t *pd);
void cpu_weight_desc(dnnl_memory_desc_t *m, const struct hmr_node *n,
		     const struct hmr_dims *d, bool plain);
void cpu_bias_desc(dnnl_memory_desc_t *m, const struct hmr_node *n, int64_t count,
		   const struct hmr_dims *dims);
void cpu_conv_free(struct cpu_conv *c);
void cpu_weights_release(struct cpu_weights *w);

/* The steps of a plan in running order, sums fused, roots merged. */
HMR_MUST_USE enum hmr_status
cpu_fuse(struct hmr_exec *x, uint32_t plan, struct hmr_err *e);

/* A node as loops over its places; OpenMP inside. */
void hmr_cpu_call(const struct hmr_call *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GPU and its libraries behind one table of C functions, without a type of
 * CUDA: lib/nn's cuda backend and HMR2's stand on this and nothing else. Who
 * defines hmr_device_api() is decided by the linker: device_cuda.c (cudart,
 * cuBLASLt and cuDNN by dlopen), device_none.c where no nvcc is, and in tests
 * device_fake.c, which does all of it in host memory, counts it and fails when
 * told to.
 *
 * Order of use: open; alloc, gemm_new, conv_new and all that is named _new;
 * copies and launches onto a queue; record them once and replay. Nothing that
 * runs on a queue allocates, on host or device. A failed call yields
 * HMR_E_DEVICE (HMR_E_NOMEM where the device's memory is short) and a text with
 * the call's name and CUDA's own words; after a sticky error every later call
 * fails too, and the frees still work. One thread at a time per device.
 */
#ifndef HMR_DEVICE_H
#define HMR_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct hmr_device;		/* an open device */
struct hmr_queue;		/* work in order; CUDA's stream */
struct hmr_event;
struct hmr_replay;		/* recorded work; CUDA's graph */
struct hmr_gemm;		/* a matrix product, its algorithm chosen */
struct hmr_conv;		/* a convolution, its algorithm chosen */
struct hmr_kernel;		/* of lib/cuda/kernel.h, by name */

enum hmr_device_type { HMR_DEVICE_F32, HMR_DEVICE_F16, HMR_DEVICE_BF16,
	HMR_DEVICE_I8, HMR_DEVICE_I32 };

static inline size_t
hmr_device_type_bytes(enum hmr_device_type t)
{
	return t == HMR_DEVICE_F32 || t == HMR_DEVICE_I32 ? 4 :
	       t == HMR_DEVICE_I8 ? 1 : 2;
}

struct hmr_device_info {
	int index;
	char name[64];
	int major, minor;		/* compute capability */
	int processors;			/* multiprocessors */
	size_t bytes, bytes_free;	/* memory; free when it was opened */
	size_t shared;			/* bytes a block may ask for */
	int driver, runtime;		/* 13000 is 13.0 */
	size_t blas, dnn;		/* versions of cuBLASLt, cuDNN; 0: not loaded */
};

enum hmr_device_libs { HMR_DEVICE_BLAS = 1, HMR_DEVICE_DNN = 2 };

/*
 * D[m][n] = act(A[m][k] * B + bias[n] + C[m][n]), rows contiguous, in each of
 * `batch` problems `step_*` elements apart. B is [n][k] as PyTorch stores weights,
 * or [k][n] with b_rows_k. Sums are float32 (int32 for I8). F32 never uses TF32.
 * Types: a and b alike; d the same, or F32, or I32 with I8 (then no bias, act or
 * C; k and lda, ldb multiples of 16). bias and C are of d's type. C may be D.
 */
enum hmr_gemm_act { HMR_GEMM_NONE, HMR_GEMM_RELU,
	HMR_GEMM_GELU };		/* the tanh form, as cuBLASLt's epilogue has it */
struct hmr_gemm_desc {
	uint32_t m, n, k;
	uint32_t lda, ldb, ldd;		/* elements from row to row; 0: contiguous */
	bool b_rows_k;
	enum hmr_device_type in, out;
	bool bias, add;			/* add: C is read; with ldd and step_d of D */
	enum hmr_gemm_act act;
	float alpha;			/* of the product; 0 means 1 */
	uint32_t batch;			/* 0 means 1 */
	int64_t step_a, step_b, step_d;
	size_t workspace;		/* bytes the algorithm may use */
};
struct hmr_gemm_io {			/* device memory, 16-byte aligned */
	const void *a, *b, *bias, *c;	/* bias, c: NULL where not described */
	void *d, *workspace;
};

/*
 * NHWC images x [n][h][w][c], weights [out][kh][kw][c / group], y [n][oh][ow][out]
 * = conv(x) + bias. Padding may differ on all four sides. Sums are float32, F32
 * never uses TF32.
 */
struct hmr_conv_desc {
	uint32_t n, h, w, c;
	uint32_t out, kh, kw, group;
	uint32_t stride[2], dilate[2];	/* y, x; dilate 0 means 1 */
	uint32_t pad[4];		/* top, left, bottom, right */
	uint32_t oh, ow;
	enum hmr_device_type type;	/* of x, weights, bias and y: F32, F16, BF16 */
	bool bias, relu;		/* fused; conv_new may refuse: HMR_EOF */
	size_t workspace;		/* bytes the algorithm may use */
};
struct hmr_conv_io {			/* device memory, 16-byte aligned */
	const void *x, *w, *bias;
	void *y, *workspace;
};

struct hmr_device_api {
	const char *name;		/* "cuda", "fake" */

	/* How many devices there are. HMR_E_DEVICE: no driver or none; the text
	 * says which. Opens nothing. */
	enum hmr_status (*count)(int *n, struct hmr_err *e);
	/* libs: of enum hmr_device_libs, loaded here. */
	enum hmr_status (*open)(struct hmr_device **out, int index, unsigned libs,
				struct hmr_err *e);
	void (*close)(struct hmr_device *d);	/* accepts NULL; all else is freed before */
	const struct hmr_device_info *(*info)(const struct hmr_device *d);
	/* Whether the device computes in t (BF16: from 8.0, I8: from 7.5). */
	bool (*has)(const struct hmr_device *d, enum hmr_device_type t);

	/* Device memory, 256-byte aligned, not zeroed; pinned host memory, page
	 * aligned. The frees accept NULL. */
	enum hmr_status (*alloc)(struct hmr_device *d, size_t bytes, void **out,
				 struct hmr_err *e);
	void (*release)(struct hmr_device *d, void *p);
	enum hmr_status (*alloc_host)(struct hmr_device *d, size_t bytes, void **out,
				      struct hmr_err *e);
	void (*release_host)(struct hmr_device *d, void *p);

	enum hmr_status (*queue_new)(struct hmr_device *d, struct hmr_queue **out,
				     struct hmr_err *e);
	void (*queue_free)(struct hmr_queue *q);
	/* Waits until q is empty: where errors of kernels come to light. */
	enum hmr_status (*sync)(struct hmr_queue *q, struct hmr_err *e);
	/* Asynchronous from and to pinned host memory, which stays untouched until
	 * the queue is past them. */
	enum hmr_status (*copy_in)(struct hmr_queue *q, void *device, const void *host,
				   size_t bytes, struct hmr_err *e);
	enum hmr_status (*copy_out)(struct hmr_queue *q, void *host, const void *device,
				    size_t bytes, struct hmr_err *e);
	enum hmr_status (*copy)(struct hmr_queue *q, void *to, const void *from,
				size_t bytes, struct hmr_err *e);	/* on the device */
	enum hmr_status (*fill)(struct hmr_queue *q, void *device, int byte, size_t bytes,
				struct hmr_err *e);

	enum hmr_status (*event_new)(struct hmr_device *d, bool timing,
				     struct hmr_event **out, struct hmr_err *e);
	void (*event_free)(struct hmr_event *v);
	enum hmr_status (*event_record)(struct hmr_queue *q, struct hmr_event *v,
					struct hmr_err *e);
	/* q's later work waits for v: between two queues. */
	enum hmr_status (*event_wait)(struct hmr_queue *q, struct hmr_event *v,
				      struct hmr_err *e);
	enum hmr_status (*event_sync)(struct hmr_event *v, struct hmr_err *e);	/* host waits */
	enum hmr_status (*event_ms)(struct hmr_event *from, struct hmr_event *to,
				    float *ms, struct hmr_err *e);

	/* Between the two, what is put on q (and on queues that wait for its events
	 * and that it waits for again) is recorded, not run. After a failure in
	 * between, record_end still has to be called; it yields the failure. */
	enum hmr_status (*record_begin)(struct hmr_queue *q, struct hmr_err *e);
	enum hmr_status (*record_end)(struct hmr_queue *q, struct hmr_replay **out,
				      struct hmr_err *e);
	enum hmr_status (*replay)(struct hmr_queue *q, struct hmr_replay *r,
				  struct hmr_err *e);
	void (*replay_free)(struct hmr_replay *r);

	/* A kernel of lib/cuda/kernels.h by its name, with its arguments as one
	 * struct, which is copied before the call returns. shared: dynamic bytes of
	 * a block. Blocks have one dimension. */
	enum hmr_status (*kernel)(struct hmr_device *d, const char *name,
				  const struct hmr_kernel **out, struct hmr_err *e);
	enum hmr_status (*launch)(struct hmr_queue *q, const struct hmr_kernel *k,
				  const uint32_t grid[3], uint32_t block, size_t shared,
				  const void *args, size_t args_bytes, struct hmr_err *e);

	/* HMR_EOF: no algorithm for this on this device in so much workspace; the
	 * caller does it otherwise. impl: a short name for people. */
	enum hmr_status (*gemm_new)(struct hmr_device *d, const struct hmr_gemm_desc *desc,
				    struct hmr_gemm **out, struct hmr_err *e);
	const char *(*gemm_impl)(const struct hmr_gemm *g);
	size_t (*gemm_workspace)(const struct hmr_gemm *g);	/* <= desc's */
	enum hmr_status (*gemm_run)(struct hmr_queue *q, const struct hmr_gemm *g,
				    const struct hmr_gemm_io *io, struct hmr_err *e);
	void (*gemm_free)(struct hmr_gemm *g);

	enum hmr_status (*conv_new)(struct hmr_device *d, const struct hmr_conv_desc *desc,
				    struct hmr_conv **out, struct hmr_err *e);
	const char *(*conv_impl)(const struct hmr_conv *c);
	size_t (*conv_workspace)(const struct hmr_conv *c);
	enum hmr_status (*conv_run)(struct hmr_queue *q, const struct hmr_conv *c,
				    const struct hmr_conv_io *io, struct hmr_err *e);
	void (*conv_free)(struct hmr_conv *c);
};

/* NULL: not built in. */
const struct hmr_device_api *hmr_device_api(void);

/* A launch over args->n independent indices (HMR_KERNEL_EACH), n <= 2^40. */
HMR_MUST_USE enum hmr_status
hmr_device_each(const struct hmr_device_api *api, struct hmr_queue *q,
		const struct hmr_kernel *k, uint64_t n, const void *args,
		size_t args_bytes, struct hmr_err *e);

#endif

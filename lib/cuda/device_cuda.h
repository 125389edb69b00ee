/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the CUDA device layer: device_cuda.c is memory, queues and kernels over
 * cudart; device_cuda_blas.c products by cuBLASLt; device_cuda_dnn.c convolutions by
 * cuDNN's graph interface. The two libraries are opened by name when asked for, so
 * the program starts without them. No types of CUDA here.
 */
#ifndef HMR_DEVICE_CUDA_H
#define HMR_DEVICE_CUDA_H

#include "cuda/device.h"

struct cuda_blas;
struct cuda_dnn;

struct hmr_device {
	struct hmr_device_info info;
	struct cuda_blas *blas;		/* NULL: not asked for */
	struct cuda_dnn *dnn;		/* NULL: not asked for, or not there */
};

struct hmr_queue {
	struct hmr_device *d;
	void *stream;			/* cudaStream_t */
};

/* A shared library by its names, and its functions: tries the loader's own search,
 * then CUDA's usual folder. NULL-terminated names; fn[i] gets symbol[i]. */
HMR_MUST_USE enum hmr_status
cuda_library_open(void **lib, const char *const *names, const char *const *symbol,
		  void **fn, struct hmr_err *e);
void cuda_library_close(void *lib);

HMR_MUST_USE enum hmr_status cuda_blas_open(struct hmr_device *d, struct hmr_err *e);
void cuda_blas_close(struct cuda_blas *b);
enum hmr_status cuda_gemm_new(struct hmr_device *d, const struct hmr_gemm_desc *desc,
			      struct hmr_gemm **out, struct hmr_err *e);
const char *cuda_gemm_impl(const struct hmr_gemm *g);
size_t cuda_gemm_workspace(const struct hmr_gemm *g);
enum hmr_status cuda_gemm_run(struct hmr_queue *q, const struct hmr_gemm *g,
			      const struct hmr_gemm_io *io, struct hmr_err *e);
void cuda_gemm_free(struct hmr_gemm *g);

/* HMR_EOF: no cuDNN here. */
HMR_MUST_USE enum hmr_status cuda_dnn_open(struct hmr_device *d, struct hmr_err *e);
void cuda_dnn_close(struct cuda_dnn *b);
enum hmr_status cuda_conv_new(struct hmr_device *d, const struct hmr_conv_desc *desc,
			      struct hmr_conv **out, struct hmr_err *e);
const char *cuda_conv_impl(const struct hmr_conv *c);
size_t cuda_conv_workspace(const struct hmr_conv *c);
enum hmr_status cuda_conv_run(struct hmr_queue *q, const struct hmr_conv *c,
			      const struct hmr_conv_io *io, struct hmr_err *e);
void cuda_conv_free(struct hmr_conv *c);

#endif

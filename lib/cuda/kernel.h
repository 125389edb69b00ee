/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How kernels are written: one source that nvcc compiles for the device and the
 * C compiler for the fake device, so a machine without a GPU runs the same lines.
 * Kernel files (lib/cuda/NAME.cu) are C that C++ accepts too, include kernels.h,
 * keep all but the list of their kernels static and end with that:
 *
 *	HMR_KERNEL_EACH(nn_scale_f32, struct nn_scale_args)	(indices 0..a->n-1)
 *	{
 *		((float *)a->y)[i] = a->s * ((const float *)a->x)[i];
 *	}
 *	HMR_KERNEL_BLOCK(norm_f32, struct norm_args)		(blocks of threads)
 *	{
 *		HMR_SHARED(float, sum);
 *		... HMR_BLOCK_X, HMR_THREAD, HMR_THREADS, HMR_SYNC() ...
 *	}
 *	HMR_KERNELS(hmr_kernels_nn) = {
 *		HMR_KERNEL_ENTRY(nn_scale_f32, struct nn_scale_args),
 *		HMR_KERNEL_ENTRY_BLOCK(norm_f32, struct norm_args), HMR_KERNELS_END
 *	};
 *
 * and kernels.h names the list. Arguments are one struct, by value, seen in the
 * body as const *a; for EACH it has a member uint64_t n. On the host the threads of
 * a block are fibers that HMR_SYNC() switches: every thread of a block reaches
 * every HMR_SYNC and HMR_SHFL_XOR, as CUDA wants it too; the fake checks that.
 * Functions that use these words take HMR_BLOCK_PARAM and are called with
 * HMR_BLOCK_PASS as their last argument.
 */
#ifndef HMR_KERNEL_H
#define HMR_KERNEL_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hmr_block;

struct hmr_kernel {
	const char *name;
	/* On the device: the __global__ function, for cudaLaunchKernel. */
	const void *device;
	/* On the host: all of a grid of EACH, or one thread of one block. */
	void (*each)(const void *args);
	void (*thread)(const void *args, struct hmr_block *b);
	size_t args_bytes;
};

struct hmr_block {		/* where a thread is, on the host */
	uint32_t grid[3], block[3];
	uint32_t thread, threads;
	void *shared;
	void (*sync)(struct hmr_block *b);
	uint32_t *exchange;	/* [threads] */
};

#ifdef __CUDACC__

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#define HMR_FN static __device__ __forceinline__
#define HMR_FN_LARGE static __device__ __noinline__
#define HMR_RESTRICT __restrict__
#define HMR_BLOCK_PARAM int hmr_b
#define HMR_BLOCK_PASS hmr_b
#define HMR_BLOCK_X blockIdx.x
#define HMR_BLOCK_Y blockIdx.y
#define HMR_BLOCK_Z blockIdx.z
#define HMR_GRID_X gridDim.x
#define HMR_THREAD threadIdx.x
#define HMR_THREADS blockDim.x
#define HMR_SYNC() __syncthreads()
#define HMR_SHARED(type, name) \
	extern __shared__ __align__(16) unsigned char hmr_shared[]; \
	type *name = (type *)(void *)hmr_shared
#define HMR_SHFL_XOR(v, mask) __shfl_xor_sync(0xffffffffu, v, mask)	/* of a float */

#define HMR_KERNEL_EACH_(name, type) \
static __device__ __forceinline__ void name##_at(const type *a, uint64_t i); \
static __global__ void __launch_bounds__(256) \
name##_grid(const __grid_constant__ type args) \
{ \
	for (uint64_t i = blockIdx.x * (uint64_t)blockDim.x + threadIdx.x; i < args.n; \
	     i += (uint64_t)gridDim.x * blockDim.x) \
		name##_at(&args, i); \
} \
static __device__ __forceinline__ void name##_at(const type *a, uint64_t i)

#define HMR_KERNEL_BLOCK_(name, type) \
static __device__ __forceinline__ void name##_in(const type *a, HMR_BLOCK_PARAM); \
static __global__ void \
name##_grid(const __grid_constant__ type args) \
{ \
	name##_in(&args, 0); \
} \
static __device__ __forceinline__ void name##_in(const type *a, HMR_BLOCK_PARAM)

#define HMR_KERNEL_ENTRY_(name, type) \
	{ #name, (const void *)name##_grid, NULL, NULL, sizeof(type) }
#define HMR_KERNEL_ENTRY_BLOCK_(name, type) HMR_KERNEL_ENTRY_(name, type)

HMR_FN float
hmr_ld_f16(uint16_t h)
{
	return __half2float(__ushort_as_half(h));
}

HMR_FN uint16_t
hmr_st_f16(float f)
{
	return __half_as_ushort(__float2half_rn(f));
}

HMR_FN float
hmr_ld_bf16(uint16_t h)
{
	return __uint_as_float((uint32_t)h << 16);
}

HMR_FN uint16_t
hmr_st_bf16(float f)
{
	return __bfloat16_as_ushort(__float2bfloat16_rn(f));
}

#else

#include "cuda/half_host.h"

#define HMR_FN static inline
#define HMR_FN_LARGE static inline
#define HMR_RESTRICT restrict
#define HMR_BLOCK_PARAM struct hmr_block *hmr_b
#define HMR_BLOCK_PASS hmr_b
#define HMR_BLOCK_X (hmr_b->block[0])
#define HMR_BLOCK_Y (hmr_b->block[1])
#define HMR_BLOCK_Z (hmr_b->block[2])
#define HMR_GRID_X (hmr_b->grid[0])
#define HMR_THREAD (hmr_b->thread)
#define HMR_THREADS (hmr_b->threads)
#define HMR_SYNC() hmr_b->sync(hmr_b)
#define HMR_SHARED(type, name) type *name = (type *)hmr_b->shared
#define HMR_SHFL_XOR(v, mask) hmr_host_shfl_xor(hmr_b, v, mask)

static inline float
hmr_host_shfl_xor(struct hmr_block *b, float v, uint32_t mask)
{
	uint32_t from = b->thread ^ mask;
	float r;

	memcpy(&b->exchange[b->thread], &v, sizeof(v));
	b->sync(b);
	memcpy(&r, &b->exchange[from < b->threads ? from : b->thread], sizeof(r));
	b->sync(b);
	return r;
}

#define HMR_KERNEL_EACH_(name, type) \
static inline void name##_at(const type *a, uint64_t i); \
static void \
name##_each(const void *args) \
{ \
	type a; \
	memcpy(&a, args, sizeof(a)); \
	for (uint64_t i = 0; i < a.n; i++) \
		name##_at(&a, i); \
} \
static inline void name##_at(const type *a, uint64_t i)

#define HMR_KERNEL_BLOCK_(name, type) \
static void name##_in(const type *a, HMR_BLOCK_PARAM); \
static void \
name##_thread(const void *args, struct hmr_block *b) \
{ \
	type a; \
	memcpy(&a, args, sizeof(a)); \
	name##_in(&a, b); \
} \
static void name##_in(const type *a, HMR_BLOCK_PARAM)

#define HMR_KERNEL_ENTRY_(name, type) { #name, NULL, name##_each, NULL, sizeof(type) }
#define HMR_KERNEL_ENTRY_BLOCK_(name, type) \
	{ #name, NULL, NULL, name##_thread, sizeof(type) }

#endif

/* In two steps, so that a name may be made by a macro. */
#define HMR_KERNEL_EACH(name, type) HMR_KERNEL_EACH_(name, type)
#define HMR_KERNEL_BLOCK(name, type) HMR_KERNEL_BLOCK_(name, type)
#define HMR_KERNEL_ENTRY(name, type) HMR_KERNEL_ENTRY_(name, type)
#define HMR_KERNEL_ENTRY_BLOCK(name, type) HMR_KERNEL_ENTRY_BLOCK_(name, type)
#define HMR_KERNELS(list) const struct hmr_kernel list[]
#define HMR_KERNELS_END { NULL, NULL, NULL, NULL, 0 }

#endif

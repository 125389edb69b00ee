/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device layer in host memory, for tests: the same functions as CUDA's, with
 * kernels as the C compiler makes them of the same sources and products and
 * convolutions as plain loops. Work is put off until somebody waits, and then of two
 * queues now the one and now the other is ahead; fresh memory holds NaN; it counts
 * what is alive and fails when told to.
 * HMR_FAKE="fail=N sticky memory=BYTES devices=N major=N dnn=0" sets it in
 * programs linked with it.
 */
#ifndef HMR_FAKE_H
#define HMR_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cuda/device.h"
#include "cuda/kernel.h"

struct hmr_fake {
	/* what tests set */
	uint64_t fail_at;	/* the call that fails, from 1; 0: none */
	bool sticky;		/* and every one after it */
	bool no_dnn, no_blas;	/* the libraries are not there */
	bool no_int8;		/* nor 8-bit products */
	size_t memory;		/* bytes of the device */
	int devices, major, minor;
	/* what they read */
	uint64_t calls;		/* that can fail, so far */
	uint64_t made;		/* allocations and objects ever made */
	long alive;		/* of them, not freed */
	size_t bytes, bytes_peak, bytes_host, bytes_host_peak;
	uint64_t launches, gemms, convs;	/* done */
	uint64_t up, down;	/* bytes copied to the device and back */
	char wrong[200];	/* what CUDA would not have allowed; "" */
};

/* The one state; as of the environment on the first call. */
struct hmr_fake *hmr_fake(void);
void hmr_fake_reset(void);

/* Products and convolutions, fake_math.c. */
void fake_gemm(const struct hmr_gemm_desc *g, const struct hmr_gemm_io *io);
void fake_conv(const struct hmr_conv_desc *c, const struct hmr_conv_io *io);
/* A whole grid of a kernel, fake_grid.c. false: its threads parted at a barrier. */
bool fake_grid(const struct hmr_kernel *k, const uint32_t grid[3], uint32_t block,
	       size_t shared, const void *args);

#endif

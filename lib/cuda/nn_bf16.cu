/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of networks in bfloat16. */
#include "cuda/nn_math.h"

#define NAME(x) x##_bf16
#define LD(p, i) (hmr_ld_bf16(((const uint16_t *)(p))[i]))
#define ST(p, i, f) (((uint16_t *)(p))[i] = hmr_st_bf16(f))
#include "cuda/nn_ops.inc"

HMR_KERNELS(hmr_kernels_nn_bf16) = { NN_ENTRIES, HMR_KERNELS_END };

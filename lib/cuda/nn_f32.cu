/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of networks in float32. */
#include "cuda/nn_math.h"

#define NAME(x) x##_f32
#define LD(p, i) (((const float *)(p))[i])
#define ST(p, i, f) (((float *)(p))[i] = (f))
#include "cuda/nn_ops.inc"

HMR_KERNELS(hmr_kernels_nn_f32) = { NN_ENTRIES, HMR_KERNELS_END };

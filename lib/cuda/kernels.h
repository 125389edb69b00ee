/* SPDX-License-Identifier: Apache-2.0 */
/* All lists of kernels, each ending with a NULL name: what kernel() searches. A
 * new kernel file is one line more here. */
#ifndef HMR_KERNELS_H
#define HMR_KERNELS_H

#include "cuda/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif
extern const struct hmr_kernel hmr_kernels_nn_f32[], hmr_kernels_nn_f16[],
	hmr_kernels_nn_bf16[], hmr_kernels_nn_move[];
extern const struct hmr_kernel hmr_kernels_image[], hmr_kernels_detect[];
extern const struct hmr_kernel hmr_kernels_hmr2_vit[], hmr_kernels_hmr2_int8[],
	hmr_kernels_hmr2_attend[],
	hmr_kernels_hmr2_decoder[], hmr_kernels_hmr2_skin[],
	hmr_kernels_hmr2_rgb[], hmr_kernels_hmr2_square[];
#ifdef __cplusplus
}
#endif

#define HMR_KERNEL_LISTS { hmr_kernels_nn_f32, hmr_kernels_nn_f16, \
	hmr_kernels_nn_bf16, hmr_kernels_nn_move, hmr_kernels_image, hmr_kernels_detect, \
	hmr_kernels_hmr2_vit, \
	hmr_kernels_hmr2_int8, hmr_kernels_hmr2_attend, hmr_kernels_hmr2_decoder, hmr_kernels_hmr2_skin, \
	hmr_kernels_hmr2_rgb, hmr_kernels_hmr2_square }

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving numbers about, whatever they are: concatenation, split, slices, transpose,
 * tiles, padding. Widths of 2 to 16 bytes: the widest that all strides and addresses
 * allow, chosen when the plan is made.
 */
#include "cuda/nn_math.h"

#ifdef __CUDACC__
#define WIDE8 uint2
#define WIDE16 uint4
#else
struct wide8 { uint32_t v[2]; };
struct wide16 { uint32_t v[4]; };
#define WIDE8 struct wide8
#define WIDE16 struct wide16
#endif

HMR_FN void
place(const struct nn_move *a, uint64_t i, int64_t *x, int64_t *y)
{
	uint32_t left = (uint32_t)i;

	*x = *y = 0;
	for (uint32_t r = a->rank; r-- > 0;) {
		uint32_t k = left % a->dims[r];

		left /= a->dims[r];
		*x += (int64_t)k * a->sx[r];
		*y += (int64_t)k * a->sy[r];
	}
}

#define MOVE(name, type) \
HMR_KERNEL_EACH(name, struct nn_move) \
{ \
	int64_t x, y; \
	place(a, i, &x, &y); \
	((type *)a->y)[y] = ((const type *)a->x)[x]; \
}

MOVE(move_2, uint16_t)
MOVE(move_4, uint32_t)
MOVE(move_8, WIDE8)
MOVE(move_16, WIDE16)

HMR_KERNELS(hmr_kernels_nn_move) = {
	HMR_KERNEL_ENTRY(move_2, struct nn_move), HMR_KERNEL_ENTRY(move_4, struct nn_move),
	HMR_KERNEL_ENTRY(move_8, struct nn_move), HMR_KERNEL_ENTRY(move_16, struct nn_move),
	HMR_KERNELS_END
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic of a detector's cells that the host and the kernels share: one source,
 * in C that C++ accepts too, so that both find the same boxes. kernel.h, included
 * before, says what a function of a kernel is.
 */
#ifndef HMR_CELL_H
#define HMR_CELL_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#ifndef HMR_FN
#define HMR_FN static inline
#endif

HMR_FN float
hmr_sigmoid(float x)
{
	return 1 / (1 + expf(-x));
}

/* The mean of the softmax over distances 0, 1, … of one side; logits lie step apart. */
HMR_FN float
hmr_cell_distance(const float *logit, size_t step, uint32_t bins)
{
	float top = logit[0], sum = 0, mean = 0;

	for (uint32_t j = 1; j < bins; j++)
		top = fmaxf(top, logit[j * step]);
	for (uint32_t j = 0; j < bins; j++) {
		float p = expf(logit[j * step] - top);

		sum += p;
		mean += p * (float)j;
	}
	return mean / sum;
}

HMR_FN float
hmr_box_area(const float b[4])
{
	float w = b[2] - b[0], h = b[3] - b[1];

	return w > 0 && h > 0 ? w * h : 0;
}

/* Intersection over union; 0 where either has no area. */
HMR_FN float
hmr_box_overlap(const float a[4], const float b[4])
{
	const float both[4] = {
		a[0] > b[0] ? a[0] : b[0], a[1] > b[1] ? a[1] : b[1],
		a[2] < b[2] ? a[2] : b[2], a[3] < b[3] ? a[3] : b[3],
	};
	float one = hmr_box_area(a), two = hmr_box_area(b), inter = hmr_box_area(both);

	return one > 0 && two > 0 ? inter / (one + two - inter) : 0;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NanoDet decoding: a cell's reference point is its centre, (x + 1/2) stride; a
 * side's distance is the mean of its softmax over 0..10 strides.
 */
#include "detect/nanodet.h"

#include <math.h>

static float
distance(const float logit[HMR_NANODET_BINS])
{
	float top = logit[0], sum = 0, mean = 0;

	for (int j = 1; j < HMR_NANODET_BINS; j++)
		top = logit[j] > top ? logit[j] : top;
	for (int j = 0; j < HMR_NANODET_BINS; j++) {
		float p = expf(logit[j] - top);

		sum += p;
		mean += p * (float)j;
	}
	return mean / sum;
}

void
hmr_nanodet_decode(const struct hmr_nanodet_level *l, float min,
		   const float scale[2], struct hmr_scored *out, uint32_t *n)
{
	for (uint32_t i = 0; i < l->cols * l->rows; i++) {
		float score = l->prob[(size_t)i * l->classes];
		const float *side = l->side + (size_t)i * 4 * HMR_NANODET_BINS;
		float at[2] = { (float)(i % l->cols) + 0.5f,
				(float)(i / l->cols) + 0.5f };
		struct hmr_scored *b = &out[*n];

		if (!(score >= min))
			continue;
		for (int k = 0; k < 4; k++) {
			float d = distance(side + k * HMR_NANODET_BINS);

			b->box[k] = (at[k % 2] + (k < 2 ? -d : d)) *
				(float)l->stride * scale[k % 2];
		}
		b->score = score;
		++*n;
	}
}

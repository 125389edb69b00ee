/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crops of people from an image on the device, as hmr2/hmr2_crop.c makes them: a
 * thread is a column of the crop. Blurred ones in two steps, along x for the image's
 * rows that are needed, then along y where the crop samples them.
 */
#include "cuda/hmr2_kernels.h"
#include "cuda/hmr2_vec.h"
#include "cuda/kernels.h"

#define LEFT 32			/* of 256 columns the network sees 192 */
#define WIDTH 192
#define PLANE (256 * WIDTH)

HMR_FN int32_t
inside(int32_t v, int32_t n)
{
	return v < 0 ? 0 : v < n ? v : n - 1;
}

/* Row v of the crop at a thread's column, normalised. */
HMR_FN void
put(float *crop, uint32_t v, const float rgb[3], HMR_BLOCK_PARAM)
{
	const float mean[3] = { 0.485f, 0.456f, 0.406f };
	const float deviation[3] = { 0.229f, 0.224f, 0.225f };

	V_UNROLL
	for (int k = 0; k < 3; k++)
		crop[k * PLANE + v * WIDTH + HMR_THREAD] =
			(rgb[k] - 255 * mean[k]) / (255 * deviation[k]);
}

HMR_KERNEL_BLOCK(hmr2_crop_sharp, struct hmr2_crop_args)
{
	const struct hmr2_crop_job *job = a->job + HMR_BLOCK_Y;
	int32_t x = job->x[LEFT + HMR_THREAD], y = job->y[HMR_BLOCK_X];
	int32_t sx = x >> 5, sy = y >> 5, fx = x & 31, fy = y & 31;
	const int32_t weight[2][2] = { { (32 - fx) * (32 - fy) * 32, fx * (32 - fy) * 32 },
				       { (32 - fx) * fy * 32, fx * fy * 32 } };
	int32_t sum[3] = { 1 << 14, 1 << 14, 1 << 14 };
	float rgb[3];

	if (job->radius >= 0)
		return;
	V_UNROLL
	for (int j = 0; j < 2; j++)
		V_UNROLL
		for (int i = 0; i < 2; i++) {
			const uint8_t *p;

			if (sx + i < 0 || sx + i >= a->width || sy + j < 0 ||
			    sy + j >= a->height)
				continue;
			p = a->image + ((size_t)(sy + j) * (size_t)a->width +
					(size_t)(sx + i)) * 3;
			V_UNROLL
			for (int k = 0; k < 3; k++)
				sum[k] += weight[j][i] * p[k];
		}
	V_UNROLL
	for (int k = 0; k < 3; k++)
		rgb[k] = (float)(sum[k] >> 15);
	put(a->crops + (size_t)HMR_BLOCK_Y * 3 * PLANE, HMR_BLOCK_X, rgb, HMR_BLOCK_PASS);
}

/* Both taps of a column on one row of the image; 0 outside. */
HMR_KERNEL_BLOCK(hmr2_crop_rows, struct hmr2_crop_args)
{
	const struct hmr2_crop_job *job = a->job;
	int32_t r = job->radius, sx = job->x[LEFT + HMR_THREAD] >> 5;
	const uint8_t *row = a->image + (size_t)(a->first + (int32_t)HMR_BLOCK_X) *
		(size_t)a->width * 3;
	float *to = a->rows + ((size_t)HMR_BLOCK_X * WIDTH + HMR_THREAD) * 6;

	for (int i = 0; i < 2; i++, to += 3) {
		float sum[3] = { 0, 0, 0 };

		for (int32_t k = -r; sx + i >= 0 && sx + i < a->width && k <= r; k++) {
			const uint8_t *p = row + 3 * (size_t)inside(sx + i + k, a->width);

			V_UNROLL
			for (int c = 0; c < 3; c++)
				sum[c] += job->kernel[k + r] * (float)p[c];
		}
		to[0] = sum[0];
		to[1] = sum[1];
		to[2] = sum[2];
	}
}

HMR_KERNEL_BLOCK(hmr2_crop_blurred, struct hmr2_crop_args)
{
	const struct hmr2_crop_job *job = a->job;
	int32_t r = job->radius, sy = job->y[HMR_BLOCK_X] >> 5;
	float fx = (float)(job->x[LEFT + HMR_THREAD] & 31) / 32;
	float fy = (float)(job->y[HMR_BLOCK_X] & 31) / 32;
	float rgb[3] = { 0, 0, 0 };

	for (int j = 0; j < 2; j++) {
		float sum[6] = { 0, 0, 0, 0, 0, 0 }, f = j ? fy : 1 - fy;

		for (int32_t k = -r; sy + j >= 0 && sy + j < a->height && k <= r; k++) {
			const float *p = a->rows + ((size_t)(inside(sy + j + k, a->height) -
				a->first) * WIDTH + HMR_THREAD) * 6;

			V_UNROLL
			for (int c = 0; c < 6; c++)
				sum[c] += job->kernel[k + r] * p[c];
		}
		V_UNROLL
		for (int c = 0; c < 3; c++)
			rgb[c] += f * ((1 - fx) * sum[c] + fx * sum[3 + c]);
	}
	put(a->crops, HMR_BLOCK_X, rgb, HMR_BLOCK_PASS);
}

HMR_KERNELS(hmr_kernels_hmr2_square) = {
	HMR_KERNEL_ENTRY_BLOCK(hmr2_crop_sharp, struct hmr2_crop_args),
	HMR_KERNEL_ENTRY_BLOCK(hmr2_crop_rows, struct hmr2_crop_args),
	HMR_KERNEL_ENTRY_BLOCK(hmr2_crop_blurred, struct hmr2_crop_args),
	HMR_KERNELS_END
};

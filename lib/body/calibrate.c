/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known to be wrong with the metric points of the BlazePose networks,
 * put right before the fit (MODEL.md, "fit", says how each figure was found):
 * fixed offsets of single points of the heavy network, hips too high, feet and
 * eyes too close together, people too small. Image points are taken as they are.
 */
#include "body/fit.h"

#include <math.h>
#include <string.h>

#define FIRST_HIP 23
#define FIRST_ANKLE 27
#define FOOT 1.5f	/* the networks' feet are two thirds of true ones */
#define HIPS 0.042f	/* metres that metric hips lie above those in the image */
#define EYES 1.8f	/* eyes half as far apart, 34 mm */
#define SCALE 1.02f	/* and adults 2 % too small */

/* Millimetres by which the heavy network's points lie off those of the full
 * network, whatever way the person faces: medians over 250 people. */
static const int8_t heavy[HMR_BODY_LANDMARKS][3] = {
	{ -23, 20, 7 }, { -8, 35, -2 }, { -7, 36, 9 }, { -7, 35, 7 },
	{ -1, 20, -11 }, { 0, 22, -24 }, { 6, 35, -3 }, { 11, 36, -9 },
	{ 12, 74, 16 }, { -8, 9, 16 }, { -5, 39, -5 }, { -4, 15, -31 },
	{ 25, -48, 31 }, { 37, -9, 1 }, { 36, -1, -1 }, { 33, 7, 47 },
	{ 9, -14, -47 }, { 17, -30, 76 }, { 26, -50, -76 }, { 13, -26, 73 },
	{ 41, -69, -73 }, { 38, 19, 53 }, { 7, -29, -53 }, { -19, 2, 22 },
	{ 21, -5, -22 }, { 18, 8, 17 }, { 16, -46, -17 }, { 12, -1, 5 },
	{ -40, -21, -5 }, { -17, -9, 27 }, { -43, -32, -27 }, { -29, -26, 30 },
	{ -42, -77, -30 },
};

/* Along the trunk, away from the shoulders. */
static void
lower_hips(float (*w)[3])
{
	float up[3], n = 0;

	for (int k = 0; k < 3; k++) {
		up[k] = w[11][k] + w[12][k] - w[FIRST_HIP][k] - w[FIRST_HIP + 1][k];
		n += up[k] * up[k];
	}
	n = sqrtf(n);
	for (int k = 0; k < 3 && n > 0.01f; k++) {
		w[FIRST_HIP][k] -= HIPS * up[k] / n;
		w[FIRST_HIP + 1][k] -= HIPS * up[k] / n;
	}
}

void
hmr_fit_calibrate(struct hmr_fit_input *in, const char *decoder,
		  const char *variant)
{
	float (*w)[3] = in->world, mid;

	if (!decoder || strcmp(decoder, "blazepose") != 0)
		return;
	if (variant && !strcmp(variant, "heavy"))
		for (int i = 0; i < HMR_BODY_LANDMARKS; i++)
			for (int k = 0; k < 3; k++)
				w[i][k] -= 0.001f * heavy[i][k];
	for (int i = FIRST_ANKLE + 2; i < HMR_BODY_LANDMARKS; i++) {
		const float *ankle = w[FIRST_ANKLE + (i - FIRST_ANKLE) % 2];
		for (int k = 0; k < 3; k++)
			w[i][k] = ankle[k] + FOOT * (w[i][k] - ankle[k]);
	}
	lower_hips(w);
	for (int k = 0; k < 3; k++) {
		mid = 0;
		for (int i = 1; i <= 6; i++)
			mid += w[i][k] / 6;
		for (int i = 1; i <= 6; i++)
			w[i][k] = mid + EYES * (w[i][k] - mid);
		mid = 0.5f * (w[FIRST_HIP][k] + w[FIRST_HIP + 1][k]);
		for (int i = 0; i < HMR_BODY_LANDMARKS; i++)
			w[i][k] = SCALE * (w[i][k] - mid);
	}
}

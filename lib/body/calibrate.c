/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known to be wrong with the metric points of the BlazePose networks,
 * put right before the fit (MODEL.md, "The fit", says how each figure was found):
 * fixed offsets of single points, hips too high, feet and eyes too close
 * together, people too small. Image points are taken as they are.
 */
#include "body/fit.h"

#include <math.h>
#include <string.h>

#define FIRST_SHOULDER 11
#define FIRST_ELBOW 13
#define FIRST_HIP 23
#define FIRST_ANKLE 27
#define FOOT 1.3f	/* the networks' feet are three quarters of true ones */
#define HIPS 0.042f	/* metres that metric hips lie above those in the image */
#define ARM 1.05f	/* their arms a twentieth short */
#define EYES 1.8f	/* eyes half as far apart, 34 mm */
#define SCALE 1.02f	/* and adults 2 % too small */

/* Millimetres by which a network's points lie off in the crop's axes, whatever way the
 * person faces: x of all and y of left against right from its own image points, z
 * of the heavy one from the full one. */
static const char *const variants[] = { "heavy", "full", "lite" };
static const int8_t offsets[3][HMR_BODY_LANDMARKS][3] = {
	{
		{ -14, 20, -70 }, { -13, 34, -78 }, { -10, 34, -67 }, { -10, 35, -70 },
		{ -5, 21, -87 }, { -3, 24, -100 }, { 4, 35, -80 }, { 0, 33, -81 },
		{ 1, 77, -56 }, { 3, 8, -58 }, { 6, 40, -79 }, { 9, 11, -2 },
		{ 11, -44, 60 }, { 11, -22, 11 }, { 23, 12, 9 }, { 21, -12, 86 },
		{ -4, 5, -8 }, { 8, -48, 114 }, { 22, -32, -38 }, { -3, -37, 114 },
		{ 39, -58, -32 }, { 26, 4, 92 }, { -3, -14, -14 }, { 3, 1, 22 },
		{ 9, -4, -22 }, { -6, 5, 12 }, { 30, -43, -22 }, { 19, -3, 37 },
		{ 4, -19, 27 }, { -5, -9, 52 }, { -3, -32, -2 }, { 8, -33, 90 },
		{ 0, -70, 30 },
	},
	{
		{ 4, 0, 0 }, { -5, -1, 0 }, { -7, -1, 0 }, { -5, -2, 0 }, { -3, 1, 0 },
		{ -3, 1, 0 }, { -3, 2, 0 }, { -14, -2, 0 }, { -2, 2, 0 }, { 4, -2, 0 },
		{ 10, 2, 0 }, { 2, 0, 0 }, { -4, 0, 0 }, { -22, -6, 0 }, { -2, 6, 0 },
		{ -10, -12, 0 }, { -12, 12, 0 }, { -11, -12, 0 }, { -2, 12, 0 },
		{ -14, -8, 0 }, { -3, 8, 0 }, { -6, -10, 0 }, { -12, 10, 0 },
		{ 17, 2, 0 }, { -20, -2, 0 }, { -21, 10, 0 }, { 7, -10, 0 },
		{ 13, 3, 0 }, { 27, -3, 0 }, { 22, 2, 0 }, { 25, -2, 0 }, { 34, 1, 0 },
		{ 20, -1, 0 },
	},
	{
		{ 0, 0, 0 }, { -5, 0, 0 }, { -3, 0, 0 }, { -4, 1, 0 }, { -3, 0, 0 },
		{ -2, 0, 0 }, { -2, -1, 0 }, { -7, -1, 0 }, { 3, 1, 0 }, { -9, -1, 0 },
		{ 0, 1, 0 }, { -1, -1, 0 }, { 1, 1, 0 }, { -10, -4, 0 }, { 3, 4, 0 },
		{ -7, -2, 0 }, { -2, 2, 0 }, { -14, 1, 0 }, { -3, -1, 0 },
		{ -11, -1, 0 }, { -1, 1, 0 }, { -6, -6, 0 }, { -4, 6, 0 }, { 14, 0, 0 },
		{ -15, 0, 0 }, { 2, -6, 0 }, { -8, 6, 0 }, { 11, -4, 0 }, { -1, 4, 0 },
		{ 17, -2, 0 }, { -3, 2, 0 }, { 26, -6, 0 }, { -12, 6, 0 },
	},
};

/* Elbows, wrists and hands outwards from the shoulders. */
static void
lengthen_arms(float (*w)[3])
{
	for (int i = FIRST_ELBOW; i < FIRST_HIP; i++)
		for (int k = 0; k < 3; k++) {
			float at = w[FIRST_SHOULDER + (i - FIRST_SHOULDER) % 2][k];
			w[i][k] = at + ARM * (w[i][k] - at);
		}
}

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
	float (*w)[3] = in->world, mid, s = sinf(in->turn), c = cosf(in->turn);

	if (!decoder || strcmp(decoder, "blazepose") != 0)
		return;
	for (int v = 0; v < 3 && variant; v++)
		for (int i = 0; i < HMR_BODY_LANDMARKS &&
		     !strcmp(variant, variants[v]); i++) {
			const int8_t *o = offsets[v][i];

			w[i][0] -= 0.001f * (c * o[0] - s * o[1]);
			w[i][1] -= 0.001f * (s * o[0] + c * o[1]);
			w[i][2] -= 0.001f * o[2];
		}
	for (int i = FIRST_ANKLE + 2; i < HMR_BODY_LANDMARKS; i++) {
		const float *ankle = w[FIRST_ANKLE + (i - FIRST_ANKLE) % 2];
		for (int k = 0; k < 3; k++)
			w[i][k] = ankle[k] + FOOT * (w[i][k] - ankle[k]);
	}
	lengthen_arms(w);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colour histograms of a person; see appearance.h. Pixels count by a Gaussian of
 * their distance to the bones of a part, so that neither the background nor a
 * landmark that moves by a pixel changes much; they are shared out linearly
 * between neighbouring bins for the same reason. Widths, bins and saturation were
 * compared on vtest.avi: of the people in a frame 3 to 9 s later the nearest by
 * these histograms is the same person in 86 of 100 cases, by chance in 19.
 */
#include "detect/appearance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 64			/* pixels of the crop that is looked at */

struct hmr_appearance {
	struct hmr_sampler *sampler;
	float rgb[3][SIDE * SIDE];	/* 0..1 */
};

struct bone {
	float a[2], b[2];	/* pixels of the small crop */
};

enum hmr_status
hmr_appearance_new(struct hmr_appearance **out, uint32_t width, uint32_t height,
		   struct hmr_err *e)
{
	struct hmr_appearance *a;
	enum hmr_status st;

	*out = NULL;
	if (!(a = calloc(1, sizeof(*a))))
		return hmr_fail(e, HMR_E_NOMEM, "appearance");
	if ((st = hmr_sampler_new(&a->sampler, width, height, SIDE, SIDE, e))) {
		free(a);
		return st;
	}
	*out = a;
	return HMR_OK;
}

void
hmr_appearance_free(struct hmr_appearance *a)
{
	if (a)
		hmr_sampler_free(a->sampler);
	free(a);
}

size_t
hmr_appearance_bytes(const struct hmr_appearance *a)
{
	return sizeof(*a) + hmr_sampler_bytes(a->sampler);
}

static float
distance2(const struct bone *s, float x, float y)
{
	float dx = s->b[0] - s->a[0], dy = s->b[1] - s->a[1];
	float len = dx * dx + dy * dy;
	float t = len > 0 ? ((x - s->a[0]) * dx + (y - s->a[1]) * dy) / len : 0;

	t = t > 0 ? t < 1 ? t : 1 : 0;
	x -= s->a[0] + t * dx;
	y -= s->a[1] + t * dy;
	return x * x + y * y;
}

/* Where v falls among n bins whose centres lie at 0..n-1: lower bin and the share
 * of the one above. */
static void
place(float v, int n, int *bin, float *share)
{
	v = v > 0 ? v : 0;	/* NaN too */
	v = v < (float)(n - 1) ? v : (float)(n - 1);
	*bin = (int)v < n - 1 ? (int)v : n - 2;
	*share = v - (float)*bin;
}

static void
count(float *bins, const float rgb[3], float weight)
{
	static const int size[3] = { HMR_APPEARANCE_LUMA, HMR_APPEARANCE_CHROMA,
		HMR_APPEARANCE_CHROMA };
	float luma = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
	float red = rgb[0] - rgb[1], blue = rgb[2] - (rgb[0] + rgb[1]) / 2;
	int bin[3];
	float share[3];

	place(luma * (HMR_APPEARANCE_LUMA - 1), size[0], &bin[0], &share[0]);
	/* Clothes are rarely more saturated than a sixth of the range. */
	place((red * 6 + 1) * (HMR_APPEARANCE_CHROMA - 1) / 2, size[1], &bin[1],
	      &share[1]);
	place((blue * 6 + 1) * (HMR_APPEARANCE_CHROMA - 1) / 2, size[2], &bin[2],
	      &share[2]);
	for (int k = 0; k < 8; k++) {
		float w = weight;
		int at = 0;

		for (int c = 0; c < 3; c++) {
			int up = k >> c & 1;

			w *= up ? share[c] : 1 - share[c];
			at = at * size[c] + bin[c] + up;
		}
		bins[at] += w;
	}
}

static void
part(const struct hmr_appearance *a, const struct bone *bone, int n, float sigma,
     const float inside[4], float *bins)
{
	float k = -0.5f / (sigma * sigma), sum = 0;

	memset(bins, 0, HMR_APPEARANCE_BINS * sizeof(*bins));
	for (int i = 0; i < SIDE * SIDE; i++) {
		float x = (float)(i % SIDE) + 0.5f, y = (float)(i / SIDE) + 0.5f;
		float near = distance2(&bone[0], x, y), w;
		float rgb[3] = { a->rgb[0][i], a->rgb[1][i], a->rgb[2][i] };

		if (x < inside[0] || y < inside[1] || x > inside[2] || y > inside[3])
			continue;
		for (int b = 1; b < n; b++)
			near = fminf(near, distance2(&bone[b], x, y));
		if (!(near < 9 * sigma * sigma))
			continue;
		w = expf(k * near);
		count(bins, rgb, w);
		sum += w;
	}
	for (int i = 0; i < HMR_APPEARANCE_BINS && sum > 0; i++)
		bins[i] /= sum;
}

enum hmr_status
hmr_appearance_run(struct hmr_appearance *a, const struct hmr_image *im,
		   const struct hmr_crop *crop, const struct hmr_landmark_row *l,
		   float *out, struct hmr_err *e)
{
	/* BlazePose's shoulders, hips, knees and ankles, left and right */
	enum { SHOULDER = 11, HIP = 23, KNEE = 25, ANKLE = 27 };
	struct hmr_raster r = { .channel = { a->rgb[0], a->rgb[1], a->rgb[2] },
		.step = 1, .pitch = SIDE, .width = SIDE, .height = SIDE,
		.scale = { 1, 1, 1 } };
	float unit = SIDE / crop->side, p[HMR_LANDMARKS][2], trunk, inside[4];
	struct hmr_crop upright = { { crop->centre[0], crop->centre[1] }, crop->side, 0 };
	struct bone upper, lower[4];
	enum hmr_status st;

	if ((st = hmr_sample_crop(a->sampler, im, &upright, &r, e)))
		return st;
	for (int i = 0; i < HMR_LANDMARKS; i++)
		for (int c = 0; c < 2; c++)
			p[i][c] = (l->image[i][c] - crop->centre[c]) * unit + SIDE / 2;
	for (int c = 0; c < 2; c++) {
		float neck = (p[SHOULDER][c] + p[SHOULDER + 1][c]) / 2;
		float hip = (p[HIP][c] + p[HIP + 1][c]) / 2;

		/* Ends drawn in: the bone's own width reaches beyond them. */
		upper.a[c] = neck + 0.15f * (hip - neck);
		upper.b[c] = neck + 0.75f * (hip - neck);
		for (int side = 0; side < 2; side++) {
			lower[side].a[c] = p[HIP + side][c] + 0.25f *
				(p[KNEE + side][c] - p[HIP + side][c]);
			lower[side].b[c] = lower[2 + side].a[c] = p[KNEE + side][c];
			lower[2 + side].b[c] = p[ANKLE + side][c];
		}
		inside[c] = -crop->centre[c] * unit + SIDE / 2;
	}
	inside[2] = inside[0] + (float)im->width * unit;
	inside[3] = inside[1] + (float)im->height * unit;
	/* A bent or foreshortened trunk is no thinner for it. */
	trunk = fmaxf(hypotf(upper.b[0] - upper.a[0], upper.b[1] - upper.a[1]) / 0.6f,
		      0.15f * SIDE);
	part(a, &upper, 1, 0.2f * trunk, inside, out);
	part(a, lower, 4, 0.12f * trunk, inside, out + HMR_APPEARANCE_BINS);
	return HMR_OK;
}

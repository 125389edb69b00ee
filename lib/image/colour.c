/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Y'CbCr to R'G'B' by matrix (ITU-R BT.601, BT.709, BT.2020 non-constant
 * luminance), range and depth, and single samples of any format; see colour.h.
 */
#include "image/colour.h"

#include <math.h>

void
hmr_colour_init(struct hmr_colour *k, const struct hmr_image *im)
{
	double kr = 0.299, kb = 0.114, gy, gc;
	double unit = (double)(1u << (im->depth - 8)), top = 256 * unit - 1;

	if (im->matrix == HMR_MATRIX_BT709) {
		kr = 0.2126;
		kb = 0.0722;
	} else if (im->matrix == HMR_MATRIX_BT2020) {
		kr = 0.2627;
		kb = 0.0593;
	}
	gy = im->range == HMR_RANGE_FULL ? 1 / top : 1 / (219 * unit);
	gc = im->range == HMR_RANGE_FULL ? 1 / top : 1 / (224 * unit);
	k->rgb = im->pixel == HMR_PIXEL_RGB24;
	k->gray = im->pixel == HMR_PIXEL_GRAY;
	if (k->rgb)
		gy = 1 / top;
	k->gy = (float)gy;
	k->zero_y = im->range == HMR_RANGE_FULL || k->rgb ? 0 : (float)(16 * unit);
	k->zero_c = (float)(128 * unit);
	k->rv = (float)(2 * (1 - kr) * gc);
	k->bu = (float)(2 * (1 - kb) * gc);
	k->gu = (float)(-2 * kb * (1 - kb) / (1 - kr - kb) * gc);
	k->gv = (float)(-2 * kr * (1 - kr) / (1 - kr - kb) * gc);
}

static inline float
unit_clamp(float v)
{
	v = v > 0 ? v : 0;
	return v < 1 ? v : 1;
}

/* Inlined once with a constant step of 1, so that planar rasters vectorise. */
static inline void
matrix_row(const struct hmr_colour *k, const float *restrict y,
	   const float *restrict u, const float *restrict v,
	   const float *restrict cover, const struct hmr_raster *r,
	   float *restrict tr, float *restrict tg, float *restrict tb, size_t step)
{
	float rv = k->rv, gu = k->gu, gv = k->gv, bu = k->bu;
	float sr = r->scale[0], sg = r->scale[1], sb = r->scale[2];
	float br = r->bias[0], bg = r->bias[1], bb = r->bias[2];
	size_t n = r->width;

	for (size_t i = 0; i < n; i++) {
		float l = (y[i] - k->zero_y * cover[i]) * k->gy;
		float cb = (u[i] - k->zero_c) * cover[i];
		float cr = (v[i] - k->zero_c) * cover[i];

		tr[i * step] = unit_clamp(l + rv * cr) * sr + br;
		tg[i * step] = unit_clamp(l + (gu * cb + gv * cr)) * sg + bg;
		tb[i * step] = unit_clamp(l + bu * cb) * sb + bb;
	}
}

static inline void
plain_row(const struct hmr_colour *k, const float *restrict c,
	  const float *restrict cover, size_t n, float scale, float bias,
	  float *restrict to, size_t step)
{
	for (size_t i = 0; i < n; i++)
		to[i * step] = unit_clamp((c[i] - k->zero_y * cover[i]) * k->gy) *
			scale + bias;
}

void
hmr_colour_row(const struct hmr_colour *k, float *const line[3],
	       const float *cover, const struct hmr_raster *r,
	       float *const to[3])
{
	if (k->rgb || k->gray) {
		for (int c = 0; c < 3; c++)
			plain_row(k, line[k->gray ? 0 : c], cover, r->width,
				  r->scale[c], r->bias[c], to[c], r->step);
		return;
	}
	if (r->step == 1)
		matrix_row(k, line[0], line[1], line[2], cover, r, to[0], to[1],
			   to[2], 1);
	else
		matrix_row(k, line[0], line[1], line[2], cover, r, to[0], to[1],
			   to[2], r->step);
}

bool
hmr_chroma_shape(const struct hmr_image *im, uint32_t *sx, uint32_t *sy,
		 uint32_t *w, uint32_t *h)
{
	*sx = *sy = 1;
	switch (im->pixel) {
	case HMR_PIXEL_YUV420P:
	case HMR_PIXEL_NV12:
		*sy = 2;
		*sx = 2;
		break;
	case HMR_PIXEL_YUV422P:
		*sx = 2;
		break;
	case HMR_PIXEL_YUV444P:
		break;
	case HMR_PIXEL_GRAY:
	case HMR_PIXEL_RGB24:
		return false;
	}
	*w = (im->width + *sx - 1) / *sx;
	*h = (im->height + *sy - 1) / *sy;
	return true;
}

static float
sample(const struct hmr_image *im, uint32_t p, size_t index, uint32_t y)
{
	const uint8_t *row = im->plane[p] + (size_t)y * im->stride[p];

	if (im->depth > 8)
		return (float)(row[2 * index] | row[2 * index + 1] << 8);
	return (float)row[index];
}

/* A plane of w x h with `step` interleaved channels at channel c, at (x, y) in
 * samples. black: taps outside are zero, and *cover is their weight inside. */
static float
bilinear(const struct hmr_image *im, uint32_t p, uint32_t step, uint32_t c,
	 uint32_t w, uint32_t h, double x, double y, bool black, float *cover)
{
	double bx = floor(x - 0.5), by = floor(y - 0.5);
	double fx = x - 0.5 - bx, fy = y - 0.5 - by;
	float sum = 0;

	*cover = 0;
	for (int t = 0; t < 4; t++) {
		double px = bx + t % 2, py = by + t / 2;
		float weight = (float)((t % 2 ? fx : 1 - fx) * (t / 2 ? fy : 1 - fy));

		if (px < 0 || py < 0 || px > w - 1.0 || py > h - 1.0) {
			if (black)
				continue;
			px = px < 0 ? 0 : px > w - 1.0 ? w - 1.0 : px;
			py = py < 0 ? 0 : py > h - 1.0 ? h - 1.0 : py;
		}
		*cover += weight;
		sum += weight * sample(im, p, (size_t)px * step + c, (uint32_t)py);
	}
	return sum;
}

void
hmr_colour_fetch(const struct hmr_image *im, double x, double y, float out[4])
{
	uint32_t sx, sy, cw, ch;
	float unused;

	if (im->pixel == HMR_PIXEL_RGB24) {
		for (uint32_t c = 0; c < 3; c++)
			out[c] = bilinear(im, 0, 3, c, im->width, im->height, x, y,
					  true, &out[3]);
		return;
	}
	out[0] = bilinear(im, 0, 1, 0, im->width, im->height, x, y, true, &out[3]);
	out[1] = out[2] = 0;
	if (!hmr_chroma_shape(im, &sx, &sy, &cw, &ch))
		return;
	for (uint32_t c = 0; c < 2; c++) {
		bool pairs = im->pixel == HMR_PIXEL_NV12;

		out[1 + c] = bilinear(im, pairs ? 1 : 1 + c, pairs ? 2 : 1,
				      pairs ? c : 0, cw, ch, x / sx, y / sy, false,
				      &unused);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resampling with colour conversion; see sample.h. Each plane is filtered down
 * its columns into one float row, then along that row to the raster's width; the
 * colour matrix is applied last, at the raster's size. Filters and matrix are
 * linear, so the order does not matter but for the cost.
 */
#include "image/sample.h"

#include <math.h>
#include <stdlib.h>

#include "image/axis.h"
#include "image/colour.h"

#define PAD 4			/* samples a row may be read beyond its end */

struct hmr_sampler {
	uint32_t width, height, width_out, height_out;
	size_t bytes;
	struct hmr_axis x, y;		/* of luma and rgb */
	struct hmr_axis cx, cy;		/* of chroma */
	float *row;			/* [3 * width + PAD] one filtered row */
	float *line[3];			/* [width_out] Y U V or R G B */
	float *cover;			/* [width_out] */
};

static size_t
lay_out(struct hmr_sampler *s, char *base)
{
	size_t at = 0;

#define PLACE(n) (at += (n), base ? base + at - (n) : NULL)
#define AXIS(axis, out, src) do { \
	char *p = PLACE(hmr_axis_bytes(out, src)); \
	if (p) \
		hmr_axis_init(&s->axis, p, out, src); \
	} while (0)
	AXIS(x, s->width_out, s->width);
	AXIS(y, s->height_out, s->height);
	AXIS(cx, s->width_out, s->width);
	AXIS(cy, s->height_out, s->height);
	s->row = (float *)PLACE(((size_t)s->width * 3 + PAD) * sizeof(float));
	for (int c = 0; c < 3; c++)
		s->line[c] = (float *)PLACE(s->width_out * sizeof(float));
	s->cover = (float *)PLACE(s->width_out * sizeof(float));
#undef AXIS
#undef PLACE
	return at;
}

enum hmr_status
hmr_sampler_new(struct hmr_sampler **out, uint32_t width, uint32_t height,
		uint32_t width_out, uint32_t height_out, struct hmr_err *e)
{
	struct hmr_sampler *s, sizes = { .width = width, .height = height,
		.width_out = width_out, .height_out = height_out };
	size_t bytes;

	*out = NULL;
	if (!width || !height || !width_out || !height_out ||
	    width > HMR_IMAGE_MAX_SIDE || height > HMR_IMAGE_MAX_SIDE ||
	    width_out > HMR_IMAGE_MAX_SIDE || height_out > HMR_IMAGE_MAX_SIDE)
		return hmr_fail(e, HMR_E_LIMIT, "image sampler: %ux%u to %ux%u",
				width, height, width_out, height_out);
	bytes = lay_out(&sizes, NULL);
	if (!(s = calloc(1, sizeof(*s) + bytes)))
		return hmr_fail(e, HMR_E_NOMEM, "image sampler");
	*s = sizes;
	s->bytes = sizeof(*s) + bytes;
	lay_out(s, (char *)(s + 1));
	*out = s;
	return HMR_OK;
}

void
hmr_sampler_free(struct hmr_sampler *s)
{
	free(s);
}

size_t
hmr_sampler_bytes(const struct hmr_sampler *s)
{
	return s->bytes;
}

/* acc[i] = sum over the taps of w[k] * sample i of row k, for one sample type.
 * Two rows at a time: the sums stay in registers and the loops vectorise. */
#define COLUMNS(name, type) \
static void \
name(float *restrict acc, const uint8_t *base, size_t stride, size_t from, \
     const float *w, uint32_t taps, size_t n) \
{ \
	uint32_t k = taps % 2; \
\
	if (k) { \
		const type *restrict a = (const type *)(const void *)base + from; \
\
		for (size_t i = 0; i < n; i++) \
			acc[i] = w[0] * (float)a[i]; \
	} else { \
		for (size_t i = 0; i < n; i++) \
			acc[i] = 0; \
	} \
	for (; k < taps; k += 2) { \
		const type *restrict a = \
			(const type *)(const void *)(base + k * stride) + from; \
		const type *restrict b = \
			(const type *)(const void *)(base + (k + 1) * stride) + from; \
		float wa = w[k], wb = w[k + 1]; \
\
		for (size_t i = 0; i < n; i++) \
			acc[i] += wa * (float)a[i] + wb * (float)b[i]; \
	} \
}
COLUMNS(columns8, uint8_t)
COLUMNS(columns16, uint16_t)

/* One raster row of a plane that holds `step` interleaved channels, before the
 * filter along x: s->row[i * step + c] for source columns x->lo <= i < x->hi. */
static void
filter_y(struct hmr_sampler *s, const struct hmr_image *im, uint32_t plane,
	 uint32_t step, const struct hmr_axis *x, const struct hmr_axis *y,
	 uint32_t v)
{
	uint32_t rows = hmr_plane_rows(im, plane), taps = y->count[v];
	const uint8_t *base = im->plane[plane] +
		(size_t)y->first[v] * im->stride[plane];
	size_t from = (size_t)x->lo * step, n = (size_t)(x->hi - x->lo) * step;

	if (y->first[v] + taps > rows)	/* the second of two, of weight 0 */
		taps = rows - y->first[v];
	(im->depth > 8 ? columns16 : columns8)(s->row + from, base,
		im->stride[plane], from, y->weight + y->at[v], taps, n);
}

/* Then along x, one of the interleaved channels. */
static void
filter_x(float *restrict out, const float *restrict row, uint32_t step,
	 const struct hmr_axis *x)
{
	const float *restrict w = x->weight;

	if (x->two) {
		for (uint32_t u = 0; u < x->n; u++) {
			const float *p = row + (size_t)x->first[u] * step;

			out[u] = w[2 * (size_t)u] * p[0] +
				 w[2 * (size_t)u + 1] * p[step];
		}
		return;
	}
	for (uint32_t u = 0; u < x->n; u++) {
		const float *p = row + (size_t)x->first[u] * step;
		float sum = 0;

		for (uint32_t k = 0; k < x->count[u]; k++)
			sum += w[x->at[u] + k] * p[(size_t)k * step];
		out[u] = sum;
	}
}

static void
fill_lines(struct hmr_sampler *s, const struct hmr_image *im, uint32_t v)
{
	switch (im->pixel) {
	case HMR_PIXEL_RGB24:
		filter_y(s, im, 0, 3, &s->x, &s->y, v);
		for (uint32_t c = 0; c < 3; c++)
			filter_x(s->line[c], s->row + c, 3, &s->x);
		return;
	case HMR_PIXEL_GRAY:
		filter_y(s, im, 0, 1, &s->x, &s->y, v);
		filter_x(s->line[0], s->row, 1, &s->x);
		return;
	case HMR_PIXEL_NV12:
		filter_y(s, im, 0, 1, &s->x, &s->y, v);
		filter_x(s->line[0], s->row, 1, &s->x);
		filter_y(s, im, 1, 2, &s->cx, &s->cy, v);
		for (uint32_t c = 0; c < 2; c++)
			filter_x(s->line[1 + c], s->row + c, 2, &s->cx);
		return;
	case HMR_PIXEL_YUV420P:
	case HMR_PIXEL_YUV422P:
	case HMR_PIXEL_YUV444P:
		break;
	}
	for (uint32_t p = 0; p < 3; p++) {
		const struct hmr_axis *x = p ? &s->cx : &s->x;

		filter_y(s, im, p, 1, x, p ? &s->cy : &s->y, v);
		filter_x(s->line[p], s->row, 1, x);
	}
}

/* Plans both directions for the source interval that the raster covers. */
static void
plan(struct hmr_sampler *s, const struct hmr_image *im,
     const struct hmr_raster *r, double x0, double y0, double w, double h,
     bool black)
{
	uint32_t sx, sy, cw, ch;

	hmr_axis_plan(&s->x, r->width, im->width, x0, w / r->width, black);
	hmr_axis_plan(&s->y, r->height, im->height, y0, h / r->height, black);
	if (!hmr_chroma_shape(im, &sx, &sy, &cw, &ch))
		return;
	hmr_axis_plan(&s->cx, r->width, cw, x0 / sx, w / sx / r->width, false);
	hmr_axis_plan(&s->cy, r->height, ch, y0 / sy, h / sy / r->height, false);
}

static void
run(struct hmr_sampler *s, const struct hmr_image *im,
    const struct hmr_raster *r)
{
	struct hmr_colour k;

	hmr_colour_init(&k, im);
	for (uint32_t v = 0; v < r->height; v++) {
		float *to[3];

		for (int c = 0; c < 3; c++)
			to[c] = r->channel[c] + v * r->pitch;
		for (uint32_t u = 0; u < r->width; u++)
			s->cover[u] = s->x.cover[u] * s->y.cover[v];
		fill_lines(s, im, v);
		hmr_colour_row(&k, s->line, s->cover, r, to);
	}
}

static enum hmr_status
check(const struct hmr_sampler *s, const struct hmr_image *im,
      const struct hmr_raster *r, struct hmr_err *e)
{
	if (im->width > s->width || im->height > s->height)
		return hmr_fail(e, HMR_E_LIMIT,
				"image is %ux%u, the stream's largest is %ux%u",
				im->width, im->height, s->width, s->height);
	if (!r->width || !r->height || r->width > s->width_out ||
	    r->height > s->height_out)
		return hmr_fail(e, HMR_E_LIMIT, "raster is %ux%u, planned %ux%u",
				r->width, r->height, s->width_out, s->height_out);
	return HMR_OK;
}

enum hmr_status
hmr_sample_image(struct hmr_sampler *s, const struct hmr_image *im,
		 const struct hmr_raster *r, struct hmr_err *e)
{
	enum hmr_status st;

	if ((st = check(s, im, r, e)))
		return st;
	plan(s, im, r, 0, 0, im->width, im->height, false);
	run(s, im, r);
	return HMR_OK;
}

enum hmr_status
hmr_sample_box(struct hmr_sampler *s, const struct hmr_image *im, const float box[4],
	       const struct hmr_raster *r, struct hmr_err *e)
{
	double w = (double)box[2] - box[0], h = (double)box[3] - box[1];
	enum hmr_status st;

	if ((st = check(s, im, r, e)))
		return st;
	if (!isfinite(w) || !isfinite(h) || !(w > 0) || !(h > 0))
		return hmr_fail(e, HMR_E_FORMAT, "box: %g %g %g %g", (double)box[0],
				(double)box[1], (double)box[2], (double)box[3]);
	plan(s, im, r, box[0], box[1], w, h, true);
	run(s, im, r);
	return HMR_OK;
}

void
hmr_crop_point(const struct hmr_crop *c, float u, float v, float xy[2])
{
	float sn = sinf(c->angle), cs = cosf(c->angle);

	u = (u - 0.5f) * c->side;
	v = (v - 0.5f) * c->side;
	xy[0] = c->centre[0] + cs * u - sn * v;
	xy[1] = c->centre[1] + sn * u + cs * v;
}

/* Turned crops: the mean of a grid of k x k bilinear samples a pixel, k so that
 * they lie at most a source pixel apart. One row of the raster into s->line. */
static void
turned_row(struct hmr_sampler *s, const struct hmr_image *im,
	   const struct hmr_crop *c, const struct hmr_raster *r, uint32_t v)
{
	double sn = sin(c->angle), cs = cos(c->angle), side = c->side;
	double step = side / (r->width < r->height ? r->width : r->height);
	/* Beyond 16 x 16 the time would grow without bound for no gain. */
	uint32_t k = step <= 2 ? 1 : step < 16 ? (uint32_t)ceil(step) : 16;
	float mean = 1.0f / (float)(k * k);

	for (uint32_t u = 0; u < r->width; u++) {
		float sum[4] = { 0, 0, 0, 0 };

		for (uint32_t j = 0; j < k * k; j++) {
			double a = (u + (j % k + 0.5) / k) / r->width - 0.5;
			double b = (v + (j / k + 0.5) / k) / r->height - 0.5;
			float yuv[4];

			hmr_colour_fetch(im, c->centre[0] + side * (cs * a - sn * b),
					 c->centre[1] + side * (sn * a + cs * b), yuv);
			for (int i = 0; i < 4; i++)
				sum[i] += yuv[i];
		}
		for (int i = 0; i < 3; i++)
			s->line[i][u] = sum[i] * mean;
		s->cover[u] = sum[3] * mean;
	}
}

enum hmr_status
hmr_sample_crop(struct hmr_sampler *s, const struct hmr_image *im,
		const struct hmr_crop *c, const struct hmr_raster *r,
		struct hmr_err *e)
{
	double x0 = (double)c->centre[0] - (double)c->side / 2;
	double y0 = (double)c->centre[1] - (double)c->side / 2;
	enum hmr_status st;
	struct hmr_colour k;

	if ((st = check(s, im, r, e)))
		return st;
	if (!isfinite(x0) || !isfinite(y0) || !isfinite(c->angle) || !(c->side > 0))
		return hmr_fail(e, HMR_E_FORMAT, "crop: centre %g %g, side %g",
				(double)c->centre[0], (double)c->centre[1],
				(double)c->side);
	if (c->angle == 0) {
		plan(s, im, r, x0, y0, c->side, c->side, true);
		run(s, im, r);
		return HMR_OK;
	}
	hmr_colour_init(&k, im);
	for (uint32_t v = 0; v < r->height; v++) {
		float *to[3];

		for (int i = 0; i < 3; i++)
			to[i] = r->channel[i] + v * r->pitch;
		turned_row(s, im, c, r, v);
		hmr_colour_row(&k, s->line, s->cover, r, to);
	}
	return HMR_OK;
}

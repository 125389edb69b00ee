/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines, discs, rectangles and text; see draw.h. Round shapes are covered by the
 * distance of a pixel's centre from the stroke's middle, a pixel wide ramp;
 * rectangles by the exact area. Nothing is allocated.
 */
#include "render/draw.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "render/font.h"

#define SEGMENTS_MAX 32			/* of a glyph */

struct segment {
	float a[2], d[2];		/* start and extent, px */
	float inv;			/* 1 / length^2; 0 for a dot */
};

struct span {				/* pixels, half-open */
	int x0, y0, x1, y1;
};

static bool
near_enough(const float *v, int n)
{
	for (int i = 0; i < n; i++)
		if (!(fabsf(v[i]) <= HMR_DRAW_FAR))
			return false;
	return true;
}

/* The canvas's pixels that a rectangle touches. */
static struct span
clip(const struct hmr_canvas *c, float x0, float y0, float x1, float y1)
{
	struct span s;

	float w = (float)c->width, h = (float)c->height;

	s.x0 = x0 > 0 ? x0 < w ? (int)x0 : (int)c->width : 0;
	s.y0 = y0 > 0 ? y0 < h ? (int)y0 : (int)c->height : 0;
	s.x1 = x1 < w ? x1 > 0 ? (int)ceilf(x1) : 0 : (int)c->width;
	s.y1 = y1 < h ? y1 > 0 ? (int)ceilf(y1) : 0 : (int)c->height;
	return s;
}

static int
weight(float coverage, float alpha)
{
	float v = (coverage < 1 ? coverage : 1) * alpha;

	return v > 0 ? v < 1 ? (int)(v * 256 + 0.5f) : 256 : 0;
}

static struct segment
segment_of(const float a[2], const float b[2])
{
	struct segment s = { { a[0], a[1] }, { b[0] - a[0], b[1] - a[1] }, 0 };
	float l = s.d[0] * s.d[0] + s.d[1] * s.d[1];

	s.inv = l > 1e-6f ? 1 / l : 0;
	return s;
}

static float
distance2(const struct segment *s, float x, float y)
{
	float px = x - s->a[0], py = y - s->a[1];
	float t = (px * s->d[0] + py * s->d[1]) * s->inv;

	t = t > 0 ? t < 1 ? t : 1 : 0;
	px -= t * s->d[0];
	py -= t * s->d[1];
	return px * px + py * py;
}

/* The union of strokes, each of radius r, over s; pixels are mixed once. */
static void
stroke(const struct hmr_canvas *c, const struct segment *seg, int n,
       struct span s, float r, const uint8_t rgb[3], float alpha)
{
	float reach = (r + 0.5f) * (r + 0.5f);

	for (int y = s.y0; y < s.y1; y++)
		for (int x = s.x0; x < s.x1; x++) {
			float d = reach;

			for (int i = 0; i < n; i++) {
				float v = distance2(&seg[i], (float)x + 0.5f,
						    (float)y + 0.5f);

				d = v < d ? v : d;
			}
			if (d < reach)
				hmr_canvas_mix(hmr_canvas_at(c, (uint32_t)x,
							     (uint32_t)y), rgb,
					       weight(r + 0.5f - sqrtf(d), alpha));
		}
}

/* Thin lines keep a pixel's width and pale instead. */
static float
radius_of(float width, float *alpha)
{
	if (width >= 1)
		return width / 2;
	*alpha *= width;
	return 0.5f;
}

void
hmr_draw_line(const struct hmr_canvas *c, const float a[2], const float b[2],
	      float width, const uint8_t rgb[3], float alpha)
{
	struct segment g;
	struct span all;
	float r, slope, lo, hi;

	if (!near_enough(a, 2) || !near_enough(b, 2) || !(width > 0) ||
	    !near_enough(&width, 1))
		return;
	r = radius_of(width, &alpha) + 1;
	g = segment_of(a, b);
	lo = a[0] < b[0] ? a[0] : b[0];
	hi = a[0] < b[0] ? b[0] : a[0];
	all = clip(c, lo - r, (a[1] < b[1] ? a[1] : b[1]) - r, hi + r,
		   (a[1] < b[1] ? b[1] : a[1]) + r);
	/* in a row the stroke spans what its middle does a radius above and below,
	 * and a radius to the sides */
	slope = fabsf(g.d[1]) > 1e-3f ? g.d[0] / g.d[1] : 0;
	for (int y = all.y0; y < all.y1; y++) {
		struct span row = all;

		row.y0 = y;
		row.y1 = y + 1;
		if (fabsf(g.d[1]) > 1e-3f) {
			float x = a[0] + ((float)y + 0.5f - a[1]) * slope;
			float w = r * (fabsf(slope) + 1) + 1;
			struct span cut = clip(c, x - w, 0, x + w, 1);

			row.x0 = cut.x0 > row.x0 ? cut.x0 : row.x0;
			row.x1 = cut.x1 < row.x1 ? cut.x1 : row.x1;
		}
		stroke(c, &g, 1, row, r - 1, rgb, alpha);
	}
}

void
hmr_draw_disc(const struct hmr_canvas *c, const float at[2], float radius,
	      const uint8_t rgb[3], float alpha)
{
	struct segment g = segment_of(at, at);

	if (!near_enough(at, 2) || !(radius > 0) || !near_enough(&radius, 1))
		return;
	stroke(c, &g, 1, clip(c, at[0] - radius - 1, at[1] - radius - 1,
			      at[0] + radius + 1, at[1] + radius + 1),
	       radius, rgb, alpha);
}

static float
overlap(int px, float from, float to)
{
	float lo = from > (float)px ? from : (float)px;
	float hi = to < (float)px + 1 ? to : (float)px + 1;

	return hi > lo ? hi - lo : 0;
}

void
hmr_draw_rect(const struct hmr_canvas *c, const float r[4], const uint8_t rgb[3],
	      float alpha)
{
	struct span s;

	if (!near_enough(r, 4))
		return;
	s = clip(c, r[0], r[1], r[2], r[3]);
	for (int y = s.y0; y < s.y1; y++) {
		float part = overlap(y, r[1], r[3]) * alpha;

		for (int x = s.x0; x < s.x1; x++)
			hmr_canvas_mix(hmr_canvas_at(c, (uint32_t)x, (uint32_t)y),
				       rgb, weight(overlap(x, r[0], r[2]), part));
	}
}

/* One side of a frame; axis 0 runs along x. */
static void
side(const struct hmr_canvas *c, const float r[4], int axis, float dash,
     const uint8_t rgb[3], float alpha)
{
	float end = r[axis + 2], limit = axis ? (float)c->height : (float)c->width;
	float at = r[axis], piece[4] = { r[0], r[1], r[2], r[3] };

	if (!(dash > 0)) {
		hmr_draw_rect(c, r, rgb, alpha);
		return;
	}
	dash = dash < 1 ? 1 : dash;
	if (at < -2 * dash)		/* skip whole periods outside */
		at += floorf(-at / (2 * dash)) * 2 * dash;
	end = end < limit ? end : limit;
	for (; at < end; at += 2 * dash) {
		piece[axis] = at;
		piece[axis + 2] = at + dash < r[axis + 2] ? at + dash : r[axis + 2];
		hmr_draw_rect(c, piece, rgb, alpha);
	}
}

void
hmr_draw_frame(const struct hmr_canvas *c, const float r[4], float width,
	       float dash, const uint8_t rgb[3], float alpha)
{
	float h = width / 2;
	float top[4] = { r[0] - h, r[1] - h, r[2] + h, r[1] + h };
	float bottom[4] = { r[0] - h, r[3] - h, r[2] + h, r[3] + h };
	float left[4] = { r[0] - h, r[1] + h, r[0] + h, r[3] - h };
	float right[4] = { r[2] - h, r[1] + h, r[2] + h, r[3] - h };

	if (!near_enough(r, 4) || !(width > 0) || !near_enough(&width, 1))
		return;
	side(c, top, 0, dash, rgb, alpha);
	side(c, bottom, 0, dash, rgb, alpha);
	side(c, left, 1, dash, rgb, alpha);
	side(c, right, 1, dash, rgb, alpha);
}

/* The segments of a glyph whose left end of the base line is at x,y. */
static int
glyph_segments(const struct hmr_glyph *g, float x, float y, float unit,
	       struct segment seg[SEGMENTS_MAX])
{
	const char *p = g->strokes;
	int n = 0;

	while (p[0] && p[1] && n < SEGMENTS_MAX) {
		float a[2] = { x + (float)(p[0] - '0') * unit,
			       y - (float)(p[1] - 'e') * unit };

		p += 2;
		if (*p && *p != ' ') {
			float b[2] = { x + (float)(p[0] - '0') * unit,
				       y - (float)(p[1] - 'e') * unit };

			seg[n++] = segment_of(a, b);
		} else if (*p == ' ') {
			p++;
		}
	}
	return n;
}

static void
text(const struct hmr_canvas *c, const float at[2], float size, float r,
     const char *s, const uint8_t rgb[3], float alpha)
{
	float unit = size / HMR_FONT_CAPITAL, x = at[0];
	struct segment seg[SEGMENTS_MAX];

	if (!near_enough(at, 2) || !(size > 0) || !near_enough(&size, 1))
		return;
	for (; *s && x < (float)c->width; s++) {
		const struct hmr_glyph *g = hmr_font_glyph((unsigned char)*s);
		int n = glyph_segments(g, x, at[1], unit, seg);
		float w = (float)g->width * unit;

		stroke(c, seg, n, clip(c, x - r - 1, at[1] - size - r - 1,
				       x + w + r + 1,
				       at[1] + unit * HMR_FONT_DEEPEST + r + 1),
		       r, rgb, alpha);
		x += w + HMR_FONT_GAP * unit + size / 7;
	}
}

float
hmr_draw_text_width(float size, const char *s)
{
	float unit = size / HMR_FONT_CAPITAL, x = 0;

	for (; *s; s++)
		x += (float)(hmr_font_glyph((unsigned char)*s)->width +
			     HMR_FONT_GAP) * unit + size / 7;
	return x > 0 ? x - HMR_FONT_GAP * unit - size / 7 : 0;
}

void
hmr_draw_text(const struct hmr_canvas *c, const float at[2], float size,
	      const char *s, const uint8_t rgb[3], float alpha)
{
	text(c, at, size, size / 14, s, rgb, alpha);
}

void
hmr_draw_text_outlined(const struct hmr_canvas *c, const float at[2], float size,
		       const char *s, const uint8_t rgb[3], float alpha)
{
	uint8_t around[3];

	hmr_draw_contrast(rgb, around);
	text(c, at, size, size / 14 + size / 9, s, around, alpha * 0.8f);
	text(c, at, size, size / 14, s, rgb, alpha);
}

void
hmr_draw_contrast(const uint8_t rgb[3], uint8_t out[3])
{
	int luma = 299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2];

	memset(out, luma > 128000 ? 0 : 255, 3);
}

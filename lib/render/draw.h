/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anti-aliased lines, discs, rectangles and text on a canvas. Coordinates are
 * pixels with the origin at the image's corner (pixel (i,j) covers
 * [i,i+1)x[j,j+1)). Everything is clipped; coordinates that are not finite draw
 * nothing. alpha is 0..1.
 */
#ifndef HMR_DRAW_H
#define HMR_DRAW_H

#include "render/canvas.h"

/* Nothing further out than this is drawn: of places, sizes and widths. */
#define HMR_DRAW_FAR 1e6f

/* A line with round ends, width px wide. */
void hmr_draw_line(const struct hmr_canvas *c, const float a[2],
		   const float b[2], float width, const uint8_t rgb[3],
		   float alpha);
void hmr_draw_disc(const struct hmr_canvas *c, const float at[2], float radius,
		   const uint8_t rgb[3], float alpha);
/* A filled rectangle x0,y0,x1,y1: each pixel by the area covered. */
void hmr_draw_rect(const struct hmr_canvas *c, const float xyxy[4],
		   const uint8_t rgb[3], float alpha);
/* A frame, width px wide, centred on the rectangle's edges. dash > 0: dashes
 * and gaps so long. */
void hmr_draw_frame(const struct hmr_canvas *c, const float xyxy[4], float width,
		    float dash, const uint8_t rgb[3], float alpha);

/* Text in the toolkit's own stroke font: ASCII 32 to 126, others as a box. size
 * is the height of a capital in px; the pen is size/7 wide. The left end of the
 * base line is at x,y. */
void hmr_draw_text(const struct hmr_canvas *c, const float at[2], float size,
		   const char *text, const uint8_t rgb[3], float alpha);
/* The width of a text, px. */
float hmr_draw_text_width(float size, const char *text);
/* The same in rgb with an outline of contrast around it. */
void hmr_draw_text_outlined(const struct hmr_canvas *c, const float at[2],
			    float size, const char *text, const uint8_t rgb[3],
			    float alpha);
/* Black or white, whichever reads better on rgb. */
void hmr_draw_contrast(const uint8_t rgb[3], uint8_t out[3]);

#endif

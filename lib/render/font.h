/* SPDX-License-Identifier: Apache-2.0 */
/* The stroke font of labels: private to lib/render. */
#ifndef HMR_FONT_H
#define HMR_FONT_H

#define HMR_FONT_CAPITAL 12	/* units high, above the base line */
#define HMR_FONT_DEEPEST 4	/* units below it */
#define HMR_FONT_GAP 3		/* units between glyphs */

/* A glyph: strokes parted by spaces, each a run of points of two characters, x
 * from '0' and y from 'e' (the base line) upwards, in units. A stroke whose
 * points are the same is a dot. */
struct hmr_glyph {
	int width;		/* units */
	const char *strokes;
};

/* Of a character; what is not ASCII 32 to 126 is an empty box. */
const struct hmr_glyph *hmr_font_glyph(unsigned char c);

#endif

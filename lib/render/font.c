/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The toolkit's own lettering, drawn for it: upright, even pen, corners cut
 * instead of rounded so that it stays crisp at ten pixels. See font.h for how a
 * glyph is written.
 */
#include "render/font.h"

static const struct hmr_glyph glyphs[95] = {
	{ 3, "" },						/* space */
	{ 2, "1q1i 1e1e" },					/* ! */
	{ 3, "0q0n 3q3n" },					/* " */
	{ 8, "1e3q 5e7q 0i7i 1m8m" },				/* # */
	{ 6, "6n5o1o0n0l6j6h5g1g0h 3q3e" },			/* $ */
	{ 6, "0e6q 1q0p0o1n2o2p1q 5h4g4f5e6f6g5h" },		/* % */
	{ 7, "7e1n1p2q3q4p4o0i0g2e4e7i" },			/* & */
	{ 0, "0q0n" },						/* ' */
	{ 2, "2q0n0h2e" },					/* ( */
	{ 2, "0q2n2h0e" },					/* ) */
	{ 6, "3o3i 1n5j 1j5n" },				/* * */
	{ 6, "3m3g 0j6j" },					/* + */
	{ 1, "1f1e0c" },					/* , */
	{ 4, "0j4j" },						/* - */
	{ 0, "0e0e" },						/* . */
	{ 5, "0d5q" },						/* / */
	{ 6, "2e4e6g6o4q2q0o0g2e" },				/* 0 */
	{ 4, "0o2q2e 0e4e" },					/* 1 */
	{ 6, "0o2q4q6o6m0e6e" },				/* 2 */
	{ 6, "0o2q4q6o6m4k2k 4k6i6g4e2e0g" },			/* 3 */
	{ 6, "4e4q0i6i" },					/* 4 */
	{ 6, "6q0q0l4l6j6g4e2e0g" },				/* 5 */
	{ 6, "6o4q2q0o0g2e4e6g6j4l2l0j" },			/* 6 */
	{ 6, "0q6q2e" },					/* 7 */
	{ 6, "2k0m0o2q4q6o6m4k2k0i0g2e4e6g6i4k" },		/* 8 */
	{ 6, "0g2e4e6g6o4q2q0o0l2j4j6l" },			/* 9 */
	{ 0, "0e0e 0l0l" },					/* : */
	{ 1, "1l1l 1f1e0c" },					/* ; */
	{ 6, "6m0j6g" },					/* < */
	{ 6, "0l6l 0h6h" },					/* = */
	{ 6, "0m6j0g" },					/* > */
	{ 5, "0o2q3q5o5m2j2i 2e2e" },				/* ? */
	{ 8, "6h5g3h3l5m6l6h8h8n6q2q0o0g2e6e" },		/* @ */
	{ 6, "0e3q6e 1i5i" },					/* A */
	{ 6, "0e0q4q6o6m4k0k 4k6i6g4e0e" },			/* B */
	{ 6, "6o4q2q0o0g2e4e6g" },				/* C */
	{ 6, "0e0q3q6n6h3e0e" },				/* D */
	{ 6, "6e0e0q6q 0k5k" },					/* E */
	{ 6, "0e0q6q 0k5k" },					/* F */
	{ 6, "6o4q2q0o0g2e4e6g6k4k" },				/* G */
	{ 6, "0e0q 6e6q 0k6k" },				/* H */
	{ 4, "0q4q 2q2e 0e4e" },				/* I */
	{ 5, "5q5g3e2e0g" },					/* J */
	{ 6, "0e0q 6q0i 2l6e" },				/* K */
	{ 6, "0q0e6e" },					/* L */
	{ 8, "0e0q4j8q8e" },					/* M */
	{ 6, "0e0q6e6q" },					/* N */
	{ 7, "2e5e7g7o5q2q0o0g2e" },				/* O */
	{ 6, "0e0q4q6o6l4j0j" },				/* P */
	{ 7, "2e5e7g7o5q2q0o0g2e 4h7e" },			/* Q */
	{ 6, "0e0q4q6o6l4j0j 3j6e" },				/* R */
	{ 6, "6o4q2q0o0m2k4k6i6g4e2e0g" },			/* S */
	{ 6, "0q6q 3q3e" },					/* T */
	{ 6, "0q0g2e4e6g6q" },					/* U */
	{ 6, "0q3e6q" },					/* V */
	{ 8, "0q2e4m6e8q" },					/* W */
	{ 6, "0e6q 0q6e" },					/* X */
	{ 6, "0q3k6q 3k3e" },					/* Y */
	{ 6, "0q6q0e6e" },					/* Z */
	{ 2, "2q0q0d2d" },					/* [ */
	{ 5, "0q5d" },						/* \ */
	{ 2, "0q2q2d0d" },					/* ] */
	{ 6, "0m3q6m" },					/* ^ */
	{ 6, "0c6c" },						/* _ */
	{ 2, "0q2o" },						/* ` */
	{ 5, "5m5e 5g3e2e0g0k2m3m5k" },				/* a */
	{ 5, "0q0e 0g2e3e5g5k3m2m0k" },				/* b */
	{ 5, "5l4m2m0k0g2e4e5f" },				/* c */
	{ 5, "5q5e 5g3e2e0g0k2m3m5k" },				/* d */
	{ 5, "0i5i5k3m2m0k0g2e4e5f" },				/* e */
	{ 4, "4q3q2p2e 0m4m" },					/* f */
	{ 5, "5m5c3a1a0b 5g3e2e0g0k2m3m5k" },			/* g */
	{ 5, "0q0e 0k2m3m5k5e" },				/* h */
	{ 0, "0m0e 0p0p" },					/* i */
	{ 2, "2m2c1a0a 2p2p" },					/* j */
	{ 5, "0q0e 5m0h 2j5e" },				/* k */
	{ 2, "0q0f1e2e" },					/* l */
	{ 8, "0m0e 0k2m3m4k4e 4k6m7m8k8e" },			/* m */
	{ 5, "0m0e 0k2m3m5k5e" },				/* n */
	{ 5, "2e3e5g5k3m2m0k0g2e" },				/* o */
	{ 5, "0m0a 0g2e3e5g5k3m2m0k" },				/* p */
	{ 5, "5m5a 5g3e2e0g0k2m3m5k" },				/* q */
	{ 4, "0m0e 0k2m4m" },					/* r */
	{ 5, "5l4m1m0l0j5h5f4e1e0f" },				/* s */
	{ 4, "2q2g3e4e 0m4m" },					/* t */
	{ 5, "0m0g2e3e5g 5m5e" },				/* u */
	{ 6, "0m3e6m" },					/* v */
	{ 8, "0m2e4k6e8m" },					/* w */
	{ 5, "0m5e 0e5m" },					/* x */
	{ 6, "0m3e 6m2a0a" },					/* y */
	{ 5, "0m5m0e5e" },					/* z */
	{ 3, "3q2q1p1l0k1j1f2d3d" },				/* { */
	{ 0, "0q0c" },						/* | */
	{ 3, "0q1q2p2l3k2j2f1d0d" },				/* } */
	{ 6, "0i1k2k4i5i6k" },					/* ~ */
};

static const struct hmr_glyph box = { 6, "0e6e6q0q0e" };

const struct hmr_glyph *
hmr_font_glyph(unsigned char c)
{
	return c >= 32 && c < 127 ? &glyphs[c - 32] : &box;
}

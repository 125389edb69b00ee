/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A colour for each identity: hues a golden angle apart in OKLCH (Ottosson 2020),
 * so that any run of identities is spread over the circle, with lightness and
 * chroma in turn, so that near hues differ in more than hue. The same number has
 * the same colour everywhere.
 */
#ifndef HMR_PALETTE_H
#define HMR_PALETTE_H

#include <stdint.h>

/* sRGB of identity id (from 1). */
void hmr_palette_id(uint32_t id, uint8_t rgb[3]);
/* Of people without an identity: greyed blues, by index. */
void hmr_palette_anonymous(uint32_t index, uint8_t rgb[3]);
/* OKLCH (lightness 0..1, chroma, hue in turns) to sRGB; chroma is lowered to
 * what sRGB can show. */
void hmr_palette_oklch(float lightness, float chroma, float hue, uint8_t rgb[3]);
/* sRGB to OKLab, for telling colours apart. */
void hmr_palette_oklab(const uint8_t rgb[3], float lab[3]);

#endif

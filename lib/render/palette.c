/* SPDX-License-Identifier: Apache-2.0 */
/* Colours of identities; see palette.h. The matrices are Ottosson's. */
#include "render/palette.h"

#include <math.h>
#include <stdbool.h>

#define GOLDEN 0.38196601125f		/* of a turn */
#define PI 3.14159265358979f

static bool
to_linear(float l, float a, float b, float rgb[3])
{
	float lm = l + 0.3963377774f * a + 0.2158037573f * b;
	float mm = l - 0.1055613458f * a - 0.0638541728f * b;
	float sm = l - 0.0894841775f * a - 1.2914855480f * b;
	bool in = true;

	lm = lm * lm * lm;
	mm = mm * mm * mm;
	sm = sm * sm * sm;
	rgb[0] = 4.0767416621f * lm - 3.3077115913f * mm + 0.2309699292f * sm;
	rgb[1] = -1.2684380046f * lm + 2.6097574011f * mm - 0.3413193965f * sm;
	rgb[2] = -0.0041960863f * lm - 0.7034186147f * mm + 1.7076147010f * sm;
	for (int i = 0; i < 3; i++)
		in = in && rgb[i] >= -0.0005f && rgb[i] <= 1.0005f;
	return in;
}

void
hmr_palette_oklch(float lightness, float chroma, float hue, uint8_t rgb[3])
{
	float turn = hue * 2 * PI, ca = cosf(turn), sa = sinf(turn), lin[3];

	while (!to_linear(lightness, chroma * ca, chroma * sa, lin) &&
	       chroma > 0.002f)
		chroma -= 0.002f;
	for (int i = 0; i < 3; i++) {
		float v = lin[i] > 0 ? lin[i] < 1 ? lin[i] : 1 : 0;

		v = v <= 0.0031308f ? v * 12.92f
				    : 1.055f * powf(v, 1 / 2.4f) - 0.055f;
		rgb[i] = (uint8_t)(v * 255 + 0.5f);
	}
}

void
hmr_palette_oklab(const uint8_t rgb[3], float lab[3])
{
	float c[3], l, m, s;

	for (int i = 0; i < 3; i++) {
		float v = (float)rgb[i] / 255;

		c[i] = v <= 0.04045f ? v / 12.92f : powf((v + 0.055f) / 1.055f, 2.4f);
	}
	l = cbrtf(0.4122214708f * c[0] + 0.5363325363f * c[1] + 0.0514459929f * c[2]);
	m = cbrtf(0.2119034982f * c[0] + 0.6806995451f * c[1] + 0.1073969566f * c[2]);
	s = cbrtf(0.0883024619f * c[0] + 0.2817188376f * c[1] + 0.6299787005f * c[2]);
	lab[0] = 0.2104542553f * l + 0.7936177850f * m - 0.0040720468f * s;
	lab[1] = 1.9779984951f * l - 2.4285922050f * m + 0.4505937099f * s;
	lab[2] = 0.0259040371f * l + 0.7827717662f * m - 0.8086757660f * s;
}

void
hmr_palette_id(uint32_t id, uint8_t rgb[3])
{
	static const float lightness[3] = { 0.72f, 0.62f, 0.82f };
	static const float chroma[2] = { 0.165f, 0.12f };
	uint32_t i = id - 1;		/* wraps for 0, which no identity has */
	float hue = (float)fmod(0.66 + (double)i * (double)GOLDEN, 1.0);

	hmr_palette_oklch(lightness[i % 3], chroma[i / 3 % 2], hue, rgb);
}

void
hmr_palette_anonymous(uint32_t index, uint8_t rgb[3])
{
	hmr_palette_oklch(0.66f + 0.05f * (float)(index % 4), 0.045f,
			  0.64f + 0.03f * (float)(index / 4 % 4), rgb);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Weights into panels; transposition of 32-bit words in blocks of 16 x 16. */
#include "hmr2/hmr2_kernels.h"

#include <string.h>

#include "base/bytes.h"
#include "hmr2/hmr2_simd.h"

#ifdef __x86_64__

#define UNROLL _Pragma("GCC unroll 16")

HMR2_512 static void
block16(const uint32_t *src, size_t ld_src, uint32_t *dst, size_t ld_dst)
{
	__m512i r[16], t[16];

	UNROLL for (int i = 0; i < 16; i++)
		r[i] = _mm512_loadu_si512(src + (size_t)i * ld_src);
	UNROLL for (int i = 0; i < 8; i++) {		/* pairs of rows */
		t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
		t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
	}
	UNROLL for (int i = 0; i < 4; i++) {		/* fours of rows */
		r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
		r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
		r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
		r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
	}
	UNROLL for (int i = 0; i < 4; i++) {		/* lanes */
		t[i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0x88);
		t[4 + i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0xdd);
		t[8 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0x88);
		t[12 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0xdd);
	}
	UNROLL for (int i = 0; i < 4; i++) {
		_mm512_storeu_si512(dst + (size_t)i * ld_dst,
				    _mm512_shuffle_i32x4(t[i], t[8 + i], 0x88));
		_mm512_storeu_si512(dst + (size_t)(4 + i) * ld_dst,
				    _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0x88));
		_mm512_storeu_si512(dst + (size_t)(8 + i) * ld_dst,
				    _mm512_shuffle_i32x4(t[i], t[8 + i], 0xdd));
		_mm512_storeu_si512(dst + (size_t)(12 + i) * ld_dst,
				    _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0xdd));
	}
}

void
hmr2_transpose(const uint32_t *src, size_t ld_src, size_t rows, size_t cols,
	       uint32_t *dst, size_t ld_dst)
{
	size_t r16 = rows & ~(size_t)15, c16 = cols & ~(size_t)15;

	for (size_t r = 0; r < r16; r += 16)
		for (size_t c = 0; c < c16; c += 16)
			block16(src + r * ld_src + c, ld_src, dst + c * ld_dst + r, ld_dst);
	for (size_t r = 0; r < rows; r++)
		for (size_t c = r < r16 ? c16 : 0; c < cols; c++)
			dst[c * ld_dst + r] = src[r * ld_src + c];
}

/* Row o as words of num, `words` of them. */
static void
row_words(const struct hmr2_linear *l, enum hmr2_num num, uint32_t o, float *f,
	  uint32_t *to, size_t words)
{
	memset(to, 0, words * 4);
	if (num == HMR2_INT8) {
		memcpy(to, (const uint8_t *)l->w + (size_t)o * l->in, l->in);
		return;
	}
	if (num == HMR2_BF16 && l->dtype == HMR_DTYPE_BF16) {
		memcpy(to, (const uint8_t *)l->w + (size_t)o * l->in * 2,
		       (size_t)l->in * 2);
		return;
	}
	hmr2_linear_row(l, o, f);
	if (num == HMR2_F32) {
		memcpy(to, f, (size_t)l->in * 4);
		return;
	}
	for (uint32_t i = 0; i < l->in; i++) {
		uint32_t u;

		memcpy(&u, f + i, 4);
		u = (u + 0x7fff + (u >> 16 & 1)) >> 16;
		to[i / 2] |= u << 16 * (i % 2);
	}
}

void
hmr2_pack(struct hmr2_packed *p, enum hmr2_num num, const struct hmr2_linear *l,
	  void *at)
{
	size_t panels = (l->out + HMR2_PANEL - 1) / HMR2_PANEL;
	size_t all = panels * HMR2_PANEL;
	float f[HMR_HMR2_WIDTH_MAX];
	uint32_t rows[16][HMR_HMR2_WIDTH_MAX];

	p->num = num;
	p->strassen = false;
	p->out = l->out;
	p->in = l->in;
	p->words = (uint32_t)hmr2_words(num, l->in);
	p->w = at;
	p->bias = (float *)(p->w + all * p->words);
	p->scale = p->bias + all;
	p->comp = (int32_t *)(p->scale + all);
	memset(p->bias, 0, all * 3 * 4);
	if (l->bias)
		memcpy(p->bias, l->bias, l->out * sizeof(float));
	if (num == HMR2_INT8)
		memcpy(p->scale, l->scale, l->out * sizeof(float));
	for (size_t o = 0; o < all; o += 16) {
		for (size_t i = 0; i < 16; i++) {
			if (o + i >= l->out) {
				memset(rows[i], 0, (size_t)p->words * 4);
				continue;
			}
			row_words(l, num, (uint32_t)(o + i), f, rows[i], p->words);
			for (size_t k = 0; num == HMR2_INT8 && k < l->in; k++)
				p->comp[o + i] -= 128 * ((const int8_t *)rows[i])[k];
		}
		hmr2_transpose(rows[0], HMR_HMR2_WIDTH_MAX, 16, p->words,
			       p->w + o / HMR2_PANEL * HMR2_PANEL * p->words +
			       o % HMR2_PANEL, HMR2_PANEL);
	}
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-attention over 192 tokens, head by head: keys transposed and values laid
 * out for the tiles of hmr2_gemm.c, then six queries at a time: scores, softmax,
 * weighted sum. In bfloat16 the products run on pairs: of channels for the
 * scores, of tokens for the sum.
 */
#include "hmr2/hmr2_kernels.h"

#include <math.h>
#include <string.h>

#include "hmr2/hmr2_simd.h"

#define TOKENS ((size_t)HMR_HMR2_TOKENS)
#define SIX ((size_t)HMR2_ROWS)

#ifdef __x86_64__

struct place {
	uint32_t *keys;		/* [words of a head][192] */
	uint32_t *values;	/* [192 or 96 words][wide] */
	uint32_t *query;	/* [6][words]: where a head's width is odd */
	float *score;		/* [6][192] */
	float *tile;		/* [6][64] */
	size_t wide;		/* columns of values: a head, rounded up to 16 */
};

static size_t
wide_of(uint32_t width)
{
	return ((size_t)width + 15) & ~(size_t)15;
}

size_t
hmr2_attend_bytes(uint32_t width)
{
	return (2 * wide_of(width) * TOKENS + SIX * TOKENS + SIX * HMR2_PANEL) * 4;
}

static struct place
divide(void *work, uint32_t width)
{
	struct place p = { .wide = wide_of(width) };

	p.keys = work;
	p.values = p.keys + p.wide * TOKENS;
	p.score = (float *)(p.values + p.wide * TOKENS);
	p.tile = p.score + SIX * TOKENS;
	return p;
}

/* Two rows of bfloat16 to words of both: 16 columns a step. */
HMR2_512 static void
pair_rows(const uint16_t *a, const uint16_t *b, size_t n, uint32_t *to)
{
	for (size_t i = 0; i < n; i += 16) {
		__m512i lo = _mm512_cvtepu16_epi32(
			_mm256_loadu_si256((const __m256i *)(a + i)));
		__m512i hi = _mm512_cvtepu16_epi32(
			_mm256_loadu_si256((const __m256i *)(b + i)));

		_mm512_storeu_si512(to + i, _mm512_or_si512(lo, _mm512_slli_epi32(hi, 16)));
	}
}

/* Columns behind a head's last hold its neighbour's, which nobody reads; the
 * buffer of qkv is 16 numbers longer than its last row. */
static void
lay_out(const struct place *p, const void *qkv, size_t ld, bool bf16, uint32_t dim,
	uint32_t width, uint32_t head)
{
	size_t at = (size_t)head * width;

	if (bf16) {
		const uint16_t *k = (const uint16_t *)qkv + dim + at, *v = k + dim;

		hmr2_transpose((const uint32_t *)(const void *)k, ld / 2, TOKENS, width / 2,
			       p->keys, TOKENS);
		for (size_t t = 0; t < TOKENS; t += 2)
			pair_rows(v + t * ld, v + (t + 1) * ld, p->wide,
				  p->values + t / 2 * p->wide);
	} else {
		const uint32_t *k = (const uint32_t *)qkv + dim + at, *v = k + dim;

		hmr2_transpose(k, ld, TOKENS, width, p->keys, TOKENS);
		for (size_t t = 0; t < TOKENS; t++)
			memcpy(p->values + t * p->wide, v + t * ld, width * 4);
	}
}

HMR2_512_BF16 static void
round_scores(float *row)
{
	uint16_t *to = (uint16_t *)(void *)row;

	for (size_t i = 0; i < TOKENS; i += 16)
		_mm256_storeu_si256((__m256i *)(to + i),
			(__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(row + i)));
}

HMR2_512_BF16 static void
put_bf16(uint16_t *to, const float *from, size_t n)
{
	for (size_t i = 0; i < n; i += 16) {
		__mmask16 m = n - i >= 16 ? 0xffff : (__mmask16)((1u << (n - i)) - 1);

		_mm256_mask_storeu_epi16(to + i, m,
			(__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(from + i)));
	}
}

/* Six queries of one head. q: their first; out: their first. */
static void
six(const struct place *p, const uint32_t *q, size_t ld_words, bool bf16,
    uint32_t width, void *out, size_t ld_out, bool out_bf16)
{
	size_t words = bf16 ? width / 2 : width, tokens = bf16 ? TOKENS / 2 : TOKENS;
	float scale = 1 / sqrtf((float)width);

	for (size_t c = 0; c < TOKENS; c += HMR2_PANEL) {
		hmr2_tile(bf16, q, ld_words, p->keys + c, TOKENS, words, 4, p->tile);
		for (size_t i = 0; i < SIX; i++)
			memcpy(p->score + i * TOKENS + c, p->tile + i * HMR2_PANEL,
			       HMR2_PANEL * sizeof(float));
	}
	for (size_t i = 0; i < SIX; i++) {
		hmr2_softmax(p->score + i * TOKENS, TOKENS, scale);
		if (bf16)	/* in place: halves are behind what is read */
			round_scores(p->score + i * TOKENS);
	}
	for (size_t c = 0; c < p->wide; c += HMR2_PANEL) {
		size_t n = p->wide - c < HMR2_PANEL ? p->wide - c : HMR2_PANEL;
		size_t keep = width - c < HMR2_PANEL ? width - c : HMR2_PANEL;

		hmr2_tile(bf16, (const uint32_t *)p->score, TOKENS, p->values + c, p->wide,
			  tokens, (unsigned)n / 16, p->tile);
		for (size_t i = 0; i < SIX; i++)
			if (out_bf16)
				put_bf16((uint16_t *)out + i * ld_out + c,
					 p->tile + i * HMR2_PANEL, keep);
			else
				memcpy((float *)out + i * ld_out + c,
				       p->tile + i * HMR2_PANEL, keep * sizeof(float));
	}
}

void
hmr2_attend(const void *qkv, size_t ld, bool bf16, uint32_t dim, uint32_t heads,
	    size_t first, size_t rows, void *out, size_t ld_out, bool out_bf16,
	    void *work)
{
	uint32_t width = dim / heads;
	struct place p = divide(work, width);
	size_t unit = bf16 ? 2 : 4, ld_words = bf16 ? ld / 2 : ld;

	for (uint32_t h = 0; h < heads; h++) {
		lay_out(&p, qkv, ld, bf16, dim, width, h);
		for (size_t r = 0; r < rows; r += SIX) {
			const uint8_t *q = (const uint8_t *)qkv +
				((first + r) * ld + (size_t)h * width) * unit;
			uint8_t *o = (uint8_t *)out + (r * ld_out + (size_t)h * width) *
				(out_bf16 ? 2 : 4);

			six(&p, (const uint32_t *)(const void *)q, ld_words, bf16, width, o,
			    ld_out, out_bf16);
		}
	}
}

#endif

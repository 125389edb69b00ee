/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Float32 products by one level of Strassen's algorithm: 7 half-sized products in
 * place of 8, where the plain tiles already run at the limit of the units. Rows are
 * paired six by six within twelve, outputs panel by panel, inputs by halves of a
 * block. Sums of activations are made once a product; sums of weights by the first
 * tile that needs them, beside its multiplications, for the others of the chunk. The
 * error is a fifth larger. In bfloat16 the sums would be rounded again, to more than
 * twice the error: plain tiles there.
 */
#include "hmr2/hmr2_kernels.h"

#include <string.h>

#include "hmr2/hmr2_simd.h"

#ifdef __x86_64__

#define HALF ((size_t)640)	/* words: the tiles of a half share the L2 cache */
#define SIX ((size_t)HMR2_ROWS)
#define TILE (SIX * HMR2_PANEL)
#define TWELVES (HMR2_CHUNK / 12)

enum { A_SUMS = 5, A11 = A_SUMS, A22 };
enum { ONE, SUM, DIFFERENCE };

/* Quarters of weights and results: 0: 11, 1: 12, 2: 21, 3: 22 */
static const struct step {
	uint8_t a;		/* a sum of activations, or A11, A22 */
	uint8_t mode, b0, b1;	/* b0, b0 + b1 or b0 - b1 */
	uint8_t c0, c1;		/* added to c0; */
	int8_t sign0, sign1;	/* and to c1, unless 0 */
} steps[7] = {
	{ 0, SUM, 0, 3, 0, 3, 1, 1 },			/* (a11 + a22)(b11 + b22) */
	{ 1, ONE, 0, 0, 2, 3, 1, -1 },			/* (a21 + a22) b11 */
	{ A11, DIFFERENCE, 1, 3, 1, 3, 1, 1 },		/* a11 (b12 - b22) */
	{ A22, DIFFERENCE, 2, 0, 0, 2, 1, 1 },		/* a22 (b21 - b11) */
	{ 2, ONE, 3, 3, 0, 1, -1, 1 },			/* (a11 + a12) b22 */
	{ 3, SUM, 0, 1, 3, 3, 1, 0 },			/* (a21 - a11)(b11 + b12) */
	{ 4, SUM, 2, 3, 0, 0, 1, 0 },			/* (a12 - a22)(b21 + b22) */
};
/* Which quarter of the weights to fetch meanwhile: of this block, or 4 + of the next */
static const uint8_t fetch[7] = { 1, 2, 2, 4, 4, 7, 7 };

struct work {
	float *sum;		/* [A_SUMS][chunk / 2][ld] */
	size_t ld;
	float *panel;		/* [HALF][64] a sum of weights */
	float *acc;		/* [twelves][4][6][64] */
};

size_t
hmr2_strassen_bytes(uint32_t in)
{
	return (A_SUMS * HMR2_CHUNK / 2 * ((size_t)in / 2 + 16) + HALF * HMR2_PANEL +
		TWELVES * 4 * TILE) * sizeof(float);
}

static struct work
divide(void *at, uint32_t in)
{
	struct work w = { .sum = at, .ld = (size_t)in / 2 + 16 };

	w.panel = w.sum + A_SUMS * HMR2_CHUNK / 2 * w.ld;
	w.acc = w.panel + HALF * HMR2_PANEL;
	return w;
}

/* The sums of one row of each half: lo, hi [2 half]; to [A_SUMS][…]. */
HMR2_512 static void
add_rows(const float *lo, const float *hi, size_t half, float *to, size_t apart)
{
	for (size_t i = 0; i < half; i += 16) {
		__m512 a11 = _mm512_loadu_ps(lo + i), a12 = _mm512_loadu_ps(lo + half + i);
		__m512 a21 = _mm512_loadu_ps(hi + i), a22 = _mm512_loadu_ps(hi + half + i);

		_mm512_storeu_ps(to + i, _mm512_add_ps(a11, a22));
		_mm512_storeu_ps(to + apart + i, _mm512_add_ps(a21, a22));
		_mm512_storeu_ps(to + 2 * apart + i, _mm512_add_ps(a11, a12));
		_mm512_storeu_ps(to + 3 * apart + i, _mm512_sub_ps(a21, a11));
		_mm512_storeu_ps(to + 4 * apart + i, _mm512_sub_ps(a12, a22));
	}
}

static size_t
half_of(size_t words, size_t k)
{
	return words - k < 2 * HALF ? (words - k) / 2 : HALF;
}

static void
add_all(const struct work *w, const struct hmr2_rows *a, size_t row, size_t rows,
	size_t words)
{
	for (size_t r = 0; r < rows / 2; r++) {
		const float *lo = (const float *)a->p + (row + r / 6 * 12 + r % 6) * a->words;

		for (size_t k = 0, half; k < words; k += 2 * half) {
			half = half_of(words, k);
			add_rows(lo + k, lo + 6 * a->words + k, half,
				 w->sum + r * w->ld + k / 2, HMR2_CHUNK / 2 * w->ld);
		}
	}
}

struct tile {
	const float *a;		/* [6][ld] */
	size_t ld;
	const float *b0, *b1;	/* [words][64] */
	float *keep;		/* [words][64] what the mode made of them */
	size_t words;
	const char *next;	/* to be fetched, `stride` bytes a word */
	size_t stride;
	float *c0, *c1;		/* [6][64] */
	float sign0, sign1;
};

#define UNROLL _Pragma("GCC unroll 8")

HMR2_INLINE HMR2_512 void
put(__m512 c[SIX][4], float *to, float sign)
{
	__m512 s = _mm512_set1_ps(sign);

	UNROLL for (int i = 0; i < (int)SIX; i++)
		UNROLL for (int j = 0; j < 4; j++) {
			float *p = to + i * (int)HMR2_PANEL + 16 * j;

			_mm512_storeu_ps(p, _mm512_fmadd_ps(c[i][j], s, _mm512_loadu_ps(p)));
		}
}

HMR2_INLINE HMR2_512 void
run(const struct tile *t, int mode)
{
	const float *a = t->a, *b0 = t->b0, *b1 = t->b1;
	const char *next = t->next;
	size_t ld = t->ld, stride = t->stride;
	float *keep = t->keep;
	__m512 c[SIX][4];

	UNROLL for (int i = 0; i < (int)SIX; i++)
		UNROLL for (int j = 0; j < 4; j++)
			c[i][j] = _mm512_setzero_ps();
	for (size_t k = 0; k < t->words; k++) {
		__m512 w[4];

		UNROLL for (int j = 0; j < 4; j++) {
			w[j] = _mm512_loadu_ps(b0 + 16 * j);
			if (mode == SUM)
				w[j] = _mm512_add_ps(w[j], _mm512_loadu_ps(b1 + 16 * j));
			if (mode == DIFFERENCE)
				w[j] = _mm512_sub_ps(w[j], _mm512_loadu_ps(b1 + 16 * j));
			if (mode != ONE)
				_mm512_storeu_ps(keep + 16 * j, w[j]);
		}
		_mm_prefetch(next, _MM_HINT_T1);
		UNROLL for (int i = 0; i < (int)SIX; i++) {
			__m512 x = _mm512_set1_ps(a[(size_t)i * ld]);

			UNROLL for (int j = 0; j < 4; j++)
				c[i][j] = _mm512_fmadd_ps(x, w[j], c[i][j]);
		}
		a++;
		b0 += HMR2_PANEL;
		next += stride;
		if (mode != ONE) {
			b1 += HMR2_PANEL;
			keep += HMR2_PANEL;
		}
	}
	put(c, t->c0, t->sign0);
	if (t->sign1 != 0)
		put(c, t->c1, t->sign1);
}

HMR2_512 static void
run_one(const struct tile *t)
{
	run(t, ONE);
}

HMR2_512 static void
run_sum(const struct tile *t)
{
	run(t, SUM);
}

HMR2_512 static void
run_difference(const struct tile *t)
{
	run(t, DIFFERENCE);
}

/* One of the seven, for all twelves. b: quarters of this block and of the next. */
static void
multiply(const struct work *w, const struct hmr2_rows *a, size_t row, size_t rows,
	 size_t k, size_t half, const float *const b[8], unsigned i)
{
	static void (*const fn[])(const struct tile *) = { run_one, run_sum,
							   run_difference };
	const struct step *s = &steps[i];
	size_t twelves = rows / 12, part = half * HMR2_PANEL * sizeof(float);
	const char *next = (const char *)b[fetch[i]];
	struct tile t = { .b0 = b[s->b0], .b1 = b[s->b1], .keep = w->panel, .words = half,
		.stride = 256 / twelves < 64 ? 256 / twelves : 64,
		.sign0 = s->sign0, .sign1 = s->sign1 };
	unsigned mode = s->mode;

	for (size_t p = 0; p < twelves; p++) {
		float *c = w->acc + p * 4 * TILE;
		const float *lo = (const float *)a->p + (row + p * 12) * a->words + k;

		t.ld = a->words;
		if (s->a == A11)
			t.a = lo;
		else if (s->a == A22)
			t.a = lo + SIX * a->words + half;
		else {
			t.a = w->sum + (s->a * HMR2_CHUNK / 2 + p * SIX) * w->ld + k / 2;
			t.ld = w->ld;
		}
		t.next = next + p * part / twelves;
		t.c0 = c + s->c0 * TILE;
		t.c1 = c + s->c1 * TILE;
		fn[mode](&t);
		if (mode != ONE)
			t.b0 = w->panel;
		mode = ONE;
	}
}

/* Six rows of a panel to their place. */
HMR2_512 static void
finish(const float *acc, const float *bias, enum hmr2_mode mode, float *c, size_t ld)
{
	for (size_t i = 0; i < SIX; i++)
		for (size_t j = 0; j < HMR2_PANEL; j += 16) {
			__m512 v = _mm512_add_ps(_mm512_loadu_ps(acc + i * HMR2_PANEL + j),
						 _mm512_loadu_ps(bias + j));
			float *to = c + i * ld + j;

			if (mode == HMR2_ADD)
				v = _mm512_add_ps(v, _mm512_loadu_ps(to));
			if (mode == HMR2_GELU)
				v = hmr2_gelu(v);
			_mm512_storeu_ps(to, v);
		}
}

bool
hmr2_strassen_fits(const struct hmr2_packed *w, size_t rows, enum hmr2_mode mode)
{
	return w->num == HMR2_F32 && mode <= HMR2_GELU && w->out % (2 * HMR2_PANEL) == 0 &&
		w->words % 32 == 0 && rows % 12 == 0 && rows <= HMR2_CHUNK;
}

void
hmr2_strassen(const struct hmr2_packed *w, const struct hmr2_rows *a, size_t row,
	      size_t rows, enum hmr2_mode mode, float *c, size_t ld, void *at)
{
	struct work k = divide(at, w->in);
	size_t panel = (size_t)w->words * HMR2_PANEL, half;

	add_all(&k, a, row, rows, w->words);
	for (size_t o = 0; o < w->out; o += 2 * HMR2_PANEL) {
		const float *b = (const float *)w->w + o * w->words;

		memset(k.acc, 0, rows / 12 * 4 * TILE * sizeof(float));
		for (size_t i = 0; i < w->words; i += 2 * half) {
			const float *q = b + i * HMR2_PANEL, *n;

			half = half_of(w->words, i);
			n = i + 2 * half < w->words ? q + 2 * half * HMR2_PANEL :
				b + 2 * panel;
			const float *quarter[8] = { q, q + panel, q + half * HMR2_PANEL,
				q + panel + half * HMR2_PANEL, n, n + panel,
				n + half * HMR2_PANEL, n + panel + half * HMR2_PANEL };

			for (unsigned m = 0; m < 7; m++)
				multiply(&k, a, row, rows, i, half, quarter, m);
		}
		for (size_t t = 0; t < rows / 6 * 2; t++)	/* [twelves][six][panel] */
			finish(k.acc + t * TILE, w->bias + o + t % 2 * HMR2_PANEL, mode,
			       c + t / 2 * SIX * ld + o + t % 2 * HMR2_PANEL, ld);
	}
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Float32 products by one level of Winograd's form of Strassen's algorithm: 7
 * half-sized products in place of 8, where the plain tiles already run at the limit
 * of the units. Rows are paired six by six within twelve, outputs panel by panel,
 * inputs by halves of a block.
 *
 *	C11 = p1 + p2		p1 = a11 b11		p5 = s1 (b22 - t)
 *	C12 = u + p5 + p3	p2 = a12 b21		p6 = s2 t
 *	C21 = u + p7 - p4	p3 = s4 b22		p7 = s3 (t - b11)
 *	C22 = u + p7 + p5	p4 = a22 (t - b21)	u = p1 + p6
 *
 *	s1 = a21 + a22, s2 = s1 - a11, s3 = a11 - a21, s4 = a12 - s2
 *	t = b22 - b12 + b11, which the packed weights hold in place of b12
 *
 * Sums of activations are made once a product; the three differences of weights by
 * the first tile that needs them, beside its multiplications, for the others of the
 * chunk. The error is two thirds larger. In bfloat16 the sums would be rounded again, to
 * more than twice the error: plain tiles there.
 */
#include "hmr2/hmr2_kernels.h"

#include <string.h>

#include "hmr2/hmr2_simd.h"

#ifdef __x86_64__

#define HALF ((size_t)640)	/* words: the tiles of a half share the L2 cache */
#define SIX ((size_t)HMR2_ROWS)
#define TILE (SIX * HMR2_PANEL)
#define TWELVES (HMR2_CHUNK / 12)

enum { S1, S2, S3, S4, A_SUMS, A11 = A_SUMS, A12, A22 };
enum { B11, T, B21, B22 };
/* What is summed up on its own until the end. */
enum { C11, U, P3, P4, P5, P7, ACCS };

static const struct step {
	uint8_t a;
	uint8_t b0, b1;		/* b0 - b1, or b0 alone where they are the same */
	uint8_t c0, c1;		/* added to both, or to one where they are the same */
} steps[7] = {
	{ A11, B11, B11, C11, U }, { S3, T, B11, P7, P7 }, { A22, T, B21, P4, P4 },
	{ A12, B21, B21, C11, C11 }, { S1, B22, T, P5, P5 }, { S2, T, T, U, U },
	{ S4, B22, B22, P3, P3 },
};
/* Which quarter of the weights to fetch meanwhile: of this block, or 4 + of the next */
static const uint8_t fetch[7] = { B21, B22, B22, B22, 4 + B11, 4 + T, 4 + T };

struct work {
	float *sum;		/* [A_SUMS][chunk / 2][ld] */
	size_t ld;
	float *panel;		/* [HALF][64] a difference of weights */
	float *acc;		/* [twelves][ACCS][6][64] */
};

size_t
hmr2_strassen_bytes(uint32_t in)
{
	return (A_SUMS * HMR2_CHUNK / 2 * ((size_t)in / 2 + 16) + HALF * HMR2_PANEL +
		TWELVES * ACCS * TILE) * sizeof(float);
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
		__m512 s1 = _mm512_add_ps(a21, a22), s2 = _mm512_sub_ps(s1, a11);

		_mm512_storeu_ps(to + S1 * apart + i, s1);
		_mm512_storeu_ps(to + S2 * apart + i, s2);
		_mm512_storeu_ps(to + S3 * apart + i, _mm512_sub_ps(a11, a21));
		_mm512_storeu_ps(to + S4 * apart + i, _mm512_sub_ps(a12, s2));
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
	float *keep;		/* [words][64] their difference */
	size_t words;
	const char *next;	/* to be fetched, `stride` bytes a word */
	size_t stride;
	float *c0, *c1;		/* [6][64] */
};

#define UNROLL _Pragma("GCC unroll 8")

HMR2_INLINE HMR2_512 void
put(__m512 c[SIX][4], float *to)
{
	UNROLL for (int i = 0; i < (int)SIX; i++)
		UNROLL for (int j = 0; j < 4; j++) {
			float *p = to + i * (int)HMR2_PANEL + 16 * j;

			_mm512_storeu_ps(p, _mm512_add_ps(c[i][j], _mm512_loadu_ps(p)));
		}
}

HMR2_INLINE HMR2_512 void
run(const struct tile *t, bool difference)
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
			if (difference) {
				w[j] = _mm512_sub_ps(w[j], _mm512_loadu_ps(b1 + 16 * j));
				_mm512_storeu_ps(keep + 16 * j, w[j]);
			}
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
		if (difference) {
			b1 += HMR2_PANEL;
			keep += HMR2_PANEL;
		}
	}
	put(c, t->c0);
	if (t->c1 != t->c0)
		put(c, t->c1);
}

HMR2_512 static void
run_one(const struct tile *t)
{
	run(t, false);
}

HMR2_512 static void
run_difference(const struct tile *t)
{
	run(t, true);
}

/* One of the seven, for all twelves. b: quarters of this block and of the next. */
static void
multiply(const struct work *w, const struct hmr2_rows *a, size_t row, size_t rows,
	 size_t k, size_t half, const float *const b[8], unsigned i)
{
	const struct step *s = &steps[i];
	size_t twelves = rows / 12, part = half * HMR2_PANEL * sizeof(float);
	const char *next = (const char *)b[fetch[i]];
	struct tile t = { .b0 = b[s->b0], .b1 = b[s->b1], .keep = w->panel, .words = half,
		.stride = 256 / twelves < 64 ? 256 / twelves : 64 };
	bool difference = s->b0 != s->b1;

	for (size_t p = 0; p < twelves; p++) {
		float *c = w->acc + p * ACCS * TILE;
		const float *lo = (const float *)a->p + (row + p * 12) * a->words + k;

		t.ld = a->words;
		if (s->a < A_SUMS) {
			t.a = w->sum + (s->a * HMR2_CHUNK / 2 + p * SIX) * w->ld + k / 2;
			t.ld = w->ld;
		} else {
			t.a = s->a == A11 ? lo : s->a == A12 ? lo + half :
				lo + SIX * a->words + half;
		}
		t.next = next + p * part / twelves;
		t.c0 = c + s->c0 * TILE;
		t.c1 = c + s->c1 * TILE;
		if (difference && !p) {
			run_difference(&t);
			t.b0 = w->panel;
		} else {
			run_one(&t);
		}
	}
}

struct place {
	float *c;		/* [12][ld] */
	size_t ld;
	const float *bias;	/* [128] */
	enum hmr2_mode mode;
};

HMR2_INLINE HMR2_512 void
store(const struct place *p, size_t row, size_t o, __m512 v)
{
	float *to = p->c + row * p->ld + o;

	v = _mm512_add_ps(v, _mm512_loadu_ps(p->bias + o));
	if (p->mode == HMR2_ADD)
		v = _mm512_add_ps(v, _mm512_loadu_ps(to));
	if (p->mode == HMR2_GELU)
		v = hmr2_gelu(v);
	_mm512_storeu_ps(to, v);
}

/* Twelve rows of two panels to their place. */
HMR2_512 static void
finish(const float *acc, const struct place *p)
{
	for (size_t i = 0; i < SIX; i++)
		for (size_t j = 0; j < HMR2_PANEL; j += 16) {
			const float *x = acc + i * HMR2_PANEL + j;
			__m512 u = _mm512_loadu_ps(x + U * TILE);
			__m512 p5 = _mm512_loadu_ps(x + P5 * TILE);
			__m512 u7 = _mm512_add_ps(u, _mm512_loadu_ps(x + P7 * TILE));

			store(p, i, j, _mm512_loadu_ps(x + C11 * TILE));
			store(p, i, j + HMR2_PANEL, _mm512_add_ps(_mm512_add_ps(u, p5),
				_mm512_loadu_ps(x + P3 * TILE)));
			store(p, SIX + i, j, _mm512_sub_ps(u7,
				_mm512_loadu_ps(x + P4 * TILE)));
			store(p, SIX + i, j + HMR2_PANEL, _mm512_add_ps(u7, p5));
		}
}

/* Quarters of the block of `half` at b, a panel apart. */
static void
quarters(const float *b, size_t panel, size_t half, const float *q[4])
{
	q[B11] = b;
	q[T] = b + panel;
	q[B21] = b + half * HMR2_PANEL;
	q[B22] = b + panel + half * HMR2_PANEL;
}

bool
hmr2_strassen_fits(const struct hmr2_packed *w)
{
	return w->num == HMR2_F32 && w->out % (2 * HMR2_PANEL) == 0 && w->words % 32 == 0;
}

HMR2_512 void
hmr2_strassen_pack(struct hmr2_packed *w)
{
	size_t panel = (size_t)w->words * HMR2_PANEL, half;
	const float *q[4];

	for (size_t o = 0; o < w->out; o += 2 * HMR2_PANEL)
		for (size_t k = 0; k < w->words; k += 2 * half) {
			float *b = (float *)w->w + o * w->words + k * HMR2_PANEL;

			half = half_of(w->words, k);
			quarters(b, panel, half, q);
			for (size_t i = 0; i < half * HMR2_PANEL; i += 16)
				_mm512_storeu_ps(b + panel + i, _mm512_add_ps(_mm512_sub_ps(
					_mm512_loadu_ps(q[B22] + i),
					_mm512_loadu_ps(q[T] + i)), _mm512_loadu_ps(q[B11] + i)));
		}
	w->strassen = true;
}

void
hmr2_strassen(const struct hmr2_packed *w, const struct hmr2_rows *a, size_t row,
	      size_t rows, enum hmr2_mode mode, float *c, size_t ld, void *at)
{
	struct work k = divide(at, w->in);
	size_t panel = (size_t)w->words * HMR2_PANEL, half;
	const float *q[8];

	add_all(&k, a, row, rows, w->words);
	for (size_t o = 0; o < w->out; o += 2 * HMR2_PANEL) {
		const float *b = (const float *)w->w + o * w->words;

		memset(k.acc, 0, rows / 12 * ACCS * TILE * sizeof(float));
		for (size_t i = 0; i < w->words; i += 2 * half) {
			size_t next;

			half = half_of(w->words, i);
			next = i + 2 * half;
			quarters(b + i * HMR2_PANEL, panel, half, q);
			quarters(next < w->words ? b + next * HMR2_PANEL : b + 2 * panel,
				 panel, half, q + 4);
			for (unsigned m = 0; m < 7; m++)
				multiply(&k, a, row, rows, i, half, q, m);
		}
		for (size_t t = 0; t < rows / 12; t++)
			finish(k.acc + t * ACCS * TILE, &(struct place){ c + t * 12 * ld + o,
				ld, w->bias + o, mode });
	}
}

#endif

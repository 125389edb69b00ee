/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of HMR2 on the CPU: products with prepacked weights, layer
 * norms, attention. Rows come in sixes (192 tokens are 32 of them), so a row is
 * always computed in the same order, whatever else is in the batch.
 *
 * Weights are packed into panels of 64 outputs: for each word of 32 bit along
 * the inputs (one float32, two bfloat16 or four int8) the 64 outputs' words.
 */
#ifndef HMR_HMR2_KERNELS_H
#define HMR_HMR2_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "hmr2/hmr2_weights.h"

#define HMR2_ROWS 6u		/* of a tile */
#define HMR2_PANEL 64u		/* outputs of a panel */
#define HMR2_CHUNK 192u		/* rows that weights are read once for: a person */

enum hmr2_num { HMR2_F32, HMR2_BF16, HMR2_INT8 };

/* What this CPU can do beside F32. */
bool hmr2_cpu_fast(void);	/* AVX-512: the kernels below; else none of them */
bool hmr2_cpu_bf16(void);
bool hmr2_cpu_int8(void);

/* Activations as a product's input: rows of `words` words, zero beyond the
 * width. INT8: unsigned, 128 is zero, with a scale for each row. */
struct hmr2_rows {
	uint32_t *p;
	size_t words;		/* from row to row */
	float *scale;		/* [rows] or NULL */
};

struct hmr2_packed {
	enum hmr2_num num;
	bool strassen;
	uint32_t out, in, words;	/* words: inputs of an output */
	uint32_t *w;			/* [panels][words][64] */
	float *bias, *scale;		/* [panels * 64], zero padded; scale of INT8 */
	int32_t *comp;			/* [panels * 64], -128 times the sum of weights */
};

size_t hmr2_words(enum hmr2_num num, uint32_t width);
/* Bytes of a packed linear, for the arena below. */
size_t hmr2_packed_bytes(enum hmr2_num num, uint32_t out, uint32_t in);
/* Packs l, rounding float32 weights to bfloat16 where num says so, and widening
 * others where it is F32. at: 64-aligned room of hmr2_packed_bytes(). */
void hmr2_pack(struct hmr2_packed *p, enum hmr2_num num, const struct hmr2_linear *l,
	       void *at);

enum hmr2_mode {
	HMR2_STORE,		/* float32 */
	HMR2_ADD,		/* float32, added to what is there */
	HMR2_GELU,		/* float32 */
	HMR2_STORE_BF16, HMR2_GELU_BF16,
};
/* c [rows][ld] (elements of its type) = rows of a times w. rows: a multiple of
 * six, at most HMR2_CHUNK for speed. */
void hmr2_product(const struct hmr2_packed *w, const struct hmr2_rows *a, size_t row,
		  size_t rows, enum hmr2_mode mode, void *c, size_t ld);
/* The same with fewer multiplications, of weights changed by _pack where they fit.
 * rows: a multiple of twelve, which always meet the same partner; at most HMR2_CHUNK.
 * mode: up to HMR2_GELU. work: 64-aligned, of the widest input. */
bool hmr2_strassen_fits(const struct hmr2_packed *w);
void hmr2_strassen_pack(struct hmr2_packed *w);
size_t hmr2_strassen_bytes(uint32_t in);
void hmr2_strassen(const struct hmr2_packed *w, const struct hmr2_rows *a, size_t row,
		   size_t rows, enum hmr2_mode mode, float *c, size_t ld, void *work);

/* out rows = layer norm of x [rows][width] as num. */
void hmr2_norm(const struct hmr2_norm *n, float eps, const float *x, size_t rows,
	       size_t width, enum hmr2_num num, const struct hmr2_rows *out, size_t row);
/* out rows = x [rows][ld] as num. */
void hmr2_convert(const float *x, size_t ld, size_t rows, size_t width,
		  enum hmr2_num num, const struct hmr2_rows *out, size_t row);

/* Self-attention of one person: queries [first, first + rows) of all heads over
 * all 192 tokens. qkv [192][ld]: float32, or bfloat16 where bf16. out [rows][ld_out]
 * float32, or bfloat16 where out_bf16. work: hmr2_attend_bytes(). */
size_t hmr2_attend_bytes(uint32_t width);	/* of a head */
void hmr2_attend(const void *qkv, size_t ld, bool bf16, uint32_t dim, uint32_t heads,
		 size_t first, size_t rows, void *out, size_t ld_out, bool out_bf16,
		 void *work);

/* dst[c][r] = src[r][c], words. */
void hmr2_transpose(const uint32_t *src, size_t ld_src, size_t rows, size_t cols,
		    uint32_t *dst, size_t ld_dst);
/* A tile of float32 or bfloat16 words: out [6][64], of which 16 nv columns are
 * computed. b [words][ld_b]. */
void hmr2_tile(bool bf16, const uint32_t *a, size_t ld_a, const uint32_t *b,
	       size_t ld_b, size_t words, unsigned nv, float *out);

/* Single vectors, for the decoder. y[o - from] = w[o] x + bias, o in [from, to). */
void hmr2_dots(const struct hmr2_linear *l, uint32_t from, uint32_t to, const float *x,
	       float *y);
/* y += sum over o in [from, to) of x[o - from] w[o]. y [in]. */
void hmr2_blend(const struct hmr2_linear *l, uint32_t from, uint32_t to,
		const float *x, float *y);
float hmr2_dot(const float *a, const float *b, size_t n);
void hmr2_axpy(float f, const float *x, float *y, size_t n);	/* y += f x */
void hmr2_gelu_row(float *x, size_t n);
/* p = softmax(scale p). n <= 192. */
void hmr2_softmax(float *p, size_t n, float scale);

#endif

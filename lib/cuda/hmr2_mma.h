/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A warp's matrix unit: 16x8 += 16x16 times 16x8 of 16-bit numbers, and the loads
 * that bring tiles from shared memory into the places it wants them in. On the
 * host the same by exchange of words, so every thread of the block must take part.
 *
 * Places, with g = lane / 4, t = lane % 4 (PTX ISA, mma.m16n8k16): a[0] holds row g,
 * columns 2t and 2t+1; a[1] row g+8; a[2], a[3] the same 8 columns on. b[0] holds
 * rows 2t, 2t+1 of column g, b[1] 8 rows on. c[0], c[1] row g, columns 2t, 2t+1;
 * c[2], c[3] row g+8.
 */
#ifndef HMR_HMR2_MMA_H
#define HMR_HMR2_MMA_H

#include <stdbool.h>

#include "cuda/hmr2_vec.h"

#ifdef __CUDACC__

HMR_FN uint32_t
mma_shared(const void *p)
{
	return (uint32_t)__cvta_generic_to_shared(p);
}

/* Four 8x8 tiles of 16 bit; lane l gives the address of row l % 8 of tile l / 8.
 * r[i] holds row g, columns 2t and 2t+1 of tile i. */
HMR_FN void
mma_load(uint32_t r[4], const void *row, HMR_BLOCK_PARAM)
{
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
		     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
		     : "r"(mma_shared(row)) : "memory");
}

/* The same, each tile transposed. */
HMR_FN void
mma_load_t(uint32_t r[4], const void *row, HMR_BLOCK_PARAM)
{
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
		     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
		     : "r"(mma_shared(row)) : "memory");
}

HMR_FN void
mma(float c[4], const uint32_t a[4], const uint32_t b[2], int type, HMR_BLOCK_PARAM)
{
#if __CUDA_ARCH__ >= 800
	if (type == V_BF16)
		asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
		    "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
		    : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
		    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
	else
		asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
		    "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
		    : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
		    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
	/* sm_75: half as deep, and no bfloat16, which is refused before */
	if (type == V_F16) {
		asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
		    "{%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
		    : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
		    : "r"(a[0]), "r"(a[1]), "r"(b[0]));
		asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
		    "{%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
		    : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
		    : "r"(a[2]), "r"(a[3]), "r"(b[1]));
	}
#endif
}

/* 16 bytes from device memory to shared memory, waited for by mma_copied(). */
HMR_FN void
mma_copy(void *shared, const void *global)
{
#if __CUDA_ARCH__ >= 800
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
		     :: "r"(mma_shared(shared)), "l"(global) : "memory");
#else
	v_st16(shared, v_ld16(global));
#endif
}

HMR_FN void
mma_copies_end(void)		/* of a group */
{
#if __CUDA_ARCH__ >= 800
	asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

HMR_FN void
mma_copied(int groups_open, HMR_BLOCK_PARAM)	/* 0 or 1 may be under way still */
{
#if __CUDA_ARCH__ >= 800
	if (groups_open)
		asm volatile("cp.async.wait_group 1;" ::: "memory");
	else
		asm volatile("cp.async.wait_group 0;" ::: "memory");
#endif
	HMR_SYNC();
}

#else

/* The word that lane `from` of this warp gives. */
static inline uint32_t
mma_word(const struct hmr_block *b, uint32_t from)
{
	return b->exchange[b->thread / 32 * 32 + from];
}

static inline void
mma_tiles(uint32_t r[4], const void *row, bool turned, struct hmr_block *b)
{
	uint32_t g = b->thread % 32 / 4, t = b->thread % 4;
	const unsigned char *base = (const unsigned char *)b->shared;

	b->exchange[b->thread] = (uint32_t)((const unsigned char *)row - base);
	b->sync(b);
	for (uint32_t i = 0; i < 4; i++) {
		uint16_t h[2];

		for (uint32_t k = 0; k < 2; k++) {
			uint32_t down = turned ? 2 * t + k : g, at = turned ? g : 2 * t + k;

			memcpy(&h[k], base + mma_word(b, 8 * i + down) + 2 * at, 2);
		}
		r[i] = (uint32_t)h[0] | (uint32_t)h[1] << 16;
	}
	b->sync(b);
}

static inline void
mma_load(uint32_t r[4], const void *row, struct hmr_block *b)
{
	mma_tiles(r, row, false, b);
}

static inline void
mma_load_t(uint32_t r[4], const void *row, struct hmr_block *b)
{
	mma_tiles(r, row, true, b);
}

static inline void
mma(float c[4], const uint32_t a[4], const uint32_t b[2], int type, struct hmr_block *k)
{
	uint32_t g = k->thread % 32 / 4, t = k->thread % 4;
	float rows[2][16], columns[2][16];

	for (uint32_t i = 0; i < 6; i++) {
		k->exchange[k->thread] = i < 4 ? a[i] : b[i - 4];
		k->sync(k);
		for (uint32_t q = 0; q < 4; q++)
			if (i < 4)
				v_unpack(mma_word(k, 4 * g + q), type,
					 rows[i % 2] + i / 2 * 8 + 2 * q);
			else
				for (uint32_t n = 0; n < 2; n++)
					v_unpack(mma_word(k, 4 * (2 * t + n) + q), type,
						 columns[n] + (i - 4) * 8 + 2 * q);
		k->sync(k);
	}
	for (uint32_t i = 0; i < 4; i++)
		for (uint32_t q = 0; q < 16; q++)
			c[i] += rows[i / 2][q] * columns[i % 2][q];
}

static inline void
mma_copy(void *shared, const void *global)
{
	memcpy(shared, global, 16);
}

static inline void
mma_copies_end(void)
{
}

static inline void
mma_copied(int groups_open, struct hmr_block *b)
{
	(void)groups_open;
	b->sync(b);
}

#endif
#endif

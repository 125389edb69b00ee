/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Little-endian fields and a bounds-checked cursor over bytes from outside.
 * No struct is ever laid over input: every field is read through these.
 */
#ifndef HMR_BYTES_H
#define HMR_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"

static inline uint16_t
hmr_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t
hmr_get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static inline uint64_t
hmr_get64(const uint8_t *p)
{
	return (uint64_t)hmr_get32(p) | (uint64_t)hmr_get32(p + 4) << 32;
}

static inline float
hmr_getf32(const uint8_t *p)
{
	uint32_t u = hmr_get32(p);
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

static inline void
hmr_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void
hmr_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static inline void
hmr_put64(uint8_t *p, uint64_t v)
{
	hmr_put32(p, (uint32_t)v);
	hmr_put32(p + 4, (uint32_t)(v >> 32));
}

static inline void
hmr_putf32(uint8_t *p, float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	hmr_put32(p, u);
}

struct hmr_cur {
	const uint8_t *at;
	const uint8_t *end;
};

/* *p = the next n bytes, borrowed; HMR_E_TRUNCATED where fewer are left. */
static inline HMR_MUST_USE enum hmr_status
hmr_cur_take(struct hmr_cur *c, size_t n, const uint8_t **p)
{
	if (n > (size_t)(c->end - c->at))
		return HMR_E_TRUNCATED;
	*p = c->at;
	c->at += n;
	return HMR_OK;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers from text and to text, independent of the locale: whole strings,
 * ranges named in the error; float32 as the shortest decimal that gives the
 * same float32 back. No allocation.
 */
#ifndef HMR_NUM_H
#define HMR_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* what names the option or field in the text. HMR_E_USAGE on failure. */
HMR_MUST_USE enum hmr_status
hmr_parse_u64(const char *what, const char *s, uint64_t lo, uint64_t hi,
	      uint64_t *v, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_parse_u32(const char *what, const char *s, uint32_t lo, uint32_t hi,
	      uint32_t *v, struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* never NaN or infinite */
hmr_parse_f64(const char *what, const char *s, double lo, double hi, double *v,
	      struct hmr_err *e);

/* Writes at most HMR_NUM_MAX characters without a NUL; returns how many.
 * Not finite is written as 0: callers keep NaN out. */
#define HMR_NUM_MAX 32
size_t hmr_fmt_f32(char *out, float v);
size_t hmr_fmt_u64(char *out, uint64_t v);
size_t hmr_fmt_i64(char *out, int64_t v);
/* Seconds of a tick count with 6 decimals, trailing zeros cut. */
size_t hmr_fmt_f64(char *out, double v, int decimals);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pull parser over one line of JSON from outside: no tree, no recursion, no
 * allocation. Nesting is bounded by HMR_JSON_DEPTH. Numbers become the float32
 * nearest to the decimal; what float32 cannot hold is HMR_E_FORMAT.
 *
 * Every function moves j->at and returns HMR_E_FORMAT, without a text, where the
 * text is not JSON or not what is asked for; j->at then stands at the fault.
 */
#ifndef HMR_LINES_JSON_H
#define HMR_LINES_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define HMR_JSON_DEPTH 64

struct hmr_json {
	const char *at, *end;
};

/* Walks an object: call with *first = true after which it is the parser's. Each
 * HMR_OK gives a key, unescaped text borrowed from the line (a key with escapes
 * comes as it stands in the line), and leaves j at the value. HMR_EOF: the
 * brace is closed. */
HMR_MUST_USE enum hmr_status
hmr_json_member(struct hmr_json *j, bool *first, const char **key, size_t *n);
bool hmr_json_is(const char *key, size_t n, const char *name);
/* Walks an array in the same way. */
HMR_MUST_USE enum hmr_status
hmr_json_element(struct hmr_json *j, bool *first);
/* The next character that is no space; 0 at the end. */
char hmr_json_peek(struct hmr_json *j);
HMR_MUST_USE enum hmr_status hmr_json_skip(struct hmr_json *j);	/* any value */
HMR_MUST_USE enum hmr_status hmr_json_end(struct hmr_json *j);	/* only space is left */
HMR_MUST_USE enum hmr_status hmr_json_f32(struct hmr_json *j, float *v);
HMR_MUST_USE enum hmr_status hmr_json_i64(struct hmr_json *j, int64_t *v);
HMR_MUST_USE enum hmr_status
hmr_json_u64(struct hmr_json *j, uint64_t hi, uint64_t *v);
HMR_MUST_USE enum hmr_status hmr_json_bool(struct hmr_json *j, bool *v);
/* Unescaped and cut to cap - 1 bytes, NUL-terminated; a NUL in it becomes '?'. */
HMR_MUST_USE enum hmr_status
hmr_json_string(struct hmr_json *j, char *out, size_t cap);
/* Exactly n numbers, in one array or in nested ones ([[1,2],[3,4]] is four). */
HMR_MUST_USE enum hmr_status
hmr_json_vector(struct hmr_json *j, float *out, size_t n);

#endif

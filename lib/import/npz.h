/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named arrays out of whatever file they come in: a pickle (a dict of arrays,
 * or one array), .npz, .npy or safetensors; gzipped or not, known by content.
 */
#ifndef HMR_NPZ_H
#define HMR_NPZ_H

#include "import/npy.h"

#define HMR_NPZ_FILE_MAX ((size_t)1 << 30)	/* unpacked bytes */

struct hmr_npz;
HMR_MUST_USE enum hmr_status
hmr_npz_open(struct hmr_npz **out, const char *path, struct hmr_err *e);
/* The same over bytes, which are copied only where they are unpacked; borrowed
 * until hmr_npz_close(). */
HMR_MUST_USE enum hmr_status
hmr_npz_parse(struct hmr_npz **out, const uint8_t *p, size_t n, struct hmr_err *e);
void hmr_npz_close(struct hmr_npz *z);

bool hmr_npz_has(const struct hmr_npz *z, const char *key);
/* The array `key` as float32 of exactly these dimensions, the caller's to free;
 * -1 in dims takes any size and is filled in. Sparse matrices become dense. key
 * NULL: the file is one array. HMR_E_MODEL: missing or of another shape. */
HMR_MUST_USE enum hmr_status
hmr_npz_f32(struct hmr_npz *z, const char *key, struct hmr_dims *dims, float **out,
	    struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* whole numbers; no sparse ones */
hmr_npz_i64(struct hmr_npz *z, const char *key, struct hmr_dims *dims,
	    int64_t **out, struct hmr_err *e);

/* A whole file of at most max bytes when unpacked, gunzipped where it is gzip.
 * The caller frees *out. */
HMR_MUST_USE enum hmr_status
hmr_gz_read(const char *path, size_t max, uint8_t **out, size_t *n,
	    struct hmr_err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The safetensors container: named tensors behind a JSON header, mapped
 * read-only. All is checked at open: header size, types, ranks, products
 * without overflow, ranges inside the file, no duplicate names, no overlap and
 * no gap. After that the index can be trusted. Files that we write hold a checksum
 * (formats/model.md), which is compared only where that is asked for.
 */
#ifndef HMR_SAFETENSORS_H
#define HMR_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "nn/nn.h"

#define HMR_ST_HEADER_MAX (64u << 20)
#define HMR_ST_TENSORS_MAX 65536u

struct hmr_st_tensor {
	const char *name;
	enum hmr_dtype dtype;
	struct hmr_dims dims;
	size_t bytes;
	const void *data;	/* little-endian elements, maybe unaligned */
};

struct hmr_safetensors;
HMR_MUST_USE enum hmr_status
hmr_safetensors_open(struct hmr_safetensors **out, const char *path,
		     struct hmr_err *e);
/* The same over bytes that the caller keeps until _close. */
HMR_MUST_USE enum hmr_status
hmr_safetensors_parse(struct hmr_safetensors **out, const void *p, size_t n,
		      struct hmr_err *e);
void hmr_safetensors_close(struct hmr_safetensors *s);

uint32_t hmr_safetensors_count(const struct hmr_safetensors *s);
/* In the order of their data. Everything is borrowed until _close. */
const struct hmr_st_tensor *
hmr_safetensors_at(const struct hmr_safetensors *s, uint32_t i);
int64_t hmr_safetensors_index(const struct hmr_safetensors *s, const char *name);
const struct hmr_st_tensor *	/* NULL: no such tensor */
hmr_safetensors_find(const struct hmr_safetensors *s, const char *name);
const char *	/* value of a __metadata__ key, or NULL */
hmr_safetensors_meta(const struct hmr_safetensors *s, const char *key);
/* The whole file. */
const uint8_t *hmr_safetensors_bytes(const struct hmr_safetensors *s, size_t *n);
const char *hmr_safetensors_sum(const struct hmr_safetensors *s);	/* NULL: none */
/* Reads every byte: HMR_E_FORMAT where they are not those that were written, HMR_EOF
 * where there is no checksum to compare. */
HMR_MUST_USE enum hmr_status
hmr_safetensors_verify(const struct hmr_safetensors *s, struct hmr_err *e);

struct hmr_st_pair { const char *key, *value; };
/* Writes a file whole or not at all. The order of the tensors is kept; the data
 * begin at a multiple of 64. The checksum goes before meta. */
HMR_MUST_USE enum hmr_status
hmr_safetensors_write(const char *path, const struct hmr_st_pair *meta,
		      uint32_t n_meta, const struct hmr_st_tensor *t, uint32_t n,
		      struct hmr_err *e);

HMR_MUST_USE enum hmr_status	/* the same bytes in memory, which the caller frees */
hmr_safetensors_pack(uint8_t **out, size_t *size, const struct hmr_st_pair *meta,
		     uint32_t n_meta, const struct hmr_st_tensor *t, uint32_t n,
		     struct hmr_err *e);

/* The same tensor by tensor, for files larger than memory: t[] says names, types,
 * shapes and bytes, its data are not looked at; put() is called for each in order. */
struct hmr_st_writer;
HMR_MUST_USE enum hmr_status
hmr_st_writer_open(struct hmr_st_writer **out, const char *path,
		   const struct hmr_st_pair *meta, uint32_t n_meta,
		   const struct hmr_st_tensor *t, uint32_t n, struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* bytes as t[] said, else a fault of ours */
hmr_st_writer_put(struct hmr_st_writer *w, const void *data, size_t bytes,
		  struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* the file is there; w is freed either way */
hmr_st_writer_commit(struct hmr_st_writer *w, struct hmr_err *e);
void hmr_st_writer_abort(struct hmr_st_writer *w);	/* nothing is left; NULL too */

/* For a file put together in memory: its header begins so, and when the rest is
 * there, stamp() puts in the checksum. */
#define HMR_ST_BEGIN "{\"__metadata__\":{\"xxh3\":\"0000000000000000\""
void hmr_st_stamp(uint8_t *file, size_t n);

/* Elements of dims; false where the product overflows or exceeds 2^47. */
bool hmr_dims_count(const struct hmr_dims *d, size_t *count);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch checkpoints: torch.save since 1.6, a zip with data.pkl and one blob a
 * storage, or before, pickles and storages in a row. Only the tensors of the
 * state_dict, or of a plain dict of tensors, are looked at; everything else in the
 * file stays an inert object. Storages are read when a tensor is, so memory is that
 * of one tensor's extent.
 */
#ifndef HMR_TORCH_H
#define HMR_TORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "nn/nn.h"

#define HMR_TORCH_PICKLE_MAX ((size_t)256 << 20)
#define HMR_TORCH_TENSOR_MAX ((size_t)1 << 30)	/* bytes of one tensor's extent */
#define HMR_TORCH_TENSORS_MAX 1000000u

enum hmr_torch_type {
	HMR_TORCH_F32, HMR_TORCH_F64, HMR_TORCH_F16, HMR_TORCH_BF16,
	HMR_TORCH_I64, HMR_TORCH_I32, HMR_TORCH_I16, HMR_TORCH_I8,
	HMR_TORCH_U8, HMR_TORCH_BOOL,
	HMR_TORCH_OTHER,	/* complex, quantised: cannot be read */
};

struct hmr_torch_tensor {
	const char *name;
	enum hmr_torch_type type;
	struct hmr_dims dims;
	int64_t stride[HMR_DIMS_MAX];	/* elements, never negative */
	uint64_t offset;		/* elements */
	const char *storage;		/* its key */
};

struct hmr_torch;
HMR_MUST_USE enum hmr_status
hmr_torch_open(struct hmr_torch **out, const char *path, struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* p is borrowed until hmr_torch_close() */
hmr_torch_parse(struct hmr_torch **out, const uint8_t *p, size_t n,
		struct hmr_err *e);
void hmr_torch_close(struct hmr_torch *t);

uint32_t hmr_torch_count(const struct hmr_torch *t);
const struct hmr_torch_tensor *hmr_torch_at(const struct hmr_torch *t, uint32_t i);
const struct hmr_torch_tensor *	/* NULL: no such tensor */
hmr_torch_find(const struct hmr_torch *t, const char *name);
/* All elements in C order as float32, out [product of dims]. HMR_E_TRUNCATED:
 * the storage is smaller than the tensor says. */
HMR_MUST_USE enum hmr_status
hmr_torch_read(struct hmr_torch *t, const struct hmr_torch_tensor *x, float *out,
	       struct hmr_err *e);

#endif

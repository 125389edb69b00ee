/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HMR2 model file (MODEL.md) as pointers into its mapping. Every tensor's
 * name, type and shape is checked when it is opened; read-only after that.
 */
#ifndef HMR_HMR2_WEIGHTS_H
#define HMR_HMR2_WEIGHTS_H

#include "import/hmr2.h"
#include "import/safetensors.h"

struct hmr2_linear {		/* y = w x + bias */
	enum hmr_dtype dtype;	/* F32, BF16, or I8 with scale */
	uint32_t out, in;
	const void *w;		/* [out][in] */
	const float *scale;	/* [out] of I8, else NULL */
	const float *bias;	/* [out] or NULL */
};

struct hmr2_norm {
	const float *w, *b;
};

struct hmr2_block {
	struct hmr2_norm norm1, norm2;
	struct hmr2_linear qkv, proj, fc1, fc2;
};

struct hmr2_layer {
	struct hmr2_norm norm0, norm1, norm2;
	struct hmr2_linear self_v, self_out;	/* unused in the first layer */
	struct hmr2_linear q, k, v, out, fc1, fc2;
};

struct hmr2_weights {
	const struct hmr_safetensors *file;
	struct hmr_safetensors *own;	/* to be closed, or NULL */
	struct hmr_hmr2_dims d;
	const char *name, *precision;
	struct hmr2_linear patch, dec;
	const float *pos;		/* [192][dim], patch bias in it */
	struct hmr2_block *block;	/* [depth] */
	struct hmr2_norm last_norm;
	const float *token;		/* [head_dim] after the first self-attention */
	struct hmr2_layer *layer;	/* [head_depth] */
};

/* HMR_E_MODEL: no HMR2 model file. */
HMR_MUST_USE enum hmr_status
hmr2_weights_open(struct hmr2_weights *w, const char *path, struct hmr_err *e);
/* The same of an open file, which must stay open. */
HMR_MUST_USE enum hmr_status
hmr2_weights_of(struct hmr2_weights *w, const struct hmr_safetensors *file,
		struct hmr_err *e);
void hmr2_weights_close(struct hmr2_weights *w);	/* accepts a zeroed one */
/* The pages of a tensor are not needed again: they may leave memory. */
void hmr2_weights_drop(const void *p, size_t bytes);
/* Whether all blocks but the first, which is finer, are I8. */
bool hmr2_weights_int8(const struct hmr2_weights *w);
size_t hmr2_linear_bytes(const struct hmr2_linear *l);
/* Row i as float32: out [in]. */
void hmr2_linear_row(const struct hmr2_linear *l, uint32_t i, float *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2.0 checkpoints (4D-Humans, PyTorch) to one model file, constants folded:
 * MODEL.md lists its tensors. Dimensions are read off the checkpoint; every name
 * and shape is checked before anything is written; memory is that of the largest
 * tensor; the file is there whole or not at all, the same for the same input.
 */
#ifndef HMR_IMPORT_HMR2_H
#define HMR_IMPORT_HMR2_H

#include <stdint.h>

#include "base/status.h"
#include "nn/nn.h"

#define HMR_HMR2_KIND "hmr2"
#define HMR_HMR2_TOKENS 192u		/* 16 rows of 12 patches */
#define HMR_HMR2_PATCH 768u		/* 3 x 16 x 16 */
#define HMR_HMR2_POSE 144u		/* 24 x 6 */
#define HMR_HMR2_OUT 157u		/* pose, 10 shape numbers, camera */
#define HMR_HMR2_WIDTH_MAX 8192u	/* of any layer */
#define HMR_HMR2_DEPTH_MAX 256u

struct hmr_hmr2_dims {
	uint32_t dim, depth, heads, mlp;	/* vision transformer */
	uint32_t head_dim, head_depth, head_heads, head_inner, head_mlp;
};

/* Sees the backbone's tensors in the order of the forward pass, and may round
 * its weights better than to nearest (hmr2/hmr2_calibrate.h). */
struct hmr_hmr2_observer {
	enum hmr_status (*start)(void *ctx, const struct hmr_hmr2_dims *d,
				 struct hmr_err *e);
	/* A tensor of the file in float32: norms, biases, patch.weight, pos. */
	enum hmr_status (*tensor)(void *ctx, const char *name, const float *v,
				  struct hmr_err *e);
	/* A weight w [out][in] of a block. q not NULL: it is stored in 8 bit;
	 * the observer sets q [out][in], scale [out], and w to q times scale. */
	enum hmr_status (*weight)(void *ctx, const char *name, float *w, uint32_t out,
				  uint32_t in, int8_t *q, float *scale,
				  struct hmr_err *e);
};

struct hmr_hmr2_import {
	const char *checkpoint;
	/* smpl_mean_params.npz, for checkpoints without init_*; may be NULL */
	const char *mean;
	const char *name;		/* the model's; NULL: "hmr2" */
	enum hmr_precision precision;	/* F32 (also AUTO), BF16 or INT8 */
	/* Attention heads, which no shape tells: 0 takes the known ones (those of
	 * vision transformers by width; of a decoder of 512 8). */
	uint32_t heads, head_heads;
	/* Of INT8 alone; NULL rounds to nearest. */
	const struct hmr_hmr2_observer *observer;
	void *observer_ctx;
	/* May be NULL. Bytes of the file written so far, and all. */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};

/* HMR_E_MODEL names what is missing or of the wrong shape. dims may be NULL. */
HMR_MUST_USE enum hmr_status
hmr_hmr2_import(const struct hmr_hmr2_import *o, const char *path,
		struct hmr_hmr2_dims *dims, struct hmr_err *e);

#endif

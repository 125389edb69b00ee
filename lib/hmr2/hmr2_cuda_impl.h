/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of HMR2 on a GPU, for hmr2_cuda*.c alone. */
#ifndef HMR_HMR2_CUDA_IMPL_H
#define HMR_HMR2_CUDA_IMPL_H

#include "body/body_tables.h"
#include "cuda/hmr2_kernels.h"
#include "cuda/image_slots.h"
#include "hmr2/hmr2_cuda.h"

#define HMR2_CUDA_SIX 160u	/* of the decoder's outputs: room for 157 */
#define HMR2_CUDA_BATCHES 5u	/* 1, 2, 4, 8, 16 */
#define HMR2_CUDA_WORKSPACE ((size_t)32 << 20)

/* Where the tensors of a layer lie in its block: _S are scales of 8-bit weights.
 * Biases are float32 but qkv's, which a product that is not 8-bit adds in its own
 * type. */
enum hmr2_cuda_tensor { HMR2_NORM1_W, HMR2_NORM1_B, HMR2_QKV, HMR2_QKV_S, HMR2_QKV_B,
	HMR2_PROJ, HMR2_PROJ_S, HMR2_PROJ_B, HMR2_NORM2_W, HMR2_NORM2_B, HMR2_FC1,
	HMR2_FC1_S, HMR2_FC1_B, HMR2_FC2, HMR2_FC2_S, HMR2_FC2_B, HMR2_TENSORS };

/* The same of a layer of the decoder, whose keys and values are one matrix for all
 * layers. */
enum hmr2_cuda_head { HMR2_H_NORM0_W, HMR2_H_NORM0_B, HMR2_H_SELF_V, HMR2_H_SELF_OUT,
	HMR2_H_SELF_OUT_B, HMR2_H_NORM1_W, HMR2_H_NORM1_B, HMR2_H_Q, HMR2_H_OUT,
	HMR2_H_OUT_B, HMR2_H_NORM2_W, HMR2_H_NORM2_B, HMR2_H_FC1, HMR2_H_FC1_B,
	HMR2_H_FC2, HMR2_H_FC2_B, HMR2_HEAD_TENSORS };

/* Offsets in the one block of device memory, all multiples of 256. */
struct hmr2_cuda_map {
	size_t first[HMR2_TENSORS];		/* in the first layer's block */
	size_t layer[HMR2_TENSORS];		/* in others; int8 is never the first */
	size_t first_bytes, layer_bytes;
	size_t layers, slots;			/* blocks of resident layers; two more */
	size_t patch, pos, norm_w, norm_b;	/* the last norm */
	size_t token;				/* [people][head_dim], all alike */
	size_t head[HMR2_HEAD_TENSORS], head_bytes, heads;
	size_t kv, dec, dec_b;			/* kv [layers][2][inner][dim] */
	size_t body_rest, body_dir, body_weight, body_index, body_joint;
	size_t fixed_end;			/* bytes of all these but layers, slots */
	size_t crops, x, a, big, sum, scale, state, query, other, hidden, six, result;
	size_t bone, coef, vertices;
	size_t image, rows, jobs;		/* of crops from images: as RGB */
	size_t planes;				/* two slots of images as they came */
	size_t work_end;
	size_t workspace, end;
	size_t host_result, host_vertices;	/* of pinned memory; crops at 0 */
	size_t host_planes, host_jobs, host_end;
};

/* Kernels and products of a type. */
struct hmr2_cuda_kernels {
	const struct hmr_kernel *patches, *norm, *gelu, *attend, *linear, *cross;
	const struct hmr_kernel *open, *quantise;	/* of int8 */
};

struct hmr2_cuda_gemms {
	struct hmr_gemm *qkv, *proj, *fc1, *fc2;
};

/* Of one batch size. */
struct hmr2_cuda_batch {
	struct hmr2_cuda_gemms gemm[2];		/* of types[] */
	struct hmr_gemm *patch, *kv;
	struct hmr_replay *replay;
};

struct hmr2_cuda {
	const struct hmr2_weights *w;
	const struct hmr_device_api *api;
	struct hmr_device *device;
	struct hmr_queue *queue, *copies;	/* copies: NULL unless streamed */
	struct hmr_event *start, *ready[2], *done[2];
	struct hmr2_cuda_plan plan;
	struct hmr2_cuda_map map;
	/* Of layers but the first; of patches, the first layer and the decoder, whose
	 * rounding goes through all that follows or straight into the result: 11 bits
	 * of mantissa where the others have 8. */
	enum hmr_device_type types[2];
	bool mma;			/* attention on tensor cores */
	uint8_t *base;			/* all device memory */
	uint8_t *host;			/* pinned */
	uint8_t *host_layers;		/* pinned, of layers that do not stay */
	struct hmr2_cuda_kernels k[2];	/* of types[] */
	const struct hmr_kernel *pose, *bones, *skin, *sharp, *rows, *blurred;
	const struct hmr_kernel *rgb;
	const struct hmr_kernel *norm_i8, *gelu_i8;
	uint32_t batches;		/* sizes 1 << i */
	struct hmr2_cuda_batch batch[HMR2_CUDA_BATCHES];
	struct hmr_body_tables body;	/* vertices 0: none */
	uint32_t shapes, poses;		/* directions that it takes */
	uint32_t width, height;		/* planned for images of; 0: none */
	uint32_t image[2];		/* the size of the one that is there */
	struct hmr_slots *slots;	/* NULL: crops are given */
	struct hmr_image above[HMR_SLOTS];	/* in device memory */
	uint64_t begun, used;		/* images */
};

/* Layer i's block, of those that stay. */
static inline size_t
hmr2_cuda_layer_at(const struct hmr2_cuda_map *m, uint32_t i)
{
	return m->layers + (i ? m->first_bytes + (i - 1) * m->layer_bytes : 0);
}

/* Where everything lies for this plan. */
void hmr2_cuda_map_make(struct hmr2_cuda_map *m, const struct hmr_hmr2_dims *d,
			const struct hmr2_cuda_needs *n, uint32_t people,
			uint32_t resident);

/* Converts and uploads all weights; c->base and the host's memory are there. */
HMR_MUST_USE enum hmr_status
hmr2_cuda_load(struct hmr2_cuda *c, struct hmr_err *e);

/* Puts a run of 1 << batch people on the queues. */
HMR_MUST_USE enum hmr_status
hmr2_cuda_steps(struct hmr2_cuda *c, uint32_t batch, struct hmr_err *e);

/* Runs what is in the device's crops, brings results back. */
HMR_MUST_USE enum hmr_status
hmr2_cuda_go(struct hmr2_cuda *c, uint32_t n, struct hmr_hmr2_result *out,
	     struct hmr_err *e);

/* c's kernels and products. */
HMR_MUST_USE enum hmr_status
hmr2_cuda_tools(struct hmr2_cuda *c, struct hmr_err *e);

/* Whether c's device has 8-bit products for c's network. */
HMR_MUST_USE enum hmr_status
hmr2_cuda_int8(struct hmr2_cuda *c, bool *has, struct hmr_err *e);

#endif

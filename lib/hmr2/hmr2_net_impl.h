/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a planned HMR2 network, for lib/hmr2 alone. */
#ifndef HMR_HMR2_NET_IMPL_H
#define HMR_HMR2_NET_IMPL_H

#include "hmr2/hmr2_cuda.h"
#include "hmr2/hmr2_dnnl.h"
#include "hmr2/hmr2_kernels.h"
#include "hmr2/hmr2_net.h"
#include "hmr2/hmr2_pool.h"

struct hmr2_packed_block {
	struct hmr2_packed qkv, proj, fc1, fc2;
};

struct hmr2_scratch {			/* of one thread */
	void *hidden;			/* [HMR2_CHUNK][ld_hidden] of fc1, f32 or bf16 */
	struct hmr2_rows hidden_q;	/* the same in 8 bit */
	float *mixed;			/* [HMR2_CHUNK][dim] attention's result, INT8 only */
	void *attend, *strassen;
	float *a;			/* [max][widest of the decoder] */
	float *z;			/* [2][dim] and 192 */
};

struct hmr_hmr2 {
	struct hmr2_weights w;
	enum hmr2_num num;
	bool attend_bf16;
	bool ref;
	char backend[16];
	uint32_t max;			/* people of a part */
	struct hmr2_cuda *cuda;		/* all of it on a GPU; or NULL */
	bool images;			/* it takes crops itself */
	struct hmr2_dnnl *dnnl;		/* the backbone where ours does not run */
	struct hmr2_pool *pool;
	uint8_t *packed;
	size_t packed_bytes, weight_bytes, work_bytes;
	struct hmr2_packed patch;
	struct hmr2_packed_block *block;
	/* activations of max people */
	uint8_t *work;
	float *x;			/* [max * 192][dim] */
	void *qkv[2];			/* of even and odd layers, [max * 192][ld_qkv] */
	size_t ld_qkv, ld_hidden;
	struct hmr2_rows a;		/* input of a product */
	struct hmr2_scratch *scratch;	/* [threads] */
	float *token, *query, *other, *hidden;	/* decoder, [max][…] */
	float *six;			/* [max][160] */
	float *ref_work;
	/* the part that runs */
	const float *crops;
	uint32_t n;
	struct hmr_hmr2_result *out;
};

#define HMR2_SIX 160u		/* of the decoder's outputs: room for 157 */

/* Everything that n needs beside its weights' file and its format. */
HMR_MUST_USE enum hmr_status
hmr2_make(struct hmr_hmr2 *n, unsigned threads, struct hmr_err *e);
void hmr2_unmake(struct hmr_hmr2 *n);	/* its mapping */

/* On every thread: tokens of the part to net->x, then the decoder. */
void hmr2_backbone(struct hmr_hmr2 *net, unsigned thread);
void hmr2_decoder(struct hmr_hmr2 *net, unsigned thread);

#endif

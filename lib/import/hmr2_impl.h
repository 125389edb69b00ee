/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the HMR2 importer: what each tensor of the file is made from. */
#ifndef HMR_HMR2_IMPL_H
#define HMR_HMR2_IMPL_H

#include <stdbool.h>
#include <stddef.h>

#include "import/hmr2.h"
#include "import/safetensors.h"
#include "import/torch.h"

enum hmr2_make {
	HMR2_COPY,		/* src[0], elements in order, as the item's type */
	HMR2_PART,		/* rows [first, first + rows) of src[0] */
	HMR2_WEIGHT,		/* the same, rounded or quantised by row */
	HMR2_SCALE,		/* scales of the HMR2_WEIGHT before it */
	HMR2_POS,		/* positions + their class slot + patch bias */
	HMR2_TOKEN,		/* query token after the first self-attention */
	HMR2_DECODE,		/* decpose, decshape, deccam in one */
	HMR2_DECODE_BIAS,	/* their biases and initial values */
};

#define HMR2_NAME 128
struct hmr2_item {
	enum hmr2_make make;
	char name[HMR2_NAME], src[HMR2_NAME];
	enum hmr_dtype dtype;
	struct hmr_dims dims;
	uint32_t first;			/* HMR2_PART, HMR2_WEIGHT: first row */
};

struct hmr2_plan {
	struct hmr_torch *ckpt;
	struct hmr_hmr2_dims d;
	enum hmr_dtype first, backbone, head;	/* types of the weights */
	struct hmr2_item *item;
	uint32_t n, cap;
	float init[HMR_HMR2_OUT];	/* initial pose, shape, camera */
	bool have_init;
	/* what is wrong with the checkpoint, all of it */
	char wrong[256];
	uint32_t n_wrong;
	bool no_memory;
};

/* Reads the dimensions and lists all tensors; every source is checked. */
HMR_MUST_USE enum hmr_status
hmr2_plan_make(struct hmr2_plan *p, const struct hmr_hmr2_import *o,
	       struct hmr_err *e);

/* The tensor, of exactly these dimensions (-1: any); NULL: noted in wrong. */
const struct hmr_torch_tensor *
hmr2_want(struct hmr2_plan *p, const char *name, struct hmr_dims dims);

/* Values of items that are computed: out [count of it.dims]. */
HMR_MUST_USE enum hmr_status
hmr2_fold(struct hmr2_plan *p, const struct hmr2_item *it, float *out,
	  struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* a tensor on the heap, the caller's */
hmr2_load(struct hmr2_plan *p, const char *name, float **out, size_t *n,
	  struct hmr_err *e);

#endif

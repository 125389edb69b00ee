/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2 on a GPU, over the device layer (cuda/device.h). All people of a run are
 * one batch of 1, 2, 4, 8 or 16, recorded once and replayed. One block of device
 * memory, whose size is known before it is asked for; where a limit leaves no room
 * for all of the transformer's layers, the others come from pinned host memory
 * while the network runs, two at a time. Running allocates nothing.
 */
#ifndef HMR_HMR2_CUDA_H
#define HMR_HMR2_CUDA_H

#include <stdio.h>

#include "body/body.h"
#include "cuda/device.h"
#include "hmr2/hmr2_crop.h"
#include "hmr2/hmr2_net.h"
#include "hmr2/hmr2_weights.h"

#define HMR2_CUDA_PEOPLE 16u	/* of a batch at most */

/* Bytes, of the device except where it says host. */
struct hmr2_cuda_plan {
	enum hmr_device_type type;	/* of weights and activations */
	bool int8;			/* weights of layers but the first, and what
					 * they are multiplied with */
	uint32_t people;		/* largest batch: a power of two */
	uint32_t depth, resident;	/* layers of the transformer, and those that
					 * stay on the device */
	size_t layer;			/* of one layer; int8: but the first */
	size_t stay;			/* of all that stay */
	size_t fixed;			/* all other weights, and the body's tables */
	size_t slots;			/* for layers on their way; 0: all stay */
	size_t activations, workspace;
	size_t device;			/* the sum of all these */
	size_t host_io;			/* pinned: crops and results */
	size_t host_layers;		/* pinned: layers that do not stay */
};

struct hmr2_cuda_needs {
	enum hmr_device_type type;
	bool int8;
	uint32_t people;		/* at once */
	uint32_t vertices;		/* of a body to be posed on the device; 0: none */
	uint32_t width, height;		/* of the largest image to take crops from; 0 */
	size_t slot;			/* hmr_slot_bytes() of it */
	uint64_t limit;			/* bytes of the device; 0: none */
};

/* With a limit the plan has all layers resident if that works for any batch, else the
 * largest batch. HMR_E_DEVICE: not even one person with two layers fits; the text
 * says what would. */
HMR_MUST_USE enum hmr_status
hmr2_cuda_plan_make(struct hmr2_cuda_plan *out, const struct hmr_hmr2_dims *d,
		    const struct hmr2_cuda_needs *n, struct hmr_err *e);

/* The plan as lines of text, without a device. int8: what AUTO is where the card has
 * 8-bit products. people 0: HMR2_CUDA_PEOPLE. */
HMR_MUST_USE enum hmr_status
hmr2_cuda_show(const struct hmr_hmr2_dims *d, bool int8, enum hmr_precision precision,
	       uint32_t people, uint64_t limit, FILE *f, struct hmr_err *e);

struct hmr2_cuda_options {
	int index;			/* of the device */
	enum hmr_precision precision;	/* AUTO, F32, BF16, F16, INT8 */
	uint32_t people;		/* 0: HMR2_CUDA_PEOPLE */
	uint64_t limit;
	uint32_t width, height;		/* of the largest image; 0: crops are given */
	uint64_t image_bytes;		/* of its section, at most; 0: not known */
	const struct hmr_body *body;	/* its vertices are computed too, if it is one
					 * that hmr_body_tables_get() gives; or NULL */
	bool body_betas;		/* its shape numbers are SMPL's */
};

struct hmr2_cuda;
/* w and body must stay as long as it lives. Whoever prints says: plan. */
HMR_MUST_USE enum hmr_status
hmr2_cuda_new(struct hmr2_cuda **out, const struct hmr2_weights *w,
	      const struct hmr2_cuda_options *o, struct hmr_err *e);
void hmr2_cuda_free(struct hmr2_cuda *c);	/* accepts NULL */
const struct hmr2_cuda_plan *hmr2_cuda_planned(const struct hmr2_cuda *c);
/* A plan as programs print it. */
void hmr2_cuda_plan_sum(const struct hmr2_cuda_plan *p, struct hmr_net_plan *out);
/* "int8", "bf16", … */
const char *hmr2_cuda_precision(const struct hmr2_cuda *c);
const char *hmr2_cuda_plan_precision(const struct hmr2_cuda_plan *p);

/* Pinned memory where crops [people][3][256][192] may be written, so that no copy
 * is needed. */
float *hmr2_cuda_crops(struct hmr2_cuda *c);
/* n: 1 to the plan's people. After HMR_E_DEVICE only _free is of use. */
HMR_MUST_USE enum hmr_status
hmr2_cuda_run(struct hmr2_cuda *c, const float *crops, uint32_t n,
	      struct hmr_hmr2_result *out, struct hmr_err *e);
/* The same of crops that the device takes from an image, which goes up once for all
 * its people, as it came. _begin starts its way up, for at most one image ahead of
 * the one in work; _image makes the first that was begun, or im itself where none
 * was, the one for the next runs. HMR_E_LIMIT: larger than was planned. */
HMR_MUST_USE enum hmr_status
hmr2_cuda_begin(struct hmr2_cuda *c, const struct hmr_image *im, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr2_cuda_image(struct hmr2_cuda *c, const struct hmr_image *im, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr2_cuda_run_squares(struct hmr2_cuda *c, const struct hmr2_square *s, uint32_t n,
		      bool antialias, struct hmr_hmr2_result *out, struct hmr_err *e);
/* Of person i of the last run: [vertices][3]; NULL: no body was given. */
const float *hmr2_cuda_vertices(const struct hmr2_cuda *c, uint32_t i);

#endif

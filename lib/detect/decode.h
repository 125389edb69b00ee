/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a detector's outputs to boxes with scores. Where each number lies is worked
 * out and checked once, for the sizes of a planned network; decoding then only reads.
 */
#ifndef HMR_DECODE_H
#define HMR_DECODE_H

#include "detect/boxes.h"
#include "detect/spec.h"
#include "nn/nn.h"

#define HMR_DECODE_OUTPUTS 40	/* five fields of eight levels */

struct hmr_place {		/* a field of all cells of a level */
	int output;		/* of hmr_decoder.name; -1: none */
	size_t at, cell, step;	/* floats: of cell 0, from cell to cell, to the next number */
};
struct hmr_level {
	uint32_t stride, cols;	/* 0: a list, without a grid */
	uint32_t cells;
	struct hmr_place box, score, objectness, label, batch;
};
struct hmr_decoder {
	struct hmr_detect_spec spec;	/* classes and bins filled in */
	uint32_t width, height;		/* of the network */
	uint32_t n_levels, cells;	/* of all levels */
	struct hmr_level level[HMR_LEVELS_MAX];
	uint32_t n_outputs;
	const char *name[HMR_DECODE_OUTPUTS + 1];	/* NULL-terminated; in spec */
};

/* The names of all outputs that a spec reads, NULL-terminated; they stay the spec's. */
void hmr_decoder_names(const struct hmr_detect_spec *s,
		       const char *name[HMR_DECODE_OUTPUTS + 1]);

/* dims of an output by its name; false: there is none. */
typedef bool hmr_dims_of(void *ctx, const char *name, struct hmr_dims *d);
/* For a network of width x height pixels. HMR_E_MODEL: the outputs are not what the
 * spec says; the text says what they should be. *d must not move afterwards. */
HMR_MUST_USE enum hmr_status
hmr_decoder_init(struct hmr_decoder *d, const struct hmr_detect_spec *s, uint32_t width,
		 uint32_t height, hmr_dims_of *dims, void *ctx, struct hmr_err *e);

/* Where the image lies in the network's input: image = origin + (x - offset) scale. */
struct hmr_mapping {
	float offset[2], scale[2], origin[2];
};
/* Appends to out[*n], which has room for d->cells more, the people of a score of at
 * least min, in image pixels. data[i]: output i. */
void hmr_decode(const struct hmr_decoder *d, const float *const *data, float min,
		const struct hmr_mapping *m, struct hmr_scored *out, uint32_t *n);

/* The same for the kernel detect_cells, of outputs in device memory; all but the job
 * and where boxes go. *a is zeroed before. */
struct detect_cells;
void hmr_decode_cells(struct detect_cells *a, const struct hmr_decoder *d,
		      const float *const *data, float min);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a model file: every importer adds inputs, constants and nodes here,
 * in an order that can be run; shapes are inferred and checked at once. Then
 * padding, bias and activations are folded into their neighbours, what no
 * output needs is dropped, and the file is written (formats/model.md).
 */
#ifndef HMR_BUILD_H
#define HMR_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "import/names.h"
#include "nn/graph.h"
#include "nn/nn.h"

struct hmr_bvalue {
	char *name;
	struct hmr_dims dims;
	int32_t node;		/* that makes it; -1: input or constant */
	bool constant;
	enum hmr_dtype dtype;	/* of a constant */
	void *data;		/* owned, little-endian */
};

struct hmr_bnode {
	struct hmr_node n;	/* name, in, out and list owned */
	bool dead;
};

struct hmr_bio { char *name; uint32_t value; uint32_t free[HMR_DIMS_MAX]; };

struct hmr_build {
	struct hmr_bvalue *value;
	struct hmr_bnode *node;
	struct hmr_bio input[HMR_GRAPH_IO_MAX], output[HMR_GRAPH_IO_MAX];
	uint32_t n_values, cap_values, n_nodes, cap_nodes, n_inputs, n_outputs;
	struct hmr_names names;	/* of values; keys are theirs */
};

HMR_MUST_USE enum hmr_status hmr_build_init(struct hmr_build *b, struct hmr_err *e);
void hmr_build_release(struct hmr_build *b);	/* accepts a zeroed one */

/* Names are copied, and made unique for nodes and constants. */
HMR_MUST_USE enum hmr_status
hmr_build_input(struct hmr_build *b, const char *name, const struct hmr_dims *d,
		const uint32_t free_axes[HMR_DIMS_MAX], uint32_t *value,
		struct hmr_err *e);
/* Takes data (malloc), also on failure. */
HMR_MUST_USE enum hmr_status
hmr_build_const(struct hmr_build *b, const char *name, enum hmr_dtype t,
		const struct hmr_dims *d, void *data, uint32_t *value,
		struct hmr_err *e);
/* proto: op, attributes, in, list; copied. out[proto->n_out] receives values. */
HMR_MUST_USE enum hmr_status
hmr_build_node(struct hmr_build *b, const char *name,
	       const struct hmr_node *proto, uint32_t *out, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_build_output(struct hmr_build *b, const char *name, uint32_t value,
		 struct hmr_err *e);

void hmr_build_simplify(struct hmr_build *b);	/* fuse.c */
/* Frees the batch of all inputs where it is 1 and no operator cares. */
void hmr_build_free_batch(struct hmr_build *b);
/* Finds an output by its sizes from the second on (-1: any); NULL: none. */
const struct hmr_bio *
hmr_build_find_output(const struct hmr_build *b, uint32_t rank,
		      const int64_t *sizes, uint32_t from);

struct cJSON;
struct hmr_build_about {
	const char *name, *kind;
	const struct cJSON *meta, *provenance;	/* objects; may be NULL */
};
HMR_MUST_USE enum hmr_status
hmr_build_write(const struct hmr_build *b, const char *path,
		const struct hmr_build_about *a, struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* the same bytes in memory, which the caller frees */
hmr_build_pack(const struct hmr_build *b, uint8_t **bytes, size_t *n,
	       const struct hmr_build_about *a, struct hmr_err *e);

#endif

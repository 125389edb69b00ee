/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the TensorFlow.js importer: tfjs.c loads nodes and weights and orders
 * them, tfjs_fold.c computes what is constant, tfjs_ops.c translates the rest.
 */
#ifndef HMR_TFJS_H
#define HMR_TFJS_H

#include <stdbool.h>
#include <stdint.h>

#include "import/build.h"
#include "import/names.h"

struct cJSON;

/* What a source tensor is here. A value is an NHWC-ordered one of ours, seen
 * through a permutation: axis i of the source is axis perm[i] of ours. */
struct tf_view {
	enum { TF_NONE, TF_CONST, TF_VALUE } kind;
	uint32_t value;			/* TF_VALUE */
	uint8_t perm[HMR_DIMS_MAX];
	enum hmr_dtype dtype;		/* TF_CONST */
	struct hmr_dims dims;
	const uint8_t *data;
};

struct tf_node {
	const char *name, *op;
	const struct cJSON *attr;
	uint32_t first_in, n_in;	/* of tf.ref */
	uint32_t first_out, n_out;	/* of tf.view */
};

struct tf_ref { uint32_t node, out; };

struct tf {
	struct hmr_build *b;
	struct tf_node *node;
	uint32_t n_nodes;
	struct tf_ref *ref;
	uint32_t n_refs;
	struct tf_view *view;
	uint32_t n_views;
	uint32_t *order;		/* node indices that can be run in turn */
	struct hmr_names nodes, weights;
	struct tf_view *weight;
	uint32_t n_weights;
	void **owned;			/* folded constants */
	uint32_t n_owned, cap_owned;
	struct hmr_err *e;
};

/* Attributes; the fallback where there is none or it is of another type. */
bool tf_attr_bool(const struct tf_node *n, const char *key, bool fallback);
int64_t tf_attr_int(const struct tf_node *n, const char *key, int64_t fallback);
double tf_attr_f64(const struct tf_node *n, const char *key, double fallback);
/* Numbers of a list; returns how many there are, writes at most cap. */
uint32_t tf_attr_ints(const struct tf_node *n, const char *key, int64_t *v, uint32_t cap);
/* A base64 string, decoded and cut to cap - 1. i < 0: not a list. */
bool tf_attr_text(const struct tf_node *n, const char *key, int i, char *s, size_t cap);

static inline struct tf_view *
tf_in(struct tf *t, const struct tf_node *n, uint32_t i)
{
	const struct tf_ref *r = &t->ref[n->first_in + i];

	return &t->view[t->node[r->node].first_out + r->out];
}

/* The integers of a constant; false where it is none or larger than cap. */
bool tf_const_ints(const struct tf_view *v, int64_t *out, uint32_t cap, uint32_t *n);

/* HMR_EOF: not a node that can be folded. */
HMR_MUST_USE enum hmr_status tf_fold(struct tf *t, const struct tf_node *n);
HMR_MUST_USE enum hmr_status tf_lower(struct tf *t, const struct tf_node *n);
/* An NHWC value of the view itself: a transpose where it is permuted. */
HMR_MUST_USE enum hmr_status
tf_plain(struct tf *t, const char *name, const struct tf_view *v, uint32_t *value);

#endif

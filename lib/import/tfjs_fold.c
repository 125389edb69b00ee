/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constant folding of the small integer arithmetic with which graph models
 * compute shapes: everything of at most 16 numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "import/tfjs.h"

#define FOLD_MAX 16u

static enum hmr_status
set_const(struct tf *t, const struct tf_node *n, const struct hmr_dims *d,
	  const int64_t *v, uint32_t count)
{
	struct tf_view *out = &t->view[n->first_out];
	uint8_t *p;

	if (t->n_owned == t->cap_owned) {
		uint32_t cap = t->cap_owned ? 2 * t->cap_owned : 64;
		void **o = realloc(t->owned, cap * sizeof(*o));

		if (!o)
			return hmr_fail(t->e, HMR_E_NOMEM, "graph");
		t->owned = o;
		t->cap_owned = cap;
	}
	if (!(p = malloc(4 * FOLD_MAX)))
		return hmr_fail(t->e, HMR_E_NOMEM, "graph");
	t->owned[t->n_owned++] = p;
	for (uint32_t i = 0; i < count; i++)
		hmr_put32(p + 4 * i, (uint32_t)v[i]);
	*out = (struct tf_view){ .kind = TF_CONST, .dtype = HMR_DTYPE_I32,
		.dims = *d, .data = p };
	return HMR_OK;
}

static enum hmr_status
fold_arith(struct tf *t, const struct tf_node *n)
{
	int64_t a[FOLD_MAX], b[FOLD_MAX];
	const struct tf_view *x, *y;
	uint32_t na, nb;

	if (n->n_in != 2)
		return HMR_EOF;
	x = tf_in(t, n, 0);
	y = tf_in(t, n, 1);
	if (!tf_const_ints(x, a, FOLD_MAX, &na) || !tf_const_ints(y, b, FOLD_MAX, &nb) ||
	    (na != nb && na != 1 && nb != 1))
		return HMR_EOF;
	if (na < nb) {		/* the scalar is a */
		for (uint32_t i = 1; i < nb; i++)
			a[i] = a[0];
	}
	for (uint32_t i = 0; i < (na > nb ? na : nb); i++) {
		int64_t v = b[nb == 1 ? 0 : i];

		a[i] = n->op[0] == 'M' ? a[i] * v : n->op[0] == 'S' ? a[i] - v : a[i] + v;
	}
	return set_const(t, n, na < nb ? &y->dims : &x->dims, a, na > nb ? na : nb);
}

/* SparseToDense(indices, shape [1], values, default) of one axis. */
static enum hmr_status
fold_sparse(struct tf *t, const struct tf_node *n)
{
	int64_t at[FOLD_MAX], size[1], v[FOLD_MAX], fill[1], out[FOLD_MAX];
	struct hmr_dims d = { .n = 1 };
	uint32_t n_at, n_size, n_v, n_fill;

	if (n->n_in != 4 || !tf_const_ints(tf_in(t, n, 0), at, FOLD_MAX, &n_at) ||
	    !tf_const_ints(tf_in(t, n, 1), size, 1, &n_size) ||
	    !tf_const_ints(tf_in(t, n, 2), v, FOLD_MAX, &n_v) ||
	    !tf_const_ints(tf_in(t, n, 3), fill, 1, &n_fill) || n_size != 1 ||
	    n_fill != 1 || size[0] < 0 || size[0] > FOLD_MAX ||
	    (n_v != n_at && n_v != 1))
		return HMR_EOF;
	for (int64_t i = 0; i < size[0]; i++)
		out[i] = fill[0];
	for (uint32_t i = 0; i < n_at; i++) {
		if (at[i] < 0 || at[i] >= size[0])
			return HMR_EOF;
		out[at[i]] = v[n_v == 1 ? 0 : i];
	}
	d.d[0] = size[0];
	return set_const(t, n, &d, out, (uint32_t)size[0]);
}

/* Pack of scalars, ConcatV2 of vectors: the numbers in turn. */
static enum hmr_status
fold_join(struct tf *t, const struct tf_node *n, uint32_t n_in)
{
	int64_t out[FOLD_MAX];
	struct hmr_dims d = { .n = 1 };
	uint32_t at = 0, got;

	for (uint32_t i = 0; i < n_in; i++) {
		const struct tf_view *v = tf_in(t, n, i);

		if (v->kind != TF_CONST || v->dims.n > 1 ||
		    !tf_const_ints(v, out + at, FOLD_MAX - at, &got))
			return HMR_EOF;
		at += got;
	}
	d.d[0] = at;
	return set_const(t, n, &d, out, at);
}

enum hmr_status
tf_fold(struct tf *t, const struct tf_node *n)
{
	if (!strcmp(n->op, "Identity") && n->n_in >= 1) {
		t->view[n->first_out] = *tf_in(t, n, 0);
		return HMR_OK;
	}
	if (!strcmp(n->op, "Add") || !strcmp(n->op, "AddV2") ||
	    !strcmp(n->op, "Sub") || !strcmp(n->op, "Mul"))
		return fold_arith(t, n);
	if (!strcmp(n->op, "SparseToDense"))
		return fold_sparse(t, n);
	if (!strcmp(n->op, "Pack"))
		return fold_join(t, n, n->n_in);
	if (!strcmp(n->op, "ConcatV2") && n->n_in > 1)
		return fold_join(t, n, n->n_in - 1);
	return HMR_EOF;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays inside pickles: what numpy, scipy.sparse and chumpy leave there. Module
 * paths moved over the years (numpy.core -> numpy._core, scipy.sparse.csc ->
 * scipy.sparse._csc), so classes are known by their first and last part.
 */
#include "import/npy.h"

#include <stdlib.h>
#include <string.h>

#define NEST_MAX 8	/* chumpy objects in chumpy objects */

/* v is a GLOBAL "top.….module name" of this top and name. */
static bool
is_class(const struct hmr_pk *v, const char *top, const char *name)
{
	size_t t = strlen(top), n = strlen(name);

	return v && v->kind == HMR_PK_GLOBAL && v->s.n > t + n &&
	       !memcmp(v->s.p, top, t) &&
	       (v->s.p[t] == '.' || v->s.p[t] == ' ') &&
	       !memcmp(v->s.p + v->s.n - n, name, n) && v->s.p[v->s.n - n - 1] == ' ';
}

static const struct hmr_pk *
class_of(const struct hmr_pk *v)
{
	if (!v || v->kind != HMR_PK_OBJECT)
		return NULL;
	/* protocols 0 and 1: copy_reg._reconstructor(class, object, None) */
	if (hmr_pk_is(v->o.cls, "copy_reg _reconstructor") ||
	    hmr_pk_is(v->o.cls, "copyreg _reconstructor") ||
	    hmr_pk_is(v->o.cls, "copyreg __newobj__") ||
	    hmr_pk_is(v->o.cls, "copy_reg __newobj__"))
		return hmr_pk_at(v->o.args, 0);
	return v->o.cls;
}

/* dtype("f8", 0, 1) with state (3, "<", …). */
static enum hmr_status
type_of(struct hmr_npy *a, const struct hmr_pk *v, struct hmr_err *e)
{
	const struct hmr_pk *name, *order;
	enum hmr_status st;

	if (!is_class(class_of(v), "numpy", "dtype") ||
	    !hmr_pk_is_string(name = hmr_pk_at(v->o.args, 0)))
		return hmr_fail(e, HMR_E_FORMAT, "a numpy array without a type");
	if ((st = hmr_npy_type(a, (const char *)name->s.p, name->s.n, e)))
		return st;
	order = hmr_pk_at(v->o.state, 1);
	if (hmr_pk_is_string(order) && order->s.n == 1)
		a->big_endian = order->s.p[0] == '>';
	return HMR_OK;
}

static enum hmr_status
shape_of(struct hmr_npy *a, const struct hmr_pk *v, struct hmr_err *e)
{
	if (!v || v->kind != HMR_PK_TUPLE || v->n > HMR_DIMS_MAX)
		return hmr_fail(e, HMR_E_FORMAT, "a numpy array without a shape");
	a->dims.n = v->n;
	for (uint32_t i = 0; i < v->n; i++)
		if (!hmr_pk_int(v->item[i], &a->dims.d[i]))
			return hmr_fail(e, HMR_E_FORMAT, "a numpy array without a shape");
	return HMR_OK;
}

static enum hmr_status
data_of(struct hmr_npy *a, const struct hmr_pk *v, struct hmr_err *e)
{
	/* text: Latin-1 that a Python 3 wrote from a Python 2 file, only whole
	 * where it is ASCII; bytes otherwise */
	if (!v || v->kind != HMR_PK_BYTES)
		return hmr_fail(e, HMR_E_FORMAT, "a numpy array without data");
	a->data = v->s.p;
	return hmr_npy_check(a, v->s.n, e);
}

static enum hmr_status
of_value(struct hmr_npy *a, const struct hmr_pk *v, unsigned depth, struct hmr_err *e);

/* State (version, shape, dtype, fortran, data); the oldest has no version. */
static enum hmr_status
of_state(struct hmr_npy *a, const struct hmr_pk *s, unsigned depth, struct hmr_err *e)
{
	uint32_t i = s && s->n == 5;
	const struct hmr_pk *list;
	enum hmr_status st;
	int64_t f;

	if (!s || s->kind != HMR_PK_TUPLE || s->n < 4)
		return hmr_fail(e, HMR_E_FORMAT, "a numpy array without a state");
	if ((st = shape_of(a, s->item[i], e)) || (st = type_of(a, s->item[i + 1], e)))
		return st;
	if (!hmr_pk_int(s->item[i + 2], &f))
		return hmr_fail(e, HMR_E_FORMAT, "a numpy array without an order");
	a->fortran = f;
	if (a->kind != 'O')
		return data_of(a, s->item[i + 3], e);
	list = s->item[i + 3];
	if (list->kind != HMR_PK_LIST || list->n != 1)
		return hmr_fail(e, HMR_E_VERSION, "a numpy array of objects");
	return of_value(a, list->item[0], depth + 1, e);
}

/* _frombuffer(bytes, dtype, shape, "C"), protocol 5. */
static enum hmr_status
of_buffer(struct hmr_npy *a, const struct hmr_pk *args, struct hmr_err *e)
{
	enum hmr_status st;

	if ((st = type_of(a, hmr_pk_at(args, 1), e)) ||
	    (st = shape_of(a, hmr_pk_at(args, 2), e)))
		return st;
	a->fortran = hmr_pk_is(hmr_pk_at(args, 3), "F");
	return data_of(a, hmr_pk_at(args, 0), e);
}

/* chumpy's Select(a, idxs, preferred_shape): a.ravel()[idxs], reshaped. */
static enum hmr_status
of_select(struct hmr_npy *a, const struct hmr_pk *state, unsigned depth,
	  struct hmr_err *e)
{
	const struct hmr_pk *shape = hmr_pk_get(state, "preferred_shape");
	struct hmr_npy idx, wanted;
	enum hmr_status st;

	if ((st = of_value(a, hmr_pk_get(state, "a"), depth + 1, e)) ||
	    (st = of_value(&idx, hmr_pk_get(state, "idxs"), depth + 1, e)))
		return st;
	if (!shape)
		return hmr_npy_pick(a, &idx, &idx.dims, e);
	return (st = shape_of(&wanted, shape, e)) ? st :
	       hmr_npy_pick(a, &idx, &wanted.dims, e);
}

static enum hmr_status
of_object(struct hmr_npy *a, const struct hmr_pk *v, unsigned depth, struct hmr_err *e)
{
	const struct hmr_pk *cls = class_of(v), *x;
	enum hmr_status st;

	if (is_class(cls, "numpy", "_reconstruct") || is_class(cls, "numpy", "ndarray"))
		return of_state(a, v->o.state, depth, e);
	if (is_class(cls, "numpy", "_frombuffer"))
		return of_buffer(a, v->o.args, e);
	if (is_class(cls, "numpy", "scalar")) {
		if ((st = type_of(a, hmr_pk_at(v->o.args, 0), e)))
			return st;
		return data_of(a, hmr_pk_at(v->o.args, 1), e);
	}
	/* A chumpy array keeps its data as x; the rest is bookkeeping. */
	if (is_class(cls, "chumpy", "Ch") && (x = hmr_pk_get(v->o.state, "x")))
		return of_value(a, x, depth + 1, e);
	if (is_class(cls, "chumpy", "Select"))
		return of_select(a, v->o.state, depth, e);
	return hmr_fail(e, HMR_E_VERSION, "an object of class '%.*s' where an array belongs",
			cls && cls->kind == HMR_PK_GLOBAL ? (int)(cls->s.n < 80 ? cls->s.n : 80) : 1,
			cls && cls->kind == HMR_PK_GLOBAL ? (const char *)cls->s.p : "?");
}

static enum hmr_status
of_value(struct hmr_npy *a, const struct hmr_pk *v, unsigned depth, struct hmr_err *e)
{
	if (depth > NEST_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "arrays nested too deep");
	memset(a, 0, sizeof(*a));
	if (v && v->kind == HMR_PK_OBJECT)
		return of_object(a, v, depth, e);
	return hmr_fail(e, HMR_E_FORMAT, "no array");
}

enum hmr_status
hmr_npy_of_pickle(struct hmr_npy *out, const struct hmr_pk *v, struct hmr_err *e)
{
	return of_value(out, v, 0, e);
}

static bool
is_csr(const struct hmr_pk *c)
{
	return is_class(c, "scipy", "csr_matrix") || is_class(c, "scipy", "csr_array");
}

bool
hmr_pk_is_sparse(const struct hmr_pk *v)
{
	const struct hmr_pk *c = class_of(v);

	return is_csr(c) || is_class(c, "scipy", "csc_matrix") ||
	       is_class(c, "scipy", "csc_array");
}

enum hmr_status
hmr_sparse_of_pickle(struct hmr_sparse *out, const struct hmr_pk *v,
		     struct hmr_err *e)
{
	const struct hmr_pk *s = v->o.state, *shape;
	enum hmr_status st;

	memset(out, 0, sizeof(*out));
	out->by_row = is_csr(class_of(v));
	if (!(shape = hmr_pk_get(s, "_shape")))
		shape = hmr_pk_get(s, "shape");
	if (!hmr_pk_int(hmr_pk_at(shape, 0), &out->rows) ||
	    !hmr_pk_int(hmr_pk_at(shape, 1), &out->cols) || out->rows < 0 ||
	    out->cols < 0)
		return hmr_fail(e, HMR_E_FORMAT, "a sparse matrix without a shape");
	if ((st = hmr_npy_of_pickle(&out->data, hmr_pk_get(s, "data"), e)) ||
	    (st = hmr_npy_of_pickle(&out->indices, hmr_pk_get(s, "indices"), e)) ||
	    (st = hmr_npy_of_pickle(&out->indptr, hmr_pk_get(s, "indptr"), e)))
		return hmr_fail_in(e, st, "sparse matrix");
	if (out->indices.count < out->data.count ||
	    (int64_t)out->indptr.count != (out->by_row ? out->rows : out->cols) + 1)
		return hmr_fail(e, HMR_E_FORMAT, "a sparse matrix with bad sizes");
	return HMR_OK;
}

static enum hmr_status
scatter(const struct hmr_sparse *s, const float *x, const int64_t *idx,
	const int64_t *ptr, float *out, struct hmr_err *e)
{
	int64_t major = s->by_row ? s->rows : s->cols;
	int64_t minor = s->by_row ? s->cols : s->rows;

	memset(out, 0, (size_t)s->rows * (size_t)s->cols * sizeof(*out));
	for (int64_t i = 0; i < major; i++) {
		if (ptr[i] < 0 || ptr[i + 1] < ptr[i] ||
		    ptr[i + 1] > (int64_t)s->data.count)
			return hmr_fail(e, HMR_E_FORMAT, "a sparse matrix with bad ranges");
		for (int64_t j = ptr[i]; j < ptr[i + 1]; j++) {
			if (idx[j] < 0 || idx[j] >= minor)
				return hmr_fail(e, HMR_E_FORMAT,
						"a sparse matrix with a bad index");
			out[s->by_row ? i * s->cols + idx[j] : idx[j] * s->cols + i] +=
				x[j];
		}
	}
	return HMR_OK;
}

enum hmr_status
hmr_sparse_f32(const struct hmr_sparse *s, float *out, struct hmr_err *e)
{
	float *x = malloc((s->data.count + 1) * sizeof(*x));
	int64_t *idx = malloc((s->indices.count + 1) * sizeof(*idx));
	int64_t *ptr = malloc((s->indptr.count + 1) * sizeof(*ptr));
	enum hmr_status st;

	if (!x || !idx || !ptr) {
		st = hmr_fail(e, HMR_E_NOMEM, "sparse matrix: out of memory");
	} else {
		hmr_npy_f32(&s->data, x);
		hmr_npy_i64(&s->indices, idx);
		hmr_npy_i64(&s->indptr, ptr);
		st = scatter(s, x, idx, ptr, out, e);
	}
	free(x);
	free(idx);
	free(ptr);
	return st;
}

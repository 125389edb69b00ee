/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays as numpy describes them, from .npy files and from pickles, to dense
 * float32 or integers in C order. The data are borrowed from the file's bytes.
 * Checked when made: type, rank, product without overflow, range.
 */
#ifndef HMR_NPY_H
#define HMR_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "import/pickle.h"
#include "nn/nn.h"

struct hmr_npy {
	char kind;		/* 'f', 'i', 'u', 'b'; 'O': objects, no data */
	uint8_t size;		/* bytes of an element: f 2 4 8, i and u 1 to 8, b 1 */
	bool big_endian, fortran;
	struct hmr_dims dims;
	size_t count;		/* elements */
	const uint8_t *data;
	size_t bytes;		/* of data; 'O': what is left in the file */
	/* Where only some are picked (chumpy's Select), element i is number pick[i]
	 * of the data, which have another shape. pick NULL: element i is number i. */
	const uint8_t *pick;	/* [count], checked */
	uint8_t pick_size;
	bool pick_big_endian;
	struct hmr_dims of;
};

HMR_MUST_USE enum hmr_status	/* a whole .npy file, borrowed */
hmr_npy_parse(struct hmr_npy *out, const uint8_t *p, size_t n, struct hmr_err *e);
/* "<f8", "|b1", "i4", … HMR_E_VERSION: a type we do not read. */
HMR_MUST_USE enum hmr_status
hmr_npy_type(struct hmr_npy *a, const char *s, size_t n, struct hmr_err *e);
/* Sets count and bytes from dims, kind and size and checks them against n. */
HMR_MUST_USE enum hmr_status
hmr_npy_check(struct hmr_npy *a, size_t n, struct hmr_err *e);

/* Makes of a the elements that idx counts in C order, as an array of dims. */
HMR_MUST_USE enum hmr_status
hmr_npy_pick(struct hmr_npy *a, const struct hmr_npy *idx, const struct hmr_dims *dims,
	     struct hmr_err *e);

/* An ndarray, a numpy scalar, a chumpy object (its data) or a number. An array
 * of objects with one element is that element. */
HMR_MUST_USE enum hmr_status
hmr_npy_of_pickle(struct hmr_npy *out, const struct hmr_pk *v, struct hmr_err *e);
/* scipy's compressed matrices. */
struct hmr_sparse {
	bool by_row;		/* CSR; else CSC */
	int64_t rows, cols;
	struct hmr_npy data, indices, indptr;
};
bool hmr_pk_is_sparse(const struct hmr_pk *v);
HMR_MUST_USE enum hmr_status
hmr_sparse_of_pickle(struct hmr_sparse *out, const struct hmr_pk *v,
		     struct hmr_err *e);
/* Entries of equal place are added, as scipy does. out [rows][cols] is zeroed
 * first. */
HMR_MUST_USE enum hmr_status
hmr_sparse_f32(const struct hmr_sparse *s, float *out, struct hmr_err *e);

/* All elements in C order; f64 is rounded to nearest. out [count]. */
void hmr_npy_f32(const struct hmr_npy *a, float *out);
void hmr_npy_i64(const struct hmr_npy *a, int64_t *out);	/* floats truncated */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading FlatBuffers: tables, vectors and strings of an untrusted buffer, each
 * checked against its end when it is reached. Nothing is copied and nothing recurses;
 * positions are offsets, so a buffer may lie anywhere.
 */
#ifndef HMR_FLAT_H
#define HMR_FLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hmr_flat {		/* the buffer; at most 2 GiB */
	const uint8_t *p;
	size_t n;
};

struct hmr_flat_table {		/* zeroed: a table without fields */
	const uint8_t *p;	/* the buffer */
	size_t n;
	uint32_t at, size;	/* of the table */
	uint32_t vtable, fields;	/* how many the vtable has */
};

struct hmr_flat_vector {	/* zeroed: empty */
	const uint8_t *data;	/* of n elements */
	uint32_t n;
	uint32_t at;		/* data's offset in the buffer */
};

/* The root table; false: the buffer does not hold one, or not this identifier. */
bool hmr_flat_root(const struct hmr_flat *f, const char id[4], struct hmr_flat_table *t);

/* Scalars by the number of their field; the default where absent or cut off. */
uint32_t hmr_flat_u8(const struct hmr_flat_table *t, uint32_t field, uint8_t fallback);
int32_t hmr_flat_i32(const struct hmr_flat_table *t, uint32_t field, int32_t fallback);
float hmr_flat_f32(const struct hmr_flat_table *t, uint32_t field, float fallback);

/* What a field refers to. An absent one is empty; false: it lies outside. */
bool hmr_flat_child(const struct hmr_flat_table *t, uint32_t field,
		    struct hmr_flat_table *child);
bool hmr_flat_list(const struct hmr_flat_table *t, uint32_t field, uint32_t element,
		   struct hmr_flat_vector *v);
/* Table i of a list of references. i < v->n. */
bool hmr_flat_item(const struct hmr_flat_table *t, const struct hmr_flat_vector *v,
		   uint32_t i, struct hmr_flat_table *item);
/* A string cut to cap - 1; what is no printable ASCII becomes '?'. */
bool hmr_flat_text(const struct hmr_flat_table *t, uint32_t field, char *out, size_t cap);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the pickle machine, for pickle*.c alone. */
#ifndef HMR_PICKLE_IMPL_H
#define HMR_PICKLE_IMPL_H

#include "base/bytes.h"
#include "import/pickle.h"

struct pk_chunk {
	struct pk_chunk *next;
	size_t used, cap;
};

struct hmr_pickle {
	struct hmr_cur in;
	const uint8_t *start;
	struct pk_chunk *chunk;
	size_t budget;			/* bytes that may still be allocated */
	struct hmr_pk **stack;
	uint32_t n_stack, cap_stack;
	uint32_t *mark;			/* heights of the stack */
	uint32_t n_mark, cap_mark;
	struct hmr_pk **memo;		/* [cap_memo], NULL where not set */
	uint32_t n_memo, cap_memo;	/* n_memo: for MEMOIZE */
	struct hmr_pk *root;
	const struct hmr_pk *persistent;	/* the last so far */
	struct hmr_pk none, yes, no;
	struct hmr_err *e;
};

HMR_MUST_USE enum hmr_status
pk_fail(struct hmr_pickle *k, enum hmr_status st, const char *what);
/* NULL: over the budget or out of memory; *st says which. */
void *pk_alloc(struct hmr_pickle *k, size_t n, enum hmr_status *st);
HMR_MUST_USE enum hmr_status
pk_push(struct hmr_pickle *k, struct hmr_pk *v);
HMR_MUST_USE enum hmr_status	/* a fresh value of a kind, on the stack */
pk_push_new(struct hmr_pickle *k, enum hmr_pk_kind kind, struct hmr_pk **out);
/* A line of a text opcode without its end. */
HMR_MUST_USE enum hmr_status
pk_line(struct hmr_pickle *k, const uint8_t **p, size_t *n);

/* pickle_atom.c: numbers and strings. HMR_EOF: the opcode is not one of them. */
HMR_MUST_USE enum hmr_status pk_atom(struct hmr_pickle *k, uint8_t op);
/* The bytes of a TEXT whose characters are all below 256. */
HMR_MUST_USE enum hmr_status
pk_latin1(struct hmr_pickle *k, struct hmr_pk *text, struct hmr_pk **out);
/* pickle_object.c: containers, classes, objects. */
HMR_MUST_USE enum hmr_status pk_container(struct hmr_pickle *k, uint8_t op);
HMR_MUST_USE enum hmr_status pk_object(struct hmr_pickle *k, uint8_t op);
/* Takes the top value; takes all above the last mark (borrowed from the stack
 * until the next push). */
HMR_MUST_USE enum hmr_status pk_pop(struct hmr_pickle *k, struct hmr_pk **out);
HMR_MUST_USE enum hmr_status
pk_pop_mark(struct hmr_pickle *k, struct hmr_pk ***items, uint32_t *n);

#endif

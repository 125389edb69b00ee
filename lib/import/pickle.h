/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pickle machine for untrusted files, protocols 0 to 5, that only ever builds
 * data: it calls and imports nothing. Classes and functions become names; what
 * a program would construct (REDUCE, NEWOBJ, INST, BUILD …) becomes an inert
 * object that holds the name, the arguments, the state and what was appended.
 *
 * Bounded: memory by the input's size plus HMR_PK_SPARE, stack and memo by
 * HMR_PK_STACK_MAX; nothing recurses, so depth costs nothing. A value may
 * contain itself: readers walk to a fixed depth only. Strings borrow the input.
 */
#ifndef HMR_PICKLE_H
#define HMR_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define HMR_PK_SPARE ((size_t)256 << 20)	/* bytes beyond the input's size */
#define HMR_PK_STACK_MAX (1u << 22)

enum hmr_pk_kind {
	HMR_PK_NONE, HMR_PK_BOOL, HMR_PK_INT,
	HMR_PK_BIG,		/* an integer beyond 64 bits; its value is lost */
	HMR_PK_FLOAT,
	HMR_PK_TEXT,		/* UTF-8 as found: not checked */
	HMR_PK_BYTES,		/* also Python 2's str */
	HMR_PK_LIST, HMR_PK_TUPLE, HMR_PK_SET,
	HMR_PK_DICT,		/* keys and values alternate in item[2 n] */
	HMR_PK_GLOBAL, HMR_PK_OBJECT, HMR_PK_PERSISTENT,
};

struct hmr_pk {
	enum hmr_pk_kind kind;
	uint32_t n, cap;		/* items or pairs */
	union {
		int64_t i;		/* BOOL, INT */
		double f;
		struct {		/* TEXT, BYTES; GLOBAL: "module name" */
			const uint8_t *p;
			size_t n;
			struct hmr_pk *latin1;	/* its bytes, where asked for */
		} s;
		struct hmr_pk **item;
		struct {		/* PERSISTENT */
			struct hmr_pk *id;
			const struct hmr_pk *before;	/* the one before, or NULL */
		};
		struct {		/* OBJECT; any may be NULL but cls */
			struct hmr_pk *cls, *args, *state;
			struct hmr_pk *list, *dict;	/* appended, set */
		} o;
	};
};

struct hmr_pickle;
/* Reads one pickle; bytes after its STOP are ignored. p is borrowed until
 * hmr_pickle_free(). HMR_E_TRUNCATED, HMR_E_FORMAT, HMR_E_LIMIT, HMR_E_NOMEM. */
HMR_MUST_USE enum hmr_status
hmr_pickle_parse(struct hmr_pickle **out, const uint8_t *p, size_t n,
		 struct hmr_err *e);
void hmr_pickle_free(struct hmr_pickle *k);
const struct hmr_pk *hmr_pickle_root(const struct hmr_pickle *k);
size_t hmr_pickle_bytes(const struct hmr_pickle *k);	/* up to its STOP */
/* The last PERSISTENT of all; NULL: there is none. */
const struct hmr_pk *hmr_pickle_persistent(const struct hmr_pickle *k);

/* The value of a key of a dict, or of an object that things were set in
 * (OrderedDict, configurations). The last of equal keys. NULL: none, or v is
 * NULL or nothing that has keys. */
const struct hmr_pk *hmr_pk_get(const struct hmr_pk *v, const char *key);
/* The dict itself: v, or what was set in the object v; NULL otherwise. */
const struct hmr_pk *hmr_pk_dict(const struct hmr_pk *v);
/* v is TEXT, BYTES or GLOBAL ("module name") of exactly these characters. */
bool hmr_pk_is(const struct hmr_pk *v, const char *s);
bool hmr_pk_is_string(const struct hmr_pk *v);
/* Item i of a tuple or list; NULL where there is none. */
const struct hmr_pk *hmr_pk_at(const struct hmr_pk *v, uint32_t i);
/* *out = an INT or BOOL. */
bool hmr_pk_int(const struct hmr_pk *v, int64_t *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pickle machine: memory, stack, memo and the loop. Opcodes after Python's
 * pickletools; what builds values is in pickle_atom.c and pickle_object.c.
 */
#include "import/pickle_impl.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK ((size_t)64 << 10)

enum hmr_status
pk_fail(struct hmr_pickle *k, enum hmr_status st, const char *what)
{
	return hmr_fail(k->e, st, "pickle: %s at byte %zu", what,
			(size_t)(k->in.at - k->start));
}

void *
pk_alloc(struct hmr_pickle *k, size_t n, enum hmr_status *st)
{
	struct pk_chunk *c = k->chunk;
	size_t cap = n > CHUNK ? n : CHUNK;
	void *p;

	if (n > SIZE_MAX - 64 || (n = (n + 15) & ~(size_t)15) > k->budget) {
		*st = pk_fail(k, HMR_E_LIMIT, "wants too much memory");
		return NULL;
	}
	if (!c || n > c->cap - c->used) {
		cap = n > CHUNK ? n : CHUNK;
		if (!(c = malloc(sizeof(*c) + cap))) {
			*st = pk_fail(k, HMR_E_NOMEM, "out of memory");
			return NULL;
		}
		c->next = k->chunk;
		c->used = 0;
		c->cap = cap;
		k->chunk = c;
	}
	k->budget -= n;
	p = (uint8_t *)(c + 1) + c->used;
	c->used += n;
	return memset(p, 0, n);
}

/* Room for n + 1 elements of a given size in an array with its own heap block. */
static enum hmr_status
grow(struct hmr_pickle *k, void **p, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t want = *cap ? *cap : 256;
	void *q;

	if (n < *cap)
		return HMR_OK;
	if (n >= HMR_PK_STACK_MAX)
		return pk_fail(k, HMR_E_LIMIT, "too deep");
	while (want <= n)
		want *= 2;
	if (!(q = realloc(*p, want * size)))
		return pk_fail(k, HMR_E_NOMEM, "out of memory");
	memset((uint8_t *)q + *cap * size, 0, (want - *cap) * size);
	*p = q;
	*cap = want;
	return HMR_OK;
}

enum hmr_status
pk_push(struct hmr_pickle *k, struct hmr_pk *v)
{
	enum hmr_status st = grow(k, (void **)&k->stack, k->n_stack,
				  &k->cap_stack, sizeof(struct hmr_pk *));

	if (!st)
		k->stack[k->n_stack++] = v;
	return st;
}

enum hmr_status
pk_push_new(struct hmr_pickle *k, enum hmr_pk_kind kind, struct hmr_pk **out)
{
	enum hmr_status st = HMR_OK;
	struct hmr_pk *v = pk_alloc(k, sizeof(*v), &st);

	*out = v;
	if (!v)
		return st;
	v->kind = kind;
	return pk_push(k, v);
}

static uint32_t
floor_of(const struct hmr_pickle *k)
{
	return k->n_mark ? k->mark[k->n_mark - 1] : 0;
}

enum hmr_status
pk_pop(struct hmr_pickle *k, struct hmr_pk **out)
{
	if (k->n_stack <= floor_of(k))
		return pk_fail(k, HMR_E_FORMAT, "takes from an empty stack");
	*out = k->stack[--k->n_stack];
	return HMR_OK;
}

enum hmr_status
pk_pop_mark(struct hmr_pickle *k, struct hmr_pk ***items, uint32_t *n)
{
	uint32_t h;

	if (!k->n_mark)
		return pk_fail(k, HMR_E_FORMAT, "no mark on the stack");
	h = k->mark[--k->n_mark];
	*n = k->n_stack - h;
	*items = *n ? k->stack + h : NULL;
	k->n_stack = h;
	return HMR_OK;
}

enum hmr_status
pk_line(struct hmr_pickle *k, const uint8_t **p, size_t *n)
{
	size_t left = (size_t)(k->in.end - k->in.at);
	const uint8_t *nl = left ? memchr(k->in.at, '\n', left) : NULL;

	if (!nl)
		return pk_fail(k, HMR_E_TRUNCATED, "ends inside a line");
	*p = k->in.at;
	*n = (size_t)(nl - k->in.at);
	if (*n && nl[-1] == '\r')	/* written in text mode */
		--*n;
	k->in.at = nl + 1;
	return HMR_OK;
}

static enum hmr_status
memo_index(struct hmr_pickle *k, uint8_t op, uint32_t *i)
{
	const uint8_t *p;
	enum hmr_status st;
	uint64_t v = 0;
	size_t n = op == 'q' || op == 'h' ? 1 : 4;

	if (op == 'p' || op == 'g') {
		if ((st = pk_line(k, &p, &n)))
			return st;
		if (!n || n > 9)
			return pk_fail(k, HMR_E_FORMAT, "bad memo number");
		for (size_t j = 0; j < n; j++) {
			if (p[j] < '0' || p[j] > '9')
				return pk_fail(k, HMR_E_FORMAT, "bad memo number");
			v = v * 10 + (p[j] - '0');
		}
	} else {
		if (hmr_cur_take(&k->in, n, &p))
			return pk_fail(k, HMR_E_TRUNCATED, "ends");
		v = n == 1 ? *p : hmr_get32(p);
	}
	/* A memo number is never above the count of values written so far. */
	if (v > (uint64_t)(k->in.at - k->start))
		return pk_fail(k, HMR_E_FORMAT, "bad memo number");
	*i = (uint32_t)v;
	return HMR_OK;
}

static enum hmr_status
memo_put(struct hmr_pickle *k, uint32_t i)
{
	enum hmr_status st;

	if (k->n_stack <= floor_of(k))
		return pk_fail(k, HMR_E_FORMAT, "remembers from an empty stack");
	if ((st = grow(k, (void **)&k->memo, i, &k->cap_memo,
		       sizeof(struct hmr_pk *))))
		return st;
	k->n_memo += !k->memo[i];
	k->memo[i] = k->stack[k->n_stack - 1];
	return HMR_OK;
}

/* Stack and memo. HMR_EOF: another opcode. */
static enum hmr_status
shuffle(struct hmr_pickle *k, uint8_t op)
{
	struct hmr_pk *v, **items;
	enum hmr_status st;
	uint32_t i;

	switch (op) {
	case '(':	/* MARK */
		if ((st = grow(k, (void **)&k->mark, k->n_mark, &k->cap_mark,
			       sizeof(uint32_t))))
			return st;
		k->mark[k->n_mark++] = k->n_stack;
		return HMR_OK;
	case '0':	/* POP, of a mark too */
		if (k->n_mark && k->n_stack == floor_of(k)) {
			k->n_mark--;
			return HMR_OK;
		}
		return pk_pop(k, &v);
	case '1':	/* POP_MARK */
		return pk_pop_mark(k, &items, &i);
	case '2':	/* DUP */
		if (k->n_stack <= floor_of(k))
			return pk_fail(k, HMR_E_FORMAT, "copies an empty stack");
		return pk_push(k, k->stack[k->n_stack - 1]);
	case 'p': case 'q': case 'r':	/* PUT, BINPUT, LONG_BINPUT */
		return (st = memo_index(k, op, &i)) ? st : memo_put(k, i);
	case 0x94:	/* MEMOIZE */
		return memo_put(k, k->n_memo);
	case 'g': case 'h': case 'j':	/* GET, BINGET, LONG_BINGET */
		if ((st = memo_index(k, op, &i)))
			return st;
		if (i >= k->cap_memo || !k->memo[i])
			return pk_fail(k, HMR_E_FORMAT, "recalls what was not remembered");
		return pk_push(k, k->memo[i]);
	}
	return HMR_EOF;
}

static enum hmr_status
step(struct hmr_pickle *k, uint8_t op)
{
	const uint8_t *p;
	enum hmr_status st;

	if ((st = shuffle(k, op)) != HMR_EOF || (st = pk_atom(k, op)) != HMR_EOF ||
	    (st = pk_container(k, op)) != HMR_EOF ||
	    (st = pk_object(k, op)) != HMR_EOF)
		return st;
	switch (op) {
	case 0x80:	/* PROTO */
		if (hmr_cur_take(&k->in, 1, &p))
			return pk_fail(k, HMR_E_TRUNCATED, "ends");
		if (*p > 5)
			return hmr_fail(k->e, HMR_E_VERSION,
					"pickle: protocol %u, known are 0 to 5", *p);
		return HMR_OK;
	case 0x95:	/* FRAME: only a hint for reading ahead */
		if (hmr_cur_take(&k->in, 8, &p))
			return pk_fail(k, HMR_E_TRUNCATED, "ends");
		return HMR_OK;
	}
	return hmr_fail(k->e, HMR_E_FORMAT, "pickle: unknown opcode 0x%02x at byte %zu",
			op, (size_t)(k->in.at - k->start) - 1);
}

static enum hmr_status
run(struct hmr_pickle *k)
{
	const uint8_t *op;
	enum hmr_status st;

	for (;;) {
		if (hmr_cur_take(&k->in, 1, &op))
			return pk_fail(k, HMR_E_TRUNCATED, "ends without STOP");
		if (*op == '.')
			return pk_pop(k, &k->root);
		if ((st = step(k, *op)))
			return st;
	}
}

enum hmr_status
hmr_pickle_parse(struct hmr_pickle **out, const uint8_t *p, size_t n,
		 struct hmr_err *e)
{
	struct hmr_pickle *k;
	enum hmr_status st;

	*out = NULL;
	if (!(k = calloc(1, sizeof(*k))))
		return hmr_fail(e, HMR_E_NOMEM, "pickle: out of memory");
	k->e = e;
	k->start = p;
	k->in.at = p;
	k->in.end = p + n;
	k->budget = HMR_PK_SPARE + (n < SIZE_MAX / 2 ? n : SIZE_MAX / 2);
	k->yes.kind = k->no.kind = HMR_PK_BOOL;
	k->yes.i = 1;
	if ((st = run(k))) {
		hmr_pickle_free(k);
		return st;
	}
	k->e = NULL;
	free(k->stack);
	free(k->mark);
	free(k->memo);
	k->stack = NULL;
	k->mark = NULL;
	k->memo = NULL;
	*out = k;
	return HMR_OK;
}

void
hmr_pickle_free(struct hmr_pickle *k)
{
	struct pk_chunk *c, *next;

	if (!k)
		return;
	for (c = k->chunk; c; c = next) {
		next = c->next;
		free(c);
	}
	free(k->stack);
	free(k->mark);
	free(k->memo);
	free(k);
}

const struct hmr_pk *
hmr_pickle_root(const struct hmr_pickle *k)
{
	return k->root;
}

size_t
hmr_pickle_bytes(const struct hmr_pickle *k)
{
	return (size_t)(k->in.at - k->start);
}

const struct hmr_pk *
hmr_pickle_persistent(const struct hmr_pickle *k)
{
	return k->persistent;
}

bool
hmr_pk_is_string(const struct hmr_pk *v)
{
	return v && (v->kind == HMR_PK_TEXT || v->kind == HMR_PK_BYTES);
}

bool
hmr_pk_is(const struct hmr_pk *v, const char *s)
{
	size_t n = strlen(s);

	return v && (hmr_pk_is_string(v) || v->kind == HMR_PK_GLOBAL) &&
	       v->s.n == n && !memcmp(v->s.p, s, n);
}

const struct hmr_pk *
hmr_pk_dict(const struct hmr_pk *v)
{
	if (v && v->kind == HMR_PK_OBJECT)
		v = v->o.dict;
	return v && v->kind == HMR_PK_DICT ? v : NULL;
}

const struct hmr_pk *
hmr_pk_get(const struct hmr_pk *v, const char *key)
{
	if (!(v = hmr_pk_dict(v)))
		return NULL;
	for (uint32_t i = v->n; i-- > 0;)
		if (hmr_pk_is_string(v->item[2 * i]) && hmr_pk_is(v->item[2 * i], key))
			return v->item[2 * i + 1];
	return NULL;
}

const struct hmr_pk *
hmr_pk_at(const struct hmr_pk *v, uint32_t i)
{
	return v && (v->kind == HMR_PK_TUPLE || v->kind == HMR_PK_LIST) && i < v->n ?
	       v->item[i] : NULL;
}

bool
hmr_pk_int(const struct hmr_pk *v, int64_t *out)
{
	if (!v || (v->kind != HMR_PK_INT && v->kind != HMR_PK_BOOL))
		return false;
	*out = v->i;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers, classes and objects of the pickle machine. The two functions
 * whose result is data are done here: _codecs.encode(text, "latin1") is how
 * Python 3 writes bytes in protocols 0 to 2, and bytes() the empty ones.
 */
#include "import/pickle_impl.h"

#include <string.h>

/* Appends slots to a container; n counts units of `unit` slots. */
static enum hmr_status
extend(struct hmr_pickle *k, struct hmr_pk *v, struct hmr_pk **items, uint32_t slots,
       uint32_t unit)
{
	enum hmr_status st = HMR_OK;
	uint64_t have = (uint64_t)v->n * unit, need = have + slots;

	if (need > v->cap) {
		uint64_t cap = v->cap ? (uint64_t)v->cap * 2 : 8;
		struct hmr_pk **q;

		if (need > UINT32_MAX / 4)
			return pk_fail(k, HMR_E_LIMIT, "container too large");
		while (cap < need)
			cap *= 2;
		if (!v->cap)	/* most are never extended again */
			cap = need;
		if (!(q = pk_alloc(k, cap * sizeof(*q), &st)))
			return st;
		if (have)
			memcpy(q, v->item, have * sizeof(*q));
		v->item = q;
		v->cap = (uint32_t)cap;
	}
	if (slots)
		memcpy(v->item + have, items, slots * sizeof(*items));
	v->n += slots / unit;
	return HMR_OK;
}

static enum hmr_status
build(struct hmr_pickle *k, enum hmr_pk_kind kind, struct hmr_pk **items, uint32_t n)
{
	enum hmr_status st = HMR_OK;
	struct hmr_pk *v = pk_alloc(k, sizeof(*v), &st);

	if (!v)
		return st;
	v->kind = kind;
	if (kind == HMR_PK_DICT && n % 2)
		return pk_fail(k, HMR_E_FORMAT, "a key without a value");
	/* items lie above the stack's top: they are copied before the push */
	if ((st = extend(k, v, items, n, kind == HMR_PK_DICT ? 2 : 1)))
		return st;
	return pk_push(k, v);
}

static enum hmr_status
build_marked(struct hmr_pickle *k, enum hmr_pk_kind kind)
{
	struct hmr_pk **items;
	enum hmr_status st;
	uint32_t n;

	if ((st = pk_pop_mark(k, &items, &n)))
		return st;
	return build(k, kind, items, n);
}

static enum hmr_status
build_top(struct hmr_pickle *k, uint32_t n)
{
	struct hmr_pk *item[3];
	enum hmr_status st;

	for (uint32_t i = n; i-- > 0;)
		if ((st = pk_pop(k, &item[i])))
			return st;
	return build(k, HMR_PK_TUPLE, item, n);
}

/* Adds to the container on top of the stack, or to the object's own. */
static enum hmr_status
add(struct hmr_pickle *k, enum hmr_pk_kind kind, struct hmr_pk **items, uint32_t n)
{
	uint32_t floor = k->n_mark ? k->mark[k->n_mark - 1] : 0;
	enum hmr_status st = HMR_OK;
	struct hmr_pk *v;

	if (k->n_stack <= floor)
		return pk_fail(k, HMR_E_FORMAT, "adds to an empty stack");
	v = k->stack[k->n_stack - 1];
	if (kind == HMR_PK_DICT && n % 2)
		return pk_fail(k, HMR_E_FORMAT, "a key without a value");
	if (v->kind == HMR_PK_OBJECT) {
		struct hmr_pk **own = kind == HMR_PK_DICT ? &v->o.dict : &v->o.list;

		if (!*own) {
			if (!(*own = pk_alloc(k, sizeof(**own), &st)))
				return st;
			(*own)->kind = kind;
		}
		v = *own;
	}
	if (v->kind != kind && !(kind == HMR_PK_LIST && v->kind == HMR_PK_SET))
		return pk_fail(k, HMR_E_FORMAT, "adds to what holds nothing");
	return extend(k, v, items, n, kind == HMR_PK_DICT ? 2 : 1);
}

static enum hmr_status
add_top(struct hmr_pickle *k, enum hmr_pk_kind kind, uint32_t n)
{
	struct hmr_pk *item[2];
	enum hmr_status st;

	for (uint32_t i = n; i-- > 0;)
		if ((st = pk_pop(k, &item[i])))
			return st;
	return add(k, kind, item, n);
}

static enum hmr_status
add_marked(struct hmr_pickle *k, enum hmr_pk_kind kind)
{
	struct hmr_pk **items;
	enum hmr_status st;
	uint32_t n;

	if ((st = pk_pop_mark(k, &items, &n)))
		return st;
	return add(k, kind, items, n);
}

enum hmr_status
pk_container(struct hmr_pickle *k, uint8_t op)
{
	switch (op) {
	case ')': return build(k, HMR_PK_TUPLE, NULL, 0);
	case ']': return build(k, HMR_PK_LIST, NULL, 0);
	case '}': return build(k, HMR_PK_DICT, NULL, 0);
	case 0x8f: return build(k, HMR_PK_SET, NULL, 0);
	case 't': return build_marked(k, HMR_PK_TUPLE);
	case 'l': return build_marked(k, HMR_PK_LIST);
	case 'd': return build_marked(k, HMR_PK_DICT);
	case 0x91: return build_marked(k, HMR_PK_SET);	/* FROZENSET */
	case 0x85: return build_top(k, 1);
	case 0x86: return build_top(k, 2);
	case 0x87: return build_top(k, 3);
	case 'a': return add_top(k, HMR_PK_LIST, 1);
	case 'e': return add_marked(k, HMR_PK_LIST);
	case 0x90: return add_marked(k, HMR_PK_LIST);	/* ADDITEMS */
	case 's': return add_top(k, HMR_PK_DICT, 2);
	case 'u': return add_marked(k, HMR_PK_DICT);
	}
	return HMR_EOF;
}

/* A GLOBAL's text is "module name". */
static enum hmr_status
push_global(struct hmr_pickle *k, const uint8_t *module, size_t n_module,
	    const uint8_t *name, size_t n_name)
{
	enum hmr_status st = HMR_OK;
	struct hmr_pk *v;
	uint8_t *p;

	if (n_module > 1024 || n_name > 1024)
		return pk_fail(k, HMR_E_FORMAT, "overlong class name");
	if (!(p = pk_alloc(k, n_module + n_name + 1, &st)))
		return st;
	memcpy(p, module, n_module);
	p[n_module] = ' ';
	memcpy(p + n_module + 1, name, n_name);
	if ((st = pk_push_new(k, HMR_PK_GLOBAL, &v)))
		return st;
	v->s.p = p;
	v->s.n = n_module + n_name + 1;
	return HMR_OK;
}

static enum hmr_status
line_global(struct hmr_pickle *k)
{
	const uint8_t *m, *n;
	size_t n_m, n_n;
	enum hmr_status st;

	if ((st = pk_line(k, &m, &n_m)) || (st = pk_line(k, &n, &n_n)))
		return st;
	return push_global(k, m, n_m, n, n_n);
}

static enum hmr_status
stack_global(struct hmr_pickle *k)
{
	struct hmr_pk *m, *n;
	enum hmr_status st;

	if ((st = pk_pop(k, &n)) || (st = pk_pop(k, &m)))
		return st;
	if (!hmr_pk_is_string(m) || !hmr_pk_is_string(n))
		return pk_fail(k, HMR_E_FORMAT, "a class without a name");
	return push_global(k, m->s.p, m->s.n, n->s.p, n->s.n);
}

static enum hmr_status
push_object(struct hmr_pickle *k, struct hmr_pk *cls, struct hmr_pk *args)
{
	enum hmr_status st;
	struct hmr_pk *v;

	if ((st = pk_push_new(k, HMR_PK_OBJECT, &v)))
		return st;
	v->o.cls = cls;
	v->o.args = args;
	return HMR_OK;
}

static enum hmr_status
reduce(struct hmr_pickle *k)
{
	struct hmr_pk *cls, *args, *v;
	enum hmr_status st;

	if ((st = pk_pop(k, &args)) || (st = pk_pop(k, &cls)))
		return st;
	if (args->kind != HMR_PK_TUPLE)
		return pk_fail(k, HMR_E_FORMAT, "arguments that are no tuple");
	if (hmr_pk_is(cls, "_codecs encode") && args->n == 2 &&
	    args->item[0]->kind == HMR_PK_TEXT &&
	    (hmr_pk_is(args->item[1], "latin1") ||
	     hmr_pk_is(args->item[1], "latin-1")))
		return (st = pk_latin1(k, args->item[0], &v)) ? st : pk_push(k, v);
	if (!args->n && (hmr_pk_is(cls, "__builtin__ bytes") ||
			 hmr_pk_is(cls, "builtins bytes"))) {
		if ((st = pk_push_new(k, HMR_PK_BYTES, &v)))
			return st;
		v->s.p = k->start;
		return HMR_OK;
	}
	return push_object(k, cls, args);
}

static enum hmr_status
set_state(struct hmr_pickle *k)
{
	uint32_t floor = k->n_mark ? k->mark[k->n_mark - 1] : 0;
	struct hmr_pk *state;
	enum hmr_status st;

	if ((st = pk_pop(k, &state)))
		return st;
	if (k->n_stack <= floor)
		return pk_fail(k, HMR_E_FORMAT, "a state without an object");
	if (k->stack[k->n_stack - 1]->kind == HMR_PK_OBJECT)
		k->stack[k->n_stack - 1]->o.state = state;
	return HMR_OK;		/* the state of plain data says nothing to us */
}

/* INST and OBJ: class and arguments from the mark on. */
static enum hmr_status
old_object(struct hmr_pickle *k, uint8_t op)
{
	struct hmr_pk **items, *cls, *args;
	enum hmr_status st;
	uint32_t n;

	if (op == 'i' && ((st = line_global(k)) || (st = pk_pop(k, &cls))))
		return st;
	if ((st = pk_pop_mark(k, &items, &n)))
		return st;
	if (op == 'o') {
		if (!n)
			return pk_fail(k, HMR_E_FORMAT, "an object without a class");
		cls = *items++;
		n--;
	}
	if ((st = build(k, HMR_PK_TUPLE, items, n)) || (st = pk_pop(k, &args)))
		return st;
	return push_object(k, cls, args);
}

static enum hmr_status
persistent(struct hmr_pickle *k, uint8_t op)
{
	struct hmr_pk *id, *v;
	enum hmr_status st;
	const uint8_t *p;
	size_t n;

	if (op == 'P') {
		if ((st = pk_line(k, &p, &n)) || (st = pk_push_new(k, HMR_PK_TEXT, &id)))
			return st;
		id->s.p = p;
		id->s.n = n;
	}
	if ((st = pk_pop(k, &id)) || (st = pk_push_new(k, HMR_PK_PERSISTENT, &v)))
		return st;
	v->id = id;
	v->before = k->persistent;
	k->persistent = v;
	return HMR_OK;
}

/* Numbers of an extension registry, which only the writer's program knew. */
static enum hmr_status
extension(struct hmr_pickle *k, size_t n)
{
	const uint8_t *p;

	if (hmr_cur_take(&k->in, n, &p))
		return pk_fail(k, HMR_E_TRUNCATED, "ends inside a value");
	return push_global(k, (const uint8_t *)"copyreg", 7,
			   (const uint8_t *)"extension", 9);
}

enum hmr_status
pk_object(struct hmr_pickle *k, uint8_t op)
{
	struct hmr_pk *cls, *args, *kw;
	enum hmr_status st;

	switch (op) {
	case 'c': return line_global(k);
	case 0x93: return stack_global(k);
	case 'R': return reduce(k);
	case 'b': return set_state(k);
	case 'i': case 'o': return old_object(k, op);
	case 'P': case 'Q': return persistent(k, op);
	case 0x82: return extension(k, 1);
	case 0x83: return extension(k, 2);
	case 0x84: return extension(k, 4);
	case 0x92:	/* NEWOBJ_EX */
		if ((st = pk_pop(k, &kw)))
			return st;
		/* fall through */
	case 0x81:	/* NEWOBJ */
		if ((st = pk_pop(k, &args)) || (st = pk_pop(k, &cls)))
			return st;
		return push_object(k, cls, args);
	case 0x97:	/* NEXT_BUFFER: bytes that are kept elsewhere */
		return pk_fail(k, HMR_E_FORMAT, "data outside of the file");
	case 0x98:	/* READONLY_BUFFER */
		return HMR_OK;
	}
	return HMR_EOF;
}

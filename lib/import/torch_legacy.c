/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch checkpoints as written before 1.6: a pickled magic number, version and
 * machine, the pickled object, a pickled list of storage keys, then the storages in
 * that order, each as a count of elements and the elements. How large an element is
 * stands in the object's references to the storage alone, so all of them are read.
 */
#include "import/torch_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define KEY_MAX_BYTES 63	/* decimal addresses, as a rule */
#define VERSION 1001

static const uint8_t magic[] = { 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a,
				 0xa8, 0x50, 0x19, '.' };

bool
torch_is_legacy(const uint8_t *p, size_t n)
{
	if (n < sizeof(magic) || p[0] != 0x80)
		return false;
	/* behind PROTO, and FRAME of later protocols */
	for (size_t i = 2; i <= 11 && i + sizeof(magic) <= n; i += 9)
		if (!memcmp(p + i, magic, sizeof(magic)))
			return true;
	return false;
}

/* The next pickle of the file; its bytes are taken off it. */
static enum hmr_status
next(struct hmr_cur *in, struct hmr_pickle **out, struct hmr_err *e)
{
	size_t left = (size_t)(in->end - in->at);
	enum hmr_status st;

	st = hmr_pickle_parse(out, in->at, left < HMR_TORCH_PICKLE_MAX ? left :
			      HMR_TORCH_PICKLE_MAX, e);
	if (!st)
		in->at += hmr_pickle_bytes(*out);
	return st;
}

static enum hmr_status
read_head(struct hmr_cur *in, struct hmr_err *e)
{
	struct hmr_pickle *k;
	enum hmr_status st;
	int64_t v = 0, little = 0;

	if ((st = next(in, &k, e)))	/* the magic number */
		return st;
	hmr_pickle_free(k);
	if ((st = next(in, &k, e)))
		return st;
	if (!hmr_pk_int(hmr_pickle_root(k), &v) || v != VERSION)
		st = hmr_fail(e, HMR_E_VERSION, "checkpoint of version %lld, known is %d",
			      (long long)v, VERSION);
	hmr_pickle_free(k);
	if (st || (st = next(in, &k, e)))
		return st;
	if (!hmr_pk_int(hmr_pk_get(hmr_pickle_root(k), "little_endian"), &little) || !little)
		st = hmr_fail(e, HMR_E_VERSION, "byte order 'big' is not read");
	hmr_pickle_free(k);
	return st;
}

static bool
copy_key(char to[KEY_MAX_BYTES + 1], const struct hmr_pk *v)
{
	if (!hmr_pk_is_string(v) || v->s.n > KEY_MAX_BYTES || memchr(v->s.p, 0, v->s.n))
		return false;
	memcpy(to, v->s.p, v->s.n);
	to[v->s.n] = 0;
	return true;
}

static enum hmr_status
read_keys(struct hmr_torch *t, const struct hmr_pk *list, struct hmr_err *e)
{
	enum hmr_status st;

	if (list->kind != HMR_PK_LIST || list->n > HMR_TORCH_TENSORS_MAX)
		return hmr_fail(e, HMR_E_FORMAT, "no list of storages");
	t->storage = calloc((size_t)list->n + 1, sizeof(*t->storage));
	t->keys = calloc((size_t)list->n + 1, KEY_MAX_BYTES + 1);
	if (!t->storage || !t->keys)
		return hmr_fail(e, HMR_E_NOMEM, "storages");
	if ((st = hmr_names_init(&t->storages, list->n, e)))
		return st;
	for (uint32_t i = 0; i < list->n; i++) {
		char *key = t->keys + (size_t)i * (KEY_MAX_BYTES + 1);

		if (!copy_key(key, list->item[i]))
			return hmr_fail(e, HMR_E_FORMAT, "storage %u: bad key", i);
		if ((st = hmr_names_put(&t->storages, key, i, e)))
			return st == HMR_EOF ? hmr_fail(e, HMR_E_FORMAT,
				"storage %s: twice in the file", key) : st;
	}
	return HMR_OK;
}

/* ("storage", class, key, device, count, view) */
static enum hmr_status
read_units(struct hmr_torch *t, struct hmr_err *e)
{
	const struct hmr_pk *v = hmr_pickle_persistent(t->pickle), *view;

	for (; v; v = v->before) {
		char key[KEY_MAX_BYTES + 1];
		struct torch_storage *s;
		uint8_t unit;
		int64_t i;

		if (!hmr_pk_is(hmr_pk_at(v->id, 0), "storage") ||
		    !copy_key(key, hmr_pk_at(v->id, 2)) ||
		    (i = hmr_names_get(&t->storages, key)) < 0)
			continue;
		s = &t->storage[i];
		if (!(unit = torch_unit(hmr_pk_at(v->id, 1))))
			return hmr_fail(e, HMR_E_VERSION, "storage %s: its type is not read",
					key);
		if (s->unit && s->unit != unit)
			return hmr_fail(e, HMR_E_FORMAT, "storage %s: of two types", key);
		s->unit = unit;
		if ((view = hmr_pk_at(v->id, 5)) && view->kind != HMR_PK_NONE)
			return hmr_fail(e, HMR_E_VERSION, "storage %s: views of storages "
					"are not read", key);
	}
	return HMR_OK;
}

static enum hmr_status
find_storages(struct hmr_torch *t, uint32_t n, struct hmr_cur *in, struct hmr_err *e)
{
	for (uint32_t i = 0; i < n; i++) {
		struct torch_storage *s = &t->storage[i];
		const char *key = t->keys + (size_t)i * (KEY_MAX_BYTES + 1);
		const uint8_t *p;
		uint64_t count;

		if (!s->unit)
			return hmr_fail(e, HMR_E_FORMAT, "storage %s: of no tensor", key);
		if (hmr_cur_take(in, 8, &p))
			return hmr_fail(e, HMR_E_TRUNCATED, "ends before storage %s", key);
		count = hmr_get64(p);
		if (count > (uint64_t)(in->end - in->at) / s->unit)
			return hmr_fail(e, HMR_E_TRUNCATED, "ends inside storage %s", key);
		s->bytes = count * s->unit;
		s->p = in->at;
		in->at += s->bytes;
	}
	return HMR_OK;
}

enum hmr_status
torch_legacy_load(struct hmr_torch *t, const uint8_t *p, size_t n, struct hmr_err *e)
{
	struct hmr_cur in = { p, p + n };
	struct hmr_pickle *list = NULL;
	enum hmr_status st;

	if ((st = read_head(&in, e)) || (st = next(&in, &t->pickle, e)) ||
	    (st = next(&in, &list, e)))
		return st;
	if (!(st = read_keys(t, hmr_pickle_root(list), e)) && !(st = read_units(t, e)))
		st = find_storages(t, hmr_pickle_root(list)->n, &in, e);
	hmr_pickle_free(list);
	return st;
}

enum hmr_status
torch_legacy_at(const struct hmr_torch *t, const char *key, uint64_t at, size_t n,
		const uint8_t **out, struct hmr_err *e)
{
	int64_t i = hmr_names_get(&t->storages, key);

	if (i < 0)
		return hmr_fail(e, HMR_E_FORMAT, "no storage %s in the checkpoint", key);
	if (at > t->storage[i].bytes || n > t->storage[i].bytes - at)
		return hmr_fail(e, HMR_E_TRUNCATED, "storage %s ends early", key);
	*out = t->storage[i].p + at;
	return HMR_OK;
}

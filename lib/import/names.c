/* SPDX-License-Identifier: Apache-2.0 */
/* Names to numbers by open addressing; never more than half full. */
#include "import/names.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum hmr_status
hmr_names_init(struct hmr_names *t, uint32_t n, struct hmr_err *e)
{
	uint32_t cap = 64;

	memset(t, 0, sizeof(*t));
	while (cap < (1u << 30) && cap / 2 < n)
		cap *= 2;
	t->key = calloc(cap, sizeof(*t->key));
	t->value = calloc(cap, sizeof(*t->value));
	if (!t->key || !t->value) {
		hmr_names_release(t);
		return hmr_fail(e, HMR_E_NOMEM, "table of %u names", (unsigned)n);
	}
	t->cap = cap;
	return HMR_OK;
}

void
hmr_names_release(struct hmr_names *t)
{
	free(t->key);
	free(t->value);
	memset(t, 0, sizeof(*t));
}

static uint32_t
find_slot(const struct hmr_names *t, const char *key)
{
	uint32_t i = (uint32_t)XXH3_64bits(key, strlen(key)) & (t->cap - 1);

	while (t->key[i] && strcmp(t->key[i], key))
		i = (i + 1) & (t->cap - 1);
	return i;
}

static enum hmr_status
grow(struct hmr_names *t, struct hmr_err *e)
{
	struct hmr_names big;
	enum hmr_status st;

	if ((st = hmr_names_init(&big, t->cap, e)))
		return st;
	for (uint32_t i = 0; i < t->cap; i++)
		if (t->key[i]) {
			uint32_t at = find_slot(&big, t->key[i]);

			big.key[at] = t->key[i];
			big.value[at] = t->value[i];
		}
	big.n = t->n;
	hmr_names_release(t);
	*t = big;
	return HMR_OK;
}

enum hmr_status
hmr_names_put(struct hmr_names *t, const char *key, uint32_t value,
	      struct hmr_err *e)
{
	enum hmr_status st;
	uint32_t i;

	if (t->n >= t->cap / 2 && (st = grow(t, e)))
		return st;
	i = find_slot(t, key);
	if (t->key[i])
		return HMR_EOF;
	t->key[i] = key;
	t->value[i] = value;
	t->n++;
	return HMR_OK;
}

int64_t
hmr_names_get(const struct hmr_names *t, const char *key)
{
	uint32_t i;

	if (!t->cap)
		return -1;
	i = find_slot(t, key);
	return t->key[i] ? (int64_t)t->value[i] : -1;
}

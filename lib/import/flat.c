/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FlatBuffers; see flat.h. A table begins with the distance to its vtable; the vtable
 * has its own size, the table's size, and where each field is (0: absent).
 */
#include "import/flat.h"

#include <string.h>

#include "base/bytes.h"

static bool
inside(size_t n, uint64_t at, uint64_t size)
{
	return at <= n && size <= n - at;
}

static bool
table_at(const uint8_t *p, size_t n, uint64_t at, struct hmr_flat_table *t)
{
	int64_t vtable;
	uint32_t size;

	memset(t, 0, sizeof(*t));
	if (!inside(n, at, 4))
		return false;
	vtable = (int64_t)at - (int32_t)hmr_get32(p + at);
	if (vtable < 0 || !inside(n, (uint64_t)vtable, 4))
		return false;
	size = hmr_get16(p + vtable);
	t->size = hmr_get16(p + vtable + 2);
	if (size < 4 || size % 2 || !inside(n, (uint64_t)vtable, size) || t->size < 4 ||
	    !inside(n, at, t->size))
		return false;
	t->p = p;
	t->n = n;
	t->at = (uint32_t)at;
	t->vtable = (uint32_t)vtable;
	t->fields = (size - 4) / 2;
	return true;
}

bool
hmr_flat_root(const struct hmr_flat *f, const char id[4], struct hmr_flat_table *t)
{
	memset(t, 0, sizeof(*t));
	if (f->n < 8 || f->n > INT32_MAX || memcmp(f->p + 4, id, 4))
		return false;
	return table_at(f->p, f->n, hmr_get32(f->p), t);
}

/* Where a field of so many bytes is; NULL: absent, or it does not fit the table. */
static const uint8_t *
field_at(const struct hmr_flat_table *t, uint32_t field, uint32_t size)
{
	uint32_t off = field < t->fields ? hmr_get16(t->p + t->vtable + 4 + 2 * field) : 0;

	return off < 4 || off > t->size || size > t->size - off ? NULL : t->p + t->at + off;
}

uint32_t
hmr_flat_u8(const struct hmr_flat_table *t, uint32_t field, uint8_t fallback)
{
	const uint8_t *p = field_at(t, field, 1);

	return p ? *p : fallback;
}

int32_t
hmr_flat_i32(const struct hmr_flat_table *t, uint32_t field, int32_t fallback)
{
	const uint8_t *p = field_at(t, field, 4);

	return p ? (int32_t)hmr_get32(p) : fallback;
}

float
hmr_flat_f32(const struct hmr_flat_table *t, uint32_t field, float fallback)
{
	const uint8_t *p = field_at(t, field, 4);

	return p ? hmr_getf32(p) : fallback;
}

/* The offset that a reference leads to. */
static uint64_t
follow(const struct hmr_flat_table *t, const uint8_t *p)
{
	return (uint64_t)(p - t->p) + hmr_get32(p);
}

bool
hmr_flat_child(const struct hmr_flat_table *t, uint32_t field,
	       struct hmr_flat_table *child)
{
	const uint8_t *p = field_at(t, field, 4);

	memset(child, 0, sizeof(*child));
	return !p || table_at(t->p, t->n, follow(t, p), child);
}

bool
hmr_flat_list(const struct hmr_flat_table *t, uint32_t field, uint32_t element,
	      struct hmr_flat_vector *v)
{
	const uint8_t *p = field_at(t, field, 4);
	uint64_t at;

	memset(v, 0, sizeof(*v));
	if (!p)
		return true;
	at = follow(t, p);
	if (!inside(t->n, at, 4) ||
	    !inside(t->n, at + 4, (uint64_t)hmr_get32(t->p + at) * element))
		return false;
	v->n = hmr_get32(t->p + at);
	v->at = (uint32_t)at + 4;
	v->data = t->p + v->at;
	return true;
}

bool
hmr_flat_item(const struct hmr_flat_table *t, const struct hmr_flat_vector *v,
	      uint32_t i, struct hmr_flat_table *item)
{
	return table_at(t->p, t->n, follow(t, v->data + 4 * (size_t)i), item);
}

bool
hmr_flat_text(const struct hmr_flat_table *t, uint32_t field, char *out, size_t cap)
{
	struct hmr_flat_vector v;

	out[0] = 0;
	if (!hmr_flat_list(t, field, 1, &v))
		return false;
	if (v.n >= cap)
		v.n = (uint32_t)cap - 1;
	for (uint32_t i = 0; i < v.n; i++)
		out[i] = v.data[i] < 32 || v.data[i] > 126 ? '?' : (char)v.data[i];
	out[v.n] = 0;
	return true;
}

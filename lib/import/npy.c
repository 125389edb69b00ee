/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The .npy container (versions 1 to 3) and conversion of elements. Its header
 * is a Python literal of three known keys; anything else in it is refused.
 */
#include "import/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "import/safetensors.h"
#include "nn/half.h"

enum hmr_status
hmr_npy_type(struct hmr_npy *a, const char *s, size_t n, struct hmr_err *e)
{
	size_t i = 0;

	a->big_endian = false;
	if (n && strchr("<>=|", s[0]) && s[0])
		a->big_endian = s[i++] == '>';
	a->kind = i < n ? s[i++] : 0;
	a->size = i < n && n - i == 1 && s[i] >= '0' && s[i] <= '9' ?
		(uint8_t)(s[i] - '0') : 0;
	if (a->kind == 'O' && (i == n || a->size))
		return HMR_OK;
	if ((a->kind == 'f' && (a->size == 2 || a->size == 4 || a->size == 8)) ||
	    ((a->kind == 'i' || a->kind == 'u') && (a->size == 1 || a->size == 2 ||
						    a->size == 4 || a->size == 8)) ||
	    (a->kind == 'b' && a->size == 1))
		return HMR_OK;
	return hmr_fail(e, HMR_E_VERSION, "numpy type '%.*s' is not read",
			n < 20 ? (int)n : 20, s);
}

enum hmr_status
hmr_npy_check(struct hmr_npy *a, size_t n, struct hmr_err *e)
{
	if (!hmr_dims_count(&a->dims, &a->count))
		return hmr_fail(e, HMR_E_LIMIT, "numpy array too large");
	if (a->kind == 'O') {
		a->bytes = n;
		return HMR_OK;
	}
	a->bytes = a->count * a->size;
	if (a->bytes > n)
		return hmr_fail(e, HMR_E_TRUNCATED,
				"numpy array of %zu bytes has %zu", a->bytes, n);
	return HMR_OK;
}

/* A small scanner over the header's literal. */
struct scan {
	const char *at, *end;
};

static bool
eat(struct scan *s, char c)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n'))
		s->at++;
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool
quoted(struct scan *s, const char **p, size_t *n)
{
	char q = eat(s, '\'') ? '\'' : eat(s, '"') ? '"' : 0;
	const char *end = q ? memchr(s->at, q, (size_t)(s->end - s->at)) : NULL;

	if (!end)
		return false;
	*p = s->at;
	*n = (size_t)(end - s->at);
	s->at = end + 1;
	return true;
}

static bool
word(struct scan *s, const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(s->end - s->at) < n || memcmp(s->at, w, n))
		return false;
	s->at += n;
	return true;
}

static bool
shape(struct scan *s, struct hmr_dims *d)
{
	if (!eat(s, '('))
		return false;
	while (!eat(s, ')')) {
		int64_t v = 0;
		bool any = false;

		while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
			if (v > (int64_t)1 << 48)
				return false;
			v = v * 10 + (*s->at++ - '0');
			any = true;
		}
		if (s->at < s->end && *s->at == 'L')	/* Python 2 */
			s->at++;
		if (!any || d->n == HMR_DIMS_MAX)
			return false;
		d->d[d->n++] = v;
		if (!eat(s, ',') && !(s->at < s->end && *s->at == ')'))
			return false;
		eat(s, ' ');
		while (s->at < s->end && *s->at == ' ')
			s->at++;
	}
	return true;
}

static enum hmr_status
header(struct hmr_npy *a, struct scan s, struct hmr_err *e)
{
	unsigned seen = 0;

	if (!eat(&s, '{'))
		goto bad;
	while (!eat(&s, '}')) {
		const char *key, *v;
		size_t n, n_v;
		enum hmr_status st;

		if (!quoted(&s, &key, &n) || !eat(&s, ':'))
			goto bad;
		if (n == 5 && !memcmp(key, "descr", 5)) {
			if (!quoted(&s, &v, &n_v))
				return hmr_fail(e, HMR_E_VERSION,
						"numpy records are not read");
			if ((st = hmr_npy_type(a, v, n_v, e)))
				return st;
			seen |= 1;
		} else if (n == 13 && !memcmp(key, "fortran_order", 13)) {
			while (eat(&s, ' '))
				;
			while (s.at < s.end && *s.at == ' ')
				s.at++;
			a->fortran = word(&s, "True");
			if (!a->fortran && !word(&s, "False"))
				goto bad;
			seen |= 2;
		} else if (n == 5 && !memcmp(key, "shape", 5) && !(seen & 4)) {
			if (!shape(&s, &a->dims))
				goto bad;
			seen |= 4;
		} else {
			goto bad;
		}
		eat(&s, ',');
	}
	if (seen == 7)
		return HMR_OK;
bad:
	return hmr_fail(e, HMR_E_FORMAT, "bad npy header");
}

enum hmr_status
hmr_npy_parse(struct hmr_npy *out, const uint8_t *p, size_t n, struct hmr_err *e)
{
	struct hmr_cur c = { p, p + n };
	const uint8_t *m, *h;
	enum hmr_status st;
	struct scan s;
	size_t len;

	memset(out, 0, sizeof(*out));
	if (hmr_cur_take(&c, 10, &m) || memcmp(m, "\223NUMPY", 6))
		return hmr_fail(e, HMR_E_FORMAT, "no npy file");
	if (m[6] < 1 || m[6] > 3)
		return hmr_fail(e, HMR_E_VERSION, "npy version %u is not read", m[6]);
	len = hmr_get16(m + 8);
	if (m[6] > 1) {
		if (hmr_cur_take(&c, 2, &h))
			return hmr_fail(e, HMR_E_TRUNCATED, "npy file ends in its header");
		len |= (size_t)hmr_get16(h) << 16;
	}
	if (hmr_cur_take(&c, len, &h))
		return hmr_fail(e, HMR_E_TRUNCATED, "npy file ends in its header");
	s.at = (const char *)h;
	s.end = s.at + len;
	if ((st = header(out, s, e)))
		return st;
	out->data = c.at;
	return hmr_npy_check(out, (size_t)(c.end - c.at), e);
}

static uint64_t
number(const uint8_t *p, unsigned size, bool big_endian)
{
	uint64_t u = 0;

	for (unsigned j = 0; j < size; j++)
		u |= (uint64_t)p[big_endian ? size - 1 - j : j] << 8 * j;
	return u;
}

static uint64_t
raw(const struct hmr_npy *a, size_t i)
{
	return number(a->data + i * a->size, a->size, a->big_endian);
}

static double
as_f64(const struct hmr_npy *a, size_t i)
{
	uint64_t u = raw(a, i);
	uint32_t w = (uint32_t)u;
	double d;
	float f;

	switch (a->kind) {
	case 'f':
		if (a->size == 2)
			return (double)hmr_f16_to_f32((uint16_t)u);
		if (a->size == 4) {
			memcpy(&f, &w, 4);
			return (double)f;
		}
		memcpy(&d, &u, 8);
		return d;
	case 'i':
		return (double)((int64_t)(u << (64 - 8 * a->size)) >> (64 - 8 * a->size));
	}
	return (double)u;
}

/* Steps through an array in C order: where its next element lies. */
struct walk {
	int64_t at[HMR_DIMS_MAX], stride[HMR_DIMS_MAX];
	size_t i, offset;
};

static void
walk_init(struct walk *w, const struct hmr_npy *a)
{
	int64_t s = 1;

	memset(w, 0, sizeof(*w));
	for (uint32_t i = 0; i < a->dims.n; i++) {
		w->stride[i] = s;
		s *= a->dims.d[i];
	}
}

static size_t
picked(const struct hmr_npy *a, size_t i)
{
	size_t n = number(a->pick + i * a->pick_size, a->pick_size, a->pick_big_endian);
	size_t offset = 0, stride = a->bytes / a->size;

	if (!a->fortran)
		return n;
	for (uint32_t d = a->of.n; d-- > 0;) {
		stride /= (size_t)a->of.d[d];
		offset += n % (size_t)a->of.d[d] * stride;
		n /= (size_t)a->of.d[d];
	}
	return offset;
}

static size_t
walk_next(struct walk *w, const struct hmr_npy *a)
{
	size_t offset = w->offset;

	if (a->pick)
		return picked(a, w->i++);
	if (!a->fortran)
		return w->i++;
	for (uint32_t i = a->dims.n; i-- > 0;) {
		w->offset += (size_t)w->stride[i];
		if (++w->at[i] < a->dims.d[i])
			break;
		w->offset -= (size_t)(w->stride[i] * a->dims.d[i]);
		w->at[i] = 0;
	}
	return offset;
}

void
hmr_npy_f32(const struct hmr_npy *a, float *out)
{
	struct walk w;

	walk_init(&w, a);
	for (size_t i = 0; i < a->count; i++)
		out[i] = (float)as_f64(a, walk_next(&w, a));
}

static int64_t
as_i64(const struct hmr_npy *a, size_t i)
{
	double d;

	if (a->kind == 'u' || a->kind == 'b')
		return (int64_t)raw(a, i);
	d = as_f64(a, i);
	if (a->kind == 'i' && a->size == 8)
		return (int64_t)raw(a, i);
	return d > -0x1p62 && d < 0x1p62 ? (int64_t)d : -1;
}

void
hmr_npy_i64(const struct hmr_npy *a, int64_t *out)
{
	struct walk w;

	walk_init(&w, a);
	for (size_t i = 0; i < a->count; i++)
		out[i] = as_i64(a, walk_next(&w, a));
}

enum hmr_status
hmr_npy_pick(struct hmr_npy *a, const struct hmr_npy *idx, const struct hmr_dims *dims,
	     struct hmr_err *e)
{
	struct hmr_dims of = a->dims;
	size_t have = a->count;

	if ((idx->kind != 'i' && idx->kind != 'u') || idx->pick || a->pick ||
	    (idx->fortran && idx->dims.n > 1))
		return hmr_fail(e, HMR_E_VERSION, "a selection by other than plain numbers");
	if (!hmr_dims_count(dims, &a->count) || a->count != idx->count)
		return hmr_fail(e, HMR_E_FORMAT, "a selection with bad sizes");
	for (size_t i = 0; i < idx->count; i++) {
		int64_t v = as_i64(idx, i);

		if (v < 0 || (uint64_t)v >= have)
			return hmr_fail(e, HMR_E_FORMAT, "a selection beyond its array");
	}
	a->dims = *dims;
	a->of = of;
	a->pick = idx->data;
	a->pick_size = idx->size;
	a->pick_big_endian = idx->big_endian;
	return HMR_OK;
}

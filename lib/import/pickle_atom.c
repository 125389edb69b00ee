/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and strings of the pickle machine, text and binary. */
#include "import/pickle_impl.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

static enum hmr_status
take(struct hmr_pickle *k, size_t n, const uint8_t **p)
{
	*p = k->in.at;
	if (hmr_cur_take(&k->in, n, p))
		return pk_fail(k, HMR_E_TRUNCATED, "ends inside a value");
	return HMR_OK;
}

static enum hmr_status
push_int(struct hmr_pickle *k, int64_t i)
{
	struct hmr_pk *v;
	enum hmr_status st = pk_push_new(k, HMR_PK_INT, &v);

	if (!st)
		v->i = i;
	return st;
}

static enum hmr_status
push_string(struct hmr_pickle *k, enum hmr_pk_kind kind, const uint8_t *p, size_t n)
{
	struct hmr_pk *v;
	enum hmr_status st = pk_push_new(k, kind, &v);

	if (!st) {
		v->s.p = p;
		v->s.n = n;
	}
	return st;
}

/* width bytes of length, then that many bytes. */
static enum hmr_status
counted(struct hmr_pickle *k, enum hmr_pk_kind kind, size_t width, bool is_signed)
{
	const uint8_t *p;
	enum hmr_status st;
	uint64_t n;

	if ((st = take(k, width, &p)))
		return st;
	n = width == 1 ? *p : width == 4 ? hmr_get32(p) : hmr_get64(p);
	if (is_signed && n > INT32_MAX)
		return pk_fail(k, HMR_E_FORMAT, "negative length");
	if (n > (uint64_t)(k->in.end - k->in.at))
		return pk_fail(k, HMR_E_TRUNCATED, "ends inside a string");
	if ((st = take(k, (size_t)n, &p)))
		return st;
	return push_string(k, kind, p, (size_t)n);
}

/* Two's complement, little-endian, any length. */
static enum hmr_status
binary_long(struct hmr_pickle *k, size_t width)
{
	struct hmr_pk *v;
	const uint8_t *p;
	enum hmr_status st;
	uint64_t u = 0;
	uint32_t n;

	if ((st = take(k, width, &p)))
		return st;
	n = width == 1 ? *p : hmr_get32(p);
	if ((st = take(k, n, &p)))
		return st;
	while (n > 8 && (p[n - 1] == 0 || p[n - 1] == 0xff) &&
	       (p[n - 1] >> 7) == (p[n - 2] >> 7))
		n--;
	if (n > 8)
		return pk_push_new(k, HMR_PK_BIG, &v);
	for (uint32_t i = 0; i < n; i++)
		u |= (uint64_t)p[i] << 8 * i;
	if (n && n < 8 && p[n - 1] & 0x80)
		u |= ~(uint64_t)0 << 8 * n;
	return push_int(k, (int64_t)u);
}

/* Decimal text; I01 and I00 are booleans, L is a suffix of LONG. */
static enum hmr_status
text_int(struct hmr_pickle *k, bool is_long)
{
	struct hmr_pk *v;
	const uint8_t *p;
	enum hmr_status st;
	uint64_t u = 0;
	bool minus, big = false;
	size_t n, i;

	if ((st = pk_line(k, &p, &n)))
		return st;
	if (!is_long && n == 2 && p[0] == '0' && (p[1] == '0' || p[1] == '1'))
		return pk_push(k, p[1] == '1' ? &k->yes : &k->no);
	if (is_long && n && p[n - 1] == 'L')
		n--;
	i = minus = n && p[0] == '-';
	if (i == n)
		return pk_fail(k, HMR_E_FORMAT, "bad integer");
	for (; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return pk_fail(k, HMR_E_FORMAT, "bad integer");
		big = big || u > (INT64_MAX - 9) / 10;
		if (!big)
			u = u * 10 + (p[i] - '0');
	}
	if (big)
		return pk_push_new(k, HMR_PK_BIG, &v);
	return push_int(k, minus ? -(int64_t)u : (int64_t)u);
}

static enum hmr_status
text_float(struct hmr_pickle *k)
{
	char buf[64];
	const uint8_t *p;
	struct hmr_pk *v;
	enum hmr_status st;
	double f;
	size_t n;

	if ((st = pk_line(k, &p, &n)))
		return st;
	if (n >= sizeof(buf) || memchr(p, 0, n))
		return pk_fail(k, HMR_E_FORMAT, "bad number");
	memcpy(buf, p, n);
	buf[n] = 0;
	if (!strcmp(buf, "nan") || !strcmp(buf, "-nan"))
		f = NAN;
	else if (!strcmp(buf, "inf") || !strcmp(buf, "-inf"))
		f = buf[0] == '-' ? -INFINITY : INFINITY;
	else if (hmr_parse_f64("number", buf, -HUGE_VAL, HUGE_VAL, &f, NULL))
		return pk_fail(k, HMR_E_FORMAT, "bad number");
	if ((st = pk_push_new(k, HMR_PK_FLOAT, &v)))
		return st;
	v->f = f;
	return HMR_OK;
}

static enum hmr_status
binary_float(struct hmr_pickle *k)
{
	const uint8_t *p;
	struct hmr_pk *v;
	enum hmr_status st;
	uint64_t u = 0;

	if ((st = take(k, 8, &p)) || (st = pk_push_new(k, HMR_PK_FLOAT, &v)))
		return st;
	for (int i = 0; i < 8; i++)
		u = u << 8 | p[i];
	memcpy(&v->f, &u, 8);
	return HMR_OK;
}

static int
hex_digits(const uint8_t *p, size_t left, size_t n, uint32_t *out)
{
	*out = 0;
	if (left < n)
		return 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = p[i] | 0x20;
		uint32_t d = c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10) :
			     (uint32_t)(p[i] - '0');

		if (d > 15)
			return 0;
		*out = *out << 4 | d;
	}
	return 1;
}

/* One escape of a Python string after its backslash; *used characters of p. */
static uint8_t
unescape(const uint8_t *p, size_t left, size_t *used)
{
	static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
	const char *at;
	uint32_t v;

	*used = 1;
	if (p[0] == 'x' && hex_digits(p + 1, left - 1, 2, &v)) {
		*used = 3;
		return (uint8_t)v;
	}
	if (p[0] >= '0' && p[0] <= '7') {
		v = 0;
		for (*used = 0; *used < 3 && *used < left && p[*used] >= '0' &&
		     p[*used] <= '7'; ++*used)
			v = v << 3 | (uint32_t)(p[*used] - '0');
		return (uint8_t)v;
	}
	at = p[0] ? strchr(from, p[0]) : NULL;
	if (at)
		return (uint8_t)to[at - from];
	*used = 0;		/* Python keeps the backslash */
	return '\\';
}

/* Protocol 0's quoted string. */
static enum hmr_status
text_bytes(struct hmr_pickle *k)
{
	const uint8_t *p;
	uint8_t *out;
	enum hmr_status st;
	size_t n, m = 0, used;

	if ((st = pk_line(k, &p, &n)))
		return st;
	if (n < 2 || (p[0] != '\'' && p[0] != '"') || p[n - 1] != p[0])
		return pk_fail(k, HMR_E_FORMAT, "a string without quotes");
	p++;
	n -= 2;
	if (!memchr(p, '\\', n))
		return push_string(k, HMR_PK_BYTES, p, n);
	if (!(out = pk_alloc(k, n, &st)))
		return st;
	for (size_t i = 0; i < n;) {
		if (p[i] != '\\' || i + 1 == n) {
			out[m++] = p[i++];
			continue;
		}
		out[m++] = unescape(p + i + 1, n - i - 1, &used);
		i += 1 + used;
	}
	return push_string(k, HMR_PK_BYTES, out, m);
}

static size_t
put_utf8(uint8_t *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 63));
		out[2] = (uint8_t)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | (c >> 18 & 7));
	out[1] = (uint8_t)(0x80 | (c >> 12 & 63));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 63));
	out[3] = (uint8_t)(0x80 | (c & 63));
	return 4;
}

/* Protocol 0's text: Latin-1 with \u and \U escapes, to UTF-8. */
static enum hmr_status
text_unicode(struct hmr_pickle *k)
{
	const uint8_t *p;
	uint8_t *out;
	enum hmr_status st;
	size_t n, m = 0;

	if ((st = pk_line(k, &p, &n)))
		return st;
	if (!(out = pk_alloc(k, 2 * n, &st)))	/* no escape is shorter than 3 */
		return st;
	for (size_t i = 0; i < n;) {
		size_t left = n - i;
		uint32_t c = p[i];

		if (c == '\\' && left > 5 && p[i + 1] == 'u' &&
		    hex_digits(p + i + 2, left - 2, 4, &c))
			i += 6;
		else if (p[i] == '\\' && left > 9 && p[i + 1] == 'U' &&
			 hex_digits(p + i + 2, left - 2, 8, &c))
			i += 10;
		else
			c = p[i++];
		m += put_utf8(out + m, c);
	}
	return push_string(k, HMR_PK_TEXT, out, m);
}

enum hmr_status
pk_latin1(struct hmr_pickle *k, struct hmr_pk *text, struct hmr_pk **out)
{
	const uint8_t *p = text->s.p, *end = p + text->s.n;
	enum hmr_status st = HMR_OK;
	uint8_t *q;

	if ((*out = text->s.latin1))
		return HMR_OK;
	if (!(*out = pk_alloc(k, sizeof(**out), &st)) ||
	    !(q = pk_alloc(k, text->s.n, &st)))
		return st;
	(*out)->kind = HMR_PK_BYTES;
	(*out)->s.p = q;
	while (p < end) {
		if (*p < 0x80) {
			*q++ = *p++;
		} else if ((*p & 0xfe) == 0xc2 && end - p > 1) {
			*q++ = (uint8_t)(*p << 6 | (p[1] & 63));
			p += 2;
		} else {
			return pk_fail(k, HMR_E_FORMAT, "bytes written as text are no Latin-1");
		}
	}
	(*out)->s.n = (size_t)(q - (*out)->s.p);
	text->s.latin1 = *out;
	return HMR_OK;
}

enum hmr_status
pk_atom(struct hmr_pickle *k, uint8_t op)
{
	const uint8_t *p;
	enum hmr_status st;

	switch (op) {
	case 'N': return pk_push(k, &k->none);
	case 0x88: return pk_push(k, &k->yes);
	case 0x89: return pk_push(k, &k->no);
	case 'I': return text_int(k, false);
	case 'L': return text_int(k, true);
	case 'J': return (st = take(k, 4, &p)) ? st : push_int(k, (int32_t)hmr_get32(p));
	case 'K': return (st = take(k, 1, &p)) ? st : push_int(k, *p);
	case 'M': return (st = take(k, 2, &p)) ? st : push_int(k, hmr_get16(p));
	case 0x8a: return binary_long(k, 1);
	case 0x8b: return binary_long(k, 4);
	case 'F': return text_float(k);
	case 'G': return binary_float(k);
	case 'S': return text_bytes(k);
	case 'T': return counted(k, HMR_PK_BYTES, 4, true);
	case 'U': return counted(k, HMR_PK_BYTES, 1, false);
	case 'V': return text_unicode(k);
	case 'X': return counted(k, HMR_PK_TEXT, 4, false);
	case 0x8c: return counted(k, HMR_PK_TEXT, 1, false);
	case 0x8d: return counted(k, HMR_PK_TEXT, 8, false);
	case 'B': return counted(k, HMR_PK_BYTES, 4, false);
	case 'C': return counted(k, HMR_PK_BYTES, 1, false);
	case 0x8e: case 0x96: return counted(k, HMR_PK_BYTES, 8, false);
	}
	return HMR_EOF;
}

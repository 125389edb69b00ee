/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded pull parser for lines of JSON; see lines_json.h. */
#include "stream/lines_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void
space(struct hmr_json *j)
{
	while (j->at < j->end && (*j->at == ' ' || *j->at == '\t' ||
				  *j->at == '\r' || *j->at == '\n'))
		j->at++;
}

char
hmr_json_peek(struct hmr_json *j)
{
	space(j);
	return j->at < j->end ? *j->at : 0;
}

static enum hmr_status
expect(struct hmr_json *j, char c)
{
	if (hmr_json_peek(j) != c || j->at == j->end)
		return HMR_E_FORMAT;
	j->at++;
	return HMR_OK;
}

enum hmr_status
hmr_json_end(struct hmr_json *j)
{
	space(j);
	return j->at == j->end ? HMR_OK : HMR_E_FORMAT;
}

/* Moves over a string; *s and *n are what is between the quotes. */
static enum hmr_status
raw_string(struct hmr_json *j, const char **s, size_t *n)
{
	const char *p;

	if (expect(j, '"'))
		return HMR_E_FORMAT;
	for (p = j->at; p < j->end && *p != '"'; p++) {
		if ((unsigned char)*p < 0x20)
			break;
		if (*p == '\\' && ++p == j->end)
			break;
	}
	if (p >= j->end || *p != '"')
		return HMR_E_FORMAT;
	*s = j->at;
	*n = (size_t)(p - j->at);
	j->at = p + 1;
	return HMR_OK;
}

/* The comma or the closing character between members. */
static enum hmr_status
next(struct hmr_json *j, bool *first, char open, char close)
{
	if (*first && expect(j, open))
		return HMR_E_FORMAT;
	if (hmr_json_peek(j) == close) {
		j->at++;
		return HMR_EOF;
	}
	if (!*first && expect(j, ','))
		return HMR_E_FORMAT;
	*first = false;
	return HMR_OK;
}

enum hmr_status
hmr_json_member(struct hmr_json *j, bool *first, const char **key, size_t *n)
{
	enum hmr_status st = next(j, first, '{', '}');

	if (st)
		return st;
	if (raw_string(j, key, n))
		return HMR_E_FORMAT;
	return expect(j, ':');
}

enum hmr_status
hmr_json_element(struct hmr_json *j, bool *first)
{
	return next(j, first, '[', ']');
}

bool
hmr_json_is(const char *key, size_t n, const char *name)
{
	return strlen(name) == n && !memcmp(key, name, n);
}

static bool
digit(const struct hmr_json *j)
{
	return j->at < j->end && *j->at >= '0' && *j->at <= '9';
}

struct decimal {
	bool negative, whole;	/* whole: neither point nor exponent */
	uint64_t digits;	/* the first 19 significant ones */
	int exp10;		/* value = digits * 10^exp10 */
	const char *start;
};

/* RFC 8259's number, nothing more. */
static enum hmr_status
scan_number(struct hmr_json *j, struct decimal *d)
{
	int drop = 0, e = 0, sign = 1;

	memset(d, 0, sizeof(*d));
	space(j);
	d->start = j->at;
	d->whole = true;
	if (j->at < j->end && *j->at == '-') {
		d->negative = true;
		j->at++;
	}
	if (!digit(j))
		return HMR_E_FORMAT;
	if (*j->at == '0' && j->at + 1 < j->end && j->at[1] >= '0' && j->at[1] <= '9')
		return HMR_E_FORMAT;	/* no leading zero */
	for (int point = 0; ; j->at++) {
		if (!point && j->at < j->end && *j->at == '.') {
			point = 1;
			d->whole = false;
			j->at++;
			if (!digit(j))
				return HMR_E_FORMAT;
		}
		if (!digit(j))
			break;
		if (d->digits < (UINT64_MAX - 9) / 10) {
			d->digits = d->digits * 10 + (uint64_t)(*j->at - '0');
			d->exp10 -= point;
		} else {
			drop += !point;
			if (drop > 10000)
				return HMR_E_FORMAT;
		}
	}
	d->exp10 += drop;
	if (j->at < j->end && (*j->at == 'e' || *j->at == 'E')) {
		d->whole = false;
		j->at++;
		if (j->at < j->end && (*j->at == '+' || *j->at == '-'))
			sign = *j->at++ == '-' ? -1 : 1;
		if (!digit(j))
			return HMR_E_FORMAT;
		for (; digit(j); j->at++)
			if (e < 100000)
				e = e * 10 + (*j->at - '0');
		d->exp10 += sign * e;
	}
	return HMR_OK;
}

/* The slow, sure way: the C library on a copy (programs run in the C locale).
 * Digits past the 60th cannot matter to a float unless all before them lie
 * exactly on a middle; a 1 stands for them. */
static float
slow_f32(const struct decimal *d, const char *end)
{
	char t[96];
	size_t n = 0, digits = 0, sig = 0;
	long e = 0;
	const char *p;
	bool point = false, rest = false;

	for (p = d->start; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		if (*p == '-') {
			t[n++] = *p;
			continue;
		}
		sig += sig || *p != '0';
		if (sig && digits == 60) {
			rest |= *p != '0';
			e += !point;
			continue;
		}
		if (sig) {
			t[n++] = *p;
			digits++;
		}
		e -= point;
	}
	if (!digits)
		t[n++] = '0';
	if (rest) {
		t[n++] = '1';
		e--;
	}
	if (p < end) {
		long x = strtol(p + 1, NULL, 10);

		e += x > 100000 ? 100000 : x < -100000 ? -100000 : x;
	}
	t[n++] = 'e';
	if (e < 0) {
		t[n++] = '-';
		e = -e;
	}
	for (long div = 1000000; div; div /= 10)
		t[n++] = (char)('0' + e / div % 10);
	t[n] = 0;
	return strtof(t, NULL);
}

static const double pow10_tab[] = {
	1e0,  1e1,  1e2,  1e3,	1e4,  1e5,  1e6,  1e7,	1e8,  1e9,  1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* digits and 10^|exp10| are exact doubles, so their product is rounded once;
 * rounding that again to float is only unsafe next to the middle of two. */
static bool
fast_f32(const struct decimal *d, float *v)
{
	double x = (double)d->digits;
	uint64_t u;

	if (d->digits > (uint64_t)1 << 53 || d->exp10 < -22 || d->exp10 > 22)
		return false;
	x = d->exp10 < 0 ? x / pow10_tab[-d->exp10] : x * pow10_tab[d->exp10];
	if (x != 0 && (x < 1e-30 || x > 1e30))
		return false;		/* subnormal floats round elsewhere */
	memcpy(&u, &x, sizeof(u));
	u &= 0x1fffffff;
	if (u >= 0x0fffffff && u <= 0x10000001)
		return false;
	*v = d->negative ? -(float)x : (float)x;
	return true;
}

enum hmr_status
hmr_json_f32(struct hmr_json *j, float *v)
{
	struct decimal d;

	if (scan_number(j, &d))
		return HMR_E_FORMAT;
	if (fast_f32(&d, v))
		return HMR_OK;
	*v = slow_f32(&d, j->at);
	return isfinite(*v) ? HMR_OK : HMR_E_FORMAT;
}

enum hmr_status
hmr_json_u64(struct hmr_json *j, uint64_t hi, uint64_t *v)
{
	struct decimal d;

	if (scan_number(j, &d) || !d.whole || d.exp10 ||
	    (d.negative && d.digits) || d.digits > hi)
		return HMR_E_FORMAT;
	*v = d.digits;
	return HMR_OK;
}

enum hmr_status
hmr_json_i64(struct hmr_json *j, int64_t *v)
{
	struct decimal d;
	uint64_t hi = INT64_MAX;

	if (scan_number(j, &d) || !d.whole || d.exp10 ||
	    d.digits > hi + d.negative)
		return HMR_E_FORMAT;
	*v = d.negative ? (int64_t)(0 - d.digits) : (int64_t)d.digits;
	return HMR_OK;
}

static enum hmr_status
word(struct hmr_json *j, const char *w)
{
	size_t n = strlen(w);

	space(j);
	if ((size_t)(j->end - j->at) < n || memcmp(j->at, w, n))
		return HMR_E_FORMAT;
	j->at += n;
	return HMR_OK;
}

enum hmr_status
hmr_json_bool(struct hmr_json *j, bool *v)
{
	*v = hmr_json_peek(j) == 't';
	return word(j, *v ? "true" : "false");
}

static enum hmr_status
skip_scalar(struct hmr_json *j)
{
	struct decimal d;
	const char *s;
	size_t n;

	switch (hmr_json_peek(j)) {
	case '"': return raw_string(j, &s, &n);
	case 't': return word(j, "true");
	case 'f': return word(j, "false");
	case 'n': return word(j, "null");
	default: return scan_number(j, &d);
	}
}

enum hmr_status
hmr_json_skip(struct hmr_json *j)
{
	uint64_t object = 0;		/* a bit for each open level: is it {}? */
	int depth = 0;
	bool first = true;
	const char *key;
	size_t n;

	for (;;) {
		char c;

		if (depth) {		/* a member, or the end of the level */
			enum hmr_status st = object & 1 ?
				hmr_json_member(j, &first, &key, &n) :
				hmr_json_element(j, &first);

			if (st < 0)
				return st;
			if (st == HMR_EOF) {
				object >>= 1;
				first = false;
				if (!--depth)
					return HMR_OK;
				continue;
			}
		}
		c = hmr_json_peek(j);
		if (c == '{' || c == '[') {
			if (depth++ == HMR_JSON_DEPTH)
				return HMR_E_FORMAT;
			object = object << 1 | (c == '{');
			first = true;
		} else if (skip_scalar(j)) {
			return HMR_E_FORMAT;
		} else if (!depth) {
			return HMR_OK;
		}
	}
}

static int
hex4(const char *p)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int x = c >= '0' && c <= '9' ? c - '0' :
			c >= 'a' && c <= 'f' ? c - 'a' + 10 :
			c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (x < 0)
			return -1;
		v = v << 4 | x;
	}
	return v;
}

static size_t
to_utf8(uint32_t c, char out[4])
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[n] | c);
	return n;
}

/* One \uXXXX at s (after the u), with its low half where it is a pair; *used
 * grows by what was read. -1: not hexadecimal. Halves alone become U+FFFD. */
static int32_t
code_point(const char *s, size_t left, size_t *used)
{
	int hi, lo;

	if (left < 4 || (hi = hex4(s)) < 0)
		return -1;
	*used += 4;
	if (hi < 0xd800 || hi > 0xdfff)
		return hi ? hi : '?';
	if (hi > 0xdbff || left < 10 || s[4] != '\\' || s[5] != 'u' ||
	    (lo = hex4(s + 6)) < 0xdc00 || lo > 0xdfff)
		return 0xfffd;
	*used += 6;
	return 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00);
}

enum hmr_status
hmr_json_string(struct hmr_json *j, char *out, size_t cap)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *s;
	size_t n, at = 0;

	if (raw_string(j, &s, &n))
		return HMR_E_FORMAT;
	for (size_t i = 0; i < n; i++) {
		char t[4] = { s[i] };
		const char *k;
		size_t len = 1;

		if (s[i] == '\\' && s[++i] == 'u') {
			int32_t c = code_point(s + i + 1, n - i - 1, &i);

			if (c < 0)
				return HMR_E_FORMAT;
			len = to_utf8((uint32_t)c, t);
		} else if (t[0] == '\\') {
			if (!(k = strchr(from, s[i])) || !*k)
				return HMR_E_FORMAT;
			t[0] = to[k - from];
		}
		if (at + len >= cap)
			break;
		memcpy(out + at, t, len);
		at += len;
	}
	out[at] = 0;
	return HMR_OK;
}

enum hmr_status
hmr_json_vector(struct hmr_json *j, float *out, size_t n)
{
	size_t at = 0;
	int depth = 0;
	bool first = true;

	do {
		enum hmr_status st = HMR_OK;

		if (depth) {
			st = hmr_json_element(j, &first);
			if (st < 0)
				return st;
		}
		if (st == HMR_EOF) {
			depth--;
			first = false;
		} else if (!depth || hmr_json_peek(j) == '[') {
			if (hmr_json_peek(j) != '[' || depth++ == 4)
				return HMR_E_FORMAT;
			first = true;
		} else if (at == n || hmr_json_f32(j, &out[at++])) {
			return HMR_E_FORMAT;
		}
	} while (depth);
	return at == n ? HMR_OK : HMR_E_FORMAT;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Locale-free numbers; see num.h. */
#include "base/num.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum hmr_status
hmr_parse_u64(const char *what, const char *s, uint64_t lo, uint64_t hi,
	      uint64_t *v, struct hmr_err *e)
{
	uint64_t x = 0;
	const char *p;
	int bad = !*s;

	for (p = s; *p && !bad; p++) {
		bad = !isdigit((unsigned char)*p) ||
		      __builtin_mul_overflow(x, (uint64_t)10, &x) ||
		      __builtin_add_overflow(x, (uint64_t)(*p - '0'), &x);
	}
	if (bad || x < lo || x > hi)
		return hmr_fail(e, HMR_E_USAGE,
				"%s: '%.60s' is not a whole number from %llu to %llu",
				what, s, (unsigned long long)lo,
				(unsigned long long)hi);
	*v = x;
	return HMR_OK;
}

enum hmr_status
hmr_parse_u32(const char *what, const char *s, uint32_t lo, uint32_t hi,
	      uint32_t *v, struct hmr_err *e)
{
	uint64_t x;
	enum hmr_status st = hmr_parse_u64(what, s, lo, hi, &x, e);

	if (!st)
		*v = (uint32_t)x;
	return st;
}

enum hmr_status
hmr_parse_f64(const char *what, const char *s, double lo, double hi, double *v,
	      struct hmr_err *e)
{
	char *end;
	double x = strtod(s, &end);

	if (!*s || *end || isspace((unsigned char)*s) || !isfinite(x) || x < lo ||
	    x > hi)
		return hmr_fail(e, HMR_E_USAGE,
				"%s: '%.60s' is not a number from %g to %g", what,
				s, lo, hi);
	*v = x;
	return HMR_OK;
}

size_t
hmr_fmt_u64(char *out, uint64_t v)
{
	char t[20];
	size_t n = 0, i;

	do {
		t[n++] = (char)('0' + v % 10);
	} while (v /= 10);
	for (i = 0; i < n; i++)
		out[i] = t[n - 1 - i];
	return n;
}

size_t
hmr_fmt_i64(char *out, int64_t v)
{
	if (v >= 0)
		return hmr_fmt_u64(out, (uint64_t)v);
	*out = '-';
	return 1 + hmr_fmt_u64(out + 1, 0 - (uint64_t)v);
}

static const double pow10_tab[] = {
	1e0,  1e1,  1e2,  1e3,	1e4,  1e5,  1e6,  1e7,	1e8,  1e9,  1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* Is d, as a double, so near the middle of two floats that a reader that
 * rounds the decimal once could see the other neighbour? */
static int
near_middle(double d)
{
	uint64_t u;

	memcpy(&u, &d, sizeof(u));
	u &= 0x1fffffff;
	return u >= 0x0fffffff && u <= 0x10000001;
}

/* Prints n * 10^-dec, n > 0, trailing zeros of n already cut where dec > 0. */
static size_t
put_scaled(char *out, uint64_t n, int dec)
{
	char t[24];
	size_t len = hmr_fmt_u64(t, n), at = 0;
	size_t whole;

	if (dec <= 0) {
		memcpy(out, t, len);
		for (at = len; dec < 0; dec++)
			out[at++] = '0';
		return at;
	}
	if (len <= (size_t)dec) {
		out[at++] = '0';
		out[at++] = '.';
		for (size_t i = len; i < (size_t)dec; i++)
			out[at++] = '0';
		memcpy(out + at, t, len);
		return at + len;
	}
	whole = len - (size_t)dec;
	memcpy(out, t, whole);
	out[whole] = '.';
	memcpy(out + whole + 1, t + whole, (size_t)dec);
	return len + 1;
}

/* For 1e-5 <= |v| < 1e9 exact doubles suffice: n and 10^dec are exact, their
 * quotient is rounded once, so the test is the reader's own computation. */
size_t
hmr_fmt_f32(char *out, float v)
{
	double a = fabs((double)v);
	size_t neg = 0;

	if (!isfinite(v) || v == 0) {
		*out = '0';
		return 1;
	}
	if (v < 0) {
		*out++ = '-';
		neg = 1;
	}
	if (a >= 1e-5 && a < 1e9) {
		int exp10 = 0, digits;

		while (exp10 < 9 && a >= pow10_tab[exp10 + 1])
			exp10++;
		if (a < 1)
			for (exp10 = -1; a * pow10_tab[-exp10] < 1; )
				exp10--;
		/* Six digits survive a float (FLT_DIG): fewer show as zeros to cut. */
		for (digits = 6; digits <= 9; digits++) {
			int dec = digits - 1 - exp10;
			double n, back;

			if (dec < 0) {
				n = nearbyint(a / pow10_tab[-dec]);
				back = n * pow10_tab[-dec];
			} else {
				n = nearbyint(a * pow10_tab[dec]);
				back = n / pow10_tab[dec];
			}
			if ((float)back != fabsf(v) || near_middle(back))
				continue;
			uint64_t u = (uint64_t)n;

			for (; dec > 0 && u % 10 == 0; dec--)
				u /= 10;	/* 0.00999… rounded up to 0.010 */
			return neg + put_scaled(out, u, dec);
		}
	}
	for (int p = 1; p <= 9; p++) {
		char t[HMR_NUM_MAX];
		int len = snprintf(t, sizeof(t), "%.*e", p - 1, a);

		for (int i = 0; i < len; i++)
			if (t[i] == ',')
				t[i] = '.';
		if (strtof(t, NULL) == fabsf(v) || p == 9) {
			memcpy(out, t, (size_t)len);
			return neg + (size_t)len;
		}
	}
	return neg;
}

size_t
hmr_fmt_f64(char *out, double v, int decimals)
{
	size_t neg = 0, n;
	uint64_t scaled;

	if (!isfinite(v) || fabs(v) > 1e12)
		v = 0;
	if (v < 0) {
		*out++ = '-';
		neg = 1;
		v = -v;
	}
	if (decimals > 6)
		decimals = 6;
	scaled = (uint64_t)llround(v * pow10_tab[decimals]);
	while (decimals > 0 && scaled % 10 == 0) {
		scaled /= 10;
		decimals--;
	}
	if (!scaled) {
		out[-(ptrdiff_t)neg] = '0';
		return 1;
	}
	n = put_scaled(out, scaled, decimals);
	return neg + n;
}

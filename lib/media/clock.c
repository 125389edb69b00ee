/* SPDX-License-Identifier: Apache-2.0 */
/* Times and frame rates as people write them. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "media/source.h"

/* Digits up to a stop; false where there are none or too many. */
static bool
digits(const char **s, int64_t max, int64_t *v)
{
	const char *p = *s;

	for (*v = 0; isdigit((unsigned char)*p) && *v <= max; p++)
		*v = *v * 10 + (*p - '0');
	if (p == *s || *v > max)
		return false;
	*s = p;
	return true;
}

static bool
parse_time(const char *s, int64_t *ns)
{
	int64_t part[3] = { 0 }, frac = 0, scale = 1000000000, total = 0;
	bool minus = *s == '-';
	int n = 0;

	s += minus;
	for (;;) {
		if (n == 3 || !digits(&s, 9000000000, &part[n++]))
			return false;
		if (*s != ':')
			break;
		s++;
	}
	if (n > 1 && part[n - 1] >= 60)
		return false;
	if (n > 2 && part[1] >= 60)
		return false;
	if (*s == '.') {
		if (!isdigit((unsigned char)*++s))
			return false;
		for (; isdigit((unsigned char)*s) && scale > 1; s++) {
			scale /= 10;
			frac += (*s - '0') * scale;
		}
	}
	if (*s)
		return false;
	for (int i = 0; i < n; i++)
		total = total * 60 + part[i];
	if (total > 9000000000)
		return false;
	*ns = total * 1000000000 + frac;
	if (minus)
		*ns = -*ns;
	return true;
}

enum hmr_status
hmr_parse_time(const char *what, const char *s, int64_t *ns, struct hmr_err *e)
{
	if (parse_time(s, ns))
		return HMR_OK;
	return hmr_fail(e, HMR_E_USAGE, "%s: '%.60s' is no time: seconds or "
			"[HH:]MM:SS, with at most 9 decimals", what, s);
}

/* num/den of a positive decimal; both bounded. */
enum hmr_status
hmr_parse_rate(const char *what, const char *s, uint32_t *num, uint32_t *den,
	       struct hmr_err *e)
{
	const char *p = s;
	int64_t a, b = 1, scale = 1;

	if (!digits(&p, 1000000, &a))
		goto bad;
	if (*p == '/') {
		p++;
		if (!digits(&p, 1000000, &b))
			goto bad;
	} else if (*p == '.') {
		for (p++; isdigit((unsigned char)*p) && scale < 1000; p++) {
			a = a * 10 + (*p - '0');
			scale *= 10;
		}
		b = scale;
		if (b == 1)
			goto bad;
	}
	if (*p || a < 1 || b < 1)
		goto bad;
	*num = (uint32_t)a;
	*den = (uint32_t)b;
	return HMR_OK;
bad:
	return hmr_fail(e, HMR_E_USAGE, "%s: '%.60s' is no frame rate, such as 25, "
			"29.97 or 30000/1001", what, s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The table of formats, and choices of frames. */
#include <string.h>

#include "export/formats.h"

const struct hmr_export_format *
hmr_export_find(const char *name)
{
	static const struct hmr_export_format *const table[] = {
		&export_jsonl, &export_csv, &export_mot, &export_mp4, &export_png,
		&export_obj, &export_ply,
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(table[i]->name, name))
			return table[i];
	return NULL;
}

static enum hmr_status
one_number(const char *s, size_t n, uint64_t *v, struct hmr_err *e)
{
	char text[24];

	if (n >= sizeof(text))
		n = sizeof(text) - 1;
	memcpy(text, s, n);
	text[n] = 0;
	return hmr_parse_u64("--frames", text, 0, UINT64_MAX - 1, v, e);
}

enum hmr_status
hmr_export_choice_parse(struct hmr_export_choice *c, const char *s,
			struct hmr_err *e)
{
	enum hmr_status st;

	memset(c, 0, sizeof(*c));
	for (;;) {
		size_t n = strcspn(s, ",");
		const char *dash = memchr(s, '-', n);
		uint64_t from, to;

		if (c->n == HMR_EXPORT_RANGES)
			return hmr_fail(e, HMR_E_USAGE, "--frames: more than %d ranges",
					HMR_EXPORT_RANGES);
		st = one_number(s, dash ? (size_t)(dash - s) : n, &from, e);
		if (st)
			return st;
		to = from;
		if (dash && dash + 1 == s + n)
			to = UINT64_MAX;
		else if (dash && (st = one_number(dash + 1, (size_t)(s + n - dash - 1),
						  &to, e)))
			return st;
		if (to < from)
			return hmr_fail(e, HMR_E_USAGE, "--frames: '%.*s' ends before it "
					"begins", n > 60 ? 60 : (int)n, s);
		c->from[c->n] = from;
		c->to[c->n++] = to;
		if (!s[n])
			return HMR_OK;
		s += n + 1;
	}
}

bool
hmr_export_chosen(const struct hmr_export_choice *c, uint64_t number)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (number >= c->from[i] && number <= c->to[i])
			return true;
	return !c->n;
}

bool
hmr_export_single(const struct hmr_export_choice *c)
{
	return c->n == 1 && c->from[0] == c->to[0];
}

/* SPDX-License-Identifier: Apache-2.0 */
/* URLs without their user and password, control characters; see text.h. */
#include "base/text.h"

#include <string.h>

void
hmr_url_mask(char *s)
{
	char *p = s;

	while ((p = strstr(p, "://"))) {
		char *from = p + 3, *at = NULL;
		size_t n = strcspn(from, "/?# \t'\"");

		for (size_t i = 0; i < n; i++)
			if (from[i] == '@')
				at = from + i;
		if (at)
			memmove(from, at + 1, strlen(at + 1) + 1);
		p = from;
	}
}

int
hmr_control_bytes(const char *s)
{
	const unsigned char *c = (const unsigned char *)s;

	if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
		return 2;
	return c[0] && (c[0] < 32 || c[0] == 127);
}

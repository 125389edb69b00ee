/* SPDX-License-Identifier: Apache-2.0 */
/* URLs without their user and password; see text.h. */
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

/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of TensorFlow.js nodes: strings are base64, integers decimal
 * strings (or numbers). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "import/tfjs.h"

static const cJSON *
find(const struct tf_node *n, const char *key, const char *type)
{
	const cJSON *a = cJSON_GetObjectItemCaseSensitive(n->attr, key);

	return cJSON_GetObjectItemCaseSensitive(a, type);
}

static bool
to_int(const cJSON *j, int64_t *v)
{
	char *end;

	if (cJSON_IsNumber(j) && fabs(j->valuedouble) < 0x1p52) {
		*v = (int64_t)j->valuedouble;
		return true;
	}
	if (!cJSON_IsString(j) || !j->valuestring[0])
		return false;
	*v = strtoll(j->valuestring, &end, 10);
	return !*end && *v > -(1ll << 52) && *v < 1ll << 52;
}

bool
tf_attr_bool(const struct tf_node *n, const char *key, bool fallback)
{
	const cJSON *j = find(n, key, "b");

	return cJSON_IsBool(j) ? cJSON_IsTrue(j) : fallback;
}

int64_t
tf_attr_int(const struct tf_node *n, const char *key, int64_t fallback)
{
	int64_t v;

	return to_int(find(n, key, "i"), &v) ? v : fallback;
}

double
tf_attr_f64(const struct tf_node *n, const char *key, double fallback)
{
	const cJSON *j = find(n, key, "f");

	return cJSON_IsNumber(j) && isfinite(j->valuedouble) ? j->valuedouble : fallback;
}

uint32_t
tf_attr_ints(const struct tf_node *n, const char *key, int64_t *v, uint32_t cap)
{
	const cJSON *j;
	uint32_t i = 0;
	int64_t x;

	cJSON_ArrayForEach(j, cJSON_GetObjectItemCaseSensitive(find(n, key, "list"), "i")) {
		if (i == 65536)
			break;
		if (!to_int(j, &x))
			x = -1;
		if (i < cap)
			v[i] = x;
		i++;
	}
	return i;
}

static int
digit(char c)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(set, c) : NULL;

	return p ? (int)(p - set) : -1;
}

static void
decode(const char *b64, char *s, size_t cap)
{
	uint32_t bits = 0;
	int n = 0, d;
	size_t at = 0;

	for (; (d = digit(*b64)) >= 0; b64++) {
		bits = (bits << 6 | (uint32_t)d) & 0xffffff;
		if ((n += 6) < 8)
			continue;
		n -= 8;
		if (at + 1 < cap)
			s[at++] = (char)(bits >> n & 255);
	}
	s[at] = 0;
}

bool
tf_attr_text(const struct tf_node *n, const char *key, int i, char *s, size_t cap)
{
	const cJSON *j = i < 0 ? find(n, key, "s") : cJSON_GetArrayItem(
		cJSON_GetObjectItemCaseSensitive(find(n, key, "list"), "s"), i);

	s[0] = 0;
	if (!cJSON_IsString(j))
		return false;
	decode(j->valuestring, s, cap);
	return true;
}

bool
tf_const_ints(const struct tf_view *v, int64_t *out, uint32_t cap, uint32_t *n)
{
	size_t count = hmr_dims_total(&v->dims);

	if (v->kind != TF_CONST || v->dtype != HMR_DTYPE_I32 || count > cap)
		return false;
	for (size_t i = 0; i < count; i++)
		out[i] = (int32_t)hmr_get32(v->data + 4 * i);
	*n = (uint32_t)count;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Names of number formats; see precision.h. */
#include "nn/precision.h"

#include <string.h>

enum hmr_status
hmr_precision_parse(const char *what, const char *s, enum hmr_precision *out,
		    struct hmr_err *e)
{
	static const struct { const char *name; enum hmr_precision value; } t[] = {
		{ "auto", HMR_PRECISION_AUTO }, { "f32", HMR_PRECISION_F32 },
		{ "bf16", HMR_PRECISION_BF16 }, { "f16", HMR_PRECISION_F16 },
		{ "int8", HMR_PRECISION_INT8 }, { "fp8", HMR_PRECISION_FP8 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (!strcmp(s, t[i].name)) {
			*out = t[i].value;
			return HMR_OK;
		}
	return hmr_fail(e, HMR_E_USAGE,
			"%s: '%.60s' is not auto, f32, bf16, f16, int8 or fp8", what,
			s);
}

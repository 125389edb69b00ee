/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as npy, npz, safetensors or pickle, and arrays by name out of them. */
#include <stdlib.h>
#include <string.h>

#include "import/npz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const keys[] = { NULL, "a", "v_template", "J_regressor" };
	struct hmr_npz *z;

	if (hmr_npz_parse(&z, data, n, NULL))
		return 0;
	for (size_t i = 0; i < 4; i++) {
		struct hmr_dims f = { 2, { -1, 3 } }, k = { 2, { 2, -1 } };
		float *out;
		int64_t *whole;

		if (!hmr_npz_f32(z, keys[i], &f, &out, NULL))
			free(out);
		if (!hmr_npz_i64(z, keys[i], &k, &whole, NULL))
			free(whole);
	}
	hmr_npz_close(z);
	return 0;
}

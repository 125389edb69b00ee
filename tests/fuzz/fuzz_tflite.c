/* SPDX-License-Identifier: Apache-2.0 */
/* A TensorFlow Lite model; what is imported is used as built.h says. */
#include <cjson/cJSON.h>

#include "built.h"
#include "import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hmr_build b = { .n_values = 0 };
	char kind[32];

	if (!hmr_tflite_build(&b, data, n, NULL)) {
		cJSON_Delete(hmr_import_recognise(&b, kind));
		fuzz_built(&b);
	}
	hmr_build_release(&b);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TensorFlow.js model: the input up to the first NUL byte is the JSON, the rest
 * its weight file; without a NUL, the weights are its member "hex", or count from 0
 * up, so that text alone is a seed (tests/golden/tfjs.py with "hex" added). What is
 * imported is used (built.h).
 */
#include "built.h"

#include <string.h>
#include <cjson/cJSON.h>

#include "import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Weights for a manifest: elements 0 1 2 … 7 0 1 …, as many bytes as it says. */
static uint8_t *
invent(const cJSON *json, size_t *n)
{
	static uint8_t bin[1 << 16];
	const cJSON *group, *w, *d;
	const char *hex = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "hex"));
	unsigned byte;

	*n = 0;
	for (; hex && *n < sizeof(bin) && sscanf(hex, "%2x", &byte) == 1 && hex[1]; hex += 2)
		bin[(*n)++] = (uint8_t)byte;
	if (*n)
		return bin;
	cJSON_ArrayForEach(group, cJSON_GetObjectItemCaseSensitive(json, "weightsManifest"))
		cJSON_ArrayForEach(w, cJSON_GetObjectItemCaseSensitive(group, "weights")) {
			size_t size = cJSON_HasObjectItem(w, "quantization") ? 2 : 4;
			double count = 1;

			cJSON_ArrayForEach(d, cJSON_GetObjectItemCaseSensitive(w, "shape"))
				count *= d->valuedouble;
			if (!(count >= 0 && count * 4 < (double)(sizeof(bin) - *n)))
				return bin;
			memset(bin + *n, 0, (size_t)count * size);
			for (size_t i = 0; i < (size_t)count; i++)
				bin[*n + i * size] = (uint8_t)(i % 8);
			*n += (size_t)count * size;
		}
	return bin;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *zero = memchr(data, 0, n);
	size_t text = zero ? (size_t)(zero - data) : n;
	const uint8_t *bin = zero ? zero + 1 : data + n;
	size_t n_bin = (size_t)(data + n - bin);
	struct hmr_build b = { .n_values = 0 };
	char kind[32];
	cJSON *j = cJSON_ParseWithLength((const char *)data, text);

	if (!j)
		return 0;
	if (!zero)
		bin = invent(j, &n_bin);
	if (!hmr_tfjs_build(&b, j, bin, n_bin, NULL)) {
		cJSON_Delete(hmr_import_recognise(&b, kind));
		fuzz_built(&b);
	}
	hmr_build_release(&b);
	cJSON_Delete(j);
	return 0;
}

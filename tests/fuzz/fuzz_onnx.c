/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ONNX model; weights in other files are zeros. Seeds by
 * tests/oracle/onnx/make.py. What is imported is used (built.h).
 */
#include "built.h"

#include <string.h>
#include <cjson/cJSON.h>

#include "import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum hmr_status
zeros(void *ctx, const char *file, uint64_t at, void *dst, size_t n, struct hmr_err *e)
{
	(void)ctx;
	(void)file;
	(void)at;
	if (n > 1 << 20)
		return hmr_fail(e, HMR_E_TRUNCATED, "too large for the fuzzer");
	memset(dst, 0, n);
	return HMR_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hmr_onnx_options o = { .height = 8, .width = 8, .fetch = zeros };
	struct hmr_build b = { .n_values = 0 };
	char kind[32];

	if (!hmr_onnx_build(&b, data, n, &o, NULL)) {
		cJSON_Delete(hmr_import_recognise(&b, kind));
		fuzz_built(&b);
	}
	hmr_build_release(&b);
	return 0;
}

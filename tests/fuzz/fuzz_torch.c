/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a PyTorch checkpoint. A zip's checksums and offsets are hard to
 * meet by chance, so the input is also taken as the data.pkl of an archive made
 * here: input, then two small storages.
 */
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "import/safetensors.h"
#include "import/torch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CELLS (1 << 14)

static void
read_all(const uint8_t *p, size_t n)
{
	static float out[CELLS];
	struct hmr_torch *t;
	size_t count;

	if (hmr_torch_parse(&t, p, n, NULL))
		return;
	for (uint32_t i = 0; i < hmr_torch_count(t) && i < 64; i++) {
		const struct hmr_torch_tensor *x = hmr_torch_at(t, i);

		if (hmr_dims_count(&x->dims, &count) && count <= CELLS)
			(void)!hmr_torch_read(t, x, out, NULL);
	}
	hmr_torch_close(t);
}

static void
wrap(const uint8_t *data, size_t n)
{
	static const uint8_t blob[64] = { 1, 2, 3 };
	static const struct { const char *name; } names[] = { { "a/data/0" },
							      { "a/data/1" } };
	zip_source_t *out = zip_source_buffer_create(NULL, 0, 0, NULL);
	zip_t *z = zip_open_from_source(out, ZIP_TRUNCATE, NULL);
	zip_int64_t at;
	zip_stat_t s;
	uint8_t *p;

	if (!z)
		abort();
	zip_source_keep(out);
	at = zip_file_add(z, "a/data.pkl", zip_source_buffer(z, data, n, 0), 0);
	zip_set_file_compression(z, (zip_uint64_t)at, ZIP_CM_STORE, 0);
	for (int i = 0; i < 2; i++) {
		at = zip_file_add(z, names[i].name, zip_source_buffer(z, blob, 64, 0), 0);
		zip_set_file_compression(z, (zip_uint64_t)at, ZIP_CM_STORE, 0);
	}
	if (zip_close(z))
		abort();
	zip_source_open(out);
	zip_source_stat(out, &s);
	if (!(p = malloc(s.size)) ||
	    zip_source_read(out, p, s.size) != (zip_int64_t)s.size)
		abort();
	zip_source_close(out);
	zip_source_free(out);
	read_all(p, s.size);
	free(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n > 4 && (!memcmp(data, "PK", 2) || data[0] == 0x80))	/* or the old form */
		read_all(data, n);
	else
		wrap(data, n);
	return 0;
}

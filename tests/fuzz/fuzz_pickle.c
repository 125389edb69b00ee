/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as a pickle, and what is in it as arrays. */
#include <stdlib.h>

#include "import/npy.h"
#include "import/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CELLS (1 << 16)

static void
look(const struct hmr_pk *v)
{
	static float out[CELLS];
	static int64_t whole[CELLS];
	struct hmr_sparse s;
	struct hmr_npy a;

	if (hmr_pk_is_sparse(v)) {
		if (!hmr_sparse_of_pickle(&s, v, NULL) && s.rows < 256 && s.cols < 256)
			(void)!hmr_sparse_f32(&s, out, NULL);
	} else if (!hmr_npy_of_pickle(&a, v, NULL) && a.count <= CELLS) {
		hmr_npy_f32(&a, out);
		hmr_npy_i64(&a, whole);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct hmr_pk *root, *dict;
	struct hmr_pickle *k;

	if (hmr_pickle_parse(&k, data, n, NULL))
		return 0;
	root = hmr_pickle_root(k);
	look(root);
	if ((dict = hmr_pk_dict(root)))
		for (uint32_t i = 0; i < dict->n; i++)
			look(dict->item[2 * i + 1]);
	hmr_pickle_free(k);
	return 0;
}

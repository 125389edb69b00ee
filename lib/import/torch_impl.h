/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a PyTorch checkpoint, for torch*.c alone. */
#ifndef HMR_TORCH_IMPL_H
#define HMR_TORCH_IMPL_H

#include "base/io.h"
#include "import/names.h"
#include "import/pickle.h"
#include "import/torch.h"
#include "import/zip.h"

struct torch_storage {		/* of the old form, in the file's order */
	const uint8_t *p;
	uint64_t bytes;
	uint8_t unit;		/* bytes of an element; 0: not known yet */
};

struct hmr_torch {
	/* since 1.6: an archive */
	struct hmr_zip *zip;
	uint8_t *bytes;			/* data.pkl */
	char root[256];			/* "archive/" */
	/* before: pickles and storages one after the other */
	struct hmr_map map;
	struct torch_storage *storage;	/* NULL: an archive */
	char *keys;
	struct hmr_names storages;	/* by key */
	/* both */
	struct hmr_pickle *pickle;	/* until its tensors are listed */
	struct hmr_torch_tensor *t;
	uint32_t n;
	char *text;			/* names and storage keys */
	struct hmr_names names;
};

/* v is a class or function of this name in a module of torch. */
bool torch_named(const struct hmr_pk *v, const char *name);
/* Bytes of an element of a storage's class; 0: unknown. */
uint8_t torch_unit(const struct hmr_pk *cls);

bool torch_is_legacy(const uint8_t *p, size_t n);
/* Sets pickle and storage. p is borrowed until hmr_torch_close(). */
HMR_MUST_USE enum hmr_status
torch_legacy_load(struct hmr_torch *t, const uint8_t *p, size_t n, struct hmr_err *e);
/* *out = bytes [at, at + n) of a storage, borrowed. */
HMR_MUST_USE enum hmr_status
torch_legacy_at(const struct hmr_torch *t, const char *key, uint64_t at, size_t n,
		const uint8_t **out, struct hmr_err *e);

#endif

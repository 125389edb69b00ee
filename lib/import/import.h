/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking in models of other software. Input is untrusted: sizes are bounded,
 * nothing recurses on it, nothing in it names a file outside its own folder.
 */
#ifndef HMR_IMPORT_H
#define HMR_IMPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "import/build.h"

struct hmr_import_info {
	char name[64];		/* of the model; empty: from the file name */
	char kind[32];		/* out: "detector", "pose" or "network" */
	const char *tool;	/* for the provenance, e.g. "hmr-model 0.1.0" */
};

/* A TensorFlow.js graph model, NAME.json with its weight files beside it,
 * written to `out` as a model file and read back to check it. */
HMR_MUST_USE enum hmr_status
hmr_import_tfjs(const char *json_path, const char *out,
		struct hmr_import_info *info, struct hmr_err *e);

/* The same from memory, without writing: builds into *b (released by the
 * caller, also after a failure). bin: the weight files joined. */
struct cJSON;
HMR_MUST_USE enum hmr_status
hmr_tfjs_build(struct hmr_build *b, const struct cJSON *json, const uint8_t *bin,
	       size_t n_bin, struct hmr_err *e);

/* Known networks by their inputs and outputs: fills in kind and free axes, and
 * returns their meta (caller deletes), NULL for an unknown network. */
struct cJSON *hmr_import_recognise(struct hmr_build *b, char kind[32]);

#endif

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

struct cJSON;
struct hmr_import_info {
	char name[64];		/* of the model; empty: from the file name */
	char kind[32];		/* out: "detector", "pose" or "network" */
	const char *tool;	/* for the provenance, e.g. "hmr-model 0.1.0" */
	uint32_t height, width;	/* of an image whose size the file leaves open; or 0 */
	struct hmr_model **model;	/* opened here instead of written; or NULL */
};

/* A TensorFlow.js graph model, NAME.json with its weight files beside it,
 * written to `out` as a model file and read back to check it. */
HMR_MUST_USE enum hmr_status
hmr_import_tfjs(const char *json_path, const char *out,
		struct hmr_import_info *info, struct hmr_err *e);

/* The same from memory, without writing: builds into *b (released by the
 * caller, also after a failure). bin: the weight files joined. */
HMR_MUST_USE enum hmr_status
hmr_tfjs_build(struct hmr_build *b, const struct cJSON *json, const uint8_t *bin,
	       size_t n_bin, struct hmr_err *e);

/* An ONNX model with the weight files that it names in its own folder, written
 * to `out` likewise. An open batch becomes 1. */
HMR_MUST_USE enum hmr_status
hmr_import_onnx(const char *path, const char *out, struct hmr_import_info *info,
		struct hmr_err *e);

#define HMR_ONNX_PRODUCER_MAX 96
struct hmr_onnx_options {
	uint32_t height, width;
	/* Reads n bytes at `at` of a weight file, or only says whether it could where dst
	 * is NULL. NULL: there are none. */
	enum hmr_status (*fetch)(void *ctx, const char *file, uint64_t at, void *dst,
				 size_t n, struct hmr_err *e);
	void *ctx;
	char *producer;		/* out, of HMR_ONNX_PRODUCER_MAX; or NULL */
	int64_t *opset;		/* out; or NULL */
};
/* The same from memory, without writing; o may be NULL. Builds into *b (released by
 * the caller, also after a failure). */
HMR_MUST_USE enum hmr_status
hmr_onnx_build(struct hmr_build *b, const uint8_t *bytes, size_t n,
	       const struct hmr_onnx_options *o, struct hmr_err *e);

/* A TensorFlow Lite model (FlatBuffers, schema 3), written to `out` likewise; float16
 * and scaled 8-bit constants are taken, quantized inputs are not. */
HMR_MUST_USE enum hmr_status
hmr_import_tflite(const char *path, const char *out, struct hmr_import_info *info,
		  struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* from memory, as hmr_onnx_build() */
hmr_tflite_build(struct hmr_build *b, const uint8_t *bytes, size_t n, struct hmr_err *e);

/* What every importer does last: recognises the network, writes it with its
 * provenance (deleted, may be NULL) and reads it back. info->name may be empty. */
HMR_MUST_USE enum hmr_status
hmr_import_finish(struct hmr_build *b, const char *path, const char *out,
		  struct hmr_import_info *info, struct cJSON *provenance,
		  struct hmr_err *e);

/* A model file, or an ONNX or TensorFlow Lite file by its ending: imported in memory to
 * the same bytes that `hmr-model import` writes. */
HMR_MUST_USE enum hmr_status
hmr_import_open(struct hmr_model **out, const char *path, const char *tool,
		struct hmr_err *e);

/* Known networks by their inputs and outputs: fills in kind and free axes, and
 * returns their meta (caller deletes), NULL for an unknown network. */
struct cJSON *hmr_import_recognise(struct hmr_build *b, char kind[32]);

#endif

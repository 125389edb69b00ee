/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running networks: a model file (formats/model.md), planned for fixed shapes
 * into one arena and run by a backend. Several batch sizes of one network share
 * the prepacked weights. Everything is allocated in hmr_net_new(); running
 * allocates nothing. DESIGN 4.
 */
#ifndef HMR_NN_H
#define HMR_NN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define HMR_DIMS_MAX 6

/* Values reach model files: append only. */
enum hmr_dtype {
	HMR_DTYPE_F32 = 0, HMR_DTYPE_F16 = 1, HMR_DTYPE_BF16 = 2,
	HMR_DTYPE_I8 = 3, HMR_DTYPE_I32 = 4, HMR_DTYPE_I64 = 5, HMR_DTYPE_U8 = 6,
};

struct hmr_dims {
	uint32_t n;
	int64_t d[HMR_DIMS_MAX];
};

/* A model file, mapped read-only. path: see hmr_model_path(). */
struct hmr_model;
HMR_MUST_USE enum hmr_status
hmr_model_open(struct hmr_model **out, const char *path, struct hmr_err *e);
/* The same of a file's bytes in memory, which are taken (malloc), also on failure;
 * path is for messages. */
HMR_MUST_USE enum hmr_status
hmr_model_take(struct hmr_model **out, uint8_t *bytes, size_t n, const char *path,
	       struct hmr_err *e);
void hmr_model_close(struct hmr_model *m);
const char *hmr_model_name(const struct hmr_model *m);
const char *hmr_model_kind(const struct hmr_model *m);	/* "detector", "pose", … */
const char *hmr_model_sha256(const struct hmr_model *m);	/* of the file, hex */
/* A string or number of the model's `meta` object (preprocessing, decoding, …);
 * NULL / fallback where it has none. */
const char *hmr_model_meta(const struct hmr_model *m, const char *key);
double hmr_model_meta_f64(const struct hmr_model *m, const char *key, double fallback);

/* The failure st to open path, of which e tells, as one of a model, HMR_E_MODEL but
 * for HMR_E_IO and HMR_E_NOMEM; others' files are told of hmr-model import. */
HMR_MUST_USE enum hmr_status
hmr_model_refused(enum hmr_status st, const char *path, struct hmr_err *e);

/* Name or path to path: a name is looked up in $HMR_MODELS, else
 * $XDG_DATA_HOME/hmr/models, else ~/.local/share/hmr/models, as NAME.safetensors.
 * A string with a slash or an existing file is taken as it is. HMR_E_MODEL names
 * the folder searched and the command that gets the model. */
HMR_MUST_USE enum hmr_status
hmr_model_path(const char *name, char *out, size_t cap, struct hmr_err *e);
HMR_MUST_USE enum hmr_status	/* the folder that import writes to */
hmr_model_folder(char *out, size_t cap, struct hmr_err *e);

enum hmr_precision { HMR_PRECISION_AUTO, HMR_PRECISION_F32, HMR_PRECISION_BF16,
	HMR_PRECISION_F16, HMR_PRECISION_INT8, HMR_PRECISION_FP8 };

struct hmr_net_around;
struct hmr_net_options {
	const char *device;	/* "auto", "cpu", "ref", "cuda[:N]" */
	enum hmr_precision precision;
	unsigned threads;	/* 0: all cores */
	/* Sizes that replace free or stored ones of the first input, in the model's
	 * own layout; 0 keeps. For a batched network d[0] is the largest batch. */
	struct hmr_dims input;
	/* Outputs to keep, NULL-terminated; NULL keeps all. What only others need
	 * is not computed. */
	const char *const *outputs;
	/* Batch sizes to plan for, 0-terminated, rising, e.g. 1,2,4,8; NULL: just
	 * input.d[0]. */
	const uint32_t *batches;
	/* Bytes of GPU memory that may be taken; 0: no limit. Where the plan needs
	 * more, HMR_E_DEVICE and a text that says how much. */
	uint64_t gpu_mem;
	/* Only the plan on a GPU, whether there is one or not: hmr_net_plan() and
	 * hmr_net_step() work, inputs and outputs are NULL, it cannot run. */
	bool plan_only;
	/* On cuda: what is done there before and after a run, nn/around.h; else NULL. */
	const struct hmr_net_around *around;
};

struct hmr_net_plan {		/* bytes */
	size_t weights, activations, workspace;
	size_t images;		/* of a stage on a GPU: two of them, and its own lists */
	size_t device;		/* of these, on a GPU: all or nothing */
	size_t staging;		/* on the host beside it, pinned for the most part */
};

struct hmr_net;
HMR_MUST_USE enum hmr_status
hmr_net_new(struct hmr_net **out, const struct hmr_model *m,
	    const struct hmr_net_options *o, struct hmr_err *e);
void hmr_net_free(struct hmr_net *n);
/* Bytes of a GPU's memory that a network as in o takes at least, one image at a time;
 * 0 where it runs elsewhere. For stages that share one limit among several. */
HMR_MUST_USE enum hmr_status
hmr_net_least(const struct hmr_model *m, const struct hmr_net_options *o,
	      uint64_t *bytes, struct hmr_err *e);
void hmr_net_plan(const struct hmr_net *n, struct hmr_net_plan *out);
const char *hmr_net_backend(const struct hmr_net *n);	/* "cpu", "ref", "cuda:0" */
const char *hmr_net_precision(const struct hmr_net *n);	/* "f32", … */
/* Sizes of an input or a kept output, of the largest batch; false: no such name. Also
 * of a network that is only planned. */
bool hmr_net_shape(const struct hmr_net *n, const char *name, struct hmr_dims *dims);
/* The largest batch that one run may have: less than planned for where --gpu-mem is
 * short of memory and there is something around it. */
uint32_t hmr_net_batch(const struct hmr_net *n);

/* Where the caller writes input i as float32 of *dims (the largest batch). The
 * same place for every batch size. Contiguous, in the model's layout. */
float *hmr_net_input(struct hmr_net *n, const char *name, struct hmr_dims *dims);
/* Runs the first `batch` items (one planned batch size; 0: the largest). */
HMR_MUST_USE enum hmr_status
hmr_net_run(struct hmr_net *n, uint32_t batch, struct hmr_err *e);
/* Output by name after a run, float32, contiguous, dims[0] = batch of the run
 * where batched. Valid until the next run. NULL: no such output. */
const float *hmr_net_output(struct hmr_net *n, const char *name,
			    struct hmr_dims *dims);

#endif

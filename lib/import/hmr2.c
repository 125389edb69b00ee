/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes an HMR2 model file: tensor by tensor from the checkpoint, rounded to
 * bfloat16 (to nearest, ties to even) or to 8 bit with one scale a row.
 */
#include "import/hmr2_impl.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "import/npz.h"
#include "nn/half.h"

struct work {
	struct hmr2_plan p;
	struct hmr_st_writer *out;
	float *scale;			/* of the last quantised weight */
	uint64_t done, total;
	const struct hmr_hmr2_import *o;
};

/* q = round(w / scale), scale = largest of a row / 127. */
static void
quantise(int8_t *q, float *scale, const float *w, size_t rows, size_t cols)
{
	for (size_t i = 0; i < rows; i++) {
		const float *r = w + i * cols;
		float most = 0;

		for (size_t j = 0; j < cols; j++)
			most = fmaxf(most, fabsf(r[j]));
		scale[i] = most / 127;
		for (size_t j = 0; j < cols; j++)
			q[i * cols + j] = most > 0 ?
				(int8_t)lrintf(r[j] / most * 127) : 0;
	}
}

static enum hmr_status
put(struct work *w, const void *data, size_t bytes, struct hmr_err *e)
{
	enum hmr_status st = hmr_st_writer_put(w->out, data, bytes, e);

	w->done += bytes;
	if (!st && w->o->progress)
		w->o->progress(w->o->ctx, w->done, w->total);
	return st;
}

/* v [n] in place to the item's type, and out. */
static enum hmr_status
convert(struct work *w, const struct hmr2_item *it, float *v, size_t n,
	struct hmr_err *e)
{
	if (it->dtype == HMR_DTYPE_F32)
		return put(w, v, 4 * n, e);
	if (it->dtype == HMR_DTYPE_I8) {
		quantise((int8_t *)v, w->scale, v, (size_t)it->dims.d[0],
			 n / (size_t)it->dims.d[0]);
		return put(w, v, n, e);
	}
	for (size_t i = 0; i < n; i++) {
		uint16_t h = hmr_f32_to_bf16(v[i]);	/* behind what is still to be read */

		memcpy((uint8_t *)v + 2 * i, &h, 2);
	}
	return put(w, v, 2 * n, e);
}

/* A weight in 8 bit as the observer rounds it. */
static enum hmr_status
observed_weight(struct work *w, const struct hmr2_item *it, float *v, size_t n,
		struct hmr_err *e)
{
	int8_t *q = it->dtype == HMR_DTYPE_I8 ? malloc(n) : NULL;
	enum hmr_status st;

	if (it->dtype == HMR_DTYPE_I8 && !q)
		return hmr_fail(e, HMR_E_NOMEM, "%s", it->name);
	st = w->o->observer->weight(w->o->observer_ctx, it->name, v,
				    (uint32_t)it->dims.d[0], (uint32_t)it->dims.d[1], q,
				    w->scale, e);
	if (!st)
		st = q ? put(w, q, n, e) : convert(w, it, v, n, e);
	free(q);
	return st;
}

/* The observer, if there is one, is shown the backbone: what is no "head". */
static enum hmr_status
convert_observed(struct work *w, const struct hmr2_item *it, float *v, size_t n,
		 struct hmr_err *e)
{
	enum hmr_status st;

	if (!w->o->observer || w->p.backbone != HMR_DTYPE_I8 ||
	    !strncmp(it->name, "head.", 5))
		return convert(w, it, v, n, e);
	if (it->make == HMR2_WEIGHT)
		return observed_weight(w, it, v, n, e);
	if ((st = w->o->observer->tensor(w->o->observer_ctx, it->name, v, e)))
		return st;
	return convert(w, it, v, n, e);
}

static enum hmr_status
write_item(struct work *w, const struct hmr2_item *it, struct hmr_err *e)
{
	enum hmr_status st;
	float *v;
	size_t n, have, first = 0;

	if (!hmr_dims_count(&it->dims, &n))
		return hmr_fail(e, HMR_E_LIMIT, "%s: too large", it->name);
	if (it->make == HMR2_SCALE)
		return put(w, w->scale, 4 * n, e);
	if (it->src[0]) {
		if ((st = hmr2_load(&w->p, it->src, &v, &have, e)))
			return st;
		first = (size_t)it->first * (n / (size_t)it->dims.d[0]);
		assert(first + n <= have);
	} else {
		if (!(v = calloc(n, sizeof(*v))))
			return hmr_fail(e, HMR_E_NOMEM, "%s", it->name);
		st = hmr2_fold(&w->p, it, v, e);
	}
	if (!st)
		memmove(v, v + first, n * sizeof(*v));
	if (!st)
		st = convert_observed(w, it, v, n, e);
	free(v);
	return st;
}

static enum hmr_status
read_mean(struct work *w, struct hmr_err *e)
{
	static const struct { const char *key; int64_t n; } part[] = {
		{ "pose", HMR_HMR2_POSE }, { "shape", 10 }, { "cam", 3 } };
	struct hmr_npz *z;
	enum hmr_status st;
	size_t at = 0;

	if (!w->o->mean || (hmr_torch_find(w->p.ckpt, "smpl_head.init_body_pose") &&
			    hmr_torch_find(w->p.ckpt, "smpl_head.init_betas") &&
			    hmr_torch_find(w->p.ckpt, "smpl_head.init_cam")))
		return HMR_OK;	/* the checkpoint's own come first */
	if ((st = hmr_npz_open(&z, w->o->mean, e)))
		return st;
	for (int i = 0; i < 3 && !st; i++) {
		struct hmr_dims d = { 1, { part[i].n } };
		float *v;

		if ((st = hmr_npz_f32(z, part[i].key, &d, &v, e)))
			break;
		memcpy(w->p.init + at, v, (size_t)part[i].n * sizeof(float));
		at += (size_t)part[i].n;
		free(v);
	}
	hmr_npz_close(z);
	w->p.have_init = !st;
	return st ? hmr_fail_in(e, st, "%s", w->o->mean) : HMR_OK;
}

static void
meta_json(char *out, size_t cap, const struct hmr_hmr2_dims *d, const char *precision)
{
	snprintf(out, cap, "{\"dim\":%u,\"depth\":%u,\"heads\":%u,\"mlp\":%u,"
		 "\"head_dim\":%u,\"head_depth\":%u,\"head_heads\":%u,"
		 "\"head_inner\":%u,\"head_mlp\":%u,\"precision\":\"%s\"}", d->dim,
		 d->depth, d->heads, d->mlp, d->head_dim, d->head_depth, d->head_heads,
		 d->head_inner, d->head_mlp, precision);
}

static enum hmr_status
open_output(struct work *w, const char *path, const char *precision,
	    struct hmr_err *e)
{
	char meta[512];
	struct hmr_st_pair pair[] = { { "format", "hmr-model 1" },
		{ "kind", HMR_HMR2_KIND }, { "name", w->o->name ? w->o->name : "hmr2" },
		{ "precision", precision }, { "meta", meta },
		{ "source", "HMR2.0 (4D-Humans) checkpoint, imported by hmr-model" } };
	struct hmr_st_tensor *t = calloc(w->p.n, sizeof(*t));
	enum hmr_status st;
	size_t n, rows = 0;

	if (!t)
		return hmr_fail(e, HMR_E_NOMEM, "%s", path);
	meta_json(meta, sizeof(meta), &w->p.d, precision);
	for (uint32_t i = 0; i < w->p.n; i++) {
		const struct hmr2_item *it = &w->p.item[i];

		t[i] = (struct hmr_st_tensor){ .name = it->name, .dtype = it->dtype,
					       .dims = it->dims };
		if (!hmr_dims_count(&it->dims, &n)) {
			free(t);
			return hmr_fail(e, HMR_E_LIMIT, "%s: too large", it->name);
		}
		t[i].bytes = n * hmr_dtype_bytes(it->dtype);
		w->total += t[i].bytes;
		if ((size_t)it->dims.d[0] > rows)
			rows = (size_t)it->dims.d[0];
	}
	if (!(w->scale = malloc(rows * sizeof(float))))
		st = hmr_fail(e, HMR_E_NOMEM, "%s", path);
	else
		st = hmr_st_writer_open(&w->out, path, pair,
					sizeof(pair) / sizeof(*pair), t, w->p.n, e);
	free(t);
	return st;
}

enum hmr_status
hmr_hmr2_import(const struct hmr_hmr2_import *o, const char *path,
		struct hmr_hmr2_dims *dims, struct hmr_err *e)
{
	struct work w = { .o = o };
	const char *precision = o->precision == HMR_PRECISION_BF16 ? "bf16" :
		o->precision == HMR_PRECISION_INT8 ? "int8" : "f32";
	enum hmr_status st;

	if (o->precision > HMR_PRECISION_BF16 && o->precision != HMR_PRECISION_INT8)
		return hmr_fail(e, HMR_E_USAGE, "hmr2 is stored as f32, bf16 or int8");
	w.p.backbone = precision[0] == 'f' ? HMR_DTYPE_F32 :
		precision[0] == 'b' ? HMR_DTYPE_BF16 : HMR_DTYPE_I8;
	/* What is small or goes through all the rest stays one step finer: on the test
	 * network the first block has two thirds of bfloat16's whole error. */
	w.p.first = precision[0] == 'i' ? HMR_DTYPE_BF16 : HMR_DTYPE_F32;
	w.p.head = w.p.first;
	if ((st = hmr_torch_open(&w.p.ckpt, o->checkpoint, e)) ||
	    (st = read_mean(&w, e)))
		goto out;
	if ((st = hmr2_plan_make(&w.p, o, e)) ||
	    (st = open_output(&w, path, precision, e))) {
		hmr_fail_in(e, st, "%s", o->checkpoint);
		goto out;
	}
	if (o->observer && w.p.backbone == HMR_DTYPE_I8)
		st = o->observer->start(o->observer_ctx, &w.p.d, e);
	for (uint32_t i = 0; i < w.p.n && !st; i++)
		st = write_item(&w, &w.p.item[i], e);
	if (st) {
		hmr_st_writer_abort(w.out);
		goto out;
	}
	if (!(st = hmr_st_writer_commit(w.out, e)) && dims)
		*dims = w.p.d;
out:
	hmr_torch_close(w.p.ckpt);
	free(w.p.item);
	free(w.scale);
	return st;
}

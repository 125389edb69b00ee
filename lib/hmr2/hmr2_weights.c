/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and checks the tensors of an HMR2 model file. */
#define _DEFAULT_SOURCE		/* madvise */
#include "hmr2/hmr2_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "nn/half.h"

struct open {
	struct hmr2_weights *w;
	char prefix[32];
	struct hmr_err *e;
	enum hmr_status st;	/* the first failure; later calls do nothing */
};

static const void *
tensor(struct open *o, const char *name, enum hmr_dtype dtype, uint32_t n0, uint32_t n1)
{
	const struct hmr_st_tensor *t;
	char full[128];

	snprintf(full, sizeof(full), "%s%s", o->prefix, name);
	if (o->st)
		return NULL;
	t = hmr_safetensors_find(o->w->file, full);
	if (t && t->dtype == dtype && t->dims.n == (n1 ? 2 : 1) &&
	    t->dims.d[0] == n0 && (!n1 || t->dims.d[1] == n1) &&
	    !((uintptr_t)t->data % 4))
		return t->data;
	o->st = hmr_fail(o->e, HMR_E_MODEL, t ? "%s: not the type and shape of this "
			 "network's" : "%s: missing", full);
	return NULL;
}

static const float *
floats(struct open *o, const char *name, uint32_t n0, uint32_t n1)
{
	return tensor(o, name, HMR_DTYPE_F32, n0, n1);
}

/* The type that a weight has in this file. */
static enum hmr_dtype
type_of(struct open *o, const char *name)
{
	const struct hmr_st_tensor *t;
	char full[128];

	snprintf(full, sizeof(full), "%s%s", o->prefix, name);
	t = hmr_safetensors_find(o->w->file, full);
	return t && (t->dtype == HMR_DTYPE_BF16 || t->dtype == HMR_DTYPE_I8) ?
		t->dtype : HMR_DTYPE_F32;
}

static void
linear(struct open *o, struct hmr2_linear *l, const char *name, uint32_t out,
       uint32_t in, bool bias)
{
	char full[96];

	snprintf(full, sizeof(full), "%s.weight", name);
	l->dtype = type_of(o, full);
	l->out = out;
	l->in = in;
	l->w = tensor(o, full, l->dtype, out, in);
	snprintf(full, sizeof(full), "%s.scale", name);
	if (l->dtype == HMR_DTYPE_I8)
		l->scale = floats(o, full, out, 0);
	snprintf(full, sizeof(full), "%s.bias", name);
	if (bias)
		l->bias = floats(o, full, out, 0);
}

static void
norm(struct open *o, struct hmr2_norm *n, const char *name, uint32_t width)
{
	char full[96];

	snprintf(full, sizeof(full), "%s.weight", name);
	n->w = floats(o, full, width, 0);
	snprintf(full, sizeof(full), "%s.bias", name);
	n->b = floats(o, full, width, 0);
}

static void
blocks(struct open *o)
{
	const struct hmr_hmr2_dims *d = &o->w->d;

	for (uint32_t i = 0; i < d->depth && !o->st; i++) {
		struct hmr2_block *b = &o->w->block[i];

		snprintf(o->prefix, sizeof(o->prefix), "blocks.%u.", i);
		norm(o, &b->norm1, "norm1", d->dim);
		linear(o, &b->qkv, "attn.qkv", 3 * d->dim, d->dim, true);
		linear(o, &b->proj, "attn.proj", d->dim, d->dim, true);
		norm(o, &b->norm2, "norm2", d->dim);
		linear(o, &b->fc1, "mlp.fc1", d->mlp, d->dim, true);
		linear(o, &b->fc2, "mlp.fc2", d->dim, d->mlp, true);
	}
	o->prefix[0] = 0;
}

static void
layers(struct open *o)
{
	const struct hmr_hmr2_dims *d = &o->w->d;
	uint32_t dim = d->head_dim, inner = d->head_inner;

	for (uint32_t i = 0; i < d->head_depth && !o->st; i++) {
		struct hmr2_layer *l = &o->w->layer[i];

		snprintf(o->prefix, sizeof(o->prefix), "head.%u.", i);
		norm(o, &l->norm0, "norm0", dim);
		linear(o, &l->self_v, "self.v", inner, dim, false);
		linear(o, &l->self_out, "self.out", dim, inner, true);
		norm(o, &l->norm1, "norm1", dim);
		linear(o, &l->q, "q", inner, dim, false);
		linear(o, &l->k, "k", inner, d->dim, false);
		linear(o, &l->v, "v", inner, d->dim, false);
		linear(o, &l->out, "out", dim, inner, true);
		norm(o, &l->norm2, "norm2", dim);
		linear(o, &l->fc1, "fc1", d->head_mlp, dim, true);
		linear(o, &l->fc2, "fc2", dim, d->head_mlp, true);
	}
	o->prefix[0] = 0;
}

static bool
number(const cJSON *meta, const char *key, uint32_t most, uint32_t *out)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(meta, key);

	if (!cJSON_IsNumber(j) || !(j->valuedouble >= 1 && j->valuedouble <= most))
		return false;
	*out = (uint32_t)j->valuedouble;
	return (double)*out == j->valuedouble;
}

static enum hmr_status
read_dims(struct hmr2_weights *w, struct hmr_err *e)
{
	const char *kind = hmr_safetensors_meta(w->file, "kind");
	const char *text = hmr_safetensors_meta(w->file, "meta");
	const char *format = hmr_safetensors_meta(w->file, "format");
	struct hmr_hmr2_dims *d = &w->d;
	cJSON *m;
	bool ok;

	if (!kind || strcmp(kind, HMR_HMR2_KIND) || !format || !text)
		return hmr_fail(e, HMR_E_MODEL, "no HMR2 model file: hmr-model import "
				"hmr2 makes one of a checkpoint");
	if (strcmp(format, "hmr-model 1"))
		return hmr_fail(e, HMR_E_VERSION, "model format '%.40s'", format);
	m = cJSON_Parse(text);
	ok = number(m, "dim", HMR_HMR2_WIDTH_MAX, &d->dim) &&
		number(m, "depth", HMR_HMR2_DEPTH_MAX, &d->depth) &&
		number(m, "heads", d->dim, &d->heads) && d->dim % d->heads == 0 &&
		number(m, "mlp", HMR_HMR2_WIDTH_MAX, &d->mlp) &&
		number(m, "head_dim", HMR_HMR2_WIDTH_MAX, &d->head_dim) &&
		number(m, "head_depth", HMR_HMR2_DEPTH_MAX, &d->head_depth) &&
		number(m, "head_inner", HMR_HMR2_WIDTH_MAX, &d->head_inner) &&
		number(m, "head_heads", d->head_inner, &d->head_heads) &&
		d->head_inner % d->head_heads == 0 &&
		number(m, "head_mlp", HMR_HMR2_WIDTH_MAX, &d->head_mlp);
	cJSON_Delete(m);
	if (!ok)
		return hmr_fail(e, HMR_E_MODEL, "the dimensions in its metadata are wrong");
	w->name = hmr_safetensors_meta(w->file, "name");
	w->precision = hmr_safetensors_meta(w->file, "precision");
	if (!w->name || !w->precision)
		return hmr_fail(e, HMR_E_MODEL, "no name or precision in its metadata");
	return HMR_OK;
}

enum hmr_status
hmr2_weights_of(struct hmr2_weights *w, const struct hmr_safetensors *file,
		struct hmr_err *e)
{
	struct open o = { .w = w, .e = e };

	memset(w, 0, sizeof(*w));
	w->file = file;
	if ((o.st = read_dims(w, e)))
		goto fail;
	w->block = calloc(w->d.depth, sizeof(*w->block));
	w->layer = calloc(w->d.head_depth, sizeof(*w->layer));
	if (!w->block || !w->layer) {
		o.st = hmr_fail(e, HMR_E_NOMEM, "weights");
		goto fail;
	}
	linear(&o, &w->patch, "patch", w->d.dim, HMR_HMR2_PATCH, false);
	w->pos = floats(&o, "pos", HMR_HMR2_TOKENS, w->d.dim);
	blocks(&o);
	norm(&o, &w->last_norm, "last_norm", w->d.dim);
	w->token = floats(&o, "head.token", w->d.head_dim, 0);
	layers(&o);
	linear(&o, &w->dec, "head.dec", HMR_HMR2_OUT, w->d.head_dim, true);
	if (!o.st)
		return HMR_OK;
fail:
	hmr2_weights_close(w);
	return o.st;
}

enum hmr_status
hmr2_weights_open(struct hmr2_weights *w, const char *path, struct hmr_err *e)
{
	struct hmr_safetensors *file;
	enum hmr_status st;

	memset(w, 0, sizeof(*w));
	if ((st = hmr_safetensors_open(&file, path, e)))
		return st;
	if ((st = hmr2_weights_of(w, file, e))) {
		hmr_safetensors_close(file);
		return hmr_fail_in(e, st, "%s", path);
	}
	w->own = file;
	return HMR_OK;
}

void
hmr2_weights_close(struct hmr2_weights *w)
{
	hmr_safetensors_close(w->own);
	free(w->block);
	free(w->layer);
	memset(w, 0, sizeof(*w));
}

void
hmr2_weights_drop(const void *p, size_t bytes)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t a = ((uintptr_t)p + page - 1) & ~(page - 1);
	uintptr_t b = ((uintptr_t)p + bytes) & ~(page - 1);

	if (b > a)
		madvise((void *)a, b - a, MADV_DONTNEED);
}

bool
hmr2_weights_int8(const struct hmr2_weights *w)
{
	bool all = w->d.depth > 1;

	for (uint32_t i = 1; i < w->d.depth; i++) {
		const struct hmr2_block *b = &w->block[i];

		all = all && b->qkv.dtype == HMR_DTYPE_I8 && b->proj.dtype == HMR_DTYPE_I8 &&
			b->fc1.dtype == HMR_DTYPE_I8 && b->fc2.dtype == HMR_DTYPE_I8;
	}
	return all;
}

size_t
hmr2_linear_bytes(const struct hmr2_linear *l)
{
	return (size_t)l->out * l->in * hmr_dtype_bytes(l->dtype);
}

void
hmr2_linear_row(const struct hmr2_linear *l, uint32_t i, float *out)
{
	const uint8_t *p = (const uint8_t *)l->w +
		(size_t)i * l->in * hmr_dtype_bytes(l->dtype);

	for (uint32_t j = 0; j < l->in; j++)
		switch (l->dtype) {
		case HMR_DTYPE_F32: out[j] = hmr_getf32(p + 4 * j); break;
		case HMR_DTYPE_BF16:
			out[j] = hmr_bf16_to_f32(hmr_get16(p + 2 * j));
			break;
		default: out[j] = (float)(int8_t)p[j] * l->scale[i]; break;
		}
}

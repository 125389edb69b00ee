/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tensors an HMR2 model file holds and what in the checkpoint each is made
 * from. Names and shapes: 4D-Humans, hmr2/models. All that is missing or of the
 * wrong shape is collected, so that one message names it.
 */
#include "import/hmr2_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAYERS "smpl_head.transformer.transformer.layers"

static void
note(struct hmr2_plan *p, const char *fmt, ...) HMR_PRINTF(2, 3);

static void
note(struct hmr2_plan *p, const char *fmt, ...)
{
	size_t at = strlen(p->wrong);
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (at + strlen(text) + 2 < sizeof(p->wrong))
		snprintf(p->wrong + at, sizeof(p->wrong) - at, "%s%s", at ? ", " : "",
			 text);
	p->n_wrong++;
}

static void
dims_text(char *out, size_t cap, const struct hmr_dims *d)
{
	size_t at = 0;

	out[0] = 0;
	for (uint32_t i = 0; i < d->n && at + 12 < cap; i++)
		at += (size_t)(d->d[i] < 0 ?
			       snprintf(out + at, cap - at, "%sN", i ? "x" : "") :
			       snprintf(out + at, cap - at, "%s%.10g", i ? "x" : "",
					(double)d->d[i]));
}

const struct hmr_torch_tensor *
hmr2_want(struct hmr2_plan *p, const char *name, struct hmr_dims dims)
{
	const struct hmr_torch_tensor *t = hmr_torch_find(p->ckpt, name);
	bool ok = t && t->dims.n == dims.n;
	char have[80], must[80];

	if (!t) {
		note(p, "%s is missing", name);
		return NULL;
	}
	for (uint32_t i = 0; ok && i < dims.n; i++)
		ok = dims.d[i] < 0 ? t->dims.d[i] > 0 &&
		     t->dims.d[i] <= 4 * (int64_t)HMR_HMR2_WIDTH_MAX :
		     t->dims.d[i] == dims.d[i];
	if (ok)
		return t;
	dims_text(have, sizeof(have), &t->dims);
	dims_text(must, sizeof(must), &dims);
	note(p, "%s is %s, must be %s", name, have, must);
	return NULL;
}

static struct hmr2_item *
add(struct hmr2_plan *p, enum hmr2_make make, enum hmr_dtype dtype,
    struct hmr_dims dims)
{
	struct hmr2_item *it;

	if (p->n == p->cap) {
		uint32_t cap = p->cap ? 2 * p->cap : 256;

		if (!(it = realloc(p->item, cap * sizeof(*it)))) {
			p->no_memory = true;
			return NULL;
		}
		p->item = it;
		p->cap = cap;
	}
	it = &p->item[p->n++];
	memset(it, 0, sizeof(*it));
	it->make = make;
	it->dtype = dtype;
	it->dims = dims;
	return it;
}

/* dst = src as it is, float32 of these dimensions. */
static void
copy(struct hmr2_plan *p, const char *dst, const char *src, uint32_t n)
{
	struct hmr_dims d = { 1, { n } };
	struct hmr2_item *it = add(p, HMR2_COPY, HMR_DTYPE_F32, d);

	hmr2_want(p, src, d);
	if (it) {
		snprintf(it->name, HMR2_NAME, "%s", dst);
		snprintf(it->src, HMR2_NAME, "%s", src);
	}
}

/* dst.weight (and .scale) = rows [first, first + out) of src, which has `rows`. */
static void
weight(struct hmr2_plan *p, const char *dst, const char *src, enum hmr_dtype dtype,
       uint32_t rows, uint32_t first, uint32_t out, uint32_t in)
{
	struct hmr2_item *it = add(p, HMR2_WEIGHT, dtype,
				   (struct hmr_dims){ 2, { out, in } });

	hmr2_want(p, src, (struct hmr_dims){ 2, { rows, in } });
	if (it) {
		snprintf(it->name, HMR2_NAME, "%s.weight", dst);
		snprintf(it->src, HMR2_NAME, "%s", src);
		it->first = first;
	}
	if (dtype == HMR_DTYPE_I8 &&
	    (it = add(p, HMR2_SCALE, HMR_DTYPE_F32, (struct hmr_dims){ 1, { out } })))
		snprintf(it->name, HMR2_NAME, "%s.scale", dst);
}

static void
norm(struct hmr2_plan *p, const char *dst, const char *src, uint32_t n)
{
	char a[HMR2_NAME], b[HMR2_NAME];

	snprintf(a, sizeof(a), "%s.weight", dst);
	snprintf(b, sizeof(b), "%s.weight", src);
	copy(p, a, b, n);
	snprintf(a, sizeof(a), "%s.bias", dst);
	snprintf(b, sizeof(b), "%s.bias", src);
	copy(p, a, b, n);
}

static void
linear(struct hmr2_plan *p, const char *dst, const char *src, enum hmr_dtype dtype,
       uint32_t out, uint32_t in)
{
	char a[HMR2_NAME], b[HMR2_NAME];

	snprintf(b, sizeof(b), "%s.weight", src);
	weight(p, dst, b, dtype, out, 0, out, in);
	snprintf(a, sizeof(a), "%s.bias", dst);
	snprintf(b, sizeof(b), "%s.bias", src);
	copy(p, a, b, out);
}

static void
block(struct hmr2_plan *p, uint32_t i)
{
	static const struct { const char *name; int out, in; } l[] = {
		{ "attn.qkv", 3, 1 }, { "attn.proj", 1, 1 }, { "mlp.fc1", 0, 1 },
		{ "mlp.fc2", 1, 0 },
	};
	uint32_t dim = p->d.dim, mlp = p->d.mlp;
	enum hmr_dtype dtype = i ? p->backbone : p->first;
	char a[HMR2_NAME], b[HMR2_NAME];

	for (int j = 0; j < 4; j++) {
		if (j % 2 == 0) {
			snprintf(a, sizeof(a), "blocks.%u.norm%d", i, j / 2 + 1);
			snprintf(b, sizeof(b), "backbone.%.100s", a);
			norm(p, a, b, dim);
		}
		snprintf(a, sizeof(a), "blocks.%u.%s", i, l[j].name);
		snprintf(b, sizeof(b), "backbone.%.100s", a);
		linear(p, a, b, dtype, l[j].out ? (uint32_t)l[j].out * dim : mlp,
		       l[j].in ? dim : mlp);
	}
}

static void
layer_self(struct hmr2_plan *p, uint32_t i)
{
	uint32_t dim = p->d.head_dim, inner = p->d.head_inner;
	char a[HMR2_NAME], b[HMR2_NAME];

	/* one token attends to itself alone: only its value matters */
	snprintf(a, sizeof(a), "head.%u.norm0", i);
	snprintf(b, sizeof(b), LAYERS ".%u.0.norm", i);
	norm(p, a, b, dim);
	snprintf(a, sizeof(a), "head.%u.self.v", i);
	snprintf(b, sizeof(b), LAYERS ".%u.0.fn.to_qkv.weight", i);
	weight(p, a, b, p->head, 3 * inner, 2 * inner, inner, dim);
	snprintf(a, sizeof(a), "head.%u.self.out", i);
	snprintf(b, sizeof(b), LAYERS ".%u.0.fn.to_out.0", i);
	linear(p, a, b, p->head, dim, inner);
}

static void
layer(struct hmr2_plan *p, uint32_t i)
{
	uint32_t dim = p->d.head_dim, inner = p->d.head_inner, mlp = p->d.head_mlp;
	char a[HMR2_NAME], b[HMR2_NAME];

	layer_self(p, i);
	snprintf(a, sizeof(a), "head.%u.norm1", i);
	snprintf(b, sizeof(b), LAYERS ".%u.1.norm", i);
	norm(p, a, b, dim);
	snprintf(a, sizeof(a), "head.%u.q", i);
	snprintf(b, sizeof(b), LAYERS ".%u.1.fn.to_q.weight", i);
	weight(p, a, b, p->head, inner, 0, inner, dim);
	for (uint32_t j = 0; j < 2; j++) {
		snprintf(a, sizeof(a), "head.%u.%c", i, "kv"[j]);
		snprintf(b, sizeof(b), LAYERS ".%u.1.fn.to_kv.weight", i);
		weight(p, a, b, p->head, 2 * inner, j * inner, inner, p->d.dim);
	}
	snprintf(a, sizeof(a), "head.%u.out", i);
	snprintf(b, sizeof(b), LAYERS ".%u.1.fn.to_out.0", i);
	linear(p, a, b, p->head, dim, inner);
	snprintf(a, sizeof(a), "head.%u.norm2", i);
	snprintf(b, sizeof(b), LAYERS ".%u.2.norm", i);
	norm(p, a, b, dim);
	for (uint32_t j = 0; j < 2; j++) {
		snprintf(a, sizeof(a), "head.%u.fc%u", i, j + 1);
		snprintf(b, sizeof(b), LAYERS ".%u.2.fn.net.%u", i, 3 * j);
		linear(p, a, b, p->head, j ? dim : mlp, j ? mlp : dim);
	}
}

/* Number of "PREFIX.i." groups, from names that have this suffix. */
static uint32_t
count(const struct hmr_torch *t, const char *prefix, const char *suffix)
{
	char name[HMR2_NAME];
	uint32_t n = 0;

	while (n <= HMR_HMR2_DEPTH_MAX) {
		snprintf(name, sizeof(name), "%s.%u.%s", prefix, n, suffix);
		if (!hmr_torch_find(t, name))
			break;
		n++;
	}
	return n;
}

static uint32_t
dim_of(const struct hmr_torch_tensor *t, uint32_t i)
{
	return t ? (uint32_t)t->dims.d[i] : 1;
}

/* Vision transformers' heads by width: those of Dosovitskiy et al. 2021, Touvron et
 * al. 2021 and Zhai et al. 2022; ViTPose and 4D-Humans keep them. */
static uint32_t
backbone_heads(uint32_t width)
{
	static const struct { uint32_t width, heads; } known[] = { { 192, 3 }, { 384, 6 },
		{ 768, 12 }, { 1024, 16 }, { 1280, 16 }, { 1408, 16 }, { 1664, 16 } };

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].width == width)
			return known[i].heads;
	return 0;
}

static enum hmr_status
heads(uint32_t width, uint32_t asked, uint32_t known, const char *what,
      const char *option, uint32_t *out, struct hmr_err *e)
{
	*out = asked ? asked : known;
	if (!*out)
		return hmr_fail(e, HMR_E_MODEL, "cannot tell the number of attention "
				"heads of the %s from %u channels: give %s", what,
				width, option);
	if (width % *out)
		return hmr_fail(e, HMR_E_MODEL, "%s: %u channels are not divisible by "
				"%u heads", what, width, *out);
	return HMR_OK;
}

static enum hmr_status
read_dims(struct hmr2_plan *p, const struct hmr_hmr2_import *o, struct hmr_err *e)
{
	struct hmr_hmr2_dims *d = &p->d;
	const struct hmr_torch_tensor *t;
	enum hmr_status st;

	t = hmr2_want(p, "backbone.patch_embed.proj.weight",
		      (struct hmr_dims){ 4, { -1, 3, 16, 16 } });
	d->dim = dim_of(t, 0);
	t = hmr2_want(p, "backbone.blocks.0.mlp.fc1.weight",
		      (struct hmr_dims){ 2, { -1, d->dim } });
	d->mlp = dim_of(t, 0);
	t = hmr2_want(p, "smpl_head.transformer.pos_embedding",
		      (struct hmr_dims){ 3, { 1, 1, -1 } });
	d->head_dim = dim_of(t, 2);
	t = hmr2_want(p, LAYERS ".0.1.fn.to_q.weight",
		      (struct hmr_dims){ 2, { -1, d->head_dim } });
	d->head_inner = dim_of(t, 0);
	t = hmr2_want(p, LAYERS ".0.2.fn.net.0.weight",
		      (struct hmr_dims){ 2, { -1, d->head_dim } });
	d->head_mlp = dim_of(t, 0);
	if (p->n_wrong)
		return HMR_OK;		/* told by the caller */
	d->depth = count(p->ckpt, "backbone.blocks", "norm1.weight");
	d->head_depth = count(p->ckpt, LAYERS, "0.norm.weight");
	if (!d->depth || !d->head_depth || d->depth > HMR_HMR2_DEPTH_MAX ||
	    d->head_depth > HMR_HMR2_DEPTH_MAX || d->dim > HMR_HMR2_WIDTH_MAX ||
	    d->mlp > HMR_HMR2_WIDTH_MAX || d->head_dim > HMR_HMR2_WIDTH_MAX ||
	    d->head_inner > HMR_HMR2_WIDTH_MAX || d->head_mlp > HMR_HMR2_WIDTH_MAX)
		return hmr_fail(e, HMR_E_MODEL, "a network of %u and %u layers, up to "
				"%u wide: the limits are 1 to %u, and %u", d->depth,
				d->head_depth, d->mlp > d->dim ? d->mlp : d->dim,
				HMR_HMR2_DEPTH_MAX, HMR_HMR2_WIDTH_MAX);
	if ((st = heads(d->dim, o->heads, backbone_heads(d->dim), "backbone", "--heads",
			&d->heads, e)))
		return st;
	return heads(d->head_inner, o->head_heads, d->head_inner == 512 ? 8 : 0,
		     "decoder", "--decoder-heads", &d->head_heads, e);
}

static void
named(struct hmr2_plan *p, enum hmr2_make make, const char *name,
      enum hmr_dtype dtype, struct hmr_dims dims)
{
	struct hmr2_item *it = add(p, make, dtype, dims);

	if (it)
		snprintf(it->name, HMR2_NAME, "%s", name);
}

static void
list_items(struct hmr2_plan *p)
{
	const struct hmr_hmr2_dims *d = &p->d;
	static const struct { const char *name; uint32_t n; } dec[] = {
		{ "decpose", HMR_HMR2_POSE }, { "decshape", 10 }, { "deccam", 3 } };
	static const struct { const char *name; uint32_t n; } init[] = {
		{ "init_body_pose", HMR_HMR2_POSE }, { "init_betas", 10 },
		{ "init_cam", 3 } };
	const struct hmr_torch_tensor *t;
	struct hmr2_item *it;
	char name[HMR2_NAME];

	/* the first layer stays exact: it is 0.15 % of the work */
	it = add(p, HMR2_COPY, HMR_DTYPE_F32,
		 (struct hmr_dims){ 2, { d->dim, HMR_HMR2_PATCH } });
	if (it) {
		snprintf(it->name, HMR2_NAME, "patch.weight");
		snprintf(it->src, HMR2_NAME, "backbone.patch_embed.proj.weight");
	}
	hmr2_want(p, "backbone.patch_embed.proj.bias", (struct hmr_dims){ 1, { d->dim } });
	hmr2_want(p, "backbone.pos_embed",
		  (struct hmr_dims){ 3, { 1, HMR_HMR2_TOKENS + 1, d->dim } });
	named(p, HMR2_POS, "pos", HMR_DTYPE_F32,
	      (struct hmr_dims){ 2, { HMR_HMR2_TOKENS, d->dim } });
	for (uint32_t i = 0; i < d->depth; i++)
		block(p, i);
	norm(p, "last_norm", "backbone.last_norm", d->dim);
	t = hmr2_want(p, "smpl_head.transformer.to_token_embedding.weight",
		      (struct hmr_dims){ 2, { d->head_dim, -1 } });
	if (t && t->dims.d[1] != 1 && t->dims.d[1] != HMR_HMR2_OUT)
		note(p, "%s takes %d numbers, must be 1 or %u", t->name,
		     (int)t->dims.d[1], HMR_HMR2_OUT);
	hmr2_want(p, "smpl_head.transformer.to_token_embedding.bias",
		  (struct hmr_dims){ 1, { d->head_dim } });
	named(p, HMR2_TOKEN, "head.token", HMR_DTYPE_F32,
	      (struct hmr_dims){ 1, { d->head_dim } });
	for (uint32_t i = 0; i < d->head_depth; i++)
		layer(p, i);
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "smpl_head.%s.weight", dec[i].name);
		hmr2_want(p, name, (struct hmr_dims){ 2, { dec[i].n, d->head_dim } });
		snprintf(name, sizeof(name), "smpl_head.%s.bias", dec[i].name);
		hmr2_want(p, name, (struct hmr_dims){ 1, { dec[i].n } });
		snprintf(name, sizeof(name), "smpl_head.%s", init[i].name);
		if (!p->have_init)
			hmr2_want(p, name, (struct hmr_dims){ 2, { 1, init[i].n } });
	}
	named(p, HMR2_DECODE, "head.dec.weight", HMR_DTYPE_F32,
	      (struct hmr_dims){ 2, { HMR_HMR2_OUT, d->head_dim } });
	named(p, HMR2_DECODE_BIAS, "head.dec.bias", HMR_DTYPE_F32,
	      (struct hmr_dims){ 1, { HMR_HMR2_OUT } });
}

enum hmr_status
hmr2_plan_make(struct hmr2_plan *p, const struct hmr_hmr2_import *o,
	       struct hmr_err *e)
{
	enum hmr_status st;

	if ((st = read_dims(p, o, e)))
		return st;
	if (!p->n_wrong)
		list_items(p);
	if (p->no_memory)
		return hmr_fail(e, HMR_E_NOMEM, "%u tensors", p->n);
	if (p->n_wrong == 1)
		return hmr_fail(e, HMR_E_MODEL, "no HMR2.0 checkpoint: %s", p->wrong);
	if (p->n_wrong)
		return hmr_fail(e, HMR_E_MODEL,
				"no HMR2.0 checkpoint, %u tensors do not fit: %s%s",
				p->n_wrong, p->wrong, p->n_wrong > 3 ? ", ..." : "");
	return HMR_OK;
}

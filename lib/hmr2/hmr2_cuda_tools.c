/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels and products that HMR2 uses on a GPU, chosen when it is opened. */
#include "hmr2/hmr2_cuda_impl.h"

#include <stdio.h>

static enum hmr_status
kernel(struct hmr2_cuda *c, const char *name, enum hmr_device_type t,
       const struct hmr_kernel **out, struct hmr_err *e)
{
	char full[48];

	snprintf(full, sizeof(full), "hmr2_%s_%s", name, t == HMR_DEVICE_F32 ? "f32" :
		 t == HMR_DEVICE_F16 ? "f16" : "bf16");
	return c->api->kernel(c->device, full, out, e);
}

/* On tensor cores where the heads are of a width that has a kernel, and a block may
 * have its keys and values in shared memory. */
static enum hmr_status
choose_attend(struct hmr2_cuda *c, int type, struct hmr_err *e)
{
	const struct hmr_hmr2_dims *d = &c->w->d;
	uint32_t width = d->dim / d->heads;
	char name[24];

	c->mma = c->types[0] != HMR_DEVICE_F32 && (width == 64 || width == 80) &&
		c->api->info(c->device)->shared >= (size_t)HMR2K_TOKENS * 2 * 2 * width;
	snprintf(name, sizeof(name), "attend_mma_%u", width);
	return kernel(c, c->mma ? name : "attend", c->types[type], &c->k[type].attend, e);
}

static enum hmr_status
kernels(struct hmr2_cuda *c, int type, struct hmr_err *e)
{
	struct hmr2_cuda_kernels *k = &c->k[type];
	enum hmr_device_type t = c->types[type];
	enum hmr_status st;

	if (!type && c->plan.int8 && ((st = kernel(c, "open_i8", t, &k->open, e)) ||
				      (st = kernel(c, "quantise", t, &k->quantise, e))))
		return st;
	if ((st = kernel(c, "patches", t, &k->patches, e)) ||
	    (st = kernel(c, c->w->d.dim <= 1280 ? "norm" : "norm_wide", t, &k->norm, e)) ||
	    (st = kernel(c, "gelu", t, &k->gelu, e)) || (st = choose_attend(c, type, e)) ||
	    (st = kernel(c, "linear", t, &k->linear, e)))
		return st;
	return kernel(c, "cross", t, &k->cross, e);
}

struct shape {			/* D [rows][n] = A [rows][k] B [n][k] */
	const char *name;
	struct hmr_gemm **to;
	uint32_t n, k;
	enum hmr_device_type in, out;
	bool bias, add;			/* add: to what is in D */
};

static enum hmr_status
gemms(struct hmr2_cuda *c, uint32_t rows, const struct shape *s, size_t n,
      struct hmr_err *e)
{
	enum hmr_status st = HMR_OK;

	for (size_t i = 0; i < n && !st; i++) {
		struct hmr_gemm_desc d = { .m = rows, .n = s[i].n, .k = s[i].k,
			.in = s[i].in, .out = s[i].out, .bias = s[i].bias,
			.add = s[i].add, .workspace = HMR2_CUDA_WORKSPACE };

		st = c->api->gemm_new(c->device, &d, s[i].to, e);
		if (st == HMR_EOF)
			return hmr_fail(e, HMR_E_DEVICE, "no algorithm for hmr2's %s, "
					"%ux%ux%u", s[i].name, rows, d.n, d.k);
	}
	return st;
}

static enum hmr_status
layer_gemms(struct hmr2_cuda *c, uint32_t batch, int type, struct hmr_err *e)
{
	const struct hmr_hmr2_dims *d = &c->w->d;
	bool int8 = c->plan.int8 && !type;
	enum hmr_device_type in = int8 ? HMR_DEVICE_I8 : c->types[type];
	enum hmr_device_type out = int8 ? HMR_DEVICE_I32 : in;
	enum hmr_device_type sum = int8 ? HMR_DEVICE_I32 : HMR_DEVICE_F32;
	struct hmr2_cuda_gemms *g = &c->batch[batch].gemm[type];
	const struct shape s[] = {
		{ "qkv", &g->qkv, 3 * d->dim, d->dim, in, out, !int8, false },
		{ "proj", &g->proj, d->dim, d->dim, in, sum, !int8, !int8 },
		{ "fc1", &g->fc1, d->mlp, d->dim, in, out, false, false },
		{ "fc2", &g->fc2, d->dim, d->mlp, in, sum, !int8, !int8 },
	};

	return gemms(c, HMR2K_TOKENS << batch, s, 4, e);
}

enum hmr_status
hmr2_cuda_int8(struct hmr2_cuda *c, bool *has, struct hmr_err *e)
{
	const struct hmr_hmr2_dims *d = &c->w->d;
	struct hmr_gemm_desc g = { .m = HMR2K_TOKENS, .n = d->mlp, .k = d->dim,
		.in = HMR_DEVICE_I8, .out = HMR_DEVICE_I32,
		.workspace = HMR2_CUDA_WORKSPACE };
	struct hmr_gemm *gemm = NULL;
	enum hmr_status st;

	*has = false;
	if ((d->dim | d->mlp) % 16)
		return HMR_OK;
	if ((st = c->api->gemm_new(c->device, &g, &gemm, e)) == HMR_EOF)
		return HMR_OK;
	*has = !st;
	c->api->gemm_free(gemm);
	return st;
}

static enum hmr_status
other_gemms(struct hmr2_cuda *c, uint32_t batch, struct hmr_err *e)
{
	const struct hmr_hmr2_dims *d = &c->w->d;
	enum hmr_device_type t = c->types[1], f = HMR_DEVICE_F32;
	uint32_t kv = d->head_depth * 2 * d->head_inner;
	const struct shape s[] = {
		{ "patches", &c->batch[batch].patch, d->dim, HMR_HMR2_PATCH, t, f, false, true },
		{ "keys and values", &c->batch[batch].kv, kv, d->dim, t, t, false, false },
	};

	return gemms(c, HMR2K_TOKENS << batch, s, 2, e);
}

enum hmr_status
hmr2_cuda_tools(struct hmr2_cuda *c, struct hmr_err *e)
{
	enum hmr_status st;

	if (c->plan.int8 && ((st = c->api->kernel(c->device, c->w->d.dim <= 1280 ?
			"hmr2_norm_i8" : "hmr2_norm_wide_i8", &c->norm_i8, e)) ||
			     (st = c->api->kernel(c->device, "hmr2_gelu_i8", &c->gelu_i8, e))))
		return st;
	if ((st = c->api->kernel(c->device, "hmr2_pose", &c->pose, e)) ||
	    (st = c->api->kernel(c->device, "hmr2_bones", &c->bones, e)) ||
	    (st = c->api->kernel(c->device, "hmr2_skin", &c->skin, e)) ||
	    (st = c->api->kernel(c->device, "hmr2_rgb", &c->rgb, e)) ||
	    (st = c->api->kernel(c->device, "hmr2_crop_sharp", &c->sharp, e)) ||
	    (st = c->api->kernel(c->device, "hmr2_crop_rows", &c->rows, e)) ||
	    (st = c->api->kernel(c->device, "hmr2_crop_blurred", &c->blurred, e)) ||
	    (st = kernels(c, 0, e)) || (st = kernels(c, 1, e)))
		return st;
	for (uint32_t i = 0; i < c->batches && !st; i++)
		if (!(st = other_gemms(c, i, e)) && !(st = layer_gemms(c, i, 0, e)))
			st = layer_gemms(c, i, 1, e);
	return st;
}

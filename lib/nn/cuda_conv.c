/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What multiplies. A convolution of one pixel is a matrix product (cuBLASLt); one
 * with a larger window goes to cuDNN where that has it, with bias and relu if it
 * fuses them; one of single channels, and all that neither library takes, to own
 * kernels. Activations that no library fuses are one more pass in place.
 */
#include "nn/cuda.h"

static uint32_t
u32(int64_t v)
{
	return (uint32_t)v;
}

/* A product's own activation, as far as cuBLASLt has it. */
static bool
product_does(enum hmr_act act)
{
	return act == HMR_ACT_NONE || act == HMR_ACT_RELU;
}

static enum hmr_status
find_gemm(struct hmr_exec *x, const struct hmr_dims *dims, struct cuda_step *s,
	  struct hmr_err *e)
{
	const struct hmr_node *n = s->n;
	const struct hmr_dims *a = &dims[n->in[0]], *b = &dims[n->in[1]];
	struct hmr_gemm_desc d = { .in = x->type, .out = x->type, .bias = n->n_in == 3,
		.act = n->act == HMR_ACT_RELU ? HMR_GEMM_RELU : HMR_GEMM_NONE,
		.workspace = x->workspace };

	d.k = u32(a->d[a->n - 1]);
	d.m = u32((int64_t)(hmr_dims_total(a) / d.k));
	d.n = u32(dims[n->out[0]].d[a->n - 1]);
	if (n->op == HMR_OP_MATMUL) {
		d.b_rows_k = !n->trans;
		if (b->n > 2) {
			d.m = u32(a->d[a->n - 2]);
			d.batch = u32((int64_t)(hmr_dims_total(a) / d.k / d.m));
			d.step_a = (int64_t)d.m * d.k;
			d.step_b = (int64_t)d.k * d.n;
			d.step_d = (int64_t)d.m * d.n;
		}
	}
	return x->api->gemm_new(x->device, &d, &s->gemm, e);
}

static void
describe(const struct hmr_exec *x, const struct hmr_dims *dims, const struct hmr_node *n,
	 struct hmr_conv_desc *d)
{
	const struct hmr_dims *in = &dims[n->in[0]], *w = &dims[n->in[1]];
	const struct hmr_dims *out = &dims[n->out[0]];
	int32_t pad[4];

	hmr_node_pads(n, w->d + 2, in, out, pad);
	*d = (struct hmr_conv_desc){ .n = u32(in->d[0]), .h = u32(in->d[1]),
		.w = u32(in->d[2]), .c = u32(in->d[3]), .out = u32(w->d[0]),
		.kh = u32(w->d[2]), .kw = u32(w->d[3]), .group = 1, .oh = u32(out->d[1]),
		.ow = u32(out->d[2]), .type = x->type, .workspace = x->workspace };
	for (int a = 0; a < 2; a++) {
		int64_t step = n->dilate[a] > 1 ? n->dilate[a] : 1, after;

		/* what is read after the image, not what was declared */
		after = (out->d[1 + a] - 1) * n->stride[a] + (w->d[2 + a] - 1) * step + 1 -
			in->d[1 + a] - pad[a];
		d->stride[a] = (uint32_t)n->stride[a];
		d->dilate[a] = (uint32_t)step;
		d->pad[a] = (uint32_t)pad[a];
		d->pad[a + 2] = after > 0 ? u32(after) : 0;
	}
}

/* Bias and relu inside where cuDNN fuses them, else without. */
static enum hmr_status
find_conv(struct hmr_exec *x, const struct hmr_dims *dims, struct cuda_step *s,
	  struct hmr_err *e)
{
	struct hmr_conv_desc d;
	enum hmr_status st;

	describe(x, dims, s->n, &d);
	d.bias = s->conv_bias = s->n->n_in == 3;
	d.relu = s->conv_relu = s->n->act == HMR_ACT_RELU;
	st = x->api->conv_new(x->device, &d, &s->conv, e);
	if (st != HMR_EOF || (!d.bias && !d.relu))
		return st;
	d.bias = d.relu = s->conv_bias = s->conv_relu = false;
	return x->api->conv_new(x->device, &d, &s->conv, e);
}

enum hmr_status
cuda_conv_find(struct hmr_exec *x, uint32_t plan, struct cuda_step *s, struct hmr_err *e)
{
	const struct hmr_dims *dims = x->job->plan[plan].dims;
	enum cuda_method m = x->method[s->n - x->job->graph->node];

	if (s->n->op == HMR_OP_MATMUL || m == CUDA_GEMM)
		return find_gemm(x, dims, s, e);
	return m == CUDA_DNN ? find_conv(x, dims, s, e) : HMR_OK;
}

static enum hmr_status
add_product(struct cuda_node *c, const void *weight)
{
	const struct hmr_node *n = c->n;
	struct cuda_launch *l;
	enum hmr_status st = cuda_launch_add(c->x, c->p, NULL, false, 0, 0, &l, c->e);

	if (st)
		return st;
	l->gemm = c->s->gemm;
	l->a.gemm = (struct hmr_gemm_io){ .a = c->at_in[0], .b = weight,
		.bias = n->n_in == 3 ? c->at_in[2] : NULL, .d = c->at_out[0],
		.workspace = c->x->memory + c->x->at_workspace };
	c->s->impl = c->x->api->gemm_impl(l->gemm);
	return product_does(n->act) ? HMR_OK : cuda_act_add(c, NULL, c->at_out[0], n->act);
}

static enum hmr_status
add_library(struct cuda_node *c)
{
	const struct hmr_node *n = c->n;
	bool bias = n->n_in == 3 && !c->s->conv_bias;
	struct cuda_launch *l;
	enum hmr_status st = cuda_launch_add(c->x, c->p, NULL, false, 0, 0, &l, c->e);

	if (st)
		return st;
	l->conv = c->s->conv;
	l->a.conv = (struct hmr_conv_io){ .x = c->at_in[0], .w = cuda_taps_at(c->x, n),
		.bias = c->s->conv_bias ? c->at_in[2] : NULL, .y = c->at_out[0],
		.workspace = c->x->memory + c->x->at_workspace };
	c->s->impl = c->x->api->conv_impl(l->conv);
	if (!bias && (n->act == HMR_ACT_NONE || c->s->conv_relu))
		return HMR_OK;
	return cuda_act_add(c, bias ? c->at_in[2] : NULL, c->at_out[0], n->act);
}

static struct nn_window
window(const struct cuda_node *c, uint32_t kh, uint32_t kw)
{
	const struct hmr_node *n = c->n;
	const struct hmr_dims *in = c->in[0], *out = c->out[0];
	int64_t k[2] = { kh, kw };
	int32_t pad[4] = { n->pad[0], n->pad[1], 0, 0 };
	struct nn_window w = { .x = c->at_in[0], .y = c->at_out[0], .h = u32(in->d[1]),
		.wd = u32(in->d[2]), .c = u32(in->d[3]), .oh = u32(out->d[1]),
		.ow = u32(out->d[2]), .out = u32(out->d[3]), .kh = kh, .kw = kw,
		.op = n->op, .act = n->act, .alpha = n->alpha, .beta = n->beta,
		.count_pad = n->count_pad };

	if (n->op != HMR_OP_CONV_TRANSPOSE)
		hmr_node_pads(n, k, in, out, pad);
	for (int a = 0; a < 2; a++) {
		w.stride[a] = n->stride[a];
		w.dilate[a] = n->dilate[a] > 1 ? n->dilate[a] : 1;
		w.pad[a] = pad[a];
	}
	w.n = hmr_dims_total(out);
	return w;
}

enum hmr_status
cuda_conv_add(struct cuda_node *c)
{
	enum cuda_method m = c->x->method[c->n - c->x->job->graph->node];
	const struct hmr_dims *w = c->in[1];
	const char *name = m == CUDA_DEPTHWISE ? "depthwise" :
		c->n->op == HMR_OP_CONV ? "conv" : "conv_transpose";
	struct cuda_launch *l;
	struct nn_window a;
	enum hmr_status st;

	if (m == CUDA_GEMM)
		return add_product(c, cuda_taps_at(c->x, c->n));
	if (m == CUDA_DNN)
		return add_library(c);
	a = window(c, u32(w->d[2]), u32(w->d[3]));
	a.w = cuda_taps_at(c->x, c->n);
	a.bias = c->n->n_in == 3 ? c->at_in[2] : NULL;
	a.per = u32(w->d[1]);
	a.outs = u32(w->d[0] / c->n->group);
	a.n /= m == CUDA_DEPTHWISE ? 4 : 1;
	if ((st = cuda_launch_add(c->x, c->p, name, true, a.n, sizeof(a), &l, c->e)))
		return st;
	l->a.window = a;
	c->s->impl = name;
	return HMR_OK;
}

enum hmr_status
cuda_matmul_add(struct cuda_node *c)
{
	return add_product(c, c->at_in[1]);
}

enum hmr_status
cuda_pool_add(struct cuda_node *c)
{
	struct nn_window a = window(c, (uint32_t)c->n->kernel[0], (uint32_t)c->n->kernel[1]);
	struct cuda_launch *l;
	enum hmr_status st = cuda_launch_add(c->x, c->p, "pool", true, a.n, sizeof(a), &l,
					     c->e);

	if (st)
		return st;
	l->a.window = a;
	c->s->impl = "pool";
	return HMR_OK;
}

enum hmr_status
cuda_resize_add(struct cuda_node *c)
{
	const struct hmr_dims *in = c->in[0], *out = c->out[0];
	const uint8_t *table = cuda_taps_at(c->x, c->n);
	struct nn_resize a = { .n = hmr_dims_total(out), .x = c->at_in[0], .y = c->at_out[0],
		.h = u32(in->d[1]), .wd = u32(in->d[2]), .c = u32(in->d[3]),
		.oh = u32(out->d[1]), .ow = u32(out->d[2]),
		.linear = c->n->take == HMR_TAKE_LINEAR };
	struct cuda_launch *l;
	enum hmr_status st;

	for (int k = 0; k < 2; k++) {
		size_t n = (size_t)out->d[1 + k] * 4;

		a.lo[k] = (const int32_t *)(const void *)table;
		a.hi[k] = (const int32_t *)(const void *)(table + n);
		a.frac[k] = (const float *)(const void *)(table + 2 * n);
		table += 3 * n;
	}
	if ((st = cuda_launch_add(c->x, c->p, "resize", true, a.n, sizeof(a), &l, c->e)))
		return st;
	l->a.resize = a;
	c->s->impl = "resize";
	return HMR_OK;
}

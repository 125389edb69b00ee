/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What oneDNN is asked for: descriptors of images, weights and matrices, and of the
 * primitives over them with their activations and sums. Images are NHWC, everything
 * that is not a constant lies as the graph has it.
 */
#include "nn/cpu.h"

bool
cpu_act_inside(const struct hmr_node *n)
{
	switch (n->act) {
	case HMR_ACT_NONE: case HMR_ACT_RELU: case HMR_ACT_LEAKY: case HMR_ACT_RELU6:
	case HMR_ACT_CLIP: case HMR_ACT_HARD_SIGMOID:
		return true;
	case HMR_ACT_HARD_SWISH:	/* oneDNN has this one only */
		return n->alpha == 1.0f / 6 && n->beta == .5f;
	default:
		return false;
	}
}

static dnnl_status_t
append_act(dnnl_post_ops_t po, const struct hmr_node *n)
{
	dnnl_status_t s = dnnl_success;

	switch (n->act) {
	case HMR_ACT_RELU:
		return dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_relu, 0, 0);
	case HMR_ACT_LEAKY:
		return dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_relu, n->alpha, 0);
	case HMR_ACT_RELU6:
		return dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_clip, 0, 6);
	case HMR_ACT_CLIP:
		return dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_clip, n->alpha, n->beta);
	case HMR_ACT_HARD_SIGMOID:
		s = dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_linear, n->alpha, n->beta);
		return s ? s : dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_clip, 0, 1);
	case HMR_ACT_HARD_SWISH:
		return dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_hardswish, 0, 0);
	default:
		return s;
	}
}

bool
cpu_make_attr(dnnl_primitive_attr_t *a, const struct hmr_node *n,
	      const struct hmr_node *add)
{
	dnnl_post_ops_t po = NULL;
	bool ok;

	/* oneDNN 2.6 has one set of constants for a kind: of RELU6 before the sum and CLIP
	 * after it, both its clip, the second cuts to the first's limits */
	if (add && add->act && n->act)
		return false;
	if (dnnl_primitive_attr_create(a))
		return false;
	ok = !dnnl_post_ops_create(&po) &&
	     (!cpu_act_inside(n) || !append_act(po, n)) &&
	     (!add || (!dnnl_post_ops_append_sum(po, 1) && !append_act(po, add))) &&
	     !dnnl_primitive_attr_set_post_ops(*a, po) &&
	     !dnnl_primitive_attr_set_scratchpad_mode(*a, dnnl_scratchpad_mode_user);
	dnnl_post_ops_destroy(po);
	return ok;
}

static dnnl_data_type_t
type_of(bool half)
{
	return half ? dnnl_bf16 : dnnl_f32;
}

static void
image_desc(dnnl_memory_desc_t *m, const struct hmr_dims *d, bool half)
{
	dnnl_dims_t dims = { d->d[0], d->d[3], d->d[1], d->d[2] };

	/* cannot fail: sizes were checked */
	(void)dnnl_memory_desc_init_by_tag(m, 4, dims, type_of(half), dnnl_nhwc);
}

/* [K,N], or [N,K] with trans; as many of them as there are before the last two axes. */
static void
matrix_desc(dnnl_memory_desc_t *m, const struct hmr_dims *d, bool trans, bool plain,
	    bool batch)
{
	dnnl_dim_t a = d->d[d->n - 2], b = d->d[d->n - 1];
	dnnl_dims_t one = { trans ? b : a, trans ? a : b };
	dnnl_dims_t many = { (dnnl_dim_t)hmr_dims_total(d) / (a * b), one[0], one[1] };

	if (batch)
		(void)dnnl_memory_desc_init_by_tag(m, 3, many, dnnl_f32,
			!plain ? dnnl_format_tag_any : trans ? dnnl_acb : dnnl_abc);
	else
		(void)dnnl_memory_desc_init_by_tag(m, 2, one, dnnl_f32,
			!plain ? dnnl_format_tag_any : trans ? dnnl_ba : dnnl_ab);
}

void
cpu_weight_desc(dnnl_memory_desc_t *m, const struct hmr_node *n,
		const struct hmr_dims *d, bool plain, bool bf16)
{
	dnnl_dims_t one = { d->d[0], d->d[1], d->d[2], d->d[3] };
	dnnl_dims_t many = { n->group, 0, d->d[1], d->d[2], d->d[3] };

	if (n->op == HMR_OP_MATMUL) {
		matrix_desc(m, d, n->trans, plain, d->n > 2);
		return;
	}
	many[1] = d->d[0] / n->group;
	if (n->group == 1)
		(void)dnnl_memory_desc_init_by_tag(m, 4, one, type_of(bf16),
			plain ? dnnl_oihw : dnnl_format_tag_any);
	else
		(void)dnnl_memory_desc_init_by_tag(m, 5, many, type_of(bf16),
			plain ? dnnl_goihw : dnnl_format_tag_any);
}

void
cpu_bias_desc(dnnl_memory_desc_t *m, const struct hmr_node *n, int64_t count,
	      const struct hmr_dims *weights)
{
	dnnl_dims_t c = { count }, row = { 1, count }, page = { 1, 1, count };

	if (n->op != HMR_OP_MATMUL)
		(void)dnnl_memory_desc_init_by_tag(m, 1, c, dnnl_f32, dnnl_x);
	else if (weights->n > 2)
		(void)dnnl_memory_desc_init_by_tag(m, 3, page, dnnl_f32, dnnl_abc);
	else
		(void)dnnl_memory_desc_init_by_tag(m, 2, row, dnnl_f32, dnnl_ab);
}

/* Rows of all leading axes at once where the right side is one matrix. */
static void
rows_desc(dnnl_memory_desc_t *m, const struct hmr_dims *d, bool batch)
{
	dnnl_dim_t last = d->d[d->n - 1], rows = d->d[d->n - 2];
	dnnl_dim_t total = (dnnl_dim_t)hmr_dims_total(d);
	dnnl_dims_t many = { total / (rows * last), rows, last }, one = { total / last, last };

	if (batch)
		(void)dnnl_memory_desc_init_by_tag(m, 3, many, dnnl_f32, dnnl_abc);
	else
		(void)dnnl_memory_desc_init_by_tag(m, 2, one, dnnl_f32, dnnl_ab);
}

static dnnl_status_t
product_pd(struct hmr_exec *x, const struct cpu_piece *p, const struct hmr_node *n,
	   dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *pd)
{
	bool batch = p->right.n > 2, constant = x->job->graph->value[n->in[1]].tensor >= 0;
	dnnl_memory_desc_t src, right, bias, dst;
	dnnl_matmul_desc_t md;
	dnnl_status_t s;

	rows_desc(&src, &p->in, batch);
	rows_desc(&dst, &p->out, batch);
	cpu_weight_desc(&right, n, &p->right, !constant, false);
	cpu_bias_desc(&bias, n, p->out.d[p->out.n - 1], &p->right);
	s = dnnl_matmul_desc_init(&md, &src, &right, n->n_in == 3 ? &bias : NULL, &dst);
	return s ? s : dnnl_primitive_desc_create(pd, &md, attr, x->engine, NULL);
}

dnnl_status_t
cpu_make_pd(struct hmr_exec *x, const struct hmr_node *n, const struct cpu_piece *p,
	    dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *pd)
{
	const struct hmr_dims *in = &p->in, *w = &p->right, *out = &p->out;
	bool up = n->op == HMR_OP_CONV_TRANSPOSE;
	dnnl_memory_desc_t src, dst, bias, any;
	dnnl_convolution_desc_t cd;	/* of both kinds */
	dnnl_dims_t stride = { n->stride[0], n->stride[1] }, before, after, dilate;
	dnnl_status_t s;

	if (n->op == HMR_OP_MATMUL)
		return product_pd(x, p, n, attr, pd);
	for (int a = 0; a < 2; a++) {
		int64_t small = up ? in->d[1 + a] : out->d[1 + a];
		int64_t large = up ? out->d[1 + a] : in->d[1 + a];

		dilate[a] = n->dilate[a] > 1 ? n->dilate[a] - 1 : 0;
		before[a] = p->pad[a];
		/* what is read after the image, not what was declared */
		after[a] = (small - 1) * n->stride[a] +
			   (w->d[2 + a] - 1) * (dilate[a] + 1) + 1 - large - p->pad[a];
	}
	image_desc(&src, in, p->bf16);
	image_desc(&dst, out, p->out_half);
	cpu_weight_desc(&any, n, w, false, p->bf16);
	cpu_bias_desc(&bias, n, w->d[0], w);
	s = (up ? dnnl_dilated_deconvolution_forward_desc_init :
	     dnnl_dilated_convolution_forward_desc_init)(&cd, dnnl_forward_inference,
		up ? dnnl_deconvolution_direct : dnnl_convolution_direct, &src, &any,
		n->n_in == 3 ? &bias : NULL, &dst, stride, dilate, before, after);
	return s ? s : dnnl_primitive_desc_create(pd, &cd, attr, x->engine, NULL);
}

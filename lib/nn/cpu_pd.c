/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What oneDNN is asked for: descriptors of images, weights and matrices, and of the
 * primitives over them with their activations and sums. Images are NHWC, everything
 * that is not a constant lies as the graph has it.
 */
#include "nn/cpu.h"

/* false: oneDNN does not know it, or has no memory. */
static bool
append_act(dnnl_post_ops_t po, const struct hmr_node *n)
{
	static const struct { dnnl_alg_kind_t kind; bool alpha, beta; } as[HMR_ACT_COUNT] = {
		[HMR_ACT_RELU] = { dnnl_eltwise_relu, false, false },
		[HMR_ACT_LEAKY] = { dnnl_eltwise_relu, true, false },
		[HMR_ACT_SIGMOID] = { dnnl_eltwise_logistic, false, false },
		[HMR_ACT_SWISH] = { dnnl_eltwise_swish, true, false },
		[HMR_ACT_HARD_SWISH] = { dnnl_eltwise_hardswish, false, false },
		[HMR_ACT_TANH] = { dnnl_eltwise_tanh, false, false },
		[HMR_ACT_ELU] = { dnnl_eltwise_elu, true, false },
		[HMR_ACT_GELU] = { dnnl_eltwise_gelu_erf, false, false },
		[HMR_ACT_GELU_TANH] = { dnnl_eltwise_gelu_tanh, false, false },
		[HMR_ACT_MISH] = { dnnl_eltwise_mish, false, false },
		[HMR_ACT_CLIP] = { dnnl_eltwise_clip, true, true },
	};

	if (n->act == HMR_ACT_NONE)
		return true;
	if (n->act == HMR_ACT_RELU6)
		return !dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_clip, 0, 6);
	if (n->act == HMR_ACT_HARD_SIGMOID)
		return !dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_linear, n->alpha, n->beta) &&
		       !dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_clip, 0, 1);
	if (n->act == HMR_ACT_HARD_SWISH && (n->alpha != 1.0f / 6 || n->beta != .5f))
		return false;	/* oneDNN has this one only */
	return as[n->act].kind &&
	       !dnnl_post_ops_append_eltwise(po, 1, as[n->act].kind,
					     as[n->act].alpha ? n->alpha : 0,
					     as[n->act].beta ? n->beta : 0);
}

bool
cpu_make_attr(dnnl_primitive_attr_t *a, const struct hmr_node *n,
	  const struct hmr_node *add)
{
	dnnl_post_ops_t po = NULL;
	bool ok;

	if (dnnl_primitive_attr_create(a))
		return false;
	ok = !dnnl_post_ops_create(&po) && append_act(po, n) &&
	     (!add || (!dnnl_post_ops_append_sum(po, 1) &&
		       append_act(po, add))) &&
	     !dnnl_primitive_attr_set_post_ops(*a, po) &&
	     !dnnl_primitive_attr_set_scratchpad_mode(*a, dnnl_scratchpad_mode_user);
	dnnl_post_ops_destroy(po);
	return ok;
}

static void
image_desc(dnnl_memory_desc_t *m, const struct hmr_dims *d)
{
	dnnl_dims_t dims = { d->d[0], d->d[3], d->d[1], d->d[2] };

	/* cannot fail: sizes were checked */
	(void)dnnl_memory_desc_init_by_tag(m, 4, dims, dnnl_f32, dnnl_nhwc);
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
		const struct hmr_dims *d, bool plain)
{
	dnnl_dims_t one = { d->d[0], d->d[1], d->d[2], d->d[3] };
	dnnl_dims_t many = { n->group, 0, d->d[1], d->d[2], d->d[3] };

	if (n->op == HMR_OP_MATMUL) {
		matrix_desc(m, d, n->trans, plain, d->n > 2);
		return;
	}
	many[1] = d->d[0] / n->group;
	if (n->group == 1)
		(void)dnnl_memory_desc_init_by_tag(m, 4, one, dnnl_f32,
			plain ? dnnl_oihw : dnnl_format_tag_any);
	else
		(void)dnnl_memory_desc_init_by_tag(m, 5, many, dnnl_f32,
			plain ? dnnl_goihw : dnnl_format_tag_any);
}

void
cpu_bias_desc(dnnl_memory_desc_t *m, const struct hmr_node *n, int64_t count,
	      const struct hmr_dims *dims)
{
	dnnl_dims_t c = { count }, row = { 1, count }, page = { 1, 1, count };

	if (n->op != HMR_OP_MATMUL)
		(void)dnnl_memory_desc_init_by_tag(m, 1, c, dnnl_f32, dnnl_x);
	else if (dims[n->in[1]].n > 2)
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
product_pd(struct hmr_exec *x, const struct hmr_dims *dims, const struct hmr_node *n,
	   const dnnl_memory_desc_t *weights, dnnl_primitive_attr_t attr,
	   dnnl_primitive_desc_t *pd)
{
	bool batch = dims[n->in[1]].n > 2, constant = x->job->graph->value[n->in[1]].tensor >= 0;
	dnnl_memory_desc_t src, right, bias, dst;
	dnnl_matmul_desc_t md;
	dnnl_status_t s;

	rows_desc(&src, &dims[n->in[0]], batch);
	rows_desc(&dst, &dims[n->out[0]], batch);
	cpu_weight_desc(&right, n, &dims[n->in[1]], !constant);
	cpu_bias_desc(&bias, n, dims[n->out[0]].d[dims[n->out[0]].n - 1], dims);
	s = dnnl_matmul_desc_init(&md, &src, weights ? weights : &right,
				  n->n_in == 3 ? &bias : NULL, &dst);
	return s ? s : dnnl_primitive_desc_create(pd, &md, attr, x->engine, NULL);
}

dnnl_status_t
cpu_make_pd(struct hmr_exec *x, uint32_t plan, const struct hmr_node *n,
	    const dnnl_memory_desc_t *weights, dnnl_primitive_attr_t attr,
	    dnnl_primitive_desc_t *pd)
{
	const struct hmr_dims *dims = x->job->plan[plan].dims;
	const struct hmr_dims *in = &dims[n->in[0]], *w = &dims[n->in[1]];
	const struct hmr_dims *out = &dims[n->out[0]];
	bool up = n->op == HMR_OP_CONV_TRANSPOSE;
	dnnl_memory_desc_t src, dst, bias, any;
	dnnl_convolution_desc_t cd;	/* of both kinds */
	dnnl_dims_t stride = { n->stride[0], n->stride[1] }, before, after, dilate;
	dnnl_status_t s;
	int32_t pad[4];

	if (n->op == HMR_OP_MATMUL)
		return product_pd(x, dims, n, weights, attr, pd);
	hmr_node_pads(n, w->d + 2, in, out, pad);
	for (int a = 0; a < 2; a++) {
		int64_t small = up ? in->d[1 + a] : out->d[1 + a];
		int64_t large = up ? out->d[1 + a] : in->d[1 + a];

		dilate[a] = n->dilate[a] > 1 ? n->dilate[a] - 1 : 0;
		before[a] = pad[a];
		/* what is read after the image, not what was declared */
		after[a] = (small - 1) * n->stride[a] +
			   (w->d[2 + a] - 1) * (dilate[a] + 1) + 1 - large - pad[a];
	}
	image_desc(&src, in);
	image_desc(&dst, out);
	cpu_weight_desc(&any, n, w, false);
	cpu_bias_desc(&bias, n, w->d[0], dims);
	s = (up ? dnnl_dilated_deconvolution_forward_desc_init :
	     dnnl_dilated_convolution_forward_desc_init)(&cd, dnnl_forward_inference,
		up ? dnnl_deconvolution_direct : dnnl_convolution_direct, &src,
		weights ? weights : &any, n->n_in == 3 ? &bias : NULL, &dst, stride, dilate,
		before, after);
	return s ? s : dnnl_primitive_desc_create(pd, &cd, attr, x->engine, NULL);
}

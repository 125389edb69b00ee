/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory HMR2 takes on a GPU, and what lies where in it: a function of
 * the network's dimensions and the limit alone, so it can be shown without a GPU. */
#include "hmr2/hmr2_cuda_impl.h"

#include <inttypes.h>
#include <string.h>

#define TOKENS ((size_t)HMR_HMR2_TOKENS)
#define F4 sizeof(float)

static size_t
most(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Widths are at most 8192, layers 256, people 16: no product here overflows. */
static size_t
take(size_t *at, size_t bytes)
{
	size_t here = *at;

	*at += (bytes + 255) & ~(size_t)255;
	return here;
}

/* t: bytes of a weight, 1 where there are scales; returns the block's. */
static size_t
map_layer(size_t *layer, const struct hmr_hmr2_dims *d, size_t t)
{
	size_t dim = d->dim, mlp = d->mlp, s = t == 1 ? F4 : 0, end = 0;
	const size_t bytes[HMR2_TENSORS] = {
		[HMR2_NORM1_W] = dim * F4, [HMR2_NORM1_B] = dim * F4,
		[HMR2_QKV] = 3 * dim * dim * t, [HMR2_QKV_S] = 3 * dim * s,
		[HMR2_QKV_B] = 3 * dim * (t == 1 ? F4 : t),
		[HMR2_PROJ] = dim * dim * t, [HMR2_PROJ_S] = dim * s,
		[HMR2_PROJ_B] = dim * F4,
		[HMR2_NORM2_W] = dim * F4, [HMR2_NORM2_B] = dim * F4,
		[HMR2_FC1] = mlp * dim * t, [HMR2_FC1_S] = mlp * s, [HMR2_FC1_B] = mlp * F4,
		[HMR2_FC2] = dim * mlp * t, [HMR2_FC2_S] = dim * s, [HMR2_FC2_B] = dim * F4,
	};

	for (int i = 0; i < HMR2_TENSORS; i++)
		layer[i] = take(&end, bytes[i]);
	return end;
}

static void
map_head(struct hmr2_cuda_map *m, const struct hmr_hmr2_dims *d, size_t t)
{
	size_t dim = d->head_dim, inner = d->head_inner, mlp = d->head_mlp;
	const size_t bytes[HMR2_HEAD_TENSORS] = {
		[HMR2_H_NORM0_W] = dim * F4, [HMR2_H_NORM0_B] = dim * F4,
		[HMR2_H_SELF_V] = inner * dim * t, [HMR2_H_SELF_OUT] = dim * inner * t,
		[HMR2_H_SELF_OUT_B] = dim * F4,
		[HMR2_H_NORM1_W] = dim * F4, [HMR2_H_NORM1_B] = dim * F4,
		[HMR2_H_Q] = inner * dim * t, [HMR2_H_OUT] = dim * inner * t,
		[HMR2_H_OUT_B] = dim * F4,
		[HMR2_H_NORM2_W] = dim * F4, [HMR2_H_NORM2_B] = dim * F4,
		[HMR2_H_FC1] = mlp * dim * t, [HMR2_H_FC1_B] = mlp * F4,
		[HMR2_H_FC2] = dim * mlp * t, [HMR2_H_FC2_B] = dim * F4,
	};

	m->head_bytes = 0;
	for (int i = 0; i < HMR2_HEAD_TENSORS; i++)
		m->head[i] = take(&m->head_bytes, bytes[i]);
}

/* Weights that stay, at *at. */
static void
map_fixed(struct hmr2_cuda_map *m, const struct hmr_hmr2_dims *d, size_t t,
	  uint32_t people, uint32_t vertices, size_t *at)
{
	size_t dim = d->dim, v = vertices;

	m->patch = take(at, dim * HMR_HMR2_PATCH * t);
	m->pos = take(at, TOKENS * dim * F4);
	m->norm_w = take(at, dim * F4);
	m->norm_b = take(at, dim * F4);
	m->token = take(at, (size_t)people * d->head_dim * F4);
	m->heads = take(at, d->head_depth * m->head_bytes);
	m->kv = take(at, d->head_depth * 2 * (size_t)d->head_inner * dim * t);
	m->dec = take(at, HMR_HMR2_OUT * (size_t)d->head_dim * t);
	m->dec_b = take(at, HMR_HMR2_OUT * F4);
	m->body_rest = take(at, v * 3 * F4);
	m->body_dir = take(at, v * 3 * (10 + 207) * F4);
	m->body_weight = take(at, v * 4 * F4);
	m->body_index = take(at, v * 4);
	m->body_joint = take(at, v ? 11 * 72 * F4 : 0);
}

static void
map_work(struct hmr2_cuda_map *m, const struct hmr_hmr2_dims *d,
	 const struct hmr2_cuda_needs *n, size_t people, size_t *at)
{
	size_t rows = people * TOKENS, dim = d->dim, vertices = n->vertices;
	size_t t = hmr_device_type_bytes(n->type);
	size_t wide = most(most(3 * dim, d->mlp),
			   d->head_depth * 2 * (size_t)d->head_inner);

	m->crops = take(at, people * HMR_HMR2_PIXELS * F4);
	m->x = take(at, rows * dim * F4);
	m->a = take(at, rows * most(dim, HMR_HMR2_PATCH) * t);
	m->big = take(at, rows * wide * t);
	m->sum = take(at, n->int8 ? rows * most(3 * dim, d->mlp) * sizeof(int32_t) : 0);
	m->scale = take(at, n->int8 ? rows * F4 : 0);
	m->state = take(at, people * d->head_dim * F4);
	m->query = take(at, people * d->head_inner * F4);
	m->other = take(at, people * d->head_inner * F4);
	m->hidden = take(at, people * d->head_mlp * F4);
	m->six = take(at, people * HMR2_CUDA_SIX * F4);
	m->result = take(at, people * HMR2K_RESULT * F4);
	m->bone = take(at, vertices ? people * 288 * F4 : 0);
	m->coef = take(at, vertices ? people * HMR2K_COEF * F4 : 0);
	m->vertices = take(at, people * vertices * 3 * F4);
	m->image = take(at, (size_t)n->width * n->height * 3);
	m->rows = take(at, (size_t)n->height * HMR_HMR2_WIDTH * 6 * F4);
	m->jobs = take(at, n->width ? people * sizeof(struct hmr2_crop_job) : 0);
	m->planes = take(at, HMR_SLOTS * n->slot);
}

void
hmr2_cuda_map_make(struct hmr2_cuda_map *m, const struct hmr_hmr2_dims *d,
		   const struct hmr2_cuda_needs *n, uint32_t people, uint32_t resident)
{
	size_t t = hmr_device_type_bytes(n->type), at = 0;

	memset(m, 0, sizeof(*m));
	m->first_bytes = map_layer(m->first, d, t);
	m->layer_bytes = map_layer(m->layer, d, n->int8 ? 1 : t);
	map_head(m, d, t);
	map_fixed(m, d, t, people, n->vertices, &at);
	m->fixed_end = at;
	map_work(m, d, n, people, &at);
	m->work_end = at;
	m->workspace = take(&at, HMR2_CUDA_WORKSPACE);
	m->slots = take(&at, (d->depth - resident < 2 ? d->depth - resident : 2) *
			m->layer_bytes);
	m->layers = at;
	m->end = at = resident ? hmr2_cuda_layer_at(m, resident) : at;
	at = 0;
	take(&at, people * (size_t)HMR_HMR2_PIXELS * F4);
	m->host_result = take(&at, people * HMR2K_RESULT * F4);
	m->host_vertices = take(&at, people * (size_t)n->vertices * 3 * F4);
	m->host_planes = take(&at, HMR_SLOTS * n->slot);
	m->host_jobs = take(&at, n->width ? people * sizeof(struct hmr2_crop_job) : 0);
	m->host_end = at;
}

/* The plan with this many people and resident layers. */
static void
fill(struct hmr2_cuda_plan *p, const struct hmr_hmr2_dims *d,
     const struct hmr2_cuda_needs *n, uint32_t people, uint32_t resident)
{
	struct hmr2_cuda_map m;

	hmr2_cuda_map_make(&m, d, n, people, resident);
	p->people = people;
	p->depth = d->depth;
	p->resident = resident;
	p->layer = m.layer_bytes;
	p->stay = m.end - m.layers;
	p->fixed = m.fixed_end;
	p->activations = m.work_end - m.fixed_end;
	p->workspace = m.slots - m.workspace;
	p->slots = m.layers - m.slots;
	p->device = m.end;
	p->host_io = m.host_end;
	p->host_layers = (d->depth - resident) * m.layer_bytes;
}

enum hmr_status
hmr2_cuda_plan_make(struct hmr2_cuda_plan *p, const struct hmr_hmr2_dims *d,
		    const struct hmr2_cuda_needs *n, struct hmr_err *e)
{
	uint32_t largest = 1, least = n->int8;

	memset(p, 0, sizeof(*p));
	p->type = n->type;
	p->int8 = n->int8;
	while (largest < n->people && largest < HMR2_CUDA_PEOPLE)
		largest *= 2;
	for (uint32_t k = largest; k; k /= 2) {
		fill(p, d, n, k, d->depth);
		if (!n->limit || p->device <= n->limit)
			return HMR_OK;
	}
	for (uint32_t k = largest; k; k /= 2) {
		fill(p, d, n, k, least);
		if (p->device > n->limit)
			continue;
		fill(p, d, n, k, least + (uint32_t)((n->limit - p->device) / p->layer));
		return HMR_OK;
	}
	return hmr_fail(e, HMR_E_DEVICE, "a limit of %" PRIu64 " bytes of GPU memory is "
			"too little: %zu are needed (two layers at a time %zu, other "
			"weights %zu, one person %zu, workspace %zu)", n->limit, p->device,
			p->slots, p->fixed + p->stay, p->activations, p->workspace);
}

const char *
hmr2_cuda_plan_precision(const struct hmr2_cuda_plan *p)
{
	return p->int8 ? "int8" : p->type == HMR_DEVICE_F32 ? "f32" :
		p->type == HMR_DEVICE_F16 ? "f16" : "bf16";
}

void
hmr2_cuda_plan_sum(const struct hmr2_cuda_plan *p, struct hmr_net_plan *out)
{
	*out = (struct hmr_net_plan){ .activations = p->activations,
		.weights = p->device - p->activations - p->workspace,
		.workspace = p->workspace, .device = p->device,
		.staging = p->host_io + p->host_layers };
}

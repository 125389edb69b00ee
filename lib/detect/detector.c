/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The detector: networks for the sizes it runs at and what they need; see detector.h.
 * It runs in detector_run.c or detector_gpu.c. What the outputs mean is decode.h's,
 * which kind of detector it is detector_spec.c's.
 */
#include "detect/detector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect/detector_impl.h"
#include "nn/target.h"

/* An image's size at a scale: the longer side as asked, the aspect kept. */
static void
shape(uint32_t w, uint32_t h, uint32_t side, uint32_t out[2])
{
	double scale = (double)side / (w > h ? w : h);
	double exact[2] = { w * scale, h * scale };

	for (int i = 0; i < 2; i++) {
		out[i] = (uint32_t)nearbyint(exact[i]);
		out[i] = out[i] ? out[i] : 1;
	}
}

static bool
dims_of(void *ctx, const char *name, struct hmr_dims *d)
{
	return hmr_net_shape(ctx, name, d);
}

/* A network for s->width x s->height pixels, as hmr_net_new() takes it. */
static void
net_options(const struct hmr_detector *d, const struct scale *s,
	    const char *names[HMR_DECODE_OUTPUTS + 1], struct hmr_net_options *o)
{
	*o = (struct hmr_net_options){ .device = d->o.device, .precision = d->o.precision,
		.threads = d->o.threads, .outputs = names,
		.around = s->around.before ? &s->around : NULL };
	hmr_decoder_names(&d->spec, names);
	o->input = (struct hmr_dims){ 4, { 1, 3, s->height, s->width } };
	if (d->nhwc)
		o->input = (struct hmr_dims){ 4, { 1, s->height, s->width, 3 } };
}

/* What the networks need of a GPU together; what is over goes to the first ones. */
static enum hmr_status
share_gpu(struct hmr_detector *d, const struct hmr_model *m, uint32_t n, struct hmr_err *e)
{
	const char *names[HMR_DECODE_OUTPUTS + 1];
	struct hmr_net_options o;
	struct hmr_slots_plan slots;
	uint64_t least, sum;
	enum hmr_status st;

	if (!d->o.gpu_mem || d->gpu < 0)
		return HMR_OK;
	hmr_slots_plan(&slots, d->slot, hmr_detector_list(d));
	sum = slots.device;
	for (uint32_t i = 0; i < n; i++) {
		net_options(d, &d->scale[i], names, &o);
		if ((st = hmr_net_least(m, &o, &least, e)))
			return st;
		d->scale[i].gpu_mem = least;
		sum += least;
	}
	if (sum > d->o.gpu_mem)
		return hmr_fail(e, HMR_E_DEVICE, "%u networks and two images need %llu bytes of GPU "
				"memory, the limit is %llu", n, (unsigned long long)sum,
				(unsigned long long)d->o.gpu_mem);
	d->gpu_over = d->o.gpu_mem - sum;
	return HMR_OK;
}

static bool
is_image(const struct hmr_dims *d, const struct hmr_dims *wanted)
{
	return d->n == 4 && !memcmp(d->d, wanted->d, 4 * sizeof(*d->d));
}

static enum hmr_status
open_net(struct hmr_detector *d, struct scale *s, const struct hmr_model *m,
	 struct hmr_err *e)
{
	const char *names[HMR_DECODE_OUTPUTS + 1];
	struct hmr_net_options o;
	struct hmr_net_plan plan;
	struct hmr_dims dims = { .n = 0 };
	enum hmr_status st;

	net_options(d, s, names, &o);
	o.gpu_mem = s->gpu_mem ? s->gpu_mem + d->gpu_over : 0;
	if ((st = hmr_net_new(&s->net, m, &o, e)))
		return st;
	hmr_net_plan(s->net, &plan);
	if (s->gpu_mem)
		d->gpu_over -= plan.device - s->gpu_mem;
	s->input = hmr_net_input(s->net, NULL, &dims);
	if (!is_image(&dims, &o.input))
		return hmr_fail(e, HMR_E_MODEL, "input is not an image of %ux%u", s->width,
				s->height);
	return d->gpu >= 0 ? HMR_OK : hmr_decoder_init(&s->decoder, &d->spec, s->width,
						       s->height, dims_of, s->net, e);
}

/* On a GPU the decoder is part of the network's plan: known before it is opened. */
static enum hmr_status
plan_net(struct hmr_detector *d, struct scale *s, const struct hmr_model *m,
	 struct hmr_err *e)
{
	const char *names[HMR_DECODE_OUTPUTS + 1];
	struct hmr_net_options o;
	struct hmr_net *net;
	enum hmr_status st;

	net_options(d, s, names, &o);
	o.plan_only = true;
	if ((st = hmr_net_new(&net, m, &o, e)))
		return st;
	st = hmr_decoder_init(&s->decoder, &d->spec, s->width, s->height, dims_of, net, e);
	hmr_net_free(net);
	return st;
}

/* Its size for images of w x h at most: a free one follows their aspect. */
static void
set_size(const struct hmr_detector *d, struct scale *s, uint32_t w, uint32_t h)
{
	uint32_t size[2] = { d->spec.width, d->spec.height }, k = d->multiple;

	if (s->side) {
		shape(w, h, s->side, size);
		size[0] = (size[0] + k - 1) / k * k;
		size[1] = (size[1] + k - 1) / k * k;
	}
	s->width = size[0];
	s->height = size[1];
}

/* Which sizes the network runs at. */
static enum hmr_status
set_scales(struct hmr_detector *d, struct hmr_err *e)
{
	const int64_t *at = d->sign.input.dims.d + (d->nhwc ? 1 : 2);
	struct hmr_detect_spec *s = &d->spec;
	const uint32_t *side = d->o.n_sides ? d->o.side : s->side;
	uint32_t stored[2] = { (uint32_t)at[1], (uint32_t)at[0] };
	bool open = d->sign.free[0] && d->sign.free[1];

	d->multiple = hmr_spec_multiple(s, &d->sign);
	d->n_scales = d->o.n_sides ? d->o.n_sides : s->n_sides;
	if (!open && d->o.n_sides)
		return hmr_fail(e, HMR_E_MODEL, "it takes images of %ux%u only: scales are for "
				"networks of free size, tiles for all", stored[0], stored[1]);
	if (!open && s->width && (s->width != stored[0] || s->height != stored[1]))
		return hmr_fail(e, HMR_E_MODEL, "it takes images of %ux%u only, the sidecar says "
				"%ux%u", stored[0], stored[1], s->width, s->height);
	if (!open || (!d->o.n_sides && (s->width || s->fit == HMR_FIT_STRETCH))) {
		s->width = s->width ? s->width : stored[0];
		s->height = s->height ? s->height : stored[1];
		d->n_scales = 1;
		side = NULL;
	} else if (!d->n_scales) {
		d->n_scales = 1;
		side = stored[0] > stored[1] ? &stored[0] : &stored[1];
	}
	for (uint32_t i = 0; i < d->n_scales; i++) {
		struct scale *c = &d->scale[i];

		c->side = side ? side[i] : 0;
		if (i + 1 < d->n_scales && s->n_sides)
			c->gate = s->gate * (float)s->side[0] / (float)c->side;
		set_size(d, c, d->o.width, d->o.height);
	}
	return HMR_OK;
}

/* Tiles run at the largest size, on a network of their own where the aspect of a
 * tile makes another one of it. */
static void
set_tiles(struct hmr_detector *d)
{
	struct hmr_tiles t = { d->o.tile_rows, d->o.tile_cols, d->o.width, d->o.height };
	struct scale *top = &d->scale[d->n_scales - 1], *own = &d->scale[d->n_scales];
	uint32_t rect[4];

	d->tile_scale = -1;
	if (!t.rows)
		return;
	hmr_tile_rect(&t, 0, 0, rect);
	own->side = top->side;
	set_size(d, own, rect[2], rect[3]);
	d->tile_scale = (int)d->n_scales;
	if (own->width == top->width && own->height == top->height)
		d->tile_scale--;
}

uint32_t
hmr_detector_nets(const struct hmr_detector *d)
{
	return d->n_scales + (d->tile_scale == (int)d->n_scales);
}

/* Boxes of the host; without tiles a GPU has its own. */
static enum hmr_status
make_boxes(struct hmr_detector *d, struct hmr_err *e)
{
	uint64_t cap = 0;

	for (uint32_t i = 0; i < d->n_scales; i++)
		cap += d->scale[i].decoder.cells;
	if (d->tile_scale >= 0) {
		uint32_t tiles = d->o.tile_rows * d->o.tile_cols;

		cap += (uint64_t)tiles * d->scale[d->tile_scale].decoder.cells + HMR_TILE_PARTS;
		if (!(d->part = calloc(HMR_TILE_PARTS, sizeof(*d->part))))
			return hmr_fail(e, HMR_E_NOMEM, "detector");
	}
	if (cap > UINT32_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "%llu boxes an image, tiles together",
				(unsigned long long)cap);
	if (d->gpu >= 0 && d->tile_scale < 0)
		return HMR_OK;
	d->cap = (uint32_t)cap;
	if (!(d->found = calloc(d->cap, sizeof(*d->found))))
		return hmr_fail(e, HMR_E_NOMEM, "detector");
	return HMR_OK;
}

/* On a GPU, all that is not a network's; else the sampler. */
static enum hmr_status
make_sampling(struct hmr_detector *d, struct hmr_err *e)
{
	uint32_t most[2] = { 1, 1 };

	if (d->gpu >= 0)
		return hmr_slots_new(&d->slots, d->gpu, d->slot, hmr_detector_list(d), e);
	for (uint32_t i = 0; i < hmr_detector_nets(d); i++) {
		const struct scale *s = &d->scale[i];

		most[0] = s->width > most[0] ? s->width : most[0];
		most[1] = s->height > most[1] ? s->height : most[1];
	}
	return hmr_sampler_new(&d->sampler, d->o.width, d->o.height, most[0], most[1], e);
}

/* Plans all networks, then opens them. */
static enum hmr_status
open_all(struct hmr_detector *d, const struct hmr_model *m, struct hmr_err *e)
{
	uint32_t n;
	enum hmr_status st;

	if ((st = set_scales(d, e)))
		return hmr_fail_in(e, st, "%s", hmr_model_name(m));
	set_tiles(d);
	n = hmr_detector_nets(d);
	for (uint32_t i = 0; d->gpu >= 0 && i < n; i++)
		if ((st = plan_net(d, &d->scale[i], m, e)))
			return hmr_fail_in(e, st, "%s (%s)", hmr_model_name(m), d->about);
	for (uint32_t i = 0; d->gpu >= 0 && i < n; i++)
		hmr_detector_surround(d, &d->scale[i]);
	if ((st = share_gpu(d, m, n, e)) || (st = make_sampling(d, e)))
		return hmr_fail_in(e, st, "%s", hmr_model_name(m));
	for (uint32_t i = 0; i < n; i++) {
		if (d->slots) {
			d->scale[i].around.device = hmr_slots_device(d->slots);
			d->scale[i].around.queue = hmr_slots_queue(d->slots);
		}
		if ((st = open_net(d, &d->scale[i], m, e)))
			return hmr_fail_in(e, st, "%s (%s)", hmr_model_name(m), d->about);
	}
	if ((st = make_boxes(d, e)))
		return hmr_fail_in(e, st, "%s", hmr_model_name(m));
	return HMR_OK;
}

/* Whether it runs on a GPU, and on which. */
static enum hmr_status
choose_gpu(struct hmr_detector *d, struct hmr_err *e)
{
	struct hmr_target t;
	enum hmr_status st = hmr_target_choose(&t, d->o.device, e);

	d->gpu = !st && t.kind == HMR_TARGET_CUDA ? t.index : -1;
	d->slot = hmr_slot_bytes(d->o.width, d->o.height, d->o.image_bytes);
	return st;
}

enum hmr_status
hmr_detector_new(struct hmr_detector **out, const struct hmr_model *m,
		 const struct hmr_detector_options *o, struct hmr_err *e)
{
	struct hmr_detector *d;
	enum hmr_status st;

	*out = NULL;
	if (!(d = calloc(1, sizeof(*d))))
		return hmr_fail(e, HMR_E_NOMEM, "detector");
	d->o = *o;
	if (!(st = choose_gpu(d, e)) &&
	    !(st = hmr_detector_spec(&d->spec, &d->sign, d->about, m, o, e))) {
		const struct hmr_detect_spec *s = &d->spec;

		d->nhwc = d->sign.input.dims.d[1] != 3 || s->layout == HMR_LAYOUT_NHWC;
		for (int c = 0; c < 3; c++) {
			d->value_scale[c] = 255 / s->std[c];
			d->value_bias[c] = -s->mean[c] / s->std[c];
		}
		if (o->nms < 0)
			d->o.nms = s->nms || o->tile_rows ? HMR_DETECT_NMS : 1;
		st = open_all(d, m, e);
	}
	if (st) {
		hmr_detector_free(d);
		return st;
	}
	*out = d;
	return HMR_OK;
}

void
hmr_detector_free(struct hmr_detector *d)
{
	if (!d)
		return;
	if (d->slots)
		hmr_slots_idle(d->slots);
	for (int i = 0; i < SCALES; i++)
		hmr_net_free(d->scale[i].net);
	hmr_slots_free(d->slots);
	hmr_sampler_free(d->sampler);
	free(d->found);
	free(d->part);
	free(d);
}

void
hmr_detector_plan(const struct hmr_detector *d, struct hmr_detector_plan *out)
{
	struct hmr_slots_plan slots = { 0, 0 };

	memset(out, 0, sizeof(*out));
	if (d->slots)
		hmr_slots_plan(&slots, d->slot, hmr_detector_list(d));
	out->nets.images = out->nets.device = slots.device;
	out->nets.staging = slots.staging;
	out->n_sizes = hmr_detector_nets(d);
	for (uint32_t i = 0; i < out->n_sizes; i++) {
		struct hmr_net_plan p;

		hmr_net_plan(d->scale[i].net, &p);
		out->nets.weights += p.weights;
		out->nets.activations += p.activations;
		out->nets.workspace += p.workspace;
		out->nets.device += p.device;
		out->nets.staging += p.staging;
		out->size[i][0] = d->scale[i].width;
		out->size[i][1] = d->scale[i].height;
	}
	out->buffers = (d->sampler ? hmr_sampler_bytes(d->sampler) : 0) +
		d->cap * sizeof(*d->found) +
		(d->part ? HMR_TILE_PARTS * sizeof(*d->part) : 0) + sizeof(*d);
}

const char *
hmr_detector_backend(const struct hmr_detector *d)
{
	return hmr_net_backend(d->scale[0].net);
}

const char *
hmr_detector_precision(const struct hmr_detector *d)
{
	return hmr_net_precision(d->scale[0].net);
}

const char *
hmr_detector_about(const struct hmr_detector *d)
{
	return d->about;
}

/* The size an image gets within the network's input. Keeping the aspect is better
 * for NanoDet: on vtest.avi (every 8th frame, score 0.5) 448x336 padded to 352 gives
 * recall .910 and precision .945, stretched to 448x320 .901 and .939, to 448x352
 * .899 and .930. */
static void
fit_size(const struct hmr_detector *d, const struct scale *s, uint32_t w, uint32_t h,
	 uint32_t size[2])
{
	uint32_t net[2] = { s->width, s->height };
	double k;

	size[0] = net[0];
	size[1] = net[1];
	if (d->spec.fit == HMR_FIT_STRETCH)
		return;
	k = fmin((double)net[0] / w, (double)net[1] / h);
	size[0] = (uint32_t)(w * k);
	size[1] = (uint32_t)(h * k);
	if (s->side) {
		shape(w, h, s->side, size);
		k = fmin((double)net[0] / size[0], (double)net[1] / size[1]);
		for (int i = 0; i < 2; i++)
			size[i] = k < 1 ? (uint32_t)(size[i] * k) : size[i];
	}
	for (int i = 0; i < 2; i++)
		size[i] = size[i] ? size[i] : 1;
}

void
hmr_detector_fit(const struct hmr_detector *d, const struct scale *s, uint32_t w,
		 uint32_t h, struct hmr_detector_fit *f, struct hmr_mapping *m)
{
	fit_size(d, s, w, h, f->size);
	f->at[0] = d->spec.centred ? (s->width - f->size[0]) / 2 : 0;
	f->at[1] = d->spec.centred ? (s->height - f->size[1]) / 2 : 0;
	for (int i = 0; i < 2; i++) {
		m->offset[i] = (float)f->at[i];
		m->scale[i] = (float)(i ? h : w) / (float)f->size[i];
	}
}

enum hmr_status
hmr_detector_begin(struct hmr_detector *d, const struct hmr_image *im, struct hmr_err *e)
{
	return d->slots ? hmr_detector_gpu_begin(d, im, e) : HMR_OK;
}

bool
hmr_detector_ahead(const struct hmr_detector *d)
{
	return d->slots != NULL;
}

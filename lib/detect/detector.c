/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The detector: networks for the sizes it runs at, images into their inputs, their
 * outputs to boxes, one suppression; see detector.h. What the outputs mean is
 * decode.h's, which kind of detector it is detector_spec.c's.
 */
#include "detect/detector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect/decode.h"
#include "detect/detector_spec.h"
#include "detect/tile.h"
#include "image/sample.h"

#define SCALES (HMR_DETECT_SIDES + 1)

struct scale {
	uint64_t gpu_mem;		/* bytes of a GPU that it needs; 0: no limit */
	struct hmr_net *net;
	struct hmr_decoder decoder;
	float *input;
	uint32_t side;			/* pixels of the image's longer side; 0: fixed size */
	uint32_t width, height;		/* of the network */
	float gate;			/* of the image's height; 0: none */
};

struct hmr_detector {
	struct hmr_detector_options o;
	struct hmr_detect_spec spec;
	struct hmr_signature sign;
	char about[HMR_DETECTOR_ABOUT];
	bool nhwc;
	uint32_t multiple;		/* of free sizes */
	uint32_t n_scales;
	struct scale scale[SCALES];	/* of the whole image, rising; tiles' own last */
	int tile_scale;			/* that tiles run on; -1: none */
	struct hmr_sampler *sampler;
	struct hmr_scored *found;
	uint32_t cap;			/* of found */
	struct hmr_tile_part *part;	/* [HMR_TILE_PARTS], with tiles */
	uint64_t gpu_over;		/* bytes of o.gpu_mem that no network needs */
	float value_scale[3], value_bias[3];	/* of R G B in 0..1 */
};

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
	return hmr_net_output(ctx, name, d) != NULL;
}

/* A network for s->width x s->height pixels, as hmr_net_new() takes it. */
static void
net_options(const struct hmr_detector *d, const struct scale *s,
	    const char *names[HMR_DECODE_OUTPUTS + 1], struct hmr_net_options *o)
{
	*o = (struct hmr_net_options){ .device = d->o.device, .precision = d->o.precision,
		.threads = d->o.threads, .outputs = names };
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
	uint64_t least, sum = 0;
	enum hmr_status st;

	for (uint32_t i = 0; d->o.gpu_mem && i < n; i++) {
		net_options(d, &d->scale[i], names, &o);
		if ((st = hmr_net_least(m, &o, &least, e)))
			return st;
		d->scale[i].gpu_mem = least;
		sum += least;
	}
	if (sum > d->o.gpu_mem)
		return hmr_fail(e, HMR_E_DEVICE, "%u networks need %llu bytes of GPU memory, the "
				"limit is %llu", n, (unsigned long long)sum,
				(unsigned long long)d->o.gpu_mem);
	d->gpu_over = d->o.gpu_mem - sum;
	return HMR_OK;
}

static enum hmr_status
open_net(struct hmr_detector *d, struct scale *s, const struct hmr_model *m,
	 struct hmr_err *e)
{
	const char *names[HMR_DECODE_OUTPUTS + 1];
	struct hmr_net_options o;
	struct hmr_net_plan plan;
	struct hmr_dims dims;
	enum hmr_status st;

	net_options(d, s, names, &o);
	o.gpu_mem = s->gpu_mem ? s->gpu_mem + d->gpu_over : 0;
	if ((st = hmr_net_new(&s->net, m, &o, e)))
		return st;
	hmr_net_plan(s->net, &plan);
	if (s->gpu_mem)
		d->gpu_over -= plan.device - s->gpu_mem;
	if (!(s->input = hmr_net_input(s->net, NULL, &dims)) || dims.n != 4 ||
	    memcmp(dims.d, o.input.d, 4 * sizeof(*dims.d)))
		return hmr_fail(e, HMR_E_MODEL, "input is not an image of %ux%u", s->width,
				s->height);
	return hmr_decoder_init(&s->decoder, &d->spec, s->width, s->height, dims_of, s->net,
				e);
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

static uint32_t
nets(const struct hmr_detector *d)
{
	return d->n_scales + (d->tile_scale == (int)d->n_scales);
}

static enum hmr_status
open_all(struct hmr_detector *d, const struct hmr_model *m, struct hmr_err *e)
{
	uint32_t most[2] = { 1, 1 };
	uint64_t cap = 0;
	enum hmr_status st;

	if ((st = set_scales(d, e)))
		return hmr_fail_in(e, st, "%s", hmr_model_name(m));
	set_tiles(d);
	if ((st = share_gpu(d, m, nets(d), e)))
		return hmr_fail_in(e, st, "%s", hmr_model_name(m));
	for (uint32_t i = 0; i < nets(d); i++) {
		struct scale *s = &d->scale[i];

		if ((st = open_net(d, s, m, e)))
			return hmr_fail_in(e, st, "%s (%s)", hmr_model_name(m), d->about);
		cap += (i < d->n_scales) * (uint64_t)s->decoder.cells;
		most[0] = s->width > most[0] ? s->width : most[0];
		most[1] = s->height > most[1] ? s->height : most[1];
	}
	if (d->tile_scale >= 0) {
		uint32_t tiles = d->o.tile_rows * d->o.tile_cols;

		cap += (uint64_t)tiles * d->scale[d->tile_scale].decoder.cells + HMR_TILE_PARTS;
		if (!(d->part = calloc(HMR_TILE_PARTS, sizeof(*d->part))))
			return hmr_fail(e, HMR_E_NOMEM, "detector");
	}
	if (cap > UINT32_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "%s: %llu boxes an image, tiles together",
				hmr_model_name(m), (unsigned long long)cap);
	d->cap = (uint32_t)cap;
	if (!(d->found = calloc(d->cap, sizeof(*d->found))))
		return hmr_fail(e, HMR_E_NOMEM, "detector");
	return hmr_sampler_new(&d->sampler, d->o.width, d->o.height, most[0], most[1], e);
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
	if (!(st = hmr_detector_spec(&d->spec, &d->sign, d->about, m, o, e))) {
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
	for (int i = 0; i < SCALES; i++)
		hmr_net_free(d->scale[i].net);
	hmr_sampler_free(d->sampler);
	free(d->found);
	free(d->part);
	free(d);
}

void
hmr_detector_plan(const struct hmr_detector *d, struct hmr_detector_plan *out)
{
	memset(out, 0, sizeof(*out));
	out->n_sizes = nets(d);
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
	out->buffers = hmr_sampler_bytes(d->sampler) + d->cap * sizeof(*d->found) +
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
fit(const struct hmr_detector *d, const struct scale *s, const struct hmr_image *im,
    uint32_t size[2])
{
	uint32_t net[2] = { s->width, s->height };
	double k;

	size[0] = net[0];
	size[1] = net[1];
	if (d->spec.fit == HMR_FIT_STRETCH)
		return;
	k = fmin((double)net[0] / im->width, (double)net[1] / im->height);
	size[0] = (uint32_t)(im->width * k);
	size[1] = (uint32_t)(im->height * k);
	if (s->side) {
		shape(im->width, im->height, s->side, size);
		k = fmin((double)net[0] / size[0], (double)net[1] / size[1]);
		for (int i = 0; i < 2; i++)
			size[i] = k < 1 ? (uint32_t)(size[i] * k) : size[i];
	}
	for (int i = 0; i < 2; i++)
		size[i] = size[i] ? size[i] : 1;
}

/* Everything the padding's colour. */
static void
paint(struct hmr_detector *d, struct scale *s)
{
	size_t plane = (size_t)s->width * s->height;

	for (int c = 0; c < 3; c++) {
		int to = d->spec.bgr ? 2 - c : c;
		float v = d->spec.fill[c] / 255 * d->value_scale[c] + d->value_bias[c];
		float *at = s->input + (d->nhwc ? (size_t)to : (size_t)to * plane);
		size_t step = d->nhwc ? 3 : 1;

		for (size_t i = 0; i < plane; i++)
			at[i * step] = v;
	}
}

static enum hmr_status
fill(struct hmr_detector *d, struct scale *s, const struct hmr_image *im,
     struct hmr_mapping *m, struct hmr_err *e)
{
	size_t plane = (size_t)s->width * s->height, step = d->nhwc ? 3 : 1;
	struct hmr_raster r = { .step = step, .pitch = s->width * step };
	uint32_t size[2], at[2] = { 0, 0 };

	fit(d, s, im, size);
	if (d->spec.centred) {
		at[0] = (s->width - size[0]) / 2;
		at[1] = (s->height - size[1]) / 2;
	}
	r.width = size[0];
	r.height = size[1];
	if (r.width < s->width || r.height < s->height)
		paint(d, s);
	for (int c = 0; c < 3; c++) {
		size_t to = (size_t)(d->spec.bgr ? 2 - c : c);

		r.channel[c] = s->input + (d->nhwc ? to : to * plane) +
			(at[1] * (size_t)s->width + at[0]) * step;
		r.scale[c] = d->value_scale[c];
		r.bias[c] = d->value_bias[c];
	}
	for (int i = 0; i < 2; i++) {
		m->offset[i] = (float)at[i];
		m->scale[i] = (float)(i ? im->height : im->width) / (float)size[i];
	}
	return hmr_sample_image(d->sampler, im, &r, e);
}

/* Appends a network's boxes in im, which begins at origin in the whole image. */
static enum hmr_status
run_net(struct hmr_detector *d, struct scale *s, const struct hmr_image *im,
	const uint32_t origin[2], uint32_t *n, struct hmr_err *e)
{
	const float *data[HMR_DECODE_OUTPUTS];
	struct hmr_mapping m = { .origin = { (float)origin[0], (float)origin[1] } };
	struct hmr_dims dims;
	enum hmr_status st;

	if ((st = fill(d, s, im, &m, e)) || (st = hmr_net_run(s->net, 0, e)))
		return st;
	for (uint32_t i = 0; i < s->decoder.n_outputs; i++)
		data[i] = hmr_net_output(s->net, s->decoder.name[i], &dims);
	hmr_decode(&s->decoder, data, d->o.score, &m, d->found, n);
	return HMR_OK;
}

/* Without those shorter than the gate. */
static uint32_t
gated(struct hmr_scored *b, uint32_t n, float least)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (fmaxf(b[i].box[2] - b[i].box[0], b[i].box[3] - b[i].box[1]) >= least)
			b[kept++] = b[i];
	return kept;
}

static enum hmr_status
run_tiles(struct hmr_detector *d, const struct hmr_image *im, uint32_t *n,
	  struct hmr_err *e)
{
	struct hmr_tiles t = { d->o.tile_rows, d->o.tile_cols, im->width, im->height };
	struct scale *s = &d->scale[d->tile_scale];
	uint32_t parts = 0;
	enum hmr_status st;

	for (uint32_t i = 0; i < t.rows * t.cols; i++) {
		uint32_t rect[4], from = *n;
		struct hmr_image part;

		hmr_tile_rect(&t, i / t.cols, i % t.cols, rect);
		hmr_image_part(im, rect, &part);
		if ((st = run_net(d, s, &part, rect, n, e)))
			return st;
		*n = from + hmr_boxes_nms(d->found + from, *n - from, d->o.nms);
		*n = from + hmr_tile_sort(&t, i / t.cols, i % t.cols, d->found + from,
					  *n - from, d->part, &parts);
	}
	hmr_tile_join(d->part, parts, d->found, n);
	return HMR_OK;
}

static enum hmr_status
run_all(struct hmr_detector *d, const struct hmr_image *im, uint32_t *n,
	struct hmr_err *e)
{
	static const uint32_t corner[2] = { 0, 0 };
	enum hmr_status st;

	for (uint32_t i = 0; i < d->n_scales; i++) {
		struct scale *s = &d->scale[i];
		uint32_t from = *n;

		if ((st = run_net(d, s, im, corner, n, e)))
			return st;
		*n = from + gated(d->found + from, *n - from, s->gate * (float)im->height);
	}
	return d->tile_scale < 0 ? HMR_OK : run_tiles(d, im, n, e);
}

enum hmr_status
hmr_detector_run(struct hmr_detector *d, const struct hmr_image *im,
		 struct hmr_person *out, uint32_t *n, uint32_t *over,
		 struct hmr_err *e)
{
	uint32_t found = 0;
	enum hmr_status st;

	*n = *over = 0;
	if ((st = run_all(d, im, &found, e)))
		return st;
	found = hmr_boxes_nms(d->found, found, d->o.nms);
	for (uint32_t i = 0; i < found; i++) {
		struct hmr_scored *b = &d->found[i];
		struct hmr_person p = { .score = b->score };

		if (!hmr_box_clip(b->box, (float)im->width, (float)im->height) ||
		    fmaxf(b->box[2] - b->box[0], b->box[3] - b->box[1]) <
		    d->o.min_size)
			continue;
		if (*n == d->o.max_people) {
			++*over;
			continue;
		}
		memcpy(p.box, b->box, sizeof(p.box));
		out[(*n)++] = p;
	}
	return HMR_OK;
}

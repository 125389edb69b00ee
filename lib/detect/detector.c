/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two-scale NanoDet detector; see detector.h. How pixels are prepared comes
 * from the model's meta; the scales are ours.
 */
#include "detect/detector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect/nanodet.h"
#include "image/sample.h"

#define LEVELS 3
#define SCALES 2
#define ALIGN 32		/* the network halves its input five times */
#define SIDE_SMALL 224
#define SIDE_LARGE 448
#define GATE_SMALL 0.4f		/* of the image's height */

static const uint32_t strides[LEVELS] = { 8, 16, 32 };
static const char *const outputs[2 * LEVELS + 1] = {
	"Identity", "Identity_1", "Identity_2",		/* class probabilities */
	"Identity_3", "Identity_4", "Identity_5", NULL,	/* box sides */
};

struct scale {
	struct hmr_net *net;
	float *input;			/* [3][height][width], B G R */
	uint32_t side;			/* pixels of the image's longer side */
	uint32_t width, height;		/* of the network: multiples of 32 */
	float gate;			/* of the image's height; 0: none */
};

struct hmr_detector {
	struct hmr_detector_options o;
	struct scale scale[SCALES];
	struct hmr_sampler *sampler;
	struct hmr_scored *found;	/* [cells of all levels of all scales] */
	uint32_t cells;
	uint64_t gpu_taken;		/* bytes of a GPU */
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

static enum hmr_status
check_outputs(struct scale *s, struct hmr_err *e)
{
	for (int i = 0; i < 2 * LEVELS; i++) {
		uint32_t stride = strides[i % LEVELS];
		int64_t cells = (int64_t)(s->width / stride) * (s->height / stride);
		struct hmr_dims o;

		if (!hmr_net_output(s->net, outputs[i], &o))
			return hmr_fail(e, HMR_E_MODEL, "no output %s", outputs[i]);
		if (o.n != 3 || o.d[1] != cells ||
		    (i < LEVELS ? o.d[2] < 1 : o.d[2] != 4 * HMR_NANODET_BINS))
			return hmr_fail(e, HMR_E_MODEL,
					"output %s is not NanoDet's for %ux%u pixels",
					outputs[i], s->width, s->height);
	}
	return HMR_OK;
}

static enum hmr_status
open_scale(struct hmr_detector *d, struct scale *s, const struct hmr_model *m,
	   struct hmr_err *e)
{
	struct hmr_net_options o = { .device = d->o.device,
		.precision = d->o.precision, .threads = d->o.threads,
		.outputs = outputs };
	uint32_t size[2];
	struct hmr_net_plan plan;
	struct hmr_dims dims;
	enum hmr_status st;

	if (d->o.gpu_mem)
		o.gpu_mem = d->o.gpu_mem > d->gpu_taken ? d->o.gpu_mem - d->gpu_taken : 1;
	shape(d->o.width, d->o.height, s->side, size);
	s->width = (size[0] + ALIGN - 1) / ALIGN * ALIGN;
	s->height = (size[1] + ALIGN - 1) / ALIGN * ALIGN;
	o.input.n = 4;
	o.input.d[0] = 1;
	o.input.d[1] = 3;
	o.input.d[2] = s->height;
	o.input.d[3] = s->width;
	if ((st = hmr_net_new(&s->net, m, &o, e)))
		return st;
	hmr_net_plan(s->net, &plan);
	d->gpu_taken += plan.device;
	if (!(s->input = hmr_net_input(s->net, NULL, &dims)) || dims.n != 4 ||
	    dims.d[1] != 3 || dims.d[2] != s->height || dims.d[3] != s->width)
		return hmr_fail(e, HMR_E_MODEL, "input is not 1x3x%ux%u", s->height,
				s->width);
	for (int l = 0; l < LEVELS; l++)
		d->cells += s->width / strides[l] * (s->height / strides[l]);
	return check_outputs(s, e);
}

/* What the model's meta says of its input: value = (255 c - mean) / std. */
static enum hmr_status
read_meta(struct hmr_detector *d, const struct hmr_model *m, struct hmr_err *e)
{
	static const char *const keys[3][2] = { { "mean_r", "std_r" },
		{ "mean_g", "std_g" }, { "mean_b", "std_b" } };
	const char *decoder = hmr_model_meta(m, "decoder");

	if (strcmp(hmr_model_kind(m), "detector"))
		return hmr_fail(e, HMR_E_MODEL, "a model of kind \"%s\", a detector is "
				"needed", hmr_model_kind(m));
	if (!decoder || strcmp(decoder, "nanodet"))
		return hmr_fail(e, HMR_E_MODEL, "a detector whose decoder \"%s\" is not "
				"known", decoder ? decoder : "");
	for (int c = 0; c < 3; c++) {
		double mean = hmr_model_meta_f64(m, keys[c][0], 0);
		double std = hmr_model_meta_f64(m, keys[c][1], 0);

		if (!isfinite(mean) || !(std > 0))
			return hmr_fail(e, HMR_E_MODEL, "no %s or %s in its meta",
					keys[c][0], keys[c][1]);
		d->value_scale[c] = (float)(255 / std);
		d->value_bias[c] = (float)(-mean / std);
	}
	d->scale[0].side = SIDE_SMALL;
	d->scale[0].gate = GATE_SMALL;
	d->scale[1].side = SIDE_LARGE;
	return HMR_OK;
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
	st = read_meta(d, m, e);
	for (int i = 0; i < SCALES && !st; i++)
		st = open_scale(d, &d->scale[i], m, e);
	if (st)
		hmr_fail_in(e, st, "%s", hmr_model_name(m));
	if (!st)
		st = hmr_sampler_new(&d->sampler, o->width, o->height,
				     d->scale[1].width, d->scale[1].height, e);
	if (!st && !(d->found = calloc(d->cells, sizeof(*d->found))))
		st = hmr_fail(e, HMR_E_NOMEM, "detector");
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
	free(d);
}

void
hmr_detector_plan(const struct hmr_detector *d, struct hmr_detector_plan *out)
{
	memset(out, 0, sizeof(*out));
	for (int i = 0; i < SCALES; i++) {
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
	out->buffers = hmr_sampler_bytes(d->sampler) +
		d->cells * sizeof(*d->found) + sizeof(*d);
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

/* Fills the network's input from the top left; the rest is the mean colour. The
 * aspect is kept: on vtest.avi (every 8th frame, score 0.5) 448x336 padded to 352
 * gives recall .910 and precision .945, stretched to 448x320 .901 and .939, to
 * 448x352 .899 and .930. scale = image pixels a network pixel, in x and y. */
static enum hmr_status
fill(struct hmr_detector *d, struct scale *s, const struct hmr_image *im,
     float scale[2], struct hmr_err *e)
{
	size_t plane = (size_t)s->width * s->height;
	struct hmr_raster r = { .step = 1, .pitch = s->width };
	uint32_t size[2];
	double fit;

	shape(im->width, im->height, s->side, size);
	fit = fmin((double)s->width / size[0], (double)s->height / size[1]);
	r.width = fit < 1 ? (uint32_t)(size[0] * fit) : size[0];
	r.height = fit < 1 ? (uint32_t)(size[1] * fit) : size[1];
	r.width = r.width ? r.width : 1;
	r.height = r.height ? r.height : 1;
	if (r.width < s->width || r.height < s->height)
		memset(s->input, 0, 3 * plane * sizeof(float));
	for (int c = 0; c < 3; c++) {
		r.channel[c] = s->input + (size_t)(2 - c) * plane;
		r.scale[c] = d->value_scale[c];
		r.bias[c] = d->value_bias[c];
	}
	scale[0] = (float)im->width / (float)r.width;
	scale[1] = (float)im->height / (float)r.height;
	return hmr_sample_image(d->sampler, im, &r, e);
}

/* Appends a scale's boxes to d->found. */
static enum hmr_status
run_scale(struct hmr_detector *d, struct scale *s, const struct hmr_image *im,
	  uint32_t *n, struct hmr_err *e)
{
	float scale[2], least = s->gate * (float)im->height;
	uint32_t from = *n, kept = *n;
	enum hmr_status st;

	if ((st = fill(d, s, im, scale, e)) || (st = hmr_net_run(s->net, 0, e)))
		return st;
	for (int i = 0; i < LEVELS; i++) {
		struct hmr_nanodet_level l = { .stride = strides[i],
			.cols = s->width / strides[i], .rows = s->height / strides[i] };
		struct hmr_dims dims;

		l.prob = hmr_net_output(s->net, outputs[i], &dims);
		l.classes = (uint32_t)dims.d[2];
		l.side = hmr_net_output(s->net, outputs[LEVELS + i], &dims);
		hmr_nanodet_decode(&l, d->o.score, scale, d->found, n);
	}
	for (uint32_t i = from; i < *n; i++) {
		const float *b = d->found[i].box;

		if (fmaxf(b[2] - b[0], b[3] - b[1]) >= least)
			d->found[kept++] = d->found[i];
	}
	*n = kept;
	return HMR_OK;
}

enum hmr_status
hmr_detector_run(struct hmr_detector *d, const struct hmr_image *im,
		 struct hmr_person *out, uint32_t *n, uint32_t *over,
		 struct hmr_err *e)
{
	uint32_t found = 0;
	enum hmr_status st;

	*n = *over = 0;
	for (int i = 0; i < SCALES; i++)
		if ((st = run_scale(d, &d->scale[i], im, &found, e)))
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

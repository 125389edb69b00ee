/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes to vectors; see reid.h. */
#include "detect/reid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect/boxes.h"
#include "detect/choose.h"
#include "nn/graph.h"

#define BATCH_MAX 8

struct hmr_reid {
	struct hmr_net *net;
	struct hmr_sampler *sampler;
	const char *outputs[2];		/* the model's strings */
	float *input;			/* [batch][...] */
	uint32_t batch;			/* the largest run, 1 where the network has no more */
	uint32_t width, height;		/* of the input, px */
	bool planar, bgr;
	float scale[3], bias[3];	/* of R G B in 0..1 */
	uint32_t values, kind;
	float min_score;
	uint32_t max_people;
	size_t bytes;
	/* [max_people] */
	uint32_t *chosen, *person;
	float (*box)[4];
	float *out;			/* [max_people][values] */
	uint8_t *section;
};

static enum hmr_status
prepare(struct hmr_reid *r, const struct hmr_reid_model *m, struct hmr_err *e)
{
	const struct hmr_graph *g = hmr_model_graph(m->model);

	if (!g || g->n_inputs != 1)
		return hmr_fail(e, HMR_E_MODEL, "a network of one input is needed");
	r->bgr = m->bgr;
	for (int c = 0; c < 3; c++) {
		r->scale[c] = 255 / m->std[c];
		r->bias[c] = -m->mean[c] / m->std[c];
	}
	r->outputs[0] = m->embedding[0] ? m->embedding : g->output[0].name;
	if (!m->embedding[0] && g->n_outputs != 1)
		return hmr_fail(e, HMR_E_MODEL, "%u outputs; which is the embedding must stand "
				"in a sidecar", g->n_outputs);
	r->batch = g->input[0].free[0] == 1 ? BATCH_MAX : 1;
	return HMR_OK;
}

/* One image of three colours in, one vector out? */
static enum hmr_status
check_shapes(struct hmr_reid *r, struct hmr_err *e)
{
	struct hmr_dims in, out;
	int64_t values = 1;

	r->input = hmr_net_input(r->net, NULL, &in);
	r->planar = in.n == 4 && in.d[1] == 3;
	if (!r->input || in.n != 4 || in.d[0] != r->batch ||
	    (!r->planar && in.d[3] != 3))
		return hmr_fail(e, HMR_E_MODEL, "its input is not an image of three colours");
	r->height = (uint32_t)in.d[r->planar ? 2 : 1];
	r->width = (uint32_t)in.d[r->planar ? 3 : 2];
	if (!hmr_net_output(r->net, r->outputs[0], &out))
		return hmr_fail(e, HMR_E_MODEL, "no output %s", r->outputs[0]);
	for (uint32_t i = 1; i < out.n; i++)	/* [batch,n], perhaps with ones behind */
		values = i == 1 || out.d[i] == 1 ? values * out.d[i] : 0;
	if (out.n < 2 || out.d[0] != r->batch || values < 2 ||
	    values > HMR_APPEARANCE_MAX)
		return hmr_fail(e, HMR_E_MODEL, "output %s is not one vector of 2 to %d "
				"numbers", r->outputs[0], HMR_APPEARANCE_MAX);
	r->values = (uint32_t)values;
	return HMR_OK;
}

static enum hmr_status
open_net(struct hmr_reid *r, const struct hmr_reid_model *m,
	 const struct hmr_reid_options *o, struct hmr_err *e)
{
	static const uint32_t batches[] = { 1, 2, 4, BATCH_MAX, 0 };
	struct hmr_net_options no = { .device = o->device, .precision = o->precision,
		.threads = o->threads, .gpu_mem = o->gpu_mem, .outputs = r->outputs };
	enum hmr_status st;

	if ((st = prepare(r, m, e)))
		return st;
	if (r->batch > 1) {
		no.batches = batches;
		no.input.n = 4;
		no.input.d[0] = r->batch;
	}
	if ((st = hmr_net_new(&r->net, m->model, &no, e)))
		return st;
	return check_shapes(r, e);
}

static void *
array(struct hmr_reid *r, size_t n, size_t each)
{
	r->bytes += n * each;
	return calloc(n, each);
}

enum hmr_status
hmr_reid_new(struct hmr_reid **out, const struct hmr_reid_model *m,
	     const struct hmr_reid_options *o, struct hmr_err *e)
{
	char start[7] = "";
	struct hmr_reid *r;
	enum hmr_status st;

	*out = NULL;
	if (!(r = calloc(1, sizeof(*r))))
		return hmr_fail(e, HMR_E_NOMEM, "re-identification");
	r->bytes = sizeof(*r);
	r->min_score = o->min_score;
	r->max_people = o->max_people;
	memcpy(start, hmr_model_sha256(m->model), 6);
	r->kind = HMR_APPEARANCE_EMBEDDING | (uint32_t)strtoul(start, NULL, 16) << 8;
	if ((st = open_net(r, m, o, e))) {
		hmr_fail_in(e, st, "%s", hmr_model_name(m->model));
	} else if (!(st = hmr_sampler_new(&r->sampler, o->width, o->height, r->width,
					  r->height, e))) {
		r->bytes += hmr_sampler_bytes(r->sampler);
		r->chosen = array(r, o->max_people, sizeof(*r->chosen));
		r->person = array(r, o->max_people, sizeof(*r->person));
		r->box = array(r, o->max_people, sizeof(*r->box));
		r->out = array(r, o->max_people, r->values * sizeof(*r->out));
		r->section = array(r, 1, hmr_reid_section_bytes(r));
		if (!r->chosen || !r->person || !r->box || !r->out || !r->section)
			st = hmr_fail(e, HMR_E_NOMEM, "re-identification");
	}
	if (st)
		hmr_reid_free(r);
	else
		*out = r;
	return st;
}

void
hmr_reid_free(struct hmr_reid *r)
{
	if (!r)
		return;
	hmr_net_free(r->net);
	hmr_sampler_free(r->sampler);
	free(r->chosen);
	free(r->person);
	free(r->box);
	free(r->out);
	free(r->section);
	free(r);
}

void
hmr_reid_plan(const struct hmr_reid *r, struct hmr_net_plan *net, size_t *buffers)
{
	hmr_net_plan(r->net, net);
	*buffers = r->bytes;
}

uint32_t
hmr_reid_values(const struct hmr_reid *r)
{
	return r->values;
}

uint32_t
hmr_reid_kind(const struct hmr_reid *r)
{
	return r->kind;
}

static enum hmr_status
fill(struct hmr_reid *r, const struct hmr_image *im, const float box[4], uint32_t at,
     struct hmr_err *e)
{
	size_t plane = (size_t)r->width * r->height;
	float *base = r->input + 3 * plane * at;
	struct hmr_raster s = { .step = r->planar ? 1 : 3,
		.pitch = (size_t)r->width * (r->planar ? 1 : 3),
		.width = r->width, .height = r->height };

	for (int c = 0; c < 3; c++) {
		s.channel[c] = base + (size_t)(r->bgr ? 2 - c : c) * (r->planar ? plane : 1);
		s.scale[c] = r->scale[c];
		s.bias[c] = r->bias[c];
	}
	return hmr_sample_box(r->sampler, im, box, &s, e);
}

/* To unit length; a vector that says nothing becomes 0. */
static void
keep(const struct hmr_reid *r, const float *v, float *out)
{
	double sum = 0, scale;

	for (uint32_t i = 0; i < r->values; i++)
		sum += (double)v[i] * v[i];
	scale = sum > 0 && isfinite(sum) ? 1 / sqrt(sum) : 0;
	for (uint32_t i = 0; i < r->values; i++)
		out[i] = scale > 0 ? (float)(v[i] * scale) : 0;
}

static enum hmr_status
run_batch(struct hmr_reid *r, const struct hmr_image *im, uint32_t first, uint32_t n,
	  struct hmr_err *e)
{
	struct hmr_dims d;
	const float *v;
	enum hmr_status st;

	for (uint32_t i = 0; i < n; i++)
		if ((st = fill(r, im, r->box[first + i], i, e)))
			return st;
	if ((st = hmr_net_run(r->net, n, e)))
		return st;
	v = hmr_net_output(r->net, r->outputs[0], &d);
	for (uint32_t i = 0; i < n; i++)
		keep(r, v + (size_t)i * r->values,
		     r->out + (size_t)(first + i) * r->values);
	return HMR_OK;
}

enum hmr_status
hmr_reid_run(struct hmr_reid *r, const struct hmr_image *im,
	     const struct hmr_person *people, uint32_t n, const uint32_t **person,
	     const float **values, uint32_t *rows, struct hmr_err *e)
{
	uint32_t kept = 0, over;
	enum hmr_status st;

	n = hmr_people_choose(people, n, r->min_score, r->max_people, r->chosen, &over);
	for (uint32_t i = 0; i < n; i++) {
		memcpy(r->box[kept], people[r->chosen[i]].box, sizeof(r->box[kept]));
		r->person[kept] = r->chosen[i];
		kept += (uint32_t)hmr_box_clip(r->box[kept], (float)im->width,
					       (float)im->height);
	}
	for (uint32_t at = 0, now; at < kept; at += now) {
		for (now = r->batch; now > kept - at; now /= 2)
			;
		if ((st = run_batch(r, im, at, now, e)))
			return st;
	}
	*person = r->person;
	*values = r->out;
	*rows = kept;
	return HMR_OK;
}

size_t
hmr_reid_section_bytes(const struct hmr_reid *r)
{
	return hmr_vectors_bytes(r->max_people, r->values);
}

enum hmr_status
hmr_reid_add(struct hmr_reid *r, const struct hmr_image *im,
	     const struct hmr_person *people, uint32_t n, struct hmr_frame *f,
	     struct hmr_err *e)
{
	const uint32_t *person;
	const float *values;
	uint32_t rows;
	enum hmr_status st;

	if ((st = hmr_reid_run(r, im, people, n, &person, &values, &rows, e)))
		return st;
	return hmr_frame_put(f, HMR_TAG_APPEARANCE, r->section,
			     hmr_vectors_put(r->section, r->kind, person, values, rows,
					     r->values), e);
}

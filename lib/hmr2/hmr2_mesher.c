/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boxes to bodies by HMR2; see hmr2_mesher.h. A part of people at a time: their
 * crops, the network, then for each the body and its place in the image.
 */
#include "hmr2/hmr2_mesher.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect/choose.h"
#include "hmr2/hmr2_crop.h"
#include "image/rgb.h"

#define PART 16u		/* people whose crops are held at once, at most */

struct hmr2_mesher {
	struct hmr_mesher_options o;
	bool antialias;
	bool betas;			/* the body's shape numbers are SMPL's */
	const struct hmr_body *body;
	struct hmr_hmr2 *net;
	struct hmr2_cropper *cropper;
	struct hmr_rgb *rgb;
	struct hmr_appearance *look;
	struct hmr_pose_work *work;
	size_t bytes;
	uint8_t *pixels;		/* [height][width][3], where it is not RGB yet; NULL
					 * where the network takes crops itself */
	uint32_t part;			/* people of one run of the network */
	float *crops, *crops_own;	/* [part]; the network's, or our own */
	struct hmr_hmr2_result result[PART];
	struct hmr2_square square[PART];
	/* Images begun and run, and whether the last two went to the device. */
	uint64_t begun, run;
	bool put[2];
	/* [pose.max_people] each */
	uint32_t *index;
	struct hmr_body_row *bodies;
	uint32_t *person;
	float *colours, *vertices;
};

static void *
array(struct hmr2_mesher *m, size_t n, size_t each)
{
	m->bytes += n * each;
	return calloc(n, each);
}

static enum hmr_status
make_arrays(struct hmr2_mesher *m, struct hmr_err *e)
{
	uint32_t n = m->o.pose.max_people, w = m->o.pose.width;
	uint32_t v = hmr_body_vertices(m->body);
	bool images = hmr_hmr2_images(m->net);

	if (!images)
		m->pixels = array(m, (size_t)w * m->o.pose.height, 3);
	if (!m->crops)
		m->crops = m->crops_own = array(m, m->part * (size_t)HMR_HMR2_PIXELS,
						sizeof(float));
	m->index = array(m, n, sizeof(*m->index));
	m->bodies = array(m, n, sizeof(*m->bodies));
	m->person = array(m, n, sizeof(*m->person));
	m->colours = array(m, n, HMR_APPEARANCE_VALUES * sizeof(float));
	if (m->o.vertices)
		m->vertices = array(m, n, (size_t)v * 3 * sizeof(float));
	if ((!images && !m->pixels) || !m->crops || !m->index || !m->bodies || !m->person ||
	    !m->colours || (m->o.vertices && !m->vertices) ||
	    !(m->work = hmr_pose_work_new(m->body)))
		return hmr_fail(e, HMR_E_NOMEM, "bodies of %u people", n);
	return HMR_OK;
}

static enum hmr_status
make_net(struct hmr2_mesher *m, const struct hmr_model *model, struct hmr_err *e)
{
	const struct hmr_poser_options *p = &m->o.pose;
	struct hmr_hmr2_options o = { .device = p->device ? p->device : "auto",
		.precision = p->precision, .threads = p->threads,
		.max_people = p->max_people < PART ? p->max_people : PART,
		.gpu_mem = p->gpu_mem, .width = p->width, .height = p->height,
		.image_bytes = p->image_bytes,
		.body = m->o.vertices ? m->body : NULL, .betas = m->betas };
	enum hmr_status st = hmr_hmr2_of_model(&m->net, model, &o, e);

	if (!st)
		m->crops = hmr_hmr2_part(m->net, &m->part);
	return st;
}

enum hmr_status
hmr2_mesher_new(struct hmr2_mesher **out, const struct hmr_model *model,
		const struct hmr_body *body, const struct hmr_mesher_options *o,
		bool antialias, struct hmr_err *e)
{
	struct hmr2_mesher *m = calloc(1, sizeof(*m));
	enum hmr_status st;

	*out = NULL;
	if (!m)
		return hmr_fail(e, HMR_E_NOMEM, "bodies");
	m->o = *o;
	m->antialias = antialias;
	m->body = body;
	m->betas = !strcmp(hmr_body_shape_name(body, 0), "beta0");
	if ((st = make_net(m, model, e)) ||
	    (st = hmr2_cropper_new(&m->cropper, o->pose.width, e)) ||
	    (st = hmr_rgb_new(&m->rgb, o->pose.width, e)) ||
	    (st = hmr_appearance_new(&m->look, o->pose.width, o->pose.height, e)) ||
	    (st = make_arrays(m, e))) {
		hmr2_mesher_free(m);
		return st;
	}
	m->bytes += hmr2_cropper_bytes(o->pose.width) + hmr_rgb_bytes(o->pose.width) +
		hmr_appearance_bytes(m->look);
	*out = m;
	return HMR_OK;
}

void
hmr2_mesher_free(struct hmr2_mesher *m)
{
	if (!m)
		return;
	hmr_hmr2_free(m->net);
	hmr2_cropper_free(m->cropper);
	hmr_rgb_free(m->rgb);
	hmr_appearance_free(m->look);
	hmr_pose_work_free(m->work);
	free(m->pixels);
	free(m->crops_own);
	free(m->index);
	free(m->bodies);
	free(m->person);
	free(m->colours);
	free(m->vertices);
	free(m);
}

void
hmr2_mesher_plan(const struct hmr2_mesher *m, struct hmr_net_plan *net,
		 size_t *buffers)
{
	hmr_hmr2_plan(m->net, net);
	*buffers = m->bytes + sizeof(*m);
}

const char *
hmr2_mesher_backend(const struct hmr2_mesher *m)
{
	return hmr_hmr2_backend(m->net);
}

const char *
hmr2_mesher_precision(const struct hmr2_mesher *m)
{
	return hmr_hmr2_precision(m->net);
}

static enum hmr_status
to_rgb(struct hmr2_mesher *m, const struct hmr_image *im, struct hmr2_rgb *out,
       struct hmr_err *e)
{
	enum hmr_status st;

	*out = (struct hmr2_rgb){ im->plane[0], im->stride[0], im->width, im->height };
	if (im->pixel == HMR_PIXEL_RGB24)
		return HMR_OK;
	if (im->width > m->o.pose.width || im->height > m->o.pose.height)
		return hmr_fail(e, HMR_E_LIMIT, "image of %ux%u, planned for %ux%u",
				im->width, im->height, m->o.pose.width, m->o.pose.height);
	out->data = m->pixels;
	out->stride = 3 * (size_t)im->width;
	st = hmr_rgb_convert(m->rgb, im, m->pixels, out->stride, e);
	return st;
}

static void
project(const float (*p)[3], int n, const float t[3], float focal,
	const struct hmr_image *im, float (*out)[2])
{
	for (int i = 0; i < n; i++) {
		float z = p[i][2] + t[2];

		z = focal / (fabsf(z) > 1e-6f ? z : 1e-6f);
		out[i][0] = z * (p[i][0] + t[0]) + (float)im->width / 2;
		out[i][1] = z * (p[i][1] + t[1]) + (float)im->height / 2;
	}
}

/* Row k from result i of a part: body, cameras, points in the image, colours. */
static enum hmr_status
fill_row(struct hmr2_mesher *m, const struct hmr_image *im, float focal, uint32_t i,
	 uint32_t k, uint32_t person, struct hmr_err *e)
{
	const struct hmr_hmr2_result *r = &m->result[i];
	const struct hmr2_square *s = &m->square[i];
	struct hmr_crop crop = { { s->centre[0], s->centre[1] }, s->side, 0 };
	struct hmr_body_row *row = &m->bodies[k];
	float marks[HMR_LANDMARKS][3], at[HMR_LANDMARKS][2];
	struct hmr_landmark_row l = { .person = person, .flag = 1 };
	size_t v = hmr_body_vertices(m->body);
	float *to = m->vertices ? m->vertices + k * v * 3 : NULL;
	const float *made = hmr_hmr2_vertices(m->net, i);

	memset(row, 0, sizeof(*row));
	row->person = m->person[k] = person;
	memcpy(row->pose, r->pose, sizeof(row->pose));
	if (m->betas)
		memcpy(row->shape, r->shape, sizeof(row->shape));
	memcpy(row->camera_crop, r->camera, sizeof(row->camera_crop));
	row->crop[0] = s->centre[0];
	row->crop[1] = s->centre[1];
	row->crop[2] = s->side;
	row->focal = focal;
	hmr2_camera_full(r->camera, s, focal, im->width, im->height, row->camera);
	hmr_body_pose(m->body, m->work, (const float (*)[9])row->pose, row->shape,
		      made ? NULL : (float (*)[3])to, NULL, row->joints3d, marks);
	if (to && made)
		memcpy(to, made, v * 3 * sizeof(*to));
	project((const float (*)[3])row->joints3d, HMR_JOINTS, row->camera, focal, im,
		row->joints2d);
	project((const float (*)[3])marks, HMR_LANDMARKS, row->camera, focal, im, at);
	for (int j = 0; j < HMR_LANDMARKS; j++) {
		l.image[j][0] = at[j][0];
		l.image[j][1] = at[j][1];
		l.image[j][2] = 1;
	}
	return hmr_appearance_run(m->look, im, &crop, &l,
				  m->colours + (size_t)k * HMR_APPEARANCE_VALUES, e);
}

/* The network on the part's squares; im: crops are made here, of it. */
static enum hmr_status
run_part(struct hmr2_mesher *m, const struct hmr2_rgb *im, uint32_t n, struct hmr_err *e)
{
	if (!im)
		return hmr_hmr2_run_squares(m->net, m->square, n, m->antialias, m->result, e);
	for (uint32_t i = 0; i < n; i++)
		hmr2_crop(m->cropper, im, &m->square[i], m->antialias, HMR_HMR2_LEFT,
			  HMR_HMR2_LEFT + HMR_HMR2_WIDTH,
			  m->crops + (size_t)i * HMR_HMR2_PIXELS);
	return hmr_hmr2_run(m->net, m->crops, n, m->result, e);
}

/* A box without extent, or too far out to be one, gets no body. */
static bool
usable(const struct hmr2_square *s)
{
	return s->side >= 1 && s->side < 1e5f && fabsf(s->centre[0]) < 1e6f &&
	       fabsf(s->centre[1]) < 1e6f;
}

bool
hmr2_mesher_ahead(const struct hmr2_mesher *m)
{
	return hmr_hmr2_images(m->net);
}

enum hmr_status
hmr2_mesher_begin(struct hmr2_mesher *m, const struct hmr_image *im, struct hmr_err *e)
{
	bool put = im && hmr_hmr2_images(m->net);
	enum hmr_status st = put ? hmr_hmr2_begin(m->net, im, e) : HMR_OK;

	if (!st)
		m->put[m->begun++ % 2] = put;
	return st;
}

/* The image for the next runs: on the device, or as rgb for crops made here. */
static enum hmr_status
give_image(struct hmr2_mesher *m, const struct hmr_image *im, uint32_t kept,
	   struct hmr2_rgb *rgb, struct hmr_err *e)
{
	bool put = m->begun > m->run && m->put[m->run % 2];

	m->run += m->begun > m->run;
	if (!kept && !put)
		return HMR_OK;
	return hmr_hmr2_images(m->net) ? hmr_hmr2_image(m->net, im, e) :
		to_rgb(m, im, rgb, e);
}

enum hmr_status
hmr2_mesher_run(struct hmr2_mesher *m, const struct hmr_image *im,
		const struct hmr_person *people, uint32_t n, float focal,
		struct hmr_meshes *out, struct hmr_err *e)
{
	uint32_t kept = 0, over, parts, done = 0;
	struct hmr2_square s;
	struct hmr2_rgb rgb = { 0 };
	enum hmr_status st;

	n = hmr_people_choose(people, n, m->o.min_score, m->o.pose.max_people, m->index,
			      &over);
	for (uint32_t i = 0; i < n; i++) {
		hmr2_square_of(people[m->index[i]].box, &s);
		if (usable(&s))
			m->index[kept++] = m->index[i];
	}
	if ((st = give_image(m, im, kept, &rgb, e)))
		return st;
	parts = (kept + m->part - 1) / m->part;
	for (uint32_t p = 0; p < parts; p++) {
		uint32_t end = (uint32_t)((uint64_t)kept * (p + 1) / parts);
		uint32_t count = end - done;

		for (uint32_t i = 0; i < count; i++)
			hmr2_square_of(people[m->index[done + i]].box, &m->square[i]);
		if ((st = run_part(m, hmr_hmr2_images(m->net) ? NULL : &rgb, count, e)))
			return st;
		for (uint32_t i = 0; i < count; i++)
			if ((st = fill_row(m, im, focal, i, done + i,
					   m->index[done + i], e)))
				return st;
		done = end;
	}
	*out = (struct hmr_meshes){ .seen = kept, .n = kept, .over = over,
		.bodies = m->bodies, .person = m->person, .colours = m->colours,
		.vertices = m->vertices };
	return HMR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boxes to bodies; see mesher.h. What it owns: who is looked at, the crops, the
 * rows of the tables. The networks are poser.c's, the fit is lib/body's.
 */
#include "detect/mesher.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "body/fit.h"
#include "detect/again.h"
#include "detect/choose.h"
#include "hmr2/hmr2_mesher.h"

_Static_assert(HMR_BODY_JOINTS == HMR_POSE_JOINTS && HMR_BODY_SHAPES == HMR_SHAPE &&
	       HMR_BODY_POINTS == HMR_JOINTS && HMR_BODY_LANDMARKS == HMR_LANDMARKS,
	       "bodies and stream tables have the same rows");

#define WORKERS_MAX 8

struct worker {			/* what a thread needs to fit bodies */
	struct hmr_fit *fit;
	struct hmr_pose_work *work;
	struct hmr_appearance *look;
	enum hmr_status st;	/* of this frame */
	struct hmr_err e;
};

struct hmr_mesher {
	struct hmr_mesher_options o;
	const struct hmr_body *body;
	struct hmr2_mesher *hmr2;	/* does it all where the model is HMR2 */
	const char *decoder, *variant;	/* of the model, or NULL */
	struct hmr_poser *poser;
	struct hmr_again *again;
	struct worker worker[WORKERS_MAX];
	uint32_t workers, threads;
	size_t bytes;
	/* [pose.max_people] each */
	struct hmr_crop *crop;
	struct hmr_landmark_row *landmarks;
	struct hmr_body_row *bodies;
	uint32_t *person;		/* of a body */
	uint32_t *chosen;
	uint32_t *source;		/* of a body: its row of landmarks */
	float *colours;
	float *vertices;
};

static void *
array(struct hmr_mesher *m, size_t each)
{
	m->bytes += m->o.pose.max_people * each;
	return calloc(m->o.pose.max_people, each);
}

static enum hmr_status
make_arrays(struct hmr_mesher *m, struct hmr_err *e)
{
	m->crop = array(m, sizeof(*m->crop));
	m->landmarks = array(m, sizeof(*m->landmarks));
	m->bodies = array(m, sizeof(*m->bodies));
	m->person = array(m, sizeof(*m->person));
	m->source = array(m, sizeof(*m->source));
	m->chosen = array(m, sizeof(*m->chosen));
	m->colours = array(m, HMR_APPEARANCE_VALUES * sizeof(float));
	if (m->o.vertices)
		m->vertices = array(m, hmr_body_vertices(m->body) * 3 * sizeof(float));
	if (!m->crop || !m->landmarks || !m->bodies ||
	    !m->person || !m->source || !m->chosen || !m->colours || (m->o.vertices && !m->vertices))
		return hmr_fail(e, HMR_E_NOMEM, "bodies of %u people",
				m->o.pose.max_people);
	return HMR_OK;
}

static enum hmr_status
make_workers(struct hmr_mesher *m, struct hmr_err *e)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	enum hmr_status st;
	uint32_t n;

	m->threads = m->o.pose.threads ? m->o.pose.threads :
		cores > 0 ? (uint32_t)cores : 1;
	n = m->threads < WORKERS_MAX ? m->threads : WORKERS_MAX;
	n = n < m->o.pose.max_people ? n : m->o.pose.max_people;
	for (; m->workers < n; m->workers++) {
		struct worker *w = &m->worker[m->workers];

		if ((st = hmr_fit_new(&w->fit, m->body, e)) ||
		    (st = hmr_appearance_new(&w->look, m->o.pose.width,
					     m->o.pose.height, e)))
			return st;
		if (!(w->work = hmr_pose_work_new(m->body)))
			return hmr_fail(e, HMR_E_NOMEM, "bodies");
		m->bytes += hmr_appearance_bytes(w->look);
	}
	return HMR_OK;
}

enum hmr_status
hmr_mesher_new(struct hmr_mesher **out, const struct hmr_model *model,
	       const struct hmr_body *body, const struct hmr_mesher_options *o,
	       struct hmr_err *e)
{
	struct hmr_mesher *m;
	enum hmr_status st;

	*out = NULL;
	if (!(m = calloc(1, sizeof(*m))))
		return hmr_fail(e, HMR_E_NOMEM, "bodies");
	m->o = *o;
	m->body = body;
	if (!strcmp(hmr_model_kind(model), HMR_HMR2_KIND)) {
		if ((st = hmr2_mesher_new(&m->hmr2, model, body, o, !o->no_antialias, e)))
			free(m);
		else
			*out = m;
		return st;
	}
	m->decoder = hmr_model_meta(model, "decoder");
	m->variant = hmr_model_meta(model, "variant");
	if ((st = hmr_poser_new(&m->poser, model, &o->pose, e)) ||
	    (st = hmr_again_new(&m->again, o->pose.max_people, e)) ||
	    (st = make_workers(m, e)) || (st = make_arrays(m, e))) {
		hmr_mesher_free(m);
		return st;
	}
	*out = m;
	return HMR_OK;
}

void
hmr_mesher_free(struct hmr_mesher *m)
{
	if (!m)
		return;
	hmr2_mesher_free(m->hmr2);
	hmr_poser_free(m->poser);
	hmr_again_free(m->again);
	for (int i = 0; i < WORKERS_MAX; i++) {
		hmr_fit_free(m->worker[i].fit);
		hmr_appearance_free(m->worker[i].look);
		hmr_pose_work_free(m->worker[i].work);
	}
	free(m->crop);
	free(m->landmarks);
	free(m->bodies);
	free(m->person);
	free(m->source);
	free(m->chosen);
	free(m->colours);
	free(m->vertices);
	free(m);
}

void
hmr_mesher_plan(const struct hmr_mesher *m, struct hmr_net_plan *net,
		size_t *buffers)
{
	if (m->hmr2) {
		hmr2_mesher_plan(m->hmr2, net, buffers);
		return;
	}
	hmr_poser_plan(m->poser, net, buffers);
	*buffers += m->bytes + hmr_again_bytes(m->again) + sizeof(*m);
}

const char *
hmr_mesher_backend(const struct hmr_mesher *m)
{
	return m->hmr2 ? hmr2_mesher_backend(m->hmr2) : hmr_poser_backend(m->poser);
}

const char *
hmr_mesher_precision(const struct hmr_mesher *m)
{
	return m->hmr2 ? hmr2_mesher_precision(m->hmr2) : hmr_poser_precision(m->poser);
}

void
hmr_camera_to_crop(const float camera[3], float focal, const float crop[3],
		   uint32_t width, uint32_t height, float out[3])
{
	float z = camera[2] > 1e-6f ? camera[2] : 1e-6f;
	float bs = 2 * focal / z;	/* side times s */

	out[0] = bs / crop[2];
	out[1] = camera[0] - 2 * (crop[0] - (float)width / 2) / bs;
	out[2] = camera[1] - 2 * (crop[1] - (float)height / 2) / bs;
}

/* People whose box has no extent are not looked at: no network can. */
static uint32_t
make_crops(struct hmr_mesher *m, const struct hmr_image *im,
	   const struct hmr_person *people, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t person = m->chosen[i];
		struct hmr_crop c;

		hmr_poser_crop(people[person].box, im->width, im->height, &c);
		if (!(c.side > 0) || !isfinite(c.side) || !isfinite(c.centre[0]) ||
		    !isfinite(c.centre[1]))
			continue;
		m->crop[kept] = c;
		m->landmarks[kept++].person = person;
	}
	return kept;
}

static void
fill_row(struct hmr_body_row *row, const struct hmr_fit_output *f,
	 const struct hmr_crop *c, const struct hmr_image *im, float focal,
	 uint32_t person)
{
	row->person = person;
	row->flags = HMR_BODY_CONF | HMR_BODY_FIT;
	memcpy(row->pose, f->pose, sizeof(row->pose));
	memcpy(row->shape, f->shape, sizeof(row->shape));
	memcpy(row->camera, f->camera, sizeof(row->camera));
	memcpy(row->joints3d, f->joints3d, sizeof(row->joints3d));
	memcpy(row->joints2d, f->joints2d, sizeof(row->joints2d));
	memcpy(row->joint_conf, f->joint_conf, sizeof(row->joint_conf));
	row->fit_error = f->fit_error;
	row->focal = focal;
	row->crop[0] = c->centre[0];
	row->crop[1] = c->centre[1];
	row->crop[2] = c->side;
	hmr_camera_to_crop(f->camera, focal, row->crop, im->width, im->height,
			   row->camera_crop);
}

/* The body of landmarks[source[k]] into row k of the results. */
static enum hmr_status
fit_one(struct hmr_mesher *m, struct worker *w, const struct hmr_image *im,
	const struct hmr_person *people, float focal, uint32_t k)
{
	uint32_t i = m->source[k];
	const struct hmr_landmark_row *l = &m->landmarks[i];
	struct hmr_fit_input in = { .focal = focal,
		.centre = { (float)im->width / 2, (float)im->height / 2 } };
	struct hmr_body_row *row = &m->bodies[k];
	struct hmr_fit_output f;
	enum hmr_status st;

	memcpy(in.image, l->image, sizeof(in.image));
	memcpy(in.world, l->world, sizeof(in.world));
	memcpy(in.box, people[l->person].box, sizeof(in.box));
	in.turn = m->crop[i].angle;
	hmr_fit_calibrate(&in, m->decoder, m->variant);
	if ((st = hmr_fit_run(w->fit, &in, &f, &w->e)))
		return hmr_fail_in(&w->e, st, "person %u", l->person);
	fill_row(row, &f, &m->crop[i], im, focal, l->person);
	m->person[k] = l->person;
	if (m->vertices)
		hmr_body_pose(m->body, w->work, (const float (*)[9])row->pose,
			      row->shape, (float (*)[3])(m->vertices +
			      (size_t)k * hmr_body_vertices(m->body) * 3),
			      NULL, NULL, NULL);
	return hmr_appearance_run(w->look, im, &m->crop[i], l,
				  m->colours + (size_t)k * HMR_APPEARANCE_VALUES,
				  &w->e);
}

/* Every n-th body to each of n workers: who fits a body does not change it. As
 * many threads as the network's, also where fewer have work: libgomp ends threads
 * that a smaller team leaves over and would start them again for the next run. */
static enum hmr_status
fit_all(struct hmr_mesher *m, const struct hmr_image *im,
	const struct hmr_person *people, float focal, uint32_t bodies,
	struct hmr_err *e)
{
	uint32_t workers = m->workers < bodies ? m->workers : bodies;

#pragma omp parallel for num_threads(m->threads) schedule(static, 1) \
	if (workers > 1)
	for (uint32_t i = 0; i < workers; i++) {
		struct worker *w = &m->worker[i];

		w->st = HMR_OK;
		for (uint32_t k = i; k < bodies && !w->st; k += workers)
			w->st = fit_one(m, w, im, people, focal, k);
	}
	for (uint32_t i = 0; i < workers; i++)
		if (m->worker[i].st) {
			if (e)
				*e = m->worker[i].e;
			return m->worker[i].st;
		}
	return HMR_OK;
}

bool
hmr_mesher_ahead(const struct hmr_mesher *m)
{
	return m->hmr2 ? hmr2_mesher_ahead(m->hmr2) : hmr_poser_ahead(m->poser);
}

enum hmr_status
hmr_mesher_begin(struct hmr_mesher *m, const struct hmr_image *im,
		 const struct hmr_person *people, uint32_t n, struct hmr_err *e)
{
	bool any = false;

	for (uint32_t i = 0; i < n; i++)
		any = any || people[i].score >= m->o.min_score;
	im = any ? im : NULL;
	return m->hmr2 ? hmr2_mesher_begin(m->hmr2, im, e) : hmr_poser_begin(m->poser, im, e);
}

enum hmr_status
hmr_mesher_run(struct hmr_mesher *m, const struct hmr_image *im,
	       const struct hmr_person *people, uint32_t n, float focal,
	       struct hmr_meshes *out, struct hmr_err *e)
{
	uint32_t seen, bodies = 0, over;
	enum hmr_status st;

	if (m->hmr2)
		return hmr2_mesher_run(m->hmr2, im, people, n, focal, out, e);
	n = hmr_people_choose(people, n, m->o.min_score, m->o.pose.max_people, m->chosen,
			      &over);
	seen = make_crops(m, im, people, n);
	if (!(st = hmr_poser_run(m->poser, im, m->crop, seen, m->landmarks, e)))
		st = hmr_again_run(m->again, m->poser, im, people, m->crop,
				   m->landmarks, seen, e);
	hmr_poser_finish(m->poser);
	if (st)
		return st;
	for (uint32_t i = 0; i < seen; i++)
		if (m->landmarks[i].flag >= HMR_MESH_FLAG)
			m->source[bodies++] = i;
	if ((st = fit_all(m, im, people, focal, bodies, e)))
		return st;
	out->seen = seen;
	out->n = bodies;
	out->over = over;
	out->landmarks = m->landmarks;
	out->bodies = m->bodies;
	out->person = m->person;
	out->colours = m->colours;
	out->vertices = m->vertices;
	return HMR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Vertices of a frame's bodies; see posed.h. */
#include "body/posed.h"

#include <stdlib.h>

static enum hmr_status
make(struct hmr_posed *p, size_t floats, size_t bytes, struct hmr_err *e)
{
	free(p->vertices);
	free(p->section);
	p->vertices = malloc(floats * sizeof(*p->vertices));
	p->section = malloc(bytes);
	if (!p->person) {
		p->person = malloc(HMR_PEOPLE_CAP * sizeof(*p->person));
		p->bodies = malloc(HMR_PEOPLE_CAP * sizeof(*p->bodies));
	}
	if (!p->vertices || !p->section || !p->person || !p->bodies)
		return hmr_fail(e, HMR_E_NOMEM, "vertices of %zu bytes", bytes);
	return HMR_OK;
}

enum hmr_status
hmr_posed_plan(struct hmr_posed *p, const struct hmr_body *body,
	       struct hmr_pose_work *work, uint32_t rows, struct hmr_err *e)
{
	uint32_t count = 3 * hmr_body_vertices(body);

	p->body = body;
	p->work = work;
	p->rows = rows;
	p->bytes = 0;
	return make(p, (size_t)rows * count, hmr_vectors_bytes(rows, count), e);
}

enum hmr_status
hmr_posed_plan_renewal(struct hmr_posed *p, const struct hmr_body *body,
		       struct hmr_pose_work *work, uint64_t payload, struct hmr_err *e)
{
	p->body = body;
	p->work = work;
	p->rows = 0;
	if (payload <= p->bytes)
		return HMR_OK;
	p->bytes = payload;
	return make(p, (size_t)payload / sizeof(float), (size_t)payload, e);
}

void
hmr_posed_release(struct hmr_posed *p)
{
	free(p->person);
	free(p->bodies);
	free(p->vertices);
	free(p->section);
	*p = (struct hmr_posed){ 0 };
}

static void
pose(struct hmr_posed *p, const struct hmr_body_row *b, uint32_t row)
{
	float *v = p->vertices + (size_t)row * 3 * hmr_body_vertices(p->body);

	hmr_body_pose(p->body, p->work, b->pose, b->shape, (float (*)[3])v, NULL, NULL,
		      NULL);
}

enum hmr_status
hmr_posed_add(struct hmr_posed *p, struct hmr_frame *f, struct hmr_err *e)
{
	uint32_t n, count = 3 * hmr_body_vertices(p->body), k = 0;
	enum hmr_status st = hmr_bodies_get(f, p->bodies, HMR_PEOPLE_CAP, UINT32_MAX,
					    &n, e);

	if (st)
		return st < 0 ? st : HMR_OK;
	for (; k < n && k < p->rows; k++) {
		p->person[k] = p->bodies[k].person;
		pose(p, &p->bodies[k], k);
	}
	return hmr_frame_put(f, HMR_TAG_VERTICES, p->section,
			     hmr_vectors_put(p->section, 0, p->person, p->vertices, k,
					     count), e);
}

enum hmr_status
hmr_posed_renew(struct hmr_posed *p, struct hmr_frame *f, struct hmr_err *e)
{
	uint32_t count = 3 * hmr_body_vertices(p->body), has, kind, n, rows, k = 0;
	uint64_t most = p->bytes / sizeof(float) / count;
	enum hmr_status st;

	most = most < HMR_PEOPLE_CAP ? most : HMR_PEOPLE_CAP;
	if ((st = hmr_vectors_get(f, HMR_TAG_VERTICES, p->person, p->vertices, count,
				  (uint32_t)most, UINT32_MAX, &rows, &has, &kind, e)) ||
	    (st = hmr_bodies_get(f, p->bodies, HMR_PEOPLE_CAP, UINT32_MAX, &n, e)))
		return st < 0 ? st : HMR_OK;
	if (rows && has != count)
		return hmr_fail(e, HMR_E_FORMAT, "%u vertices, but body %s has %u",
				has / 3, hmr_body_name(p->body), count / 3);
	for (uint32_t i = 0; i < rows; i++) {
		for (k = 0; k < n && p->bodies[k].person != p->person[i]; k++)
			;
		if (k < n)
			pose(p, &p->bodies[k], i);
	}
	return hmr_frame_put(f, HMR_TAG_VERTICES, p->section,
			     hmr_vectors_put(p->section, kind, p->person, p->vertices,
					     rows, count), e);
}

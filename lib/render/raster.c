/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A picture's meshes: vertices are moved, projected, snapped and given normals
 * when a mesh is added; its triangles are put on the list of the first band they
 * reach. finish() walks the bands; a triangle that reaches further is handed on
 * to the next band's list. Lists stay in the order of adding, so what ties in
 * depth is decided alike everywhere.
 *
 * Triangles that cross the near plane, or reach so far out that snapped places
 * would not fit, are rare: they are clipped each time a band asks for them, which
 * needs no room. Everything else about them is the same.
 */
#include <math.h>
#include <stdlib.h>

#include "render/raster_tile.h"

#define GUARD 524288.0			/* px from the principal point */
#define CENTRE_MAX 262144.0f
#define NONE UINT32_MAX
#define CLIP_MAX 9			/* 3 corners and one more for each of 5 planes, +1 */

enum out {				/* of a vertex */
	OUT_LEFT = 1, OUT_RIGHT = 2, OUT_TOP = 4, OUT_BOTTOM = 8, OUT_NEAR = 16,
	OUT_GUARD = 32,			/* needs clipping, not outside for sure */
	OUT_BAD = 64,			/* not finite */
};
#define OUT_SIDES (OUT_LEFT | OUT_RIGHT | OUT_TOP | OUT_BOTTOM | OUT_NEAR)

struct place {				/* a vertex in camera axes */
	float p[3];
	uint32_t out;
	float n[3];			/* sum of face normals */
};

struct triangle {
	uint32_t v[3];
	uint32_t next;			/* in its list */
	uint16_t mesh, last;		/* last band it reaches */
	uint32_t clip;
};

struct hmr_scene {
	struct hmr_scene_plan plan;
	struct hmr_canvas canvas;
	struct hmr_scene_camera camera;
	struct raster_vertex *vertex;	/* [plan.vertices] */
	struct place *place;
	struct triangle *triangle;	/* [plan.faces] */
	struct raster_colour *colour;	/* [plan.meshes] */
	uint32_t *first, *end;		/* [bands]: lists */
	struct raster_tile *tile;
	bool *dirty;
	struct raster_light light;
	raster_fill *fill;
	raster_resolver *resolve;
	uint32_t vertices, triangles, meshes, bands;
	bool count;
};

static uint32_t
tiles(uint32_t px)
{
	return (px + TILE - 1) / TILE;
}

size_t
hmr_scene_bytes(const struct hmr_scene_plan *p)
{
	return sizeof(struct hmr_scene) +
	       (size_t)p->vertices * (sizeof(struct raster_vertex) +
				      sizeof(struct place)) +
	       (size_t)p->faces * sizeof(struct triangle) +
	       (size_t)p->meshes * sizeof(struct raster_colour) +
	       tiles(p->height) * 2 * sizeof(uint32_t) +
	       tiles(p->width) * (sizeof(struct raster_tile) + sizeof(bool));
}

enum hmr_status
hmr_scene_new(struct hmr_scene **out, const struct hmr_scene_plan *p,
	       struct hmr_err *e)
{
	struct hmr_scene *r;
	uint32_t across = tiles(p->width), down = tiles(p->height);

	*out = NULL;
	if (!p->width || !p->height || p->width > 65535 || p->height > 65535 ||
	    p->meshes > HMR_SCENE_MESHES_MAX || p->vertices > INT32_MAX ||
	    p->faces > INT32_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "rasteriser: %ux%u, %u meshes",
				p->width, p->height, p->meshes);
	if (!(r = calloc(1, sizeof(*r))))
		return hmr_fail(e, HMR_E_NOMEM, "rasteriser: out of memory");
	r->plan = *p;
	r->vertex = calloc(p->vertices + 1, sizeof(*r->vertex));
	r->place = calloc(p->vertices + 1, sizeof(*r->place));
	r->triangle = calloc(p->faces + 1, sizeof(*r->triangle));
	r->colour = calloc(p->meshes + 1, sizeof(*r->colour));
	r->first = calloc(down, sizeof(*r->first));
	r->end = calloc(down, sizeof(*r->end));
	r->tile = aligned_alloc(64, across * sizeof(*r->tile));
	r->dirty = calloc(across, sizeof(*r->dirty));
	if (!r->vertex || !r->place || !r->triangle || !r->colour || !r->first ||
	    !r->end || !r->tile || !r->dirty) {
		hmr_scene_free(r);
		return hmr_fail(e, HMR_E_NOMEM, "rasteriser: %zu bytes",
				hmr_scene_bytes(p));
	}
	raster_light_init(&r->light);
	r->fill = raster_fill_get();
	r->resolve = raster_resolve_get();
	*out = r;
	return HMR_OK;
}

void
hmr_scene_free(struct hmr_scene *r)
{
	if (!r)
		return;
	free(r->vertex);
	free(r->place);
	free(r->triangle);
	free(r->colour);
	free(r->first);
	free(r->end);
	free(r->tile);
	free(r->dirty);
	free(r);
}

void
hmr_scene_count_hits(struct hmr_scene *r, int on)
{
	r->count = on != 0;
}

enum hmr_status
hmr_scene_begin(struct hmr_scene *r, const struct hmr_canvas *canvas,
		 const struct hmr_scene_camera *camera, struct hmr_err *e)
{
	const float *c = camera->centre;

	if (!canvas->width || !canvas->height || canvas->width > r->plan.width ||
	    canvas->height > r->plan.height)
		return hmr_fail(e, HMR_E_LIMIT,
				"rasteriser: canvas %ux%u, planned for %ux%u",
				canvas->width, canvas->height, r->plan.width,
				r->plan.height);
	if (!(camera->focal > 0.0f) || !isfinite(camera->focal) ||
	    !(fabsf(c[0]) <= CENTRE_MAX) || !(fabsf(c[1]) <= CENTRE_MAX) ||
	    !(camera->near_m > 0.0f) || !isfinite(camera->near_m))
		return hmr_fail(e, HMR_E_FORMAT,
				"camera: focal %g px, centre %g,%g, near %g m",
				(double)camera->focal, (double)c[0], (double)c[1],
				(double)camera->near_m);
	r->canvas = *canvas;
	r->camera = *camera;
	r->vertices = r->triangles = r->meshes = 0;
	r->bands = tiles(canvas->height);
	for (uint32_t i = 0; i < r->bands; i++)
		r->first[i] = r->end[i] = NONE;
	return HMR_OK;
}

/* Outside which planes; half-spaces in x, y, z, so good for any z. */
static uint32_t
out_of(const struct hmr_scene *r, const float p[3])
{
	const struct hmr_scene_camera *c = &r->camera;
	float x = c->focal * p[0], y = c->focal * p[1];
	uint32_t o = 0;

	if (!isfinite(x) || !isfinite(y) || !isfinite(p[2]))
		return OUT_BAD;
	if (x + c->centre[0] * p[2] < 0.0f)
		o |= OUT_LEFT;
	if (x + (c->centre[0] - (float)r->canvas.width) * p[2] > 0.0f)
		o |= OUT_RIGHT;
	if (y + c->centre[1] * p[2] < 0.0f)
		o |= OUT_TOP;
	if (y + (c->centre[1] - (float)r->canvas.height) * p[2] > 0.0f)
		o |= OUT_BOTTOM;
	if (!(p[2] >= c->near_m))
		o |= OUT_NEAR | OUT_GUARD;
	else if (fabsf(x) > (float)GUARD * p[2] || fabsf(y) > (float)GUARD * p[2])
		o |= OUT_GUARD;
	return o;
}

/* floor(v + 1/2) for |v| < 2^30, without a call. */
static inline int32_t
nearest(double v)
{
	return (int32_t)(v + 0.5 + 1073741824.0) - 1073741824;
}

/* Snaps a point at or beyond the near plane and within the guard. */
static void
project(const struct hmr_scene_camera *c, const float p[3],
	struct raster_vertex *v)
{
	double iz = 1.0 / (double)p[2];
	double x = (double)c->focal * p[0] * iz, y = (double)c->focal * p[1] * iz;

	x = x > GUARD ? GUARD : x < -GUARD ? -GUARD : x;
	y = y > GUARD ? GUARD : y < -GUARD ? -GUARD : y;
	v->x = nearest((x + (double)c->centre[0]) * SUB);
	v->y = nearest((y + (double)c->centre[1]) * SUB);
	v->w = (float)iz;
}

/* The normal as seen along the vertex's own line of sight: turned by what turns
 * that line into the z axis, so that the light stands with the camera and the
 * outline of the body is where the normal lies across. */
static void
turn_normal(const struct place *at, float n[2])
{
	float l2 = at->p[0] * at->p[0] + at->p[1] * at->p[1] + at->p[2] * at->p[2];
	float m2 = at->n[0] * at->n[0] + at->n[1] * at->n[1] + at->n[2] * at->n[2];
	float il, im, a, b, c, k, z, s2;

	n[0] = n[1] = 0.0f;
	if (!(m2 > 0.0f) || !(m2 < 1e30f) || !(l2 < 1e30f) || !(at->p[2] > 0.0f))
		return;
	il = 1.0f / sqrtf(l2);
	im = 1.0f / sqrtf(m2);
	a = at->p[0] * il;
	b = at->p[1] * il;
	c = at->p[2] * il;
	k = (at->n[0] * a + at->n[1] * b) / (1.0f + c) + at->n[2];
	n[0] = (at->n[0] - a * k) * im;
	n[1] = (at->n[1] - b * k) * im;
	z = at->n[0] * a + at->n[1] * b + at->n[2] * c;
	s2 = n[0] * n[0] + n[1] * n[1];
	if (s2 > 1.0f || (z > 0.0f && s2 > 0.0f)) {	/* faces away: the outline */
		float is = 1.0f / sqrtf(s2);

		n[0] *= is;
		n[1] *= is;
	}
}

static inline void
add3(float n[3], float x, float y, float z)
{
	n[0] += x;
	n[1] += y;
	n[2] += z;
}

/* Area-weighted: the length of a face's normal is twice its area. */
static void
add_normals(struct place *v, const struct hmr_scene_mesh *m)
{
	for (uint32_t i = 0; i < m->faces; i++) {
		struct place *a = &v[m->face[i * 3]];
		struct place *b = &v[m->face[i * 3 + 1]];
		struct place *c = &v[m->face[i * 3 + 2]];
		float ux = b->p[0] - a->p[0], wx = c->p[0] - a->p[0];
		float uy = b->p[1] - a->p[1], wy = c->p[1] - a->p[1];
		float uz = b->p[2] - a->p[2], wz = c->p[2] - a->p[2];
		float x = uy * wz - uz * wy, y = uz * wx - ux * wz;
		float z = ux * wy - uy * wx;

		add3(a->n, x, y, z);
		add3(b->n, x, y, z);
		add3(c->n, x, y, z);
	}
}

/* Appends triangle i to a band's list: lists grow in the order of adding. */
static void
append(struct hmr_scene *r, uint32_t band, uint32_t i)
{
	r->triangle[i].next = NONE;
	if (r->first[band] == NONE)
		r->first[band] = i;
	else
		r->triangle[r->end[band]].next = i;
	r->end[band] = i;
}

static uint32_t
band_of(const struct hmr_scene *r, int32_t y)
{
	int32_t band = y < 0 ? 0 : y / SUB / TILE;

	return (uint32_t)band < r->bands ? (uint32_t)band : r->bands - 1;
}

static void
add_triangle(struct hmr_scene *r, uint32_t v0, uint32_t v1, uint32_t v2)
{
	const struct place *p0 = &r->place[v0], *p1 = &r->place[v1],
			   *p2 = &r->place[v2];
	const struct raster_vertex *a = &r->vertex[v0], *b = &r->vertex[v1],
				   *c = &r->vertex[v2];
	uint32_t any = p0->out | p1->out | p2->out;
	struct triangle *t = &r->triangle[r->triangles];
	int32_t lo, hi;

	if ((any & OUT_BAD) || (p0->out & p1->out & p2->out & OUT_SIDES))
		return;
	if (!(any & OUT_GUARD) &&
	    ((int64_t)c->x - a->x) * ((int64_t)b->y - a->y) -
	    ((int64_t)c->y - a->y) * ((int64_t)b->x - a->x) <= 0)
		return;		/* looks away */
	*t = (struct triangle){ { v0, v1, v2 }, NONE, (uint16_t)r->meshes, 0,
				any & OUT_GUARD };
	if (t->clip) {
		t->last = (uint16_t)(r->bands - 1);
		append(r, 0, r->triangles++);
		return;
	}
	lo = a->y < b->y ? a->y : b->y;
	lo = c->y < lo ? c->y : lo;
	hi = a->y > b->y ? a->y : b->y;
	hi = c->y > hi ? c->y : hi;
	t->last = (uint16_t)band_of(r, hi);
	append(r, band_of(r, lo), r->triangles++);
}

static enum hmr_status
check_mesh(const struct hmr_scene *r, const struct hmr_scene_mesh *m,
	   struct hmr_err *e)
{
	if (r->meshes >= r->plan.meshes ||
	    m->vertices > r->plan.vertices - r->vertices ||
	    m->faces > r->plan.faces - r->triangles)
		return hmr_fail(e, HMR_E_LIMIT,
				"rasteriser: mesh %u with %u vertices and %u faces "
				"is more than planned", r->meshes, m->vertices,
				m->faces);
	for (uint32_t i = 0; i < m->faces * 3; i++)
		if (m->face[i] >= m->vertices)
			return hmr_fail(e, HMR_E_FORMAT,
					"mesh: face %u: vertex %u of %u", i / 3,
					m->face[i], m->vertices);
	return HMR_OK;
}

/* Down to 3/4 a mesh takes all samples and hides what is behind it. */
static void
set_colour(struct raster_colour *c, const struct hmr_scene_mesh *m)
{
	/* in the order of taking: every first few are spread over the pixel */
	static const uint8_t order[S] = { 3, 2, 5, 6, 7, 4, 0, 1 };
	float alpha = m->alpha > 0.0f ? m->alpha < 1.0f ? m->alpha : 1.0f : 0.0f;
	int n = alpha > 0.75f ? S : (int)ceilf(alpha * S);

	c->samples = 0;
	for (int i = 0; i < n; i++)
		c->samples |= 1u << order[i];
	c->alpha = n ? (int)(alpha * 256.0f * S / (float)n + 0.5f) : 0;
	for (int k = 0; k < 3; k++)
		c->linear[k] = raster_linear(m->rgb[k]);
}

enum hmr_status
hmr_scene_add(struct hmr_scene *r, const struct hmr_scene_mesh *m,
	       struct hmr_err *e)
{
	struct place *place = r->place + r->vertices;
	struct raster_vertex *vertex = r->vertex + r->vertices;
	enum hmr_status st;
	float zoom = 1.0f;

	if ((st = check_mesh(r, m, e)))
		return st;
	if (m->focal > 0.0f && m->focal != r->camera.focal)
		zoom = m->focal / r->camera.focal;
	set_colour(&r->colour[r->meshes++], m);
	for (uint32_t i = 0; i < m->vertices; i++)
		for (int k = 0; k < 3; k++) {
			place[i].p[k] = m->xyz[i][k] + m->offset[k];
			place[i].n[k] = 0.0f;
		}
	add_normals(place, m);
	for (uint32_t i = 0; i < m->vertices; i++) {
		turn_normal(&place[i], vertex[i].n);
		/* another focal length: after the light, which is of true places */
		place[i].p[0] *= zoom;
		place[i].p[1] *= zoom;
		place[i].out = out_of(r, place[i].p);
		if (!(place[i].out & (OUT_BAD | OUT_GUARD)))
			project(&r->camera, place[i].p, &vertex[i]);
	}
	for (uint32_t i = 0; i < m->faces; i++) {
		const uint32_t *f = m->face + i * 3;

		add_triangle(r, f[0] + r->vertices, f[1] + r->vertices,
			     f[2] + r->vertices);
	}
	r->vertices += m->vertices;
	return HMR_OK;
}

struct corner {			/* of a clipped polygon */
	double p[3];
	float n[2];
};

/* Signed distance from plane k of five: near, then left, right, top, bottom of
 * the guard. */
static double
beyond(const struct hmr_scene_camera *c, const double p[3], int k)
{
	double f = (double)c->focal;

	switch (k) {
	case 0: return p[2] - (double)c->near_m;
	case 1: return f * p[0] + GUARD * p[2];
	case 2: return GUARD * p[2] - f * p[0];
	case 3: return f * p[1] + GUARD * p[2];
	default: return GUARD * p[2] - f * p[1];
	}
}

/* Always from the inside out, so that two triangles cut their common edge at
 * the same place. */
static struct corner
cut(const struct corner *in, const struct corner *out, double d_in, double d_out)
{
	double t = d_in / (d_in - d_out);
	struct corner c;

	for (int k = 0; k < 3; k++)
		c.p[k] = in->p[k] + t * (out->p[k] - in->p[k]);
	for (int k = 0; k < 2; k++)
		c.n[k] = in->n[k] + (float)t * (out->n[k] - in->n[k]);
	return c;
}

static int
clip(const struct hmr_scene_camera *c, struct corner *poly, int n)
{
	struct corner next[CLIP_MAX];

	for (int k = 0; k < 5 && n; k++) {
		int m = 0;

		for (int i = 0; i < n; i++) {
			const struct corner *a = &poly[i], *b = &poly[(i + 1) % n];
			double da = beyond(c, a->p, k), db = beyond(c, b->p, k);

			if (da >= 0.0)
				next[m++] = *a;
			if (da >= 0.0 && db < 0.0)
				next[m++] = cut(a, b, da, db);
			else if (da < 0.0 && db >= 0.0)
				next[m++] = cut(b, a, db, da);
		}
		n = m;
		for (int i = 0; i < n; i++)
			poly[i] = next[i];
	}
	return n;
}

static void
draw_clipped(const struct hmr_scene *r, struct raster_band *band,
	     const struct triangle *t)
{
	struct corner poly[CLIP_MAX];
	struct raster_vertex v[CLIP_MAX];
	int n;

	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < 3; k++)
			poly[i].p[k] = (double)r->place[t->v[i]].p[k];
		poly[i].n[0] = r->vertex[t->v[i]].n[0];
		poly[i].n[1] = r->vertex[t->v[i]].n[1];
	}
	n = clip(&r->camera, poly, 3);
	for (int i = 0; i < n; i++) {
		float p[3] = { (float)poly[i].p[0], (float)poly[i].p[1],
			       (float)poly[i].p[2] };

		project(&r->camera, p, &v[i]);
		v[i].n[0] = poly[i].n[0];
		v[i].n[1] = poly[i].n[1];
	}
	for (int i = 2; i < n; i++)
		r->fill(band, &v[0], &v[i - 1], &v[i], t->mesh);
}

/* Draws a band's list and merges what reaches further into the next one's, both
 * in the order of adding. */
static void
draw_band(struct hmr_scene *r, struct raster_band *band, uint32_t k)
{
	uint32_t i = r->first[k], other = NONE, next;

	if (k + 1 < r->bands) {
		other = r->first[k + 1];
		r->first[k + 1] = r->end[k + 1] = NONE;
	}
	for (; i != NONE; i = next) {
		struct triangle *t = &r->triangle[i];

		next = t->next;
		if (t->clip)
			draw_clipped(r, band, t);
		else
			r->fill(band, &r->vertex[t->v[0]], &r->vertex[t->v[1]],
				&r->vertex[t->v[2]], t->mesh);
		if (t->last <= k)
			continue;
		while (other != NONE && other < i) {
			uint32_t after = r->triangle[other].next;

			append(r, k + 1, other);
			other = after;
		}
		append(r, k + 1, i);
	}
	while (other != NONE) {
		next = r->triangle[other].next;
		append(r, k + 1, other);
		other = next;
	}
}

void
hmr_scene_finish(struct hmr_scene *r)
{
	struct raster_band band = {
		.tile = r->tile, .dirty = r->dirty,
		.tiles = tiles(r->canvas.width),
		.width = (int32_t)r->canvas.width,
		.height = (int32_t)r->canvas.height, .count = r->count,
		.colour = r->colour,
	};

	for (uint32_t k = 0; k < r->bands; k++) {
		band.y0 = (int32_t)k * TILE;
		for (uint32_t i = 0; i < band.tiles; i++)
			r->dirty[i] = false;
		draw_band(r, &band, k);
		if (r->count)
			raster_resolve_hits(&band, r->meshes, &r->canvas);
		else
			r->resolve(&band, &r->light, r->camera.focal, &r->canvas);
	}
}

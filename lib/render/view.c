/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Panels of a picture and what is drawn in them; see view.h. A panel is a window
 * of the canvas with a scale and a direction to look from; people are drawn into
 * it in the order of meshes, skeletons, boxes, names.
 */
#include "render/view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render/draw.h"
#include "render/palette.h"
#include "render/raster.h"

#define NEAR_M 0.05f
#define PELVIS 8			/* MidHip of the 44 points */
#define FAINT 0.4f			/* of people that were not seen */
#define GLANCE_PX 240		/* in the small panels the light surface shows who is lower */

static const uint8_t ground[3] = { 38, 40, 44 };
static const uint8_t rule[3] = { 70, 73, 79 };
static const uint8_t dark[3] = { 16, 17, 19 };

struct hmr_view {
	struct hmr_view_plan plan;
	struct hmr_scene *scene;
	float (*turned)[3];		/* the vertices of one person, turned */
};

struct panel {
	struct hmr_canvas c;
	enum hmr_view_from from;	/* not GRID */
	float scale;			/* of the frame's pixels */
	float focal, centre[2];		/* of the frame */
	float height;			/* of the frame: what sizes go by */
	const char *name;
};

static struct hmr_scene_plan
scene_plan(const struct hmr_view_plan *p)
{
	uint32_t v = p->surface[0].vertices, f = p->surface[0].faces;

	if (p->surface[1].vertices > v)
		v = p->surface[1].vertices;
	if (p->surface[1].faces > f)
		f = p->surface[1].faces;
	return (struct hmr_scene_plan){ p->width, p->height, p->meshes,
					(uint64_t)p->meshes * v,
					(uint64_t)p->meshes * f };
}

static bool
has_meshes(const struct hmr_view_plan *p)
{
	return p->mesh && p->meshes && p->surface[0].vertices;
}

size_t
hmr_view_bytes(const struct hmr_view_plan *p)
{
	struct hmr_scene_plan s = scene_plan(p);

	if (!has_meshes(p))
		return sizeof(struct hmr_view);
	return sizeof(struct hmr_view) + hmr_scene_bytes(&s) +
	       (size_t)p->surface[0].vertices * sizeof(float[3]);
}

enum hmr_status
hmr_view_new(struct hmr_view **out, const struct hmr_view_plan *p,
	     struct hmr_err *e)
{
	struct hmr_view *v = calloc(1, sizeof(*v));
	struct hmr_scene_plan s = scene_plan(p);
	enum hmr_status st;

	*out = NULL;
	if (!v)
		return hmr_fail(e, HMR_E_NOMEM, "view: out of memory");
	v->plan = *p;
	if (has_meshes(p)) {
		uint32_t n = p->surface[0].vertices > p->surface[1].vertices ?
			p->surface[0].vertices : p->surface[1].vertices;

		if (!(v->turned = calloc(n, sizeof(*v->turned)))) {
			st = hmr_fail(e, HMR_E_NOMEM, "view: %u vertices", n);
			goto fail;
		}
		if ((st = hmr_scene_new(&v->scene, &s, e)))
			goto fail;
	}
	*out = v;
	return HMR_OK;
fail:
	hmr_view_free(v);
	return st;
}

void
hmr_view_free(struct hmr_view *v)
{
	if (!v)
		return;
	hmr_scene_free(v->scene);
	free(v->turned);
	free(v);
}

void
hmr_view_size(enum hmr_view_from from, uint32_t width, uint32_t height,
	      uint32_t *width_out, uint32_t *height_out)
{
	*width_out = width;
	*height_out = height;
	if (from == HMR_VIEW_GRID) {
		*width_out += (width + 1) / 2;
		*width_out += *width_out & 1;	/* video wants even sides */
	}
}

/* Camera axes: x right, y down, z away. Side: a quarter turn about the vertical
 * that takes the near side to the right. Top: one about x that takes the head
 * to the eye. */
static void
turn(enum hmr_view_from from, const float about[3], const float p[3],
     float out[3])
{
	float x = p[0] - about[0], y = p[1] - about[1], z = p[2] - about[2];

	switch (from) {
	case HMR_VIEW_SIDE:
		out[0] = about[0] - z;
		out[1] = p[1];
		out[2] = about[2] + x;
		break;
	case HMR_VIEW_TOP:
		out[0] = p[0];
		out[1] = about[1] - z;
		out[2] = about[2] + y;
		break;
	default:
		memcpy(out, p, sizeof(float[3]));
	}
}

/* A point of the panel, or false: behind the eye or not finite. */
static bool
project(const struct panel *p, const struct hmr_view_person *h,
	const float joint[3], float out[2])
{
	float q[3], z, f = (h->focal > 0 ? h->focal : p->focal);

	turn(p->from, h->joints3d[PELVIS], joint, q);
	z = q[2] + h->camera[2];
	if (!(z > NEAR_M))
		return false;
	for (int k = 0; k < 2; k++)
		out[k] = (f * (q[k] + h->camera[k]) / z + p->centre[k]) * p->scale;
	return isfinite(out[0]) && isfinite(out[1]);
}

static bool
point(const struct panel *p, const struct hmr_view_person *h, int i, float out[2])
{
	if (p->from == HMR_VIEW_FRONT) {
		out[0] = h->joints2d[i][0] * p->scale;
		out[1] = h->joints2d[i][1] * p->scale;
		return isfinite(out[0]) && isfinite(out[1]);
	}
	return project(p, h, h->joints3d[i], out);
}

static void
colour_of(const struct hmr_view_person *h, uint32_t index, uint8_t rgb[3])
{
	if (h->id)
		hmr_palette_id(h->id, rgb);
	else
		hmr_palette_anonymous(index, rgb);
}

/* Of a person in the panel, px: what line widths go by. */
static float
tallness(const struct panel *p, const struct hmr_view_person *h)
{
	float t = (h->box[3] - h->box[1]) * p->scale;

	return t > 0 ? t < 1e4f ? t : 1e4f : 0;
}

/* The surface a person is drawn with. The light one's vertices are the first of the
 * full one's, so it is there too. */
static const struct hmr_view_surface *
surface_of(const struct hmr_view *v, const struct panel *p,
	   const struct hmr_view_person *h)
{
	bool light = p->scale < 1 && tallness(p, h) < GLANCE_PX &&
		v->plan.surface[1].vertices &&
		v->plan.surface[1].vertices <= v->plan.surface[h->surface].vertices;

	return &v->plan.surface[light ? 1 : h->surface];
}

static enum hmr_status
draw_meshes(struct hmr_view *v, const struct panel *p,
	    const struct hmr_view_person *people, uint32_t n, struct hmr_err *e)
{
	struct hmr_scene_camera lens = { p->focal * p->scale,
		{ p->centre[0] * p->scale, p->centre[1] * p->scale }, NEAR_M };
	enum hmr_status st = hmr_scene_begin(v->scene, &p->c, &lens, e);

	for (uint32_t i = 0; !st && i < n; i++) {
		const struct hmr_view_person *h = &people[i];
		const struct hmr_view_surface *s = surface_of(v, p, h);
		struct hmr_scene_mesh m = {
			.xyz = h->vertices, .face = s->face,
			.vertices = s->vertices, .faces = s->faces,
			.focal = h->focal * p->scale,
			.alpha = v->plan.opacity * (h->filled ? FAINT : 1),
		};

		if (!h->vertices)
			continue;
		if (p->from != HMR_VIEW_FRONT) {
			for (uint32_t k = 0; k < s->vertices; k++)
				turn(p->from, h->joints3d[PELVIS], h->vertices[k],
				     v->turned[k]);
			m.xyz = (const float (*)[3])v->turned;
		}
		memcpy(m.offset, h->camera, sizeof(m.offset));
		colour_of(h, i, m.rgb);
		st = hmr_scene_add(v->scene, &m, e);
	}
	if (!st)
		hmr_scene_finish(v->scene);
	return st;
}

static void
draw_skeleton(const struct hmr_view *v, const struct panel *p,
	      const struct hmr_view_person *h, uint32_t index)
{
	float t = tallness(p, h), w = t / 90 > 1 ? t / 90 : 1;
	float alpha = h->filled ? FAINT : 1;
	uint8_t rgb[3];

	w = w < 7 ? w : 7;
	colour_of(h, index, rgb);
	for (int k = 0; k < 3; k++)	/* lighter than the mesh it lies on */
		rgb[k] = (uint8_t)(rgb[k] + (255 - rgb[k]) * 2 / 5);
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < v->plan.edges; i++) {
			int a = v->plan.edge[i][0], b = v->plan.edge[i][1];
			float from[2], to[2], sure = 1;

			if (!point(p, h, a, from) || !point(p, h, b, to))
				continue;
			if (h->joint_conf && (h->joint_conf[a] < 0.3f ||
					      h->joint_conf[b] < 0.3f))
				sure = 0.5f;
			if (pass)
				hmr_draw_line(&p->c, from, to, w, rgb, alpha * sure);
			else
				hmr_draw_line(&p->c, from, to, w + (t < 80 ? 1 : 2),
					      dark, 0.6f * alpha * sure);
		}
	for (int i = 0; t >= 80 && i < v->plan.edges; i++) {
		float at[2];

		if (!point(p, h, v->plan.edge[i][1], at))
			continue;
		hmr_draw_disc(&p->c, at, w * 0.9f + 1, dark, 0.6f * alpha);
		hmr_draw_disc(&p->c, at, w * 0.9f, rgb, alpha);
	}
}

static float
line_width(const struct panel *p)
{
	float w = p->height * p->scale / 288;

	return w > 1.5f ? w : 1.5f;
}

static void
draw_box(const struct panel *p, const struct hmr_view_person *h, uint32_t index)
{
	float w = line_width(p), box[4];
	uint8_t rgb[3];

	colour_of(h, index, rgb);
	for (int k = 0; k < 4; k++)
		box[k] = h->box[k] * p->scale;
	hmr_draw_frame(&p->c, box, w + 2, h->filled ? w * 3 : 0, dark,
		       h->filled ? 0.25f : 0.35f);
	hmr_draw_frame(&p->c, box, w, h->filled ? w * 3 : 0, rgb,
		       h->filled ? 0.7f : 1);
}

/* Where a person's name stands: the middle of its lower edge, or the left end
 * for a box. false: nowhere. */
static bool
anchor(const struct panel *p, const struct hmr_view_person *h, float at[2])
{
	float top = INFINITY, q[2];

	if (p->from == HMR_VIEW_FRONT) {
		at[0] = h->box[0] * p->scale - line_width(p) / 2;
		at[1] = h->box[1] * p->scale - line_width(p) / 2;
		return isfinite(at[0]) && isfinite(at[1]);
	}
	if (!h->joints3d || !project(p, h, h->joints3d[PELVIS], at))
		return false;
	for (int i = 0; i < 25; i++)
		if (project(p, h, h->joints3d[i], q) && q[1] < top)
			top = q[1];
	at[1] = top - 0.1f * tallness(p, h);
	return isfinite(at[1]);
}

/* A plate in the person's colour with the identity, or where there is none the
 * score, on it. */
static void
draw_name(const struct panel *p, const struct hmr_view_person *h, uint32_t index)
{
	float size = p->height * p->scale / 52, at[2], plate[4], wide, high;
	uint8_t rgb[3], ink[3];
	char text[16];

	if (!anchor(p, h, at))
		return;
	if (h->id)
		snprintf(text, sizeof(text), "%u", h->id);
	else
		snprintf(text, sizeof(text), "%.2f", (double)h->score);
	size = size > 8 ? size : 8;
	wide = hmr_draw_text_width(size, text) + size;
	high = size * 1.7f;
	if (p->from != HMR_VIEW_FRONT)
		at[0] -= wide / 2;
	if (at[1] < high)		/* no room above: inside */
		at[1] = high;
	if (at[0] + wide > (float)p->c.width)
		at[0] = (float)p->c.width - wide;
	at[0] = floorf(at[0] > 0 ? at[0] : 0);
	at[1] = floorf(at[1]);
	memcpy(plate, (float[4]){ at[0], at[1] - high, at[0] + wide, at[1] },
	       sizeof(plate));
	colour_of(h, index, rgb);
	hmr_draw_contrast(rgb, ink);
	hmr_draw_rect(&p->c, plate, rgb, h->filled ? 0.6f : 0.92f);
	hmr_draw_text(&p->c, (float[2]){ at[0] + size / 2, at[1] - size * 0.35f },
		      size, text, ink, 1);
}

static void
paint(const struct hmr_canvas *c, const uint8_t rgb[3])
{
	for (uint32_t x = 0; x < c->width; x++)
		memcpy(c->rgb + (size_t)x * 3, rgb, 3);
	for (uint32_t y = 1; y < c->height; y++)
		memcpy(hmr_canvas_at(c, 0, y), c->rgb, (size_t)c->width * 3);
}

static enum hmr_status
draw_panel(struct hmr_view *v, const struct panel *p,
	   const struct hmr_view_person *people, uint32_t n, struct hmr_err *e)
{
	const struct hmr_view_plan *plan = &v->plan;
	bool front = p->from == HMR_VIEW_FRONT;
	enum hmr_status st;

	if (v->scene && (st = draw_meshes(v, p, people, n, e)))
		return st;
	for (uint32_t i = 0; plan->skeleton && i < n; i++)
		if (people[i].joints3d)
			draw_skeleton(v, p, &people[i], i);
	for (uint32_t i = 0; plan->boxes && front && i < n; i++)
		draw_box(p, &people[i], i);
	for (uint32_t i = 0; plan->ids && i < n; i++)
		draw_name(p, &people[i], i);
	if (p->name) {
		float size = p->height * p->scale / 26;
		float at[2] = { size * 0.8f, size * 1.7f };

		hmr_draw_text(&p->c, at, size < 9 ? 9 : size, p->name,
			      (const uint8_t[3]){ 168, 172, 180 }, 1);
	}
	return HMR_OK;
}

static struct hmr_canvas
window(const struct hmr_canvas *c, uint32_t x0, uint32_t y0, uint32_t x1,
       uint32_t y1)
{
	return (struct hmr_canvas){ hmr_canvas_at(c, x0, y0), x1 - x0, y1 - y0,
				    c->stride };
}

static enum hmr_status
draw_column(struct hmr_view *v, const struct hmr_canvas *c, struct panel p,
	    uint32_t width, uint32_t height,
	    const struct hmr_view_person *people, uint32_t n, struct hmr_err *e)
{
	struct hmr_canvas column = window(c, width, 0, c->width, c->height);
	enum hmr_status st;
	float h = (float)height;
	uint32_t half = (height + 1) / 2;

	paint(&column, ground);
	p.scale = 0.5f;
	p.from = HMR_VIEW_SIDE;
	p.name = "side";
	p.c = window(c, width, 0, c->width, half);
	if ((st = draw_panel(v, &p, people, n, e)))
		return st;
	p.from = HMR_VIEW_TOP;
	p.name = "top";
	p.c = window(c, width, half < height ? half : height - 1, c->width, height);
	if ((st = draw_panel(v, &p, people, n, e)))
		return st;
	hmr_draw_rect(&column, (float[4]){ 0, 0, 1, h }, rule, 1);
	hmr_draw_rect(&column, (float[4]){ 0, (float)half - 0.5f, (float)column.width,
					   (float)half + 0.5f }, rule, 1);
	return HMR_OK;
}

enum hmr_status
hmr_view_draw(struct hmr_view *v, const struct hmr_canvas *c, uint32_t width,
	      uint32_t height, bool image, float focal, const float centre[2],
	      const struct hmr_view_person *people, uint32_t n,
	      struct hmr_err *e)
{
	enum hmr_view_from from = v->plan.from;
	struct panel p = { .from = from == HMR_VIEW_GRID ? HMR_VIEW_FRONT : from,
			   .scale = 1, .focal = focal,
			   .centre = { centre[0], centre[1] },
			   .height = (float)height };
	enum hmr_status st;
	uint32_t w, h;

	hmr_view_size(from, width, height, &w, &h);
	if (width > v->plan.width || height > v->plan.height || c->width < w ||
	    c->height < h || !width || !height)
		return hmr_fail(e, HMR_E_LIMIT, "view: frame %ux%u, planned for %ux%u",
				width, height, v->plan.width, v->plan.height);
	p.c = window(c, 0, 0, width, height);
	if (!image || p.from != HMR_VIEW_FRONT)
		paint(&p.c, ground);
	if ((st = draw_panel(v, &p, people, n, e)) || from != HMR_VIEW_GRID)
		return st;
	return draw_column(v, c, p, width, height, people, n, e);
}

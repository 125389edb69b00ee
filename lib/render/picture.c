/* SPDX-License-Identifier: Apache-2.0 */
/* Frames to pictures; see picture.h. What is drawn and how is view.c's. */
#include "render/picture.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "body/surface.h"
#include "image/rgb.h"
#include "render/footage.h"

#define LIGHT_PX 80			/* people lower than this get the light surface */

struct hmr_picture {
	struct hmr_picture_options o;
	bool chosen;			/* what is drawn was asked for by name */
	const struct hmr_head *head;
	struct hmr_body *body;		/* NULL: no meshes */
	struct hmr_pose_work *work;
	struct hmr_footage *footage;
	struct hmr_view *view;
	struct hmr_view_plan plan;
	struct hmr_rgb *rgb;
	uint32_t rgb_width;
	uint8_t *canvas;
	size_t canvas_bytes;
	struct hmr_person *people;	/* [HMR_PEOPLE_CAP], touched as needed */
	struct hmr_body_row *bodies;
	struct hmr_track_row *tracks;
	struct hmr_view_person *drawn;
	uint32_t *body_of, *track_of;	/* [HMR_PEOPLE_CAP]: row + 1, or 0 */
	uint32_t *vert_person;		/* [max_people] */
	float (*vertices)[3];		/* [max_people][body's] */
	uint8_t header[HMR_IMAGE_HEADER];	/* of the section that is emitted */
	struct iovec parts[4];
	uint8_t *camera;		/* a CAMR section */
};

enum hmr_status
hmr_picture_new(struct hmr_picture **out, const struct hmr_picture_options *o,
		struct hmr_err *e)
{
	struct hmr_picture *p = calloc(1, sizeof(*p));

	*out = NULL;
	if (!p)
		return hmr_fail(e, HMR_E_NOMEM, "picture");
	p->o = *o;
	p->chosen = o->mesh || o->skeleton || o->boxes || o->ids;
	if (!p->chosen)
		p->o.mesh = p->o.boxes = p->o.ids = true;
	p->people = malloc(HMR_PEOPLE_CAP * sizeof(*p->people));
	p->bodies = malloc(HMR_PEOPLE_CAP * sizeof(*p->bodies));
	p->tracks = malloc(HMR_PEOPLE_CAP * sizeof(*p->tracks));
	p->drawn = malloc(HMR_PEOPLE_CAP * sizeof(*p->drawn));
	p->body_of = malloc(HMR_PEOPLE_CAP * sizeof(*p->body_of));
	p->track_of = malloc(HMR_PEOPLE_CAP * sizeof(*p->track_of));
	p->vert_person = malloc(o->max_people * sizeof(*p->vert_person));
	p->camera = malloc(hmr_camera_bytes());
	if (!p->people || !p->bodies || !p->tracks || !p->drawn || !p->body_of ||
	    !p->track_of || !p->vert_person || !p->camera) {
		hmr_picture_free(p);
		return hmr_fail(e, HMR_E_NOMEM, "picture");
	}
	*out = p;
	return HMR_OK;
}

static void
free_pose(struct hmr_picture *p)
{
	hmr_pose_work_free(p->work);
	free(p->vertices);
	p->work = NULL;
	p->vertices = NULL;
}

void
hmr_picture_free(struct hmr_picture *p)
{
	if (!p)
		return;
	free_pose(p);
	hmr_body_free(p->body);
	hmr_footage_close(p->footage);
	hmr_view_free(p->view);
	hmr_rgb_free(p->rgb);
	free(p->canvas);
	free(p->people);
	free(p->bodies);
	free(p->tracks);
	free(p->drawn);
	free(p->body_of);
	free(p->track_of);
	free(p->vert_person);
	free(p->camera);
	free(p);
}

/* The body that HEAD names, if meshes are to be drawn and it names one. */
static enum hmr_status
open_body(struct hmr_picture *p, const struct hmr_head *h, struct hmr_err *e)
{
	enum hmr_status st;
	bool fresh;
	size_t v;

	if (!hmr_head_stage_field(h, "body") && p->chosen &&
	    (p->o.mesh || p->o.skeleton))
		return hmr_fail(e, HMR_E_FORMAT, "no bodies to draw: "
				"hmr-render needs hmr-mesh before it for %s",
				p->o.mesh ? "--mesh" : "--skeleton");
	if (!p->o.mesh)
		return HMR_OK;
	st = hmr_surface_body(&p->body, h, p->o.body, &fresh, e);
	if (!st && !fresh)
		return HMR_OK;
	free_pose(p);
	if (st == HMR_EOF)
		return HMR_OK;
	if (st)
		return hmr_fail_in(e, st, "--mesh");
	v = hmr_body_vertices(p->body);
	p->work = hmr_pose_work_new(p->body);
	p->vertices = calloc(v * p->o.max_people, sizeof(*p->vertices));
	if (!p->work || !p->vertices)
		return hmr_fail(e, HMR_E_NOMEM, "%zu vertices for %u people", v,
				p->o.max_people);
	return HMR_OK;
}

static enum hmr_status
make_view(struct hmr_picture *p, const struct hmr_head_info *i,
	  struct hmr_err *e)
{
	struct hmr_view_plan n;

	memset(&n, 0, sizeof(n));	/* compared as bytes */
	n.width = i->width;
	n.height = i->height;
	n.from = p->o.from;
	n.mesh = p->o.mesh;
	n.skeleton = p->o.skeleton;
	n.boxes = p->o.boxes;
	n.ids = p->o.ids;
	n.opacity = p->o.opacity;
	n.edge = hmr_body_edges(&n.edges);
	if (p->body) {
		n.meshes = p->o.max_people;
		n.surface[0].vertices = hmr_body_vertices(p->body);
		n.surface[0].faces = hmr_body_faces(p->body);
		n.surface[0].face = hmr_body_face_list(p->body);
		n.surface[1].vertices = hmr_body_light_vertices(p->body);
		n.surface[1].faces = hmr_body_light_faces(p->body);
		n.surface[1].face = hmr_body_light_face_list(p->body);
	}
	if (p->view && !memcmp(&n, &p->plan, sizeof(n)))
		return HMR_OK;
	hmr_view_free(p->view);
	p->view = NULL;
	memcpy(&p->plan, &n, sizeof(n));
	return hmr_view_new(&p->view, &n, e);
}

/* Canvas and conversion for pictures of w x h. */
static enum hmr_status
make_buffers(struct hmr_picture *p, uint32_t w, uint32_t h, struct hmr_err *e)
{
	size_t bytes = (size_t)w * h * 3;

	if (bytes > p->canvas_bytes) {
		free(p->canvas);
		p->canvas_bytes = 0;
		if (!(p->canvas = malloc(bytes)))
			return hmr_fail(e, HMR_E_NOMEM, "picture of %ux%u", w, h);
		p->canvas_bytes = bytes;
	}
	if (!p->rgb || w > p->rgb_width) {
		hmr_rgb_free(p->rgb);
		p->rgb_width = w;
		return hmr_rgb_new(&p->rgb, w, e);
	}
	return HMR_OK;
}

enum hmr_status
hmr_picture_head(struct hmr_picture *p, struct hmr_head *h, struct hmr_err *e)
{
	const struct hmr_head_info *i = hmr_head_info(h);
	cJSON *o = hmr_head_object(h);
	enum hmr_status st;
	uint32_t width, height;

	hmr_view_size(p->o.from, i->width, i->height, &width, &height);
	if (width > HMR_IMAGE_MAX_SIDE)
		return hmr_fail(e, HMR_E_LIMIT, "a picture %u wide", width);
	if ((st = open_body(p, h, e)) || (st = make_view(p, i, e)) ||
	    (st = make_buffers(p, width, height, e)))
		return st;
	hmr_footage_close(p->footage);
	p->footage = NULL;
	if (p->o.video && !p->o.plain && p->o.from != HMR_VIEW_SIDE &&
	    p->o.from != HMR_VIEW_TOP &&
	    (st = hmr_footage_open(&p->footage, p->o.video, &p->o.source, i, e)))
		return st;
	p->head = h;
	hmr_head_grow(h, (size_t)width * height * 3 + HMR_IMAGE_HEADER +
		      hmr_camera_bytes() + 4 * HMR_SECTION_HEADER);
	/* The frame lies at the top left of the larger picture: what refers to it
	 * stays right, and CAMR keeps focal length and centre. */
	if (width != i->width || height != i->height) {
		cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(o, "width"),
				     width);
		cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(o, "height"),
				     height);
	}
	return HMR_OK;
}

size_t
hmr_picture_bytes(const struct hmr_picture *p)
{
	return p->canvas_bytes + hmr_rgb_bytes(p->rgb_width) +
	       hmr_view_bytes(&p->plan) +
	       (p->body ? (size_t)hmr_body_vertices(p->body) * p->o.max_people *
			  sizeof(*p->vertices) : 0);
}

/* The image to draw on, borrowed; none: image->planes is 0. Takes the frame's
 * size from a video's image, as results need not know those of single images. */
static enum hmr_status
find_image(struct hmr_picture *p, struct hmr_frame *f, struct hmr_image *image,
	   struct hmr_err *e)
{
	const struct hmr_image *im;
	enum hmr_status st;

	memset(image, 0, sizeof(*image));
	if (p->o.plain || p->o.from == HMR_VIEW_SIDE || p->o.from == HMR_VIEW_TOP)
		return HMR_OK;
	if (p->footage) {
		if ((st = hmr_footage_get(p->footage, f->number, f->pts, &im, e)))
			return st;
		*image = *im;
		f->width = im->width;
		f->height = im->height;
	} else {
		st = hmr_image_get(f, image, e);
		if (st == HMR_EOF)
			return hmr_fail(e, HMR_E_FORMAT, "no image: give --source VIDEO, "
					"or --background off");
		if (st)
			return st;
	}
	if (image->width != f->width || image->height != f->height)
		return hmr_fail(e, HMR_E_FORMAT, "image of %ux%u in a frame of %ux%u",
				image->width, image->height, f->width, f->height);
	return HMR_OK;
}

/* Reads the tables; *n people. */
static enum hmr_status
read_people(struct hmr_picture *p, const struct hmr_frame *f, uint32_t *n,
	    bool *tracked, struct hmr_err *e)
{
	uint32_t bodies, tracks;
	enum hmr_status st;

	st = hmr_people_get(f, p->people, HMR_PEOPLE_CAP, n, e);
	if (st == HMR_EOF)
		return hmr_fail(e, HMR_E_FORMAT, "no people: hmr-render needs "
				"hmr-detect before it");
	if (st)
		return st;
	st = hmr_bodies_get(f, p->bodies, HMR_PEOPLE_CAP, *n, &bodies, e);
	if (st && st != HMR_EOF)
		return st;
	st = hmr_tracks_get(f, p->tracks, HMR_PEOPLE_CAP, *n, &tracks, e);
	if (st && st != HMR_EOF)
		return st;
	*tracked = st == HMR_OK;
	memset(p->body_of, 0, *n * sizeof(*p->body_of));
	memset(p->track_of, 0, *n * sizeof(*p->track_of));
	for (uint32_t i = 0; i < bodies; i++)
		p->body_of[p->bodies[i].person] = i + 1;
	for (uint32_t i = 0; i < tracks; i++)
		p->track_of[p->tracks[i].person] = i + 1;
	return HMR_OK;
}

static bool
all_zero(const float *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] != 0)
			return false;
	return true;
}

/* Results printed with few fields: a body without a pose is no mesh, one without
 * joints gets them from its pose. false: there is nothing to draw of it. */
static bool
complete(struct hmr_picture *p, struct hmr_body_row *b, const float centre[2],
	 float focal)
{
	if (!(b->camera[2] > 0))
		return !all_zero(b->joints2d[0], HMR_JOINTS * 2);
	if (!all_zero(b->joints2d[0], HMR_JOINTS * 2) &&
	    !all_zero(b->joints3d[0], HMR_JOINTS * 3))
		return true;
	if (!p->body || all_zero((const float *)b->pose, HMR_POSE_JOINTS * 9))
		return false;
	hmr_body_pose(p->body, p->work, b->pose, b->shape, NULL, NULL, b->joints3d,
		      NULL);
	for (int i = 0; i < HMR_JOINTS; i++)
		for (int k = 0; k < 2; k++)
			b->joints2d[i][k] = centre[k] + (b->focal > 0 ? b->focal : focal) *
				(b->joints3d[i][k] + b->camera[k]) /
				(b->joints3d[i][2] + b->camera[2]);
	return true;
}

/* Fills p->drawn with those to draw, and mesh[] with their indices in people. */
static uint32_t
choose(struct hmr_picture *p, uint32_t n, bool tracked, const float centre[2],
       float focal)
{
	uint32_t m = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct hmr_track_row *t = NULL;
		struct hmr_view_person *d = &p->drawn[m];

		if (p->track_of[i])
			t = &p->tracks[p->track_of[i] - 1];
		if (tracked && !t && !p->o.all)
			continue;
		memset(d, 0, sizeof(*d));
		memcpy(d->box, p->people[i].box, sizeof(d->box));
		d->score = p->people[i].score;
		d->id = t ? t->id : 0;
		d->filled = t && (t->missed || (t->flags & HMR_TRACK_FILLED));
		if (p->body_of[i] && complete(p, &p->bodies[p->body_of[i] - 1],
					      centre, focal)) {
			const struct hmr_body_row *b = &p->bodies[p->body_of[i] - 1];

			d->joints3d = b->joints3d;
			d->joints2d = b->joints2d;
			d->joint_conf = b->flags & HMR_BODY_CONF ? b->joint_conf : NULL;
			memcpy(d->camera, b->camera, sizeof(d->camera));
			d->focal = b->focal;
		}
		p->body_of[m] = p->body_of[i];	/* now by place in drawn; m <= i */
		m++;
	}
	return m;
}

static bool
has_mesh(const struct hmr_picture *p, uint32_t i)
{
	const struct hmr_body_row *b = &p->bodies[p->body_of[i] - 1];

	return p->drawn[i].joints3d && b->camera[2] > 0 && !all_zero((const float *)b->pose, HMR_POSE_JOINTS * 9);
}

/* Whether max people with bodies stand before i: a higher score, or as high and
 * earlier. Only asked where there are more than that. */
static bool
too_weak(const struct hmr_picture *p, uint32_t n, uint32_t i, uint32_t max)
{
	uint32_t before = 0;

	for (uint32_t k = 0; k < n && before < max; k++)
		before += has_mesh(p, k) && k != i &&
			  (p->drawn[k].score > p->drawn[i].score ||
			   (p->drawn[k].score == p->drawn[i].score && k < i));
	return before >= max;
}

/* Gives each person with a body its vertices, posed unless stored. */
static enum hmr_status
add_meshes(struct hmr_picture *p, const struct hmr_frame *f, uint32_t people,
	   uint32_t n, struct hmr_picture_count *count, struct hmr_err *e)
{
	uint32_t v = hmr_body_vertices(p->body), bodies = 0, rows, at;
	uint32_t light = hmr_body_light_vertices(p->body);
	enum hmr_status st;

	if ((st = hmr_surface_stored(p->body, f, p->vert_person, p->vertices,
				     p->o.max_people, people, &rows, e)))
		return st;
	for (uint32_t i = 0; i < n; i++)
		bodies += has_mesh(p, i);
	at = rows;
	for (uint32_t i = 0; i < n; i++) {
		struct hmr_view_person *d = &p->drawn[i];
		const struct hmr_body_row *b;
		uint32_t slot = 0;
		float tall = d->box[3] - d->box[1];

		if (!has_mesh(p, i))
			continue;
		b = &p->bodies[p->body_of[i] - 1];
		while (slot < rows && p->vert_person[slot] != b->person)
			slot++;
		if (slot == rows) {
			if ((bodies > p->o.max_people &&
			     too_weak(p, n, i, p->o.max_people)) ||
			    at >= p->o.max_people) {
				count->over++;
				continue;
			}
			slot = at++;
		}
		d->surface = light && light < v && tall < LIGHT_PX;
		if (slot >= rows)
			hmr_body_pose_vertices(p->body, p->work, b->pose, b->shape,
					       p->vertices + (size_t)slot * v,
					       d->surface ? light : v);
		d->vertices = (const float (*)[3])(p->vertices + (size_t)slot * v);
		count->meshes++;
	}
	return HMR_OK;
}

/* The focal length and centre that apply; kept in the frame where the picture's
 * size would change them. */
static enum hmr_status
lens(struct hmr_picture *p, struct hmr_frame *f, bool keep, float *focal,
     float centre[2], struct hmr_err *e)
{
	struct hmr_camera_row c;
	enum hmr_status st;

	if ((st = hmr_frame_focal(f, p->head, focal, e)))
		return st;
	st = hmr_camera_get(f, &c, e);
	if (st && st != HMR_EOF)
		return st;
	if (st == HMR_EOF) {
		c = (struct hmr_camera_row){ { *focal, *focal },
			{ (float)f->width / 2, (float)f->height / 2 } };
		if (keep && (st = hmr_frame_put(f, HMR_TAG_CAMERA, p->camera,
						hmr_camera_put(p->camera, &c), e)))
			return st;
	}
	centre[0] = c.centre[0];
	centre[1] = c.centre[1];
	return HMR_OK;
}

enum hmr_status
hmr_picture_draw(struct hmr_picture *p, struct hmr_frame *f,
		 struct hmr_picture_count *n, struct hmr_err *e)
{
	struct hmr_image out = { .pixel = HMR_PIXEL_RGB24,
		.matrix = HMR_MATRIX_BT709, .range = HMR_RANGE_FULL, .depth = 8,
		.planes = 1 };
	uint32_t people, drawn, width, height;
	struct hmr_image image;
	float focal, centre[2];
	struct hmr_canvas c;
	enum hmr_status st;
	bool tracked = false;

	memset(n, 0, sizeof(*n));
	if ((st = read_people(p, f, &people, &tracked, e)) ||
	    (st = find_image(p, f, &image, e)))
		return st;
	if (!f->width || !f->height || f->width > p->plan.width ||
	    f->height > p->plan.height)
		return hmr_fail(e, HMR_E_FORMAT, "frame of %ux%u in a stream of %ux%u",
				f->width, f->height, p->plan.width, p->plan.height);
	hmr_view_size(p->o.from, f->width, f->height, &width, &height);
	c = (struct hmr_canvas){ p->canvas, width, height, (size_t)width * 3 };
	if (image.planes &&
	    (st = hmr_rgb_convert(p->rgb, &image, c.rgb, c.stride, e)))
		return st;
	if ((st = lens(p, f, width != f->width, &focal, centre, e)))
		return st;
	drawn = choose(p, people, tracked, centre, focal);
	if (p->body && (st = add_meshes(p, f, people, drawn, n, e)))
		return st;
	if ((st = hmr_view_draw(p->view, &c, f->width, f->height,
				image.planes != 0, focal, centre, p->drawn, drawn, e)))
		return st;
	out.width = f->width = width;
	out.height = f->height = height;
	out.stride[0] = width * 3;
	out.plane[0] = p->canvas;
	hmr_image_parts(p->header, p->parts, &out);
	return hmr_frame_put_parts(f, HMR_TAG_IMAGE, p->parts, 2, e);
}

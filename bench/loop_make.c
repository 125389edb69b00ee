/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures of people whose pose is known: natural poses of the mannequin
 * (tests/unit/test_fit_poses.h), each turned to several sides, one person a frame,
 * in plain clothes, drawn by lib/render over the images of a stream in turn.
 *
 *	loop_make POSES DIRECTIONS SEED TRUTH <background >pictures
 *	loop_make POSES FRAMES SEED TRUTH TALL <background >pictures
 *
 * With TALL, a part of the picture's height, one person over the last background
 * moves from pose to pose, FRAMES frames each, and stands still for the last third of
 * them. TRUTH gets people, bodies and identities, standard output the pictures alone.
 * Built and run by bench/loop.sh.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../tests/unit/test_fit_poses.h"
#include "body/body_impl.h"
#include "image/rgb.h"
#include "render/raster.h"
#include "stream/tables.h"

#define GROUNDS 64
#define TABLES 8192		/* bytes of PEOP, BODY and TRAK of one person */

enum { SKIN, HAIR, SHIRT, SLEEVES, TROUSERS, SHOES, CLOTHES };

struct loop {
	struct hmr_body *body;
	struct hmr_pose_work *work;
	float (*vertices)[3];
	struct hmr_head *head;
	uint8_t *ground[GROUNDS];	/* [height][width][3] */
	uint8_t *canvas;
	double tall;			/* of one who moves; 0: many who do not */
	uint32_t grounds, width, height;
	uint32_t *face[CLOTHES], faces[CLOTHES];
	struct hmr_scene *scene;
	struct hmr_writer *people, *truth;
};

static void
die(const char *what, const struct hmr_err *e)
{
	fprintf(stderr, "loop_make: %s: %s\n", what, e ? e->msg : "out of memory");
	exit(1);
}

/* Keeps the background's images; the head becomes that of what is written. */
static void
read_grounds(struct loop *l)
{
	const struct hmr_frame *f;
	struct hmr_reader *r;
	struct hmr_rgb *rgb;
	struct hmr_image im;
	struct hmr_err e = { 0 };

	if (hmr_reader_new(&r, 0, "background", 0, &e) ||
	    hmr_reader_head(r, &l->head, &e))
		die("background", &e);
	l->width = hmr_head_info(l->head)->width;
	l->height = hmr_head_info(l->head)->height;
	size_t bytes = (size_t)3 * l->width * l->height;
	if (hmr_rgb_new(&rgb, l->width, &e) || !(l->canvas = malloc(bytes)))
		die("background", &e);
	while (l->grounds < GROUNDS && !hmr_reader_next(r, &f, &e)) {
		uint8_t *g = malloc(bytes);
		if (!g || hmr_image_get(f, &im, &e) || im.width != l->width ||
		    im.height != l->height ||
		    hmr_rgb_convert(rgb, &im, g, (size_t)3 * l->width, &e))
			die("background", &e);
		l->ground[l->grounds++] = g;
	}
	if (!l->grounds)
		die("background", &e);
	hmr_rgb_free(rgb);
	hmr_reader_free(r);
}

/* What a vertex of the rest surface wears. */
static int
worn(const struct hmr_body *b, uint32_t v)
{
	const float *x = b->rest + 3 * v;
	int joint = b->weight_joint[4 * v];

	switch (joint) {
	case 0: case 1: case 2: case 4: case 5:
		return joint || x[1] < 0.1f ? TROUSERS : SHIRT;
	case 7: case 8: case 10: case 11: return SHOES;
	case 12: return SKIN;
	case 15:	/* above the eyes, and behind the ears */
		return x[1] > b->joint[15][1] + 0.12f ||
		       x[2] < b->joint[15][2] - 0.02f ? HAIR : SKIN;
	case 18: case 19: return SLEEVES;
	case 20: case 21: case 22: case 23: return SKIN;
	default: return SHIRT;
	}
}

static void
dress(struct loop *l)
{
	uint32_t n = hmr_body_faces(l->body);
	const uint32_t *face = hmr_body_face_list(l->body);

	for (int c = 0; c < CLOTHES; c++)
		if (!(l->face[c] = malloc(n * 3 * sizeof(uint32_t))))
			die("clothes", NULL);
	for (uint32_t i = 0; i < n; i++, face += 3) {
		int c = worn(l->body, face[0]);
		memcpy(l->face[c] + 3 * l->faces[c]++, face, 3 * sizeof(*face));
	}
}

static void
start(struct loop *l, const char *truth)
{
	int fd = open(truth, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	struct hmr_stage_info stage = { .name = "loop", .version = "1" };
	struct hmr_scene_plan plan = { .width = l->width, .height = l->height,
				       .meshes = CLOTHES };
	struct hmr_err e = { 0 };

	if (fd < 0)
		die(truth, NULL);
	if (hmr_body_mannequin(&l->body, &e))
		die("body", &e);
	l->work = hmr_pose_work_new(l->body);
	l->vertices = malloc(hmr_body_vertices(l->body) * sizeof(*l->vertices));
	if (!l->work || !l->vertices)
		die("body", NULL);
	dress(l);
	plan.vertices = (uint64_t)hmr_body_vertices(l->body) * CLOTHES;
	plan.faces = hmr_body_faces(l->body);
	stage.body = hmr_body_name(l->body);
	stage.body_sha256 = hmr_body_sha256(l->body);
	hmr_head_grow(l->head, (size_t)3 * l->width * l->height + TABLES);
	if (hmr_scene_new(&l->scene, &plan, &e) ||
	    hmr_writer_new(&l->people, 1, "people", 0, &e) ||
	    hmr_writer_head(l->people, l->head, &e) ||
	    hmr_head_add_stage(l->head, &stage, &e) ||
	    hmr_writer_new(&l->truth, fd, truth, 0, &e) ||
	    hmr_writer_head(l->truth, l->head, &e))
		die("head", &e);
}

/* The box of the surface as the camera sees it. */
static void
outline(const struct loop *l, const struct hmr_body_row *b, float box[4])
{
	const float half[2] = { (float)l->width / 2, (float)l->height / 2 };

	box[0] = box[1] = 1e9f;
	box[2] = box[3] = -1e9f;
	for (uint32_t i = 0; i < hmr_body_vertices(l->body); i++) {
		const float *v = l->vertices[i];
		for (int k = 0; k < 2; k++) {
			float u = half[k] + b->focal * (v[k] + b->camera[k]) /
				  (v[2] + b->camera[2]);
			box[k] = fminf(box[k], u);
			box[2 + k] = fmaxf(box[2 + k], u);
		}
	}
}

/* The joints and the box as the camera sees them. */
static void
project(const struct loop *l, struct hmr_body_row *b, struct hmr_person *p)
{
	const float half[2] = { (float)l->width / 2, (float)l->height / 2 };

	outline(l, b, p->box);
	p->score = 1;
	for (int i = 0; i < HMR_JOINTS; i++) {
		for (int k = 0; k < 2; k++)
			b->joints2d[i][k] = half[k] + b->focal *
				(b->joints3d[i][k] + b->camera[k]) /
				(b->joints3d[i][2] + b->camera[2]);
		b->joint_conf[i] = 1;
	}
	b->flags = HMR_BODY_CONF;
}

/* Puts the person somewhere in the picture, 50 to 85 % of its height tall. */
static void
place(const struct loop *l, struct natural *r, struct hmr_body_row *b,
      struct hmr_person *p)
{
	const double side[2] = { l->width, l->height };
	double want = (0.5 + 0.35 * natural_uniform(r)) * l->height, u[2];
	float box[4];

	b->focal = (float)(5000 / 256.0 * fmax(side[0], side[1]));
	b->camera[2] = (float)(b->focal * 1.7 / want);
	outline(l, b, box);
	double tall = fmax(box[3] - box[1], box[2] - box[0]);
	b->camera[2] *= (float)(tall / want);
	u[0] = natural_uniform(r);
	u[1] = natural_uniform(r);
	outline(l, b, box);
	for (int k = 0; k < 2; k++) {
		double room = 0.94 * side[k] - (box[2 + k] - box[k]);
		double to = 0.03 * side[k] + u[k] * fmax(room, 0);
		b->camera[k] += (float)((to - box[k]) * b->camera[2] / b->focal);
	}
	project(l, b, p);
}

/* Puts the one who moves at a part of the picture's width and height. */
static void
place_at(const struct loop *l, const double at[2], struct hmr_body_row *b,
	 struct hmr_person *p)
{
	const double side[2] = { l->width, l->height };

	b->focal = (float)(5000 / 256.0 * fmax(side[0], side[1]));
	b->camera[2] = (float)(b->focal * 1.7 / (l->tall * side[1]));
	for (int k = 0; k < 2; k++)
		b->camera[k] = (float)((at[k] - 0.5) * side[k] * b->camera[2] /
				       b->focal);
	project(l, b, p);
}

/* Draws the person over the next background, in colours of their own. */
static void
draw(struct loop *l, uint64_t number, const struct hmr_body_row *b)
{
	static const uint8_t skin[4][3] = { { 236, 196, 170 }, { 205, 150, 116 },
					    { 152, 102, 72 }, { 96, 64, 48 } };
	static const uint8_t hair[4][3] = { { 32, 26, 24 }, { 84, 56, 36 },
					    { 176, 140, 90 }, { 140, 136, 130 } };
	static const uint8_t cloth[10][3] = { { 38, 40, 46 }, { 52, 68, 112 },
		{ 150, 40, 44 }, { 206, 206, 202 }, { 96, 100, 104 }, { 62, 92, 66 },
		{ 120, 92, 70 }, { 196, 170, 60 }, { 110, 140, 180 }, { 80, 50, 90 } };
	struct natural r = { l->tall > 0 ? 3913 : 977 * number + 5 };
	struct hmr_canvas c = { l->canvas, l->width, l->height, (size_t)3 * l->width };
	struct hmr_scene_camera camera = { .focal = b->focal, .near_m = 0.05f,
		.centre = { (float)l->width / 2, (float)l->height / 2 } };
	const uint8_t *colour[CLOTHES];
	struct hmr_err e = { 0 };

	memcpy(l->canvas, l->ground[l->tall > 0 ? l->grounds - 1 :
				    number % l->grounds], c.stride * l->height);
	colour[SKIN] = skin[(int)(4 * natural_uniform(&r))];
	colour[HAIR] = hair[(int)(4 * natural_uniform(&r))];
	colour[SHIRT] = cloth[(int)(10 * natural_uniform(&r))];
	colour[TROUSERS] = cloth[(int)(7 * natural_uniform(&r))];
	colour[SHOES] = cloth[(int)(4 * natural_uniform(&r))];
	colour[SLEEVES] = natural_uniform(&r) < 0.5 ? colour[SKIN] : colour[SHIRT];
	if (hmr_scene_begin(l->scene, &c, &camera, &e))
		die("picture", &e);
	for (int i = 0; i < CLOTHES; i++) {
		struct hmr_scene_mesh m = { .xyz = (const float (*)[3])l->vertices,
			.vertices = hmr_body_vertices(l->body), .face = l->face[i],
			.faces = l->faces[i], .alpha = 1 };
		memcpy(m.offset, b->camera, sizeof(m.offset));
		memcpy(m.rgb, colour[i], 3);
		if (hmr_scene_add(l->scene, &m, &e))
			die("picture", &e);
	}
	hmr_scene_finish(l->scene);
}

static void
emit(struct loop *l, uint64_t number, const struct hmr_person *p,
     const struct hmr_body_row *b)
{
	struct hmr_frame f = { .number = number, .pts = (int64_t)number,
			       .width = l->width, .height = l->height };
	struct hmr_image im = { .pixel = HMR_PIXEL_RGB24, .matrix = HMR_MATRIX_BT709,
		.range = HMR_RANGE_FULL, .depth = 8, .planes = 1, .width = l->width,
		.height = l->height, .stride = { 3 * l->width },
		.plane = { l->canvas } };
	struct hmr_track_row track = { .id = l->tall > 0 ? 1 : (uint32_t)number + 1 };
	uint8_t people[256], bodies[4096], tracks[256], header[HMR_IMAGE_HEADER];
	struct iovec parts[4];
	struct hmr_err e = { 0 };

	draw(l, number, b);
	hmr_image_parts(header, parts, &im);
	if (hmr_frame_put_parts(&f, HMR_TAG_IMAGE, parts, 2, &e) ||
	    hmr_writer_frame(l->people, &f, &e))
		die("picture", &e);
	hmr_frame_drop(&f, HMR_TAG_IMAGE);
	if (hmr_frame_put(&f, HMR_TAG_PEOPLE, people, hmr_people_put(people, p, 1), &e) ||
	    hmr_frame_put(&f, HMR_TAG_BODIES, bodies, hmr_bodies_put(bodies, b, 1), &e) ||
	    hmr_frame_put(&f, HMR_TAG_TRACKS, tracks, hmr_tracks_put(tracks, &track, 1), &e) ||
	    hmr_writer_frame(l->truth, &f, &e))
		die("truth", &e);
}

/* A person of this pose and shape; the surface is theirs until the next. */
static void
become(struct loop *l, double m[HMR_BODY_JOINTS][9],
       const float shape[HMR_BODY_SHAPES], struct hmr_body_row *b)
{
	memset(b, 0, sizeof(*b));
	for (int j = 0; j < HMR_BODY_JOINTS; j++)
		for (int k = 0; k < 9; k++)
			b->pose[j][k] = (float)m[j][k];
	memcpy(b->shape, shape, sizeof(b->shape));
	hmr_body_pose(l->body, l->work, (const float (*)[9])b->pose, b->shape,
		      l->vertices, NULL, b->joints3d, NULL);
}

static void
draw_shape(struct natural *r, float shape[HMR_BODY_SHAPES])
{
	for (int k = 0; k < HMR_BODY_SHAPES; k++)
		shape[k] = (float)natural_draw(r, 0, 1, -2.5, 2.5);
}

static void
many(struct loop *l, struct natural *r, int poses, int sides)
{
	uint64_t number = 0;

	for (int i = 0; i < poses; i++) {
		double m[HMR_BODY_JOINTS][9];
		float shape[HMR_BODY_SHAPES];

		natural_pose(r, m);
		draw_shape(r, shape);
		for (int s = 0; s < sides; s++) {
			struct hmr_body_row b;
			struct hmr_person p = { 0 };

			become(l, m, shape, &b);
			place(l, r, &b, &p);
			emit(l, number++, &p, &b);
			natural_about(m[0], 1, 6.28318530717959 / sides);
		}
	}
}

/* out = part t of the way from a to b, by at most `most` radians. */
static void
between(const double a[9], const double b[9], double t, double most, double out[9])
{
	double r[9], w[3], m[9];

	rot_tmul(a, b, r);
	rot_log(r, w);
	double n = sqrt(rot_dot(w, w));
	for (int k = 0; k < 3; k++)
		w[k] *= n > most ? t * most / n : t;
	rot_exp(w, m);
	rot_mul(a, m, out);
}

static void
moving(struct loop *l, struct natural *r, int poses, int frames)
{
	double from[HMR_BODY_JOINTS][9], to[HMR_BODY_JOINTS][9];
	double at[2] = { 0.5, 0.5 }, go[2];
	float shape[HMR_BODY_SHAPES];
	uint64_t number = 0;

	natural_pose(r, from);
	draw_shape(r, shape);
	for (int i = 0; i < poses; i++) {
		natural_pose(r, to);
		between(from[0], to[0], 1, 1, to[0]);
		for (int k = 0; k < 2; k++)
			go[k] = fmin(0.7, fmax(0.3, at[k] +
					       0.3 * (natural_uniform(r) - 0.5)));
		for (int s = 0; s < frames; s++) {
			double t = fmin(1, 1.5 * s / frames), m[HMR_BODY_JOINTS][9], x[2];
			struct hmr_body_row b;
			struct hmr_person p = { 0 };

			t *= t * (3 - 2 * t);
			for (int j = 0; j < HMR_BODY_JOINTS; j++)
				between(from[j], to[j], t, 4, m[j]);
			for (int k = 0; k < 2; k++)
				x[k] = at[k] + t * (go[k] - at[k]);
			become(l, m, shape, &b);
			place_at(l, x, &b, &p);
			emit(l, number++, &p, &b);
		}
		memcpy(from, to, sizeof(from));
		memcpy(at, go, sizeof(at));
	}
}

int
main(int argc, char **argv)
{
	struct hmr_end end = { .complete = true, .frame = -1 };
	struct loop l = { 0 };
	struct hmr_err e = { 0 };

	if (argc != 5 && argc != 6) {
		fputs("usage: loop_make POSES DIRECTIONS SEED TRUTH [TALL] <background\n",
		      stderr);
		return 2;
	}
	struct natural r = { strtoull(argv[3], NULL, 10) };

	l.tall = argc == 6 ? atof(argv[5]) : 0;
	read_grounds(&l);
	start(&l, argv[4]);
	if (l.tall > 0)
		moving(&l, &r, atoi(argv[1]), atoi(argv[2]));
	else
		many(&l, &r, atoi(argv[1]), atoi(argv[2]));
	if (hmr_writer_end(l.people, &end, &e) || hmr_writer_end(l.truth, &end, &e))
		die("end", &e);
	return 0;
}

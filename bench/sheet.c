/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sheets of the mannequin for people to look at, as PPM on standard output: twelve
 * poses, each from the front, the left, the back and the right (columns are poses);
 * or one pose of three shapes from those sides. Drawn by lib/render as hmr-render
 * draws. Built and run by tools/pictures.sh.
 *
 *	sheet poses mean|heavy|slim
 *	sheet shapes
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body/body.h"
#include "body/rot.h"
#include "render/draw.h"
#include "render/raster.h"

#define SIDES 4
#define POSES 12
#define SHAPES 3
#define TITLE 24		/* px above the cells */

/* Degrees. Of a pair left before right. */
struct limbs {
	const char *name;
	double pitch, bow, twist, nod;	/* whole body, spine, spine, head */
	struct { double to[3], twist, bend; } arm[2];	/* to: outwards, up, front */
	struct { double flex, out, knee, ankle; } leg[2];	/* ankle: toes up */
};

#define DOWN { 0.22, -1, -0.02 }
static const struct limbs poses[POSES] = {
	{ "standing", 0, 0, 0, 3, { { DOWN, 0, 12 }, { DOWN, 0, 12 } },
	  { { 0, 2, 0, 0 }, { 0, 2, 0, 0 } } },
	{ "walking", 2, 4, 6, 3, { { { 0.15, -1, -0.45 }, 0, 15 }, { { 0.15, -1, 0.45 }, 0, 25 } },
	  { { 28, 0, 8, 4 }, { -16, 0, 28, -6 } } },
	{ "running", 8, 6, 12, -4, { { { 0.25, -1, -0.8 }, 0, 85 }, { { 0.1, -1, 0.6 }, 0, 95 } },
	  { { 62, 0, 80, 0 }, { -18, 0, 55, -25 } } },
	{ "sitting", 0, 8, 0, 4, { { { 0.1, -1, 0.35 }, 0, 55 }, { { 0.1, -1, 0.35 }, 0, 55 } },
	  { { 85, 8, 88, 0 }, { 85, 8, 88, 0 } } },
	{ "kneeling", 0, 5, 0, 5, { { { 0.15, -1, 0.4 }, 0, 50 }, { DOWN, 0, 20 } },
	  { { 88, 4, 90, 0 }, { -2, 2, 92, -30 } } },
	{ "arms up", 0, -4, 0, -8, { { { 0.4, 1, 0 }, 0, 12 }, { { 0.4, 1, 0 }, 0, 12 } },
	  { { 0, 6, 0, 0 }, { 0, 6, 0, 0 } } },
	{ "T", 0, 0, 0, 0, { { { 1, 0, 0 }, 0, 0 }, { { 1, 0, 0 }, 0, 0 } },
	  { { 0, 0, 0, 0 }, { 0, 0, 0, 0 } } },
	{ "squat", 28, 18, 0, -26, { { { 0.2, -0.45, 1 }, 0, 15 }, { { 0.2, -0.45, 1 }, 0, 15 } },
	  { { 112, 16, 122, 18 }, { 112, 16, 122, 18 } } },
	{ "lunge", 4, 2, 0, 0, { { { 0.45, -1, 0 }, 20, 80 }, { { 0.45, -1, 0 }, 20, 80 } },
	  { { 82, 2, 84, 0 }, { -32, 2, 38, -4 } } },
	{ "reaching", 12, 14, 22, -10, { { DOWN, 0, 15 }, { { 0.15, 0.35, 1 }, 0, 8 } },
	  { { 24, 3, 22, 4 }, { 2, 4, 4, 0 } } },
	{ "hands on hips", 0, 0, 0, 0, { { { 0.95, -1, -0.28 }, 78, 98 }, { { 0.95, -1, -0.28 }, 78, 98 } },
	  { { 0, 8, 0, 0 }, { 0, 8, 0, 0 } } },
	{ "throwing", -6, -6, -28, 0, { { { 0.5, 0.25, 1 }, 0, 15 }, { { 1, 0.35, -0.35 }, -85, 95 } },
	  { { 40, 2, 22, 10 }, { -12, 8, 14, -8 } } },
};

static const struct {
	const char *name;
	float number[HMR_BODY_SHAPES];	/* lib/body/body.h, MODEL.md */
} shapes[SHAPES] = {
	{ "mean", { 0 } },
	{ "heavy", { -1.5f, 2.5f, -0.5f, 0, 0.5f, 1.5f, 1, 1.5f, 0, 0 } },
	{ "slim", { 2, -2, 1, 0.5f, 0, -0.5f, -0.5f, -1, 0, 0.5f } },
};

struct sheet {
	struct hmr_body *body;
	struct hmr_pose_work *work;
	struct hmr_scene *scene;
	float (*vertex)[3], (*seen)[3];
	struct hmr_canvas canvas;
	uint32_t width, height;		/* of a cell, px */
	float scale;			/* px a metre */
};

static void
die(const char *what, const struct hmr_err *e)
{
	fprintf(stderr, "sheet: %s: %s\n", what, e ? e->msg : "out of memory");
	exit(1);
}

static void
about(double m[9], int axis, double degrees)	/* m = m * rotation */
{
	double w[3] = { 0 }, r[9], n[9];

	w[axis] = degrees * 3.14159265358979 / 180;
	rot_exp(w, r);
	rot_mul(m, r, n);
	memcpy(m, n, sizeof(n));
}

static void
take(const struct limbs *l, float pose[HMR_BODY_JOINTS][9])
{
	double m[HMR_BODY_JOINTS][9];

	for (int j = 0; j < HMR_BODY_JOINTS; j++)
		for (int k = 0; k < 9; k++)
			m[j][k] = k % 4 == 0;
	about(m[0], 0, l->pitch);
	for (int j = 3; j <= 9; j += 3) {
		about(m[j], 1, l->twist / 3);
		about(m[j], 0, l->bow / 3);
	}
	about(m[12], 0, l->nod / 2);
	about(m[15], 0, l->nod / 2);
	for (int k = 0; k < 2; k++) {
		int side = k ? -1 : 1;
		double rest[3] = { side, 0, 0 };
		double to[3] = { side * l->arm[k].to[0], l->arm[k].to[1],
				 l->arm[k].to[2] };
		/* the collar bone takes a part of what is above level */
		rot_unit(to);
		about(m[13 + k], 2, side * fmax(0, 25 * to[1]));
		about(m[16 + k], 2, -side * fmax(0, 25 * to[1]));
		double swing[9], own[9];
		rot_swing(rest, to, swing);
		memcpy(own, m[16 + k], sizeof(own));
		rot_mul(own, swing, m[16 + k]);
		about(m[16 + k], 0, l->arm[k].twist);
		about(m[18 + k], 1, -side * l->arm[k].bend);
		about(m[1 + k], 0, -l->leg[k].flex);
		about(m[1 + k], 2, side * l->leg[k].out);
		about(m[4 + k], 0, l->leg[k].knee);
		about(m[7 + k], 0, -l->leg[k].ankle);
	}
	for (int j = 0; j < HMR_BODY_JOINTS; j++)
		for (int k = 0; k < 9; k++)
			pose[j][k] = (float)m[j][k];
}

/* The posed body from one side into a cell, feet on its lower edge. */
static void
cell(struct sheet *s, uint32_t row, uint32_t col, uint32_t side)
{
	static const int turn[SIDES][2] = { { 1, 0 }, { 0, 1 }, { -1, 0 }, { 0, -1 } };
	const struct hmr_scene_camera camera = { .focal = 100 * s->scale, .near_m = 1,
		.centre = { (float)s->width / 2, (float)s->height - 8 } };
	struct hmr_scene_mesh m = { .xyz = (const float (*)[3])s->seen,
		.vertices = hmr_body_vertices(s->body), .face = hmr_body_face_list(s->body),
		.faces = hmr_body_faces(s->body), .offset = { 0, 0, 100 },
		.rgb = { 196, 184, 172 }, .alpha = 1 };
	const int c = turn[side][0], n = turn[side][1];
	struct hmr_canvas at = s->canvas;
	float low[3] = { 1e9f, 1e9f, 1e9f }, high[3] = { -1e9f, -1e9f, -1e9f };
	struct hmr_err e = { 0 };

	at.rgb += (TITLE + (size_t)row * s->height) * at.stride + (size_t)3 * col * s->width;
	at.width = s->width;
	at.height = s->height;
	for (uint32_t i = 0; i < m.vertices; i++) {
		const float *v = s->vertex[i];
		s->seen[i][0] = c * v[0] - n * v[2];
		s->seen[i][1] = -v[1];
		s->seen[i][2] = -(n * v[0] + c * v[2]);
		for (int k = 0; k < 3; k++) {
			low[k] = fminf(low[k], s->seen[i][k]);
			high[k] = fmaxf(high[k], s->seen[i][k]);
		}
	}
	m.offset[0] = -(low[0] + high[0]) / 2;
	m.offset[1] = -high[1];
	if (hmr_scene_begin(s->scene, &at, &camera, &e) ||
	    hmr_scene_add(s->scene, &m, &e))
		die("picture", &e);
	hmr_scene_finish(s->scene);
}

static void
title(struct sheet *s, uint32_t col, uint32_t cols, const char *text)
{
	static const uint8_t ink[3] = { 40, 40, 40 };
	float wide = hmr_draw_text_width(11, text);
	const float at[2] = { ((float)col + (float)cols / 2) * (float)s->width - wide / 2,
			      TITLE - 6 };

	hmr_draw_text(&s->canvas, at, 11, text, ink, 1);
}

static void
start(struct sheet *s, uint32_t cols, uint32_t rows)
{
	struct hmr_scene_plan plan = { .width = s->width, .height = s->height,
				       .meshes = 1 };
	struct hmr_err e = { 0 };

	if (hmr_body_mannequin(&s->body, &e))
		die("body", &e);
	plan.vertices = hmr_body_vertices(s->body);
	plan.faces = hmr_body_faces(s->body);
	if (hmr_scene_new(&s->scene, &plan, &e))
		die("scene", &e);
	s->canvas.width = cols * s->width;
	s->canvas.height = TITLE + rows * s->height;
	s->canvas.stride = (size_t)3 * s->canvas.width;
	s->canvas.rgb = malloc(s->canvas.stride * s->canvas.height);
	s->work = hmr_pose_work_new(s->body);
	s->vertex = malloc(plan.vertices * sizeof(*s->vertex));
	s->seen = malloc(plan.vertices * sizeof(*s->seen));
	if (!s->canvas.rgb || !s->work || !s->vertex || !s->seen)
		die("sheet", NULL);
	memset(s->canvas.rgb, 236, s->canvas.stride * s->canvas.height);
}

static void
pose(struct sheet *s, int which, int shape)
{
	float p[HMR_BODY_JOINTS][9];

	take(&poses[which], p);
	hmr_body_pose(s->body, s->work, (const float (*)[9])p, shapes[shape].number,
		      s->vertex, NULL, NULL, NULL);
}

static void
finish(struct sheet *s)
{
	const size_t n = s->canvas.stride * s->canvas.height;

	printf("P6\n%u %u\n255\n", s->canvas.width, s->canvas.height);
	if (fwrite(s->canvas.rgb, 1, n, stdout) != n || fflush(stdout))
		die("standard output", NULL);
	hmr_scene_free(s->scene);
	hmr_pose_work_free(s->work);
	hmr_body_free(s->body);
	free(s->vertex);
	free(s->seen);
	free(s->canvas.rgb);
}

int
main(int argc, char **argv)
{
	struct sheet s = { .width = 200, .height = 252, .scale = 108 };
	int shape = 0;

	if (argc == 3 && !strcmp(argv[1], "poses")) {
		while (shape < SHAPES && strcmp(shapes[shape].name, argv[2]) != 0)
			shape++;
	} else if (argc != 2 || strcmp(argv[1], "shapes") != 0) {
		shape = SHAPES;
	}
	if (shape == SHAPES) {
		fputs("usage: sheet poses mean|heavy|slim | sheet shapes\n", stderr);
		return 2;
	}
	if (argc == 3) {
		start(&s, POSES, SIDES);
		for (uint32_t i = 0; i < POSES; i++) {
			title(&s, i, 1, poses[i].name);
			pose(&s, (int)i, shape);
			for (uint32_t k = 0; k < SIDES; k++)
				cell(&s, k, i, k);
		}
	} else {
		s.scale = 230;
		s.width = 210;
		s.height = 480;
		start(&s, SHAPES * SIDES, 1);
		for (uint32_t i = 0; i < SHAPES * SIDES; i++) {
			if (i % SIDES == 0)
				title(&s, i, SIDES, shapes[i / SIDES].name);
			pose(&s, 0, (int)(i / SIDES));
			cell(&s, 0, i, i % SIDES);
		}
	}
	finish(&s);
	return 0;
}

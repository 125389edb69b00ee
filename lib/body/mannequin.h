/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mannequin under construction: shared by the files mannequin*.c alone.
 * Everything here is double arithmetic with + - * / and sqrt only, which IEEE 754
 * fixes to the bit, so that the finished file is the same on every machine.
 */
#ifndef HMR_MANNEQUIN_H
#define HMR_MANNEQUIN_H

#include <stdbool.h>
#include <stdint.h>

#include "body/body.h"

#define MAN_TORSO_COLS 40	/* from the front (0) by the left (10) and back (20) */
#define MAN_TORSO_ROWS 63	/* from the hips to the crown */
#define MAN_FACE_ROW 38		/* rows of the face lie closer: 3 to 2 of the table, */
#define MAN_FACE_END 56		/* up to here */
#define MAN_ARM_COLS 20
#define MAN_ARM_ROWS 35		/* row 0 is the hole in the torso */
#define MAN_LEG_COLS 28
#define MAN_LEG_ROWS 55		/* row 0 is the split of the torso */
#define MAN_FINGER_COLS 8
#define MAN_FINGER_ROWS 7	/* row 0 is the end of the palm */
#define MAN_HOLE_ROW 18		/* the arm's hole in the torso: rows 18..24, */
#define MAN_HOLE_COL 8		/* columns 8..12 */
#define MAN_THUMB_ROW 30	/* the thumb's hole in the arm: rows 30..32 */
#define MAN_CROTCH 7		/* points between the legs */
#define MAN_UVS 12000
#define MAN_VERTS 9000
#define MAN_QUADS 9000
#define MAN_BENDS 9000

enum man_part {
	MAN_PART_TORSO = 0, MAN_PART_HEAD, MAN_PART_ARM, MAN_PART_HAND,
	MAN_PART_LEG, MAN_PART_FOOT, MAN_PARTS
};

/* Charts of the surface laid flat, each a rectangle of cells, a quad each. Of a
 * limb's the left one first, the right one MAN_CHARTS_SIDE later. */
enum man_chart {
	MAN_CHART_TRUNK = 0, MAN_CHART_HEAD, MAN_CHART_CROWN,
	MAN_CHART_ARM, MAN_CHART_HAND, MAN_CHART_LEG, MAN_CHART_FOOT,
	MAN_CHART_TOES,
	MAN_CHART_FINGER,	/* 5, then their tips */
	MAN_CHART_TIP = MAN_CHART_FINGER + 5,
	MAN_CHART_SIDED = MAN_CHART_TIP + 5,
	MAN_CHARTS_SIDE = MAN_CHART_SIDED - MAN_CHART_ARM,
	MAN_CHARTS = MAN_CHART_SIDED + MAN_CHARTS_SIDE
};

/* Where a quad lies in its chart; a light one takes this cell and the next, both
 * ways. Charts are cut at even rows and columns, so that light ones fit. */
struct man_cell {
	uint8_t chart, row, col;
	int8_t side;		/* -1: seen from behind */
};

struct man_bend {		/* what a joint's bend adds to a rest vertex */
	uint8_t joint;
	uint32_t vertex;
	double by[9][3];	/* per unit of the elements of R - I, row by row */
};

struct man {
	uint32_t verts, verts_light, quads, quads_light;
	double at[MAN_VERTS][3];
	uint32_t quad[MAN_QUADS][4];		/* counter-clockwise from outside */
	uint32_t quad_light[MAN_QUADS / 4][4];
	struct man_cell cell[MAN_QUADS];	/* of each quad */
	struct man_cell cell_light[MAN_QUADS / 4];
	uint32_t uvs;
	double uv[MAN_UVS][2];			/* 0..1, v upwards */
	uint32_t quad_uv[MAN_QUADS][4];		/* like quad, of uv */
	uint32_t quad_uv_light[MAN_QUADS / 4][4];
	bool light[MAN_VERTS];			/* belongs to the light mesh too */
	uint8_t part[MAN_VERTS];
	int8_t side[MAN_VERTS];			/* 1 left, -1 right, 0 middle */
	uint8_t row[MAN_VERTS];			/* of its tube */
	double weight[MAN_VERTS][HMR_BODY_JOINTS];
	double shape[HMR_BODY_SHAPES][MAN_VERTS][3];
	uint32_t start[MAN_VERTS + 1];		/* neighbours: link[start[v]..start[v+1]) */
	uint32_t link[MAN_QUADS * 8];
	double work[MAN_VERTS][HMR_BODY_JOINTS];
	uint32_t bends;
	struct man_bend bend[MAN_BENDS];	/* by joint, then vertex */
	double bend_work[MAN_VERTS][9][3], bend_next[MAN_VERTS][9][3];
	uint32_t bend_who[MAN_VERTS];
};

struct man_point {		/* a point fixed to the body, not on the mesh */
	double at[3];
	int joint[3];		/* that carry it, -1: none */
	double weight[3];	/* sum 1 */
};

extern const double man_joints[HMR_BODY_JOINTS][3];
extern const int man_parents[HMR_BODY_JOINTS];
extern const char *const man_shape_names[HMR_BODY_SHAPES];

/* mannequin_form.c: the surface by formula, before smoothing. side +1 or -1. */
void man_turn(double turns, double *c, double *s);	/* cos, sin */
void man_torso_at(int row, int col, double out[3]);
void man_arm_at(int row, int col, double out[3]);	/* the left one */
void man_leg_at(int row, int col, double out[3]);
void man_finger_at(int finger, int row, int col, double out[3]);	/* 4: thumb */
void man_crotch_at(int i, double out[3]);
void man_face(double p[3], double n[3]);	/* moves a point of the head */

/* mannequin_mesh.c */
bool man_mesh(struct man *m);		/* false: no memory */

/* mannequin_uv.c */
bool man_uvs(struct man *m);		/* needs the mesh; false: no memory */

/* mannequin_skin.c */
void man_weights(struct man *m);	/* needs the mesh */
void man_shapes(struct man *m);		/* needs the weights */
/* What a unit of each shape number does to the bones. */
struct man_stretch {
	double by[HMR_BODY_JOINTS][3];		/* more of their length, along x y z */
	double shift[HMR_BODY_JOINTS][3];	/* of the joints */
};
void man_stretches(struct man_stretch out[HMR_BODY_SHAPES]);
/* How a point that the joints carry with these weights moves, per unit of each
 * shape number. */
void man_shape_of(const struct man_stretch bones[HMR_BODY_SHAPES],
		  const double at[3], const double weight[HMR_BODY_JOINTS],
		  double out[HMR_BODY_SHAPES][3]);

/* mannequin_bend.c */
void man_bends(struct man *m);		/* needs the weights */

/* mannequin_points.c */
extern const struct man_point man_points[HMR_BODY_POINTS];
extern const struct man_point man_landmarks[HMR_BODY_LANDMARKS];

#endif

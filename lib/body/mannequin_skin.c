/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mannequin's skeleton, skinning weights and shape directions.
 *
 * Weights: each vertex starts with the bone its part of the body belongs to and
 * the weights are then spread along the surface by diffusion; at most four joints
 * a vertex. Shapes: each direction stretches bones about their joints along the
 * axes of the rest pose; a vertex follows the bones that carry it, so that the
 * whole body stays linear in the ten numbers, joints included.
 */
#include "body/mannequin.h"

#include <math.h>
#include <string.h>

#define SPREAD 26	/* steps of diffusion */

/* At SMPL's places in an adult of 1.70 m; x of the left side. */
const double man_joints[HMR_BODY_JOINTS][3] = {
	{ 0, 0, 0 },
	{ 0.069, -0.091, -0.006 }, { -0.069, -0.091, -0.006 },
	{ 0, 0.109, -0.027 },
	{ 0.105, -0.468, -0.012 }, { -0.105, -0.468, -0.012 },
	{ 0, 0.244, -0.026 },
	{ 0.090, -0.868, -0.053 }, { -0.090, -0.868, -0.053 },
	{ 0, 0.298, 0.000 },
	{ 0.112, -0.920, 0.066 }, { -0.112, -0.920, 0.066 },
	{ 0, 0.511, -0.043 },
	{ 0.080, 0.418, -0.036 }, { -0.080, 0.418, -0.036 },
	{ 0, 0.576, 0.008 },
	{ 0.174, 0.445, -0.046 }, { -0.174, 0.445, -0.046 },
	{ 0.432, 0.436, -0.069 }, { -0.432, 0.436, -0.069 },
	{ 0.683, 0.445, -0.073 }, { -0.683, 0.445, -0.073 },
	{ 0.768, 0.442, -0.083 }, { -0.768, 0.442, -0.083 },
};

const int man_parents[HMR_BODY_JOINTS] = {
	-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19,
	20, 21
};

const char *const man_shape_names[HMR_BODY_SHAPES] = {
	"height", "girth", "leg-length", "arm-length", "shoulder-width",
	"hip-width", "chest", "waist", "head", "foot"
};

/* Stretch per unit of a shape number: which joint's bone (pairs: the left one),
 * along x, y, z. */
static const struct stretch {
	int shape, joint;
	double by[3];
} stretches[] = {
	{ 1, 0, { 0.045, 0, 0.065 } }, { 1, 3, { 0.055, 0, 0.075 } },
	{ 1, 6, { 0.050, 0, 0.070 } }, { 1, 9, { 0.040, 0, 0.060 } },
	{ 1, 1, { 0.065, 0, 0.065 } }, { 1, 4, { 0.050, 0, 0.050 } },
	{ 1, 7, { 0.020, 0, 0.010 } }, { 1, 12, { 0.050, 0, 0.050 } },
	{ 1, 15, { 0.015, 0, 0.010 } }, { 1, 13, { 0.010, 0.02, 0.050 } },
	{ 1, 16, { 0, 0.070, 0.070 } }, { 1, 18, { 0, 0.055, 0.055 } },
	{ 1, 20, { 0, 0.030, 0.020 } }, { 1, 22, { 0, 0.040, 0.020 } },
	{ 2, 1, { 0, 0.032, 0 } }, { 2, 4, { 0, 0.032, 0 } },
	{ 3, 16, { 0.040, 0, 0 } }, { 3, 18, { 0.040, 0, 0 } },
	{ 3, 20, { 0.020, 0, 0 } }, { 3, 22, { 0.020, 0, 0 } },
	{ 4, 13, { 0.085, 0, 0 } }, { 4, 9, { 0.030, 0, 0.010 } },
	{ 5, 0, { 0.060, 0, 0.020 } }, { 5, 1, { 0.030, 0, 0.020 } },
	{ 6, 9, { 0.030, 0, 0.065 } }, { 6, 6, { 0.020, 0, 0.035 } },
	{ 6, 13, { 0, 0, 0.040 } },
	{ 7, 3, { 0.055, 0, 0.075 } }, { 7, 6, { 0.025, 0, 0.035 } },
	{ 7, 0, { 0.010, 0, 0.025 } },
	{ 8, 15, { 0.035, 0.035, 0.035 } }, { 8, 12, { 0.010, 0.010, 0.010 } },
	{ 9, 7, { 0.030, 0.005, 0.050 } }, { 9, 10, { 0.030, 0.005, 0.050 } },
};
#define HEIGHT 0.038	/* shape 0: 65 mm, one standard deviation of stature */

static int
other_side(int j)	/* the joint of the other side, or j */
{
	static const int to[HMR_BODY_JOINTS] = {
		0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19,
		18, 21, 20, 23, 22
	};

	return to[j];
}

static double
ramp(double x, double from, double to)	/* 0 below from, 1 above to, smooth */
{
	double t = (x - from) / (to - from);

	t = t < 0 ? 0 : t > 1 ? 1 : t;
	return t * t * (3 - 2 * t);
}

static void
start_torso(const double p[3], double w[HMR_BODY_JOINTS])
{
	double s1 = ramp(p[1], 0.04, 0.18), s2 = ramp(p[1], 0.18, 0.30);
	double s3 = ramp(p[1], 0.24, 0.36);
	double n = ramp(p[1] + 0.43 * (p[2] + 0.043), 0.480, 0.530);
	double h = ramp(p[1] + 0.42 * p[2], 0.550, 0.575);
	double k = ramp(fabs(p[0]), 0.04, 0.14) * ramp(p[1], 0.34, 0.45);

	w[0] = 1 - s1;
	w[3] = s1 * (1 - s2);
	w[6] = s1 * s2 * (1 - s3);
	w[9] = s1 * s2 * s3 * (1 - n) * (1 - k);
	w[p[0] > 0 ? 13 : 14] = s1 * s2 * s3 * (1 - n) * k;
	w[12] = s1 * s2 * s3 * n * (1 - h);
	w[15] = s1 * s2 * s3 * n * h;
}

static void
start_weights(struct man *m, uint32_t v)
{
	const double *p = m->at[v];
	double *w = m->weight[v], x = fabs(p[0]);
	int j;

	memset(w, 0, sizeof(m->weight[v]));
	switch (m->part[v]) {
	case MAN_PART_TORSO:
	case MAN_PART_HEAD:
		start_torso(p, w);
		return;
	case MAN_PART_ARM:
	case MAN_PART_HAND:
		j = x < 0.432 ? 16 : x < 0.683 ? 18 : x < 0.768 ? 20 : 22;
		if (m->row[v] >= 35 + 7)	/* nothing beyond the fingers */
			j = 22;
		break;
	case MAN_PART_LEG:
		j = p[1] > -0.468 ? 1 : p[1] > -0.868 ? 4 : 7;
		break;
	default:
		j = p[2] < 0.066 ? 7 : 10;
		break;
	}
	w[m->side[v] < 0 ? other_side(j) : j] = 1;
}

/* The four largest, of sum 1 in steps of 1/65536. */
static void
finish_weights(double w[HMR_BODY_JOINTS])
{
	double keep[HMR_BODY_JOINTS] = { 0 }, sum = 0, left = 65536;
	int best[4];

	for (int k = 0; k < 4; k++) {
		int b = 0;
		for (int j = 1; j < HMR_BODY_JOINTS; j++)
			if (w[j] > w[b])
				b = j;
		best[k] = b;
		keep[b] = w[b];
		sum += w[b];
		w[b] = 0;
	}
	for (int k = 3; k > 0; k--) {
		double q = floor(keep[best[k]] / sum * 65536 + 0.5);
		if (q < 64 || best[k] == best[0])	/* a thousandth: nothing */
			q = 0;
		keep[best[k]] = q / 65536;
		left -= q;
	}
	keep[best[0]] = left / 65536;
	memcpy(w, keep, sizeof(keep));
}

void
man_weights(struct man *m)
{
	for (uint32_t v = 0; v < m->verts; v++)
		start_weights(m, v);
	for (int t = 0; t < SPREAD; t++) {
		for (uint32_t v = 0; v < m->verts; v++) {
			uint32_t i = m->start[v], n = m->start[v + 1] - i;
			double *to = m->work[v];
			memset(to, 0, sizeof(m->work[v]));
			for (uint32_t k = 0; k < n; k++) {
				const double *w = m->weight[m->link[i + k]];
				for (int j = 0; j < HMR_BODY_JOINTS; j++)
					to[j] += w[j];
			}
			for (int j = 0; j < HMR_BODY_JOINTS; j++)
				to[j] = 0.5 * m->weight[v][j] + 0.5 * to[j] / n;
		}
		memcpy(m->weight, m->work, sizeof(m->weight));
	}
	for (uint32_t v = 0; v < m->verts; v++)
		finish_weights(m->weight[v]);
}

void
man_stretches(struct man_stretch out[HMR_BODY_SHAPES])
{
	memset(out, 0, HMR_BODY_SHAPES * sizeof(*out));
	for (int j = 0; j < HMR_BODY_JOINTS; j++)
		for (int k = 0; k < 3; k++)
			out[0].by[j][k] = HEIGHT;
	for (size_t i = 0; i < sizeof(stretches) / sizeof(stretches[0]); i++) {
		const struct stretch *s = &stretches[i];
		double (*by)[3] = out[s->shape].by;
		memcpy(by[s->joint], s->by, sizeof(s->by));
		memcpy(by[other_side(s->joint)], s->by, sizeof(s->by));
	}
	for (int s = 0; s < HMR_BODY_SHAPES; s++)
		for (int j = 1; j < HMR_BODY_JOINTS; j++)
			for (int k = 0; k < 3; k++) {
				int p = man_parents[j];
				out[s].shift[j][k] = out[s].shift[p][k] +
					out[s].by[p][k] *
					(man_joints[j][k] - man_joints[p][k]);
			}
}

static double
soft(const double p[3], double x, double y, double z, double rx, double ry,
     double rz)
{
	double a = (fabs(p[0]) - x) / rx, b = (p[1] - y) / ry;
	double c = (p[2] - z) / rz, d = a * a + b * b + c * c;

	return d < 1 ? (1 - d) * (1 - d) : 0;
}

void
man_shape_of(const struct man_stretch bones[HMR_BODY_SHAPES], const double at[3],
	     const double weight[HMR_BODY_JOINTS], double out[HMR_BODY_SHAPES][3])
{
	memset(out, 0, HMR_BODY_SHAPES * sizeof(out[0]));
	for (int j = 0; j < HMR_BODY_JOINTS; j++) {
		if (weight[j] == 0)
			continue;
		for (int s = 0; s < HMR_BODY_SHAPES; s++)
			for (int k = 0; k < 3; k++)
				out[s][k] += weight[j] * (bones[s].shift[j][k] +
					bones[s].by[j][k] * (at[k] - man_joints[j][k]));
	}
}

/* What no stretching of bones makes, on the trunk alone: belly, seat, chest. */
static void
flesh(const double at[3], const double w[HMR_BODY_JOINTS],
      double out[HMR_BODY_SHAPES][3])
{
	double trunk = w[0] + w[3] + w[6] + w[9];
	double belly = trunk * soft(at, 0, 0.07, 0.10, 0.15, 0.17, 0.12);
	double seat = (trunk + w[1] + w[2]) *
		soft(at, 0.07, -0.07, -0.11, 0.12, 0.16, 0.12);
	double chest = trunk * soft(at, 0.075, 0.34, 0.11, 0.085, 0.085, 0.08);

	out[1][2] += 0.010 * belly - 0.004 * seat + 0.004 * chest;
	out[5][2] -= 0.005 * seat;
	out[6][2] += 0.008 * chest;
	out[7][2] += 0.010 * belly;
}

void
man_shapes(struct man *m)
{
	struct man_stretch bones[HMR_BODY_SHAPES];
	double d[HMR_BODY_SHAPES][3];

	man_stretches(bones);
	for (uint32_t v = 0; v < m->verts; v++) {
		man_shape_of(bones, m->at[v], m->weight[v], d);
		flesh(m->at[v], m->weight[v], d);
		for (int s = 0; s < HMR_BODY_SHAPES; s++)
			memcpy(m->shape[s][v], d[s], sizeof(d[s]));
	}
}

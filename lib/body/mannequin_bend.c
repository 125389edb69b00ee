/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bending a knee, elbow, hip or shoulder does to the mannequin's surface beyond
 * skinning. Skinning draws flesh towards the joint and folds it through itself;
 * wanted is that a vertex turns about the joint by its own share of the bend, keeping
 * its distance, and that in the fold both sides meet at the plane that halves the
 * angle. The difference, taken back to the rest pose at a list of bends of each
 * joint, is fitted by least squares with a linear function of the nine elements of
 * R - I, as SMPL's pose blend shapes are.
 *
 * Computed for left joints; the right side's vertices are mirrored on their way in
 * and out.
 */
#include "body/mannequin.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define SAMPLES 48		/* bends of a joint, at most */
#define LEAST 0.0002		/* metres: less than this anywhere is left out */
#define SMOOTH 3

struct turn {			/* a bend: about an axis, after a twist of the bone */
	double axis[3], degrees, twist;
	double slack;		/* how much of plain skinning's shrinking is wanted */
};

static const struct turn knee[] = {
	{ { 1, 0, 0 }, -10, 0, 0 }, { { 1, 0, 0 }, 20, 0, 0 },
	{ { 1, 0, 0 }, 45, 0, 0 }, { { 1, 0, 0 }, 70, 0, 0 },
	{ { 1, 0, 0 }, 90, 0, 0 }, { { 1, 0, 0 }, 105, 0, 0 },
	{ { 1, 0, 0 }, 120, 0, 0 }, { { 1, 0, 0 }, 135, 0, 0 },
	{ { 1, 0, 0 }, 60, 25, 0 }, { { 1, 0, 0 }, 60, -25, 0 },
	{ { 1, 0, 0 }, 110, 25, 0 }, { { 1, 0, 0 }, 110, -25, 0 },
	{ { 1, 0, 0 }, 0, 25, 0 }, { { 1, 0, 0 }, 0, -25, 0 },
};

static const struct turn elbow[] = {
	{ { 0, -1, 0 }, -10, 0, 0 }, { { 0, -1, 0 }, 20, 0, 0 },
	{ { 0, -1, 0 }, 45, 0, 0 }, { { 0, -1, 0 }, 70, 0, 0 },
	{ { 0, -1, 0 }, 90, 0, 0 }, { { 0, -1, 0 }, 105, 0, 0 },
	{ { 0, -1, 0 }, 120, 0, 0 }, { { 0, -1, 0 }, 135, 0, 0 },
	{ { 0, -1, 0 }, 60, 45, 0 }, { { 0, -1, 0 }, 60, -45, 0 },
	{ { 0, -1, 0 }, 110, 45, 0 }, { { 0, -1, 0 }, 110, -45, 0 },
	{ { 0, -1, 0 }, 0, 60, 0 }, { { 0, -1, 0 }, 0, -60, 0 },
};

#define SIT 0.4		/* who sits has a flat seat */
static const struct turn hip[] = {
	{ { -1, 0, 0 }, 30, 0, SIT }, { { -1, 0, 0 }, 60, 0, SIT },
	{ { -1, 0, 0 }, 80, 0, SIT }, { { -1, 0, 0 }, 95, 0, SIT },
	{ { -1, 0, 0 }, 115, 0, SIT }, { { -1, 0, 0 }, -25, 0, 0 },
	{ { 0, 0, 1 }, 20, 0, 0 }, { { 0, 0, 1 }, 45, 0, 0 },
	{ { 0, 0, 1 }, 70, 0, 0 }, { { 0, 0, 1 }, -20, 0, 0 },
	{ { -1, 0, 0.4 }, 50, 0, SIT }, { { -1, 0, 0.4 }, 90, 0, SIT },
	{ { -1, 0, -0.25 }, 60, 0, SIT }, { { -1, 0, 1 }, 60, 0, 0 },
	{ { -1, 0, 0 }, 80, 30, SIT }, { { -1, 0, 0 }, 80, -30, SIT },
	{ { 0, 0, 1 }, 0, 30, 0 }, { { 0, 0, 1 }, 0, -30, 0 },
};

#define UP 0.7		/* the armpit of a raised arm is hollow */
static const struct turn shoulder[] = {
	{ { 0, 0, -1 }, 30, 0, 0 }, { { 0, 0, -1 }, 60, 0, 0 },
	{ { 0, 0, -1 }, 85, 0, 0 }, { { 0, 0, 1 }, 30, 0, UP },
	{ { 0, 0, 1 }, 60, 0, UP }, { { 0, 0, 1 }, 90, 0, UP },
	{ { 0, -1, 0 }, 45, 0, 0 }, { { 0, -1, 0 }, 90, 0, 0 },
	{ { 0, -1, 0 }, 120, 0, 0 }, { { 0, 1, 0 }, 35, 0, 0 },
	{ { 0, -1, -1 }, 45, 0, 0 }, { { 0, -1, -1 }, 80, 0, 0 },
	{ { 0, -1, 1 }, 60, 0, UP }, { { 0, -1, 1 }, 90, 0, UP },
	{ { 0, 1, -1 }, 60, 0, 0 }, { { 0, 0, -1 }, 80, 50, 0 },
	{ { 0, 0, -1 }, 80, -50, 0 }, { { 0, -1, 0 }, 80, 50, 0 },
	{ { 0, -1, 0 }, 80, -50, 0 }, { { 0, 0, 1 }, 80, 50, UP },
	{ { 0, 0, 1 }, 80, -50, UP }, { { 0, 0, 1 }, 0, 50, 0 },
	{ { 0, 0, 1 }, 0, -50, 0 },
};

static const struct hinge {
	int joint;
	double along[3];	/* the bone from the joint, at rest */
	double back[3];		/* to the middle of what it hangs on */
	double radius;		/* of the limb there */
	double reach;		/* vertices nearer than this are looked at */
	double sharp;		/* in the fold: 1 a vertex belongs to one side alone */
	double meet;		/* how far the sides are kept apart by the plane */
	const struct turn *turn;
	int turns;
} hinges[] = {
#define TURNS(t) t, (int)(sizeof(t) / sizeof((t)[0]))
	{ 1, { 0, -1, 0 }, { 0, 1, 0 }, 0.10, 0.26, 0.2, 0.8, TURNS(hip) },
	{ 4, { 0, -1, 0 }, { 0, 1, 0 }, 0.055, 0.20, 0.3, 1, TURNS(knee) },
	{ 16, { 1, 0, 0 }, { -1, 0, 0 }, 0.07, 0.20, 0.3, 0, TURNS(shoulder) },
	{ 18, { 1, 0, 0 }, { -1, 0, 0 }, 0.04, 0.16, 0.3, 1, TURNS(elbow) },
};

struct sample {
	double q[4], r[9];	/* the bend, as quaternion and matrix */
	double fold[3];		/* unit: into the fold */
	double plane[3];	/* unit: across the halving plane, to the child's side */
	double open;		/* 1 - cos of the angle bent by */
	double slack;
	double f[9];		/* R - I */
};

static double
dot(const double a[3], const double b[3])
{
	return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void
unit(double v[3])
{
	double n = sqrt(dot(v, v));

	for (int k = 0; k < 3 && n > 1e-9; k++)
		v[k] /= n;
}

static double
ramp(double x, double from, double to)	/* 0 below from, 1 above to, smooth */
{
	double t = (x - from) / (to - from);

	t = t < 0 ? 0 : t > 1 ? 1 : t;
	return t * t * (3 - 2 * t);
}

static void
quat_mul(const double a[4], const double b[4], double out[4])
{
	out[0] = a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3];
	out[1] = a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2];
	out[2] = a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1];
	out[3] = a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0];
}

static void
quat_about(const double axis[3], double degrees, double q[4])
{
	double a[3] = { axis[0], axis[1], axis[2] }, s;

	unit(a);
	man_turn(degrees / 720, &q[0], &s);
	for (int k = 0; k < 3; k++)
		q[k + 1] = a[k] * s;
}

static void
matrix(const double q[4], double r[9])
{
	double w = q[0], x = q[1], y = q[2], z = q[3];

	r[0] = 1 - 2 * (y * y + z * z);
	r[1] = 2 * (x * y - w * z);
	r[2] = 2 * (x * z + w * y);
	r[3] = 2 * (x * y + w * z);
	r[4] = 1 - 2 * (x * x + z * z);
	r[5] = 2 * (y * z - w * x);
	r[6] = 2 * (x * z - w * y);
	r[7] = 2 * (y * z + w * x);
	r[8] = 1 - 2 * (x * x + y * y);
}

static void
apply(const double r[9], const double x[3], double out[3])
{
	for (int i = 0; i < 3; i++)
		out[i] = dot(r + 3 * i, x);
}

/* out = a^-1 x */
static void
solve3(const double a[9], const double x[3], double out[3])
{
	double c[9], det = 0;

	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++) {
			int i1 = (i + 1) % 3, i2 = (i + 2) % 3;
			int k1 = (k + 1) % 3, k2 = (k + 2) % 3;
			c[3 * k + i] = a[3 * i1 + k1] * a[3 * i2 + k2] -
				       a[3 * i1 + k2] * a[3 * i2 + k1];
		}
	for (int k = 0; k < 3; k++)
		det += a[k] * c[3 * k];
	for (int i = 0; i < 3; i++)
		out[i] = dot(c + 3 * i, x) / det;
}

static void
sample(const struct hinge *h, const struct turn *t, struct sample *s)
{
	double swing[4], twist[4], n[3];

	quat_about(t->axis, t->degrees, swing);
	quat_about(h->along, t->twist, twist);
	quat_mul(swing, twist, s->q);
	matrix(s->q, s->r);
	apply(s->r, h->along, n);
	for (int k = 0; k < 3; k++) {
		s->fold[k] = n[k] + h->back[k];
		s->plane[k] = n[k] - h->back[k];
	}
	unit(s->fold);
	unit(s->plane);
	s->open = 1 - dot(n, h->along);
	s->slack = t->slack;
	for (int k = 0; k < 9; k++)
		s->f[k] = s->r[k] - (k % 4 == 0);
}

/* x turned by the share u of the bend. */
static void
share(const struct sample *s, double u, const double x[3], double out[3])
{
	double q[4], n = 0, r[9];

	for (int k = 0; k < 4; k++) {
		q[k] = u * s->q[k] + (k == 0) * (1 - u);
		n += q[k] * q[k];
	}
	n = sqrt(n);
	for (int k = 0; k < 4; k++)
		q[k] /= n;
	matrix(q, r);
	apply(r, x, out);
}

/* Where a vertex at x from the joint, which follows it by w, is wanted. */
static void
wanted(const struct hinge *h, const struct sample *s, const double x[3], double w,
       double out[3])
{
	double in, d = 0, side, gap, near = 0.012 * s->open;

	share(s, w, x, out);
	in = ramp(dot(s->fold, out) / h->radius, 0, 0.9);
	if (in == 0)
		return;
	share(s, w + (ramp(w, 0.25, 0.75) - w) * h->sharp * in, x, out);
	for (int k = 0; k < 3; k++)
		d += x[k] * (h->along[k] - h->back[k]);
	side = d > 0 ? 1 : -1;
	gap = side * dot(s->plane, out);
	d = (sqrt(gap * gap + near * near) - gap) / 2;
	for (int k = 0; k < 3; k++)
		out[k] += h->meet * in * side * d * s->plane[k];
}

/* Cholesky of the normal equations in place. */
static void
factor(double a[9][9])
{
	for (int i = 0; i < 9; i++)
		for (int k = 0; k <= i; k++) {
			double v = a[i][k];
			for (int j = 0; j < k; j++)
				v -= a[i][j] * a[k][j];
			a[i][k] = i == k ? sqrt(v) : v / a[k][k];
		}
}

static void
backsolve(double l[9][9], double b[9][3])
{
	for (int c = 0; c < 3; c++) {
		for (int i = 0; i < 9; i++) {
			for (int k = 0; k < i; k++)
				b[i][c] -= l[i][k] * b[k][c];
			b[i][c] /= l[i][i];
		}
		for (int i = 8; i >= 0; i--) {
			for (int k = i + 1; k < 9; k++)
				b[i][c] -= l[k][i] * b[k][c];
			b[i][c] /= l[i][i];
		}
	}
}

/* The corrections of one vertex, at x from the left joint. */
static void
fit(const struct hinge *h, const struct sample *s, double l[9][9],
    const double x[3], double w, double by[9][3])
{
	memset(by, 0, 9 * sizeof(by[0]));
	for (int i = 0; i < h->turns; i++) {
		double to[3], b[9], d[3];

		wanted(h, &s[i], x, w, to);
		for (int k = 0; k < 9; k++)
			b[k] = w * s[i].r[k] + (k % 4 == 0) * (1 - w);
		solve3(b, to, d);
		for (int k = 0; k < 3; k++)
			d[k] -= x[k];
		for (int k = 0; k < 9; k++)
			for (int c = 0; c < 3; c++)
				by[k][c] += s[i].f[k] * d[c] * (1 - s[i].slack);
	}
	backsolve(l, by);
}

/* How far the corrections move a vertex at most. */
static double
most(const struct hinge *h, const struct sample *s, double by[9][3])
{
	double far = 0;

	for (int i = 0; i < h->turns; i++) {
		double d[3] = { 0 };
		for (int k = 0; k < 9; k++)
			for (int c = 0; c < 3; c++)
				d[c] += s[i].f[k] * by[k][c];
		far = dot(d, d) > far ? dot(d, d) : far;
	}
	return sqrt(far);
}

/* Spreads the corrections along the surface, among the n vertices of who alone:
 * the others have none. */
static void
even_out(struct man *m, const uint32_t *who, uint32_t n)
{
	double (*by)[9][3] = m->bend_work, (*next)[9][3] = m->bend_next;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t v = who[i], first = m->start[v];
		double *to = &next[i][0][0], links = m->start[v + 1] - first;

		memset(to, 0, sizeof(next[i]));
		for (uint32_t a = first; a < m->start[v + 1]; a++)
			for (int k = 0; k < 27; k++)
				to[k] += by[m->link[a]][k / 3][k % 3];
		for (int k = 0; k < 27; k++)
			to[k] = 0.5 * by[v][k / 3][k % 3] + 0.5 * to[k] / links;
	}
	for (uint32_t i = 0; i < n; i++)
		memcpy(by[who[i]], next[i], sizeof(by[0]));
}

/* How much of a vertex follows the joint: it and all that hang on it. */
static double
follows(const double weight[HMR_BODY_JOINTS], int joint)
{
	double sum = 0;

	for (int j = joint; j < HMR_BODY_JOINTS; j++) {
		int on = j;
		while (weight[j] != 0 && on > joint)
			on = man_parents[on];
		sum += on == joint ? weight[j] : 0;
	}
	return sum;
}

static void
keep(struct man *m, int joint, int side, uint32_t v)
{
	struct man_bend *b = &m->bend[m->bends++];

	assert(m->bends <= MAN_BENDS);
	b->joint = (uint8_t)joint;
	b->vertex = v;
	for (int k = 0; k < 9; k++)	/* x of R and of the vertex turn round */
		for (int c = 0; c < 3; c++)
			b->by[k][c] = m->bend_work[v][k][c] * (c == 0 ? side : 1) *
				      ((k / 3 == 0) != (k % 3 == 0) ? side : 1);
}

static void
bend_joint(struct man *m, const struct hinge *h, int side)
{
	int joint = h->joint + (side < 0);
	struct sample s[SAMPLES];
	double l[9][9] = { { 0 } };
	uint32_t n = 0;

	assert(h->turns <= SAMPLES);
	for (int i = 0; i < h->turns; i++)
		sample(h, &h->turn[i], &s[i]);
	for (int a = 0; a < 9; a++)
		for (int b = 0; b < 9; b++) {
			l[a][b] = a == b ? 0.002 : 0;
			for (int i = 0; i < h->turns; i++)
				l[a][b] += s[i].f[a] * s[i].f[b];
		}
	factor(l);
	memset(m->bend_work, 0, m->verts * sizeof(m->bend_work[0]));
	for (uint32_t v = 0; v < m->verts; v++) {
		double x[3];

		for (int k = 0; k < 3; k++)
			x[k] = (k ? 1 : side) * m->at[v][k] - man_joints[h->joint][k];
		if (m->side[v] == -side || dot(x, x) > h->reach * h->reach)
			continue;
		m->bend_who[n++] = v;
		fit(h, s, l, x, follows(m->weight[v], joint), m->bend_work[v]);
	}
	for (int t = 0; t < SMOOTH; t++)
		even_out(m, m->bend_who, n);
	for (uint32_t i = 0; i < n; i++)
		if (most(h, s, m->bend_work[m->bend_who[i]]) >= LEAST)
			keep(m, joint, side, m->bend_who[i]);
}

void
man_bends(struct man *m)
{
	m->bends = 0;
	for (size_t i = 0; i < sizeof(hinges) / sizeof(hinges[0]); i++)
		for (int side = 1; side >= -1; side -= 2)
			bend_joint(m, &hinges[i], side);
}

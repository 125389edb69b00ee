/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mannequin's mesh: tubes of quads for torso with head, arms, legs and
 * fingers, joined column to column at the holes of the tubes they grow from, and
 * closed by grids. Every second row and column of each tube is the light mesh,
 * whose vertices come first. Left and right mirror each other exactly.
 */
#include "body/mannequin.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define LOOP 40		/* the longest ring */

struct grid {		/* vertices of a tube: id[row][col] */
	int rows, cols;
	uint32_t id[MAN_TORSO_ROWS][LOOP];
};

struct build {
	struct man *m;
	struct grid torso, arm, leg, finger;
	uint32_t mirror[MAN_VERTS];	/* the same vertex of the other side */
	uint32_t to[MAN_VERTS];		/* its final number */
};

static uint32_t
vertex(struct man *m, const double at[3], bool light, enum man_part part,
       int side, int row)
{
	uint32_t v = m->verts++;

	assert(v < MAN_VERTS);
	memcpy(m->at[v], at, sizeof(m->at[v]));
	m->light[v] = light;
	m->part[v] = (uint8_t)part;
	m->side[v] = (int8_t)side;
	m->row[v] = (uint8_t)row;
	return v;
}

/* step 1 for the full mesh, 2 for the light one; side -1 turns it round. */
static void
quad(struct man *m, int step, int side, uint32_t a, uint32_t b, uint32_t c,
     uint32_t d)
{
	uint32_t *q;

	assert(a != NONE && b != NONE && c != NONE && d != NONE);
	if (step == 1) {
		assert(m->quads < MAN_QUADS);
		q = m->quad[m->quads++];
	} else {
		assert(m->quads_light < MAN_QUADS / 4);
		q = m->quad_light[m->quads_light++];
	}
	q[0] = a;
	q[1] = side > 0 ? b : d;
	q[2] = c;
	q[3] = side > 0 ? d : b;
}

/* Whether the quad above (row, col) of the torso lies in an arm's hole. */
static bool
torso_hole(int row, int col)
{
	int c = col >= MAN_TORSO_COLS / 2 ? MAN_TORSO_COLS - 1 - col : col;

	return row >= MAN_HOLE_ROW && row < MAN_HOLE_ROW + 6 &&
	       c >= MAN_HOLE_COL && c < MAN_HOLE_COL + 4;
}

static bool
thumb_hole(int row, int col)
{
	return row >= MAN_THUMB_ROW && row < MAN_THUMB_ROW + 2 && col >= 8 &&
	       col < 10;
}

/* The last quad of the full (step 1) or light mesh lies there in a chart. */
static void
cell(struct man *m, int step, int chart, int side, int row, int col)
{
	struct man_cell *c = step == 1 ? &m->cell[m->quads - 1] :
		&m->cell_light[m->quads_light - 1];

	c->chart = (uint8_t)(side < 0 ? chart + MAN_CHARTS_SIDE : chart);
	c->row = (uint8_t)row;
	c->col = (uint8_t)col;
	c->side = (int8_t)side;
}

/* Cut open along a column, from row 0 and from row `split`, where the next chart
 * begins. */
struct cut {
	int chart, seam, split, seam_after;
};

static void
tube(struct man *m, const struct grid *g, int side, bool (*hole)(int, int),
     const struct cut *cut)
{
	for (int step = 1; step <= 2; step++)
		for (int r = 0; r + step < g->rows; r += step)
			for (int c = 0; c < g->cols; c += step) {
				if (hole && hole(r, c))
					continue;
				int d = (c + step) % g->cols, n = g->cols;
				quad(m, step, side, g->id[r][c], g->id[r][d],
				     g->id[r + step][d], g->id[r + step][c]);
				bool after = r >= cut->split;
				int seam = after ? cut->seam_after : cut->seam;
				cell(m, step, cut->chart + after, side,
				     after ? r - cut->split : r, (c + n - seam) % n);
			}
}

/* Closes a ring of 2 (a + b) vertices by a grid of a x b quads; the corner is
 * ring[from]. The middle of the grid is lifted to tip. */
static void
cap(struct man *m, const uint32_t *ring, int a, int b, int from,
    const double tip[3], int side, int chart)
{
	uint32_t g[13][13];
	double mid[3] = { 0 };
	int n = 2 * (a + b);

	for (int i = 0; i <= a; i++)
		for (int j = 0; j <= b; j++) {
			int at = j == 0 ? i : i == a ? a + j : j == b ?
				 a + b + a - i : i == 0 ? n - j : -1;
			g[i][j] = at < 0 ? NONE : ring[(from + at) % n];
		}
	for (int i = 0; i < n; i++)
		for (int k = 0; k < 3; k++)
			mid[k] += m->at[ring[i]][k] / n;
	for (int i = 1; i < a; i++)
		for (int j = 1; j < b; j++) {
			double u = i / (double)a, v = j / (double)b, p[3];
			double rise = 16 * u * (1 - u) * v * (1 - v);
			for (int k = 0; k < 3; k++) {
				double s = (1 - u) * m->at[g[0][j]][k] +
					   u * m->at[g[a][j]][k];
				double t = (1 - v) * m->at[g[i][0]][k] +
					   v * m->at[g[i][b]][k];
				p[k] = 0.5 * (s + t) + rise * (tip[k] - mid[k]);
			}
			g[i][j] = vertex(m, p, i % 2 == 0 && j % 2 == 0,
					 (enum man_part)m->part[ring[0]],
					 m->side[ring[0]], m->row[ring[0]]);
		}
	for (int step = 1; step <= 2; step++)
		for (int i = 0; i < a; i += step)
			for (int j = 0; j < b; j += step) {
				quad(m, step, side, g[i][j], g[i + step][j],
				     g[i + step][j + step], g[i][j + step]);
				cell(m, step, chart, side, j, i);
			}
}

static uint32_t
sided(struct man *m, double at[3], bool light, enum man_part part, int side,
      int row)
{
	at[0] *= side;
	return vertex(m, at, light, part, side, row);
}

static void
torso(struct build *b)
{
	struct man *m = b->m;
	struct grid *g = &b->torso;
	double p[3], tip[3] = { 0, 0.757, -0.006 };

	g->rows = MAN_TORSO_ROWS;
	g->cols = MAN_TORSO_COLS;
	for (int r = 0; r < g->rows; r++)
		for (int c = 0; c < g->cols; c++) {
			int half = c > 20 ? 40 - c : c;
			int side = c % 20 == 0 ? 0 : c < 20 ? 1 : -1;
			g->id[r][c] = NONE;
			if (r > MAN_HOLE_ROW && r < MAN_HOLE_ROW + 6 &&
			    half > MAN_HOLE_COL && half < MAN_HOLE_COL + 4)
				continue;
			man_torso_at(r, half, p);
			if (side < 0)
				p[0] = -p[0];
			g->id[r][c] = vertex(m, p, r % 2 == 0 && c % 2 == 0,
					     r < 36 ? MAN_PART_TORSO :
					     MAN_PART_HEAD, side, r);
			if (side < 0) {
				b->mirror[g->id[r][c]] = g->id[r][half];
				b->mirror[g->id[r][half]] = g->id[r][c];
			} else {
				b->mirror[g->id[r][c]] = g->id[r][c];
			}
		}
	/* cut along the back */
	tube(m, g, 1, torso_hole, &(struct cut){ MAN_CHART_TRUNK, 20, 34, 20 });
	uint32_t first = m->verts;
	cap(m, g->id[MAN_TORSO_ROWS - 1], 8, 12, 36, tip, 1, MAN_CHART_CROWN);
	for (uint32_t v = first; v < m->verts; v++) {
		uint32_t i = (v - first) / 11, j = (v - first) % 11;
		b->mirror[v] = first + (6 - i) * 11 + j;
	}
}

/* The ring of the arm's hole, in the arm's columns: its top is column 4. */
static void
hole_ring(struct build *b, int side, uint32_t ring[MAN_ARM_COLS])
{
	int r = MAN_HOLE_ROW + 6, c = MAN_HOLE_COL + 4;
	double p[3];

	for (int h = 0; h < MAN_ARM_COLS; h++) {
		int j = (h + 2) % MAN_ARM_COLS;
		uint32_t v = b->torso.id[r][side > 0 ? c : 40 - c];
		ring[j] = v;
		man_arm_at(0, j, p);
		p[0] *= side;
		memcpy(b->m->at[v], p, sizeof(p));
		if (h < 4)
			c--;
		else if (h < 10)
			r--;
		else if (h < 14)
			c++;
		else
			r++;
	}
}

static void
finger(struct build *b, int side, int f, const uint32_t root[MAN_FINGER_COLS])
{
	struct grid *g = &b->finger;
	double p[3], q[3], tip[3];

	g->rows = MAN_FINGER_ROWS;
	g->cols = MAN_FINGER_COLS;
	memcpy(g->id[0], root, MAN_FINGER_COLS * sizeof(root[0]));
	for (int r = 1; r < g->rows; r++)
		for (int c = 0; c < g->cols; c++) {
			man_finger_at(f, r, c, p);
			g->id[r][c] = sided(b->m, p, r % 2 == 0 && c % 2 == 0,
					    MAN_PART_HAND, side, 35 + r);
		}
	/* cut towards the next finger */
	tube(b->m, g, side, NULL, &(struct cut){ MAN_CHART_FINGER + f, 6, 98, 0 });
	man_finger_at(f, MAN_FINGER_ROWS - 1, 0, p);
	man_finger_at(f, MAN_FINGER_ROWS - 1, 4, q);
	man_finger_at(f, MAN_FINGER_ROWS - 2, 0, tip);
	double d = f == 4 ? 0.003 : 0.005;
	for (int k = 0; k < 3; k++)
		tip[k] = 0.5 * (p[k] + q[k]) + 0.4 * (p[k] - tip[k]) + d * (k == 0);
	tip[0] *= side;
	cap(b->m, g->id[MAN_FINGER_ROWS - 1], 2, 2, 0, tip, side,
	    MAN_CHART_TIP + f);
}

static void
arm(struct build *b, int side)
{
	struct grid *g = &b->arm;
	uint32_t web[5], root[MAN_FINGER_COLS], *end;
	double p[3], q[3];

	g->rows = MAN_ARM_ROWS;
	g->cols = MAN_ARM_COLS;
	hole_ring(b, side, g->id[0]);
	for (int r = 1; r < g->rows; r++)
		for (int c = 0; c < g->cols; c++) {
			g->id[r][c] = NONE;
			if (r == MAN_THUMB_ROW + 1 && c == 9)
				continue;
			man_arm_at(r, c, p);
			g->id[r][c] = sided(b->m, p, r % 2 == 0 && c % 2 == 0,
					    r < 28 ? MAN_PART_ARM : MAN_PART_HAND,
					    side, r);
		}
	/* cut along the underside, and along the edge of the little finger */
	tube(b->m, g, side, thumb_hole, &(struct cut){ MAN_CHART_ARM, 14, 28, 18 });
	end = g->id[MAN_ARM_ROWS - 1];
	web[0] = end[19];
	web[4] = end[9];
	for (int i = 1; i < 4; i++) {
		man_arm_at(MAN_ARM_ROWS - 1, 2 * i, p);
		man_arm_at(MAN_ARM_ROWS - 1, 18 - 2 * i, q);
		for (int k = 0; k < 3; k++)
			p[k] = 0.5 * (p[k] + q[k]) + 0.004 * (k == 0);
		web[i] = sided(b->m, p, false, MAN_PART_HAND, side, 34);
	}
	for (int f = 0; f < 4; f++) {
		const uint32_t ring[MAN_FINGER_COLS] = {
			end[2 * f], end[2 * f + 1], end[2 * f + 2], web[f + 1],
			end[16 - 2 * f], end[17 - 2 * f], end[18 - 2 * f], web[f],
		};
		finger(b, side, f, ring);
	}
	/* the thumb's hole, from its upper corner at the fingers to the wrist */
	const int r0 = MAN_THUMB_ROW;
	const int at[MAN_FINGER_COLS][2] = {
		{ 2, 8 }, { 1, 8 }, { 0, 8 }, { 0, 9 },
		{ 0, 10 }, { 1, 10 }, { 2, 10 }, { 2, 9 },
	};
	for (int c = 0; c < MAN_FINGER_COLS; c++)
		root[c] = g->id[r0 + at[c][0]][at[c][1]];
	finger(b, side, 4, root);
}

static void
leg(struct build *b, int side, const uint32_t crotch[MAN_CROTCH])
{
	struct grid *g = &b->leg;
	double p[3], tip[3] = { 0.112, -0.936, 0.146 };

	g->rows = MAN_LEG_ROWS;
	g->cols = MAN_LEG_COLS;
	for (int c = 0; c < g->cols; c++) {
		int t = c == 0 ? 0 : 28 - c;
		g->id[0][c] = c > 0 && c < 8 ? crotch[c - 1] :
			b->torso.id[0][side > 0 ? t : (40 - t) % 40];
	}
	for (int r = 1; r < g->rows; r++)
		for (int c = 0; c < g->cols; c++) {
			man_leg_at(r, c, p);
			g->id[r][c] = sided(b->m, p, r % 2 == 0 && c % 2 == 0,
					    r < 38 ? MAN_PART_LEG : MAN_PART_FOOT,
					    side, r);
		}
	/* cut along the inside */
	tube(b->m, g, side, NULL, &(struct cut){ MAN_CHART_LEG, 4, 36, 4 });
	tip[0] *= side;
	cap(b->m, g->id[MAN_LEG_ROWS - 1], 8, 6, 22, tip, side, MAN_CHART_TOES);
}

static void
build(struct build *b)
{
	struct man *m = b->m;
	uint32_t crotch[MAN_CROTCH], first[2];
	double p[3];

	torso(b);
	for (int i = 0; i < MAN_CROTCH; i++) {
		man_crotch_at(i, p);
		crotch[i] = vertex(m, p, i % 2 == 1, MAN_PART_TORSO, 0, 0);
		b->mirror[crotch[i]] = crotch[i];
	}
	for (int s = 0; s < 2; s++) {
		first[s] = m->verts;
		arm(b, s ? -1 : 1);
		leg(b, s ? -1 : 1, crotch);
	}
	for (uint32_t v = first[0]; v < first[1]; v++) {
		b->mirror[v] = v + first[1] - first[0];
		b->mirror[v + first[1] - first[0]] = v;
	}
}

/* Neighbours along the edges of the quads, each once, in order of number. */
static void
neighbours(struct man *m)
{
	uint32_t n = 0;

	memset(m->start, 0, sizeof(m->start));
	for (uint32_t q = 0; q < m->quads; q++)
		for (int k = 0; k < 4; k++)
			m->start[m->quad[q][k] + 1]++;
	for (uint32_t v = 0; v < m->verts; v++)
		m->start[v + 1] += m->start[v];
	/* on a closed surface each edge leaves each of its ends once */
	for (uint32_t q = 0; q < m->quads; q++)
		for (int k = 0; k < 4; k++) {
			uint32_t a = m->quad[q][k], c = m->quad[q][(k + 1) % 4];
			uint32_t i = m->start[a]++;
			m->link[i] = c;
			n++;
		}
	for (uint32_t v = m->verts; v > 0; v--)
		m->start[v] = m->start[v - 1];
	m->start[0] = 0;
	assert(n == m->start[m->verts]);
}

static void
symmetric(struct build *b)
{
	struct man *m = b->m;

	for (uint32_t v = 0; v < m->verts; v++) {
		uint32_t w = b->mirror[v];
		if (m->side[v] < 0 || m->at[v][0] < 0) {
			if (v == w)
				m->at[v][0] = 0;
			else if (m->side[v] <= 0) {
				m->at[v][0] = -m->at[w][0];
				m->at[v][1] = m->at[w][1];
				m->at[v][2] = m->at[w][2];
			}
		}
		if (v == w)
			m->at[v][0] = 0;
	}
}

/* How much a vertex may move when the surface is smoothed, 0..1: the joins of
 * the tubes freely, form that the tables give hardly. */
static double
freedom(const struct man *m, uint32_t v)
{
	const double *p = m->at[v];
	double x = fabs(p[0]);

	switch (m->part[v]) {
	case MAN_PART_TORSO: {
		double dx = (x - 0.16) / 0.10, dy = (p[1] - 0.43) / 0.14;
		double hip = (p[1] + 0.11) / 0.12, neck = (p[1] - 0.51) / 0.07;
		double a = 1 - dx * dx - dy * dy, c = 1 - hip * hip;
		double n = 0.7 * (1 - neck * neck);
		a = a > c ? a : c;
		a = a > n ? a : n;
		return a > 0.15 ? a : 0.15;
	}
	case MAN_PART_ARM:
		return m->row[v] < 10 ? 1 - m->row[v] / 11.0 : 0.1;
	case MAN_PART_LEG:
		return m->row[v] < 12 ? 1 - m->row[v] / 13.0 : 0.1;
	case MAN_PART_HAND:
		return 0.25;
	case MAN_PART_HEAD:
		return m->row[v] > 58 ? 0.8 : 0.2;
	default:
		return 0.1;
	}
}

/* Moves vertices towards the mean of their neighbours by `by`, then back. */
static void
smooth(struct build *b, int times, double by, double back)
{
	struct man *m = b->m;

	for (int t = 0; t < 2 * times; t++) {
		double f = t % 2 ? -back : by;
		for (uint32_t v = 0; v < m->verts; v++) {
			uint32_t i = m->start[v], n = m->start[v + 1] - i;
			double c[3] = { 0 }, g = f * freedom(m, v);
			for (uint32_t k = 0; k < n; k++)
				for (int a = 0; a < 3; a++)
					c[a] += m->at[m->link[i + k]][a];
			for (int a = 0; a < 3; a++)
				m->work[v][a] = m->at[v][a] +
					g * (c[a] / n - m->at[v][a]);
		}
		for (uint32_t v = 0; v < m->verts; v++)
			memcpy(m->at[v], m->work[v], sizeof(m->at[v]));
		symmetric(b);
	}
}

/* Unit normals of the vertices into work[v][0..2]. */
static void
normals(struct man *m)
{
	for (uint32_t v = 0; v < m->verts; v++)
		m->work[v][0] = m->work[v][1] = m->work[v][2] = 0;
	for (uint32_t i = 0; i < m->quads; i++) {
		const uint32_t *q = m->quad[i];
		double d[3], e[3];
		for (int k = 0; k < 3; k++) {
			d[k] = m->at[q[2]][k] - m->at[q[0]][k];
			e[k] = m->at[q[3]][k] - m->at[q[1]][k];
		}
		for (int c = 0; c < 4; c++)
			for (int k = 0; k < 3; k++)
				m->work[q[c]][k] += d[(k + 1) % 3] * e[(k + 2) % 3] -
						    d[(k + 2) % 3] * e[(k + 1) % 3];
	}
	for (uint32_t v = 0; v < m->verts; v++) {
		double *n = m->work[v];
		double l = sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
		for (int k = 0; k < 3; k++)
			n[k] /= l;
	}
}

/* Light vertices first, otherwise as built. */
static void
renumber(struct build *b)
{
	struct man *m = b->m;
	uint32_t n = 0;

	for (int pass = 0; pass < 2; pass++)
		for (uint32_t v = 0; v < m->verts; v++)
			if (m->light[v] == (pass == 0))
				b->to[v] = n++;
	for (uint32_t v = 0; v < m->verts; v++)
		memcpy(m->work[b->to[v]], m->at[v], sizeof(m->at[v]));
	for (uint32_t v = 0; v < m->verts; v++)
		memcpy(m->at[v], m->work[v], sizeof(m->at[v]));
	for (uint32_t v = 0; v < m->verts; v++)
		m->work[b->to[v]][0] = m->part[v] + 16 * (m->side[v] + 1) +
				       64 * m->row[v];
	for (uint32_t v = 0; v < m->verts; v++) {
		int code = (int)m->work[v][0];
		m->part[v] = code % 16;
		m->side[v] = (int8_t)(code / 16 % 4 - 1);
		m->row[v] = (uint8_t)(code / 64);
	}
	for (uint32_t q = 0; q < m->quads; q++)
		for (int k = 0; k < 4; k++)
			m->quad[q][k] = b->to[m->quad[q][k]];
	for (uint32_t q = 0; q < m->quads_light; q++)
		for (int k = 0; k < 4; k++)
			m->quad_light[q][k] = b->to[m->quad_light[q][k]];
	m->verts_light = 0;
	for (uint32_t v = 0; v < m->verts; v++)
		m->verts_light += m->light[v];
}

bool
man_mesh(struct man *m)
{
	struct build *b = calloc(1, sizeof(*b));

	if (!b)
		return false;
	b->m = m;
	build(b);
	neighbours(m);
	symmetric(b);
	smooth(b, 30, 0.5, 0.5);
	normals(m);
	for (uint32_t v = 0; v < m->verts; v++)
		if (m->part[v] == MAN_PART_HEAD)
			man_face(m->at[v], m->work[v]);
	symmetric(b);
	for (uint32_t v = 0; v < m->verts; v++)
		if (m->at[v][1] < -0.945)
			m->at[v][1] = -0.945;
	renumber(b);
	neighbours(m);
	free(b);
	return true;
}

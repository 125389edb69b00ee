/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mannequin's surface laid flat: each part a chart, a tube cut open along a
 * column or the grid that closes one, as a rectangle whose rows are as high and
 * whose columns as wide as they are on average on the body. Charts lie on shelves
 * in the unit square, all at one scale, apart from each other.
 */
#include "body/mannequin.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define CELLS 64	/* rows or columns of a chart */
#define GAP 0.012	/* metres around each chart */
#define WIDTHS 200	/* tried for the square */

struct chart {
	int rows, cols;
	double row[CELLS + 1], col[CELLS + 1];	/* where each begins, metres */
	double at[2];				/* of its lower left corner */
	uint32_t uv[CELLS + 1][CELLS + 1];	/* 1 + its number; 0: none yet */
};

struct layout {
	struct chart chart[MAN_CHARTS];
	int order[MAN_CHARTS];		/* by falling height */
	double side;			/* of the square, metres */
};

static double
edge(const struct man *m, uint32_t a, uint32_t b)
{
	double sum = 0;

	for (int k = 0; k < 3; k++)
		sum += (m->at[a][k] - m->at[b][k]) * (m->at[a][k] - m->at[b][k]);
	return sqrt(sum);
}

/* A quad's corner of the chart's cell: 0 lower left, 1 lower right, 2, 3 upper. */
static int
corner(const struct man_cell *c, int i)
{
	return c->side < 0 && i % 2 ? 4 - i : i;
}

/* Mean height of the rows and width of the columns; then where they begin. */
static void
measure(const struct man *m, struct layout *l)
{
	int n[2][MAN_CHARTS][CELLS] = { { { 0 } } };

	for (uint32_t i = 0; i < m->quads; i++) {
		const struct man_cell *c = &m->cell[i];
		struct chart *t = &l->chart[c->chart];
		uint32_t q[4];
		assert(c->chart < MAN_CHARTS && c->row < CELLS && c->col < CELLS);
		for (int k = 0; k < 4; k++)
			q[corner(c, k)] = m->quad[i][k];
		t->row[c->row + 1] += (edge(m, q[0], q[3]) + edge(m, q[1], q[2])) / 2;
		t->col[c->col + 1] += (edge(m, q[0], q[1]) + edge(m, q[3], q[2])) / 2;
		n[0][c->chart][c->row]++;
		n[1][c->chart][c->col]++;
		t->rows = t->rows > c->row ? t->rows : c->row + 1;
		t->cols = t->cols > c->col ? t->cols : c->col + 1;
	}
	for (int i = 0; i < MAN_CHARTS; i++) {
		struct chart *t = &l->chart[i];
		for (int r = 0; r < t->rows; r++)
			t->row[r + 1] = t->row[r] + t->row[r + 1] / n[0][i][r];
		for (int c = 0; c < t->cols; c++)
			t->col[c + 1] = t->col[c] + t->col[c + 1] / n[1][i][c];
	}
}

/* Lays the charts on shelves of this width; returns how high they stand. */
static double
shelve(struct layout *l, double width)
{
	double x = 0, y = 0, shelf = 0;

	for (int i = 0; i < MAN_CHARTS; i++) {
		struct chart *t = &l->chart[l->order[i]];
		double w = t->col[t->cols] + GAP, h = t->row[t->rows] + GAP;
		if (x > 0 && x + w > width) {
			y += shelf;
			x = shelf = 0;
		}
		t->at[0] = x + GAP / 2;
		t->at[1] = y + GAP / 2;
		x += w;
		shelf = shelf > h ? shelf : h;
		if (x > width)		/* wider than the shelf: this cannot be */
			return 2 * width + y + h;
	}
	return y + shelf;
}

static void
pack(struct layout *l)
{
	double widest = 0, best = 0;

	for (int i = 0; i < MAN_CHARTS; i++) {
		const struct chart *t = &l->chart[i];
		double h = t->row[t->rows];
		int k = i;
		for (; k > 0; k--) {
			const struct chart *p = &l->chart[l->order[k - 1]];
			if (p->row[p->rows] >= h)
				break;
			l->order[k] = l->order[k - 1];
		}
		l->order[k] = i;
		widest = widest > t->col[t->cols] ? widest : t->col[t->cols];
	}
	for (int i = 0; i < WIDTHS; i++) {
		double width = (widest + GAP) * (1 + 0.02 * i);
		double high = shelve(l, width), side = high > width ? high : width;
		if (best == 0 || side < l->side) {
			l->side = side;
			best = width;
		}
	}
	shelve(l, best);
}

/* The right side's charts mirror the left one's. Rows of legs fall, so their
 * charts stand on their heads to have what is up on the body up. */
static void
place(const struct chart *t, const struct man_cell *c, int row, int col,
      double side, double out[2])
{
	int chart = c->side < 0 ? c->chart - MAN_CHARTS_SIDE : c->chart;
	bool leg = chart == MAN_CHART_LEG || chart == MAN_CHART_FOOT;
	double x = t->col[col], y = t->row[row];

	if ((c->side < 0) != leg)
		x = t->col[t->cols] - x;
	if (leg)
		y = t->row[t->rows] - y;
	out[0] = (t->at[0] + x) / side;
	out[1] = (t->at[1] + y) / side;
}

/* The places of a quad's corners, step cells from one to the next. */
static void
corners(struct man *m, struct layout *l, const struct man_cell *c, int step,
	uint32_t out[4])
{
	struct chart *t = &l->chart[c->chart];

	for (int k = 0; k < 4; k++) {
		int at = corner(c, k);
		int col = c->col + step * (at == 1 || at == 2);
		int row = c->row + step * (at >= 2);
		uint32_t *uv = &t->uv[row][col];
		assert(row <= t->rows && col <= t->cols);
		if (*uv == 0) {
			assert(m->uvs < MAN_UVS);
			place(t, c, row, col, l->side, m->uv[m->uvs]);
			*uv = ++m->uvs;
		}
		out[k] = *uv - 1;
	}
}

bool
man_uvs(struct man *m)
{
	struct layout *l = calloc(1, sizeof(*l));

	if (!l)
		return false;
	measure(m, l);
	pack(l);
	m->uvs = 0;
	for (uint32_t i = 0; i < m->quads; i++)
		corners(m, l, &m->cell[i], 1, m->quad_uv[i]);
	for (uint32_t i = 0; i < m->quads_light; i++)
		corners(m, l, &m->cell_light[i], 2, m->quad_uv_light[i]);
	free(l);
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Shortest augmenting paths on a rectangle; see assign.h. */
#include "track/assign.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Rows are the shorter side here; a wide view of the caller's matrix. */
struct hmr_assign {
	uint32_t max;
	double *u, *v;			/* dual variables of rows and columns */
	double *dist;			/* shortest path to a column so far */
	uint32_t *from;			/* row before a column on that path */
	int32_t *row_of, *col_of;	/* partners, -1: none */
	uint32_t *todo;			/* columns not yet on the tree */
	bool *row_seen, *col_seen;
};

struct view {
	const double *cost;
	double limit;
	size_t row_step, col_step;
};

struct hmr_assign *
hmr_assign_new(uint32_t max)
{
	struct hmr_assign *a = calloc(1, sizeof(*a));
	size_t n = max ? max : 1;

	if (!a)
		return NULL;
	a->max = max;
	a->u = calloc(n, sizeof(*a->u));
	a->v = calloc(n, sizeof(*a->v));
	a->dist = calloc(n, sizeof(*a->dist));
	a->from = calloc(n, sizeof(*a->from));
	a->row_of = calloc(n, sizeof(*a->row_of));
	a->col_of = calloc(n, sizeof(*a->col_of));
	a->todo = calloc(n, sizeof(*a->todo));
	a->row_seen = calloc(n, sizeof(*a->row_seen));
	a->col_seen = calloc(n, sizeof(*a->col_seen));
	if (a->u && a->v && a->dist && a->from && a->row_of && a->col_of &&
	    a->todo && a->row_seen && a->col_seen)
		return a;
	hmr_assign_free(a);
	return NULL;
}

void
hmr_assign_free(struct hmr_assign *a)
{
	if (!a)
		return;
	free(a->u);
	free(a->v);
	free(a->dist);
	free(a->from);
	free(a->row_of);
	free(a->col_of);
	free(a->todo);
	free(a->row_seen);
	free(a->col_seen);
	free(a);
}

static double
at(const struct view *w, uint32_t r, uint32_t c)
{
	double x = w->cost[r * w->row_step + c * w->col_step];

	return x < w->limit ? x : w->limit;
}

/* The cheapest path from row start to a free column: Dijkstra on reduced costs.
 * Returns that column and its length; marks what the tree has reached. */
static uint32_t
shortest_path(struct hmr_assign *a, const struct view *w, uint32_t start,
	      uint32_t n, uint32_t m, double *length)
{
	uint32_t left = m, row = start;
	double low = 0;

	memset(a->row_seen, 0, n * sizeof(*a->row_seen));
	memset(a->col_seen, 0, m * sizeof(*a->col_seen));
	for (uint32_t c = 0; c < m; c++) {
		a->todo[c] = m - 1 - c;
		a->dist[c] = INFINITY;
	}
	for (;;) {
		uint32_t best = 0, c;
		double lowest = INFINITY;

		a->row_seen[row] = true;
		for (uint32_t k = 0; k < left; k++) {
			double d;

			c = a->todo[k];
			d = low + at(w, row, c) - a->u[row] - a->v[c];
			if (d < a->dist[c]) {
				a->dist[c] = d;
				a->from[c] = row;
			}
			if (a->dist[c] < lowest ||	/* ties: end the path */
			    (a->dist[c] == lowest && a->row_of[c] < 0)) {
				lowest = a->dist[c];
				best = k;
			}
		}
		low = lowest;
		c = a->todo[best];
		a->col_seen[c] = true;
		a->todo[best] = a->todo[--left];
		if (a->row_of[c] < 0) {
			*length = low;
			return c;
		}
		row = (uint32_t)a->row_of[c];
	}
}

static void
augment(struct hmr_assign *a, const struct view *w, uint32_t start, uint32_t n,
	uint32_t m)
{
	double length;
	uint32_t c = shortest_path(a, w, start, n, m, &length), r;

	a->u[start] += length;
	for (r = 0; r < n; r++)
		if (a->row_seen[r] && r != start)
			a->u[r] += length - a->dist[a->col_of[r]];
	for (uint32_t k = 0; k < m; k++)
		if (a->col_seen[k])
			a->v[k] -= length - a->dist[k];
	do {
		int32_t next;

		r = a->from[c];
		next = a->col_of[r];
		a->row_of[c] = (int32_t)r;
		a->col_of[r] = (int32_t)c;
		c = (uint32_t)next;
	} while (r != start);
}

void
hmr_assign_solve(struct hmr_assign *a, const double *cost, uint32_t rows,
		 uint32_t cols, double limit, int32_t *col_of)
{
	bool wide = rows <= cols;
	uint32_t n = wide ? rows : cols, m = wide ? cols : rows;
	struct view w = { cost, limit, wide ? cols : 1, wide ? 1 : cols };

	memset(a->u, 0, n * sizeof(*a->u));
	memset(a->v, 0, m * sizeof(*a->v));
	for (uint32_t i = 0; i < n; i++)
		a->col_of[i] = -1;
	for (uint32_t i = 0; i < m; i++)
		a->row_of[i] = -1;
	for (uint32_t i = 0; i < n; i++)
		augment(a, &w, i, n, m);
	for (uint32_t r = 0; r < rows; r++) {
		int32_t c = wide ? a->col_of[r] : a->row_of[r];

		col_of[r] = c >= 0 && cost[(size_t)r * cols + (uint32_t)c] < limit ?
			    c : -1;
	}
}

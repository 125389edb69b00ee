/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Optimal assignment of rows to columns: the shortest augmenting path method of
 * Jonker and Volgenant as Crouse (2016) wrote it down for rectangles. O(n^2 m);
 * the workspace is made once.
 */
#ifndef HMR_ASSIGN_H
#define HMR_ASSIGN_H

#include <stdint.h>

struct hmr_assign;

/* For matrices of at most max rows and max columns. NULL: no memory. */
struct hmr_assign *hmr_assign_new(uint32_t max);
void hmr_assign_free(struct hmr_assign *a);

/* cost[rows][cols], finite. Finds the assignment with the least sum of
 * min(cost, limit) in which every row (or every column, where there are fewer)
 * has a partner; col_of[r] is the column of row r, or -1 where it has none or
 * one at cost >= limit. So a pair is made only if it is better than leaving both
 * alone, and one bad pair is never made to save another. */
void hmr_assign_solve(struct hmr_assign *a, const double *cost, uint32_t rows,
		      uint32_t cols, double limit, int32_t *col_of);

#endif

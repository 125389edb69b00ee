/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distances between sets of points after what is not to be counted was taken out:
 * position, or position, rotation and size. Numbers in, numbers out.
 */
#ifndef HMR_ALIGN_H
#define HMR_ALIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* x -> s r x + t */
struct hmr_similarity {
	double r[9], s, t[3];		/* r: a rotation, never a mirror image */
};

/* The similarity that takes the points p as near as it can to q in least squares,
 * over those i with use[i] (NULL: all). Horn (1987): the rotation is the greatest
 * eigenvector of a 4x4 matrix, which is Kabsch's with the determinant put right.
 * Fewer than one point, or all in one place: s = 0, r the identity. */
void hmr_similarity_fit(struct hmr_similarity *a, const float (*p)[3],
			const float (*q)[3], const uint8_t *use, size_t n);
void hmr_similarity_apply(const struct hmr_similarity *a, const float x[3],
			  double out[3]);
/* The angle of the rotation a^T b in radians; row-major. */
double hmr_angle_between(const float a[9], const float b[9]);

/* Spearman's rank correlation of x and y [n], equal values sharing their mean
 * rank. rank: room for 2 n. Below two points, or all equal: 0. */
struct hmr_ranked {
	float value;
	uint32_t at;
};
double hmr_rank_correlation(const float *x, const float *y, uint32_t n,
			    struct hmr_ranked *room /* [n] */, double *rank /* [2n] */);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a person will be in the next frame: constant velocity, one two-state
 * Kalman filter for each of foot point x and y, log height, log width and log
 * depth. All noise is in body heights and seconds, so the same numbers serve every
 * resolution and frame rate.
 */
#ifndef HMR_MOTION_H
#define HMR_MOTION_H

#include <stdbool.h>

struct hmr_axis {
	double x, v;			/* value, and its change per second */
	double pxx, pxv, pvv;		/* covariance */
};

struct hmr_motion {
	struct hmr_axis cx, cy;		/* centre of the box, px */
	struct hmr_axis lh, lw;		/* log height, log width */
	struct hmr_axis lz;		/* log depth in metres */
	bool has_depth;
};

/* A box seen for the first time. depth <= 0: not known. */
void hmr_motion_start(struct hmr_motion *m, const float box[4], double depth);
/* dt > 0 seconds on. lost: not seen lately, so velocities fade. */
void hmr_motion_predict(struct hmr_motion *m, double dt, bool lost);
/* A box was seen; noise 1 for a clear one, more for a doubtful one. */
void hmr_motion_update(struct hmr_motion *m, const float box[4], double depth,
		       double noise);
void hmr_motion_box(const struct hmr_motion *m, float box[4]);
/* Squared distance in standard deviations, two degrees of freedom: place. */
double hmr_motion_place(const struct hmr_motion *m, const float box[4]);
/* The same of size (height and, where known on both sides, depth). */
double hmr_motion_size(const struct hmr_motion *m, const float box[4], double depth);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of a noisy series of vectors at one moment, from the samples around
 * it: polynomials over wider and wider windows, each taken only as far as its
 * residuals are no larger than noise would leave. So what stands still is averaged
 * over many samples, and what moves fast stays as it was seen: a window that
 * reaches over a step fits badly and is not used. (The idea of choosing windows by
 * whether they agree with the data: Goldenshluger and Nemirovski 1997.)
 */
#ifndef HMR_SERIES_H
#define HMR_SERIES_H

#include <stdint.h>

#define HMR_SERIES_MAX 32	/* samples of a window */

struct hmr_series {
	uint32_t n;
	int at[HMR_SERIES_MAX];		/* frames from the moment, rising */
	double t[HMR_SERIES_MAX];	/* time from the moment, in frames */
	double v[HMR_SERIES_MAX];	/* variance relative to an ordinary sample's */
	double x[HMR_SERIES_MAX][3];
};

/* A polynomial over the samples from -back to ahead frames. */
struct hmr_window {
	int back, ahead, degree;	/* 0 to 2 */
};

/* On entry out is the value as seen, on return the smoothed one. The gates are the
 * root mean square of the noise of an ordinary sample: of x and y together, as length,
 * and of z, which are smoothed apart. Windows come in the order in which they are
 * tried. */
void hmr_series_at(double out[3], const struct hmr_series *s, const struct hmr_window *w,
		   uint32_t windows, double gate_xy, double gate_z);

#endif

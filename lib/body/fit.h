/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fitting a body to a pose network's landmarks: shape, pose and camera that put
 * the body's landmarks on the metric 3D points and their projections on the image
 * points, weighted by visibility. Closed-form start, damped least squares with
 * joint limits, a fixed number of steps, no allocation.
 */
#ifndef HMR_FIT_H
#define HMR_FIT_H

#include "body/body.h"

struct hmr_fit_input {
	float image[HMR_BODY_LANDMARKS][3];	/* x y px in the whole image, visibility 0..1 */
	float world[HMR_BODY_LANDMARKS][3];	/* metres, camera axes (x right, y down, z away), origin mid-hip */
	float box[4];				/* person, px */
	float focal;				/* px */
	float centre[2];			/* principal point, px */
	float turn;				/* by which the network's crop was turned
						 * clockwise, for hmr_fit_calibrate() */
};

/* Puts right what is known to be wrong with a network's world points; in place,
 * once. decoder and variant are its model's ("blazepose", "heavy"; NULL: none
 * given); points of networks it does not know stay as they are. */
void hmr_fit_calibrate(struct hmr_fit_input *in, const char *decoder,
		       const char *variant);

struct hmr_fit_output {
	float pose[HMR_BODY_JOINTS][9];
	float shape[HMR_BODY_SHAPES];
	float camera[3];			/* tx ty tz, metres, whole image */
	float joints3d[HMR_BODY_POINTS][3];	/* camera axes, camera not added */
	float joints2d[HMR_BODY_POINTS][2];	/* px */
	float joint_conf[HMR_BODY_POINTS];	/* 0..1 */
	float fit_error;			/* px, mean 2D distance over landmarks of visibility > 0.5 */
};

struct hmr_fit;
HMR_MUST_USE enum hmr_status
hmr_fit_new(struct hmr_fit **out, const struct hmr_body *b, struct hmr_err *e);
void hmr_fit_free(struct hmr_fit *f);
/* HMR_OK always leaves finite numbers; landmarks that are not finite are
 * ignored. Deterministic: the same input gives the same output bytes. */
HMR_MUST_USE enum hmr_status
hmr_fit_run(struct hmr_fit *f, const struct hmr_fit_input *in,
	    struct hmr_fit_output *out, struct hmr_err *e);

#endif

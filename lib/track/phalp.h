/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The association of PHALP (Rajasegaran et al., Tracking People by Predicting 3D
 * Appearance, Location and Pose, CVPR 2022): where a person will be in the image and
 * in depth, with its prediction interval, from the last seven sights; private to
 * lib/track. Places are in the units of its code: the frame padded to a square of
 * side 1, depth in metres under a focal length of 5000/256 of that side.
 */
#ifndef HMR_PHALP_H
#define HMR_PHALP_H

#include <stdint.h>

#include "track/tracker.h"

#define HMR_PATH_SIGHTS 7

struct hmr_sight {
	double frame;
	double at[3];			/* x, y, log depth */
};

struct hmr_path {
	struct hmr_sight sight[HMR_PATH_SIGHTS];	/* oldest first; young: repeated */
	uint32_t seen;
	double ahead[3], interval[3];	/* predicted for the frame in hand */
};

/* Of a body where there is one, else of the box of somebody 1.7 m tall. */
void hmr_path_see(struct hmr_path *p, const struct hmr_seen *s,
		  const struct hmr_frame_info *f, double frame);
/* `missed` frames after the last sight, at least 1. */
void hmr_path_predict(struct hmr_path *p, uint32_t missed);
/* What its location terms make of a person: at least 1. */
double hmr_path_cost(const struct hmr_path *p, const struct hmr_seen *s,
		     const struct hmr_frame_info *f);

#endif

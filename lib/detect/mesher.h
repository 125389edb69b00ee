/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From people's boxes in an image to their bodies: a pose network's landmarks,
 * then a body fitted to them, or HMR2's bodies, and the colours of what they wear.
 * Planned for the largest image of a stream; running allocates nothing and keeps
 * nothing.
 */
#ifndef HMR_MESHER_H
#define HMR_MESHER_H

#include "body/body.h"
#include "detect/appearance.h"
#include "detect/poser.h"

struct hmr_mesher_options {
	struct hmr_poser_options pose;	/* and the most bodies of a frame */
	float min_score;		/* people of at least this score */
	bool vertices;
	bool no_antialias;		/* HMR2: no blur before crops that shrink much */
};
#define HMR_MESH_SCORE 0.45f
#define HMR_MESH_FLAG 0.2f	/* below: the pose network sees no person */

/* One frame's results, valid until the next run. Rows are in the order of
 * people; arrays run in parallel. */
struct hmr_meshes {
	uint32_t seen;		/* people looked at: rows of landmarks */
	uint32_t n;		/* rows of bodies, at most seen */
	uint32_t over;		/* people above max_people, not looked at */
	const struct hmr_landmark_row *landmarks;	/* [seen]; NULL: none, as of HMR2 */
	const struct hmr_body_row *bodies;		/* [n] */
	const uint32_t *person;				/* [n] as in bodies */
	const float *colours;			/* [n][HMR_APPEARANCE_VALUES] */
	const float *vertices;		/* [n][V][3], camera not added; or NULL */
};

struct hmr_mesher;
/* Model and body stay the caller's, and open as long as the mesher lives. */
HMR_MUST_USE enum hmr_status
hmr_mesher_new(struct hmr_mesher **out, const struct hmr_model *m,
	       const struct hmr_body *body, const struct hmr_mesher_options *o,
	       struct hmr_err *e);
void hmr_mesher_free(struct hmr_mesher *m);
void hmr_mesher_plan(const struct hmr_mesher *m, struct hmr_net_plan *net,
		     size_t *buffers);
const char *hmr_mesher_backend(const struct hmr_mesher *m);
const char *hmr_mesher_precision(const struct hmr_mesher *m);

/* Whether images are looked at beside the CPU: then it pays to begin the next one
 * before the one in work is run. */
bool hmr_mesher_ahead(const struct hmr_mesher *m);
/* Takes an image into work and returns; before each run, at most one ahead. */
HMR_MUST_USE enum hmr_status
hmr_mesher_begin(struct hmr_mesher *m, const struct hmr_image *im,
		 const struct hmr_person *people, uint32_t n, struct hmr_err *e);
/* The same image, the first that was begun and was not run. focal in pixels; the
 * principal point is the image's centre. */
HMR_MUST_USE enum hmr_status
hmr_mesher_run(struct hmr_mesher *m, const struct hmr_image *im,
	       const struct hmr_person *people, uint32_t n, float focal,
	       struct hmr_meshes *out, struct hmr_err *e);

/* [s, tx, ty] of a crop from the whole image's camera, the inverse of the
 * reference's formulas (HMR2: tz = 2 focal / (side s)). */
void hmr_camera_to_crop(const float camera[3], float focal, const float crop[3],
			uint32_t width, uint32_t height, float out[3]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the fit, for fit*.c alone: its unknowns, its terms and the room
 * it works in.
 *
 * Unknowns, in columns: offset of the 3D points (3), pelvis rotation (3), shape
 * (10), camera (3), then 16 blocks of three rotation numbers. A block's rotation
 * vector is shared out to its joints, so that the spine bends as one.
 */
#ifndef HMR_FIT_IMPL_H
#define HMR_FIT_IMPL_H

#include <stdbool.h>

#include "body/body_impl.h"
#include "body/fit.h"

enum fit_column {
	FIT_OFFSET = 0, FIT_ROOT = 3, FIT_SHAPE = 6,
	FIT_CAMERA = FIT_SHAPE + HMR_BODY_SHAPES,	/* u, v, log depth */
	FIT_BLOCK = FIT_CAMERA + 3,
};

enum fit_block {
	FIT_SPINE = 0, FIT_HEAD, FIT_COLLAR, FIT_SHOULDER = 4, FIT_ELBOW = 6,
	FIT_WRIST = 8, FIT_HIP = 10, FIT_KNEE = 12, FIT_ANKLE = 14,
	FIT_BLOCKS = 16		/* of a pair the left one is first */
};

#define FIT_COLUMNS (FIT_BLOCK + 3 * FIT_BLOCKS)
#define FIT_COMMON FIT_BLOCK		/* columns every landmark has */
#define FIT_CHAIN 5			/* blocks one landmark may have */
#define FIT_WIDTH (FIT_COMMON + 3 * FIT_CHAIN)

struct fit_share {		/* which joints a block turns, and by how much */
	int n, joint[3];
	double part[3];
};
extern const struct fit_share fit_shares[FIT_BLOCKS];

struct fit_prior {		/* of one rotation number, radians, left side */
	double mean, sigma, low, high;
};
extern const struct fit_prior fit_priors[FIT_BLOCKS][3];	/* right: mirrored */

struct fit_state {
	double root[9];
	double turn[FIT_BLOCKS][3];
	double shape[HMR_BODY_SHAPES];
	double offset[3];	/* of the 3D points from the body's, metres */
	double camera[3];	/* u, v px of the body's origin; log of depth */
};

struct fit_target {		/* what a landmark was seen at; 0 weight: not */
	double world[3], image[2];
	double weight3[3], weight2;	/* 1 / sigma of x y z; of x and y */
	double seen;			/* visibility 0..1 */
};

struct hmr_fit {
	const struct hmr_body *body;
	struct fit_target target[HMR_BODY_LANDMARKS];
	double focal, centre[2];
	double size;			/* px, the person's */
	double box[4];			/* px, where there is one */
	bool boxed;
	/* the body at a state */
	double rest[HMR_BODY_JOINTS][3], turn[HMR_BODY_JOINTS][9];
	double at[HMR_BODY_JOINTS][3];		/* joints */
	double bone[HMR_BODY_JOINTS][3];	/* x -> turn x + bone */
	double axis[HMR_BODY_JOINTS][9];	/* columns: world axes per number */
	double mark[HMR_BODY_LANDMARKS][3];
	double motion[HMR_BODY_SHAPES][HMR_BODY_JOINTS][3];	/* of bone */
	/* the body's tree */
	uint32_t above[HMR_BODY_JOINTS];	/* bits: a joint and its parents */
	int block_of[HMR_BODY_JOINTS];		/* -1: none */
	double part_of[HMR_BODY_JOINTS];
	/* normal equations, lower half */
	double h[FIT_COLUMNS][FIT_COLUMNS], g[FIT_COLUMNS];
	double l[FIT_COLUMNS][FIT_COLUMNS], step[FIT_COLUMNS];
};

/* fit_terms.c */
void fit_pose(struct hmr_fit *f, const struct fit_state *s);	/* all of the above */
/* Half the robust sum of squares at s; leaves the body posed there. */
double fit_cost(struct hmr_fit *f, const struct fit_state *s);
/* The same, with h and g. */
double fit_normal(struct hmr_fit *f, const struct fit_state *s);
/* After fit_normal: derivatives of fixed point i (of all 77) by the columns it
 * depends on; returns how many. */
int fit_rows(const struct hmr_fit *f, const struct fit_state *s, int i,
	     double row[3][FIT_WIDTH], int col[FIT_WIDTH]);
/* Where the camera sees point p of the body, px; its depth in *z. */
void fit_project(const struct hmr_fit *f, const struct fit_state *s,
		 const double p[3], double out[2], double *z);

/* fit.c: l from h, the diagonal raised by damp of itself; false: not positive. */
bool fit_factor(struct hmr_fit *f, double damp);

/* fit_conf.c: joint_conf and fit_error at the final state, joints3d being there. */
void fit_confidence(struct hmr_fit *f, const struct fit_state *s,
		    struct hmr_fit_output *out);

/* fit_start.c */
void fit_targets(struct hmr_fit *f, const struct hmr_fit_input *in);
void fit_start(struct hmr_fit *f, const struct hmr_fit_input *in,
	       struct fit_state *s);

#endif

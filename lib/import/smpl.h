/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMPL files as their authors distribute them: the Python 2 pickle with chumpy
 * and scipy objects, its Python 3 copies, npz, and safetensors of the same
 * names; gzipped or not. All kinds of one body give the same arrays, bit for
 * bit: every number is rounded once to float32.
 */
#ifndef HMR_SMPL_H
#define HMR_SMPL_H

#include <stdint.h>

#include "base/status.h"

#define HMR_SMPL_VERTICES 6890
#define HMR_SMPL_JOINTS 24
#define HMR_SMPL_SHAPES 10
#define HMR_SMPL_POSES 207	/* 23 rotation matrices less the identity */
#define HMR_SMPL_EXTRA 19

struct hmr_smpl {	/* V = 6890; C order; all owned */
	float *v_template;	/* [V][3] */
	float *shapedirs;	/* [V][3][10]: the first ten of the file's */
	float *posedirs;	/* [V][3][207] */
	float *regressor;	/* [24][V] */
	float *weights;		/* [V][24] */
	float *extra;		/* [19][V], or NULL: no joints file was given */
	int32_t parent[HMR_SMPL_JOINTS];	/* root -1, others before their child */
	uint32_t *face;		/* [faces][3] */
	uint32_t faces;
};

/* joints: SMPL_to_J19.pkl (or npy, npz), may be NULL. */
HMR_MUST_USE enum hmr_status
hmr_smpl_read(struct hmr_smpl *s, const char *path, const char *joints,
	      struct hmr_err *e);
void hmr_smpl_release(struct hmr_smpl *s);

#endif

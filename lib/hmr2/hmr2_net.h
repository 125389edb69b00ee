/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMR2.0 (Goel et al. 2023, 4D-Humans): a vision transformer over a crop of a
 * person and a decoder of one query, giving SMPL's pose and shape and a camera.
 * spec: MODEL.md. Everything is allocated in hmr_hmr2_new().
 *
 * A person's result does not depend on who else is in the batch: every sum runs
 * in the same order for every row.
 */
#ifndef HMR_HMR2_NET_H
#define HMR_HMR2_NET_H

#include "body/body.h"
#include "image/image.h"
#include "import/hmr2.h"

#define HMR_HMR2_CROP 256u	/* the crop's side, of which the network sees … */
#define HMR_HMR2_LEFT 32u	/* … columns from here on, */
#define HMR_HMR2_WIDTH 192u	/* this many */
#define HMR_HMR2_PIXELS (3u * HMR_HMR2_CROP * HMR_HMR2_WIDTH)

struct hmr_hmr2_result {
	float pose[24][9];	/* rotation matrices, row-major, pelvis first */
	float shape[10];
	float camera[3];	/* s, tx, ty of the crop */
};

struct hmr_hmr2_options {
	const char *device;		/* as hmr_target_choose() takes it; NULL: cpu */
	enum hmr_precision precision;	/* AUTO: the file's; on a GPU int8 of an int8 file,
					 * else bf16, or f16 where it has no bf16. F32, BF16,
					 * INT8 on the CPU: must be the file's, or BF16 of an
					 * F32 file; F32, BF16, F16, or of an int8 file INT8
					 * on a GPU */
	unsigned threads;		/* 0: all cores */
	uint32_t max_people;		/* largest batch; more are split */
	uint64_t gpu_mem;		/* bytes of a GPU that may be taken; 0: no limit */
	uint32_t width, height;		/* of the largest image: a GPU takes the crops
					 * itself; 0: they are given */
	uint64_t image_bytes;		/* of its section, at most; 0: not known */
	const struct hmr_body *body;	/* on a GPU: its vertices are made too; or NULL */
	bool betas;			/* body's shape numbers are SMPL's */
};

struct hmr_hmr2;
HMR_MUST_USE enum hmr_status
hmr_hmr2_new(struct hmr_hmr2 **out, const char *path,
	     const struct hmr_hmr2_options *o, struct hmr_err *e);
/* The same of an open model, which must stay open. */
HMR_MUST_USE enum hmr_status
hmr_hmr2_of_model(struct hmr_hmr2 **out, const struct hmr_model *m,
		  const struct hmr_hmr2_options *o, struct hmr_err *e);
void hmr_hmr2_free(struct hmr_hmr2 *n);
const struct hmr_hmr2_dims *hmr_hmr2_dims(const struct hmr_hmr2 *n);
const char *hmr_hmr2_name(const struct hmr_hmr2 *n);
const char *hmr_hmr2_backend(const struct hmr_hmr2 *n);
const char *hmr_hmr2_precision(const struct hmr_hmr2 *n);
void hmr_hmr2_plan(const struct hmr_hmr2 *n, struct hmr_net_plan *out);

/* How many people run as one part, and where their crops may be written so that
 * nothing need be copied; NULL: anywhere. */
float *hmr_hmr2_part(struct hmr_hmr2 *n, uint32_t *people);

/* crops [n][3][256][192], normalised. out [n]. Any n. */
HMR_MUST_USE enum hmr_status
hmr_hmr2_run(struct hmr_hmr2 *net, const float *crops, uint32_t n,
	     struct hmr_hmr2_result *out, struct hmr_err *e);
/* Whether the network takes crops from images itself: hmr_hmr2_image() has the one for
 * the next runs of squares, at most a part's; _begin starts its way, for at most one
 * ahead of that. */
bool hmr_hmr2_images(const struct hmr_hmr2 *n);
struct hmr2_square;
HMR_MUST_USE enum hmr_status
hmr_hmr2_begin(struct hmr_hmr2 *n, const struct hmr_image *im, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_hmr2_image(struct hmr_hmr2 *n, const struct hmr_image *im, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_hmr2_run_squares(struct hmr_hmr2 *n, const struct hmr2_square *s, uint32_t people,
		     bool antialias, struct hmr_hmr2_result *out, struct hmr_err *e);
/* Of person i of the last run's last part: the backbone's tokens [192][dim], not
 * on a GPU; the body's vertices [][3], NULL where none were asked for or made. */
const float *hmr_hmr2_tokens(const struct hmr_hmr2 *n, uint32_t i);
const float *hmr_hmr2_vertices(const struct hmr_hmr2 *n, uint32_t i);

#endif

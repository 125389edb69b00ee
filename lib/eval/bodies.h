/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scores of bodies against ground truth: MPJPE, PA-MPJPE, PVE, PCK and the error of
 * acceleration, as the literature on human meshes defines them; hmr-eval(1) says
 * each in words. A whole sequence is held, about 2.1 KB a body.
 */
#ifndef HMR_EVAL_BODIES_H
#define HMR_EVAL_BODIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "body/body.h"

#define HMR_EVAL_JOINTS 44

enum hmr_eval_set {		/* which joints are scored */
	HMR_EVAL_44 = 0,	/* all of the outputs */
	HMR_EVAL_14,		/* 25 to 37 and 43, as the reference's evaluation */
	HMR_EVAL_24,		/* SMPL's, from pose and shape */
};
enum hmr_eval_match { HMR_EVAL_AUTO = 0, HMR_EVAL_ID, HMR_EVAL_BOX };

struct hmr_eval_person {	/* one body in one frame */
	uint64_t frame;
	uint32_t id;		/* 0: none */
	bool has_box, has_2d, has_pose, has_conf;
	float box[4];
	float joints[HMR_EVAL_JOINTS][3];	/* metres; 24 of them for HMR_EVAL_24 */
	uint8_t known[HMR_EVAL_JOINTS];
	float joints2d[HMR_EVAL_JOINTS][2], conf[HMR_EVAL_JOINTS];
	float pose[HMR_BODY_JOINTS][9], shape[HMR_BODY_SHAPES];
};

struct hmr_eval_bodies {	/* zeroed: empty */
	struct hmr_eval_person *row;	/* heap */
	size_t n, cap;
	struct hmr_body *body;	/* what pose and shape are of; owned; NULL: none */
};
HMR_MUST_USE enum hmr_status	/* a zeroed row at the end, valid until the next */
hmr_eval_add(struct hmr_eval_bodies *b, struct hmr_eval_person **row,
	     struct hmr_err *e);
void hmr_eval_release(struct hmr_eval_bodies *b);

struct hmr_eval_reading {
	enum hmr_eval_set set;
	const char *body;	/* name or path; NULL: as HEAD says */
	double score;		/* people below are left out */
	bool no_filled;
};
/* A stream or JSON Lines from fd. */
HMR_MUST_USE enum hmr_status
hmr_eval_read_stream(struct hmr_eval_bodies *b, int fd, const char *name,
		     const struct hmr_eval_reading *o, struct hmr_err *e);
/* Arrays: npz and what else lib/import opens; hmr-eval(1) names them. A pose in it
 * is of the result's body. */
HMR_MUST_USE enum hmr_status
hmr_eval_read_npz(struct hmr_eval_bodies *b, const char *path,
		  const struct hmr_eval_reading *o, struct hmr_err *e);

struct hmr_eval_joint {		/* means over bodies in which it is known */
	uint64_t n;
	double error, pa;	/* mm, root on root; after the similarity */
	double offset[3];	/* mm, result less truth */
	double conf;		/* mean joint_conf of the result */
};
#define HMR_EVAL_TENTHS 10
struct hmr_eval_scores {	/* < 0 or NaN: cannot be known from these data */
	uint64_t frames, truth, bodies, matched;
	double mpjpe, mpjpe_median, pa_mpjpe, pa_median;	/* mm */
	double pve;		/* mm, over pve_n bodies */
	double accel;		/* mm a frame squared, over accel_n bodies */
	double pck05, pck10;	/* shares, over pck_n joints */
	double pelvis;		/* degrees, mean, over pelvis_n */
	double conf_rank;	/* of joint_conf and error, over conf_n joints */
	uint64_t pve_n, accel_n, pck_n, pelvis_n, conf_n;
	int joints;
	bool offsets_of_pelvis;	/* in the truth's pelvis axes: left, up, front */
	struct hmr_eval_joint joint[HMR_EVAL_JOINTS];
	struct { uint64_t n; double error; } tenth[HMR_EVAL_TENTHS];	/* by conf */
};
/* truth and result get sorted. body: whose vertices PVE compares; NULL: no PVE.
 * HMR_E_FORMAT: people cannot be told apart. */
HMR_MUST_USE enum hmr_status
hmr_eval_score(struct hmr_eval_scores *s, struct hmr_eval_bodies *truth,
	       struct hmr_eval_bodies *result, enum hmr_eval_set set,
	       enum hmr_eval_match match, double iou, const struct hmr_body *body,
	       struct hmr_err *e);
/* The joint's place among 44 (HMR_EVAL_24: among 24) of the i-th that is scored. */
int hmr_eval_joint(enum hmr_eval_set set, int i);
int hmr_eval_joints(enum hmr_eval_set set);

void hmr_eval_print_text(FILE *f, const struct hmr_eval_scores *s,
			 enum hmr_eval_set set, bool each);
void hmr_eval_print_json(FILE *f, const struct hmr_eval_scores *s,
			 enum hmr_eval_set set, bool each);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How good tracks are against ground truth: CLEAR-MOT (Bernardin and Stiefelhagen
 * 2008) as py-motmetrics counts it, the identity scores (Ristani et al. 2016),
 * HOTA (Luiten et al. 2020) as TrackEval computes it; and recall and precision of
 * boxes alone. Ground truth that is not to be scored is left out before.
 */
#ifndef HMR_SCORE_H
#define HMR_SCORE_H

#include "track/mot.h"

#define HMR_HOTA_STEPS 19	/* IoU 0.05, 0.10, … 0.95 */

struct hmr_score {
	uint64_t frames, truth, boxes;	/* frames with either, and rows of each */
	uint64_t objects, tracks;	/* identities */
	/* CLEAR-MOT at one IoU */
	uint64_t tp, fp, fn, switches, fragments;
	uint64_t mostly_tracked, partly_tracked, mostly_lost;
	double mota, motp;		/* motp: mean IoU of matches */
	double recall, precision;
	/* identities at the same IoU */
	uint64_t idtp, idfp, idfn;
	double idf1, idp, idr;
	/* means over the steps of HOTA */
	double hota, deta, assa, loca, detre, detpr, assre, asspr;
};

/* Both sorted. iou: the least for a match, such as 0.5. */
HMR_MUST_USE enum hmr_status
hmr_score_clear(struct hmr_score *s, const struct hmr_mot *truth,
		const struct hmr_mot *result, double iou, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_score_identity(struct hmr_score *s, const struct hmr_mot *truth,
		   const struct hmr_mot *result, double iou, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_score_hota(struct hmr_score *s, const struct hmr_mot *truth,
	       const struct hmr_mot *result, struct hmr_err *e);

/* Boxes alone: as many matches as can be in each frame; fills in frames, truth,
 * boxes, tp, fp, fn, recall, precision, motp. */
HMR_MUST_USE enum hmr_status
hmr_score_boxes(struct hmr_score *s, const struct hmr_mot *truth,
		const struct hmr_mot *result, double iou, struct hmr_err *e);

/* Walks two sorted sequences frame by frame. Zeroed at the start; false: over. */
struct hmr_mot_pair {
	size_t t, r;		/* first rows of the frame */
	size_t nt, nr;		/* and how many */
	uint32_t frame;
};
int hmr_mot_pair_next(struct hmr_mot_pair *p, const struct hmr_mot *truth,
		      const struct hmr_mot *result);
/* The most rows that either has in a frame. */
size_t hmr_mot_most(const struct hmr_mot *truth, const struct hmr_mot *result);

#endif

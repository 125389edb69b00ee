/* SPDX-License-Identifier: Apache-2.0 */
/* Which body of the result is which of the truth; for lib/eval alone. */
#ifndef HMR_EVAL_PAIR_H
#define HMR_EVAL_PAIR_H

#include "eval/bodies.h"

struct eval_pair {
	const struct hmr_eval_person *truth, *result;
};
/* Sorts both by frame and identity; out [truth->n], in that order. *frames: those
 * with anybody of the truth. */
HMR_MUST_USE enum hmr_status
eval_pair_all(struct hmr_eval_bodies *truth, struct hmr_eval_bodies *result,
	      enum hmr_eval_match match, double iou, struct eval_pair *out, size_t *n,
	      uint64_t *frames, struct hmr_err *e);

#endif

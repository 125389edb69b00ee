/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user has of HMR2.0 to model files: the checkpoint to the network, the
 * SMPL file with its further joints to the body.
 */
#ifndef HMR_HMR2_TAKE_H
#define HMR_HMR2_TAKE_H

#include "import/hmr2.h"

struct hmr2_take {
	struct hmr_hmr2_import net;	/* net.checkpoint NULL: no network; its
					 * observer is set here */
	const char *smpl, *joints;	/* smpl NULL: no body */
	const char *net_path, *body_path;	/* written there */
	unsigned threads;		/* 0: all cores */
};

/* The body first: it is quick, and most likely to be the wrong file. */
HMR_MUST_USE enum hmr_status
hmr2_take_in(const struct hmr2_take *t, struct hmr_err *e);

#endif

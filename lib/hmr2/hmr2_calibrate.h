/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounding HMR2's weights to 8 bit so that its results change least, without any
 * picture: the network runs on eight images of smooth noise while it is
 * imported, and each weight of a row is rounded up or down so as to take back
 * the error that the row's earlier weights have made on them (greedy path
 * following: Lybrand and Saab 2021). On the small test network joints are off by
 * half as much as with plain rounding.
 */
#ifndef HMR_HMR2_CALIBRATE_H
#define HMR_HMR2_CALIBRATE_H

#include "import/hmr2.h"

struct hmr2_calibrator;
/* HMR_E_DEVICE: this CPU has not the vectors for it; round to nearest then. */
HMR_MUST_USE enum hmr_status
hmr2_calibrator_new(struct hmr2_calibrator **out, unsigned threads,
		    struct hmr_err *e);
void hmr2_calibrator_free(struct hmr2_calibrator *c);
/* What hmr_hmr2_import() calls; its ctx is the calibrator. */
extern const struct hmr_hmr2_observer hmr2_calibrator_observer;

#endif

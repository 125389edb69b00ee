/* SPDX-License-Identifier: Apache-2.0 */
/* Which detector a model is; for detector.c alone. */
#ifndef HMR_DETECTOR_SPEC_H
#define HMR_DETECTOR_SPEC_H

#include "detect/detector.h"

#define HMR_DETECTOR_ABOUT 256

/* From the sidecar, else the model's meta, else by its inputs and outputs; about says
 * which. Names in *g are the model's. */
HMR_MUST_USE enum hmr_status
hmr_detector_spec(struct hmr_detect_spec *s, struct hmr_signature *g,
		  char about[HMR_DETECTOR_ABOUT], const struct hmr_model *m,
		  const struct hmr_detector_options *o, struct hmr_err *e);

/* What free sizes are multiples of: the network's own number and its strides. */
uint32_t hmr_spec_multiple(const struct hmr_detect_spec *s, const struct hmr_signature *g);

#endif

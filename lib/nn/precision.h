/* SPDX-License-Identifier: Apache-2.0 */
/* The names of number formats on command lines. */
#ifndef HMR_PRECISION_H
#define HMR_PRECISION_H

#include "nn/nn.h"

/* auto, f32, bf16, f16, int8, fp8. HMR_E_USAGE names the option and the list. */
HMR_MUST_USE enum hmr_status
hmr_precision_parse(const char *what, const char *s, enum hmr_precision *out,
		    struct hmr_err *e);

#endif

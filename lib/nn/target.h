/* SPDX-License-Identifier: Apache-2.0 */
/* Where a network runs: the meaning of -d. */
#ifndef HMR_TARGET_H
#define HMR_TARGET_H

#include "base/status.h"

enum hmr_target_kind { HMR_TARGET_CPU, HMR_TARGET_REF, HMR_TARGET_CUDA };

struct hmr_target {
	enum hmr_target_kind kind;
	int index;		/* of the CUDA device */
	char name[16];		/* "cpu", "ref", "cuda:0" */
	char why[200];		/* auto that is not a GPU: the reason; else "" */
};

/* device: "auto" (or NULL), "cpu", "ref", "cuda", "cuda:N". auto is the first CUDA
 * device if it opens with its libraries, else the CPU. HMR_E_USAGE: none of these.
 * HMR_E_DEVICE: no such CUDA device; the text says why. */
HMR_MUST_USE enum hmr_status
hmr_target_choose(struct hmr_target *out, const char *device, struct hmr_err *e);

#endif

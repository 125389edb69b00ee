/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for the cuda backend where it is not built. */
#include "nn/backend.h"

const struct hmr_backend *
hmr_backend_cuda(void)
{
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The device layer of a build without nvcc: there is none. */
#include "cuda/device.h"

const struct hmr_device_api *
hmr_device_api(void)
{
	return NULL;
}

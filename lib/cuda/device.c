/* SPDX-License-Identifier: Apache-2.0 */
/* What is the same for every device layer. */
#include "cuda/device.h"

#define BLOCK 256u
#define GRID_MAX 65535u		/* kernels of indices step by the grid */

enum hmr_status
hmr_device_each(const struct hmr_device_api *api, struct hmr_queue *q,
		const struct hmr_kernel *k, uint64_t n, const void *args,
		size_t args_bytes, struct hmr_err *e)
{
	uint64_t blocks = (n + BLOCK - 1) / BLOCK;
	uint32_t grid[3] = { blocks < GRID_MAX ? (uint32_t)blocks : GRID_MAX, 1, 1 };

	return n ? api->launch(q, k, grid, BLOCK, 0, args, args_bytes, e) : HMR_OK;
}

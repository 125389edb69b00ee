/* SPDX-License-Identifier: Apache-2.0 */
/* One kernel of HMR2's on a device, and numbers for it. */
#ifndef KERNEL_RUN_H
#define KERNEL_RUN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cuda/device.h"
#include "cuda/half_host.h"
#include "cuda/hmr2_kernels.h"

#define KERNEL_ARRAYS 12

static float
noise(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (float)(*seed >> 8) / 0x1p23f - 1;
}

/* A kernel's array: `at` is its pointer in the arguments. */
struct array {
	void *host;
	size_t bytes;
	size_t at;
	bool out;		/* brought back after the run */
};

static void
launch(const char *name, const uint32_t grid[3], uint32_t block, size_t shared,
       void *args, size_t bytes, const struct array *array, int n)
{
	const struct hmr_device_api *api = hmr_device_api();
	const struct hmr_kernel *k;
	struct hmr_device *d;
	struct hmr_queue *q;
	struct hmr_err e = { 0 };
	enum hmr_status st;
	void *p[KERNEL_ARRAYS], *pinned[KERNEL_ARRAYS];

	if (api->open(&d, 0, 0, &e) || api->queue_new(d, &q, &e) ||
	    api->kernel(d, name, &k, &e))
		fail_msg("%s: %s", name, e.msg);
	for (int i = 0; i < n; i++) {
		if (api->alloc(d, array[i].bytes, &p[i], &e) ||
		    api->alloc_host(d, array[i].bytes, &pinned[i], &e))
			fail_msg("%s", e.msg);
		memcpy(pinned[i], array[i].host, array[i].bytes);
		memcpy((char *)args + array[i].at, &p[i], sizeof(p[i]));
		assert_int_equal(api->copy_in(q, p[i], pinned[i], array[i].bytes, &e), 0);
	}
	st = api->launch(q, k, grid, block, shared, args, bytes, &e);
	for (int i = 0; i < n && !st; i++)
		if (array[i].out)
			st = api->copy_out(q, pinned[i], p[i], array[i].bytes, &e);
	if (st || (st = api->sync(q, &e)))
		fail_msg("%s: %s", name, e.msg);
	for (int i = 0; i < n; i++) {
		memcpy(array[i].host, pinned[i], array[i].bytes);
		api->release(d, p[i]);
		api->release_host(d, pinned[i]);
	}
	api->queue_free(q);
	api->close(d);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The names of devices, and what auto is on this machine; target.h. */
#include "nn/target.h"

#include <stdio.h>
#include <string.h>

#include "cuda/device.h"

/* "cuda" or "cuda:N". */
static enum hmr_status
read_index(struct hmr_target *t, const char *d, struct hmr_err *e)
{
	const char *end = d + 5;

	if (!d[4])
		return HMR_OK;
	while (*end >= '0' && *end <= '9' && end - d < 8)
		t->index = t->index * 10 + (*end++ - '0');
	if (end == d + 5 || *end)
		return hmr_fail(e, HMR_E_USAGE, "device %.40s: cuda:NUMBER wanted", d);
	return HMR_OK;
}

/* Whether the device is there. */
static enum hmr_status
find_cuda(const struct hmr_target *t, struct hmr_err *e)
{
	const struct hmr_device_api *api = hmr_device_api();
	enum hmr_status st;
	int n;

	if (!api)
		return hmr_fail(e, HMR_E_DEVICE, "this program was built without CUDA");
	if ((st = api->count(&n, e)))
		return st;
	if (t->index >= n)
		return hmr_fail(e, HMR_E_DEVICE, "there %s %d CUDA device%s, from 0 on",
				n == 1 ? "is" : "are", n, n == 1 ? "" : "s");
	return HMR_OK;
}

/* The first device, if it opens. */
static void
choose_auto(struct hmr_target *t)
{
	struct hmr_device *d = NULL;
	struct hmr_err why = { 0 };

	t->kind = HMR_TARGET_CUDA;
	if (find_cuda(t, &why) ||
	    hmr_device_api()->open(&d, 0, HMR_DEVICE_BLAS | HMR_DEVICE_DNN, &why)) {
		t->kind = HMR_TARGET_CPU;
		snprintf(t->why, sizeof(t->why), "%.199s", why.msg);
		return;
	}
	hmr_device_api()->close(d);
}

enum hmr_status
hmr_target_choose(struct hmr_target *t, const char *device, struct hmr_err *e)
{
	const char *d = device ? device : "auto";
	enum hmr_status st;

	memset(t, 0, sizeof(*t));
	if (!strcmp(d, "auto")) {
		choose_auto(t);
	} else if (!strcmp(d, "ref")) {
		t->kind = HMR_TARGET_REF;
	} else if (!strncmp(d, "cuda", 4) && (!d[4] || d[4] == ':')) {
		t->kind = HMR_TARGET_CUDA;
		if ((st = read_index(t, d, e)))
			return st;
		if ((st = find_cuda(t, e)))
			return hmr_fail_in(e, st, "device %.40s", d);
	} else if (strcmp(d, "cpu") != 0) {
		return hmr_fail(e, HMR_E_USAGE,
				"device %.40s: auto, cpu, ref or cuda[:N] wanted", d);
	}
	if (t->kind == HMR_TARGET_CUDA)
		snprintf(t->name, sizeof(t->name), "cuda:%d", t->index);
	else
		strcpy(t->name, t->kind == HMR_TARGET_REF ? "ref" : "cpu");
	return HMR_OK;
}

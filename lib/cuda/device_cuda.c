/* SPDX-License-Identifier: Apache-2.0 */
/* The device layer over CUDA: device, memory, queues, events, recordings, kernels.
 * cudart is linked statically and finds the driver, or none, when it is first used. */
#include "cuda/device_cuda.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/kernels.h"

#define SHARED_PLAIN (48u << 10)	/* bytes a block has without asking */

struct hmr_event { cudaEvent_t v; };
struct hmr_replay { cudaGraphExec_t g; };

static enum hmr_status
check(cudaError_t r, const char *what, struct hmr_err *e)
{
	if (r == cudaSuccess)
		return HMR_OK;
	(void)cudaGetLastError();	/* a plain error is told once */
	return hmr_fail(e, r == cudaErrorMemoryAllocation ? HMR_E_NOMEM : HMR_E_DEVICE,
			"%s: %s (%s)", what, cudaGetErrorString(r), cudaGetErrorName(r));
}

static cudaStream_t
stream(const struct hmr_queue *q)
{
	return q->stream;
}

void
cuda_library_close(void *lib)
{
	if (lib)
		dlclose(lib);
}

enum hmr_status
cuda_library_open(void **lib, const char *const *names, const char *const *symbol,
		  void **fn, struct hmr_err *e)
{
	char path[128], why[200] = "";

	*lib = NULL;
	for (const char *const *n = names; !*lib && *n; n++) {
		if ((*lib = dlopen(*n, RTLD_NOW | RTLD_LOCAL)))
			break;
		if (!why[0])
			snprintf(why, sizeof(why), "%s", dlerror());
		snprintf(path, sizeof(path), "/usr/local/cuda/lib64/%s", *n);
		*lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	}
	if (!*lib)
		return hmr_fail(e, HMR_E_DEVICE, "%s", why);
	for (size_t i = 0; symbol[i]; i++)
		if (!(fn[i] = dlsym(*lib, symbol[i]))) {
			cuda_library_close(*lib);
			*lib = NULL;
			return hmr_fail(e, HMR_E_DEVICE, "%s has no %s", names[0], symbol[i]);
		}
	return HMR_OK;
}

static enum hmr_status
count(int *n, struct hmr_err *e)
{
	void *driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
	enum hmr_status st;

	*n = 0;
	if (!driver)	/* the runtime would say that the driver is too old */
		return hmr_fail(e, HMR_E_DEVICE, "no NVIDIA driver (libcuda.so.1)");
	dlclose(driver);
	if ((st = check(cudaGetDeviceCount(n), "cudaGetDeviceCount", e)))
		return st;
	return *n ? HMR_OK : hmr_fail(e, HMR_E_DEVICE, "no CUDA device");
}

static enum hmr_status
attribute(int *v, enum cudaDeviceAttr a, int index, struct hmr_err *e)
{
	return check(cudaDeviceGetAttribute(v, a, index), "cudaDeviceGetAttribute", e);
}

static enum hmr_status
describe(struct hmr_device *d, int index, struct hmr_err *e)
{
	struct hmr_device_info *i = &d->info;
	struct cudaDeviceProp p;
	enum hmr_status st;
	int shared = 0;

	i->index = index;
	if ((st = check(cudaSetDevice(index), "cudaSetDevice", e)) ||
	    (st = check(cudaFree(NULL), "cudaFree", e)) ||	/* makes the context */
	    (st = check(cudaGetDeviceProperties(&p, index), "cudaGetDeviceProperties", e)) ||
	    (st = check(cudaMemGetInfo(&i->bytes_free, &i->bytes), "cudaMemGetInfo", e)) ||
	    (st = attribute(&i->major, cudaDevAttrComputeCapabilityMajor, index, e)) ||
	    (st = attribute(&i->minor, cudaDevAttrComputeCapabilityMinor, index, e)) ||
	    (st = attribute(&i->processors, cudaDevAttrMultiProcessorCount, index, e)) ||
	    (st = attribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, index, e)) ||
	    (st = check(cudaDriverGetVersion(&i->driver), "cudaDriverGetVersion", e)) ||
	    (st = check(cudaRuntimeGetVersion(&i->runtime), "cudaRuntimeGetVersion", e)))
		return st;
	i->shared = (size_t)shared;
	snprintf(i->name, sizeof(i->name), "%.63s", p.name);
	return HMR_OK;
}

static void
dev_close(struct hmr_device *d)
{
	if (!d)
		return;
	cuda_blas_close(d->blas);
	cuda_dnn_close(d->dnn);
	free(d);
}

static enum hmr_status
dev_open(struct hmr_device **out, int index, unsigned libs, struct hmr_err *e)
{
	struct hmr_device *d = calloc(1, sizeof(*d));
	enum hmr_status st;

	*out = NULL;
	if (!d)
		return hmr_fail(e, HMR_E_NOMEM, "device");
	st = describe(d, index, e);
	if (!st && libs & HMR_DEVICE_BLAS)
		st = cuda_blas_open(d, e);
	if (!st && libs & HMR_DEVICE_DNN && (st = cuda_dnn_open(d, e)) == HMR_EOF)
		st = HMR_OK;
	if (st) {
		dev_close(d);
		return st;
	}
	*out = d;
	return HMR_OK;
}

static const struct hmr_device_info *
info(const struct hmr_device *d)
{
	return &d->info;
}

static bool
has(const struct hmr_device *d, enum hmr_device_type t)
{
	return t != HMR_DEVICE_BF16 || d->info.major >= 8;
}

static enum hmr_status
alloc(struct hmr_device *d, size_t bytes, void **out, struct hmr_err *e)
{
	char what[64];

	*out = NULL;
	snprintf(what, sizeof(what), "cudaMalloc of %zu bytes", bytes);
	(void)cudaSetDevice(d->info.index);
	return check(cudaMalloc(out, bytes ? bytes : 1), what, e);
}

static void
release(struct hmr_device *d, void *p)
{
	(void)cudaSetDevice(d->info.index);
	if (p)
		(void)cudaFree(p);
}

static enum hmr_status
alloc_host(struct hmr_device *d, size_t bytes, void **out, struct hmr_err *e)
{
	char what[64];

	*out = NULL;
	snprintf(what, sizeof(what), "cudaHostAlloc of %zu bytes", bytes);
	(void)cudaSetDevice(d->info.index);
	return check(cudaHostAlloc(out, bytes ? bytes : 1, cudaHostAllocDefault), what, e);
}

static void
release_host(struct hmr_device *d, void *p)
{
	(void)d;
	if (p)
		(void)cudaFreeHost(p);
}

static enum hmr_status
queue_new(struct hmr_device *d, struct hmr_queue **out, struct hmr_err *e)
{
	struct hmr_queue *q = calloc(1, sizeof(*q));
	cudaStream_t s;
	enum hmr_status st;

	*out = NULL;
	if (!q)
		return hmr_fail(e, HMR_E_NOMEM, "queue");
	(void)cudaSetDevice(d->info.index);
	if ((st = check(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking),
			"cudaStreamCreateWithFlags", e))) {
		free(q);
		return st;
	}
	q->d = d;
	q->stream = s;
	*out = q;
	return HMR_OK;
}

static void
queue_free(struct hmr_queue *q)
{
	if (q)
		(void)cudaStreamDestroy(stream(q));
	free(q);
}

static enum hmr_status
queue_sync(struct hmr_queue *q, struct hmr_err *e)
{
	return check(cudaStreamSynchronize(stream(q)), "cudaStreamSynchronize", e);
}

static enum hmr_status
copy_in(struct hmr_queue *q, void *device, const void *host, size_t bytes,
	struct hmr_err *e)
{
	return check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream(q)),
		     "cudaMemcpyAsync to the device", e);
}

static enum hmr_status
copy_out(struct hmr_queue *q, void *host, const void *device, size_t bytes,
	 struct hmr_err *e)
{
	return check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream(q)),
		     "cudaMemcpyAsync from the device", e);
}

static enum hmr_status
copy(struct hmr_queue *q, void *to, const void *from, size_t bytes, struct hmr_err *e)
{
	return check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream(q)),
		     "cudaMemcpyAsync on the device", e);
}

static enum hmr_status
fill(struct hmr_queue *q, void *device, int byte, size_t bytes, struct hmr_err *e)
{
	return check(cudaMemsetAsync(device, byte, bytes, stream(q)), "cudaMemsetAsync", e);
}

static enum hmr_status
event_new(struct hmr_device *d, bool timing, struct hmr_event **out, struct hmr_err *e)
{
	struct hmr_event *v = calloc(1, sizeof(*v));
	enum hmr_status st;

	*out = NULL;
	if (!v)
		return hmr_fail(e, HMR_E_NOMEM, "event");
	(void)cudaSetDevice(d->info.index);
	if ((st = check(cudaEventCreateWithFlags(&v->v, timing ? cudaEventDefault :
						 cudaEventDisableTiming),
			"cudaEventCreateWithFlags", e))) {
		free(v);
		return st;
	}
	*out = v;
	return HMR_OK;
}

static void
event_free(struct hmr_event *v)
{
	if (v)
		(void)cudaEventDestroy(v->v);
	free(v);
}

static enum hmr_status
event_record(struct hmr_queue *q, struct hmr_event *v, struct hmr_err *e)
{
	return check(cudaEventRecord(v->v, stream(q)), "cudaEventRecord", e);
}

static enum hmr_status
event_wait(struct hmr_queue *q, struct hmr_event *v, struct hmr_err *e)
{
	return check(cudaStreamWaitEvent(stream(q), v->v, 0), "cudaStreamWaitEvent", e);
}

static enum hmr_status
event_sync(struct hmr_event *v, struct hmr_err *e)
{
	return check(cudaEventSynchronize(v->v), "cudaEventSynchronize", e);
}

static enum hmr_status
event_ms(struct hmr_event *from, struct hmr_event *to, float *ms, struct hmr_err *e)
{
	return check(cudaEventElapsedTime(ms, from->v, to->v), "cudaEventElapsedTime", e);
}

static enum hmr_status
record_begin(struct hmr_queue *q, struct hmr_err *e)
{
	return check(cudaStreamBeginCapture(stream(q), cudaStreamCaptureModeThreadLocal),
		     "cudaStreamBeginCapture", e);
}

static enum hmr_status
record_end(struct hmr_queue *q, struct hmr_replay **out, struct hmr_err *e)
{
	struct hmr_replay *r = calloc(1, sizeof(*r));
	cudaGraph_t g = NULL;
	enum hmr_status st = check(cudaStreamEndCapture(stream(q), &g),
				   "cudaStreamEndCapture", e);

	*out = NULL;
	if (!st && !r)
		st = hmr_fail(e, HMR_E_NOMEM, "recording");
	if (!st)
		st = check(cudaGraphInstantiate(&r->g, g, 0), "cudaGraphInstantiate", e);
	if (g)
		(void)cudaGraphDestroy(g);
	if (st) {
		free(r);
		return st;
	}
	*out = r;
	/* what a launch would allocate is allocated here */
	return check(cudaGraphUpload(r->g, stream(q)), "cudaGraphUpload", e);
}

static enum hmr_status
replay(struct hmr_queue *q, struct hmr_replay *r, struct hmr_err *e)
{
	return check(cudaGraphLaunch(r->g, stream(q)), "cudaGraphLaunch", e);
}

static void
replay_free(struct hmr_replay *r)
{
	if (r)
		(void)cudaGraphExecDestroy(r->g);
	free(r);
}

/* Asking for a kernel's attributes also loads it, before the first frame. */
static enum hmr_status
kernel(struct hmr_device *d, const char *name, const struct hmr_kernel **out,
       struct hmr_err *e)
{
	static const struct hmr_kernel *const lists[] = HMR_KERNEL_LISTS;
	struct cudaFuncAttributes a;

	(void)cudaSetDevice(d->info.index);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct hmr_kernel *k = lists[i]; k->name; k++)
			if (!strcmp(k->name, name)) {
				*out = k;
				return check(cudaFuncGetAttributes(&a, k->device), name, e);
			}
	return hmr_fail(e, HMR_E_DEVICE, "no kernel %s", name);
}

static enum hmr_status
launch(struct hmr_queue *q, const struct hmr_kernel *k, const uint32_t grid[3],
       uint32_t block, size_t shared, const void *args, size_t args_bytes,
       struct hmr_err *e)
{
	dim3 g = { grid[0], grid[1], grid[2] }, b = { block, 1, 1 };
	void *list[1] = { (void *)(uintptr_t)args };
	enum hmr_status st;

	if (args_bytes != k->args_bytes)
		return hmr_fail(e, HMR_E_DEVICE, "%s: %zu bytes of arguments, not %zu",
				k->name, args_bytes, k->args_bytes);
	if (shared > SHARED_PLAIN &&
	    (st = check(cudaFuncSetAttribute(k->device,
			cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared),
			k->name, e)))
		return st;
	return check(cudaLaunchKernel(k->device, g, b, list, shared, stream(q)), k->name, e);
}

const struct hmr_device_api *
hmr_device_api(void)
{
	static const struct hmr_device_api api = {
		.name = "cuda", .count = count, .open = dev_open, .close = dev_close,
		.info = info, .has = has, .alloc = alloc, .release = release,
		.alloc_host = alloc_host, .release_host = release_host,
		.queue_new = queue_new, .queue_free = queue_free, .sync = queue_sync,
		.copy_in = copy_in, .copy_out = copy_out, .copy = copy, .fill = fill,
		.event_new = event_new, .event_free = event_free,
		.event_record = event_record, .event_wait = event_wait,
		.event_sync = event_sync, .event_ms = event_ms,
		.record_begin = record_begin, .record_end = record_end, .replay = replay,
		.replay_free = replay_free, .kernel = kernel, .launch = launch,
		.gemm_new = cuda_gemm_new, .gemm_impl = cuda_gemm_impl,
		.gemm_workspace = cuda_gemm_workspace, .gemm_run = cuda_gemm_run,
		.gemm_free = cuda_gemm_free, .conv_new = cuda_conv_new,
		.conv_impl = cuda_conv_impl, .conv_workspace = cuda_conv_workspace,
		.conv_run = cuda_conv_run, .conv_free = cuda_conv_free,
	};

	return &api;
}

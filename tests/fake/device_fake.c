/* SPDX-License-Identifier: Apache-2.0 */
/* The fake device's memory, objects and failures; fake.h. Queues: fake_queue.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/kernels.h"
#include "fake_impl.h"

static struct hmr_fake state;
static bool ready;

void
hmr_fake_reset(void)
{
	state = (struct hmr_fake){ .memory = (size_t)8 << 30, .devices = 1, .major = 9 };
	ready = true;
}

struct hmr_fake *
hmr_fake(void)
{
	const char *s = getenv("HMR_FAKE");

	if (ready)
		return &state;
	hmr_fake_reset();
	for (; s && *s; s += strcspn(s, " "), s += strspn(s, " ")) {
		char word[16] = "";
		unsigned long long v = 1;

		sscanf(s, "%15[a-z]=%llu", word, &v);
		if (!strcmp(word, "fail"))
			state.fail_at = v;
		else if (!strcmp(word, "sticky"))
			state.sticky = true;
		else if (!strcmp(word, "memory"))
			state.memory = v;
		else if (!strcmp(word, "devices"))
			state.devices = (int)v;
		else if (!strcmp(word, "major"))
			state.major = (int)v;
		else if (!strcmp(word, "dnn"))
			state.no_dnn = !v;
		else if (!strcmp(word, "blas"))
			state.no_blas = !v;
	}
	return &state;
}

enum hmr_status
fake_call(const char *what, struct hmr_err *e)
{
	struct hmr_fake *f = hmr_fake();

	f->calls++;
	if (f->fail_at && (f->calls == f->fail_at ||
			   (f->sticky && f->calls > f->fail_at)))
		return hmr_fail(e, HMR_E_DEVICE,
				"%s: unspecified launch failure (cudaErrorLaunchFailure)", what);
	return HMR_OK;
}

void
fake_wrong(const char *what)
{
	snprintf(state.wrong, sizeof(state.wrong), "%s", what);
}

void *
fake_object(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (!p)
		abort();
	hmr_fake()->alive++;
	hmr_fake()->made++;
	return p;
}

void
fake_free(void *p)
{
	if (p)
		state.alive--;
	free(p);
}

static enum hmr_status
count(int *n, struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaGetDeviceCount", e);

	*n = hmr_fake()->devices;
	if (!st && !*n)
		return hmr_fail(e, HMR_E_DEVICE, "cudaGetDeviceCount: no CUDA-capable "
				"device is detected (cudaErrorNoDevice)");
	return st;
}

static enum hmr_status
dev_open(struct hmr_device **out, int index, unsigned libs, struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaSetDevice", e);
	const struct hmr_fake *f = hmr_fake();

	*out = NULL;
	if (st)
		return st;
	if (index < 0 || index >= f->devices)
		return hmr_fail(e, HMR_E_DEVICE, "cudaSetDevice: invalid device ordinal "
				"(cudaErrorInvalidDevice)");
	if ((libs & HMR_DEVICE_BLAS && f->no_blas))
		return hmr_fail(e, HMR_E_DEVICE, "libcublasLt.so: no such file");
	*out = fake_object(sizeof(**out));
	(*out)->libs = libs & (f->no_dnn ? ~(unsigned)HMR_DEVICE_DNN : ~0u);
	(*out)->info = (struct hmr_device_info){ .index = index, .name = "fake",
		.major = f->major, .processors = 1, .bytes = f->memory,
		.bytes_free = f->memory - f->bytes, .shared = 99 << 10, .driver = 13000,
		.runtime = 13000, .blas = 1, .dnn = !f->no_dnn };
	return HMR_OK;
}

static void
dev_close(struct hmr_device *d)
{
	if (d && d->memory)
		fake_wrong("closed with memory");
	fake_free(d);
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
take(struct hmr_device *d, size_t bytes, bool host, void **out, struct hmr_err *e)
{
	const char *what = host ? "cudaHostAlloc" : "cudaMalloc";
	enum hmr_status st = fake_call(what, e);
	struct hmr_fake *f = hmr_fake();
	struct fake_memory *m;

	*out = NULL;
	if (st)
		return st;
	if (d->recording)
		fake_wrong("allocated while recording");
	if (!host && bytes > f->memory - f->bytes)
		return hmr_fail(e, HMR_E_NOMEM, "cudaMalloc of %zu bytes: out of memory "
				"(cudaErrorMemoryAllocation)", bytes);
	m = fake_object(sizeof(*m));
	if (!(m->at = aligned_alloc(4096, (bytes + 4096) / 4096 * 4096)))
		abort();
	memset(m->at, 0xff, bytes);
	m->bytes = bytes;
	m->host = host;
	m->next = d->memory;
	d->memory = m;
	*(host ? &f->bytes_host : &f->bytes) += bytes;
	f->bytes_peak = f->bytes > f->bytes_peak ? f->bytes : f->bytes_peak;
	if (f->bytes_host > f->bytes_host_peak)
		f->bytes_host_peak = f->bytes_host;
	*out = m->at;
	return HMR_OK;
}

static void
give(struct hmr_device *d, void *p, bool host)
{
	struct hmr_fake *f = hmr_fake();

	for (struct fake_memory **m = &d->memory; p && *m; m = &(*m)->next)
		if ((*m)->at == p && (*m)->host == host) {
			struct fake_memory *gone = *m;

			*m = gone->next;
			*(host ? &f->bytes_host : &f->bytes) -= gone->bytes;
			free(gone->at);
			fake_free(gone);
			return;
		}
	if (p)
		fake_wrong("freed what was not allocated");
}

static enum hmr_status
alloc(struct hmr_device *d, size_t bytes, void **out, struct hmr_err *e)
{
	return take(d, bytes, false, out, e);
}

static void
release(struct hmr_device *d, void *p)
{
	give(d, p, false);
}

static enum hmr_status
alloc_host(struct hmr_device *d, size_t bytes, void **out, struct hmr_err *e)
{
	return take(d, bytes, true, out, e);
}

static void
release_host(struct hmr_device *d, void *p)
{
	give(d, p, true);
}

static enum hmr_status
kernel(struct hmr_device *d, const char *name, const struct hmr_kernel **out,
       struct hmr_err *e)
{
	static const struct hmr_kernel *const lists[] = HMR_KERNEL_LISTS;
	enum hmr_status st = fake_call("cudaFuncGetAttributes", e);

	(void)d;
	for (size_t i = 0; !st && i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct hmr_kernel *k = lists[i]; k->name; k++)
			if (!strcmp(k->name, name)) {
				*out = k;
				return HMR_OK;
			}
	return st ? st : hmr_fail(e, HMR_E_DEVICE, "no kernel %s", name);
}

static enum hmr_status
gemm_new(struct hmr_device *d, const struct hmr_gemm_desc *desc, struct hmr_gemm **out,
	 struct hmr_err *e)
{
	enum hmr_status st = fake_call("cublasLtMatmulAlgoGetHeuristic", e);

	*out = NULL;
	if (st)
		return st;
	if (!(d->libs & HMR_DEVICE_BLAS))
		return hmr_fail(e, HMR_E_DEVICE, "cuBLASLt is not loaded");
	if (desc->in == HMR_DEVICE_I8 && hmr_fake()->no_int8)
		return HMR_EOF;
	*out = fake_object(sizeof(**out));
	(*out)->desc = *desc;
	(*out)->workspace = desc->workspace / 2;
	return HMR_OK;
}

static const char *
gemm_impl(const struct hmr_gemm *g)
{
	(void)g;
	return "cublaslt";
}

static size_t
gemm_workspace(const struct hmr_gemm *g)
{
	return g->workspace;
}

static void
gemm_free(struct hmr_gemm *g)
{
	fake_free(g);
}

static enum hmr_status
conv_new(struct hmr_device *d, const struct hmr_conv_desc *desc, struct hmr_conv **out,
	 struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudnnBackendFinalize", e);

	*out = NULL;
	if (st)
		return st;
	if (!(d->libs & HMR_DEVICE_DNN))
		return HMR_EOF;
	*out = fake_object(sizeof(**out));
	(*out)->desc = *desc;
	(*out)->workspace = desc->workspace / 2;
	return HMR_OK;
}

static const char *
conv_impl(const struct hmr_conv *c)
{
	(void)c;
	return "cudnn";
}

static size_t
conv_workspace(const struct hmr_conv *c)
{
	return c->workspace;
}

static void
conv_free(struct hmr_conv *c)
{
	fake_free(c);
}

const struct hmr_device_api *
hmr_device_api(void)
{
	static const struct hmr_device_api api = {
		.name = "fake", .count = count, .open = dev_open, .close = dev_close,
		.info = info, .has = has, .alloc = alloc, .release = release,
		.alloc_host = alloc_host, .release_host = release_host,
		.queue_new = fake_queue_new, .queue_free = fake_queue_free,
		.sync = fake_sync, .copy_in = fake_copy_in, .copy_out = fake_copy_out,
		.copy = fake_copy, .fill = fake_fill, .event_new = fake_event_new,
		.event_free = fake_event_free, .event_record = fake_event_record,
		.event_wait = fake_event_wait, .event_sync = fake_event_sync,
		.event_ms = fake_event_ms, .record_begin = fake_record_begin,
		.record_end = fake_record_end, .replay = fake_replay,
		.replay_free = fake_replay_free, .kernel = kernel, .launch = fake_launch,
		.gemm_new = gemm_new, .gemm_impl = gemm_impl,
		.gemm_workspace = gemm_workspace, .gemm_run = fake_gemm_run,
		.gemm_free = gemm_free, .conv_new = conv_new, .conv_impl = conv_impl,
		.conv_workspace = conv_workspace, .conv_run = fake_conv_run,
		.conv_free = conv_free,
	};

	return &api;
}

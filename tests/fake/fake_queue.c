/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of the fake device. What is put on one waits until somebody waits for it, so
 * a buffer that is used too early or changed too soon shows; every second time that
 * somebody waits, the other queues are as far as their events let them, and after an
 * event its own queue too, so what runs ahead shows as well. A recording knows what
 * each of its queues has waited for, so that one that is not waited for when it ends
 * fails it, as in CUDA. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake_impl.h"

#define QUEUES 16	/* of a device */

enum kind { COPY, FILL, LAUNCH, GEMM, CONV, RECORD, WAIT };

struct op {
	enum kind kind;
	void *to;
	const void *from;
	size_t bytes;
	int host;		/* of a copy: < 0 from the host, > 0 to it */
	int byte;
	const struct hmr_kernel *k;
	uint32_t grid[3], block;
	size_t shared;
	uint8_t args[FAKE_ARGS_MAX];
	const struct hmr_gemm *g;
	struct hmr_gemm_io gio;
	const struct hmr_conv *c;
	struct hmr_conv_io cio;
	struct hmr_event *v;
	uint64_t ticket;
	struct hmr_queue *on;	/* of a recording: NULL is the one that it is replayed on */
};

struct ops {
	struct op *op;
	size_t n, cap, at;	/* at: the next to run */
};

struct hmr_queue {
	struct hmr_device *d;
	struct hmr_queue *next;		/* of the device's */
	struct ops ops;
	struct hmr_replay *into;	/* recorded into, or NULL */
	bool own;			/* it began that recording */
	uint32_t index;			/* of the device's */
	uint32_t known[QUEUES];		/* of this recording: how much of each queue's
					 * work comes before what is put here next */
};

struct hmr_event {
	struct hmr_device *d;
	struct hmr_queue *q;		/* last recorded on */
	struct hmr_replay *in;		/* or within this recording */
	uint32_t known[QUEUES];		/* where it was recorded */
	bool timing;
	uint64_t recorded, done;
	struct timespec time;
};

struct hmr_replay {
	struct ops ops;
};

/* What q is recorded into; a queue that joined leaves when the recording ends. */
static struct hmr_replay *
recording(const struct hmr_queue *q)
{
	return q->into && q->into == q->d->recording ? q->into : NULL;
}

static struct op *
add(struct ops *o, struct op op)
{
	if (o->n == o->cap) {
		o->cap = o->cap ? 2 * o->cap : 64;
		if (!(o->op = realloc(o->op, o->cap * sizeof(*o->op))))
			abort();
	}
	o->op[o->n] = op;
	return &o->op[o->n++];
}

static struct op *
push(struct hmr_queue *q, enum kind kind)
{
	q->known[q->index] += kind != RECORD;
	return add(recording(q) ? &q->into->ops : &q->ops,
		   (struct op){ .kind = kind, .on = q->own ? NULL : q });
}

static void run_one(struct hmr_queue *q);

static void
run(const struct op *o)
{
	struct hmr_fake *f = hmr_fake();

	switch (o->kind) {
	case COPY:
		memmove(o->to, o->from, o->bytes);
		f->up += o->host < 0 ? o->bytes : 0;
		f->down += o->host > 0 ? o->bytes : 0;
		break;
	case FILL: memset(o->to, o->byte, o->bytes); break;
	case LAUNCH:
		f->launches++;
		if (!fake_grid(o->k, o->grid, o->block, o->shared, o->args))
			fake_wrong("threads of a block parted");
		break;
	case GEMM: f->gemms++; fake_gemm(&o->g->desc, &o->gio); break;
	case CONV: f->convs++; fake_conv(&o->c->desc, &o->cio); break;
	case RECORD:
		o->v->done = o->ticket;
		clock_gettime(CLOCK_MONOTONIC, &o->v->time);
		break;
	case WAIT:
		while (o->v->done < o->ticket && o->v->q)
			run_one(o->v->q);
		break;
	}
}

static void
run_one(struct hmr_queue *q)
{
	struct op o;

	if (q->ops.at == q->ops.n)
		abort();	/* waits for what nobody does */
	o = q->ops.op[q->ops.at++];
	if (q->ops.at == q->ops.n)
		q->ops.at = q->ops.n = 0;
	run(&o);
}

/* All queues but one, up to where they wait for what is not done. */
static void
run_ahead(const struct hmr_device *d, const struct hmr_queue *but)
{
	for (struct hmr_queue *o = d->queues; o; o = o->next)
		while (o != but && o->ops.at < o->ops.n) {
			const struct op *op = &o->ops.op[o->ops.at];

			if (op->kind == WAIT && op->v->done < op->ticket)
				break;
			run_one(o);
		}
}

/* Whether [p, p + n) lies in one allocation of that kind. */
static bool
inside(const struct hmr_device *d, const void *p, size_t n, bool host)
{
	for (const struct fake_memory *m = d->memory; m; m = m->next)
		if (m->host == host && (const uint8_t *)p >= m->at &&
		    (const uint8_t *)p + n <= m->at + m->bytes)
			return true;
	return false;
}

static uint32_t
free_index(const struct hmr_device *d)
{
	for (uint32_t i = 0; i < QUEUES; i++) {
		const struct hmr_queue *q = d->queues;

		while (q && q->index != i)
			q = q->next;
		if (!q)
			return i;
	}
	abort();
}

enum hmr_status
fake_queue_new(struct hmr_device *d, struct hmr_queue **out, struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaStreamCreateWithFlags", e);

	*out = NULL;
	if (st)
		return st;
	*out = fake_object(sizeof(**out));
	(*out)->d = d;
	(*out)->index = free_index(d);
	(*out)->next = d->queues;
	d->queues = *out;
	return HMR_OK;
}

void
fake_queue_free(struct hmr_queue *q)
{
	struct hmr_queue **at;

	if (!q)
		return;
	for (at = &q->d->queues; *at != q; at = &(*at)->next)
		;
	*at = q->next;
	free(q->ops.op);
	fake_free(q);
}

enum hmr_status
fake_sync(struct hmr_queue *q, struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaStreamSynchronize", e);

	if (st)
		return st;
	if (recording(q))
		fake_wrong("waited while recording");
	q->d->ahead = !q->d->ahead;
	while (q->ops.at < q->ops.n) {
		if (q->d->ahead)
			run_ahead(q->d, q);
		run_one(q);
	}
	return HMR_OK;
}

static enum hmr_status
copy(struct hmr_queue *q, void *to, const void *from, size_t bytes, bool host_to,
     bool host_from, struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaMemcpyAsync", e);
	struct op *o;

	if (st)
		return st;
	if (!inside(q->d, to, bytes, host_to) || !inside(q->d, from, bytes, host_from))
		fake_wrong("a copy outside pinned or device memory");
	o = push(q, COPY);
	o->host = host_to - host_from;
	o->to = to;
	o->from = from;
	o->bytes = bytes;
	return HMR_OK;
}

enum hmr_status
fake_copy_in(struct hmr_queue *q, void *device, const void *host, size_t bytes,
	     struct hmr_err *e)
{
	return copy(q, device, host, bytes, false, true, e);
}

enum hmr_status
fake_copy_out(struct hmr_queue *q, void *host, const void *device, size_t bytes,
	      struct hmr_err *e)
{
	return copy(q, host, device, bytes, true, false, e);
}

enum hmr_status
fake_copy(struct hmr_queue *q, void *to, const void *from, size_t bytes,
	  struct hmr_err *e)
{
	return copy(q, to, from, bytes, false, false, e);
}

enum hmr_status
fake_fill(struct hmr_queue *q, void *device, int byte, size_t bytes, struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaMemsetAsync", e);
	struct op *o;

	if (st)
		return st;
	if (!inside(q->d, device, bytes, false))
		fake_wrong("a fill outside device memory");
	o = push(q, FILL);
	o->to = device;
	o->byte = byte;
	o->bytes = bytes;
	return HMR_OK;
}

enum hmr_status
fake_event_new(struct hmr_device *d, bool timing, struct hmr_event **out,
	       struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaEventCreateWithFlags", e);

	*out = NULL;
	if (st)
		return st;
	*out = fake_object(sizeof(**out));
	(*out)->d = d;
	(*out)->timing = timing;
	return HMR_OK;
}

void
fake_event_free(struct hmr_event *v)
{
	fake_free(v);
}

enum hmr_status
fake_event_record(struct hmr_queue *q, struct hmr_event *v, struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaEventRecord", e);
	struct op *o;

	if (st)
		return st;
	v->in = recording(q);
	o = push(q, RECORD);
	o->v = v;
	memcpy(v->known, q->known, sizeof(v->known));
	if (v->in)	/* its ticket is that of a replay */
		return HMR_OK;
	v->q = q;
	o->ticket = ++v->recorded;
	return HMR_OK;
}

enum hmr_status
fake_event_wait(struct hmr_queue *q, struct hmr_event *v, struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaStreamWaitEvent", e);
	struct op *o;

	if (st)
		return st;
	if (v->in && v->in == q->d->recording)	/* q joins the recording */
		q->into = v->in;
	else if (recording(q))
		fake_wrong("a recording waits for what is outside of it");
	o = push(q, WAIT);
	o->v = v;
	o->ticket = v->recorded;
	for (int i = 0; recording(q) && i < QUEUES; i++)
		if (q->known[i] < v->known[i])
			q->known[i] = v->known[i];
	return HMR_OK;
}

enum hmr_status
fake_event_sync(struct hmr_event *v, struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaEventSynchronize", e);

	if (st)
		return st;
	while (v->done < v->recorded)
		run_one(v->q);
	v->d->ahead = !v->d->ahead;
	if (v->d->ahead)
		run_ahead(v->d, NULL);
	return HMR_OK;
}

enum hmr_status
fake_event_ms(struct hmr_event *from, struct hmr_event *to, float *ms, struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaEventElapsedTime", e);

	if (st)
		return st;
	if (!from->timing || !to->timing || !from->done || !to->done)
		fake_wrong("time between events that have none");
	*ms = (float)(to->time.tv_sec - from->time.tv_sec) * 1e3f +
		(float)(to->time.tv_nsec - from->time.tv_nsec) * 1e-6f;
	return HMR_OK;
}

enum hmr_status
fake_record_begin(struct hmr_queue *q, struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaStreamBeginCapture", e);

	if (st)
		return st;
	if (q->d->recording)
		fake_wrong("two recordings at once");
	q->into = q->d->recording = fake_object(sizeof(*q->into));
	q->own = true;
	for (struct hmr_queue *o = q->d->queues; o; o = o->next)
		memset(o->known, 0, sizeof(o->known));
	return HMR_OK;
}

enum hmr_status
fake_record_end(struct hmr_queue *q, struct hmr_replay **out, struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaStreamEndCapture", e);
	struct hmr_replay *r = recording(q);

	*out = NULL;
	if (!r || !q->own)
		fake_wrong("the end of no recording");
	for (struct hmr_queue *o = q->d->queues; o; o = o->next)
		if (!st && recording(o) && q->known[o->index] < o->known[o->index])
			st = hmr_fail(e, HMR_E_DEVICE, "cudaStreamEndCapture: capturing "
				      "stream has unjoined work "
				      "(cudaErrorStreamCaptureUnjoined)");
	q->d->recording = NULL;
	for (struct hmr_queue *o = q->d->queues; o; o = o->next)
		o->into = NULL;
	q->own = false;
	if (st) {
		fake_replay_free(r);
		return st;
	}
	*out = r;
	return HMR_OK;
}

enum hmr_status
fake_replay(struct hmr_queue *q, struct hmr_replay *r, struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudaGraphLaunch", e);

	if (st)
		return st;
	if (recording(q))
		fake_wrong("a replay while recording");
	for (size_t i = 0; i < r->ops.n; i++) {
		struct op o = r->ops.op[i];
		struct hmr_queue *on = o.on ? o.on : q;

		if (o.kind == RECORD) {
			o.v->q = on;
			o.ticket = ++o.v->recorded;
		} else if (o.kind == WAIT) {
			o.ticket = o.v->recorded;
		}
		add(&on->ops, o);
	}
	return HMR_OK;
}

void
fake_replay_free(struct hmr_replay *r)
{
	if (r)
		free(r->ops.op);
	fake_free(r);
}

enum hmr_status
fake_launch(struct hmr_queue *q, const struct hmr_kernel *k, const uint32_t grid[3],
	    uint32_t block, size_t shared, const void *args, size_t args_bytes,
	    struct hmr_err *e)
{
	enum hmr_status st = fake_call(k->name, e);
	struct op *o;

	if (st)
		return st;
	if (args_bytes != k->args_bytes || args_bytes > FAKE_ARGS_MAX)
		fake_wrong("arguments of another kernel");
	if (!block || block > 1024 || !grid[0] || !grid[1] || !grid[2] ||
	    grid[1] > 65535 || grid[2] > 65535 || shared > q->d->info.shared)
		fake_wrong("a grid that no device has");
	o = push(q, LAUNCH);
	o->k = k;
	memcpy(o->grid, grid, sizeof(o->grid));
	o->block = block;
	o->shared = shared;
	memcpy(o->args, args, args_bytes < FAKE_ARGS_MAX ? args_bytes : FAKE_ARGS_MAX);
	return HMR_OK;
}

static void
aligned(const void *p)
{
	if ((uintptr_t)p % 16)
		fake_wrong("an address that is no multiple of 16");
}

enum hmr_status
fake_gemm_run(struct hmr_queue *q, const struct hmr_gemm *g, const struct hmr_gemm_io *io,
	      struct hmr_err *e)
{
	enum hmr_status st = fake_call("cublasLtMatmul", e);
	struct op *o;

	if (st)
		return st;
	aligned(io->a);
	aligned(io->b);
	aligned(io->d);
	if ((g->desc.bias && !io->bias) || (g->desc.add && !io->c) ||
	    (g->workspace && !inside(q->d, io->workspace, g->workspace, false)))
		fake_wrong("a product without what it was described with");
	o = push(q, GEMM);
	o->g = g;
	o->gio = *io;
	return HMR_OK;
}

enum hmr_status
fake_conv_run(struct hmr_queue *q, const struct hmr_conv *c, const struct hmr_conv_io *io,
	      struct hmr_err *e)
{
	enum hmr_status st = fake_call("cudnnBackendExecute", e);
	struct op *o;

	if (st)
		return st;
	aligned(io->x);
	aligned(io->w);
	aligned(io->y);
	if (c->workspace && !inside(q->d, io->workspace, c->workspace, false))
		fake_wrong("a convolution without its workspace");
	o = push(q, CONV);
	o->c = c;
	o->cio = *io;
	return HMR_OK;
}

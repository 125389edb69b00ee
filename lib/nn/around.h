/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work on a device right before and after a network, of one piece with its run: the
 * first input is made there out of a small job, and a small result out of its
 * outputs, so that jobs and results are all that is copied. What a job and a result
 * are is the caller's. On cuda; other backends leave it out, see hmr_net_around().
 */
#ifndef HMR_AROUND_H
#define HMR_AROUND_H

#include "cuda/device.h"
#include "nn/nn.h"

struct hmr_around_site {	/* where; device memory */
	const struct hmr_device_api *api;
	struct hmr_device *device;
	struct hmr_queue *queue;
	uint32_t batch;
	const void *job;	/* [batch] */
	void *work, *result;	/* [batch] */
	void *input;		/* in type, of the model's layout */
	enum hmr_device_type type;
	/* For hmr_around_output(). */
	struct hmr_exec *exec;
	uint32_t plan;
};
/* An output's float32 numbers on the device; NULL: none of that name is kept. */
const float *hmr_around_output(const struct hmr_around_site *s, const char *name);

struct hmr_net_around {
	struct hmr_device *device;	/* the caller's, with both libraries open; the */
	struct hmr_queue *queue;	/* network runs on this. NULL with plan_only */
	size_t job, work, result;	/* bytes for each image of a batch; multiples of 8 */
	/* Results that may wait to be read at once, each of a run with a job of its own:
	 * 1 to HMR_AROUND_SLOTS. */
	uint32_t slots;
	/* Put launches on the queue; also called while it is recorded. Jobs are all zero
	 * when the network is made. */
	enum hmr_status (*before)(void *ctx, const struct hmr_around_site *s,
				  struct hmr_err *e);
	enum hmr_status (*after)(void *ctx, const struct hmr_around_site *s,
				 struct hmr_err *e);
	void *ctx;
};
#define HMR_AROUND_SLOTS 2u

/* Whether the network runs with what its options say is around it. Then it has no
 * inputs and outputs in host memory. */
bool hmr_net_around(const struct hmr_net *n);
/* A slot's jobs and results, [batch]: written before hmr_net_put() and left alone
 * until the queue is past it, read after that. */
void *hmr_net_job(struct hmr_net *n, uint32_t slot);
const void *hmr_net_result(const struct hmr_net *n, uint32_t slot);
/* Puts a run of a planned batch size on the queue and returns. hmr_net_run() does it
 * in slot 0 and waits. */
HMR_MUST_USE enum hmr_status
hmr_net_put(struct hmr_net *n, uint32_t batch, uint32_t slot, struct hmr_err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a stage does on the device before and after a network's run; around.h. */
#include <string.h>

#include "nn/around.h"
#include "nn/cuda.h"

static struct hmr_around_site
site(struct hmr_exec *x, uint32_t p)
{
	return (struct hmr_around_site){ .api = x->api, .device = x->device,
		.queue = x->queue, .batch = cuda_batch(x, p), .job = x->memory + x->at_job,
		.work = x->memory + x->at_work, .result = x->memory + x->at_result,
		.input = x->memory + x->at_in[0], .type = x->type, .exec = x, .plan = p };
}

enum hmr_status
cuda_around_before(struct hmr_exec *x, uint32_t p, uint32_t slot, struct hmr_err *e)
{
	const struct hmr_net_around *a = x->job->around;
	struct hmr_around_site s = site(x, p);
	enum hmr_status st = x->api->copy_in(x->queue, x->memory + x->at_job,
					     x->staging + x->host_job[slot],
					     s.batch * a->job, e);

	return st ? st : a->before(a->ctx, &s, e);
}

enum hmr_status
cuda_around_after(struct hmr_exec *x, uint32_t p, uint32_t slot, struct hmr_err *e)
{
	const struct hmr_net_around *a = x->job->around;
	struct hmr_around_site s = site(x, p);
	enum hmr_status st;

	if ((st = a->after(a->ctx, &s, e)) || !a->result)
		return st;
	return x->api->copy_out(x->queue, x->staging + x->host_result[slot], s.result,
				s.batch * a->result, e);
}

const float *
hmr_around_output(const struct hmr_around_site *s, const char *name)
{
	const struct hmr_job *j = s->exec->job;

	for (uint32_t i = 0; i < j->graph->n_outputs; i++)
		if (j->keep[i] && !strcmp(j->graph->output[i].name, name))
			return cuda_output_at(s->exec, s->plan, i);
	return NULL;
}

void *
cuda_around_job(struct hmr_exec *x, uint32_t slot)
{
	return x->staging + x->host_job[slot];
}

const void *
cuda_around_result(const struct hmr_exec *x, uint32_t slot)
{
	return x->staging + x->host_result[slot];
}

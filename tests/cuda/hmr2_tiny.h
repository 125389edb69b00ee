/* SPDX-License-Identifier: Apache-2.0 */
/* Networks on a device, made of the tiny HMR2 of the oracle, and their inputs. */
#ifndef HMR2_TINY_H
#define HMR2_TINY_H

#include "../hmr2_oracle.h"

#include "hmr2/hmr2_cuda.h"

static struct hmr2_weights weights;
static float crops[N * HMR_HMR2_PIXELS];

static inline const float *
expected(const char *name)
{
	return reference("plain", name);
}

static int
setup(void **state)
{
	struct hmr_hmr2_import o = { .heads = 4, .head_heads = 4 };
	struct hmr_err e = { 0 };
	const float *x;

	(void)state;
	oracle_open();
	o.checkpoint = oracle("tiny.ckpt");
	if (hmr_hmr2_import(&o, model("tiny"), NULL, &e) ||
	    hmr2_weights_open(&weights, model("tiny"), &e))
		fail_msg("%s", e.msg);
	x = expected("crop");
	for (size_t r = 0; r < N * 3 * 256; r++)
		memcpy(crops + r * 192, x + r * 256 + 32, 192 * sizeof(float));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	hmr2_weights_close(&weights);
	return oracle_close();
}

static inline struct hmr2_cuda *
network_of(const struct hmr2_weights *w, const struct hmr2_cuda_options *o)
{
	struct hmr2_cuda *c;
	struct hmr_err e = { 0 };

	if (hmr2_cuda_new(&c, w, o, &e))
		fail_msg("%s", e.msg);
	return c;
}

static inline struct hmr2_cuda *
network(const struct hmr2_cuda_options *o)
{
	return network_of(&weights, o);
}

static void
run(struct hmr2_cuda *c, const float *x, uint32_t n, struct hmr_hmr2_result *r)
{
	struct hmr_err e = { 0 };

	if (hmr2_cuda_run(c, x, n, r, &e))
		fail_msg("%s", e.msg);
}

static inline void
points(const struct hmr_hmr2_result *r, float (*out)[3])
{
	hmr_body_pose(body, work, (const float (*)[9])r->pose, r->shape, NULL, NULL, out,
		      NULL);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The tiny HMR2 of the oracle ($HMR_SHARED/oracle/hmr2-tiny), imported, its inputs
 * and the reference's results, and networks on a device made of it. */
#ifndef HMR2_TINY_H
#define HMR2_TINY_H

#define _DEFAULT_SOURCE		/* mkdtemp */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "body/smpl_body.h"
#include "hmr2/hmr2_cuda.h"
#include "import/smpl.h"

#define N 4

static char dir[] = "/tmp/test-hmr2-gpu-XXXXXX";
static struct hmr_safetensors *want;
static struct hmr_body *body;
static struct hmr_pose_work *work;
static struct hmr2_weights weights;
static float crops[N * HMR_HMR2_PIXELS];

static char *
oracle(const char *name)
{
	static char path[4096];
	const char *shared = getenv("HMR_SHARED");

	snprintf(path, sizeof(path), "%s/oracle/hmr2-tiny/%s",
		 shared ? shared : "../shared", name);
	return path;
}

static char *
model(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s.safetensors", dir, name);
	return path;
}

static inline const float *
expected(const char *name)
{
	const struct hmr_st_tensor *t;
	char full[64];

	snprintf(full, sizeof(full), "plain.%s", name);
	t = hmr_safetensors_find(want, full);
	assert_non_null(t);
	return t->data;
}

static inline float
worst(const float *a, const float *b, size_t n)
{
	float w = 0;

	for (size_t i = 0; i < n; i++)
		w = fmaxf(w, fabsf(a[i] - b[i]));
	return w;
}

static int
setup(void **state)
{
	struct hmr_hmr2_import o = { .heads = 4, .head_heads = 4 };
	struct hmr_err e = { 0 };
	struct hmr_smpl s;
	char smpl[4096], joints[4096];
	const float *x;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(smpl, sizeof(smpl), "%s", oracle("smpl_chumpy_p2.pkl.gz"));
	snprintf(joints, sizeof(joints), "%s", oracle("SMPL_to_J19.pkl.gz"));
	o.checkpoint = oracle("tiny.ckpt");
	if (hmr_hmr2_import(&o, model("tiny"), NULL, &e) ||
	    hmr2_weights_open(&weights, model("tiny"), &e) ||
	    hmr_smpl_read(&s, smpl, joints, &e) ||
	    hmr_body_write_smpl(&s, "smpl", model("smpl"), &e) ||
	    hmr_body_open(&body, model("smpl"), &e) ||
	    hmr_safetensors_open(&want, oracle("expected.safetensors"), &e))
		fail_msg("%s", e.msg);
	hmr_smpl_release(&s);
	assert_non_null(work = hmr_pose_work_new(body));
	x = expected("crop");
	for (size_t r = 0; r < N * 3 * 256; r++)
		memcpy(crops + r * 192, x + r * 256 + 32, 192 * sizeof(float));
	return 0;
}

static int
teardown(void **state)
{
	char cmd[300];

	(void)state;
	hmr2_weights_close(&weights);
	hmr_safetensors_close(want);
	hmr_pose_work_free(work);
	hmr_body_free(body);
	snprintf(cmd, sizeof(cmd), "rm -r '%s'", dir);
	return system(cmd);
}

static struct hmr2_cuda *
network(const struct hmr2_cuda_options *o)
{
	struct hmr2_cuda *c;
	struct hmr_err e = { 0 };

	if (hmr2_cuda_new(&c, &weights, o, &e))
		fail_msg("%s", e.msg);
	return c;
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

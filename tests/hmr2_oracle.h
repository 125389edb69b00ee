/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tiny HMR2 of the oracle ($HMR_SHARED/oracle/hmr2-tiny): where its files are, the
 * reference's results, its body, and a folder for what is made of them.
 */
#ifndef HMR2_ORACLE_H
#define HMR2_ORACLE_H

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
#include "import/safetensors.h"
#include "import/smpl.h"

#define N 4		/* people of the reference */

static char dir[] = "/tmp/test-hmr2-XXXXXX";
static struct hmr_safetensors *want;
static struct hmr_body *body;
static struct hmr_pose_work *work;

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

/* One of the reference's results; kind: plain, bf16 ... */
static inline const float *
reference(const char *kind, const char *name)
{
	const struct hmr_st_tensor *t;
	char full[64];

	snprintf(full, sizeof(full), "%s.%s", kind, name);
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

/* Makes the folder, opens the results and the body. */
static void
oracle_open(void)
{
	struct hmr_smpl s;
	struct hmr_err e = { 0 };
	char smpl[4096], joints[4096];

	assert_non_null(mkdtemp(dir));
	snprintf(smpl, sizeof(smpl), "%s", oracle("smpl_chumpy_p2.pkl.gz"));
	snprintf(joints, sizeof(joints), "%s", oracle("SMPL_to_J19.pkl.gz"));
	if (hmr_safetensors_open(&want, oracle("expected.safetensors"), &e) ||
	    hmr_smpl_read(&s, smpl, joints, &e) ||
	    hmr_body_write_smpl(&s, "smpl", model("smpl"), &e) ||
	    hmr_body_open(&body, model("smpl"), &e))
		fail_msg("%s", e.msg);
	hmr_smpl_release(&s);
	assert_non_null(work = hmr_pose_work_new(body));
}

static int
oracle_close(void)
{
	char cmd[300];

	hmr_safetensors_close(want);
	hmr_pose_work_free(work);
	hmr_body_free(body);
	snprintf(cmd, sizeof(cmd), "rm -r '%s'", dir);
	return system(cmd);
}

#endif

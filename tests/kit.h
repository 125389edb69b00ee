/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graphs made node by node in a test, written and opened as models: what the tests of
 * the backends share (unit/nn_kit.h, cuda/ops.h).
 */
#ifndef HMR_TEST_KIT_H
#define HMR_TEST_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "import/build.h"
#include "nn/backend.h"

struct kit {
	struct hmr_build b;
	uint32_t in, last;
	uint32_t seed;
};

static inline float
kit_next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (float)(*seed >> 8) / 8388608.0f - 1;
}

static inline void
kit_start(struct kit *k, struct hmr_dims d)
{
	uint32_t any[HMR_DIMS_MAX] = { 1, 1, 1, 1, 1, 1 };

	k->seed = 1;
	assert_int_equal(hmr_build_init(&k->b, NULL), 0);
	assert_int_equal(hmr_build_input(&k->b, "x", &d, any, &k->in, NULL), 0);
	k->last = k->in;
}

/* v NULL: random, between -scale and scale. */
static inline uint32_t
kit_const(struct kit *k, struct hmr_dims d, const float *v, float scale)
{
	size_t n = hmr_dims_total(&d);
	float *p = malloc((n + 1) * sizeof(*p));
	uint32_t value;

	for (size_t i = 0; i < n; i++)
		p[i] = v ? v[i] : kit_next(&k->seed) * scale;
	assert_int_equal(hmr_build_const(&k->b, "c", HMR_DTYPE_F32, &d, p, &value, NULL), 0);
	return value;	/* the builder owns p */
}

static inline uint32_t
kit_node(struct kit *k, struct hmr_node n, uint32_t n_in, const uint32_t *in)
{
	uint32_t out[HMR_NODE_LIST_MAX];
	struct hmr_err e = { 0 };

	n.in = in;
	n.n_in = n_in;
	n.n_out = n.n_out ? n.n_out : 1;
	n.group = n.group ? n.group : 1;
	if (hmr_build_node(&k->b, hmr_op_name(n.op), &n, out, &e))
		fail_msg("%s", e.msg);
	return k->last = out[0];
}

static inline struct hmr_model *
kit_model(struct kit *k)
{
	struct hmr_build_about a = { "test", "network", NULL, NULL };
	struct hmr_model *m;
	struct hmr_err e = { 0 };
	char path[64];

	assert_int_equal(hmr_build_output(&k->b, "y", k->last, NULL), 0);
	hmr_build_simplify(&k->b);
	snprintf(path, sizeof(path), "/tmp/hmr-test-kit.%ld", (long)getpid());
	assert_int_equal(hmr_build_write(&k->b, path, &a, NULL), 0);
	if (hmr_model_open(&m, path, &e))
		fail_msg("%s", e.msg);
	unlink(path);
	hmr_build_release(&k->b);
	return m;
}

/* sqrt of the summed squares of the difference over those of a. */
static inline double
kit_error(const float *a, const float *b, size_t n)
{
	double err = 0, power = 1e-30;

	for (size_t i = 0; i < n; i++) {
		err += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
		power += (double)a[i] * (double)a[i];
	}
	return sqrt(err / power);
}

#endif

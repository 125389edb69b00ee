/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graphs made node by node in a test, written, opened and run on one backend or on
 * two to compare them: what test_nn_ops.c and test_nn_forms.c share. Include it
 * after cmocka.h.
 */
#ifndef HMR_NN_KIT_H
#define HMR_NN_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "import/build.h"
#include "nn/backend.h"

static uint32_t seed = 1;

static float
next(void)
{
	seed = seed * 1664525u + 1013904223u;
	return (float)(seed >> 8) / 8388608.0f - 1;
}

struct kit {
	struct hmr_build b;
	uint32_t in, last;
	char path[64];
};

static void
kit_start(struct kit *k, uint32_t rank, int64_t n, int64_t h, int64_t w, int64_t c)
{
	struct hmr_dims d = { rank, { n, h, w, c } };
	uint32_t any[HMR_DIMS_MAX] = { 1, 1, 1, 1, 1, 1 };

	assert_int_equal(hmr_build_init(&k->b, NULL), 0);
	assert_int_equal(hmr_build_input(&k->b, "x", &d, any, &k->in, NULL), 0);
	k->last = k->in;
}

static uint32_t
constant(struct kit *k, uint32_t rank, int64_t a, int64_t b, int64_t c, int64_t d,
	 const float *v)
{
	struct hmr_dims dims = { rank, { a, b, c, d } };
	size_t n = hmr_dims_total(&dims);
	float *p = malloc(n * sizeof(*p));
	uint32_t value;

	for (size_t i = 0; i < n; i++)
		p[i] = v ? v[i] : next() * .3f;
	assert_int_equal(hmr_build_const(&k->b, "c", HMR_DTYPE_F32, &dims, p, &value, NULL), 0);
	return value;
}

static uint32_t
node(struct kit *k, struct hmr_node n, uint32_t n_in, const uint32_t *in)
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

static struct hmr_model *
kit_model(struct kit *k)
{
	struct hmr_build_about a = { "test", "network", NULL, NULL };
	struct hmr_model *m;
	struct hmr_err e = { 0 };

	assert_int_equal(hmr_build_output(&k->b, "y", k->last, NULL), 0);
	hmr_build_simplify(&k->b);
	snprintf(k->path, sizeof(k->path), "/tmp/hmr-test-ops.%ld", (long)getpid());
	assert_int_equal(hmr_build_write(&k->b, k->path, &a, NULL), 0);
	if (hmr_model_open(&m, k->path, &e))
		fail_msg("%s", e.msg);
	unlink(k->path);
	hmr_build_release(&k->b);
	return m;
}

static struct hmr_net *
open_net(const struct hmr_model *m, const char *device, unsigned threads, uint32_t batch)
{
	struct hmr_net_options o = { .device = device, .threads = threads,
		.input = { hmr_model_graph(m)->input[0].dims.n, { batch } } };
	struct hmr_net *n;
	struct hmr_err e = { 0 };

	if (hmr_net_new(&n, m, &o, &e))
		fail_msg("%s: %s", device, e.msg);
	return n;
}

/* Output of a run on a repeatable input; *count its size. The caller frees. */
static float *
run(const struct hmr_model *m, const char *device, unsigned threads,
    uint32_t batch, const float *x, size_t *count)
{
	struct hmr_net *n = open_net(m, device, threads, batch);
	struct hmr_dims d;
	float *in = hmr_net_input(n, "x", &d), *copy;
	size_t total = hmr_dims_total(&d);
	const float *y;

	seed = 77;
	for (size_t i = 0; i < total; i++)
		in[i] = x ? x[i] : next() * 2;
	assert_int_equal(hmr_net_run(n, 0, NULL), 0);
	assert_int_equal(hmr_net_run(n, 0, NULL), 0);	/* a run leaves its input */
	y = hmr_net_output(n, "y", &d);
	*count = hmr_dims_total(&d);
	copy = malloc(*count * sizeof(*copy));
	memcpy(copy, y, *count * sizeof(*copy));
	hmr_net_free(n);
	return copy;
}

/* cpu against ref by normalised mean squared error, batches and threads of 1 and more. */
static void
compare(const struct hmr_model *m, const char *what, double limit)
{
	for (uint32_t batch = 1; batch <= 3; batch += 2)
		for (unsigned threads = 1; threads <= 2; threads++) {
			size_t n, n2;
			float *a = run(m, "ref", 1, batch, NULL, &n);
			float *b = run(m, "cpu", threads, batch, NULL, &n2);
			double err = 0, power = 1e-30;

			assert_int_equal(n, n2);
			for (size_t i = 0; i < n; i++) {
				err += (double)(a[i] - b[i]) * (double)(a[i] - b[i]);
				power += (double)a[i] * (double)a[i];
			}
			if (!(err / power < limit))
				fail_msg("%s, batch %u, %u threads: error %g", what, batch,
					 threads, err / power);
			free(a);
			free(b);
		}
}

#endif

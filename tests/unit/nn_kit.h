/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running the models of kit.h on one backend, or on two to compare them: what
 * the tests of the cpu backend share.
 */
#ifndef HMR_NN_KIT_H
#define HMR_NN_KIT_H

#include "../kit.h"

static inline void
start(struct kit *k, uint32_t rank, int64_t n, int64_t h, int64_t w, int64_t c)
{
	kit_start(k, (struct hmr_dims){ rank, { n, h, w, c } });
}

/* v NULL: random. */
static inline uint32_t
constant(struct kit *k, uint32_t rank, int64_t a, int64_t b, int64_t c, int64_t d,
	 const float *v)
{
	return kit_const(k, (struct hmr_dims){ rank, { a, b, c, d } }, v, .3f);
}

static inline uint32_t
node(struct kit *k, struct hmr_node n, uint32_t n_in, const uint32_t *in)
{
	return kit_node(k, n, n_in, in);
}

/* A convolution of any kind, with random weights and bias. */
static inline uint32_t
conv(struct kit *k, uint32_t x, int64_t ci, int64_t co, int64_t kk, struct hmr_node n)
{
	int64_t g = n.group ? n.group : 1;
	uint32_t in[3] = { x, constant(k, 4, co, ci / g, kk, kk, NULL),
		constant(k, 1, co, 0, 0, 0, NULL) };

	n.op = n.op ? n.op : HMR_OP_CONV;
	n.stride[0] = n.stride[0] ? n.stride[0] : 1;
	n.stride[1] = n.stride[1] ? n.stride[1] : n.stride[0];
	return node(k, n, 3, in);
}

static inline struct hmr_net *
open_as(const struct hmr_model *m, const char *device, enum hmr_precision precision,
	unsigned threads, uint32_t batch)
{
	struct hmr_net_options o = { .device = device, .precision = precision,
		.threads = threads,
		.input = { hmr_model_graph(m)->input[0].dims.n, { batch } } };
	struct hmr_net *n;
	struct hmr_err e = { 0 };

	if (hmr_net_new(&n, m, &o, &e))
		fail_msg("%s: %s", device, e.msg);
	return n;
}

static inline struct hmr_net *
open_net(const struct hmr_model *m, const char *device, unsigned threads, uint32_t batch)
{
	return open_as(m, device, HMR_PRECISION_AUTO, threads, batch);
}

/* Output of a run of n, which is freed, on x or a repeatable input; *count its size.
 * The caller frees. */
static inline float *
run_net(struct hmr_net *n, const float *x, size_t *count)
{
	struct hmr_dims d;
	float *in = hmr_net_input(n, "x", &d), *copy;
	size_t total = hmr_dims_total(&d);
	uint32_t seed = 77;
	const float *y;

	for (size_t i = 0; i < total; i++)
		in[i] = x ? x[i] : kit_next(&seed) * 2;
	assert_int_equal(hmr_net_run(n, 0, NULL), 0);
	assert_int_equal(hmr_net_run(n, 0, NULL), 0);	/* a run leaves its input */
	y = hmr_net_output(n, "y", &d);
	*count = hmr_dims_total(&d);
	copy = malloc(*count * sizeof(*copy));
	memcpy(copy, y, *count * sizeof(*copy));
	hmr_net_free(n);
	return copy;
}

static inline float *
run(const struct hmr_model *m, const char *device, unsigned threads,
    uint32_t batch, const float *x, size_t *count)
{
	return run_net(open_net(m, device, threads, batch), x, count);
}

/* Every element of b within `part` of a's largest. */
static inline void
all_near(const float *a, const float *b, size_t n, double part, const char *what,
	 uint32_t batch, unsigned threads)
{
	double most = 0;

	for (size_t i = 0; i < n; i++)
		most = fmax(most, fabs((double)a[i]));
	for (size_t i = 0; i < n; i++)
		if (!(fabs((double)a[i] - (double)b[i]) <= part * most))
			fail_msg("%s, batch %u, %u threads: %zu of %zu is %g, not %g", what,
				 batch, threads, i, n, (double)b[i], (double)a[i]);
}

/* cpu against ref by normalised mean squared error, batches and threads of 1 and more. */
static inline void
compare(const struct hmr_model *m, const char *what, double limit)
{
	for (uint32_t batch = 1; batch <= 3; batch += 2)
		for (unsigned threads = 1; threads <= 2; threads++) {
			size_t n, n2;
			float *a = run(m, "ref", 1, batch, NULL, &n);
			float *b = run(m, "cpu", threads, batch, NULL, &n2);
			double err = kit_error(a, b, n);

			assert_int_equal(n, n2);
			if (!(err * err < limit))
				fail_msg("%s, batch %u, %u threads: error %g", what, batch,
					 threads, err * err);
			free(a);
			free(b);
		}
}

#endif

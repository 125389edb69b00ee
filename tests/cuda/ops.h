/* SPDX-License-Identifier: Apache-2.0 */
/* Running the models of kit.h on a device, the fake one or a real one. */
#ifndef HMR_TEST_OPS_H
#define HMR_TEST_OPS_H

#include "../kit.h"

/* Planned for batches of 1 and 3. */
static inline struct hmr_net *
kit_net(const struct hmr_model *m, const char *device, enum hmr_precision p)
{
	static const uint32_t batches[] = { 1, 3, 0 };
	struct hmr_net_options o = { .device = device, .precision = p, .threads = 1,
		.input = { hmr_model_graph(m)->input[0].dims.n, { 3 } }, .batches = batches };
	struct hmr_net *n;
	struct hmr_err e = { 0 };

	if (hmr_net_new(&n, m, &o, &e))
		fail_msg("%s: %s", device, e.msg);
	return n;
}

/* The output of a batch, a copy; of numbers between -2 and 2. */
static inline float *
kit_run(struct hmr_net *n, uint32_t batch, size_t *count)
{
	struct hmr_dims d;
	float *in = hmr_net_input(n, NULL, &d), *copy;
	struct hmr_err e = { 0 };
	uint32_t seed = 77;
	const float *y;

	for (size_t i = 0; i < hmr_dims_total(&d); i++)
		in[i] = kit_next(&seed) * 2;
	for (int i = 0; i < 2; i++)	/* a run leaves its input */
		if (hmr_net_run(n, batch, &e))
			fail_msg("%s", e.msg);
	y = hmr_net_output(n, "y", &d);
	*count = hmr_dims_total(&d);
	copy = malloc((*count + 1) * sizeof(*copy));
	memcpy(copy, y, *count * sizeof(*copy));
	return copy;
}

#endif

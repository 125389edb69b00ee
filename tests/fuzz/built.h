/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fuzz targets of importers do with a graph that was built: it is written,
 * opened and, where it is small, run on ref and on cpu, so that a graph that
 * passed the checks cannot break the loops.
 */
#ifndef HMR_FUZZ_BUILT_H
#define HMR_FUZZ_BUILT_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "import/build.h"
#include "nn/backend.h"

/* Work of one element of the result, roughly. */
static double
fuzz_work(const struct hmr_node *n, const struct hmr_dims *d)
{
	const struct hmr_dims *in = &d[n->in[0]];

	switch (n->op) {
	case HMR_OP_MAX_POOL: case HMR_OP_AVG_POOL:
		return (double)n->kernel[0] * n->kernel[1];
	case HMR_OP_CONV: case HMR_OP_CONV_TRANSPOSE:
		return (double)hmr_dims_total(&d[n->in[1]]) / (double)d[n->in[1]].d[0];
	case HMR_OP_MATMUL: return (double)in->d[in->n - 1];
	case HMR_OP_TOP_K: case HMR_OP_ARG_MAX: case HMR_OP_SPLIT: case HMR_OP_SLICE:
	case HMR_OP_REDUCE_MEAN: case HMR_OP_REDUCE_SUM:
	case HMR_OP_REDUCE_MAX: case HMR_OP_REDUCE_MIN:
		return (double)hmr_dims_total(in);
	default: return 1;
	}
}

static bool
fuzz_is_small(const struct hmr_model *m)
{
	const struct hmr_graph *g = hmr_model_graph(m);
	struct hmr_dims *d = calloc(g->n_values, sizeof(*d));
	double work = 0;

	if (d && !hmr_graph_shapes(g, NULL, NULL, d, NULL))
		for (uint32_t i = 0; i < g->n_nodes; i++)
			work += 1e2 + fuzz_work(&g->node[i], d) *
				(double)hmr_dims_total(&d[g->node[i].out[0]]);
	free(d);
	return d && work < 1e6;
}

static void
fuzz_run(const struct hmr_model *m, const char *device)
{
	struct hmr_net_options o = { .device = device, .threads = 1 };
	struct hmr_net *net;

	if (hmr_net_new(&net, m, &o, NULL))
		return;
	(void)!hmr_net_run(net, 0, NULL);
	hmr_net_free(net);
}

static void
fuzz_built(const struct hmr_build *b)
{
	struct hmr_build_about a = { "fuzz", "network", NULL, NULL };
	struct hmr_model *m;
	char path[64];

	snprintf(path, sizeof(path), "/tmp/hmr-fuzz-built.%ld", (long)getpid());
	if (hmr_build_write(b, path, &a, NULL))
		return;
	if (hmr_model_open(&m, path, NULL))
		abort();	/* what we write we must read */
	unlink(path);
	if (fuzz_is_small(m)) {
		fuzz_run(m, "ref");
		fuzz_run(m, "cpu");
	}
	hmr_model_close(m);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TensorFlow.js model: the input up to the first NUL byte is the JSON, the rest
 * its weight file; without a NUL, the weights are its member "hex", or count from 0
 * up, so that text alone is a seed (tests/golden/tfjs.py with "hex" added). What is imported is written, opened and, where it is small,
 * run on ref, so that a graph that passed the checks cannot break the loops.
 */
#define _GNU_SOURCE		/* memfd_create */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "import/import.h"
#include "nn/backend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Work of a run, roughly; huge graphs are legal but slow. */
static bool
is_small(const struct hmr_model *m)
{
	const struct hmr_graph *g = hmr_model_graph(m);
	struct hmr_dims *d = calloc(g->n_values, sizeof(*d));
	double work = 0;

	if (d && !hmr_graph_shapes(g, NULL, NULL, d, NULL))
		for (uint32_t i = 0; i < g->n_nodes; i++) {
			double w = g->node[i].op == HMR_OP_MAX_POOL ?
				   (double)g->node[i].kernel[0] * g->node[i].kernel[1] : 1;

			if (g->node[i].op == HMR_OP_CONV)
				w = (double)hmr_dims_total(&d[g->node[i].in[1]]);
			work += w * (double)hmr_dims_total(&d[g->node[i].out[0]]);
		}
	free(d);
	return d && work < 1e6;
}

static void
use(const struct hmr_build *b)
{
	struct hmr_build_about a = { "fuzz", "network", NULL, NULL };
	struct hmr_net_options o = { .device = "ref" };
	char path[64];
	struct hmr_model *m;
	struct hmr_net *net;

	snprintf(path, sizeof(path), "/tmp/hmr-fuzz-tfjs.%ld", (long)getpid());
	if (hmr_build_write(b, path, &a, NULL))
		return;
	if (hmr_model_open(&m, path, NULL))
		abort();	/* what we write we must read */
	unlink(path);
	if (is_small(m) && !hmr_net_new(&net, m, &o, NULL)) {
		(void)!hmr_net_run(net, 0, NULL);
		hmr_net_free(net);
	}
	hmr_model_close(m);
}

/* Weights for a manifest: elements 0 1 2 … 7 0 1 …, as many bytes as it says. */
static uint8_t *
invent(const cJSON *json, size_t *n)
{
	static uint8_t bin[1 << 16];
	const cJSON *group, *w, *d;
	const char *hex = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "hex"));
	unsigned byte;

	*n = 0;
	for (; hex && *n < sizeof(bin) && sscanf(hex, "%2x", &byte) == 1 && hex[1]; hex += 2)
		bin[(*n)++] = (uint8_t)byte;
	if (*n)
		return bin;
	cJSON_ArrayForEach(group, cJSON_GetObjectItemCaseSensitive(json, "weightsManifest"))
		cJSON_ArrayForEach(w, cJSON_GetObjectItemCaseSensitive(group, "weights")) {
			size_t size = cJSON_HasObjectItem(w, "quantization") ? 2 : 4;
			double count = 1;

			cJSON_ArrayForEach(d, cJSON_GetObjectItemCaseSensitive(w, "shape"))
				count *= d->valuedouble;
			if (!(count >= 0 && count * 4 < (double)(sizeof(bin) - *n)))
				return bin;
			memset(bin + *n, 0, (size_t)count * size);
			for (size_t i = 0; i < (size_t)count; i++)
				bin[*n + i * size] = (uint8_t)(i % 8);
			*n += (size_t)count * size;
		}
	return bin;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *zero = memchr(data, 0, n);
	size_t text = zero ? (size_t)(zero - data) : n;
	const uint8_t *bin = zero ? zero + 1 : data + n;
	size_t n_bin = (size_t)(data + n - bin);
	struct hmr_build b = { .n_values = 0 };
	char kind[32];
	cJSON *j = cJSON_ParseWithLength((const char *)data, text);

	if (!j)
		return 0;
	if (!zero)
		bin = invent(j, &n_bin);
	if (!hmr_tfjs_build(&b, j, bin, n_bin, NULL)) {
		cJSON_Delete(hmr_import_recognise(&b, kind));
		use(&b);
	}
	hmr_build_release(&b);
	cJSON_Delete(j);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a model to what is known of it as a detector: its signature, then a sidecar,
 * the meta that the importer wrote, or a guess.
 */
#include "detect/detector_spec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "base/io.h"
#include "nn/graph.h"

#define SIDECAR_MAX ((size_t)1 << 20)

/* The largest size: a network that has more is no detector that can be planned. */
#define SIDE_MAX 8192

/* Whether JSON found beside a model calls itself a sidecar. What is no JSON at all is
 * taken for one with a mistake in it. */
static bool
is_sidecar(const char *text, size_t n)
{
	cJSON *j = cJSON_ParseWithLength(text, n);
	const char *f = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "format"));
	bool is = !j || (f && !strncmp(f, "hmr-sidecar", 11));

	cJSON_Delete(j);
	return is;
}

enum hmr_status
hmr_sidecar_load(const char *given, const char *model_path, char **name, char **text,
		 size_t *n, struct hmr_err *e)
{
	const char *slash = strrchr(model_path, '/'), *dot = strrchr(model_path, '.');
	size_t stem = dot && dot > (slash ? slash + 1 : model_path) ?
		(size_t)(dot - model_path) : strlen(model_path);
	size_t cap = (given ? strlen(given) : stem) + 6;
	enum hmr_status st = HMR_EOF;
	uint8_t *data = NULL;

	*text = NULL;
	if (!(*name = malloc(cap)))
		return hmr_fail(e, HMR_E_NOMEM, "sidecar");
	if (given)
		snprintf(*name, cap, "%s", given);
	else
		snprintf(*name, cap, "%.*s.json", (int)stem, model_path);
	if (given || access(*name, F_OK) == 0) {
		st = hmr_file_read(*name, SIDECAR_MAX, &data, n, e);
		if (!given && (st == HMR_E_LIMIT || (!st && !is_sidecar((char *)data, *n))))
			st = HMR_EOF;
	}
	if (st) {
		free(data);
		free(*name);
		*name = NULL;
		return st;
	}
	*text = (char *)data;
	return HMR_OK;
}

static enum hmr_status
sign(struct hmr_signature *g, const struct hmr_model *m, struct hmr_err *e)
{
	const struct hmr_graph *graph = hmr_model_graph(m);
	const struct hmr_graph_input *in;
	struct hmr_dims *dims;
	enum hmr_status st;

	memset(g, 0, sizeof(*g));
	if (!graph || !graph->n_inputs)
		return hmr_fail(e, HMR_E_MODEL, "a model of kind \"%s\", a detector is needed",
				hmr_model_kind(m));
	if (!(dims = calloc(graph->n_values, sizeof(*dims))))
		return hmr_fail(e, HMR_E_NOMEM, "detector");
	if (!(st = hmr_graph_shapes(graph, NULL, NULL, dims, e))) {
		in = &graph->input[0];
		g->n_inputs = graph->n_inputs;
		g->input = (struct hmr_signature_io){ in->name, in->dims };
		if (in->dims.n == 4)
			memcpy(g->free, in->free + (in->dims.d[1] == 3 ? 2 : 1),
			       sizeof(g->free));
		for (; g->n_outputs < graph->n_outputs &&
		       g->n_outputs < HMR_SIGNATURE_OUTPUTS; g->n_outputs++)
			g->output[g->n_outputs] = (struct hmr_signature_io){
				graph->output[g->n_outputs].name,
				dims[graph->output[g->n_outputs].value] };
		for (uint32_t i = 0; i < graph->n_nodes; i++)
			g->exponent = g->exponent ||
				!strcmp(hmr_act_name(graph->node[i].act), "exp");
	}
	free(dims);
	return st;
}

/* What an importer wrote about a detector that it knows. HMR_EOF: nothing. */
static enum hmr_status
from_meta(struct hmr_detect_spec *s, const struct hmr_signature *g,
	  const struct hmr_model *m, struct hmr_err *e)
{
	static const char *const keys[3][2] = { { "mean_r", "std_r" },
		{ "mean_g", "std_g" }, { "mean_b", "std_b" } };
	const char *decoder = hmr_model_meta(m, "decoder");
	const char *channels = hmr_model_meta(m, "channels");
	int k;

	if (strcmp(hmr_model_kind(m), "detector"))
		return strcmp(hmr_model_kind(m), "network") ?
			hmr_fail(e, HMR_E_MODEL, "a model of kind \"%s\", a detector is needed",
				 hmr_model_kind(m)) : HMR_EOF;
	if (!decoder)
		return HMR_EOF;
	if ((k = hmr_detect_kind_from_name(decoder)) < 0)
		return hmr_fail(e, HMR_E_MODEL, "a detector whose decoder \"%s\" is not known",
				decoder);
	hmr_spec_init(s, (enum hmr_detect_kind)k);
	s->bgr = !channels || !strcmp(channels, "BGR");
	for (int c = 0; c < 3; c++) {
		double mean = hmr_model_meta_f64(m, keys[c][0], NAN);
		double std = hmr_model_meta_f64(m, keys[c][1], 0);

		if (!isfinite(mean) || !(std > 0))
			return hmr_fail(e, HMR_E_MODEL, "no %s or %s in its meta", keys[c][0],
					keys[c][1]);
		s->mean[c] = s->fill[c] = (float)mean;
		s->std[c] = (float)std;
	}
	return hmr_spec_outputs(s, g, e);
}

static enum hmr_status
check_layout(const struct hmr_detect_spec *s, const struct hmr_signature *g,
	     struct hmr_err *e)
{
	const struct hmr_dims *d = &g->input.dims;
	bool nchw = s->layout != HMR_LAYOUT_NHWC, nhwc = s->layout != HMR_LAYOUT_NCHW;
	int64_t h = d->d[d->d[1] == 3 && nchw ? 2 : 1], w = d->d[d->d[1] == 3 && nchw ? 3 : 2];

	if (g->n_inputs != 1 || d->n != 4 || d->d[0] != 1 ||
	    !((nchw && d->d[1] == 3) || (nhwc && d->d[3] == 3)))
		return hmr_fail(e, HMR_E_MODEL, "its input is not one image of 3 channels%s",
				s->layout ? " in the sidecar's layout" : "");
	if (h > SIDE_MAX || w > SIDE_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "its input is larger than %ux%u", SIDE_MAX,
				SIDE_MAX);
	return HMR_OK;
}

enum hmr_status
hmr_detector_spec(struct hmr_detect_spec *s, struct hmr_signature *g,
		  char about[HMR_DETECTOR_ABOUT], const struct hmr_model *m,
		  const struct hmr_detector_options *o, struct hmr_err *e)
{
	const char *how = "as its meta says";
	enum hmr_status st;

	if ((st = sign(g, m, e)))
		return hmr_fail_in(e, st, "%s", hmr_model_name(m));
	if (o->sidecar) {
		how = o->sidecar;
		if ((st = hmr_sidecar_parse(s, o->sidecar_text, o->sidecar_size, e)))
			return hmr_fail_in(e, st, "%s", o->sidecar);
		st = hmr_spec_outputs(s, g, e);
	} else if ((st = from_meta(s, g, m, e)) == HMR_EOF) {
		how = "guessed from its outputs";
		st = hmr_spec_guess(s, g, e);
	}
	if (st || (st = check_layout(s, g, e)))
		return hmr_fail_in(e, st, "%s", hmr_model_name(m));
	snprintf(about, HMR_DETECTOR_ABOUT, "%s, %s%.200s", hmr_detect_kind_name(s->kind),
		 o->sidecar ? "as in " : "", how);
	return HMR_OK;
}

uint32_t
hmr_spec_multiple(const struct hmr_detect_spec *s, const struct hmr_signature *g)
{
	uint32_t k = 1, top = s->n_strides ? s->stride[s->n_strides - 1] : 1;

	for (int a = 0; a < 2; a++)
		k = g->free[a] > k ? g->free[a] : k;
	return (top + k - 1) / k * k;
}

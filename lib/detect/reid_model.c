/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A re-identification network's file and what is known of it: its sidecar, else its
 * meta, else what Open Model Zoo's person-reid networks want; see reid.h. A key of a
 * sidecar that is not known, of a wrong type or out of range is an error.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "detect/detector.h"
#include "detect/reid.h"
#include "import/import.h"

static enum hmr_status
want(struct hmr_err *e, const char *key, const char *what)
{
	return hmr_fail(e, HMR_E_FORMAT, "%s: %s wanted", key, what);
}

/* A number for all channels or one each, in the order of the colours. */
static bool
take_channels(const cJSON *j, bool bgr, double least, float v[3])
{
	for (int i = 0; i < 3; i++) {
		const cJSON *x = cJSON_IsArray(j) ? cJSON_GetArrayItem(j, i) : j;
		double d = cJSON_IsNumber(x) ? x->valuedouble : NAN;

		if (!(d >= least && d <= 1e6))
			return false;
		v[bgr ? 2 - i : i] = (float)d;
	}
	return !cJSON_IsArray(j) || cJSON_GetArraySize(j) == 3;
}

/* Is j the first member of its name? cJSON keeps others too. */
static enum hmr_status
check_once(const cJSON *o, const cJSON *j, const char *prefix, struct hmr_err *e)
{
	for (const cJSON *i = o->child; i != j; i = i->next)
		if (!strcmp(i->string, j->string))
			return hmr_fail(e, HMR_E_FORMAT, "%s%.40s: twice", prefix, j->string);
	return HMR_OK;
}

static enum hmr_status
take_input(struct hmr_reid_model *m, const cJSON *input, struct hmr_err *e)
{
	const char *s;
	const cJSON *j;
	enum hmr_status st;

	if (!cJSON_IsObject(input))
		return want(e, "input", "an object");
	if ((j = cJSON_GetObjectItemCaseSensitive(input, "colour"))) {
		s = cJSON_GetStringValue(j);
		if (!s || (strcmp(s, "RGB") && strcmp(s, "BGR")))
			return want(e, "input.colour", "\"RGB\" or \"BGR\"");
		m->bgr = !strcmp(s, "BGR");
	}
	cJSON_ArrayForEach(j, input) {
		if ((st = check_once(input, j, "input.", e)))
			return st;
		if (!strcmp(j->string, "mean")) {
			if (!take_channels(j, m->bgr, -1e6, m->mean))
				return want(e, "input.mean", "a number or three");
		} else if (!strcmp(j->string, "std")) {
			if (!take_channels(j, m->bgr, 1e-6, m->std))
				return want(e, "input.std", "a number or three above 0");
		} else if (strcmp(j->string, "colour")) {
			return hmr_fail(e, HMR_E_FORMAT, "input.%.40s: not known", j->string);
		}
	}
	return HMR_OK;
}

static enum hmr_status
take_outputs(struct hmr_reid_model *m, const cJSON *outputs, struct hmr_err *e)
{
	const cJSON *j;
	enum hmr_status st;

	if (!cJSON_IsObject(outputs))
		return want(e, "outputs", "an object");
	cJSON_ArrayForEach(j, outputs) {
		const char *s = cJSON_GetStringValue(j);

		if ((st = check_once(outputs, j, "outputs.", e)))
			return st;
		if (strcmp(j->string, "embedding"))
			return hmr_fail(e, HMR_E_FORMAT, "outputs.%.40s: not known", j->string);
		if (!s || !*s || strlen(s) >= sizeof(m->embedding))
			return want(e, "outputs.embedding", "the name of an output");
		strcpy(m->embedding, s);
	}
	return HMR_OK;
}

static enum hmr_status
parse(struct hmr_reid_model *m, const cJSON *root, struct hmr_err *e)
{
	const char *format, *kind;
	const cJSON *j;
	enum hmr_status st = HMR_OK;

	if (!cJSON_IsObject(root))
		return hmr_fail(e, HMR_E_FORMAT, "not a JSON object");
	format = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "format"));
	kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "kind"));
	if (!format || strcmp(format, "hmr-sidecar 1"))
		return hmr_fail(e, HMR_E_VERSION, "format: \"hmr-sidecar 1\" wanted");
	if (!kind || strcmp(kind, "reid"))
		return want(e, "kind", "\"reid\"");
	cJSON_ArrayForEach(j, root) {
		if ((st = check_once(root, j, "", e)))
			return st;
		if (!strcmp(j->string, "input"))
			st = take_input(m, j, e);
		else if (!strcmp(j->string, "outputs"))
			st = take_outputs(m, j, e);
		else if (strcmp(j->string, "format") && strcmp(j->string, "kind"))
			st = hmr_fail(e, HMR_E_FORMAT, "%.40s: not known", j->string);
		if (st)
			return st;
	}
	return HMR_OK;
}

static enum hmr_status
read_sidecar(struct hmr_reid_model *m, const char *path, struct hmr_err *e)
{
	char *name, *text;
	enum hmr_status st;
	cJSON *root;
	size_t n;

	if ((st = hmr_sidecar_load(NULL, path, &name, &text, &n, e)))
		return st;
	root = cJSON_ParseWithLength(text, n);
	if ((st = parse(m, root, e)))
		hmr_fail_in(e, st, "%s", name);
	cJSON_Delete(root);
	free(name);
	free(text);
	return st;
}

static enum hmr_status
read_meta(struct hmr_reid_model *m, struct hmr_err *e)
{
	static const char *const keys[3][2] = { { "mean_r", "std_r" },
		{ "mean_g", "std_g" }, { "mean_b", "std_b" } };
	const char *colour = hmr_model_meta(m->model, "colour");
	const char *output = hmr_model_meta(m->model, "embedding");

	if (colour && strcmp(colour, "RGB") && strcmp(colour, "BGR"))
		return hmr_fail(e, HMR_E_MODEL, "%s: colour \"%.40s\" in its meta is not RGB or "
				"BGR", hmr_model_name(m->model), colour);
	m->bgr = !colour || !strcmp(colour, "BGR");
	for (int c = 0; c < 3; c++) {
		m->mean[c] = (float)hmr_model_meta_f64(m->model, keys[c][0], 0);
		m->std[c] = (float)hmr_model_meta_f64(m->model, keys[c][1], 1);
		if (!isfinite(m->mean[c]) || !(m->std[c] > 0))
			return hmr_fail(e, HMR_E_MODEL, "%s: %s or %s in its meta is no number",
					hmr_model_name(m->model), keys[c][0], keys[c][1]);
	}
	if (output && strlen(output) >= sizeof(m->embedding))
		return hmr_fail(e, HMR_E_MODEL, "%s: embedding in its meta is no output's name: "
				"%.40s...", hmr_model_name(m->model), output);
	strcpy(m->embedding, output ? output : "");
	return HMR_OK;
}

enum hmr_status
hmr_reid_model_open(struct hmr_reid_model **out, const char *name, const char *tool,
		    struct hmr_err *e)
{
	struct hmr_reid_model *m;
	char path[4096];
	enum hmr_status st;

	*out = NULL;
	if (!(m = calloc(1, sizeof(*m))))
		return hmr_fail(e, HMR_E_NOMEM, "re-identification");
	if (!(st = hmr_model_path(name, path, sizeof(path), e)) &&
	    !(st = hmr_import_open(&m->model, path, tool, e)) && !(st = read_meta(m, e))) {
		st = read_sidecar(m, path, e);
		st = st < 0 ? st : HMR_OK;
	}
	if (st)
		hmr_reid_model_close(m);
	else
		*out = m;
	return st;
}

void
hmr_reid_model_close(struct hmr_reid_model *m)
{
	if (m)
		hmr_model_close(m->model);
	free(m);
}

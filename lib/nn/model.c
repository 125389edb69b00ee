/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model files: mapping, hashing, checking at open; metadata; where they live.
 * A file without a graph (a body) is a model too: kind and meta, no network.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "base/io.h"
#include "import/safetensors.h"
#include "nn/graph.h"
#include "nn/nn.h"

#define MODEL_FORMAT "hmr-model 1"
#define BODY_FORMAT "hmr-body 1."	/* lib/body reads the rest of it */

struct hmr_model {
	struct hmr_safetensors *file;
	struct hmr_graph *graph;	/* NULL: none */
	cJSON *meta;			/* object or NULL */
	const char *name, *kind;
	char sha256[65];
	uint8_t *bytes;			/* owned, where it is not a file */
};

static enum hmr_status
check_shapes(const struct hmr_graph *g, struct hmr_err *e)
{
	struct hmr_dims *d = calloc(g->n_values, sizeof(*d));
	enum hmr_status st;

	if (!d)
		return hmr_fail(e, HMR_E_NOMEM, "graph");
	st = hmr_graph_shapes(g, NULL, NULL, d, e);
	free(d);
	return st;
}

static enum hmr_status
read_model(struct hmr_model *m, struct hmr_err *e)
{
	const char *format = hmr_safetensors_meta(m->file, "format");
	const char *graph = hmr_safetensors_meta(m->file, "graph");
	const char *meta = hmr_safetensors_meta(m->file, "meta");
	enum hmr_status st;

	m->kind = hmr_safetensors_meta(m->file, "kind");
	if (!format || (strncmp(format, "hmr-model ", 10) &&
			strncmp(format, BODY_FORMAT, strlen(BODY_FORMAT))))
		return hmr_fail(e, HMR_E_MODEL,
				"not a model file of this toolkit (see hmr-model import)");
	if (strcmp(format, MODEL_FORMAT) && strncmp(format, BODY_FORMAT, strlen(BODY_FORMAT)))
		return hmr_fail(e, HMR_E_VERSION, "format %.40s, this version reads %s",
				format, MODEL_FORMAT);
	m->name = hmr_safetensors_meta(m->file, "name");
	if (!m->kind || !m->name)
		return hmr_fail(e, HMR_E_FORMAT, "no kind or no name");
	if (meta && !cJSON_IsObject(m->meta = cJSON_Parse(meta)))
		return hmr_fail(e, HMR_E_FORMAT, "meta is no JSON object");
	if (graph && ((st = hmr_graph_parse(&m->graph, graph, m->file, e)) ||
		      (st = check_shapes(m->graph, e))))
		return st;
	return HMR_OK;
}

/* Of the file at path, or of m->bytes. */
static enum hmr_status
open_model(struct hmr_model *m, const char *path, size_t n, struct hmr_err *e)
{
	const uint8_t *p;
	enum hmr_status st;

	if ((st = m->bytes ? hmr_safetensors_parse(&m->file, m->bytes, n, e) :
			     hmr_safetensors_open(&m->file, path, e)))
		return hmr_model_refused(st, path, e);
	if ((st = read_model(m, e)))
		return hmr_fail_in(e, st, "%s", path);
	p = hmr_safetensors_bytes(m->file, &n);
	hmr_sha256_hex(p, n, m->sha256);
	return HMR_OK;
}

enum hmr_status
hmr_model_refused(enum hmr_status st, const char *path, struct hmr_err *e)
{
	const char *dot = strrchr(path, '.');
	size_t n = e ? strlen(e->msg) : 0;

	if (st == HMR_E_IO || st == HMR_E_NOMEM)
		return st;
	if (e && (!dot || strcmp(dot, ".safetensors")))
		snprintf(e->msg + n, sizeof(e->msg) - n,
			 "; `hmr-model import` takes models of others");
	return HMR_E_MODEL;
}

enum hmr_status
hmr_model_take(struct hmr_model **out, uint8_t *bytes, size_t n, const char *path,
	       struct hmr_err *e)
{
	struct hmr_model *m;
	enum hmr_status st;

	*out = NULL;
	if (!(m = calloc(1, sizeof(*m)))) {
		free(bytes);
		return hmr_fail(e, HMR_E_NOMEM, "%s", path);
	}
	m->bytes = bytes;
	if (!(st = open_model(m, path, n, e))) {
		*out = m;
		return HMR_OK;
	}
	hmr_model_close(m);
	/* whatever is wrong inside it, it is a model that cannot be used */
	return st == HMR_E_IO || st == HMR_E_NOMEM ? st : HMR_E_MODEL;
}

enum hmr_status
hmr_model_open(struct hmr_model **out, const char *path, struct hmr_err *e)
{
	return hmr_model_take(out, NULL, 0, path, e);
}

void
hmr_model_close(struct hmr_model *m)
{
	if (!m)
		return;
	hmr_graph_free(m->graph);
	cJSON_Delete(m->meta);
	hmr_safetensors_close(m->file);
	free(m->bytes);
	free(m);
}

const char *
hmr_model_name(const struct hmr_model *m)
{
	return m->name;
}

const char *
hmr_model_kind(const struct hmr_model *m)
{
	return m->kind;
}

const char *
hmr_model_sha256(const struct hmr_model *m)
{
	return m->sha256;
}

const char *
hmr_model_meta(const struct hmr_model *m, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(m->meta, key));
}

double
hmr_model_meta_f64(const struct hmr_model *m, const char *key, double fallback)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(m->meta, key);

	return cJSON_IsNumber(j) ? j->valuedouble : fallback;
}

const struct hmr_graph *
hmr_model_graph(const struct hmr_model *m)
{
	return m->graph;
}

const struct hmr_safetensors *
hmr_model_file(const struct hmr_model *m)
{
	return m->file;
}

enum hmr_status
hmr_model_folder(char *out, size_t cap, struct hmr_err *e)
{
	const char *v;
	int n;

	if ((v = getenv("HMR_MODELS")) && *v)
		n = snprintf(out, cap, "%s", v);
	else if ((v = getenv("XDG_DATA_HOME")) && *v == '/')
		n = snprintf(out, cap, "%s/hmr/models", v);
	else if ((v = getenv("HOME")) && *v)
		n = snprintf(out, cap, "%s/.local/share/hmr/models", v);
	else
		return hmr_fail(e, HMR_E_MODEL,
				"no folder for models: set HMR_MODELS");
	if (n < 0 || (size_t)n >= cap)
		return hmr_fail(e, HMR_E_LIMIT, "name of the models' folder too long");
	return HMR_OK;
}

/* Where the model of a name comes from, for a message. */
static const char *
way_to(const char *name)
{
	if (!strcmp(name, "hmr2"))
		return "`hmr-model import hmr2 --checkpoint FILE` makes it of 4D-Humans' "
			"checkpoint, see hmr-model(1), FILES OF OTHERS";
	if (!strcmp(name, "smpl"))
		return "`hmr-model import hmr2 --smpl FILE --joints FILE` makes it of SMPL's "
			"own file, see hmr-model(1), FILES OF OTHERS";
	return "`make models` in the source tree fetches the free ones, `hmr-model import` "
		"takes others";
}

enum hmr_status
hmr_model_path(const char *name, char *out, size_t cap, struct hmr_err *e)
{
	char dir[4096];
	enum hmr_status st;
	int n;

	if (strchr(name, '/') || access(name, F_OK) == 0) {
		n = snprintf(out, cap, "%s", name);
		if (n < 0 || (size_t)n >= cap)
			return hmr_fail(e, HMR_E_LIMIT, "file name too long");
		if (access(name, F_OK))
			return hmr_fail(e, HMR_E_MODEL, "model %.300s: %s", name,
					strerror(errno));
		return HMR_OK;
	}
	if ((st = hmr_model_folder(dir, sizeof(dir), e)))
		return st;
	n = snprintf(out, cap, "%s/%s.safetensors", dir, name);
	if (n < 0 || (size_t)n >= cap)
		return hmr_fail(e, HMR_E_LIMIT, "file name too long");
	if (access(out, F_OK))
		return hmr_fail(e, HMR_E_MODEL, "no model %.60s in %.150s: %s", name, dir,
				way_to(name));
	return HMR_OK;
}

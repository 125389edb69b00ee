/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks known by their inputs and outputs: how their input is prepared and
 * their output decoded goes into the model's meta (MODEL.md has the sources).
 */
#include <string.h>
#include <cjson/cJSON.h>

#include "import/import.h"

/* value = (c - mean) / std for c in 0..255 */
static const char *const rgb[6] = { "mean_r", "mean_g", "mean_b", "std_r", "std_g", "std_b" };

static void
numbers(cJSON *to, const char *const key[6], const double v[6])
{
	for (int i = 0; i < 6; i++)
		cJSON_AddNumberToObject(to, key[i], v[i]);
}

/* Output names with these sizes, largest first; false unless there are n. */
static bool
heads(const struct hmr_build *b, cJSON *meta, const char *key, int64_t channels,
      int n)
{
	const int64_t want[3] = { -1, -1, channels };
	const struct hmr_bio *found[HMR_GRAPH_IO_MAX], *o, *swap;
	cJSON *a;
	int k = 0;

	for (uint32_t from = 0; (o = hmr_build_find_output(b, 3, want, from));
	     from = (uint32_t)(o - b->output) + 1)
		found[k++] = o;
	for (int i = 0; i < k; i++)
		for (int j = i + 1; j < k; j++)
			if (b->value[found[j]->value].dims.d[1] >
			    b->value[found[i]->value].dims.d[1]) {
				swap = found[i];
				found[i] = found[j];
				found[j] = swap;
			}
	if (k != n)
		return false;
	a = cJSON_AddArrayToObject(meta, key);
	for (int i = 0; i < k; i++)
		cJSON_AddItemToArray(a, cJSON_CreateString(found[i]->name));
	return true;
}

/* NanoDet (github RangiLyu/nanodet, nanodet-g): 80 classes, 4 x 11 box bins at
 * strides 8, 16, 32. */
static cJSON *
nanodet(struct hmr_build *b, char kind[32])
{
	const struct hmr_dims *d = &b->value[b->input[0].value].dims;
	cJSON *m = cJSON_CreateObject();

	if (b->n_inputs != 1 || d->n != 4 || d->d[1] != 3 || b->n_outputs != 6 ||
	    !heads(b, m, "scores", 80, 3) || !heads(b, m, "boxes", 44, 3)) {
		cJSON_Delete(m);
		return NULL;
	}
	cJSON_AddStringToObject(m, "decoder", "nanodet");
	cJSON_AddStringToObject(m, "layout", "NCHW");
	cJSON_AddStringToObject(m, "channels", "BGR");
	numbers(m, rgb, (const double[]){ 123.675, 116.28, 103.53, 58.395, 57.12, 57.375 });
	cJSON_AddNumberToObject(m, "multiple", 32);
	cJSON_AddNumberToObject(m, "classes", 80);
	cJSON_AddNumberToObject(m, "person", 0);
	cJSON_AddNumberToObject(m, "bins", 11);
	cJSON_AddNumberToObject(m, "centre", 0.5);
	for (int a = 2; a < 4; a++)
		b->input[0].free[a] = 32;
	b->input[0].free[0] = 1;
	strcpy(kind, "detector");
	return m;
}

/* BlazePose GHUM landmarks (github google/mediapipe): lite, full or heavy by
 * the number of convolutions. */
static cJSON *
blazepose(struct hmr_build *b, char kind[32])
{
	static const int64_t image[2] = { -1, 195 }, world[2] = { -1, 117 }, flag[2] = { -1, 1 };
	const struct hmr_dims *d = &b->value[b->input[0].value].dims;
	const struct hmr_bio *l = hmr_build_find_output(b, 2, image, 0);
	const struct hmr_bio *w = hmr_build_find_output(b, 2, world, 0);
	const struct hmr_bio *f = hmr_build_find_output(b, 2, flag, 0);
	unsigned convs = 0;
	cJSON *m;

	if (b->n_inputs != 1 || d->n != 4 || d->d[1] != 256 || d->d[2] != 256 ||
	    d->d[3] != 3 || !l || !w || !f)
		return NULL;
	for (uint32_t i = 0; i < b->n_nodes; i++)
		convs += !b->node[i].dead && b->node[i].n.op == HMR_OP_CONV;
	m = cJSON_CreateObject();
	cJSON_AddStringToObject(m, "decoder", "blazepose");
	cJSON_AddStringToObject(m, "variant", convs < 85 ? "lite" : convs < 140 ? "full" : "heavy");
	cJSON_AddStringToObject(m, "layout", "NHWC");
	cJSON_AddStringToObject(m, "channels", "RGB");
	numbers(m, rgb, (const double[]){ 0, 0, 0, 255, 255, 255 });
	cJSON_AddStringToObject(m, "landmarks", l->name);
	cJSON_AddStringToObject(m, "world", w->name);
	cJSON_AddStringToObject(m, "present", f->name);
	cJSON_AddNumberToObject(m, "points", 39);
	cJSON_AddNumberToObject(m, "crop", 1.25);
	b->input[0].free[0] = 1;	/* its shapes keep the batch, whatever the file says */
	strcpy(kind, "pose");
	return m;
}

cJSON *
hmr_import_recognise(struct hmr_build *b, char kind[32])
{
	cJSON *m;

	strcpy(kind, "network");
	if (!b->n_inputs)
		return NULL;
	if ((m = nanodet(b, kind)))
		return m;
	return blazepose(b, kind);
}

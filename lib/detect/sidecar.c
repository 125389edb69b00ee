/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sidecars: JSON that says how a detector is used (hmr-model(5)). The kind comes
 * first and implies the rest; every other key changes one thing. A key that is not
 * known, of the wrong type or out of range is an error that names it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "detect/spec.h"

#define FORMAT "hmr-sidecar 1"
#define SIDE_MAX 8192

struct reader {
	struct hmr_detect_spec *s;
	struct hmr_err *e;
	char path[64];		/* of the value in hand, "input.size" */
	bool bgr;		/* order of mean, std and fill */
};

typedef enum hmr_status taker(struct reader *r, const cJSON *j);
struct key { const char *name; taker *take; };

static enum hmr_status
want(struct reader *r, const char *what)
{
	return hmr_fail(r->e, HMR_E_FORMAT, "%s: %s wanted", r->path, what);
}

static bool
number(const cJSON *j, double lo, double hi, double *v)
{
	*v = cJSON_IsNumber(j) ? j->valuedouble : NAN;
	return *v >= lo && *v <= hi;
}

static bool
whole(const cJSON *j, double lo, double hi, uint32_t *v)
{
	double x;

	if (!number(j, lo, hi, &x) || x != floor(x))
		return false;
	*v = (uint32_t)x;
	return true;
}

/* One of a few words: its place, or -1. */
static int
word(const cJSON *j, const char *const *words)
{
	const char *s = cJSON_GetStringValue(j);

	for (int i = 0; s && words[i]; i++)
		if (!strcmp(words[i], s))
			return i;
	return -1;
}

/* A number for all channels or one each, in the order of `colour`, to R G B. */
static bool
channels(const struct reader *r, const cJSON *j, double lo, double hi, float v[3])
{
	double x = 0;

	if (!cJSON_IsArray(j)) {
		if (!number(j, lo, hi, &x))
			return false;
		v[0] = v[1] = v[2] = (float)x;
		return true;
	}
	for (int i = 0; i < 3; i++) {
		if (!number(cJSON_GetArrayItem(j, i), lo, hi, &x))
			return false;
		v[r->bgr ? 2 - i : i] = (float)x;
	}
	return cJSON_GetArraySize(j) == 3;
}

static enum hmr_status
take_size(struct reader *r, const cJSON *j)
{
	if (cJSON_GetArraySize(j) != 2 ||
	    !whole(cJSON_GetArrayItem(j, 0), 1, SIDE_MAX, &r->s->height) ||
	    !whole(cJSON_GetArrayItem(j, 1), 1, SIDE_MAX, &r->s->width))
		return want(r, "[height,width]");
	return HMR_OK;
}

static enum hmr_status
take_fit(struct reader *r, const cJSON *j)
{
	int k = word(j, (const char *const[]){ "letterbox", "stretch", NULL });

	if (k < 0)
		return want(r, "\"letterbox\" or \"stretch\"");
	r->s->fit = (enum hmr_fit)k;
	return HMR_OK;
}

static enum hmr_status
take_place(struct reader *r, const cJSON *j)
{
	int k = word(j, (const char *const[]){ "corner", "centre", NULL });

	if (k < 0)
		return want(r, "\"corner\" or \"centre\"");
	r->s->centred = k;
	return HMR_OK;
}

static enum hmr_status
take_colour(struct reader *r, const cJSON *j)
{
	int k = word(j, (const char *const[]){ "RGB", "BGR", NULL });

	if (k < 0)
		return want(r, "\"RGB\" or \"BGR\"");
	r->s->bgr = k;
	return HMR_OK;
}

static enum hmr_status
take_layout(struct reader *r, const cJSON *j)
{
	int k = word(j, (const char *const[]){ "NCHW", "NHWC", NULL });

	if (k < 0)
		return want(r, "\"NCHW\" or \"NHWC\"");
	r->s->layout = k ? HMR_LAYOUT_NHWC : HMR_LAYOUT_NCHW;
	return HMR_OK;
}

static enum hmr_status
take_fill(struct reader *r, const cJSON *j)
{
	return channels(r, j, 0, 255, r->s->fill) ? HMR_OK :
		want(r, "a number or three, 0 to 255,");
}

static enum hmr_status
take_mean(struct reader *r, const cJSON *j)
{
	return channels(r, j, -1e4, 1e4, r->s->mean) ? HMR_OK :
		want(r, "a number or three, in 0 to 255,");
}

static enum hmr_status
take_std(struct reader *r, const cJSON *j)
{
	return channels(r, j, 1e-4, 1e6, r->s->std) ? HMR_OK :
		want(r, "a number or three above 0");
}

static enum hmr_status
names(struct reader *r, const cJSON *j, struct hmr_output_names *o)
{
	bool list = cJSON_IsArray(j);
	int n = list ? cJSON_GetArraySize(j) : 1;

	if (n < 1 || n > HMR_LEVELS_MAX)
		return want(r, "the name of an output, or up to 8 of them");
	for (o->n = 0; o->n < (uint32_t)n; o->n++) {
		const char *s = cJSON_GetStringValue(list ?
				cJSON_GetArrayItem(j, (int)o->n) : j);

		if (!s || !*s || strlen(s) >= HMR_SPEC_NAME)
			return want(r, "the name of an output, or up to 8 of them");
		strcpy(o->name[o->n], s);
	}
	return HMR_OK;
}

static enum hmr_status
take_all(struct reader *r, const cJSON *j)
{
	return names(r, j, &r->s->all);
}

static enum hmr_status
take_boxes(struct reader *r, const cJSON *j)
{
	return names(r, j, &r->s->boxes);
}

static enum hmr_status
take_scores(struct reader *r, const cJSON *j)
{
	return names(r, j, &r->s->scores);
}

static enum hmr_status
take_objectness(struct reader *r, const cJSON *j)
{
	return names(r, j, &r->s->objectness);
}

static enum hmr_status
take_labels(struct reader *r, const cJSON *j)
{
	return names(r, j, &r->s->labels);
}

static enum hmr_status
take_columns(struct reader *r, const cJSON *j)
{
	struct hmr_detect_spec *s = r->s;
	int n = cJSON_GetArraySize(j), seen[HMR_COLUMN_COUNT] = { 0 };

	if (!cJSON_IsArray(j) || n < 1 || n > HMR_COLUMNS_MAX)
		return want(r, "a list of columns");
	for (int i = 0; i < n; i++) {
		const char *w = cJSON_GetStringValue(cJSON_GetArrayItem(j, i));
		int c = w ? hmr_column_from_name(w) : -1;

		if (c < 0 || (c != HMR_COLUMN_SKIP && seen[c]++))
			return want(r, "each at most once: box, classes, score, objectness, "
				    "class, batch; or skip");
		s->column[i] = (enum hmr_column)c;
	}
	if (!seen[HMR_COLUMN_BOX] ||
	    seen[HMR_COLUMN_CLASSES] + seen[HMR_COLUMN_SCORE] != 1)
		return want(r, "box, and one of classes and score,");
	s->n_columns = (uint32_t)n;
	return HMR_OK;
}

/* Rising numbers; an empty list where none may be. */
static enum hmr_status
rising(struct reader *r, const cJSON *j, uint32_t lo, uint32_t hi, uint32_t most,
       uint32_t *v, uint32_t *n)
{
	int size = cJSON_GetArraySize(j);

	if (!cJSON_IsArray(j) || size > (int)most)
		return want(r, "a list of a few rising numbers");
	for (*n = 0; *n < (uint32_t)size; ++*n)
		if (!whole(cJSON_GetArrayItem(j, (int)*n), lo, hi, &v[*n]) ||
		    (*n && v[*n] <= v[*n - 1]))
			return want(r, "a list of a few rising numbers");
	return HMR_OK;
}

static enum hmr_status
take_strides(struct reader *r, const cJSON *j)
{
	return rising(r, j, 1, 1024, HMR_LEVELS_MAX, r->s->stride, &r->s->n_strides);
}

static enum hmr_status
take_sizes(struct reader *r, const cJSON *j)
{
	return rising(r, j, 16, SIDE_MAX, 4, r->s->side, &r->s->n_sides);
}

static enum hmr_status
take_classes(struct reader *r, const cJSON *j)
{
	return whole(j, 1, 65536, &r->s->classes) ? HMR_OK :
		want(r, "a number of classes");
}

static enum hmr_status
take_person(struct reader *r, const cJSON *j)
{
	return whole(j, 0, 65535, &r->s->person) ? HMR_OK :
		want(r, "the number of a class, from 0,");
}

static enum hmr_status
take_activation(struct reader *r, const cJSON *j)
{
	int k = word(j, (const char *const[]){ "none", "sigmoid", "softmax", NULL });

	if (k < 0)
		return want(r, "\"none\", \"sigmoid\" or \"softmax\"");
	r->s->activation = (enum hmr_activation)k;
	return HMR_OK;
}

static enum hmr_status
take_power(struct reader *r, const cJSON *j)
{
	double v[2];

	if (cJSON_GetArraySize(j) != 2 || !number(cJSON_GetArrayItem(j, 0), 1e-3, 10, &v[0]) ||
	    !number(cJSON_GetArrayItem(j, 1), 1e-3, 10, &v[1]))
		return want(r, "[of objectness,of class]");
	r->s->power[0] = (float)v[0];
	r->s->power[1] = (float)v[1];
	return HMR_OK;
}

static enum hmr_status
take_box(struct reader *r, const cJSON *j)
{
	const char *w = cJSON_GetStringValue(j);
	int k = w ? hmr_box_form_from_name(w) : -1;

	if (k < 0)
		return want(r, "\"bins\", \"sides\", \"yolox\", \"fastestdet\", \"xyxy\", "
			    "\"yxyx\", \"xywh\" or \"cxcywh\"");
	r->s->form = (enum hmr_box_form)k;
	return HMR_OK;
}

static enum hmr_status
take_unit(struct reader *r, const cJSON *j)
{
	int k = word(j, (const char *const[]){ "pixels", "strides", "normalised", NULL });

	if (k < 0)
		return want(r, "\"pixels\", \"strides\" or \"normalised\"");
	r->s->unit = (enum hmr_box_unit)k;
	return HMR_OK;
}

static enum hmr_status
take_bins(struct reader *r, const cJSON *j)
{
	return whole(j, 2, 64, &r->s->bins) ? HMR_OK : want(r, "2 to 64");
}

static enum hmr_status
take_centre(struct reader *r, const cJSON *j)
{
	double v;

	if (!number(j, 0, 1, &v))
		return want(r, "0 to 1");
	r->s->centre = (float)v;
	return HMR_OK;
}

static enum hmr_status
take_channels(struct reader *r, const cJSON *j)
{
	int k = word(j, (const char *const[]){ "last", "first", NULL });

	if (k < 0)
		return want(r, "\"first\" or \"last\"");
	r->s->channels_first = k;
	r->s->channels_known = true;
	return HMR_OK;
}

static enum hmr_status
take_best(struct reader *r, const cJSON *j)
{
	if (!cJSON_IsBool(j))
		return want(r, "true or false");
	r->s->best = cJSON_IsTrue(j);
	return HMR_OK;
}

static enum hmr_status
take_nms(struct reader *r, const cJSON *j)
{
	if (!cJSON_IsBool(j))
		return want(r, "true or false");
	r->s->nms = cJSON_IsTrue(j);
	return HMR_OK;
}

static enum hmr_status
take_gate(struct reader *r, const cJSON *j)
{
	double v;

	if (!number(j, 0, 1, &v))
		return want(r, "0 to 1");
	r->s->gate = (float)v;
	return HMR_OK;
}

static enum hmr_status
skip(struct reader *r, const cJSON *j)	/* taken before the others */
{
	(void)r;
	(void)j;
	return HMR_OK;
}

/* Every member of an object by its key; prefix is "input." and such. */
static enum hmr_status
walk(struct reader *r, const cJSON *o, const char *prefix, const struct key *keys)
{
	char known[256] = "";
	const cJSON *j;
	enum hmr_status st;

	cJSON_ArrayForEach(j, o) {
		const struct key *k = keys;

		while (k->name && strcmp(k->name, j->string))
			k++;
		if (!k->name) {
			for (k = keys; k->name; k++)
				snprintf(known + strlen(known), sizeof(known) - strlen(known),
					 " %s", k->name);
			return hmr_fail(r->e, HMR_E_FORMAT, "%s%.40s: no such key; there are%s",
					prefix, j->string, known);
		}
		snprintf(r->path, sizeof(r->path), "%s%s", prefix, k->name);
		for (const cJSON *i = o->child; i != j; i = i->next)
			if (!strcmp(i->string, j->string))
				return hmr_fail(r->e, HMR_E_FORMAT, "%s: twice", r->path);
		if ((st = k->take(r, j)))
			return st;
	}
	return HMR_OK;
}

static enum hmr_status
take_input(struct reader *r, const cJSON *j)
{
	static const struct key keys[] = { { "colour", take_colour }, { "size", take_size },
		{ "fit", take_fit }, { "place", take_place }, { "fill", take_fill },
		{ "mean", take_mean }, { "std", take_std }, { "layout", take_layout },
		{ NULL, NULL } };
	const cJSON *c = cJSON_GetObjectItemCaseSensitive(j, "colour");

	if (!cJSON_IsObject(j))
		return want(r, "an object");
	r->bgr = c ? word(c, (const char *const[]){ "RGB", "BGR", NULL }) == 1 : r->s->bgr;
	return walk(r, j, "input.", keys);
}

static enum hmr_status
take_outputs(struct reader *r, const cJSON *j)
{
	static const struct key keys[] = { { "all", take_all }, { "columns", take_columns },
		{ "boxes", take_boxes }, { "scores", take_scores },
		{ "objectness", take_objectness }, { "labels", take_labels },
		{ "channels", take_channels }, { NULL, NULL } };
	enum hmr_status st;

	if (!cJSON_IsObject(j))
		return want(r, "an object");
	if ((st = walk(r, j, "outputs.", keys)))
		return st;
	strcpy(r->path, "outputs");
	if (r->s->all.n ? r->s->boxes.n || r->s->scores.n || r->s->objectness.n :
			  !r->s->boxes.n != !r->s->scores.n)
		return want(r, "either \"all\", or \"boxes\" and \"scores\",");
	return HMR_OK;
}

static enum hmr_status
take_decode(struct reader *r, const cJSON *j)
{
	static const struct key keys[] = { { "strides", take_strides },
		{ "classes", take_classes }, { "person", take_person },
		{ "activation", take_activation }, { "best", take_best },
		{ "power", take_power },
		{ "box", take_box }, { "unit", take_unit }, { "bins", take_bins },
		{ "centre", take_centre }, { "nms", take_nms }, { "sizes", take_sizes },
		{ "gate", take_gate }, { NULL, NULL } };

	return cJSON_IsObject(j) ? walk(r, j, "decode.", keys) : want(r, "an object");
}

/* What single keys cannot know. */
static enum hmr_status
check(struct reader *r)
{
	struct hmr_detect_spec *s = r->s;

	if (s->form >= HMR_BOX_XYXY && s->unit == HMR_UNIT_STRIDES)
		s->unit = HMR_UNIT_PIXELS;
	if (!s->n_strides && s->form < HMR_BOX_XYXY)
		return hmr_fail(r->e, HMR_E_FORMAT, "decode.box: this form needs strides");
	if (!s->n_strides && s->unit == HMR_UNIT_STRIDES)
		return hmr_fail(r->e, HMR_E_FORMAT, "decode.unit: strides are not given");
	if (s->classes && s->person >= s->classes)
		return hmr_fail(r->e, HMR_E_FORMAT, "decode.person: class %u of %u", s->person,
				s->classes);
	return HMR_OK;
}

static enum hmr_status
read_root(struct reader *r, const cJSON *j)
{
	static const struct key keys[] = { { "format", skip }, { "kind", skip },
		{ "input", take_input }, { "outputs", take_outputs },
		{ "decode", take_decode }, { NULL, NULL } };
	const char *format = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "format"));
	const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "kind"));
	enum hmr_status st;

	if (!cJSON_IsObject(j) || !format || strcmp(format, FORMAT))
		return hmr_fail(r->e, HMR_E_VERSION, "no sidecar: \"format\": \"" FORMAT
				"\" wanted");
	if (!kind || hmr_detect_kind_from_name(kind) < 0)
		return hmr_fail(r->e, HMR_E_FORMAT, "kind: \"nanodet\", \"yolox\", \"picodet\", "
				"\"rtmdet\", \"fastestdet\" or \"boxes\" wanted");
	hmr_spec_init(r->s, (enum hmr_detect_kind)hmr_detect_kind_from_name(kind));
	if ((st = walk(r, j, "", keys)))
		return st;
	return check(r);
}

enum hmr_status
hmr_sidecar_parse(struct hmr_detect_spec *s, const char *text, size_t n,
		  struct hmr_err *e)
{
	struct reader r = { .s = s, .e = e };
	const char *end = text;
	cJSON *j = cJSON_ParseWithLengthOpts(text, n, &end, false);
	unsigned line = 1;
	enum hmr_status st;

	for (const char *p = text; !j && p < end; p++)
		line += *p == '\n';
	if (!j)
		return hmr_fail(e, HMR_E_FORMAT, "not JSON: line %u", line);
	st = read_root(&r, j);
	cJSON_Delete(j);
	return st;
}

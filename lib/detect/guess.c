/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which kind of detector a network is, by the sizes of its input and outputs. Each
 * kind is accepted only where the numbers of cells fit its strides exactly; what is
 * left is refused, as a wrong guess finds people where there are none.
 */
#include <stdio.h>
#include <string.h>

#include "detect/spec.h"

static const uint32_t strides[4] = { 8, 16, 32, 64 };

static void
image_size(const struct hmr_signature *g, int64_t size[2])
{
	const int64_t *d = g->input.dims.d;
	int from = d[1] == 3 ? 2 : 1;

	size[0] = d[from];
	size[1] = d[from + 1];
}

static int64_t
cells(const struct hmr_signature *g, uint32_t stride)
{
	int64_t size[2];

	image_size(g, size);
	return (size[0] + stride - 1) / stride * ((size[1] + stride - 1) / stride);
}

static void
put_name(struct hmr_output_names *o, const char *name)
{
	snprintf(o->name[o->n++], HMR_SPEC_NAME, "%s", name);
}

/* The output [1,N,C], N cells and C as fits() wants it; NULL unless there is just
 * one. */
static const char *
rows(const struct hmr_signature *g, int64_t n, bool (*fits)(int64_t c))
{
	const char *found = NULL;

	for (uint32_t i = 0; i < g->n_outputs; i++) {
		const struct hmr_dims *d = &g->output[i].dims;

		if (d->n != 3 || d->d[0] != 1 || d->d[1] != n || !fits(d->d[2]))
			continue;
		if (found)
			return NULL;
		found = g->output[i].name;
	}
	return found;
}

/* The same of [1,C,h,w]. */
static const char *
planes(const struct hmr_signature *g, uint32_t stride, bool (*fits)(int64_t c))
{
	const char *found = NULL;
	int64_t size[2];

	image_size(g, size);
	for (uint32_t i = 0; i < g->n_outputs; i++) {
		const struct hmr_dims *d = &g->output[i].dims;

		if (d->n != 4 || d->d[0] != 1 || d->d[2] != (size[0] + stride - 1) / stride ||
		    d->d[3] != (size[1] + stride - 1) / stride || !fits(d->d[1]))
			continue;
		if (found)
			return NULL;
		found = g->output[i].name;
	}
	return found;
}

static bool is_bins(int64_t c) { return c == 32 || c == 44; }
static bool is_bins_and_classes(int64_t c) { return c == 112 || c == 124 || c == 33 || c == 45; }
static bool is_classes(int64_t c) { return c >= 1 && !is_bins(c); }
static bool is_yolox(int64_t c) { return c >= 6 && !is_bins_and_classes(c); }
static bool is_four(int64_t c) { return c == 4; }
static bool is_not_four(int64_t c) { return c >= 1 && c != 4; }
static bool is_fastest(int64_t c) { return c >= 6; }

static int64_t
all_cells(const struct hmr_signature *g, uint32_t levels)
{
	int64_t n = 0;

	for (uint32_t i = 0; i < levels; i++)
		n += cells(g, strides[i]);
	return n;
}

/* Scores and boxes of each stride apart, [1,N,classes] and [1,N,4 x bins]. */
static bool
match_pairs(struct hmr_detect_spec *s, const struct hmr_signature *g, uint32_t levels)
{
	if (g->n_outputs != 2 * levels)
		return false;
	for (uint32_t i = 0; i < levels; i++) {
		const char *score = rows(g, cells(g, strides[i]), is_classes);
		const char *box = rows(g, cells(g, strides[i]), is_bins);

		if (!score || !box)
			return false;
		put_name(&s->scores, score);
		put_name(&s->boxes, box);
	}
	return true;
}

static bool
match_nanodet(struct hmr_detect_spec *s, const struct hmr_signature *g)
{
	for (uint32_t levels = 3; levels <= 4; levels++) {
		const char *all = rows(g, all_cells(g, levels), is_bins_and_classes);

		if (!all || g->n_outputs != 1)
			continue;
		put_name(&s->all, all);
		if (levels == 4) {	/* NanoDet-Plus */
			s->n_strides = 4;
			s->stride[3] = 64;
			s->centre = 0;
		}
		return true;
	}
	return match_pairs(s, g, 3);
}

static bool
match_picodet(struct hmr_detect_spec *s, const struct hmr_signature *g)
{
	return match_pairs(s, g, 4);
}

static bool
match_yolox(struct hmr_detect_spec *s, const struct hmr_signature *g)
{
	const char *all = rows(g, all_cells(g, 3), is_yolox);

	if (!all || g->n_outputs != 1)
		return false;
	put_name(&s->all, all);
	if (g->exponent) {
		s->form = HMR_BOX_CXCYWH;
		s->unit = HMR_UNIT_PIXELS;
	}
	return true;
}

static bool
match_rtmdet(struct hmr_detect_spec *s, const struct hmr_signature *g)
{
	if (g->n_outputs != 6)
		return false;
	for (int i = 0; i < 3; i++) {
		const char *score = planes(g, strides[i], is_not_four);
		const char *box = planes(g, strides[i], is_four);

		if (!score || !box)
			return false;
		put_name(&s->scores, score);
		put_name(&s->boxes, box);
	}
	return true;
}

static bool
match_fastestdet(struct hmr_detect_spec *s, const struct hmr_signature *g)
{
	const char *all = planes(g, 16, is_fastest);

	if (!all || g->n_outputs != 1)
		return false;
	put_name(&s->all, all);
	return true;
}

/* mmdeploy's names for boxes after suppression: [1,K,5] and [1,K]. */
static bool
match_boxes(struct hmr_detect_spec *s, const struct hmr_signature *g)
{
	static const float mean[3] = { 123.675f, 116.28f, 103.53f };
	static const float std[3] = { 58.395f, 57.12f, 57.375f };
	const struct hmr_signature_io *o = g->output;
	int dets = g->n_outputs == 2 && !strcmp(o[1].name, "dets");

	if (g->n_outputs != 2 || strcmp(o[dets].name, "dets") ||
	    strcmp(o[!dets].name, "labels") || o[dets].dims.n != 3 || o[dets].dims.d[2] != 5 ||
	    o[!dets].dims.n != 2 || o[!dets].dims.d[1] != o[dets].dims.d[1])
		return false;
	put_name(&s->all, "dets");
	put_name(&s->labels, "labels");
	s->n_columns = 2;
	s->bgr = true;
	memcpy(s->mean, mean, sizeof(mean));
	memcpy(s->std, std, sizeof(std));
	for (int i = 0; i < 3; i++)
		s->fill[i] = 114;
	s->nms = false;
	return true;
}

typedef bool matcher(struct hmr_detect_spec *s, const struct hmr_signature *g);
static matcher *const match[HMR_DETECT_KINDS] = {
	[HMR_DETECT_NANODET] = match_nanodet, [HMR_DETECT_YOLOX] = match_yolox,
	[HMR_DETECT_PICODET] = match_picodet, [HMR_DETECT_RTMDET] = match_rtmdet,
	[HMR_DETECT_FASTESTDET] = match_fastestdet, [HMR_DETECT_BOXES] = match_boxes,
};

/* "name [1,2,3], …" of all outputs, cut where it gets long. */
static void
describe(const struct hmr_signature *g, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = 0;
	for (uint32_t i = 0; i < g->n_outputs && n + 1 < cap; i++) {
		const struct hmr_dims *d = &g->output[i].dims;

		n += (size_t)snprintf(out + n, cap - n, "%s%.30s [", i ? ", " : "",
				      g->output[i].name);
		for (uint32_t k = 0; k < d->n && n + 1 < cap; k++)
			n += (size_t)snprintf(out + n, cap - n, k ? ",%lld" : "%lld",
					      (long long)d->d[k]);
		if (n + 1 < cap)
			n += (size_t)snprintf(out + n, cap - n, "]");
	}
}

static bool
is_image(const struct hmr_signature *g)
{
	const struct hmr_dims *d = &g->input.dims;

	return g->n_inputs == 1 && d->n == 4 && (d->d[1] == 3 || d->d[3] == 3);
}

enum hmr_status
hmr_spec_guess(struct hmr_detect_spec *s, const struct hmr_signature *g,
	       struct hmr_err *e)
{
	char text[160];

	if (!is_image(g))
		return hmr_fail(e, HMR_E_MODEL, "no detector: its input is not one image of 3 "
				"channels");
	for (int k = 0; k < HMR_DETECT_KINDS; k++) {
		hmr_spec_init(s, (enum hmr_detect_kind)k);
		if (match[k](s, g))
			return HMR_OK;
	}
	describe(g, text, sizeof(text));
	return hmr_fail(e, HMR_E_MODEL, "of no kind of detector that can be guessed, with outputs "
			"%s: a sidecar beside it must say its \"kind\", \"input\", \"outputs\" and "
			"\"decode\" (hmr-model(5))", text);
}

enum hmr_status
hmr_spec_outputs(struct hmr_detect_spec *s, const struct hmr_signature *g,
		 struct hmr_err *e)
{
	struct hmr_detect_spec by_size = *s;
	char text[160];

	if (s->all.n || s->boxes.n)
		return HMR_OK;
	if (is_image(g) && s->kind != HMR_DETECT_BOXES && match[s->kind](&by_size, g)) {
		s->all = by_size.all;
		s->boxes = by_size.boxes;
		s->scores = by_size.scores;
		return HMR_OK;
	}
	if (g->n_outputs == 1) {
		put_name(&s->all, g->output[0].name);
		return HMR_OK;
	}
	describe(g, text, sizeof(text));
	return hmr_fail(e, HMR_E_MODEL, "its sidecar must name the \"outputs\": %s", text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Running the detector on the CPU: images into inputs, outputs to boxes, tiles, one
 * suppression. What a GPU does otherwise is detector_gpu.c's. */
#include <math.h>
#include <string.h>

#include "detect/detector_impl.h"

/* Everything the padding's colour. */
static void
paint(struct hmr_detector *d, struct scale *s)
{
	size_t plane = (size_t)s->width * s->height;

	for (int c = 0; c < 3; c++) {
		int to = d->spec.bgr ? 2 - c : c;
		float v = d->spec.fill[c] / 255 * d->value_scale[c] + d->value_bias[c];
		float *at = s->input + (d->nhwc ? (size_t)to : (size_t)to * plane);
		size_t step = d->nhwc ? 3 : 1;

		for (size_t i = 0; i < plane; i++)
			at[i * step] = v;
	}
}

static enum hmr_status
fill(struct hmr_detector *d, struct scale *s, const struct hmr_image *im,
     struct hmr_mapping *m, struct hmr_err *e)
{
	size_t plane = (size_t)s->width * s->height, step = d->nhwc ? 3 : 1;
	struct hmr_raster r = { .step = step, .pitch = s->width * step };
	struct hmr_detector_fit f;

	hmr_detector_fit(d, s, im->width, im->height, &f, m);
	r.width = f.size[0];
	r.height = f.size[1];
	if (r.width < s->width || r.height < s->height)
		paint(d, s);
	for (int c = 0; c < 3; c++) {
		size_t to = (size_t)(d->spec.bgr ? 2 - c : c);

		r.channel[c] = s->input + (d->nhwc ? to : to * plane) +
			(f.at[1] * (size_t)s->width + f.at[0]) * step;
		r.scale[c] = d->value_scale[c];
		r.bias[c] = d->value_bias[c];
	}
	return hmr_sample_image(d->sampler, im, &r, e);
}

/* Appends a network's boxes in im, which begins at origin in the whole image. */
static enum hmr_status
run_net(struct hmr_detector *d, struct scale *s, const struct hmr_image *im,
	const uint32_t origin[2], uint32_t *n, struct hmr_err *e)
{
	const float *data[HMR_DECODE_OUTPUTS];
	struct hmr_mapping m = { .origin = { (float)origin[0], (float)origin[1] } };
	struct hmr_dims dims;
	enum hmr_status st;

	if ((st = fill(d, s, im, &m, e)) || (st = hmr_net_run(s->net, 0, e)))
		return st;
	for (uint32_t i = 0; i < s->decoder.n_outputs; i++)
		data[i] = hmr_net_output(s->net, s->decoder.name[i], &dims);
	hmr_decode(&s->decoder, data, d->o.score, &m, d->found, n);
	return HMR_OK;
}

/* Without those shorter than the gate. */
static uint32_t
gated(struct hmr_scored *b, uint32_t n, float least)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (fmaxf(b[i].box[2] - b[i].box[0], b[i].box[3] - b[i].box[1]) >= least)
			b[kept++] = b[i];
	return kept;
}

enum hmr_status
hmr_detector_tiles(struct hmr_detector *d, const struct hmr_image *im, hmr_detector_net *net,
		   uint32_t *n, struct hmr_err *e)
{
	struct hmr_tiles t = { d->o.tile_rows, d->o.tile_cols, im->width, im->height };
	struct scale *s = &d->scale[d->tile_scale];
	uint32_t parts = 0;
	enum hmr_status st;

	for (uint32_t i = 0; i < t.rows * t.cols; i++) {
		uint32_t rect[4], from = *n;
		struct hmr_image part;

		hmr_tile_rect(&t, i / t.cols, i % t.cols, rect);
		hmr_image_part(im, rect, &part);
		if ((st = net(d, s, &part, rect, n, e)))
			return st;
		*n = from + hmr_boxes_nms(d->found + from, *n - from, d->o.nms);
		*n = from + hmr_tile_sort(&t, i / t.cols, i % t.cols, d->found + from,
					  *n - from, d->part, &parts);
	}
	hmr_tile_join(d->part, parts, d->found, n);
	return HMR_OK;
}

static enum hmr_status
run_all(struct hmr_detector *d, const struct hmr_image *im, uint32_t *n,
	struct hmr_err *e)
{
	static const uint32_t corner[2] = { 0, 0 };
	enum hmr_status st;

	for (uint32_t i = 0; i < d->n_scales; i++) {
		struct scale *s = &d->scale[i];
		uint32_t from = *n;

		if ((st = run_net(d, s, im, corner, n, e)))
			return st;
		*n = from + gated(d->found + from, *n - from, s->gate * (float)im->height);
	}
	return d->tile_scale < 0 ? HMR_OK : hmr_detector_tiles(d, im, run_net, n, e);
}

void
hmr_detector_people(struct hmr_detector *d, const struct hmr_image *im, uint32_t found,
		    struct hmr_person *out, uint32_t *n, uint32_t *over)
{
	found = hmr_boxes_nms(d->found, found, d->o.nms);
	for (uint32_t i = 0; i < found; i++) {
		struct hmr_scored *b = &d->found[i];
		struct hmr_person p = { .score = b->score };

		if (!hmr_box_clip(b->box, (float)im->width, (float)im->height) ||
		    fmaxf(b->box[2] - b->box[0], b->box[3] - b->box[1]) <
		    d->o.min_size)
			continue;
		if (*n == d->o.max_people) {
			++*over;
			continue;
		}
		memcpy(p.box, b->box, sizeof(p.box));
		out[(*n)++] = p;
	}
}

enum hmr_status
hmr_detector_finish(struct hmr_detector *d, const struct hmr_image *im,
		    struct hmr_person *out, uint32_t *n, uint32_t *over,
		    struct hmr_err *e)
{
	uint32_t found = 0;
	enum hmr_status st;

	*n = *over = 0;
	if (d->slots)
		return hmr_detector_gpu_finish(d, im, out, n, over, e);
	if ((st = run_all(d, im, &found, e)))
		return st;
	hmr_detector_people(d, im, found, out, n, over);
	return HMR_OK;
}

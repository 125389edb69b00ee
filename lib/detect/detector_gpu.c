/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The detector on a GPU: its image goes up as it came, each network's input is made
 * of it there, and of the outputs the people, who alone come back. The boxes of all
 * networks are one list before they are suppressed, as on the CPU. With tiles every
 * network's list comes back instead, and parts of people are joined and suppressed
 * on the host.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "cuda/detect_args.h"
#include "cuda/image_job.h"
#include "detect/detector_impl.h"

_Static_assert(sizeof(struct detect_box) == sizeof(struct hmr_scored),
	       "boxes are alike on the device");
_Static_assert(sizeof(struct detect_job) % 8 == 0, "jobs lie one after the other");

static size_t
up(size_t n)
{
	return (n + 7) / 8 * 8;
}

static size_t
list_bytes(size_t boxes)
{
	return up(sizeof(struct detect_list) + boxes * sizeof(struct detect_box));
}

size_t
hmr_detector_list(const struct hmr_detector *d)
{
	size_t cells = 0;

	for (uint32_t i = 0; i < d->n_scales; i++)
		cells += d->scale[i].decoder.cells;
	return d->tile_scale < 0 ? list_bytes(cells) : 0;
}

static size_t
image_work(const struct scale *s)
{
	return up(hmr_image_work(1, s->width, s->height));
}

static enum hmr_status
put_input(void *ctx, const struct hmr_around_site *at, struct hmr_err *e)
{
	const struct scale *s = ctx;
	struct hmr_image_input in = { .n = 1, .width = s->width, .height = s->height,
		.nhwc = s->of->nhwc, .bgr = s->of->spec.bgr, .type = at->type,
		.at = at->input, .jobs = at->job, .job_step = sizeof(struct detect_job),
		.work = at->work };

	return hmr_image_fill(at->api, at->device, at->queue, &in, e);
}

/* One block of threads. */
static enum hmr_status
launch(const struct hmr_around_site *at, const char *name, size_t shared, const void *args,
       size_t bytes, struct hmr_err *e)
{
	static const uint32_t one[3] = { 1, 1, 1 };
	const struct hmr_kernel *k;
	enum hmr_status st = at->api->kernel(at->device, name, &k, e);

	return st ? st : at->api->launch(at->queue, k, one, DETECT_THREADS, shared, args, bytes,
					 e);
}

static enum hmr_status
suppress(const struct scale *s, const struct hmr_around_site *at, struct hmr_err *e)
{
	const struct hmr_detector *d = s->of;
	struct detect_suppress a = { .list = hmr_slots_shared(d->slots), .out = at->result,
		.job = at->job, .iou = d->o.nms, .min_size = d->o.min_size,
		.most = d->o.max_people };

	return launch(at, "detect_suppress", DETECT_THREADS * 8, &a, sizeof(a), e);
}

static enum hmr_status
put_boxes(void *ctx, const struct hmr_around_site *at, struct hmr_err *e)
{
	const struct scale *s = ctx;
	const struct hmr_detector *d = s->of;
	const float *data[HMR_DECODE_OUTPUTS];
	struct detect_cells a = { .job = at->job,
		.box = (void *)((uint8_t *)at->work + image_work(s)) };
	struct detect_gather g = { .box = a.box, .n = s->decoder.cells, .first = s->first,
		.list = d->tile_scale < 0 ? hmr_slots_shared(d->slots) : at->result };
	const struct hmr_kernel *k;
	enum hmr_status st;

	for (uint32_t i = 0; i < s->decoder.n_outputs; i++)
		data[i] = hmr_around_output(at, s->decoder.name[i]);
	hmr_decode_cells(&a, &s->decoder, data, s->of->o.score);
	if ((st = at->api->kernel(at->device, "detect_cells", &k, e)) ||
	    (st = hmr_device_each(at->api, at->queue, k, a.n, &a, sizeof(a), e)) ||
	    (st = launch(at, "detect_gather", DETECT_THREADS * 4, &g, sizeof(g), e)))
		return st;
	return s->last ? suppress(s, at, e) : HMR_OK;
}

void
hmr_detector_surround(struct hmr_detector *d, struct scale *s)
{
	bool tiles = d->tile_scale >= 0;

	s->of = d;
	s->first = tiles || s == d->scale;
	s->last = !tiles && s == &d->scale[d->n_scales - 1];
	s->around = (struct hmr_net_around){ .job = sizeof(struct detect_job),
		.work = image_work(s) + up(s->decoder.cells * sizeof(struct detect_box)),
		.result = tiles ? list_bytes(s->decoder.cells) :
			s->last ? list_bytes(d->o.max_people) : 0,
		.slots = HMR_SLOTS, .before = put_input, .after = put_boxes, .ctx = s };
}

/* What a network has to know of an image that begins at origin in the whole one. */
static void
set_job(const struct hmr_detector *d, const struct scale *s, const struct hmr_image *im,
	const uint32_t origin[2], float least, struct detect_job *j)
{
	struct hmr_image_place p;
	struct hmr_detector_fit f;
	struct hmr_mapping m;

	hmr_detector_fit(d, s, im->width, im->height, &f, &m);
	memcpy(p.at, f.at, sizeof(p.at));
	memcpy(p.size, f.size, sizeof(p.size));
	for (int c = 0; c < 3; c++) {
		p.scale[c] = d->value_scale[c];
		p.bias[c] = d->value_bias[c];
		p.fill[c] = d->spec.fill[c] / 255 * d->value_scale[c] + d->value_bias[c];
	}
	hmr_image_job(&j->image, im, &p);
	for (int i = 0; i < 2; i++) {
		j->offset[i] = m.offset[i];
		j->scale[i] = m.scale[i];
		j->origin[i] = (float)origin[i];
	}
	j->least = least;
	j->width = (float)im->width;
	j->height = (float)im->height;
}

enum hmr_status
hmr_detector_gpu_begin(struct hmr_detector *d, const struct hmr_image *im, struct hmr_err *e)
{
	static const uint32_t corner[2] = { 0, 0 };
	uint32_t slot = d->begun % HMR_SLOTS;
	struct hmr_image *above = &d->above[slot];
	enum hmr_status st;

	assert(d->begun - d->finished < HMR_SLOTS);
	if ((st = hmr_slots_put(d->slots, slot, im, above, e)) ||
	    (st = hmr_slots_use(d->slots, slot, e)))
		return st;
	for (uint32_t i = 0; i < d->n_scales; i++) {
		struct scale *s = &d->scale[i];

		set_job(d, s, above, corner, s->gate * (float)im->height,
			hmr_net_job(s->net, slot));
		if ((st = hmr_net_put(s->net, 0, slot, e)))
			return st;
	}
	if (!(st = hmr_slots_mark(d->slots, slot, e)))
		d->begun++;
	return st;
}

/* Appends what a network found in the image of the first slot begun. */
static void
take(struct hmr_detector *d, const struct scale *s, uint32_t *n)
{
	const struct detect_list *l = hmr_net_result(s->net, d->finished % HMR_SLOTS);

	memcpy(d->found + *n, l->box, l->n * sizeof(*l->box));
	*n += l->n;
}

static enum hmr_status
run_tile(struct hmr_detector *d, struct scale *s, const struct hmr_image *part,
	 const uint32_t origin[2], uint32_t *n, struct hmr_err *e)
{
	uint32_t slot = d->finished % HMR_SLOTS;
	enum hmr_status st;

	set_job(d, s, part, origin, -INFINITY, hmr_net_job(s->net, slot));
	if ((st = hmr_net_put(s->net, 0, slot, e)) ||
	    (st = hmr_slots_mark(d->slots, slot, e)) ||
	    (st = hmr_slots_wait(d->slots, slot, e)))
		return st;
	take(d, s, n);
	return HMR_OK;
}

static enum hmr_status
finish_tiles(struct hmr_detector *d, const struct hmr_image *im, struct hmr_person *out,
	     uint32_t *n, uint32_t *over, struct hmr_err *e)
{
	uint32_t found = 0;
	enum hmr_status st;

	for (uint32_t i = 0; i < d->n_scales; i++)
		take(d, &d->scale[i], &found);
	if (!(st = hmr_detector_tiles(d, &d->above[d->finished % HMR_SLOTS], run_tile, &found,
				      e)))
		hmr_detector_people(d, im, found, out, n, over);
	return st;
}

static void
read_people(const struct hmr_detector *d, struct hmr_person *out, uint32_t *n, uint32_t *over)
{
	const struct detect_list *l = hmr_net_result(d->scale[d->n_scales - 1].net,
						     d->finished % HMR_SLOTS);

	*n = l->n;
	*over = l->over;
	for (uint32_t i = 0; i < l->n; i++) {
		out[i] = (struct hmr_person){ .score = l->box[i].score };
		memcpy(out[i].box, l->box[i].box, sizeof(out[i].box));
	}
}

enum hmr_status
hmr_detector_gpu_finish(struct hmr_detector *d, const struct hmr_image *im,
			struct hmr_person *out, uint32_t *n, uint32_t *over, struct hmr_err *e)
{
	enum hmr_status st = hmr_slots_wait(d->slots, d->finished % HMR_SLOTS, e);

	if (!st && d->tile_scale >= 0)
		st = finish_tiles(d, im, out, n, over, e);
	else if (!st)
		read_people(d, out, n, over);
	d->finished++;
	return st;
}

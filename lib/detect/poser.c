/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BlazePose: crops in, landmarks out; see poser.h. The heat map and the
 * segmentation are not computed. The network's 2D depth is on a scale of its own
 * and is not used: depth comes from the metric points. On a GPU crops are made there
 * of the image as it came, and only points that are used come back.
 */
#include "detect/poser.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/detect_args.h"
#include "cuda/image_job.h"
#include "cuda/image_slots.h"
#include "detect/cell.h"
#include "nn/around.h"
#include "nn/target.h"

_Static_assert(DETECT_POINTS == HMR_LANDMARKS && sizeof(struct detect_points) % 8 == 0 &&
	       sizeof(struct image_job) % 8 == 0, "points and jobs lie one after the other");

#define POINTS 39		/* 33 of the body, 2 of the crop, 4 unused */
#define FIELDS 5		/* x y z, visibility and presence as logits */

static const uint32_t batches[] = { 1, 2, 4, 8, 0 };
#define BATCH_MAX 8

struct hmr_poser {
	struct hmr_net *net;
	struct hmr_sampler *sampler;	/* NULL on a GPU */
	const char *outputs[4];		/* landmarks, world, present; the model's strings */
	float *input;			/* [BATCH_MAX][side][side][3], R G B in 0..1 */
	uint32_t side;			/* pixels */
	/* On a GPU: images that were begun and are not finished lie in slots. */
	struct hmr_slots *slots;	/* NULL on the CPU */
	size_t slot;			/* bytes of one */
	struct hmr_net_around around;
	struct hmr_image above[HMR_SLOTS];	/* planes in device memory */
	uint64_t begun, finished;
};

static enum hmr_status
check_output(struct hmr_net *n, const char *name, int64_t size, struct hmr_err *e)
{
	struct hmr_dims d;

	if (!hmr_net_shape(n, name, &d))
		return hmr_fail(e, HMR_E_MODEL, "no output %s", name);
	if (d.n != 2 || d.d[1] != size)
		return hmr_fail(e, HMR_E_MODEL, "output %s has not %d numbers", name,
				(int)size);
	return HMR_OK;
}

/* Crops are prepared in one way, R G B in 0..1; the meta has to agree. */
static enum hmr_status
read_meta(struct hmr_poser *p, const struct hmr_model *m, struct hmr_err *e)
{
	static const char *const keys[3] = { "landmarks", "world", "present" };
	static const char *const pixels[6] = { "mean_r", "mean_g", "mean_b", "std_r",
		"std_g", "std_b" };
	const char *decoder = hmr_model_meta(m, "decoder");

	if (strcmp(hmr_model_kind(m), "pose"))
		return hmr_fail(e, HMR_E_MODEL, "a model of kind \"%s\", a pose network "
				"is needed", hmr_model_kind(m));
	if (!decoder || strcmp(decoder, "blazepose"))
		return hmr_fail(e, HMR_E_MODEL, "a pose network whose decoder \"%s\" is "
				"not known", decoder ? decoder : "");
	for (int i = 0; i < 6; i++)
		if (hmr_model_meta_f64(m, pixels[i], -1) != (i < 3 ? 0 : 255))
			return hmr_fail(e, HMR_E_MODEL, "its input is not R G B in 0..1");
	for (int i = 0; i < 3; i++)
		if (!(p->outputs[i] = hmr_model_meta(m, keys[i])))
			return hmr_fail(e, HMR_E_MODEL, "no %s in its meta", keys[i]);
	return HMR_OK;
}

static enum hmr_status
check_net(struct hmr_poser *p, struct hmr_net *net, struct hmr_err *e)
{
	struct hmr_dims d = { .n = 0 };
	enum hmr_status st;

	p->input = hmr_net_input(net, NULL, &d);
	if (d.n != 4 || d.d[0] != BATCH_MAX || d.d[1] != d.d[2] ||
	    d.d[1] < 1 || d.d[1] > 4096 || d.d[3] != 3)
		return hmr_fail(e, HMR_E_MODEL, "input is not square RGB pixels");
	p->side = (uint32_t)d.d[1];
	if ((st = check_output(net, p->outputs[0], POINTS * FIELDS, e)) ||
	    (st = check_output(net, p->outputs[1], POINTS * 3, e)) ||
	    (st = check_output(net, p->outputs[2], 1, e)))
		return st;
	return HMR_OK;
}

static enum hmr_status
put_crops(void *ctx, const struct hmr_around_site *at, struct hmr_err *e)
{
	const struct hmr_poser *p = ctx;
	struct hmr_image_input in = { .n = at->batch, .width = p->side, .height = p->side,
		.nhwc = true, .type = at->type, .at = at->input, .jobs = at->job,
		.job_step = sizeof(struct image_job), .work = at->work };

	return hmr_image_fill(at->api, at->device, at->queue, &in, e);
}

static enum hmr_status
pick_points(void *ctx, const struct hmr_around_site *at, struct hmr_err *e)
{
	const struct hmr_poser *p = ctx;
	struct detect_pick a = { .n = (uint64_t)at->batch * HMR_LANDMARKS, .points = POINTS,
		.marks = hmr_around_output(at, p->outputs[0]),
		.world = hmr_around_output(at, p->outputs[1]),
		.flag = hmr_around_output(at, p->outputs[2]), .out = at->result };
	const struct hmr_kernel *k;
	enum hmr_status st = at->api->kernel(at->device, "detect_pick", &k, e);

	return st ? st : hmr_device_each(at->api, at->queue, k, a.n, &a, sizeof(a), e);
}

/* On a GPU, two images and what is done around the network, whose sizes a plan of it
 * tells; they take from the limit first. */
static enum hmr_status
open_slots(struct hmr_poser *p, const struct hmr_model *m, int index,
	   struct hmr_net_options *no, const struct hmr_poser_options *o, struct hmr_err *e)
{
	struct hmr_slots_plan plan;
	struct hmr_net *net;
	enum hmr_status st;

	no->plan_only = true;
	no->gpu_mem = 0;
	if ((st = hmr_net_new(&net, m, no, e)))
		return st;
	st = check_net(p, net, e);
	hmr_net_free(net);
	if (st)
		return st;
	p->slot = hmr_slot_bytes(o->width, o->height, o->image_bytes);
	hmr_slots_plan(&plan, p->slot, 0);
	if (o->gpu_mem && o->gpu_mem <= plan.device)
		return hmr_fail(e, HMR_E_DEVICE, "two images need %zu bytes of GPU memory, the "
				"limit is %llu", plan.device, (unsigned long long)o->gpu_mem);
	if ((st = hmr_slots_new(&p->slots, index, p->slot, 0, e)))
		return st;
	p->around = (struct hmr_net_around){ .device = hmr_slots_device(p->slots),
		.queue = hmr_slots_queue(p->slots), .job = sizeof(struct image_job),
		.work = hmr_image_work(1, p->side, p->side),
		.result = sizeof(struct detect_points), .slots = 1, .before = put_crops,
		.after = pick_points, .ctx = p };
	no->around = &p->around;
	no->plan_only = false;
	no->gpu_mem = o->gpu_mem ? o->gpu_mem - plan.device : 0;
	return HMR_OK;
}

static enum hmr_status
open_net(struct hmr_poser *p, const struct hmr_model *m,
	 const struct hmr_poser_options *o, struct hmr_err *e)
{
	struct hmr_net_options no = { .device = o->device,
		.precision = o->precision, .threads = o->threads,
		.outputs = p->outputs, .batches = batches, .gpu_mem = o->gpu_mem,
		.input = { .n = 4, .d = { BATCH_MAX } } };
	struct hmr_target t;
	enum hmr_status st;

	if ((st = read_meta(p, m, e)) || (st = hmr_target_choose(&t, o->device, e)))
		return st;
	if (t.kind == HMR_TARGET_CUDA && (st = open_slots(p, m, t.index, &no, o, e)))
		return st;
	if ((st = hmr_net_new(&p->net, m, &no, e)) || (st = check_net(p, p->net, e)))
		return st;
	return p->slots ? HMR_OK :
		hmr_sampler_new(&p->sampler, o->width, o->height, p->side, p->side, e);
}

enum hmr_status
hmr_poser_new(struct hmr_poser **out, const struct hmr_model *m,
	      const struct hmr_poser_options *o, struct hmr_err *e)
{
	struct hmr_poser *p;
	enum hmr_status st;

	*out = NULL;
	if (!(p = calloc(1, sizeof(*p))))
		return hmr_fail(e, HMR_E_NOMEM, "pose network");
	if ((st = open_net(p, m, o, e)))
		hmr_fail_in(e, st, "%s", hmr_model_name(m));
	if (st) {
		hmr_poser_free(p);
		return st;
	}
	*out = p;
	return HMR_OK;
}

void
hmr_poser_free(struct hmr_poser *p)
{
	if (!p)
		return;
	if (p->slots)
		hmr_slots_idle(p->slots);
	hmr_net_free(p->net);
	hmr_slots_free(p->slots);
	hmr_sampler_free(p->sampler);
	free(p);
}

void
hmr_poser_plan(const struct hmr_poser *p, struct hmr_net_plan *net,
	       size_t *buffers)
{
	struct hmr_slots_plan s = { 0, 0 };

	hmr_net_plan(p->net, net);
	if (p->slots)
		hmr_slots_plan(&s, p->slot, 0);
	net->images = s.device;
	net->device += s.device;
	net->staging += s.staging;
	*buffers = (p->sampler ? hmr_sampler_bytes(p->sampler) : 0) + sizeof(*p);
}

const char *
hmr_poser_backend(const struct hmr_poser *p)
{
	return hmr_net_backend(p->net);
}

const char *
hmr_poser_precision(const struct hmr_poser *p)
{
	return hmr_net_precision(p->net);
}

/* Standing people are about this many times as tall as wide. */
#define TALL 2.4f

/* Lengthens the box beyond borders that it touches. */
static void
complete(float b[4], float width, float height)
{
	float near = 0.01f * fmaxf(b[2] - b[0], b[3] - b[1]);
	float tall = TALL * (b[2] - b[0]);

	if (b[3] - b[1] < tall) {
		if (b[3] > height - near)
			b[3] = b[1] + fminf(tall, 2 * (b[3] - b[1]));
		else if (b[1] < near)
			b[1] = b[3] - fminf(tall, 2 * (b[3] - b[1]));
	}
	if (TALL * (b[2] - b[0]) < b[3] - b[1]) {
		float wide = (b[3] - b[1]) / TALL;

		if (b[0] < near && b[2] < width - near)
			b[0] = b[2] - wide;
		else if (b[2] > width - near && b[0] > near)
			b[2] = b[0] + wide;
	}
}

void
hmr_poser_crop(const float box[4], uint32_t width, uint32_t height,
	       struct hmr_crop *out)
{
	float b[4] = { box[0], box[1], box[2], box[3] }, w, h;

	complete(b, (float)width, (float)height);
	w = b[2] - b[0];
	h = b[3] - b[1];
	out->centre[0] = (b[0] + b[2]) / 2;
	out->centre[1] = (b[1] + b[3]) / 2;
	out->side = HMR_POSER_CROP * (w > h ? w : h);
	out->angle = 0;
}

static bool
all_finite(const float *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(v[i]))
			return false;
	return true;
}

/* One crop's outputs, back to the image and to the camera's axes. A landmark that
 * is not finite becomes the crop's centre, unseen. */
static void
read_landmarks(const struct hmr_poser *p, const struct hmr_crop *c,
	       const struct detect_points *from, struct hmr_landmark_row *out)
{
	float sn = sinf(c->angle), cs = cosf(c->angle), side = (float)p->side;

	out->flag = isfinite(from->flag) ? from->flag : 0;
	for (int i = 0; i < HMR_LANDMARKS; i++) {
		const float *at = from->point[i], *world = at + 3;

		if (!isfinite(at[0])) {
			hmr_crop_point(c, 0.5f, 0.5f, out->image[i]);
			out->image[i][2] = 0;
			memset(out->world[i], 0, sizeof(out->world[i]));
			continue;
		}
		hmr_crop_point(c, at[0] / side, at[1] / side, out->image[i]);
		out->image[i][2] = hmr_sigmoid(at[2]);
		out->world[i][0] = cs * world[0] - sn * world[1];
		out->world[i][1] = sn * world[0] + cs * world[1];
		out->world[i][2] = world[2];
	}
}

/* What the kernel detect_pick does on a GPU. */
static void
pick(const float ld[POINTS][FIELDS], const float world[POINTS][3], float flag,
     struct detect_points *out)
{
	out->flag = flag;
	for (int i = 0; i < HMR_LANDMARKS; i++) {
		bool fine = all_finite(ld[i], FIELDS) && all_finite(world[i], 3);

		out->point[i][0] = fine ? ld[i][0] : NAN;
		out->point[i][1] = ld[i][1];
		out->point[i][2] = ld[i][3];
		memcpy(&out->point[i][3], world[i], 3 * sizeof(float));
	}
}

static enum hmr_status
run_above(struct hmr_poser *p, const struct hmr_crop *crop, uint32_t n,
	  struct hmr_landmark_row *out, struct hmr_err *e)
{
	const struct hmr_image_place whole = { .size = { p->side, p->side },
		.scale = { 1, 1, 1 } };
	uint32_t slot = p->finished % HMR_SLOTS;
	struct image_job *job = hmr_net_job(p->net, 0);
	const struct detect_points *at;
	enum hmr_status st;

	for (uint32_t i = 0; i < n; i++)
		if ((st = hmr_image_job_crop(&job[i], &p->above[slot], &crop[i], &whole, e)))
			return st;
	if ((st = hmr_slots_use(p->slots, slot, e)) || (st = hmr_net_run(p->net, n, e)))
		return st;
	at = hmr_net_result(p->net, 0);
	for (uint32_t i = 0; i < n; i++)
		read_landmarks(p, &crop[i], &at[i], &out[i]);
	return HMR_OK;
}

static enum hmr_status
run_batch(struct hmr_poser *p, const struct hmr_image *im,
	  const struct hmr_crop *crop, uint32_t n, struct hmr_landmark_row *out,
	  struct hmr_err *e)
{
	struct hmr_raster r = { .step = 3, .pitch = (size_t)p->side * 3,
		.width = p->side, .height = p->side, .scale = { 1, 1, 1 } };
	const float *ld, *world, *flag;
	struct detect_points at;
	struct hmr_dims d;
	enum hmr_status st;

	for (uint32_t i = 0; i < n; i++) {
		for (int c = 0; c < 3; c++)
			r.channel[c] = p->input + i * r.pitch * p->side + c;
		if ((st = hmr_sample_crop(p->sampler, im, &crop[i], &r, e)))
			return st;
	}
	if ((st = hmr_net_run(p->net, n, e)))
		return st;
	ld = hmr_net_output(p->net, p->outputs[0], &d);
	world = hmr_net_output(p->net, p->outputs[1], &d);
	flag = hmr_net_output(p->net, p->outputs[2], &d);
	for (uint32_t i = 0; i < n; i++) {
		pick((const float (*)[FIELDS])(ld + (size_t)i * POINTS * FIELDS),
		     (const float (*)[3])(world + (size_t)i * POINTS * 3), flag[i], &at);
		read_landmarks(p, &crop[i], &at, &out[i]);
	}
	return HMR_OK;
}

bool
hmr_poser_ahead(const struct hmr_poser *p)
{
	return p->slots != NULL;
}

enum hmr_status
hmr_poser_begin(struct hmr_poser *p, const struct hmr_image *im, struct hmr_err *e)
{
	uint32_t slot = p->begun % HMR_SLOTS;
	enum hmr_status st = HMR_OK;

	assert(p->begun - p->finished < HMR_SLOTS);
	if (p->slots && im)
		st = hmr_slots_put(p->slots, slot, im, &p->above[slot], e);
	p->begun += !st;
	return st;
}

void
hmr_poser_finish(struct hmr_poser *p)
{
	p->finished++;
}

enum hmr_status
hmr_poser_run(struct hmr_poser *p, const struct hmr_image *im,
	      const struct hmr_crop *crop, uint32_t n,
	      struct hmr_landmark_row *out, struct hmr_err *e)
{
	enum hmr_status st;

	while (n) {
		uint32_t now = hmr_net_batch(p->net);

		while (now > n)
			now /= 2;
		if ((st = p->slots ? run_above(p, crop, now, out, e) :
		     run_batch(p, im, crop, now, out, e)))
			return st;
		crop += now;
		out += now;
		n -= now;
	}
	return HMR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs of image_fill.cu; see image_job.h. */
#include "cuda/image_job.h"

#include <math.h>
#include <string.h>

/* Everything but where samples come from. */
static void
start(struct image_job *j, const struct hmr_image *im, const struct hmr_image_place *p)
{
	uint32_t sx, sy;

	memset(j, 0, sizeof(*j));
	for (uint32_t i = 0; i < im->planes; i++) {
		j->plane[i] = im->plane[i];
		j->stride[i] = im->stride[i];
	}
	j->pixel = im->pixel;
	j->depth = im->depth;
	j->width = im->width;
	j->height = im->height;
	hmr_chroma_shape(im, &sx, &sy, &j->cw, &j->ch);
	hmr_colour_init(&j->colour, im);
	memcpy(j->at, p->at, sizeof(j->at));
	memcpy(j->size, p->size, sizeof(j->size));
	memcpy(j->scale, p->scale, sizeof(j->scale));
	memcpy(j->bias, p->bias, sizeof(j->bias));
	memcpy(j->fill, p->fill, sizeof(j->fill));
}

/* sample.c: plan(). */
static void
lines(struct image_job *j, const struct hmr_image *im, double x0, double y0, double w,
      double h, bool black)
{
	uint32_t sx, sy, cw, ch;

	j->line[0] = (struct image_line){ x0, w / j->size[0], j->size[0], im->width, black };
	j->line[1] = (struct image_line){ y0, h / j->size[1], j->size[1], im->height, black };
	if (!hmr_chroma_shape(im, &sx, &sy, &cw, &ch))
		return;
	j->line[2] = (struct image_line){ x0 / sx, w / sx / j->size[0], j->size[0], cw, 0 };
	j->line[3] = (struct image_line){ y0 / sy, h / sy / j->size[1], j->size[1], ch, 0 };
}

void
hmr_image_job(struct image_job *j, const struct hmr_image *im,
	      const struct hmr_image_place *p)
{
	start(j, im, p);
	lines(j, im, 0, 0, im->width, im->height, false);
}

enum hmr_status
hmr_image_job_crop(struct image_job *j, const struct hmr_image *im,
		   const struct hmr_crop *c, const struct hmr_image_place *p,
		   struct hmr_err *e)
{
	double side = c->side, x0 = (double)c->centre[0] - side / 2;
	double y0 = (double)c->centre[1] - side / 2;
	double step = side / (p->size[0] < p->size[1] ? p->size[0] : p->size[1]);

	if (!isfinite(x0) || !isfinite(y0) || !isfinite(c->angle) || !(c->side > 0))
		return hmr_fail(e, HMR_E_FORMAT, "crop: centre %g %g, side %g",
				(double)c->centre[0], (double)c->centre[1], side);
	start(j, im, p);
	if (c->angle == 0)
		lines(j, im, x0, y0, side, side, true);
	else
		j->turn = (struct image_turn){ { c->centre[0], c->centre[1] }, side,
			sin(c->angle), cos(c->angle),
			step <= 2 ? 1 : step < 16 ? (uint32_t)ceil(step) : 16 };
	return HMR_OK;
}

static uint32_t
longer(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

size_t
hmr_image_work(uint32_t n, uint32_t width, uint32_t height)
{
	return (size_t)n * 4 * longer(width, height) * sizeof(struct image_tap);
}

enum hmr_status
hmr_image_fill(const struct hmr_device_api *api, struct hmr_device *d, struct hmr_queue *q,
	       const struct hmr_image_input *in, struct hmr_err *e)
{
	uint32_t most = longer(in->width, in->height), plane = in->width * in->height;
	const struct hmr_kernel *axes, *fill;
	struct image_axes a = { (uint64_t)in->n * 4 * most, in->jobs, in->job_step, most,
		in->work };
	struct image_fill f = { (uint64_t)in->n * plane, in->jobs, in->job_step, most,
		in->work, in->at, in->width, in->height, in->nhwc ? 1 : plane,
		in->nhwc ? 3 : 1, in->bgr };
	enum hmr_status st;

	if ((st = api->kernel(d, "image_axes", &axes, e)) ||
	    (st = api->kernel(d, in->type == HMR_DEVICE_F32 ? "image_fill_f32" :
			      in->type == HMR_DEVICE_F16 ? "image_fill_f16" :
			      "image_fill_bf16", &fill, e)) ||
	    (st = hmr_device_each(api, q, axes, a.n, &a, sizeof(a), e)))
		return st;
	return hmr_device_each(api, q, fill, f.n, &f, sizeof(f), e);
}

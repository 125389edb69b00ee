/* SPDX-License-Identifier: Apache-2.0 */
/* Crops for HMR2 taken on the GPU from the image, which goes up once a frame, into one
 * of two slots, while the network may be at work on the one before. */
#include "hmr2/hmr2_cuda_impl.h"

#include <assert.h>

enum hmr_status
hmr2_cuda_begin(struct hmr2_cuda *c, const struct hmr_image *im, struct hmr_err *e)
{
	uint32_t slot = c->begun % HMR_SLOTS;
	enum hmr_status st;

	assert(c->begun - c->used < HMR_SLOTS);
	if (im->width > c->width || im->height > c->height)
		return hmr_fail(e, HMR_E_LIMIT, "image of %ux%u, planned for %ux%u",
				im->width, im->height, c->width, c->height);
	if (!(st = hmr_slots_wait(c->slots, slot, e)) &&
	    !(st = hmr_slots_put(c->slots, slot, im, &c->above[slot], e)))
		c->begun++;
	return st;
}

enum hmr_status
hmr2_cuda_image(struct hmr2_cuda *c, const struct hmr_image *im, struct hmr_err *e)
{
	uint32_t slot = c->used % HMR_SLOTS;
	const struct hmr_image *a = &c->above[slot];
	struct hmr2_rgb_args r = { .to = c->base + c->map.image };
	enum hmr_status st = HMR_OK;

	if ((c->begun == c->used && (st = hmr2_cuda_begin(c, im, e))) ||
	    (st = hmr_slots_use(c->slots, slot, e)))
		return st;
	for (uint32_t i = 0; i < a->planes; i++) {
		r.plane[i] = a->plane[i];
		r.stride[i] = a->stride[i];
	}
	r.n = (uint64_t)a->width * a->height;
	r.pixel = a->pixel;
	r.depth = a->depth;
	r.width = c->image[0] = a->width;
	r.height = c->image[1] = a->height;
	r.matrix = hmr_rgb_matrix_of(a);
	c->used++;
	st = hmr_device_each(c->api, c->queue, c->rgb, r.n, &r, sizeof(r), e);
	return st ? st : hmr_slots_mark(c->slots, slot, e);
}

/* Which rows of the image a blurred crop needs. */
static void
rows_of(const struct hmr2_crop_job *j, int32_t height, int32_t *first, int32_t *last)
{
	int32_t least = j->y[0] >> 5, most = (j->y[255] >> 5) + 1;

	least -= j->radius;
	most += j->radius;
	*first = least < 0 ? 0 : least < height ? least : height - 1;
	*last = most < 0 ? 0 : most < height ? most : height - 1;
}

/* One blurred crop, by way of the rows, which the next one uses after it. */
static enum hmr_status
blurred(struct hmr2_cuda *c, const struct hmr2_crop_job *j, struct hmr2_crop_args *a,
	struct hmr_err *e)
{
	const struct hmr_device_api *api = c->api;
	uint32_t grid[3] = { 1, 1, 1 };
	enum hmr_status st;

	rows_of(j, a->height, &a->first, &a->last);
	grid[0] = (uint32_t)(a->last - a->first + 1);
	if ((st = api->launch(c->queue, c->rows, grid, HMR_HMR2_WIDTH, 0, a, sizeof(*a), e)))
		return st;
	grid[0] = HMR_HMR2_CROP;
	return api->launch(c->queue, c->blurred, grid, HMR_HMR2_WIDTH, 0, a, sizeof(*a), e);
}

enum hmr_status
hmr2_cuda_run_squares(struct hmr2_cuda *c, const struct hmr2_square *s, uint32_t n,
		      bool antialias, struct hmr_hmr2_result *out, struct hmr_err *e)
{
	const struct hmr_device_api *api = c->api;
	struct hmr2_crop_job *jobs = (void *)(c->host + c->map.host_jobs);
	uint8_t *base = c->base;
	struct hmr2_crop_args a = { .image = base + c->map.image,
		.job = (void *)(base + c->map.jobs), .rows = (void *)(base + c->map.rows),
		.crops = (void *)(base + c->map.crops), .width = (int32_t)c->image[0],
		.height = (int32_t)c->image[1] };
	const uint32_t grid[3] = { HMR_HMR2_CROP, n, 1 };
	enum hmr_status st;

	for (uint32_t i = 0; i < n; i++)
		hmr2_crop_prepare(&s[i], antialias, &jobs[i]);
	if ((st = api->copy_in(c->queue, base + c->map.jobs, jobs, n * sizeof(*jobs), e)) ||
	    (st = api->launch(c->queue, c->sharp, grid, HMR_HMR2_WIDTH, 0, &a, sizeof(a), e)))
		return st;
	for (uint32_t i = 0; i < n && !st; i++, a.job++, a.crops += HMR_HMR2_PIXELS)
		if (jobs[i].radius >= 0)
			st = blurred(c, &jobs[i], &a, e);
	return st ? st : hmr2_cuda_go(c, n, out, e);
}

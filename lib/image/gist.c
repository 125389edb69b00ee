/* SPDX-License-Identifier: Apache-2.0 */
/* The cells' mean colours, by the sampler; see gist.h. */
#include "image/gist.h"

#include <stdlib.h>

#include "image/sample.h"

struct hmr_gist {
	struct hmr_sampler *sampler;
	float rgb[HMR_GIST_VALUES];	/* 0..255, interleaved */
};

enum hmr_status
hmr_gist_new(struct hmr_gist **out, uint32_t width, uint32_t height,
	     struct hmr_err *e)
{
	struct hmr_gist *g = calloc(1, sizeof(*g));
	enum hmr_status st;

	*out = NULL;
	if (!g)
		return hmr_fail(e, HMR_E_NOMEM, "gist of an image");
	if ((st = hmr_sampler_new(&g->sampler, width, height, HMR_GIST_WIDTH,
				  HMR_GIST_HEIGHT, e))) {
		free(g);
		return st;
	}
	*out = g;
	return HMR_OK;
}

void
hmr_gist_free(struct hmr_gist *g)
{
	if (g)
		hmr_sampler_free(g->sampler);
	free(g);
}

size_t
hmr_gist_bytes(const struct hmr_gist *g)
{
	return sizeof(*g) + hmr_sampler_bytes(g->sampler);
}

enum hmr_status
hmr_gist_run(struct hmr_gist *g, const struct hmr_image *im,
	     uint8_t out[HMR_GIST_VALUES], struct hmr_err *e)
{
	struct hmr_raster r = {
		.channel = { g->rgb, g->rgb + 1, g->rgb + 2 }, .step = 3,
		.pitch = HMR_GIST_WIDTH * 3, .width = HMR_GIST_WIDTH,
		.height = HMR_GIST_HEIGHT, .scale = { 255, 255, 255 },
		.bias = { 0.5f, 0.5f, 0.5f } };
	enum hmr_status st;

	if ((st = hmr_sample_image(g->sampler, im, &r, e)))
		return st;
	for (int i = 0; i < HMR_GIST_VALUES; i++) {
		float v = g->rgb[i];

		out[i] = v > 0 ? v < 255 ? (uint8_t)v : 255 : 0;
	}
	return HMR_OK;
}

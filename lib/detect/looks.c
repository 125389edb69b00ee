/* SPDX-License-Identifier: Apache-2.0 */
/* Gists of images and vectors of people; see looks.h. */
#include "detect/looks.h"

#include <stdlib.h>
#include <string.h>

struct hmr_looks {
	struct hmr_looks_options o;
	struct hmr_reid_model *model;
	struct hmr_reid *reid;
	struct hmr_gist *gist;
	uint32_t width, height;		/* that these are planned for; 0: not yet */
	uint8_t section[HMR_TABLE_HEADER + HMR_GIST_VALUES];
};

enum hmr_status
hmr_looks_new(struct hmr_looks **out, const struct hmr_looks_options *o,
	      struct hmr_err *e)
{
	struct hmr_looks *l = calloc(1, sizeof(*l));
	enum hmr_status st;

	*out = NULL;
	if (!l)
		return hmr_fail(e, HMR_E_NOMEM, "appearance");
	l->o = *o;
	if (o->reid && (st = hmr_reid_model_open(&l->model, o->reid, o->tool, e))) {
		free(l);
		return st;
	}
	*out = l;
	return HMR_OK;
}

static void
drop_plan(struct hmr_looks *l)
{
	hmr_reid_free(l->reid);
	hmr_gist_free(l->gist);
	l->reid = NULL;
	l->gist = NULL;
	l->width = l->height = 0;
}

void
hmr_looks_free(struct hmr_looks *l)
{
	if (!l)
		return;
	drop_plan(l);
	hmr_reid_model_close(l->model);
	free(l);
}

static enum hmr_status
plan(struct hmr_looks *l, uint32_t width, uint32_t height, struct hmr_err *e)
{
	enum hmr_status st;

	drop_plan(l);
	l->o.net.width = width;
	l->o.net.height = height;
	if ((l->o.gist && (st = hmr_gist_new(&l->gist, width, height, e))) ||
	    (l->model && (st = hmr_reid_new(&l->reid, l->model, &l->o.net, e))))
		return st;
	l->width = width;
	l->height = height;
	return HMR_OK;
}

enum hmr_status
hmr_looks_head(struct hmr_looks *l, struct hmr_head *h, struct hmr_stage_info *stage,
	       bool *fresh, struct hmr_err *e)
{
	const struct hmr_head_info *i = hmr_head_info(h);
	enum hmr_status st;

	*fresh = i->width != l->width || i->height != l->height;
	if (*fresh && (st = plan(l, i->width, i->height, e)))
		return st;
	if (l->gist)
		hmr_head_grow(h, HMR_SECTION_HEADER + hmr_gist_section_bytes() + 7);
	if (l->reid) {
		hmr_head_grow(h, HMR_SECTION_HEADER + hmr_reid_section_bytes(l->reid) + 7);
		stage->reid = hmr_model_name(l->model->model);
		stage->reid_sha256 = hmr_model_sha256(l->model->model);
	}
	return HMR_OK;
}

void
hmr_looks_plan(const struct hmr_looks *l, struct hmr_net_plan *net, size_t *buffers)
{
	memset(net, 0, sizeof(*net));
	*buffers = sizeof(*l);
	if (l->reid)
		hmr_reid_plan(l->reid, net, buffers);
	if (l->gist)
		*buffers += hmr_gist_bytes(l->gist);
}

enum hmr_status
hmr_looks_add(struct hmr_looks *l, struct hmr_frame *f, const struct hmr_person *people,
	      uint32_t n, struct hmr_err *e)
{
	uint8_t gist[HMR_GIST_VALUES];
	struct hmr_image im;
	enum hmr_status st;

	if (!l->gist && !l->reid)
		return HMR_OK;
	st = hmr_image_get(f, &im, e);
	if (st == HMR_EOF && l->reid)
		return hmr_fail(e, HMR_E_FORMAT, "no image: --reid needs one");
	if (st)
		return st < 0 ? st : HMR_OK;
	if (l->gist &&
	    ((st = hmr_gist_run(l->gist, &im, gist, e)) ||
	     (st = hmr_frame_put(f, HMR_TAG_GIST, l->section,
				 hmr_gist_put(l->section, gist), e))))
		return st;
	return l->reid ? hmr_reid_add(l->reid, &im, people, n, f, e) : HMR_OK;
}

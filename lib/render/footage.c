/* SPDX-License-Identifier: Apache-2.0 */
/* Images by frame number and timestamp; see footage.h. */
#include "render/footage.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct hmr_footage {
	const char *name;
	struct hmr_source_options o;	/* name and o are the source's, too */
	struct hmr_source *source;
	const struct hmr_source_frame *frame;	/* the last one read, or NULL */
	int32_t tb_num, tb_den;		/* of the results */
};

enum hmr_status
hmr_footage_open(struct hmr_footage **out, const char *path,
		 const struct hmr_source_options *o,
		 const struct hmr_head_info *head, struct hmr_err *e)
{
	struct hmr_footage *f = calloc(1, sizeof(*f));
	const struct hmr_source_info *i;
	enum hmr_status st;

	*out = NULL;
	if (!f)
		return hmr_fail(e, HMR_E_NOMEM, "%s", path);
	f->tb_num = head->tb_num;
	f->tb_den = head->tb_den;
	/* as hmr-decode scaled them, and a folder's images as it timed them */
	f->o = *o;
	f->o.max_side = head->width > head->height ? head->width : head->height;
	if (head->rate_num > 0 && head->rate_den > 0) {
		f->o.rate_num = (uint32_t)head->rate_num;
		f->o.rate_den = (uint32_t)head->rate_den;
	}
	f->name = path;
	if ((st = hmr_source_open(&f->source, &f->name, 1, &f->o, e)))
		goto fail;
	i = hmr_source_info(f->source);
	if (i->width != head->width || i->height != head->height) {
		st = hmr_fail(e, HMR_E_FORMAT, "%s: %ux%u, but the results are of "
			      "%ux%u: not the same video", i->name, i->width,
			      i->height, head->width, head->height);
		goto fail;
	}
	*out = f;
	return HMR_OK;
fail:
	hmr_footage_close(f);
	return st;
}

void
hmr_footage_close(struct hmr_footage *f)
{
	if (!f)
		return;
	hmr_source_close(f->source);
	free(f);
}

/* Equal ticks in equal time bases; else within half of the longer tick. */
static bool
same_time(const struct hmr_footage *f, int64_t pts)
{
	const struct hmr_source_info *i = hmr_source_info(f->source);
	double a, b, tick_a, tick_b;

	if (i->tb_num == f->tb_num && i->tb_den == f->tb_den)
		return f->frame->pts == pts;
	tick_a = (double)f->tb_num / f->tb_den;
	tick_b = (double)i->tb_num / i->tb_den;
	a = (double)pts * tick_a;
	b = (double)f->frame->pts * tick_b;
	return fabs(a - b) <= 0.5001 * (tick_a > tick_b ? tick_a : tick_b);
}

enum hmr_status
hmr_footage_get(struct hmr_footage *f, uint64_t number, int64_t pts,
		const struct hmr_image **out, struct hmr_err *e)
{
	const char *name = hmr_source_info(f->source)->name;
	enum hmr_status st = HMR_OK;

	while (!st && (!f->frame || f->frame->number < number)) {
		f->frame = NULL;
		st = hmr_source_next(f->source, &f->frame, e);
	}
	if (st == HMR_EOF || st == HMR_E_TRUNCATED)
		return hmr_fail(e, HMR_E_FORMAT,
				"%s ends before frame %" PRIu64 " of the results",
				name, number);
	if (st)
		return st;
	if (f->frame->number != number)
		return hmr_fail(e, HMR_E_FORMAT, "%s has no frame %" PRIu64, name,
				number);
	if (!same_time(f, pts))
		return hmr_fail(e, HMR_E_FORMAT, "%s: frame %" PRIu64 " is at tick %"
				PRId64 ", but at %" PRId64 " in the results: not the "
				"same video", name, number, f->frame->pts, pts);
	*out = &f->frame->image;
	return HMR_OK;
}

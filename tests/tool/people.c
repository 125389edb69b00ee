/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage for tests: gives every frame the people named on the command line,
 * with score 1: people X0,Y0,X1,Y1 ... <in >out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "filter.h"
#include "prog.h"
#include "stream/tables.h"

struct ctx {
	struct hmr_person p[64];
	uint32_t n;
	uint8_t buf[65536];
};

static enum hmr_status
on_head(void *ctx, struct hmr_head *h, struct hmr_stage_info *s, struct hmr_err *e)
{
	(void)ctx;
	(void)s;
	(void)e;
	hmr_head_grow(h, HMR_SECTION_HEADER + 8 + 65536);
	return HMR_OK;
}

static enum hmr_status
on_frame(void *ctx, const struct hmr_frame *f, struct hmr_filter *out, struct hmr_err *e)
{
	struct ctx *c = ctx;
	struct hmr_frame with = *f;
	enum hmr_status st;

	hmr_frame_drop(&with, HMR_TAG_PEOPLE);
	if ((st = hmr_frame_put(&with, HMR_TAG_PEOPLE, c->buf,
				hmr_people_put(c->buf, c->p, c->n), e)))
		return st;
	return hmr_filter_emit(out, &with, e);
}

int
main(int argc, char **argv)
{
	static const struct hmr_filter_ops ops = { .head = on_head, .frame = on_frame };
	static struct ctx c;
	struct hmr_filter_options o = { .level = -1, .argv = argv };

	hmr_prog_init(argc, argv, "people x0,y0,x1,y1 ...");
	for (int i = 1; i < argc && i < 64; i++, c.n++) {
		float *b = c.p[c.n].box;

		if (sscanf(argv[i], "%f,%f,%f,%f", b, b + 1, b + 2, b + 3) != 4)
			return 2;
		c.p[c.n].score = 1;
	}
	return hmr_filter_run(&ops, &c, &o);
}

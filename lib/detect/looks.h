/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stage with images writes beside its own: the image at a glance (section
 * GIST), and what people look like to a re-identification network (section APPR).
 * Each is wanted or not; everything is allocated when a head comes.
 */
#ifndef HMR_LOOKS_H
#define HMR_LOOKS_H

#include "detect/reid.h"
#include "image/gist.h"

struct hmr_looks_options {
	bool gist;
	const char *reid;		/* name or path of a model; NULL: not wanted */
	const char *tool;		/* that takes in foreign models: hmr_import_open() */
	struct hmr_reid_options net;	/* width and height are the head's */
};

struct hmr_looks;
/* Opens the model. */
HMR_MUST_USE enum hmr_status
hmr_looks_new(struct hmr_looks **out, const struct hmr_looks_options *o,
	      struct hmr_err *e);
void hmr_looks_free(struct hmr_looks *l);

/* Plans for the images of h where they are of another size than before, raises its
 * max_payload, names the model in *stage. *fresh: planned anew. */
HMR_MUST_USE enum hmr_status
hmr_looks_head(struct hmr_looks *l, struct hmr_head *h, struct hmr_stage_info *stage,
	       bool *fresh, struct hmr_err *e);
/* Of what was planned; all 0 without a network. */
void hmr_looks_plan(const struct hmr_looks *l, struct hmr_net_plan *net, size_t *buffers);

/* Puts the sections into a frame. Without an image there is no gist, and with a
 * network that is HMR_E_FORMAT. */
HMR_MUST_USE enum hmr_status
hmr_looks_add(struct hmr_looks *l, struct hmr_frame *f, const struct hmr_person *people,
	      uint32_t n, struct hmr_err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people look like to a re-identification network: each box stretched onto its
 * input, several a run, and a vector of unit length for each
 * (formats/stream.md, "APPR", kind 2). Planned for the largest image of a stream;
 * running allocates nothing.
 *
 * How pixels are prepared is in a sidecar beside the model (hmr-model(5)), else in its
 * meta: colour (RGB or BGR), mean_r to std_b, embedding. What neither says is as in
 * Open Model Zoo's person-reid networks: BGR, 0 to 255.
 */
#ifndef HMR_REID_H
#define HMR_REID_H

#include "image/sample.h"
#include "nn/nn.h"
#include "stream/tables.h"

struct hmr_reid_model {
	struct hmr_model *model;
	bool bgr;
	float mean[3], std[3];		/* of R G B: value = (c - mean) / std, c of 0..255 */
	char embedding[128];		/* output; "": the only one */
};
/* name: see hmr_model_path(); tool: see hmr_import_open(). HMR_E_FORMAT: its sidecar
 * is wrong. */
HMR_MUST_USE enum hmr_status
hmr_reid_model_open(struct hmr_reid_model **out, const char *name, const char *tool,
		    struct hmr_err *e);
void hmr_reid_model_close(struct hmr_reid_model *m);

struct hmr_reid_options {
	const char *device;		/* hmr_net_options */
	enum hmr_precision precision;
	unsigned threads;
	uint64_t gpu_mem;
	uint32_t width, height;		/* the largest image */
	float min_score;		/* people of at least this score */
	uint32_t max_people;		/* the best so many of an image */
};

struct hmr_reid;
/* The model stays the caller's, and open as long as this lives. HMR_E_MODEL: it does
 * not make one vector of an image of three colours. */
HMR_MUST_USE enum hmr_status
hmr_reid_new(struct hmr_reid **out, const struct hmr_reid_model *m,
	     const struct hmr_reid_options *o, struct hmr_err *e);
void hmr_reid_free(struct hmr_reid *r);
void hmr_reid_plan(const struct hmr_reid *r, struct hmr_net_plan *net, size_t *buffers);
uint32_t hmr_reid_values(const struct hmr_reid *r);	/* of a vector */
/* Of section APPR; vectors of another model have another one. */
uint32_t hmr_reid_kind(const struct hmr_reid *r);

/* Vectors of people[n], *rows of them: row i is of person (*person)[i]. Boxes without
 * extent in the image have none. Valid until the next run. */
HMR_MUST_USE enum hmr_status
hmr_reid_run(struct hmr_reid *r, const struct hmr_image *im,
	     const struct hmr_person *people, uint32_t n, const uint32_t **person,
	     const float **values, uint32_t *rows, struct hmr_err *e);
/* The same into the frame, as its section APPR of at most hmr_reid_section_bytes(). */
HMR_MUST_USE enum hmr_status
hmr_reid_add(struct hmr_reid *r, const struct hmr_image *im,
	     const struct hmr_person *people, uint32_t n, struct hmr_frame *f,
	     struct hmr_err *e);
size_t hmr_reid_section_bytes(const struct hmr_reid *r);

#endif

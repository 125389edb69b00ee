/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a frame by person, and what a frame lacks; see formats.h. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "export/formats.h"

enum hmr_status
export_rows_init(struct export_rows *r, bool bodies, struct hmr_err *e)
{
	memset(r, 0, sizeof(*r));
	r->people = malloc(HMR_PEOPLE_CAP * sizeof(*r->people));
	r->tracks = malloc(HMR_PEOPLE_CAP * sizeof(*r->tracks));
	r->body_of = malloc(HMR_PEOPLE_CAP * sizeof(*r->body_of));
	r->track_of = malloc(HMR_PEOPLE_CAP * sizeof(*r->track_of));
	r->who = malloc(HMR_PEOPLE_CAP * sizeof(*r->who));
	if (bodies)
		r->bodies = malloc(HMR_PEOPLE_CAP * sizeof(*r->bodies));
	if (r->people && r->tracks && r->body_of && r->track_of && r->who &&
	    (r->bodies || !bodies))
		return HMR_OK;
	export_rows_release(r);
	return hmr_fail(e, HMR_E_NOMEM, "export: out of memory");
}

void
export_rows_release(struct export_rows *r)
{
	free(r->people);
	free(r->bodies);
	free(r->tracks);
	free(r->body_of);
	free(r->track_of);
	free(r->who);
	memset(r, 0, sizeof(*r));
}

enum hmr_status
export_rows_load(struct export_rows *r, const struct hmr_frame *f,
		 struct hmr_err *e)
{
	enum hmr_status st;
	uint32_t rows;

	if ((st = hmr_people_get(f, r->people, HMR_PEOPLE_CAP, &r->n, e)) < 0)
		return st;
	r->has_people = st == HMR_OK;
	memset(r->body_of, 0xff, r->n * sizeof(*r->body_of));
	memset(r->track_of, 0xff, r->n * sizeof(*r->track_of));
	st = hmr_tracks_get(f, r->tracks, HMR_PEOPLE_CAP, r->n, &rows, e);
	if (st < 0)
		return st;
	r->has_tracks = st == HMR_OK;
	while (rows--)
		r->track_of[r->tracks[rows].person] = rows;
	if (!r->bodies)
		return HMR_OK;
	st = hmr_bodies_get(f, r->bodies, HMR_PEOPLE_CAP, r->n, &rows, e);
	if (st < 0)
		return st;
	while (rows--)
		r->body_of[r->bodies[rows].person] = rows;
	return HMR_OK;
}

bool
export_head_has(struct hmr_head *h, const char *stage)
{
	const cJSON *x, *stages;

	stages = cJSON_GetObjectItemCaseSensitive(hmr_head_object(h), "stages");
	cJSON_ArrayForEach(x, stages) {
		const char *name = cJSON_GetStringValue(
			cJSON_GetObjectItemCaseSensitive(x, "name"));

		if (name && !strcmp(name, stage))
			return true;
	}
	return false;
}

enum hmr_status
export_image(const struct hmr_frame *f, const char *format,
	     struct hmr_image *im, struct hmr_err *e)
{
	enum hmr_status st = hmr_image_get(f, im, e);

	if (st != HMR_EOF)
		return st;
	return hmr_fail(e, HMR_E_FORMAT, "%s needs images and the input has none: "
			"hmr-mesh passes them on with --keep-image, and hmr-render "
			"--source VIDEO takes them from the video", format);
}

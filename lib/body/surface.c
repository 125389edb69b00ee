/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a stream and vertices in its frames; see surface.h. */
#include "body/surface.h"

#include <string.h>

#include "stream/tables.h"

enum hmr_status
hmr_surface_body(struct hmr_body **b, const struct hmr_head *h, const char *given,
		 bool *fresh, struct hmr_err *e)
{
	const char *name = hmr_head_stage_field(h, "body");
	const char *sum = hmr_head_stage_field(h, "body_sha256");
	enum hmr_status st;

	*fresh = false;
	if (name && *b && (sum ? !strcmp(sum, hmr_body_sha256(*b)) : given != NULL ||
			   !strcmp(name, hmr_body_name(*b))))
		return HMR_OK;
	*fresh = true;
	hmr_body_free(*b);
	*b = NULL;
	if (!name)
		return HMR_EOF;
	if ((st = hmr_body_open(b, given ? given : name, e)))
		return st;
	if (sum && strcmp(sum, hmr_body_sha256(*b))) {
		st = hmr_fail(e, HMR_E_MODEL, "body %s: the stream was made with "
			      "SHA-256 %.16s..., here it is %.16s...", name, sum,
			      hmr_body_sha256(*b));
		hmr_body_free(*b);
		*b = NULL;
		return st;
	}
	return HMR_OK;
}

enum hmr_status
hmr_surface_stored(const struct hmr_body *b, const struct hmr_frame *f,
		   uint32_t *person, float (*vertices)[3], uint32_t max,
		   uint32_t people, uint32_t *rows, struct hmr_err *e)
{
	uint32_t v = hmr_body_vertices(b), count, kind;
	enum hmr_status st;

	*rows = 0;
	st = hmr_vectors_get(f, HMR_TAG_VERTICES, person, &vertices[0][0], v * 3, max,
			     people, rows, &count, &kind, e);
	if (st == HMR_EOF || st == HMR_E_LIMIT) {	/* computed instead */
		*rows = 0;
		return HMR_OK;
	}
	if (!st && *rows && count != v * 3)
		return hmr_fail(e, HMR_E_FORMAT, "section VERT: %u numbers a person, "
				"body %s has %u", count, hmr_body_name(b), v * 3);
	return st;
}

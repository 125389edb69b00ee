/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of vertices on seams; see seams.h. */
#include "export/seams.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

void
export_seams_release(struct export_seams *s)
{
	free(s->vertex);
	free(s->uv);
	free(s->face);
	memset(s, 0, sizeof(*s));
}

enum hmr_status
export_seams_make(struct export_seams *s, uint32_t verts, uint32_t faces,
		  const uint32_t *face, const uint32_t *face_uv, uint32_t uvs,
		  const float (*uv)[2], struct hmr_err *e)
{
	size_t most = (size_t)verts + 3 * (size_t)faces;
	uint32_t *slot_of;

	export_seams_release(s);
	if (!face_uv)
		return HMR_OK;
	slot_of = malloc(uvs * sizeof(*slot_of));
	s->vertex = malloc(most * sizeof(*s->vertex));
	s->uv = calloc(most, sizeof(*s->uv));
	s->face = malloc((size_t)faces * 3 * sizeof(*s->face));
	if (!slot_of || !s->vertex || !s->uv || !s->face) {
		free(slot_of);
		export_seams_release(s);
		return hmr_fail(e, HMR_E_NOMEM, "export: %zu places", most);
	}
	for (uint32_t i = 0; i < uvs; i++)
		slot_of[i] = NONE;
	for (uint32_t i = 0; i < verts; i++)
		s->vertex[i] = NONE;
	s->slots = verts;
	for (uint32_t i = 0; i < 3 * faces; i++) {
		uint32_t v = face[i], *slot = &slot_of[face_uv[i]];

		if (*slot == NONE || s->vertex[*slot] != v) {
			*slot = s->vertex[v] == NONE ? v : s->slots++;
			s->vertex[*slot] = v;
			memcpy(s->uv[*slot], uv[face_uv[i]], sizeof(s->uv[0]));
		}
		s->face[i] = *slot;
	}
	for (uint32_t i = 0; i < verts; i++)
		if (s->vertex[i] == NONE)	/* of no face */
			s->vertex[i] = i;
	free(slot_of);
	return HMR_OK;
}

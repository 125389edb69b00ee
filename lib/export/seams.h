/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A surface with places for textures, as files want it: a vertex on a seam has
 * several places, so it is needed several times. The surface's own vertices keep
 * their numbers, each with its first place; copies follow for the other places.
 */
#ifndef HMR_EXPORT_SEAMS_H
#define HMR_EXPORT_SEAMS_H

#include <stdint.h>

#include "base/status.h"

struct export_seams {
	uint32_t slots;		/* vertices and copies; 0: no places */
	uint32_t *vertex;	/* [slots]: which vertex; the first ones are their own */
	float (*uv)[2];		/* [slots], 0..1, v upwards */
	uint32_t *face;		/* [faces][3], slots */
};

/* face and face_uv: [faces][3], below verts and uvs. Vertices of no face are kept,
 * without a place; vertices that share a place each get a slot. face_uv NULL: no
 * places. Releases what s held before. */
HMR_MUST_USE enum hmr_status
export_seams_make(struct export_seams *s, uint32_t verts, uint32_t faces,
		  const uint32_t *face, const uint32_t *face_uv, uint32_t uvs,
		  const float (*uv)[2], struct hmr_err *e);
void export_seams_release(struct export_seams *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ply: Stanford's format, binary little-endian: float32 position and normal, 8 bit
 * colour, and s, t where the body has places for textures, with vertices on seams
 * once more for each further place; faces of a count of 8 bit and indices of 32.
 * Camera axes by default.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "export/formats.h"

#define VERTEX 27		/* bytes */
#define PLACE 8
#define FACE 13

static void
begin(struct export_text *t, const char *note, uint32_t people,
      const struct export_surface *s)
{
	uint64_t verts = s->seams->slots ? s->seams->slots : s->verts;
	char head[600];

	snprintf(head, sizeof(head),
		 "ply\nformat binary_little_endian 1.0\ncomment %s\n"
		 "element vertex %llu\n"
		 "property float x\nproperty float y\nproperty float z\n"
		 "property float nx\nproperty float ny\nproperty float nz\n"
		 "property uchar red\nproperty uchar green\nproperty uchar blue\n"
		 "%selement face %llu\nproperty list uchar int vertex_indices\n"
		 "end_header\n", note, (unsigned long long)(people * verts),
		 s->seams->slots ? "property float s\nproperty float t\n" : "",
		 (unsigned long long)people * s->faces);
	export_str(t, head);
}

static void
surface(struct export_text *t, const struct export_surface *s)
{
	const struct export_seams *m = s->seams;

	for (uint32_t i = 0; i < (m->slots ? m->slots : s->verts); i++) {
		uint8_t *p = (uint8_t *)export_room(t, VERTEX + PLACE);
		uint32_t v = m->slots ? m->vertex[i] : i;

		for (int k = 0; k < 3; k++) {
			hmr_putf32(p + 4 * k, s->vertex[v][k]);
			hmr_putf32(p + 12 + 4 * k, s->normal[v][k]);
		}
		memcpy(p + 24, s->rgb, 3);
		t->n += VERTEX;
		if (!m->slots)
			continue;
		hmr_putf32(p + VERTEX, m->uv[i][0]);
		hmr_putf32(p + VERTEX + 4, m->uv[i][1]);
		t->n += PLACE;
	}
}

static void
faces_of(struct export_text *t, const struct export_surface *s)
{
	const bool split = s->seams->slots != 0;
	const uint32_t *face = split ? s->seams->face : s->face;
	uint32_t base = split ? s->base_slot : s->base;

	for (uint32_t i = 0; i < s->faces; i++) {
		uint8_t *p = (uint8_t *)export_room(t, FACE);

		*p = 3;
		for (uint32_t k = 0; k < 3; k++)
			hmr_put32(p + 1 + 4 * k, base + face[3 * i + k]);
		t->n += FACE;
	}
}

static const struct export_mesh_format format = {
	.name = "ply", .ending = ".ply", .y_up = false,
	.begin = begin, .surface = surface, .faces = faces_of,
};

static enum hmr_status
open_ply(void **out, const struct hmr_export_options *o, struct hmr_err *e)
{
	return export_mesh_open(out, &format, o, e);
}

const struct hmr_export_format export_ply = {
	.name = "ply", .about = "a mesh per person and frame, binary", .meshes = true,
	.open = open_ply, .head = export_mesh_head, .frame = export_mesh_frame,
	.close = export_mesh_close,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ply: Stanford's format, binary little-endian: float32 position and normal, 8 bit
 * colour; faces of a count of 8 bit and indices of 32. Camera axes by default.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "export/formats.h"

#define VERTEX 27		/* bytes */
#define FACE 13

static void
begin(struct export_text *t, const char *note, uint32_t people, uint32_t verts,
      uint32_t faces)
{
	char head[600];

	snprintf(head, sizeof(head),
		 "ply\nformat binary_little_endian 1.0\ncomment %s\n"
		 "element vertex %llu\n"
		 "property float x\nproperty float y\nproperty float z\n"
		 "property float nx\nproperty float ny\nproperty float nz\n"
		 "property uchar red\nproperty uchar green\nproperty uchar blue\n"
		 "element face %llu\nproperty list uchar int vertex_indices\n"
		 "end_header\n", note, (unsigned long long)people * verts,
		 (unsigned long long)people * faces);
	export_str(t, head);
}

static void
surface(struct export_text *t, const struct export_surface *s)
{
	for (uint32_t i = 0; i < s->verts; i++) {
		uint8_t *p = (uint8_t *)export_room(t, VERTEX);

		for (int k = 0; k < 3; k++) {
			hmr_putf32(p + 4 * k, s->vertex[i][k]);
			hmr_putf32(p + 12 + 4 * k, s->normal[i][k]);
		}
		memcpy(p + 24, s->rgb, 3);
		t->n += VERTEX;
	}
}

static void
faces_of(struct export_text *t, const struct export_surface *s)
{
	for (uint32_t i = 0; i < s->faces; i++) {
		uint8_t *p = (uint8_t *)export_room(t, FACE);

		*p = 3;
		for (uint32_t k = 0; k < 3; k++)
			hmr_put32(p + 1 + 4 * k, s->base + s->face[3 * i + k]);
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

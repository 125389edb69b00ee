/* SPDX-License-Identifier: Apache-2.0 */
/*
 * obj: Wavefront's text, "v x y z r g b" with colours of 0 to 1 as most programs
 * read them, places for textures where the body has them, normals, an object for
 * each person. Numbers are the shortest that give the float32 back. Y up by default,
 * as the reference's --save_mesh writes.
 */
#include "export/formats.h"

static void
begin(struct export_text *t, const char *note, uint32_t people,
      const struct export_surface *s)
{
	(void)people;
	(void)s;
	export_str(t, "# ");
	export_str(t, note);
	export_str(t, "\n");
}

static void
three(struct export_text *t, const float v[3])
{
	for (int k = 0; k < 3; k++) {
		export_str(t, " ");
		export_f32(t, v[k]);
	}
}

static void
surface(struct export_text *t, const struct export_surface *s)
{
	const float rgb[3] = { (float)s->rgb[0] / 255, (float)s->rgb[1] / 255,
			       (float)s->rgb[2] / 255 };

	export_str(t, "o ");
	export_str(t, s->name);
	export_str(t, "\n");
	for (uint32_t i = 0; i < s->verts; i++) {
		export_str(t, "v");
		three(t, s->vertex[i]);
		three(t, rgb);
		export_str(t, "\n");
	}
	for (uint32_t i = 0; i < s->verts; i++) {
		export_str(t, "vn");
		three(t, s->normal[i]);
		export_str(t, "\n");
	}
	for (uint32_t i = 0; i < s->seams->slots; i++) {
		export_str(t, "vt ");
		export_f32(t, s->seams->uv[i][0]);
		export_str(t, " ");
		export_f32(t, s->seams->uv[i][1]);
		export_str(t, "\n");
	}
	for (uint32_t i = 0; i < 3 * s->faces; i++) {
		uint64_t v = (uint64_t)s->base + s->face[i] + 1;

		export_str(t, i % 3 ? " " : "f ");
		export_u64(t, v);
		export_str(t, "/");
		if (s->seams->slots)
			export_u64(t, (uint64_t)s->base_slot + s->seams->face[i] + 1);
		export_str(t, "/");
		export_u64(t, v);
		if (i % 3 == 2)
			export_str(t, "\n");
	}
}

static const struct export_mesh_format format = {
	.name = "obj", .ending = ".obj", .y_up = true,
	.begin = begin, .surface = surface,
};

static enum hmr_status
open_obj(void **out, const struct hmr_export_options *o, struct hmr_err *e)
{
	return export_mesh_open(out, &format, o, e);
}

const struct hmr_export_format export_obj = {
	.name = "obj", .about = "a mesh per person and frame, as text", .meshes = true,
	.open = open_obj, .head = export_mesh_head, .frame = export_mesh_frame,
	.close = export_mesh_close,
};

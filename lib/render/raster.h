/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The software rasteriser: triangle meshes in camera axes (x right, y down, z
 * forward, metres), seen through a pinhole, lit, anti-aliased, with one depth
 * buffer for all meshes of a picture, blended over what the canvas holds.
 *
 * Eight samples a pixel, each with its own depth. Vertices snap to 1/256 px and
 * edges are exact integers with the top-left rule: a sample on the edge of two
 * triangles belongs to exactly one, so there are neither seams nor double hits.
 * Memory is planned once for a size and a number of vertices and faces; drawing
 * allocates nothing. The result does not depend on the machine.
 */
#ifndef HMR_RASTER_H
#define HMR_RASTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "render/canvas.h"

#define HMR_SCENE_SAMPLES 8
#define HMR_SCENE_MESHES_MAX 4095

struct hmr_scene_plan {
	uint32_t width, height;		/* largest canvas, 1..65535 */
	uint32_t meshes;		/* of one picture, together: */
	uint64_t vertices, faces;	/* each below 2^31 */
};

struct hmr_scene_camera {
	float focal;			/* px, > 0 */
	float centre[2];		/* principal point, px of the canvas */
	float near_m;			/* nearer than this is cut off; > 0 */
};

struct hmr_scene_mesh {
	const float (*xyz)[3];		/* [vertices] camera axes, metres */
	const uint32_t *face;		/* [faces][3], counter-clockwise from outside */
	uint32_t vertices, faces;
	float offset[3];		/* added to every vertex */
	float focal;			/* px that the mesh was placed for; 0: the
					   camera's */
	uint8_t rgb[3];			/* sRGB of the surface */
	float alpha;			/* 0..1; up to 3/4 meshes behind show too */
};

struct hmr_scene;

HMR_MUST_USE enum hmr_status
hmr_scene_new(struct hmr_scene **out, const struct hmr_scene_plan *p,
	       struct hmr_err *e);
void hmr_scene_free(struct hmr_scene *r);
size_t hmr_scene_bytes(const struct hmr_scene_plan *p);

/* A picture: begin, add each mesh, finish. The canvas is borrowed until finish.
 * HMR_E_LIMIT where the plan is too small, HMR_E_FORMAT for a camera or a face
 * index that cannot be. Vertices that are not finite lose their triangles. */
HMR_MUST_USE enum hmr_status
hmr_scene_begin(struct hmr_scene *r, const struct hmr_canvas *canvas,
		 const struct hmr_scene_camera *camera, struct hmr_err *e);
HMR_MUST_USE enum hmr_status
hmr_scene_add(struct hmr_scene *r, const struct hmr_scene_mesh *m,
	       struct hmr_err *e);
void hmr_scene_finish(struct hmr_scene *r);

/* For tests: instead of colours, finish writes into each pixel how many of its
 * samples were hit (R), the most often any one was (G), and how many belong to
 * the last mesh (B). */
void hmr_scene_count_hits(struct hmr_scene *r, int on);

#endif

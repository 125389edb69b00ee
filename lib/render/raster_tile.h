/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the rasteriser: what raster.c (vertices, clipping, order) and
 * raster_tile.c (samples, light) share. The picture is walked in bands of one
 * tile row; a band's tiles hold its samples, cleared when first touched.
 */
#ifndef HMR_RASTER_TILE_H
#define HMR_RASTER_TILE_H

#include <stdbool.h>

#include "render/raster.h"

#define TILE 16				/* px, both ways */
#define SUB 256				/* steps of a pixel that vertices snap to */
#define S HMR_SCENE_SAMPLES
#define ALL_SAMPLES ((1u << S) - 1)
#define MESH_SHIFT 20			/* of a sample's mark: nx, ny 10 bits, mesh 12 */

/* Eight samples, or pixels, in vectors of the compiler's own kind. They go by
 * pointer: by value their place would depend on the processor. */
#define INLINE static inline __attribute__((always_inline))
typedef int32_t v8i __attribute__((vector_size(32)));
typedef float v8f __attribute__((vector_size(32)));
typedef int64_t v4q __attribute__((vector_size(32)));
typedef int64_t v2q __attribute__((vector_size(16)));

INLINE bool
any8(const v8i *m)		/* is any bit set? */
{
	v4q q = (v4q)*m;
	v2q h = __builtin_shufflevector(q, q, 0, 1) | __builtin_shufflevector(q, q, 2, 3);

	return (h[0] | h[1]) != 0;
}

struct raster_vertex {
	int32_t x, y;			/* 1/SUB px */
	float w;			/* 1/z: larger is nearer */
	float n[2];			/* normal across the line of sight, length <= 1 */
};

struct raster_tile {
	float w[TILE][TILE][S];		/* 0: nothing there */
	uint32_t mark[TILE][TILE][S];
	uint8_t hits[TILE][TILE][S];	/* only when hits are counted */
};

/* A mesh that lets through what is behind takes only some of a pixel's samples,
 * so that it needs no order, and is blended as much stronger. */
struct raster_colour {
	float linear[3];
	int alpha;			/* 0..256, of the samples it takes */
	uint32_t samples;		/* bits */
};

/* A band: rows y0 .. y0+TILE of the picture, `tiles` tiles wide. */
struct raster_band {
	struct raster_tile *tile;	/* [tiles] */
	bool *dirty;			/* [tiles]: cleared and drawn in */
	uint32_t tiles;
	int32_t y0;
	int32_t width, height;		/* of the picture, px */
	const struct raster_colour *colour;	/* [mesh - 1] */
	bool count;			/* keep hits */
};

/* Draws the part of a triangle that lies in the band. Vertices in either order:
 * those that turn left on the screen (y down) face the camera, others are
 * skipped. mesh is 1..4095. */
typedef void raster_fill(struct raster_band *b, const struct raster_vertex *v0,
			 const struct raster_vertex *v1,
			 const struct raster_vertex *v2, uint32_t mesh);

/* The version for this processor; all give the same bits. */
raster_fill *raster_fill_get(void);
raster_fill raster_fill_plain;

/* Lights the band's samples and blends them into the canvas. */
struct raster_light {
	uint8_t srgb[4096];		/* linear 0..1 in 12 bit to sRGB */
};
void raster_light_init(struct raster_light *l);
float raster_linear(uint8_t srgb);
typedef void raster_resolver(const struct raster_band *b,
			     const struct raster_light *l, float focal,
			     const struct hmr_canvas *canvas);
raster_resolver *raster_resolve_get(void);	/* as raster_fill_get() */
raster_resolver raster_resolve_plain;
void raster_resolve_hits(const struct raster_band *b, uint32_t last_mesh,
			 const struct hmr_canvas *canvas);

#endif

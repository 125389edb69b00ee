/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From samples to colours. Per pixel and mesh the normals of its samples are
 * averaged and lit once, in linear light, by a rig that stands with the camera:
 * a wrapped key light from upper left, a fill from the right, sky and ground, a
 * rim, a soft highlight. Where depth jumps within a pixel a fine dark line sets
 * a limb off from what is behind it. Coverage is blended in sRGB, as video is.
 */
#include <math.h>

#include "render/raster_tile.h"

float
raster_linear(uint8_t srgb)
{
	float v = (float)srgb / 255.0f;

	return v <= 0.04045f ? v / 12.92f : powf((v + 0.055f) / 1.055f, 2.4f);
}

void
raster_light_init(struct raster_light *l)
{
	for (int i = 0; i < 4096; i++) {
		float v = (float)i / 4095.0f;

		v = v <= 0.0031308f ? v * 12.92f
				    : 1.055f * powf(v, 1.0f / 2.4f) - 0.055f;
		l->srgb[i] = (uint8_t)(v * 255.0f + 0.5f);
	}
}

static float
clamp0(float v)
{
	return v > 0.0f ? v : 0.0f;
}

static uint8_t
to_srgb(const struct raster_light *l, float v)
{
	return l->srgb[v < 1.0f ? (int)(clamp0(v) * 4095.0f + 0.5f) : 4095];
}

/* n: x right, y up, z to the viewer; unit length. Light rig: directions are
 * unit vectors in the same axes. */
static void
shade(const struct raster_light *l, const struct raster_colour *c, float x,
      float y, float z, float dim, uint8_t rgb[3])
{
	float key = clamp0((-0.45f * x + 0.62f * y + 0.643f * z) * 0.8f + 0.2f);
	float fill = clamp0(0.72f * x - 0.05f * y + 0.69f * z);
	float sky = 0.5f + 0.5f * y;
	float edge = 1.0f - z;
	float rim = edge * edge * edge * (0.35f + 0.65f * sky);
	float h = clamp0(-0.248f * x + 0.342f * y + 0.906f * z);
	float diffuse = 0.66f * key + 0.13f * fill + 0.06f + 0.16f * sky;
	float shine;

	h *= h;			/* to the 32nd */
	h *= h;
	h *= h;
	h *= h;
	h *= h;
	shine = 0.11f * h + 0.10f * rim;
	for (int i = 0; i < 3; i++)
		rgb[i] = to_srgb(l, (c->linear[i] * diffuse + shine) * dim);
}

/* How dark the line is where depth jumps: in metres beyond what a steep but
 * smooth surface spans within a pixel of px_m metres. */
static float
crease(float w_near, float w_far, float focal)
{
	float px_m = 1.0f / (w_far * focal);
	float jump = 1.0f / w_far - 1.0f / w_near;
	float from = 0.02f + 4.0f * px_m, over = 0.05f + 4.0f * px_m;
	float t = (jump - from) / over;

	if (!(t > 0.0f))
		return 1.0f;
	return 1.0f - 0.45f * (t < 1.0f ? t : 1.0f);
}

struct group {			/* the samples of one mesh in a pixel */
	uint32_t mesh;
	int n, nx, ny;
};

static int
gather(const uint32_t mark[S], struct group g[S])
{
	uint32_t first = mark[0] >> MESH_SHIFT, other = 0;
	int n = 0;

	for (int i = 1; i < S; i++)
		other |= mark[i] ^ mark[0];
	if (first && !(other >> MESH_SHIFT)) {		/* most pixels */
		uint32_t x = 0, y = 0;

		for (int i = 0; i < S; i++) {
			x += mark[i] & 1023;
			y += mark[i] >> 10 & 1023;
		}
		g[0] = (struct group){ first, S, (int)x - S * 512, (int)y - S * 512 };
		return 1;
	}
	for (int i = 0; i < S; i++) {
		uint32_t mesh = mark[i] >> MESH_SHIFT;
		int k = 0;

		if (!mesh)
			continue;
		while (k < n && g[k].mesh != mesh)
			k++;
		if (k == n)
			g[n++] = (struct group){ mesh, 0, 0, 0 };
		g[k].n++;
		g[k].nx += (int)(mark[i] & 1023) - 512;
		g[k].ny += (int)(mark[i] >> 10 & 1023) - 512;
	}
	return n;
}

static void
resolve_pixel(const uint32_t mark[S], const float w[S],
	      const struct raster_light *l, const struct raster_colour *colour,
	      float focal, uint8_t *px)
{
	static const float part_of[S + 1] = { 0, 1 / 511.0f, 1 / 1022.0f,
		1 / 1533.0f, 1 / 2044.0f, 1 / 2555.0f, 1 / 3066.0f, 1 / 3577.0f,
		1 / 4088.0f };
	struct group g[S];
	float near = 0.0f, far = 1e30f, dim = 1.0f;
	int n = gather(mark, g);
	int sum[3] = { 0, 0, 0 }, covered = 0;

	for (int i = 0; i < S; i++) {
		uint32_t mesh = mark[i] >> MESH_SHIFT;

		if (!mesh || colour[mesh - 1].samples != ALL_SAMPLES)
			continue;
		near = w[i] > near ? w[i] : near;
		far = w[i] < far ? w[i] : far;
	}
	if (near > far)
		dim = crease(near, far, focal);
	for (int k = 0; k < n; k++) {
		const struct raster_colour *c = &colour[g[k].mesh - 1];
		float x = (float)g[k].nx * part_of[g[k].n];
		float y = (float)g[k].ny * -part_of[g[k].n];
		float z2 = 1.0f - x * x - y * y;
		int part = g[k].n * c->alpha;
		uint8_t rgb[3];

		shade(l, c, x, y, z2 > 0.0f ? sqrtf(z2) : 0.0f, dim, rgb);
		for (int i = 0; i < 3; i++)
			sum[i] += rgb[i] * part;
		covered += part;
	}
	for (int i = 0; i < 3; i++)	/* parts of S x 256 */
		px[i] = (uint8_t)((px[i] * (S * 256 - covered) + sum[i] + S * 128) /
				  (S * 256));
}

void
raster_resolve(const struct raster_band *b, const struct raster_light *l,
	       float focal, const struct hmr_canvas *canvas)
{
	for (uint32_t k = 0; k < b->tiles; k++) {
		const struct raster_tile *t = &b->tile[k];
		int32_t x0 = (int32_t)k * TILE;

		if (!b->dirty[k])
			continue;
		for (int32_t y = 0; y < TILE && b->y0 + y < b->height; y++)
			for (int32_t x = 0; x < TILE && x0 + x < b->width; x++) {
				const uint32_t *m = t->mark[y][x];

				if (!(m[0] | m[1] | m[2] | m[3] | m[4] | m[5] |
				      m[6] | m[7]))
					continue;
				resolve_pixel(m, t->w[y][x], l, b->colour, focal,
					      hmr_canvas_at(canvas,
							    (uint32_t)(x0 + x),
							    (uint32_t)(b->y0 + y)));
			}
	}
}

void
raster_resolve_hits(const struct raster_band *b, uint32_t last_mesh,
		    const struct hmr_canvas *canvas)
{
	for (int32_t y = 0; y < TILE && b->y0 + y < b->height; y++)
		for (int32_t x = 0; x < b->width; x++) {
			const struct raster_tile *t = &b->tile[x / TILE];
			uint8_t *px = hmr_canvas_at(canvas, (uint32_t)x,
						    (uint32_t)(b->y0 + y));

			px[0] = px[1] = px[2] = 0;
			for (int i = 0; b->dirty[x / TILE] && i < S; i++) {
				uint8_t hits = t->hits[y][x % TILE][i];

				px[0] += hits > 0;
				px[1] = hits > px[1] ? hits : px[1];
				px[2] += t->mark[y][x % TILE][i] >> MESH_SHIFT ==
					 last_mesh;
			}
		}
}

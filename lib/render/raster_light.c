/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From samples to colours. Per pixel and mesh the normals of its samples are
 * averaged and lit once, in linear light, by a rig that stands with the camera:
 * a wrapped key light from upper left, a fill from the right, sky and ground, a
 * rim, a soft highlight. Where depth jumps within a pixel a fine dark line sets
 * a limb off from what is behind it. Coverage is blended in sRGB, as video is.
 * Pixels inside a mesh are lit eight at once, to the same bits.
 */
#include <math.h>
#include <string.h>

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

/* Eight pixels, each covered by one mesh that hides what is behind it and without
 * a jump in depth, as nearly all are; lit together as resolve_pixel() lights one. */
struct batch {
	int n;
	int32_t nx[8], ny[8];
	const struct raster_colour *colour[8];
	uint8_t *px[8];
};

INLINE void
clamp0_8(v8f *v)
{
	*v = (v8f)((v8i)*v & (*v > 0.0f));
}

/* shade() with dim 1, up to the table of sRGB: 4096ths of linear light. */
INLINE void
shade8(const struct batch *b, v8i level[3])
{
	v8f x, y, z, key, fill, sky, edge, rim, h, diffuse, shine;
	v8i nx, ny;

	memcpy(&nx, b->nx, sizeof(nx));
	memcpy(&ny, b->ny, sizeof(ny));
	x = __builtin_convertvector(nx, v8f) * (1 / 4088.0f);
	y = __builtin_convertvector(ny, v8f) * -(1 / 4088.0f);
	z = 1.0f - x * x - y * y;
	clamp0_8(&z);
	for (int i = 0; i < 8; i++)
		z[i] = sqrtf(z[i]);
	key = (-0.45f * x + 0.62f * y + 0.643f * z) * 0.8f + 0.2f;
	clamp0_8(&key);
	fill = 0.72f * x - 0.05f * y + 0.69f * z;
	clamp0_8(&fill);
	sky = 0.5f + 0.5f * y;
	edge = 1.0f - z;
	rim = edge * edge * edge * (0.35f + 0.65f * sky);
	h = -0.248f * x + 0.342f * y + 0.906f * z;
	clamp0_8(&h);
	diffuse = 0.66f * key + 0.13f * fill + 0.06f + 0.16f * sky;
	for (int i = 0; i < 5; i++)
		h *= h;
	shine = 0.11f * h + 0.10f * rim;
	for (int k = 0; k < 3; k++) {
		v8f v, linear;
		v8i full;

		for (int i = 0; i < 8; i++)
			linear[i] = b->colour[i]->linear[k];
		v = linear * diffuse + shine;
		full = v >= 1.0f;
		clamp0_8(&v);
		level[k] = __builtin_convertvector(v * 4095.0f + 0.5f, v8i);
		level[k] = (full & 4095) | (~full & level[k]);
	}
}

INLINE void
finish_batch(struct batch *b, const struct raster_light *l)
{
	v8i level[3];

	if (!b->n)
		return;
	for (int i = b->n; i < 8; i++) {	/* as the first: not used */
		b->nx[i] = b->nx[0];
		b->ny[i] = b->ny[0];
		b->colour[i] = b->colour[0];
	}
	shade8(b, level);
	for (int i = 0; i < b->n; i++) {
		int part = S * b->colour[i]->alpha;

		for (int k = 0; k < 3; k++) {
			uint8_t *px = &b->px[i][k], v = l->srgb[level[k][i]];

			*px = part == S * 256 ? v :
				(uint8_t)((*px * (S * 256 - part) + v * part +
					   S * 128) / (S * 256));
		}
	}
	b->n = 0;
}

/* Puts a pixel off for the batch; false: it is not of that kind. */
INLINE bool
put_off(struct batch *b, const uint32_t *mark, const float *w,
	const struct raster_colour *colour, uint8_t *px)
{
	const struct raster_colour *c;
	v8i m, other;
	v8f depth;
	uint32_t mesh = mark[0] >> MESH_SHIFT;
	float near = w[0] * w[0] * 0.008f;

	memcpy(&m, mark, sizeof(m));
	memcpy(&depth, w, sizeof(depth));
	if (!mesh || (c = &colour[mesh - 1])->samples != ALL_SAMPLES)
		return false;
	/* within 8 mm of the first sample: crease() starts at 20 between any two */
	depth -= w[0];
	other = ((m ^ (int32_t)mark[0]) & (int32_t)~((1u << MESH_SHIFT) - 1)) |
		(depth > near) | (depth < -near);
	if (any8(&other) || w[0] > 10.0f)
		return false;
	m = (m & 1023) | (m & 1023 << 10) << 6;
	m += __builtin_shufflevector(m, m, 4, 5, 6, 7, 0, 1, 2, 3);
	m += __builtin_shufflevector(m, m, 2, 3, 0, 1, 6, 7, 4, 5);
	m += __builtin_shufflevector(m, m, 1, 0, 3, 2, 5, 4, 7, 6);
	b->nx[b->n] = (m[0] & 0xffff) - S * 512;
	b->ny[b->n] = (int32_t)((uint32_t)m[0] >> 16) - S * 512;
	b->colour[b->n] = c;
	b->px[b->n++] = px;
	return true;
}

INLINE void
resolve(const struct raster_band *b, const struct raster_light *l, float focal,
	const struct hmr_canvas *canvas)
{
	struct batch batch = { .n = 0 };

	for (uint32_t k = 0; k < b->tiles; k++) {
		const struct raster_tile *t = &b->tile[k];
		int32_t x0 = (int32_t)k * TILE;

		if (!b->dirty[k])
			continue;
		for (int32_t y = 0; y < TILE && b->y0 + y < b->height; y++)
			for (int32_t x = 0; x < TILE && x0 + x < b->width; x++) {
				const uint32_t *m = t->mark[y][x];
				uint8_t *px = hmr_canvas_at(canvas, (uint32_t)(x0 + x),
							    (uint32_t)(b->y0 + y));
				v8i some;

				memcpy(&some, m, sizeof(some));
				if (!any8(&some))
					continue;
				if (!put_off(&batch, m, t->w[y][x], b->colour, px))
					resolve_pixel(m, t->w[y][x], l, b->colour, focal,
						      px);
				if (batch.n == 8)
					finish_batch(&batch, l);
			}
	}
	finish_batch(&batch, l);
}

void
raster_resolve_plain(const struct raster_band *b, const struct raster_light *l,
		     float focal, const struct hmr_canvas *canvas)
{
	resolve(b, l, focal, canvas);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
resolve_avx2(const struct raster_band *b, const struct raster_light *l, float focal,
	     const struct hmr_canvas *canvas)
{
	resolve(b, l, focal, canvas);
}
#endif

raster_resolver *
raster_resolve_get(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return resolve_avx2;
#endif
	return raster_resolve_plain;
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

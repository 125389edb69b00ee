/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling a tile's samples from triangles. Eight samples are worked on at once
 * in vectors of the compiler's own kind; the same text is compiled for the plain
 * processor and for AVX2. Edges are integers and floats are neither fused nor
 * reordered (-ffp-contract=off), so both give the same bits.
 *
 * Triangles of up to 64 px, all but a few, have edges that fit 32 bits. Larger
 * ones are taken tile by tile: most tiles lie inside or outside an edge as a
 * whole, or see it within 32 bits; the few that are left go a sample at a time
 * with 64 bits.
 */
#include <string.h>

#include "render/raster_tile.h"

#define SMALL (64 * SUB)
#define BLEND(m, a, b) (((m) & (a)) | (~(m) & (b)))

/* Where in a pixel the samples lie, 1/SUB px from its centre: no two share a
 * row or a column, so edges near the axes too have eight steps. */
#define SAMPLE_X { 16, -16, 80, -48, -80, -112, 48, 112 }
#define SAMPLE_Y { -48, 48, 16, -80, 80, -16, 112, -112 }
#define REACH 112

/* An edge from a to b: positive to the inside. */
struct edge {
	int64_t dx, dy;
	int32_t bias;		/* -1 where samples on the edge belong to the neighbour */
};

static inline struct edge
edge_of(const struct raster_vertex *a, const struct raster_vertex *b)
{
	struct edge e = { (int64_t)b->x - a->x, (int64_t)b->y - a->y, 0 };

	/* left edges go up the screen, top edges go right */
	e.bias = e.dy < 0 || (e.dy == 0 && e.dx > 0) ? 0 : -1;
	return e;
}

static inline int32_t
min3(int32_t a, int32_t b, int32_t c)
{
	int32_t m = a < b ? a : b;

	return m < c ? m : c;
}

static inline int32_t
max3(int32_t a, int32_t b, int32_t c)
{
	int32_t m = a > b ? a : b;

	return m > c ? m : c;
}

/* Pixels that hold a sample between two coordinates. SUB is a power of two and
 * the shift of a negative number goes down on every compiler we build with. */
static inline int32_t
first_px(int32_t v)
{
	return (v - SUB / 2 - REACH + SUB - 1) >> 8;
}

static inline int32_t
last_px(int32_t v)
{
	return (v - SUB / 2 + REACH) >> 8;
}

struct setup {
	const struct raster_vertex *a, *b, *c;	/* inside is positive */
	struct edge ab, bc, ca;
	int64_t area;
	int32_t x0, x1, y0, y1;			/* pixels, inclusive */
	uint32_t mesh;
	uint32_t samples;			/* that the mesh takes */
	bool small;
};

/* false: nothing to draw. */
INLINE bool
setup(struct setup *t, const struct raster_band *band,
      const struct raster_vertex *v0, const struct raster_vertex *v1,
      const struct raster_vertex *v2, uint32_t mesh)
{
	int32_t x0 = min3(v0->x, v1->x, v2->x), x1 = max3(v0->x, v1->x, v2->x);
	int32_t y0 = min3(v0->y, v1->y, v2->y), y1 = max3(v0->y, v1->y, v2->y);
	int64_t area;

	area = ((int64_t)v2->x - v0->x) * ((int64_t)v1->y - v0->y) -
	       ((int64_t)v2->y - v0->y) * ((int64_t)v1->x - v0->x);
	if (area <= 0)
		return false;
	t->x0 = first_px(x0) > 0 ? first_px(x0) : 0;
	t->x1 = last_px(x1) < band->width - 1 ? last_px(x1) : band->width - 1;
	t->y0 = first_px(y0) > band->y0 ? first_px(y0) : band->y0;
	t->y1 = last_px(y1) < band->y0 + TILE - 1 ? last_px(y1)
						    : band->y0 + TILE - 1;
	if (t->y1 >= band->height)
		t->y1 = band->height - 1;
	if (t->x0 > t->x1 || t->y0 > t->y1)
		return false;
	t->a = v0;
	t->b = v2;
	t->c = v1;
	t->ab = edge_of(t->a, t->b);
	t->bc = edge_of(t->b, t->c);
	t->ca = edge_of(t->c, t->a);
	t->area = area;
	t->mesh = mesh;
	t->samples = band->colour[mesh - 1].samples;
	t->small = x1 - x0 <= SMALL && y1 - y0 <= SMALL;
	return true;
}

static void
touch(struct raster_band *band, int32_t tile)
{
	struct raster_tile *t = &band->tile[tile];

	memset(t->w, 0, sizeof(t->w));
	memset(t->mark, 0, sizeof(t->mark));
	if (band->count)
		memset(t->hits, 0, sizeof(t->hits));
	band->dirty[tile] = true;
}

/* The edge's value at the centre of pixel (x, y), with its bias. */
static inline int64_t
edge_at(const struct edge *e, const struct raster_vertex *a, int32_t x, int32_t y)
{
	int64_t px = (int64_t)x * SUB + SUB / 2 - a->x;
	int64_t py = (int64_t)y * SUB + SUB / 2 - a->y;

	return e->dx * py - e->dy * px + e->bias;
}

INLINE void
clamp_unit(v8f *v)
{
	const v8f one = { 1, 1, 1, 1, 1, 1, 1, 1 };
	v8i lo = *v > 0.0f, hi = *v < 1.0f;

	*v = (v8f)(BLEND(hi, (v8i)*v, (v8i)one) & lo);
}

/* What is interpolated over the triangle: at its first corner, and more at b, c. */
struct slopes {
	float inv_area;
	float w, w_b, w_c, nx, nx_b, nx_c, ny, ny_b, ny_c;
	int32_t mesh;		/* shifted into place */
};

INLINE struct slopes
slopes_of(const struct raster_vertex *a, const struct raster_vertex *b,
	  const struct raster_vertex *c, float area, uint32_t mesh)
{
	return (struct slopes){ 1.0f / area, a->w, b->w - a->w, c->w - a->w,
				a->n[0], b->n[0] - a->n[0], c->n[0] - a->n[0],
				a->n[1], b->n[1] - a->n[1], c->n[1] - a->n[1],
				(int32_t)(mesh << MESH_SHIFT) };
}

/* At eight samples of a pixel. Inside, b and c are in 0..1; elsewhere they may be
 * anything, and what comes of it is not kept. */
INLINE void
put_samples(struct raster_tile *tile, uint32_t row, uint32_t col,
	    const struct slopes *t, const v8i *inside, const v8f *b, const v8f *c,
	    bool count)
{
	float *dw = tile->w[row][col];
	uint32_t *dm = tile->mark[row][col];
	const v8f ub = *b, uc = *c;
	v8f w, nx, ny, old;
	v8i mark, have, front;

	w = t->w + ub * t->w_b + uc * t->w_c;
	memcpy(&old, dw, sizeof(old));
	memcpy(&have, dm, sizeof(have));
	front = *inside & (w > old);
	nx = t->nx + ub * t->nx_b + uc * t->nx_c;
	ny = t->ny + ub * t->ny_b + uc * t->ny_c;
	mark = (v8i)__builtin_convertvector(nx * 511.0f + 512.5f, v8i) |
	       (v8i)__builtin_convertvector(ny * 511.0f + 512.5f, v8i) << 10 |
	       t->mesh;
	w = (v8f)BLEND(front, (v8i)w, (v8i)old);
	mark = BLEND(front, mark, have);
	memcpy(dw, &w, sizeof(w));
	memcpy(dm, &mark, sizeof(mark));
	if (count)
		for (int i = 0; i < S; i++)
			tile->hits[row][col][i] += (*inside)[i] ? 1 : 0;
}

/* All in 32 bits. The third edge is what the others leave of the area. */
INLINE void
fill_small(struct raster_band *band, const struct setup *t)
{
	static const v8i sx = SAMPLE_X, sy = SAMPLE_Y;
	const v8i bit = { 1, 2, 4, 8, 16, 32, 64, 128 };
	const v8i taken = (bit & (int32_t)t->samples) != 0;
	const int32_t abx = (int32_t)t->ab.dx, aby = (int32_t)t->ab.dy;
	const int32_t cax = (int32_t)t->ca.dx, cay = (int32_t)t->ca.dy;
	const int32_t px = t->x0 * SUB + SUB / 2 - t->a->x;
	const int32_t py = t->y0 * SUB + SUB / 2 - t->a->y;
	const int32_t rest = (int32_t)t->area + t->bc.bias + t->ab.bias + t->ca.bias;
	const struct slopes s = slopes_of(t->a, t->b, t->c, (float)t->area, t->mesh);
	v8i ab = sy * abx - sx * aby + (abx * py - aby * px + t->ab.bias);
	v8i ca = sy * cax - sx * cay + (cax * py - cay * px + t->ca.bias);

	for (int32_t k = t->x0 / TILE; k <= t->x1 / TILE; k++)
		if (!band->dirty[k])
			touch(band, k);
	for (int32_t y = t->y0; y <= t->y1; y++) {
		const uint32_t row = (uint32_t)(y - band->y0);
		v8i eab = ab, eca = ca;

		for (uint32_t x = (uint32_t)t->x0; x <= (uint32_t)t->x1; x++) {
			v8i inside = ((eab | eca | (rest - eab - eca)) >= 0) & taken;

			if (any8(&inside)) {
				v8f ub = __builtin_convertvector(eca, v8f) * s.inv_area;
				v8f uc = __builtin_convertvector(eab, v8f) * s.inv_area;

				put_samples(&band->tile[x / TILE], row, x % TILE,
					    &s, &inside, &ub, &uc, band->count);
			}
			eab -= aby * SUB;
			eca -= cay * SUB;
		}
		ab += abx * SUB;
		ca += cax * SUB;
	}
}

/* One sample of a large triangle. */
static void
put_sample(struct raster_tile *tile, int row, int col, int i,
	   const struct slopes *t, float ub, float uc)
{
	float w = t->w + ub * t->w_b + uc * t->w_c;
	float nx = t->nx + ub * t->nx_b + uc * t->nx_c;
	float ny = t->ny + ub * t->ny_b + uc * t->ny_c;

	if (!(w > tile->w[row][col][i]))
		return;
	tile->w[row][col][i] = w;
	tile->mark[row][col][i] = (uint32_t)(int32_t)(nx * 511.0f + 512.5f) |
				  (uint32_t)(int32_t)(ny * 511.0f + 512.5f) << 10 |
				  (uint32_t)t->mesh;
}

static float
unit1(float v)
{
	return v > 0.0f ? v < 1.0f ? v : 1.0f : 0.0f;
}

static void
fill_pixel(struct raster_band *band, const struct setup *t,
	   const struct slopes *s, int32_t x, int32_t y)
{
	static const int32_t sx[S] = SAMPLE_X, sy[S] = SAMPLE_Y;
	struct raster_tile *tile = &band->tile[x / TILE];
	int64_t ab = edge_at(&t->ab, t->a, x, y);
	int64_t bc = edge_at(&t->bc, t->b, x, y);
	int64_t ca = edge_at(&t->ca, t->c, x, y);
	int row = y - band->y0, col = x % TILE;

	for (int i = 0; i < S; i++) {
		int64_t e0 = ab + t->ab.dx * sy[i] - t->ab.dy * sx[i];
		int64_t e1 = bc + t->bc.dx * sy[i] - t->bc.dy * sx[i];
		int64_t e2 = ca + t->ca.dx * sy[i] - t->ca.dy * sx[i];

		if ((e0 | e1 | e2) < 0 || !(t->samples >> i & 1))
			continue;
		if (!band->dirty[x / TILE])
			touch(band, x / TILE);
		if (band->count)
			tile->hits[row][col][i]++;
		put_sample(tile, row, col, i, s, unit1((float)e2 * s->inv_area),
			   unit1((float)e0 * s->inv_area));
	}
}

/* An edge over the part of a tile that a large triangle may touch. */
struct reach {
	int64_t at;			/* the centre of the first pixel */
	bool inside, outside;		/* all samples are */
	bool narrow;			/* all values fit 32 bits */
	v8i off;			/* of the samples, where narrow */
	v8f f_off;
};

INLINE void
reach_of(struct reach *r, const struct edge *e, const struct raster_vertex *a,
	 int32_t x, int32_t y, int32_t across, int32_t down)
{
	static const v8i sx = SAMPLE_X, sy = SAMPLE_Y;
	const v8f fx = __builtin_convertvector(sx, v8f);
	const v8f fy = __builtin_convertvector(sy, v8f);
	int64_t lo, hi, to_x = -e->dy * SUB * across, to_y = e->dx * SUB * down;
	int64_t most = REACH * ((e->dx < 0 ? -e->dx : e->dx) +
				(e->dy < 0 ? -e->dy : e->dy));

	r->at = edge_at(e, a, x, y);
	lo = r->at + (to_x < 0 ? to_x : 0) + (to_y < 0 ? to_y : 0) - most;
	hi = r->at + (to_x > 0 ? to_x : 0) + (to_y > 0 ? to_y : 0) + most;
	r->inside = lo >= 0;
	r->outside = hi < 0;
	r->narrow = lo > -(1 << 30) && hi < 1 << 30;
	/* a narrow edge's steps fit as well */
	r->off = sy * (r->narrow ? (int32_t)e->dx : 0) -
		 sx * (r->narrow ? (int32_t)e->dy : 0);
	r->f_off = fy * (float)e->dx - fx * (float)e->dy;
}

/* Whether the samples of pixel x, y from the first one are inside; only asked of
 * edges that are narrow or have all inside. */
INLINE void
within(const struct reach *r, const struct edge *e, int32_t x, int32_t y, v8i *in)
{
	int64_t at = r->at + (e->dx * y - e->dy * x) * SUB;

	if (!r->inside)
		*in &= r->off + (int32_t)at >= 0;
}

INLINE void
value(const struct reach *r, const struct edge *e, int32_t x, int32_t y, v8f *v)
{
	*v = r->f_off + (float)(r->at + (e->dx * y - e->dy * x) * SUB);
}

/* The part of a large triangle in one tile, x0..x1. */
INLINE void
fill_tile(struct raster_band *band, const struct setup *t,
	  const struct slopes *s, int32_t x0, int32_t x1)
{
	const v8i bit = { 1, 2, 4, 8, 16, 32, 64, 128 };
	struct reach ab, bc, ca;

	reach_of(&ab, &t->ab, t->a, x0, t->y0, x1 - x0, t->y1 - t->y0);
	reach_of(&bc, &t->bc, t->b, x0, t->y0, x1 - x0, t->y1 - t->y0);
	reach_of(&ca, &t->ca, t->c, x0, t->y0, x1 - x0, t->y1 - t->y0);
	if (ab.outside || bc.outside || ca.outside)
		return;
	if (!((ab.inside || ab.narrow) && (bc.inside || bc.narrow) &&
	      (ca.inside || ca.narrow))) {
		for (int32_t y = t->y0; y <= t->y1; y++)
			for (int32_t x = x0; x <= x1; x++)
				fill_pixel(band, t, s, x, y);
		return;
	}
	if (!band->dirty[x0 / TILE])
		touch(band, x0 / TILE);
	for (int32_t y = 0; y <= t->y1 - t->y0; y++)
		for (int32_t x = 0; x <= x1 - x0; x++) {
			v8i in = (bit & (int32_t)t->samples) != 0;
			v8f ub, uc;

			within(&ab, &t->ab, x, y, &in);
			within(&bc, &t->bc, x, y, &in);
			within(&ca, &t->ca, x, y, &in);
			if (!any8(&in))
				continue;
			value(&ab, &t->ab, x, y, &uc);
			value(&ca, &t->ca, x, y, &ub);
			uc *= s->inv_area;
			ub *= s->inv_area;
			clamp_unit(&uc);
			clamp_unit(&ub);
			put_samples(&band->tile[x0 / TILE],
				    (uint32_t)(t->y0 + y - band->y0),
				    (uint32_t)(x0 + x) % TILE, s, &in, &ub, &uc,
				    band->count);
		}
}

INLINE void
fill_large(struct raster_band *band, const struct setup *t)
{
	const struct slopes s = slopes_of(t->a, t->b, t->c, (float)t->area, t->mesh);

	for (int32_t x = t->x0; x <= t->x1; x = (x / TILE + 1) * TILE) {
		int32_t end = x / TILE * TILE + TILE - 1;

		fill_tile(band, t, &s, x, end < t->x1 ? end : t->x1);
	}
}

INLINE void
fill(struct raster_band *b, const struct raster_vertex *v0,
     const struct raster_vertex *v1, const struct raster_vertex *v2, uint32_t mesh)
{
	struct setup t;

	if (!setup(&t, b, v0, v1, v2, mesh))
		return;
	if (t.small)
		fill_small(b, &t);
	else
		fill_large(b, &t);
}

void
raster_fill_plain(struct raster_band *b, const struct raster_vertex *v0,
		  const struct raster_vertex *v1, const struct raster_vertex *v2,
		  uint32_t mesh)
{
	fill(b, v0, v1, v2, mesh);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
fill_avx2(struct raster_band *b, const struct raster_vertex *v0,
	  const struct raster_vertex *v1, const struct raster_vertex *v2,
	  uint32_t mesh)
{
	fill(b, v0, v1, v2, mesh);
}
#endif

raster_fill *
raster_fill_get(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return fill_avx2;
#endif
	return raster_fill_plain;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network in float32, tensor by tensor as the importer comes by them, and
 * the rounding of each weight against its inputs.
 */
#include "hmr2/hmr2_calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hmr2/hmr2_kernels.h"
#include "hmr2/hmr2_net.h"
#include "hmr2/hmr2_pool.h"
#include "hmr2/hmr2_simd.h"

#define TOKENS ((size_t)HMR_HMR2_TOKENS)
#define PEOPLE 8u
#define ROWS (PEOPLE * TOKENS)
#define LANES 16u		/* rows of weights that are rounded together */
#define DAMPING 0.3f		/* of the mean power of the inputs */

struct hmr2_calibrator {
	struct hmr2_pool *pool;
	struct hmr_hmr2_dims d;
	float *x;			/* [ROWS][dim] */
	float *in;			/* [ROWS][ld_in] the input of the next weight */
	float *out;			/* [ROWS][ld_out] what it gives */
	float *turned;			/* [in][ROWS] inputs by channel */
	float *power;			/* [in] */
	float *error;			/* [threads][ROWS][LANES] */
	void *attend, *packed;
	size_t ld_in, ld_out, packed_cap;
	struct hmr2_norm norm;		/* owned */
	float *norm_w, *norm_b;
	/* the weight in work */
	float *w;
	int8_t *q;
	float *scale;
	uint32_t w_out, w_in;
	struct hmr2_packed pack;
};

#ifdef __x86_64__

static uint32_t
next(uint32_t *s)
{
	*s = *s * 1664525 + 1013904223;
	return *s >> 8;
}

/* Adds noise of a grain, bilinear between random values. */
static void
add_noise(float *plane, uint32_t grain, float size, uint32_t *seed)
{
	float grid[132][132];
	uint32_t h = HMR_HMR2_CROP / grain + 2, w = HMR_HMR2_WIDTH / grain + 2;

	for (uint32_t y = 0; y < h; y++)
		for (uint32_t x = 0; x < w; x++)
			grid[y][x] = ((float)next(seed) / 0x1p23f - 1) * size;
	for (uint32_t y = 0; y < HMR_HMR2_CROP; y++)
		for (uint32_t x = 0; x < HMR_HMR2_WIDTH; x++) {
			float fy = (float)(y % grain) / (float)grain;
			float fx = (float)(x % grain) / (float)grain;
			const float *a = &grid[y / grain][x / grain], *b = a + 132;

			plane[y * HMR_HMR2_WIDTH + x] += (1 - fy) *
				((1 - fx) * a[0] + fx * a[1]) +
				fy * ((1 - fx) * b[0] + fx * b[1]);
		}
}

/* A crop of smooth noise of unit deviation about a colour: out [3][256][192]. */
static void
noise(float *out, uint32_t *seed)
{
	static const uint32_t grain[] = { 2, 8, 32, 96 };
	const size_t n = HMR_HMR2_CROP * HMR_HMR2_WIDTH;

	memset(out, 0, 3 * n * sizeof(*out));
	for (size_t k = 0; k < 3; k++, out += n) {
		float mean = (float)next(seed) / 0x1p23f - 1;
		double s = 0;

		for (int i = 0; i < 4; i++)
			add_noise(out, grain[i], sqrtf((float)grain[i]), seed);
		for (size_t i = 0; i < n; i++)
			s += (double)out[i] * out[i];
		for (size_t i = 0; i < n; i++)
			out[i] = fmaxf(-2.1f, fminf(2.6f, mean + out[i] /
					(float)sqrt(s / (double)n)));
	}
}

/* The patches of all crops as the first weight's input. */
static enum hmr_status
patches(struct hmr2_calibrator *c, struct hmr_err *e)
{
	float *crop = malloc(3 * HMR_HMR2_CROP * HMR_HMR2_WIDTH * sizeof(*crop));
	uint32_t seed = 1;

	if (!crop)
		return hmr_fail(e, HMR_E_NOMEM, "calibration");
	for (size_t r = 0; r < ROWS; r++) {
		float *to = c->in + r * c->ld_in;
		int y0 = (int)(r % TOKENS / 12) * 16 - 2, x0 = (int)(r % 12) * 16 - 2;

		if (r % TOKENS == 0)
			noise(crop, &seed);
		for (int k = 0; k < 3; k++)
			for (int y = y0; y < y0 + 16; y++)
				for (int x = x0; x < x0 + 16; x++)
					*to++ = y < 0 || x < 0 ? 0 :
						crop[((size_t)k * HMR_HMR2_CROP + (size_t)y) *
						     HMR_HMR2_WIDTH + (size_t)x];
	}
	free(crop);
	return HMR_OK;
}

/* One channel of the inputs: takes the error e [LANES] of its rounding into the
 * errors so far, and returns their product with the next channel's inputs. */
HMR2_512 static __m512
follow(float *error, __m512 e, const float *a, const float *b)
{
	__m512 s0 = _mm512_setzero_ps(), s1 = s0, r0, r1;

	for (size_t t = 0; t < ROWS; t += 2) {
		r0 = _mm512_fmadd_ps(e, _mm512_set1_ps(a[t]),
				     _mm512_loadu_ps(error + t * LANES));
		r1 = _mm512_fmadd_ps(e, _mm512_set1_ps(a[t + 1]),
				     _mm512_loadu_ps(error + (t + 1) * LANES));
		_mm512_storeu_ps(error + t * LANES, r0);
		_mm512_storeu_ps(error + (t + 1) * LANES, r1);
		s0 = _mm512_fmadd_ps(r0, _mm512_set1_ps(b[t]), s0);
		s1 = _mm512_fmadd_ps(r1, _mm512_set1_ps(b[t + 1]), s1);
	}
	return _mm512_add_ps(s0, s1);
}

/* Rounds rows [row, row + LANES) of the weight: q, and w to what q stands for. */
HMR2_512 static void
round_rows(struct hmr2_calibrator *c, uint32_t row, float *error)
{
	size_t in = c->w_in;
	float lane[LANES], scale[LANES];
	__m512 s, inv, sum = _mm512_setzero_ps();

	memset(error, 0, ROWS * LANES * sizeof(*error));
	for (size_t i = 0; i < LANES; i++) {
		const float *w = c->w + (row + i) * in;
		float most = 0;

		for (size_t j = 0; j < in; j++)
			most = fmaxf(most, fabsf(w[j]));
		c->scale[row + i] = most / 127;
		scale[i] = most > 0 ? most / 127 : 1;
	}
	s = _mm512_loadu_ps(scale);
	inv = _mm512_div_ps(_mm512_set1_ps(1), s);
	for (size_t j = 0; j < in; j++) {
		__m512 w, t, q;
		int32_t whole[LANES];

		for (size_t i = 0; i < LANES; i++)
			lane[i] = c->w[(row + i) * in + j];
		w = _mm512_mul_ps(_mm512_loadu_ps(lane), inv);
		t = _mm512_fmadd_ps(_mm512_mul_ps(sum, inv), _mm512_set1_ps(1 / c->power[j]),
				    w);
		q = _mm512_roundscale_ps(t, 8);
		/* up or down, no further: what is taken back here may not be
		 * there in a picture */
		q = _mm512_min_ps(q, _mm512_roundscale_ps(w, 10));
		q = _mm512_max_ps(q, _mm512_roundscale_ps(w, 9));
		q = _mm512_min_ps(_mm512_max_ps(q, _mm512_set1_ps(-127)),
				  _mm512_set1_ps(127));
		_mm512_storeu_si512(whole, _mm512_cvtps_epi32(q));
		_mm512_storeu_ps(lane, _mm512_mul_ps(q, s));
		sum = follow(error, _mm512_mul_ps(_mm512_sub_ps(w, q), s),
			     c->turned + j * ROWS,
			     c->turned + (j + 1 < in ? j + 1 : j) * ROWS);
		for (size_t i = 0; i < LANES; i++) {
			c->q[(row + i) * in + j] = (int8_t)whole[i];
			c->w[(row + i) * in + j] = lane[i];
		}
	}
}

static void
round_share(void *ctx, unsigned thread)
{
	struct hmr2_calibrator *c = ctx;
	unsigned threads = hmr2_pool_threads(c->pool);

	for (uint32_t r = LANES * thread; r < c->w_out; r += LANES * threads)
		round_rows(c, r, c->error + (size_t)thread * ROWS * LANES);
}

/* The inputs by channel, and their power with damping. */
static void
turn(struct hmr2_calibrator *c)
{
	double all = 0;

	hmr2_transpose((const uint32_t *)(const void *)c->in, c->ld_in, ROWS, c->w_in,
		       (uint32_t *)(void *)c->turned, ROWS);
	for (size_t j = 0; j < c->w_in; j++) {
		c->power[j] = hmr2_dot(c->turned + j * ROWS, c->turned + j * ROWS, ROWS);
		all += (double)c->power[j] / c->w_in;
	}
	for (size_t j = 0; j < c->w_in; j++)
		c->power[j] += (float)all * DAMPING + 1e-20f;
}

static void
multiply_share(void *ctx, unsigned thread)
{
	struct hmr2_calibrator *c = ctx;
	struct hmr2_rows in = { .p = (uint32_t *)(void *)c->in, .words = c->ld_in };

	for (size_t r = HMR2_CHUNK * thread; r < ROWS;
	     r += HMR2_CHUNK * hmr2_pool_threads(c->pool))
		hmr2_product(&c->pack, &in, r, HMR2_CHUNK, HMR2_STORE,
			     c->out + r * c->ld_out, c->ld_out);
}

/* out = in times the weight as it is now; its bias comes later. */
static enum hmr_status
multiply(struct hmr2_calibrator *c, struct hmr_err *e)
{
	struct hmr2_linear l = { .dtype = HMR_DTYPE_F32, .out = c->w_out, .in = c->w_in,
				 .w = c->w };
	size_t need = (hmr2_packed_bytes(HMR2_F32, c->w_out, c->w_in) + 63) & ~(size_t)63;

	if (need > c->packed_cap) {
		free(c->packed);
		c->packed_cap = 0;
		if (!(c->packed = aligned_alloc(64, need)))
			return hmr_fail(e, HMR_E_NOMEM, "calibration");
		c->packed_cap = need;
	}
	hmr2_pack(&c->pack, HMR2_F32, &l, c->packed);
	hmr2_pool_run(c->pool, multiply_share, c);
	return HMR_OK;
}

static enum hmr_status
start(void *ctx, const struct hmr_hmr2_dims *d, struct hmr_err *e)
{
	struct hmr2_calibrator *c = ctx;
	size_t wide = d->mlp > HMR_HMR2_PATCH ? d->mlp : HMR_HMR2_PATCH;

	c->d = *d;
	wide = d->dim > wide ? d->dim : wide;
	c->ld_in = wide + 16;
	c->ld_out = (3 * (size_t)d->dim > d->mlp ? 3 * (size_t)d->dim : d->mlp) + 48;
	c->x = malloc(ROWS * d->dim * 4);
	c->in = malloc(ROWS * c->ld_in * 4);
	c->out = malloc((ROWS * c->ld_out + 64) * 4);
	c->turned = malloc(ROWS * wide * 4);
	c->power = malloc(wide * 4);
	c->error = malloc(hmr2_pool_threads(c->pool) * ROWS * LANES * 4);
	c->attend = malloc(hmr2_attend_bytes(d->dim / d->heads));
	c->norm_w = malloc(d->dim * 4);
	c->norm_b = malloc(d->dim * 4);
	if (!c->x || !c->in || !c->out || !c->turned || !c->power || !c->error ||
	    !c->attend || !c->norm_w || !c->norm_b)
		return hmr_fail(e, HMR_E_NOMEM, "calibration");
	c->norm = (struct hmr2_norm){ c->norm_w, c->norm_b };
	if ((d->dim | d->mlp) % 16)
		return hmr_fail(e, HMR_E_MODEL, "8 bit needs layers whose width is a "
				"multiple of 16");
	return patches(c, e);
}

static bool
ends(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);

	return n >= k && !strcmp(name + n - k, end);
}

/* out += bias; then what the network does with it. */
static void
after(struct hmr2_calibrator *c, const char *name, const float *bias)
{
	size_t dim = c->d.dim, n = ends(name, "qkv.bias") ? 3 * dim :
		ends(name, "fc1.bias") ? c->d.mlp : dim;

	for (size_t r = 0; r < ROWS; r++) {
		float *o = c->out + r * c->ld_out;

		hmr2_axpy(1, bias, o, n);
		if (ends(name, "fc1.bias")) {
			memcpy(c->in + r * c->ld_in, o, n * 4);
			hmr2_gelu_row(c->in + r * c->ld_in, n);
		} else if (!ends(name, "qkv.bias")) {
			hmr2_axpy(1, o, c->x + r * dim, dim);
		}
	}
	for (size_t p = 0; p < PEOPLE && ends(name, "qkv.bias"); p++)
		hmr2_attend(c->out + p * TOKENS * c->ld_out, c->ld_out, false, c->d.dim,
			    c->d.heads, 0, TOKENS, c->in + p * TOKENS * c->ld_in, c->ld_in,
			    false, c->attend);
}

static enum hmr_status
tensor(void *ctx, const char *name, const float *v, struct hmr_err *e)
{
	struct hmr2_calibrator *c = ctx;
	size_t dim = c->d.dim;
	enum hmr_status st;

	if (!strcmp(name, "patch.weight")) {
		if (!(c->w = malloc(dim * HMR_HMR2_PATCH * 4)))
			return hmr_fail(e, HMR_E_NOMEM, "calibration");
		memcpy(c->w, v, dim * HMR_HMR2_PATCH * 4);
		c->w_out = (uint32_t)dim;
		c->w_in = HMR_HMR2_PATCH;
		st = multiply(c, e);
		free(c->w);
		return st;
	}
	if (!strcmp(name, "pos")) {
		for (size_t r = 0; r < ROWS; r++) {
			memcpy(c->x + r * dim, v + r % TOKENS * dim, dim * 4);
			hmr2_axpy(1, c->out + r * c->ld_out, c->x + r * dim, dim);
		}
	} else if (strncmp(name, "blocks.", 7) != 0) {
		return HMR_OK;
	} else if (ends(name, "norm1.weight") || ends(name, "norm2.weight")) {
		memcpy(c->norm_w, v, dim * 4);
	} else if (ends(name, "norm1.bias") || ends(name, "norm2.bias")) {
		struct hmr2_rows in = { .p = (uint32_t *)(void *)c->in, .words = c->ld_in };

		memcpy(c->norm_b, v, dim * 4);
		hmr2_norm(&c->norm, 1e-6f, c->x, ROWS, dim, HMR2_F32, &in, 0);
	} else {
		after(c, name, v);
	}
	return HMR_OK;
}

static enum hmr_status
weight(void *ctx, const char *name, float *w, uint32_t out, uint32_t in, int8_t *q,
       float *scale, struct hmr_err *e)
{
	struct hmr2_calibrator *c = ctx;

	(void)name;
	c->w = w;
	c->w_out = out;
	c->w_in = in;
	c->q = q;
	c->scale = scale;
	if (q) {
		turn(c);
		hmr2_pool_run(c->pool, round_share, c);
	}
	return multiply(c, e);
}

const struct hmr_hmr2_observer hmr2_calibrator_observer = { start, tensor, weight };

enum hmr_status
hmr2_calibrator_new(struct hmr2_calibrator **out, unsigned threads, struct hmr_err *e)
{
	struct hmr2_calibrator *c = calloc(1, sizeof(*c));
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	enum hmr_status st;

	*out = NULL;
	if (!c)
		return hmr_fail(e, HMR_E_NOMEM, "calibration");
	if (!hmr2_cpu_fast()) {
		free(c);
		return hmr_fail(e, HMR_E_DEVICE, "no AVX-512 on this CPU");
	}
	threads = threads ? threads : cores > 0 && cores < 64 ? (unsigned)cores : 1;
	if ((st = hmr2_pool_new(&c->pool, threads, e))) {
		free(c);
		return st;
	}
	*out = c;
	return HMR_OK;
}

#else

const struct hmr_hmr2_observer hmr2_calibrator_observer;

enum hmr_status
hmr2_calibrator_new(struct hmr2_calibrator **out, unsigned threads, struct hmr_err *e)
{
	(void)threads;
	*out = NULL;
	return hmr_fail(e, HMR_E_DEVICE, "no AVX-512 on this CPU");
}

#endif

void
hmr2_calibrator_free(struct hmr2_calibrator *c)
{
	if (!c)
		return;
	hmr2_pool_free(c->pool);
	free(c->x);
	free(c->in);
	free(c->out);
	free(c->turned);
	free(c->power);
	free(c->error);
	free(c->attend);
	free(c->packed);
	free(c->norm_w);
	free(c->norm_b);
	free(c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products and convolutions of the fake device, as loops. */
#include <math.h>
#include <stdlib.h>

#include "fake.h"

static float
get(const void *p, enum hmr_device_type t, size_t i)
{
	switch (t) {
	case HMR_DEVICE_F32: return ((const float *)p)[i];
	case HMR_DEVICE_F16: return hmr_ld_f16(((const uint16_t *)p)[i]);
	case HMR_DEVICE_BF16: return hmr_ld_bf16(((const uint16_t *)p)[i]);
	case HMR_DEVICE_I8: return ((const int8_t *)p)[i];
	case HMR_DEVICE_I32: return (float)((const int32_t *)p)[i];
	}
	return 0;
}

static void
put(void *p, enum hmr_device_type t, size_t i, float v)
{
	switch (t) {
	case HMR_DEVICE_F32: ((float *)p)[i] = v; break;
	case HMR_DEVICE_F16: ((uint16_t *)p)[i] = hmr_st_f16(v); break;
	case HMR_DEVICE_BF16: ((uint16_t *)p)[i] = hmr_st_bf16(v); break;
	case HMR_DEVICE_I8: ((int8_t *)p)[i] = (int8_t)v; break;
	case HMR_DEVICE_I32: ((int32_t *)p)[i] = (int32_t)v; break;
	}
}

/* n numbers in eight sums, which the compiler puts side by side. */
static float
dot(const float *a, const float *b, size_t n)
{
	float s[8] = { 0 }, sum = 0;
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		for (int k = 0; k < 8; k++)
			s[k] += a[i + k] * b[i + k];
	for (; i < n; i++)
		s[0] += a[i] * b[i];
	for (int k = 0; k < 8; k++)
		sum += s[k];
	return sum;
}

static float
finish(const struct hmr_gemm_desc *g, const struct hmr_gemm_io *io, float v, size_t at,
       uint32_t col)
{
	if (g->bias)
		v += get(io->bias, g->out, col);
	if (g->add)
		v += get(io->c, g->out, at);
	if (g->act == HMR_GEMM_RELU)
		v = v > 0 ? v : 0;
	if (g->act == HMR_GEMM_GELU)
		v = .5f * v * (1 + tanhf(.7978845608f * (v + .044715f * v * v * v)));
	return v;
}

static int32_t
dot_i8(const int8_t *a, const int8_t *b, uint32_t n)
{
	int32_t s = 0;

	for (uint32_t i = 0; i < n; i++)
		s += a[i] * b[i];
	return s;
}

void
fake_gemm(const struct hmr_gemm_desc *g, const struct hmr_gemm_io *io)
{
	uint32_t lda = g->lda ? g->lda : g->k, ldd = g->ldd ? g->ldd : g->n;
	uint32_t ldb = g->ldb ? g->ldb : g->b_rows_k ? g->n : g->k;
	float *a = malloc(g->k * sizeof(*a));
	float *b = malloc((size_t)g->n * g->k * sizeof(*b));
	float alpha = g->alpha != 0 ? g->alpha : 1;

	if (!a || !b)
		abort();
	for (uint32_t p = 0; p < (g->batch ? g->batch : 1); p++) {
		size_t from_a = (size_t)(p * g->step_a), from_b = (size_t)(p * g->step_b);

		for (uint32_t j = 0; j < g->n; j++)
			for (uint32_t k = 0; k < g->k; k++)
				b[(size_t)j * g->k + k] = get(io->b, g->in, from_b +
					(g->b_rows_k ? (size_t)k * ldb + j :
						       (size_t)j * ldb + k));
		for (uint32_t i = 0; i < g->m; i++) {
			size_t row = from_a + (size_t)i * lda;

			for (uint32_t k = 0; k < g->k; k++)
				a[k] = get(io->a, g->in, row + k);
			for (uint32_t j = 0; j < g->n; j++) {
				size_t at = (size_t)(p * g->step_d) + (size_t)i * ldd + j;

				if (g->out == HMR_DEVICE_I32)
					((int32_t *)io->d)[at] = dot_i8(
						(const int8_t *)io->a + row,
						(const int8_t *)io->b + from_b +
						(size_t)j * ldb, g->k);
				else
					put(io->d, g->out, at, finish(g, io, alpha *
						dot(a, b + (size_t)j * g->k, g->k), at, j));
			}
		}
	}
	free(a);
	free(b);
}

/* One output pixel; x is float, whole. */
static void
conv_pixel(const struct hmr_conv_desc *c, const struct hmr_conv_io *io, const float *x,
	   const float *w, const size_t at[3])
{
	uint32_t per = c->c / c->group, outs = c->out / c->group;
	size_t dst = ((at[0] * c->oh + at[1]) * c->ow + at[2]) * c->out;

	for (uint32_t o = 0; o < c->out; o++) {
		float sum = c->bias ? get(io->bias, c->type, o) : 0;

		for (uint32_t ky = 0; ky < c->kh; ky++)
			for (uint32_t kx = 0; kx < c->kw; kx++) {
				uint32_t dy = c->dilate[0] ? c->dilate[0] : 1;
				uint32_t dx = c->dilate[1] ? c->dilate[1] : 1;
				int64_t iy = (int64_t)(at[1] * c->stride[0] + ky * dy) -
					c->pad[0];
				int64_t ix = (int64_t)(at[2] * c->stride[1] + kx * dx) -
					c->pad[1];

				if (iy < 0 || ix < 0 || iy >= c->h || ix >= c->w)
					continue;
				sum += dot(x + ((at[0] * c->h + (size_t)iy) * c->w +
						(size_t)ix) * c->c + o / outs * per,
					   w + (((size_t)o * c->kh + ky) * c->kw + kx) * per,
					   per);
			}
		put(io->y, c->type, dst + o, c->relu && sum < 0 ? 0 : sum);
	}
}

void
fake_conv(const struct hmr_conv_desc *c, const struct hmr_conv_io *io)
{
	size_t nx = (size_t)c->n * c->h * c->w * c->c;
	size_t nw = (size_t)c->out * c->kh * c->kw * (c->c / c->group);
	float *x = malloc(nx * sizeof(*x)), *w = malloc(nw * sizeof(*w));

	if (!x || !w)
		abort();
	for (size_t i = 0; i < nx; i++)
		x[i] = get(io->x, c->type, i);
	for (size_t i = 0; i < nw; i++)
		w[i] = get(io->w, c->type, i);
	for (size_t b = 0; b < c->n; b++)
		for (size_t y = 0; y < c->oh; y++)
			for (size_t i = 0; i < c->ow; i++)
				conv_pixel(c, io, x, w, (size_t[3]){ b, y, i });
	free(x);
	free(w);
}

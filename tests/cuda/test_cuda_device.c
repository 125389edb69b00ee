/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device layer's promises (cuda/device.h), on whichever is linked: copies, two
 * queues and an event between them, recordings of them, products and convolutions in
 * every form against double sums. Seen failing: B taken as [k][n], a bias along rows, C
 * left out, padding on the left taken from the top, a recording that ends before the
 * work of a queue that joined it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/device.h"
#include "cuda/half_host.h"
#include "cuda/nn_args.h"
#include "nn/graph.h"

static const struct hmr_device_api *api;
static struct hmr_device *dev;
static struct hmr_queue *q;
static uint8_t *host, *mem;	/* pinned, device */
#define ROOM ((size_t)8 << 20)
#define WORK ((size_t)4 << 20)	/* workspace, at the end of mem */

static void
must(enum hmr_status st, const struct hmr_err *e)
{
	if (st)
		fail_msg("%s", e->msg);
}
#define MUST(call) do { struct hmr_err e = { 0 }; must(call, &e); } while (0)

static int
open_device(void **state)
{
	void *p;

	(void)state;
	if (!(api = hmr_device_api()))
		fail_msg("no device layer is built in");
	MUST(api->open(&dev, 0, HMR_DEVICE_BLAS | HMR_DEVICE_DNN, &e));
	MUST(api->queue_new(dev, &q, &e));
	MUST(api->alloc(dev, ROOM + WORK, &p, &e));
	mem = p;
	MUST(api->alloc_host(dev, ROOM, &p, &e));
	host = p;
	return 0;
}

static int
close_device(void **state)
{
	(void)state;
	api->queue_free(q);
	api->release(dev, mem);
	api->release_host(dev, host);
	api->close(dev);
	return 0;
}

static uint32_t seed = 3;

static float
next(void)
{
	seed = seed * 1664525u + 1013904223u;
	return (float)(seed >> 8) / 8388608.0f - 1;
}

static float
get(const uint8_t *p, enum hmr_device_type t, size_t i)
{
	uint16_t h;
	int32_t n;
	float f;

	switch (t) {
	case HMR_DEVICE_F32: memcpy(&f, p + 4 * i, 4); return f;
	case HMR_DEVICE_I32: memcpy(&n, p + 4 * i, 4); return (float)n;
	case HMR_DEVICE_I8: return (float)((const int8_t *)p)[i];
	default: memcpy(&h, p + 2 * i, 2);
		return t == HMR_DEVICE_F16 ? hmr_ld_f16(h) : hmr_ld_bf16(h);
	}
}

static void
put(uint8_t *p, enum hmr_device_type t, size_t i, float v)
{
	uint16_t h = t == HMR_DEVICE_F16 ? hmr_st_f16(v) : hmr_st_bf16(v);

	if (t == HMR_DEVICE_F32)
		memcpy(p + 4 * i, &v, 4);
	else if (t == HMR_DEVICE_I8)
		((int8_t *)p)[i] = (int8_t)lrintf(v * 100);
	else
		memcpy(p + 2 * i, &h, 2);
}

/* n random numbers at an offset of host memory; the offset behind them. */
static size_t
fill(size_t at, enum hmr_device_type t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(host + at, t, i, next());
	return (at + n * hmr_device_type_bytes(t) + 255) / 256 * 256;
}

/* --- products ---------------------------------------------------------------- */

static double
product(const struct hmr_gemm_desc *d, const size_t at[4], uint32_t p, uint32_t i, uint32_t j)
{
	uint32_t lda = d->lda ? d->lda : d->k, ldd = d->ldd ? d->ldd : d->n;
	uint32_t ldb = d->ldb ? d->ldb : d->b_rows_k ? d->n : d->k;
	double sum = 0;

	for (uint32_t k = 0; k < d->k; k++)
		sum += (double)get(host + at[0], d->in, (size_t)(p * d->step_a) + (size_t)i * lda + k) *
			(double)get(host + at[1], d->in, (size_t)(p * d->step_b) + (d->b_rows_k ?
				(size_t)k * ldb + j : (size_t)j * ldb + k));
	sum *= d->alpha != 0 ? (double)d->alpha : 1;
	if (d->bias)
		sum += (double)get(host + at[2], d->out, j);
	if (d->add)
		sum += (double)get(host + at[3], d->out, (size_t)(p * d->step_d) + (size_t)i * ldd + j);
	if (d->act == HMR_GEMM_RELU)
		sum = sum > 0 ? sum : 0;
	if (d->act == HMR_GEMM_GELU)
		sum = .5 * sum * (1 + tanh(.7978845608 * (sum + .044715 * sum * sum * sum)));
	return sum;
}

static void
try_product(struct hmr_gemm_desc d, double least)
{
	uint32_t many = d.batch ? d.batch : 1, ldd = d.ldd ? d.ldd : d.n;
	size_t at[5] = { 0 }, nd = (size_t)(d.step_d * (many - 1)) + (size_t)d.m * ldd, end;
	struct hmr_gemm *g;
	double err = 0, power = 1e-30;

	d.workspace = WORK;
	at[1] = fill(0, d.in, (size_t)(d.step_a * (many - 1)) + (size_t)d.m * (d.lda ? d.lda : d.k));
	at[2] = fill(at[1], d.in, (size_t)(d.step_b * (many - 1)) +
		     (size_t)(d.ldb ? d.ldb : d.k) * (d.ldb && d.b_rows_k ? d.k : d.n));
	at[3] = fill(at[2], d.out, d.n);
	at[4] = fill(at[3], d.out, nd);
	end = at[4] + nd * hmr_device_type_bytes(d.out);
	assert_true(end < ROOM);
	MUST(api->gemm_new(dev, &d, &g, &e));
	assert_true(api->gemm_workspace(g) <= WORK);
	MUST(api->copy_in(q, mem, host, at[4], &e));
	MUST(api->gemm_run(q, g, &(struct hmr_gemm_io){ mem, mem + at[1],
		d.bias ? mem + at[2] : NULL, d.add ? mem + at[3] : NULL, mem + at[4],
		mem + ROOM }, &e));
	MUST(api->copy_out(q, host + at[4], mem + at[4], end - at[4], &e));
	MUST(api->sync(q, &e));
	for (uint32_t p = 0; p < many; p++)
		for (uint32_t i = 0; i < d.m; i++)
			for (uint32_t j = 0; j < d.n; j++) {
				double want = product(&d, at, p, i, j);
				double got = (double)get(host + at[4], d.out,
					(size_t)(p * d.step_d) + (size_t)i * ldd + j);

				err += (want - got) * (want - got);
				power += want * want;
			}
	if (!(sqrt(err / power) < least))
		fail_msg("%ux%ux%u in %d: off by %g", d.m, d.n, d.k, (int)d.in,
			 sqrt(err / power));
	api->gemm_free(g);
}

static void
test_products(void **state)
{
	static const double least[3] = { 1e-5, 2e-3, 1e-2 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		enum hmr_device_type t = i == 0 ? HMR_DEVICE_F32 : i == 1 ? HMR_DEVICE_F16 :
			HMR_DEVICE_BF16;
		struct hmr_gemm_desc d = { .m = 37, .n = 24, .k = 64, .in = t, .out = t };

		if (!api->has(dev, t))
			continue;
		try_product(d, least[i]);
		d.bias = true;
		try_product(d, least[i]);
		d.act = HMR_GEMM_RELU;
		d.m = 1;
		try_product(d, least[i]);
		d.act = HMR_GEMM_GELU;
		d.m = 192;
		d.n = 128;
		try_product(d, least[i]);
		d.act = HMR_GEMM_NONE;
		d.add = true;
		d.alpha = .5f;
		try_product(d, least[i]);
		d = (struct hmr_gemm_desc){ .m = 33, .n = 40, .k = 48, .in = t, .out = t,
			.b_rows_k = true, .lda = 56, .ldd = 64 };
		try_product(d, least[i]);
		d = (struct hmr_gemm_desc){ .m = 16, .n = 16, .k = 32, .in = t, .out = t,
			.batch = 5, .step_a = 16 * 32, .step_b = 16 * 32, .step_d = 256 };
		try_product(d, least[i]);
		d.out = HMR_DEVICE_F32;
		try_product(d, least[i]);
	}
	try_product((struct hmr_gemm_desc){ .m = 48, .n = 32, .k = 64, .in = HMR_DEVICE_I8,
		.out = HMR_DEVICE_I32 }, 1e-7);
}

/* --- convolutions --------------------------------------------------------------- */

static double
pixel(const struct hmr_conv_desc *c, const size_t at[3], const uint32_t p[4])
{
	double sum = c->bias ? (double)get(host + at[2], c->type, p[3]) : 0;

	for (uint32_t y = 0; y < c->kh; y++)
		for (uint32_t x = 0; x < c->kw; x++) {
			int64_t iy = (int64_t)p[1] * c->stride[0] - c->pad[0] +
				(int64_t)y * (c->dilate[0] ? c->dilate[0] : 1);
			int64_t ix = (int64_t)p[2] * c->stride[1] - c->pad[1] +
				(int64_t)x * (c->dilate[1] ? c->dilate[1] : 1);

			if (iy < 0 || ix < 0 || iy >= c->h || ix >= c->w)
				continue;
			for (uint32_t k = 0; k < c->c; k++)
				sum += (double)get(host, c->type, ((p[0] * c->h + (size_t)iy) *
						c->w + (size_t)ix) * c->c + k) *
					(double)get(host + at[1], c->type,
						((p[3] * c->kh + y) * c->kw + x) * (size_t)c->c + k);
		}
	return c->relu && sum < 0 ? 0 : sum;
}

/* false: the device has no engine for it. */
static bool
try_conv(struct hmr_conv_desc d, double least)
{
	size_t at[4] = { 0 }, nd = (size_t)d.n * d.oh * d.ow * d.out, i = 0;
	struct hmr_err why = { 0 };
	struct hmr_conv *c;
	double err = 0, power = 1e-30;
	enum hmr_status st;
	uint32_t p[4];

	d.group = 1;
	d.workspace = WORK;
	at[1] = fill(0, d.type, (size_t)d.n * d.h * d.w * d.c);
	at[2] = fill(at[1], d.type, (size_t)d.out * d.kh * d.kw * d.c);
	at[3] = fill(at[2], d.type, d.out);
	if ((st = api->conv_new(dev, &d, &c, &why)) == HMR_EOF)
		return false;
	must(st, &why);
	MUST(api->copy_in(q, mem, host, at[3], &e));
	MUST(api->conv_run(q, c, &(struct hmr_conv_io){ mem, mem + at[1],
		d.bias ? mem + at[2] : NULL, mem + at[3], mem + ROOM }, &e));
	MUST(api->copy_out(q, host + at[3], mem + at[3], nd * hmr_device_type_bytes(d.type), &e));
	MUST(api->sync(q, &e));
	for (p[0] = 0; p[0] < d.n; p[0]++)
		for (p[1] = 0; p[1] < d.oh; p[1]++)
			for (p[2] = 0; p[2] < d.ow; p[2]++)
				for (p[3] = 0; p[3] < d.out; p[3]++, i++) {
					double want = pixel(&d, at, p);
					double got = (double)get(host + at[3], d.type, i);

					err += (want - got) * (want - got);
					power += want * want;
				}
	if (!(sqrt(err / power) < least))
		fail_msg("convolution %ux%u in %d: off by %g", d.kh, d.kw, (int)d.type,
			 sqrt(err / power));
	api->conv_free(c);
	return true;
}

static void
test_convs(void **state)
{
	static const struct hmr_conv_desc cases[] = {
		{ .n = 2, .h = 9, .w = 11, .c = 16, .out = 24, .kh = 3, .kw = 3, .oh = 9, .ow = 11,
		  .stride = { 1, 1 }, .pad = { 1, 1, 1, 1 } },
		{ .n = 1, .h = 16, .w = 16, .c = 3, .out = 24, .kh = 3, .kw = 3, .oh = 8, .ow = 8,
		  .stride = { 2, 2 }, .pad = { 0, 0, 1, 1 } },
		{ .n = 1, .h = 12, .w = 10, .c = 8, .out = 8, .kh = 3, .kw = 3, .oh = 12, .ow = 10,
		  .stride = { 1, 1 }, .dilate = { 2, 2 }, .pad = { 2, 2, 2, 2 } },
		{ .n = 1, .h = 8, .w = 9, .c = 8, .out = 8, .kh = 3, .kw = 3, .oh = 7, .ow = 9,
		  .stride = { 1, 1 }, .pad = { 1, 0, 0, 2 } },
	};
	static const double least[3] = { 1e-5, 2e-3, 1e-2 };
	int done = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		for (size_t k = 0; k < 4; k++)
			for (int fused = 0; fused < 3; fused++) {
				struct hmr_conv_desc d = cases[k];

				d.type = i == 0 ? HMR_DEVICE_F32 : i == 1 ? HMR_DEVICE_F16 :
					HMR_DEVICE_BF16;
				d.bias = fused > 0;
				d.relu = fused > 1;
				done += api->has(dev, d.type) && try_conv(d, least[i]);
			}
	print_message("# %d of 36 convolutions by the library\n", done);
}

/* --- queues ------------------------------------------------------------------------ */

/* x + x of n floats on the device, in place. */
static void
twice(struct hmr_queue *on, uint64_t n)
{
	const struct hmr_kernel *k;
	struct nn_map m = { .n = n, .in = { mem, mem }, .y = mem, .rank = 1,
		.dims = { (uint32_t)n }, .s = { { 1 }, { 1 } } };

	m.op = HMR_OP_ADD;
	MUST(api->kernel(dev, "map_f32", &k, &e));
	MUST(hmr_device_each(api, on, k, n, &m, sizeof(m), &e));
}

static void
test_queues(void **state)
{
	float *f = (float *)(void *)host, ms = -1;
	struct hmr_event *a, *b;
	struct hmr_queue *other;
	struct hmr_replay *r;

	(void)state;
	MUST(api->event_new(dev, true, &a, &e));
	MUST(api->event_new(dev, true, &b, &e));
	MUST(api->queue_new(dev, &other, &e));
	for (int i = 0; i < 100; i++)
		f[i] = (float)i;
	MUST(api->event_record(q, a, &e));
	MUST(api->copy_in(q, mem, host, 400, &e));
	twice(q, 100);
	MUST(api->event_record(q, b, &e));
	MUST(api->event_wait(other, b, &e));
	MUST(api->copy(other, mem + 4096, mem, 400, &e));
	MUST(api->fill(other, mem + 4096, 0, 40, &e));
	MUST(api->copy_out(other, host + 4096, mem + 4096, 400, &e));
	MUST(api->sync(other, &e));
	for (int i = 0; i < 100; i++)
		assert_true(f[1024 + i] == (i < 10 ? 0 : 2 * f[i]));
	MUST(api->event_sync(b, &e));
	MUST(api->event_ms(a, b, &ms, &e));
	assert_true(ms >= 0);
	/* recorded work runs when it is replayed, with what the host then holds */
	MUST(api->record_begin(q, &e));
	MUST(api->copy_in(q, mem, host, 400, &e));
	twice(q, 100);
	MUST(api->copy_out(q, host + 8192, mem, 400, &e));
	MUST(api->record_end(q, &r, &e));
	for (int run = 1; run < 4; run++) {
		for (int i = 0; i < 100; i++)
			f[i] = (float)(run * i);
		MUST(api->replay(q, r, &e));
		MUST(api->sync(q, &e));
		assert_true(f[2048 + 99] == (float)(2 * run * 99));
	}
	api->replay_free(r);
	api->queue_free(other);
	api->event_free(a);
	api->event_free(b);
}

/* Recorded with a queue that joins and is waited for, after all its work or before
 * the last of it, by q itself or by a third that q waits for. */
static void
join(struct hmr_queue *const other[2], struct hmr_event *const v[3], bool late, bool third)
{
	MUST(api->record_begin(q, &e));
	MUST(api->copy_in(q, mem, host, 400, &e));
	MUST(api->event_record(q, v[0], &e));
	MUST(api->event_wait(other[0], v[0], &e));
	MUST(api->copy(other[0], mem + 4096, mem, 400, &e));
	MUST(api->event_record(other[0], v[1], &e));
	if (late)
		MUST(api->copy(other[0], mem + 8192, mem, 400, &e));
	if (third) {
		MUST(api->event_wait(other[1], v[1], &e));
		MUST(api->event_record(other[1], v[2], &e));
	}
	MUST(api->event_wait(q, v[third ? 2 : 1], &e));
	MUST(api->copy_out(q, host + 8192, mem + 4096, 400, &e));
}

static void
test_joins(void **state)
{
	float *f = (float *)(void *)host;
	struct hmr_queue *other[2];
	struct hmr_event *v[3];
	struct hmr_replay *r;

	(void)state;
	for (int i = 0; i < 3; i++)
		MUST(api->event_new(dev, false, &v[i], &e));
	for (int i = 0; i < 2; i++)
		MUST(api->queue_new(dev, &other[i], &e));
	for (int way = 0; way < 4; way++) {
		struct hmr_err why = { 0 };
		enum hmr_status st;

		join(other, v, way & 1, way & 2);
		st = api->record_end(q, &r, &why);
		if (way & 1) {
			assert_int_equal(st, HMR_E_DEVICE);
			assert_non_null(strstr(why.msg, "cudaErrorStreamCaptureUnjoined"));
			assert_null(r);
			continue;
		}
		must(st, &why);
		f[7] = (float)(11 + way);
		MUST(api->replay(q, r, &e));
		MUST(api->sync(q, &e));
		assert_true(f[2048 + 7] == f[7]);
		api->replay_free(r);
	}
	for (int i = 0; i < 3; i++)
		api->event_free(v[i]);
	for (int i = 0; i < 2; i++)
		api->queue_free(other[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_queues),
		cmocka_unit_test(test_joins), cmocka_unit_test(test_products), cmocka_unit_test(test_convs) };

	return cmocka_run_group_tests(tests, open_device, close_device);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network's constants on their way to the device: expanded, put in the order that
 * their use wants, rounded to the network's type, and copied in pieces through the
 * pinned staging memory, which is free before the first run.
 */
#include "nn/cuda.h"

#include <stdlib.h>
#include <string.h>

#include "cuda/half_host.h"

static void
put(const struct hmr_exec *x, uint8_t *dst, size_t i, float v)
{
	uint16_t h;

	if (x->type == HMR_DEVICE_F32) {
		memcpy(dst + 4 * i, &v, 4);
		return;
	}
	h = x->type == HMR_DEVICE_F16 ? hmr_st_f16(v) : hmr_st_bf16(v);
	memcpy(dst + 2 * i, &h, 2);
}

/* [out][in][kh][kw] to the order asked for. */
static void
weight(const struct hmr_exec *x, const struct cuda_const *c, const float *w, uint8_t *dst)
{
	const struct hmr_dims *d = hmr_graph_const_dims(x->job->graph, c->value);
	size_t out = (size_t)d->d[0], in = (size_t)d->d[1];
	size_t taps = (size_t)(d->d[2] * d->d[3]);

	for (size_t o = 0; o < out; o++)
		for (size_t i = 0; i < in; i++)
			for (size_t k = 0; k < taps; k++)
				put(x, dst, c->form == CUDA_FORM_KRSC ?
				    (o * taps + k) * in + i : (k * in + i) * out + o,
				    w[(o * in + i) * taps + k]);
}

static void
resize_table(const struct hmr_exec *x, const struct cuda_const *c, uint8_t *dst)
{
	const struct hmr_dims *dims = x->job->plan[0].dims;
	const struct hmr_dims *in = &dims[c->node->in[0]], *out = &dims[c->node->out[0]];

	for (int a = 0; a < 2; a++) {
		size_t n = (size_t)out->d[1 + a];

		for (size_t i = 0; i < n; i++) {
			int64_t lo, hi;
			int32_t at[2];
			float frac;

			hmr_resize_tap(c->node, (int64_t)i, in->d[1 + a], out->d[1 + a],
				       &lo, &hi, &frac);
			at[0] = (int32_t)lo;
			at[1] = (int32_t)hi;
			memcpy(dst + 4 * i, &at[0], 4);
			memcpy(dst + 4 * (n + i), &at[1], 4);
			memcpy(dst + 4 * (2 * n + i), &frac, 4);
		}
		dst += 12 * n;
	}
}

/* The constant as it lies on the device; tmp has room for it as float32. */
static void
form(const struct hmr_exec *x, const struct cuda_const *c, float *tmp, uint8_t *dst)
{
	size_t n;

	if (c->form == CUDA_FORM_RESIZE) {
		resize_table(x, c, dst);
		return;
	}
	hmr_graph_const_f32(x->job->graph, c->value, tmp);
	if (c->form == CUDA_FORM_KRSC || c->form == CUDA_FORM_TAPS) {
		weight(x, c, tmp, dst);
		return;
	}
	n = hmr_dims_total(hmr_graph_const_dims(x->job->graph, c->value));
	if (c->form == CUDA_FORM_F32)
		memcpy(dst, tmp, 4 * n);
	else
		for (size_t i = 0; i < n; i++)
			put(x, dst, i, tmp[i]);
}

static enum hmr_status
send(struct hmr_exec *x, size_t to, const uint8_t *from, size_t bytes, struct hmr_err *e)
{
	enum hmr_status st;

	while (bytes) {
		size_t now = bytes < x->host_bytes ? bytes : x->host_bytes;

		memcpy(x->staging, from, now);
		if ((st = x->api->copy_in(x->queue, x->memory + to, x->staging, now, e)) ||
		    (st = x->api->sync(x->queue, e)))
			return st;
		to += now;
		from += now;
		bytes -= now;
	}
	return HMR_OK;
}

enum hmr_status
cuda_weights_upload(struct hmr_exec *x, struct hmr_err *e)
{
	size_t most = 0;
	enum hmr_status st = HMR_OK;
	uint8_t *dst;
	float *tmp;

	for (uint32_t i = 0; i < x->n_constants; i++)
		if (x->constant[i].bytes > most)
			most = x->constant[i].bytes;
	dst = malloc(most + 1);
	tmp = malloc(4 / x->item * most + 4);
	if (!dst || !tmp)
		st = hmr_fail(e, HMR_E_NOMEM, "weights");
	for (uint32_t i = 0; !st && i < x->n_constants; i++) {
		form(x, &x->constant[i], tmp, dst);
		st = send(x, x->constant[i].offset, dst, x->constant[i].bytes, e);
	}
	free(dst);
	free(tmp);
	return st;
}

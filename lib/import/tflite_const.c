/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants of TensorFlow Lite: float16 stays float16, 8-bit integers with scales
 * become float32. A tensor that DEQUANTIZE makes of a constant is that constant.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "import/tflite.h"
#include "nn/half.h"

static const struct tl_tensor *
source(const struct tl *t, const struct tl_tensor *c)
{
	return c->from >= 0 ? &t->tensor[c->from] : c;
}

bool
tl_is_const(const struct tl *t, const struct tl_tensor *c)
{
	return !c->known && source(t, c)->data;
}

bool
tl_ints(const struct tl *t, const struct tl_tensor *c, int64_t *out, uint32_t cap,
	uint32_t *n)
{
	size_t total;

	if (!c || !tl_is_const(t, c) || (c->type != TL_I32 && c->type != TL_I64))
		return false;
	total = hmr_dims_total(&c->dims);
	if (total > cap)
		return false;
	*n = (uint32_t)total;
	for (uint32_t i = 0; i < *n; i++)
		out[i] = c->type == TL_I32 ? (int32_t)hmr_get32(c->data + 4 * i) :
					     (int64_t)hmr_get64(c->data + 8 * i);
	return true;
}

/* Element i of 8 bits by its scale and zero point. */
static float
real(const struct tl_tensor *c, size_t i, size_t inner)
{
	size_t k = c->scale.n > 1 ? i / inner % c->scale.n : 0;
	float q = c->type == TL_I8 ? (float)(int8_t)c->data[i] : (float)c->data[i];
	float zero = k < c->zero.n ? (float)(int64_t)hmr_get64(c->zero.data + 8 * k) : 0;

	return (q - zero) * hmr_getf32(c->scale.data + 4 * k);
}

/* Elements after the axis of scales. 0: the scales do not fit. */
static size_t
inner_of(const struct tl_tensor *c)
{
	size_t n = 1;

	if (c->scale.n == 1)
		return 1;
	if (!c->scale.n || c->axis < 0 || (uint32_t)c->axis >= c->dims.n ||
	    c->dims.d[c->axis] != c->scale.n)
		return 0;
	for (uint32_t i = (uint32_t)c->axis + 1; i < c->dims.n; i++)
		n *= (size_t)c->dims.d[i];
	return n;
}

/* Copies elements of `size` bytes so that axis i of the result is axis perm[i]. */
static void
permute(uint8_t *dst, const uint8_t *src, const struct hmr_dims *d, const uint8_t *perm,
	size_t size)
{
	size_t step[4], i = 0, n[4];

	for (int a = 0; a < 4; a++) {
		step[a] = size;
		for (uint32_t k = perm[a] + 1u; k < 4; k++)
			step[a] *= (size_t)d->d[k];
		n[a] = (size_t)d->d[perm[a]];
	}
	for (size_t a = 0; a < n[0]; a++)
		for (size_t b = 0; b < n[1]; b++)
			for (size_t c = 0; c < n[2]; c++)
				for (size_t k = 0; k < n[3]; k++)
					memcpy(dst + size * i++, src + a * step[0] + b * step[1] +
					       c * step[2] + k * step[3], size);
}

enum hmr_status
tl_const(struct tl *t, const struct tl_op *o, const struct tl_tensor *c,
	 const uint8_t *perm, const struct hmr_dims *d, uint32_t *value)
{
	const struct tl_tensor *s = source(t, c);
	size_t total = hmr_dims_total(&s->dims), inner = inner_of(s);
	bool eight = s->type == TL_I8 || s->type == TL_U8;
	size_t size = s->type == TL_F16 ? 2 : 4;
	uint8_t *data, *turned;

	if (s->type != TL_F32 && s->type != TL_F16 && !(eight && inner))
		return tl_no(t, o, "with a constant of this type");
	if (hmr_dims_total(d) != total || (perm && s->dims.n != 4))
		return tl_no(t, o, "with a constant of this shape");
	if (!(data = malloc(total * size + 1)))
		return hmr_fail(t->e, HMR_E_NOMEM, "constant %.80s", c->name);
	if (!eight)
		memcpy(data, s->data, total * size);
	for (size_t i = 0; eight && i < total; i++)
		hmr_putf32(data + 4 * i, real(s, i, inner));
	if (perm) {
		if (!(turned = malloc(total * size + 1))) {
			free(data);
			return hmr_fail(t->e, HMR_E_NOMEM, "constant %.80s", c->name);
		}
		permute(turned, data, &s->dims, perm, size);
		free(data);
		data = turned;
	}
	return hmr_build_const(t->b, c->name, size == 2 ? HMR_DTYPE_F16 : HMR_DTYPE_F32, d,
			       data, value, t->e);
}

enum hmr_status
tl_value(struct tl *t, const struct tl_op *o, uint32_t i, uint32_t *value)
{
	const struct tl_tensor *c = tl_in(t, o, i);

	if (!c)
		return tl_no(t, o, "without an input");
	if (!tl_is_const(t, c))
		return tl_computed(t, o, i, value);
	return tl_const(t, o, c, NULL, &c->dims, value);
}

enum hmr_status
tl_computed(struct tl *t, const struct tl_op *o, uint32_t i, uint32_t *value)
{
	const struct tl_tensor *c = tl_in(t, o, i);

	if (!c)
		return tl_no(t, o, "without an input");
	if (tl_is_const(t, c))
		return tl_no(t, o, "of a constant");
	if (!c->known)
		return tl_no(t, o, "of a tensor that nothing has computed");
	*value = c->value;
	return HMR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants of an ONNX model: element types, raw or typed, in the file or beside
 * it; as numbers for folding, as tensors for the model file. The bytes that
 * protobuf-c allocated are handed on rather than copied where they fit.
 */
#include "import/onnx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "import/safetensors.h"
#include "nn/half.h"

enum {				/* onnx.proto, TensorProto.DataType */
	T_FLOAT = 1, T_UINT8, T_INT8, T_UINT16, T_INT16, T_INT32, T_INT64,
	T_BOOL = 9, T_FLOAT16, T_DOUBLE, T_UINT32, T_UINT64, T_BFLOAT16 = 16
};

static size_t
type_bytes(int32_t type)	/* 0: not supported */
{
	switch (type) {
	case T_UINT8: case T_INT8: case T_BOOL: return 1;
	case T_UINT16: case T_INT16: case T_FLOAT16: case T_BFLOAT16: return 2;
	case T_FLOAT: case T_INT32: case T_UINT32: return 4;
	case T_INT64: case T_DOUBLE: case T_UINT64: return 8;
	default: return 0;
	}
}

bool
ox_type_known(int32_t type)
{
	return type_bytes(type) != 0;
}

bool
ox_type_is_float(int32_t type)
{
	return type == T_FLOAT || type == T_FLOAT16 || type == T_DOUBLE ||
	       type == T_BFLOAT16;
}

static struct ox_tensor *
new_tensor(struct ox *t)
{
	if (t->n_tensors == t->cap_tensors) {
		uint32_t cap = t->cap_tensors ? 2 * t->cap_tensors : 256;
		struct ox_tensor **p = realloc(t->tensor, cap * sizeof(*p));

		if (!p)
			return NULL;
		t->tensor = p;
		t->cap_tensors = cap;
	}
	return (t->tensor[t->n_tensors] = calloc(1, sizeof(**t->tensor))) ?
		t->tensor[t->n_tensors++] : NULL;
}

static bool
load_dims(const Onnx__TensorProto *p, struct hmr_dims *d, size_t *count)
{
	d->n = 0;
	if (p->n_dims > HMR_DIMS_MAX)
		return false;
	for (size_t i = 0; i < p->n_dims; i++) {
		if (p->dims[i] < 0 || p->dims[i] > INT32_MAX)
			return false;
		d->d[d->n++] = p->dims[i];
	}
	return hmr_dims_count(d, count);
}

static const char *
external(const Onnx__TensorProto *p, const char *key)
{
	for (size_t i = 0; i < p->n_external_data; i++)
		if (p->external_data[i]->key && !strcmp(p->external_data[i]->key, key))
			return p->external_data[i]->value;
	return NULL;
}

/* A weight in a file beside the model, into the place of raw_data. */
static enum hmr_status
load_external(struct ox *t, Onnx__TensorProto *p, const char *name, size_t bytes)
{
	const char *file = external(p, "location"), *at = external(p, "offset");
	const char *length = external(p, "length");
	char *end = NULL;
	unsigned long long offset = at ? strtoull(at, &end, 10) : 0;
	enum hmr_status st;
	void *data;

	if (!file || (at && (*end || *at == '-')) ||
	    (length && strtoull(length, NULL, 10) != bytes))
		return hmr_fail(t->e, HMR_E_FORMAT,
				"initializer %.80s: its place outside the file is wrong", name);
	if (!t->fetch)
		return hmr_fail(t->e, HMR_E_VERSION, "initializer %.80s: is in another file",
				name);
	if (p->has_raw_data)
		return hmr_fail(t->e, HMR_E_FORMAT, "initializer %.80s: in two places", name);
	if ((st = t->fetch(t->ctx, file, offset, NULL, bytes, t->e)))
		return st;
	if (!(data = malloc(bytes ? bytes : 1)))
		return hmr_fail(t->e, HMR_E_NOMEM, "initializer %.80s: %zu bytes", name, bytes);
	p->raw_data.data = data;	/* freed with the message */
	p->raw_data.len = bytes;
	p->has_raw_data = 1;
	st = t->fetch(t->ctx, file, offset, data, bytes, t->e);
	t->room += st ? 0 : 16 * bytes;	/* as if they were in the file */
	return st;
}

/* The lists of numbers that stand in place of raw bytes. */
static enum hmr_status
load_typed(struct ox *t, Onnx__TensorProto *p, struct ox_tensor *x, size_t *n)
{
	switch (x->type) {
	case T_FLOAT:
		x->raw = (const uint8_t *)p->float_data;
		x->owner = (void **)(void *)&p->float_data;
		*n = p->n_float_data;
		return HMR_OK;
	case T_INT64:
		x->raw = (const uint8_t *)p->int64_data;
		*n = p->n_int64_data;
		return HMR_OK;
	case T_DOUBLE:
		x->raw = (const uint8_t *)p->double_data;
		*n = p->n_double_data;
		return HMR_OK;
	case T_UINT32: case T_UINT64:
		x->raw = (const uint8_t *)p->uint64_data;
		x->type = T_UINT64;
		*n = p->n_uint64_data;
		return HMR_OK;
	case T_FLOAT16: case T_BFLOAT16:	/* each in the low half of a number */
		*n = p->n_int32_data;
		for (size_t i = 0; i < *n; i++)
			memmove((uint8_t *)p->int32_data + 2 * i, &p->int32_data[i], 2);
		x->raw = (const uint8_t *)p->int32_data;
		x->owner = (void **)(void *)&p->int32_data;
		return HMR_OK;
	case T_INT32: case T_INT16: case T_INT8: case T_UINT16: case T_UINT8: case T_BOOL:
		x->raw = (const uint8_t *)p->int32_data;
		x->type = T_INT32;
		*n = p->n_int32_data;
		return HMR_OK;
	default:
		return hmr_fail(t->e, HMR_E_VERSION, "element type %d", (int)x->type);
	}
}

enum hmr_status
ox_tensor_load(struct ox *t, Onnx__TensorProto *p, const char *name, struct ox_view *v)
{
	struct ox_tensor *x = new_tensor(t);
	size_t got = 0, bytes;
	enum hmr_status st;

	if (!x)
		return hmr_fail(t->e, HMR_E_NOMEM, "graph");
	x->type = p->data_type;
	if (!type_bytes(x->type))
		return hmr_fail(t->e, HMR_E_VERSION, "initializer %.80s: element type %d",
				name, (int)x->type);
	if (!load_dims(p, &v->dims, &x->count))
		return hmr_fail(t->e, HMR_E_FORMAT, "initializer %.80s: bad shape", name);
	bytes = x->count * type_bytes(x->type);
	if (p->has_data_location && p->data_location == 1 &&
	    (st = load_external(t, p, name, bytes)))
		return st;
	if (p->has_raw_data) {
		x->raw = p->raw_data.data;
		x->owner = (void **)(void *)&p->raw_data.data;
		got = p->raw_data.len;
	} else {
		if ((st = load_typed(t, p, x, &got)))
			return hmr_fail_in(t->e, st, "initializer %.80s", name);
		bytes = x->count;
	}
	if (got != bytes)
		return hmr_fail(t->e, HMR_E_FORMAT, "initializer %.80s: %zu %s, its shape needs %zu",
				name, got, p->has_raw_data ? "bytes" : "numbers", bytes);
	v->kind = OX_CONST;
	v->tensor = x;
	v->whole = !ox_type_is_float(x->type);
	return HMR_OK;
}

enum hmr_status
ox_tensor_new(struct ox *t, int32_t type, const struct hmr_dims *d, struct ox_view *v)
{
	struct ox_tensor *x;
	size_t count;

	if (!hmr_dims_count(d, &count) || count > t->room / sizeof(double))
		return hmr_fail(t->e, HMR_E_LIMIT, "constants computed from others: too large");
	if (!(x = new_tensor(t)) || !(x->num = calloc(count + 1, sizeof(*x->num))))
		return hmr_fail(t->e, HMR_E_NOMEM, "graph");
	t->room -= count * sizeof(double);
	x->type = type;
	x->count = count;
	*v = (struct ox_view){ .kind = OX_CONST, .dims = *d, .tensor = x,
		.whole = !ox_type_is_float(type) };
	return HMR_OK;
}

enum hmr_status
ox_number(struct ox *t, double x, struct ox_view *out)
{
	struct hmr_dims d = { .n = 0 };
	enum hmr_status st = ox_tensor_new(t, T_FLOAT, &d, out);

	if (!st)
		out->tensor->num[0] = x;
	return st;
}

static double
number_at(const struct ox_tensor *x, size_t i)
{
	const uint8_t *p = x->raw + i * type_bytes(x->type);
	double d;
	float f;

	switch (x->type) {
	case T_FLOAT:
		memcpy(&f, p, 4);
		return (double)f;
	case T_DOUBLE:
		memcpy(&d, p, 8);
		return d;
	case T_FLOAT16: return (double)hmr_f16_to_f32(hmr_get16(p));
	case T_BFLOAT16: return (double)hmr_bf16_to_f32(hmr_get16(p));
	case T_UINT8: case T_BOOL: return *p;
	case T_INT8: return (int8_t)*p;
	case T_UINT16: return hmr_get16(p);
	case T_INT16: return (int16_t)hmr_get16(p);
	case T_UINT32: return hmr_get32(p);
	case T_INT32: return (int32_t)hmr_get32(p);
	case T_UINT64: return (double)hmr_get64(p);
	default: return (double)(int64_t)hmr_get64(p);
	}
}

enum hmr_status
ox_numbers(struct ox *t, const struct ox_view *v, const double **num)
{
	struct ox_tensor *x = v->tensor;

	if (!x->num) {
		if (x->count > t->room / sizeof(double))
			return hmr_fail(t->e, HMR_E_LIMIT, "constants: too many to compute with");
		if (!(x->num = malloc((x->count + 1) * sizeof(*x->num))))
			return hmr_fail(t->e, HMR_E_NOMEM, "graph");
		t->room -= x->count * sizeof(double);
		for (size_t i = 0; i < x->count; i++)
			x->num[i] = number_at(x, i);
	}
	*num = x->num;
	return HMR_OK;
}

bool
ox_const_ints(struct ox *t, const struct ox_view *v, int64_t *out, uint32_t cap,
	      uint32_t *n)
{
	const double *x;

	if (!v || v->kind != OX_CONST || ox_type_is_float(v->tensor->type) ||
	    v->tensor->count > cap || ox_numbers(t, v, &x))
		return false;
	*n = (uint32_t)v->tensor->count;
	for (uint32_t i = 0; i < *n; i++)
		out[i] = x[i] >= 0x1p62 ? INT64_MAX / 2 : x[i] > -0x1p62 ? (int64_t)x[i] :
			 INT64_MIN / 2;		/* NaN too */
	return true;
}

bool
ox_const_f32(struct ox *t, const struct ox_view *v, float *out)
{
	const double *x;

	if (!v || v->kind != OX_CONST || v->tensor->count != 1 || ox_numbers(t, v, &x))
		return false;
	*out = (float)x[0];
	return true;
}

/* Whether perm leaves elements where they are. */
static bool
keeps_order(const struct hmr_dims *d, const uint8_t *perm)
{
	int last = -1;

	for (uint32_t i = 0; perm && i < d->n; i++) {
		if (d->d[i] == 1)
			continue;
		if (perm[i] < last)
			return false;
		last = perm[i];
	}
	return true;
}

/* Elements of `bytes` each into the order of axes that perm names. */
static void
permute(uint8_t *to, const uint8_t *from, size_t bytes, const struct hmr_dims *d,
	const uint8_t *perm)
{
	size_t step[HMR_DIMS_MAX] = { 0 }, total = hmr_dims_total(d), unit = 1, at = 0;
	int64_t size[HMR_DIMS_MAX] = { 0 }, k[HMR_DIMS_MAX] = { 0 };

	for (uint32_t i = d->n; i-- > 0; unit *= (size_t)d->d[i]) {
		step[perm[i]] = unit;
		size[perm[i]] = d->d[i];
	}
	for (size_t i = 0; i < total; i++) {
		memcpy(to + i * bytes, from + at * bytes, bytes);
		for (uint32_t a = d->n; a-- > 0;) {
			at += step[a];
			if (++k[a] < size[a])
				break;
			at -= step[a] * (size_t)size[a];
			k[a] = 0;
		}
	}
}

/* The elements as float32, or 16 bit as they are: the source's own bytes, or
 * *made, which the caller frees. */
static enum hmr_status
elements(struct ox *t, const struct ox_view *v, const uint8_t **out, uint8_t **made,
	 enum hmr_dtype *type)
{
	const struct ox_tensor *x = v->tensor;
	const double *num;
	enum hmr_status st;

	*made = NULL;
	*type = x->type == T_FLOAT16 ? HMR_DTYPE_F16 :
		x->type == T_BFLOAT16 ? HMR_DTYPE_BF16 : HMR_DTYPE_F32;
	*out = x->raw;
	if (x->raw && (*type != HMR_DTYPE_F32 || x->type == T_FLOAT))
		return HMR_OK;
	*type = HMR_DTYPE_F32;
	if ((st = ox_numbers(t, v, &num)))
		return st;
	if (!(*made = malloc(x->count * 4 + 1)))
		return hmr_fail(t->e, HMR_E_NOMEM, "weights");
	for (size_t i = 0; i < x->count; i++)
		memcpy(*made + 4 * i, &(float){ (float)num[i] }, 4);
	*out = *made;
	return HMR_OK;
}

enum hmr_status
ox_const_value(struct ox *t, const char *name, const struct ox_view *v,
	       const uint8_t *perm, const struct hmr_dims *d, uint32_t *value)
{
	struct ox_tensor *x = v->tensor;
	enum hmr_dtype type;
	const uint8_t *from;
	uint8_t *made, *p;
	size_t bytes;
	enum hmr_status st;

	if (!x->count)
		return hmr_fail(t->e, HMR_E_FORMAT, "constant %.80s: without elements", name);
	if ((st = elements(t, v, &from, &made, &type)))
		return st;
	bytes = hmr_dtype_bytes(type);
	if (!keeps_order(&v->dims, perm)) {
		if ((p = malloc(x->count * bytes)))
			permute(p, from, bytes, &v->dims, perm);
		free(made);
	} else if (made) {
		p = made;
	} else if (x->owner) {	/* views go on reading it: it lives as long as they do */
		p = *x->owner;
		*x->owner = NULL;
		x->owner = NULL;
	} else if ((p = malloc(x->count * bytes))) {
		memcpy(p, from, x->count * bytes);
	}
	return hmr_build_const(t->b, name, type, d, p, value, t->e);
}

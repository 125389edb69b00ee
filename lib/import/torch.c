/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch's containers and the tensors their pickle describes. A tensor is
 * _rebuild_tensor_v2(persistent ("storage", type, key, device, count), offset,
 * size, stride, …), perhaps wrapped as a parameter or with a Python type.
 */
#include "import/torch_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "import/safetensors.h"
#include "nn/half.h"

#define WRAPS_MAX 4	/* parameter of a typed tensor of … */
#define NAME_MAX_BYTES 256

static const struct {
	const char *storage, *dtype;
	uint8_t size;
} types[] = {
	[HMR_TORCH_F32] = { "FloatStorage", "float32", 4 },
	[HMR_TORCH_F64] = { "DoubleStorage", "float64", 8 },
	[HMR_TORCH_F16] = { "HalfStorage", "float16", 2 },
	[HMR_TORCH_BF16] = { "BFloat16Storage", "bfloat16", 2 },
	[HMR_TORCH_I64] = { "LongStorage", "int64", 8 },
	[HMR_TORCH_I32] = { "IntStorage", "int32", 4 },
	[HMR_TORCH_I16] = { "ShortStorage", "int16", 2 },
	[HMR_TORCH_I8] = { "CharStorage", "int8", 1 },
	[HMR_TORCH_U8] = { "ByteStorage", "uint8", 1 },
	[HMR_TORCH_BOOL] = { "BoolStorage", "bool", 1 },
};

bool
torch_named(const struct hmr_pk *v, const char *name)
{
	size_t n = strlen(name);

	return v && v->kind == HMR_PK_GLOBAL && v->s.n > n + 5 &&
	       !memcmp(v->s.p, "torch", 5) && v->s.p[v->s.n - n - 1] == ' ' &&
	       !memcmp(v->s.p + v->s.n - n, name, n);
}

static enum hmr_torch_type
type_of(const struct hmr_pk *v)
{
	for (int i = 0; i < HMR_TORCH_OTHER; i++)
		if (torch_named(v, types[i].storage) || torch_named(v, types[i].dtype))
			return (enum hmr_torch_type)i;
	return HMR_TORCH_OTHER;
}

uint8_t
torch_unit(const struct hmr_pk *cls)
{
	static const struct { const char *name; uint8_t size; } others[] = {
		{ "ComplexFloatStorage", 8 }, { "ComplexDoubleStorage", 16 },
		{ "QInt8Storage", 1 }, { "QUInt8Storage", 1 }, { "QInt32Storage", 4 } };
	enum hmr_torch_type type = type_of(cls);

	if (type != HMR_TORCH_OTHER)
		return types[type].size;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (torch_named(cls, others[i].name))
			return others[i].size;
	return 0;
}

/* The arguments of _rebuild_tensor*, or NULL: v is no tensor. */
static const struct hmr_pk *
rebuild(const struct hmr_pk *v, bool *v3)
{
	for (int i = 0; i < WRAPS_MAX && v && v->kind == HMR_PK_OBJECT; i++) {
		const struct hmr_pk *f = v->o.cls;

		*v3 = torch_named(f, "_rebuild_tensor_v3");
		if (*v3 || torch_named(f, "_rebuild_tensor_v2") || torch_named(f, "_rebuild_tensor"))
			return v->o.args;
		if (torch_named(f, "_rebuild_parameter") ||
		    torch_named(f, "_rebuild_parameter_with_state"))
			v = hmr_pk_at(v->o.args, 0);
		else if (torch_named(f, "_rebuild_from_type_v2")) {
			const struct hmr_pk *a = hmr_pk_at(v->o.args, 2);

			*v3 = torch_named(hmr_pk_at(v->o.args, 0), "_rebuild_tensor_v3");
			return torch_named(hmr_pk_at(v->o.args, 0), "_rebuild_tensor_v2") ||
			       *v3 ? a : NULL;
		} else
			return NULL;
	}
	return NULL;
}

static bool
read_dims(struct hmr_torch_tensor *x, const struct hmr_pk *size,
	  const struct hmr_pk *stride)
{
	if (!size || size->kind != HMR_PK_TUPLE || size->n > HMR_DIMS_MAX ||
	    !stride || stride->kind != HMR_PK_TUPLE || stride->n != size->n)
		return false;
	x->dims.n = size->n;
	for (uint32_t i = 0; i < size->n; i++)
		if (!hmr_pk_int(size->item[i], &x->dims.d[i]) ||
		    !hmr_pk_int(stride->item[i], &x->stride[i]) ||
		    x->dims.d[i] < 0 || x->stride[i] < 0)
			return false;
	return true;
}

/* Copies a string to the text area; NULL: it holds a NUL. */
static const char *
keep(char **at, const struct hmr_pk *s)
{
	char *p = *at;

	if (!hmr_pk_is_string(s) || memchr(s->s.p, 0, s->s.n))
		return NULL;
	memcpy(p, s->s.p, s->s.n);
	p[s->s.n] = 0;
	*at += s->s.n + 1;
	return p;
}

static enum hmr_status
add_tensor(struct hmr_torch *t, const struct hmr_pk *key, const struct hmr_pk *args,
	   bool v3, char **at, struct hmr_err *e)
{
	struct hmr_torch_tensor *x = &t->t[t->n];
	const struct hmr_pk *id = hmr_pk_at(args, 0);
	enum hmr_status st;
	int64_t offset;

	memset(x, 0, sizeof(*x));
	if (!(x->name = keep(at, key)))
		return hmr_fail(e, HMR_E_FORMAT, "tensor %u: bad name", t->n);
	if (!id || id->kind != HMR_PK_PERSISTENT ||
	    !hmr_pk_is(hmr_pk_at(id->id, 0), "storage") ||
	    !(x->storage = keep(at, hmr_pk_at(id->id, 2))))
		return hmr_fail(e, HMR_E_FORMAT, "%.120s: no storage", x->name);
	x->type = type_of(v3 ? hmr_pk_at(args, 6) : hmr_pk_at(id->id, 1));
	if (!hmr_pk_int(hmr_pk_at(args, 1), &offset) || offset < 0 ||
	    !read_dims(x, hmr_pk_at(args, 2), hmr_pk_at(args, 3)))
		return hmr_fail(e, HMR_E_FORMAT, "%.120s: bad shape", x->name);
	x->offset = (uint64_t)offset;
	if ((st = hmr_names_put(&t->names, x->name, t->n, e)) == HMR_EOF)
		return hmr_fail(e, HMR_E_FORMAT, "%.120s: twice in the file", x->name);
	if (!st)
		t->n++;
	return st;
}

/* Bytes that the names and storage keys of all tensors take. */
static size_t
text_bytes(const struct hmr_pk *dict, uint32_t *count)
{
	size_t n = 1;
	bool v3;

	*count = 0;
	for (uint32_t i = 0; i < dict->n; i++) {
		const struct hmr_pk *k = dict->item[2 * i];
		const struct hmr_pk *a = rebuild(dict->item[2 * i + 1], &v3);
		const struct hmr_pk *id = hmr_pk_at(a, 0);

		if (!a || !hmr_pk_is_string(k) || k->s.n > NAME_MAX_BYTES)
			continue;
		n += k->s.n + 1;
		if (id && id->kind == HMR_PK_PERSISTENT &&
		    hmr_pk_is_string(hmr_pk_at(id->id, 2)))
			n += hmr_pk_at(id->id, 2)->s.n + 1;
		++*count;
	}
	return n;
}

static enum hmr_status
read_tensors(struct hmr_torch *t, struct hmr_err *e)
{
	const struct hmr_pk *root = hmr_pickle_root(t->pickle);
	const struct hmr_pk *dict = hmr_pk_dict(hmr_pk_get(root, "state_dict"));
	enum hmr_status st;
	uint32_t count;
	size_t n;
	char *at;

	if (!dict && !(dict = hmr_pk_dict(root)))
		return hmr_fail(e, HMR_E_MODEL, "no state_dict in the checkpoint");
	n = text_bytes(dict, &count);
	/* A pickle can name one long key many times over. */
	if (count > HMR_TORCH_TENSORS_MAX || n > HMR_TORCH_PICKLE_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "too many tensors");
	t->t = calloc(count ? count : 1, sizeof(*t->t));
	t->text = malloc(n);
	if (!t->t || !t->text)
		return hmr_fail(e, HMR_E_NOMEM, "out of memory");
	if ((st = hmr_names_init(&t->names, count, e)))
		return st;
	at = t->text;
	for (uint32_t i = 0; i < dict->n; i++) {
		const struct hmr_pk *k = dict->item[2 * i];
		bool v3;
		const struct hmr_pk *a = rebuild(dict->item[2 * i + 1], &v3);

		if (!a || !hmr_pk_is_string(k) || k->s.n > NAME_MAX_BYTES)
			continue;
		if ((st = add_tensor(t, k, a, v3, &at, e)))
			return st;
	}
	if (!t->n)
		return hmr_fail(e, HMR_E_MODEL, "no tensors in the checkpoint");
	return HMR_OK;
}

/* ROOT/data.pkl of the archive, and its byte order. */
static enum hmr_status
find_root(struct hmr_torch *t, int64_t *pkl, struct hmr_err *e)
{
	static const char leaf[] = "data.pkl";
	char name[300], order[8] = "";
	enum hmr_status st;
	uint64_t size;
	int64_t i;

	*pkl = -1;
	for (uint64_t j = 0; *pkl < 0 && j < hmr_zip_count(t->zip); j++) {
		const char *s = hmr_zip_name(t->zip, j);
		size_t n = strlen(s), l = sizeof(leaf) - 1;

		if (n < l || strcmp(s + n - l, leaf) || n - l >= sizeof(t->root) ||
		    (n > l && s[n - l - 1] != '/'))
			continue;
		memcpy(t->root, s, n - l);
		*pkl = (int64_t)j;
	}
	if (*pkl < 0)
		return hmr_fail(e, HMR_E_MODEL, "no PyTorch checkpoint: no data.pkl in it");
	memcpy(name, t->root, strlen(t->root) + 1);
	strcat(name, "byteorder");
	if ((i = hmr_zip_find(t->zip, name)) < 0)
		return HMR_OK;
	if ((st = hmr_zip_size(t->zip, (uint64_t)i, &size, e)))
		return st;
	if (size < sizeof(order) &&
	    (st = hmr_zip_read(t->zip, (uint64_t)i, 0, order, (size_t)size, e)))
		return st;
	return !strncmp(order, "little", 6) ? HMR_OK :
	       hmr_fail(e, HMR_E_VERSION, "byte order '%.7s' is not read", order);
}

static enum hmr_status
load_zip(struct hmr_torch *t, struct hmr_err *e)
{
	enum hmr_status st;
	int64_t pkl;
	size_t n;

	if ((st = find_root(t, &pkl, e)) ||
	    (st = hmr_zip_load(t->zip, (uint64_t)pkl, HMR_TORCH_PICKLE_MAX, &t->bytes,
			       &n, e)))
		return st;
	return hmr_pickle_parse(&t->pickle, t->bytes, n, e);
}

/* The tensors of the pickle, of which everything needed is copied. */
static enum hmr_status
list(struct hmr_torch *t, struct hmr_err *e)
{
	enum hmr_status st = read_tensors(t, e);

	hmr_pickle_free(t->pickle);
	t->pickle = NULL;
	free(t->bytes);
	t->bytes = NULL;
	return st;
}

enum hmr_status
hmr_torch_open(struct hmr_torch **out, const char *path, struct hmr_err *e)
{
	struct hmr_torch *t = calloc(1, sizeof(*t));
	enum hmr_status st;

	*out = NULL;
	if (!t)
		return hmr_fail(e, HMR_E_NOMEM, "%s", path);
	if ((st = hmr_map_open(&t->map, path, e)))
		goto fail;
	if (torch_is_legacy(t->map.data, t->map.n)) {
		st = torch_legacy_load(t, t->map.data, t->map.n, e);
	} else {
		hmr_map_close(&t->map);
		if ((st = hmr_zip_open(&t->zip, path, e)))
			goto fail;
		st = load_zip(t, e);
	}
	if (st || (st = list(t, e))) {
		hmr_fail_in(e, st, "%s", path);
		goto fail;
	}
	*out = t;
	return HMR_OK;
fail:
	hmr_torch_close(t);
	return st;
}

enum hmr_status
hmr_torch_parse(struct hmr_torch **out, const uint8_t *p, size_t n,
		struct hmr_err *e)
{
	struct hmr_torch *t = calloc(1, sizeof(*t));
	enum hmr_status st;

	*out = NULL;
	if (!t)
		return hmr_fail(e, HMR_E_NOMEM, "checkpoint");
	if (torch_is_legacy(p, n))
		st = torch_legacy_load(t, p, n, e);
	else if (!(st = hmr_zip_parse(&t->zip, p, n, e)))
		st = load_zip(t, e);
	if (st || (st = list(t, e))) {
		hmr_torch_close(t);
		return st;
	}
	*out = t;
	return HMR_OK;
}

void
hmr_torch_close(struct hmr_torch *t)
{
	if (!t)
		return;
	hmr_zip_close(t->zip);
	hmr_map_close(&t->map);
	free(t->storage);
	free(t->keys);
	hmr_names_release(&t->storages);
	hmr_pickle_free(t->pickle);
	hmr_names_release(&t->names);
	free(t->bytes);
	free(t->t);
	free(t->text);
	free(t);
}

uint32_t
hmr_torch_count(const struct hmr_torch *t)
{
	return t->n;
}

const struct hmr_torch_tensor *
hmr_torch_at(const struct hmr_torch *t, uint32_t i)
{
	return &t->t[i];
}

const struct hmr_torch_tensor *
hmr_torch_find(const struct hmr_torch *t, const char *name)
{
	int64_t i = hmr_names_get(&t->names, name);

	return i < 0 ? NULL : &t->t[i];
}

static float
element(enum hmr_torch_type type, const uint8_t *p)
{
	uint64_t u;
	double d;

	switch (type) {
	case HMR_TORCH_F32: return hmr_getf32(p);
	case HMR_TORCH_F64:
		u = hmr_get64(p);
		memcpy(&d, &u, 8);
		return (float)d;
	case HMR_TORCH_F16: return hmr_f16_to_f32(hmr_get16(p));
	case HMR_TORCH_BF16: return hmr_bf16_to_f32(hmr_get16(p));
	case HMR_TORCH_I64: return (float)(int64_t)hmr_get64(p);
	case HMR_TORCH_I32: return (float)(int32_t)hmr_get32(p);
	case HMR_TORCH_I16: return (float)(int16_t)hmr_get16(p);
	case HMR_TORCH_I8: return (float)(int8_t)*p;
	default: return (float)*p;
	}
}

/* Elements from the first to the last that the tensor touches. */
static bool
extent(const struct hmr_torch_tensor *x, size_t *count, uint64_t *span)
{
	uint64_t last = 0, step;

	if (!hmr_dims_count(&x->dims, count))
		return false;
	for (uint32_t i = 0; i < x->dims.n && *count; i++)
		if (__builtin_mul_overflow((uint64_t)x->dims.d[i] - 1,
					   (uint64_t)x->stride[i], &step) ||
		    __builtin_add_overflow(last, step, &last))
			return false;
	*span = *count ? last + 1 : 0;
	return *span <= HMR_TORCH_TENSOR_MAX && x->offset <= (uint64_t)1 << 48;
}

static void
gather(const struct hmr_torch_tensor *x, const uint8_t *p, size_t count, float *out)
{
	int64_t at[HMR_DIMS_MAX] = { 0 };
	size_t size = types[x->type].size, off = 0;

	for (size_t i = 0; i < count; i++) {
		out[i] = element(x->type, p + off * size);
		for (uint32_t d = x->dims.n; d-- > 0;) {
			off += (size_t)x->stride[d];
			if (++at[d] < x->dims.d[d])
				break;
			off -= (size_t)(x->stride[d] * x->dims.d[d]);
			at[d] = 0;
		}
	}
}

/* A tensor's bytes of the archive, to the heap. */
static enum hmr_status
read_zip(struct hmr_torch *t, const struct hmr_torch_tensor *x, uint64_t at, size_t n,
	 uint8_t **out, struct hmr_err *e)
{
	char name[sizeof(t->root) + 256];
	int64_t i;

	snprintf(name, sizeof(name), "%sdata/%.200s", t->root, x->storage);
	if ((i = hmr_zip_find(t->zip, name)) < 0)
		return hmr_fail(e, HMR_E_FORMAT, "no %.200s in the checkpoint", name);
	if (!(*out = malloc(n + 1)))
		return hmr_fail(e, HMR_E_NOMEM, "out of memory");
	return hmr_zip_read(t->zip, (uint64_t)i, at, *out, n, e);
}

enum hmr_status
hmr_torch_read(struct hmr_torch *t, const struct hmr_torch_tensor *x, float *out,
	       struct hmr_err *e)
{
	size_t size, count, bytes;
	uint8_t *buf = NULL;
	const uint8_t *p;
	enum hmr_status st;
	uint64_t span;

	if (x->type == HMR_TORCH_OTHER)
		return hmr_fail(e, HMR_E_VERSION, "%.120s: element type is not read",
				x->name);
	size = types[x->type].size;
	if (!extent(x, &count, &span) || span * size > HMR_TORCH_TENSOR_MAX)
		return hmr_fail(e, HMR_E_LIMIT, "%.120s: too large", x->name);
	bytes = (size_t)span * size;
	if (t->storage) {
		st = torch_legacy_at(t, x->storage, x->offset * size, bytes, &p, e);
	} else {
		st = read_zip(t, x, x->offset * size, bytes, &buf, e);
		p = buf;
	}
	if (st)
		hmr_fail_in(e, st, "%.120s", x->name);
	else
		gather(x, p, count, out);
	free(buf);
	return st;
}

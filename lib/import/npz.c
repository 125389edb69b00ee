/* SPDX-License-Identifier: Apache-2.0 */
/* Named arrays from pickles, npz, npy and safetensors, known by their bytes. */
#include "import/npz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/io.h"
#include "import/safetensors.h"
#include "import/zip.h"

struct hmr_npz {
	uint8_t *own;			/* unpacked bytes, or NULL */
	const uint8_t *p;
	size_t n;
	/* one of: */
	struct hmr_pickle *pickle;
	struct hmr_zip *zip;
	struct hmr_safetensors *st;
	bool npy;
};

/* One array as found, and what must live while it is read. */
struct found {
	struct hmr_npy a;
	struct hmr_sparse sparse;
	bool is_sparse;
	uint8_t *bytes;
	struct hmr_pickle *pickle;
};

enum hmr_status
hmr_gz_read(const char *path, size_t max, uint8_t **out, size_t *n,
	    struct hmr_err *e)
{
	enum hmr_status st = HMR_OK;
	size_t cap = (size_t)1 << 20, len = 0;
	uint8_t *buf = NULL, *more;
	gzFile f;
	int fd, got = 1, err;

	*out = NULL;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return hmr_fail(e, HMR_E_IO, "%s", path);
	if (!(f = gzdopen(fd, "rb"))) {
		close(fd);
		return hmr_fail(e, HMR_E_NOMEM, "%s", path);
	}
	gzbuffer(f, 1u << 17);
	while (got > 0 && !st) {
		if (!buf || len == cap) {
			cap *= 2;
			if (!(more = realloc(buf, cap))) {
				st = hmr_fail(e, HMR_E_NOMEM, "%s", path);
				break;
			}
			buf = more;
		}
		got = gzread(f, buf + len, (unsigned)(cap - len < 1u << 30 ?
						      cap - len : 1u << 30));
		if (got > 0 && (len += (size_t)got) > max)
			st = hmr_fail(e, HMR_E_LIMIT, "%s: more than %zu bytes",
				      path, max);
	}
	if (!st && got < 0) {
		const char *text = gzerror(f, &err);

		st = err == Z_ERRNO ? hmr_fail(e, HMR_E_IO, "%s", path) :
		     hmr_fail(e, HMR_E_FORMAT, "%s: %s", path, text);
	}
	if (!st && gzclose(f) == Z_BUF_ERROR)
		st = hmr_fail(e, HMR_E_TRUNCATED, "%s: gzip data end early", path);
	else if (st)
		gzclose(f);
	if (st) {
		free(buf);
		return st;
	}
	*out = buf;
	*n = len;
	return HMR_OK;
}

static bool
looks_safetensors(const uint8_t *p, size_t n)
{
	uint64_t len = n > 9 ? hmr_get64(p) : 0;

	return n > 9 && p[8] == '{' && len < n && len > 1;
}

/* What kind of file the bytes are. */
static enum hmr_status
sort_out(struct hmr_npz *z, struct hmr_err *e)
{
	if (z->n >= 4 && !memcmp(z->p, "PK\3\4", 4))
		return hmr_zip_parse(&z->zip, z->p, z->n, e);
	if (looks_safetensors(z->p, z->n))
		return hmr_safetensors_parse(&z->st, z->p, z->n, e);
	if (z->n >= 6 && !memcmp(z->p, "\223NUMPY", 6)) {
		z->npy = true;
		return HMR_OK;
	}
	return hmr_pickle_parse(&z->pickle, z->p, z->n, e);
}

enum hmr_status
hmr_npz_parse(struct hmr_npz **out, const uint8_t *p, size_t n, struct hmr_err *e)
{
	struct hmr_npz *z = calloc(1, sizeof(*z));
	enum hmr_status st;

	*out = NULL;
	if (!z)
		return hmr_fail(e, HMR_E_NOMEM, "arrays: out of memory");
	z->p = p;
	z->n = n;
	if ((st = sort_out(z, e))) {
		hmr_npz_close(z);
		return st;
	}
	*out = z;
	return HMR_OK;
}

enum hmr_status
hmr_npz_open(struct hmr_npz **out, const char *path, struct hmr_err *e)
{
	enum hmr_status st;
	uint8_t *own;
	size_t n;

	*out = NULL;
	if ((st = hmr_gz_read(path, HMR_NPZ_FILE_MAX, &own, &n, e)))
		return st;
	if ((st = hmr_npz_parse(out, own, n, e))) {
		free(own);
		return hmr_fail_in(e, st, "%s", path);
	}
	(*out)->own = own;
	return HMR_OK;
}

void
hmr_npz_close(struct hmr_npz *z)
{
	if (!z)
		return;
	hmr_pickle_free(z->pickle);
	hmr_zip_close(z->zip);
	hmr_safetensors_close(z->st);
	free(z->own);
	free(z);
}

static int64_t
zip_entry(const struct hmr_npz *z, const char *key)
{
	char name[128];
	int64_t i;

	snprintf(name, sizeof(name), "%s.npy", key);
	if ((i = hmr_zip_find(z->zip, name)) < 0)
		i = hmr_zip_find(z->zip, key);
	return i;
}

bool
hmr_npz_has(const struct hmr_npz *z, const char *key)
{
	if (z->pickle)
		return hmr_pk_get(hmr_pickle_root(z->pickle), key) != NULL;
	if (z->zip)
		return zip_entry(z, key) >= 0;
	return z->st && hmr_safetensors_find(z->st, key);
}

static enum hmr_status
from_pickle(struct found *f, const struct hmr_pk *v, struct hmr_err *e)
{
	f->is_sparse = hmr_pk_is_sparse(v);
	return f->is_sparse ? hmr_sparse_of_pickle(&f->sparse, v, e) :
	       hmr_npy_of_pickle(&f->a, v, e);
}

/* An array of objects holds a pickle of itself. */
static enum hmr_status
from_npy(struct found *f, const uint8_t *p, size_t n, struct hmr_err *e)
{
	enum hmr_status st = hmr_npy_parse(&f->a, p, n, e);

	if (st || f->a.kind != 'O')
		return st;
	if ((st = hmr_pickle_parse(&f->pickle, f->a.data, f->a.bytes, e)))
		return st;
	return from_pickle(f, hmr_pickle_root(f->pickle), e);
}

static enum hmr_status
from_tensor(struct found *f, const struct hmr_st_tensor *t, struct hmr_err *e)
{
	static const struct { enum hmr_dtype dtype; char name[4]; } type[] = {
		{ HMR_DTYPE_F32, "<f4" }, { HMR_DTYPE_F16, "<f2" },
		{ HMR_DTYPE_I8, "<i1" }, { HMR_DTYPE_I32, "<i4" },
		{ HMR_DTYPE_I64, "<i8" }, { HMR_DTYPE_U8, "<u1" },
	};
	enum hmr_status st;

	for (size_t i = 0; i < sizeof(type) / sizeof(*type); i++)
		if (t->dtype == type[i].dtype) {
			if ((st = hmr_npy_type(&f->a, type[i].name, 3, e)))
				return st;
			f->a.dims = t->dims;
			f->a.data = t->data;
			return hmr_npy_check(&f->a, t->bytes, e);
		}
	return hmr_fail(e, HMR_E_VERSION, "element type is not read");
}

static enum hmr_status
find(struct hmr_npz *z, const char *key, struct found *f, struct hmr_err *e)
{
	enum hmr_status st;
	size_t n;

	memset(f, 0, sizeof(*f));
	if (key && !hmr_npz_has(z, key))
		return hmr_fail(e, HMR_E_MODEL, "missing");
	if (z->npy)
		return from_npy(f, z->p, z->n, e);
	if (z->pickle)
		return from_pickle(f, key ? hmr_pk_get(hmr_pickle_root(z->pickle), key) :
				   hmr_pickle_root(z->pickle), e);
	if (z->st && !key && hmr_safetensors_count(z->st) != 1)
		return hmr_fail(e, HMR_E_MODEL, "not one array");
	if (z->st)
		return from_tensor(f, key ? hmr_safetensors_find(z->st, key) :
				   hmr_safetensors_at(z->st, 0), e);
	if (!key && hmr_zip_count(z->zip) != 1)
		return hmr_fail(e, HMR_E_MODEL, "not one array");
	if ((st = hmr_zip_load(z->zip, key ? (uint64_t)zip_entry(z, key) : 0,
			       HMR_NPZ_FILE_MAX, &f->bytes, &n, e)))
		return st;
	return from_npy(f, f->bytes, n, e);
}

static void
found_release(struct found *f)
{
	hmr_pickle_free(f->pickle);
	free(f->bytes);
}

static enum hmr_status
match(const struct hmr_dims *have, struct hmr_dims *want, struct hmr_err *e)
{
	char a[128] = "", b[128] = "";
	size_t at_a = 0, at_b = 0;
	bool ok = have->n == want->n;

	for (uint32_t i = 0; ok && i < have->n; i++)
		ok = want->d[i] < 0 ? have->d[i] > 0 : want->d[i] == have->d[i];
	if (ok) {
		*want = *have;
		return HMR_OK;
	}
	for (uint32_t i = 0; i < have->n; i++)
		at_a += (size_t)snprintf(a + at_a, 20, "%s%.14g", i ? "x" : "",
					 (double)have->d[i]);
	for (uint32_t i = 0; i < want->n; i++)
		at_b += (size_t)(want->d[i] < 0 ?
				 snprintf(b + at_b, 20, "%sN", i ? "x" : "") :
				 snprintf(b + at_b, 20, "%s%.14g", i ? "x" : "",
					  (double)want->d[i]));
	return hmr_fail(e, HMR_E_MODEL, "shape %s, must be %s", a, b);
}

static enum hmr_status
read_f32(struct found *f, struct hmr_dims *dims, float **out, struct hmr_err *e)
{
	struct hmr_dims have = f->a.dims;
	enum hmr_status st;
	size_t n;

	if (f->is_sparse)
		have = (struct hmr_dims){ 2, { f->sparse.rows, f->sparse.cols } };
	if ((st = match(&have, dims, e)))
		return st;
	if (!hmr_dims_count(&have, &n) || n > HMR_NPZ_FILE_MAX / sizeof(float))
		return hmr_fail(e, HMR_E_LIMIT, "too large");
	if (!(*out = malloc((n ? n : 1) * sizeof(float))))
		return hmr_fail(e, HMR_E_NOMEM, "out of memory");
	if (!f->is_sparse)
		hmr_npy_f32(&f->a, *out);
	else if ((st = hmr_sparse_f32(&f->sparse, *out, e))) {
		free(*out);
		*out = NULL;
	}
	return st;
}

enum hmr_status
hmr_npz_f32(struct hmr_npz *z, const char *key, struct hmr_dims *dims, float **out,
	    struct hmr_err *e)
{
	struct found f;
	enum hmr_status st;

	*out = NULL;
	if (!(st = find(z, key, &f, e)))
		st = read_f32(&f, dims, out, e);
	found_release(&f);
	return st ? hmr_fail_in(e, st, "%s", key ? key : "array") : HMR_OK;
}

enum hmr_status
hmr_npz_i64(struct hmr_npz *z, const char *key, struct hmr_dims *dims,
	    int64_t **out, struct hmr_err *e)
{
	struct found f;
	enum hmr_status st;

	*out = NULL;
	if (!(st = find(z, key, &f, e)) && f.is_sparse)
		st = hmr_fail(e, HMR_E_MODEL, "a sparse matrix");
	if (!st && !(st = match(&f.a.dims, dims, e))) {
		if ((*out = malloc((f.a.count ? f.a.count : 1) * sizeof(**out))))
			hmr_npy_i64(&f.a, *out);
		else
			st = hmr_fail(e, HMR_E_NOMEM, "out of memory");
	}
	found_release(&f);
	return st ? hmr_fail_in(e, st, "%s", key ? key : "array") : HMR_OK;
}

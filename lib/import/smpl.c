/* SPDX-License-Identifier: Apache-2.0 */
/* Reads SMPL files into plain arrays and checks what posing relies on. */
#include "import/smpl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "import/npz.h"

#define V HMR_SMPL_VERTICES

static enum hmr_status
finite(const char *name, const float *p, size_t n, struct hmr_err *e)
{
	for (size_t i = 0; i < n; i++)
		if (!(fabsf(p[i]) < 1e6f))
			return hmr_fail(e, HMR_E_MODEL, "%s: number %zu is out of range",
					name, i);
	return HMR_OK;
}

static enum hmr_status
array(struct hmr_npz *z, const char *key, struct hmr_dims dims, float **out,
      struct hmr_err *e)
{
	enum hmr_status st = hmr_npz_f32(z, key, &dims, out, e);
	size_t n = 1;

	for (uint32_t i = 0; !st && i < dims.n; i++)
		n *= (size_t)dims.d[i];
	return st ? st : finite(key ? key : "joints", *out, n, e);
}

/* Keeps the first ten of however many shape directions. */
static enum hmr_status
shapes(struct hmr_smpl *s, struct hmr_npz *z, struct hmr_err *e)
{
	struct hmr_dims dims = { 3, { V, 3, -1 } };
	enum hmr_status st = hmr_npz_f32(z, "shapedirs", &dims, &s->shapedirs, e);
	size_t n = (size_t)dims.d[2];

	if (st)
		return st;
	if (n < HMR_SMPL_SHAPES)
		return hmr_fail(e, HMR_E_MODEL, "shapedirs: %zu shapes, needs %d", n,
				HMR_SMPL_SHAPES);
	for (size_t i = 0; n > HMR_SMPL_SHAPES && i < V * 3; i++)
		memmove(s->shapedirs + i * HMR_SMPL_SHAPES, s->shapedirs + i * n,
			HMR_SMPL_SHAPES * sizeof(float));
	return finite("shapedirs", s->shapedirs, (size_t)V * 3 * HMR_SMPL_SHAPES, e);
}

static enum hmr_status
tree(struct hmr_smpl *s, struct hmr_npz *z, struct hmr_err *e)
{
	struct hmr_dims dims = { 2, { 2, HMR_SMPL_JOINTS } };
	int64_t *k;
	enum hmr_status st = hmr_npz_i64(z, "kintree_table", &dims, &k, e);

	if (st)
		return st;
	s->parent[0] = -1;	/* the root's own entry is -1, as signed or not */
	for (int i = 1; i < HMR_SMPL_JOINTS && !st; i++) {
		if (k[i] < 0 || k[i] >= i)
			st = hmr_fail(e, HMR_E_MODEL,
				      "kintree_table: parent of joint %d is %lld", i,
				      (long long)k[i]);
		s->parent[i] = (int32_t)k[i];
	}
	free(k);
	return st;
}

static enum hmr_status
faces(struct hmr_smpl *s, struct hmr_npz *z, struct hmr_err *e)
{
	struct hmr_dims dims = { 2, { -1, 3 } };
	int64_t *f;
	enum hmr_status st = hmr_npz_i64(z, "f", &dims, &f, e);
	size_t n = (size_t)dims.d[0] * 3;

	if (st)
		return st;
	if (dims.d[0] > 4 * V || !(s->face = malloc(n * sizeof(*s->face)))) {
		st = dims.d[0] > 4 * V ? hmr_fail(e, HMR_E_MODEL, "f: too many faces") :
		     hmr_fail(e, HMR_E_NOMEM, "f: out of memory");
		goto out;
	}
	s->faces = (uint32_t)dims.d[0];
	for (size_t i = 0; i < n; i++) {
		if (f[i] < 0 || f[i] >= V) {
			st = hmr_fail(e, HMR_E_MODEL, "f: vertex %lld", (long long)f[i]);
			goto out;
		}
		s->face[i] = (uint32_t)f[i];
	}
out:
	free(f);
	return st;
}

static enum hmr_status
body(struct hmr_smpl *s, struct hmr_npz *z, struct hmr_err *e)
{
	enum hmr_status st;

	if ((st = array(z, "v_template", (struct hmr_dims){ 2, { V, 3 } },
			&s->v_template, e)) ||
	    (st = shapes(s, z, e)) ||
	    (st = array(z, "posedirs", (struct hmr_dims){ 3, { V, 3, HMR_SMPL_POSES } },
			&s->posedirs, e)) ||
	    (st = array(z, "J_regressor", (struct hmr_dims){ 2, { HMR_SMPL_JOINTS, V } },
			&s->regressor, e)) ||
	    (st = array(z, "weights", (struct hmr_dims){ 2, { V, HMR_SMPL_JOINTS } },
			&s->weights, e)) ||
	    (st = tree(s, z, e)))
		return st;
	return faces(s, z, e);
}

enum hmr_status
hmr_smpl_read(struct hmr_smpl *s, const char *path, const char *joints,
	      struct hmr_err *e)
{
	struct hmr_npz *z;
	enum hmr_status st;

	memset(s, 0, sizeof(*s));
	if ((st = hmr_npz_open(&z, path, e)))
		return st;
	if ((st = body(s, z, e)))
		hmr_fail_in(e, st, "%s", path);
	hmr_npz_close(z);
	if (!st && joints) {
		if ((st = hmr_npz_open(&z, joints, e)))
			goto out;
		if ((st = array(z, NULL, (struct hmr_dims){ 2, { HMR_SMPL_EXTRA, V } },
				&s->extra, e)))
			hmr_fail_in(e, st, "%s", joints);
		hmr_npz_close(z);
	}
out:
	if (st)
		hmr_smpl_release(s);
	return st;
}

void
hmr_smpl_release(struct hmr_smpl *s)
{
	free(s->v_template);
	free(s->shapedirs);
	free(s->posedirs);
	free(s->regressor);
	free(s->weights);
	free(s->extra);
	free(s->face);
	memset(s, 0, sizeof(*s));
}

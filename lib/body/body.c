/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies from their model files: every tensor's type, shape and content is
 * checked here, so that posing and fitting need not look again. Also the names
 * of joints and points.
 */
#include "body/body.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/io.h"
#include "body/bend.h"
#include "body/body_impl.h"
#include "body/smpl_body.h"
#include "nn/nn.h"

static const char *const joint_names[HMR_BODY_JOINTS] = {
	"pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee",
	"spine2", "left_ankle", "right_ankle", "spine3", "left_foot", "right_foot",
	"neck", "left_collar", "right_collar", "head", "left_shoulder",
	"right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
	"left_hand", "right_hand"
};

static const char *const point_names[HMR_BODY_POINTS] = {
	"nose", "neck", "right_shoulder", "right_elbow", "right_wrist",
	"left_shoulder", "left_elbow", "left_wrist", "mid_hip", "right_hip",
	"right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
	"right_eye", "left_eye", "right_ear", "left_ear", "left_big_toe",
	"left_small_toe", "left_heel", "right_big_toe", "right_small_toe",
	"right_heel", "right_ankle_lsp", "right_knee_lsp", "right_hip_lsp",
	"left_hip_lsp", "left_knee_lsp", "left_ankle_lsp", "right_wrist_lsp",
	"right_elbow_lsp", "right_shoulder_lsp", "left_shoulder_lsp",
	"left_elbow_lsp", "left_wrist_lsp", "neck_lsp", "head_top_lsp",
	"pelvis_mpii", "thorax_mpii", "spine_h36m", "jaw_h36m", "head_h36m"
};

static const char *const landmark_names[HMR_BODY_LANDMARKS] = {
	"nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner",
	"right_eye", "right_eye_outer", "left_ear", "right_ear", "mouth_left",
	"mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
	"right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky",
	"left_index", "right_index", "left_thumb", "right_thumb", "left_hip",
	"right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
	"left_heel", "right_heel", "left_foot_index", "right_foot_index"
};

static const uint8_t edges[][2] = {
	{ 8, 1 }, { 1, 0 }, { 1, 2 }, { 2, 3 }, { 3, 4 }, { 1, 5 }, { 5, 6 },
	{ 6, 7 }, { 8, 9 }, { 9, 10 }, { 10, 11 }, { 8, 12 }, { 12, 13 },
	{ 13, 14 }, { 0, 15 }, { 15, 17 }, { 0, 16 }, { 16, 18 }, { 14, 19 },
	{ 19, 20 }, { 14, 21 }, { 11, 22 }, { 22, 23 }, { 11, 24 }
};

/* A tensor of d0 x d1 x d2 (-1: any, 0: no such dimension); NULL with e set. */
static const struct hmr_st_tensor *
want(const struct hmr_body *b, const char *name, enum hmr_dtype type,
     const int64_t dims[3], struct hmr_err *e)
{
	const struct hmr_st_tensor *t = hmr_safetensors_find(b->file, name);
	uint32_t n = 0;

	while (n < 3 && dims[n])
		n++;
	if (!t) {
		(void)hmr_fail(e, HMR_E_MODEL, "body: no tensor %s", name);
		return NULL;
	}
	bool ok = t->dtype == type && t->dims.n == n;
	for (uint32_t i = 0; ok && i < n; i++)
		ok = dims[i] < 0 || t->dims.d[i] == dims[i];
	if (!ok) {
		(void)hmr_fail(e, HMR_E_MODEL, "body: tensor %s has not the type "
			       "and shape of a body's", name);
		return NULL;
	}
	return t;
}

/* Numbers of a tensor into to[n]; all finite and of size < 100. */
static enum hmr_status
floats(const struct hmr_body *b, const char *name, const int64_t dims[3],
       float *to, struct hmr_err *e)
{
	const struct hmr_st_tensor *t = want(b, name, HMR_DTYPE_F32, dims, e);

	if (!t)
		return HMR_E_MODEL;
	for (size_t i = 0; i < t->bytes / 4; i++) {
		to[i] = hmr_getf32((const uint8_t *)t->data + 4 * i);
		if (!(fabsf(to[i]) < 100))
			return hmr_fail(e, HMR_E_MODEL, "body: tensor %s: a number "
					"out of range", name);
	}
	return HMR_OK;
}

static enum hmr_status
faces(const struct hmr_body *b, const char *name, uint32_t verts, uint32_t **to,
      uint32_t *n, struct hmr_err *e)
{
	const struct hmr_st_tensor *t = want(b, name, HMR_DTYPE_I32,
					     (int64_t[3]){ -1, 3, 0 }, e);

	if (!t)
		return HMR_E_MODEL;
	if (t->dims.d[0] < 1 || t->dims.d[0] > 4 * (int64_t)HMR_BODY_VERTICES_MAX)
		return hmr_fail(e, HMR_E_MODEL, "body: tensor %s: %lld faces", name,
				(long long)t->dims.d[0]);
	*n = (uint32_t)t->dims.d[0];
	if (!(*to = malloc(t->bytes)))
		return hmr_fail(e, HMR_E_NOMEM, "body");
	for (size_t i = 0; i < 3 * (size_t)*n; i++) {
		(*to)[i] = hmr_get32((const uint8_t *)t->data + 4 * i);
		if ((*to)[i] >= verts)
			return hmr_fail(e, HMR_E_MODEL, "body: tensor %s: vertex "
					"out of range", name);
	}
	return HMR_OK;
}

static enum hmr_status
read_surface(struct hmr_body *b, struct hmr_err *e)
{
	const struct hmr_st_tensor *t = want(b, "vertices", HMR_DTYPE_F32,
					     (int64_t[3]){ -1, 3, 0 }, e);
	enum hmr_status st;

	if (!t)
		return HMR_E_MODEL;
	int64_t v = t->dims.d[0];
	if (v < 3 || v > HMR_BODY_VERTICES_MAX)
		return hmr_fail(e, HMR_E_MODEL, "body: %lld vertices", (long long)v);
	b->verts = (uint32_t)v;
	size_t n = b->verts;
	b->rest = malloc(n * 3 * sizeof(float));
	b->dir = malloc(n * 3 * HMR_BODY_SHAPES * sizeof(float));
	b->weight = malloc(n * 4 * sizeof(float));
	b->weight_joint = malloc(n * 4);
	if (!b->rest || !b->dir || !b->weight || !b->weight_joint)
		return hmr_fail(e, HMR_E_NOMEM, "body");
	if ((st = floats(b, "vertices", (int64_t[3]){ v, 3, 0 }, b->rest, e)) ||
	    (st = floats(b, "shape", (int64_t[3]){ HMR_BODY_SHAPES, v, 3 },
			 b->dir, e)) ||
	    (st = floats(b, "weights", (int64_t[3]){ v, 4, 0 }, b->weight, e)) ||
	    (st = faces(b, "faces", b->verts, &b->face, &b->faces, e)))
		return st;
	if (!(t = want(b, "weight_joints", HMR_DTYPE_U8,
		       (int64_t[3]){ v, 4, 0 }, e)))
		return HMR_E_MODEL;
	memcpy(b->weight_joint, t->data, n * 4);
	for (size_t i = 0; i < n * 4; i++)
		if (b->weight_joint[i] >= HMR_BODY_JOINTS)
			return hmr_fail(e, HMR_E_MODEL, "body: weight_joints: %d",
					b->weight_joint[i]);
	b->verts_light = b->verts;
	if (!hmr_safetensors_find(b->file, "faces_light"))
		return HMR_OK;
	if ((st = faces(b, "faces_light", b->verts, &b->face_light,
			&b->faces_light, e)))
		return st;
	b->verts_light = 0;
	for (size_t i = 0; i < 3 * (size_t)b->faces_light; i++)
		if (b->face_light[i] >= b->verts_light)
			b->verts_light = b->face_light[i] + 1;
	return HMR_OK;
}

/* The places of corners laid flat: both tensors or none. */
static enum hmr_status
read_uvs(struct hmr_body *b, struct hmr_err *e)
{
	const struct hmr_st_tensor *t;
	enum hmr_status st;
	uint32_t n;

	if (!hmr_safetensors_find(b->file, "uv") &&
	    !hmr_safetensors_find(b->file, "uv_faces"))
		return HMR_OK;
	if (!(t = want(b, "uv", HMR_DTYPE_F32, (int64_t[3]){ -1, 2, 0 }, e)))
		return HMR_E_MODEL;
	int64_t uvs = t->dims.d[0];
	if (uvs < 1 || uvs > 3 * (int64_t)b->faces)
		return hmr_fail(e, HMR_E_MODEL, "body: tensor uv: %lld places",
				(long long)uvs);
	if (!(b->uv = malloc((size_t)uvs * 2 * sizeof(float))))
		return hmr_fail(e, HMR_E_NOMEM, "body");
	if ((st = floats(b, "uv", (int64_t[3]){ uvs, 2, 0 }, b->uv, e)))
		return st;
	for (int64_t i = 0; i < 2 * uvs; i++)
		if (b->uv[i] < 0 || b->uv[i] > 1)
			return hmr_fail(e, HMR_E_MODEL, "body: tensor uv: not in 0..1");
	if ((st = faces(b, "uv_faces", (uint32_t)uvs, &b->face_uv, &n, e)))
		return st;
	if (n != b->faces)
		return hmr_fail(e, HMR_E_MODEL, "body: tensor uv_faces: %u of %u faces",
				n, b->faces);
	b->uvs = (uint32_t)uvs;
	if (!b->face_light || !hmr_safetensors_find(b->file, "uv_faces_light"))
		return HMR_OK;
	if ((st = faces(b, "uv_faces_light", b->uvs, &b->face_uv_light, &n, e)))
		return st;
	if (n != b->faces_light)
		return hmr_fail(e, HMR_E_MODEL, "body: tensor uv_faces_light: %u of %u "
				"faces", n, b->faces_light);
	return HMR_OK;
}

static enum hmr_status
read_joints(struct hmr_body *b, struct hmr_err *e)
{
	const struct hmr_st_tensor *t = want(b, "parents", HMR_DTYPE_I32,
					     (int64_t[3]){ HMR_BODY_JOINTS, 0, 0 }, e);
	enum hmr_status st;

	if (!t)
		return HMR_E_MODEL;
	for (int j = 0; j < HMR_BODY_JOINTS; j++) {
		b->parent[j] = (int)hmr_get32((const uint8_t *)t->data + 4 * j);
		if (j == 0 ? b->parent[j] != -1 :
		    b->parent[j] < 0 || b->parent[j] >= j)
			return hmr_fail(e, HMR_E_MODEL, "body: parent of joint %d "
					"is %d", j, b->parent[j]);
	}
	if ((st = floats(b, "joints", (int64_t[3]){ HMR_BODY_JOINTS, 3, 0 },
			 &b->joint[0][0], e)))
		return st;
	return floats(b, "joint_shape", (int64_t[3]){ HMR_BODY_SHAPES,
		      HMR_BODY_JOINTS, 3 }, &b->joint_dir[0][0][0], e);
}

static enum hmr_status
read_points(struct hmr_body *b, struct hmr_err *e)
{
	const struct hmr_st_tensor *t = want(b, "point_index", HMR_DTYPE_I32,
					     (int64_t[3]){ -1, 2, 0 }, e);
	enum hmr_status st;
	float *rest, *dir;

	if (!t)
		return HMR_E_MODEL;
	int64_t n = t->dims.d[0];
	if (n < HMR_BODY_FIXED || n > HMR_BODY_FIXED * HMR_BODY_JOINTS)
		return hmr_fail(e, HMR_E_MODEL, "body: %lld point entries",
				(long long)n);
	b->entry = calloc((size_t)n, sizeof(*b->entry));
	rest = malloc((size_t)n * 4 * sizeof(*rest));
	dir = malloc((size_t)n * 3 * HMR_BODY_SHAPES * sizeof(*dir));
	st = b->entry && rest && dir ? HMR_OK : hmr_fail(e, HMR_E_NOMEM, "body");
	if (!st)
		st = floats(b, "point_rest", (int64_t[3]){ n, 4, 0 }, rest, e);
	if (!st)
		st = floats(b, "point_shape",
			    (int64_t[3]){ HMR_BODY_SHAPES, n, 3 }, dir, e);
	uint32_t at = 0;
	for (int64_t i = 0; !st && i < n; i++) {
		const uint8_t *x = (const uint8_t *)t->data + 8 * i;
		uint32_t p = hmr_get32(x), j = hmr_get32(x + 4);
		struct body_entry *q = &b->entry[i];
		/* in order of the points, none left out */
		while (at < HMR_BODY_FIXED && at <= p)
			b->entry_start[at++] = (uint32_t)i;
		if (p + 1 != at || j >= HMR_BODY_JOINTS ||
		    (i == 0 && p != 0) ||
		    (i > 0 && p > hmr_get32(x - 8) + 1))
			st = hmr_fail(e, HMR_E_MODEL, "body: point_index: row %lld",
				      (long long)i);
		q->joint = j;
		memcpy(q->c, rest + 4 * i, sizeof(q->c));
		q->s = rest[4 * i + 3];
		for (int s = 0; s < HMR_BODY_SHAPES; s++)
			memcpy(q->d[s], dir + 3 * (s * n + i), sizeof(q->d[s]));
	}
	if (!st && at != HMR_BODY_FIXED)
		st = hmr_fail(e, HMR_E_MODEL, "body: %u points, a body has %d", at,
			      HMR_BODY_FIXED);
	b->entry_start[HMR_BODY_FIXED] = (uint32_t)n;
	free(rest);
	free(dir);
	return st;
}

static enum hmr_status
read_names(struct hmr_body *b, struct hmr_err *e)
{
	const char *kind = hmr_safetensors_meta(b->file, "kind");
	const char *format = hmr_safetensors_meta(b->file, "format");
	const char *name = hmr_safetensors_meta(b->file, "name");
	const char *shapes = hmr_safetensors_meta(b->file, "shapes");

	if (!kind || strcmp(kind, "body") != 0)
		return hmr_fail(e, HMR_E_MODEL, "not a body: kind is %s",
				kind ? kind : "not given");
	if (!format || strncmp(format, "hmr-body 1.", 11) != 0)
		return hmr_fail(e, HMR_E_VERSION, "body: format %s, this program "
				"reads hmr-body 1", format ? format : "not given");
	snprintf(b->name, sizeof(b->name), "%s", name ? name : "body");
	for (int i = 0; i < HMR_BODY_SHAPES; i++) {
		size_t n = shapes ? strcspn(shapes, " ") : 0;
		if (n > 0 && n < sizeof(b->shape_name[i])) {
			memcpy(b->shape_name[i], shapes, n);
			shapes += n + (shapes[n] == ' ');
		} else {
			snprintf(b->shape_name[i], sizeof(b->shape_name[i]),
				 "shape%d", i);
			shapes = NULL;
		}
	}
	return HMR_OK;
}

static enum hmr_status
read_body(struct hmr_body *b, struct hmr_err *e)
{
	const uint8_t *p;
	enum hmr_status st;
	size_t n;

	if ((st = read_names(b, e)) || (st = read_surface(b, e)) ||
	    (st = read_uvs(b, e)) || (st = read_joints(b, e)) ||
	    (st = read_points(b, e)) || (st = body_soft_read(b, e)) ||
	    (st = body_bend_read(b, e)))
		return st;
	p = hmr_safetensors_bytes(b->file, &n);
	hmr_sha256_hex(p, n, b->sha256);
	return HMR_OK;
}

enum hmr_status
body_from_bytes(struct hmr_body **out, uint8_t *bytes, size_t n,
		struct hmr_err *e)
{
	struct hmr_body *b = calloc(1, sizeof(*b));
	enum hmr_status st;

	*out = NULL;
	if (!b) {
		free(bytes);
		return hmr_fail(e, HMR_E_NOMEM, "body");
	}
	b->bytes = bytes;
	if ((st = hmr_safetensors_parse(&b->file, bytes, n, e)) ||
	    (st = read_body(b, e))) {
		hmr_body_free(b);
		return st;
	}
	*out = b;
	return HMR_OK;
}

enum hmr_status
hmr_body_open(struct hmr_body **out, const char *name, struct hmr_err *e)
{
	char path[4096];
	struct hmr_body *b;
	enum hmr_status st;

	*out = NULL;
	if (!strcmp(name, "mannequin"))
		return hmr_body_mannequin(out, e);
	if ((st = hmr_model_path(name, path, sizeof(path), e)))
		return st;
	if (!(b = calloc(1, sizeof(*b))))
		return hmr_fail(e, HMR_E_NOMEM, "%s", path);
	if ((st = hmr_safetensors_open(&b->file, path, e))) {
		hmr_body_free(b);
		return hmr_model_refused(st, path, e);
	}
	if ((st = read_body(b, e))) {
		hmr_body_free(b);
		return hmr_fail_in(e, st, "%s", path);
	}
	*out = b;
	return HMR_OK;
}

void
hmr_body_free(struct hmr_body *b)
{
	if (!b)
		return;
	hmr_safetensors_close(b->file);
	free(b->bytes);
	free(b->face);
	free(b->face_light);
	free(b->uv);
	free(b->face_uv);
	free(b->face_uv_light);
	free(b->rest);
	free(b->dir);
	free(b->weight);
	free(b->weight_joint);
	free(b->entry);
	body_soft_free(b->soft);
	body_bend_free(b->bend);
	free(b);
}

enum hmr_status
hmr_body_write(const struct hmr_body *b, const char *path, struct hmr_err *e)
{
	struct hmr_atomic a = { .fd = -1 };
	enum hmr_status st;
	size_t n;
	const uint8_t *p = hmr_safetensors_bytes(b->file, &n);

	if ((st = hmr_atomic_open(&a, path, e)))
		return st;
	if ((st = hmr_write_full(a.fd, p, n, e))) {
		hmr_atomic_abort(&a);
		return hmr_fail_in(e, st, "%s", path);
	}
	return hmr_atomic_commit(&a, e);
}

const char *hmr_body_name(const struct hmr_body *b) { return b->name; }
const char *hmr_body_sha256(const struct hmr_body *b) { return b->sha256; }
uint32_t hmr_body_vertices(const struct hmr_body *b) { return b->verts; }
uint32_t hmr_body_faces(const struct hmr_body *b) { return b->faces; }
const uint32_t *hmr_body_face_list(const struct hmr_body *b) { return b->face; }
uint32_t hmr_body_uvs(const struct hmr_body *b) { return b->uvs; }
const uint32_t *hmr_body_uv_face_list(const struct hmr_body *b) { return b->face_uv; }
const int *hmr_body_parents(const struct hmr_body *b) { return b->parent; }

const float (*
hmr_body_uv_list(const struct hmr_body *b))[2]
{
	return (const float (*)[2])b->uv;
}

uint32_t
hmr_body_light_vertices(const struct hmr_body *b)
{
	return b->verts_light;
}

uint32_t
hmr_body_light_faces(const struct hmr_body *b)
{
	return b->face_light ? b->faces_light : b->faces;
}

const uint32_t *
hmr_body_light_face_list(const struct hmr_body *b)
{
	return b->face_light ? b->face_light : b->face;
}

const uint32_t *
hmr_body_light_uv_face_list(const struct hmr_body *b)
{
	return b->face_light ? b->face_uv_light : b->face_uv;
}

const char *
hmr_body_joint_name(int joint)
{
	return joint >= 0 && joint < HMR_BODY_JOINTS ? joint_names[joint] : "";
}

const char *
hmr_body_point_name(int point)
{
	return point >= 0 && point < HMR_BODY_POINTS ? point_names[point] : "";
}

const char *
hmr_body_landmark_name(int i)
{
	return i >= 0 && i < HMR_BODY_LANDMARKS ? landmark_names[i] : "";
}

const char *
hmr_body_shape_name(const struct hmr_body *b, int i)
{
	return i >= 0 && i < HMR_BODY_SHAPES ? b->shape_name[i] : "";
}

const uint8_t (*
hmr_body_edges(int *n))[2]
{
	*n = (int)(sizeof(edges) / sizeof(edges[0]));
	return edges;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mannequin as a model file in memory: mesh, shapes, weights, joints and
 * points, flat charts, every number rounded to 1/65536, in the safetensors container
 * (MODEL.md, "mannequin"). The body is then read from those bytes, so that one
 * generated and one loaded cannot differ.
 */
#include "body/mannequin.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "body/body_impl.h"

#define ENTRIES 128	/* shares of joints in all fixed points */
#define HEADER 4096

struct file {		/* the file while it is written: header, then data */
	uint8_t *data;
	size_t n, cap;
	char header[HEADER];
	size_t text;
};

static double
grid(double v)		/* to 1/65536 m: 15 micrometres */
{
	return floor(v * 65536 + 0.5) / 65536;
}

static void
text(struct file *f, const char *s)
{
	size_t n = strlen(s);

	assert(f->text + n < HEADER);
	memcpy(f->header + f->text, s, n);
	f->text += n;
}

/* Opens a tensor of d0 x d1 x d2 (0: fewer dimensions); returns its bytes. */
static uint8_t *
tensor(struct file *f, const char *name, const char *type, size_t size,
       uint32_t d0, uint32_t d1, uint32_t d2)
{
	char s[200], shape[64];
	size_t n = size * d0 * (d1 ? d1 : 1) * (d2 ? d2 : 1);
	uint8_t *at = f->data + f->n;

	if (d2)
		snprintf(shape, sizeof(shape), "%" PRIu32 ",%" PRIu32 ",%" PRIu32,
			 d0, d1, d2);
	else if (d1)
		snprintf(shape, sizeof(shape), "%" PRIu32 ",%" PRIu32, d0, d1);
	else
		snprintf(shape, sizeof(shape), "%" PRIu32, d0);
	snprintf(s, sizeof(s), ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],"
		 "\"data_offsets\":[%zu,%zu]}", name, type, shape, f->n, f->n + n);
	text(f, s);
	assert(f->n + n <= f->cap);
	f->n += n;
	return at;
}

static uint8_t *
put(uint8_t *at, double v)
{
	hmr_putf32(at, (float)grid(v));
	return at + 4;
}

static void
put_faces(struct file *f, const char *name, const uint32_t (*q)[4], uint32_t n)
{
	uint8_t *at = tensor(f, name, "I32", 4, 2 * n, 3, 0);

	for (uint32_t i = 0; i < n; i++) {
		const uint32_t t[6] = { q[i][0], q[i][1], q[i][2], q[i][0],
					q[i][2], q[i][3] };
		for (int k = 0; k < 6; k++)
			hmr_put32(at + 4 * k, t[k]);
		at += 24;
	}
}

static void
put_surface(struct file *f, const struct man *m)
{
	uint8_t *at = tensor(f, "vertices", "F32", 4, m->verts, 3, 0);

	for (uint32_t v = 0; v < m->verts; v++)
		for (int k = 0; k < 3; k++)
			at = put(at, m->at[v][k]);
	at = tensor(f, "shape", "F32", 4, HMR_BODY_SHAPES, m->verts, 3);
	for (int s = 0; s < HMR_BODY_SHAPES; s++)
		for (uint32_t v = 0; v < m->verts; v++)
			for (int k = 0; k < 3; k++)
				at = put(at, m->shape[s][v][k]);
	at = tensor(f, "weights", "F32", 4, m->verts, 4, 0);
	uint8_t *to = tensor(f, "weight_joints", "U8", 1, m->verts, 4, 0);
	for (uint32_t v = 0; v < m->verts; v++) {
		double w[HMR_BODY_JOINTS];
		memcpy(w, m->weight[v], sizeof(w));
		for (int k = 0; k < 4; k++) {
			int b = 0;
			for (int j = 1; j < HMR_BODY_JOINTS; j++)
				if (w[j] > w[b])
					b = j;
			at = put(at, w[b]);
			*to++ = (uint8_t)(w[b] > 0 ? b : 0);
			w[b] = 0;
		}
	}
	put_faces(f, "faces", m->quad, m->quads);
	put_faces(f, "faces_light", m->quad_light, m->quads_light);
}

static void
put_uvs(struct file *f, const struct man *m)
{
	uint8_t *at = tensor(f, "uv", "F32", 4, m->uvs, 2, 0);

	for (uint32_t i = 0; i < m->uvs; i++)
		for (int k = 0; k < 2; k++)
			at = put(at, m->uv[i][k]);
	put_faces(f, "uv_faces", m->quad_uv, m->quads);
	put_faces(f, "uv_faces_light", m->quad_uv_light, m->quads_light);
}

static void
put_bends(struct file *f, const struct man *m)
{
	uint8_t *at = tensor(f, "bend_index", "I32", 4, m->bends, 2, 0);

	for (uint32_t i = 0; i < m->bends; i++, at += 8) {
		hmr_put32(at, m->bend[i].joint);
		hmr_put32(at + 4, m->bend[i].vertex);
	}
	at = tensor(f, "bend", "F32", 4, m->bends, 9, 3);
	for (uint32_t i = 0; i < m->bends; i++)
		for (int k = 0; k < 27; k++)
			at = put(at, m->bend[i].by[k / 3][k % 3]);
}

static void
put_joints(struct file *f)
{
	uint8_t *at = tensor(f, "joints", "F32", 4, HMR_BODY_JOINTS, 3, 0);
	double d[HMR_BODY_JOINTS][HMR_BODY_SHAPES][3];
	struct man_stretch bones[HMR_BODY_SHAPES];

	man_stretches(bones);
	for (int j = 0; j < HMR_BODY_JOINTS; j++) {
		/* a bone does to its own joint what its parent does */
		double w[HMR_BODY_JOINTS] = { 0 };
		w[j] = 1;
		man_shape_of(bones, man_joints[j], w, d[j]);
		for (int k = 0; k < 3; k++)
			at = put(at, man_joints[j][k]);
	}
	at = tensor(f, "joint_shape", "F32", 4, HMR_BODY_SHAPES,
		    HMR_BODY_JOINTS, 3);
	for (int s = 0; s < HMR_BODY_SHAPES; s++)
		for (int j = 0; j < HMR_BODY_JOINTS; j++)
			for (int k = 0; k < 3; k++)
				at = put(at, d[j][s][k]);
	at = tensor(f, "parents", "I32", 4, HMR_BODY_JOINTS, 0, 0);
	for (int j = 0; j < HMR_BODY_JOINTS; j++, at += 4)
		hmr_put32(at, (uint32_t)man_parents[j]);
}

static void
put_points(struct file *f)
{
	struct { int point, joint; double w, at[3], d[HMR_BODY_SHAPES][3]; }
		e[ENTRIES];
	struct man_stretch bones[HMR_BODY_SHAPES];
	int n = 0;

	man_stretches(bones);
	for (int i = 0; i < HMR_BODY_FIXED; i++) {
		const struct man_point *p = i < HMR_BODY_POINTS ? &man_points[i] :
			&man_landmarks[i - HMR_BODY_POINTS];
		double w[HMR_BODY_JOINTS] = { 0 };
		for (int k = 0; k < 3 && p->joint[k] >= 0; k++)
			w[p->joint[k]] = p->weight[k];
		for (int k = 0; k < 3 && p->joint[k] >= 0; k++, n++) {
			assert(n < ENTRIES);
			e[n].point = i;
			e[n].joint = p->joint[k];
			e[n].w = p->weight[k];
			memcpy(e[n].at, p->at, sizeof(p->at));
			man_shape_of(bones, p->at, w, e[n].d);
		}
	}
	uint8_t *at = tensor(f, "point_index", "I32", 4, (uint32_t)n, 2, 0);
	for (int i = 0; i < n; i++, at += 8) {
		hmr_put32(at, (uint32_t)e[i].point);
		hmr_put32(at + 4, (uint32_t)e[i].joint);
	}
	at = tensor(f, "point_rest", "F32", 4, (uint32_t)n, 4, 0);
	for (int i = 0; i < n; i++) {
		for (int k = 0; k < 3; k++)
			at = put(at, e[i].w * e[i].at[k]);
		at = put(at, e[i].w);
	}
	at = tensor(f, "point_shape", "F32", 4, HMR_BODY_SHAPES, (uint32_t)n, 3);
	for (int s = 0; s < HMR_BODY_SHAPES; s++)
		for (int i = 0; i < n; i++)
			for (int k = 0; k < 3; k++)
				at = put(at, e[i].w * e[i].d[s][k]);
}

static void
put_meta(struct file *f)
{
	text(f, HMR_ST_BEGIN ",\"format\":\"hmr-body 1.3\",\"kind\":\"body\","
	     "\"name\":\"mannequin\",\"licence\":\"Apache-2.0\",\"shapes\":\"");
	for (int s = 0; s < HMR_BODY_SHAPES; s++) {
		text(f, s ? " " : "");
		text(f, man_shape_names[s]);
	}
	text(f, "\"}");
}

/* The file of the mannequin, on the heap; NULL: no memory. */
static uint8_t *
encode(const struct man *m, size_t *n)
{
	struct file f = { .cap = (size_t)m->verts * (12 + 120 + 20) +
			  2 * ((size_t)m->quads + m->quads_light) * 24 +
			  (size_t)m->uvs * 8 + (size_t)m->bends * 116 + 65536 };
	uint8_t *out;

	if (!(f.data = calloc(1, f.cap)))
		return NULL;
	put_meta(&f);
	put_surface(&f, m);
	put_joints(&f);
	put_points(&f);
	put_uvs(&f, m);
	put_bends(&f, m);
	text(&f, "}");
	while ((8 + f.text) % 64)
		text(&f, " ");
	*n = 8 + f.text + f.n;
	if ((out = malloc(*n))) {
		hmr_put64(out, f.text);
		memcpy(out + 8, f.header, f.text);
		memcpy(out + 8 + f.text, f.data, f.n);
		hmr_st_stamp(out, *n);
	}
	free(f.data);
	return out;
}

enum hmr_status
hmr_body_mannequin(struct hmr_body **out, struct hmr_err *e)
{
	struct man *m = calloc(1, sizeof(*m));
	uint8_t *bytes = NULL;
	size_t n = 0;

	*out = NULL;
	if (m && man_mesh(m)) {
		man_weights(m);
		man_shapes(m);
		man_bends(m);
		if (man_uvs(m))
			bytes = encode(m, &n);
	}
	free(m);
	if (!bytes)
		return hmr_fail(e, HMR_E_NOMEM, "mannequin");
	return body_from_bytes(out, bytes, n, e);
}

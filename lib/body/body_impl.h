/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a body, for lib/body alone. All arrays are checked when the body
 * is made: joints < 24, faces < vertices, numbers finite.
 */
#ifndef HMR_BODY_IMPL_H
#define HMR_BODY_IMPL_H

#include "body/body.h"
#include "import/safetensors.h"

#define HMR_BODY_FIXED (HMR_BODY_POINTS + HMR_BODY_LANDMARKS)
#define HMR_BODY_VERTICES_MAX (1u << 20)

/* One joint's share in a fixed point: the point is the sum over its entries of
 * R (c + sum shape d) + s t, where x -> R x + t is what the joint does to the
 * rest pose. Exact for any weighted sum of skinned vertices. */
struct body_entry {
	uint32_t joint;
	float s, c[3], d[HMR_BODY_SHAPES][3];
};

struct hmr_body {
	struct hmr_safetensors *file;
	uint8_t *bytes;			/* behind file, where generated */
	char name[64], sha256[65];
	char shape_name[HMR_BODY_SHAPES][32];
	uint32_t verts, faces, verts_light, faces_light;
	uint32_t *face, *face_light;	/* [][3] */
	uint32_t uvs;			/* 0: none */
	float *uv;			/* [uvs][2] */
	uint32_t *face_uv;		/* [faces][3] */
	uint32_t *face_uv_light;	/* [faces_light][3]; NULL: none */
	int parent[HMR_BODY_JOINTS];
	float *rest;			/* [verts][3] */
	float *dir;			/* [10][verts][3] */
	float *weight;			/* [verts][4], descending, sum 1 */
	uint8_t *weight_joint;		/* [verts][4] */
	float joint[HMR_BODY_JOINTS][3];
	float joint_dir[HMR_BODY_SHAPES][HMR_BODY_JOINTS][3];
	uint32_t entry_start[HMR_BODY_FIXED + 1];
	struct body_entry *entry;
	struct body_soft *soft;		/* smpl_body.h; NULL: none */
	struct body_bend *bend;		/* bend.h; NULL: none */
};

/* What a joint does: x -> r x + t, rows of 4 (r | t). */
struct body_bone {
	float m[3][4];
};

/* Rest joints of a shape. */
void body_joints(const struct hmr_body *b, const float shape[HMR_BODY_SHAPES],
		 float out[HMR_BODY_JOINTS][3]);
/* Global rotations r and places t of the joints. */
void body_chain(const struct hmr_body *b, const float rest[HMR_BODY_JOINTS][3],
		const float pose[HMR_BODY_JOINTS][9],
		float r[HMR_BODY_JOINTS][9], float t[HMR_BODY_JOINTS][3]);

/* Builds a body from the bytes of its file, which it then owns (also when it
 * fails). */
HMR_MUST_USE enum hmr_status
body_from_bytes(struct hmr_body **out, uint8_t *bytes, size_t n,
		struct hmr_err *e);

#endif

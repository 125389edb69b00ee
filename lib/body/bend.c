/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Corrections of the rest surface that depend on one joint's rotation each; see
 * bend.h. A joint's vertices lie together, in rising order, so that a pose walks
 * nine rows of numbers per bent joint and touches the surface once.
 */
#include "body/bend.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define BLOCK 64		/* vertices at a time */

struct body_bend {
	uint32_t n;
	uint32_t first[HMR_BODY_JOINTS + 1];	/* of each joint's vertices */
	uint32_t *vertex;			/* [n], rising within a joint */
	float (*by)[9 * 3 * BLOCK];		/* blocks: [9][BLOCK][3] */
	uint32_t block[HMR_BODY_JOINTS + 1];	/* first of each joint */
};

static void
add_block(const float (*by)[BLOCK * 3], const float f[9], const uint32_t *vertex,
	  uint32_t n, float *at)
{
	float sum[BLOCK * 3];

	for (uint32_t i = 0; i < BLOCK * 3; i++)
		sum[i] = f[0] * by[0][i];
	for (int k = 1; k < 9; k++)
		for (uint32_t i = 0; i < BLOCK * 3; i++)
			sum[i] += f[k] * by[k][i];
	for (uint32_t i = 0; i < n; i++) {
		float *to = at + 3 * (size_t)vertex[i];

		to[0] += sum[3 * i];
		to[1] += sum[3 * i + 1];
		to[2] += sum[3 * i + 2];
	}
}

void
body_bend_add(const struct body_bend *bend, const float pose[HMR_BODY_JOINTS][9],
	      float *at, uint32_t n)
{
	for (int j = 1; j < HMR_BODY_JOINTS; j++) {
		uint32_t from = bend->first[j], end = bend->first[j + 1];
		uint32_t block = bend->block[j];
		float f[9];
		bool bent = false;

		for (int k = 0; k < 9; k++) {
			f[k] = pose[j][k] - (k % 4 == 0 ? 1.0f : 0.0f);
			bent = bent || f[k] != 0;
		}
		if (!bent)
			continue;
		for (; from < end && bend->vertex[from] < n; from += BLOCK, block++) {
			uint32_t count = end - from < BLOCK ? end - from : BLOCK;

			while (bend->vertex[from + count - 1] >= n)
				count--;
			add_block((const float (*)[BLOCK * 3])bend->by[block], f,
				  bend->vertex + from, count, at);
		}
	}
}

/* Joints and vertices of the pairs, counted by joint. */
static enum hmr_status
read_index(const struct hmr_body *b, struct body_bend *d,
	   const struct hmr_st_tensor *t, struct hmr_err *e)
{
	uint32_t joint = 0;

	for (uint32_t i = 0; i < d->n; i++) {
		uint32_t j = hmr_get32((const uint8_t *)t->data + 8 * (size_t)i);
		uint32_t v = hmr_get32((const uint8_t *)t->data + 8 * (size_t)i + 4);

		if (j < 1 || j >= HMR_BODY_JOINTS || v >= b->verts || j < joint ||
		    (j == joint && v <= d->vertex[i - 1]))
			return hmr_fail(e, HMR_E_MODEL, "body: bend_index: row %u", i);
		while (joint < j)
			d->first[++joint] = i;
		d->vertex[i] = v;
	}
	while (joint < HMR_BODY_JOINTS)
		d->first[++joint] = d->n;
	for (int j = 0; j < HMR_BODY_JOINTS; j++)
		d->block[j + 1] = d->block[j] +
			(d->first[j + 1] - d->first[j] + BLOCK - 1) / BLOCK;
	return HMR_OK;
}

static enum hmr_status
read_numbers(struct body_bend *d, const struct hmr_st_tensor *t, struct hmr_err *e)
{
	if (!(d->by = calloc(d->block[HMR_BODY_JOINTS], sizeof(*d->by))))
		return hmr_fail(e, HMR_E_NOMEM, "body");
	for (int j = 1; j < HMR_BODY_JOINTS; j++)
		for (uint32_t i = d->first[j]; i < d->first[j + 1]; i++) {
			const uint8_t *from = (const uint8_t *)t->data + 108 * (size_t)i;
			uint32_t at = i - d->first[j];
			float *to = d->by[d->block[j] + at / BLOCK] + 3 * (at % BLOCK);

			for (int k = 0; k < 27; k++) {
				float v = hmr_getf32(from + 4 * k);

				if (!(fabsf(v) < 100))
					return hmr_fail(e, HMR_E_MODEL, "body: tensor "
							"bend: a number out of range");
				to[k / 3 * 3 * BLOCK + k % 3] = v;
			}
		}
	return HMR_OK;
}

enum hmr_status
body_bend_read(struct hmr_body *b, struct hmr_err *e)
{
	const struct hmr_st_tensor *t = hmr_safetensors_find(b->file, "bend_index");
	const struct hmr_st_tensor *x = hmr_safetensors_find(b->file, "bend");
	struct body_bend *d;
	enum hmr_status st;

	if (!t && !x)
		return HMR_OK;
	if (!t || !x || t->dtype != HMR_DTYPE_I32 || x->dtype != HMR_DTYPE_F32 ||
	    t->dims.n != 2 || t->dims.d[1] != 2 || t->dims.d[0] < 1 ||
	    t->dims.d[0] > (int64_t)b->verts * HMR_BODY_JOINTS || x->dims.n != 3 ||
	    x->dims.d[0] != t->dims.d[0] || x->dims.d[1] != 9 || x->dims.d[2] != 3)
		return hmr_fail(e, HMR_E_MODEL, "body: bend and bend_index have not the "
				"type and shape of a body's");
	if (!(d = b->bend = calloc(1, sizeof(*d))))
		return hmr_fail(e, HMR_E_NOMEM, "body");
	d->n = (uint32_t)t->dims.d[0];
	if (!(d->vertex = malloc(d->n * sizeof(*d->vertex))))
		return hmr_fail(e, HMR_E_NOMEM, "body");
	if ((st = read_index(b, d, t, e)))
		return st;
	return read_numbers(d, x, e);
}

void
body_bend_free(struct body_bend *d)
{
	if (!d)
		return;
	free(d->vertex);
	free(d->by);
	free(d);
}

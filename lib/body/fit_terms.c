/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terms of the fit and their derivatives: 3D points, image points, priors
 * and limits of the joints, prior of the shape. A landmark moves by the turns of
 * the joints above it, the shape and the camera alone, so its rows are kept short
 * and spread into the normal equations afterwards.
 */
#include "body/fit_impl.h"

#include "body/rot.h"

#define HUBER 2.0		/* whitened distance from which a point pulls less */
#define LIMIT 0.06		/* radians past a limit that cost as one sigma */

const struct fit_share fit_shares[FIT_BLOCKS] = {
	{ 3, { 3, 6, 9 }, { 0.34, 0.33, 0.33 } },
	{ 2, { 12, 15, 0 }, { 0.4, 0.6, 0 } },
	{ 1, { 13, 0, 0 }, { 1, 0, 0 } }, { 1, { 14, 0, 0 }, { 1, 0, 0 } },
	{ 1, { 16, 0, 0 }, { 1, 0, 0 } }, { 1, { 17, 0, 0 }, { 1, 0, 0 } },
	{ 1, { 18, 0, 0 }, { 1, 0, 0 } }, { 1, { 19, 0, 0 }, { 1, 0, 0 } },
	{ 1, { 20, 0, 0 }, { 1, 0, 0 } }, { 1, { 21, 0, 0 }, { 1, 0, 0 } },
	{ 1, { 1, 0, 0 }, { 1, 0, 0 } }, { 1, { 2, 0, 0 }, { 1, 0, 0 } },
	{ 1, { 4, 0, 0 }, { 1, 0, 0 } }, { 1, { 5, 0, 0 }, { 1, 0, 0 } },
	{ 1, { 7, 0, 0 }, { 1, 0, 0 } }, { 1, { 8, 0, 0 }, { 1, 0, 0 } },
};

/* Of x, y, z of the rotation vector of the left joint; the right one's y and z
 * are the negative. Rest is the T-pose: an arm hangs at shoulder z = -1.3, an
 * elbow bends by -y, a knee by +x. Ranges of motion after Norkin and White,
 * Measurement of Joint Motion; limits are soft and lie outside them. */
const struct fit_prior fit_priors[FIT_BLOCKS][3] = {
	{ { 0.10, 0.35, -0.6, 1.7 }, { 0, 0.25, -0.9, 0.9 }, { 0, 0.20, -0.7, 0.7 } },
	{ { 0.05, 0.40, -1.0, 1.0 }, { 0, 0.50, -1.3, 1.3 }, { 0, 0.30, -0.8, 0.8 } },
	{ { 0, 0.10, -0.3, 0.3 }, { 0, 0.15, -0.5, 0.5 }, { 0, 0.15, -0.3, 0.6 } },
	{ { 0, 0.10, -0.3, 0.3 }, { 0, 0.15, -0.5, 0.5 }, { 0, 0.15, -0.3, 0.6 } },
	{ { 0, 0.9, -2.2, 2.2 }, { -0.2, 0.9, -2.6, 1.6 }, { -1.0, 0.9, -2.2, 2.0 } },
	{ { 0, 0.9, -2.2, 2.2 }, { -0.2, 0.9, -2.6, 1.6 }, { -1.0, 0.9, -2.2, 2.0 } },
	{ { 0, 0.5, -1.6, 1.6 }, { -0.4, 0.9, -2.65, 0.05 }, { 0, 0.12, -0.25, 0.25 } },
	{ { 0, 0.5, -1.6, 1.6 }, { -0.4, 0.9, -2.65, 0.05 }, { 0, 0.12, -0.25, 0.25 } },
	{ { 0, 0.3, -0.6, 0.6 }, { 0, 0.3, -0.7, 0.7 }, { 0, 0.45, -1.4, 1.4 } },
	{ { 0, 0.3, -0.6, 0.6 }, { 0, 0.3, -0.7, 0.7 }, { 0, 0.45, -1.4, 1.4 } },
	{ { -0.1, 0.8, -2.4, 0.8 }, { 0.05, 0.5, -1.0, 1.0 }, { 0.05, 0.4, -0.7, 1.2 } },
	{ { -0.1, 0.8, -2.4, 0.8 }, { 0.05, 0.5, -1.0, 1.0 }, { 0.05, 0.4, -0.7, 1.2 } },
	{ { 0.2, 0.9, -0.05, 2.7 }, { 0, 0.15, -0.4, 0.4 }, { 0, 0.06, -0.15, 0.15 } },
	{ { 0.2, 0.9, -0.05, 2.7 }, { 0, 0.15, -0.4, 0.4 }, { 0, 0.06, -0.15, 0.15 } },
	{ { 0, 0.35, -0.7, 1.0 }, { 0, 0.3, -0.6, 0.6 }, { 0, 0.25, -0.6, 0.6 } },
	{ { 0, 0.35, -0.7, 1.0 }, { 0, 0.3, -0.6, 0.6 }, { 0, 0.25, -0.6, 0.6 } },
};

void
fit_pose(struct hmr_fit *f, const struct fit_state *s)
{
	const struct hmr_body *b = f->body;

	for (int j = 0; j < HMR_BODY_JOINTS; j++) {
		double local[9], d[3], w[3];
		int p = b->parent[j], k = f->block_of[j];
		for (int a = 0; a < 3; a++) {
			f->rest[j][a] = b->joint[j][a];
			for (int i = 0; i < HMR_BODY_SHAPES; i++)
				f->rest[j][a] += s->shape[i] * b->joint_dir[i][j][a];
		}
		if (p < 0) {
			memcpy(f->turn[j], s->root, sizeof(s->root));
			memcpy(f->at[j], f->rest[j], sizeof(f->at[j]));
		} else if (k < 0) {
			memcpy(f->turn[j], f->turn[p], sizeof(f->turn[j]));
		} else {
			for (int a = 0; a < 3; a++)
				w[a] = f->part_of[j] * s->turn[k][a];
			rot_exp(w, local);
			rot_mul(f->turn[p], local, f->turn[j]);
			rot_jacobian(w, local);
			rot_mul(f->turn[p], local, f->axis[j]);
		}
		if (p >= 0) {
			for (int a = 0; a < 3; a++)
				d[a] = f->rest[j][a] - f->rest[p][a];
			rot_apply(f->turn[p], d, f->at[j]);
			for (int a = 0; a < 3; a++)
				f->at[j][a] += f->at[p][a];
		}
		rot_apply(f->turn[j], f->rest[j], d);
		for (int a = 0; a < 3; a++)
			f->bone[j][a] = f->at[j][a] - d[a];
	}
	for (int i = 0; i < HMR_BODY_LANDMARKS; i++) {
		const uint32_t *e = b->entry_start + HMR_BODY_POINTS + i;
		double *m = f->mark[i];
		m[0] = m[1] = m[2] = 0;
		for (uint32_t k = e[0]; k < e[1]; k++) {
			const struct body_entry *q = &b->entry[k];
			double c[3], r[3];
			for (int a = 0; a < 3; a++) {
				c[a] = q->c[a];
				for (int n = 0; n < HMR_BODY_SHAPES; n++)
					c[a] += s->shape[n] * q->d[n][a];
			}
			rot_apply(f->turn[q->joint], c, r);
			for (int a = 0; a < 3; a++)
				m[a] += r[a] + q->s * f->bone[q->joint][a];
		}
	}
}

/* The camera's depth and shift: tz, and x, y of the body's origin. */
static void
camera(const struct hmr_fit *f, const struct fit_state *s, double t[3])
{
	t[2] = exp(s->camera[2]);
	for (int k = 0; k < 2; k++)
		t[k] = (s->camera[k] - f->centre[k]) * t[2] / f->focal;
}

void
fit_project(const struct hmr_fit *f, const struct fit_state *s,
	    const double p[3], double out[2], double *z)
{
	double t[3];

	camera(f, s, t);
	*z = p[2] + t[2];
	if (*z < 0.05)
		*z = 0.05;
	for (int k = 0; k < 2; k++)
		out[k] = f->focal * (p[k] + t[k]) / *z + f->centre[k];
}

/* Huber's loss of a whitened squared distance, and the weight it has. */
static double
huber(double r2, double *weight)
{
	if (r2 <= HUBER * HUBER) {
		*weight = 1;
		return 0.5 * r2;
	}
	double r = sqrt(r2);
	*weight = HUBER / r;
	return HUBER * (r - 0.5 * HUBER);
}

/* Mean, width and range of number k of block b, of the side it is on. */
static struct fit_prior
prior(int b, int k)
{
	struct fit_prior p = fit_priors[b][k];

	if (b >= FIT_COLLAR && b % 2 && k > 0) {
		double low = p.low;
		p.mean = -p.mean;
		p.low = -p.high;
		p.high = -low;
	}
	return p;
}

/* Priors and limits; with h and g where add is set. */
static double
priors(struct hmr_fit *f, const struct fit_state *s, bool add)
{
	double cost = 0;

	for (int b = 0; b < FIT_BLOCKS; b++)
		for (int k = 0; k < 3; k++) {
			struct fit_prior p = prior(b, k);
			double x = s->turn[b][k], w = 1 / (p.sigma * p.sigma);
			double over = x > p.high ? x - p.high :
				      x < p.low ? x - p.low : 0;
			double l = over != 0 ? 1 / (LIMIT * LIMIT) : 0;
			int c = FIT_BLOCK + 3 * b + k;
			cost += 0.5 * (w * (x - p.mean) * (x - p.mean) +
				       l * over * over);
			if (add) {
				f->h[c][c] += w + l;
				f->g[c] += w * (x - p.mean) + l * over;
			}
		}
	for (int i = 0; i < HMR_BODY_SHAPES; i++) {
		cost += 0.5 * s->shape[i] * s->shape[i];
		if (add) {
			f->h[FIT_SHAPE + i][FIT_SHAPE + i] += 1;
			f->g[FIT_SHAPE + i] += s->shape[i];
		}
	}
	if (add) {	/* so that nothing is singular where nothing is seen */
		for (int k = 0; k < 3; k++) {
			f->h[FIT_OFFSET + k][FIT_OFFSET + k] += 1e-3;
			f->h[FIT_ROOT + k][FIT_ROOT + k] += 1e-3;
			f->h[FIT_CAMERA + k][FIT_CAMERA + k] += 1e-9;
		}
	}
	return cost;
}

/* Residuals of landmark i, whitened: 3D, then image. */
static void
residual(const struct hmr_fit *f, const struct fit_state *s, int i, double r[5])
{
	const struct fit_target *t = &f->target[i];
	double p[2], z;

	for (int k = 0; k < 3; k++)
		r[k] = t->weight3[k] * (f->mark[i][k] + s->offset[k] - t->world[k]);
	fit_project(f, s, f->mark[i], p, &z);
	for (int k = 0; k < 2; k++)
		r[3 + k] = t->weight2 * (p[k] - t->image[k]);
}

double
fit_cost(struct hmr_fit *f, const struct fit_state *s)
{
	double cost, r[5], w;

	fit_pose(f, s);
	cost = priors(f, s, false);
	for (int i = 0; i < HMR_BODY_LANDMARKS; i++) {
		residual(f, s, i, r);
		cost += huber(rot_dot(r, r), &w);
		cost += huber(r[3] * r[3] + r[4] * r[4], &w);
	}
	return cost;
}

/* How bones move with the shape. */
static void
shape_motion(struct hmr_fit *f)
{
	const struct hmr_body *b = f->body;

	for (int i = 0; i < HMR_BODY_SHAPES; i++) {
		double at[HMR_BODY_JOINTS][3], d[3], r[3];
		for (int j = 0; j < HMR_BODY_JOINTS; j++) {
			int p = b->parent[j];
			for (int a = 0; a < 3; a++)
				d[a] = b->joint_dir[i][j][a] -
				       (p < 0 ? 0 : b->joint_dir[i][p][a]);
			if (p < 0)
				memcpy(r, d, sizeof(r));
			else
				rot_apply(f->turn[p], d, r);
			for (int a = 0; a < 3; a++) {
				at[j][a] = r[a] + (p < 0 ? 0 : at[p][a]);
				d[a] = b->joint_dir[i][j][a];
			}
			rot_apply(f->turn[j], d, r);
			for (int a = 0; a < 3; a++)
				f->motion[i][j][a] = at[j][a] - r[a];
		}
	}
}

int
fit_rows(const struct hmr_fit *f, const struct fit_state *s, int i,
	 double row[3][FIT_WIDTH], int col[FIT_WIDTH])
{
	const struct hmr_body *b = f->body;
	const uint32_t *e = b->entry_start + i;
	int n = FIT_COMMON, slot[FIT_BLOCKS];

	memset(row, 0, 3 * sizeof(row[0]));
	memset(slot, -1, sizeof(slot));
	for (int c = 0; c < FIT_COMMON; c++)
		col[c] = c;
	for (uint32_t k = e[0]; k < e[1]; k++) {
		const struct body_entry *q = &b->entry[k];
		double c[3], p[3], arm[3], v[3];
		for (int a = 0; a < 3; a++) {
			c[a] = q->c[a];
			for (int h = 0; h < HMR_BODY_SHAPES; h++)
				c[a] += s->shape[h] * q->d[h][a];
		}
		rot_apply(f->turn[q->joint], c, p);
		for (int a = 0; a < 3; a++)
			p[a] += q->s * f->bone[q->joint][a];
		for (int h = 0; h < HMR_BODY_SHAPES; h++) {
			for (int a = 0; a < 3; a++)
				c[a] = q->d[h][a];
			rot_apply(f->turn[q->joint], c, v);
			for (int a = 0; a < 3; a++)
				row[a][FIT_SHAPE + h] += v[a] +
					q->s * f->motion[h][q->joint][a];
		}
		for (int j = 0; j < HMR_BODY_JOINTS; j++) {
			int at = FIT_ROOT, blk = f->block_of[j];
			if (!(f->above[q->joint] >> j & 1) || (j > 0 && blk < 0))
				continue;
			if (j > 0) {
				if (slot[blk] < 0) {
					if (n + 3 > FIT_WIDTH)
						continue;
					slot[blk] = n;
					for (int a = 0; a < 3; a++)
						col[n + a] = FIT_BLOCK + 3 * blk + a;
					n += 3;
				}
				at = slot[blk];
			}
			for (int a = 0; a < 3; a++)
				arm[a] = p[a] - q->s * f->at[j][a];
			for (int x = 0; x < 3; x++) {
				double w[3] = { x == 0, x == 1, x == 2 };
				if (j > 0)
					for (int a = 0; a < 3; a++)
						w[a] = f->part_of[j] *
						       f->axis[j][3 * a + x];
				rot_cross(w, arm, v);
				for (int a = 0; a < 3; a++)
					row[a][at + x] += v[a];
			}
		}
	}
	return n;
}

/* Adds n short rows of weighted derivatives and residuals. */
static void
spread(struct hmr_fit *f, double row[5][FIT_WIDTH], const double r[5],
       const int *col, int n)
{
	for (int i = 0; i < n; i++) {
		double *h = f->h[col[i]], sum[FIT_WIDTH];
		for (int k = 0; k <= i; k++)
			sum[k] = row[0][i] * row[0][k] + row[1][i] * row[1][k] +
				 row[2][i] * row[2][k] + row[3][i] * row[3][k] +
				 row[4][i] * row[4][k];
		for (int k = 0; k <= i; k++)
			h[col[k]] += sum[k];
		for (int a = 0; a < 5; a++)
			f->g[col[i]] += row[a][i] * r[a];
	}
}

double
fit_normal(struct hmr_fit *f, const struct fit_state *s)
{
	double cost, t[3];

	fit_pose(f, s);
	memset(f->h, 0, sizeof(f->h));
	memset(f->g, 0, sizeof(f->g));
	cost = priors(f, s, true);
	shape_motion(f);
	camera(f, s, t);
	for (int i = 0; i < HMR_BODY_LANDMARKS; i++) {
		const struct fit_target *to = &f->target[i];
		double row[5][FIT_WIDTH], r[5], p[2], z, w3, w2;
		int col[FIT_WIDTH];
		if (to->weight2 == 0 && to->weight3[0] == 0)
			continue;
		int n = fit_rows(f, s, HMR_BODY_POINTS + i, row, col);
		residual(f, s, i, r);
		cost += huber(rot_dot(r, r), &w3);
		cost += huber(r[3] * r[3] + r[4] * r[4], &w2);
		w3 = sqrt(w3);
		w2 = sqrt(w2);
		fit_project(f, s, f->mark[i], p, &z);
		for (int k = 0; k < 2; k++) {
			double u = (p[k] - f->centre[k]) / f->focal;
			double by = w2 * to->weight2 * f->focal / z;
			for (int c = 0; c < n; c++)
				row[3 + k][c] = by * (row[k][c] - u * row[2][c]);
			/* shift and log of depth */
			row[3 + k][FIT_CAMERA] = row[3 + k][FIT_CAMERA + 1] = 0;
			row[3 + k][FIT_CAMERA + k] = w2 * to->weight2 * t[2] / z;
			row[3 + k][FIT_CAMERA + 2] = by * (t[k] - u * t[2]);
			r[3 + k] *= w2;
		}
		for (int k = 0; k < 3; k++) {
			row[k][FIT_OFFSET + k] = 1;
			for (int c = 0; c < n; c++)
				row[k][c] *= w3 * to->weight3[k];
			r[k] *= w3;
		}
		spread(f, row, r, col, n);
	}
	return cost;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fit: Levenberg's and Marquardt's damped least squares from the closed-form
 * start, STEPS steps always, then the outputs. One person needs one struct; no
 * allocation after hmr_fit_new.
 */
#include "body/fit.h"

#include <stdlib.h>

#include "body/fit_impl.h"
#include "body/rot.h"

#define STEPS 8		/* the tests' poses settle in six */

enum hmr_status
hmr_fit_new(struct hmr_fit **out, const struct hmr_body *b, struct hmr_err *e)
{
	struct hmr_fit *f = calloc(1, sizeof(*f));

	*out = NULL;
	if (!f)
		return hmr_fail(e, HMR_E_NOMEM, "fit");
	f->body = b;
	for (int j = 0; j < HMR_BODY_JOINTS; j++) {
		f->above[j] = 1u << j | (j ? f->above[b->parent[j]] : 0);
		f->block_of[j] = -1;
	}
	for (int k = 0; k < FIT_BLOCKS; k++)
		for (int i = 0; i < fit_shares[k].n; i++) {
			f->block_of[fit_shares[k].joint[i]] = k;
			f->part_of[fit_shares[k].joint[i]] = fit_shares[k].part[i];
		}
	*out = f;
	return HMR_OK;
}

void
hmr_fit_free(struct hmr_fit *f)
{
	free(f);
}

bool
fit_factor(struct hmr_fit *f, double damp)
{
	for (int i = 0; i < FIT_COLUMNS; i++) {
		for (int j = 0; j <= i; j++) {
			double v = f->h[i][j];
			if (i == j)
				v += damp * v;
			for (int k = 0; k < j; k++)
				v -= f->l[i][k] * f->l[j][k];
			if (i > j)
				f->l[i][j] = v / f->l[j][j];
			else if (v > 1e-14 * f->h[i][i])
				f->l[i][i] = sqrt(v);
			else
				return false;
		}
	}
	return true;
}

/* step = -(l l^T)^-1 g */
static void
solve(struct hmr_fit *f)
{
	const int n = FIT_COLUMNS;

	for (int i = 0; i < n; i++) {
		double v = -f->g[i];
		for (int k = 0; k < i; k++)
			v -= f->l[i][k] * f->step[k];
		f->step[i] = v / f->l[i][i];
	}
	for (int i = n - 1; i >= 0; i--) {
		double v = f->step[i];
		for (int k = i + 1; k < n; k++)
			v -= f->l[k][i] * f->step[k];
		f->step[i] = v / f->l[i][i];
	}
}

static void
take(const struct hmr_fit *f, const struct fit_state *s, struct fit_state *to)
{
	const double *d = f->step;
	double m[9];

	*to = *s;
	rot_exp(d + FIT_ROOT, m);
	rot_mul(m, s->root, to->root);
	for (int k = 0; k < 3; k++) {
		to->offset[k] += d[FIT_OFFSET + k];
		to->camera[k] += d[FIT_CAMERA + k];
	}
	for (int k = 0; k < HMR_BODY_SHAPES; k++)
		to->shape[k] += d[FIT_SHAPE + k];
	for (int b = 0; b < FIT_BLOCKS; b++)
		for (int k = 0; k < 3; k++) {
			double v = d[FIT_BLOCK + 3 * b + k];
			/* far steps leave where the linear picture holds */
			v = v > 0.8 ? 0.8 : v < -0.8 ? -0.8 : v;
			to->turn[b][k] += v;
		}
	for (int k = 0; k < HMR_BODY_SHAPES; k++)
		to->shape[k] = fmax(-4, fmin(4, to->shape[k]));
	/* a metre between a fiftieth and ten times the person's size */
	double z = log(f->focal / f->size);
	to->camera[2] = fmax(z - 2.3, fmin(z + 4, to->camera[2]));
}

static void
minimise(struct hmr_fit *f, struct fit_state *s)
{
	double damp = 1e-2, cost = 0;
	bool fresh = true;

	for (int i = 0; i < STEPS; i++) {
		struct fit_state to;
		if (fresh)
			cost = fit_normal(f, s);
		bool ok = fit_factor(f, damp);
		double c = cost;
		if (ok) {
			solve(f);
			take(f, s, &to);
			c = fit_cost(f, &to);
		}
		fresh = ok && c < cost;
		if (fresh) {
			*s = to;
			damp = fmax(damp * 0.2, 1e-7);
		} else {
			damp = fmin(damp * 8, 1e6);
		}
	}
}

/* Brings a matrix that many products made back to a rotation. */
static void
orthogonal(double m[9])
{
	double *x = m, *y = m + 3, *z = m + 6;

	rot_unit(x);
	double d = rot_dot(x, y);
	for (int k = 0; k < 3; k++)
		y[k] -= d * x[k];
	rot_unit(y);
	rot_cross(x, y, z);
}

static void
output(struct hmr_fit *f, struct fit_state *s, struct hmr_fit_output *out)
{
	double m[9], w[3], t[3];

	orthogonal(s->root);
	fit_pose(f, s);
	for (int j = 0; j < HMR_BODY_JOINTS; j++) {
		int b = f->block_of[j];
		for (int k = 0; k < 3; k++)
			w[k] = b < 0 ? 0 : f->part_of[j] * s->turn[b][k];
		rot_exp(w, m);
		for (int k = 0; k < 9; k++)
			out->pose[j][k] = (float)(j ? m[k] : s->root[k]);
	}
	for (int k = 0; k < HMR_BODY_SHAPES; k++)
		out->shape[k] = (float)s->shape[k];
	t[2] = exp(s->camera[2]);
	for (int k = 0; k < 2; k++)
		t[k] = (s->camera[k] - f->centre[k]) * t[2] / f->focal;
	for (int k = 0; k < 3; k++)
		out->camera[k] = (float)t[k];
	hmr_body_pose(f->body, NULL, (const float (*)[9])out->pose, out->shape,
		      NULL, NULL, out->joints3d, NULL);
	for (int i = 0; i < HMR_BODY_POINTS; i++) {
		double z = (double)out->joints3d[i][2] + out->camera[2];
		if (z < 0.05)
			z = 0.05;
		for (int k = 0; k < 2; k++)
			out->joints2d[i][k] = (float)(f->focal *
				((double)out->joints3d[i][k] + out->camera[k]) / z +
				f->centre[k]);
	}
	fit_confidence(f, s, out);
}

enum hmr_status
hmr_fit_run(struct hmr_fit *f, const struct hmr_fit_input *in,
	    struct hmr_fit_output *out, struct hmr_err *e)
{
	struct fit_state s;

	if (!(in->focal > 0) || !(in->focal < 1e9f) ||
	    !(fabsf(in->centre[0]) < 1e6f) || !(fabsf(in->centre[1]) < 1e6f))
		return hmr_fail(e, HMR_E_FORMAT, "fit: focal length %g, centre %g %g",
				in->focal, in->centre[0], in->centre[1]);
	fit_targets(f, in);
	fit_start(f, in, &s);
	minimise(f, &s);
	output(f, &s, out);
	return HMR_OK;
}

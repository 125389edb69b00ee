/* SPDX-License-Identifier: Apache-2.0 */
/* What bending does to the mannequin's surface: the area around a joint, and the
 * triangles that shrink and grow most. MODEL.md has the figures printed here. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "body/body_impl.h"
#include "body/rot.h"

struct bend {
	const char *name;
	int joint, axis, degrees;
	double area[2];		/* bent / rest, within */
	double least, most;	/* of one triangle, within */
};

/* Plain skinning leaves 0.11 of a triangle at the elbow, 0.03 at the knee. */
static const struct bend bends[] = {
	{ "elbow", 18, 1, -90, { 0.95, 1.1 }, 0.4, 1.8 },
	{ "elbow", 18, 1, -120, { 0.95, 1.1 }, 0.3, 2 },
	{ "knee", 4, 0, 90, { 0.95, 1.1 }, 0.2, 1.8 },
	{ "knee", 4, 0, 120, { 0.95, 1.1 }, 0.12, 2 },
	{ "hip to the front", 1, 0, -90, { 0.95, 1.2 }, 0.1, 2.5 },
	{ "shoulder down", 16, 2, -90, { 0.95, 1.1 }, 0.02, 2.2 },
	{ "shoulder up", 16, 2, 90, { 0.95, 1.1 }, 0.1, 2.2 },
	{ "shoulder to the front", 16, 1, -90, { 0.95, 1.1 }, 0.1, 2.2 },
};

static double
area(const float (*v)[3], const uint32_t *f)
{
	double a[3], c[3], n[3];

	for (int k = 0; k < 3; k++) {
		a[k] = (double)v[f[1]][k] - v[f[0]][k];
		c[k] = (double)v[f[2]][k] - v[f[0]][k];
	}
	rot_cross(a, c, n);
	return sqrt(rot_dot(n, n)) / 2;
}

/* How much of vertex v follows the joint: it and all that hang on it. */
static double
follows(const struct hmr_body *b, uint32_t v, int joint)
{
	double sum = 0;

	for (int k = 0; k < 4; k++) {
		int j = b->weight_joint[4 * v + (uint32_t)k];
		while (j > joint)
			j = b->parent[j];
		if (j == joint)
			sum += b->weight[4 * v + (uint32_t)k];
	}
	return sum;
}

static int
by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The region of a joint: triangles with a vertex that follows it by 2 to 98 %. */
static void
check(const struct hmr_body *b, const struct bend *d, const float (*rest)[3],
      const float (*bent)[3])
{
	double *ratio = malloc(b->faces * sizeof(*ratio)), sum[2] = { 0 };
	uint32_t n = 0;

	assert_non_null(ratio);
	for (uint32_t i = 0; i < b->faces; i++) {
		const uint32_t *f = b->face + 3 * i;
		bool in = false;
		for (int k = 0; k < 3; k++) {
			double w = follows(b, f[k], d->joint);
			in = in || (w > 0.02 && w < 0.98);
		}
		if (!in)
			continue;
		double was = area(rest, f), is = area(bent, f);
		sum[0] += was;
		sum[1] += is;
		ratio[n++] = is / was;
	}
	assert_true(n > 100);
	qsort(ratio, n, sizeof(*ratio), by_size);
	print_message("# %-21s %4d degrees: %4u triangles, area x %.3f; each x %.2f "
		      "to %.2f, 98 %% of them x %.2f to %.2f\n", d->name,
		      abs(d->degrees), n, sum[1] / sum[0], ratio[0], ratio[n - 1],
		      ratio[n / 100], ratio[n - 1 - n / 100]);
	assert_true(sum[1] / sum[0] > d->area[0] && sum[1] / sum[0] < d->area[1]);
	assert_true(ratio[0] > d->least && ratio[n - 1] < d->most);
	free(ratio);
}

/* The outside of a bent joint keeps its distance from the bone: where the surface
 * lies furthest out on the halving plane. Plain skinning leaves cos(half the
 * angle) of it. */
static void
outside(const struct hmr_body *b, const struct bend *d, const float (*rest)[3],
	const float (*bent)[3])
{
	const float *j = b->joint[d->joint];
	double far[2] = { 0 };
	/* out of the fold at rest, and turned by half the angle */
	const double c = cos(d->degrees * 3.14159265 / 360);
	const double s = sin(d->degrees * 3.14159265 / 360);
	const double out[2][3] = {
		{ 0, 0, d->joint == 4 ? 1 : -1 },
		{ d->joint == 4 ? 0 : -s, d->joint == 4 ? -s : 0,
		  d->joint == 4 ? c : -c },
	};

	for (uint32_t v = 0; v < b->verts; v++)
		for (int i = 0; i < 2; i++) {
			const float *p = i ? bent[v] : rest[v];
			double x[3] = { (double)p[0] - j[0], (double)p[1] - j[1],
					(double)p[2] - j[2] };
			double along = rot_dot(x, out[i]);
			if (fabs(follows(b, v, d->joint) - 0.5) < 0.2)
				far[i] = fmax(far[i], along);
		}
	print_message("# %-21s %4d degrees: the outside lies %.0f mm from the joint, "
		      "at rest %.0f\n", d->name, abs(d->degrees), 1000 * far[1],
		      1000 * far[0]);
	assert_true(far[1] > 0.8 * far[0] && far[1] < 1.2 * far[0]);
}

static void
bending(void **state)
{
	const float shape[HMR_BODY_SHAPES] = { 0 };
	float pose[HMR_BODY_JOINTS][9] = { { 0 } };
	struct hmr_body *b;
	struct hmr_err e;

	(void)state;
	assert_int_equal(hmr_body_mannequin(&b, &e), HMR_OK);
	struct hmr_pose_work *work = hmr_pose_work_new(b);
	float (*rest)[3] = malloc(b->verts * sizeof(*rest));
	float (*bent)[3] = malloc(b->verts * sizeof(*bent));
	assert_true(work && rest && bent);
	for (int j = 0; j < HMR_BODY_JOINTS; j++)
		for (int k = 0; k < 9; k += 4)
			pose[j][k] = 1;
	hmr_body_pose(b, work, (const float (*)[9])pose, shape, rest, NULL, NULL, NULL);
	for (size_t i = 0; i < sizeof(bends) / sizeof(bends[0]); i++) {
		const struct bend *d = &bends[i];
		double w[3] = { 0 }, m[9];
		float keep[9];

		w[d->axis] = d->degrees * 3.14159265358979 / 180;
		rot_exp(w, m);
		memcpy(keep, pose[d->joint], sizeof(keep));
		for (int k = 0; k < 9; k++)
			pose[d->joint][k] = (float)m[k];
		hmr_body_pose(b, work, (const float (*)[9])pose, shape, bent, NULL,
			      NULL, NULL);
		check(b, d, (const float (*)[3])rest, (const float (*)[3])bent);
		if (d->joint == 4 || d->joint == 18)
			outside(b, d, (const float (*)[3])rest,
				(const float (*)[3])bent);
		memcpy(pose[d->joint], keep, sizeof(keep));
	}
	hmr_pose_work_free(work);
	hmr_body_free(b);
	free(rest);
	free(bent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bending) };

	return cmocka_run_group_tests_name("body_bend", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The mannequin: a closed, symmetric surface of human size whose file never
 * changes unnoticed; posing, shapes, points, and files that are no bodies. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/io.h"
#include "body/body.h"
#include "body/rot.h"

/* Changes with every change of the mannequin: then MODEL.md names it too. */
#define SHA256 "ff23e8ef3e6596fa8e7057fee8ec615f3b74b6fa9619e0516a8691f172360994"

static int
setup(void **state)
{
	struct hmr_body *b;
	struct hmr_err e;

	if (hmr_body_mannequin(&b, &e))
		return -1;
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	hmr_body_free(*state);
	return 0;
}

static void
rest_pose(float pose[HMR_BODY_JOINTS][9])
{
	for (int j = 0; j < HMR_BODY_JOINTS; j++)
		for (int k = 0; k < 9; k++)
			pose[j][k] = k % 4 == 0;
}

static void
turn(float pose[9], double x, double y, double z)
{
	double w[3] = { x, y, z }, m[9];

	rot_exp(w, m);
	for (int k = 0; k < 9; k++)
		pose[k] = (float)m[k];
}

/* Vertices of a posed body, on the heap. */
static float (*
posed(const struct hmr_body *b, const float pose[HMR_BODY_JOINTS][9],
      const float shape[HMR_BODY_SHAPES]))[3]
{
	struct hmr_pose_work *w = hmr_pose_work_new(b);
	float (*v)[3] = malloc(hmr_body_vertices(b) * sizeof(*v));

	assert_non_null(w);
	assert_non_null(v);
	hmr_body_pose(b, w, pose, shape, v, NULL, NULL, NULL);
	hmr_pose_work_free(w);
	return v;
}

static void
same_file(void **state)
{
	assert_string_equal(hmr_body_sha256(*state), SHA256);
}

static int
by_edge(const void *a, const void *b)
{
	return memcmp(a, b, 2 * sizeof(uint32_t));
}

/* Every edge is walked once each way: closed, manifold, one orientation. */
static void
check_closed(const uint32_t *f, uint32_t faces, uint32_t verts)
{
	uint32_t (*e)[2] = malloc(6 * (size_t)faces * sizeof(*e));
	size_t n = 3 * (size_t)faces;

	assert_non_null(e);
	for (size_t i = 0; i < n; i++) {
		e[i][0] = f[i];
		e[i][1] = f[i % 3 == 2 ? i - 2 : i + 1];
		e[n + i][0] = e[i][1];
		e[n + i][1] = e[i][0];
	}
	qsort(e, n, sizeof(*e), by_edge);
	qsort(e + n, n, sizeof(*e), by_edge);
	for (size_t i = 0; i < n; i++) {
		assert_memory_equal(e[i], e[n + i], sizeof(*e));
		if (i > 0)
			assert_true(by_edge(e[i - 1], e[i]) != 0);
	}
	free(e);
	/* a sphere's: vertices - edges + faces = 2 */
	assert_int_equal((int)verts - (int)(n / 2) + (int)faces, 2);
}

static void
closed(void **state)
{
	const struct hmr_body *b = *state;

	assert_in_range(hmr_body_vertices(b), 6000, 12000);
	check_closed(hmr_body_face_list(b), hmr_body_faces(b),
		     hmr_body_vertices(b));
	assert_in_range(hmr_body_light_vertices(b), 1000, 2000);
	check_closed(hmr_body_light_face_list(b), hmr_body_light_faces(b),
		     hmr_body_light_vertices(b));
}

static double
volume(const struct hmr_body *b, float (*v)[3])
{
	const uint32_t *f = hmr_body_face_list(b);
	double sum = 0;

	for (uint32_t i = 0; i < hmr_body_faces(b); i++) {
		double p[3][3], c[3];
		for (int k = 0; k < 9; k++)
			p[k / 3][k % 3] = v[f[3 * i + k / 3]][k % 3];
		rot_cross(p[1], p[2], c);
		sum += rot_dot(p[0], c) / 6;
	}
	return sum;
}

static void
normal(float (*v)[3], const uint32_t *f, double n[3])
{
	double a[3], c[3];

	for (int k = 0; k < 3; k++) {
		a[k] = (double)v[f[1]][k] - v[f[0]][k];
		c[k] = (double)v[f[2]][k] - v[f[0]][k];
	}
	rot_cross(a, c, n);
}

/* 1.70 m, about 65 litres, the same on both sides, feet on a floor. */
static void
human(void **state)
{
	const struct hmr_body *b = *state;
	float pose[HMR_BODY_JOINTS][9], shape[HMR_BODY_SHAPES] = { 0 };
	float lo[3] = { 9, 9, 9 }, hi[3] = { -9, -9, -9 };

	rest_pose(pose);
	float (*v)[3] = posed(b, (const float (*)[9])pose, shape);
	for (uint32_t i = 0; i < hmr_body_vertices(b); i++)
		for (int k = 0; k < 3; k++) {
			lo[k] = fminf(lo[k], v[i][k]);
			hi[k] = fmaxf(hi[k], v[i][k]);
		}
	double litres = 1000 * volume(b, v);
	print_message("# height %.3f m, span %.3f m, %.1f litres\n", hi[1] - lo[1],
		      hi[0] - lo[0], litres);
	assert_true(fabs(hi[1] - lo[1] - 1.70) < 0.005);
	assert_true(fabs(hi[0] - lo[0] - 1.70) < 0.06);
	assert_true(hi[0] == -lo[0]);
	assert_true(litres > 58 && litres < 75);
	free(v);
}

/* How many faces of a shape are turned over from what they are in the mean. */
static uint32_t
turned_over(const struct hmr_body *b, float (*mean)[3],
	    const float shape[HMR_BODY_SHAPES])
{
	const uint32_t *f = hmr_body_face_list(b);
	float pose[HMR_BODY_JOINTS][9];
	uint32_t n = 0;

	rest_pose(pose);
	float (*v)[3] = posed(b, (const float (*)[9])pose, shape);
	for (uint32_t i = 0; i < hmr_body_faces(b); i++, f += 3) {
		double was[3], is[3];
		normal(mean, f, was);
		normal(v, f, is);
		n += !(rot_dot(was, is) > 0);
	}
	free(v);
	return n;
}

/* No shape within +-3 turns a face over: each number alone, and all corners. */
static void
shapes(void **state)
{
	const struct hmr_body *b = *state;
	float pose[HMR_BODY_JOINTS][9], shape[HMR_BODY_SHAPES] = { 0 };

	rest_pose(pose);
	float (*v)[3] = posed(b, (const float (*)[9])pose, shape);
	for (int i = 0; i < 2 * HMR_BODY_SHAPES; i++) {
		memset(shape, 0, sizeof(shape));
		shape[i / 2] = i % 2 ? 3 : -3;
		assert_int_equal(turned_over(b, v, shape), 0);
		assert_true(strlen(hmr_body_shape_name(b, i / 2)) > 2);
	}
	for (int corner = 0; corner < 1 << HMR_BODY_SHAPES; corner++) {
		for (int k = 0; k < HMR_BODY_SHAPES; k++)
			shape[k] = corner >> k & 1 ? 3 : -3;
		assert_int_equal(turned_over(b, v, shape), 0);
	}
	free(v);
}

/* A turned pelvis turns everything; an elbow moves nothing but its arm; points
 * and landmarks follow the surface. */
static void
posing(void **state)
{
	const struct hmr_body *b = *state;
	float pose[HMR_BODY_JOINTS][9];
	float shape[HMR_BODY_SHAPES] = { 0.5f, -1, 0.3f, 1 };
	float joints[HMR_BODY_JOINTS][3], points[HMR_BODY_POINTS][3];
	float marks[HMR_BODY_LANDMARKS][3], was[HMR_BODY_LANDMARKS][3];

	rest_pose(pose);
	float (*v)[3] = posed(b, (const float (*)[9])pose, shape);
	hmr_body_pose(b, NULL, (const float (*)[9])pose, shape, NULL, NULL, NULL,
		      was);
	turn(pose[18], 0, -1.5707963, 0);
	float (*w)[3] = posed(b, (const float (*)[9])pose, shape);
	hmr_body_pose(b, NULL, (const float (*)[9])pose, shape, NULL, joints,
		      points, marks);
	for (uint32_t i = 0; i < hmr_body_vertices(b); i++)
		if (v[i][0] < 0.25f)
			assert_memory_equal(v[i], w[i], sizeof(v[i]));
	/* the forearm now points to the front */
	assert_true(joints[20][2] - joints[18][2] > 0.2f);
	assert_true(fabsf(joints[20][0] - joints[18][0]) < 0.03f);
	assert_memory_equal(points[7], joints[20], sizeof(joints[20]));
	assert_memory_equal(marks[16], was[16], sizeof(was[16]));
	free(w);
	rest_pose(pose);
	turn(pose[0], 3.14159265, 0, 0);
	w = posed(b, (const float (*)[9])pose, shape);
	for (uint32_t i = 0; i < hmr_body_vertices(b); i++) {
		assert_true(fabsf(w[i][0] - v[i][0]) < 1e-5f);
		assert_true(fabsf(w[i][1] + v[i][1]) < 1e-5f);
		assert_true(fabsf(w[i][2] + v[i][2]) < 1e-5f);
	}
	free(v);
	free(w);
}

/* The right side bends as the left one does. */
static void
mirrored(void **state)
{
	const struct hmr_body *b = *state;
	static const int left[] = { 1, 4, 16, 18 };
	float pose[HMR_BODY_JOINTS][9], other[HMR_BODY_JOINTS][9];
	float shape[HMR_BODY_SHAPES] = { 0 };
	uint32_t n = hmr_body_vertices(b), pairs = 0;

	rest_pose(pose);
	rest_pose(other);
	float (*v)[3] = posed(b, (const float (*)[9])pose, shape);
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		turn(pose[left[i]], 0.5, -0.9, 0.7);
		turn(other[left[i] + 1], 0.5, 0.9, -0.7);
	}
	float (*l)[3] = posed(b, (const float (*)[9])pose, shape);
	float (*r)[3] = posed(b, (const float (*)[9])other, shape);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < n; k++) {
			if (v[i][0] != -v[k][0] || v[i][1] != v[k][1] ||
			    v[i][2] != v[k][2])
				continue;
			assert_true(fabsf(l[i][0] + r[k][0]) < 1e-4f);
			assert_true(fabsf(l[i][1] - r[k][1]) < 1e-4f);
			assert_true(fabsf(l[i][2] - r[k][2]) < 1e-4f);
			pairs++;
		}
	assert_int_equal(pairs, n);
	free(v);
	free(l);
	free(r);
}

/* The light surface is the first vertices of the full one. */
static void
light(void **state)
{
	const struct hmr_body *b = *state;
	struct hmr_pose_work *work = hmr_pose_work_new(b);
	float pose[HMR_BODY_JOINTS][9], shape[HMR_BODY_SHAPES] = { 1, 1 };
	uint32_t n = hmr_body_light_vertices(b);
	float (*w)[3] = malloc(n * sizeof(*w));

	assert_non_null(work);
	assert_non_null(w);
	rest_pose(pose);
	turn(pose[4], 1, 0, 0);
	hmr_body_pose_vertices(b, work, (const float (*)[9])pose, shape, w, n);
	float (*v)[3] = posed(b, (const float (*)[9])pose, shape);
	assert_memory_equal(v, w, n * sizeof(*w));
	hmr_pose_work_free(work);
	free(v);
	free(w);
}

static double
place_area(const float (*uv)[2], const uint32_t *f)
{
	const float *a = uv[f[0]], *b = uv[f[1]], *c = uv[f[2]];

	return 0.5 * (((double)b[0] - a[0]) * ((double)c[1] - a[1]) -
		      ((double)b[1] - a[1]) * ((double)c[0] - a[0]));
}

/* Marks the middles of pixels inside a triangle laid flat; none twice. */
static void
paint(uint16_t *map, int size, const float (*uv)[2], const uint32_t *f,
      uint16_t colour)
{
	double p[3][2], lo[2] = { 1, 1 }, hi[2] = { 0, 0 };

	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 2; k++) {
			p[i][k] = uv[f[i]][k];
			lo[k] = fmin(lo[k], p[i][k]);
			hi[k] = fmax(hi[k], p[i][k]);
		}
	for (int y = (int)(lo[1] * size); y < hi[1] * size && y < size; y++)
		for (int x = (int)(lo[0] * size); x < hi[0] * size && x < size; x++) {
			const double c[2] = { (x + 0.5) / size, (y + 0.5) / size };
			bool in = true;
			for (int i = 0; i < 3; i++) {
				const double *a = p[i], *b = p[(i + 1) % 3];
				in = in && (b[0] - a[0]) * (c[1] - a[1]) -
					(b[1] - a[1]) * (c[0] - a[0]) > 1e-9;
			}
			if (!in)
				continue;
			assert_int_equal(map[y * size + x], 0);
			map[y * size + x] = colour;
		}
}

/* The chart of each place: the least number of those it is joined to; from 1. */
static uint16_t *
charts(const struct hmr_body *b, int *count)
{
	const uint32_t *f = hmr_body_uv_face_list(b);
	uint32_t n = hmr_body_uvs(b), *least = malloc(n * sizeof(*least));
	uint16_t *chart = calloc(n, sizeof(*chart));
	bool moved = true;

	assert_true(least && chart);
	for (uint32_t i = 0; i < n; i++)
		least[i] = i;
	while (moved) {
		moved = false;
		for (uint32_t i = 0; i < 3 * hmr_body_faces(b); i++) {
			uint32_t *x = &least[f[i]], *y = &least[f[i % 3 == 2 ? i - 2 : i + 1]];
			moved = moved || *x != *y;
			*x = *y = *x < *y ? *x : *y;
		}
	}
	*count = 0;
	for (uint32_t i = 0; i < n; i++)
		chart[i] = least[i] == i ? (uint16_t)++*count : chart[least[i]];
	free(least);
	return chart;
}

/* Laid flat, every face keeps its front and an area near its own, charts neither
 * overlap nor touch, and a place belongs to one vertex. */
static void
laid_flat(void **state)
{
	enum { SIZE = 1024, APART = 5 };
	const struct hmr_body *b = *state;
	const float (*uv)[2] = hmr_body_uv_list(b);
	const uint32_t *f = hmr_body_uv_face_list(b), *g = hmr_body_face_list(b);
	uint32_t n = hmr_body_uvs(b), *vertex = calloc(n, sizeof(*vertex));
	uint16_t *map = calloc(SIZE * SIZE, sizeof(*map));
	float pose[HMR_BODY_JOINTS][9], shape[HMR_BODY_SHAPES] = { 0 };
	double used = 0, whole = 0, least = 99, most = 0, normals[3];
	int count;

	rest_pose(pose);
	float (*v)[3] = posed(b, (const float (*)[9])pose, shape);
	uint16_t *chart = charts(b, &count);
	assert_true(n > hmr_body_vertices(b) && vertex && map);
	for (uint32_t i = 0; i < n; i++)
		assert_true(uv[i][0] >= 0 && uv[i][0] <= 1 && uv[i][1] >= 0 && uv[i][1] <= 1);
	for (uint32_t i = 0; i < hmr_body_faces(b); i++) {
		normal(v, g + 3 * i, normals);
		used += place_area(uv, f + 3 * i);
		whole += sqrt(rot_dot(normals, normals)) / 2;
	}
	for (uint32_t i = 0; i < hmr_body_faces(b); i++) {
		normal(v, g + 3 * i, normals);
		double flat = place_area(uv, f + 3 * i) / used;
		double times = flat * whole / (sqrt(rot_dot(normals, normals)) / 2);
		assert_true(flat > 1e-6);
		least = fmin(least, times);
		most = fmax(most, times);
		paint(map, SIZE, uv, f + 3 * i, chart[f[3 * i]]);
		for (int k = 0; k < 3; k++) {
			uint32_t *at = &vertex[f[3 * i + (uint32_t)k]];
			assert_true(*at == 0 || *at == g[3 * i + (uint32_t)k] + 1);
			*at = g[3 * i + (uint32_t)k] + 1;
		}
	}
	print_message("# %u places, %d charts, %.0f %% used, triangles x %.2f to %.2f\n",
		      n, count, 100 * used, least, most);
	assert_int_equal(count, 33);
	const uint32_t *l = hmr_body_light_uv_face_list(b);
	const uint32_t *lv = hmr_body_light_face_list(b);
	for (uint32_t i = 0; i < 3 * hmr_body_light_faces(b); i++) {
		assert_int_equal(vertex[l[i]], lv[i] + 1);
		assert_true(i % 3 || place_area(uv, l + i) > 1e-6);
	}
	assert_true(used > 0.6);
	assert_true(least > 0.2 && most < 12);
	for (uint32_t i = 0; i < n; i++)
		assert_true(vertex[i] > 0);
	for (int i = 0; i < SIZE * (SIZE - APART) - APART; i++)
		for (int k = 1; k <= APART && map[i]; k++) {
			assert_true(!map[i + k] || map[i + k] == map[i]);
			assert_true(!map[i + k * SIZE] || map[i + k * SIZE] == map[i]);
		}
	free(v);
	free(map);
	free(chart);
	free(vertex);
}

static void
rename_tensor(uint8_t *bytes, size_t n, const char *name, const char *to)
{
	size_t len = strlen(name), at = 0;

	while (at + len < n && memcmp(bytes + at, name, len) != 0)
		at++;
	assert_true(at + len < n);
	memcpy(bytes + at, to, len);
}

/* Where a tensor's bytes begin in a file. */
static uint8_t *
tensor_bytes(uint8_t *bytes, size_t n, const char *name)
{
	char *at = strstr((char *)bytes + 8, name);

	assert_true(at && (size_t)((uint8_t *)at - bytes) < n);
	at = strstr(at, "\"data_offsets\":[");
	assert_non_null(at);
	return bytes + 8 + hmr_get64(bytes) + strtoul(at + 16, NULL, 10);
}

/* A body may come without corrections; half of them, or a row out of order, is an
 * error. */
static void
not_bent(void **state)
{
	char path[] = "/tmp/hmr-test-body-XXXXXX";
	float pose[HMR_BODY_JOINTS][9], shape[HMR_BODY_SHAPES] = { 0 };
	struct hmr_body *c;
	struct hmr_err e;
	uint8_t *bytes;
	size_t n;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(hmr_body_write(*state, path, &e), HMR_OK);
	assert_int_equal(hmr_file_read(path, 1 << 24, &bytes, &n, &e), HMR_OK);
	rest_pose(pose);
	turn(pose[4], 1.5, 0, 0);
	for (int i = 0; i < 3; i++) {
		FILE *f = fopen(path, "wb");
		if (i == 0)	/* no such joint */
			tensor_bytes(bytes, n, "\"bend_index\"")[0] = 24;
		else
			rename_tensor(bytes, n, i == 1 ? "\"bend\"" : "\"bend_index\"",
				      i == 1 ? "\"bent\"" : "\"bent_index\"");
		assert_non_null(f);
		assert_int_equal(fwrite(bytes, 1, n, f), n);
		fclose(f);
		if (i < 2) {
			assert_int_equal(hmr_body_open(&c, path, &e), HMR_E_MODEL);
			assert_non_null(strstr(e.msg, i ? "bend and bend_index" :
					       "bend_index: row 0"));
		}
	}
	assert_int_equal(hmr_body_open(&c, path, &e), HMR_OK);
	float (*v)[3] = posed(*state, (const float (*)[9])pose, shape);
	float (*w)[3] = posed(c, (const float (*)[9])pose, shape);
	float most = 0;
	for (uint32_t i = 0; i < hmr_body_vertices(c); i++)
		for (int k = 0; k < 3; k++)
			most = fmaxf(most, fabsf(v[i][k] - w[i][k]));
	assert_true(most > 0.01f && most < 0.06f);
	hmr_body_free(c);
	free(v);
	free(w);
	free(bytes);
	unlink(path);
}

/* A body may come without places; half of them is an error. */
static void
not_flat(void **state)
{
	char path[] = "/tmp/hmr-test-body-XXXXXX";
	struct hmr_body *c;
	struct hmr_err e;
	uint8_t *bytes;
	size_t n;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(hmr_body_write(*state, path, &e), HMR_OK);
	assert_int_equal(hmr_file_read(path, 1 << 24, &bytes, &n, &e), HMR_OK);
	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(path, "wb");
		rename_tensor(bytes, n, i ? "\"uv_faces\"" : "\"uv\"",
			      i ? "\"ux_faces\"" : "\"ux\"");
		assert_non_null(f);
		assert_int_equal(fwrite(bytes, 1, n, f), n);
		fclose(f);
		if (i == 0) {
			assert_int_equal(hmr_body_open(&c, path, &e), HMR_E_MODEL);
			assert_non_null(strstr(e.msg, "tensor uv"));
		}
	}
	assert_int_equal(hmr_body_open(&c, path, &e), HMR_OK);
	assert_int_equal(hmr_body_uvs(c), 0);
	assert_null(hmr_body_uv_list(c));
	assert_null(hmr_body_uv_face_list(c));
	hmr_body_free(c);
	free(bytes);
	unlink(path);
}

static void
names(void **state)
{
	int n;
	const uint8_t (*e)[2] = hmr_body_edges(&n);

	(void)state;
	for (int i = 0; i < n; i++)
		assert_true(e[i][0] < HMR_BODY_POINTS && e[i][1] < HMR_BODY_POINTS);
	assert_string_equal(hmr_body_joint_name(16), "left_shoulder");
	assert_string_equal(hmr_body_point_name(8), "mid_hip");
	assert_string_equal(hmr_body_landmark_name(32), "right_foot_index");
	assert_string_equal(hmr_body_point_name(44), "");
}

/* Written and opened it is the same body; cut or changed it is none. */
static void
files(void **state)
{
	const struct hmr_body *b = *state;
	char path[] = "/tmp/hmr-test-body-XXXXXX";
	struct hmr_body *c;
	struct hmr_err e;
	uint8_t *bytes;
	size_t n;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(hmr_body_write(b, path, &e), HMR_OK);
	assert_int_equal(hmr_body_open(&c, path, &e), HMR_OK);
	assert_string_equal(hmr_body_sha256(c), hmr_body_sha256(b));
	assert_string_equal(hmr_body_name(c), "mannequin");
	hmr_body_free(c);
	assert_int_equal(hmr_file_read(path, 1 << 24, &bytes, &n, &e), HMR_OK);
	for (int i = 0; i < 40; i++) {
		FILE *f = fopen(path, "wb");
		size_t keep = i < 20 ? n * (size_t)i / 20 : n;
		assert_non_null(f);
		if (i >= 20)	/* type, name or digit of the header */
			bytes[8 + 131 * (i - 19)] ^= 0x11;
		assert_int_equal(fwrite(bytes, 1, keep, f), keep);
		fclose(f);
		if (i >= 20)
			bytes[8 + 131 * (i - 19)] ^= 0x11;
		if (hmr_body_open(&c, path, &e) == HMR_OK) {
			assert_true(i >= 20);
			assert_string_not_equal(hmr_body_sha256(c), SHA256);
			hmr_body_free(c);
		}
	}
	free(bytes);
	unlink(path);
	assert_int_not_equal(hmr_body_open(&c, path, &e), HMR_OK);
	assert_null(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_file), cmocka_unit_test(closed),
		cmocka_unit_test(human), cmocka_unit_test(shapes),
		cmocka_unit_test(posing), cmocka_unit_test(mirrored),
		cmocka_unit_test(light), cmocka_unit_test(not_bent),
		cmocka_unit_test(laid_flat), cmocka_unit_test(not_flat),
		cmocka_unit_test(names), cmocka_unit_test(files),
	};

	return cmocka_run_group_tests_name("body", tests, setup, teardown);
}

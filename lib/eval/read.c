/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of a sequence, from streams and from arrays; see bodies.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "body/surface.h"
#include "eval/bodies.h"
#include "import/npz.h"
#include "stream/tables.h"

enum hmr_status
hmr_eval_add(struct hmr_eval_bodies *b, struct hmr_eval_person **row,
	     struct hmr_err *e)
{
	if (b->n == b->cap) {
		size_t cap = b->cap ? 2 * b->cap : 64;
		void *p = NULL;

		if (cap < SIZE_MAX / sizeof(*b->row))
			p = realloc(b->row, cap * sizeof(*b->row));
		if (!p)
			return hmr_fail(e, HMR_E_NOMEM, "%zu bodies", cap);
		b->row = p;
		b->cap = cap;
	}
	*row = &b->row[b->n++];
	memset(*row, 0, sizeof(**row));
	return HMR_OK;
}

void
hmr_eval_release(struct hmr_eval_bodies *b)
{
	free(b->row);
	hmr_body_free(b->body);
	memset(b, 0, sizeof(*b));
}

/* SMPL's joints in place of the 44. */
static void
use_joints(struct hmr_eval_person *p, const struct hmr_body *body,
	   struct hmr_pose_work *work)
{
	memset(p->known, 0, sizeof(p->known));
	if (!p->has_pose)
		return;
	hmr_body_pose(body, work, (const float (*)[9])p->pose, p->shape, NULL,
		      p->joints, NULL, NULL);
	memset(p->known, 1, HMR_BODY_JOINTS);
}

/* ---- streams ---- */

struct tables {
	struct hmr_person people[HMR_PEOPLE_CAP];
	struct hmr_track_row tracks[HMR_PEOPLE_CAP];
	struct hmr_body_row bodies[HMR_PEOPLE_CAP];
	uint32_t track_of[HMR_PEOPLE_CAP];	/* row + 1, or 0 */
};

static bool
any(const float *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] != 0)
			return true;
	return false;
}

static void
take(struct hmr_eval_person *p, const struct hmr_body_row *r)
{
	memcpy(p->pose, r->pose, sizeof(p->pose));
	memcpy(p->shape, r->shape, sizeof(p->shape));
	memcpy(p->joints, r->joints3d, sizeof(p->joints));
	memcpy(p->joints2d, r->joints2d, sizeof(p->joints2d));
	p->has_pose = any(&r->pose[0][0], HMR_POSE_JOINTS * 9);
	p->has_2d = any(&r->joints2d[0][0], HMR_JOINTS * 2);
	p->has_conf = r->flags & HMR_BODY_CONF;
	for (int i = 0; i < HMR_JOINTS; i++)
		p->conf[i] = p->has_conf ? r->joint_conf[i] : 1;
	if (any(&r->joints3d[0][0], HMR_JOINTS * 3))
		memset(p->known, 1, sizeof(p->known));
}

static enum hmr_status
add_frame(struct hmr_eval_bodies *b, const struct hmr_frame *f, struct tables *t,
	  struct hmr_pose_work *work, const struct hmr_eval_reading *o,
	  struct hmr_err *e)
{
	uint32_t people, tracks, bodies;
	struct hmr_eval_person *p;
	enum hmr_status st;

	if ((st = hmr_people_get(f, t->people, HMR_PEOPLE_CAP, &people, e)) < 0 ||
	    (st = hmr_tracks_get(f, t->tracks, HMR_PEOPLE_CAP, people, &tracks, e)) < 0 ||
	    (st = hmr_bodies_get(f, t->bodies, HMR_PEOPLE_CAP, people, &bodies, e)) < 0)
		return st;
	memset(t->track_of, 0, people * sizeof(*t->track_of));
	for (uint32_t i = 0; i < tracks; i++)
		t->track_of[t->tracks[i].person] = i + 1;
	for (uint32_t i = 0; i < bodies; i++) {
		uint32_t who = t->bodies[i].person, at = t->track_of[who];
		const struct hmr_track_row *track = at ? &t->tracks[at - 1] : NULL;

		if ((double)t->people[who].score < o->score ||
		    (track && o->no_filled && (track->flags & HMR_TRACK_FILLED)))
			continue;
		if ((st = hmr_eval_add(b, &p, e)))
			return st;
		p->frame = f->number;
		p->id = track ? track->id : 0;
		memcpy(p->box, t->people[who].box, sizeof(p->box));
		p->has_box = p->box[2] > p->box[0] && p->box[3] > p->box[1];
		take(p, &t->bodies[i]);
		if (o->set == HMR_EVAL_24)
			use_joints(p, b->body, work);
	}
	return HMR_OK;
}

static enum hmr_status
read_segment(struct hmr_eval_bodies *b, struct hmr_reader *r,
	     const struct hmr_head *h, struct tables *t,
	     const struct hmr_eval_reading *o, struct hmr_err *e)
{
	struct hmr_pose_work *work = NULL;
	const struct hmr_frame *f;
	enum hmr_status st;
	bool fresh;

	st = hmr_surface_body(&b->body, h, o->body, &fresh, e);
	if (st == HMR_EOF && o->set == HMR_EVAL_24)
		return hmr_fail(e, HMR_E_FORMAT, "the header names no body");
	if (st && st != HMR_EOF)
		return st;
	if (fresh && b->n)
		return hmr_fail(e, HMR_E_FORMAT, "segments of different bodies");
	if (b->body && !(work = hmr_pose_work_new(b->body)))
		return hmr_fail(e, HMR_E_NOMEM, "bodies");
	while (!(st = hmr_reader_next(r, &f, e)))
		if ((st = add_frame(b, f, t, work, o, e)))
			break;
	hmr_pose_work_free(work);
	return st;
}

enum hmr_status
hmr_eval_read_stream(struct hmr_eval_bodies *b, int fd, const char *name,
		     const struct hmr_eval_reading *o, struct hmr_err *e)
{
	struct tables *t = calloc(1, sizeof(*t));
	struct hmr_reader *r = NULL;
	struct hmr_head *h;
	enum hmr_status st;

	if (!t)
		return hmr_fail(e, HMR_E_NOMEM, "%s", name);
	if (!(st = hmr_reader_new(&r, fd, name, 0, e)))
		while (!(st = hmr_reader_head(r, &h, e))) {
			st = read_segment(b, r, h, t, o, e);
			hmr_head_free(h);
			if (st != HMR_EOF)
				break;
		}
	hmr_reader_free(r);
	free(t);
	return st == HMR_EOF ? HMR_OK : st;
}

/* ---- arrays ---- */

struct arrays {
	struct hmr_npz *z;
	int64_t frames, people;	/* people 0: rows, one a frame unless `frame` says */
	size_t rows;
	float *joints, *joints2d, *box, *pose, *shape;
	int64_t *frame, *id;
	bool conf2d;
};

/* [rows][n] or [frames][people][n] of name, n as more dimensions say; NULL where it
 * is not there. */
static enum hmr_status
floats(struct arrays *a, const char *name, const int64_t *more, uint32_t n,
       float **out, struct hmr_err *e)
{
	struct hmr_dims d = { .n = 0 };

	if (!hmr_npz_has(a->z, name))
		return HMR_OK;
	d.d[d.n++] = a->frames;
	if (a->people)
		d.d[d.n++] = a->people;
	for (uint32_t i = 0; i < n; i++)
		d.d[d.n++] = more[i];
	return hmr_npz_f32(a->z, name, &d, out, e);
}

static enum hmr_status
whole(struct arrays *a, const char *name, int64_t **out, struct hmr_err *e)
{
	struct hmr_dims d = { .n = 1, .d = { a->frames } };

	if (!hmr_npz_has(a->z, name))
		return HMR_OK;
	if (a->people && !strcmp(name, "id"))
		return hmr_fail(e, HMR_E_MODEL, "id: [frames,people,...] has its "
				"identities by place");
	return hmr_npz_i64(a->z, name, &d, out, e);
}

static enum hmr_status
find_joints(struct arrays *a, enum hmr_eval_set set, struct hmr_err *e)
{
	int64_t joints = set == HMR_EVAL_24 ? HMR_BODY_JOINTS : HMR_EVAL_JOINTS;
	struct hmr_dims rows = { .n = 3, .d = { -1, joints, 3 } };
	struct hmr_dims grid = { .n = 4, .d = { -1, -1, joints, 3 } };
	enum hmr_status st;

	if (!hmr_npz_f32(a->z, "joints3d", &grid, &a->joints, NULL)) {
		a->frames = grid.d[0];
		a->people = grid.d[1];
		a->rows = (size_t)a->frames * (size_t)a->people;
		return HMR_OK;
	}
	if ((st = hmr_npz_f32(a->z, "joints3d", &rows, &a->joints, e)))
		return st;
	a->frames = rows.d[0];
	a->rows = (size_t)a->frames;
	return HMR_OK;
}

static enum hmr_status
find_rest(struct arrays *a, struct hmr_err *e)
{
	const int64_t two[2] = { HMR_EVAL_JOINTS, 2 }, three[2] = { HMR_EVAL_JOINTS, 3 };
	const int64_t pose[3] = { HMR_BODY_JOINTS, 3, 3 }, shape[1] = { HMR_BODY_SHAPES };
	enum hmr_status st;

	a->conf2d = !floats(a, "joints2d", three, 2, &a->joints2d, NULL) && a->joints2d;
	if ((!a->conf2d && (st = floats(a, "joints2d", two, 2, &a->joints2d, e))) ||
	    (st = floats(a, "box", (int64_t[1]){ 4 }, 1, &a->box, e)) ||
	    (st = floats(a, "pose", pose, 3, &a->pose, e)) ||
	    (st = floats(a, "shape", shape, 1, &a->shape, e)) ||
	    (st = whole(a, "frame", &a->frame, e)) || (st = whole(a, "id", &a->id, e)))
		return st;
	if (!a->pose != !a->shape)
		return hmr_fail(e, HMR_E_MODEL, "pose and shape come together");
	for (int64_t i = 0; i < a->frames; i++)
		if ((a->frame && a->frame[i] < 0) ||
		    (a->id && (a->id[i] < 0 || a->id[i] > UINT32_MAX)))
			return hmr_fail(e, HMR_E_FORMAT, "row %lld: a frame or identity "
					"below 0", (long long)i);
	return HMR_OK;
}

static bool
finite(const float *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(v[i]))
			return false;
	return true;
}

/* Row i of the arrays; not finite is not known. */
static void
take_row(struct hmr_eval_person *p, const struct arrays *a, size_t i, int joints)
{
	const float *j = a->joints + i * (size_t)joints * 3;
	size_t wide = a->conf2d ? 3 : 2, line = a->people ? i / (size_t)a->people : i;

	p->frame = a->frame ? (uint64_t)a->frame[line] : line;
	p->id = a->people ? (uint32_t)(i % (size_t)a->people) + 1 :
		a->id ? (uint32_t)a->id[i] : 0;
	for (int k = 0; k < joints; k++)
		if ((p->known[k] = finite(j + 3 * k, 3)))
			memcpy(p->joints[k], j + 3 * k, sizeof(p->joints[k]));
	if (a->box && finite(a->box + 4 * i, 4)) {
		memcpy(p->box, a->box + 4 * i, sizeof(p->box));
		p->has_box = p->box[2] > p->box[0] && p->box[3] > p->box[1];
	}
	for (size_t k = 0; a->joints2d && k < HMR_EVAL_JOINTS; k++) {
		const float *v = a->joints2d + (i * HMR_EVAL_JOINTS + k) * wide;

		if (!finite(v, wide))
			continue;
		memcpy(p->joints2d[k], v, sizeof(p->joints2d[k]));
		p->conf[k] = a->conf2d ? v[2] : 1;
		p->has_2d = true;
	}
	if (a->pose && finite(a->pose + i * 216, 216) && finite(a->shape + i * 10, 10)) {
		memcpy(p->pose, a->pose + i * 216, sizeof(p->pose));
		memcpy(p->shape, a->shape + i * 10, sizeof(p->shape));
		p->has_pose = true;
	}
}

enum hmr_status
hmr_eval_read_npz(struct hmr_eval_bodies *b, const char *path,
		  const struct hmr_eval_reading *o, struct hmr_err *e)
{
	int joints = o->set == HMR_EVAL_24 ? HMR_BODY_JOINTS : HMR_EVAL_JOINTS;
	struct hmr_eval_person *p;
	struct arrays a = { 0 };
	enum hmr_status st;

	if ((st = hmr_npz_open(&a.z, path, e)))
		return st == HMR_E_MODEL ? HMR_E_FORMAT : st;
	if ((st = find_joints(&a, o->set, e)) || (st = find_rest(&a, e)))
		st = hmr_fail_in(e, st == HMR_E_MODEL ? HMR_E_FORMAT : st, "%s", path);
	for (size_t i = 0; !st && i < a.rows; i++) {
		if ((st = hmr_eval_add(b, &p, e)))
			break;
		take_row(p, &a, i, joints);
		if (!memchr(p->known, 1, sizeof(p->known)))
			b->n--;			/* nobody there */
	}
	hmr_npz_close(a.z);
	free(a.joints);
	free(a.joints2d);
	free(a.box);
	free(a.pose);
	free(a.shape);
	free(a.frame);
	free(a.id);
	return st;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One frame line of JSON Lines as tables; see lines_frame.h. The tables have room
 * for HMR_PEOPLE_CAP people and are touched only as far as they are used; room for
 * vertices and for encoded sections grows to the largest frame and stays.
 */
#include "stream/lines_frame.h"

#include <stdlib.h>
#include <string.h>

#include "stream/tables.h"

struct hmr_lines_frame {
	uint32_t n_people, n_bodies, n_tracks, n_vert, vert_count;
	struct hmr_person *people;	/* [HMR_PEOPLE_CAP] each */
	struct hmr_body_row *bodies;
	struct hmr_track_row *tracks;
	uint32_t *vert_person;
	float *vert;			/* [vert_cap] */
	size_t vert_cap, vert_at;
	uint8_t *out[4];		/* encoded tables */
	size_t out_cap[4];
	const char *what;
};

static enum hmr_status
bad(struct hmr_lines_frame *r, const char *what)
{
	r->what = what;
	return HMR_E_FORMAT;
}

enum person_field {
	PERSON_ID, PERSON_BOX, PERSON_SCORE, PERSON_GIVEN_ID, PERSON_MISSED,
	PERSON_FILLED, PERSON_TENTATIVE, PERSON_POSE, PERSON_SHAPE, PERSON_CAMERA,
	PERSON_CAMERA_CROP, PERSON_CROP, PERSON_FOCAL, PERSON_JOINTS3D,
	PERSON_JOINTS2D, PERSON_JOINT_CONF, PERSON_FIT_ERROR, PERSON_VERTICES,
	PERSON_FIELDS
};

static const char *const person_name[PERSON_FIELDS] = {
	"id", "box", "score", "given_id", "missed", "filled", "tentative", "pose",
	"shape", "camera", "camera_crop", "crop", "focal", "joints3d", "joints2d",
	"joint_conf", "fit_error", "vertices",
};

/* A row of vertices: as many numbers as the first person in the frame had. */
static enum hmr_status
read_vertices(struct hmr_lines_frame *r, struct hmr_json *j, uint32_t person)
{
	struct hmr_json count = *j;
	size_t n = r->vert_count, most;

	if (!n) {			/* at least two characters a number */
		n = 0;
		if (hmr_json_skip(&count))
			return HMR_E_FORMAT;
		for (const char *p = j->at; p < count.at; p++)
			n += *p == ',';
		n++;
		r->vert_count = (uint32_t)n;
	}
	if (n % 3 || n > UINT32_MAX / 4)
		return HMR_E_FORMAT;
	most = r->vert_at + n;
	if (most > r->vert_cap) {
		size_t cap = most + most / 2;
		float *v = realloc(r->vert, cap * sizeof(*v));

		if (!v)
			return HMR_E_NOMEM;
		r->vert = v;
		r->vert_cap = cap;
	}
	if (hmr_json_vector(j, r->vert + r->vert_at, n))
		return HMR_E_FORMAT;
	r->vert_at = most;
	r->vert_person[r->n_vert++] = person;
	return HMR_OK;
}

static enum hmr_status
read_field(struct hmr_lines_frame *r, struct hmr_json *j, int field,
	   struct hmr_person *p, struct hmr_body_row *b, struct hmr_track_row *t)
{
	uint64_t u = 0;
	bool flag = false;
	enum hmr_status st = HMR_OK;

	switch ((enum person_field)field) {
	case PERSON_ID:
		st = hmr_json_u64(j, UINT32_MAX, &u);
		t->id = (uint32_t)u;
		return st ? st : u ? HMR_OK : HMR_E_FORMAT;
	case PERSON_GIVEN_ID:
		st = hmr_json_u64(j, UINT32_MAX, &u);
		p->given_id = (uint32_t)u;
		return st;
	case PERSON_MISSED:
		st = hmr_json_u64(j, UINT32_MAX, &u);
		t->missed = (uint32_t)u;
		return st;
	case PERSON_FILLED:
		st = hmr_json_bool(j, &flag);
		t->flags |= flag ? HMR_TRACK_FILLED : 0;
		return st;
	case PERSON_TENTATIVE:
		st = hmr_json_bool(j, &flag);
		t->flags &= flag ? ~HMR_TRACK_CONFIRMED : UINT32_MAX;
		return st;
	case PERSON_BOX: return hmr_json_vector(j, p->box, 4);
	case PERSON_SCORE: return hmr_json_f32(j, &p->score);
	case PERSON_POSE:
		return hmr_json_vector(j, b->pose[0], HMR_POSE_JOINTS * 9);
	case PERSON_SHAPE: return hmr_json_vector(j, b->shape, HMR_SHAPE);
	case PERSON_CAMERA: return hmr_json_vector(j, b->camera, 3);
	case PERSON_CAMERA_CROP: return hmr_json_vector(j, b->camera_crop, 3);
	case PERSON_CROP: return hmr_json_vector(j, b->crop, 3);
	case PERSON_FOCAL: return hmr_json_f32(j, &b->focal);
	case PERSON_JOINTS3D:
		return hmr_json_vector(j, b->joints3d[0], HMR_JOINTS * 3);
	case PERSON_JOINTS2D:
		return hmr_json_vector(j, b->joints2d[0], HMR_JOINTS * 2);
	case PERSON_JOINT_CONF:
		b->flags |= HMR_BODY_CONF;
		return hmr_json_vector(j, b->joint_conf, HMR_JOINTS);
	case PERSON_FIT_ERROR:
		b->flags |= HMR_BODY_FIT;
		return hmr_json_f32(j, &b->fit_error);
	case PERSON_VERTICES: return read_vertices(r, j, r->n_people);
	case PERSON_FIELDS: break;
	}
	return hmr_json_skip(j);
}

static enum hmr_status
read_person(struct hmr_lines_frame *r, struct hmr_json *j)
{
	struct hmr_person *p = &r->people[r->n_people];
	struct hmr_body_row *b = &r->bodies[r->n_bodies];
	struct hmr_track_row *t = &r->tracks[r->n_tracks];
	bool first = true;
	const char *key;
	uint32_t seen = 0;
	size_t n;
	enum hmr_status st;

	memset(p, 0, sizeof(*p));
	memset(b, 0, sizeof(*b));
	memset(t, 0, sizeof(*t));
	t->flags = HMR_TRACK_CONFIRMED;
	b->person = t->person = r->n_people;
	while (!(st = hmr_json_member(j, &first, &key, &n))) {
		int i;

		for (i = 0; i < PERSON_FIELDS; i++)
			if (hmr_json_is(key, n, person_name[i]))
				break;
		if (seen >> i & 1)
			return bad(r, "a key twice");
		if (i < PERSON_FIELDS)
			seen |= 1u << i;
		if ((st = read_field(r, j, i, p, b, t)) == HMR_E_NOMEM)
			return st;
		if (st && i < PERSON_FIELDS)
			return bad(r, person_name[i]);
		if (st)
			break;
	}
	if (st < 0)
		return bad(r, "a person is not a JSON object");
	r->n_people++;
	r->n_tracks += seen >> PERSON_ID & 1;
	r->n_bodies += (seen & (((1u << PERSON_VERTICES) - 1) &
				~((1u << PERSON_POSE) - 1))) != 0;
	return HMR_OK;
}

static enum hmr_status
read_people(struct hmr_lines_frame *r, struct hmr_json *j)
{
	bool first = true;
	enum hmr_status st;

	while (!(st = hmr_json_element(j, &first))) {
		if (r->n_people == HMR_PEOPLE_CAP) {
			r->what = "too many people";
			return HMR_E_LIMIT;
		}
		if ((st = read_person(r, j)))
			return st;
	}
	return st < 0 ? bad(r, "people") : HMR_OK;
}

static enum hmr_status
read_camera(struct hmr_json *j, struct hmr_camera_row *c)
{
	bool first = true;
	const char *key;
	size_t n;
	enum hmr_status st, wrong = HMR_OK;

	memset(c, 0, sizeof(*c));
	while (!wrong && !(st = hmr_json_member(j, &first, &key, &n))) {
		if (hmr_json_is(key, n, "focal"))
			wrong = hmr_json_vector(j, c->focal, 2);
		else if (hmr_json_is(key, n, "centre"))
			wrong = hmr_json_vector(j, c->centre, 2);
		else
			wrong = hmr_json_skip(j);
	}
	return wrong || st < 0 ? HMR_E_FORMAT : HMR_OK;
}

/* A key of a frame other than people and camera. */
static enum hmr_status
read_frame_field(struct hmr_frame *f, struct hmr_json *j, const char *key, size_t n,
		 bool *numbered)
{
	uint64_t u = 0;
	bool flag;
	enum hmr_status st;

	if (hmr_json_is(key, n, "frame")) {
		*numbered = true;
		return hmr_json_u64(j, INT64_MAX, &f->number);
	}
	if (hmr_json_is(key, n, "pts"))
		return hmr_json_i64(j, &f->pts);
	if (hmr_json_is(key, n, "duration"))
		return hmr_json_i64(j, &f->duration);
	if (hmr_json_is(key, n, "width")) {
		st = hmr_json_u64(j, HMR_IMAGE_MAX_SIDE, &u);
		f->width = (uint32_t)u;
		return st;
	}
	if (hmr_json_is(key, n, "height")) {
		st = hmr_json_u64(j, HMR_IMAGE_MAX_SIDE, &u);
		f->height = (uint32_t)u;
		return st;
	}
	if (hmr_json_is(key, n, "shot")) {
		st = hmr_json_bool(j, &flag);
		f->flags |= !st && flag ? HMR_FRAME_SHOT : 0;
		return st;
	}
	return hmr_json_skip(j);
}

/* Room for n bytes of encoded table i. */
static uint8_t *
out_room(struct hmr_lines_frame *r, int i, size_t n)
{
	if (n > r->out_cap[i]) {
		free(r->out[i]);
		r->out_cap[i] = 0;
		if (!(r->out[i] = malloc(n + n / 2)))
			return NULL;
		r->out_cap[i] = n + n / 2;
	}
	return r->out[i];
}

/* The tables as sections of f. */
static enum hmr_status
encode(struct hmr_lines_frame *r, struct hmr_frame *f, uint64_t payload,
       const struct hmr_camera_row *camera)
{
	size_t n[4] = {
		hmr_people_bytes(r->n_people) + hmr_camera_bytes(),
		hmr_bodies_bytes(r->n_bodies), hmr_tracks_bytes(r->n_tracks),
		hmr_vectors_bytes(r->n_vert, r->vert_count),
	};
	uint8_t *p[4];
	uint64_t all = HMR_SECTION_HEADER;
	size_t k;
	enum hmr_status st;

	for (int i = 0; i < 4; i++) {
		all += n[i] + HMR_SECTION_HEADER;
		if (!(p[i] = out_room(r, i, n[i])))
			return HMR_E_NOMEM;
	}
	if (all > payload) {
		r->what = "more data than the header's max_payload allows";
		return HMR_E_LIMIT;
	}
	k = hmr_people_put(p[0], r->people, r->n_people);
	st = hmr_frame_put(f, HMR_TAG_PEOPLE, p[0], k, NULL);
	if (!st && camera)
		st = hmr_frame_put(f, HMR_TAG_CAMERA, p[0] + k,
				   hmr_camera_put(p[0] + k, camera), NULL);
	if (!st && r->n_bodies)
		st = hmr_frame_put(f, HMR_TAG_BODIES, p[1],
				   hmr_bodies_put(p[1], r->bodies, r->n_bodies), NULL);
	if (!st && r->n_tracks)
		st = hmr_frame_put(f, HMR_TAG_TRACKS, p[2],
				   hmr_tracks_put(p[2], r->tracks, r->n_tracks), NULL);
	if (!st && r->n_vert)
		st = hmr_frame_put(f, HMR_TAG_VERTICES, p[3],
				   hmr_vectors_put(p[3], 0, r->vert_person, r->vert,
						   r->n_vert, r->vert_count), NULL);
	return st;
}

static enum hmr_status
read_frame(struct hmr_lines_frame *r, struct hmr_json *j, struct hmr_frame *f,
	   struct hmr_camera_row *camera, bool *has_camera)
{
	const char *key;
	bool first = true, numbered = false, people = false;
	size_t n;
	enum hmr_status st;

	while (!(st = hmr_json_member(j, &first, &key, &n))) {
		if (hmr_json_is(key, n, "people")) {
			if (people)
				return bad(r, "people twice");
			people = true;
			if ((st = read_people(r, j)))
				return st;
		} else if (hmr_json_is(key, n, "camera")) {
			*has_camera = true;
			if (read_camera(j, camera))
				return bad(r, "camera");
		} else if (read_frame_field(f, j, key, n, &numbered)) {
			return bad(r, "a key of the frame");
		}
	}
	if (st < 0 || hmr_json_end(j))
		return bad(r, "not a JSON object");
	return numbered ? HMR_OK : bad(r, "a frame without its number");
}

enum hmr_status
hmr_lines_frame_get(struct hmr_lines_frame *r, struct hmr_json *j,
		    uint64_t payload, struct hmr_frame *f, const char **what)
{
	struct hmr_camera_row camera;
	bool has_camera = false;
	enum hmr_status st;

	r->n_people = r->n_bodies = r->n_tracks = r->n_vert = r->vert_count = 0;
	r->vert_at = 0;
	r->what = NULL;
	if (!(st = read_frame(r, j, f, &camera, &has_camera)))
		st = encode(r, f, payload, has_camera ? &camera : NULL);
	*what = r->what;
	return st;
}

struct hmr_lines_frame *
hmr_lines_frame_new(void)
{
	struct hmr_lines_frame *r = calloc(1, sizeof(*r));
	size_t cap = HMR_PEOPLE_CAP;

	if (!r)
		return NULL;
	r->people = malloc(cap * sizeof(*r->people));
	r->bodies = malloc(cap * sizeof(*r->bodies));
	r->tracks = malloc(cap * sizeof(*r->tracks));
	r->vert_person = malloc(cap * sizeof(*r->vert_person));
	if (r->people && r->bodies && r->tracks && r->vert_person)
		return r;
	hmr_lines_frame_free(r);
	return NULL;
}

void
hmr_lines_frame_free(struct hmr_lines_frame *r)
{
	if (!r)
		return;
	free(r->people);
	free(r->bodies);
	free(r->tracks);
	free(r->vert_person);
	free(r->vert);
	for (int i = 0; i < 4; i++)
		free(r->out[i]);
	free(r);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Steady bodies; see smooth.h. */
#include "track/smooth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "track/series.h"
#include "track/turn.h"

#define SHAPES 32		/* of the ring */
#define ROUGHER 2.0		/* noise of a track may be this many times ordinary */

/* Noise of an ordinary sample, root mean square: rotations in rad, out of the image
 * (about x and y of the camera, where the network sees little) and within it; place
 * in the image as part of the person's size there (the sum of measure()'s bones, 2.2
 * times the stature), depth as part of itself. Chosen with bench/jitter.py, so that
 * quick limbs keep 0.95 and 0.9 of their velocity; a larger gate for what the image
 * shows moves the overlay off people that are few pixels high. */
struct strength {
	double turn, within, place, depth;
	const struct hmr_window *centred, *causal;
	uint32_t n_centred, n_causal;
};

/* Curves first: they follow what moves. The straight and the constant ones are for
 * what hardly does. */
static const struct hmr_window centred[] = {
	{ 2, 2, 2 }, { 3, 3, 2 }, { 4, 4, 2 }, { 3, 3, 1 }, { 5, 5, 1 },
	{ 6, 6, 1 }, { 8, 8, 1 },
};
static const struct hmr_window causal[] = {
	{ 3, 0, 1 }, { 5, 0, 1 }, { 8, 0, 1 }, { 3, 0, 0 }, { 6, 0, 0 },
	{ 9, 0, 0 }, { 12, 0, 0 },
};
static const struct strength strengths[] = {
	[HMR_SMOOTH_LIGHT] = { 0.07, 0.02, 0.003, 0.02, centred, causal, 5, 5 },
	[HMR_SMOOTH_STRONG] = { 0.12, 0.03, 0.005, 0.035, centred, causal, 7, 7 },
};

static const int parent[HMR_POSE_JOINTS] = { -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9,
	9, 12, 13, 14, 16, 17, 18, 19, 20, 21 };
/* The joint of the outputs at whose end the turn of each pose joint is seen. */
static const int seen_at[HMR_POSE_JOINTS] = { 8, 13, 10, 8, 14, 11, 1, 19, 22, 1, 19,
	22, 0, 5, 2, 0, 6, 3, 7, 4, 7, 4, 7, 4 };
/* Bones whose lengths add up to a body's size, whatever its pose. */
static const int bone[][2] = { { 9, 10 }, { 10, 11 }, { 12, 13 }, { 13, 14 }, { 2, 3 },
	{ 3, 4 }, { 5, 6 }, { 6, 7 } };
static const int torso[] = { 2, 5, 9, 12 };

struct sample {
	uint64_t seq;			/* 1 more than the frame's; 0: none */
	double time;			/* s */
	float turn[HMR_POSE_JOINTS][4];	/* segments in camera axes */
	float v[HMR_POSE_JOINTS];	/* variance relative to an ordinary one's */
	float v_torso;
	float place[2];			/* of the torso's middle, px from the centre */
	float depth;			/* log(its depth / the body's size) */
	float px;			/* the body's size in the image */
};

struct slot {
	uint32_t track;			/* 0: free */
	uint64_t last;			/* frame of the newest sample */
	struct sample *sample;		/* [cap], at seq % cap */
	/* shapes: every stride-th seen; when full, every second goes */
	float shape[SHAPES][HMR_SHAPE], weight[SHAPES];
	uint32_t n_shape, shapes_seen, stride;
	float out[HMR_SHAPE];
	uint32_t sent;
	/* medians of the third differences of turns, out of the image and within;
	 * what moves smoothly hardly has any, noise has sqrt(20) times its own */
	float rough[HMR_POSE_JOINTS][2];
	uint32_t roughs;
};

struct hmr_smooth {
	struct hmr_smooth_options o;
	const struct strength *strength;
	const struct hmr_window *window;
	uint32_t n_window, past, ahead, cap;
	struct slot *slot;
	uint32_t n;			/* slots ever used */
	struct sample *samples;		/* [tracks][cap] */
};

/* ---- making and releasing ---- */

static void
set_windows(struct hmr_smooth *s, const struct hmr_smooth_options *o)
{
	bool both = o->lag >= 2;

	s->o = *o;
	s->strength = &strengths[o->strength];
	s->window = both ? s->strength->centred : s->strength->causal;
	s->n_window = both ? s->strength->n_centred : s->strength->n_causal;
	for (uint32_t i = 0; i < s->n_window; i++)
		if ((uint32_t)s->window[i].back > s->past)
			s->past = (uint32_t)s->window[i].back;
	s->ahead = !both ? 0 : s->past < o->lag ? s->past : o->lag;
	s->cap = s->past + o->lag + 1;
}

size_t
hmr_smooth_bytes(const struct hmr_smooth_options *o)
{
	struct hmr_smooth s = { 0 };

	if (!o->strength)
		return 0;
	set_windows(&s, o);
	return o->tracks * (sizeof(struct slot) + s.cap * sizeof(struct sample));
}

struct hmr_smooth *
hmr_smooth_new(const struct hmr_smooth_options *o)
{
	struct hmr_smooth *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	set_windows(s, o);
	s->slot = calloc(o->tracks, sizeof(*s->slot));
	s->samples = calloc((size_t)o->tracks * s->cap, sizeof(*s->samples));
	if (!s->slot || !s->samples) {
		hmr_smooth_free(s);
		return NULL;
	}
	for (uint32_t i = 0; i < o->tracks; i++)
		s->slot[i].sample = s->samples + (size_t)i * s->cap;
	return s;
}

void
hmr_smooth_free(struct hmr_smooth *s)
{
	if (!s)
		return;
	free(s->slot);
	free(s->samples);
	free(s);
}

static struct slot *
find(struct hmr_smooth *s, uint32_t track)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->slot[i].track == track)
			return &s->slot[i];
	return NULL;
}

/* The first place that is free, else a new one, else the longest unseen. */
static struct slot *
make_slot(struct hmr_smooth *s, uint32_t track, uint64_t seq)
{
	struct slot *k = NULL;
	struct sample *samples;

	for (uint32_t i = 0; i < s->n && !k; i++)
		if (seq > s->slot[i].last + s->o.forget + s->o.lag)
			k = &s->slot[i];
	if (!k && s->n < s->o.tracks)
		k = &s->slot[s->n++];
	for (uint32_t i = 0; i < s->n && s->n == s->o.tracks; i++)
		if (!k || s->slot[i].last < k->last)
			k = &s->slot[i];
	samples = k->sample;
	memset(k, 0, sizeof(*k));
	memset(samples, 0, s->cap * sizeof(*samples));
	k->sample = samples;
	k->track = track;
	k->stride = 1;
	return k;
}

/* ---- in ---- */

/* Expected squared error of a joint of this confidence (MODEL.md: conf is
 * 1 / (1 + (e / 0.1 m)^2)) and what the fit adds, as part of an ordinary one's. */
static float
variance(double conf)
{
	double c = fmin(fmax(conf, 0.02), 1), e2 = 0.01 * (1 / c - 1);

	return (float)fmin(fmax((e2 + 0.0025) / 0.005, 0.5), 10);
}

static double
between(const float a[3], const float b[3])
{
	double d = 0;

	for (int k = 0; k < 3; k++)
		d += ((double)a[k] - b[k]) * ((double)a[k] - b[k]);
	return sqrt(d);
}

/* The body's size in metres, and its torso's middle. */
static double
measure(const float joints[HMR_JOINTS][3], double middle[3])
{
	float hips[3], shoulders[3];
	double size = 0;

	for (size_t i = 0; i < sizeof(bone) / sizeof(bone[0]); i++)
		size += between(joints[bone[i][0]], joints[bone[i][1]]);
	for (int k = 0; k < 3; k++) {
		shoulders[k] = 0.5f * (joints[torso[0]][k] + joints[torso[1]][k]);
		hips[k] = 0.5f * (joints[torso[2]][k] + joints[torso[3]][k]);
		middle[k] = 0.5 * ((double)hips[k] + shoulders[k]);
	}
	return size + between(hips, shoulders);
}

static void
segments(float turn[HMR_POSE_JOINTS][4], const float pose[HMR_POSE_JOINTS][9])
{
	double q[HMR_POSE_JOINTS][4];

	for (int j = 0; j < HMR_POSE_JOINTS; j++) {
		hmr_turn_from_matrix(q[j], pose[j]);
		if (j)
			hmr_turn_mul(q[j], q[parent[j]], q[j]);
		for (int k = 0; k < 4; k++)
			turn[j][k] = (float)q[j][k];
	}
}

/* The camera from which these joints lie nearest to the body's own joints2d, by
 * least squares, linear in the camera: (u - cx) (Z + tz) = f (X + tx). false: they
 * do not say. */
static bool
best_camera(double camera[3], const float joints[HMR_JOINTS][3],
	    const struct hmr_body_row *b, float cx, float cy)
{
	double w = 0, wu[2] = { 0 }, wuu = 0, r[2] = { 0 }, ru = 0, f = b->focal, det;

	for (int j = 0; j < HMR_JOINTS; j++) {
		double k = b->flags & HMR_BODY_CONF ? 1 / variance(b->joint_conf[j]) : 1;
		double u[2] = { b->joints2d[j][0] - cx, b->joints2d[j][1] - cy };

		w += k;
		for (int i = 0; i < 2; i++) {	/* f t_i - u_i tz = y */
			double y = u[i] * joints[j][2] - f * joints[j][i];

			wu[i] += k * u[i];
			wuu += k * u[i] * u[i];
			r[i] += k * y;
			ru += k * u[i] * y;
		}
	}
	det = wuu - (wu[0] * wu[0] + wu[1] * wu[1]) / w;
	if (!(det > 1e-6 * w))
		return false;
	camera[2] = ((wu[0] * r[0] + wu[1] * r[1]) / w - ru) / det;
	for (int i = 0; i < 2; i++)
		camera[i] = (r[i] + wu[i] * camera[2]) / w / f;
	return isfinite(camera[0] + camera[1]) && camera[2] > 1e-3;
}

/* Where the torso of joints is from camera. false: not in front of it. */
static bool
place(struct sample *x, const float joints[HMR_JOINTS][3], const double camera[3],
      double focal)
{
	double middle[3], size = measure(joints, middle), z = middle[2] + camera[2];

	if (!(size > 1e-3) || !(z > 1e-3) || !(focal > 0))
		return false;
	for (int k = 0; k < 2; k++)
		x->place[k] = (float)(focal * (middle[k] + camera[k]) / z);
	x->depth = (float)log(z / size);
	x->px = (float)(focal * size / z);
	return isfinite(x->place[0] + x->place[1] + x->depth) && x->px > 0;
}

/* false: these numbers make no body in front of a camera. */
static bool
make_sample(struct sample *x, const struct hmr_body_row *b, bool filled)
{
	const double camera[3] = { b->camera[0], b->camera[1], b->camera[2] };
	bool known = b->flags & HMR_BODY_CONF;
	float more = filled ? 4 : 1, sum = 0;

	segments(x->turn, b->pose);
	for (int j = 0; j < HMR_POSE_JOINTS; j++) {
		x->v[j] = more * (known ? variance(b->joint_conf[seen_at[j]]) : 1);
		for (int k = 0; k < 9; k++)
			sum += b->pose[j][k];
	}
	x->v_torso = 0;
	for (int i = 0; i < 4; i++)
		x->v_torso += 0.25f * more *
			(known ? variance(b->joint_conf[torso[i]]) : 1);
	for (int k = 0; k < HMR_SHAPE; k++)
		sum += b->shape[k];
	return isfinite(sum) && place(x, b->joints3d, camera, b->focal);
}

static void
learn_shape(struct slot *k, const float shape[HMR_SHAPE], float weight)
{
	if (k->shapes_seen++ % k->stride)
		return;
	if (k->n_shape == SHAPES) {
		k->n_shape = SHAPES / 2;
		k->stride *= 2;
		for (uint32_t i = 1; i < k->n_shape; i++) {
			memcpy(k->shape[i], k->shape[2 * i], sizeof(k->shape[i]));
			k->weight[i] = k->weight[2 * i];
		}
	}
	memcpy(k->shape[k->n_shape], shape, sizeof(k->shape[0]));
	k->weight[k->n_shape++] = weight;
}

static float
median(const struct slot *k, int component)
{
	float value[SHAPES], weight[SHAPES], sum = 0, at = 0;
	uint32_t n = k->n_shape, i;

	for (i = 0; i < n; i++) {
		float x = k->shape[i][component], w = k->weight[i];
		uint32_t j = i;

		for (; j && value[j - 1] > x; j--) {
			value[j] = value[j - 1];
			weight[j] = weight[j - 1];
		}
		value[j] = x;
		weight[j] = w;
		sum += w;
	}
	for (i = 0; i + 1 < n && at + weight[i] < sum / 2; i++)
		at += weight[i];
	return value[i];
}

/* From turn `from` to turn `to`, in camera axes. */
static void
turned(double v[3], const float from[4], const float to[4])
{
	double back[4] = { from[0], -from[1], -from[2], -from[3] };
	double now[4] = { to[0], to[1], to[2], to[3] }, q[4];

	hmr_turn_mul(q, now, back);
	hmr_turn_log(v, q);
}

/* Moves the medians towards the third differences at the newest sample. */
static void
learn_rough(const struct hmr_smooth *s, struct slot *k, uint64_t seq)
{
	const struct sample *x[4];
	float step;

	for (uint32_t i = 0; i < 4; i++) {
		x[i] = &k->sample[(seq + s->cap - i) % s->cap];
		if (seq < i || x[i]->seq != seq - i + 1)
			return;
	}
	step = ++k->roughs < 10 ? 1.5f : 1.1f;
	for (int j = 0; j < HMR_POSE_JOINTS; j++) {
		double a[3], c[3], d[3], size[2];

		turned(a, x[1]->turn[j], x[0]->turn[j]);
		turned(c, x[2]->turn[j], x[1]->turn[j]);
		turned(d, x[3]->turn[j], x[2]->turn[j]);
		for (int i = 0; i < 3; i++)
			a[i] += d[i] - 2 * c[i];
		size[0] = hypot(a[0], a[1]);
		size[1] = fabs(a[2]);
		for (int i = 0; i < 2; i++) {
			float *r = &k->rough[j][i];

			*r = k->roughs == 1 ? (float)size[i] :
			     size[i] > *r ? *r * step : *r / step;
		}
	}
}

void
hmr_smooth_see(struct hmr_smooth *s, uint32_t track, uint64_t seq, double time,
	       const struct hmr_body_row *body, bool filled, float cx, float cy,
	       hmr_joints_fn *joints, void *ctx)
{
	struct slot *k = find(s, track);
	struct sample x = { .seq = seq + 1, .time = time };
	float shape[HMR_SHAPE], points[HMR_JOINTS][3];
	double camera[3];

	if (!make_sample(&x, body, filled))
		return;
	if (!k)
		k = make_slot(s, track, seq);
	if (!filled) {
		k->last = seq;
		learn_shape(k, body->shape, 1 / x.v_torso);
	}
	for (int i = 0; i < HMR_SHAPE && k->n_shape; i++)
		shape[i] = median(k, i);
	if (k->n_shape) {	/* the place that suits the track's shape */
		joints(ctx, body->pose, shape, points);
		if (best_camera(camera, points, body, cx, cy))
			(void)place(&x, points, camera, body->focal);
	}
	k->sample[seq % s->cap] = x;
	if (!filled)
		learn_rough(s, k, seq);
}

/* ---- out ---- */

/* The first one is the median; later medians are approached, not jumped to. */
static void
steady_shape(struct slot *k, float out[HMR_SHAPE])
{
	float rate = fmaxf(1 / (1 + (float)k->sent++), 0.05f);

	for (int i = 0; i < HMR_SHAPE; i++)
		k->out[i] += rate * (median(k, i) - k->out[i]);
	memcpy(out, k->out, sizeof(k->out));
}

/* The samples around frame seq, at most past before and ahead after it. Their times
 * in frames, where time runs. */
static const struct sample *
gather(const struct hmr_smooth *s, const struct slot *k, uint64_t seq,
       struct hmr_series *r, const struct sample *from[HMR_SERIES_MAX])
{
	const struct sample *now = &k->sample[seq % s->cap];
	double step = 0;

	r->n = 0;
	if (now->seq != seq + 1)
		return NULL;
	for (int i = -(int)s->past; i <= (int)s->ahead; i++) {
		uint64_t at = seq + (uint64_t)(int64_t)i;
		const struct sample *x = &k->sample[at % s->cap];

		if ((i < 0 && seq < (uint64_t)-i) || x->seq != at + 1)
			continue;
		r->at[r->n] = i;
		from[r->n++] = x;
	}
	if (r->n > 1)
		step = (from[r->n - 1]->time - from[0]->time) /
		       (r->at[r->n - 1] - r->at[0]);
	for (uint32_t i = 0; i < r->n; i++)
		r->t[i] = step > 0 ? (from[i]->time - now->time) / step : r->at[i];
	return now;
}

/* The noise to expect of joint j's turns: that of the track, where it is known and
 * larger than an ordinary one's. part: factor from the median of the third
 * differences to the noise. */
static double
gate(const struct slot *k, int j, int way, double part, double ordinary)
{
	double own = k->roughs < 10 ? 0 : 1.5 * part * k->rough[j][way];

	return fmin(fmax(own, ordinary), ROUGHER * ordinary);
}

static void
steady_pose(const struct hmr_smooth *s, const struct slot *slot, struct hmr_series *r,
	    const struct sample *const from[], const struct sample *now,
	    float pose[HMR_POSE_JOINTS][9])
{
	double q[HMR_POSE_JOINTS][4];

	for (int j = 0; j < HMR_POSE_JOINTS; j++) {
		double here[4], turn[4], move[3] = { 0 };

		for (int k = 0; k < 4; k++)
			here[k] = now->turn[j][k];
		for (uint32_t i = 0; i < r->n; i++) {
			turned(r->x[i], now->turn[j], from[i]->turn[j]);
			r->v[i] = from[i]->v[j];
		}
		hmr_series_at(move, r, s->window, s->n_window,
			      gate(slot, j, 0, 0.269, s->strength->turn),
			      gate(slot, j, 1, 0.332, s->strength->within));
		hmr_turn_exp(turn, move);
		hmr_turn_mul(q[j], turn, here);
	}
	hmr_turn_to_matrix(pose[0], q[0]);
	for (int j = 1; j < HMR_POSE_JOINTS; j++) {
		double rel[4];

		hmr_turn_between(rel, q[parent[j]], q[j]);
		hmr_turn_to_matrix(pose[j], rel);
	}
}

/* Puts the body, whose joints are new, at the smoothed place and depth. */
static void
steady_camera(const struct hmr_smooth *s, struct hmr_series *r,
	      const struct sample *const from[], const struct sample *now,
	      struct hmr_body_row *b)
{
	double place[3] = { 0 }, middle[3], z, old = b->camera[2];
	double size = measure(b->joints3d, middle);

	for (uint32_t i = 0; i < r->n; i++) {
		r->v[i] = from[i]->v_torso;
		for (int k = 0; k < 2; k++)
			r->x[i][k] = ((double)from[i]->place[k] - now->place[k]) /
				     now->px;
		r->x[i][2] = (double)from[i]->depth - now->depth;
	}
	hmr_series_at(place, r, s->window, s->n_window, s->strength->place,
		      s->strength->depth);
	z = size * exp(now->depth + place[2]);
	for (int k = 0; k < 2; k++) {
		double crop = (double)b->camera[k] - b->camera_crop[1 + k];

		b->camera[k] = (float)((now->place[k] + place[k] * now->px) * z / b->focal -
				       middle[k]);
		/* what lies between the two is the crop's place, at this depth */
		b->camera_crop[1 + k] = (float)(b->camera[k] -
						crop * (z - middle[2]) / old);
	}
	b->camera[2] = (float)(z - middle[2]);
	b->camera_crop[0] = (float)(b->camera_crop[0] * old / (z - middle[2]));
}

bool
hmr_smooth_body(struct hmr_smooth *s, uint32_t track, uint64_t seq,
		struct hmr_body_row *body, float cx, float cy, hmr_joints_fn *joints,
		void *ctx)
{
	const struct sample *from[HMR_SERIES_MAX], *now;
	struct slot *k = find(s, track);
	struct hmr_series r;

	if (!k || !k->n_shape || !(now = gather(s, k, seq, &r, from)))
		return false;
	steady_shape(k, body->shape);
	steady_pose(s, k, &r, from, now, body->pose);
	joints(ctx, body->pose, body->shape, body->joints3d);
	steady_camera(s, &r, from, now, body);
	hmr_fill_project(body, cx, cy);
	return true;
}

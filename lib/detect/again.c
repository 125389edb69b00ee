/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Second looks; see again.h. What it owns: whom to look at again, how, and which
 * of two views of a person is the better one.
 */
#include "detect/again.h"

#include <math.h>
#include <stdlib.h>

#define SURE 0.5f	/* the flag from which a person is looked at once */
#define UPRIGHT 0.9f	/* the flag from which the upright view of a person is believed */
#define PI 3.14159265f
#define TILTED 0.70711f	/* cosine of the trunk's angle to the crop's up: 45 degrees */
/* How much better than an upright view a turned one must be: most people are
 * upright, and behind a sign the network likes to see somebody upside down. */
#define MARGIN 1.3f
#define TRUE_UP 0.97f	/* a trunk nearer to the crop's up needs no turn: 14 degrees */

enum { SHOULDER = 11, HIP = 23 };	/* left; the right one follows */

struct hmr_again {
	uint32_t max;
	/* [max] each: crops of this look, what was seen there, and of whom */
	struct hmr_crop *crop;
	struct hmr_landmark_row *row;
	uint32_t *who;
	float *score;		/* of the best view of each person so far */
	bool *turn;		/* looked at in turned crops */
};

enum hmr_status
hmr_again_new(struct hmr_again **out, uint32_t max_people, struct hmr_err *e)
{
	struct hmr_again *a = calloc(1, sizeof(*a));

	*out = a;
	if (!a)
		return hmr_fail(e, HMR_E_NOMEM, "second looks");
	a->max = max_people;
	a->crop = calloc(max_people, sizeof(*a->crop));
	a->row = calloc(max_people, sizeof(*a->row));
	a->who = calloc(max_people, sizeof(*a->who));
	a->score = calloc(max_people, sizeof(*a->score));
	a->turn = calloc(max_people, sizeof(*a->turn));
	if (a->crop && a->row && a->who && a->score && a->turn)
		return HMR_OK;
	hmr_again_free(a);
	*out = NULL;
	return hmr_fail(e, HMR_E_NOMEM, "second looks at %u people", max_people);
}

void
hmr_again_free(struct hmr_again *a)
{
	if (!a)
		return;
	free(a->crop);
	free(a->row);
	free(a->who);
	free(a->score);
	free(a->turn);
	free(a);
}

size_t
hmr_again_bytes(const struct hmr_again *a)
{
	return sizeof(*a) + a->max * (sizeof(*a->crop) + sizeof(*a->row) +
				      sizeof(*a->who) + sizeof(*a->score) +
				      sizeof(*a->turn));
}

/* From between the hips to between the shoulders, px. */
static void
trunk(const struct hmr_landmark_row *l, float out[2])
{
	for (int k = 0; k < 2; k++)
		out[k] = 0.5f * (l->image[SHOULDER][k] + l->image[SHOULDER + 1][k] -
				 l->image[HIP][k] - l->image[HIP + 1][k]);
}

/* Cosine of the angle between the trunk and the crop's up; of a trunk that points to
 * the camera, or away, less. */
static float
uprightness(const struct hmr_crop *c, const struct hmr_landmark_row *l)
{
	float t[2], n;

	trunk(l, t);
	n = fmaxf(hypotf(t[0], t[1]), 0.1f * c->side);
	return n > 0 ? (t[0] * sinf(c->angle) - t[1] * cosf(c->angle)) / n : 0;
}

/* The sum of visibilities, of all landmarks and of those in the box grown by a tenth. */
static void
visible(const struct hmr_landmark_row *l, const float box[4], float *all, float *in)
{
	float grow[2] = { 0.1f * (box[2] - box[0]), 0.1f * (box[3] - box[1]) };

	*all = *in = 0;
	for (int i = 0; i < HMR_LANDMARKS; i++) {
		const float *p = l->image[i];

		*all += p[2];
		if (p[0] > box[0] - grow[0] && p[0] < box[2] + grow[0] &&
		    p[1] > box[1] - grow[1] && p[1] < box[3] + grow[1])
			*in += p[2];
	}
}

/* What was seen for sure, in the box, by somebody upright in the crop. */
static bool
plausible(const struct hmr_crop *c, const struct hmr_landmark_row *l, const float box[4])
{
	float all, in;

	visible(l, box, &all, &in);
	return l->flag >= SURE && all > 0 && in >= 0.75f * all && uprightness(c, l) > 0;
}

/* How good a view is: much seen, where the person is, upright in its crop. Turned by
 * a wrong angle the network often sees as much, but lying. */
static float
score(const struct hmr_crop *c, const struct hmr_landmark_row *l, const float box[4])
{
	float all, in, up = fmaxf(uprightness(c, l), 0);

	visible(l, box, &all, &in);
	return l->flag * in * up * up * up * up;
}

static void
take(struct hmr_again *a, uint32_t j, struct hmr_crop *crop, struct hmr_landmark_row *row)
{
	a->row[j].person = row->person;
	*row = a->row[j];
	*crop = a->crop[j];
}

/* The network is bistable: a box a few pixels off can hide a person from it. Who
 * was not seen for sure is looked at again, a little closer and from further
 * away; what is then plausible, counts. */
static enum hmr_status
look_nearby(struct hmr_again *a, struct hmr_poser *poser, const struct hmr_image *im,
	    const struct hmr_person *people, struct hmr_crop *crop,
	    struct hmr_landmark_row *rows, uint32_t seen, struct hmr_err *e)
{
	static const float factor[] = { 1.1f / HMR_POSER_CROP, 1.6f / HMR_POSER_CROP };
	enum hmr_status st;

	for (size_t k = 0; k < sizeof(factor) / sizeof(factor[0]); k++) {
		uint32_t n = 0;

		for (uint32_t i = 0; i < seen; i++) {
			if (rows[i].flag >= SURE)
				continue;
			hmr_poser_crop(people[rows[i].person].box, im->width,
				       im->height, &a->crop[n]);
			a->crop[n].side *= factor[k];
			a->who[n++] = i;
		}
		if ((st = hmr_poser_run(poser, im, a->crop, n, a->row, e)))
			return st;
		for (uint32_t j = 0; j < n; j++) {
			uint32_t i = a->who[j];

			if (plausible(&a->crop[j], &a->row[j],
				      people[rows[i].person].box))
				take(a, j, &crop[i], &rows[i]);
		}
	}
	return HMR_OK;
}

/* One look at the first n of a->who, in a->crop; better views replace worse ones. */
static enum hmr_status
compare(struct hmr_again *a, struct hmr_poser *poser, const struct hmr_image *im,
	const struct hmr_person *people, struct hmr_crop *crop,
	struct hmr_landmark_row *rows, uint32_t n, struct hmr_err *e)
{
	enum hmr_status st = hmr_poser_run(poser, im, a->crop, n, a->row, e);

	for (uint32_t j = 0; j < n && !st; j++) {
		uint32_t i = a->who[j];
		const float *box = people[rows[i].person].box;
		float s = score(&a->crop[j], &a->row[j], box);

		if (!(s > a->score[i]) || !plausible(&a->crop[j], &a->row[j], box))
			continue;
		a->score[i] = s;
		take(a, j, &crop[i], &rows[i]);
	}
	return st;
}

/* Whether somebody may be there who is not upright: not quite sure, or the trunk
 * aslant, or the box wider than tall. */
static bool
may_lie(const struct hmr_crop *c, const struct hmr_landmark_row *l, const float box[4])
{
	return l->flag < UPRIGHT || uprightness(c, l) < TILTED ||
		box[2] - box[0] > box[3] - box[1];
}

/* Turned by a quarter to either side and by a half, then, whom that suits, by what is
 * left between the trunk and the crop's up. */
static enum hmr_status
look_turned(struct hmr_again *a, struct hmr_poser *poser, const struct hmr_image *im,
	    const struct hmr_person *people, struct hmr_crop *crop,
	    struct hmr_landmark_row *rows, uint32_t seen, struct hmr_err *e)
{
	enum hmr_status st;
	uint32_t n;

	for (uint32_t i = 0; i < seen; i++) {
		const float *box = people[rows[i].person].box;

		a->score[i] = MARGIN * score(&crop[i], &rows[i], box);
		a->turn[i] = may_lie(&crop[i], &rows[i], box);
	}
	for (int k = 0; k < 3; k++) {
		n = 0;
		for (uint32_t i = 0; i < seen; i++) {
			if (!a->turn[i])
				continue;
			hmr_poser_crop(people[rows[i].person].box, im->width,
				       im->height, &a->crop[n]);
			a->crop[n].angle = (float[]){ PI / 2, -PI / 2, PI }[k];
			a->who[n++] = i;
		}
		if ((st = compare(a, poser, im, people, crop, rows, n, e)))
			return st;
	}
	n = 0;
	for (uint32_t i = 0; i < seen; i++) {
		float t[2];

		if (!a->turn[i] || uprightness(&crop[i], &rows[i]) > TRUE_UP)
			continue;
		trunk(&rows[i], t);
		a->crop[n] = crop[i];
		a->crop[n].angle = atan2f(t[0], -t[1]);
		if (isfinite(a->crop[n].angle))	/* boxes may be as large as floats */
			a->who[n++] = i;
	}
	return compare(a, poser, im, people, crop, rows, n, e);
}

enum hmr_status
hmr_again_run(struct hmr_again *a, struct hmr_poser *poser,
	      const struct hmr_image *im, const struct hmr_person *people,
	      struct hmr_crop *crop, struct hmr_landmark_row *rows, uint32_t n,
	      struct hmr_err *e)
{
	enum hmr_status st = look_nearby(a, poser, im, people, crop, rows, n, e);

	return st ? st : look_turned(a, poser, im, people, crop, rows, n, e);
}

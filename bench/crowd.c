/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of people who come and go, with bodies and embeddings, for the cost and
 * the memory of hmr-assoc (bench/assoc.sh):
 *
 *	crowd FRAMES PEOPLE > crowd.hmr
 *
 * Everybody walks straight on for 50 to 500 frames of 3840x2160 at 25 a second, is
 * missed in one frame of ten, then somebody else begins elsewhere. Bodies stand,
 * with a little noise in every joint. The same arguments give the same bytes.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/tables.h"

#define WIDTH 3840
#define HEIGHT 2160
#define LOOKS 256
#define MOST 1024
#define FOCAL 3000

struct walker {
	double x, y, vx, vy, tall;	/* px, px a frame */
	int left;			/* frames */
	float look[LOOKS];
};

static struct walker walker[MOST];
static struct hmr_person people[MOST];
static struct hmr_body_row body[MOST];
static float look[MOST][LOOKS];
static uint32_t index_of[MOST];
static uint64_t seed = 1;

static double
chance(double lo, double hi)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return lo + (hi - lo) * (double)(seed >> 11) / 9007199254740992.0;
}

static void
begin(struct walker *w)
{
	w->tall = chance(80, 240);
	w->x = chance(0, WIDTH);
	w->y = chance(w->tall, HEIGHT);
	w->vx = chance(-4, 4);
	w->vy = chance(-2, 2);
	w->left = (int)chance(50, 500);
	for (int i = 0; i < LOOKS; i++)
		w->look[i] = (float)chance(-1, 1);
}

static void
stand(struct hmr_body_row *b, const struct walker *w, uint32_t person)
{
	double z = FOCAL * 1.7 / w->tall;

	memset(b, 0, sizeof(*b));
	b->person = person;
	b->flags = HMR_BODY_CONF;
	b->focal = FOCAL;
	for (int j = 0; j < HMR_POSE_JOINTS; j++) {
		double a = chance(-0.1, 0.1), up = j ? 1 : -1;
		float r[9] = { (float)cos(a), 0, (float)sin(a), 0, (float)up, 0,
			       (float)(-up * sin(a)), 0, (float)(up * cos(a)) };

		memcpy(b->pose[j], r, sizeof(r));
	}
	b->camera[0] = (float)((w->x - WIDTH / 2) * z / FOCAL);
	b->camera[1] = (float)((w->y - w->tall / 2 - HEIGHT / 2) * z / FOCAL);
	b->camera[2] = (float)z;
	b->crop[0] = (float)w->x;
	b->crop[1] = (float)(w->y - w->tall / 2);
	b->crop[2] = (float)(1.25 * w->tall);
	for (int j = 0; j < HMR_JOINTS; j++) {
		b->joints3d[j][1] = (float)chance(-0.8, 0.8);
		b->joints2d[j][0] = (float)w->x;
		b->joints2d[j][1] = (float)w->y;
		b->joint_conf[j] = 0.7f;
	}
}

/* Moves everybody; returns how many are seen. */
static uint32_t
walk(uint32_t n)
{
	uint32_t seen = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct walker *w = &walker[i];
		double half = 0.2 * w->tall, norm = 0;

		w->x += w->vx;
		w->y += w->vy;
		if (w->left-- <= 0)
			begin(w);
		if (chance(0, 1) < 0.1)
			continue;
		people[seen] = (struct hmr_person){ { (float)(w->x - half),
			(float)(w->y - w->tall), (float)(w->x + half), (float)w->y },
			(float)chance(0.4, 0.95), 0, 0 };
		stand(&body[seen], w, seen);
		for (int k = 0; k < LOOKS; k++) {
			look[seen][k] = w->look[k] + (float)chance(-0.3, 0.3);
			norm += look[seen][k] * look[seen][k];
		}
		for (int k = 0; k < LOOKS; k++)
			look[seen][k] /= (float)sqrt(norm);
		index_of[seen] = seen;
		seen++;
	}
	return seen;
}

static int
write_frame(struct hmr_writer *w, uint64_t number, uint32_t n, uint8_t *const buf[3],
	    struct hmr_err *e)
{
	struct hmr_frame f = { .number = number, .pts = (int64_t)number, .width = WIDTH,
			       .height = HEIGHT };

	return hmr_frame_put(&f, HMR_TAG_PEOPLE, buf[0], hmr_people_put(buf[0], people, n), e) ||
	       hmr_frame_put(&f, HMR_TAG_BODIES, buf[1], hmr_bodies_put(buf[1], body, n), e) ||
	       hmr_frame_put(&f, HMR_TAG_APPEARANCE, buf[2],
			     hmr_vectors_put(buf[2], HMR_APPEARANCE_EMBEDDING, index_of,
					     look[0], n, LOOKS), e) ||
	       hmr_writer_frame(w, &f, e);
}

int
main(int argc, char **argv)
{
	uint32_t frames = argc == 3 ? (uint32_t)atoi(argv[1]) : 0;
	uint32_t n = argc == 3 ? (uint32_t)atoi(argv[2]) : 0;
	struct hmr_head_info i = { .source = "crowd", .width = WIDTH, .height = HEIGHT,
		.tb_num = 1, .tb_den = 25, .rate_num = 25, .rate_den = 1, .frames = frames };
	struct hmr_stage_info stage = { .name = "crowd", .version = "1", .body = "mannequin" };
	struct hmr_end end = { .complete = true, .frame = -1 };
	struct hmr_writer *w = NULL;
	struct hmr_head *h = NULL;
	struct hmr_err e = { 0 };
	uint8_t *buf[3];

	if (!frames || !n || n > MOST) {
		fprintf(stderr, "usage: crowd FRAMES PEOPLE\n");
		return 2;
	}
	buf[0] = malloc(hmr_people_bytes(n));
	buf[1] = malloc(hmr_bodies_bytes(n));
	buf[2] = malloc(hmr_vectors_bytes(n, LOOKS));
	i.max_payload = hmr_people_bytes(n) + hmr_bodies_bytes(n) +
		hmr_vectors_bytes(n, LOOKS) + 3 * (HMR_SECTION_HEADER + 8);
	if (!buf[0] || !buf[1] || !buf[2] || hmr_head_new(&h, &i, &e) ||
	    hmr_head_add_stage(h, &stage, &e) ||
	    hmr_writer_new(&w, 1, "standard output", 0, &e) || hmr_writer_head(w, h, &e))
		goto fail;
	for (uint32_t k = 0; k < n; k++)
		begin(&walker[k]);
	for (uint32_t f = 0; f < frames; f++)
		if (write_frame(w, f, walk(n), buf, &e))
			goto fail;
	if (hmr_writer_end(w, &end, &e))
		goto fail;
	hmr_writer_free(w);
	hmr_head_free(h);
	return 0;
fail:
	fprintf(stderr, "crowd: %s\n", e.msg);
	return 1;
}

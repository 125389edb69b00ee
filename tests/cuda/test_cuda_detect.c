/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A detector's outputs read on the device against the CPU: every form of boxes, every
 * activation, labels, batches, several levels, planes and rows, with many equal
 * scores; the list of two networks, suppressed together, clipped and cut to the best.
 * The order is the CPU's, boxes are within 1e-4 px and scores within 1e-6.
 * Seen failing: of equal scores the last, cells of the second level, no more than one
 * pass of the gathering, people above the most not counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/detect_args.h"
#include "cuda/image_slots.h"
#include "detect/decode.h"

#define SIDE 160u
#define CELLS 500		/* 20 x 20 and 10 x 10 */
#define NUMBERS 40
#define MOST 12

struct table {			/* the one output: CELLS rows of `columns` numbers */
	uint32_t columns;
	bool planes;
	float v[CELLS * NUMBERS];
};

struct lists { struct detect_list all; struct detect_box room[2 * CELLS]; };
struct above {			/* device memory */
	struct detect_job job;
	float v[CELLS * NUMBERS];
	struct detect_box box[CELLS];
	struct lists list, out;
};
struct rig {
	struct hmr_slots *slots;
	struct above *there, *host;
};

static bool
dims_of(void *ctx, const char *name, struct hmr_dims *d)
{
	const struct table *t = ctx;

	(void)name;
	*d = (struct hmr_dims){ 3, { 1, t->planes ? t->columns : CELLS,
		t->planes ? CELLS : t->columns } };
	return true;
}

/* Few different values, so that scores are often equal. */
static void
fill(struct table *t, uint32_t seed)
{
	for (size_t i = 0; i < CELLS * t->columns; i++) {
		seed = seed * 1664525u + 1013904223u;
		t->v[i] = (float)(seed >> 24 & 31) / 16 - .6f;
	}
	t->v[7] = NAN;
	t->v[CELLS + 3] = INFINITY;
}

static void
put(const struct rig *g, const char *name, uint64_t each, size_t shared, const void *args,
    size_t bytes)
{
	static const uint32_t one[3] = { 1, 1, 1 };
	const struct hmr_device_api *api = hmr_device_api();
	struct hmr_queue *q = hmr_slots_queue(g->slots);
	const struct hmr_kernel *k;
	struct hmr_err e = { 0 };

	if (api->kernel(hmr_slots_device(g->slots), name, &k, &e) ||
	    (each ? hmr_device_each(api, q, k, each, args, bytes, &e) :
	     api->launch(q, k, one, DETECT_THREADS, shared, args, bytes, &e)))
		fail_msg("%s", e.msg);
}

static void
copy(const struct rig *g, bool up, const void *host, size_t bytes)
{
	const struct hmr_device_api *api = hmr_device_api();
	struct hmr_queue *q = hmr_slots_queue(g->slots);
	size_t at = (size_t)((const uint8_t *)host - (const uint8_t *)g->host);
	uint8_t *there = (uint8_t *)g->there + at;

	assert_int_equal(up ? api->copy_in(q, there, host, bytes, NULL) :
			 api->copy_out(q, (uint8_t *)g->host + at, there, bytes, NULL), 0);
	assert_int_equal(api->sync(q, NULL), 0);
}

/* The same table twice, as of two networks, of which the first has a gate. */
static void
on_device(struct rig *g, const struct hmr_decoder *d, const struct table *t,
	  const struct hmr_mapping *m, float min, float least, float iou)
{
	const float *data[1] = { g->there->v };
	struct detect_cells a = { .job = &g->there->job, .box = g->there->box };
	struct detect_gather gather = { .box = a.box, .n = d->cells, .first = true,
		.list = &g->there->list.all };
	struct detect_suppress s = { .list = gather.list, .out = &g->there->out.all,
		.job = a.job, .iou = iou, .min_size = 9, .most = MOST };

	memcpy(g->host->v, t->v, sizeof(t->v));
	copy(g, true, g->host->v, sizeof(t->v));
	hmr_decode_cells(&a, d, data, min);
	for (int net = 0; net < 2; net++) {
		struct detect_job *j = &g->host->job;

		memcpy(j->offset, m->offset, sizeof(j->offset));
		memcpy(j->scale, m->scale, sizeof(j->scale));
		memcpy(j->origin, m->origin, sizeof(j->origin));
		j->least = net ? 0 : least;
		j->width = 300;
		j->height = 200;
		copy(g, true, j, sizeof(*j));
		put(g, "detect_cells", a.n, 0, &a, sizeof(a));
		gather.first = !net;
		put(g, "detect_gather", 0, DETECT_THREADS * 4, &gather, sizeof(gather));
	}
	put(g, "detect_suppress", 0, DETECT_THREADS * 8, &s, sizeof(s));
	copy(g, false, &g->host->out, sizeof(g->host->out));
}

static void
on_cpu(const struct hmr_decoder *d, const struct table *t, const struct hmr_mapping *m,
       float min, float least, float iou, struct lists *out)
{
	static struct hmr_scored b[2 * CELLS];
	const float *data[1] = { t->v };
	uint32_t n = 0, first, kept = 0;

	hmr_decode(d, data, min, m, b, &n);
	for (uint32_t i = 0; i < n; i++)
		if (fmaxf(b[i].box[2] - b[i].box[0], b[i].box[3] - b[i].box[1]) >= least)
			b[kept++] = b[i];
	first = n = kept;
	hmr_decode(d, data, min, m, b, &n);
	for (uint32_t i = first; i < n; i++)
		if (fmaxf(b[i].box[2] - b[i].box[0], b[i].box[3] - b[i].box[1]) >= 0)
			b[kept++] = b[i];
	n = hmr_boxes_nms(b, kept, iou);
	out->all.n = out->all.over = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!hmr_box_clip(b[i].box, 300, 200) ||
		    fmaxf(b[i].box[2] - b[i].box[0], b[i].box[3] - b[i].box[1]) < 9)
			continue;
		if (out->all.n == MOST)
			out->all.over++;
		else
			memcpy(&out->all.box[out->all.n++], &b[i], sizeof(b[i]));
	}
}

/* rounds: then without suppression, then with a gate. Returns how many people. */
static uint32_t
check(struct rig *g, struct hmr_detect_spec *s, struct table *t, int rounds,
      const char *what)
{
	static const struct hmr_mapping m = { { 3, 5 }, { 1.7f, 1.3f }, { 20, -10 } };
	static struct lists want;
	const struct lists *got = &g->host->out;
	struct hmr_decoder d;
	struct hmr_err e = { 0 };
	uint32_t people = 0;

	s->all.n = 1;
	strcpy(s->all.name[0], "y");
	s->channels_known = true;
	s->channels_first = t->planes;
	if (hmr_decoder_init(&d, s, SIDE, SIDE, dims_of, t, &e))
		fail_msg("%s: %s", what, e.msg);
	for (int k = 0; k < rounds; k++) {
		float iou = k == 1 ? 1 : .5f, least = k == 2 ? 60 : 0, min = k ? .5f : .3f;

		fill(t, (uint32_t)k + t->columns);
		on_cpu(&d, t, &m, min, least, iou, &want);
		on_device(g, &d, t, &m, min, least, iou);
		if (want.all.n != got->all.n || want.all.over != got->all.over)
			fail_msg("%s: %u and %u people, not %u and %u", what, got->all.n,
				 got->all.over, want.all.n, want.all.over);
		for (uint32_t i = 0; i < want.all.n; i++) {
			assert_float_equal(want.all.box[i].score, got->all.box[i].score, 1e-6);
			for (int c = 0; c < 4; c++)
				assert_float_equal(want.all.box[i].box[c],
						   got->all.box[i].box[c], 1e-4);
		}
		people += want.all.n + want.all.over;
	}
	return people;
}

/* With cells, of two strides. */
static void
test_cells(void **state)
{
	static const enum hmr_detect_kind kinds[] = { HMR_DETECT_NANODET, HMR_DETECT_YOLOX,
		HMR_DETECT_RTMDET, HMR_DETECT_FASTESTDET };
	static struct table t;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		uint32_t people = 0;

		for (int a = 0; a < 6; a++) {
			struct hmr_detect_spec s;

			hmr_spec_init(&s, kinds[k]);
			s.n_strides = 2;
			s.stride[0] = 8;
			s.stride[1] = 16;
			s.activation = (enum hmr_activation)(a / 2);
			s.best = k % 2;
			s.person = 1;
			s.classes = 3;
			s.unit = a % 2 ? HMR_UNIT_STRIDES : s.unit;
			t.planes = a % 2;
			t.columns = 3 + (s.form == HMR_BOX_BINS ? 32 : 4) + (s.n_columns == 3);
			people += check(*state, &s, &t, a ? 1 : 3,
					hmr_detect_kind_name(kinds[k]));
		}
		if (!people)
			fail_msg("%s: nobody", hmr_detect_kind_name(kinds[k]));
	}
}

/* Lists without cells, of labels and images. */
static void
test_lists(void **state)
{
	static struct table t = { .columns = 7 };

	for (int form = HMR_BOX_XYXY; form < HMR_BOX_FORMS; form++)
		for (int unit = 0; unit < 2; unit++) {
			struct hmr_detect_spec s;

			hmr_spec_init(&s, HMR_DETECT_BOXES);
			s.form = (enum hmr_box_form)form;
			s.unit = unit ? HMR_UNIT_NORMALISED : HMR_UNIT_PIXELS;
			s.n_columns = 4;
			s.column[2] = HMR_COLUMN_CLASS;
			s.column[3] = HMR_COLUMN_BATCH;
			s.person = 1;
			check(*state, &s, &t, 1, "boxes");
			s.column[3] = HMR_COLUMN_SKIP;
			check(*state, &s, &t, 1, "boxes");
		}
}

static int
open_rig(void **state)
{
	static struct rig g;
	struct hmr_err e = { 0 };
	void *p;

	if (hmr_slots_new(&g.slots, 0, 256, sizeof(struct above), &e) ||
	    hmr_device_api()->alloc_host(hmr_slots_device(g.slots), sizeof(*g.host), &p, &e)) {
		print_message("# %s\n", e.msg);
		return 1;
	}
	g.host = p;
	memset(g.host, 0, sizeof(*g.host));
	g.there = hmr_slots_shared(g.slots);
	*state = &g;
	return 0;
}

static int
close_rig(void **state)
{
	struct rig *g = *state;

	hmr_device_api()->release_host(hmr_slots_device(g->slots), g->host);
	hmr_slots_free(g->slots);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells), cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A detector's outputs to people, on the device: cells to boxes, a thread a cell
 * (detect/decode.c); those above the threshold into one list, in the order of cells;
 * greedy suppression of the list by one block (detect/boxes.c). Nothing depends on
 * which thread comes first. Products are not fused, so only exponentials and powers
 * differ from the host's, by their last digits.
 */
#include "cuda/detect_args.h"
#include "cuda/kernels.h"
#include "detect/cell.h"
#include "detect/spec.h"

HMR_FN const float *
field(const struct detect_place *p, uint32_t cell)
{
	return p->at ? p->at + (size_t)cell * p->cell : NULL;
}

HMR_FN float
class_score(const struct detect_cells *a, uint32_t step, const float *v)
{
	float x = v[a->classes > 1 ? (size_t)a->person * step : 0], top = v[0], sum = 0;

	if (a->best || a->activation == HMR_ACTIVATION_SOFTMAX)
		for (uint32_t c = 1; c < a->classes; c++)
			top = fmaxf(top, v[(size_t)c * step]);
	if (a->best && x < top)
		return 0;
	if (a->activation == HMR_ACTIVATION_SIGMOID)
		return hmr_sigmoid(x);
	if (a->activation == HMR_ACTIVATION_NONE)
		return x;
	for (uint32_t c = 0; c < a->classes; c++)
		sum += expf(v[(size_t)c * step] - top);
	return expf(x - top) / sum;
}

HMR_FN float
score(const struct detect_cells *a, const struct detect_level *l, uint32_t cell)
{
	const float *batch = field(&l->batch, cell), *label = field(&l->label, cell);
	const float *object = field(&l->objectness, cell);
	float v;

	if ((batch && *batch != 0) || (label && rintf(*label) != (float)a->person))
		return 0;
	v = class_score(a, l->score.step, field(&l->score, cell));
	if (a->power[1] != 1)
		v = powf(v, a->power[1]);
	if (object) {
		float o = a->activation == HMR_ACTIVATION_NONE ? *object : hmr_sigmoid(*object);

		v *= a->power[0] != 1 ? powf(o, a->power[0]) : o;
	}
	return v;
}

HMR_FN void
from_sides(const struct detect_cells *a, const struct detect_level *l, const float at[2],
	   const float *v, float b[4])
{
	int binned = a->form == HMR_BOX_BINS;
	float unit = a->unit == HMR_UNIT_STRIDES || binned ? (float)l->stride : 1;
	size_t step = l->box.step;

	for (int k = 0; k < 4; k++) {
		float d = binned ? hmr_cell_distance(v + (size_t)k * a->bins * step, step, a->bins) :
			v[(size_t)k * step];

		b[k] = (at[k % 2] + a->centre) * (float)l->stride + (k < 2 ? -d : d) * unit;
	}
}

/* The forms that have a centre and a size; false: it is none of them. */
HMR_FN int
centred(const struct detect_cells *a, const struct detect_level *l, const float at[2],
	const float n[4], const float unit[2], float b[4])
{
	const float net[2] = { (float)a->width, (float)a->height };
	float stride = (float)l->stride;

	for (int k = 0; k < 2; k++) {
		float c = n[k] * unit[k], size = n[2 + k] * unit[k];

		if (a->form == HMR_BOX_YOLOX) {
			c = (n[k] + at[k] + a->centre) * stride;
			size = expf(n[2 + k]) * stride;
		} else if (a->form == HMR_BOX_FASTEST) {
			c = (tanhf(n[k]) + at[k] + a->centre) * stride;
			size = hmr_sigmoid(n[2 + k]) * net[k];
		} else if (a->form != HMR_BOX_CXCYWH) {
			return 0;
		}
		b[k] = c - size / 2;
		b[k + 2] = c + size / 2;
	}
	return 1;
}

/* x0 y0 x1 y1 in pixels of the network. */
HMR_FN void
box_of(const struct detect_cells *a, const struct detect_level *l, uint32_t cell, float b[4])
{
	const float *v = field(&l->box, cell);
	const float at[2] = { l->cols ? (float)(cell % l->cols) : 0,
			      l->cols ? (float)(cell / l->cols) : 0 };
	const float unit[2] = { a->unit == HMR_UNIT_NORMALISED ? (float)a->width : 1,
				a->unit == HMR_UNIT_NORMALISED ? (float)a->height : 1 };
	float n[4];

	if (a->form == HMR_BOX_BINS || a->form == HMR_BOX_SIDES) {
		from_sides(a, l, at, v, b);
		return;
	}
	for (int k = 0; k < 4; k++)
		n[k] = v[(size_t)k * l->box.step];
	if (centred(a, l, at, n, unit, b))
		return;
	for (int k = 0; k < 4; k++)
		b[k] = n[a->form == HMR_BOX_YXYX ? k ^ 1 : k] * unit[k % 2] +
			(a->form == HMR_BOX_XYWH && k > 1 ? n[k - 2] * unit[k - 2] : 0);
}

HMR_KERNEL_EACH(detect_cells, struct detect_cells)
{
	const struct detect_level *l = a->level;
	const struct detect_job *j = a->job;
	struct detect_box *o = &a->box[i];
	uint32_t cell = (uint32_t)i;
	int fine;

	for (; cell >= l->cells; l++)
		cell -= l->cells;
	o->score = score(a, l, cell);
	fine = o->score >= a->min && isfinite(o->score);
	if (fine)
		box_of(a, l, cell, o->box);
	for (int k = 0; k < 4 && fine; k++) {
		o->box[k] = j->origin[k % 2] + (o->box[k] - j->offset[k % 2]) * j->scale[k % 2];
		fine = isfinite(o->box[k]);
	}
	if (!fine || !(fmaxf(o->box[2] - o->box[0], o->box[3] - o->box[1]) >= j->least))
		o->score = -INFINITY;
}

/* The sum of all threads' v before this one, and of all; part [threads]. */
HMR_FN uint32_t
before(uint32_t *part, uint32_t v, uint32_t *all, HMR_BLOCK_PARAM)
{
	uint32_t sum;

	part[HMR_THREAD] = v;
	HMR_SYNC();
	for (uint32_t d = 1; d < HMR_THREADS; d *= 2) {
		uint32_t more = HMR_THREAD >= d ? part[HMR_THREAD - d] : 0;

		HMR_SYNC();
		part[HMR_THREAD] += more;
		HMR_SYNC();
	}
	sum = part[HMR_THREAD] - v;
	*all = part[HMR_THREADS - 1];
	HMR_SYNC();
	return sum;
}

HMR_KERNEL_BLOCK(detect_gather, struct detect_gather)
{
	HMR_SHARED(uint32_t, part);
	uint32_t at = a->first ? 0 : a->list->n;

	for (uint32_t from = 0; from < a->n; from += HMR_THREADS) {
		uint32_t i = from + HMR_THREAD, all;
		uint32_t is = i < a->n && a->box[i].score > -INFINITY;
		uint32_t to = before(part, is, &all, HMR_BLOCK_PASS);

		if (is)
			a->list->box[at + to] = a->box[i];
		at += all;
	}
	HMR_SYNC();
	if (!HMR_THREAD) {
		a->list->n = at;
		a->list->over = 0;
	}
}

/* The strongest of n boxes, of equal ones the first; n: none is left. */
HMR_FN uint32_t
strongest(const struct detect_box *b, uint32_t n, float *top, uint32_t *index,
	  HMR_BLOCK_PARAM)
{
	float best = -INFINITY;
	uint32_t at = n;

	for (uint32_t i = HMR_THREAD; i < n; i += HMR_THREADS)
		if (b[i].score > best) {
			best = b[i].score;
			at = i;
		}
	top[HMR_THREAD] = best;
	index[HMR_THREAD] = at;
	HMR_SYNC();
	for (uint32_t d = HMR_THREADS / 2; d; d /= 2) {
		if (HMR_THREAD < d && (top[HMR_THREAD + d] > top[HMR_THREAD] ||
				       (top[HMR_THREAD + d] == top[HMR_THREAD] &&
					index[HMR_THREAD + d] < index[HMR_THREAD]))) {
			top[HMR_THREAD] = top[HMR_THREAD + d];
			index[HMR_THREAD] = index[HMR_THREAD + d];
		}
		HMR_SYNC();
	}
	at = index[0];
	HMR_SYNC();
	return at;
}

/* detector.c: keep(). */
HMR_FN void
keep(const struct detect_suppress *a, const float from[4], float value)
{
	const float top[4] = { a->job->width, a->job->height, a->job->width, a->job->height };
	struct detect_box b;

	for (int k = 0; k < 4; k++) {
		b.box[k] = from[k] > 0 ? from[k] : 0;
		b.box[k] = b.box[k] < top[k] ? b.box[k] : top[k];
	}
	b.score = value;
	if (!(b.box[2] > b.box[0] && b.box[3] > b.box[1]) ||
	    fmaxf(b.box[2] - b.box[0], b.box[3] - b.box[1]) < a->min_size)
		return;
	if (a->out->n == a->most)
		a->out->over++;
	else
		a->out->box[a->out->n++] = b;
}

HMR_KERNEL_BLOCK(detect_suppress, struct detect_suppress)
{
	HMR_SHARED(float, top);
	uint32_t *index = (uint32_t *)(void *)(top + HMR_THREADS);
	struct detect_box *b = a->list->box;
	uint32_t n = a->list->n, best;

	if (!HMR_THREAD)
		a->out->n = a->out->over = 0;
	while ((best = strongest(b, n, top, index, HMR_BLOCK_PASS)) < n) {
		if (!HMR_THREAD)
			keep(a, b[best].box, b[best].score);
		HMR_SYNC();
		for (uint32_t i = HMR_THREAD; i < n; i += HMR_THREADS)
			if (i == best || hmr_box_overlap(b[best].box, b[i].box) > a->iou)
				b[i].score = -INFINITY;
		HMR_SYNC();
	}
}

HMR_KERNEL_EACH(detect_pick, struct detect_pick)
{
	uint64_t image = i / DETECT_POINTS, k = i % DETECT_POINTS;
	const float *m = a->marks + (image * a->points + k) * 5;
	const float *w = a->world + (image * a->points + k) * 3;
	struct detect_points *o = &a->out[image];
	int fine = isfinite(w[0]) && isfinite(w[1]) && isfinite(w[2]);

	for (int f = 0; f < 5; f++)
		fine = fine && isfinite(m[f]);
	if (!k)
		o->flag = a->flag[image];
	o->point[k][0] = fine ? m[0] : NAN;
	o->point[k][1] = m[1];
	o->point[k][2] = m[3];
	for (int f = 0; f < 3; f++)
		o->point[k][3 + f] = w[f];
}

HMR_KERNELS(hmr_kernels_detect) = {
	HMR_KERNEL_ENTRY(detect_cells, struct detect_cells),
	HMR_KERNEL_ENTRY_BLOCK(detect_gather, struct detect_gather),
	HMR_KERNEL_ENTRY_BLOCK(detect_suppress, struct detect_suppress),
	HMR_KERNEL_ENTRY(detect_pick, struct detect_pick), HMR_KERNELS_END
};

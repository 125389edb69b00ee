/* SPDX-License-Identifier: Apache-2.0 */
/* Reading cells: scores, then the boxes of those above the threshold. */
#include "detect/decode.h"

#include <math.h>

#include "detect/cell.h"

static const float *
field(const struct hmr_place *p, const float *const *data, size_t cell)
{
	return p->output < 0 ? NULL : data[p->output] + p->at + cell * p->cell;
}

static float
class_score(const struct hmr_detect_spec *s, const struct hmr_place *p, const float *v)
{
	float x = v[s->classes > 1 ? s->person * p->step : 0], top = v[0], sum = 0;

	if (s->best || s->activation == HMR_ACTIVATION_SOFTMAX)
		for (uint32_t c = 1; c < s->classes; c++)
			top = fmaxf(top, v[c * p->step]);
	if (s->best && x < top)
		return 0;
	if (s->activation == HMR_ACTIVATION_SIGMOID)
		return hmr_sigmoid(x);
	if (s->activation == HMR_ACTIVATION_NONE)
		return x;
	for (uint32_t c = 0; c < s->classes; c++)
		sum += expf(v[c * p->step] - top);
	return expf(x - top) / sum;
}

/* 0 where the row is of another class or image. */
static float
score(const struct hmr_detect_spec *s, const struct hmr_level *l,
      const float *const *data, size_t cell)
{
	const float *batch = field(&l->batch, data, cell);
	const float *label = field(&l->label, data, cell);
	const float *object = field(&l->objectness, data, cell);
	float v;

	if ((batch && *batch != 0) || (label && rintf(*label) != (float)s->person))
		return 0;
	v = class_score(s, &l->score, field(&l->score, data, cell));
	if (s->power[1] != 1)
		v = powf(v, s->power[1]);
	if (object) {
		float o = s->activation == HMR_ACTIVATION_NONE ? *object : hmr_sigmoid(*object);

		v *= s->power[0] != 1 ? powf(o, s->power[0]) : o;
	}
	return v;
}

/* From distances to the sides of a cell's point, in pixels. */
static void
from_sides(const struct hmr_detect_spec *s, const struct hmr_level *l, const float at[2],
	   const float *v, float b[4])
{
	float unit = s->unit == HMR_UNIT_STRIDES || s->form == HMR_BOX_BINS ?
		(float)l->stride : 1;

	for (int k = 0; k < 4; k++) {
		float d = s->form == HMR_BOX_BINS ?
			hmr_cell_distance(v + k * s->bins * l->box.step, l->box.step, s->bins) :
			v[k * l->box.step];

		b[k] = (at[k % 2] + s->centre) * (float)l->stride + (k < 2 ? -d : d) * unit;
	}
}

static void
from_centre(const float c[2], const float size[2], float b[4])
{
	for (int k = 0; k < 2; k++) {
		b[k] = c[k] - size[k] / 2;
		b[k + 2] = c[k] + size[k] / 2;
	}
}

/* x0 y0 x1 y1 in pixels of the network. */
static void
box(const struct hmr_decoder *d, const struct hmr_level *l, size_t cell, const float *v,
    float b[4])
{
	const struct hmr_detect_spec *s = &d->spec;
	float at[2] = { l->cols ? (float)(cell % l->cols) : 0,
			l->cols ? (float)(cell / l->cols) : 0 };
	float stride = (float)l->stride, net[2] = { (float)d->width, (float)d->height };
	float unit[2] = { s->unit == HMR_UNIT_NORMALISED ? net[0] : 1,
			  s->unit == HMR_UNIT_NORMALISED ? net[1] : 1 }, c[2], size[2], n[4];

	for (int k = 0; k < 4; k++)
		n[k] = s->form < HMR_BOX_YOLOX ? 0 : v[k * l->box.step];
	for (int k = 0; k < 2; k++) {
		c[k] = n[k] * unit[k];
		size[k] = n[2 + k] * unit[k];
	}
	switch (s->form) {
	case HMR_BOX_BINS: case HMR_BOX_SIDES:
		from_sides(s, l, at, v, b);
		return;
	case HMR_BOX_YOLOX:
		for (int k = 0; k < 2; k++) {
			c[k] = (n[k] + at[k] + s->centre) * stride;
			size[k] = expf(n[2 + k]) * stride;
		}
		break;
	case HMR_BOX_FASTEST:
		for (int k = 0; k < 2; k++) {
			c[k] = (tanhf(n[k]) + at[k] + s->centre) * stride;
			size[k] = hmr_sigmoid(n[2 + k]) * net[k];
		}
		break;
	case HMR_BOX_CXCYWH:
		break;
	default:
		for (int k = 0; k < 4; k++) {
			int from = s->form == HMR_BOX_YXYX ? k ^ 1 : k;

			b[k] = n[from] * unit[k % 2] +
			       (s->form == HMR_BOX_XYWH && k > 1 ? c[k - 2] : 0);
		}
		return;
	}
	from_centre(c, size, b);
}

void
hmr_decode(const struct hmr_decoder *d, const float *const *data, float min,
	   const struct hmr_mapping *m, struct hmr_scored *out, uint32_t *n)
{
	for (uint32_t i = 0; i < d->n_levels; i++) {
		const struct hmr_level *l = &d->level[i];

		for (uint32_t cell = 0; cell < l->cells; cell++) {
			struct hmr_scored *o = &out[*n];
			bool fine = true;

			o->score = score(&d->spec, l, data, cell);
			if (!(o->score >= min))
				continue;
			box(d, l, cell, field(&l->box, data, cell), o->box);
			for (int k = 0; k < 4; k++) {
				o->box[k] = m->origin[k % 2] +
					(o->box[k] - m->offset[k % 2]) * m->scale[k % 2];
				fine = fine && isfinite(o->box[k]);
			}
			*n += fine && isfinite(o->score);
		}
	}
}

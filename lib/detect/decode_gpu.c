/* SPDX-License-Identifier: Apache-2.0 */
/* What decode.c reads, for the kernel that reads it on a GPU. */
#include <string.h>

#include "cuda/detect_args.h"
#include "detect/decode.h"

_Static_assert(DETECT_LEVELS == HMR_LEVELS_MAX, "levels are alike on the device");

static void
set_place(struct detect_place *to, const struct hmr_place *p, const float *const *data)
{
	if (p->output >= 0)
		*to = (struct detect_place){ data[p->output] + p->at, (uint32_t)p->cell,
			(uint32_t)p->step };
}

void
hmr_decode_cells(struct detect_cells *a, const struct hmr_decoder *d,
		 const float *const *data, float min)
{
	const struct hmr_detect_spec *k = &d->spec;

	a->n = d->cells;
	for (uint32_t i = 0; i < d->n_levels; i++) {
		const struct hmr_level *l = &d->level[i];
		struct detect_level *to = &a->level[i];

		to->stride = l->stride;
		to->cols = l->cols;
		to->cells = l->cells;
		set_place(&to->box, &l->box, data);
		set_place(&to->score, &l->score, data);
		set_place(&to->objectness, &l->objectness, data);
		set_place(&to->label, &l->label, data);
		set_place(&to->batch, &l->batch, data);
	}
	a->width = d->width;
	a->height = d->height;
	a->classes = k->classes;
	a->person = k->person;
	a->bins = k->bins;
	a->activation = k->activation;
	a->best = k->best;
	a->form = k->form;
	a->unit = k->unit;
	memcpy(a->power, k->power, sizeof(a->power));
	a->centre = k->centre;
	a->min = min;
}

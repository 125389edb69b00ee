/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The surfaces of the people in a stream: the body that its HEAD names, and the
 * vertices that frames may hold already (section VERT). For programs that need
 * the surface itself: drawing, export, scores.
 */
#ifndef HMR_SURFACE_H
#define HMR_SURFACE_H

#include <stdbool.h>

#include "body/body.h"
#include "stream/stream.h"

/* Makes *b the body that h names: kept where it is that already, otherwise freed
 * and opened anew. given: name or path to open instead of h's name, or NULL; it must
 * be the same body all the same. HMR_EOF: h names none, *b is NULL then.
 * *fresh: it was opened anew, or freed, so buffers made for it no longer fit.
 * HMR_E_MODEL: it is not there, or its SHA-256 is not the one in h. On failure *b is
 * NULL. */
HMR_MUST_USE enum hmr_status
hmr_surface_body(struct hmr_body **b, const struct hmr_head *h, const char *given,
		 bool *fresh, struct hmr_err *e);

/* Vertices that f holds: person[i], vertices [i * body's ..]; at most max people.
 * *rows = 0 where there are none, or more than max: those are computed instead.
 * people: as in hmr_bodies_get(). HMR_E_FORMAT: they are of another body. */
HMR_MUST_USE enum hmr_status
hmr_surface_stored(const struct hmr_body *b, const struct hmr_frame *f,
		   uint32_t *person, float (*vertices)[3], uint32_t max,
		   uint32_t people, uint32_t *rows, struct hmr_err *e);

#endif

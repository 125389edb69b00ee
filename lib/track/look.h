/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people look like, as section APPR holds it: how far two appearances are
 * apart, and a bounded gallery of those of one person, so that who comes back is
 * known from more than one side. Appearances are compared only within one kind.
 */
#ifndef HMR_LOOK_H
#define HMR_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/tables.h"

#define HMR_LOOK_MAX HMR_APPEARANCE_MAX	/* values of an appearance */
#define HMR_GALLERY_FLOATS 4096	/* values of a gallery */
#define HMR_GALLERY_MAX 8	/* appearances in it, fewer where they are long */

/* Makes an appearance of this kind (tables.h) ready to be compared, in place: the
 * roots of a histogram, of unit length. false: it says nothing. */
bool hmr_look_unit(float *v, uint32_t n, uint32_t kind);

/* Of two from hmr_look_unit: 0 (the same) to 1 (nothing alike). */
double hmr_look_distance(const float *a, const float *b, uint32_t n, uint32_t kind);

/* What distances mean is different for every network: learnt from people who are surely
 * the same, and from those who stand in one frame. Histograms are made alike everywhere,
 * so what theirs mean is fixed. */
struct hmr_look_scale {
	uint32_t kind;
	double same, other;		/* distances: 60 of 100 of the same person are
					 * below, 25 of 100 of others */
	uint32_t n_same, n_other;	/* learnt from */
};
/* Forgets what it learnt where the kind is another one. */
void hmr_look_scale_for(struct hmr_look_scale *s, uint32_t kind);
void hmr_look_scale_same(struct hmr_look_scale *s, double distance);
void hmr_look_scale_other(struct hmr_look_scale *s, double distance);
/* 0 says nothing against a person being the same, 1 all that can be said. */
double hmr_look_scaled(const struct hmr_look_scale *s, double distance);

struct hmr_gallery {
	uint32_t n, next;	/* appearances held; the place of the next */
	uint32_t count, kind;	/* of each; count 0: none yet */
	float *mean;		/* [HMR_LOOK_MAX], running, of unit length; not owned */
	float *held;		/* [HMR_GALLERY_FLOATS], count apart; not owned */
};

/* Empties it; the storage stays. */
void hmr_gallery_clear(struct hmr_gallery *g);
/* Does it hold appearances of this kind and length? */
bool hmr_gallery_knows(const struct hmr_gallery *g, uint32_t count, uint32_t kind);
/* Adds one, or moves the one that is nearer than `alike`; another kind begins anew. */
void hmr_gallery_add(struct hmr_gallery *g, const float *v, uint32_t count,
		     uint32_t kind, double alike);
/* Least distance of v from what it holds, the mean included. */
double hmr_gallery_distance(const struct hmr_gallery *g, const float *v);
/* Takes over what another gallery of the same person holds. */
void hmr_gallery_merge(struct hmr_gallery *g, const struct hmr_gallery *other,
		       double alike);

#endif

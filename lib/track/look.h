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

#define HMR_LOOK_MAX 2048	/* values of an appearance */
#define HMR_GALLERY_FLOATS 4096	/* values of a gallery */
#define HMR_GALLERY_MAX 8	/* appearances in it, fewer where they are long */

/* Makes an appearance of this kind (tables.h) ready to be compared, in place: the
 * roots of a histogram, of unit length. false: it says nothing. */
bool hmr_look_unit(float *v, uint32_t n, uint32_t kind);

/* Of two from hmr_look_unit: 0 (the same) to 1 (nothing alike). */
double hmr_look_distance(const float *a, const float *b, uint32_t n, uint32_t kind);
/* The same on a scale that all kinds share: 0 says nothing against a person being
 * the same, 1 all that can be said. */
double hmr_look_scaled(double distance, uint32_t kind);

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
/* Adds one, or moves the one that it nearly equals; another kind begins anew. */
void hmr_gallery_add(struct hmr_gallery *g, const float *v, uint32_t count,
		     uint32_t kind);
/* Least distance of v from what it holds, the mean included. */
double hmr_gallery_distance(const struct hmr_gallery *g, const float *v);
/* Takes over what another gallery of the same person holds. */
void hmr_gallery_merge(struct hmr_gallery *g, const struct hmr_gallery *other);

#endif

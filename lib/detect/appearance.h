/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The colours a person wears, as histograms over the upper and the lower body
 * (formats/stream.md, "APPR", kind 1). Two of one person overlap much, of
 * different people less; compare them by their Bhattacharyya coefficient.
 */
#ifndef HMR_APPEARANCE_H
#define HMR_APPEARANCE_H

#include "image/sample.h"
#include "stream/tables.h"

#define HMR_APPEARANCE_PARTS 2		/* upper, lower */
#define HMR_APPEARANCE_LUMA 8		/* bins */
#define HMR_APPEARANCE_CHROMA 5		/* bins of each of two opponent colours */
#define HMR_APPEARANCE_BINS \
	(HMR_APPEARANCE_LUMA * HMR_APPEARANCE_CHROMA * HMR_APPEARANCE_CHROMA)
#define HMR_APPEARANCE_VALUES (HMR_APPEARANCE_PARTS * HMR_APPEARANCE_BINS)

struct hmr_appearance;
HMR_MUST_USE enum hmr_status
hmr_appearance_new(struct hmr_appearance **out, uint32_t width, uint32_t height,
		   struct hmr_err *e);
void hmr_appearance_free(struct hmr_appearance *a);
size_t hmr_appearance_bytes(const struct hmr_appearance *a);

/* out[HMR_APPEARANCE_VALUES]; each part sums to 1, or to 0 where nothing of it
 * is in the image. */
HMR_MUST_USE enum hmr_status
hmr_appearance_run(struct hmr_appearance *a, const struct hmr_image *im,
		   const struct hmr_crop *crop, const struct hmr_landmark_row *l,
		   float *out, struct hmr_err *e);

#endif

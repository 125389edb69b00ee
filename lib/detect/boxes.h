/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes with scores: overlap, suppression, clipping. x0 y0 x1 y1 in pixels. */
#ifndef HMR_BOXES_H
#define HMR_BOXES_H

#include <stdint.h>

struct hmr_scored {
	float box[4];
	float score;
};

/* Intersection over union; 0 where either has no area. */
float hmr_box_iou(const float a[4], const float b[4]);

/* Greedy non-maximum suppression in place: sorts by falling score (equal scores
 * keep their order) and drops every box that overlaps a kept one by more than
 * iou. Returns how many are left, at the front. Allocates nothing. */
uint32_t hmr_boxes_nms(struct hmr_scored *b, uint32_t n, float iou);

/* Cuts the box to [0,w]x[0,h]. Returns 0 where nothing is left. */
int hmr_box_clip(float box[4], float w, float h);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Overlap and suppression of scored boxes; see boxes.h. */
#include "detect/boxes.h"

#include <string.h>

#include "detect/cell.h"

float
hmr_box_iou(const float a[4], const float b[4])
{
	return hmr_box_overlap(a, b);
}

uint32_t
hmr_boxes_nms(struct hmr_scored *b, uint32_t n, float iou)
{
	uint32_t kept = 0;

	/* b[0..kept) is the result, b[kept..n) the rest in its old order. */
	while (kept < n) {
		uint32_t best = kept, left;
		struct hmr_scored top;

		for (uint32_t i = kept + 1; i < n; i++)
			if (b[i].score > b[best].score)
				best = i;
		top = b[best];
		memmove(b + kept + 1, b + kept, (best - kept) * sizeof(*b));
		b[kept++] = top;
		left = kept;
		for (uint32_t i = kept; i < n; i++)
			if (!(hmr_box_iou(top.box, b[i].box) > iou))
				b[left++] = b[i];
		n = left;
	}
	return kept;
}

int
hmr_box_clip(float box[4], float w, float h)
{
	float top[4] = { w, h, w, h };

	for (int i = 0; i < 4; i++) {
		box[i] = box[i] > 0 ? box[i] : 0;	/* NaN too */
		box[i] = box[i] < top[i] ? box[i] : top[i];
	}
	return box[2] > box[0] && box[3] > box[1];
}

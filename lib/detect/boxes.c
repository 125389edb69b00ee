/* SPDX-License-Identifier: Apache-2.0 */
/* Overlap and suppression of scored boxes; see boxes.h. */
#include "detect/boxes.h"

#include <string.h>

static float
area(const float b[4])
{
	float w = b[2] - b[0], h = b[3] - b[1];

	return w > 0 && h > 0 ? w * h : 0;
}

float
hmr_box_iou(const float a[4], const float b[4])
{
	float both[4] = {
		a[0] > b[0] ? a[0] : b[0], a[1] > b[1] ? a[1] : b[1],
		a[2] < b[2] ? a[2] : b[2], a[3] < b[3] ? a[3] : b[3],
	};
	float one = area(a), two = area(b), inter = area(both);

	return one > 0 && two > 0 ? inter / (one + two - inter) : 0;
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The images of results that were stored without them: the source is decoded
 * again and each frame is found by its number, which must have the timestamp
 * that the results say. Numbers rise; one image is held at a time.
 */
#ifndef HMR_FOOTAGE_H
#define HMR_FOOTAGE_H

#include "image/image.h"
#include "media/source.h"
#include "stream/stream.h"

struct hmr_footage;

/* o: how to open the source; its max_side and rate are set here. head: of the
 * results; its size and time base are what the source must fit. path, o and what o points
 * to must outlive the footage. HMR_E_FORMAT: the source has another size. */
HMR_MUST_USE enum hmr_status
hmr_footage_open(struct hmr_footage **out, const char *path,
		 const struct hmr_source_options *o,
		 const struct hmr_head_info *head, struct hmr_err *e);
void hmr_footage_close(struct hmr_footage *f);

/* The image of frame `number` with timestamp pts, borrowed until the next call.
 * HMR_E_FORMAT: the source has no such frame, or at another time. */
HMR_MUST_USE enum hmr_status
hmr_footage_get(struct hmr_footage *f, uint64_t number, int64_t pts,
		const struct hmr_image **out, struct hmr_err *e);

#endif

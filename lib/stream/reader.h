/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's decompression, for frame.c. Private to lib/stream. */
#ifndef HMR_READER_H
#define HMR_READER_H

#include "stream/stream.h"

/* The raw bytes of a compressed section of r's current frame, valid as long as
 * the frame; a second call for the same section costs nothing. */
HMR_MUST_USE enum hmr_status
hmr_reader_unpack(struct hmr_reader *r, const struct hmr_section *s,
		  const uint8_t **data, struct hmr_err *e);

#endif

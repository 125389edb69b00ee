/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies all that is whole out of a damaged stream: records whose header and
 * sections check are kept, the bytes between them are searched for the next
 * record. What is written is a sound stream.
 */
#ifndef HMR_SALVAGE_H
#define HMR_SALVAGE_H

#include "stream/stream.h"

struct hmr_salvage {
	uint64_t segments, frames;
	uint64_t lost_bytes, lost_ranges;
	bool whole;		/* nothing was missing: every END was there and right */
};

/* data: the whole damaged stream, e.g. mapped. A segment that lost something gets
 * END failed that says so. HMR_E_FORMAT: not one whole record was found. */
HMR_MUST_USE enum hmr_status
hmr_stream_salvage(const uint8_t *data, size_t n, struct hmr_writer *w,
		   struct hmr_salvage *result, struct hmr_err *e);

#endif
